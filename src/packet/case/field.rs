//! The fields that people fill, one list: the case file, `--said`, the questions of playbooks, the letter and the
//! reference pages all read it.

use super::{Case, Effect, Elsewhere, Frequency, Scope, Tried, Urgency, step};
use crate::packet::redact::mask;

/// Characters of one text. A page of error text fits; a log belongs into the ticket as a file.
const LONGEST: usize = 4_000;
/// Entries of one list: nobody reads more steps or tickets.
const MOST: usize = 50;

/// The eleven things that second line asks for, in the order of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    Problem,
    Where,
    When,
    Scope,
    Changed,
    Tried,
    Findings,
    Impact,
    Evidence,
    Question,
    Contact,
}

impl Topic {
    /// All of them with their headings, in order.
    pub const ALL: [(Topic, &str); 11] = [
        (Topic::Problem, "Problem"),
        (Topic::Where, "Who and where"),
        (Topic::When, "When"),
        (Topic::Scope, "Who else"),
        (Topic::Changed, "What changed"),
        (Topic::Tried, "Tried"),
        (Topic::Findings, "Findings"),
        (Topic::Impact, "Impact"),
        (Topic::Evidence, "Evidence"),
        (Topic::Question, "Question"),
        (Topic::Contact, "Earlier and contact"),
    ];
}

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Several texts.
    Texts,
    /// Several steps with their results.
    Steps,
}

/// One field.
pub struct Field {
    /// Its name in files, flags and playbooks.
    pub name: &'static str,
    pub topic: Topic,
    /// How a letter calls it.
    pub label: &'static str,
    /// The question that it answers.
    pub asks: &'static str,
    /// Whether conditions of playbooks may look at it: what names a person is no fact.
    pub is_fact: bool,
    of: fn(&Case) -> &dyn Answer,
    into: fn(&mut Case) -> &mut dyn Answer,
    copy: fn(&Case, &mut Case),
}

/// A place that takes what people say.
trait Answer {
    fn takes(&self) -> Takes;
    /// Takes a text that is not empty; in words what it wants instead.
    fn say(&mut self, text: &str) -> Result<(), String>;
    /// What was said, as people read it.
    fn said(&self) -> Vec<String>;
    /// The same as it would be said again.
    fn word(&self) -> Option<String>;
    /// Takes over what somebody says later: a word replaces, a list grows.
    fn take_over(&mut self, later: &Self)
    where
        Self: Sized;
}

fn bounded(text: &str) -> Result<String, String> {
    match text.chars().count() {
        0..=LONGEST => Ok(text.to_owned()),
        length => Err(format!("it has {length} characters; keep the part that matters, {LONGEST} at most")),
    }
}

impl Answer for Option<String> {
    fn takes(&self) -> Takes {
        Takes::Text
    }
    fn say(&mut self, text: &str) -> Result<(), String> {
        *self = Some(bounded(text)?);
        Ok(())
    }
    fn said(&self) -> Vec<String> {
        self.iter().cloned().collect()
    }
    fn word(&self) -> Option<String> {
        self.clone()
    }
    fn take_over(&mut self, later: &Self) {
        self.clone_from(later);
    }
}

macro_rules! answers_in_words {
    ($( $name:ident )+) => { $(
        impl Answer for Option<$name> {
            fn takes(&self) -> Takes {
                Takes::Word($name::WORDS)
            }
            fn say(&mut self, text: &str) -> Result<(), String> {
                let wanted = || format!("`{}` is none of: {}", bounded_name(text), $name::WORDS.join(", "));
                *self = Some($name::read(text).ok_or_else(wanted)?);
                Ok(())
            }
            fn said(&self) -> Vec<String> {
                self.iter().map(|value| value.meaning().to_owned()).collect()
            }
            fn word(&self) -> Option<String> {
                self.map(|value| value.word().to_owned())
            }
            fn take_over(&mut self, later: &Self) {
                *self = *later;
            }
        }
    )+ };
}

answers_in_words! { Scope Frequency Effect Urgency Elsewhere }

/// A wrong word as messages repeat it.
fn bounded_name(text: &str) -> String {
    crate::ui::shorten(&mask(text), 60).into_owned()
}

fn push<T>(list: &mut Vec<T>, item: T) -> Result<(), String> {
    if list.len() >= MOST {
        return Err(format!("there are more than {MOST} entries"));
    }
    list.push(item);
    Ok(())
}

impl Answer for Vec<String> {
    fn takes(&self) -> Takes {
        Takes::Texts
    }
    fn say(&mut self, text: &str) -> Result<(), String> {
        push(self, bounded(text)?)
    }
    fn said(&self) -> Vec<String> {
        self.clone()
    }
    fn word(&self) -> Option<String> {
        None
    }
    fn take_over(&mut self, later: &Self) {
        self.extend(later.iter().take(MOST.saturating_sub(self.len())).cloned());
    }
}

fn tried(what: &str, result: &str) -> Result<Tried, String> {
    let (what, result) = (what.trim(), result.trim());
    if what.is_empty() {
        return Err("a result without a step".to_owned());
    }
    let result = (!result.is_empty()).then(|| bounded(result)).transpose()?;
    Ok(Tried { what: bounded(what)?, result })
}

impl Case {
    /// Adds a step that somebody took, and what came of it; an empty result was not told.
    ///
    /// # Errors
    /// In words, where there is no step, or too much of it.
    pub fn add_step(&mut self, what: &str, result: &str) -> Result<(), String> {
        push(&mut self.tried, tried(what, result)?)
    }
}

impl Answer for Vec<Tried> {
    fn takes(&self) -> Takes {
        Takes::Steps
    }
    fn say(&mut self, text: &str) -> Result<(), String> {
        let (what, result) = step::parts(text);
        push(self, tried(what, result)?)
    }
    fn said(&self) -> Vec<String> {
        self.iter()
            .map(|tried| match &tried.result {
                Some(result) => format!("{}: {result}", tried.what),
                None => format!("{} (result not asked)", tried.what),
            })
            .collect()
    }
    fn word(&self) -> Option<String> {
        None
    }
    fn take_over(&mut self, later: &Self) {
        self.extend(later.iter().take(MOST.saturating_sub(self.len())).cloned());
    }
}

macro_rules! fields {
    ($( $name:ident $topic:ident $label:literal $is_fact:literal $asks:literal; )+) => {
        /// Every field, in the order of a letter.
        pub const FIELDS: &[Field] = &[ $( Field {
            name: stringify!($name),
            topic: Topic::$topic,
            label: $label,
            asks: $asks,
            is_fact: $is_fact,
            of: |case| &case.$name,
            into: |case| &mut case.$name,
            copy: |from, to| to.$name.take_over(&from.$name),
        }, )+ ];
    };
}

fields! {
    symptom Problem "They say" false "What is wrong, in the user's words?";
    error Problem "Error" true "What exactly does the error say, text or code?";
    ticket Where "Ticket" false "Which ticket does it belong to?";
    user Where "User" false "Who is affected?";
    place Where "Place" false "Where: site, building, room, at home?";
    since When "Since" true "Since when?";
    last_worked When "Last worked" true "When did it last work?";
    last_seen When "Last seen" false "When did it last happen, with the time zone?";
    frequency When "How often" true "Is it always so, or does it come and go?";
    scope Scope "Affected" true "Who is affected?";
    others Scope "Others" false "Who else, by name or number?";
    other_device Scope "Other device" true "Does it work on another device in the same network?";
    other_account Scope "Other account" true "Does it work for another account on the same computer?";
    other_network Scope "Other network" true "Does it work from another network, such as a phone's?";
    changed Changed "They say" true "What changed before: update, password, driver, VPN, move, new hardware?";
    tried Tried "Before" false "What was tried, in order, and what came of it?";
    effect Impact "Effect" true "Is the work blocked, slowed, or is it a blemish?";
    impact Impact "Business" false "What does it cost the business?";
    urgency Impact "Urgency" true "How soon must it be better?";
    workaround Impact "Workaround" false "Which workaround is in place?";
    question Question "Question" false "What should the next tier answer or do?";
    reproduce Question "Reproduce" false "How can it be made to happen?";
    earlier Contact "Earlier" false "Which earlier tickets are about the same?";
    contact Contact "Contact" false "How can the user be reached?";
    available Contact "Available" false "When can the user be reached?";
}

impl Field {
    /// The field with this name.
    pub fn find(name: &str) -> Option<&'static Field> {
        FIELDS.iter().find(|field| field.name == name)
    }

    /// The names of all fields.
    pub fn names() -> impl Iterator<Item = &'static str> + Clone {
        FIELDS.iter().map(|field| field.name)
    }

    /// What it takes.
    pub fn takes(&self) -> Takes {
        (self.of)(&Case::default()).takes()
    }

    /// What was said, as people read it; empty where nothing was.
    pub fn said(&self, case: &Case) -> Vec<String> {
        (self.of)(case).said()
    }

    /// The word or text that was said, as playbooks compare it; none for lists.
    pub fn word(&self, case: &Case) -> Option<String> {
        (self.of)(case).word()
    }

    pub(super) fn say(&self, case: &mut Case, text: &str) -> Result<(), String> {
        (self.into)(case).say(text)
    }

    /// Takes over what was said; false where nothing was.
    pub(super) fn copy(&self, from: &Case, to: &mut Case) -> bool {
        let said = !self.said(from).is_empty();
        if said {
            (self.copy)(from, to);
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields of the packet that nobody fills by hand.
    const MADE: [&str; 4] = ["target", "answers", "not_known", "priority"];

    #[test]
    fn every_field_of_the_case_is_in_the_list() {
        let schema = schemars::schema_for!(Case);
        let known = schema.get("properties").and_then(|it| it.as_object()).unwrap();
        let mut names: Vec<&str> = known.keys().map(String::as_str).filter(|name| !MADE.contains(name)).collect();
        let mut listed: Vec<&str> = Field::names().collect();
        names.sort_unstable();
        listed.sort_unstable();
        assert_eq!(names, listed);
    }

    #[test]
    fn a_word_is_a_word_and_unknown_is_not_silence() {
        let mut case = Case::default();
        let scope = Field::find("scope").unwrap();
        assert_eq!(case.say(scope, "some").unwrap_err(), "`some` is none of: one, several, site, everyone");
        case.say(scope, "unknown").unwrap();
        assert_eq!((case.scope, case.not_known.as_slice()), (None, &["scope".to_owned()][..]));
        case.say(scope, " several ").unwrap();
        assert_eq!((case.scope, case.not_known.len()), (Some(Scope::Several), 0));
        assert!(case.say(Field::find("error").unwrap(), &"x".repeat(LONGEST + 1)).is_err());
        assert!(case.say(Field::find("since").unwrap(), "  ").is_err());
    }

    #[test]
    fn steps_keep_their_results_and_their_order() {
        let mut case = Case::default();
        let tried = Field::find("tried").unwrap();
        for step in ["restarted=no change", "other cable", "ping -c1 x = a=b"] {
            case.say(tried, step).unwrap();
        }
        assert_eq!(tried.said(&case), ["restarted: no change", "other cable (result not asked)", "ping -c1 x: a=b"]);
        assert!(case.say(tried, "=none").is_err());
    }

    #[test]
    fn who_speaks_last_is_right() {
        let said = |name: &str, text: &str| {
            let mut case = Case::default();
            case.say(Field::find(name).unwrap(), text).unwrap();
            case
        };
        let mut case = said("since", "monday");
        case.overrule(&said("since", "unknown"));
        assert_eq!((case.since.as_deref(), case.not_known.len()), (Some("monday"), 0));
        case.overrule(&said("since", "tuesday"));
        assert_eq!(case.since.as_deref(), Some("tuesday"));
        let mut case = said("tried", "one");
        case.overrule(&said("tried", "two"));
        assert_eq!(case.tried.len(), 2, "lists grow");
        let mut case = said("scope", "unknown");
        case.overrule(&said("scope", "one"));
        assert_eq!((case.scope, case.not_known.len()), (Some(Scope::One), 0));
    }
}
