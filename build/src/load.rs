//! First step: parses YAML to a tree that has the position of every node and keeps numbers as they are written.
//!
//! The supported YAML has JSON's data model: one document, no anchors, aliases or tags, keys that are strings and occur
//! once, and numbers that are also numbers in JSON.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

/// The maximum nesting, so that code may walk the tree recursively.
const MAX_DEPTH: usize = 64;

/// The maximum length of a key in characters. Findings repeat the keys to their places.
const MAX_KEY: usize = 256;

/// The maximum length of any other text in bytes.
const MAX_TEXT: usize = 64 << 10;

/// The maximum number of findings of one pass, and of characters of a message.
const MAX_FINDINGS: usize = 1000;
const MAX_MESSAGE: usize = 1000;

/// The end of the warning about an operation that is left out.
pub(crate) const LEFT_OUT: &str = "so the operation is left out";

/// Whether a document can be used in spite of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The document cannot be used.
    Error,
    /// The document can be used. What the finding is about is ignored, simplified or left out.
    Warning,
}

/// A problem in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether the document can be used in spite of the problem.
    pub severity: Severity,
    /// The file name that was passed to [`load`].
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The keys from the root, such as `paths./v1/webhooks.post.responses.409`; empty for the root.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { severity, file, line, column, place, message, help } = self;
        write!(f, "{file}:{line}:{column}: ")?;
        if *severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        if !place.is_empty() {
            write!(f, "{place}: ")?;
        }
        write!(f, "{message}; {help}")
    }
}

/// The findings of one pass, each of them once. Only the first ones are kept.
#[derive(Default)]
pub struct Findings {
    list: Vec<Finding>,
    seen: HashSet<String>,
    more: bool,
}

impl Findings {
    /// Adds a finding, which is only made if there is room for it.
    pub fn push(&mut self, make: impl FnOnce() -> Finding) {
        if self.list.len() >= MAX_FINDINGS {
            self.more = true;
            return;
        }
        let mut finding = make();
        if let Some((end, _)) = finding.message.char_indices().nth(MAX_MESSAGE) {
            finding.message.truncate(end);
            finding.message.push('…');
        }
        if self.seen.insert(finding.to_string()) {
            self.list.push(finding);
        }
    }

    /// Returns the findings in the order of the lines.
    pub fn sorted(mut self) -> Vec<Finding> {
        self.list.sort_by_key(|finding| (finding.line, finding.column));
        if let (true, Some(last)) = (self.more, self.list.last()) {
            self.list.push(Finding {
                place: String::new(),
                message: format!("there are more findings than the first {MAX_FINDINGS}"),
                help: "correct these first".to_owned(),
                ..last.clone()
            });
        }
        self.list
    }
}

/// A file and its parsed content.
#[derive(Debug, Clone)]
pub struct Document {
    /// The file name that was passed to [`load`].
    pub file: String,
    /// The root node of the content.
    pub root: Node,
    /// What is read in another way than it is written.
    pub warnings: Vec<Finding>,
}

/// A value and its position.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The value.
    pub value: Value,
}

/// The key of an entry of a mapping, and its position.
#[derive(Debug, Clone, PartialEq)]
pub struct MappingKey {
    /// The text of the key, such as `201` for `201:`.
    pub text: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
}

/// A value of JSON's data model. Members keep their order, and numbers keep their text.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or an empty value.
    Null,
    /// `true` or `false`; `yes` and `no` are strings (YAML 1.2).
    Bool(bool),
    /// A number whose text is also a JSON number.
    Number {
        /// The text as written: `10.10` stays `10.10`.
        text: String,
    },
    /// Any other scalar.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// The keys, each of which occurs once, and values, in their order.
    Mapping(Vec<(MappingKey, Node)>),
}

impl Node {
    /// Returns the value of a key; `None` if the node is not a mapping or does not have the key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// Returns a key with its position, and its value.
    pub fn entry(&self, key: &str) -> Option<&(MappingKey, Node)> {
        self.entries().iter().find(|(candidate, _)| candidate.text == key)
    }

    /// Returns the value at a path of keys.
    pub fn get_path(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Returns the text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Number { .. } | Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// Returns the value of a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(value),
            Value::Null | Value::Number { .. } | Value::String(_) | Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// Returns the text of a number.
    pub fn as_number(&self) -> Option<&str> {
        match &self.value {
            Value::Number { text } => Some(text),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// Returns the value of a whole number that is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number()?.parse().ok()
    }

    /// Returns the value of a number, rounded if necessary.
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number()?.parse().ok()
    }

    /// Returns the value of a key, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries_mut().iter_mut().find(|(candidate, _)| candidate.text == key).map(|(_, node)| node)
    }

    /// Returns the value of a key of a mapping, without the key in it.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let Value::Mapping(entries) = &mut self.value else { return None };
        let index = entries.iter().position(|(candidate, _)| candidate.text == key)?;
        Some(entries.remove(index).1)
    }

    /// Returns the value of a key of a mapping, which is nothing until it is set again. The key keeps its position.
    pub fn take(&mut self, key: &str) -> Option<Node> {
        let member = self.get_mut(key)?;
        let nothing = member.here(Value::Null);
        Some(std::mem::replace(member, nothing))
    }

    /// Replaces the value of a key, or adds the key. Does nothing if the node is not a mapping.
    pub fn set(&mut self, key: &str, node: Node) {
        let Value::Mapping(entries) = &mut self.value else { return };
        match entries.iter_mut().find(|(candidate, _)| candidate.text == key) {
            Some((_, known)) => *known = node,
            None => {
                let key = MappingKey { text: key.to_owned(), line: node.line, column: node.column };
                entries.push((key, node));
            }
        }
    }

    /// Keeps the entries of a mapping for which the function returns `true`.
    pub fn retain(&mut self, mut keep: impl FnMut(&mut MappingKey, &mut Node) -> bool) {
        if let Value::Mapping(entries) = &mut self.value {
            entries.retain_mut(|(key, node)| keep(key, node));
        }
    }

    /// Returns a node with this value at the same position.
    pub fn here(&self, value: Value) -> Node {
        Node { line: self.line, column: self.column, value }
    }

    /// Returns a text at the same position.
    pub fn text_here(&self, text: impl Into<String>) -> Node {
        self.here(Value::String(text.into()))
    }

    /// Returns the entries of a mapping, to be changed; empty if the node is not a mapping.
    pub fn entries_mut(&mut self) -> &mut [(MappingKey, Node)] {
        match &mut self.value {
            Value::Mapping(entries) => entries,
            Value::Null | Value::Bool(_) | Value::Number { .. } | Value::String(_) | Value::Sequence(_) => &mut [],
        }
    }

    /// Returns the items of a sequence, to be changed; empty if the node is not a sequence.
    pub fn items_mut(&mut self) -> &mut [Node] {
        match &mut self.value {
            Value::Sequence(items) => items,
            Value::Null | Value::Bool(_) | Value::Number { .. } | Value::String(_) | Value::Mapping(_) => &mut [],
        }
    }

    /// Returns the entries of a mapping; empty if the node is not a mapping.
    pub fn entries(&self) -> &[(MappingKey, Node)] {
        match &self.value {
            Value::Mapping(entries) => entries,
            Value::Null | Value::Bool(_) | Value::Number { .. } | Value::String(_) | Value::Sequence(_) => &[],
        }
    }

    /// Returns the items of a sequence; empty if the node is not a sequence.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Sequence(items) => items,
            Value::Null | Value::Bool(_) | Value::Number { .. } | Value::String(_) | Value::Mapping(_) => &[],
        }
    }

    /// Returns the text of a string, or the texts in a list.
    pub fn texts(&self) -> Vec<&str> {
        match &self.value {
            Value::String(text) => vec![text],
            Value::Sequence(items) => items.iter().filter_map(Node::as_str).collect(),
            Value::Null | Value::Bool(_) | Value::Number { .. } | Value::Mapping(_) => Vec::new(),
        }
    }

    /// Returns the kind of the node, for messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number { .. } => "a number",
            Value::String(_) => "a string",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// Converts the subtree to a JSON value. `serde_json` may change the text of numbers (`10.10` becomes `10.1`);
    /// [`Node::to_json_text`] keeps it.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            // `load` has refused numbers that serde_json does not read.
            Value::Number { text } => serde_json::from_str(text).unwrap_or(Json::Null),
            Value::String(text) => Json::String(text.clone()),
            Value::Sequence(items) => Json::Array(items.iter().map(Node::to_json).collect()),
            Value::Mapping(entries) => {
                Json::Object(entries.iter().map(|(key, node)| (key.text.clone(), node.to_json())).collect())
            }
        }
    }

    /// Converts the subtree to JSON text without white space. Members keep their order, and numbers keep their text.
    pub fn to_json_text(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        match &self.value {
            Value::Null => out.push_str("null"),
            Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Value::Number { text } => out.push_str(text),
            Value::String(text) => out.push_str(&json_string(text)),
            Value::Sequence(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    item.write_json(out);
                }
                out.push(']');
            }
            Value::Mapping(entries) => {
                out.push('{');
                for (index, (key, node)) in entries.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    out.push_str(&json_string(&key.text));
                    out.push(':');
                    node.write_json(out);
                }
                out.push('}');
            }
        }
    }
}

/// Formats a string as JSON.
fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Parses a YAML file.
///
/// # Errors
///
/// Returns all problems that one pass finds, if one of them is an error. A syntax error ends the pass.
pub fn load(file: &str, text: &str) -> Result<Document, Vec<Finding>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = &*if text.trim_start().starts_with('{') { joined_surrogates(text) } else { text.into() };
    let mut loader =
        Loader { file, parser: Parser::new_from_str(text), place: Vec::new(), findings: Findings::default() };
    let root = loader.document();
    let findings = loader.findings.sorted();
    let is_warning = |finding: &Finding| finding.severity == Severity::Warning;
    match root {
        Some(root) if findings.iter().all(is_warning) => {
            Ok(Document { file: file.to_owned(), root, warnings: findings })
        }
        Some(_) | None => Err(findings),
    }
}

/// JSON whose characters beyond the first plane are not written as two escapes (`\ud83d\ude00`), which YAML does not allow.
fn joined_surrogates(text: &str) -> Cow<'_, str> {
    let unit = |text: &str| u32::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok();
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.find("\\u").and_then(|at| rest.split_at_checked(at)) {
        let is_escaped = before.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
        let pair = unit(from).filter(|_| !is_escaped).zip(from.get(6..).and_then(unit));
        let joined = pair.filter(|(high, low)| (0xd800..0xdc00).contains(high) && (0xdc00..0xe000).contains(low));
        let joined = joined.and_then(|(high, low)| char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)));
        out.push_str(before);
        let length = match joined {
            Some(character) => {
                out.push(character);
                12
            }
            None => {
                out.push_str("\\u");
                2
            }
        };
        rest = from.get(length..).unwrap_or_default();
    }
    if out.is_empty() { text.into() } else { (out + rest).into() }
}

/// The state of parsing one file. Methods return `None` if parsing cannot continue; the reason is among the findings.
struct Loader<'a> {
    file: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    place: Vec<String>,
    findings: Findings,
}

impl<'a> Loader<'a> {
    fn document(&mut self) -> Option<Node> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                Event::Alias(_)
                | Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::SequenceEnd
                | Event::MappingStart(..)
                | Event::MappingEnd => {
                    if root.is_some() {
                        self.report(span, "the file has a second YAML document", "write one document per file");
                        return None;
                    }
                    root = Some(self.node(event, span, 0)?);
                }
            }
        }
        if root.is_none() {
            self.report(Span::default(), "the file is empty", "write an OpenAPI 3.0 document");
        }
        root
    }

    fn next(&mut self) -> Option<(Event<'a>, Span)> {
        match self.parser.next_event()? {
            Ok(event) => Some(event),
            Err(error) => {
                let message = format!("this is not YAML: {}", error.info());
                self.report(
                    Span::empty(*error.marker()),
                    &message,
                    "check indentation, quotes and brackets here and above",
                );
                None
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Option<Node> {
        if depth > MAX_DEPTH {
            self.place.truncate(8);
            self.place.push("…".to_owned());
            let message = format!("nesting is deeper than {MAX_DEPTH} levels");
            self.report(span, &message, "give the inner part a name under components");
            return None;
        }
        let value = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_properties(span, anchor, tag.is_some());
                self.scalar(&text, style, span)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_properties(span, anchor, tag.is_some());
                Value::Sequence(self.sequence(depth)?)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_properties(span, anchor, tag.is_some());
                Value::Mapping(self.mapping(depth)?)
            }
            Event::Alias(_) => {
                self.report(span, "YAML aliases (`*name`) are not supported", "use `$ref` or write the value again");
                Value::Null
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => {
                self.report(span, "a value is missing", "write one");
                return None;
            }
        };
        let (line, column) = position(span);
        Some(Node { line, column, value })
    }

    fn sequence(&mut self, depth: usize) -> Option<Vec<Node>> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Some(items),
                (event, span) => {
                    self.place.push(format!("[{}]", items.len()));
                    items.push(self.node(event, span, depth + 1)?);
                    self.place.pop();
                }
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Option<Vec<(MappingKey, Node)>> {
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => return Some(entries),
                (event, span) => self.key(event, span)?,
            };
            self.place.push(key.text.clone());
            if !seen.insert(key.text.clone()) {
                let message = format!("the key `{}` occurs twice", key.text);
                self.report_at(key.line, key.column, &message, "keep one of the two");
            }
            let (event, span) = self.next()?;
            let node = self.node(event, span, depth + 1)?;
            self.place.pop();
            entries.push((key, node));
        }
    }

    fn key(&mut self, event: Event<'a>, span: Span) -> Option<MappingKey> {
        let (line, column) = position(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_properties(span, anchor, tag.is_some());
                if text.is_empty() && style == ScalarStyle::Plain {
                    self.report(span, "there is no key before the colon", "write one");
                }
                if text.chars().nth(MAX_KEY).is_some() {
                    let message = format!("a key is longer than {MAX_KEY} characters");
                    self.report(span, &message, "write a shorter name, and the rest as its description");
                    return None;
                }
                if text.contains(char::is_control) {
                    self.report(span, "a key has a control character", "remove it");
                }
                Some(MappingKey { text: text.into_owned(), line, column })
            }
            Event::Alias(_) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                self.report(span, "a key is not a string", "write the key as one word, in quotes if necessary");
                None
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => {
                self.report(span, "a key is missing", "write one");
                None
            }
        }
    }

    /// A scalar according to the YAML 1.2 core schema.
    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> Value {
        if text.len() > MAX_TEXT {
            let help = "write less, such as a part of it";
            self.report(span, &format!("the text is longer than {MAX_TEXT} bytes"), help);
            return Value::Null;
        }
        match style {
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted | ScalarStyle::Literal | ScalarStyle::Folded => {
                Value::String(text.to_owned())
            }
            ScalarStyle::Plain if text.is_empty() => Value::Null,
            ScalarStyle::Plain => match Scalar::parse_from_cow(text.into()) {
                Scalar::Null => Value::Null,
                Scalar::Boolean(value) => Value::Bool(value),
                Scalar::Integer(_) | Scalar::FloatingPoint(_) => {
                    // The second condition is for serde_json's `arbitrary_precision`, which accepts `1e400`.
                    if serde_json::from_str::<serde_json::Number>(text).is_err()
                        || !text.parse().is_ok_and(f64::is_finite)
                    {
                        let message =
                            format!("`{text}` is a number in YAML that JSON cannot represent, so it is read as text");
                        let help = "write it as a JSON number, or put it in quotes if it is text";
                        let (line, column) = position(span);
                        self.add(Severity::Warning, line, column, &message, help);
                        return Value::String(text.to_owned());
                    }
                    Value::Number { text: text.to_owned() }
                }
                Scalar::String(_) => Value::String(text.to_owned()),
            },
        }
    }

    fn refuse_properties(&mut self, span: Span, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.report(span, "YAML anchors (`&name`) are not supported", "use `$ref` or write the value again");
        }
        if tagged {
            let help = "leave the tag out, and put the value in quotes if it is text";
            self.report(span, "YAML tags (`!name`) are not supported", help);
        }
    }

    fn report(&mut self, span: Span, message: &str, help: &str) {
        let (line, column) = position(span);
        self.report_at(line, column, message, help);
    }

    fn report_at(&mut self, line: usize, column: usize, message: &str, help: &str) {
        self.add(Severity::Error, line, column, message, help);
    }

    fn add(&mut self, severity: Severity, line: usize, column: usize, message: &str, help: &str) {
        let Self { file, place, findings, .. } = self;
        findings.push(|| Finding {
            severity,
            file: (*file).to_owned(),
            line,
            column,
            place: place.iter().fold(String::new(), |place, step| join(&place, step)),
            message: message.to_owned(),
            help: help.to_owned(),
        });
    }
}

/// Appends a step to a place: a key after a full stop, an index (`[0]`) without one.
pub fn join(place: &str, step: &str) -> String {
    if place.is_empty() || step.starts_with('[') { format!("{place}{step}") } else { format!("{place}.{step}") }
}

/// The line and column, counted from 1. The parser counts columns from 0, and has line 0 for an empty file.
fn position(span: Span) -> (usize, usize) {
    (span.start.line().max(1), span.start.col() + 1)
}
