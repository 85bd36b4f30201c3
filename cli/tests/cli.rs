//! Tests the commands `validate`, `schema`, `spec` and `example` of the binary.

#[path = "cli/run.rs"]
mod run;

use std::collections::BTreeSet;
use std::fs;

use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::SchemaKind;
use serde_json::{Value, json};

use crate::run::{command, feed, of_shown, run};

/// The names that an error lists; none where there are none.
fn listed(err: &str) -> Vec<String> {
    let list = err.split_once("[possible values: ").and_then(|(_, list)| list.split_once(']'));
    list.map_or(Vec::new(), |(list, _)| list.split(", ").map(str::to_owned).collect())
}

/// The names of bodies with examples, and of their schemas.
fn with_examples(provider: &str) -> BTreeSet<String> {
    let list = run(&["example", provider]).out;
    let names = list.lines().flat_map(|line| [line.split(' ').next(), line.split(' ').next_back()]);
    let names: BTreeSet<_> = names.flatten().map(str::to_owned).collect();
    assert!(names.len() > 1, "{list}");
    names
}

fn objects(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [
        &[][..],
        &["valdate"],
        &["validate"],
        &["validate", "nobody", "x"],
        &["schema", "nobody"],
        &["spec", "nobody"],
        &["example", "nobody", "x"],
    ] {
        let done = run(arguments);
        assert_eq!((done.status, done.out.as_str()), (2, ""), "{arguments:?}: {}", done.err);
    }
    let names: Vec<_> = PROVIDERS.iter().map(|provider| provider.name).collect();
    assert_eq!(listed(&run(&["spec", "nobody"]).err), names);
}

#[test]
fn a_wrong_value_of_an_option_says_what_to_write() {
    let [most, size, address, time] = [
        "a whole number from 0 to 18446744073709551615 is expected",
        &format!("a whole number from 1 to {} is expected", usize::MAX),
        "an IP address and a port are expected, such as 127.0.0.1:8080",
        "a time in RFC 3339 is expected, such as 2026-11-21T12:00:00Z",
    ];
    for (subcommand, option, values, expected) in [
        ("sandbox", "--seed", &["x", "-1", "1.5", "99999999999999999999999", ""][..], most),
        ("sandbox", "--listen", &["localhost:4010", "4010", ":8080", "127.0.0.1", "-1"], address),
        (
            "listen",
            "--listen",
            &["localhost:4010", "4010", ":8080", "127.0.0.1:99999", "-1"],
            &format!("{address}; or unix:PATH; or systemd"),
        ),
        ("listen", "--listen", &["unix:"], "the path of the unix socket is missing"),
        ("listen", "--max-bytes", &["x", "0", "-1", "1e6"], size),
        ("listen", "--max-connections", &["x", "0", "-1"], size),
        ("listen", "--window", &["x", "0", "-1"], size),
        ("validate", "--max-bytes", &["x", "0", "-1", "1e6", "99999999999999999999999"], size),
        ("verify", "--at", &["now", "-1", "2026-11-21", "2026-11-21T12:00:00", "1795262400"], time),
        ("sign", "--at", &["now", "-1"], time),
    ] {
        for value in values {
            let done = run(&[subcommand, option, value]);
            let error = done.err.lines().next().unwrap_or_default();
            assert!(error.starts_with(&format!("error: invalid value '{value}' for '{option} ")), "{error}");
            assert!(done.status == 2 && error.ends_with(expected), "{subcommand} {option} {value}: {error}");
        }
    }
}

#[test]
fn a_wrong_name_is_an_error_with_the_command_that_lists_the_right_ones() {
    for provider in PROVIDERS.iter() {
        let count = provider.schemas.len();
        for subcommand in ["validate", "schema"] {
            let done = run(&[subcommand, provider.name, "nothing at all"]);
            let expected = format!("`pos-webhooks schema {}` lists all {count} values", provider.name);
            assert!(done.status == 2 && done.err.contains(&expected), "{}", done.err);
        }
        let done = run(&["example", provider.name, "nothing at all"]);
        let names = with_examples(provider.name);
        let expected = format!("`pos-webhooks example {}` lists all ", provider.name);
        assert!(done.status == 2 && done.err.contains(&expected), "{}", done.err);
        assert!(provider.events.iter().all(|event| names.contains(event.name)));
    }
}

#[test]
fn schemas_are_listed() {
    for provider in PROVIDERS.iter() {
        let done = run(&["schema", provider.name]);
        assert_eq!(done.status, 0);
        let mut names: Vec<_> = done.out.lines().filter_map(|line| line.split_whitespace().next()).collect();
        names.sort_unstable();
        let mut known: Vec<_> = provider.schemas.iter().map(|schema| schema.name).collect();
        known.sort_unstable();
        assert_eq!(names, known);
    }
}

#[test]
fn a_schema_refers_to_nothing_outside_itself() {
    fn check(schema: &Value, document: &Value) {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let target = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
            assert!(target.is_some(), "{reference}");
        }
        match schema {
            Value::Object(members) => members.values().for_each(|member| check(member, document)),
            Value::Array(items) => items.iter().for_each(|item| check(item, document)),
            _ => {}
        }
    }
    for provider in PROVIDERS.iter() {
        for schema in provider.schemas.iter().filter(|schema| schema.kind == SchemaKind::Event) {
            let done = run(&["schema", provider.name, schema.name]);
            assert_eq!(done.status, 0);
            let document: Value = serde_json::from_str(&done.out).unwrap();
            assert_eq!(document["$schema"], "http://json-schema.org/draft-07/schema#");
            check(&document, &document);
        }
    }
}

#[test]
fn a_specification_is_printed_as_it_is() {
    for provider in PROVIDERS.iter() {
        let done = run(&["spec", provider.name]);
        let file = format!("{}/../specs/{}.yaml", env!("CARGO_MANIFEST_DIR"), provider.name);
        assert_eq!(done.status, 0);
        assert!(done.out == fs::read_to_string(file).unwrap());
    }
}

#[test]
fn how_a_specification_relates_to_its_sources_is_listed() {
    for provider in PROVIDERS.iter() {
        for (list, count) in [
            ("--sources", provider.sources.len()),
            ("--differences", provider.differences.len()),
            ("--omitted", provider.omitted.len()),
        ] {
            let json = run(&["spec", provider.name, list, "--format", "json"]);
            let human = run(&["spec", provider.name, list]);
            assert_eq!((json.status, human.status), (0, 0), "{} {list}", provider.name);
            let entries = objects(&json.out);
            assert_eq!(entries.len(), count);
            assert_eq!(human.out.split("\n\n").filter(|entry| !entry.is_empty()).count(), count, "{}", human.out);
            let values = entries.iter().flat_map(|entry| entry.as_object().unwrap().values());
            for value in values.flat_map(|value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])) {
                let text = value.as_str().unwrap_or_default();
                assert!(human.out.contains(text), "{} {list}: {text}", provider.name);
            }
        }
    }
    for arguments in [&["--format", "json"][..], &["--sources", "--omitted"], &["--differences", "--sources"]] {
        let done = run(&[&["spec", "mypos"], arguments].concat());
        assert_eq!((done.status, done.out.as_str()), (2, ""), "{arguments:?}: {}", done.err);
    }
}

/// Finds everything through the binary itself.
#[test]
fn examples_of_events_are_valid() {
    for provider in listed(&run(&["spec", "nobody"]).err) {
        let list = run(&["schema", &provider]).out;
        let events: Vec<_> = list.lines().filter(|line| line.split_whitespace().nth(1) == Some("event")).collect();
        assert!(!events.is_empty(), "{provider}");
        for event in events.iter().filter_map(|line| line.split_whitespace().next()) {
            let examples = run(&["example", &provider, event, "--format", "raw"]);
            assert_eq!(examples.status, 0);
            let validate = command(&["validate", &provider, event, "--ndjson"]);
            let done = feed(validate, examples.out.as_bytes());
            let count = examples.out.lines().count();
            assert!(count > 0, "{event}");
            assert_eq!((done.status, done.out), (0, format!("{count} valid, 0 invalid\n")), "{event}");
            // Without --ndjson for one of them.
            let first = examples.out.lines().next().unwrap();
            let done = feed(command(&["validate", &provider, event]), first.as_bytes());
            assert_eq!((done.status, done.out.as_str()), (0, "-: valid\n"), "{event}");
        }
    }
}

#[test]
fn every_example_is_printed_unchanged() {
    for provider in PROVIDERS.iter() {
        let mut found = Vec::new();
        for name in with_examples(provider.name) {
            let [raw, json, human] = ["raw", "json", "human"].map(|format| {
                let done = run(&["example", provider.name, &name, "--format", format]);
                assert_eq!(done.status, 0, "{name}: {}", done.err);
                done.out
            });
            // Numbers and the order of members are the specification's; only white space is added.
            let blank = |text: &str| text.replace([' ', '\n'], "");
            let bodies: Vec<_> = human.split("\n\n").map(|example| example.splitn(4, '\n').nth(3).unwrap()).collect();
            assert_eq!(blank(&bodies.concat()), blank(&raw), "{name}");
            assert_eq!(raw.lines().count(), bodies.len());
            assert_eq!(raw.lines().count(), json.lines().count());
            for (raw, line) in raw.lines().zip(json.lines()) {
                assert!(line.ends_with(&format!(",\"value\":{raw}}}")), "{line}");
            }
            for mut object in objects(&json) {
                for key in ["body", "summary", "source", "media_type", "schema"] {
                    assert!(!object[key].as_str().unwrap().is_empty(), "{object}");
                }
                let origin = object["origin"].as_str().unwrap();
                assert!(["documented", "observed", "constructed"].contains(&origin));
                assert!(human.contains(&format!("\n# {origin}: {}\n", object["source"].as_str().unwrap())));
                found.push((
                    object["schema"].as_str().unwrap().to_owned(),
                    object["example"].take(),
                    object["value"].take(),
                ));
            }
        }
        for body in provider.bodies() {
            for example in body.examples {
                let value: Value = serde_json::from_str(example.json).unwrap();
                let example = (body.schema.to_owned(), json!(example.name), value);
                assert!(found.contains(&example), "{}: {example:?}", provider.name);
            }
        }
    }
}

/// `pos-webhooks example … > body.json` gives a body.
#[test]
fn an_example_is_bare_json() {
    for provider in PROVIDERS.iter() {
        for name in with_examples(provider.name) {
            let done = run(&["example", provider.name, &name]);
            let all = run(&["example", provider.name, &name, "--format", "raw"]);
            let values = objects(&all.out);
            assert_eq!((done.status, objects(&done.out)), (0, values[..1].to_vec()), "{name}");
            let warning = match values.len() {
                1 => String::new(),
                count => format!(
                    "warning: this is the first of {count} examples; --example prints another one, and --format raw prints all\n"
                ),
            };
            assert_eq!((done.err, all.err), (warning, String::new()), "{name}");
            if values.len() == 1 {
                continue;
            }
            for object in objects(&run(&["example", provider.name, &name, "--format", "json"]).out) {
                let example = object["example"].as_str().unwrap();
                let done = run(&["example", provider.name, &name, "--example", example, "--format", "raw"]);
                let found = objects(&done.out);
                assert!(done.status == 0 && found.contains(&object["value"]), "{name} {example}: {}", done.out);
                assert!(found.len() < values.len() || !name.contains('.'), "{name} {example}");
            }
        }
    }
}

mod validate {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Child, Command, Output};

    use super::*;
    use crate::run::directory;

    const VALID: &str = r#"{"ID":"1","InvoiceID":"2","Outlet":"O","Number":"3","Amount":10.10,"Method":"Cash","Date":"2020-07-01","Created":"2020-07-31","Creator":"Brenda"}"#;

    fn text_amount() -> String {
        VALID.replace("10.10", "\"4111 1111\"")
    }

    fn validate(arguments: &[&str]) -> Command {
        command(&[&["validate", "dealpos", "paymentCreated"][..], arguments].concat())
    }

    /// `(line, valid, whether it is an error instead of violations)` of every payload.
    fn outcomes(out: &str) -> Vec<(u64, bool, bool)> {
        let outcome = |object: &Value| {
            let (valid, error) = (object["valid"].as_bool().unwrap(), object.get("error").is_some());
            assert_eq!(error, object.get("violations").is_none(), "{object}");
            (object["line"].as_u64().unwrap(), valid, error)
        };
        objects(out).iter().map(outcome).collect()
    }

    #[test]
    fn json_has_the_documented_shape() {
        let json = |arguments: &[&str], input: &str| {
            let done = feed(validate(&[&["--format", "json"], arguments].concat()), input.as_bytes());
            assert_eq!(done.err, "");
            (done.status, done.out)
        };
        let violation = r#"{"pointer":"/Amount","keyword":"type","message":"value is not of type \"number\""}"#;
        let unexpected = r#"{"line":1,"column":9,"message":"the text is not JSON: a value is expected"}"#;
        let expected = [
            (VALID.to_owned(), 0, r#""valid":true,"violations":[]"#.to_owned()),
            (text_amount(), 1, format!(r#""valid":false,"violations":[{violation}]"#)),
            (
                "{\"Amount".replace("Amount", "ID\": x"),
                1,
                format!(r#""valid":false,"error":{}"#, unexpected.replace('9', "8")),
            ),
        ];
        for (payload, status, outcome) in expected {
            let alone = json(&[], &payload);
            assert_eq!(alone, (status, format!("{{\"source\":\"-\",\"line\":null,{outcome}}}\n")));
            let second = json(&["--ndjson", "-"], &format!("\n{payload}\n"));
            assert_eq!(second, (status, format!("{{\"source\":\"-\",\"line\":2,{outcome}}}\n")));
        }
    }

    #[test]
    fn values_are_masked() {
        let payload = VALID.replace("\"2020-07-31\"", "\"4111 1111\"").replace("10.10", "\"4111 1111\"");
        for format in ["human", "json"] {
            for ndjson in [&[][..], &["--ndjson"]] {
                let arguments = [&["--format", format], ndjson].concat();
                let done = feed(validate(&arguments), payload.as_bytes());
                assert_eq!((done.status, done.err.as_str()), (1, ""));
                assert!(done.out.contains("/Amount") && !done.out.contains("4111"), "{}", done.out);
                let done = feed(validate(&[&arguments[..], &["--show-values"]].concat()), payload.as_bytes());
                assert_eq!(done.out.matches("4111 1111").count(), 2, "{}", done.out);
            }
        }
        // What is no JSON may hold values too.
        let done = feed(validate(&["--show-values"]), b"{\"ID\": \"4111 1111");
        assert!(!done.out.contains("4111"), "{}", done.out);
    }

    /// What is not JSON, and the place at which that shows.
    fn bad_lines() -> Vec<(&'static str, Vec<u8>, usize)> {
        let (deep_array, deep_object) = ("[".repeat(100_000), "{\"a\":".repeat(100_000));
        vec![
            ("truncated", VALID.as_bytes()[..40].to_vec(), 40),
            ("invalid UTF-8", b"{\"ID\":\"\xff\xfe\"}".to_vec(), 8),
            ("UTF-16", "{\"ID\":1}".encode_utf16().flat_map(u16::to_le_bytes).filter(|b| *b != b'\n').collect(), 2),
            ("nested arrays", deep_array.into_bytes(), 128),
            ("nested objects", deep_object.into_bytes(), 636),
            ("1e400", VALID.replace("10.10", "1e400").into_bytes(), 66),
            ("two byte order marks", format!("\u{feff}\u{feff}{VALID}").into_bytes(), 4),
            ("lone surrogate", br#"{"ID":"\ud800"}"#.to_vec(), 14),
            ("NUL", b"\0".to_vec(), 1),
            ("two payloads", format!("{VALID} {VALID}").into_bytes(), VALID.len() + 2),
        ]
    }

    #[test]
    fn bad_input_is_an_error_with_its_place() {
        for (what, payload, column) in bad_lines() {
            let done = feed(validate(&["--format", "json"]), &payload);
            assert_eq!((done.status, done.err.as_str()), (1, ""), "{what}");
            let object = &objects(&done.out)[0];
            assert_eq!((&object["valid"], &object["error"]["line"]), (&json!(false), &json!(1)), "{what}");
            assert_eq!(object["error"]["column"], column, "{what}: {object}");
        }
        let done = feed(validate(&[]), b"");
        assert_eq!(
            (done.status, done.out.as_str()),
            (1, "-:1:0: the text is not JSON: it ends where a value is expected\n")
        );
        let done = feed(validate(&[]), b"{\n  \"ID\": 1,\n}");
        assert_eq!(
            (done.status, done.out.as_str()),
            (1, "-:3:1: the text is not JSON: there is a comma after the last value\n")
        );
    }

    #[test]
    fn after_bad_input_the_next_payload_is_validated() {
        let (mut input, mut expected) = (Vec::new(), Vec::new());
        for (index, (_, payload, _)) in bad_lines().into_iter().enumerate() {
            input.extend([&payload, b"\n".as_slice(), VALID.as_bytes(), b"\n"].concat());
            let line = 2 * index as u64 + 1;
            expected.extend([(line, false, true), (line + 1, true, false)]);
        }
        let done = feed(validate(&["--ndjson", "--format", "json"]), &input);
        assert_eq!((done.status, outcomes(&done.out)), (1, expected));
        assert!(objects(&done.out).iter().all(|object| object["error"]["line"] == json!(1) || object["valid"] == true));
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        let payload = format!("\u{feff}{VALID}");
        let done = feed(validate(&[]), payload.as_bytes());
        assert_eq!((done.status, done.out.as_str()), (0, "-: valid\n"));
        let done = feed(validate(&["--ndjson"]), format!("{payload}\n{VALID}\n").as_bytes());
        assert_eq!((done.status, done.out.as_str()), (0, "2 valid, 0 invalid\n"));
        let done = feed(validate(&[]), "\u{feff}{x".as_bytes());
        assert_eq!(
            (done.status, done.out.as_str()),
            (1, "-:1:5: the text is not JSON: the name of a member in double quotes is expected\n")
        );
    }

    #[test]
    fn lines_may_end_in_lf_or_cr_lf() {
        let input = format!("\r\n{VALID}\r\n\n  \t\n{VALID}\n{{}}\n\n{VALID}");
        let done = feed(validate(&["--ndjson", "--format", "json"]), input.as_bytes());
        let expected = vec![(2, true, false), (5, true, false), (6, false, false), (8, true, false)];
        assert_eq!((done.status, outcomes(&done.out)), (1, expected));
        let nothing = feed(validate(&["--ndjson"]), b"\n\n");
        assert_eq!((nothing.status, nothing.out.as_str()), (0, "0 valid, 0 invalid\n"));
    }

    #[test]
    fn the_maximum_size_of_a_payload_is_exact() {
        let long = VALID.replace("Brenda", "Brenda Brenda");
        let input = format!("{VALID}\n{VALID}\r\n{long}\n{VALID}\n{long}\r\n{VALID}");
        let max_bytes = VALID.len().to_string();
        let arguments = ["--ndjson", "--format", "json", "--max-bytes", &max_bytes];
        let done = feed(validate(&arguments), input.as_bytes());
        let valid = [true, true, false, true, false, true];
        let expected = valid.iter().zip(1..).map(|(valid, line)| (line, *valid, !valid)).collect::<Vec<_>>();
        assert_eq!((done.status, outcomes(&done.out)), (1, expected));
        let message = format!("longer than {max_bytes} bytes");
        let place = json!({"line": 1, "column": VALID.len() + 1, "message": message});
        assert_eq!(objects(&done.out)[2]["error"], place);
        // The last line, without end.
        let done = feed(validate(&arguments), long.as_bytes());
        assert_eq!(outcomes(&done.out), [(1, false, true)]);

        let done = feed(validate(&["--max-bytes", &max_bytes]), VALID.as_bytes());
        assert_eq!((done.status, done.out.as_str()), (0, "-: valid\n"));
        let done = feed(validate(&["--max-bytes", "10"]), b"{\n\"ID\":\n\"12345\"}");
        assert_eq!((done.status, done.out.as_str()), (1, "-:3:3: longer than 10 bytes\n"));
        assert_eq!(feed(validate(&["--max-bytes", "0"]), b"").status, 2);
    }

    #[test]
    fn results_are_in_input_order() {
        // Longer and shorter than what is read at once.
        let mut input = String::new();
        let mut expected = Vec::new();
        for line in 1..=9_000 {
            let valid = line % 7 != 0;
            let creator = if line % 3_000 == 0 { "B".repeat(3 << 20) } else { "B".repeat(line % 90 + 1) };
            input += &if valid { VALID.to_owned() } else { text_amount() }.replace("Brenda", &creator);
            input.push('\n');
            expected.push((line as u64, valid, false));
        }
        for threads in ["1", "2", "7"] {
            let mut command = validate(&["--ndjson", "--format", "json"]);
            let done = feed(
                {
                    command.env("RAYON_NUM_THREADS", threads);
                    command
                },
                input.as_bytes(),
            );
            assert_eq!(done.status, 1);
            assert!(outcomes(&done.out) == expected, "{threads} threads");
        }
    }

    #[test]
    fn unreadable_files_are_2_and_the_others_are_validated() {
        let directory = directory("unreadable");
        fs::write(directory.join("valid.json"), VALID).unwrap();
        fs::write(directory.join("amount.json"), text_amount()).unwrap();
        let run = |files: &[&str]| {
            let mut command = validate(files);
            feed(
                {
                    command.current_dir(&directory);
                    command
                },
                b"",
            )
        };
        let done = run(&["missing.json", "valid.json", ".", "amount.json"]);
        assert_eq!(done.status, 2);
        assert_eq!(done.out, "valid.json: valid\namount.json: /Amount: value is not of type \"number\" (type)\n");
        let errors: Vec<_> = done.err.lines().collect();
        assert!(errors[0].starts_with("error: missing.json: "), "{errors:?}");
        assert!(errors[1].starts_with("error: .: ") && errors.len() == 2, "{errors:?}");
        assert_eq!(run(&["missing.json", "valid.json"]).status, 2);
        assert_eq!(run(&["valid.json", "amount.json", "valid.json"]).status, 1);
        let done = run(&["--ndjson", "valid.json", "missing.json", "amount.json", "valid.json"]);
        assert_eq!(done.status, 2);
        assert_eq!(done.out, "amount.json:1: /Amount: value is not of type \"number\" (type)\n2 valid, 1 invalid\n");
    }

    #[test]
    fn a_report_is_always_one_line() {
        let directory = directory("line");
        let file = "a\nb\u{1b}[31m.json";
        fs::write(directory.join(file), "{\"Amount\":").unwrap();
        let mut command = validate(&[file]);
        let done = feed(
            {
                command.current_dir(&directory);
                command
            },
            b"",
        );
        assert_eq!(done.out, "a\\nb\\u{1b}[31m.json:1:10: the text is not JSON: it ends where a value is expected\n");
    }

    /// Reads what arrives before more does.
    #[test]
    fn results_do_not_wait_for_the_end() {
        let mut child = validate(&["--ndjson", "--format", "json"]).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut results = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in 1..=3 {
            writeln!(stdin, "{VALID}").unwrap();
            let result = results.next().unwrap().unwrap();
            assert_eq!(outcomes(&result), [(line, true, false)]);
        }
        drop(stdin);
        assert!(results.next().is_none());
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }

    #[cfg(target_os = "linux")]
    fn peak_memory(child: &Child) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_line_of_100_mb_is_not_kept() {
        let mut child = validate(&["--ndjson"]).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut results = BufReader::new(child.stdout.take().unwrap()).lines();
        // The program itself, whose size depends on the providers, is not what grows with a line.
        writeln!(stdin, "{}", text_amount()).unwrap();
        assert!(results.next().unwrap().unwrap().starts_with("-:1: /Amount: "));
        let before = peak_memory(&child);
        let megabyte = vec![b' '; 1_000_000];
        for _ in 0..100 {
            stdin.write_all(&megabyte).unwrap();
        }
        write!(stdin, "\n{}\n", text_amount()).unwrap();
        let lines: Vec<_> = results.by_ref().take(2).map(Result::unwrap).collect();
        let grown = peak_memory(&child) - before;
        assert_eq!(lines[0], "-:2:16777217: longer than 16777216 bytes");
        assert!(lines[1].starts_with("-:3: /Amount: "));
        // A buffer of the longest payload, and its copy while it grows.
        assert!(grown < 34 << 20, "{} MiB", grown >> 20);
        drop(stdin);
        assert_eq!(results.next().unwrap().unwrap(), "0 valid, 3 invalid");
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_endless_file_is_too_long() {
        let done = feed(validate(&["/dev/zero", "-"]), VALID.as_bytes());
        assert_eq!(
            (done.status, done.out.as_str()),
            (1, "/dev/zero:1:16777217: longer than 16777216 bytes\n-: valid\n")
        );
    }

    #[test]
    fn a_closed_output_ends_quietly() {
        let input = format!("{}\n", text_amount()).repeat(3_000);
        for format in ["human", "json"] {
            let mut child = validate(&["--ndjson", "--format", format]).spawn().unwrap();
            drop(child.stdout.take());
            let mut stdin = child.stdin.take().unwrap();
            _ = stdin.write_all(input.as_bytes());
            drop(stdin);
            let Output { status, stderr, .. } = child.wait_with_output().unwrap();
            assert_eq!((status.code(), stderr.as_slice()), (Some(1), &b""[..]));
        }
        for arguments in
            [&["spec", "dealpos"][..], &["schema", "dealpos"], &["example", "mypos", "pos.payment.completed"]]
        {
            let mut child = command(arguments).spawn().unwrap();
            drop(child.stdout.take());
            let Output { status, stderr, .. } = child.wait_with_output().unwrap();
            assert_eq!((status.code(), stderr.as_slice()), (Some(0), &b""[..]));
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_output_that_cannot_be_written_is_2() {
        for arguments in [&["spec", "dealpos"][..], &["validate", "dealpos", "paymentCreated"]] {
            let mut command = command(arguments);
            command.stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
            let done = feed(command, VALID.as_bytes());
            assert_eq!(done.status, 2);
            assert!(done.err.starts_with("error: standard output: "), "{}", done.err);
        }
    }
}

mod look {
    use super::*;
    use crate::run::directory;

    #[test]
    fn help() {
        for (name, arguments) in [
            ("help", &["--help"][..]),
            ("help_validate", &["validate", "--help"]),
            ("help_validate_short", &["validate", "-h"]),
            ("help_schema", &["schema", "--help"]),
            ("help_spec", &["spec", "--help"]),
            ("help_example", &["example", "--help"]),
        ] {
            let done = run(arguments);
            assert_eq!((done.status, done.err.as_str()), (0, ""));
            insta::assert_snapshot!(name, of_shown(&done.out));
        }
    }

    #[test]
    fn errors() {
        let calls = [
            &["validate", "deal", "paymentCreated"][..],
            &["validate", "dealpos", "paymentcreated"],
            &["example", "mipos", "create_webhook.400"],
            &["example", "mipos", "create_webhook.409", "--example", "url_mising"],
            &["validate", "dealpos", "paymentCreated", "--max-bytes", "-1"],
        ];
        let errors = calls.map(|call| format!("$ pos-webhooks {}\n{}", call.join(" "), of_shown(&run(call).err)));
        insta::assert_snapshot!("errors", errors.join("\n"));
    }

    #[test]
    fn output() {
        let calls = [
            &["schema", "dealpos"][..],
            &["schema", "mipos"],
            &["schema", "vipps", "user.checked-in.v1"],
            &["example", "mipos", "ORDER", "--format", "human"],
            &["example", "mipos", "create_webhook.409", "--format", "human"],
            &["example", "mipos", "create_webhook.409", "--format", "json"],
            &["example", "dealpos", "paymentWriteoff"],
            &["spec", "mipos", "--omitted"],
            &["spec", "mipos", "--omitted", "--format", "json"],
        ];
        let outputs = calls.map(|call| format!("$ pos-webhooks {}\n{}", call.join(" "), run(call).out));
        insta::assert_snapshot!("output", outputs.join("\n"));
    }

    #[test]
    fn validate() {
        let directory = directory("look");
        let payments = [
            r#"{"ID":"1","InvoiceID":"2","Outlet":"O","Number":"3","Amount":1,"Method":"Cash","Date":"2020-07-01","Created":"2020-07-31","Creator":"Brenda"}"#,
            r#"{"ID":"","InvoiceID":"2","Outlet":"O","Number":"3","Amount":"10.10","Method":"Cash","Date":"1 July","Creator":"Brenda"}"#,
            r#"[]"#,
            r#"{"ID":"1","#,
        ];
        for (payment, file) in payments.iter().zip(["a.json", "b.json", "c.json", "d.json"]) {
            fs::write(directory.join(file), payment).unwrap();
        }
        fs::write(directory.join("payments.ndjson"), payments.join("\n")).unwrap();
        let mut shown = String::new();
        for arguments in [
            &["a.json", "b.json", "c.json", "d.json"][..],
            &["b.json", "c.json", "--show-values"],
            &["--ndjson", "payments.ndjson"],
            &["--ndjson", "payments.ndjson", "--format", "json"],
        ] {
            let arguments = [&["validate", "dealpos", "paymentCreated"][..], arguments].concat();
            let mut command = command(&arguments);
            let done = feed(
                {
                    command.current_dir(&directory);
                    command
                },
                b"",
            );
            assert_eq!(done.err, "");
            shown += &format!("$ pos-webhooks {}\n{}exit status {}\n\n", arguments.join(" "), done.out, done.status);
        }
        insta::assert_snapshot!("validate", shown);
    }
}
