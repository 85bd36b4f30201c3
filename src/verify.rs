//! Whether a delivery comes from its provider.
//!
//! Verification looks at the raw bytes of the body, at headers, and at the clock it is given. It returns nothing but
//! success or a [`VerifyError`], parses a body only where members of it are signed, and never trusts what the request says of
//! its own host.

/// The clock that a replay window is held against: `Timestamp::now()`.
pub use jiff::Timestamp;

use crate::catalogue::Provider;
pub use crate::signature::{CustomVerification, Headers, ReceiverError, ToSign, Verifier, VerifyError, sign};
use crate::{Acknowledgement, DecodeError};

/// Why a delivery was not received.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// It is not taken to come from the provider. Answer 401.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The delivery comes from the provider, but its payload does not decode. Keep the bytes and the event's name, and send
    /// [`Undecodable::acknowledgement`]: the provider would only send the same again.
    #[error(transparent)]
    Decode(Box<Undecodable>),
}

/// A delivery that comes from its provider and whose payload does not decode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
#[non_exhaustive]
pub struct Undecodable {
    /// The name of the event, as far as the delivery or the receiver says it; `None` where only the payload would.
    pub event: Option<String>,
    /// What does not fit.
    #[source]
    pub error: DecodeError,
    /// What the provider expects as answer to this event.
    pub acknowledgement: Acknowledgement,
}

impl ReceiveError {
    pub(crate) fn undecodable(provider: &'static Provider, event: &str, error: DecodeError) -> Self {
        Self::Decode(Box::new(Undecodable {
            event: Some(event).filter(|event| !event.is_empty()).map(str::to_owned),
            error,
            acknowledgement: crate::events::acknowledgement(provider, event),
        }))
    }
}
