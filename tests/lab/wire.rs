//! The line between the gateway and the far side, where a world wants it to be bad: a program that carries frames from
//! one end to the other and delays, drops or throttles them by rules. It needs nothing of the kernel but packet
//! sockets, so loss is exact (every n-th packet; by chance only where a world asks for it) and works where the kernel has
//! no `netem`.

use crate::scene::ip;
use nix::libc;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{Error, Result};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// How the line behaves.
#[derive(Default)]
pub struct Wire {
    /// Added to each packet in each direction.
    pub delay: Duration,
    /// Added to every fourth packet on top, so that round trips differ.
    pub unevenness: Duration,
    narrows: Option<Narrows>,
    rules: Vec<Rule>,
}

/// What a line carries, and what the routers at its ends keep while it is busy.
#[derive(Clone, Copy)]
struct Narrows {
    bytes_per_second: u64,
    /// The longest wait; what would have to wait for longer is dropped, as by a router whose queue is full.
    queue: Duration,
}

struct Rule {
    matches: fn(&Packet) -> bool,
    loss: Loss,
    from: Duration,
    until: Duration,
    seen: u32,
}

/// Which of the packets that match are dropped.
enum Loss {
    Every(u32),
    /// All but every n-th.
    But(u32),
    /// Each with this probability.
    Chance(f64),
    /// All packets, matching or not, once so many that match have passed.
    After(u32),
}

impl Wire {
    /// Carries so many bytes in each second and direction, and keeps what comes meanwhile for at most this long.
    pub fn narrow(&mut self, bytes_per_second: u64, queue: Duration) {
        self.narrows = Some(Narrows { bytes_per_second, queue });
    }

    /// Drops every packet that matches.
    pub fn drop(&mut self, matches: fn(&Packet) -> bool) {
        self.drop_every(1, matches);
    }

    /// Drops every n-th packet that matches.
    pub fn drop_every(&mut self, every: u32, matches: fn(&Packet) -> bool) {
        self.lose(Loss::Every(every), matches);
    }

    /// Drops every packet that matches but each n-th: what is sent again and again gets through in the end.
    pub fn drop_all_but_every(&mut self, every: u32, matches: fn(&Packet) -> bool) {
        self.lose(Loss::But(every), matches);
    }

    /// Drops each packet that matches with this probability: only for worlds that are judged by many runs.
    pub fn drop_by_chance(&mut self, share: f64, matches: fn(&Packet) -> bool) {
        self.lose(Loss::Chance(share), matches);
    }

    /// Dies when so many packets that match have passed: what a program has seen by then does not depend on how fast the
    /// machine is.
    pub fn die_after(&mut self, count: u32, matches: fn(&Packet) -> bool) {
        self.lose(Loss::After(count), matches);
    }

    /// Whether it carries only so much.
    pub fn is_narrow(&self) -> bool {
        self.narrows.is_some()
    }

    fn lose(&mut self, loss: Loss, matches: fn(&Packet) -> bool) {
        self.rules.push(Rule { matches, loss, from: Duration::ZERO, until: Duration::MAX, seen: 0 });
    }

    /// Drops every packet that matches between two instants after the program under test was started.
    pub fn drop_during(&mut self, from: Duration, until: Duration, matches: fn(&Packet) -> bool) {
        self.rules.push(Rule { matches, loss: Loss::Every(1), from, until, seen: 0 });
    }

    /// Whether it is an ordinary line that needs no help.
    pub fn is_plain(&self) -> bool {
        self.delay.is_zero() && self.unevenness.is_zero() && self.narrows.is_none() && self.rules.is_empty()
    }

    fn passes(&mut self, packet: &Packet, age: Duration) -> bool {
        self.rules.iter_mut().all(|rule| {
            let matches = age >= rule.from && age < rule.until && (rule.matches)(packet);
            rule.seen += u32::from(matches);
            match rule.loss {
                Loss::After(count) => rule.seen <= count,
                _ if !matches => true,
                Loss::Every(every) => !rule.seen.is_multiple_of(every),
                Loss::But(every) => rule.seen.is_multiple_of(every),
                Loss::Chance(share) => rand::random::<f64>() >= share,
            }
        })
    }
}

/// What rules see of a packet.
#[derive(Debug)]
pub struct Packet {
    /// Whether it comes from the LAN.
    pub outbound: bool,
    pub source: IpAddr,
    pub destination: IpAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// Source and destination port, zero where the protocol has none.
    pub ports: (u16, u16),
    /// Size of the IP packet in bytes.
    pub size: usize,
}

impl Packet {
    /// Whether one end of it is this address.
    pub fn touches(&self, address: &str) -> bool {
        self.source == ip(address) || self.destination == ip(address)
    }

    /// Whether it is TCP from or to this port.
    pub fn tcp(&self, port: u16) -> bool {
        self.protocol == libc::IPPROTO_TCP as u8 && (self.ports.0 == port || self.ports.1 == port)
    }

    /// Whether it is UDP from or to this port.
    pub fn udp(&self, port: u16) -> bool {
        self.protocol == libc::IPPROTO_UDP as u8 && (self.ports.0 == port || self.ports.1 == port)
    }

    /// Whether it is ICMP of either version; neighbour discovery stays out, because no line could live without it.
    pub fn icmp(&self) -> bool {
        let first_type = (self.ports.0 >> 8) as u8;
        self.protocol == libc::IPPROTO_ICMP as u8
            || self.protocol == libc::IPPROTO_ICMPV6 as u8 && !(133..=137).contains(&first_type)
    }

    /// Reads an Ethernet frame; none where it carries no IP, such as ARP.
    fn read(frame: &[u8], outbound: bool) -> Option<Packet> {
        let kind = u16::from_be_bytes([*frame.get(12)?, *frame.get(13)?]);
        let packet = &frame[14..];
        let (source, destination, protocol, head, size) = match kind {
            0x0800 => {
                let head = usize::from(packet.first()? & 0x0f) * 4;
                let four = |at: usize| Some(IpAddr::from(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?));
                let size = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
                (four(12)?, four(16)?, *packet.get(9)?, head, size)
            }
            0x86dd => {
                let six = |at: usize| Some(IpAddr::from(<[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?));
                let size = 40 + usize::from(u16::from_be_bytes([*packet.get(4)?, *packet.get(5)?]));
                (six(8)?, six(24)?, *packet.get(6)?, 40, size)
            }
            _ => return None,
        };
        let port = |at: usize| match packet.get(at..at + 2) {
            Some(bytes) => u16::from_be_bytes([bytes[0], bytes[1]]),
            None => 0,
        };
        Some(Packet { outbound, source, destination, protocol, ports: (port(head), port(head + 2)), size })
    }
}

/// Packet sockets on two interfaces of the calling thread's namespace. The first is the end towards the LAN.
pub fn open_ends(ends: [u32; 2]) -> Result<[OwnedFd; 2]> {
    Ok([open(ends[0])?, open(ends[1])?])
}

/// A frame on the line: when it leaves, a count that keeps frames of one instant in order, the end, the bytes.
type Waiting = (Instant, u64, usize, Vec<u8>);

/// Carries frames between the two ends until the world ends.
pub fn carry(mut wire: Wire, sockets: [OwnedFd; 2], started: &std::sync::OnceLock<Instant>) -> Result<()> {
    let mut queue = BinaryHeap::<Reverse<Waiting>>::new();
    let mut free = [Instant::now(); 2];
    let mut count = 0;
    loop {
        let now = Instant::now();
        while queue.peek().is_some_and(|Reverse((due, ..))| *due <= now) {
            if let Some(Reverse((_, _, out, frame))) = queue.pop() {
                send(&sockets[out], &frame);
            }
        }
        let wait = queue.peek().map(|Reverse((due, ..))| due.saturating_duration_since(now));
        for side in ready(&sockets, wait)? {
            while let Some(frame) = receive(&sockets[side]) {
                let age = started.get().map_or(Duration::ZERO, Instant::elapsed);
                let Some(packet) = Packet::read(&frame, side == 0) else {
                    // Address resolution belongs to the routers at both ends, not to the path.
                    send(&sockets[1 - side], &frame);
                    continue;
                };
                if !wire.passes(&packet, age) {
                    continue;
                }
                let now = Instant::now();
                let mut due = now;
                if let Some(Narrows { bytes_per_second, queue }) = wire.narrows {
                    if free[side].saturating_duration_since(now) > queue {
                        continue;
                    }
                    due = now.max(free[side]) + Duration::from_secs_f64(frame.len() as f64 / bytes_per_second as f64);
                    free[side] = due;
                }
                count += 1;
                due += wire.delay + if count % 4 == 0 { wire.unevenness } else { Duration::ZERO };
                queue.push(Reverse((due, count, 1 - side, frame)));
            }
        }
    }
}

/// A packet socket on one interface that sees what arrives there and nothing else.
fn open(interface: u32) -> Result<OwnedFd> {
    let all = (libc::ETH_P_ALL as u16).to_be();
    // SAFETY: plain socket calls; the descriptor is owned from here on and the structures are fully initialised.
    unsafe {
        let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        let number = libc::socket(libc::AF_PACKET, kind, i32::from(all));
        if number < 0 {
            return Err(Error::last_os_error());
        }
        let socket = OwnedFd::from_raw_fd(number);
        let one: libc::c_int = 1;
        const PACKET_IGNORE_OUTGOING: libc::c_int = 23;
        let size = size_of_val(&one) as libc::socklen_t;
        libc::setsockopt(number, libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, (&raw const one).cast(), size);
        let mut address: libc::sockaddr_ll = std::mem::zeroed();
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = all;
        address.sll_ifindex = interface as i32;
        let size = size_of_val(&address) as libc::socklen_t;
        if libc::bind(number, (&raw const address).cast(), size) < 0 {
            return Err(Error::last_os_error());
        }
        Ok(socket)
    }
}

fn receive(socket: &OwnedFd) -> Option<Vec<u8>> {
    let mut frame = vec![0; 65_600];
    // SAFETY: the buffer is as long as the call is told.
    let length = unsafe { libc::recv(socket.as_raw_fd(), frame.as_mut_ptr().cast(), frame.len(), 0) };
    let length = usize::try_from(length).ok()?;
    frame.truncate(length);
    Some(frame)
}

fn send(socket: &OwnedFd, frame: &[u8]) {
    // SAFETY: the buffer is as long as the call is told. A frame that cannot be sent is a lost frame.
    unsafe { libc::send(socket.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
}

fn ready(sockets: &[OwnedFd; 2], wait: Option<Duration>) -> Result<Vec<usize>> {
    let poll = |socket: &OwnedFd| libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let mut both = [poll(&sockets[0]), poll(&sockets[1])];
    let wait = wait.map(|wait| libc::timespec {
        tv_sec: wait.as_secs() as libc::time_t,
        tv_nsec: wait.subsec_nanos() as libc::c_long,
    });
    let wait = wait.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: two entries, and a time that outlives the call.
    let count = unsafe { libc::ppoll(both.as_mut_ptr(), 2, wait, std::ptr::null()) };
    if count < 0 {
        let error = Error::last_os_error();
        return if error.kind() == std::io::ErrorKind::Interrupted { Ok(Vec::new()) } else { Err(error) };
    }
    Ok((0..2).filter(|side| both[*side].revents != 0).collect())
}

/// Switches off what would let frames through that are larger than the MTU or carry no checksum, because the line reads
/// and writes them as bytes.
pub fn make_plain(interface: &str) -> Result<()> {
    // ETHTOOL_SRXCSUM, STXCSUM, SSG, STSO, SGSO, SGRO (linux/ethtool.h).
    const SWITCHES: [u32; 6] = [0x15, 0x17, 0x19, 0x1f, 0x24, 0x2c];
    const SIOCETHTOOL: libc::c_ulong = 0x8946;
    // SAFETY: the request structure lives through each call and has the layout of `struct ifreq`.
    unsafe {
        let number = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        if number < 0 {
            return Err(Error::last_os_error());
        }
        let socket = OwnedFd::from_raw_fd(number);
        for command in SWITCHES {
            let mut value = [command, 0_u32];
            let mut request: libc::ifreq = std::mem::zeroed();
            for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes()) {
                *to = from as libc::c_char;
            }
            request.ifr_ifru.ifru_data = value.as_mut_ptr().cast();
            libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &raw mut request);
        }
    }
    Ok(())
}
