//! The errors of the sandbox.

use std::io;
use std::net::SocketAddr;

use crate::catalogue::UnknownName;
use crate::client::SetupError;

/// The error of starting a sandbox.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The sandbox cannot listen on the address.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// The HTTP client for deliveries cannot be built.
    #[error("the HTTP client for deliveries cannot be built")]
    HttpClient(#[from] SetupError),
}

/// The sandbox does not have this provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no provider `{name}`; there are: {}", known.join(", "))]
#[non_exhaustive]
pub struct UnknownProvider {
    /// The unknown name.
    pub name: String,
    /// The names of the simulated providers.
    pub known: Vec<&'static str>,
}

/// The error of constructing a client for the sandbox.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The sandbox does not have this provider.
    #[error(transparent)]
    Provider(#[from] UnknownProvider),
    /// The client could not be constructed.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// The error of registering a webhook as in a back office.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The sandbox does not have this provider.
    #[error(transparent)]
    Provider(#[from] UnknownProvider),
    /// The provider documents an operation that registers webhooks for the event.
    #[error("{0} documents an operation that registers webhooks; use the client")]
    ByCalls(&'static str),
    /// Nothing can be delivered to the URL.
    #[error("nothing can be delivered to this URL: {0}")]
    Url(&'static str),
    /// The provider does not have this event.
    #[error(transparent)]
    Event(UnknownName),
    /// The receiver does not answer the provider's handshake as documented.
    #[error("the URL is not registered: {0}")]
    Handshake(String),
    /// A call of the provider's own operation did not succeed.
    #[error("`{operation}` was refused: {reason}")]
    Call {
        /// The `operationId`.
        operation: &'static str,
        /// What the operation responded.
        reason: String,
    },
    /// The provider does not have this registration.
    #[error("there is no registration with the id `{0}`")]
    Registration(String),
}

/// The error of asking the sandbox for a delivery.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DeliverError {
    /// The sandbox does not have this provider.
    #[error(transparent)]
    Provider(#[from] UnknownProvider),
    /// The provider does not have this event.
    #[error("{} has no event `{}`; it has: {}", .0.provider, .0.name, .0.known.join(", "))]
    Event(UnknownName),
    /// The time scale is not a number greater than 0.
    #[error("the time scale is not a number greater than 0")]
    TimeScale,
    /// The maximum number of attempts is 0.
    #[error("at least one attempt has to be allowed")]
    NoAttempt,
}
