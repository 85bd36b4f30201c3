//! Tenth step: what of a provider must be Rust. It reads the description, and says which Rust type belongs to which schema.

use proc_macro2::TokenStream;
use quote::quote;

use super::bundle::{Bundle, Definition};
use super::models::{model, rust_type};
use super::names::Name;
use super::spec::{Server, Spec};

/// `PROVIDER`, the constants of the documented servers, and what every model has of its provider.
pub fn provider(provider: &str, spec: &Spec, bundle: &Bundle) -> TokenStream {
    let constants = spec.servers.iter().map(server_constant);
    let types = rust_types(spec, bundle);
    let models = models(bundle).map(|(name, _, model)| {
        quote! {
            impl #model {
                /// The examples of the model in the specification, on their own and inside of others, each with its
                /// origin.
                pub fn examples() -> Vec<crate::catalogue::Example> {
                    PROVIDER.examples(#name).unwrap_or_default()
                }
            }

            impl crate::decode::FromJson for #model {
                fn lists(name: &str) -> bool {
                    PROVIDER.lists(name)
                }
            }
        }
    });
    let json_schemas = json_schemas(provider, bundle);
    let (description, spec_file) = (format!("/{provider}.json"), format!("/{}", spec.file));
    let doc = format!("{}, as data.\n\n{}", spec.title, spec.description);
    quote! {
        #(#constants)*

        #[doc = #doc]
        pub static PROVIDER: ::std::sync::LazyLock<crate::catalogue::Provider> = ::std::sync::LazyLock::new(|| {
            crate::catalogue::Provider::embedded(
                include_str!(concat!(env!("OUT_DIR"), #description)),
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), #spec_file)),
                &[#(#types),*],
            )
        });

        #(#models)*

        #[cfg(feature = "schemars")]
        const _: () = { #json_schemas };
    }
}

/// The schemas that have a model of their own, with its type.
fn models(bundle: &Bundle) -> impl Iterator<Item = (&Name, &Definition, TokenStream)> {
    let models = bundle.definitions.iter().filter(|(_, definition)| definition.kind.is_model());
    models.map(|(name, definition)| (name, definition, model(name)))
}

/// A constant, or a function of the URL's variables.
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

/// Per schema its Rust type.
fn rust_types<'a>(spec: &'a Spec, bundle: &'a Bundle) -> impl Iterator<Item = TokenStream> {
    let payloads = spec.events.iter().map(|event| &event.payload);
    let bodies: Vec<_> = spec.answers().chain(spec.acknowledgements()).chain(payloads).collect();
    bundle.definitions.iter().map(move |(name, definition)| {
        let body = bodies.iter().find(|body| body.definition == *name);
        let kind = body.map_or_else(|| model(name), |body| rust_type(&body.shape));
        let generate = if definition.kind.is_model() {
            quote!(Some(<#kind as ::schemars::JsonSchema>::json_schema))
        } else {
            quote!(None)
        };
        quote! {
            crate::catalogue::RustType {
                schema: #name,
                decode: crate::decode::decode_model::<#kind>,
                #[cfg(feature = "schemars")]
                generate: #generate,
            }
        }
    })
}

/// `schemars::JsonSchema` for every model: the schema of the document.
fn json_schemas(provider: &str, bundle: &Bundle) -> TokenStream {
    let models = models(bundle).map(|(name, definition, own)| {
        let id = format!("pos_webhooks::{provider}::{name}");
        let references = bundle.references(&definition.schema).map(|target| {
            let model = model(target);
            quote!((#target, |generator| generator.subschema_for::<#model>()))
        });
        quote! {
            impl ::schemars::JsonSchema for #own {
                fn schema_name() -> ::std::borrow::Cow<'static, str> {
                    #name.into()
                }

                fn schema_id() -> ::std::borrow::Cow<'static, str> {
                    #id.into()
                }

                fn json_schema(generator: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                    crate::catalogue::for_schemars(&PROVIDER, #name, generator, &[#(#references),*])
                }
            }
        }
    });
    quote!(#(#models)*)
}
