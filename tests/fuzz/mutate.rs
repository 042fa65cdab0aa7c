//! Changes to a good input, as a fuzzer without feedback makes them.

use rand::Rng;
use rand::rngs::StdRng;

/// Inputs grow to this size at most; what must hold for more is held by limits that the readers name themselves.
const LARGEST: usize = 1 << 17;
/// Changes to one input at most.
const MOST_CHANGES: u32 = 8;
/// Bytes at the edges of ranges, and those that end or open something in texts.
const EDGES: &[u8] = b"\x00\x01\x7f\x80\xff\n\r\t \"'\\{}[]()%<>:;,.=-0";

/// One of `from`, changed; a new one out of nothing at times.
pub fn change(random: &mut StdRng, from: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let mut input = if from.is_empty() || random.random_bool(0.02) { Vec::new() } else { pick(random, from).clone() };
    for _ in 0..random.random_range(1..=MOST_CHANGES) {
        change_once(random, &mut input, from, words);
        input.truncate(LARGEST);
    }
    input
}

fn change_once(random: &mut StdRng, input: &mut Vec<u8>, from: &[Vec<u8>], words: &[&str]) {
    let at = random.random_range(0..=input.len());
    match random.random_range(0..11) {
        0 if at < input.len() => input[at] ^= 1 << random.random_range(0..8),
        1 if at < input.len() => input[at] = *pick(random, EDGES),
        2 if at < input.len() => input[at] = random.random(),
        // Numbers of two and four bytes at their edges: lengths and counts.
        3 if at + 2 <= input.len() => {
            let number = *pick(random, &[0_u16, 1, 0x7fff, 0x8000, 0xffff]);
            input[at..at + 2].copy_from_slice(&number.to_be_bytes());
        }
        4 if at + 4 <= input.len() => {
            let number = *pick(random, &[0_u32, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX]);
            input[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        5 => drop(input.drain(part(random, at, input.len()))),
        6 => {
            let again = input[part(random, at, input.len())].to_vec();
            let times = *pick(random, &[1, 1, 2, 8, 500]);
            insert(input, at, &again.repeat(times));
        }
        7 if !from.is_empty() => {
            let other = pick(random, from);
            let start = random.random_range(0..=other.len());
            insert(input, at, &other[part(random, start, other.len())]);
        }
        8 => {
            let bytes: Vec<u8> = (0..random.random_range(1..9)).map(|_| random.random()).collect();
            insert(input, at, &bytes);
        }
        9 => input.truncate(at),
        _ if !words.is_empty() => insert(input, at, pick(random, words).as_bytes()),
        _ => {}
    }
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if input.len() + bytes.len() <= LARGEST {
        input.splice(at..at, bytes.iter().copied());
    }
}

/// From `at` on, mostly a few bytes.
fn part(random: &mut StdRng, at: usize, end: usize) -> std::ops::Range<usize> {
    let longest = if random.random_bool(0.8) { 16 } else { 4_096 };
    at..(at + random.random_range(0..=longest)).min(end)
}

fn pick<'a, T>(random: &mut StdRng, from: &'a [T]) -> &'a T {
    &from[random.random_range(0..from.len())]
}
