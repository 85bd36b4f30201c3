//! Vipps MobilePay.

include!(concat!(env!("OUT_DIR"), "/vipps.rs"));
