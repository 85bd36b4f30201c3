//! Receives the deliveries of Vipps MobilePay with axum:
//!
//!     VIPPS_WEBHOOK_URL=https://shop.example/hooks/vipps VIPPS_WEBHOOK_SECRETS=secret \
//!         cargo run --example axum
//!
//! Whatever proxy stands in front, the URL is the one that was registered. Several secrets, while they are being rotated
//! or where several registrations share the URL, have commas between them.

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::request::Parts;
use axum::http::{Request, Response, StatusCode};
use axum::routing::post;
use pos_webhooks::verify::ReceiveError;
use pos_webhooks::vipps::{Event, Receiver};

/// Far more than any documented delivery has.
const BODY_LIMIT: usize = 64 * 1024;

/// Stands for your database: what is in it has to survive a restart.
#[derive(Default)]
pub struct Inbox {
    events: Mutex<HashMap<String, Event>>,
    undecoded: Mutex<Vec<Bytes>>,
}

impl Inbox {
    /// Stores an event once; in a database, an insert that does nothing where the key is there already. False where it
    /// was.
    pub fn store(&self, key: String, event: Event) -> Result<bool, Box<dyn Error>> {
        let mut events = self.events.lock().map_err(|_| "the inbox is broken")?;
        Ok(events.insert(key, event).is_none())
    }

    pub fn store_undecoded(&self, body: Bytes) -> Result<(), Box<dyn Error>> {
        self.undecoded.lock().map_err(|_| "the inbox is broken")?.push(body);
        Ok(())
    }
}

pub struct Shop {
    pub receiver: Receiver,
    pub inbox: Inbox,
}

pub fn router(shop: Arc<Shop>) -> Router {
    let path = "/hooks/vipps";
    Router::new().route(path, post(deliver)).layer(DefaultBodyLimit::max(BODY_LIMIT)).with_state(shop)
}

/// The body as bytes, not as `Json`: they are what is signed.
async fn deliver(State(shop): State<Arc<Shop>>, parts: Parts, body: Bytes) -> Response<axum::body::Body> {
    let request = Request::from_parts(parts, body);
    let event = match shop.receiver.receive(&request) {
        Ok(event) => event,
        // Nothing is told to who is not the provider.
        Err(ReceiveError::Verify(error)) => {
            eprintln!("refused: {error}");
            return status(StatusCode::UNAUTHORIZED);
        }
        // It is genuine, so it is kept, and acknowledged: the provider would send the same again.
        Err(error) => {
            eprintln!("does not decode: {error}");
            let stored = shop.inbox.store_undecoded(request.into_body());
            return status(if stored.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE });
        }
    };
    let acknowledgement = event.acknowledgement();
    // Without a key every delivery counts as an event of its own, here told apart by its bytes.
    let key = event.idempotency_key().unwrap_or_else(|| String::from_utf8_lossy(request.body()).into_owned());
    let name = event.name();
    // Stored before it is acknowledged: what is acknowledged does not come again. What takes longer than that is done
    // afterwards, from the inbox.
    match shop.inbox.store(key, event) {
        Ok(true) => println!("{name}: stored"),
        Ok(false) => println!("{name}: delivered before"),
        Err(error) => {
            eprintln!("{name}: not stored, so it has to come again: {error}");
            return status(StatusCode::SERVICE_UNAVAILABLE);
        }
    }
    acknowledgement.into()
}

fn status(status: StatusCode) -> Response<axum::body::Body> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

/// What is stored, each as your code would meet it in the inbox.
pub fn describe(event: &Event) -> String {
    match event {
        Event::EpaymentsPaymentCapturedV1(payment) => {
            format!("{}: captured {} of {}", payment.reference, payment.amount.value, payment.amount.currency)
        }
        // The provider may add events at any time. They are kept with their payload as it came.
        Event::Unknown(unknown) => format!("not known yet: {} bytes", unknown.payload.as_str().len()),
        other => other.name().to_string(),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("VIPPS_WEBHOOK_URL").map_err(|_| "set VIPPS_WEBHOOK_URL to the URL that was registered")?;
    let secrets = env::var("VIPPS_WEBHOOK_SECRETS").map_err(|_| "set VIPPS_WEBHOOK_SECRETS")?;
    let receiver = Receiver::new(&url, secrets.split(','))?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, router(Arc::new(Shop { receiver, inbox: Inbox::default() }))).await?;
    Ok(())
}
