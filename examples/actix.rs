//! Receives the deliveries of DealPOS with actix-web: `DEALPOS_API_KEY=key cargo run --example actix`.

use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, http::StatusCode};
use pos_webhooks::dealpos::{Event, Receiver};
use pos_webhooks::verify::ReceiveError;

/// Keys, bodies and events. It stands for a table of your database, whose content has to survive a restart.
pub type Inbox = std::sync::Mutex<Vec<(Option<String>, Bytes, Option<Event>)>>;

/// The body is taken as bytes, not as `web::Json`, because other providers sign the bytes.
#[actix_web::post("/hooks/dealpos/{event}")]
pub async fn deliver(shop: Data<(Receiver, Inbox)>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let delivery = request.headers().iter().fold(http::Request::post(request.path()), |delivery, (name, value)| {
        delivery.header(name.as_str(), value.as_bytes())
    });
    let Ok(delivery) = delivery.body(body) else { return HttpResponse::BadRequest().finish() };
    let (event, answer) = match shop.0.receive(&delivery) {
        Ok(event) => (Some(event.clone()), event.acknowledgement()),
        // Genuine, but not as documented: store it for later, and acknowledge it, since a redelivery would be the same.
        Err(ReceiveError::Decode(undecodable)) => (None, undecodable.acknowledgement),
        Err(_) => return HttpResponse::Unauthorized().finish(),
    };
    let Ok(mut inbox) = shop.1.lock() else { return HttpResponse::ServiceUnavailable().finish() };
    // Act on an event only once: here, in the transaction that stores it. Without a key, every delivery counts.
    let key = event.as_ref().and_then(|event| event.idempotency_key(delivery.body()));
    if key.is_none() || inbox.iter().all(|(known, ..)| *known != key) {
        inbox.push((key, delivery.into_body(), event));
    }
    let status = StatusCode::from_u16(answer.status.as_u16()).unwrap_or_default();
    HttpResponse::build(status).content_type(answer.content_type.unwrap_or("text/plain")).body(answer.body.into_owned())
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let shop = Data::new((Receiver::with_key(std::env::var("DEALPOS_API_KEY")?)?, Inbox::default()));
    let app = move || App::new().app_data(shop.clone()).service(deliver);
    Ok(HttpServer::new(app).bind("127.0.0.1:8080")?.run().await?)
}
