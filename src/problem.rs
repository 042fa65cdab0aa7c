//! The closed vocabulary of problems. Codes are an API: playbooks match on them and packets keep them, so they are
//! only ever added to. A code never comes from message text; operating-system errors are mapped in `world`.

use crate::layer::Layer;
use std::borrow::Cow;

/// What a success elsewhere can say about a problem of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// "Cannot be reached": disproved by a success whose trail used the same element.
    Reachability,
    /// Loss, delay, size, fallback: a success proves nothing about it.
    Quality,
    /// A wrong answer, certificate or setting: a success proves nothing about it.
    Integrity,
}

/// What the problem rests on, which decides how soon it may be called confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Nobody answered: needs spaced repeats, and a control that did answer (RFC 6298, RFC 8085; limits.md section 6).
    Silence,
    /// Somebody answered, with a refusal or an error: needs no timeout.
    Answer,
    /// A state or counter that this machine reads about itself.
    State,
}

/// One entry of the vocabulary.
#[derive(Debug)]
pub struct Problem {
    /// The stable dotted word.
    pub code: &'static str,
    /// The layer that is blamed when no cause says better.
    pub layer: Layer,
    /// What a success may clear.
    pub class: Class,
    /// What it rests on.
    pub basis: Basis,
    /// Whether the far end itself answered, which proves everything beneath (a reset by the target proves the path).
    pub proves_path: bool,
    /// What it means, for the technician: completes "the verdict is ...".
    pub title: &'static str,
}

macro_rules! problems {
    ($( $variant:ident $code:literal $layer:ident $class:ident $basis:ident $proves:literal $title:literal; )+) => {
        /// A problem code. `Display` and serde use the stable dotted word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $( #[doc = $title] $variant, )+ }

        /// Every code, in the order of the ladder.
        pub const PROBLEMS: &[(Code, Problem)] = &[ $( (Code::$variant, Problem {
            code: $code, layer: Layer::$layer, class: Class::$class, basis: Basis::$basis,
            proves_path: $proves, title: $title,
        }), )+ ];
    };
}

problems! {
    LinkNone "link.none" Link Integrity State false "there is no network interface but the loopback";
    LinkNoCarrier "link.no_carrier" Link Reachability State false "the interface has no carrier: cable, port or radio link is down";
    LinkAdminDown "link.admin_down" Link Reachability State false "the interface is switched off (administratively down)";
    LinkLoopback "link.loopback" Link Integrity State false "the loopback, by which programs of this machine talk to each other, is down or has no address";
    LinkPortHoldsAddress "link.port_holds_address" Link Integrity State false "the interface belongs to a bridge or bond, which takes its packets, and holds the address itself";
    LinkLost "link.lost" Link Integrity State false "the carrier went away during the run";
    LinkFlapping "link.flapping" Link Quality State false "the carrier goes up and down";
    LinkErrors "link.errors" Link Quality State false "the interface counts receive or transmit errors";
    LinkDrops "link.drops" Link Quality State false "the interface drops frames";
    LinkHalfDuplex "link.half_duplex" Link Quality State false "the link runs at half duplex";
    LinkSlow "link.slow" Link Quality State false "the link runs at a lower speed than it should";
    LinkMtuSmall "link.mtu_small" Link Quality State false "the interface has an unusually small MTU";
    LinkWifiWeak "link.wifi_weak" Link Quality State false "the Wi-Fi signal is weak";
    LinkWifiNotJoined "link.wifi_not_joined" Link Reachability State false "the Wi-Fi radio is not joined to a network";
    LinkWifiBlocked "link.wifi_blocked" Link Reachability State false "the Wi-Fi radio is switched off by a switch or a setting";
    LinkWifiRetries "link.wifi_retries" Link Quality State false "the Wi-Fi radio must send much of its data again";
    LinkWifiSlowRate "link.wifi_slow_rate" Link Quality State false "the Wi-Fi radio runs at one of its slowest rates";
    LinkSignOnRefused "link.sign_on_refused" Link Reachability State false "the network refuses the sign-on of this machine (802.1X)";
    LinkSignOnSilent "link.sign_on_silent" Link Reachability State false "the network does not answer the sign-on of this machine (802.1X)";
    LinkSignOnCertificate "link.sign_on_certificate" Link Integrity State false "the certificate of the network's sign-on server is not accepted here";
    LinkWrongKey "link.wrong_key" Link Reachability State false "the key for the Wi-Fi network is wrong";
    LinkNetworkNotFound "link.network_not_found" Link Reachability State false "the wanted Wi-Fi network is not seen";
    LinkJoinRejected "link.join_rejected" Link Reachability State false "the access point turns this machine away";

    IpNone "ip.none" Ip Reachability State false "the interface has no usable address";
    IpLinkLocalOnly "ip.link_local_only" Ip Reachability State false "the interface has only a self-assigned (link-local) address";
    IpTentative "ip.tentative" Ip Reachability State false "the address is still tentative";
    IpDuplicate "ip.duplicate" Ip Integrity State false "another machine uses the same address";
    IpNotLocal "ip.not_local" Ip Integrity State false "the kernel does not take packets to the address for its own";
    IpGatewayOffLink "ip.gateway_off_link" Ip Reachability State false "the gateway is not in the subnet of the address";

    DhcpNoServer "dhcp.no_server" Ip Reachability Silence false "no DHCP server answers";
    DhcpSeveralServers "dhcp.several_servers" Ip Integrity Answer false "DHCP servers contradict each other";
    DhcpOtherNetwork "dhcp.other_network" Ip Integrity Answer false "the address is not of the network that the DHCP server serves";
    DhcpNoGateway "dhcp.no_gateway" Ip Integrity Answer false "the DHCP server names no gateway";
    DhcpLeaseOver "dhcp.lease_over" Ip Integrity State false "the DHCP lease has run out";
    DhcpNoClient "dhcp.no_client" Process Integrity State false "no DHCP client runs on this machine";

    RouteNone "route.none" Route Reachability State false "there is no route to the target";
    RouteNoDefault "route.no_default" Route Integrity State false "there is no default route";
    RouteRejected "route.rejected" Route Reachability State false "a local route or policy rule rejects the target";
    RouteAmbiguous "route.ambiguous" Route Quality State false "several default routes have the same metric";
    RouteGatewayDead "route.gateway_dead" Route Reachability State false "the gateway does not answer neighbour discovery";
    RouteGatewaySilent "route.gateway_silent" Route Reachability Silence false "the gateway does not answer pings";
    RouteNeighbourDead "route.neighbour_dead" Route Reachability State false "the on-link target does not answer neighbour discovery";
    RouteNeighbourWrong "route.neighbour_wrong" Route Reachability State false "a fixed neighbour entry names another device than the one that answers";
    RouteReversePath "route.reverse_path" Route Integrity State false "strict reverse-path filtering drops the answers";

    PathSilent "path.silent" Path Reachability Silence false "nothing beyond the gateway answers";
    PathUnreachable "path.unreachable" Path Reachability Answer false "a router on the way says the target is unreachable";
    PathProhibited "path.prohibited" Path Reachability Answer false "a router on the way forbids the traffic";
    PathLoop "path.loop" Path Reachability Answer false "packets go round in a routing loop until their TTL expires";
    PathLoss "path.loss" Path Quality Silence false "packets are lost on the way";
    PathDelay "path.delay" Path Quality Answer false "the round trip takes long";
    PathJitter "path.jitter" Path Quality Answer false "the round-trip time varies much";
    PathNat64None "path.nat64_none" Path Integrity Answer false "the network has IPv6 alone and no translation to IPv4 (NAT64)";
    PathNat64Dead "path.nat64_dead" Path Integrity Silence false "the translation to IPv4 (NAT64) does not answer";
    PathQueueing "path.queueing" Path Quality Answer false "packets wait long in a queue on the way";
    PathSlowRate "path.slow_rate" Path Quality Answer false "the line carries less than is expected of it";
    PathMtuBlackHole "path.mtu_black_hole" Path Quality Silence false "large packets vanish on the way and nobody says so (path MTU black hole)";
    PathMtuReduced "path.mtu_reduced" Path Quality Answer false "the path MTU is smaller than the link's";
    PathCaptivePortal "path.captive_portal" Path Integrity Answer false "a captive portal answers instead of the target";
    PathEchoSilent "path.echo_silent" Path Reachability Silence false "the target does not answer pings";

    VpnDown "vpn.down" Vpn Reachability State false "the tunnel device is down";
    VpnNoHandshake "vpn.no_handshake" Vpn Reachability State false "the tunnel is up but no packet comes back through it";
    VpnRouteMissing "vpn.route_missing" Vpn Reachability State false "no route leads the target into the tunnel";
    VpnRouteLeftBehind "vpn.route_left_behind" Vpn Integrity State false "a route into a tunnel that is down was left behind";
    VpnResolverLeftBehind "vpn.resolver_left_behind" Vpn Integrity State false "a resolver of a tunnel that is gone was left behind";
    VpnOverlap "vpn.overlap" Vpn Integrity State false "the local subnet overlaps with one behind the tunnel";
    VpnTakesDefault "vpn.takes_default" Vpn Quality State false "all traffic goes into the tunnel";

    DnsNoResolver "dns.no_resolver" Dns Integrity State false "no resolver is configured";
    DnsBadConfig "dns.bad_config" Dns Integrity State false "the resolver configuration has lines that make no sense";
    DnsNotInNsswitch "dns.not_in_nsswitch" Dns Integrity State false "nsswitch does not ask DNS for host names";
    DnsNoRecursion "dns.no_recursion" Dns Integrity Answer true "the resolver answers for its own zones only and looks up nothing else";
    DnsHostsOverride "dns.hosts_override" Dns Integrity State false "the hosts file overrides what DNS says";
    DnsSearchList "dns.search_list" Dns Integrity Answer false "the short name resolves only with another search suffix";
    DnsTimeout "dns.timeout" Dns Reachability Silence false "the resolver does not answer";
    DnsPortClosed "dns.port_closed" Dns Reachability Answer true "nothing listens on the resolver's port";
    DnsUnreachable "dns.unreachable" Dns Reachability Answer false "the resolver cannot be reached";
    DnsRefused "dns.refused" Dns Integrity Answer true "the resolver refuses the query (REFUSED)";
    DnsServfail "dns.servfail" Dns Integrity Answer true "the resolver failed (SERVFAIL)";
    DnsFormerr "dns.formerr" Dns Integrity Answer true "the resolver answers with a malformed or unexpected message";
    DnsNxdomain "dns.nxdomain" Dns Integrity Answer true "the name does not exist (NXDOMAIN)";
    DnsNodata "dns.nodata" Dns Integrity Answer true "the name exists but has no address";
    DnsTcpBlocked "dns.tcp_blocked" Dns Integrity Silence false "the resolver does not answer over TCP, so large answers are lost";
    DnsSlow "dns.slow" Dns Quality Answer true "the resolver answers slowly";
    DnsFlapping "dns.flapping" Dns Quality Silence true "the resolver answers only some of the queries";
    DnsAnswerDiffers "dns.answer_differs" Dns Integrity Answer true "resolvers give different answers for the name";
    DnsBogon "dns.bogon" Dns Integrity Answer true "the answer is an address that no public name should have";
    DnsRewritten "dns.rewritten" Dns Integrity Answer true "the resolver invents an address for names that do not exist";
    DnsLookupFailed "dns.lookup_failed" Dns Integrity Answer false "programs get no address for the name";
    DnsLookupTimeout "dns.lookup_timeout" Dns Reachability Silence false "programs wait for the name without an answer";
    DnsLookupSlow "dns.lookup_slow" Dns Quality Answer false "programs wait long for the name";

    ProxyBadSetting "proxy.bad_setting" Proxy Integrity State false "a proxy setting is not usable";
    ProxyDiffersForUser "proxy.differs_for_user" Proxy Quality State false "the logged-on person's programs use another proxy than this account";
    ProxyConflict "proxy.conflict" Proxy Integrity State false "proxy settings contradict each other";
    ProxyNameUnresolved "proxy.name_unresolved" Proxy Reachability Answer false "the proxy's name does not resolve";
    ProxyTimeout "proxy.timeout" Proxy Reachability Silence false "the proxy does not answer";
    ProxyRefused "proxy.refused" Proxy Reachability Answer true "nothing listens on the proxy's port";
    ProxyReset "proxy.reset" Proxy Reachability Answer true "the proxy closes the connection";
    ProxyUnreachable "proxy.unreachable" Proxy Reachability Answer false "the proxy cannot be reached";
    ProxyNoAnswer "proxy.no_answer" Proxy Reachability Silence true "the proxy accepts the connection and then says nothing";
    ProxyAuthRequired "proxy.auth_required" Proxy Integrity Answer true "the proxy wants credentials (407)";
    ProxyDenied "proxy.denied" Proxy Integrity Answer true "the proxy forbids the target (403)";
    ProxyUpstream "proxy.upstream" Proxy Integrity Answer true "the proxy cannot reach the target (502, 503 or 504)";
    ProxyNotAProxy "proxy.not_a_proxy" Proxy Integrity Answer true "what answers on the proxy's port is not a proxy";
    ProxyPacUnreachable "proxy.pac_unreachable" Proxy Reachability Answer false "the PAC file cannot be fetched";
    ProxyPacInvalid "proxy.pac_invalid" Proxy Integrity Answer true "the PAC file cannot be evaluated";

    TcpRefused "tcp.refused" Transport Reachability Answer true "the target refuses the connection";
    TcpTimeout "tcp.timeout" Transport Reachability Silence false "the target's port does not answer";
    TcpReset "tcp.reset" Transport Reachability Answer true "the connection is reset";
    TcpHostUnreachable "tcp.host_unreachable" Transport Reachability Answer false "the target host is unreachable";
    TcpNetUnreachable "tcp.net_unreachable" Transport Reachability Answer false "the target's network is unreachable";
    TcpProhibited "tcp.prohibited" Transport Reachability Answer false "a filter on the way forbids the connection";
    TcpLocalDenied "tcp.local_denied" Transport Reachability State false "this machine itself does not let the connection out";
    TcpNoAddress "tcp.no_source" Transport Reachability State false "no source address can be used for the target";
    TcpSomeDead "tcp.some_dead" Transport Quality Silence true "one of the target's addresses does not answer";
    TcpFlapping "tcp.flapping" Transport Quality Silence true "only some of the connections succeed";
    TcpAcceptsAll "tcp.accepts_all" Transport Integrity Answer false "something accepts every connection in the target's place";
    TcpSlow "tcp.slow" Transport Quality Answer true "connecting takes long";
    UdpClosed "udp.closed" Transport Reachability Answer true "nothing listens on the UDP port";
    UdpSilent "udp.silent" Transport Reachability Silence false "the UDP port does not answer";

    TlsExpired "tls.expired" Tls Integrity Answer true "the certificate has expired";
    TlsNotYetValid "tls.not_yet_valid" Tls Integrity Answer true "the certificate is not valid yet";
    TlsName "tls.name" Tls Integrity Answer true "the certificate is for another name";
    TlsUnknownIssuer "tls.unknown_issuer" Tls Integrity Answer true "the certificate's issuer is not trusted here";
    TlsSelfSigned "tls.self_signed" Tls Integrity Answer true "the certificate is self-signed";
    TlsMissingIntermediate "tls.missing_intermediate" Tls Integrity Answer true "the server does not send an intermediate certificate";
    TlsIntercepted "tls.intercepted" Tls Integrity Answer true "somebody on the way opens the encryption with a certificate of their own";
    TlsRevoked "tls.revoked" Tls Integrity Answer true "the certificate is revoked";
    TlsInvalid "tls.invalid" Tls Integrity Answer true "the certificate is not acceptable";
    TlsOldProtocol "tls.old_protocol" Tls Integrity Answer true "the server speaks only an outdated TLS version";
    TlsNotTls "tls.not_tls" Tls Integrity Answer true "what answers does not speak TLS";
    TlsAlert "tls.alert" Tls Integrity Answer true "the server ends the handshake with an alert";
    TlsTimeout "tls.timeout" Tls Reachability Silence true "the handshake gets no answer";
    TlsReset "tls.reset" Tls Reachability Answer true "the connection is cut during the handshake";
    TlsSlow "tls.slow" Tls Quality Answer true "the handshake takes long";
    TlsExpiresSoon "tls.expires_soon" Tls Quality Answer true "the certificate expires soon";

    HttpAuthRequired "http.auth_required" Http Integrity Answer true "the server wants a sign-in (401)";
    HttpForbidden "http.forbidden" Http Integrity Answer true "the server forbids the page (403)";
    HttpNotFound "http.not_found" Http Integrity Answer true "the server does not know the page (404 or 410)";
    HttpTooManyRequests "http.too_many_requests" Http Integrity Answer true "the server turns away too many requests (429)";
    HttpClientError "http.client_error" Http Integrity Answer true "the server rejects the request (4xx)";
    HttpServerError "http.server_error" Http Integrity Answer true "the server fails (5xx)";
    HttpRedirectLoop "http.redirect_loop" Http Integrity Answer true "the server redirects in a circle";
    HttpUnexpectedContent "http.unexpected_content" Http Integrity Answer true "the answer is not the expected content";
    HttpNoAnswer "http.no_answer" Http Reachability Silence true "the server accepts the request and does not answer";
    HttpSlowFirstByte "http.slow_first_byte" Http Quality Answer true "the server takes long until the first byte";
    HttpBodyStalled "http.body_stalled" Http Reachability Silence true "the answer stops in the middle";
    HttpSlow "http.slow" Http Quality Answer true "the answer arrives slowly";
    HttpCut "http.cut" Http Reachability Answer true "the connection is cut before the answer is complete";
    HttpBlockPage "http.block_page" Http Integrity Answer true "a page of a filter or a bot wall stands in the place of the page";
    HttpOnlyTwo "http.only_http2" Http Integrity Answer true "the server speaks only HTTP/2";
    HttpNotHttp "http.not_http" Http Integrity Answer true "what answers does not speak HTTP";

    AppNoGreeting "app.no_greeting" Application Reachability Silence true "the service accepts the connection and does not greet";
    AppWrongProtocol "app.wrong_protocol" Application Integrity Answer true "the service speaks another protocol";
    AppRefused "app.refused" Application Integrity Answer true "the service turns the client away";
    AppNoAnswer "app.no_answer" Application Reachability Silence true "the service accepts the connection and does not answer";
    AppUnknownName "app.unknown_name" Application Integrity Answer true "the service does not know the name that it is asked for";
    AppOutdated "app.outdated" Application Integrity Answer true "the service speaks only an outdated version of its protocol";
    AppNoEncryption "app.no_encryption" Application Quality Answer true "the service offers no encryption";

    PrintAttention "print.attention" Application Integrity Answer true "the printer needs a person (paper, jam, cover, toner)";
    PrintOffline "print.offline" Application Integrity Answer true "the queue does not reach its printer";
    PrintStopped "print.stopped" Application Integrity Answer true "the printer or queue is stopped or paused";
    PrintRejects "print.rejects" Application Integrity Answer true "the printer or queue takes no new jobs";

    ProcessNotRunning "process.not_running" Process Integrity State false "the program is not running";
    ProcessNotListening "process.not_listening" Process Integrity State false "no program listens on the port";
    ProcessLoopbackOnly "process.loopback_only" Process Integrity State false "the program listens only on the loopback address";
    ProcessWrongAddress "process.wrong_address" Process Integrity State false "the program listens on another address or family";
    ProcessPortTaken "process.port_taken" Process Integrity State false "another program holds the port";
    ProcessStopped "process.stopped" Process Integrity State false "the program is stopped (suspended)";
    ProcessNoAnswer "process.no_answer" Process Integrity Silence false "the program accepts connections but never answers";
    ProcessBacklogFull "process.backlog_full" Process Integrity State false "the program does not accept the connections that wait for it";
    ProcessDescriptors "process.descriptors" Process Integrity State false "the program has run out of file descriptors";
    ProcessCpuHog "process.cpu_hog" Process Quality State false "a program keeps a processor busy";
    ProcessMemoryHog "process.memory_hog" Process Quality State false "a program holds most of the memory";
    ProcessRestarting "process.restarting" Process Quality State false "the service keeps restarting";
    ProcessServiceFailed "process.service_failed" Process Integrity State false "the service has failed";

    HostDiskFull "host.disk_full" Host Integrity State false "a file system is full";
    HostInodesFull "host.inodes_full" Host Integrity State false "a file system has no inodes left";
    HostReadOnly "host.read_only" Host Integrity State false "a file system is mounted read-only";
    HostMemoryLow "host.memory_low" Host Quality State false "little memory is available";
    HostMemoryPressure "host.memory_pressure" Host Quality State false "programs wait for memory";
    HostOomKill "host.oom_kill" Host Quality State false "the kernel killed a program because memory ran out";
    HostGroupLimit "host.group_limit" Host Quality State false "the control group of a program has used up what it may use";
    HostCpuBusy "host.cpu_busy" Host Quality State false "the processors are saturated";
    HostIoPressure "host.io_pressure" Host Quality State false "programs wait for the disk";
    PackageLocked "package.locked" Process Integrity State false "another program holds the package manager's lock";
    PackageLockLeft "package.lock_left" Host Integrity State false "a lock of the package manager was left behind";
    PackageBroken "package.broken" Host Integrity State false "packages are half installed";
    PackageNoRepository "package.no_repository" Host Integrity State false "the package manager has no repository";
    PackageKeyMissing "package.key_missing" Host Integrity State false "a signing key of a repository is missing";
    HostThrottled "host.throttled" Host Quality State false "heat slows the processors down";
    HostSpeedLimited "host.speed_limited" Host Quality State false "a power setting holds the processors back";
    HostBatteryLow "host.battery_low" Host Quality State false "the battery is nearly empty";
    HostSaysOffline "host.says_offline" Host Quality State false "the system tells programs that there is no internet";
    HostRecentBoot "host.recent_boot" Host Quality State false "the machine started only a short time ago";
    HostClockOff "host.clock_off" Host Integrity Answer false "the clock is wrong";
    HostClockUnknown "host.clock_unsynchronised" Host Quality State false "the clock is not synchronised";
    HostFilterDrops "host.filter_drops" Host Reachability State false "a rule of the local packet filter drops the traffic";
    HostDescriptors "host.descriptors" Host Integrity State false "the system has run out of file descriptors";
    HostPortsExhausted "host.ports_exhausted" Host Reachability State false "no local port is free for a new connection";
    HostConntrackFull "host.conntrack_full" Host Reachability State false "the connection-tracking table is full";
    HostLogErrors "host.log_errors" Host Quality State false "recent log lines speak of errors";

    AskFault "ask.fault" Host Integrity Answer false "a person reports it";
    ExecFailed "exec.failed" Host Integrity Answer false "the command reports a fault";
    CaseNotReproduced "case.not_reproduced" Host Quality State false "the complaint does not show now";
}

/// How many codes there are in these groups.
pub const fn count(groups: &[&[Code]]) -> usize {
    let (mut total, mut group) = (0, 0);
    while group < groups.len() {
        total += groups[group].len();
        group += 1;
    }
    total
}

/// These groups as one list, so that each step of a way names its codes once and the probes that take it need not.
pub const fn joined<const COUNT: usize>(groups: &[&[Code]]) -> [Code; COUNT] {
    let mut all = [groups[0][0]; COUNT];
    let (mut filled, mut group) = (0, 0);
    while group < groups.len() {
        let mut index = 0;
        while index < groups[group].len() {
            all[filled] = groups[group][index];
            filled += 1;
            index += 1;
        }
        group += 1;
    }
    all
}

impl Code {
    /// The entry of the vocabulary.
    pub fn problem(self) -> &'static Problem {
        // The macro lays both lists out in the same order, so the discriminant is the index.
        &PROBLEMS[self as usize].1
    }

    /// The stable dotted word.
    pub fn word(self) -> &'static str {
        self.problem().code
    }

    /// The code with this dotted word.
    pub fn from_word(word: &str) -> Option<Code> {
        PROBLEMS.iter().find(|(_, problem)| problem.code == word).map(|(code, _)| *code)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.word())
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> serde::Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Cow::<str>::deserialize(deserializer)?;
        Code::from_word(&word).ok_or_else(|| serde::de::Error::custom(format!("unknown problem code `{word}`")))
    }
}

impl schemars::JsonSchema for Code {
    fn schema_name() -> Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let words: Vec<&str> = PROBLEMS.iter().map(|(_, problem)| problem.code).collect();
        schemars::json_schema!({ "type": "string", "enum": words })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_finds_itself_and_its_word_is_unique() {
        for (code, problem) in PROBLEMS {
            assert_eq!(code.word(), problem.code);
            assert_eq!(Code::from_word(problem.code), Some(*code));
        }
    }
}
