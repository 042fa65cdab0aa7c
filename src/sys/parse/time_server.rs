//! Time servers in the configurations of chrony, ntpd, openntpd and systemd-timesyncd.

/// Words that name a server in chrony.conf(5), ntp.conf(5) and ntpd.conf(5).
const DIRECTIVES: &[&str] = &["server", "servers", "pool", "peer"];

/// Servers of a configuration in the style of chrony and ntpd: one directive a line.
pub fn directives(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let directive = words.next()?.to_ascii_lowercase();
            // `-4` and `-6` choose the family (ntp.conf(5)).
            DIRECTIVES.contains(&directive.as_str()).then(|| words.find(|word| !word.starts_with('-')))?
        })
        .map(str::to_owned)
        .collect()
}

/// Servers of timesyncd.conf(5): `NTP=`, or where that is empty `FallbackNTP=`. Files in order of reading, the drop-ins
/// last; an empty assignment resets the list.
pub fn timesyncd<'a>(files: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let (mut servers, mut fallback) = (Vec::new(), Vec::new());
    for line in files.into_iter().flat_map(str::lines) {
        let Some((key, value)) = line.split_once('=') else { continue };
        let list = match key.trim() {
            "NTP" => &mut servers,
            "FallbackNTP" => &mut fallback,
            _ => continue,
        };
        if value.trim().is_empty() {
            list.clear();
        }
        list.extend(value.split_whitespace().map(str::to_owned));
    }
    if servers.is_empty() { fallback } else { servers }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_of_chrony_and_ntpd() {
        let chrony = include_str!("../../../tests/fixtures/linux/chrony.conf");
        assert_eq!(directives(chrony), ["ntp.example.net", "2.debian.pool.ntp.org"]);
        assert_eq!(directives("server -4 10.0.0.1 iburst\nservers a\npool\n# peer x\nmakestep 1 3"), ["10.0.0.1", "a"]);
    }

    #[test]
    fn timesyncd_falls_back_and_drop_ins_reset() {
        assert_eq!(timesyncd(["[Time]\n#NTP=\nFallbackNTP=a b\n"]), ["a", "b"]);
        assert_eq!(timesyncd(["[Time]\nNTP=a\nFallbackNTP=f", "[Time]\nNTP=\nNTP=c\n"]), ["c"]);
        assert!(timesyncd(["nothing", ""]).is_empty());
    }
}
