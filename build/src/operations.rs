//! Sixth step: generates the operations with progenitor, which handles URLs, encoding, headers and hooks.
//!
//! progenitor gets a document with the same paths, parameters and request bodies, in which every schema is an existing
//! model and every response is raw, because it supports neither several error responses nor `application/problem+json`.
//! The facade decodes responses.

use proc_macro2::TokenStream;
use progenitor::{GenerationSettings, Generator, HooksMode};
use quote::quote;
use serde_json::{Map, Value, json};

use super::dependencies::through_library;
use super::names::Name;
use super::spec::{Operation, Parameter, Shape, Spec};

/// Generates the module `operations`, which has progenitor's `Client`.
pub fn operations(spec: &Spec) -> Result<TokenStream, String> {
    let document: openapiv3::OpenAPI = serde_json::from_value(adapted(spec)).map_err(|error| error.to_string())?;
    let mut settings = GenerationSettings::default();
    settings.with_inner_type(quote!(::pos_webhooks::private::Session)).with_hooks(HooksMode::Expected);
    for name in request_models(spec) {
        // typify looks for the name of the type.
        let kind = name.pascal().to_string();
        settings.with_replacement(&kind, format!("super::models::{kind}"), std::iter::empty());
    }
    let client = Generator::new(&settings).generate_tokens(&document).map_err(|error| error.to_string())?;
    let client = through_library(client);
    Ok(quote! {
        #[allow(unused_imports)]
        use ::pos_webhooks::private::{progenitor_client, reqwest};

        #client

        impl ClientHooks<::pos_webhooks::private::Session> for Client {
            async fn pre<E>(
                &self,
                request: &mut reqwest::Request,
                _info: &OperationInfo,
            ) -> ::std::result::Result<(), Error<E>> {
                self.inner().prepare(request);
                Ok(())
            }
        }
    })
}

fn request_models(spec: &Spec) -> impl Iterator<Item = &Name> {
    spec.operations.iter().filter_map(|operation| match &operation.request.as_ref()?.shape {
        Shape::Named(name) => Some(name),
        Shape::ListOf(_) | Shape::Text => None,
    })
}

fn adapted(spec: &Spec) -> Value {
    let mut paths = Map::new();
    for operation in &spec.operations {
        let item = paths.entry(operation.path.clone()).or_insert_with(|| json!({}));
        item[operation.method.to_ascii_lowercase()] = adapted_operation(operation);
    }
    let schemas: Map<String, Value> =
        request_models(spec).map(|name| (name.pascal().to_string(), json!({ "type": "object" }))).collect();
    json!({
        "openapi": "3.0.3",
        "info": { "title": spec.title, "version": "0" },
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

fn adapted_operation(operation: &Operation) -> Value {
    let parameters: Vec<Value> =
        [("path", &operation.path_parameters), ("query", &operation.query_parameters), ("header", &operation.headers)]
            .into_iter()
            .flat_map(|(place, parameters)| {
                parameters
                    .iter()
                    .filter(|parameter| !parameter.constant)
                    .map(move |parameter| adapted_parameter(place, parameter))
            })
            .collect();
    let mut adapted = json!({
        "operationId": &*operation.id,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": { "2XX": { "description": "Any response.", "content": { "*/*": {} } } },
    });
    if let Some(request) = &operation.request {
        // The real media type is set with the other headers.
        let media_type = match request.media_type.as_str() {
            "application/x-www-form-urlencoded" => "application/x-www-form-urlencoded",
            _ => "application/json",
        };
        let schema = json!({ "$ref": format!("#/components/schemas/{}", request.definition.pascal()) });
        adapted["requestBody"] = json!({ "required": true, "content": { media_type: { "schema": schema } } });
    }
    adapted
}

fn adapted_parameter(place: &str, parameter: &Parameter) -> Value {
    json!({ "name": &*parameter.name, "in": place, "required": parameter.required, "schema": { "type": "string" } })
}
