//! Generates the typed `Receiver` of a provider, and `sign` for tests of an endpoint. Their parameters are exactly
//! those that the provider's verification needs.

use std::iter;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::models::model;
use crate::names;
use crate::payload;
use crate::proof;
use crate::signature::{Part, Signature, Verification, signs_time};
use crate::spec::{EventNamePlace, Spec};

/// Generates `Receiver`, and `sign` for each signature; nothing for a provider that does not deliver events.
pub fn receiver(spec: &Spec) -> TokenStream {
    let (Some(verification), Some(place)) = (&spec.verification, &spec.event_name) else { return TokenStream::new() };
    let proof = &Proof::new(spec, verification);
    let constructors = constructors(proof, place);
    let clock = proof.reads_clock();
    let verifying = verifying(proof, clock);
    let window = replay_window(&proof.signatures);
    let handshake = handshake(spec, clock);
    let naming = naming(spec, place);
    let decoding = decoding(spec, place);
    let at_once = match place {
        EventNamePlace::Body => quote!(Receiver::decode_at_once),
        _ => quote!(|_| None),
    };
    let signatures = verification.signatures().iter().enumerate();
    let sign = signatures.map(|(index, signature)| sign(index, signature, proof, place));
    let (receive, now) = if clock {
        (
            "Verifies a delivery at the current time of this machine, and decodes it.",
            quote!(::pos_webhooks::verify::Timestamp::now()),
        )
    } else {
        ("Verifies and decodes a delivery.", no_clock())
    };
    let doc = doc(spec, verification, place);
    quote! {
        #[doc = #doc]
        #[derive(Clone, Debug)]
        pub struct Receiver(::pos_webhooks::AnyReceiver);

        impl Receiver {
            #constructors
            #window
            #verifying
            #handshake
            #naming
            #decoding

            #[doc = #receive]
            ///
            /// # Errors
            ///
            /// Returns an error if the delivery is not genuine, or if its payload cannot be decoded.
            pub fn receive<B: AsRef<[u8]>>(
                &self,
                request: &::pos_webhooks::private::http::Request<B>,
            ) -> Result<Event, ::pos_webhooks::verify::ReceiveError> {
                <Event as ::pos_webhooks::ProviderEvent>::receive(self, request, #now)
            }
        }

        impl AsRef<::pos_webhooks::AnyReceiver> for Receiver {
            fn as_ref(&self) -> &::pos_webhooks::AnyReceiver {
                &self.0
            }
        }

        impl ::pos_webhooks::ProviderEvent for Event {
            type Receiver = Receiver;

            fn receive<B: AsRef<[u8]>>(
                receiver: &Receiver,
                request: &::pos_webhooks::private::http::Request<B>,
                now: ::pos_webhooks::verify::Timestamp,
            ) -> Result<Self, ::pos_webhooks::verify::ReceiveError> {
                let decode = |name: &str, body: &[u8]| Event::decode(&EventName::from(name), body);
                receiver.0.receive_as(request, now, #at_once, decode)
            }

            fn event_name(&self) -> Option<String> {
                Some(self.name().as_str().to_owned()).filter(|name| !name.is_empty())
            }
        }

        #(#sign)*
    }
}

/// How the deliveries of a provider prove their origin.
struct Proof<'a> {
    verification: &'a Verification,
    /// That of the events that are not verified as the others are.
    own: Vec<&'a Verification>,
    /// All signatures. The first one is the default.
    signatures: Vec<&'a Signature>,
}

impl<'a> Proof<'a> {
    fn new(spec: &'a Spec, verification: &'a Verification) -> Self {
        let own: Vec<_> = spec.events.iter().filter_map(|event| event.verification.as_ref()).collect();
        let signatures =
            iter::once(verification).chain(own.iter().copied()).flat_map(Verification::signatures).collect();
        Self { verification, own, signatures }
    }

    /// Whether verification depends on the clock.
    fn reads_clock(&self) -> bool {
        matches!(self.verification, Verification::Custom { .. })
            || self.signatures.iter().any(|signature| window(signature).is_some())
    }

    /// The reason why a receiver may not have a secret.
    fn optional(&self) -> Option<&'a str> {
        iter::once(self.verification).chain(self.own.iter().copied()).find_map(Verification::optional)
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
        Verification::Signatures(signatures) => match signatures.as_slice() {
            [signature] => add(&described(signature)),
            _ => {
                add("Deliveries are signed in several ways. Each constructor describes the signature that it verifies.")
            }
        },
        Verification::Keys(keys) => {
            add(&keys.description);
            add("Deliveries are not signed: anyone who has seen one delivery can send it again, and any other one.");
        }
        Verification::None(reason) => add(reason),
        Verification::Custom { description } => {
            add(description);
            add(
                "Your code decides how old a delivery may be: it gets the current time. Without a limit, anyone who has a \
                genuine delivery can send it again.",
            );
        }
    }
    let signatures = verification.signatures();
    if let EventNamePlace::Header(name) = place
        && !matches!(verification, Verification::Custom { .. })
        && (signatures.is_empty() || !signatures.iter().all(|signature| proof::signs_header(signature, name)))
    {
        let by = if signatures.iter().any(|signature| proof::signs_header(signature, name)) {
            "not signed by each of the signatures"
        } else {
            "not signed"
        };
        add(&format!(
            "The header `{name}`, which names the event, is {by}: anyone who has a signed body can send it with \
            another name. A genuine delivery that does not have exactly one such header is [`Event::Unknown`] without a name.",
        ));
    }
    for event in &spec.events {
        match &event.verification {
            Some(Verification::None(reason)) => add(&format!("`{}`: {reason}", event.name)),
            Some(own) => {
                let headers = own.signatures().iter().flat_map(|signature| &signature.headers);
                let headers = headers.map(|header| format!("`{header}`")).collect::<Vec<_>>().join(" or ");
                let described = own.default_signature().map(secret_and_description).unwrap_or_default();
                add(&format!("`{}` is signed in {headers}. {described}", event.name));
            }
            None => {}
        }
    }
    add(
        "It is cheap to clone. `Debug` does not show secrets.\n\n[`Event::acknowledgement`] describes how long the provider waits for the response, \
        and when it delivers again.",
    );
    doc
}

/// Generates a constructor for each way in which deliveries can be verified.
fn constructors(proof: &Proof<'_>, place: &EventNamePlace) -> TokenStream {
    let route = matches!(place, EventNamePlace::Route);
    let name = route.then(|| quote!(name: EventName,));
    let event = if route { quote!(Some(name.as_str())) } else { quote!(None) };
    match proof.verification {
        Verification::Signatures(signatures) => {
            let has_own = !proof.own.is_empty();
            let is_alone = signatures.len() == 1;
            let new = signatures.iter().enumerate().map(|(index, signature)| {
                let described = if is_alone { String::new() } else { format!("\n\n{}", described(signature)) };
                signed(index, signature, &described, route, has_own)
            });
            let unsigned = proof.optional().map(|reason| match has_own {
                true => unsigned_event(reason),
                false => unverified("unsigned", reason, route),
            });
            quote!(#(#new)* #unsigned)
        }
        Verification::Keys(keys) => {
            let places: Vec<_> = keys.places.iter().map(|place| format!("`{}`", place.header)).collect();
            let doc = format!("Constructs a receiver for deliveries with this key in {}.", places.join(" or "));
            let check_doc = format!(
                "Constructs a receiver for deliveries with a key or a token in {} that a function of yours accepts. Use it for \
                tokens that your program issues and that expire. The function gets the key, or the token without the name of \
                its authentication scheme. Compare secret values in constant time.",
                places.join(" or ")
            );
            let unauthenticated = keys.optional.as_ref().map(|reason| unverified("unauthenticated", reason, route));
            quote! {
                #[doc = #doc]
                ///
                /// # Errors
                ///
                /// Returns an error if the key is empty, or if a header cannot carry it.
                pub fn with_key(
                    #name
                    key: impl Into<::pos_webhooks::Secret>,
                ) -> Result<Self, ::pos_webhooks::verify::ReceiverError> {
                    let registered = ::pos_webhooks::Registered { event: #event, ..Default::default() };
                    ::pos_webhooks::AnyReceiver::new(&PROVIDER, registered, [key]).map(Self)
                }

                #[doc = #check_doc]
                ///
                /// # Errors
                ///
                /// Returns an error if deliveries of the event do not carry a key.
                pub fn with_key_check(
                    #name
                    check: impl Fn(&str) -> bool + Send + Sync + 'static,
                ) -> Result<Self, ::pos_webhooks::verify::ReceiverError> {
                    ::pos_webhooks::AnyReceiver::with_key_check(&PROVIDER, #event, check).map(Self)
                }

                #unauthenticated
            }
        }
        Verification::None(reason) => unverified("unverified", reason, route),
        Verification::Custom { .. } => quote! {
            /// Constructs a receiver that verifies deliveries with your own code.
            #[must_use]
            pub fn new(
                #name
                verification: impl ::pos_webhooks::verify::CustomVerification + 'static,
            ) -> Self {
                let verifier = ::pos_webhooks::verify::Verifier::custom(verification);
                Self(::pos_webhooks::AnyReceiver::unchecked(&PROVIDER, Some(verifier), #event))
            }
        },
    }
}

/// Generates `new` for the default signature, and `new_NAME` for another one.
fn signed(index: usize, signature: &Signature, described: &str, route: bool, has_own: bool) -> TokenStream {
    let url = needs_url(signature);
    let function = function("new", index, signature);
    let mut doc = match (route, url) {
        (true, true) => "Constructs a receiver for the registered event and URL, with",
        (true, false) => "Constructs a receiver for the event that the URL was registered for, with",
        (false, true) => "Constructs a receiver for the registered URL, with",
        (false, false) => "Constructs a receiver with",
    }
    .to_owned();
    doc.push_str(if signature.is_asymmetric() {
        " the public keys of the provider. A delivery passes with any of them: give the old one and the new one while a key is rotated."
    } else {
        " the secrets of the registrations. A delivery passes with any of them: give the old one and the new one while a secret is rotated."
    });
    doc.push_str(described);
    let of_secrets = if signature.is_asymmetric() {
        "if no public key is given, if one is malformed, or if the feature `ed25519` of `pos-webhooks` is off"
    } else if signature.key.encoding == "text" {
        "if no secret is given or one is empty"
    } else {
        "if no secret is given, or one is empty or malformed"
    };
    if url {
        doc.push_str(
            "\n\nWhat is signed of the URL is taken from this one, never from a request. The provider signs the URL that it \
            requests, so a URL that HTTP clients rewrite is refused: write `https://shop.example/b` instead of \
            `https://shop.example/a/../b`. ",
        );
        // The others are those of the URL as HTTP clients send it.
        let as_written = parts(signature).any(|part| matches!(part, Part::Url | Part::UrlWithoutQuery));
        doc.push_str(if as_written {
            "Write it exactly as it was registered: upper case, a port and a slash at the end count."
        } else {
            "Upper case in the host and the scheme's default port are ignored."
        });
        doc.push_str(&format!("\n\n# Errors\n\nReturns an error if HTTP clients rewrite the URL, or {of_secrets}."));
    } else {
        doc.push_str(&format!("\n\n# Errors\n\nReturns an error {of_secrets}."));
    }
    if has_own {
        doc.push_str(" So it does if deliveries of the event are not signed.");
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
            secrets: impl IntoIterator<Item = impl Into<::pos_webhooks::Secret>>,
        ) -> Result<Self, ::pos_webhooks::verify::ReceiverError> {
            let registered = ::pos_webhooks::Registered { url: #given_url, event: #event, signature: #signature };
            ::pos_webhooks::AnyReceiver::new(&PROVIDER, registered, secrets).map(Self)
        }
    }
}

/// `new` or `sign` for the default signature, and `new_NAME` or `sign_NAME` for another one.
pub fn function(name: &str, index: usize, signature: &Signature) -> Ident {
    let suffix = signature.name.as_deref().filter(|_| index > 0).and_then(names::snake);
    suffix.map_or_else(|| format_ident!("{name}"), |suffix| format_ident!("{name}_{suffix}"))
}

fn unverified(function: &str, reason: &str, route: bool) -> TokenStream {
    let function = format_ident!("{function}");
    let name = route.then(|| quote!(name: EventName));
    let event = if route { quote!(Some(name.as_str())) } else { quote!(None) };
    let doc = format!(
        "Constructs a receiver that accepts every delivery as genuine. {reason}\n\nAnyone who knows the URL can send a delivery."
    );
    quote! {
        #[doc = #doc]
        #[must_use]
        pub fn #function(#name) -> Self {
            Self(::pos_webhooks::AnyReceiver::unchecked(&PROVIDER, None, #event))
        }
    }
}

/// Generates `unsigned` if it depends on the event whether a receiver has a secret.
fn unsigned_event(reason: &str) -> TokenStream {
    let doc = format!(
        "Constructs a receiver that accepts every delivery as genuine. {reason}\n\nAnyone who knows the URL can send a \
        delivery.\n\n# Errors\n\nReturns an error if every registration for the event has a secret."
    );
    quote! {
        #[doc = #doc]
        pub fn unsigned(name: EventName) -> Result<Self, ::pos_webhooks::verify::ReceiverError> {
            ::pos_webhooks::AnyReceiver::unverified(&PROVIDER, Some(name.as_str())).map(Self)
        }
    }
}

/// Generates the functions that change the replay window, if there is one.
fn replay_window(signatures: &[&Signature]) -> TokenStream {
    if !signatures.iter().any(|signature| window(signature).is_some()) {
        return TokenStream::new();
    }
    let mut doc = "Sets the replay window: how far the signed time may be before or after the clock.".to_owned();
    if !signatures.iter().all(|signature| has_signed_time(signature)) {
        doc.push_str(" This has no effect for a signature that does not cover a time.");
    }
    quote! {
        #[doc = #doc]
        #[must_use]
        pub fn replay_window(self, window: ::std::time::Duration) -> Self {
            Self(self.0.map_verifier(|verifier| verifier.replay_window(window)))
        }

        /// Accepts deliveries of any age: anyone who has ever seen one can send it again.
        ///
        /// Use this only to verify deliveries from your own storage after the replay window.
        #[must_use]
        pub fn dangerously_without_replay_window(self) -> Self {
            Self(self.0.map_verifier(::pos_webhooks::verify::Verifier::dangerously_without_replay_window))
        }
    }
}

/// The time that is passed if verification does not depend on it.
fn no_clock() -> TokenStream {
    quote!(::pos_webhooks::verify::Timestamp::UNIX_EPOCH)
}

/// Generates `verify` and `string_to_sign`, which take the time and the body if the signature depends on them.
fn verifying(proof: &Proof<'_>, clock: bool) -> TokenStream {
    let body = match proof.verification {
        Verification::None(_) => return TokenStream::new(),
        Verification::Keys(_) => false,
        Verification::Signatures(_) | Verification::Custom { .. } => true,
    };
    let (body, given_body) = if body { (quote!(body: &[u8],), quote!(body)) } else { (quote!(), quote!(&[])) };
    let (now, given_now) =
        if clock { (quote!(now: ::pos_webhooks::verify::Timestamp,), quote!(now)) } else { (quote!(), no_clock()) };
    let has_window = |signature: &&Signature| window(signature).is_some();
    let errors = match proof.verification {
        Verification::Keys(_) => "Returns an error if the key is missing or wrong.",
        Verification::Custom { .. } => "Returns an error if your code does.",
        Verification::Signatures(_) if clock && proof.signatures.iter().all(has_window) => {
            "Returns an error if the delivery was not signed with one of the secrets, or not within the replay window around `now`."
        }
        _ if clock => {
            "Returns an error if the delivery was not signed with one of the secrets, or if its signature has a replay window \
            and the delivery was not signed within it around `now`."
        }
        _ => "Returns an error if the delivery was not signed with one of the secrets.",
    };
    let errors = match proof.verification {
        Verification::Signatures(_) if proof.optional().is_some() => {
            format!("{errors} A receiver made with [`Receiver::unsigned`] never fails.")
        }
        Verification::Keys(keys) if keys.optional.is_some() => {
            format!("{errors} A receiver made with [`Receiver::unauthenticated`] never fails.")
        }
        _ => errors.to_owned(),
    };
    let verified = match proof.verification {
        Verification::Signatures(_) => format!("Verifies a delivery. {}", parsing(&proof.signatures)),
        Verification::Custom { .. } => "Verifies a delivery with your own code.".to_owned(),
        Verification::Keys(_) | Verification::None(_) => "Verifies a delivery.".to_owned(),
    };
    let doc = format!("{verified}\n\n# Errors\n\n{errors}");
    let shown = !proof.signatures.iter().all(|signature| signs_body_alone(signature));
    let string_to_sign = shown.then(|| {
        quote! {
            /// Returns the text whose signature [`Receiver::verify`] expects, to find out why a delivery is refused.
            /// The text does not contain a secret. Bytes that are not UTF-8 are replaced.
            ///
            /// # Errors
            ///
            /// Returns an error if a signed header or member is missing or malformed.
            pub fn string_to_sign<H: ::pos_webhooks::verify::Headers + ?Sized>(
                &self,
                headers: &H,
                body: &[u8],
            ) -> Result<String, ::pos_webhooks::verify::VerifyError> {
                let text = self.0.string_to_sign(headers, body)?.unwrap_or_default();
                Ok(String::from_utf8_lossy(&text).into_owned())
            }
        }
    });
    quote! {
        #[doc = #doc]
        pub fn verify<H: ::pos_webhooks::verify::Headers + ?Sized>(
            &self,
            headers: &H,
            #body
            #now
        ) -> Result<(), ::pos_webhooks::verify::VerifyError> {
            self.0.verify(headers, #given_body, #given_now)
        }

        #string_to_sign
    }
}

/// Generates the functions for what the provider asks of a receiver before it registers a URL.
fn handshake(spec: &Spec, clock: bool) -> TokenStream {
    let Some(handshake) = &spec.handshake else { return TokenStream::new() };
    let now = if clock { quote!(::pos_webhooks::verify::Timestamp::now()) } else { no_clock() };
    let mut doc = "Returns the answer to the request with which the provider checks the URL before it registers it; `None` if the \
        request is another one, such as a delivery. Call this before [`Receiver::receive`]. A handshake is not an event, and is \
        not to be stored."
        .to_owned();
    if !handshake.description.is_empty() {
        doc.push_str(&format!("\n\n{}", handshake.description));
    }
    if handshake.is_verified() {
        doc.push_str("\n\nThe request is verified like a delivery.");
    }
    doc.push_str(
        "\n\n# Errors\n\nReturns an error if the request is not genuine, or lacks a value that the answer repeats. \
        [`status`](pos_webhooks::verify::HandshakeError::status) of the error is the status to respond with.",
    );
    let token = handshake.token.as_ref().map(|name| {
        let doc = format!(
            "Sets the token that the provider sends in the query parameter `{name}` of its handshake, and that was entered at the \
            provider together with the URL. Without it, the handshake is an error.\n\n# Errors\n\nReturns an error if the token is \
            empty, or is not printable ASCII."
        );
        quote! {
            #[doc = #doc]
            pub fn with_verify_token(
                self,
                token: impl Into<::pos_webhooks::Secret>,
            ) -> Result<Self, ::pos_webhooks::verify::ReceiverError> {
                self.0.with_verify_token(token).map(Self)
            }
        }
    });
    quote! {
        #token

        #[doc = #doc]
        pub fn handshake<B: AsRef<[u8]>>(
            &self,
            request: &::pos_webhooks::private::http::Request<B>,
        ) -> Result<Option<::pos_webhooks::verify::HandshakeAnswer>, ::pos_webhooks::verify::HandshakeError> {
            self.0.handshake(request, #now)
        }
    }
}

/// Generates the functions that identify and decode the event of a delivery.
fn naming(spec: &Spec, place: &EventNamePlace) -> TokenStream {
    match place {
        EventNamePlace::Route => TokenStream::new(),
        // The payloads of all events identify them.
        EventNamePlace::Body if spec.events.iter().all(|event| !event.when.is_empty()) => TokenStream::new(),
        EventNamePlace::Body => {
            let unnamed = spec.events.iter().filter(|event| event.when.is_empty());
            let unnamed: Vec<_> = unnamed.map(|event| format!("`{}`", event.name)).collect();
            let doc = format!(
                "Treats a delivery whose payload does not identify its event as this event, for a registration of a single \
                event.\n\nThe payloads of these events do not identify them: {}. Without this call, they are received as \
                [`Event::Unknown`]. A payload that identifies its event is still received as that event.",
                unnamed.join(", ")
            );
            quote! {
                #[doc = #doc]
                #[must_use]
                pub fn for_event(self, name: EventName) -> Self {
                    Self(self.0.for_event(name.as_str()))
                }
            }
        }
        EventNamePlace::Header(header) => {
            let doc = format!(
                "Returns the event of a delivery, from the header `{header}`.\n\n# Errors\n\nReturns an error if the header is \
                missing or occurs more than once.",
            );
            quote! {
                #[doc = #doc]
                pub fn event_name<H: ::pos_webhooks::verify::Headers + ?Sized>(
                    &self,
                    headers: &H,
                ) -> Result<EventName, ::pos_webhooks::verify::VerifyError> {
                    headers.required(#header).map(EventName::from)
                }
            }
        }
        EventNamePlace::LastPathSegment => quote! {
            /// Treats every delivery as this event, for a URL of a single event that does not end in the event's name.
            #[must_use]
            pub fn for_event(self, name: EventName) -> Self {
                Self(self.0.for_event(name.as_str()))
            }

            /// Returns the event of a delivery to this path: that of [`Receiver::for_event`], or else the last segment.
            pub fn event_name(&self, path: &str) -> EventName {
                self.0.event_of_path(path).into()
            }
        },
    }
}

fn decoding(spec: &Spec, place: &EventNamePlace) -> TokenStream {
    let errors = "# Errors\n\nReturns an error if the payload is not JSON, or if a required member is missing or of another type.";
    match place {
        EventNamePlace::Header(_) | EventNamePlace::LastPathSegment => {
            let doc = format!("Decodes the payload of an event.\n\n{errors}");
            quote! {
                #[doc = #doc]
                pub fn decode(&self, name: &EventName, body: &[u8]) -> Result<Event, ::pos_webhooks::DecodeError> {
                    Event::decode(name, body)
                }
            }
        }
        EventNamePlace::Body => {
            let doc = format!(
                "Decodes a payload, which identifies its event.\n\nA payload of an event that is not documented yet is \
                [`Event::Unknown`], with the name in the payload.\n\n{errors}",
            );
            let at_once = decode_at_once(spec);
            quote! {
                #[doc = #doc]
                pub fn decode(&self, body: &[u8]) -> Result<Event, ::pos_webhooks::DecodeError> {
                    match Self::decode_at_once(body) {
                        Some(event) => Ok(event),
                        None => Event::decode(&self.0.event_of_payload(body)?.as_ref().into(), body),
                    }
                }

                #at_once
            }
        }
        EventNamePlace::Route => {
            let doc = format!("Decodes a payload of the event that the URL was registered for.\n\n{errors}");
            quote! {
                #[doc = #doc]
                pub fn decode(&self, body: &[u8]) -> Result<Event, ::pos_webhooks::DecodeError> {
                    Event::decode(&self.0.event_of_path("").into(), body)
                }
            }
        }
    }
}

/// Generates the function that decodes a payload of the type that most events have. Such a payload is read once, and every
/// other payload twice.
fn decode_at_once(spec: &Spec) -> TokenStream {
    let of_type = payload::by_type(spec.events.iter().filter(|event| !event.when.is_empty()));
    let common = of_type.into_iter().max_by_key(|(_, events)| events.len());
    let body = common.map_or_else(
        || {
            quote!({
                let _ = body;
                None
            })
        },
        |(payload, events)| {
            let payload = model(payload);
            let names: Vec<_> = events.iter().map(|event| &event.name).collect();
            let variants = names.iter().map(|name| name.pascal());
            quote! {
                let make = |payload: #payload, name: &str| match name {
                    #(#names => Some(Event::#variants(payload)),)*
                    _ => None,
                };
                ::pos_webhooks::private::decode_identified(&PROVIDER, &[#(#names),*], body, make)
            }
        },
    );
    quote! {
        /// An event of the type that most events have, whose payload is read once. `None` for every other payload.
        fn decode_at_once(body: &[u8]) -> Option<Event> {
            #body
        }
    }
}

/// Generates `sign`, with the parameters that the signature needs.
fn sign(index: usize, signature: &Signature, proof: &Proof<'_>, place: &EventNamePlace) -> TokenStream {
    let function = function("sign", index, signature);
    let named_signature = match &signature.name {
        Some(name) if index > 0 => quote!(Some(#name)),
        _ => quote!(None),
    };
    // An event with a verification of its own does not have the other signatures of the root.
    let own = if index == 0 { proof.own.as_slice() } else { &[] };
    let default = signature;
    let signatures: Vec<&Signature> =
        iter::once(default).chain(own.iter().filter_map(|own| own.default_signature())).collect();
    let mut arguments = Vec::new();
    let mut errors = Vec::new();
    let of_event = if own.is_empty() {
        quote!(None)
    } else {
        arguments.push(quote!(name: &EventName));
        errors.push("deliveries of the event are not signed");
        quote!(Some(name.as_str()))
    };
    let event_header = match place {
        EventNamePlace::Header(header) => {
            arguments.push(quote!(name: &EventName));
            Some(&**header)
        }
        EventNamePlace::Body | EventNamePlace::LastPathSegment | EventNamePlace::Route => None,
    };
    let named = event_header.map(|header| quote!(signed.insert(0, (#header, name.to_string()));));
    let is_event = |name: &str| event_header.is_some_and(|header| header.eq_ignore_ascii_case(name));
    let mut signed = signatures.iter().flat_map(|signature| parts(signature));
    let others = signed.any(|part| matches!(part, Part::Header(name) if !is_event(name)));
    let url = if needs_url(default) {
        arguments.push(quote!(url: &str));
        errors.push("HTTP clients rewrite the URL");
        quote!(Some(url))
    } else {
        quote!(None)
    };
    arguments.push(quote!(secret: &::pos_webhooks::Secret));
    errors.push(if signatures.iter().all(|signature| signature.key.encoding == "text") {
        "the secret is empty"
    } else {
        "the secret is empty or malformed"
    });
    let id = if signatures.iter().any(|signature| signature.id.is_some()) {
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
    let mut times = signatures.iter().filter_map(|signature| signature.time.as_ref());
    // A time in the body is taken from the body.
    let at = if times.any(|time| time.member.is_none()) {
        arguments.push(quote!(at: ::pos_webhooks::verify::Timestamp));
        errors.push("the time cannot be written in the provider's format");
        quote!(at)
    } else {
        quote!(at: ::pos_webhooks::verify::Timestamp::UNIX_EPOCH)
    };
    if signatures.iter().any(|signature| signs_member(signature)) {
        errors.push("a member that is signed is not in the body");
    }
    let is_told_apart = |pair: &[Part]| match pair {
        [one, Part::Text(_)] => matches!(one, Part::Id | Part::Header(_) | Part::Member(_)),
        _ => false,
    };
    let mut texts = signatures.iter().flat_map(|signature| &signature.signed);
    if texts.any(|parts| parts.windows(2).any(is_told_apart)) {
        errors.push("a value contains the text that follows it in the signed text");
    }
    let errors = match errors.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, first)) => format!("{}, or {last}", first.join(", ")),
        None => String::new(),
    };
    let private_key = if signatures.iter().any(|signature| signature.is_asymmetric()) {
        " The secret is a private key of yours with 64 bytes: the seed, and then the public key that the receiver has."
    } else {
        ""
    };
    let doc = format!(
        "Returns the headers of a delivery of this body, for tests of your own endpoint.{private_key}\n\n# Errors\n\nReturns an \
        error if {errors}."
    );
    let signed = match named {
        Some(named) => quote! {
            let mut signed = ::pos_webhooks::private::sign(&PROVIDER, #of_event, #named_signature, secret, &delivery)?;
            #named
            Ok(signed)
        },
        None => quote!(::pos_webhooks::private::sign(&PROVIDER, #of_event, #named_signature, secret, &delivery)),
    };
    quote! {
        #[doc = #doc]
        pub fn #function(
            #(#arguments),*
        ) -> Result<Vec<(&'static str, String)>, ::pos_webhooks::verify::ReceiverError> {
            let delivery = ::pos_webhooks::verify::ToSign { url: #url, id: #id, headers: #headers, body, #at };
            #signed
        }
    }
}

/// Whether verification parses the body, and why.
fn parsing(signatures: &[&Signature]) -> String {
    let can_have_window = signatures.iter().any(|signature| window(signature).is_some());
    let reads_time = |signature: &Signature| {
        let in_body = signature.time.as_ref().is_some_and(|time| time.member.is_some());
        in_body && (parts(signature).any(|part| *part == Part::Time) || can_have_window && has_signed_time(signature))
    };
    let reasons: Vec<&str> = [
        (signatures.iter().any(|signature| signs_member(signature)), "members of it are signed"),
        (signatures.iter().any(|signature| reads_time(signature)), "a member of it is the time"),
    ]
    .into_iter()
    .filter_map(|(applies, reason)| applies.then_some(reason))
    .collect();
    if reasons.is_empty() {
        return "The body is not parsed.".to_owned();
    }
    let reasons = reasons.join(" and ");
    if signatures.iter().all(|signature| signs_member(signature) || reads_time(signature)) {
        format!("The body is parsed, because {reasons}.")
    } else {
        format!("With some of the signatures, the body is parsed, because {reasons}.")
    }
}

/// What a signature proves, in Markdown.
fn described(signature: &Signature) -> String {
    let paragraphs = [&secret_and_description(signature), &signature.coverage, &signature.replay];
    paragraphs.into_iter().filter(|paragraph| !paragraph.is_empty()).cloned().collect::<Vec<_>>().join("\n\n")
}

/// The secret, if it is not that of a registration, and the description.
fn secret_and_description(signature: &Signature) -> String {
    let secret = signature.credential.iter();
    let secret = secret.map(|name| format!("The secret is the credential `{name}` of the client."));
    secret.chain([signature.description.clone()]).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn has_signed_time(signature: &Signature) -> bool {
    let Some(time) = &signature.time else { return false };
    signature.signed.iter().all(|parts| signs_time(parts, time.member.as_deref()))
}

fn window(signature: &Signature) -> Option<u64> {
    signature.time.as_ref()?.window
}

pub fn parts(signature: &Signature) -> impl Iterator<Item = &Part> {
    signature.signed.iter().flatten()
}

pub fn needs_url(signature: &Signature) -> bool {
    parts(signature).any(Part::is_of_url)
}

fn signs_member(signature: &Signature) -> bool {
    parts(signature).any(|part| matches!(part, Part::Member(_)))
}

fn signs_body_alone(signature: &Signature) -> bool {
    parts(signature).all(|part| matches!(part, Part::Body | Part::BodyWithoutSpaces))
}
