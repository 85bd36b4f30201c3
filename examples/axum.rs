//! Receives the deliveries of Vipps MobilePay with axum:
//!
//!     VIPPS_WEBHOOK_URL=https://shop.example/hooks/vipps VIPPS_WEBHOOK_SECRETS=secret \
//!         cargo run --example axum --features axum
//!
//! The URL is the registered one, also behind a proxy. Separate several secrets by commas, while one is rotated or if
//! several registrations share the URL. The example `postgres` has a database.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRef, State};
use axum::{Router, http::StatusCode, routing::post};
use pos_webhooks::vipps::{Event, Receiver};
use pos_webhooks::{Acknowledgement, axum::Verified, verify::Undecodable};

/// Stands for your database, whose content has to survive a restart.
#[derive(Default)]
pub struct Inbox {
    keys: HashSet<String>,
    pub payloads: Vec<Bytes>,
    /// The bookings that events have caused.
    pub bookings: Vec<String>,
}

#[derive(Clone, FromRef)]
pub struct Shop {
    pub receiver: Receiver,
    pub inbox: Arc<Mutex<Inbox>>,
}

/// Documented deliveries are far smaller than the limit.
pub fn router(shop: Shop) -> Router {
    Router::new().route("/hooks/vipps", post(deliver)).layer(DefaultBodyLimit::max(64 * 1024)).with_state(shop)
}

/// Gets genuine deliveries only. One that cannot be decoded is stored for later as well, because the provider would only
/// deliver the same again.
async fn deliver(
    State(inbox): State<Arc<Mutex<Inbox>>>,
    Verified { event, receipt }: Verified<Result<Event, Undecodable>>,
) -> Result<Acknowledgement, StatusCode> {
    // Any other status than that of the acknowledgement means that the event has to be delivered again.
    let mut inbox = inbox.lock().map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    // Act on an event only once, in the transaction that stores it. Do work that takes longer than
    // `acknowledgement.within`, the time limit of the provider, afterwards from the inbox.
    if receipt.idempotency_key.is_none_or(|key| inbox.keys.insert(key)) {
        inbox.payloads.push(receipt.body);
        inbox.bookings.extend(event.ok().map(describe));
    }
    Ok(receipt.acknowledgement)
}

fn describe(event: Event) -> String {
    match event {
        Event::EpaymentsPaymentCapturedV1(payment) => {
            let (value, currency) = (payment.amount.value, payment.amount.currency);
            format!("{}: captured {value} of the smallest unit of {currency}", payment.reference)
        }
        // The provider may add events at any time. They are stored as received.
        Event::Unknown(_) => "an unknown event".to_owned(),
        other => other.name().to_string(),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secrets = std::env::var("VIPPS_WEBHOOK_SECRETS")?;
    let receiver = Receiver::new(&std::env::var("VIPPS_WEBHOOK_URL")?, secrets.split(','))?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, router(Shop { receiver, inbox: Arc::default() })).await?)
}
