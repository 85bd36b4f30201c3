//! Strict validation: every way in which JSON departs from a provider's specification.
//!
//! It agrees with the specification, not with the tolerant models, and is meant to find drift: a provider that adds an
//! enum value tomorrow still delivers a payment. Do not let it decide whether a delivery is accepted.

use std::fmt;
use std::sync::{LazyLock, OnceLock};

use jsonschema::{Draft, ValidationError, Validator};
use serde_json::Value;

use crate::catalogue::{Parameter, Provider, UnknownName};

impl Provider {
    /// Validates JSON against the schema of an event (`paymentCreated`), a model (`Amount`) or an answer
    /// (`list_webhooks.200`).
    ///
    /// The schema is prepared at first use and kept.
    ///
    /// # Errors
    ///
    /// When there is no schema of that name, when the text is not JSON, or with every violation.
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
        let validator = self.validator(name)?;
        let value: Value = serde_json::from_slice(json).map_err(|error| Invalid::NotJson(NotJson::new(&error)))?;
        if let Some(error) = NotJson::beyond_double(&value) {
            return Err(Invalid::NotJson(error));
        }
        if validator.is_valid(&value) {
            return Ok(());
        }
        Err(Invalid::Violations(validator.iter_errors(&value).map(|error| Violation::new(&error)).collect()))
    }

    fn validator(&'static self, name: &str) -> Result<&'static Validator, Invalid> {
        let schema = self.schema(name)?;
        if let Some(validator) = schema.validator.get() {
            return Ok(validator);
        }
        let document = crate::json_schema::document(&self.bundle, schema.name);
        let validator = prepare(&document)?;
        Ok(OnceLock::get_or_init(&schema.validator, || validator))
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
        let value = match schema.get("type").and_then(Value::as_str) {
            Some("string") => Value::from(text),
            _ => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
        };
        let violations: Vec<Violation> =
            prepare(&schema)?.iter_errors(&value).map(|error| Violation::new(&error)).collect();
        if violations.is_empty() { Ok(()) } else { Err(Invalid::Violations(violations)) }
    }
}

fn prepare(schema: &Value) -> Result<Validator, Invalid> {
    jsonschema::options()
        .with_draft(Draft::Draft7)
        .should_validate_formats(true)
        .with_format("uuid", is_uuid)
        .with_format("local-date-time", is_local_date_time)
        .with_format("http-date", |text: &str| crate::times::http_date(text).is_some())
        .build(schema)
        .map_err(|error| Invalid::Schema(error.to_string()))
}

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
    /// The JSON departs from the specification. In the order in which the validator finds them; never empty.
    #[error("{}", Lines(.0))]
    Violations(Vec<Violation>),
    /// The schema itself cannot be used. The schemas of this crate can; its tests prepare every one.
    #[error("the schema cannot be used: {0}")]
    Schema(String),
}

struct Lines<'a>(&'a [Violation]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            write!(f, "{}{violation}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

/// A text that is not JSON, and where that shows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not JSON: {message} (line {line}, column {column})")]
#[non_exhaustive]
pub struct NotJson {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in bytes, counted from 1; 0 at the very end of a line.
    pub column: usize,
    /// What is wrong. It quotes nothing of the text.
    pub message: String,
}

impl NotJson {
    /// A number that only `serde_json/arbitrary_precision`, which another crate may switch on, lets pass: whether a
    /// payload is valid must not depend on that. Its place is not known.
    fn beyond_double(value: &Value) -> Option<Self> {
        static ARBITRARY_PRECISION: LazyLock<bool> = LazyLock::new(|| serde_json::from_str::<Value>("1e400").is_ok());
        fn found(value: &Value) -> bool {
            match value {
                Value::Number(number) => !number.as_f64().is_some_and(f64::is_finite),
                Value::Array(items) => items.iter().any(found),
                Value::Object(members) => members.values().any(found),
                Value::Null | Value::Bool(_) | Value::String(_) => false,
            }
        }
        (*ARBITRARY_PRECISION && found(value)).then(|| Self {
            line: 1,
            column: 0,
            message: "number out of range".to_owned(),
        })
    }

    fn new(error: &serde_json::Error) -> Self {
        Self { line: error.line(), column: error.column(), message: crate::decode::without_value(error) }
    }
}

/// One way in which JSON departs from a schema.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// JSON pointer of the value at fault; empty for the root.
    pub pointer: String,
    /// The keyword of the schema that the value violates, such as `required` or `format`.
    pub keyword: String,
    /// What is wrong, without the value: it is a customer's data.
    pub message: String,
    unmasked: String,
}

impl Violation {
    fn new(error: &ValidationError<'_>) -> Self {
        Self {
            pointer: error.instance_path().to_string(),
            keyword: error.kind().keyword().to_owned(),
            message: error.masked().to_string(),
            unmasked: error.to_string(),
        }
    }

    /// What is wrong, with the value.
    pub fn message_with_value(&self) -> &str {
        &self.unmasked
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "the root" } else { &self.pointer };
        write!(f, "{place}: {} ({})", self.message, self.keyword)
    }
}

impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Violation")
            .field("pointer", &self.pointer)
            .field("keyword", &self.keyword)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}
