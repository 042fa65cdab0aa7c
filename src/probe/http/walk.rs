//! The walk itself: one connection and one exchange for each page, phase by phase, until the redirects end.

use super::super::argument::Addresses;
use super::super::way::choice::{self, Used};
use super::super::way::connect::{self, Proxy, again};
use super::super::way::cookie::Jar;
use super::super::way::dial::{self, dial_for};
use super::super::way::exchange::{self, Body, BodyEnd, Broken, GIVE_UP_AFTER, Session};
use super::super::way::handshake::{Shaken, TlsFacts, Wish, shake};
use super::super::way::script;
use super::super::way::trust::Trust;
use super::super::way::unasked::{self, StillThere, is_cut_unasked};
use super::super::way::{self, Trouble, bounded, host_of, milliseconds, name, shown};
use super::{Facts, Family, Params, Redirect};
use crate::layer::Layer;
use crate::observation::{self, Observation, Via};
use crate::probe::Look;
use crate::problem::{Class, Code};
use crate::sys::ProxySettings;
use crate::world::{Failure, LookupFailure, Repeats, Stream};
use futures_util::future::{LocalBoxFuture, join};
use hyper::{HeaderMap, Method};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;
use url::Url;

/// Redirects that are walked: browsers stop at 20, and no sound site needs ten.
pub(super) const REDIRECT_LIMIT: usize = 10;

/// A request that had to be sent again so often within the wait for its answer was never acknowledged: Linux doubles the
/// time between from 200 ms on, and a far end that has it acknowledges it within a round trip.
const UNHEARD: u32 = 3;

/// When a server that gives no answer is tried with another connection: late, because what counts is whether it is there
/// when it is given up, and soon enough for a lost packet to be repeated until then.
const TRY_AGAIN: Duration = GIVE_UP_AFTER.saturating_sub(connect::AGAIN_WAIT);

/// What goes along from one request to the next.
pub(super) struct Walk<'a> {
    pub(super) look: &'a Look<'a>,
    pub(super) params: Params,
    pub(super) method: Method,
    pub(super) settings: Option<ProxySettings>,
    pub(super) trust: Option<Arc<Trust>>,
    pub(super) until: Instant,
    pub(super) facts: Facts,
    pub(super) via: Via,
    pub(super) chain_text: Option<String>,
    pub(super) cookies: Jar,
    /// What the connection to the page's own server had to send again.
    pub(super) repeats: Repeats,
    /// What the observation of a suspicion says it was about.
    pub(super) asked: String,
}

/// An answer that came.
pub(super) struct Arrived {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) first_byte: Duration,
    pub(super) body: Body,
}

/// The answers that tell to ask elsewhere, and say nothing where they do not name the place (RFC 9110 section 15.4).
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

/// Where an answer leads.
enum Leads {
    /// Nowhere: it is the page, or what there is of it.
    Nowhere,
    To(Url),
    /// It should lead on, and what it says, if anything, is no address.
    Astray(Option<String>),
}

/// Whether a proxy is not to be had. Browsers go on to the next one of a script's list then, and not where a proxy says
/// no.
fn is_dead_proxy(trouble: &Trouble) -> bool {
    let problem = trouble.code.map(|code| code.problem());
    problem.is_some_and(|problem| problem.layer == Layer::Proxy && problem.class == Class::Reachability)
}

impl Walk<'_> {
    /// Walks from page to page until one is no redirect.
    pub(super) async fn walk(&mut self, first: Url) -> Observation {
        let mut url = first;
        let mut visited: Vec<(Url, usize)> = Vec::new();
        loop {
            self.facts.final_url = Some(shown(&url));
            let cookies = self.cookies.len();
            let arrived = match self.ask_twice_if_needed(&url).await {
                Ok(arrived) => arrived,
                Err(trouble) => return way::observe(self.look, None, &trouble),
            };
            let first_host = visited.first().map_or(url.host_str(), |(first, _)| first.host_str());
            self.facts.left_host = Some(first_host != url.host_str());
            let next = match self.leads_to(&url, &arrived) {
                Leads::Nowhere => return self.judge(&url, &arrived),
                Leads::Astray(said) => return self.is_no_redirect(&url, arrived.status, said),
                Leads::To(next) => next,
            };
            self.facts.redirects.push(Redirect {
                status: arrived.status,
                location: shown(&next),
                host: bounded(&host_of(&next)),
            });
            visited.push((url, cookies));
            // The same page with new cookies is another question.
            let again = visited.iter().any(|(seen, cookies)| *seen == next && *cookies == self.cookies.len());
            if again || visited.len() > REDIRECT_LIMIT {
                return self.goes_in_circles(&next);
            }
            if !matches!(next.scheme(), "http" | "https") {
                let what = format!("{} redirects to `{}`, which is no page", self.asked, bounded(next.scheme()));
                return way::observe(self.look, None, &Trouble::new(Code::HttpUnexpectedContent, what));
            }
            url = next;
        }
    }

    /// Where an answer sends whoever asked.
    fn leads_to(&self, url: &Url, arrived: &Arrived) -> Leads {
        let is_wanted = self.wanted_status() == Some(arrived.status);
        match arrived.location.as_deref() {
            _ if !self.params.follow || !(300..400).contains(&arrived.status) => Leads::Nowhere,
            Some(said) => match url.join(said) {
                Ok(next) => Leads::To(next),
                Err(_) if is_wanted => Leads::Nowhere,
                Err(_) => Leads::Astray(Some(bounded(said))),
            },
            None if REDIRECTS.contains(&arrived.status) && !is_wanted && arrived.body.bytes == 0 => Leads::Astray(None),
            None => Leads::Nowhere,
        }
    }

    fn is_no_redirect(&mut self, url: &Url, status: u16, said: Option<String>) -> Observation {
        let host = host_of(url);
        let summary = match said.as_deref() {
            None => format!("{host} answers {status}, has no page and does not say where it is (no `Location`)"),
            Some(said) => format!("{host} answers {status} and sends to `{said}`, which is no address"),
        };
        self.facts.broken_redirect = Some(said.unwrap_or_else(|| "none".to_owned()));
        way::observe(self.look, None, &Trouble::new(Code::HttpUnexpectedContent, summary))
    }

    fn goes_in_circles(&self, next: &Url) -> Observation {
        let count = self.facts.redirects.len();
        let summary = format!("{} redirects in a circle: {count} redirects, back at {}", self.asked, shown(next));
        way::observe(self.look, None, &Trouble::new(Code::HttpRedirectLoop, summary))
    }

    /// A server error is asked for again, because one may be bad luck.
    async fn ask_twice_if_needed(&mut self, url: &Url) -> Result<Arrived, Trouble> {
        self.facts.server_errors = None;
        let first = self.ask(url).await?;
        if first.status < 500 || self.wanted_status() == Some(first.status) {
            return Ok(first);
        }
        let host = host_of(url);
        self.suspect(Trouble::new(Code::HttpServerError, format!("{host} answers {}", first.status)).suspected(true));
        self.facts.server_errors = Some(1);
        let second = self.ask(url).await?;
        if second.status >= 500 {
            self.facts.server_errors = Some(2);
        }
        Ok(second)
    }

    /// The status that the answer must have.
    pub(super) fn wanted_status(&self) -> Option<u16> {
        self.params.expect_status.map(|status| status as u16)
    }

    fn suspect(&self, trouble: Trouble) {
        let observation = way::observe(self.look, None, &trouble);
        (self.look.emit)(observation.facts(&self.facts).via(self.via.clone()));
    }

    /// One request on a connection of its own.
    async fn ask(&mut self, url: &Url) -> Result<Arrived, Trouble> {
        self.facts = Facts {
            url: std::mem::take(&mut self.facts.url),
            final_url: self.facts.final_url.take(),
            label: self.facts.label.take(),
            redirects: std::mem::take(&mut self.facts.redirects),
            server_errors: self.facts.server_errors,
            proxy_used: "direct".to_owned(),
            ..Facts::default()
        };
        let mut candidates = self.choose(url).await?.into_iter();
        let mut used = candidates.next().unwrap_or(Used::Direct);
        let secure = url.scheme() == "https";
        let trust = self.trust.clone();
        let trust = async {
            match (secure, trust) {
                (false, _) => None,
                (true, Some(trust)) => Some(trust),
                (true, None) => Some(Trust::of_this_machine().await),
            }
        };
        // The trust store is read while the network is waited for.
        let (trust, mut way) = match &used {
            Used::Proxy(proxy) => join(trust, self.through(proxy, url)).await,
            _ => join(trust, self.directly(url)).await,
        };
        while way.as_ref().is_err_and(is_dead_proxy)
            && let Some(next) = candidates.next()
        {
            self.facts.failed_proxies.push(used.shown());
            self.facts.proxy_used = next.shown();
            used = next;
            way = match &used {
                Used::Proxy(proxy) => self.through(proxy, url).await,
                _ => self.directly(url).await,
            };
        }
        let (mut stream, peer, round_trip) = way?;
        if let Some(trust) = trust {
            stream = self.secured(stream, url, &used, peer, round_trip, &trust).await?;
        }
        let absolute = matches!(&used, Used::Proxy(proxy) if !secure && proxy.takes_absolute_form());
        self.exchange(stream, url, absolute, &used, peer).await
    }

    /// What programs use for this page, and what they try next where that is dead: only a script names several.
    async fn choose(&mut self, url: &Url) -> Result<Vec<Used>, Trouble> {
        let choice = match self.params.proxy.trim() {
            auto if auto.eq_ignore_ascii_case("auto") => {
                self.settings.as_ref().and_then(|settings| choice::first_choice(settings, url))
            }
            given => Some(choice::given(given)),
        };
        let Some(choice) = choice else { return Ok(vec![Used::Direct]) };
        let mut used = match choice.used {
            Used::Script(script) => {
                let said = script::ask(self.look.world, &script, url, false, self.until).await?;
                said.candidates
            }
            Used::Discover => match script::discover(self.look.world, self.until).await {
                Some(script) => {
                    let said = script::ask(self.look.world, &script, url, false, self.until).await;
                    // A script that was found and cannot be used is passed over, as browsers do.
                    said.map(|said| said.candidates).unwrap_or_default()
                }
                None => Vec::new(),
            },
            used => vec![used],
        };
        if used.is_empty() {
            used.push(Used::Direct);
        }
        self.facts.proxy_source = Some(choice.source.clone());
        self.facts.proxy_used = used[0].shown();
        if let Used::Unusable(text, why) = &used[0] {
            let summary = format!("the proxy setting {} (\"{text}\") cannot be used: {why}", choice.source);
            return Err(Trouble::new(Code::ProxyBadSetting, summary));
        }
        used.retain(|used| !matches!(used, Used::Unusable(..)));
        Ok(used)
    }

    /// A connection to the page's own server.
    async fn directly(&mut self, url: &Url) -> Result<(Box<dyn Stream>, SocketAddr, Duration), Trouble> {
        let network = self.look.world.network.as_ref();
        let host = host_of(url);
        let port = url.port_or_known_default().unwrap_or(443);
        let asked = Url::parse(&self.facts.url).ok();
        self.facts.culprit = asked.filter(|asked| host_of(asked) != host).map(|_| bounded(&format!("{host}:{port}")));
        let addresses = self.addresses(&host).await?;
        self.facts.addresses = addresses.iter().take(20).map(IpAddr::to_string).collect();
        let sent_here = self.facts.culprit.is_some() && addresses.iter().all(|address| address.is_loopback());
        self.facts.redirected_here = sent_here.then_some(true);
        let targets: Vec<SocketAddr> = addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        let slow = |address, took| self.suspect(dial::suspicion(&host, address, took));
        let segment_bytes = self.params.segment_bytes.map(|bytes| bytes.clamp(0.0, f64::from(u16::MAX)) as u16);
        match dial_for(network, &targets, segment_bytes, self.until, &slow).await {
            Ok(dialled) => {
                self.facts.connect_ms = Some(milliseconds(dialled.took));
                self.remember_failed(&dialled.failed);
                self.arrived_at(dialled.address).await;
                let round_trip = dialled.connection.took;
                self.repeats = dialled.connection.repeats;
                Ok((dialled.connection.stream, dialled.address, round_trip))
            }
            Err(failure) => {
                self.facts.connect_ms = Some(milliseconds(failure.took));
                self.remember_failed(&failure.failed);
                self.facts.fallback = None;
                self.arrived_at(failure.address).await;
                self.facts.from = failure.said.as_ref().map(|(_, from)| from.to_string());
                let here = self.via.source.as_ref().and_then(|source| source.parse().ok());
                Err(dial::trouble(&host, &failure, here))
            }
        }
    }

    fn remember_failed(&mut self, failed: &[(SocketAddr, Failure)]) {
        self.facts.fallback = Some(!failed.is_empty());
        for (address, _) in failed {
            let address = address.ip().to_string();
            if !self.facts.failed_addresses.contains(&address) {
                self.facts.failed_addresses.push(address);
            }
        }
    }

    async fn arrived_at(&mut self, peer: SocketAddr) {
        self.facts.address = Some(peer.ip().to_string());
        self.facts.family = Some(if peer.is_ipv4() { "ipv4" } else { "ipv6" }.to_owned());
        self.via = way::via(self.look, peer).await;
    }

    async fn addresses(&mut self, host: &str) -> Result<Vec<IpAddr>, Trouble> {
        // The list belongs to the host that was asked for, not to where a redirect leads.
        let given = usable(&self.params.addresses);
        let found =
            if !given.is_empty() && self.facts.redirects.is_empty() { given } else { self.looked_up(host).await? };
        let wanted: Vec<IpAddr> = found
            .iter()
            .copied()
            .filter(|address| match self.params.family {
                None => true,
                Some(Family::Ipv4) => address.is_ipv4(),
                Some(Family::Ipv6) => address.is_ipv6(),
            })
            .collect();
        if wanted.is_empty() {
            return Err(Trouble::unknown(format!("{host} has no address of the wanted family")));
        }
        Ok(wanted)
    }

    /// Addresses to go on with where this machine gives none, because it was waited for in vain or cannot be asked.
    fn fallback(&self, waited: bool) -> Vec<IpAddr> {
        let given = usable(&self.params.fallback_addresses);
        if !given.is_empty() || self.params.fallback_from.is_empty() {
            return given;
        }
        let seen = (self.look.seen)(&self.params.fallback_from);
        told(&seen, waited)
    }

    async fn looked_up(&mut self, host: &str) -> Result<Vec<IpAddr>, Trouble> {
        let start = Instant::now();
        let result = name::addresses(self.look.world.network.as_ref(), host, self.until).await;
        let took = start.elapsed();
        self.facts.lookup_ms = Some(milliseconds(took));
        match result {
            Ok((addresses, took)) => {
                self.facts.slow_lookup = Some(took > name::LOOKUP_SLOW);
                Ok(addresses)
            }
            Err(failure) => {
                let usable = matches!(failure, LookupFailure::Timeout | LookupFailure::Unsupported(_));
                let fallback = self.fallback(failure == LookupFailure::Timeout);
                if !usable || fallback.is_empty() || !self.facts.redirects.is_empty() {
                    return Err(name::trouble(host, &failure, took));
                }
                if failure == LookupFailure::Timeout {
                    self.facts.lookup_failed = Some(true);
                    self.suspect(name::trouble(host, &failure, took).suspected(true));
                }
                Ok(fallback)
            }
        }
    }

    /// A connection through a proxy; for a plain page the proxy itself is asked.
    async fn through(&mut self, proxy: &Proxy, url: &Url) -> Result<(Box<dyn Stream>, SocketAddr, Duration), Trouble> {
        self.repeats = Repeats::default();
        let network = self.look.world.network.as_ref();
        let suspect = |trouble: Trouble| self.suspect(trouble);
        let (reach, reached) = connect::reach(network, proxy, self.until, &suspect).await;
        self.facts.lookup_ms = reach.lookup.map(milliseconds);
        self.facts.connect_ms = reach.connect.map(milliseconds);
        self.facts.addresses = reach.addresses.iter().take(20).map(IpAddr::to_string).collect();
        if reach.connect.is_some() && !reach.failed.is_empty() {
            self.facts.fallback = Some(true);
        }
        self.facts.failed_addresses = reach.failed.iter().map(|address| address.ip().to_string()).collect();
        if let Some(peer) = reach.peer {
            self.arrived_at(peer).await;
        }
        self.via.proxy = Some(proxy.to_string());
        let stream = reached?;
        let peer = reach.peer.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
        let round_trip = reach.connect.unwrap_or_default();
        if url.scheme() == "http" && proxy.takes_absolute_form() {
            return Ok((stream, peer, round_trip));
        }
        let start = Instant::now();
        let (host, port) = (self.asked_of_proxy(url), url.port_or_known_default().unwrap_or(443));
        let suspect = |trouble: Trouble| self.suspect(trouble);
        let (answer, tunnel) = connect::tunnel(stream, proxy, &host, port, self.until, &suspect).await;
        self.facts.proxy_ms = Some(milliseconds(start.elapsed()));
        self.facts.proxy_schemes = answer.schemes;
        // Through a tunnel the first flight goes the whole way, of which the proxy's answer is a measure.
        tunnel.map(|stream| (stream, peer, round_trip + start.elapsed()))
    }

    /// What a proxy is asked to connect to: the name, or an address that was given, so that it looks nothing up.
    fn asked_of_proxy(&self, url: &Url) -> String {
        let given = usable(&self.params.addresses).first().copied().filter(|_| self.facts.redirects.is_empty());
        given.map_or_else(|| host_of(url), |address| address.to_string())
    }

    async fn secured(
        &mut self,
        stream: Box<dyn Stream>,
        url: &Url,
        used: &Used,
        peer: SocketAddr,
        round_trip: Duration,
        trust: &Arc<Trust>,
    ) -> Result<Box<dyn Stream>, Trouble> {
        let host = host_of(url);
        let port = url.port_or_known_default().unwrap_or(443);
        let (clock_offset_ms, until) = (self.params.clock_offset_ms.map(|offset| offset.round() as i64), self.until);
        let wish = Wish { host: &host, alpn: &["http/1.1"], trust, clock_offset_ms, round_trip, until, asks: true };
        let network = self.look.world.network.as_ref();
        let direct = again(network, peer);
        let open = || match used {
            Used::Proxy(proxy) => {
                let (first, host) = (direct(), self.asked_of_proxy(url));
                Box::pin(async move {
                    let stream = first.await?;
                    let (_, tunnel) = connect::tunnel(stream, proxy, &host, port, until, &|_| {}).await;
                    tunnel.map_err(|trouble| Failure::Other(trouble.summary))
                }) as LocalBoxFuture<'_, _>
            }
            _ => direct(),
        };
        let Shaken { facts, chain_text, result } = shake(stream, &open, &wish, &|trouble| self.suspect(trouble)).await;
        self.chain_text = chain_text;
        self.via.trust = facts.trusted_system.map(|_| "system".to_owned());
        self.describe(facts);
        result
    }

    fn describe(&mut self, tls: TlsFacts) {
        self.facts.tls_ms = tls.handshake_ms;
        self.facts.tls_issuer = tls.issuer;
        self.facts.tls_version = tls.version;
        self.facts.tls_reason = tls.reason;
        self.facts.days_left = tls.days_left;
        self.facts.interception = tls.interception;
        self.facts.would_be_valid_with_correct_clock = tls.would_be_valid_with_correct_clock;
    }

    async fn exchange(
        &mut self,
        stream: Box<dyn Stream>,
        url: &Url,
        absolute: bool,
        used: &Used,
        peer: SocketAddr,
    ) -> Result<Arrived, Trouble> {
        let host = host_of(url);
        let meant = |broken: Broken| match used {
            Used::Proxy(proxy) if absolute => connect::broken_proxy(proxy, broken),
            _ => broken.trouble(&host),
        };
        let mut request = exchange::request(&self.method, url, absolute).map_err(Trouble::unknown)?;
        if let Some(cookies) = self.cookies.header(&host).and_then(|cookies| cookies.parse().ok()) {
            request.headers_mut().insert("cookie", cookies);
        }
        let mut session = Session::open(stream).await.map_err(meant)?;
        let start = Instant::now();
        let asked_at = SystemTime::now();
        let silent = |took| self.suspect(meant(Broken::Silent(took, 0)).suspected(true));
        // What lies behind a proxy cannot be tried without it.
        let direct = matches!(used, Used::Direct);
        let network = self.look.world.network.as_ref();
        let again = again(network, peer);
        let still_there = StillThere::new();
        let asked = {
            let mut asking = pin!(session.ask(request, self.until, &silent));
            let mut trying = pin!(still_there.ask(&again, start + TRY_AGAIN));
            tokio::select! {
                biased;
                answer = &mut asking => answer,
                () = &mut trying, if direct => asking.await,
            }
        };
        self.facts.sent_again = self.repeats.get();
        let answer = match asked {
            Ok(answer) => answer,
            Err(Broken::Silent(wait, _)) if still_there.is_lost() => return Err(unasked::lost(&host, wait)),
            Err(Broken::Silent(wait, 0)) if self.facts.sent_again.is_some_and(|times| times >= UNHEARD) => {
                return Err(unasked::unheard(&host, wait));
            }
            Err(Broken::Cut(0)) if direct && url.scheme() == "http" && is_cut_unasked(&again, self.until).await => {
                return Err(unasked::cut(&host));
            }
            Err(broken) => return Err(meant(broken)),
        };
        let head_at = Instant::now();
        let first_byte = session.first_byte().unwrap_or(head_at).saturating_duration_since(start);
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        self.facts.status = Some(status);
        self.facts.first_byte_ms = Some(milliseconds(first_byte));
        self.note_headers(&headers, asked_at, first_byte);
        self.cookies.keep(&host, &headers);
        if let Used::Proxy(proxy) = used
            && absolute
            && let Some(trouble) = proxys_own_word(proxy, status, &headers, &mut self.facts)
        {
            return Err(trouble);
        }
        let body = session.body(answer.into_body(), self.params.body_limit_bytes, self.until).await;
        self.note_body(&body, &headers);
        if direct && body.end == BodyEnd::Stalled {
            still_there.ask(&again, Instant::now()).await;
            if still_there.is_lost() {
                return Err(unasked::lost(&host, body.took));
            }
        }
        Ok(Arrived { status, location: location(&headers), first_byte, body })
    }
}

/// The addresses of an argument; text that is none is left out, because the other addresses still say something.
fn usable(addresses: &Addresses) -> Vec<IpAddr> {
    addresses.each().into_iter().flatten().collect()
}

/// What a proxy says on its own behalf where it passes a plain page on.
fn proxys_own_word(proxy: &Proxy, status: u16, headers: &HeaderMap, facts: &mut Facts) -> Option<Trouble> {
    let answer = connect::Answer::read(status, headers);
    // Squid, the most common one, marks its own errors; others cannot be told from the server's.
    let own_error = headers.contains_key("x-squid-error");
    let code = match status {
        407 => Code::ProxyAuthRequired,
        403 if own_error => Code::ProxyDenied,
        500.. if own_error => Code::ProxyUpstream,
        _ => return None,
    };
    let summary = connect::status_words(proxy, "the request", &answer, code);
    facts.proxy_schemes = answer.schemes;
    Some(Trouble::new(code, summary))
}

fn location(headers: &HeaderMap) -> Option<String> {
    // A longer one is no address that anybody meant.
    const LOCATION_LIMIT: usize = 8192;
    let value = headers.get("location")?;
    (value.len() <= LOCATION_LIMIT).then(|| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The addresses that resolvers gave when each was asked on its own. Who waits for a silent one gets to the next in the
/// end, but never to those behind a local stub.
pub(super) fn told(seen: &[observation::Facts], waited: bool) -> Vec<IpAddr> {
    let is_behind = |facts: &&observation::Facts| facts.get("behind_stub").is_some_and(|fact| fact == true);
    let addresses = seen
        .iter()
        .filter(|facts| !(waited && is_behind(facts)))
        .filter_map(|facts| facts.get("addresses")?.as_array());
    addresses.flatten().filter_map(|address| address.as_str()?.parse().ok()).collect()
}
