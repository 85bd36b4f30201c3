//! `pos-webhooks init` writes a document that passes `lint` and `demo`, and that never overwrites another one.

#[path = "cli/run.rs"]
mod run;

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{Done, command, directory, feed};

fn folder(test: &str) -> PathBuf {
    let folder = directory("init").join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn run_in(folder: &Path, arguments: &[&str]) -> Done {
    let mut command = command(arguments);
    command.current_dir(folder);
    feed(command, b"")
}

#[test]
fn the_document_is_written_and_the_next_commands_pass() {
    for name in ["acme", "acme_pay", "my_acme", "market_pay_2", "x3ds", "type_"] {
        let folder = folder(name);
        let done = run_in(&folder, &["init", name]);
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{name}");
        let commands: Vec<Vec<&str>> = done
            .out
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("pos-webhooks "))
            .map(|line| line.split("  ").next().unwrap().split(' ').collect())
            .collect();
        let file = format!("{name}.yaml");
        assert_eq!(commands, [vec!["lint", &file], vec!["demo", "--spec", &file]], "{}", done.out);
        for command in commands {
            let done = run_in(&folder, &command);
            assert_eq!((done.status, done.err.as_str()), (0, ""), "{name} {command:?}: {}", done.out);
            assert!(done.out.contains(name) || done.out == "no findings in 1 document\n", "{name}: {}", done.out);
        }
        let steps = run_in(&folder, &["demo", "--format", "json", "--spec", &file]).out;
        let of_provider = format!("{{\"provider\":\"{name}\",");
        let ok = steps.lines().filter(|line| line.starts_with(&of_provider) && line.contains("\"result\":\"ok\""));
        assert_eq!(ok.count(), 5, "register, list, deliver, tamper and delete: {steps}");
        let sources = run_in(&folder, &["spec", name, "--sources", "--spec", &file]).out;
        // The day may change in between.
        let today = jiff::Timestamp::now();
        let days = [today, today - jiff::SignedDuration::from_hours(24)].map(|day| day.to_string()[..10].to_owned());
        assert!(days.iter().any(|day| sources.contains(day)), "{sources}");
        let help = run_in(&folder, &["hooks", name, "create", "--help", "--spec", &file]).out;
        assert!(help.contains(&format!("POS_WEBHOOKS_{}_TOKEN", name.to_uppercase())), "{help}");
    }
}

#[test]
fn nothing_is_overwritten() {
    let folder = folder("again");
    fs::write(folder.join("acme.yaml"), "mine").unwrap();
    let done = run_in(&folder, &["init", "acme"]);
    assert_eq!((done.status, done.out.as_str()), (2, ""));
    assert_eq!(done.err, "error: acme.yaml: the file exists already, and is not overwritten\n");
    assert_eq!(fs::read_to_string(folder.join("acme.yaml")).unwrap(), "mine");
}

#[test]
fn the_output_is_a_file_of_that_name_a_directory_or_standard_output() {
    let folder = folder("output");
    fs::create_dir(folder.join("specs")).unwrap();
    let done = run_in(&folder, &["init", "acme", "--output", "specs"]);
    assert!(done.status == 0 && done.out.contains("pos-webhooks lint specs/acme.yaml"), "{}", done.err);
    let written = fs::read_to_string(folder.join("specs/acme.yaml")).unwrap();
    assert_eq!(run_in(&folder, &["init", "acme", "--output", "-"]).out, written);
    let done = run_in(&folder, &["init", "acme", "--output", "acme.yml"]);
    assert_eq!((done.status, fs::read_to_string(folder.join("acme.yml")).unwrap()), (0, written));
    let done = run_in(&folder, &["init", "acme", "--output", "other.yaml"]);
    assert!(done.status == 2 && done.err.contains("write to a file acme.yaml"), "{}", done.err);
    let done = run_in(&folder, &["init", "acme", "--output", "missing/acme.yaml"]);
    assert!(done.status == 2 && done.err.starts_with("error: missing/acme.yaml: "), "{}", done.err);
    let done = run_in(&folder, &["init", "type"]);
    assert!(done.status == 2 && done.err.contains("this is a keyword of Rust"), "{}", done.err);
    for name in ["Acme", "acme-pay", "3ds", ""] {
        let done = run_in(&folder, &["init", name]);
        assert!(done.status == 2 && done.err.contains("a name in snake case is expected"), "{name}: {}", done.err);
    }
    assert!(!folder.join("other.yaml").exists());
}

const PLAIN: &str = "\
openapi: 3.0.0
info:
  title: Shop
  version: '1'
servers:
  - url: https://api.shop.example
  - url: https://test.shop.example
    description: Test
paths:
  /orders:
    get: {operationId: listOrders, responses: {'200': {description: OK}}}
  /v1/webhooks:
    post: {operationId: createWebhook, responses: {'201': {description: Created}}}
    get: {operationId: listWebhooks, responses: {'200': {description: OK}}}
  /v1/webhooks/{hookId}:
    delete:
      operationId: deleteWebhook
      parameters: [{name: hookId, in: path, required: true, schema: {type: string}}]
      responses: {'204': {description: Deleted}}
components:
  securitySchemes:
    OAuth:
      type: oauth2
      flows: {}
";

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

/// The document keeps its lines, and each comment is a valid part of it once its `# ` is removed.
#[test]
fn a_document_of_a_provider_gets_the_missing_extensions_as_comments() {
    let folder = folder("from");
    fs::write(folder.join("openapi.yaml"), PLAIN).unwrap();
    let done = run_in(&folder, &["init", "shop", "--from", "openapi.yaml"]);
    assert_eq!((done.status, done.err.as_str()), (0, ""));
    assert!(done.out.contains("pos-webhooks lint shop.yaml"), "{}", done.out);
    let text = fs::read_to_string(folder.join("shop.yaml")).unwrap();
    let is_comment = |line: &&str| line.trim_start().starts_with('#');
    let kept: Vec<&str> = text.lines().filter(|line| !is_comment(line)).collect();
    assert_eq!(kept, lines(PLAIN));
    let found = |text: &str| run_in(&folder, &["lint", "--format", "json", text]).out.lines().count();
    assert_eq!(found("shop.yaml"), found("openapi.yaml"));
    for comment in [
        "    # x-name: test\n    description: Test",
        "#   create: {operation: create_webhook, ",
        "#   list: {operation: list_webhooks, ",
        "#   delete: {operation: delete_webhook, parameters: {id: hookId}}",
        "      # x-token:\n      #   operation: OPERATION\n",
        "# x-webhooks:\n",
    ] {
        assert!(text.contains(comment), "{comment}: {text}");
    }
    // Without the registration and the token, which name what the document does not describe.
    let mut used = String::new();
    let mut block = "";
    for line in text.lines() {
        let bare = line.trim_start();
        if let Some(extension) = bare.strip_prefix("# x-") {
            block = extension;
        }
        let is_used = bare.starts_with("# ") && !block.starts_with("registration") && !block.starts_with("token");
        used += &if is_used { line.replacen("# ", "", 1) } else { line.to_owned() };
        used.push('\n');
    }
    fs::write(folder.join("used.yaml"), used).unwrap();
    let done = run_in(&folder, &["lint", "used.yaml"]);
    assert!(done.out.contains("all of them are warnings"), "{}", done.out);
    let done = run_in(&folder, &["demo", "--spec", "used.yaml", "--format", "json"]);
    let delivered =
        done.out.lines().any(|line| line.contains("payment.completed") && line.contains("\"result\":\"ok\""));
    assert!(done.status == 0 && delivered, "{}{}", done.out, done.err);
}

#[test]
fn a_document_of_json_becomes_yaml() {
    let folder = folder("json");
    let json = serde_json::json!({
        "openapi": "3.0.0",
        "info": { "title": "Shop: #1", "version": "1", "description": "One\nTwo\n\n- three" },
        "servers": [{ "url": "https://api.shop.example" }],
        "paths": { "/a/{b}": { "get": {
            "parameters": [{ "name": "b", "in": "path", "required": true, "schema": { "type": "string", "enum": ["no", "1", "x y"] } }],
            "responses": { "200": { "description": "OK" }, "default": {} },
        } } },
    });
    fs::write(folder.join("openapi.json"), json.to_string()).unwrap();
    let done = run_in(&folder, &["init", "shop", "--from", "openapi.json"]);
    assert_eq!((done.status, done.err.as_str()), (0, ""));
    let text = fs::read_to_string(folder.join("shop.yaml")).unwrap();
    let read = pos_webhooks_build::load::load("shop.yaml", &text).unwrap().root.to_json();
    assert_eq!(read, json, "{text}");
    assert!(text.contains("  description: |-\n    One\n    Two\n\n    - three\n"), "{text}");
}

#[test]
fn what_is_not_a_document_is_refused() {
    let folder = folder("not");
    fs::write(folder.join("a.yaml"), "a: [").unwrap();
    fs::write(folder.join("b.yaml"), "swagger: '2.0'\n").unwrap();
    for (file, reason) in
        [("a.yaml", "a.yaml:2:1: "), ("b.yaml", "not a document of OpenAPI 3"), ("c.yaml", "c.yaml: ")]
    {
        let done = run_in(&folder, &["init", "shop", "--from", file]);
        assert!(done.status == 2 && done.err.contains(reason), "{file}: {}", done.err);
    }
    let done = run_in(&folder, &["init", "shop", "--spec", "a.yaml"]);
    assert!(done.status == 2 && done.err.contains("give it with --from"), "{}", done.err);
    assert!(!folder.join("shop.yaml").exists());
}
