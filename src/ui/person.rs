//! The person at the terminal: questions are asked with arrow keys or a line of text, three at most, and answers given
//! beforehand with `--answer` are used first.

use crate::packet::case::UNKNOWN;
use crate::playbook::Input;
use crate::ui::progress::Progress;
use crate::ui::{escape, tell};
use crate::world::{Answer, Person, Question};
use async_trait::async_trait;
use inquire::InquireError;
use inquire::validator::Validation;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use tokio::sync::Notify;

/// More than three questions is an interrogation; a run that still does not know says so.
const MOST_QUESTIONS: u32 = 3;

/// The choice that every question has.
const DO_NOT_KNOW: &str = "I do not know";
/// What stands beneath a list of answers.
const HOW_TO_CHOOSE: &str = "arrow keys to move, Enter to choose, Esc to leave it open";

/// Answers from the command line, then whoever is behind.
pub struct Answered {
    answers: BTreeMap<String, String>,
    then: Rc<dyn Person>,
}

impl Answered {
    /// Answers from `answers`, and asks `then` for the rest.
    pub fn new(answers: BTreeMap<String, String>, then: Rc<dyn Person>) -> Self {
        Answered { answers, then }
    }
}

#[async_trait(?Send)]
impl Person for Answered {
    async fn ask(&self, question: &Question) -> Answer {
        match self.answers.get(&question.check) {
            Some(answer) => Answer::Given(answer.clone()),
            None => self.then.ask(question).await,
        }
    }

    fn is_there(&self) -> bool {
        self.then.is_there()
    }
}

/// Somebody at the keyboard.
pub struct AtTerminal {
    progress: Progress,
    asked: Cell<u32>,
    /// Rung where the person presses Ctrl-C at a question: the terminal sends no signal then.
    interrupted: Rc<Notify>,
}

impl AtTerminal {
    /// Asks on standard error, with the progress line out of the way.
    pub fn new(progress: Progress, interrupted: Rc<Notify>) -> Self {
        AtTerminal { progress, asked: Cell::new(0), interrupted }
    }
}

#[async_trait(?Send)]
impl Person for AtTerminal {
    async fn ask(&self, question: &Question) -> Answer {
        if self.asked.get() >= MOST_QUESTIONS {
            return Answer::Nobody;
        }
        self.asked.set(self.asked.get() + 1);
        let text = escape(&question.text).into_owned();
        let choices = question.choices.clone();
        self.progress.pause();
        // The reader of keys blocks, so it gets a thread; at the deadline that thread is abandoned.
        let asked = Asking { progress: self.progress.clone() };
        let answer = tokio::task::spawn_blocking(move || prompt(&text, &choices, &Input::default())).await;
        drop(asked);
        match answer {
            Ok(Ok(Some(answer))) => Answer::Given(answer),
            Ok(Err(InquireError::OperationInterrupted)) => {
                self.interrupted.notify_one();
                Answer::Refused
            }
            Ok(Err(InquireError::NotTTY | InquireError::IO(_))) => Answer::Nobody,
            Ok(_) => Answer::Refused,
            Err(_) => Answer::Nobody,
        }
    }

    fn is_there(&self) -> bool {
        self.asked.get() < MOST_QUESTIONS
    }
}

/// Puts the terminal back in order, also where the run gives up the question at its deadline.
struct Asking {
    progress: Progress,
}

impl Drop for Asking {
    fn drop(&mut self) {
        if crossterm::terminal::is_raw_mode_enabled().unwrap_or(false) {
            let _ = crossterm::terminal::disable_raw_mode();
            let _ = crossterm::execute!(std::io::stderr(), crossterm::cursor::Show);
            tell("");
        }
        self.progress.resume();
    }
}

/// A choice as the person reads it.
struct Choice {
    value: Option<String>,
    label: String,
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.label)
    }
}

/// Asks; an empty answer is none. What `input` does not accept is said at once and asked again.
fn prompt(text: &str, choices: &[(String, String)], input: &Input) -> Result<Option<String>, InquireError> {
    if choices.is_empty() {
        let input = input.clone();
        let validator = move |answer: &str| {
            let answer = answer.trim();
            let accepted = if answer.is_empty() { Ok(()) } else { input.accepts(answer) };
            Ok(match accepted {
                Ok(()) => Validation::Valid,
                Err(why) => Validation::Invalid(escape(&format!("it {why}")).into_owned().into()),
            })
        };
        let question = inquire::Text::new(text).with_help_message("Enter alone if you do not know");
        let answer = question.with_validator(validator).prompt_skippable()?;
        return Ok(answer.map(|answer| answer.trim().to_owned()).filter(|answer| !answer.is_empty()));
    }
    let offers_unknown = choices.iter().any(|(value, _)| value == UNKNOWN);
    let options = choices
        .iter()
        .map(|(value, label)| Choice { value: Some(value.clone()), label: escape(label).into_owned() })
        // A question that offers it already has words of its own for it.
        .chain((!offers_unknown).then(|| Choice { value: None, label: DO_NOT_KNOW.to_owned() }))
        .collect();
    // What is typed would hide choices one by one, and a typing error all of them.
    let question = inquire::Select::new(text, options).without_filtering().with_help_message(HOW_TO_CHOOSE);
    Ok(question.prompt_skippable()?.and_then(|choice| choice.value))
}

/// Asks for an input that the playbook needs, before the run.
pub fn ask_for_input(input: &Input) -> Option<String> {
    let choices: Vec<(String, String)> = input.one_of.iter().map(|one| (one.clone(), one.clone())).collect();
    prompt(&escape(&input.ask), &choices, input).ok().flatten()
}

/// Asks for the password of a key; nothing of it is shown.
pub fn ask_for_password(question: &str) -> Option<String> {
    let prompt = inquire::Password::new(&escape(question)).without_confirmation().prompt();
    prompt.ok()
}

/// Asks whether this machine may be looked at. No answer is no consent.
pub fn ask_for_consent() -> bool {
    confirm("May Firstline look at this computer and write what it sees into a packet for support?")
}

/// Asks for a yes. No answer is a no.
pub fn confirm(question: &str) -> bool {
    inquire::Confirm::new(question).prompt().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Nobody;

    #[tokio::test]
    async fn answers_given_beforehand_are_used_first() {
        let person = Answered::new(BTreeMap::from([("other-machine".into(), "yes".into())]), Rc::new(Nobody));
        let question = |check: &str| Question { check: check.into(), text: String::new(), choices: Vec::new() };
        assert_eq!(person.ask(&question("other-machine")).await, Answer::Given("yes".into()));
        assert_eq!(person.ask(&question("since-when")).await, Answer::Nobody);
    }
}
