//! Deserializes values that live as long as the program: borrowed from the text if possible, otherwise leaked.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::value::RawValue;

use crate::json::pointer::is_pointer;

#[derive(Deserialize)]
struct LongLivedText(#[serde(borrow)] Cow<'static, str>);

impl LongLivedText {
    fn leak(self) -> &'static str {
        match self.0 {
            Cow::Borrowed(text) => text,
            Cow::Owned(text) => Box::leak(text.into_boxed_str()),
        }
    }
}

/// A string.
pub(crate) fn text<D: Deserializer<'static>>(deserializer: D) -> Result<&'static str, D::Error> {
    LongLivedText::deserialize(deserializer).map(LongLivedText::leak)
}

/// A string or null.
pub(crate) fn optional_text<D: Deserializer<'static>>(deserializer: D) -> Result<Option<&'static str>, D::Error> {
    Ok(Option::<LongLivedText>::deserialize(deserializer)?.map(LongLivedText::leak))
}

/// An array of strings.
pub(crate) fn texts<D: Deserializer<'static>>(deserializer: D) -> Result<&'static [&'static str], D::Error> {
    Ok(Vec::<LongLivedText>::deserialize(deserializer)?.into_iter().map(LongLivedText::leak).collect::<Vec<_>>().leak())
}

/// An array.
pub(crate) fn slice<T: Deserialize<'static>, D: Deserializer<'static>>(
    deserializer: D,
) -> Result<&'static [T], D::Error> {
    Ok(Vec::<T>::deserialize(deserializer)?.leak())
}

/// An array of arrays.
pub(crate) fn slices<T: Deserialize<'static>, D: Deserializer<'static>>(
    deserializer: D,
) -> Result<&'static [&'static [T]], D::Error> {
    Ok(Vec::<Slice<T>>::deserialize(deserializer)?.into_iter().map(|slice| slice.0).collect::<Vec<_>>().leak())
}

struct Slice<T: 'static>(&'static [T]);

impl<T: Deserialize<'static>> Deserialize<'static> for Slice<T> {
    fn deserialize<D: Deserializer<'static>>(deserializer: D) -> Result<Self, D::Error> {
        slice(deserializer).map(Self)
    }
}

/// A JSON pointer.
pub(crate) fn pointer<D: Deserializer<'static>>(deserializer: D) -> Result<&'static str, D::Error> {
    checked(text(deserializer)?)
}

/// A JSON pointer or null.
pub(crate) fn optional_pointer<D: Deserializer<'static>>(deserializer: D) -> Result<Option<&'static str>, D::Error> {
    optional_text(deserializer)?.map(checked).transpose()
}

/// An array of JSON pointers.
pub(crate) fn pointers<D: Deserializer<'static>>(deserializer: D) -> Result<&'static [&'static str], D::Error> {
    let pointers = texts(deserializer)?;
    pointers.iter().try_for_each(|pointer| checked(pointer).map(drop))?;
    Ok(pointers)
}

fn checked<E: Error>(pointer: &'static str) -> Result<&'static str, E> {
    if is_pointer(pointer) { Ok(pointer) } else { Err(E::custom(format_args!("`{pointer}` is not a JSON pointer"))) }
}

/// The text of a JSON object.
pub(crate) fn object<D: Deserializer<'static>>(deserializer: D) -> Result<&'static str, D::Error> {
    let json = <&RawValue>::deserialize(deserializer)?.get();
    if json.starts_with('{') { Ok(json) } else { Err(D::Error::custom("this is not an object")) }
}

/// The text of a JSON object, or null.
pub(crate) fn optional_object<D: Deserializer<'static>>(deserializer: D) -> Result<Option<&'static str>, D::Error> {
    let json = <&RawValue>::deserialize(deserializer)?;
    if json.get() == "null" { Ok(None) } else { object(json).map(Some).map_err(D::Error::custom) }
}
