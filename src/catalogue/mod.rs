//! The content of a provider's specification, as data: servers, operations, events, schemas and examples.
//!
//! The build writes a description of every specification as one JSON text. `PROVIDER` of each module is read from that
//! text, and [`Provider::read`] reads a description at run time. Tests, the command line and validation use these
//! types, so that nothing in the specification is repeated elsewhere.

mod body;
mod call;
mod event;
mod fidelity;
mod handshake;
mod json_schema;
mod place;
mod provider;
mod read;
mod redelivery;
mod registration;
mod schema;
mod signature;
mod token;

pub use body::{Body, Example, Origin, Response};
#[cfg(feature = "sandbox")]
pub(crate) use call::credential_name;
pub use call::{Credential, CredentialPlace, Operation, Parameter, Security, Server, Variable};
pub(crate) use event::Identification;
pub use event::{Condition, Event, EventNamePlace};
pub use fidelity::{Difference, Omission};
pub use handshake::{
    Handshake, HandshakeBody, HandshakeCondition, HandshakeMac, HandshakeMember, HandshakeMethod, HandshakePart,
    HandshakePlace, HandshakeValue,
};
#[cfg(feature = "schemars")]
#[doc(hidden)]
pub use json_schema::for_schemars;
pub use provider::{Provider, Source, UnknownName};
pub use read::DescriptionError;
pub use redelivery::{Attempts, Failure, Redelivery};
#[cfg(feature = "sandbox")]
pub(crate) use registration::is_on;
pub use registration::{
    EventRegistration, RegistrationCall, RegistrationCalls, Role, SecretOrigin, SubscriptionCalls, Values,
};
#[cfg(feature = "schemars")]
#[doc(hidden)]
pub use schema::Generate;
#[doc(hidden)]
pub use schema::{JsonSchemaOfModel, RustType};
pub use schema::{Model, Schema, SchemaKind};
pub use signature::{
    Algorithm, Custom, DeliveryId, DeliveryTime, Digest, Encoding, FormPart, Hash, Key, KeyEncoding, KeyPlace, Keys,
    Part, Signature, TimeFormat, Verification,
};
pub use token::{
    ClientCredential, ConstantMember, PlacedCredential, TokenExpiry, TokenGrant, TokenPlace, TokenRefresh,
};
