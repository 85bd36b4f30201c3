//! Tests the commands `verify`, `sign` and `decode` of the binary.

#[path = "cli/run.rs"]
mod run;

use std::fs;
use std::path::PathBuf;

use pos_webhooks::PROVIDERS;
use serde_json::{Value, json};

use crate::run::{Done, command, directory, feed, of_shown, run};

const SECRET: &str = "c2VjcmV0-of-the-shop==";
const OLD_SECRET: &str = "b2xkLXNl-Y3JldA==";
const URL: &str = "https://shop.example:8443/hooks/paymentCreated?shop=1";
const TIME: &str = "2026-11-21T12:00:00Z";

/// The delivery that the Vipps documentation shows in full.
mod documented_vipps {
    pub const SECRET: &str = "A0+AeKBRG2KRGvnNwJpQlb6IJFk48CKXCIcrLoHncVJKDILsQSxS6NWCccwWm6r6FhGKhiHTBsG2wo/xU6FY/A==";
    pub const URL: &str = "https://webhook.site/e2cee29b-012e-4f1d-8ef4-e95fd74a7a63";
    pub const BODY: &str = r#"{"some-unique-content":"ee6e441b-cc4a-46f8-895d-a5af79bcc233/hello-world"}"#;
    pub const TIME: &str = "2023-03-30T08:38:32Z";
    pub const HEADERS: &str = "\
Host: webhook.site
x-ms-date: Thu, 30 Mar 2023 08:38:32 GMT
x-ms-content-sha256: lNlsp1XA03N34HrQsVzPgJKtC+r7l/RBF4V3JQUWMj4=
Authorization: HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=agAiSyogQbDHpeucoNwYz+yAr5nJ+v+zasdkSbqzv+U=
";
}

/// A directory with the files of one delivery.
struct Files(PathBuf);

impl Files {
    /// With `secret.txt` and `old.txt`.
    fn new(test: &str) -> Self {
        let files = Self(directory(test));
        files.write("secret.txt", SECRET);
        files.write("old.txt", OLD_SECRET);
        files
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), content).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Done {
        self.feed(arguments, b"")
    }

    /// No secret is ever shown.
    fn feed(&self, arguments: &[&str], input: &[u8]) -> Done {
        let mut command = command(arguments);
        command.current_dir(&self.0);
        let done = feed(command, input);
        for secret in [SECRET, OLD_SECRET, documented_vipps::SECRET] {
            assert!(
                !done.out.contains(secret) && !done.err.contains(secret),
                "{arguments:?}: {}{}",
                done.out,
                done.err
            );
        }
        done
    }
}

/// How the commands are used with one provider.
#[derive(Clone, Copy)]
struct Use {
    provider: &'static str,
    event: &'static str,
    /// `None` where there is nothing to sign.
    sign: Option<&'static [&'static str]>,
    verify: &'static [&'static str],
    decode: &'static [&'static str],
}

const VIPPS: Use = Use {
    provider: "vipps",
    event: "epayments.payment.captured.v1",
    sign: Some(&["--url", URL, "--at", TIME]),
    verify: &["--url", URL, "--at", TIME],
    decode: &[],
};

const MYPOS: Use = Use {
    provider: "mypos",
    event: "pos.payment.completed",
    sign: Some(&["--event", "pos.payment.completed", "--at", TIME]),
    verify: &[],
    decode: &["--headers", "headers.txt"],
};

const MIPOS: Use =
    Use { provider: "mipos", event: "ORDER", sign: Some(&[]), verify: &[], decode: &["--event", "ORDER"] };

const DEALPOS: Use =
    Use { provider: "dealpos", event: "paymentCreated", sign: None, verify: &[], decode: &["--url", URL] };

const USES: [Use; 4] = [VIPPS, MYPOS, MIPOS, DEALPOS];

impl Use {
    fn body(&self) -> &'static str {
        let provider = PROVIDERS.iter().find(|provider| provider.name == self.provider).unwrap();
        let event = provider.events.iter().find(|event| event.name == self.event).unwrap();
        event.payload.examples[0].json
    }

    /// A delivery of the documented example, in `headers.txt` and `body.json`.
    fn deliver(&self, files: &Files) {
        files.write("body.json", self.body());
        let headers = match self.sign {
            None => format!("X-API-Key: {SECRET}\n"),
            Some(options) => {
                let signed = files
                    .run(&[&["sign", self.provider, "--secret-file", "secret.txt"], options, &["body.json"]].concat());
                assert_eq!((signed.status, signed.err.as_str()), (0, ""));
                signed.out
            }
        };
        files.write("headers.txt", headers);
    }

    /// A delivery whose body is not the one that was signed.
    fn deliver_changed(&self, files: &Files, signed: impl AsRef<[u8]>, left: impl AsRef<[u8]>) {
        files.write("body.json", signed);
        let options = self.sign.unwrap();
        let signed =
            files.run(&[&["sign", self.provider, "--secret-file", "secret.txt"], options, &["body.json"]].concat());
        assert_eq!((signed.status, signed.err.as_str()), (0, ""));
        files.write("headers.txt", signed.out);
        files.write("body.json", left);
    }

    fn hints(&self, files: &Files) -> Vec<String> {
        let done = self.verify(files, &["--secret-file", "secret.txt"]);
        assert_eq!(done.status, 1, "{}: {}{}", self.provider, done.out, done.err);
        done.out.lines().filter_map(|line| line.strip_prefix("hint: ")).map(str::to_owned).collect()
    }

    fn verify(&self, files: &Files, options: &[&str]) -> Done {
        let options = [&["verify", self.provider, "--headers", "headers.txt"], self.verify, options].concat();
        files.run(&if options.contains(&"-") { options } else { [&options[..], &["body.json"]].concat() })
    }

    fn refused(&self, files: &Files, step: &str) -> String {
        let done = self.verify(files, &["--secret-file", "secret.txt"]);
        assert_eq!((done.status, done.err.as_str()), (1, ""), "{}", self.provider);
        let lines: Vec<_> = done.out.lines().take(2).collect();
        assert_eq!(lines, ["refused", &format!("failed step: {step}")], "{}", self.provider);
        done.out
    }
}

#[test]
fn a_signed_delivery_is_verified_and_decoded() {
    for it in USES {
        let files = Files::new(&format!("round trip {}", it.provider));
        it.deliver(&files);
        let verified = it.verify(&files, &["--secret-file", "secret.txt"]);
        assert_eq!((verified.status, verified.err.as_str()), (0, ""), "{}", verified.out);
        assert!(verified.out.starts_with("verified with the secret of secret.txt\n"), "{}", verified.out);
        let inferred = verified.out.contains("inferred, not documented");
        assert_eq!(inferred, it.provider == MIPOS.provider, "{}", verified.out);

        let decoded = files.run(&[&["decode", it.provider], it.decode, &["body.json"]].concat());
        assert_eq!((decoded.status, decoded.err.as_str()), (0, ""));
        let object: Value = serde_json::from_str(&decoded.out).unwrap();
        let key = object["idempotency_key"].as_str();
        assert!(key.is_none_or(|key| key.len() == 64), "{key:?}");
        assert_eq!(key.is_some(), matches!(it.provider, "vipps" | "mipos" | "dealpos"), "{}", it.provider);
        let expected = format!(
            "{{\"event\":\"{}\",\"known\":true,\"idempotency_key\":{},\"payload\":{}}}\n",
            it.event,
            object["idempotency_key"],
            it.body()
        );
        assert_eq!(decoded.out, expected);
    }
}

#[test]
fn the_event_chooses_the_signature_that_is_its_own() {
    let files = Files::new("own signature");
    let of_market: &[&str] = &["--event", "MARKET_MENU"];
    let of_logistics: &[&str] = &["--event", "LOGISTICS_REQUEST"];
    for (options, header, inferred) in
        [(of_market, "auth-anton-x: ", true), (of_logistics, "X-Signature-Request: ", false)]
    {
        let event = options[1];
        let it = Use { provider: "mipos", event, sign: Some(options), verify: options, decode: options };
        it.deliver(&files);
        let signed = fs::read_to_string(files.0.join("headers.txt")).unwrap();
        assert!(signed.starts_with(header) && signed.lines().count() == 1, "{signed}");
        let verified = it.verify(&files, &["--secret-file", "secret.txt"]);
        assert_eq!((verified.status, verified.err.as_str()), (0, ""), "{}", verified.out);
        assert_eq!(verified.out.contains("inferred, not documented"), inferred, "{}", verified.out);
        let hint = "hint: the signature depends on the event; give it with --event\n";
        let without_event = Use { verify: &[], ..it }.refused(&files, "headers");
        assert!(without_event.contains(hint), "{without_event}");
        let with_event = it.verify(&files, &["--secret-file", "old.txt"]);
        assert!(with_event.status == 1 && !with_event.out.contains(hint), "{}", with_event.out);
    }
    MIPOS.deliver(&files);
    let of_all = MIPOS.verify(&files, &["--secret-file", "old.txt"]);
    assert!(of_all.status == 1 && !of_all.out.contains("--event"), "{}", of_all.out);
    let unsigned =
        files.run(&["sign", "mipos", "--secret-file", "secret.txt", "--event", "LOGISTICS_STATUS", "body.json"]);
    assert_eq!(unsigned.status, 2);
    assert!(unsigned.err.contains("does not document a signature"), "{}", unsigned.err);
}

#[test]
fn the_documented_vipps_delivery() {
    use documented_vipps::*;
    let files = Files::new("documented");
    files.write("secret.txt", SECRET);
    files.write("headers.txt", HEADERS);
    let options = ["vipps", "--secret-file", "secret.txt", "--url", URL, "--at", TIME];
    let signed = files.feed(&[&["sign"], &options[..]].concat(), BODY.as_bytes());
    assert_eq!((signed.status, signed.out.as_str()), (0, HEADERS));
    let verify = [&["verify"], &options[..], &["--headers", "headers.txt", "-"]].concat();
    assert_eq!(files.feed(&verify, BODY.as_bytes()).status, 0);

    files.write("secret.txt", format!("{}==", "A".repeat(86)));
    let refused = files.feed(&verify, BODY.as_bytes());
    assert_eq!(refused.status, 1);
    assert!(refused.out.contains("failed step: signature\n"), "{}", refused.out);
}

#[test]
fn a_refusal_reports_the_step_and_the_signed_string() {
    let mut shown = String::new();
    let mut refused = |it: &Use, what: &str, change: &dyn Fn(&Files, String), step: &str| {
        let files = Files::new(&format!("refused {} {what}", it.provider));
        it.deliver(&files);
        let signed = fs::read_to_string(files.0.join("headers.txt")).unwrap();
        change(&files, signed.clone());
        let out = it.refused(&files, step);
        let names = ["authorization", "x-mypos-signature", "signature-webhook", "x-api-key"];
        for (name, value) in signed.lines().filter_map(|line| line.split_once(": ")) {
            let end = &value[value.len().saturating_sub(12)..];
            assert!(!names.contains(&name.to_lowercase().as_str()) || !out.contains(end), "{out}");
        }
        shown += &format!("# {}, {what}\n{out}\n", it.provider);
    };
    let another_secret = |files: &Files, _: String| files.write("secret.txt", "another");
    let another_body = |files: &Files, _: String| files.write("body.json", r#"{"customer":"Brenda"}"#);
    for it in [&VIPPS, &MYPOS, &MIPOS] {
        refused(it, "another secret", &another_secret, "signature");
        let step = if it.provider == "vipps" { "content hash" } else { "signature" };
        refused(it, "another body", &another_body, step);
        refused(it, "without headers", &|files, _| files.write("headers.txt", "Content-Type: text/plain\n"), "headers");
        refused(it, "headers twice", &|files, headers| files.write("headers.txt", headers.repeat(2)), "headers");
        let no_signature = |files: &Files, headers: String| {
            files.write(
                "headers.txt",
                headers.lines().map(|line| format!("{}x\n", &line[..line.len() / 2])).collect::<String>(),
            )
        };
        refused(it, "headers cut", &no_signature, "headers");
    }
    refused(&DEALPOS, "another key", &another_secret, "key");
    refused(&DEALPOS, "without key", &|files, _| files.write("headers.txt", ""), "headers");
    let at = |date: &'static str| {
        move |files: &Files, _: String| {
            let options = ["sign", "vipps", "--secret-file", "secret.txt", "--url", URL, "--at", date, "body.json"];
            files.write("headers.txt", files.run(&options).out);
        }
    };
    refused(&VIPPS, "just too old", &at("2026-11-21T11:54:59Z"), "replay window");
    refused(&VIPPS, "just too new", &at("2026-11-21T12:05:01Z"), "replay window");
    assert!(!shown.contains("Brenda"), "a body is a customer's");
    insta::assert_snapshot!("refused", shown);
}

#[test]
fn no_signature_shows_the_body() {
    let files = Files::new("hidden body");
    let body = r#"{"customer": "Brenda, of the customer's data"}"#;
    MYPOS.deliver_changed(&files, "{}", body);
    for name in ["v1", "without-spaces"] {
        let done = MYPOS.verify(&files, &["--secret-file", "secret.txt", "--signature", name]);
        assert_eq!(done.status, 1, "{}", done.err);
        assert!(done.out.contains("signed string: the body as it is") && !done.out.contains("Brenda"), "{}", done.out);
    }
}

#[test]
fn a_delivery_with_the_change_of_a_hint_passes() {
    let hinted = |it: &Use, what: &str, change: &dyn Fn(&Files, &str), hint: &str| {
        let files = Files::new(&format!("hint {} {what}", it.provider));
        it.deliver(&files);
        change(&files, it.body());
        let done = it.verify(&files, &["--secret-file", "secret.txt"]);
        assert_eq!(done.status, 1);
        let hints: Vec<_> = done.out.lines().filter_map(|line| line.strip_prefix("hint: ")).collect();
        assert_eq!(hints, [format!("{hint}, it passes")], "{} {what}: {}", it.provider, done.out);
    };
    for it in [&VIPPS, &MYPOS, &MIPOS] {
        let body = |files: &Files, body: String| files.write("body.json", body);
        hinted(it, "LF", &|files, json| body(files, format!("{json}\n")), "without the newline at the end of the body");
        hinted(
            it,
            "CRLF",
            &|files, json| body(files, format!("{json}\r\n")),
            "without the newline at the end of the body",
        );
        hinted(
            it,
            "BOM",
            &|files, json| body(files, format!("\u{feff}{json}")),
            "without the byte order mark of the body",
        );
        let pretty = |files: &Files, json: &str| body(files, json.replace('{', "{\n  ").replace('}', "\n}\n"));
        hinted(it, "pretty", &pretty, "without the white space between the values of the body");
    }
    for it in &USES {
        let secret = |files: &Files, _: &str| files.write("secret.txt", format!("\"{SECRET}\"\n\n"));
        hinted(it, "quotes", &secret, "without the white space or quotes around the secret");
    }

    // Bodies that lost what was signed.
    let signed = |it: &Use, files: &Files, signed: &str, left: &str| it.deliver_changed(files, signed, left);
    let lost = |signed_with: &'static str, left: &'static str| {
        move |files: &Files, _: &str| signed(&MIPOS, files, signed_with, left)
    };
    hinted(&MIPOS, "lost LF", &lost("{}\n", "{}"), "with a newline (LF) at the end of the body");
    hinted(&MIPOS, "lost CRLF", &lost("{}\r\n", "{}"), "with a newline (CR LF) at the end of the body");
    hinted(&MIPOS, "lost CR", &lost("{\r\n\r\n}", "{\n\n}"), "with CR LF for each LF in the body");
    hinted(&MIPOS, "gained CR", &lost("{\n\n}", "{\r\n\r\n}"), "with LF for each CR LF in the body");

    let spaces = |files: &Files, _: &str| signed(&MYPOS, files, r#"{"a":"b,c"}"#, r#"{"a": "b, c"}"#);
    hinted(&MYPOS, "spaces", &spaces, "by the signature `without-spaces`");
    let time = |files: &Files, _: &str| {
        signed(&MYPOS, files, "1795262400.{}", "{}");
    };
    hinted(&MYPOS, "time", &time, "with `t` and a full stop in front of the body");

    let url = |url: &'static str, line: &'static str| {
        move |files: &Files, _: &str| {
            let options = ["sign", "vipps", "--secret-file", "secret.txt", "--url", url, "--at", TIME, "body.json"];
            files.write("headers.txt", format!("{line}{}", files.run(&options).out));
        }
    };
    hinted(
        &VIPPS,
        "host",
        &url("https://inner.example/hooks/paymentCreated?shop=1", ""),
        "with the host of the header `Host`, \"inner.example\"",
    );
    hinted(
        &VIPPS,
        "slash",
        &url("https://shop.example:8443/hooks/paymentCreated/?shop=1", ""),
        "with a slash at the end of the path",
    );
    hinted(&VIPPS, "query", &url("https://shop.example:8443/hooks/paymentCreated", ""), "without the query");
    let line = "POST /other HTTP/1.1\r\n";
    hinted(
        &VIPPS,
        "path",
        &url("https://shop.example:8443/other", line),
        "with the path of the request line, \"/other\"",
    );
    let both = "with the host of the header `Host` and the path of the request line";
    hinted(&VIPPS, "host and path", &url("https://inner.example/other", line), both);

    // A first mistake may hide a second one.
    let files = Files::new("hint then");
    VIPPS.deliver(&files);
    files.write("body.json", format!("{}\n", VIPPS.body()));
    let done = files.run(&[
        "verify",
        "vipps",
        "--secret-file",
        "secret.txt",
        "--url",
        URL,
        "--headers",
        "headers.txt",
        "--at",
        "2027-01-01T00:00:00Z",
        "body.json",
    ]);
    let expected =
        "hint: without the newline at the end of the body, it passes this step and then fails at: replay window\n";
    assert!(done.out.ends_with(expected), "{}", done.out);
}

#[test]
fn a_reformatted_body_is_recognised() {
    let minimal = "no escapes but those that JSON needs";
    let slash = "`\\/` for each `/`";
    let php = "`\\/` for each `/` and `\\u` escapes for all but ASCII, as PHP writes JSON";
    let python = "`\\u` escapes for all but ASCII, as Python writes JSON";
    let dotnet = "`\\u` escapes for all but ASCII and for quotes, `<`, `>`, `&` and `+`, as .NET writes JSON";
    let go = "`\\u` escapes for `<`, `>` and `&`, as Go writes JSON";
    let all = r#"{"n":2.50,"at/é":"https://a/<b>&\"Zoë\"\n\\/","pay":"🍺"}"#;
    let all_php = r#"{"n":2.50,"at\/\u00e9":"https:\/\/a\/<b>&\"Zo\u00eb\"\n\\\/","pay":"\ud83c\udf7a"}"#;
    let all_python = r#"{"n":2.50,"at/\u00e9":"https://a/<b>&\"Zo\u00eb\"\n\\/","pay":"\ud83c\udf7a"}"#;
    let all_dotnet =
        r#"{"n":2.50,"at/\u00E9":"https://a/\u003Cb\u003E\u0026\u0022Zo\u00EB\u0022\n\\/","pay":"\uD83C\uDF7A"}"#;
    let all_go = r#"{"n":2.50,"at/é":"https://a/\u003cb\u003e\u0026\"Zoë\"\n\\/","pay":"🍺"}"#;
    let pretty = |json: &str| json.replace("{\"", "{\n  \"").replace(",\"", ",\n  \"").replace('}', "\n}\n");
    for it in USES.iter().filter(|it| it.sign.is_some()) {
        let files = Files::new(&format!("written anew {}", it.provider));
        for (signed, left, what) in [
            (r#"{"a":"b/c"}"#, r#"{"a":"b\/c"}"#, minimal),
            (r#"{"a":"b\/c"}"#, r#"{"a":"b/c"}"#, slash),
            (r#"{"a":"\u00e6"}"#, r#"{"a":"æ"}"#, python),
            (r#"{"a":"æ"}"#, r#"{"a":"\u00e6"}"#, minimal),
            (r#"{"a":"æ"}"#, r#"{"a":"\u00E6"}"#, minimal),
            (all, all_php, minimal),
            (all, all_dotnet, minimal),
            (all_php, all, php),
            (all_python, all, python),
            (all_dotnet, all, dotnet),
            (all_go, all, go),
            (all_php, all_dotnet, php),
        ] {
            it.deliver_changed(&files, signed, left);
            assert_eq!(it.hints(&files), [format!("with {what}, it passes")], "{}: {left}", it.provider);
            if signed != all {
                it.deliver_changed(&files, signed, pretty(left));
                let hint = format!("with {what}, and no white space between the values, it passes");
                let plain = "without the white space between the values of the body, it passes";
                assert!(
                    matches!(&it.hints(&files)[..], [one] if *one == hint || one == plain),
                    "{}: {left}",
                    it.provider
                );
            }
        }
        it.deliver_changed(&files, r#"{"a": ["b,c:d", 1]}"#, r#"{"a":["b,c:d",1]}"#);
        assert_eq!(it.hints(&files), ["with a space after each `:` and `,` of the body, it passes"]);
        // What Python, JavaScript and PHP write by default and for people, of a body that was parsed and written anew.
        let left = r#"{"n":2.50,"é/b":[1,{"c":"{\",:[x"}],"none":[{},[]]}"#;
        let ascii = |json: &str| json.replace('é', "\\u00e9");
        let in_php = |json: &str| ascii(json).replace('/', "\\/");
        let spaced = r#"{"n": 2.50, "é/b": [1, {"c": "{\",:[x"}], "none": [{}, []]}"#;
        let lines = "{\n\t\"n\": 2.50,\n\t\"é/b\": [\n\t\t1,\n\t\t{\n\t\t\t\"c\": \"{\\\",:[x\"\n\t\t}\n\t],\n\
            \t\"none\": [\n\t\t{},\n\t\t[]\n\t]\n}";
        let (two, four) = (lines.replace('\t', "  "), lines.replace('\t', "    "));
        for (signed, hint) in [
            (ascii(spaced), format!("with {python}, and a space after each `:` and `,`")),
            (in_php(spaced), format!("with {php}, and a space after each `:` and `,`")),
            (two.clone(), "with the body indented by 2 spaces".to_owned()),
            (four.clone(), "with the body indented by 4 spaces".to_owned()),
            (ascii(&two), format!("with {python}, indented by 2 spaces")),
            (in_php(&four), format!("with {php}, indented by 4 spaces")),
        ] {
            it.deliver_changed(&files, &signed, left);
            assert_eq!(it.hints(&files), [format!("{hint}, it passes")], "{}: {signed}", it.provider);
        }
        // Neither the depth of a body nor its size makes the indentation take long.
        it.deliver_changed(&files, "[]", "[".repeat(100_000));
        assert!(it.hints(&files).is_empty());
        // What is not known any more gives no hint, and is no panic.
        for left in [r#"{"a":"\ud800"}"#, r#"{"a":"\"#, r#"{"a":"b"#, "\"", "\\", ""] {
            it.deliver_changed(&files, r#"{"b":1,"a":2}"#, left);
            assert!(it.hints(&files).is_empty(), "{left}");
        }
    }
}

#[test]
fn a_body_that_was_stored_in_another_form_is_recognised() {
    use base64::Engine as _;
    for it in USES.iter().filter(|it| it.sign.is_some()) {
        let files = Files::new(&format!("stored {}", it.provider));
        // Its Base64 has a `/` and ends with padding.
        let json = r#"{"name":"Zoë & Søn?>","n":10}"#;
        let base64 = base64::engine::general_purpose::STANDARD.encode(json);
        let of_url = base64::engine::general_purpose::URL_SAFE.encode(json);
        assert!(of_url.contains(['-', '_']) && of_url.ends_with('='), "{of_url}");
        let wide = |unit: fn(u16) -> [u8; 2]| format!("\u{feff}{json}\r\n").encode_utf16().flat_map(unit).collect();
        for (left, hint) in [
            (base64.clone().into_bytes(), "decoded from Base64"),
            (of_url.clone().into_bytes(), "decoded from Base64"),
            (of_url.trim_end_matches('=').into(), "decoded from Base64"),
            (base64.trim_end_matches('=').into(), "decoded from Base64"),
            (format!("{}\n{}\r\n", &base64[..8], &base64[8..]).into_bytes(), "decoded from Base64"),
            (serde_json::to_string(json).unwrap().into_bytes(), "as the text of which the body is a JSON string"),
            (wide(u16::to_le_bytes), "in UTF-8 in place of UTF-16"),
            (wide(u16::to_be_bytes), "in UTF-8 in place of UTF-16"),
            (json.chars().map(|character| character as u8).collect(), "in UTF-8 in place of Latin-1"),
            (
                format!("POST /hooks HTTP/1.1\r\nHost: shop.example\r\n\r\n{json}").into_bytes(),
                "without the head of the request in front of the body",
            ),
            (
                format!("POST /hooks HTTP/1.1\nHost: shop.example\n\n{json}").into_bytes(),
                "without the head of the request in front of the body",
            ),
        ] {
            it.deliver_changed(&files, json, &left);
            assert_eq!(it.hints(&files), [format!("{hint}, it passes")], "{}", it.provider);
        }

        for (magic, name) in
            [(&b"\x1f\x8b\x08\0"[..], "gzip"), (b"\x28\xb5\x2f\xfd\0", "zstd"), (b"\x78\x9c\0", "zlib")]
        {
            it.deliver_changed(&files, json, magic);
            let hint = format!("the body is compressed ({name}); decompress it, and verify that");
            assert_eq!(it.hints(&files), [hint], "{}", it.provider);
        }
        // What was compressed on the way cannot be made again here.
        it.deliver_changed(&files, b"\x1f\x8b\x08\0\x01", json);
        assert!(it.hints(&files).is_empty());
        let headers = fs::read_to_string(files.0.join("headers.txt")).unwrap();
        files.write("headers.txt", format!("{headers}Content-Encoding: gzip\n"));
        let hints = it.hints(&files);
        assert!(matches!(&hints[..], [one] if one.starts_with("the headers have `content-encoding`, ")), "{hints:?}");
    }
}

#[test]
fn headers_from_cgi_variables_are_recognised() {
    for it in USES {
        let files = Files::new(&format!("cgi {}", it.provider));
        it.deliver(&files);
        let headers = fs::read_to_string(files.0.join("headers.txt")).unwrap();
        let variables = |separator: &str, prefix: &str| -> String {
            let lines = headers.lines().filter_map(|line| line.split_once(": "));
            let variable = |(name, value): (&str, &str)| {
                format!("{prefix}{}{separator}{value}\n", name.to_uppercase().replace('-', "_"))
            };
            lines.map(variable).collect()
        };
        for text in [variables("=", "HTTP_"), variables(": ", "HTTP_"), variables(": ", ""), variables("=", "")] {
            files.write("headers.txt", format!("CONTENT_TYPE=application/json\nPATH=/usr/bin:/bin\n{text}"));
            let hint = "with the headers for the CGI variables, such as `x-ms-date` for `HTTP_X_MS_DATE`, it passes";
            assert_eq!(it.hints(&files), [hint], "{}: {text}", it.provider);
        }
    }
}

#[test]
fn a_signature_that_does_not_match_names_only_what_may_be_wrong() {
    for it in USES.iter().filter(|it| it.sign.is_some()) {
        let files = Files::new(&format!("what may be wrong {}", it.provider));
        it.deliver(&files);
        files.write("secret.txt", "another");
        let out = it.refused(&files, "signature");
        let error = out.lines().find(|line| line.starts_with("error: ")).unwrap();
        let signs_url = it.provider == "vipps";
        assert!(error.contains("secret"), "{error}");
        assert_eq!(error.contains("the URL"), signs_url, "{error}");
        assert_eq!(error.contains("The body is right"), signs_url, "{error}");
        assert_eq!(error.contains("as it was received"), !signs_url, "{error}");
        let tried = out.lines().find(|line| line.starts_with("tried without success: ")).unwrap();
        assert_eq!(tried.contains("of the body"), !signs_url, "nothing is tried of a body that is right: {tried}");
    }
}

#[test]
fn the_time_of_a_hint_is_within_the_window() {
    let files = Files::new("at");
    VIPPS.deliver(&files);
    let at = |time: &str| {
        let options = ["verify", "vipps", "--secret-file", "secret.txt", "--url", URL, "--headers", "headers.txt"];
        let time = if time.is_empty() { vec![] } else { vec!["--at", time] };
        files.run(&[&options[..], &time, &["body.json"]].concat())
    };
    for time in ["2026-11-21T13:05:00+01:00", "2026-11-21T11:55:00Z", TIME] {
        assert_eq!(at(time).status, 0, "{time}");
    }
    // The machine's clock, which is not of 2026.
    for time in
        ["2026-11-21T12:05:00.000000001Z", "2026-11-21T11:54:59Z", "9999-12-30T22:00:00Z", "-009999-01-02T01:59:59Z"]
    {
        let option = format!("--at={time}");
        let options = [
            "verify",
            "vipps",
            "--secret-file",
            "secret.txt",
            "--url",
            URL,
            "--headers",
            "headers.txt",
            &option,
            "body.json",
        ];
        let refused = files.run(&options);
        assert_eq!(refused.status, 1, "{time}: {}", refused.err);
        let hint =
            refused.out.lines().find_map(|line| line.strip_prefix("hint: with --at ")?.strip_suffix(", it passes"));
        assert_eq!(at(hint.unwrap()).status, 0, "{time}");
    }
    files.write("now.txt", files.run(&["sign", "vipps", "--secret-file", "secret.txt", "--url", URL, "body.json"]).out);
    let now = ["verify", "vipps", "--secret-file", "secret.txt", "--url", URL, "--headers", "now.txt", "body.json"];
    assert_eq!(files.run(&now).status, 0);
}

#[test]
fn any_of_several_secrets_is_enough() {
    for it in USES {
        let files = Files::new(&format!("rotating {}", it.provider));
        it.deliver(&files);
        for order in [["secret.txt", "old.txt"], ["old.txt", "secret.txt"]] {
            let done = it.verify(&files, &["--secret-file", order[0], "--secret-file", order[1]]);
            assert_eq!(done.status, 0, "{}", done.out);
            assert!(done.out.starts_with("verified with the secret of secret.txt\n"));
        }
        files.write("older.txt", "older");
        let done = it.verify(&files, &["--secret-file", "old.txt", "--secret-file", "older.txt"]);
        assert_eq!(done.status, 1);
    }
    // The step is that of the secret that comes farthest.
    let files = Files::new("rotating stale");
    VIPPS.deliver(&files);
    for order in [["secret.txt", "old.txt"], ["old.txt", "secret.txt"]] {
        let done = files.run(&[
            "verify",
            "vipps",
            "--url",
            URL,
            "--headers",
            "headers.txt",
            "--secret-file",
            order[0],
            "--secret-file",
            order[1],
            "--at",
            "2027-01-01T00:00:00Z",
            "body.json",
        ]);
        assert!(done.out.starts_with("refused\nfailed step: replay window\n"), "{}", done.out);
    }
}

#[test]
fn one_newline_of_a_secret_file_is_not_part_of_the_secret() {
    let files = Files::new("newline");
    MIPOS.deliver(&files);
    for (end, status) in [("", 0), ("\n", 0), ("\r\n", 0), ("\n\n", 1), ("\r\n\r\n", 1), (" ", 1), ("\r", 1)] {
        files.write("secret.txt", format!("{SECRET}{end}"));
        assert_eq!(MIPOS.verify(&files, &["--secret-file", "secret.txt"]).status, status, "{end:?}");
    }
    let piped = ["verify", "mipos", "--secret-file", "-", "--headers", "headers.txt", "body.json"];
    assert_eq!(files.feed(&piped, format!("{SECRET}\n").as_bytes()).status, 0);
}

fn lower_name(line: &str) -> String {
    let (name, value) = line.split_once(':').unwrap();
    format!("{}:{value}", name.to_lowercase())
}

#[test]
fn headers_are_read_in_every_form() {
    let files = Files::new("headers");
    VIPPS.deliver(&files);
    let headers = fs::read_to_string(files.0.join("headers.txt")).unwrap();
    let crlf = headers.replace('\n', "\r\n");
    let accepted = [
        headers.trim_end().to_owned(),
        headers
            .to_uppercase()
            .lines()
            .zip(headers.lines())
            .map(|(upper, line)| {
                let (name, _) = upper.split_once(':').unwrap();
                let (_, value) = line.split_once(':').unwrap();
                format!("{name}:{}  \n", value.trim())
            })
            .collect(),
        crlf.clone(),
        format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/2 200 \r\n{crlf}\r\n"),
        format!("HTTP/1.1 302 Found\r\nx-ms-date: never\r\nAuthorization: x\r\n\r\nHTTP/1.1 200 OK\r\n{crlf}\r\n\r\n"),
        format!("POST /hooks HTTP/1.1\r\n{crlf}\r\n"),
        format!("\u{feff}\n\n{headers}\nX-Name: \u{e9}\n"),
        headers.replace("Thu,", "Thu,\r\n\t").replace("Sat, 21", "Sat,\r\n\t 21"),
        // A whole request, and two of which the last one counts.
        format!("POST /hooks HTTP/1.1\r\n{crlf}\r\n{{\"a\":1}}"),
        format!("POST /hooks HTTP/1.1\n{headers}\n{{\n  \"a\": \"POST / HTTP/1.1\"\n}}\n"),
        format!("POST /hooks HTTP/1.1\nx-ms-date: never\n\nPOST /hooks HTTP/1.1\n{headers}\na=b&c: d"),
        // HTTP/2.
        format!(
            ":method: POST\n:scheme: https\n:authority: shop.example:8443\n:path: /hooks/paymentCreated?shop=1\n{}",
            headers
                .lines()
                .filter(|line| !line.starts_with("Host"))
                .map(|line| format!("{}\n", lower_name(line)))
                .collect::<String>()
        ),
        // `curl -v`.
        format!(
            "* Connected to shop.example port 8443\n* using HTTP/1.x\n> POST /hooks HTTP/1.1\r\n{}> \r\n\
             }} [280 bytes data]\n* upload completely sent off\n< HTTP/1.1 401 Unauthorized\r\n< x-ms-date: never\r\n< \r\n",
            crlf.split_inclusive('\n').map(|line| format!("> {line}")).collect::<String>()
        ),
    ];
    for text in accepted {
        files.write("headers.txt", &text);
        let done = VIPPS.verify(&files, &["--secret-file", "secret.txt"]);
        assert_eq!(done.status, 0, "{text}: {}{}", done.out, done.err);
    }
    let twice = format!("HTTP/1.1 200 OK\n{headers}\n{headers}");
    files.write("headers.txt", twice);
    VIPPS.refused(&files, "headers");

    let form = "not of the form `Name: value`; a body belongs into a file of its own";
    for (text, error) in [
        ("x-ms-date: a\n {\n{\"secret\": 1}\n".to_owned(), format!("line 3: {form}")),
        ("Host: a\n\nsecret\n".to_owned(), format!("line 3: {form}")),
        (": secret".to_owned(), format!("line 1: {form}")),
        ("X-Name : secret".to_owned(), format!("line 1: {form}")),
        ("Host: a\r\nX-Name: sec\rret\r\n".to_owned(), "line 2: a control character in the value".to_owned()),
        ("X-Name: sec\0ret".to_owned(), "line 1: a control character in the value".to_owned()),
        ("\n secret\n".to_owned(), "line 2: it continues a header, but there is none before it".to_owned()),
        (
            "Host: a\nGET / HTTP/1.1\n secret\n".to_owned(),
            "line 3: it continues a header, but there is none before it".to_owned(),
        ),
        (format!("A: {}", "a".repeat(1 << 20)), "longer than 1048576 bytes".to_owned()),
    ] {
        files.write("headers.txt", text);
        let done = VIPPS.verify(&files, &["--secret-file", "secret.txt"]);
        assert_eq!((done.status, done.out.as_str()), (2, ""));
        assert_eq!(done.err, format!("error: headers.txt: {error}\n"));
    }
}

#[test]
fn each_input_can_be_standard_input_but_only_one() {
    let files = Files::new("stdin");
    MYPOS.deliver(&files);
    let verify = |headers: &str, secret: &str, body: &[&str], input: &str| {
        let options = ["verify", "mypos", "--headers", headers, "--secret-file", secret];
        files.feed(&[&options[..], body].concat(), input.as_bytes())
    };
    let headers = fs::read_to_string(files.0.join("headers.txt")).unwrap();
    assert_eq!(verify("headers.txt", "secret.txt", &[], MYPOS.body()).status, 0);
    assert_eq!(verify("headers.txt", "secret.txt", &["-"], MYPOS.body()).status, 0);
    assert_eq!(verify("-", "secret.txt", &["body.json"], &headers).status, 0);
    for (headers, secret, body) in [
        ("-", "secret.txt", &[][..]),
        ("-", "secret.txt", &["-"]),
        ("headers.txt", "-", &[]),
        ("-", "-", &["body.json"]),
    ] {
        let done = verify(headers, secret, body, "");
        assert_eq!((done.status, done.out.as_str()), (2, ""));
        assert!(done.err.contains("only one of the inputs can be standard input"), "{}", done.err);
    }
    assert_eq!(files.run(&["decode", "mypos", "--headers", "-"]).status, 2);
    assert_eq!(files.run(&["sign", "mipos", "--secret-file", "-"]).status, 2);
}

#[test]
fn wrong_usage_reports_the_missing_option() {
    let files = Files::new("usage");
    files.write("headers.txt", "Host: a\n");
    files.write("twice.txt", "X-myPOS-Event: a\nX-myPOS-Event: b\n");
    files.write("empty.txt", "\n");
    files.write("bytes.txt", b"\xff\xfe");
    files.write("long.txt", "a".repeat(70_000));
    let calls = [
        &["verify", "vipps", "--headers", "headers.txt", "--url", URL][..],
        &["verify", "mypos", "--headers", "headers.txt"],
        &["verify", "vipps", "--headers", "headers.txt", "--secret-file", "secret.txt"],
        &["verify", "vipps", "--headers", "headers.txt", "--secret-file", "secret.txt", "--url", "/hooks"],
        &[
            "verify",
            "vipps",
            "--headers",
            "headers.txt",
            "--secret-file",
            "secret.txt",
            "--url",
            "https://a.test/a/../b",
        ],
        &["verify", "vipps", "--secret-file", "secret.txt", "--url", URL],
        &["verify", "mypos", "--headers", "headers.txt", "--secret-file", "empty.txt"],
        &["verify", "mypos", "--headers", "headers.txt", "--secret-file", "bytes.txt"],
        &["verify", "mypos", "--headers", "headers.txt", "--secret-file", "long.txt"],
        &["verify", "mypos", "--headers", "headers.txt", "--at", "2026-11-21"],
        &["verify", "nobody", "--headers", "headers.txt"],
        &["sign", "vipps", "--secret-file", "secret.txt"],
        &["sign", "vipps", "--secret-file", "secret.txt", "--url", "https://a.test/a/%2e%2E/b"],
        &["sign", "vipps", "--url", URL],
        &["sign", "mypos", "--secret-file", "secret.txt"],
        &["sign", "mypos", "--secret-file", "secret.txt", "--event", "a\r\nX-Other: b"],
        &["sign", "mipos", "--secret-file", "secret.txt", "--secret-file", "old.txt"],
        &["sign", "dealpos", "--secret-file", "secret.txt"],
        &["decode", "mypos"],
        &["decode", "mypos", "--headers", "headers.txt"],
        &["decode", "mypos", "--headers", "twice.txt"],
        &["decode", "mipos"],
        &["decode", "dealpos"],
        &["decode", "dealpos", "--headers", "headers.txt"],
        &["decode", "dealpos", "--url", "https://shop.example/"],
        &["decode", "dealpos", "--url", "https://shop.example/ä b"],
    ];
    let errors = calls.map(|call| {
        let done = files.run(call);
        assert_eq!((done.status, done.out.as_str()), (2, ""), "{call:?}");
        let error: String = done.err.split_inclusive("\n\n").next().unwrap().trim_end().to_owned();
        format!("$ pos-webhooks {}\n{}\n", call.join(" ").escape_debug(), of_shown(&error))
    });
    insta::assert_snapshot!("wrong_usage", errors.join("\n"));

    for call in [
        &["verify", "vipps", "--headers", "missing"][..],
        &["verify", "mypos", "--headers", "headers.txt", "--secret-file", "missing"],
        &["verify", "mypos", "--headers", "headers.txt", "--secret-file", "secret.txt", "missing"],
        &["decode", "vipps", "missing"],
    ] {
        let done = files.run(call);
        assert_eq!((done.status, done.out.as_str()), (2, ""), "{call:?}");
        assert!(done.err.starts_with("error: missing: "), "{call:?}: {}", done.err);
    }
}

#[test]
fn nothing_is_verified_without_a_proof_of_origin() {
    for it in [MIPOS, DEALPOS] {
        let files = Files::new(&format!("unproven {}", it.provider));
        it.deliver(&files);
        let done = it.verify(&files, &[]);
        assert_eq!((done.status, done.err.as_str()), (1, ""));
        assert!(
            done.out.starts_with("not verified: there is no proof that the delivery comes from the provider\n"),
            "{}",
            done.out
        );
    }
}

#[test]
fn an_option_without_effect_is_a_warning() {
    let files = Files::new("noted");
    files.write("body.json", "{}");
    files.write("headers.txt", "X-myPOS-Event: a\n");
    for (call, noted) in [
        (&["sign", "vipps", "--secret-file", "secret.txt", "--url", URL, "--at", TIME][..], &[][..]),
        (&["sign", "vipps", "--secret-file", "secret.txt", "--url", URL, "--event", "a"], &["--event"]),
        (&["sign", "vipps", "--secret-file", "secret.txt", "--url", URL, "--signature", "v1"], &["--signature"]),
        (
            &[
                "sign",
                "mypos",
                "--secret-file",
                "secret.txt",
                "--event",
                "pos.payment.completed",
                "--url",
                URL,
                "--at",
                TIME,
            ],
            &["--url"],
        ),
        (
            &["sign", "mipos", "--secret-file", "secret.txt", "--event", "ORDER", "--url", URL, "--at", TIME],
            &["--url", "--at"],
        ),
        (&["decode", "vipps", "--headers", "headers.txt", "--url", URL], &["--url", "--headers"]),
        (&["decode", "mypos", "--headers", "headers.txt", "--url", URL], &["--url"]),
        (&["decode", "mypos", "--headers", "headers.txt", "--event", "pos.payment.completed"], &["--headers"]),
        (&["decode", "dealpos", "--headers", "headers.txt", "--url", "/a"], &["--headers"]),
    ] {
        let done = files.run(&[call, &["body.json"]].concat());
        assert_eq!(done.status, 0, "{call:?}: {}", done.err);
        let notes: Vec<_> = done.err.lines().collect();
        assert_eq!(notes.len(), noted.len(), "{call:?}: {notes:?}");
        for (note, option) in notes.iter().zip(noted) {
            assert!(note.starts_with(&format!("warning: {option} has no effect")), "{call:?}: {note}");
        }
    }
    for provider in ["mypos", "mipos", "dealpos"] {
        let done = files.run(&[
            "verify",
            provider,
            "--secret-file",
            "secret.txt",
            "--headers",
            "headers.txt",
            "--url",
            URL,
            "--at",
            TIME,
            "body.json",
        ]);
        assert_eq!((done.status, done.err.lines().count()), (1, 2), "{}", done.err);
    }
}

#[test]
fn another_signature_is_selected_by_its_name() {
    let files = Files::new("another");
    files.write("compact.json", r#"{"a":1}"#);
    files.write("spaced.json", r#"{"a": 1}"#);
    let event = ["--secret-file", "secret.txt", "--event", "pos.payment.completed"];
    let sign = [&["sign", "mypos", "--signature", "without-spaces"][..], &event, &["compact.json"]].concat();
    let signed = files.run(&sign);
    assert_eq!((signed.status, signed.err.as_str()), (0, ""));
    files.write("headers.txt", signed.out);
    for (option, status) in [(&[][..], 1), (&["--signature", "v1"], 1), (&["--signature", "without-spaces"], 0)] {
        let verify = ["verify", "mypos", "--secret-file", "secret.txt", "--headers", "headers.txt", "spaced.json"];
        let done = files.run(&[&verify[..], option].concat());
        assert_eq!((done.status, done.err.as_str()), (status, ""), "{option:?}: {}", done.out);
    }
    let sign = [&["sign", "mypos", "--signature", "v9"][..], &event, &["compact.json"]].concat();
    let unknown = files.run(&sign);
    assert_eq!(unknown.status, 2);
    assert!(unknown.err.contains("`v9`; give --signature one of: v1, without-spaces"), "{}", unknown.err);
}

#[test]
fn an_undocumented_event_is_decoded() {
    let files = Files::new("unknown");
    let payload = "{ \"n\" : 2.50, \"e\":1e400,\n \"text\": \"a, \\\" : b\\\\\", \"again\": 1, \"again\": 12345678901234567890123 }\r\n";
    let compact = r#"{"n":2.50,"e":1e400,"text":"a, \" : b\\","again":1,"again":12345678901234567890123}"#;
    files.write("headers.txt", "X-MYPOS-EVENT: pos.new\n");
    files.write("request.txt", "POST /hooks/paymentNew/?x=1 HTTP/1.1\nHost: a\n");
    for (call, event) in [
        (&["decode", "vipps"][..], "null"),
        (&["decode", "vipps", "--event", "a.new.v1"], "\"a.new.v1\""),
        (&["decode", "mypos", "--headers", "headers.txt"], "\"pos.new\""),
        (&["decode", "mipos", "--event", "NEW"], "\"NEW\""),
        (&["decode", "dealpos", "--headers", "request.txt"], "\"paymentNew\""),
        (&["decode", "dealpos", "--url", "/hooks/other", "--event", "paymentNewer"], "\"paymentNewer\""),
    ] {
        let done = files.feed(call, payload.as_bytes());
        let expected =
            format!("{{\"event\":{event},\"known\":false,\"idempotency_key\":null,\"payload\":{compact}}}\n");
        assert_eq!((done.status, done.out), (0, expected), "{call:?}: {}", done.err);
    }
}

#[test]
fn an_event_is_found_in_every_form_of_captured_headers() {
    let files = Files::new("captured event");
    for (provider, event, headers) in [
        ("mypos", "pos.new", "HTTP_X_MYPOS_EVENT=pos.new\nPATH=/bin\n"),
        ("mypos", "pos.new", "> POST /hooks HTTP/1.1\n> X-myPOS-Event: pos.new\n>\n< HTTP/1.1 200 OK\n"),
        ("mypos", "pos.new", "POST /hooks HTTP/2\nx-mypos-event: pos.new\n\n{\"a\": \"X-myPOS-Event: b\"}"),
        ("dealpos", "paymentNew", "REQUEST_METHOD=POST\nREQUEST_URI=/hooks/paymentNew?a=b\n"),
        ("dealpos", "paymentNew", ":method: POST\n:path: /hooks/paymentNew?a=b\n:authority: shop.example\n"),
        ("dealpos", "paymentNew", "* Trying\n> POST /hooks/paymentNew HTTP/1.1\n> Host: a\n>\n"),
    ] {
        files.write("headers.txt", headers);
        let done = files.feed(&["decode", provider, "--headers", "headers.txt"], b"{}");
        assert!(done.out.starts_with(&format!("{{\"event\":\"{event}\",")), "{headers}: {}{}", done.out, done.err);
    }
}

/// Most JSON parsers do not accept the escape of a lone surrogate.
#[test]
fn a_lone_surrogate_is_decoded_to_a_line_that_every_program_reads() {
    let files = Files::new("half");
    let payload =
        r#"{"lone": "\ud83c", "wrong": "\uD83C\u0041\udf7a\ud83c", "pair": "\ud83c\udf7a", "text": "\\ud83c"}"#;
    let done = files.feed(&["decode", "mipos", "--event", "NEW"], payload.as_bytes());
    assert_eq!(done.status, 0, "{}", done.err);
    let decoded: Value = serde_json::from_str(&done.out).unwrap();
    let expected = json!({ "lone": "\\ud83c", "wrong": "\\uD83CA\\udf7a\\ud83c", "pair": "🍺", "text": "\\ud83c" });
    assert_eq!(decoded["payload"], expected);
}

#[test]
fn what_does_not_decode_is_1_with_its_place() {
    let files = Files::new("undecodable");
    let decode = |call: &[&str], payload: &[u8]| {
        let done = files.feed(&[&["decode"], call].concat(), payload);
        assert_eq!((done.status, done.out.as_str()), (1, ""));
        assert!(!done.err.contains("Brenda"), "{}", done.err);
        done.err
    };
    let created = ["dealpos", "--event", "paymentCreated"];
    let payload = DEALPOS.body();
    let number = payload.replacen("\"Amount\":", "\"Amount\":\"Brenda\",\"Was\":", 1);
    let error = decode(&created, number.as_bytes());
    assert!(error.contains(" at /Amount (line 1, column "), "{error}");
    assert!(decode(&created, b"{}").contains("missing member `"));
    for call in [&created[..], &["vipps"], &["mypos", "--event", "a"], &["mipos", "--event", "ORDER"]] {
        assert!(decode(call, b"{\n").ends_with("(line 2, column 0)\n"), "{call:?}");
        assert!(decode(call, b"").contains("(line 1, column 0)"), "{call:?}");
        decode(call, b"Brenda");
    }
    // In a member that no model has.
    let bytes = [&b"{\"x\":\"\xff\","[..], &payload.as_bytes()[1..]].concat();
    let error = decode(&created, &bytes);
    assert!(error.ends_with(": the text is not JSON: a string is not UTF-8 (line 1, column 7)\n"), "{error}");
    let error = decode(&created, b"{\"a\":1}x");
    assert!(
        error.ends_with(": the text is not JSON: there is more text after the value (line 1, column 8)\n"),
        "{error}"
    );

    let captured = VIPPS.body();
    let done = files.feed(&["decode", "vipps", "--event", "epayments.payment.refunded.v1"], captured.as_bytes());
    assert_eq!(done.status, 0);
    assert_eq!(done.err, "warning: the payload is of the event epayments.payment.captured.v1, not of --event\n");
}

#[test]
#[cfg(target_os = "linux")]
fn an_endless_input_is_too_long() {
    let files = Files::new("endless");
    files.write("headers.txt", "Host: a\n");
    for call in [
        &["verify", "mipos", "--secret-file", "secret.txt", "--headers", "headers.txt", "/dev/zero"][..],
        &["verify", "mipos", "--secret-file", "secret.txt", "--headers", "/dev/zero", "headers.txt"],
        &["verify", "mipos", "--secret-file", "/dev/zero", "--headers", "headers.txt", "headers.txt"],
        &["sign", "mipos", "--secret-file", "secret.txt", "/dev/zero"],
        &["decode", "vipps", "/dev/zero"],
    ] {
        let done = files.run(call);
        assert_eq!((done.status, done.out.as_str()), (2, ""));
        assert!(done.err.starts_with("error: /dev/zero: longer than "), "{}", done.err);
    }
}

/// The status of a refused delivery must not change if standard output is closed.
#[test]
fn a_closed_output_does_not_change_the_status() {
    let files = Files::new("closed");
    MIPOS.deliver(&files);
    for (secret, status) in [("secret.txt", 0), ("old.txt", 1)] {
        let mut command = command(&["verify", "mipos", "--secret-file", secret, "--headers", "headers.txt"]);
        let mut child = command.current_dir(&files.0).spawn().unwrap();
        drop(child.stdout.take());
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, MIPOS.body().as_bytes()).unwrap();
        drop(stdin);
        assert_eq!(child.wait().unwrap().code(), Some(status));
    }
}

#[test]
fn every_compiled_provider_is_offered() {
    let names: Vec<_> = PROVIDERS.iter().map(|provider| provider.name).collect();
    for subcommand in ["verify", "sign", "decode"] {
        let done = run(&[subcommand, "nobody"]);
        assert!(done.err.contains(&format!("[possible values: {}]", names.join(", "))), "{}", done.err);
    }
}

#[test]
fn help() {
    for subcommand in ["verify", "sign", "decode"] {
        let done = run(&[subcommand, "--help"]);
        assert_eq!((done.status, done.err.as_str()), (0, ""));
        insta::assert_snapshot!(format!("help_{subcommand}"), of_shown(&done.out));
    }
}
