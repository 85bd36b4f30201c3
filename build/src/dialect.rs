//! The dialect: the keywords of OpenAPI 3.0 that are supported, and the extensions. The lint refuses every other key, and
//! [`json_schema`] is for editors, which complete and check while one types.

use std::collections::{BTreeMap, BTreeSet};
use std::ptr;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::handshake;
use super::registration::SECRETS;
use super::signature::{ALGORITHMS, DIGESTS, ENCODINGS, KEY_ENCODINGS, KEY_HASHES, TIME_FORMATS};

/// The keys of one kind of mapping.
pub struct Level {
    /// Where the mapping is, in findings.
    pub name: &'static str,
    pub keys: &'static [Key],
}

/// A key and the form of its value.
pub struct Key {
    pub name: &'static str,
    shape: Shape,
    /// What the value means.
    meaning: &'static str,
}

enum Shape {
    Any,
    Text,
    Boolean,
    Number,
    Count,
    /// A single value.
    Scalar,
    Choice(&'static [&'static str]),
    /// A required text, in upper or lower case, by which the level differs from others.
    Constant(&'static str),
    Level(&'static Level),
    List(&'static Shape),
    Mapping(&'static Shape),
    /// One of several forms.
    Either(&'static [Shape]),
}

impl Level {
    /// The names of the keys.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.keys.iter().map(|key| key.name)
    }

    /// The names of the extensions, without `x-`.
    pub fn extensions(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.keys.iter().filter_map(|key| key.name.strip_prefix("x-"))
    }

    /// Whether the level has the key.
    pub fn has(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key.name == name)
    }
}

const fn key(name: &'static str, shape: Shape, meaning: &'static str) -> Key {
    Key { name, shape, meaning }
}

/// The key of a receiver's response that names the example which only confirms the receipt of an event.
pub const ACKNOWLEDGEMENT: &str = "x-acknowledgement";

const TEXTS: Shape = Shape::List(&Shape::Text);
const TEXT_OR_TEXTS: Shape = Shape::Either(&[Shape::Text, TEXTS]);
const PARAMETERS: Shape = Shape::List(&Shape::Either(&[Shape::Level(&PARAMETER), Shape::Level(&REFERENCED)]));
const RESPONSES: Shape = Shape::Mapping(&Shape::Either(&[Shape::Level(&RESPONSE), Shape::Level(&REFERENCED)]));
const SERVERS: Shape = Shape::List(&Shape::Level(&SERVER));
const REQUIREMENTS: Shape = Shape::List(&Shape::Mapping(&TEXTS));
const SIGNATURES: Shape = Shape::Either(&[
    Shape::Level(&SIGNATURE),
    Shape::List(&Shape::Level(&SIGNATURE)),
    Shape::Level(&NO_SIGNATURE),
    Shape::Level(&CUSTOM_SIGNATURE),
]);
const TOKENS: Shape = Shape::Either(&[Shape::Level(&TOKEN), Shape::List(&Shape::Level(&TOKEN))]);
const SUMMARY: Key = key("summary", Shape::Text, "One line, the first of the documentation.");
const DESCRIPTION: Key = key("description", Shape::Text, "Markdown, which becomes documentation.");
const REFERENCE: Key = key("$ref", Shape::Text, "The component that stands here, such as `#/components/schemas/NAME`.");

pub static ROOT: Level = Level {
    name: "at the root",
    keys: &[
        key("openapi", Shape::Text, "The version of OpenAPI: `3.0.3`, or `3.1.0` if the document is written so."),
        key("info", Shape::Level(&INFO), "What the document describes."),
        key("x-omitted", Shape::List(&Shape::Level(&OMISSION)), "What the document leaves out of its sources."),
        key(
            "x-differences",
            Shape::List(&Shape::Level(&DIFFERENCE)),
            "Where the document differs from its sources, or where they contradict each other.",
        ),
        key("servers", SERVERS, "The addresses of the provider's API."),
        key("x-event-name", Shape::Level(&EVENT_NAME), "Where a delivery names its event."),
        key("x-signature", SIGNATURES, "How deliveries are signed."),
        key("x-registration", Shape::Level(&REGISTRATION), "The operations that manage registrations."),
        key("x-handshake", Shape::Level(&HANDSHAKE), "What the provider asks of a receiver before it registers a URL."),
        key("x-redelivery", Shape::Level(&REDELIVERY), "When an event is delivered again."),
        key("security", REQUIREMENTS, "The credential of a client: `[{NAME: []}]`, with a name of a security scheme."),
        key("paths", Shape::Mapping(&Shape::Level(&PATH_ITEM)), "The operations, by path."),
        key("x-webhooks", Shape::Mapping(&Shape::Level(&EVENT)), "The events that the provider delivers, by name."),
        key("components", Shape::Level(&COMPONENTS), "What several parts of the document refer to."),
    ],
};

pub static INFO: Level = Level {
    name: "in info",
    keys: &[
        key("title", Shape::Text, "The name of the provider's API."),
        key("version", Shape::Text, "The version of the document, in quotes."),
        key("description", Shape::Text, "What the provider delivers, in Markdown."),
        key("x-sources", Shape::List(&Shape::Level(&SOURCE)), "The documents that this one was written from."),
    ],
};
pub static SOURCE: Level = Level {
    name: "in a source",
    keys: &[
        key("key", Shape::Text, "A short name by which lists and comments refer to the source."),
        key("title", Shape::Text, "The title of the source."),
        key("url", Shape::Text, "Where the source is published."),
        key("date", Shape::Text, "The source's own date, such as `2023-07-19`."),
        key("read", Shape::Text, "The day on which a source without a date was read, such as `2026-11-21`."),
        key("note", Shape::Text, "What was taken from the source."),
    ],
};
pub static OMISSION: Level = Level {
    name: "in an entry of x-omitted",
    keys: &[
        key("what", Shape::Text, "What the document leaves out."),
        key("sources", TEXTS, "The keys of the sources that have it."),
        key("why", Shape::Text, "Why the document leaves it out."),
        key("while", Shape::Mapping(&Shape::Any), "The entry applies while these JSON pointers have these values."),
    ],
};
pub static DIFFERENCE: Level = Level {
    name: "in an entry of x-differences",
    keys: &[
        key("at", TEXT_OR_TEXTS, "The operation, the event or the schema, or a JSON pointer into the document."),
        key("sources", TEXTS, "The keys of the sources."),
        key("documents", Shape::Text, "What the sources say."),
        key("specification", Shape::Text, "What the document does about it."),
        key("while", Shape::Mapping(&Shape::Any), "The entry applies while these JSON pointers have these values."),
    ],
};
pub static SERVER: Level = Level {
    name: "in a server",
    keys: &[
        key("url", Shape::Text, "The address without a slash at its end."),
        key("description", Shape::Text, "What the server is for."),
        key("x-name", Shape::Text, "The name of the server, such as `test`; the first one is `production` by default."),
        key("variables", Shape::Mapping(&Shape::Level(&VARIABLE)), "The variables in braces in the address."),
    ],
};
pub static VARIABLE: Level = Level {
    name: "in a server variable",
    keys: &[
        key("default", Shape::Text, "The value that the provider's documentation gives."),
        key("description", Shape::Text, "What the variable means."),
        key("enum", TEXTS, "The allowed values."),
    ],
};
pub static COMPONENTS: Level = Level {
    name: "in components",
    keys: &[
        key("schemas", Shape::Mapping(&Shape::Level(&SCHEMA)), "The types, by name."),
        key("parameters", Shape::Mapping(&Shape::Level(&PARAMETER)), "Parameters that several operations have."),
        key("responses", Shape::Mapping(&Shape::Level(&RESPONSE)), "Responses that several operations have."),
        key(
            "securitySchemes",
            Shape::Mapping(&Shape::Either(&[
                Shape::Level(&BEARER_SCHEME),
                Shape::Level(&BASIC_SCHEME),
                Shape::Level(&KEY_SCHEME),
            ])),
            "How requests and deliveries are authenticated, by the name that `security` has.",
        ),
    ],
};
pub static BEARER_SCHEME: Level = Level {
    name: "in a security scheme with a token",
    keys: &[
        key("type", Shape::Constant("http"), "The kind of scheme."),
        key("scheme", Shape::Constant("bearer"), "A token in `Authorization`."),
        key("bearerFormat", Shape::Text, "The form of the token, such as `JWT`."),
        key("description", Shape::Text, "What the token is, and where it comes from."),
        key("x-token", TOKENS, "How a client requests an access token."),
    ],
};
pub static BASIC_SCHEME: Level = Level {
    name: "in a security scheme with user and password",
    keys: &[
        key("type", Shape::Constant("http"), "The kind of scheme."),
        key("scheme", Shape::Constant("basic"), "A user and a password in `Authorization`."),
        key("description", Shape::Text, "What the user and the password are."),
    ],
};
pub static KEY_SCHEME: Level = Level {
    name: "in a security scheme with an API key",
    keys: &[
        key("type", Shape::Constant("apiKey"), "The kind of scheme."),
        key("in", Shape::Constant("header"), "Where the key is sent."),
        key("name", Shape::Text, "The name of the header."),
        key("description", Shape::Text, "What the key is, and where it comes from."),
        key("x-token", TOKENS, "How a client requests an access token."),
    ],
};

pub static PATH_ITEM: Level = Level {
    name: "in a path",
    keys: &[
        key("servers", SERVERS, "Where the operations are called, if not at the servers of the root."),
        key("parameters", PARAMETERS, "The parameters that all operations of the path have."),
        key("get", Shape::Level(&OPERATION), "An operation."),
        key("put", Shape::Level(&OPERATION), "An operation."),
        key("post", Shape::Level(&OPERATION), "An operation."),
        key("delete", Shape::Level(&OPERATION), "An operation."),
        key("patch", Shape::Level(&OPERATION), "An operation."),
    ],
};
pub static OPERATION: Level = Level {
    name: "in an operation",
    keys: &[
        key("operationId", Shape::Text, "The name of the method in snake_case, such as `list_webhooks`."),
        SUMMARY,
        DESCRIPTION,
        key("servers", SERVERS, "Where the operation is called, if not at the servers of the root."),
        key("security", REQUIREMENTS, "`[]` if the operation does not require the credential of the root."),
        key("parameters", PARAMETERS, "The parameters in path, query and headers."),
        key("requestBody", Shape::Level(&REQUEST_BODY), "The body of the request."),
        key("responses", RESPONSES, "One success, and the errors that the provider documents, by status."),
    ],
};
pub static PARAMETER: Level = Level {
    name: "in a parameter",
    keys: &[
        key("name", Shape::Text, "The name as it is sent."),
        key("in", Shape::Choice(&["path", "query", "header"]), "Where the value is sent."),
        key("required", Shape::Boolean, "Whether every request has the parameter."),
        key("description", Shape::Text, "What the value means."),
        key("schema", Shape::Level(&SCHEMA), "A single value."),
        key("x-client-header", Shape::Boolean, "Whether the value is the same for every request of a client."),
    ],
};
pub static RESPONSE: Level = Level {
    name: "in a response",
    keys: &[
        key("description", Shape::Text, "When the response is sent."),
        key("content", Shape::Mapping(&Shape::Level(&MEDIA_TYPE)), "The body, under its media type."),
        key(
            ACKNOWLEDGEMENT,
            Shape::Text,
            "In the success response to an event: the example that only confirms the receipt.",
        ),
    ],
};
pub static REQUEST_BODY: Level = Level {
    name: "in a request body",
    keys: &[
        key("required", Shape::Boolean, "`true`."),
        DESCRIPTION,
        key("content", Shape::Mapping(&Shape::Level(&MEDIA_TYPE)), "The body, under its media type."),
    ],
};
pub static MEDIA_TYPE: Level = Level {
    name: "in a media type",
    keys: &[
        key("schema", Shape::Level(&SCHEMA), "The type of the body."),
        key("examples", Shape::Mapping(&Shape::Level(&EXAMPLE)), "Examples by name, in snake_case."),
    ],
};
pub static EXAMPLE: Level = Level {
    name: "in an example",
    keys: &[
        SUMMARY,
        DESCRIPTION,
        key("x-origin", Shape::Level(&ORIGIN), "Where the example is from."),
        key("value", Shape::Any, "The JSON as YAML."),
    ],
};
pub static ORIGIN: Level = Level {
    name: "in x-origin",
    keys: &[
        key("kind", Shape::Choice(&["documented", "observed", "constructed"]), "How the example came about."),
        key("source", Shape::Text, "The page or URL, or from what the example was constructed."),
    ],
};
pub static EVENT: Level =
    Level { name: "in an event", keys: &[key("post", Shape::Level(&DELIVERY), "The delivery of the event.")] };
pub static DELIVERY: Level = Level {
    name: "in a delivery",
    keys: &[
        SUMMARY,
        DESCRIPTION,
        key(
            "x-event-when",
            Shape::Mapping(&Shape::Any),
            "By JSON pointer: the value of a member by which the event is recognised, or `{present: true}`.",
        ),
        key("x-idempotency-key", TEXTS, "The JSON pointers whose values identify an event across redeliveries."),
        key("x-follow-up", TEXTS, "The operations with which the program reports what became of the event."),
        key("x-registered-by", Shape::Level(&REGISTERED_BY), "The operation that registers a URL for this event."),
        key("x-signature", SIGNATURES, "How deliveries of this event are signed, if not as the others are."),
        key("security", REQUIREMENTS, "The keys or tokens that deliveries carry instead of a signature."),
        key("parameters", PARAMETERS, "The headers of a delivery."),
        key("requestBody", Shape::Level(&REQUEST_BODY), "The payload."),
        key("responses", RESPONSES, "What a receiver answers: one success, and other documented answers."),
    ],
};
pub static SCHEMA: Level = Level {
    name: "in a schema",
    keys: &[
        key("type", Shape::Choice(&["object", "array", "string", "integer", "number", "boolean"]), "The type."),
        key("properties", Shape::Mapping(&Shape::Level(&SCHEMA)), "The members of an object."),
        key("required", TEXTS, "The members that are always there."),
        key("items", Shape::Level(&SCHEMA), "The items of an array."),
        key(
            "additionalProperties",
            Shape::Either(&[Shape::Boolean, Shape::Level(&SCHEMA)]),
            "The values of an object without described members.",
        ),
        key("enum", Shape::List(&Shape::Any), "The known values of a string."),
        key("x-enumDescriptions", Shape::Mapping(&Shape::Text), "What the values of the enum mean."),
        key("format", Shape::Text, "The format of a string or an integer, such as `date-time` or `int32`."),
        key("nullable", Shape::Boolean, "Whether null is allowed as well."),
        DESCRIPTION,
        key("minLength", Shape::Count, "The minimum number of characters."),
        key("maxLength", Shape::Count, "The maximum number of characters."),
        key("pattern", Shape::Text, "A regular expression as JavaScript has them, in single quotes."),
        key("minimum", Shape::Number, "The least value."),
        key("maximum", Shape::Number, "The greatest value."),
        key("exclusiveMinimum", Shape::Either(&[Shape::Boolean, Shape::Number]), "Whether `minimum` is excluded."),
        key("exclusiveMaximum", Shape::Either(&[Shape::Boolean, Shape::Number]), "Whether `maximum` is excluded."),
        key("multipleOf", Shape::Number, "The number of which the value is a multiple."),
        key("minItems", Shape::Count, "The minimum number of items."),
        key("maxItems", Shape::Count, "The maximum number of items."),
        key("uniqueItems", Shape::Boolean, "Whether no item occurs twice."),
        key("minProperties", Shape::Count, "The minimum number of members."),
        key("maxProperties", Shape::Count, "The maximum number of members."),
        key("default", Shape::Any, "The value that the provider uses for a missing member."),
        key("deprecated", Shape::Boolean, "Whether the provider advises against the member."),
        REFERENCE,
        key("allOf", Shape::List(&Shape::Level(&REFERENCED)), "One `$ref`, to describe it here."),
        key("anyOf", Shape::List(&Shape::Level(&ANY_OF_ITEM)), "Several formats of a string."),
    ],
};
/// The keywords beside `allOf`.
pub static ALL_OF: Level = Level {
    name: "beside `allOf`",
    keys: &[
        key("allOf", Shape::List(&Shape::Level(&REFERENCED)), "One `$ref`."),
        key("nullable", Shape::Boolean, "Whether null is allowed as well."),
        DESCRIPTION,
        key("default", Shape::Any, "The value that the provider uses for a missing member."),
        key("deprecated", Shape::Boolean, "Whether the provider advises against the member."),
    ],
};
static REFERENCED: Level = Level { name: "in a reference", keys: &[REFERENCE] };
pub static ANY_OF_ITEM: Level =
    Level { name: "in `anyOf`", keys: &[key("format", Shape::Text, "One of the formats.")] };

static EVENT_NAME: Level = Level {
    name: "in x-event-name",
    keys: &[
        key(
            "in",
            Shape::Choice(&["body", "route"]),
            "In the payload, or known to the program that registered the URL.",
        ),
        key("pointers", TEXTS, "With `in: body`: the JSON pointers to the name in a payload."),
        key("header", Shape::Text, "The header that has the name."),
        key("path", Shape::Choice(&["last-segment"]), "The name is the last segment of the path."),
    ],
};
pub static SIGNATURE: Level = Level {
    name: "in x-signature",
    keys: &[
        key("name", Shape::Text, "The name of one of several signatures."),
        key("description", Shape::Text, "What is known of the signature, in Markdown."),
        key("optional", Shape::Text, "Why a receiver may not have a secret."),
        key("credential", Shape::Text, "The credential of `x-token` that is the secret."),
        key("header", TEXT_OR_TEXTS, "The header that carries the signature."),
        key("form", Shape::Text, "The value of the header, such as `t={time},v1={signature}`."),
        key("separator", Shape::Text, "The text between the items of the header's value."),
        key("repeated", Shape::Boolean, "Whether the header may have several signatures."),
        key("algorithm", Shape::Choice(ALGORITHMS), "How the signature is made."),
        key("encoding", Shape::Choice(ENCODINGS), "How the signature is written."),
        key("key", Shape::Level(&SIGNATURE_KEY), "How the key follows from the secret."),
        key(
            "signed",
            Shape::Either(&[Shape::Text, Shape::Level(&ANY_SIGNED)]),
            "The signed text, such as `{time}.{body}`; the body by default.",
        ),
        key("digest", Shape::Level(&SIGNATURE_DIGEST), "The digest of the body that is signed."),
        key("time", Shape::Level(&SIGNATURE_TIME), "When the delivery was signed."),
        key("id", Shape::Level(&SIGNATURE_ID), "The id of the delivery."),
        key("unsigned", Shape::List(&Shape::Choice(&["body"])), "What a receiver uses although nothing signs it."),
    ],
};
pub static ANY_SIGNED: Level =
    Level { name: "in signed of x-signature", keys: &[key("any", TEXTS, "Alternatives, of which one is signed.")] };
pub static NO_SIGNATURE: Level = Level {
    name: "beside `none` of x-signature",
    keys: &[key("none", Shape::Text, "Why deliveries do not prove their origin.")],
};
pub static CUSTOM_SIGNATURE: Level = Level {
    name: "beside `custom` of x-signature",
    keys: &[key("custom", Shape::Text, "What a receiver has to verify itself.")],
};
pub static SIGNATURE_KEY: Level = Level {
    name: "in key of x-signature",
    keys: &[
        key("encoding", Shape::Choice(KEY_ENCODINGS), "How the secret is written."),
        key("prefix", Shape::Text, "What is removed from the secret, such as `whsec_`."),
        key("hash", Shape::Choice(KEY_HASHES), "How the secret is hashed."),
    ],
};
pub static SIGNATURE_DIGEST: Level = Level {
    name: "in digest of x-signature",
    keys: &[
        key("algorithm", Shape::Choice(DIGESTS), "The hash of the body."),
        key("encoding", Shape::Choice(ENCODINGS), "How the digest is written."),
        key("header", Shape::Text, "The header that has the digest."),
    ],
};
pub static SIGNATURE_TIME: Level = Level {
    name: "in time of x-signature",
    keys: &[
        key("header", TEXT_OR_TEXTS, "The header that has the time."),
        key("member", Shape::Text, "The JSON pointer to the time in the payload."),
        key("format", Shape::Choice(TIME_FORMATS), "How the time is written."),
        key("window", Shape::Count, "How many seconds the time may be before or after the clock."),
    ],
};
pub static SIGNATURE_ID: Level = Level {
    name: "in id of x-signature",
    keys: &[key("header", TEXT_OR_TEXTS, "The header that has the id of the delivery.")],
};

pub static REGISTRATION: Level = Level {
    name: "in x-registration",
    keys: &[
        key("secret", Shape::Choice(SECRETS), "Who makes the secret of a registration."),
        key("create", Shape::Level(&CALL), "The operation that registers a URL."),
        key("list", Shape::Level(&CALL), "The operation that lists the registrations."),
        key("get", Shape::Level(&CALL), "The operation that returns one registration."),
        key("update", Shape::Level(&CALL), "The operation that changes a registration."),
        key("delete", Shape::Level(&CALL), "The operation that deletes a registration."),
        key("subscriptions", Shape::Level(&SUBSCRIPTIONS), "The operations that subscribe a registration to events."),
    ],
};
pub static SUBSCRIPTIONS: Level = Level {
    name: "in the subscriptions of x-registration",
    keys: &[
        key("events", Shape::Level(&CALL), "The operation that lists the events."),
        key("create", Shape::Level(&CALL), "The operation that subscribes to an event."),
        key("list", Shape::Level(&CALL), "The operation that lists the subscriptions."),
        key("get", Shape::Level(&CALL), "The operation that returns one subscription."),
        key("update", Shape::Level(&CALL), "The operation that changes a subscription."),
        key("delete", Shape::Level(&CALL), "The operation that deletes a subscription."),
        key("test", Shape::Level(&CALL), "The operation that asks for a delivery."),
    ],
};
pub static CALL: Level = Level {
    name: "in a call of x-registration",
    keys: &[
        key("operation", Shape::Text, "The `operationId`."),
        key("parameters", Shape::Mapping(&Shape::Text), "Role to the name of a path parameter."),
        key("request", Shape::Mapping(&Shape::Text), "Role to the JSON pointer in the request."),
        key("items", Shape::Text, "The JSON pointer to the list in the response; `''` is the response."),
        key("page", Shape::Text, "The query parameter with the number of the page."),
        key("answer", Shape::Mapping(&Shape::Text), "Role to the JSON pointer in the response."),
    ],
};
pub static REGISTERED_BY: Level = Level {
    name: "in x-registered-by",
    keys: &[
        key("operation", Shape::Text, "The `operationId`."),
        key("url", Shape::Text, "The JSON pointer to the URL in the request."),
        key("request", Shape::Mapping(&Shape::Scalar), "JSON pointers to the values that select this event."),
    ],
};

pub static HANDSHAKE: Level = Level {
    name: "in x-handshake",
    keys: &[
        key("description", Shape::Text, "What the provider asks, in Markdown."),
        key("method", Shape::Choice(handshake::METHODS), "The method of the request; POST by default."),
        key("when", Shape::Level(&HANDSHAKE_WHEN), "How a receiver recognises the request."),
        key("token", Shape::Level(&HANDSHAKE_TOKEN), "The token that the request has to carry."),
        key("mac", Shape::Level(&HANDSHAKE_MAC), "The HMAC in the answer."),
        key("answer", Shape::Level(&HANDSHAKE_ANSWER), "What a receiver answers."),
    ],
};
pub static HANDSHAKE_WHEN: Level = Level {
    name: "in when of x-handshake",
    keys: &[
        key("query", Shape::Text, "A parameter of the query."),
        key("member", Shape::Text, "The JSON pointer to a member of the body."),
        key("equals", Shape::Scalar, "The value, if one is required."),
    ],
};
pub static HANDSHAKE_TOKEN: Level =
    Level { name: "in token of x-handshake", keys: &[key("query", Shape::Text, "The parameter with the token.")] };
pub static HANDSHAKE_MAC: Level = Level {
    name: "in mac of x-handshake",
    keys: &[
        key("of", Shape::Text, "The text of the HMAC, such as `{query.crc_token}`."),
        key("encoding", Shape::Choice(ENCODINGS), "How the HMAC is written."),
    ],
};
pub static HANDSHAKE_ANSWER: Level = Level {
    name: "in answer of x-handshake",
    keys: &[
        key("status", Shape::Count, "The status of the answer; 200 by default."),
        key("text", Shape::Text, "The body as text, such as `{query.challenge}`."),
        key("json", Shape::Mapping(&Shape::Scalar), "The members of the body."),
    ],
};

pub static REDELIVERY: Level = Level {
    name: "in x-redelivery",
    keys: &[
        key("answer-within", Shape::Count, "How many seconds the provider waits for a response."),
        key("failures", Shape::List(&Shape::Any), "The failures after which an event is delivered again."),
        key("schedule", Shape::List(&Shape::Level(&REDELIVERY_STEP)), "The intervals between attempts."),
        key("give-up-after", Shape::Count, "The seconds from the first attempt to the last possible one."),
        key("holds-back", TEXTS, "JSON pointers to the members that group the events which wait for each other."),
        key("removed-after", Shape::Count, "The seconds without a response after which a registration is removed."),
        key("assumed", Shape::Boolean, "Whether the intervals are made up."),
        key("description", Shape::Text, "When an event is delivered again, in Markdown."),
    ],
};
pub static REDELIVERY_STEP: Level = Level {
    name: "in a step of x-redelivery",
    keys: &[
        key("attempts", Shape::Count, "How many attempts follow; without limit if it is left out."),
        key("every", Shape::Count, "The seconds before each of them."),
    ],
};

pub static TOKEN: Level = Level {
    name: "in x-token",
    keys: &[
        key("name", Shape::Text, "The name of one of several ways to request a token."),
        key("operation", Shape::Text, "The `operationId` of the operation that issues tokens."),
        key(
            "credentials",
            Shape::Mapping(&Shape::Level(&TOKEN_PLACE)),
            "The credentials of a client, and their places.",
        ),
        key("request", Shape::Mapping(&Shape::Scalar), "JSON pointers to the constant members of the request."),
        key("token", Shape::Text, "The JSON pointer to the token in the response."),
        key("refresh-token", Shape::Text, "The JSON pointer to the refresh token in the response."),
        key("expires", Shape::Level(&TOKEN_EXPIRES), "When the token expires."),
        key("refresh", Shape::Level(&TOKEN_REFRESH), "The operation that refreshes a token."),
    ],
};
pub static TOKEN_REFRESH: Level = Level {
    name: "in refresh of x-token",
    keys: &[
        key("operation", Shape::Text, "The `operationId`."),
        key(
            "credentials",
            Shape::Mapping(&Shape::Level(&TOKEN_PLACE)),
            "The credentials of a client, and their places.",
        ),
        key("request", Shape::Mapping(&Shape::Scalar), "JSON pointers to the constant members of the request."),
        key("refresh-token", Shape::Level(&TOKEN_PLACE), "The place of the refresh token."),
    ],
};
pub static TOKEN_EXPIRES: Level = Level {
    name: "in expires of x-token",
    keys: &[
        key("after", Shape::Text, "The JSON pointer to a number of seconds."),
        key("at", Shape::Text, "The JSON pointer to a point in time."),
        key("format", Shape::Choice(TIME_FORMATS), "How the point in time is written."),
    ],
};
pub static TOKEN_PLACE: Level = Level {
    name: "in a place of x-token",
    keys: &[
        key("header", Shape::Text, "The name of a header."),
        key("member", Shape::Text, "The JSON pointer to a member of the body."),
        key("basic", Shape::Choice(&["user", "password"]), "A part of the scheme Basic."),
    ],
};

/// Whether a key is an extension of the dialect, at any level.
pub fn is_extension(key: &str) -> bool {
    static ALL: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
        let mut definitions = Vec::new();
        of_level(&ROOT, &mut definitions);
        let keys = definitions.iter().flat_map(|(level, ..)| level.names());
        keys.filter(|name| name.starts_with("x-")).collect()
    });
    ALL.contains(key)
}

/// Returns a JSON Schema (draft-07) of the dialect. A document that the schema allows can still have findings.
pub fn json_schema() -> Value {
    let mut definitions = Vec::new();
    let root = of_level(&ROOT, &mut definitions);
    let definitions: BTreeMap<String, Value> =
        definitions.into_iter().map(|(_, name, schema)| (name, schema)).collect();
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "OpenAPI 3.0 with the extensions of pos-webhooks",
        "allOf": [root],
        "definitions": definitions,
    })
}

/// The levels with their names and schemas.
type Definitions = Vec<(&'static Level, String, Value)>;

/// The schema of a level: a reference to its definition, which is added.
fn of_level(level: &'static Level, definitions: &mut Definitions) -> Value {
    let reference = |name: &str| json!({ "$ref": format!("#/definitions/{name}") });
    if let Some((_, name, _)) = definitions.iter().find(|(known, ..)| ptr::eq(*known, level)) {
        return reference(name);
    }
    let words = level.name.split_once(' ').map_or(level.name, |(_, words)| words);
    let name = words.replace(' ', "-").replace('`', "");
    // A level may contain itself.
    let index = definitions.len();
    definitions.push((level, name.clone(), Value::Null));
    let properties: Map<String, Value> =
        level.keys.iter().map(|key| (key.name.to_owned(), of_key(key, definitions))).collect();
    let is_constant = |key: &&Key| matches!(key.shape, Shape::Constant(_));
    let required: Vec<&str> = level.keys.iter().filter(is_constant).map(|key| key.name).collect();
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if let Some((.., definition)) = definitions.get_mut(index) {
        *definition = schema;
    }
    reference(&name)
}

fn of_key(key: &'static Key, definitions: &mut Definitions) -> Value {
    let mut schema = of_shape(&key.shape, definitions);
    // Beside `$ref`, other keywords are ignored in draft-07.
    if schema.get("$ref").is_some() {
        schema = json!({ "allOf": [schema] });
    }
    schema["description"] = json!(key.meaning);
    schema
}

fn of_shape(shape: &'static Shape, definitions: &mut Definitions) -> Value {
    match shape {
        Shape::Any => json!({}),
        Shape::Text => json!({ "type": "string" }),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Number => json!({ "type": "number" }),
        Shape::Count => json!({ "type": "integer", "minimum": 0 }),
        Shape::Scalar => json!({ "type": ["string", "number", "boolean", "null"] }),
        Shape::Choice(values) => json!({ "enum": values }),
        Shape::Constant(text) => {
            let either = |c: char| format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase());
            json!({ "type": "string", "pattern": format!("^{}$", text.chars().map(either).collect::<String>()) })
        }
        Shape::Level(level) => of_level(level, definitions),
        Shape::List(items) => json!({ "type": "array", "items": of_shape(items, definitions) }),
        Shape::Mapping(values) => json!({ "type": "object", "additionalProperties": of_shape(values, definitions) }),
        Shape::Either(shapes) => {
            json!({ "anyOf": shapes.iter().map(|shape| of_shape(shape, definitions)).collect::<Vec<_>>() })
        }
    }
}
