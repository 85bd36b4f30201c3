//! miPOS: registration of webhooks by URL, and deliveries of orders and requests for the menu.
//!
//! Generated from `specs/mipos.yaml`, written from the provider's page "Webhook management" and its neighbours (<https://mipos.gitbook.io/public-api>).

include!(concat!(env!("OUT_DIR"), "/mipos.rs"));
