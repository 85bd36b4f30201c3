//! Fifth step: generates a Rust type for every schema. Types that only users of the library send keep their
//! constraints. Types that a provider sends are tolerant, so that a value or a member that the provider adds does not
//! break receivers.

use std::collections::BTreeMap;
use std::mem;

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use schemars08::schema::SchemaObject;
use serde_json::{Map, Value, json};
use syn::punctuated::Punctuated;
use typify::{TypeSpace, TypeSpaceImpl, TypeSpacePatch, TypeSpaceSettings};

use super::bundle::{Bundle, DefinitionKind};
use super::dependencies::through_library;
use super::formats::TIME_TEXT;
use super::names::{self, Name};
use super::pattern;
use super::spec::Shape;

/// Formats that typify does not change, and the types of the library that replace them.
const VALUES: [(&str, &str); 4] = [
    ("x-number", "::pos_webhooks::Number"),
    ("x-time", "::pos_webhooks::Time"),
    ("x-secret", "::pos_webhooks::Secret"),
    ("x-json", "::pos_webhooks::Json"),
];

/// The path of serde, for the code that it derives.
const SERDE: &str = "::pos_webhooks::private::serde";

/// The formats of strings that are a date, a time or both.
const TIMES: [&str; 5] = ["date", "date-time", "local-date-time", "http-date", TIME_TEXT];

/// Generates the module `models`.
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
    let mut orders = BTreeMap::new();
    for (name, definition) in &bundle.definitions {
        if !definition.kind.is_model() {
            continue;
        }
        let loosen = definition.kind != DefinitionKind::Sent;
        // typify expects the name that it gives to the type.
        let rust_name = name.pascal().to_string();
        if definition.kind == DefinitionKind::Received {
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
                // A replaced type has to be defined as well.
                types.insert(rust_name, json!({ "type": "string" }));
            }
            None => {
                orders.insert(name.pascal(), &*definition.order);
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
    let types = decoded(space.to_stream(), &orders)?;
    Ok(quote! { #types #enums })
}

/// Makes members decode the values that providers send, and structs decode from objects only, and puts members into these
/// orders. typify does not have a setting for this.
fn decoded(types: TokenStream, orders: &BTreeMap<Ident, &[String]>) -> Result<TokenStream, String> {
    let types: syn::File = syn::parse2(types).map_err(|error| error.to_string())?;
    let mut out = TokenStream::new();
    for item in types.items {
        match item {
            syn::Item::Struct(mut item) => {
                derive_through_library(&mut item.attrs);
                match &mut item.fields {
                    syn::Fields::Named(fields) => {
                        in_order(fields, orders.get(&item.ident).copied().unwrap_or_default());
                        fields.named.iter_mut().try_for_each(decode_member)?;
                        let decode = from_object(&mut item)?;
                        out.extend(quote! { #item #decode });
                    }
                    syn::Fields::Unnamed(_) | syn::Fields::Unit => item.to_tokens(&mut out),
                }
            }
            syn::Item::Enum(mut item) => {
                derive_through_library(&mut item.attrs);
                item.to_tokens(&mut out);
            }
            syn::Item::Impl(mut item) => {
                item.items.iter_mut().for_each(without_engine);
                out.extend(through_library(item.into_token_stream()));
            }
            syn::Item::Mod(_) => out.extend(through_library(item.into_token_stream())),
            other => return Err(format!("typify has generated an item of a new kind: {}", quote!(#other))),
        }
    }
    Ok(out)
}

/// Puts members into the order of the properties that they are named after. typify sorts them by name.
fn in_order(fields: &mut syn::FieldsNamed, order: &[String]) {
    let order: Vec<Option<String>> = order.iter().map(|property| names::snake(property)).collect();
    let mut sorted: Vec<syn::Field> = mem::take(&mut fields.named).into_iter().collect();
    sorted.sort_by_key(|field| {
        let name = field.ident.as_ref().map(Ident::to_string);
        order.iter().position(|property| *property == name)
    });
    fields.named = sorted.into_iter().collect();
}

/// Makes a function match patterns without an engine for regular expressions, where that is possible.
fn without_engine(item: &mut syn::ImplItem) {
    let syn::ImplItem::Fn(function) = item else { return };
    for statement in &mut function.block.stmts {
        // typify keeps the regular expression in a static that it compiles at first use, and calls `find` of it.
        if let syn::Stmt::Item(syn::Item::Static(pattern)) = statement
            && let Some(code) = first_text(pattern.expr.to_token_stream()).and_then(|text| pattern::code(&text))
        {
            let name = &pattern.ident;
            *statement = syn::parse_quote!(const #name: ::pos_webhooks::private::Pattern = #code;);
        }
    }
}

/// The first string literal in code.
fn first_text(code: TokenStream) -> Option<String> {
    code.into_iter().find_map(|token| match token {
        TokenTree::Group(group) => first_text(group.stream()),
        TokenTree::Literal(literal) => {
            syn::parse2::<syn::LitStr>(literal.to_token_stream()).ok().map(|text| text.value())
        }
        TokenTree::Ident(_) | TokenTree::Punct(_) => None,
    })
}

/// Derives the traits of serde that the library exports.
fn derive_through_library(attributes: &mut Vec<syn::Attribute>) {
    for attribute in attributes.iter_mut().filter(|attribute| attribute.path().is_ident("derive")) {
        if let syn::Meta::List(list) = &mut attribute.meta {
            list.tokens = through_library(mem::take(&mut list.tokens));
        }
    }
    attributes.push(syn::parse_quote!(#[serde(crate = #SERDE)]));
}

/// Makes integers and booleans decode from every form of them, and optional lists and maps from null.
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
        (true, true) => "::pos_webhooks::private::optional_scalars",
        (true, false) => "::pos_webhooks::private::scalars",
        (false, true) => "::pos_webhooks::private::optional",
        (false, false) => return Ok(()),
    };
    for (attribute, metas) in &mut attributes {
        // The default of a member that is required and may be null.
        if let Some(meta) = metas.iter_mut().find(|meta| meta.path().is_ident("deserialize_with")) {
            *meta = syn::parse_quote!(deserialize_with = #by);
            **attribute = syn::parse_quote!(#[serde(#metas)]);
            return Ok(());
        }
    }
    // serde decodes a missing member to `None` only if it decodes the field itself.
    let default = (is_option && !has_default).then(|| quote!(, default));
    field.attrs.push(syn::parse_quote!(#[serde(deserialize_with = #by #default)]));
    Ok(())
}

type Metas = Punctuated<syn::Meta, syn::Token![,]>;

/// The path of a type. typify does not generate members with other kinds of types.
fn path(kind: &syn::Type) -> Result<&syn::Path, String> {
    match kind {
        syn::Type::Path(syn::TypePath { attrs: _, qself: None, path }) => Ok(path),
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

/// Generates the code that decodes a struct, instead of the derived code.
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
            #[derive(::pos_webhooks::private::serde::Deserialize)]
            #[serde(crate = #SERDE, remote = #remote)]
            struct __Members { #(#fields),* }

            impl<'de> ::pos_webhooks::private::serde::Deserialize<'de> for #name {
                fn deserialize<D: ::pos_webhooks::private::serde::Deserializer<'de>>(
                    deserializer: D,
                ) -> ::std::result::Result<Self, D::Error> {
                    __Members::deserialize(::pos_webhooks::private::ObjectOnly(deserializer))
                }
            }
        };
    })
}

/// The schema in the form for typify.
fn typify_schema(bundle: &Bundle, schema: &Value, loosen: bool) -> Value {
    let Value::Object(members) = schema else {
        return json!({ "type": "string", "format": "x-json" });
    };
    let (kind, nullable) = kind(members);
    let mut out = match kind {
        Some("number") => value("x-number"),
        Some("boolean") => Map::from_iter([("type".to_owned(), json!("boolean"))]),
        // typify would generate `NonZeroU64` for a minimum of 1, and ignore other bounds.
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
        description.push_str(&format!("\n\nIf the member is missing, the provider uses `{default}`."));
    }
    if members.get("deprecated") == Some(&Value::Bool(true)) {
        description.push_str("\n\nDeprecated by the provider.");
    }
    if !description.is_empty() {
        out.insert("description".to_owned(), json!(description));
    }
    Value::Object(out)
}

/// A reference by the Rust name of its target.
fn rust_reference(bundle: &Bundle, reference: &Value) -> Map<String, Value> {
    let target = bundle.references(reference).map(|name| json!(format!("#/definitions/{}", name.pascal())));
    target.map(|target| ("$ref".to_owned(), target)).collect()
}

/// The type of a schema other than null, and whether null is allowed as well.
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

/// The schema of a text for typify. A secret or a time has the format of its type, and a text with constraints keeps them.
pub fn string(members: &Map<String, Value>, loosen: bool) -> Map<String, Value> {
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
            // Every text is that long, and rustc warns of the comparison.
            if out.get("minLength") == Some(&json!(0)) {
                out.remove("minLength");
            }
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

/// Generates the default of an enum: the value that the provider uses for a missing member.
fn default_of(name: &Name, value: &Name) -> TokenStream {
    let (name, variant) = (name.pascal(), value.pascal());
    let doc = format!("Returns `{value}`, which the provider uses if the member is missing.");
    quote! {
        impl ::std::default::Default for #name {
            #[doc = #doc]
            fn default() -> Self {
                Self::#variant
            }
        }
    }
}

/// Generates a string enum that keeps unknown values.
///
/// Each value is given with its description, which is empty if the document does not have one.
pub fn open_enum(ident: &Ident, description: &str, values: &[(&Name, &str)]) -> TokenStream {
    let docs = values.iter().map(|(value, meaning)| match *meaning {
        "" => format!("`{value}`."),
        meaning => format!("`{value}`: {meaning}"),
    });
    let (values, variants): (Vec<&Name>, Vec<Ident>) = values.iter().map(|(value, _)| (*value, value.pascal())).unzip();
    let doc = format!(
        "{description}\n\nEach variant is named after the provider's value. A value that is not listed is \
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
            /// `From`, `FromStr` and decoding never return this variant for a listed value. A value that is constructed
            /// directly is not equal to any other variant, whatever its text, so use `From` to construct a value from
            /// text.
            Unknown(String),
        }

        impl #ident {
            /// Every value that the specification lists.
            pub const ALL: &'static [Self] = &[#(Self::#variants),*];

            /// Returns the value as the provider writes it.
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

        ::pos_webhooks::private::string_enum!(#ident);
    }
}

/// The Rust type of a body, relative to the provider's module.
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

/// The Rust type of a named schema, relative to the provider's module.
pub fn model(name: &Name) -> TokenStream {
    let name = name.pascal();
    quote!(models::#name)
}
