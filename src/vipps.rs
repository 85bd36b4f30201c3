//! Vipps MobilePay: registration of webhooks, and deliveries of ePayment, Recurring, QR, Login and Donations.
//!
//! Generated from `specs/vipps.yaml`, written from the provider's Webhooks API reference and guides (<https://developer.vippsmobilepay.com>).

include!(concat!(env!("OUT_DIR"), "/vipps.rs"));
