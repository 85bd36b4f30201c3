//! Receives the deliveries of Vipps MobilePay with axum:
//!
//!     VIPPS_WEBHOOK_URL=https://shop.example/hooks/vipps VIPPS_WEBHOOK_SECRETS=secret \
//!         cargo run --example axum --features axum
//!
//! The URL is the registered one, also behind a proxy. Separate several secrets by commas, while one is rotated or if
//! several registrations share the URL. The example `postgres` has a database.

use std::sync::{Arc, Mutex};

use axum::extract::{DefaultBodyLimit, FromRef, State};
use axum::{Router, body::Bytes, http::StatusCode, routing::post};
use pos_webhooks::vipps::{Event, Receiver};
use pos_webhooks::{Acknowledgement, axum::Verified, verify::Undecodable};

/// Keys, bodies and events. It stands for a table of your database, whose content has to survive a restart.
pub type Inbox = Arc<Mutex<Vec<(Option<String>, Bytes, Option<Event>)>>>;

#[derive(Clone, FromRef)]
pub struct Shop {
    pub receiver: Receiver,
    pub inbox: Inbox,
}

/// Documented deliveries are far smaller than the limit.
pub fn router(shop: Shop) -> Router {
    Router::new().route("/hooks/vipps", post(deliver)).layer(DefaultBodyLimit::max(64 * 1024)).with_state(shop)
}

/// Gets genuine deliveries only. One that cannot be decoded is stored as well, because the provider would only deliver the same
/// again.
async fn deliver(
    State(inbox): State<Inbox>,
    Verified { event, receipt }: Verified<Result<Event, Undecodable>>,
) -> Result<Acknowledgement, StatusCode> {
    // After any other status than that of the acknowledgement, the event is delivered again.
    let mut inbox = inbox.lock().map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    // Act on an event only once: here, in the transaction that stores it. Do work that takes longer than
    // `acknowledgement.within`, the time limit of the provider, afterwards from the inbox.
    let key = receipt.idempotency_key;
    if key.is_none() || inbox.iter().all(|(known, ..)| *known != key) {
        inbox.push((key, receipt.body, event.ok()));
    }
    Ok(receipt.acknowledgement)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secrets = std::env::var("VIPPS_WEBHOOK_SECRETS")?;
    let receiver = Receiver::new(&std::env::var("VIPPS_WEBHOOK_URL")?, secrets.split(','))?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, router(Shop { receiver, inbox: Inbox::default() })).await?)
}
