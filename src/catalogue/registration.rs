//! The operations that manage registrations of webhooks, and where their requests and responses have the values of a
//! registration.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

#[cfg(feature = "client")]
use super::call::Operation;
use super::json_schema::member_schema;
use super::provider::Provider;
use super::token::ConstantMember;
use crate::json::pointer::{remove, write};
use crate::leak;

/// The operations that manage the registrations of webhooks.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, bound(deserialize = "'de: 'static"))]
#[non_exhaustive]
pub struct RegistrationCalls {
    /// Where the secret of a registration comes from.
    pub secret: SecretOrigin,
    /// The operation that creates a registration.
    pub create: RegistrationCall,
    /// The operation that lists registrations; `None` if the provider does not document one.
    pub list: Option<RegistrationCall>,
    /// The operation that returns one registration; `None` if the provider does not document one.
    pub get: Option<RegistrationCall>,
    /// The operation that changes a registration; `None` if the provider does not document one.
    pub update: Option<RegistrationCall>,
    /// The operation that deletes a registration; `None` if the provider does not document one.
    pub delete: Option<RegistrationCall>,
    /// The operations that subscribe registrations to events; `None` if a registration names its events itself, or gets
    /// all of them.
    pub subscriptions: Option<SubscriptionCalls>,
}

/// The operations that subscribe registrations to events, one at a time. A new registration does not have any
/// subscriptions.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, bound(deserialize = "'de: 'static"))]
#[non_exhaustive]
pub struct SubscriptionCalls {
    /// The operation that lists the events of the account; `None` if the provider does not document one.
    pub events: Option<RegistrationCall>,
    /// The operation that subscribes a registration to an event.
    pub create: RegistrationCall,
    /// The operation that lists subscriptions; `None` if the provider does not document one.
    pub list: Option<RegistrationCall>,
    /// The operation that returns one subscription; `None` if the provider does not document one.
    pub get: Option<RegistrationCall>,
    /// The operation that changes a subscription; `None` if the provider does not document one.
    pub update: Option<RegistrationCall>,
    /// The operation that ends a subscription; `None` if the provider does not document one.
    pub delete: Option<RegistrationCall>,
    /// The operation that has an example of the event delivered; `None` if the provider does not document one.
    pub test: Option<RegistrationCall>,
}

impl SubscriptionCalls {
    /// Returns all operations.
    pub fn all(&self) -> impl Iterator<Item = &RegistrationCall> {
        let Self { events, create, list, get, update, delete, test } = self;
        [events.as_ref(), Some(create), list.as_ref(), get.as_ref(), update.as_ref(), delete.as_ref(), test.as_ref()]
            .into_iter()
            .flatten()
    }
}

/// An operation that registers a URL for one event. Another call with the same other members replaces the URL.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct EventRegistration {
    /// The `operationId`.
    #[serde(deserialize_with = "leak::text")]
    pub operation: &'static str,
    /// The JSON pointer to the URL in the body of the request.
    #[serde(deserialize_with = "leak::pointer")]
    pub url: &'static str,
    /// The members of the request that select the event; empty if the operation is for this event alone.
    #[serde(deserialize_with = "leak::slice")]
    pub request: &'static [ConstantMember],
}

impl EventRegistration {
    /// Returns the body of a request that registers a URL, for tests and the sandbox: the other members are those of the
    /// operation's first example. Returns `None` if the operation of the provider does not take a body.
    pub fn example_body(&self, provider: &'static Provider, url: &str) -> Option<Value> {
        let example = provider.operation(self.operation)?.request.as_ref()?.examples.first()?;
        let mut body = serde_json::from_str(example.json).ok()?;
        for (pointer, value) in self.selecting() {
            write(&mut body, pointer, &value);
        }
        write(&mut body, self.url, &url.into());
        Some(body)
    }

    /// Whether a request is for the event.
    #[cfg(feature = "sandbox")]
    pub(crate) fn is_asked(&self, body: &Value) -> bool {
        self.selecting().all(|(pointer, value)| body.pointer(pointer) == Some(&value))
    }

    fn selecting(&self) -> impl Iterator<Item = (&'static str, Value)> {
        self.request.iter().filter_map(|it| Some((it.pointer, serde_json::from_str(it.json).ok()?)))
    }
}

/// Where the secret of a registration comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SecretOrigin {
    /// The provider generates the secret, and returns it once, in the response to creating the registration.
    Answered,
    /// The caller chooses the secret.
    Chosen,
    /// The secret belongs to the account, and no operation returns it.
    Account,
}

/// An operation on registrations or subscriptions, and where it has their values.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct RegistrationCall {
    /// The `operationId`.
    #[serde(deserialize_with = "leak::text")]
    pub operation: &'static str,
    /// The names of the path parameters.
    #[serde(deserialize_with = "roles")]
    pub parameters: BTreeMap<Role, &'static str>,
    /// JSON pointers into the body of the request.
    #[serde(deserialize_with = "roles")]
    pub request: BTreeMap<Role, &'static str>,
    /// The JSON pointer to the list in the response; `None` if the response is not a list.
    #[serde(deserialize_with = "leak::optional_text")]
    pub items: Option<&'static str>,
    /// The name of the query parameter with the number of the page, counted from 1, if the list is returned in pages.
    #[serde(deserialize_with = "leak::optional_text")]
    pub page: Option<&'static str>,
    /// JSON pointers into the response, or into each item of the list. The token `*` means every item of a list.
    #[serde(deserialize_with = "roles")]
    pub answer: BTreeMap<Role, &'static str>,
}

/// The meaning of a value in a request or a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Role {
    /// The id of the registration; of the subscription, in a call on subscriptions. An id that is a number is read as text.
    Id,
    /// The URL that events are delivered to.
    Url,
    /// The current URL of the registration, if the URL identifies it.
    CurrentUrl,
    /// The names of the registration's events.
    Events,
    /// The name of the event, if there is a single one.
    Event,
    /// The secret that deliveries are signed with.
    Secret,
    /// Whether the registration is active, so that events are delivered.
    Active,
    /// The id of the registration, in a call on subscriptions.
    Registration,
    /// The id of the event of a subscription.
    EventId,
    /// Which occurrences of the event a subscription is limited to.
    Filter,
}

/// The values of one registration or subscription, or of a request about it.
pub type Values = BTreeMap<Role, Value>;

impl Provider {
    /// Returns whether an operation of [`Provider::registration`] can register an event. It cannot if no operation registers
    /// webhooks, or if the operation takes one of a list of events that this one is not in. See also
    /// [`Event::registered_by`](super::Event::registered_by).
    pub fn registers(&'static self, event: &str) -> bool {
        let listed = self.registered_event().and_then(|schema| Some(schema.get("enum")?.as_array()?.clone()));
        self.registration.is_some() && listed.is_none_or(|listed| listed.iter().any(|name| name == event))
    }

    /// The schema of the event in the request that creates a registration for a single event.
    pub(crate) fn registered_event(&'static self) -> Option<Value> {
        let create = &self.registration.as_ref()?.create;
        let pointer = create.request.get(&Role::Event)?;
        let document = self.json_schema(self.operation(create.operation)?.request.as_ref()?.schema).ok()?;
        member_schema(&document, pointer).cloned()
    }
}

impl RegistrationCall {
    /// Returns the operation's parameters, by name, for a registration with these values.
    pub fn parameters(&self, values: &Values) -> Vec<(&'static str, String)> {
        let given = |(role, name): (&Role, &&'static str)| {
            let value = values.get(role)?;
            Some((*name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        };
        self.parameters.iter().filter_map(given).collect()
    }

    /// Returns the body of a request with these values, or `None` if the operation does not take any of them in its
    /// body.
    pub fn body(&self, values: &Values) -> Option<Value> {
        (!self.request.is_empty()).then(|| {
            let mut body = Value::Object(Map::new());
            write_roles(&mut body, &self.request, values);
            body
        })
    }

    /// Returns the body of a request with these values, for tests and the sandbox: members that do not have a role are those
    /// of the operation's first example. Returns `None` if the operation of the provider does not take a body.
    ///
    /// A member whose role does not have a value is left out. The active state is written as a number or as a boolean, as the
    /// schema of the body says.
    pub fn example_body(&self, provider: &'static Provider, values: &Values) -> Option<Value> {
        let documented = provider.operation(self.operation)?.request.as_ref()?;
        let example = documented.examples.first().and_then(|example| serde_json::from_str(example.json).ok());
        let mut body = example.unwrap_or_else(|| Value::Object(Map::new()));
        for (role, pointer) in &self.request {
            match values.get(role) {
                None => remove(&mut body, pointer),
                Some(active) if *role == Role::Active => {
                    let schema = provider.json_schema(documented.schema).unwrap_or_default();
                    let kind = member_schema(&schema, pointer).and_then(|member| member.get("type")?.as_str());
                    write(&mut body, pointer, &as_type(active, kind));
                }
                Some(value) => {
                    let value = as_number(value, body.pointer(pointer)).unwrap_or_else(|| value.clone());
                    write(&mut body, pointer, &value);
                }
            }
        }
        Some(body)
    }

    /// Whether the operation requires a parameter or a member of the body that does not have a role.
    #[cfg(feature = "client")]
    pub(crate) fn requires_others(&self, provider: &'static Provider, operation: &Operation) -> bool {
        let is_given = |name: &str| self.parameters.values().any(|given| *given == name);
        let schema = operation.request.as_ref().and_then(|body| provider.json_schema(body.schema).ok());
        operation.parameters().any(|parameter| parameter.required && !is_given(parameter.name))
            || schema.is_some_and(|schema| self.has_other_members(&schema, ""))
    }

    /// Whether the object at a pointer requires a member in which no role has its place.
    #[cfg(feature = "client")]
    fn has_other_members(&self, document: &Value, object: &str) -> bool {
        let schema = member_schema(document, object);
        let members = schema.and_then(|schema| schema.get("required")?.as_array()).into_iter().flatten();
        members.filter_map(Value::as_str).any(|member| {
            let member = format!("{object}/{member}");
            let inside: Vec<_> = self.request.values().filter_map(|place| place.strip_prefix(&*member)).collect();
            !inside.contains(&"") && (inside.is_empty() || self.has_other_members(document, &member))
        })
    }

    /// Returns the values in the body of a request.
    pub fn read_request(&self, body: &Value) -> Values {
        read_roles(body, &self.request)
    }

    /// Whether the ids in the documented responses are numbers.
    #[cfg(feature = "sandbox")]
    pub(crate) fn has_numbers(&self, provider: &'static Provider) -> bool {
        let example = provider.operation(self.operation).and_then(|it| it.success()?.body.as_ref()?.examples.first());
        let example: Option<Value> = example.and_then(|example| serde_json::from_str(example.json).ok());
        let place = self.answer.get(&Role::Id).copied();
        let place = place.map(|place| self.items.map_or_else(|| place.to_owned(), |items| format!("{items}/0{place}")));
        example.zip(place).is_some_and(|(example, place)| example.pointer(&place).is_some_and(Value::is_number))
    }

    /// Returns the registrations in a response: one, or each of a list.
    pub fn read_response(&self, response: &Value) -> Vec<Values> {
        match self.items {
            None => vec![read_roles(response, &self.answer)],
            Some(items) => {
                let items = response.pointer(items).and_then(Value::as_array).into_iter().flatten();
                items.map(|item| read_roles(item, &self.answer)).collect()
            }
        }
    }

    /// Replaces the registrations in a response: one, or a list whose items are like the first one.
    pub fn write_response(&self, response: &mut Value, registrations: &[Values]) {
        let Some(items) = self.items else {
            if let Some(values) = registrations.first() {
                write_roles(response, &self.answer, values);
            }
            return;
        };
        let Some(list) = response.pointer_mut(items) else { return };
        let example = list.as_array().and_then(|list| list.first()).cloned();
        let item = |values: &Values| {
            let mut item = example.clone().unwrap_or_else(|| Value::Object(Map::new()));
            write_roles(&mut item, &self.answer, values);
            item
        };
        *list = registrations.iter().map(item).collect();
    }
}

fn read_roles(json: &Value, places: &BTreeMap<Role, &'static str>) -> Values {
    let value = |role: Role, value: Value| match (role, &value) {
        // An id is a text in paths and commands.
        (Role::Id | Role::Registration | Role::EventId, Value::Number(id)) => id.to_string().into(),
        _ => value,
    };
    places.iter().filter_map(|(role, pointer)| Some((*role, value(*role, read(json, pointer)?)))).collect()
}

/// The value that a pointer points to; with `*`, the list of the values in every item.
fn read(json: &Value, pointer: &str) -> Option<Value> {
    match pointer.split_once("/*") {
        None => json.pointer(pointer).filter(|value| !value.is_null()).cloned(),
        Some((list, rest)) => {
            let items = json.pointer(list)?.as_array()?.iter();
            Some(items.filter_map(|item| read(item, rest)).collect())
        }
    }
}

/// Whether the value of [`Role::Active`] means that events are delivered.
pub(crate) fn is_on(active: &Value) -> bool {
    !matches!(active, Value::Bool(false)) && active.as_f64() != Some(0.0)
}

/// The value of [`Role::Active`] in a type of JSON Schema.
fn as_type(active: &Value, kind: Option<&str>) -> Value {
    match kind {
        Some("integer") => u8::from(is_on(active)).into(),
        Some("boolean") => is_on(active).into(),
        _ => active.clone(),
    }
}

fn write_roles(json: &mut Value, places: &BTreeMap<Role, &'static str>, values: &Values) {
    for (role, pointer) in places {
        if let Some(value) = values.get(role) {
            let value = as_number(value, json.pointer(pointer)).unwrap_or_else(|| value.clone());
            write(json, pointer, &value);
        }
    }
}

/// An id as a number, in the place of a number.
fn as_number(id: &Value, example: Option<&Value>) -> Option<Value> {
    example.filter(|example| example.is_number())?;
    Some(id.as_str()?.parse::<u64>().ok()?.into())
}

fn roles<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Role, &'static str>, D::Error> {
    let texts = BTreeMap::<Role, String>::deserialize(deserializer)?;
    Ok(texts.into_iter().map(|(role, text)| (role, &*text.leak())).collect())
}
