//! Every proxy setting of this machine with the place where it is written: the environment in both cases, the
//! desktops, and the files that set the environment of the next login. Credentials are dropped here, before anything
//! is kept. Which setting a program follows is decided elsewhere (`probe::way::choice`).

use crate::sys::*;
use proxy_watch::{ProxyConfig, ProxyConfigSource, ProxyEndpoint, ProxyEntry, ProxyEnv, ProxyMode, Scheme};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The desktop's settings come over GLib or D-Bus and take 6 ms; half a second means that the service hangs, and a
/// program that follows the environment does not care.
const DESKTOP_WAIT: Duration = Duration::from_millis(500);

/// A file of settings larger than this is not one.
const FILE_LIMIT_BYTES: u64 = 64 * 1024;

/// Entries of an exclusion list that are kept.
const BYPASS_LIMIT: usize = 200;

/// Characters of a setting that are kept.
const TEXT_LIMIT: usize = 200;

pub(super) async fn proxies() -> Known<ProxySettings> {
    let mut settings = ProxySettings::default();
    from_environment(std::env::vars_os().filter_map(readable), &mut settings);
    from_files(Path::new("/etc"), &mut settings);
    from_leases(Path::new("/"), &mut settings);
    match desktop().await {
        Ok(Some(config)) => from_desktop(&config, &mut settings),
        Ok(None) => {}
        Err(why) => settings.unread.push(format!("desktop settings: {why}")),
    }
    Ok(settings)
}

/// A value that is not UTF-8 is kept with replacement characters, so that it shows as unusable and not as unset.
fn readable((name, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
}

/// Whether this account has a desktop, or settings of one: a session, or a file in which GNOME or KDE would keep them.
/// Without it the answer is known, and loading GLib for it costs every run megabytes and milliseconds.
fn has_desktop() -> bool {
    const SESSION: [&str; 6] = [
        "XDG_CURRENT_DESKTOP",
        "DESKTOP_SESSION",
        "KDE_FULL_SESSION",
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "DBUS_SESSION_BUS_ADDRESS",
    ];
    const OWN: [&str; 3] = ["dconf/user", "glib-2.0/settings/keyfile", "kioslaverc"];
    const EVERYBODYS: [&str; 2] = ["/etc/dconf/profile/user", "/etc/xdg/kioslaverc"];
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".config"));
    let own = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home);
    SESSION.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
        || own.is_some_and(|folder| OWN.iter().any(|name| folder.join(name).exists()))
        || EVERYBODYS.iter().any(|path| Path::new(path).exists())
}

/// Reads the desktop's settings on a thread of its own, which is left behind where it hangs: a thread of the
/// runtime's pool would hold up the end of the program.
async fn desktop() -> Result<Option<ProxyConfig>, String> {
    if !has_desktop() {
        return Ok(None);
    }
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("proxy-settings".to_owned())
        .spawn(move || drop(sender.send(proxy_watch::read())))
        .map_err(|error| error.to_string())?;
    match tokio::time::timeout(DESKTOP_WAIT, receiver).await {
        Ok(Ok(Ok(config))) => Ok(Some(config)),
        // No desktop on this machine: there is nothing to read, which is not a failure.
        Ok(Ok(Err(proxy_watch::Error::Unsupported))) => Ok(None),
        Ok(Ok(Err(error))) => Err(bounded(&error.to_string())),
        Ok(Err(_)) => Err("the reader ended without an answer".to_owned()),
        Err(_) => Err(format!("no answer in {} ms", DESKTOP_WAIT.as_millis())),
    }
}

const SCHEMES: [(&str, &str); 3] = [("http", "http_proxy"), ("https", "https_proxy"), ("all", "all_proxy")];

pub(super) fn from_environment(variables: impl Iterator<Item = (String, String)>, settings: &mut ProxySettings) {
    let variables: BTreeMap<String, String> = variables.filter(|(name, _)| is_proxy_variable(name)).collect();
    for (scheme, lower) in SCHEMES {
        // An empty variable is as good as none to curl and to libraries that copy it.
        let named = |name: &str| variables.get(name).filter(|value| !value.trim().is_empty());
        let upper = lower.to_ascii_uppercase();
        let lower_value = named(lower);
        for (name, value, effective) in
            [(lower, lower_value, true), (upper.as_str(), named(&upper), lower_value.is_none())]
        {
            if let Some(value) = value {
                settings.settings.push(setting(&format!("environment {name}"), scheme, value, effective));
            }
        }
    }
    let bypass = ["no_proxy", "NO_PROXY"].into_iter().find_map(|name| variables.get_key_value(name));
    if let Some((name, value)) = bypass {
        settings.bypass.extend(bypass_entries(value).map(|entry| (entry, format!("environment {name}"))));
    }
}

pub(super) fn is_proxy_variable(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "no_proxy" || SCHEMES.iter().any(|(_, variable)| *variable == name)
}

fn bypass_entries(value: &str) -> impl Iterator<Item = String> + '_ {
    value.split([',', ' ', ';', '\t']).filter(|entry| !entry.is_empty()).map(bounded).take(BYPASS_LIMIT)
}

/// One setting, read as programs read it. The text of an unusable one is kept without what may be a password.
fn setting(source: &str, scheme: &str, value: &str, effective: bool) -> ProxySetting {
    let (url, credentials, error) = match ProxyEndpoint::parse(value.trim(), 80) {
        Ok(endpoint) => (shown(&endpoint), endpoint.auth.is_some(), None),
        Err(error) => (masked(value), value.contains('@'), Some(bounded(&without_quotation(&error)))),
    };
    ProxySetting { source: source.to_owned(), scheme: scheme.to_owned(), url, credentials, effective, error }
}

/// The library's own reason, without its quotation of the value.
fn without_quotation(error: &proxy_watch::Error) -> String {
    match error {
        proxy_watch::Error::InvalidProxyServer { .. } => "it is not a proxy address".to_owned(),
        proxy_watch::Error::UnsupportedProxyScheme(_) => "its scheme is not one of a proxy".to_owned(),
        other => other.to_string(),
    }
}

/// `scheme://host:port`, never the credentials.
fn shown(endpoint: &ProxyEndpoint) -> String {
    let scheme = endpoint.scheme_hint.map_or("http", |hint| hint.as_str());
    format!("{scheme}://{}", endpoint.authority())
}

/// Text that is no proxy address, as the library masks it.
fn masked(value: &str) -> String {
    let rejected = ProxyEnv::from_vars([("all_proxy", value)])
        .ok()
        .and_then(|environment| environment.rejected().first().map(|rejected| rejected.redacted_input().to_owned()));
    let text = rejected.unwrap_or_else(|| "(withheld)".to_owned());
    bounded(text.rsplit_once('@').map_or(text.as_str(), |(_, after)| after))
}

fn bounded(text: &str) -> String {
    text.chars().take(TEXT_LIMIT).collect()
}

fn from_desktop(config: &ProxyConfig, settings: &mut ProxySettings) {
    for (source, mode) in &config.sources {
        let name = source_name(*source);
        let effective = *mode == config.effective;
        from_mode(name, mode, effective, settings);
    }
    settings.unread.extend(config.fallbacks.iter().map(|source| source_name(*source).to_owned()));
}

fn source_name(source: ProxyConfigSource) -> &'static str {
    match source {
        ProxyConfigSource::GSettings => "GNOME",
        ProxyConfigSource::Kioslaverc => "KDE",
        ProxyConfigSource::KioslavercEnv => "KDE (environment)",
        ProxyConfigSource::Portal => "desktop portal",
        _ => "desktop",
    }
}

fn from_mode(name: &str, mode: &ProxyMode, effective: bool, settings: &mut ProxySettings) {
    let mut push = |scheme: &str, url: String, credentials: bool, error: Option<String>| {
        let (source, scheme) = (name.to_owned(), scheme.to_owned());
        settings.settings.push(ProxySetting { source, scheme, url, credentials, effective, error });
    };
    match mode {
        ProxyMode::Manual { per_scheme, .. } => {
            for scheme in [Scheme::Http, Scheme::Https, Scheme::All] {
                match per_scheme.get(&scheme) {
                    Some(ProxyEntry::Use(endpoint)) => {
                        push(scheme.as_str(), shown(endpoint), endpoint.auth.is_some(), None);
                    }
                    Some(ProxyEntry::Unusable(value)) => {
                        let text = masked(value.redacted_input());
                        push(scheme.as_str(), text, false, Some("it is not a proxy address".to_owned()));
                    }
                    _ => {}
                }
            }
        }
        ProxyMode::Pac { url, .. } => {
            let mut bare = url.clone();
            let credentials = !url.username().is_empty() || url.password().is_some();
            let stripped = bare.set_username("").is_ok() && bare.set_password(None).is_ok();
            bare.set_query(None);
            let text = if stripped || !credentials { bare.to_string() } else { "(withheld)".to_owned() };
            push("pac", bounded(&text), credentials, None);
        }
        ProxyMode::WpadAutoDetect => push("wpad", String::new(), false, None),
        _ => {}
    }
    if let Some(bypass) = mode.bypass() {
        let entries = bypass.patterns.iter().take(BYPASS_LIMIT);
        settings.bypass.extend(entries.map(|entry| (bounded(&entry.to_string()), name.to_owned())));
    }
}

/// The text of somebody's `kioslaverc`, as KDE keeps its proxy settings. For this account's own the library asks the
/// desktop; another's can only be read as the file that it is. A proxy is written `http://host port`, or with a colon.
pub(super) fn from_kioslaverc(source: &str, text: &str, settings: &mut ProxySettings) {
    let group = text.lines().map(str::trim).skip_while(|line| *line != "[Proxy Settings]").skip(1);
    let entries = group.take_while(|line| !line.starts_with('[')).filter_map(|line| line.split_once('='));
    // `[$e]` after a key says that its value may name variables.
    let values: BTreeMap<&str, &str> =
        entries.map(|(key, value)| (key.split('[').next().unwrap_or(key).trim(), value.trim())).collect();
    let value = |key: &str| values.get(key).copied().filter(|value| !value.is_empty());
    match value("ProxyType") {
        Some("1") => {
            for (scheme, key) in [("http", "httpProxy"), ("https", "httpsProxy"), ("all", "socksProxy")] {
                if let Some(proxy) = value(key) {
                    settings.settings.push(setting(source, scheme, &proxy.replace(' ', ":"), true));
                }
            }
            let bypass = value("NoProxyFor").unwrap_or_default();
            settings.bypass.extend(bypass_entries(bypass).map(|entry| (entry, source.to_owned())));
        }
        Some("2") => {
            let url = value("Proxy Config Script").and_then(|text| url::Url::parse(text).ok());
            if let Some(mut url) = url.filter(|url| url.username().is_empty() && url.password().is_none()) {
                url.set_query(None);
                from_script(source, "pac", bounded(url.as_str()), settings);
            }
        }
        Some("3") => from_script(source, "wpad", String::new(), settings),
        // 0 is none, and 4 the environment, which is read on its own.
        _ => {}
    }
}

fn from_script(source: &str, scheme: &str, url: String, settings: &mut ProxySettings) {
    let (source, scheme) = (source.to_owned(), scheme.to_owned());
    settings.settings.push(ProxySetting { source, scheme, url, credentials: false, effective: true, error: None });
}

/// Files that set the environment of the next login, and the package manager's own setting. No program here follows
/// them now, so they are information: a proxy that is written here and missing in the environment explains "works
/// after logging in again".
fn from_files(etc: &Path, settings: &mut ProxySettings) {
    let mut files = vec![etc.join("environment")];
    files.extend(listed(&etc.join("profile.d"), |name| name.contains("proxy")));
    for path in files {
        let Some(text) = read(&path, settings) else { continue };
        for (name, value) in assignments(&text) {
            if let Some((scheme, _)) = SCHEMES.iter().find(|(_, variable)| name.eq_ignore_ascii_case(variable)) {
                let source = format!("{} {name}", path.display());
                settings.settings.push(setting(&source, scheme, &value, false));
            }
        }
    }
    let mut apt = vec![etc.join("apt/apt.conf")];
    apt.extend(listed(&etc.join("apt/apt.conf.d"), |_| true));
    for path in apt {
        let Some(text) = read(&path, settings) else { continue };
        for (scheme, value) in apt_proxies(&text) {
            settings.settings.push(setting(&format!("apt ({})", path.display()), scheme, &value, false));
        }
    }
}

/// Where DHCP clients keep their leases.
const LEASES: [&str; 4] = ["var/lib/dhcp", "var/lib/dhclient", "var/lib/NetworkManager", "run/systemd/netif/leases"];

/// The script that the network names in its lease (DHCP option 252), for programs that search for one. Only clients
/// that asked for it have it written down.
fn from_leases(root: &Path, settings: &mut ProxySettings) {
    for folder in LEASES {
        // Of several leases of one client the last is the one in force.
        let newest = listed(&root.join(folder), |_| true).into_iter().filter_map(|path| {
            let text = read(&path, &mut ProxySettings::default())?;
            Some((path, text.lines().filter_map(script_of_lease).next_back()?))
        });
        for (path, url) in newest {
            settings.settings.push(ProxySetting {
                source: format!("DHCP lease ({})", path.display()),
                scheme: "wpad".to_owned(),
                url,
                credentials: false,
                effective: false,
                error: None,
            });
        }
    }
}

/// dhclient writes `option wpad "URL";` under whatever name its configuration gives the option, and systemd-networkd
/// the bytes of private options in hexadecimal digits, `OPTION_252=6874...`.
fn script_of_lease(line: &str) -> Option<String> {
    let line = line.trim();
    let text = match line.strip_prefix("OPTION_252=") {
        Some(digits) => {
            let digit = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
            let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(digit).collect();
            String::from_utf8(bytes?).ok()?
        }
        None => {
            let (name, value) = line.strip_prefix("option ")?.split_once(' ')?;
            let named = ["wpad", "252", "proxy-autoconfig", "auto-proxy"].iter().any(|word| name.contains(word));
            named.then(|| value.trim_end_matches(';').trim_matches('"').replace("\\000", "").replace("\\n", ""))?
        }
    };
    let mut url = url::Url::parse(text.trim_matches(['\0', '\n', '\r', ' '])).ok()?;
    let plain = matches!(url.scheme(), "http" | "https") && url.has_host();
    (plain && url.set_username("").is_ok() && url.set_password(None).is_ok()).then(|| bounded(url.as_str()))
}

fn listed(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| wanted(&entry.file_name().to_string_lossy().to_ascii_lowercase()))
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}

/// A file of this machine; one that is not there is no news, one that may not be read is.
fn read(path: &Path, settings: &mut ProxySettings) -> Option<String> {
    let metadata = std::fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > FILE_LIMIT_BYTES {
        return None;
    }
    match std::fs::read(path) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => {
            settings.unread.push(format!("{}: {error}", path.display()));
            None
        }
    }
}

/// `NAME=value` and `export NAME=value` lines. A value that refers to an earlier one (`$http_proxy`) is filled in;
/// what a shell would have to work out is left out.
pub(super) fn assignments(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let line = line.trim().strip_prefix("export ").unwrap_or(line.trim());
        let Some((name, value)) = line.split_once('=') else { continue };
        let name = name.trim();
        if !is_proxy_variable(name) {
            continue;
        }
        let value = value.trim().trim_end_matches(';').trim_matches(['"', '\'']);
        let value = match value.strip_prefix('$') {
            Some(reference) => {
                let reference = reference.trim_matches(['{', '}']);
                found.iter().rev().find(|(earlier, _)| earlier == reference).map(|(_, value)| value.clone())
            }
            None if value.contains(['$', '`']) => None,
            None => Some(value.to_owned()),
        };
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            found.push((name.to_owned(), value));
        }
    }
    found
}

/// `Acquire::http::Proxy "URL";` lines; the nested form with braces is rare and left out.
fn apt_proxies(text: &str) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        let lower = line.to_ascii_lowercase();
        for (scheme, key) in [("http", "acquire::http::proxy"), ("https", "acquire::https::proxy")] {
            let Some(rest) = lower.starts_with(key).then(|| &line[key.len()..]) else { continue };
            let value = rest.trim().trim_end_matches(';').trim().trim_matches('"');
            if rest.starts_with([' ', '\t']) && !value.is_empty() && !value.eq_ignore_ascii_case("direct") {
                found.push((scheme, value.to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> ProxySettings {
        let mut settings = ProxySettings::default();
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        from_environment(variables, &mut settings);
        settings
    }

    #[test]
    fn a_lease_names_a_script_in_two_ways() {
        let script = |line: &str| script_of_lease(line);
        let url = Some("http://wpad.corp.test/wpad.dat".to_owned());
        assert_eq!(script("  option wpad \"http://bob:x@wpad.corp.test/wpad.dat\\000\";"), url);
        assert_eq!(script("OPTION_252=687474703a2f2f777061642e636f72702e746573742f777061642e6461740a"), url);
        for line in [
            "OPTION_252=6",
            "OPTION_252=zz",
            "OPTION_252=é",
            "option routers 192.0.2.1;",
            "option wpad \"file:///etc/x\";",
        ] {
            assert_eq!(script(line), None, "{line}");
        }
    }

    #[test]
    fn kde_settings_are_read_as_they_are_written() {
        let mut settings = ProxySettings::default();
        let text = "[$Version]\nx=1\n[Proxy Settings]\nNoProxyFor=.corp.test,localhost\nProxyType=1\n\
                    httpsProxy[$e]=http://bob:pw@proxy.test 3128\nhttpProxy=\n[Other]\nhttpProxy=http://no.test 1\n";
        from_kioslaverc("KDE", text, &mut settings);
        let rows: Vec<_> = settings.settings.iter().map(|one| (one.scheme.as_str(), one.url.as_str())).collect();
        assert_eq!((rows, settings.bypass.len()), (vec![("https", "http://proxy.test:3128")], 2));
        for (kind, scheme) in [("2\nProxy Config Script=http://p.test/x.pac", "pac"), ("3", "wpad")] {
            let mut settings = ProxySettings::default();
            from_kioslaverc("KDE", &format!("[Proxy Settings]\nProxyType={kind}\n"), &mut settings);
            assert_eq!(settings.settings[0].scheme, scheme);
        }
        let mut none = ProxySettings::default();
        from_kioslaverc("KDE", "[Proxy Settings]\nProxyType=0\nhttpProxy=http://old.test 1\n", &mut none);
        assert!(none.settings.is_empty() && none.bypass.is_empty());
    }

    #[test]
    fn the_environment_is_read_in_both_cases_and_lower_case_wins() {
        let settings = environment(&[
            ("https_proxy", "http://proxy.test:3128/"),
            ("HTTPS_PROXY", "http://other.test:8080"),
            ("HTTP_PROXY", "proxy.test:3128"),
            ("no_proxy", "localhost,.corp.test 10.0.0.0/8"),
            ("PATH", "/bin"),
        ]);
        let rows: Vec<_> = settings
            .settings
            .iter()
            .map(|setting| (setting.source.as_str(), setting.scheme.as_str(), setting.url.as_str(), setting.effective))
            .collect();
        assert_eq!(
            rows,
            [
                ("environment HTTP_PROXY", "http", "http://proxy.test:3128", true),
                ("environment https_proxy", "https", "http://proxy.test:3128", true),
                ("environment HTTPS_PROXY", "https", "http://other.test:8080", false),
            ]
        );
        assert_eq!(settings.bypass.len(), 3);
        assert_eq!(settings.bypass[1], (".corp.test".to_owned(), "environment no_proxy".to_owned()));
    }

    #[test]
    fn credentials_are_never_kept() {
        for value in [
            "http://bob:hunter2@proxy.test:3128",
            "bob:hunter2@proxy.test",
            "http://bob:hunter2@",
            "http://bob:hunter2@pro xy.test:1",
            "gopher://bob:hunter2@proxy.test",
            "http://bob:hunter2/x@proxy.test:8080",
        ] {
            let settings = environment(&[("http_proxy", value)]);
            assert_eq!(settings.settings.len(), 1, "{value}");
            assert!(!format!("{settings:?}").contains("hunter2"), "{value}: {settings:?}");
            assert!(settings.settings[0].credentials, "{value}");
        }
    }

    #[test]
    fn what_is_no_address_becomes_an_error() {
        for value in ["not a url", "http://", "gopher://proxy.test:70", "http://proxy.test:99999", "\u{fffd}"] {
            let settings = environment(&[("all_proxy", value)]);
            assert!(settings.settings[0].error.is_some(), "{value}: {settings:?}");
        }
        assert!(environment(&[("http_proxy", "  ")]).settings.is_empty());
    }

    #[test]
    fn the_desktop_keeps_its_name_and_its_list() {
        let mode = proxy_watch::parse::windows_manual("http=gate.test:3128;https=gate.test:3129", "*.corp.test");
        let mut config = ProxyConfig::from_source(ProxyConfigSource::GSettings, mode);
        config.fallbacks = vec![ProxyConfigSource::Kioslaverc];
        let mut settings = ProxySettings::default();
        from_desktop(&config, &mut settings);
        assert_eq!(settings.settings.len(), 2);
        assert!(settings.settings.iter().all(|setting| setting.source == "GNOME" && setting.effective));
        assert_eq!(settings.bypass.len(), 1);
        assert_eq!(settings.unread, ["KDE"]);

        let url = url::Url::parse("http://bob:hunter2@wpad.test/proxy.pac?key=1").unwrap();
        let config = ProxyConfig::from_source(ProxyConfigSource::GSettings, ProxyMode::pac(url));
        let mut settings = ProxySettings::default();
        from_desktop(&config, &mut settings);
        assert_eq!(settings.settings[0].scheme, "pac");
        assert_eq!(settings.settings[0].url, "http://wpad.test/proxy.pac");
    }

    #[test]
    fn files_are_information() {
        let folder = tempfile::tempdir().unwrap();
        let etc = folder.path();
        std::fs::create_dir_all(etc.join("profile.d")).unwrap();
        std::fs::create_dir_all(etc.join("apt/apt.conf.d")).unwrap();
        std::fs::write(etc.join("environment"), "PATH=/bin\nhttp_proxy=\"http://a.test:1\"\n").unwrap();
        std::fs::write(
            etc.join("profile.d/50-proxy.sh"),
            "export HTTP_PROXY=http://b.test:2\nexport HTTPS_PROXY=$HTTP_PROXY\nexport all_proxy=$(pick)\n",
        )
        .unwrap();
        std::fs::write(etc.join("profile.d/lang.sh"), "export http_proxy=http://no.test\n").unwrap();
        std::fs::write(
            etc.join("apt/apt.conf.d/95proxy"),
            "Acquire::http::Proxy \"http://bob:pw@c.test:3142\";\nAcquire::https::Proxy \"DIRECT\";\n",
        )
        .unwrap();
        let mut settings = ProxySettings::default();
        from_files(etc, &mut settings);
        let urls: Vec<_> = settings.settings.iter().map(|setting| setting.url.as_str()).collect();
        assert_eq!(urls, ["http://a.test:1", "http://b.test:2", "http://b.test:2", "http://c.test:3142"]);
        assert!(settings.settings.iter().all(|setting| !setting.effective));
    }
}
