//! Finds members of a JSON object, as JSON text, in one pass.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, IntoDeserializer as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
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
        self.with_room(|found| {
            self.places.read(json, found)?;
            Ok(of(found))
        })
    }

    /// Decodes an object, and converts it and the members at these places, in one pass. A large value is moved only once. `None`
    /// if there is any error.
    pub(crate) fn decode<'a, V: Deserialize<'a>, T>(
        &self,
        json: &'a str,
        make: impl FnOnce(V, &[MemberText<'a>]) -> Option<T>,
    ) -> Option<T> {
        self.with_room(|found| {
            let mut json = serde_json::Deserializer::from_str(json);
            let reader = ObjectReader { places: &self.places, found: &mut *found, read: PhantomData::<V> };
            match reader.deserialize(&mut json) {
                Ok(value) if json.end().is_ok() => make(value, found),
                Ok(_) | Err(_) => None,
            }
        })
    }

    /// A few members do not need heap memory.
    #[inline]
    fn with_room<'a, T>(&self, read: impl FnOnce(&mut [MemberText<'a>]) -> T) -> T {
        let mut few = [const { None }; 4];
        match few.get_mut(..self.count) {
            Some(found) => read(found),
            None => read(&mut vec![None; self.count]),
        }
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
            decode(ObjectReader { places: self, found, read: PhantomData::<IgnoredAny> }, json).map(drop)
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

/// Reads an object as a `V`, and copies the members at its places.
struct ObjectReader<'p, 'f, 'a, V> {
    places: &'p ObjectPlaces,
    found: &'f mut [MemberText<'a>],
    read: PhantomData<V>,
}

impl<'de, V: Deserialize<'de>> DeserializeSeed<'de> for ObjectReader<'_, '_, 'de, V> {
    type Value = V;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V, D::Error> {
        let Self { places, found, read: _ } = self;
        V::deserialize(Copying { inner: deserializer, places, found, place: None })
    }
}

/// A deserializer of an object, its visitor, or the access to its members, which copies members on the way.
struct Copying<'p, 'f, 'a, T> {
    inner: T,
    places: &'p ObjectPlaces,
    found: &'f mut [MemberText<'a>],
    /// The place of the member whose name was read last.
    place: Option<&'p MemberPlace>,
}

impl<'p, 'f, 'a, T> Copying<'p, 'f, 'a, T> {
    /// Reads an object for a visitor, whatever the visitor asked for.
    fn visit<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, T::Error>
    where
        T: Deserializer<'a>,
    {
        let Self { inner, places, found, place } = self;
        inner.deserialize_map(Copying { inner: visitor, places, found, place })
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Copying<'_, '_, 'de, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.visit(visitor)
    }

    /// The text of a value is not read member by member.
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, _: V) -> Result<V::Value, D::Error> {
        Err(D::Error::custom("an object is expected"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Copying<'_, '_, 'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        let Self { inner: visitor, places, found, place } = self;
        visitor.visit_map(Copying { inner: map, places, found, place })
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Copying<'_, '_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.inner.next_key_seed(MemberName { seed, places: self.places, place: &mut self.place })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        let Some(MemberPlace { name, index, within }) = self.place else { return self.inner.next_value_seed(seed) };
        let value = self.inner.next_value::<&RawValue>()?;
        let before = self.found.get_mut(*index).and_then(|member| member.replace(without_escapes(value.get())));
        if before.is_some() {
            return Err(A::Error::custom(format_args!("duplicate member `{name}`")));
        }
        if !within.members.is_empty() {
            within.read(value.get().as_bytes(), self.found).map_err(|error| A::Error::custom(error.message))?;
        }
        seed.deserialize(value).map_err(A::Error::custom)
    }
}

/// Reads a member's name with a seed, and finds its place if there is one.
struct MemberName<'p, 's, K> {
    seed: K,
    places: &'p ObjectPlaces,
    place: &'s mut Option<&'p MemberPlace>,
}

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for MemberName<'_, '_, K> {
    type Value = K::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<K::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'de, K: DeserializeSeed<'de>> Visitor<'de> for MemberName<'_, '_, K> {
    type Value = K::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<K::Value, E> {
        *self.place = self.places.get(name);
        self.seed.deserialize(name.into_deserializer())
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
