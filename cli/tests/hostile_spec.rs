//! A hostile specification ends in an error or in bounded time: no document makes a command panic, overflow its stack or run
//! for ever.

#[path = "cli/run.rs"]
mod run;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, thread};

use crate::run::{Done, command, directory, feed};

/// Far more than any of these documents takes, and far less than a step that is quadratic or worse would.
const LIMIT: Duration = Duration::from_secs(100);

/// Runs the program to its end.
fn end(arguments: &[&str], what: &str) -> Done {
    let (ended, result) = mpsc::channel();
    let command = command(arguments);
    thread::spawn(move || ended.send(feed(command, b"")));
    let done = result.recv_timeout(LIMIT);
    done.unwrap_or_else(|error| panic!("{what}: it did not end as it should within {} s: {error}", LIMIT.as_secs()))
}

fn file(name: &str, text: &[u8]) -> PathBuf {
    let folder = directory("hostile").join(name);
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("hostile.yaml");
    fs::write(&file, text).unwrap();
    file
}

/// The findings of a document, which are an error of every other command.
fn refused(name: &str, text: &[u8]) -> String {
    let file = file(name, text);
    let file = file.to_str().unwrap();
    let lint = end(&["lint", file], name);
    assert!(lint.status == 1 || lint.status == 2 && lint.err.starts_with("error: "), "{name}: {}", lint.err);
    assert!(lint.out.len() < 3_000_000, "{name}: {} bytes", lint.out.len());
    lint.out + &lint.err
}

/// A document without findings, whose parts are replaced or extended.
fn document(events: &str, schemas: &str) -> String {
    format!(
        "openapi: 3.0.3
info:
  title: Hostile
  version: '1'
  description: A document.
  x-sources: [{{title: A page, date: '2026'}}]
servers: [{{url: 'https://api.hostile.example', description: Production., x-name: production}}]
x-event-name: {{in: body}}
x-signature: {{none: It is not signed.}}
paths: {{}}
x-webhooks:
{events}
components:
  schemas:
{schemas}
"
    )
}

/// An event whose payload has this schema.
fn event(name: &str, schema: &str, example: &str) -> String {
    format!(
        "  {name}:
    post:
      summary: Something happened.
      x-event-when: {{/type: {name}}}
      requestBody:
        required: true
        content:
          application/json:
            schema: {{$ref: '#/components/schemas/{schema}'}}
            examples: {{one: {{summary: One, x-origin: {{kind: constructed, source: None}}, value: {example}}}}}
      responses: {{'200': {{description: Received.}}}}
"
    )
}

fn object(name: &str, properties: &str) -> String {
    format!(
        "    {name}:\n      type: object\n      description: An object.\n      required: [type]\n      properties:\n        type: {{type: string, description: The event.}}\n{properties}"
    )
}

/// Runs the commands that read a provider without findings. A long document takes a while for each of them.
fn accepted(name: &str, text: &str, payload: &str) {
    let file = file(name, text.as_bytes());
    let file = file.to_str().unwrap();
    let lint = end(&["lint", file], name);
    assert_eq!((lint.status, lint.out.as_str()), (0, "no findings in 1 document\n"), "{name}");
    let body = directory("hostile").join(name).join("body.json");
    fs::write(&body, payload).unwrap();
    let body = body.to_str().unwrap();
    let calls = [
        &["validate", "hostile", "first", body][..],
        &["decode", "hostile", body],
        &["schema", "hostile"],
        &["schema", "hostile", "first"],
        &["example", "hostile", "first"],
        &["hooks", "--help"],
    ];
    let count = if text.len() > 500_000 { 1 } else { calls.len() };
    for arguments in calls.into_iter().take(count) {
        let ended = end(&[arguments, &["--spec", file]].concat(), name);
        assert!([0, 1].contains(&ended.status), "{name} {arguments:?}: {}", ended.err);
    }
}

fn demo(name: &str) {
    let file = directory("hostile").join(name).join("hostile.yaml");
    let ended = end(&["demo", "--format", "json", "--spec", file.to_str().unwrap()], name);
    assert_eq!(ended.status, 0, "{name}: {}", ended.out);
}

#[test]
fn nesting_aliases_and_long_texts_are_errors() {
    for unit in [
        "[", "{", "{a: ", "- ", "? ", "a:\n ", "!!a ", "&a ", "*a ", "%a\n", "'", "\"\\u", "|\n", ">\n ", "#", "\t",
        "\0", "---\n", ": ", "[a, ",
    ] {
        for count in [1000, 1_000_000] {
            refused("unit", unit.repeat(count).as_bytes());
        }
    }
    let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..30 {
        let _ = writeln!(laughs, "a{level}: &a{level} [{}]", vec![format!("*a{}", level - 1); 9].join(", "));
    }
    let found = refused("laughs", laughs.as_bytes());
    assert!(found.contains("YAML aliases (`*name`) are not supported"), "{found}");
    let text = document(&event("first", "A", "{type: first}"), &object("A", ""));
    let found = refused("scalar", text.replace("A document.", &"x".repeat(1_000_000)).as_bytes());
    assert!(found.contains("the text is longer than 65536 bytes"), "{found}");
    let found = refused("size", "a: b\n".repeat(1_000_000).as_bytes());
    assert!(found.contains("longer than 4194304 bytes"), "{found}");
    assert!(refused("binary", &[0xff; 100]).contains("not UTF-8"));
}

/// Descriptions become documentation, and are read as Markdown.
#[test]
fn markdown_is_read_in_bounded_time() {
    let text = document(&event("first", "A", "{type: first}"), &object("A", ""));
    for unit in [
        "[",
        "[a](",
        "![",
        "`",
        "``a",
        "*a ",
        "**a*",
        "_a__",
        "<",
        "<a ",
        "> ",
        "http://a ",
        "\\`",
        "&",
        "~~a",
        "|a",
        "[^a]",
        "a\n",
        "- a\n  ",
        "    a\n",
        "<!--",
    ] {
        let description =
            format!("\"{}\"", unit.repeat(60_000 / unit.len()).replace('\\', "\\\\").replace('\n', "\\n"));
        let file = file("markdown", text.replace("A document.", &description).as_bytes());
        let ended = end(&["lint", file.to_str().unwrap()], unit);
        assert!(ended.status == 0 || ended.status == 1, "{unit:?}: {}", ended.err);
    }
}

#[test]
fn circles_of_references_are_errors_or_recursive_schemas() {
    let circle = "    A: {description: d, allOf: [{$ref: '#/components/schemas/B'}]}\n    B: {description: d, allOf: [{$ref: '#/components/schemas/A'}]}\n    C: {$ref: '#/components/schemas/C'}\n";
    let found = refused("circle", document(&event("first", "A", "{type: first}"), circle).as_bytes());
    assert!(found.contains("the schema refers to itself"), "{found}");
    let parameters = "  parameters: {P: {$ref: '#/components/parameters/Q'}, Q: {$ref: '#/components/parameters/P'}}\n  responses: {R: {$ref: '#/components/responses/R'}}\n";
    let text = document(&event("first", "A", "{type: first}"), &object("A", "")) + parameters;
    refused("circle of parameters", text.as_bytes());
    let text = text.replace(
        "responses: {'200': {description: Received.}}",
        "responses: {'200': {$ref: '#/components/responses/R'}}",
    );
    refused(
        "circle of responses",
        text.replace("      requestBody", "      parameters: [{$ref: '#/components/parameters/P'}]\n      requestBody")
            .as_bytes(),
    );

    // A value of a recursive schema can be as deep as JSON is read.
    let own = "        next: {$ref: '#/components/schemas/A'}\n        list: {type: array, description: d, items: {$ref: '#/components/schemas/A'}}\n        map: {type: object, description: d, additionalProperties: {$ref: '#/components/schemas/A'}}\n";
    let text = document(&event("first", "A", "{type: first}"), &object("A", own));
    let deep = |depth: usize| {
        format!("{}{{\"type\":\"first\"}}{}", "{\"type\":\"first\",\"next\":".repeat(depth), "}".repeat(depth))
    };
    accepted("recursive", &text, &deep(100));
    accepted("recursive", &text, &deep(100_000));
    demo("recursive");
}

/// Each schema refers to the next one, once or twice.
#[test]
fn chains_of_references_do_not_overflow_or_multiply() {
    let count = 5_000;
    let schemas = |properties: &dyn Fn(usize) -> String| -> String {
        (0..count).map(|number| object(&format!("A{number}"), &properties(number))).collect()
    };
    let reference = |name: &str, number: usize| match number < count {
        true => format!("        {name}: {{$ref: '#/components/schemas/A{number}'}}\n"),
        false => String::new(),
    };
    let events = event("first", "A0", "{type: first}");
    accepted("chain", &document(&events, &schemas(&|number| reference("next", number + 1))), "{\"type\":\"first\"}");
    demo("chain");
    let twice = |number| reference("left", number + 1) + &reference("right", number + 1);
    accepted("twice", &document(&events, &schemas(&twice)), "{\"type\":\"first\",\"left\":{\"type\":1}}");
}

#[test]
fn ten_thousand_events_and_schemas_take_a_moment() {
    let events: String = (0..4_000)
        .map(|number| {
            let name = if number == 0 { "first".to_owned() } else { format!("event_{number}") };
            event(&name, &format!("A{number}"), &format!("{{type: {name}}}"))
        })
        .collect();
    let schemas: String = (0..4_000).map(|number| object(&format!("A{number}"), "")).collect();
    accepted("many", &document(&events, &schemas), "{\"type\":\"first\"}");
    // All events have one payload, which is smaller.
    let events: String = (0..10_000)
        .map(|number| {
            let name = if number == 0 { "first".to_owned() } else { format!("event_{number}") };
            event(&name, "A", &format!("{{type: {name}}}"))
        })
        .collect();
    accepted("events", &document(&events, &object("A", "")), "{\"type\":\"event_9999\"}");
    // All of these exclude each other, but half of them by one member and half of them by another one.
    let unclear: String = (0..5_000)
        .map(|number| {
            let (name, condition) = (format!("event_{number}"), format!("{{/type: event_{number}}}"));
            let other = format!("{{/other: event_{number}, /type: {{present: false}}}}");
            let event = event(&name, "A", "{type: a}");
            if number % 2 == 0 { event } else { event.replace(&condition, &other) }
        })
        .collect();
    let found = refused("unclear", document(&unclear, "    A: {type: object, description: d}\n").as_bytes());
    assert!(found.contains("there are too many events with different conditions to compare"), "{}", found.len());
}

/// The engine that validates limits how often it backtracks.
#[test]
fn a_regular_expression_does_not_explode() {
    for pattern in [
        "^(a+)+$",
        "^(a|aa)+$",
        "^(a|a)*$",
        "^([a-zA-Z]+)*$",
        "^(.*a){25}$",
        "(?=(a+)+b)",
        "^(?!(a+)+b$)(a+)+$",
        "(a*)*\\1b",
        "^(?:(?:(?:a{1,1000}){1,1000}){1,1000})$",
        "(?<=(a+)+)b",
        "^(\\w+\\s?)*$",
        "x{4294967295}",
    ] {
        let member = format!("        text: {{type: string, description: d, pattern: '{pattern}'}}\n");
        let text = document(&event("first", "A", "{type: first}"), &object("A", &member));
        let lint = end(&["lint", file("pattern", text.as_bytes()).to_str().unwrap()], pattern);
        if lint.status == 1 {
            assert!(lint.out.contains("the pattern "), "{pattern}: {}", lint.err);
            continue;
        }
        let payload = format!("{{\"type\":\"first\",\"text\":\"{}!\"}}", "a".repeat(5_000));
        let body = directory("hostile").join("pattern").join("body.json");
        fs::write(&body, payload).unwrap();
        let file = directory("hostile").join("pattern").join("hostile.yaml");
        let arguments = ["validate", "hostile", "first", body.to_str().unwrap(), "--spec", file.to_str().unwrap()];
        let ended = end(&arguments, pattern);
        assert!([0, 1, 2].contains(&ended.status), "{pattern}: {}", ended.err);
    }
}

/// What would be an overflow, an endless loop or a panic later: numbers, paths and names at their limits.
#[test]
fn values_at_their_limits_do_not_panic() {
    let text = document(&event("first", "A", "{type: first}"), &object("A", ""));
    let redelivery = "x-redelivery:\n  answer-within: 18446744073709551615\n  failures: [none, 5XX]\n  schedule: [{attempts: 18446744073709551615, every: 18446744073709551615}, {every: 18446744073709551615}]\n  give-up-after: 18446744073709551615\n  removed-after: 18446744073709551615\n  description: d\npaths: {}\n";
    accepted("redelivery", &text.replace("paths: {}\n", redelivery), "{\"type\":\"first\"}");
    demo("redelivery");
    let bounds = "        n: {type: integer, description: d, minimum: -1e308, maximum: 1e308, multipleOf: 1e-308}\n        s: {type: string, description: d, minLength: 0, maxLength: 18446744073709551615}\n        l: {type: array, description: d, items: {}, maxItems: 18446744073709551615, uniqueItems: true}\n";
    let long = "1".repeat(1000);
    for number in ["1", "-1e-300", "1e300", "12345678901234567890123456789", long.as_str()] {
        let payload = format!("{{\"type\":\"first\",\"n\":{number},\"l\":[1,1.0,\"a\"]}}");
        accepted("bounds", &document(&event("first", "A", "{type: first}"), &object("A", bounds)), &payload);
    }
    demo("bounds");

    // Paths that a router could take for patterns, and that are the same route.
    let operation = |id: &str, parameters: &str| {
        format!(
            "{{operationId: {id}, summary: s, parameters: [{parameters}], responses: {{'204': {{description: d}}}}}}"
        )
    };
    let parameter = "{name: a, in: path, required: true, description: d, schema: {type: string}}";
    let paths: Vec<String> = [
        ("/:a", "one", ""),
        ("/*a", "two", ""),
        ("/x{a}", "three", parameter),
        ("/y{a}", "four", parameter),
        ("/{a}", "five", parameter),
        ("/_sandbox/log", "six", ""),
        ("/hostile/:a", "seven", ""),
        ("/%7B", "eight", ""),
    ]
    .iter()
    .map(|(path, id, parameters)| format!("  '{path}': {{get: {}}}", operation(id, parameters)))
    .collect();
    let scheme = "  securitySchemes: {Key: {type: apiKey, in: header, name: Key, description: d}}\n";
    let with_paths =
        text.replace("paths: {}", &format!("security: [{{Key: []}}]\npaths:\n{}", paths.join("\n"))) + scheme;
    accepted("paths", &with_paths, "{\"type\":\"first\"}");
    demo("paths");
}
