//! JSON pointers (RFC 6901) and their tokens.

use std::borrow::Cow;
#[cfg(feature = "sandbox")]
use std::collections::HashMap;
#[cfg(feature = "sandbox")]
use std::ops::Range;

#[cfg(feature = "sandbox")]
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Whether the text is a JSON pointer. The empty text is one: it points to the whole value.
pub(crate) fn is_pointer(text: &str) -> bool {
    let is_escaped = |rest: &str| rest.starts_with(['0', '1']);
    (text.is_empty() || text.starts_with('/')) && text.split('~').skip(1).all(is_escaped)
}

/// The member names along a pointer.
pub(crate) fn names(pointer: &str) -> impl Iterator<Item = Cow<'_, str>> {
    pointer.split('/').skip(1).map(name)
}

/// The member name of a token.
pub(crate) fn name(token: &str) -> Cow<'_, str> {
    if token.contains('~') { token.replace("~1", "/").replace("~0", "~").into() } else { token.into() }
}

/// The token of a member name.
pub(crate) fn token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Replaces the text of a member of nested objects, and leaves all other values as they are written. `None` if there is no
/// such member.
pub(crate) fn replaced(json: &str, pointer: &str, new: &dyn Fn(&str) -> String) -> Option<String> {
    let Some(tokens) = pointer.strip_prefix('/') else { return Some(new(json)) };
    let (token, rest) = tokens.find('/').map_or((tokens, ""), |end| tokens.split_at(end));
    let wanted = name(token);
    let members = json.parse::<crate::Json>().ok()?.members()?;
    let mut is_found = false;
    let mut written = Vec::new();
    for (name, value) in members {
        let is_wanted = name == wanted;
        is_found |= is_wanted;
        let value = if is_wanted { replaced(value.as_str(), rest, new)? } else { value.as_str().to_owned() };
        written.push(format!("{}:{value}", Value::from(name)));
    }
    is_found.then(|| format!("{{{}}}", written.join(",")))
}

/// Where the value that a pointer points to is in the text.
#[cfg(feature = "sandbox")]
pub(crate) fn span(json: &str, pointer: &str) -> Option<Range<usize>> {
    let mut value: &RawValue = serde_json::from_str(json).ok()?;
    for name in names(pointer) {
        value = if value.get().starts_with('[') {
            let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
            *items.get(name.parse::<usize>().ok()?)?
        } else {
            let mut members: HashMap<String, &RawValue> = serde_json::from_str(value.get()).ok()?;
            members.remove(&*name)?
        };
    }
    let start = value.get().as_ptr().addr().checked_sub(json.as_ptr().addr())?;
    Some(start..start + value.get().len())
}

/// Removes the member that a pointer points to. With a token `*`, that is the whole list.
pub(crate) fn remove(json: &mut Value, pointer: &str) {
    let pointer = pointer.split_once("/*").map_or(pointer, |(list, _)| list);
    let Some((parent, token)) = pointer.rsplit_once('/') else { return };
    if let Some(Value::Object(members)) = json.pointer_mut(parent) {
        members.remove(&*name(token));
    }
}

/// Puts a value where a pointer points to, and makes the objects on the way. A token `*` means every item of a list, of
/// which the value has one each.
pub(crate) fn write(json: &mut Value, pointer: &str, value: &Value) {
    if let Some((list, rest)) = pointer.split_once("/*") {
        let example = json.pointer(list).and_then(|list| list.get(0)).cloned();
        let item = |value: &Value| {
            let mut item = example.clone().unwrap_or_else(|| Value::Object(Map::new()));
            write(&mut item, rest, value);
            item
        };
        let items: Vec<Value> = value.as_array().into_iter().flatten().map(item).collect();
        return write(json, list, &Value::Array(items));
    }
    let Some(tokens) = pointer.strip_prefix('/') else {
        *json = value.clone();
        return;
    };
    let (token, rest) = tokens.find('/').map_or((tokens, ""), |end| tokens.split_at(end));
    if let Value::Array(items) = json
        && let Some(item) = token.parse().ok().and_then(|index: usize| items.get_mut(index))
    {
        return write(item, rest, value);
    }
    if !json.is_object() {
        *json = Value::Object(Map::new());
    }
    if let Value::Object(members) = json {
        write(members.entry(name(token).into_owned()).or_insert(Value::Null), rest, value);
    }
}
