//! The providers on this machine: `pos-webhooks sandbox`.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use pos_webhooks::sandbox::Sandbox;

use crate::options;

/// Run all providers on this machine, as they are documented
///
/// Prints one JSON line per provider: `base_url` takes the place of the documented server, and `credentials` are what a client or
/// a receiver needs. The documented paths are at the address itself as well, for programs in which only the host can be
/// set. Then it runs until it is ended. Nothing is kept.
///
/// A browser at the address without a path shows what is registered, delivers events and shows what became of them. For
/// scripts there are `/_sandbox/PROVIDER/deliver`, `/_sandbox/PROVIDER/registrations`, `/_sandbox/faults` and
/// `/_sandbox/log`.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  pos-webhooks sandbox --listen 127.0.0.1:4010 --seed 1
      The same address, tokens and ids every time.
  curl http://127.0.0.1:4010/_sandbox/vipps/deliver --json '{\"event\": \"epayments.payment.captured.v1\"}'
      Delivers the documented example to whatever is registered for it, and reports each attempt.
  curl http://127.0.0.1:4010/_sandbox/faults --json '{\"answer\": {\"status\": {\"status\": 503}}, \"times\": 2}'
      The next two calls fail.")]
pub struct Arguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", allow_negative_numbers = true)]
    #[arg(value_parser = options::address)]
    listen: SocketAddr,

    /// What tokens, ids, secrets and the choice of faults follow from; random without it
    #[arg(long, allow_negative_numbers = true, value_parser = options::whole(0..=u64::MAX))]
    seed: Option<u64>,

    /// Let deliveries go to other machines; without it they are refused
    #[arg(long)]
    deliver_anywhere: bool,
}

pub fn run(arguments: &Arguments) -> io::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let mut builder = Sandbox::builder().listen(arguments.listen);
        if let Some(seed) = arguments.seed {
            builder = builder.seed(seed);
        }
        if arguments.deliver_anywhere {
            builder = builder.deliver_anywhere();
        }
        let sandbox = match builder.start().await {
            Ok(sandbox) => sandbox,
            Err(error) => {
                let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
                crate::complain(format_args!("{error}{cause}"));
                return Ok(ExitCode::from(crate::UNUSABLE));
            }
        };
        let mut out = io::stdout().lock();
        for account in sandbox.accounts() {
            writeln!(out, "{}", serde_json::to_string(account)?)?;
        }
        out.flush()?;
        std::future::pending().await
    })
}
