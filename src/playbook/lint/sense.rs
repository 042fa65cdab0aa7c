//! Whether a playbook makes sense as a whole: checks that are never made, causes that never win, causes that nothing
//! tells apart, words that a user would not understand.

use super::logic::{Pair, Stated, contradiction};
use super::{Lint, STEPS_SHOWN};
use crate::diagnosis::evidence::is_told;
use crate::packet::case::heard::Heard;
use crate::playbook::change::CHANGES_CHECK;
use crate::playbook::condition::Atom;
use crate::playbook::draft::{DraftCause, DraftCheck, PlacedText};
use crate::playbook::mistake::{Kind, Mistake, shown};
use crate::playbook::template;
use crate::playbook::when::PlacedAtom;
use crate::playbook::{Condition, View};
use crate::probe::Cost;

/// Words that need training. A user is told what to do or what is wrong, not how it is called.
const JARGON: [&str; 17] = [
    "ARP", "DHCP", "DNS", "HTTP", "HTTPS", "ICMP", "LDAP", "MTU", "NTP", "NXDOMAIN", "SSL", "SYN", "TCP", "TLS", "UDP",
    "VLAN", "resolver",
];

impl<'d> Lint<'d> {
    /// What only shows once every part can be read: a condition of which something is lost may look like another one. All
    /// of it is advice, so what others wrote is not looked at.
    pub(super) fn sense(&mut self) {
        let draft = self.draft;
        for check in draft.checks.iter().filter(|check| check.at.is_own()) {
            if let Some(when) = &check.check.when {
                let what = || format!("the check `{}` is never made: its `when` cannot hold", shown(&check.check.id));
                self.impossible(Kind::NeverMade, what, when, &check.atoms);
            }
            self.never_asked(check);
        }
        for cause in draft.causes.iter().filter(|cause| cause.at.is_own()) {
            let what = || format!("the cause `{}` can never win: its `when` cannot hold", shown(&cause.cause.id));
            self.impossible(Kind::NeverWins, what, &cause.cause.when, &cause.atoms);
            self.change_alone(cause);
            self.two_views(cause);
        }
        self.pairs();
    }

    /// A change is the prime suspect and no proof, so such a cause never holds.
    fn change_alone(&mut self, draft: &DraftCause) {
        let mut wanted = Vec::new();
        draft.cause.when.wanted_checks(&mut wanted);
        if wanted.contains(&CHANGES_CHECK) && wanted.into_iter().all(is_told) {
            let message = format!("the cause `{}` rests on what changed alone", shown(&draft.cause.id));
            let help = "a change proves nothing: add what shows that something is wrong";
            self.add(Mistake::new(Kind::ChangeAlone, &draft.at, message).help(help));
        }
    }

    /// One run has one account, and root is nobody's own account.
    fn two_views(&mut self, draft: &DraftCause) {
        let mut wanted = Vec::new();
        draft.cause.when.wanted_checks(&mut wanted);
        let of = |view: View| {
            wanted.iter().copied().find(|id| {
                let check = self.checks.get(id).map(|draft| &draft.check);
                check.is_some_and(|check| check.context_required == Some(view))
            })
        };
        let (Some(user), Some(system)) = (of(View::User), of(View::System)) else { return };
        let message = format!("no single account sees what the cause `{}` wants", shown(&draft.cause.id));
        let (user, system) = (shown(user), shown(system));
        let help =
            format!("`{user}` needs the person's own account and `{system}` the machine's: state only one of them");
        self.add(Mistake::new(Kind::NoSuchView, &draft.at, message).help(help));
    }

    fn impossible(&mut self, kind: Kind, what: impl Fn() -> String, when: &Condition, atoms: &[PlacedAtom]) {
        let Some((first, second, why)) = contradiction(when) else { return };
        let place = |atom: &Atom| atoms.iter().find(|placed| placed.atom == *atom);
        let (Some(first), Some(second)) = (place(first), place(second)) else { return };
        self.add(Mistake::new(kind, &second.test, what()).label(why).related(&first.test, "the first statement"));
    }

    /// A question splits the suspects by its answer, and is asked only while it does.
    fn never_asked(&mut self, draft: &'d DraftCheck) {
        let check = &draft.check;
        if check.cost != Cost::Person || check.goal {
            return;
        }
        let of_checks = self.draft.checks.iter().flat_map(|other| &other.atoms);
        let mut atoms = of_checks.chain(self.draft.causes.iter().flat_map(|cause| &cause.atoms));
        let is_used = atoms.any(|placed| placed.atom.check == check.id)
            || self.draft.checks.iter().any(|other| template::references(&other.check.args).contains(&check.id))
            // Its answer stands in the letter.
            || Heard::of(check).is_some();
        if !is_used {
            let message =
                format!("the question `{}` is never asked: no condition looks at its answer", shown(&check.id));
            let help =
                format!("add `{{ check = \"{}\", answer = \"...\" }}` to the `when` of a cause", shown(&check.id));
            self.add(Mistake::new(Kind::NeverMade, &draft.at, message).help(help));
        }
    }

    /// Causes that hold in the same cases, and causes that another one always beats.
    fn pairs(&mut self) {
        let causes = &self.draft.causes;
        let stated: Vec<Stated<'_>> = causes.iter().map(|cause| Stated::of(&cause.cause.when)).collect();
        for (index, cause) in causes.iter().enumerate() {
            for (other, earlier) in causes[..index].iter().enumerate() {
                if !cause.at.is_own() && !earlier.at.is_own() {
                    continue;
                }
                match (stated[other].compare(&stated[index]), stated[index].compare(&stated[other])) {
                    (Pair::Same, _) => self.twins(earlier, cause),
                    (Pair::SecondWins, _) => self.beaten(earlier, cause),
                    (_, Pair::SecondWins) => self.beaten(cause, earlier),
                    _ => {}
                }
            }
        }
    }

    fn twins(&mut self, first: &DraftCause, second: &DraftCause) {
        let message = format!("nothing tells `{}` and `{}` apart", shown(&first.cause.id), shown(&second.cause.id));
        self.add(
            Mistake::new(Kind::Twins, &second.at, message).related(&first.at, "it holds in the same cases").help(
                "add a check that separates them and a statement about it to each `when`, or make them one cause",
            ),
        );
    }

    fn beaten(&mut self, weak: &DraftCause, strong: &DraftCause) {
        let (weak_id, strong_id) = (shown(&weak.cause.id), shown(&strong.cause.id));
        let message = format!("the cause `{weak_id}` can never win: wherever it holds, `{strong_id}` holds too");
        self.add(
            Mistake::new(Kind::NeverWins, &weak.at, message)
                .related(&strong.at, "it states more, so it wins")
                .help(format!("add to `{weak_id}` what `{strong_id}` does not state, or make them one cause")),
        );
    }

    /// The first rule that applies counts, so one without a condition is the last.
    pub(super) fn rules(&mut self, draft: &DraftCause) {
        let always = draft.cause.escalate.iter().position(|rule| rule.condition.is_none());
        let after = always.and_then(|first| Some((draft.rules.get(first)?, draft.rules.get(first + 1)?)));
        if let Some((first, next)) = after {
            let mistake = Mistake::new(Kind::Unreached, next, "this rule is never reached")
                .related(first, "this one has no `if`, so it always applies")
                .help("put the rule without `if` last");
            self.add(mistake);
        }
    }

    /// Steps beyond what a person holds in mind, and words that a user need not know.
    pub(super) fn wording(&mut self, draft: &DraftCause) {
        if let Some(fourth) = draft.workaround.get(STEPS_SHOWN) {
            let steps = draft.workaround.len();
            let message = format!("the cause `{}` has {steps} workaround steps", shown(&draft.cause.id));
            let help = format!("{STEPS_SHOWN} are shown at a time; put the safest ones first");
            self.add(Mistake::new(Kind::ManySteps, fourth, message).label("the fourth").help(help));
        }
        let said = draft.texts.iter().filter(|text| text.text == draft.cause.plain);
        for text in said.take(1) {
            self.jargon(text);
        }
    }

    fn jargon(&mut self, text: &PlacedText) {
        let spoken = without_braces(&text.text);
        let mut words = spoken.split(|letter: char| !letter.is_alphanumeric());
        let Some(word) = words.find(|word| JARGON.contains(word)) else { return };
        let start = text.text.find(word);
        let at = self.within(text, start.map(|start| start..start + word.len()));
        let message = format!("`plain` is for the user, and `{word}` needs training");
        self.add(Mistake::new(Kind::Jargon, &at, message).help("say what it does, and put the word into `technical`"));
    }
}

/// What a template names is no word that anybody reads.
fn without_braces(text: &str) -> String {
    let mut parts = text.split("{{");
    let before = parts.next().unwrap_or_default().to_owned();
    parts.filter_map(|part| part.split_once("}}")).fold(before, |all, (_, after)| all + " " + after)
}
