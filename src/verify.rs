//! Whether a delivery comes from its provider.
//!
//! Verification looks at the raw bytes of the body, at headers, and at the clock it is given. It returns nothing but
//! success or a [`VerifyError`], parses a body only where members of it are signed, and never trusts what the request says of
//! its own host.

/// The clock that a replay window is held against: `Timestamp::now()`.
pub use jiff::Timestamp;

pub use crate::receiver::{ReceiveError, Undecodable};
pub use crate::signature::{CustomVerification, Headers, ReceiverError, ToSign, Verifier, VerifyError, sign};
