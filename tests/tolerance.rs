//! Decoding tolerates extensions by a provider and refuses unusable values. The tests change every place of every
//! example that providers send, according to the schemas.

use pos_webhooks::catalogue::{Body, Provider, SchemaKind};
use pos_webhooks::{DecodeError, PROVIDERS};
use serde_json::{Value, json};

/// Text that no error may show.
const PERSONAL: &str = "Hendry 4711";

/// A value of an example, and what its schema says of it.
struct Place<'a> {
    pointer: String,
    value: &'a Value,
    /// All schemas that the value has to fit.
    schemas: Vec<&'a Value>,
    required: bool,
    /// Whether it is a value of a map, under a name that the provider chose.
    of_map: bool,
}

impl Place<'_> {
    fn has_type(&self, name: &str) -> bool {
        self.schemas.iter().any(|schema| match &schema["type"] {
            Value::Array(names) => names.iter().any(|candidate| candidate == name),
            one => one == name,
        })
    }

    fn is_free_form(&self) -> bool {
        let keywords = ["properties", "additionalProperties"];
        let types = ["array", "boolean", "integer", "number", "string"];
        !keywords.iter().any(|keyword| self.says(keyword)) && !types.iter().any(|name| self.has_type(name))
    }

    fn says(&self, keyword: &str) -> bool {
        self.schemas.iter().any(|schema| !schema[keyword].is_null())
    }

    fn is_time(&self) -> bool {
        let formats = ["date", "date-time"];
        let is_http_date = |schema: &Value| schema["pattern"].as_str().is_some_and(|it| it.ends_with(" GMT$"));
        let has_format = |schema: &Value| schema["format"].as_str().is_some_and(|format| formats.contains(&format));
        self.schemas.iter().any(|schema| has_format(schema) || is_http_date(schema))
    }

    /// Pointer of the object around it, and its name there; `None` for the root and for items.
    fn member(&self) -> Option<(&str, &str)> {
        self.pointer.rsplit_once('/').filter(|(_, name)| name.parse::<usize>().is_err())
    }
}

/// A schema with all that it refers to, where all of it applies to one value.
fn flattened<'a>(root: &'a Value, schema: &'a Value, found: &mut Vec<&'a Value>) {
    found.push(schema);
    if let Some(reference) = schema["$ref"].as_str() {
        flattened(root, root.pointer(&reference[1..]).unwrap(), found);
    }
    for keyword in ["allOf", "anyOf"] {
        schema[keyword].as_array().into_iter().flatten().for_each(|part| flattened(root, part, found));
    }
}

fn walk<'a>(
    root: &'a Value,
    described: &[&'a Value],
    at: (String, bool, bool),
    value: &'a Value,
    found: &mut Vec<Place<'a>>,
) {
    let mut schemas = Vec::new();
    described.iter().for_each(|schema| flattened(root, schema, &mut schemas));
    let (pointer, required, of_map) = at;
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let properties = schemas.iter().filter_map(|schema| schema["properties"].get(name));
                let properties: Vec<&Value> = properties.collect();
                let of_map = properties.is_empty();
                let properties: Vec<&Value> = match properties {
                    none if none.is_empty() => schemas.iter().filter_map(|it| it.get("additionalProperties")).collect(),
                    some => some,
                };
                let listed =
                    |schema: &&Value| schema["required"].as_array().is_some_and(|it| it.contains(&json!(name)));
                let required = schemas.iter().any(listed);
                walk(root, &properties, (format!("{pointer}/{name}"), required, of_map), member, found);
            }
        }
        Value::Array(items) => {
            let described: Vec<&Value> = schemas.iter().filter_map(|schema| schema.get("items")).collect();
            for (index, item) in items.iter().enumerate() {
                walk(root, &described, (format!("{pointer}/{index}"), true, false), item, found);
            }
        }
        _ => {}
    }
    found.push(Place { pointer, value, schemas, required, of_map });
}

/// What is put in a place; `None` takes the member out.
type Change = fn(&Place) -> Vec<Option<Value>>;

/// What the value has to fit to be decoded afterwards.
enum Outcome {
    /// It decodes, and what was put there is still there when it is encoded.
    Kept,
    /// It decodes.
    Decodes,
    /// It does not, and the error points there.
    Refused,
    /// It does not, and the error points to the object around it and names the member.
    Missing,
}

fn put(values: impl IntoIterator<Item = Value>) -> Vec<Option<Value>> {
    values.into_iter().map(Some).collect()
}

fn when(applies: bool, values: impl IntoIterator<Item = Value>) -> Vec<Option<Value>> {
    if applies { put(values) } else { Vec::new() }
}

const CHANGES: &[(&str, Change, Outcome)] = &[
    ("an unknown member", unknown_member, Outcome::Decodes),
    ("a value that the enum does not list", new_enum_value, Outcome::Kept),
    ("an empty text", |it| when(it.has_type("string"), [json!("")]), Outcome::Kept),
    ("a long text", |it| when(it.has_type("string"), [json!("Å ".repeat(1000))]), Outcome::Kept),
    ("a time without offset, and others", other_times, Outcome::Kept),
    ("a number beyond its bounds", other_numbers, Outcome::Kept),
    ("no items", |it| when(it.has_type("array"), [json!([])]), Outcome::Decodes),
    ("null for an optional member", null, Outcome::Decodes),
    ("an optional member missing", |it| missing(it, false), Outcome::Decodes),
    ("a required member missing", |it| missing(it, true), Outcome::Missing),
    ("a value of another type", mistyped, Outcome::Refused),
];

fn unknown_member(place: &Place) -> Vec<Option<Value>> {
    // Members of a map are values of one type.
    let is_map = place.schemas.iter().any(|schema| schema["additionalProperties"].is_object());
    let Value::Object(members) = place.value else { return Vec::new() };
    let with = |added: Value| {
        let mut members = members.clone();
        members.insert("SomethingNew".to_owned(), added);
        Value::Object(members)
    };
    when(!is_map, [with(json!(null)), with(json!("text")), with(json!({ "deep": [{ "er": 0.5 }] }))])
}

fn new_enum_value(place: &Place) -> Vec<Option<Value>> {
    when(place.has_type("string") && (place.says("enum") || place.says("const")), [json!("SOMETHING_NEW")])
}

fn other_times(place: &Place) -> Vec<Option<Value>> {
    let times = [
        "2020-09-02T14:05:40",
        "2020-09-02T14:05:40.8412345",
        "2020-09-02T14:05:40.841234567891+07:00",
        "2020-09-02T14:05:40.84Z",
        "2020-09-02 14:05:40",
        "2020-09-02",
        "0001-01-01T00:00:00",
        "Mon, 15 Apr 2019 07:50:54 GMT",
        "1586000000",
    ];
    when(place.is_time(), times.map(|time| json!(time)))
}

fn other_numbers(place: &Place) -> Vec<Option<Value>> {
    let whole = when(place.has_type("integer") || place.has_type("number"), [json!(0), json!(-1), json!(i64::MAX)]);
    [whole, when(place.has_type("number"), [json!(0.5), json!(-10.25)])].concat()
}

fn null(place: &Place) -> Vec<Option<Value>> {
    when(!place.required && !place.of_map && place.member().is_some(), [Value::Null])
}

fn missing(place: &Place, required: bool) -> Vec<Option<Value>> {
    if place.member().is_some() && place.required == required && !place.is_free_form() {
        vec![None]
    } else {
        Vec::new()
    }
}

fn mistyped(place: &Place) -> Vec<Option<Value>> {
    let kinds = [
        ("string", json!(PERSONAL)),
        ("number", json!(0.5)),
        ("boolean", json!(true)),
        ("object", json!({ PERSONAL: PERSONAL })),
        ("array", json!([PERSONAL, PERSONAL])),
    ];
    let others = kinds.into_iter().filter(|(kind, _)| !place.has_type(kind)).map(|(_, value)| value);
    let null = ((place.required || place.of_map) && !place.has_type("null")).then_some(Value::Null);
    // The members in their order, without their names.
    let items = place.value.as_object().map(|members| members.values().cloned().collect());
    when(!place.is_free_form(), others.chain(null).chain(items))
}

/// The bodies that a provider sends.
fn received(provider: &'static Provider) -> impl Iterator<Item = &'static Body> {
    provider.bodies().filter(|body| provider.schema(body.schema).unwrap().kind != SchemaKind::Sent)
}

/// The example with the value at the pointer exchanged or taken out.
fn changed(example: &Value, pointer: &str, put: &Option<Value>) -> Value {
    let mut whole = example.clone();
    match (put, pointer.rsplit_once('/')) {
        (Some(value), _) => *whole.pointer_mut(pointer).unwrap() = value.clone(),
        (None, Some((parent, name))) => drop(whole.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name)),
        (None, None) => panic!("the root cannot be taken out"),
    }
    whole
}

fn check(what: &str, place: &Place, put: &Option<Value>, outcome: &Outcome, result: Result<String, DecodeError>) {
    let message = format!("{what} at `{}`: {put:?} {result:?}", place.pointer);
    match (outcome, &result) {
        (Outcome::Decodes, result) => assert!(result.is_ok(), "{message}"),
        (Outcome::Kept, Err(_)) => panic!("{message}"),
        (Outcome::Kept, Ok(encoded)) => {
            let encoded: Value = serde_json::from_str(encoded).unwrap();
            assert_eq!(encoded.pointer(&place.pointer), put.as_ref(), "{message}");
        }
        (Outcome::Refused | Outcome::Missing, Ok(_)) => panic!("{message}"),
        (Outcome::Refused, Err(error)) => assert_eq!(error.pointer, place.pointer, "{message}"),
        (Outcome::Missing, Err(error)) => {
            let (parent, name) = place.member().unwrap();
            assert_eq!((error.pointer.as_str(), error.message.contains(name)), (parent, true), "{message}");
        }
    }
    if let Err(error) = result {
        assert!(!format!("{error} {error:?}").contains(PERSONAL), "{message}");
    }
}

#[test]
fn every_change_has_its_outcome_at_every_place_of_every_example() {
    for (what, change, outcome) in CHANGES {
        let mut changes = 0;
        for provider in PROVIDERS.iter() {
            for body in received(provider) {
                let root = provider.json_schema(body.schema).unwrap();
                for example in body.examples {
                    let value: Value = serde_json::from_str(example.json).unwrap();
                    let mut places = Vec::new();
                    walk(&root, &[&root], (String::new(), true, false), &value, &mut places);
                    for (place, put) in
                        places.iter().flat_map(|place| change(place).into_iter().map(move |put| (place, put)))
                    {
                        let text = changed(&value, &place.pointer, &put).to_string();
                        let decoded = provider.schema(body.schema).unwrap().decode(text.as_bytes());
                        let encoded = decoded.map(|model| model.to_json().unwrap());
                        let what = format!("{what}: {} {} {}", provider.name, body.schema, example.name);
                        check(&what, place, &put, outcome, encoded);
                        changes += 1;
                    }
                }
            }
        }
        let applied = PROVIDERS.is_empty() || changes > 0 || !cfg!(feature = "vipps");
        assert!(applied, "{what}: nothing of the kind in any example");
    }
}
