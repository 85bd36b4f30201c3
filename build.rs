//! Generates one module per enabled provider from its OpenAPI document in `specs/`. The steps stand in `build/`.

// Much of a spec is about its operations.
#![cfg_attr(not(feature = "client"), allow(dead_code))]

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, thread};

use proc_macro2::TokenStream;
use quote::quote;

mod build {
    pub mod bundle;
    pub mod describe;
    pub mod draft_07;
    pub mod events;
    #[cfg(feature = "client")]
    pub mod facade;
    pub mod formats;
    pub mod lint;
    pub mod load;
    pub mod models;
    pub mod names;
    #[cfg(feature = "client")]
    pub mod operations;
    pub mod provider;
    pub mod spec;
}
use build::*;

const PROVIDERS: [&str; 4] = ["mipos", "mypos", "dealpos", "vipps"];

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build");
    let enabled = |provider: &&str| env::var_os(format!("CARGO_FEATURE_{}", provider.to_ascii_uppercase())).is_some();
    let findings: Vec<String> = thread::scope(|scope| {
        let generators: Vec<_> = PROVIDERS
            .into_iter()
            .filter(enabled)
            .map(|provider| {
                let file = format!("specs/{provider}.yaml");
                println!("cargo::rerun-if-changed={file}");
                scope.spawn(move || generate(provider, &file).err().unwrap_or_default())
            })
            .collect();
        let panicked = |_| vec!["a step of the build panicked, which is a defect of the step".to_owned()];
        generators.into_iter().flat_map(|generator| generator.join().unwrap_or_else(panicked)).collect()
    });
    for finding in &findings {
        println!("cargo::error={}", finding.replace('\n', " "));
    }
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All steps for one provider; what is wrong with its spec otherwise.
fn generate(provider: &str, file: &str) -> Result<(), Vec<String>> {
    let one = |problem: String| vec![format!("{file}: {problem}")];
    let text = fs::read_to_string(file).map_err(|error| one(error.to_string()))?;
    let all = |findings: Vec<load::Finding>| findings.iter().map(ToString::to_string).collect::<Vec<_>>();
    let document = load::load(file, &text).map_err(all)?;
    let findings = lint::lint(&document);
    if !findings.is_empty() {
        return Err(all(findings));
    }
    let spec = spec::read(&document).map_err(|finding| all(vec![finding]))?;
    let bundle = bundle::bundle(&document, &spec);
    let models = models::models(&bundle).map_err(one)?;
    let client = client(&spec).map_err(one)?;
    let events = events::events(&spec);
    let skin = provider::provider(provider, &spec, &bundle);
    let code = quote! {
        /// What is sent and received, one type per schema of the specification.
        pub mod models { #models }
        #client
        #events
        #skin
    };
    let code = syn::parse2(code).map_err(|error| one(format!("the generated code does not parse: {error}")))?;
    let description = describe::describe(provider, &spec, &bundle).map_err(one)?;
    let directory = env::var_os("OUT_DIR").ok_or_else(|| one("OUT_DIR is not set".to_owned()))?;
    for (extension, text) in [("rs", prettyplease::unparse(&code)), ("json", description)] {
        let file = Path::new(&directory).join(format!("{provider}.{extension}"));
        fs::write(file, text).map_err(|error| one(error.to_string()))?;
    }
    Ok(())
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
