//! Limits the memory of all requests together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a request waits for memory.
const WAIT: Duration = Duration::from_secs(5);

/// How many bytes are counted for a byte of a body: the body, and the line or row that is made of it.
const COPIES: usize = 3;

/// The memory of the requests in flight.
#[derive(Clone)]
pub struct InFlight {
    free: Arc<Semaphore>,
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
        let all = bytes.min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(all)), all }
    }

    pub fn used(&self) -> usize {
        self.all.saturating_sub(self.free.available_permits())
    }

    pub fn reserve(&self) -> Reserved<'_> {
        Reserved { of: self, permit: None }
    }
}

impl Reserved<'_> {
    /// Reserves memory for more bytes of the body; waits for it for some time.
    pub async fn grow(&mut self, bytes: usize) -> Result<(), NoMemory> {
        let bytes = u32::try_from(bytes.saturating_mul(COPIES)).map_err(|_| NoMemory)?;
        let free = &self.of.free;
        let permit = match Arc::clone(free).try_acquire_many_owned(bytes) {
            Ok(permit) => permit,
            Err(_) => match timeout(WAIT, Arc::clone(free).acquire_many_owned(bytes)).await {
                Ok(Ok(permit)) => permit,
                Ok(Err(_)) | Err(_) => return Err(NoMemory),
            },
        };
        match &mut self.permit {
            Some(all) => all.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }
}

/// The smallest limit with which a body of this size can be received.
pub fn least(body: usize) -> usize {
    body.saturating_mul(COPIES)
}
