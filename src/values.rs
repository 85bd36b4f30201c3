//! Values that keep the text that a provider sent. Nothing is rounded, normalised or lost between decoding and
//! encoding.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde::de::{DeserializeSeed, Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::json::canonical::AllMembers;
use crate::json::error::{NOT_WHOLE, TOO_LARGE};

/// A JSON number, kept as its text: `100000`, `10.10` and twenty digits are encoded as they were received.
///
/// Two numbers are equal if their texts are. To compare amounts (`10.1` and `10.10`), use [`Number::to_decimal`].
///
/// Like every value that keeps its text, a number can only be decoded from JSON text and from [`serde_json::Value`],
/// directly or as part of your own type. Within a type with `#[serde(flatten)]`, `#[serde(tag = …)]` or
/// `#[serde(untagged)]`, serde buffers values in its own form first, and decoding fails. Use
/// [`serde_json::value::RawValue`] or [`serde_json::Value`] there, and decode the model from it.
#[derive(Clone)]
pub struct Number(Box<RawValue>);

impl Number {
    /// Returns the number as it is written in JSON.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Returns the exact value.
    ///
    /// # Errors
    ///
    /// Returns an error if the value has more digits than a [`Decimal`] holds (28 or 29). The value is never rounded.
    pub fn to_decimal(&self) -> Result<Decimal, NumberError> {
        decimal(self.as_str()).ok_or(NumberError::TooManyDigits)
    }
}

/// The value of a JSON number; `None` if a decimal cannot hold it exactly.
fn decimal(text: &str) -> Option<Decimal> {
    let (digits, exponent) = significant(text)?;
    let significant: i128 = match digits.as_str() {
        "" | "-" => return Some(Decimal::ZERO),
        digits => digits.parse().ok()?,
    };
    let power = u32::try_from(exponent.unsigned_abs()).ok()?;
    if exponent < 0 {
        Decimal::try_from_i128_with_scale(significant, power).ok()
    } else {
        Decimal::try_from_i128_with_scale(significant.checked_mul(10_i128.checked_pow(power)?)?, 0).ok()
    }
}

/// The digits of a JSON number without the zeros at its end, and the power of ten of the last one.
fn significant(text: &str) -> Option<(String, i64)> {
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_end_matches('0');
    let places = i64::try_from(all.len() - digits.len()).ok()? - i64::try_from(fraction.len()).ok()?;
    // An exponent that is too large is only compared.
    let extreme = if exponent.starts_with('-') { i64::MIN } else { i64::MAX };
    let exponent = exponent.parse().unwrap_or(extreme).saturating_add(places);
    Some((digits.to_owned(), exponent))
}

/// The error of constructing a [`Number`], or of converting one to a decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NumberError {
    /// The text is not a JSON number.
    #[error("not a number in JSON's notation (such as `100000` or `10.10`)")]
    NotANumber,
    /// The exact value does not fit a decimal.
    #[error("the number has more digits than an exact decimal holds")]
    TooManyDigits,
}

impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let raw = RawValue::from_string(text.to_owned()).map_err(|_| NumberError::NotANumber)?;
        Self::from_raw(raw).ok_or(NumberError::NotANumber)
    }
}

impl Number {
    fn from_raw(raw: Box<RawValue>) -> Option<Self> {
        raw.get().starts_with(|first: char| first == '-' || first.is_ascii_digit()).then_some(Self(raw))
    }
}

impl TryFrom<Decimal> for Number {
    type Error = NumberError;

    fn try_from(value: Decimal) -> Result<Self, Self::Error> {
        value.to_string().parse()
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        // The digits of an integer are JSON, so the default is never used.
        Self(RawValue::from_string(value.to_string()).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let found = unexpected(raw.get());
        Self::from_raw(raw).ok_or_else(|| D::Error::invalid_type(found, &"a number"))
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({})", self.as_str())
    }
}

/// Any JSON value, kept as its text.
///
/// It is used for values whose members the provider does not document: `2.50` stays `2.50`. It cannot be within a type
/// with `#[serde(flatten)]`, `#[serde(tag = …)]` or `#[serde(untagged)]`; see [`Number`].
#[derive(Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Returns the JSON text, including white space.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Encodes a value of your own type, such as one of `serde_json::json!`.
    ///
    /// # Errors
    ///
    /// Returns an error if the value is not JSON: if the keys of a map are not text, or if its own `Serialize` fails.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        to_raw_value(value).map(Self)
    }

    /// Decodes the value into your own type.
    ///
    /// # Errors
    ///
    /// Returns an error if the value does not fit the type.
    pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }

    /// The members of an object in the order in which they are written, including duplicates; `None` if the value is
    /// not an object.
    pub fn members(&self) -> Option<Vec<(String, Self)>> {
        let AllMembers(members) = self.decode().ok()?;
        Some(members.into_iter().map(|(name, value)| (name, Self(value.to_owned()))).collect())
    }
}

impl FromStr for Json {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        RawValue::from_string(text.to_owned()).map(Self)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({})", self.as_str())
    }
}

macro_rules! raw_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.as_str() == other.as_str()
            }
        }

        impl Eq for $name {}

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

raw_text!(Number);
raw_text!(Json);

/// The kind of a JSON value, for an error that does not show the value.
fn unexpected(json: &str) -> Unexpected<'static> {
    match json.as_bytes().first() {
        Some(b'{') => Unexpected::Map,
        Some(b'[') => Unexpected::Seq,
        Some(b'"') => Unexpected::Str(""),
        Some(b't' | b'f') => Unexpected::Bool(json == "true"),
        Some(b'n') => Unexpected::Unit,
        _ => Unexpected::Other("number"),
    }
}

/// Decodes a struct from a JSON object only. serde's derived code would also accept an array.
pub struct ObjectOnly<D>(pub D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ObjectOnly<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        members: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_struct(name, members, ObjectVisitor(visitor))
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(ObjectVisitor(visitor))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct ObjectVisitor<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for ObjectVisitor<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(members)
    }
}

/// Decodes an optional list or map. Null is treated like a missing member.
pub fn optional<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Like [`optional`], for lists and maps of [`scalars`].
pub fn optional_scalars<'de, T: Scalars + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::decode(deserializer)?.unwrap_or_default())
}

/// Decodes integers as JSON Schema defines them, so that `25800.0` and `2.58e4` are integers as well. Decodes booleans
/// also from `0` and `1`, which servers in PHP send.
pub fn scalars<'de, T: Scalars, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::decode(deserializer)
}

/// The integers and booleans of the models: single, optional, in lists and in maps.
pub trait Scalars: Sized {
    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

impl Scalars for i64 {
    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Decodes the number's text, because as a double `100.00000000000000000001` would be 100. Formats other than
        // JSON ignore the name, and pass the number itself.
        deserializer.deserialize_newtype_struct("$serde_json::private::RawValue", IntegerVisitor)
    }
}

impl Scalars for bool {
    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BooleanVisitor)
    }
}

impl<T: Scalars> Scalars for Option<T> {
    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<Within<T>>::deserialize(deserializer)?.map(|Within(value)| value))
    }
}

impl<T: Scalars> Scalars for Vec<T> {
    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Within<T>>::deserialize(deserializer)?.into_iter().map(|Within(value)| value).collect())
    }
}

impl<T: Scalars> Scalars for BTreeMap<String, T> {
    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = BTreeMap::<String, Within<T>>::deserialize(deserializer)?;
        Ok(members.into_iter().map(|(name, Within(value))| (name, value)).collect())
    }
}

struct Within<T>(T);

impl<'de, T: Scalars> Deserialize<'de> for Within<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::decode(deserializer).map(Self)
    }
}

struct IntegerVisitor;

impl<'de> Visitor<'de> for IntegerVisitor {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a 64-bit integer")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut raw: A) -> Result<i64, A::Error> {
        raw.next_value_seed(IntegerText)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<i64, D::Error> {
        deserializer.deserialize_i64(self)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<i64, E> {
        Ok(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<i64, E> {
        i64::try_from(value).map_err(|_| E::invalid_value(Unexpected::Other(TOO_LARGE), &self))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<i64, E> {
        // From this value on, a double represents several integers.
        const LIMIT: f64 = 9_007_199_254_740_992.0;
        if value.fract() == 0.0 && value.abs() < LIMIT {
            return Ok(value as i64);
        }
        let found = if value.fract() == 0.0 { TOO_LARGE } else { NOT_WHOLE };
        Err(E::invalid_value(Unexpected::Other(found), &self))
    }
}

/// The text of a JSON value that has to be an integer.
struct IntegerText;

impl<'de> DeserializeSeed<'de> for IntegerText {
    type Value = i64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<i64, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IntegerText {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        IntegerVisitor.expecting(f)
    }

    fn visit_str<E: Error>(self, json: &str) -> Result<i64, E> {
        let exact = || decimal(json).filter(Decimal::is_integer)?.to_i64();
        let integer = json
            .parse()
            .ok()
            .or_else(|| json.starts_with(|first: char| first == '-' || first.is_ascii_digit()).then(exact).flatten());
        integer.ok_or_else(|| {
            let found = match unexpected(json) {
                Unexpected::Other(_) => {
                    let is_whole = significant(json).is_none_or(|(_, exponent)| exponent >= 0);
                    Unexpected::Other(if is_whole { TOO_LARGE } else { NOT_WHOLE })
                }
                other => other,
            };
            E::invalid_type(found, &self)
        })
    }
}

struct BooleanVisitor;

impl Visitor<'_> for BooleanVisitor {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
        Ok(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<bool, E> {
        match value {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(E::invalid_type(Unexpected::Other("number"), &self)),
        }
    }
}

/// A date, a time or both, kept as the provider sent it and parsed on demand.
///
/// Providers send times without an offset from UTC, dates where they document times, seven digits of a second, and HTTP
/// dates. Each interpretation is a separate method, so that nothing is guessed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(String);

impl Time {
    /// Returns the text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the instant. The text has to be a date and time with an offset or `Z` (RFC 3339, and ISO 8601 in the
    /// forms that [`jiff`] reads), or an HTTP date in its fixed form (`Mon, 15 Apr 2019 07:50:54 GMT`).
    ///
    /// # Errors
    ///
    /// Returns an error if the text is neither of these. A time without an offset is not an instant.
    pub fn to_timestamp(&self) -> Result<jiff::Timestamp, TimeError> {
        self.0
            .parse()
            .ok()
            .or_else(|| crate::wire::date::http_date(&self.0))
            .ok_or(TimeError("a time with an offset or an HTTP date"))
    }

    /// Returns the date and time of day as they are written. An offset is ignored.
    ///
    /// # Errors
    ///
    /// Returns an error if the text does not have a date and time of day in ISO 8601 form.
    pub fn to_date_time(&self) -> Result<jiff::civil::DateTime, TimeError> {
        let expected = TimeError("a date with a time of day");
        if !self.0.contains(['T', 't', ' ']) {
            return Err(expected);
        }
        let text = self.0.strip_suffix(['Z', 'z']).unwrap_or(&self.0);
        text.parse().map_err(|_| expected)
    }

    /// Returns the date as it is written, with or without a time of day after it. An offset is ignored.
    ///
    /// # Errors
    ///
    /// Returns an error if the text does not begin with a date in ISO 8601 form.
    pub fn to_date(&self) -> Result<jiff::civil::Date, TimeError> {
        let text = self.0.strip_suffix(['Z', 'z']).unwrap_or(&self.0);
        text.parse().map_err(|_| TimeError("a date"))
    }
}

impl From<String> for Time {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Time {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The error for a [`Time`] whose text is not of the requested kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is not {0}")]
pub struct TimeError(&'static str);

/// A secret or token. `Debug` does not show it, and the type does not implement `Display`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Returns the secret as text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

impl From<&str> for Secret {
    fn from(secret: &str) -> Self {
        Self(secret.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Implements the traits of generated string enums. `as_str`, `ALL`, `Unknown` and `From<&str>` are generated.
#[doc(hidden)]
#[macro_export]
macro_rules! __string_enum {
    ($name:ident) => {
        impl ::std::str::FromStr for $name {
            type Err = ::std::convert::Infallible;

            fn from_str(value: &str) -> ::std::result::Result<Self, ::std::convert::Infallible> {
                Ok(value.into())
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::private::serde::Serialize for $name {
            fn serialize<S: $crate::private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> $crate::private::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                deserializer.deserialize_str($crate::private::TextVisitor(::std::marker::PhantomData))
            }
        }
    };
}

/// Deserializes a value from a string without allocating the string.
pub struct TextVisitor<T>(pub PhantomData<T>);

impl<T: for<'a> From<&'a str>> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests {
    /// No specification has an optional list of integers yet.
    #[test]
    fn null_for_an_optional_list_of_integers_is_an_empty_one() {
        #[derive(serde::Deserialize)]
        struct Payment {
            #[serde(default, deserialize_with = "super::optional_scalars")]
            ids: Vec<i64>,
        }
        for (json, ids) in [("{}", vec![]), (r#"{"ids":null}"#, vec![]), (r#"{"ids":[1,2.0]}"#, vec![1, 2])] {
            assert_eq!(serde_json::from_str::<Payment>(json).unwrap().ids, ids, "{json}");
        }
    }
}
