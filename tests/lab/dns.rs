//! The resolvers of a world.

use crate::scene::{Name, Resolver, ResolverMood};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, SOA};
use hickory_proto::rr::{Name as DnsName, RData, Record, RecordType};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// How long an answer may be cached.
const TTL_S: u32 = 300;

/// What a resolver knows.
struct Zone {
    mood: ResolverMood,
    names: HashMap<String, Name>,
    /// How many queries without and with EDNS came.
    counts: [AtomicU32; 2],
}

/// Whether an answer goes back over UDP or TCP.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Udp,
    Tcp,
}

/// Opens the sockets of a resolver; to be called on the host that has its address.
pub async fn serve(resolver: Resolver, shared: Vec<(String, Name)>) -> std::io::Result<()> {
    if resolver.mood == ResolverMood::Closed {
        return Ok(());
    }
    let over_tcp = resolver.mood != ResolverMood::TcpClosed;
    let mut names: HashMap<String, Name> = shared.into_iter().collect();
    names.extend(resolver.names);
    let from = match resolver.mood {
        ResolverMood::AnswersFrom(other) => Some(UdpSocket::bind(SocketAddr::new(other, 53)).await?),
        _ => None,
    };
    let zone = Arc::new(Zone { mood: resolver.mood, names, counts: Default::default() });
    let at = SocketAddr::new(resolver.address, 53);
    let udp = UdpSocket::bind(at).await?;
    tokio::spawn(datagrams(udp, from, zone.clone()));
    if !over_tcp {
        return Ok(());
    }
    let tcp = TcpListener::bind(at).await?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = tcp.accept().await {
            tokio::spawn(connection(stream, zone.clone()));
        }
    });
    Ok(())
}

/// Answers what comes, from the socket that was asked or from another one.
async fn datagrams(socket: UdpSocket, from: Option<UdpSocket>, zone: Arc<Zone>) {
    let socket = Arc::new(socket);
    let from = from.map_or_else(|| socket.clone(), Arc::new);
    let mut buffer = [0; 4096];
    loop {
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else { continue };
        let (query, zone, from) = (buffer[..length].to_vec(), zone.clone(), from.clone());
        tokio::spawn(async move {
            if let Some(answer) = zone.answer(&query, Over::Udp).await {
                let _ = from.send_to(&answer, peer).await;
            }
        });
    }
}

async fn connection(mut stream: TcpStream, zone: Arc<Zone>) {
    while let Ok(length) = stream.read_u16().await {
        let mut query = vec![0; usize::from(length)];
        if stream.read_exact(&mut query).await.is_err() {
            return;
        }
        let Some(answer) = zone.answer(&query, Over::Tcp).await else {
            // Silence over TCP: the connection stays open and nothing comes.
            return std::future::pending().await;
        };
        let mut framed = (answer.len() as u16).to_be_bytes().to_vec();
        framed.extend(answer);
        if stream.write_all(&framed).await.is_err() {
            return;
        }
    }
}

impl Zone {
    /// The bytes to send back; none where the resolver keeps silent.
    async fn answer(&self, query: &[u8], over: Over) -> Option<Vec<u8>> {
        let query = Message::from_vec(query).ok()?;
        let mut answer = Message::response(query.metadata.id, query.metadata.op_code);
        answer.metadata.recursion_desired = query.metadata.recursion_desired;
        answer.metadata.recursion_available = true;
        answer.add_queries(query.queries.iter().cloned());
        match &self.mood {
            ResolverMood::Silent => return None,
            ResolverMood::UdpOnly if over == Over::Tcp => return None,
            ResolverMood::TcpOnly if over == Over::Udp => return None,
            ResolverMood::NoRecursion => {
                answer.metadata.recursion_available = false;
                answer.add_authority(root_servers());
                return answer.to_vec().ok();
            }
            ResolverMood::DropsExtended if query.edns.is_some() => return None,
            ResolverMood::RejectsExtended if query.edns.is_some() => {
                answer.metadata.response_code = ResponseCode::FormErr;
            }
            ResolverMood::IgnoresSix if query.queries.iter().any(|asked| asked.query_type() == RecordType::AAAA) => {
                return None;
            }
            // Counted apart, so that what programs lose (they ask without EDNS) does not depend on what is asked beside.
            ResolverMood::SilentEvery(n) => {
                let count = &self.counts[usize::from(query.edns.is_some())];
                if (count.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(*n) {
                    return None;
                }
            }
            ResolverMood::Garbage => return Some(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
            ResolverMood::Refuses => answer.metadata.response_code = ResponseCode::Refused,
            ResolverMood::Fails => answer.metadata.response_code = ResponseCode::ServFail,
            ResolverMood::Truncates if over == Over::Udp => answer.metadata.truncation = true,
            _ => {}
        }
        if let ResolverMood::Slow(wait) = self.mood {
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
        if answer.metadata.response_code == ResponseCode::NoError && !answer.metadata.truncation {
            self.fill(&query, &mut answer)?;
        }
        answer.to_vec().ok()
    }

    /// Adds records or the reason why there are none; `None` where this name gets no answer at all.
    fn fill(&self, query: &Message, answer: &mut Message) -> Option<()> {
        let question = query.queries.first()?;
        let name = question.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
        let known = match (&self.mood, self.names.get(&name)) {
            (ResolverMood::Hijacks(address), _) => Name::Addresses(vec![*address]),
            (ResolverMood::Rewrites(address), None | Some(Name::Missing)) => Name::Addresses(vec![*address]),
            (_, Some(known)) => known.clone(),
            (_, None) => Name::Missing,
        };
        let (owner, known) = match known {
            Name::Alias(other) => {
                let other_name = DnsName::from_ascii(format!("{other}.")).expect("the lab's names are well-formed");
                let alias = RData::CNAME(CNAME(other_name.clone()));
                answer.add_answers([Record::from_rdata(question.name().clone(), TTL_S, alias)]);
                (other_name, self.names.get(other).cloned().unwrap_or(Name::Missing))
            }
            Name::OfAnother(address) => {
                let stranger = DnsName::from_ascii("other.example.test.").expect("the name is well-formed");
                (stranger, Name::Addresses(vec![address]))
            }
            known => (question.name().clone(), known),
        };
        match known {
            Name::Silent | Name::Alias(_) | Name::OfAnother(_) => return None,
            Name::Missing => answer.metadata.response_code = ResponseCode::NXDomain,
            Name::Fails => answer.metadata.response_code = ResponseCode::ServFail,
            Name::Refused => answer.metadata.response_code = ResponseCode::Refused,
            Name::Addresses(addresses) => {
                let records = addresses.iter().filter_map(|address| match (address, question.query_type()) {
                    (IpAddr::V4(four), RecordType::A) => Some(RData::A(A(*four))),
                    (IpAddr::V6(six), RecordType::AAAA) => Some(RData::AAAA(AAAA(*six))),
                    _ => None,
                });
                answer.add_answers(records.map(|data| Record::from_rdata(owner.clone(), TTL_S, data)));
            }
        }
        if answer.answers.is_empty() && answer.metadata.response_code != ResponseCode::ServFail {
            answer.add_authority(start_of_authority());
        }
        Some(())
    }
}

/// What a server gives that looks up nothing itself.
fn root_servers() -> Record {
    let server = DnsName::from_ascii("a.root-servers.net.").expect("the name is well-formed");
    Record::from_rdata(DnsName::root(), TTL_S, RData::NS(NS(server)))
}

fn start_of_authority() -> Record {
    let name = |text: &str| DnsName::from_ascii(text).expect("the name is well-formed");
    let soa = SOA::new(name("ns.example.test."), name("admin.example.test."), 1, 3_600, 600, 86_400, 60);
    Record::from_rdata(name("example.test."), 60, RData::SOA(soa))
}
