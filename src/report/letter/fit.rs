//! Making a letter fit a field: what is missed least goes first, and the letter says what went.

use super::{Letter, Part};

/// Texts are cut to these lengths, one after the other, before anything goes that tier 2 would have to ask for; judgement.
const SHORTER: [usize; 3] = [300, 160, 80];
/// Up to here nothing would be asked for again.
const DISPENSABLE: Part = Part::Ladder;
/// Up to here a part goes before texts are cut; what comes after it is what makes the letter one.
const EXPENDABLE: Part = Part::Run;

/// How long a text is for the systems that count: UTF-16 units, as browsers, Java and Windows do. Never fewer than its
/// characters.
pub(crate) fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// The letter as `render` writes it, in at most `limit` units.
pub(crate) fn fit(mut letter: Letter, limit: usize, render: impl Fn(&Letter) -> String) -> String {
    let mut out = render(&letter);
    let parts = || Part::LEAST_FIRST.iter().map(|(part, _)| *part);
    // First of each list what comes last, then the lists themselves.
    for (least, longest) in [(1, SHORTER[0]), (0, SHORTER[1]), (0, SHORTER[2])] {
        for part in parts().take_while(|part| *part <= EXPENDABLE) {
            let least = if part <= DISPENSABLE { 0 } else { least };
            while units(&out) > limit && letter.drop_last(part, least) {
                out = render(&letter);
            }
        }
        if units(&out) > limit {
            letter.shorten(longest);
            out = render(&letter);
        }
    }
    for part in parts().skip_while(|part| *part <= EXPENDABLE) {
        while units(&out) > limit && letter.drop_last(part, 0) {
            out = render(&letter);
        }
    }
    out
}

impl Letter {
    /// Drops the last text of this part that is not among the first `least` of its group; false where there is none.
    fn drop_last(&mut self, part: Part, least: usize) -> bool {
        let groups = self.sections.iter_mut().rev().flat_map(|section| section.groups.iter_mut().rev());
        let Some(group) = groups.filter(|group| group.part == part).find(|group| group.texts.len() > least) else {
            return false;
        };
        group.texts.pop();
        self.note(part, 1);
        for section in &mut self.sections {
            section.groups.retain(|group| !group.texts.is_empty());
        }
        true
    }
}
