//! Receives the deliveries of DealPOS with actix-web, which has its own types of requests:
//!
//!     DEALPOS_API_KEY=key cargo run --example actix

use std::collections::HashSet;
use std::sync::Mutex;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, PayloadConfig, ServiceConfig, post};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use pos_webhooks::dealpos::{Event, Receiver};
use pos_webhooks::verify::ReceiveError;

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

/// The last segment of the path is the name of the event. Documented deliveries are far smaller than the limit.
pub fn routes(shop: Data<Shop>) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        config
            .app_data(shop)
            .app_data(PayloadConfig::new(64 * 1024))
            .route("/hooks/dealpos/{event}", post().to(deliver));
    }
}

/// The body is taken as bytes, not as `web::Json`, because other providers sign the bytes.
async fn deliver(shop: Data<Shop>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let headers = request.headers().iter();
    let delivery = headers.fold(http::Request::post(request.path()), |delivery, (name, value)| {
        delivery.header(name.as_str(), value.as_bytes())
    });
    let Ok(delivery) = delivery.body(body) else { return HttpResponse::BadRequest().finish() };
    let (event, acknowledgement) = match shop.receiver.receive(&delivery) {
        Ok(event) => (Some((event.idempotency_key(delivery.body()), describe(&event))), event.acknowledgement()),
        // Genuine, but not as documented: store it for later, and acknowledge it, since a redelivery would be the same.
        Err(ReceiveError::Decode(undecodable)) => (None, undecodable.acknowledgement),
        // The response does not tell the sender why.
        Err(_) => return HttpResponse::Unauthorized().finish(),
    };
    // Any other status than that of the acknowledgement means that the event has to be delivered again.
    let Ok(mut inbox) = shop.inbox.lock() else { return HttpResponse::ServiceUnavailable().finish() };
    // Act on an event only once, in the transaction that stores it. Two changes of one payment may have the same payload: they
    // do not have a key, and every delivery counts.
    let (key, booking) = event.unzip();
    if key.flatten().is_none_or(|key| inbox.keys.insert(key)) {
        inbox.payloads.push(delivery.into_body());
        inbox.bookings.extend(booking);
    }
    let status = StatusCode::from_u16(acknowledgement.status.as_u16()).unwrap_or(StatusCode::OK);
    let mut response = HttpResponse::build(status);
    acknowledgement.content_type.map(|media_type| response.content_type(media_type));
    response.body(acknowledgement.body.into_owned())
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

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let receiver = Receiver::with_key(std::env::var("DEALPOS_API_KEY")?)?;
    let shop = Data::new(Shop { receiver, inbox: Mutex::default() });
    Ok(HttpServer::new(move || App::new().configure(routes(shop.clone()))).bind("127.0.0.1:8080")?.run().await?)
}
