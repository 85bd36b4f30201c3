//! Verifies that a delivery comes from its provider.
//!
//! Verification uses the raw bytes of the body, the headers, and the given time. It returns success or a
//! [`VerifyError`], parses a body only if members of it are signed, and never uses the host that the request names.

/// The time that a replay window is compared with: `Timestamp::now()`.
pub use jiff::Timestamp;

pub use crate::handshake::{HandshakeAnswer, HandshakeError};
pub use crate::receiver::{ReceiveError, Undecodable};
pub use crate::signature::{CustomVerification, Headers, ReceiverError, ToSign, Verifier, VerifyError, sign};
