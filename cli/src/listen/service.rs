//! Finds the route of a request, and serves health and metrics.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use super::delivery::{Surroundings, empty, shown_path};
use super::log::Dropped;
use super::memory::InFlight;
use super::metrics::{self, Metrics};
use super::plan::PathPattern;
use super::refused::RefusedFile;
use super::route::Route;
use super::server::{Malformed, Peer, Reply, Serve};
use super::terminal::Shown;

/// The paths of health and metrics.
pub const ADMIN: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// What all routes and addresses have in common.
pub struct Common {
    routes: RwLock<Arc<Routes>>,
    pub metrics: Metrics,
    memory: InFlight,
    log_dropped: Dropped,
    /// Whether the program is about to end.
    ending: AtomicBool,
}

/// The routes of one reading of the configuration.
#[derive(Default)]
pub struct Routes {
    routes: Vec<Route>,
    /// Where refused deliveries are kept.
    pub refused: Option<Arc<RefusedFile>>,
}

impl Routes {
    /// Orders the routes so that a more exact path is found first.
    pub fn new(mut routes: Vec<Route>, refused: Option<Arc<RefusedFile>>) -> Self {
        routes.sort_by_key(|route| match &route.path {
            PathPattern::Exact(_) => (0, 0),
            PathPattern::Segment(beginning) => (1, usize::MAX - beginning.len()),
            PathPattern::Any => (2, 0),
        });
        Self { routes, refused }
    }

    fn find(&self, path: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.path.matches(path))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }
}

impl Common {
    pub fn new(metrics: Metrics, memory: InFlight, log_dropped: Dropped) -> Self {
        Self { routes: RwLock::default(), metrics, memory, log_dropped, ending: AtomicBool::new(false) }
    }

    pub fn routes(&self) -> Arc<Routes> {
        Arc::clone(&self.routes.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the routes. A request that has begun keeps its route.
    pub fn set_routes(&self, routes: Routes) {
        *self.routes.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(routes);
    }

    /// Reports from now on that the program is not ready.
    pub fn set_ending(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// Whether at least one route can store events, and the program is not about to end.
    fn is_ready(&self) -> bool {
        !self.ending.load(Ordering::Relaxed) && self.routes().iter().any(|route| route.sink.is_up())
    }

    /// The response of health and metrics; `None` for another path.
    fn admin(&self, request: &Request<Incoming>) -> Option<Reply> {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            path if !is_read => ADMIN.contains(&path).then(|| empty(StatusCode::METHOD_NOT_ALLOWED)),
            "/livez" => Some(empty(StatusCode::OK)),
            "/readyz" if self.is_ready() => Some(empty(StatusCode::OK)),
            "/readyz" => Some(empty(StatusCode::SERVICE_UNAVAILABLE)),
            "/metrics" => {
                let refused_dropped = self.routes().refused.as_ref().map_or(0, |refused| refused.dropped());
                let text = self.metrics.text(self.log_dropped.count(), refused_dropped, self.memory.used());
                let mut reply = Response::new(Full::from(text));
                reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
                Some(reply)
            }
            _ => None,
        }
    }
}

/// Serves the address of the deliveries.
pub struct Deliveries {
    pub common: Arc<Common>,
    /// Whether health and metrics are served as well.
    pub with_admin: bool,
    pub shown: Shown,
}

impl Serve for Deliveries {
    async fn answer(&self, peer: &Peer, request: Request<Incoming>) -> Reply {
        let is_admin = self.with_admin && request.method() != Method::POST;
        if let Some(reply) = is_admin.then(|| self.common.admin(&request)).flatten() {
            return reply;
        }
        let routes = self.common.routes();
        let Some(route) = routes.find(request.uri().path()) else {
            self.common.metrics.count_unknown_path();
            let path = shown_path(request.uri());
            tracing::warn!(reason = "unknown_path", path, %peer, "refused");
            return empty(StatusCode::NOT_FOUND);
        };
        let refused = routes.refused.as_deref();
        let around = Surroundings { peer, memory: &self.common.memory, shown: &self.shown, refused };
        route.answer(request, &around).await
    }

    fn malformed(&self, peer: &Peer, what: Malformed) {
        let (reason, why) = what.reason();
        self.common.metrics.count_malformed(reason);
        tracing::warn!(%peer, reason, "received {why}");
    }
}

/// Serves the address of health and metrics.
pub struct Admin(pub Arc<Common>);

impl Serve for Admin {
    async fn answer(&self, _: &Peer, request: Request<Incoming>) -> Reply {
        self.0.admin(&request).unwrap_or_else(|| empty(StatusCode::NOT_FOUND))
    }

    fn malformed(&self, _: &Peer, _: Malformed) {}
}
