//! What seals a packet, and what is told about one: manifests, signatures, encryption, redaction, comparison, cases.

use crate::files::archive_of;
use crate::fuzz;
use crate::texts::{files, texts};
use data_encoding::{BASE64, HEXLOWER};
use firstline::case_file;
use firstline::packet::manifest::Manifest;
use firstline::packet::redact::{self, Key, Known, Level};
use firstline::packet::write::{Attached, hex, json};
use firstline::packet::{Packet, diff, read};
use firstline::seal::encryption;
use firstline::seal::signature::{Password, Signature, Signer, check, signature_path};
use serde_json::json;
use std::fs;
use std::path::Path;

const EXAMPLE: &str = "tests/packets/v1/stale-vpn-resolver.json";

fn example() -> Packet {
    read::open(Path::new(EXAMPLE)).expect("a stored packet opens").packet
}

#[test]
fn manifest() {
    let document = json(&example()).expect("a packet is written");
    let good = Manifest::of(&example(), &[("packet.json".to_owned(), &document)], &[]);
    let seed = good.to_bytes().expect("a manifest is written");
    let words = ["\"files\": []", "null", "-1", "18446744073709551616", "\"packet.json\"", "\\u0000", "[", "{", "../"];
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("packet.zip");
    let files = |manifest: &[u8]| {
        let sums = format!("{}  packet.json\n{}  manifest.json\n", hex(&document), hex(manifest));
        archive_of(&[("packet.json", &document), ("manifest.json", manifest), (read::SUMS, sums.as_bytes())])
    };
    fs::write(&path, files(&seed)).expect("the file can be written");
    assert_eq!(read::verify(&path, None).expect("it is an archive").wrong, Vec::<String>::new());
    fuzz("manifest", &[seed], &words, |input| {
        fs::write(&path, files(input)).expect("the file can be written");
        let found = read::verify(&path, None).expect("the archive itself is whole");
        let Ok(manifest) = serde_json::from_slice::<Manifest>(input) else {
            return assert!(!found.wrong.is_empty(), "a manifest that cannot be read is said to be whole");
        };
        // Whatever else it says: a file that it does not vouch for is named.
        let vouches = manifest.files.iter().any(|file| file.name == "packet.json" && file.sha256 == hex(&document));
        assert!(vouches || !found.wrong.is_empty(), "{manifest:?}");
        let again = serde_json::from_slice::<Manifest>(&manifest.to_bytes().expect("a manifest is written"));
        assert_eq!(again.ok(), Some(manifest));
    });
}

#[test]
fn signature() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("the file can be written");
        path
    };
    let pair = minisign::KeyPair::generate_unencrypted_keypair().expect("keys can be made");
    let secret = put("key", &pair.sk.to_box(None).expect("a key is text").into_string());
    let public = put("key.pub", &pair.pk.to_box().expect("a key is text").into_string());
    let packet = put("packet.zip", "PK whatever");
    let nobody = Password { file: None, ask: &|_| None };
    let signer = Signer::open(&secret, nobody).expect("a key that was made opens");
    let good = signer.sign(&mut &b"PK whatever"[..], "run 1").expect("it can be signed");
    // Beneath an untrusted comment; what follows is nobody's, here as with the stock tool.
    let signed =
        |text: &str| -> Vec<String> { text.lines().skip(1).take(3).map(|line| line.trim().to_owned()).collect() };
    let key = fs::read(&public).expect("the file can be read");
    let seeds = [good.clone().into_bytes(), key];
    fuzz("signature", &seeds, &["trusted comment: ", "untrusted comment: ", "\n", "RWQ", "ED", "=", "\r\n"], |input| {
        fs::write(signature_path(&packet), input).expect("the file can be written");
        if let Ok(Signature::Good { comment, .. }) = check(&packet, Some(&public)) {
            let text = String::from_utf8_lossy(input);
            assert_eq!((signed(&text), comment.as_str()), (signed(&good), "run 1"), "{text}");
        }
        fs::write(signature_path(&packet), &good).expect("the file can be written");
        let other = folder.path().join("other.pub");
        fs::write(&other, input).expect("the file can be written");
        let _ = check(&packet, Some(&other));
        let _ = Signer::open(&other, nobody);
        let _ = encryption::encrypt(b"x", &other);
    });
}

#[test]
fn age() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let identity = age::x25519::Identity::generate();
    let (to, by) = (folder.path().join("to"), folder.path().join("by"));
    fs::write(&to, identity.to_public().to_string()).expect("the file can be written");
    let secret = age::secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_owned();
    fs::write(&by, &secret).expect("the file can be written");
    let plain = b"PK and more of it, so that there is something to be cut".to_vec();
    let sealed = encryption::encrypt(&plain, &to).expect("it can be encrypted");
    let lines: Vec<String> =
        BASE64.encode(&sealed).as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let armoured =
        format!("-----BEGIN AGE ENCRYPTED FILE-----\n{}\n-----END AGE ENCRYPTED FILE-----\n", lines.join("\n"));
    let words = ["-> X25519 ", "-> scrypt AAAA 30\n", "--- ", "\n", "age-encryption.org/v1\n", "-> ", "=="];
    fuzz("age", &[sealed, armoured.into_bytes()], &words, |input| {
        let _ = encryption::is_encrypted(&mut std::io::Cursor::new(input));
        if let Ok(opened) = encryption::decrypt(Path::new("packet.zip.age"), input, Some(&by), 1 << 16) {
            assert_eq!(opened, plain, "something else came out");
        }
        let other = folder.path().join("other");
        fs::write(&other, input).expect("the file can be written");
        let _ = encryption::decrypt(Path::new("packet.zip.age"), input, Some(&other), 1 << 16);
    });
}

/// A secret that is known in one place, put into texts of every kind in every dress.
#[test]
fn redaction() {
    const CANARY: &str = "Zq7-canary&Wx9-sings";
    let seeds = texts(&[
        "Nov 22 08:00:00 desk sshd[7]: Accepted publickey for ann from 10.1.2.3 port 22",
        "GET /x?token=abc&y=1 HTTP/1.1\r\nAuthorization: Basic dXNlcjpwYXNz\r\nCookie: a=b; c=d\r\n",
        "{\"password\":\"a b\",\"url\":\"https://ann:pw@crm.corp.example/?q#f\",\"mac\":\"3c:22:fb:01:02:03\"}",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ==\n-----END PRIVATE KEY-----\n",
        "fe80::1%eth0 2001:db8::/32 10.0.0.0/8 S-1-5-21-1-2-3 C:\\Users\\ann\\x /home/ann/y",
    ]);
    let words =
        ["password=", "***", "user-", "token: ", "://", "@", "?", "\"", "\\", "ü", "eyJ", "Bearer ", "10.", "::"];
    let dresses = [
        CANARY.to_owned(),
        BASE64.encode(format!("ab{CANARY}").as_bytes()),
        HEXLOWER.encode(CANARY.as_bytes()),
        CANARY.replace('&', "%26"),
        CANARY.replace('&', "&amp;"),
    ];
    let key = Key::from_bytes(&[9; Key::BYTES]).expect("that many bytes are a key");
    fuzz("redaction", &seeds, &words, |input| {
        let text = String::from_utf8_lossy(input);
        let middle = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        for level in [Level::Standard, Level::Strict] {
            let mut packet = example();
            packet.observations[0].facts.insert("token".to_owned(), CANARY.into());
            packet.observations[1].summary = format!("{text} {CANARY} {text}");
            packet.observations[2].facts.insert("x".to_owned(), json!({ text.clone(): [text.clone(), dresses[1]] }));
            let worn = dresses.iter().enumerate();
            let evidence = worn.map(|(number, dress)| {
                let (before, after) = text.split_at(middle);
                (format!("{number}.txt"), format!("{before} {dress} {after}").into_bytes())
            });
            let attached = Attached { evidence: evidence.collect(), ..Attached::default() };
            let hidden = redact::packet(&packet, attached, level, &key, &Known::default(), None);
            let hidden = hidden.expect("a packet that was read is redacted");
            let document = json(&hidden.packet).expect("a packet is written");
            let files = hidden.attached.evidence.iter().map(|(_, bytes)| bytes);
            for bytes in files.chain([&document]) {
                let told = std::str::from_utf8(bytes).expect("text stays text");
                for dress in &dresses {
                    assert!(!told.contains(dress.as_str()), "{dress} is in {told}");
                }
                assert_eq!(hidden.gate.leaks(bytes), None);
            }
            serde_json::from_slice::<Packet>(&document).expect("a packet stays a packet");
            redact::mask(&text);
        }
    });
}

#[test]
fn comparison() {
    let seeds = files("tests/packets/v1", ".json");
    let words = ["null", "-1", "1e308", "\"fault\"", "\"ok\"", "\"id\": \"\"", "\\u202e", "[", "{", "}"];
    let before = example();
    fuzz("comparison", &seeds, &words, |input| {
        let Ok(after) = serde_json::from_slice::<Packet>(input) else { return };
        let own = diff::diff(&after, &after);
        let changes = [own.machines, own.ways, own.verdict, own.layers].concat();
        assert!(changes.is_empty() && own.changes.is_empty(), "it differs from itself: {changes:?}");
        assert!(own.observations.is_empty(), "it differs from itself: {:?}", own.observations);
        diff::diff(&before, &after);
        diff::diff(&after, &before);
    });
}

#[test]
fn case() {
    let seeds = [
        fs::read("tests/fixtures/case.toml").expect("the file can be read"),
        b"tried = [{ what = \"restarted\", result = \"no change\" }, { what = \"x\" }]\nearlier = [\"INC-1\"]\n"
            .to_vec(),
        b"scope = \"one\"\nsymptom = '''\nline\n'''\n".to_vec(),
    ];
    let words = ["tried", "= ", "[[tried]]\n", "what = ", "unknown", "\"\"\"", "\u{202e}", "[", "{", "é", "\\u0000"];
    fuzz("case", &seeds, &words, |input| match case_file::parse("fuzz.toml", &String::from_utf8_lossy(input)) {
        Ok(case) => {
            let told = serde_json::to_value(&case).expect("a case is written");
            assert_eq!(crate::unbounded(&told), None);
        }
        Err(mistakes) => {
            assert!(mistakes.errors() > 0, "refused without a mistake");
            mistakes.render(true);
        }
    });
}
