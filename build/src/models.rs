//! Fifth step: every schema as a Rust type. What only users of this crate send keeps its constraints; what a provider
//! sends is loosened, so that a value or a member that the provider adds tomorrow does not break a receiver tonight.

use std::collections::BTreeMap;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use schemars08::schema::SchemaObject;
use serde_json::{Map, Value, json};
use syn::punctuated::Punctuated;
use typify::{TypeSpace, TypeSpaceImpl, TypeSpacePatch, TypeSpaceSettings};

use super::bundle::{Bundle, Kind};
use super::names::Name;
use super::spec::Shape;

/// Formats that typify leaves alone, and the types of `crate::values` that stand for them.
const VALUES: [(&str, &str); 4] = [
    ("x-number", "crate::Number"),
    ("x-time", "crate::Time"),
    ("x-secret", "crate::Secret"),
    ("x-json", "crate::Json"),
];

/// Formats of strings that are a date, a time or both.
const TIMES: [&str; 4] = ["date", "date-time", "local-date-time", "http-date"];

/// The module `models`.
pub fn models(bundle: &Bundle) -> Result<TokenStream, String> {
    let mut settings = TypeSpaceSettings::default();
    settings.with_map_type("::std::collections::BTreeMap".to_owned()).with_derive("PartialEq".to_owned());
    for (format, path) in VALUES {
        let schema = json!({ "type": "string", "format": format });
        let schema: SchemaObject = serde_json::from_value(schema).map_err(|error| error.to_string())?;
        settings.with_conversion(schema, path, std::iter::empty::<TypeSpaceImpl>());
    }

    let mut enums = TokenStream::new();
    let mut types = BTreeMap::new();
    for (name, definition) in &bundle.definitions {
        if !definition.kind.is_model() {
            continue;
        }
        let loosen = definition.kind != Kind::Sent;
        // typify goes by the name that it gives to the type.
        let rust_name = name.pascal().to_string();
        if definition.kind == Kind::Received {
            settings.with_patch(&rust_name, TypeSpacePatch::default().with_attr("#[non_exhaustive]"));
        }
        match definition.schema.get("enum").and_then(Value::as_array) {
            Some(values) => {
                let names = values.iter().filter_map(Value::as_str).map(|value| {
                    Name::new(value).ok_or_else(|| format!("{name}: `{value}` has no letter or digit for a Rust name"))
                });
                let names: Vec<Name> = names.collect::<Result<_, _>>()?;
                let meaning = |value: &Name| definition.values.get(&**value).map_or("", String::as_str);
                let values: Vec<_> = names.iter().map(|value| (value, meaning(value))).collect();
                enums.extend(open_enum(&name.pascal(), description(&definition.schema), &values));
                let default = definition.schema.get("default").and_then(Value::as_str);
                let default = names.iter().find(|value| Some(&***value) == default);
                enums.extend(default.map(|value| default_of(name, value)));
                settings.with_replacement(&rust_name, &rust_name, std::iter::empty::<TypeSpaceImpl>());
                // A replaced type has to be defined all the same.
                types.insert(rust_name, json!({ "type": "string" }));
            }
            None => {
                types.insert(rust_name, typify_schema(bundle, &definition.schema, loosen));
            }
        }
    }
    let schemas = types.into_iter().map(|(name, schema)| match serde_json::from_value(schema) {
        Ok(schema) => Ok((name, schema)),
        Err(error) => Err(format!("{name}: {error}")),
    });
    let mut space = TypeSpace::new(&settings);
    space.add_ref_types(schemas.collect::<Result<Vec<_>, _>>()?).map_err(|error| error.to_string())?;
    let types = decoded(space.to_stream())?;
    Ok(quote! { #types #enums })
}

/// Has members decoded as providers send them, and objects from nothing but objects; typify has no setting for it.
fn decoded(types: TokenStream) -> Result<TokenStream, String> {
    let types: syn::File = syn::parse2(types).map_err(|error| error.to_string())?;
    let mut out = TokenStream::new();
    for item in types.items {
        match item {
            syn::Item::Struct(mut item) => match &mut item.fields {
                syn::Fields::Named(fields) => {
                    fields.named.iter_mut().try_for_each(decode_member)?;
                    let decode = from_object(&mut item)?;
                    out.extend(quote! { #item #decode });
                }
                syn::Fields::Unnamed(_) | syn::Fields::Unit => item.to_tokens(&mut out),
            },
            syn::Item::Enum(_) | syn::Item::Impl(_) | syn::Item::Mod(_) => item.to_tokens(&mut out),
            other => return Err(format!("typify has generated an item of a new kind: {}", quote!(#other))),
        }
    }
    Ok(out)
}

/// Has integers and booleans decoded from all that is one, and null taken for a list or map that was left out.
fn decode_member(field: &mut syn::Field) -> Result<(), String> {
    let is_option = is_option(&field.ty)?;
    let mut attributes = Vec::new();
    for attribute in field.attrs.iter_mut().filter(|attribute| attribute.path().is_ident("serde")) {
        let metas = attribute.parse_args_with(Metas::parse_terminated).map_err(|error| error.to_string())?;
        attributes.push((attribute, metas));
    }
    let mut metas = attributes.iter().flat_map(|(_, metas)| metas);
    let has_default = metas.any(|meta| meta.path().is_ident("default"));
    let by = match (has_scalars(&field.ty)?, has_default && !is_option) {
        (true, true) => "crate::values::optional_scalars",
        (true, false) => "crate::values::scalars",
        (false, true) => "crate::values::optional",
        (false, false) => return Ok(()),
    };
    for (attribute, metas) in &mut attributes {
        // Of a member that is required and may be null.
        if let Some(meta) = metas.iter_mut().find(|meta| meta.path().is_ident("deserialize_with")) {
            *meta = syn::parse_quote!(deserialize_with = #by);
            **attribute = syn::parse_quote!(#[serde(#metas)]);
            return Ok(());
        }
    }
    // serde takes a missing member for `None` only where it decodes the field itself.
    let default = (is_option && !has_default).then(|| quote!(, default));
    field.attrs.push(syn::parse_quote!(#[serde(deserialize_with = #by #default)]));
    Ok(())
}

type Metas = Punctuated<syn::Meta, syn::Token![,]>;

/// The path of a type; typify gives no member a type of another form.
fn path(kind: &syn::Type) -> Result<&syn::Path, String> {
    match kind {
        syn::Type::Path(syn::TypePath { qself: None, path }) => Ok(path),
        other => Err(format!("typify has generated a member of a new kind: {}", quote!(#other))),
    }
}

fn is_option(kind: &syn::Type) -> Result<bool, String> {
    Ok(path(kind)?.segments.last().is_some_and(|segment| segment.ident == "Option"))
}

/// Whether a type is or contains an integer or a boolean.
fn has_scalars(kind: &syn::Type) -> Result<bool, String> {
    for segment in &path(kind)?.segments {
        match &segment.arguments {
            syn::PathArguments::None if segment.ident == "i64" || segment.ident == "bool" => return Ok(true),
            syn::PathArguments::None => {}
            syn::PathArguments::AngleBracketed(arguments) => {
                for argument in &arguments.args {
                    match argument {
                        syn::GenericArgument::Type(kind) if has_scalars(kind)? => return Ok(true),
                        syn::GenericArgument::Type(_) => {}
                        other => {
                            return Err(format!("typify has generated a new kind of argument: {}", quote!(#other)));
                        }
                    }
                }
            }
            syn::PathArguments::Parenthesized(_) => {
                return Err(format!("typify has generated a function type: {}", quote!(#kind)));
            }
        }
    }
    Ok(false)
}

/// What decodes a struct, in place of what it derives.
fn from_object(item: &mut syn::ItemStruct) -> Result<TokenStream, String> {
    for attribute in item.attrs.iter_mut().filter(|attribute| attribute.path().is_ident("derive")) {
        let derived = Punctuated::<syn::Path, syn::Token![,]>::parse_terminated;
        let derived = attribute.parse_args_with(derived).map_err(|error| error.to_string())?;
        let others = derived.iter().filter(|path| path.segments.last().is_some_and(|it| it.ident != "Deserialize"));
        *attribute = syn::parse_quote!(#[derive(#(#others),*)]);
    }
    let name = &item.ident;
    let remote = name.to_string();
    let fields = item.fields.iter().map(|field| {
        let (name, kind) = (&field.ident, &field.ty);
        let attributes = field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde"));
        quote!(#(#attributes)* #name: #kind)
    });
    Ok(quote! {
        const _: () = {
            #[derive(::serde::Deserialize)]
            #[serde(remote = #remote)]
            struct Members { #(#fields),* }

            impl<'de> ::serde::Deserialize<'de> for #name {
                fn deserialize<D: ::serde::Deserializer<'de>>(
                    deserializer: D,
                ) -> ::std::result::Result<Self, D::Error> {
                    Members::deserialize(crate::values::Object(deserializer))
                }
            }
        };
    })
}

/// The schema as typify is to see it.
fn typify_schema(bundle: &Bundle, schema: &Value, loosen: bool) -> Value {
    let Value::Object(members) = schema else {
        return json!({ "type": "string", "format": "x-json" });
    };
    let (kind, nullable) = kind(members);
    let mut out = match kind {
        Some("number") => value("x-number"),
        Some("boolean") => Map::from_iter([("type".to_owned(), json!("boolean"))]),
        // typify would make `NonZeroU64` of a minimum of 1, and nothing of other bounds.
        Some("integer") => {
            Map::from_iter([("type".to_owned(), json!("integer")), ("format".to_owned(), json!("int64"))])
        }
        Some("string") => string(members, loosen),
        Some("array") => {
            let items = members.get("items").map_or_else(|| json!({}), |items| typify_schema(bundle, items, loosen));
            Map::from_iter([("type".to_owned(), json!("array")), ("items".to_owned(), items)])
        }
        Some("object") => object(bundle, members, loosen),
        _ => match (members.get("$ref"), members.get("allOf").or(members.get("anyOf"))) {
            (Some(_), _) => rust_reference(bundle, schema),
            (None, Some(Value::Array(parts))) => {
                let parts = parts.iter().map(|part| match part.get("$ref") {
                    Some(_) => Value::Object(rust_reference(bundle, part)),
                    None => part.clone(),
                });
                Map::from_iter([("oneOf".to_owned(), parts.collect())])
            }
            (None, _) => value("x-json"),
        },
    };
    if nullable {
        let kind = out.remove("type").unwrap_or_default();
        out.insert("type".to_owned(), json!([kind, "null"]));
    }
    let mut description = description(schema).to_owned();
    if let Some(default) = members.get("default") {
        description.push_str(&format!("\n\nWithout it the provider takes `{default}`."));
    }
    if members.get("deprecated") == Some(&Value::Bool(true)) {
        description.push_str("\n\nDeprecated by the provider.");
    }
    if !description.is_empty() {
        out.insert("description".to_owned(), json!(description));
    }
    Value::Object(out)
}

/// A reference by the Rust name of what it refers to.
fn rust_reference(bundle: &Bundle, reference: &Value) -> Map<String, Value> {
    let target = bundle.references(reference).map(|name| json!(format!("#/definitions/{}", name.pascal())));
    target.map(|target| ("$ref".to_owned(), target)).collect()
}

/// The one type of a schema that is not null, and whether null is allowed beside it.
fn kind(members: &Map<String, Value>) -> (Option<&str>, bool) {
    match members.get("type") {
        Some(Value::Array(kinds)) => (kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"), true),
        Some(kind) => (kind.as_str(), false),
        None => (None, false),
    }
}

fn value(format: &str) -> Map<String, Value> {
    Map::from_iter([("type".to_owned(), json!("string")), ("format".to_owned(), json!(format))])
}

fn string(members: &Map<String, Value>, loosen: bool) -> Map<String, Value> {
    let mut formats = members.get("format").and_then(Value::as_str).into_iter().chain(
        members
            .get("anyOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|part| part.get("format").and_then(Value::as_str)),
    );
    match formats.next() {
        Some("password") => value("x-secret"),
        Some(format) if TIMES.contains(&format) && formats.all(|format| TIMES.contains(&format)) => value("x-time"),
        _ => {
            let mut out = Map::from_iter([("type".to_owned(), json!("string"))]);
            keep(members, &mut out, &["enum", "pattern", "minLength", "maxLength"], loosen);
            out
        }
    }
}

fn object(bundle: &Bundle, members: &Map<String, Value>, loosen: bool) -> Map<String, Value> {
    let mut out = Map::from_iter([("type".to_owned(), json!("object"))]);
    match (members.get("properties"), members.get("additionalProperties")) {
        (Some(Value::Object(properties)), _) if !properties.is_empty() => {
            let properties: Map<String, Value> =
                properties.iter().map(|(name, schema)| (name.clone(), typify_schema(bundle, schema, loosen))).collect();
            out.insert("properties".to_owned(), Value::Object(properties));
            keep(members, &mut out, &["required"], false);
            out
        }
        (_, Some(values @ Value::Object(_))) => {
            out.insert("additionalProperties".to_owned(), typify_schema(bundle, values, loosen));
            out
        }
        _ => value("x-json"),
    }
}

fn keep(from: &Map<String, Value>, to: &mut Map<String, Value>, keys: &[&str], loosen: bool) {
    if !loosen {
        to.extend(keys.iter().filter_map(|key| Some(((*key).to_owned(), from.get(*key)?.clone()))));
    }
}

fn description(schema: &Value) -> &str {
    schema.get("description").and_then(Value::as_str).unwrap_or_default()
}

/// The value that the provider takes where the enum's member is left out.
fn default_of(name: &Name, value: &Name) -> TokenStream {
    let (name, variant) = (name.pascal(), value.pascal());
    let doc = format!("`{value}`, which the provider takes where nothing is sent.");
    quote! {
        impl ::std::default::Default for #name {
            #[doc = #doc]
            fn default() -> Self {
                Self::#variant
            }
        }
    }
}

/// An enum of strings that keeps a value it does not know.
///
/// Each value comes with what it means, which is empty where the document does not say it.
pub fn open_enum(ident: &Ident, description: &str, values: &[(&Name, &str)]) -> TokenStream {
    let docs = values.iter().map(|(value, meaning)| match *meaning {
        "" => format!("`{value}`."),
        meaning => format!("`{value}`: {meaning}"),
    });
    let (values, variants): (Vec<&Name>, Vec<Ident>) = values.iter().map(|(value, _)| (*value, value.pascal())).unzip();
    let doc = format!(
        "{description}\n\nEach variant is named after the provider's value; one that is not listed is \
         [`Unknown`](Self::Unknown) and keeps its text."
    );
    quote! {
        #[doc = #doc]
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum #ident {
            #(#[doc = #docs] #variants,)*
            /// A value that the specification does not list, as it was received.
            ///
            /// `From`, `FromStr` and decoding never give it for a value that is listed. Made by hand it equals none of the
            /// other variants, whatever its text: make values of text with `From`.
            Unknown(String),
        }

        impl #ident {
            /// Every value that the specification lists.
            pub const ALL: &'static [Self] = &[#(Self::#variants),*];

            /// The value as the provider writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    #(Self::#variants => #values,)*
                    Self::Unknown(value) => value,
                }
            }
        }

        impl From<&str> for #ident {
            fn from(value: &str) -> Self {
                match value {
                    #(#values => Self::#variants,)*
                    _ => Self::Unknown(value.to_owned()),
                }
            }
        }

        crate::values::string_enum!(#ident);
    }
}

/// The Rust type of a body, as seen from the provider's module.
pub fn rust_type(shape: &Shape) -> TokenStream {
    match shape {
        Shape::Named(name) => model(name),
        Shape::ListOf(name) => {
            let item = model(name);
            quote!(Vec<#item>)
        }
        Shape::Text => quote!(String),
    }
}

/// The Rust type of a named schema, as seen from the provider's module.
pub fn model(name: &Name) -> TokenStream {
    let name = name.pascal();
    quote!(models::#name)
}
