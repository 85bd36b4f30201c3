//! How a delivery proves its origin: `x-signature`, or the `security` of the deliveries.

use std::fmt;

use serde::Serialize;

use super::load::Node;

pub const ALGORITHMS: &[&str] = &["hmac-sha1", "hmac-sha256", "hmac-sha512"];
pub const ENCODINGS: &[&str] = &["hex", "base64", "base64url"];
pub const DIGESTS: &[&str] = &["sha256", "sha512"];
pub const KEY_ENCODINGS: &[&str] = &["text", "hex", "base64"];
pub const KEY_HASHES: &[&str] = &["sha1", "sha256", "sha512"];
pub const TIME_FORMATS: &[&str] = &["seconds", "milliseconds", "http-date", "iso8601"];

/// How a delivery proves its origin.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verification {
    /// It is signed in one of these ways, of which the first is the default.
    Signatures(Vec<Signature>),
    /// It carries the secret itself.
    Keys(Keys),
    /// It does not, for this reason.
    None(String),
    /// In a way that only code can verify.
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

    /// The signature that a receiver verifies unless it is asked for another one.
    pub fn default_signature(&self) -> Option<&Signature> {
        self.signatures().first()
    }
}

/// One scheme by which deliveries are signed.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Signature {
    /// There is one where there are several schemes.
    pub name: Option<String>,
    pub description: String,
    /// Why a receiver may have no secret to verify with.
    pub optional: Option<String>,
    /// Any one of them carries the signature.
    pub headers: Vec<String>,
    pub form: Vec<Part>,
    /// What is between the items of the header's value.
    pub separator: Option<String>,
    /// Whether the header may be there more than once.
    pub repeated: bool,
    pub algorithm: String,
    pub encoding: String,
    pub key: Key,
    /// Alternatives; usually there is one.
    pub signed: Vec<Vec<Part>>,
    pub digest: Option<Digest>,
    pub time: Option<Time>,
    pub id: Option<Id>,
}

/// How the secret becomes the key.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Key {
    pub encoding: String,
    /// What is taken off first.
    pub prefix: String,
    pub hash: Option<String>,
}

/// The hash of the body that is signed in its place.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Digest {
    pub algorithm: String,
    pub encoding: String,
    /// Where it is sent as well.
    pub header: Option<String>,
}

/// When the delivery was signed. Without headers and member, the form has it.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Time {
    pub headers: Vec<String>,
    pub member: Option<String>,
    pub format: String,
    /// Seconds to both sides.
    pub window: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Id {
    pub headers: Vec<String>,
}

/// A secret that deliveries carry as it is.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Keys {
    /// Any one of them has it.
    pub places: Vec<Place>,
    /// Why a delivery may come without.
    pub optional: Option<String>,
    pub description: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Place {
    pub header: String,
    /// What is in front of the secret.
    pub before: String,
    #[serde(skip)]
    pub description: String,
}

/// A piece of a template.
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

/// The placeholders without a name or pointer in them.
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
    /// Whether the value can be of any length, so that a part of it could be taken for one of its neighbour.
    pub fn is_free(&self) -> bool {
        matches!(self, Self::Body | Self::BodyWithoutSpaces | Self::Member(_) | Self::Id | Self::Header(_))
    }

    pub fn is_of_url(&self) -> bool {
        matches!(self, Self::Url | Self::UrlHost | Self::UrlTarget | Self::UrlPath | Self::UrlWithoutQuery)
    }

    pub fn covers_body(&self) -> bool {
        matches!(self, Self::Body | Self::BodyWithoutSpaces | Self::Member(_) | Self::Digest)
    }
}

impl fmt::Display for Part {
    /// As it is written in a template.
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

/// Why a text is not a template.
pub enum Fault<'a> {
    Braces,
    Unknown(&'a str),
}

/// The pieces of a template such as `{time}.{body}`.
pub fn parse(template: &str) -> Result<Vec<Part>, Fault<'_>> {
    let text = |text: &str| match text {
        "" => Ok(None),
        text if text.contains('}') => Err(Fault::Braces),
        text => Ok(Some(Part::Text(text.to_owned()))),
    };
    let mut pieces = template.split('{');
    let mut parts: Vec<Part> = text(pieces.next().unwrap_or_default())?.into_iter().collect();
    for piece in pieces {
        let (name, rest) = piece.split_once('}').ok_or(Fault::Braces)?;
        parts.push(placeholder(name).ok_or(Fault::Unknown(name))?);
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

/// Reads `x-signature`; `None` where the lint would have found something.
pub fn read(node: &Node) -> Option<Verification> {
    if let Some(reason) = text(node, "none") {
        return Some(Verification::None(reason));
    }
    if let Some(description) = text(node, "custom") {
        return Some(Verification::Custom { description });
    }
    let schemes = if node.items().is_empty() { std::slice::from_ref(node) } else { node.items() };
    schemes.iter().map(signature).collect::<Option<_>>().map(Verification::Signatures)
}

fn signature(node: &Node) -> Option<Signature> {
    let signed = match node.get("signed") {
        None => vec!["{body}"],
        Some(signed) => signed.get("any").unwrap_or(signed).texts(),
    };
    Some(Signature {
        name: text(node, "name"),
        description: text(node, "description").unwrap_or_default(),
        optional: text(node, "optional"),
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
            Some(Time {
                headers: headers(time),
                member: text(time, "member"),
                format: text(time, "format")?,
                window: time.get("window").and_then(Node::as_u64),
            })
        })?,
        id: node.get("id").map(|id| Id { headers: headers(id) }),
    })
}

/// `None` where the node is there, but cannot be read.
fn inner<T>(node: Option<&Node>, read: impl Fn(&Node) -> Option<T>) -> Option<Option<T>> {
    match node {
        None => Some(None),
        Some(node) => read(node).map(Some),
    }
}

fn headers(node: &Node) -> Vec<String> {
    node.get("header").map(Node::texts).unwrap_or_default().into_iter().map(str::to_owned).collect()
}

fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key)?.as_str().map(|text| text.trim_end().to_owned())
}

/// Reads the `security` of deliveries, which is the same for all of them.
pub fn keys(root: &Node) -> Option<Keys> {
    let events = root.get("x-webhooks")?.entries();
    let security = events.iter().find_map(|(_, event)| event.get_path(&["post", "security"]))?;
    let names = security.items().iter().filter_map(|alternative| alternative.entries().first());
    let places: Vec<Place> = names
        .map(|(name, _)| {
            let scheme = root.get_path(&["components", "securitySchemes", &name.text])?;
            let (header, before) = match scheme.get("type")?.as_str()? {
                "apiKey" => (text(scheme, "name")?, ""),
                _ => ("Authorization".to_owned(), "Bearer "),
            };
            let description = text(scheme, "description").unwrap_or_default();
            Some(Place { header, before: before.to_owned(), description })
        })
        .collect::<Option<_>>()?;
    let optional = security.items().iter().any(|alternative| alternative.entries().is_empty());
    let optional = optional.then(|| "The specification also allows deliveries that carry no key.".to_owned());
    let described = places.iter().map(|Place { header, before, description }| {
        let form = if before.is_empty() { "" } else { ", after `Bearer`" };
        format!("`{header}`{form}: {description}")
    });
    let description = described.collect::<Vec<_>>().join("\n\n");
    Some(Keys { places, optional, description })
}
