//! miPOS.

include!(concat!(env!("OUT_DIR"), "/mipos.rs"));
