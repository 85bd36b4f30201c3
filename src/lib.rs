//! Typed clients, verified deliveries, payload models and strict validation for the webhooks of point-of-sale and payment providers.
//!
//! Each provider is a module, generated from one OpenAPI document: [`mipos`], [`mypos`], [`dealpos`] and [`vipps`]. A
//! module has
//!
//! - `Client` and `Credentials` to manage webhooks, with one error enum per operation (feature `client`; DealPOS has no
//!   operations),
//! - `models`: one type per schema of what is sent and received,
//! - `EventName` and `Event`: what is delivered, decoded tolerantly, with `Unknown` for what is not documented yet,
//! - `Receiver`, which [verifies](verify) where a delivery comes from,
//! - `PROVIDER`: the document as [data](catalogue), with its schemas and examples, and
//!   [strict validation](catalogue::Provider::validate) (feature `validate`),
//! - constants for the documented servers.
//!
//! Values keep what a provider wrote: see [`Number`], [`Time`], [`Secret`] and [`Json`].
//!
//! ```
//! # #[cfg(feature = "vipps")] {
//! use pos_webhooks::vipps::{Event, EventName};
//!
//! let body = br#"{"auth_req_id": "qwieuhwqiuhdiuwqh123"}"#;
//! let name = EventName::identify(body)?.ok_or("the payload does not say which event it is")?;
//! let Event::LoginMerchantInitiatedPingV1(ping) = Event::decode(&name, body)? else { unreachable!() };
//! assert_eq!(ping.auth_req_id, "qwieuhwqiuhdiuwqh123");
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The README says how to regenerate after a change of a document, and how to add a provider.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// What the providers share is not all used by each of them.
#![cfg_attr(not(feature = "providers"), allow(dead_code, unused_imports, unused_macros))]

pub mod catalogue;
#[cfg(feature = "client")]
pub mod client;
mod decode;
mod events;
mod json;
mod leak;
mod receiver;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod signature;
mod times;
mod urls;
#[cfg(feature = "validate")]
pub mod validate;
mod values;
pub mod verify;

#[cfg(feature = "client")]
pub use client::AnyError;
pub use events::{Acknowledgement, UnknownEvent};
pub use json::error::DecodeError;
pub use receiver::{AnyEvent, AnyReceiver, Registered};
pub use values::{Json, Number, NumberError, Secret, Time, TimeError};

// A module for every provider that is compiled in, and `PROVIDERS`.
include!(concat!(env!("OUT_DIR"), "/providers.rs"));

/// The README's code, compiled and run as documentation.
#[cfg(all(doctest, feature = "sandbox", feature = "providers"))]
#[doc = include_str!("../README.md")]
mod readme {}
