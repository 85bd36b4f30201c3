//! Receives the deliveries of Vipps MobilePay with axum:
//!
//!     VIPPS_WEBHOOK_URL=https://shop.example/hooks/vipps VIPPS_WEBHOOK_SECRETS=secret \
//!         cargo run --example axum
//!
//! The URL is the registered one, also behind a proxy. Separate several secrets by commas, while one is rotated or if
//! several registrations share the URL.

use std::collections::HashSet;
use std::env;
use std::error::Error;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::request::Parts;
use axum::http::{Request, Response, StatusCode};
use axum::routing::post;
use pos_webhooks::verify::ReceiveError;
use pos_webhooks::vipps::models::Amount;
use pos_webhooks::vipps::{Event, Receiver};

/// Far more than any documented delivery has.
const BODY_LIMIT: usize = 64 * 1024;

/// Stands for your database, whose content has to survive a restart.
#[derive(Default)]
pub struct Inbox {
    keys: HashSet<String>,
    pub payloads: Vec<Bytes>,
    /// The bookings that events have caused.
    pub bookings: Vec<String>,
}

impl Inbox {
    /// Stores a payload unless its key is in the table already, like an insert that ignores duplicates. Returns false
    /// for a duplicate.
    fn store(&mut self, key: Option<String>, payload: Bytes) -> bool {
        let is_new = key.is_none_or(|key| self.keys.insert(key));
        if is_new {
            self.payloads.push(payload);
        }
        is_new
    }
}

pub struct Shop {
    pub receiver: Receiver,
    pub inbox: Mutex<Inbox>,
}

pub fn router(shop: Arc<Shop>) -> Router {
    let path = "/hooks/vipps";
    Router::new().route(path, post(deliver)).layer(DefaultBodyLimit::max(BODY_LIMIT)).with_state(shop)
}

/// The body is taken as bytes, not as `Json`, because the bytes are signed.
async fn deliver(State(shop): State<Arc<Shop>>, parts: Parts, body: Bytes) -> Response<Body> {
    let request = Request::from_parts(parts, body);
    let (event, acknowledgement) = match shop.receiver.receive(&request) {
        Ok(event) => {
            let acknowledgement = event.acknowledgement();
            (Some(event), acknowledgement)
        }
        // Genuine, but not as documented: store it for later, and acknowledge it, since a redelivery would be the same.
        Err(ReceiveError::Decode(undecodable)) => {
            eprintln!("{} cannot be decoded: {undecodable}", undecodable.event.as_deref().unwrap_or("an event"));
            (None, undecodable.acknowledgement)
        }
        // The response does not tell the sender why.
        Err(error) => {
            eprintln!("refused: {error}");
            return empty(StatusCode::UNAUTHORIZED);
        }
    };
    // Store the event before you acknowledge it: an acknowledged event is not delivered again.
    let Ok(mut inbox) = shop.inbox.lock() else {
        eprintln!("the event could not be stored, so it has to be delivered again");
        return empty(StatusCode::SERVICE_UNAVAILABLE);
    };
    let body = request.into_body();
    let is_new = inbox.store(event.as_ref().and_then(|event| event.idempotency_key(&body)), body);
    // Act on an event only once, in the same transaction that stores it. Do work that takes longer than
    // `acknowledgement.within`, the time limit of the provider, afterwards from the inbox.
    if let Some(event) = event.filter(|_| is_new) {
        inbox.bookings.push(describe(&event));
    }
    acknowledgement.into()
}

fn describe(event: &Event) -> String {
    match event {
        Event::EpaymentsPaymentCapturedV1(payment) => {
            let Amount { value, currency, .. } = &payment.amount;
            format!("{}: captured {value} of the smallest unit of {currency}", payment.reference)
        }
        // The provider may add events at any time. They are stored as received.
        Event::Unknown(_) => "an unknown event".to_owned(),
        other => other.name().to_string(),
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("VIPPS_WEBHOOK_URL").map_err(|_| "set VIPPS_WEBHOOK_URL to the registered URL")?;
    let secrets = env::var("VIPPS_WEBHOOK_SECRETS").map_err(|_| "set VIPPS_WEBHOOK_SECRETS")?;
    let receiver = Receiver::new(&url, secrets.split(','))?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, router(Arc::new(Shop { receiver, inbox: Mutex::default() }))).await?;
    Ok(())
}
