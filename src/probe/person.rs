//! Do the programs of the person at the desk go the way that this run goes? A run of remote management is root's: its
//! environment is not that of the person who complains, and neither is its proxy (pitfalls 29 and 39 of
//! `docs/pitfalls.md`).

use super::proxy;
use super::way::choice::{self, Choice, Used};
use super::way::{self, Trouble, bounded, connect, handshake, script};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Context, Observation, Skip};
use crate::problem::{Code, count, joined};
use crate::sys::PersonProxies;
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// What it can report: what each step of the way can end in, and what it sees itself.
const CODES: &[&[Code]] = &[script::CODES, connect::CODES, handshake::REFUSED, &[Code::ProxyDiffersForUser]];

/// The probe.
pub const PROBE: Probe = Probe {
    name: "person",
    layer: Layer::Proxy,
    cost: Cost::Network,
    summary: "whether the people who are logged on use another proxy than this account",
    about: "As root, finds who is logged on (the session manager's files, utmp, SUDO_UID) and reads their proxy \
        variables: from the environment of a program of their session, else from environment.d and the shell's files \
        in their home folder. Where their way to the target differs from this account's, it is tried like the account's \
        own: the proxy is looked up, connected to and asked for the target, without credentials. Without root, and \
        where nobody else is logged on, there is nothing to compare. GNOME's settings of another account cannot be \
        read and are listed as unread.",
    contacts: Contacts::named(&["url"]).and("the proxies of who is logged on, and their PAC file"),
    burden: Burden::of("one exchange with each proxy that differs, and its PAC file once")
        .and_leaves("a line in the proxy's log"),
    codes: &joined::<{ count(CODES) }>(CODES),
    params: schema_of::<Params>,
    facts: schema_of::<PersonFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// Settings that are listed in facts.
const LIST_LIMIT: usize = 20;

/// Arguments of the `person` probe.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// The target: a URL, or a host (taken as `https://`).
    url: String,
}

/// Facts of the `person` probe, for each person.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
pub struct PersonFacts {
    /// The account's name.
    user: String,
    /// Its number.
    uid: u32,
    /// What its programs use for the target: a proxy's URL without credentials, `direct`, `pac+URL`.
    used: String,
    /// The setting that says so.
    source: Option<String>,
    /// What the account of this run uses.
    own: String,
    /// Whether the two differ.
    differs: bool,
    /// Whether the person's proxy takes programs to the target; absent where that was not tried or cannot be told.
    works: Option<bool>,
    /// Every setting of the person, as `source: url`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    settings: Vec<String>,
    /// Sources that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread: Vec<String>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let target = match proxy::target(&params.url) {
        Ok(target) => target,
        Err(why) => return vec![look.unknown(None, &why)],
    };
    let people = match look.world.machine.proxies_of_people().await {
        Ok(people) if people.is_empty() => {
            return vec![look.skipped(Skip::NotNeeded, "nobody else is logged on whose settings could differ")];
        }
        Ok(people) => people,
        Err(why) => return vec![look.unknown(None, &why.to_string())],
    };
    let own = look.world.machine.proxies().await.unwrap_or_default();
    let own = choice::first_choice(&own, &target).map_or(Used::Direct, |choice| choice.used);
    join_all(people.iter().map(|person| one(look, &target, person, &own))).await
}

async fn one(look: &Look<'_>, target: &Url, person: &PersonProxies, own: &Used) -> Observation {
    let choice = choice::first_choice(&person.proxies, target);
    let used = choice.as_ref().map_or(Used::Direct, |choice| choice.used.clone());
    let facts = PersonFacts {
        user: bounded(&person.user),
        uid: person.uid,
        used: used.shown(),
        source: choice.as_ref().map(|choice| choice.source.clone()),
        own: own.shown(),
        differs: used != *own,
        works: None,
        settings: person.proxies.settings.iter().take(LIST_LIMIT).map(choice::describe).collect(),
        unread: person.proxies.unread.iter().take(LIST_LIMIT).map(|source| bounded(source)).collect(),
    };
    let mut observation = match choice {
        // Without a proxy of their own they go direct, which other checks try.
        None if facts.differs => differing(look, &facts),
        Some(choice) if facts.differs => tried(look, target, choice, &facts).await,
        _ => {
            let words = format!("programs of {} go the same way as this account: {}", facts.user, facts.used);
            look.ok(Some(&facts.user), words).facts(&facts)
        }
    };
    observation.context = context(&facts);
    observation
}

/// Whose view it is.
fn context(facts: &PersonFacts) -> Context {
    Context { user: facts.user.clone(), elevated: false }
}

fn differing(look: &Look<'_>, facts: &PersonFacts) -> Observation {
    let source = facts.source.as_ref().map(|source| format!(" ({source})")).unwrap_or_default();
    let PersonFacts { user, used, own, .. } = facts;
    let works = if facts.works == Some(true) { ", which works" } else { "" };
    let words = format!("programs of {user} use {used}{source}{works}; this account uses {own}");
    look.problem(Some(user), Code::ProxyDiffersForUser, words).facts(facts)
}

/// The difference is shown at once, because a silent proxy takes seconds to be given up.
async fn tried(look: &Look<'_>, target: &Url, choice: Choice, facts: &PersonFacts) -> Observation {
    (look.emit)(Observation { context: context(facts), ..differing(look, facts) });
    match proxy::tried(look, target, choice).await {
        Ok(()) => differing(look, &PersonFacts { works: Some(true), ..facts.clone() }),
        Err(Trouble { code: None, .. }) => differing(look, facts),
        Err(trouble) => {
            let summary = format!("for {}: {}", facts.user, trouble.summary);
            let facts = PersonFacts { works: Some(false), ..facts.clone() };
            let trouble = Trouble { summary, ..trouble };
            way::observe(look, Some(&facts.user), &trouble).also([Code::ProxyDiffersForUser]).facts(&facts)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::look_at;
    use crate::probe::testing::loopback::{answers, serve};
    use crate::sys::{Known, Machine, ProxySetting, ProxySettings};
    use async_trait::async_trait;
    use serde_json::json;

    struct Desk {
        own: Option<String>,
        theirs: Vec<Option<String>>,
    }

    fn settings(url: Option<&String>) -> ProxySettings {
        let settings = url.into_iter().map(|url| ProxySetting {
            source: "environment all_proxy".to_owned(),
            scheme: "all".to_owned(),
            url: url.clone(),
            credentials: false,
            effective: true,
            error: None,
        });
        ProxySettings { settings: settings.collect(), ..ProxySettings::default() }
    }

    #[async_trait(?Send)]
    impl Machine for Desk {
        async fn proxies(&self) -> Known<ProxySettings> {
            Ok(settings(self.own.as_ref()))
        }
        async fn proxies_of_people(&self) -> Known<Vec<PersonProxies>> {
            let person = |url: &Option<String>| PersonProxies {
                user: "ann".to_owned(),
                uid: 1000,
                proxies: settings(url.as_ref()),
            };
            Ok(self.theirs.iter().map(person).collect())
        }
    }

    async fn seen(own: Option<&str>, theirs: &[Option<&str>]) -> Vec<Observation> {
        let theirs = theirs.iter().map(|url| url.map(str::to_owned)).collect();
        look_at(&PROBE, Desk { own: own.map(str::to_owned), theirs }, json!({ "url": "http://crm.test/" })).await
    }

    #[tokio::test]
    async fn the_same_way_is_no_finding() {
        for (own, theirs) in
            [(None, vec![]), (None, vec![None]), (Some("http://p.test:1"), vec![Some("http://p.test:1")])]
        {
            let seen = seen(own, &theirs).await;
            assert!(seen.iter().all(|one| matches!(one.outcome, Outcome::Ok | Outcome::Skipped)), "{seen:?}");
        }
    }

    #[tokio::test]
    async fn another_way_is_tried_and_is_theirs() {
        let served = serve(answers(b"HTTP/1.1 200 OK\r\nVia: 1.1 gate\r\nContent-Length: 0\r\n\r\n")).await;
        let works = format!("http://127.0.0.1:{}", served.address.port());
        let one = &seen(None, &[Some(&works)]).await[0];
        assert_eq!((one.code, &one.facts["works"]), (Some(Code::ProxyDiffersForUser), &json!(true)));
        assert_eq!((one.context.user.as_str(), one.subject.as_deref()), ("ann", Some("ann")));
        // Nobody serves port 1.
        let one = &seen(None, &[Some("http://127.0.0.1:1")]).await[0];
        assert_eq!((one.code, &one.facts["works"]), (Some(Code::ProxyRefused), &json!(false)));
        assert!(one.has(Code::ProxyDiffersForUser) && one.summary.contains("ann"));
        let one = &seen(Some("http://127.0.0.1:1"), &[None]).await[0];
        assert_eq!((one.code, &one.facts["used"]), (Some(Code::ProxyDiffersForUser), &json!("direct")));
        assert!(!one.facts.contains_key("works"));
    }
}
