//! The certificates that this system trusts, as far as one file holds them.

use rustls::pki_types::CertificateDer;
use std::env::var_os;
use std::path::PathBuf;

/// The trusted certificates that are in one file, where the folder beside it has one for each. None where only a folder
/// is set (by the names that OpenSSL takes), or where there is no such file.
pub fn bundled_roots() -> Option<Vec<CertificateDer<'static>>> {
    let file = match (var_os("SSL_CERT_FILE"), var_os("SSL_CERT_DIR")) {
        (Some(file), _) => PathBuf::from(file),
        (None, Some(_)) => return None,
        (None, None) => openssl_probe::probe().cert_file?,
    };
    let roots = rustls_native_certs::load_certs_from_paths(Some(&file), None).certs;
    (!roots.is_empty()).then_some(roots)
}
