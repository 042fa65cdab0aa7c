//! The letter to the person who is affected: plain words, nobody is to blame, at most three things to do.

use super::Style;
use super::content::{STEPS_AT_A_TIME, local};
use super::page::{Page, Paint};
use crate::diagnosis::verdict::Status;
use crate::observation::Certainty;
use crate::packet::Packet;
use crate::ui::{escape, shorten};

/// Plain mail.
const WIDTH: usize = 72;
/// Characters of a sentence that somebody else wrote: what is longer is nothing for a letter of this kind.
const LONGEST_TEXT: usize = 300;
/// Characters of a name.
const LONGEST_NAME: usize = 60;

/// What the user must know first where there are signs of an attack; without blame, and without a word of who it was.
const STOP: &str = "Please leave your computer as it is for now: do not restart it, delete nothing, and do not try to \
                    mend it. Somebody from security will call you.";

pub(super) fn render(packet: &Packet, _: &Style) -> String {
    let mut page = Page::new(&Style::plain(WIDTH));
    let short = |text: &str| bounded(text, LONGEST_TEXT);
    page.paragraph(&greeting(packet), Paint::Plain);
    page.gap();
    page.paragraph(&looked(packet), Paint::Plain);
    page.gap();
    page.paragraph(&found(packet), Paint::Plain);
    if packet.next.security_stop {
        page.paragraph(STOP, Paint::Plain);
    }
    if !packet.verdict.plain.is_empty() {
        page.paragraph(&short(&packet.verdict.plain), Paint::Plain);
    }
    let steps: Vec<String> = packet.next.workaround.iter().take(STEPS_AT_A_TIME).map(|step| short(step)).collect();
    if !steps.is_empty() {
        page.gap();
        page.paragraph("What you can do now, one after the other:", Paint::Plain);
        for (index, step) in steps.iter().enumerate() {
            page.step(index + 1, step);
        }
    }
    page.gap();
    page.paragraph(&next(packet, !steps.is_empty()), Paint::Plain);
    page.finish()
}

/// Escaped before it is cut, because escapes lengthen.
fn bounded(text: &str, most: usize) -> String {
    shorten(&escape(text), most).into_owned()
}

fn greeting(packet: &Packet) -> String {
    match &packet.case.user {
        Some(user) => format!("Hello {},", bounded(user, LONGEST_NAME)),
        None => "Hello,".to_owned(),
    }
}

fn looked(packet: &Packet) -> String {
    let when = local(&packet.run).map(|time| time.strftime(" on %-d %B %Y at %H:%M").to_string()).unwrap_or_default();
    let host = bounded(&packet.host.name, LONGEST_NAME);
    let computer = if host.is_empty() { String::new() } else { format!(" {host}") };
    let why = match (&packet.case.symptom, &packet.case.target) {
        (Some(symptom), _) => format!(" because of what you told us: \"{}\"", bounded(symptom, LONGEST_TEXT)),
        (None, Some(target)) => format!(" because of {}", bounded(target, LONGEST_TEXT)),
        (None, None) => String::new(),
    };
    format!("we looked at your computer{computer}{when}{why}.")
}

fn found(packet: &Packet) -> String {
    let verdict = &packet.verdict;
    match (verdict.status, verdict.certainty) {
        (Status::Healthy, _) => "What was checked works at the moment.",
        (Status::Degraded, _) => "It works, but not as well as it should.",
        (Status::Fault, _) if verdict.cause.is_none() => "We know where it stops, but not yet why.",
        (Status::Fault, Certainty::Confirmed) => "We found what is wrong.",
        (Status::Fault, Certainty::Suspected) => "We have a good idea of what is wrong.",
        (Status::Undecided, _) => "We do not have the answer yet.",
    }
    .to_owned()
}

fn next(packet: &Packet, has_steps: bool) -> String {
    let reference = match &packet.case.ticket {
        Some(ticket) => format!(" Please name {} when you write or call.", bounded(ticket, LONGEST_NAME)),
        None => format!(" Please name run {} when you write or call.", bounded(&packet.run.id, LONGEST_NAME)),
    };
    let team = packet
        .next
        .escalate
        .as_ref()
        .map(|escalate| bounded(&escalate.to, LONGEST_NAME))
        .filter(|team| !team.is_empty());
    let rest = match (packet.verdict.status, has_steps, team) {
        (Status::Healthy, ..) => "If it happens again, tell us at once, so that we can look while it lasts.".to_owned(),
        (_, true, Some(team)) => format!("If that does not help, tell us; the {team} will go on from here."),
        (_, true, None) => "If that does not help, tell us, and we will go on from here.".to_owned(),
        (_, false, Some(team)) => format!("You need not do anything; the {team} will go on from here."),
        (_, false, None) => "You need not do anything for now; we will go on from here.".to_owned(),
    };
    format!("{rest}{reference}")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fault, full, healthy};
    use super::*;

    #[test]
    fn the_user_is_told_in_their_own_words() {
        insta::assert_snapshot!(render(&full(), &Style::plain(80)));
        insta::assert_snapshot!(render(&healthy(), &Style::plain(80)));
    }

    #[test]
    fn there_are_three_things_to_do_at_most_and_nobody_is_to_blame() {
        let text = render(&fault(), &Style::plain(80)).to_lowercase();
        assert!(fault().next.workaround.len() > STEPS_AT_A_TIME);
        assert!(text.contains("  3. ") && !text.contains("  4. "), "{text}");
        for word in ["your fault", "you should have", "wrongly", "mistake", "you forgot"] {
            assert!(!text.contains(word), "{word} is in {text}");
        }
    }
}
