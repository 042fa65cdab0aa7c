//! The scenario's world, by itself and under the probes for names.

use super::*;
use crate::observation::{Certainty, Observation};
use crate::probe::{find, testing};
use crate::problem::Code;
use crate::world::{Dial, LookupFailure};
use serde_json::{Value as Json, json};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

const OFFICE: &str = r#"
routes = [
    { destination = "10.0.0.0/24", interface = "eth0" },
    { gateway = "10.0.0.1", interface = "eth0" },
    { destination = "10.8.0.0/16", kind = "unreachable" },
]
listeners = [{ local = "127.0.0.1:631", protocol = "tcp" }]
tunnels = []

[[links]]
name = "lo"
kind = "loopback"
up = true

[[links]]
name = "eth0"
kind = "wired"
up = true

[[addresses]]
interface = "eth0"
net = "10.0.0.5/24"

[identity]
hostname = "desk7"

[resolvers]
servers = [
    { server = "10.0.0.53:53", source = "/etc/resolv.conf" },
    { server = "10.0.0.54:53", source = "/etc/resolv.conf" },
]
nsswitch = ["files", "dns"]

[delay_ms]
"10.0.0.54" = 20

[dns."10.0.0.53"]
"crm.test" = ["A 10.0.0.7", "AAAA fd00::7"]
"www.test" = ["CNAME crm.test"]
"*" = "NXDOMAIN"

[dns."10.0.0.54"]
"crm.test" = ["A 10.0.0.7", "AAAA fd00::7"]
"*" = "NXDOMAIN"

[tcp]
"10.0.0.7:443" = "refused"
"10.0.0.7:25" = { says = "220 mail\r\n" }
"10.0.0.7:22" = { each = ["open", "timeout"] }
"10.0.0.7:81" = "reset"

[http."10.0.0.7:80"]
"GET /login" = "HTTP/1.1 401 Unauthorized\r\n\r\n"
"*" = "HTTP/1.1 200 OK\r\n\r\nhello"

[lookup]
"crm.test" = ["10.0.0.7", "fd00::7"]
"*" = "not_found"

[echo]
"10.0.0.1" = { ms = 2, lose_every = 2 }

[unknown]
filter_rules = "needs CAP_NET_ADMIN"

[answers]
other-machine = "only here"
"#;

fn office(fault: &str) -> Fake {
    Fake::from_layers(&[OFFICE, fault]).expect("a good scenario")
}

async fn look(fake: &Fake, probe: &'static str, args: Json) -> (Vec<Observation>, Duration) {
    let seen = testing::look(find(probe).expect("a probe"), &fake.world(), args, testing::LONG).await;
    (seen.last, seen.took)
}

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

#[tokio::test(start_paused = true)]
async fn what_the_scenario_gives_is_known_and_the_rest_is_not() {
    let world = office("").world();
    assert_eq!(world.machine.links().await.expect("links").len(), 2);
    assert!(world.machine.tunnels().await.expect("no tunnels").is_empty());
    assert_eq!(world.machine.memory().await.expect_err("not given"), sys::Unknown::Unsupported("this scenario"));
    let needs = world.machine.filter_rules().await.expect_err("needs a right");
    assert_eq!(needs.to_string(), "needs CAP_NET_ADMIN to read filter_rules");
    let question = |check: &str| Question { check: check.to_owned(), text: String::new(), choices: Vec::new() };
    assert_eq!(world.person.ask(&question("other-machine")).await, Answer::Given("only here".to_owned()));
    assert_eq!(world.person.ask(&question("cable")).await, Answer::Nobody);
}

#[tokio::test(start_paused = true)]
async fn the_longest_prefix_is_the_route() {
    let world = office("").world();
    let table = [
        ("10.0.0.7", "unicast", Some("eth0"), None),
        ("192.0.2.1", "unicast", Some("eth0"), Some("10.0.0.1")),
        ("10.8.0.1", "unreachable", None, None),
        ("10.0.0.5", "local", Some("lo"), None),
        ("127.0.0.1", "local", Some("lo"), None),
        ("2001:db8::1", "none", None, None),
    ];
    for (target, kind, interface, gateway) in table {
        let route = world
            .machine
            .route_to(target.parse::<IpAddr>().expect("an address").into())
            .await
            .expect("routes are known");
        assert_eq!((route.kind.as_str(), route.interface.as_deref()), (kind, interface), "{target}");
        assert_eq!(route.gateway.map(|gateway| gateway.to_string()).as_deref(), gateway);
    }
    let via = world.via("192.0.2.1".parse().expect("an address")).await;
    assert_eq!(via.source.as_deref(), Some("10.0.0.5"));
}

#[tokio::test(start_paused = true)]
async fn connections_behave_as_written_and_take_their_time() {
    let fake = office("");
    let network = fake.world().network;
    let dial = Dial::within(Duration::from_secs(2));
    let table = [
        ("10.0.0.7:443", Failure::Refused, 1),
        ("10.0.0.7:9", Failure::Timeout, 2000),
        ("10.8.0.1:443", Failure::HostUnreachable, 1),
        ("[2001:db8::1]:443", Failure::NetworkUnreachable, 0),
        ("127.0.0.1:9", Failure::Refused, 1),
    ];
    for (to, wanted, took) in table {
        let start = Instant::now();
        assert_eq!(network.connect(at(to), &dial).await.err(), Some(wanted), "{to}");
        assert_eq!(start.elapsed(), Duration::from_millis(took), "{to}");
    }
    assert!(network.connect(at("127.0.0.1:631"), &dial).await.is_ok());
    for works in [true, false, true] {
        assert_eq!(network.connect(at("10.0.0.7:22"), &dial).await.is_ok(), works);
    }
    assert_eq!(fake.contacts()[0], "tcp 10.0.0.7:443");
}

#[tokio::test(start_paused = true)]
async fn streams_greet_answer_and_reset() {
    let network = office("").world().network;
    let dial = Dial::within(Duration::from_secs(2));
    let mut mail = network.connect(at("10.0.0.7:25"), &dial).await.expect("it is open").stream;
    let mut line = [0; 10];
    mail.read_exact(&mut line).await.expect("a greeting");
    assert_eq!(&line, b"220 mail\r\n");
    for (path, wanted) in [("/", "hello"), ("/login", "401")] {
        let mut web = network.connect(at("10.0.0.7:80"), &dial).await.expect("it is open").stream;
        web.write_all(format!("GET {path} HTTP/1.1\r\nHost: crm.test\r\n\r\n").as_bytes()).await.expect("a request");
        let mut answer = String::new();
        web.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.contains(wanted), "{answer}");
    }
    let mut cut = network.connect(at("10.0.0.7:81"), &dial).await.expect("it is open").stream;
    cut.write_all(b"hello").await.expect("it takes a first write");
    assert_eq!(cut.read(&mut line).await.expect_err("a reset").kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn pings_and_lookups() {
    let network = office("").world().network;
    let second = Duration::from_secs(1);
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    let series = network.echo(address("10.0.0.1"), 4, Duration::from_millis(20), second, 56).await.expect("a socket");
    assert_eq!(series.replies.iter().flatten().count(), 2);
    let series = network.echo(address("10.0.0.9"), 2, Duration::from_millis(20), second, 56).await.expect("a socket");
    assert_eq!((series.replies, series.error), (vec![None, None], None));
    let denied = office("echo.\"*\" = \"denied\"").world().network;
    assert!(denied.echo(address("10.0.0.9"), 2, second, second, 56).await.is_err());
    assert_eq!(network.lookup("CRM.test.", second).await.map(|found| found.len()), Ok(2));
    assert_eq!(network.lookup("gone.test", second).await, Err(LookupFailure::NotFound));
}

#[tokio::test(start_paused = true)]
async fn resolvers_of_a_scenario_are_judged_as_real_ones() {
    let (observations, took) = look(&office(""), "dns", json!({ "name": "www.test" })).await;
    assert!(took < Duration::from_millis(100), "{took:?}");
    let [first, second] = observations.as_slice() else { panic!("{observations:#?}") };
    assert_eq!(first.code, None);
    assert_eq!(first.facts["addresses"], json!(["10.0.0.7", "fd00::7"]));
    assert_eq!(first.facts["cname"], json!(["crm.test"]));
    assert_eq!(first.facts["route_interface"], "eth0");
    assert_eq!(first.facts["on_link"], true);
    assert_eq!(first.via.interface.as_deref(), Some("eth0"));
    assert!(second.has(Code::DnsNxdomain) && second.has(Code::DnsAnswerDiffers));
}

#[tokio::test(start_paused = true)]
async fn faults_of_resolvers_and_how_long_they_take() {
    let cases: &[(&str, Code, Certainty, u64)] = &[
        ("dns.\"10.0.0.53\" = \"silent\"", Code::DnsTimeout, Certainty::Confirmed, 1900),
        ("dns.\"10.0.0.53\" = \"refused\"", Code::DnsPortClosed, Certainty::Confirmed, 100),
        ("dns.\"10.0.0.53\" = \"local_denied\"", Code::HostFilterDrops, Certainty::Confirmed, 100),
        ("dns.\"10.0.0.53\" = \"prohibited\"", Code::DnsUnreachable, Certainty::Confirmed, 600),
        ("dns.\"10.0.0.53\".\"crm.test\" = \"SERVFAIL\"", Code::DnsServfail, Certainty::Confirmed, 100),
        ("dns.\"10.0.0.53\".\"crm.test\" = \"wrong_id\"", Code::DnsFormerr, Certainty::Confirmed, 100),
        ("dns.\"10.0.0.53\".\"crm.test\" = \"garbage\"", Code::DnsFormerr, Certainty::Confirmed, 100),
        ("dns.\"10.0.0.53\".\"crm.test\" = \"NOERROR\"", Code::DnsNodata, Certainty::Confirmed, 100),
        ("dns.\"10.0.0.53\".\"crm.test\" = [\"A 127.0.0.1\"]", Code::DnsBogon, Certainty::Confirmed, 100),
        ("dns.\"10.0.0.53\".\"@drop_every\" = 3", Code::DnsFlapping, Certainty::Confirmed, 1400),
        (
            "dns.\"10.0.0.53\" = { \"crm.test\" = \"truncated\", \"@tcp\" = \"timeout\" }",
            Code::DnsTcpBlocked,
            Certainty::Confirmed,
            2100,
        ),
        ("delay_ms.\"10.0.0.53\" = 600", Code::DnsSlow, Certainty::Confirmed, 3000),
    ];
    for (fault, code, certainty, most_ms) in cases {
        let (observations, took) = look(&office(fault), "dns", json!({ "name": "crm.test" })).await;
        let first = &observations[0];
        assert_eq!((first.code, first.certainty), (Some(*code), Some(*certainty)), "{fault}: {first:#?}");
        assert!(took <= Duration::from_millis(*most_ms), "{fault}: {took:?}");
        assert_eq!(observations[1].code, None, "{fault}: {:#?}", observations[1]);
    }
}

#[tokio::test(start_paused = true)]
async fn all_resolvers_silent_is_confirmed_below_four_seconds_and_a_missing_route_at_once() {
    let fault = "[dns]\n\"10.0.0.53\" = \"silent\"\n\"10.0.0.54\" = \"silent\"";
    let (observations, took) = look(&office(fault), "dns", json!({ "name": "crm.test" })).await;
    for one in &observations {
        assert_eq!((one.code, one.certainty), (Some(Code::DnsTimeout), Some(Certainty::Confirmed)), "{one:#?}");
        assert!(!one.facts.contains_key("sibling"));
    }
    // Late answers are heard: a server that takes three seconds is slow and not silent.
    assert!(took < Duration::from_secs(4), "{took:?}");
    let fault = "resolvers.servers = [{ server = \"10.8.0.1:53\", source = \"resolv.conf\", link = \"tun0\" }]";
    let (observations, took) = look(&office(fault), "dns", json!({ "name": "crm.test" })).await;
    assert_eq!(observations[0].code, Some(Code::DnsUnreachable));
    assert_eq!(observations[0].facts["route_interface"], "absent");
    assert_eq!(observations[0].facts["interface"], "tun0");
    assert!(took < Duration::from_millis(50), "{took:?}");
}

#[test]
fn mistakes_are_named() {
    let table = [
        ("linkz = []", "linkz"),
        ("[tcp]\n\"10.0.0.7\" = \"open\"", "10.0.0.7"),
        ("[tcp]\n\"10.0.0.7:1\" = \"angry\"", "angry"),
        ("[dns.\"10.0.0.1\"]\n\"a.test\" = [\"A nonsense\"]", "A nonsense"),
        ("[dns.\"10.0.0.1\"]\n\"@typo\" = 1", "@typo"),
        ("[lookup]\n\"a.test\" = \"odd\"", "odd"),
        ("a = ", "a = "),
    ];
    for (text, words) in table {
        let why = Fake::from_toml(text).expect_err(text);
        assert!(why.contains(words), "{why}");
    }
}
