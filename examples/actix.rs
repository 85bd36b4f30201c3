//! Receives the deliveries of DealPOS with actix-web, whose headers are of types of its own:
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
        // Two changes of one payment may have the same payload, so that every delivery of them counts.
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

/// The body as bytes, not as `web::Json`: with other providers they are what is signed.
async fn deliver(shop: Data<Shop>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let headers: Vec<_> = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    if let Err(error) = shop.receiver.verify(&headers) {
        eprintln!("refused: {error}");
        // The sender is not told why.
        return HttpResponse::Unauthorized().finish();
    }
    let name = shop.receiver.event_name(request.path());
    // What does not decode is genuine, but not as documented: kept for a look at it, and acknowledged, since it would come
    // again the same.
    let event =
        shop.receiver.decode(&name, &body).inspect_err(|error| eprintln!("{name} does not decode: {error}")).ok();
    // Stored before it is acknowledged: what is acknowledged does not come again.
    let Ok(mut inbox) = shop.inbox.lock() else {
        eprintln!("not stored, so it has to come again");
        return HttpResponse::ServiceUnavailable().finish();
    };
    let is_new = inbox.store(event.as_ref().and_then(|event| event.idempotency_key(&body)), body);
    // Acted on only where it was not delivered before, and in the same transaction as it is stored. What takes longer than
    // `acknowledgement().within`, for which the provider waits, is done afterwards from the inbox.
    if let Some(event) = event.filter(|_| is_new) {
        inbox.bookings.push(describe(&event));
    }
    answer(name.acknowledgement())
}

fn describe(event: &Event) -> String {
    match event {
        // An amount is an exact decimal, as it was written.
        Event::PaymentCreated(payment) => format!("{}: paid {}", payment.number, payment.amount),
        // The provider may add events at any time: they are kept as they came.
        Event::Unknown(_) => format!("an event that is not known yet: {}", event.name()),
        other => other.name().to_string(),
    }
}

fn answer(acknowledgement: Acknowledgement) -> HttpResponse {
    let status = StatusCode::from_u16(acknowledgement.status.as_u16()).unwrap_or(StatusCode::OK);
    let mut response = HttpResponse::build(status);
    if let Some(media_type) = acknowledgement.content_type {
        response.content_type(media_type);
    }
    response.body(acknowledgement.body)
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let key = env::var("DEALPOS_API_KEY").map_err(|_| "set DEALPOS_API_KEY to the key that DealPOS was given")?;
    let shop = Data::new(Shop { receiver: Receiver::with_key(key)?, inbox: Mutex::default() });
    let server = HttpServer::new(move || App::new().configure(routes(shop.clone()))).bind("127.0.0.1:8080")?;
    println!("listening on http://127.0.0.1:8080");
    Ok(server.run().await?)
}
