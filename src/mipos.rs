//! miPOS: registration of webhooks by URL, and deliveries of orders and requests for the menu.
//!
//! Generated from `specs/mipos.yaml`, written from the provider's page "Webhook management" and its neighbours (<https://mipos.gitbook.io/public-api>).

include!(concat!(env!("OUT_DIR"), "/mipos.rs"));

/// Verification of deliveries: HMAC-SHA256 of the body.
///
/// Source: the provider's page "Webhook content"
/// (<https://mipos.gitbook.io/public-api/delivery-orders/webhook-content>), which says "hash of the complete request body,
/// signed with the secret id" and "Sha256". That this means HMAC in hexadecimal is an inference from the provider's
/// logistics webhooks, which document a vector.
mod receiver {
    use std::sync::LazyLock;

    use super::{Event, EventName, PROVIDER};
    use crate::catalogue::Verification;
    use crate::verify::{Headers, ReceiveError, ReceiverError, Timestamp, ToSign, Verifier, VerifyError};
    use crate::{DecodeError, Secret};

    /// Until the build writes it with the rest of the description.
    static VERIFICATION: LazyLock<Verification> = LazyLock::new(|| Verification::embedded(DESCRIPTION));
    const DESCRIPTION: &str = r#"{"signatures":[{"name":null,"description":"","optional":null,"headers":["Signature-Webhook"],
        "form":["signature"],"separator":null,"repeated":false,"algorithm":"hmac-sha256",
        "encoding":"hex","key":{"encoding":"text","prefix":"","hash":null},"signed":[["body"]],
        "digest":null,"time":null,"id":null}]}"#;

    /// Receives the deliveries of one URL, which was registered for one type of webhook.
    ///
    /// Nothing that is signed has a time, so there is no replay window. `Debug` does not show secrets.
    ///
    /// [`Event::acknowledgement`] says how long the provider waits for the answer, and when it delivers again.
    #[derive(Clone, Debug)]
    pub struct Receiver {
        name: EventName,
        verifier: Option<Verifier>,
    }

    impl Receiver {
        /// A receiver for what the URL was registered for, and the secrets of the webhook.
        ///
        /// # Errors
        ///
        /// When a secret is missing or empty.
        pub fn new(
            name: EventName,
            secrets: impl IntoIterator<Item = impl Into<Secret>>,
        ) -> Result<Self, ReceiverError> {
            Ok(Self { name, verifier: Some(Verifier::new(&VERIFICATION, None, None, secrets)?) })
        }

        /// A receiver that takes every delivery for genuine, since the provider does not document where its secret comes
        /// from. Anyone who knows the URL can send one.
        #[must_use]
        pub fn unsigned(name: EventName) -> Self {
            Self { name, verifier: None }
        }

        /// Verifies a delivery. The body is not parsed.
        ///
        /// # Errors
        ///
        /// When the body was not signed with one of the secrets; never for [`Receiver::unsigned`].
        pub fn verify<H: Headers + ?Sized>(&self, headers: &H, body: &[u8]) -> Result<(), VerifyError> {
            // There is no time, so the clock plays no part.
            self.verifier.as_ref().map_or(Ok(()), |verifier| verifier.verify(headers, body, Timestamp::UNIX_EPOCH))
        }

        /// Decodes a payload of what the URL was registered for.
        ///
        /// # Errors
        ///
        /// When the payload is not JSON, or a required member is missing or of another type.
        pub fn decode(&self, body: &[u8]) -> Result<Event, DecodeError> {
            Event::decode(&self.name, body)
        }

        /// Verifies and decodes.
        ///
        /// # Errors
        ///
        /// Those of [`Receiver::verify`] and [`Receiver::decode`].
        pub fn receive<B: AsRef<[u8]>>(&self, request: &http::Request<B>) -> Result<Event, ReceiveError> {
            self.verify(request.headers(), request.body().as_ref())?;
            let decoded = self.decode(request.body().as_ref());
            decoded.map_err(|error| ReceiveError::undecodable(&PROVIDER, self.name.as_str(), error))
        }
    }

    /// The headers that a delivery of this body has, for tests of your own endpoint.
    ///
    /// # Errors
    ///
    /// When the secret is empty.
    pub fn sign(secret: &Secret, body: &[u8]) -> Result<Vec<(&'static str, String)>, ReceiverError> {
        let delivery = ToSign { url: None, id: None, headers: &[], body, at: Timestamp::UNIX_EPOCH };
        crate::verify::sign(&VERIFICATION, None, secret, &delivery)
    }
}

pub use receiver::{Receiver, sign};
