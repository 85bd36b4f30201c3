//! Clients verify the certificate of a server with every kind of TLS, and a missing cryptography is an error.

// Only there does the environment say what a program trusts.
#![cfg(target_os = "linux")]
#![cfg(all(feature = "vipps", any(feature = "native-tls", feature = "rustls-no-provider")))]

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use pos_webhooks::client::{ErrorKind, Options, Retries, SetupError};
use pos_webhooks::vipps;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/authority.pem");
const OTHER_AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/other.pem");
const CERTIFICATE: &[u8] = include_bytes!("tls/server.pem");
const KEY: &[u8] = include_bytes!("tls/server.key");

fn client(url: &str) -> Result<vipps::Client, SetupError> {
    let options = Options::default().retries(Retries::off()).timeout(Duration::from_secs(10));
    vipps::Client::with_options(url, vipps::Credentials::new("token"), options)
}

/// Serves the same list of webhooks to every connection, and returns the URL.
async fn server() -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth();
    let config = config.with_single_cert(vec![certificate], PrivateKeyDer::from_pem_slice(KEY).unwrap()).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust the certificate ends the handshake.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let read = stream.read(&mut [0; 4096]).await.unwrap();
            assert!(read > 0);
            let answer =
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{\"webhooks\":[]}";
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    url
}

/// The certificates that a process trusts are fixed from its start.
#[test]
fn a_trusted_certificate_is_accepted() {
    let (trusts, does_not_trust) = ("within_a_process::that_trusts", "within_a_process::that_does_not_trust");
    for (file, test) in [(AUTHORITY, trusts), (OTHER_AUTHORITY, does_not_trust)] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", test]).env("SSL_CERT_FILE", file).env_remove("SSL_CERT_DIR");
        let output = command.output().unwrap();
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && shown.contains("1 passed"), "{test}: {shown}");
    }
}

mod within_a_process {
    use super::*;

    fn install() {
        #[cfg(all(feature = "rustls-no-provider", not(feature = "rustls")))]
        rustls::crypto::ring::default_provider().install_default().unwrap();
    }

    #[tokio::test]
    #[ignore = "run by a_trusted_certificate_is_accepted"]
    async fn that_trusts() {
        install();
        let webhooks = client(&server().await).unwrap().list_webhooks().await.unwrap();
        assert!(webhooks.webhooks.is_empty());
    }

    #[tokio::test]
    #[ignore = "run by a_trusted_certificate_is_accepted"]
    async fn that_does_not_trust() {
        install();
        let error = client(&server().await).unwrap().list_webhooks().await.unwrap_err();
        if cfg!(feature = "rustls-no-provider") {
            assert!(matches!(error.kind(), ErrorKind::Certificate(_)), "{error:?}");
            assert!(!error.is_retryable() && !error.may_have_been_executed());
            let expected = "list_webhooks: the certificate of the server is not accepted; ";
            assert!(error.to_string().starts_with(expected), "{error}");
        } else {
            assert!(matches!(error.kind(), ErrorKind::Connection(_)), "{error:?}");
        }
    }
}

#[cfg(all(feature = "rustls-no-provider", not(feature = "rustls")))]
#[test]
fn a_missing_cryptography_is_an_error() {
    for url in ["https://shop.example", "http://127.0.0.1:1"] {
        let error = client(url).unwrap_err();
        assert!(matches!(error, SetupError::NoCryptoProvider), "{error:?}");
        assert_eq!(
            error.to_string(),
            "no cryptography for TLS is installed: install a `CryptoProvider` of rustls before the first client, or add the \
             feature `rustls` of pos-webhooks"
        );
    }
}
