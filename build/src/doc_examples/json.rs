//! JSON with its members in their order and its numbers as they are written.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON value.
pub enum Json {
    Object(Vec<(String, Json)>),
    Array(Vec<Json>),
    String(String),
    /// The text of a number, a boolean or null.
    Scalar(String),
}

impl Json {
    /// Returns `None` for a text that is not JSON.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.trim_start().chars().next()? {
            '{' => {
                let Members(members) = serde_json::from_str(text).ok()?;
                let members = members.into_iter().map(|(name, value)| Some((name, Self::parse(value.get())?)));
                Self::Object(members.collect::<Option<_>>()?)
            }
            '[' => {
                let items: Vec<Box<RawValue>> = serde_json::from_str(text).ok()?;
                Self::Array(items.iter().map(|item| Self::parse(item.get())).collect::<Option<_>>()?)
            }
            '"' => Self::String(serde_json::from_str(text).ok()?),
            _ => Self::Scalar(text.to_owned()),
        })
    }

    /// The text of the first string or number in a member of that name, at any depth.
    pub fn find(&self, wanted: &str) -> Option<&str> {
        match self {
            Self::Object(members) => {
                let own = members.iter().find_map(|(name, value)| match value {
                    Self::String(text) | Self::Scalar(text) if name == wanted => Some(text.as_str()),
                    _ => None,
                });
                own.or_else(|| members.iter().find_map(|(_, value)| value.find(wanted)))
            }
            Self::Array(items) => items.iter().find_map(|item| item.find(wanted)),
            Self::String(_) | Self::Scalar(_) => None,
        }
    }
}

impl fmt::Display for Json {
    /// Formats the value as compact text, and by `{:#}` with a line for each member and item.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(members) => {
                let member = |(name, value): &(String, Self)| match f.alternate() {
                    true => format!("{}: {value:#}", quoted(name)),
                    false => format!("{}:{value}", quoted(name)),
                };
                list(f, '{', &members.iter().map(member).collect::<Vec<_>>(), '}')
            }
            Self::Array(items) => {
                let item = |item: &Self| if f.alternate() { format!("{item:#}") } else { item.to_string() };
                list(f, '[', &items.iter().map(item).collect::<Vec<_>>(), ']')
            }
            Self::String(text) => f.write_str(&quoted(text)),
            Self::Scalar(text) => f.write_str(text),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, open: char, items: &[String], close: char) -> fmt::Result {
    if f.alternate() && !items.is_empty() {
        let items = items.join(",\n").replace('\n', "\n  ");
        write!(f, "{open}\n  {items}\n{close}")
    } else {
        write!(f, "{open}{}{close}", items.join(","))
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The members of an object, in their order.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
