//! Violations of a schema, as they are reported.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::ops::Deref;

use jsonschema::ValidationError;
use serde_json::Value;

use crate::json::pointer;

/// The maximum number of violations reported for one payload.
pub const MAX_VIOLATIONS: usize = 10_000;

/// The maximum length in bytes of the value in [`Violation::message_with_value`].
const MAX_VALUE: usize = 1_000;

/// The violations of a schema, in the order in which the validator finds them; never empty.
///
/// The type dereferences to a slice of [`Violation`]s, and is an iterator by value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations {
    found: Vec<Violation>,
    truncated: bool,
}

impl Violations {
    pub(super) fn new(found: Vec<Violation>, truncated: bool) -> Self {
        Self { found, truncated }
    }

    /// Returns whether there are more violations than these [`MAX_VIOLATIONS`].
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

/// A violation of a schema: one way in which JSON does not match it.
///
/// Neither `Display` nor `Debug` shows a value. In the pointer, they show `*` for the names of members that the
/// provider's specification does not describe: such a name may be a customer's data.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The JSON pointer to the invalid value, with every name; empty for the root.
    pub pointer: String,
    /// The schema keyword that the value violates, such as `required` or `format`.
    pub keyword: String,
    /// What is wrong. The message does not contain the value, which may be a customer's data.
    pub message: String,
    message_with_value: String,
    /// The pointer as it may be shown, if that differs.
    shown_pointer: Option<String>,
}

impl Violation {
    /// `written` has the text of numbers as written, by the number that replaces them in the whole value.
    pub(super) fn new(
        error: &ValidationError<'_>,
        whole: &Value,
        written: &HashMap<String, String>,
        lists: &impl Fn(&str) -> bool,
    ) -> Self {
        let pointer = error.instance_path().as_str().to_owned();
        let instance = error.instance();
        let written = instance.as_number().and_then(|number| written.get(&number.to_string()));
        let value = written.map_or_else(|| bounded(instance), bounded);
        Self {
            keyword: error.kind().keyword().to_owned(),
            message: with_room(error.masked()),
            message_with_value: with_room(error.masked_with(value)),
            shown_pointer: shown(&pointer, whole, lists),
            pointer,
        }
    }

    fn shown_pointer(&self) -> &str {
        self.shown_pointer.as_deref().unwrap_or(&self.pointer)
    }

    /// Returns the message with the value, or with the beginning of a long value.
    pub fn message_with_value(&self) -> &str {
        &self.message_with_value
    }
}

/// The text of a message. Most messages fit the room, so that the text does not have to grow.
fn with_room(message: impl fmt::Display) -> String {
    let mut text = String::with_capacity(64);
    // Writing to a text does not fail.
    let _ = write!(text, "{message}");
    text
}

/// The value's JSON, truncated if it is long.
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
    let mut text = Bounded(String::with_capacity(32));
    let complete = write!(text, "{value}").is_ok();
    text.0 + if complete { "" } else { "…" }
}

/// A pointer as it may be shown; `None` if all of it may be.
fn shown(pointer: &str, root: &Value, lists: &impl Fn(&str) -> bool) -> Option<String> {
    let mut at = Some(root);
    let mut is_shown = Vec::new();
    for name in pointer::names(pointer) {
        let (is_index, next) = match at {
            Some(Value::Array(items)) => (true, name.parse().ok().and_then(|index: usize| items.get(index))),
            Some(Value::Object(members)) => (false, members.get(&*name)),
            _ => (false, None),
        };
        is_shown.push(is_index || lists(&name));
        at = next;
    }
    let tokens = pointer.split('/').skip(1).zip(&is_shown);
    let shown = || tokens.flat_map(|(token, is_shown)| ["/", if *is_shown { token } else { "*" }]).collect();
    is_shown.contains(&false).then(shown)
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "the root" } else { self.shown_pointer() };
        write!(f, "{place}: {} ({})", self.message, self.keyword)
    }
}

impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Violation")
            .field("pointer", &self.shown_pointer())
            .field("keyword", &self.keyword)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}
