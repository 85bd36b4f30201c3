//! Management of webhooks: `pos-webhooks hooks PROVIDER VERB`. What there is to call, and with what, follows from the
//! specifications.

mod answers;
mod calls;
mod commands;
mod credentials;
mod schema;

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use pos_webhooks::catalogue::{Body, Operation, Provider};
use pos_webhooks::validate::Invalid;
use pos_webhooks::{PROVIDERS, Secret};
use serde_json::{Map, Value, json};

use self::answers::Answer;
use self::calls::{Call, Failed, Refusal};
use self::commands::{Common, Format, Kind, Member, Verb};
use self::credentials::Credentials;
use self::schema::Schema;
use crate::report::Plain;
use crate::{Stop, complain, input, print};

const ABOUT: &str = "List, create, change and delete webhooks at the providers";

const LONG_ABOUT: &str = "\
List, create, change and delete webhooks at the providers

Calls the provider's production server unless told otherwise. What can be done and with which options differs by provider: \
`pos-webhooks hooks PROVIDER --help`, and `pos-webhooks hooks PROVIDER create --help` and so on. What is sent is checked \
against the specification first. What may be repeated without harm is tried up to three times, for 30 seconds at most.

Credentials come from the environment or a file, and secrets from files, never from arguments. Secrets in answers are shown as \
*** unless --show-secrets is given.";

const AFTER_HELP: &str = "\
Examples:
  POS_WEBHOOKS_VIPPS_TOKEN=… pos-webhooks hooks vipps list --test
  pos-webhooks hooks vipps create --credentials-file credentials.json --save-secret secret.txt \\
      --url https://shop.example/hooks/vipps --events epayments.payment.captured.v1
  pos-webhooks hooks mypos update 6217960c-2a2e-4188-9025-af11abf47d5e --is-active 0
  pos-webhooks hooks mypos list --base-url http://127.0.0.1:8080/mypos --format json
      At a sandbox that `pos-webhooks sandbox --listen 127.0.0.1:8080` runs.

Exit status:
  0  Done.
  1  The provider refused, could not be reached or answered something else than it documents; or the
     question before deleting was not answered with yes.
  2  Wrong usage; nothing was sent.";

/// `hooks` with what follows it.
pub struct Arguments {
    provider: &'static Provider,
    verb: Option<Verb>,
    matches: ArgMatches,
}

impl Args for Arguments {
    fn augment_args(command: Command) -> Command {
        let command = command.about(ABOUT).long_about(LONG_ABOUT).after_long_help(AFTER_HELP);
        command
            .subcommand_value_name("PROVIDER")
            .subcommand_help_heading("Providers")
            .disable_help_subcommand(true)
            .defer(commands::providers)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Arguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::raw(ErrorKind::MissingSubcommand, "no provider is named\n");
        let (name, matches) = matches.subcommand().ok_or_else(missing)?;
        let provider = PROVIDERS.iter().copied().find(|provider| provider.name == name).ok_or_else(missing)?;
        let (verb, matches) = match matches.subcommand() {
            Some((name, matches)) => (Verb::named(name), matches),
            None => (None, matches),
        };
        Ok(Self { provider, verb, matches: matches.clone() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Arguments {
    /// The commands, as they were written.
    pub fn path(&self) -> String {
        let verb = self.verb.map_or(String::new(), |verb| format!(" {}", verb.name()));
        format!("hooks {}{verb}", self.provider.name)
    }

    /// Why there is nothing to call.
    fn without_operation(&self) -> Stop {
        let provider = self.provider;
        if provider.operations.is_empty() {
            return Stop::Usage(format!(
                "{} documents no calls: its webhooks are set up in its back office, not from here",
                provider.name
            ));
        }
        let has: Vec<_> = Verb::all_of(provider).map(Verb::name).collect();
        let verb = self.verb.map_or("it", Verb::name);
        Stop::Usage(format!("{} documents no call for `{verb}`; it has: {}", provider.name, has.join(", ")))
    }
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let Arguments { provider, verb, matches } = arguments;
    let found = verb.and_then(|verb| Some((verb, verb.operation(provider)?)));
    let Some((verb, operation)) = found else { return Err(arguments.without_operation()) };
    let common = Common::from_arg_matches(matches).map_err(|error| Stop::Usage(error.to_string()))?;
    let members = Member::all(provider, operation);
    let secret_files = members.iter().filter(|member| member.kind == Kind::Secret);
    let secret_files = secret_files.filter_map(|member| matches.get_many::<PathBuf>(&member.id())).flatten();
    input::standard_input_once(common.credentials_file.iter().chain(secret_files))?;

    let server = server(provider, &common)?;
    let credentials = Credentials::read(provider, common.credentials_file.as_deref())?;
    let mut hidden = credentials.secrets().to_vec();
    let body = match &operation.request {
        Some(body) => body_of(provider, body, &members, matches, &mut hidden)?,
        None => String::new(),
    };
    let parameters = operation.path_parameters.iter().chain(operation.query_parameters).filter_map(|parameter| {
        let value = matches.get_one::<String>(&commands::parameter_id(parameter))?;
        Some((parameter.name, value.clone()))
    });
    let call = Call { operation, server, credentials, parameters: parameters.collect(), body };
    if verb == Verb::Delete && !matches.get_flag("yes") && !is_confirmed(&call, provider) {
        complain(format_args!("nothing was deleted"));
        return Ok(ExitCode::FAILURE);
    }
    let save = match commands::tells_secret_once(provider, verb, operation) {
        true => matches.get_one::<PathBuf>("save_secret").map(|file| SecretFile::create(file)).transpose()?,
        false => None,
    };
    // One thread is enough for one call.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Stop::Input(format!("no call can be made: {error}")))?;
    match runtime.block_on(calls::send(provider, &call)) {
        Ok(json) => answered(provider, operation, &common, &json, save),
        Err(failed) => {
            if let Some(file) = save {
                file.discard();
            }
            match failed {
                Failed::Unsent(message) => Err(Stop::Usage(message)),
                Failed::Call(refusal) => {
                    refused(provider, &call, &common, &refusal, &hidden);
                    Ok(ExitCode::FAILURE)
                }
            }
        }
    }
}

/// What is wrong with a single value.
fn reasons(invalid: &Invalid) -> String {
    match invalid {
        Invalid::Violations(found) => found.iter().map(|it| it.message.as_str()).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn server(provider: &Provider, common: &Common) -> Result<String, Stop> {
    if let Some(url) = &common.base_url {
        return Ok(url.clone());
    }
    match provider.servers.iter().find(|server| commands::is_production(server) != common.test) {
        Some(server) if server.variables.is_empty() => Ok(server.url.to_owned()),
        Some(server) => Err(Stop::Usage(format!("give --base-url, after the form {}", server.url))),
        None => {
            let has: Vec<_> =
                provider.servers.iter().map(|server| format!("{} ({})", server.name, server.url)).collect();
            let what = if common.test { "test" } else { "production" };
            Err(Stop::Usage(format!(
                "{} documents no {what} server, only: {}; --base-url calls any other",
                provider.name,
                has.join(", ")
            )))
        }
    }
}

/// The body from the options, valid by the specification. What is secret in it is added to `hidden`.
fn body_of(
    provider: &'static Provider,
    body: &Body,
    members: &[Member],
    matches: &ArgMatches,
    hidden: &mut Vec<Secret>,
) -> Result<String, Stop> {
    let mut object = Map::new();
    for member in members {
        let mut values = Vec::new();
        if member.kind == Kind::Secret {
            for file in matches.get_many::<PathBuf>(&member.id()).into_iter().flatten() {
                let secret = input::secret(file)?;
                values.push(Value::from(secret.expose()));
                hidden.push(secret);
            }
        } else {
            values.extend(matches.get_many::<Value>(&member.id()).into_iter().flatten().cloned());
        }
        if values.is_empty() {
            continue;
        }
        let value = if member.list { Value::Array(values) } else { values.pop().unwrap_or_default() };
        object.insert(member.name.clone(), value);
    }
    let text = Value::Object(object).to_string();
    match provider.validate(body.schema, text.as_bytes()) {
        Ok(()) => Ok(text),
        Err(Invalid::Violations(violations)) => {
            let lines: Vec<_> = violations.iter().map(|violation| format!("\n  {violation}")).collect();
            Err(Stop::Usage(format!("the request departs from the specification, and was not sent:{}", lines.concat())))
        }
        Err(other) => Err(Stop::Usage(other.to_string())),
    }
}

/// Asks before deleting, where there is somebody to ask.
fn is_confirmed(call: &Call, provider: &'static Provider) -> bool {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return true;
    }
    let mut what: Vec<_> = call.parameters.iter().map(|(_, value)| Plain(value).to_string()).collect();
    let schema = call.operation.request.as_ref().and_then(|body| Schema::of(provider, body.schema));
    let body = schema.and_then(|schema| Answer::read(&call.body, &schema.root(), false, &mut Vec::new()).ok());
    what.extend(body.map(|body| Plain(&body.json()).to_string()));
    let _ = write!(io::stderr(), "{}: delete {} at {}? [y/N] ", provider.name, what.join(" "), Plain(&call.server));
    let mut line = String::new();
    io::stdin().read_line(&mut line).is_ok() && matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// A file that is made before the call, so that no secret is lost for want of it.
struct SecretFile {
    path: PathBuf,
    file: File,
}

impl SecretFile {
    fn create(path: &Path) -> Result<Self, Stop> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(file) => Ok(Self { path: path.to_owned(), file }),
            Err(error) => Err(Stop::Input(format!("{}: {error}; nothing was sent", path.display()))),
        }
    }

    fn write(mut self, secrets: &[Secret]) -> io::Result<()> {
        for secret in secrets {
            writeln!(self.file, "{}", secret.expose())?;
        }
        self.file.sync_all()
    }

    fn discard(self) {
        // It is empty; that it stays does no harm.
        let _ = fs::remove_file(self.path);
    }
}

fn answered(
    provider: &'static Provider,
    operation: &'static Operation,
    common: &Common,
    json: &str,
    save: Option<SecretFile>,
) -> Result<ExitCode, Stop> {
    let success = operation.answers.iter().find(|answer| answer.status.starts_with('2'));
    let mut secrets = Vec::new();
    let answer = match success.and_then(|answer| Schema::of(provider, answer.body.as_ref()?.schema)) {
        Some(schema) => Answer::read(json, &schema.root(), common.show_secrets, &mut secrets)
            .map_err(|error| Stop::Output(error.into()))?,
        None => Answer::Null,
    };
    let mut status = ExitCode::SUCCESS;
    if let Some(file) = save {
        let path = file.path.clone();
        if let Err(error) = file.write(&secrets) {
            complain(format_args!(
                "{}: {error}; the secret is lost: delete the webhook, and create it again",
                path.display()
            ));
            status = ExitCode::FAILURE;
        }
    }
    let text = match common.format {
        Format::Json => format!("{}\n", answer.json()),
        Format::Human => answer.human(&told_by(provider)).unwrap_or_else(|| {
            let done = success.map_or("Done.", |answer| answer.description);
            format!("{}\n", done.split_inclusive(". ").next().unwrap_or_default().trim_end())
        }),
    };
    Ok(print(&text, status)?)
}

/// The names of what the calls tell a webhook by.
fn told_by(provider: &'static Provider) -> Vec<&'static str> {
    provider.operations.iter().flat_map(|operation| operation.path_parameters).map(|parameter| parameter.name).collect()
}

fn refused(provider: &'static Provider, call: &Call, common: &Common, refusal: &Refusal, hidden: &[Secret]) {
    let answer = documented(provider, call.operation, refusal, hidden);
    let Refusal { message, status, retryable, retry_after, in_doubt, .. } = refusal;
    if common.format == Format::Json {
        let answer = answer.and_then(|answer| serde_json::to_value(answer).ok());
        let error = json!({
            "operation": call.operation.id,
            "status": status,
            "message": message,
            "answer": answer,
            "retryable": retryable,
            "retry_after_seconds": retry_after.map(|delay| delay.as_secs()),
            "may_have_been_executed": in_doubt,
        });
        let _ = writeln!(io::stderr(), "{}", json!({ "error": error }));
        return;
    }
    let mut text = Plain(message).to_string();
    if let Some(answer) = answer.and_then(|answer| answer.human(&[])) {
        text += "\n";
        text += answer.trim_end();
    }
    text += match (retryable, in_doubt) {
        (true, false) => "\nThe same call may succeed later",
        (true, true) => "\nThe call may have been executed: look at what is there before trying again",
        (false, true) => "\nThe call may have been executed; trying again is not likely to help",
        (false, false) => "\nTrying again is not likely to help",
    };
    if let Some(delay) = retry_after {
        text += &format!("; the provider asks to wait for {} s", delay.as_secs());
    }
    text += ".";
    if *status == Some(401) {
        text += &format!("\nThe token is from {}.", call.credentials.token_origin);
    }
    complain(format_args!("{text}"));
}

/// The documented answer, decoded, so that it has nothing but what is documented.
fn documented(
    provider: &'static Provider,
    operation: &Operation,
    refusal: &Refusal,
    hidden: &[Secret],
) -> Option<Answer> {
    let (status, body) = (refusal.status?.to_string(), refusal.documented.as_ref()?);
    let class = format!("{}XX", status.get(..1)?);
    let with = |wanted: &str| operation.answers.iter().find(|answer| answer.status == wanted);
    let schema = with(&status).or_else(|| with(&class))?.body.as_ref()?.schema;
    let json = provider.schema(schema).ok()?.decode(body).ok()?.to_json().ok()?;
    let mut answer = Answer::read(&json, &Schema::of(provider, schema)?.root(), false, &mut Vec::new()).ok()?;
    answer.redact(hidden);
    Some(answer)
}
