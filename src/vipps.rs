//! Vipps MobilePay: registration of webhooks, and deliveries of ePayment, Recurring, QR, Login and Donations.
//!
//! Generated from `specs/vipps.yaml`, written from the provider's Webhooks API reference and guides (<https://developer.vippsmobilepay.com>).

include!(concat!(env!("OUT_DIR"), "/vipps.rs"));

/// Verification of deliveries: HMAC-SHA256 over the registered URL, the date and a hash of the body.
///
/// Source: the provider's page "Request authentication"
/// (<https://developer.vippsmobilepay.com/docs/APIs/webhooks-api/request-authentication>).
mod receiver {
    use std::time::Duration;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use jiff::Timestamp;
    use sha2::{Digest as _, Sha256};

    use super::{Event, EventName, PROVIDER, headers};
    use crate::verify::{Headers, Keys, ReceiveError, ReceiverError, Signature, VerifyError, mac, optional, required};
    use crate::{DecodeError, Secret, times};

    const AUTHORIZATION: &str = "Authorization";

    /// What is in front of the signature. The order of the signed values is fixed.
    const SCHEME: &str = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=";

    /// Receives the deliveries of one URL.
    ///
    /// A replay window of 300 seconds to both sides holds for the signed `x-ms-date`; a redelivery comes with a new date
    /// and passes. `Debug` does not show secrets.
    ///
    /// [`Event::acknowledgement`] says how long the provider waits for the answer, and when it delivers again.
    #[derive(Clone, Debug)]
    pub struct Receiver {
        /// What is signed before the date, and between date and content hash.
        signed: [String; 2],
        keys: Keys,
        window: Option<Duration>,
    }

    impl Receiver {
        /// A receiver for the URL as it was registered, and the secrets of its registrations.
        ///
        /// Several registrations may share a URL, and each has a secret of its own; while secrets are rotated, give the old
        /// and the new. Host, port and path are taken from this URL, never from a request.
        ///
        /// What is signed is the URL that is requested, so a URL that HTTP clients rewrite is refused: write
        /// `https://shop.example/b` for `https://shop.example/a/../b`. Upper case in the host and the scheme's own port
        /// make no difference.
        ///
        /// # Errors
        ///
        /// When no delivery is signed for the URL as it is written, or a secret is missing or empty.
        pub fn new(url: &str, secrets: impl IntoIterator<Item = impl Into<Secret>>) -> Result<Self, ReceiverError> {
            let (_, signed) = signed_parts(url)?;
            Ok(Self { signed, keys: Keys::new(secrets)?, window: Some(Duration::from_secs(300)) })
        }

        /// How far the signed date may lie before or after the clock.
        #[must_use]
        pub fn replay_window(mut self, window: Duration) -> Self {
            self.window = Some(window);
            self
        }

        /// Accepts deliveries however old they are: anyone who has ever seen one can send it again.
        ///
        /// For deliveries from a store of your own that are verified late.
        #[must_use]
        pub fn dangerously_without_replay_window(mut self) -> Self {
            self.window = None;
            self
        }

        /// Verifies a delivery. The body is not parsed.
        ///
        /// # Errors
        ///
        /// When the delivery was not signed with one of the secrets for this URL within the replay window around `now`.
        pub fn verify<H: Headers + ?Sized>(&self, headers: &H, body: &[u8], now: Timestamp) -> Result<(), VerifyError> {
            let date = required(headers, headers::X_MS_DATE)?;
            let hash = required(headers, headers::X_MS_CONTENT_SHA256)?;
            let (name, signature) = signature(headers)?;
            let malformed =
                |name, expected: &'static str| VerifyError::MalformedHeader { name, expected: expected.into() };
            let signed_at = times::http_date(date)
                .ok_or(malformed(headers::X_MS_DATE, "an HTTP date such as `Thu, 30 Mar 2023 08:38:32 GMT`"))?;
            let signature =
                from_base64(signature).ok_or(malformed(name, "a signature of 32 bytes in standard Base64"))?;
            if from_base64(hash) != Some(Sha256::digest(body).into()) {
                return Err(VerifyError::ContentHashMismatch);
            }
            let parts = string_to_sign(&self.signed, date, hash);
            if !self.keys.verify(&parts.map(str::as_bytes), [signature].into_iter()) {
                return Err(VerifyError::SignatureMismatch);
            }
            match self.window {
                Some(window) => crate::signature::within(signed_at, now, window),
                None => Ok(()),
            }
        }

        /// The text whose signature [`Receiver::verify`] looks for, to find out why a delivery is refused: path and host of
        /// the registered URL, the delivery's date, and the hash of this body. No secret is in it.
        ///
        /// # Errors
        ///
        /// When the date is missing, there more than once or not ASCII.
        pub fn string_to_sign<H: Headers + ?Sized>(&self, headers: &H, body: &[u8]) -> Result<String, VerifyError> {
            let date = required(headers, headers::X_MS_DATE)?;
            Ok(string_to_sign(&self.signed, date, &content_hash(body)).concat())
        }

        /// Decodes a payload; which event it is, the payload says.
        ///
        /// A payload that is not documented yet is [`Event::Unknown`], with the name that the payload gives itself.
        ///
        /// # Errors
        ///
        /// When the payload is not JSON, or a required member is missing or of another type.
        pub fn decode(&self, body: &[u8]) -> Result<Event, DecodeError> {
            let name = EventName::identify(body)?.unwrap_or_else(|| EventName::Unknown(String::new()));
            Event::decode(&name, body)
        }

        /// Verifies against the machine's clock, and decodes.
        ///
        /// # Errors
        ///
        /// Those of [`Receiver::verify`] and [`Receiver::decode`].
        pub fn receive<B: AsRef<[u8]>>(&self, request: &http::Request<B>) -> Result<Event, ReceiveError> {
            let body = request.body().as_ref();
            self.verify(request.headers(), body, Timestamp::now())?;
            self.decode(body).map_err(|error| {
                let name = EventName::identify(body).ok().flatten();
                ReceiveError::undecodable(&PROVIDER, name.as_ref().map_or("", EventName::as_str), error)
            })
        }
    }

    /// The headers that a delivery of this body to this URL has, for tests of your own endpoint.
    ///
    /// # Errors
    ///
    /// When no delivery is signed for the URL as it is written, the secret is empty, or the time is before the year 0.
    pub fn sign(
        url: &str,
        secret: &Secret,
        body: &[u8],
        at: Timestamp,
    ) -> Result<Vec<(&'static str, String)>, ReceiverError> {
        let (authority, signed) = signed_parts(url)?;
        let date = times::to_http_date(at).ok_or(ReceiverError::Time("an HTTP date"))?;
        let hash = content_hash(body);
        let signature = mac(secret, &string_to_sign(&signed, &date, &hash).map(str::as_bytes))?;
        let authorization = format!("{SCHEME}{}", BASE64.encode(signature));
        Ok(vec![
            ("Host", authority),
            (headers::X_MS_DATE, date),
            (headers::X_MS_CONTENT_SHA256, hash),
            (AUTHORIZATION, authorization),
        ])
    }

    /// The header that carries the signature, and the signature. Some web servers strip `Authorization`, or use it for
    /// a login of their own.
    fn signature<H: Headers + ?Sized>(headers: &H) -> Result<(&'static str, &str), VerifyError> {
        let authorization = optional(headers, AUTHORIZATION)?;
        let copy = optional(headers, headers::X_VIPPS_AUTHORIZATION)?;
        for (name, value) in [(AUTHORIZATION, authorization), (headers::X_VIPPS_AUTHORIZATION, copy)] {
            if let Some(signature) = value.and_then(|value| value.strip_prefix(SCHEME)) {
                return Ok((name, signature));
            }
        }
        match (authorization, copy) {
            (None, None) => Err(VerifyError::MissingHeader { name: AUTHORIZATION }),
            (Some(_), _) => Err(VerifyError::MalformedHeader {
                name: AUTHORIZATION,
                expected: "an HMAC-SHA256 signature of the documented form".into(),
            }),
            (None, Some(_)) => Err(VerifyError::MalformedHeader {
                name: headers::X_VIPPS_AUTHORIZATION,
                expected: "an HMAC-SHA256 signature of the documented form".into(),
            }),
        }
    }

    fn content_hash(body: &[u8]) -> String {
        BASE64.encode(Sha256::digest(body))
    }

    fn from_base64(text: &str) -> Option<Signature> {
        // The decoder asks for whole groups of three bytes.
        let mut bytes = [0; 33];
        let length = BASE64.decode_slice(text, &mut bytes).ok()?;
        bytes.get(..length)?.try_into().ok()
    }

    fn string_to_sign<'a>([before_date, before_hash]: &'a [String; 2], date: &'a str, hash: &'a str) -> [&'a str; 4] {
        [before_date, date, before_hash, hash]
    }

    /// Host, with the port where it is not the scheme's own, and what of the URL is signed before and after the date.
    fn signed_parts(url: &str) -> Result<(String, [String; 2]), ReceiverError> {
        let (authority, path) = crate::urls::on_the_wire(url).map_err(ReceiverError::Url)?;
        let signed = [format!("POST\n{path}\n"), format!(";{authority};")];
        Ok((authority, signed))
    }
}

pub use receiver::{Receiver, sign};
