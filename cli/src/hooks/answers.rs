//! Formats responses for people and programs, with secrets masked.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use pos_webhooks::{Json, Secret};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use textwrap::core::display_width;

use super::schema::SchemaPlace;
use crate::report::Plain;
use crate::{help, json_text};

const MASK: &str = "***";

/// JSON whose numbers keep their text and whose members keep their order. Duplicate members are kept.
#[derive(Serialize)]
#[serde(untagged)]
pub enum AnswerTree {
    Null,
    Text(String),
    /// A number, a boolean or null.
    Plain(Box<RawValue>),
    List(Vec<AnswerTree>),
    #[serde(serialize_with = "as_map")]
    Object(Vec<(String, AnswerTree)>),
}

fn as_map<S: Serializer>(members: &[(String, AnswerTree)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(members.iter().map(|(name, value)| (name, value)))
}

/// Reads responses, and finds their secrets by the schema.
pub struct AnswerReader {
    /// Whether secrets are shown instead of masked.
    pub show: bool,
    /// Whether a member that is not in the schema is treated as a secret if its name suggests so.
    pub by_name: bool,
    told: Vec<Secret>,
    named: Vec<Secret>,
    /// Whether another value may be the secret.
    doubt: bool,
}

impl AnswerReader {
    pub fn new(show: bool, by_name: bool) -> Self {
        Self { show, by_name, told: Vec::new(), named: Vec::new(), doubt: false }
    }

    /// The secret, if it is certain which value it is: the only one that is secret in the schema, or else the only one
    /// whose name suggests so.
    pub fn secret(&self) -> Option<&Secret> {
        let found = if self.told.is_empty() && !self.doubt { &self.named } else { &self.told };
        let (secret, others) = found.split_first()?;
        others.iter().all(|other| other.expose() == secret.expose()).then_some(secret)
    }

    /// Every value that is secret, or whose name suggests so.
    pub fn into_secrets(self) -> impl Iterator<Item = Secret> {
        self.told.into_iter().chain(self.named)
    }

    /// The reason why there is no secret.
    pub fn without_secret(&self) -> &'static str {
        match self.doubt || !self.told.is_empty() || !self.named.is_empty() {
            true => "it is not certain which value of the response is the secret",
            false => "no secret could be read from the response",
        }
    }

    pub fn read(&mut self, json: &str, place: &SchemaPlace<'_>) -> serde_json::Result<AnswerTree> {
        self.value(json.trim(), place, NameHint::Other, 0)
    }

    fn value(
        &mut self,
        json: &str,
        place: &SchemaPlace<'_>,
        name: NameHint,
        depth: usize,
    ) -> serde_json::Result<AnswerTree> {
        let plain = |json| serde_json::from_str(json).map(AnswerTree::Plain);
        // This is serde_json's own limit. Secrets are not expected at this depth.
        if depth > 128 {
            return if self.show { plain(json) } else { Ok(AnswerTree::Text(MASK.to_owned())) };
        }
        // Every value within a secret may be a part of it.
        let within = if place.is_secret() { NameHint::Within } else { name.min(NameHint::Within) };
        let (text, answer) = match json.bytes().next() {
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(json)?;
                let place = place.items();
                let items = items.into_iter().map(|item| self.value(item.get(), &place, within, depth + 1));
                return Ok(AnswerTree::List(items.collect::<Result<_, _>>()?));
            }
            Some(b'{') => {
                let members = json.parse::<Json>()?.members().unwrap_or_default();
                let read = |(member, value): (String, Json)| {
                    let name = if self.by_name { within.max(NameHint::of(&member)) } else { within };
                    let value = self.value(value.as_str(), &place.member(&member), name, depth + 1)?;
                    Ok((member, value))
                };
                return Ok(AnswerTree::Object(members.into_iter().map(read).collect::<serde_json::Result<_>>()?));
            }
            Some(b'"') => {
                let text: String = serde_json::from_str(json)?;
                if text.trim().is_empty() {
                    return Ok(AnswerTree::Text(text));
                }
                (Some(text.clone()), AnswerTree::Text(text))
            }
            _ if json == "null" => return Ok(AnswerTree::Null),
            _ => (None, plain(json)?),
        };
        match (place.is_secret(), name, text) {
            (false, NameHint::Other, _) => return Ok(answer),
            (true, _, Some(text)) => self.told.push(Secret::from(text)),
            (false, NameHint::Secret, Some(text)) => self.named.push(Secret::from(text)),
            (false, NameHint::Confidential, _) => {}
            _ => self.doubt = true,
        }
        Ok(if self.show { answer } else { AnswerTree::Text(MASK.to_owned()) })
    }
}

/// What the name of a member, or of an enclosing member, suggests about its value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum NameHint {
    Other,
    Confidential,
    /// The value may be a secret, a part of one, or information about one.
    Within,
    Secret,
}

impl NameHint {
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

impl AnswerTree {
    /// A body that is not JSON.
    pub fn text(body: &[u8], show: bool) -> Self {
        match String::from_utf8_lossy(body) {
            text if text.trim().is_empty() => Self::Null,
            text => Self::Text(if show { text.into_owned() } else { MASK.to_owned() }),
        }
    }

    /// Masks these texts wherever they are, because an error response may repeat the request.
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

    /// JSON on one line.
    pub fn json(&self) -> String {
        json_text::to_string(self).unwrap_or_default()
    }

    /// The object in an envelope that has nothing else.
    pub fn into_record(self) -> Self {
        match self {
            Self::Object(mut members) if matches!(members.as_slice(), [(_, Self::Object(_))]) => {
                members.pop().map_or(Self::Null, |(_, only)| only.into_record())
            }
            other => other,
        }
    }

    /// A table for a list, otherwise one line for each member. `first` has the members that identify a webhook. `None`
    /// if there is nothing to show.
    pub fn human(&self, first: &[&str]) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Object(members) => match members.as_slice() {
                // The only member of an envelope.
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
            // The table is padded with spaces, so those of a value would not be visible.
            Self::Text(text) if text.is_empty() || text.trim() != text || text.starts_with('"') => {
                Plain(&self.json()).to_string()
            }
            Self::Text(text) => Plain(text).to_string(),
            Self::Plain(_) => Plain(&self.json()).to_string(),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::whole_cell).collect();
                items.join(if self.is_table() { "; " } else { ", " })
            }
            Self::Object(members) => match members.iter().find(|(name, _)| name == "id") {
                // The rest is what another command shows of this object.
                Some((_, id)) => id.cell(),
                None => self.whole_cell(),
            },
        }
    }

    /// The cell with all members of an object.
    fn whole_cell(&self) -> String {
        match self {
            Self::Object(members) => {
                let members = members.iter().filter(|(_, value)| !matches!(value, Self::Null));
                let members: Vec<_> =
                    members.map(|(name, value)| format!("{}: {}", Plain(name), value.cell())).collect();
                members.join(", ")
            }
            other => other.cell(),
        }
    }

    fn is_nested(&self) -> bool {
        matches!(self, Self::List(_) | Self::Object(_))
    }

    /// Whether the value is shown as a table: a list of objects, or an empty list.
    fn is_table(&self) -> bool {
        matches!(self, Self::List(items) if items.iter().all(|item| matches!(item, Self::Object(_))))
    }
}

fn object(members: &[(String, AnswerTree)], first: &[&str]) -> String {
    let mut members: Vec<_> = members.iter().filter(|(_, value)| !matches!(value, AnswerTree::Null)).collect();
    members.sort_by_key(|(name, value)| (order(first, name, value.is_nested()), name));
    let (tables, lines): (Vec<_>, Vec<_>) = members.into_iter().partition(|(_, value)| value.is_table());
    let mut text = String::new();
    if !lines.is_empty() {
        let rows = lines.iter().map(|(name, value)| vec![Plain(name).to_string(), value.cell()]).collect();
        let table = Aligned { header: None, rows };
        // Wider than the terminal if a word is.
        let width = terminal_width().map(|width| width.max(table.narrowest()));
        text += &table.text(width);
    }
    for (name, table) in tables {
        let AnswerTree::List(items) = table else { continue };
        match list(items, first) {
            Some(table) if text.is_empty() => text += &table,
            Some(table) => text += &format!("\n{}:\n{table}", Plain(name)),
            None => text += &format!("no {}\n", Plain(name)),
        }
    }
    text
}

fn terminal_width() -> Option<usize> {
    io::stdout().is_terminal().then(help::width)
}

/// `None` if the list is empty.
fn list(items: &[AnswerTree], first: &[&str]) -> Option<String> {
    if items.is_empty() {
        return None;
    }
    let mut columns = BTreeMap::<&str, bool>::new();
    for item in items {
        let AnswerTree::Object(members) = item else {
            return Some(items.iter().map(|item| format!("{}\n", item.cell())).collect());
        };
        for (name, value) in members {
            *columns.entry(name).or_default() |= value.is_nested();
        }
    }
    let mut columns: Vec<_> = columns.into_iter().collect();
    columns.sort_by_key(|(name, nested)| order(first, name, *nested));
    let header: Vec<_> = columns.iter().map(|(name, _)| Plain(name).to_string().to_uppercase()).collect();
    let rows = items.iter().map(|item| {
        let cell = |name: &str| match item {
            AnswerTree::Object(members) => {
                let member = members.iter().rfind(|(known, _)| known == name);
                member.map_or_else(String::new, |(_, value)| value.cell())
            }
            other => other.cell(),
        };
        columns.iter().map(|(name, _)| cell(name)).collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let table = Aligned { header: Some(header), rows };
    let width = terminal_width();
    if width.is_some_and(|width| table.narrowest() > width) {
        let records = items.iter().map(|item| item.human(first).unwrap_or_default());
        return Some(records.collect::<Vec<_>>().join("\n"));
    }
    Some(table.text(width))
}

/// The members that identify a webhook come first. Nested values come last, because they are long.
fn order(first: &[&str], name: &str, nested: bool) -> (usize, bool) {
    (first.iter().position(|known| *known == name).unwrap_or(first.len()), nested)
}

/// A table whose words are never split: a part of an id or a URL cannot be copied.
struct Aligned {
    header: Option<Vec<String>>,
    rows: Vec<Vec<String>>,
}

impl Aligned {
    /// The spaces after a column.
    const GAP: u16 = 2;

    /// The longest word of each column.
    fn words(&self) -> Vec<usize> {
        let mut longest = Vec::new();
        for row in self.header.iter().chain(&self.rows) {
            longest.resize(row.len().max(longest.len()), 0);
            for (longest, cell) in longest.iter_mut().zip(row) {
                let words = cell.split_whitespace().map(display_width);
                *longest = words.max().unwrap_or_default().max(*longest);
            }
        }
        longest
    }

    /// The width without a split word.
    fn narrowest(&self) -> usize {
        self.words().iter().map(|word| word + usize::from(Self::GAP)).sum()
    }

    /// The lines, which are wrapped between words at this width, if there is one.
    fn text(self, width: Option<usize>) -> String {
        let words = self.words();
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        if let Some(header) = self.header {
            table.set_header(header);
        }
        table.add_rows(self.rows);
        table.column_iter_mut().for_each(|column| _ = column.set_padding((0, Self::GAP)));
        if let Some(width) = width.and_then(|width| u16::try_from(width).ok()) {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
            for (column, word) in table.column_iter_mut().zip(words) {
                let least = u16::try_from(word).unwrap_or(u16::MAX).saturating_add(Self::GAP);
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
            }
        }
        format!("{}\n", table.trim_fmt())
    }
}
