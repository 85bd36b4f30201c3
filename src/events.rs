//! What the generated events of all providers share.

use std::borrow::Cow;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::catalogue::{Condition, Provider};
use crate::json::canonical::canonical;
use crate::json::error::{DecodeError, without_mark};
use crate::values::Json;

/// An event that the specification does not list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownEvent {
    /// Its name; `None` where the delivery does not say.
    pub name: Option<String>,
    /// What was delivered, as it came.
    pub payload: Json,
}

impl UnknownEvent {
    pub(crate) fn decode(name: &str, json: &[u8]) -> Result<Self, DecodeError> {
        let name = Some(name).filter(|name| !is_blank(name)).map(str::to_owned);
        Ok(Self { name, payload: crate::decode::decode(json)? })
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
    /// Do what takes longer after the answer. [`Provider::redelivery`] says what follows otherwise.
    pub within: Option<Duration>,
}

impl<B: From<&'static str>> From<Acknowledgement> for http::Response<B> {
    fn from(answer: Acknowledgement) -> Self {
        let mut response = http::Response::new(B::from(answer.body));
        *response.status_mut() = answer.status;
        if let Some(media_type) = answer.content_type.and_then(|text| http::HeaderValue::from_str(text).ok()) {
            response.headers_mut().insert(http::header::CONTENT_TYPE, media_type);
        }
        response
    }
}

/// The documented success of an event; of an event that is not documented, an empty 200.
pub(crate) fn acknowledgement(provider: &'static Provider, name: &str) -> Acknowledgement {
    let answers = provider.event(name).map_or(&[][..], |event| event.answers);
    let success = answers.iter().find(|answer| answer.status.starts_with('2'));
    let body = success.and_then(|answer| answer.body.as_ref());
    Acknowledgement {
        status: success.and_then(|answer| answer.status.parse().ok()).unwrap_or(http::StatusCode::OK),
        content_type: body.map(|body| body.media_type),
        body: body.and_then(|body| body.examples.first()).map_or("", |example| example.json),
        within: provider.redelivery.as_ref().and_then(|redelivery| redelivery.answer_within),
    }
}

/// The event that a payload is, by the conditions that the specification tells events apart by; else the name that the payload
/// gives itself, which may be one that the specification does not list.
pub(crate) fn identify(provider: &'static Provider, json: &[u8]) -> Result<Option<Cow<'static, str>>, DecodeError> {
    let identification = provider.identification();
    identification.places.read(json, |members| {
        let member = |index: &Option<usize>| members.get((*index)?)?.as_deref();
        let mut events = provider.events.iter().zip(&identification.conditions);
        let found = events.find(|(event, indexes)| {
            let holds = |(condition, index): (&Condition, &Option<usize>)| match (condition, member(index)) {
                (Condition::Equals(_, wanted), Some(found)) => found == *wanted,
                (Condition::Present(_), Some(_)) | (Condition::Absent(_), None) => true,
                _ => false,
            };
            !event.when.is_empty() && event.when.iter().zip(*indexes).all(holds)
        });
        match found {
            Some((event, _)) => Some(Cow::Borrowed(event.name)),
            None => own_name(identification.own_names.iter().filter_map(member)).map(Cow::Owned),
        }
    })
}

/// The name that a payload gives itself: the first of these members that is a text, and not a blank one.
fn own_name<'a>(members: impl IntoIterator<Item = &'a str>) -> Option<String> {
    members.into_iter().filter_map(text).find(|name| !is_blank(name))
}

/// A hash of the event's name and of what identifies it: members, and where the specification says so the whole payload, with
/// the members that no specification describes. `None` where a member is missing, null or blank. A hash, since some of it is
/// personal or secret and the key ends up in databases and logs.
pub(crate) fn idempotency_key(provider: &'static Provider, event: &str, json: &[u8]) -> Option<String> {
    let mut events = provider.events.iter().zip(&provider.identification().keys);
    let (event, (places, indexes)) =
        events.find(|(known, _)| known.name == event).filter(|(event, _)| !event.idempotency_key.is_empty())?;
    let mut hash = Sha256::new_with_prefix(event.name);
    let mut add = |json: &[u8]| {
        // No JSON value contains a raw line feed that is not white space, so that parts cannot be shifted.
        hash.update(b"\n");
        hash.update(json);
    };
    let identifies = |json: &&str| *json != "null" && text(json).is_none_or(|text| !is_blank(&text));
    let added = places.read(json, |members| {
        indexes.iter().try_for_each(|index| {
            let member = members.get(*index)?.as_deref().filter(identifies)?;
            add(member.as_bytes());
            Some(())
        })
    });
    added.ok().flatten()?;
    if event.idempotency_key.contains(&"") {
        let json = without_mark(json);
        let canonical = std::str::from_utf8(json).ok().and_then(canonical);
        // What has no canonical form is still the same where its bytes are.
        add(canonical.as_deref().unwrap_or_else(|| json.trim_ascii()));
    }
    Some(hex::encode(hash.finalize()))
}

/// The text that a JSON string is of; `None` where the JSON is another value.
fn text(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}
