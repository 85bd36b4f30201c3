//! myPOS.

include!(concat!(env!("OUT_DIR"), "/mypos.rs"));
