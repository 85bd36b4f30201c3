//! DealPOS.

include!(concat!(env!("OUT_DIR"), "/dealpos.rs"));
