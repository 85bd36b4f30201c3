//! JSON that borrows its strings from the text, in the form that the validator reads.

use std::borrow::Cow;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, Node, NodeIdentity, Object};
use serde_json::{Number, Value};

/// The largest object whose members are searched from the first one on.
const SMALL: usize = 16;

/// A value.
pub(super) enum Tree<'a> {
    Null,
    Bool(bool),
    Number(Number),
    String(Cow<'a, str>),
    Array(Vec<Tree<'a>>),
    Object(Members<'a>),
}

/// The members of an object. If they are many, they are sorted by name.
pub(super) struct Members<'a>(Vec<Member<'a>>);

type Member<'a> = (Cow<'a, str>, Tree<'a>);

impl<'a> Members<'a> {
    /// Returns `None` if two members have the same name.
    pub(super) fn new(mut members: Vec<Member<'a>>) -> Option<Self> {
        if members.len() > SMALL {
            members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
            let is_unique = members.windows(2).all(|pair| !matches!(pair, [(one, _), (other, _)] if one == other));
            return is_unique.then_some(Self(members));
        }
        // Most names have a bit of their own, so that few are compared.
        let mut bits: u64 = 0;
        for (index, (name, _)) in members.iter().enumerate() {
            let byte = |byte: Option<&u8>| usize::from(byte.copied().unwrap_or_default());
            let (first, last) = (byte(name.as_bytes().first()), byte(name.as_bytes().last()));
            let bit = 1 << ((name.len() + first * 5 + last * 11) % 64);
            let before = members.get(..index).unwrap_or_default();
            if bits & bit != 0 && before.iter().any(|(other, _)| other == name) {
                return None;
            }
            bits |= bit;
        }
        Some(Self(members))
    }

    fn get(&self, name: &str) -> Option<&Tree<'a>> {
        let index = if self.0.len() > SMALL {
            self.0.binary_search_by(|(other, _)| (**other).cmp(name)).ok()?
        } else {
            self.0.iter().position(|(other, _)| other == name)?
        };
        self.0.get(index).map(|(_, value)| value)
    }
}

impl<'a> From<&'a Value> for Tree<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(value) => Self::Number(value.clone()),
            Value::String(value) => Self::String(value.into()),
            Value::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            Value::Object(members) => {
                let members = members.iter().map(|(name, value)| (name.into(), Self::from(value)));
                // The names of a map are different. A map with `preserve_order` is not sorted.
                let mut members: Vec<Member<'_>> = members.collect();
                members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
                Self::Object(Members(members))
            }
        }
    }
}

impl From<&Tree<'_>> for Value {
    fn from(tree: &Tree<'_>) -> Self {
        match tree {
            Tree::Null => Self::Null,
            Tree::Bool(value) => Self::Bool(*value),
            Tree::Number(value) => Self::Number(value.clone()),
            Tree::String(value) => Self::String(value.clone().into_owned()),
            Tree::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            Tree::Object(members) => {
                let members = members.0.iter().map(|(name, value)| (name.clone().into_owned(), Self::from(value)));
                Self::Object(members.collect())
            }
        }
    }
}

/// The type that names the form for `jsonschema`.
pub(super) struct Borrowed;

impl Json for Borrowed {
    type Node<'a> = &'a Tree<'a>;
    type PreparedKey = String;
    type StringBuffer = ();

    const KEYS_PER_LOOKUP: usize = 2;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(Self::Node<'_>) -> T) -> T {
        f(&Tree::String(string.into()))
    }
}

impl<'a> Node<'a, Borrowed> for &'a Tree<'a> {
    type Object = &'a Members<'a>;
    type Array = &'a [Tree<'a>];
    type Number = &'a Number;

    fn as_object(&self) -> Option<&'a Members<'a>> {
        if let Tree::Object(members) = self { Some(members) } else { None }
    }

    fn as_array(&self) -> Option<&'a [Tree<'a>]> {
        if let Tree::Array(items) = self { Some(items) } else { None }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        if let Tree::String(value) = self { Some(Cow::Borrowed(value)) } else { None }
    }

    fn as_number(&self) -> Option<&'a Number> {
        if let Tree::Number(value) = self { Some(value) } else { None }
    }

    fn as_boolean(&self) -> Option<bool> {
        if let Tree::Bool(value) = self { Some(*value) } else { None }
    }

    fn is_null(&self) -> bool {
        matches!(self, Tree::Null)
    }

    fn json_type(&self) -> JsonType {
        match self {
            Tree::Null => JsonType::Null,
            Tree::Bool(_) => JsonType::Boolean,
            Tree::Number(_) => JsonType::Number,
            Tree::String(_) => JsonType::String,
            Tree::Array(_) => JsonType::Array,
            Tree::Object(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match (self, expected) {
            (Tree::String(value), Value::String(expected)) => value == expected,
            (Tree::Null, Value::Null) => true,
            (Tree::Bool(value), Value::Bool(expected)) => value == expected,
            (Tree::Number(_), Value::Number(_))
            | (Tree::Array(_), Value::Array(_))
            | (Tree::Object(_), Value::Object(_)) => jsonschema::json::cmp::equal(&Value::from(*self), expected),
            _ => false,
        }
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(Value::from(*self))
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref(*self).addr()))
    }
}

impl<'a> Object<'a, Borrowed> for &'a Members<'a> {
    type Node = &'a Tree<'a>;
    type MemberName = &'a str;
    type MembersIter = MembersIter<'a>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, key: &String) -> Option<&'a Tree<'a>> {
        Members::get(self, key)
    }

    fn members(&self) -> MembersIter<'a> {
        MembersIter(self.0.iter())
    }
}

impl<'a> Array<'a, Borrowed> for &'a [Tree<'a>] {
    type Node = &'a Tree<'a>;
    type ElementsIter = std::slice::Iter<'a, Tree<'a>>;

    fn len(&self) -> usize {
        <[Tree<'_>]>::len(self)
    }

    fn elements(&self) -> Self::ElementsIter {
        self.iter()
    }
}

/// The members of an object.
pub(super) struct MembersIter<'a>(std::slice::Iter<'a, Member<'a>>);

impl<'a> Iterator for MembersIter<'a> {
    type Item = (&'a str, &'a Tree<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, value)| (&**name, value))
    }
}
