//! Strict validation: reports every way in which JSON does not match a provider's specification.
//! Requires the feature `validate`, which is on by default.
//!
//! Validation follows the specification, not the tolerant models. Use it to find differences between the specification
//! and what a provider sends. Do not use it to decide whether to accept a delivery: a payment is still a payment after
//! the provider has added an enum value.

mod error_limit;
mod formats;
mod invalid;
mod strict_json;
mod tree;
mod unique;
mod validator;
mod violation;

use std::collections::HashMap;

use serde_json::Value;

pub use self::invalid::Invalid;
pub use self::strict_json::NotJson;
use self::strict_json::Parsed;
use self::tree::Tree;
use self::validator::Validators;
pub use self::violation::{MAX_VIOLATIONS, Violation, Violations};
use crate::catalogue::{Parameter, Provider};

impl Provider {
    /// Validates JSON against the schema of an event (`paymentCreated`), a model (`Amount`) or a response
    /// (`list_webhooks.200`).
    ///
    /// The schema is prepared at first use, and reused afterwards.
    ///
    /// Integers are those of JSON Schema: `25800.0` and `2.58e4` are integers like `25800`, and
    /// `100.00000000000000000001` is not. A number that is out of the range of a double (`1e400`, `1e-400`) is an
    /// error, and so is a duplicate member name in an object, because JSON parsers treat these differently. A byte
    /// order mark is skipped. Requires the feature `validate`.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no schema of that name, if the text is not JSON, or if the JSON does not match the
    /// schema. The last one has every violation, up to [`MAX_VIOLATIONS`].
    ///
    /// ```
    /// # #[cfg(feature = "dealpos")] {
    /// use pos_webhooks::dealpos;
    /// use pos_webhooks::validate::Invalid;
    ///
    /// let payment = br#"{"ID": "1", "Amount": "10.10"}"#;
    /// let Err(Invalid::Violations(violations)) = dealpos::PROVIDER.validate("paymentCreated", payment) else {
    ///     panic!("the amount is a string and most members are missing");
    /// };
    /// assert!(violations.iter().any(|violation| violation.pointer == "/Amount" && violation.keyword == "type"));
    /// # }
    /// ```
    pub fn validate(&'static self, name: &str, json: &[u8]) -> Result<(), Invalid> {
        let validators = self.validators(name)?;
        strict_json::parse(json, |parsed| validators.check(parsed, |name| self.lists(name)))
            .map_err(Invalid::NotJson)?
    }

    fn validators(&'static self, name: &str) -> Result<&'static Validators, Invalid> {
        let schema = self.schema(name)?;
        let prepared = match schema.prepared.get() {
            Some(prepared) => prepared,
            None => {
                let validators = Validators::new(self.strict_schema(schema))?;
                schema.prepared.get_or_init(|| Box::new(validators))
            }
        };
        prepared.downcast_ref().ok_or_else(|| Invalid::Schema("it was prepared as another type".to_owned()))
    }
}

impl Parameter {
    /// Returns a value that the schema of the parameter allows: a listed one, the default, or a made one. `None` if none of
    /// these is valid. Requires the feature `validate`.
    pub fn example(&self) -> Option<String> {
        self.first_valid(["x", "6217960c-2a2e-4188-9025-af11abf47d5e", "123456", "true"].map(str::to_owned))
    }

    /// The listed value or the default, or else the first of these values that is valid.
    pub(crate) fn first_valid(&self, made: impl IntoIterator<Item = String>) -> Option<String> {
        self.listed_value().into_iter().chain(made).find(|value| self.validate(value).is_ok())
    }

    /// Validates the value of a parameter, without percent-encoding. The schema is prepared at every call.
    /// Requires the feature `validate`.
    ///
    /// # Errors
    ///
    /// Returns an error with every violation. The pointers of the violations are empty.
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
        let schema = serde_json::from_str(self.strict.unwrap_or(self.schema));
        let schema: Value = schema.map_err(|error| Invalid::Schema(error.to_string()))?;
        let is_text = schema.get("type").and_then(Value::as_str) == Some("string") || text.starts_with('\u{feff}');
        let validators = Validators::new(schema)?;
        let check = |parsed: &Parsed<'_>| validators.check(parsed, |_| false);
        let checked = if is_text { None } else { strict_json::parse(text.as_bytes(), check).ok() };
        match checked {
            Some(checked) => checked,
            None => check(&Parsed { text: b"", tree: Tree::String(text.into()), written: HashMap::new() }),
        }
    }
}
