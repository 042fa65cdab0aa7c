//! Texts that people write and operating systems keep: playbooks, templates, targets, settings, and what `sys` reads.

use crate::{fuzz, unbounded};
use firstline::diagnosis::judge;
use firstline::observation::{Facts, Observation, Outcome};
use firstline::playbook::template::{self, Scope};
use firstline::playbook::{Registry, builtin, parse, testing};
use firstline::settings::Settings;
use firstline::sys::parse as reads;
use firstline::target::Target;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Every file of a folder whose name ends like this.
pub fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder).expect("the folder is there").flatten().map(|at| at.path()).collect();
    paths.sort();
    let wanted = paths.into_iter().filter(|path| path.to_string_lossy().ends_with(ending));
    wanted.map(|path| fs::read(path).expect("the file can be read")).collect()
}

/// These texts as seeds.
pub fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[test]
fn playbook() {
    let seeds = [files("playbooks", ".toml"), files("tests/playbooks/valid", ".toml")];
    let seeds = [seeds.concat(), files("tests/playbooks/invalid", ".toml")].concat();
    let words = [
        "[[check]]\n",
        "[[cause]]\n",
        "after = [\"dns\"]\n",
        "any = [",
        "{{ ",
        " }}",
        "\u{202e}",
        "é",
        "\"\"\"",
        "probe = \"dns\"\n",
    ];
    fuzz("playbook", &seeds, &words, |input| {
        let text = String::from_utf8_lossy(input);
        let included = |name: &str| builtin::include(name).map(Into::into);
        let (playbook, mistakes) = parse::check("fuzz.toml", &text, &included, Registry::all());
        assert!(playbook.is_some() || mistakes.errors() > 0, "neither a playbook nor a mistake");
        mistakes.render(true);
        mistakes.rows();
        if let Some(playbook) = playbook {
            testing::run(&playbook, &|playbook, seen, case| judge(playbook, seen, case).verdict);
        }
    });
}

#[test]
fn connector() {
    let seeds = files("src/send/connectors", ".toml");
    let words =
        ["[[step]]\n", "[auth]\n", "keep = { a = \"/0\" }\n", "{{ ", " }}", "\u{202e}", "é", "\"\"\"", "[mail]\n"];
    fuzz("connector", &seeds, &words, |input| {
        let text = String::from_utf8_lossy(input);
        match firstline::send::parse::parse("fuzz.toml", &text) {
            Ok(connector) => assert!(!connector.id.is_empty()),
            Err(mistakes) => drop((mistakes.render(true), mistakes.rows())),
        }
    });
}

#[test]
fn template() {
    let seeds = texts(&[
        "{{ target }}",
        "{{ dns.server }}",
        "{{ tcp.ok | map(attribute='address') | join(', ') }}",
        "{% for one in tcp.all %}{{ one.subject }} {% endfor %}",
        "{{ settings.control_url or 'none' }} {{ target.host | upper }}",
        "{{ range(100000) | list }}",
        "{{ 'x' * 1000 }}",
    ]);
    let words = [
        "{{",
        "}}",
        "{%",
        "%}",
        "for ",
        " in ",
        "range(999999999)",
        "| join(",
        "*",
        "~",
        "[::-1]",
        "**",
        "é",
        "loop",
        "-",
    ];
    let mut seen =
        Observation::new("dns", firstline::layer::Layer::Dns, "dns", Some("10.0.0.1"), Outcome::Ok, String::new());
    seen.facts.insert("server".to_owned(), "10.0.0.1".into());
    let target = Target::parse("https://www.example.test/").expect("it is one");
    let inputs = BTreeMap::from([("name".to_owned(), "value".to_owned())]);
    let scope = Scope::new(&inputs, Some(&target), &Settings::default()).with_observations([&seen], &|_| false);
    fuzz("template", &seeds, &words, |input| {
        let text = String::from_utf8_lossy(input).into_owned();
        template::text(&text, &scope);
        let args = Facts::from_iter([("url".to_owned(), text.into())]);
        template::references(&args);
        template::fill(&args, &scope);
    });
}

#[test]
fn target() {
    let seeds = texts(&[
        "https://user:pass@www.example.test:8443/a/b?c=d#e",
        "udp://[2001:db8::1%25eth0]:53",
        "intranet/wiki",
        "printer",
        "smb://files/share",
        "192.0.2.1:22",
        "[::1]",
    ]);
    let words = ["://", "@", "[", "]", "%", "..", "xn--", "\u{202e}", "ß", ":99999", "#", "?"];
    fuzz("target", &seeds, &words, |input| {
        if let Ok(target) = Target::parse(&String::from_utf8_lossy(input)) {
            assert!(!target.host.is_empty() && target.port > 0, "{target:?}");
            target.url();
            let again = Target::parse(&target.text).map(|again| (again.host, again.port));
            assert_eq!(again, Ok((target.host.clone(), target.port)), "`{}` is not itself", target.text);
        }
    });
}

#[test]
fn settings() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("firstline.toml");
    let every = toml::to_string(&Settings::default()).unwrap_or_default();
    let seeds = texts(&[&every, "control_url = \"http://control.example.test/\"\ntime_servers = [\"192.0.2.1\"]\n"]);
    fuzz("settings", &seeds, &["= ", "[", "]", "{", "\"", "1e999", "é"], |input| {
        fs::write(&path, input).expect("the file can be written");
        if let Err(error) = Settings::load(Some(&path)) {
            assert!(!error.to_string().is_empty());
        }
    });
}

/// A reader, and what it keeps of what it read.
type Reader = fn(&[u8], &str) -> Value;

fn told(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("what is read can be written")
}

fn by_line<T: serde::Serialize>(text: &str, read: impl Fn(&str) -> Option<T>) -> Value {
    // What lists them bounds their number.
    text.lines().filter_map(read).map(told).find(|line| unbounded(line).is_some()).unwrap_or_default()
}

const SYSTEM: &[Reader] = &[
    |_, text| told(reads::nft::ruleset(text).unwrap_or_default()),
    |_, text| told(reads::nft::has_foreign_matches(text)),
    |_, text| told(reads::iptables::save(text, "ip")),
    |_, text| by_line(text, reads::log::journal),
    |_, text| by_line(text, |line| reads::log::kernel(line, Timestamp::UNIX_EPOCH)),
    |_, text| by_line(text, |line| reads::log::syslog(line, Timestamp::UNIX_EPOCH, &TimeZone::UTC)),
    |_, text| by_line(text, |line| reads::change::dpkg(line, &TimeZone::UTC)),
    |_, text| by_line(text, |line| reads::change::pacman(line, &TimeZone::UTC)),
    |_, text| told(reads::resolv::resolv_conf(text).search),
    |_, text| told(reads::resolv::nsswitch_hosts(text)),
    |_, text| told(reads::hosts::hosts(text)),
    |_, text| told(reads::mount::wanted_writable(text, "/")),
    |_, text| told(reads::mount::holder(text, [("/", 1), ("/a", 2)])),
    |_, text| told(reads::time_server::directives(text)),
    |_, text| told(reads::time_server::timesyncd([text])),
    // The kernel itself cuts a process's name.
    |bytes, _| {
        told(reads::process::stat(bytes, reads::process::Units { ticks_per_second: 100, page_bytes: 4096 }).is_some())
    },
    |_, text| told(reads::process::open_files_limit(text)),
    |bytes, _| told(reads::sock_diag::socket(bytes).is_some()),
    |_, text| told(reads::lease::networkd(text).map(|lease| lease.terms)),
    |_, text| {
        told(reads::lease::dhclient(text).into_iter().map(|lease| (lease.interface, lease.terms)).collect::<Vec<_>>())
    },
    |bytes, _| told(reads::lease::dhcpcd(bytes).map(|lease| lease.terms)),
    |bytes, _| told(reads::dhcp::carried(bytes).and_then(reads::dhcp::read).map(|message| message.terms)),
    |_, text| told(reads::supplicant::status(text)),
    |_, text| told(reads::package::broken_packages(text)),
    |_, text| told(reads::package::apt_proxy(text)),
    |_, text| told(reads::package::dnf_proxy(text)),
    |_, text| told(reads::package::locks(text).len()),
    |_, text| told(reads::package::rpm_repositories(text, "x.repo", &[("basearch", "x86_64")], &|_| false)),
    |_, text| {
        let sources = [reads::package::one_line_sources(text), reads::package::stanza_sources(text)].concat();
        let read = sources.into_iter().map(|source| source.repository("sources.list", &|_| false));
        // Each file is cut to a number of repositories by its reader.
        told(read.take(64).collect::<Vec<_>>())
    },
];

#[test]
fn system_texts() {
    let mut seeds: Vec<Vec<u8>> = files("tests/fixtures/linux", "");
    seeds.push(
        b"nameserver 192.0.2.1\nsearch a b\noptions ndots:2 timeout:1\nhosts: files dns [!UNAVAIL=return]\n".to_vec(),
    );
    seeds.push(b"6,1234,5678901,-;eth0: link is up\n".to_vec());
    seeds.push(b"Max open files            1024                 4096                 files\n".to_vec());
    let words = ["\n", " ", "\\040", "-m ", "--dport ", "\"op\":", "[", "}", "9999-99-99", "T25:61:61", ")", "\u{85}"];
    fuzz("system-texts", &seeds, &words, |input| {
        let text = String::from_utf8_lossy(input);
        for (number, read) in SYSTEM.iter().enumerate() {
            assert_eq!(unbounded(&read(input, &text)), None, "reader {number} keeps no bound");
        }
    });
}
