//! JSON text to a value, where every reader comes to the same one.
//!
//! RFC 8259 leaves open which of two members of one name counts and what becomes of a number that a double cannot hold;
//! readers differ. Both are errors here.

use std::cell::Cell;
use std::fmt;
use std::sync::LazyLock;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::validate::NotJson;

/// Whether another crate has switched on `serde_json/arbitrary_precision`. What is valid must not depend on it.
static ARBITRARY_PRECISION: LazyLock<bool> = LazyLock::new(|| serde_json::from_str::<Value>("1e400").is_ok());

pub(crate) fn parse(json: &[u8]) -> Result<Value, NotJson> {
    let found_zero = Cell::new(false);
    let tree = Tree { found_zero: &found_zero, names_first: false };
    let value = tree.parse(json).map_err(|error| {
        if !error.is_data() {
            return NotJson::new(json, &error);
        }
        // Once more, for the place of the name; that of the error is behind the member.
        let found = Tree { names_first: true, ..tree }.parse(json);
        let error = found.err().unwrap_or(error);
        NotJson { line: error.line(), column: error.column(), message: DUPLICATE.to_owned() }
    })?;
    if (*ARBITRARY_PRECISION || found_zero.get())
        && let Some((line, column)) = beyond_double(json)
    {
        return Err(NotJson { line, column, message: "number out of range".to_owned() });
    }
    if *ARBITRARY_PRECISION {
        // Numbers come to the visitor in a form that only serde_json's own understands.
        return serde_json::from_slice(json).map_err(|error| NotJson::new(json, &error));
    }
    Ok(value)
}

const DUPLICATE: &str = "the name of a member comes twice in its object";

/// Makes the value that serde_json's own visitor makes.
#[derive(Clone, Copy)]
struct Tree<'a> {
    /// Set where a number with a fraction or an exponent was read as zero, which it may not be.
    found_zero: &'a Cell<bool>,
    /// Looks for a name before its value is read. That takes time.
    names_first: bool,
}

impl Tree<'_> {
    /// The one thing that can be wrong with the data, and not with the syntax, is a name that comes twice.
    fn parse(self, json: &[u8]) -> serde_json::Result<Value> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let value = deserializer.deserialize_any(self)?;
        deserializer.end()?;
        Ok(value)
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        if value == 0.0 {
            self.found_zero.set(true);
        }
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let is_twice = self.names_first && values.contains_key(&name);
            if is_twice || values.insert(name, members.next_value_seed(self)?).is_some() {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(Value::Object(values))
    }
}

/// Line and column of the end of the first number that as a double would be infinite, or zero without being it.
fn beyond_double(json: &[u8]) -> Option<(usize, usize)> {
    let (mut in_string, mut escaped, mut start) = (false, false, None);
    for (at, byte) in json.iter().copied().chain([b'\n']).enumerate() {
        match (in_string, byte) {
            (true, _) => {
                in_string = escaped || byte != b'"';
                escaped = !escaped && byte == b'\\';
            }
            (false, b'-' | b'0'..=b'9') => start = start.or(Some(at)),
            (false, b'+' | b'.' | b'e' | b'E') => {}
            (false, _) => {
                in_string = byte == b'"';
                let number = start.take().and_then(|start| json.get(start..at));
                if !number.is_none_or(fits_double) {
                    let before = json.get(..at).unwrap_or_default();
                    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
                    return Some((1 + before.iter().filter(|byte| **byte == b'\n').count(), line.len()));
                }
            }
        }
    }
    None
}

fn fits_double(number: &[u8]) -> bool {
    let Some(value) = str::from_utf8(number).ok().and_then(|number| number.parse::<f64>().ok()) else {
        return true;
    };
    let digits = number.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
    value.is_finite() && (value != 0.0 || !digits.iter().any(|digit| matches!(digit, b'1'..=b'9')))
}
