//! Connections, and what they may cost.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, watch};

/// How long a connection may wait for the next request, and a request's head may take.
const IDLE: Duration = Duration::from_secs(30);

/// How often connections are looked at for those that wait too long.
const SWEEP: Duration = Duration::from_secs(1);

/// How long requests that have begun may take once the program is to end.
const GRACE: Duration = Duration::from_secs(10);

/// How long to wait where the system has no descriptor left.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(50);

/// Open connections.
struct Connections {
    most: Arc<Semaphore>,
    began: Instant,
    open: Mutex<HashMap<u64, Arc<Connection>>>,
}

struct Connection {
    /// Since when it waits for a request, in microseconds; `BUSY` while it is answering one.
    idle_since: AtomicU64,
    /// To be closed at once, instead of after the request that it is answering.
    at_once: AtomicBool,
    ending: Notify,
}

const BUSY: u64 = u64::MAX;

impl Connections {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(BUSY - 1)
    }

    fn idle(open: &HashMap<u64, Arc<Connection>>) -> impl Iterator<Item = (u64, &Connection)> {
        let all = open.values().map(|connection| (connection.idle_since.load(Ordering::Relaxed), &**connection));
        all.filter(|(since, _)| *since != BUSY)
    }

    /// Closes the connection that has waited longest, so that one that sends something gets its place.
    fn close_idlest(&self) {
        if let Some((_, connection)) = Self::idle(&self.open()).min_by_key(|(since, _)| *since) {
            connection.close();
        }
    }

    /// Closes those that have waited too long.
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

impl Connection {
    fn close(&self) {
        self.at_once.store(true, Ordering::Relaxed);
        self.ending.notify_one();
    }
}

/// Serves until `over` changes, then finishes what has begun.
pub async fn serve<H, F>(listener: TcpListener, most: usize, handle: H, mut over: watch::Receiver<()>)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let connections =
        Arc::new(Connections { most: Arc::new(Semaphore::new(most)), began: Instant::now(), open: Mutex::default() });
    // One timer for all of them costs less than one each.
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
        let stream = match stream {
            Ok((stream, _)) => stream,
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
        let connection = Arc::new(Connection { idle_since, at_once: AtomicBool::new(false), ending: Notify::new() });
        connections.open().insert(id, Arc::clone(&connection));
        let (connections, handle) = (Arc::clone(&connections), handle.clone());
        tokio::spawn(async move {
            converse(stream, &connection, &connections, handle).await;
            connections.open().remove(&id);
            drop(permit);
        });
    }
    drop(listener);
    connections.end();
    let all = u32::try_from(most).unwrap_or(u32::MAX);
    if tokio::time::timeout(GRACE, connections.most.acquire_many(all)).await.is_err() {
        tracing::warn!("some requests took too long to be finished");
    }
}

async fn converse<H, F>(stream: TcpStream, state: &Connection, connections: &Connections, handle: H)
where
    H: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<Full<Bytes>>>,
{
    // Answers are short, and waiting to fill a packet would only delay them.
    let _: io::Result<()> = stream.set_nodelay(true);
    let service = service_fn(|request| {
        state.idle_since.store(BUSY, Ordering::Relaxed);
        let answer = handle(request);
        async move {
            let answer = answer.await;
            state.idle_since.store(connections.now(), Ordering::Relaxed);
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new().header_read_timeout(None).serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    loop {
        tokio::select! {
            biased;
            // What goes wrong with a connection is the client's to know.
            _ = connection.as_mut() => return,
            () = state.ending.notified() => {}
        }
        if state.at_once.load(Ordering::Relaxed) {
            return;
        }
        connection.as_mut().graceful_shutdown();
    }
}
