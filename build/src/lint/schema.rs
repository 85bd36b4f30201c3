//! Lints schemas: only keywords that the bundle and typify both support are allowed, and only where both treat them the
//! same.

use std::collections::BTreeSet;

use super::super::dialect;
use super::super::names;
use super::linter::{At, Linter, Scope, one_of, suggestion};
use super::pattern;

pub(crate) const TYPES: &[&str] = &["object", "array", "string", "integer", "number", "boolean"];
const NUMERIC: &[&str] = &["integer", "number"];
pub(crate) const STRING_FORMATS: &[&str] =
    &["date", "date-time", "local-date-time", "http-date", "time-text", "uuid", "uri", "email", "password", "byte"];
/// The formats that are replaced by a pattern in the JSON Schemas.
pub(crate) const OWN_FORMATS: &[&str] = &["local-date-time", "http-date"];
pub(crate) const INTEGER_FORMATS: &[&str] = &["int32", "int64"];

/// The types that a keyword applies to. Keywords for all types are not listed.
pub(crate) const APPLIES: &[(&str, &[&str])] = &[
    ("properties", &["object"]),
    ("required", &["object"]),
    ("additionalProperties", &["object"]),
    ("minProperties", &["object"]),
    ("maxProperties", &["object"]),
    ("items", &["array"]),
    ("minItems", &["array"]),
    ("maxItems", &["array"]),
    ("uniqueItems", &["array"]),
    ("enum", &["string"]),
    ("x-enumDescriptions", &["string"]),
    ("minLength", &["string"]),
    ("maxLength", &["string"]),
    ("pattern", &["string"]),
    ("anyOf", &["string"]),
    ("format", &["string", "integer"]),
    ("minimum", NUMERIC),
    ("maximum", NUMERIC),
    ("exclusiveMinimum", NUMERIC),
    ("exclusiveMaximum", NUMERIC),
    ("multipleOf", NUMERIC),
];

/// More parentheses than any sensible pattern has. The limit exists because the parser of regular expressions recurses.
const MAX_GROUPS: usize = 50;

/// The maximum length of a pattern in bytes.
const MAX_PATTERN: usize = 1000;

/// The maximum of what a validator needs for a pattern. Validators have a limit of their own, which is not much greater.
const MAX_COST: u64 = 150_000;

/// The maximum number of schemas from one to another by `allOf` alone.
const MAX_CHAIN: usize = 32;

/// The place of a schema, which determines whether it needs a description.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum SchemaUse {
    /// Under `components.schemas`.
    Named,
    /// Under `properties`.
    Property,
    /// An item, a parameter or a body, which is described elsewhere.
    Part,
}

/// Why a pattern is not supported, and what to write instead.
pub(crate) enum PatternProblem {
    /// It is not a regular expression.
    Invalid(String),
    /// A validator could need much time or memory for it, or cannot read it.
    Unsupported(String, &'static str),
}

/// Why a pattern is not supported, if it is not.
pub(crate) fn pattern_problem(text: &str) -> Option<PatternProblem> {
    let simpler = "write a simpler one";
    if text.matches(['(', '[', '{']).count() > MAX_GROUPS {
        return Some(PatternProblem::Unsupported(
            format!("the pattern has more than {MAX_GROUPS} parentheses"),
            simpler,
        ));
    }
    if text.len() > MAX_PATTERN {
        return Some(PatternProblem::Unsupported(format!("the pattern is longer than {MAX_PATTERN} bytes"), simpler));
    }
    if let Err(error) = regress::Regex::with_flags(text, "u") {
        return Some(PatternProblem::Invalid(format!("the pattern is not a regular expression: {error}")));
    }
    if pattern::cost(text) > MAX_COST {
        let message = "the pattern repeats too much, so validators refuse it for its size".to_owned();
        return Some(PatternProblem::Unsupported(message, "write smaller numbers of repetitions, or `maxLength`"));
    }
    if let Some(part) = pattern::looks_elsewhere(text) {
        let message = format!("the pattern has `{part}`, for which validators take very long or differ");
        let help = "write what a text consists of, without look-around, word boundaries and references to groups";
        return Some(PatternProblem::Unsupported(message, help));
    }
    if !pattern::is_translatable(text) {
        let message = "the pattern has a part that strict validation cannot read".to_owned();
        let help = "write each character as itself or as `\\u0000`, and no empty class such as `[]` or `[^]`";
        return Some(PatternProblem::Unsupported(message, help));
    }
    None
}

impl<'a> Linter<'a> {
    /// The schema behind `$ref` and `allOf`; `None` if there is none, if the references are circular, or if they are too many.
    pub(super) fn resolve(&self, at: &At<'a>) -> Option<At<'a>> {
        let mut at = at.clone();
        let mut seen = BTreeSet::new();
        loop {
            let reference = match (at.str("$ref"), at.get("allOf")) {
                (Some(reference), _) => reference,
                (None, Some(all_of)) => all_of.items().first().and_then(|item| item.str("$ref"))?,
                (None, None) => return Some(at),
            };
            if !seen.insert(reference) || seen.len() > MAX_CHAIN {
                return None;
            }
            at = self.target(reference)?;
        }
    }

    pub(super) fn schema(&mut self, at: &At<'a>, usage: SchemaUse) {
        if !self.mapping(at) {
            return;
        }
        if at.node.get("$ref").is_some() {
            self.follow(at, "schemas");
            if usage == SchemaUse::Named {
                let help = "refer to the other schema directly, or write `allOf` with the `$ref` and a description";
                self.report(at, "the schema is only an alias of another schema", help);
            }
            return;
        }
        match usage {
            SchemaUse::Named | SchemaUse::Property => self.description(at, "say what the value means"),
            SchemaUse::Part => self.documentation(at, "description"),
        }
        if self.boolean(at, "nullable") == Some(true) && usage == SchemaUse::Named {
            let help =
                "leave it out, and write `allOf` with a `$ref` and `nullable: true` beside it where null is allowed";
            self.report(at, "`nullable` on a named schema would apply wherever the schema is used", help);
        }
        self.boolean(at, "deprecated");
        if at.node.get("allOf").is_some() {
            return self.all_of(at);
        }
        self.level(at, &dialect::SCHEMA);
        match (at.get("type"), at.str("type")) {
            (None, _) => self.untyped(at),
            (Some(_), Some(kind)) if TYPES.contains(&kind) => self.typed(at, kind),
            (Some(member), kind) => {
                let general = format!("write {} (for null there is `nullable: true`)", one_of(TYPES));
                let help = kind.map_or(general.clone(), |kind| suggestion(kind, TYPES, &general));
                self.report(&member, "the type is not supported", help);
            }
        }
        self.parts(at);
    }

    fn all_of(&mut self, at: &At<'a>) {
        self.level(at, &dialect::ALL_OF);
        let Some(all_of) = at.get("allOf") else { return };
        match all_of.items().as_slice() {
            [item] if item.node.get("$ref").is_some() => {
                if self.follow(item, "schemas").is_some() && self.resolve(at).is_none() {
                    let message =
                        format!("the schema refers to itself, or to a type through more than {MAX_CHAIN} others");
                    self.report(item, message, "write a type in one of the schemas");
                }
            }
            _ => {
                let help = "write exactly one `$ref`, or one schema with the members of all parts";
                self.report(&all_of, "`allOf` is only supported to describe one `$ref`", help);
            }
        }
        if let (Some(default), Some(resolved)) = (at.get("default"), self.resolve(at)) {
            self.default(&default, &resolved);
        }
    }

    fn untyped(&mut self, at: &At<'a>) {
        if let Some(nullable) = at.get("nullable") {
            let help = "write the `type` beside it (a schema without `type` allows null anyway)";
            self.report(&nullable, "`nullable` without `type` has no effect", help);
        }
        for (keyword, types) in APPLIES {
            if let Some(member) = at.get(keyword) {
                let help = format!("write `type: {}` beside it", types.join("` or `type: "));
                self.report(&member, format!("`{keyword}` without `type` is not supported"), help);
            }
        }
    }

    fn typed(&mut self, at: &At<'a>, kind: &str) {
        for (keyword, types) in APPLIES {
            if let (false, Some(member)) = (types.contains(&kind), at.get(keyword)) {
                let message = format!("`{keyword}` does not apply to a value of type {kind}");
                self.report(&member, message, format!("leave it out (it is for type {})", one_of(types)));
            }
        }
        match kind {
            "object" => {
                self.required(at);
                self.length(at, "minProperties", "maxProperties");
            }
            "array" => {
                if at.node.get("items").is_none() {
                    self.report(at, "the array has no `items`", "describe the items (`items: {}` allows anything)");
                }
                self.boolean(at, "uniqueItems");
                self.length(at, "minItems", "maxItems");
            }
            "string" => {
                self.length(at, "minLength", "maxLength");
                self.format(at, STRING_FORMATS);
                self.any_of(at);
                self.pattern(at);
                self.enumeration(at);
            }
            "integer" | "number" => {
                self.bounds(at);
                if kind == "integer" {
                    self.format(at, INTEGER_FORMATS);
                }
            }
            _ => {}
        }
        if let Some(default) = at.get("default") {
            self.default(&default, at);
        }
    }

    /// Checks the schemas inside a schema of any type.
    fn parts(&mut self, at: &At<'a>) {
        if let Some(properties) = at.get("properties")
            && self.mapping(&properties)
        {
            let help = "leave one of the two out: members that are not described are ignored";
            let mut scope = Scope::new("property", help);
            for (name, property) in properties.entries() {
                self.claim(&mut scope, &property, name, names::snake(name));
                self.schema(&property, SchemaUse::Property);
            }
        }
        if let Some(items) = at.get("items") {
            self.schema(&items, SchemaUse::Part);
        }
        if let Some(additional) = at.get("additionalProperties")
            && additional.node.as_bool().is_none()
        {
            self.schema(&additional, SchemaUse::Part);
            if !at.members("properties").is_empty() {
                let help = "leave it out, or leave `properties` out and describe the members in words";
                self.report(&additional, "a schema for additional members beside `properties` is not supported", help);
            }
        }
    }

    fn required(&mut self, at: &At<'a>) {
        let Some(required) = at.get("required") else { return };
        if required.node.items().is_empty() {
            return self.report(&required, "`required` is not a list of names", "write `[name, …]`, or leave it out");
        }
        let known: Vec<&str> = at.members("properties").iter().map(|(name, _)| *name).collect();
        let is_known: BTreeSet<&str> = known.iter().copied().collect();
        let mut seen = BTreeSet::new();
        for item in required.items() {
            match item.node.as_str() {
                None => self.report(&item, format!("expected a name, found {}", item.node.kind()), "put it in quotes"),
                Some(name) if !seen.insert(name) => {
                    self.report(&item, format!("`{name}` is required twice"), "leave one out")
                }
                Some(name) if !is_known.contains(name) => {
                    let help = suggestion(name, &known, "describe it under properties, or leave it out here");
                    self.report(&item, format!("there is no property `{name}`"), help);
                }
                Some(_) => {}
            }
        }
    }

    /// Checks a lower and an upper limit that are counts.
    fn length(&mut self, at: &At<'a>, low: &str, high: &str) {
        for key in [low, high] {
            if let Some(member) = at.get(key)
                && member.node.as_u64().is_none()
            {
                self.report(&member, format!("`{key}` is not a count"), "write a whole number that is not negative");
            }
        }
        let limit = |key: &str| at.get(key).and_then(|member| member.node.as_u64());
        if let (Some(least), Some(most), Some(member)) = (limit(low), limit(high), at.get(low))
            && least > most
        {
            self.report(&member, format!("`{low}` is greater than `{high}`"), "swap the two");
        }
    }

    fn bounds(&mut self, at: &At<'a>) {
        for key in ["minimum", "maximum", "multipleOf"] {
            if let Some(member) = at.get(key) {
                match member.node.as_f64() {
                    None => self.report(&member, format!("`{key}` is {}", member.node.kind()), "write a number"),
                    Some(step) if key == "multipleOf" && step <= 0.0 => {
                        self.report(&member, "`multipleOf` is not positive", "write a number greater than 0");
                    }
                    Some(_) => {}
                }
            }
        }
        for (key, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
            let Some(member) = at.get(key) else { continue };
            let help = format!("write `{bound}: NUMBER` and `{key}: true`, as OpenAPI 3.0 does");
            if member.node.as_bool().is_none() {
                self.report(&member, format!("`{key}` is {}, not a boolean", member.node.kind()), help);
            } else if at.node.get(bound).is_none() {
                self.report(&member, format!("`{key}` is used without `{bound}`"), help);
            }
        }
        let limit = |key: &str| at.get(key).and_then(|member| member.node.as_f64());
        let exclusive = |key: &str| at.get(key).and_then(|member| member.node.as_bool()) == Some(true);
        if let (Some(low), Some(high), Some(member)) = (limit("minimum"), limit("maximum"), at.get("minimum"))
            && (low > high || low == high && (exclusive("exclusiveMinimum") || exclusive("exclusiveMaximum")))
        {
            self.report(&member, "no number is between `minimum` and `maximum`", "swap or widen the limits");
        }
    }

    fn format(&mut self, at: &At<'a>, known: &[&str]) {
        let Some(member) = at.get("format") else { return };
        let name = member.node.as_str().unwrap_or_default();
        if !known.contains(&name) {
            let general =
                format!("write {}, or leave the format out and describe it in the description", one_of(known));
            self.report(&member, format!("the format `{name}` is not supported"), suggestion(name, known, &general));
        }
    }

    fn any_of(&mut self, at: &At<'a>) {
        let Some(any_of) = at.get("anyOf") else { return };
        if any_of.node.items().len() < 2 || at.node.get("format").is_some() {
            let help = "write `anyOf: [{format: date}, {format: date-time}]` without `format` beside it";
            self.report(&any_of, "`anyOf` is only supported to allow several formats", help);
        }
        let mut seen = BTreeSet::new();
        for item in any_of.items() {
            if !self.level(&item, &dialect::ANY_OF_ITEM) {
                continue;
            }
            match item.str("format") {
                None => self.report(&item, "the alternative has no `format`", "write `format: NAME`"),
                Some(format) if !seen.insert(format) => {
                    self.report(&item, format!("`{format}` is listed twice"), "leave one out")
                }
                Some(_) => self.format(&item, STRING_FORMATS),
            }
        }
    }

    fn pattern(&mut self, at: &At<'a>) {
        let Some(member) = at.get("pattern") else { return };
        if let Some(format) = at.str("format").filter(|format| OWN_FORMATS.contains(format)) {
            let message =
                format!("`pattern` is not supported beside the format `{format}`, which already has a pattern");
            self.report(&member, message, "leave one of the two out");
        }
        let help = "write a regular expression as JavaScript has them, in single quotes";
        match member.node.as_str() {
            None => self.report(&member, format!("the pattern is {}, not a string", member.node.kind()), help),
            Some(text) => match pattern_problem(text) {
                Some(PatternProblem::Invalid(message)) => self.report(&member, message, help),
                Some(PatternProblem::Unsupported(message, help)) => self.report(&member, message, help),
                None => {}
            },
        }
    }

    fn enumeration(&mut self, at: &At<'a>) {
        let descriptions = at.get("x-enumDescriptions");
        let Some(values) = at.get("enum") else {
            if let Some(descriptions) = descriptions {
                self.report(&descriptions, "there is no enum to describe", "leave it out, or write the `enum`");
            }
            return;
        };
        let is_null = |value: &At<'a>| value.node.kind() == "nothing";
        let (nulls, texts): (Vec<At<'a>>, Vec<At<'a>>) = values.items().into_iter().partition(is_null);
        if texts.is_empty() {
            return self.report(&values, "the enum has no values", "list them, or leave `enum` out");
        }
        let nullable = at.node.get("nullable").and_then(|node| node.as_bool()) == Some(true);
        match nulls.as_slice() {
            [] if nullable => {
                self.report(&values, "`nullable` has no effect on an enum without null", "add `null` to the enum");
            }
            [null] if !nullable => {
                let help = "put it in quotes if it is text, or write `nullable: true` beside the enum";
                self.report(null, "the enum has null, but the type does not allow it", help);
            }
            [_, second, ..] => self.report(second, "null is in the enum twice", "leave one out"),
            [] | [_] => {}
        }
        let help = "leave it out: the generated enum keeps unknown values";
        let mut scope = Scope::new("enum value", help).reserving("Unknown", "the variant for unknown values");
        let mut seen = BTreeSet::new();
        for value in texts {
            match value.node.as_str() {
                None => {
                    let message = format!("the enum value is {}, not a string", value.node.kind());
                    self.report(&value, message, "put it in quotes");
                }
                Some(text) if !seen.insert(text) => {
                    self.report(&value, format!("`{text}` is in the enum twice"), "leave one out")
                }
                Some(text) => self.claim(&mut scope, &value, text, names::pascal(text)),
            }
        }
        if let Some(descriptions) = descriptions
            && self.mapping(&descriptions)
        {
            let known: Vec<&str> = seen.iter().copied().collect();
            for (value, at) in descriptions.entries() {
                if !seen.contains(value) {
                    let help = suggestion(value, &known, "add it to the enum, or leave it out here");
                    self.report(&at, format!("`{value}` is not in the enum"), help);
                }
                self.documentation(&descriptions, value);
            }
        }
    }

    /// Checks that the schema allows its default.
    fn default(&mut self, at: &At<'a>, schema: &At<'a>) {
        let Some(kind) = schema.kind_of_values() else { return };
        if at.node.kind() != kind {
            let help = format!("write {kind}, in quotes if it is text");
            return self.report(at, format!("the default is {}, but the type requires {kind}", at.node.kind()), help);
        }
        let values = schema.get("enum").map(|values| values.items()).unwrap_or_default();
        let values: Vec<&str> = values.iter().filter_map(|value| value.node.as_str()).collect();
        if let Some(text) = at.node.as_str()
            && !values.is_empty()
            && !values.contains(&text)
        {
            let help = suggestion(text, &values, &format!("write {}", one_of(&values)));
            self.report(at, format!("the default `{text}` is not in the enum"), help);
        }
    }
}
