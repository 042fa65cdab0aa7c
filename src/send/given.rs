//! What somebody gave for the inputs of a connector: everything that is needed, nothing else, and nothing that could
//! become another address, another path or another question.

use super::secret::{Hidden, MASK};
use super::{Connector, Input, InputKind, Secret, Way};
use crate::error::{Error, Result, closest};
use std::collections::BTreeMap;
use std::path::Path;
use url::Url;

/// A line that a person types; what is longer is a text for the letter.
const LONGEST: usize = 500;

/// The inputs of a connector, checked.
pub struct Given {
    texts: BTreeMap<String, String>,
    secrets: BTreeMap<String, Secret>,
}

impl Given {
    /// Checks what was given. `ticket` is for the input of that name.
    ///
    /// # Errors
    /// Where something is missing, unknown or not what it must be.
    pub fn check(connector: &Connector, pairs: &[(String, String)], ticket: Option<&str>) -> Result<Given> {
        let mut pairs: BTreeMap<&str, &str> =
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        match ticket {
            Some(_) if connector.input("ticket").is_none() => {
                return Err(Error::usage(format!("`{}` takes no ticket: {}", connector.id, connector.about)));
            }
            Some(ticket) => _ = pairs.insert("ticket", ticket),
            None => {}
        }
        if let Some(name) = pairs.keys().find(|name| connector.input(name).is_none()) {
            let error = Error::usage(format!("`{}` has no input `{name}`", connector.id));
            return Err(match closest(name, connector.inputs.iter().map(|input| input.name.as_str())) {
                Some(near) => error.hint(format!("did you mean `--set {near}=...`?")),
                None => error.hint(format!("firstline explain connector:{}", connector.id)),
            });
        }
        let mut given = Given { texts: BTreeMap::new(), secrets: BTreeMap::new() };
        for input in &connector.inputs {
            let text = pairs.get(input.name.as_str()).copied().or(input.default.as_deref()).unwrap_or_default();
            given.take(connector, input, text)?;
        }
        Ok(given)
    }

    fn take(&mut self, connector: &Connector, input: &Input, text: &str) -> Result<()> {
        let text = text.trim();
        if text.is_empty() {
            if !input.optional {
                return Err(missing(connector, input));
            }
            self.texts.insert(input.name.clone(), String::new());
            return Ok(());
        }
        if input.kind == InputKind::Secret {
            let Some(path) = text.strip_prefix('@') else {
                return Err(Error::usage(format!(
                    "`{}` is a secret, and does not belong on a command line",
                    input.name
                ))
                .hint(format!("--set {}=@FILE reads it from a file that only you can read", input.name)));
            };
            self.secrets.insert(input.name.clone(), Secret::from_file(Path::new(path))?);
            return Ok(());
        }
        fits(connector, input.kind, text).map_err(|why| {
            let shown: String = text.chars().take(60).collect();
            let flag =
                if input.name == "ticket" { "--ticket ID".to_owned() } else { format!("--set {}=...", input.name) };
            Error::usage(format!("`{shown}` cannot be the {} of `{}`: {why}", input.name, connector.id))
                .hint(format!("{flag}: {}", input.ask))
        })?;
        self.texts.insert(input.name.clone(), text.to_owned());
        Ok(())
    }

    /// What was given for an input; empty where nothing was, or it is a secret.
    pub fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    /// Everything by name, secrets as they are or masked.
    pub(super) fn all(&self, masked: bool) -> impl Iterator<Item = (&str, &str)> {
        let texts = self.texts.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let secrets = self.secrets.iter().map(move |(name, secret)| {
            let text = if masked { MASK } else { secret.expose() };
            (name.as_str(), text)
        });
        texts.chain(secrets)
    }

    pub(super) fn hide_in(&self, hidden: &mut Hidden) {
        self.secrets.values().for_each(|secret| hidden.add(secret.expose()));
    }
}

fn missing(connector: &Connector, input: &Input) -> Error {
    let flag = match (input.name.as_str(), input.kind) {
        ("ticket", _) => "--ticket ID".to_owned(),
        (name, InputKind::Secret) => format!("--set {name}=@FILE"),
        (name, _) => format!("--set {name}=..."),
    };
    Error::usage(format!("`{}` needs to know: {}", connector.id, input.ask)).hint(flag)
}

fn fits(connector: &Connector, kind: InputKind, text: &str) -> std::result::Result<(), String> {
    if text.chars().count() > LONGEST {
        return Err(format!("it is longer than {LONGEST} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err("it has control characters".to_owned());
    }
    match kind {
        InputKind::Url => address(connector, text),
        InputKind::Number if !text.chars().all(|letter| letter.is_ascii_digit()) => Err("it is no number".to_owned()),
        // Two dots are a way out of a folder.
        InputKind::Word if !is_word(text) => Err("it may have letters, digits, `-`, `_` and `.` only".to_owned()),
        _ => Ok(()),
    }
}

fn is_word(text: &str) -> bool {
    text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'))
        && !text.starts_with('.')
}

fn address(connector: &Connector, text: &str) -> std::result::Result<(), String> {
    let schemes: &[&str] = match connector.way {
        Way::Http(_) => &["https", "http"],
        Way::Mail(_) => &["smtps", "smtp"],
    };
    let url = Url::parse(text).map_err(|error| format!("it is no address ({error})"))?;
    if !schemes.contains(&url.scheme()) || !url.has_host() || url.host_str() == Some("") {
        return Err(format!("it must begin with {}:// and a host", schemes[0]));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a name or a password; the token comes from --token-file".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a `?` or a `#`".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::builtin::connector;
    use super::*;

    type Pairs<'a> = &'a [(&'a str, &'a str)];

    fn check(pairs: Pairs<'_>, ticket: Option<&str>) -> Result<Given> {
        let zammad = connector("zammad").unwrap().unwrap();
        let pairs: Vec<(String, String)> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Given::check(&zammad, &pairs, ticket)
    }

    #[test]
    fn what_is_needed_is_asked_for_and_what_is_wrong_is_named() {
        const URL: (&str, &str) = ("url", "https://desk.example");
        assert_eq!(check(&[URL], Some("7")).unwrap().text("ticket"), "7");
        let cases: [(Pairs<'_>, Option<&str>, &str); 9] = [
            (&[], Some("7"), "hint: --set url=..."),
            (&[URL], None, "hint: --ticket ID"),
            (&[URL], Some("7/../8"), "it is no number"),
            (&[URL, ("ulr", "x")], Some("7"), "did you mean `--set url=...`?"),
            (&[("url", "desk.example")], Some("7"), "is no address"),
            (&[("url", "ftp://desk.example")], Some("7"), "must begin with https://"),
            (&[("url", "https://bob:pw@desk.example")], Some("7"), "the token comes from --token-file"),
            (&[("url", "https://desk.example/?a=b")], Some("7"), "it has a `?`"),
            (&[("url", "https://desk.example/\n")], Some("7\n8"), "control characters"),
        ];
        for (pairs, ticket, expected) in cases {
            let error = check(pairs, ticket).err().unwrap_or_else(|| panic!("{pairs:?}")).to_string();
            assert!(error.contains(expected), "{expected}: {error}");
        }
        let put = connector("http-put").unwrap().unwrap();
        assert!(Given::check(&put, &[], Some("7")).err().unwrap().to_string().contains("takes no ticket"));
    }

    #[test]
    fn words_lead_nowhere_else() {
        for (text, good) in [("INC-1.2_x", true), ("..", false), (".x", false), ("a/b", false), ("a^b", false)] {
            assert_eq!(is_word(text), good, "{text}");
        }
    }
}
