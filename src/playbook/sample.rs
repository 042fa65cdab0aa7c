//! A small set of probes for the tests of this folder: their messages must not change when a real probe gains a fact.

use crate::layer::Layer;
use crate::probe::{Burden, Contacts, Cost, Probe, accepts, schema_of};
use crate::problem::Code;
use futures_util::FutureExt;
use futures_util::future::ready;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All of them.
pub const PROBES: &[&Probe] = &[&ASK, &DNS, &EXEC, &HTTP, &LOOKUP, &TCP];

macro_rules! sample {
    ($name:ident $word:literal $layer:ident $cost:ident $params:ty, $facts:ty, [$($code:ident)*]) => {
        const $name: Probe = Probe {
            name: $word,
            layer: Layer::$layer,
            cost: Cost::$cost,
            summary: $word,
            about: $word,
            contacts: Contacts::NONE,
            burden: Burden::READS,
            codes: &[$(Code::$code),*],
            params: schema_of::<$params>,
            facts: schema_of::<$facts>,
            accepts: accepts::<$params>,
            run: |_| ready(Vec::new()).boxed_local(),
        };
    };
}

sample!(ASK "ask" Host Person AskParams, AskFacts, [AskFault]);
sample!(DNS "dns" Dns Network DnsParams, DnsFacts, [DnsTimeout DnsPortClosed DnsRefused DnsNxdomain DnsServfail]);
sample!(EXEC "exec" Host Slow ExecParams, ExecFacts, [ExecFailed]);
sample!(HTTP "http" Http Network HttpParams, HttpFacts, [HttpServerError HttpNotFound TcpTimeout TlsExpired TlsName]);
sample!(LOOKUP "lookup" Dns Network LookupParams, LookupFacts, [DnsLookupFailed DnsLookupTimeout]);
sample!(TCP "tcp" Transport Network TcpParams, TcpFacts, [TcpRefused TcpTimeout TcpReset]);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct ExecParams {
    command: Vec<String>,
    #[serde(default)]
    connects: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct ExecFacts {
    status: i32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct AskParams {
    question: String,
    #[serde(default)]
    answers: BTreeMap<String, String>,
}

#[derive(Serialize, JsonSchema)]
struct AskFacts {
    answer: String,
}

#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
#[allow(dead_code)]
struct DnsParams {
    name: String,
    servers: Vec<String>,
    wait_ms: u64,
}

#[derive(Serialize, JsonSchema)]
struct DnsFacts {
    server: String,
    addresses: Option<Vec<String>>,
    ttl_s: Option<u32>,
    truncated: bool,
    protocol: Option<Protocol>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code)]
enum Protocol {
    /// User datagrams.
    Udp,
    /// A stream.
    Tcp,
}

#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
#[allow(dead_code)]
struct HttpParams {
    url: String,
    proxy: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct HttpFacts {
    url: String,
    status: Option<u16>,
    first_byte_ms: Option<f64>,
    redirects: Vec<String>,
}

#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
#[allow(dead_code)]
struct LookupParams {
    name: String,
    wait_ms: u64,
}

#[derive(Serialize, JsonSchema)]
struct LookupFacts {
    name: String,
    addresses: Option<Vec<String>>,
}

#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
#[allow(dead_code)]
struct TcpParams {
    host: Option<String>,
    addresses: Vec<String>,
    port: u16,
}

#[derive(Serialize, JsonSchema)]
struct TcpFacts {
    address: String,
    port: u16,
    connect_ms: Option<f64>,
}
