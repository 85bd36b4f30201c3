//! `pos-webhooks hooks PROVIDER rotate`: replaces a registration by a new one with another secret.

use std::error::Error as _;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, Args, Command, FromArgMatches as _, ValueEnum};
use pos_webhooks::catalogue::{Provider, SecretOrigin};
use pos_webhooks::client::{AnyClient, AnyError, Options, RotateError, Rotation};
use serde::Serialize;
use serde_json::{Value, json};

use super::commands::{self, Verb};
use super::kept::SecretFile;
use crate::console::complain;
use crate::credentials::Proof;
use crate::report::{Plain, with_causes};
use crate::stop::Stop;
use crate::target::Target;
use crate::{account, input, json_text};

pub const NAME: &str = "rotate";

/// Replace the secret of a webhook: register it again, and then delete the old registration
///
/// The provider generates the secret, so a new secret requires a new registration.
///
/// First, `rotate ID --save-secret FILE` registers the URL and the events of the webhook again, and saves the new secret.
/// Every event is then delivered for both registrations, each signed with its own secret.
///
/// Then run the receivers with both secrets: `listen` and `verify` take --secret-file twice. Until then, a receiver refuses
/// the deliveries for the new registration; those for the old one arrive as before.
///
/// Finally, `rotate ID --finish NEW_ID` deletes the old registration, and the old secret can be removed from the receivers.
///
/// Each step can be repeated if it was interrupted. If an earlier `rotate` has registered the webhook, the command does
/// not register it once more: it reports NEW_ID, and how to continue.
#[derive(Args)]
struct Arguments {
    #[command(flatten)]
    target: Target,

    /// The id of the registration to replace
    #[arg(value_name = "ID")]
    old: String,

    /// Save the new secret to a new file that only you can read, for --secret-file of other commands
    #[arg(long, value_name = "FILE", required_unless_present = "finish", conflicts_with = "finish")]
    save_secret: Option<PathBuf>,

    /// Delete the old registration as soon as the new secret is saved
    ///
    /// Only the new registration then receives events. Receivers refuse them until they have the new secret, and the
    /// provider has to deliver them again.
    #[arg(long, requires = "save_secret", conflicts_with = "finish")]
    delete_old: bool,

    /// Delete the old registration; NEW_ID is the new one, whose secret is saved and which all receivers accept
    #[arg(long, value_name = "NEW_ID")]
    finish: Option<String>,

    /// Delete the new registration NEW_ID because its secret is lost, and register the webhook again
    #[arg(long, value_name = "NEW_ID", conflicts_with = "finish")]
    restart: Option<String>,

    /// Format of the result and of errors
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Text
    Human,
    /// One object on standard output, or an error as an object on standard error
    Json,
}

/// The command. If the provider does not return secrets, it only reports what to use instead.
pub fn command(provider: &'static Provider) -> Command {
    let command = Command::new(NAME);
    if instead(provider).is_some() {
        return commands::anything(command.hide(true).disable_help_flag(true));
    }
    commands::grants(Arguments::augment_args(command), provider)
        .after_help(format!("{AFTER_HELP}\n\n{}", commands::after_help(provider)))
}

const AFTER_HELP: &str = "\
Exit status:
  0  Done: the webhook is registered again and the secret is saved, or the old registration is deleted.
  1  An operation failed, or an earlier `rotate` has registered the webhook. The message says which registrations
     exist and what to do.
  2  Wrong usage; nothing was sent.";

/// What to use instead, if the provider does not generate the secret of a registration.
fn instead(provider: &'static Provider) -> Option<String> {
    let name = provider.name;
    let documented = provider.registration.as_ref()?;
    let has = |verb: Verb| verb.operation(provider).is_some();
    match documented.secret {
        SecretOrigin::Answered if has(Verb::List) && has(Verb::Delete) => None,
        SecretOrigin::Chosen if has(Verb::Update) => Some(format!(
            "you choose the secrets of webhooks with {name}: run the receivers with the old and the new secret, then change \
             the webhook with `pos-webhooks hooks {name} update`, and then remove the old secret from the receivers"
        )),
        SecretOrigin::Account => Some(format!(
            "the secret belongs to the account with {name}, and no operation changes it: run the receivers with the old and \
             the new secret while it is changed in the back office"
        )),
        _ => Some(format!(
            "{name} does not document the operations for it: create a second webhook with `pos-webhooks hooks {name} \
             create`, run the receivers with both secrets, and then delete the old webhook"
        )),
    }
}

pub fn run(provider: &'static Provider, matches: &ArgMatches) -> Result<ExitCode, Stop> {
    if let Some(instead) = instead(provider) {
        return Err(Stop::Usage(instead));
    }
    let arguments = Arguments::from_arg_matches(matches).map_err(|error| Stop::Usage(error.to_string()))?;
    input::standard_input_once(arguments.target.credentials_file.iter())?;
    let (server, credentials) = account::read(provider, &arguments.target, Proof::Any)?;
    let client = AnyClient::new(provider, &server, credentials.token, credentials.headers, Options::default());
    let client = client.map_err(|error| Stop::Usage(with_causes(&error)))?;
    let file = arguments.save_secret.as_deref().map(SecretFile::create).transpose()?;
    // One thread is enough for one call at a time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Stop::Input(format!("no call can be made: {error}")))?;
    let step = Step { provider, arguments: &arguments, client };
    let done = runtime.block_on(async {
        match (file, &arguments.finish) {
            (Some(file), _) => step.register(file).await,
            (None, Some(new)) => step.finish(new).await,
            (None, None) => Err(Failed::new("give --save-secret or --finish".to_owned())),
        }
    });
    match done {
        Ok(Done { text, state }) => {
            let text = match arguments.format {
                Format::Human => text,
                Format::Json => json_text::escaped(format!("{}\n", json!(state))),
            };
            let mut out = io::stdout().lock();
            match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    let message = format!("standard output: {error}; the rotation was done as follows:\n{text}");
                    step.report(&Failed { state, ..Failed::new(message) });
                    Ok(ExitCode::FAILURE)
                }
                _ => Ok(ExitCode::SUCCESS),
            }
        }
        Err(failed) => {
            step.report(&failed);
            Ok(ExitCode::FAILURE)
        }
    }
}

/// One run of the command.
struct Step<'a> {
    provider: &'static Provider,
    arguments: &'a Arguments,
    client: AnyClient,
}

/// A run that succeeded.
struct Done {
    text: String,
    state: State,
}

/// A run that failed.
struct Failed {
    /// What failed, which registrations exist, and what to do.
    message: String,
    state: State,
    /// The file with a response that may contain the new secret.
    response_file: Option<String>,
    /// The operation that failed, as the other commands report it.
    call: Value,
}

/// What is known after a run.
#[derive(Default, Serialize)]
struct State {
    old: String,
    new: Option<String>,
    secret_file: Option<String>,
    old_deleted: bool,
}

impl Failed {
    fn new(message: String) -> Self {
        Self { message, state: State::default(), response_file: None, call: Value::Null }
    }
}

impl Step<'_> {
    /// Registers the webhook again and saves the secret. If it fails, the message says what exists.
    async fn register(&self, mut file: SecretFile) -> Result<Done, Failed> {
        let Arguments { old, restart, delete_old, .. } = self.arguments;
        let registered = match restart {
            Some(new) => self.client.restart_rotation(old, new).await,
            None => self.client.rotate(old).await,
        };
        let (new, secret) = match registered {
            Ok(Rotation { new, secret: Some(secret), .. }) => (new, secret),
            Ok(Rotation { new, .. }) => {
                file.discard();
                let message = format!(
                    "{shown} has the same URL and events as {old}: an earlier rotation has registered it, so nothing was \
                     registered now. If its secret was saved, and all receivers accept it: {finish}\nIf its secret is lost: \
                     {restart}",
                    shown = Plain(&new),
                    finish = self.command(&format!("--finish {}", Plain(&new))),
                    restart = self.command(&format!("--restart {} --save-secret FILE", Plain(&new))),
                );
                return Err(Failed { state: self.state(Some(new), None), ..Failed::new(message) });
            }
            Err(error) => return Err(self.not_registered(&error, file)),
        };
        let shown = Plain(&new);
        let path = file.path.display().to_string();
        if let Err(error) = file.write(&secret) {
            let restart = self.command(&format!("--restart {shown} --save-secret FILE"));
            let registered = format!("The webhook is registered as {shown}, and {old} is unchanged");
            let (message, kept) = match file.into_answer(secret.expose().as_bytes()) {
                (kept, Ok(())) => {
                    let kept = kept.display().to_string();
                    let finish = self.command(&format!("--finish {shown}"));
                    let message =
                        format!("{path}: {error}. {registered}. The secret is in {kept}. To delete {old}: {finish}");
                    (message, Some(kept))
                }
                (_, Err(_)) => {
                    (format!("{path}: {error}. {registered}, but the new secret is lost. Then: {restart}"), None)
                }
            };
            return Err(Failed { state: self.state(Some(new), kept), ..Failed::new(message) });
        }
        if *delete_old {
            return match self.client.finish_rotation(old, &new).await {
                Ok(()) => Ok(self.finished(&new, Some(path))),
                Err(error) => {
                    let message = format!(
                        "{}. The webhook is registered as {shown}, and its secret is in {path}. To delete {old}: {}",
                        self.explained(&error),
                        self.command(&format!("--finish {shown}")),
                    );
                    let state = self.state(Some(new), Some(path));
                    Err(Failed { state, call: failed_call(&error), ..Failed::new(message) })
                }
            };
        }
        let listen =
            format!("pos-webhooks listen {} --secret-file OLD_FILE --secret-file {path} …", self.provider.name);
        let text = format!(
            "The webhook is registered as {shown}; its secret is in {path}.\n{old} still exists: every event is delivered for \
             both.\n\nNext:\n  1. Run all receivers with both secrets, such as: {listen}\n  2. Delete the old registration: \
             {}\n  3. Remove the old secret from the receivers.\n",
            self.command(&format!("--finish {shown}")),
        );
        Ok(Done { text, state: self.state(Some(new), Some(path)) })
    }

    async fn finish(&self, new: &str) -> Result<Done, Failed> {
        let finished = self.client.finish_rotation(&self.arguments.old, new).await;
        finished.map(|()| self.finished(new, None)).map_err(|error| Failed {
            state: self.state(Some(new.to_owned()), None),
            call: failed_call(&error),
            ..Failed::new(self.explained(&error))
        })
    }

    fn state(&self, new: Option<String>, secret_file: Option<String>) -> State {
        State { old: self.arguments.old.clone(), new, secret_file, old_deleted: false }
    }

    fn finished(&self, new: &str, path: Option<String>) -> Done {
        let saved = path.as_ref().map_or(String::new(), |path| format!("Its secret is in {path}. "));
        let text = format!(
            "{} is deleted; the webhook is registered as {}. {saved}Remove the old secret from the receivers.\n",
            self.arguments.old,
            Plain(new)
        );
        Done { text, state: State { old_deleted: true, ..self.state(Some(new.to_owned()), path) } }
    }

    /// The failure to register the webhook again, with what to do. A response that is not as documented is saved.
    fn not_registered(&self, error: &RotateError, file: SecretFile) -> Failed {
        let message = self.explained(error);
        let again = self.command("--save-secret FILE");
        let restart = &self.arguments.restart;
        let (mut new, mut response_file) = (None, None);
        let mut kept = |(path, written): (PathBuf, io::Result<()>)| {
            let path = path.display().to_string();
            response_file = Some(path.clone());
            written.map(|()| path.clone()).map_err(|error| format!("{path}: {error}"))
        };
        let message = match error {
            RotateError::Register(source) if source.status().is_some_and(|status| status.is_success()) => {
                match kept(file.into_answer(source.body())) {
                    Ok(kept) => format!(
                        "{message}. The response is in {kept}. If it contains the id and the secret, finish the rotation with \
                         them; otherwise: {again}"
                    ),
                    Err(kept) => {
                        format!("{message}. Only a part of the response could be saved, in {kept}. Then: {again}")
                    }
                }
            }
            RotateError::Register(source) => {
                file.discard();
                let deleted = restart.as_ref().map_or_else(String::new, |new| format!(" {} is deleted.", Plain(new)));
                if source.may_have_been_executed() {
                    format!("{message}.{deleted} The webhook may have been registered, which this finds: {again}")
                } else if restart.is_some() {
                    format!("{message}.{deleted} Then: {again}")
                } else {
                    message
                }
            }
            RotateError::NoSecret { new: id, response } => {
                let next = match id {
                    Some(new) => self.command(&format!("--restart {} --save-secret FILE", Plain(new))),
                    None => again,
                };
                new.clone_from(id);
                match kept(file.into_answer(response.expose().as_bytes())) {
                    Ok(kept) => {
                        format!("{message}. The response is in {kept}. If it does not contain the secret: {next}")
                    }
                    Err(kept) => {
                        format!("{message}. Only a part of the response could be saved, in {kept}. Then: {next}")
                    }
                }
            }
            RotateError::Delete { id, .. } => {
                file.discard();
                new = Some(id.clone());
                let id = Plain(id);
                format!(
                    "{message}. Nothing was registered: run the same command again, or this if {id} is not listed: {again}"
                )
            }
            _ => {
                file.discard();
                message
            }
        };
        Failed { message, state: self.state(new, None), response_file, call: failed_call(error) }
    }

    fn explained(&self, error: &RotateError) -> String {
        let message = with_causes(error);
        let message = Plain(&message).to_string();
        let provider = self.provider.name;
        match error {
            RotateError::NotFound(id) if self.arguments.restart.as_ref() == Some(id) => format!(
                "{message}. If an interrupted --restart has deleted it, register the webhook again: {}",
                self.command("--save-secret FILE")
            ),
            RotateError::NotFound(_) => {
                format!(
                    "{message}. `pos-webhooks hooks {provider} list` lists the registrations; a finished rotation has \
                         deleted the old one"
                )
            }
            RotateError::Ambiguous(_) => {
                format!("{message}. Delete those that are not needed with `pos-webhooks hooks {provider} delete`")
            }
            _ => message,
        }
    }

    /// The command line of the next step.
    fn command(&self, options: &str) -> String {
        let Arguments { old, target, .. } = self.arguments;
        format!("pos-webhooks hooks {} {NAME} {} {options}{}", self.provider.name, Plain(old), target.options())
    }

    fn report(&self, failed: &Failed) {
        let Failed { message, state, response_file, call } = failed;
        match self.arguments.format {
            Format::Human => complain(format_args!("{message}")),
            Format::Json => {
                let mut error = json!({ "message": message, "response_file": response_file });
                for part in [json!(state), call.clone()] {
                    if let (Value::Object(error), Value::Object(part)) = (&mut error, part) {
                        error.extend(part);
                    }
                }
                let _ = writeln!(io::stderr(), "{}", json_text::escaped(json!({ "error": error }).to_string()));
            }
        }
    }
}

/// The operation that failed, with the members that the other commands report.
fn failed_call(error: &RotateError) -> Value {
    let call = error.source().and_then(|source| source.downcast_ref::<AnyError>());
    json!({
        "operation": call.map(|call| call.operation().id),
        "status": call.and_then(AnyError::status).map(|status| status.as_u16()),
        "retryable": call.is_some_and(AnyError::is_retryable),
        "retry_after_seconds": call.and_then(AnyError::retry_after).map(|delay| delay.as_secs()),
        "may_have_been_executed": call.is_some_and(AnyError::may_have_been_executed),
    })
}
