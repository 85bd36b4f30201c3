//! What an author of a spec is told when something is wrong with it: one bad spec per lint under `tests/lint/`, its
//! findings in a snapshot. Whoever adds a lint adds a spec there; the tests find it.

use std::fs;
use std::path::{Path, PathBuf};

use pos_webhooks_build::load::{self, Document, Finding, Node, Value};
use pos_webhooks_build::{lint, names};
use proptest::prelude::*;

/// The YAML files of a directory of the package, by name.
fn yaml_files(directory: &str) -> Vec<(String, String)> {
    let directory: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut files: Vec<(String, String)> = fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("an entry of the directory").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a file in UTF-8");
            (path.file_stem().expect("a name").to_string_lossy().into_owned(), text)
        })
        .collect();
    files.sort();
    files
}

/// A line per finding; they are in the order of the file and each has all its parts.
fn in_words(findings: &[Finding]) -> String {
    assert!(findings.is_sorted_by_key(|finding| (finding.line, finding.column)), "{findings:#?}");
    for Finding { file, line, column, place: _, message, help } in findings {
        assert!(*line >= 1 && *column >= 1, "{findings:#?}");
        assert!(![file, message, help].iter().any(|part| part.trim().is_empty()), "{findings:#?}");
    }
    findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn bad_specs_are_told_what_is_wrong() {
    let files = yaml_files("tests/lint");
    assert!(!files.is_empty());
    for (name, text) in &files {
        let file = format!("tests/lint/{name}.yaml");
        let found = lint(&file, text);
        assert!(!found.is_empty(), "{file} has nothing wrong");
        insta::with_settings!({ description => &file, omit_expression => true }, {
            insta::assert_snapshot!(name.as_str(), in_words(&found));
        });
    }
}

#[test]
fn every_snapshot_has_its_spec() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots");
    let specs: Vec<String> =
        yaml_files("tests/lint").into_iter().map(|(name, _)| format!("lint__{name}.snap")).collect();
    for entry in fs::read_dir(directory).expect("the snapshots") {
        let name = entry.expect("an entry of the directory").file_name().to_string_lossy().into_owned();
        assert!(!name.starts_with("lint__") || specs.contains(&name), "{name} is left over");
    }
}

#[test]
fn our_specs_have_no_findings() {
    for (name, text) in yaml_files("../specs") {
        let found = lint(&format!("specs/{name}.yaml"), &text);
        assert!(found.is_empty(), "{}", in_words(&found));
    }
}

#[test]
fn numbers_and_order_survive_loading() {
    let text = "b: [10.10, 1e5, -0, 100000000000000000000]\na: {201: no, x: ~, y: \"1\", z: null}\n";
    let document = load::load("numbers.yaml", text).expect("valid YAML");
    assert_eq!(
        document.root.to_json_text(),
        r#"{"b":[10.10,1e5,-0,100000000000000000000],"a":{"201":"no","x":null,"y":"1","z":null}}"#,
    );
    assert_eq!(document.root.to_json()["a"], serde_json::json!({ "201": "no", "x": null, "y": "1", "z": null }));
}

#[test]
fn names_become_identifiers() {
    let table = [
        ("epayments.payment.captured.v1", Some("EpaymentsPaymentCapturedV1"), Some("epayments_payment_captured_v1")),
        ("Ocp-Apim-Subscription-Key", Some("OcpApimSubscriptionKey"), Some("ocp_apim_subscription_key")),
        ("ORDER", Some("Order"), Some("order")),
        ("type", Some("Type"), Some("type_")),
        ("self", Some("Self_"), Some("self_")),
        ("3ds", Some("X3ds"), Some("x3ds")),
        ("_", None, None),
        ("²", None, None),
        ("", None, None),
    ];
    for (name, pascal, snake) in table {
        assert_eq!(names::pascal(name).as_deref(), pascal, "{name}");
        assert_eq!(names::snake(name).as_deref(), snake, "{name}");
    }
}

/// Our specs, which are long, cut at every thousandth byte and the bad ones at every fiftieth.
#[test]
fn a_spec_cut_anywhere_is_refused_in_words() {
    fn cut(text: &str, step: usize) -> impl Iterator<Item = &str> {
        (0..text.len()).step_by(step).filter_map(|end| text.get(..end))
    }
    for (name, text) in yaml_files("../specs") {
        // A cut in the last description leaves a spec.
        for text in cut(text.rsplit_once("description:").expect("a description").0, 1000) {
            assert_ne!(in_words(&lint(&name, text)), "", "{name} cut at {}", text.len());
        }
    }
    for (name, text) in yaml_files("tests/lint") {
        // What is cut off may be all that is bad.
        cut(&text, 50).for_each(|text| drop(in_words(&lint(&name, text))));
    }
}

#[test]
fn nesting_is_refused_in_words() {
    const TOO_DEEP: &str = "nesting is deeper than 64 levels";
    // Of the parser, before there is anything to look at.
    const LIMIT: &str = "this is not YAML: recursion limit exceeded";
    let unclosed = "this is not YAML: while parsing a node, did not find expected node content";
    for (unit, shallow, deep, deepest) in [
        ("[", unclosed, TOO_DEEP, LIMIT),
        ("{a: ", unclosed, TOO_DEEP, LIMIT),
        ("- ", "here is a list instead of a mapping", TOO_DEEP, TOO_DEEP),
        ("a:\n", "the key `a` is here twice", "the key `a` is here twice", "the key `a` is here twice"),
        ("? ", "a key is not text", "a key is not text", "a key is not text"),
        ("{", "a key is not text", "a key is not text", LIMIT),
    ] {
        for (depths, expected) in [(&[10, 64][..], shallow), (&[200], deep), (&[300, 10_000, 100_000], deepest)] {
            for depth in depths {
                let found = in_words(&lint("deep.yaml", &unit.repeat(*depth)));
                assert!(found.contains(expected), "{unit:?} {depth} times: {found}");
            }
        }
    }
    assert!(in_words(&lint("deep.yaml", &"- ".repeat(65))).contains(TOO_DEEP));
    for depth in [10, 300, 100_000] {
        for (unit, expected) in [
            ("(", "here is a string instead of a mapping"),
            ("!!", "this is not YAML: while parsing a tag, did not find expected tag URI"),
            ("&a ", "YAML anchors (`&name`) are not understood"),
            ("*", "this is not YAML: while parsing node, found unknown anchor"),
        ] {
            let found = in_words(&lint("deep.yaml", &unit.repeat(depth)));
            assert!(found.contains(expected), "{unit:?} {depth} times: {found}");
        }
        let pattern = format!("components: {{schemas: {{A: {{type: string, pattern: '{}'}}}}}}", "(?:".repeat(depth));
        let expected = if depth > 50 { "more than 50 brackets" } else { "not a regular expression" };
        let found = in_words(&lint("deep.yaml", &pattern));
        assert!(found.contains("components.schemas.A.pattern: the pattern ") && found.contains(expected), "{found}");
    }
}

/// Every bad spec with each of its values exchanged for a value of every other kind.
#[test]
fn values_of_any_kind_are_linted_anywhere() {
    for (name, text) in yaml_files("tests/lint") {
        let Ok(document) = load::load(&name, &text) else {
            continue;
        };
        let mut steps = Vec::new();
        exchange(&document.root, &mut steps, &mut |steps, value| {
            let root = exchanged(&document.root, steps, value);
            in_words(&lint::lint(&Document { file: name.clone(), root }));
        });
    }
}

fn exchange(node: &Node, steps: &mut Vec<usize>, visit: &mut impl FnMut(&[usize], &Value)) {
    let number = Value::Number { text: "-1.5e3".to_owned() };
    let null = Node { line: 1, column: 1, value: Value::Null };
    let text = Value::String("#/components/schemas/\u{e9}`<[".to_owned());
    let list = Value::Sequence(vec![null.clone(), null.clone()]);
    let key = load::Key { text: "$ref".to_owned(), line: 1, column: 1 };
    let mapping = Value::Mapping(vec![(key, null)]);
    for value in [Value::Null, Value::Bool(true), number, text, list, mapping] {
        visit(steps, &value);
    }
    for (index, child) in children(node).enumerate() {
        steps.push(index);
        exchange(child, steps, visit);
        steps.pop();
    }
}

fn children(node: &Node) -> impl Iterator<Item = &Node> {
    node.items().iter().chain(node.entries().iter().map(|(_, node)| node))
}

fn exchanged(node: &Node, steps: &[usize], value: &Value) -> Node {
    let mut copy = node.clone();
    let Some((step, rest)) = steps.split_first() else {
        copy.value = value.clone();
        return copy;
    };
    match &mut copy.value {
        Value::Sequence(items) => items[*step] = exchanged(&items[*step], rest, value),
        Value::Mapping(entries) => entries[*step].1 = exchanged(&entries[*step].1, rest, value),
        Value::Null | Value::Bool(_) | Value::Number { .. } | Value::String(_) => {}
    }
    copy
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn bytes_are_refused_in_words(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let found = in_words(&lint("bytes.yaml", &String::from_utf8_lossy(&bytes)));
        prop_assert!(found.starts_with("bytes.yaml:"), "{found}");
    }

    #[test]
    fn yaml_like_text_is_linted(parts in prop::collection::vec(prop::sample::select(PARTS), 0..80)) {
        let found = in_words(&lint("parts.yaml", &parts.concat()));
        prop_assert!(found.starts_with("parts.yaml:"), "{found}");
    }

    #[test]
    fn a_pattern_without_a_finding_compiles(pattern in "[-a^$.*+?(){}\\[\\]\\\\|=!<:,0-9upPdbk]{0,60}") {
        let text = serde_json::Value::from(pattern.as_str());
        let spec = format!("components: {{schemas: {{A: {{type: string, pattern: {text}}}}}}}");
        let found = in_words(&lint("pattern.yaml", &spec));
        prop_assert!(found.contains("components.schemas.A.pattern: ") || regress::Regex::with_flags(&pattern, "u").is_ok(), "{found}");
    }

    #[test]
    fn descriptions_are_linted(text in "[-a `~<>\\[\\]()\\\\:/\n\thttps.é]{0,80}") {
        let text = serde_json::Value::from(text);
        let found = in_words(&lint("text.yaml", &format!("info: {{description: {text}}}")));
        prop_assert!(found.contains("info: `title` is missing"), "{found}");
    }
}

/// What YAML and specs are made of.
const PARTS: &[&str] = &[
    "\n",
    "\n  ",
    "\n    ",
    "\n      ",
    "- ",
    ": ",
    "? ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "'",
    "\"",
    "#",
    "&a",
    "*a",
    "!t ",
    "|\n",
    ">-\n",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "\t",
    "é",
    "openapi: 3.0.3",
    "info:",
    "paths:",
    "/v1/{id}:",
    "post:",
    "responses:",
    "'200':",
    "$ref: '#/components/schemas/A'",
    "components:",
    "schemas:",
    "A:",
    "allOf:",
    "type: object",
    "properties:",
    "x-webhooks:",
    "x-event-when:",
    "/name: A",
    "x-event-name: {in: body}",
    "requestBody:",
    "content:",
    "application/json:",
    "schema:",
    "examples:",
    "1e400",
    "0x1",
    ".inf",
    "~",
    "true",
];
