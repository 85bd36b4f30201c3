//! Limits the memory of all requests together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a request waits for memory.
const WAIT: Duration = Duration::from_secs(5);

/// How many bytes are counted for a byte of a body: the body, and the line or row that is made of it.
const COPIES: usize = 3;

/// The number of bytes of a permit of the semaphores, which count up to some billions at once.
const UNIT: usize = 1 << 10;

/// The size of a body that is short.
pub const SHORT: usize = 16 << 10;

/// One of so many parts of the memory is for short bodies only, so that long ones do not delay them.
const PARTS: usize = 4;

/// The memory of the requests in flight.
///
/// A request reserves all that it needs at once, in the order of the requests: if each kept a part of its memory while it
/// waits for the rest, no request might ever have enough.
#[derive(Clone)]
pub struct InFlight {
    short: Arc<Semaphore>,
    long: Arc<Semaphore>,
    /// The number of permits of both.
    all: usize,
}

/// The memory of one request, which is free again once this value is dropped.
pub struct Reserved<'a> {
    of: &'a InFlight,
    permit: Option<OwnedSemaphorePermit>,
}

/// The error for memory that did not become free in time.
#[derive(Debug)]
pub struct NoMemory;

impl InFlight {
    pub fn new(bytes: usize) -> Self {
        // One more, since the need of a body is rounded up.
        let all = (bytes / UNIT + 1).min(Semaphore::MAX_PERMITS);
        let short = all / PARTS;
        Self { short: Arc::new(Semaphore::new(short)), long: Arc::new(Semaphore::new(all - short)), all }
    }

    pub fn used(&self) -> usize {
        self.all.saturating_sub(self.short.available_permits() + self.long.available_permits()) * UNIT
    }

    pub fn reserve(&self) -> Reserved<'_> {
        Reserved { of: self, permit: None }
    }
}

impl Reserved<'_> {
    /// Reserves the memory for a body of this size, in the place of what was reserved before; waits for it for some time.
    pub async fn body(&mut self, bytes: usize) -> Result<(), NoMemory> {
        let lane = if bytes <= SHORT { &self.of.short } else { &self.of.long };
        let units = u32::try_from(bytes.saturating_mul(COPIES).div_ceil(UNIT)).map_err(|_| NoMemory)?;
        let reserved = match Arc::clone(lane).try_acquire_many_owned(units) {
            Ok(permit) => permit,
            Err(_) => match timeout(WAIT, Arc::clone(lane).acquire_many_owned(units)).await {
                Ok(Ok(permit)) => permit,
                Ok(Err(_)) | Err(_) => return Err(NoMemory),
            },
        };
        self.permit = Some(reserved);
        Ok(())
    }
}

/// The smallest limit with which a body of this size can be received.
pub fn least(body: usize) -> usize {
    body.max(SHORT).saturating_mul(COPIES).saturating_mul(PARTS).div_ceil(PARTS - 1)
}
