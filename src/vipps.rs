//! Vipps MobilePay: registration of webhooks, and deliveries of ePayment, Recurring, QR, Login and Donations.
//!
//! Generated from `specs/vipps.yaml`, written from the provider's Webhooks API reference and guides (<https://developer.vippsmobilepay.com>).

include!(concat!(env!("OUT_DIR"), "/vipps.rs"));

/// Verification of deliveries: HMAC-SHA256 over the registered URL, the date and a hash of the body.
///
/// Source: the provider's page "Request authentication"
/// (<https://developer.vippsmobilepay.com/docs/APIs/webhooks-api/request-authentication>).
mod receiver {
    use std::sync::LazyLock;
    use std::time::Duration;

    use super::{Event, EventName, PROVIDER};
    use crate::catalogue::Verification;
    use crate::verify::{Headers, ReceiveError, ReceiverError, Timestamp, ToSign, Verifier, VerifyError};
    use crate::{DecodeError, Secret};

    /// Until the build writes it with the rest of the description.
    static VERIFICATION: LazyLock<Verification> = LazyLock::new(|| Verification::embedded(DESCRIPTION));
    const DESCRIPTION: &str = r#"{"signatures":[{"name":null,"description":"","optional":null,"headers":["Authorization",
        "X-Vipps-Authorization"],
        "form":[{"text":"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="},
        "signature"],"separator":null,"repeated":false,"algorithm":"hmac-sha256",
        "encoding":"base64","key":{"encoding":"text","prefix":"","hash":null},
        "signed":[["method",{"text":"\n"},"url-target",{"text":"\n"},"time",{"text":";"},
        "url-host",{"text":";"},"digest"]],"digest":{"algorithm":"sha256","encoding":"base64",
        "header":"x-ms-content-sha256"},"time":{"headers":["x-ms-date"],"member":null,
        "format":"http-date","window":300},"id":null}]}"#;

    /// Receives the deliveries of one URL.
    ///
    /// A replay window of 300 seconds to both sides holds for the signed `x-ms-date`; a redelivery comes with a new date
    /// and passes. `Debug` does not show secrets.
    ///
    /// [`Event::acknowledgement`] says how long the provider waits for the answer, and when it delivers again.
    #[derive(Clone, Debug)]
    pub struct Receiver(Verifier);

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
            Verifier::new(&VERIFICATION, None, Some(url), secrets).map(Self)
        }

        /// How far the signed date may lie before or after the clock.
        #[must_use]
        pub fn replay_window(self, window: Duration) -> Self {
            Self(self.0.replay_window(window))
        }

        /// Accepts deliveries however old they are: anyone who has ever seen one can send it again.
        ///
        /// For deliveries from a store of your own that are verified late.
        #[must_use]
        pub fn dangerously_without_replay_window(self) -> Self {
            Self(self.0.dangerously_without_replay_window())
        }

        /// Verifies a delivery. The body is not parsed.
        ///
        /// # Errors
        ///
        /// When the delivery was not signed with one of the secrets for this URL within the replay window around `now`.
        pub fn verify<H: Headers + ?Sized>(&self, headers: &H, body: &[u8], now: Timestamp) -> Result<(), VerifyError> {
            self.0.verify(headers, body, now)
        }

        /// The text whose signature [`Receiver::verify`] looks for, to find out why a delivery is refused: path and host of
        /// the registered URL, the delivery's date, and the hash of this body. No secret is in it.
        ///
        /// # Errors
        ///
        /// When the date is missing, there more than once or not an HTTP date.
        pub fn string_to_sign<H: Headers + ?Sized>(&self, headers: &H, body: &[u8]) -> Result<String, VerifyError> {
            let text = self.0.string_to_sign(headers, body)?.unwrap_or_default();
            Ok(String::from_utf8_lossy(&text).into_owned())
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
        crate::verify::sign(&VERIFICATION, None, secret, &ToSign { url: Some(url), id: None, headers: &[], body, at })
    }
}

pub use receiver::{Receiver, sign};
