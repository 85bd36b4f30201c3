//! Prepares schemas for strict validation.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::OnceLock;

use jsonschema::json::Json;
use jsonschema::{Draft, Validator};
use serde_json::Value;

use super::error_limit::{Limited, LimitedValue};
use super::invalid::Invalid;
use super::strict_json::Parsed;
use super::tree::Borrowed;
use super::violation::{MAX_VIOLATIONS, Violation, Violations};

/// A prepared schema.
pub(super) struct Validators {
    /// Checks fast whether a value is valid.
    whether: Validator<Borrowed>,
    /// Finds the errors of a value. It is prepared when it is needed, which for most schemas is never.
    which: OnceLock<Validator<Limited>>,
    schema: Value,
}

impl Validators {
    pub(super) fn new(schema: Value) -> Result<Self, Invalid> {
        Ok(Self { whether: prepare(jsonschema::options_for(), &schema)?, which: OnceLock::new(), schema })
    }

    /// Validates a value. `lists` returns whether the specification describes a member of that name.
    pub(super) fn check(&self, parsed: &Parsed<'_>, lists: impl Fn(&str) -> bool) -> Result<(), Invalid> {
        if self.whether.is_valid(&parsed.tree) {
            return Ok(());
        }
        let value = &Value::from(&parsed.tree);
        let which = match self.which.get() {
            Some(which) => which,
            None => {
                let which = prepare(jsonschema::options_for::<Limited>(), &self.schema)?;
                self.which.get_or_init(|| which)
            }
        };
        // One more, to find out whether there are more. The schema of an event can find each error twice.
        let wanted = Cell::new(2 * (MAX_VIOLATIONS + 1));
        let errors = which.iter_errors(LimitedValue { value, wanted: &wanted });
        let mut seen = HashSet::new();
        let mut errors =
            errors.map(|error| Violation::new(&error, value, &parsed.written, &lists)).filter(|violation| {
                seen.insert((violation.pointer.clone(), violation.keyword.clone(), violation.message.clone()))
            });
        let found = errors.by_ref().take(MAX_VIOLATIONS).collect();
        let truncated = errors.next().is_some() || wanted.get() == 0;
        Err(Invalid::Violations(Violations::new(found, truncated)))
    }
}

fn prepare<F: Json>(options: Options<F>, schema: &Value) -> Result<Validator<F>, Invalid> {
    options
        .with_draft(Draft::Draft7)
        .should_validate_formats(true)
        .with_format("uuid", is_uuid)
        .with_format("local-date-time", is_local_date_time)
        .with_format("http-date", |text: &str| crate::wire::date::http_date(text).is_some())
        .build(schema)
        .map_err(|error| Invalid::Schema(error.to_string()))
}

type Options<F> = jsonschema::ValidationOptions<'static, std::sync::Arc<dyn jsonschema::Retrieve>, F>;

/// Whether a text is a UUID in RFC 4122's form with hyphens, a format that draft-07 does not define.
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// Whether a text is like `2020-07-31T10:30:00`, with or without a fraction of a second.
fn is_local_date_time(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    // jiff accepts more of ISO 8601: no seconds, no separators, years of six digits, zones.
    whole.len() == 19
        && whole.parse::<jiff::civil::DateTime>().is_ok_and(|time| time.to_string() == whole)
        && !fraction.is_empty()
        && fraction.bytes().all(|digit| digit.is_ascii_digit())
}
