//! What was said on the command line, resolved: playbook loaded, target typed, settings merged. Later code never sees
//! an option for "flag not given".

use crate::case_file;
use crate::cli::{DEFAULT_DEADLINE, RunFlags, What};
use crate::error::{Error, Result, closest};
use crate::packet::case::field::Field;
use crate::packet::case::heard::Heard;
use crate::packet::redact::{Level, mask};
use crate::packet::{Case, Consent};
use crate::playbook::trust::Trust;
use crate::playbook::{Input, InputKind, Playbook, View, builtin};
use crate::settings::Settings;
use crate::sys;
use crate::target::Target;
use std::collections::BTreeMap;
use std::time::Duration;

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Until the verdict is settled.
    #[default]
    Quick,
    /// Everything, for the packet.
    Full,
    /// One check at a time: the pure binary search.
    OneByOne,
}

/// One run, complete.
#[derive(Debug, Clone)]
pub struct Request {
    /// Random id of the run, 16 hexadecimal digits: the name of its spool, and in its packet.
    pub id: String,
    /// By what right it looks at this machine.
    pub consent: Consent,
    /// By whose word the playbook may start programs; one that does is only loaded where somebody vouches for it.
    pub trust: Trust,
    pub playbook: Playbook,
    /// Inputs by name, as text; the target's own text under the name of its input.
    pub inputs: BTreeMap<String, String>,
    /// The input of kind target, read.
    pub target: Option<Target>,
    pub settings: Settings,
    /// What people said: symptom, ticket, answers given beforehand.
    pub case: Case,
    pub deadline: Duration,
    pub mode: Mode,
    /// How much its packet hides.
    pub redaction: Level,
}

/// Asks the person for an input; none where nobody is there or nobody knows.
pub type Asker<'a> = &'a dyn Fn(&Input) -> Option<String>;

impl Request {
    /// The command that makes this run again with another view.
    pub fn again_with(&self, view: View) -> String {
        let playbook = if self.playbook.origin == builtin::ORIGIN { &self.playbook.id } else { &self.playbook.origin };
        let target = self.target.as_ref().map(|target| format!(" {}", mask(&target.text))).unwrap_or_default();
        let command = format!("firstline run {playbook}{target}");
        match view {
            View::User => format!("type `{command}` as the person, without administrator rights"),
            View::System | View::Elevated => sys::as_administrator(&command),
        }
    }

    /// Resolves what was said. `playbook` is what the first word of the command line led to.
    ///
    /// # Errors
    /// Where an input is missing or cannot be read, or an input, question or target does not exist in the playbook.
    pub fn build(
        mut playbook: Playbook,
        what: &What,
        flags: &RunFlags,
        settings: Settings,
        ask: Asker<'_>,
    ) -> Result<Request> {
        playbook.name_teams(&settings.teams);
        let words = Words::sort(&playbook, what);
        let mut given: BTreeMap<String, Said> = named_inputs(&playbook, &flags.set)?;
        if let Some(text) = words.target {
            given.insert(input_for_target(&playbook, text)?, Said::word(text));
        }
        let mut inputs = BTreeMap::new();
        let mut target = None;
        let mut pointed_at = None;
        for (name, input) in &playbook.inputs {
            let said = match given.remove(name) {
                Some(said) => said,
                None => missing(&playbook, name, input, &settings, ask)?,
            };
            let value = match said.read(&playbook, name, input)? {
                Value::Target(read) => {
                    let text = read.text.clone();
                    // A default is what the playbook looks at, not what somebody complained about.
                    if said.by != By::Default {
                        pointed_at.get_or_insert(text.clone());
                    }
                    target.get_or_insert(read);
                    text
                }
                Value::Text(text) => text,
            };
            inputs.insert(name.clone(), value);
        }
        let mut case = case(flags, words.symptom)?;
        case.target = pointed_at;
        case.answers = answers(&playbook, &flags.answer)?;
        answered_by_the_case(&playbook, &mut case);
        let deadline = flags.deadline.unwrap_or(DEFAULT_DEADLINE);
        let mode = match (flags.full, flags.one_by_one) {
            (true, _) => Mode::Full,
            (_, true) => Mode::OneByOne,
            _ => Mode::Quick,
        };
        let id = run_id();
        let consent = Consent::NotAsked;
        let trust = Trust::Unsigned { why: Vec::new() };
        let redaction = flags.redact.unwrap_or(settings.redaction);
        Ok(Request { id, consent, trust, playbook, inputs, target, settings, case, deadline, mode, redaction })
    }
}

/// An id that no other run has.
pub fn run_id() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// The words of the command line by what they are.
struct Words<'a> {
    target: Option<&'a str>,
    symptom: Option<String>,
}

impl<'a> Words<'a> {
    /// The first word is a symptom where it is neither the playbook's id nor its file; what comes second is a target
    /// unless it is plainly a sentence.
    fn sort(playbook: &Playbook, what: &'a What) -> Self {
        let named = what.playbook == playbook.id || std::path::Path::new(&what.playbook).exists();
        let mut words: Vec<&str> = if named { Vec::new() } else { vec![&what.playbook] };
        let address = |text: &str| text.split_whitespace().next().is_some_and(|word| word.contains("://"));
        let sentence = |text: &str| text.trim().contains(' ') && !address(text);
        let target = what.target.as_deref().filter(|text| !sentence(text));
        if target.is_none() {
            words.extend(what.target.as_deref());
        }
        words.extend(what.words.iter().map(String::as_str));
        Words { target, symptom: (!words.is_empty()).then(|| words.join(" ")) }
    }
}

/// A value of an input, and who gave it: whoever reads that it is no good must find it.
struct Said {
    value: String,
    by: By,
}

/// Who gave a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// `--set NAME=VALUE`.
    Flag,
    /// The word after the playbook.
    Word,
    /// A person who was asked.
    Person,
    /// The playbook itself.
    Default,
}

enum Value {
    Target(Target),
    Text(String),
}

impl Said {
    fn word(text: &str) -> Said {
        Said { value: text.to_owned(), by: By::Word }
    }

    /// Reads the value as the input wants it.
    fn read(&self, playbook: &Playbook, name: &str, input: &Input) -> Result<Value> {
        let value = if input.kind == InputKind::Number { self.value.trim() } else { &self.value };
        // A default that is empty means "none"; who says nothing means nothing.
        if value.is_empty() && self.by == By::Default {
            return Ok(Value::Text(String::new()));
        }
        let hint = || match input.kind {
            InputKind::Target => {
                "a target is a URL (https://crm.example), a host (crm.example) or host:port (10.0.0.7:3389)".to_owned()
            }
            _ => format!("firstline run {} --set {name}=...   ({})", playbook.id, input.ask),
        };
        if input.kind == InputKind::Target {
            return input.target(value).map(Value::Target).map_err(|why| Error::usage(why).hint(hint()));
        }
        match input.accepts(value) {
            Ok(()) => Ok(Value::Text(value.to_owned())),
            Err(why) => Err(Error::usage(format!("{}: `{name}` {why}", self.place(playbook, name))).hint(hint())),
        }
    }

    fn place(&self, playbook: &Playbook, name: &str) -> String {
        match self.by {
            By::Flag => format!("--set {name}={}", self.value),
            By::Word => format!("the second word, {}", self.value),
            By::Person => "the answer".to_owned(),
            By::Default => format!("the default in `{}`", playbook.id),
        }
    }
}

fn named_inputs(playbook: &Playbook, set: &[(String, String)]) -> Result<BTreeMap<String, Said>> {
    for (name, _) in set {
        if !playbook.inputs.contains_key(name) {
            let names = playbook.inputs.keys().map(String::as_str);
            return Err(Error::usage(format!("the playbook `{}` has no input `{name}`", playbook.id))
                .maybe_hint(suggestion(name, names)));
        }
    }
    let by_flag = |(name, value): &(String, String)| (name.clone(), Said { value: value.clone(), by: By::Flag });
    Ok(set.iter().map(by_flag).collect())
}

fn suggestion<'a>(typed: &str, names: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
    match closest(typed, names.clone()) {
        Some(name) => Some(format!("did you mean `{name}`?")),
        None => {
            let all: Vec<&str> = names.collect();
            (!all.is_empty()).then(|| format!("there is {}", all.join(", ")))
        }
    }
}

/// The input that the second word fills: the target, else the only one, else the only one without a default.
fn input_for_target(playbook: &Playbook, text: &str) -> Result<String> {
    let inputs = &playbook.inputs;
    let of_kind = inputs.iter().find(|(_, input)| input.kind == InputKind::Target);
    let single = || {
        let mut required = inputs.iter().filter(|(_, input)| inputs.len() == 1 || input.default.is_none());
        required.next().filter(|_| required.next().is_none())
    };
    match of_kind.or_else(single) {
        Some((name, _)) => Ok(name.clone()),
        None => Err(Error::usage(format!("the playbook `{}` takes no target, but `{text}` was given", playbook.id))
            .hint(format!("firstline run {}", playbook.id))),
    }
}

/// An input that was not given: its default, or what the person answers.
fn missing(playbook: &Playbook, name: &str, input: &Input, settings: &Settings, ask: Asker<'_>) -> Result<Said> {
    if let Some(default) = &input.default {
        let filled = fill(default, settings).map_err(|error| {
            Error::playbook(format!("the default of `{name}` in `{}` cannot be used", playbook.id)).because(&error)
        })?;
        return Ok(Said { value: filled, by: By::Default });
    }
    let answer = ask(input).map(|value| Said { value, by: By::Person });
    answer.ok_or_else(|| {
        let hint = match input.kind {
            InputKind::Target => format!("firstline run {} https://the.page.that.fails", playbook.id),
            _ => format!("firstline run {} --set {name}=...", playbook.id),
        };
        Error::usage(format!("the playbook `{}` needs `{name}`: {}", playbook.id, input.ask)).hint(hint)
    })
}

fn answers(playbook: &Playbook, answers: &[(String, String)]) -> Result<BTreeMap<String, String>> {
    for (check, _) in answers {
        if playbook.check(check).is_none() {
            let questions = playbook.checks.iter().filter(|check| check.probe == "ask").map(|check| check.id.as_str());
            return Err(Error::usage(format!("the playbook `{}` asks no question `{check}`", playbook.id))
                .maybe_hint(suggestion(check, questions)));
        }
    }
    Ok(answers.iter().cloned().collect())
}

/// What the case file, the words of the command line and the flags say; the later of them win.
fn case(flags: &RunFlags, symptom: Option<String>) -> Result<Case> {
    let mut case = flags.case.as_deref().map(case_file::load).transpose()?.unwrap_or_default();
    let mut said = Case { symptom, ..Case::default() };
    let named =
        [("ticket", &flags.ticket), ("symptom", &flags.symptom), ("error", &flags.error), ("since", &flags.since)];
    let named = named.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?.clone())));
    let tried = flags.tried.iter().map(|text| ("tried", text.clone()));
    let others = flags.said.iter().map(|(name, text)| (name.as_str(), text.clone()));
    for (name, text) in named.chain(tried).chain(others) {
        let field = Field::find(name).ok_or_else(|| {
            Error::usage(format!("the case has no field `{name}`")).maybe_hint(suggestion(name, Field::names()))
        })?;
        let refused = |why: String| {
            Error::usage(format!("`{name}` cannot take this: {why}"))
                .hint(format!("{} (`unknown` is an answer)", field.asks))
        };
        said.say(field, &text).map_err(refused)?;
    }
    case.overrule(&said);
    Ok(case)
}

/// Nobody is asked what the case says already.
fn answered_by_the_case(playbook: &Playbook, case: &mut Case) {
    for (check, heard) in playbook.checks.iter().filter_map(|check| Some((check, Heard::of(check)?))) {
        let choices = check.args.get("answers").and_then(serde_json::Value::as_object);
        let choices = choices.into_iter().flat_map(|choices| choices.keys().map(String::as_str));
        if let Some(answer) = heard.answered(case, choices) {
            case.answers.entry(check.id.clone()).or_insert_with(|| answer.to_owned());
        }
    }
}

/// A default that is a template over the settings.
fn fill(template: &str, settings: &Settings) -> std::result::Result<String, minijinja::Error> {
    let scope = BTreeMap::from([("settings", settings)]);
    minijinja::Environment::new().render_str(template, minijinja::value::Serde(scope))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playbook() -> Playbook {
        let ask = "Which address fails?".into();
        let target = Input { kind: InputKind::Target, ask, ..Input::default() };
        Playbook { id: "one-site-fails".into(), inputs: [("target".into(), target)].into(), ..Playbook::default() }
    }

    fn what(playbook: &str, target: Option<&str>, words: &[&str]) -> What {
        What {
            playbook: playbook.into(),
            target: target.map(str::to_owned),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
        }
    }

    fn build(playbook: Playbook, what: &What, flags: &RunFlags) -> Result<Request> {
        Request::build(playbook, what, flags, Settings::default(), &|_| None)
    }

    #[test]
    fn the_words_find_their_places() {
        let cases = [
            (what("one-site-fails", Some("crm.test"), &[]), "crm.test", None),
            (what("the crm is down", Some("https://crm.test"), &[]), "https://crm.test", Some("the crm is down")),
            (what("one-site-fails", Some("crm.test"), &["since", "noon"]), "crm.test", Some("since noon")),
        ];
        for (what, target, symptom) in cases {
            let request = build(playbook(), &what, &RunFlags::default()).unwrap();
            assert_eq!(request.inputs["target"], target);
            assert_eq!(request.case.target.as_deref(), Some(target));
            assert_eq!(request.case.symptom.as_deref(), symptom);
        }
    }

    #[test]
    fn a_sentence_in_second_place_is_the_symptom() {
        let flags = RunFlags { set: vec![("target".into(), "crm.test".into())], ..RunFlags::default() };
        let request = build(playbook(), &what("one-site-fails", Some("it says error 503"), &[]), &flags).unwrap();
        assert_eq!(request.case.symptom.as_deref(), Some("it says error 503"));
    }

    #[test]
    fn what_was_said_comes_together_and_nobody_is_asked_twice() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "since = \"monday\"\nscope = \"one\"\nother_device = \"works\"\n").unwrap();
        let flags = RunFlags {
            case: Some(file.path().to_owned()),
            since: Some("tuesday".into()),
            tried: vec!["restarted=no change".into()],
            said: vec![("effect".into(), "blocked".into())],
            ..RunFlags::default()
        };
        let mut playbook = playbook();
        let mut question = crate::playbook::Check {
            id: "other-machine".into(),
            probe: "ask".into(),
            cost: crate::probe::Cost::Person,
            ..crate::playbook::Check::default()
        };
        question.args.insert("answers".into(), serde_json::json!({ "yes": "it works there", "no": "there too" }));
        let heard = serde_json::json!({ "field": "other_device", "yes": "works", "no": "fails" });
        question.args.insert("case".into(), heard);
        playbook.checks.push(question);
        let case = build(playbook, &what("one-site-fails", Some("crm.test"), &[]), &flags).unwrap().case;
        assert_eq!((case.since.as_deref(), case.tried.len()), (Some("tuesday"), 1));
        assert_eq!(case.answers["other-machine"], "yes");
        for (name, value, expected) in
            [("efect", "x", "did you mean `effect`?"), ("effect", "x", "is none of: blocked")]
        {
            let flags = RunFlags { said: vec![(name.into(), value.into())], ..RunFlags::default() };
            let error = build(self::playbook(), &what("one-site-fails", Some("crm.test"), &[]), &flags).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn credentials_are_dropped() {
        let said = what("one-site-fails", Some("https://bob:hunter2@crm.test/"), &[]);
        let request = build(playbook(), &said, &RunFlags::default()).unwrap();
        assert!(!format!("{request:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_wrong_is_said_with_the_next_command() {
        let set = |name: &str| RunFlags { set: vec![(name.into(), "x".into())], ..RunFlags::default() };
        let answer = RunFlags { answer: vec![("mood".into(), "good".into())], ..RunFlags::default() };
        let none = RunFlags::default();
        let plain = Playbook { id: "this-machine".into(), ..Playbook::default() };
        let given = what("one-site-fails", Some("crm.test"), &[]);
        let cases = [
            (playbook(), what("one-site-fails", None, &[]), none.clone(), "needs `target`: Which address fails?"),
            (playbook(), what("one-site-fails", Some("gopher://x"), &[]), none.clone(), "`gopher` is not a scheme"),
            (playbook(), what("one-site-fails", Some("ht!tp://x y"), &[]), none.clone(), "`ht!tp` is not a scheme"),
            (playbook(), what("one-site-fails", Some(" "), &[]), none.clone(), "an empty text is no target"),
            (playbook(), given.clone(), set("targt"), "did you mean `target`?"),
            (playbook(), given.clone(), answer, "asks no question `mood`"),
            (plain, what("this-machine", Some("crm.test"), &[]), none, "takes no target"),
        ];
        for (playbook, what, flags, expected) in cases {
            let error = build(playbook, &what, &flags).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected} is not in {error}");
        }
    }

    #[test]
    fn a_value_that_is_no_good_is_refused_where_it_was_given() {
        let lines = Input {
            kind: InputKind::Number,
            ask: "How many lines?".into(),
            default: Some("{{ settings.packet_bytes }}".into()),
            max: Some(50),
            ..Input::default()
        };
        let mut playbook = playbook();
        playbook.inputs.insert("lines".into(), lines);
        let given = what("one-site-fails", Some("crm.test"), &[]);
        let set = |value: &str| RunFlags { set: vec![("lines".into(), value.into())], ..RunFlags::default() };
        for (flags, expected) in [
            (set("many"), "--set lines=many: `lines` must be a whole number of at most 50, not `many`"),
            (set("51"), "hint: firstline run one-site-fails --set lines=...   (How many lines?)"),
            (RunFlags::default(), "the default in `one-site-fails`: `lines` must be"),
        ] {
            let error = build(playbook.clone(), &given, &flags).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected} is not in {error}");
        }
        assert_eq!(build(playbook, &given, &set(" 7 ")).unwrap().inputs["lines"], "7");
    }

    #[test]
    fn defaults_come_from_the_settings() {
        let mut playbook = playbook();
        playbook.inputs.get_mut("target").unwrap().default = Some("{{ settings.control_url }}".into());
        let request = build(playbook, &what("one-site-fails", None, &[]), &RunFlags::default()).unwrap();
        assert_eq!(request.inputs["target"], Settings::default().control_url);
        assert_eq!(request.case.target, None, "nobody complained about it");
    }
}
