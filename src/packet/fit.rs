//! Keeps a packet under its limit: evidence is cut, and then left out, least important first. What the verdict rests on
//! goes last, nothing goes silently, and the manifest keeps size and hash of what was there.

use super::Packet;
use super::manifest::FileMark;
use super::write::{Attached, EVIDENCE, packed_sizes};
use crate::observation::{Observation, Outcome};
use std::io;

/// The largest archive, in bytes, where the settings say nothing else: what common ticket systems and incoming mail take
/// for one file (ecosystem.md B.1).
pub const LARGEST: u64 = 5_000_000;

/// Room for the letters, the manifest and the checksums. Judgement: the letters are bounded and packed to a tenth.
const ROOM: u64 = 128 << 10;

/// What is kept of each end of a file that is cut: judgement, a few hundred lines of a log.
const KEPT: usize = 16 << 10;

/// Names in the sentence about what was cut; the manifest has them all.
const NAMED: usize = 5;

/// Trims what is attached until the archive will have at most `limit` bytes, says so in the run's limits, and returns
/// what the trimmed files were. The playbook goes first: it can be found elsewhere, and evidence cannot.
///
/// # Errors
/// Where a file cannot be packed.
pub fn fit(packet: &mut Packet, attached: &mut Attached, limit: u64) -> io::Result<Vec<FileMark>> {
    let Attached { evidence: files, playbook } = attached;
    let json = super::write::json(packet)?;
    let raw: u64 = files.iter().chain(playbook.iter()).map(|(_, bytes)| bytes.len() as u64).sum();
    if raw + json.len() as u64 + ROOM <= limit {
        return Ok(Vec::new());
    }
    let mut sizes = packed_sizes(files)?;
    let mut fixed = packed_sizes(&[("packet.json".to_owned(), json)])?.iter().sum::<u64>() + ROOM;
    let with_playbook = fixed + packed_sizes(playbook)?.iter().sum::<u64>();
    if sizes.iter().sum::<u64>() + with_playbook <= limit {
        fixed = with_playbook;
    } else if !playbook.is_empty() {
        playbook.clear();
        let megabytes = limit as f64 / 1e6;
        packet.run.limits.push(format!("the playbook's text left out, because a packet may have {megabytes} MB"));
    }
    let fits = |sizes: &[u64]| sizes.iter().sum::<u64>() + fixed <= limit;
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by_key(|&index| (importance(packet, &files[index].0), std::cmp::Reverse(sizes[index])));
    let (mut trimmed, mut cut, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for &index in &order {
        let (name, bytes) = &files[index];
        if fits(&sizes) {
            break;
        }
        if let Some(shorter) = cut_out(bytes) {
            trimmed.push(FileMark::of(&path(name), bytes));
            cut.push(name.clone());
            let file = (name.clone(), shorter);
            sizes[index] = packed_sizes(std::slice::from_ref(&file))?.iter().sum();
            files[index] = file;
        }
    }
    for &index in &order {
        if fits(&sizes) {
            break;
        }
        let (name, bytes) = &files[index];
        if !cut.contains(name) {
            trimmed.push(FileMark::of(&path(name), bytes));
        }
        sizes[index] = 0;
        gone.push(name.clone());
    }
    cut.retain(|name| !gone.contains(name));
    files.retain(|(name, _)| !gone.contains(name));
    for observation in &mut packet.observations {
        observation.evidence.retain(|name| !gone.contains(name));
    }
    for (names, what) in [(cut, "cut to its ends"), (gone, "left out")] {
        packet.run.limits.extend(note(&names, what, limit));
    }
    Ok(trimmed)
}

fn path(name: &str) -> String {
    format!("{EVIDENCE}{name}")
}

/// How much a file says about the verdict: what it rests on, then other problems, then what could not be looked at.
fn importance(packet: &Packet, name: &str) -> u8 {
    let rank = |observation: &Observation| {
        if packet.verdict.because.contains(&observation.id) {
            return 4;
        }
        match observation.outcome {
            Outcome::Problem => 3,
            Outcome::Unknown => 2,
            Outcome::Ok => 1,
            Outcome::Skipped => 0,
        }
    };
    let of_it = packet.observations.iter().filter(|seen| seen.evidence.iter().any(|own| own == name));
    of_it.map(rank).max().unwrap_or(0)
}

/// Both ends of a text, with a line in between that says what is missing; none where that would save nothing.
fn cut_out(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() < 4 * KEPT {
        return None;
    }
    let is_inside = |index: usize| bytes[index] & 0xc0 == 0x80;
    let head = (0..=KEPT).rev().find(|&index| !is_inside(index)).unwrap_or(KEPT);
    let tail = (bytes.len() - KEPT..bytes.len()).find(|&index| !is_inside(index)).unwrap_or(bytes.len());
    let left_out = format!("\n[... {} bytes left out, see `trimmed` in manifest.json ...]\n", tail - head);
    Some([&bytes[..head], left_out.as_bytes(), &bytes[tail..]].concat())
}

fn note(names: &[String], what: &str, limit: u64) -> Option<String> {
    let first = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let megabytes = limit as f64 / 1e6;
    let sentence = || format!("evidence {what}, because a packet may have {megabytes} MB: {first}{more}");
    (!names.is_empty()).then(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::read;
    use rand::{Rng, SeedableRng};
    use std::path::Path;

    fn noise(bytes: usize, seed: u64) -> Vec<u8> {
        let mut random = rand::rngs::StdRng::seed_from_u64(seed);
        (0..bytes).map(|_| random.random_range(b' '..b'~')).collect()
    }

    /// One file for each observation of the example, the first of which the verdict rests on.
    fn example(bytes: usize) -> (Packet, Attached) {
        let mut packet = read::open(Path::new("tests/packets/v1/stale-vpn-resolver.json")).unwrap().packet;
        let mut evidence = Vec::new();
        for (index, observation) in packet.observations.iter_mut().enumerate() {
            let name = format!("{index}.txt");
            observation.evidence = vec![name.clone()];
            evidence.push((name, noise(bytes, index as u64)));
        }
        (packet, Attached { evidence, playbook: Vec::new() })
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let (mut packet, mut attached) = example(1_000);
        let before = (packet.clone(), attached.clone());
        assert_eq!(fit(&mut packet, &mut attached, LARGEST).unwrap(), []);
        assert_eq!((packet, attached), before);
    }

    #[test]
    fn what_the_verdict_rests_on_is_cut_last_and_all_is_said() {
        let (mut packet, mut attached) = example(200_000);
        let whole = attached.evidence.len() as u64 * 200_000;
        let trimmed = fit(&mut packet, &mut attached, whole * 8 / 10).unwrap();
        let files = attached.evidence;
        assert!(!trimmed.is_empty() && trimmed.len() < files.len(), "{trimmed:?}");
        for observation in &packet.observations {
            let cut = trimmed.iter().any(|mark| mark.name == path(&observation.evidence[0]));
            assert!(!(cut && packet.verdict.because.contains(&observation.id)), "{}", observation.id);
        }
        assert!(trimmed.iter().all(|mark| mark.bytes == 200_000));
        assert!(packet.run.limits[0].starts_with("evidence cut to its ends"), "{:?}", packet.run.limits);
        let (_, cut) = files.iter().find(|(name, _)| path(name) == trimmed[0].name).unwrap();
        assert!(String::from_utf8_lossy(cut).contains("bytes left out, see `trimmed`"));
    }

    #[test]
    fn where_nothing_fits_evidence_goes_and_is_named() {
        let (mut packet, mut attached) = example(50_000);
        let trimmed = fit(&mut packet, &mut attached, 1).unwrap();
        assert!(attached.evidence.is_empty() && trimmed.len() == packet.observations.len());
        assert!(packet.observations.iter().all(|observation| observation.evidence.is_empty()));
        assert!(packet.run.limits.iter().any(|limit| limit.starts_with("evidence left out")));
    }

    #[test]
    fn the_playbook_goes_before_any_evidence_does() {
        let (mut packet, mut attached) = example(50_000);
        attached.playbook = vec![("dns.toml".to_owned(), noise(2_000_000, 99))];
        let evidence = attached.evidence.clone();
        assert_eq!(fit(&mut packet, &mut attached, 1_000_000).unwrap(), []);
        assert_eq!((attached.playbook, attached.evidence), (Vec::new(), evidence));
        assert_eq!(packet.run.limits, ["the playbook's text left out, because a packet may have 1 MB"]);
    }

    #[test]
    fn a_cut_does_not_split_a_letter() {
        let text = "ä".repeat(4 * KEPT + 1);
        let cut = cut_out(&[b"x", text.as_bytes()].concat()).unwrap();
        assert!(String::from_utf8(cut).is_ok());
    }
}
