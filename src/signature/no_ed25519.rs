//! Takes the place of the keys of Ed25519 in a build without the feature: none can be constructed.

use super::error::ReceiverError;

#[derive(Clone)]
pub(crate) enum PublicKey {}

impl PublicKey {
    pub(super) fn new(_: &[u8]) -> Result<Self, ReceiverError> {
        Err(ReceiverError::NoEd25519)
    }

    pub(super) fn verify(&self, _: &[u8], _: &[u8]) -> bool {
        match *self {}
    }
}

pub(super) enum PrivateKey {}

impl PrivateKey {
    pub(super) fn new(_: &[u8]) -> Result<Self, ReceiverError> {
        Err(ReceiverError::NoEd25519)
    }

    pub(super) fn sign(&self, _: &[u8]) -> [u8; 64] {
        match *self {}
    }
}
