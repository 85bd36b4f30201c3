//! Documented behaviour of a provider that its description cannot express.

use serde_json::Value;

use crate::catalogue::Values;
use crate::sandbox::attempt::Attempt;
use crate::sandbox::call::{Answer, Broken, Call, Problem, RefusalReason};
use crate::sandbox::random::Random;
use crate::sandbox::registration::Registration;

/// A registration as it is stored.
#[derive(Clone)]
pub(super) struct Stored {
    pub registration: Registration,
    /// The value that [`Special::keep`] returned for the registration.
    pub kept: Option<String>,
    /// Whether a call created it, and not [`Sandbox::register`](crate::sandbox::Sandbox::register).
    pub by_call: bool,
    pub subscriptions: Vec<Subscription>,
}

impl Stored {
    /// Makes the events of the registration those of its subscriptions.
    pub fn subscriptions_changed(&mut self) {
        self.registration.events = self.subscriptions.iter().map(|subscription| subscription.event.clone()).collect();
    }
}

/// A subscription of a registration to an event.
#[derive(Clone)]
pub(super) struct Subscription {
    pub id: String,
    /// The name of the event.
    pub event: String,
    pub filter: Value,
    /// The value that [`Special::keep`] returned for the subscription.
    pub kept: Option<String>,
}

/// What a response contains: a registration, or one of its subscriptions.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    pub stored: &'a Stored,
    pub subscription: Option<&'a Subscription>,
}

/// The documented behaviour of a provider that its description cannot express. The default methods are for a provider
/// without any.
pub(super) trait Special: Send {
    /// Fixed values for constant headers of the account, by
    /// [`Parameter::credential_name`](crate::catalogue::Parameter::credential_name). The other headers get random
    /// values.
    fn constants(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// A value to store with the registration or the subscription that this call creates.
    fn keep(&self, _: &Call<'_>) -> Option<String> {
        None
    }

    /// Whether a registration belongs to those that this call is about.
    fn concerns(&self, _: &Call<'_>, _: &Stored) -> bool {
        true
    }

    /// The reasons to refuse a registration that matches the specification.
    fn objections(&self, _: &Call<'_>, _new: &Values, _stored: &[Stored]) -> Vec<Problem> {
        Vec::new()
    }

    /// Whether an event is delivered for a registration, which is one of those stored. `payload` is that of the
    /// [`Trigger`](crate::sandbox::Trigger), and `None` for the documented example.
    fn delivers(&self, _: &Stored, _event: &str, _payload: Option<&Value>, _stored: &[Stored]) -> bool {
        true
    }

    /// Completes a response that contains these registrations or subscriptions.
    fn complete(&self, _: &Call<'_>, _: &[Shown<'_>], _answer: &mut Value) {}

    /// Completes the response to a call that had an event delivered. There is no attempt if the registration is not active.
    fn complete_test(&self, _: Option<&Attempt>, _answer: &mut Value) {}

    /// The body of the response to a call that lists deliveries.
    fn deliveries(&self, _: &Call<'_>) -> Option<Value> {
        None
    }

    /// The answer to a call that is not about registrations, or the reason to refuse it; `None` if the answer is the
    /// documented example.
    fn answer(&mut self, _: &Call<'_>) -> Option<Result<Result<Answer, Broken>, RefusalReason<'static>>> {
        None
    }

    /// Takes note of an event that is delivered.
    fn delivered(&mut self, _event: &str, _body: &str) {}

    /// The access token that a call revokes.
    fn revoked(&self, _: &Call<'_>) -> Option<String> {
        None
    }

    /// An error response in the provider's form.
    fn refuse(&self, call: &Call<'_>, reason: RefusalReason<'_>, _: &mut Random) -> Result<Answer, Broken> {
        Ok(call.refuse_as_documented(reason.statuses()))
    }

    /// Headers of a delivery beside those that prove its origin.
    fn headers(&self, _: &Registration, _signed: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// A provider without documented behaviour beyond its description.
pub(super) struct ByDescription;

impl Special for ByDescription {}
