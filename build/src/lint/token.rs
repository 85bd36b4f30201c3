//! Checks `x-token`: its operations, places and members must exist, and its requests must be complete. Checks
//! `x-registered-by` in the same way.

use std::collections::BTreeSet;

use super::super::dialect;
use super::super::load::Node;
use super::super::token::BASIC;
use super::event::PointerTarget;
use super::linter::{At, Linter, one_of, suggestion};
use super::names;
use super::registration::content_schema;

const PLACES: &str = "write `{header: NAME}`, `{member: /pointer}`, `{basic: user}` or `{basic: password}`";
/// As `format` of `time` of `x-signature`.
const FORMATS: [&str; 4] = ["seconds", "milliseconds", "http-date", "iso8601"];

/// A call such as a request for a token, and the places that have a value.
struct TokenCall<'a> {
    at: At<'a>,
    path: At<'a>,
    operation: At<'a>,
    request: Option<At<'a>>,
    answer: Option<At<'a>>,
    /// The places that have a value, as written.
    filled: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Linter<'a> {
    /// Checks `x-token` of a security scheme.
    pub(super) fn token(&mut self, scheme: &At<'a>) {
        let Some(at) = scheme.get("x-token") else { return };
        let Some((name, at)) = self.token_scheme().filter(|(_, own)| own.place == at.place) else {
            return self.report(
                &at,
                "clients do not use this scheme",
                "write it at the scheme that `security` of the root names",
            );
        };
        for grant in self.one_or_named(&at, "grant", "describe one, or leave `x-token` out") {
            self.grant(name, &grant);
        }
    }

    /// Checks one way to request a token for the scheme of this name.
    fn grant(&mut self, name: &str, at: &At<'a>) {
        if !self.level(at, &dialect::TOKEN) {
            return;
        }
        let mut call = self.token_call(at);
        if let (Some(call), Some(member)) = (&call, at.get("operation"))
            && self.scheme(call.operation.get("security").or_else(|| self.root.get("security"))) == Some(name)
        {
            let help = "write `security: []` at the operation, or the name of a scheme with `scheme: basic`";
            self.report(&member, "the operation requires the token that it issues", help);
        }
        let credentials = self.credential_names(at);
        for (_, place) in &credentials {
            self.place(call.as_mut(), place);
        }
        self.constants(call.as_mut(), at);
        call.iter().for_each(|call| self.unfilled(call));
        if self.required_text(at, "token", "write the JSON pointer to the token in the answer").is_none() {
            return;
        }
        self.expires(at);
        self.refresh(at, &credentials);
        call.iter().for_each(|call| self.answered(at, call));
    }

    /// Checks `x-registered-by` of an event.
    pub(super) fn registered_by(&mut self, delivery: &At<'a>) {
        let Some(at) = delivery.get("x-registered-by") else { return };
        if !self.level(&at, &dialect::REGISTERED_BY) {
            return;
        }
        let mut call = self.token_call(&at);
        let help = "write the JSON pointer to the URL in the request, such as `url: /url`";
        if let (Some(pointer), Some(member)) = (self.required_text(&at, "url", help), at.get("url"))
            && let Some(call) = &mut call
        {
            let found = self.sent_member(call, &member, pointer);
            if found.is_some_and(|found| found.str("type") != Some("string")) {
                self.report(&member, format!("`{pointer}` is not a string"), "point at a member of type string");
            }
            self.fill(call, &member, "member", pointer);
        }
        self.constants(call.as_mut(), &at);
    }

    fn token_call(&mut self, at: &At<'a>) -> Option<TokenCall<'a>> {
        let (path, operation) = self.operation_of(at)?;
        let request = operation.get("requestBody").and_then(|body| content_schema(&body));
        let answer = self.success(&operation).and_then(|answer| content_schema(&answer));
        Some(TokenCall { at: at.clone(), path, operation, request, answer, filled: BTreeSet::new() })
    }

    /// The credentials of a client, in order.
    fn credential_names(&mut self, at: &At<'a>) -> Vec<(&'a str, At<'a>)> {
        let help = "list the credentials of a client, such as `client_id: {header: client_id}`";
        let Some(group) = at.get("credentials") else {
            self.report(at, "`credentials` is missing", help);
            return Vec::new();
        };
        if self.mapping(&group) && group.node.entries().is_empty() {
            self.report(&group, "`credentials` is empty", help);
        }
        let credentials = group.entries();
        for (name, at) in &credentials {
            if names::snake(name).as_deref() != Some(*name) || names::is_keyword(name) {
                self.report(at, format!("`{name}` is not a Rust identifier in snake_case"), "name the argument so");
            }
            if *name == "secret" {
                let help = "write `client_secret`, or the name in the provider's documentation";
                self.report(at, "the name `secret` is reserved for the secret of deliveries", help);
            }
        }
        credentials
    }

    /// Checks the place of a value in the request.
    fn place(&mut self, call: Option<&mut TokenCall<'a>>, at: &At<'a>) {
        if !self.level(at, &dialect::TOKEN_PLACE) {
            return;
        }
        let [(kind, value)] = at.node.entries() else { return self.report(at, "a place has exactly one key", PLACES) };
        let Some(text) = value.as_str() else {
            return self.report(at, format!("`{}` is {}, not a string", kind.text, value.kind()), PLACES);
        };
        let Some(call) = call else { return };
        match kind.text.as_str() {
            "header" => {
                let headers = self.parameters_of(call).into_iter().filter(|at| at.str("in") == Some("header"));
                let names: Vec<&str> = headers.filter_map(|at| at.str("name")).collect();
                if !names.contains(&text) {
                    let help = suggestion(text, &names, "describe it under `parameters` of the operation");
                    self.report(at, format!("the operation does not have a header `{text}`"), help);
                }
            }
            "member" => {
                self.sent_member(call, at, text);
            }
            "basic" if !BASIC.contains(&text) => {
                self.report(at, format!("the scheme Basic does not have a part `{text}`"), PLACES);
            }
            "basic" => {
                let scheme = self.scheme(call.operation.get("security"));
                if !scheme.is_some_and(|scheme| self.is_basic(scheme)) {
                    let help = "write `security` at the operation, with the name of a scheme with `scheme: basic`";
                    self.report(at, "the operation does not require the scheme Basic", help);
                }
            }
            _ => {}
        }
        self.fill(call, at, kind.text.as_str(), text);
    }

    fn fill(&mut self, call: &mut TokenCall<'a>, at: &At<'a>, kind: &'a str, text: &'a str) {
        if !call.filled.insert((kind, text)) {
            self.report(at, format!("the {kind} `{text}` already has a value"), "leave one of the two out");
        }
    }

    /// The member of the request at a pointer.
    fn sent_member(&mut self, call: &TokenCall<'a>, at: &At<'a>, pointer: &str) -> Option<At<'a>> {
        if call.request.is_none() {
            self.report(at, "the operation does not describe a JSON or form body", "name a header, or describe it");
        }
        match self.pointer(at, pointer, call.request.as_ref(), "the request")? {
            PointerTarget::Described(member) => self.resolve(&member),
            PointerTarget::Anything | PointerTarget::Nothing => None,
        }
    }

    /// Checks the members with a constant value.
    fn constants(&mut self, mut call: Option<&mut TokenCall<'a>>, at: &At<'a>) {
        let Some(request) = at.get("request") else { return };
        if !self.mapping(&request) {
            return;
        }
        for (pointer, value) in request.entries() {
            let kind = value.node.kind();
            if !["a string", "a number", "a boolean"].contains(&kind) {
                self.report(&value, format!("here is {kind}, not a single value"), "write `/member: value`");
                continue;
            }
            let Some(call) = call.as_deref_mut() else { continue };
            if let Some(member) = self.sent_member(call, &value, pointer) {
                let types: &[&str] = match kind {
                    "a string" => &["string"],
                    "a boolean" => &["boolean"],
                    _ => &["integer", "number"],
                };
                let listed = member.get("enum").map(|values| values.items()).unwrap_or_default();
                if member.str("type").is_some_and(|of_member| !types.contains(&of_member)) {
                    let help = "write a value of the type in the schema";
                    self.report(&value, format!("the type of `{pointer}` is not that of {kind}"), help);
                } else if !listed.is_empty() && !listed.iter().any(|known| known.node.value == value.node.value) {
                    self.report(
                        &value,
                        format!("the enum of `{pointer}` does not list this value"),
                        "write a listed one",
                    );
                }
            }
            self.fill(call, &value, "member", pointer);
        }
    }

    fn parameters_of(&self, call: &TokenCall<'a>) -> Vec<At<'a>> {
        [&call.operation, &call.path].into_iter().flat_map(|holder| self.followed(holder)).collect()
    }

    /// Reports what the operation requires and the request does not contain.
    fn unfilled(&mut self, call: &TokenCall<'a>) {
        let at = call.at.get("operation").unwrap_or_else(|| call.at.clone());
        let mut missing = Vec::new();
        for parameter in self.parameters_of(call) {
            let (Some(place), Some(name)) = (parameter.str("in"), parameter.str("name")) else { continue };
            let is = |key: &str| parameter.node.get(key).and_then(Node::as_bool) == Some(true);
            let is_filled = is("x-client-header") || place == "header" && call.filled.contains(&("header", name));
            if is("required") && !is_filled {
                missing.push(format!("the parameter `{name}`"));
            }
        }
        let request = call.request.as_ref().and_then(|request| self.resolve(request));
        let required = request.and_then(|request| request.get("required"));
        for name in required.as_ref().map(|required| required.node.texts()).unwrap_or_default() {
            let is_in = |pointer: &str| super::super::pointer::names(pointer).next().as_deref() == Some(name);
            if !call.filled.iter().any(|(kind, pointer)| *kind == "member" && is_in(pointer)) {
                missing.push(format!("the member `/{name}`"));
            }
        }
        if self.scheme(call.operation.get("security")).is_some_and(|scheme| self.is_basic(scheme)) {
            let parts = BASIC.iter().filter(|part| !call.filled.contains(&("basic", part)));
            missing.extend(parts.map(|part| format!("the {part} of the scheme Basic")));
        }
        for what in missing {
            let help = "add it to `credentials`, or to `request` if its value is constant";
            self.report(&at, format!("the operation requires {what}, which has no value here"), help);
        }
    }

    /// Checks the pointers into the response.
    fn answered(&mut self, at: &At<'a>, call: &TokenCall<'a>) {
        let member = call.at.get("operation").unwrap_or_else(|| call.at.clone());
        let Some(answer) = &call.answer else {
            return self.report(&member, "the operation does not describe a JSON response", "describe it");
        };
        let expires = at.get("expires").filter(|expires| expires.node.kind() == "a mapping");
        let of_expiry = |key| expires.as_ref().and_then(|expires| expires.get(key));
        for (pointer, types) in [
            (at.get("token"), &["string"][..]),
            (at.get("refresh-token"), &["string"]),
            (of_expiry("after"), &["string", "integer", "number"]),
            (of_expiry("at"), &["string", "integer", "number"]),
        ] {
            let Some(pointer) = pointer else { continue };
            let Some(text) = pointer.node.as_str() else {
                self.report(&pointer, format!("here is {}, not a JSON pointer", pointer.node.kind()), "write `/token`");
                continue;
            };
            let whose = format!("the response of `{}`", call.operation.str("operationId").unwrap_or_default());
            let found = self.pointer(&pointer, text, Some(answer), &whose);
            if let Some(PointerTarget::Described(member)) = found
                && let Some(member) = self.resolve(&member)
                && member.str("type").is_some_and(|kind| !types.contains(&kind))
            {
                let help = format!("point at a member of type {}", one_of(types));
                self.report(&pointer, format!("the type of `{text}` is wrong"), help);
            }
        }
    }

    fn expires(&mut self, at: &At<'a>) {
        if let Some(expires) = at.get("expires")
            && self.level(&expires, &dialect::TOKEN_EXPIRES)
        {
            let has = |key| expires.node.get(key).is_some();
            if !has("after") && !has("at") {
                let help =
                    "write `after`, the JSON pointer to a number of seconds, or `at`, the one to a point in time";
                self.report(&expires, "the place of the expiry is missing", help);
            }
            if has("at") {
                self.choice(&expires, "format", &FORMATS);
            } else if let Some(format) = expires.get("format") {
                self.report(&format, "`format` without `at` has no effect", "write `at`, or leave `format` out");
            }
        }
    }

    fn refresh(&mut self, at: &At<'a>, credentials: &[(&'a str, At<'a>)]) {
        let place = at.get("refresh-token");
        let Some(refresh) = at.get("refresh") else {
            if let Some(place) = place {
                self.report(
                    &place,
                    "`refresh-token` without `refresh` has no effect",
                    "write `refresh`, or leave this out",
                );
            }
            return;
        };
        if !self.level(&refresh, &dialect::TOKEN_REFRESH) {
            return;
        }
        if place.is_none() {
            let help = "write `refresh-token` beside it, the JSON pointer to the value that a token is refreshed with";
            self.report(&refresh, "the place of the refresh token in the response is missing", help);
        }
        let mut call = self.token_call(&refresh);
        let known: Vec<&str> = credentials.iter().map(|(name, _)| *name).collect();
        for (name, place) in refresh.members("credentials") {
            if !known.contains(&name) {
                let help = suggestion(name, &known, "add it to `credentials` of `x-token`");
                self.report(&place, format!("`{name}` is not a credential of the client"), help);
            }
            self.place(call.as_mut(), &place);
        }
        match refresh.get("refresh-token") {
            Some(place) => self.place(call.as_mut(), &place),
            None => self.report(&refresh, "`refresh-token` is missing", PLACES),
        }
        self.constants(call.as_mut(), &refresh);
        if let Some(call) = call {
            self.unfilled(&call);
            self.answered(at, &call);
        }
    }
}
