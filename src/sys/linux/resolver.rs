//! How names are resolved here: resolv.conf, nsswitch.conf, the hosts file and, behind its stub, systemd-resolved.

use super::netlink::Netlink;
use crate::sys::parse::{hosts as hosts_file, policy, resolv};
use crate::sys::*;
use std::collections::{BTreeSet, HashMap};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::Path;
use std::time::Duration;
use zbus::OwnedVariant;
use zbus::wire::OwnedObjectPath;

const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Where systemd-resolved writes the servers behind its stub.
const UPSTREAM_CONF: &str = "/run/systemd/resolve/resolv.conf";
const BUS_SOCKET: &str = "/run/dbus/system_bus_socket";
const RESOLVED: &str = "org.freedesktop.resolve1";
const MANAGER_OBJECT: &str = "/org/freedesktop/resolve1";
const DNS_PORT: u16 = 53;
const TLS_PORT: u16 = 853;

/// A healthy bus answers in a few milliseconds; a machine in trouble must not be held up by one that does not.
const BUS_WAIT: Duration = Duration::from_millis(300);

/// Configuration files are small; one that is not is no configuration.
const FILE_LIMIT: u64 = 4 << 20;

/// Files of one folder that are read; nobody has so many.
const FILES_READ: usize = 50;

pub(super) async fn resolvers(netlink: &Netlink) -> Known<ResolverConfig> {
    // glibc takes a missing file for an empty one, and so one that is none: a folder, a link that leads in a circle.
    let (text, unusable) = match read(RESOLV_CONF) {
        Err(Unknown::Failed(why)) => (String::new(), Some(why)),
        known => (known?.unwrap_or_default(), None),
    };
    let conf = resolv::resolv_conf(&text);
    let entry = |(address, zone): &(IpAddr, Option<String>), source: &str| ResolverEntry {
        server: server(*address, zone.as_deref()),
        source: source.to_owned(),
        link: zone.clone(),
        domains: Vec::new(),
        default_route: None,
    };
    let servers: Vec<ResolverEntry> = conf.servers.iter().map(|pair| entry(pair, RESOLV_CONF)).collect();
    let stub = servers.iter().any(|entry| is_stub(entry.server.ip()));
    let nsswitch = resolv::nsswitch_hosts(&read("/etc/nsswitch.conf").ok().flatten().unwrap_or_default());
    // Programs may ask systemd-resolved without a stub in resolv.conf: nss-resolve speaks to it directly.
    let told = match stub || nsswitch.iter().any(|source| source == "resolve") {
        false => None,
        true => tokio::time::timeout(BUS_WAIT, resolved(netlink)).await.ok().flatten(),
    };
    let told = told.unwrap_or_else(|| match stub {
        false => Resolved::default(),
        true => {
            let conf = resolv::resolv_conf(&read(UPSTREAM_CONF).ok().flatten().unwrap_or_default());
            Resolved { servers: conf.servers.iter().map(|pair| entry(pair, UPSTREAM_CONF)).collect(), over_tls: None }
        }
    });
    Ok(ResolverConfig {
        servers,
        upstream: told.servers,
        search: conf.search,
        ndots: conf.ndots,
        timeout_s: conf.timeout_s,
        attempts: conf.attempts,
        rotate: conf.rotate,
        over_tcp: conf.over_tcp,
        nsswitch,
        garbage: conf.garbage.into_iter().map(|line| format!("{RESOLV_CONF}:{line}")).chain(unusable).collect(),
        stub,
        comments: conf.comments,
        over_tls: told.over_tls.or_else(|| if stub { over_tls() } else { None }),
        browsers: browsers(),
    })
}

/// What systemd-resolved is told about encryption. Later files and lines win (resolved.conf(5)); those of a name in a
/// folder further ahead hide those behind, which matters to nobody who writes this line once.
fn over_tls() -> Option<String> {
    let drop_ins = ["/usr/lib/systemd/resolved.conf.d", "/run/systemd/resolved.conf.d", "/etc/systemd/resolved.conf.d"];
    let mut files = vec!["/etc/systemd/resolved.conf".to_owned()];
    files.extend(drop_ins.into_iter().flat_map(|folder| in_folder(folder, ".conf")));
    let texts = files.iter().filter_map(|path| read(path).ok().flatten());
    texts.filter_map(|text| resolv::over_tls(&text)).next_back()
}

/// Where browsers look for the policies of a machine.
const FIREFOX_POLICIES: [&str; 2] =
    ["/etc/firefox/policies/policies.json", "/usr/lib/firefox/distribution/policies.json"];
const CHROMIUM_POLICIES: [(&str, &str); 3] = [
    ("Chrome", "/etc/opt/chrome/policies/managed"),
    ("Chromium", "/etc/chromium/policies/managed"),
    ("Edge", "/etc/opt/edge/policies/managed"),
];

/// The browsers that a policy tells to ask others for names.
fn browsers() -> Vec<(String, String)> {
    let said = |browser: &str, path: &str, whom: fn(&str) -> Option<String>| {
        let text = read(path).ok().flatten()?;
        Some((browser.to_owned(), whom(&text)?))
    };
    let firefox = FIREFOX_POLICIES.iter().find_map(|path| said("Firefox", path, policy::firefox_doh));
    let others = CHROMIUM_POLICIES.iter().filter_map(|(browser, folder)| {
        in_folder(folder, ".json").iter().filter_map(|path| said(browser, path, policy::chromium_doh)).next_back()
    });
    firefox.into_iter().chain(others).collect()
}

/// The files of a folder with this ending, in the order in which programs read them.
fn in_folder(folder: &str, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<String> = entries.map(|entry| entry.path().to_string_lossy().into_owned()).collect();
    files.retain(|path| path.ends_with(ending));
    files.sort();
    files.truncate(FILES_READ);
    files
}

pub(super) async fn hosts() -> Known<Vec<HostsEntry>> {
    Ok(hosts_file::hosts(&read("/etc/hosts")?.unwrap_or_default()))
}

/// The addresses on which systemd-resolved listens for local programs.
fn is_stub(address: IpAddr) -> bool {
    [Ipv4Addr::new(127, 0, 0, 53), Ipv4Addr::new(127, 0, 0, 54)].iter().any(|stub| address == *stub)
}

fn server(address: IpAddr, zone: Option<&str>) -> SocketAddr {
    match address {
        IpAddr::V4(_) => SocketAddr::new(address, DNS_PORT),
        IpAddr::V6(v6) => SocketAddrV6::new(v6, DNS_PORT, 0, zone.map_or(0, zone_index)).into(),
    }
}

/// The index of a zone, which is an interface's name or its number.
fn zone_index(zone: &str) -> u32 {
    nix::net::if_::if_nametoindex(zone).unwrap_or_else(|_| zone.parse().unwrap_or(0))
}

/// The text of a file, none where it does not exist. Bytes that are no text become visible garbage.
fn read(path: &str) -> Known<Option<String>> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::PermissionDenied => Unknown::NeedsRight { what: path.to_owned(), right: "root".to_owned() },
        _ => Unknown::Failed(format!("{path}: {error}")),
    };
    match std::fs::metadata(path) {
        Ok(facts) if !facts.is_file() => Err(Unknown::Failed(format!("{path} is not a file"))),
        Ok(facts) if facts.len() > FILE_LIMIT => Err(Unknown::Failed(format!("{path} has {} bytes", facts.len()))),
        Ok(_) => std::fs::read(path).map(|bytes| Some(String::from_utf8_lossy(&bytes).into_owned())).map_err(failed),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// What systemd-resolved says of itself.
#[derive(Default)]
struct Resolved {
    /// The servers that it uses, per link, with the domains that are routed to each.
    servers: Vec<ResolverEntry>,
    /// How it encrypts what it asks them, the strictest of its links: a setting of a link goes before that of the file.
    over_tls: Option<String>,
}

/// What systemd-resolved says; none where it does not run: it is not started for this.
async fn resolved(netlink: &Netlink) -> Option<Resolved> {
    if !Path::new(BUS_SOCKET).exists() {
        return None;
    }
    let bus = zbus::Connection::system().await.ok()?;
    let name = "org.freedesktop.DBus";
    let owned = bus.call_method(Some(name), "/org/freedesktop/DBus", Some(name), "NameHasOwner", &RESOLVED).await;
    if !owned.ok()?.body().deserialize::<bool>().ok()? {
        return None;
    }
    let servers = match property::<Vec<ServerWithPort>>(&bus, MANAGER_OBJECT, "Manager", "DNSEx").await {
        Some(servers) => servers,
        // Before version 246.
        None => {
            let servers: Vec<(i32, i32, Vec<u8>)> = property(&bus, MANAGER_OBJECT, "Manager", "DNS").await?;
            servers.into_iter().map(|(index, family, bytes)| (index, family, bytes, 0, String::new())).collect()
        }
    };
    let domains: Vec<(i32, String, bool)> =
        property(&bus, MANAGER_OBJECT, "Manager", "Domains").await.unwrap_or_default();
    let (mut default_routes, mut over_tls) = (HashMap::new(), Vec::new());
    for index in servers.iter().map(|server| server.0).collect::<BTreeSet<i32>>() {
        // What is set without a link is for all names.
        let (object, interface) = match index {
            0 => (MANAGER_OBJECT.to_owned(), "Manager"),
            _ => (link_object(&bus, index).await?, "Link"),
        };
        let default_route =
            if index == 0 { Some(true) } else { property(&bus, &object, interface, "DefaultRoute").await };
        default_routes.insert(index, default_route.unwrap_or_else(|| is_default_by_itself(index, &domains)));
        over_tls.extend(property::<String>(&bus, &object, interface, "DNSOverTLS").await);
    }
    let links = netlink.names().await.unwrap_or_default();
    let entry = |server| resolved_entry(server, &domains, &default_routes, &links);
    Some(Resolved { servers: servers.iter().filter_map(entry).collect(), over_tls: strictest(&over_tls) })
}

async fn link_object(bus: &zbus::Connection, index: i32) -> Option<String> {
    let manager = Some("org.freedesktop.resolve1.Manager");
    let answer = bus.call_method(Some(RESOLVED), MANAGER_OBJECT, manager, "GetLink", &index).await.ok()?;
    Some(answer.body().deserialize::<OwnedObjectPath>().ok()?.as_str().to_owned())
}

/// Whether names that fit no domain are asked of this link's servers where nobody has set it (systemd.network(5),
/// `DNSDefaultRoute=`).
fn is_default_by_itself(index: i32, domains: &[(i32, String, bool)]) -> bool {
    !domains.iter().any(|(of, _, route_only)| *of == index && *route_only)
}

fn strictest(modes: &[String]) -> Option<String> {
    ["yes", "opportunistic", "no"].into_iter().find(|mode| modes.iter().any(|one| one == mode)).map(str::to_owned)
}

/// One property of an object of systemd-resolved.
async fn property<T: TryFrom<OwnedVariant>>(
    bus: &zbus::Connection,
    object: &str,
    interface: &str,
    name: &str,
) -> Option<T> {
    let question = (format!("{RESOLVED}.{interface}"), name);
    let properties = Some("org.freedesktop.DBus.Properties");
    let answer = bus.call_method(Some(RESOLVED), object, properties, "Get", &question).await.ok()?;
    T::try_from(answer.body().deserialize::<OwnedVariant>().ok()?).ok()
}

/// Interface, address family, address, port (0 where none is set) and the name in its certificate.
type ServerWithPort = (i32, i32, Vec<u8>, u16, String);

fn resolved_entry(
    (index, _family, bytes, port, _): &ServerWithPort,
    domains: &[(i32, String, bool)],
    default_routes: &HashMap<i32, bool>,
    links: &HashMap<u32, String>,
) -> Option<ResolverEntry> {
    let index_number = u32::try_from(*index).ok()?;
    let address = match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes.as_slice()).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?),
        _ => return None,
    };
    let link = links.get(&index_number).cloned();
    let port = match *port {
        // Nothing but TLS is spoken there, which is not how this program asks.
        0 | TLS_PORT => DNS_PORT,
        port => port,
    };
    let server = match address {
        IpAddr::V6(v6) if is_link_local(v6) => SocketAddrV6::new(v6, port, 0, index_number).into(),
        _ => SocketAddr::new(address, port),
    };
    let source = match &link {
        Some(link) => format!("systemd-resolved ({link})"),
        None => "systemd-resolved".to_owned(),
    };
    // Routing domains (`~corp.example`) and search domains both lead names to the link's servers.
    let domains = domains.iter().filter(|(of, ..)| of == index).map(|(_, domain, _)| domain.clone()).collect();
    Some(ResolverEntry { server, source, link, domains, default_route: default_routes.get(index).copied() })
}

fn is_link_local(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_resolved_belong_to_their_links() {
        let links = HashMap::from([(3, "tun0".to_owned())]);
        let domains = [(3, "corp.example".to_owned(), true), (0, "example".to_owned(), false)];
        let routes = HashMap::from([(3, false), (0, true)]);
        let entry_of = |index, bytes: &[u8], port| {
            resolved_entry(&(index, 2, bytes.to_vec(), port, String::new()), &domains, &routes, &links)
        };
        let entry = entry_of(3, &[10, 8, 0, 1], 0).expect("an entry");
        assert_eq!(entry.server.to_string(), "10.8.0.1:53");
        assert_eq!((entry.source.as_str(), entry.link.as_deref()), ("systemd-resolved (tun0)", Some("tun0")));
        assert_eq!(entry.domains, ["corp.example"]);
        assert_eq!(entry.default_route, Some(false));
        let port = |port| entry_of(0, &[10, 8, 0, 1], port).map(|entry| (entry.server.port(), entry.default_route));
        assert_eq!([port(5353), port(853)], [Some((5353, Some(true))), Some((53, Some(true)))]);
        assert!(entry_of(3, &[1, 2], 0).is_none());
        assert_eq!([is_default_by_itself(3, &domains), is_default_by_itself(2, &domains)], [false, true]);
        assert_eq!(strictest(&["no".to_owned(), "yes".to_owned()]).as_deref(), Some("yes"));
        assert_eq!(strictest(&[]), None);
    }

    #[test]
    fn stubs_are_known_by_their_addresses() {
        assert!(is_stub(Ipv4Addr::new(127, 0, 0, 53).into()));
        assert!(!is_stub(Ipv4Addr::LOCALHOST.into()), "dnsmasq or unbound, which is asked like any other server");
    }

    #[tokio::test]
    async fn this_machine_has_a_configuration_or_a_reason() {
        match resolvers(&Netlink::default()).await {
            Ok(config) => assert!(config.attempts > 0 && config.servers.len() <= 3),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}
