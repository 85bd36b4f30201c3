//! Strict validation: every way in which JSON does not match a provider's specification.
//!
//! It agrees with the specification, not with the tolerant models, and is meant to find drift: a provider that adds an
//! enum value tomorrow still delivers a payment. Do not let it decide whether a delivery is accepted.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write as _};
use std::ops::Deref;
use std::sync::OnceLock;

use jsonschema::json::Json;
use jsonschema::{Draft, ValidationError, Validator};
use serde_json::Value;

use crate::catalogue::{Parameter, Provider, UnknownName};
use crate::counted::{Counted, CountedValue};
use crate::formats::FORMATS;
use crate::strict_json::Parsed;

/// Most violations that are reported of one payload.
pub const MAX_VIOLATIONS: usize = 10_000;

/// Longest part of a value in [`Violation::message_with_value`], in bytes.
const MAX_VALUE: usize = 1_000;

impl Provider {
    /// Validates JSON against the schema of an event (`paymentCreated`), a model (`Amount`) or an answer
    /// (`list_webhooks.200`).
    ///
    /// The schema is prepared at first use and kept.
    ///
    /// An integer is what JSON Schema takes for one: `25800.0` and `2.58e4` are integers as `25800` is, and
    /// `100.00000000000000000001` is not. A number that a double cannot hold at all (`1e400`, `1e-400`) is an error, and so
    /// is a member whose name comes twice in an object, since readers differ in what they make of them. A byte order mark
    /// is skipped.
    ///
    /// # Errors
    ///
    /// When there is no schema of that name, when the text is not JSON, or with every violation (at most
    /// [`MAX_VIOLATIONS`]).
    ///
    /// ```
    /// # #[cfg(feature = "dealpos")] {
    /// use pos_webhooks::dealpos;
    /// use pos_webhooks::validate::Invalid;
    ///
    /// let payment = br#"{"ID": "1", "Amount": "10.10"}"#;
    /// let Err(Invalid::Violations(violations)) = dealpos::PROVIDER.validate("paymentCreated", payment) else {
    ///     panic!("the amount is text and most members are missing");
    /// };
    /// assert!(violations.iter().any(|violation| violation.pointer == "/Amount" && violation.keyword == "type"));
    /// # }
    /// ```
    pub fn validate(&'static self, name: &str, json: &[u8]) -> Result<(), Invalid> {
        let validators = self.validators(name)?;
        let parsed = crate::strict_json::parse(json).map_err(Invalid::NotJson)?;
        validators.check(&parsed, |name| self.members.contains(name))
    }

    fn validators(&'static self, name: &str) -> Result<&'static Validators, Invalid> {
        let schema = self.schema(name)?;
        if let Some(validators) = schema.validators.get() {
            return Ok(validators);
        }
        let validators = Validators::new(crate::json_schema::document(&self.bundle, schema.name))?;
        Ok(schema.validators.get_or_init(|| validators))
    }
}

impl Parameter {
    /// Validates the text of a parameter, without percent-encoding. The schema is prepared at every call.
    ///
    /// # Errors
    ///
    /// With every violation; their pointers are empty.
    ///
    /// ```
    /// # #[cfg(feature = "vipps")] {
    /// use pos_webhooks::vipps;
    ///
    /// let delete = vipps::PROVIDER.operation("delete_webhook").ok_or("no such operation")?;
    /// let [id] = delete.path_parameters else { return Err("another path".into()) };
    /// assert!(id.validate("497f6eca-6276-4993-bfeb-53cbbbba6f08").is_ok());
    /// assert_eq!(id.validate("7").unwrap_err().to_string(), "the root: value is not a \"uuid\" (format)");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn validate(&self, text: &str) -> Result<(), Invalid> {
        let schema: Value = serde_json::from_str(self.schema).map_err(|error| Invalid::Schema(error.to_string()))?;
        let json = match schema.get("type").and_then(Value::as_str) {
            Some("string") => None,
            _ => crate::strict_json::parse(text.as_bytes()).ok().filter(|_| !text.starts_with('\u{feff}')),
        };
        let value = json.unwrap_or_else(|| Parsed { value: Value::from(text), written: HashMap::new() });
        Validators::new(schema)?.check(&value, |_| false)
    }
}

/// A schema, prepared.
pub(crate) struct Validators {
    /// Says fast whether a value is valid.
    whether: Validator,
    /// Says which errors it has. Most are never needed.
    which: OnceLock<Validator<Counted>>,
    schema: Value,
}

impl Validators {
    fn new(mut schema: Value) -> Result<Self, Invalid> {
        restore_formats(&mut schema);
        Ok(Self { whether: prepare(jsonschema::options(), &schema)?, which: OnceLock::new(), schema })
    }

    /// `lists` says whether the specification lists a member of that name.
    fn check(&self, parsed: &Parsed, lists: impl Fn(&str) -> bool) -> Result<(), Invalid> {
        let value = &parsed.value;
        if self.whether.is_valid(value) {
            return Ok(());
        }
        let which = match self.which.get() {
            Some(which) => which,
            None => {
                let which = prepare(jsonschema::options_for::<Counted>(), &self.schema)?;
                self.which.get_or_init(|| which)
            }
        };
        // One more, to know whether there are more; each may be found by an event's own schema, too.
        let wanted = Cell::new(2 * (MAX_VIOLATIONS + 1));
        let errors = which.iter_errors(CountedValue { value, wanted: &wanted });
        let mut seen = HashSet::new();
        let mut errors = errors.map(|error| Violation::new(&error, parsed, &lists)).filter(|violation| {
            seen.insert((violation.pointer.clone(), violation.keyword.clone(), violation.message.clone()))
        });
        let found = errors.by_ref().take(MAX_VIOLATIONS).collect();
        let truncated = errors.next().is_some() || wanted.get() == 0;
        Err(Invalid::Violations(Violations { found, truncated }))
    }
}

/// Puts formats of our own in the place of the patterns that stand for them in what is given out: a format knows the
/// calendar.
fn restore_formats(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let pattern = members.get("pattern").and_then(Value::as_str);
            if let Some((format, _)) = FORMATS.iter().find(|(_, known)| Some(*known) == pattern) {
                members.remove("pattern");
                members.insert("format".to_owned(), Value::from(*format));
            }
            members.values_mut().for_each(restore_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(restore_formats),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn prepare<F: Json>(options: Options<F>, schema: &Value) -> Result<Validator<F>, Invalid> {
    options
        .with_draft(Draft::Draft7)
        .should_validate_formats(true)
        .with_format("uuid", is_uuid)
        .with_format("local-date-time", is_local_date_time)
        .with_format("http-date", |text: &str| crate::times::http_date(text).is_some())
        .build(schema)
        .map_err(|error| Invalid::Schema(error.to_string()))
}

type Options<F> = jsonschema::ValidationOptions<'static, std::sync::Arc<dyn jsonschema::Retrieve>, F>;

/// RFC 4122's form with hyphens; draft-07 does not know the format yet.
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// `2020-07-31T10:30:00`, with any number of digits of a second behind a full stop.
fn is_local_date_time(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    // jiff reads more of ISO 8601: no seconds, no separators, years of six digits, zones.
    whole.len() == 19
        && whole.parse::<jiff::civil::DateTime>().is_ok_and(|time| time.to_string() == whole)
        && !fraction.is_empty()
        && fraction.bytes().all(|digit| digit.is_ascii_digit())
}

/// Why JSON was not found valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// The provider has no schema of that name.
    #[error(transparent)]
    UnknownName(#[from] UnknownName),
    /// The text is not JSON.
    #[error(transparent)]
    NotJson(NotJson),
    /// The JSON does not match the specification.
    #[error("{0}")]
    Violations(Violations),
    /// The schema itself cannot be used. The schemas of this crate can; its tests prepare every one.
    #[error("the schema cannot be used: {0}")]
    Schema(String),
}

/// Every way in which JSON does not match a schema, in the order in which the validator finds them; never empty.
///
/// A slice of [`Violation`]s, and an iterator by value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations {
    found: Vec<Violation>,
    truncated: bool,
}

impl Violations {
    /// Whether there are more than these [`MAX_VIOLATIONS`].
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }
}

impl Deref for Violations {
    type Target = [Violation];

    fn deref(&self) -> &[Violation] {
        &self.found
    }
}

impl IntoIterator for Violations {
    type Item = Violation;
    type IntoIter = std::vec::IntoIter<Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.found.into_iter()
    }
}

impl<'a> IntoIterator for &'a Violations {
    type Item = &'a Violation;
    type IntoIter = std::slice::Iter<'a, Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.found.iter()
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.iter().enumerate() {
            write!(f, "{}{violation}", if index == 0 { "" } else { "\n" })?;
        }
        if self.truncated {
            write!(f, "\nthere are more than these {}", self.len())?;
        }
        Ok(())
    }
}

/// A text that is not JSON, and where that shows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (line {line}, column {column})")]
#[non_exhaustive]
pub struct NotJson {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in bytes, counted from 1; 0 at the very end of a line. A byte order mark counts three.
    pub column: usize,
    /// What is wrong. It quotes nothing of the text.
    pub message: String,
}

impl NotJson {
    pub(crate) fn new(json: &[u8], error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), crate::decode::column(json, error.line(), error.column()));
        Self { line, column, message: crate::decode::message(error) }
    }
}

/// One way in which JSON does not match a schema.
///
/// Neither `Display` nor `Debug` shows a value. They show the pointer with `*` for the names of members that the provider's
/// specification does not list: such a name may be a customer's data.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// JSON pointer of the value at fault; empty for the root. With every name, to find the value by.
    pub pointer: String,
    /// The keyword of the schema that the value violates, such as `required` or `format`.
    pub keyword: String,
    /// What is wrong, without the value: it is a customer's data.
    pub message: String,
    message_with_value: String,
    shown_pointer: String,
}

impl Violation {
    fn new(error: &ValidationError<'_>, parsed: &Parsed, lists: &impl Fn(&str) -> bool) -> Self {
        let pointer = error.instance_path().to_string();
        let instance = error.instance();
        let written = instance.as_number().and_then(|number| parsed.written.get(&number.to_string()));
        let value = written.map_or_else(|| bounded(instance), bounded);
        Self {
            keyword: error.kind().keyword().to_owned(),
            message: error.masked().to_string(),
            message_with_value: error.masked_with(value).to_string(),
            shown_pointer: shown(&pointer, &parsed.value, lists),
            pointer,
        }
    }

    /// What is wrong, with the value; of a long one with its beginning.
    pub fn message_with_value(&self) -> &str {
        &self.message_with_value
    }
}

/// The value's JSON, cut off where it is long.
fn bounded(value: &impl fmt::Display) -> String {
    struct Bounded(String);
    impl fmt::Write for Bounded {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = MAX_VALUE.saturating_sub(self.0.len()).min(text.len());
            let room = (0..=room).rev().find(|room| text.is_char_boundary(*room)).unwrap_or_default();
            self.0.push_str(text.get(..room).unwrap_or_default());
            if room < text.len() { Err(fmt::Error) } else { Ok(()) }
        }
    }
    let mut text = Bounded(String::new());
    let complete = write!(text, "{value}").is_ok();
    text.0 + if complete { "" } else { "…" }
}

/// A pointer as it may be shown.
fn shown(pointer: &str, root: &Value, lists: &impl Fn(&str) -> bool) -> String {
    let mut at = Some(root);
    let mut shown = String::new();
    for token in pointer.split('/').skip(1) {
        let shown_token = match at {
            Some(Value::Array(_)) => token,
            _ if lists(&token.replace("~1", "/").replace("~0", "~")) => token,
            _ => "*",
        };
        shown.push('/');
        shown.push_str(shown_token);
        at = at.and_then(|value| value.pointer(&format!("/{token}")));
    }
    shown
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.shown_pointer.is_empty() { "the root" } else { &self.shown_pointer };
        write!(f, "{place}: {} ({})", self.message, self.keyword)
    }
}

impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Violation")
            .field("pointer", &self.shown_pointer)
            .field("keyword", &self.keyword)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}
