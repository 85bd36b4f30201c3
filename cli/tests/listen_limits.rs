//! The time limits of `pos-webhooks listen`. The clock is that of the test, and only advances when the test says so.

#[allow(dead_code)]
#[path = "../src/listen/body.rs"]
mod body;
#[allow(dead_code)]
#[path = "../src/listen/memory.rs"]
mod memory;
#[allow(dead_code)]
#[path = "../src/listen/server.rs"]
mod server;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use memory::InFlight;
use server::{Malformed, Peer, Reply, Serve, Socket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

/// Responds once the body was received, or with the reason why it was not.
#[derive(Default)]
struct Service {
    /// Responses are held back until this is received.
    held: Mutex<Option<oneshot::Receiver<()>>>,
    malformed: Mutex<Vec<&'static str>>,
}

impl Serve for Service {
    async fn answer(&self, _: &Peer, request: Request<Incoming>) -> Reply {
        let memory = InFlight::new(1 << 20);
        let body = body::read(request.into_body(), 100, &mut memory.reserve()).await;
        let status = body.map_or_else(|error| error.status(), |_| StatusCode::OK);
        let held = self.held.lock().unwrap().take();
        if let Some(held) = held {
            let _ = held.await;
        }
        let mut reply = Reply::default();
        *reply.status_mut() = status;
        reply
    }

    fn malformed(&self, _: &Peer, what: Malformed) {
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
    let served = tokio::spawn(server::serve(Socket::Tcp(listener), 10, Arc::clone(&service), ended));
    Running { address, service, over, served }
}

impl Running {
    /// Sends a request that is complete, on a connection of its own. Connections are accepted in order, so those before
    /// it are accepted as well.
    async fn answers(&self) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 1\r\n\r\n1";
        stream.write_all(request).await.unwrap();
        assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
}

/// Stops the clock until the sender is dropped. The clock then only advances in `pass`, not even while data is on its way.
fn stop_clock() -> mpsc::Sender<()> {
    tokio::time::pause();
    let (sender, receiver) = mpsc::channel();
    // While a blocking task runs, a paused clock does not advance by itself.
    tokio::task::spawn_blocking(move || receiver.recv());
    sender
}

/// The last second of a time limit, at whose end a timer fires up to a millisecond late.
const LAST_SECOND: u64 = 1_001;

async fn pass(milliseconds: u64) {
    tokio::time::advance(Duration::from_millis(milliseconds)).await;
}

/// The head of a response, or of an interim one.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap().into());
    }
    head
}

/// What comes back until the connection is closed.
async fn rest(stream: &mut TcpStream) -> String {
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    rest
}

/// Fails unless the connection is open, and nothing more has come back.
async fn assert_silent(running: &Running, stream: &TcpStream) {
    running.answers().await;
    let read = stream.try_read(&mut [0]);
    assert!(read.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "{read:?}");
}

#[tokio::test]
async fn a_connection_that_sends_no_whole_head_is_closed() {
    let _clock = stop_clock();
    for (begun, malformed) in [("", &[][..]), ("POST / HTTP/1.1\r\nhost: a\r\n", &["incomplete"])] {
        let running = start(Service::default()).await;
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        running.answers().await;
        pass(30_000).await;
        assert_silent(&running, &stream).await;
        pass(2_000).await;
        assert_eq!(rest(&mut stream).await, "");
        assert_eq!(*running.service.malformed.lock().unwrap(), malformed);
    }
}

#[tokio::test]
async fn a_connection_is_closed_that_sends_no_other_request() {
    let _clock = stop_clock();
    let running = start(Service::default()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n1").await.unwrap();
    let answer = head(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    pass(30_000).await;
    assert_silent(&running, &stream).await;
    pass(2_000).await;
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_body_that_is_not_sent_gets_a_response() {
    let _clock = stop_clock();
    let running = start(Service::default()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let request = b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 10\r\n\r\n";
    stream.write_all(request).await.unwrap();
    // From here on, the body is being read.
    assert_eq!(head(&mut stream).await, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"[").await.unwrap();
    running.answers().await;
    pass(9_000).await;
    assert_silent(&running, &stream).await;
    pass(LAST_SECOND).await;
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
}

#[tokio::test]
async fn open_requests_have_a_time_limit_at_the_end() {
    let _clock = stop_clock();
    for is_answered in [true, false] {
        let (go_on, held) = oneshot::channel();
        let running = start(Service { held: Mutex::new(Some(held)), ..Service::default() }).await;
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n1").await.unwrap();
        while running.service.held.lock().unwrap().is_some() {
            tokio::task::yield_now().await;
        }
        let mut idle = TcpStream::connect(running.address).await.unwrap();
        running.answers().await;
        running.over.send(()).unwrap();
        // An idle connection ends at once.
        assert_eq!(rest(&mut idle).await, "");
        pass(9_000).await;
        assert!(!running.served.is_finished());
        match is_answered {
            true => go_on.send(()).unwrap(),
            false => pass(LAST_SECOND).await,
        }
        running.served.await.unwrap();
    }
}
