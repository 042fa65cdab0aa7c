//! What an answer says: what is kept of it for the next step, and what a refusal means in words.

use super::secret::Hidden;
use super::{Connector, Step};
use crate::probe::way::printable;
use serde_json::Value;

/// What is kept of an answer; ids and tokens are shorter.
const LONGEST_KEPT: usize = 4096;

/// Characters of the far end's own words that are repeated.
const SHOWN: usize = 300;

/// An answer to a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<String>,
    pub location: Option<String>,
    /// Its beginning, as text.
    pub body: String,
}

/// Statuses that refuse, and what they mean where a connector does not say it better.
const MEANINGS: &[(u16, &str)] = &[
    (400, "the system does not understand the request"),
    (401, "the token is not accepted: it is wrong, has expired, or is for another server"),
    (403, "the token is known, and may not do this"),
    (404, "there is nothing there: the ticket or the address is wrong, or the token may not see it"),
    (405, "the address does not take such requests: is it the right one?"),
    (407, "the proxy on the way wants credentials, which are never sent"),
    (408, "the system waited too long for the packet"),
    (409, "something there stands against it"),
    (411, "the system wants to know the length beforehand"),
    (412, "a condition of the system does not hold"),
    (413, "the packet is larger than the system takes"),
    (415, "the system does not take files of this kind"),
    (422, "the system understands the request and does not accept what it holds"),
    (429, "the system wants fewer requests"),
    (451, "the system may not take it, for legal reasons"),
    (500, "the system itself has failed"),
    (502, "something in front of the system cannot reach it"),
    (503, "the system is not available now"),
    (504, "something in front of the system waited for it in vain"),
    (507, "the system has no room left"),
];

impl Answer {
    /// The same without what is hidden. It comes before anything is cut, so that no half of a token stays.
    pub fn without(&self, hidden: &Hidden) -> Answer {
        let clean = |text: &Option<String>| text.as_deref().map(|text| hidden.clean(text));
        Answer {
            status: self.status,
            retry_after: clean(&self.retry_after),
            location: clean(&self.location),
            body: hidden.clean(&self.body),
        }
    }

    /// What the step keeps of it.
    ///
    /// # Errors
    /// Where it is not there, in the words of the connector.
    pub fn kept(&self, step: &Step) -> Result<Vec<(String, String)>, String> {
        let document: Option<Value> = serde_json::from_str(&self.body).ok();
        let found = |pointer: &str| {
            if pointer.is_empty() {
                return Some(self.body.trim().to_owned());
            }
            match document.as_ref()?.pointer(pointer)? {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            }
        };
        step.keep
            .iter()
            .map(|(name, pointer)| match found(pointer).filter(|text| !text.is_empty() && text.len() <= LONGEST_KEPT) {
                Some(text) => Ok((name.clone(), text)),
                None => Err(step.missing.clone().unwrap_or_else(|| {
                    format!("the answer has no `{pointer}`: is this the right system, and the right address?")
                })),
            })
            .collect()
    }

    /// How many bytes the system says that it takes at most; none where the step does not ask or the answer does not say.
    pub fn limit(&self, step: &Step) -> Option<u64> {
        let pointer = step.limit.as_deref()?;
        serde_json::from_str::<Value>(&self.body).ok()?.pointer(pointer)?.as_u64()
    }

    /// Why a step was refused, in words, without the far end's own.
    pub fn refusal(&self, connector: &Connector, step: &Step) -> String {
        let special = step.statuses.get(&self.status).or_else(|| connector.statuses.get(&self.status));
        let general = || {
            let known = MEANINGS.iter().find(|(status, _)| *status == self.status).map(|(_, words)| *words);
            known.unwrap_or(match self.status {
                200..=299 => "it is a success, but not the one that this request should have",
                300..=399 => "the address leads to another one, and the token is not carried along",
                500.. => "the system itself has failed",
                _ => "the system refuses",
            })
        };
        let mut words = special.map_or_else(|| general().to_owned(), String::clone);
        match (&self.retry_after, &self.location) {
            (Some(after), _) if matches!(self.status, 429 | 503) => {
                let after = printable(after.as_bytes(), 40);
                let after = if after.chars().all(|c| c.is_ascii_digit()) { format!("in {after} s") } else { after };
                words.push_str(&format!("; again {after}"));
            }
            (_, Some(location)) if (300..400).contains(&self.status) => {
                words.push_str(&format!(": {}", printable(location.as_bytes(), SHOWN)));
            }
            _ => {}
        }
        words
    }

    /// The beginning of what the far end says itself, on one line.
    pub fn own_words(&self) -> Option<String> {
        let text = printable(self.body.as_bytes(), SHOWN);
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Way, builtin};
    use super::*;

    fn step() -> (Connector, Step) {
        let connector = builtin::connector("zammad").unwrap().unwrap();
        let Way::Http(steps) = &connector.way else { panic!("no steps") };
        let step = steps[0].clone();
        (connector, step)
    }

    #[test]
    fn statuses_become_words() {
        let (connector, step) = step();
        let answer = |status| Answer {
            status,
            retry_after: Some("30".to_owned()),
            location: Some("https://other.example/\u{1b}[31m".to_owned()),
            body: String::new(),
        };
        for (status, words) in [
            (401, "not accepted"),
            (403, "ticket.agent"),
            (404, "page's address"),
            (413, "larger than"),
            (418, "the system refuses"),
            (429, "; again in 30 s"),
            (302, "leads to another one, and the token is not carried along: https://other.example/ [31m"),
            (204, "not the one"),
            (599, "itself has failed"),
        ] {
            let told = answer(status).refusal(&connector, &step);
            assert!(told.contains(words) && !told.contains('\u{1b}'), "{status}: {told}");
        }
    }

    #[test]
    fn what_is_kept_is_a_text_or_a_number_and_not_endless() {
        let (_, step) = step();
        let kept = |body: &str| Answer { body: body.to_owned(), ..Answer::default() }.kept(&step);
        assert_eq!(kept(r#"{"id":7}"#).unwrap(), [("article".to_owned(), "7".to_owned())]);
        for body in ["", "<html>", "{}", r#"{"id":{}}"#, r#"{"id":""}"#, &format!(r#"{{"id":"{}"}}"#, "x".repeat(5000))]
        {
            assert!(kept(body).unwrap_err().contains("the answer has no `/id`"), "{body}");
        }
        let whole = Step { keep: vec![("number".to_owned(), String::new())], ..step };
        let answer = Answer { body: " 123456\n".to_owned(), ..Answer::default() };
        assert_eq!(answer.kept(&whole).unwrap(), [("number".to_owned(), "123456".to_owned())]);
    }
}
