//! The HTTP client of this crate, and its TLS.

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};

use super::error::SetupError;

/// Returns a builder for an HTTP client with the TLS of this crate's features, which does not follow redirects. Use it to make
/// an HTTP client for [`Options::http_client`](super::Options::http_client), for example with a proxy. With rustls, the TLS is
/// complete: settings of the builder such as further certificates or a minimum version have no effect. For those, give the
/// builder a configuration of your own with `tls_backend_preconfigured`.
///
/// With `rustls`, the cryptography is that of the installed [`CryptoProvider`](https://docs.rs/rustls/0.23/rustls/crypto/struct.CryptoProvider.html)
/// or else ring; with `rustls-no-provider`, it is that of the installed one. Certificates are checked as the operating system
/// does. Without `rustls` and `rustls-no-provider`, the TLS is that of `native-tls` or of a feature of reqwest that another
/// crate enables.
///
/// # Errors
///
/// Returns an error if the crate was compiled with `rustls-no-provider` and no provider is installed, or if the certificates
/// of the operating system cannot be read.
pub fn http_client() -> Result<ClientBuilder, SetupError> {
    let builder = Client::builder().redirect(Policy::none());
    with_tls(builder)
}

/// Builds a client.
#[cfg(any(feature = "native-tls", feature = "rustls-no-provider"))]
pub(super) fn build(builder: ClientBuilder) -> Result<Client, SetupError> {
    builder.build().map_err(SetupError::HttpClient)
}

/// Builds a client. If another crate enables rustls without cryptography, and the program has not installed any, reqwest
/// panics.
#[cfg(not(any(feature = "native-tls", feature = "rustls-no-provider")))]
pub(super) fn build(builder: ClientBuilder) -> Result<Client, SetupError> {
    let built = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| builder.build()));
    built.map_err(|_| SetupError::NoCryptoProvider)?.map_err(SetupError::HttpClient)
}

#[cfg(feature = "rustls-no-provider")]
fn with_tls(builder: ClientBuilder) -> Result<ClientBuilder, SetupError> {
    use std::sync::Arc;

    use rustls::ClientConfig;
    use rustls::crypto::CryptoProvider;
    use rustls_platform_verifier::Verifier;

    let provider = CryptoProvider::get_default().cloned();
    #[cfg(feature = "rustls")]
    let provider = provider.or_else(|| Some(Arc::new(rustls::crypto::ring::default_provider())));
    let provider = provider.ok_or(SetupError::NoCryptoProvider)?;
    let tls = |error: rustls::Error| SetupError::Tls(error.into());
    let verifier = Verifier::new(Arc::clone(&provider)).map_err(tls)?;
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(tls)?;
    let mut config = config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    if cfg!(feature = "http2") {
        config.alpn_protocols.push(b"h2".to_vec());
    }
    config.alpn_protocols.push(b"http/1.1".to_vec());
    Ok(builder.tls_backend_preconfigured(config))
}

#[cfg(all(feature = "native-tls", not(feature = "rustls-no-provider")))]
fn with_tls(builder: ClientBuilder) -> Result<ClientBuilder, SetupError> {
    Ok(builder.tls_backend_native())
}

#[cfg(not(any(feature = "native-tls", feature = "rustls-no-provider")))]
fn with_tls(builder: ClientBuilder) -> Result<ClientBuilder, SetupError> {
    Ok(builder)
}

/// Whether this crate's own HTTP client has TLS.
pub(super) const fn has_tls() -> bool {
    cfg!(any(feature = "native-tls", feature = "rustls-no-provider"))
}

/// Whether the certificate of the server is the reason why a connection failed.
#[cfg(feature = "rustls-no-provider")]
pub(super) fn is_about_the_certificate(error: &reqwest::Error) -> bool {
    use std::error::Error;
    use std::io;

    let mut cause = error.source();
    while let Some(error) = cause {
        // The source of an I/O error is not the error that it contains.
        let mut inner = error;
        while let Some(contained) = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            inner = contained;
        }
        if matches!(inner.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(not(feature = "rustls-no-provider"))]
pub(super) fn is_about_the_certificate(_: &reqwest::Error) -> bool {
    false
}
