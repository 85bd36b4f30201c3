//! Lists the public items of a crate, one per line, sorted by path.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::punctuated::Punctuated;
use syn::{Attribute, Fields, ImplItem, Item, ItemImpl, Token, TraitItem, Visibility};

use crate::code;
use crate::source::{self, Module, conditions_of, is_hidden, name_of};

/// The public surface of a crate.
pub struct Surface {
    /// A line for each item.
    pub listing: String,
    /// The items that need a feature that what they belong to does not need, and whose documentation does not say so.
    pub unexplained: Vec<String>,
}

/// Reads the surface of the crate whose `lib.rs` is in the directory. What the macros of another module generate is not in it.
pub fn surface(name: &str, directory: &Path) -> Surface {
    let root = &source::read(directory);
    let impls = &impls(root);
    let new = |traits| Listing { root, impls, traits, lines: BTreeSet::new(), described: BTreeMap::new() };
    // Which traits are public is only known at the end.
    let mut first = new(BTreeSet::new());
    first.module(root, name, &BTreeSet::new());
    let mut listing = new(first.traits);
    listing.module(root, name, &BTreeSet::new());
    let unexplained = listing.unexplained();
    // Lifetimes are written like names.
    let lines = listing.lines.into_iter().map(|(_, _, line)| format!("{line}\n").replace("'static[", "'static ["));
    Surface { listing: lines.collect::<String>().replace("'a[", "'a ["), unexplained }
}

type Conditions = BTreeSet<String>;
/// A type or a trait, by its module and its name.
type Key = (Vec<String>, String);

struct Listing<'a> {
    root: &'a Module,
    impls: &'a BTreeMap<Key, Vec<Impl<'a>>>,
    /// The lines, sorted by path. An implementation follows what it is for.
    lines: BTreeSet<(String, bool, String)>,
    /// The traits of this crate that are public, as far as they are known.
    traits: BTreeSet<Key>,
    /// The conditions and the documentation of each item.
    described: BTreeMap<String, (Conditions, String)>,
}

struct Impl<'a> {
    item: &'a ItemImpl,
    conditions: Conditions,
}

/// The implementations for the types of the crate, and those that name one of its types as an argument of the trait.
fn impls(root: &Module) -> BTreeMap<Key, Vec<Impl<'_>>> {
    let mut found: BTreeMap<Key, Vec<Impl<'_>>> = BTreeMap::new();
    for module in root.all() {
        for item in &module.items {
            let Item::Impl(item) = item else { continue };
            let conditions = module.conditions.union(&conditions_of(&item.attrs)).cloned().collect();
            let of_trait = item.trait_.iter().flat_map(|(path, _)| types_in(path));
            let target =
                of_type(&item.self_ty).into_iter().chain(of_trait).find_map(|path| module.resolve(root, &path));
            if let Some((module, name)) = target.filter(|_| !is_hidden(&item.attrs)) {
                found.entry((module.path.clone(), name)).or_default().push(Impl { item, conditions });
            }
        }
    }
    found
}

fn of_type(kind: &syn::Type) -> Option<Vec<String>> {
    match kind {
        syn::Type::Path(path) => Some(segments(&path.path)),
        syn::Type::Reference(reference) => of_type(&reference.elem),
        _ => None,
    }
}

fn segments(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

/// The types that are arguments of a path.
fn types_in(path: &syn::Path) -> Vec<Vec<String>> {
    let arguments = path.segments.iter().filter_map(|segment| match &segment.arguments {
        syn::PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    });
    let types = arguments.flatten().filter_map(|argument| match argument {
        syn::GenericArgument::Type(kind) => of_type(kind),
        _ => None,
    });
    types.collect()
}

impl Listing<'_> {
    fn add(&mut self, path: &str, attributes: &[Attribute], line: &str, conditions: &Conditions) {
        let marks = ["non_exhaustive", "deprecated"]
            .iter()
            .filter(|mark| attributes.iter().any(|attribute| attribute.path().is_ident(mark)));
        let marks: String = marks.map(|mark| format!("#[{mark}] ")).collect();
        let needs = conditions.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let needs = if needs.is_empty() { needs } else { format!(" // {needs}") };
        if !line.starts_with("impl") {
            self.described.entry(path.to_owned()).or_default().0 = conditions.clone();
            self.described.entry(path.to_owned()).or_default().1.push_str(&documentation(attributes));
        }
        self.lines.insert((path.to_owned(), line.starts_with("impl"), format!("{marks}{line}{needs}")));
    }

    fn module(&mut self, module: &Module, path: &str, conditions: &Conditions) {
        self.add(path, &module.attributes, &format!("pub mod {path}"), conditions);
        for item in &module.items {
            self.item(module, item, path, None, conditions);
        }
        let hidden: Vec<_> = module.imports().into_iter().filter(|import| is_hidden(import.attributes)).collect();
        for import in module.imports().iter().filter(|import| import.is_public) {
            if hidden.iter().any(|hidden| hidden.name == import.name) {
                continue;
            }
            let conditions = &conditions.union(&conditions_of(import.attributes)).cloned().collect();
            let of_all = import.path.strip_suffix(&["*".to_owned()]);
            match (of_all, module.resolve(self.root, &import.path)) {
                (None, Some((origin, name))) => {
                    let item = origin.items.iter().find(|item| name_of(item).is_some_and(|ident| *ident == name));
                    self.item(origin, item.expect("a resolved item"), path, Some(&import.name), conditions);
                }
                _ => {
                    let line = format!("pub use {path}::{} = {}", import.name, import.path.join("::"));
                    self.add(&format!("{path}::{}", import.name), &[], &line, conditions);
                }
            }
        }
    }

    /// Adds an item of a module, under its own name or another one.
    fn item(&mut self, module: &Module, item: &Item, path: &str, name: Option<&str>, conditions: &Conditions) {
        let (attributes, visibility) = match item {
            Item::Const(item) => (&item.attrs, &item.vis),
            Item::Enum(item) => (&item.attrs, &item.vis),
            Item::Fn(item) => (&item.attrs, &item.vis),
            Item::Macro(item) => {
                let is_exported = item.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export"));
                if let Some(ident) = item.ident.as_ref().filter(|_| is_exported && !is_hidden(&item.attrs)) {
                    // An exported macro is at the root, wherever it is written.
                    let root = path.split("::").next().unwrap_or_default();
                    let conditions = conditions.union(&conditions_of(&item.attrs)).cloned().collect();
                    self.add(&format!("{root}::{ident}"), &[], &format!("pub macro {root}::{ident}!"), &conditions);
                }
                return;
            }
            Item::Mod(item) => (&item.attrs, &item.vis),
            Item::Static(item) => (&item.attrs, &item.vis),
            Item::Struct(item) => (&item.attrs, &item.vis),
            Item::Trait(item) => (&item.attrs, &item.vis),
            Item::Type(item) => (&item.attrs, &item.vis),
            _ => return,
        };
        if !matches!(visibility, Visibility::Public(_)) || is_hidden(attributes) {
            // Exported macros of a module that is not public.
            if let Item::Mod(item) = item
                && let Some(module) = module.child(&item.ident.to_string())
            {
                let macros = module.items.iter().filter(|item| matches!(item, Item::Macro(_)));
                macros.for_each(|item| self.item(module, item, path, None, &module.conditions));
            }
            return;
        }
        let conditions = &conditions.union(&conditions_of(attributes)).cloned().collect();
        if let Item::Mod(item) = item {
            let name = item.ident.to_string();
            let inner = module.child(&name).expect("a module that was read");
            return self.module(inner, &format!("{path}::{name}"), conditions);
        }
        let ident = name_of(item).expect("a named item").to_string();
        let path = &format!("{path}::{}", name.unwrap_or(&ident));
        match item {
            Item::Const(item) => {
                self.add(path, attributes, &format!("pub const {path}: {}", code::line(&item.ty)), conditions);
            }
            Item::Static(item) => {
                self.add(path, attributes, &format!("pub static {path}: {}", code::line(&item.ty)), conditions);
            }
            Item::Fn(item) => self.add(path, attributes, &format!("pub {}", signature(&item.sig, path)), conditions),
            Item::Type(item) => {
                let line = format!("pub type {path}{} = {}", code::line(&item.generics), code::line(&item.ty));
                self.add(path, attributes, &line, conditions);
            }
            Item::Struct(item) => self.structure(item, path, conditions),
            Item::Enum(item) => {
                self.add(path, attributes, &format!("pub enum {path}{}", generics(&item.generics)), conditions);
                for variant in &item.variants {
                    let conditions = &conditions.union(&conditions_of(&variant.attrs)).cloned().collect();
                    let path = format!("{path}::{}", variant.ident);
                    let line = format!("{path}{}", code::line(without_attributes(&variant.fields)));
                    self.add(&path, &variant.attrs, &line, conditions);
                }
            }
            Item::Trait(item) => {
                self.traits.insert((module.path.clone(), ident.clone()));
                self.of_trait(item, path, conditions);
            }
            _ => {}
        }
        self.implementations(&(module.path.clone(), ident), item, path, conditions);
    }

    fn structure(&mut self, item: &syn::ItemStruct, path: &str, conditions: &Conditions) {
        let is_public = |field: &syn::Field| matches!(field.vis, Visibility::Public(_));
        let is_whole = !item.fields.is_empty() && item.fields.iter().all(is_public);
        let rest = if is_whole || item.fields.is_empty() { "" } else { " { .. }" };
        self.add(path, &item.attrs, &format!("pub struct {path}{}{rest}", generics(&item.generics)), conditions);
        for (index, field) in
            item.fields.iter().enumerate().filter(|(_, field)| is_public(field) && !is_hidden(&field.attrs))
        {
            let name = field.ident.as_ref().map_or_else(|| index.to_string(), ToString::to_string);
            let path = format!("{path}::{name}");
            let conditions = &conditions.union(&conditions_of(&field.attrs)).cloned().collect();
            self.add(&path, &field.attrs, &format!("pub {path}: {}", code::line(&field.ty)), conditions);
        }
    }

    fn of_trait(&mut self, item: &syn::ItemTrait, path: &str, conditions: &Conditions) {
        let bounds = code::line(&item.supertraits);
        let bounds = if bounds.is_empty() { bounds } else { format!(": {bounds}") };
        self.add(path, &item.attrs, &format!("pub trait {path}{}{bounds}", generics(&item.generics)), conditions);
        for item in &item.items {
            match item {
                TraitItem::Fn(method) if !is_hidden(&method.attrs) => {
                    let path = format!("{path}::{}", method.sig.ident);
                    let provided = if method.default.is_some() { " { .. }" } else { "" };
                    self.add(&path, &method.attrs, &format!("{}{provided}", signature(&method.sig, &path)), conditions);
                }
                TraitItem::Type(kind) => {
                    let path = format!("{path}::{}", kind.ident);
                    let bounds = code::line(&kind.bounds);
                    self.add(&path, &kind.attrs, &format!("type {path}: {bounds}"), conditions);
                }
                _ => {}
            }
        }
    }

    /// Adds the implementations of a type: a line for each function, one for the traits that it derives or implements without
    /// further conditions, and one for each other trait.
    fn implementations(&mut self, key: &Key, item: &Item, path: &str, of_type: &Conditions) {
        let mut traits = derived(item);
        for Impl { item, conditions: own } in self.impls.get(key).into_iter().flatten() {
            let conditions: Conditions = of_type.union(own).cloned().collect();
            match &item.trait_ {
                Some((name, _)) if !self.is_private(name) => {
                    let name = code::line(name);
                    let name = name
                        .rsplit_once("::")
                        .filter(|(before, _)| !before.contains('<'))
                        .map_or(&*name, |(_, last)| last);
                    let kind = code::line(&item.self_ty);
                    if item.generics.params.is_empty() && own.is_subset(of_type) && kind == key.1 {
                        traits.insert(name.to_owned());
                    } else {
                        let line = format!("impl{} {name} for {kind}", code::line(&item.generics));
                        self.add(path, &[], &line, &conditions);
                    }
                }
                Some(_) => {}
                None => {
                    for item in &item.items {
                        let (attributes, visibility) = match item {
                            ImplItem::Const(item) => (&item.attrs, &item.vis),
                            ImplItem::Fn(item) => (&item.attrs, &item.vis),
                            _ => continue,
                        };
                        if !matches!(visibility, Visibility::Public(_)) || is_hidden(attributes) {
                            continue;
                        }
                        let conditions = &conditions.union(&conditions_of(attributes)).cloned().collect();
                        match item {
                            ImplItem::Fn(method) => {
                                let path = format!("{path}::{}", method.sig.ident);
                                self.add(
                                    &path,
                                    attributes,
                                    &format!("pub {}", signature(&method.sig, &path)),
                                    conditions,
                                );
                            }
                            ImplItem::Const(item) => {
                                let path = format!("{path}::{}", item.ident);
                                let line = format!("pub const {path}: {}", code::line(&item.ty));
                                self.add(&path, attributes, &line, conditions);
                            }
                            _ => {}
                        }
                    }
                }
            }
        }
        if !traits.is_empty() {
            let traits = Vec::from_iter(traits).join(" + ");
            self.add(path, &[], &format!("impl {traits} for {path}"), of_type);
        }
    }

    /// Whether a trait is one of this crate that is not public. Private traits have names of their own.
    fn is_private(&self, path: &syn::Path) -> bool {
        let name = path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        let is_trait = |item: &Item| matches!(item, Item::Trait(item) if item.ident == name);
        self.root.all().iter().any(|module| module.items.iter().any(is_trait))
            && !self.traits.iter().any(|(_, public)| *public == name)
    }

    fn unexplained(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (path, (conditions, documentation)) in &self.described {
            let owner = path.rsplit_once("::").and_then(|(owner, _)| self.described.get(owner));
            let features = conditions.iter().filter(|condition| !owner.is_some_and(|(of, _)| of.contains(*condition)));
            for feature in features.filter_map(|condition| condition.strip_prefix("feature ")) {
                if !documentation.contains(&format!("Requires the feature `{feature}`")) {
                    found.push(format!("{path}: {feature}"));
                }
            }
        }
        found
    }
}

fn documentation(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter(|attribute| attribute.path().is_ident("doc"));
    lines.map(|line| format!("{}\n", code::line(&line.meta))).collect()
}

fn derived(item: &Item) -> BTreeSet<String> {
    let (Item::Struct(syn::ItemStruct { attrs, .. }) | Item::Enum(syn::ItemEnum { attrs, .. })) = item else {
        return BTreeSet::new();
    };
    let derives = attrs.iter().filter(|attribute| attribute.path().is_ident("derive"));
    let paths = derives.flat_map(|derive| {
        derive.parse_args_with(Punctuated::<syn::Path, Token![,]>::parse_terminated).expect("paths of derives")
    });
    let mut traits: BTreeSet<String> = paths.filter_map(|path| Some(path.segments.last()?.ident.to_string())).collect();
    // It is derived together with `Display`.
    if traits.contains("Error") {
        traits.insert("Display".to_owned());
    }
    traits
}

/// `fn path(arguments) -> Output`.
fn signature(signature: &syn::Signature, path: &str) -> String {
    let text = code::line(signature);
    let name = signature.ident.to_string();
    text.replacen(&format!("fn {name}"), &format!("fn {path}"), 1)
}

/// The parameters of a type, with their bounds.
fn generics(generics: &syn::Generics) -> String {
    let bounds = generics.where_clause.as_ref().map_or_else(String::new, |bounds| format!(" {}", code::line(bounds)));
    format!("{}{bounds}", code::line(generics))
}

fn without_attributes(fields: &Fields) -> Fields {
    let mut fields = fields.clone();
    fields.iter_mut().for_each(|field| field.attrs.clear());
    fields
}
