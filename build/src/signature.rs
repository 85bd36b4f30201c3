//! Reads how a delivery proves its origin: `x-signature`, or the `security` of the deliveries.

use std::fmt;

use serde::Serialize;

use super::load::Node;

pub const ALGORITHMS: &[&str] = &["hmac-sha1", "hmac-sha256", "hmac-sha512", ED25519];
/// The algorithm whose key is a public one.
pub const ED25519: &str = "ed25519";
pub const ENCODINGS: &[&str] = &["hex", "base64", "base64url"];
pub const DIGESTS: &[&str] = &["sha256", "sha512"];
pub const KEY_ENCODINGS: &[&str] = &["text", "hex", "base64"];
pub const KEY_HASHES: &[&str] = &["sha1", "sha256", "sha512"];
pub const TIME_FORMATS: &[&str] = &["seconds", "milliseconds", "http-date", "iso8601"];

/// How a delivery proves its origin.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verification {
    /// The delivery is signed in one of these ways. The first one is the default.
    Signatures(Vec<Signature>),
    /// The delivery carries the secret.
    Keys(Keys),
    /// The delivery does not prove its origin, for this reason.
    None(String),
    /// The delivery has to be verified by the program's own code.
    Custom { description: String },
}

impl Verification {
    /// The ways in which deliveries are signed.
    pub fn signatures(&self) -> &[Signature] {
        match self {
            Self::Signatures(signatures) => signatures,
            Self::Keys(_) | Self::None(_) | Self::Custom { .. } => &[],
        }
    }

    pub fn signatures_mut(&mut self) -> &mut [Signature] {
        match self {
            Self::Signatures(signatures) => signatures,
            Self::Keys(_) | Self::None(_) | Self::Custom { .. } => &mut [],
        }
    }

    /// The signature that a receiver verifies by default.
    pub fn default_signature(&self) -> Option<&Signature> {
        self.signatures().first()
    }

    /// The reason why a receiver may not have a secret.
    pub fn optional(&self) -> Option<&str> {
        match self {
            Self::Signatures(signatures) => signatures.iter().find_map(|signature| signature.optional.as_deref()),
            Self::Keys(keys) => keys.optional.as_deref(),
            Self::None(reason) => Some(reason),
            Self::Custom { .. } => None,
        }
    }
}

/// One way in which deliveries are signed.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Signature {
    /// The name of the signature, if there are several.
    pub name: Option<String>,
    pub description: String,
    /// What the signature covers and what it does not, in sentences.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub coverage: String,
    /// What the signature does against deliveries that are sent again, in sentences.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub replay: String,
    /// The reason why a receiver may not have a secret.
    pub optional: Option<String>,
    /// The credential of a client that is the secret, if no registration has it.
    pub credential: Option<String>,
    /// The headers that may carry the signature.
    pub headers: Vec<String>,
    pub form: Vec<Part>,
    /// The separator of the items in the header's value.
    pub separator: Option<String>,
    /// Whether the header may occur more than once.
    pub repeated: bool,
    pub algorithm: String,
    pub encoding: String,
    pub key: Key,
    /// The alternatives of the signed text; usually there is one.
    pub signed: Vec<Vec<Part>>,
    pub digest: Option<Digest>,
    pub time: Option<DeliveryTime>,
    pub id: Option<DeliveryId>,
}

impl Signature {
    /// Whether a receiver has a public key, which cannot sign.
    pub fn is_asymmetric(&self) -> bool {
        self.algorithm == ED25519
    }
}

/// How the key is derived from the secret.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Key {
    pub encoding: String,
    /// The prefix that is removed first.
    pub prefix: String,
    pub hash: Option<String>,
}

/// The hash of the body that is signed instead of the body.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Digest {
    pub algorithm: String,
    pub encoding: String,
    /// The header that carries the hash as well.
    pub header: Option<String>,
}

/// The time at which the delivery was signed. Without headers and member, the time is in the form.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DeliveryTime {
    pub headers: Vec<String>,
    pub member: Option<String>,
    pub format: String,
    /// The replay window: seconds before and after the current time.
    pub window: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DeliveryId {
    pub headers: Vec<String>,
}

/// A secret that deliveries carry as it is.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Keys {
    /// The places that may have the secret.
    pub places: Vec<KeyPlace>,
    /// The reason why a delivery may come without a secret.
    pub optional: Option<String>,
    pub description: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct KeyPlace {
    pub header: String,
    /// The text before the secret.
    pub before: String,
    #[serde(skip)]
    pub description: String,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    Text(String),
    Body,
    BodyWithoutSpaces,
    /// The JSON pointer to a member of the body.
    Member(String),
    Time,
    Id,
    Method,
    Url,
    UrlHost,
    UrlTarget,
    UrlPath,
    UrlWithoutQuery,
    Digest,
    Header(String),
    Signature,
}

/// The placeholders that do not contain a name or pointer.
pub static PLACEHOLDERS: &[(&str, Part)] = &[
    ("body", Part::Body),
    ("body.without-spaces", Part::BodyWithoutSpaces),
    ("time", Part::Time),
    ("id", Part::Id),
    ("method", Part::Method),
    ("url", Part::Url),
    ("url.host", Part::UrlHost),
    ("url.target", Part::UrlTarget),
    ("url.path", Part::UrlPath),
    ("url.without-query", Part::UrlWithoutQuery),
    ("digest", Part::Digest),
    ("signature", Part::Signature),
];

impl Part {
    /// Whether the value can have any length, so that its boundary with a neighbouring value could be ambiguous.
    pub fn is_free(&self) -> bool {
        matches!(self, Self::Body | Self::BodyWithoutSpaces | Self::Member(_) | Self::Id | Self::Header(_))
    }

    pub fn is_of_url(&self) -> bool {
        matches!(self, Self::Url | Self::UrlHost | Self::UrlTarget | Self::UrlPath | Self::UrlWithoutQuery)
    }

    pub fn covers_body(&self) -> bool {
        matches!(self, Self::Body | Self::BodyWithoutSpaces | Self::Member(_) | Self::Digest)
    }

    /// Whether the value differs from delivery to delivery.
    pub fn is_of_delivery(&self) -> bool {
        self.covers_body() || matches!(self, Self::Time | Self::Id | Self::Header(_))
    }
}

impl fmt::Display for Part {
    /// Formats the part as it is written in a template.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Member(pointer) => write!(f, "{{body{pointer}}}"),
            Self::Header(name) => write!(f, "{{header.{name}}}"),
            other => {
                let name = PLACEHOLDERS.iter().find(|(_, part)| part == other).map_or("", |(name, _)| name);
                write!(f, "{{{name}}}")
            }
        }
    }
}

/// Whether a signed text of these parts contains the time of the delivery, which may be a member of the body.
pub fn signs_time(parts: &[Part], member: Option<&str>) -> bool {
    let is_time = |part: &Part| match (part, member) {
        (Part::Time, _) => true,
        (Part::Body | Part::BodyWithoutSpaces | Part::Digest, Some(_)) => true,
        (Part::Member(pointer), Some(member)) => pointer == member,
        (_, _) => false,
    };
    parts.iter().any(is_time)
}

/// Why a text is not a template.
pub enum TemplateError<'a> {
    Braces,
    Unknown(&'a str),
}

/// The pieces of a template such as `{time}.{body}`.
pub fn parse(template: &str) -> Result<Vec<Part>, TemplateError<'_>> {
    pieces(template, Part::Text, placeholder)
}

/// The pieces of a template with these placeholders.
pub fn pieces<P>(
    template: &str,
    constant: impl Fn(String) -> P,
    placeholder: impl Fn(&str) -> Option<P>,
) -> Result<Vec<P>, TemplateError<'_>> {
    let text = |text: &str| match text {
        "" => Ok(None),
        text if text.contains('}') => Err(TemplateError::Braces),
        text => Ok(Some(constant(text.to_owned()))),
    };
    let mut pieces = template.split('{');
    let mut parts: Vec<P> = text(pieces.next().unwrap_or_default())?.into_iter().collect();
    for piece in pieces {
        let (name, rest) = piece.split_once('}').ok_or(TemplateError::Braces)?;
        parts.push(placeholder(name).ok_or(TemplateError::Unknown(name))?);
        parts.extend(text(rest)?);
    }
    Ok(parts)
}

fn placeholder(name: &str) -> Option<Part> {
    if let Some(header) = name.strip_prefix("header.").filter(|header| !header.is_empty()) {
        return Some(Part::Header(header.to_owned()));
    }
    if let Some(pointer) = name.strip_prefix("body").filter(|pointer| pointer.starts_with('/')) {
        return Some(Part::Member(pointer.to_owned()));
    }
    PLACEHOLDERS.iter().find(|(known, _)| *known == name).map(|(_, part)| part.clone())
}

/// Reads `x-signature`. Returns `None` for a value that the lint reports.
pub fn read(node: &Node) -> Option<Verification> {
    if let Some(reason) = text(node, "none") {
        return Some(Verification::None(reason));
    }
    if let Some(description) = text(node, "custom") {
        return Some(Verification::Custom { description });
    }
    let signatures = if node.items().is_empty() { std::slice::from_ref(node) } else { node.items() };
    signatures.iter().map(signature).collect::<Option<_>>().map(Verification::Signatures)
}

fn signature(node: &Node) -> Option<Signature> {
    let signed = match node.get("signed") {
        None => vec!["{body}"],
        Some(signed) => signed.get("any").unwrap_or(signed).texts(),
    };
    Some(Signature {
        name: text(node, "name"),
        description: text(node, "description").unwrap_or_default(),
        coverage: String::new(),
        replay: String::new(),
        optional: text(node, "optional"),
        credential: text(node, "credential"),
        headers: headers(node),
        form: parse(node.get("form").map_or(Some("{signature}"), Node::as_str)?).ok()?,
        separator: node.get("separator").and_then(Node::as_str).map(str::to_owned),
        repeated: node.get("repeated").and_then(Node::as_bool).unwrap_or(false),
        algorithm: text(node, "algorithm")?,
        encoding: text(node, "encoding")?,
        key: match node.get("key") {
            None => Key { encoding: "text".to_owned(), prefix: String::new(), hash: None },
            Some(key) => Key {
                encoding: text(key, "encoding").unwrap_or_else(|| "text".to_owned()),
                prefix: key.get("prefix").and_then(Node::as_str).unwrap_or_default().to_owned(),
                hash: text(key, "hash"),
            },
        },
        signed: signed.into_iter().map(|template| parse(template).ok()).collect::<Option<_>>()?,
        digest: inner(node.get("digest"), |digest| {
            Some(Digest {
                algorithm: text(digest, "algorithm")?,
                encoding: text(digest, "encoding")?,
                header: text(digest, "header"),
            })
        })?,
        time: inner(node.get("time"), |time| {
            Some(DeliveryTime {
                headers: headers(time),
                member: text(time, "member"),
                format: text(time, "format")?,
                window: time.get("window").and_then(Node::as_u64),
            })
        })?,
        id: node.get("id").map(|id| DeliveryId { headers: headers(id) }),
    })
}

/// Returns `None` if the node exists but cannot be read.
fn inner<T>(node: Option<&Node>, read: impl Fn(&Node) -> Option<T>) -> Option<Option<T>> {
    match node {
        None => Some(None),
        Some(node) => read(node).map(Some),
    }
}

fn headers(node: &Node) -> Vec<String> {
    node.get("header").map(Node::texts).unwrap_or_default().into_iter().map(str::to_owned).collect()
}

pub(super) fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key)?.as_str().map(|text| text.trim_end().to_owned())
}

/// Reads the `security` of deliveries, which is the same for all events.
pub fn keys(root: &Node) -> Option<Keys> {
    let events = root.get("x-webhooks")?.entries();
    let security = events.iter().find_map(|(_, event)| event.get_path(&["post", "security"]))?;
    let names = security.items().iter().filter_map(|alternative| alternative.entries().first());
    let places: Vec<KeyPlace> = names
        .map(|(name, _)| {
            let scheme = root.get_path(&["components", "securitySchemes", &name.text])?;
            let (header, before) = match scheme.get("type")?.as_str()? {
                "apiKey" => (text(scheme, "name")?, ""),
                _ => ("Authorization".to_owned(), "Bearer "),
            };
            let description = text(scheme, "description").unwrap_or_default();
            Some(KeyPlace { header, before: before.to_owned(), description })
        })
        .collect::<Option<_>>()?;
    let optional = security.items().iter().any(|alternative| alternative.entries().is_empty());
    let optional = optional.then(|| "The specification also allows deliveries that carry no key.".to_owned());
    let described = places.iter().map(|KeyPlace { header, before, description }| {
        let form = if before.is_empty() { "" } else { ", after `Bearer`" };
        format!("`{header}`{form}: {description}")
    });
    let description = described.collect::<Vec<_>>().join("\n\n");
    Some(Keys { places, optional, description })
}
