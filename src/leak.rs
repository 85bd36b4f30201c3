//! Reading from JSON what lives as long as the program: texts and lists are leaked, texts without escapes are borrowed from
//! the text that they are read from.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(transparent)]
struct Text(#[serde(borrow)] Cow<'static, str>);

impl Text {
    fn leak(self) -> &'static str {
        match self.0 {
            Cow::Borrowed(text) => text,
            Cow::Owned(text) => text.leak(),
        }
    }
}

struct List<T: 'static>(&'static [T]);

impl<T: Deserialize<'static>> Deserialize<'static> for List<T> {
    fn deserialize<D: Deserializer<'static>>(deserializer: D) -> Result<Self, D::Error> {
        list(deserializer).map(Self)
    }
}

/// A text.
pub(crate) fn text<D: Deserializer<'static>>(deserializer: D) -> Result<&'static str, D::Error> {
    Text::deserialize(deserializer).map(Text::leak)
}

/// A text, or null.
pub(crate) fn optional_text<D: Deserializer<'static>>(deserializer: D) -> Result<Option<&'static str>, D::Error> {
    Ok(Option::<Text>::deserialize(deserializer)?.map(Text::leak))
}

/// A list of texts.
pub(crate) fn texts<D: Deserializer<'static>>(deserializer: D) -> Result<&'static [&'static str], D::Error> {
    Ok(Vec::<Text>::deserialize(deserializer)?.into_iter().map(Text::leak).collect::<Vec<_>>().leak())
}

/// A list.
pub(crate) fn list<T: Deserialize<'static>, D: Deserializer<'static>>(
    deserializer: D,
) -> Result<&'static [T], D::Error> {
    Vec::deserialize(deserializer).map(|list| &*list.leak())
}

/// A list of lists.
pub(crate) fn lists<T: Deserialize<'static>, D: Deserializer<'static>>(
    deserializer: D,
) -> Result<&'static [&'static [T]], D::Error> {
    Ok(Vec::<List<T>>::deserialize(deserializer)?.into_iter().map(|list| list.0).collect::<Vec<_>>().leak())
}
