//! The examples of a module that receive a delivery, and that test a receiver.

use std::iter;

use super::DocExamples;
use crate::receiver::{function, needs_url, parts};
use crate::signature::{Part, Signature, Verification};
use crate::spec::{Event, EventNamePlace};

const URL: &str = "https://shop.example/hooks";

impl DocExamples<'_> {
    /// Code with a function that receives a delivery.
    pub(super) fn receive(&self) -> Option<String> {
        let event = self.event()?;
        let name = format!("EventName::{}", event.name.pascal());
        let receiver = self.receiver(event, &format!("{URL:?}"), "env::var(\"WEBHOOK_SECRET\")?", &name)?;
        let env = if receiver.contains("env::") { "use std::env;\n\n" } else { "" };
        let event_name = if receiver.contains(&name) { "EventName, " } else { "" };
        let (import, arguments) = match self.spec.verification {
            Some(Verification::Custom { .. }) => (
                "use pos_webhooks::verify::CustomVerification;\n",
                "\n    request: &Request<Vec<u8>>,\n    verification: impl CustomVerification + 'static,\n",
            ),
            _ => ("", "request: &Request<Vec<u8>>"),
        };
        Some(self.code(&format!(
            "{env}use http::{{Request, Response}};\n\
             {import}\
             use {}::{{Event, {event_name}Receiver}};\n\n\
             # fn store<T>(_: T) {{}}\n\
             fn handle({arguments}) -> Result<Response<Vec<u8>>, Box<dyn std::error::Error>> {{\n    \
                 let receiver = {receiver};\n    \
                 let event = receiver.receive(request)?;\n    \
                 match &event {{\n        \
                     Event::{}(payload) => store(payload),\n        \
                     Event::Unknown(unknown) => store(unknown),\n        \
                     _ => {{}}\n    \
                 }}\n    \
                 Ok(event.acknowledgement().into())\n\
             }}",
            self.module,
            event.name.pascal(),
        )))
    }

    /// Code that sends a genuine delivery to a receiver.
    pub(super) fn test_receiver(&self) -> Option<String> {
        let event = self.event().filter(|event| !event.payload.examples.is_empty())?;
        let url = match self.spec.event_name {
            Some(EventNamePlace::LastPathSegment) => format!("{:?}", format!("{URL}/{}", event.name)),
            _ => format!("{URL:?}"),
        };
        let receiver = self.receiver(event, "url", "secret", "name.clone()")?;
        let mut imports = "EventName, Receiver".to_owned();
        let mut values = String::new();
        let mut headers: String;
        let mut is_run = true;
        let mut uses = String::new();
        match self.spec.verification.as_ref()? {
            Verification::Signatures(_) => {
                let signatures = self.signatures();
                let signature = *signatures.first()?;
                is_run = !signature.is_asymmetric() && signature.time.as_ref().is_none_or(|time| time.member.is_none());
                let secret = secret(signature);
                values = match signature.is_asymmetric() {
                    true => "let private_key = Secret::from(env::var(\"PRIVATE_KEY\")?);\n\
                             let secret = env::var(\"PUBLIC_KEY\")?;\n"
                        .to_owned(),
                    false => format!("let secret = Secret::from({secret:?});\n"),
                };
                let others = self.other_headers(&signatures);
                headers =
                    others.iter().map(|name| format!("request = request.header({name:?}, \"value\");\n")).collect();
                let function = function("sign", 0, signature);
                headers.push_str(&format!(
                    "for (header, value) in {function}({})? {{\n    request = request.header(header, value);\n}}\n",
                    self.sign_arguments(&signatures, &others).join(", ")
                ));
                imports.push_str(&format!(", {function}"));
                uses = "use pos_webhooks::Secret;\n".to_owned();
                if headers.contains("Timestamp::") {
                    uses.push_str("use pos_webhooks::verify::Timestamp;\n");
                }
            }
            Verification::Keys(keys) => {
                let place = keys.places.first()?;
                values = "let secret = \"key\";\n".to_owned();
                let value = match place.before.as_str() {
                    "" => "secret".to_owned(),
                    before => format!("format!(\"{before}{{secret}}\")"),
                };
                headers = format!("request = request.header({:?}, {value});\n{}", place.header, self.event_header());
            }
            Verification::None(_) => headers = self.event_header(),
            Verification::Custom { .. } => return None,
        }
        let env = if values.contains("env::") { "use std::env;\n\n" } else { "" };
        let code = format!(
            "{env}use http::Request;\n\
             {uses}\
             use {}::{{{imports}}};\n\n\
             let url = {url};\n\
             {values}\
             let name = EventName::{};\n\
             let body = name.examples()[0].json.as_bytes();\n\
             let mut request = Request::post(url);\n\
             {headers}\
             let receiver = {receiver};\n\
             let event = receiver.receive(&request.body(body)?)?;\n\
             assert_eq!(event.name(), name);\n\
             # Ok::<(), Box<dyn std::error::Error>>(())",
            self.module,
            event.name.pascal(),
        );
        Some(if is_run { self.run(&code) } else { self.code(&code) })
    }

    /// The event of the examples: one that the receiver verifies as most events, and that its payload identifies.
    fn event(&self) -> Option<&Event> {
        let events = &self.spec.events;
        let usual = |event: &&Event| event.verification.is_none();
        let named =
            |event: &&Event| !matches!(self.spec.event_name, Some(EventNamePlace::Body)) || !event.when.is_empty();
        events.iter().filter(usual).find(named).or_else(|| events.iter().find(usual)).or(events.first())
    }

    /// An expression that constructs a receiver of the event, from expressions for its URL, secret and name.
    fn receiver(&self, event: &Event, url: &str, secret: &str, name: &str) -> Option<String> {
        let mut arguments = Vec::new();
        if matches!(self.spec.event_name, Some(EventNamePlace::Route)) {
            arguments.push(name.to_owned());
        }
        let (function, is_result) = match self.spec.verification.as_ref()? {
            Verification::Signatures(signatures) => {
                if needs_url(signatures.first()?) {
                    arguments.push(url.to_owned());
                }
                arguments.push(format!("[{secret}]"));
                ("new", true)
            }
            Verification::Keys(_) => {
                arguments.push(secret.to_owned());
                ("with_key", true)
            }
            Verification::None(_) => ("unverified", false),
            Verification::Custom { .. } => {
                arguments.push("verification".to_owned());
                ("new", false)
            }
        };
        let mut receiver = format!("Receiver::{function}({})", arguments.join(", "));
        if is_result {
            receiver.push('?');
        }
        if matches!(self.spec.event_name, Some(EventNamePlace::Body)) && event.when.is_empty() {
            receiver.push_str(&format!(".for_event({name})"));
        }
        Some(receiver)
    }

    /// The default signature, and those of the events that have one of their own.
    fn signatures(&self) -> Vec<&Signature> {
        let own = self.spec.events.iter().filter_map(|event| event.verification.as_ref());
        iter::once(self.spec.verification.as_ref())
            .flatten()
            .chain(own)
            .filter_map(Verification::default_signature)
            .collect()
    }

    /// The signed headers, except the one that names the event.
    fn other_headers<'s>(&self, signatures: &[&'s Signature]) -> Vec<&'s str> {
        let is_event = |name: &str| match &self.spec.event_name {
            Some(EventNamePlace::Header(header)) => header.eq_ignore_ascii_case(name),
            _ => false,
        };
        let mut names: Vec<&str> = Vec::new();
        for part in signatures.iter().copied().flat_map(parts) {
            if let Part::Header(name) = part
                && !is_event(name)
                && !names.iter().any(|known| known.eq_ignore_ascii_case(name))
            {
                names.push(name);
            }
        }
        names
    }

    /// The arguments of the generated `sign`, in its order.
    fn sign_arguments(&self, signatures: &[&Signature], others: &[&str]) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut add = |is_argument: bool, argument: &str| {
            if is_argument {
                arguments.push(argument.to_owned());
            }
        };
        let default = signatures.first();
        add(self.spec.events.iter().any(|event| event.verification.is_some()), "&name");
        add(matches!(self.spec.event_name, Some(EventNamePlace::Header(_))), "&name");
        add(default.is_some_and(|signature| needs_url(signature)), "url");
        add(true, if default.is_some_and(|signature| signature.is_asymmetric()) { "&private_key" } else { "&secret" });
        add(signatures.iter().any(|signature| signature.id.is_some()), "\"1\"");
        let headers: Vec<_> = others.iter().map(|name| format!("({name:?}, \"value\")")).collect();
        add(!headers.is_empty(), &format!("&[{}]", headers.join(", ")));
        add(true, "body");
        let mut times = signatures.iter().filter_map(|signature| signature.time.as_ref());
        add(times.any(|time| time.member.is_none()), "Timestamp::now()");
        arguments
    }

    /// The statement that adds the header with the event's name, which is not among those of a signature.
    fn event_header(&self) -> String {
        match &self.spec.event_name {
            Some(EventNamePlace::Header(header)) => format!("request = request.header({header:?}, name.as_str());\n"),
            _ => String::new(),
        }
    }
}

/// A secret of the form that the signature has.
fn secret(signature: &Signature) -> String {
    let text = match signature.key.encoding.as_str() {
        "hex" => "746573742d736563726574",
        "base64" => "dGVzdC1zZWNyZXQtb2YtMjQtYnl0ZXM=",
        _ => "test-secret",
    };
    format!("{}{text}", signature.key.prefix)
}
