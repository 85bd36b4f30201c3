//! Receives the deliveries of Vipps MobilePay with axum:
//!
//!     VIPPS_WEBHOOK_URL=https://shop.example/hooks/vipps VIPPS_WEBHOOK_SECRETS=secret \
//!         cargo run --example axum
//!
//! Behind a proxy, too, the URL is the one that was registered. Several secrets, while they are being rotated
//! or where several registrations share the URL, have commas between them.

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

/// Stands for your database: what is in it has to survive a restart.
#[derive(Default)]
pub struct Inbox {
    keys: HashSet<String>,
    pub payloads: Vec<Bytes>,
    /// What was done because of an event.
    pub bookings: Vec<String>,
}

impl Inbox {
    /// Stores a payload once, as an insert that does nothing where the key is there already; false where it was.
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

/// The body as bytes, not as `Json`: they are what is signed.
async fn deliver(State(shop): State<Arc<Shop>>, parts: Parts, body: Bytes) -> Response<Body> {
    let request = Request::from_parts(parts, body);
    let (event, acknowledgement) = match shop.receiver.receive(&request) {
        Ok(event) => {
            let acknowledgement = event.acknowledgement();
            (Some(event), acknowledgement)
        }
        // Genuine, but not as documented: kept for a look at it, and acknowledged, since it would come again the same.
        Err(ReceiveError::Decode(undecodable)) => {
            eprintln!("{} does not decode: {undecodable}", undecodable.event.as_deref().unwrap_or("an event"));
            (None, undecodable.acknowledgement)
        }
        // The sender is not told why.
        Err(error) => {
            eprintln!("refused: {error}");
            return empty(StatusCode::UNAUTHORIZED);
        }
    };
    // Stored before it is acknowledged: what is acknowledged does not come again.
    let Ok(mut inbox) = shop.inbox.lock() else {
        eprintln!("not stored, so it has to come again");
        return empty(StatusCode::SERVICE_UNAVAILABLE);
    };
    let body = request.into_body();
    let is_new = inbox.store(event.as_ref().and_then(|event| event.idempotency_key(&body)), body);
    // Acted on only where it was not delivered before, and in the same transaction as it is stored. What takes longer than
    // `acknowledgement.within`, for which the provider waits, is done afterwards from the inbox.
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
        // The provider may add events at any time: they are kept as they came.
        Event::Unknown(_) => "an event that is not known yet".to_owned(),
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
    let url = env::var("VIPPS_WEBHOOK_URL").map_err(|_| "set VIPPS_WEBHOOK_URL to the URL that was registered")?;
    let secrets = env::var("VIPPS_WEBHOOK_SECRETS").map_err(|_| "set VIPPS_WEBHOOK_SECRETS")?;
    let receiver = Receiver::new(&url, secrets.split(','))?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, router(Arc::new(Shop { receiver, inbox: Mutex::default() }))).await?;
    Ok(())
}
