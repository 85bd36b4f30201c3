//! Values that keep what a provider wrote: nothing is rounded, normalised or lost between receiving and encoding.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON number, kept as its text: `100000`, `10.10` and twenty digits are encoded as they came.
///
/// Two numbers are equal when their texts are; compare [`Number::to_decimal`] for equal amounts (`10.1` and `10.10`).
#[derive(Clone)]
pub struct Number(Box<RawValue>);

impl Number {
    /// The number as it is written in JSON.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The exact value.
    ///
    /// # Errors
    ///
    /// When the value has more digits than a [`Decimal`] holds (28 or 29). It is never rounded.
    pub fn to_decimal(&self) -> Result<Decimal, NumberError> {
        let text = self.as_str();
        let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let digits = Decimal::from_str_exact(digits).map_err(|_| NumberError::TooManyDigits)?;
        let exponent: i64 = exponent.parse().map_err(|_| NumberError::TooManyDigits)?;
        scale(digits.normalize(), exponent).ok_or(NumberError::TooManyDigits)
    }
}

/// `value * 10^exponent`, or `None` where that cannot be held exactly.
fn scale(value: Decimal, exponent: i64) -> Option<Decimal> {
    if value.is_zero() {
        return Some(value);
    }
    let places = i64::from(value.scale()).checked_sub(exponent)?;
    if places >= 0 {
        Decimal::try_from_i128_with_scale(value.mantissa(), u32::try_from(places).ok()?).ok()
    } else {
        let factor = 10_i128.checked_pow(u32::try_from(places.checked_neg()?).ok()?)?;
        Decimal::try_from_i128_with_scale(value.mantissa().checked_mul(factor)?, 0).ok()
    }
}

/// Why a text or a value is no [`Number`], or a number no decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NumberError {
    /// The text is not a number in JSON's notation.
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
        // The digits of an integer are JSON; null is never taken.
        Self(RawValue::from_string(value.to_string()).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_raw(raw).ok_or_else(|| serde::de::Error::custom("not a number"))
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({})", self.as_str())
    }
}

/// Any JSON value, kept as its text.
///
/// Stands where a provider documents no members: `2.50` stays `2.50`.
#[derive(Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// The JSON text, white space included.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Decodes the value into a type of your own.
    ///
    /// # Errors
    ///
    /// When the value does not fit the type.
    pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.as_str())
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

/// A date, a time or both, kept as the provider wrote it and parsed on demand.
///
/// Providers send times without an offset, dates where a time is documented, seven digits of a second and HTTP dates.
/// Each reading is a method of its own, so that nothing is guessed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(String);

impl Time {
    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The instant, of a time with an offset (RFC 3339) or an HTTP date (`Mon, 15 Apr 2019 07:50:54 GMT`).
    ///
    /// # Errors
    ///
    /// When the text is neither; a time without offset is no instant.
    pub fn to_timestamp(&self) -> Result<jiff::Timestamp, TimeError> {
        self.0
            .parse()
            .or_else(|_| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(&self.0))
            .map_err(|_| TimeError("a time with an offset or an HTTP date"))
    }

    /// Date and time of day as they are written; an offset is not applied.
    ///
    /// # Errors
    ///
    /// When the text has no date and time of day in ISO 8601 form.
    pub fn to_date_time(&self) -> Result<jiff::civil::DateTime, TimeError> {
        let expected = TimeError("a date with a time of day");
        if !self.0.contains(['T', 't', ' ']) {
            return Err(expected);
        }
        let text = self.0.strip_suffix(['Z', 'z']).unwrap_or(&self.0);
        text.parse().map_err(|_| expected)
    }

    /// The date as it is written, with or without a time of day after it; an offset is not applied.
    ///
    /// # Errors
    ///
    /// When the text does not begin with a date in ISO 8601 form.
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

/// The text of a [`Time`] is not what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is not {0}")]
pub struct TimeError(&'static str);

/// A secret or token. `Debug` does not show it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The secret in clear.
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

/// What every generated enum of strings has; `as_str`, `ALL`, `Unknown` and `From<&str>` are generated.
macro_rules! string_enum {
    ($name:ident) => {
        impl ::std::str::FromStr for $name {
            type Err = ::std::convert::Infallible;

            fn from_str(value: &str) -> Result<Self, ::std::convert::Infallible> {
                Ok(value.into())
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(crate::values::Text(::std::marker::PhantomData))
            }
        }
    };
}
pub(crate) use string_enum;

/// Makes a value of a string without keeping the string.
pub(crate) struct Text<T>(pub(crate) PhantomData<T>);

impl<T: for<'a> From<&'a str>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        Ok(text.into())
    }
}
