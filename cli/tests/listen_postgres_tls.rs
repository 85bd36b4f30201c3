//! `listen` encrypts its connection to PostgreSQL, and checks the certificate of the server.

#![cfg(all(unix, feature = "postgres"))]

#[path = "../../tests/cluster/mod.rs"]
mod cluster;
mod inbox;
mod listener;

use std::fs;
use std::process::{Command, Output};
use std::sync::Arc;

use cluster::Cluster;
use http::StatusCode;
use inbox::*;
use listener::*;

/// Creates an authority, and a certificate of it for an address.
fn create_certificates(cluster: &Cluster, address: &str) {
    let new = ["req", "-x509", "-days", "2", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
    let authority = ["-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"];
    cluster.run("/usr/bin/openssl", &[&new[..], &authority].concat());
    let name = format!("subjectAltName=IP:{address}");
    let server = ["-subj", "/CN=server", "-keyout", "server.key", "-out", "server.crt", "-addext", &name];
    let signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"];
    cluster.run("/usr/bin/openssl", &[&new[..], &server, &signed].concat());
}

#[test]
fn a_connection_is_encrypted_and_the_certificate_is_checked() {
    let pid = std::process::id();
    // Addresses of this machine that no other test has.
    let address = |last: u32| format!("127.{}.{}.{last}", 1 + pid / 256 % 250, pid % 256);
    let (address, without_name) = (address(1), address(2));
    let Some(cluster) = Cluster::start(&[&format!("listen_addresses={address},{without_name}")]).map(Arc::new) else {
        return;
    };
    if !std::path::Path::new("/usr/bin/openssl").exists() {
        assert!(std::env::var_os("POS_WEBHOOKS_REQUIRE_SERVERS").is_none(), "openssl is not installed");
        eprintln!("SKIPPED: openssl is not installed, so nothing was tested");
        return;
    }
    let inbox = Inbox::new(&cluster, "tls");
    cluster.allow("hostnossl all all 127.0.0.0/8 reject");
    create_certificates(&cluster, &address);
    let authority = format!("{}/data/ca.pem", cluster.folder());
    fs::copy(authority, inbox.folder.file("ca.pem")).unwrap();
    let set_url = |host: &str, parameters: &str| {
        inbox.folder.write_secret("url", &format!("postgres://{ROLE}@{host}/tls?{parameters}"));
    };
    let check = |settings: &str| -> Output {
        let configuration = format!("listen = \"127.0.0.1:0\"\n{}", configuration(settings));
        fs::write(inbox.folder.file("checked.toml"), configuration).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        command.args(["listen", "--check", "--config", &inbox.folder.file("checked.toml")]).output().unwrap()
    };
    let refused = |settings: &str, why: &str| {
        let output = check(settings);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.code() == Some(2) && text.contains(why), "{text}");
    };
    let ca = "ca = { file = \"ca.pem\" }";

    set_url(&address, "sslmode=verify-full");
    refused(ca, "server does not support TLS");
    cluster.sql("tls", "alter system set ssl = on");
    cluster.sql("tls", "select pg_reload_conf()");
    until("TLS", || check(ca).status.success());
    // The authority is not one of the operating system's.
    refused("", "the certificate has to be one that this machine trusts");
    set_url(&without_name, "sslmode=verify-full");
    refused(ca, "certificate");
    set_url(&address, "sslmode=disable");
    refused(ca, "pg_hba.conf rejects connection");
    for (parameters, settings) in [("sslmode=require", ca), ("sslmode=verify-full&sslrootcert=ca.pem", "")] {
        set_url(&address, parameters);
        let listener = inbox.listen(settings);
        assert_eq!(deliver(listener.address, "/shop", payment(1).as_bytes()).unwrap(), StatusCode::OK);
        let encrypted = "select ssl from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'listen'";
        assert_eq!(inbox.sql(encrypted), "t");
        listener.end();
    }
    assert_eq!(inbox.count(), 1);
}
