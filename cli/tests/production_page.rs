//! docs/production.md names every metric and every member of a configuration that there is, and no other, and configures logrotate
//! as the help does; the README promises what tests hold; the example configurations of deploy/ can be started.

#![cfg(unix)]

mod listener;

use std::collections::BTreeSet;
use std::process::Command;

use http::StatusCode;
use listener::*;

const PAGE: &str = include_str!("../../docs/production.md");
const README: &str = include_str!("../../README.md");

#[test]
fn the_metrics_are_those_of_the_program() {
    let folder = Folder::new("production");
    let listener = Listener::vipps(&folder, &[]);
    // A metric by reason is there once it has counted something.
    assert_eq!(listener.post("/", &[], b"{}").status(), StatusCode::UNAUTHORIZED);
    assert_eq!(listener.deliver(payment(1).as_bytes()), StatusCode::OK);
    assert_eq!(exchange(listener.address, b"nothing\r\n\r\n").unwrap().status(), StatusCode::BAD_REQUEST);
    // It is counted after its response.
    listener.logged("not_http");
    let text = listener.get("/metrics").into_body();
    listener.end();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let (counters, others): (BTreeSet<_>, BTreeSet<_>) = types.partition(|(_, kind)| *kind == "counter");
    let mut there: BTreeSet<_> = counters.into_iter().map(|(name, _)| format!("{name}_total")).collect();
    there.extend(others.into_iter().map(|(name, kind)| match kind {
        "info" => format!("{name}_info"),
        _ => name.to_owned(),
    }));
    let words = PAGE.split(|c: char| !c.is_ascii_lowercase() && c != '_');
    let named = words.filter(|word| word.starts_with("pos_webhooks_")).map(|word| word.trim_end_matches("_bucket"));
    assert_eq!(named.map(str::to_owned).collect::<BTreeSet<_>>(), there);
}

/// The text of a cell, and the tests that hold what it promises, by their files.
type Promise = (&'static str, &'static [&'static str]);

/// What each row of the table of promises has in its cells. Where a cell is empty, says `none`, or that something may be lost,
/// nothing is promised.
const PROMISES: [(&str, [Promise; 5]); 5] = [
    (
        "file",
        [
            (
                "on the disk of this machine",
                &["listen_file::an_event_that_could_not_be_flushed_to_the_disk_is_not_acknowledged"],
            ),
            (
                "nothing is lost, nothing is twice",
                &[
                    "listen_file::acknowledged_events_survive_kills_and_rotations",
                    "listen_file_rotation::kills_while_the_file_is_rotated_lose_nothing_and_store_nothing_twice",
                ],
            ),
            ("", &[]),
            ("none", &[]),
            (
                "the newest `window` keys, in the newest 64 MiB",
                &[
                    "listen::a_redelivery_is_acknowledged_and_written_once",
                    "listen_file::the_keys_of_the_newest_64_mebibytes_are_known_after_a_restart",
                ],
            ),
        ],
    ),
    (
        "PostgreSQL, `local`",
        [
            (
                "committed, with `fsync` on and `synchronous_commit` not off",
                &["listen_postgres_settings::a_server_or_a_table_that_does_not_keep_what_is_required_is_refused"],
            ),
            ("the same, for all processes", &["listen_fleet::postgres_single_loses_nothing_and_stores_nothing_twice"]),
            (
                "the same; 503 meanwhile",
                &[
                    "listen_fleet::postgres_single_loses_nothing_and_stores_nothing_twice",
                    "listen_outage::a_database_that_is_killed_is_waited_for",
                ],
            ),
            ("an asynchronous standby may lack the last events", &[]),
            (
                "as long as the row exists",
                &["listen_postgres::an_event_is_stored_once_by_several_processes_and_after_restarts"],
            ),
        ],
    ),
    (
        "PostgreSQL, `replicated`",
        [
            (
                "also on the disk of a synchronous standby",
                &[
                    "listen_postgres_failures::a_commit_that_was_not_replicated_is_not_acknowledged_whether_new_or_delivered_again",
                    "listen_postgres_settings::a_server_or_a_table_that_does_not_keep_what_is_required_is_refused",
                ],
            ),
            ("the same", &["listen_fleet::postgres_replicated_loses_nothing_and_stores_nothing_twice"]),
            ("the same", &["listen_fleet::postgres_replicated_loses_nothing_and_stores_nothing_twice"]),
            ("nothing is lost", &["listen_fleet::postgres_replicated_loses_nothing_and_stores_nothing_twice"]),
            ("the same", &["listen_fleet::postgres_replicated_loses_nothing_and_stores_nothing_twice"]),
        ],
    ),
    (
        "NATS, one server",
        [
            (
                "in the page cache of the server, with `sync_interval: always` on its disk",
                &[
                    "listen_nats::a_message_has_the_bytes_the_headers_and_the_subject_of_its_event",
                    "listen_nats::the_check_reports_what_the_servers_promise",
                    "listen_nats::a_newer_server_that_flushes_each_event_is_accepted",
                ],
            ),
            ("the same", &["listen_fleet::nats_single_loses_nothing_and_stores_nothing_twice"]),
            (
                "the same",
                &[
                    "listen_fleet::nats_single_loses_nothing_and_stores_nothing_twice",
                    "listen_outage::a_nats_server_that_is_killed_is_waited_for",
                ],
            ),
            ("none", &[]),
            (
                "as long as the stream has the event",
                &["listen_nats::an_event_is_stored_once_by_all_processes_and_after_restarts"],
            ),
        ],
    ),
    (
        "NATS, 3 replicas",
        [
            (
                "with a majority of the servers, in the same way",
                &["listen_nats::a_stream_that_would_lose_events_is_refused_with_what_to_change"],
            ),
            ("the same", &["listen_fleet::nats_replicated_loses_nothing_and_stores_nothing_twice"]),
            ("the same", &["listen_fleet::nats_replicated_loses_nothing_and_stores_nothing_twice"]),
            (
                "nothing is lost; 4 to 11 s of 503",
                &["listen_fleet::nats_replicated_loses_nothing_and_stores_nothing_twice"],
            ),
            ("the same", &["listen_fleet::nats_replicated_loses_nothing_and_stores_nothing_twice"]),
        ],
    ),
];

#[test]
fn every_promise_is_held_by_a_test_that_there_is() {
    let (_, table) = README.split_once("\n| sink | at the 200").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect();
    let expected: Vec<Vec<&str>> = PROMISES
        .iter()
        .map(|(sink, cells)| [*sink].into_iter().chain(cells.iter().map(|(text, _)| *text)).collect())
        .collect();
    assert_eq!(rows, expected, "give the tests that hold what has changed");
    for (sink, cells) in PROMISES {
        for (text, tests) in cells {
            assert!(!tests.is_empty() || matches!(text, "" | "none") || text.contains(" may "), "{sink}: {text}");
            for test in tests {
                let (file, name) = test.split_once("::").unwrap();
                let file = format!("{}/tests/{file}.rs", env!("CARGO_MANIFEST_DIR"));
                let source = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
                assert!(
                    source.contains(&format!("#[test]\nfn {name}() {{")),
                    "{sink}: {text}: there is no test {test}"
                );
            }
        }
    }
}

#[test]
fn the_reasons_are_those_of_the_program() {
    let program = [
        include_str!("../src/listen/body.rs"),
        include_str!("../src/listen/delivery.rs"),
        include_str!("../src/listen/server.rs"),
    ]
    .concat();
    let rules = include_str!("../../deploy/prometheus-rules.yml");
    let lists = rules.split("{reason=~\"").skip(1).map(|rest| rest.split_once('"').unwrap().0);
    let reasons: Vec<_> =
        lists.flat_map(|list| list.split('|')).map(|reason| reason.trim_start_matches(".*")).collect();
    assert!(reasons.len() > 5, "{reasons:?}");
    for reason in reasons {
        assert!(program.contains(&format!("{reason}\"")), "{reason}");
    }
}

#[test]
fn logrotate_is_configured_as_in_the_help() {
    let help = Command::new(env!("CARGO_BIN_EXE_pos-webhooks")).args(["listen", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let block = |text: &str| -> Vec<String> {
        let (_, rest) = text.split_once("events.ndjson {\n").unwrap();
        rest.lines().map(|line| line.trim().to_owned()).take_while(|line| line != "}").collect()
    };
    assert_eq!(block(PAGE), block(&help));
}

#[test]
fn the_example_configuration_is_started() {
    let folder = Folder::new("production-example");
    for name in ["vipps-new", "vipps-old", "mypos-oslo", "mypos-bergen", "dealpos"] {
        folder.write_secret(&format!("{name}.secret"), SECRET);
    }
    let example = include_str!("../../deploy/listen.toml");
    let example = example.replace("127.0.0.1:8080", "127.0.0.1:0").replace("127.0.0.1:9090", "127.0.0.1:0");
    std::fs::write(folder.file("listen.toml"), example).unwrap();
    let configuration = folder.file("listen.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    let listener = Listener::spawn(command.args(["listen", "--config", &configuration]));
    let body = payment(1);
    let headers = pos_webhooks::vipps::sign(
        "https://shop.example/hooks/vipps",
        &SECRET.into(),
        body.as_bytes(),
        jiff::Timestamp::now(),
    );
    assert_eq!(listener.post("/hooks/vipps", &headers.unwrap(), body.as_bytes()).status(), StatusCode::OK);
    listener.end();
    let text = std::fs::read_to_string(folder.file("events.ndjson")).unwrap();
    assert!(text.contains("\"route\":\"vipps\""), "{text}");
}

/// The error of a member that is not known lists those that are.
#[test]
fn the_members_of_a_configuration_are_those_of_the_program() {
    let folder = Folder::new("production-members");
    let known = |configuration: &str| {
        std::fs::write(folder.file("listen.toml"), configuration).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        let output = command.args(["listen", "--check", "--config", &folder.file("listen.toml")]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        let line = text.lines().find(|line| line.contains("Q is not known")).unwrap_or_else(|| panic!("{text}"));
        let (_, known) = line.split_once("known: ").unwrap();
        known.split(", ").map(str::to_owned).collect::<Vec<_>>()
    };
    let page: BTreeSet<_> = PAGE.split('`').skip(1).step_by(2).map(|code| code.rsplit('.').next().unwrap()).collect();
    for table in [
        "",
        "[limits]\n",
        "[log]\n",
        "[refused]\n",
        "[routes.a]\n",
        "[sinks.a]\ntype = \"file\"\n",
        "[sinks.a]\ntype = \"postgres\"\n",
        "[sinks.a]\ntype = \"nats\"\n",
    ] {
        for member in known(&format!("{table}Q = 1\n")) {
            let is_table =
                matches!(member.as_str(), "routes" | "sinks" | "limits" | "log" | "refused" | "rotate" | "type");
            assert!(is_table || page.contains(member.as_str()), "{member} of {table:?}");
        }
    }
}
