//! `pos-webhooks listen` and time: what waits too long is ended. The clock is the test's, and only goes on while nothing
//! else is to be done.

#[allow(dead_code)]
#[path = "../src/listen/body.rs"]
mod body;
#[path = "../src/listen/server.rs"]
mod server;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use server::{Malformed, Reply, Serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

/// Answers once it has the body, or with why it has none.
#[derive(Default)]
struct Service {
    /// Answers are held back until this comes.
    held: Mutex<Option<oneshot::Receiver<()>>>,
    malformed: Mutex<Vec<&'static str>>,
}

impl Serve for Service {
    async fn answer(&self, _: SocketAddr, request: Request<Incoming>) -> Reply {
        let status = body::read(request.into_body(), 100).await.map_or_else(|error| error.status(), |_| StatusCode::OK);
        let held = self.held.lock().unwrap().take();
        if let Some(held) = held {
            let _ = held.await;
        }
        let mut reply = Reply::default();
        *reply.status_mut() = status;
        reply
    }

    fn malformed(&self, _: SocketAddr, what: Malformed) {
        self.malformed.lock().unwrap().push(what.reason().0);
    }
}

struct Running {
    address: SocketAddr,
    service: Arc<Service>,
    over: watch::Sender<()>,
    served: tokio::task::JoinHandle<()>,
}

async fn start(service: Service) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, service, (over, ended)) = (listener.local_addr().unwrap(), Arc::new(service), watch::channel(()));
    let served = tokio::spawn(server::serve(listener, 10, Arc::clone(&service), ended));
    Running { address, service, over, served }
}

/// What comes back until the connection is closed, and after how many seconds that is.
async fn exchange(stream: &mut TcpStream, sent: &str) -> (String, u64) {
    let begun = Instant::now();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    (answer, begun.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_sends_no_whole_head_is_closed() {
    for (begun, malformed) in [("", &[][..]), ("POST / HTTP/1.1\r\nhost: a\r\n", &["incomplete"])] {
        let running = start(Service::default()).await;
        let (answer, seconds) = exchange(&mut TcpStream::connect(running.address).await.unwrap(), begun).await;
        assert_eq!(answer, "");
        assert!((30..=32).contains(&seconds), "{seconds} s");
        assert_eq!(*running.service.malformed.lock().unwrap(), malformed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_closed_that_sends_no_other_request() {
    let running = start(Service::default()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let (answer, seconds) = exchange(&mut stream, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n1").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!((30..=32).contains(&seconds), "{seconds} s");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_answered() {
    let running = start(Service::default()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let (answer, seconds) = exchange(&mut stream, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n[").await;
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert_eq!(seconds, 10);
}

#[tokio::test(start_paused = true)]
async fn what_has_begun_may_take_its_time_at_the_end_but_not_for_ever() {
    for (takes, ends) in [(5, 5), (60, 10)] {
        let (go_on, held) = oneshot::channel();
        let running = start(Service { held: Mutex::new(Some(held)), ..Service::default() }).await;
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n1").await.unwrap();
        while running.service.held.lock().unwrap().is_some() {
            tokio::task::yield_now().await;
        }
        let begun = Instant::now();
        running.over.send(()).unwrap();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(takes)).await;
            go_on.send(())
        });
        running.served.await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), ends);
    }
}
