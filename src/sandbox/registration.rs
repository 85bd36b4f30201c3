//! The registrations with a simulated provider.

use serde::Serialize;

use crate::Secret;

/// A webhook that is registered with the sandbox.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Registration {
    /// The registration's id; its URL if the provider does not use ids.
    pub id: String,
    /// The registered URL, to which events are delivered.
    pub url: String,
    /// The names of the events that are delivered.
    pub events: Vec<String>,
    /// Whether the registration is active.
    pub active: bool,
    /// The secret that deliveries are signed with; empty if the caller did not choose one, in which case deliveries are
    /// not signed. If the registration is for several events, those whose signature has a
    /// [`credential`](crate::catalogue::Signature::credential) are signed with that one instead.
    pub secret: Secret,
}
