//! The playbooks under `tests/playbooks`: every one in `valid` is without mistakes and passes its own tests, every one in
//! `invalid` gives exactly the text beside it. `FIRSTLINE_BLESS=1 cargo test` writes those texts anew.

use super::parse::{self, Registry};
use super::{Mistakes, Playbook, builtin, mistake, sample, testing};
use crate::diagnosis::judge;
use proptest::prelude::*;
use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/playbooks").join(name)
}

fn files(name: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{name}");
    files
}

fn check(path: &Path) -> (Option<Playbook>, mistake::Mistakes) {
    let text = fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy();
    let include = |name: &str| fs::read_to_string(path.parent().unwrap().join("parts").join(name)).ok().map(Into::into);
    parse::check(&name, &text, &include, Registry::of(sample::PROBES))
}

#[test]
fn valid_playbooks_have_no_mistakes_and_pass_their_tests() {
    for path in files("valid") {
        let (playbook, mistakes) = check(&path);
        assert!(mistakes.is_empty(), "{}", mistakes.render(false));
        let report = testing::run(&playbook.unwrap(), &|playbook, seen, case| judge(playbook, seen, case).verdict);
        assert!(report.passed(), "{report}");
    }
}

#[test]
fn invalid_playbooks_say_exactly_what_is_wrong() {
    let bless = std::env::var_os("FIRSTLINE_BLESS").is_some();
    let mut wrong = Vec::new();
    for path in files("invalid") {
        let (playbook, mistakes) = check(&path);
        let rendered = mistakes.render(false);
        assert!(!mistakes.is_empty(), "{} has no mistakes", path.display());
        assert_eq!(playbook.is_none(), mistakes.errors() > 0, "{}", path.display());
        let expected = path.with_extension("txt");
        if bless {
            fs::write(&expected, &rendered).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != rendered {
            wrong.push(format!("--- {} should be\n{rendered}", expected.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn every_kind_of_mistake_is_shown_by_a_file() {
    let shown: String = files("invalid").iter().map(|path| check(path).1.render(false)).collect();
    for (_, code, ..) in mistake::KINDS {
        // A file of that size does not belong into a repository; a test of its own shows it.
        assert!(shown.contains(&format!("[{code}]")) || *code == "P029", "no file under invalid/ shows {code}");
    }
}

#[test]
fn a_file_of_absurd_size_is_not_parsed() {
    let text = "#".repeat(parse::LARGEST + 1);
    let (playbook, mistakes) = parse::check("big.toml", &text, &|_| None, Registry::of(sample::PROBES));
    assert!(playbook.is_none());
    assert_eq!(mistakes.rows()[0].code, "P029");
}

#[test]
fn the_guide_shows_the_example_that_is_tested() {
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/playbooks.md")).unwrap();
    let example = fs::read_to_string(folder("valid").join("intranet-wiki.toml")).unwrap();
    let shown: Vec<&str> = guide.split("```toml\n").skip(1).filter_map(|part| part.split("```").next()).collect();
    assert!(
        shown.contains(&example.as_str()),
        "docs/playbooks.md does not show tests/playbooks/valid/intranet-wiki.toml"
    );
    for (_, code, _, title) in mistake::KINDS {
        assert!(guide.contains(&format!("| {code} | {title} |")), "docs/playbooks.md does not explain {code}: {title}");
    }
}

#[test]
fn an_including_file_replaces_what_it_includes() {
    let part = "[[check]]\nid = 'a'\nprobe = 'dns'\nname = 'part'\n[[check]]\nid = 'b'\nprobe = 'dns'\n";
    let text = "schema = 1\nid = 'x'\ntitle = 'x'\ninclude = ['part']\n[[check]]\nid = 'a'\nprobe = 'dns'\nname = 'own'\n\
                [[check]]\nid = 'c'\nprobe = 'dns'\n";
    let include = |name: &str| (name == "part").then(|| part.to_owned().into());
    let (playbook, mistakes) = parse::check("x", text, &include, Registry::of(sample::PROBES));
    assert_eq!(mistakes.errors(), 0, "{}", mistakes.render(false));
    let playbook = playbook.unwrap();
    let ids: Vec<&str> = playbook.checks.iter().map(|check| check.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    assert_eq!(playbook.check("a").unwrap().args["name"], "own");
    let other =
        parse::check("x", text, &|_| Some(part.replace("part", "p2").into()), Registry::of(sample::PROBES)).0.unwrap();
    assert_ne!(playbook.hash, other.hash, "the hash covers what is included");
    assert_eq!(playbook.hash.len(), 64);
}

/// What an author is told is an error, and what a run says of the same text.
fn read_twice(text: &str) -> (Mistakes, Mistakes) {
    let include = |name: &str| builtin::include(name).map(Cow::Borrowed);
    let (whole, told) = parse::check("x", text, &include, Registry::all());
    let (run, of_run) = parse::for_run("x", text, &include);
    if let Some(run) = run {
        assert_eq!(format!("{:?}", whole.expect("what runs has no mistakes")), format!("{run:?}"));
    }
    (told, of_run)
}

#[test]
fn a_run_looks_at_what_somebody_wrote_and_at_whether_the_rest_fits() {
    let head = "schema = 1\nid = 'x'\ntitle = 'x'\n";
    let target = "[inputs.target]\nkind = 'target'\nask = 'Which?'\n";
    let own = "[[check]]\nid = 'mine'\nprobe = 'dns'\nname = 'a'\nafter = ['nothing']\n";
    let other = "[[check]]\nid = 'dns'\nprobe = 'clock'\n";
    let same = "[[check]]\nid = 'dns'\nprobe = 'dns'\nname = 'a'\n";
    let both = "include = ['path', 'service']\n";
    for (what, text, is_good) in [
        ("all of it", format!("{head}{both}{target}"), true),
        ("a check for another one of its kind", format!("{head}{both}{target}{same}"), true),
        ("half of what belongs together", format!("{head}include = ['service']\n{target}"), false),
        ("no target", format!("{head}{both}"), false),
        ("a mistake of one's own", format!("{head}{both}{target}{own}"), false),
        ("another probe where codes of the old one are spoken of", format!("{head}{both}{target}{other}"), false),
    ] {
        let (told, of_run) = read_twice(&text);
        assert_eq!((told.errors() == 0, of_run.errors() == 0), (is_good, is_good), "{what}: {}", told.render(false));
    }
}

/// Pieces that reach further into the parser than random letters do.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("schema = 1\nid = \"a\"\ntitle = \"t\"\n".to_owned()),
        Just("[[check]]\nid = \"a\"\nprobe = \"dns\"\n".to_owned()),
        Just("after = [\"a\", \"b\"]\n".to_owned()),
        Just("name = \"{{ a.server or target.host }}\"\n".to_owned()),
        Just("name = \"{{ é | é }}\"\n".to_owned()),
        Just("when = [{ check = \"a\", code = \"dns.timeout\" }]\n".to_owned()),
        Just("when = { any = [{ check = \"a\", fact = \"ttl_s\", above = 1e999 }] }\n".to_owned()),
        Just("[[cause]]\nid = \"c\"\nlayer = \"dns\"\ntitle = \"t\"\nplain = \"p\"\n".to_owned()),
        Just("[[test]]\nname = \"n\"\ngiven = { a = [{ code = \"dns.*\" }] }\nexpect = {}\n".to_owned()),
        Just("[inputs.target]\nkind = \"target\"\nask = \"?\"\n".to_owned()),
        Just("include = [\"a\"]\n".to_owned()),
        "[a-z_]{1,8} = ",
        "(0x[0-9a-f]{1,20}|-?[0-9]{1,25}|[0-9]{1,5}\\.[0-9]{1,30}|nan|inf|1979-05-27)\n",
        "[\\[\\]{}\"'=,.#\n a-zé\u{1b}\u{feff}]{0,12}",
        "\\PC{0,20}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(pieces in prop::collection::vec(piece(), 0..12), part in piece()) {
        let text = pieces.concat();
        let include = |name: &str| (name == "a").then(|| part.clone().into());
        let (playbook, mistakes) = parse::check("fuzz.toml", &text, &include, Registry::of(sample::PROBES));
        prop_assert_eq!(playbook.is_none(), mistakes.errors() > 0);
        prop_assert!(mistakes.render(true).contains("fuzz.toml"));
        prop_assert!(mistakes.rows().iter().all(|row| row.line > 0 && row.column > 0));
    }
}
