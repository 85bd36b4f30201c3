//! How deliveries are asked for: the operations that manage registrations, and where they have what a registration consists
//! of.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::leak;

/// How a program registers where a provider is to deliver events.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, bound(deserialize = "'de: 'static"))]
#[non_exhaustive]
pub struct Registration {
    /// Where the secret of a registration comes from.
    pub secret: SecretOrigin,
    /// Creates a registration.
    pub create: RegistrationCall,
    /// Lists registrations; `None` where no such operation is documented, as below.
    pub list: Option<RegistrationCall>,
    /// Reports one registration.
    pub get: Option<RegistrationCall>,
    /// Changes a registration.
    pub update: Option<RegistrationCall>,
    /// Deletes a registration.
    pub delete: Option<RegistrationCall>,
}

/// Where the secret of a registration comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SecretOrigin {
    /// The provider makes it, and reports it once, as the answer to creating the registration.
    Answered,
    /// The caller chooses it.
    Chosen,
    /// It belongs to the account, and no operation reports it.
    Account,
}

/// An operation on registrations.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct RegistrationCall {
    /// The `operationId`.
    #[serde(deserialize_with = "leak::text")]
    pub operation: &'static str,
    /// The names of the path's parameters.
    #[serde(deserialize_with = "roles")]
    pub parameters: BTreeMap<Role, &'static str>,
    /// JSON pointers into the body of the request.
    #[serde(deserialize_with = "roles")]
    pub request: BTreeMap<Role, &'static str>,
    /// The JSON pointer to the list of registrations in the answer; `None` where the answer is not a list.
    #[serde(deserialize_with = "leak::optional_text")]
    pub items: Option<&'static str>,
    /// JSON pointers into the answer, or into each item of the list. A token `*` means every item of a list.
    #[serde(deserialize_with = "roles")]
    pub answer: BTreeMap<Role, &'static str>,
}

/// What a value of a request or an answer is of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Role {
    /// What the provider identifies it by.
    Id,
    /// The URL that events are delivered to.
    Url,
    /// The URL that it has, where that identifies it.
    CurrentUrl,
    /// The names of its events.
    Events,
    /// The name of its event, where it has one.
    Event,
    /// What its deliveries are signed with.
    Secret,
    /// Whether events are delivered.
    Active,
}

/// The values of one registration, or of a request about it.
pub type Values = BTreeMap<Role, Value>;

impl RegistrationCall {
    /// The parameters of the operation, by their names, for a registration of these values.
    pub fn parameters(&self, values: &Values) -> Vec<(&'static str, String)> {
        let given = |(role, name): (&Role, &&'static str)| {
            let value = values.get(role)?;
            Some((*name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        };
        self.parameters.iter().filter_map(given).collect()
    }

    /// The body of a request with these values; `None` where the operation takes none of them in its body.
    pub fn body(&self, values: &Values) -> Option<Value> {
        (!self.request.is_empty()).then(|| {
            let mut body = Value::Object(serde_json::Map::new());
            write_roles(&mut body, &self.request, values);
            body
        })
    }

    /// What the body of a request says.
    pub fn requested(&self, body: &Value) -> Values {
        read_roles(body, &self.request)
    }

    /// The registrations in an answer: one, or each of a list.
    pub fn answered(&self, answer: &Value) -> Vec<Values> {
        match self.items {
            None => vec![read_roles(answer, &self.answer)],
            Some(items) => {
                let items = answer.pointer(items).and_then(Value::as_array).into_iter().flatten();
                items.map(|item| read_roles(item, &self.answer)).collect()
            }
        }
    }

    /// Writes registrations into an answer in place of those that it has: one, or a list of items like the first one.
    pub fn answer(&self, answer: &mut Value, registrations: &[Values]) {
        let Some(items) = self.items else {
            if let Some(values) = registrations.first() {
                write_roles(answer, &self.answer, values);
            }
            return;
        };
        let Some(list) = answer.pointer_mut(items) else { return };
        let example = list.as_array().and_then(|list| list.first()).cloned();
        let item = |values: &Values| {
            let mut item = example.clone().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
            write_roles(&mut item, &self.answer, values);
            item
        };
        *list = registrations.iter().map(item).collect();
    }
}

fn read_roles(json: &Value, places: &BTreeMap<Role, &'static str>) -> Values {
    places.iter().filter_map(|(role, pointer)| Some((*role, read(json, pointer)?))).collect()
}

/// The value that a pointer points to; with `*`, the list of what is there in every item.
fn read(json: &Value, pointer: &str) -> Option<Value> {
    match pointer.split_once("/*") {
        None => json.pointer(pointer).filter(|value| !value.is_null()).cloned(),
        Some((list, rest)) => {
            let items = json.pointer(list)?.as_array()?.iter();
            Some(items.filter_map(|item| read(item, rest)).collect())
        }
    }
}

fn write_roles(json: &mut Value, places: &BTreeMap<Role, &'static str>, values: &Values) {
    for (role, pointer) in places {
        if let Some(value) = values.get(role) {
            write(json, pointer, value);
        }
    }
}

/// Puts a value where a pointer points to, and makes the objects on the way.
fn write(json: &mut Value, pointer: &str, value: &Value) {
    if let Some((list, rest)) = pointer.split_once("/*") {
        let example = json.pointer(list).and_then(|list| list.get(0)).cloned();
        let item = |value: &Value| {
            let mut item = example.clone().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
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
        *json = Value::Object(serde_json::Map::new());
    }
    if let Value::Object(members) = json {
        let token = token.replace("~1", "/").replace("~0", "~");
        write(members.entry(token).or_insert(Value::Null), rest, value);
    }
}

fn roles<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Role, &'static str>, D::Error> {
    let texts = BTreeMap::<Role, String>::deserialize(deserializer)?;
    Ok(texts.into_iter().map(|(role, text)| (role, &*text.leak())).collect())
}
