//! The providers: those that are compiled in, and those of `--spec` and `POS_WEBHOOKS_SPECS`.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use std::{env, fs, thread};

use clap::builder::ValueParser;
use clap::{Arg, ArgAction};
use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::Provider;
use pos_webhooks::sandbox::{Builder, Sandbox};
use pos_webhooks_build::{Finding, Severity, names};

use crate::color;
use crate::console::warn;
use crate::input;
use crate::stop::Stop;

const OPTION: &str = "--spec";
const VARIABLE: &str = "POS_WEBHOOKS_SPECS";

/// How long reading a document may take, which is many times as long as a large one takes.
const TIME_LIMIT: Duration = Duration::from_secs(60);

static ALL: OnceLock<Vec<&'static Provider>> = OnceLock::new();

/// The documents of `--spec`, by the name of their provider.
static OPTIONS: OnceLock<BTreeMap<String, String>> = OnceLock::new();

/// All providers, those that are compiled in first.
pub fn all() -> &'static [&'static Provider] {
    ALL.get_or_init(|| PROVIDERS.clone())
}

/// The option that a command needs to know the provider; empty if there is none.
pub fn option_of(provider: &Provider) -> String {
    let file = OPTIONS.get().and_then(|options| options.get(provider.name));
    file.map(|file| format!(" {OPTION} {}", quoted(file))).unwrap_or_default()
}

/// A word for a shell.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./+,:@%".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// The width of a column with their names and two spaces.
pub fn width() -> usize {
    all().iter().map(|provider| provider.name.len()).max().unwrap_or_default() + 2
}

/// The settings of a sandbox that simulates all providers.
pub fn sandbox() -> Builder {
    all().iter().fold(Sandbox::builder(), |builder, provider| builder.provider(provider))
}

/// The option that adds providers. [`Given`] reads its values, since the other arguments depend on them.
pub fn option() -> Arg {
    Arg::new("spec")
        .long("spec")
        .value_name("FILE")
        .action(ArgAction::Append)
        .value_parser(ValueParser::path_buf())
        .global(true)
        .help_heading("Global options")
        .help("Add the provider of this OpenAPI document, such as `acme` of `acme.yaml`")
        .long_help(
            "Add the provider of this OpenAPI document, such as `acme` of `acme.yaml`. Can be given several times. A \
             provider of the same name is replaced. For every command, set POS_WEBHOOKS_SPECS to a directory, or to a list \
             of files as in PATH.",
        )
}

/// The values of global options, and the documents that the environment names, before the other arguments are parsed.
pub struct Given {
    /// The first argument that is not a global option.
    command: Option<OsString>,
    /// Whether the arguments ask for the help or the version.
    asks_for_help: bool,
    options: Vec<PathBuf>,
    environment: Vec<PathBuf>,
    /// The value of `--color`.
    color: Option<OsString>,
}

impl Given {
    pub fn new() -> Self {
        let environment = env::var_os(VARIABLE).map(|list| env::split_paths(&list).collect()).unwrap_or_default();
        Self::parse(env::args_os().skip(1), environment)
    }

    fn parse(arguments: impl IntoIterator<Item = OsString>, environment: Vec<PathBuf>) -> Self {
        let mut given = Self { command: None, asks_for_help: false, options: Vec::new(), environment, color: None };
        given.environment.retain(|path| !path.as_os_str().is_empty());
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let text = argument.to_str().unwrap_or_default();
            let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value.into())));
            if argument == "--" {
                break;
            } else if name == OPTION {
                given.options.extend(value.or_else(|| arguments.next()).map(PathBuf::from));
            } else if name == color::OPTION {
                given.color = value.or_else(|| arguments.next());
            } else if ["--help", "-h", "--version", "-V"].iter().any(|option| argument == *option) {
                given.asks_for_help = true;
            } else if given.command.is_none() && !argument.as_encoded_bytes().starts_with(b"-") {
                given.command = Some(argument);
            }
        }
        given
    }

    /// The value of `--color`, which is not checked.
    pub fn color(&self) -> Option<&OsStr> {
        self.color.as_deref()
    }

    /// Whether `--spec` is among the arguments.
    pub fn has_options(&self) -> bool {
        !self.options.is_empty()
    }

    /// Whether the command reads the documents itself, or none.
    fn is_about_documents(&self) -> bool {
        self.command.as_deref().is_some_and(|command| command == "lint" || command == "init")
    }

    /// Whether the command works without documents that cannot be used.
    pub fn is_for_help(&self) -> bool {
        self.asks_for_help || self.command.as_deref().is_none_or(|command| command == "help")
    }

    /// The documents to lint beside those that the command names. Those of the environment are for a command that names none.
    pub fn to_lint(&self, files: &[PathBuf]) -> Result<Vec<PathBuf>, Stop> {
        let own = files.iter().chain(&self.options).map(PathBuf::as_path);
        let environment: &[_] = if files.is_empty() && self.options.is_empty() { &self.environment } else { &[] };
        let mut found = expanded(own.chain(environment.iter().map(PathBuf::as_path)))?;
        let mut seen = HashSet::new();
        found.retain(|file| seen.insert(file.clone()));
        Ok(found)
    }

    /// Makes the providers of the documents known, or returns everything that is wrong with the documents.
    pub fn read(&self) -> Result<(), Vec<String>> {
        if self.is_about_documents() {
            return Ok(());
        }
        let mut problems = Vec::new();
        let mut documents = BTreeMap::new();
        // The options take precedence over the environment.
        for paths in [&self.environment, &self.options] {
            let files = expanded(paths.iter().map(PathBuf::as_path)).unwrap_or_else(|stop| {
                problems.push(stop.message());
                Vec::new()
            });
            let mut named: BTreeMap<OsString, PathBuf> = BTreeMap::new();
            for file in files {
                let name = file.file_stem().unwrap_or_default().to_owned();
                match named.get(&name) {
                    Some(other) => problems.push(format!(
                        "{} and {} have the same name, which is that of their provider; give one of them",
                        other.display(),
                        file.display()
                    )),
                    None => drop(named.insert(name, file)),
                }
            }
            if std::ptr::eq(paths, &self.options) {
                let shown = |(name, file): (&OsString, &PathBuf)| {
                    (name.to_string_lossy().into_owned(), file.display().to_string())
                };
                OPTIONS.get_or_init(|| named.iter().map(shown).collect());
            }
            documents.append(&mut named);
        }
        let mut providers = PROVIDERS.clone();
        for file in documents.values() {
            match provider(file) {
                Ok(provider) => match providers.iter_mut().find(|known| known.name == provider.name) {
                    Some(known) => *known = provider,
                    None => providers.push(provider),
                },
                Err(more) => problems.extend(more),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        ALL.get_or_init(|| providers);
        Ok(())
    }
}

/// The files at these paths. A directory stands for the documents in it.
fn expanded<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<Vec<PathBuf>, Stop> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.to_owned());
            continue;
        }
        let unreadable = |error: std::io::Error| Stop::Input(format!("{}: {error}", path.display()));
        let entries = fs::read_dir(path).map_err(unreadable)?.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
        let files_in = entries.iter().map(fs::DirEntry::path);
        // Editors write temporary files whose names begin with a full stop.
        let is_hidden = |file: &PathBuf| file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let mut found: Vec<_> =
            files_in.filter(|file| file.extension().is_some_and(is_document) && !is_hidden(file)).collect();
        if found.is_empty() {
            let message = format!("{}: there is no document with the extension .yaml or .yml", path.display());
            return Err(Stop::Input(message));
        }
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

/// Whether a file with this extension in a directory is a document. Other programs write JSON, such as credentials.
fn is_document(extension: &OsStr) -> bool {
    ["yaml", "yml"].iter().any(|known| extension == *known)
}

/// Reads the provider of a document. An error is everything that is wrong with it.
fn provider(file: &Path) -> Result<&'static Provider, Vec<String>> {
    let one = |stop: Stop| vec![stop.message()];
    let (text, described) = describe(file).map_err(one)?;
    let errors = |findings: Vec<Finding>| findings.into_iter().filter(|finding| finding.severity == Severity::Error);
    let (description, warnings) =
        described.map_err(|findings| errors(findings).map(|finding| finding.to_string()).collect::<Vec<_>>())?;
    if !warnings.is_empty() {
        let (number, shown) = (warnings.len(), file.display().to_string());
        let warnings = if number == 1 { "1 warning".to_owned() } else { format!("{number} warnings") };
        warn(format_args!("{shown}: the lint has {warnings}; `pos-webhooks lint {}` lists them", quoted(&shown)));
    }
    Provider::read_with_spec(&description, &text).map_err(|error| vec![format!("{}: {error}", file.display())])
}

/// A description with the warnings about its document.
type Described = (String, Vec<Finding>);

/// Reads a document, and returns it with the description of its provider, or with its findings. `-` is standard input.
pub fn describe(file: &Path) -> Result<(String, Result<Described, Vec<Finding>>), Stop> {
    let text = input::specification(file)?;
    let (name, shown) = (name_of(file), file.display().to_string());
    let (done, result) = mpsc::sync_channel(1);
    let (for_thread, file) = (text.clone(), shown.clone());
    // The thread ends with the program.
    thread::spawn(move || {
        let described = match name {
            Some(name) => pos_webhooks_build::describe_with_warnings(&name, &file, &for_thread),
            None => {
                let (message, help) = not_a_name(&file);
                let findings = pos_webhooks_build::lint(&file, &for_thread);
                let (severity, place) = (Severity::Error, String::new());
                let own = Finding { severity, file, line: 1, column: 1, place, message, help };
                Err([vec![own], findings].concat())
            }
        };
        _ = done.send(described);
    });
    match result.recv_timeout(TIME_LIMIT) {
        Ok(described) => Ok((text, described)),
        Err(RecvTimeoutError::Timeout) => {
            let seconds = TIME_LIMIT.as_secs();
            Err(Stop::Input(format!("{shown}: the document cannot be read within {seconds} seconds; make it shorter")))
        }
        Err(RecvTimeoutError::Disconnected) => {
            Err(Stop::Input(format!("{shown}: a step of reading the document panicked, which is a bug in that step")))
        }
    }
}

/// The name of the provider of a document, which is that of the file.
fn name_of(file: &Path) -> Option<String> {
    if file == Path::new("-") {
        return Some("standard_input".to_owned());
    }
    file.file_stem()?.to_str().filter(|name| is_name(name)).map(str::to_owned)
}

/// Why the name of a file is not that of a provider, and what to write.
fn not_a_name(file: &str) -> (String, String) {
    let stem = Path::new(file).file_stem().and_then(OsStr::to_str).unwrap_or_default();
    if names::is_keyword(stem) {
        let help = format!("write another name, such as `{stem}_pay.yaml`");
        return (format!("the name of the file is that of the provider, and `{stem}` is a keyword of Rust"), help);
    }
    let help = "write it in snake case, as in `acme.yaml` or `acme_pay.yaml`".to_owned();
    ("the name of the file is not the name of a provider".to_owned(), help)
}

/// Whether the text can be the name of a provider.
pub fn is_name(text: &str) -> bool {
    names::snake(text).as_deref() == Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(arguments: &[&str]) -> (Option<String>, Vec<String>) {
        let given = Given::parse(arguments.iter().map(OsString::from), Vec::new());
        let text = |path: PathBuf| path.display().to_string();
        (given.command.map(|command| text(command.into())), given.options.into_iter().map(text).collect())
    }

    #[test]
    fn documents_are_found_wherever_clap_accepts_the_option() {
        let found = |command: &str, files: &[&str]| {
            (Some(command.to_owned()), files.iter().map(|file| (*file).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(given(&["--spec", "a.yaml", "demo"]), found("demo", &["a.yaml"]));
        assert_eq!(
            given(&["hooks", "acme", "--spec=a.yaml", "list", "--spec", "b.yaml"]),
            found("hooks", &["a.yaml", "b.yaml"])
        );
        assert_eq!(given(&["lint", "--", "--spec", "a.yaml"]), found("lint", &[]));
        assert_eq!(given(&["--spec=", "lint", "--spec"]), found("lint", &[""]));
        assert_eq!(given(&["--color", "never", "demo", "--spec", "a.yaml"]), found("demo", &["a.yaml"]));
        assert_eq!(given(&["--color=never", "demo", "--spec=a=b.yaml"]), found("demo", &["a=b.yaml"]));
        assert_eq!(given(&["--spectrum", "a.yaml"]), found("a.yaml", &[]));
        assert_eq!(given(&["--version"]), (None, Vec::new()));
    }
}
