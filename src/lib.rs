//! Typed clients, verified deliveries, payload models and strict validation for the webhooks of point-of-sale and payment providers.
//!
//! Each provider is a module, generated from one OpenAPI document: [`mipos`], [`mypos`], [`dealpos`] and [`vipps`]. The page of
//! a module begins with examples that call an operation, receive a delivery, and test a receiver.
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
//! # What to read first
//!
//! | to | read |
//! | --- | --- |
//! | receive deliveries | `Receiver` and `Event` of the provider's module, and [`verify`] for what is refused; with axum, [`axum`] |
//! | register webhooks and call other operations | `Client` of the provider's module, and [`client`] for credentials, limits and errors |
//! | read a payload | `models` of the provider's module, and [`Number`], [`Time`], [`Secret`] and [`Json`], which keep the text that a provider sent |
//! | find differences between a payload and the specification | [`Provider::validate`](catalogue::Provider::validate) |
//! | test a receiver | `EventName::example` and `Event::delivery` of the provider's module, which make a genuine delivery |
//! | test without the provider | [`sandbox`] |
//! | work with any provider, by its description | [`catalogue`], [`AnyReceiver`] and [`client::AnyClient`] |
//! | add a provider of your own | [`include_provider!`], and `docs/own-provider.md` |
//!
//! # Modules of providers
//!
//! A module has
//!
//! - `Client` and `Credentials` to manage webhooks, with one error enum per operation (feature `client`; DealPOS has no
//!   operations),
//! - `models`: one type for each schema of requests, responses and deliveries,
//! - `EventName` and `Event`: the deliveries, decoded tolerantly, with `Unknown` for events that are not documented yet, and
//!   examples and signed deliveries for tests of your own endpoint,
//! - `Receiver`, which [verifies](verify) the origin of deliveries and decodes them,
//! - `PROVIDER`: the document as [data](catalogue), with its schemas and examples, and
//!   [strict validation](catalogue::Provider::validate) (feature `validate`),
//! - constants for the documented servers.
//!
//! `docs/own-provider.md` describes how to regenerate the code after a change of a document, and how to add a provider.
//!
//! # Features
//!
//! | feature | by default | what it adds |
//! | --- | --- | --- |
//! | `providers` | yes | the module of every provider; each provider is also a feature of its name |
//! | `client` | yes | `Client` of each module, and [`client`] |
//! | `rustls` | yes | TLS for the clients, by rustls with ring |
//! | `rustls-no-provider` | no | TLS by rustls, with the cryptography that the program installs |
//! | `native-tls` | no | TLS by the operating system's library |
//! | `http2` | no | HTTP/2 for the clients |
//! | `validate` | yes | [`validate`], and [`Provider::validate`](catalogue::Provider::validate) |
//! | `ed25519` | no | signatures by Ed25519 |
//! | `axum` | no | [`axum`]: deliveries as arguments of handlers |
//! | `tracing` | no | a log entry for each delivery |
//! | `sandbox` | no | [`sandbox`]: the providers, simulated on this machine |
//! | `schemars` | no | `schemars::JsonSchema` for the models |
//! | `regress` | no | patterns in a document of your own that need an engine for regular expressions |
//! | `lint` | no | mistakes in `specs/` are reported when they are compiled |

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// No single provider uses all of the shared code.
#![cfg_attr(not(feature = "providers"), allow(dead_code, unused_imports, unused_macros))]

// Generated code, which may be in another crate, refers to this one by its name.
extern crate self as pos_webhooks;

#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "sandbox")]
pub mod capture;
pub mod catalogue;
#[cfg(feature = "client")]
pub mod client;
mod decode;
mod delivery;
mod events;
mod handshake;
mod json;
mod leak;
#[macro_use]
mod include;
mod pattern;
#[doc(hidden)]
pub mod private;
mod provider_event;
mod receiver;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod signature;
#[cfg(feature = "validate")]
pub mod validate;
mod values;
pub mod verify;
mod wire;

#[cfg(feature = "client")]
pub use client::AnyError;
pub use events::{Acknowledgement, UnknownEvent};
pub use json::error::DecodeError;
pub use provider_event::ProviderEvent;
pub use receiver::{AnyEvent, AnyReceiver, Registered};
pub use values::{Json, Number, NumberError, Secret, Time, TimeError};

include_providers!();

/// The code of the README and of the pages beside it, compiled and run as documentation.
#[cfg(all(doctest, feature = "sandbox", feature = "providers"))]
mod pages {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../docs/clients.md")]
    mod clients {}
    #[doc = include_str!("../docs/extensions.md")]
    mod extensions {}
    #[doc = include_str!("../docs/own-provider.md")]
    mod own_provider {}
    #[doc = include_str!("../docs/receiving.md")]
    mod receiving {}
    #[doc = include_str!("../docs/sandbox.md")]
    mod sandbox {}
    #[doc = include_str!("../docs/validation.md")]
    mod validation {}
}
