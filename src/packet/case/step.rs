//! A step that somebody took before, in one text: `restarted=no change`, or the step alone. People write everything into
//! it, commands and addresses and passwords too, so not every `=` stands between a step and its result.

use crate::packet::redact::is_secret_pair;

/// What was done, and what came of it; an empty result was not told.
pub(super) fn parts(text: &str) -> (&str, &str) {
    let between = |at: usize| (&text[..at], &text[at + 1..]);
    let separates = |at: &usize| {
        let (what, result) = between(*at);
        !is_within_word(what, result) && !is_secret_pair(what, result)
    };
    let has_blanks = |at: &usize| {
        let (what, result) = between(*at);
        what.ends_with(' ') && result.starts_with(' ')
    };
    let signs = || text.match_indices('=').map(|(at, _)| at).filter(separates);
    signs().find(has_blanks).or_else(|| signs().next()).map_or((text, ""), between)
}

/// Whether the sign between two texts is part of an address (`https://x/?a=b`), of an option (`--color=never`) or of a
/// longer sign (`>=`, `==`).
fn is_within_word(before: &str, after: &str) -> bool {
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    word.contains("://") || word.starts_with('-') || before.ends_with(['=', '<', '>', '!']) || after.starts_with('=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_told_from_what_came_of_it() {
        for (text, what, result) in [
            ("restarted=no change", "restarted", "no change"),
            ("other cable", "other cable", ""),
            ("ping -c1 x = a=b", "ping -c1 x ", " a=b"),
            ("ls --color=never = nothing", "ls --color=never ", " nothing"),
            ("opened https://x.test/?page=2", "opened https://x.test/?page=2", ""),
            ("set MTU=1400=no change", "set MTU", "1400=no change"),
            ("version >= 3 installed=still slow", "version >= 3 installed", "still slow"),
            ("reset password=worked once", "reset password", "worked once"),
            ("changed the password=no change", "changed the password", "no change"),
        ] {
            assert_eq!(parts(text), (what, result), "{text}");
        }
    }

    #[test]
    fn a_secret_stays_with_the_word_before_it() {
        for text in [
            "password=hunter2",
            "signed in with password=hunter2 on the phone",
            "token = tkAbCdEf0123 in the header",
            "Authorization: Bearer abcDEF0123456789==",
            "curl https://ann:pw=d@x.test/",
        ] {
            assert_eq!(parts(text), (text, ""), "{text}");
        }
        assert_eq!(parts("password=hunter2 typed = no change"), ("password=hunter2 typed ", " no change"));
    }
}
