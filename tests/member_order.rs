//! Models have their members in the order of the document, and so do their JSON and their `Debug` output. Events are in the
//! order of the document as well.

use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::Provider;
use pos_webhooks_build::load::{Node, load};

/// Parses YAML or JSON. Members keep their order.
fn parse(text: &str) -> Node {
    load("", text).unwrap().root
}

/// The members of a mapping; empty if it is something else.
fn names(node: &Node) -> Vec<&str> {
    node.entries().iter().map(|(key, _)| key.text.as_str()).collect()
}

/// The schema that `$ref` or the first of `allOf` leads to.
fn target<'a>(document: &'a Node, schema: &'a Node) -> &'a Node {
    let reference = schema.get("$ref").and_then(Node::as_str).and_then(|reference| reference.strip_prefix("#/"));
    let next = match reference {
        Some(path) => document.get_path(&path.split('/').collect::<Vec<_>>()),
        None => schema.get("allOf").and_then(|parts| parts.items().first()),
    };
    next.map_or(schema, |next| target(document, next))
}

/// Checks the order of the members of a value and of the values in it. Returns the number of objects that the alphabet would
/// order differently.
fn check(document: &Node, schema: &Node, value: &Node, place: &str) -> usize {
    let schema = target(document, schema);
    if let Some(items) = schema.get("items") {
        return value.items().iter().map(|item| check(document, items, item, place)).sum();
    }
    let Some(properties) = schema.get("properties") else { return 0 };
    let found = names(value);
    let expected: Vec<&str> = names(properties).into_iter().filter(|name| found.contains(name)).collect();
    assert_eq!(found, expected, "{place}");
    let inner = value.entries().iter().filter_map(|(key, value)| {
        Some(check(document, properties.get(&key.text)?, value, &format!("{place}/{}", key.text)))
    });
    inner.sum::<usize>() + usize::from(!found.is_sorted())
}

/// The order of members in `Debug` output, which shows members that are null as well.
fn check_debug(document: &Node, schema: &Node, shown: &str, place: &str) {
    let Some(properties) = target(document, schema).get("properties") else { return };
    let fields = shown.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(": "));
    let fields: Vec<&str> = fields.map(|(name, _)| name).filter(|name| !name.starts_with(' ')).collect();
    let snake = |name: &&str| pos_webhooks_build::names::snake(name);
    let expected: Vec<String> = names(properties).iter().filter_map(snake).collect();
    assert_eq!(fields, expected, "{place}");
}

#[test]
fn members_are_in_the_order_of_the_document() {
    for &provider in PROVIDERS.iter() {
        let document = parse(provider.spec);
        let schemas = document.get_path(&["components", "schemas"]).unwrap();
        let mut unsorted = 0;
        for name in names(schemas) {
            let (schema, place) = (schemas.get(name).unwrap(), format!("{} {name}", provider.name));
            for example in provider.examples(name).unwrap() {
                let model = provider.schema(name).unwrap().decode(example.json.as_bytes()).unwrap();
                unsorted += check(&document, schema, &parse(&model.to_json().unwrap()), &place);
                check_debug(&document, schema, &format!("{model:#?}"), &place);
            }
        }
        assert!(unsorted > 0, "{}: the alphabet would do", provider.name);
    }
}

#[test]
fn events_are_in_the_order_of_the_document() {
    let of = |provider: &'static Provider| provider.events.iter().map(|event| event.name).collect::<Vec<_>>();
    for &provider in PROVIDERS.iter() {
        let document = parse(provider.spec);
        assert_eq!(of(provider), document.get("x-webhooks").map(names).unwrap_or_default(), "{}", provider.name);
    }
}
