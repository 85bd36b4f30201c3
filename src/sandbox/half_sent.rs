//! Sends requests that end in the middle of the body.

use std::io;

use reqwest::Url;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::attempt::Message;

/// How a connection ends in the middle of the body.
#[derive(Clone, Copy)]
pub(super) enum Ending {
    Reset,
    Closed,
}

/// Sends half of the body, ends the connection, and returns the reason why there is no response.
pub(super) async fn broken_off(url: &Url, request: &Message, ending: Ending) -> String {
    let how = match ending {
        Ending::Reset => "reset",
        Ending::Closed => "closed",
    };
    match send_half(url, request, ending).await {
        Ok(()) => format!("{how} in the middle of the body, by a fault"),
        Err(error) => format!("no response: {error}"),
    }
}

async fn send_half(url: &Url, request: &Message, ending: Ending) -> io::Result<()> {
    let (Some(host), Some(port), "http") = (url.host_str(), url.port_or_known_default(), url.scheme()) else {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "only http can be broken off"));
    };
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let length = request.body.len();
    let mut head = format!("POST {}{query} HTTP/1.1\r\ncontent-length: {length}\r\n", url.path());
    if !request.headers.iter().any(|(name, _)| name == "host") {
        head.push_str(&format!("host: {host}:{port}\r\n"));
    }
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    stream.write_all(head.as_bytes()).await?;
    let half = request.body.as_bytes().get(..length / 2).unwrap_or_default();
    stream.write_all(half).await?;
    match ending {
        Ending::Reset => stream.set_zero_linger(),
        Ending::Closed => stream.shutdown().await,
    }
}
