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
    let mut common = by_type(spec.events.iter());
    common.retain(|(_, events)| events.len() > 1);
    // `as_type` of a schema with the name of a keyword, whose own name in Rust is `type_`.
    let names: Vec<String> = common.iter().map(|(name, _)| name.snake().to_string()).collect();
    let names: Vec<&str> = names.iter().map(|name| name.trim_end_matches('_')).collect();
    let methods = common.iter().zip(&names).map(|((payload, events), name)| {
        let kind = model(payload);
        let (method, changing) = (format_ident!("as_{name}"), format!("{name}_mut"));
        let listed: Vec<_> = events.iter().map(|event| format!("`{}`", event.name)).collect();
        let doc = format!("Returns the payload of {}; `None` for every other event.", listed.join(", "));
        let doc_mut = format!("Returns the same payload as [`Event::{method}`], to be changed.");
        let variants: Vec<_> = events.iter().map(|event| event.name.pascal()).collect();
        let mutable = (!names.contains(&&*changing)).then(|| {
            let method = format_ident!("as_{changing}");
            quote! {
                #[doc = #doc_mut]
                pub fn #method(&mut self) -> Option<&mut #kind> {
                    match self {
                        #(Self::#variants(payload))|* => Some(payload),
                        _ => None,
                    }
                }
            }
        });
        quote! {
            #[doc = #doc]
            pub fn #method(&self) -> Option<&#kind> {
                match self {
                    #(Self::#variants(payload))|* => Some(payload),
                    _ => None,
                }
            }

            #mutable
        }
    });
    let methods: Vec<_> = methods.collect();
    if methods.is_empty() { TokenStream::new() } else { quote!(impl Event { #(#methods)* }) }
}
