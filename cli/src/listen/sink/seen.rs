//! The idempotency keys of the newest events.

use std::num::NonZeroUsize;

use lru::LruCache;

use super::Written;

pub struct Seen(LruCache<String, ()>);

impl Seen {
    pub fn new(window: NonZeroUsize) -> Self {
        Self(LruCache::new(window))
    }

    pub fn resize(&mut self, window: NonZeroUsize) {
        self.0.resize(window);
    }

    pub fn add(&mut self, key: Option<&str>) -> Written {
        match key {
            Some(key) if self.0.get(key).is_some() => Written::Duplicate,
            Some(key) => {
                self.0.push(key.to_owned(), ());
                Written::New
            }
            None => Written::New,
        }
    }

    pub fn forget(&mut self, key: Option<&str>) {
        if let Some(key) = key {
            self.0.pop(key);
        }
    }
}
