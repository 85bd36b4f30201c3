//! A delivery of the tills is verified and decoded, and one that was changed on the way is refused.

use own_provider::kiosk::{Client, Event, EventName, PROVIDER, Receiver, models, sign};
use pos_webhooks::Secret;
use pos_webhooks::sandbox::Sandbox;
use pos_webhooks::verify::Timestamp;

const BODY: &[u8] = br#"{"event":"sale","receipt":"R-17","till":"north","total":4.50,"paid_at":"2026-11-27T08:15:00Z"}"#;

#[test]
fn a_signed_delivery_is_received_and_a_changed_one_is_refused() {
    let (secret, now) = (Secret::from("5f1c0b7e9a"), Timestamp::now());
    let receiver = Receiver::new([secret.clone()]).unwrap();
    let headers = sign(&secret, BODY, now).unwrap();
    receiver.verify(headers.as_slice(), BODY, now).unwrap();
    let Event::Sale(sale) = receiver.decode(BODY).unwrap() else { panic!("another event") };
    assert_eq!((sale.receipt.as_str(), sale.total.to_string().as_str()), ("R-17", "4.50"));

    let changed = String::from_utf8_lossy(BODY).replace("4.50", "0.50");
    assert!(receiver.verify(headers.as_slice(), changed.as_bytes(), now).is_err());
}

#[test]
fn a_handler_is_tested_with_a_changed_example() {
    let mut event = EventName::Sale.example().unwrap();
    let Event::Sale(sale) = &mut event else { panic!("another event") };
    sale.total = 12.into();
    let request = event.delivery("https://shop.example/kiosk", "5f1c0b7e9a").unwrap();
    assert_eq!(Receiver::new(["5f1c0b7e9a"]).unwrap().receive(&request).unwrap(), event);
    assert!(Receiver::new(["another secret"]).unwrap().receive(&request).is_err());
}

#[test]
fn a_payload_is_validated() {
    assert!(PROVIDER.validate("sale", BODY).is_ok());
    assert!(PROVIDER.validate("sale", br#"{"event":"sale"}"#).is_err());
}

#[tokio::test]
async fn a_url_is_registered_at_a_simulated_head_office() {
    let sandbox = Sandbox::builder().provider(&PROVIDER).start().await.unwrap();
    let client: Client = sandbox.client().unwrap();
    let hook = client.create_hook(&models::NewHook { url: "http://127.0.0.1:9/kiosk".into() }).await.unwrap();
    assert_eq!(client.list_hooks().await.unwrap().len(), 1);
    client.delete_hook(&hook.id).await.unwrap();
}
