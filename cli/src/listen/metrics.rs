//! Metrics for Prometheus.

use std::sync::atomic::Ordering;
use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The upper bounds of the buckets in seconds, chosen for the times of a signature, a disk and a slow client.
const LATENCIES: [f64; 12] = [0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 10.0];

pub struct Metrics {
    registry: Registry,
    accepted: Counter,
    duplicates: Counter,
    handshakes: Counter,
    refused: Family<ReasonLabel, Counter>,
    not_written: Counter,
    malformed: Family<ReasonLabel, Counter>,
    log_dropped: Counter,
    latency: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// The outcome of a delivery.
pub enum Outcome {
    Accepted,
    Duplicate,
    /// The provider checked the URL, and was answered.
    Handshake,
    /// The delivery could not be written, and the provider was asked to send it again.
    NotWritten,
    Refused(&'static str),
}

impl Metrics {
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("pos_webhooks"),
            accepted: Counter::default(),
            duplicates: Counter::default(),
            handshakes: Counter::default(),
            refused: Family::default(),
            not_written: Counter::default(),
            malformed: Family::default(),
            log_dropped: Counter::default(),
            latency: Histogram::new(LATENCIES),
        };
        let registry = &mut metrics.registry;
        registry.register("accepted", "Deliveries that were written and acknowledged", metrics.accepted.clone());
        registry.register(
            "duplicates",
            "Deliveries of events that were written before, and were only acknowledged",
            metrics.duplicates.clone(),
        );
        registry.register(
            "handshakes",
            "Requests with which the provider checked the URL, and that were answered",
            metrics.handshakes.clone(),
        );
        registry.register("refused", "Deliveries that were refused, by reason", metrics.refused.clone());
        registry.register(
            "not_written",
            "Deliveries that could not be written, and have to be sent again",
            metrics.not_written.clone(),
        );
        registry.register(
            "malformed",
            "Connections that did not send a complete request, by reason",
            metrics.malformed.clone(),
        );
        registry.register(
            "log_lines_dropped",
            "Log lines that could not be written to standard error",
            metrics.log_dropped.clone(),
        );
        registry.register(
            "latency_seconds",
            "Time from the head of a delivery to its response",
            metrics.latency.clone(),
        );
        metrics
    }

    pub fn count(&self, outcome: &Outcome, since: Instant) {
        self.latency.observe(since.elapsed().as_secs_f64());
        match outcome {
            Outcome::Accepted => self.accepted.inc(),
            Outcome::Duplicate => self.duplicates.inc(),
            Outcome::Handshake => self.handshakes.inc(),
            Outcome::NotWritten => self.not_written.inc(),
            Outcome::Refused(reason) => self.refused.get_or_create(&ReasonLabel { reason }).inc(),
        };
    }

    pub fn count_malformed(&self, reason: &'static str) {
        self.malformed.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// The metrics as text. `log_dropped` is the number of dropped lines of the log.
    pub fn text(&self, log_dropped: u64) -> String {
        self.log_dropped.inner().store(log_dropped, Ordering::Relaxed);
        let mut text = String::new();
        // Writing to memory does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
