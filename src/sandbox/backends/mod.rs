//! The simulated providers: the behaviour that follows from each description, and documented behaviour beyond it.

mod account;
mod described;
mod handshake;
#[cfg(feature = "mipos")]
mod mipos;
#[cfg(feature = "mypos")]
mod mypos;
mod pending;
mod special;
mod subscriptions;
mod tokens;
#[cfg(feature = "vipps")]
mod vipps;

use std::time::Duration;

pub(super) use self::account::is_credential;
pub(super) use self::described::{Backend, Outgoing};
pub(super) use self::handshake::AskedHandshake;
use self::special::{ByDescription, Special};
use super::call::Broken;
use crate::catalogue::Provider;

fn special(provider: &str) -> Box<dyn Special> {
    match provider {
        #[cfg(feature = "mipos")]
        "mipos" => Box::new(mipos::Mipos::default()),
        #[cfg(feature = "mypos")]
        "mypos" => Box::new(mypos::Mypos),
        #[cfg(feature = "vipps")]
        "vipps" => Box::new(vipps::Vipps),
        _ => Box::new(ByDescription),
    }
}

/// One backend per provider.
pub(super) struct Backends(Vec<Backend>);

impl Backends {
    pub fn new(providers: &[&'static Provider], seed: u64, token_lifetime: Duration) -> Self {
        let backend =
            |provider: &&'static Provider| Backend::new(provider, special(provider.name), seed, token_lifetime);
        Self(providers.iter().map(backend).collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Backend> {
        self.0.iter()
    }

    pub fn find(&mut self, provider: &'static Provider) -> Result<&mut Backend, Broken> {
        let found = self.0.iter_mut().find(|backend| backend.provider.name == provider.name);
        found.ok_or_else(|| Broken(format!("{} is not simulated", provider.name)))
    }
}
