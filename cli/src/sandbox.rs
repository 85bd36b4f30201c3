//! `pos-webhooks sandbox`: simulates the providers on this machine.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::console::complain;
use crate::stop::UNUSABLE;
use crate::{json_text, options, providers, try_out};

/// Simulate all providers on this machine, as they are documented
///
/// Prints one line of JSON for each provider: `base_url` replaces the documented server, and `credentials` has the
/// credentials for a client or a receiver. `hooks`, `call` and `token` read both from the address in --sandbox. The
/// documented paths are at the address itself as well, for programs in which only the host can be set. The sandbox runs
/// until it is interrupted, and does not store its state.
///
/// The page at the address without a path registers webhooks, delivers events, and shows each delivery. Scripts can use
/// `/_sandbox/PROVIDER/receive`, `/_sandbox/PROVIDER/deliver`, `/_sandbox/PROVIDER/registrations`, `/_sandbox/faults` and
/// `/_sandbox/log`. `try` starts a sandbox with a registered receiver.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  pos-webhooks sandbox --listen 127.0.0.1:4010 --seed 1
      Uses the same address, tokens and ids every time.
  curl http://127.0.0.1:4010/_sandbox/vipps/deliver --json '{\"event\": \"epayments.payment.captured.v1\"}'
      Delivers the documented example to every registration for the event, and prints each attempt.
  curl http://127.0.0.1:4010/_sandbox/faults --json '{\"answer\": {\"status\": {\"status\": 503}}, \"times\": 2}'
      Makes the next two calls fail.")]
pub struct Arguments {
    /// Address and port to listen on; port 0 chooses a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", allow_negative_numbers = true)]
    #[arg(value_parser = options::address)]
    listen: SocketAddr,

    /// Allow requests to the page and `/_sandbox` for this name of the host. Can be given several times
    ///
    /// Without this, a name other than `localhost` is refused, so that no site in a browser can use them. The addresses of
    /// this machine are always allowed.
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,

    /// Seed of tokens, ids, secrets and the choice of faults; random by default
    #[arg(long, allow_negative_numbers = true, value_parser = options::whole(0..=u64::MAX))]
    seed: Option<u64>,

    /// Lifetime of the tokens that the sandbox issues for a client id and client secret, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "3600", allow_negative_numbers = true)]
    #[arg(value_parser = options::whole(1..=u64::from(u32::MAX)))]
    token_lifetime: u64,

    /// Hold back later events of a payment while an earlier one is delivered again, if the provider documents that
    #[arg(long)]
    hold_back: bool,

    /// Remove registrations whose receiver does not respond for as long as the provider documents
    #[arg(long)]
    remove_silent: bool,

    /// Allow deliveries to other machines; by default they are not sent
    #[arg(long)]
    deliver_anywhere: bool,

    #[arg(long, short, help = options::VERBOSE)]
    #[arg(long_help = format!("{}. Each delivery has a line on standard error", options::VERBOSE))]
    verbose: bool,
}

pub fn run(arguments: &Arguments) -> io::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let lifetime = Duration::from_secs(arguments.token_lifetime);
        let mut builder = providers::sandbox().listen(arguments.listen).token_lifetime(lifetime);
        for host in &arguments.allow_host {
            builder = builder.allow_host(host);
        }
        if let Some(seed) = arguments.seed {
            builder = builder.seed(seed);
        }
        if arguments.hold_back {
            builder = builder.hold_back_events();
        }
        if arguments.remove_silent {
            builder = builder.remove_silent_registrations();
        }
        if arguments.deliver_anywhere {
            builder = builder.deliver_anywhere();
        }
        let sandbox = match builder.start().await {
            Ok(sandbox) => sandbox,
            Err(error) => {
                let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
                complain(format_args!("{error}{cause}"));
                return Ok(ExitCode::from(UNUSABLE));
            }
        };
        let mut out = io::stdout().lock();
        for account in sandbox.accounts() {
            writeln!(out, "{}", json_text::to_string(account)?)?;
        }
        out.flush()?;
        drop(out);
        if arguments.verbose {
            try_out::log_attempts(&sandbox).await
        }
        std::future::pending().await
    })
}
