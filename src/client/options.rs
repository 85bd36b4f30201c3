//! The settings of a client.

use std::fmt;
use std::time::Duration;

use super::retries::Retries;

/// The settings of a client.
#[derive(Clone)]
pub struct Options {
    pub(super) timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) max_answer_bytes: usize,
    pub(super) retries: Retries,
    pub(super) plain_http: bool,
    pub(super) http_client: Option<reqwest::Client>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The default headers of the caller's own client may contain secrets.
        f.debug_struct("Options")
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("max_answer_bytes", &self.max_answer_bytes)
            .field("retries", &self.retries)
            .field("plain_http", &self.plain_http)
            .finish_non_exhaustive()
    }
}

impl Default for Options {
    /// 30 seconds for a call with all of its [`Retries`], 10 seconds to connect, and responses of up to 1 MiB.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            max_answer_bytes: 1024 * 1024,
            retries: Retries::default(),
            plain_http: false,
            http_client: None,
        }
    }
}

impl Options {
    /// Sets the time limit of a call, from asking for a token to the last byte of the last try's response.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the time limit of one attempt to connect.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the maximum size of a response body in bytes. A longer body is the error
    /// [`ErrorKind::TooLarge`](super::ErrorKind::TooLarge).
    #[must_use]
    pub fn max_answer_bytes(mut self, bytes: usize) -> Self {
        self.max_answer_bytes = bytes;
        self
    }

    /// Sets when and how often a call is retried.
    #[must_use]
    pub fn retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// Allows an `http://` server that is not on this machine. Tokens and secrets are then sent unencrypted, so use
    /// this only for a test server in your own network, never for a provider.
    #[must_use]
    pub fn allow_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Uses your own HTTP client, for example with a proxy, a certificate or a shared connection pool. Make it with
    /// [`http_client`](super::http_client()): with the feature `rustls` of this crate, reqwest itself does not have any
    /// cryptography, and panics unless the program has installed a `CryptoProvider`.
    ///
    /// The settings of this crate's own client then do not apply: [`Options::connect_timeout`], the user agent, that a
    /// server on this machine is called without a proxy, and that redirects are not followed. A client that follows
    /// redirects sends the body and all headers of a request except `Authorization` to the host that a response names,
    /// so build your client with `redirect::Policy::none()`. [`Options::timeout`] and [`Options::max_answer_bytes`]
    /// still apply.
    #[must_use]
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http_client = Some(client);
        self
    }
}
