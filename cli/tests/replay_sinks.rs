//! `replay` sends the events of a table and of a stream as it sends those of a file.

#![cfg(all(unix, feature = "nats", feature = "postgres"))]

#[path = "../../tests/cluster/mod.rs"]
mod cluster;
mod every_provider;
mod inbox;
mod listener;
mod nats_server;
mod recorder;
mod tailed;

use std::fs;

use every_provider::{deliver_all, deliveries, is_proven, routes};
use http::StatusCode;
use inbox::{Inbox, shared};
use listener::*;
use nats_server::{STREAM, Server, can_run, fitting};
use recorder::Recorder;
use serde_json::Value;
use tailed::run;

const OTHER: &str = "https://other.example/vipps";

/// A server with a sink for each of two listeners.
struct Stored {
    folder: Folder,
    /// The tables of the sinks.
    sinks: [String; 2],
    /// What is kept running.
    _inbox: Option<Inbox>,
    _server: Option<Server>,
}

impl Stored {
    fn in_postgres(name: &str) -> Option<Self> {
        let inbox = Inbox::new(&shared()?, name);
        let folder = Folder::new(name);
        folder.write_secret("url", fs::read_to_string(inbox.folder.file("url")).unwrap().trim());
        let sink = "[sinks.inbox]\ntype = \"postgres\"\nurl = { file = \"url\" }\n".to_owned();
        inbox.sql("create table pos_webhooks.second (like pos_webhooks.event including all)");
        inbox.sql(
            "grant insert, select on pos_webhooks.second to listen; grant update on pos_webhooks.second to listen",
        );
        let second = format!("{sink}table = \"pos_webhooks.second\"\n");
        Some(Self { folder, sinks: [sink, second], _inbox: Some(inbox), _server: None })
    }

    fn in_nats(name: &str) -> Option<Self> {
        if !can_run() {
            return None;
        }
        let folder = Folder::new(name);
        let server = Server::start(&folder, "");
        let sinks = [(STREAM, "pos"), ("SECOND", "second")].map(|(stream, subject)| {
            let subjects = vec![format!("{subject}.>")];
            server.create(async_nats::jetstream::stream::Config { name: stream.to_owned(), subjects, ..fitting() });
            let url = server.url();
            format!(
                "[sinks.inbox]\ntype = \"nats\"\nservers = \"{url}\"\nstream = \"{stream}\"\nsubject = \"{subject}\"\n"
            )
        });
        Some(Self { folder, sinks, _inbox: None, _server: Some(server) })
    }

    fn both(name: &str) -> impl Iterator<Item = Self> {
        let postgres = Self::in_postgres(&format!("{name}-postgres"));
        postgres.into_iter().chain(Self::in_nats(&format!("{name}-nats")))
    }

    /// Writes a configuration with one of the sinks, and returns its name.
    fn config(&self, sink: usize) -> String {
        let file = self.folder.file(&format!("sink-{sink}.toml"));
        fs::write(&file, &self.sinks[sink]).unwrap();
        file
    }

    fn lines(&self, sink: usize) -> Vec<Value> {
        let config = self.config(sink);
        let (status, shown, errors) = run(&["tail", "inbox", "--config", &config, "--from-start", "--no-follow"]);
        assert_eq!(status, Some(0), "{errors}");
        shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn replay(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let config = self.config(0);
        let result = run(&[&["replay", "inbox", "--config", &config], arguments].concat());
        assert!(!result.1.contains(SECRET) && !result.2.contains(SECRET), "{result:?}");
        result
    }
}

#[test]
fn the_events_of_every_provider_are_accepted_and_recognised_by_a_second_listener() {
    for stored in Stored::both("replay-sinks") {
        let (folder, all) = (&stored.folder, deliveries());
        let first = Listener::configured(folder, &(routes(&all, URL) + &stored.sinks[0]));
        deliver_all(&first, &all);
        first.end();
        let second = Listener::configured(folder, &(routes(&all, OTHER) + &stored.sinks[1]));
        let mut names: Vec<_> = all.iter().map(|delivery| (delivery.provider, delivery.route.as_str())).collect();
        names.dedup_by(|one, other| one.1 == other.1);
        for _ in 0..2 {
            for (provider, name) in &names {
                let (to, secret) = (format!("http://{}/{name}", second.address), folder.file("secret"));
                let mut arguments = vec!["--to", &to, "--route", name];
                if provider.events.iter().any(|event| is_proven(provider, event.name)) {
                    arguments.extend(["--secret-file", &secret, "--url", OTHER]);
                }
                let (status, shown, errors) = stored.replay(&arguments);
                assert_eq!((status, errors.as_str()), (Some(0), ""), "{name}: {shown}");
                assert_eq!(shown.lines().count(), all.iter().filter(|delivery| delivery.route == *name).count());
            }
        }
        second.end();
        let members = |line: &Value| -> Vec<String> {
            ["provider", "route", "event", "idempotency_key", "body", "payload"]
                .map(|name| line[name].to_string())
                .to_vec()
        };
        let expected = stored.lines(0);
        assert_eq!(expected.len(), all.len());
        // An event without a key is stored each time.
        let times = |line: &Value| if line["idempotency_key"].is_null() { 2 } else { 1 };
        let mut expected: Vec<_> = expected.iter().flat_map(|line| vec![members(line); times(line)]).collect();
        let mut found: Vec<_> = stored.lines(1).iter().map(members).collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
    }
}

#[test]
fn an_event_has_its_place_and_what_was_not_accepted_can_be_sent_later() {
    for stored in Stored::both("replay-sinks-place") {
        let folder = &stored.folder;
        let route = format!(
            "[routes.shop]\npath = \"/\"\nprovider = \"vipps\"\nurl = \"{URL}\"\nsink = \"inbox\"\nsecrets = {{ file = \"secret\" }}\n"
        );
        let listener = Listener::configured(folder, &(route + &stored.sinks[0]));
        // Numbers of rows have gaps after duplicates.
        for reference in [1, 1, 2, 2, 3, 4] {
            assert_eq!(listener.deliver(payment(reference).as_bytes()), StatusCode::OK);
        }
        let recorder = Recorder::start(|number, _| Some([200, 500, 200].get(number).copied().unwrap_or(200)));
        let (to, secret) = (recorder.url("/hooks"), folder.file("secret"));
        let to = ["--to", to.as_str(), "--secret-file", secret.as_str()];
        let (status, listed, _) = stored.replay(&[&to[..], &["--dry-run"]].concat());
        assert_eq!((status, recorder.rest().len()), (Some(0), 0));
        let places: Vec<_> = listed.lines().map(|line| line.split("  ").next().unwrap().to_owned()).collect();
        assert!(places.len() == 4 && places.iter().all(|place| place.parse::<u64>().is_ok()), "{listed}");

        let (status, _, errors) = stored.replay(&to);
        assert_eq!(status, Some(1));
        assert!(errors.contains("3 of 4 events were accepted; not accepted:"), "{errors}");
        assert!(errors.contains(&format!("--begin-at {} continues", places[1])), "{errors}");
        let sent = recorder.rest();
        let replayed: Vec<_> = sent.iter().map(|request| request.headers["pos-webhooks-replay"].clone()).collect();
        assert_eq!(replayed, places);
        assert!(sent.iter().map(|request| request.body.clone()).eq((1..=4).map(|n| payment(n).into_bytes())));

        let (status, shown, _) = stored.replay(&[&to[..], &["--begin-at", &places[1]]].concat());
        assert_eq!((status, shown.lines().count(), recorder.rest().len()), (Some(0), 3, 3));
        let key = stored.lines(0)[2]["idempotency_key"].as_str().unwrap().to_owned();
        let (status, shown, _) = stored.replay(&[&to[..], &["--begin-at", &places[1], "--key", &key]].concat());
        assert_eq!(
            (status, shown.lines().count(), recorder.rest()[0].body.clone()),
            (Some(0), 1, payment(3).into_bytes())
        );
        let (status, _, errors) =
            stored.replay(&[&to[..], &["--since", "2026-01-01T00:00:00Z", "--until", "1d"]].concat());
        assert!(status == Some(1) && errors.contains("no stored event is selected"), "{errors}");
        for place in ["0", "9999", "-1", "events:1", ""] {
            let (status, _, errors) = stored.replay(&[&to[..], &[&format!("--begin-at={place}")]].concat());
            assert!(status == Some(2) && errors.contains("is not the place of an event"), "{place}: {errors}");
        }
        assert_eq!(recorder.rest().len(), 0);
        listener.end();
    }
}
