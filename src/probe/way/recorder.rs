//! Keeps the chain that a server shows, also where it is refused, with what both trust stores say of it.

use super::trust::{Trust, Verdict};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use std::sync::{Arc, Mutex};

/// Certificates of a chain that are kept; the library itself ends a handshake message at 64 KiB.
const CHAIN_LIMIT: usize = 16;

/// What the server showed, and what the stores say of it.
#[derive(Debug, Clone)]
pub(super) struct Presented {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) system: Verdict,
    pub(super) public: Verdict,
    pub(super) name_fits: bool,
}

/// Asks both stores, keeps the chain, and returns the system's verdict, so that a bad chain ends the handshake as it
/// does for programs.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) trust: Arc<Trust>,
    pub(super) presented: Mutex<Option<Presented>>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let sent = std::iter::once(leaf).chain(rest).take(CHAIN_LIMIT);
        let chain: Vec<CertificateDer<'static>> = sent.map(|certificate| certificate.clone().into_owned()).collect();
        let system = self.trust.system_verdict(&chain, name);
        let public = self.trust.public_verdict(&chain, name);
        let parsed = ParsedCertificate::try_from(leaf);
        let name_fits = parsed.is_ok_and(|parsed| verify_server_name(&parsed, name).is_ok());
        let refused = system.is_err();
        if let Ok(mut kept) = self.presented.lock() {
            *kept = Some(Presented { chain, system, public, name_fits });
        }
        if refused {
            // The reason is in the record; this one only chooses the alert.
            return Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.trust.provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.trust.provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.provider().signature_verification_algorithms.supported_schemes()
    }
}
