//! `pos-webhooks hooks PROVIDER VERB`: manages webhooks. The verbs and their options follow from the specifications.

mod answers;
mod commands;
mod event_names;
mod kept;
mod next;
mod rotate;
mod schema;
mod subscribe;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use http::StatusCode;
use pos_webhooks::Secret;
use pos_webhooks::catalogue::{Body, Operation, Provider};
use pos_webhooks::client::{AnyAnswer, AnyClient, Error, ErrorKind as Failure, ErrorResponse, Options, TokenError};
use pos_webhooks::validate::Invalid;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

pub use self::answers::{AnswerReader, AnswerTree};
pub use self::commands::{Common, Format, tells_secret_once};
use self::commands::{Member, MemberKind, Verb};
use self::kept::SecretFile;
pub use self::kept::save as save_secret;
pub use self::schema::Schema;
use self::subscribe::Subscriber;
use crate::console::{complain, is_affirmed, warn};
use crate::credentials::{Credentials, Proof};
use crate::report::{Plain, with_causes};
use crate::stop::Stop;
use crate::{account, input, json_text, options, providers, suggest};

const ABOUT: &str = "List, create, change and delete webhooks at the providers";

const LONG_ABOUT: &str = "\
List, create, change and delete webhooks at the providers

Calls the provider's production server by default. Commands and options differ by provider: see \
`pos-webhooks hooks PROVIDER --help` and, for example, `pos-webhooks hooks PROVIDER create --help`. Requests are validated \
against the specification before they are sent. Operations that are safe to repeat are tried up to three times, for at \
most 30 seconds. `pos-webhooks call` calls operations that do not have a command here.

Credentials are read from the environment or a file, and secrets from files, never from arguments. Without an access token, \
one is requested with the client id and the client secret. Secrets in responses are shown as *** unless --show-secrets is given.";

const AFTER_HELP: &str = "\
Examples:
  POS_WEBHOOKS_VIPPS_TOKEN=… pos-webhooks hooks vipps list --test
  pos-webhooks hooks vipps create --credentials-file credentials.json --save-secret secret.txt \\
      --url https://shop.example/hooks/vipps --events epayments.payment.captured.v1
  pos-webhooks hooks mypos create --payload-url https://shop.example/hooks/mypos --secret-file secret.txt \\
      --events pos.payment.completed
  pos-webhooks hooks vipps rotate 497f6eca-6276-4993-bfeb-53cbbbba6f08 --save-secret new-secret.txt
      Registers the same URL and events once more, with a new secret.
  pos-webhooks hooks mypos update 6217960c-2a2e-4188-9025-af11abf47d5e --is-active 0
  pos-webhooks hooks mypos list --sandbox http://127.0.0.1:4010 --format json
      Calls a sandbox that was started with `pos-webhooks sandbox --listen 127.0.0.1:4010`.

Exit status:
  0  Done.
  1  The provider refused the request, could not be reached, or sent an undocumented response; the
     response should contain a secret, and none could be read; the operation was executed, but the
     response could not be written; the account does not have an event of --events, and nothing was
     changed; or the deletion was not confirmed. With `list` and `get`, an
     undocumented response is shown with a warning, and the status is 0.
  2  Wrong usage; nothing was sent.";

/// The arguments of `hooks`.
pub struct Arguments {
    provider: &'static Provider,
    verb: Option<Verb>,
    /// Whether the command is `rotate`, which calls several operations.
    rotates: bool,
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
        let provider = providers::all().iter().copied().find(|provider| provider.name == name).ok_or_else(missing)?;
        let (verb, rotates, matches) = match matches.subcommand() {
            Some((name, matches)) => (Verb::named(name), name == rotate::NAME, matches),
            None => (None, false, matches),
        };
        Ok(Self { provider, verb, rotates, matches: matches.clone() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Arguments {
    /// The subcommands as written.
    pub fn path(&self) -> String {
        let verb = self.verb.map(Verb::name).or(self.rotates.then_some(rotate::NAME));
        format!("hooks {}{}", self.provider.name, verb.map_or(String::new(), |verb| format!(" {verb}")))
    }

    /// The error if the provider does not document the operation.
    fn without_operation(&self) -> Stop {
        let provider = self.provider;
        if provider.operations.is_empty() {
            return without_operations(provider);
        }
        let has: Vec<_> = Verb::all_of(provider).map(Verb::name).collect();
        let verb = self.verb.map_or("it", Verb::name);
        Stop::Usage(format!(
            "{name} does not document an operation for `{verb}`{}; `pos-webhooks call {name}` lists all operations",
            if has.is_empty() { String::new() } else { format!("; it has: {}", has.join(", ")) },
            name = provider.name,
        ))
    }
}

/// The error if the provider does not document any operation.
pub fn without_operations(provider: &Provider) -> Stop {
    Stop::Usage(format!("{} does not document operations: its webhooks are set up in its back office", provider.name))
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let Arguments { provider, verb, rotates, matches } = arguments;
    if *rotates {
        return rotate::run(provider, matches);
    }
    let found = verb.and_then(|verb| Some((verb, verb.operation(provider)?)));
    let Some((verb, operation)) = found else { return Err(arguments.without_operation()) };
    let common = Common::from_arg_matches(matches).map_err(|error| Stop::Usage(error.to_string()))?;
    let quiet = matches.try_get_one("quiet").ok().flatten().copied().unwrap_or_default();
    // Otherwise, standard error may have a next step.
    if quiet && common.format == Format::Json && verb != Verb::Create {
        return Err(options::without_effect("--quiet", "--format json, which has the response alone"));
    }
    let members = Member::all(provider, verb, operation);
    let secret_files = members.iter().filter(|member| member.kind == MemberKind::Secret);
    let secret_files = secret_files.filter_map(|member| matches.get_many::<PathBuf>(&member.id())).flatten();
    input::standard_input_once(common.target.credentials_file.iter().chain(secret_files))?;

    let (server, credentials) = account::read(provider, &common.target, Proof::Any)?;
    let mut hidden = credentials.secrets().to_vec();
    let object = object_of(provider, &members, matches, &mut hidden)?;
    for name in members.iter().filter(|member| member.events).flat_map(|member| listed(&object, &member.name)) {
        // A new name is possible, and one that is similar to a documented one is more likely a mistake.
        let similar = suggest::closest(provider.events.iter().map(|event| event.name), name);
        if let Some(unknown) = options::unknown_event(provider, name).filter(|_| similar.is_some()) {
            note(&common, unknown);
        }
    }
    // `subscribe` sends the rest of its body for each event.
    let body = match &operation.request {
        Some(body) if verb != Verb::Subscribe => validated(provider, body, Value::Object(object.clone()).to_string())?,
        _ => String::new(),
    };
    let parameters = operation.parameters().filter_map(|parameter| {
        let value = matches.get_one::<String>(&commands::parameter_id(parameter))?;
        Some((parameter.name, value.clone()))
    });
    let parameters = parameters.collect();
    let mut call = Call { provider, operation, server, credentials, parameters, body, hidden, as_json: false, quiet };
    let client = call.client()?;
    if verb == Verb::Delete && !matches.get_flag("yes") && !is_confirmed(&call) {
        complain(format_args!("nothing was deleted"));
        return Ok(ExitCode::FAILURE);
    }
    let once = tells_secret_once(provider, operation);
    let save = match once {
        true => matches.get_one::<PathBuf>("save_secret").map(|file| SecretFile::create(file)).transpose()?,
        false => None,
    };
    check_output(once && save.is_none())?;
    let runtime = runtime()?;
    let secret = save.as_ref().map(|file| file.path.clone()).or_else(|| secret_file(&members, matches));
    let next = next::step(&call, secret.as_deref()).filter(|_| verb == Verb::Create && !quiet);
    let Some(calls) = commands::subscriptions(provider).filter(|_| matches!(verb, Verb::Create | Verb::Subscribe))
    else {
        let done = call.send(&runtime, &client, &common);
        let status = finish(&call, &common, done, once, save)?;
        next.filter(|_| status == ExitCode::SUCCESS).iter().for_each(|step| next::print(&common, step));
        return Ok(status);
    };
    let names: Vec<String> = matches.get_many(commands::EVENTS).into_iter().flatten().cloned().collect();
    let mut subscriber = Subscriber { calls, common: &common, runtime, client, has_shown: false };
    let events = match subscriber.events(&mut call, &names) {
        Ok(events) => events,
        Err(status) => {
            save.into_iter().for_each(SecretFile::discard);
            return status;
        }
    };
    if verb == Verb::Subscribe {
        let registration = matches.get_one::<String>(commands::REGISTRATION).cloned().unwrap_or_default();
        return subscriber.subscribe(&mut call, &registration, &events, &object);
    }
    let done = call.send(&subscriber.runtime, &subscriber.client, &common);
    let created = done.is_ok();
    let id = done.as_ref().ok().and_then(|answer| subscribe::created_id(provider, answer));
    let status = finish(&call, &common, done, once, save)?;
    let status = match id {
        _ if !created && status == ExitCode::SUCCESS && !names.is_empty() => {
            note(&common, "the response is not as documented, so the webhook is not subscribed to any event");
            ExitCode::FAILURE
        }
        _ if !created => status,
        id if names.is_empty() => {
            subscriber.suggest(provider, id.as_deref());
            status
        }
        Some(id) => {
            subscriber.has_shown = true;
            let subscribed = subscriber.subscribe(&mut call, &id, &events, &Map::new())?;
            if status == ExitCode::SUCCESS { subscribed } else { status }
        }
        None => {
            note(&common, "the response does not have the id of the webhook, so it is not subscribed to any event");
            subscriber.suggest(provider, None);
            ExitCode::FAILURE
        }
    };
    next.filter(|_| created && status == ExitCode::SUCCESS).iter().for_each(|step| next::print(&common, step));
    Ok(status)
}

/// The file that the secret of the registration is read from, if there is a single one.
fn secret_file(members: &[Member], matches: &ArgMatches) -> Option<PathBuf> {
    let mut secrets = members.iter().filter(|member| member.kind == MemberKind::Secret);
    let secret = secrets.next().filter(|_| secrets.next().is_none())?;
    matches.get_one::<PathBuf>(&secret.id()).filter(|file| file.as_os_str() != "-").cloned()
}

/// Refuses a call whose response has a secret that would be lost.
pub fn check_output(has_secret: bool) -> Result<(), Stop> {
    if has_secret && kept::is_output_discarded() {
        return Err(Stop::Usage("standard output is discarded, and the secret with it; nothing was sent".to_owned()));
    }
    Ok(())
}

/// One thread is enough, because calls are made one after the other.
pub fn runtime() -> Result<Runtime, Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Stop::Input(format!("no call can be made: {error}")))
}

/// A call with everything that it needs.
pub struct Call {
    pub provider: &'static Provider,
    pub operation: &'static Operation,
    pub server: String,
    pub credentials: Credentials,
    /// The parameters by name.
    pub parameters: Vec<(&'static str, String)>,
    /// The body; empty if there is none.
    pub body: String,
    /// The texts to mask in a response that repeats them.
    pub hidden: Vec<Secret>,
    /// Whether people are shown the response as JSON, and not as a table.
    pub as_json: bool,
    /// Whether a success is not reported.
    pub quiet: bool,
}

/// The members of the body from the options. Secrets in it are added to `hidden`.
fn object_of(
    provider: &'static Provider,
    members: &[Member],
    matches: &ArgMatches,
    hidden: &mut Vec<Secret>,
) -> Result<Map<String, Value>, Stop> {
    let mut object = Map::new();
    for member in members {
        let mut values = Vec::new();
        if member.kind == MemberKind::Secret {
            for file in matches.get_many::<PathBuf>(&member.id()).into_iter().flatten() {
                let secret = input::secret(file)?;
                if secret.expose().contains(char::is_control) {
                    let what = "the secret contains a line break or another control character";
                    return Err(Stop::Input(format!("{}: {what}; nothing was sent", file.display())));
                }
                values.push(Value::from(secret.expose()));
                hidden.push(secret);
            }
        } else if member.events {
            let given: Vec<String> = matches.get_many(&member.id()).into_iter().flatten().cloned().collect();
            values.extend(event_names::of(provider, member, &given)?.into_iter().map(Value::from));
        } else {
            values.extend(matches.get_many::<Value>(&member.id()).into_iter().flatten().cloned());
        }
        if values.is_empty() {
            continue;
        }
        let value = if member.list { Value::Array(values) } else { values.pop().unwrap_or_default() };
        object.insert(member.name.clone(), value);
    }
    Ok(object)
}

/// The texts in the list of this name.
fn listed<'a>(object: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a str> {
    object.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// The text of a body, validated against the specification.
pub fn validated(provider: &'static Provider, body: &Body, text: String) -> Result<String, Stop> {
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

/// Asks for confirmation before deleting, if there is a terminal.
fn is_confirmed(call: &Call) -> bool {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return true;
    }
    let in_path = |name: &str| call.operation.path_parameters.iter().any(|parameter| parameter.name == name);
    let in_path = call.parameters.iter().filter(|(name, _)| in_path(name));
    let mut what: Vec<_> = in_path.map(|(_, value)| Plain(value).to_string()).collect();
    let schema = call.operation.request.as_ref().and_then(|body| Schema::of(call.provider, body.schema));
    let body = schema.and_then(|schema| AnswerReader::new(false, false).read(&call.body, &schema.root()).ok());
    what.extend(body.map(|body| Plain(&body.json()).to_string()));
    is_affirmed(format_args!("{}: delete {} at {}?", call.provider.name, what.join(" "), Plain(&call.server)))
}

/// Saves and shows the result of a call.
pub fn finish(
    call: &Call,
    common: &Common,
    done: Result<AnyAnswer, Error<ErrorResponse>>,
    once: bool,
    save: Option<SecretFile>,
) -> Result<ExitCode, Stop> {
    let is_lost = once && save.is_none();
    match read(call, common, done, once, save)? {
        (status, Some(answer)) => Ok(show(call, common, &answer, status, is_lost)),
        (status, None) => Ok(status),
    }
}

/// Saves the result of a call, and returns the response if it is to be shown. An error is shown.
fn read(
    call: &Call,
    common: &Common,
    done: Result<AnyAnswer, Error<ErrorResponse>>,
    once: bool,
    save: Option<SecretFile>,
) -> Result<(ExitCode, Option<AnswerTree>), Stop> {
    let (succeeded, body) = match &done {
        Ok(answer) => (true, answer.body()),
        Err(error) => (error.status().is_some_and(|status| status.is_success()), error.body()),
    };
    let body = body.strip_prefix(input::BYTE_ORDER_MARK).unwrap_or(body);
    let once = once && succeeded;
    let documented = call.documented(done.as_ref().err()).map(|body| body.schema);
    let schema = documented.and_then(|name| Schema::of(call.provider, name)).unwrap_or_else(Schema::unknown);
    let mut reader = AnswerReader::new(common.show_secrets, true);
    let json = std::str::from_utf8(body).ok().and_then(|text| reader.read(text, &schema.root()).ok());
    // This comes first, so that the secret is kept even if a later step fails.
    let status = match save {
        Some(file) if once => keep(common, file, &reader, body, done.is_ok()),
        Some(file) => {
            file.discard();
            ExitCode::SUCCESS
        }
        None if once && reader.secret().is_none() => {
            note(common, format_args!("{}: check the response; {AGAIN}", reader.without_secret()));
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    };

    let is_json = json.is_some();
    // The secrets in this response cannot be distinguished from the rest.
    let is_masked = !is_json && succeeded && !common.show_secrets && (once || schema.has_secret());
    let mut came = json.unwrap_or_else(|| AnswerTree::text(body, !is_masked));
    came.redact(if common.show_secrets { call.credentials.secrets() } else { &call.hidden });
    let answer = match done {
        Ok(_) if common.raw => came,
        Ok(answer) => match answer.model() {
            None => AnswerTree::Null,
            Some(model) => {
                let json = model
                    .to_json()
                    .and_then(|json| AnswerReader::new(common.show_secrets, false).read(&json, &schema.root()));
                json.unwrap_or(came)
            }
        },
        Err(error) if matches!(error.kind(), Failure::Request(_)) => {
            let mut message = with_causes(&error);
            if message.contains("the token") {
                message += &format!(" (it comes from {})", call.credentials.token_origin);
            }
            return Err(Stop::Usage(message));
        }
        // A read-only operation can be repeated, so a response that cannot be decoded is shown.
        Err(error) if is_json && (call.operation.method == "GET" || once && reader.secret().is_some()) && succeeded => {
            note(common, format_args!("{}; the response is shown as received", with_causes(&error)));
            came
        }
        Err(error) => {
            // An operation that may have been executed cannot be repeated to see more of the response.
            let answer = match modelled(call, &error, &schema) {
                Some(answer) if !common.raw => Some(answer),
                _ => (common.raw || error.may_have_been_executed()).then_some(came),
            };
            refused(call, common, &error, answer, is_masked);
            return Ok((ExitCode::FAILURE, None));
        }
    };
    Ok((status, Some(answer)))
}

/// Shows a response. `is_lost` says that it has a secret which is not saved.
fn show(call: &Call, common: &Common, answer: &AnswerTree, status: ExitCode, is_lost: bool) -> ExitCode {
    let text = match common.format {
        Format::Json => format!("{}\n", answer.json()),
        Format::Human => call.human(answer).unwrap_or_else(|| {
            if call.quiet {
                return String::new();
            }
            let done = call.operation.success().map_or("Done.", |response| response.description);
            format!("{}\n", done.split_inclusive(". ").next().unwrap_or_default().trim_end())
        }),
    };
    let mut out = io::stdout().lock();
    let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) else { return status };
    if is_lost {
        note(common, format_args!("standard output: {error}; the provider does not send the response again:\n{text}"));
    } else if error.kind() == io::ErrorKind::BrokenPipe {
        return status;
    } else {
        note(
            common,
            format_args!("standard output: {error}; the operation was executed, but its response is not shown"),
        );
    }
    ExitCode::FAILURE
}

const AGAIN: &str = "if it does not contain the secret, delete the webhook and create it again";

/// Saves the secret and, if it is not as documented, the response.
fn keep(common: &Common, mut file: SecretFile, reader: &AnswerReader, body: &[u8], decoded: bool) -> ExitCode {
    let path = file.path.display().to_string();
    let why = match reader.secret().map(|secret| file.write(secret)) {
        Some(Ok(())) => {
            if !decoded {
                note(common, format_args!("the secret is in {path}"));
                match file.write_answer(body) {
                    Ok(beside) => {
                        let beside = beside.display();
                        note(common, format_args!("the response, which is not as documented, is in {beside}"));
                    }
                    Err(error) => note(common, format_args!("the response could not be saved beside {path}: {error}")),
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
        Ok(()) => note(common, format_args!("{why}: the response is in {kept}; {AGAIN}")),
        Err(error) => note(
            common,
            format_args!(
                "{why}; only a part of the response could be saved, in {kept}: {error}; {AGAIN}, with --show-secrets"
            ),
        ),
    }
    ExitCode::FAILURE
}

impl Call {
    pub fn client(&self) -> Result<AnyClient, Stop> {
        let (token, headers) = (self.credentials.token.clone(), self.credentials.headers.iter().cloned());
        let client = AnyClient::new(self.provider, &self.server, token, headers, Options::default());
        client.map_err(|error| Stop::Usage(with_causes(&error)))
    }

    /// The response for people; `None` if there is nothing to show.
    fn human(&self, answer: &AnswerTree) -> Option<String> {
        if !self.as_json || matches!(answer, AnswerTree::Null) {
            return answer.human(&told_by(self.provider));
        }
        let json = Plain(&answer.json()).to_string();
        json_text::indented(&json, 2, usize::MAX).map(|json| format!("{json}\n"))
    }

    /// Sends the request, and hides the token that it was sent with.
    pub fn send(
        &mut self,
        runtime: &Runtime,
        client: &AnyClient,
        common: &Common,
    ) -> Result<AnyAnswer, Error<ErrorResponse>> {
        let begun = Instant::now();
        let parameters: Vec<_> = self.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = self.operation.request.as_ref().map(|_| self.body.as_str());
        let done = runtime.block_on(client.call(self.operation, &parameters, body));
        if common.verbose {
            self.log(common.format, begun.elapsed(), done.as_ref().err());
        }
        // This never requests a token, which would delay saving a secret in the response.
        if let Some(token) = client.kept_token() {
            self.hidden.push(token.token.clone());
            self.credentials.hide(token.token);
        }
        done
    }

    /// Reports a request that was sent, to standard error. The path has the names of the parameters and not their values.
    fn log(&self, format: Format, took: Duration, error: Option<&Error<ErrorResponse>>) {
        let Operation { method, path, .. } = self.operation;
        let (server, milliseconds) = (Plain(&self.server), u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        let status = error.and_then(|error| Some(error.status()?.as_u16()));
        let outcome = match (error, status) {
            (None, _) => "done".to_owned(),
            (Some(_), Some(status)) => status.to_string(),
            (Some(_), None) => "no response".to_owned(),
        };
        let line = match format {
            Format::Human => format!("{method} {path} at {server}: {outcome}, {milliseconds} ms"),
            Format::Json => json_text::escaped(
                json!({ "request": {
                "method": method, "path": path, "server": self.server, "outcome": outcome, "milliseconds": milliseconds
            } })
                .to_string(),
            ),
        };
        // The result does not depend on the log.
        let _ = writeln!(io::stderr(), "{line}");
    }

    /// The documented body of the response.
    fn documented(&self, error: Option<&Error<ErrorResponse>>) -> Option<&'static Body> {
        let response = match error.and_then(Error::status) {
            Some(status) if !status.is_success() => self.operation.response(status),
            _ => self.operation.success(),
        };
        response?.body.as_ref()
    }
}

/// The names of the members that identify a webhook.
fn told_by(provider: &'static Provider) -> Vec<&'static str> {
    provider.operations.iter().flat_map(|operation| operation.path_parameters).map(|parameter| parameter.name).collect()
}

/// The JSON object for a failed call.
#[derive(Serialize)]
struct FailureReport<'a> {
    operation: &'a str,
    status: Option<u16>,
    message: &'a str,
    answer: Option<AnswerTree>,
    retryable: bool,
    retry_after_seconds: Option<u64>,
    may_have_been_executed: bool,
}

impl FailureReport<'_> {
    fn print(&self) {
        let report = json_text::to_string(&BTreeMap::from([("error", self)])).unwrap_or_default();
        let _ = writeln!(io::stderr(), "{report}");
    }
}

/// Reports that a call is not made, in the requested format.
fn refuse(call: &Call, common: &Common, message: &str) {
    match common.format {
        Format::Human => complain(format_args!("{message}")),
        Format::Json => FailureReport {
            operation: call.operation.id,
            status: None,
            message,
            answer: None,
            retryable: false,
            retry_after_seconds: None,
            may_have_been_executed: false,
        }
        .print(),
    }
}

fn refused(call: &Call, common: &Common, error: &Error<ErrorResponse>, answer: Option<AnswerTree>, is_masked: bool) {
    /// The greatest integer that every JSON parser represents exactly.
    const MOST: u64 = (1 << 53) - 1;
    const YEAR: u64 = 365 * 24 * 60 * 60;

    let message = with_causes(error);
    let status = error.status().or_else(|| token_status(error)).map(|status| status.as_u16());
    let (retryable, in_doubt) = (error.is_retryable(), error.may_have_been_executed());
    if common.format == Format::Json {
        let error = FailureReport {
            operation: call.operation.id,
            status,
            message: &message,
            answer,
            retryable,
            retry_after_seconds: error.retry_after().map(|delay| delay.as_secs().min(MOST)),
            may_have_been_executed: in_doubt,
        };
        return error.print();
    }
    let mut text = Plain(&message).to_string();
    match answer.and_then(|answer| answer.human(&[])) {
        Some(answer) => {
            text += "\n";
            text += answer.trim_end();
            if is_masked {
                text += "\n*** is a response that is not JSON, so that secrets in it cannot be found; \
                only --show-secrets shows it.";
            }
        }
        None if error.body().trim_ascii().is_empty() || common.raw || in_doubt => {}
        None if is_masked => text += "\n--raw with --show-secrets shows such a response.",
        None => text += "\n--raw shows such a response.",
    }
    text += match (retryable, in_doubt) {
        (_, true) => "\nThe operation may have been executed: check before you try again",
        (true, false) => "\nThe same call may succeed later",
        (false, false) => "\nTrying again is not likely to succeed",
    };
    match error.retry_after().map(|delay| delay.as_secs()) {
        Some(delay) if delay > YEAR => text += "; the provider asks to wait for more than a year",
        Some(delay) => text += &format!("; the provider asks to wait for {delay} s"),
        None => {}
    }
    text += ".";
    let origin = &call.credentials.token_origin;
    match (error.kind(), status) {
        _ if origin.is_empty() => {}
        (Failure::Token(_), _) => text += &format!("\nThe credentials come from {origin}."),
        (_, Some(401)) => text += &format!("\nThe token comes from {origin}."),
        (_, _) => {}
    }
    complain(format_args!("{text}"));
}

/// The status of the response to the request for a token, if that failed.
fn token_status(error: &Error<ErrorResponse>) -> Option<StatusCode> {
    let Failure::Token(source) = error.kind() else { return None };
    match source.downcast_ref::<TokenError>()? {
        TokenError::Call(call) => call.status(),
        _ => None,
    }
}

/// The decoded response, which only has documented members.
fn modelled(call: &Call, error: &Error<ErrorResponse>, schema: &Schema) -> Option<AnswerTree> {
    let json = error.documented()?.model()?.to_json().ok()?;
    let mut answer = AnswerReader::new(false, false).read(&json, &schema.root()).ok()?;
    answer.redact(&call.hidden);
    Some(answer)
}

/// Reports a problem beside the call, in the requested format.
fn note(common: &Common, message: impl Display) {
    match common.format {
        Format::Human => warn(format_args!("{message}")),
        Format::Json => {
            let warning = json!({ "warning": { "message": message.to_string() } });
            let _ = writeln!(io::stderr(), "{}", json_text::escaped(warning.to_string()));
        }
    }
}
