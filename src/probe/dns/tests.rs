//! The probe against servers on the loopback that misbehave in one way each.

use super::whom::responsible;
use super::*;
use crate::observation::Certainty;
use crate::probe::testing;
use crate::sys::{Identity, Known, Machine, ResolverConfig, ResolverEntry};
use crate::world::real::RealNetwork;
use async_trait::async_trait;
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

#[derive(Default)]
struct FakeMachine {
    config: ResolverConfig,
}

#[async_trait(?Send)]
impl Machine for FakeMachine {
    async fn resolvers(&self) -> Known<ResolverConfig> {
        Ok(self.config.clone())
    }

    async fn identity(&self) -> Known<Identity> {
        Ok(Identity { hostname: "desk7".to_owned(), ..Identity::default() })
    }
}

/// What a server does with its nth query (from 1): the bytes of the answer, or nothing.
type Behaviour = fn(&Message, u32) -> Option<Vec<u8>>;

fn reply(query: &Message, change: impl FnOnce(&mut Message)) -> Option<Vec<u8>> {
    let mut message = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
    message.add_queries(query.queries.iter().cloned());
    change(&mut message);
    message.to_vec().ok()
}

fn with_addresses(query: &Message) -> Option<Vec<u8>> {
    reply(query, |message| {
        let question = &query.queries[0];
        let data = match question.query_type() {
            RecordType::A => RData::A(A::new(10, 0, 0, 7)),
            _ => RData::AAAA(AAAA::new(0xfd00, 0, 0, 0, 0, 0, 0, 7)),
        };
        message.add_answer(Record::from_rdata(question.name().clone(), 60, data));
    })
}

fn with_code(query: &Message, code: ResponseCode) -> Option<Vec<u8>> {
    reply(query, |message| message.metadata.response_code = code)
}

async fn start(behaviour: Behaviour) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 2000];
        let mut count = 0;
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            count += 1;
            let Ok(query) = Message::from_vec(&buffer[..length]) else { continue };
            if let Some(answer) = behaviour(&query, count) {
                let _ = socket.send_to(&answer, from).await;
            }
        }
    });
    address
}

/// The same port on TCP, answering well.
async fn start_tcp(address: SocketAddr) {
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let length = stream.read_u16().await.unwrap();
            let mut bytes = vec![0; usize::from(length)];
            stream.read_exact(&mut bytes).await.unwrap();
            let answer = with_addresses(&Message::from_vec(&bytes).unwrap()).unwrap();
            stream.write_u16(answer.len() as u16).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    });
}

/// No wait of the probe is as short, and no loaded machine needs as long for a round trip on the loopback.
const PROMPT: Duration = Duration::from_millis(700);

struct Outcome {
    last: Vec<Observation>,
    emitted: Vec<Observation>,
    took: Duration,
}

async fn look(args: Value) -> Outcome {
    look_on(FakeMachine::default(), args).await
}

async fn look_on(machine: FakeMachine, args: Value) -> Outcome {
    let world = testing::world(machine, RealNetwork::default());
    let seen = testing::look(&PROBE, &world, args, Duration::from_secs(20)).await;
    let took = seen.took;
    let (last, emitted) = seen.both();
    Outcome { last, emitted, took }
}

fn is(observation: &Observation, code: Code, certainty: Certainty) {
    assert_eq!((observation.code, observation.certainty), (Some(code), Some(certainty)), "{observation:#?}");
}

#[tokio::test]
async fn a_good_server_is_ok_and_its_answers_are_facts() {
    let server = start(|query, _| with_addresses(query)).await;
    let outcome = look(json!({ "name": "crm.test.", "servers": [server.to_string()] })).await;
    let [one] = outcome.last.as_slice() else { panic!("{:?}", outcome.last) };
    assert_eq!(one.outcome, crate::observation::Outcome::Ok, "{one:#?}");
    assert_eq!(one.id, format!("dns.check[{server}]"));
    assert_eq!(one.facts["addresses"], json!(["10.0.0.7", "fd00::7"]));
    assert_eq!(one.facts["rcode"], "NOERROR");
    assert_eq!(one.facts["ttl_s"], 60);
    assert_eq!(one.facts["position"], 1);
    assert_eq!(one.facts["queries"], 4);
    assert_eq!(one.facts["answered"], 4);
    assert_eq!(one.facts["tcp"], "not_asked");
    assert_eq!(one.via.resolver, Some(server.to_string()));
    assert!(outcome.took < PROMPT, "{:?}", outcome.took);
}

#[tokio::test]
async fn explicit_answers_need_no_timeout() {
    let table: &[(Behaviour, Code, u64)] = &[
        (|query, _| with_code(query, ResponseCode::NXDomain), Code::DnsNxdomain, 1),
        (|query, _| with_code(query, ResponseCode::ServFail), Code::DnsServfail, 2),
        (|query, _| with_code(query, ResponseCode::Refused), Code::DnsRefused, 2),
        (|query, _| with_code(query, ResponseCode::FormErr), Code::DnsFormerr, 2),
        (|query, _| reply(query, |_| ()), Code::DnsNodata, 4),
        (|query, _| reply(query, |message| message.metadata.id ^= 1), Code::DnsFormerr, 2),
        (|_, _| Some(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()), Code::DnsFormerr, 2),
        (
            |query, _| {
                let mut other = query.clone();
                other.queries[0].set_name(Name::from_ascii("evil.test.").unwrap());
                with_addresses(&other)
            },
            Code::DnsFormerr,
            2,
        ),
    ];
    for (behaviour, code, at_least) in table {
        let server = start(*behaviour).await;
        let outcome = look(json!({ "name": "crm.test", "servers": server.to_string() })).await;
        is(&outcome.last[0], *code, Certainty::Confirmed);
        assert!(outcome.last[0].facts["queries"].as_u64() >= Some(*at_least), "{:#?}", outcome.last[0]);
        assert!(outcome.took < PROMPT, "{code}: {:?}", outcome.took);
    }
}

#[tokio::test]
async fn a_silent_server_beside_one_that_answers_is_confirmed_within_two_seconds() {
    let silent = start(|_, _| None).await;
    let good = start(|query, _| with_addresses(query)).await;
    let servers = [silent.to_string(), good.to_string()];
    let outcome = look(json!({ "name": "crm.test", "servers": servers, "control_name": "other.test" })).await;
    is(&outcome.last[0], Code::DnsTimeout, Certainty::Confirmed);
    assert_eq!(outcome.last[1].code, None);
    let facts = &outcome.last[0].facts;
    assert_eq!(facts["queries"], 4, "the one for AAAA is not counted, because only A was repeated");
    assert_eq!(facts["answered"], 0);
    assert_eq!(facts["sibling"], json!(good.to_string()));
    assert_eq!(facts["tcp"], "refused");
    assert_eq!(facts["control_answered"], false);
    assert!(outcome.took < Duration::from_millis(2900), "{:?}", outcome.took);
    let suspicion =
        outcome.emitted.iter().find(|one| one.certainty == Some(Certainty::Suspected)).expect("a suspicion");
    assert_eq!(suspicion.id, outcome.last[0].id);
    assert!(suspicion.facts["waited_ms"].as_f64() < Some(1400.0), "{suspicion:#?}");
}

#[tokio::test]
async fn a_silent_server_alone_takes_longer_and_may_answer_over_tcp() {
    let silent = start(|_, _| None).await;
    start_tcp(silent).await;
    let outcome = look(json!({ "name": "crm.test", "servers": [silent.to_string()] })).await;
    is(&outcome.last[0], Code::DnsTimeout, Certainty::Confirmed);
    assert_eq!(outcome.last[0].facts["tcp"], "ok");
    assert!(outcome.took > Duration::from_millis(2300) && outcome.took < Duration::from_millis(4500));
    let waited = outcome.emitted[0].facts["waited_ms"].as_f64().unwrap();
    assert!((1400.0..2400.0).contains(&waited), "{waited}");
}

#[tokio::test]
async fn a_closed_port_is_told_from_silence() {
    let closed = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let outcome = look(json!({ "name": "crm.test", "servers": [closed.to_string()] })).await;
    is(&outcome.last[0], Code::DnsPortClosed, Certainty::Confirmed);
    assert_eq!(outcome.last[0].facts["failure"], "refused");
    assert!(outcome.took < PROMPT);
}

#[tokio::test]
async fn a_truncated_answer_is_fetched_over_tcp() {
    fn truncated(query: &Message, _: u32) -> Option<Vec<u8>> {
        reply(query, |message| message.metadata.truncation = true)
    }
    let server = start(truncated).await;
    start_tcp(server).await;
    let outcome = look(json!({ "name": "crm.test", "servers": [server.to_string()], "types": ["A"] })).await;
    assert_eq!(outcome.last[0].code, None, "{:#?}", outcome.last[0]);
    assert_eq!(outcome.last[0].facts["tcp"], "ok");
    assert_eq!(outcome.last[0].facts["addresses"], json!(["10.0.0.7"]));

    let without_tcp = start(truncated).await;
    let outcome = look(json!({ "name": "crm.test", "servers": [without_tcp.to_string()] })).await;
    is(&outcome.last[0], Code::DnsTcpBlocked, Certainty::Confirmed);
    assert_eq!(outcome.last[0].facts["tcp"], "refused");
}

#[tokio::test]
async fn every_third_query_unanswered_is_flapping() {
    let server = start(|query, count| with_addresses(query).filter(|_| !count.is_multiple_of(3))).await;
    let outcome = look(json!({ "name": "crm.test", "servers": [server.to_string()] })).await;
    is(&outcome.last[0], Code::DnsFlapping, Certainty::Confirmed);
    assert_eq!((&outcome.last[0].facts["queries"], &outcome.last[0].facts["answered"]), (&json!(10), &json!(7)));
}

#[tokio::test]
async fn one_lost_query_is_no_fault() {
    let server = start(|query, count| with_addresses(query).filter(|_| count != 1)).await;
    let outcome = look(json!({ "name": "crm.test", "servers": [server.to_string()] })).await;
    assert_eq!(outcome.last[0].code, None, "{:#?}", outcome.last[0]);
    assert!(outcome.last[0].facts["answered"].as_u64() < outcome.last[0].facts["queries"].as_u64());
}

#[tokio::test]
async fn a_type_that_is_dropped_is_named() {
    let server =
        start(|query, _| with_addresses(query).filter(|_| query.queries[0].query_type() == RecordType::A)).await;
    let outcome = look(json!({ "name": "crm.test", "servers": [server.to_string()], "repeat": 0 })).await;
    is(&outcome.last[0], Code::DnsFlapping, Certainty::Confirmed);
    assert_eq!(outcome.last[0].facts["silent_types"], json!(["AAAA"]));
}

#[tokio::test]
async fn servfail_for_one_name_only_keeps_both_facts() {
    let server = start(|query, _| {
        let bad = query.queries[0].name().to_string().starts_with("crm");
        if bad { with_code(query, ResponseCode::ServFail) } else { with_addresses(query) }
    })
    .await;
    let args = json!({ "name": "crm.test", "servers": [server.to_string()], "control_name": "other.test" });
    let outcome = look(args).await;
    is(&outcome.last[0], Code::DnsServfail, Certainty::Confirmed);
    assert_eq!(outcome.last[0].facts["rcode"], "SERVFAIL");
    assert_eq!(outcome.last[0].facts["control_rcode"], "NOERROR");
    assert_eq!(outcome.last[0].facts["control_answered"], true);
}

#[tokio::test]
async fn a_server_without_edns_is_no_fault() {
    let server = start(|query, _| match query.edns {
        Some(_) => with_code(query, ResponseCode::FormErr),
        None => with_addresses(query),
    })
    .await;
    let outcome = look(json!({ "name": "crm.test", "servers": [server.to_string()] })).await;
    assert_eq!(outcome.last[0].code, None, "{:#?}", outcome.last[0]);
    assert_eq!(outcome.last[0].facts["without_edns"], true);
    assert_eq!(outcome.last[0].facts["addresses"], json!(["10.0.0.7", "fd00::7"]));
}

#[tokio::test]
async fn an_invented_answer_for_a_random_name_is_rewriting() {
    let server = start(|query, _| with_addresses(query)).await;
    let args = json!({ "name": "crm.test", "servers": [server.to_string()], "random_name": true });
    let outcome = look(args).await;
    is(&outcome.last[0], Code::DnsRewritten, Certainty::Confirmed);
    assert_eq!(outcome.last[0].facts["random_addresses"], json!(["10.0.0.7"]));
}

#[tokio::test]
async fn a_first_server_that_does_not_know_what_the_second_knows() {
    let ignorant = start(|query, _| with_code(query, ResponseCode::NXDomain)).await;
    let knowing = start(|query, _| with_addresses(query)).await;
    let outcome = look(json!({ "name": "crm.test", "servers": [ignorant.to_string(), knowing.to_string()] })).await;
    is(&outcome.last[0], Code::DnsNxdomain, Certainty::Confirmed);
    assert!(outcome.last[0].has(Code::DnsAnswerDiffers));
    assert_eq!(outcome.last[0].facts["other_addresses"], json!(["10.0.0.7", "fd00::7"]));
    assert_eq!(outcome.last[1].code, None);
}

#[tokio::test]
async fn the_control_server_is_compared() {
    let mine = start(|query, _| with_addresses(query)).await;
    let other = start(|query, _| {
        reply(query, |message| {
            let name = query.queries[0].name().clone();
            message.add_answer(Record::from_rdata(name, 60, RData::A(A::new(203, 0, 113, 9))));
        })
    })
    .await;
    let args = json!({ "name": "crm.test", "servers": [mine.to_string()], "compare": other.to_string() });
    let outcome = look(args).await;
    is(&outcome.last[0], Code::DnsAnswerDiffers, Certainty::Suspected);
    assert_eq!(outcome.last[0].facts["other_agrees"], false);
    assert_eq!(outcome.last[0].facts["other_server"], json!(other.to_string()));
}

#[tokio::test]
async fn a_short_name_is_tried_with_suffixes() {
    let server = start(|query, _| match query.queries[0].name().to_string().as_str() {
        "crm.corp.test." => with_addresses(query),
        _ => with_code(query, ResponseCode::NXDomain),
    })
    .await;
    let args = json!({ "name": "crm", "servers": [server.to_string()], "search": ["corp.test"] });
    let outcome = look(args.clone()).await;
    is(&outcome.last[0], Code::DnsSearchList, Certainty::Confirmed);
    assert_eq!(outcome.last[0].facts["suffix"], "corp.test");
    let config = ResolverConfig { search: vec!["corp.test".to_owned()], ..ResolverConfig::default() };
    let outcome = look_on(FakeMachine { config }, args).await;
    assert_eq!(outcome.last[0].code, None, "{:#?}", outcome.last[0]);
    assert_eq!(outcome.last[0].facts["name"], "crm.corp.test");
}

#[tokio::test]
async fn names_that_need_no_resolver_ask_none() {
    for name in ["10.0.0.7", "[fd00::7]", "localhost", "app.localhost"] {
        let outcome = look(json!({ "name": name })).await;
        assert_eq!(outcome.last[0].outcome, crate::observation::Outcome::Ok, "{name}");
    }
    let outcome = look(json!({ "name": "crm.test" })).await;
    is(&outcome.last[0], Code::DnsNoResolver, Certainty::Confirmed);
    for args in [json!({ "name": "a b", "servers": ["10.0.0.1"] }), json!({ "name": "x", "servers": ["ns.test"] })] {
        let outcome = look(args).await;
        assert_eq!(outcome.last[0].outcome, crate::observation::Outcome::Unknown);
    }
}

#[tokio::test]
async fn a_multicast_name_is_not_blamed_on_dns() {
    let server = start(|query, _| with_code(query, ResponseCode::NXDomain)).await;
    let config = ResolverConfig {
        nsswitch: vec!["files".to_owned(), "mdns4_minimal".to_owned(), "dns".to_owned()],
        ..ResolverConfig::default()
    };
    let args = json!({ "name": "printer.local", "servers": [server.to_string()] });
    let outcome = look_on(FakeMachine { config }, args).await;
    assert_eq!(outcome.last[0].code, None);
    assert_eq!(outcome.last[0].facts["name_kind"], "multicast");
}

#[test]
fn servers_are_read_and_written_as_people_do() {
    let table = [
        ("10.0.0.1", "10.0.0.1:53", "10.0.0.1"),
        ("10.0.0.1:5353", "10.0.0.1:5353", "10.0.0.1:5353"),
        ("fd00::1", "[fd00::1]:53", "fd00::1"),
        ("[fd00::1]:54", "[fd00::1]:54", "[fd00::1]:54"),
        ("fe80::1%3", "[fe80::1%3]:53", "fe80::1%3"),
    ];
    for (text, address, shown) in table {
        let read = server(text).unwrap();
        assert_eq!((read.to_string().as_str(), server_text(read).as_str()), (address, shown));
    }
    assert!(server("ns.example").is_err());
}

/// A server of a link with these domains, of which nothing more is said.
fn entry(address: &str, domains: &[&str]) -> ResolverEntry {
    ResolverEntry {
        server: server(address).unwrap(),
        source: String::new(),
        link: None,
        domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
        default_route: None,
    }
}

#[test]
fn split_dns_asks_the_responsible_servers_only() {
    let entries =
        [entry("10.0.0.1", &[]), entry("10.8.0.1", &["corp.example"]), entry("10.9.0.1", &["~lab.corp.example"])];
    let table = [
        ("www.example.org", vec!["10.0.0.1"]),
        ("crm.corp.example", vec!["10.8.0.1"]),
        ("corp.example", vec!["10.8.0.1"]),
        ("x.lab.corp.example", vec!["10.9.0.1"]),
        ("notcorp.example", vec!["10.0.0.1"]),
    ];
    for (name, wanted) in table {
        let chosen: Vec<String> = responsible(&entries, name).iter().map(|entry| server_text(entry.server)).collect();
        assert_eq!(chosen, wanted, "{name}");
    }
    let linked = [entry("10.0.0.1", &["fritz.box"]), entry("10.8.0.1", &["corp.example"])];
    assert_eq!(
        responsible(&linked, "www.example.org").len(),
        2,
        "nobody is responsible, so it is not known who is asked"
    );
    // Of a link with a search domain and one that is for its own names alone, as systemd-resolved says it.
    let said = |address: &str, domains: &[&str], default_route: bool| ResolverEntry {
        default_route: Some(default_route),
        ..entry(address, domains)
    };
    let lan = said("192.0.2.53", &["home.example"], true);
    let table = [
        (said("10.8.0.1", &["corp.example"], false), "www.example.org", vec!["192.0.2.53"]),
        (said("10.8.0.1", &["corp.example"], true), "www.example.org", vec!["192.0.2.53", "10.8.0.1"]),
        (said("10.8.0.1", &["corp.example"], false), "crm.corp.example", vec!["10.8.0.1"]),
        (said("10.8.0.1", &[], true), "www.example.org", vec!["192.0.2.53", "10.8.0.1"]),
        (said("10.8.0.1", &[], false), "www.example.org", vec!["192.0.2.53"]),
        (said("10.8.0.1", &["."], false), "www.example.org", vec!["10.8.0.1"]),
        (said("10.8.0.1", &["."], false), "nas.home.example", vec!["192.0.2.53"]),
    ];
    for (tunnel, name, wanted) in table {
        let entries = [lan.clone(), tunnel];
        let chosen: Vec<String> = responsible(&entries, name).iter().map(|entry| server_text(entry.server)).collect();
        assert_eq!(chosen, wanted, "{name} with {:?}", entries[1]);
    }
}

#[test]
fn a_stub_may_pass_the_control_name_to_others() {
    let said = |address: &str, domains: &[&str]| ResolverEntry {
        default_route: Some(domains.is_empty()),
        ..entry(address, domains)
    };
    let config = ResolverConfig {
        servers: vec![said("127.0.0.53", &[])],
        upstream: vec![said("192.0.2.53", &[]), said("10.8.0.1", &["corp.example"])],
        stub: true,
        ..ResolverConfig::default()
    };
    let elsewhere = |name: &str| -> Vec<bool> {
        let targets = targets(&Params::default(), name, Ok(&config)).unwrap();
        targets.iter().map(|target| control_goes_elsewhere(target, &config, name, Some("www.example.test"))).collect()
    };
    assert_eq!(elsewhere("crm.corp.example"), [true, false], "the server behind it is asked for both itself");
    assert_eq!(elsewhere("www.example.org"), [false, false]);
}

#[test]
fn own_names_are_known_short_and_long() {
    let table = [
        ("desk7", "desk7", true),
        ("desk7.corp.example", "desk7", true),
        ("desk7", "desk7.corp.example", true),
        ("crm.corp.example", "desk7", false),
        ("desk70.corp.example", "desk7", false),
        ("", "desk7", false),
        ("desk7", "", false),
    ];
    for (name, hostname, wanted) in table {
        assert_eq!(is_same_host(name, hostname), wanted, "{name} {hostname}");
    }
}
