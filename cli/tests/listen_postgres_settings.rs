//! `listen` writes only to a server and a table of PostgreSQL that keep what is acknowledged, and says otherwise what to change;
//! `sink create` creates such a table.

#![cfg(all(unix, feature = "postgres"))]

#[path = "../../tests/cluster/mod.rs"]
mod cluster;
mod inbox;
mod listener;

use std::fs;
use std::process::Command;
use std::sync::Arc;

use cluster::Cluster;
use http::StatusCode;
use inbox::*;
use listener::*;

#[test]
fn a_server_or_a_table_that_does_not_keep_what_is_required_is_refused() {
    let Some(cluster) = Cluster::start(&[]).map(Arc::new) else { return };
    let inbox = Inbox::empty(&cluster, "wrong");
    assert!(inbox.refused("").contains("there is no such table; `pos-webhooks sink create` creates it"));
    let admin = inbox.folder.file("admin-url");
    assert!(inbox.create(&["--apply", "--admin-url-file", &admin]).status.success());
    inbox.listen("").end();

    let refused = |change: &str, settings: &str, undo: &str, why: &str| {
        inbox.sql(change);
        let found = inbox.refused(settings);
        assert!(found.contains(why), "{change}: {found}");
        inbox.sql(undo);
    };
    let table = "alter table pos_webhooks.event";
    let event = "on pos_webhooks.event";
    for (change, undo, why) in [
        (
            "alter role listen set synchronous_commit = off",
            "alter role listen reset synchronous_commit",
            "synchronous_commit is off",
        ),
        (
            &format!("revoke insert {event} from listen"),
            &format!("grant insert {event} to listen"),
            "prints the grants",
        ),
        (
            &format!("revoke select {event} from listen"),
            &format!("grant select {event} to listen"),
            "prints the grants",
        ),
        (
            &format!("revoke update (deliveries) {event} from listen"),
            &format!("grant update (deliveries) {event} to listen"),
            "prints the grants",
        ),
        (
            "revoke usage on schema pos_webhooks from listen",
            "grant usage on schema pos_webhooks to listen",
            "prints the grants",
        ),
        (&format!("{table} rename body to bytes"), &format!("{table} rename bytes to body"), "lacks a column"),
        (
            &format!("{table} alter error type integer using null"),
            &format!("{table} alter error type text"),
            "has another type",
        ),
        (
            &format!("{table} drop constraint event_once"),
            &format!("{table} add constraint event_once unique (route, idempotency_key)"),
            "add unique (route, idempotency_key)",
        ),
        (&format!("{table} set unlogged"), &format!("{table} set logged"), "is not logged"),
        (
            "create unique index other on pos_webhooks.event (route, idempotency_key) nulls not distinct",
            "drop index pos_webhooks.other",
            "NULLS NOT DISTINCT",
        ),
        (
            "alter database wrong set default_transaction_read_only = on",
            "begin read write; alter database wrong reset default_transaction_read_only; commit",
            "standby or read-only",
        ),
    ] {
        refused(change, "", undo, why);
    }
    refused("select 1", "require = \"replicated\"", "select 1", "synchronous_standby_names is empty");
    let reload = |change: &str| {
        cluster.sql("wrong", change);
        cluster.sql("wrong", "select pg_reload_conf()");
    };
    reload("alter system set synchronous_standby_names = 'x'");
    until("the setting", || cluster.sql("wrong", "show synchronous_standby_names") == "x");
    refused(
        "set synchronous_commit = local; alter role listen set synchronous_commit = local",
        "require = \"replicated\"",
        "set synchronous_commit = local; alter role listen reset synchronous_commit",
        "synchronous_commit is local",
    );
    reload("alter system reset all");
    until("the setting", || cluster.sql("wrong", "show synchronous_standby_names").is_empty());

    // A setting that is changed while events come in is noticed, and so is that it is changed back.
    let listener = inbox.listen("");
    reload("alter system set fsync = off");
    until("it is not ready", || !is_ready(listener.address));
    assert_eq!(deliver(listener.address, "/shop", payment(1).as_bytes()).unwrap(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(inbox.refused("").contains("set fsync = on in postgresql.conf"));
    reload("alter system reset all");
    until("it is ready", || is_ready(listener.address));
    assert_eq!(deliver(listener.address, "/shop", payment(1).as_bytes()).unwrap(), StatusCode::OK);
    let log = listener.end();
    assert!(log.contains("fsync is off"), "{log}");

    let standby = Arc::new(cluster.standby("standby"));
    let of_standby =
        Inbox { folder: Folder::new("pg-standby"), cluster: Arc::clone(&standby), database: "wrong".to_owned() };
    of_standby.set_servers(&[&standby]);
    assert!(of_standby.refused("").contains("the server is a standby or read-only"));
    // With all servers, the primary is found.
    of_standby.set_servers(&[&standby, &cluster]);
    let listener = of_standby.listen("");
    assert_eq!(deliver(listener.address, "/shop", payment(2).as_bytes()).unwrap(), StatusCode::OK);
    listener.end();
    assert_eq!(inbox.count(), 2);
}

#[test]
fn what_a_sink_needs_is_printed_or_created_and_never_by_listen() {
    let Some(cluster) = shared() else { return };
    let inbox = Inbox::empty(&cluster, "create");
    let printed = inbox.create(&["--role", "another \"role\""]);
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(
        printed.contains("grant insert, select on \"pos_webhooks\".\"event\" to \"another \"\"role\"\"\""),
        "{printed}"
    );
    // Without rights, and with a role that is not there, nothing is created.
    let apply = |options: &[&str]| {
        let output = inbox.create(&[&["--apply"], options].concat());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let admin = inbox.folder.file("admin-url");
    let (status, errors) = apply(&[]);
    assert!(
        status == Some(2) && errors.contains("nothing was created") && errors.contains("permission denied"),
        "{errors}"
    );
    let (status, errors) = apply(&["--admin-url-file", &admin, "--role", "nobody"]);
    assert!(status == Some(2) && errors.contains("role \"nobody\" does not exist"), "{errors}");
    for (role, why) in [
        ("", "--role: the name of the role is empty"),
        (&*"\u{e9}".repeat(32), "--role: the name of the role has 64 bytes"),
    ] {
        let (status, errors) = apply(&["--admin-url-file", &admin, "--role", role]);
        assert!(status == Some(2) && errors.contains(why), "{errors}");
    }
    assert_eq!(inbox.sql("select count(*) from pg_namespace where nspname = 'pos_webhooks'"), "0");

    assert_eq!(apply(&["--admin-url-file", &admin]).0, Some(0));
    let (status, errors) = apply(&["--admin-url-file", &admin]);
    assert!(status == Some(2) && errors.contains("already exists"), "{errors}");
    for forbidden in
        ["delete from pos_webhooks.event", "update pos_webhooks.event set body = ''", "create table pos_webhooks.a ()"]
    {
        assert!(cluster.try_sql("create", ROLE, forbidden).unwrap_err().contains("permission denied"), "{forbidden}");
    }
    // The printed statements are those that are executed.
    let other = Inbox::empty(&cluster, "printed");
    let printed = String::from_utf8(other.create(&[]).stdout).unwrap();
    other.sql(&printed);
    let listener = other.listen("");
    assert_eq!(deliver(listener.address, "/shop", b"{}").unwrap(), StatusCode::OK);
    listener.end();
    // A file needs nothing.
    fs::write(inbox.folder.file("sinks.toml"), "[sinks.inbox]\ntype = \"stdout\"\n").unwrap();
    assert!(String::from_utf8(inbox.create(&[]).stderr).unwrap().contains("nothing has to be created for sinks.inbox"));
}

#[test]
fn a_url_is_not_shown_and_a_server_that_is_not_there_is_waited_for() {
    let Some(cluster) = shared() else { return };
    let inbox = Inbox::new(&cluster, "url");
    inbox.folder.write_secret("url", "postgres://shopkeeper:hunter2@127.0.0.1:1/shop");
    let listener = inbox.listen("");
    assert!(!is_ready(listener.address));
    assert_eq!(listener.get("/livez").status(), StatusCode::OK);
    assert_eq!(deliver(listener.address, "/shop", b"{}").unwrap(), StatusCode::SERVICE_UNAVAILABLE);
    let log = listener.end();
    assert!(
        log.contains("table pos_webhooks.event of the database shop at 127.0.0.1") && log.contains("refused"),
        "{log}"
    );
    assert!(!log.contains("hunter2") && !log.contains("shopkeeper"), "{log}");
    for (url, why) in [
        ("mysql://a:hunter2@b/c", "begins with postgres://"),
        ("postgres://a:hunter2@b:port/c", "the URL cannot be read"),
        ("postgres://a:hunter2@b/c?hunter2=x", "the URL cannot be read"),
        ("postgres://a:hunt@hunter2@b/c", "write %40"),
        ("postgres://a:hunt@b/hunter2@b/c", "write %40"),
        ("postgres://a:hunter2@/c", "does not have a host"),
        ("postgres://a:hunter2@b", "does not have a database"),
        ("postgres://b/c", "does not have a user"),
        ("postgres://a:hunter2@b/c?sslmode=prefer", "write `verify-full` or `disable`"),
        ("postgres://a:hunter2@b/c?sslmode=none", "is expected"),
        ("postgres://a%00b:hunter2@b/c", "the name of the user has a NUL"),
        ("postgres://a:hunter2%00@b/c", "the password has a NUL"),
        ("postgres://a:hunter2@b/c%00", "the name of the database has a NUL"),
        (&format!("postgres://a:hunter2@b/{}", "x".repeat(64)), "has 64 bytes; names of PostgreSQL have at most 63"),
    ] {
        inbox.folder.write_secret("url", url);
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        let output =
            command.args(["listen", "--check", "--config", &inbox.folder.file("listen.toml")]).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && errors.contains(why), "{url}: {errors}");
        assert!(errors.contains("sinks.inbox.url: ") && !errors.contains("hunter2"), "{url}: {errors}");
    }
    for (member, why) in [
        ("table = \"event\"", "a schema and a table are expected"),
        ("table = \"a.b; drop table c\"", "a schema and a table are expected"),
        ("table = \"pg_catalog.event\"", "the schema pg_catalog is one of PostgreSQL itself"),
        ("table = \"pg_toast.event\"", "the schema pg_toast is one of PostgreSQL itself"),
        ("table = \"information_schema.event\"", "the schema information_schema is one of PostgreSQL itself"),
        (&format!("table = \"a.{}\"", "x".repeat(64)), "a schema and a table are expected"),
        ("require = \"none\"", "`local` or `replicated` is expected"),
        ("ca = { file = \"none.pem\" }", "none.pem"),
        ("tabel = \"a.b\"", "did you mean `table`?"),
    ] {
        inbox.folder.write_secret("url", "postgres://a@db.example.invalid/c");
        fs::write(inbox.folder.file("member.toml"), format!("[sinks.inbox]\ntype = \"postgres\"\nurl = {{ file = \"url\" }}\n{member}\n[routes.a]\npath = \"/a\"\nprovider = \"vipps\"\nurl = \"{URL}\"\nsecrets = {{ file = \"secret\" }}\nsink = \"inbox\"\n")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        let output =
            command.args(["listen", "--check", "--config", &inbox.folder.file("member.toml")]).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.code() == Some(2) && text.contains(why), "{member}: {text}");
    }
}
