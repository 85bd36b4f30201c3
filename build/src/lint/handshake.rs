//! Lints `x-handshake`: a receiver has to recognise the request, and to have what the answer is made of.

use super::super::dialect;
use super::super::handshake::{METHODS, Part, parse};
use super::super::load::Node;
use super::super::pointer;
use super::super::signature::{ED25519, ENCODINGS};
use super::event::{PointerTarget, payload_schema};
use super::linter::{At, Linter};
use super::signed::example_values;

/// The placeholders of an answer.
const PLACEHOLDERS: &[&str] = &["query.NAME", "body/POINTER", "mac"];

impl<'a> Linter<'a> {
    pub(super) fn handshake(&mut self, root: &At<'a>) {
        let Some(at) = root.get("x-handshake") else { return };
        if !self.level(&at, &dialect::HANDSHAKE) {
            return;
        }
        self.documentation(&at, "description");
        if at.node.get("method").is_some() {
            self.choice(&at, "method", METHODS);
        }
        let has_body = at.str("method").is_none_or(|method| method == "POST");
        self.when(&at, has_body);
        self.not_a_delivery(&at, root);
        if let Some(token) = at.get("token")
            && self.level(&token, &dialect::HANDSHAKE_TOKEN)
        {
            self.required_text(&token, "query", "name the query parameter with the token, such as `hub.verify_token`");
        }
        let mut parts = self.answer(&at, has_body);
        if let Some(mac) = at.get("mac")
            && self.level(&mac, &dialect::HANDSHAKE_MAC)
        {
            self.choice(&mac, "encoding", ENCODINGS);
            match mac.get("of") {
                None => self.report(&mac, "`of` is missing", "write the text of the HMAC, such as '{query.crc_token}'"),
                Some(of) => {
                    let own = self.parsed_template(&of, PLACEHOLDERS, parse);
                    if own.contains(&Part::Mac) {
                        self.report(&of, "the HMAC cannot contain itself", "leave `{mac}` out");
                    }
                    parts.extend(own.into_iter().filter(|part| *part != Part::Mac).map(|part| (of.clone(), part)));
                }
            }
            if !parts.iter().any(|(_, part)| *part == Part::Mac) {
                self.report(&mac, "the answer does not contain the HMAC", "write `{mac}` into it, or leave `mac` out");
            }
            self.key_of_mac(&mac, root, at.node.get_path(&["when", "member"]).is_some());
        }
        for (at_part, part) in &parts {
            self.part(&at, at_part, part, has_body);
        }
        self.known_secret(&at, root);
    }

    /// Checks how a receiver recognises the request.
    fn when(&mut self, at: &At<'a>, has_body: bool) {
        let Some(when) = at.get("when") else {
            if at.str("method") != Some("HEAD") {
                let help = "write `when: {query: NAME}` or `when: {member: POINTER, equals: VALUE}`";
                self.report(at, "`when` is missing, so a receiver cannot tell the request from others", help);
            }
            return;
        };
        if !self.level(&when, &dialect::HANDSHAKE_WHEN) {
            return;
        }
        let help = "write `query`, the name of a parameter, or `member`, the JSON pointer to a member of the body";
        match (when.get("query"), when.get("member")) {
            (None, None) => self.report(&when, "the place is missing", help),
            (Some(_), Some(member)) => self.report(&member, "there are two places", "keep one of `query` and `member`"),
            (Some(query), None) => {
                self.required_text(&when, "query", help);
                if has_body {
                    let help = "write `member` with `equals`, or `method: GET` if the request does not have a body";
                    self.report(
                        &query,
                        "a POST is recognised by its body, since the query is that of the registered URL",
                        help,
                    );
                }
                if let Some(equals) = when.get("equals").filter(|equals| equals.node.as_str().is_none()) {
                    let message = format!("a parameter of a query is text, and this is {}", equals.node.kind());
                    self.report(&equals, message, "put it in quotes");
                }
            }
            (None, Some(member)) => {
                if let Some(text) = self.required_text(&when, "member", help) {
                    self.pointer_of_handshake(&member, text, has_body);
                }
                let is_scalar = |at: &At<'_>| !matches!(at.node.kind(), "a mapping" | "a list");
                if let Some(equals) = when.get("equals").filter(|equals| !is_scalar(equals)) {
                    self.report(&equals, "this is not a single value", "write a text, a number or a boolean");
                }
            }
        }
    }

    /// Checks that no described event can be taken for the request, which would be answered and not be written.
    fn not_a_delivery(&mut self, at: &At<'a>, root: &At<'a>) {
        let Some(when) = at.get("when") else { return };
        let Some(pointer) = when.str("member").filter(|pointer| pointer::is_pointer(pointer)) else { return };
        let equals = when.node.get("equals");
        let mut events = Vec::new();
        for (name, item) in root.members("x-webhooks") {
            let Some(post) = item.get("post") else { continue };
            let condition = post.node.get("x-event-when").and_then(|conditions| conditions.get(pointer));
            let present = condition.and_then(|condition| condition.get("present")).and_then(Node::as_bool);
            let is_excluded = match (condition, present, equals) {
                (Some(_), Some(present), _) => !present,
                (Some(value), None, Some(equals)) => value.to_json() != equals.to_json(),
                (Some(_), None, None) => false,
                (None, ..) => {
                    !payload_schema(&post).is_some_and(|schema| self.can_equal(&post, &schema, pointer, equals))
                }
            };
            if !is_excluded {
                events.push(format!("`{name}`"));
            }
        }
        if !events.is_empty() {
            let message =
                format!("a delivery of {} can match this, and would be answered and not received", events.join(", "));
            let help = "name a member and a value that no event has, or exclude the value with `x-event-when`";
            self.report(&when, message, help);
        }
    }

    /// Whether a payload of this schema has the member, and the value if one is given.
    fn can_equal(&self, post: &At<'a>, schema: &At<'a>, pointer: &str, equals: Option<&'a Node>) -> bool {
        let Some(PointerTarget::Described(member)) = self.member(schema, pointer) else {
            let text = |equals: &'a Node| equals.as_str().or_else(|| equals.as_number());
            let values = example_values(post, pointer);
            return values.into_iter().any(|(_, value)| equals.is_none_or(|equals| text(equals) == Some(value)));
        };
        let (Some(member), Some(equals)) = (self.resolve(&member), equals) else { return true };
        let values = member.node.get("enum").map_or(&[][..], Node::items);
        let is_listed = values.is_empty() || values.iter().any(|value| value.to_json() == equals.to_json());
        is_listed && member.kind_of_values().is_none_or(|kind| kind == equals.kind())
    }

    /// Checks the answer, and returns the parts of its templates.
    fn answer(&mut self, at: &At<'a>, has_body: bool) -> Vec<(At<'a>, Part)> {
        let Some(answer) = at.get("answer") else { return Vec::new() };
        if !self.level(&answer, &dialect::HANDSHAKE_ANSWER) {
            return Vec::new();
        }
        if let Some(status) = answer.get("status")
            && !status.node.as_u64().is_some_and(|status| (200..300).contains(&status))
        {
            self.report(
                &status,
                "this is not the status of a success",
                "write a number such as `204`, or leave it out",
            );
        }
        let (text, json) = (answer.get("text"), answer.get("json"));
        let is_empty =
            answer.node.get("status").and_then(Node::as_u64).is_some_and(|status| [204, 205].contains(&status));
        if let (Some(body), true) = (text.as_ref().or(json.as_ref()), is_empty) {
            self.report(
                body,
                "a response with this status does not have a body",
                "leave it out, or write `status: 200`",
            );
        }
        if let (Some(_), Some(json)) = (&text, &json) {
            self.report(json, "the answer has two bodies", "keep one of `text` and `json`");
        }
        if let (Some(body), Some("HEAD"), false) = (text.as_ref().or(json.as_ref()), at.str("method"), has_body) {
            self.report(body, "the response to a HEAD request does not have a body", "leave it out");
        }
        let mut templates: Vec<At<'a>> = text.into_iter().collect();
        if let Some(json) = json
            && self.mapping(&json)
        {
            for (_, value) in json.entries() {
                match value.node.kind() {
                    "a string" => templates.push(value),
                    "a mapping" | "a list" => {
                        let help = "write a text with placeholders, a number or a boolean";
                        self.report(&value, "only single values are supported", help);
                    }
                    _ => {}
                }
            }
        }
        let mut parts = Vec::new();
        for at in templates {
            parts.extend(self.parsed_template(&at, PLACEHOLDERS, parse).into_iter().map(|part| (at.clone(), part)));
        }
        parts
    }

    fn part(&mut self, handshake: &At<'a>, at: &At<'a>, part: &Part, has_body: bool) {
        match part {
            Part::Mac if handshake.node.get("mac").is_none() => {
                self.report(at, "`{mac}` is not described", "write `mac: {of: '{query.NAME}', encoding: hex}`");
            }
            Part::Member(pointer) => self.pointer_of_handshake(at, pointer, has_body),
            Part::Mac | Part::Query(_) | Part::Text(_) => {}
        }
    }

    fn pointer_of_handshake(&mut self, at: &At<'a>, text: &str, has_body: bool) {
        if !has_body {
            self.report(
                at,
                "the request does not have a body",
                "name a parameter of the query, or write `method: POST`",
            );
        } else if text.is_empty() || !pointer::is_pointer(text) {
            self.report(
                at,
                format!("`{text}` is not the JSON pointer to a member"),
                "write a pointer such as `/challenge`",
            );
        }
    }

    /// Checks that a receiver has a key for an HMAC, and that the HMAC of a challenge is never the signature of a delivery: anyone
    /// can send a request that is not verified.
    fn key_of_mac(&mut self, mac: &At<'a>, root: &At<'a>, is_verified: bool) {
        let signature = root.get("x-signature");
        let signatures =
            signature.iter().flat_map(|at| if at.node.items().is_empty() { vec![at.clone()] } else { at.items() });
        // An event may be signed in another way, with the same secret.
        let own = root.members("x-webhooks").into_iter().filter_map(|(_, event)| event.get("post")?.get("x-signature"));
        let own = own.filter(|at| at.node.get("none").is_none());
        let signatures: Vec<At<'a>> = signatures.chain(own).collect();
        let is_mac = |at: &At<'a>| at.str("algorithm").is_some_and(|algorithm| algorithm != ED25519);
        if signatures.is_empty() || !signatures.iter().all(is_mac) {
            let help = "write `x-signature` with an HMAC, or leave `mac` out";
            return self.report(mac, "the HMAC has the key of `x-signature`, which does not describe one", help);
        }
        let signs_body = |at: &At<'a>| {
            let signed = at.node.get("signed");
            let templates =
                signed.map(|signed| signed.get("any").unwrap_or(signed).texts()).unwrap_or_else(|| vec!["{body}"]);
            templates.iter().all(|template| template.contains("{body}"))
        };
        if !is_verified && !signatures.iter().all(signs_body) {
            let help = "leave `mac` out, and answer the request in your own program";
            let message = "a delivery can be signed without its body, so a request that anyone can send could ask for its signature";
            self.report(mac, message, help);
        }
    }

    /// Checks that a receiver has the secret before the registration is made.
    fn known_secret(&mut self, at: &At<'a>, root: &At<'a>) {
        let is_signed = root.get("x-signature").is_some_and(|at| at.node.get("none").is_none());
        let is_verified = is_signed && at.node.get_path(&["when", "member"]).is_some();
        let answered = root.get("x-registration").and_then(|registration| registration.get("secret"));
        if let Some(secret) = answered.filter(|secret| secret.node.as_str() == Some("answered"))
            && (is_verified || at.node.get("mac").is_some())
        {
            let help = "correct `secret`, or how the request is recognised";
            self.report(&secret, "a receiver needs the secret for `x-handshake`, before there is a response", help);
        }
    }
}
