//! The findings that the author of a document gets: one bad document for each lint under `tests/lint/`, with its
//! findings in a snapshot. To test a new lint, add a document there; the tests find it.

use std::collections::HashSet;
use std::fs;
use std::mem;
use std::path::{Path, PathBuf};

use pos_webhooks_build::load::{self, Document, Finding, Node, Value};
use pos_webhooks_build::{checked, lint, names};
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

/// One line for each finding. Checks that the findings are in the order of the file, and that none lacks a part.
fn in_words(findings: &[Finding]) -> String {
    assert!(findings.is_sorted_by_key(|finding| (finding.line, finding.column)), "{findings:#?}");
    for Finding { severity: _, file, line, column, place: _, message, help } in findings {
        assert!(*line >= 1 && *column >= 1, "{findings:#?}");
        assert!(![file, message, help].iter().any(|part| part.trim().is_empty()), "{findings:#?}");
    }
    findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn bad_documents_have_the_reviewed_findings() {
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

/// Truncates the providers' documents, which are long, at every thousandth byte, and the bad ones at every fiftieth.
#[test]
fn a_truncated_document_has_findings() {
    fn cut(text: &str, step: usize) -> impl Iterator<Item = &str> {
        (0..text.len()).step_by(step).filter_map(|end| text.get(..end))
    }
    for (name, text) in yaml_files("../specs") {
        // A document that is truncated in the last schema may be valid.
        let mut schemas = text.rmatch_indices("\n    ");
        let (last, _) = schemas.find(|(at, _)| !text[at + 5..].starts_with([' ', '#'])).expect("a schema");
        for text in cut(&text[..last], 1000) {
            assert_ne!(in_words(&lint(&name, text)), "", "{name} cut at {}", text.len());
        }
    }
    for (name, text) in yaml_files("tests/lint") {
        // The part that is cut off may be the only bad one.
        cut(&text, 50).for_each(|text| drop(in_words(&lint(&name, text))));
    }
}

#[test]
fn deep_nesting_has_a_finding() {
    const TOO_DEEP: &str = "nesting is deeper than 64 levels";
    // The finding of the parser, before there is a tree to lint.
    const LIMIT: &str = "this is not YAML: recursion limit exceeded";
    let unclosed = "this is not YAML: while parsing a node, did not find expected node content";
    for (unit, shallow, deep, deepest) in [
        ("[", unclosed, TOO_DEEP, LIMIT),
        ("{a: ", unclosed, TOO_DEEP, LIMIT),
        ("- ", "expected a mapping, found a list", TOO_DEEP, TOO_DEEP),
        ("a:\n", "the key `a` occurs twice", "the key `a` occurs twice", "the key `a` occurs twice"),
        ("? ", "a key is not a string", "a key is not a string", "a key is not a string"),
        ("{", "a key is not a string", "a key is not a string", LIMIT),
    ] {
        for (depths, expected) in [(&[10, 64][..], shallow), (&[200], deep), (&[300, 10_000, 100_000], deepest)] {
            for depth in depths {
                let found = in_words(&lint("deep.yaml", &unit.repeat(*depth)));
                assert!(found.contains(expected), "{unit:?} {depth} times: {found}");
            }
        }
    }
    assert!(in_words(&lint("deep.yaml", &"- ".repeat(65))).contains(TOO_DEEP));
    for depth in [10, 300, 10_000] {
        for (unit, expected) in [
            ("(", "expected a mapping, found a string"),
            ("!!", "this is not YAML: while parsing a tag, did not find expected tag URI"),
            ("&a ", "YAML anchors (`&name`) are not supported"),
            ("*", "this is not YAML: while parsing node, found unknown anchor"),
        ] {
            let found = in_words(&lint("deep.yaml", &unit.repeat(depth)));
            assert!(found.contains(expected), "{unit:?} {depth} times: {found}");
        }
        let pattern = format!("components: {{schemas: {{A: {{type: string, pattern: '{}'}}}}}}", "(?:".repeat(depth));
        let expected = if depth > 50 { "more than 50 parentheses" } else { "not a regular expression" };
        let found = in_words(&lint("deep.yaml", &pattern));
        assert!(found.contains("components.schemas.A.pattern: the pattern ") && found.contains(expected), "{found}");
    }
}

/// One finding says so in place of what would not end.
#[test]
fn a_document_beyond_a_limit_has_a_finding() {
    let found = |text: &str| lint("limits.yaml", text);
    let has =
        |findings: &[Finding], expected: &str| findings.iter().any(|finding| finding.to_string().contains(expected));
    let long = "x".repeat(100_000);
    assert!(has(&found(&format!("openapi: {long}")), "the text is longer than 65536 bytes"));
    assert!(has(&found(&format!("{long}: 1")), "this is not YAML"));
    assert!(has(&found(&format!("{}: 1", "x".repeat(257))), "a key is longer than 256 characters"));
    assert!(has(&found("\"a\\u001b\": 1"), "a key has a control character"));
    assert!(has(&found("info: {title: \"a\\u001bb\"}"), "a control character; remove it"));
    let pattern = |text: &str| format!("components: {{schemas: {{A: {{type: string, pattern: '{text}'}}}}}}");
    assert!(has(&found(&pattern(&"a|".repeat(600))), "the pattern is longer than 1000 bytes"));

    let many: String = (0..5000).map(|number| format!("x{number}: 1\n")).collect();
    let findings = found(&many);
    assert_eq!(findings.len(), 1001);
    assert!(has(&findings, "there are more findings than the first 1000; correct these first"));

    // Each schema is the next one, 40 times.
    let schema = |number: usize| match number {
        40 => "A40: {type: object, description: d}".to_owned(),
        _ => format!("A{number}: {{description: d, allOf: [{{$ref: '#/components/schemas/A{}'}}]}}", number + 1),
    };
    let chain: Vec<String> = (0..=40).map(schema).collect();
    let findings = found(&format!("components: {{schemas: {{{}}}}}", chain.join(", ")));
    assert!(has(
        &findings,
        "schemas.A0.allOf[0]: the schema refers to itself, or to a type through more than 32 others"
    ));
    assert!(!has(&findings, "schemas.A20.allOf[0]"));
}

/// Strict validation can use each pattern that does not have a finding.
#[test]
fn the_validator_can_use_each_pattern_without_finding() {
    let parts = [
        "",
        "a",
        ".",
        "-",
        "&&",
        "~~",
        "\\0",
        "[]",
        "[^]",
        "[\\b]",
        "\\b",
        "\\B",
        "\\d",
        "\\D",
        "\\w",
        "\\s",
        "\\S",
        "[^\\s\\d]",
        "\\p{L}",
        "\\P{Lu}",
        "\\p{Script=Greek}",
        "\\p{L",
        "\\cA",
        "\\c1",
        "\\x41",
        "\\u0041",
        "\\u{1F600}",
        "\\uD83D\\uDE00",
        "\\uD83D",
        "\\/",
        "\\-",
        "\\.",
        "\\_",
        "\\e",
        "\\a",
        "\\A",
        "\\z",
        "\\Q",
        "\\v",
        "\\n",
        "[[]",
        "[a&&b]",
        "[a~~b]",
        "[a--b]",
        "[a-]",
        "[\\]]",
        "[z-a]",
        "[\\d-z]",
        "[[:alpha:]]",
        "(?:)",
        "(?<n>a)",
        "(?P<n>a)",
        "(?i)",
        "(?i:a)",
        "(?#a)",
        "(|a)",
        "{",
        "a{1,}",
        "a{,2}",
        "a{2,1}",
        "a++",
        "a*?",
        "a{1}{2}",
        "^",
        "$",
        "é",
        "\u{1F600}",
        "#",
        " ",
    ];
    let mut usable = 0;
    for (first, second) in parts.iter().flat_map(|first| parts.iter().map(move |second| (first, second))) {
        let pattern = format!("^{first}{second}$");
        let quoted = serde_json::Value::from(pattern.as_str());
        let document = format!("components: {{schemas: {{A: {{type: string, pattern: {quoted}}}}}}}");
        let findings = in_words(&lint("pattern.yaml", &document));
        if !findings.contains("components.schemas.A.pattern: ") {
            let options = jsonschema::options().with_pattern_options(jsonschema::PatternOptions::regex());
            assert!(options.build(&serde_json::json!({ "pattern": pattern })).is_ok(), "{pattern}");
            usable += 1;
        }
    }
    assert!(usable > 1000, "{usable}");
}

/// Replaces each value of every bad document by a value of every other kind. Most documents differ from others in one place
/// only; what they share at the same place is replaced once.
#[test]
fn values_of_any_kind_are_linted_anywhere() {
    let files = yaml_files("tests/lint");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for files in files.chunks(files.len().div_ceil(threads)) {
            scope.spawn(|| {
                let documents = files.iter().filter_map(|(name, text)| load::load(name, text).ok());
                let mut done = HashSet::new();
                documents.for_each(|mut document| exchange(&mut document, &mut Vec::new(), "", &mut done));
            });
        }
    });
}

/// Replaces the value at the end of these steps, and each value below it, one at a time, unless that is done.
fn exchange(document: &mut Document, steps: &mut Vec<usize>, place: &str, done: &mut HashSet<String>) {
    if !done.insert(format!("{place} {}", node(&mut document.root, steps).to_json())) {
        return;
    }
    let number = Value::Number { text: "-1.5e3".to_owned() };
    let null = Node { line: 1, column: 1, value: Value::Null };
    let text = Value::String("#/components/schemas/\u{e9}`<[".to_owned());
    let list = Value::Sequence(vec![null.clone(), null.clone()]);
    let key = load::MappingKey { text: "$ref".to_owned(), line: 1, column: 1 };
    let mapping = Value::Mapping(vec![(key, null)]);
    for value in [Value::Null, Value::Bool(true), number, text, list, mapping] {
        let own = mem::replace(&mut node(&mut document.root, steps).value, value);
        in_words(&checked(document.clone()).err().unwrap_or_default());
        node(&mut document.root, steps).value = own;
    }
    let children: Vec<String> = match &node(&mut document.root, steps).value {
        Value::Sequence(items) => (0..items.len()).map(|index| format!("{place}/{index}")).collect(),
        Value::Mapping(entries) => entries.iter().map(|(key, _)| format!("{place}/{}", key.text)).collect(),
        Value::Null | Value::Bool(_) | Value::Number { .. } | Value::String(_) => Vec::new(),
    };
    for (index, place) in children.iter().enumerate() {
        steps.push(index);
        exchange(document, steps, place, done);
        steps.pop();
    }
}

fn node<'a>(root: &'a mut Node, steps: &[usize]) -> &'a mut Node {
    steps.iter().fold(root, |node, step| match &mut node.value {
        Value::Sequence(items) => &mut items[*step],
        Value::Mapping(entries) => &mut entries[*step].1,
        Value::Null | Value::Bool(_) | Value::Number { .. } | Value::String(_) => panic!("a step into a leaf"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn arbitrary_bytes_have_findings(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
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

/// Fragments of YAML and of documents.
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
