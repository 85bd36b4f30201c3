//! The modules of a crate, as they are written.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Item, Meta, Token, UseTree, Visibility};

use crate::code;

pub struct Module {
    /// Without the name of the crate.
    pub path: Vec<String>,
    pub items: Vec<Item>,
    /// Those in the file of the module.
    pub attributes: Vec<Attribute>,
    pub modules: Vec<Module>,
    /// The conditions for the module.
    pub conditions: BTreeSet<String>,
}

/// A name of a module that `use` gives to something else.
pub struct Import<'a> {
    pub name: String,
    /// The path as it is written. The last segment is `*` for all items of a module.
    pub path: Vec<String>,
    pub attributes: &'a [Attribute],
    pub is_public: bool,
}

/// Reads the modules of a crate, from the directory of its `lib.rs`.
pub fn read(directory: &Path) -> Module {
    module(parse(&directory.join("lib.rs")), Vec::new(), directory, BTreeSet::new())
}

/// The items of a module, and the attributes in its file.
type Source = (Vec<Item>, Vec<Attribute>);

fn parse(file: &Path) -> Source {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    (file.items, file.attrs)
}

fn module((items, attributes): Source, path: Vec<String>, directory: &Path, conditions: BTreeSet<String>) -> Module {
    let mut modules = Vec::new();
    for item in &items {
        let Item::Mod(item) = item else { continue };
        let own = conditions_of(&item.attrs);
        if own.contains("test") || own.iter().any(|condition| condition.contains("doctest")) {
            continue;
        }
        let name = item.ident.to_string();
        let directory = directory.join(&name);
        let source = match &item.content {
            Some((_, items)) => (items.clone(), Vec::new()),
            None => {
                let beside: PathBuf = directory.with_extension("rs");
                parse(&if beside.exists() { beside } else { directory.join("mod.rs") })
            }
        };
        let path = [&path[..], &[name]].concat();
        modules.push(module(source, path, &directory, conditions.union(&own).cloned().collect()));
    }
    let expanded: Vec<Item> = items.iter().flat_map(|item| expanded(item, &items)).collect();
    Module { path, items: [items, expanded].concat(), attributes, modules, conditions }
}

/// The items that a call of a macro stands for, if the macro is one of the same module with a single argument.
fn expanded(call: &Item, items: &[Item]) -> Vec<Item> {
    let Item::Macro(call) = call else { return Vec::new() };
    let definition = items.iter().find_map(|item| match item {
        Item::Macro(item) if item.ident.as_ref().is_some_and(|ident| call.mac.path.is_ident(ident)) => Some(item),
        _ => None,
    });
    let Some(definition) = definition else { return Vec::new() };
    let groups = definition.mac.tokens.clone().into_iter().filter_map(|token| match token {
        TokenTree::Group(group) => Some(group.stream()),
        _ => None,
    });
    let [parameter, body] = &groups.collect::<Vec<_>>()[..] else { panic!("a macro with several rules") };
    let name = parameter.clone().into_iter().nth(1).expect("the name of the parameter").to_string();
    let body = substituted(body.clone(), &name, &call.mac.tokens);
    syn::parse2::<syn::File>(body).expect("the items of a macro").items
}

/// The tokens with `$name` replaced.
fn substituted(tokens: TokenStream, name: &str, argument: &TokenStream) -> TokenStream {
    let mut out = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct)
                if punct.as_char() == '$' && tokens.peek().is_some_and(|next| next.to_string() == name) =>
            {
                tokens.next();
                out.extend(argument.clone());
            }
            TokenTree::Group(group) => {
                let inner = substituted(group.stream(), name, argument);
                out.extend([TokenTree::Group(Group::new(group.delimiter(), inner))]);
            }
            other => out.extend([other]),
        }
    }
    out
}

impl Module {
    pub fn all(&self) -> Vec<&Module> {
        [self].into_iter().chain(self.modules.iter().flat_map(Module::all)).collect()
    }

    pub fn child(&self, name: &str) -> Option<&Module> {
        self.modules.iter().find(|module| module.path.last().is_some_and(|last| last == name))
    }

    pub fn imports(&self) -> Vec<Import<'_>> {
        let mut imports = Vec::new();
        for item in &self.items {
            if let Item::Use(item) = item {
                let is_public = matches!(item.vis, Visibility::Public(_));
                for (path, name) in leaves(&item.tree, &[]) {
                    imports.push(Import { name, path, attributes: &item.attrs, is_public });
                }
            }
        }
        imports
    }

    /// The module and the name of an item that a path in this module stands for; `None` if it is in another crate.
    pub fn resolve<'a>(&'a self, root: &'a Module, path: &[String]) -> Option<(&'a Module, String)> {
        self.resolve_within(root, path, 8)
    }

    fn resolve_within<'a>(&'a self, root: &'a Module, path: &[String], depth: u8) -> Option<(&'a Module, String)> {
        let depth = depth.checked_sub(1)?;
        let (first, rest) = path.split_first()?;
        let parent = || root.all().into_iter().find(|module| module.path == self.path[..self.path.len() - 1]);
        let within = match first.as_str() {
            "crate" | "pos_webhooks" => Some(root),
            "self" => Some(self),
            "super" => parent(),
            name => self.child(name).filter(|_| !rest.is_empty()),
        };
        if let Some(module) = within {
            return if rest.is_empty() { None } else { module.resolve_within(root, rest, depth) };
        }
        if rest.is_empty() && self.items.iter().any(|item| name_of(item).is_some_and(|name| name == first.as_str())) {
            return Some((self, first.clone()));
        }
        self.imports().into_iter().find_map(|import| {
            let target = match import.path.last().map(String::as_str) {
                Some("*") => [&import.path[..import.path.len() - 1], path].concat(),
                _ if import.name == *first => [&import.path[..], rest].concat(),
                _ => return None,
            };
            // The path of an import is never that of the import itself.
            (target != path).then(|| self.resolve_within(root, &target, depth)).flatten()
        })
    }
}

fn leaves(tree: &UseTree, before: &[String]) -> Vec<(Vec<String>, String)> {
    let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
    match tree {
        UseTree::Path(path) => leaves(&path.tree, &with(&path.ident)),
        UseTree::Name(name) if name.ident == "self" => {
            vec![(before.to_vec(), before.last().cloned().unwrap_or_default())]
        }
        UseTree::Name(name) => vec![(with(&name.ident), name.ident.to_string())],
        UseTree::Rename(rename) => vec![(with(&rename.ident), rename.rename.to_string())],
        UseTree::Glob(_) => vec![([before, &["*".to_owned()]].concat(), "*".to_owned())],
        UseTree::Group(group) => group.items.iter().flat_map(|tree| leaves(tree, before)).collect(),
    }
}

pub fn name_of(item: &Item) -> Option<&syn::Ident> {
    match item {
        Item::Const(item) => Some(&item.ident),
        Item::Enum(item) => Some(&item.ident),
        Item::Fn(item) => Some(&item.sig.ident),
        Item::Static(item) => Some(&item.ident),
        Item::Struct(item) => Some(&item.ident),
        Item::Trait(item) => Some(&item.ident),
        Item::Type(item) => Some(&item.ident),
        _ => None,
    }
}

/// The conditions of an item: `feature client`, or the text of another condition.
pub fn conditions_of(attributes: &[Attribute]) -> BTreeSet<String> {
    let conditions = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    conditions
        .map(|attribute| attribute.parse_args::<Meta>().expect("a condition"))
        .flat_map(|meta| conjuncts(&meta))
        .collect()
}

fn conjuncts(condition: &Meta) -> Vec<String> {
    match condition {
        Meta::List(list) if list.path.is_ident("all") => {
            let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).expect("conditions");
            parts.iter().flat_map(conjuncts).collect()
        }
        Meta::NameValue(pair) if pair.path.is_ident("feature") => match &pair.value {
            Expr::Lit(literal) => vec![format!("feature {}", code::line(literal).replace('"', ""))],
            other => vec![code::line(other)],
        },
        other => vec![code::line(other.to_token_stream())],
    }
}

pub fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("doc")
            && matches!(&attribute.meta, Meta::List(list) if list.tokens.to_string() == "hidden")
    })
}
