//! How each provider proves where a delivery comes from: one shape for the commands, adapted from the receivers.

use hyper::body::Bytes;
use jiff::Timestamp;
use pos_webhooks::catalogue::Provider;
use pos_webhooks::verify::{ReceiveError, ReceiverError, VerifyError};
use pos_webhooks::{Acknowledgement, DecodeError, Secret};

use crate::input::Head;

/// The providers that are compiled in, as `pos_webhooks::PROVIDERS`.
pub static SCHEMES: &[&dyn Scheme] = &[&mipos::Mipos, &mypos::Mypos, &dealpos::Dealpos, &vipps::Vipps];

pub trait Scheme: Send + Sync {
    fn provider(&self) -> &'static Provider;

    /// What a verified delivery proves, and what it does not.
    fn proof(&self) -> &'static str;

    /// Why a delivery may have no secret to verify it with; `None` where each has one.
    fn unsigned(&self) -> Option<&'static str> {
        None
    }

    fn verify(&self, delivery: &Delivery<'_>, secret: &Secret) -> Result<(), Refusal>;

    fn signed(&self, _: &Delivery<'_>) -> Signed {
        Signed::Body
    }

    /// What often differs between a delivery and what is verified, beside what can with every provider.
    fn changes(&self, _: &Delivery<'_>) -> Vec<Change> {
        Vec::new()
    }

    /// The headers of a delivery.
    fn sign(&self, delivery: &Delivery<'_>, secret: &Secret) -> Result<Vec<(&'static str, String)>, Refusal>;

    /// The event that a payload says it is.
    fn identify(&self, _: &[u8]) -> Result<Option<String>, DecodeError> {
        Ok(None)
    }

    /// What receives the deliveries of one registration. Without secrets, every delivery is taken for genuine.
    fn receiver(&self, url: Option<&str>, event: Option<&str>, secrets: Vec<Secret>) -> Result<Receive, Refusal>;

    /// Decodes the payload of an event; its idempotency key.
    fn decode(&self, event: &str, body: &[u8]) -> Result<Option<String>, DecodeError>;
}

#[derive(Clone, Copy)]
pub struct Delivery<'a> {
    /// As it was registered.
    pub url: Option<&'a str>,
    pub event: Option<&'a str>,
    pub head: &'a Head,
    pub body: &'a [u8],
    /// The clock.
    pub at: Timestamp,
}

pub enum Refusal {
    /// There is nothing to verify or to sign yet.
    Usage(String),
    Verify(VerifyError),
}

impl From<ReceiverError> for Refusal {
    fn from(error: ReceiverError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        Self::Verify(error)
    }
}

/// What the signature is of.
pub enum Signed {
    Body,
    Text(String),
    Nothing,
    /// Not without the header at fault.
    Unknown,
}

/// Something else to verify with.
pub struct Change {
    pub what: String,
    pub with: With,
}

#[derive(Clone, PartialEq)]
pub enum With {
    Head(Head),
    Body(Vec<u8>),
    Url(String),
    Secrets(Vec<Secret>),
    At(Timestamp),
}

/// How close a name has to be to another one to be suggested for it.
const SIMILAR: f64 = 0.8;

/// What to say of an event that the specification of its provider does not list; `None` where it does.
pub fn unknown_event(provider: &Provider, event: &str) -> Option<String> {
    let names = || provider.events.iter().map(|event| event.name);
    if names().any(|name| name == event) {
        return None;
    }
    let similarity = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &event.to_lowercase());
    let closest = names().max_by(|one, other| similarity(one).total_cmp(&similarity(other)));
    let suggestion = match closest.filter(|name| similarity(name) >= SIMILAR) {
        Some(name) => format!("did you mean {name:?}?"),
        None => format!("`pos-webhooks schema {}` lists them", provider.name),
    };
    Some(format!("{event:?} is not an event that the specification of {} lists; {suggestion}", provider.name))
}

/// Verifies and decodes a delivery.
pub type Receive = Box<dyn Fn(&http::Request<Bytes>) -> Result<Arrived, ReceiveError> + Send + Sync>;

/// A delivery that is genuine.
pub struct Arrived {
    pub event: String,
    pub known: bool,
    pub idempotency_key: Option<String>,
    pub acknowledgement: Acknowledgement,
}

/// What is the same text with every provider, whose types differ.
macro_rules! generated {
    ($module:ident) => {
        fn receiver(&self, url: Option<&str>, event: Option<&str>, secrets: Vec<Secret>) -> Result<Receive, Refusal> {
            let receiver = Self::prepared(url, event, secrets)?;
            Ok(Box::new(move |request| {
                let event = receiver.receive(request)?;
                Ok(Arrived {
                    event: event.name().to_string(),
                    known: !matches!(event, $module::Event::Unknown(_)),
                    idempotency_key: event.idempotency_key(request.body()),
                    acknowledgement: event.acknowledgement(),
                })
            }))
        }

        fn provider(&self) -> &'static Provider {
            &$module::PROVIDER
        }

        fn decode(&self, event: &str, body: &[u8]) -> Result<Option<String>, DecodeError> {
            Ok($module::Event::decode(&event.into(), body)?.idempotency_key(body))
        }
    };
}

mod mipos {
    use pos_webhooks::mipos::{self, EventName, Receiver};

    use super::*;

    pub struct Mipos;

    impl Mipos {
        fn prepared(_: Option<&str>, event: Option<&str>, secrets: Vec<Secret>) -> Result<Receiver, Refusal> {
            let names = EventName::ALL.iter().map(EventName::as_str).collect::<Vec<_>>().join(", ");
            let missing = format!("a delivery of mipos does not say which event it is; give --event: {names}");
            let event = EventName::from(event.ok_or(Refusal::Usage(missing))?);
            Ok(if secrets.is_empty() { Receiver::unsigned(event) } else { Receiver::new(event, secrets)? })
        }
    }

    impl Scheme for Mipos {
        generated!(mipos);

        fn proof(&self) -> &'static str {
            "the body is signed; no time and no URL is, and the form of the signature is inferred, not documented"
        }

        fn unsigned(&self) -> Option<&'static str> {
            Some("mipos does not document where its secret comes from")
        }

        fn verify(&self, delivery: &Delivery<'_>, secret: &Secret) -> Result<(), Refusal> {
            // Which event it is plays no part in the signature.
            Ok(Receiver::new(EventName::Order, [secret.clone()])?.verify(&delivery.head.headers, delivery.body)?)
        }

        fn sign(&self, delivery: &Delivery<'_>, secret: &Secret) -> Result<Vec<(&'static str, String)>, Refusal> {
            Ok(mipos::sign(secret, delivery.body)?)
        }
    }
}

mod mypos {
    use pos_webhooks::mypos::{self, Receiver, headers};

    use super::*;

    pub struct Mypos;

    impl Mypos {
        fn prepared(_: Option<&str>, _: Option<&str>, secrets: Vec<Secret>) -> Result<Receiver, Refusal> {
            Ok(Receiver::new(secrets)?)
        }
    }

    impl Scheme for Mypos {
        generated!(mypos);

        fn proof(&self) -> &'static str {
            "the body is signed; the event's name, the time `t` and the URL are not"
        }

        fn verify(&self, delivery: &Delivery<'_>, secret: &Secret) -> Result<(), Refusal> {
            Ok(Receiver::new([secret.clone()])?.verify(&delivery.head.headers, delivery.body)?)
        }

        fn changes(&self, delivery: &Delivery<'_>) -> Vec<Change> {
            let Ok(body) = std::str::from_utf8(delivery.body) else { return Vec::new() };
            let spaces = Change {
                what: "without the space after each `:` and `,`, texts included \
                    (`Receiver::accept_signatures_without_spaces` allows that)"
                    .to_owned(),
                with: With::Body(body.replace(": ", ":").replace(", ", ",").into_bytes()),
            };
            let header = delivery.head.values(headers::X_MY_POS_SIGNATURE).next().unwrap_or_default();
            let header = std::str::from_utf8(header).unwrap_or_default();
            let time = header.split(',').find_map(|part| part.trim().strip_prefix("t="));
            let time = time.map(|time| Change {
                what: "with `t` and a full stop in front of the body".to_owned(),
                with: With::Body(format!("{time}.{body}").into_bytes()),
            });
            [spaces].into_iter().chain(time).collect()
        }

        fn sign(&self, delivery: &Delivery<'_>, secret: &Secret) -> Result<Vec<(&'static str, String)>, Refusal> {
            let event = delivery.event.ok_or_else(|| {
                Refusal::Usage(format!("mypos names the event in `{}`; give it with --event", headers::X_MY_POS_EVENT))
            })?;
            Ok(mypos::sign(&event.into(), secret, delivery.body, delivery.at)?)
        }
    }
}

mod dealpos {
    use pos_webhooks::dealpos::{self, Receiver, headers};

    use super::*;

    pub struct Dealpos;

    impl Dealpos {
        fn prepared(_: Option<&str>, event: Option<&str>, secrets: Vec<Secret>) -> Result<Receiver, Refusal> {
            let receiver = match &secrets[..] {
                [] => Receiver::unauthenticated(),
                [key] => Receiver::with_api_key(key.clone())?,
                _ => {
                    return Err(Refusal::Usage("a delivery of dealpos has one key; give one --secret-file".to_owned()));
                }
            };
            Ok(match event {
                Some(event) => receiver.for_event(event.into()),
                None => receiver,
            })
        }
    }

    impl Scheme for Dealpos {
        generated!(dealpos);

        fn proof(&self) -> &'static str {
            "the sender knows the key; nothing is signed: anyone who has seen one delivery can send any other"
        }

        fn unsigned(&self) -> Option<&'static str> {
            Some("dealpos signs nothing, and a key is optional")
        }

        fn verify(&self, delivery: &Delivery<'_>, secret: &Secret) -> Result<(), Refusal> {
            Ok(Receiver::with_api_key(secret.clone())?.verify(&delivery.head.headers)?)
        }

        fn signed(&self, _: &Delivery<'_>) -> Signed {
            Signed::Nothing
        }

        fn sign(&self, _: &Delivery<'_>, _: &Secret) -> Result<Vec<(&'static str, String)>, Refusal> {
            Err(Refusal::Usage(format!(
                "dealpos signs nothing, so there is no header to compute; a key that was agreed on is sent as it is, in `{}`",
                headers::X_API_KEY
            )))
        }
    }
}

mod vipps {
    use http::Uri;
    use http::header::HOST;
    use pos_webhooks::vipps::{self, EventName, Receiver};

    use super::*;

    pub struct Vipps;

    impl Vipps {
        fn prepared(url: Option<&str>, _: Option<&str>, secrets: Vec<Secret>) -> Result<Receiver, Refusal> {
            Ok(Receiver::new(self::url(url)?, secrets)?)
        }
    }

    fn url(url: Option<&str>) -> Result<&str, Refusal> {
        let missing = || Refusal::Usage("vipps signs the URL that was registered; give it with --url".to_owned());
        url.ok_or_else(missing)
    }

    impl Scheme for Vipps {
        generated!(vipps);

        fn proof(&self) -> &'static str {
            "the registered URL, the time and the body are signed"
        }

        fn verify(&self, delivery: &Delivery<'_>, secret: &Secret) -> Result<(), Refusal> {
            let receiver = Receiver::new(url(delivery.url)?, [secret.clone()])?;
            Ok(receiver.verify(&delivery.head.headers, delivery.body, delivery.at)?)
        }

        fn signed(&self, delivery: &Delivery<'_>) -> Signed {
            let receiver = Receiver::new(delivery.url.unwrap_or_default(), ["no part of it"]).ok();
            let text = receiver.and_then(|it| it.string_to_sign(&delivery.head.headers, delivery.body).ok());
            text.map_or(Signed::Unknown, Signed::Text)
        }

        /// URLs that may be the registered one.
        fn changes(&self, delivery: &Delivery<'_>) -> Vec<Change> {
            let Some(uri) = delivery.url.and_then(|url| url.parse::<Uri>().ok()) else { return Vec::new() };
            let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Vec::new() };
            let (authority, path) = (authority.as_str(), uri.path());
            let query = uri.query().map_or(String::new(), |query| format!("?{query}"));
            let host = delivery.head.values(HOST.as_str()).next().and_then(|host| std::str::from_utf8(host).ok());
            let target = delivery.head.target.as_deref().filter(|target| target.starts_with('/'));
            let slash = match path.strip_suffix('/') {
                Some(path) => ("without the slash at the end of the path", format!("{authority}{path}{query}")),
                None => ("with a slash at the end of the path", format!("{authority}{path}/{query}")),
            };
            let mut urls =
                vec![(slash.0.to_owned(), slash.1), ("without the query".to_owned(), format!("{authority}{path}"))];
            urls.extend(
                host.map(|host| {
                    (format!("with the host of the header `Host`, {host:?}"), format!("{host}{path}{query}"))
                }),
            );
            urls.extend(target.map(|target| {
                (format!("with the path of the request line, {target:?}"), format!("{authority}{target}"))
            }));
            urls.extend(host.zip(target).map(|(host, target)| {
                (
                    "with the host of the header `Host` and the path of the request line".to_owned(),
                    format!("{host}{target}"),
                )
            }));
            let urls = urls.into_iter().map(|(what, rest)| (what, format!("{scheme}://{rest}")));
            urls.map(|(what, url)| Change { what, with: With::Url(url) }).collect()
        }

        fn sign(&self, delivery: &Delivery<'_>, secret: &Secret) -> Result<Vec<(&'static str, String)>, Refusal> {
            Ok(vipps::sign(url(delivery.url)?, secret, delivery.body, delivery.at)?)
        }

        fn identify(&self, body: &[u8]) -> Result<Option<String>, DecodeError> {
            Ok(EventName::identify(body)?.map(|event| event.to_string()))
        }
    }
}
