//! Books the payments of Vipps MobilePay in PostgreSQL, each of them once, also if it is delivered twice at the same time:
//!
//!     DATABASE_URL=postgresql://localhost/shop VIPPS_WEBHOOK_URL=https://shop.example/hooks/vipps \
//!         VIPPS_WEBHOOK_SECRETS=secret cargo run --example postgres --features axum

use std::sync::Arc;

use axum::extract::{FromRef, State};
use axum::{Router, http::StatusCode, routing::post};
use pos_webhooks::axum::{Receipt, Verified};
use pos_webhooks::vipps::{Event, Receiver};
use pos_webhooks::{Acknowledgement, verify::Undecodable};
use tokio::sync::Mutex;
use tokio_postgres::{Client, Error, NoTls, Transaction};

/// An event without a key is never a duplicate: in PostgreSQL, two nulls are different.
pub const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS deliveries (
        provider text NOT NULL, key text, event text, body bytea NOT NULL, undecodable boolean NOT NULL,
        received_at timestamptz NOT NULL DEFAULT now(), UNIQUE (provider, key)
    );
    CREATE TABLE IF NOT EXISTS bookings (reference text NOT NULL, minor_units bigint NOT NULL);
";

/// A program with many deliveries has a pool of connections instead of one.
#[derive(Clone, FromRef)]
pub struct Shop {
    pub receiver: Receiver,
    pub database: Arc<Mutex<Client>>,
}

pub fn router(shop: Shop) -> Router {
    Router::new().route("/hooks/vipps", post(deliver)).with_state(shop)
}

/// The acknowledgement is sent after the transaction is committed. If that fails, the provider delivers the event again.
async fn deliver(
    State(database): State<Arc<Mutex<Client>>>,
    Verified { event, receipt }: Verified<Result<Event, Undecodable>>,
) -> Result<Acknowledgement, StatusCode> {
    let booked = book(&mut *database.lock().await, event, &receipt).await;
    booked.map_err(|error| {
        eprintln!("the event is not stored: {error}");
        StatusCode::SERVICE_UNAVAILABLE
    })?;
    Ok(receipt.acknowledgement)
}

/// Stores the delivery and its booking, or neither of them.
async fn book(database: &mut Client, event: Result<Event, Undecodable>, receipt: &Receipt) -> Result<(), Error> {
    let transaction = database.transaction().await?;
    let is_new = store(&transaction, receipt, event.is_err()).await?;
    if let (true, Ok(Event::EpaymentsPaymentCapturedV1(payment))) = (is_new, event) {
        let booking = "INSERT INTO bookings (reference, minor_units) VALUES ($1, $2)";
        transaction.execute(booking, &[&payment.reference, &payment.amount.value]).await?;
    }
    transaction.commit().await
}

/// Returns false for a delivery that is in the table already. If another transaction is just storing it, PostgreSQL waits for
/// the end of that transaction.
async fn store(transaction: &Transaction<'_>, receipt: &Receipt, undecodable: bool) -> Result<bool, Error> {
    let delivery = "INSERT INTO deliveries (provider, key, event, body, undecodable) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (provider, key) DO NOTHING";
    let Receipt { provider, idempotency_key, event, body, .. } = receipt;
    Ok(transaction.execute(delivery, &[provider, idempotency_key, event, &body.as_ref(), &undecodable]).await? == 1)
}

/// Connects to the database, and creates the tables.
pub async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute(TABLES).await?;
    Ok(client)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secrets = std::env::var("VIPPS_WEBHOOK_SECRETS")?;
    let receiver = Receiver::new(&std::env::var("VIPPS_WEBHOOK_URL")?, secrets.split(','))?;
    let database = Arc::new(Mutex::new(connect(&std::env::var("DATABASE_URL")?).await?));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, router(Shop { receiver, database })).await?)
}
