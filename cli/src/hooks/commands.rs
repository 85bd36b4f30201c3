//! The command line, made from the specifications.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::builder::{BoolValueParser, PossibleValuesParser, TypedValueParser, ValueParser};
use clap::{Arg, ArgAction, ArgGroup, Args, Command, ValueEnum};
use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::{Operation, Parameter, Provider, Server};
use serde_json::Value;

use super::credentials::Credential;
use super::reasons;
use super::schema::{Place, Schema};
use crate::{help, options};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    List,
    Get,
    Create,
    Update,
    Delete,
}

impl Verb {
    pub const ALL: [Self; 5] = [Self::List, Self::Get, Self::Create, Self::Update, Self::Delete];

    pub fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Get => "get",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.name() == name)
    }

    /// What an operation does: its name says so, or its method.
    fn of(operation: &Operation) -> Option<Self> {
        let named = operation.id.split('_').next().and_then(Self::named);
        named.or(match operation.method {
            "GET" if operation.path_parameters.is_empty() => Some(Self::List),
            "GET" => Some(Self::Get),
            "POST" => Some(Self::Create),
            "PUT" | "PATCH" => Some(Self::Update),
            "DELETE" => Some(Self::Delete),
            _ => None,
        })
    }

    pub fn operation(self, provider: &'static Provider) -> Option<&'static Operation> {
        provider.operations.iter().find(|operation| Self::of(operation) == Some(self))
    }

    /// Those of a provider.
    pub fn all_of(provider: &'static Provider) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |verb| verb.operation(provider).is_some())
    }
}

// What every call can be given. A doc comment would become the description of the command.
#[derive(Args)]
pub struct Common {
    /// Server to call in place of the provider's production server, such as one of `pos-webhooks sandbox`
    #[arg(long, value_name = "URL", conflicts_with = "test")]
    pub base_url: Option<String>,

    /// Call the provider's test server
    #[arg(long)]
    pub test: bool,

    /// JSON object with the credentials; - is standard input
    ///
    /// The environment is not looked at then. What `pos-webhooks sandbox` prints as `credentials` is such an object.
    #[arg(long, value_name = "FILE")]
    pub credentials_file: Option<PathBuf>,

    /// How the answer is written
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,

    /// Show the secrets in the answer, which are *** otherwise; never the credentials
    #[arg(long)]
    pub show_secrets: bool,

    /// Show the whole answer, with what the provider does not document, also where it is an error
    ///
    /// The members of an object are in the order in which they came. Secrets are ***, and so is all of an answer that is
    /// not JSON where one with secrets is documented; --show-secrets shows them.
    #[arg(long)]
    pub raw: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table or a line per member; errors as text
    Human,
    /// The answer on one line, null where it is empty; errors and warnings as objects, on standard error
    Json,
}

/// A member of a request's body.
pub struct Member {
    pub name: String,
    pub kind: Kind,
    pub list: bool,
    required: bool,
    description: String,
    choices: Vec<String>,
    /// Of an integer.
    bounds: RangeInclusive<i64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// Comes from a file.
    Secret,
    Integer,
    Boolean,
    Json,
}

impl Member {
    /// Required ones first.
    pub fn all(provider: &'static Provider, operation: &Operation) -> Vec<Self> {
        let schema = operation.request.as_ref().and_then(|body| Schema::of(provider, body.schema));
        let Some(schema) = &schema else { return Vec::new() };
        let root = schema.root();
        let mut members: Vec<_> = root.properties().map(|name| Self::new(name, &root)).collect();
        members.sort_by_key(|member| !member.required);
        members
    }

    fn new(name: &str, object: &Place<'_>) -> Self {
        let place = object.member(name);
        let description = place.description().to_owned();
        let list = place.is_of_type("array");
        let value = if list { place.items() } else { place };
        let kind = if value.is_secret() {
            Kind::Secret
        } else if value.is_of_type("string") {
            Kind::Text
        } else if value.is_of_type("integer") {
            Kind::Integer
        } else if value.is_of_type("boolean") {
            Kind::Boolean
        } else {
            Kind::Json
        };
        let choices = value.choices().into_iter().map(str::to_owned).collect();
        let bounds = value.bounds();
        Self { name: name.to_owned(), kind, list, required: object.requires(name), description, choices, bounds }
    }

    pub fn id(&self) -> String {
        format!("body.{}", self.name)
    }

    /// The option without its hyphens.
    pub fn option(&self) -> String {
        let name = kebab(&self.name);
        if self.kind == Kind::Secret { format!("{name}-file") } else { name }
    }

    fn arg(&self) -> Arg {
        let option = self.option();
        let parser = match self.kind {
            Kind::Text if self.choices.is_empty() => ValueParser::new(|text: &str| Ok::<_, String>(Value::from(text))),
            Kind::Text => ValueParser::new(PossibleValuesParser::new(self.choices.clone()).map(Value::from)),
            Kind::Secret => ValueParser::path_buf(),
            Kind::Integer => ValueParser::new(options::whole(self.bounds.clone()).map(Value::from)),
            Kind::Boolean => ValueParser::new(BoolValueParser::new().map(Value::from)),
            Kind::Json => ValueParser::new(|text: &str| {
                serde_json::from_str::<Value>(text).map_err(|error| format!("not JSON: {error}"))
            }),
        };
        let value_name = match self.kind {
            Kind::Secret => "FILE".to_owned(),
            _ => option.to_uppercase().replace('-', "_"),
        };
        let mut notes = Vec::new();
        if self.list {
            notes.push("Once for each.");
        }
        if self.kind == Kind::Secret {
            notes.push("It is in the file, without one newline at its end; - is standard input.");
        }
        let action = if self.list { ArgAction::Append } else { ArgAction::Set };
        let arg = Arg::new(self.id()).long(option).value_name(value_name).value_parser(parser).action(action);
        described(arg, &self.description, &notes.join(" ")).required(self.required).allow_negative_numbers(true)
    }
}

pub fn parameter_id(parameter: &Parameter) -> String {
    format!("parameter.{}", parameter.name)
}

/// A command per provider, with a command per call.
pub fn providers(command: Command) -> Command {
    command.subcommand_required(true).subcommands(PROVIDERS.iter().copied().map(provider).map(help::laid_out))
}

fn provider(provider: &'static Provider) -> Command {
    let command = Command::new(provider.name).about(provider.title);
    if provider.operations.is_empty() {
        return anything(command.about(format!("{}; no calls are documented", provider.title)));
    }
    let verbs = Verb::ALL.map(|verb| match verb.operation(provider) {
        Some(operation) => call(provider, verb, operation),
        // It is there to say what there is in its place.
        None => anything(Command::new(verb.name()).hide(true).disable_help_flag(true)),
    });
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommands(verbs)
        .after_help(after_help(provider))
}

/// Whatever is given, `hooks::run` says what is wrong.
fn anything(command: Command) -> Command {
    let rest = Arg::new("anything").num_args(0..).trailing_var_arg(true).allow_hyphen_values(true).hide(true);
    command.arg(rest)
}

fn call(provider: &'static Provider, verb: Verb, operation: &'static Operation) -> Command {
    let Operation { method, path, summary, description, .. } = operation;
    let summary = summary.trim_end_matches('.');
    let once = tells_secret_once(provider, verb, operation);
    let kept =
        if once { "The secret in the answer has to be saved or shown: --save-secret or --show-secrets." } else { "" };
    let sent = format!("It is `{method} {path}`.");
    let about = [summary, description, kept, &sent].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
    let mut command =
        Command::new(verb.name()).about(summary).long_about(about.join("\n\n")).after_help(after_help(provider));
    for parameter in operation.path_parameters {
        // It addresses what is there already, and must go out as the provider wrote it: its format is not checked.
        let arg = Arg::new(parameter_id(parameter)).value_name(parameter.name.to_uppercase()).required(true);
        command = command.arg(described(arg, parameter.description, ""));
    }
    for parameter in operation.query_parameters {
        let arg = Arg::new(parameter_id(parameter)).long(kebab(parameter.name)).required(parameter.required);
        command = command.arg(described(arg.value_parser(of(parameter)), parameter.description, ""));
    }
    let members = Member::all(provider, operation);
    command = command.args(members.iter().map(Member::arg));
    if !members.is_empty() && members.iter().all(|member| !member.required) {
        let group = ArgGroup::new("body").args(members.iter().map(Member::id));
        command = command.group(group.required(true).multiple(true));
    }
    if verb == Verb::Delete {
        let yes = Arg::new("yes").long("yes").short('y').action(ArgAction::SetTrue);
        command = command.arg(
            yes.help("Delete without asking; without a terminal for input and output, no question is asked anyway"),
        );
    }
    if once {
        let save = Arg::new("save_secret").long("save-secret").value_name("FILE").value_parser(ValueParser::path_buf());
        command = command.arg(
            save.help("Save the secret to a new file that only you can read, as --secret-file of others takes it")
                .long_help(
                    "Save the secret to a new file that only you can read, as --secret-file of others takes it. An answer \
                     that is not what the provider documents is saved beside it, in FILE.answer. Where it is not \
                     certain which value of an answer is the secret, there is FILE.answer alone.",
                ),
        );
    }
    command = Common::augment_args(command);
    if once {
        command =
            command.group(ArgGroup::new("kept").args(["save_secret", "show_secrets"]).required(true).multiple(true));
    }
    let has_test = provider.servers.iter().any(|server| !is_production(server));
    command.mut_arg("test", |arg| arg.hide(!has_test))
}

/// Whether the provider makes a secret that the caller has not chosen: who does not keep it now never has it.
pub fn tells_secret_once(provider: &'static Provider, verb: Verb, operation: &'static Operation) -> bool {
    let has_secret = |name: &str| Schema::of(provider, name).is_some_and(|schema| schema.has_secret());
    let told =
        operation.answers.iter().filter(|answer| answer.status.starts_with('2')).filter_map(|it| it.body.as_ref());
    verb == Verb::Create
        && told.into_iter().any(|body| has_secret(body.schema))
        && !operation.request.as_ref().is_some_and(|body| has_secret(body.schema))
}

pub fn is_production(server: &Server) -> bool {
    server.name == "production"
}

fn of(parameter: &'static Parameter) -> ValueParser {
    ValueParser::new(|text: &str| match parameter.validate(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(invalid) => Err(reasons(&invalid)),
    })
}

fn described(arg: Arg, description: &str, note: &str) -> Arg {
    let long = [description, note].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
    arg.help(first_sentence(description).to_owned()).long_help(long)
}

fn first_sentence(text: &str) -> &str {
    text.split_inclusive(". ").next().unwrap_or_default().trim_end().trim_end_matches('.')
}

fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    let mut ends_word = false;
    for character in name.chars() {
        match character {
            '_' => kebab.push('-'),
            _ => {
                if character.is_uppercase() && ends_word {
                    kebab.push('-');
                }
                kebab.extend(character.to_lowercase());
            }
        }
        ends_word = character.is_lowercase() || character.is_ascii_digit();
    }
    kebab
}

fn after_help(provider: &'static Provider) -> String {
    let mut text =
        "Credentials, from the environment or by their names in the file of --credentials-file:\n".to_owned();
    for credential in Credential::all(provider) {
        let required = if credential.required { "required" } else { "optional" };
        let description = first_sentence(credential.description);
        text += &format!("  {}\n      {}, {required}: {description}\n", credential.variable(provider), credential.name);
    }
    text += "\nServers:\n";
    let width = provider.servers.iter().map(|server| server.url.len()).max().unwrap_or_default();
    for server in provider.servers {
        let how = if is_production(server) { "called unless another is asked for" } else { "with --test" };
        text += &format!("  {:width$}  {}, {how}\n", server.url, server.name);
    }
    text
}
