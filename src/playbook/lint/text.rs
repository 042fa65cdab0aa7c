//! Templates in texts: whether every name in them exists where they are filled.

use super::{Lint, is_open, properties, property};
use crate::diagnosis::evidence::CASE_CHECK;
use crate::playbook::InputKind;
use crate::playbook::change::CHANGES_CHECK;
use crate::playbook::draft::{Fill, PlacedText};
use crate::playbook::mistake::{At, Kind, Mistake, shown};
use crate::playbook::template::{self, FIXED_ROOTS, OBSERVATION_NAMES, TARGET_NAMES, variable};
use std::collections::BTreeSet;

impl Lint<'_> {
    pub(super) fn texts(&mut self, texts: &[PlacedText]) {
        for text in texts.iter().filter(|text| text.fill != Fill::Never) {
            self.other_braces(text);
        }
        for text in texts.iter().filter(|text| template::is_template(&text.text)) {
            if text.fill == Fill::Never {
                let at = self.within(text, text.text.find('{').map(|start| start..start + 2));
                let help = "templates are filled in arguments, and in title, plain, technical, culprit and workaround \
                            of a cause";
                self.add(Mistake::new(Kind::BadTemplate, &at, "no template is filled here").help(help));
                continue;
            }
            match template::inspect(&text.text) {
                Err((why, range)) => {
                    let at = self.within(text, range);
                    self.add(Mistake::new(Kind::BadTemplate, &at, why));
                }
                Ok(paths) => {
                    for path in paths.iter() {
                        self.path(path, text);
                    }
                }
            }
        }
    }

    /// Single braces around a name that a template could fill: other languages write it so, this one does not.
    fn other_braces(&mut self, text: &PlacedText) {
        let Some((range, name)) = single_braces(&text.text) else { return };
        let root = name.split('.').next().unwrap_or_default();
        let is_input = self.draft.inputs.iter().any(|input| variable(&input.name) == root);
        let is_known = is_input || FIXED_ROOTS.contains(&root) || root == CASE_CHECK || root == CHANGES_CHECK;
        if is_known || self.checks.contains_key(template::check_of(root).as_str()) {
            let at = self.within(text, Some(range));
            let mistake = Mistake::new(Kind::OtherBraces, &at, "single braces are no template: nothing is filled here");
            self.add(mistake.help(format!("write `{{{{ {} }}}}`", shown(name))));
        }
    }

    /// A place within a text, where the text stands in the file as it is read (without escapes).
    pub(super) fn within(&self, text: &PlacedText, range: Option<std::ops::Range<usize>>) -> At {
        let source = self.mistakes.sources.get(text.at.source).and_then(|it| it.text.get(text.at.span.clone()));
        match (range, source.and_then(|source| source.find(&text.text))) {
            (Some(range), Some(offset)) => {
                let start = text.at.span.start + offset;
                At { source: text.at.source, span: start + range.start..start + range.end }
            }
            _ => text.at.clone(),
        }
    }

    fn path(&mut self, path: &str, text: &PlacedText) {
        let found = text.text.find(path).map(|start| start..start + path.len());
        let at = self.within(text, found);
        let mut parts = path.split('.');
        let (root, name) = (parts.next().unwrap_or_default(), parts.next());
        if text.fill == Fill::Settings && root != "settings" {
            let message = format!("a default is filled from `settings` only, not from `{}`", shown(root));
            self.add(Mistake::new(Kind::UnknownName, &at, message));
            return;
        }
        match root {
            "settings" => {
                let known = self.settings.clone();
                self.part("settings", name, known.iter().map(String::as_str), &at);
            }
            "target" => self.target(name, &at),
            _ => self.root(root, name, text, &at),
        }
    }

    fn part<'a>(&mut self, root: &str, name: Option<&str>, known: impl Iterator<Item = &'a str> + Clone, at: &At) {
        if let Some(name) = name
            && !known.clone().any(|known| known == name)
        {
            let message = format!("`{root}` has no `{}`", shown(name));
            self.add(Mistake::new(Kind::UnknownName, at, message).suggest(name, known));
        }
    }

    fn target(&mut self, name: Option<&str>, at: &At) {
        if !self.draft.inputs.iter().any(|input| input.input.kind == InputKind::Target) {
            let help = "add `[inputs.target]` with `kind = \"target\"` and a question in `ask`";
            self.add(Mistake::new(Kind::UnknownName, at, "the playbook has no target").help(help));
            return;
        }
        self.part("target", name, TARGET_NAMES.into_iter(), at);
    }

    fn root(&mut self, root: &str, name: Option<&str>, text: &PlacedText, at: &At) {
        if self.draft.inputs.iter().any(|input| variable(&input.name) == root) {
            return;
        }
        if root == CASE_CHECK {
            return;
        }
        if root == CHANGES_CHECK {
            let known = self.changes.clone();
            self.part(root, name, known.keys().map(String::as_str), at);
            return;
        }
        let id = template::check_of(root);
        let Some(check) = self.checks.get(id.as_str()).copied() else {
            // The rest of an id with a hyphen, whose beginning is reported.
            if self.checks.keys().any(|id| id.ends_with(&format!("-{root}")) && text.text.contains(id)) {
                return;
            }
            let message = format!("there is no check or input `{}`", shown(root));
            let checks = self.checks.keys().map(|id| variable(id));
            let inputs = self.draft.inputs.iter().map(|input| variable(&input.name));
            let known: BTreeSet<String> = checks.chain(inputs).chain(FIXED_ROOTS.map(str::to_owned)).collect();
            let all = known.iter().map(String::as_str);
            let mut mistake = Mistake::new(Kind::UnknownName, at, message).suggest(root, all);
            if let Some(input) = name.filter(|name| root == "inputs" && known.contains(*name)) {
                mistake = mistake.help(format!("an input is named alone: write `{{{{ {input} }}}}`"));
            }
            if self.checks.keys().any(|id| id.starts_with(&format!("{root}-"))) {
                mistake = mistake.help("in a template, write `_` for the `-` of an id");
            }
            self.add(mistake);
            return;
        };
        let Some(name) = name else { return };
        let Some(probe) = self.registry.find(&check.check.probe) else { return };
        let shape = self.shape(probe);
        let facts = &shape.facts;
        if is_open(facts) || OBSERVATION_NAMES.contains(&name) {
            return;
        }
        if property(facts, name).is_none() {
            let known = properties(facts).into_iter().chain(OBSERVATION_NAMES);
            let message = format!("the probe `{}` of `{id}` has no fact `{}`", probe.name, shown(name));
            let mut mistake = Mistake::new(Kind::UnknownName, at, message).suggest(name, known);
            if mistake.help.is_none() {
                mistake = mistake.help(format!("`firstline explain probe:{}` lists its facts", probe.name));
            }
            self.add(mistake);
        }
    }
}

/// The first dotted name in single braces, and the bytes that it takes with them.
fn single_braces(text: &str) -> Option<(std::ops::Range<usize>, &str)> {
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.".contains(&b));
    text.match_indices('{').find_map(|(start, _)| {
        let rest = &text[start + 1..];
        let end = rest.find('}')?;
        let name = &rest[..end];
        let doubled = text[..start].ends_with('{') || rest[end + 1..].starts_with('}');
        (!name.is_empty() && is_name(name) && !doubled).then(|| (start..start + end + 2, name))
    })
}
