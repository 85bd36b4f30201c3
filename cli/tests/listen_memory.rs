//! The memory of `listen` is bounded in bytes: what does not fit waits, and is then refused with 503.

#![cfg(target_os = "linux")]

mod listener;

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use http::StatusCode;
use listener::*;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

fn configuration(limits: &str) -> String {
    format!(
        "[limits]\n{limits}\n[routes.shop]\npath = \"/\"\nprovider = \"vipps\"\nurl = \"{URL}\"\nsink = \"inbox\"\n\
         secrets = {{ file = \"secret\" }}\n[sinks.inbox]\ntype = \"file\"\nfile = \"events\"\n"
    )
}

#[test]
fn bodies_of_a_mebibyte_by_1024_connections_need_less_than_128_mebibytes() {
    const CONNECTIONS: usize = 1_024;
    let all = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: all, maximum: all }).unwrap();
    let folder = Folder::new("memory");
    let listener = Listener::configured(&folder, &configuration(""));
    let body = format!("{{\"name\":\"{}\"}}", "a".repeat((1 << 20) - 11));
    let mut head = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n".to_vec();
    for (name, value) in signed(body.as_bytes()) {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    write!(head, "content-length: {}\r\n\r\n", body.len()).unwrap();
    let streams: Vec<_> = (0..CONNECTIONS).map(|_| TcpStream::connect(listener.address).unwrap()).collect();
    let answered: Vec<_> = std::thread::scope(|scope| {
        let senders: Vec<_> = streams
            .chunks(CONNECTIONS / 50)
            .map(|streams| {
                let (head, body) = (&head, &body);
                scope.spawn(move || {
                    // Every connection sends most of its body before any sends the rest.
                    for mut stream in streams {
                        stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
                        stream.write_all(head).unwrap();
                        let _ = stream.write_all(&body.as_bytes()[..body.len() - 1]);
                    }
                    streams.iter().map(|stream| answer(stream.try_clone().unwrap())).collect::<Vec<_>>()
                })
            })
            .collect();
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    });
    let peak = peak_memory(&listener);
    assert!(peak < 128 << 20, "{} MiB", peak >> 20);
    // No body is complete, and those for which there was no memory are refused as to be sent again.
    let statuses: Vec<_> = answered.iter().filter_map(|answer| Some(answer.as_ref().ok()?.status())).collect();
    assert!(statuses.contains(&StatusCode::SERVICE_UNAVAILABLE), "{statuses:?}");
    assert!(!statuses.contains(&StatusCode::OK));
    // The memory is free again.
    assert_eq!(listener.deliver(payment(1).as_bytes()), StatusCode::OK);
    assert!(listener.get("/metrics").body().contains("pos_webhooks_in_flight_bytes 0\n"));
    let log = listener.end();
    assert!(log.contains("\"reason\":\"no_memory\""), "{log}");
}

#[test]
fn a_body_that_does_not_fit_waits_until_another_one_has_ended() {
    let folder = Folder::new("memory-waits");
    // One body of 100 kB fits, and two do not.
    let listener = Listener::configured(&folder, &configuration("body = \"100 kB\"\nin_flight = \"400 kB\""));
    let body = payment("a".repeat(90_000));
    let mut first = TcpStream::connect(listener.address).unwrap();
    let mut request = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n", body.len()).into_bytes();
    for (name, value) in signed(body.as_bytes()) {
        write!(request, "{name}: {value}\r\n").unwrap();
    }
    request.extend_from_slice(b"connection: close\r\n\r\n");
    request.extend_from_slice(&body.as_bytes()[..80_000]);
    first.write_all(&request).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let reserved = || {
        let text = listener.get("/metrics").into_body();
        let figure = text.lines().find_map(|line| line.strip_prefix("pos_webhooks_in_flight_bytes "));
        figure.unwrap().parse::<usize>().unwrap()
    };
    while reserved() < 240_000 {
        assert!(Instant::now() < deadline, "the memory is not reserved");
    }
    let other = payment("b".repeat(90_000));
    std::thread::scope(|scope| {
        let second = scope.spawn(|| listener.deliver(other.as_bytes()));
        first.write_all(&body.as_bytes()[80_000..]).unwrap();
        assert_eq!(answer(first).unwrap().status(), StatusCode::OK);
        assert_eq!(second.join().unwrap(), StatusCode::OK);
    });
    listener.end();
    assert_eq!(folder.lines().len(), 2);
}

#[test]
fn an_announced_length_alone_does_not_keep_out_others() {
    let folder = Folder::new("memory-announced");
    let listener = Listener::configured(&folder, &configuration(""));
    let head = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1048576\r\n\r\n";
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(listener.address).unwrap();
            stream.write_all(head).unwrap();
            stream
        })
        .collect();
    // Each has the memory for a short body.
    until("the requests have begun", || {
        let text = listener.get("/metrics").into_body();
        let figure = text.lines().find_map(|line| line.strip_prefix("pos_webhooks_in_flight_bytes "));
        figure.unwrap().parse::<usize>().unwrap() == waiting.len() * 3 * 16 * 1024
    });
    let since = Instant::now();
    assert_eq!(listener.deliver(payment("a".repeat(20_000)).as_bytes()), StatusCode::OK);
    assert!(since.elapsed() < Duration::from_secs(5), "it waited for the others");
    drop(waiting);
    listener.end();
}

#[test]
fn long_bodies_that_arrive_at_the_same_time_are_all_accepted() {
    let folder = Folder::new("memory-many");
    // Two bodies of 1 MB fit.
    let listener = Listener::configured(&folder, &configuration("body = \"1 MB\"\nin_flight = \"8 MB\""));
    std::thread::scope(|scope| {
        for number in 0..10 {
            let listener = &listener;
            scope.spawn(move || {
                let body = payment(format!("{number}-{}", "a".repeat(900_000)));
                assert_eq!(listener.deliver(body.as_bytes()), StatusCode::OK);
            });
        }
        // Meanwhile, a short one does not wait for them.
        assert_eq!(listener.deliver(payment(1).as_bytes()), StatusCode::OK);
    });
    listener.end();
    assert_eq!(folder.lines().len(), 11);
}
