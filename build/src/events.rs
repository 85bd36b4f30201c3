//! Eighth step: the names of a provider's events, and one type for all of them.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::models::{open_enum, rust_type};
use super::names::Name;
use super::signature::{Place, Verification};
use super::spec::{Condition, Event, EventNamePlace, Spec};

/// `EventName` and `Event`; nothing for a provider that delivers nothing.
pub fn events(spec: &Spec) -> TokenStream {
    if spec.events.is_empty() {
        return TokenStream::new();
    }
    let names: Vec<_> = spec.events.iter().map(|event| (&event.name, event.summary.as_str())).collect();
    let names_doc = format!("Names of the events of {}.", spec.title);
    let event_name = open_enum(&format_ident!("EventName"), &names_doc, &names);
    let variants: Vec<Ident> = spec.events.iter().map(|event| event.name.pascal()).collect();
    let payloads = spec.events.iter().map(|event| rust_type(&event.payload.shape));
    let docs = spec.events.iter().map(|event| match event.description.as_str() {
        "" => format!("`{}`: {}", event.name, event.summary),
        description => format!("`{}`: {}\n\n{description}", event.name, event.summary),
    });
    let doc = format!("A delivery of {}, decoded.", spec.title);
    let identify = matches!(spec.event_name, Some(EventNamePlace::Body(_))).then(|| identify(spec, &variants));
    let keyed = spec.events.iter().zip(&variants).filter(|(event, _)| !event.idempotency_key.is_empty());
    let keys: Vec<_> = keyed
        .map(|(Event { name, idempotency_key, .. }, variant)| {
            // The pointer to the whole payload is empty.
            let (whole, members): (Vec<_>, Vec<_>) =
                idempotency_key.iter().map(String::as_str).partition(|pointer| pointer.is_empty());
            let (whole, paths) = (!whole.is_empty(), paths(members.into_iter()));
            quote!(Self::#variant(_) => crate::events::idempotency_key(#name, json, #whole, #paths))
        })
        .collect();
    let key = if keys.is_empty() {
        quote!({
            let _ = json;
            None
        })
    } else {
        quote!(match self { #(#keys,)* _ => None })
    };
    let headers = headers(spec);
    let mut acknowledgement_doc = "What the provider expects as answer once the event is in safe hands.".to_owned();
    if let Some(redelivery) = &spec.redelivery {
        acknowledgement_doc = format!("{acknowledgement_doc}\n\n# Redelivery\n\n{}", redelivery.description);
    }
    quote! {
        #event_name

        impl EventName {
            /// The examples of the event's payload in the specification, each with its origin.
            pub fn examples(&self) -> &'static [crate::catalogue::Example] {
                crate::events::find(EVENTS, self.as_str()).map_or(&[], |event| event.payload.examples)
            }

            #[doc = #acknowledgement_doc]
            pub fn acknowledgement(&self) -> crate::Acknowledgement {
                crate::events::acknowledgement(&PROVIDER, self.as_str())
            }
        }

        #headers

        #[doc = #doc]
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Event {
            #(#[doc = #docs] #variants(#payloads),)*
            /// An event that the specification does not list, with its name and payload as they came.
            Unknown(crate::UnknownEvent),
        }

        impl Event {
            /// Decodes the payload of the event of that name. Members that the specification does not list are ignored.
            ///
            /// # Errors
            ///
            /// When the payload is not JSON, or a required member is missing or of another type.
            pub fn decode(name: &EventName, json: &[u8]) -> Result<Self, crate::DecodeError> {
                match name {
                    #(EventName::#variants => crate::decode::decode(json).map(Self::#variants),)*
                    EventName::Unknown(name) => crate::UnknownEvent::decode(name, json).map(Self::Unknown),
                }
            }

            /// The event's name; of an unknown event whose delivery does not say it, the empty name.
            pub fn name(&self) -> EventName {
                match self {
                    #(Self::#variants(_) => EventName::#variants,)*
                    Self::Unknown(event) => EventName::Unknown(event.name.clone().unwrap_or_default()),
                }
            }

            /// What identifies the event across redeliveries, as an opaque text of 64 characters: equal for two deliveries
            /// of one event, different for two events. `None` where the specification names nothing that would, and where
            /// a member that it names is missing, null or blank.
            ///
            /// `json` is the payload as it was delivered, from which this event was decoded: a member that nothing
            /// describes may be what tells two events apart. How the JSON is written does not count, except for numbers.
            pub fn idempotency_key(&self, json: &[u8]) -> Option<String> {
                #key
            }

            /// As [`EventName::acknowledgement`] of [`Event::name`].
            pub fn acknowledgement(&self) -> crate::Acknowledgement {
                self.name().acknowledgement()
            }
        }

        impl ::serde::Serialize for Event {
            /// The payload alone, as the provider sends it.
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    #(Self::#variants(payload) => payload.serialize(serializer),)*
                    Self::Unknown(event) => event.payload.serialize(serializer),
                }
            }
        }

        #identify
    }
}

/// The names of the headers of deliveries, as constants.
fn headers(spec: &Spec) -> TokenStream {
    let mut named: BTreeMap<Name, &str> = BTreeMap::new();
    for header in spec.events.iter().flat_map(|event| &event.headers) {
        named.insert(header.name.clone(), &header.description);
    }
    if let Some(Verification::Keys(keys)) = &spec.verification {
        // A bearer token is in a header that every HTTP library has a name for.
        for Place { header, description, .. } in keys.places.iter().filter(|place| place.before.is_empty()) {
            named.extend(Name::new(header).map(|name| (name, description.as_str())));
        }
    }
    if named.is_empty() {
        return TokenStream::new();
    }
    let constants = named.iter().map(|(name, description)| {
        let constant = name.constant();
        quote!(#[doc = #description] pub const #constant: &str = #name;)
    });
    quote! {
        /// Names of the headers of deliveries.
        pub mod headers {
            #(#constants)*
        }
    }
}

fn identify(spec: &Spec, variants: &[Ident]) -> TokenStream {
    let conditions = spec.events.iter().flat_map(|event| &event.when).map(|(pointer, _)| pointer);
    let pointers: BTreeSet<&str> = conditions.chain(spec.own_names()).map(String::as_str).collect();
    let paths = paths(pointers.iter().copied());
    let own_names = spec.own_names().iter().filter_map(|name| pointers.iter().position(|pointer| pointer == name));
    let arms = spec.events.iter().zip(variants).filter(|(event, _)| !event.when.is_empty()).map(|(event, variant)| {
        let members = pointers.iter().map(|pointer| {
            match event.when.iter().find(|(candidate, _)| candidate == pointer).map(|(_, condition)| condition) {
                Some(Condition::Equals(json)) => quote!(Some(#json)),
                Some(Condition::Present) => quote!(Some(_)),
                Some(Condition::Absent) => quote!(None),
                None => quote!(_),
            }
        });
        quote!([#(#members),*] => Some(Self::#variant))
    });
    quote! {
        impl EventName {
            /// The event that a payload is, by the members that the specification tells events apart by; else the name
            /// that the payload gives itself, which may be one that the specification does not list. `None` where the
            /// payload says neither.
            ///
            /// # Errors
            ///
            /// When the payload is not JSON, or a member that identifies the event is there twice.
            pub fn identify(json: &[u8]) -> Result<Option<Self>, crate::DecodeError> {
                let members = crate::events::members(json, #paths)?;
                let members = members.each_ref().map(Option::as_deref);
                Ok(match members {
                    #(#arms,)*
                    _ => crate::events::own_name([#(members[#own_names]),*]).map(|name| Self::from(name.as_str())),
                })
            }
        }
    }
}

/// JSON pointers as their tokens, and whether a member's name is the first token of any.
fn paths<'a>(pointers: impl Iterator<Item = &'a str>) -> TokenStream {
    let tokens = |pointer: &str| -> Vec<String> {
        pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
    };
    let paths: Vec<_> = pointers.map(tokens).collect();
    let first: BTreeSet<_> = paths.iter().filter_map(|path| path.first()).collect();
    let first = first.iter();
    let first = if paths.is_empty() { quote!(|_| false) } else { quote!(|name| matches!(name, #(#first)|*)) };
    quote!([#(&[#(#paths),*]),*], #first)
}
