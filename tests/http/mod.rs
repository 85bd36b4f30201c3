//! A server of a test's own, and requests to it that are sent exactly as they are written.

// No test uses all of it.
#![allow(dead_code)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

/// Serves a router until the test ends. `make` runs in the runtime that serves.
#[cfg(feature = "axum")]
pub fn serve<F: Future<Output = axum::Router>>(make: impl FnOnce() -> F + Send + 'static) -> SocketAddr {
    let (sender, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let router = make().await;
            sender.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    address.recv().unwrap()
}

/// Sends a delivery, and returns the status and the body of the response.
pub fn post(address: SocketAddr, path: &str, headers: &[(&str, String)], body: &[u8]) -> (u16, String) {
    let length = [("Content-Length", body.len().to_string())];
    let (status, _, answer) = send(address, "POST", path, &[headers, &length].concat(), body);
    (status, answer)
}

/// Sends one request unchanged, and returns the status, the headers and the body of the response.
pub fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, String)],
    body: &[u8],
) -> (u16, String, String) {
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        request.push_str("Host: shop.example\r\n");
    }
    headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
    let mut stream = TcpStream::connect(address).unwrap();
    // A server that refuses a body closes the connection before it has read all of it.
    let _ = stream.write_all(&[request.as_bytes(), b"\r\n", body].concat());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_ascii_lowercase(), body.to_owned())
}
