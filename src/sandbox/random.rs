//! Random values that repeat with the seed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use crate::Secret;

/// Random numbers that repeat with the seed, in a separate sequence for each purpose so that none affects another.
pub(super) struct Random(StdRng);

impl Random {
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut hash = Sha256::new_with_prefix(seed.to_le_bytes());
        hash.update(purpose);
        Self(StdRng::from_seed(hash.finalize().into()))
    }

    pub fn id(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.0.random()).into_uuid().to_string()
    }

    /// An id that is a number.
    pub fn number(&mut self) -> String {
        self.0.random_range(100_000..100_000_000_u32).to_string()
    }

    pub fn token(&mut self) -> Secret {
        hex::encode(self.0.random::<[u8; 24]>()).into()
    }

    /// 64 bytes in Base64.
    pub fn key(&mut self) -> Secret {
        let mut key = [0; 64];
        self.0.fill(&mut key);
        BASE64.encode(key).into()
    }

    /// The seed of a key pair.
    pub fn seed(&mut self) -> [u8; 32] {
        self.0.random()
    }

    pub fn happens(&mut self, probability: f64) -> bool {
        self.0.random_bool(probability.clamp(0.0, 1.0))
    }
}
