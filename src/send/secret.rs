//! Tokens: read from a file that only its owner can read, or from standard input; shown, kept and repeated nowhere.

use crate::error::{Error, Result};
use crate::sys;
use age::secrecy::{ExposeSecret, SecretString};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::utf8_percent_encode;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Tokens have at most a few thousand characters; what is larger is another file.
const LARGEST: u64 = 64 << 10;

/// Shorter texts are hidden nowhere: they stand in other words by chance, and hiding them there would say what they are.
const SHORTEST_HIDDEN: usize = 6;

/// What is shown instead.
pub const MASK: &str = "***";

/// A token or a password.
#[derive(Debug, Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Reads one from a file.
    ///
    /// # Errors
    /// Where it cannot be read, others can read it too, or it holds no token.
    pub fn from_file(path: &Path) -> Result<Secret> {
        let name = path.display();
        let failed = |error: &dyn std::error::Error| {
            Error::environment(format!("cannot read the token file `{name}`")).because(error)
        };
        let mut file = File::open(path).map_err(|error| failed(&error))?;
        if !file.metadata().map_err(|error| failed(&error))?.is_file() {
            return Err(Error::usage(format!("the token file `{name}` is no ordinary file")));
        }
        // Of the file that is open, so that nobody can put another one there in between.
        if !sys::is_private(&file).map_err(|error| failed(&error))? {
            return Err(Error::usage(format!("others can read the token file `{name}`"))
                .hint(format!("chmod 600 {name}; and a token that others could read is better replaced")));
        }
        Secret::read(&mut file, &format!("the token file `{name}`"))
    }

    /// Reads one from standard input.
    ///
    /// # Errors
    /// Where it holds no token.
    pub fn from_stdin() -> Result<Secret> {
        Secret::read(&mut std::io::stdin(), "standard input")
    }

    fn read(from: &mut impl Read, place: &str) -> Result<Secret> {
        let mut bytes = Vec::new();
        let read = from.take(LARGEST + 1).read_to_end(&mut bytes);
        read.map_err(|error| Error::environment(format!("cannot read {place}")).because(&error))?;
        let none = |why: &str| Error::usage(format!("{place} holds no token: {why}"));
        if bytes.len() as u64 > LARGEST {
            return Err(none("it is larger than 64 KiB"));
        }
        let text = String::from_utf8(bytes).map_err(|_| none("it is not UTF-8 text"))?;
        let token = text.trim_end_matches(['\n', '\r']);
        if token.trim().is_empty() {
            return Err(none("it is empty"));
        }
        if token.chars().any(char::is_control) {
            return Err(none("it has several lines or control characters"));
        }
        Ok(Secret(SecretString::from(token.to_owned())))
    }

    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    #[cfg(test)]
    pub(super) fn of(text: &str) -> Secret {
        Secret(SecretString::from(text.to_owned()))
    }
}

/// Texts that must not be repeated, whatever a far end writes back.
#[derive(Default)]
pub struct Hidden(Vec<SecretString>);

impl Hidden {
    /// Hides a text, as it is and as it travels.
    pub fn add(&mut self, text: &str) {
        if text.len() >= SHORTEST_HIDDEN {
            let forms = [
                text.to_owned(),
                BASE64.encode(text),
                utf8_percent_encode(text, super::fill::UNRESERVED).to_string(),
                // As PHP writes JSON.
                text.replace('/', "\\/"),
            ];
            self.0.extend(forms.map(SecretString::from));
        }
    }

    /// The text without them.
    pub fn clean(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, hidden| text.replace(hidden.expose_secret(), MASK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_line_of_text_is_a_token() {
        let read = |text: &str| Secret::read(&mut text.as_bytes(), "x").map(|secret| secret.expose().to_owned());
        assert_eq!(read("abc def\r\n").unwrap(), "abc def");
        for bad in ["", " \n", "a\nb", "a\u{1b}[31mb", &"a".repeat(70_000)] {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.contains("holds no token") && !error.contains("31m"), "{error}");
        }
        assert!(!format!("{:?}", Secret::of("hunter2hunter2")).contains("hunter2"));
    }

    #[test]
    fn what_is_hidden_does_not_come_back_in_any_form() {
        let mut hidden = Hidden::default();
        hidden.add("geheim!token");
        hidden.add("abc");
        let said = "bad geheim!token, Z2VoZWltIXRva2Vu, geheim%21token, abc";
        assert_eq!(hidden.clean(said), "bad ***, ***, ***, abc");
    }
}
