//! Receives the deliveries of Vipps MobilePay in an AWS Lambda function, behind a function URL, API Gateway or a load balancer.
//! The registered URL and its secrets are in the environment variables `VIPPS_WEBHOOK_URL` and `VIPPS_WEBHOOK_SECRETS`.

use std::sync::{Mutex, PoisonError};

use lambda_http::{Body, Error, Request, Response, http::StatusCode, run, service_fn};
use pos_webhooks::verify::ReceiveError;
use pos_webhooks::vipps::{Event, Receiver};

/// Keys, bodies and events. It stands for a table of your database: the memory of a function is lost at any time.
pub type Inbox = Mutex<Vec<(Option<String>, Body, Option<Event>)>>;

/// Returns the response to a delivery. A load balancer passes the body as text or encoded, and it is signed as it was sent.
pub fn deliver(receiver: &Receiver, inbox: &Inbox, request: Request) -> Result<Response<Body>, Error> {
    let (event, acknowledgement) = match receiver.receive(&request) {
        Ok(event) => (Some(event.clone()), event.acknowledgement()),
        // Genuine, but not as documented: store it for later, and acknowledge it, since a redelivery would be the same.
        Err(ReceiveError::Decode(undecodable)) => (None, undecodable.acknowledgement),
        // The response does not tell the sender why.
        Err(_) => return Ok(Response::builder().status(StatusCode::UNAUTHORIZED).body(Body::Empty)?),
    };
    let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
    // Act on an event only once: here, in the transaction that stores it. An error means that it is delivered again.
    let key = event.as_ref().and_then(|event| event.idempotency_key(request.body()));
    if key.is_none() || inbox.iter().all(|(known, ..)| *known != key) {
        inbox.push((key, request.into_body(), event));
    }
    Ok(acknowledgement.into())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let secrets = std::env::var("VIPPS_WEBHOOK_SECRETS")?;
    let receiver = Receiver::new(&std::env::var("VIPPS_WEBHOOK_URL")?, secrets.split(','))?;
    let inbox = Inbox::default();
    run(service_fn(async |request| deliver(&receiver, &inbox, request))).await
}
