//! TLS for connections to PostgreSQL, with rustls and ring.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Checks certificates, and the names in them, by the authorities of a file, or as the operating system does.
pub fn connector(authorities: Option<&Path>) -> io::Result<MakeRustlsConnect> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(io::Error::other)?;
    let builder = match authorities {
        Some(file) => builder.with_root_certificates(roots(file)?),
        None => builder.with_platform_verifier().map_err(io::Error::other)?,
    };
    Ok(MakeRustlsConnect::new(builder.with_no_client_auth()))
}

fn roots(file: &Path) -> io::Result<RootCertStore> {
    let unusable = |error: &dyn Display| io::Error::other(format!("{}: {error}", file.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| unusable(&error))? {
        let certificate = certificate.map_err(|error| unusable(&error))?;
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    if roots.is_empty() {
        return Err(unusable(&"the file does not contain a certificate in the form of PEM"));
    }
    Ok(roots)
}
