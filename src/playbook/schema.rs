//! The JSON Schema of playbooks for editors: completion, hints and the plainest mistakes while somebody writes. Draft 7,
//! which taplo and Even Better TOML read. What only the whole can tell stays with the linter.

use super::View;
use super::change;
use super::given::{CERTAINTIES, STATUSES};
use super::parse::{COSTS, KINDS, PLACES, PRIORS};
use super::when::{ELEMENTS, OUTCOMES, OVERS};
use crate::layer::Layer;
use crate::packet::case::{Scope, Urgency};
use crate::probe::{PROBES, Probe};
use crate::problem::PROBLEMS;
use crate::target;
use serde_json::{Map, Value, json};

const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// The schema of a playbook file.
pub fn playbook() -> Value {
    json!({
        "$schema": DRAFT,
        "title": "Firstline playbook",
        "description": "A symptom: what to look at, and what the results mean.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "schema": { "const": super::SCHEMA, "description": "The version of the language." },
            "id": word("The playbook's name for the command line."),
            "title": text("The symptom in a few words."),
            "says": texts("How users put it."),
            "impact": impact(),
            "urgency": urgency(),
            "include": texts("Built-in fragments, and files beside the playbook, whose parts belong to this one too."),
            "inputs": { "type": "object", "additionalProperties": { "$ref": "#/definitions/input" } },
            "check": list("check"),
            "cause": list("cause"),
            "test": list("test"),
        },
        "definitions": {
            "input": input(),
            "check": check(),
            "cause": cause(),
            "escalate": escalate(),
            "step": step(),
            "when": when(),
            "condition": condition(),
            "code": code(),
            "layer": words("A layer.", Layer::ALL.map(Layer::name)),
            "test": test(),
            "given": given(),
            "via": via(),
            "expect": expect(),
        },
    })
}

fn text(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

fn texts(about: &str) -> Value {
    json!({ "type": "array", "items": { "type": "string" }, "description": about })
}

fn flag(about: &str) -> Value {
    json!({ "type": "boolean", "description": about })
}

fn word(about: &str) -> Value {
    json!({ "type": "string", "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$", "description": about })
}

fn words<'w>(about: &str, words: impl IntoIterator<Item = &'w str>) -> Value {
    json!({ "enum": words.into_iter().collect::<Vec<_>>(), "description": about })
}

fn first<'w, T>(pairs: &[(&'w str, T)]) -> Vec<&'w str> {
    pairs.iter().map(|(word, _)| *word).collect()
}

fn list(of: &str) -> Value {
    json!({ "type": "array", "items": { "$ref": format!("#/definitions/{of}") } })
}

fn reference(to: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{to}") })
}

fn closed(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}

fn input() -> Value {
    closed(
        &["kind", "ask"],
        json!({
            "kind": words("What it takes.", first(KINDS)),
            "scheme": words("What a target is that names only a host.", target::schemes()),
            "ask": text("The question that a person is asked for it."),
            "default": { "type": ["string", "integer"], "description": "Used where nobody gives one." },
            "one_of": {
                "type": "array",
                "items": { "type": ["string", "integer"] },
                "description": "The only values that it can have.",
            },
            "pattern": text("What a text must be like: # is a digit, ? any character, * any number, [a-z] one of these."),
            "min": { "type": "integer", "description": "The smallest number." },
            "max": { "type": "integer", "description": "The largest number." },
            "wanted": text("What is wanted, for whoever gave something else: a ticket number such as INC0001234."),
        }),
    )
}

/// The keys that every check has; arguments come from its probe.
fn check_keys() -> Map<String, Value> {
    let keys = json!({
        "id": word("The name by which everything else speaks of this check."),
        "probe": words("The kind of check.", PROBES.iter().map(|probe| probe.name)),
        "title": text("What it is for, in a few words."),
        "goal": flag("This is the complaint itself."),
        "after": texts("The checks that must work for this one to work."),
        "may_affect": texts("The checks that this one could spoil without being on their way."),
        "control_for": texts("The checks that this one repeats with one thing swapped."),
        "when": reference("when"),
        "layer": reference("layer"),
        "cost": words("What it costs, if not what its probe does.", first(COSTS)),
        "context_required": words("Whose view it needs; with another one it is unknown.", first(View::WORDS)),
    });
    match keys {
        Value::Object(keys) => keys,
        _ => Map::new(),
    }
}

fn check() -> Value {
    let keys = check_keys();
    let arguments: Vec<Value> = PROBES.iter().map(|probe| arguments(probe, &keys)).collect();
    json!({ "type": "object", "required": ["id", "probe"], "properties": keys, "allOf": arguments })
}

/// Which arguments a check of this probe takes. Any of them may be a template, so no types: the linter knows them.
fn arguments(probe: &Probe, keys: &Map<String, Value>) -> Value {
    let params = (probe.params)().to_value();
    let taken = params.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let about = |field: &Value| match field.get("description") {
        Some(about) => json!({ "description": about }),
        None => json!({}),
    };
    let names: Vec<&String> = keys.keys().chain(taken.keys()).collect();
    let properties: Map<String, Value> = taken.iter().map(|(name, field)| (name.clone(), about(field))).collect();
    json!({
        "if": { "properties": { "probe": { "const": probe.name } } },
        "then": { "properties": properties, "propertyNames": { "enum": names } },
    })
}

fn cause() -> Value {
    closed(
        &["id", "layer", "title", "when", "plain"],
        json!({
            "id": word("Its name in tests and in the packet."),
            "layer": reference("layer"),
            "prior": words("How often it is this.", first(PRIORS)),
            "title": text("The cause in a few words, for the ticket."),
            "when": reference("when"),
            "culprit": text("The concrete thing: an interface, address, resolver, process."),
            "plain": text("One sentence for the user, in words that need no training."),
            "technical": text("One sentence for the next tier."),
            "workaround": {
                "type": "array",
                "items": { "anyOf": [{ "type": "string" }, reference("step")] },
                "description": "What gets the person working again, safest first; three are shown at a time.",
            },
            "verify": text("The check that must be ok when the fault is gone."),
            "escalate": {
                "anyOf": [reference("escalate"), list("escalate")],
                "description": "Whom to hand it to; of several rules the first that applies counts.",
            },
            "impact": impact(),
            "urgency": urgency(),
            "changes": {
                "type": "array",
                "items": topics("A layer, or one of the kinds."),
                "description": "What was changed where it is this, as a rule; its layer if not given.",
            },
            "kb": text("The article of your own knowledge base, as people find it."),
            "links": texts("Web addresses to read on at. Nothing opens them."),
            "code": reference("code"),
            "or_layer": reference("layer"),
            "suspected": flag("It is never more than suspected."),
            "degrades": flag("People feel it although the goal works right now."),
            "place": words("Where it sits: with the person's account, on this machine, in what its network shares, or at the target.", first(PLACES)),
            "security_stop": flag("A sign of an attack: stop, keep everything as it is, hand over."),
        }),
    )
}

fn escalate() -> Value {
    closed(
        &["to"],
        json!({
            "to": text("The team or vendor that takes it over; a name of `teams` in the settings is called as the site does."),
            "when": text("When, for the person who decides."),
            "if": reference("when"),
        }),
    )
}

fn topics(about: &str) -> Value {
    words(about, change::topics())
}

fn impact() -> Value {
    words("Who is affected, where nobody said.", Scope::WORDS.iter().copied())
}

fn urgency() -> Value {
    words("How soon it must be better, where nobody said.", Urgency::WORDS.iter().copied())
}

fn step() -> Value {
    closed(
        &["step"],
        json!({
            "step": text("What to do."),
            "risk": text("What may go wrong by it."),
            "undo": text("How to take it back."),
        }),
    )
}

fn when() -> Value {
    let about = "Statements that must all hold.";
    json!({ "anyOf": [list("condition"), reference("condition")], "description": about })
}

fn condition() -> Value {
    let value = json!({ "type": ["string", "number", "boolean"] });
    let number = json!({ "type": ["number", "string"], "description": "A number, or a text with a unit: `3 s`." });
    closed(
        &[],
        json!({
            "check": text("The check that it speaks about, or `case`."),
            "over": words("For how many of its subjects.", first(OVERS)),
            "outcome": words("It ended like this.", first(OUTCOMES)),
            "code": { "anyOf": [reference("code"), { "type": "string", "pattern": "^[a-z]+\\.\\*$" }] },
            "answer": text("The person gave this answer."),
            "via": words("It used an element of this kind.", first(ELEMENTS)),
            "fact": text("The fact that is compared."),
            "is": value,
            "not": value,
            "one_of": { "type": "array", "items": value },
            "above": number,
            "below": number,
            "contains": value,
            "known": flag("The fact is there and not empty."),
            "changed": topics("What changed of late: a layer, or one of the kinds."),
            "within": {
                "type": ["string", "number"],
                "description": "How long before, with a unit: `2 d`, `3 h`; all that is known if not given.",
            },
            "any": list("condition"),
            "all": list("condition"),
            "none": list("condition"),
        }),
    )
}

fn code() -> Value {
    words("A problem code.", PROBLEMS.iter().map(|(_, problem)| problem.code))
}

fn test() -> Value {
    let seen = json!({ "anyOf": [reference("given"), list("given")] });
    closed(
        &["name", "given", "expect"],
        json!({
            "name": text("What the test shows."),
            "given": { "type": "object", "additionalProperties": seen, "description": "What each check saw." },
            "expect": reference("expect"),
            "symptom": text("What the person stated."),
        }),
    )
}

fn given() -> Value {
    closed(
        &[],
        json!({
            "outcome": words("How it ended; a code means `problem`.", first(OUTCOMES)),
            "code": reference("code"),
            "also": { "type": "array", "items": reference("code"), "description": "Further codes." },
            "facts": { "type": "object" },
            "subject": text("What it looked at."),
            "certainty": words("Whether it was seen once or again.", first(CERTAINTIES)),
            "via": reference("via"),
        }),
    )
}

fn via() -> Value {
    let names = ["interface", "family", "source", "gateway", "resolver", "proxy", "peer", "trust"];
    let text = || json!({ "type": "string" });
    let properties: Map<String, Value> = names.into_iter().map(|name| (name.to_owned(), text())).collect();
    closed(&[], Value::Object(properties))
}

fn expect() -> Value {
    closed(
        &[],
        json!({
            "status": words("What the verdict must say.", first(STATUSES)),
            "layer": reference("layer"),
            "cause": text("The cause's id; `none` where no cause may be named."),
            "culprit": text("The concrete thing."),
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::lint::CHECK_KEYS;
    use crate::playbook::reader::TAKEN;
    use crate::playbook::{Registry, parse, when};
    use std::collections::BTreeSet;

    /// The tables of the language: how one is opened, what the parser calls it, and where the schema describes it.
    const TABLES: [(&str, &str, &str); 9] = [
        ("", "a playbook", "/properties"),
        ("[inputs.a]", "[inputs.NAME]", "/definitions/input/properties"),
        ("[[cause]]", "[[cause]]", "/definitions/cause/properties"),
        ("[[cause]]\n[cause.escalate]", "`escalate`", "/definitions/escalate/properties"),
        ("[[cause]]\n[[cause.workaround]]", "a step of `workaround`", "/definitions/step/properties"),
        ("[[test]]", "[[test]]", "/definitions/test/properties"),
        ("[[test]]\n[test.given.a]", "a given observation", "/definitions/given/properties"),
        ("[[test]]\n[test.given.a.via]", "`via`", "/definitions/via/properties"),
        ("[[test]]\n[test.expect]", "`expect`", "/definitions/expect/properties"),
    ];

    fn offered(path: &str) -> BTreeSet<String> {
        let schema = playbook();
        let found = schema.pointer(path).and_then(Value::as_object);
        found.unwrap_or_else(|| panic!("{path}")).keys().cloned().collect()
    }

    #[test]
    fn a_check_has_the_keys_that_are_no_arguments() {
        let keys: BTreeSet<String> = check_keys().keys().cloned().collect();
        assert_eq!(keys, CHECK_KEYS.map(str::to_owned).into());
    }

    #[test]
    fn a_condition_has_the_keys_that_the_parser_knows() {
        assert_eq!(offered("/definitions/condition/properties"), when::keys().map(str::to_owned).collect());
    }

    #[test]
    fn editors_offer_every_key_that_the_parser_takes_and_no_other() {
        for (header, what, path) in TABLES {
            TAKEN.take();
            parse::check("x", &format!("{header}\nsurely_unknown = 0\n"), &|_| None, Registry::all());
            let taken = TAKEN.take().remove(what).unwrap_or_else(|| panic!("{what} was not read"));
            assert_eq!(offered(path), taken.into_iter().map(str::to_owned).collect(), "{what}");
        }
    }
}
