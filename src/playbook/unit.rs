//! Thresholds with units: `above = "3 s"` on a fact in milliseconds is 3000. The unit of a fact is the end of its name.

/// Units that a threshold may be written in, how much each is of the smallest of its kind, and that kind.
const UNITS: &[(&str, f64, Kind)] = &[
    ("ms", 1.0, Kind::Time),
    ("s", 1_000.0, Kind::Time),
    ("min", 60_000.0, Kind::Time),
    ("h", 3_600_000.0, Kind::Time),
    ("d", 86_400_000.0, Kind::Time),
    ("B", 1.0, Kind::Size),
    ("kB", 1e3, Kind::Size),
    ("MB", 1e6, Kind::Size),
    ("GB", 1e9, Kind::Size),
    ("KiB", 1_024.0, Kind::Size),
    ("MiB", 1_048_576.0, Kind::Size),
    ("GiB", 1_073_741_824.0, Kind::Size),
    ("%", 1.0, Kind::Share),
    ("dBm", 1.0, Kind::Signal),
];

/// How names of facts end, and the unit that they count in.
const ENDINGS: &[(&str, &str)] =
    &[("ms", "ms"), ("s", "s"), ("hours", "h"), ("days", "d"), ("bytes", "B"), ("percent", "%"), ("dbm", "dBm")];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Time,
    Size,
    Share,
    Signal,
}

fn unit(name: &str) -> Option<(f64, Kind)> {
    UNITS.iter().find(|(word, ..)| *word == name).map(|(_, size, kind)| (*size, *kind))
}

/// What a threshold is in the unit of the fact that it is compared with.
///
/// # Errors
/// Why it is none, in words for the author.
pub(super) fn threshold(text: &str, fact: &str) -> Result<f64, String> {
    let text = text.trim();
    let digits = text.find(|letter: char| !letter.is_ascii_digit() && !"+-._".contains(letter)).unwrap_or(text.len());
    let (number, name) = (text[..digits].replace('_', ""), text[digits..].trim());
    let number: f64 = number.parse().map_err(|_| "it begins with no number".to_owned())?;
    let ending = fact.rsplit('_').next().unwrap_or_default();
    let own = ENDINGS.iter().find(|(end, _)| *end == ending && fact.len() > end.len()).map(|(_, own)| *own);
    let Some((own_name, (own_size, own_kind))) = own.and_then(|own| Some((own, unit(own)?))) else {
        return Err(format!("`{fact}` counts in no unit; write the bare number"));
    };
    match unit(name) {
        Some((size, kind)) if kind == own_kind => Ok(number * size / own_size),
        _ => {
            let fitting = UNITS.iter().filter(|(_, _, kind)| *kind == own_kind);
            let words: Vec<String> = fitting.map(|(word, ..)| format!("`{word}`")).collect();
            Err(format!("`{fact}` counts in `{own_name}`; write {}", words.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_threshold_in_the_unit_of_the_fact() {
        for (text, fact, expected) in [
            ("3 s", "first_byte_ms", 3_000.0),
            ("1.5s", "first_byte_ms", 1_500.0),
            ("2 min", "ttl_s", 120.0),
            ("1 d", "uptime_s", 86_400.0),
            ("1 GiB", "available_bytes", 1_073_741_824.0),
            ("1_000 kB", "available_bytes", 1e6),
            ("90 %", "used_percent", 90.0),
            ("-70 dBm", "signal_dbm", -70.0),
        ] {
            assert_eq!(threshold(text, fact), Ok(expected), "{text} {fact}");
        }
        for (text, fact) in [
            ("3 s", "used_percent"),
            ("3", "first_byte_ms"),
            ("s", "ttl_s"),
            ("3 s", "status"),
            ("3 S", "ttl_s"),
            ("3 s", "s"),
        ] {
            assert!(threshold(text, fact).is_err(), "{text} {fact}");
        }
    }
}
