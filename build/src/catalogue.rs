//! Ninth step: the document as data, one static per provider.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;

use super::bundle::{Bundle, Kind, of_parameter};
use super::models::rust_type;
use super::names::{self, Name};
use super::redelivery::Redelivery;
use super::spec::{
    Answer, Body, Condition, Credential, CredentialKind, Event, EventNamePlace, Example, Operation, Parameter, Server,
    Shape, Source, Spec, Variable,
};

/// `PROVIDER` and the constants of the documented servers.
pub fn catalogue(provider: &str, spec: &Spec, bundle: &Bundle) -> TokenStream {
    let Spec { title, version, description, .. } = spec;
    let sources = spec.sources.iter().map(source);
    let servers = spec.servers.iter().map(server);
    let constants = spec.servers.iter().map(server_constant);
    let credential = option(spec.credential.as_ref().map(credential));
    let operations = spec.operations.iter().map(operation);
    let events = spec.events.iter().map(event);
    let event_name = option(spec.event_name.as_ref().map(|place| match place {
        EventNamePlace::Body(_) => quote!(crate::catalogue::EventNamePlace::Body),
        EventNamePlace::Header(name) => quote!(crate::catalogue::EventNamePlace::Header(#name)),
        EventNamePlace::LastPathSegment => quote!(crate::catalogue::EventNamePlace::LastPathSegment),
        EventNamePlace::Route => quote!(crate::catalogue::EventNamePlace::Route),
    }));
    let own_names = spec.own_names();
    let redelivery = option(spec.redelivery.as_ref().map(|Redelivery { answer_within, description, .. }| {
        let answer_within = option(answer_within.map(|seconds| quote!(::std::time::Duration::from_secs(#seconds))));
        quote!(crate::catalogue::Redelivery { answer_within: #answer_within, description: #description })
    }));
    let schemas = schemas(spec, bundle);
    let count = schemas.len();
    let examples = bundle.definitions.iter().filter(|(_, definition)| definition.kind.is_model()).map(|(name, _)| {
        let model = rust_type(&Shape::Named(name.clone()));
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
                    PROVIDER.members.contains(name)
                }
            }
        }
    });
    let text = bundle.to_json().to_string();
    let file = format!("/{}", spec.file);
    let doc = format!("{title}, as data.\n\n{description}");
    quote! {
        #(#constants)*

        #[doc = #doc]
        pub static PROVIDER: crate::catalogue::Provider = crate::catalogue::Provider {
            name: #provider,
            title: #title,
            version: #version,
            description: #description,
            spec: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), #file)),
            sources: &[#(#sources),*],
            servers: &[#(#servers),*],
            credential: #credential,
            operations: OPERATIONS,
            event_name: #event_name,
            own_names: &[#(#own_names),*],
            redelivery: #redelivery,
            events: EVENTS,
            schemas: &SCHEMAS,
            bundle: ::std::sync::LazyLock::new(|| crate::catalogue::parse_bundle(BUNDLE)),
            members: ::std::sync::LazyLock::new(|| crate::catalogue::members(&PROVIDER.bundle)),
        };

        #(#examples)*

        static OPERATIONS: &[crate::catalogue::Operation] = &[#(#operations),*];
        static EVENTS: &[crate::catalogue::Event] = &[#(#events),*];
        static SCHEMAS: [crate::catalogue::Schema; #count] = [#(#schemas),*];
        static BUNDLE: &str = #text;
    }
}

fn source(source: &Source) -> TokenStream {
    let Source { title, url, date, read, note } = source;
    let [url, date, read] = [url, date, read].map(|text| option(text.as_ref().map(|text| quote!(#text))));
    quote!(crate::catalogue::Source { title: #title, url: #url, date: #date, read: #read, note: #note })
}

fn server(server: &Server) -> TokenStream {
    let Server { name, url, description, variables } = server;
    let variables = variables.iter().map(|Variable { name, default, description, values }| {
        quote! {
            crate::catalogue::Variable {
                name: #name,
                default: #default,
                description: #description,
                values: &[#(#values),*],
            }
        }
    });
    quote! {
        crate::catalogue::Server {
            name: #name,
            url: #url,
            description: #description,
            variables: &[#(#variables),*],
        }
    }
}

fn credential(credential: &Credential) -> TokenStream {
    let Credential { kind, description, required } = credential;
    let scheme = match kind {
        CredentialKind::Bearer => quote!(crate::catalogue::Scheme::Bearer),
        CredentialKind::Header(name) => quote!(crate::catalogue::Scheme::Header(#name)),
    };
    quote!(crate::catalogue::Credential { scheme: #scheme, required: #required, description: #description })
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

fn operation(operation: &Operation) -> TokenStream {
    let Operation { id, method, path, summary, description, .. } = operation;
    let request = option(operation.request.as_ref().map(body));
    let path_parameters = operation.path_parameters.iter().map(parameter);
    let query_parameters = operation.query_parameters.iter().map(parameter);
    let headers = operation.headers.iter().map(parameter);
    let answers = operation.answers.iter().map(answer);
    quote! {
        crate::catalogue::Operation {
            id: #id,
            method: #method,
            path: #path,
            summary: #summary,
            description: #description,
            path_parameters: &[#(#path_parameters),*],
            query_parameters: &[#(#query_parameters),*],
            headers: &[#(#headers),*],
            request: #request,
            answers: &[#(#answers),*],
        }
    }
}

fn answer(answer: &Answer) -> TokenStream {
    let Answer { status, description, body: content } = answer;
    let body = option(content.as_ref().map(body));
    quote!(crate::catalogue::Answer { status: #status, description: #description, body: #body })
}

fn body(body: &Body) -> TokenStream {
    body_of(body, &body.definition)
}

/// A body whose schema is another than its model.
fn body_of(body: &Body, schema: &str) -> TokenStream {
    let Body { media_type, examples, .. } = body;
    let examples = examples.iter().map(example);
    quote!(crate::catalogue::Body { media_type: #media_type, schema: #schema, examples: &[#(#examples),*] })
}

fn example(example: &Example) -> TokenStream {
    let Example { name, summary, origin, source, json } = example;
    let origin = format_ident!("{}", names::pascal(origin).unwrap_or_default());
    quote! {
        crate::catalogue::Example {
            name: #name,
            summary: #summary,
            origin: crate::catalogue::Origin::#origin,
            source: #source,
            json: #json,
        }
    }
}

fn event(event: &Event) -> TokenStream {
    let Event { name, summary, description, when, idempotency_key, .. } = event;
    let when = when.iter().map(|(pointer, condition)| match condition {
        Condition::Equals(json) => quote!(crate::catalogue::Condition::Equals(#pointer, #json)),
        Condition::Present => quote!(crate::catalogue::Condition::Present(#pointer)),
        Condition::Absent => quote!(crate::catalogue::Condition::Absent(#pointer)),
    });
    let credential = option(event.credential.as_ref().map(credential));
    let headers = event.headers.iter().map(parameter);
    let payload = body_of(&event.payload, name);
    let answers = event.answers.iter().map(answer);
    quote! {
        crate::catalogue::Event {
            name: #name,
            summary: #summary,
            description: #description,
            when: &[#(#when),*],
            idempotency_key: &[#(#idempotency_key),*],
            credential: #credential,
            headers: &[#(#headers),*],
            payload: #payload,
            answers: &[#(#answers),*],
        }
    }
}

fn parameter(parameter: &Parameter) -> TokenStream {
    let Parameter { name, description, required, constant, schema: _, value } = parameter;
    let schema = of_parameter(value).to_string();
    quote! {
        crate::catalogue::Parameter {
            name: #name,
            required: #required,
            constant: #constant,
            description: #description,
            schema: #schema,
        }
    }
}

fn schemas(spec: &Spec, bundle: &Bundle) -> Vec<TokenStream> {
    let answer = |name: &Name| spec.answers().chain(spec.acknowledgements()).find(|body| body.definition == *name);
    bundle
        .definitions
        .iter()
        .map(|(name, definition)| {
            let description = definition.schema.get("description").and_then(Value::as_str).unwrap_or_default();
            let (kind, shape) = match definition.kind {
                Kind::Sent => ("Sent", None),
                Kind::Received | Kind::Both => ("Received", None),
                Kind::Answer => ("Answer", answer(name).map(|body| &body.shape)),
                Kind::Event => {
                    ("Event", spec.events.iter().find(|event| event.name == *name).map(|event| &event.payload.shape))
                }
            };
            let kind = format_ident!("{kind}");
            let own = Shape::Named(name.clone());
            let model = rust_type(shape.unwrap_or(&own));
            let generate = if definition.kind.is_model() {
                quote!(Some(<#model as ::schemars::JsonSchema>::json_schema))
            } else {
                quote!(None)
            };
            quote! {
                crate::catalogue::Schema {
                    name: #name,
                    description: #description,
                    kind: crate::catalogue::SchemaKind::#kind,
                    decode: crate::catalogue::decode_model::<#model>,
                    #[cfg(feature = "schemars")]
                    generate: #generate,
                    #[cfg(feature = "validate")]
                    validators: ::std::sync::OnceLock::new(),
                }
            }
        })
        .collect()
}

/// `schemars::JsonSchema` for every model: the schema of the document.
pub fn json_schemas(provider: &str, bundle: &Bundle) -> TokenStream {
    let models =
        bundle.definitions.iter().filter(|(_, definition)| definition.kind.is_model()).map(|(name, definition)| {
            let model = rust_type(&Shape::Named(name.clone()));
            let id = format!("pos_webhooks::{provider}::{name}");
            let references = bundle.references(&definition.schema).map(|target| {
                let model = rust_type(&Shape::Named(target.clone()));
                quote!((#target, |generator| generator.subschema_for::<#model>()))
            });
            quote! {
                impl ::schemars::JsonSchema for #model {
                    fn schema_name() -> ::std::borrow::Cow<'static, str> {
                        #name.into()
                    }

                    fn schema_id() -> ::std::borrow::Cow<'static, str> {
                        #id.into()
                    }

                    fn json_schema(generator: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                        crate::json_schema::for_schemars(&PROVIDER.bundle, #name, generator, &[#(#references),*])
                    }
                }
            }
        });
    quote! {
        #[cfg(feature = "schemars")]
        const _: () = { #(#models)* };
    }
}

fn option(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote!(Some(#value)),
        None => quote!(None),
    }
}
