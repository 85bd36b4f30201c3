//! Verification by the program's own code.

use jiff::Timestamp;

use super::error::{ReceiverError, VerifyError};
use super::headers::Headers;

/// Code that verifies the deliveries of a provider whose signatures cannot be described, for
/// [`Verifier::custom`](super::Verifier::custom).
///
/// The program gives the value what it needs, such as a public key or the registered URL, when it constructs it.
///
/// ```
/// use hmac::{Hmac, KeyInit, Mac};
/// use pos_webhooks::verify::{CustomVerification, Headers, ReceiverError, Timestamp, Verifier, VerifyError};
/// use sha2::Sha256;
///
/// /// The provider signs the length of the body as well.
/// struct WithLength(Hmac<Sha256>);
///
/// impl WithLength {
///     fn mac(&self, body: &[u8]) -> Hmac<Sha256> {
///         self.0.clone().chain_update(body.len().to_string()).chain_update(body)
///     }
/// }
///
/// impl CustomVerification for WithLength {
///     fn verify(&self, headers: &dyn Headers, body: &[u8], _: Timestamp) -> Result<(), VerifyError> {
///         let name = "Signature";
///         let signature = hex::decode(headers.required(name)?)
///             .map_err(|_| VerifyError::MalformedHeader { name, expected: "hexadecimal".into() })?;
///         self.mac(body).verify_slice(&signature).map_err(|_| VerifyError::SignatureMismatch)
///     }
///
///     fn sign(&self, body: &[u8], _: Timestamp) -> Result<Vec<(&'static str, String)>, ReceiverError> {
///         Ok(vec![("Signature", hex::encode(self.mac(body).finalize().into_bytes()))])
///     }
/// }
///
/// let custom = WithLength(Hmac::new_from_slice(b"secret")?);
/// let now = Timestamp::now();
/// let headers = custom.sign(b"{}", now)?;
/// let verifier = Verifier::custom(custom);
/// assert_eq!(verifier.verify(&headers, b"{}", now), Ok(()));
/// assert_eq!(verifier.verify(&headers, b"[]", now), Err(VerifyError::SignatureMismatch));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait CustomVerification: Send + Sync {
    /// Verifies a delivery by its headers, the bytes of its body as received, and the current time.
    ///
    /// Compare secret values in constant time, and never use a secret, key or URL from the request.
    ///
    /// # Errors
    ///
    /// Returns an error if the delivery does not come from the provider.
    fn verify(&self, headers: &dyn Headers, body: &[u8], now: Timestamp) -> Result<(), VerifyError>;

    /// Returns the text whose signature [`CustomVerification::verify`] expects, or `None` if no such text can be shown.
    ///
    /// # Errors
    ///
    /// Returns an error if a signed header or member is missing or malformed.
    fn string_to_sign(&self, _headers: &dyn Headers, _body: &[u8]) -> Result<Option<Vec<u8>>, VerifyError> {
        Ok(None)
    }

    /// Returns the headers of a delivery of this body at this time, for tests and the sandbox.
    ///
    /// # Errors
    ///
    /// Returns [`ReceiverError::NoSecret`] if the code cannot sign, for example because it only has a public key.
    fn sign(&self, body: &[u8], at: Timestamp) -> Result<Vec<(&'static str, String)>, ReceiverError>;
}
