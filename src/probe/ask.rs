//! A question to the person, where only a person can know.

use super::argument::{optional, words};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Outcome, Skip};
use crate::packet::case::heard::Heard;
use crate::problem::Code;
use crate::world::{Answer, Question};
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "ask",
    layer: Layer::Host,
    cost: Cost::Person,
    summary: "asks the person something that this machine cannot know",
    about: "Shows the question and the possible answers on a terminal and waits. Without a terminal nobody is asked and \
the answer is `unknown`; `--answer CHECK=VALUE` answers beforehand. Conditions compare the fact `answer`.",
    contacts: Contacts::NONE,
    burden: Burden::of("half a minute of two people"),
    codes: &[Code::AskFault],
    params: schema_of::<Params>,
    facts: schema_of::<AskFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// Characters that are kept of a free answer.
const MOST_CHARACTERS: usize = 200;

/// Parameters of `ask`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// The question.
    pub question: String,
    /// Possible answers: the value that conditions compare, and what the person reads. None for free text.
    #[schemars(with = "BTreeMap<String, String>")]
    pub answers: Map<String, Value>,
    /// Values that by themselves report a fault.
    #[serde(deserialize_with = "words")]
    pub fault: Vec<String>,
    /// The field of the case that the answer fills: its name, or a table of `field` and the field's word for each
    /// answer.
    #[serde(deserialize_with = "field_of_the_case")]
    #[schemars(with = "String")]
    pub case: (),
    /// An answer that was given beforehand.
    #[serde(deserialize_with = "optional")]
    pub answer: Option<String>,
}

/// Only checked here: the run takes the answer over when it ends.
fn field_of_the_case<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    Heard::read(&Value::deserialize(deserializer)?).map(drop).map_err(D::Error::custom)
}

/// Facts of `ask`.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct AskFacts {
    /// The value of the answer; the text itself where there was no choice.
    pub answer: String,
    /// What the person read.
    pub meaning: Option<String>,
    /// The question.
    pub question: String,
    /// It was answered before the run.
    pub beforehand: bool,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    vec![ask(look, params).await]
}

async fn ask(look: &Look<'_>, params: Params) -> Observation {
    if let Some(answer) = &params.answer {
        return judge(look, &params, answer, true);
    }
    let question = Question {
        check: look.check.to_owned(),
        text: params.question.clone(),
        choices: params.answers.iter().map(|(value, meaning)| (value.clone(), text(meaning))).collect(),
    };
    match tokio::time::timeout_at(look.deadline, look.world.person.ask(&question)).await {
        Ok(Answer::Given(answer)) => judge(look, &params, &answer, false),
        Ok(Answer::Refused) => {
            let summary = format!("not answered: {}", params.question);
            let mut observation =
                Observation::new(look.probe.name, look.layer, look.check, None, Outcome::Skipped, summary);
            observation.skip = Some(Skip::RefusedByPerson);
            observation
        }
        Ok(Answer::Nobody) => look.unknown(None, "nobody to ask"),
        Err(_) => look.unknown(None, "nobody answered before the run had to end"),
    }
}

fn judge(look: &Look<'_>, params: &Params, answer: &str, beforehand: bool) -> Observation {
    let answer: String = answer.trim().chars().take(MOST_CHARACTERS).collect();
    if !params.answers.is_empty() && !params.answers.contains_key(&answer) {
        let known: Vec<&str> = params.answers.keys().map(String::as_str).collect();
        return look.unknown(None, &format!("`{answer}` is not one of the answers ({})", known.join(", ")));
    }
    let meaning = params.answers.get(&answer).map(text);
    let summary = format!("{} {}", params.question, meaning.as_deref().unwrap_or(&answer));
    let observation = if params.fault.contains(&answer) {
        look.problem(None, Code::AskFault, summary)
    } else {
        look.ok(None, summary)
    };
    observation.facts(&AskFacts { answer, meaning, question: params.question.clone(), beforehand })
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::testing::{look_at, look_with};
    use crate::sys::Machine;
    use crate::world::Person;
    use async_trait::async_trait;
    use serde_json::json;

    struct Plain;
    impl Machine for Plain {}

    struct Says(Answer);

    #[async_trait(?Send)]
    impl Person for Says {
        async fn ask(&self, question: &Question) -> Answer {
            assert_eq!(question.choices.first(), Some(&("yes".to_owned(), "only here".to_owned())));
            self.0.clone()
        }

        fn is_there(&self) -> bool {
            true
        }
    }

    async fn seen(answer: Answer, mut args: Value, beforehand: Option<&str>) -> Observation {
        if let Some(beforehand) = beforehand {
            args["answer"] = beforehand.into();
        }
        look_with(&PROBE, Plain, Says(answer), args).await.remove(0)
    }

    #[tokio::test]
    async fn answers_refusals_and_absence_are_told_apart() {
        let args = json!({ "question": "Works elsewhere?", "answers": { "yes": "only here", "no": "there too" }, "fault": ["no"] });
        let given = |value: &str| Answer::Given(value.to_owned());
        for (answer, beforehand, outcome, code) in [
            (given("yes"), None, Outcome::Ok, None),
            (given("no"), None, Outcome::Problem, Some(Code::AskFault)),
            (given("maybe"), None, Outcome::Unknown, None),
            (Answer::Nobody, None, Outcome::Unknown, None),
            (Answer::Nobody, Some("yes"), Outcome::Ok, None),
            (Answer::Nobody, Some("perhaps"), Outcome::Unknown, None),
            (Answer::Refused, None, Outcome::Skipped, None),
        ] {
            let what = format!("{answer:?} {beforehand:?}");
            let observation = seen(answer, args.clone(), beforehand).await;
            assert_eq!((observation.outcome, observation.code), (outcome, code), "{what}");
        }
        let yes = seen(given("yes"), args, None).await;
        assert_eq!((&yes.facts["answer"], &yes.facts["meaning"]), (&json!("yes"), &json!("only here")));
    }

    #[tokio::test]
    async fn nobody_is_there_without_a_terminal() {
        let observation = look_at(&PROBE, Plain, json!({ "question": "Free?" })).await.remove(0);
        assert_eq!(observation.reason.as_deref(), Some("nobody to ask"));
    }
}
