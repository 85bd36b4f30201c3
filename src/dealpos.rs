//! DealPOS: deliveries about invoice payments.
//!
//! Generated from `specs/dealpos.yaml`, written from the provider's "Product Webhook API" (<https://developer.dealpos.com/webhook>).

include!(concat!(env!("OUT_DIR"), "/dealpos.rs"));

/// Receiving. DealPOS documents no signature.
///
/// Source: the provider's webhook introduction and guide (<https://developer.dealpos.com/webhook>).
mod receiver {
    use std::sync::LazyLock;

    use super::{Event, EventName, PROVIDER};
    use crate::catalogue::Verification;
    use crate::verify::{Headers, ReceiveError, ReceiverError, Timestamp, Verifier, VerifyError};
    use crate::{DecodeError, Secret};

    /// Until the build writes it with the rest of the description.
    static VERIFICATION: LazyLock<Verification> = LazyLock::new(|| Verification::embedded(DESCRIPTION));
    const DESCRIPTION: &str = r#"{"keys":{"places":[{"header":"X-API-Key","before":""},{"header":"Authorization",
        "before":"Bearer "}],"optional":"A key is optional.","description":""}}"#;

    /// Receives the deliveries of one account.
    ///
    /// Nothing that is delivered is signed: anyone who has seen one delivery can send any other, and again. `Debug` does not
    /// show the key.
    ///
    /// [`Event::acknowledgement`] says how long the provider waits for the answer, and when it delivers again.
    #[derive(Clone, Debug)]
    pub struct Receiver {
        verifier: Option<Verifier>,
        route: Option<EventName>,
    }

    impl Receiver {
        /// A receiver that expects a key in `X-API-Key`, or as bearer token in `Authorization`.
        ///
        /// # Errors
        ///
        /// When the key is empty.
        pub fn with_api_key(key: impl Into<Secret>) -> Result<Self, ReceiverError> {
            Ok(Self { verifier: Some(Verifier::new(&VERIFICATION, None, None, [key])?), route: None })
        }

        /// A receiver that takes every delivery for genuine. Anyone who knows the URL can send one.
        #[must_use]
        pub fn unauthenticated() -> Self {
            Self { verifier: None, route: None }
        }

        /// Takes every delivery for this event, for a URL of its own that does not end in the event's name.
        #[must_use]
        pub fn for_event(mut self, name: EventName) -> Self {
            self.route = Some(name);
            self
        }

        /// Verifies a delivery: the key in `X-API-Key`, or the bearer token. The body is not looked at.
        ///
        /// # Errors
        ///
        /// When the key is missing or another one; never for [`Receiver::unauthenticated`].
        pub fn verify<H: Headers + ?Sized>(&self, headers: &H) -> Result<(), VerifyError> {
            // Neither body nor clock play a part.
            self.verifier.as_ref().map_or(Ok(()), |verifier| verifier.verify(headers, b"", Timestamp::UNIX_EPOCH))
        }

        /// The event that a delivery to this path is: its last segment, or what [`Receiver::for_event`] says.
        pub fn event_name(&self, path: &str) -> EventName {
            match &self.route {
                Some(name) => name.clone(),
                None => path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().into(),
            }
        }

        /// Decodes a payload.
        ///
        /// # Errors
        ///
        /// When the payload is not JSON, or a required member is missing or of another type.
        pub fn decode(&self, name: &EventName, body: &[u8]) -> Result<Event, DecodeError> {
            Event::decode(name, body)
        }

        /// Verifies and decodes.
        ///
        /// # Errors
        ///
        /// Those of [`Receiver::verify`] and [`Receiver::decode`].
        pub fn receive<B: AsRef<[u8]>>(&self, request: &http::Request<B>) -> Result<Event, ReceiveError> {
            self.verify(request.headers())?;
            let name = self.event_name(request.uri().path());
            let decoded = self.decode(&name, request.body().as_ref());
            decoded.map_err(|error| ReceiveError::undecodable(&PROVIDER, name.as_str(), error))
        }
    }
}

pub use receiver::Receiver;
