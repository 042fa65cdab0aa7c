//! The addresses of a host, as programs get them.

use super::{Trouble, said};
use crate::problem::Code;
use crate::world::{LookupFailure, Network};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// What a lookup can end in.
pub const CODES: &[Code] = &[Code::DnsLookupFailed, Code::DnsLookupTimeout];

/// A program waits 5 s and more; after 3 s a person has noticed, and the resolvers were asked on their own meanwhile.
pub const LOOKUP_WAIT: Duration = Duration::from_secs(3);

/// Above this a person feels the lookup: half of what the whole page may take.
pub const LOOKUP_SLOW: Duration = Duration::from_secs(1);

/// The addresses of `host`, and how long it took to get them.
pub async fn addresses(
    network: &dyn Network,
    host: &str,
    until: Instant,
) -> Result<(Vec<IpAddr>, Duration), LookupFailure> {
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok((vec![address], Duration::ZERO));
    }
    let start = Instant::now();
    let wait = LOOKUP_WAIT.min(until.saturating_duration_since(start));
    // The lookup keeps its own time; the second bound is for one that does not.
    let grace = wait + Duration::from_millis(200);
    match tokio::time::timeout(grace, network.shared_lookup(host, wait)).await {
        Ok(Ok((addresses, _))) if addresses.is_empty() => Err(LookupFailure::NotFound),
        Ok(answer) => answer,
        Err(_) => Err(LookupFailure::Timeout),
    }
}

/// A failed lookup as what programs feel.
pub fn trouble(host: &str, failure: &LookupFailure, took: Duration) -> Trouble {
    match failure {
        LookupFailure::Timeout => {
            let summary = format!("the lookup of {host} got no answer in {}", said(took));
            Trouble::new(Code::DnsLookupTimeout, summary).suspected(took < LOOKUP_WAIT)
        }
        LookupFailure::NotFound => {
            Trouble::new(Code::DnsLookupFailed, format!("programs get no address for {host}: the name is not found"))
        }
        LookupFailure::TryAgain => {
            let summary = format!("programs get no address for {host}: no resolver gave an answer in {}", said(took));
            Trouble::new(Code::DnsLookupFailed, summary)
        }
        LookupFailure::Failed => {
            Trouble::new(Code::DnsLookupFailed, format!("programs get no address for {host}: the resolver failed"))
        }
        LookupFailure::Unsupported(why) => Trouble::unknown(format!("{host} cannot be looked up here: {why}")),
    }
}
