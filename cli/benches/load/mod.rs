//! Keeps 64 connections busy with requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CONNECTIONS: usize = 64;

/// Makes the request with this number, from its request line to the end of its body.
pub type Request = Arc<dyn Fn(usize) -> Arc<[u8]> + Send + Sync>;

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().expect("a runtime")
}

/// How long each request took, for some time or until so many requests are answered. The first request has the number `first`.
pub fn load(address: SocketAddr, request: &Request, first: usize, time: Duration, most: usize) -> Vec<Duration> {
    let over = Arc::new(AtomicBool::new(false));
    let next = Arc::new(AtomicUsize::new(first));
    let end = first.saturating_add(most);
    runtime().block_on(async {
        let busy: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let (request, over, next) = (Arc::clone(request), Arc::clone(&over), Arc::clone(&next));
                tokio::spawn(converse(address, request, over, next, end))
            })
            .collect();
        if most == usize::MAX {
            tokio::time::sleep(time).await;
            over.store(true, Ordering::Relaxed);
        }
        let mut all = Vec::new();
        for connection in busy {
            all.extend(connection.await.expect("a connection"));
        }
        all
    })
}

async fn converse(
    address: SocketAddr,
    request: Request,
    over: Arc<AtomicBool>,
    next: Arc<AtomicUsize>,
    end: usize,
) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("an option");
    let (mut times, mut buffer) = (Vec::new(), [0; 1024]);
    while !over.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= end {
            break;
        }
        let request = request(number);
        let start = Instant::now();
        stream.write_all(&request).await.expect("a request");
        // Responses do not have a body, and fit a packet.
        let read = stream.read(&mut buffer).await.expect("an answer");
        let answer = &buffer[..read];
        assert!(
            answer.starts_with(b"HTTP/1.1 200 OK") && answer.ends_with(b"\r\n\r\n"),
            "{}",
            String::from_utf8_lossy(answer)
        );
        times.push(start.elapsed());
    }
    times
}
