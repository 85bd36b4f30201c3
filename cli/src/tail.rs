//! `pos-webhooks tail`.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Args;

use crate::console::warn;
use crate::event_summary::EventSummary;
use crate::source::{Begin, Filter, Reading, SourceArguments, StoredEvent};
use crate::stop::Stop;

/// Show stored events as they come
///
/// On a terminal, the output has a short line for each event: the time in UTC, the route if it does not have the name of the
/// provider, the provider, the event, the beginning of its idempotency key, and whether the payload matches the specification.
/// Otherwise, each event is one line of JSON, the same for each kind of sink, as `listen` describes it.
///
/// Events are shown from now on, or from the oldest one with --from-start: no event is left out or shown twice. A file may be
/// rotated and truncated meanwhile. If it does not exist yet, the program waits for it. If a server does not answer, the
/// program reports it once, and goes on when it does.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  pos-webhooks tail events.ndjson
  pos-webhooks tail inbox --config listen.toml
  pos-webhooks tail events.ndjson --from-start --no-follow --event '*.captured.v1' --since 2h \\
      | jq .payload

Exit status:
  0  The program that reads the output has ended, or with --no-follow, the last event was shown.
  2  Wrong usage, or the events could not be read, or the output could not be written.")]
pub struct Arguments {
    #[command(flatten)]
    source: SourceArguments,

    /// Begin with the oldest event that is stored
    #[arg(long)]
    from_start: bool,

    /// End after the last event that is stored
    #[arg(long, requires = "from_start")]
    no_follow: bool,

    #[command(flatten)]
    filter: Filter,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let begin = if arguments.from_start { Begin::First } else { Begin::New };
        let reading = Reading { begin, filter: arguments.filter.clone(), is_patient: !arguments.no_follow, warn };
        let mut source = arguments.source.open(reading).await?;
        let is_terminal = io::stdout().is_terminal();
        let mut output = io::BufWriter::new(io::stdout().lock());
        loop {
            match source.next().await? {
                Some(event) if is_terminal => output.write_all(&summary(&event))?,
                Some(event) => output.write_all(&event.into_line().map_err(io::Error::from)?)?,
                None => {
                    output.flush()?;
                    if arguments.no_follow {
                        return Ok(ExitCode::SUCCESS);
                    }
                    source.wait().await;
                }
            }
        }
    })
}

fn summary(event: &StoredEvent) -> Vec<u8> {
    let summary = EventSummary {
        time: event.received_at,
        route: Some(event.route.as_str()).filter(|route| *route != event.provider),
        provider: &event.provider,
        specification: event.known_provider(),
        event: event.event.as_deref(),
        idempotency_key: event.idempotency_key.as_deref(),
        body: &event.body,
        after: None,
    };
    summary.to_bytes()
}
