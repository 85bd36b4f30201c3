//! JSON text: what is wrong with it, and what is in it.

pub(crate) mod canonical;
pub(crate) mod error;
pub(crate) mod members;
pub(crate) mod pointer;
