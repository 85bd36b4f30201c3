//! The build script of a crate with providers.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::{env, fmt, fs, thread};

use quote::{format_ident, quote};

use super::layout::layout;
use super::load::LEFT_OUT;
use super::names;
use super::{Finding, Generated, generate_in};

/// The build script of a crate with providers: it generates a module for each document.
///
/// The crate includes a module with `pos_webhooks::include_provider!(NAME)`, or all of them with
/// `pos_webhooks::include_providers!()`. `NAME` is the name of the document's file without `.yaml`, and has to be a valid
/// name of a Rust module.
///
/// Requires the feature `generate`, which is on by default.
///
/// ```no_run
/// pos_webhooks_build::Builder::new().spec("specs/acme.yaml").run()
/// ```
#[derive(Default)]
#[must_use]
pub struct Builder {
    places: Vec<Place>,
    only: Option<Filter>,
}

type Filter = Box<dyn Fn(&str) -> bool>;

enum Place {
    File(String),
    Directory(String),
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").finish_non_exhaustive()
    }
}

impl Builder {
    /// Constructs a build script without documents.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a document, such as `specs/acme.yaml`. The path is relative to the directory of `Cargo.toml`.
    pub fn spec(mut self, path: impl Into<String>) -> Self {
        self.places.push(Place::File(path.into()));
        self
    }

    /// Adds every document `NAME.yaml` or `NAME.yml` of a directory. The path is relative to the directory of `Cargo.toml`.
    pub fn specs(mut self, directory: impl Into<String>) -> Self {
        self.places.push(Place::Directory(directory.into()));
        self
    }

    /// Generates only the providers for whose name the function returns `true`, for example those of the crate's enabled
    /// features.
    pub fn only(mut self, provider: impl Fn(&str) -> bool + 'static) -> Self {
        self.only = Some(Box::new(provider));
        self
    }

    /// Writes the modules to `OUT_DIR`, and makes cargo run the build script again after a change of a document.
    ///
    /// If there are errors in the documents, this prints all of them as `cargo::error` lines, which end the build. Without the
    /// feature `lint`, these are only the errors that prevent the build, and another line says so. If a
    /// document has warnings, this prints how many as a `cargo::warning` line.
    pub fn run(self) {
        for Place::File(path) | Place::Directory(path) in &self.places {
            println!("cargo::rerun-if-changed={path}");
        }
        match self.documents().and_then(|documents| write_all(&documents)) {
            Ok(warnings) => {
                for (path, warnings) in warnings.iter().filter(|(_, warnings)| !warnings.is_empty()) {
                    println!("cargo::warning={}", summary(path, warnings));
                }
            }
            Err(findings) => {
                for finding in findings.iter().map(String::as_str).chain(WITHOUT_LINT) {
                    println!("cargo::error={}", finding.replace('\n', " "));
                }
            }
        }
    }

    /// The paths of the documents, by the name of their provider.
    fn documents(&self) -> Result<BTreeMap<String, String>, Vec<String>> {
        let (mut documents, mut findings) = (BTreeMap::new(), Vec::new());
        for place in &self.places {
            let paths = match place {
                Place::File(path) => Ok(vec![path.clone()]),
                Place::Directory(path) => list(path),
            };
            let paths = paths.unwrap_or_else(|finding| {
                findings.push(finding);
                Vec::new()
            });
            for path in paths {
                match provider_name(&path) {
                    Some(name) if self.only.as_ref().is_some_and(|only| !only(name)) => {}
                    Some(name) => {
                        if let Some(other) = documents.insert(name.to_owned(), path.clone()) {
                            findings.push(format!("{path}: `{other}` is a document of the same name; rename one of the two"));
                        }
                    }
                    None => findings.push(format!(
                        "{path}: the name of the file is not a valid name of a Rust module; write it in snake case, and not \
                         as a keyword, as in `acme.yaml` or `acme_pay.yaml`"
                    )),
                }
            }
        }
        findings.sort();
        if findings.is_empty() { Ok(documents) } else { Err(findings) }
    }
}

/// The documents in a directory.
fn list(directory: &str) -> Result<Vec<String>, String> {
    let problem = |error: std::io::Error| format!("{directory}: {error}");
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(problem)? {
        let file = entry.map_err(problem)?.file_name();
        let file = file.to_string_lossy();
        // Editors write temporary files whose names begin with a full stop.
        let extension = Path::new(&*file).extension().filter(|extension| is_document(extension));
        if !file.starts_with('.') && extension.is_some_and(|extension| extension != "json") {
            paths.push(format!("{directory}/{file}"));
        }
    }
    Ok(paths)
}

/// Returns the name of the provider that a document describes: the name of its file without `.yaml`, `.yml` or `.json`. The
/// name is that of the module, of the feature and, in capitals, of the environment variable with a token. `None` if the name
/// cannot be that of a Rust module.
pub fn provider_name(path: &str) -> Option<&str> {
    let path = Path::new(path);
    path.extension().filter(|extension| is_document(extension))?;
    path.file_stem()?.to_str().filter(|name| names::snake(name).as_deref() == Some(name))
}

/// Whether a file with this extension is a document.
fn is_document(extension: &OsStr) -> bool {
    ["yaml", "yml", "json"].iter().any(|known| extension == *known)
}

/// What the errors do not say if there is no lint.
const WITHOUT_LINT: Option<&str> = if cfg!(feature = "lint") {
    None
} else {
    Some(
        "documents are not checked, because pos-webhooks-build was built without its feature `lint`: enable it, or use \
         `pos-webhooks lint`, to see every mistake with its place",
    )
};

/// The line about the warnings of a document.
fn summary(path: &str, warnings: &[Finding]) -> String {
    let operations = match warnings.iter().filter(|warning| warning.message.ends_with(LEFT_OUT)).count() {
        0 => String::new(),
        1 => ", and 1 operation is left out".to_owned(),
        number => format!(", and {number} operations are left out"),
    };
    let number = warnings.len();
    let warnings = if number == 1 { "1 warning".to_owned() } else { format!("{number} warnings") };
    format!("{path}: the lint has {warnings}{operations}; `pos-webhooks lint {path}` lists them")
}

/// The warnings about a document, by its path.
type Warnings = Vec<(String, Vec<Finding>)>;

fn write_all(documents: &BTreeMap<String, String>) -> Result<Warnings, Vec<String>> {
    let written: Vec<Result<Vec<Finding>, Vec<String>>> = thread::scope(|scope| {
        let writers: Vec<_> = documents.iter().map(|(name, path)| scope.spawn(move || write(name, path))).collect();
        let panicked = |_| Err(vec!["a step of the build panicked, which is a bug in that step".to_owned()]);
        writers.into_iter().map(|writer| writer.join().unwrap_or_else(panicked)).collect()
    });
    let (mut warnings, mut findings) = (Vec::new(), Vec::new());
    for (path, result) in documents.values().zip(written) {
        match result {
            Ok(found) => warnings.push((path.clone(), found)),
            Err(found) => findings.extend(found),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let names: Vec<_> = documents.keys().map(|name| format_ident!("{name}")).collect();
    let list = if names.is_empty() { quote!(Vec::new) } else { quote!(|| vec![#(&#names::PROVIDER),*]) };
    // The name cannot be that of a document.
    let providers = quote! {
        #(::pos_webhooks::include_provider!(#names);)*

        /// The providers that are compiled in, sorted by name.
        pub static PROVIDERS: ::std::sync::LazyLock<Vec<&'static ::pos_webhooks::catalogue::Provider>> =
            ::std::sync::LazyLock::new(#list);
    };
    write_file("_providers.rs", &providers.to_string()).map_err(|problem| vec![problem])?;
    Ok(warnings)
}

/// Writes what the module of a provider consists of, and returns the warnings about its document.
fn write(name: &str, path: &str) -> Result<Vec<Finding>, Vec<String>> {
    let one = |problem: String| vec![format!("{path}: {problem}")];
    let text = fs::read_to_string(path).map_err(|error| one(error.to_string()))?;
    let package = env::var("CARGO_PKG_NAME").unwrap_or_else(|_| "crate".to_owned());
    let generated = generate_in(&package, name, path, &text)?;
    let Generated { code, description, documentation, documentation_without_client, warnings, .. } = generated;
    let files = [
        ("rs", layout(code)),
        ("json", description),
        ("md", documentation),
        ("without-client.md", documentation_without_client),
        ("yaml", text),
    ];
    files.iter().try_for_each(|(extension, text)| write_file(&format!("{name}.{extension}"), text)).map_err(one)?;
    Ok(warnings)
}

fn write_file(name: &str, text: &str) -> Result<(), String> {
    let directory = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    fs::write(Path::new(&directory).join(name), text).map_err(|error| format!("{name}: {error}"))
}
