//! Reads a connector from TOML, with the reader of the playbook language: every mistake at once, each with file, line,
//! caret and suggestion. Templates may only name what is there when they are filled.

use super::{Auth, AuthKind, Body, Connector, Input, InputKind, Limit, Mail, Part, SCHEMA, Step, Way};
use crate::error::{Error, Kind as ErrorKind, Result as Outcome};
use crate::playbook::mistake::{At, Kind, Mistake, Mistakes, Source, shown};
use crate::playbook::reader::{Fields, Placed, Reader};
use crate::playbook::template::{self, variable};
use crate::report;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A connector is a page of text; what is larger is another file.
const LARGEST: usize = 256 << 10;

/// What every template may name beside inputs and what was kept: the letter, its first line, and of the packet its
/// file name, its bytes in base 64, its media type, its length and its SHA-256.
pub const NAMES: [&str; 7] = ["letter", "line", "file.name", "file.base64", "file.type", "file.bytes", "file.sha256"];

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "PATCH"];

/// What can hold an input's name up: these mean something else in templates.
const RESERVED: [&str; 5] = ["token", "letter", "line", "file", "none"];

/// Reads a connector from a file.
///
/// # Errors
/// Where it cannot be read or has mistakes.
pub fn file(path: &Path) -> Outcome<Connector> {
    let failed = |error: &dyn std::error::Error| {
        Error::environment(format!("cannot read the connector `{}`", path.display()))
            .because(error)
            .hint("`firstline list connectors` shows those in the program")
    };
    let facts = std::fs::metadata(path).map_err(|error| failed(&error))?;
    if !facts.is_file() {
        return Err(Error::usage(format!("the connector `{}` is no ordinary file", path.display())));
    }
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(path).map_err(|error| failed(&error))?;
    opened.take(LARGEST as u64 + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    let text = String::from_utf8(bytes).map_err(|error| failed(&error.utf8_error()))?;
    let name = path.display().to_string();
    parse(&name, &text).map_err(|mistakes| Error::rendered(ErrorKind::Usage, mistakes.render(false)))
}

/// Reads a connector; `name` is where it comes from.
///
/// # Errors
/// All mistakes at once.
pub fn parse(name: &str, text: &str) -> Result<Connector, Mistakes> {
    let mut mistakes = Mistakes::default();
    mistakes.sources.push(Source { name: name.to_owned(), text: text.to_owned().into() });
    let whole = At { source: 0, span: 0..0 };
    if text.len() > LARGEST {
        let message = format!("the text has more bytes than a connector can have ({LARGEST})");
        mistakes.add(Mistake::new(Kind::TooLarge, &whole, message));
        return Err(mistakes);
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = At { source: 0, span: error.span().unwrap_or(0..0) };
        mistakes.add(Mistake::new(Kind::Syntax, &at, format!("not valid TOML: {}", error.message())));
    }
    let mut connector = None;
    if errors.is_empty() {
        let reader = Reader { mistakes: &mut mistakes, source: 0 };
        let mut parser = Parser { reader, names: Vec::new(), token: false };
        connector = parser.connector(Fields::new("a connector", table.get_ref(), whole), name);
    }
    mistakes.sort();
    match connector {
        Some(connector) if mistakes.errors() == 0 => Ok(connector),
        _ => Err(mistakes),
    }
}

struct Parser<'m> {
    reader: Reader<'m>,
    /// What templates may name by now.
    names: Vec<String>,
    /// Whether they may name the token.
    token: bool,
}

impl Parser<'_> {
    fn connector(&mut self, mut fields: Fields<'_>, origin: &str) -> Option<Connector> {
        self.schema(&mut fields);
        let reader = &mut self.reader;
        let id = fields.need(reader, "id", "a kebab-case word by which the command line names it");
        let title = fields.need(reader, "title", "the name of the system");
        let about = fields.need(reader, "about", "what it does there, in a sentence or two");
        let docs = fields.need(reader, "docs", "the address of the page that describes the interface");
        let formats: Vec<(&str, &str)> = report::names().map(|name| (name, name)).collect();
        if !fields.has("letter") {
            let help = "the format of the letter, such as `html` or `plain`";
            reader.add(Mistake::new(Kind::MissingKey, &fields.at, "a connector lacks `letter`").help(help));
        }
        let letter = fields.word(reader, "letter", &formats);
        let outside = fields.flag(reader, "outside");
        let limit = fields.get("limit").and_then(|value| self.limit(value));
        let inputs = self.inputs(&mut fields);
        let auth = fields.get("auth").and_then(|value| self.auth(value));
        let way = self.way(&mut fields);
        // By now the names that steps keep are known.
        let answer = fields.need(&mut self.reader, "answer", "what was made there, such as `comment {{ comment }}`");
        if let Some(answer) = &answer {
            self.template(&answer.value, &answer.at);
        }
        let statuses = self.statuses(&mut fields);
        fields.deny_rest(&mut self.reader);
        if let Some(id) = &id {
            self.kebab(id);
        }
        Some(Connector {
            id: id?.value,
            title: title?.value,
            about: about?.value,
            docs: docs?.value,
            origin: origin.to_owned(),
            letter: letter?.to_owned(),
            outside,
            answer: answer?.value,
            limit,
            inputs,
            auth,
            way: way?,
            statuses,
        })
    }

    fn schema(&mut self, fields: &mut Fields<'_>) {
        match fields.get("schema").map(|value| (self.reader.at(value), self.reader.json("schema", value))) {
            Some((_, Some(Value::Number(number)))) if number.as_u64() == Some(u64::from(SCHEMA)) => {}
            Some((at, _)) => {
                let message = format!("this program reads connectors of schema {SCHEMA}");
                self.reader.add(Mistake::new(Kind::WrongSchema, &at, message));
            }
            None => {
                let help = format!("schema = {SCHEMA}");
                self.reader.add(Mistake::new(Kind::MissingKey, &fields.at, "a connector lacks `schema`").help(help));
            }
        }
    }

    fn kebab(&mut self, id: &Placed<String>) {
        let good = id.value.split('-').all(|part| {
            !part.is_empty() && part.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
        });
        if !good {
            let message = format!("`{}` is no kebab-case word", shown(&id.value));
            self.reader.add(Mistake::new(Kind::BadId, &id.at, message).help("such as `our-tickets`"));
        }
    }

    fn limit(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Limit> {
        let reader = &mut self.reader;
        let mut fields = reader.table("[limit]", "limit", value)?;
        let bytes = fields.get("bytes").and_then(|value| whole_number(reader, "bytes", value));
        if !fields.has("bytes") {
            reader.add(Mistake::new(Kind::MissingKey, &fields.at, "[limit] lacks `bytes`"));
        }
        let source = fields.need(reader, "source", "the page that says so, or the setting that sets it");
        fields.deny_rest(reader);
        Some(Limit { bytes: bytes?, source: source?.value })
    }

    fn inputs(&mut self, fields: &mut Fields<'_>) -> Vec<Input> {
        let Some(table) = fields.get("inputs").and_then(|value| self.reader.table("[inputs]", "inputs", value)) else {
            return Vec::new();
        };
        let entries: Vec<_> = table.all().map(|(key, value)| (key.get_ref().to_string(), key, value)).collect();
        let mut inputs = Vec::new();
        for (name, key, value) in entries {
            let at = self.reader.at(key);
            if RESERVED.contains(&name.as_str()) {
                let message = format!("`{name}` means something else in templates");
                self.reader.add(Mistake::new(Kind::BadId, &at, message));
            }
            self.kebab(&Placed { value: name.replace('_', "-"), at });
            inputs.extend(self.input(&name, value));
            self.names.push(name);
        }
        inputs
    }

    fn input(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<Input> {
        let reader = &mut self.reader;
        let mut fields = reader.table("[inputs.NAME]", name, value)?;
        let kinds: Vec<(&str, InputKind)> = InputKind::ALL.iter().map(|(word, kind, _)| (*word, *kind)).collect();
        let kind = fields.word(reader, "kind", &kinds);
        if !fields.has("kind") {
            let words: Vec<&str> = kinds.iter().map(|(word, _)| *word).collect();
            let help = format!("one of {}", words.join(", "));
            reader.add(Mistake::new(Kind::MissingKey, &fields.at, "[inputs.NAME] lacks `kind`").help(help));
        }
        let ask = fields.need(reader, "ask", "what it is, for whoever must give it");
        let default = fields.text(reader, "default");
        let optional = fields.flag(reader, "optional");
        fields.deny_rest(reader);
        if let (Some(InputKind::Secret), Some(default)) = (kind, &default) {
            let message = "a secret has no default: it never stands in a connector";
            reader.add(Mistake::new(Kind::WrongWord, &default.at, message));
        }
        let default = default.map(|text| text.value);
        Some(Input { name: name.to_owned(), kind: kind?, ask: ask?.value, default, optional })
    }

    fn auth(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Auth> {
        const KINDS: [&str; 5] = ["basic", "bearer", "header", "query", "s3"];
        let mut fields = self.reader.table("[auth]", "auth", value)?;
        if !fields.has("kind") {
            let help = format!("one of {}", KINDS.join(", "));
            self.reader.add(Mistake::new(Kind::MissingKey, &fields.at, "[auth] lacks `kind`").help(help));
        }
        let kind = fields.word(&mut self.reader, "kind", &KINDS.map(|word| (word, word)))?;
        self.token = true;
        let mut need = |key: &'static str, why: &str| {
            let text = fields.need(&mut self.reader, key, why)?;
            self.template(&text.value, &text.at);
            Some(text.value)
        };
        let kind = match kind {
            "basic" => {
                let user = need("user", "the user's name, or a template");
                let password = need("password", "such as \"{{ token }}\"");
                user.zip(password).map(|(user, password)| AuthKind::Basic { user, password })
            }
            "bearer" => Some(AuthKind::Bearer),
            "header" => {
                let name = need("name", "the header's name");
                let value = need("value", "such as \"{{ token }}\"");
                name.zip(value).map(|(name, value)| AuthKind::Header { name, value })
            }
            "query" => need("name", "the parameter's name").map(|name| AuthKind::Query { name }),
            _ => {
                let key_id = need("key_id", "the access key id, or a template");
                let region = need("region", "the region, or a template");
                key_id.zip(region).map(|(key_id, region)| AuthKind::S3 { key_id, region })
            }
        };
        self.token = false;
        let ask = fields.need(&mut self.reader, "ask", "what the token is, and where one is made");
        let optional = fields.flag(&mut self.reader, "optional");
        fields.deny_rest(&mut self.reader);
        Some(Auth { kind: kind?, ask: ask?.value, optional })
    }

    fn way(&mut self, fields: &mut Fields<'_>) -> Option<Way> {
        let steps = fields.get("step");
        let mail = fields.get("mail");
        match (steps, mail) {
            (Some(steps), None) => {
                let tables = self.reader.tables("[[step]]", "step", steps);
                let read: Vec<Step> = tables.into_iter().filter_map(|fields| self.step(fields)).collect();
                if read.iter().all(|step| step.always) {
                    let at = self.reader.at(steps);
                    self.reader.add(Mistake::new(Kind::Empty, &at, "no step sends anything"));
                }
                Some(Way::Http(read))
            }
            (None, Some(mail)) => self.mail(mail).map(Way::Mail),
            (None, None) => {
                let help = "a `[[step]]` for each request, or `[mail]` for a mail server";
                self.reader.add(Mistake::new(Kind::MissingKey, &fields.at, "a connector lacks `[[step]]`").help(help));
                None
            }
            (Some(_), Some(mail)) => {
                let at = self.reader.at(mail);
                let message = "a connector makes requests or sends a mail, not both";
                self.reader.add(Mistake::new(Kind::BadCondition, &at, message));
                None
            }
        }
    }

    fn mail(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Mail> {
        let mut fields = self.reader.table("[mail]", "mail", value)?;
        let mut need = |key: &'static str, why: &str| {
            let text = fields.need(&mut self.reader, key, why)?;
            self.template(&text.value, &text.at);
            Some(text.value)
        };
        let server = need("server", "a template such as \"{{ url }}\"");
        let from = need("from", "the sender's address, or a template");
        let to = need("to", "the recipient's address, or a template");
        let subject = need("subject", "such as \"{{ line }}\"");
        fields.deny_rest(&mut self.reader);
        // What the server says about it.
        self.names.push("reply".to_owned());
        Some(Mail { server: server?, from: from?, to: to?, subject: subject? })
    }

    fn step(&mut self, mut fields: Fields<'_>) -> Option<Step> {
        let reader = &mut self.reader;
        let id = fields.need(reader, "id", "a word by which messages name the step");
        let does = fields.need(reader, "does", "what it does there, such as `attach the packet to the ticket`");
        if !fields.has("method") {
            let help = format!("one of {}", METHODS.join(", "));
            reader.add(Mistake::new(Kind::MissingKey, &fields.at, "[[step]] lacks `method`").help(help));
        }
        let method = fields.word(reader, "method", &METHODS.map(|word| (word, word)));
        let url = fields.need(reader, "url", "a template such as \"{{ url }}/api/tickets\"");
        let signed_in = fields.get("auth").and_then(|value| reader.flag("auth", value)).unwrap_or(true);
        let always = fields.flag(reader, "always");
        let missing = fields.text(reader, "missing").map(|text| text.value);
        if let Some(url) = &url {
            self.template(&url.value, &url.at);
        }
        let headers = self.headers(&mut fields);
        let body = self.body(&mut fields);
        let expect = self.expect(&mut fields);
        let keep = self.keep(&mut fields);
        let limit = fields.text(&mut self.reader, "limit").map(|pointer| self.pointer(pointer));
        let statuses = self.statuses(&mut fields);
        fields.deny_rest(&mut self.reader);
        self.names.extend(keep.iter().map(|(name, _)| name.clone()));
        Some(Step {
            id: id?.value,
            does: does?.value,
            method: method?.to_owned(),
            url: url?.value,
            headers,
            body: body?,
            signed_in,
            expect,
            keep,
            limit,
            missing,
            always,
            statuses,
        })
    }

    fn headers(&mut self, fields: &mut Fields<'_>) -> Vec<(String, String)> {
        let table = fields.get("headers").and_then(|value| self.reader.table("`headers`", "headers", value));
        let mut headers = Vec::new();
        for (key, value) in table.iter().flat_map(Fields::all) {
            let name = key.get_ref().to_string();
            if hyper::header::HeaderName::try_from(name.as_str()).is_err() {
                let at = self.reader.at(key);
                let message = format!("`{}` cannot be the name of a header", shown(&name));
                self.reader.add(Mistake::new(Kind::WrongWord, &at, message));
            }
            if let Some(text) = self.reader.text(&name, value) {
                self.template(&text.value, &text.at);
                headers.push((name, text.value));
            }
        }
        headers
    }

    fn body(&mut self, fields: &mut Fields<'_>) -> Option<Body> {
        const KEYS: [&str; 4] = ["json", "form", "text", "file"];
        let given: Vec<&str> = KEYS.into_iter().filter(|key| fields.has(key)).collect();
        if let [_, second, ..] = given[..] {
            let at = fields.key_at(&self.reader, second);
            let message = format!("a request has one body: `{}` or `{second}`", given[0]);
            self.reader.add(Mistake::new(Kind::BadCondition, &at, message));
        }
        let json = fields.get("json");
        let form = fields.get("form");
        let text = fields.text(&mut self.reader, "text");
        let file = fields.flag(&mut self.reader, "file");
        let content_type = fields.text(&mut self.reader, "content_type");
        if let Some(json) = json {
            let value = self.reader.json("json", json)?;
            self.templates_in(json);
            return Some(Body::Json(value));
        }
        if let Some(form) = form {
            let parts = self.reader.tables("a part of `form`", "form", form);
            return Some(Body::Form(parts.into_iter().filter_map(|fields| self.part(fields)).collect()));
        }
        match text {
            Some(text) => {
                self.template(&text.value, &text.at);
                let content_type = content_type.map(|text| text.value);
                let content_type = content_type.unwrap_or_else(|| "text/plain; charset=utf-8".to_owned());
                Some(Body::Text { content_type, text: text.value })
            }
            None if file => Some(Body::File),
            None => Some(Body::None),
        }
    }

    fn part(&mut self, mut fields: Fields<'_>) -> Option<Part> {
        let name = fields.need(&mut self.reader, "name", "the name of the field in the form");
        let text = fields.text(&mut self.reader, "text");
        let file = fields.flag(&mut self.reader, "file");
        let content_type = fields.text(&mut self.reader, "content_type").map(|text| text.value);
        fields.deny_rest(&mut self.reader);
        if let Some(name) = &name {
            self.template(&name.value, &name.at);
        }
        if let Some(text) = &text {
            self.template(&text.value, &text.at);
        }
        if text.is_some() == file {
            let message = "a part of a form is a `text`, or the packet: `file = true`";
            self.reader.add(Mistake::new(Kind::BadCondition, &fields.at, message));
        }
        Some(Part { name: name?.value, text: text.map(|text| text.value), content_type })
    }

    fn expect(&mut self, fields: &mut Fields<'_>) -> Vec<u16> {
        let Some(value) = fields.get("expect") else {
            let help = "the statuses of success, such as `expect = [201]`";
            self.reader.add(Mistake::new(Kind::MissingKey, &fields.at, "[[step]] lacks `expect`").help(help));
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            let at = self.reader.at(value);
            self.reader.add(Mistake::new(Kind::WrongType, &at, "`expect` must be a list of statuses"));
            return Vec::new();
        };
        let mut statuses = Vec::new();
        for item in items.iter() {
            let at = self.reader.at(item);
            let number = whole_number(&mut self.reader, "expect", item).and_then(|number| u16::try_from(number).ok());
            match number.filter(|status| (200..300).contains(status)) {
                Some(status) => statuses.push(status),
                None => {
                    let message = "a status of success lies between 200 and 299";
                    self.reader.add(Mistake::new(Kind::WrongWord, &at, message));
                }
            }
        }
        statuses
    }

    fn keep(&mut self, fields: &mut Fields<'_>) -> Vec<(String, String)> {
        let table = fields.get("keep").and_then(|value| self.reader.table("`keep`", "keep", value));
        let mut keep = Vec::new();
        for (key, value) in table.iter().flat_map(Fields::all) {
            let name = key.get_ref().to_string();
            self.kebab(&Placed { value: name.replace('_', "-"), at: self.reader.at(key) });
            if let Some(pointer) = self.reader.text(&name, value) {
                keep.push((name, self.pointer(pointer)));
            }
        }
        keep
    }

    fn pointer(&mut self, pointer: Placed<String>) -> String {
        if !pointer.value.is_empty() && !pointer.value.starts_with('/') {
            let message = "what is wanted of an answer is named by a JSON pointer, such as `/result/sys_id`";
            self.reader.add(Mistake::new(Kind::WrongWord, &pointer.at, message));
        }
        pointer.value
    }

    fn statuses(&mut self, fields: &mut Fields<'_>) -> BTreeMap<u16, String> {
        let table = fields.get("statuses").and_then(|value| self.reader.table("`statuses`", "statuses", value));
        let mut statuses = BTreeMap::new();
        for (key, value) in table.iter().flat_map(Fields::all) {
            let name = key.get_ref().to_string();
            match name.parse::<u16>().ok().filter(|status| (300..600).contains(status)) {
                Some(status) => {
                    statuses.extend(self.reader.text(&name, value).map(|text| (status, text.value)));
                }
                None => {
                    let at = self.reader.at(key);
                    let message = format!("`{}` is no status that refuses (300 to 599)", shown(&name));
                    self.reader.add(Mistake::new(Kind::WrongWord, &at, message));
                }
            }
        }
        statuses
    }

    /// Every template in a value and in the keys of its tables.
    fn templates_in(&mut self, value: &Spanned<DeValue<'_>>) {
        let at = self.reader.at(value);
        match value.get_ref() {
            DeValue::String(text) => self.template(text, &at),
            DeValue::Array(items) => items.iter().for_each(|item| self.templates_in(item)),
            DeValue::Table(table) => {
                for (key, value) in table.iter() {
                    let at = self.reader.at(key);
                    self.template(key.get_ref(), &at);
                    self.templates_in(value);
                }
            }
            _ => {}
        }
    }

    fn template(&mut self, text: &str, at: &At) {
        let paths = match template::inspect(text) {
            Ok(paths) => paths,
            Err((why, _)) => {
                self.reader.add(Mistake::new(Kind::BadTemplate, at, format!("the template cannot be read: {why}")));
                return;
            }
        };
        for path in paths.iter() {
            let token = self.token && path == "token";
            if token || NAMES.contains(&path.as_str()) || self.names.iter().any(|name| variable(name) == *path) {
                continue;
            }
            let message = match path.as_str() {
                "token" => "the token goes along by `[auth]` alone, so that nothing shows it".to_owned(),
                _ => format!("`{}` is not there when this is filled", shown(path)),
            };
            let known = self.names.iter().map(String::as_str).chain(NAMES);
            self.reader.add(Mistake::new(Kind::UnknownName, at, message).suggest(path, known));
        }
    }
}

fn whole_number(reader: &mut Reader<'_>, key: &str, value: &Spanned<DeValue<'_>>) -> Option<u64> {
    let at = reader.at(value);
    let number = reader.json(key, value).and_then(|value| value.as_u64());
    if number.is_none() {
        reader.add(Mistake::new(Kind::WrongType, &at, format!("`{}` must be a whole number", shown(key))));
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
schema = 1
id = "ours"
title = "Our tickets"
about = "Adds a comment."
docs = "https://tickets.example/api"
letter = "html"
answer = "comment {{ comment }}"
inputs.url = { kind = "url", ask = "where" }
[[step]]
id = "comment"
does = "add a comment"
method = "POST"
url = "{{ url }}/comments"
json = { text = "{{ letter }}" }
expect = [201]
keep = { comment = "/id" }
"#;

    #[test]
    fn a_connector_is_read_whole() {
        let connector = parse("ours.toml", GOOD).unwrap_or_else(|mistakes| panic!("{}", mistakes.render(false)));
        assert_eq!((connector.id.as_str(), connector.letter.as_str()), ("ours", "html"));
        let Way::Http(steps) = &connector.way else { panic!("no steps") };
        assert_eq!(steps[0].keep, [("comment".to_owned(), "/id".to_owned())]);
        assert!(steps[0].signed_in && matches!(steps[0].body, Body::Json(_)));
    }

    #[test]
    fn mistakes_are_told_with_their_line_and_what_was_meant() {
        for (good, bad, told) in [
            ("schema = 1", "schema = 2", "reads connectors of schema 1"),
            ("id = \"ours\"", "id = \"Our Tickets\"", "no kebab-case word"),
            ("letter = \"html\"", "letter = \"htlm\"", "did you mean `html`?"),
            ("letter = \"html\"", "leter = \"html\"", "did you mean `letter`?"),
            ("kind = \"url\"", "kind = \"uri\"", "did you mean `url`?"),
            ("{{ url }}/comments", "{{ ulr }}/comments", "did you mean `url`?"),
            ("{{ letter }}", "{{ token }}", "by `[auth]` alone"),
            ("{{ letter }}", "{{ letter", "cannot be read"),
            ("{{ letter }}", "{% for x in y %}", "no statements"),
            ("{{ comment }}", "{{ coment }}", "did you mean `comment`?"),
            ("expect = [201]", "expect = [404]", "between 200 and 299"),
            ("expect = [201]", "expect = 201", "must be a list of statuses"),
            ("expect = [201]", "", "lacks `expect`"),
            ("\"/id\"", "\"id\"", "JSON pointer"),
            ("keep = {", "limit = \"most\"\nkeep = {", "JSON pointer"),
            ("method = \"POST\"", "method = \"DELETE\"", "no word for `method`"),
            ("json = {", "file = true\njson = {", "a request has one body"),
            ("[[step]]", "[mail]\nserver = \"{{ url }}\"\n[[step]]", "not both"),
            ("keep = {", "statuses = { 99 = \"x\" }\nkeep = {", "no status that refuses"),
            ("keep = {", "headers = { \"a b\" = \"x\" }\nkeep = {", "cannot be the name of a header"),
            ("{ kind = \"url\", ask", "{ kind = \"secret\", default = \"x\", ask", "a secret has no default"),
            ("inputs.url", "inputs.token", "means something else"),
        ] {
            let text = GOOD.replacen(good, bad, 1);
            let mistakes = parse("ours.toml", &text).err().unwrap_or_else(|| panic!("{bad} is taken"));
            let report = mistakes.render(false);
            assert!(report.contains(told) && report.contains("ours.toml:"), "{bad}: {report}");
        }
        assert!(parse("x", &"a".repeat(LARGEST + 1)).unwrap_err().render(false).contains("more bytes"));
    }
}
