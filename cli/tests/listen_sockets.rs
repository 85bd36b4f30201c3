//! `listen` serves unix sockets and sockets that a manager of services has opened, and health and metrics at an address of
//! their own.

#![cfg(unix)]

mod listener;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;

use http::StatusCode;
use listener::*;
use rustix::net::{AddressFamily, SocketType};

/// Sends a signed payment over a unix socket, and returns the status line.
fn deliver_to(path: &str, number: usize) -> String {
    let body = payment(number);
    let mut stream = UnixStream::connect(path).unwrap();
    let mut request = format!("POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in signed(body.as_bytes()) {
        request += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.lines().next().unwrap_or_default().to_owned()
}

fn listen(folder: &Folder, listen: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    command.args(["listen", "vipps", "--url", URL, "--secret-file", &folder.file("secret"), "--append"]);
    command.args([&folder.file("events"), "--log-format", "json", "--listen", listen]);
    command
}

#[test]
fn a_unix_socket_receives_deliveries_and_one_that_was_left_behind_is_replaced() {
    let folder = Folder::new("unix");
    let path = format!("/tmp/pos-webhooks-listen-{}.sock", std::process::id());
    let start = || Listener::spawn_at(&mut listen(&folder, &format!("unix:{path}"))).0;
    let listener = start();
    assert_eq!(deliver_to(&path, 1), "HTTP/1.1 200 OK");
    // Another process does not take the socket of a running one.
    let refused = listen(&folder, &format!("unix:{path}")).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    listener.kill();
    let listener = start();
    assert_eq!(deliver_to(&path, 2), "HTTP/1.1 200 OK");
    listener.end();
    assert_eq!(folder.lines().len(), 2);
    std::fs::remove_file(&path).unwrap();
    // A file that is not a socket stays.
    std::fs::write(&path, "a file").unwrap();
    let refused = listen(&folder, &format!("unix:{path}")).output().unwrap();
    assert!(String::from_utf8(refused.stderr).unwrap().contains("it exists and is not a socket"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a file");
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn the_owner_and_the_group_of_a_unix_socket_may_connect_unless_another_mode_is_given() {
    let folder = Folder::new("unix-mode");
    let path = format!("/tmp/pos-webhooks-mode-{}.sock", std::process::id());
    for (address, mode) in [(path.clone(), 0o660), (format!("{path}|0666"), 0o666), (format!("{path}|600"), 0o600)] {
        let (listener, shown) = Listener::spawn_at(&mut listen(&folder, &format!("unix:{address}")));
        assert_eq!(shown, format!("unix:{path}"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode, "{address}");
        listener.end();
    }
    std::fs::remove_file(&path).unwrap();
    for wrong in ["|666", "a|", "a|0", "a|888", "a|1777", "a|rw"] {
        let refused = listen(&folder, &format!("unix:{wrong}")).output().unwrap();
        let text = String::from_utf8(refused.stderr).unwrap();
        let expected =
            if wrong.starts_with('|') { "the path of the unix socket is missing" } else { "3 or 4 octal digits" };
        assert!(refused.status.code() == Some(2) && text.contains(expected), "{wrong}: {text}");
    }
}

/// The command with this socket as that of a manager of services.
fn inheriting(command: &Command, socket: OwnedFd) -> Command {
    let mut shell = Command::new("sh");
    // The socket is the standard input of the shell, and the third descriptor of the program.
    shell.args(["-c", "export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$0\" \"$@\" 3<&0 </dev/null"]);
    shell.arg(command.get_program()).args(command.get_args()).stdin(socket);
    shell
}

#[test]
fn sockets_of_a_manager_of_services_are_used() {
    let folder = Folder::new("inherited");
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let listener = Listener::spawn(&mut inheriting(&listen(&folder, "systemd"), socket.into()));
    assert_eq!(listener.address, address);
    assert_eq!(listener.deliver(payment(1).as_bytes()), StatusCode::OK);
    listener.end();

    let path = format!("/tmp/pos-webhooks-inherited-{}.sock", std::process::id());
    let socket = UnixListener::bind(&path).unwrap();
    let (listener, _) = Listener::spawn_at(&mut inheriting(&listen(&folder, "systemd"), socket.into()));
    assert_eq!(deliver_to(&path, 2), "HTTP/1.1 200 OK");
    listener.end();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(folder.lines().len(), 2);

    let path = format!("/tmp/pos-webhooks-inherited-{}.sock", std::process::id());
    let bound = [
        rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap(),
        rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap(),
    ];
    rustix::net::bind(&bound[0], &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    rustix::net::bind(&bound[1], &rustix::net::SocketAddrUnix::new(&*path).unwrap()).unwrap();
    for socket in bound {
        let refused = inheriting(&listen(&folder, "systemd"), socket).output().unwrap();
        let text = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{text}");
        assert!(text.contains("socket number 1 of the manager of services does not listen"), "{text}");
    }
    std::fs::remove_file(&path).unwrap();

    let refused = listen(&folder, "systemd").env_remove("LISTEN_FDS").output().unwrap();
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("the process has 0 sockets of a manager of services (LISTEN_FDS)"), "{text}");
}

#[test]
fn health_and_metrics_are_only_at_their_own_address_if_there_is_one() {
    let folder = Folder::new("admin");
    let listener = Listener::vipps(&folder, &["--admin", "127.0.0.1:0"]);
    let log = listener.log.lock().unwrap().clone();
    let line = log.lines().find(|line| line.contains("\"admin\"")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let admin = line["admin"].as_str().unwrap().parse().unwrap();
    let get = |path: &str| {
        exchange(admin, format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").as_bytes()).unwrap()
    };
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(get(path).status(), StatusCode::OK);
        assert_eq!(listener.get(path).status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
    assert_eq!(get("/").status(), StatusCode::NOT_FOUND);
    let body = payment(1);
    let refused = post(admin, "/", &signed(body.as_bytes()), body.as_bytes()).unwrap();
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    assert!(get("/metrics").body().contains("pos_webhooks_build_info{version=\""));
    listener.end();
    assert!(folder.lines().is_empty());
}
