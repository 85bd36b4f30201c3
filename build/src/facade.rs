//! Seventh step: generates the public client. It has a method for each operation, and an enum of the error responses
//! that the operation documents.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::doc_examples::DocExamples;
use super::models::{model, rust_type};
use super::names::{self, Name};
use super::spec::{Operation, Parameter, Response, Security, Spec};
use super::token::TokenGrant;

/// Generates `Client`, `Credentials` and one error enum per operation.
pub fn facade(spec: &Spec, examples: &DocExamples<'_>) -> TokenStream {
    let credentials = credentials(spec);
    let constants = constant_headers(spec);
    let fields = constants.iter().map(|header| header.name.snake());
    let headers = constants.iter().map(|header| &header.name);
    let methods = spec.operations.iter().enumerate().map(|(index, operation)| method(index, operation, examples));
    let errors = spec.operations.iter().map(error_enum);
    let rotation = spec.registration.as_ref().filter(|registration| registration.can_rotate()).map(|_| rotation());
    let access_token = spec.credential.as_ref().map(|_| access_token());
    let doc = format!(
        "Client for {}. Requires the feature `client` of `pos-webhooks`.\n\nCloning a client is cheap, and clones share connections. `Debug` shows neither token nor headers.",
        spec.title
    );
    quote! {
        #[doc = #doc]
        #[derive(Clone)]
        pub struct Client {
            caller: ::pos_webhooks::private::Caller,
        }

        impl Client {
            /// Constructs a client with the default [`Options`](pos_webhooks::client::Options).
            ///
            /// `server` is one of the documented servers, or the base URL of a test server.
            ///
            /// # Errors
            ///
            /// Returns an error if `server` is not a base URL, if it is neither `https://` nor on this machine, or if a
            /// credential cannot be sent as a header.
            pub fn new(server: &str, credentials: Credentials) -> Result<Self, ::pos_webhooks::client::SetupError> {
                Self::with_options(server, credentials, ::pos_webhooks::client::Options::default())
            }

            /// Constructs a client with other options.
            ///
            /// # Errors
            ///
            /// Returns the same errors as [`Client::new`].
            pub fn with_options(
                server: &str,
                credentials: Credentials,
                options: ::pos_webhooks::client::Options,
            ) -> Result<Self, ::pos_webhooks::client::SetupError> {
                credentials.connect(server, options).map(|caller| Self { caller })
            }

            #(#methods)*

            #access_token

            #rotation
        }

        ::pos_webhooks::private::with_sandbox! {
            impl ::pos_webhooks::sandbox::TypedClient for Client {
                fn provider() -> &'static ::pos_webhooks::catalogue::Provider {
                    &PROVIDER
                }

                fn with_account(
                    account: &::pos_webhooks::sandbox::Account,
                    options: ::pos_webhooks::client::Options,
                ) -> Result<Self, ::pos_webhooks::client::SetupError> {
                    let credentials = Credentials {
                        token: account.token().into(),
                        #(#fields: account.header(#headers),)*
                    };
                    Self::with_options(&account.base_url, credentials, options)
                }
            }
        }

        impl ::std::fmt::Debug for Client {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct("Client").field("base_url", &self.caller.transport().base_url()).finish_non_exhaustive()
            }
        }

        #credentials
        #(#errors)*
    }
}

/// The method that returns the access token.
fn access_token() -> TokenStream {
    quote! {
        /// Returns the access token that the next request would send, for another program or to check the credentials. A
        /// client that requests its tokens requests one if it does not have one, or if its token is about to expire.
        /// `Debug` of the token does not show it.
        ///
        /// # Errors
        ///
        /// Returns a [`TokenError`](pos_webhooks::client::TokenError) if a token could not be requested, or else the error of the
        /// token source.
        pub async fn access_token(&self) -> Result<::pos_webhooks::client::AccessToken, ::pos_webhooks::client::BoxError> {
            self.caller.access_token().await
        }
    }
}

/// The methods that replace a registration, and with it the secret.
fn rotation() -> TokenStream {
    let client = quote!(::pos_webhooks::client::AnyClient::of(&PROVIDER, &self.caller));
    quote! {
        /// Registers the URL and the events of a registration once more, to replace its secret, as
        /// [`AnyClient::rotate`](pos_webhooks::client::AnyClient::rotate) says. Store the new secret with the id of the new
        /// registration, make every receiver accept both secrets, and then call [`Client::finish_rotation`].
        ///
        /// # Errors
        ///
        /// Returns an error if there is no such registration, or if an operation fails. The variants of
        /// [`RotateError`](pos_webhooks::client::RotateError) say which registrations exist then.
        pub async fn rotate(&self, old: &str) -> Result<::pos_webhooks::client::Rotation, ::pos_webhooks::client::RotateError> {
            #client.rotate(old).await
        }

        /// Deletes the old registration, after [`Client::rotate`] has registered the new one. To give the id of the new
        /// registration confirms that its secret is stored, and that every receiver accepts it.
        ///
        /// # Errors
        ///
        /// Returns an error if the new registration does not exist, if it has another URL or other events, or if an
        /// operation fails. The old registration may still exist then; call this function again.
        pub async fn finish_rotation(&self, old: &str, new: &str) -> Result<(), ::pos_webhooks::client::RotateError> {
            #client.finish_rotation(old, new).await
        }

        /// Deletes the new registration because its secret was lost, and registers another one in its place. If this
        /// call is interrupted, call [`Client::rotate`].
        ///
        /// # Errors
        ///
        /// Returns an error if one of the registrations does not exist, if they do not have the same URL and events, or
        /// if an operation fails. The variants of [`RotateError`](pos_webhooks::client::RotateError) say which registrations
        /// exist then.
        pub async fn restart_rotation(
            &self,
            old: &str,
            new: &str,
        ) -> Result<::pos_webhooks::client::Rotation, ::pos_webhooks::client::RotateError> {
            #client.restart_rotation(old, new).await
        }
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
        let doc = format!(
            "Sets the header `{}`, which is sent with every request that documents it.\n\n{}",
            header.name, header.description
        );
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
    let grants = spec.credential.iter().flat_map(|credential| &credential.grants).enumerate();
    let from_client = grants.map(|(index, grant)| from_client(index, grant, &required, &optional));
    let doc =
        "The credentials and headers that are the same for every request of a client. `Debug` does not show them.";
    if new_doc.is_empty() {
        new_doc = "The operations do not require a credential.".to_owned();
    }
    let without_arguments =
        (spec.credential.is_none() && required.is_empty()).then(|| quote!(#[allow(clippy::new_without_default)]));
    let (argument, token) = match spec.credential {
        Some(_) => (Some(quote!(token: impl Into<::pos_webhooks::client::Token>,)), quote!(token.into())),
        // No operation sends it.
        None => (None, quote!(::std::convert::Into::into(""))),
    };
    quote! {
        #[doc = #doc]
        #[derive(Clone)]
        pub struct Credentials {
            token: ::pos_webhooks::client::Token,
            #(#fields: Option<::pos_webhooks::Secret>,)*
        }

        impl Credentials {
            #[doc = #new_doc]
            #without_arguments
            pub fn new(#argument #(#required_fields: #required_types),*) -> Self {
                Self {
                    token: #token,
                    #(#required_fields: { let value = #required_fields; Some(#required_text) },)*
                    #(#optional_fields: None,)*
                }
            }

            #(#from_client)*

            #(#setters)*

            fn connect(
                self,
                server: &str,
                options: ::pos_webhooks::client::Options,
            ) -> Result<::pos_webhooks::private::Caller, ::pos_webhooks::client::SetupError> {
                let headers = [#(::pos_webhooks::private::ConstantHeader { name: #names, value: self.#fields }),*];
                ::pos_webhooks::private::Caller::new(&PROVIDER, server, self.token, headers, options)
            }
        }

        impl ::std::fmt::Debug for Credentials {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str("Credentials(..)")
            }
        }
    }
}

/// The constructor for a client that requests its tokens: `from_client` for the default grant, and `from_client_NAME` for
/// another one.
fn from_client(index: usize, grant: &TokenGrant, required: &[&Parameter], optional: &[&Parameter]) -> TokenStream {
    let other = grant.name.as_deref().filter(|_| index > 0);
    let function = match other.and_then(names::snake) {
        Some(name) => format_ident!("from_client_{name}"),
        None => format_ident!("from_client"),
    };
    let token = match other {
        Some(name) => quote!(from_client_with_grant(#name, credentials)),
        None => quote!(from_client(credentials)),
    };
    let names: Vec<&Name> = grant.credentials.iter().map(|credential| &credential.name).collect();
    let arguments: Vec<Ident> = names.iter().map(|name| name.snake()).collect();
    let field = |header: &&Parameter| header.name.snake();
    let required_fields: Vec<Ident> = required.iter().map(field).collect();
    let required_types = required.iter().map(|header| header_type(header));
    let required_text = required.iter().map(|header| header_text(header));
    let optional_fields = optional.iter().map(field);
    let mut doc = format!(
        "Credentials of a client that fetches its access tokens with [`Client::{}`], as \
         [`Token::from_client`](pos_webhooks::client::Token::from_client) says.\n",
        grant.operation
    );
    for credential in &grant.credentials {
        doc.push_str(&format!("\n- `{}`: {}", credential.name.snake(), credential.description.replace('\n', "\n  ")));
    }
    doc.extend(required.iter().map(|header| item(&format!(", the header `{}`", header.name), header)));
    quote! {
        #[doc = #doc]
        pub fn #function(
            #(#arguments: impl Into<::pos_webhooks::Secret>,)*
            #(#required_fields: #required_types,)*
        ) -> Self {
            let credentials = [#((#names, ::std::convert::Into::<::pos_webhooks::Secret>::into(#arguments))),*];
            Self {
                token: ::pos_webhooks::client::Token::#token,
                #(#required_fields: { let value = #required_fields; Some(#required_text) },)*
                #(#optional_fields: None,)*
            }
        }
    }
}

/// The constant headers of all operations, each once. A header is required if any operation requires it.
pub fn constant_headers(spec: &Spec) -> Vec<&Parameter> {
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
        None => quote!(impl Into<::pos_webhooks::Secret>),
    }
}

fn header_text(header: &Parameter) -> TokenStream {
    match header.model {
        Some(_) => quote!(::pos_webhooks::Secret::from(value.to_string())),
        None => quote!(value.into()),
    }
}

fn method(index: usize, operation: &Operation, examples: &DocExamples<'_>) -> TokenStream {
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
    let (proof, parts) = match operation.security {
        Security::Credential => (quote!(::pos_webhooks::private::Proof::Credential), None),
        Security::Basic => (
            quote!(::pos_webhooks::private::Proof::Basic(username, password)),
            Some(quote!(username: &str, password: &str,)),
        ),
        Security::None => (quote!(::pos_webhooks::private::Proof::None), None),
    };
    let arguments = segment_names.iter().chain(&texts).cloned().chain(body_name);
    let success = operation.responses.iter().find(|response| response.is_success());
    let (output, accept) = match success.and_then(|response| response.body.as_ref()) {
        Some(body) => (rust_type(&body.shape), quote!(answer.decode())),
        None => (quote!(()), quote!(answer.nothing())),
    };
    // Another 2xx status with the documented body is a success as well.
    let success_pattern = success.map(pattern);
    let other_success = success
        .filter(|response| response.status != "2XX")
        .map(|_| quote!(_ if answer.status().is_success() => #accept,));
    let errors = documented_errors(operation).map(|response| {
        let (pattern, variant) = (pattern(response), variant(response));
        match response.body {
            Some(_) => quote!(#pattern => Err(answer.documented_error(#error::#variant)),),
            None => quote!(#pattern => Err(answer.documented_error_without_body(#error::#variant)),),
        }
    });
    let doc = method_doc(operation) + &examples.of_operation(operation);
    quote! {
        #[doc = #doc]
        pub async fn #name(
            &self,
            #parts
            #(#segment_names: &str,)*
            #(#texts: #text_types,)*
            #(body: &#body,)*
        ) -> Result<#output, ::pos_webhooks::client::Error<#error>> {
            let operation = &PROVIDER.operations[#index];
            #(let #segment_names = ::pos_webhooks::private::segment(operation, #segments, #segment_names)?;)*
            let transport = self.caller.transport();
            let server = transport.server(operation)?;
            let send = move |session| async move {
                let client = operations::Client::new_with_client(server, transport.http(), session);
                client.#name(#(#arguments),*).await
            };
            let answer = self.caller.call(operation, #proof, send).await?;
            match answer.status().as_u16() {
                #success_pattern => #accept,
                #(#errors)*
                #other_success
                _ => Err(answer.undocumented()),
            }
        }
    }
}

/// The path parameters, in the order of the path.
pub fn path_parameters(operation: &Operation) -> impl Iterator<Item = &Parameter> {
    let names = operation.path.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    names.filter_map(|name| operation.path_parameters.iter().find(|parameter| *parameter.name == *name))
}

/// The query parameters, and the headers that are not those of the client, each in progenitor's order.
pub fn text_parameters(operation: &Operation) -> (Vec<&Parameter>, Vec<&Parameter>) {
    let mut query: Vec<&Parameter> = operation.query_parameters.iter().collect();
    let mut headers: Vec<&Parameter> = operation.headers.iter().filter(|header| !header.constant).collect();
    query.sort_by(|a, b| a.name.cmp(&b.name));
    headers.sort_by(|a, b| a.name.cmp(&b.name));
    (query, headers)
}

/// A parameter as an item of a Markdown list.
fn item(place: &str, parameter: &Parameter) -> String {
    let name = parameter.name.snake();
    format!("\n- `{name}`{place}: {}", parameter.description.replace('\n', "\n  "))
}

fn method_doc(operation: &Operation) -> String {
    let mut doc = format!("{}\n\n`{} {}`", operation.summary, operation.method, operation.path);
    let servers: Vec<String> = operation.servers.iter().map(|server| format!("`{}`", server.url)).collect();
    if !servers.is_empty() {
        doc.push_str(&format!(", at {}", servers.join(" and ")));
    }
    if !operation.description.is_empty() {
        doc.push_str(&format!("\n\n{}", operation.description));
    }
    let (query, headers) = text_parameters(operation);
    let mut items = Vec::new();
    if operation.security == Security::Basic {
        items.push("\n- `username` and `password`: sent in `Authorization`, with the scheme Basic".to_owned());
    }
    items.extend(path_parameters(operation).map(|parameter| item("", parameter)));
    items.extend(query.into_iter().map(|parameter| item(&format!(", `{}` in the query", parameter.name), parameter)));
    items.extend(headers.into_iter().map(|parameter| item(&format!(", the header `{}`", parameter.name), parameter)));
    if !items.is_empty() {
        doc.push('\n');
        doc.extend(items);
    }
    doc.push_str("\n\n# Errors\n");
    for response in documented_errors(operation) {
        doc.push_str(&format!("\n- {}: {}", response.status, response.description));
    }
    doc.push_str("\n- All other errors: see [`ErrorKind`](pos_webhooks::client::ErrorKind).");
    doc
}

fn error_enum(operation: &Operation) -> TokenStream {
    let name = error_name(operation);
    let variants = documented_errors(operation).map(|response| {
        let variant = variant(response);
        let doc = format!("{}: {}", response.status, response.description);
        let payload = response.body.iter().map(|body| rust_type(&body.shape));
        quote!(#[doc = #doc] #variant #((#payload))*,)
    });
    let shown = documented_errors(operation).map(|response| {
        let variant = variant(response);
        let text = if response.body.is_some() { format!("{variant}(..)") } else { variant.to_string() };
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
    let mut doc = format!("The documented error responses of [`Client::{}`], by status.", operation.id);
    if !operation_has_errors(operation) {
        doc.push_str("\n\nThe provider does not document any, so this type does not have values yet.");
    }
    doc.push_str("\n\n`Debug` shows the variant, but not its content.");
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

fn documented_errors(operation: &Operation) -> impl Iterator<Item = &Response> {
    // Ranges come after the statuses that they contain.
    let exact = operation.responses.iter().filter(|response| !response.status.ends_with("XX"));
    let ranges = operation.responses.iter().filter(|response| response.status.ends_with("XX"));
    exact.chain(ranges).filter(|response| !response.is_success())
}

fn operation_has_errors(operation: &Operation) -> bool {
    documented_errors(operation).next().is_some()
}

fn error_name(operation: &Operation) -> Ident {
    format_ident!("{}Error", operation.id.pascal())
}

/// `201`, or `200..=299` for `2XX`.
fn pattern(response: &Response) -> TokenStream {
    let first = response.status.replace("XX", "00").parse::<u16>().unwrap_or_default();
    if response.status.ends_with("XX") {
        let last = first + 99;
        quote!(#first..=#last)
    } else {
        quote!(#first)
    }
}

fn variant(response: &Response) -> Ident {
    format_ident!("{}", response.reason())
}
