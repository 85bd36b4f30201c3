//! Time that passes without being waited for, in a test whose runtime has one thread.

use std::time::Duration;

/// Advances the clock of the runtime.
pub async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}
