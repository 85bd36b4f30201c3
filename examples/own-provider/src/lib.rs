//! A crate with a webhook provider of its own. The module [`kiosk`] is generated from `specs/kiosk.yaml`.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs)]

pos_webhooks::include_provider!(kiosk);
