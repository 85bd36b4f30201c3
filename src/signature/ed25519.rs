//! Keys of Ed25519.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use super::error::ReceiverError;

/// The key that verifies signatures.
#[derive(Clone)]
pub(crate) struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Refuses keys of small order, for which anyone can make a signature.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, ReceiverError> {
        let key = bytes.try_into().ok().and_then(|bytes| VerifyingKey::from_bytes(bytes).ok());
        key.filter(|key| !key.is_weak()).map(Self).ok_or(ReceiverError::MalformedSecret(
            "the provider's public key, which has 32 bytes and belongs to Ed25519",
        ))
    }

    /// A signature has only one form, so that nobody can make another one from it.
    pub(super) fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify_strict(text, &signature).is_ok())
    }
}

/// The key that signs.
pub(super) struct PrivateKey(SigningKey);

impl PrivateKey {
    /// The length tells a private key from a public one.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, ReceiverError> {
        let key = bytes.try_into().ok().and_then(|bytes| SigningKey::from_keypair_bytes(bytes).ok());
        key.map(Self).ok_or(ReceiverError::MalformedSecret(
            "a private key of Ed25519, which has 64 bytes: the seed and then the public key",
        ))
    }

    pub(super) fn sign(&self, text: &[u8]) -> [u8; 64] {
        self.0.sign(text).to_bytes()
    }
}

/// The public key and the private key that belong to a seed.
#[cfg(feature = "sandbox")]
pub(crate) fn key_pair(seed: [u8; 32]) -> ([u8; 32], [u8; 64]) {
    let key = SigningKey::from_bytes(&seed);
    (key.verifying_key().to_bytes(), key.to_keypair_bytes())
}
