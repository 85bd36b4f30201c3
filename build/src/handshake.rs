//! Reads `x-handshake`: what the provider asks of a receiver before it registers a URL.

use serde::Serialize;

use super::load::Node;
use super::signature::{self, TemplateError, text};

pub const METHODS: &[&str] = &["GET", "HEAD", "POST"];

/// What the provider asks of a receiver before it registers a URL, and the answer.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Handshake {
    pub description: String,
    pub method: String,
    /// How the request is recognised; `None` if every request with this method is one.
    pub when: Option<Condition>,
    /// The query parameter with the token that the receiver has to check.
    pub token: Option<String>,
    pub mac: Option<Mac>,
    /// The status of the answer.
    pub status: u64,
    pub body: Body,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Condition {
    pub place: Place,
    /// The text of the parameter, or the JSON text of the member; `None` if it only has to be there.
    pub equals: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    Query(String),
    /// The JSON pointer to a member of the body.
    Member(String),
}

/// An HMAC of a text, with the key and the algorithm of the signature.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Mac {
    pub of: Vec<Part>,
    pub encoding: String,
}

/// The body of the answer.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    None,
    Text(Vec<Part>),
    Json(Vec<Member>),
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Member {
    pub name: String,
    pub value: Value,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// The JSON text of a constant.
    Constant(String),
    Text(Vec<Part>),
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    Text(String),
    Query(String),
    Member(String),
    Mac,
}

impl Handshake {
    /// Whether the request is verified as a delivery is: only a request with a body can be signed.
    pub fn is_verified(&self) -> bool {
        matches!(self.when, Some(Condition { place: Place::Member(_), .. }))
    }
}

/// The pieces of a template such as `sha256={mac}`.
pub fn parse(template: &str) -> Result<Vec<Part>, TemplateError<'_>> {
    signature::pieces(template, Part::Text, |name| {
        if let Some(parameter) = name.strip_prefix("query.").filter(|parameter| !parameter.is_empty()) {
            return Some(Part::Query(parameter.to_owned()));
        }
        if let Some(pointer) = name.strip_prefix("body").filter(|pointer| pointer.starts_with('/')) {
            return Some(Part::Member(pointer.to_owned()));
        }
        (name == "mac").then_some(Part::Mac)
    })
}

/// Reads `x-handshake`. Returns `None` for a value that the lint reports.
pub fn read(node: &Node) -> Option<Handshake> {
    let template = |node: &Node| parse(node.as_str()?).ok();
    let answer = |key| node.get_path(&["answer", key]);
    Some(Handshake {
        description: text(node, "description").unwrap_or_default(),
        method: text(node, "method").unwrap_or_else(|| "POST".to_owned()),
        when: match node.get("when") {
            None => None,
            Some(when) => Some(condition(when)?),
        },
        token: node.get("token").and_then(|token| text(token, "query")),
        mac: match node.get("mac") {
            None => None,
            Some(mac) => Some(Mac { of: template(mac.get("of")?)?, encoding: text(mac, "encoding")? }),
        },
        status: answer("status").and_then(Node::as_u64).unwrap_or(200),
        body: match (answer("text"), answer("json")) {
            (None, None) => Body::None,
            (Some(text), _) => Body::Text(template(text)?),
            (None, Some(json)) => {
                let member = |name: &str, value: &Node| {
                    let value = match value.as_str() {
                        Some(text) => Value::Text(parse(text).ok()?),
                        None => Value::Constant(value.to_json_text()),
                    };
                    Some(Member { name: name.to_owned(), value })
                };
                Body::Json(json.entries().iter().map(|(name, value)| member(&name.text, value)).collect::<Option<_>>()?)
            }
        },
    })
}

fn condition(when: &Node) -> Option<Condition> {
    let equals = when.get("equals");
    Some(match (text(when, "query"), text(when, "member")) {
        (Some(query), _) => {
            Condition { place: Place::Query(query), equals: equals.and_then(Node::as_str).map(str::to_owned) }
        }
        (None, Some(pointer)) => Condition { place: Place::Member(pointer), equals: equals.map(Node::to_json_text) },
        (None, None) => return None,
    })
}
