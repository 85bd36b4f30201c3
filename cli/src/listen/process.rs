//! The sinks and routes of a running process, and how they change when the configuration is read again.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::arguments::Arguments;
use super::log::{Dropped, Flush, LogFormat};
use super::memory::InFlight;
use super::metrics::Metrics;
use super::plan::{Address, Limits, Plan, SinkPlan};
use super::refused::{RefusedFile, RefusedSettings};
use super::route::Route;
use super::service::{Common, Routes};
use super::sink::{HasEnded, Sink, SinkSettings, Writer};
use crate::stop::Stop;

/// Receives the reason once a sink cannot write any more events.
pub type Ended = mpsc::UnboundedReceiver<&'static str>;

pub struct Process<'a> {
    arguments: &'a Arguments,
    pub settings: Settings,
    pub common: Arc<Common>,
    sinks: BTreeMap<String, OpenSink>,
    /// Those of all sinks that were ever open.
    writers: Vec<Writer>,
    ended: HasEnded,
    /// Waits for the writer of refused deliveries when the process ends.
    flush_refused: Option<Flush>,
}

/// What stays as it is until the process ends.
#[derive(PartialEq)]
pub struct Settings {
    pub address: Address,
    pub admin: Option<Address>,
    pub drain: Duration,
    limits: (usize, usize),
    log: LogFormat,
}

struct OpenSink {
    settings: SinkSettings,
    sink: Sink,
}

impl Settings {
    fn of(plan: &Plan) -> Self {
        let Limits { connections, in_flight } = plan.limits;
        Self {
            address: plan.address.clone(),
            admin: plan.admin.clone(),
            drain: plan.drain,
            limits: (connections.get(), in_flight),
            log: plan.log,
        }
    }
}

impl<'a> Process<'a> {
    /// Opens the sinks and the routes.
    pub async fn start(arguments: &'a Arguments, plan: Plan, log_dropped: Dropped) -> Result<(Self, Ended), Stop> {
        let (ended, receiver) = mpsc::unbounded_channel();
        let common = Arc::new(Common::new(Metrics::new(), InFlight::new(plan.limits.in_flight), log_dropped));
        let settings = Settings::of(&plan);
        let mut process = Self {
            arguments,
            settings,
            common,
            sinks: BTreeMap::new(),
            writers: Vec::new(),
            ended,
            flush_refused: None,
        };
        process.apply(plan).await.map_err(Stop::Input)?;
        Ok((process, receiver))
    }

    /// Opens files anew, and reads the configuration again if there is one. If that fails, everything stays as it is.
    pub async fn reload(&mut self) {
        self.sinks.values().for_each(|open| open.sink.reopen());
        if !self.arguments.has_config() {
            return;
        }
        let read = match tokio::task::block_in_place(|| self.arguments.plan()) {
            Ok(plan) => {
                if Settings::of(&plan) != self.settings {
                    tracing::warn!(
                        "addresses, limits, `drain` and the log stay as they are until the program is started again"
                    );
                }
                self.apply(plan).await
            }
            Err(stop) => Err(stop.message()),
        };
        self.common.metrics.reloaded(read.is_ok());
        match read {
            Ok(()) => {
                let routes: Vec<_> = self.common.routes().iter().map(|route| route.name.clone()).collect();
                tracing::info!(routes = routes.join(", "), "read the configuration again");
            }
            Err(problems) => {
                // New sinks of the same names have reported that they are not up.
                self.sinks.values().for_each(|open| open.sink.report_state());
                tracing::error!(problems, "the configuration cannot be used, so the old one stays");
            }
        }
    }

    /// Opens what is new in a plan, and then replaces the routes.
    async fn apply(&mut self, plan: Plan) -> Result<(), String> {
        let mut sinks = BTreeMap::new();
        let mut writers = Vec::new();
        for SinkPlan { name, settings } in plan.sinks {
            // A file has only one writer, so that it is not opened a second time.
            let open = self.sinks.values().find(|open| Sink::is_same_place(&open.settings, &settings));
            let sink = match open {
                Some(open) => open.sink.clone(),
                None => {
                    let sink = self.open(&name, &settings).await.map_err(|error| format!("{settings}: {error}"))?;
                    writers.extend(sink.writer());
                    sink
                }
            };
            sinks.insert(name, OpenSink { settings, sink });
        }
        let mut routes = Vec::new();
        for route in plan.routes {
            for warning in &route.registration.warnings {
                tracing::warn!(route = route.name, "{warning}");
            }
            let open = sinks.get(&route.sink).ok_or_else(|| format!("there is no sink `{}`", route.sink))?;
            let most = open.sink.most_bytes();
            if most < route.max_bytes {
                let (route, limit) = (&route.name, route.max_bytes);
                tracing::warn!(route, limit, most, "longer bodies than the sink can store are refused with status 413");
            }
            let metrics = self.common.metrics.route(&route.name);
            routes.push(Route::new(route, open.sink.clone(), metrics));
        }
        let refused = self.refused(plan.refused)?;
        sinks.values().for_each(|open| open.sink.change(&open.settings));
        self.common.set_routes(Routes::new(routes, refused));
        self.sinks = sinks;
        self.writers.append(&mut writers);
        Ok(())
    }

    /// Where refused deliveries are kept: as before if the settings are the same.
    fn refused(&mut self, settings: Option<RefusedSettings>) -> Result<Option<Arc<RefusedFile>>, String> {
        let open = self.common.routes().refused.clone();
        if open.as_ref().map(|open| &open.settings) == settings.as_ref() {
            return Ok(open);
        }
        let path = settings.as_ref().map(|settings| settings.path.display().to_string());
        let opened = settings.map(RefusedFile::open).transpose();
        let opened = opened.map_err(|error| format!("{}: {error}", path.unwrap_or_default()))?;
        let (refused, flush) = opened.unzip();
        // This waits for a slow disk, which must not delay deliveries.
        drop(std::mem::replace(&mut self.flush_refused, flush).map(|old| tokio::task::spawn_blocking(|| drop(old))));
        Ok(refused.map(Arc::new))
    }

    async fn open(&self, name: &str, settings: &SinkSettings) -> io::Result<Sink> {
        Sink::open(settings, self.common.metrics.sink(name), self.ended.clone()).await
    }

    /// The maximum number of connections. Some descriptors are reserved for files, and for accepting one more connection.
    pub fn most_connections(&self) -> usize {
        let (wanted, _) = self.settings.limits;
        #[cfg(unix)]
        if let Some(descriptors) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
            let most = usize::try_from(descriptors).unwrap_or(usize::MAX).saturating_sub(32).max(1);
            if most < wanted {
                tracing::warn!(
                    most,
                    "fewer connections than the limit are allowed: the process cannot have more file descriptors"
                );
                return most;
            }
        }
        wanted
    }

    /// Closes the sinks, except for requests that have not ended. What is returned waits for them.
    pub fn into_writers(self) -> Vec<Writer> {
        self.writers
    }
}
