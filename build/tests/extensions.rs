//! Tests that the build reads every key of `x-signature`, `x-registration`, `x-token`, `x-redelivery`, `x-omitted` and
//! `x-differences`, that it reads the specifications as reviewed, and that the numbers of redeliveries are the same in
//! prose and in data.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use pos_webhooks_build::redelivery::Redelivery;
use pos_webhooks_build::spec::Spec;
use pos_webhooks_build::token::TokenPlace;
use pos_webhooks_build::{fidelity, load, redelivery, registration, signature, spec, token};
use serde_json::json;

/// The root of the workspace.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The specifications of the package, by file name.
fn specs() -> Vec<(String, Spec)> {
    let files = fs::read_dir(root().join("specs")).expect("the specifications");
    let mut specs: Vec<(String, Spec)> = files
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).expect("a file in UTF-8");
            let document = load::load(&name, &text).unwrap_or_else(|findings| panic!("{findings:?}"));
            (name, spec::read(&document).unwrap_or_else(|finding| panic!("{finding}")))
        })
        .collect();
    specs.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert!(!specs.is_empty());
    specs
}

fn yaml(text: &str) -> load::Node {
    load::load("test.yaml", text).unwrap_or_else(|findings| panic!("{findings:?}")).root
}

#[test]
fn the_specifications_are_read_as_reviewed() {
    for (name, spec) in specs() {
        let Spec { verification, registration, redelivery, credential, .. } = spec;
        let read = json!({
            "verification": verification,
            "registration": registration,
            "redelivery": redelivery,
            "token": credential.map(|credential| credential.grants),
        });
        insta::with_settings!({ omit_expression => true }, { insta::assert_json_snapshot!(name, read) });
    }
}

#[test]
fn every_key_of_a_signature_is_read() {
    let read = |text| serde_json::to_value(signature::read(&yaml(text)).expect("a signature")).expect("JSON");
    let least = read("{header: X-Signature, algorithm: hmac-sha1, encoding: hex}");
    let scheme = json!({
        "name": null, "description": "", "optional": null, "credential": null, "headers": ["X-Signature"], "form": ["signature"],
        "separator": null, "repeated": false, "algorithm": "hmac-sha1", "encoding": "hex",
        "key": {"encoding": "text", "prefix": "", "hash": null}, "signed": [["body"]], "digest": null, "time": null,
        "id": null,
    });
    assert_eq!(least, json!({ "signatures": [scheme] }));
    let most = read(
        "- {name: v1, description: D., optional: O., credential: c, header: [A, B], form: 't={time},v1={signature}', separator: ',',
            repeated: true, algorithm: hmac-sha512, encoding: base64url,
            key: {encoding: base64, prefix: 'a ', hash: sha256}, signed: {any: ['{id}.{body}', '{digest}']},
            digest: {algorithm: sha256, encoding: hex, header: D}, time: {format: seconds, window: 5}, id: {header: I}}
- {name: v2, header: A, algorithm: hmac-sha256, encoding: base64, signed: '{body/id}', unsigned: [body],
    digest: {algorithm: sha256, encoding: hex}, time: {member: /at, format: iso8601}, id: {header: [I, J]}}
- {name: v3, header: A, algorithm: hmac-sha256, encoding: base64, time: {header: [T, U], format: http-date}}",
    );
    let [one, two, three] = most["signatures"].as_array().expect("a list").as_slice() else { panic!("{most}") };
    let expected = json!({
        "name": "v1", "description": "D.", "optional": "O.", "credential": "c", "headers": ["A", "B"],
        "form": [{"text": "t="}, "time", {"text": ",v1="}, "signature"], "separator": ",", "repeated": true,
        "algorithm": "hmac-sha512", "encoding": "base64url",
        "key": {"encoding": "base64", "prefix": "a ", "hash": "sha256"},
        "signed": [["id", {"text": "."}, "body"], ["digest"]],
        "digest": {"algorithm": "sha256", "encoding": "hex", "header": "D"},
        "time": {"headers": [], "member": null, "format": "seconds", "window": 5}, "id": {"headers": ["I"]},
    });
    assert_eq!(*one, expected);
    assert_eq!(two["digest"], json!({ "algorithm": "sha256", "encoding": "hex", "header": null }));
    assert_eq!(two["time"], json!({ "headers": [], "member": "/at", "format": "iso8601", "window": null }));
    assert_eq!(two["id"], json!({ "headers": ["I", "J"] }));
    assert_eq!(three["time"], json!({ "headers": ["T", "U"], "member": null, "format": "http-date", "window": null }));
    assert_eq!(read("{none: Nobody signs.}"), json!({ "none": "Nobody signs." }));
    assert_eq!(read("{custom: A list in the body.}"), json!({ "custom": { "description": "A list in the body." } }));
}

#[test]
fn templates_become_parts() {
    let parts = |template| signature::parse(template).ok().map(|parts| serde_json::to_value(parts).expect("JSON"));
    for (template, expected) in [
        ("", json!([])),
        ("v0:{time}:{body}", json!([{"text": "v0:"}, "time", {"text": ":"}, "body"])),
        ("{body/a/~1b}.{body/}", json!([{"member": "/a/~1b"}, {"text": "."}, {"member": "/"}])),
        ("{body.without-spaces}{id}", json!(["body-without-spaces", "id"])),
        ("{method}\n{url}", json!(["method", {"text": "\n"}, "url"])),
        (
            "{url.host}{url.target}{url.path}{url.without-query}",
            json!(["url-host", "url-target", "url-path", "url-without-query"]),
        ),
        ("{digest}={header.X-Id}", json!(["digest", {"text": "="}, {"header": "X-Id"}])),
    ] {
        assert_eq!(parts(template), Some(expected), "{template}");
        let written: String = signature::parse(template).into_iter().flatten().map(|part| part.to_string()).collect();
        assert_eq!(written, template);
    }
    for template in
        ["{", "}", "{body", "body}", "{{body}}", "{}", "{Body}", "{body.x}", "{header.}", "{bodyx}", "{ body }"]
    {
        assert_eq!(parts(template), None, "{template}");
    }
}

#[test]
fn every_key_of_a_token_is_read() {
    let read = |text: &str| {
        let described = |_: &str, place: &TokenPlace| ("D.".to_owned(), matches!(place, TokenPlace::Password));
        serde_json::to_value(token::read(&yaml(text), described).expect("a grant")).expect("JSON")
    };
    let credential =
        |name, place, secret: bool| json!({ "name": name, "place": place, "description": "D.", "secret": secret });
    let least = json!({
        "name": null, "operation": "a", "credentials": [credential("id", json!({ "header": "X-Id" }), false)], "request": [],
        "token": "/t", "refresh-token": null, "expiry": null, "refresh": null,
    });
    assert_eq!(read("{operation: a, credentials: {id: {header: X-Id}}, token: /t}"), json!([least]));
    let most = json!({
        "name": "n",
        "operation": "a",
        "credentials": [
            credential("b", json!("user"), false),
            credential("a", json!("password"), true),
            credential("c", json!({ "member": "/c" }), false),
        ],
        "request": [{ "pointer": "/k", "json": "\"v\"" }, { "pointer": "/n", "json": "10.10" }],
        "token": "/t",
        "refresh-token": "/r",
        "expiry": { "after": "/s", "at": "/e", "format": "iso8601" },
        "refresh": {
            "operation": "r",
            "credentials": [{ "name": "c", "place": { "header": "C" } }],
            "request": [{ "pointer": "/k", "json": "true" }],
            "refresh-token": { "member": "/r" },
        },
    });
    let text = "{name: n, operation: a, credentials: {b: {basic: user}, a: {basic: password}, c: {member: /c}},
        request: {/k: v, /n: 10.10}, token: /t, refresh-token: /r, expires: {after: /s, at: /e, format: iso8601},
        refresh: {operation: r, credentials: {c: {header: C}}, request: {/k: true}, refresh-token: {member: /r}}}";
    let list = format!("[{text}, {{operation: a, credentials: {{id: {{header: X-Id}}}}, token: /t}}]");
    assert_eq!(read(&list), json!([most, least]));
}

#[test]
fn every_key_of_registration_and_redelivery_is_read() {
    let text = "{secret: chosen, create: {operation: a, request: {url: /url}, answer: {id: /id}},
        list: {operation: b, items: '', page: p}, get: {operation: c, parameters: {id: x}}, update: {operation: d},
        delete: {operation: e}, subscriptions: {events: {operation: f}, create: {operation: g}, list: {operation: h},
        get: {operation: i}, update: {operation: j}, delete: {operation: k}, test: {operation: l}}}";
    let call = |operation| json!({ "operation": operation, "parameters": {}, "request": {}, "items": null, "page": null, "answer": {} });
    let with = |operation, key: &str, value| {
        let mut call = call(operation);
        call[key] = value;
        call
    };
    let mut create = with("a", "request", json!({ "url": "/url" }));
    create["answer"] = json!({ "id": "/id" });
    let mut list = with("b", "items", json!(""));
    list["page"] = json!("p");
    let read = |text| serde_json::to_value(registration::read(&yaml(text))).expect("JSON");
    assert_eq!(
        read(text),
        json!({
            "secret": "chosen", "create": create, "list": list, "get": with("c", "parameters", json!({ "id": "x" })),
            "update": call("d"), "delete": call("e"),
            "subscriptions": {
                "events": call("f"), "create": call("g"), "list": call("h"), "get": call("i"), "update": call("j"),
                "delete": call("k"), "test": call("l"),
            },
        })
    );
    let least = json!({
        "secret": "chosen", "create": call("a"), "list": null, "get": null, "update": null, "delete": null,
        "subscriptions": {
            "events": null, "create": call("b"), "list": null, "get": null, "update": null, "delete": null, "test": null,
        },
    });
    assert_eq!(read("{secret: chosen, create: {operation: a}, subscriptions: {create: {operation: b}}}"), least);
    let read = |text| serde_json::to_value(registration::of_event(&yaml(text))).expect("JSON");
    let least = json!({ "operation": "a", "url": "/url", "request": [] });
    assert_eq!(read("{operation: a, url: /url}"), least);
    let request = json!([{ "pointer": "/type", "json": "\"1\"" }]);
    let most = json!({ "operation": "a", "url": "/url", "request": request });
    assert_eq!(read("{operation: a, url: /url, request: {/type: '1'}}"), most);
    let text = "{answer-within: 5, description: D., failures: [none, 408, '409', 5XX], assumed: true,
        schedule: [{attempts: 3, every: 2}, {every: 60}], give-up-after: 3600, holds-back: [/id, /shop],
        removed-after: 7200}";
    let read = |text| serde_json::to_value(redelivery::read(&yaml(text))).expect("JSON");
    assert_eq!(
        read(text),
        json!({
            "answer-within": 5, "description": "D.", "failures": ["none", "408", "409", "5XX"],
            "schedule": [{ "attempts": 3, "every": 2 }, { "attempts": null, "every": 60 }], "give-up-after": 3600,
            "holds-back": ["/id", "/shop"], "removed-after": 7200, "assumed": true,
        })
    );
    let least = json!({
        "answer-within": null, "description": "D.", "failures": [], "schedule": [], "give-up-after": null,
        "holds-back": [], "removed-after": null, "assumed": false,
    });
    assert_eq!(read("{description: D.}"), least);
}

#[test]
fn every_key_of_omissions_and_differences_is_read() {
    let text = "[{what: 'A header.', sources: [A, B], why: Nothing has it., while: {/paths/~1a: {present: false}}}]";
    assert_eq!(
        serde_json::to_value(fidelity::omitted(&yaml(text)).expect("a list")).expect("JSON"),
        json!([{ "what": "A header.", "sources": ["A", "B"], "why": "Nothing has it." }])
    );
    let text = "[{at: Order, sources: [A], documents: Two names., specification: Both., while: {/openapi: 3.0.3}},
        {at: [Order, /info], sources: [A], documents: No name., specification: One.}]";
    assert_eq!(
        serde_json::to_value(fidelity::differences(&yaml(text)).expect("a list")).expect("JSON"),
        json!([
            { "at": ["Order"], "sources": ["A"], "documents": "Two names.", "specification": "Both." },
            { "at": ["Order", "/info"], "sources": ["A"], "documents": "No name.", "specification": "One." },
        ])
    );
}

/// A number in a text about redeliveries.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Number {
    /// A duration in seconds.
    Seconds(u64),
    /// An attempt, counted from 1.
    Attempt(u64),
    /// The number of redeliveries.
    Again(u64),
    /// A status or a class of statuses.
    Status(String),
}

/// Every number in a text, whether it is in digits or a word.
fn numbers(text: &str) -> BTreeSet<Number> {
    const WORDS: [&str; 13] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    let mut found = BTreeSet::new();
    // Numbers whose unit follows later, as in `60 and 120 seconds`. The word `one` need not be a number.
    let mut pending: Vec<(u64, bool)> = Vec::new();
    let mut before = "";
    let words = text.split(|c: char| c.is_whitespace() || ",.;:()|".contains(c)).filter(|word| !word.is_empty());
    for word in words.chain(["(end)"]) {
        let digits: Option<u64> = word.parse().ok();
        let number =
            digits.or_else(|| WORDS.iter().zip(0..).find(|(name, _)| **name == word).map(|(_, number)| number));
        let unit = match word.trim_end_matches('s') {
            "" | "second" => Some(1),
            "minute" => Some(60),
            "hour" => Some(3600),
            "day" => Some(86_400),
            "week" => Some(7 * 86_400),
            _ => None,
        };
        let class = word.strip_suffix("xx").filter(|class| class.len() == 1);
        match (number, unit, word) {
            (Some(number), _, _) if before == "attempt" => drop(found.insert(Number::Attempt(number))),
            (Some(number), _, _) => pending.push((number, digits.is_some())),
            (None, Some(unit), _) => {
                found.extend(pending.drain(..).map(|(number, _)| Number::Seconds(number * unit)));
            }
            (None, None, "and" | "or") => {}
            (None, None, _) => {
                for (status, _) in pending.drain(..).filter(|(_, is_certain)| *is_certain) {
                    assert!((100..600).contains(&status), "{status} in {text:?} is of nothing that is known");
                    found.insert(Number::Status(status.to_string()));
                }
                found.extend(class.map(|class| Number::Status(format!("{class}XX"))));
                found.extend(match word {
                    "once" => Some(Number::Again(1)),
                    "twice" => Some(Number::Again(2)),
                    "hourly" => Some(Number::Seconds(3600)),
                    "daily" => Some(Number::Seconds(86_400)),
                    _ => None,
                });
            }
        }
        before = word;
    }
    found
}

/// Every number that the data has.
fn data(redelivery: &Redelivery) -> BTreeSet<Number> {
    let Redelivery { answer_within, failures, schedule, give_up_after, removed_after, .. } = redelivery;
    let mut known: BTreeSet<Number> = failures.iter().cloned().map(Number::Status).collect();
    known.extend(
        answer_within.iter().chain(give_up_after).chain(removed_after).map(|seconds| Number::Seconds(*seconds)),
    );
    let mut attempts = Some(1);
    for step in schedule {
        known.insert(Number::Seconds(step.every));
        attempts = attempts.zip(step.attempts).map(|(before, more)| before + more);
        known.extend(attempts.map(Number::Attempt));
    }
    known.extend(attempts.map(|all| Number::Again(all - 1)));
    known
}

fn assert_known(text: &str, known: &BTreeSet<Number>) {
    for number in numbers(text) {
        let is_known = match &number {
            Number::Status(status) => {
                status.starts_with('2') || known.contains(&Number::Status(format!("{}XX", &status[..1])))
            }
            _ => false,
        };
        assert!(is_known || known.contains(&number), "{number:?} of {text:?} is not in the data: {known:?}");
    }
}

#[test]
fn numbers_are_found_in_prose() {
    use Number::{Again, Attempt, Seconds, Status};
    let status = |text: &str| Status(text.to_owned());
    for (text, expected) in [
        ("within 10 s, then 60 and 120 seconds", vec![Seconds(10), Seconds(60), Seconds(120)]),
        (
            "two weeks, ten minutes; hourly, daily.",
            vec![Seconds(1_209_600), Seconds(600), Seconds(3600), Seconds(86_400)],
        ),
        ("once more up to attempt 29, of the second delivery", vec![Again(1), Attempt(29)]),
        ("after 408, 429 and 5xx (or 304)", vec![status("408"), status("429"), status("5XX"), status("304")]),
        ("nothing at all", vec![]),
    ] {
        assert_eq!(numbers(text), BTreeSet::from_iter(expected), "{text}");
    }
}

#[test]
fn prose_and_data_of_redeliveries_have_the_same_numbers() {
    for (name, spec) in specs() {
        let redelivery = spec.redelivery.expect(&name);
        let known = data(&redelivery);
        assert_known(&redelivery.description, &known);
        let times = |numbers: BTreeSet<Number>| -> BTreeSet<Number> {
            numbers.into_iter().filter(|number| matches!(number, Number::Seconds(_))).collect()
        };
        if !redelivery.assumed {
            assert_eq!(times(numbers(&redelivery.description)), times(known), "{name}");
        }
    }
}

#[test]
fn the_documentation_has_the_numbers_of_the_data() {
    let readme = fs::read_to_string(root().join("README.md")).expect("the README");
    let page = fs::read_to_string(root().join("docs/receiving.md")).expect("the page");
    let (_, table) = page.split_once("| provider | waits for | delivers again |").expect("the table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split('|').map(str::trim).collect()).collect();
    // Only the providers that the README lists.
    let listed = specs().into_iter().filter(|(name, _)| readme.contains(&format!("| `{name}` |")));
    let listed: Vec<(String, Spec)> = listed.collect();
    assert_eq!(rows.len(), listed.len());
    for (name, spec) in listed {
        let row = rows.iter().find(|row| spec.title.starts_with(row[1])).unwrap_or_else(|| panic!("no row for {name}"));
        let redelivery = spec.redelivery.expect(&name);
        let within = numbers(row[2]);
        assert_eq!(within, redelivery.answer_within.map(Number::Seconds).into_iter().collect(), "{name}");
        assert_known(row[3], &data(&redelivery));
    }
}

#[test]
fn the_documentation_lists_every_placeholder() {
    let page = fs::read_to_string(root().join("docs/extensions.md")).expect("the page");
    for (name, _) in signature::PLACEHOLDERS {
        assert!(page.contains(&format!("`{{{name}}}`")), "{name}");
    }
}
