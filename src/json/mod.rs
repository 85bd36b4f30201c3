//! JSON text: errors, members, pointers and the canonical form.

pub(crate) mod canonical;
pub(crate) mod error;
pub(crate) mod members;
pub(crate) mod pointer;
#[cfg(feature = "sandbox")]
pub mod text;
