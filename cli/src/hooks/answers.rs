//! Answers as people and programs read them, with their secrets masked.

use std::collections::BTreeMap;
use std::fmt;

use comfy_table::{Table, presets};
use pos_webhooks::Secret;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::schema::Place;
use crate::report::Plain;

const MASK: &str = "***";

/// JSON whose numbers keep their text, and whose members keep their order and are all there.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Tree {
    Null,
    Text(String),
    /// A number or a truth value.
    Plain(Box<RawValue>),
    List(Vec<Tree>),
    #[serde(serialize_with = "as_map")]
    Object(Vec<(String, Tree)>),
}

fn as_map<S: Serializer>(members: &[(String, Tree)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(members.iter().map(|(name, value)| (name, value)))
}

/// The members of an object as they came.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// Reads answers, and finds their secrets by the schema.
pub struct Reader {
    /// Secrets are shown, not masked.
    pub show: bool,
    /// A member that the schema does not have may be a secret too, if its name says so.
    pub by_name: bool,
    told: Vec<Secret>,
    named: Vec<Secret>,
    /// Something else may be the secret as well.
    doubt: bool,
}

impl Reader {
    pub fn new(show: bool, by_name: bool) -> Self {
        Self { show, by_name, told: Vec::new(), named: Vec::new(), doubt: false }
    }

    /// The secret that was read, where it is certain which value that is: the only one that the schema calls so, or else
    /// the only one that has such a name.
    pub fn secret(&self) -> Option<&Secret> {
        let found = if self.told.is_empty() && !self.doubt { &self.named } else { &self.told };
        let (secret, others) = found.split_first()?;
        others.iter().all(|other| other.expose() == secret.expose()).then_some(secret)
    }

    /// Why there is no secret.
    pub fn without_secret(&self) -> &'static str {
        match self.doubt || !self.told.is_empty() || !self.named.is_empty() {
            true => "it is not certain which value of the answer is the secret",
            false => "no secret could be read from the answer",
        }
    }

    pub fn read(&mut self, json: &str, place: &Place<'_>) -> serde_json::Result<Tree> {
        self.value(json.trim(), place, Name::Other, 0)
    }

    fn value(&mut self, json: &str, place: &Place<'_>, name: Name, depth: usize) -> serde_json::Result<Tree> {
        let plain = |json| serde_json::from_str(json).map(Tree::Plain);
        // As deep as serde_json itself goes, and no place where a secret is to be expected.
        if depth > 128 {
            return if self.show { plain(json) } else { Ok(Tree::Text(MASK.to_owned())) };
        }
        // What is within a secret may be anything of it.
        let within = if place.is_secret() { Name::Within } else { name.min(Name::Within) };
        let (text, answer) = match json.bytes().next() {
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(json)?;
                let place = place.items();
                let items = items.into_iter().map(|item| self.value(item.get(), &place, within, depth + 1));
                return Ok(Tree::List(items.collect::<Result<_, _>>()?));
            }
            Some(b'{') => {
                let Members(members) = serde_json::from_str(json)?;
                let read = |(member, value): (String, &RawValue)| {
                    let name = if self.by_name { within.max(Name::of(&member)) } else { within };
                    let value = self.value(value.get(), &place.member(&member), name, depth + 1)?;
                    Ok((member, value))
                };
                return Ok(Tree::Object(members.into_iter().map(read).collect::<serde_json::Result<_>>()?));
            }
            Some(b'"') => {
                let text: String = serde_json::from_str(json)?;
                if text.trim().is_empty() {
                    return Ok(Tree::Text(text));
                }
                (Some(text.clone()), Tree::Text(text))
            }
            _ if json == "null" => return Ok(Tree::Null),
            _ => (None, plain(json)?),
        };
        match (place.is_secret(), name, text) {
            (false, Name::Other, _) => return Ok(answer),
            (true, _, Some(text)) => self.told.push(Secret::from(text)),
            (false, Name::Secret, Some(text)) => self.named.push(Secret::from(text)),
            (false, Name::Confidential, _) => {}
            _ => self.doubt = true,
        }
        Ok(if self.show { answer } else { Tree::Text(MASK.to_owned()) })
    }
}

/// What the name of a member, or of one around it, says of its value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Other,
    Confidential,
    /// It may be a secret, a part of one, or something about one.
    Within,
    Secret,
}

impl Name {
    fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        match ["secret", "token", "password", "key"].iter().position(|part| name.contains(part)) {
            Some(0) if name.ends_with("secret") => Self::Secret,
            Some(0) => Self::Within,
            Some(_) => Self::Confidential,
            None => Self::Other,
        }
    }
}

impl Tree {
    /// A body that is not JSON.
    pub fn text(body: &[u8], show: bool) -> Self {
        match String::from_utf8_lossy(body) {
            text if text.trim().is_empty() => Self::Null,
            text => Self::Text(if show { text.into_owned() } else { MASK.to_owned() }),
        }
    }

    /// Masks these texts wherever they are: a refusal may repeat what was sent.
    pub fn redact(&mut self, secrets: &[Secret]) {
        match self {
            Self::Text(text) => {
                for secret in secrets.iter().filter(|secret| !secret.expose().is_empty()) {
                    *text = text.replace(secret.expose(), MASK);
                }
            }
            Self::List(items) => items.iter_mut().for_each(|item| item.redact(secrets)),
            Self::Object(members) => members.iter_mut().for_each(|(_, member)| member.redact(secrets)),
            Self::Null | Self::Plain(_) => {}
        }
    }

    /// On one line.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// A table of what is listed, and else a line per member; `first` are the members by which a webhook is told. `None`
    /// where there is nothing to show.
    pub fn human(&self, first: &[&str]) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Object(members) => match members.as_slice() {
                // An envelope.
                [(_, only @ Self::Object(_))] => only.human(first),
                _ => Some(object(members, first)),
            },
            Self::List(items) => Some(list(items, first).unwrap_or_else(|| "none\n".to_owned())),
            Self::Text(_) | Self::Plain(_) => Some(format!("{}\n", self.cell())),
        }
    }

    fn cell(&self) -> String {
        match self {
            Self::Null => String::new(),
            // The table is padded with spaces: those of a value would not be seen.
            Self::Text(text) if text.is_empty() || text.trim() != text || text.starts_with('"') => {
                Plain(&self.json()).to_string()
            }
            Self::Text(text) => Plain(text).to_string(),
            other => Plain(&other.json()).to_string(),
        }
    }

    fn is_nested(&self) -> bool {
        matches!(self, Self::List(_) | Self::Object(_))
    }

    /// Whether it is shown as a table: a list of objects, or one that nothing is in.
    fn is_table(&self) -> bool {
        matches!(self, Self::List(items) if items.iter().all(|item| matches!(item, Self::Object(_))))
    }
}

fn object(members: &[(String, Tree)], first: &[&str]) -> String {
    let mut members: Vec<_> = members.iter().filter(|(_, value)| !matches!(value, Tree::Null)).collect();
    members.sort_by_key(|(name, value)| (order(first, name, value.is_nested()), name));
    let (tables, lines): (Vec<_>, Vec<_>) = members.into_iter().partition(|(_, value)| value.is_table());
    let mut text = String::new();
    if !lines.is_empty() {
        text += &aligned(None, lines.iter().map(|(name, value)| vec![Plain(name).to_string(), value.cell()]));
    }
    for (name, table) in tables {
        let Tree::List(items) = table else { continue };
        match list(items, first) {
            Some(table) if text.is_empty() => text += &table,
            Some(table) => text += &format!("\n{}:\n{table}", Plain(name)),
            None => text += &format!("no {}\n", Plain(name)),
        }
    }
    text
}

/// `None` where nothing is in it.
fn list(items: &[Tree], first: &[&str]) -> Option<String> {
    if items.is_empty() {
        return None;
    }
    let mut columns = BTreeMap::<&str, bool>::new();
    for item in items {
        let Tree::Object(members) = item else {
            return Some(items.iter().map(|item| format!("{}\n", item.cell())).collect());
        };
        for (name, value) in members {
            *columns.entry(name).or_default() |= value.is_nested();
        }
    }
    let mut columns: Vec<_> = columns.into_iter().collect();
    columns.sort_by_key(|(name, nested)| order(first, name, *nested));
    let header = columns.iter().map(|(name, _)| Plain(name).to_string().to_uppercase()).collect();
    let rows = items.iter().map(|item| {
        let cell = |name: &str| match item {
            Tree::Object(members) => {
                let member = members.iter().rfind(|(known, _)| known == name);
                member.map_or_else(String::new, |(_, value)| value.cell())
            }
            other => other.cell(),
        };
        columns.iter().map(|(name, _)| cell(name)).collect()
    });
    Some(aligned(Some(header), rows))
}

/// What a webhook is told by comes first, and what is nested last, since it is long.
fn order(first: &[&str], name: &str, nested: bool) -> (usize, bool) {
    (first.iter().position(|known| *known == name).unwrap_or(first.len()), nested)
}

/// Never wrapped: an id or a URL in two pieces cannot be copied.
fn aligned(header: Option<Vec<String>>, rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if let Some(header) = header {
        table.set_header(header);
    }
    table.add_rows(rows);
    table.column_iter_mut().for_each(|column| _ = column.set_padding((0, 2)));
    format!("{}\n", table.trim_fmt())
}
