//! The receiving end: an HTTP server whose receivers verify and decode.

use std::collections::HashMap;
use std::io;
use std::mem;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use http::{Response, StatusCode};
use jiff::Timestamp;
use pos_webhooks::catalogue::Provider;
use pos_webhooks::verify::ReceiveError;
use pos_webhooks::{AnyEvent, AnyReceiver, Registered};

use super::calls::{Miss, Webhook};

/// More than any documented example has.
const BODY_BYTES: usize = 1 << 20;

pub struct Inbox {
    pub url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    receivers: Mutex<HashMap<String, Arc<AnyReceiver>>>,
    received: Mutex<Vec<Received>>,
}

/// A request, and what became of it.
pub struct Received {
    pub body: Bytes,
    pub status: StatusCode,
    /// `None` where no webhook has this URL.
    pub outcome: Option<Result<AnyEvent, ReceiveError>>,
}

impl Inbox {
    pub async fn start() -> io::Result<Self> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared::default());
        let service = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        // Until the runtime ends.
        tokio::spawn(async move { axum::serve(listener, service).await });
        Ok(Self { url, shared })
    }

    /// Receives for these webhooks, and for no others of their provider.
    pub fn receive_for(&self, provider: &'static Provider, webhooks: &[Webhook]) -> Result<(), Miss> {
        let mut receivers = lock(&self.shared.receivers);
        let root = format!("/{}", provider.name);
        receivers.retain(|path, _| !path.starts_with(&root));
        for webhook in webhooks {
            let event = match webhook.events[..] {
                [event] => Some(event),
                _ => None,
            };
            let registered = Registered { url: Some(&webhook.url), event, signature: None };
            let receiver = AnyReceiver::new(provider, registered, [webhook.secret.clone()])?;
            let path = webhook.url.strip_prefix(&self.url).unwrap_or_default();
            receivers.insert(path.to_owned(), Arc::new(receiver));
        }
        Ok(())
    }

    /// What came since the last time.
    pub fn take(&self) -> Vec<Received> {
        mem::take(&mut *lock(&self.shared.received))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// The receiver of a URL, which may be followed by the event's name.
    fn receiver(&self, path: &str) -> Option<Arc<AnyReceiver>> {
        let receivers = lock(&self.receivers);
        let parent = || path.rsplit_once('/').and_then(|(parent, _)| receivers.get(parent));
        receivers.get(path).or_else(parent).cloned()
    }
}

async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES).await else {
        return empty(StatusCode::BAD_REQUEST);
    };
    let request = Request::from_parts(head, body);
    let outcome = shared.receiver(request.uri().path()).map(|receiver| receiver.receive(&request, Timestamp::now()));
    let response = match &outcome {
        None => empty(StatusCode::NOT_FOUND),
        Some(Ok(arrived)) => arrived.acknowledgement.into(),
        Some(Err(ReceiveError::Verify(_))) => empty(StatusCode::UNAUTHORIZED),
        Some(Err(_)) => empty(StatusCode::BAD_REQUEST),
    };
    let received = Received { body: request.into_body(), status: response.status(), outcome };
    lock(&shared.received).push(received);
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
