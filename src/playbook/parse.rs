//! Reads a playbook: TOML with spans into a draft, includes resolved; `lint` then checks what only the whole can tell.
//! All mistakes are collected, so that an author sees them at once.

use super::given::{self, PlacedTest};
use super::mistake::{At, Kind, Mistake, Mistakes, Source, shown};
use super::reader::{Fields, Placed, Reader};
use super::when::{self, PlacedAtom};
use super::{Cause, Check, Escalate, Input, InputKind, Playbook, Prior, SCHEMA, lint};
use crate::diagnosis::evidence::CASE_CHECK;
use crate::layer::Layer;
use crate::observation::Facts;
use crate::probe::{Cost, PROBES, Probe};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// No playbook comes near this size; a larger file is something else.
pub const LARGEST: usize = 1 << 20;

/// Includes within includes: more is a maze for its reader.
const DEEPEST: usize = 8;

/// The words for layers.
pub(super) const LAYERS: &[(&str, Layer)] = &[
    ("link", Layer::Link),
    ("ip", Layer::Ip),
    ("route", Layer::Route),
    ("path", Layer::Path),
    ("vpn", Layer::Vpn),
    ("dns", Layer::Dns),
    ("proxy", Layer::Proxy),
    ("transport", Layer::Transport),
    ("tls", Layer::Tls),
    ("http", Layer::Http),
    ("application", Layer::Application),
    ("process", Layer::Process),
    ("host", Layer::Host),
];

const COSTS: &[(&str, Cost)] =
    &[("local", Cost::Local), ("network", Cost::Network), ("slow", Cost::Slow), ("person", Cost::Person)];

const PRIORS: &[(&str, Prior)] = &[("rare", Prior::Rare), ("occasional", Prior::Occasional), ("common", Prior::Common)];

const KINDS: &[(&str, InputKind)] = &[
    ("target", InputKind::Target),
    ("text", InputKind::Text),
    ("number", InputKind::Number),
    ("path", InputKind::Path),
];

/// Names that templates use for something else.
const RESERVED: &[&str] = &[
    CASE_CHECK,
    "inputs",
    "settings",
    "target",
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "true",
    "false",
    "none",
    "range",
    "dict",
    "namespace",
    "debug",
];

/// The probes that a playbook may use: those of the binary, or a small set in tests.
#[derive(Clone, Copy)]
pub struct Registry {
    probes: &'static [&'static Probe],
}

impl Registry {
    /// The probes of this binary.
    pub const fn all() -> Self {
        Registry { probes: PROBES }
    }

    /// A set of one's own.
    pub const fn of(probes: &'static [&'static Probe]) -> Self {
        Registry { probes }
    }

    /// The probe with this name.
    pub fn find(self, name: &str) -> Option<&'static Probe> {
        self.probes.iter().find(|probe| probe.name == name).copied()
    }

    /// All names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.probes.iter().map(|probe| probe.name)
    }
}

/// Finds the text of an included file by its name.
pub type Include<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads a playbook and checks it against the probes of this binary. Warnings do not stop it.
///
/// # Errors
/// All mistakes at once, where any of them keeps it from running.
pub fn parse(name: &str, text: &str, include: Include<'_>) -> Result<Playbook, Mistakes> {
    let (playbook, mistakes) = check(name, text, include, Registry::all());
    playbook.ok_or(mistakes)
}

/// Reads a playbook and tells everything that is wrong with it, warnings included. The playbook is there where it can
/// be run.
pub fn check(name: &str, text: &str, include: Include<'_>, registry: Registry) -> (Option<Playbook>, Mistakes) {
    read(name, text, include, registry, true)
}

/// Reads a playbook that a test of this program has checked: the cross-checks, which build the schema of every probe
/// used, are left out because each start would pay for them.
pub(super) fn read_trusted(name: &str, text: &str, include: Include<'_>) -> Result<Playbook, Mistakes> {
    let (playbook, mistakes) = read(name, text, include, Registry::all(), false);
    playbook.ok_or(mistakes)
}

fn read(
    name: &str,
    text: &str,
    include: Include<'_>,
    registry: Registry,
    thorough: bool,
) -> (Option<Playbook>, Mistakes) {
    let mut reading = Reading {
        registry,
        include,
        mistakes: Mistakes::default(),
        draft: Draft::default(),
        open: Vec::new(),
        hasher: Sha256::new(),
        lost: false,
    };
    let head = reading.file(name, text, true);
    let Reading { mut mistakes, draft, hasher, lost, .. } = reading;
    if thorough && !lost {
        lint::check(&draft, &head, registry, &mut mistakes);
        mistakes.drop_foreign_warnings();
    }
    mistakes.sort();
    let playbook = (mistakes.errors() == 0).then(|| draft.finish(head, name, hasher));
    (playbook, mistakes)
}

/// What only the playbook itself has.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub id: String,
    pub title: String,
    pub says: Vec<String>,
    pub at: At,
    pub texts: Vec<PlacedText>,
}

/// A text that templates may stand in.
#[derive(Debug, Clone)]
pub(super) struct PlacedText {
    pub text: String,
    pub at: At,
    pub fill: Fill,
}

/// Whether, and from what, a text is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// From everything.
    Everything,
    /// From the settings only, because nothing else is known yet.
    Settings,
    /// Not at all: braces in it are a mistake.
    Never,
}

/// A check and where its parts stand.
#[derive(Debug)]
pub(super) struct DraftCheck {
    pub check: Check,
    pub at: At,
    pub probe: At,
    pub after: Vec<At>,
    pub may_affect: Vec<At>,
    pub control_for: Vec<At>,
    pub atoms: Vec<PlacedAtom>,
    /// Name, place of the name, place of the value.
    pub args: Vec<(String, At, At)>,
    pub texts: Vec<PlacedText>,
}

/// A cause and where its parts stand.
#[derive(Debug)]
pub(super) struct DraftCause {
    pub cause: Cause,
    pub at: At,
    pub atoms: Vec<PlacedAtom>,
    pub verify: Option<At>,
    pub workaround: Vec<At>,
    pub texts: Vec<PlacedText>,
}

/// An input and where its parts stand.
#[derive(Debug)]
pub(super) struct DraftInput {
    pub name: String,
    pub input: Input,
    pub at: At,
    pub texts: Vec<PlacedText>,
}

/// A playbook of which each part can be read, and nothing is known yet about how they fit.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub inputs: Vec<DraftInput>,
    pub checks: Vec<DraftCheck>,
    pub causes: Vec<DraftCause>,
    pub tests: Vec<PlacedTest>,
}

impl Draft {
    fn finish(self, head: Head, name: &str, hasher: Sha256) -> Playbook {
        let hash = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Playbook {
            id: head.id,
            title: head.title,
            says: head.says,
            inputs: self.inputs.into_iter().map(|input| (input.name, input.input)).collect::<BTreeMap<_, _>>(),
            checks: self.checks.into_iter().map(|check| check.check).collect(),
            causes: self.causes.into_iter().map(|cause| cause.cause).collect(),
            tests: self.tests.into_iter().map(|test| test.test).collect(),
            origin: name.to_owned(),
            hash,
        }
    }
}

/// Which of the items so far came from where, for what an including file may replace.
#[derive(Clone, Copy)]
struct Reach {
    /// Items before this index are of files that this one does not include.
    foreign: usize,
    /// Items from this index on are this file's own.
    own: usize,
}

struct Reading<'a> {
    registry: Registry,
    include: Include<'a>,
    mistakes: Mistakes,
    draft: Draft,
    /// Names of the files that are being read, outermost first.
    open: Vec<String>,
    hasher: Sha256,
    /// Whether something could not be read at all: then a name that is not there may only be lost, and the cross-checks
    /// would blame the wrong line.
    lost: bool,
}

impl Reading<'_> {
    /// Reads one file with all that it includes.
    fn file(&mut self, name: &str, text: &str, outermost: bool) -> Head {
        let source = self.mistakes.sources.len();
        self.mistakes.sources.push(Source { name: name.to_owned(), text: text.to_owned() });
        self.hasher.update((text.len() as u64).to_le_bytes());
        self.hasher.update(text.as_bytes());
        let mut head = Head { at: At { source, span: 0..0 }, ..Head::default() };
        if text.len() > LARGEST {
            let message = format!("the text has {} bytes; the most that is read is {LARGEST}", text.len());
            self.mistakes.add(Mistake::new(Kind::TooLarge, &head.at, message));
            self.lost = true;
            return head;
        }
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let at = At { source, span: error.span().unwrap_or(0..0) };
            self.mistakes.add(Mistake::new(Kind::Syntax, &at, format!("not valid TOML: {}", error.message())));
        }
        self.lost |= !errors.is_empty();
        if errors.is_empty() {
            self.open.push(name.to_owned());
            let fields = Fields::new("a playbook", table.get_ref(), head.at.clone());
            self.body(fields, &mut head, source, outermost);
            self.open.pop();
        }
        head
    }

    fn body(&mut self, mut fields: Fields<'_>, head: &mut Head, source: usize, outermost: bool) {
        let before = [self.draft.inputs.len(), self.draft.checks.len(), self.draft.causes.len()];
        let mut reader = Reader { mistakes: &mut self.mistakes, source };
        schema(&mut reader, &mut fields, outermost);
        read_head(&mut reader, &mut fields, head, outermost);
        for included in fields.texts(&mut reader, "include") {
            self.included(&included);
        }
        let reach = |index: usize, own: usize| Reach { foreign: before[index], own };
        let reaches =
            [reach(0, self.draft.inputs.len()), reach(1, self.draft.checks.len()), reach(2, self.draft.causes.len())];
        let mut reader = Reader { mistakes: &mut self.mistakes, source };
        let draft = &mut self.draft;
        let (mut lost, registry) = (false, self.registry);
        if let Some(value) = fields.get("inputs") {
            let inputs = reader.table("[inputs]", "inputs", value);
            lost |= inputs.is_none();
            for (name, value) in inputs.iter().flat_map(Fields::all) {
                let at = reader.at(name);
                match read_input(&mut reader, name.get_ref(), &at, value) {
                    Some(input) => {
                        put(&mut reader, &mut draft.inputs, input, reaches[0], "input", |it| (&it.name, &it.at));
                    }
                    None => lost = true,
                }
            }
        }
        for fields in section(&mut reader, &mut fields, "[[check]]", "check", &mut lost) {
            match read_check(&mut reader, fields, registry) {
                Some(check) => {
                    put(&mut reader, &mut draft.checks, check, reaches[1], "check", |it| (&it.check.id, &it.at));
                }
                None => lost = true,
            }
        }
        for fields in section(&mut reader, &mut fields, "[[cause]]", "cause", &mut lost) {
            match read_cause(&mut reader, fields) {
                Some(cause) => {
                    put(&mut reader, &mut draft.causes, cause, reaches[2], "cause", |it| (&it.cause.id, &it.at));
                }
                None => lost = true,
            }
        }
        for fields in section(&mut reader, &mut fields, "[[test]]", "test", &mut lost) {
            match given::read(&mut reader, fields) {
                Some(test) => draft.tests.push(test),
                None => lost = true,
            }
        }
        self.lost |= lost;
        fields.deny_rest(&mut reader);
    }

    fn included(&mut self, name: &Placed<String>) {
        if self.open.contains(&name.value) || self.open.len() > DEEPEST {
            let message = format!("`{}` includes itself, or files include each other too deeply", shown(&name.value));
            self.mistakes.add(Mistake::new(Kind::IncludeLoop, &name.at, message));
            return;
        }
        if self.mistakes.sources.iter().any(|source| source.name == name.value) {
            // Two fragments may build on the same third one.
            return;
        }
        match (self.include)(&name.value) {
            Some(text) => {
                self.file(&name.value, &text, false);
            }
            None => {
                self.lost = true;
                let message = format!("there is no file or built-in fragment `{}`", shown(&name.value));
                self.mistakes.add(
                    Mistake::new(Kind::IncludeMissing, &name.at, message)
                        .help("name a built-in fragment, or a file beside the playbook, such as `common.toml`"),
                );
            }
        }
    }
}

/// Adds an item; one with the same id from an included file is replaced, any other is a mistake.
fn put<T>(
    reader: &mut Reader<'_>,
    items: &mut Vec<T>,
    item: T,
    reach: Reach,
    what: &str,
    key: impl Fn(&T) -> (&String, &At),
) {
    let (id, at) = key(&item);
    match items.iter().position(|other| key(other).0 == id) {
        Some(index) if (reach.foreign..reach.own).contains(&index) => items[index] = item,
        Some(index) => {
            let message = format!("there are two {what}s with the id `{}`", shown(id));
            reader.add(
                Mistake::new(Kind::Duplicate, at, message)
                    .label("the second")
                    .related(key(&items[index]).1, "the first"),
            );
        }
        None => items.push(item),
    }
}

fn section<'t>(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'t>,
    what: &'static str,
    key: &'static str,
    lost: &mut bool,
) -> Vec<Fields<'t>> {
    let Some(value) = fields.get(key) else { return Vec::new() };
    let tables = reader.tables(what, key, value);
    *lost |= value.get_ref().as_array().is_none_or(|items| items.len() != tables.len());
    tables
}

/// A fragment is read with its playbook and needs no version of its own.
fn schema(reader: &mut Reader<'_>, fields: &mut Fields<'_>, outermost: bool) {
    let Some(value) = fields.get("schema") else {
        if !outermost {
            return;
        }
        let message = "a playbook lacks `schema`";
        reader.add(Mistake::new(Kind::MissingKey, &fields.at, message).help(format!("add `schema = {SCHEMA}`")));
        return;
    };
    let at = reader.at(value);
    match reader.number("schema", value) {
        Some(number) if number == f64::from(SCHEMA) => {}
        Some(number) => {
            let message = format!("the playbook is written for version {number} of the language");
            reader.add(
                Mistake::new(Kind::WrongSchema, &at, message).help(format!("this program reads `schema = {SCHEMA}`")),
            );
        }
        None => {}
    }
}

/// Reads what the playbook says about itself. An included file may say it too, so that a whole playbook can be
/// included, but need not.
fn read_head(reader: &mut Reader<'_>, fields: &mut Fields<'_>, head: &mut Head, outermost: bool) {
    let (id, title) = match outermost {
        true => (
            fields.need(reader, "id", "a kebab-case word that `firstline run` takes"),
            fields.need(reader, "title", "the symptom in a few words"),
        ),
        false => (fields.text(reader, "id"), fields.text(reader, "title")),
    };
    let says = fields.texts(reader, "says");
    if let Some(id) = id {
        kebab(reader, &id, &[]);
        head.at = id.at;
        head.id = id.value;
    }
    head.texts.extend(title.iter().chain(&says).map(|text| placed(text, Fill::Never)));
    head.title = title.map(|text| text.value).unwrap_or_default();
    head.says = says.into_iter().map(|text| text.value).collect();
}

fn placed(text: &Placed<String>, fill: Fill) -> PlacedText {
    PlacedText { text: text.value.clone(), at: text.at.clone(), fill }
}

/// Ids are words that can be typed, and that a template can name with `_` for `-`.
fn kebab(reader: &mut Reader<'_>, id: &Placed<String>, reserved: &[&str]) {
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !id.value.split('-').all(word) || !id.value.starts_with(|first: char| first.is_ascii_lowercase()) {
        let folded: String =
            id.value.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let parts: Vec<&str> = folded.split('-').filter(|part| !part.is_empty()).collect();
        let better = parts.join("-");
        let mut mistake = Mistake::new(Kind::BadId, &id.at, format!("`{}` is no kebab-case word", shown(&id.value)));
        if better.starts_with(|first: char| first.is_ascii_lowercase()) {
            mistake = mistake.help(format!("write `{}`", shown(&better)));
        }
        reader.add(mistake);
    } else if reserved.contains(&id.value.as_str()) {
        let message = format!("`{}` is a word of the language", id.value);
        reader.add(Mistake::new(Kind::BadId, &id.at, message).help("choose another id"));
    }
}

fn read_input(reader: &mut Reader<'_>, name: &str, at: &At, value: &Spanned<DeValue<'_>>) -> Option<DraftInput> {
    let mut fields = reader.table("[inputs.NAME]", name, value)?;
    let id = Placed { value: name.to_owned(), at: at.clone() };
    // `target` is the natural name of the input that is the target.
    let reserved: Vec<&str> = RESERVED.iter().copied().filter(|word| *word != "target").collect();
    kebab(reader, &Placed { value: name.replace('_', "-"), ..id }, &reserved);
    let kind = read_kind(reader, &mut fields);
    let ask = fields.need(reader, "ask", "the question that a person is asked for it");
    let default = fields.get("default").and_then(|value| read_default(reader, value));
    fields.deny_rest(reader);
    let mut texts: Vec<PlacedText> = ask.iter().map(|text| placed(text, Fill::Never)).collect();
    texts.extend(default.iter().map(|text| placed(text, Fill::Settings)));
    let input = Input { kind: kind?, ask: ask?.value, default: default.map(|text| text.value) };
    Some(DraftInput { name: name.to_owned(), input, at: at.clone(), texts })
}

fn read_kind(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<InputKind> {
    if !fields.has("kind") {
        let help = "one of `target`, `text`, `number`, `path`";
        reader.add(Mistake::new(Kind::MissingKey, &fields.at, "[inputs.NAME] lacks `kind`").help(help));
    }
    fields.word(reader, "kind", KINDS)
}

fn read_default(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Option<Placed<String>> {
    match value.get_ref() {
        DeValue::Integer(_) => {
            reader.plain_value("default", value).map(|it| Placed { value: it.value.to_string(), at: it.at })
        }
        _ => reader.text("default", value),
    }
}

fn read_check(reader: &mut Reader<'_>, mut fields: Fields<'_>, registry: Registry) -> Option<DraftCheck> {
    let id = fields.need(reader, "id", "a kebab-case word by which conditions name the check");
    if let Some(id) = &id {
        kebab(reader, id, RESERVED);
    }
    let probe = fields.need(reader, "probe", "`firstline list probes` shows the kinds of check");
    let known = probe.as_ref().and_then(|probe| find_probe(reader, probe, registry));
    let title = fields.text(reader, "title");
    let layer = fields.word(reader, "layer", LAYERS);
    let cost = fields.word(reader, "cost", COSTS);
    let goal = fields.flag(reader, "goal");
    let after = fields.texts(reader, "after");
    let may_affect = fields.texts(reader, "may_affect");
    let control_for = fields.texts(reader, "control_for");
    let when = fields.get("when").map(|value| when::read(reader, value)).unwrap_or_default();
    let mut texts: Vec<PlacedText> = title.iter().map(|text| placed(text, Fill::Never)).collect();
    let mut args = Facts::new();
    let mut arg_places = Vec::new();
    for (key, value) in fields.rest() {
        let name = key.get_ref().to_string();
        arg_places.push((name.clone(), reader.at(key), reader.at(value)));
        templates(reader, value, &mut texts);
        if let Some(json) = reader.json(&name, value) {
            args.insert(name, json);
        }
    }
    let (id, probe) = (id?, probe?);
    let (ids, ats) = (|list: &[Placed<String>]| values(list), |list: Vec<Placed<String>>| places(list));
    let check = Check {
        id: id.value,
        probe: probe.value,
        title: title.map(|text| text.value),
        layer: layer.or(known.map(|probe| probe.layer)).unwrap_or(Layer::Host),
        cost: cost.or(known.map(|probe| probe.cost)).unwrap_or(Cost::Network),
        goal,
        after: ids(&after),
        may_affect: ids(&may_affect),
        control_for: ids(&control_for),
        when: when.condition,
        args,
    };
    Some(DraftCheck {
        check,
        at: id.at,
        probe: probe.at,
        after: ats(after),
        may_affect: ats(may_affect),
        control_for: ats(control_for),
        atoms: when.atoms,
        args: arg_places,
        texts,
    })
}

fn find_probe(reader: &mut Reader<'_>, probe: &Placed<String>, registry: Registry) -> Option<&'static Probe> {
    let known = registry.find(&probe.value);
    if known.is_none() {
        let message = format!("there is no probe `{}`", shown(&probe.value));
        reader.add(Mistake::new(Kind::UnknownProbe, &probe.at, message).suggest(&probe.value, registry.names()));
    }
    known
}

/// Every text in an argument, however deep.
fn templates(reader: &Reader<'_>, value: &Spanned<DeValue<'_>>, into: &mut Vec<PlacedText>) {
    match value.get_ref() {
        DeValue::String(text) => {
            into.push(PlacedText { text: text.to_string(), at: reader.at(value), fill: Fill::Everything });
        }
        DeValue::Array(items) => items.iter().for_each(|item| templates(reader, item, into)),
        DeValue::Table(table) => table.values().for_each(|item| templates(reader, item, into)),
        _ => {}
    }
}

fn values(list: &[Placed<String>]) -> Vec<String> {
    list.iter().map(|item| item.value.clone()).collect()
}

fn places(list: Vec<Placed<String>>) -> Vec<At> {
    list.into_iter().map(|item| item.at).collect()
}

fn read_cause(reader: &mut Reader<'_>, mut fields: Fields<'_>) -> Option<DraftCause> {
    let id = fields.need(reader, "id", "a kebab-case word by which tests and packets name the cause");
    if let Some(id) = &id {
        // A test says `none` where no cause may be named.
        kebab(reader, id, &["none"]);
    }
    if !fields.has("layer") {
        let help = "the layer that is to blame, such as `layer = \"dns\"`";
        reader.add(Mistake::new(Kind::MissingKey, &fields.at, "[[cause]] lacks `layer`").help(help));
    }
    let layer = fields.word(reader, "layer", LAYERS);
    let prior = fields.word(reader, "prior", PRIORS).unwrap_or(Prior::Occasional);
    let title = fields.need(reader, "title", "the cause in a few words, for the ticket");
    let plain = fields.need(reader, "plain", "one sentence for the user, in words that need no training");
    let when = match fields.get("when") {
        Some(value) => when::read(reader, value),
        None => {
            let help = "the list of conditions under which this is the cause";
            reader.add(Mistake::new(Kind::MissingKey, &fields.at, "[[cause]] lacks `when`").help(help));
            when::PlacedCondition::default()
        }
    };
    let code = fields.text(reader, "code").and_then(|word| when::code(reader, &word));
    let culprit = fields.text(reader, "culprit");
    let technical = fields.text(reader, "technical");
    let workaround = fields.texts(reader, "workaround");
    let verify = fields.text(reader, "verify");
    let degrades = fields.flag(reader, "degrades");
    let security_stop = fields.flag(reader, "security_stop");
    let escalate = fields.get("escalate").and_then(|value| reader.table("`escalate`", "escalate", value));
    let escalate = escalate.and_then(|fields| read_escalate(reader, fields));
    fields.deny_rest(reader);

    let mut texts: Vec<PlacedText> =
        title.iter().chain(&plain).chain(&culprit).chain(&technical).chain(&workaround).map(filled).collect();
    if let Some((_, never)) = &escalate {
        texts.extend(never.iter().cloned());
    }
    let id = id?;
    let cause = Cause {
        id: id.value,
        layer: layer?,
        prior,
        title: title?.value,
        when: when.condition?,
        code,
        culprit: culprit.map(|text| text.value),
        plain: plain?.value,
        technical: technical.map(|text| text.value),
        workaround: values(&workaround),
        verify: verify.as_ref().map(|text| text.value.clone()),
        escalate: escalate.map(|(escalate, _)| escalate),
        degrades,
        security_stop,
    };
    let (verify, workaround) = (verify.map(|text| text.at), places(workaround));
    Some(DraftCause { cause, at: id.at, atoms: when.atoms, verify, workaround, texts })
}

fn filled(text: &Placed<String>) -> PlacedText {
    placed(text, Fill::Everything)
}

fn read_escalate(reader: &mut Reader<'_>, mut fields: Fields<'_>) -> Option<(Escalate, Vec<PlacedText>)> {
    let to = fields.need(reader, "to", "the team or vendor that takes it over");
    let when = fields.text(reader, "when");
    fields.deny_rest(reader);
    let texts = to.iter().chain(&when).map(|text| placed(text, Fill::Never)).collect();
    let when = when.map(|text| text.value).unwrap_or_default();
    Some((Escalate { to: to?.value, when }, texts))
}
