//! `pos-webhooks sink create`: prints or executes what a sink of `listen` needs to have been created.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::listen::{self, SinkSettings};
use crate::options;
use crate::stop::Stop;

/// Create what a sink of `listen` writes to
#[derive(Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Create(CreateArguments),
}

/// Print what creates the place of a sink, such as the table of a database, or create it with --apply
///
/// `listen` never creates anything: with the rights that it has, it can only write events. For a table of PostgreSQL, the output
/// are the statements, which an administrator may change: columns can be added, and the table can have another owner. For a
/// stream of NATS, the output is its configuration in JSON. `listen --check` reports whether the result can be used.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  pos-webhooks sink create inbox --config listen.toml | psql --single-transaction --set ON_ERROR_STOP=1 shop
  pos-webhooks sink create inbox --config listen.toml --apply --admin-url-file admin-url.txt
  pos-webhooks sink create stream --config listen.toml >stream.json; nats stream add --config stream.json

Exit status:
  0  The statements or the configuration are printed, or everything is created.
  2  Wrong usage, or the configuration cannot be read, or nothing was created.")]
#[cfg_attr(not(all(feature = "nats", feature = "postgres")), allow(dead_code, reason = "no sink needs anything"))]
struct CreateArguments {
    /// The name of the sink: that of its table [sinks.NAME]
    #[arg(value_name = "NAME")]
    name: String,

    /// The configuration of `listen`; only this sink of it is read
    #[arg(long, value_name = "FILE")]
    config: PathBuf,

    /// Create it instead of printing the statements: everything or nothing
    #[arg(long)]
    apply: bool,

    /// File with the URL of the database for the user that creates; by default, the URL of the sink is used
    #[arg(long, value_name = "FILE", requires = "apply")]
    admin_url_file: Option<PathBuf>,

    /// The role that is granted the rights of `listen`; by default, the user in the URL of the sink
    #[arg(long)]
    role: Option<String>,

    /// How long a stream keeps events, such as 720h; longer than any provider delivers an event again
    #[arg(long, value_name = "TIME", value_parser = options::duration, conflicts_with_all = ["admin_url_file", "role"])]
    max_age: Option<Duration>,

    /// The size of a stream in bytes; by default, the storage of the account is the limit
    #[arg(long, value_name = "BYTES", value_parser = options::whole(1..=i64::MAX as u64))]
    #[arg(conflicts_with_all = ["admin_url_file", "role"])]
    max_bytes: Option<u64>,
}

impl Arguments {
    /// The names of the command and its subcommand.
    pub fn path(&self) -> &'static str {
        match self.command {
            Command::Create(_) => "sink create",
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let Command::Create(create) = &arguments.command;
    match listen::read_sink(&create.config, &create.name)? {
        SinkSettings::File(_) | SinkSettings::Output { .. } => {
            let name = &create.name;
            Err(Stop::Input(format!(
                "nothing has to be created for sinks.{name}: `listen` writes to a file or its output"
            )))
        }
        #[cfg(feature = "nats")]
        SinkSettings::Nats(settings) => create_stream(create, &settings),
        #[cfg(feature = "postgres")]
        SinkSettings::Postgres(settings) => create_table(create, &settings),
    }
}

/// Refuses options that have no effect on this type of sinks.
#[cfg(any(feature = "nats", feature = "postgres"))]
fn refuse(options: [(&str, bool); 2], kind: &str) -> Result<(), Stop> {
    match options.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => Err(Stop::Usage(format!("{option} has no effect on {kind}"))),
        None => Ok(()),
    }
}

#[cfg(feature = "nats")]
fn create_stream(create: &CreateArguments, settings: &listen::nats::NatsSettings) -> Result<ExitCode, Stop> {
    use crate::listen::nats::stream;

    /// Far longer than any provider delivers an event again.
    const MAX_AGE: Duration = Duration::from_secs(30 * 24 * 3600);

    let rights = [("--admin-url-file", create.admin_url_file.is_some()), ("--role", create.role.is_some())];
    refuse(rights, "a stream: it is created with the login of the sink")?;
    if create.max_age.is_some_and(|age| age < stream::KEPT) {
        let hours = stream::KEPT.as_secs() / 3600;
        return Err(Stop::Usage(format!(
            "--max-age: `listen` refuses a stream that keeps events for less than {hours}h"
        )));
    }
    let wanted = stream::wanted(settings, create.max_age.unwrap_or(MAX_AGE), create.max_bytes);
    if !create.apply {
        let json = serde_json::to_string_pretty(&wanted).map_err(|error| Stop::Input(error.to_string()))?;
        print(&format!("{json}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Stop::Input(format!("the runtime: {error}")))?;
    let created = runtime.block_on(stream::create(settings, wanted));
    let known = created.map_err(|error| Stop::Input(format!("nothing was created: {error}")))?;
    let known: String = known.iter().map(|sentence| format!("{sentence}\n")).collect();
    print(&format!("{settings} can be used.\n{known}"))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "postgres")]
fn create_table(create: &CreateArguments, settings: &listen::postgres::PostgresSettings) -> Result<ExitCode, Stop> {
    use crate::input;
    use crate::listen::postgres::{self, Server};

    refuse([("--max-age", create.max_age.is_some()), ("--max-bytes", create.max_bytes.is_some())], "a table")?;
    let user = settings.server.config.get_user().unwrap_or_default();
    if let Some(role) = &create.role {
        postgres::check_name("role", role).map_err(|what| Stop::Usage(format!("--role: {what}")))?;
    }
    let sql = postgres::create(settings, create.role.as_deref().unwrap_or(user));
    if !create.apply {
        print(&sql)?;
        return Ok(ExitCode::SUCCESS);
    }
    let administrator = create.admin_url_file.as_deref().map(|file| {
        let server =
            Server::parse(&input::secret(file)?, settings.server.authorities.clone(), std::path::Path::new(""));
        server.map_err(|what| Stop::Input(format!("{}: {what}", file.display())))
    });
    let administrator = administrator.transpose()?;
    let server = administrator.as_ref().unwrap_or(&settings.server);
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Stop::Input(format!("the runtime: {error}")))?;
    let executed = runtime.block_on(postgres::execute(server, &sql));
    executed.map_err(|error| Stop::Input(format!("nothing was created: {error}")))?;
    print(&format!("Created the {settings}.\n"))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(any(feature = "nats", feature = "postgres"))]
fn print(text: &str) -> Result<(), Stop> {
    use std::io::Write as _;

    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(Stop::Output)
}
