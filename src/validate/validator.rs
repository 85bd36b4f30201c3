//! Prepares schemas for strict validation.

use std::cell::Cell;
use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::OnceLock;

use jsonschema::json::Json;
use jsonschema::{Draft, Validator};
use serde_json::Value;

use super::error_limit::{Limited, LimitedValue};
use super::formats::FORMATS;
use super::invalid::Invalid;
use super::strict_json::Parsed;
use super::tree::Borrowed;
use super::unique::is_unique;
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
        // Different numbers may be the same double.
        let is_unique = |violation: &Violation| {
            violation.keyword == "uniqueItems" && is_unique(parsed.text, &violation.pointer) == Some(true)
        };
        let errors = errors.map(|error| Violation::new(&error, value, &parsed.written, &lists));
        // Hashes take less room than texts; that two of them are equal by chance is less likely than a fault of the machine.
        let hash = RandomState::new();
        let mut errors = errors.filter(|violation| !is_unique(violation)).filter(|violation| {
            seen.insert(hash.hash_one((&violation.pointer, &violation.keyword, &violation.message)))
        });
        let found: Vec<_> = errors.by_ref().take(MAX_VIOLATIONS).collect();
        let truncated = errors.next().is_some() || wanted.get() == 0;
        if found.is_empty() { Ok(()) } else { Err(Invalid::Violations(Violations::new(found, truncated))) }
    }
}

fn prepare<F: Json>(options: Options<F>, schema: &Value) -> Result<Validator<F>, Invalid> {
    let options = options.with_draft(Draft::Draft7).should_validate_formats(true);
    let with_formats = FORMATS.iter().fold(options, |options, (name, is_valid)| options.with_format(*name, is_valid));
    with_formats.build(schema).map_err(|error| Invalid::Schema(error.to_string()))
}

type Options<F> = jsonschema::ValidationOptions<'static, std::sync::Arc<dyn jsonschema::Retrieve>, F>;
