//! The act itself: every step in turn, until one is refused. What was done before that is told, because it stays done.

use super::answer::Answer;
use super::fill::Values;
use super::given::Given;
use super::request::Request;
use super::secret::Hidden;
use super::{AuthKind, Connector, Mail, Parcel, SMALLER, Secret, Step, Way, exchange, mail};
use crate::error::{Error, Result};
use crate::probe::way::host_of;
use crate::world::World;
use jiff::Timestamp;
use serde_json::Value;
use std::net::IpAddr;
use url::Url;

/// What is kept of an answer and is as long as a session or an upload token is one, for all that is known.
const SHORTEST_TOKEN: usize = 16;

/// What is to be sent, where and as whom.
pub struct Order<'a> {
    pub connector: &'a Connector,
    pub parcel: &'a Parcel,
    pub given: &'a Given,
    pub secret: Option<Secret>,
    /// Whether it may go unencrypted beyond this machine.
    pub unencrypted: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The steps that changed something there, in words.
    pub done: Vec<String>,
    /// What was made there; none where not every step went well.
    pub answer: Option<String>,
    pub failure: Option<Failure>,
    /// What did not work and does not matter much.
    pub warnings: Vec<String>,
}

/// Why it ended early.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The far end does not take it.
    Refused { status: u16, words: String },
    /// The far end could not be asked.
    NotReached(String),
}

impl Failure {
    /// The sentence.
    pub fn words(&self) -> &str {
        match self {
            Failure::Refused { words, .. } | Failure::NotReached(words) => words,
        }
    }
}

impl Order<'_> {
    /// What templates can name before the first step.
    fn values(&self, real: bool) -> Result<Values> {
        let mut values = self.parcel.values(&self.connector.letter, real)?;
        for (name, text) in self.given.all(!real) {
            values.put(name, &Value::from(text));
        }
        Ok(values)
    }

    /// What would be sent, in order: what each request does and the request itself, with the packet and everything secret
    /// only named. What an earlier answer will say is written as `step.name`.
    ///
    /// # Errors
    /// Where a template cannot be filled, or an address is not one that may be used.
    pub fn rehearse(&self) -> Result<Vec<(String, String)>> {
        let mut values = self.values(false)?;
        let steps = match &self.connector.way {
            Way::Mail(wish) => {
                let letter = mail::Message::of(wish, &values).map_err(|why| self.wrong(&why))?;
                self.may_go_to(&letter.server)?;
                return Ok(vec![("send a mail".to_owned(), letter.shown(self.parcel))]);
            }
            Way::Http(steps) => steps,
        };
        let mut shown = Vec::new();
        for step in steps {
            let request = self.request(step, &values, false)?;
            self.may_go_to(&request.url)?;
            shown.push((step.does.clone(), request.shown(self.parcel)));
            for (name, _) in &step.keep {
                values.put(name, &Value::from(format!("{}.{name}", step.id)));
            }
        }
        Ok(shown)
    }

    /// The request of a step; where it is not real, the token is masked in it.
    fn request(&self, step: &Step, values: &Values, real: bool) -> Result<Request> {
        let mut request = Request::of(step, values).map_err(|why| self.wrong(&why))?;
        if let Some(auth) = self.connector.auth.as_ref().filter(|_| step.signed_in)
            && (self.secret.is_some() || !(real || auth.optional))
        {
            let secret = self.secret.as_ref().filter(|_| real);
            let signed = request.sign_in(auth, values, secret, self.parcel, Timestamp::now());
            signed.map_err(|why| self.wrong(&why))?;
        }
        Ok(request)
    }

    fn wrong(&self, why: &str) -> Error {
        Error::usage(format!("the connector `{}` cannot be used: {why}", self.connector.id))
            .hint(format!("firstline explain connector:{}", self.connector.id))
    }

    /// Tokens and packets go encrypted, except to this machine itself.
    fn may_go_to(&self, url: &Url) -> Result<()> {
        // With a mail server encryption begins in the middle, and without it nothing is sent (see `mail`).
        let encrypted = matches!(url.scheme(), "https" | "smtps" | "smtp");
        if encrypted || self.unencrypted || is_here(url) {
            return Ok(());
        }
        Err(Error::usage(format!("{url} is not encrypted: everybody on the way could read packet and token"))
            .hint("use https; --insecure-http sends it all the same"))
    }

    /// Sends it.
    ///
    /// # Errors
    /// Where the connector itself cannot be used; what the far end does is the outcome.
    pub async fn carry_out(&self, world: &World) -> Result<Outcome> {
        let mut values = self.values(true)?;
        let mut hidden = self.hidden(&values);
        let mut outcome = Outcome::default();
        match &self.connector.way {
            Way::Mail(wish) => self.mail(world, wish, &mut values, &hidden, &mut outcome).await?,
            Way::Http(steps) => {
                for step in steps.iter() {
                    if outcome.failure.is_none() || step.always {
                        let made = self.make(world, step, &mut values, &mut hidden).await?;
                        outcome.note(step, made);
                    }
                }
            }
        }
        if outcome.failure.is_none() {
            let answer = values.text(&self.connector.answer).map_err(|why| self.wrong(&why))?;
            outcome.answer = Some(hidden.clean(&answer)).filter(|answer| !answer.trim().is_empty());
        }
        Ok(outcome)
    }

    /// Everything secret that goes out, in the forms that it travels in.
    fn hidden(&self, values: &Values) -> Hidden {
        let mut hidden = Hidden::default();
        self.given.hide_in(&mut hidden);
        let Some(secret) = &self.secret else { return hidden };
        hidden.add(secret.expose());
        if let Some(AuthKind::Basic { user, password }) = self.connector.auth.as_ref().map(|auth| &auth.kind) {
            let known = values.with("token", secret.expose());
            if let (Ok(user), Ok(password)) = (known.text(user), known.text(password)) {
                hidden.add(&format!("{user}:{password}"));
                hidden.add(&format!("\0{user}\0{password}"));
            }
        }
        hidden
    }

    async fn mail(
        &self,
        world: &World,
        wish: &Mail,
        values: &mut Values,
        hidden: &Hidden,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let letter = mail::Message::of(wish, values).map_err(|why| self.wrong(&why))?;
        self.may_go_to(&letter.server)?;
        let post = mail::Post {
            signing: self.connector.auth.as_ref().zip(self.secret.as_ref()),
            values,
            parcel: self.parcel,
            hidden,
            weak: self.unencrypted || is_here(&letter.server),
        };
        match mail::send(world, &letter, &post).await {
            Ok(reply) => {
                outcome.done.push("send a mail".to_owned());
                values.put("reply", &Value::from(reply));
            }
            Err(failure) => outcome.failure = Some(failure),
        }
        Ok(())
    }

    /// Makes one step and keeps what later ones need.
    async fn make(
        &self,
        world: &World,
        step: &Step,
        values: &mut Values,
        hidden: &mut Hidden,
    ) -> Result<std::result::Result<(), Failure>> {
        // A step that only tidies up needs what an earlier one kept; where that never came there is nothing to tidy.
        let request = match self.request(step, values, true) {
            Err(_) if step.always => return Ok(Ok(())),
            request => request?,
        };
        self.may_go_to(&request.url)?;
        let answer = match exchange::exchange(world, &request, self.parcel).await {
            Ok(answer) => answer,
            Err(why) => return Ok(Err(Failure::NotReached(format!("cannot {}: {}", step.does, hidden.clean(&why))))),
        };
        if !step.expect.contains(&answer.status) {
            return Ok(Err(self.refused(step, &request.url, &answer.without(hidden))));
        }
        if let Some(most) = answer.limit(step).filter(|&most| self.parcel.bytes.len() as u64 > most) {
            return Ok(Err(Failure::Refused { status: answer.status, words: self.too_large(&request.url, most) }));
        }
        match answer.kept(step) {
            Ok(kept) => {
                for (name, text) in kept {
                    if text.len() >= SHORTEST_TOKEN {
                        hidden.add(&text);
                    }
                    values.put(&name, &Value::from(text));
                }
                Ok(Ok(()))
            }
            Err(why) => {
                let words = format!("cannot {}: {why}", step.does);
                Ok(Err(Failure::Refused { status: answer.status, words }))
            }
        }
    }

    fn too_large(&self, url: &Url, most: u64) -> String {
        format!(
            "{} says that it takes {most} bytes at most, and the packet has {}; {SMALLER}",
            host_of(url),
            self.parcel.bytes.len()
        )
    }

    fn refused(&self, step: &Step, url: &Url, answer: &Answer) -> Failure {
        let own = answer.own_words().map(|words| format!(" (it says: {words})")).unwrap_or_default();
        let words = format!(
            "cannot {}: {} answers {}: {}{own}",
            step.does,
            host_of(url),
            answer.status,
            answer.refusal(self.connector, step)
        );
        Failure::Refused { status: answer.status, words }
    }
}

impl Outcome {
    /// Takes what came of a step.
    fn note(&mut self, step: &Step, made: std::result::Result<(), Failure>) {
        match made {
            // What only reads leaves nothing there.
            Ok(()) if step.always || step.method == "GET" => {}
            Ok(()) => self.done.push(step.does.clone()),
            Err(failure) if step.always => self.warnings.push(failure.words().to_owned()),
            Err(failure) => self.failure = Some(failure),
        }
    }
}

/// Whether an address is this machine itself.
fn is_here(url: &Url) -> bool {
    let host = host_of(url);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Which way it goes, for whoever is asked: the proxy of this machine's settings, or none.
pub async fn way_to(world: &World, url: &Url) -> Option<String> {
    let used = exchange::used(world, url).await;
    (used != crate::probe::way::choice::Used::Direct).then(|| used.shown())
}
