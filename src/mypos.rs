//! myPOS: registration of webhooks through its REST API.
//!
//! Generated from `specs/mypos.yaml`, written from the provider's page "Managing webhooks" and its neighbours (<https://developers.mypos.com>).

include!(concat!(env!("OUT_DIR"), "/mypos.rs"));

/// Verification of deliveries: HMAC-SHA256 of the body.
///
/// Source: the provider's page "Receiving a webhook"
/// (<https://developers.mypos.com/en/doc/more_apis/v1_0/6-receiving-a-webhook>). That the signature is hexadecimal is
/// second-hand.
mod receiver {
    use std::sync::LazyLock;

    use super::{Event, EventName, PROVIDER, headers};
    use crate::catalogue::Verification;
    use crate::verify::{Headers, ReceiveError, ReceiverError, Timestamp, ToSign, Verifier, VerifyError};
    use crate::{DecodeError, Secret};

    /// Until the build writes it with the rest of the description.
    static VERIFICATION: LazyLock<Verification> = LazyLock::new(|| Verification::embedded(DESCRIPTION));
    const DESCRIPTION: &str = r#"{"signatures":[{"name":"v1","description":"","optional":null,"headers":["X-myPOS-Signature"],
        "form":[{"text":"t="},"time",{"text":",v1="},"signature"],"separator":",",
        "repeated":false,"algorithm":"hmac-sha256","encoding":"hex","key":{"encoding":"text",
        "prefix":"","hash":null},"signed":[["body"]],"digest":null,"time":{"headers":[],
        "member":null,"format":"seconds","window":null},"id":null},{"name":"without-spaces",
        "description":"One wording of the documentation asks for a signature of the body without the space after each `:` and `,`.",
        "optional":null,"headers":["X-myPOS-Signature"],"form":[{"text":"t="},"time",
        {"text":",v1="},"signature"],"separator":",","repeated":false,"algorithm":"hmac-sha256",
        "encoding":"hex","key":{"encoding":"text","prefix":"","hash":null},"signed":[["body"],
        ["body-without-spaces"]],"digest":null,"time":{"headers":[],"member":null,
        "format":"seconds","window":null},"id":null}]}"#;

    /// Receives the deliveries of one webhook.
    ///
    /// The time `t` in the signature's header is outside of what is signed, so it protects against nothing: there is no
    /// replay window. `Debug` does not show secrets.
    ///
    /// [`Event::acknowledgement`] says how long the provider waits for the answer, and when it delivers again.
    #[derive(Clone, Debug)]
    pub struct Receiver {
        verifier: Verifier,
        /// Accepts other signatures as well.
        lenient: Verifier,
    }

    impl Receiver {
        /// A receiver for the secret that the webhook was created with; several while it is being changed.
        ///
        /// # Errors
        ///
        /// When a secret is missing or empty.
        pub fn new(secrets: impl IntoIterator<Item = impl Into<Secret>>) -> Result<Self, ReceiverError> {
            let secrets: Vec<Secret> = secrets.into_iter().map(Into::into).collect();
            let lenient = Verifier::new(&VERIFICATION, Some("without-spaces"), None, secrets.clone())?;
            Ok(Self { verifier: Verifier::new(&VERIFICATION, None, None, secrets)?, lenient })
        }

        /// Accepts as well a signature of the body without the space after each `:` and `,`, which one wording of the
        /// documentation asks for.
        ///
        /// Off unless asked for: the spaces inside of texts are not signed then either, so that `A, B` can become `A,B`
        /// unnoticed.
        #[must_use]
        pub fn accept_signatures_without_spaces(mut self) -> Self {
            self.verifier = self.lenient.clone();
            self
        }

        /// Verifies a delivery. The body is not parsed.
        ///
        /// # Errors
        ///
        /// When the body was not signed with one of the secrets.
        pub fn verify<H: Headers + ?Sized>(&self, headers: &H, body: &[u8]) -> Result<(), VerifyError> {
            // The time is not signed, so the clock plays no part.
            self.verifier.verify(headers, body, Timestamp::UNIX_EPOCH)
        }

        /// The event that a delivery is; its header says.
        ///
        /// # Errors
        ///
        /// When the header is missing or there more than once.
        pub fn event_name<H: Headers + ?Sized>(&self, headers: &H) -> Result<EventName, VerifyError> {
            headers.required(headers::X_MY_POS_EVENT).map(EventName::from)
        }

        /// Decodes a payload. No payload is documented, so each is free-form JSON.
        ///
        /// # Errors
        ///
        /// When the payload is not JSON.
        pub fn decode(&self, name: &EventName, body: &[u8]) -> Result<Event, DecodeError> {
            Event::decode(name, body)
        }

        /// Verifies and decodes.
        ///
        /// The name of the event is not signed: the holder of a signed body can send it under another name. A genuine
        /// delivery whose header does not say one name is [`Event::Unknown`] without a name.
        ///
        /// # Errors
        ///
        /// Those of [`Receiver::verify`] and [`Receiver::decode`].
        pub fn receive<B: AsRef<[u8]>>(&self, request: &http::Request<B>) -> Result<Event, ReceiveError> {
            let body = request.body().as_ref();
            self.verify(request.headers(), body)?;
            let name = self.event_name(request.headers()).unwrap_or_else(|_| EventName::Unknown(String::new()));
            self.decode(&name, body).map_err(|error| ReceiveError::undecodable(&PROVIDER, name.as_str(), error))
        }
    }

    /// The headers that a delivery of this body has, for tests of your own endpoint; `at` is Unix time in seconds.
    ///
    /// # Errors
    ///
    /// When the secret is empty.
    pub fn sign(
        name: &EventName,
        secret: &Secret,
        body: &[u8],
        at: Timestamp,
    ) -> Result<Vec<(&'static str, String)>, ReceiverError> {
        let signed =
            crate::verify::sign(&VERIFICATION, None, secret, &ToSign { url: None, id: None, headers: &[], body, at })?;
        Ok([(headers::X_MY_POS_EVENT, name.to_string())].into_iter().chain(signed).collect())
    }
}

pub use receiver::{Receiver, sign};
