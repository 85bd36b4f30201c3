//! `pos-webhooks listen`: stores the events of deliveries, and acknowledges them once they are stored.

mod answer;
mod arguments;
mod body;
mod check;
mod config;
mod delivery;
mod forward;
mod log;
mod memory;
mod metrics;
mod plan;
mod process;
mod refused;
mod route;
mod server;
mod service;
mod signals;
mod sink;
mod socket;
mod terminal;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub use arguments::Arguments;
pub use config::read_sink;
use forward::Forwarding;
use process::{Ended, Process};
use route::Registration;
pub use route::{names_its_event, sends_a_token};
use server::serve;
use service::{Admin, Deliveries};
use signals::{Signal, Starting};
pub use sink::SinkSettings;
#[cfg(feature = "nats")]
pub use sink::nats;
#[cfg(feature = "postgres")]
pub use sink::postgres;
pub use sink::{Event, Payload, is_same as is_same_file, rotated as rotated_files};
use socket::Inherited;
use terminal::Shown;

use crate::report::Plain;
use crate::stop::Stop;

/// The registration of a route of a configuration.
pub fn route(file: &Path, name: &str) -> Result<Registration, Stop> {
    let found = config::read(file)?.routes.into_iter().find(|route| route.name == name);
    let missing = || Stop::Usage(format!("--config: {} does not have the route {}", file.display(), Plain(name)));
    found.map(|route| route.registration).ok_or_else(missing)
}

/// The maximum number of connections to the address of health and metrics.
const ADMIN_CONNECTIONS: usize = 16;

/// The reason why the program ends.
#[derive(Clone, Copy)]
enum End {
    Asked,
    CannotWrite(&'static str),
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| unusable("the runtime", &error))?;
    if arguments.is_check() {
        let plan = arguments.plan()?;
        let forward = arguments.forward(&plan)?;
        return check::run(&plan, forward.as_ref(), &runtime);
    }
    // This comes first: without a handler, a signal to reopen the file would end the program.
    let starting = Starting::new(&runtime).map_err(|error| unusable("the signals", &error))?;
    let plan = arguments.plan()?;
    let forward = arguments.forward(&plan)?;
    let (_flushed, log_dropped) =
        log::start(plan.log, arguments.level()).map_err(|error| unusable("the log", &error))?;
    let has_output = plan.sinks.iter().any(|sink| matches!(sink.settings, sink::SinkSettings::Output { .. }));
    let (shown, _flushed_terminal) = Shown::new(!has_output).map_err(|error| unusable("the terminal", &error))?;
    let (process, ended) = runtime.block_on(Process::start(arguments, plan, log_dropped))?;
    let terminal = shown.beside();
    let forwarding = forward.map(|forward| Forwarding::start(forward, terminal.as_ref())).transpose()?;
    let served = runtime.block_on(listen(process, ended, starting, shown));
    drop(forwarding);
    // Requests that took too long still hold their sink, which keeps its writer running.
    runtime.shutdown_timeout(Duration::from_secs(1));
    let (end, writers) = served?;
    writers.into_iter().for_each(sink::Writer::join);
    match end {
        End::Asked => Ok(ExitCode::SUCCESS),
        End::CannotWrite(_) => Ok(ExitCode::FAILURE),
    }
}

fn unusable(what: impl std::fmt::Display, error: &std::io::Error) -> Stop {
    Stop::Input(format!("{what}: {error}"))
}

/// Serves until a signal asks to end. Returns what waits for the sinks.
async fn listen(
    mut process: Process<'_>,
    mut ended: Ended,
    starting: Starting,
    shown: Shown,
) -> Result<(End, Vec<sink::Writer>), Stop> {
    let mut inherited = Inherited::from_environment();
    let settings = &process.settings;
    let common = Arc::clone(&process.common);
    let socket = socket::open(&settings.address, &mut inherited).await;
    let socket = socket.map_err(|error| unusable(&settings.address, &error))?;
    let address = socket::address(&socket, &settings.address);
    let (over, is_over) = watch::channel(());
    let (admin_over, admin_is_over) = watch::channel(());
    let mut admin = None;
    if let Some(opened) = &settings.admin {
        let socket = socket::open(opened, &mut inherited).await.map_err(|error| unusable(opened, &error))?;
        tracing::info!(admin = %socket::address(&socket, opened), "serving health and metrics");
        let service = Arc::new(Admin(Arc::clone(&common)));
        admin = Some(tokio::spawn(serve(socket, ADMIN_CONNECTIONS, service, admin_is_over)));
    }
    let connections = process.most_connections();
    let service = Deliveries { common: Arc::clone(&common), with_admin: admin.is_none(), shown };
    let routes: Vec<_> = common.routes().iter().map(|route| route.name.clone()).collect();
    // From the next line of the log on, a signal ends the program by a drain.
    let mut signals = starting.over().await.map_err(|error| unusable("the signals", &error))?;
    tracing::info!(routes = routes.join(", "), %address, "listening");
    let served = tokio::spawn(serve(socket, connections, Arc::new(service), is_over));
    let end = loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Signal::End => break End::Asked,
                #[cfg(unix)]
                Signal::Reload => process.reload().await,
            },
            Some(why) = ended.recv() => break End::CannotWrite(why),
        }
    };
    common.set_ending();
    match end {
        End::Asked => {
            let drain = process.settings.drain;
            if !drain.is_zero() {
                tracing::info!(seconds = drain.as_secs_f64(), "not ready any more; still accepting connections");
                let asked_again = async { while !matches!(signals.next().await, Signal::End) {} };
                // Either of them ends it.
                let _ = tokio::time::timeout(drain, asked_again).await;
            }
            tracing::info!("finishing the requests that have begun");
        }
        End::CannotWrite(why) => tracing::error!("ending: {why}"),
    }
    let _ = over.send(());
    let _ = served.await;
    let _ = admin_over.send(());
    if let Some(admin) = admin {
        let _ = admin.await;
    }
    Ok((end, process.into_writers()))
}
