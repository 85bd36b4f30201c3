//! Receives the deliveries of DealPOS with actix-web, which has its own types of headers:
//!
//!     DEALPOS_API_KEY=key cargo run --example actix

use std::collections::HashSet;
use std::env;
use std::error::Error;
use std::sync::Mutex;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data, PayloadConfig, ServiceConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use pos_webhooks::Acknowledgement;
use pos_webhooks::dealpos::{Event, Receiver};

/// Far more than any documented delivery has.
const BODY_LIMIT: usize = 64 * 1024;

pub struct Shop {
    pub receiver: Receiver,
    pub inbox: Mutex<Inbox>,
}

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
        // Two changes of one payment may have the same payload, so every delivery counts.
        let is_new = key.is_none_or(|key| self.keys.insert(key));
        if is_new {
            self.payloads.push(payload);
        }
        is_new
    }
}

/// The last segment of the path is the name of the event.
pub fn routes(shop: Data<Shop>) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        config.app_data(shop).app_data(PayloadConfig::new(BODY_LIMIT));
        config.route("/hooks/dealpos/{event}", web::post().to(deliver));
    }
}

/// The body is taken as bytes, not as `web::Json`, because other providers sign the bytes.
async fn deliver(shop: Data<Shop>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let headers: Vec<_> = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    if let Err(error) = shop.receiver.verify(&headers) {
        eprintln!("refused: {error}");
        // The response does not tell the sender why.
        return HttpResponse::Unauthorized().finish();
    }
    let name = shop.receiver.event_name(request.path());
    // A payload that cannot be decoded is genuine, but not as documented: store it for later, and acknowledge it, since
    // a redelivery would be the same.
    let event =
        shop.receiver.decode(&name, &body).inspect_err(|error| eprintln!("{name} does not decode: {error}")).ok();
    // Store the event before you acknowledge it: an acknowledged event is not delivered again.
    let Ok(mut inbox) = shop.inbox.lock() else {
        eprintln!("the event could not be stored, so it has to be delivered again");
        return HttpResponse::ServiceUnavailable().finish();
    };
    let is_new = inbox.store(event.as_ref().and_then(|event| event.idempotency_key(&body)), body);
    // Act on an event only once, in the same transaction that stores it. Do work that takes longer than
    // `acknowledgement().within`, the time limit of the provider, afterwards from the inbox.
    if let Some(event) = event.filter(|_| is_new) {
        inbox.bookings.push(describe(&event));
    }
    answer(name.acknowledgement())
}

fn describe(event: &Event) -> String {
    match event {
        // An amount is an exact decimal, as it was written.
        Event::PaymentCreated(payment) => format!("{}: paid {}", payment.number, payment.amount),
        // The provider may add events at any time. They are stored as received.
        Event::Unknown(_) => format!("an unknown event: {}", event.name()),
        other => other.name().to_string(),
    }
}

fn answer(acknowledgement: Acknowledgement) -> HttpResponse {
    let status = StatusCode::from_u16(acknowledgement.status.as_u16()).unwrap_or(StatusCode::OK);
    let mut response = HttpResponse::build(status);
    if let Some(media_type) = acknowledgement.content_type {
        response.content_type(media_type);
    }
    response.body(acknowledgement.body.into_owned())
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let key = env::var("DEALPOS_API_KEY").map_err(|_| "set DEALPOS_API_KEY to the key that DealPOS was given")?;
    let shop = Data::new(Shop { receiver: Receiver::with_key(key)?, inbox: Mutex::default() });
    let server = HttpServer::new(move || App::new().configure(routes(shop.clone()))).bind("127.0.0.1:8080")?;
    println!("listening on http://127.0.0.1:8080");
    Ok(server.run().await?)
}
