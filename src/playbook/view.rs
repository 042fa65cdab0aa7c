//! Whose view a check needs. The administrator, the machine's own account and the person at the desk see different
//! proxies, drives and rules; what the wrong one of them sees says nothing about the complaint.

use crate::sys::Account;

/// An account that sees what a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum View {
    /// The person's own: any account but the machine's.
    User,
    /// The machine's own: root, as runs of remote management have it.
    System,
    /// One with the rights of an administrator.
    Elevated,
}

impl View {
    /// The words of the language, each with its view.
    pub const WORDS: &[(&str, View)] = &[("user", View::User), ("system", View::System), ("elevated", View::Elevated)];

    /// Whether this account has it.
    pub fn is_of(self, account: &Account) -> bool {
        let is_root = account.uid == 0;
        match self {
            View::User => !is_root,
            View::System => is_root,
            // Root of a container may lack a right; the probe finds out which, and says so.
            View::Elevated => account.elevated || is_root,
        }
    }

    /// Whom it needs, in words.
    pub fn needs(self) -> &'static str {
        match self {
            View::User => "the person's own account",
            View::System => "the machine's own account (root)",
            View::Elevated => "administrator rights",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_account_has_its_views() {
        let account = |uid, elevated| Account { uid, elevated, ..Account::default() };
        for (account, expected) in [
            (account(1000, false), [true, false, false]),
            (account(1000, true), [true, false, true]),
            (account(0, true), [false, true, true]),
            (account(0, false), [false, true, true]),
        ] {
            assert_eq!(View::WORDS.iter().map(|(_, view)| view.is_of(&account)).collect::<Vec<_>>(), expected);
        }
    }
}
