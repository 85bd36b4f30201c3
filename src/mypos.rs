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
    use super::{Event, EventName, PROVIDER, headers};
    use crate::verify::{Headers, Keys, ReceiveError, ReceiverError, VerifyError, from_hex, mac, required};
    use crate::{DecodeError, Secret};

    /// Receives the deliveries of one webhook.
    ///
    /// The time `t` in the signature's header is outside of what is signed, so it protects against nothing: there is no
    /// replay window. `Debug` does not show secrets.
    ///
    /// [`Event::acknowledgement`] says how long the provider waits for the answer, and when it delivers again.
    #[derive(Clone, Debug)]
    pub struct Receiver {
        keys: Keys,
        spaces_removed: bool,
    }

    impl Receiver {
        /// A receiver for the secret that the webhook was created with; several while it is being changed.
        ///
        /// # Errors
        ///
        /// When a secret is missing or empty.
        pub fn new(secrets: impl IntoIterator<Item = impl Into<Secret>>) -> Result<Self, ReceiverError> {
            Ok(Self { keys: Keys::new(secrets)?, spaces_removed: false })
        }

        /// Accepts as well a signature of the body without the space after each `:` and `,`, which one wording of the
        /// documentation asks for.
        ///
        /// Off unless asked for: the spaces inside of texts are not signed then either, so that `A, B` can become `A,B`
        /// unnoticed.
        #[must_use]
        pub fn accept_signatures_without_spaces(mut self) -> Self {
            self.spaces_removed = true;
            self
        }

        /// Verifies a delivery. The body is not parsed.
        ///
        /// # Errors
        ///
        /// When the body was not signed with one of the secrets.
        pub fn verify<H: Headers + ?Sized>(&self, headers: &H, body: &[u8]) -> Result<(), VerifyError> {
            let name = headers::X_MY_POS_SIGNATURE;
            let signatures =
                required(headers, name)?.split(',').filter_map(|part| from_hex(part.trim().strip_prefix("v1=")?));
            if signatures.clone().next().is_none() {
                return Err(VerifyError::MalformedHeader {
                    name,
                    expected: "of the form `t=SECONDS,v1=SIGNATURE` with 64 hexadecimal digits".into(),
                });
            }
            let genuine = self.keys.verify(&[body], signatures.clone())
                || self.spaces_removed && self.keys.verify(&[&without_spaces(body)], signatures);
            if genuine { Ok(()) } else { Err(VerifyError::SignatureMismatch) }
        }

        /// The event that a delivery is; its header says.
        ///
        /// # Errors
        ///
        /// When the header is missing or there more than once.
        pub fn event_name<H: Headers + ?Sized>(&self, headers: &H) -> Result<EventName, VerifyError> {
            required(headers, headers::X_MY_POS_EVENT).map(EventName::from)
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
        at: jiff::Timestamp,
    ) -> Result<Vec<(&'static str, String)>, ReceiverError> {
        let signature = hex::encode(mac(secret, &[body])?);
        Ok(vec![
            (headers::X_MY_POS_EVENT, name.to_string()),
            (headers::X_MY_POS_SIGNATURE, format!("t={},v1={signature}", at.as_second())),
        ])
    }

    /// The body without the space after each colon and comma, texts included, as the provider's sample does it.
    fn without_spaces(body: &[u8]) -> Vec<u8> {
        let follows = |index: usize| index.checked_sub(1).and_then(|before| body.get(before));
        let kept = body
            .iter()
            .enumerate()
            .filter(|(index, byte)| **byte != b' ' || !matches!(follows(*index), Some(b':' | b',')));
        kept.map(|(_, byte)| *byte).collect()
    }
}

pub use receiver::{Receiver, sign};
