//! Generates the deliveries of an event, for tests of an endpoint.

use std::iter;

use proc_macro2::TokenStream;
use quote::quote;

use super::signature::{DeliveryTime, Verification};
use super::spec::{EventNamePlace, Spec};

/// Generates `Event::delivery`, if deliveries can be signed or carry a key, and `Event::unsigned_delivery`; nothing for a provider
/// that does not deliver events.
pub fn delivery(spec: &Spec) -> TokenStream {
    let (Some(root), Some(place)) = (&spec.verification, &spec.event_name) else { return TokenStream::new() };
    let all: Vec<_> =
        iter::once(root).chain(spec.events.iter().filter_map(|event| event.verification.as_ref())).collect();
    let has_key = all.iter().any(|verification| matches!(verification, Verification::Keys(_)));
    let signatures = || all.iter().flat_map(|verification| verification.signatures());
    let is_signed = signatures().next().is_some();
    let path = match place {
        EventNamePlace::LastPathSegment => " The event's name follows the URL as its last segment.",
        EventNamePlace::Body | EventNamePlace::Header(_) | EventNamePlace::Route => "",
    };
    let signed = (has_key || is_signed).then(|| {
        let (proof, wrong) = match is_signed {
            true => ("signed with this secret at the current time", "the secret is empty or malformed"),
            false => ("with this key", "the key is empty, or a header cannot carry it"),
        };
        let mut doc = format!("Returns the delivery of the event to a URL, {proof}, to test your own endpoint.{path}");
        let is_in_body = |time: &DeliveryTime| time.member.is_some() && time.window.is_some();
        if signatures().any(|signature| signature.time.as_ref().is_some_and(is_in_body)) {
            doc.push_str(" The member from which the replay window is measured becomes the current time.");
        }
        if signatures().any(|signature| signature.is_asymmetric()) {
            doc.push_str(
                " The secret is a private key of yours with 64 bytes: the seed, and then the public key that the receiver has.",
            );
        }
        let mut errors = format!("Returns an error if the URL cannot be requested, or if {wrong}.");
        if is_signed && all.iter().any(|verification| matches!(verification, Verification::None(_))) {
            errors.push_str(" So it does if deliveries of the event are not signed.");
        }
        let doc = format!("{doc}\n\n[`EventName::example`] returns an event to begin with.\n\n# Errors\n\n{errors}");
        quote! {
            #[doc = #doc]
            pub fn delivery(
                &self,
                url: &str,
                secret: impl Into<::pos_webhooks::Secret>,
            ) -> Result<::pos_webhooks::private::http::Request<Vec<u8>>, ::pos_webhooks::verify::ReceiverError> {
                ::pos_webhooks::private::delivery(&PROVIDER, self.name().as_str(), self, url, Some(secret.into()))
            }
        }
    });
    let own =
        if matches!(root, Verification::Custom { .. }) { " Add the headers that your own code verifies." } else { "" };
    let doc = format!(
        "Returns the delivery of the event to a URL, without anything that proves its origin.{path}{own}\n\n# Errors\n\nReturns an \
        error if the URL cannot be requested.",
    );
    quote! {
        impl Event {
            #signed

            #[doc = #doc]
            pub fn unsigned_delivery(
                &self,
                url: &str,
            ) -> Result<::pos_webhooks::private::http::Request<Vec<u8>>, ::pos_webhooks::verify::ReceiverError> {
                ::pos_webhooks::private::delivery(&PROVIDER, self.name().as_str(), self, url, None)
            }
        }
    }
}
