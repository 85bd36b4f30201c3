//! How a delivery proves its origin: `x-signature`, and the keys in the `security` of deliveries.

use std::collections::BTreeSet;

use super::super::signature::{
    ALGORITHMS, DIGESTS, ENCODINGS, Fault, KEY_ENCODINGS, KEY_HASHES, PLACEHOLDERS, Part, TIME_FORMATS, parse,
};
use super::event::{Member, PAYLOAD, payload_schema};
use super::{At, Level, Linter, is_token, names, one_of, suggestion};

const SIGNATURE: Level = Level {
    name: "in x-signature",
    keys: &[
        "name",
        "description",
        "optional",
        "header",
        "form",
        "separator",
        "repeated",
        "algorithm",
        "encoding",
        "key",
        "signed",
        "digest",
        "time",
        "id",
        "unsigned",
    ],
};
const NONE: Level = Level { name: "beside `none` of x-signature", keys: &["none"] };
const CUSTOM: Level = Level { name: "beside `custom` of x-signature", keys: &["custom"] };
const KEY: Level = Level { name: "in key of x-signature", keys: &["encoding", "prefix", "hash"] };
const ANY: Level = Level { name: "in signed of x-signature", keys: &["any"] };
const DIGEST: Level = Level { name: "in digest of x-signature", keys: &["algorithm", "encoding", "header"] };
const TIME: Level = Level { name: "in time of x-signature", keys: &["header", "member", "format", "window"] };
const ID: Level = Level { name: "in id of x-signature", keys: &["header"] };

/// What to write where nothing is signed.
const UNPROVEN: &str = "`x-signature: {none: REASON}` where nothing proves it";

/// What a finding needs to know of one scheme.
struct Scheme<'a> {
    at: At<'a>,
    form: Vec<Part>,
    events: Vec<(&'a str, At<'a>)>,
}

impl<'a> Linter<'a> {
    /// That the document says how deliveries prove their origin, once.
    pub(super) fn origin_of_deliveries(&mut self, root: &At<'a>, webhooks: &At<'a>) {
        let events: Vec<(&'a str, At<'a>)> =
            webhooks.entries().into_iter().filter_map(|(name, item)| Some((name, item.get("post")?))).collect();
        let keyed = events.iter().find_map(|(_, post)| post.get("security"));
        match (root.get("x-signature"), keyed) {
            (Some(at), keyed) => {
                if let Some(security) = keyed {
                    let help =
                        "leave one of the two out; describe a key that is sent beside a signature as a parameter";
                    self.report(&security, "`x-signature` says already how deliveries prove their origin", help);
                }
                self.signatures(&at, events);
            }
            (None, Some(security)) => {
                for (_, post) in &events {
                    let own = post.get("security");
                    if own.as_ref().map(|own| own.node.to_json_text()) != Some(security.node.to_json_text()) {
                        let message = format!("{} asks for other credentials", security.place);
                        let help = "write the same `security` at every event: a receiver has one proof of origin";
                        self.report(own.as_ref().unwrap_or(post), message, help);
                    }
                }
            }
            (None, None) if events.is_empty() => {}
            (None, None) => {
                let help = format!("write `x-signature` at the root, `security` at each event, or {UNPROVEN}");
                self.report(webhooks, "nothing says how a delivery proves its origin", help);
            }
        }
    }

    /// The alternatives of a delivery's `security`.
    pub(super) fn keys(&mut self, security: &At<'a>) {
        let mut headers: Vec<String> = Vec::new();
        for (name, at) in security.items().iter().flat_map(At::entries) {
            let Some(scheme) = self.target(&format!("#/components/securitySchemes/{name}")) else { continue };
            let header = match scheme.str("type") {
                Some("apiKey") => scheme.str("name").unwrap_or_default(),
                _ => "Authorization",
            };
            if headers.iter().any(|other| other.eq_ignore_ascii_case(header)) {
                self.report(&at, format!("another alternative is in `{header}` too"), "keep one of the two");
            }
            headers.push(header.to_owned());
        }
        let has_scheme = security.items().iter().any(|alternative| !alternative.node.entries().is_empty());
        if !has_scheme && !security.node.items().is_empty() {
            self.report(security, "no alternative names a security scheme", format!("write {UNPROVEN}"));
        }
    }

    fn signatures(&mut self, at: &At<'a>, events: Vec<(&'a str, At<'a>)>) {
        for (key, level) in [("none", &NONE), ("custom", &CUSTOM)] {
            if at.node.get(key).is_some() {
                self.level(at, level);
                let help = match key {
                    "none" => "say in a sentence why nothing proves where a delivery comes from",
                    _ => "say in a sentence what a receiver has to verify",
                };
                if self.required_text(at, key, help).is_some() {
                    self.documentation(at, key);
                }
                return;
            }
        }
        if at.node.kind() != "a list" {
            if let Some(name) = at.get("name") {
                self.report(&name, "one scheme alone has no name", "leave it out, or write a list of schemes");
            }
            return self.signature(at, events);
        }
        if at.node.items().is_empty() {
            self.report(at, "no scheme is listed", format!("describe one, or write {UNPROVEN}"));
        }
        let mut seen = BTreeSet::new();
        for item in at.items() {
            let help = "name it in lower case with `-` between words, such as `name: v1`";
            if let Some(name) = self.required_text(&item, "name", help) {
                let at = item.get("name").unwrap_or_else(|| item.clone());
                if names::snake(name).is_none_or(|snake| snake.replace('_', "-") != name) {
                    self.report(&at, format!("`{name}` is not a name for a scheme"), help);
                }
                if !seen.insert(name) {
                    self.report(&at, format!("there is another scheme `{name}`"), "rename one of the two");
                }
            }
            self.signature(&item, events.clone());
        }
    }

    fn signature(&mut self, at: &At<'a>, events: Vec<(&'a str, At<'a>)>) {
        if !self.level(at, &SIGNATURE) {
            return;
        }
        self.documentation(at, "description");
        let help = "say in a sentence why a receiver may have no secret, or leave it out";
        if at.node.get("optional").is_some() && self.required_text(at, "optional", help).is_some() {
            self.documentation(at, "optional");
        }
        let mut scheme = Scheme { at: at.clone(), form: Vec::new(), events };
        self.header_names(at, &scheme, "write the header that carries the signature");
        self.choice(at, "algorithm", ALGORITHMS);
        self.choice(at, "encoding", ENCODINGS);
        self.boolean(at, "repeated");
        self.key_form(at);
        self.header_form(&mut scheme);
        if let Some(digest) = at.get("digest")
            && self.level(&digest, &DIGEST)
        {
            self.choice(&digest, "algorithm", DIGESTS);
            self.choice(&digest, "encoding", ENCODINGS);
            if let Some(header) = digest.get("header") {
                self.header_name_of(&header, &header, &scheme);
            }
        }
        if let Some(id) = at.get("id")
            && self.level(&id, &ID)
        {
            self.header_names(&id, &scheme, "write the header that carries the id");
        }
        self.signing_time(&scheme);
        let signed = self.signed_templates(&scheme);
        self.coverage(&scheme, &signed);
    }

    /// The member `header`: a name, or a list of which any one is there.
    fn header_names(&mut self, at: &At<'a>, scheme: &Scheme<'a>, help: &str) {
        let Some(header) = at.get("header") else {
            return self.report(at, "`header` is missing", help);
        };
        let items = if header.node.kind() == "a list" { header.items() } else { vec![header.clone()] };
        if items.is_empty() {
            self.report(&header, "no header is listed", help);
        }
        for (index, item) in items.iter().enumerate() {
            self.header_name_of(item, &header, scheme);
            let name = |at: &At<'a>| at.node.as_str().map(str::to_ascii_lowercase);
            if items.iter().take(index).any(|other| name(other) == name(item)) {
                self.report(item, "this header is listed twice", "leave one out");
            }
        }
    }

    fn header_name_of(&mut self, at: &At<'a>, key: &At<'a>, scheme: &Scheme<'a>) {
        match at.node.as_str() {
            Some(name) if is_token(name) => self.is_described(at, name, scheme),
            Some(name) => self.report(at, format!("`{name}` is not a header name"), "use letters, digits and `-`"),
            None => {
                let message = format!("here is {}, not the name of a header", at.node.kind());
                self.report(key, message, "write `header: NAME`");
            }
        }
    }

    /// Whether every delivery describes a header. OpenAPI has no parameter `Authorization`.
    fn is_described(&mut self, at: &At<'a>, name: &str, scheme: &Scheme<'a>) {
        if name.eq_ignore_ascii_case("authorization") {
            return;
        }
        let describes = |parameter: &At<'a>| {
            parameter.str("in") == Some("header")
                && parameter.str("name").is_some_and(|other| other.eq_ignore_ascii_case(name))
        };
        let lacking = scheme.events.iter().filter(|(_, post)| !self.followed(post).iter().any(describes));
        let lacking: Vec<String> = lacking.map(|(event, _)| format!("`{event}`")).collect();
        if !lacking.is_empty() {
            let message = format!("the header `{name}` is not described by {}", lacking.join(", "));
            self.report(at, message, format!("add a parameter with `name: {name}` and `in: header` there"));
        }
    }

    /// A member that is one of a closed list.
    pub(super) fn choice(&mut self, at: &At<'a>, key: &str, known: &[&str]) {
        let help = format!("write {}", one_of(known));
        match at.get(key) {
            None => self.report(at, format!("`{key}` is missing"), help),
            Some(member) => match member.node.as_str() {
                Some(text) if known.contains(&text) => {}
                Some(text) => {
                    let help = suggestion(text, known, &help);
                    self.report(&member, format!("the {key} `{text}` is not understood"), help);
                }
                None => self.report(&member, format!("`{key}` is {}, not a string", member.node.kind()), help),
            },
        }
    }

    fn key_form(&mut self, at: &At<'a>) {
        let Some(key) = at.get("key") else { return };
        if !self.level(&key, &KEY) {
            return;
        }
        if key.node.entries().is_empty() {
            let help = "write how the secret becomes the key, or leave `key` out where it is the text itself";
            return self.report(&key, "the form of the key is empty", help);
        }
        if key.node.get("prefix").is_some() {
            let help = "write the text that is taken off the secret, such as `whsec_`";
            self.required_text(&key, "prefix", help);
        }
        if key.node.get("encoding").is_some() || key.node.get("prefix").is_some() {
            self.choice(&key, "encoding", KEY_ENCODINGS);
        }
        if key.node.get("hash").is_some() {
            self.choice(&key, "hash", KEY_HASHES);
        }
    }

    /// The pieces of a template; what is wrong with it is reported.
    fn template_parts(&mut self, at: &At<'a>, allowed: &[&str]) -> Vec<Part> {
        let Some(text) = at.node.as_str() else {
            self.report(at, format!("here is {}, not a template", at.node.kind()), "write a text such as '{body}'");
            return Vec::new();
        };
        let listed: Vec<String> = allowed.iter().map(|name| format!("{{{name}}}")).collect();
        let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
        let general = format!("write {}", one_of(&listed));
        match parse(text) {
            Ok(parts) if parts.is_empty() => self.report(at, "the template is empty", general),
            Ok(parts) => return parts,
            Err(Fault::Braces) => {
                self.report(
                    at,
                    "the braces do not match",
                    "write each placeholder as `{name}`, without braces in texts",
                );
            }
            Err(Fault::Unknown(name)) => {
                let name = format!("{{{name}}}");
                let help = suggestion(&name, &listed, &general);
                self.report(at, format!("there is no placeholder `{name}`"), help);
            }
        }
        Vec::new()
    }

    fn header_form(&mut self, scheme: &mut Scheme<'a>) {
        let separator = self.separator(&scheme.at);
        let Some(at) = scheme.at.get("form") else {
            scheme.form = vec![Part::Signature];
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
                    let help = "write `{signature}` and, where it is part of the header, `{time}`";
                    self.report(&at, format!("`{other}` is not part of the header's form"), help);
                }
            }
        }
        let count = |part: &Part| parts.iter().filter(|other| *other == part).count();
        if count(&Part::Signature) != 1 {
            let message = format!("`{{signature}}` is in the form {} times", count(&Part::Signature));
            self.report(&at, message, "write it once, where the header has the signature");
        }
        if count(&Part::Time) > 1 {
            self.report(&at, "`{time}` is in the form more than once", "write it once");
        }
        let is_text = |part: &Part| matches!(part, Part::Text(_));
        if parts.windows(2).any(|pair| !pair.iter().any(is_text)) {
            let help = "write the text that is between them in the header";
            self.report(&at, "two placeholders have no text between them", help);
        }
        if let (Some(separator), Some(form)) = (separator, at.node.as_str()) {
            let items: Vec<&str> = form.split(separator).collect();
            let is_alone = items.len() == 1;
            let is_understood = |item: &str| {
                item.matches('{').count() == 1 && item.trim() == item && (is_alone || !item.starts_with('{'))
            };
            for item in items.into_iter().filter(|item| !is_understood(item)) {
                let help =
                    format!("write items such as `t={{time}}{separator}v1={{signature}}`, without spaces around them");
                self.report(&at, format!("the item `{item}` of the form is not a text with one placeholder"), help);
            }
        }
        scheme.form = parts;
    }

    fn separator(&mut self, at: &At<'a>) -> Option<&'a str> {
        let member = at.get("separator")?;
        let help = "write what is between the items of the header's value, such as ','";
        match member.node.as_str() {
            None => self.report(&member, format!("`separator` is {}, not a string", member.node.kind()), help),
            Some("") => self.report(&member, "the separator is empty", help),
            // What signatures and times consist of.
            Some(text) if text.contains(|c: char| c.is_ascii_alphanumeric() || "+/=-_:{}".contains(c)) => {
                self.report(&member, format!("`{text}` can be part of an item"), help);
            }
            Some(text) => return Some(text),
        }
        None
    }

    fn signing_time(&mut self, scheme: &Scheme<'a>) {
        let in_form = scheme.form.contains(&Part::Time);
        let Some(time) = scheme.at.get("time") else {
            if let (true, Some(form)) = (in_form, scheme.at.get("form")) {
                let help = "write `time: {format: seconds}`, with a window only where the time is signed";
                self.report(&form, "nothing says what `{time}` is", help);
            }
            return;
        };
        if !self.level(&time, &TIME) {
            return;
        }
        self.choice(&time, "format", TIME_FORMATS);
        self.count(&time, "window", "seconds", "write how far the time may be from the clock, such as `300`");
        let places = [time.get("header").is_some(), time.get("member").is_some(), in_form];
        match places.iter().filter(|place| **place).count() {
            0 => self.report(
                &time,
                "nothing says where the time is",
                "write `header`, `member`, or `{time}` in the form",
            ),
            1 => {}
            _ => {
                let help = "keep one of `header`, `member` and `{time}` in the form";
                self.report(&time, "the time is in more than one place", help);
            }
        }
        if time.node.get("header").is_some() {
            self.header_names(&time, scheme, "write the header that carries the time");
        }
        if let Some(member) = time.get("member") {
            match member.node.as_str() {
                Some(pointer) => self.member_of_body(&member, pointer, scheme),
                None => self.report(&member, "this is not a JSON pointer", "write `/created`, or leave it out"),
            }
        }
    }

    /// Whether a pointer leads to a text or a number in every payload.
    fn member_of_body(&mut self, at: &At<'a>, pointer: &str, scheme: &Scheme<'a>) {
        for (_, post) in &scheme.events {
            let schema = payload_schema(post);
            let Some(Member::Described(member)) = self.pointer(at, pointer, schema.as_ref(), PAYLOAD) else { continue };
            let kind = self.resolve(&member);
            let kind = kind.as_ref().and_then(|member| member.str("type"));
            if schema.is_some_and(|schema| self.leads_into_array(&schema, pointer)) {
                self.report(at, format!("`{pointer}` leads into an array"), "name a member outside of arrays");
            } else if kind.is_some_and(|kind| !matches!(kind, "string" | "integer" | "number")) {
                self.report(at, format!("`{pointer}` is not a text or a number"), "name a member that is one");
            }
        }
    }

    /// The signed templates.
    fn signed_templates(&mut self, scheme: &Scheme<'a>) -> Vec<(At<'a>, Vec<Part>)> {
        let Some(signed) = scheme.at.get("signed") else {
            return vec![(scheme.at.clone(), vec![Part::Body])];
        };
        let mut names: Vec<&str> = PLACEHOLDERS.iter().map(|(name, _)| *name).collect();
        names.extend(["body/POINTER", "header.NAME"]);
        names.retain(|name| *name != "signature");
        let alternatives = match signed.get("any") {
            None if signed.node.kind() == "a mapping" => {
                self.report(&signed, "this is not understood as what is signed", "write a template, or `{any: [...]}`");
                Vec::new()
            }
            None => vec![signed.clone()],
            Some(any) => {
                self.level(&signed, &ANY);
                if any.node.items().len() < 2 {
                    let help = "write the templates as a list, or one of them instead of the mapping";
                    self.report(&any, "these are not alternatives", help);
                }
                any.items()
            }
        };
        let is_alternative = alternatives.len() > 1;
        let mut found = Vec::new();
        for at in alternatives {
            let parts = self.template_parts(&at, &names);
            if !parts.is_empty() {
                self.signed_parts(&at, &parts, scheme, is_alternative);
                found.push((at, parts));
            }
        }
        found
    }

    fn signed_parts(&mut self, at: &At<'a>, parts: &[Part], scheme: &Scheme<'a>, is_alternative: bool) {
        let has = |key| scheme.at.node.get(key).is_some();
        for part in parts {
            match part {
                Part::Signature => self.report(at, "the signature cannot be signed", "leave `{signature}` out"),
                Part::Digest if !has("digest") => {
                    let help = "write `digest: {algorithm: sha256, encoding: base64}`";
                    self.report(at, "nothing says what `{digest}` is", help);
                }
                Part::Time if !has("time") => {
                    self.report(at, "nothing says what `{time}` is", "write `time: {header: NAME, format: seconds}`");
                }
                Part::Id if !has("id") => {
                    self.report(at, "nothing says what `{id}` is", "write `id: {header: NAME}`");
                }
                Part::Header(name) if !is_token(name) => {
                    self.report(at, format!("`{name}` is not a header name"), "use letters, digits and `-`");
                }
                Part::Header(name) => self.is_described(at, name, scheme),
                Part::Member(pointer) => self.member_of_body(at, pointer, scheme),
                Part::BodyWithoutSpaces if !is_alternative => {
                    let help = "write `{any: ['{body}', '{body.without-spaces}']}` in a scheme of its own";
                    self.report(at, "a body whose spaces are not signed can only be an alternative", help);
                }
                _ => {}
            }
        }
        for pair in parts.windows(2) {
            if let [one, other] = pair
                && one.is_free()
                && other.is_free()
            {
                let message = format!("`{one}` and `{other}` have no text between them, so one text has two meanings");
                self.report(at, message, "write the text that separates them, or leave one out");
                return;
            }
        }
        // A receiver refuses an id or a header that has the text which follows it. Members are a part of the body.
        let is_checked = |index: usize, part: &Part| match part {
            Part::Id | Part::Header(_) => matches!(parts.get(index + 1), Some(Part::Text(_))),
            part => matches!(part, Part::Member(_)),
        };
        let free = parts.iter().enumerate().filter(|(index, part)| part.is_free() && !is_checked(*index, part));
        let free: Vec<&Part> = free.map(|(_, part)| part).collect();
        if let [one, .., other] = free[..] {
            let message =
                format!("where `{one}` ends and `{other}` begins cannot be told, so one text has two meanings");
            self.report(at, message, "write `{id}` and `{header.NAME}` in front, each with a text after it");
        }
    }

    /// Whether what is signed is what a receiver relies on.
    fn coverage(&mut self, scheme: &Scheme<'a>, signed: &[(At<'a>, Vec<Part>)]) {
        let unsigned = scheme.at.get("unsigned");
        if let Some(unsigned) = &unsigned
            && unsigned.node.texts() != ["body"]
        {
            self.report(unsigned, "this is not understood as what is not signed", "write `unsigned: [body]`");
        }
        let lacking = signed.iter().find(|(_, parts)| !parts.iter().any(Part::covers_body));
        match (lacking, unsigned) {
            (Some((at, _)), None) => {
                let help =
                    "write `{body}` or `{digest}` into it, or `unsigned: [body]` where the provider signs no body";
                self.report(at, "neither the body nor its digest is signed", help);
            }
            (None, Some(unsigned)) if !signed.is_empty() => {
                self.report(&unsigned, "the body is signed", "leave `unsigned` out");
            }
            (_, _) => {}
        }
        let digest = scheme.at.get("digest");
        if let Some(digest) = digest
            && !signed.iter().all(|(_, parts)| parts.contains(&Part::Digest))
        {
            let help = "write `{digest}` into `signed`, or leave `digest` out";
            self.report(&digest, "the digest is not signed, so it proves nothing", help);
        }
        let Some(time) = scheme.at.get("time") else { return };
        let in_body = time.str("member");
        let is_signed = |parts: &[Part]| {
            let holds = |part: &Part| match (part, in_body) {
                (Part::Time, _) | (Part::Body | Part::Digest, Some(_)) => true,
                (Part::Member(pointer), Some(member)) => pointer == member,
                (_, _) => false,
            };
            parts.iter().any(holds)
        };
        if let Some(window) = time.get("window")
            && !signed.iter().all(|(_, parts)| is_signed(parts))
        {
            let help = "write `{time}` into `signed` where the provider signs it, or leave `window` out";
            self.report(&window, "the time is not signed, so a window protects against nothing", help);
        }
    }
}
