//! What the generated event types of all providers share.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::catalogue::{Condition, Event, Identification, Provider, Response};
use crate::decode::FromJson;
use crate::json::canonical::canonical;
use crate::json::error::{DecodeError, without_mark};
use crate::json::members::MemberText;
use crate::values::Json;

/// An event that the specification does not list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownEvent {
    /// The event's name; `None` if the delivery does not contain one.
    pub name: Option<String>,
    /// The payload, as received.
    pub payload: Json,
}

impl UnknownEvent {
    #[doc(hidden)]
    pub fn decode(name: &str, json: &[u8]) -> Result<Self, DecodeError> {
        let name = Some(name).filter(|name| !is_blank(name)).map(str::to_owned);
        Ok(Self { name, payload: crate::decode::decode(json)? })
    }
}

/// The response that a provider expects to a delivery.
///
/// Send it only once the event is stored safely: a provider that has received it does not deliver the event again.
///
/// Some events ask for something that only the receiver knows, such as the points of a customer. The model of such a
/// payload has a method `answer`, which takes the body and returns the acknowledgement with it. The method is not called
/// `acknowledgement`, because `Event::acknowledgement` only confirms the receipt: for these events, it does not have a body.
///
/// If the provider documents other responses, such as 400 for a coupon that is not valid, the model has a method for each of
/// them, such as `answer_bad_request`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Acknowledgement {
    /// The documented status; the first one of a documented class (200 for `2XX`), and 200 if no status is documented.
    pub status: http::StatusCode,
    /// The media type of the body; `None` if there is no body.
    pub content_type: Option<&'static str>,
    /// The documented body; empty if there is none, or if the event asks for a body that only the receiver knows.
    pub body: Cow<'static, str>,
    /// How long the provider waits for the response after it has sent the delivery; `None` if it does not document a
    /// limit.
    ///
    /// Do longer work after the response has been sent. [`Provider::redelivery`] says what happens when the response is
    /// late.
    pub within: Option<Duration>,
}

impl<B: From<&'static str> + From<String>> From<Acknowledgement> for http::Response<B> {
    fn from(answer: Acknowledgement) -> Self {
        let mut response = http::Response::new(match answer.body {
            Cow::Borrowed(documented) => B::from(documented),
            Cow::Owned(made) => B::from(made),
        });
        *response.status_mut() = answer.status;
        if let Some(media_type) = answer.content_type.and_then(|text| http::HeaderValue::from_str(text).ok()) {
            response.headers_mut().insert(http::header::CONTENT_TYPE, media_type);
        }
        response
    }
}

/// The documented success response for an event. For an event that is not documented, it is an empty 200.
pub fn acknowledgement(provider: &'static Provider, name: &str) -> Acknowledgement {
    respond(provider, provider.event(name).and_then(Event::success))
}

/// A documented response, without a body that only the receiver knows.
fn respond(provider: &'static Provider, response: Option<&'static Response>) -> Acknowledgement {
    let body = response.and_then(|response| Some((response.body.as_ref()?, response.acknowledgement?)));
    let example = body.and_then(|(body, name)| body.examples.iter().find(|example| example.name == name));
    let status = response.and_then(|response| response.status.replace("XX", "00").parse().ok());
    Acknowledgement {
        status: status.unwrap_or(http::StatusCode::OK),
        content_type: body.map(|(body, _)| body.media_type),
        body: example.map_or("", |example| example.json).into(),
        within: provider.redelivery.as_ref().and_then(|redelivery| redelivery.answer_within),
    }
}

/// The response to an event that is documented under this status or class, with a body of the receiver if it has one.
pub fn answer<T: Serialize + ?Sized>(
    provider: &'static Provider,
    name: &str,
    status: &str,
    body: Option<&T>,
) -> Acknowledgement {
    let mut responses = provider.event(name).map_or(&[][..], |event| event.responses).iter();
    let response = responses.find(|response| response.status == status);
    let mut answer = respond(provider, response);
    if let Some(body) = body {
        answer.content_type = response.and_then(|response| Some(response.body.as_ref()?.media_type));
        // Only a map with keys that are not text cannot be serialised, and models do not have such maps.
        answer.body = serde_json::to_string(body).unwrap_or_default().into();
    }
    answer
}

/// Identifies the event of a payload by the conditions in the specification. If none holds, the result is the name in
/// the payload, which may be one that the specification does not list.
pub fn identify(provider: &'static Provider, json: &[u8]) -> Result<Option<Cow<'static, str>>, DecodeError> {
    let identification = provider.identification();
    identification.places.read(json, |members| match described(provider, members) {
        Some(name) => Some(Cow::Borrowed(name)),
        None => {
            let member = |index: &Option<usize>| members.get((*index)?)?.as_deref();
            own_name(identification.own_names.iter().filter_map(member)).map(Cow::Owned)
        }
    })
}

/// The first event whose conditions hold for these members.
fn described(provider: &'static Provider, members: &[MemberText<'_>]) -> Option<&'static str> {
    let holds = |(condition, index): (&Condition, &Option<usize>)| match (
        condition,
        index.and_then(|index| members.get(index)?.as_deref()),
    ) {
        (Condition::Equals(_, wanted), Some(found)) => found == *wanted,
        (Condition::Present(_), Some(_)) | (Condition::Absent(_), None) => true,
        _ => false,
    };
    let mut events = provider.events.iter().zip(&provider.identification().conditions);
    let (event, _) =
        events.find(|(event, indexes)| !event.when.is_empty() && event.when.iter().zip(*indexes).all(holds))?;
    Some(event.name)
}

/// Decodes a payload that identifies its event, identifies the event, and converts both, in one pass. `None` if the payload
/// cannot be that of one of these events, which have the type `T`, or if it is not valid: then it has to be read twice, which
/// finds out what it is.
pub fn decode_identified<T: FromJson, E>(
    provider: &'static Provider,
    events: &'static [&'static str],
    json: &[u8],
    make: impl FnOnce(T, &'static str) -> Option<E>,
) -> Option<E> {
    let identification = provider.identification();
    let absent = identification.absent.get_or_init(|| Identification::absent_from(provider.events, events));
    let text = std::str::from_utf8(without_mark(json)).ok()?;
    // Usually the payload of another event. Reading it as a `T` first would take longer than searching for the name.
    if absent.iter().any(|name| text.contains(&**name)) {
        return None;
    }
    identification.places.decode(text, |payload, members| make(payload, described(provider, members)?))
}

/// The event name in the payload: the first of these members that is a string and is not blank.
fn own_name<'a>(members: impl IntoIterator<Item = &'a str>) -> Option<String> {
    members.into_iter().filter_map(text).find(|name| !is_blank(name))
}

/// A hash of the event's name and of the values that identify it: members and, if the specification says so, the whole
/// payload, including members that the specification does not describe. `None` if a member is missing, null or blank.
/// The key is a hash because the values may be personal or secret, and the key ends up in databases and logs.
pub fn idempotency_key(provider: &'static Provider, event: &str, json: &[u8]) -> Option<String> {
    let mut events = provider.events.iter().zip(&provider.identification().keys);
    let (event, (places, indexes)) =
        events.find(|(known, _)| known.name == event).filter(|(event, _)| !event.idempotency_key.is_empty())?;
    let mut hash = Sha256::new_with_prefix(event.name);
    let mut add = |json: &[u8]| {
        // A line feed separates the values unambiguously: in JSON, a raw line feed is only ever white space.
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
        // Without a canonical form, the bytes are compared.
        add(canonical.as_deref().unwrap_or_else(|| json.trim_ascii()));
    }
    Some(hex::encode(hash.finalize()))
}

/// The content of a JSON string; `None` if the JSON is another value.
fn text(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}
