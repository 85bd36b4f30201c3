//! Receives the deliveries of Vipps MobilePay in an AWS Lambda function, behind a function URL, API Gateway or a load balancer.
//! The registered URL and its secrets are in the environment variables `VIPPS_WEBHOOK_URL` and `VIPPS_WEBHOOK_SECRETS`.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use lambda_http::http::StatusCode;
use lambda_http::{Body, Error, Request, Response, run, service_fn};
use pos_webhooks::verify::ReceiveError;
use pos_webhooks::vipps::{Event, Receiver};

/// Stands for your database: the memory of a function is lost at any time, and is not shared.
#[derive(Default)]
pub struct Inbox {
    keys: HashSet<String>,
    pub payloads: Vec<Vec<u8>>,
    /// The bookings that events have caused.
    pub bookings: Vec<Event>,
}

pub fn deliver(receiver: &Receiver, inbox: &Mutex<Inbox>, request: Request) -> Response<Body> {
    let (event, acknowledgement) = match receiver.receive(&request) {
        Ok(event) => (Some((event.idempotency_key(request.body()), event.clone())), event.acknowledgement()),
        // Genuine, but not as documented: store it for later, and acknowledge it, since a redelivery would be the same.
        Err(ReceiveError::Decode(undecodable)) => (None, undecodable.acknowledgement),
        // The response does not tell the sender why.
        Err(_) => return refused(),
    };
    let (key, event) = event.unzip();
    let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
    // Act on an event only once, in the transaction that stores it, before you acknowledge it.
    if key.flatten().is_none_or(|key| inbox.keys.insert(key)) {
        inbox.payloads.push(request.into_body().to_vec());
        inbox.bookings.extend(event);
    }
    acknowledgement.into()
}

fn refused() -> Response<Body> {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    response
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let secrets = std::env::var("VIPPS_WEBHOOK_SECRETS")?;
    let receiver = Receiver::new(&std::env::var("VIPPS_WEBHOOK_URL")?, secrets.split(','))?;
    let inbox = Mutex::default();
    run(service_fn(async |request| Ok::<_, Error>(deliver(&receiver, &inbox, request)))).await
}
