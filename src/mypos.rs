//! myPOS: registration of webhooks through its REST API.
//!
//! Generated from `specs/mypos.yaml`, written from the provider's page "Managing webhooks" and its neighbours (<https://developers.mypos.com>).

include!(concat!(env!("OUT_DIR"), "/mypos.rs"));
