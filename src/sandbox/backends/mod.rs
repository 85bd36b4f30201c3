//! The simulated providers: what each does by its description, and the little that is documented beside it.

mod account;
mod described;
#[cfg(feature = "mipos")]
mod mipos;
#[cfg(feature = "mypos")]
mod mypos;
#[cfg(feature = "vipps")]
mod vipps;

use serde_json::Value;

use super::call::{Answer, Broken, Call, Problem, Reason};
use super::random::Random;
use crate::catalogue::{Provider, Values};

pub(super) use account::{constant_headers, credential_name, is_credential};
pub use described::Registration;
pub(super) use described::{Backend, Outgoing, Stored};

/// What is documented of a provider beside its description. Every method has the behaviour of a provider of which nothing
/// more is.
pub(super) trait Special: Send {
    /// The values of constant headers of the account, by [`credential_name`], where they are not made up.
    fn constants(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// What to keep with a registration that this call creates.
    fn keep(&self, _: &Call<'_>) -> Option<String> {
        None
    }

    /// Whether a registration belongs to those that this call is about.
    fn concerns(&self, _: &Call<'_>, _: &Stored) -> bool {
        true
    }

    /// Why a registration that keeps to the specification is still refused.
    fn objections(&self, _: &Call<'_>, _new: &Values, _stored: &[Stored]) -> Vec<Problem> {
        Vec::new()
    }

    /// Completes an answer in which these registrations are.
    fn complete(&self, _: &Call<'_>, _: &[&Stored], _answer: &mut Value) {}

    /// A refusal in the provider's form.
    fn refuse(&self, call: &Call<'_>, reason: Reason<'_>, _: &mut Random) -> Result<Answer, Broken> {
        Ok(call.refuse_as_documented(reason.statuses()))
    }

    /// Headers of a delivery beside those that prove where it comes from.
    fn headers(&self, _: &Registration, _signed: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// A provider of which nothing is documented beside its description.
struct Plain;

impl Special for Plain {}

fn special(provider: &str) -> Box<dyn Special> {
    match provider {
        #[cfg(feature = "mipos")]
        "mipos" => Box::new(mipos::Mipos),
        #[cfg(feature = "mypos")]
        "mypos" => Box::new(mypos::Mypos),
        #[cfg(feature = "vipps")]
        "vipps" => Box::new(vipps::Vipps),
        _ => Box::new(Plain),
    }
}

/// One backend per provider.
pub(super) struct Backends(Vec<Backend>);

impl Backends {
    pub fn new(providers: &[&'static Provider], seed: u64) -> Self {
        Self(providers.iter().map(|provider| Backend::new(provider, special(provider.name), seed)).collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Backend> {
        self.0.iter()
    }

    pub fn find(&mut self, provider: &'static Provider) -> Result<&mut Backend, Broken> {
        let found = self.0.iter_mut().find(|backend| backend.provider.name == provider.name);
        found.ok_or_else(|| Broken(format!("{} is not simulated", provider.name)))
    }
}
