//! First step: YAML text to a tree that knows where everything stands and keeps numbers as they were written.
//!
//! What is accepted is YAML with JSON's data model: one document, no anchors, aliases or tags, keys that are text and occur
//! once, numbers that are numbers in JSON as well.

use std::collections::HashSet;
use std::fmt;

use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

/// Deeper nesting is refused, so that whoever walks the tree may recurse.
const MAX_DEPTH: usize = 64;

/// Something in a spec that has to be changed by its author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file as it was given to [`load`].
    pub file: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// Keys from the root: `paths./v1/webhooks.post.responses.409`; empty for the root.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { file, line, column, place, message, help } = self;
        write!(f, "{file}:{line}:{column}: ")?;
        if !place.is_empty() {
            write!(f, "{place}: ")?;
        }
        write!(f, "{message}; {help}")
    }
}

/// A file and its content.
#[derive(Debug)]
pub struct Document {
    /// The file as it was given to [`load`].
    pub file: String,
    /// The content.
    pub root: Node,
}

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// The value.
    pub value: Value,
}

/// The key of a mapping's entry and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The key; `201:` is `201`.
    pub text: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
}

/// JSON's data model; members keep their order and numbers their text.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` or `false`; `yes` and `no` are strings (YAML 1.2).
    Bool(bool),
    /// A number that is written the same way in JSON.
    Number {
        /// As written: `10.10` stays `10.10`.
        text: String,
    },
    /// Any other scalar.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys (each occurs once) and values, as written.
    Mapping(Vec<(Key, Node)>),
}

impl Node {
    /// The value of a key; `None` where this is no mapping or has no such key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// The key as it stands in the file, and its value.
    pub fn entry(&self, key: &str) -> Option<&(Key, Node)> {
        self.entries().iter().find(|(candidate, _)| candidate.text == key)
    }

    /// The value found by one key after the other.
    pub fn get_path(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Number { .. } | Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// The value of a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(value),
            Value::Null | Value::Number { .. } | Value::String(_) | Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// A number as it is written.
    pub fn as_number(&self) -> Option<&str> {
        match &self.value {
            Value::Number { text } => Some(text),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// A whole number that is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number()?.parse().ok()
    }

    /// A number, rounded if need be.
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number()?.parse().ok()
    }

    /// The entries of a mapping; none where this is no mapping.
    pub fn entries(&self) -> &[(Key, Node)] {
        match &self.value {
            Value::Mapping(entries) => entries,
            Value::Null | Value::Bool(_) | Value::Number { .. } | Value::String(_) | Value::Sequence(_) => &[],
        }
    }

    /// The items of a sequence; none where this is no sequence.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Sequence(items) => items,
            Value::Null | Value::Bool(_) | Value::Number { .. } | Value::String(_) | Value::Mapping(_) => &[],
        }
    }

    /// The text of a string, or the texts in a list.
    pub fn texts(&self) -> Vec<&str> {
        match &self.value {
            Value::String(text) => vec![text],
            Value::Sequence(items) => items.iter().filter_map(Node::as_str).collect(),
            Value::Null | Value::Bool(_) | Value::Number { .. } | Value::Mapping(_) => Vec::new(),
        }
    }

    /// What this is, for messages.
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

    /// The subtree as JSON value. Numbers are what `serde_json` makes of them (`10.10` becomes `10.1`); where the letter
    /// counts there is [`Node::to_json_text`].
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

    /// The subtree as JSON text without white space: members in their order, numbers to the letter.
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

/// A string in JSON's notation.
fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Reads a YAML file. Everything that can be said after one reading is in the list of findings; a syntax error ends it.
pub fn load(file: &str, text: &str) -> Result<Document, Vec<Finding>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut loader = Loader { file, parser: Parser::new_from_str(text), place: Vec::new(), findings: Vec::new() };
    match loader.document() {
        Some(root) if loader.findings.is_empty() => Ok(Document { file: file.to_owned(), root }),
        Some(_) | None => Err(loader.findings),
    }
}

/// Reading one file. Methods return `None` once reading cannot go on; the reason is among the findings.
struct Loader<'a> {
    file: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    place: Vec<String>,
    findings: Vec<Finding>,
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
                self.report(span, "YAML aliases (`*name`) are not understood", "use `$ref` or write the value again");
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

    fn mapping(&mut self, depth: usize) -> Option<Vec<(Key, Node)>> {
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => return Some(entries),
                (event, span) => self.key(event, span)?,
            };
            self.place.push(key.text.clone());
            if !seen.insert(key.text.clone()) {
                let message = format!("the key `{}` is here twice", key.text);
                self.report_at(key.line, key.column, &message, "keep one of the two");
            }
            let (event, span) = self.next()?;
            let node = self.node(event, span, depth + 1)?;
            self.place.pop();
            entries.push((key, node));
        }
    }

    fn key(&mut self, event: Event<'a>, span: Span) -> Option<Key> {
        let (line, column) = position(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_properties(span, anchor, tag.is_some());
                if text.is_empty() && style == ScalarStyle::Plain {
                    self.report(span, "there is no key before the colon", "write one");
                }
                Some(Key { text: text.into_owned(), line, column })
            }
            Event::Alias(_) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                self.report(span, "a key is not text", "write the key as one word, in quotes if need be");
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

    /// A scalar by the YAML 1.2 core schema.
    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> Value {
        match style {
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted | ScalarStyle::Literal | ScalarStyle::Folded => {
                Value::String(text.to_owned())
            }
            ScalarStyle::Plain if text.is_empty() => Value::Null,
            ScalarStyle::Plain => match Scalar::parse_from_cow(text.into()) {
                Scalar::Null => Value::Null,
                Scalar::Boolean(value) => Value::Bool(value),
                Scalar::Integer(_) | Scalar::FloatingPoint(_) => {
                    // The second part is for serde_json's `arbitrary_precision`, which reads `1e400`.
                    if serde_json::from_str::<serde_json::Number>(text).is_err()
                        || !text.parse().is_ok_and(f64::is_finite)
                    {
                        let message = format!("`{text}` is a number in YAML that JSON cannot hold");
                        self.report(span, &message, "write it as JSON does, or put it in quotes where text is meant");
                    }
                    Value::Number { text: text.to_owned() }
                }
                Scalar::String(_) => Value::String(text.to_owned()),
            },
        }
    }

    fn refuse_properties(&mut self, span: Span, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.report(span, "YAML anchors (`&name`) are not understood", "use `$ref` or write the value again");
        }
        if tagged {
            let help = "leave the tag out, and put the value in quotes where text is meant";
            self.report(span, "YAML tags (`!name`) are not understood", help);
        }
    }

    fn report(&mut self, span: Span, message: &str, help: &str) {
        let (line, column) = position(span);
        self.report_at(line, column, message, help);
    }

    fn report_at(&mut self, line: usize, column: usize, message: &str, help: &str) {
        let place = self.place.iter().fold(String::new(), |place, step| join(&place, step));
        let (file, message, help) = (self.file.to_owned(), message.to_owned(), help.to_owned());
        self.findings.push(Finding { file, line, column, place, message, help });
    }
}

/// A place one step further: a key after a full stop, an index (`[0]`) without.
pub fn join(place: &str, step: &str) -> String {
    if place.is_empty() || step.starts_with('[') { format!("{place}{step}") } else { format!("{place}.{step}") }
}

/// Line and column counted from 1; the parser counts columns from 0, and an empty file has line 0.
fn position(span: Span) -> (usize, usize) {
    (span.start.line().max(1), span.start.col() + 1)
}
