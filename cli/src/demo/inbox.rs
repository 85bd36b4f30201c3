//! The receiving end: an HTTP server whose receivers verify and decode.

use std::collections::HashMap;
use std::io;
use std::mem;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use http::{Response, StatusCode};
use jiff::Timestamp;
use pos_webhooks::catalogue::{Provider, Verification};
use pos_webhooks::verify::{CustomVerification, Headers, ReceiveError, ReceiverError, Verifier, VerifyError};
use pos_webhooks::{Acknowledgement, AnyEvent, AnyReceiver, Registered, Secret};

use super::calls::{Miss, Webhook};

/// The maximum size of a body, which is more than that of any documented example.
const BODY_BYTES: usize = 1 << 20;

pub struct Inbox {
    pub url: String,
    shared: Arc<SharedInbox>,
}

/// A receiver and its provider.
type Receiver = Arc<(&'static Provider, AnyReceiver)>;

#[derive(Default)]
struct SharedInbox {
    receivers: Mutex<HashMap<String, Receiver>>,
    /// The receivers that answer handshakes, by the path below which a provider registers its URLs.
    handshakes: Mutex<HashMap<String, AnyReceiver>>,
    /// How many handshakes were answered.
    answered: AtomicUsize,
    received: Mutex<Vec<ReceivedDelivery>>,
}

/// A request and its outcome.
pub struct ReceivedDelivery {
    pub body: Bytes,
    pub status: StatusCode,
    /// `None` if no webhook has this URL.
    pub outcome: Option<Result<AnyEvent, ReceiveError>>,
}

/// Takes the place of the code that a program has to provide.
struct Unverified;

impl CustomVerification for Unverified {
    fn verify(&self, _: &dyn Headers, _: &[u8], _: Timestamp) -> Result<(), VerifyError> {
        Ok(())
    }

    fn sign(&self, _: &[u8], _: Timestamp) -> Result<Vec<(&'static str, String)>, ReceiverError> {
        Err(ReceiverError::NoSecret)
    }
}

impl Inbox {
    pub async fn start() -> io::Result<Self> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(SharedInbox::default());
        let service = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        // The server runs until the runtime ends.
        tokio::spawn(async move { axum::serve(listener, service).await });
        Ok(Self { url, shared })
    }

    /// Receives the deliveries of these webhooks, and of no others of their provider.
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
            let receiver = match provider.verification_of(event) {
                Some(Verification::None(_)) => AnyReceiver::unverified(provider, event)?,
                Some(Verification::Custom(_)) => {
                    AnyReceiver::with_verifier(provider, Verifier::custom(Unverified), event)?
                }
                _ => AnyReceiver::new(provider, registered, [webhook.secret.clone()])?,
            };
            let path = webhook.url.strip_prefix(&self.url).unwrap_or_default();
            receivers.insert(path.to_owned(), Arc::new((provider, receiver)));
        }
        Ok(())
    }

    /// Answers the handshake of a provider at URLs below this one, which have a receiver only once they are registered.
    pub fn answer_handshakes(
        &self,
        provider: &'static Provider,
        url: &str,
        secret: Option<Secret>,
        token: Option<Secret>,
    ) -> Result<(), Miss> {
        let event = provider.events.first().map(|event| event.name);
        let registered = Registered { url: Some(url), event, signature: None };
        let receiver = match (secret, provider.verification_of(event)) {
            (Some(secret), Some(Verification::Signatures(_) | Verification::Keys(_))) => {
                AnyReceiver::new(provider, registered, [secret])?
            }
            _ => AnyReceiver::with_verifier(provider, Verifier::custom(Unverified), event)?,
        };
        let receiver = match token {
            Some(token) => receiver.with_verify_token(token)?,
            None => receiver,
        };
        let path = url.strip_prefix(&self.url).unwrap_or_default();
        lock(&self.shared.handshakes).insert(path.to_owned(), receiver);
        Ok(())
    }

    /// Returns how many handshakes were answered since the last call.
    pub fn take_answered(&self) -> usize {
        self.shared.answered.swap(0, Ordering::Relaxed)
    }

    /// Takes the requests that were received since the last call.
    pub fn take(&self) -> Vec<ReceivedDelivery> {
        mem::take(&mut *lock(&self.shared.received))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SharedInbox {
    /// The receiver of a URL, which may end in the event's name.
    fn receiver(&self, path: &str) -> Option<Receiver> {
        let receivers = lock(&self.receivers);
        let parent = || path.rsplit_once('/').and_then(|(parent, _)| receivers.get(parent));
        receivers.get(path).or_else(parent).cloned()
    }

    /// The receiver that answers a handshake at this path.
    fn handshakes(&self, path: &str) -> Option<AnyReceiver> {
        let handshakes = lock(&self.handshakes);
        let is_below =
            |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        handshakes.iter().find(|(root, _)| is_below(root)).map(|(_, receiver)| receiver.clone())
    }
}

async fn receive(State(shared): State<Arc<SharedInbox>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES).await else {
        return empty(StatusCode::BAD_REQUEST);
    };
    let request = Request::from_parts(head, body);
    if let Some(receiver) = shared.handshakes(request.uri().path()) {
        match receiver.handshake(&request, Timestamp::now()) {
            Ok(None) => {}
            Ok(Some(answer)) => {
                shared.answered.fetch_add(1, Ordering::Relaxed);
                return Response::<String>::from(answer).map(Body::from);
            }
            Err(error) => return empty(error.status()),
        }
    }
    let receiver = shared.receiver(request.uri().path());
    let outcome = receiver.as_ref().map(|receiver| receiver.1.receive(&request, Timestamp::now()));
    let response = match &outcome {
        None => empty(StatusCode::NOT_FOUND),
        Some(Ok(arrived)) => answer(receiver.as_deref(), arrived).into(),
        Some(Err(ReceiveError::Verify(_))) => empty(StatusCode::UNAUTHORIZED),
        Some(Err(_)) => empty(StatusCode::BAD_REQUEST),
    };
    let received = ReceivedDelivery { body: request.into_body(), status: response.status(), outcome };
    lock(&shared.received).push(received);
    response
}

/// The acknowledgement of an event, with an example of the body that the event asks for.
fn answer(receiver: Option<&(&'static Provider, AnyReceiver)>, arrived: &AnyEvent) -> Acknowledgement {
    let mut answer = arrived.acknowledgement.clone();
    let event = receiver.zip(arrived.name.as_deref()).and_then(|((provider, _), name)| provider.event(name));
    let asked = event.and_then(|event| event.requested_body());
    if let Some((body, example)) = asked.and_then(|body| Some((body, body.examples.first()?))) {
        answer.content_type = Some(body.media_type);
        answer.body = example.json.into();
    }
    answer
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
