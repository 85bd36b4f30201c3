//! Registrations whose receivers have not answered the handshake yet. They are not stored before that, so that nothing is
//! delivered for them.

use std::mem;

use super::described::Backend;
use super::special::Stored;
use crate::sandbox::registration::Registration;

/// A new registration, or a change of one.
pub(super) struct Pending {
    stored: Stored,
    /// The id of the registration that it replaces.
    replaced: Option<String>,
}

impl Backend {
    /// Withholds the registration that was stored last, if the provider checks its receiver first.
    pub fn withhold_new(&mut self) -> Option<Registration> {
        self.provider.handshake?;
        let stored = self.stored.pop()?;
        self.withhold(stored, None)
    }

    /// Withholds the change of a registration, if the provider checks the receiver at another URL first.
    pub(super) fn withhold_change(&mut self, position: usize, before: Stored) -> Option<Registration> {
        self.provider.handshake?;
        let changed = self.stored.get_mut(position)?;
        if changed.registration.url == before.registration.url {
            return None;
        }
        let replaced = Some(before.registration.id.clone());
        let changed = mem::replace(changed, before);
        self.withhold(changed, replaced)
    }

    fn withhold(&mut self, stored: Stored, replaced: Option<String>) -> Option<Registration> {
        let registration = stored.registration.clone();
        self.pending.push(Pending { stored, replaced });
        Some(registration)
    }

    /// The registrations that are stored, and those whose receivers have not answered yet.
    pub fn all_registrations(&self) -> Vec<Registration> {
        let pending = self.pending.iter().map(|pending| &pending.stored);
        self.stored.iter().chain(pending).map(|stored| stored.registration.clone()).collect()
    }

    /// Stores a registration whose receiver has answered, or forgets one whose receiver has not.
    pub fn settle(&mut self, id: &str, is_answered: bool) {
        let Some(position) = self.pending.iter().position(|pending| pending.stored.registration.id == id) else {
            return;
        };
        let Pending { stored, replaced } = self.pending.remove(position);
        if !is_answered {
            return;
        }
        match replaced.map(|id| self.stored.iter_mut().find(|known| known.registration.id == id)) {
            None => self.stored.push(stored),
            Some(Some(known)) => *known = stored,
            // It was deleted meanwhile.
            Some(None) => {}
        }
    }
}
