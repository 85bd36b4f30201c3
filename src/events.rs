//! What the generated events of all providers share.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::catalogue::{Event, Provider};
use crate::decode::{decode_seed, without_mark};
use crate::{DecodeError, Json};

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

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// A hash of the event's name and of what identifies it: the members at these paths, and with `whole` the payload, with the
/// members that no specification describes. `None` where a member is missing, null or blank. A hash, since some of it is
/// personal or secret and the key ends up in databases and logs.
pub(crate) fn idempotency_key<const N: usize>(
    name: &str,
    json: &[u8],
    whole: bool,
    paths: [&[&str]; N],
    first: impl Fn(&str) -> bool,
) -> Option<String> {
    let json = without_mark(json);
    let mut hash = Sha256::new_with_prefix(name);
    let mut add = |json: &[u8]| {
        // No JSON value contains a raw line feed that is not white space, so that parts cannot be shifted.
        hash.update(b"\n");
        hash.update(json);
    };
    for member in members(json, paths, first).ok()? {
        let json = member.filter(|json| json != "null" && text(json).is_none_or(|text| !is_blank(&text)))?;
        add(json.as_bytes());
    }
    if whole {
        let mut canonical = Vec::with_capacity(json.len());
        let written =
            std::str::from_utf8(json).is_ok_and(|json| write_canonical(json, NESTED, &mut canonical).is_some());
        // What has no canonical form is still the same where its bytes are.
        add(if written { &canonical } else { json.trim_ascii() });
    }
    Some(hex::encode(hash.finalize()))
}

/// How deep a payload may be nested that has a canonical form.
const NESTED: usize = 64;

/// Writes JSON without white space and needless escapes, members in the order of their names. Numbers stay as they are
/// written.
fn write_canonical(json: &str, nested: usize, out: &mut Vec<u8>) -> Option<()> {
    let json = json.trim_ascii();
    match json.as_bytes().first()? {
        b'{' => {
            let mut members = serde_json::from_str::<AllMembers<'_>>(json).ok()?.0;
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            out.push(b'{');
            for (name, value) in members {
                serde_json::to_writer(&mut *out, &name).ok()?;
                out.push(b':');
                write_canonical(value.get(), nested.checked_sub(1)?, out)?;
                out.push(b',');
            }
            out.push(b'}');
        }
        b'[' => {
            out.push(b'[');
            for value in serde_json::from_str::<Vec<&RawValue>>(json).ok()? {
                write_canonical(value.get(), nested.checked_sub(1)?, out)?;
                out.push(b',');
            }
            out.push(b']');
        }
        _ => out.extend_from_slice(without_escapes(json).as_bytes()),
    }
    Some(())
}

/// The members of an object, those of one name included.
struct AllMembers<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for AllMembers<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = AllMembers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(AllMembers(members))
            }
        }

        deserializer.deserialize_map(All)
    }
}

/// The name that a payload gives itself: the first of these members that is a text, and not a blank one.
pub(crate) fn own_name<'a>(members: impl IntoIterator<Item = Option<&'a str>>) -> Option<String> {
    members.into_iter().flatten().filter_map(text).find(|name| !is_blank(name))
}

/// The text that a JSON string is of; `None` where the JSON is another value.
fn text(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

/// The members of a JSON object at these paths, as JSON text in which a string is written without needless escapes.
///
/// Of a value that is no object there are none. A member that is there twice is refused, as decoding does it: which one
/// counts would be a guess. `first` says whether any path begins with a name; the generated code knows the names, and a
/// comparison with what is known is much faster than one with what is looked up.
pub(crate) fn members<'a, const N: usize>(
    json: &'a [u8],
    paths: [&[&str]; N],
    first: impl Fn(&str) -> bool,
) -> Result<[Option<Cow<'a, str>>; N], DecodeError> {
    Ok(members_as_written(json, paths, first)?.map(|member| member.map(without_escapes)))
}

fn members_as_written<'a, const N: usize>(
    json: &'a [u8],
    paths: [&[&str]; N],
    first: impl Fn(&str) -> bool,
) -> Result<[Option<&'a str>; N], DecodeError> {
    if crate::decode::without_mark(json).trim_ascii_start().first() == Some(&b'{') {
        decode_seed(Members { paths, first }, json)
    } else {
        decode_seed(PhantomData::<IgnoredAny>, json).map(|_| [None; N])
    }
}

struct Members<'p, const N: usize, F> {
    paths: [&'p [&'p str]; N],
    first: F,
}

impl<'de, const N: usize, F: Fn(&str) -> bool> DeserializeSeed<'de> for Members<'_, N, F> {
    type Value = [Option<&'de str>; N];

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize, F: Fn(&str) -> bool> Visitor<'de> for Members<'_, N, F> {
    type Value = [Option<&'de str>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut seen = [false; N];
        let mut found = [None; N];
        while let Some(name) = map.next_key_seed(Name(&self))? {
            let Some(name) = name else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = map.next_value::<&RawValue>()?.get();
            for ((path, seen), found) in self.paths.iter().zip(&mut seen).zip(&mut found) {
                let Some((_, rest)) = path.split_first().filter(|(first, _)| **first == name) else { continue };
                if std::mem::replace(seen, true) {
                    return Err(A::Error::custom(format_args!("duplicate member `{name}`")));
                }
                *found = if rest.is_empty() {
                    Some(value)
                } else {
                    let [member] = members_as_written(value.as_bytes(), [rest], (|_| true) as fn(&str) -> bool)
                        .map_err(|error| A::Error::custom(error.message))?;
                    member
                };
            }
        }
        Ok(found)
    }
}

/// Reads a member's name, and gives it where one of the paths begins with it.
struct Name<'m, 'p, const N: usize, F>(&'m Members<'p, N, F>);

impl<'de, 'p, const N: usize, F: Fn(&str) -> bool> DeserializeSeed<'de> for Name<'_, 'p, N, F> {
    type Value = Option<&'p str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'p, const N: usize, F: Fn(&str) -> bool> Visitor<'_> for Name<'_, 'p, N, F> {
    type Value = Option<&'p str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        if !(self.0.first)(name) {
            return Ok(None);
        }
        Ok(self.0.paths.iter().filter_map(|path| path.first().copied()).find(|first| *first == name))
    }
}

fn without_escapes(text: &str) -> Cow<'_, str> {
    // Nothing but a string is compared or hashed where there is a backslash.
    if !text.starts_with('"') || !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let string = serde_json::from_str::<String>(text).and_then(|string| serde_json::to_string(&string));
    string.map_or(Cow::Borrowed(text), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::members;

    /// No specification has pointers of more than one token yet.
    #[test]
    fn members_of_members_are_found() {
        let paths: [&[&str]; 4] = [&["a"], &["a", "b"], &["a", "b", "c"], &["d", "e"]];
        let first = |name: &str| matches!(name, "a" | "d");
        let found = |json: &str| {
            let found = members(json.as_bytes(), paths, first).map_err(|error| error.message)?;
            Ok::<_, String>(found.map(|member| member.map(String::from)))
        };
        let all = found(r#"{"x": {"d": 1}, "a": {"b": {"c": "\u0061"}}, "d": [{"e": 1}]}"#).unwrap();
        let expected = [Some(r#"{"b": {"c": "\u0061"}}"#), Some(r#"{"c": "\u0061"}"#), Some(r#""a""#), None];
        assert_eq!(all, expected.map(|text| text.map(String::from)));
        for twice in [r#"{"a": 1, "a": {"b": 2}}"#, r#"{"a": {"b": 1}, "a": 1}"#] {
            assert_eq!(found(twice).unwrap_err(), "duplicate member `a`");
        }
        assert_eq!(found(r#"{"a": {"b": {"c": 1, "c": 2}}}"#).unwrap_err(), "duplicate member `c`");
    }
}
