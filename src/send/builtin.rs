//! The connectors in the binary. Only the one that is asked for is parsed.

use super::{Connector, parse};
use crate::playbook::Mistakes;

/// Where a built-in connector says that it comes from.
pub const ORIGIN: &str = "built in";

macro_rules! built_in {
    ($( $id:literal )*) => {
        &[ $( ($id, include_str!(concat!("connectors/", $id, ".toml"))), )* ]
    };
}

/// Id and text of each. Adding one is its file and its id here.
pub const BUILTIN: &[(&str, &str)] = built_in!(
    "servicenow"
    "jira-service-management"
    "jira"
    "zendesk"
    "freshservice"
    "zammad"
    "glpi"
    "osticket"
    "request-tracker"
    "http-put"
    "http-post"
    "s3"
    "smtp"
);

/// The built-in connector with this id; none where there is none.
///
/// # Errors
/// Its mistakes, which would be ours: a test reads all of them.
pub fn connector(id: &str) -> Option<Result<Connector, Mistakes>> {
    let (_, text) = BUILTIN.iter().find(|(known, _)| *known == id)?;
    Some(parse::parse(id, text).map(|connector| Connector { origin: ORIGIN.to_owned(), ..connector }))
}

/// All of them.
///
/// # Errors
/// As [`connector`].
pub fn all() -> Result<Vec<Connector>, Mistakes> {
    BUILTIN.iter().filter_map(|(id, _)| connector(id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_listed_and_without_mistakes() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/send/connectors");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        let mut listed: Vec<&str> = BUILTIN.iter().map(|(id, _)| *id).collect();
        files.sort();
        listed.sort_unstable();
        assert_eq!(files, listed);
        for (id, text) in BUILTIN {
            let connector = parse::parse(id, text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render(false)));
            assert_eq!(connector.id, *id);
            assert!(connector.docs.starts_with("https://"), "{id}");
        }
    }
}
