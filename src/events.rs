//! What the generated events of all providers share.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::catalogue::{Condition, Event};
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
        Ok(Self {
            name: name.to_owned(),
            payload: crate::decode::decode(json)?,
        })
    }
}

/// The name of the event whose conditions all hold.
pub(crate) fn identify(events: &'static [Event], json: &[u8]) -> Result<Option<&'static str>, DecodeError> {
    let root: &RawValue = crate::decode::decode_borrowed(json)?;
    let holds = |condition: &Condition| match condition {
        Condition::Equals(pointer, expected) => member(root, pointer).is_some_and(|found| same(found, expected)),
        Condition::Present(pointer) => member(root, pointer).is_some(),
        Condition::Absent(pointer) => member(root, pointer).is_none(),
    };
    let found = events
        .iter()
        .find(|event| !event.when.is_empty() && event.when.iter().all(holds));
    Ok(found.map(|event| event.name))
}

/// The value at a JSON pointer, as its text.
fn member<'a>(root: &'a RawValue, pointer: &str) -> Option<&'a RawValue> {
    pointer.split('/').skip(1).try_fold(root, |value, token| {
        let members: HashMap<Cow<'a, str>, &'a RawValue> = serde_json::from_str(value.get()).ok()?;
        members
            .get(token.replace("~1", "/").replace("~0", "~").as_str())
            .copied()
    })
}

/// Whether two JSON texts of a scalar mean the same; a string may be written with escapes.
fn same(found: &RawValue, expected: &str) -> bool {
    found.get() == expected
        || matches!(
            (serde_json::from_str::<String>(found.get()), serde_json::from_str::<String>(expected)),
            (Ok(found), Ok(expected)) if found == expected
        )
}
