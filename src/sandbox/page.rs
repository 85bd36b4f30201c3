//! The page for people.

use std::sync::Arc;

use axum::Router;

use super::Inner;

pub(super) fn routes(_inner: &Arc<Inner>) -> Router {
    Router::new()
}
