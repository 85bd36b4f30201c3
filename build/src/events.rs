//! Eighth step: generates the names of a provider's events, and one type for all events.

use std::collections::BTreeMap;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::doc_examples::DocExamples;
use super::models::{model, open_enum, rust_type};
use super::names::{self, Name};
use super::payload;
use super::signature::{KeyPlace, Verification};
use super::spec::{Event, EventNamePlace, Response, Shape, Spec};

/// Generates `EventName` and `Event`; nothing for a provider that does not deliver events.
pub fn events(spec: &Spec, examples: &DocExamples<'_>) -> TokenStream {
    if spec.events.is_empty() {
        return TokenStream::new();
    }
    let names: Vec<_> = spec.events.iter().map(|event| (&event.name, event.summary.as_str())).collect();
    let names_doc = format!("The names of the events of {}.", spec.title);
    let event_name = open_enum(&format_ident!("EventName"), &names_doc, &names);
    let variants: Vec<Ident> = spec.events.iter().map(|event| event.name.pascal()).collect();
    let payloads = spec.events.iter().map(|event| rust_type(&event.payload.shape));
    let docs = spec.events.iter().map(|event| {
        let mut doc = format!("`{}`: {}", event.name, event.summary);
        if !event.description.is_empty() {
            doc.push_str(&format!("\n\n{}", event.description));
        }
        if !event.follow_up.is_empty() {
            doc.push_str(&format!("\n\nAfterwards, call `{}`.", event.follow_up.join("` or `")));
        }
        if let Some(registration) = &event.registered_by {
            doc.push_str(&format!("\n\nA URL for the event is registered with `{}`.", registration.operation));
        }
        if let (Some(_), Shape::Named(payload)) = (event.requested_response(), &event.payload.shape) {
            doc.push_str(&format!(
                "\n\nThe event asks for something: acknowledge it with [`models::{}::answer`].",
                payload.pascal()
            ));
        }
        if let Shape::Named(payload) = &event.payload.shape {
            for response in event.other_responses() {
                let (payload, method) = (payload.pascal(), method(response));
                doc.push_str(&format!(
                    "\n\nAnother documented response is {}: [`models::{payload}::{method}`].",
                    response.status
                ));
            }
        }
        doc + &examples.of_event(event)
    });
    let answers = spec.events.iter().filter_map(requested_answer).chain(other_answers(spec));
    let doc = format!("A decoded delivery of {}.", spec.title);
    let identify = matches!(spec.event_name, Some(EventNamePlace::Body)).then(identify);
    let headers = headers(spec);
    let common_payloads = payload::common(spec);
    let mut acknowledgement_doc =
        "Returns the response that the provider expects. Send it once the event is stored safely.".to_owned();
    if let Some(redelivery) = &spec.redelivery {
        acknowledgement_doc = format!("{acknowledgement_doc}\n\n# Redelivery\n\n{}", redelivery.description);
    }
    quote! {
        #event_name

        impl EventName {
            /// Returns the examples of the event's payload in the specification, each with its origin.
            pub fn examples(&self) -> &'static [::pos_webhooks::catalogue::Example] {
                PROVIDER.event(self.as_str()).map_or(&[], |event| event.payload.examples)
            }

            /// Returns the event with its first documented example or, if there is none, the first observed or constructed
            /// one. Its members can be changed, which makes an event for a test. `None` if the specification does not have
            /// an example of the event.
            pub fn example(&self) -> Option<Event> {
                let example = PROVIDER.event(self.as_str())?.payload.example()?;
                Event::decode(self, example.json.as_bytes()).ok()
            }

            #[doc = #acknowledgement_doc]
            pub fn acknowledgement(&self) -> ::pos_webhooks::Acknowledgement {
                ::pos_webhooks::private::acknowledgement(&PROVIDER, self.as_str())
            }
        }

        #headers

        #[doc = #doc]
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Event {
            #(#[doc = #docs] #variants(#payloads),)*
            /// An event that the specification does not list, with its name and payload as received.
            Unknown(::pos_webhooks::UnknownEvent),
        }

        impl Event {
            /// Decodes the payload of the event of that name. Members that the specification does not describe are
            /// ignored.
            ///
            /// # Errors
            ///
            /// Returns an error if the payload is not JSON, or if a required member is missing or of another type.
            pub fn decode(name: &EventName, json: &[u8]) -> Result<Self, ::pos_webhooks::DecodeError> {
                match name {
                    #(EventName::#variants => ::pos_webhooks::private::decode_as(json, Self::#variants),)*
                    EventName::Unknown(name) => ::pos_webhooks::UnknownEvent::decode(name, json).map(Self::Unknown),
                }
            }

            /// Returns the event's name; the empty name for an unknown event whose delivery does not name it.
            pub fn name(&self) -> EventName {
                match self {
                    #(Self::#variants(_) => EventName::#variants,)*
                    Self::Unknown(event) => EventName::Unknown(event.name.clone().unwrap_or_default()),
                }
            }

            /// Returns a key that identifies the event across redeliveries, as an opaque text of 64 characters. It is
            /// equal for two deliveries of one event, and different for two events. `None` if the specification does
            /// not define a key for the event, or if a member of the key is missing, null or blank.
            ///
            /// `json` is the payload from which this event was decoded, as received, because members that are not
            /// described may distinguish two events. The formatting of the JSON does not matter, except that of
            /// numbers.
            pub fn idempotency_key(&self, json: &[u8]) -> Option<String> {
                ::pos_webhooks::private::idempotency_key(&PROVIDER, self.name().as_str(), json)
            }

            /// Returns the response that the provider expects; see [`EventName::acknowledgement`].
            pub fn acknowledgement(&self) -> ::pos_webhooks::Acknowledgement {
                self.name().acknowledgement()
            }
        }

        #common_payloads

        impl ::pos_webhooks::private::serde::Serialize for Event {
            /// The payload alone, as the provider sends it.
            fn serialize<S: ::pos_webhooks::private::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    #(Self::#variants(payload) => payload.serialize(serializer),)*
                    Self::Unknown(event) => event.payload.serialize(serializer),
                }
            }
        }

        #(#answers)*

        #identify
    }
}

/// Generates the method that acknowledges an event with the body that the event asks for; `None` if it does not ask for one.
fn requested_answer(event: &Event) -> Option<TokenStream> {
    let response = event.requested_response()?;
    let name = &event.name;
    let doc = format!(
        "Returns the acknowledgement of `{name}` with the body that the event asks for. [`Event::acknowledgement`] of \
         this event does not have a body."
    );
    Some(answer(&format_ident!("answer"), event, response, doc))
}

/// Generates a method for each documented response that does not acknowledge the event. Events with the same payload have
/// the methods in common.
fn other_answers(spec: &Spec) -> impl Iterator<Item = TokenStream> {
    let mut found: BTreeMap<(&Name, &str), (&Response, Vec<&Event>)> = BTreeMap::new();
    for event in &spec.events {
        let Shape::Named(payload) = &event.payload.shape else { continue };
        for response in event.other_responses() {
            found.entry((payload, &response.status)).or_insert((response, Vec::new())).1.push(event);
        }
    }
    found.into_values().filter_map(|(response, events)| {
        let names = events.iter().map(|event| format!("`{}`", event.name)).collect::<Vec<_>>().join(" and ");
        let doc = format!("Returns the documented response {} to {names}: {}", response.status, response.description);
        Some(answer(&method(response), events.first()?, response, doc))
    })
}

/// `answer_bad_request` for 400.
fn method(response: &Response) -> Ident {
    format_ident!("answer_{}", names::snake(&response.reason()).unwrap_or_default())
}

/// Generates a method that returns a response to an event. It belongs to the model of the payload, so that the type of the
/// body follows from the event.
fn answer(method: &Ident, event: &Event, response: &Response, mut doc: String) -> TokenStream {
    let (name, payload, status) = (&event.name, rust_type(&event.payload.shape), &response.status);
    let body = response.body.as_ref();
    if let Some(body) = body.filter(|body| !body.description.is_empty()) {
        doc.push_str(&format!("\n\n{}", body.description));
    }
    let argument = body.map(|body| match &body.shape {
        Shape::Named(name) => {
            let kind = model(name);
            quote!(body: &#kind)
        }
        Shape::ListOf(name) => {
            let item = model(name);
            quote!(body: &[#item])
        }
        Shape::Text => quote!(body: &str),
    });
    let given = body.map_or_else(|| quote!(None::<&str>), |_| quote!(Some(body)));
    quote! {
        impl #payload {
            #[doc = #doc]
            #[must_use]
            pub fn #method(&self, #argument) -> ::pos_webhooks::Acknowledgement {
                ::pos_webhooks::private::answer(&PROVIDER, #name, #status, #given)
            }
        }
    }
}

/// Generates constants for the names of the headers of deliveries.
fn headers(spec: &Spec) -> TokenStream {
    let mut named: BTreeMap<Name, &str> = BTreeMap::new();
    for header in spec.events.iter().flat_map(|event| &event.headers) {
        named.insert(header.name.clone(), &header.description);
    }
    if let Some(Verification::Keys(keys)) = &spec.verification {
        // HTTP libraries have a constant for the header of a bearer token.
        for KeyPlace { header, description, .. } in keys.places.iter().filter(|place| place.before.is_empty()) {
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
        /// The names of the headers of deliveries.
        pub mod headers {
            #(#constants)*
        }
    }
}

fn identify() -> TokenStream {
    quote! {
        impl EventName {
            /// Identifies the event of a payload by the conditions in the specification. If none holds, the result is
            /// the name in the payload, which may be one that the specification does not list. Returns `None` if the
            /// payload does not identify its event.
            ///
            /// # Errors
            ///
            /// Returns an error if the payload is not JSON, or has a duplicate of a member that identifies the event.
            pub fn identify(json: &[u8]) -> Result<Option<Self>, ::pos_webhooks::DecodeError> {
                Ok(::pos_webhooks::private::identify(&PROVIDER, json)?.map(|name| Self::from(&*name)))
            }
        }
    }
}
