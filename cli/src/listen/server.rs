//! Serves connections within limits, and reports connections that do not send HTTP.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;

/// The time limit for an idle connection, and for the head of a request.
const IDLE: Duration = Duration::from_secs(30);

/// The interval at which idle connections are checked.
const SWEEP: Duration = Duration::from_secs(1);

/// The time limit for open requests when the program ends.
const GRACE: Duration = Duration::from_secs(10);

/// How long to wait if the system has no file descriptor left.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(50);

/// The size of the buffer of a connection, which is the maximum size of the head of a request.
const BUFFER: usize = 16 << 10;

/// A socket that accepts connections.
pub enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

/// The other side of a connection.
#[derive(Clone, Copy, Debug)]
pub enum Peer {
    Remote(SocketAddr),
    /// A process on the same machine, by a unix socket.
    #[cfg(unix)]
    Local,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(address) => address.fmt(f),
            #[cfg(unix)]
            Self::Local => f.write_str("local"),
        }
    }
}

/// The bytes of a connection.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Socket {
    async fn accept(&self) -> io::Result<(Box<dyn Stream>, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Responses are short, and waiting to fill a packet would only delay them.
                let _: io::Result<()> = stream.set_nodelay(true);
                Ok((Box::new(stream), Peer::Remote(peer)))
            }
            #[cfg(unix)]
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), Peer::Local))
            }
        }
    }
}

/// The open connections.
struct Connections {
    most: Arc<Semaphore>,
    began: Instant,
    open: Mutex<HashMap<u64, Arc<ConnectionState>>>,
}

struct ConnectionState {
    /// The time since which the connection has been idle, in microseconds; `BUSY` while it handles a request.
    idle_since: AtomicU64,
    /// Whether to close the connection at once, instead of after the current request.
    at_once: AtomicBool,
    ending: Notify,
}

const BUSY: u64 = u64::MAX;

impl Connections {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<ConnectionState>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(BUSY - 1)
    }

    fn idle(open: &HashMap<u64, Arc<ConnectionState>>) -> impl Iterator<Item = (u64, &ConnectionState)> {
        let all = open.values().map(|connection| (connection.idle_since.load(Ordering::Relaxed), &**connection));
        all.filter(|(since, _)| *since != BUSY)
    }

    /// Closes the connection that has been idle longest, so that a new one gets its place.
    fn close_idlest(&self) {
        if let Some((_, connection)) = Self::idle(&self.open()).min_by_key(|(since, _)| *since) {
            connection.close();
        }
    }

    /// Closes the connections that have been idle too long.
    fn close_idle(&self) {
        let now = self.now();
        let waited = |since| Duration::from_micros(now.saturating_sub(since));
        Self::idle(&self.open())
            .filter(|(since, _)| waited(*since) > IDLE)
            .for_each(|(_, connection)| connection.close());
    }

    fn end(&self) {
        self.open().values().for_each(|connection| connection.ending.notify_one());
    }
}

impl ConnectionState {
    fn close(&self) {
        self.at_once.store(true, Ordering::Relaxed);
        self.ending.notify_one();
    }
}

/// An HTTP response.
pub type Reply = Response<Full<Bytes>>;

/// A service that responds to requests.
pub trait Serve: Send + Sync + 'static {
    /// Responds to a request on a connection from `peer`.
    fn answer(&self, peer: &Peer, request: Request<Incoming>) -> impl Future<Output = Reply> + Send;

    /// Reports a connection that ended before a whole request, or that did not send HTTP.
    fn malformed(&self, peer: &Peer, what: Malformed);
}

/// What a connection sent instead of a request.
#[derive(Clone, Copy)]
pub enum Malformed {
    Tls,
    ProxyProtocol,
    Http2,
    HeadTooLarge,
    Incomplete,
    NotHttp,
}

impl Malformed {
    /// A short name for metrics, and a description that says what to do.
    pub fn reason(self) -> (&'static str, &'static str) {
        match self {
            Self::Tls => {
                ("tls", "a TLS handshake; this server uses plain HTTP: put it behind a proxy that has the certificate")
            }
            Self::ProxyProtocol => ("proxy_protocol", "a PROXY protocol header; switch it off in the proxy"),
            Self::Http2 => ("http2", "HTTP/2; this server uses HTTP/1.1: configure the proxy accordingly"),
            Self::HeadTooLarge => ("head_too_large", "a head of more than 16 KiB or 100 headers (response 431)"),
            Self::Incomplete => {
                ("incomplete", "a request whose connection ended, or was closed, before it was complete")
            }
            Self::NotHttp => ("not_http", "bytes that are not an HTTP/1.1 request (response 400)"),
        }
    }

    /// What the connection began with says more than the parser does.
    fn of(error: &hyper::Error, unread: &[u8]) -> Option<Self> {
        // The parser skips line breaks before a request.
        let unread = unread.trim_ascii_start();
        match () {
            () if unread.starts_with(&[0x16, 3]) => Some(Self::Tls),
            () if unread.starts_with(b"PROXY ") || unread.starts_with(b"\0\r\nQUIT") => Some(Self::ProxyProtocol),
            () if error.is_parse_version_h2() => Some(Self::Http2),
            () if error.is_parse_too_large() => Some(Self::HeadTooLarge),
            () if error.is_parse() => Some(Self::NotHttp),
            () if error.is_incomplete_message() => Some(Self::Incomplete),
            // The connection broke after its requests had been handled.
            () => None,
        }
    }
}

/// Serves until `over` changes, then finishes the open requests.
pub async fn serve<S: Serve>(listener: Socket, most: usize, service: Arc<S>, mut over: watch::Receiver<()>) {
    let connections =
        Arc::new(Connections { most: Arc::new(Semaphore::new(most)), began: Instant::now(), open: Mutex::default() });
    // One timer for all connections costs less than one for each.
    let mut sweep = tokio::time::interval(SWEEP);
    for id in 0_u64.. {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = sweep.tick() => {
                connections.close_idle();
                continue;
            }
            _ = over.changed() => break,
        };
        let (stream, peer) = match stream {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                connections.close_idlest();
                tokio::time::sleep(OUT_OF_DESCRIPTORS).await;
                continue;
            }
        };
        if connections.most.available_permits() == 0 {
            connections.close_idlest();
        }
        let permit = tokio::select! {
            permit = Arc::clone(&connections.most).acquire_owned() => permit,
            _ = over.changed() => break,
        };
        let Ok(permit) = permit else { break };
        let idle_since = connections.now().into();
        let connection =
            Arc::new(ConnectionState { idle_since, at_once: AtomicBool::new(false), ending: Notify::new() });
        connections.open().insert(id, Arc::clone(&connection));
        let (connections, service) = (Arc::clone(&connections), Arc::clone(&service));
        tokio::spawn(async move {
            converse(stream, &peer, &connection, &connections, &*service).await;
            connections.open().remove(&id);
            drop(permit);
        });
    }
    drop(listener);
    connections.end();
    let all = u32::try_from(most).unwrap_or(u32::MAX);
    if tokio::time::timeout(GRACE, connections.most.acquire_many(all)).await.is_err() {
        tracing::warn!("some requests took too long and were not finished");
    }
}

async fn converse<S: Serve>(
    stream: Box<dyn Stream>,
    peer: &Peer,
    state: &ConnectionState,
    connections: &Connections,
    service: &S,
) {
    let answer = service_fn(|request| {
        state.idle_since.store(BUSY, Ordering::Relaxed);
        let answer = service.answer(peer, request);
        async move {
            let answer = answer.await;
            state.idle_since.store(connections.now(), Ordering::Relaxed);
            Ok::<_, Infallible>(answer)
        }
    });
    // A client may close its sending half after the request and wait for the response.
    let mut builder = http1::Builder::new();
    let mut connection = builder
        .half_close(true)
        .max_buf_size(BUFFER)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), answer);
    let malformed = loop {
        tokio::select! {
            biased;
            ended = &mut connection => break match ended {
                Ok(()) => None,
                Err(error) => Malformed::of(&error, &connection.into_parts().read_buf),
            },
            () = state.ending.notified() => {}
        }
        if state.at_once.load(Ordering::Relaxed) {
            let unread = connection.into_parts().read_buf;
            break Some(Malformed::Incomplete).filter(|_| !unread.is_empty());
        }
        Pin::new(&mut connection).graceful_shutdown();
    };
    if let Some(what) = malformed {
        service.malformed(peer, what);
    }
}
