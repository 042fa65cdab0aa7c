//! The two trust stores: this machine's own, which is what programs feel, and the public one, which tells a
//! certificate that only this machine trusts (a company's own authority, or an inspection product) from one that
//! everybody trusts. Both are built once and only where a handshake needs them: reading the system's bundle costs
//! milliseconds.

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, RootCertStore};
use std::sync::{Arc, OnceLock};
use tokio::sync::OnceCell;

/// Why a store does not accept a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    Expired,
    NotYetValid,
    Name,
    UnknownIssuer,
    Revoked,
    /// The store itself holds nothing or cannot be read, and why.
    NoStore(String),
    /// In the library's words.
    Other(String),
}

impl Reason {
    /// The word for facts.
    pub fn word(&self) -> &'static str {
        match self {
            Reason::Expired => "expired",
            Reason::NotYetValid => "not_yet_valid",
            Reason::Name => "name",
            Reason::UnknownIssuer => "unknown_issuer",
            Reason::Revoked => "revoked",
            Reason::NoStore(_) => "no_trust_store",
            Reason::Other(_) => "invalid",
        }
    }

    fn of(error: &rustls::Error) -> Reason {
        use CertificateError as E;
        match error {
            rustls::Error::InvalidCertificate(error) => match error {
                E::Expired | E::ExpiredContext { .. } => Reason::Expired,
                E::NotValidYet | E::NotValidYetContext { .. } => Reason::NotYetValid,
                E::NotValidForName | E::NotValidForNameContext { .. } => Reason::Name,
                E::UnknownIssuer => Reason::UnknownIssuer,
                E::Revoked => Reason::Revoked,
                other => Reason::Other(super::bounded(&other.to_string())),
            },
            other => Reason::Other(super::bounded(&other.to_string())),
        }
    }
}

/// A store's word on a certificate.
pub type Verdict = Result<(), Reason>;

/// Both stores.
#[derive(Debug)]
pub struct Trust {
    provider: Arc<CryptoProvider>,
    system: Result<Arc<dyn ServerCertVerifier>, String>,
    public: OnceLock<Public>,
}

#[derive(Debug)]
struct Public {
    verifier: Option<Arc<WebPkiServerVerifier>>,
    /// Subjects of the roots, as the store keeps them: without the outer header.
    subjects: Vec<Vec<u8>>,
}

impl Trust {
    /// The stores of this machine, read once, away from the thread that waits for the network.
    pub async fn of_this_machine() -> Arc<Trust> {
        static TRUST: OnceCell<Arc<Trust>> = OnceCell::const_new();
        let read = || async {
            let read = tokio::task::spawn_blocking(Trust::read).await;
            Arc::new(read.unwrap_or_else(|error| Trust::with_system(Err(error.to_string()))))
        };
        Arc::clone(TRUST.get_or_init(read).await)
    }

    fn read() -> Trust {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let system = rustls_platform_verifier::Verifier::new(Arc::clone(&provider))
            .map(|verifier| Arc::new(verifier) as Arc<dyn ServerCertVerifier>)
            .map_err(|error| super::bounded(&error.to_string()));
        let trust = Trust { provider, system, public: OnceLock::new() };
        trust.public();
        trust
    }

    fn with_system(system: Result<Arc<dyn ServerCertVerifier>, String>) -> Trust {
        Trust { provider: Arc::new(rustls::crypto::ring::default_provider()), system, public: OnceLock::new() }
    }

    /// Stores that hold these roots.
    #[cfg(test)]
    pub fn in_roots(system: &[CertificateDer<'static>], public: &[CertificateDer<'static>]) -> Arc<Trust> {
        let trust = Trust::with_system(Err("empty".to_owned()));
        let own = verifier(&trust.provider, system.iter().cloned()).verifier;
        let system = own.map(|verifier| verifier as Arc<dyn ServerCertVerifier>).ok_or_else(|| "empty".to_owned());
        let known = OnceLock::from(verifier(&trust.provider, public.iter().cloned()));
        Arc::new(Trust { system, public: known, ..trust })
    }

    fn public(&self) -> &Public {
        self.public.get_or_init(|| verifier(&self.provider, webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned()))
    }

    /// The cryptography that both use.
    pub fn provider(&self) -> &Arc<CryptoProvider> {
        &self.provider
    }

    /// What this machine's own store says of a chain, leaf first.
    pub fn system_verdict(&self, chain: &[CertificateDer<'_>], name: &ServerName<'_>) -> Verdict {
        match &self.system {
            Ok(verifier) => verdict(verifier.as_ref(), chain, name),
            Err(why) => Err(Reason::NoStore(why.clone())),
        }
    }

    /// What the public roots say of it.
    pub fn public_verdict(&self, chain: &[CertificateDer<'_>], name: &ServerName<'_>) -> Verdict {
        match &self.public().verifier {
            Some(verifier) => verdict(verifier.as_ref(), chain, name),
            None => Err(Reason::UnknownIssuer),
        }
    }

    /// Whether a distinguished name (DER, with its header) is that of a public root.
    pub fn is_public_root(&self, name: &[u8]) -> bool {
        self.public().subjects.iter().any(|subject| name.ends_with(subject) && name.len() - subject.len() <= 4)
    }
}

fn verifier(provider: &Arc<CryptoProvider>, roots: impl Iterator<Item = CertificateDer<'static>>) -> Public {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots);
    let subjects = store.roots.iter().map(|root| root.subject.as_ref().to_vec()).collect();
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider)).build().ok();
    Public { verifier, subjects }
}

fn verdict(verifier: &dyn ServerCertVerifier, chain: &[CertificateDer<'_>], name: &ServerName<'_>) -> Verdict {
    let Some((leaf, rest)) = chain.split_first() else {
        return Err(Reason::Other("no certificate was sent".to_owned()));
    };
    let result = verifier.verify_server_cert(leaf, rest, name, &[], UnixTime::now());
    result.map(drop).map_err(|error| Reason::of(&error))
}
