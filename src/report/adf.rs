//! The letter in the Atlassian Document Format: the JSON that version 3 of Jira Cloud's interface takes as a comment.

use super::letter::{Group, Letter, fit};
use super::{MARKUP_LONGEST, Style};
use crate::packet::Packet;
use crate::ui::{escape, escape_json};
use serde_json::{Value, json};

pub(super) fn render(packet: &Packet, _: &Style) -> String {
    fit(Letter::of(packet), MARKUP_LONGEST, write)
}

fn write(letter: &Letter) -> String {
    let mut content = vec![heading(3, &letter.title)];
    for section in letter.sections.iter().filter(|section| !section.groups.is_empty()) {
        content.push(heading(4, &section.heading));
        content.push(list("bulletList", section.groups.iter().map(item).collect()));
    }
    content.extend(letter.footers().map(|footer| paragraph(vec![text(&footer)])));
    let document = json!({ "version": 1, "type": "doc", "content": content });
    format!("{}\n", escape_json(&document.to_string()))
}

fn item(group: &Group) -> Value {
    let label = json!({ "type": "text", "text": format!("{}:", group.label), "marks": [{ "type": "strong" }] });
    if let ([only], false) = (group.texts.as_slice(), group.ordered) {
        return list_item(vec![paragraph(vec![label, text(&format!(" {only}"))])]);
    }
    let kind = if group.ordered { "orderedList" } else { "bulletList" };
    let items = group.texts.iter().map(|one| list_item(vec![paragraph(vec![text(one)])])).collect();
    list_item(vec![paragraph(vec![label]), list(kind, items)])
}

fn heading(level: u8, words: &str) -> Value {
    json!({ "type": "heading", "attrs": { "level": level }, "content": [text(words)] })
}

fn paragraph(content: Vec<Value>) -> Value {
    json!({ "type": "paragraph", "content": content })
}

fn list(kind: &str, items: Vec<Value>) -> Value {
    json!({ "type": kind, "content": items })
}

fn list_item(content: Vec<Value>) -> Value {
    json!({ "type": "listItem", "content": content })
}

/// A text node: text only, whatever it looks like. An empty one is not allowed; a letter has none.
fn text(words: &str) -> Value {
    json!({ "type": "text", "text": escape(words) })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ATTACKS, fault, full, healthy, hostile};
    use super::*;

    /// The rules of the nodes that are used, as the published schema has them: which keys a node has, what it may hold,
    /// and how much of it.
    fn check(node: &Value, allowed: &[&str]) -> Result<(), String> {
        let kind = node["type"].as_str().ok_or("a node without a type")?;
        if !allowed.contains(&kind) {
            return Err(format!("{kind} is not allowed here: {allowed:?}"));
        }
        let (keys, least, children): (&[&str], usize, &[&str]) = match kind {
            "doc" => (&["version", "type", "content"], 0, &["heading", "paragraph", "bulletList", "orderedList"]),
            "heading" => (&["type", "attrs", "content"], 0, &["text"]),
            "paragraph" => (&["type", "content"], 0, &["text"]),
            "bulletList" | "orderedList" => (&["type", "content"], 1, &["listItem"]),
            "listItem" => (&["type", "content"], 1, &["paragraph", "bulletList", "orderedList"]),
            "text" => (&["type", "text", "marks"], 0, &[]),
            other => return Err(format!("no rule for {other}")),
        };
        let object = node.as_object().ok_or("no object")?;
        if let Some(key) = object.keys().find(|key| !keys.contains(&key.as_str())) {
            return Err(format!("{kind} has {key}"));
        }
        match kind {
            "doc" if node["version"] != 1 => return Err("the version is 1".to_owned()),
            "heading" if !node["attrs"]["level"].as_u64().is_some_and(|it| (1..=6).contains(&it)) => {
                return Err("a level from 1 to 6".to_owned());
            }
            "text" if node["text"].as_str().is_none_or(str::is_empty) => return Err("an empty text".to_owned()),
            "text" if !node["marks"].is_null() && node["marks"] != json!([{ "type": "strong" }]) => {
                return Err(format!("marks {}", node["marks"]));
            }
            "listItem" if node["content"][0]["type"] != "paragraph" => {
                return Err("an item begins with a list".to_owned());
            }
            _ => {}
        }
        let content = node["content"].as_array().map(Vec::as_slice).unwrap_or_default();
        if content.len() < least {
            return Err(format!("{kind} is empty"));
        }
        content.iter().try_for_each(|child| check(child, children))
    }

    #[test]
    fn every_document_keeps_the_rules_of_its_nodes() {
        let packets = [fault(), full(), healthy()].into_iter().chain(ATTACKS.iter().map(|attack| hostile(attack)));
        for packet in packets {
            let document: Value = serde_json::from_str(&render(&packet, &Style::plain(80))).unwrap();
            check(&document, &["doc"]).unwrap();
        }
    }

    #[test]
    fn the_rules_can_be_broken() {
        for (broken, allowed) in [
            (json!({ "type": "text", "text": "" }), "text"),
            (json!({ "type": "listItem", "content": [] }), "listItem"),
            (json!({ "type": "listItem", "content": [{ "type": "bulletList", "content": [] }] }), "listItem"),
            (json!({ "type": "paragraph", "style": "x" }), "paragraph"),
            (json!({ "type": "heading", "attrs": { "level": 7 } }), "heading"),
            (json!({ "type": "script" }), "paragraph"),
        ] {
            assert!(check(&broken, &[allowed]).is_err(), "{broken}");
        }
    }
}
