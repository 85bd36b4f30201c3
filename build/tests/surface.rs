//! The output of the build in a form that can be reviewed: the public surface of every provider, and of one small
//! document for each construct that the build supports, beside that document. To test a new construct, add a document
//! under `tests/surface/`; the tests find it.

mod code;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, iter};

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use serde_json::{Value, json};
use syn::punctuated::Punctuated;
use syn::{Arm, Attribute, Expr, Fields, ImplItem, ImplItemFn, Item, ItemImpl, Lit, Meta, Stmt, Token, Visibility};

use pos_webhooks_build::{Generated, bundle, generate};

#[test]
fn every_provider_is_generated_as_reviewed() {
    for name in documents("../specs") {
        let surface = surface_of(&generated("../specs", &name).1);
        #[cfg(feature = "client")]
        assert_snapshot(&name, surface);
        #[cfg(not(feature = "client"))]
        assert_snapshot(&format!("{name}_without_client"), names(&surface));
    }
}

#[test]
fn every_construct_is_generated_as_reviewed() {
    let differs = |name: &String| {
        let review = || {
            let (document, generated) = generated("tests/surface", name);
            let (surface, strict) = (surface_of(&generated), strict(&generated.bundle));
            let warnings: Vec<String> = generated.warnings.iter().map(ToString::to_string).collect();
            let mut parts = vec![document.trim_end(), "=== Rust ===", &surface, "=== strict ===", &strict];
            let warnings = warnings.join("\n");
            if !warnings.is_empty() {
                parts.extend(["=== warnings ===", &warnings]);
            }
            assert_snapshot(&format!("construct_{name}"), parts.join("\n\n"));
        };
        std::panic::catch_unwind(review).is_err()
    };
    let different: Vec<String> = constructs().into_iter().filter(differs).collect();
    assert!(different.is_empty(), "{different:?}");
}

#[test]
fn every_construct_is_generated_the_same_twice() {
    for name in constructs() {
        let [once, again] = [code(&name), code(&name)].map(|(code, description)| (code.to_string(), description));
        assert!(once == again, "{name}");
        syn::parse_str::<syn::File>(&once.0).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn documentation_says_what_the_document_says() {
    for (construct, documented) in [
        ("parameters", "- `id`: The shop.\\n- `dry`, `dry` in the query: Whether it counts."),
        ("parameters", "- `x_request_id`, the header `X-Request-Id`: Identifies the call."),
        ("client_header", "- `shop_id`, the header `Shop-Id`: The shop."),
        ("open_enum", "`ORDER`: New orders."),
        ("open_enum", "`Menu`."),
        ("event_by_route", "`paid`: A payment was made."),
        ("custom_signature", "Your code decides how old a delivery may be: it gets the current time."),
        (
            "custom_signature",
            "Verifies a delivery with your own code.\\n\\n# Errors\\n\\nReturns an error if your code does.",
        ),
        ("signatures", "Each constructor describes the signature that it verifies."),
        (
            "signatures",
            "The newer one.\\n\\nThe signature covers the host of the registered URL, the path of the registered URL, the name of \
             the event, the time and the member `/id` of the body. It does not cover the query of the registered URL or the \
             rest of the body. Anyone who has a genuine delivery can send it with other values in the rest of the body.\\n\\n\
             The replay window is 300 seconds before and after the time in the body. A redelivery of the same body is refused \
             after that.",
        ),
        ("signatures", "Write it exactly as it was registered: upper case, a port and a slash at the end count."),
        ("signatures", "HTTP clients rewrite the URL, or if no secret is given, or one is empty or malformed."),
        (
            "signatures",
            "The older one.\\n\\nThe signature covers the path of the registered URL and the body. It does not cover the host of the \
             registered URL, the query of the registered URL or the name of the event.\\n\\nThere is no replay window: anyone who \
             has a genuine delivery can send it again.",
        ),
        ("signatures", "Upper case in the host and the scheme's default port are ignored."),
        ("signatures", "HTTP clients rewrite the URL, or if no secret is given or one is empty."),
        ("signatures", "which names the event, is not signed by each of the signatures"),
        (
            "signatures",
            "With some of the signatures, the body is parsed, because members of it are signed and a member of it is the time.",
        ),
        (
            "signatures",
            "or if its signature has a replay window and the delivery was not signed within it around `now`.",
        ),
        ("signatures", "This has no effect for a signature that does not cover a time."),
        ("event_registration", "A URL for the event is registered with `watch`."),
        (
            "event_registration",
            "`shipped` is signed in `X-Own`. The secret is the credential `client_secret` of the client. It is used as it is.",
        ),
        ("requested_body", "The event asks for something: acknowledge it with [`models::Question::answer`]."),
    ] {
        let code = code(construct).0.to_string();
        assert!(code.contains(documented), "{construct} without {documented}: {code}");
    }
    for construct in constructs() {
        let file: syn::File = syn::parse2(code(&construct).0).expect("generated code");
        let Some(Item::Mod(models)) = file.items.first() else { panic!("{construct} without models") };
        for item in models.content.iter().flat_map(|(_, items)| items) {
            let Item::Struct(item) = item else { continue };
            for field in item.fields.iter().filter(|field| field.ident.is_some()) {
                let documented = field.attrs.iter().any(|attribute| attribute.path().is_ident("doc"));
                assert!(documented, "{construct}: {}.{}", item.ident, text(&field.ident));
            }
        }
    }
}

#[test]
fn every_snapshot_of_a_construct_has_its_document() {
    let constructs = constructs();
    for entry in fs::read_dir(package().join("tests/snapshots")).expect("the snapshots") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        if let Some(construct) = name.strip_prefix("surface__construct_").and_then(|rest| rest.split('.').next()) {
            assert!(constructs.contains(construct), "{name} is left over");
        }
    }
}

fn assert_snapshot(name: &str, text: String) {
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The documents of a directory, by name.
fn documents(directory: &str) -> BTreeSet<String> {
    fs::read_dir(package().join(directory))
        .expect("the documents")
        .filter_map(|entry| Some(entry.expect("an entry").file_name().to_str()?.strip_suffix(".yaml")?.to_owned()))
        .collect()
}

/// A document, and the output of the build for it.
fn generated(directory: &str, name: &str) -> (String, Generated) {
    let file = format!("{directory}/{name}.yaml");
    let text = fs::read_to_string(package().join(&file)).expect("the document");
    let generated = generate("shop", &file, &text).unwrap_or_else(|findings| panic!("{}", findings.join("\n")));
    (text, generated)
}

/// The code of a construct, and its description.
fn code(name: &str) -> (TokenStream, String) {
    let Generated { code, description, .. } = generated("tests/surface", name).1;
    (code, description)
}

fn surface_of(Generated { code, description, .. }: &Generated) -> String {
    let mut file: syn::File = syn::parse2(code.clone()).expect("generated code");
    file.items = file.items.into_iter().flat_map(in_macros).collect();
    surface(&file, &serde_json::from_str(description).expect("JSON"))
}

/// The items of features of the library, which are in a macro, and other items as they are.
fn in_macros(item: Item) -> Vec<Item> {
    match item {
        Item::Macro(item) if text(&item.mac.path).starts_with("with_") => {
            let file: syn::File = syn::parse2(item.mac.tokens).expect("items");
            file.items.into_iter().flat_map(in_macros).collect()
        }
        other => vec![other],
    }
}

fn constructs() -> BTreeSet<String> {
    documents("tests/surface")
}

/// The definitions that strict validation uses, one per line, without descriptions.
fn strict(bundle: &bundle::Bundle) -> String {
    let line = |(name, definition): (&pos_webhooks_build::names::Name, &bundle::Definition)| {
        let kind = match definition.kind {
            bundle::DefinitionKind::Sent => "sent",
            bundle::DefinitionKind::Received => "received",
            bundle::DefinitionKind::Response => "response",
            bundle::DefinitionKind::Both => "both",
            bundle::DefinitionKind::Event => "event",
        };
        format!("{name} ({kind}): {}", compact(&definition.schema))
    };
    bundle.definitions.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn compact(schema: &Value) -> String {
    match schema {
        Value::Object(members) => {
            // Sorted, so that the order does not depend on the features of serde_json. A member may be named
            // `description`, but is not a text.
            let members: BTreeMap<&String, &Value> = members.iter().collect();
            let members = members.into_iter().filter(|(key, value)| *key != "description" || !value.is_string());
            let members: Vec<String> = members.map(|(key, value)| format!("{key}: {}", compact(value))).collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(compact).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// The lines of a surface that name an item, without the lines inside the item.
#[allow(dead_code, reason = "this is all that is compared without client")]
fn names(surface: &str) -> String {
    let is_name = |line: &&str| {
        let item = line.trim_start().trim_start_matches("#[non_exhaustive] ").trim_start_matches("open ");
        !line.starts_with(' ') || ["const ", "enum ", "mod ", "struct "].iter().any(|keyword| item.starts_with(keyword))
    };
    surface.lines().filter(is_name).collect::<Vec<_>>().join("\n")
}

/// One line for each public item, field, variant and method.
fn surface(file: &syn::File, description: &Value) -> String {
    Scope { items: &file.items, outer: &[], description }.lines().join("\n")
}

/// The traits that every data type has, and those that a string enum has as well. Only other traits are shown.
const OF_DATA: [&str; 5] = ["Clone", "Debug", "Deserialize", "PartialEq", "Serialize"];
const OF_OPEN_ENUMS: [&str; 7] = ["Display", "Eq", "From<&str>", "FromStr", "Hash", "Ord", "PartialOrd"];

/// The items of one module, and the description of its provider.
struct Scope<'a> {
    items: &'a [Item],
    /// The items of the module around it, which has further methods of the models.
    outer: &'a [Item],
    description: &'a Value,
}

impl<'a> Scope<'a> {
    fn lines(&self) -> Vec<String> {
        let (modules, others): (Vec<&Item>, Vec<&Item>) =
            self.items.iter().filter(|item| is_public(item)).partition(|item| matches!(item, Item::Mod(_)));
        others.into_iter().chain(modules).flat_map(|item| self.item(item)).collect()
    }

    fn item(&self, item: &Item) -> Vec<String> {
        match item {
            Item::Const(item) => vec![format!("const {}: {} = {}", item.ident, text(&item.ty), text(&item.expr))],
            Item::Fn(item) => vec![format!("{} = {:?}", text(&item.sig), literal(&item.block).unwrap_or_default())],
            Item::Static(item) => {
                let said =
                    ["/event-name", "/own-names", "/redelivery/answer-within"].into_iter().filter_map(|pointer| {
                        let value = self.description.pointer(pointer).filter(|value| **value != json!([]))?;
                        Some(format!("{}: {value}", pointer.rsplit('/').next()?))
                    });
                nested(format!("static {}: {}", item.ident, text(&item.ty)), said.collect())
            }
            Item::Struct(item) => {
                let tuple = if let Fields::Unnamed(fields) = &item.fields { text(fields) } else { String::new() };
                let fields = item.fields.iter().filter_map(field_line).collect();
                let head = self.head("struct", &item.ident, &tuple, &item.attrs);
                nested(head, [fields, self.inherent(&item.ident)].concat())
            }
            // The item is shown with its operation.
            Item::Enum(item) if self.methods("Client", None).any(|method| item.ident == error_of(method)) => vec![],
            Item::Enum(item) => {
                let kind = if self.is_open(&item.ident) { "open enum" } else { "enum" };
                let variant = |variant: &syn::Variant| {
                    let wire = self.wire_text(&item.ident, &variant.ident);
                    let default = if self.is_default(&item.ident, &variant.ident) { " (default)" } else { "" };
                    let wire = wire.map(|wire| format!(" = {wire:?}")).unwrap_or_default();
                    format!("{}{}{wire}{default}", variant.ident, text(&variant.fields))
                };
                let variants = item.variants.iter().map(variant).collect();
                let head = self.head(kind, &item.ident, "", &item.attrs);
                nested(head, [variants, self.inherent(&item.ident)].concat())
            }
            Item::Mod(item) => {
                let items = item.content.as_ref().map_or(&[][..], |(_, items)| items);
                nested(format!("mod {}", item.ident), Scope { items, outer: self.items, ..*self }.lines())
            }
            other => vec![text(other)],
        }
    }

    /// `#[non_exhaustive] struct Name(Inner): + Trait`; `+` stands for the traits of data types.
    fn head(&self, kind: &str, name: &Ident, tuple: &str, attributes: &[Attribute]) -> String {
        let sealed = attributes.iter().any(|attribute| attribute.path().is_ident("non_exhaustive"));
        let mut traits: BTreeSet<String> = attributes
            .iter()
            .filter(|attribute| attribute.path().is_ident("derive"))
            .flat_map(|attribute| attribute.parse_args_with(Paths::parse_terminated).expect("paths"))
            .chain(self.impls(name).filter_map(|item| Some(item.trait_.as_ref()?.0.clone())))
            .filter_map(|path| Some(text(path.segments.last()?).replace("<'de>", "")))
            .collect();
        if self.is_open(name) {
            traits.extend(OF_DATA.map(str::to_owned));
            traits.retain(|name| !OF_OPEN_ENUMS.contains(&name.as_str()));
        }
        let is_data = OF_DATA.iter().all(|usual| traits.contains(*usual));
        traits.retain(|name| !is_data || !OF_DATA.contains(&name.as_str()));
        let sealed = if sealed { "#[non_exhaustive] " } else { "" };
        let mark = match (traits.is_empty(), is_data) {
            (true, _) => "",
            (false, true) => ": + ",
            (false, false) => ": ",
        };
        format!("{sealed}{kind} {name}{tuple}{mark}{}", Vec::from_iter(traits).join(", "))
    }

    fn impls(&self, name: impl ToString) -> impl Iterator<Item = &'a ItemImpl> {
        let name = name.to_string();
        let hidden = self.items.iter().flat_map(|item| match item {
            Item::Const(syn::ItemConst { expr, .. }) => match &**expr {
                syn::Expr::Block(block) => &block.block.stmts[..],
                _ => &[],
            },
            _ => &[],
        });
        let hidden = hidden.filter_map(|statement| match statement {
            syn::Stmt::Item(item) => Some(item),
            _ => None,
        });
        self.items.iter().chain(hidden).filter_map(move |item| match item {
            Item::Impl(item) if text(&item.self_ty) == name => Some(item),
            _ => None,
        })
    }

    /// The functions of a type itself, or of a trait that it implements.
    fn methods(&self, name: impl ToString, of: Option<&'static str>) -> impl Iterator<Item = &'a ImplItemFn> {
        let trait_name = |item: &ItemImpl| Some(item.trait_.as_ref()?.0.segments.last()?.ident.to_string());
        let impls = self.impls(name).filter(move |item| trait_name(item).as_deref() == of);
        impls.flat_map(|item| &item.items).filter_map(|item| match item {
            ImplItem::Fn(method) => Some(method),
            _ => None,
        })
    }

    /// Public functions, with facts that are not in their signatures, without `as_str` of string enums and `examples`
    /// of models.
    fn inherent(&self, name: &Ident) -> Vec<String> {
        let mut lines = Vec::new();
        let outer = Scope { items: self.outer, ..*self };
        let of_model = outer.methods(format!("models::{name}"), None);
        for method in self.methods(name, None).chain(of_model) {
            let usual = match method.sig.ident.to_string().as_str() {
                "as_str" => self.is_open(name),
                // This is the function of a model; that of an event's name takes `self`.
                "examples" => method.sig.inputs.is_empty(),
                _ => false,
            };
            if matches!(method.vis, Visibility::Public(_)) && !usual {
                let call = if name == "Client" { self.call(method) } else { Vec::new() };
                lines.extend(nested(text(&method.sig), call));
            } else if name == "Credentials" {
                let place = &self.description["credential"]["place"];
                let credential = place["header"].as_str().unwrap_or("Authorization: Bearer");
                let constant = literals(&method.block).into_iter();
                let sent: Vec<String> = constant.chain([credential.to_owned()]).collect();
                lines.push(format!("sends {}", sent.join(", ")));
            }
        }
        // The error of a checked newtype for an invalid text.
        let checks = self.methods(name, Some("FromStr")).flat_map(|method| literals(&method.block));
        let words = ["doesn't match", "longer than", "shorter than"];
        lines.extend(checks.filter(|check| words.iter().any(|word| check.starts_with(word))));
        lines
    }

    /// The request of a client's method, and the result for each status.
    fn call(&self, method: &ImplItemFn) -> Vec<String> {
        let list = |value: &'a Value, name| value[name].as_array().expect("a list").iter();
        let is_called = |operation: &&Value| method.sig.ident == operation["id"].as_str().expect("an id");
        let Some(operation) = list(self.description, "operations").find(is_called) else { return Vec::new() };
        let error = self.items.iter().find_map(|item| match item {
            Item::Enum(item) if item.ident == error_of(method) => Some(item),
            _ => None,
        });
        let error = error.expect("the method's error");
        let request = ["/method", "/path", "/request/media-type"];
        let request = request.into_iter().filter_map(|pointer| operation.pointer(pointer)?.as_str());
        let mut lines = vec![request.collect::<Vec<_>>().join(" ")];
        for (field, place) in [("path-parameters", "path"), ("query-parameters", "query"), ("headers", "header")] {
            for parameter in list(operation, field).filter(|parameter| parameter["constant"] == false) {
                let mark = if parameter["required"] == true { "" } else { "?" };
                let name = parameter["name"].as_str().expect("a name");
                lines.push(format!("{place} {name}{mark}: {}", compact(&parameter["schema"])));
            }
        }
        let mut errors: Vec<String> = Vec::new();
        for arm in arms(method) {
            let (status, outcome) = (text(&arm.pat).replace("u16", ""), text(&arm.body));
            let outcome = outcome.trim_matches([' ', '{', '}']);
            let variant = error.variants.iter().find(|variant| outcome.ends_with(&format!("::{}))", variant.ident)));
            match variant {
                Some(variant) => errors.push(format!("{status} => {}{}", variant.ident, text(&variant.fields))),
                None if outcome.contains("undocumented") => {}
                None => lines.push(format!("{status} => {outcome}").replace("answer.decode()", "Ok")),
            }
        }
        assert_eq!(errors.len(), error.variants.len(), "variants of {} that no status leads to", error.ident);
        lines.extend(nested(self.head("enum", &error.ident, "", &error.attrs), errors));
        lines
    }

    fn is_open(&self, name: &Ident) -> bool {
        self.items.iter().any(|item| match item {
            Item::Macro(item) => text(&item.mac.path).ends_with("string_enum") && name == &text(&item.mac.tokens),
            _ => false,
        })
    }

    /// The text that `as_str` returns for a variant.
    fn wire_text(&self, name: &Ident, variant: &Ident) -> Option<String> {
        let mut arms = self.methods(name, None).filter(|method| method.sig.ident == "as_str").flat_map(arms);
        literal(&arms.find(|arm| text(&arm.pat) == format!("Self::{variant}"))?.body)
    }

    fn is_default(&self, name: &Ident, variant: &Ident) -> bool {
        self.methods(name, Some("Default")).any(|method| text(&method.block).contains(&format!("Self::{variant} }}")))
    }
}

type Paths = Punctuated<syn::Path, Token![,]>;
type Metas = Punctuated<Meta, Token![,]>;

/// Whether the code begins with `pub` after its attributes, without a restriction such as `(crate)`.
fn is_public(item: &Item) -> bool {
    let tokens = item.to_token_stream().into_iter();
    let mut tokens = tokens.skip_while(|token| match token {
        TokenTree::Punct(punct) => punct.as_char() == '#',
        TokenTree::Group(group) => group.delimiter() == Delimiter::Bracket,
        TokenTree::Ident(_) | TokenTree::Literal(_) => false,
    });
    tokens.next().is_some_and(|token| token.to_string() == "pub") && !matches!(tokens.next(), Some(TokenTree::Group(_)))
}

fn nested(head: String, lines: Vec<String>) -> Vec<String> {
    iter::once(head).chain(lines.into_iter().map(|line| format!("  {line}"))).collect()
}

/// `name: Type = "wireName"`, with serde attributes except those for optional members without a value.
fn field_line(field: &syn::Field) -> Option<String> {
    let (Visibility::Public(_), Some(name)) = (&field.vis, &field.ident) else { return None };
    let serde = field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde"));
    let told = serde.flat_map(|attribute| attribute.parse_args_with(Metas::parse_terminated).expect("serde's own"));
    let mut told: Vec<String> = told.map(|meta| text(&meta)).collect();
    let wire = told.iter().position(|note| note.starts_with("rename = ")).map(|at| told.remove(at));
    let wire = wire.map(|note| note.replace("rename", "")).unwrap_or_default();
    let kind = text(&field.ty);
    let optional = kind.starts_with("Option<");
    // The decoding of integers, booleans and null is the same everywhere, so it is not shown.
    told.retain(|note| !note.starts_with("deserialize_with = \"optional"));
    if let Some(at) = told.iter().position(|note| note == "deserialize_with = \"scalars\"") {
        told.remove(at);
        match told.iter().position(|note| note == "default") {
            Some(at) if optional => drop(told.remove(at)),
            None if optional => told.push("deserialize_with = \"Option::deserialize\"".to_owned()),
            _ => {}
        }
    }
    let notes = match told.join(", ") {
        none if none.is_empty() && !optional => String::new(),
        skip if skip.ends_with("Option::is_none\"") && told.len() == 1 => String::new(),
        null if null == "deserialize_with = \"Option::deserialize\"" => " (null is written)".to_owned(),
        empty if empty.starts_with("default, skip") && empty.ends_with("::is_empty\"") => {
            " (left out when empty)".to_owned()
        }
        other => format!(" ({other})"),
    };
    Some(format!("{name}: {kind}{notes}{wire}"))
}

/// `E` of a method's `Error<E>`.
fn error_of(method: &ImplItemFn) -> String {
    let output = text(&method.sig.output);
    output.split_once("Error<").map_or_else(String::new, |(_, rest)| rest.trim_end_matches('>').to_owned())
}

/// The arms of the `match` that a function ends with.
fn arms(method: &ImplItemFn) -> &[Arm] {
    match method.block.stmts.last() {
        Some(Stmt::Expr(Expr::Match(last), _)) => &last.arms,
        _ => &[],
    }
}

/// The texts of the string literals.
fn literals(code: impl ToTokens) -> Vec<String> {
    let texts = |token| match token {
        TokenTree::Group(group) => literals(group.stream()),
        TokenTree::Literal(literal) => match Lit::new(literal) {
            Lit::Str(text) => vec![text.value()],
            _ => Vec::new(),
        },
        TokenTree::Ident(_) | TokenTree::Punct(_) => Vec::new(),
    };
    code.to_token_stream().into_iter().flat_map(texts).collect()
}

fn literal(code: impl ToTokens) -> Option<String> {
    literals(code).into_iter().next()
}

/// Code on one line, without well-known paths.
fn text(code: impl ToTokens) -> String {
    let out = code::line(code);
    let known = ["boxed", "collections", "option", "string", "sync", "vec"].map(|module| format!("::std::{module}::"));
    let ours = ["catalogue::", "client::", "private::", ""].map(|module| format!("::pos_webhooks::{module}"));
    known.iter().chain(&ours).fold(out, |text, path| text.replace(path, ""))
}

/// Runs the build script of a document that cannot be read in a process of its own, whose output cargo would read.
#[cfg(not(feature = "lint"))]
#[test]
fn every_provider_that_cannot_be_built_without_the_lint_is_reported_with_how_to_check_it() {
    const NAME: &str = "every_provider_that_cannot_be_built_without_the_lint_is_reported_with_how_to_check_it";
    if let Ok(document) = std::env::var("DOCUMENT") {
        pos_webhooks_build::Builder::new().spec(document).run();
        return;
    }
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let document = folder.join("unreadable.yaml");
    std::fs::write(&document, "openapi: [").unwrap();
    let mut script = std::process::Command::new(std::env::current_exe().unwrap());
    script.args(["--exact", NAME, "--nocapture"]).env("DOCUMENT", &document).env("OUT_DIR", folder);
    let out = String::from_utf8(script.output().unwrap().stdout).unwrap();
    let errors: Vec<_> = out.lines().filter_map(|line| line.split_once("cargo::error=")).collect();
    assert!(errors.len() >= 2 && errors[0].1.contains("unreadable.yaml"), "{out}");
    assert!(errors.last().unwrap().1.contains("feature `lint`"), "{out}");
}
