//! Which proxy the programs of this machine use for a target. Programs differ: command-line tools follow the
//! environment, desktop programs the desktop's settings, and services neither, so there is one choice per group of
//! programs and not one truth.

use super::connect::Proxy;
use crate::sys::{ProxySetting, ProxySettings};
use proxy_watch::{ImplicitBypass, parse};
use url::Url;

/// What a group of programs does for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Used {
    /// It connects directly.
    Direct,
    Proxy(Proxy),
    /// It asks a PAC script at this address.
    Script(String),
    /// It searches the network for a script (WPAD), and goes direct where there is none.
    Discover,
    /// Its setting cannot be used: the text, and why.
    Unusable(String, String),
}

impl Used {
    /// As it is shown: `direct`, the proxy's URL, the script's address.
    pub fn shown(&self) -> String {
        match self {
            Used::Direct => "direct".to_owned(),
            Used::Proxy(proxy) => proxy.to_string(),
            Used::Script(url) => format!("pac+{url}"),
            Used::Discover => "wpad".to_owned(),
            Used::Unusable(text, _) => text.clone(),
        }
    }
}

/// One group's choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The setting that decides: `environment https_proxy`, `GNOME`.
    pub source: String,
    pub used: Used,
    /// The entry of the exclusion list that sends the target past the proxy.
    pub bypassed: Option<String>,
}

/// The choices of all groups that have a setting which matters for the target, the environment first. Empty where
/// everything goes direct.
pub fn choices(settings: &ProxySettings, target: &Url) -> Vec<Choice> {
    let mut groups: Vec<&str> = Vec::new();
    for setting in settings.settings.iter().filter(|setting| setting.effective) {
        let group = group(&setting.source);
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups.sort_by_key(|group| *group != "environment");
    groups.into_iter().filter_map(|group| choice(settings, group, target)).collect()
}

/// What programs that follow the first setting do: the environment before the desktop.
pub fn first_choice(settings: &ProxySettings, target: &Url) -> Option<Choice> {
    choices(settings, target).into_iter().next()
}

fn group(source: &str) -> &str {
    if source.starts_with("environment") { "environment" } else { source }
}

fn choice(settings: &ProxySettings, group_name: &str, target: &Url) -> Option<Choice> {
    let wanted = if matches!(target.scheme(), "http" | "ws") { "http" } else { "https" };
    let own = |scheme: &str| {
        let mut own =
            settings.settings.iter().filter(|setting| setting.effective && group(&setting.source) == group_name);
        own.find(|setting| setting.scheme == scheme)
    };
    let setting = own(wanted).or_else(|| own("all")).or_else(|| own("pac")).or_else(|| own("wpad"))?;
    let bypassed = bypassing_entry(settings, group_name, target);
    let used = if bypassed.is_some() { Used::Direct } else { used(setting) };
    Some(Choice { source: setting.source.clone(), used, bypassed })
}

fn used(setting: &ProxySetting) -> Used {
    if let Some(error) = &setting.error {
        return Used::Unusable(super::bounded(&setting.url), error.clone());
    }
    match setting.scheme.as_str() {
        "pac" => Used::Script(setting.url.clone()),
        "wpad" => Used::Discover,
        _ => match Proxy::parse(&setting.url) {
            Ok(proxy) => Used::Proxy(proxy),
            Err(error) => Used::Unusable(super::bounded(&setting.url), error),
        },
    }
}

fn bypassing_entry(settings: &ProxySettings, group_name: &str, target: &Url) -> Option<String> {
    let own = settings.bypass.iter().filter(|(_, source)| group(source) == group_name);
    own.map(|(entry, _)| entry).find(|entry| is_bypassed(entry, target)).map(|entry| super::bounded(entry))
}

fn is_bypassed(entry: &str, target: &Url) -> bool {
    let mut rules = parse::no_proxy(entry);
    // The command-line tools send even the loopback to the proxy unless the list names it.
    rules.implicit = ImplicitBypass::Empty;
    rules.matches_url(target)
}

/// A choice from a list given by hand: a proxy, `direct`, or `pac+URL`.
pub fn given(text: &str) -> Choice {
    let used = if text.eq_ignore_ascii_case("direct") || text.eq_ignore_ascii_case("none") {
        Used::Direct
    } else if let Some(script) = text.strip_prefix("pac+") {
        Used::Script(script.to_owned())
    } else {
        match Proxy::parse(text) {
            Ok(proxy) => Used::Proxy(proxy),
            Err(error) => Used::Unusable(unusable_text(text), error),
        }
    };
    Choice { source: "argument".to_owned(), used, bypassed: None }
}

/// What may be shown of a text that is no address: nothing that could be a password.
fn unusable_text(text: &str) -> String {
    super::bounded(text.rsplit_once('@').map_or(text, |(_, after)| after))
}

/// Pairs of environment variables that differ only in case and say different things: which one a program reads is a
/// matter of luck.
pub fn case_conflict(settings: &ProxySettings) -> Option<(String, String)> {
    let environment: Vec<&ProxySetting> =
        settings.settings.iter().filter(|setting| setting.source.starts_with("environment")).collect();
    environment.iter().find_map(|one| {
        let other = environment.iter().find(|other| {
            other.source != one.source && other.source.eq_ignore_ascii_case(&one.source) && other.url != one.url
        })?;
        Some((describe(one), describe(other)))
    })
}

/// `source: url`, for a list of all.
pub fn describe(setting: &ProxySetting) -> String {
    let url = if setting.url.is_empty() { &setting.scheme } else { &setting.url };
    match &setting.error {
        Some(error) => format!("{}: {url} ({error})", setting.source),
        None => format!("{}: {url}", setting.source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(source: &str, scheme: &str, url: &str) -> ProxySetting {
        ProxySetting {
            source: source.to_owned(),
            scheme: scheme.to_owned(),
            url: url.to_owned(),
            credentials: false,
            effective: true,
            error: None,
        }
    }

    fn settings() -> ProxySettings {
        ProxySettings {
            settings: vec![
                setting("GNOME", "pac", "http://wpad.test/p.pac"),
                setting("environment all_proxy", "all", "socks5://s.test:1080"),
                setting("environment http_proxy", "http", "http://h.test:3128"),
            ],
            bypass: vec![(".corp.test".to_owned(), "environment no_proxy".to_owned())],
            unread: Vec::new(),
        }
    }

    #[test]
    fn each_group_of_programs_has_its_choice() {
        let url = |text: &str| Url::parse(text).unwrap();
        let shown = |target: &str| -> Vec<String> {
            choices(&settings(), &url(target)).iter().map(|choice| choice.used.shown()).collect()
        };
        assert_eq!(shown("http://a.test/"), ["http://h.test:3128", "pac+http://wpad.test/p.pac"]);
        assert_eq!(shown("https://a.test/"), ["socks5://s.test:1080", "pac+http://wpad.test/p.pac"]);
        assert_eq!(shown("https://crm.corp.test/"), ["direct", "pac+http://wpad.test/p.pac"]);
        let choice = first_choice(&settings(), &url("https://crm.corp.test/")).unwrap();
        assert_eq!(choice.bypassed.as_deref(), Some(".corp.test"));
        assert!(choices(&ProxySettings::default(), &url("http://a.test/")).is_empty());
    }

    #[test]
    fn the_loopback_is_no_exception_unless_it_is_named() {
        let url = Url::parse("http://127.0.0.1:8080/").unwrap();
        assert_eq!(first_choice(&settings(), &url).unwrap().used.shown(), "http://h.test:3128");
        assert!(is_bypassed("127.0.0.0/8", &url));
        assert!(is_bypassed("*", &url));
        assert!(!is_bypassed("localhost", &url));
    }

    #[test]
    fn a_list_by_hand_is_read() {
        assert_eq!(given("direct").used, Used::Direct);
        assert_eq!(given("pac+http://wpad.test/p.pac").used.shown(), "pac+http://wpad.test/p.pac");
        assert!(matches!(given("http://").used, Used::Unusable(..)));
    }

    #[test]
    fn variables_that_differ_in_case_and_content_conflict() {
        let mut settings = settings();
        assert!(case_conflict(&settings).is_none());
        settings.settings.push(setting("environment HTTP_PROXY", "http", "http://other.test:3128"));
        assert!(case_conflict(&settings).is_some());
    }
}
