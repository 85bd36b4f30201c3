//! DealPOS: deliveries about invoice payments.
//!
//! Generated from `specs/dealpos.yaml`, written from the provider's "Product Webhook API" (<https://developer.dealpos.com/webhook>).

include!(concat!(env!("OUT_DIR"), "/dealpos.rs"));
