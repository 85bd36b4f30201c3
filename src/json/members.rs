//! Finds members of a JSON object, as JSON text, in one pass.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::canonical::without_escapes;
use super::error::{DecodeError, whole, without_mark};
use super::pointer;

/// The member at a place, as JSON text in which strings do not have unnecessary escapes; `None` if there is no such
/// member.
pub(crate) type MemberText<'a> = Option<Cow<'a, str>>;

/// The places in a JSON object whose members are wanted.
#[derive(Default)]
pub(crate) struct Places {
    places: ObjectPlaces,
    count: usize,
}

/// The places within one object.
#[derive(Default)]
struct ObjectPlaces {
    members: Vec<MemberPlace>,
    /// One bit for each name. Most names that are not wanted set another bit.
    bits: u64,
}

struct MemberPlace {
    name: String,
    index: usize,
    within: ObjectPlaces,
}

impl Places {
    /// Adds the place of a JSON pointer, and returns the index of its member in [`Places::read`]. Returns `None` for
    /// the empty pointer, which does not point to a member.
    pub(crate) fn add(&mut self, pointer: &str) -> Option<usize> {
        self.places.add(&pointer::names(pointer).collect::<Vec<_>>(), &mut self.count)
    }

    /// Calls `of` with the members at these places, and returns its result.
    ///
    /// A value that is not an object does not have members. A duplicate member is an error, as in decoding, because
    /// readers of JSON differ in which of the two they use.
    pub(crate) fn read<'a, T>(
        &self,
        json: &'a [u8],
        of: impl FnOnce(&[MemberText<'a>]) -> T,
    ) -> Result<T, DecodeError> {
        // A few members do not need heap memory.
        let (mut few, mut many) = ([const { None }; 4], Vec::new());
        let found = few.get_mut(..self.count).unwrap_or_else(|| {
            many.resize(self.count, None);
            &mut many
        });
        self.places.read(json, found)?;
        Ok(of(found))
    }
}

impl ObjectPlaces {
    fn add(&mut self, names: &[Cow<'_, str>], count: &mut usize) -> Option<usize> {
        let (name, rest) = names.split_first()?;
        if self.get(name).is_none() {
            self.members.push(MemberPlace { name: name.to_string(), index: *count, within: Self::default() });
            self.bits |= bit(name);
            *count += 1;
        }
        let place = self.members.iter_mut().find(|place| place.name == *name)?;
        if rest.is_empty() { Some(place.index) } else { place.within.add(rest, count) }
    }

    fn get(&self, name: &str) -> Option<&MemberPlace> {
        if self.bits & bit(name) == 0 {
            return None;
        }
        self.members.iter().find(|place| place.name == name)
    }

    fn read<'a>(&self, json: &'a [u8], found: &mut [MemberText<'a>]) -> Result<(), DecodeError> {
        if without_mark(json).trim_ascii_start().first() == Some(&b'{') {
            decode(ObjectReader { places: self, found }, json)
        } else {
            decode(PhantomData::<IgnoredAny>, json).map(drop)
        }
    }
}

fn bit(name: &str) -> u64 {
    let first = name.bytes().next().unwrap_or_default();
    1 << ((name.len() + usize::from(first)) % 64)
}

/// Decodes a value that borrows from the text. Errors have the pointer of the root.
fn decode<'a, S: DeserializeSeed<'a>>(seed: S, json: &'a [u8]) -> Result<S::Value, DecodeError> {
    let text = without_mark(json);
    // If the whole text is UTF-8, its strings need not be checked one by one.
    let decoded = match std::str::from_utf8(text) {
        Ok(text) => whole(seed, serde_json::Deserializer::from_str(text)),
        Err(_) => whole(seed, serde_json::Deserializer::from_slice(text)),
    };
    decoded.map_err(|error| DecodeError::at_root(json, error).0)
}

/// Reads an object for the members at its places.
struct ObjectReader<'p, 'f, 'a> {
    places: &'p ObjectPlaces,
    found: &'f mut [MemberText<'a>],
}

impl<'de> DeserializeSeed<'de> for ObjectReader<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ObjectReader<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(place) = map.next_key_seed(MemberName(self.places))? {
            let Some(MemberPlace { name, index, within }) = place else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = map.next_value::<&RawValue>()?.get();
            let before = self.found.get_mut(*index).and_then(|member| member.replace(without_escapes(value)));
            if before.is_some() {
                return Err(A::Error::custom(format_args!("duplicate member `{name}`")));
            }
            if !within.members.is_empty() {
                within.read(value.as_bytes(), self.found).map_err(|error| A::Error::custom(error.message))?;
            }
        }
        Ok(())
    }
}

/// Reads a member's name, and returns its place if there is one.
struct MemberName<'p>(&'p ObjectPlaces);

impl<'de, 'p> DeserializeSeed<'de> for MemberName<'p> {
    type Value = Option<&'p MemberPlace>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'p> Visitor<'_> for MemberName<'p> {
    type Value = Option<&'p MemberPlace>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.get(name))
    }
}

#[cfg(test)]
mod tests {
    use super::{MemberText, Places};

    /// No specification has pointers of more than one token yet.
    #[test]
    fn members_of_members_are_found() {
        let mut places = Places::default();
        let indexes = ["/a/b", "/a", "/a/b/c", "/d/e", "/a"].map(|pointer| places.add(pointer).unwrap());
        assert_eq!(places.add(""), None);
        let found = |json: &str| {
            let texts = |found: &[MemberText<'_>]| indexes.map(|index| found[index].as_deref().map(String::from));
            places.read(json.as_bytes(), texts).map_err(|error| error.message)
        };
        let all = found(r#"{"x": {"d": 1}, "a": {"b": {"c": "\u0061"}}, "d": [{"e": 1}]}"#).unwrap();
        let (a, b) = (r#"{"b": {"c": "\u0061"}}"#, r#"{"c": "\u0061"}"#);
        let expected = [Some(b), Some(a), Some(r#""a""#), None, Some(a)];
        assert_eq!(all, expected.map(|text| text.map(String::from)));
        for twice in [r#"{"a": 1, "a": {"b": 2}}"#, r#"{"a": {"b": 1}, "a": 1}"#] {
            assert_eq!(found(twice).unwrap_err(), "duplicate member `a`");
        }
        assert_eq!(found(r#"{"a": {"b": {"c": 1, "c": 2}}}"#).unwrap_err(), "duplicate member `c`");
    }
}
