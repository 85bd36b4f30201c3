//! Answers as people and programs read them, with their secrets masked.

use std::collections::BTreeMap;

use comfy_table::{Table, presets};
use pos_webhooks::Secret;
use serde::Serialize;
use serde_json::value::RawValue;

use super::schema::Place;
use crate::report::Plain;

const MASK: &str = "***";

/// JSON whose numbers keep their text.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Answer {
    Null,
    Text(String),
    /// A number or a truth value.
    Plain(Box<RawValue>),
    List(Vec<Answer>),
    Object(BTreeMap<String, Answer>),
}

/// Reads answers, and finds their secrets by the schema.
pub struct Reader {
    /// Secrets are shown, not masked.
    pub show: bool,
    /// A member that the schema does not have may be a secret too, if its name says so.
    pub by_name: bool,
    told: Vec<Secret>,
    named: Vec<Secret>,
}

impl Reader {
    pub fn new(show: bool, by_name: bool) -> Self {
        Self { show, by_name, told: Vec::new(), named: Vec::new() }
    }

    /// The first secret that was read; one that the schema has is preferred.
    pub fn secret(&self) -> Option<&Secret> {
        self.told.iter().chain(&self.named).find(|secret| !secret.expose().trim().is_empty())
    }

    pub fn read(&mut self, json: &str, place: &Place<'_>) -> serde_json::Result<Answer> {
        self.value(json.trim(), place, Name::Other, 0)
    }

    fn value(&mut self, json: &str, place: &Place<'_>, name: Name, depth: usize) -> serde_json::Result<Answer> {
        let plain = |json| serde_json::from_str(json).map(Answer::Plain);
        // As deep as serde_json itself goes, and no place where a secret is to be expected.
        if depth > 128 {
            return if self.show { plain(json) } else { Ok(Answer::Text(MASK.to_owned())) };
        }
        let (text, answer) = match json.bytes().next() {
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(json)?;
                let place = place.items();
                let items = items.into_iter().map(|item| self.value(item.get(), &place, name, depth + 1));
                return Ok(Answer::List(items.collect::<Result<_, _>>()?));
            }
            Some(b'{') => {
                let members: BTreeMap<String, &RawValue> = serde_json::from_str(json)?;
                let read = |(member, value): (String, &RawValue)| {
                    let name = if self.by_name { name.max(Name::of(&member)) } else { name };
                    let value = self.value(value.get(), &place.member(&member), name, depth + 1)?;
                    Ok((member, value))
                };
                return Ok(Answer::Object(members.into_iter().map(read).collect::<serde_json::Result<_>>()?));
            }
            Some(b'"') => {
                let text: String = serde_json::from_str(json)?;
                (text.clone(), Answer::Text(text))
            }
            _ if json == "null" => return Ok(Answer::Null),
            _ => (json.to_owned(), plain(json)?),
        };
        match (place.is_secret(), name) {
            (true, _) => self.told.push(Secret::from(text)),
            (false, Name::Secret) => self.named.push(Secret::from(text)),
            (false, Name::Confidential) => {}
            (false, Name::Other) => return Ok(answer),
        }
        Ok(if self.show { answer } else { Answer::Text(MASK.to_owned()) })
    }
}

/// What the name of a member, or of one around it, says of its value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Other,
    Confidential,
    Secret,
}

impl Name {
    fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        match ["secret", "token", "password", "key"].iter().position(|part| name.contains(part)) {
            Some(0) => Self::Secret,
            Some(_) => Self::Confidential,
            None => Self::Other,
        }
    }
}

impl Answer {
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
            Self::Object(members) => members.values_mut().for_each(|member| member.redact(secrets)),
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
            Self::Object(members) => match members.values().next() {
                // An envelope.
                Some(only @ Self::Object(_)) if members.len() == 1 => only.human(first),
                _ => Some(object(members, first)),
            },
            Self::List(items) => Some(list(items, first).unwrap_or_else(|| "none\n".to_owned())),
            Self::Text(_) | Self::Plain(_) => Some(format!("{}\n", self.cell())),
        }
    }

    fn cell(&self) -> String {
        match self {
            Self::Null => String::new(),
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

fn object(members: &BTreeMap<String, Answer>, first: &[&str]) -> String {
    let (tables, lines): (Vec<_>, Vec<_>) = members.iter().partition(|(_, value)| value.is_table());
    let mut names: Vec<_> =
        lines.iter().filter(|(_, value)| !matches!(value, Answer::Null)).map(|(name, _)| name.as_str()).collect();
    names.sort_by_key(|name| order(first, name, members.get(*name).is_some_and(Answer::is_nested)));
    let mut text = String::new();
    if !names.is_empty() {
        let cells = names
            .iter()
            .map(|name| vec![Plain(name).to_string(), members.get(*name).map_or_else(String::new, Answer::cell)]);
        text += &aligned(None, cells);
    }
    for (name, table) in tables {
        let Answer::List(items) = table else { continue };
        match list(items, first) {
            Some(table) if text.is_empty() => text += &table,
            Some(table) => text += &format!("\n{}:\n{table}", Plain(name)),
            None => text += &format!("no {}\n", Plain(name)),
        }
    }
    text
}

/// `None` where nothing is in it.
fn list(items: &[Answer], first: &[&str]) -> Option<String> {
    if items.is_empty() {
        return None;
    }
    let mut columns = BTreeMap::<&str, bool>::new();
    for item in items {
        let Answer::Object(members) = item else {
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
            Answer::Object(members) => members.get(name).map_or_else(String::new, Answer::cell),
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
