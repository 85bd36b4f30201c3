//! Tenth step: generates `PROVIDER`, which reads the description and connects schemas with Rust types, and the
//! constants and trait implementations of a provider.

use proc_macro2::TokenStream;
use quote::quote;

use super::bundle::{Bundle, Definition};
use super::models::{model, rust_type};
use super::names::Name;
use super::spec::{Server, Spec};

/// Generates `PROVIDER`, the constants of the documented servers, and the trait implementations of the models.
pub fn provider(provider: &str, spec: &Spec, bundle: &Bundle) -> TokenStream {
    let constants = spec.servers.iter().map(server_constant);
    let types = rust_types(spec, bundle);
    let models = models(bundle).map(|(name, definition, own)| {
        let id = format!("pos_webhooks::{provider}::{name}");
        let targets: Vec<_> = bundle.references(&definition.schema).collect();
        let references = targets.iter().map(|target| model(target));
        quote! {
            impl #own {
                /// Returns the examples of the model in the specification, as whole bodies and as parts of others, each
                /// with its origin.
                pub fn examples() -> Vec<::pos_webhooks::catalogue::Example> {
                    PROVIDER.examples(#name).unwrap_or_default()
                }

                /// Returns the first documented example or, if there is none, the first observed or constructed one. Its
                /// members can be changed, which makes a value for a test. `None` if no example contains the model.
                pub fn example() -> Option<Self> {
                    ::pos_webhooks::private::example(&PROVIDER, #name)
                }
            }

            ::pos_webhooks::private::model!(PROVIDER, #own, #name, #id, [#((#targets, #references)),*]);
        }
    });
    let (description, document) = (format!("/{provider}.json"), format!("/{provider}.yaml"));
    let doc = format!("{}, as data.\n\n{}", spec.title, spec.description);
    quote! {
        #(#constants)*

        #[doc = #doc]
        pub static PROVIDER: ::std::sync::LazyLock<::pos_webhooks::catalogue::Provider> = ::std::sync::LazyLock::new(|| {
            ::pos_webhooks::catalogue::Provider::embedded(
                include_str!(concat!(env!("OUT_DIR"), #description)),
                include_str!(concat!(env!("OUT_DIR"), #document)),
                const { &[#(#types),*] },
            )
        });

        #(#models)*
    }
}

/// The schemas that have a model of their own, with the type of the model.
fn models(bundle: &Bundle) -> impl Iterator<Item = (&Name, &Definition, TokenStream)> {
    let models = bundle.definitions.iter().filter(|(_, definition)| definition.kind.is_model());
    models.map(|(name, definition)| (name, definition, model(name)))
}

/// Generates a constant, or a function of the URL's variables.
fn server_constant(server: &Server) -> TokenStream {
    let Server { name, url, description, variables } = server;
    if variables.is_empty() {
        let name = name.constant();
        let doc = format!("`{url}`\n\n{description}");
        return quote!(#[doc = #doc] pub const #name: &str = #url;);
    }
    let function = name.snake();
    let arguments: Vec<_> = variables.iter().map(|variable| variable.name.snake()).collect();
    let placeholders = variables.iter().map(|variable| format!("{{{}}}", variable.name));
    let mut doc = format!("`{url}`\n\n{description}\n");
    for variable in variables {
        doc.push_str(&format!("\n- `{}`: {} For example `{}`.", variable.name, variable.description, variable.default));
        if !variable.values.is_empty() {
            doc.push_str(&format!(" One of `{}`.", variable.values.join("`, `")));
        }
    }
    quote! {
        #[doc = #doc]
        pub fn #function(#(#arguments: &str),*) -> String {
            #url #(.replace(#placeholders, #arguments))*
        }
    }
}

/// The Rust type of each schema.
fn rust_types<'a>(spec: &'a Spec, bundle: &'a Bundle) -> impl Iterator<Item = TokenStream> {
    let payloads = spec.events.iter().map(|event| &event.payload);
    let bodies: Vec<_> = spec.responses().chain(spec.acknowledgements()).chain(payloads).collect();
    bundle.definitions.iter().map(move |(name, definition)| {
        let body = bodies.iter().find(|body| body.definition == *name);
        let kind = body.map_or_else(|| model(name), |body| rust_type(&body.shape));
        let function = if definition.kind.is_model() { quote!(of_model) } else { quote!(of_body) };
        quote!(::pos_webhooks::private::RustType::#function::<#kind>(#name))
    })
}
