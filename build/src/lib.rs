//! Turns a provider's OpenAPI document into the Rust module of that provider: the build script of `pos-webhooks` as a library.
//!
//! The steps are one file each: load (YAML with positions), lint, read (`spec`), bundle (JSON Schema), models (typify),
//! operations (progenitor), facade (the public client), events, receiver, provider (what else must be Rust), describe (the
//! description, as JSON).
//!
//! ```
//! let spec = "openapi: 3.1.0\n";
//! let findings = pos_webhooks_build::lint("specs/acme.yaml", spec);
//! assert!(findings[0].to_string().starts_with("specs/acme.yaml:1:"));
//! ```

#![forbid(unsafe_code)]
#![deny(missing_docs)]
// Much of a document is about its operations.
#![cfg_attr(not(feature = "client"), allow(dead_code))]

#[doc(hidden)]
pub mod bundle;
mod describe;
mod draft_07;
mod events;
#[cfg(feature = "client")]
mod facade;
mod formats;
#[doc(hidden)]
pub mod lint;
#[doc(hidden)]
pub mod load;
mod models;
#[doc(hidden)]
pub mod names;
#[cfg(feature = "client")]
mod operations;
mod provider;
mod receiver;
#[doc(hidden)]
pub mod redelivery;
#[doc(hidden)]
pub mod registration;
#[doc(hidden)]
pub mod signature;
#[doc(hidden)]
pub mod spec;

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, thread};

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

pub use load::Finding;

/// Everything in a document that the other steps do not understand or would get wrong, in the order of its lines.
///
/// `file` is the name that the findings give.
#[must_use]
pub fn lint(file: &str, text: &str) -> Vec<Finding> {
    match load::load(file, text) {
        Ok(document) => lint::lint(&document),
        Err(findings) => findings,
    }
}

/// What the build makes of one document.
pub struct Generated {
    /// The items of the provider's module. The module reads the description from `OUT_DIR`.
    pub code: TokenStream,
    /// The description: everything that the document says, as JSON.
    pub description: String,
    /// What the documentation of the module says.
    pub documentation: String,
    #[doc(hidden)]
    pub bundle: bundle::Bundle,
}

/// Generates the module of the provider `name`.
///
/// `file` is the path of the document below the directory of the crate's manifest.
///
/// # Errors
///
/// The findings of the lint, or what a later step could not do, each with the name of the file.
pub fn generate(name: &str, file: &str, text: &str) -> Result<Generated, Vec<String>> {
    let one = |problem: String| vec![format!("{file}: {problem}")];
    let all = |findings: Vec<Finding>| findings.iter().map(ToString::to_string).collect::<Vec<_>>();
    let document = load::load(file, text).map_err(all)?;
    let findings = lint::lint(&document);
    if !findings.is_empty() {
        return Err(all(findings));
    }
    let spec = spec::read(&document).map_err(|finding| all(vec![finding]))?;
    let bundle = bundle::bundle(&spec);
    let models = models::models(&bundle).map_err(one)?;
    let client = client(&spec).map_err(one)?;
    let events = events::events(&spec);
    let receiver = receiver::receiver(&spec);
    let provider = provider::provider(name, &spec, &bundle);
    Ok(Generated {
        code: quote! {
            /// What is sent and received, one type per schema of the specification.
            pub mod models { #models }
            #client
            #events
            #receiver
            #provider
        },
        description: describe::describe(name, &spec, &bundle).map_err(one)?,
        documentation: documentation(&spec),
        bundle,
    })
}

#[cfg(feature = "client")]
fn client(spec: &spec::Spec) -> Result<TokenStream, String> {
    if spec.operations.is_empty() {
        return Ok(TokenStream::new());
    }
    let operations = operations::operations(spec)?;
    let facade = facade::facade(spec);
    Ok(quote! {
        // progenitor generates more than the facade needs.
        #[allow(dead_code)]
        mod operations { #operations }
        #facade
    })
}

#[cfg(not(feature = "client"))]
fn client(_: &spec::Spec) -> Result<TokenStream, String> {
    Ok(TokenStream::new())
}

/// What a provider's module says of itself: what the document describes, and what it was written from.
fn documentation(spec: &spec::Spec) -> String {
    let mut text = format!("{}.\n\n{}\n\nGenerated from `{}`", spec.title, spec.description.trim_end(), spec.file);
    text.push_str(if spec.sources.is_empty() { "." } else { ", which was written from:\n" });
    for source in &spec.sources {
        let url = source.url.as_ref().map_or_else(String::new, |url| format!(" (<{url}>)"));
        text.push_str(&format!("\n- {}{url}", source.title));
    }
    text
}

/// The build script of a crate with one document per provider in `directory`: writes into `OUT_DIR` a `NAME.rs` and a
/// `NAME.json` for each `NAME.yaml` of an enabled provider, and a `providers.rs` with a module for each of them and
/// `PROVIDERS`, a list of all. `NAME` is that of a Rust module.
///
/// What is wrong with the documents is printed as `cargo::error` lines, all of it at once.
pub fn run(directory: &str, is_enabled: impl Fn(&str) -> bool) -> ExitCode {
    println!("cargo::rerun-if-changed={directory}");
    let done = documents(directory).and_then(|mut documents| {
        documents.retain(|(name, _)| is_enabled(name));
        write_all(&documents)
    });
    let findings = done.err().unwrap_or_default();
    for finding in &findings {
        println!("cargo::error={}", finding.replace('\n', " "));
    }
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The documents of a directory, by the name of their provider.
fn documents(directory: &str) -> Result<Vec<(String, String)>, Vec<String>> {
    let problem = |error: std::io::Error| vec![format!("{directory}: {error}")];
    let (mut documents, mut findings) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(directory).map_err(problem)? {
        let file = entry.map_err(problem)?.file_name();
        let file = file.to_string_lossy();
        // Editors keep files of their own, whose names begin with a full stop.
        let Some(name) = file.strip_suffix(".yaml").filter(|name| !name.starts_with('.')) else { continue };
        // It names the module, the feature and, in capitals, the variable with a token.
        if names::snake(name).as_deref() == Some(name) {
            documents.push((name.to_owned(), format!("{directory}/{file}")));
        } else {
            findings.push(format!(
                "{directory}/{file}: the name of the file is not that of a Rust module; write it in snake case, as in \
                 `acme.yaml` or `acme_pay.yaml`"
            ));
        }
    }
    documents.sort();
    findings.sort();
    if findings.is_empty() { Ok(documents) } else { Err(findings) }
}

fn write_all(documents: &[(String, String)]) -> Result<(), Vec<String>> {
    let written: Vec<Result<String, Vec<String>>> = thread::scope(|scope| {
        let writers: Vec<_> = documents.iter().map(|(name, file)| scope.spawn(move || write(name, file))).collect();
        let panicked = |_| Err(vec!["a step of the build panicked, which is a defect of the step".to_owned()]);
        writers.into_iter().map(|writer| writer.join().unwrap_or_else(panicked)).collect()
    });
    let mut findings = Vec::new();
    let mut modules = Vec::new();
    for ((name, _), written) in documents.iter().zip(written) {
        let (module, path) = (format_ident!("{name}"), format!("/{name}.rs"));
        match written {
            Ok(documentation) => modules.push(quote! {
                #[doc = #documentation]
                pub mod #module { include!(concat!(env!("OUT_DIR"), #path)); }
            }),
            Err(more) => findings.extend(more),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let names = documents.iter().map(|(name, _)| format_ident!("{name}"));
    let list = if documents.is_empty() { quote!(Vec::new) } else { quote!(|| vec![#(&#names::PROVIDER),*]) };
    let providers = quote! {
        #(#modules)*

        /// The providers that are compiled in, by name.
        pub static PROVIDERS: ::std::sync::LazyLock<Vec<&'static crate::catalogue::Provider>> =
            ::std::sync::LazyLock::new(#list);
    };
    write_file("providers.rs", &providers.to_string()).map_err(|problem| vec![problem])
}

/// Writes what is made of a document; the documentation of its module.
fn write(name: &str, file: &str) -> Result<String, Vec<String>> {
    let one = |problem: String| vec![format!("{file}: {problem}")];
    let text = fs::read_to_string(file).map_err(|error| one(error.to_string()))?;
    let Generated { code, description, documentation, .. } = generate(name, file, &text)?;
    let code = syn::parse2(code).map_err(|error| one(format!("the generated code does not parse: {error}")))?;
    write_file(&format!("{name}.rs"), &prettyplease::unparse(&code)).map_err(one)?;
    write_file(&format!("{name}.json"), &description).map_err(one)?;
    Ok(documentation)
}

fn write_file(name: &str, text: &str) -> Result<(), String> {
    let directory = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    fs::write(Path::new(&directory).join(name), text).map_err(|error| format!("{name}: {error}"))
}
