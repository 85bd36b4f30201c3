//! The trait of the events of every provider.

use jiff::Timestamp;

use crate::receiver::{AnyEvent, AnyReceiver, ReceiveError, Undecodable};

/// The event of a delivery: the `Event` of a provider's module, or [`AnyEvent`] for every provider. Code that works with each of
/// them, such as an extractor of a web framework, is generic over this trait.
///
/// A `Result` with [`Undecodable`] is an event as well, for code that stores deliveries which cannot be decoded instead of
/// refusing them.
///
/// The trait is implemented by generated code, and may get new methods in every version.
#[diagnostic::on_unimplemented(message = "`{Self}` is not the `Event` of a provider's module")]
pub trait ProviderEvent: Sized {
    /// What verifies and decodes the deliveries.
    type Receiver: AsRef<AnyReceiver>;

    /// Verifies a delivery at the time `now`, and decodes it.
    ///
    /// # Errors
    ///
    /// Returns an error if the delivery is not genuine, or if its payload cannot be decoded.
    fn receive<B: AsRef<[u8]>>(
        receiver: &Self::Receiver,
        request: &http::Request<B>,
        now: Timestamp,
    ) -> Result<Self, ReceiveError>;

    /// Returns the event's name; `None` if neither the delivery nor the receiver names it.
    fn event_name(&self) -> Option<String>;
}

impl ProviderEvent for AnyEvent {
    type Receiver = AnyReceiver;

    fn receive<B: AsRef<[u8]>>(
        receiver: &AnyReceiver,
        request: &http::Request<B>,
        now: Timestamp,
    ) -> Result<Self, ReceiveError> {
        receiver.receive(request, now)
    }

    fn event_name(&self) -> Option<String> {
        self.name.clone()
    }
}

impl<E: ProviderEvent> ProviderEvent for Result<E, Undecodable> {
    type Receiver = E::Receiver;

    fn receive<B: AsRef<[u8]>>(
        receiver: &E::Receiver,
        request: &http::Request<B>,
        now: Timestamp,
    ) -> Result<Self, ReceiveError> {
        match E::receive(receiver, request, now) {
            Err(ReceiveError::Decode(undecodable)) => Ok(Err(*undecodable)),
            received => received.map(Ok),
        }
    }

    fn event_name(&self) -> Option<String> {
        match self {
            Ok(event) => event.event_name(),
            Err(undecodable) => undecodable.event.clone(),
        }
    }
}
