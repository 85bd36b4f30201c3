//! Lints the signed text: `signed` in `x-signature`, and the members of the body that a receiver reads.

use super::super::dialect;
use super::super::formats::TIME_TEXT;
use super::super::load::Node;
use super::super::pointer;
use super::super::signature::{PLACEHOLDERS, Part, signs_time};
use super::event::{PAYLOAD, PointerTarget, payload_schema};
use super::linter::{At, Linter, is_token};
use super::signature::SignatureAt;

/// A template of the signed text.
type Template<'a> = (At<'a>, Vec<Part>);

impl<'a> Linter<'a> {
    /// Checks that a pointer points to a string or a number that every payload has.
    pub(super) fn member_of_body(&mut self, at: &At<'a>, pointer: &str, signature: &SignatureAt<'a>) {
        for (event, post) in &signature.events {
            let schema = payload_schema(post);
            let Some(PointerTarget::Described(member)) = self.pointer(at, pointer, schema.as_ref(), PAYLOAD) else {
                continue;
            };
            let kind = self.resolve(&member);
            let kind = kind.as_ref().and_then(|member| member.str("type"));
            let Some(schema) = schema else { continue };
            if self.leads_into_array(&schema, pointer) {
                self.report(at, format!("`{pointer}` points into an array"), "name a member outside of arrays");
            } else if kind.is_some_and(|kind| !matches!(kind, "string" | "integer" | "number")) {
                self.report(
                    at,
                    format!("`{pointer}` is not a string or a number"),
                    "name a member that is a string or a number",
                );
            } else if self.can_lack(&schema, pointer) {
                let message = format!(
                    "`{pointer}` can be missing or null in a payload of `{event}`, which a receiver then refuses"
                );
                let help = "list the member under `required`, and not as `nullable`, or name another member";
                self.report(at, message, help);
            }
        }
    }

    /// Whether the member at a pointer can be missing or null.
    fn can_lack(&self, schema: &At<'a>, pointer: &str) -> bool {
        let mut place = Some(schema.clone());
        pointer::names(pointer).any(|name| {
            let Some(schema) = place.take().and_then(|at| self.resolve(&at)) else { return false };
            let property = schema.get("properties").and_then(|properties| properties.get(&name));
            let is_free = property.is_none() && schema.node.get("additionalProperties").is_none();
            let required = schema.node.get("required").map(Node::texts).unwrap_or_default();
            let nullable = property.as_ref().and_then(|property| property.node.get("nullable")?.as_bool());
            place = property;
            !is_free && (!required.contains(&name.as_str()) || nullable == Some(true))
        })
    }

    /// Checks that a member can be a time of a format, by its schema and by the examples.
    pub(super) fn time_of_body(&mut self, at: &At<'a>, pointer: &str, format: &str, signature: &SignatureAt<'a>) {
        if !pointer::is_pointer(pointer) {
            return;
        }
        for (event, post) in &signature.events {
            let member = self.member_schema(post, pointer);
            let described = member.as_ref().map(|member| (member.str("type"), member.str("format")));
            let fits = match (format, described) {
                ("seconds" | "milliseconds", Some((kind, own))) => {
                    kind.is_none_or(|kind| kind == "integer" || kind == "string" && own.is_none())
                }
                ("iso8601" | "http-date", Some((kind, own))) => {
                    let standard = if format == "iso8601" { "date-time" } else { "http-date" };
                    let fits = |own| own == standard || own == TIME_TEXT;
                    kind.is_none_or(|kind| kind == "string") && own.is_none_or(fits)
                }
                (_, _) => true,
            };
            if !fits {
                let message = format!("the schema of `{pointer}` in `{event}` is not that of a time in {format}");
                self.report(at, message, "correct `format` or the schema, or name the member that has the time");
                continue;
            }
            for (name, value) in example_values(post, pointer) {
                if !is_time(format, value) {
                    let message =
                        format!("in the example `{name}` of `{event}`, `{pointer}` is not a time in {format}");
                    self.report(at, message, "correct `format` or the example, or name the member that has the time");
                }
            }
        }
    }

    /// Checks the templates of the signed text.
    pub(super) fn signed_templates(&mut self, signature: &SignatureAt<'a>) -> Vec<Template<'a>> {
        let Some(signed) = signature.at.get("signed") else {
            return vec![(signature.at.clone(), vec![Part::Body])];
        };
        let mut names: Vec<&str> = PLACEHOLDERS.iter().map(|(name, _)| *name).collect();
        names.extend(["body/POINTER", "header.NAME"]);
        names.retain(|name| *name != "signature");
        let alternatives = match signed.get("any") {
            None if signed.node.kind() == "a mapping" => {
                self.report(&signed, "this is not a supported form of `signed`", "write a template, or `{any: [...]}`");
                Vec::new()
            }
            None => vec![signed.clone()],
            Some(any) => {
                self.level(&signed, &dialect::ANY_SIGNED);
                if any.node.items().len() < 2 {
                    let help = "write the templates as a list, or one of them instead of the mapping";
                    self.report(&any, "`any` is not a list of templates", help);
                }
                any.items()
            }
        };
        let is_alternative = alternatives.len() > 1;
        let mut found: Vec<Template<'a>> = Vec::new();
        for at in alternatives {
            let parts = self.template_parts(&at, &names);
            if !parts.is_empty() {
                self.signed_parts(&at, &parts, signature, is_alternative);
                self.alternative(&at, &parts, &found);
                found.push((at, parts));
            }
        }
        found
    }

    /// Checks that an alternative differs from the others only in the spaces of the body. Otherwise, what is signed as
    /// one part of a delivery would pass as another part.
    fn alternative(&mut self, at: &At<'a>, parts: &[Part], others: &[Template<'a>]) {
        let with_spaces = |part: &Part| if *part == Part::BodyWithoutSpaces { Part::Body } else { part.clone() };
        let whole = |parts: &[Part]| parts.iter().map(with_spaces).collect::<Vec<_>>();
        if others.iter().any(|(_, other)| other == parts) {
            self.report(at, "this template is listed twice", "leave one of the two out");
        } else if others.first().is_some_and(|(_, first)| whole(first) != whole(parts)) {
            let message = "the templates differ in more than `{body}` and `{body.without-spaces}`, so a signature of one \
                part of a delivery would pass as that of another part";
            let help = "describe each as a signature of its own, with a `name`, so that a receiver chooses one";
            self.report(at, message, help);
        }
    }

    fn signed_parts(&mut self, at: &At<'a>, parts: &[Part], signature: &SignatureAt<'a>, is_alternative: bool) {
        let has = |key| signature.at.node.get(key).is_some();
        for part in parts {
            match part {
                Part::Signature => {
                    self.report(at, "the signed text cannot contain the signature", "leave `{signature}` out")
                }
                Part::Digest if !has("digest") => {
                    let help = "write `digest: {algorithm: sha256, encoding: base64}`";
                    self.report(at, "`{digest}` is not described", help);
                }
                Part::Time if !has("time") => {
                    self.report(at, "`{time}` is not described", "write `time: {header: NAME, format: seconds}`");
                }
                Part::Id if !has("id") => {
                    self.report(at, "`{id}` is not described", "write `id: {header: NAME}`");
                }
                Part::Header(name) if !is_token(name) => {
                    self.report(at, format!("`{name}` is not a header name"), "use letters, digits and `-`");
                }
                Part::Header(name) if signature.is_in(name) => {
                    let message = format!("the header `{name}` carries the signature, which cannot sign itself");
                    self.report(at, message, "leave it out, or name the header that is signed");
                }
                Part::Header(name) => self.is_described(at, name, signature),
                Part::Member(pointer) => self.member_of_body(at, pointer, signature),
                Part::BodyWithoutSpaces if !is_alternative => {
                    let help = "write `{any: ['{body}', '{body.without-spaces}']}` in a signature of its own";
                    self.report(at, "a body without its spaces can only be an alternative", help);
                }
                _ => {}
            }
        }
        for pair in parts.windows(2) {
            match pair {
                [one, other] if one.is_free() && other.is_free() => {
                    let message =
                        format!("`{one}` and `{other}` have no text between them, so the signed text is ambiguous");
                    self.report(at, message, "write the text that separates them, or leave one out");
                    return;
                }
                [Part::Member(pointer), Part::Text(text)] => self.told_apart(at, pointer, text, signature),
                _ => {}
            }
        }
        // A receiver refuses an id, a header or a member that contains the text which follows it, so that their ends are
        // clear. The last value of any length ends where the rest of the text begins.
        let free: Vec<usize> =
            parts.iter().enumerate().filter(|(_, part)| part.is_free()).map(|(index, _)| index).collect();
        for pair in free.windows(2) {
            let [index, next] = pair else { continue };
            let (Some(one), Some(other)) = (parts.get(*index), parts.get(*next)) else { continue };
            let is_followed = matches!(parts.get(index + 1), Some(Part::Text(_)));
            if !is_followed || matches!(one, Part::Body | Part::BodyWithoutSpaces) {
                let message =
                    format!("the boundary between `{one}` and `{other}` is not clear, so the signed text is ambiguous");
                self.report(at, message, "write the body last, and a text directly after each value before it");
                return;
            }
        }
    }

    /// The schema of a member of a payload.
    fn member_schema(&self, post: &At<'a>, pointer: &str) -> Option<At<'a>> {
        match self.member(&payload_schema(post)?, pointer) {
            Some(PointerTarget::Described(member)) => self.resolve(&member),
            _ => None,
        }
    }

    /// Checks that a member does not contain the text which follows it in the signed text, by its schema and by the
    /// examples.
    fn told_apart(&mut self, at: &At<'a>, pointer: &str, text: &str, signature: &SignatureAt<'a>) {
        let help = "write `{time}` for a member that is a time, with `time: {member: POINTER, format: iso8601}`; otherwise \
            correct the text between the members";
        for (event, post) in &signature.events {
            let schema = self.member_schema(post, pointer);
            let characters = schema.and_then(|schema| match (schema.str("type")?, schema.str("format")) {
                ("number", _) => Some("0123456789.-+eE"),
                ("string", Some("date-time")) => Some("0123456789T:.-+Z"),
                (_, _) => None,
            });
            if characters.is_some_and(|characters| text.chars().all(|character| characters.contains(character))) {
                let message = format!(
                    "`{pointer}` can contain `{text}`, which follows it in the signed text, and a receiver refuses such a delivery"
                );
                return self.report(at, message, help);
            }
            for (name, value) in example_values(post, pointer) {
                if value.contains(text) {
                    let message = format!(
                        "in the example `{name}` of `{event}`, `{pointer}` contains `{}`, which follows it in the signed text, \
                        so a receiver refuses it",
                        text.escape_debug()
                    );
                    self.report(at, message, help);
                }
            }
        }
    }

    /// Checks that the values that a receiver relies on are signed.
    pub(super) fn coverage(&mut self, signature: &SignatureAt<'a>, signed: &[Template<'a>]) {
        let unsigned = signature.at.get("unsigned");
        if let Some(unsigned) = &unsigned
            && unsigned.node.texts() != ["body"]
        {
            self.report(unsigned, "this is not a supported form of `unsigned`", "write `unsigned: [body]`");
        }
        let constant = signed.iter().find(|(_, parts)| !parts.iter().any(Part::is_of_delivery));
        let lacking = signed.iter().find(|(_, parts)| !parts.iter().any(Part::covers_body));
        match (constant, lacking, unsigned) {
            (Some((at, _)), _, _) => {
                let help = "write what the provider signs of a delivery, such as `{body}`; if it signs nothing, write \
                    `{none: REASON}`";
                self.report(at, "the signed text is the same for all deliveries, so it proves nothing", help);
            }
            (None, Some((at, _)), None) => {
                let help = "write `{body}` or `{digest}` into it, or `unsigned: [body]` if the provider does not sign the body";
                self.report(at, "neither the body nor its digest is signed", help);
            }
            (None, None, Some(unsigned)) if !signed.is_empty() => {
                self.report(&unsigned, "the body is signed", "leave `unsigned` out");
            }
            (_, _, _) => {}
        }
        let digest = signature.at.get("digest");
        if let Some(digest) = digest
            && !signed.iter().all(|(_, parts)| parts.contains(&Part::Digest))
        {
            let help = "write `{digest}` into `signed`, or leave `digest` out";
            self.report(&digest, "the digest is not signed, so it proves nothing", help);
        }
        let Some(time) = signature.at.get("time") else { return };
        if let Some(window) = time.get("window")
            && !signed.iter().all(|(_, parts)| signs_time(parts, time.str("member")))
        {
            let help = "write `{time}` into `signed` if the provider signs the time, or leave `window` out";
            self.report(&window, "the time is not signed, so a window protects against nothing", help);
        }
    }
}

/// The names of the examples of a delivery that have a string or a number at a pointer, and its text.
pub(super) fn example_values<'a>(post: &At<'a>, pointer: &str) -> Vec<(&'a str, &'a str)> {
    let media_types = post.get("requestBody").map(|body| body.members("content")).unwrap_or_default();
    let examples = media_types.iter().flat_map(|(_, media_type)| media_type.members("examples"));
    let value = |(name, example): (&'a str, At<'a>)| {
        let mut steps = pointer::names(pointer);
        let value = steps.try_fold(example.node.get("value")?, |node, step| node.get(&step))?;
        Some((name, value.as_str().or_else(|| value.as_number())?))
    };
    examples.filter_map(value).collect()
}

/// Whether a text has the form of a time that a receiver reads.
fn is_time(format: &str, text: &str) -> bool {
    match format {
        "seconds" => has_form(text, "0000000000"),
        "milliseconds" => has_form(text, "0000000000000"),
        "http-date" => has_form(text, "Aaa, 00 Aaa 0000 00:00:00 GMT"),
        "iso8601" => {
            const START: &str = "0000-00-00T00:00:00";
            let Some((start, rest)) = text.split_at_checked(START.len()) else { return false };
            let is_fraction = |rest: &str| rest.starts_with(|digit: char| digit.is_ascii_digit());
            let offset = match rest.strip_prefix('.').filter(|rest| is_fraction(rest)) {
                Some(fraction) => fraction.trim_start_matches(|digit: char| digit.is_ascii_digit()),
                None => rest,
            };
            has_form(start, START) && (offset == "Z" || has_form(offset, "+00:00") || has_form(offset, "-00:00"))
        }
        _ => true,
    }
}

/// Whether a text has digits where the form has `0`, letters where it has `A` or `a`, and is like it elsewhere.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(byte, form): (u8, u8)| match form {
        b'0' => byte.is_ascii_digit(),
        b'A' => byte.is_ascii_uppercase(),
        b'a' => byte.is_ascii_lowercase(),
        form => byte == form,
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}
