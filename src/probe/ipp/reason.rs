//! Why a printer is in its state (RFC 8011 section 5.4.12, PWG 5100.9): keywords, with a suffix for how bad it is.

/// What a reason is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A person has to do something at the printer.
    Attention,
    /// A queue does not reach its device, or the device is off.
    Offline,
    /// Somebody paused it.
    Paused,
}

/// Keywords by what they are about, and what a person reads of those that want a person.
const REASONS: &[(&str, Kind, &str)] = &[
    ("media-empty", Kind::Attention, "paper is out"),
    ("media-needed", Kind::Attention, "paper is wanted"),
    ("media-jam", Kind::Attention, "paper is jammed"),
    ("input-tray-missing", Kind::Attention, "a paper tray is missing"),
    ("output-area-full", Kind::Attention, "the output tray is full"),
    ("output-tray-missing", Kind::Attention, "the output tray is missing"),
    ("cover-open", Kind::Attention, "a cover is open"),
    ("door-open", Kind::Attention, "a door is open"),
    ("interlock-open", Kind::Attention, "a cover is open"),
    ("toner-empty", Kind::Attention, "toner is out"),
    ("marker-supply-empty", Kind::Attention, "ink or toner is out"),
    ("marker-supply-missing", Kind::Attention, "a cartridge is missing"),
    ("developer-empty", Kind::Attention, "developer is out"),
    ("marker-waste-full", Kind::Attention, "the waste container is full"),
    ("opc-life-over", Kind::Attention, "the drum is worn out"),
    ("fuser-over-temp", Kind::Attention, "the fuser is too hot"),
    ("fuser-under-temp", Kind::Attention, "the fuser is too cold"),
    ("spool-area-full", Kind::Attention, "its memory is full"),
    ("offline", Kind::Offline, ""),
    ("connecting-to-device", Kind::Offline, ""),
    ("timed-out", Kind::Offline, ""),
    ("shutdown", Kind::Offline, ""),
    ("power-down", Kind::Offline, ""),
    ("paused", Kind::Paused, ""),
    ("moving-to-paused", Kind::Paused, ""),
];

/// A reason that the printer itself calls harmless: it counts only where the printer stands still.
fn is_slight(reason: &str) -> bool {
    // Print services report a device that they cannot reach, and go on as if it were nothing.
    let tells_offline = reason == "offline-report";
    !tells_offline && (reason.ends_with("-report") || reason.ends_with("-warning"))
}

fn known(reason: &str) -> Option<&'static (&'static str, Kind, &'static str)> {
    let bare =
        ["-report", "-warning", "-error"].iter().find_map(|suffix| reason.strip_suffix(suffix)).unwrap_or(reason);
    REASONS.iter().find(|(keyword, ..)| *keyword == bare)
}

fn counting(reasons: &[String], stopped: bool) -> impl Iterator<Item = &'static (&'static str, Kind, &'static str)> {
    reasons.iter().filter(move |reason| stopped || !is_slight(reason)).filter_map(|reason| known(reason))
}

/// What the reasons are about.
pub fn kinds(reasons: &[String], stopped: bool) -> Vec<Kind> {
    counting(reasons, stopped).map(|(_, kind, _)| *kind).collect()
}

/// What a person has to do, in plain words.
pub fn wants(reasons: &[String], stopped: bool) -> Vec<String> {
    let mut wants: Vec<String> = Vec::new();
    for (_, kind, words) in counting(reasons, stopped) {
        if *kind == Kind::Attention && !wants.iter().any(|other| other == words) {
            wants.push((*words).to_owned());
        }
    }
    wants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_count_only_where_it_stands_still() {
        let cases: &[(&[&str], bool, &[&str])] = &[
            (&["none"], false, &[]),
            (&["media-empty-error"], false, &["paper is out"]),
            (&["media-empty"], false, &["paper is out"]),
            (&["media-empty-warning"], false, &[]),
            (&["media-empty-warning"], true, &["paper is out"]),
            (&["cover-open", "interlock-open-error"], true, &["a cover is open"]),
            (&["toner-low-report", "invented-error"], true, &[]),
        ];
        for (reasons, stopped, expected) in cases {
            let reasons: Vec<String> = reasons.iter().map(|reason| (*reason).to_owned()).collect();
            assert_eq!(wants(&reasons, *stopped), *expected, "{reasons:?}");
        }
        assert_eq!(kinds(&["offline-report".to_owned(), "paused".to_owned()], false), [Kind::Offline, Kind::Paused]);
    }
}
