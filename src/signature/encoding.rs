//! Encodes bytes as text. Decoding is strict: hexadecimal in either case, and Base64 whose unused bits are zero.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use crate::catalogue::{Algorithm, Encoding, Hash};

/// The length of the longest hash or signature, that of SHA-512, rounded up because Base64 decodes groups of three
/// bytes.
const ROOM: usize = 64 + 2;

/// A hash or a signature.
#[derive(Clone, Copy)]
pub(super) struct Bytes {
    bytes: [u8; ROOM],
    length: usize,
}

impl Bytes {
    /// The bytes of a hash or a signature.
    pub(super) fn new<const LENGTH: usize>(hash: impl Into<[u8; LENGTH]>) -> Self {
        const { assert!(LENGTH <= ROOM) };
        let mut bytes = [0; ROOM];
        if let Some(start) = bytes.first_chunk_mut() {
            *start = hash.into();
        }
        Self { bytes, length: LENGTH }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Encoding {
    pub(super) fn decode(self, text: &str, length: usize) -> Option<Bytes> {
        let mut bytes = [0; ROOM];
        let decoded = match self {
            Self::Hex => hex::decode_to_slice(text, bytes.get_mut(..length)?).map(|()| length).ok()?,
            Self::Base64 => STANDARD.decode_slice(text, &mut bytes).ok()?,
            Self::Base64url => URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?,
        };
        if decoded == length { Some(Bytes { bytes, length }) } else { None }
    }

    /// Whether this is the text of a hash. Hexadecimal digits may be in either case; in Base64, encoding the hash takes less time than
    /// decoding the text.
    pub(super) fn is_of(self, text: &str, hash: &Bytes) -> bool {
        let mut room = [0; 2 * ROOM];
        let bytes = hash.as_slice();
        let encoded = match self {
            Self::Hex => return self.decode(text, hash.length).is_some_and(|sent| sent.as_slice() == bytes),
            Self::Base64 => STANDARD.encode_slice(bytes, &mut room),
            Self::Base64url => URL_SAFE_NO_PAD.encode_slice(bytes, &mut room),
        };
        encoded.is_ok_and(|length| room.get(..length) == Some(text.as_bytes()))
    }

    pub(super) fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(bytes),
            Self::Base64 => STANDARD.encode(bytes),
            Self::Base64url => URL_SAFE_NO_PAD.encode(bytes),
        }
    }

    /// A description of the encoded form of this many bytes.
    pub(super) fn expected(self, length: usize) -> String {
        match self {
            Self::Hex => format!("{} hexadecimal digits", length * 2),
            Self::Base64 => format!("{length} bytes in standard Base64"),
            Self::Base64url => format!("{length} bytes in Base64 for URLs without padding"),
        }
    }
}

impl Algorithm {
    /// The length of a signature in bytes.
    pub(super) fn length(self) -> usize {
        match self {
            Self::HmacSha1 => Hash::Sha1.length(),
            Self::HmacSha256 => Hash::Sha256.length(),
            Self::HmacSha512 => Hash::Sha512.length(),
            Self::Ed25519 => 64,
        }
    }
}

impl Hash {
    pub(super) fn of(self, bytes: &[u8]) -> Bytes {
        match self {
            Self::Sha1 => Bytes::new::<20>(Sha1::digest(bytes)),
            Self::Sha256 => Bytes::new::<32>(Sha256::digest(bytes)),
            Self::Sha512 => Bytes::new::<64>(Sha512::digest(bytes)),
        }
    }

    /// The length of a hash in bytes.
    pub(super) fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
        }
    }
}
