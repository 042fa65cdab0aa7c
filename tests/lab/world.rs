//! A world: what a user would say, the fault as a change to a healthy scene, what must be seen on the wire, and the one
//! right verdict.

use crate::proof::Eyes;
use crate::scene::Scene;
use serde_json::Value;
use std::time::Duration;

/// A world, as its file declares it.
#[derive(Clone, Copy)]
pub struct World {
    /// Kebab-case, unique.
    pub name: &'static str,
    /// What the user says.
    pub says: &'static str,
    /// Playbook and target; without a target an empty text.
    pub run: (&'static str, &'static str),
    /// Further arguments.
    pub arguments: &'static [&'static str],
    /// The fault.
    pub fault: fn(&mut Scene),
    /// What plain sockets on the client must see, so that the fault is known to be there.
    pub proof: fn(&Eyes) -> Result<(), String>,
    /// The right verdict.
    pub expect: Expect,
    /// The rule of DESIGN section 5 that a simpler one would break here (1 to 8) and how the simpler one goes wrong; zero
    /// where the world is not about a rule.
    pub rule: (u8, &'static str),
    /// Why the verdict is still wrong. Such a world is published as wrong and does not fail the lab; once it is right, the
    /// text has to go, and it may not become wrong again. Empty where the verdict is right.
    pub known_wrong: &'static str,
    /// Whether nothing else may run on the machine meanwhile, because the verdict is about its processors or memory.
    pub alone: bool,
}

/// The right verdict. What is empty is not compared.
#[derive(Clone, Copy)]
pub struct Expect {
    pub status: &'static str,
    /// Another status that is right as well, where the fault itself leaves it to luck whether the target is reached.
    pub or_status: &'static str,
    /// Any of these is right.
    pub layer: &'static [&'static str],
    pub cause: &'static [&'static str],
    pub code: &'static [&'static str],
    pub culprit: Culprit,
    /// The check that decides: the verdict's `because` names an observation of it.
    pub decides: &'static str,
    /// Layers and things that must not be blamed: neither by the verdict nor beside it.
    pub innocent: &'static [&'static str],
    /// Layers of independent faults that must stand beside the verdict.
    pub also: &'static [&'static str],
    /// Layers of checks that a fault hides and that must be named as not tested.
    pub hidden: &'static [&'static str],
    pub certainty: &'static str,
    /// The longest time to the verdict, in seconds; `DEFAULT_SECONDS` where it is zero.
    pub seconds: f64,
}

/// The thing to blame.
#[derive(Clone, Copy)]
pub enum Culprit {
    NotCompared,
    Is(&'static str),
    Contains(&'static str),
    /// Any of these parts.
    OneOf(&'static [&'static str]),
}

/// The longest time to a verdict where a world does not say: confirmed silence takes about 3.5 s, and the machine is
/// shared with other worlds.
const DEFAULT_SECONDS: f64 = 8.0;

/// What every world is unless it says otherwise.
pub const WORLD: World = World {
    name: "",
    says: "",
    run: ("one-site-fails", "https://www.example.test/"),
    arguments: &[],
    fault: |_| {},
    proof: |_| Ok(()),
    expect: NOTHING,
    rule: (0, ""),
    known_wrong: "",
    alone: false,
};

/// An expectation that compares nothing.
pub const NOTHING: Expect = Expect {
    status: "",
    or_status: "",
    layer: &[],
    cause: &[],
    code: &[],
    culprit: Culprit::NotCompared,
    decides: "",
    innocent: &[],
    also: &[],
    hidden: &[],
    certainty: "",
    seconds: 0.0,
};

/// The target works.
pub const HEALTHY: Expect = Expect { status: "healthy", seconds: 4.0, ..NOTHING };

/// The target does not work, and this layer is to blame.
pub const fn fault(layer: &'static [&'static str], code: &'static [&'static str], culprit: Culprit) -> Expect {
    Expect { status: "fault", layer, code, culprit, ..NOTHING }
}

/// The target works, but badly, and this layer is to blame.
pub const fn degraded(layer: &'static [&'static str], code: &'static [&'static str], culprit: Culprit) -> Expect {
    Expect { status: "degraded", ..fault(layer, code, culprit) }
}

impl World {
    /// The command line of the program under test.
    pub fn command_line(&self) -> Vec<&'static str> {
        let (playbook, target) = self.run;
        let mut line = vec!["run", playbook];
        if !target.is_empty() {
            line.push(target);
        }
        line.extend(["--format", "json", "--no-input"]);
        line.extend(self.arguments);
        line
    }
}

impl Expect {
    /// The longest time to the verdict.
    pub fn limit(&self) -> Duration {
        Duration::from_secs_f64(if self.seconds > 0.0 { self.seconds } else { DEFAULT_SECONDS })
    }

    /// What is wrong with a packet, one line for each difference.
    pub fn differences(&self, packet: &Value) -> Vec<String> {
        let verdict = &packet["verdict"];
        let mut differences = Vec::new();
        let mut compare = |what: &str, right: &[&str], actual: &Value| {
            let actual = actual.as_str().unwrap_or("none");
            if !right.is_empty() && !right.contains(&actual) {
                differences.push(format!("{what}: expected {}, got {actual}", right.join(" or ")));
            }
        };
        let statuses = [self.status, self.or_status];
        let status = if self.or_status.is_empty() { &statuses[..1] } else { &statuses };
        let certainty = [self.certainty];
        compare("status", if self.status.is_empty() { &[] } else { status }, &verdict["status"]);
        compare("layer", self.layer, &verdict["layer"]);
        compare("cause", self.cause, &verdict["cause"]);
        compare("code", self.code, &verdict["code"]);
        compare("certainty", if self.certainty.is_empty() { &[] } else { &certainty }, &verdict["certainty"]);
        differences.extend(self.culprit.difference(verdict["culprit"].as_str()));
        differences.extend(self.undecided_by(packet));
        differences.extend(self.blamed_innocents(verdict).map(|name| format!("blamed: {name} is innocent")));
        differences.extend(missing("beside the verdict", self.also, &verdict["also"]));
        differences.extend(missing("among what was not tested", self.hidden, &verdict["not_tested"]));
        differences
    }

    /// The innocents that a verdict blames, or something beside it.
    pub fn blamed_innocents<'a>(&'a self, verdict: &'a Value) -> impl Iterator<Item = &'a &'static str> {
        self.innocent.iter().filter(|name| is_blamed(verdict, name))
    }
}

impl Expect {
    /// Whether the verdict rests on something else than the check that decides.
    fn undecided_by(&self, packet: &Value) -> Option<String> {
        let list = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
        let because = list(&packet["verdict"]["because"]);
        let decides = list(&packet["observations"])
            .iter()
            .any(|observation| observation["check"] == self.decides && because.contains(&observation["id"]));
        (!self.decides.is_empty() && !decides)
            .then(|| format!("because: expected an observation of `{}`, got {because:?}", self.decides))
    }
}

impl Culprit {
    /// What is wrong with a culprit; none where it is right.
    pub fn difference(&self, actual: Option<&str>) -> Option<String> {
        let has = |part: &str| actual.is_some_and(|actual| actual.contains(part));
        let (right, wanted) = match self {
            Culprit::NotCompared => return None,
            Culprit::Is(wanted) => (actual == Some(*wanted), (*wanted).to_owned()),
            Culprit::Contains(part) => (has(part), format!("something with `{part}`")),
            Culprit::OneOf(parts) => (parts.iter().any(|part| has(part)), parts.join(" or ")),
        };
        (!right).then(|| format!("culprit: expected {wanted}, got {}", actual.unwrap_or("none")))
    }
}

/// Whether the verdict, or what stands beside it, blames a layer or a thing of this name.
fn is_blamed(verdict: &Value, name: &str) -> bool {
    let says = |value: &Value| value.as_str().is_some_and(|text| text == name);
    let contains = |value: &Value| value.as_str().is_some_and(|text| text.contains(name));
    let in_list = |list: &Value, test: &dyn Fn(&Value) -> bool| list.as_array().is_some_and(|all| all.iter().any(test));
    // A culprit may hold a layer's word by chance (`http://...`), so layers are looked for where layers stand.
    let is_layer = verdict["findings"].as_array().is_some_and(|all| all.iter().any(|finding| says(&finding["layer"])));
    says(&verdict["layer"])
        || (!is_layer && contains(&verdict["culprit"]))
        || in_list(&verdict["also"], &|also| says(&also["layer"]) || contains(&also["culprit"]))
        || in_list(&verdict["findings"], &|finding| says(&finding["layer"]) && finding["status"] == "problem")
}

fn missing<'a>(place: &'a str, layers: &'a [&'a str], list: &'a Value) -> impl Iterator<Item = String> + 'a {
    let entries = list.as_array().map(Vec::as_slice).unwrap_or_default();
    layers
        .iter()
        .filter(move |layer| !entries.iter().any(|entry| entry["layer"].as_str() == Some(layer)))
        .map(move |layer| format!("{layer} is not {place}"))
}
