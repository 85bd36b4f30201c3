//! What the generated events of all providers share.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::catalogue::{Condition, Event, Provider};
use crate::{DecodeError, Json};

/// An event that the specification does not list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownEvent {
    /// Its name, empty where the delivery did not say.
    pub name: String,
    /// What was delivered, as it came.
    pub payload: Json,
}

impl UnknownEvent {
    pub(crate) fn decode(name: &str, json: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self { name: name.to_owned(), payload: crate::decode::decode(json)? })
    }
}

/// What a provider expects as answer to a delivery.
///
/// Send it only once the event is in safe hands: a provider that got it does not deliver again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Acknowledgement {
    /// The documented status; 200 where the provider accepts any of its class, or documents none.
    pub status: http::StatusCode,
    /// The media type of the body; `None` where there is no body.
    pub content_type: Option<&'static str>,
    /// The documented body; empty where there is none.
    pub body: &'static str,
    /// How long the provider waits for it, from sending the delivery on; `None` where it documents no limit.
    ///
    /// Do what takes longer after the answer. [`Provider::redelivery`] tells what follows otherwise.
    pub within: Option<Duration>,
}

impl<B: From<&'static str>> From<Acknowledgement> for http::Response<B> {
    fn from(answer: Acknowledgement) -> Self {
        let mut response = http::Response::new(B::from(answer.body));
        *response.status_mut() = answer.status;
        if let Some(media_type) = answer.content_type {
            response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(media_type));
        }
        response
    }
}

/// The documented success of an event; of an event that is not documented, an empty 200.
pub(crate) fn acknowledgement(provider: &'static Provider, name: &str) -> Acknowledgement {
    let answers = find(provider.events, name).map_or(&[][..], |event| event.answers);
    let success = answers.iter().find(|answer| answer.status.starts_with('2'));
    let body = success.and_then(|answer| answer.body.as_ref());
    Acknowledgement {
        status: success.and_then(|answer| answer.status.parse().ok()).unwrap_or(http::StatusCode::OK),
        content_type: body.map(|body| body.media_type),
        body: body.and_then(|body| body.examples.first()).map_or("", |example| example.json),
        within: provider.redelivery.as_ref().and_then(|redelivery| redelivery.answer_within),
    }
}

/// The event of that name.
pub(crate) fn find(events: &'static [Event], name: &str) -> Option<&'static Event> {
    events.iter().find(|event| event.name == name)
}

/// A hash of the event's name and of what identifies it. A hash, since some of it is personal or secret and the key ends
/// up in databases and logs.
pub(crate) fn idempotency_key(events: &'static [Event], name: &str, payload: &impl serde::Serialize) -> Option<String> {
    let event = find(events, name).filter(|event| !event.idempotency_key.is_empty())?;
    let payload = serde_json::value::to_raw_value(payload).ok()?;
    let members = members(&payload)?;
    let mut hash = Sha256::new_with_prefix(name);
    for pointer in event.idempotency_key {
        let value = within(&members, pointer)?.get();
        // No JSON value contains a raw line feed that is not white space, so that parts cannot be shifted.
        hash.update([b'\n']);
        hash.update(value);
    }
    Some(hex::encode(hash.finalize()))
}

/// The name of the event whose conditions all hold.
pub(crate) fn identify(events: &'static [Event], json: &[u8]) -> Result<Option<&'static str>, DecodeError> {
    let root: &RawValue = crate::decode::decode_borrowed(json)?;
    // Once for all conditions of all events.
    let members = members(root).unwrap_or_default();
    let holds = |condition: &Condition| match condition {
        Condition::Equals(pointer, expected) => within(&members, pointer).is_some_and(|found| same(found, expected)),
        Condition::Present(pointer) => within(&members, pointer).is_some(),
        Condition::Absent(pointer) => within(&members, pointer).is_none(),
    };
    let found = events.iter().find(|event| !event.when.is_empty() && event.when.iter().all(holds));
    Ok(found.map(|event| event.name))
}

type Members<'a> = HashMap<Cow<'a, str>, &'a RawValue>;

fn members(value: &RawValue) -> Option<Members<'_>> {
    serde_json::from_str(value.get()).ok()
}

/// The value at a JSON pointer into an object, as its text.
fn within<'a>(members: &Members<'a>, pointer: &str) -> Option<&'a RawValue> {
    let mut tokens = pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"));
    let first = *members.get(tokens.next()?.as_str())?;
    tokens.try_fold(first, |value, token| self::members(value)?.get(token.as_str()).copied())
}

/// Whether two JSON texts of a scalar mean the same; a string may be written with escapes.
fn same(found: &RawValue, expected: &str) -> bool {
    found.get() == expected
        || matches!(
            (serde_json::from_str::<String>(found.get()), serde_json::from_str::<String>(expected)),
            (Ok(found), Ok(expected)) if found == expected
        )
}
