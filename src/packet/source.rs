//! The text of the playbook in its packet, so that a packet can be judged in a year by the very playbook that it was made
//! with, whatever has become of that playbook since.

use super::spool::file_name;
use super::write::Files;
use crate::playbook::builtin::ORIGIN;
use crate::playbook::{Mistakes, Playbook, parse};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Where a playbook says that it comes from that was read from a packet.
pub const IN_THE_PACKET: &str = "in the packet";

const ENDING: &str = ".toml";

/// The files of a playbook: its own first, then what it includes. None where two of them would have the same name, or
/// where it was not read from any text.
pub fn files(playbook: &Playbook) -> Files {
    let own = std::iter::once(playbook.id.as_str());
    let names = own.chain(playbook.sources.iter().skip(1).map(|source| source.name.as_str()));
    let files: Files = names
        .zip(playbook.sources.iter())
        .map(|(name, source)| (name_of(name), source.text.as_bytes().to_vec()))
        .collect();
    let names: BTreeSet<&String> = files.iter().map(|(name, _)| name).collect();
    if names.len() == files.len() { files } else { Vec::new() }
}

/// The playbook with this id in the files of a packet; none where it is not among them.
///
/// # Errors
/// Its mistakes: a redaction may have changed it so that it cannot be read any more, or somebody else did.
pub fn read(id: &str, files: &Files) -> Option<Result<Playbook, Mistakes>> {
    let find = |name: &str| {
        let wanted = name_of(name);
        let (_, bytes) = files.iter().find(|(name, _)| *name == wanted)?;
        String::from_utf8(bytes.clone()).ok().map(Cow::Owned)
    };
    Some(parse(IN_THE_PACKET, &find(id)?, &find))
}

/// Whether everybody has the text of this playbook, so that there is nothing in it to hide.
pub(super) fn is_public(playbook: &super::PlaybookRef) -> bool {
    playbook.origin == ORIGIN
}

fn name_of(name: &str) -> String {
    let stem = name.strip_suffix(ENDING).unwrap_or(name);
    file_name(&format!("{stem}{ENDING}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::builtin;

    #[test]
    fn every_built_in_playbook_comes_back_as_it_was() {
        for (id, _) in builtin::BUILTIN {
            let Some(Ok(playbook)) = builtin::playbook(id) else { panic!("{id} cannot be read") };
            let files = files(&playbook);
            assert_eq!(files.len(), playbook.sources.len(), "{id}");
            let Some(Ok(again)) = read(id, &files) else { panic!("{id} cannot be read again") };
            assert_eq!((again.hash, again.origin.as_str()), (playbook.hash, IN_THE_PACKET), "{id}");
        }
    }

    #[test]
    fn what_is_not_there_or_not_whole_is_no_playbook() {
        let Some(Ok(playbook)) = builtin::playbook("dns") else { panic!("there is one") };
        let mut files = files(&playbook);
        assert!(read("vpn", &files).is_none() && read("dns", &Vec::new()).is_none());
        files[0].1.truncate(100);
        assert!(read("dns", &files).is_some_and(|read| read.is_err()));
    }

    #[test]
    fn two_files_of_one_name_are_not_told_apart_and_not_kept() {
        let text = "schema = 1\nid = \"x\"\ntitle = \"X\"\n".to_owned();
        let source = |name: &str| crate::playbook::Source { name: name.into(), text: text.clone().into() };
        let playbook =
            |names: [&str; 2]| Playbook { id: "x".into(), sources: names.map(source).into(), ..Playbook::default() };
        assert_eq!(files(&playbook(["/home/ann/x.toml", "./part.toml"]))[1].0, "-part.toml");
        assert!(files(&playbook(["/home/ann/x.toml", "x.toml"])).is_empty());
    }
}
