//! Verifies and signs deliveries of all providers according to their descriptions, and shows the string to sign.

mod custom;
#[cfg(feature = "ed25519")]
mod ed25519;
#[cfg(not(feature = "ed25519"))]
#[path = "no_ed25519.rs"]
mod ed25519;
mod encoding;
mod error;
mod form;
mod headers;
mod key;
mod member;
mod prepared;
mod proof;
mod sign;
mod text;
mod time;
mod verifier;

pub use custom::CustomVerification;
#[cfg(feature = "sandbox")]
pub(crate) use ed25519::key_pair;
pub use error::{ReceiverError, VerifyError};
pub use headers::Headers;
pub(crate) use key::Secrets;
pub use sign::{ToSign, sign};
pub use verifier::Verifier;
