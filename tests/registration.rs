//! Registrations as data: the values of every documented example are read, and writing them gives the example again.

use std::collections::BTreeMap;

use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::{Example, Operation, Provider, RegistrationCall, Role, Values};
use serde_json::{Value, json};

/// The calls on registrations of all providers, each with its operation.
fn calls() -> impl Iterator<Item = (String, &'static RegistrationCall, &'static Operation)> {
    let of_provider = |provider: &'static Provider| {
        let registration = provider.registration.as_ref()?;
        let others = [&registration.list, &registration.get, &registration.update, &registration.delete];
        let calls = [&registration.create].into_iter().chain(others.into_iter().flatten());
        let subscriptions = registration.subscriptions.iter().flat_map(|calls| calls.all());
        Some(calls.chain(subscriptions).map(|call| {
            let operation = provider.operation(call.operation).unwrap();
            (format!("{} {}", provider.name, operation.id), call, operation)
        }))
    };
    PROVIDERS.iter().filter_map(move |provider| of_provider(provider)).flatten()
}

/// The provider whose name a description of a call begins with.
fn provider_of(what: &str) -> &'static Provider {
    PROVIDERS.iter().copied().find(|provider| what.split(' ').next() == Some(provider.name)).unwrap()
}

fn json(example: &Example) -> Value {
    serde_json::from_str(example.json).unwrap()
}

fn requests(operation: &Operation) -> Vec<Value> {
    operation.request.iter().flat_map(|body| body.examples).map(json).collect()
}

/// The examples of the operation's success responses.
fn answers(operation: &Operation) -> Vec<Value> {
    let successes = operation.responses.iter().filter(|answer| answer.status.starts_with('2'));
    successes.flat_map(|answer| &answer.body).flat_map(|body| body.examples).map(json).collect()
}

/// The values at a pointer, token by token; `*` is every item.
fn at(json: &Value, pointer: &str) -> Option<Value> {
    let mut tokens = pointer.split('/').skip(1);
    let mut found = json;
    while let Some(token) = tokens.next() {
        if token == "*" {
            let rest: String = tokens.map(|token| format!("/{token}")).collect();
            return Some(found.as_array()?.iter().filter_map(|item| at(item, &rest)).collect());
        }
        found = found.pointer(&format!("/{token}"))?;
    }
    Some(found.clone()).filter(|found| !found.is_null())
}

fn said(json: &Value, places: &BTreeMap<Role, &'static str>) -> Values {
    places.iter().filter_map(|(role, pointer)| Some((*role, at(json, pointer)?))).collect()
}

/// Other values of the same types.
fn other(values: &Values) -> Values {
    let other = |value: &Value| match value {
        Value::Bool(value) => json!(!value),
        Value::Array(items) => items.iter().map(|_| json!("other")).collect(),
        _ => json!("other"),
    };
    values.iter().map(|(role, value)| (*role, other(value))).collect()
}

#[test]
fn reading_and_writing_a_request_gives_its_example() {
    for (what, call, operation) in calls() {
        let provider = provider_of(&what);
        assert!(call.request.is_empty() || !requests(operation).is_empty(), "{what} has no example");
        for (index, example) in requests(operation).into_iter().enumerate() {
            let values = call.read_request(&example);
            assert_eq!(values, said(&example, &call.request), "{what}: {example}");
            let body = call.example_body(provider, &values).unwrap();
            assert_eq!(call.read_request(&body), values, "{what}: {example}");
            assert!(index > 0 || body == example, "{what}: {body} is not {example}");
            let roles = call.body(&values).unwrap_or_default();
            assert_eq!(call.read_request(&roles), values, "{what}: {example}");
        }
        let none = Values::new();
        assert_eq!(call.body(&none).is_some(), !call.request.is_empty(), "{what}");
        assert_eq!(call.example_body(provider, &none).is_some(), operation.request.is_some(), "{what}");
    }
}

#[test]
fn reading_and_writing_a_response_gives_its_example() {
    for (what, call, operation) in calls() {
        assert!(call.answer.is_empty() || !answers(operation).is_empty(), "{what} has no example");
        for example in answers(operation) {
            let registrations = call.read_response(&example);
            let items = match call.items {
                Some(items) => example.pointer(items).unwrap().as_array().unwrap().clone(),
                None => vec![example.clone()],
            };
            let expected: Vec<Values> = items.iter().map(|item| said(item, &call.answer)).collect();
            assert_eq!(registrations, expected, "{what}: {example}");

            let mut written = example.clone();
            call.write_response(&mut written, &registrations.iter().map(other).collect::<Vec<_>>());
            assert!(registrations.iter().all(Values::is_empty) || written != example, "{what}: {example}");
            call.write_response(&mut written, &registrations);
            assert_eq!(call.read_response(&written), registrations, "{what}: {example}");
            // Other members of an item are written as in the first item.
            let rest = |item: &Value| {
                let mut one = example.clone();
                if let Some(list) = call.items.and_then(|items| one.pointer_mut(items)) {
                    *list = json!([item]);
                }
                call.write_response(&mut one, &registrations[..1]);
                one
            };
            if items.windows(2).all(|pair| rest(&pair[0]) == rest(&pair[1])) {
                assert_eq!(written, example, "{what}");
            }
        }
    }
}

#[test]
fn a_list_is_as_long_as_there_are_registrations() {
    for (what, call, operation) in calls().filter(|(_, call, _)| call.items.is_some()) {
        for example in answers(operation) {
            let one = call.read_response(&example).swap_remove(0);
            for registrations in [vec![], vec![one.clone()], vec![other(&one), one.clone(), other(&one)]] {
                let mut written = example.clone();
                call.write_response(&mut written, &registrations);
                assert_eq!(call.read_response(&written), registrations, "{what}");
            }
        }
    }
}

#[test]
fn the_parameters_of_a_path_are_those_of_the_operation() {
    for (what, call, operation) in calls() {
        let text: Values = call.parameters.keys().map(|role| (*role, json!("a/b"))).collect();
        let given = call.parameters(&text);
        let names: Vec<&str> = operation.path_parameters.iter().map(|parameter| parameter.name).collect();
        assert!(names.iter().all(|name| given.contains(&(name, "a/b".to_owned()))), "{what}: {given:?} for {names:?}");
        let number: Values = call.parameters.keys().map(|role| (*role, json!(7))).collect();
        assert!(call.parameters(&number).iter().all(|(_, value)| value == "7"), "{what}");
        assert_eq!(call.parameters(&Values::new()), [], "{what}");
    }
}

/// The values of a request or a response of an operation, by the names of the roles.
#[allow(dead_code, reason = "providers that are not compiled in")]
fn shown(values: &Values) -> Value {
    let shown = |(role, value): (&Role, &Value)| (format!("{role:?}").to_lowercase(), value.clone());
    Value::Object(values.iter().map(shown).collect())
}

#[test]
#[cfg(feature = "vipps")]
fn vipps_returns_the_secret_once() {
    let registration = pos_webhooks::vipps::PROVIDER.registration.as_ref().unwrap();
    let operation = |id| pos_webhooks::vipps::PROVIDER.operation(id).unwrap();
    let created = registration.create.read_response(&answers(operation("register_webhook"))[0]);
    let id = "497f6eca-6276-4993-bfeb-53cbbbba6f08";
    assert_eq!(shown(&created[0]), json!({"id": id, "secret": "090a478d-37ff-4e77-970e-d457aeb26a3a"}));
    let list = registration.list.as_ref().unwrap().read_response(&answers(operation("list_webhooks"))[0]);
    let events = ["epayments.payment.captured.v1", "epayments.payment.created.v1"];
    let listed = json!({"id": id, "url": "https://example.com/callbacks", "events": events});
    assert_eq!(list.iter().map(shown).collect::<Vec<_>>(), [listed]);
    let body = requests(operation("register_webhook")).swap_remove(0);
    assert_eq!(registration.create.body(&registration.create.read_request(&body)), Some(body));
    assert_eq!(registration.delete.as_ref().unwrap().parameters(&created[0]), [("id", id.to_owned())]);
    assert!(registration.get.is_none() && registration.update.is_none());
}

#[test]
#[cfg(feature = "mypos")]
fn mypos_takes_a_secret_and_names_events() {
    let registration = pos_webhooks::mypos::PROVIDER.registration.as_ref().unwrap();
    let operation = |id| pos_webhooks::mypos::PROVIDER.operation(id).unwrap();
    let url = "https://mywebsite.com/webhook-callback";
    let requested = registration.create.read_request(&requests(operation("create_webhook"))[0]);
    assert_eq!(shown(&requested), json!({"url": url, "secret": "myrandomgeneratedsecret"}));
    let got = registration.get.as_ref().unwrap().read_response(&answers(operation("get_webhook"))[0]);
    let secret = "Um6OcCJkN6tOXzUOOmcCyvOcKNFkuNpz";
    let events = ["pos.payment.completed"];
    assert_eq!(
        shown(&got[0]),
        json!({"url": "https://google.com", "secret": secret, "active": true, "events": events})
    );
    let off = registration.update.as_ref().unwrap().read_request(&requests(operation("update_webhook"))[1]);
    assert_eq!(shown(&off), json!({"active": 0}));
}

#[test]
#[cfg(feature = "mipos")]
fn mipos_identifies_a_registration_by_its_url() {
    let registration = pos_webhooks::mipos::PROVIDER.registration.as_ref().unwrap();
    let operation = |id| pos_webhooks::mipos::PROVIDER.operation(id).unwrap();
    let [one, other] = ["https://urlwebhook1.test", "https://urlwebhook2.test"];
    let update = registration.update.as_ref().unwrap().read_request(&requests(operation("update_webhook"))[0]);
    assert_eq!(shown(&update), json!({"currenturl": one, "url": other}));
    let list = registration.list.as_ref().unwrap().read_response(&answers(operation("list_webhooks"))[0]);
    assert_eq!(list.len(), 3);
    assert_eq!(shown(&list[1]), json!({"url": other}));
    assert_eq!(registration.create.read_response(&answers(operation("create_webhook"))[0]), [Values::new()]);
}
