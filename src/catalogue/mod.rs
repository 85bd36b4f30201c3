//! What a provider's specification says, as data: servers, operations, events, schemas and examples.
//!
//! The build writes a description of every specification, one JSON text, and this is what it is read into: `PROVIDER` of each
//! module, and what [`Provider::read`] makes of a text at run time. Tests, the command line and validation walk it, so that none
//! of them repeats what is in the specification.

mod body;
mod call;
mod event;
mod json_schema;
mod provider;
mod read;
mod redelivery;
mod registration;
mod schema;
mod signature;

pub use body::{Body, Example, Origin, Response};
pub use call::{Credential, CredentialPlace, Operation, Parameter, Server, Variable};
pub use event::{Condition, Event, EventNamePlace};
#[cfg(feature = "schemars")]
pub(crate) use json_schema::for_schemars;
pub use provider::{Provider, Source, UnknownName};
pub use read::DescriptionError;
pub use redelivery::{Attempts, Failure, Redelivery};
pub use registration::{Registration, RegistrationCall, Role, SecretOrigin, Values};
pub(crate) use schema::RustType;
pub use schema::{Model, Schema, SchemaKind};
pub use signature::{
    Algorithm, Custom, Digest, Encoding, FormPart, Hash, Id, Key, KeyEncoding, KeyPlace, Keys, Part, Signature, Time,
    TimeFormat, Verification,
};
