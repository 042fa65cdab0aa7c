//! The certificates that this system trusts, as far as one file holds them.

use rustls::pki_types::CertificateDer;

/// The system's bundle: one file, where the folder beside it is hundreds. None where the environment names another
/// store, or where there is no bundle.
pub fn bundled_roots() -> Option<Vec<CertificateDer<'static>>> {
    if openssl_probe::has_ssl_cert_env_vars() {
        return None;
    }
    let bundle = openssl_probe::probe().cert_file?;
    let roots = rustls_native_certs::load_certs_from_paths(Some(&bundle), None).certs;
    (!roots.is_empty()).then_some(roots)
}
