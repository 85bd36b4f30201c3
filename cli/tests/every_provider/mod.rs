//! Routes for the providers of this repository, and a delivery of each of their events.

#![allow(dead_code)]

use std::fmt::Write as _;

use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::{EventNamePlace, Provider, Verification};

use crate::listener::{Listener, delivery};

pub struct Delivery {
    pub provider: &'static Provider,
    event: &'static str,
    pub route: String,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

pub fn is_proven(provider: &Provider, event: &str) -> bool {
    !matches!(provider.verification_of(Some(event)), None | Some(Verification::None(_)))
}

/// A delivery of each event, signed for the URL of all tests.
pub fn deliveries() -> Vec<Delivery> {
    let mut all = Vec::new();
    // An invented provider may sign the URL as well, which is only given for one of these.
    let known = ["dealpos", "mipos", "mypos", "vipps"];
    for provider in PROVIDERS.iter().copied().filter(|provider| known.contains(&provider.name)) {
        for event in provider.events.iter().filter(|event| !event.payload.examples.is_empty()) {
            // Only deliveries that do not name their event need a route of each event.
            let is_route = provider.event_name == Some(EventNamePlace::Route);
            let route = if is_route { format!("{}-{}", provider.name, all.len()) } else { provider.name.to_owned() };
            let by_path = provider.event_name == Some(EventNamePlace::LastPathSegment);
            let path = if by_path { format!("/{route}/{}", event.name) } else { format!("/{route}") };
            // Bytes that are not those of the payload in a line.
            let body = format!("{}\r\n", event.payload.examples[0].json);
            let (_, headers) = delivery(provider, event.name, body.as_bytes());
            all.push(Delivery { provider, event: event.name, route, path, headers, body });
        }
    }
    all
}

/// The routes of these deliveries to the sink `inbox`, where providers that sign a URL have this one.
pub fn routes(deliveries: &[Delivery], url: &str) -> String {
    let mut text = String::new();
    for Delivery { provider, event, route, .. } in deliveries {
        if text.contains(&format!("[routes.{route}]")) {
            continue;
        }
        let segment = if provider.event_name == Some(EventNamePlace::LastPathSegment) { "/*" } else { "" };
        let proof = match is_proven(provider, event) {
            true => "secrets = { file = \"secret\" }",
            false => "accept_unsigned = true",
        };
        let url = if *route == provider.name { url.to_owned() } else { format!("{url}/{route}") };
        write!(
            text,
            "[routes.{route}]\npath = \"/{route}{segment}\"\nprovider = \"{}\"\n{proof}\nurl = \"{url}\"\nsink = \"inbox\"\n",
            provider.name
        )
        .unwrap();
        if provider.event_name == Some(EventNamePlace::Route) {
            writeln!(text, "event = \"{event}\"").unwrap();
        }
    }
    text
}

/// Sends the deliveries, one after the other.
pub fn deliver_all(listener: &Listener, deliveries: &[Delivery]) {
    for Delivery { provider, path, headers, body, .. } in deliveries {
        let status = listener.post(path, headers, body.as_bytes()).status();
        assert!(status.is_success(), "{} {path}: {status}", provider.name);
    }
}
