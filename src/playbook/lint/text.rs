//! Templates in texts: whether every name in them exists where they are filled.

use super::Lint;
use crate::diagnosis::evidence::CASE_CHECK;
use crate::playbook::InputKind;
use crate::playbook::change::CHANGES_CHECK;
use crate::playbook::draft::{Fill, PlacedText};
use crate::playbook::mistake::{At, Kind, Mistake, shown};
use crate::playbook::template::{self, FIXED_ROOTS, OBSERVATION_NAMES, TARGET_NAMES, variable};
use std::collections::BTreeSet;

/// A dotted name, and the text that it stands in.
#[derive(Clone, Copy)]
struct Path<'t> {
    path: &'t str,
    text: &'t PlacedText,
}

impl<'t> Path<'t> {
    /// Its first two names.
    fn parts(self) -> (&'t str, Option<&'t str>) {
        let mut parts = self.path.split('.');
        (parts.next().unwrap_or_default(), parts.next())
    }
}

impl Lint<'_> {
    pub(super) fn texts(&mut self, texts: &[PlacedText]) {
        for text in texts.iter().filter(|text| text.at.is_own() && text.fill != Fill::Never) {
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
                        self.path(Path { path, text });
                    }
                }
            }
        }
    }

    /// Single braces around a name that a template could fill: other languages write it so, this one does not.
    fn other_braces(&mut self, text: &PlacedText) {
        let Some((range, name)) = single_braces(&text.text) else { return };
        let root = name.split('.').next().unwrap_or_default();
        let is_known =
            self.inputs.contains(root) || FIXED_ROOTS.contains(&root) || root == CASE_CHECK || root == CHANGES_CHECK;
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

    /// Most names are right, so the place of one is looked for only where it is not.
    fn unknown(&self, path: Path<'_>, message: impl Into<String>) -> Mistake {
        let found = path.text.text.find(path.path).map(|start| start..start + path.path.len());
        Mistake::new(Kind::UnknownName, &self.within(path.text, found), message)
    }

    fn path(&mut self, path: Path<'_>) {
        let (root, name) = path.parts();
        if path.text.fill == Fill::Settings && root != "settings" {
            let message = format!("a default is filled from `settings` only, not from `{}`", shown(root));
            self.add(self.unknown(path, message));
            return;
        }
        match root {
            "settings" => {
                let known = self.settings.clone();
                self.part(path, known.iter().map(String::as_str));
            }
            "target" => self.target(path),
            _ => self.root(root, name, path),
        }
    }

    fn part<'a>(&mut self, path: Path<'_>, known: impl Iterator<Item = &'a str> + Clone) {
        if let (root, Some(name)) = path.parts()
            && !known.clone().any(|known| known == name)
        {
            let message = format!("`{root}` has no `{}`", shown(name));
            self.add(self.unknown(path, message).suggest(name, known));
        }
    }

    fn target(&mut self, path: Path<'_>) {
        if !self.draft.inputs.iter().any(|input| input.input.kind == InputKind::Target) {
            let help = "add `[inputs.target]` with `kind = \"target\"` and a question in `ask`";
            self.add(self.unknown(path, "the playbook has no target").help(help));
            return;
        }
        self.part(path, TARGET_NAMES.into_iter());
    }

    fn root(&mut self, root: &str, name: Option<&str>, path: Path<'_>) {
        if root == CASE_CHECK || self.inputs.contains(root) {
            return;
        }
        if root == CHANGES_CHECK {
            let known = self.changes.clone();
            self.part(path, known.keys().map(String::as_str));
            return;
        }
        let id = template::check_of(root);
        let Some(check) = self.checks.get(id.as_str()).copied() else {
            // The rest of an id with a hyphen, whose beginning is reported.
            if self.checks.keys().any(|id| id.ends_with(&format!("-{root}")) && path.text.text.contains(id)) {
                return;
            }
            let message = format!("there is no check or input `{}`", shown(root));
            let checks = self.checks.keys().map(|id| variable(id));
            let known: BTreeSet<String> =
                checks.chain(self.inputs.iter().cloned()).chain(FIXED_ROOTS.map(str::to_owned)).collect();
            let all = known.iter().map(String::as_str);
            let mut mistake = self.unknown(path, message).suggest(root, all);
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
        if shape.is_open || OBSERVATION_NAMES.contains(&name) {
            return;
        }
        if !shape.facts.contains_key(name) {
            let known = shape.facts.keys().map(String::as_str).chain(OBSERVATION_NAMES);
            let message = format!("the probe `{}` of `{id}` has no fact `{}`", probe.name, shown(name));
            let mut mistake = self.unknown(path, message).suggest(name, known);
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
