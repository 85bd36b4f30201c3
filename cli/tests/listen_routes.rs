//! One process of `listen` receives the deliveries of many registrations, each with its own path, secrets and keys.

#![cfg(unix)]

mod listener;

use std::fmt::Write as _;

use http::StatusCode;
use listener::*;
use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::{EventNamePlace, Verification};
use pos_webhooks::{mypos, vipps};
use serde_json::Value;

fn value(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

#[test]
fn each_provider_has_a_route_and_other_paths_have_none() {
    let folder = Folder::new("routes");
    let mut configuration = String::new();
    let mut sent = Vec::new();
    for provider in PROVIDERS.iter() {
        let name = provider.name;
        let event = provider.events.iter().find(|event| !event.payload.examples.is_empty()).unwrap();
        let body = event.payload.examples[0].json;
        let (_, headers) = delivery(provider, event.name, body.as_bytes());
        let by_path = provider.event_name == Some(EventNamePlace::LastPathSegment);
        let (path, called) = match by_path {
            true => (format!("/hooks/{name}/*"), format!("/hooks/{name}/{}", event.name)),
            false => (format!("/hooks/{name}"), format!("/hooks/{name}")),
        };
        writeln!(configuration, "[routes.{name}]\npath = \"{path}\"\nprovider = \"{name}\"\nurl = \"{URL}\"").unwrap();
        writeln!(configuration, "sink = \"inbox\"").unwrap();
        match provider.verification_of(Some(event.name)) {
            Some(Verification::None(_)) => configuration += "accept_unsigned = true\n",
            _ => configuration += "secrets = { file = \"secret\" }\n",
        }
        if provider.event_name == Some(EventNamePlace::Route) {
            writeln!(configuration, "event = \"{}\"", event.name).unwrap();
        }
        sent.push((provider, called, headers, body));
    }
    configuration += "[sinks.inbox]\ntype = \"file\"\nfile = \"events\"\n";
    let listener = Listener::configured(&folder, &configuration);
    for (provider, path, headers, body) in &sent {
        assert!(listener.post(path, headers, body.as_bytes()).status().is_success(), "{}", provider.name);
        for other in ["/", "/hooks", &format!("{path}/more"), &format!("{path}x/y"), &format!("//{path}")] {
            let refused = listener.post(other, headers, body.as_bytes());
            assert_eq!(refused.status(), StatusCode::NOT_FOUND, "{other}");
        }
        // The path of another route is that of another registration.
        for (other, path, ..) in &sent {
            let status = listener.post(path, &[], b"{}").status();
            assert!(status == StatusCode::UNAUTHORIZED || other.name == provider.name || status.is_success(), "{path}");
        }
    }
    let metrics = listener.get("/metrics").into_body();
    for (provider, ..) in &sent {
        let accepted = format!("pos_webhooks_last_accepted_timestamp_seconds{{route=\"{}\"}} 1", provider.name);
        assert!(metrics.contains(&accepted), "{accepted}: {metrics}");
    }
    assert!(metrics.contains(&format!("pos_webhooks_unknown_path_total {}\n", sent.len() * 5)), "{metrics}");
    listener.end();
    let lines: Vec<Value> = folder.lines().iter().map(|line| value(line)).collect();
    for (provider, ..) in &sent {
        let of_route = lines.iter().filter(|line| line["route"] == provider.name);
        assert!(of_route.clone().count() >= 1, "{}", provider.name);
        assert!(of_route.clone().all(|line| line["provider"] == provider.name));
    }
}

#[test]
fn a_key_is_that_of_its_route() {
    let folder = Folder::new("route-keys");
    folder.write_secret("other", "another");
    let route = |name: &str, secret: &str| {
        format!(
            "[routes.{name}]\npath = \"/{name}\"\nprovider = \"vipps\"\nurl = \"{URL}\"\nsink = \"inbox\"\n\
             secrets = [{{ file = \"{secret}\" }}]\n"
        )
    };
    let configuration =
        [&route("oslo", "secret"), &route("bergen", "other"), "[sinks.inbox]\ntype = \"file\"\nfile = \"events\"\n"];
    let configuration = configuration.concat();
    let body = payment(1);
    let deliver = |listener: &Listener| {
        let of = |secret: &str| vipps::sign(URL, &secret.into(), body.as_bytes(), jiff::Timestamp::now()).unwrap();
        assert_eq!(listener.post("/oslo", &of(SECRET), body.as_bytes()).status(), StatusCode::OK);
        assert_eq!(listener.post("/bergen", &of(SECRET), body.as_bytes()).status(), StatusCode::UNAUTHORIZED);
        assert_eq!(listener.post("/bergen", &of("another"), body.as_bytes()).status(), StatusCode::OK);
    };
    let listener = Listener::configured(&folder, &configuration);
    deliver(&listener);
    deliver(&listener);
    listener.end();
    // The keys are read with their routes when it is started again.
    let listener = Listener::configured(&folder, &configuration);
    deliver(&listener);
    listener.end();
    let routes: Vec<_> = folder.lines().iter().map(|line| value(line)["route"].as_str().unwrap().to_owned()).collect();
    assert_eq!(routes, ["oslo", "bergen"]);
}

#[test]
fn an_event_without_a_key_is_stored_each_time_or_once_by_its_body() {
    for (once, stored) in [("key", 4), ("body", 2)] {
        let folder = Folder::new(&format!("once-{once}"));
        let configuration = format!(
            "[routes.shop]\npath = \"/shop\"\nprovider = \"vipps\"\nurl = \"{URL}\"\nsink = \"inbox\"\nonce = \"{once}\"\n\
             secrets = {{ file = \"secret\" }}\n[sinks.inbox]\ntype = \"file\"\nfile = \"events\"\n"
        );
        // An event that the specification does not list does not have a key.
        let bodies = ["{\"name\":\"another\",\"n\":1}", "{\"name\":\"another\",\"n\":2}"];
        let listener = Listener::configured(&folder, &configuration);
        for body in bodies.repeat(2) {
            assert_eq!(listener.post("/shop", &signed(body.as_bytes()), body.as_bytes()).status(), StatusCode::OK);
        }
        listener.end();
        assert_eq!(folder.lines().len(), stored, "{once}");
    }
}

#[test]
fn two_events_with_the_same_body_are_two_events() {
    let folder = Folder::new("once-same-body");
    let configuration = "[routes.shop]\npath = \"/shop\"\nprovider = \"mypos\"\nsink = \"inbox\"\nonce = \"body\"\n\
         secrets = { file = \"secret\" }\n[sinks.inbox]\ntype = \"file\"\nfile = \"events\"\n";
    let listener = Listener::configured(&folder, configuration);
    let body = b"{\"id\":1}";
    for event in mypos::EventName::ALL.iter().take(2).cycle().take(4) {
        let (_, headers) = delivery(&mypos::PROVIDER, event.as_str(), body);
        assert_eq!(listener.post("/shop", &headers, body).status(), StatusCode::OK);
    }
    listener.end();
    assert_eq!(folder.lines().len(), 2);
}

#[test]
fn a_line_has_the_bytes_and_the_headers_of_its_delivery() {
    use base64::Engine as _;
    let folder = Folder::new("route-bytes");
    let configuration = format!(
        "[routes.shop]\npath = \"/shop\"\nprovider = \"vipps\"\nurl = \"{URL}\"\nsink = \"inbox\"\n\
         secrets = {{ file = \"secret\" }}\n[sinks.inbox]\ntype = \"file\"\nfile = \"events\"\n"
    );
    let bodies =
        ["{\"a\":1}", " {\"a\":\n1}\r\n", "{\"a\":\"\u{2028}\"}", "{\"a\":\"é\"}", "not JSON", "{\"a\":\"\\ud800\"}"];
    let listener = Listener::configured(&folder, &configuration);
    for body in bodies {
        let mut headers = signed(body.as_bytes());
        headers.push(("content-type", "application/json; charset=utf-8".to_owned()));
        headers.push(("cookie", "session=hidden".to_owned()));
        assert_eq!(listener.post("/shop", &headers, body.as_bytes()).status(), StatusCode::OK, "{body}");
    }
    listener.end();
    for (line, body) in folder.lines().iter().zip(bodies) {
        let kept = match value(line)["body"].as_str() {
            Some(text) => String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).unwrap()).unwrap(),
            None => payload(line),
        };
        assert_eq!(kept, body);
        let headers = value(line)["headers"].as_object().unwrap().clone();
        assert_eq!(headers["content-type"], "application/json; charset=utf-8");
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["content-type", "x-ms-date"]);
        assert!(!line.contains("hidden") && !line.contains("HMAC"), "{line}");
    }
}
