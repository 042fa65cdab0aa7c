//! Inputs: what must be known before a playbook can run, and in plain words what is no good for it.

use super::pattern::{Pattern, SIGNS};
use crate::error::closest;
use crate::target::Target;

/// What an input takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InputKind {
    /// A URL, host, or host:port: anything that `target` reads.
    Target,
    /// Free text.
    #[default]
    Text,
    /// A whole number.
    Number,
    /// A path on this machine.
    Path,
}

/// One input.
#[derive(Debug, Clone, Default)]
pub struct Input {
    pub kind: InputKind,
    /// What a target is that names only a host.
    pub scheme: Option<&'static str>,
    /// The question that asks for it.
    pub ask: String,
    /// Used where nobody gives one; may be a template over `settings`.
    pub default: Option<String>,
    /// The only values that it can have; any where there are none.
    pub one_of: Vec<String>,
    /// What the whole text must be like.
    pub pattern: Option<Pattern>,
    /// The smallest number that it can be.
    pub min: Option<i64>,
    /// The largest.
    pub max: Option<i64>,
    /// What is wanted, in the author's words: `a ticket number such as INC0001234`.
    pub wanted: Option<String>,
}

impl Input {
    /// Whether it can be this, as the rest of a sentence that begins with its name.
    ///
    /// # Errors
    /// In plain words, what it must be instead: `must be a whole number from 1 to 10, not `12``.
    pub fn accepts(&self, value: &str) -> Result<(), String> {
        if self.kind == InputKind::Target {
            return self.target(value).map(drop);
        }
        if self.takes(value) {
            return Ok(());
        }
        let near = closest(value, self.one_of.iter().map(String::as_str));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        Err(format!("must {}, not `{value}`{near}", self.must()))
    }

    /// Reads the target.
    ///
    /// # Errors
    /// In plain words, why it is none.
    pub fn target(&self, value: &str) -> Result<Target, String> {
        let read = self.scheme.map_or_else(|| Target::parse(value), |scheme| Target::parse_as(value, scheme));
        read.map_err(|error| error.to_string())
    }

    fn takes(&self, value: &str) -> bool {
        let in_range = |number: i64| {
            self.min.is_none_or(|least| least <= number) && self.max.is_none_or(|greatest| number <= greatest)
        };
        (self.kind != InputKind::Number || value.parse().is_ok_and(in_range))
            && (self.one_of.is_empty() || self.one_of.iter().any(|one| one == value))
            && self.pattern.as_ref().is_none_or(|pattern| pattern.fits(value))
    }

    /// What it must do, in words: `be a whole number from 1 to 10`.
    pub fn must(&self) -> String {
        let listed = || self.one_of.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", ");
        match (&self.wanted, &self.pattern, self.kind) {
            (Some(wanted), ..) => format!("be {wanted}"),
            (None, ..) if !self.one_of.is_empty() => format!("be one of {}", listed()),
            (None, Some(pattern), _) => format!("look like `{pattern}` ({SIGNS})"),
            (None, None, InputKind::Number) => format!("be a whole number{}", self.range()),
            (None, None, InputKind::Target) => "be a URL, a host or host:port".to_owned(),
            (None, None, InputKind::Path) => "be a path".to_owned(),
            (None, None, InputKind::Text) => "be a text".to_owned(),
        }
    }

    fn range(&self) -> String {
        match (self.min, self.max) {
            (Some(min), Some(max)) => format!(" from {min} to {max}"),
            (Some(min), None) => format!(" of at least {min}"),
            (None, Some(max)) => format!(" of at most {max}"),
            (None, None) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_in_plain_words_what_it_takes() {
        let number = Input { kind: InputKind::Number, ..Input::default() };
        let to_ten = Input { max: Some(10), ..number.clone() };
        let choice = Input { one_of: vec!["office".into(), "home".into()], ..Input::default() };
        let like = Input { pattern: Pattern::read("INC##").ok(), ..Input::default() };
        let ticket = Input { wanted: Some("a ticket number such as INC12".into()), ..like.clone() };
        for (input, value, expected) in [
            (&number, "-7", None),
            (&number, "7.5", Some("must be a whole number, not `7.5`")),
            (&Input { min: Some(1), ..to_ten.clone() }, "12", Some("must be a whole number from 1 to 10, not `12`")),
            (&to_ten, "12", Some("must be a whole number of at most 10, not `12`")),
            (&Input { min: Some(1), ..number.clone() }, "0", Some("must be a whole number of at least 1, not `0`")),
            (&choice, "home", None),
            (&choice, "offise", Some("must be one of `office`, `home`, not `offise`; did you mean `office`?")),
            (&like, "INC12", None),
            (&ticket, "12", Some("must be a ticket number such as INC12, not `12`")),
        ] {
            assert_eq!(input.accepts(value).err().as_deref(), expected);
        }
        assert!(like.accepts("x").unwrap_err().contains("look like `INC##` (`#` is a digit"));
        let target = Input { kind: InputKind::Target, ..Input::default() };
        assert!(target.accepts("gopher://x").unwrap_err().contains("`gopher` is not a scheme"));
    }
}
