//! Eighth step: the names of a provider's events, and one type for all of them.

use std::collections::BTreeMap;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::models::{open_enum, rust_type};
use super::names::Name;
use super::signature::{Place, Verification};
use super::spec::{EventNamePlace, Spec};

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
    let identify = matches!(spec.event_name, Some(EventNamePlace::Body)).then(identify);
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
                PROVIDER.event(self.as_str()).map_or(&[], |event| event.payload.examples)
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
                crate::events::idempotency_key(&PROVIDER, self.name().as_str(), json)
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

fn identify() -> TokenStream {
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
                Ok(crate::events::identify(&PROVIDER, json)?.map(|name| Self::from(&*name)))
            }
        }
    }
}
