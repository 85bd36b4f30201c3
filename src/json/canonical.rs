//! The canonical form of JSON, independent of how it was written.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The maximum nesting of a value that has a canonical form.
const NESTED: usize = 64;

/// The JSON without white space and unnecessary escapes, with members sorted by name. Numbers stay as they are written.
/// `None` if the text is nested too deeply or is not JSON.
pub(crate) fn canonical(json: &str) -> Option<Vec<u8>> {
    canonical_as(json, |number| number.into())
}

/// The same, with numbers and other values that are not strings, arrays or objects in another form.
pub(crate) fn canonical_as(json: &str, number: fn(&str) -> Cow<'_, str>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(json.len());
    write(json, NESTED, number, &mut out)?;
    Some(out)
}

fn write(json: &str, nested: usize, number: fn(&str) -> Cow<'_, str>, out: &mut Vec<u8>) -> Option<()> {
    let json = json.trim_ascii();
    match json.as_bytes().first()? {
        b'{' => {
            let mut members = serde_json::from_str::<AllMembers<'_>>(json).ok()?.0;
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            out.push(b'{');
            for (name, value) in members {
                serde_json::to_writer(&mut *out, &name).ok()?;
                out.push(b':');
                write(value.get(), nested.checked_sub(1)?, number, out)?;
                out.push(b',');
            }
            out.push(b'}');
        }
        b'[' => {
            out.push(b'[');
            for value in serde_json::from_str::<Vec<&RawValue>>(json).ok()? {
                write(value.get(), nested.checked_sub(1)?, number, out)?;
                out.push(b',');
            }
            out.push(b']');
        }
        b'"' => out.extend_from_slice(without_escapes(json).as_bytes()),
        _ => out.extend_from_slice(number(json).as_bytes()),
    }
    Some(())
}

/// The value; if it is a string, without unnecessary escapes.
pub(crate) fn without_escapes(json: &str) -> Cow<'_, str> {
    // A backslash occurs only in strings.
    if !json.starts_with('"') || !json.contains('\\') {
        return Cow::Borrowed(json);
    }
    let string = serde_json::from_str::<String>(json).and_then(|string| serde_json::to_string(&string));
    string.map_or(Cow::Borrowed(json), Cow::Owned)
}

/// The members of an object, including members of the same name.
pub(crate) struct AllMembers<'a>(pub(crate) Vec<(String, &'a RawValue)>);

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
