//! `x-token`: the operation that issues an access token, its arguments, and the places of the token and its expiry in the
//! response.

use std::slice;

use serde::Serialize;

use super::load::Node;
use super::names::Name;
use super::signature::text;

/// The parts of the scheme Basic.
pub const BASIC: &[&str] = &["user", "password"];

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TokenGrant {
    /// The name, if there are several ways to request a token.
    pub name: Option<String>,
    pub operation: String,
    pub credentials: Vec<ClientCredential>,
    pub request: Vec<Constant>,
    /// A JSON pointer into the response.
    pub token: String,
    /// A JSON pointer into the response.
    pub refresh_token: Option<String>,
    pub expiry: Option<TokenExpiry>,
    pub refresh: Option<TokenRefresh>,
}

/// A credential of a client.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ClientCredential {
    pub name: Name,
    pub place: TokenPlace,
    pub description: String,
    pub secret: bool,
}

/// The place of a value in a request.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenPlace {
    Header(String),
    /// A JSON pointer into the body.
    Member(String),
    /// In `Authorization`, with the scheme Basic.
    User,
    Password,
}

/// A member of a request with a constant value.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Constant {
    pub pointer: String,
    pub json: String,
}

/// JSON pointers to the expiry of a token.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TokenExpiry {
    pub after: Option<String>,
    pub at: Option<String>,
    /// Of `at`.
    pub format: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TokenRefresh {
    pub operation: String,
    pub credentials: Vec<PlacedCredential>,
    pub request: Vec<Constant>,
    pub refresh_token: TokenPlace,
}

/// The place of one of the grant's credentials in a request to refresh a token.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlacedCredential {
    pub name: String,
    pub place: TokenPlace,
}

/// Reads `x-token`: one grant, or a list. Returns `None` for a value that the lint refuses. `describe` returns the
/// description of a place in the request of an operation, and whether its value is secret.
pub fn read(node: &Node, describe: impl Fn(&str, &TokenPlace) -> (String, bool)) -> Option<Vec<TokenGrant>> {
    let grants = if node.items().is_empty() { slice::from_ref(node) } else { node.items() };
    grants.iter().map(|node| grant(node, &describe)).collect()
}

fn grant(node: &Node, describe: impl Fn(&str, &TokenPlace) -> (String, bool)) -> Option<TokenGrant> {
    let operation = text(node, "operation")?;
    let credentials = node.get("credentials")?.entries().iter();
    let credentials = credentials.map(|(name, node)| {
        let place = place(node)?;
        let (description, secret) = describe(&operation, &place);
        Some(ClientCredential { name: Name::new(&name.text)?, place, description, secret })
    });
    Some(TokenGrant {
        name: text(node, "name"),
        credentials: credentials.collect::<Option<_>>()?,
        request: constants(node),
        token: text(node, "token")?,
        refresh_token: text(node, "refresh-token"),
        expiry: node.get("expires").map(|node| TokenExpiry {
            after: text(node, "after"),
            at: text(node, "at"),
            format: text(node, "format"),
        }),
        refresh: match node.get("refresh") {
            Some(node) => Some(refresh(node)?),
            None => None,
        },
        operation,
    })
}

fn refresh(node: &Node) -> Option<TokenRefresh> {
    let credentials = node.get("credentials").map_or(&[][..], Node::entries).iter();
    let credentials =
        credentials.map(|(name, node)| Some(PlacedCredential { name: name.text.clone(), place: place(node)? }));
    Some(TokenRefresh {
        operation: text(node, "operation")?,
        credentials: credentials.collect::<Option<_>>()?,
        request: constants(node),
        refresh_token: place(node.get("refresh-token")?)?,
    })
}

fn place(node: &Node) -> Option<TokenPlace> {
    let [(kind, value)] = node.entries() else { return None };
    let value = value.as_str()?;
    match (kind.text.as_str(), value) {
        ("header", name) => Some(TokenPlace::Header(name.to_owned())),
        ("member", pointer) => Some(TokenPlace::Member(pointer.to_owned())),
        ("basic", "user") => Some(TokenPlace::User),
        ("basic", "password") => Some(TokenPlace::Password),
        _ => None,
    }
}

/// The members under `request`.
pub(super) fn constants(node: &Node) -> Vec<Constant> {
    let entries = node.get("request").map_or(&[][..], Node::entries).iter();
    entries.map(|(key, node)| Constant { pointer: key.text.clone(), json: node.to_json_text() }).collect()
}
