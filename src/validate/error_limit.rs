//! A representation of JSON for the validator that limits the number of errors.
//!
//! The validator collects all errors before it returns the first one, and a payload of 16 MiB can have millions of
//! them. Once there are enough errors, arrays and objects of this representation appear to end. This does not cause
//! errors that would be reported: the only negated keyword is that of a member that must be absent.

use std::borrow::Cow;
use std::cell::Cell;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, Node, NodeIdentity, Object};
use jsonschema_value::LazyInstance;
use serde_json::{Map, Number, Value};

/// The type that names the representation for `jsonschema`.
pub(crate) struct Limited;

/// A value of the representation.
#[derive(Clone)]
pub(crate) struct LimitedValue<'a, T: ?Sized = Value> {
    pub(crate) value: &'a T,
    /// How many more errors are wanted.
    pub(crate) wanted: &'a Cell<usize>,
}

impl<'a, T: ?Sized> LimitedValue<'a, T> {
    fn with<U: ?Sized>(&self, value: &'a U) -> LimitedValue<'a, U> {
        LimitedValue { value, wanted: self.wanted }
    }
}

impl Json for Limited {
    type Node<'a> = LimitedValue<'a>;
    type PreparedKey = String;
    type StringBuffer = Value;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>(buffer: &mut Value, string: &str, f: impl FnOnce(LimitedValue<'_>) -> T) -> T {
        *buffer = Value::String(string.to_owned());
        f(LimitedValue { value: buffer, wanted: &Cell::new(usize::MAX) })
    }
}

impl<'a> Node<'a, Limited> for LimitedValue<'a> {
    type Object = LimitedValue<'a, Map<String, Value>>;
    type Array = LimitedValue<'a, [Value]>;
    type Number = &'a Number;

    fn as_object(&self) -> Option<Self::Object> {
        self.value.as_object().map(|members| self.with(members))
    }

    fn as_array(&self) -> Option<Self::Array> {
        self.value.as_array().map(|items| self.with(items.as_slice()))
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        self.value.as_str().map(Cow::Borrowed)
    }

    fn as_number(&self) -> Option<&'a Number> {
        self.value.as_number()
    }

    fn as_boolean(&self) -> Option<bool> {
        self.value.as_bool()
    }

    fn is_null(&self) -> bool {
        self.value.is_null()
    }

    fn json_type(&self) -> JsonType {
        match self.value {
            Value::Null => JsonType::Null,
            Value::Bool(_) => JsonType::Boolean,
            Value::Number(_) => JsonType::Number,
            Value::String(_) => JsonType::String,
            Value::Array(_) => JsonType::Array,
            Value::Object(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        jsonschema::json::cmp::equal(self.value, expected)
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Borrowed(self.value)
    }

    /// Every error asks for its value.
    fn lazy_value(&self) -> LazyInstance<'a> {
        self.wanted.set(self.wanted.get().saturating_sub(1));
        LazyInstance::from(self.value)
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref(self.value).addr()))
    }
}

impl<'a> Object<'a, Limited> for LimitedValue<'a, Map<String, Value>> {
    type Node = LimitedValue<'a>;
    type MemberName = &'a str;
    type MembersIter = Children<'a, serde_json::map::Iter<'a>>;

    fn len(&self) -> usize {
        self.value.len()
    }

    fn get(&self, key: &String) -> Option<LimitedValue<'a>> {
        self.value.get(key).map(|value| self.with(value))
    }

    fn members(&self) -> Self::MembersIter {
        Children { children: self.value.iter(), wanted: self.wanted }
    }
}

impl<'a> Array<'a, Limited> for LimitedValue<'a, [Value]> {
    type Node = LimitedValue<'a>;
    type ElementsIter = Children<'a, std::slice::Iter<'a, Value>>;

    fn len(&self) -> usize {
        self.value.len()
    }

    fn elements(&self) -> Self::ElementsIter {
        Children { children: self.value.iter(), wanted: self.wanted }
    }

    fn is_unique(&self) -> bool {
        jsonschema::json::unique::is_unique(self.value)
    }
}

/// Members or items, until enough errors were found.
pub(crate) struct Children<'a, I> {
    children: I,
    wanted: &'a Cell<usize>,
}

impl<I: Iterator> Children<'_, I> {
    fn next_wanted(&mut self) -> Option<I::Item> {
        if self.wanted.get() == 0 { None } else { self.children.next() }
    }
}

impl<'a> Iterator for Children<'a, std::slice::Iter<'a, Value>> {
    type Item = LimitedValue<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let value = self.next_wanted()?;
        Some(LimitedValue { value, wanted: self.wanted })
    }
}

impl<'a> Iterator for Children<'a, serde_json::map::Iter<'a>> {
    type Item = (&'a str, LimitedValue<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.next_wanted()?;
        Some((name, LimitedValue { value, wanted: self.wanted }))
    }
}
