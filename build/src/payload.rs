//! The payloads that several events have in common.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::models::model;
use super::names::Name;
use super::spec::{Event, Shape, Spec};

/// The named types of the payloads of events, in the order of the document, with the events that have them.
pub fn by_type<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<(&'a Name, Vec<&'a Event>)> {
    let mut found: Vec<(&Name, Vec<&Event>)> = Vec::new();
    for event in events {
        let Shape::Named(payload) = &event.payload.shape else { continue };
        match found.iter_mut().find(|(known, _)| *known == payload) {
            Some((_, events)) => events.push(event),
            None => found.push((payload, vec![event])),
        }
    }
    found
}

/// Generates access to each payload that several events have in common, without a match on the event.
pub fn common(spec: &Spec) -> TokenStream {
    let common = by_type(spec.events.iter()).into_iter().filter(|(_, events)| events.len() > 1);
    let methods = common.map(|(payload, events)| {
        let (kind, snake) = (model(payload), payload.snake());
        // `type_` of a schema with the name of a keyword is not a suffix.
        let suffix = snake.to_string();
        let method = format_ident!("as_{}", suffix.trim_end_matches('_'));
        let method_mut = format_ident!("{method}_mut");
        let names: Vec<_> = events.iter().map(|event| format!("`{}`", event.name)).collect();
        let doc = format!("Returns the payload of {}; `None` for every other event.", names.join(", "));
        let doc_mut = format!("Returns the same payload as [`Event::{method}`], to be changed.");
        let variants: Vec<_> = events.iter().map(|event| event.name.pascal()).collect();
        quote! {
            #[doc = #doc]
            pub fn #method(&self) -> Option<&#kind> {
                match self {
                    #(Self::#variants(payload))|* => Some(payload),
                    _ => None,
                }
            }

            #[doc = #doc_mut]
            pub fn #method_mut(&mut self) -> Option<&mut #kind> {
                match self {
                    #(Self::#variants(payload))|* => Some(payload),
                    _ => None,
                }
            }
        }
    });
    let methods: Vec<_> = methods.collect();
    if methods.is_empty() { TokenStream::new() } else { quote!(impl Event { #(#methods)* }) }
}
