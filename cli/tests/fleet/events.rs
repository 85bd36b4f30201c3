//! The events of the providers.

use fastrand::Rng;
use sha2::{Digest as _, Sha256};

use crate::listener::payment;

/// The SHA-256 of a body.
pub type Hash = [u8; 32];

pub fn hash(body: &[u8]) -> Hash {
    Sha256::digest(body).into()
}

/// The body of the event with this number, always the same for a seed: mostly as documented, and sometimes one that is hard to
/// store.
pub fn body(seed: u64, number: u64) -> Vec<u8> {
    let payment = payment(number);
    let with = |member: &str| payment.replacen('{', &format!("{{\"more\":{member},"), 1).into_bytes();
    let mut random = Rng::with_seed(seed ^ number);
    match random.u8(..50) {
        0 => with("\"\\u0000\""),
        1 => with("\"\\ud800\""),
        2 => with("1e200000"),
        3 => with("[-0, 1E2, 1.50,\r\n \"\\u00e9\\\\u0000\"]"),
        4 => with(&["[".repeat(2000), "]".repeat(2000)].concat()),
        5 => with(&format!("\"{}\"", "é".repeat(random.usize(..30_000)))),
        6 => [payment.as_bytes(), b"\xff\xfe\0"].concat(),
        7 => format!("not JSON {number}").into_bytes(),
        _ => payment.into_bytes(),
    }
}
