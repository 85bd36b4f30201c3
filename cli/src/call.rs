//! `pos-webhooks call PROVIDER OPERATION`: calls any operation by its name in the specification.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use pos_webhooks::Secret;
use pos_webhooks::catalogue::{Operation, Parameter, Provider, Security};

use crate::console::print;
use crate::credentials::{Proof, is_secret};
use crate::hooks::{self, AnswerReader, AnswerTree, Call, Common, Format, Schema};
use crate::input;
use crate::options;
use crate::report::reasons;
use crate::stop::Stop;
use crate::{account, providers, suggest};

/// Call any operation of a provider by its name
///
/// Operations and parameters have the names of the specification. Without OPERATION, the command lists the operations. `hooks`
/// has shorter commands for webhooks.
///
/// Calls the provider's production server by default. The request is validated against the specification before it is sent.
/// Operations that are safe to repeat are tried up to three times, for at most 30 seconds. The command does not ask for
/// confirmation.
///
/// Credentials are read from the environment or a file, and secrets from files, never from arguments. Without an access
/// token, one is requested with the client id and the client secret. Secrets in responses are shown as *** unless
/// --show-secrets is given.
#[derive(Args)]
#[command(
    after_long_help = AFTER_HELP,
    mut_arg("verbose", |verbose| verbose.requires("operation")),
    mut_arg("format", |format| format.hide_possible_values(true).long_help(FORMAT))
)]
pub struct Arguments {
    /// Provider to call
    #[arg(value_parser = options::provider())]
    provider: &'static Provider,

    /// Operation to call
    operation: Option<String>,

    /// Value of a parameter in the path, in the query or in a header
    ///
    /// Can be given several times. A secret is read from a file, with --parameter-file.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = named, requires = "operation")]
    parameters: Vec<(String, String)>,

    /// Value of a parameter, read from a file; for secrets
    ///
    /// Can be given several times. One newline at the end of the file is not part of the value; - is standard input. User and
    /// password of the scheme Basic are the parameters `username` and `password`.
    #[arg(long = "parameter-file", value_name = "NAME=FILE", value_parser = named, requires = "operation")]
    parameter_files: Vec<(String, String)>,

    /// File with the body of the request as JSON; - is standard input
    ///
    /// If the operation takes a form, the body is an object of the form's fields.
    #[arg(long, value_name = "FILE", requires = "operation")]
    body: Option<PathBuf>,

    /// Send the request even if it does not match the specification
    #[arg(long, requires = "operation")]
    no_validate: bool,

    #[arg(long, short, requires = "operation", conflicts_with = "verbose", help = options::QUIET)]
    quiet: bool,

    #[command(flatten)]
    common: Common,
}

const FORMAT: &str = "\
Format of the response

`human` is JSON with indentation, and errors as text. `json` is the response on one line, null if it is empty; errors and \
warnings are objects on standard error.";

const AFTER_HELP: &str = "\
Examples:
  pos-webhooks call mypos
      Lists the operations.
  pos-webhooks call mypos fake_notification --test --parameter id=7db45365-2478-480e-bf34-f6f315f0c0bd
      Has an example of the subscribed event delivered.
  pos-webhooks call mipos accept_order --credentials-file credentials.json --body accepted.json
      Sends a body, such as `pos-webhooks example mipos accept_order` prints.

`pos-webhooks hooks PROVIDER --help` lists the credentials and the servers of a provider.

Exit status:
  0  Done.
  1  The provider refused the request, could not be reached, or sent an undocumented response; or the
     operation was executed, but the response could not be written. If an operation only reads, an
     undocumented response is shown with a warning, and the status is 0.
  2  Wrong usage; nothing was sent.";

fn named(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("the form is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let Arguments { provider, operation: name, parameter_files, body, quiet, common, .. } = arguments;
    if *quiet && common.format == Format::Json {
        return Err(options::without_effect("--quiet", "--format json, which has the response alone"));
    }
    if provider.operations.is_empty() {
        return Err(hooks::without_operations(provider));
    }
    let Some(name) = name else { return list(provider, common.format) };
    let operations = provider.operations.iter().map(|operation| operation.id);
    let all = format!("pos-webhooks call {}{}", provider.name, providers::option_of(provider));
    options::check_value::<Arguments>("operation", name, operations, &all);
    let Some(operation) = provider.operation(name) else { return list(provider, common.format) };
    let parameter_files: Vec<_> = parameter_files.iter().map(|(_, file)| PathBuf::from(file)).collect();
    input::standard_input_once(common.target.credentials_file.iter().chain(&parameter_files).chain(body))?;

    let proof = if operation.security == Security::Credential { Proof::Any } else { Proof::None };
    let mut hidden = Vec::new();
    let parameters = arguments.parameters_of(operation, &mut hidden);
    let account = account::read(provider, &common.target, proof);
    let ((server, credentials), parameters) = Stop::both(account, parameters)?;
    hidden.extend_from_slice(credentials.secrets());
    let body = arguments.body_of(operation, &mut hidden)?;
    let once = hooks::tells_secret_once(provider, operation);
    if once && !common.show_secrets {
        return Err(Stop::Usage(format!(
            "the secret in the response is returned only once: give --show-secrets, or save it with `pos-webhooks hooks {} \
             create --save-secret FILE`",
            provider.name
        )));
    }
    let mut call =
        Call { provider, operation, server, credentials, parameters, body, hidden, as_json: true, quiet: *quiet };
    hooks::check_output(once)?;
    let (client, runtime) = (call.client()?, hooks::runtime()?);
    let done = call.send(&runtime, &client, common);
    hooks::finish(&call, common, done, once, None)
}

/// Lists the operations of a provider.
fn list(provider: &'static Provider, format: Format) -> Result<ExitCode, Stop> {
    const COLUMNS: [&str; 4] = ["operation", "method", "path", "summary"];
    let row = |operation: &Operation| {
        let cells = [operation.id, operation.method, operation.path, operation.summary];
        let cells =
            COLUMNS.into_iter().zip(cells).map(|(name, cell)| (name.to_owned(), AnswerTree::Text(cell.to_owned())));
        AnswerTree::Object(cells.collect())
    };
    let list = AnswerTree::List(provider.operations.iter().map(row).collect());
    let text = match format {
        Format::Json => format!("{}\n", list.json()),
        Format::Human => list.human(&COLUMNS).unwrap_or_default(),
    };
    Ok(print(&text, ExitCode::SUCCESS)?)
}

/// A parameter that a call takes.
struct Place {
    name: &'static str,
    required: bool,
    secret: bool,
    /// The parameter whose schema the value has to match.
    checked: Option<&'static Parameter>,
}

impl Place {
    fn all(operation: &Operation) -> Vec<Self> {
        let basic = [("username", false), ("password", true)];
        let basic = basic.map(|(name, secret)| Self { name, required: true, secret, checked: None });
        let in_path = operation.path_parameters.len();
        let documented = operation.parameters().enumerate().map(|(index, it)| Self {
            name: it.name,
            required: it.required,
            secret: is_secret(it),
            // A value in the path identifies something, and must be sent as the provider wrote it.
            checked: (index >= in_path).then_some(it),
        });
        documented.chain(basic.into_iter().filter(|_| operation.security == Security::Basic)).collect()
    }

    /// The option that gives the value.
    fn option(&self) -> String {
        if self.secret {
            format!("--parameter-file {}=FILE", self.name)
        } else {
            format!("--parameter {}=VALUE", self.name)
        }
    }
}

impl Arguments {
    /// The parameters by name. Secrets among them are added to `hidden`. The error names everything that is missing.
    fn parameters_of(
        &self,
        operation: &'static Operation,
        hidden: &mut Vec<Secret>,
    ) -> Result<Vec<(&'static str, String)>, Stop> {
        let places = Place::all(operation);
        let wrong = |what: String| Err(Stop::Usage(what));
        let mut found: Vec<(&'static str, String)> = Vec::new();
        let given = self.parameters.iter().map(|given| (given, false));
        for ((name, value), in_file) in given.chain(self.parameter_files.iter().map(|given| (given, true))) {
            let Some(place) = places.iter().find(|place| place.name.eq_ignore_ascii_case(name)) else {
                return wrong(unknown(self.provider, operation, name, &places));
            };
            let name = place.name;
            if place.secret && !in_file {
                return wrong(format!("the parameter `{name}` is secret: give {}", place.option()));
            }
            if found.iter().any(|(known, _)| *known == name) {
                return wrong(format!("the parameter `{name}` is given more than once"));
            }
            let value = if in_file {
                let secret = input::secret(Path::new(value))?;
                hidden.push(secret.clone());
                secret.expose().to_owned()
            } else {
                value.clone()
            };
            if let Some(Err(invalid)) = place.checked.filter(|_| !self.no_validate).map(|it| it.validate(&value)) {
                return wrong(format!("the parameter `{name}`: {}", reasons(&invalid)));
            }
            found.push((name, value));
        }
        let is_missing = |place: &&Place| place.required && found.iter().all(|(name, _)| *name != place.name);
        let mut missing: Vec<_> = places.iter().filter(is_missing).map(Place::option).collect();
        if operation.request.is_some() && self.body.is_none() {
            let (provider, id) = (self.provider.name, operation.id);
            let has_example = operation.request.as_ref().is_some_and(|body| !body.examples.is_empty());
            missing.push(match has_example {
                true => format!("--body FILE (`pos-webhooks example {provider} {id}` prints an example)"),
                false => format!("--body FILE (`pos-webhooks schema {provider} {id}` prints its schema)"),
            });
        }
        match missing.as_slice() {
            [] => Ok(found),
            missing => wrong(format!("`{}` requires {}", operation.id, missing.join(", "))),
        }
    }

    /// The body as text; empty if there is none. Secrets in it are added to `hidden`.
    fn body_of(&self, operation: &'static Operation, hidden: &mut Vec<Secret>) -> Result<String, Stop> {
        let (file, documented) = match (&self.body, &operation.request) {
            (None, _) => return Ok(String::new()),
            (Some(_), None) => return Err(Stop::Usage(format!("`{}` does not have a body", operation.id))),
            (Some(file), Some(documented)) => (file, documented),
        };
        let text = String::from_utf8(input::payload(file)?)
            .map_err(|_| Stop::Input(format!("{}: the body is not text in UTF-8", file.display())))?;
        let text = input::without_mark(&text).to_owned();
        let text = if self.no_validate { text } else { hooks::validated(self.provider, documented, text)? };
        let schema = Schema::of(self.provider, documented.schema).unwrap_or_else(Schema::unknown);
        let mut reader = AnswerReader::new(false, true);
        // A body that is not JSON does not have members.
        let _ = reader.read(&text, &schema.root());
        hidden.extend(reader.into_secrets());
        Ok(text)
    }
}

/// The message for a parameter that an operation does not have.
fn unknown(provider: &Provider, operation: &Operation, name: &str, places: &[Place]) -> String {
    let instead = match places {
        [] => "it does not have parameters".to_owned(),
        _ => {
            let names = places.iter().map(|place| place.name);
            suggest::instead(
                names,
                name,
                &format!("pos-webhooks spec {}{}", provider.name, providers::option_of(provider)),
            )
        }
    };
    format!("`{}` does not have a parameter `{name}`; {instead}", operation.id)
}
