//! The two trust stores: this machine's own, which is what programs feel, and the public one, which tells a
//! certificate that only this machine trusts (a company's own authority, or an inspection product) from one that
//! everybody trusts. Both are built once and only where a handshake needs them. The system's store is read in two steps,
//! because a bundle is one file and the folder beside it hundreds.

use crate::sys;
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
    /// The part of the system's store that one file holds. What it accepts, the whole store accepts.
    bundle: Option<Arc<WebPkiServerVerifier>>,
    /// The whole store of the system, read once something is not accepted by the bundle.
    system: OnceLock<Result<Arc<dyn ServerCertVerifier>, String>>,
    public: Roots,
}

/// Roots, and who believes in them.
#[derive(Debug)]
struct Roots {
    store: Arc<RootCertStore>,
    verifier: Option<Arc<WebPkiServerVerifier>>,
}

impl Roots {
    fn new(provider: &Arc<CryptoProvider>, store: RootCertStore) -> Roots {
        let store = Arc::new(store);
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::clone(&store), Arc::clone(provider));
        Roots { verifier: builder.build().ok(), store }
    }

    fn of(provider: &Arc<CryptoProvider>, certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Roots {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(certificates);
        Roots::new(provider, store)
    }
}

impl Trust {
    /// The stores of this machine, read once, away from the thread that waits for the network.
    pub async fn of_this_machine() -> Arc<Trust> {
        static TRUST: OnceCell<Arc<Trust>> = OnceCell::const_new();
        let read = || async {
            let bundle = tokio::task::spawn_blocking(sys::bundled_roots).await;
            Arc::new(Trust::with_bundle(bundle.ok().flatten()))
        };
        Arc::clone(TRUST.get_or_init(read).await)
    }

    fn with_bundle(bundle: Option<Vec<CertificateDer<'static>>>) -> Trust {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let public = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        Trust {
            bundle: bundle.and_then(|roots| Roots::of(&provider, roots).verifier),
            public: Roots::new(&provider, public),
            system: OnceLock::new(),
            provider,
        }
    }

    /// Stores that hold these roots.
    #[cfg(test)]
    pub fn in_roots(system: &[CertificateDer<'static>], public: &[CertificateDer<'static>]) -> Arc<Trust> {
        let trust = Trust::with_bundle(None);
        let own = Roots::of(&trust.provider, system.iter().cloned()).verifier;
        let system = own.map(|verifier| verifier as Arc<dyn ServerCertVerifier>).ok_or_else(|| "empty".to_owned());
        let public = Roots::of(&trust.provider, public.iter().cloned());
        Arc::new(Trust { system: OnceLock::from(system), public, ..trust })
    }

    fn system(&self) -> &Result<Arc<dyn ServerCertVerifier>, String> {
        self.system.get_or_init(|| {
            rustls_platform_verifier::Verifier::new(Arc::clone(&self.provider))
                .map(|verifier| Arc::new(verifier) as Arc<dyn ServerCertVerifier>)
                .map_err(|error| super::bounded(&error.to_string()))
        })
    }

    /// The cryptography that both use.
    pub fn provider(&self) -> &Arc<CryptoProvider> {
        &self.provider
    }

    /// What this machine's own store says of a chain, leaf first.
    pub fn system_verdict(&self, chain: &[CertificateDer<'_>], name: &ServerName<'_>) -> Verdict {
        if self.bundle.as_ref().is_some_and(|bundle| verdict(bundle.as_ref(), chain, name).is_ok()) {
            return Ok(());
        }
        match self.system() {
            Ok(verifier) => verdict(verifier.as_ref(), chain, name),
            Err(why) => Err(Reason::NoStore(why.clone())),
        }
    }

    /// What the public roots say of it.
    pub fn public_verdict(&self, chain: &[CertificateDer<'_>], name: &ServerName<'_>) -> Verdict {
        match &self.public.verifier {
            Some(verifier) => verdict(verifier.as_ref(), chain, name),
            None => Err(Reason::UnknownIssuer),
        }
    }

    /// Whether a distinguished name (DER, with its header) is that of a public root.
    pub fn is_public_root(&self, name: &[u8]) -> bool {
        // The store keeps subjects without the outer header, which is at most four bytes here.
        let is_named = |subject: &[u8]| name.ends_with(subject) && name.len() - subject.len() <= 4;
        self.public.store.roots.iter().any(|root| is_named(&root.subject))
    }
}

fn verdict(verifier: &dyn ServerCertVerifier, chain: &[CertificateDer<'_>], name: &ServerName<'_>) -> Verdict {
    let Some((leaf, rest)) = chain.split_first() else {
        return Err(Reason::Other("no certificate was sent".to_owned()));
    };
    let result = verifier.verify_server_cert(leaf, rest, name, &[], UnixTime::now());
    result.map(drop).map_err(|error| Reason::of(&error))
}
