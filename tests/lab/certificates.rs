//! The certificates of a world: an authority that the client trusts, an issuing authority beneath it, and a leaf for
//! each way in which a certificate can be wrong.

use crate::scene::{Certificate, SECOND_WEB, WEB, ip};
use rcgen::{
    BasicConstraints, Certificate as Signed, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// Names that the web server's certificate is good for.
const NAMES: [&str; 10] = [
    "www.example.test",
    "both.example.test",
    "six.example.test",
    "far.example.test",
    "app.example.test",
    "files.example.test",
    "desk.example.test",
    "mail.example.test",
    "directory.example.test",
    "printer.example.test",
];

/// An authority with its key.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Signed,
}

/// Everything that the servers of one world show.
pub struct Certificates {
    root: Authority,
    issuing: Authority,
    outdated: Authority,
    stranger: Authority,
    appliance: Authority,
    now: u64,
}

impl Certificates {
    /// Fresh keys; the times are around the far side's clock.
    pub fn new(clock_ahead_s: i64) -> Certificates {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let now = now.saturating_add_signed(clock_ahead_s);
        let root = authority("Lab", "Lab Root CA", now, None);
        let issuing = authority("Lab", "Lab Issuing CA 1", now, Some(&root));
        Certificates {
            issuing,
            outdated: authority_until("Lab", "Lab Issuing CA 0", now - DAY, Some(&root)),
            root,
            stranger: authority("Elsewhere", "Elsewhere Root CA", now, None),
            appliance: authority("Fortinet", "FortiGate CA", now, None),
            now,
        }
    }

    /// The bundle that the client trusts.
    pub fn bundle(&self, shown: &[Certificate]) -> String {
        let mut bundle = self.root.certificate.pem();
        if shown.contains(&Certificate::InterceptedTrusted) {
            bundle.push_str(&self.appliance.certificate.pem());
        }
        bundle
    }

    /// The lab's root alone.
    pub fn root(&self) -> CertificateDer<'static> {
        self.root.certificate.der().clone()
    }

    /// A server that shows this certificate.
    pub fn server(&self, kind: Certificate) -> Arc<ServerConfig> {
        let (chain, key) = self.chain(kind);
        let chain = chain.iter().map(|certificate| certificate.der().clone()).collect();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider speaks TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("key and certificate belong together");
        Arc::new(config)
    }

    /// The same for other programs: the chain and the key as PEM texts.
    pub fn files(&self, kind: Certificate) -> (String, String) {
        let (chain, key) = self.chain(kind);
        (chain.iter().map(Signed::pem).collect(), key.serialize_pem())
    }

    /// What a server of this kind sends, the leaf first, and the leaf's key.
    fn chain(&self, kind: Certificate) -> (Vec<Signed>, KeyPair) {
        let key = KeyPair::generate().expect("the ring provider makes keys");
        let params = self.leaf(kind);
        let signed = |authority: &Authority| {
            params.signed_by(&key, &authority.issuer).expect("the leaf's parameters are well-formed")
        };
        let with = |authority: &Authority| vec![signed(authority), authority.certificate.clone()];
        let chain = match kind {
            Certificate::SelfSigned => vec![params.self_signed(&key).expect("the leaf's parameters are well-formed")],
            Certificate::MissingIntermediate => vec![signed(&self.issuing)],
            Certificate::IssuerExpired => with(&self.outdated),
            Certificate::UnknownAuthority => with(&self.stranger),
            Certificate::Intercepted | Certificate::InterceptedTrusted => with(&self.appliance),
            _ => with(&self.issuing),
        };
        (chain, key)
    }

    fn leaf(&self, kind: Certificate) -> CertificateParams {
        let names: &[&str] = if kind == Certificate::WrongName { &["intranet.example.net"] } else { &NAMES };
        let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
            .expect("the names are well-formed");
        if kind != Certificate::WrongName {
            params.subject_alt_names.extend([WEB, SECOND_WEB].map(|address| SanType::IpAddress(ip(address))));
        }
        params.distinguished_name.push(DnType::CommonName, names[0]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let (from, until) = match kind {
            Certificate::Expired => (self.now - 60 * DAY, self.now - 3 * DAY),
            Certificate::NotYetValid => (self.now + 3 * DAY, self.now + 60 * DAY),
            Certificate::Fresh => (self.now - HOUR, self.now + 60 * DAY),
            _ => (self.now - 30 * DAY, self.now + 60 * DAY),
        };
        params.not_before = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(from);
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(until);
        params
    }
}

fn authority(organisation: &str, name: &str, now: u64, above: Option<&Authority>) -> Authority {
    authority_until(organisation, name, now + 1_000 * DAY, above)
}

/// An authority of some years that is good until this second.
fn authority_until(organisation: &str, name: &str, until: u64, above: Option<&Authority>) -> Authority {
    let key = KeyPair::generate().expect("the ring provider makes keys");
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, organisation);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(until - 2_000 * DAY);
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(until);
    let certificate = match above {
        Some(above) => params.signed_by(&key, &above.issuer),
        None => params.self_signed(&key),
    };
    let certificate = certificate.expect("the authority's parameters are well-formed");
    Authority { issuer: Issuer::new(params, key), certificate }
}
