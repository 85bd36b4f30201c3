//! The example for PostgreSQL books a payment once, also if it is delivered several times at the same moment. The database is
//! one of the test's own; without PostgreSQL's programs, the test only says so.

#![cfg(all(unix, feature = "axum", feature = "vipps"))]

mod cluster;
mod http;
#[allow(dead_code, reason = "the example's main")]
#[path = "../examples/postgres.rs"]
mod postgres_example;

use std::sync::{Arc, Barrier};
use std::thread;

use cluster::{Cluster, USER};
use pos_webhooks::verify::Timestamp;
use pos_webhooks::vipps;
use tokio::sync::Mutex;

const URL: &str = "https://shop.example/hooks/vipps";

#[test]
fn a_payment_is_booked_once() {
    let Some(cluster) = Cluster::start(&["fsync=off"]) else { return };
    let url = format!("host={} user={USER} dbname=postgres", cluster.folder());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(postgres_example::connect(&url)).unwrap();
    let query = |query: &str| -> Vec<i64> {
        runtime.block_on(database.query(query, &[])).unwrap().iter().map(|row| row.get(0)).collect()
    };
    // Each server has a connection of its own, as several processes of one shop have.
    let addresses: Vec<_> = (0..8)
        .map(|_| {
            let url = url.clone();
            http::serve(|| async move {
                let receiver = vipps::Receiver::new(URL, ["secret"]).unwrap();
                let database = Arc::new(Mutex::new(postgres_example::connect(&url).await.unwrap()));
                postgres_example::router(postgres_example::Shop { receiver, database })
            })
        })
        .collect();
    let sign = |body: &str| vipps::sign(URL, &"secret".into(), body.as_bytes(), Timestamp::now()).unwrap();
    let deliver = |body: &str| http::post(addresses[0], "/hooks/vipps", &sign(body), body.as_bytes());
    let example = vipps::EventName::EpaymentsPaymentCapturedV1.examples()[0].json;

    let (together, headers) = (Barrier::new(addresses.len()), sign(example));
    let at_once = |address| {
        together.wait();
        http::post(address, "/hooks/vipps", &headers, example.as_bytes())
    };
    thread::scope(|scope| {
        let deliveries: Vec<_> = addresses.iter().map(|&address| scope.spawn(move || at_once(address))).collect();
        for delivery in deliveries {
            assert_eq!(delivery.join().unwrap(), (200, String::new()));
        }
    });
    assert_eq!(deliver(example), (200, String::new()), "delivered again later");
    assert_eq!(query("SELECT minor_units FROM bookings"), [100]);
    assert_eq!(query("SELECT count(*) FROM deliveries"), [1]);

    // Neither a payload that cannot be decoded nor an unknown event is lost, and they have no key.
    for body in ["[", "[", r#"{"new": 2.50}"#] {
        assert_eq!(deliver(body), (200, String::new()), "{body}");
    }
    assert_eq!(query("SELECT count(*) FROM deliveries WHERE undecodable AND key IS NULL"), [2]);
    assert_eq!(query("SELECT count(*) FROM deliveries"), [4]);

    assert_eq!(http::post(addresses[0], "/hooks/vipps", &headers, b"{}"), (401, String::new()));
    assert_eq!(query("SELECT count(*) FROM deliveries"), [4]);

    // What cannot be booked is not stored either, and is delivered again.
    let another = example.replace("4b2cde7acc0e4eaf86d32616d14e0cd1", "another");
    runtime.block_on(database.batch_execute("ALTER TABLE bookings RENAME TO away")).unwrap();
    assert_eq!(deliver(&another), (503, String::new()));
    assert_eq!(query("SELECT count(*) FROM deliveries"), [4]);
    runtime.block_on(database.batch_execute("ALTER TABLE away RENAME TO bookings")).unwrap();
    assert_eq!(deliver(&another), (200, String::new()));
    assert_eq!(query("SELECT minor_units FROM bookings"), [100, 100]);
}
