//! `verify` takes a whole request and headers as JSON, says what is proven, and has results for programs.

#[path = "cli/run.rs"]
mod run;

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::run::{Done, command, directory, feed, run};

const SECRET: &str = "c2VjcmV0-of-the-shop==";
const URL: &str = "https://shop.example:8443/hooks/captured";
const TIME: &str = "2026-11-21T12:00:00Z";

struct Delivery {
    folder: PathBuf,
    headers: String,
    body: String,
}

impl Delivery {
    fn new(test: &str) -> Self {
        let folder = directory("verify request").join(test);
        fs::create_dir_all(&folder).unwrap();
        let body = run(&["example", "vipps", "epayments.payment.captured.v1"]).out.trim_end().to_owned();
        let delivery = Self { folder, headers: String::new(), body };
        delivery.write("secret.txt", SECRET);
        delivery.write("old.txt", "another");
        delivery.write("body.json", &delivery.body);
        let sign = ["sign", "vipps", "--secret-file", "secret.txt", "--url", URL, "--at", TIME, "body.json"];
        let headers = delivery.run(&sign).out;
        Self { headers, ..delivery }
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.join(name), content).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Done {
        let mut command = command(arguments);
        command.current_dir(&self.folder);
        feed(command, b"")
    }

    fn verify(&self, options: &[&str]) -> Done {
        let own = ["verify", "vipps", "--url", URL, "--at", "2026-11-21T12:00:03Z", "--secret-file", "secret.txt"];
        let done = self.run(&[&own, options].concat());
        assert!(!format!("{}{}", done.out, done.err).contains(SECRET), "{}", done.out);
        done
    }

    fn verify_request(&self, request: impl AsRef<[u8]>) -> Done {
        self.write("request.http", request);
        self.verify(&["--request", "request.http"])
    }
}

#[test]
fn a_whole_request_is_one_file() {
    let delivery = Delivery::new("whole");
    let (headers, body) = (&delivery.headers, &delivery.body);
    let with_crlf = headers.replace('\n', "\r\n");
    let length = body.len();
    let (start, end) = body.split_at(20);
    let chunks = format!("14\r\n{start}\r\n{:x}\r\n{end}\r\n0\r\n\r\n", end.len());
    for request in [
        format!("POST /hooks/captured HTTP/1.1\r\n{with_crlf}\r\n{body}"),
        format!("{headers}\n{body}"),
        // An editor has added a newline.
        format!("POST /hooks/captured HTTP/1.1\n{headers}Content-Length: {length}\n\n{body}\n"),
        format!("POST /hooks/captured HTTP/1.1\r\n{with_crlf}Transfer-Encoding: chunked\r\n\r\n{chunks}"),
        // What was captured behind something that has joined the chunks.
        format!("POST /hooks/captured HTTP/1.1\r\n{with_crlf}Transfer-Encoding: chunked\r\n\r\n{body}"),
    ] {
        let done = delivery.verify_request(&request);
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{request}: {}", done.out);
    }
    let done = delivery.verify_request(format!("{headers}\n{}", body.replace(':', ": ")));
    assert!(done.status == 1 && done.out.starts_with("refused\nfailed step: content hash\n"), "{}", done.out);
}

#[test]
fn a_file_that_is_not_a_request_is_an_error() {
    let delivery = Delivery::new("broken");
    for (request, expected) in [
        (delivery.headers.clone(), "there is no blank line between the headers and the body"),
        (delivery.body.clone(), "there is no blank line between the headers and the body"),
        (String::new(), "there is no blank line between the headers and the body"),
        ("no header\n\n{}".to_owned(), "line 1: not of the form `Name: value`"),
    ] {
        let done = delivery.verify_request(&request);
        assert!(done.status == 2 && done.err.contains(expected), "{request}: {}", done.err);
    }
    let both = delivery.verify(&["--request", "request.http", "--headers", "headers.txt"]);
    assert!(both.status == 2 && both.err.contains("cannot be used with"), "{}", both.err);
    let neither = delivery.verify(&["body.json"]);
    assert!(neither.status == 2 && neither.err.contains("--headers <HEADERS>"), "{}", neither.err);
}

#[test]
fn headers_can_be_a_json_object() {
    let delivery = Delivery::new("json");
    let pairs: Vec<_> = delivery.headers.lines().map(|line| line.split_once(": ").unwrap()).collect();
    let texts: Value =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>().into();
    let lists: Value = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!([value])))
        .collect::<serde_json::Map<_, _>>()
        .into();
    for headers in [texts.to_string(), format!("{lists:#}"), format!("\u{feff}{texts}")] {
        delivery.write("headers.json", &headers);
        let done = delivery.verify(&["--headers", "headers.json", "body.json"]);
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{headers}: {}", done.out);
    }
    for broken in ["{\"a\": {}}", "{\"a\": \"b\\nhost: c\"}", "{\"a\": ", "{\"a b\": \"c\"}"] {
        delivery.write("headers.json", broken);
        let done = delivery.verify(&["--headers", "headers.json", "body.json"]);
        assert!(done.status == 2 && done.err.starts_with("error: headers.json: line 1: "), "{broken}: {}", done.err);
    }
}

#[test]
fn a_verified_delivery_says_what_is_proven() {
    let delivery = Delivery::new("proven");
    delivery.write("headers.txt", &delivery.headers);
    let options = ["--secret-file", "old.txt", "--headers", "headers.txt", "body.json"];
    let human = delivery.verify(&options);
    assert_eq!((human.status, human.err.as_str()), (0, ""), "{}", human.out);
    for expected in [
        "verified with the secret of secret.txt\n",
        "secret: number 1 of 2\n",
        "signed at: 2026-11-21T12:00:00Z, 3 s ago, within the replay window of 300 s\n",
        "signed string: these lines, with escapes\n  \"POST\\n\"\n",
    ] {
        assert!(human.out.contains(expected), "{expected}: {}", human.out);
    }
    let json = delivery.verify(&[&options[..], &["--format", "json"]].concat());
    assert_eq!((json.status, json.err.as_str(), json.out.lines().count()), (0, "", 1));
    let mut verified: Value = serde_json::from_str(&json.out).unwrap();
    assert!(verified["signed"].take().as_str().unwrap().starts_with("POST\n/hooks/captured\n"));
    assert!(verified["proof"].take().as_str().unwrap().len() > 20);
    let expected = json!({
        "verified": true,
        "provider": "vipps",
        "event": null,
        "secret": {"number": 1, "of": 2, "file": "secret.txt"},
        "signed": null,
        "signed_at": TIME,
        "age_seconds": 3,
        "replay_window_seconds": 300,
        "proof": null,
    });
    assert_eq!(verified, expected);
}

#[test]
fn a_refused_delivery_has_the_step_and_the_hints_in_json() {
    let delivery = Delivery::new("refused");
    delivery.write("headers.txt", &delivery.headers);
    delivery.write("body.json", format!("{}\n", delivery.body));
    let done = delivery.verify(&["--headers", "headers.txt", "--format", "json", "body.json"]);
    assert_eq!((done.status, done.err.as_str()), (1, ""));
    let refused: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((&refused["verified"], &refused["step"]), (&json!(false), &json!("content hash")));
    let hints = refused["hints"].as_array().unwrap();
    assert!(hints.iter().any(|hint| hint.as_str().unwrap().ends_with(", it passes")), "{refused}");
    assert_eq!(refused["tried_without_success"], json!([]));
}

#[test]
fn a_delivery_without_a_proof_of_origin_is_not_verified_in_json() {
    let folder = directory("verify request");
    fs::write(folder.join("unsigned.http"), "Host: a\n\n{}").unwrap();
    let mut command = command(&["verify", "dealpos", "--request", "unsigned.http", "--format", "json"]);
    command.current_dir(&folder);
    let done = feed(command, b"");
    assert_eq!(done.status, 1, "{}", done.err);
    let result: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(result["verified"], json!(false));
    assert!(result["error"].as_str().unwrap().contains("no proof"), "{result}");
}

#[test]
fn a_body_that_may_be_incomplete_is_a_warning() {
    let delivery = Delivery::new("incomplete");
    let (headers, body) = (delivery.headers.replace('\n', "\r\n"), &delivery.body);
    let request = |more: &str, body: &str| format!("POST /hooks/captured HTTP/1.1\r\n{headers}{more}\r\n{body}");
    let length = body.len();
    let cut = format!("{:x}\r\n{}", length + 1, body);
    for (more, body, reason) in [
        ("Content-Length: 1000000\r\n", body.as_str(), "`content-length` is 1000000, and there are"),
        ("Content-Length: many\r\n", body, "`content-length` is not a number"),
        ("Content-Length: -1\r\n", body, "`content-length` is not a number"),
        ("Content-Length: 1\r\nContent-Length: 2\r\n", body, "several headers `content-length`"),
        ("Transfer-Encoding: chunked\r\n", &cut, "the chunks of the body are cut"),
    ] {
        let done = delivery.verify_request(request(more, body));
        assert!(done.err.starts_with("warning: --request: ") && done.err.contains(reason), "{more}: {}", done.err);
    }
    let twice = format!("Content-Length: {length}\r\nContent-Length: {length}\r\n");
    let done = delivery.verify_request(request(&twice, body));
    assert_eq!((done.status, done.err.as_str()), (0, ""), "{}", done.out);
}

#[test]
fn headers_can_be_a_list_as_programs_export_it() {
    let delivery = Delivery::new("list");
    let headers: Vec<_> = delivery.headers.lines().map(|line| line.split_once(": ").unwrap()).collect();
    let pairs = json!(headers);
    let named: Vec<_> = headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    for list in [pairs, json!(named)] {
        delivery.write("headers.json", list.to_string());
        let done = delivery.verify(&["--headers", "headers.json", "body.json"]);
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{list}: {}", done.out);
    }
    for wrong in ["[1]", r#"["a: b"]"#, r#"[{"key":"a"}]"#, "[["] {
        delivery.write("headers.json", wrong);
        let done = delivery.verify(&["--headers", "headers.json", "body.json"]);
        assert_eq!(done.status, 2);
        assert!(
            done.err.contains("line 1: ") && done.err.contains("as objects with `name` and `value`"),
            "{}",
            done.err
        );
    }
}
