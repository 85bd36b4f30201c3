//! Management of webhooks: `pos-webhooks hooks PROVIDER VERB`. What there is to call, and with what, follows from the
//! specifications.

mod answers;
mod commands;
mod credentials;
mod kept;
mod schema;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use pos_webhooks::catalogue::{Body, Operation, Provider};
use pos_webhooks::client::{AnyAnswer, AnyClient, Error, ErrorKind as Failure, Options, Refused};
use pos_webhooks::validate::Invalid;
use pos_webhooks::{PROVIDERS, Secret};
use serde::Serialize;
use serde_json::{Map, Value, json};

use self::answers::{Reader, Tree};
use self::commands::{Common, Format, Kind, Member, Verb};
use self::credentials::Credentials;
use self::kept::SecretFile;
use self::schema::Schema;
use crate::report::Plain;
use crate::{Stop, complain, input, warn};

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
  pos-webhooks hooks mypos list --base-url http://127.0.0.1:4010/mypos --format json
      At a sandbox that `pos-webhooks sandbox --listen 127.0.0.1:4010` runs.

Exit status:
  0  Done.
  1  The provider refused, could not be reached or answered something else than it documents; no
     secret could be read from its answer where there should be one; the answer could not be
     written, though the call was executed; or the question before deleting was not answered with
     yes. With `list` and `get`, what is not as documented is shown with a warning, and the status
     is 0.
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
    let call = Call { provider, operation, server, credentials, parameters: parameters.collect(), body, hidden };
    let client = AnyClient::new(
        provider,
        &call.server,
        call.credentials.token.clone(),
        call.credentials.headers.iter().cloned(),
        Options::default(),
    );
    let client = client.map_err(|error| Stop::Usage(with_causes(&error)))?;
    if verb == Verb::Delete && !matches.get_flag("yes") && !is_confirmed(&call) {
        complain(format_args!("nothing was deleted"));
        return Ok(ExitCode::FAILURE);
    }
    let once = commands::tells_secret_once(provider, verb, operation);
    let save = match once {
        true => matches.get_one::<PathBuf>("save_secret").map(|file| SecretFile::create(file)).transpose()?,
        false => None,
    };
    if once && save.is_none() && kept::is_output_discarded() {
        return Err(Stop::Usage("standard output is discarded, and the secret with it; nothing was sent".to_owned()));
    }
    // One thread is enough for one call.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Stop::Input(format!("no call can be made: {error}")))?;
    let parameters: Vec<_> = call.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body = call.operation.request.as_ref().map(|_| call.body.as_str());
    let done = runtime.block_on(client.call(operation, &parameters, body));
    finish(&call, &common, done, once, save)
}

/// A call with all that it needs.
struct Call {
    provider: &'static Provider,
    operation: &'static Operation,
    server: String,
    credentials: Credentials,
    /// Of the path and the query, by their names.
    parameters: Vec<(&'static str, String)>,
    /// Valid JSON; empty where nothing is sent.
    body: String,
    /// What an answer that repeats it must not show.
    hidden: Vec<Secret>,
}

/// The message with those of its causes, each said once.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        cause = error.source();
    }
    message
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
                if secret.expose().contains(char::is_control) {
                    let what = "the secret has a line break or another control character in it";
                    return Err(Stop::Input(format!("{}: {what}; nothing was sent", file.display())));
                }
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
            Err(Stop::Usage(format!(
                "the request does not match the specification, and was not sent:{}",
                lines.concat()
            )))
        }
        Err(other) => Err(Stop::Usage(other.to_string())),
    }
}

/// Asks before deleting, where there is somebody to ask.
fn is_confirmed(call: &Call) -> bool {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return true;
    }
    let mut what: Vec<_> = call.parameters.iter().map(|(_, value)| Plain(value).to_string()).collect();
    let schema = call.operation.request.as_ref().and_then(|body| Schema::of(call.provider, body.schema));
    let body = schema.and_then(|schema| Reader::new(false, false).read(&call.body, &schema.root()).ok());
    what.extend(body.map(|body| Plain(&body.json()).to_string()));
    let _ =
        write!(io::stderr(), "{}: delete {} at {}? [y/N] ", call.provider.name, what.join(" "), Plain(&call.server));
    let mut line = String::new();
    io::stdin().read_line(&mut line).is_ok() && matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Keeps and shows what came of a call.
fn finish(
    call: &Call,
    common: &Common,
    done: Result<AnyAnswer, Error<Refused>>,
    once: bool,
    save: Option<SecretFile>,
) -> Result<ExitCode, Stop> {
    let (succeeded, body) = match &done {
        Ok(answer) => (true, answer.body()),
        Err(error) => (error.status().is_some_and(|status| status.is_success()), error.body()),
    };
    let body = body.strip_prefix(input::BYTE_ORDER_MARK).unwrap_or(body);
    let once = once && succeeded;
    let documented = call.documented(done.as_ref().err()).map(|body| body.schema);
    let schema = documented.and_then(|name| Schema::of(call.provider, name)).unwrap_or_else(Schema::unknown);
    let mut reader = Reader::new(common.show_secrets, true);
    let json = std::str::from_utf8(body).ok().and_then(|text| reader.read(text, &schema.root()).ok());
    // First of all: whatever fails from here on, the secret is kept.
    let saved = save.is_some();
    let status = match save {
        Some(file) if once => keep(common, file, &reader, body, done.is_ok()),
        Some(file) => {
            file.discard();
            ExitCode::SUCCESS
        }
        None if once && reader.secret().is_none() => {
            note(common, format_args!("{}: look at it; {AGAIN}", reader.without_secret()));
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    };

    let is_json = json.is_some();
    // What is secret in it cannot be told from the rest.
    let is_masked = !is_json && succeeded && !common.show_secrets && (once || schema.has_secret());
    let mut came = json.unwrap_or_else(|| Tree::text(body, !is_masked));
    came.redact(if common.show_secrets { call.credentials.secrets() } else { &call.hidden });
    let answer = match done {
        Ok(_) if common.raw => came,
        Ok(answer) => match answer.model() {
            None => Tree::Null,
            Some(model) => {
                let json = model
                    .to_json()
                    .and_then(|json| Reader::new(common.show_secrets, false).read(&json, &schema.root()));
                json.unwrap_or(came)
            }
        },
        Err(error) if matches!(error.kind(), Failure::Token(_) | Failure::Request(_)) => {
            let mut message = with_causes(&error);
            if message.contains("the token") {
                message += &format!(" (it is from {})", call.credentials.token_origin);
            }
            return Err(Stop::Usage(message));
        }
        // Nothing was lost: what cannot be decoded can be looked at.
        Err(error) if is_json && (call.operation.method == "GET" || once && reader.secret().is_some()) && succeeded => {
            note(common, format_args!("{}; it is shown as it came", with_causes(&error)));
            came
        }
        Err(error) => {
            // What may have been executed cannot be repeated to see more.
            let answer = match modelled(call, &error, &schema) {
                Some(answer) if !common.raw => Some(answer),
                _ => (common.raw || error.may_have_been_executed()).then_some(came),
            };
            refused(call, common, &error, answer, is_masked);
            return Ok(ExitCode::FAILURE);
        }
    };
    let text = match common.format {
        Format::Json => format!("{}\n", answer.json()),
        Format::Human => answer.human(&told_by(call.provider)).unwrap_or_else(|| {
            let done = call.success().map_or("Done.", |answer| answer.description);
            format!("{}\n", done.split_inclusive(". ").next().unwrap_or_default().trim_end())
        }),
    };
    let mut out = io::stdout().lock();
    let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) else { return Ok(status) };
    if once && !saved {
        note(common, format_args!("standard output: {error}; the answer is not given again:\n{text}"));
    } else if error.kind() == io::ErrorKind::BrokenPipe {
        return Ok(status);
    } else {
        note(common, format_args!("standard output: {error}; the call was executed, only its answer is not shown"));
    }
    Ok(ExitCode::FAILURE)
}

const AGAIN: &str = "if the secret is not in it, delete the webhook, and create it again";

/// Saves the secret, and the answer where it is not what is documented.
fn keep(common: &Common, mut file: SecretFile, reader: &Reader, body: &[u8], decoded: bool) -> ExitCode {
    let path = file.path.display().to_string();
    let why = match reader.secret().map(|secret| file.write(secret)) {
        Some(Ok(())) => {
            if !decoded {
                note(common, format_args!("the secret is in {path}"));
                match file.write_answer(body) {
                    Ok(beside) => {
                        let beside = beside.display();
                        note(common, format_args!("the answer, which is not as documented, is in {beside}"));
                    }
                    Err(error) => note(common, format_args!("the answer could not be kept beside {path}: {error}")),
                }
            }
            return ExitCode::SUCCESS;
        }
        Some(Err(error)) => format!("{path}: {error}"),
        None => reader.without_secret().to_owned(),
    };
    let (kept, written) = file.into_answer(body);
    let kept = kept.display();
    match written {
        Ok(()) => note(common, format_args!("{why}: look into {kept}, where the answer is; {AGAIN}")),
        Err(error) => note(
            common,
            format_args!(
                "{why}; the answer could be kept only in part, in {kept}, since {error}: {AGAIN}, with --show-secrets"
            ),
        ),
    }
    ExitCode::FAILURE
}

impl Call {
    fn success(&self) -> Option<&'static pos_webhooks::catalogue::Response> {
        self.operation.answers.iter().find(|answer| answer.status.starts_with('2'))
    }

    /// The body that is documented for the answer.
    fn documented(&self, error: Option<&Error<Refused>>) -> Option<&'static Body> {
        let answer = match error.and_then(Error::status) {
            Some(status) if !status.is_success() => {
                let with = |wanted: &str| self.operation.answers.iter().find(|answer| answer.status == wanted);
                with(status.as_str()).or_else(|| with(&format!("{}XX", status.as_u16() / 100)))
            }
            _ => self.success(),
        };
        answer?.body.as_ref()
    }
}

/// The names of what the calls tell a webhook by.
fn told_by(provider: &'static Provider) -> Vec<&'static str> {
    provider.operations.iter().flat_map(|operation| operation.path_parameters).map(|parameter| parameter.name).collect()
}

/// How a call that failed is written as JSON.
#[derive(Serialize)]
struct Report<'a> {
    operation: &'a str,
    status: Option<u16>,
    message: &'a str,
    answer: Option<Tree>,
    retryable: bool,
    retry_after_seconds: Option<u64>,
    may_have_been_executed: bool,
}

fn refused(call: &Call, common: &Common, error: &Error<Refused>, answer: Option<Tree>, is_masked: bool) {
    /// The greatest integer that every reader of JSON has.
    const MOST: u64 = (1 << 53) - 1;
    const YEAR: u64 = 365 * 24 * 60 * 60;

    let message = with_causes(error);
    let status = error.status().map(|status| status.as_u16());
    let (retryable, in_doubt) = (error.is_retryable(), error.may_have_been_executed());
    if common.format == Format::Json {
        let error = Report {
            operation: call.operation.id,
            status,
            message: &message,
            answer,
            retryable,
            retry_after_seconds: error.retry_after().map(|delay| delay.as_secs().min(MOST)),
            may_have_been_executed: in_doubt,
        };
        let report = serde_json::to_string(&BTreeMap::from([("error", error)])).unwrap_or_default();
        let _ = writeln!(io::stderr(), "{report}");
        return;
    }
    let mut text = Plain(&message).to_string();
    match answer.and_then(|answer| answer.human(&[])) {
        Some(answer) => {
            text += "\n";
            text += answer.trim_end();
            if is_masked {
                text += "\n*** is an answer that is not JSON, so that secrets in it cannot be found; \
                         only --show-secrets shows it";
            }
        }
        None if error.body().trim_ascii().is_empty() || common.raw || in_doubt => {}
        None if is_masked => text += "\n--raw with --show-secrets shows such an answer",
        None => text += "\n--raw shows such an answer",
    }
    text += match (retryable, in_doubt) {
        (_, true) => "\nThe call may have been executed: look at what is there before trying again",
        (true, false) => "\nThe same call may succeed later",
        (false, false) => "\nTrying again is not likely to help",
    };
    match error.retry_after().map(|delay| delay.as_secs()) {
        Some(delay) if delay > YEAR => text += "; the provider asks to wait for more than a year",
        Some(delay) => text += &format!("; the provider asks to wait for {delay} s"),
        None => {}
    }
    text += ".";
    if status == Some(401) {
        text += &format!("\nThe token is from {}.", call.credentials.token_origin);
    }
    complain(format_args!("{text}"));
}

/// The documented answer, decoded, so that it has nothing but what is documented.
fn modelled(call: &Call, error: &Error<Refused>, schema: &Schema) -> Option<Tree> {
    let json = error.answer()?.model()?.to_json().ok()?;
    let mut answer = Reader::new(false, false).read(&json, &schema.root()).ok()?;
    answer.redact(&call.hidden);
    Some(answer)
}

/// What goes wrong beside the call, in the form that is asked for.
fn note(common: &Common, message: impl Display) {
    match common.format {
        Format::Human => warn(format_args!("{message}")),
        Format::Json => {
            let _ = writeln!(io::stderr(), "{}", json!({ "warning": { "message": message.to_string() } }));
        }
    }
}
