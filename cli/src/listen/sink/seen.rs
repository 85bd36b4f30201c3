//! The idempotency keys of the newest events.

use std::num::NonZeroUsize;

use lru::LruCache;

use super::Written;

pub struct Seen {
    /// Without a capacity of its own, since that would be reserved at once.
    keys: LruCache<String, ()>,
    window: NonZeroUsize,
}

impl Seen {
    pub fn new(window: NonZeroUsize) -> Self {
        Self { keys: LruCache::unbounded(), window }
    }

    pub fn resize(&mut self, window: NonZeroUsize) {
        self.window = window;
        while self.keys.len() > window.get() {
            self.keys.pop_lru();
        }
    }

    pub fn add(&mut self, key: Option<&str>) -> Written {
        match key {
            Some(key) if self.keys.get(key).is_some() => Written::Duplicate,
            Some(key) => {
                self.keys.push(key.to_owned(), ());
                if self.keys.len() > self.window.get() {
                    self.keys.pop_lru();
                }
                Written::New
            }
            None => Written::New,
        }
    }

    pub fn forget(&mut self, key: Option<&str>) {
        if let Some(key) = key {
            self.keys.pop(key);
        }
    }
}
