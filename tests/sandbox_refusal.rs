//! The page says why a delivery was refused, with the changes in transit that would explain it, as `verify` does.

#![cfg(all(feature = "sandbox", feature = "vipps"))]

use pos_webhooks::PROVIDERS;
use pos_webhooks::capture::{Captured, Head, NotVerified, VerificationStep};
use pos_webhooks::client::http_client;
use pos_webhooks::sandbox::{DeliveryFault, Fault, Sandbox};
use pos_webhooks::verify::VerifyError;
use pos_webhooks::{Secret, verify::Timestamp};

const EVENT: &str = "epayments.payment.captured.v1";

/// The page after a delivery with this fault, which the inbox refuses, and whose text is on one line.
async fn page_after(fault: DeliveryFault) -> String {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.receive_here("vipps").await.unwrap();
    sandbox.fault(Fault::from(fault)).unwrap();
    let attempts = sandbox.deliver("vipps", EVENT).await.unwrap();
    assert!(!attempts[0].is_acknowledged());
    let client = http_client().unwrap().no_proxy().build().unwrap();
    client.get(sandbox.url()).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn the_page_has_the_changes_with_which_a_refused_delivery_passes() {
    let page = page_after(DeliveryFault::StaleDate).await;
    assert!(page.contains("Not verified: "), "{page}");
    assert!(page.contains("verified again with common changes in transit:"), "{page}");
    let (_, hint) = page.split_once("<li>at the time ").unwrap();
    assert!(hint.split_once("</li>").unwrap().0.ends_with(", it passes"), "{hint}");
}

#[tokio::test]
async fn the_page_has_the_changes_that_were_tried_without_success() {
    let page = page_after(DeliveryFault::WrongSignature).await;
    assert!(page.contains("Changes in transit that were tried and do not explain it: "), "{page}");
    assert!(page.contains("<li>with a slash at the end of the path"), "{page}");
}

/// What the page and `verify` both use.
#[tokio::test]
async fn a_change_in_transit_is_found_for_every_signed_body() {
    for provider in PROVIDERS.iter() {
        let sandbox = Sandbox::start().await.unwrap();
        let registered = sandbox.receive_here(provider.name).await.unwrap();
        let event = provider.events[0].name;
        let attempt = sandbox.deliver(provider.name, event).await.unwrap().remove(0);
        let registration = registered.iter().find(|it| it.id == attempt.registration).unwrap();
        let headers = attempt.request.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes()));
        let head = Head { target: None, headers: headers.collect() };
        let (genuine, body) = (attempt.request.body.as_bytes(), format!("{}\n", attempt.request.body));
        let captured = |body| Captured {
            provider,
            event: Some(event),
            signature: None,
            url: Some(&registration.url),
            head: &head,
            body,
            at: Timestamp::now(),
        };
        let secrets = [Secret::from("another"), registration.secret.clone()];
        if captured(genuine).verify(&secrets) != Ok(1) {
            continue;
        }
        match captured(body.as_bytes()).verify(&secrets) {
            Ok(_) => {}
            Err(NotVerified::Refused(error)) => {
                let explanation = captured(body.as_bytes()).explain(&secrets, &error);
                let hints: Vec<_> = explanation.hints.iter().map(ToString::to_string).collect();
                let hint = "without the newline at the end of the body, it passes";
                assert!(hints.iter().any(|it| it == hint), "{}: {hints:?}", provider.name);
                assert!(explanation.tried.is_empty(), "{explanation:?}");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(VerificationStep::of(&VerifyError::SignatureMismatch).name(), "signature");
}
