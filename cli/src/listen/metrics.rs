//! Metrics for Prometheus.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The upper bounds of the buckets in seconds, chosen for the times of a signature, a disk and a slow client.
const LATENCIES: [f64; 12] = [0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 10.0];

/// The upper bounds of the buckets for the number of events that are written at once.
const BATCHES: [f64; 7] = [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0];

type ByRoute<M> = Family<RouteLabel, M>;
type Time = Gauge<f64, AtomicU64>;
type BySink<M> = Family<SinkLabel, M>;

pub struct Metrics {
    registry: Registry,
    accepted: ByRoute<Counter>,
    duplicates: ByRoute<Counter>,
    handshakes: ByRoute<Counter>,
    refused: Family<RouteAndReason, Counter>,
    not_written: ByRoute<Counter>,
    last_accepted: ByRoute<Time>,
    latency: Family<RouteLabel, Histogram, fn() -> Histogram>,
    unknown_paths: Counter,
    malformed: Family<ReasonLabel, Counter>,
    log_dropped: Counter,
    refused_dropped: Counter,
    in_flight: Gauge,
    sink_up: BySink<Gauge>,
    sink_seconds: Family<SinkLabel, Histogram, fn() -> Histogram>,
    sink_batches: Family<SinkLabel, Histogram, fn() -> Histogram>,
    sink_waiting: BySink<Gauge>,
    reload_ok: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteAndReason {
    route: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SinkLabel {
    sink: String,
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

/// The metrics of one route.
pub struct RouteMetrics {
    label: RouteLabel,
    accepted: Counter,
    duplicates: Counter,
    handshakes: Counter,
    refused: Family<RouteAndReason, Counter>,
    not_written: Counter,
    /// Missing until a delivery was accepted.
    last_accepted: OnceLock<Time>,
    all_last_accepted: ByRoute<Time>,
    latency: Histogram,
}

/// The metrics of one sink.
#[derive(Clone)]
pub struct SinkMetrics {
    up: Gauge,
    seconds: Histogram,
    batches: Histogram,
    waiting: Gauge,
}

impl Metrics {
    pub fn new() -> Self {
        let latencies: fn() -> Histogram = || Histogram::new(LATENCIES);
        let batches: fn() -> Histogram = || Histogram::new(BATCHES);
        let mut metrics = Self {
            registry: Registry::with_prefix("pos_webhooks"),
            accepted: Family::default(),
            duplicates: Family::default(),
            handshakes: Family::default(),
            refused: Family::default(),
            not_written: Family::default(),
            last_accepted: Family::default(),
            latency: Family::new_with_constructor(latencies),
            unknown_paths: Counter::default(),
            malformed: Family::default(),
            log_dropped: Counter::default(),
            refused_dropped: Counter::default(),
            in_flight: Gauge::default(),
            sink_up: Family::default(),
            sink_seconds: Family::new_with_constructor(latencies),
            sink_batches: Family::new_with_constructor(batches),
            sink_waiting: Family::default(),
            reload_ok: Gauge::default(),
        };
        metrics.reload_ok.set(1);
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
            "last_accepted_timestamp_seconds",
            "Time at which a delivery was last accepted, in seconds since 1970",
            metrics.last_accepted.clone(),
        );
        registry.register("unknown_path", "Requests with a path that no route has", metrics.unknown_paths.clone());
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
            "refused_not_kept",
            "Refused deliveries that are not in the file for them: too many at once, or the file could not be written",
            metrics.refused_dropped.clone(),
        );
        registry.register(
            "latency_seconds",
            "Time from the head of a delivery to its response",
            metrics.latency.clone(),
        );
        registry.register("in_flight_bytes", "Memory that the requests have reserved", metrics.in_flight.clone());
        registry.register("sink_up", "Whether the last event could be written to the sink", metrics.sink_up.clone());
        registry.register(
            "sink_write_seconds",
            "Time that an event waited until the sink had written it",
            metrics.sink_seconds.clone(),
        );
        registry.register("sink_batch_events", "Events that the sink wrote at once", metrics.sink_batches.clone());
        registry.register("sink_waiting_events", "Events that wait for the sink", metrics.sink_waiting.clone());
        registry.register(
            "config_reload_ok",
            "Whether the last reading of the configuration succeeded",
            metrics.reload_ok.clone(),
        );
        registry.register("build", "The version of the program", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        metrics
    }

    /// The metrics of a route. Those of a route that had the same name before are continued.
    pub fn route(&self, name: &str) -> RouteMetrics {
        let label = RouteLabel { route: name.to_owned() };
        RouteMetrics {
            accepted: self.accepted.get_or_create_owned(&label),
            duplicates: self.duplicates.get_or_create_owned(&label),
            handshakes: self.handshakes.get_or_create_owned(&label),
            refused: self.refused.clone(),
            not_written: self.not_written.get_or_create_owned(&label),
            last_accepted: OnceLock::new(),
            all_last_accepted: self.last_accepted.clone(),
            latency: self.latency.get_or_create_owned(&label),
            label,
        }
    }

    /// The metrics of a sink. Those of a sink that had the same name before are continued.
    pub fn sink(&self, name: &str) -> SinkMetrics {
        let label = SinkLabel { sink: name.to_owned() };
        let metrics = SinkMetrics {
            up: self.sink_up.get_or_create_owned(&label),
            seconds: self.sink_seconds.get_or_create_owned(&label),
            batches: self.sink_batches.get_or_create_owned(&label),
            waiting: self.sink_waiting.get_or_create_owned(&label),
        };
        metrics.set_up(true);
        metrics
    }

    pub fn count_unknown_path(&self) {
        self.unknown_paths.inc();
    }

    pub fn count_malformed(&self, reason: &'static str) {
        self.malformed.get_or_create(&ReasonLabel { reason }).inc();
    }

    pub fn reloaded(&self, ok: bool) {
        self.reload_ok.set(ok.into());
    }

    /// The metrics as text. `log_dropped` is the number of dropped lines of the log, `refused_dropped` that of dropped refused
    /// deliveries, and `in_flight` the memory of the requests.
    pub fn text(&self, log_dropped: u64, refused_dropped: u64, in_flight: usize) -> String {
        self.log_dropped.inner().store(log_dropped, Ordering::Relaxed);
        self.refused_dropped.inner().store(refused_dropped, Ordering::Relaxed);
        self.in_flight.set(i64::try_from(in_flight).unwrap_or(i64::MAX));
        let mut text = String::new();
        // Writing to memory does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl RouteMetrics {
    pub fn count(&self, outcome: &Outcome, since: Instant) {
        self.latency.observe(since.elapsed().as_secs_f64());
        match outcome {
            Outcome::Accepted => {
                let time = self.last_accepted.get_or_init(|| self.all_last_accepted.get_or_create_owned(&self.label));
                time.set(Timestamp::now().as_duration().as_secs_f64());
                self.accepted.inc()
            }
            Outcome::Duplicate => self.duplicates.inc(),
            Outcome::Handshake => self.handshakes.inc(),
            Outcome::NotWritten => self.not_written.inc(),
            Outcome::Refused(reason) => {
                self.refused.get_or_create(&RouteAndReason { route: self.label.route.clone(), reason }).inc()
            }
        };
    }
}

impl SinkMetrics {
    pub fn set_up(&self, up: bool) {
        self.up.set(up.into());
    }

    /// Counts an event that began to wait at this time.
    pub fn wrote(&self, since: Instant) {
        self.seconds.observe(since.elapsed().as_secs_f64());
    }

    /// Counts a batch, and the events that wait after it.
    pub fn batch(&self, events: usize, waiting: usize) {
        if events > 0 {
            self.batches.observe(events as f64);
        }
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }
}
