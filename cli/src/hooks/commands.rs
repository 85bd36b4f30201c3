//! Builds the command line from the specifications.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use clap::builder::{BoolValueParser, PossibleValuesParser, TypedValueParser, ValueParser};
use clap::{Arg, ArgAction, ArgGroup, Args, Command, ValueEnum};
use pos_webhooks::catalogue::{
    Operation, Parameter, Provider, RegistrationCall, Role, SecretOrigin, SubscriptionCalls,
};
use serde_json::Value;

use super::schema::{Schema, SchemaPlace};
use super::{event_names, rotate};
use crate::credentials::CredentialField;
use crate::report::reasons;
use crate::target::{Target, has_several_others, is_production, test_server};
use crate::{help, options, providers};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    List,
    Get,
    Create,
    Update,
    Delete,
    Events,
    Subscriptions,
    Subscribe,
    Unsubscribe,
}

impl Verb {
    pub const ALL: [Self; 9] = [
        Self::List,
        Self::Get,
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::Events,
        Self::Subscriptions,
        Self::Subscribe,
        Self::Unsubscribe,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Get => "get",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Events => "events",
            Self::Subscriptions => "subscriptions",
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.name() == name)
    }

    /// The operation of this verb.
    pub fn operation(self, provider: &'static Provider) -> Option<&'static Operation> {
        provider.operation(self.call(provider)?.operation)
    }

    /// The operation of this verb, and where it has its values.
    fn call(self, provider: &'static Provider) -> Option<&'static RegistrationCall> {
        let documented = provider.registration.as_ref()?;
        let subscriptions = documented.subscriptions.as_ref();
        match self {
            Self::List => documented.list.as_ref(),
            Self::Get => documented.get.as_ref(),
            Self::Create => Some(&documented.create),
            Self::Update => documented.update.as_ref(),
            Self::Delete => documented.delete.as_ref(),
            Self::Events => subscriptions?.events.as_ref(),
            Self::Subscriptions => subscriptions?.list.as_ref(),
            Self::Subscribe => Some(&subscriptions?.create),
            Self::Unsubscribe => subscriptions?.delete.as_ref(),
        }
    }

    /// The verbs of a provider.
    pub fn all_of(provider: &'static Provider) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |verb| verb.operation(provider).is_some())
    }
}

// The options of every call. A doc comment would become the description of the command.
#[derive(Args)]
pub struct Common {
    #[command(flatten)]
    pub target: Target,

    /// Format of the response
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,

    /// Show the secrets in the response, which are *** otherwise; credentials are never shown
    #[arg(long)]
    pub show_secrets: bool,

    /// Show the whole response, including undocumented members, also for an error
    ///
    /// The members of an object are in the order in which they were received. Secrets are shown as ***. If the
    /// documented response has secrets and the actual one is not JSON, the whole response is shown as ***.
    /// --show-secrets shows them.
    #[arg(long)]
    pub raw: bool,

    #[arg(long, short, help = options::VERBOSE)]
    #[arg(long_help = format!("{}. Each request has a line on standard error", options::VERBOSE))]
    pub verbose: bool,
}

/// The option of commands whose result may be that they succeeded, or that have a next step.
pub fn quiet() -> Arg {
    let arg = Arg::new("quiet").long("quiet").short('q').action(ArgAction::SetTrue).conflicts_with("verbose");
    arg.help(options::QUIET)
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table, or one line for each member; errors as text
    Human,
    /// The response on one line, null if it is empty; errors and warnings as objects on standard error
    Json,
}

/// A member of a request body.
pub struct Member {
    pub name: String,
    /// The name of the option without its hyphens.
    pub option: String,
    pub kind: MemberKind,
    pub list: bool,
    required: bool,
    description: String,
    /// Whether these are the names of the registration's events.
    pub events: bool,
    pub choices: Vec<String>,
    /// The bounds of an integer.
    bounds: RangeInclusive<i64>,
    /// A documented value of JSON, or an item of a list.
    example: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    Text,
    /// The value is read from a file.
    Secret,
    Integer,
    Boolean,
    Json,
}

impl Member {
    /// The members that have options, required ones first. What `subscribe` itself sends does not have options.
    pub fn all(provider: &'static Provider, verb: Verb, operation: &Operation) -> Vec<Self> {
        let schema = operation.request.as_ref().and_then(|body| Schema::of(provider, body.schema));
        let Some(schema) = &schema else { return Vec::new() };
        let root = schema.root();
        let calls = subscriptions(provider).filter(|_| verb == Verb::Subscribe);
        let sent: Vec<_> = SUBSCRIBED.iter().filter_map(|role| calls?.create.request.get(role)).collect();
        let names =
            root.properties().filter(|name| !sent.iter().any(|pointer| pointer.strip_prefix('/') == Some(name)));
        let examples = operation.request.iter().flat_map(|body| body.examples);
        let examples: Vec<Value> = examples.filter_map(|example| serde_json::from_str(example.json).ok()).collect();
        let mut members: Vec<_> = names.map(|name| Self::new(name, &root, &examples)).collect();
        let mut taken = own_options(provider, verb);
        let events = verb.call(provider).and_then(|call| call.request.get(&Role::Events)?.strip_prefix('/'));
        for member in &mut members {
            member.events = member.list && member.kind == MemberKind::Text && events == Some(&member.name);
            member.option = free_option(&mut taken, &member.option, "body");
        }
        members.sort_by_key(|member| !member.required);
        members
    }

    fn new(name: &str, object: &SchemaPlace<'_>, examples: &[Value]) -> Self {
        let place = object.member(name);
        let description = place.description().to_owned();
        let list = place.is_of_type("array");
        let value = if list { place.items() } else { place };
        let kind = if value.is_secret() {
            MemberKind::Secret
        } else if value.is_of_type("string") {
            MemberKind::Text
        } else if value.is_of_type("integer") {
            MemberKind::Integer
        } else if value.is_of_type("boolean") {
            MemberKind::Boolean
        } else {
            MemberKind::Json
        };
        let choices = value.choices().into_iter().map(str::to_owned).collect();
        let bounds = value.bounds();
        let example =
            examples.iter().find_map(|example| if list { example.get(name)?.get(0) } else { example.get(name) });
        let (example, required) = (example.map(Value::to_string), object.requires(name));
        let option = if kind == MemberKind::Secret { format!("{}-file", kebab(name)) } else { kebab(name) };
        Self {
            name: name.to_owned(),
            option,
            kind,
            list,
            required,
            description,
            events: false,
            choices,
            bounds,
            example,
        }
    }

    pub fn id(&self) -> String {
        format!("body.{}", self.name)
    }

    fn arg(&self) -> Arg {
        let option = self.option.as_str();
        let parser = match self.kind {
            MemberKind::Text if self.choices.is_empty() => {
                ValueParser::new(|text: &str| Ok::<_, String>(Value::from(text)))
            }
            MemberKind::Text => ValueParser::new(PossibleValuesParser::new(self.choices.clone()).map(Value::from)),
            MemberKind::Secret => ValueParser::path_buf(),
            MemberKind::Integer => ValueParser::new(options::whole(self.bounds.clone()).map(Value::from)),
            MemberKind::Boolean => ValueParser::new(BoolValueParser::new().map(Value::from)),
            MemberKind::Json => {
                let example = self.example.as_ref().map(|example| format!("; write it as in '{example}'"));
                let example = example.unwrap_or_default();
                ValueParser::new(move |text: &str| {
                    serde_json::from_str::<Value>(text).map_err(|error| format!("not JSON: {error}{example}"))
                })
            }
        };
        let value_name = match self.kind {
            MemberKind::Secret => "FILE".to_owned(),
            _ => option.to_uppercase().replace('-', "_"),
        };
        let mut notes = Vec::new();
        if self.events {
            notes.push(event_names::NOTE);
        } else if self.list {
            notes.push("Can be given several times.");
        }
        if self.kind == MemberKind::Secret {
            notes.push("Read from the file, without one newline at its end; - is standard input.");
        }
        let action = if self.list { ArgAction::Append } else { ArgAction::Set };
        let arg =
            Arg::new(self.id()).long(option.to_owned()).value_name(value_name).value_parser(parser).action(action);
        let arg = if self.events { event_names::values(arg, &self.choices) } else { arg };
        described(arg, &self.description, &notes.join(" ")).required(self.required).allow_negative_numbers(true)
    }
}

/// The options of every call, which a member or a parameter of the same name must not replace.
const OWN_OPTIONS: [&str; 16] = [
    "base-url",
    "color",
    "credentials-file",
    "format",
    "grant",
    "help",
    "quiet",
    "raw",
    "sandbox",
    "save-secret",
    "server",
    "show-secrets",
    "spec",
    "verbose",
    "test",
    "yes",
];

/// The options of a command that do not follow from its operation, without their hyphens.
fn own_options(provider: &'static Provider, verb: Verb) -> BTreeSet<String> {
    let has_events = matches!(verb, Verb::Create | Verb::Subscribe) && subscriptions(provider).is_some();
    OWN_OPTIONS.into_iter().chain(has_events.then_some(EVENTS_OPTION)).map(str::to_owned).collect()
}

/// The option of this name, without its hyphens. If another one has the name, it begins with the prefix.
fn free_option(taken: &mut BTreeSet<String>, name: &str, prefix: &str) -> String {
    let mut option = name.to_owned();
    while !taken.insert(option.clone()) {
        option = format!("{prefix}-{option}");
    }
    option
}

/// What `subscribe` sends for each event.
const SUBSCRIBED: [Role; 3] = [Role::Registration, Role::EventId, Role::Event];

/// The id of the option for the names of events to subscribe to.
pub const EVENTS: &str = "subscribed_events";
const EVENTS_OPTION: &str = "events";

/// The id of the argument for the registration to subscribe.
pub const REGISTRATION: &str = "registration";

/// The operations on subscriptions.
pub fn subscriptions(provider: &'static Provider) -> Option<&'static SubscriptionCalls> {
    provider.registration.as_ref()?.subscriptions.as_ref()
}

pub fn parameter_id(parameter: &Parameter) -> String {
    format!("parameter.{}", parameter.name)
}

/// A command for each provider, with a command for each operation.
pub fn providers(command: Command) -> Command {
    command.subcommand_required(true).subcommands(providers::all().iter().copied().map(provider).map(help::laid_out))
}

fn provider(provider: &'static Provider) -> Command {
    let command = Command::new(provider.name).about(provider.title);
    if provider.operations.is_empty() {
        return anything(command.about(format!("{}; no operations are documented", provider.title)));
    }
    let verbs = Verb::ALL.map(|verb| match verb.operation(provider) {
        Some(operation) => call(provider, verb, operation),
        // This command only reports what to use instead.
        None => anything(Command::new(verb.name()).hide(true).disable_help_flag(true)),
    });
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommands(verbs)
        .subcommand(rotate::command(provider))
        .after_help(after_help(provider))
}

/// Accepts any arguments; `hooks::run` reports the error.
pub fn anything(command: Command) -> Command {
    let rest = Arg::new("anything").num_args(0..).trailing_var_arg(true).allow_hyphen_values(true).hide(true);
    command.arg(rest)
}

fn call(provider: &'static Provider, verb: Verb, operation: &'static Operation) -> Command {
    let Operation { method, path, summary, description, .. } = operation;
    let summary = summary.trim_end_matches('.');
    let once = tells_secret_once(provider, operation);
    let kept = if once {
        "The secret in the response has to be saved or shown: give --save-secret or --show-secrets."
    } else {
        ""
    };
    let calls = subscriptions(provider).filter(|_| matches!(verb, Verb::Create | Verb::Subscribe));
    let mut sent = format!("Sends `{method} {path}`.");
    if let (Some(calls), Verb::Subscribe) = (calls, verb) {
        sent += " There is one request for each event.";
        sent += &calls.events.as_ref().map_or(String::new(), |events| listed(provider, events));
    }
    let about = [summary, description, kept, &sent].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
    let mut command =
        Command::new(verb.name()).about(summary).long_about(about.join("\n\n")).after_help(after_help(provider));
    let placed = |name| {
        calls.is_some_and(|calls| {
            calls.create.parameters.iter().any(|(role, it)| *it == name && SUBSCRIBED.contains(role))
        })
    };
    if verb == Verb::Subscribe {
        let id = Arg::new(REGISTRATION).value_name("ID").required(true);
        command = command.arg(id.help("Id of the webhook"));
    }
    for parameter in operation.path_parameters.iter().filter(|it| verb != Verb::Subscribe || !placed(it.name)) {
        // The value identifies an existing webhook and must be sent as the provider wrote it, so its format is not
        // checked.
        let arg = Arg::new(parameter_id(parameter)).value_name(parameter.name.to_uppercase()).required(true);
        command = command.arg(described(arg, parameter.description, ""));
    }
    let members = Member::all(provider, verb, operation);
    let mut taken = own_options(provider, verb);
    taken.extend(members.iter().map(|member| member.option.clone()));
    for parameter in operation.parameters().skip(operation.path_parameters.len()) {
        let option = free_option(&mut taken, &kebab(parameter.name), "parameter");
        let arg = Arg::new(parameter_id(parameter)).value_name(option.to_uppercase().replace('-', "_")).long(option);
        let arg = arg.required(parameter.required).value_parser(of(parameter));
        command = command.arg(described(arg, parameter.description, ""));
    }
    command = command.args(members.iter().map(Member::arg));
    if let Some(calls) = calls {
        command = command.arg(events(verb, calls));
    }
    if verb != Verb::Subscribe && !members.is_empty() && members.iter().all(|member| !member.required) {
        let group = ArgGroup::new("body").args(members.iter().map(Member::id));
        command = command.group(group.required(true).multiple(true));
    }
    if verb == Verb::Delete {
        let yes = Arg::new("yes").long("yes").short('y').action(ArgAction::SetTrue);
        command = command.arg(yes.help("Delete without asking; without a terminal, the command never asks"));
    }
    if once {
        let save = Arg::new("save_secret").long("save-secret").value_name("FILE").value_parser(ValueParser::path_buf());
        command = command.arg(
            save.help("Save the secret to a new file that only you can read, for --secret-file of other commands")
                .long_help(
                    "Save the secret to a new file that only you can read, for --secret-file of other commands. A response \
                    that is not as documented is saved beside it, in FILE.answer. If it is not certain which value of a \
                    response is the secret, only FILE.answer is written.",
                ),
        );
    }
    command = Common::augment_args(command);
    if operation.method != "GET" {
        command = command.arg(quiet());
    }
    if once {
        command =
            command.group(ArgGroup::new("kept").args(["save_secret", "show_secrets"]).required(true).multiple(true));
    }
    let (has_test, has_several) = (test_server(provider).is_some(), has_several_others(provider));
    let command = command.mut_arg("test", |arg| arg.hide(!has_test)).mut_arg("server", |arg| arg.hide(!has_several));
    grants(command, provider)
}

/// The command with the names of the provider's grants.
pub fn grants(command: Command, provider: &'static Provider) -> Command {
    let names: Vec<_> = provider.grants().iter().filter_map(|grant| grant.name).collect();
    match names[..] {
        [] => command.mut_arg("grant", |arg| arg.hide(true)),
        [default, ..] => command.mut_arg("grant", |arg| {
            arg.value_parser(PossibleValuesParser::new(names))
                .help(format!("Request the access token in the documented way of this name; by default `{default}`"))
        }),
    }
}

/// The option for the names of events.
fn events(verb: Verb, calls: &SubscriptionCalls) -> Arg {
    let first = match verb {
        Verb::Create => "Name of an event to subscribe the new webhook to.",
        _ => "Name of an event to subscribe the webhook to.",
    };
    let known = match calls.events {
        Some(_) => {
            " `events` lists those of the account; a name that is not among them is an error, and then nothing is changed."
        }
        None => "",
    };
    let arg = event_names::values(Arg::new(EVENTS).long(EVENTS_OPTION).value_name("EVENT"), &[]);
    described(arg, first, &format!("{}{known}", event_names::NOTE)).required(verb == Verb::Subscribe)
}

/// The request that lists the events of the account.
fn listed(provider: &'static Provider, events: &RegistrationCall) -> String {
    let operation = provider.operation(events.operation);
    operation.map_or(String::new(), |it| format!(" Before them, `{} {}` lists the events.", it.method, it.path))
}

/// Whether the response is the only one that contains the secret.
pub fn tells_secret_once(provider: &'static Provider, operation: &Operation) -> bool {
    let documented = provider.registration.iter().filter(|documented| documented.secret == SecretOrigin::Answered);
    documented.into_iter().any(|documented| documented.create.operation == operation.id)
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

pub fn after_help(provider: &'static Provider) -> String {
    let mut text =
        "Credentials, from environment variables or, by name, from the file of --credentials-file:\n".to_owned();
    for credential in CredentialField::all(provider) {
        let description = first_sentence(credential.description);
        let (variable, name, need) = (credential.variable(provider), &credential.name, credential.need(provider));
        text += &format!("  {variable}\n      {name}, {need}: {description}\n");
    }
    text += "\nServers:\n";
    let width = provider.servers.iter().map(|server| server.url.len()).max().unwrap_or_default();
    for server in provider.servers {
        let how = match () {
            () if is_production(server) => "called by default".to_owned(),
            () if has_several_others(provider) => format!("called with --server {}", server.name),
            () => "called with --test".to_owned(),
        };
        text += &format!("  {:width$}  {}, {how}\n", server.url, server.name);
    }
    text
}
