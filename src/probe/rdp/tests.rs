//! Remote desktops on the loopback interface.

use super::*;
use crate::observation::{Certainty, Outcome};
use crate::probe::testing::loopback::{Loopback, acceptor, certificates, serve, world};
use crate::probe::testing::{LONG, look_by};
use crate::sys::ProxySettings;
use certificates::Authority;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What a server answers to the protections that are on offer; none hangs up.
type Says = fn(u8) -> Option<&'static [u8]>;

const CHOOSES_NLA: &[u8] = b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\0\x08\0\x02\0\0\0";
const CHOOSES_TLS: &[u8] = b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\0\x08\0\x01\0\0\0";
const WANTS_NLA: &[u8] = b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x03\0\x08\0\x05\0\0\0";
const HAS_NO_CERTIFICATE: &[u8] = b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x03\0\x08\0\x03\0\0\0";
const OLD: &[u8] = b"\x03\0\0\x0b\x06\xd0\0\0\x12\x34\0";

async fn looked_at(says: Says) -> (Observation, Vec<Observation>) {
    let tls = acceptor(&Authority::self_signed("desk.test"), Vec::new());
    let served = serve(move |mut stream| {
        let tls = tls.clone();
        async move {
            let mut asked = [0; 19];
            if stream.read_exact(&mut asked).await.is_err() {
                return;
            }
            let Some(answer) = says(asked[15]) else { return };
            let _ = stream.write_all(answer).await;
            if answer.get(11) == Some(&2) {
                let _ = tls.accept(stream).await;
            } else {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
        }
    })
    .await;
    let world = world(Loopback::default(), ProxySettings::default());
    let to = served.address;
    let args = json!({ "host": "desk.test", "addresses": [to.ip().to_string()], "port": to.port() });
    let trust = Some(Trust::in_roots(&[Authority::root("Example Root").der()], &[]));
    let seen =
        look_by(&PROBE, &world, args, LONG, async |look| look.with(|look, params| run(look, params, trust)).await)
            .await;
    let (mut last, emitted) = seen.both();
    assert_eq!(last.len(), 1);
    (last.remove(0), emitted)
}

#[tokio::test]
async fn a_desktop_with_a_certificate_of_its_own_is_ok() {
    let (seen, _) = looked_at(|offers| Some(if offers & 2 != 0 { CHOOSES_NLA } else { WANTS_NLA })).await;
    assert_eq!(seen.outcome, Outcome::Ok, "{seen:#?}");
    assert_eq!((&seen.facts["protection"], &seen.facts["wants_nla"]), (&json!("nla"), &json!(true)));
    assert_eq!(seen.facts["trusted"], false);
    assert!(seen.facts["days_left"].as_i64().unwrap() > 70 && seen.via.peer.is_some(), "{seen:#?}");
    let (seen, _) = looked_at(|_| Some(CHOOSES_TLS)).await;
    assert_eq!((&seen.facts["protection"], &seen.facts["wants_nla"]), (&json!("tls"), &json!(false)), "{seen:#?}");
}

#[tokio::test]
async fn what_a_desktop_says_against_it_is_named() {
    let cases: [(Says, Code, &str); 4] = [
        (|_| Some(HAS_NO_CERTIFICATE), Code::AppRefused, "no_certificate"),
        (|_| Some(OLD), Code::AppOutdated, ""),
        (|_| Some(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Code::AppWrongProtocol, ""),
        (|_| None, Code::AppNoAnswer, ""),
    ];
    for (says, code, refusal) in cases {
        let (seen, _) = looked_at(says).await;
        assert_eq!((seen.code, seen.certainty), (Some(code), Some(Certainty::Confirmed)), "{seen:#?}");
        assert_eq!(seen.facts.get("refusal").and_then(|word| word.as_str()).unwrap_or_default(), refusal);
        assert_eq!(seen.facts.contains_key("first_bytes"), code == Code::AppWrongProtocol, "{seen:#?}");
    }
}

#[tokio::test]
async fn silence_is_suspected_and_then_confirmed() {
    let (seen, emitted) = looked_at(|_| Some(b"")).await;
    assert_eq!((seen.code, seen.certainty), (Some(Code::AppNoAnswer), Some(Certainty::Confirmed)));
    assert_eq!((emitted[0].code, emitted[0].certainty), (Some(Code::AppNoAnswer), Some(Certainty::Suspected)));
    let world = world(Loopback::default(), ProxySettings::default());
    let args = json!({ "addresses": ["127.0.0.1"], "port": 1 });
    let seen =
        look_by(&PROBE, &world, args, LONG, async |look| look.with(|look, params| run(look, params, None)).await).await;
    assert_eq!(seen.last[0].outcome, Outcome::Unknown);
}
