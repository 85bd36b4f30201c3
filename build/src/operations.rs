//! Sixth step: the operations through progenitor, which does URLs, encoding, headers and hooks.
//!
//! progenitor sees a document with the same paths, parameters and request bodies, in which every schema is a model that
//! exists already and every answer is raw: it can neither tell several errors apart nor read `application/problem+json`.
//! Answers are the facade's.

use proc_macro2::TokenStream;
use progenitor::{GenerationSettings, Generator, HooksMode};
use quote::quote;
use serde_json::{Map, Value, json};

use super::names::Name;
use super::spec::{Operation, Parameter, Shape, Spec};

/// The module `operations`; it has a `Client` of progenitor's own.
pub fn operations(spec: &Spec) -> Result<TokenStream, String> {
    let document: openapiv3::OpenAPI = serde_json::from_value(adapted(spec)).map_err(|error| error.to_string())?;
    let mut settings = GenerationSettings::default();
    settings.with_inner_type(quote!(crate::client::Session)).with_hooks(HooksMode::Expected);
    for name in request_models(spec) {
        let path = format!("super::models::{}", name.pascal());
        settings.with_replacement(&**name, path, std::iter::empty());
    }
    let client = Generator::new(&settings).generate_tokens(&document).map_err(|error| error.to_string())?;
    let client = without_encoding(client)?;
    Ok(quote! {
        #client

        #[allow(unused_imports)]
        use crate::client::encode_path;

        impl ClientHooks<crate::client::Session> for Client {
            async fn pre<E>(
                &self,
                request: &mut ::reqwest::Request,
                _info: &OperationInfo,
            ) -> ::std::result::Result<(), Error<E>> {
                self.inner().prepare(request);
                Ok(())
            }
        }
    })
}

/// progenitor's own encoding of path parameters leaves `\`, which is a `/` to `Url`; `crate::client` has another one.
fn without_encoding(client: TokenStream) -> Result<TokenStream, String> {
    let mut file: syn::File = syn::parse2(client).map_err(|error| error.to_string())?;
    for item in &mut file.items {
        if let syn::Item::Use(syn::ItemUse { tree: syn::UseTree::Path(path), .. }) = item
            && let syn::UseTree::Group(group) = &mut *path.tree
        {
            let others = std::mem::take(&mut group.items).into_iter();
            let is_encoding = |tree: &syn::UseTree| matches!(tree, syn::UseTree::Name(it) if it.ident == "encode_path");
            group.items = others.filter(|tree| !is_encoding(tree)).collect();
        }
    }
    Ok(quote!(#file))
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
        request_models(spec).map(|name| (name.to_string(), json!({ "type": "object" }))).collect();
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
        "responses": { "2XX": { "description": "Whatever was answered.", "content": { "*/*": {} } } },
    });
    if let Some(request) = &operation.request {
        // The real media type is set with the other headers.
        let media_type = match request.media_type.as_str() {
            "application/x-www-form-urlencoded" => "application/x-www-form-urlencoded",
            _ => "application/json",
        };
        let schema = json!({ "$ref": format!("#/components/schemas/{}", request.definition) });
        adapted["requestBody"] = json!({ "required": true, "content": { media_type: { "schema": schema } } });
    }
    adapted
}

fn adapted_parameter(place: &str, parameter: &Parameter) -> Value {
    json!({ "name": &*parameter.name, "in": place, "required": parameter.required, "schema": { "type": "string" } })
}
