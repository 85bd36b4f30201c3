//! `listen` rotates its file by size and by age, and no kill at any step loses an event or stores it twice.

#![cfg(unix)]

mod listener;

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::thread;
use std::time::Duration;

use http::StatusCode;
use listener::*;
use serde_json::Value;

fn configuration(rotate: &str) -> String {
    format!(
        "[routes.shop]\npath = \"/\"\nprovider = \"vipps\"\nurl = \"{URL}\"\nsink = \"inbox\"\n\
         secrets = {{ file = \"secret\" }}\n[sinks.inbox]\ntype = \"file\"\nfile = \"events\"\nrotate = {rotate}\n"
    )
}

/// The files of events, the one that is written to last.
fn files(folder: &Folder) -> Vec<String> {
    let names = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.starts_with("events")).collect();
    names.sort_by_key(|name| (name == "events", name.clone()));
    names
}

/// The references of all stored events, in the order in which they were stored.
fn stored(folder: &Folder) -> Vec<String> {
    let mut references = Vec::new();
    for name in files(folder) {
        let text = fs::read_to_string(folder.file(&name)).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{name} has a torn line");
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{name}: {line}"));
            references.push(line["payload"]["pspReference"].as_str().unwrap().to_owned());
        }
    }
    references
}

#[test]
fn a_file_that_is_long_enough_is_rotated_and_the_oldest_ones_are_removed() {
    let folder = Folder::new("rotate-size");
    let configuration = configuration("{ size = \"2 kB\", keep = 2 }");
    let listener = Listener::configured(&folder, &configuration);
    fs::write(folder.file("events-20260101"), "of another program\n").unwrap();
    for number in 0..20 {
        assert_eq!(listener.deliver(payment(number).as_bytes()), StatusCode::OK);
    }
    // A rotated event is recognised, and so it is after a new start.
    assert_eq!(listener.deliver(payment(14).as_bytes()), StatusCode::OK);
    listener.end();
    fs::remove_file(folder.file("events-20260101")).unwrap();
    let names = files(&folder);
    assert_eq!(names.len(), 3, "{names:?}");
    let size = fs::metadata(folder.file(&names[0])).unwrap().len();
    assert!((2_000..4_000).contains(&size), "{size}");
    let kept = stored(&folder);
    let last: Vec<_> = (20 - kept.len()..20).map(|number| number.to_string()).collect();
    assert_eq!(kept, last);
    let listener = Listener::configured(&folder, &configuration);
    assert_eq!(listener.deliver(payment(19).as_bytes()), StatusCode::OK);
    assert_eq!(listener.deliver(payment(kept[0].clone()).as_bytes()), StatusCode::OK);
    listener.end();
    assert_eq!(stored(&folder), kept);
}

#[test]
fn a_file_that_is_old_enough_is_rotated() {
    let folder = Folder::new("rotate-age");
    let old = "{\"received_at\":\"2026-01-01T00:00:00Z\",\"route\":\"shop\",\"provider\":\"vipps\",\"idempotency_key\":\"a\",\
               \"payload\":{\"pspReference\":\"old\"}}\n";
    fs::write(folder.file("events"), old).unwrap();
    let listener = Listener::configured(&folder, &configuration("{ age = \"24 h\" }"));
    assert_eq!(listener.deliver(payment(1).as_bytes()), StatusCode::OK);
    assert_eq!(listener.deliver(payment(2).as_bytes()), StatusCode::OK);
    listener.end();
    let names = files(&folder);
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(fs::read_to_string(folder.file(&names[0])).unwrap(), old);
    assert_eq!(stored(&folder), ["old", "1", "2"]);
}

/// The states of the folder in which a kill during a rotation can leave it.
#[test]
fn a_start_continues_after_each_step_of_a_rotation() {
    for step in ["renamed", "created", "torn in the new file"] {
        let folder = Folder::new(&format!("rotate-step-{}", step.replace(' ', "-")));
        let configuration = configuration("{ size = \"1 MiB\" }");
        let listener = Listener::configured(&folder, &configuration);
        assert_eq!(listener.deliver(payment(1).as_bytes()), StatusCode::OK);
        listener.kill();
        fs::rename(folder.file("events"), folder.file("events-20260101T000000.000001Z")).unwrap();
        match step {
            "created" => fs::write(folder.file("events"), "").unwrap(),
            "torn in the new file" => fs::write(folder.file("events"), "{\"received_at\":\"2026").unwrap(),
            _ => {}
        }
        let listener = Listener::configured(&folder, &configuration);
        assert_eq!(listener.deliver(payment(1).as_bytes()), StatusCode::OK);
        assert_eq!(listener.deliver(payment(2).as_bytes()), StatusCode::OK);
        listener.end();
        let _ = fs::remove_file(folder.file("events.torn"));
        assert_eq!(stored(&folder), ["1", "2"], "{step}");
    }
}

/// Senders that retry, and kills at any time, while nearly every batch rotates the file.
#[test]
fn kills_while_the_file_is_rotated_lose_nothing_and_store_nothing_twice() {
    const KILLS: usize = 25;
    let folder = Folder::new("rotate-kills");
    let configuration = configuration("{ size = \"1 kB\" }");
    let (over, next) = (AtomicBool::new(false), AtomicUsize::new(0));
    let acknowledged = Mutex::new(BTreeSet::new());
    let address = RwLock::new(None);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let body = payment(number);
                    while !over.load(Ordering::Relaxed) {
                        let address = *address.read().unwrap();
                        let sent = address.map(|address| post(address, "/", &signed(body.as_bytes()), body.as_bytes()));
                        if matches!(sent, Some(Ok(response)) if response.status() == StatusCode::OK) {
                            acknowledged.lock().unwrap().insert(number.to_string());
                            break;
                        }
                        thread::yield_now();
                    }
                }
            });
        }
        for kill in 0..KILLS {
            let listener = Listener::configured(&folder, &configuration);
            *address.write().unwrap() = Some(listener.address);
            let before = acknowledged.lock().unwrap().len();
            // Different numbers of events, so that the kills come at different steps.
            while acknowledged.lock().unwrap().len() < before + 3 + kill % 7 {
                thread::yield_now();
            }
            thread::sleep(Duration::from_micros(137 * kill as u64));
            *address.write().unwrap() = None;
            listener.kill();
        }
        over.store(true, Ordering::Relaxed);
    });
    // The last start repairs what the last kill left.
    Listener::configured(&folder, &configuration).end();
    for name in files(&folder).into_iter().filter(|name| name.ends_with(".torn")) {
        fs::remove_file(folder.file(&name)).unwrap();
    }
    let stored = stored(&folder);
    let distinct: BTreeSet<_> = stored.iter().cloned().collect();
    assert_eq!(stored.len(), distinct.len(), "an event is stored twice");
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.is_subset(&distinct), "{:?}", acknowledged.difference(&distinct));
    assert!(acknowledged.len() >= KILLS * 3 && files(&folder).len() > KILLS, "{}", files(&folder).len());
}
