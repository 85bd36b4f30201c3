//! Prepares schemas for strict validation.

use std::cell::Cell;
use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::OnceLock;

use jsonschema::json::Json;
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use super::error_limit::{Limited, LimitedValue};
use super::formats::FORMATS;
use super::invalid::Invalid;
use super::strict_json::Parsed;
use super::tree::Borrowed;
use super::unique::is_unique;
use super::violation::{MAX_VIOLATIONS, Violation, Violations};

/// How many bytes are read to compare items by their numbers as written.
const UNIQUE: usize = 64 << 20;

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
        let (text, mut room, mut passed) = (parsed.text, UNIQUE, None);
        let is_violation = |violation: &Violation| {
            let is_unique =
                violation.keyword == "uniqueItems" && is_unique(text, &violation.pointer, &mut room) == Some(true);
            if is_unique {
                passed.get_or_insert_with(|| violation.clone());
            }
            !is_unique
        };
        let errors = errors.map(|error| Violation::new(&error, value, &parsed.written, &lists));
        // Hashes take less room than texts; that two of them are equal by chance is less likely than a fault of the machine.
        let hash = RandomState::new();
        let mut errors = errors.filter(is_violation).filter(|violation| {
            seen.insert(hash.hash_one((&violation.pointer, &violation.keyword, &violation.message)))
        });
        let mut found: Vec<_> = errors.by_ref().take(MAX_VIOLATIONS).collect();
        let truncated = errors.next().is_some() || wanted.get() == 0;
        drop(errors);
        match passed {
            Some(_) if found.is_empty() && !truncated => return Ok(()),
            // What comes after so many items was not looked at.
            Some(passed) if found.is_empty() => found.push(passed),
            Some(_) | None => {}
        }
        Err(Invalid::Violations(Violations::new(found, truncated)))
    }
}

fn prepare<F: Json>(options: Options<F>, schema: &Value) -> Result<Validator<F>, Invalid> {
    // The time of this engine is linear in the length of the text. The other one gives up after some time, which would count as
    // a violation.
    let options = options.with_pattern_options(PatternOptions::regex());
    let options = options.with_draft(Draft::Draft7).should_validate_formats(true);
    let with_formats = FORMATS.iter().fold(options, |options, (name, is_valid)| options.with_format(*name, is_valid));
    with_formats.build(schema).map_err(|error| Invalid::Schema(error.to_string()))
}

type Options<F> = jsonschema::ValidationOptions<'static, std::sync::Arc<dyn jsonschema::Retrieve>, F>;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Validators;
    use crate::validate::invalid::Invalid;
    use crate::validate::strict_json;

    fn check(schema: serde_json::Value, json: &str) -> Result<(), Invalid> {
        let validators = Validators::new(schema).unwrap();
        strict_json::parse(json.as_bytes(), |parsed| validators.check(parsed, |_| true)).unwrap()
    }

    /// So many items differ by their numbers as written only that the limit of errors ends the search.
    #[test]
    fn what_was_not_looked_at_is_not_valid() {
        let rows = |count: usize| ["[1.00000000000000000001,1.00000000000000000002]"].repeat(count).join(",");
        let schema = json!({"properties": {
            "rows": {"items": {"uniqueItems": true}},
            "zeta": {"items": {"type": "integer"}},
        }});
        let of = |count: usize| format!(r#"{{"rows":[{}],"zeta":["x"]}}"#, rows(count));
        for count in [1, 25_000] {
            assert!(check(schema.clone(), &of(count)).is_err(), "{count}");
        }
        assert_eq!(check(schema, &format!(r#"{{"rows":[{}]}}"#, rows(10))), Ok(()));
    }
}
