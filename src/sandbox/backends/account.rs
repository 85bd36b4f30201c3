//! What an account is given: values that the description accepts, for headers and secrets.

use serde_json::Value;

use crate::Secret;
use crate::catalogue::{KeyEncoding, Parameter, Provider};
use crate::sandbox::random::Random;

/// The headers that are the same for every call, each once.
pub(in crate::sandbox) fn constant_headers(provider: &'static Provider) -> Vec<&'static Parameter> {
    let mut found: Vec<&Parameter> = Vec::new();
    for header in provider.operations.iter().flat_map(|operation| operation.headers).filter(|it| it.constant) {
        match found.iter_mut().find(|known| known.name.eq_ignore_ascii_case(header.name)) {
            Some(known) if header.required => *known = header,
            Some(_) => {}
            None => found.push(header),
        }
    }
    found
}

/// The name of a constant header among the credentials of an account.
pub(in crate::sandbox) fn credential_name(header: &str) -> String {
    header.to_ascii_lowercase().replace('-', "_")
}

/// A value that a header accepts: a listed one, or else a random one. `None` where none is known, and for one that need not be sent and is not a credential.
pub(super) fn value_of(header: &Parameter, random: &mut Random) -> Option<Secret> {
    let schema: Value = serde_json::from_str(header.schema).unwrap_or_default();
    let listed = schema.pointer("/enum/0").or_else(|| schema.get("default"));
    let listed = listed.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned).into());
    if listed.is_none() && !header.required && !is_credential(&schema) {
        return None;
    }
    let made = [random.token(), random.id().into(), "123456".into(), "true".into()];
    listed.into_iter().chain(made).find(|value: &Secret| header.validate(value.expose()).is_ok())
}

/// Whether a schema is that of something secret.
pub(in crate::sandbox) fn is_credential(schema: &Value) -> bool {
    schema.get("format").is_some_and(|format| format == "password")
}

/// A new secret in the form that the provider's signatures want.
pub(super) fn made_secret(provider: &Provider, random: &mut Random) -> Secret {
    let Some(signature) = provider.verification.as_ref().and_then(|it| it.signature(None)) else {
        return random.token();
    };
    let text = match signature.key.encoding {
        KeyEncoding::Hex => random.token(),
        KeyEncoding::Text | KeyEncoding::Base64 => random.key(),
    };
    format!("{}{}", signature.key.prefix, text.expose()).into()
}
