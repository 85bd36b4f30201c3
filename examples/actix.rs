//! Receives the deliveries of DealPOS with actix-web, which has its own types of requests:
//!
//!     DEALPOS_API_KEY=key cargo run --example actix

use std::sync::Mutex;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, PayloadConfig, ServiceConfig, post};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use pos_webhooks::dealpos::{Event, Receiver};
use pos_webhooks::verify::ReceiveError;

/// Keys, bodies and events. It stands for a table of your database, whose content has to survive a restart.
pub type Inbox = Mutex<Vec<(Option<String>, Bytes, Option<Event>)>>;

/// The last segment of the path is the name of the event. Documented deliveries are far smaller than the limit.
pub fn routes(config: &mut ServiceConfig, shop: Data<(Receiver, Inbox)>) {
    config.app_data(shop).app_data(PayloadConfig::new(64 * 1024)).route("/hooks/dealpos/{event}", post().to(deliver));
}

/// The body is taken as bytes, not as `web::Json`, because other providers sign the bytes.
async fn deliver(shop: Data<(Receiver, Inbox)>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let headers = request.headers().iter();
    let delivery = headers.fold(http::Request::post(request.path()), |delivery, (name, value)| {
        delivery.header(name.as_str(), value.as_bytes())
    });
    let Ok(delivery) = delivery.body(body) else { return HttpResponse::BadRequest().finish() };
    let (event, acknowledgement) = match shop.0.receive(&delivery) {
        Ok(event) => (Some(event.clone()), event.acknowledgement()),
        // Genuine, but not as documented: store it for later, and acknowledge it, since a redelivery would be the same.
        Err(ReceiveError::Decode(undecodable)) => (None, undecodable.acknowledgement),
        // The response does not tell the sender why.
        Err(_) => return HttpResponse::Unauthorized().finish(),
    };
    // After any other status than that of the acknowledgement, the event is delivered again.
    let Ok(mut inbox) = shop.1.lock() else { return HttpResponse::ServiceUnavailable().finish() };
    // Act on an event only once: here, in the transaction that stores it. Two changes of one payment may have the same payload:
    // they do not have a key, and every delivery counts.
    let key = event.as_ref().and_then(|event| event.idempotency_key(delivery.body()));
    if key.is_none() || inbox.iter().all(|(known, ..)| *known != key) {
        inbox.push((key, delivery.into_body(), event));
    }
    let status = StatusCode::from_u16(acknowledgement.status.as_u16()).unwrap_or(StatusCode::OK);
    let mut response = HttpResponse::build(status);
    acknowledgement.content_type.map(|media_type| response.content_type(media_type));
    response.body(acknowledgement.body.into_owned())
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let shop = Data::new((Receiver::with_key(std::env::var("DEALPOS_API_KEY")?)?, Inbox::default()));
    let app = move || App::new().configure(|config| routes(config, shop.clone()));
    Ok(HttpServer::new(app).bind("127.0.0.1:8080")?.run().await?)
}
