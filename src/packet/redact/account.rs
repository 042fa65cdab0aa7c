//! Which accounts name a person.

use super::pseudonym::is_pseudonym;

/// Accounts that every system has, or that only say what they are for: hiding them would hide the finding.
const COMMON_ACCOUNTS: &[&str] = &[
    "root",
    "admin",
    "administrator",
    "system",
    "daemon",
    "nobody",
    "user",
    "users",
    "guest",
    "default",
    "service",
    "local",
    "localhost",
    "none",
    "null",
    "unknown",
    "anonymous",
    "public",
    "bin",
    "sys",
    "www-data",
    "sshd",
    "postgres",
    "mysql",
    "nginx",
    "apache",
    "git",
    "backup",
    "mail",
    "ftp",
    "test",
    "shared",
    "name",
    "from",
    "the",
    "password",
    "any",
    "all",
    "this",
    "that",
    "with",
    "not",
    "for",
    "invalid",
    "networkservice",
    "localservice",
];

/// Whether this names a person and not a role.
pub(super) fn is_personal(account: &str) -> bool {
    !account.is_empty()
        && !account.bytes().all(|byte| byte.is_ascii_digit() || b"._-*%+".contains(&byte))
        && !is_pseudonym(account)
        && !COMMON_ACCOUNTS.contains(&account.to_ascii_lowercase().as_str())
}
