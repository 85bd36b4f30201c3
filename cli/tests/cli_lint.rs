//! `pos-webhooks lint` reports everything in a document that is not supported, in forms that people and editors read.

#[path = "cli/run.rs"]
mod run;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::run::{Done, command, directory, feed};

const BAD: &str = "openapi: 3.2.0\ninfo: {title: Shop, version: '1', description: A shop., nothing: 1}\n";

fn folder(test: &str) -> PathBuf {
    let folder = directory("lint").join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("bad.yaml"), BAD).unwrap();
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fifth-provider/acme.yaml");
    fs::copy(good, folder.join("good.yaml")).unwrap();
    folder
}

fn lint(folder: &Path, arguments: &[&str], input: &str) -> Done {
    let mut command = command(&[&["lint"], arguments].concat());
    command.current_dir(folder);
    feed(command, input.as_bytes())
}

#[test]
fn findings_are_lines_that_editors_recognise_and_are_counted() {
    let folder = folder("human");
    let done = lint(&folder, &["bad.yaml"], "");
    assert_eq!((done.status, done.err.as_str()), (1, ""));
    let lines: Vec<&str> = done.out.lines().collect();
    let (count, findings) = lines.split_last().unwrap();
    let warnings = findings.iter().filter(|line| line.contains(": warning: ")).count();
    assert!(0 < warnings && warnings < findings.len(), "{}", done.out);
    assert_eq!(*count, format!("{} findings in 1 document, of which {warnings} are warnings", findings.len()));
    let places: Vec<(usize, usize)> = findings
        .iter()
        .map(|line| {
            let mut parts = line.strip_prefix("bad.yaml:").unwrap().splitn(3, ':');
            let (line, column) = (parts.next().unwrap().parse().unwrap(), parts.next().unwrap().parse().unwrap());
            assert!(parts.next().unwrap().contains("; "), "{line}");
            (line, column)
        })
        .collect();
    assert!(places.is_sorted() && places.len() > 3, "{}", done.out);
    assert!(
        done.out.contains("bad.yaml:1:1: openapi: this is neither version 3.0.x nor version 3.1.x of OpenAPI; write `openapi: 3.0.3`, or `openapi: 3.1.0` \
             if the document is written so\n"),
        "{}",
        done.out
    );
    let done = lint(&folder, &["good.yaml"], "");
    assert_eq!((done.status, done.out.as_str(), done.err.as_str()), (0, "no findings in 1 document\n", ""));
    let done = lint(&folder, &["good.yaml", "bad.yaml"], "");
    assert_eq!(
        (done.status, done.out.lines().last()),
        (1, Some(&*format!("{} findings in 1 of 2 documents, of which {warnings} are warnings", findings.len())))
    );
}

#[test]
fn a_finding_is_one_object() {
    let folder = folder("json");
    let done = lint(&folder, &["--format", "json", "bad.yaml"], "");
    assert_eq!((done.status, done.err.as_str()), (1, ""));
    let human = lint(&folder, &["bad.yaml"], "").out;
    let findings: Vec<Value> = done.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(findings.len() + 1, human.lines().count());
    for (finding, line) in findings.iter().zip(human.lines()) {
        let text = |name: &str| finding[name].as_str().unwrap();
        let place = if text("place").is_empty() { String::new() } else { format!("{}: ", text("place")) };
        let severity = if text("severity") == "warning" { "warning: " } else { "" };
        let (line_number, column) = (&finding["line"], &finding["column"]);
        let (message, help) = (text("message"), text("help"));
        assert_eq!(format!("{}:{line_number}:{column}: {severity}{place}{message}; {help}", text("file")), line);
        assert_eq!(finding.as_object().unwrap().len(), 7);
    }
    let done = lint(&folder, &["--format", "json", "good.yaml"], "");
    assert_eq!((done.status, done.out.as_str()), (0, ""));
}

#[test]
fn all_findings_are_one_document_in_sarif() {
    let folder = folder("sarif");
    fs::rename(folder.join("bad.yaml"), folder.join("a bad é.yaml")).unwrap();
    let done = lint(&folder, &["--format", "sarif", "a bad é.yaml", "good.yaml"], "");
    assert_eq!((done.status, done.err.as_str()), (1, ""));
    let document: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((&document["version"], document["runs"].as_array().unwrap().len()), (&json!("2.1.0"), 1));
    let run = &document["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "pos-webhooks");
    let found = |text: &str| {
        let results = run["results"].as_array().unwrap();
        results.iter().find(|result| result["message"]["text"].as_str().unwrap().contains(text)).unwrap().clone()
    };
    let result = found("`nothing` is not supported in info; ");
    assert_eq!(result["level"], "error");
    let location = &result["locations"][0];
    assert_eq!(location["physicalLocation"]["artifactLocation"]["uri"], "a%20bad%20%C3%A9.yaml");
    assert_eq!(location["physicalLocation"]["region"], json!({ "startLine": 2, "startColumn": 57 }));
    assert_eq!(location["logicalLocations"][0]["fullyQualifiedName"], "info.nothing");
    // The name of the file is not that of a provider.
    assert_eq!(
        found("the name of the file").pointer("/locations/0/physicalLocation/region/startLine"),
        Some(&json!(1))
    );
    let done = lint(&folder, &["--format", "sarif", "good.yaml"], "");
    let document: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((done.status, &document["runs"][0]["results"]), (0, &json!([])));
}

#[test]
fn documents_come_from_files_directories_options_or_standard_input() {
    let folder = folder("sources");
    for (name, is_found) in [("plain.yml", true), ("plain.json", false)] {
        fs::write(folder.join(name), "{\"openapi\": \"3.2.0\"}").unwrap();
        let finding = format!("{name}:1:2: openapi: ");
        assert_eq!(lint(&folder, &["."], "").out.contains(&finding), is_found);
        assert!(lint(&folder, &[name], "").out.contains(&finding));
        fs::remove_file(folder.join(name)).unwrap();
    }
    let twice = lint(&folder, &["bad.yaml", "bad.yaml", "--spec", "bad.yaml"], "");
    assert_eq!(twice.out, lint(&folder, &["bad.yaml"], "").out);
    let bad = |done: &Done| (done.status, done.out.contains("bad.yaml:1:1: openapi: "));
    assert_eq!(bad(&lint(&folder, &["."], "")), (1, true));
    assert_eq!(bad(&lint(&folder, &["--spec", "bad.yaml"], "")), (1, true));
    assert_eq!(bad(&lint(&folder, &["good.yaml", "--spec", "bad.yaml"], "")), (1, true));
    let mut command = command(&["lint"]);
    command.current_dir(&folder).env("POS_WEBHOOKS_SPECS", ".");
    assert_eq!(bad(&feed(command, b"")), (1, true));
    let done = lint(&folder, &["-"], BAD);
    assert!(done.status == 1 && done.out.starts_with("-:1:1: "), "{}", done.out);
    let good = fs::read_to_string(folder.join("good.yaml")).unwrap();
    assert_eq!(lint(&folder, &["-"], &good).out, "no findings in 1 document\n");
}

#[test]
fn what_cannot_be_read_is_2_and_the_others_are_checked() {
    let folder = folder("unreadable");
    fs::write(folder.join("binary.yaml"), b"\xff\xfe").unwrap();
    for (file, reason) in
        [("missing.yaml", "missing.yaml: "), ("binary.yaml", "binary.yaml: the document is not UTF-8 text")]
    {
        let done = lint(&folder, &["bad.yaml", file], "");
        assert!(done.status == 2 && done.err.starts_with(&format!("error: {reason}")), "{}", done.err);
        assert!(
            done.out.contains("bad.yaml:1:1: openapi: ") && done.out.contains(" in 1 document, of which "),
            "{}",
            done.out
        );
    }
    let done = lint(&folder, &["--format", "sarif", "good.yaml", "missing.yaml"], "");
    let document: Value = serde_json::from_str(&done.out).unwrap();
    let invocation = &document["runs"][0]["invocations"][0];
    let notification = &invocation["toolExecutionNotifications"][0]["message"]["text"];
    assert_eq!((done.status, &invocation["executionSuccessful"]), (2, &json!(false)));
    assert!(notification.as_str().unwrap().starts_with("missing.yaml: "), "{document}");
    let done = lint(&folder, &[], "");
    assert!(done.status == 2 && done.err.contains("there is no document to check"), "{}", done.err);
}

/// A key can have any character.
#[test]
fn a_finding_stays_on_one_line_and_does_not_control_the_terminal() {
    let folder = folder("control");
    let done = lint(&folder, &["-"], "\"a\\nb\\e[31m\": 1\n");
    assert_eq!(done.status, 1);
    assert!(done.out.lines().all(|line| line.starts_with("-:1:") || line == "1 finding in 1 document"), "{}", done.out);
    assert!(!done.out.contains('\u{1b}'));
}

/// What is about the document as such is an error, and what can be left out is a warning.
#[test]
fn a_document_with_warnings_only_can_be_used() {
    let folder = folder("warnings");
    let plain = "openapi: 3.0.0\ninfo: {title: Plain, version: '1'}\npaths:\n  /sales:\n    get: {tags: [a], responses: {'200': {description: OK}}}\n";
    fs::write(folder.join("plain.yaml"), plain).unwrap();
    let done = lint(&folder, &["plain.yaml"], "");
    assert_eq!((done.status, done.err.as_str()), (1, ""));
    let (last, findings) = done.out.trim_end().rsplit_once('\n').map(|(findings, last)| (last, findings)).unwrap();
    assert_eq!(last, format!("{} findings in 1 document; all of them are warnings", findings.lines().count()));
    assert!(findings.lines().all(|line| line.contains(": warning: ")), "{findings}");
    let mut command = command(&["call", "plain", "--spec", "plain.yaml"]);
    command.current_dir(&folder);
    let done = feed(command, b"");
    assert!(done.status == 0 && done.out.contains("get_sales"), "{}{}", done.out, done.err);
}

#[test]
fn the_json_schema_of_the_dialect_is_printed() {
    let done = lint(&folder("schema"), &["--schema"], "");
    let schema: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((done.status, done.err.as_str()), (0, ""));
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&json!({ "openapi": "3.0.3", "x-event-name": { "in": "body" } })));
    assert!(!validator.is_valid(&json!({ "openapi": "3.0.3", "x-event-nam": { "in": "body" } })));
    let done = lint(&folder("schema"), &["--schema", "bad.yaml"], "");
    assert!(done.status == 2 && done.err.contains("cannot be used with"), "{}", done.err);
}

#[test]
fn an_example_that_does_not_match_its_schema_is_a_warning_at_its_place() {
    let folder = folder("examples");
    let good = fs::read_to_string(folder.join("good.yaml")).unwrap();
    let (before, _) = good.split_once("\"EUR\"").or_else(|| good.split_once("EUR")).unwrap();
    fs::write(folder.join("good.yaml"), good.replacen("EUR", "euro", 1)).unwrap();
    let done = lint(&folder, &["--format", "json", "good.yaml"], "");
    let finding: Value =
        serde_json::from_str(done.out.lines().next().unwrap_or_else(|| panic!("{}", done.err))).unwrap();
    let line = usize::try_from(finding["line"].as_u64().unwrap()).unwrap();
    assert!(line <= before.lines().count() && finding["place"].as_str().unwrap().contains(".examples."), "{finding}");
    assert_eq!((done.status, &finding["severity"]), (1, &json!("warning")));
    let message = finding["message"].as_str().unwrap();
    assert!(message.starts_with("the example does not match its schema: /transfer/currency: "), "{message}");
}
