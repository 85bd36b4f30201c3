//! The values of an account's headers and secrets, which the description accepts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::Secret;
use crate::catalogue::{Algorithm, KeyEncoding, Parameter, Provider};
use crate::sandbox::random::Random;
use crate::signature::key_pair;

/// A value that a header accepts: a listed one or a random one. `None` if no such value is known, and for an optional
/// header that is not a credential.
pub(super) fn value_of(header: &Parameter, random: &mut Random) -> Option<Secret> {
    let schema: Value = serde_json::from_str(header.schema).unwrap_or_default();
    let has_listed = schema.pointer("/enum/0").or_else(|| schema.get("default")).is_some();
    if !has_listed && !header.required && !is_credential(&schema) {
        return None;
    }
    let made = [random.token().expose().to_owned(), random.id(), "123456".to_owned(), "true".to_owned()];
    header.first_valid(made).map(Secret::from)
}

/// Whether a schema describes a secret.
pub(in crate::sandbox) fn is_credential(schema: &Value) -> bool {
    schema.get("format").is_some_and(|format| format == "password")
}

/// The secret of a receiver.
pub(super) struct MadeSecret {
    pub secret: Secret,
    /// The private key that belongs to a secret which is a public key.
    pub private: Option<Secret>,
}

/// A new secret in the form that the provider's signatures need.
pub(super) fn made_secret(provider: &Provider, random: &mut Random) -> MadeSecret {
    let Some(signature) = provider.verification.as_ref().and_then(|it| it.signature(None)) else {
        return MadeSecret { secret: random.token(), private: None };
    };
    let prefixed = |text: &str| Secret::from(format!("{}{text}", signature.key.prefix));
    if signature.algorithm == Algorithm::Ed25519 {
        let encoded = |bytes: &[u8]| match signature.key.encoding {
            KeyEncoding::Hex => hex::encode(bytes),
            KeyEncoding::Text | KeyEncoding::Base64 => STANDARD.encode(bytes),
        };
        let (public, private) = key_pair(random.seed());
        return MadeSecret { secret: prefixed(&encoded(&public)), private: Some(encoded(&private).into()) };
    }
    let text = match signature.key.encoding {
        KeyEncoding::Hex => random.token(),
        KeyEncoding::Text | KeyEncoding::Base64 => random.key(),
    };
    MadeSecret { secret: prefixed(text.expose()), private: None }
}
