//! Reads a playbook: TOML with spans into a draft, includes resolved; `lint` then checks what only the whole can tell.
//! All mistakes are collected, so that an author sees them at once.

mod input;
mod parts;

pub(super) use self::input::KINDS;
use self::input::read_input;
pub(super) use self::parts::{COSTS, PLACES, PRIORS};
use self::parts::{kebab, placed, read_cause, read_check, read_gravity};
use super::draft::{Draft, DraftCause, DraftCheck, DraftInput, Fill, Head};
use super::given::{self, PlacedTest};
use super::lint::{self, Trust};
use super::mistake::{At, Kind, Mistake, Mistakes, Source, shown};
use super::reader::{Fields, Placed, Reader};
use super::{Playbook, SCHEMA};
use crate::probe::{PROBES, Probe};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::rc::Rc;
use toml::de::DeTable;

/// No playbook comes near this size; a larger file is something else.
pub const LARGEST: usize = 1 << 20;

/// Includes within includes: more is a maze for its reader.
const DEEPEST: usize = 8;

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
pub type Include<'a> = &'a dyn Fn(&str) -> Option<Cow<'static, str>>;

/// Reads a playbook and checks it against the probes of this binary. Warnings do not stop it.
///
/// # Errors
/// All mistakes at once, where any of them keeps it from running.
pub fn parse(name: &str, text: &str, include: Include<'_>) -> Result<Playbook, Mistakes> {
    let (playbook, mistakes) = check(name, text, include, Registry::all());
    playbook.ok_or(mistakes)
}

/// Why a playbook is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To be run: what it includes of the binary is taken as checked, where it fits together.
    Run,
    /// To tell its author everything.
    Author,
    /// To look at the whole library: what is included is remembered, and looked at once.
    Library,
}

/// Reads a playbook and tells everything that is wrong with it, warnings included. The playbook is there where it can
/// be run.
pub fn check(name: &str, text: &str, include: Include<'_>, registry: Registry) -> (Option<Playbook>, Mistakes) {
    Reading::new(include, registry, Purpose::Author).examined(name, text.to_owned().into()).finish()
}

/// Reads a playbook for a run, which would pay at each start for looking again at what is built in: of that it is asked
/// only whether the checks are there. The mistakes are of what somebody wrote.
pub fn for_run(name: &str, text: &str, include: Include<'_>) -> (Option<Playbook>, Mistakes) {
    Reading::new(include, Registry::all(), Purpose::Run).examined(name, text.to_owned().into()).finish()
}

/// Everything that is wrong with a playbook, warnings included, for whoever does not want to run it.
pub(super) fn mistakes(name: &str, text: &'static str, include: Include<'_>, registry: Registry) -> Mistakes {
    let mut mistakes = Reading::new(include, registry, Purpose::Library).examined(name, text.into()).mistakes;
    mistakes.sort();
    mistakes
}

/// Reads a playbook that a test of this program has checked, up to this byte: the cross-checks, which build the schema of
/// every probe used, are left out because each start would pay for them.
pub(super) fn read_trusted(
    name: &str,
    text: &'static str,
    until: usize,
    include: Include<'_>,
) -> Result<Playbook, Mistakes> {
    let mut reading = Reading::new(include, Registry::all(), Purpose::Run);
    let source = reading.open_text(name, text.into());
    reading.head = reading.take_over(name, source, Rc::new(part(&text[..until], source, reading.registry, true)));
    let (playbook, mistakes) = reading.finish();
    playbook.ok_or(mistakes)
}

/// Which of the items so far came from where, for what an including file may replace.
#[derive(Clone, Copy)]
struct Reach {
    /// Items before this index are of files that this one does not include.
    foreign: usize,
    /// Items from this index on are this file's own.
    own: usize,
}

/// What one file says, apart from what it includes.
#[derive(Debug, Default)]
struct Part {
    head: Head,
    includes: Vec<Placed<String>>,
    inputs: Vec<Rc<DraftInput>>,
    checks: Vec<Rc<DraftCheck>>,
    causes: Vec<Rc<DraftCause>>,
    tests: Vec<Rc<PlacedTest>>,
    mistakes: Mistakes,
    /// Whether something could not be read at all.
    lost: bool,
}

/// A file that was read: which one, as the how-manieth text, with which probes. Places in a part name their text by number.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Which {
    name: String,
    source: usize,
    probes: *const &'static Probe,
}

/// Parts that are remembered at a time; the library has a handful.
const REMEMBERED: usize = 32;

/// What was read, each with its text.
type Parts = HashMap<Which, (String, Rc<Part>)>;

thread_local! {
    /// What was read of included files: nearly all playbooks include the same few fragments, and whoever
    /// looks at one playbook often looks at the whole library. Never taken apart, for the same reason as the linter's shapes.
    static PARTS: RefCell<ManuallyDrop<Parts>> = RefCell::default();
}

struct Reading<'a> {
    registry: Registry,
    include: Include<'a>,
    purpose: Purpose,
    head: Head,
    mistakes: Mistakes,
    draft: Draft,
    /// Names of the files that are being read, outermost first.
    open: Vec<String>,
    hasher: Sha256,
    /// Whether something could not be read at all: then a name that is not there may only be lost, and the cross-checks
    /// would blame the wrong line.
    lost: bool,
    /// Whether a file replaced what it includes by something of another kind: what else was included may speak of what is
    /// no more.
    replaced: bool,
}

impl<'a> Reading<'a> {
    fn new(include: Include<'a>, registry: Registry, purpose: Purpose) -> Self {
        Reading {
            registry,
            include,
            purpose,
            head: Head::default(),
            mistakes: Mistakes::default(),
            draft: Draft::default(),
            open: Vec::new(),
            hasher: Sha256::new(),
            lost: false,
            replaced: false,
        }
    }

    /// Reads a playbook and checks the whole of it.
    fn examined(mut self, name: &str, text: Cow<'static, str>) -> Self {
        self.head = self.file(name, text, true);
        if !self.lost {
            let trust = match self.purpose {
                _ if self.replaced => Trust::Nothing,
                Purpose::Run => Trust::BuiltIn,
                Purpose::Author => Trust::Nothing,
                Purpose::Library => Trust::LookedAt,
            };
            lint::check(&self.draft, &self.head, self.registry, trust, &mut self.mistakes);
            self.mistakes.drop_foreign_warnings();
        }
        self
    }

    /// The playbook, where nothing keeps it from running.
    fn finish(self) -> (Option<Playbook>, Mistakes) {
        let Reading { mut mistakes, head, draft, hasher, .. } = self;
        mistakes.sort();
        let playbook = (mistakes.errors() == 0).then(|| draft.finish(head, &mistakes.sources, hasher));
        (playbook, mistakes)
    }

    /// Reads one file with all that it includes.
    fn file(&mut self, name: &str, text: Cow<'static, str>, outermost: bool) -> Head {
        let source = self.open_text(name, text.clone());
        let part = match self.purpose == Purpose::Library && !outermost {
            true => remembered(name, &text, source, self.registry),
            false => Rc::new(part(&text, source, self.registry, outermost)),
        };
        self.take_over(name, source, part)
    }

    /// Counts one more text as a part of the playbook.
    fn open_text(&mut self, name: &str, text: Cow<'static, str>) -> usize {
        // Whoever looks for mistakes in the library keeps no playbook that could be told by its hash.
        if self.purpose != Purpose::Library {
            self.hasher.update((text.len() as u64).to_le_bytes());
            self.hasher.update(text.as_bytes());
        }
        self.mistakes.sources.push(Source { name: name.to_owned(), text });
        self.mistakes.sources.len() - 1
    }

    /// Adds what a file includes, and then what it says itself.
    fn take_over(&mut self, name: &str, source: usize, part: Rc<Part>) -> Head {
        self.lost |= part.lost;
        part.mistakes.iter().for_each(|mistake| self.mistakes.add(mistake.clone()));
        self.open.push(name.to_owned());
        self.merge(&part, source);
        self.open.pop();
        part.head.clone()
    }

    fn merge(&mut self, part: &Part, source: usize) {
        let before = [self.draft.inputs.len(), self.draft.checks.len(), self.draft.causes.len()];
        for included in &part.includes {
            self.included(included);
        }
        let draft = &mut self.draft;
        let reach = |index: usize, own: usize| Reach { foreign: before[index], own };
        let reaches = [reach(0, draft.inputs.len()), reach(1, draft.checks.len()), reach(2, draft.causes.len())];
        let mut reader = Reader { mistakes: &mut self.mistakes, source };
        for input in &part.inputs {
            let before = put(&mut reader, &mut draft.inputs, input, reaches[0], "input", |it| (&it.name, &it.at));
            self.replaced |= before.is_some_and(|before| before.input.kind != input.input.kind);
        }
        for check in &part.checks {
            let before = put(&mut reader, &mut draft.checks, check, reaches[1], "check", |it| (&it.check.id, &it.at));
            self.replaced |= before.is_some_and(|before| !before.shows_the_same(check));
        }
        for cause in &part.causes {
            put(&mut reader, &mut draft.causes, cause, reaches[2], "cause", |it| (&it.cause.id, &it.at));
        }
        draft.tests.extend(part.tests.iter().cloned());
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
                self.file(&name.value, text, false);
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

/// What an included file says, read once for all playbooks that include it in the same place.
fn remembered(name: &str, text: &str, source: usize, registry: Registry) -> Rc<Part> {
    PARTS.with_borrow_mut(|parts| {
        let which = Which { name: name.to_owned(), source, probes: registry.probes.as_ptr() };
        if let Some((read, part)) = parts.get(&which)
            && read == text
        {
            return part.clone();
        }
        if parts.len() >= REMEMBERED {
            parts.clear();
        }
        let part = Rc::new(part(text, source, registry, false));
        parts.insert(which, (text.to_owned(), part.clone()));
        part
    })
}

/// Reads one file, without what it includes.
fn part(text: &str, source: usize, registry: Registry, outermost: bool) -> Part {
    let mut part = Part::default();
    let at = At { source, span: 0..0 };
    part.head.at = at.clone();
    if text.len() > LARGEST {
        let message = format!("the text has {} bytes; the most that is read is {LARGEST}", text.len());
        part.mistakes.add(Mistake::new(Kind::TooLarge, &at, message));
        part.lost = true;
        return part;
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = At { source, span: error.span().unwrap_or(0..0) };
        part.mistakes.add(Mistake::new(Kind::Syntax, &at, format!("not valid TOML: {}", error.message())));
    }
    part.lost = !errors.is_empty();
    if errors.is_empty() {
        part.body(Fields::new("a playbook", table.get_ref(), at), source, registry, outermost);
    }
    part
}

impl Part {
    fn body(&mut self, mut fields: Fields<'_>, source: usize, registry: Registry, outermost: bool) {
        let mut reader = Reader { mistakes: &mut self.mistakes, source };
        if !speaks_this_version(&mut reader, &mut fields, outermost) {
            // What another version of the language means by its keys is not known here.
            self.lost = true;
            return;
        }
        read_head(&mut reader, &mut fields, &mut self.head, outermost);
        self.includes = fields.texts(&mut reader, "include");
        let mut lost = false;
        if let Some(value) = fields.get("inputs") {
            let inputs = reader.table("[inputs]", "inputs", value);
            lost |= inputs.is_none();
            for (name, value) in inputs.iter().flat_map(Fields::all) {
                let at = reader.at(name);
                keep(&mut self.inputs, read_input(&mut reader, name.get_ref(), &at, value), &mut lost);
            }
        }
        for fields in section(&mut reader, &mut fields, "[[check]]", "check", &mut lost) {
            keep(&mut self.checks, read_check(&mut reader, fields, registry), &mut lost);
        }
        for fields in section(&mut reader, &mut fields, "[[cause]]", "cause", &mut lost) {
            keep(&mut self.causes, read_cause(&mut reader, fields), &mut lost);
        }
        for fields in section(&mut reader, &mut fields, "[[test]]", "test", &mut lost) {
            keep(&mut self.tests, given::read(&mut reader, fields), &mut lost);
        }
        self.lost |= lost;
        fields.deny_rest(&mut reader);
    }
}

/// Keeps what could be read, and notes where something could not.
fn keep<T>(items: &mut Vec<Rc<T>>, read: Option<T>, lost: &mut bool) {
    *lost |= read.is_none();
    items.extend(read.map(Rc::new));
}

/// Adds an item; one with the same id from an included file is replaced and given back, any other is a mistake.
fn put<T>(
    reader: &mut Reader<'_>,
    items: &mut Vec<Rc<T>>,
    item: &Rc<T>,
    reach: Reach,
    what: &str,
    key: impl Fn(&T) -> (&String, &At),
) -> Option<Rc<T>> {
    let (id, at) = key(item);
    match items.iter().position(|other| key(other).0 == id) {
        Some(index) if (reach.foreign..reach.own).contains(&index) => {
            return Some(std::mem::replace(&mut items[index], item.clone()));
        }
        Some(index) => {
            let message = format!("there are two {what}s with the id `{}`", shown(id));
            reader.add(
                Mistake::new(Kind::Duplicate, at, message)
                    .label("the second")
                    .related(key(&items[index]).1, "the first"),
            );
        }
        None => items.push(item.clone()),
    }
    None
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

/// Whether the text is written for this version of the language, or does not say. A fragment is read with its playbook
/// and needs no version of its own.
fn speaks_this_version(reader: &mut Reader<'_>, fields: &mut Fields<'_>, outermost: bool) -> bool {
    let Some(value) = fields.get("schema") else {
        if outermost {
            let message = "a playbook lacks `schema`";
            let help = format!("add `schema = {SCHEMA}`");
            reader.add(Mistake::new(Kind::MissingKey, &fields.at, message).help(help));
        }
        return true;
    };
    let at = reader.at(value);
    let version = reader.number("schema", value);
    if let Some(other) = version.filter(|version| *version != f64::from(SCHEMA)) {
        let message = format!("the playbook is written for version {other} of the language");
        let newer = if other > f64::from(SCHEMA) { "; a newer one may read it" } else { "" };
        let help = format!("this program reads `schema = {SCHEMA}`{newer}");
        reader.add(Mistake::new(Kind::WrongSchema, &at, message).help(help));
        return false;
    }
    true
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
    head.gravity = read_gravity(reader, fields);
    if let Some(id) = id {
        kebab(reader, &id, &[]);
        head.at = id.at;
        head.id = id.value;
    }
    head.texts.extend(title.iter().chain(&says).map(|text| placed(text, Fill::Never)));
    head.title = title.map(|text| text.value).unwrap_or_default();
    head.says = says.into_iter().map(|text| text.value).collect();
}
