//! One engine for the signatures of all providers: it verifies, signs and shows what is signed, as a description says.

mod custom;
mod encoding;
mod error;
mod form;
mod headers;
mod key;
mod member;
mod proof;
mod scheme;
mod sign;
mod text;
mod time;
mod verifier;

pub use custom::CustomVerification;
pub use error::{ReceiverError, VerifyError};
pub use headers::Headers;
pub use sign::{ToSign, sign};
pub use verifier::Verifier;
