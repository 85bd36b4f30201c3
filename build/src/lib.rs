//! Generates the Rust module of a provider from its OpenAPI document, in the build script of `pos-webhooks` and in that of
//! your own crate. The `main` of such a `build.rs` is
//!
//! ```no_run
//! pos_webhooks_build::Builder::new().spec("specs/acme.yaml").run()
//! ```
//!
//! and its code has `pos_webhooks::include_provider!(acme);`, which is the module `acme`. The crate depends on
//! `pos-webhooks`, and as a build dependency on the same version of `pos-webhooks-build`.
//!
//! Without the feature `generate`, which is on by default, documents are only linted and described. Without the feature `lint`,
//! which is on by default, documents are taken as they are: a mistake in one becomes wrong code or an error that does not say where
//! it is.
//!
//! Each step is one file or folder: load (YAML with positions), adapt (OpenAPI 3.1), check (lint, of which `dialect` has the
//! keys, and simplify, which rewrites what OpenAPI allows and the other steps do not support), read (`spec`, `proof`), bundle (JSON Schema),
//! models (typify), operations (progenitor; `dependencies` has the paths of both to other crates), facade (the public client),
//! events (`payload` has what several of them have in common), receiver, delivery, provider (constants and trait
//! implementations), `doc_examples` (the examples in the documentation), layout (the text), describe (the description, as JSON).
//!
//! ```
//! # #[cfg(feature = "lint")] {
//! let spec = "openapi: 3.1.0\n";
//! let findings = pos_webhooks_build::lint("specs/acme.yaml", spec);
//! assert!(findings[0].to_string().starts_with("specs/acme.yaml:1:"));
//! # }
//! ```

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Large parts of a document describe its operations, and the lint reads most of the rest.
#![cfg_attr(not(all(feature = "client", feature = "lint")), allow(dead_code))]

mod adapt;
#[cfg(feature = "generate")]
mod builder;
#[doc(hidden)]
pub mod bundle;
#[cfg(feature = "lint")]
mod check;
#[cfg(feature = "generate")]
mod delivery;
#[cfg(feature = "generate")]
mod dependencies;
mod describe;
#[cfg(feature = "lint")]
mod dialect;
#[cfg(feature = "generate")]
mod doc_examples;
mod draft_07;
#[cfg(feature = "generate")]
mod events;
#[cfg(feature = "client")]
mod facade;
#[doc(hidden)]
pub mod fidelity;
mod formats;
#[doc(hidden)]
pub mod handshake;
#[cfg(feature = "generate")]
#[doc(hidden)]
pub mod layout;
#[cfg(feature = "lint")]
#[doc(hidden)]
pub mod lint;
#[doc(hidden)]
pub mod load;
#[cfg(feature = "generate")]
mod models;
#[doc(hidden)]
pub mod names;
#[cfg(feature = "client")]
mod operations;
#[cfg(feature = "generate")]
mod pattern;
#[cfg(feature = "generate")]
mod payload;
mod pointer;
mod proof;
#[cfg(feature = "generate")]
mod provider;
#[cfg(feature = "generate")]
mod receiver;
#[doc(hidden)]
pub mod redelivery;
#[doc(hidden)]
pub mod registration;
#[doc(hidden)]
pub mod signature;
#[cfg(feature = "lint")]
mod simplify;
#[doc(hidden)]
pub mod spec;
#[doc(hidden)]
pub mod token;

#[cfg(feature = "generate")]
use proc_macro2::TokenStream;
#[cfg(feature = "generate")]
use quote::quote;

#[cfg(feature = "generate")]
pub use builder::Builder;
#[cfg(feature = "lint")]
#[doc(hidden)]
pub use check::checked;
#[cfg(feature = "lint")]
pub use check::{json_schema, lint};
pub use load::{Finding, Severity};

/// The code of the README, compiled as documentation.
#[cfg(all(doctest, feature = "generate"))]
#[doc = include_str!("../README.md")]
mod readme {}

/// Without the lint, every document is taken as it is.
#[cfg(not(feature = "lint"))]
fn checked(mut document: load::Document) -> Result<(load::Document, Vec<Finding>), Vec<Finding>> {
    let warnings = std::mem::take(&mut document.warnings);
    Ok((document, warnings))
}

/// The content of a document, in the form of OpenAPI 3.0.
fn load(file: &str, text: &str) -> Result<load::Document, Vec<Finding>> {
    let mut document = load::load(file, text)?;
    adapt::adapt(&mut document);
    Ok(document)
}

/// Returns the description of the provider `name`: the content of a document as JSON, which
/// `pos_webhooks::catalogue::Provider::read` reads at run time. No code is generated.
///
/// `file` is the file name in the findings.
///
/// # Errors
///
/// Returns the findings of [`lint()`] if one of them is an error, or the finding of a later step.
pub fn describe(name: &str, file: &str, text: &str) -> Result<String, Vec<Finding>> {
    describe_with_warnings(name, file, text).map(|(description, _)| description)
}

/// Returns the same as [`describe`], and the findings of [`lint()`], which are warnings.
///
/// # Errors
///
/// Returns the same errors as [`describe`].
pub fn describe_with_warnings(name: &str, file: &str, text: &str) -> Result<(String, Vec<Finding>), Vec<Finding>> {
    let (spec, bundle, warnings) = read(file, text)?;
    let description = describe::describe(name, &spec, &bundle).map_err(|message| {
        let (file, help) = (file.to_owned(), "report this as a bug of pos-webhooks".to_owned());
        vec![Finding { severity: Severity::Error, file, line: 1, column: 1, place: String::new(), message, help }]
    })?;
    Ok((description, warnings))
}

/// The steps that do not generate code, and their warnings.
fn read(file: &str, text: &str) -> Result<(spec::Spec, bundle::Bundle, Vec<Finding>), Vec<Finding>> {
    let (document, warnings) = checked(load(file, text)?)?;
    let mut spec = spec::read(&document).map_err(|finding| vec![finding])?;
    proof::describe(&mut spec);
    let bundle = bundle::bundle(&spec);
    Ok((spec, bundle, warnings))
}

/// The output of the build for one document. Requires the feature `generate`, which is on by default.
#[cfg(feature = "generate")]
#[derive(Debug)]
#[non_exhaustive]
pub struct Generated {
    /// The items of the provider's module, which reads the document and the description from `OUT_DIR`.
    pub code: TokenStream,
    /// The description: the content of the document as JSON.
    pub description: String,
    /// The documentation of the module.
    pub documentation: String,
    /// The documentation of the module if the library does not have the feature `client`.
    pub documentation_without_client: String,
    /// What of the document is ignored, simplified or left out.
    pub warnings: Vec<Finding>,
    #[doc(hidden)]
    pub bundle: bundle::Bundle,
}

/// Generates the module of the provider `name`.
///
/// `file` is the path of the document relative to the directory of the crate's manifest. The examples in the documentation
/// are those of a module at the root of a package of your own.
///
/// Requires the feature `generate`, which is on by default.
///
/// # Errors
///
/// Returns the errors of the lint, or the error of a later step, each with the name of the file.
#[cfg(feature = "generate")]
pub fn generate(name: &str, file: &str, text: &str) -> Result<Generated, Vec<String>> {
    generate_in("crate", name, file, text)
}

/// Generates the module of a provider in this package.
#[cfg(feature = "generate")]
fn generate_in(package: &str, name: &str, file: &str, text: &str) -> Result<Generated, Vec<String>> {
    let one = |problem: String| vec![format!("{file}: {problem}")];
    let (spec, bundle, warnings) = read(file, text).map_err(|findings| {
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
        errors.map(ToString::to_string).collect::<Vec<_>>()
    })?;
    let examples = &doc_examples::DocExamples::new(package, name, &spec, &bundle);
    let models = models::models(&bundle).map_err(one)?;
    let client = client(&spec, examples).map_err(one)?;
    let events = events::events(&spec, examples);
    let receiver = receiver::receiver(&spec);
    let delivery = delivery::delivery(&spec);
    let provider = provider::provider(name, &spec, &bundle);
    let feature = examples.feature();
    let version = env!("CARGO_PKG_VERSION");
    let code = quote! {
        /// The bodies of requests, responses and deliveries: one type for each schema of the specification.
        pub mod models { #models }
        #client
        #events
        #receiver
        #delivery
        #provider
        const _: () = ::pos_webhooks::private::generated_by(#version);
    };
    Ok(Generated {
        code,
        description: describe::describe(name, &spec, &bundle).map_err(one)?,
        documentation: documentation(&spec, &feature, &examples.of_module(true)),
        documentation_without_client: documentation(&spec, &feature, &examples.of_module(false)),
        warnings,
        bundle,
    })
}

#[cfg(feature = "client")]
fn client(spec: &spec::Spec, examples: &doc_examples::DocExamples<'_>) -> Result<TokenStream, String> {
    if spec.operations.is_empty() {
        return Ok(TokenStream::new());
    }
    let operations = operations::operations(spec)?;
    let facade = facade::facade(spec, examples);
    // The library may be compiled without the client, although another package of the same build needs it here.
    Ok(quote! {
        ::pos_webhooks::private::with_client! {
            // progenitor generates code that the facade does not use.
            #[allow(dead_code)]
            mod operations { #operations }
            #facade
        }
    })
}

#[cfg(all(feature = "generate", not(feature = "client")))]
fn client(_: &spec::Spec, _: &doc_examples::DocExamples<'_>) -> Result<TokenStream, String> {
    Ok(TokenStream::new())
}

/// The documentation of a provider's module: examples, the document's description, and its sources.
#[cfg(feature = "generate")]
fn documentation(spec: &spec::Spec, feature: &str, examples: &str) -> String {
    let mut text = format!("{}.{feature}{examples}", spec.title);
    if !spec.description.is_empty() {
        text.push_str(&format!("\n\n# Description\n\n{}", spec.description));
    }
    text.push_str(&format!("\n\n# Sources\n\nGenerated from `{}`", spec.file));
    text.push_str(if spec.sources.is_empty() { "." } else { ", which was written from:\n" });
    for source in &spec.sources {
        let url = source.url.as_ref().map_or_else(String::new, |url| format!(" (<{url}>)"));
        text.push_str(&format!("\n- {}{url}", source.title));
    }
    text
}
