//! Members of a JSON object as their text, found in one pass.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::canonical::without_escapes;
use super::error::{DecodeError, whole, without_mark};
use super::pointer;

/// Where members are looked for: JSON pointers, none of them empty, as the names that they lead along.
pub(crate) struct Paths(Vec<Vec<String>>);

impl Paths {
    pub(crate) fn new<'a>(pointers: impl IntoIterator<Item = &'a str>) -> Self {
        let names = |pointer| pointer::names(pointer).map(Cow::into_owned).collect();
        Self(pointers.into_iter().map(names).collect())
    }

    /// The members at these paths, as JSON text in which a string is written without needless escapes.
    ///
    /// Of a value that is not an object there are none. A member that is there twice is an error, as it is for decoding:
    /// which one counts would be a guess.
    pub(crate) fn read<'a>(&self, json: &'a [u8]) -> Result<Vec<Option<Cow<'a, str>>>, DecodeError> {
        Ok(as_written(json, &self.0)?.into_iter().map(|member| member.map(without_escapes)).collect())
    }
}

fn as_written<'a, P: AsRef<[String]>>(json: &'a [u8], paths: &[P]) -> Result<Vec<Option<&'a str>>, DecodeError> {
    if without_mark(json).trim_ascii_start().first() == Some(&b'{') {
        decode(Members(paths), json)
    } else {
        decode(PhantomData::<IgnoredAny>, json).map(|_| vec![None; paths.len()])
    }
}

/// Decodes what borrows from the text; an error is at the root.
fn decode<'a, S: DeserializeSeed<'a>>(seed: S, json: &'a [u8]) -> Result<S::Value, DecodeError> {
    let text = without_mark(json);
    // Strings are not checked one by one where the whole text is UTF-8.
    let decoded = match std::str::from_utf8(text) {
        Ok(text) => whole(seed, serde_json::Deserializer::from_str(text)),
        Err(_) => whole(seed, serde_json::Deserializer::from_slice(text)),
    };
    decoded.map_err(|error| DecodeError::at_root(json, error).0)
}

struct Members<'p, P>(&'p [P]);

impl<'de, P: AsRef<[String]>> DeserializeSeed<'de> for Members<'_, P> {
    type Value = Vec<Option<&'de str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, P: AsRef<[String]>> Visitor<'de> for Members<'_, P> {
    type Value = Vec<Option<&'de str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut seen = vec![false; self.0.len()];
        let mut found = vec![None; self.0.len()];
        while let Some(name) = map.next_key_seed(First(self.0))? {
            let Some(name) = name else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = map.next_value::<&RawValue>()?.get();
            for ((path, seen), found) in self.0.iter().zip(&mut seen).zip(&mut found) {
                let Some((_, rest)) = path.as_ref().split_first().filter(|(first, _)| *first == name) else { continue };
                if std::mem::replace(seen, true) {
                    return Err(A::Error::custom(format_args!("duplicate member `{name}`")));
                }
                *found = if rest.is_empty() {
                    Some(value)
                } else {
                    let within =
                        as_written(value.as_bytes(), &[rest]).map_err(|error| A::Error::custom(error.message))?;
                    within.into_iter().next().flatten()
                };
            }
        }
        Ok(found)
    }
}

/// Reads a member's name, and gives it where one of the paths begins with it.
struct First<'p, P>(&'p [P]);

impl<'de, 'p, P: AsRef<[String]>> DeserializeSeed<'de> for First<'p, P> {
    type Value = Option<&'p str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'p, P: AsRef<[String]>> Visitor<'_> for First<'p, P> {
    type Value = Option<&'p str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().filter_map(|path| path.as_ref().first()).map(String::as_str).find(|first| *first == name))
    }
}

#[cfg(test)]
mod tests {
    use super::Paths;

    /// No specification has pointers of more than one token yet.
    #[test]
    fn members_of_members_are_found() {
        let paths = Paths::new(["/a", "/a/b", "/a/b/c", "/d/e"]);
        let found = |json: &str| {
            let found = paths.read(json.as_bytes()).map_err(|error| error.message)?;
            Ok::<_, String>(found.into_iter().map(|member| member.map(String::from)).collect::<Vec<_>>())
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
