//! Strict validation: every way in which JSON does not match a provider's specification.
//!
//! It agrees with the specification, not with the tolerant models, and is meant to find drift: a provider that adds an
//! enum value tomorrow still delivers a payment. Do not let it decide whether a delivery is accepted.

mod error_limit;
mod invalid;
mod strict_json;
mod validator;
mod violation;

use std::collections::HashMap;

use serde_json::Value;

pub use self::invalid::Invalid;
pub use self::strict_json::NotJson;
use self::strict_json::Parsed;
use self::validator::Validators;
pub use self::violation::{MAX_VIOLATIONS, Violation, Violations};
use crate::catalogue::{Parameter, Provider};

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
        let parsed = strict_json::parse(json).map_err(Invalid::NotJson)?;
        validators.check(&parsed, |name| self.lists(name))
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
        prepared.downcast_ref().ok_or_else(|| Invalid::Schema("something else was made of it".to_owned()))
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
        let schema = serde_json::from_str(self.strict.unwrap_or(self.schema));
        let schema: Value = schema.map_err(|error| Invalid::Schema(error.to_string()))?;
        let json = match schema.get("type").and_then(Value::as_str) {
            Some("string") => None,
            _ => strict_json::parse(text.as_bytes()).ok().filter(|_| !text.starts_with('\u{feff}')),
        };
        let value = json.unwrap_or_else(|| Parsed { value: Value::from(text), written: HashMap::new() });
        Validators::new(schema)?.check(&value, |_| false)
    }
}
