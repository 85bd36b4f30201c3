//! DealPOS: deliveries about invoice payments.
//!
//! Generated from `specs/dealpos.yaml`, written from the provider's "Product Webhook API" (<https://developer.dealpos.com/webhook>).

include!(concat!(env!("OUT_DIR"), "/dealpos.rs"));

/// Receiving. DealPOS documents no signature.
///
/// Source: the provider's webhook introduction and guide (<https://developer.dealpos.com/webhook>).
mod receiver {
    use super::{Event, EventName, PROVIDER, headers};
    use crate::verify::{Headers, Keys, ReceiveError, ReceiverError, VerifyError, mac, optional};
    use crate::{DecodeError, Secret};

    const AUTHORIZATION: &str = "Authorization";

    /// Receives the deliveries of one account.
    ///
    /// Nothing that is delivered is signed: anyone who has seen one delivery can send any other, and again. `Debug` does not
    /// show the key.
    ///
    /// [`Event::acknowledgement`] says how long the provider waits for the answer, and when it delivers again.
    #[derive(Clone, Debug)]
    pub struct Receiver {
        keys: Option<Keys>,
        route: Option<EventName>,
    }

    impl Receiver {
        /// A receiver that expects a key in `X-API-Key`, or as bearer token in `Authorization`.
        ///
        /// # Errors
        ///
        /// When the key is empty.
        pub fn with_api_key(key: impl Into<Secret>) -> Result<Self, ReceiverError> {
            Ok(Self { keys: Some(Keys::new([key])?), route: None })
        }

        /// A receiver that takes every delivery for genuine. Anyone who knows the URL can send one.
        #[must_use]
        pub fn unauthenticated() -> Self {
            Self { keys: None, route: None }
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
            let Some(keys) = &self.keys else { return Ok(()) };
            let token = optional(headers, AUTHORIZATION)?.map(|value| match value.split_once(' ') {
                Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
                _ => "",
            });
            let (name, sent) = match (optional(headers, headers::X_API_KEY)?, token) {
                (Some(key), _) => (headers::X_API_KEY, key),
                (None, Some(token)) => (AUTHORIZATION, token),
                (None, None) => return Err(VerifyError::MissingHeader { name: headers::X_API_KEY }),
            };
            // MACs of the same text are equal where the keys are, and take the same time whatever was sent.
            let same = mac(&Secret::from(sent), &[]).is_ok_and(|mac| keys.verify(&[], [mac].into_iter()));
            if same { Ok(()) } else { Err(VerifyError::KeyMismatch { name }) }
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
