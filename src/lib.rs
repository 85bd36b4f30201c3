//! Typed clients, payload models and strict validation for the webhooks of point-of-sale and payment providers.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod catalogue;
#[cfg(feature = "client")]
pub mod client;
mod decode;
mod events;
mod json_schema;
#[cfg(feature = "validate")]
pub mod validate;
mod values;

#[cfg(feature = "dealpos")]
pub mod dealpos;
#[cfg(feature = "mipos")]
pub mod mipos;
#[cfg(feature = "mypos")]
pub mod mypos;
#[cfg(feature = "vipps")]
pub mod vipps;

#[cfg(feature = "client")]
pub use client::AnyError;
pub use decode::DecodeError;
pub use events::UnknownEvent;
pub use values::{Json, Number, NumberError, Secret, Time, TimeError};
