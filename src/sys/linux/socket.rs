//! Listening sockets and socket counts: from the kernel's socket diagnosis, and where that is not to be had from the
//! tables under `/proc/net`. Only sock_diag knows how many connections may wait and whether an IPv6 socket takes IPv4
//! too.

use super::bounded::{TABLE_WAIT, off_thread};
use super::process;
use crate::sys::parse::sock_diag::{self, MESSAGE_BYTES, Socket, V6_ONLY, state};
use crate::sys::*;
use rtnetlink::packet_core::{NetlinkBuffer, NlasIterator};
use rtnetlink::sys::{Socket as NetlinkSocket, SocketAddr as NetlinkAddress, protocols::NETLINK_SOCK_DIAG};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::net::SocketAddr;

/// `SOCK_DIAG_BY_FAMILY` (linux/sock_diag.h).
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST | NLM_F_DUMP` (linux/netlink.h).
const REQUEST_DUMP: u16 = 0x1 | 0x300;
/// `NLMSG_ERROR` and `NLMSG_DONE`.
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// Length of a netlink header, and what messages are aligned to.
const HEADER_BYTES: usize = 16;
const ALIGNMENT: usize = 4;
/// More datagrams than any machine needs (each holds hundreds of sockets): the end for a dump that never ends.
const MOST_DATAGRAMS: usize = 100_000;

const FAMILIES: [u8; 2] = [nix::libc::AF_INET as u8, nix::libc::AF_INET6 as u8];
const TCP: u8 = nix::libc::IPPROTO_TCP as u8;
const UDP: u8 = nix::libc::IPPROTO_UDP as u8;

pub(super) async fn listeners() -> Known<Vec<Listener>> {
    off_thread("the socket table", TABLE_WAIT, || joined(None)).await
}

pub(super) async fn listeners_on(port: u16) -> Known<Vec<Listener>> {
    off_thread("the socket table", TABLE_WAIT, move || joined(Some(port))).await
}

pub(super) async fn socket_counts() -> Known<SocketCounts> {
    off_thread("the socket table", TABLE_WAIT, counts).await
}

/// Read directly and not through the `listeners` crate, which walks everybody's descriptors in any case and
/// tells neither the queue nor IPv6-only. Whole-process CPU time with 2,080 processes of one user, 2,000 of them asleep,
/// where the holder comes last (Linux 6.18, two busy cores, median of 5 runs): this 49 ms, `listeners::get_all` 103 ms,
/// `listeners::get_process_by_port` 76 ms, `ss -ltnup` 76 ms.
fn joined(port: Option<u16>) -> Known<Vec<Listener>> {
    let mut sockets = waiting_sockets()?;
    let wanted: HashMap<u64, u32> = sockets
        .iter()
        .filter(|(_, socket)| socket.inode != 0 && port.is_none_or(|port| socket.local.port() == port))
        .map(|(_, socket)| (socket.inode, socket.uid))
        .collect();
    let mut holders = holders(&wanted)?;
    if port.is_some() {
        // The other ports of the same processes, without another walk over everybody's descriptors.
        let pids: HashSet<u32> = holders.values().copied().collect();
        for pid in pids {
            holders.extend(inodes_of(pid).into_iter().map(|inode| (inode, pid)));
        }
    }
    let names: HashMap<u32, Option<String>> = holders.values().map(|pid| (*pid, process::name(*pid))).collect();
    Ok(sockets.drain(..).map(|(protocol, socket)| listener(protocol, socket, &holders, &names)).collect())
}

fn listener(
    protocol: &str,
    socket: Socket,
    holders: &HashMap<u64, u32>,
    names: &HashMap<u32, Option<String>>,
) -> Listener {
    let pid = holders.get(&socket.inode).copied();
    Listener {
        local: socket.local,
        protocol: protocol.to_owned(),
        v6_only: socket.v6_only,
        // A limit of zero with nobody waiting is what a system without sock_diag says: not known.
        backlog: (protocol == "tcp" && (socket.send_queue > 0 || socket.receive_queue > 0))
            .then_some((socket.receive_queue, socket.send_queue)),
        pid,
        process: pid.and_then(|pid| names.get(&pid).cloned().flatten()),
        uid: Some(socket.uid),
    }
}

/// Listening TCP sockets and unconnected UDP ones.
fn waiting_sockets() -> Known<Vec<(&'static str, Socket)>> {
    let mut sockets = Vec::new();
    for family in FAMILIES {
        for (protocol, name, waiting) in [(TCP, "tcp", state::LISTEN), (UDP, "udp", state::CLOSE)] {
            let seen = dump(family, protocol, 1 << waiting).or_else(|_| table(family, protocol));
            let seen = match seen {
                Ok(seen) => seen,
                // A kernel without IPv6 has neither the family nor its table (pitfall 14): then there are none.
                Err(_) if family != FAMILIES[0] => continue,
                Err(error) => return Err(error),
            };
            sockets.extend(seen.into_iter().filter(|socket| socket.state == waiting).map(|socket| (name, socket)));
        }
    }
    Ok(sockets)
}

/// Who holds these sockets: process ids by inode. Processes of the socket's own user are walked first and the walk
/// stops when every socket has its holder; what is left is looked for among the others, because daemons bind as root
/// and then change their user. The first process wins, which is the parent of forked workers; process 1 comes last,
/// because it also holds the sockets that it opened for others.
fn holders(wanted: &HashMap<u64, u32>) -> Known<HashMap<u64, u32>> {
    let mut found = HashMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let users: HashSet<u32> = wanted.values().copied().collect();
    let mut pids = process::pids()?;
    pids.sort_by_key(|pid| *pid == 1);
    let (likely, others): (Vec<u32>, Vec<u32>) =
        pids.into_iter().partition(|pid| process::owner(*pid).is_some_and(|user| users.contains(&user)));
    for pid in likely.into_iter().chain(others) {
        for inode in inodes_of(pid) {
            if wanted.contains_key(&inode) {
                found.entry(inode).or_insert(pid);
            }
        }
        if found.len() == wanted.len() {
            break;
        }
    }
    Ok(found)
}

/// Inodes of the sockets that a process holds; none where rights do not allow to look.
fn inodes_of(pid: u32) -> Vec<u64> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let link = fs::read_link(entry.path()).ok()?;
            link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
        })
        .collect()
}

/// All sockets of a family and protocol in these states, from the kernel's socket diagnosis.
fn dump(family: u8, protocol: u8, states: u32) -> Known<Vec<Socket>> {
    let failed = |error: std::io::Error| Unknown::Failed(format!("socket diagnosis: {error}"));
    let mut socket = NetlinkSocket::new(NETLINK_SOCK_DIAG).map_err(failed)?;
    socket.bind_auto().map_err(failed)?;
    // The kernel fills a dump while it is read, so there is nothing to wait for: an empty queue is an error.
    socket.set_non_blocking(true).map_err(failed)?;
    let mut message = vec![0; HEADER_BYTES + sock_diag::REQUEST_BYTES];
    message[HEADER_BYTES..].copy_from_slice(&sock_diag::request(family, protocol, states));
    let mut header = NetlinkBuffer::new(&mut message[..]);
    header.set_length((HEADER_BYTES + sock_diag::REQUEST_BYTES) as u32);
    header.set_message_type(BY_FAMILY);
    header.set_flags(REQUEST_DUMP);
    socket.send_to(&message, &NetlinkAddress::new(0, 0), 0).map_err(failed)?;
    let mut sockets = Vec::new();
    for _ in 0..MOST_DATAGRAMS {
        let (datagram, _) = socket.recv_from_full().map_err(failed)?;
        if read_datagram(&datagram, &mut sockets)? {
            return Ok(sockets);
        }
    }
    Err(Unknown::Failed("the socket diagnosis does not end".to_owned()))
}

/// Reads one datagram of a dump; true at its end.
fn read_datagram(mut datagram: &[u8], sockets: &mut Vec<Socket>) -> Known<bool> {
    while let Ok(message) = NetlinkBuffer::new_checked(datagram) {
        match message.message_type() {
            DONE => return Ok(true),
            ERROR => return Err(Unknown::Failed("the kernel refuses the socket diagnosis".to_owned())),
            BY_FAMILY => sockets.extend(read_socket(message.payload())),
            _ => {}
        }
        let length = (message.length() as usize).next_multiple_of(ALIGNMENT);
        match datagram.get(length..) {
            Some(rest) if !rest.is_empty() => datagram = rest,
            _ => break,
        }
    }
    Ok(false)
}

fn read_socket(payload: &[u8]) -> Option<Socket> {
    let mut socket = sock_diag::socket(payload)?;
    socket.v6_only = NlasIterator::new(payload.get(MESSAGE_BYTES..)?)
        .flatten()
        .find(|attribute| attribute.kind() == V6_ONLY)
        .and_then(|attribute| attribute.value().first().map(|value| *value != 0));
    Some(socket)
}

/// The same from `/proc/net`, which knows the waiting connections of a listening socket but not how many may wait.
fn table(family: u8, protocol: u8) -> Known<Vec<Socket>> {
    let v4 = family == FAMILIES[0];
    let failed = |error: procfs::ProcError| Unknown::Failed(format!("/proc/net: {error}"));
    if protocol == TCP {
        let entries = if v4 { procfs::net::tcp() } else { procfs::net::tcp6() }.map_err(failed)?;
        return Ok(entries
            .into_iter()
            .map(|entry| Socket {
                state: entry.state.to_u8(),
                local: entry.local_address,
                remote: entry.remote_address,
                receive_queue: entry.rx_queue,
                send_queue: 0,
                uid: entry.uid,
                inode: entry.inode,
                v6_only: None,
            })
            .collect());
    }
    let entries = if v4 { procfs::net::udp() } else { procfs::net::udp6() }.map_err(failed)?;
    Ok(entries
        .into_iter()
        .map(|entry| Socket {
            state: entry.state.to_u8(),
            local: entry.local_address,
            remote: entry.remote_address,
            receive_queue: 0,
            send_queue: 0,
            uid: entry.uid,
            inode: entry.inode,
            v6_only: None,
        })
        .collect())
}

fn counts() -> Known<SocketCounts> {
    let mut counts = SocketCounts { port_range: port_range()?, ..SocketCounts::default() };
    let (first, last) = counts.port_range;
    let mut used: HashSet<u16> = reserved_ports(first, last);
    let mut peers: HashMap<SocketAddr, u32> = HashMap::new();
    for family in FAMILIES {
        for protocol in [TCP, UDP] {
            let sockets = dump(family, protocol, state::ALL).or_else(|_| table(family, protocol));
            let sockets = match sockets {
                Ok(sockets) => sockets,
                Err(_) if family != FAMILIES[0] => continue,
                Err(error) => return Err(error),
            };
            for socket in sockets {
                let port = socket.local.port();
                let ephemeral = (first..=last).contains(&port);
                // A UDP port does not take a TCP port away, and connections are what runs out.
                if protocol == TCP && ephemeral {
                    used.insert(port);
                }
                if protocol == TCP {
                    count_state(&mut counts, socket.state);
                    if ephemeral && socket.state != state::LISTEN {
                        *peers.entry(socket.remote).or_default() += 1;
                    }
                }
            }
        }
    }
    counts.ports_used = used.len() as u32;
    counts.busiest_peer =
        peers.into_iter().max_by_key(|(_, connections)| *connections).map(|(peer, count)| (peer.to_string(), count));
    counts.conntrack = conntrack();
    counts.files = files();
    Ok(counts)
}

fn count_state(counts: &mut SocketCounts, seen: u8) {
    match seen {
        state::ESTABLISHED => counts.established += 1,
        state::SYN_SENT => counts.syn_sent += 1,
        state::TIME_WAIT => counts.time_wait += 1,
        state::CLOSE_WAIT => counts.close_wait += 1,
        _ => {}
    }
}

fn port_range() -> Known<(u16, u16)> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .map_err(|error| Unknown::Failed(format!("ip_local_port_range: {error}")))?;
    let mut numbers = text.split_ascii_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(first)), Some(Ok(last))) => Ok((first, last)),
        _ => Err(Unknown::Failed("ip_local_port_range holds no two ports".to_owned())),
    }
}

/// Ports of the range that the kernel never hands out (`ip_local_reserved_ports`), so they count as used.
fn reserved_ports(first: u16, last: u16) -> HashSet<u16> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_reserved_ports").unwrap_or_default();
    text.trim()
        .split(',')
        .filter_map(|part| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            Some(from.parse::<u16>().ok()?..=to.parse::<u16>().ok()?)
        })
        .flatten()
        .filter(|port| (first..=last).contains(port))
        .collect()
}

fn conntrack() -> Option<(u64, u64)> {
    let number = |name: &str| fs::read_to_string(format!("/proc/sys/net/netfilter/{name}")).ok()?.trim().parse().ok();
    Some((number("nf_conntrack_count")?, number("nf_conntrack_max")?))
}

/// `fs.file-nr`: allocated handles, unused ones (always zero since Linux 2.6), limit.
fn files() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/sys/fs/file-nr").ok()?;
    let mut numbers = text.split_ascii_whitespace().map(|number| number.parse::<u64>().ok());
    Some((numbers.next()??, numbers.nth(1)??))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};

    #[tokio::test]
    async fn a_listener_of_ours_is_found_with_its_backlog_and_holder() {
        let socket = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let other = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let port = socket.local_addr().expect("bound").port();
        let _waiting = std::net::TcpStream::connect(("127.0.0.1", port)).expect("accepted by the kernel");
        let seen = listeners_on(port).await.expect("the table");
        let ours = seen.iter().find(|listener| listener.local.port() == port).expect("our socket");
        assert_eq!(ours.pid, Some(std::process::id()));
        let (now, most) = ours.backlog.expect("sock_diag knows it");
        assert_eq!(now, 1);
        assert!(most >= 100, "{most}");
        let other = other.local_addr().expect("bound");
        let second = seen.iter().find(|listener| listener.local == other).expect("our other socket");
        assert_eq!(second.pid, Some(std::process::id()), "the other ports of the same process are joined too");
    }

    #[tokio::test]
    async fn a_dual_stack_listener_says_so() {
        let Ok(socket) = TcpListener::bind("[::]:0") else { return };
        let port = socket.local_addr().expect("bound").port();
        let seen = listeners_on(port).await.expect("the table");
        let ours = seen.iter().find(|listener| listener.local.port() == port).expect("our socket");
        let by_default = fs::read_to_string("/proc/sys/net/ipv6/bindv6only").is_ok_and(|text| text.trim() == "1");
        assert_eq!(ours.v6_only, Some(by_default));
    }

    #[tokio::test]
    async fn udp_sockets_are_listed_and_counts_make_sense() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let port = socket.local_addr().expect("bound").port();
        let seen = listeners().await.expect("the table");
        let ours = seen.iter().find(|one| one.protocol == "udp" && one.local.port() == port).expect("our socket");
        assert_eq!((ours.pid, ours.backlog), (Some(std::process::id()), None));
        let counts = socket_counts().await.expect("counts");
        assert!(counts.port_range.0 <= counts.port_range.1);
        assert!(counts.files.is_some_and(|(open, limit)| open > 0 && open < limit));
    }

    #[test]
    fn the_tables_under_proc_tell_the_same() {
        let socket = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let local = socket.local_addr().expect("bound");
        for sockets in [dump(FAMILIES[0], TCP, 1 << state::LISTEN), table(FAMILIES[0], TCP)] {
            let ours = sockets.expect("readable").into_iter().find(|one| one.local == local).expect("our socket");
            assert_eq!(ours.state, state::LISTEN);
            assert_ne!(ours.inode, 0);
        }
    }
}
