//! The typed `Receiver` of a provider, and `sign` for tests of an endpoint. Both ask for what the provider needs and for
//! nothing else.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::names;
use crate::signature::{Part, Signature, Verification};
use crate::spec::{EventNamePlace, Spec};

/// `Receiver`, and `sign` where a secret signs; nothing for a provider that delivers nothing.
pub fn receiver(spec: &Spec) -> TokenStream {
    let (Some(verification), Some(place)) = (&spec.verification, &spec.event_name) else { return TokenStream::new() };
    let route = matches!(place, EventNamePlace::Route);
    let constructors = constructors(verification, route);
    let verifying = verifying(verification);
    let window = verification.signatures().iter().any(|signature| window(signature).is_some()).then(replay_window);
    let naming = naming(place);
    let decoding = decoding(place);
    let sign = verification.default_signature().map(|signature| sign(signature, place));
    let doc = doc(spec, verification, place);
    quote! {
        #[doc = #doc]
        #[derive(Clone, Debug)]
        pub struct Receiver(crate::receiver::AnyReceiver);

        impl Receiver {
            #constructors
            #window
            #verifying
            #naming
            #decoding

            /// Verifies against the machine's clock, and decodes.
            ///
            /// # Errors
            ///
            /// When the delivery is not genuine, or its payload does not decode.
            pub fn receive<B: AsRef<[u8]>>(
                &self,
                request: &::http::Request<B>,
            ) -> Result<Event, crate::verify::ReceiveError> {
                let now = crate::verify::Timestamp::now();
                self.0.receive_as(request, now, |name, body| Event::decode(&EventName::from(name), body))
            }
        }

        #sign
    }
}

fn doc(spec: &Spec, verification: &Verification, place: &EventNamePlace) -> String {
    let mut doc = format!("Receives the deliveries of {}.", spec.title);
    let mut add = |text: &str| {
        if !text.is_empty() {
            doc.push_str("\n\n");
            doc.push_str(text);
        }
    };
    match verification {
        Verification::Signatures(signatures) => {
            let Some(first) = signatures.first() else { return doc };
            add(&first.description);
            match window(first) {
                Some(seconds) => add(&format!(
                    "A replay window of {seconds} seconds to both sides holds for the signed time. A redelivery that is \
                     signed anew passes.",
                )),
                None => add("There is no replay window: anyone who has a genuine delivery can send it again."),
            }
        }
        Verification::Keys(keys) => {
            add(&keys.description);
            add("Nothing is signed: anyone who has seen one delivery can send any other, and the same again.");
        }
        Verification::None(reason) => add(reason),
        Verification::Custom { description } => add(description),
    }
    if let EventNamePlace::Header(name) = place
        && !verification.default_signature().is_some_and(|signature| signs_header(signature, name))
    {
        add(&format!(
            "The header `{name}`, which names the event, is not signed: the holder of a signed body can send it under \
             another name. A genuine delivery that does not have one such header is [`Event::Unknown`] without a name.",
        ));
    }
    add(
        "`Debug` does not show secrets.\n\n[`Event::acknowledgement`] says how long the provider waits for the answer, and \
         when it delivers again.",
    );
    doc
}

/// Per way in which a delivery may be verified, what makes a receiver for it.
fn constructors(verification: &Verification, route: bool) -> TokenStream {
    let name = route.then(|| quote!(name: EventName,));
    let event = if route { quote!(Some(name.as_str())) } else { quote!(None) };
    match verification {
        Verification::Signatures(signatures) => {
            let new = signatures.iter().enumerate().map(|(index, signature)| signed(index, signature, route));
            let unsigned = signatures.iter().find_map(|signature| signature.optional.as_ref());
            let unsigned = unsigned.map(|reason| unverified("unsigned", reason, route));
            quote!(#(#new)* #unsigned)
        }
        Verification::Keys(keys) => {
            let places: Vec<_> = keys.places.iter().map(|place| format!("`{}`", place.header)).collect();
            let doc = format!("A receiver for deliveries with this key in {}.", places.join(" or "));
            let unauthenticated = keys.optional.as_ref().map(|reason| unverified("unauthenticated", reason, route));
            quote! {
                #[doc = #doc]
                ///
                /// # Errors
                ///
                /// When the key is empty.
                pub fn with_key(
                    #name
                    key: impl Into<crate::Secret>,
                ) -> Result<Self, crate::verify::ReceiverError> {
                    let registered = crate::receiver::Registered { event: #event, ..Default::default() };
                    crate::receiver::AnyReceiver::new(&PROVIDER, registered, [key]).map(Self)
                }

                #unauthenticated
            }
        }
        Verification::None(reason) => unverified("unverified", reason, route),
        Verification::Custom { .. } => quote! {
            /// A receiver that verifies by code of your own.
            #[must_use]
            pub fn new(
                #name
                verification: impl crate::verify::CustomVerification + 'static,
            ) -> Self {
                let verifier = crate::verify::Verifier::custom(verification);
                Self(crate::receiver::AnyReceiver::unchecked(&PROVIDER, Some(verifier), #event))
            }
        },
    }
}

/// `new` for the default signature, `new_NAME` for another one.
fn signed(index: usize, signature: &Signature, route: bool) -> TokenStream {
    let url = needs_url(signature);
    let suffix = signature.name.as_deref().filter(|_| index > 0).and_then(names::snake);
    let function = suffix.map_or_else(|| format_ident!("new"), |suffix| format_ident!("new_{suffix}"));
    let mut doc = match (route, url) {
        (true, true) => "A receiver for the event and the URL as they were registered, with",
        (true, false) => "A receiver for the event that the URL was registered for, with",
        (false, true) => "A receiver for the URL as it was registered, with",
        (false, false) => "A receiver with",
    }
    .to_owned();
    doc.push_str(
        " the secrets of the registrations. Any of them is enough: give the old one and the new one while a secret is changed.",
    );
    if index > 0 {
        doc.push_str(&format!("\n\n{}", signature.description));
    }
    if url {
        doc.push_str(
            "\n\nHost, port and path are taken from this URL, never from a request. What is signed is the URL that is \
             requested, so a URL that HTTP clients rewrite is refused: write `https://shop.example/b` for \
             `https://shop.example/a/../b`. Upper case in the host and the scheme's own port make no difference.\n\n\
             # Errors\n\nWhen no delivery is signed for the URL as it is written, or a secret is missing or empty.",
        );
    } else {
        doc.push_str("\n\n# Errors\n\nWhen a secret is missing or empty.");
    }
    let name = route.then(|| quote!(name: EventName,));
    let event = if route { quote!(Some(name.as_str())) } else { quote!(None) };
    let (url, given_url) = if url { (quote!(url: &str,), quote!(Some(url))) } else { (quote!(), quote!(None)) };
    let signature = match &signature.name {
        Some(name) => quote!(Some(#name)),
        None => quote!(None),
    };
    quote! {
        #[doc = #doc]
        pub fn #function(
            #name
            #url
            secrets: impl IntoIterator<Item = impl Into<crate::Secret>>,
        ) -> Result<Self, crate::verify::ReceiverError> {
            let registered = crate::receiver::Registered { url: #given_url, event: #event, signature: #signature };
            crate::receiver::AnyReceiver::new(&PROVIDER, registered, secrets).map(Self)
        }
    }
}

fn unverified(function: &str, reason: &str, route: bool) -> TokenStream {
    let function = format_ident!("{function}");
    let name = route.then(|| quote!(name: EventName));
    let event = if route { quote!(Some(name.as_str())) } else { quote!(None) };
    let doc = format!(
        "A receiver that takes every delivery for genuine. {reason}\n\nAnyone who knows the URL can send a delivery."
    );
    quote! {
        #[doc = #doc]
        #[must_use]
        pub fn #function(#name) -> Self {
            Self(crate::receiver::AnyReceiver::unchecked(&PROVIDER, None, #event))
        }
    }
}

fn replay_window() -> TokenStream {
    quote! {
        /// How far the signed time may lie before or after the clock.
        #[must_use]
        pub fn replay_window(self, window: ::std::time::Duration) -> Self {
            Self(self.0.map_verifier(|verifier| verifier.replay_window(window)))
        }

        /// Accepts deliveries however old they are: anyone who has ever seen one can send it again.
        ///
        /// This is for deliveries from a store of your own that are verified late.
        #[must_use]
        pub fn dangerously_without_replay_window(self) -> Self {
            Self(self.0.map_verifier(crate::verify::Verifier::dangerously_without_replay_window))
        }
    }
}

/// `verify` and `string_to_sign`, with the clock and the body where they count.
fn verifying(verification: &Verification) -> TokenStream {
    let (body, clock) = match verification {
        Verification::None(_) => return TokenStream::new(),
        Verification::Keys(_) => (false, false),
        Verification::Signatures(signatures) => (true, signatures.iter().any(|signature| window(signature).is_some())),
        Verification::Custom { .. } => (true, true),
    };
    let (body, given_body) = if body { (quote!(body: &[u8],), quote!(body)) } else { (quote!(), quote!(&[])) };
    let (now, given_now) = if clock {
        (quote!(now: crate::verify::Timestamp,), quote!(now))
    } else {
        (quote!(), quote!(crate::verify::Timestamp::UNIX_EPOCH))
    };
    let errors = match verification {
        Verification::Keys(_) => "When the key is missing or another one.",
        _ if clock => {
            "When the delivery was not signed with one of the secrets, or not within the replay window around `now`."
        }
        _ => "When the delivery was not signed with one of the secrets.",
    };
    let errors = match verification {
        Verification::Signatures(signatures) if signatures.iter().any(|it| it.optional.is_some()) => {
            format!("{errors} Never for [`Receiver::unsigned`].")
        }
        Verification::Keys(keys) if keys.optional.is_some() => {
            format!("{errors} Never for [`Receiver::unauthenticated`].")
        }
        _ => errors.to_owned(),
    };
    let parsed = if verification.signatures().iter().any(signs_member) {
        "The body is parsed where members of it are signed."
    } else {
        "The body is not parsed."
    };
    let doc = format!("Verifies a delivery. {parsed}\n\n# Errors\n\n{errors}");
    let shown = !verification.signatures().iter().all(signs_body_alone);
    let string_to_sign = shown.then(|| {
        quote! {
            /// The text whose signature [`Receiver::verify`] looks for, to find out why a delivery is refused. No secret is in
            /// it. What is not UTF-8 in it is replaced.
            ///
            /// # Errors
            ///
            /// When something that is signed is missing or malformed.
            pub fn string_to_sign<H: crate::verify::Headers + ?Sized>(
                &self,
                headers: &H,
                body: &[u8],
            ) -> Result<String, crate::verify::VerifyError> {
                let text = self.0.string_to_sign(headers, body)?.unwrap_or_default();
                Ok(String::from_utf8_lossy(&text).into_owned())
            }
        }
    });
    quote! {
        #[doc = #doc]
        pub fn verify<H: crate::verify::Headers + ?Sized>(
            &self,
            headers: &H,
            #body
            #now
        ) -> Result<(), crate::verify::VerifyError> {
            self.0.verify(headers, #given_body, #given_now)
        }

        #string_to_sign
    }
}

/// Where a delivery says which event it is, what reads the name.
fn naming(place: &EventNamePlace) -> TokenStream {
    match place {
        EventNamePlace::Body | EventNamePlace::Route => TokenStream::new(),
        EventNamePlace::Header(header) => {
            let doc = format!(
                "The event that a delivery is, from the header `{header}`.\n\n# Errors\n\nWhen the header is missing or there \
                 more than once.",
            );
            quote! {
                #[doc = #doc]
                pub fn event_name<H: crate::verify::Headers + ?Sized>(
                    &self,
                    headers: &H,
                ) -> Result<EventName, crate::verify::VerifyError> {
                    headers.required(#header).map(EventName::from)
                }
            }
        }
        EventNamePlace::LastPathSegment => quote! {
            /// Takes every delivery for this event, for a URL of its own that does not end in the event's name.
            #[must_use]
            pub fn for_event(self, name: EventName) -> Self {
                Self(self.0.for_event(name.as_str()))
            }

            /// The event that a delivery to this path is: its last segment, or what [`Receiver::for_event`] says.
            pub fn event_name(&self, path: &str) -> EventName {
                self.0.event_of_path(path).into()
            }
        },
    }
}

fn decoding(place: &EventNamePlace) -> TokenStream {
    let errors = "# Errors\n\nWhen the payload is not JSON, or a required member is missing or of another type.";
    match place {
        EventNamePlace::Header(_) | EventNamePlace::LastPathSegment => {
            let doc = format!("Decodes the payload of an event.\n\n{errors}");
            quote! {
                #[doc = #doc]
                pub fn decode(&self, name: &EventName, body: &[u8]) -> Result<Event, crate::DecodeError> {
                    Event::decode(name, body)
                }
            }
        }
        EventNamePlace::Body => {
            let doc = format!(
                "Decodes a payload, which says which event it is.\n\nA payload that is not documented yet is \
                 [`Event::Unknown`], with the name that the payload gives itself.\n\n{errors}",
            );
            quote! {
                #[doc = #doc]
                pub fn decode(&self, body: &[u8]) -> Result<Event, crate::DecodeError> {
                    let name = EventName::identify(body)?.unwrap_or_else(|| EventName::from(""));
                    Event::decode(&name, body)
                }
            }
        }
        EventNamePlace::Route => {
            let doc = format!("Decodes a payload of what the URL was registered for.\n\n{errors}");
            quote! {
                #[doc = #doc]
                pub fn decode(&self, body: &[u8]) -> Result<Event, crate::DecodeError> {
                    Event::decode(&self.0.event_of_path("").into(), body)
                }
            }
        }
    }
}

/// `sign` with what the signature needs.
fn sign(signature: &Signature, place: &EventNamePlace) -> TokenStream {
    let mut arguments = Vec::new();
    let mut errors = Vec::new();
    let event_header = match place {
        EventNamePlace::Header(header) => {
            arguments.push(quote!(name: &EventName));
            Some(&**header)
        }
        EventNamePlace::Body | EventNamePlace::LastPathSegment | EventNamePlace::Route => None,
    };
    let named = event_header.map(|header| quote!(signed.insert(0, (#header, name.to_string()));));
    let is_event = |name: &str| event_header.is_some_and(|header| header.eq_ignore_ascii_case(name));
    let others = parts(signature).any(|part| matches!(part, Part::Header(name) if !is_event(name)));
    let url = if needs_url(signature) {
        arguments.push(quote!(url: &str));
        errors.push("no delivery is signed for the URL as it is written");
        quote!(Some(url))
    } else {
        quote!(None)
    };
    arguments.push(quote!(secret: &crate::Secret));
    errors.push("the secret is empty");
    let id = if signature.id.is_some() {
        arguments.push(quote!(id: &str));
        quote!(Some(id))
    } else {
        quote!(None)
    };
    let event = event_header.map(|header| quote!((#header, name.as_str())));
    let headers = if others {
        arguments.push(quote!(headers: &[(&str, &str)]));
        errors.push("a header that is signed is not among the headers");
        quote!(&[&[#event][..], headers].concat())
    } else {
        quote!(&[#event])
    };
    arguments.push(quote!(body: &[u8]));
    let at = match &signature.time {
        // A time of the body is what the body says.
        Some(time) if time.member.is_none() => {
            arguments.push(quote!(at: crate::verify::Timestamp));
            errors.push("the time cannot be written as the provider writes it");
            quote!(at)
        }
        Some(_) | None => quote!(at: crate::verify::Timestamp::UNIX_EPOCH),
    };
    let errors = match errors.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, first)) => format!("{}, or {last}", first.join(", ")),
        None => String::new(),
    };
    let doc = format!(
        "The headers that a delivery of this body has, for tests of your own endpoint.\n\n# Errors\n\nWhen {errors}."
    );
    let signed = match named {
        Some(named) => quote! {
            let mut signed = crate::receiver::sign(&PROVIDER, secret, &delivery)?;
            #named
            Ok(signed)
        },
        None => quote!(crate::receiver::sign(&PROVIDER, secret, &delivery)),
    };
    quote! {
        #[doc = #doc]
        pub fn sign(
            #(#arguments),*
        ) -> Result<Vec<(&'static str, String)>, crate::verify::ReceiverError> {
            let delivery = crate::verify::ToSign { url: #url, id: #id, headers: #headers, body, #at };
            #signed
        }
    }
}

fn window(signature: &Signature) -> Option<u64> {
    signature.time.as_ref()?.window
}

fn parts(signature: &Signature) -> impl Iterator<Item = &Part> {
    signature.signed.iter().flatten()
}

fn needs_url(signature: &Signature) -> bool {
    parts(signature).any(Part::is_of_url)
}

fn signs_member(signature: &Signature) -> bool {
    parts(signature).any(|part| matches!(part, Part::Member(_)))
}

fn signs_header(signature: &Signature, wanted: &str) -> bool {
    parts(signature).any(|part| matches!(part, Part::Header(name) if name.eq_ignore_ascii_case(wanted)))
}

fn signs_body_alone(signature: &Signature) -> bool {
    parts(signature).all(|part| matches!(part, Part::Body | Part::BodyWithoutSpaces))
}
