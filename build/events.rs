//! Eighth step: the names of a provider's events, and one type for all of them.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::models::{open_enum, rust_type};
use super::names;
use super::spec::{EventNamePlace, Spec};

/// `EventName` and `Event`; nothing for a provider that delivers nothing.
pub fn events(spec: &Spec) -> TokenStream {
    if spec.events.is_empty() {
        return TokenStream::new();
    }
    let names: Vec<&str> = spec.events.iter().map(|event| event.name.as_str()).collect();
    let event_name = open_enum("EventName", &format!("Names of the events of {}.", spec.title), &names);
    let variants: Vec<_> =
        names.iter().map(|name| format_ident!("{}", names::pascal(name).unwrap_or_default())).collect();
    let payloads = spec.events.iter().map(|event| rust_type(&event.payload.shape));
    let docs = spec.events.iter().map(|event| match event.description.as_str() {
        "" => format!("`{}`: {}", event.name, event.summary),
        description => format!("`{}`: {}\n\n{description}", event.name, event.summary),
    });
    let doc = format!("A delivery of {}, decoded.", spec.title);
    let identify = matches!(spec.event_name, Some(EventNamePlace::Body)).then(identify);
    quote! {
        #event_name

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

            /// The event's name.
            pub fn name(&self) -> EventName {
                match self {
                    #(Self::#variants(_) => EventName::#variants,)*
                    Self::Unknown(event) => EventName::Unknown(event.name.clone()),
                }
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

fn identify() -> TokenStream {
    quote! {
        impl EventName {
            /// The event that a payload says it is; `None` where the specification describes no such payload.
            ///
            /// # Errors
            ///
            /// When the payload is not JSON.
            pub fn identify(json: &[u8]) -> Result<Option<Self>, crate::DecodeError> {
                Ok(crate::events::identify(EVENTS, json)?.map(Self::from))
            }
        }
    }
}
