//! Seventh step: the public client. Per operation a method whose error is an enum of what that operation documents.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::models::{model, rust_type};
use super::names::{self, Name};
use super::spec::{Answer, CredentialPlace, Operation, Parameter, Spec};

/// `Client`, `Credentials` and one error enum per operation.
pub fn facade(spec: &Spec) -> TokenStream {
    let credentials = credentials(spec);
    let constants = constant_headers(spec);
    let fields = constants.iter().map(|header| header.name.snake());
    let headers = constants.iter().map(|header| &header.name);
    let methods = spec.operations.iter().enumerate().map(|(index, operation)| method(index, operation));
    let errors = spec.operations.iter().map(error_enum);
    let doc = format!(
        "Client for {}.\n\nCloning it is cheap; clones share connections. `Debug` shows neither token nor headers.",
        spec.title
    );
    quote! {
        #[doc = #doc]
        #[derive(Clone)]
        pub struct Client {
            connection: crate::client::Connection,
        }

        impl Client {
            /// A client with default [`Options`](crate::client::Options).
            ///
            /// `server` is one of the documented servers or the base URL of a stand-in.
            ///
            /// # Errors
            ///
            /// When `server` is not a base URL, when it is neither `https://` nor on this machine, or when a credential cannot
            /// be sent as a header.
            pub fn new(server: &str, credentials: Credentials) -> Result<Self, crate::client::SetupError> {
                Self::with_options(server, credentials, crate::client::Options::default())
            }

            /// A client with options of your own.
            ///
            /// # Errors
            ///
            /// As [`Client::new`].
            pub fn with_options(
                server: &str,
                credentials: Credentials,
                options: crate::client::Options,
            ) -> Result<Self, crate::client::SetupError> {
                credentials.connect(server, options).map(|connection| Self { connection })
            }

            #(#methods)*
        }

        #[cfg(feature = "sandbox")]
        impl crate::sandbox::TypedClient for Client {
            fn provider() -> &'static crate::catalogue::Provider {
                &PROVIDER
            }

            fn with_account(
                account: &crate::sandbox::Account,
                options: crate::client::Options,
            ) -> Result<Self, crate::client::SetupError> {
                let credentials = Credentials {
                    token: account.token().into(),
                    #(#fields: account.header(#headers),)*
                };
                Self::with_options(&account.base_url, credentials, options)
            }
        }

        impl ::std::fmt::Debug for Client {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct("Client").field("base_url", &self.connection.base_url()).finish_non_exhaustive()
            }
        }

        #credentials
        #(#errors)*
    }
}

fn credentials(spec: &Spec) -> TokenStream {
    let constants = constant_headers(spec);
    let (required, optional): (Vec<&Parameter>, Vec<&Parameter>) =
        constants.iter().copied().partition(|header| header.required);
    let field = |header: &&Parameter| header.name.snake();
    let fields: Vec<Ident> = constants.iter().map(field).collect();
    let names: Vec<&Name> = constants.iter().map(|header| &header.name).collect();
    let required_fields: Vec<Ident> = required.iter().map(field).collect();
    let required_types = required.iter().map(|header| header_type(header));
    let optional_fields: Vec<Ident> = optional.iter().map(field).collect();
    let required_text = required.iter().map(|header| header_text(header));
    let setters = optional.iter().map(|header| {
        let (name, kind, text) = (field(header), header_type(header), header_text(header));
        let doc =
            format!("The header `{}`, sent with every call that documents it.\n\n{}", header.name, header.description);
        quote! {
            #[doc = #doc]
            #[must_use]
            pub fn #name(mut self, value: #kind) -> Self {
                self.#name = Some(#text);
                self
            }
        }
    });
    let mut new_doc = spec.credential.as_ref().map_or(String::new(), |credential| credential.description.clone());
    if !required.is_empty() {
        new_doc.push('\n');
        new_doc.extend(required.iter().map(|header| item(&format!(", the header `{}`", header.name), header)));
    }
    let scheme = match spec.credential.as_ref().map(|credential| &credential.place) {
        Some(CredentialPlace::Header(name)) => {
            let name = name.to_ascii_lowercase();
            quote!(crate::client::Scheme::Header(::http::HeaderName::from_static(#name)))
        }
        Some(CredentialPlace::Bearer) | None => quote!(crate::client::Scheme::Bearer),
    };
    let doc = "What is the same for every call of a client. `Debug` shows none of it.";
    quote! {
        #[doc = #doc]
        #[derive(Clone)]
        pub struct Credentials {
            token: crate::client::Token,
            #(#fields: Option<crate::Secret>,)*
        }

        impl Credentials {
            #[doc = #new_doc]
            pub fn new(token: impl Into<crate::client::Token> #(, #required_fields: #required_types)*) -> Self {
                Self {
                    token: token.into(),
                    #(#required_fields: { let value = #required_fields; Some(#required_text) },)*
                    #(#optional_fields: None,)*
                }
            }

            #(#setters)*

            fn connect(
                self,
                server: &str,
                options: crate::client::Options,
            ) -> Result<crate::client::Connection, crate::client::SetupError> {
                let headers = [#(crate::client::ConstantHeader { name: #names, value: self.#fields }),*];
                crate::client::Connection::new(server, self.token, #scheme, headers, options)
            }
        }

        impl ::std::fmt::Debug for Credentials {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str("Credentials(..)")
            }
        }
    }
}

/// The constant headers of all operations, each once; required where any operation requires it.
fn constant_headers(spec: &Spec) -> Vec<&Parameter> {
    let mut found: Vec<&Parameter> = Vec::new();
    for header in spec.operations.iter().flat_map(|operation| &operation.headers).filter(|header| header.constant) {
        match found.iter_mut().find(|known| known.name.eq_ignore_ascii_case(&header.name)) {
            Some(known) if header.required => *known = header,
            Some(_) => {}
            None => found.push(header),
        }
    }
    found
}

fn header_type(header: &Parameter) -> TokenStream {
    match &header.model {
        Some(name) => model(name),
        None => quote!(impl Into<crate::Secret>),
    }
}

fn header_text(header: &Parameter) -> TokenStream {
    match header.model {
        Some(_) => quote!(crate::Secret::from(value.to_string())),
        None => quote!(value.into()),
    }
}

fn method(index: usize, operation: &Operation) -> TokenStream {
    let name = operation.id.snake();
    let error = error_name(operation);
    let (query, headers) = text_parameters(operation);
    let text_parameters = || query.iter().chain(&headers);
    let segments: Vec<&Name> = path_parameters(operation).map(|parameter| &parameter.name).collect();
    let segment_names: Vec<Ident> = segments.iter().map(|name| name.snake()).collect();
    let texts: Vec<Ident> = text_parameters().map(|parameter| parameter.name.snake()).collect();
    let text_types =
        text_parameters().map(|parameter| if parameter.required { quote!(&str) } else { quote!(Option<&str>) });
    let body = operation.request.iter().map(|request| rust_type(&request.shape));
    let body_name = operation.request.iter().map(|_| format_ident!("body"));
    let arguments = segment_names.iter().chain(&texts).cloned().chain(body_name);
    let success = operation.answers.iter().find(|answer| answer.status.starts_with('2'));
    let (output, accept) = match success.and_then(|answer| answer.body.as_ref()) {
        Some(body) => (rust_type(&body.shape), quote!(answer.decode())),
        None => (quote!(()), quote!(answer.nothing())),
    };
    // Another success with the documented body is one as well.
    let success_pattern = success.map(pattern);
    let other_success =
        success.filter(|answer| answer.status != "2XX").map(|_| quote!(_ if answer.status.is_success() => #accept,));
    let refusals = documented_errors(operation).map(|answer| {
        let (pattern, variant) = (pattern(answer), variant(answer));
        match answer.body {
            Some(_) => quote!(#pattern => Err(answer.refused(#error::#variant)),),
            None => quote!(#pattern => Err(answer.refused_empty(#error::#variant)),),
        }
    });
    let doc = method_doc(operation);
    quote! {
        #[doc = #doc]
        pub async fn #name(
            &self
            #(, #segment_names: &str)*
            #(, #texts: #text_types)*
            #(, body: &#body)*
        ) -> Result<#output, crate::client::Error<#error>> {
            let operation = &PROVIDER.operations[#index];
            #(let #segment_names = crate::client::segment(operation, #segments, #segment_names)?;)*
            let connection = &self.connection;
            let send = move |session| async move {
                let client = operations::Client::new_with_client(connection.base_url(), connection.http(), session);
                client.#name(#(#arguments),*).await
            };
            let answer = connection.call(operation, send).await?;
            match answer.status.as_u16() {
                #success_pattern => #accept,
                #(#refusals)*
                #other_success
                _ => Err(answer.undocumented()),
            }
        }
    }
}

/// The path's parameters in its order.
fn path_parameters(operation: &Operation) -> impl Iterator<Item = &Parameter> {
    let names = operation.path.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    names.filter_map(|name| operation.path_parameters.iter().find(|parameter| *parameter.name == *name))
}

/// Parameters in the query, and headers that are no client's, each in the order that progenitor gives them.
fn text_parameters(operation: &Operation) -> (Vec<&Parameter>, Vec<&Parameter>) {
    let mut query: Vec<&Parameter> = operation.query_parameters.iter().collect();
    let mut headers: Vec<&Parameter> = operation.headers.iter().filter(|header| !header.constant).collect();
    query.sort_by(|a, b| a.name.cmp(&b.name));
    headers.sort_by(|a, b| a.name.cmp(&b.name));
    (query, headers)
}

/// A parameter as item of a list.
fn item(place: &str, parameter: &Parameter) -> String {
    let name = parameter.name.snake();
    format!("\n- `{name}`{place}: {}", parameter.description.replace('\n', "\n  "))
}

fn method_doc(operation: &Operation) -> String {
    let mut doc = format!("{}\n\n`{} {}`", operation.summary, operation.method, operation.path);
    if !operation.description.is_empty() {
        doc.push_str(&format!("\n\n{}", operation.description));
    }
    let (query, headers) = text_parameters(operation);
    let mut items: Vec<String> = path_parameters(operation).map(|parameter| item("", parameter)).collect();
    items.extend(query.into_iter().map(|parameter| item(&format!(", `{}` in the query", parameter.name), parameter)));
    items.extend(headers.into_iter().map(|parameter| item(&format!(", the header `{}`", parameter.name), parameter)));
    if !items.is_empty() {
        doc.push('\n');
        doc.extend(items);
    }
    doc.push_str("\n\n# Errors\n");
    for answer in documented_errors(operation) {
        doc.push_str(&format!("\n- {}: {}", answer.status, answer.description));
    }
    doc.push_str("\n- Everything else that can go wrong: [`ErrorKind`](crate::client::ErrorKind).");
    doc
}

fn error_enum(operation: &Operation) -> TokenStream {
    let name = error_name(operation);
    let variants = documented_errors(operation).map(|answer| {
        let variant = variant(answer);
        let doc = format!("{}: {}", answer.status, answer.description);
        let payload = answer.body.iter().map(|body| rust_type(&body.shape));
        quote!(#[doc = #doc] #variant #((#payload))*,)
    });
    let shown = documented_errors(operation).map(|answer| {
        let variant = variant(answer);
        let text = if answer.body.is_some() { format!("{variant}(..)") } else { variant.to_string() };
        quote!(Self::#variant { .. } => #text,)
    });
    let debug = if operation_has_errors(operation) {
        quote!(fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            f.write_str(match self { #(#shown)* })
        })
    } else {
        quote!(
            fn fmt(&self, _: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                match *self {}
            }
        )
    };
    let mut doc = format!("What [`Client::{}`] documents as errors, by status.", operation.id);
    if !operation_has_errors(operation) {
        doc.push_str("\n\nThe provider documents none, so there is no value of this type yet.");
    }
    doc.push_str("\n\n`Debug` shows which one it is, not what it says.");
    quote! {
        #[doc = #doc]
        #[derive(Clone, PartialEq)]
        #[non_exhaustive]
        pub enum #name {
            #(#variants)*
        }

        impl ::std::fmt::Debug for #name {
            #debug
        }
    }
}

fn documented_errors(operation: &Operation) -> impl Iterator<Item = &Answer> {
    // Ranges come after the statuses they contain.
    let exact = operation.answers.iter().filter(|answer| !answer.status.ends_with("XX"));
    let ranges = operation.answers.iter().filter(|answer| answer.status.ends_with("XX"));
    exact.chain(ranges).filter(|answer| !answer.status.starts_with('2'))
}

fn operation_has_errors(operation: &Operation) -> bool {
    documented_errors(operation).next().is_some()
}

fn error_name(operation: &Operation) -> Ident {
    format_ident!("{}Error", operation.id.pascal())
}

/// `201`, or `200..=299` for `2XX`.
fn pattern(answer: &Answer) -> TokenStream {
    let first = answer.status.replace("XX", "00").parse::<u16>().unwrap_or_default();
    if answer.status.ends_with("XX") {
        let last = first + 99;
        quote!(#first..=#last)
    } else {
        quote!(#first)
    }
}

/// `Conflict` for 409, `ServerError` for `5XX`.
fn variant(answer: &Answer) -> Ident {
    let reason = match answer.status.as_str() {
        "1XX" => Some("Informational"),
        "3XX" => Some("Redirection"),
        "4XX" => Some("ClientError"),
        "5XX" => Some("ServerError"),
        status => status
            .parse::<u16>()
            .ok()
            .and_then(|code| http::StatusCode::from_u16(code).ok())
            .and_then(|code| code.canonical_reason()),
    };
    let name = reason.and_then(names::pascal).unwrap_or_else(|| format!("Status{}", answer.status));
    format_ident!("{name}")
}
