//! Files of package managers: what dpkg knows of its packages, lists of repositories, the kernel's table of locks.

use crate::sys::Repository;
use url::Url;

/// Broken packages that are kept by name.
const MOST_BROKEN: usize = 20;
/// Repositories that are kept of one file.
const MOST_REPOSITORIES: usize = 64;
/// Longest text that is kept of a file.
const LONGEST: usize = 500;
/// How the signed list of an apt repository begins, and the list of an rpm repository.
const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const XML: &str = "<?xml";

/// Packages of dpkg's status file that are neither whole nor gone: `Status: install ok half-configured`.
pub fn broken_packages(status: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let mut package = "";
    for line in status.lines() {
        if let Some(name) = line.strip_prefix("Package: ") {
            package = name.trim();
        } else if let Some(state) = line.strip_prefix("Status: ") {
            let whole = ["installed", "not-installed", "config-files"];
            let state = state.split_whitespace().next_back().unwrap_or("installed");
            if !whole.contains(&state) && broken.len() < MOST_BROKEN {
                broken.push(bounded(package));
            }
        }
    }
    broken
}

/// Lines `deb [options] URI suite component` of sources.list(5).
pub fn one_line_sources(text: &str) -> Vec<Source> {
    let lines = text.lines().map(str::trim).filter(|line| line.starts_with("deb ") || line.starts_with("deb\t"));
    lines.filter_map(one_line).take(MOST_REPOSITORIES).collect()
}

fn one_line(line: &str) -> Option<Source> {
    let rest = line.strip_prefix("deb")?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    let (url, suite) = (words.next()?, words.next()?);
    let key = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by=")).map(bounded);
    Some(Source { url: bounded(url), suite: bounded(suite), key })
}

/// Stanzas of deb822 style (sources.list(5)), each for all its addresses and suites.
pub fn stanza_sources(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    for stanza in text.split("\n\n") {
        let field = |name: &str| {
            let of_line = |line: &'_ str| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            };
            stanza.lines().filter(|line| !line.starts_with([' ', '#'])).find_map(of_line)
        };
        if field("Enabled").is_some_and(|enabled| enabled.eq_ignore_ascii_case("no"))
            || !field("Types").is_some_and(|types| types.split_whitespace().any(|kind| kind == "deb"))
        {
            continue;
        }
        // A key that is written into the stanza itself begins on the next line.
        let key = field("Signed-By").filter(|key| key.starts_with('/')).map(|key| bounded(&key));
        let (urls, suites) = (field("URIs").unwrap_or_default(), field("Suites").unwrap_or_default());
        let each = urls.split_whitespace().flat_map(|url| suites.split_whitespace().map(move |suite| (url, suite)));
        sources.extend(each.map(|(url, suite)| Source { url: bounded(url), suite: bounded(suite), key: key.clone() }));
    }
    sources.truncate(MOST_REPOSITORIES);
    sources
}

/// One address and suite of an apt repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    url: String,
    suite: String,
    key: Option<String>,
}

impl Source {
    /// The repository, for the file that names it and by whether a key's file is there.
    pub fn repository(self, source: &str, exists: &dyn Fn(&str) -> bool) -> Repository {
        let url = without_credentials(&self.url);
        let base = url.trim_end_matches('/');
        let suite = self.suite.trim_end_matches('/');
        // A suite that ends in a slash is a path and has no components.
        let index = match self.suite.ends_with('/') {
            true => format!("{base}/{suite}/InRelease").replace("/./", "/"),
            false => format!("{base}/dists/{suite}/InRelease"),
        };
        Repository {
            source: source.to_owned(),
            index: is_web(&url).then_some(index),
            begins: SIGNED.to_owned(),
            // Several keys stand with commas between.
            missing_key: self
                .key
                .and_then(|keys| keys.split(',').find(|key| key.starts_with('/') && !exists(key)).map(str::to_owned)),
            url,
        }
    }
}

/// Sections of a `.repo` file (dnf.conf(5), zypper(8)), with the values of its variables.
pub fn rpm_repositories(
    text: &str,
    source: &str,
    variables: &[(&str, &str)],
    exists: &dyn Fn(&str) -> bool,
) -> Vec<Repository> {
    let mut repositories = Vec::new();
    for section in text.split("\n[") {
        let value = |name: &str| {
            let of_line = |line: &'_ str| {
                line.split_once('=').filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
            };
            section.lines().find_map(of_line).filter(|value| !value.is_empty())
        };
        let enabled = value("enabled").is_none_or(|enabled| enabled != "0");
        let Some(address) = value("baseurl").or_else(|| value("mirrorlist")).or_else(|| value("metalink")) else {
            continue;
        };
        if !enabled || repositories.len() >= MOST_REPOSITORIES {
            continue;
        }
        let filled = variables.iter().fold(address, |text, (name, value)| text.replace(&format!("${name}"), value));
        let url = without_credentials(filled.split_whitespace().next().unwrap_or_default());
        let based = value("baseurl").is_some();
        let index = based.then(|| format!("{}/repodata/repomd.xml", url.trim_end_matches('/'))).or(Some(url.clone()));
        let checked = value("gpgcheck").is_some_and(|checked| checked == "1");
        let key = value("gpgkey").and_then(|key| key.strip_prefix("file://").map(str::to_owned)).filter(|_| checked);
        let key =
            key.map(|key| variables.iter().fold(key, |text, (name, value)| text.replace(&format!("${name}"), value)));
        repositories.push(Repository {
            source: source.to_owned(),
            index: index.filter(|index| is_web(index) && !index.contains('$')),
            begins: if based { XML.to_owned() } else { String::new() },
            missing_key: key.filter(|key| !key.contains('$') && !exists(key)).map(|key| bounded(&key)),
            url: bounded(&url),
        });
    }
    repositories
}

/// The proxy in apt's settings: `Acquire::http::Proxy "http://proxy:3128";`, without credentials.
pub fn apt_proxy(text: &str) -> Option<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.starts_with('#'));
    lines.filter_map(|line| line.strip_prefix("Acquire::http::Proxy")).find_map(|rest| {
        let value = rest.trim().trim_end_matches(';').trim().trim_matches('"');
        // `Proxy::host "DIRECT"` is for one host alone.
        (!rest.starts_with("::") && !value.is_empty()).then(|| proxy(value))
    })
}

/// The proxy in the settings of dnf: `proxy=http://proxy:3128`.
pub fn dnf_proxy(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.split_once('=').filter(|(key, _)| key.trim() == "proxy"))?.1.trim();
    Some(proxy(value)).filter(|value| !value.is_empty())
}

fn proxy(value: &str) -> String {
    let direct = ["direct", "_none_", "none"].iter().any(|word| value.eq_ignore_ascii_case(word));
    if direct { "direct".to_owned() } else { without_credentials(value) }
}

/// Who holds locks: `1: POSIX  ADVISORY  WRITE 4711 08:02:131 0 EOF` of proc_locks(5), as process, device and inode.
pub fn locks(table: &str) -> Vec<Lock> {
    table.lines().filter_map(lock).collect()
}

/// A lock that a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    pub pid: u32,
    /// Major and minor number of the device.
    pub device: (u32, u32),
    pub inode: u64,
}

fn lock(line: &str) -> Option<Lock> {
    let words: Vec<&str> = line.split_whitespace().collect();
    // One that waits for the lock has an arrow before its kind.
    let [_, _, _, "WRITE", pid, file, ..] = words[..] else { return None };
    let mut parts = file.split(':');
    let mut hexadecimal = || u32::from_str_radix(parts.next()?, 16).ok();
    let device = (hexadecimal()?, hexadecimal()?);
    Some(Lock { pid: pid.parse().ok()?, device, inode: parts.next()?.parse().ok()? })
}

fn is_web(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

/// The address without user and password; what is none stays as it is, cut to a length.
fn without_credentials(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return bounded(text.rsplit('@').next().unwrap_or_default()) };
    // Neither can be set for addresses without a host, and those have none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    bounded(url.as_str())
}

fn bounded(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_that_are_not_whole_are_named() {
        let status = "Package: bash\nStatus: install ok installed\n\nPackage: linux-image\nStatus: install ok half-configured\n\n\
            Package: old\nStatus: deinstall ok config-files\n\nPackage: libfoo\nStatus: install reinstreq half-installed\n";
        assert_eq!(broken_packages(status), ["linux-image", "libfoo"]);
        assert!(broken_packages("garbage\nStatus: \n").is_empty());
    }

    #[test]
    fn repositories_of_apt_in_both_styles() {
        let exists = |path: &str| path == "/usr/share/keyrings/there.gpg";
        let lines = "# deb http://old.example/ x main\ndeb-src http://a.example/debian stable main\n\
            deb http://user:secret@a.example/debian stable main contrib\n\
            deb [arch=amd64 signed-by=/usr/share/keyrings/gone.gpg] https://b.example/apt ./\n\
            deb cdrom:[Debian]/ stable main\n";
        let read: Vec<Repository> =
            one_line_sources(lines).into_iter().map(|source| source.repository("sources.list", &exists)).collect();
        assert_eq!(read[0].url, "http://a.example/debian");
        assert_eq!(read[0].index.as_deref(), Some("http://a.example/debian/dists/stable/InRelease"));
        assert_eq!(read[1].index.as_deref(), Some("https://b.example/apt/InRelease"));
        assert_eq!(read[1].missing_key.as_deref(), Some("/usr/share/keyrings/gone.gpg"));
        assert_eq!(read.len(), 3);
        assert_eq!(read[2].index, None);
        let stanzas = "Types: deb\nURIs: http://c.example/ubuntu/\nSuites: noble noble-updates\n\
            Signed-By: /usr/share/keyrings/there.gpg\n\nEnabled: no\nTypes: deb\nURIs: http://d.example\nSuites: x\n\n\
            Types: deb-src\nURIs: http://e.example\nSuites: x\n";
        let read: Vec<Repository> =
            stanza_sources(stanzas).into_iter().map(|source| source.repository("x.sources", &exists)).collect();
        assert_eq!(read.len(), 2);
        assert_eq!(read[1].index.as_deref(), Some("http://c.example/ubuntu/dists/noble-updates/InRelease"));
        assert_eq!(read[1].missing_key, None);
    }

    #[test]
    fn repositories_of_rpm() {
        let text = "[base]\nname=Base\nbaseurl=https://m.example/$releasever/$basearch/os/\ngpgcheck=1\n\
            gpgkey=file:///etc/pki/rpm-gpg/KEY\n[off]\nbaseurl=https://n.example/\nenabled=0\n\
            [mirrors]\nmetalink=https://mirrors.example/metalink?repo=fedora-$releasever&arch=$basearch\n\
            [odd]\nbaseurl=https://o.example/$stream/\n";
        let read = rpm_repositories(text, "base.repo", &[("releasever", "41"), ("basearch", "x86_64")], &|_| false);
        assert_eq!(read[0].index.as_deref(), Some("https://m.example/41/x86_64/os/repodata/repomd.xml"));
        assert_eq!(read[0].missing_key.as_deref(), Some("/etc/pki/rpm-gpg/KEY"));
        assert_eq!(read[1].index.as_deref(), Some("https://mirrors.example/metalink?repo=fedora-41&arch=x86_64"));
        assert_eq!((read.len(), read[2].index.as_deref()), (3, None), "its address is not known whole");
    }

    #[test]
    fn proxies_and_locks() {
        let proxy = apt_proxy(
            "// Acquire::http::Proxy \"http://old\";\nAcquire::http::Proxy \"http://u:p@proxy.example:3128\";\n",
        );
        assert_eq!(proxy.as_deref(), Some("http://proxy.example:3128/"));
        assert_eq!(apt_proxy("Acquire::http::Proxy \"DIRECT\";").as_deref(), Some("direct"));
        assert_eq!(apt_proxy("Acquire::http::Proxy::host.example \"DIRECT\";"), None);
        assert_eq!(dnf_proxy("[main]\nproxy = http://p.example:8080\n").as_deref(), Some("http://p.example:8080/"));
        let table = "1: POSIX  ADVISORY  WRITE 4711 08:02:131 0 EOF\n1: -> POSIX  ADVISORY  WRITE 4712 08:02:131 0 EOF\n\
            2: FLOCK  ADVISORY  READ  9 00:1f:7 0 EOF\n";
        assert_eq!(locks(table), [Lock { pid: 4711, device: (8, 2), inode: 131 }]);
    }
}
