//! Lints the proof of origin of deliveries: `x-signature`, and the keys in the `security` of deliveries.

use std::collections::BTreeSet;

use super::super::dialect;
use super::super::load::Node;
use super::super::names;
use super::super::signature::{
    ALGORITHMS, DIGESTS, ED25519, ENCODINGS, KEY_ENCODINGS, KEY_HASHES, Part, TIME_FORMATS, TemplateError, parse,
};
use super::linter::{At, Linter, is_token, one_of, suggestion};

/// What to write if deliveries do not prove their origin.
const UNPROVEN: &str = "`x-signature: {none: REASON}` if deliveries do not prove their origin";

/// The longest replay window in seconds: a day.
const LONGEST_WINDOW: u64 = 86_400;

/// A signature that is checked.
pub(super) struct SignatureAt<'a> {
    pub(super) at: At<'a>,
    form: Vec<Part>,
    pub(super) events: Vec<(&'a str, At<'a>)>,
}

impl SignatureAt<'_> {
    /// Whether this header carries the signature.
    pub(super) fn is_in(&self, name: &str) -> bool {
        let headers = self.at.node.get("header").map(Node::texts).unwrap_or_default();
        headers.iter().any(|header| header.eq_ignore_ascii_case(name))
    }

    /// Whether the value of a placeholder of the form can contain a character.
    fn can_contain(&self, placeholder: &Part, character: char) -> bool {
        let is_one_of = |others: &str| character.is_ascii_alphanumeric() || others.contains(character);
        match placeholder {
            Part::Signature => match self.at.str("encoding") {
                Some("hex") => character.is_ascii_hexdigit(),
                Some("base64") => is_one_of("+/="),
                _ => is_one_of("-_"),
            },
            Part::Time => match self.at.get("time").and_then(|time| time.str("format")) {
                Some("http-date") => is_one_of(" ,:"),
                Some("iso8601") => character.is_ascii_digit() || "T:.-+Z".contains(character),
                _ => character.is_ascii_digit(),
            },
            _ => false,
        }
    }

    /// Whether a receiver can take a value of one item of the form for a value of another item, which it tries first.
    fn reads_as(&self, item: &[Part], other: &[Part]) -> bool {
        let start = |parts: &[Part]| match parts {
            [Part::Text(text), value, ..] => (text.clone(), value.clone()),
            [value, ..] => (String::new(), value.clone()),
            [] => (String::new(), Part::Signature),
        };
        let ((start, value), (other, _)) = (start(item), start(other));
        let rest = other.strip_prefix(&start);
        start.starts_with(&other) || rest.is_some_and(|rest| rest.chars().all(|c| self.can_contain(&value, c)))
    }
}

/// Whether a signature covers the registered URL.
fn signs_url(at: &At<'_>) -> bool {
    let signed = at.node.get("signed");
    let templates = signed.map(|signed| signed.get("any").unwrap_or(signed).texts()).unwrap_or_default();
    templates.into_iter().filter_map(|template| parse(template).ok()).flatten().any(|part| part.is_of_url())
}

impl<'a> Linter<'a> {
    /// Checks that the document describes the proof of origin of deliveries exactly once.
    pub(super) fn origin_of_deliveries(&mut self, root: &At<'a>, webhooks: &At<'a>) {
        let events: Vec<(&'a str, At<'a>)> =
            webhooks.entries().into_iter().filter_map(|(name, item)| Some((name, item.get("post")?))).collect();
        let keyed = events.iter().find_map(|(_, post)| post.get("security"));
        let has_own = |(_, post): &(&str, At<'a>)| post.node.get("x-signature").is_some();
        self.signatures_of_events(root, events.iter().filter(|event| has_own(event)).cloned().collect());
        match (root.get("x-signature"), keyed) {
            (Some(at), keyed) => {
                if let Some(security) = keyed {
                    let help =
                        "leave one of the two out; describe a key that is sent beside a signature as a parameter";
                    self.report(&security, "`x-signature` already describes how deliveries prove their origin", help);
                }
                let others = events.into_iter().filter(|event| !has_own(event)).collect();
                self.signatures(&at, others);
            }
            (None, Some(security)) => {
                for (_, post) in &events {
                    let own = post.get("security");
                    if own.as_ref().map(|own| own.node.to_json_text()) != Some(security.node.to_json_text()) {
                        let message = format!("{} has other credentials", security.place);
                        let help = "write the same `security` at every event: a receiver has one proof of origin";
                        self.report(own.as_ref().unwrap_or(post), message, help);
                    }
                }
            }
            (None, None) if events.is_empty() => {}
            (None, None) => {
                let help = format!("write `x-signature` at the root, `security` at each event, or {UNPROVEN}");
                self.report(webhooks, "the proof of origin of deliveries is missing", help);
            }
        }
    }

    /// Checks the signatures of events that are not signed as the others are. A receiver has the parameters that the
    /// signature at the root needs, and has to know the event before it verifies a delivery.
    fn signatures_of_events(&mut self, root: &At<'a>, events: Vec<(&'a str, At<'a>)>) {
        let of_root = root.get("x-signature").filter(|at| at.node.get("algorithm").is_some());
        let by_route = root.get("x-event-name").is_some_and(|place| place.str("in") == Some("route"));
        for (name, post) in events {
            let Some(at) = post.get("x-signature") else { continue };
            if !by_route {
                let help = "write `x-event-name: {in: route}` at the root, or one `x-signature` for all events there";
                self.report(&at, "a receiver does not know the event before it has verified the delivery", help);
            }
            let help = "describe one signature, or write `{none: REASON}`";
            match &of_root {
                None => {
                    let help =
                        "write `x-signature` with one signature at the root, for the events without one of their own";
                    self.report(&at, "the root does not describe one signature", help);
                }
                Some(_) if at.node.kind() == "a list" => {
                    self.report(&at, "an event cannot have several signatures", help);
                    continue;
                }
                Some(_) if at.node.get("custom").is_some() => {
                    self.report(&at, "an event cannot have a custom signature of its own", help);
                }
                Some(of_root) if at.node.get("none").is_none() && signs_url(&at) != signs_url(of_root) => {
                    let help = "sign the URL in both or in none: all events have the same constructor of the receiver";
                    self.report(&at, "only one of this signature and the one at the root signs the URL", help);
                }
                Some(_) => {}
            }
            self.signatures(&at, vec![(name, post)]);
        }
    }

    /// Checks the alternatives of a delivery's `security`.
    pub(super) fn keys(&mut self, security: &At<'a>) {
        let mut headers: Vec<String> = Vec::new();
        for (name, at) in security.items().iter().flat_map(At::entries) {
            let Some(scheme) = self.target(&format!("#/components/securitySchemes/{name}")) else { continue };
            let header = match scheme.str("type") {
                Some("apiKey") => scheme.str("name").unwrap_or_default(),
                _ => "Authorization",
            };
            if headers.iter().any(|other| other.eq_ignore_ascii_case(header)) {
                self.report(&at, format!("another alternative is in `{header}` as well"), "keep one of the two");
            }
            headers.push(header.to_owned());
        }
        let has_scheme = security.items().iter().any(|alternative| !alternative.node.entries().is_empty());
        if !has_scheme && !security.node.items().is_empty() {
            self.report(security, "no alternative names a security scheme", format!("write {UNPROVEN}"));
        }
    }

    fn signatures(&mut self, at: &At<'a>, events: Vec<(&'a str, At<'a>)>) {
        for (key, level) in [("none", &dialect::NO_SIGNATURE), ("custom", &dialect::CUSTOM_SIGNATURE)] {
            if at.node.get(key).is_some() {
                self.level(at, level);
                let help = match key {
                    "none" => "say in a sentence why deliveries do not prove their origin",
                    _ => "say in a sentence what a receiver has to verify",
                };
                if self.required_text(at, key, help).is_some() {
                    self.documentation(at, key);
                }
                return;
            }
        }
        for item in self.one_or_named(at, "signature", &format!("describe one, or write {UNPROVEN}")) {
            self.signature(&item, events.clone());
        }
    }

    /// The items of a list, of which each has a name, or the only one, which does not have a name. `none` is the help for an
    /// empty list.
    pub(super) fn one_or_named(&mut self, at: &At<'a>, what: &str, none: &str) -> Vec<At<'a>> {
        if at.node.kind() != "a list" {
            if let Some(name) = at.get("name") {
                let help = format!("leave it out, or write a list of {what}s");
                self.report(&name, format!("a single {what} does not have a name"), help);
            }
            return vec![at.clone()];
        }
        if at.node.items().is_empty() {
            self.report(at, format!("no {what} is listed"), none);
        }
        let mut seen = BTreeSet::new();
        for item in at.items() {
            let help = "name it in lower case with `-` between words, such as `name: v1`";
            if let Some(name) = self.required_text(&item, "name", help) {
                let at = item.get("name").unwrap_or_else(|| item.clone());
                if names::snake(name).is_none_or(|snake| snake.replace('_', "-") != name) {
                    self.report(&at, format!("`{name}` is not a name for a {what}"), help);
                }
                if !seen.insert(name) {
                    self.report(&at, format!("there is another {what} `{name}`"), "rename one of the two");
                }
            }
        }
        at.items()
    }

    fn signature(&mut self, at: &At<'a>, events: Vec<(&'a str, At<'a>)>) {
        if !self.level(at, &dialect::SIGNATURE) {
            return;
        }
        self.documentation(at, "description");
        let help = "say in a sentence why a receiver may not have a secret, or leave it out";
        if at.node.get("optional").is_some() && self.required_text(at, "optional", help).is_some() {
            self.documentation(at, "optional");
        }
        self.credential_of_client(at);
        let mut signature = SignatureAt { at: at.clone(), form: Vec::new(), events };
        self.header_names(at, &signature, "write the header that carries the signature");
        self.choice(at, "algorithm", ALGORITHMS);
        self.choice(at, "encoding", ENCODINGS);
        self.boolean(at, "repeated");
        self.key_form(at);
        self.header_form(&mut signature);
        if let Some(digest) = at.get("digest")
            && self.level(&digest, &dialect::SIGNATURE_DIGEST)
        {
            self.choice(&digest, "algorithm", DIGESTS);
            self.choice(&digest, "encoding", ENCODINGS);
            if let Some(header) = digest.get("header") {
                self.header_name_of(&header, &header, &signature);
            }
        }
        if let Some(id) = at.get("id")
            && self.level(&id, &dialect::SIGNATURE_ID)
        {
            self.header_names(&id, &signature, "write the header that carries the id");
        }
        self.signing_time(&signature);
        for key in ["digest", "time", "id"] {
            let Some(header) = at.get(key).and_then(|value| value.get("header")) else { continue };
            if let Some(name) = header.node.texts().into_iter().find(|name| signature.is_in(name)) {
                let message = format!("the header `{name}` carries the signature, so it cannot be the {key} as well");
                self.report(&header, message, format!("name the header that carries the {key}"));
            }
        }
        let signed = self.signed_templates(&signature);
        self.coverage(&signature, &signed);
    }

    /// Checks that the secret is a credential of a client.
    fn credential_of_client(&mut self, at: &At<'a>) {
        let Some(member) = at.get("credential") else { return };
        let help = "name one of the `credentials` of `x-token`, such as `client_secret`, or leave it out";
        let Some(name) = self.required_text(at, "credential", help) else { return };
        let grants = self.grants();
        let credentials = grants.iter().flat_map(|grant| grant.members("credentials"));
        let known: Vec<&str> = credentials.map(|(name, _)| name).collect();
        if !known.contains(&name) {
            let message = format!("`{name}` is not a credential of a client");
            self.report(&member, message, suggestion(name, &known, help));
        }
    }

    /// Checks the member `header`: a name, or a list of alternatives.
    fn header_names(&mut self, at: &At<'a>, signature: &SignatureAt<'a>, help: &str) {
        let Some(header) = at.get("header") else {
            return self.report(at, "`header` is missing", help);
        };
        let items = if header.node.kind() == "a list" { header.items() } else { vec![header.clone()] };
        if items.is_empty() {
            self.report(&header, "no header is listed", help);
        }
        for (index, item) in items.iter().enumerate() {
            self.header_name_of(item, &header, signature);
            let name = |at: &At<'a>| at.node.as_str().map(str::to_ascii_lowercase);
            if items.iter().take(index).any(|other| name(other) == name(item)) {
                self.report(item, "this header is listed twice", "leave one out");
            }
        }
    }

    fn header_name_of(&mut self, at: &At<'a>, key: &At<'a>, signature: &SignatureAt<'a>) {
        match at.node.as_str() {
            Some(name) if is_token(name) => self.is_described(at, name, signature),
            Some(name) => self.report(at, format!("`{name}` is not a header name"), "use letters, digits and `-`"),
            None => {
                let message = format!("expected the name of a header, found {}", at.node.kind());
                self.report(key, message, "write `header: NAME`");
            }
        }
    }

    /// Checks that every delivery describes a header. OpenAPI does not allow a parameter `Authorization`.
    pub(super) fn is_described(&mut self, at: &At<'a>, name: &str, signature: &SignatureAt<'a>) {
        if name.eq_ignore_ascii_case("authorization") {
            return;
        }
        let describes = |parameter: &At<'a>| {
            parameter.str("in") == Some("header")
                && parameter.str("name").is_some_and(|other| other.eq_ignore_ascii_case(name))
        };
        let lacking = signature.events.iter().filter(|(_, post)| !self.followed(post).iter().any(describes));
        let lacking: Vec<String> = lacking.map(|(event, _)| format!("`{event}`")).collect();
        if !lacking.is_empty() {
            let message = format!("the header `{name}` is not described by {}", lacking.join(", "));
            self.report(at, message, format!("add a parameter with `name: {name}` and `in: header` there"));
        }
    }

    /// Checks a member whose value is one of a closed list.
    pub(super) fn choice(&mut self, at: &At<'a>, key: &str, known: &[&str]) {
        let help = format!("write {}", one_of(known));
        match at.get(key) {
            None => self.report(at, format!("`{key}` is missing"), help),
            Some(member) => match member.node.as_str() {
                Some(text) if known.contains(&text) => {}
                Some(text) => {
                    let help = suggestion(text, known, &help);
                    self.report(&member, format!("the {key} `{text}` is not supported"), help);
                }
                None => self.report(&member, format!("`{key}` is {}, not a string", member.node.kind()), help),
            },
        }
    }

    fn key_form(&mut self, at: &At<'a>) {
        let is_public = at.str("algorithm") == Some(ED25519);
        let Some(key) = at.get("key") else {
            if is_public {
                let help =
                    "write `key: {encoding: hex}` or `key: {encoding: base64}`, as the provider shows its public key";
                self.report(at, "`key` is missing: the secret of a receiver is a public key, which is not text", help);
            }
            return;
        };
        if !self.level(&key, &dialect::SIGNATURE_KEY) {
            return;
        }
        if key.node.entries().is_empty() {
            let help =
                "write how the key is derived from the secret, or leave `key` out if the key is the bytes of the text";
            return self.report(&key, "`key` is empty", help);
        }
        if key.node.get("prefix").is_some() {
            let help = "write the prefix that is removed from the secret, such as `whsec_`";
            self.required_text(&key, "prefix", help);
        }
        if is_public || key.node.get("encoding").is_some() || key.node.get("prefix").is_some() {
            let known: &[&str] = if is_public { &["hex", "base64"] } else { KEY_ENCODINGS };
            self.choice(&key, "encoding", known);
        }
        if let (true, Some(hash)) = (is_public, key.get("hash")) {
            self.report(&hash, "a public key is not hashed", "leave `hash` out");
        } else if key.node.get("hash").is_some() {
            self.choice(&key, "hash", KEY_HASHES);
        }
    }

    /// Parses a template of a signature. Errors in it are reported.
    pub(super) fn template_parts(&mut self, at: &At<'a>, allowed: &[&str]) -> Vec<Part> {
        self.parsed_template(at, allowed, parse)
    }

    /// Parses a template. Errors in it are reported.
    pub(super) fn parsed_template<P>(
        &mut self,
        at: &At<'a>,
        allowed: &[&str],
        parse: impl Fn(&'a str) -> Result<Vec<P>, TemplateError<'a>>,
    ) -> Vec<P> {
        let Some(text) = at.node.as_str() else {
            let help = format!("write a text such as '{{{}}}'", allowed.first().unwrap_or(&"body"));
            self.report(at, format!("expected a template, found {}", at.node.kind()), help);
            return Vec::new();
        };
        let listed: Vec<String> = allowed.iter().map(|name| format!("{{{name}}}")).collect();
        let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
        let general = format!("write {}", one_of(&listed));
        if let Some(escape) = ["\\n", "\\r", "\\t"].into_iter().find(|escape| text.contains(escape)) {
            let message = format!("`{escape}` is a backslash and a letter here, not white space");
            self.report(at, message, "write the template in double quotes, in which YAML knows this escape");
        }
        match parse(text) {
            Ok(parts) if parts.is_empty() => self.report(at, "the template is empty", general),
            Ok(parts) => return parts,
            Err(TemplateError::Braces) => {
                self.report(
                    at,
                    "the braces do not match",
                    "write each placeholder as `{name}`, without braces in texts",
                );
            }
            Err(TemplateError::Unknown(name)) => {
                let name = format!("{{{name}}}");
                let help = suggestion(&name, &listed, &general);
                self.report(at, format!("there is no placeholder `{name}`"), help);
            }
        }
        Vec::new()
    }

    fn header_form(&mut self, signature: &mut SignatureAt<'a>) {
        let separator = self.separator(&signature.at);
        let Some(at) = signature.at.get("form") else {
            signature.form = vec![Part::Signature];
            return;
        };
        let parts = self.template_parts(&at, &["signature", "time"]);
        if parts.is_empty() {
            return;
        }
        for part in &parts {
            match part {
                Part::Signature | Part::Time => {}
                Part::Text(text) if text.chars().all(|c| matches!(c, ' '..='~')) => {}
                Part::Text(_) => self.report(&at, "the form cannot be sent in a header", "write printable ASCII"),
                other => {
                    let help = "write `{signature}` and, if the time is part of the header, `{time}`";
                    self.report(&at, format!("`{other}` is not supported in the header's form"), help);
                }
            }
        }
        let count = |part: &Part| parts.iter().filter(|other| *other == part).count();
        if count(&Part::Signature) != 1 {
            let message = format!("`{{signature}}` is in the form {} times", count(&Part::Signature));
            self.report(&at, message, "write it once, at the place of the signature in the header");
        }
        if count(&Part::Time) > 1 {
            self.report(&at, "`{time}` is in the form more than once", "write it once");
        }
        let is_text = |part: &Part| matches!(part, Part::Text(_));
        if parts.windows(2).any(|pair| !pair.iter().any(is_text)) {
            let help = "write the text between them in the header";
            self.report(&at, "two placeholders have no text between them", help);
        }
        let text = at.node.as_str().unwrap_or_default();
        if text.trim() != text {
            let help = "leave it out: servers remove white space around the value of a header";
            self.report(&at, "the form begins or ends with white space", help);
        }
        self.items_of_form(&at, text, separator, signature);
        signature.form = parts;
    }

    /// Checks that a receiver finds the placeholders in every value that the provider can send.
    fn items_of_form(&mut self, at: &At<'a>, form: &str, separator: Option<&'a str>, signature: &SignatureAt<'a>) {
        let texts: Vec<&str> = separator.map_or_else(|| vec![form], |separator| form.split(separator).collect());
        let parsed = |item: &&str| parse(item).ok();
        let Some(items) = texts.iter().map(parsed).collect::<Option<Vec<Vec<Part>>>>() else { return };
        if let Some(separator) = separator {
            let is_alone = texts.len() == 1;
            let is_understood = |item: &&str| {
                item.matches('{').count() == 1 && item.trim() == *item && (is_alone || !item.starts_with('{'))
            };
            let unclear: Vec<&str> = texts.iter().copied().filter(|item| !is_understood(item)).collect();
            for item in &unclear {
                let help =
                    format!("write items such as `t={{time}}{separator}v1={{signature}}`, without spaces around them");
                self.report(at, format!("the item `{item}` of the form is not a text with one placeholder"), help);
            }
            if !unclear.is_empty() {
                return;
            }
            if items.iter().flatten().any(|part| *part == Part::Time)
                && separator.chars().all(|character| signature.can_contain(&Part::Time, character))
            {
                let message = format!("the separator `{separator}` can be part of `{{time}}`");
                self.report(at, message, "correct the separator, or the format of the time");
            }
            for (index, (item, parts)) in texts.iter().zip(&items).enumerate() {
                for (other, others) in texts.iter().zip(&items).take(index) {
                    if signature.reads_as(parts, others) {
                        let message = format!("the items `{other}` and `{item}` cannot be told apart");
                        self.report(at, message, "write the text with which each of them begins in the header");
                    }
                }
            }
        }
        for pair in items.iter().flat_map(|parts| parts.windows(2)) {
            if let [value, Part::Text(text)] = pair
                && text.chars().all(|character| signature.can_contain(value, character))
            {
                let message = format!("`{text}` can be part of `{value}`, so the end of `{value}` is not clear");
                let help = "correct the form, the encoding of the signature or the format of the time";
                self.report(at, message, help);
            }
        }
    }

    fn separator(&mut self, at: &At<'a>) -> Option<&'a str> {
        let member = at.get("separator")?;
        let help = "write the text between the items of the header's value, such as ','";
        match member.node.as_str() {
            None => self.report(&member, format!("`separator` is {}, not a string", member.node.kind()), help),
            Some("") => self.report(&member, "the separator is empty", help),
            // Signatures and times consist of these characters.
            Some(text) if text.contains(|c: char| c.is_ascii_alphanumeric() || "+/=-_:{}".contains(c)) => {
                self.report(&member, format!("`{text}` can be part of an item"), help);
            }
            Some(text) => return Some(text),
        }
        None
    }

    fn signing_time(&mut self, signature: &SignatureAt<'a>) {
        let in_form = signature.form.contains(&Part::Time);
        let Some(time) = signature.at.get("time") else {
            if let (true, Some(form)) = (in_form, signature.at.get("form")) {
                let help = "write `time: {format: seconds}`, with a window only if the time is signed";
                self.report(&form, "`{time}` is not described", help);
            }
            return;
        };
        if !self.level(&time, &dialect::SIGNATURE_TIME) {
            return;
        }
        self.choice(&time, "format", TIME_FORMATS);
        let help = "write how many seconds the time may be before or after the clock, such as `300`";
        let window = self.count(&time, "window", "seconds", help);
        if let (Some(seconds), Some(at)) = (window, time.get("window"))
            && seconds > LONGEST_WINDOW
        {
            let message = format!("anyone who has seen a delivery could send it again for {seconds} s");
            let help =
                "write at most 86400 seconds, a day, and not milliseconds; leave `window` out if there is no limit";
            self.report(&at, message, help);
        }
        let places = [time.get("header").is_some(), time.get("member").is_some(), in_form];
        match places.iter().filter(|place| **place).count() {
            0 => self.report(
                &time,
                "the place of the time is missing",
                "write `header`, `member`, or `{time}` in the form",
            ),
            1 => {}
            _ => {
                let help = "keep one of `header`, `member` and `{time}` in the form";
                self.report(&time, "the time is in more than one place", help);
            }
        }
        if time.node.get("header").is_some() {
            self.header_names(&time, signature, "write the header that carries the time");
        }
        if let Some(member) = time.get("member") {
            match member.node.as_str() {
                Some(pointer) => {
                    self.member_of_body(&member, pointer, signature);
                    self.time_of_body(&member, pointer, time.str("format").unwrap_or_default(), signature);
                }
                None => self.report(&member, "this is not a JSON pointer", "write `/created`, or leave it out"),
            }
        }
    }
}
