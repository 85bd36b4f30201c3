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

/// The member at a place, as JSON text in which a string is written without needless escapes; `None` where there is none.
pub(crate) type Member<'a> = Option<Cow<'a, str>>;

/// Places in a JSON object, at which members are looked for.
#[derive(Default)]
pub(crate) struct Places {
    level: Level,
    count: usize,
}

/// The places within one object.
#[derive(Default)]
struct Level {
    members: Vec<Place>,
    /// A bit of each name: most names that are not among these have another one.
    bits: u64,
}

struct Place {
    name: String,
    index: usize,
    within: Level,
}

impl Places {
    /// Adds the place of a JSON pointer. Its index in what [`Places::read`] gives; `None` for the empty pointer, which is not
    /// that of a member.
    pub(crate) fn add(&mut self, pointer: &str) -> Option<usize> {
        self.level.add(&pointer::names(pointer).collect::<Vec<_>>(), &mut self.count)
    }

    /// What is made of the members at these places.
    ///
    /// Of a value that is not an object there are none. A member that is there twice is an error, as it is for decoding:
    /// which one counts would be a guess.
    pub(crate) fn read<'a, T>(&self, json: &'a [u8], of: impl FnOnce(&[Member<'a>]) -> T) -> Result<T, DecodeError> {
        // Few members need nothing from the heap.
        let (mut few, mut many) = ([const { None }; 4], Vec::new());
        let found = few.get_mut(..self.count).unwrap_or_else(|| {
            many.resize(self.count, None);
            &mut many
        });
        self.level.read(json, found)?;
        Ok(of(found))
    }
}

impl Level {
    fn add(&mut self, names: &[Cow<'_, str>], count: &mut usize) -> Option<usize> {
        let (name, rest) = names.split_first()?;
        if self.get(name).is_none() {
            self.members.push(Place { name: name.to_string(), index: *count, within: Self::default() });
            self.bits |= bit(name);
            *count += 1;
        }
        let place = self.members.iter_mut().find(|place| place.name == *name)?;
        if rest.is_empty() { Some(place.index) } else { place.within.add(rest, count) }
    }

    fn get(&self, name: &str) -> Option<&Place> {
        if self.bits & bit(name) == 0 {
            return None;
        }
        self.members.iter().find(|place| place.name == name)
    }

    fn read<'a>(&self, json: &'a [u8], found: &mut [Member<'a>]) -> Result<(), DecodeError> {
        if without_mark(json).trim_ascii_start().first() == Some(&b'{') {
            decode(Object { level: self, found }, json)
        } else {
            decode(PhantomData::<IgnoredAny>, json).map(drop)
        }
    }
}

fn bit(name: &str) -> u64 {
    let first = name.bytes().next().unwrap_or_default();
    1 << ((name.len() + usize::from(first)) % 64)
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

/// Reads an object for what is at the places of a level.
struct Object<'p, 'f, 'a> {
    level: &'p Level,
    found: &'f mut [Member<'a>],
}

impl<'de> DeserializeSeed<'de> for Object<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(place) = map.next_key_seed(Name(self.level))? {
            let Some(Place { name, index, within }) = place else {
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

/// Reads a member's name, and gives its place where the level has one.
struct Name<'p>(&'p Level);

impl<'de, 'p> DeserializeSeed<'de> for Name<'p> {
    type Value = Option<&'p Place>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'p> Visitor<'_> for Name<'p> {
    type Value = Option<&'p Place>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.get(name))
    }
}

#[cfg(test)]
mod tests {
    use super::{Member, Places};

    /// No specification has pointers of more than one token yet.
    #[test]
    fn members_of_members_are_found() {
        let mut places = Places::default();
        let indexes = ["/a/b", "/a", "/a/b/c", "/d/e", "/a"].map(|pointer| places.add(pointer).unwrap());
        assert_eq!(places.add(""), None);
        let found = |json: &str| {
            let texts = |found: &[Member<'_>]| indexes.map(|index| found[index].as_deref().map(String::from));
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
