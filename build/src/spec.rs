//! Third step: reads the content of the linted document. Every `$ref` to a parameter or response is followed.

use serde::Serialize;

use super::draft_07::{GivenOut, of_parameter};
use super::fidelity::{self, Difference, Omission};
use super::handshake::{self, Handshake};
use super::load::{Document, Finding, Node, Severity};
use super::names::{self, Name};
use super::pointer;
use super::redelivery::{self, Redelivery};
use super::registration::{self, EventRegistration, RegistrationCalls};
use super::signature::{self, Verification};
use super::token::{self, TokenGrant, TokenPlace};

/// The methods of operations.
pub const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// The content of one provider's document. Its parts are written into the description in this form, except the parts
/// that only the build uses.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Spec {
    #[serde(skip)]
    pub file: String,
    pub title: String,
    pub version: String,
    pub description: String,
    pub sources: Vec<Source>,
    pub omitted: Vec<Omission>,
    pub differences: Vec<Difference>,
    pub servers: Vec<Server>,
    pub credential: Option<Credential>,
    pub operations: Vec<Operation>,
    pub event_name: Option<EventNamePlace>,
    /// JSON pointers to the members in which a payload may name its event.
    pub own_names: Vec<String>,
    /// How a delivery proves its origin, unless its event says otherwise; `None` if the provider does not deliver events.
    pub verification: Option<Verification>,
    /// `None` if no operation manages registrations.
    pub registration: Option<RegistrationCalls>,
    /// `None` if the provider asks nothing of a receiver before it registers a URL.
    pub handshake: Option<Handshake>,
    pub redelivery: Option<Redelivery>,
    pub events: Vec<Event>,
    /// The schemas under `components`, as they are written.
    #[serde(skip)]
    pub schemas: Vec<(Name, Node)>,
}

impl Spec {
    /// The bodies of all responses of operations.
    pub fn responses(&self) -> impl Iterator<Item = &Body> {
        self.operations.iter().flat_map(|operation| &operation.responses).filter_map(|response| response.body.as_ref())
    }

    /// The bodies of a receiver's responses.
    pub fn acknowledgements(&self) -> impl Iterator<Item = &Body> {
        self.events.iter().flat_map(|event| &event.responses).filter_map(|response| response.body.as_ref())
    }
}

/// A document that the specification was written from.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Source {
    pub key: Option<String>,
    pub title: String,
    pub url: Option<String>,
    pub date: Option<String>,
    pub read: Option<String>,
    pub note: String,
}

/// A base URL, which may contain `{variables}`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Server {
    pub name: Name,
    pub url: String,
    pub description: String,
    pub variables: Vec<Variable>,
}

/// A variable of a server's URL.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Variable {
    pub name: Name,
    pub default: String,
    pub description: String,
    /// The allowed values; empty if every value is allowed.
    pub values: Vec<String>,
}

/// A credential that authenticates requests.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Credential {
    pub place: CredentialPlace,
    pub description: String,
    /// Whether every operation requires the credential.
    pub required: bool,
    /// How it is requested. The first one is the default.
    pub grants: Vec<TokenGrant>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialPlace {
    Bearer,
    Header(Name),
}

/// Where a delivery names its event.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventNamePlace {
    Body,
    Header(String),
    LastPathSegment,
    Route,
}

/// An operation that a client can call.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Operation {
    pub id: Name,
    pub method: String,
    pub path: String,
    pub summary: String,
    pub description: String,
    /// Where it is called, if not at the servers of the document.
    pub servers: Vec<Server>,
    pub security: Security,
    pub path_parameters: Vec<Parameter>,
    pub query_parameters: Vec<Parameter>,
    pub headers: Vec<Parameter>,
    pub request: Option<Body>,
    pub responses: Vec<Response>,
}

/// What an operation is called with.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Security {
    /// The credential of the document.
    Credential,
    /// A user and a password, in `Authorization`.
    Basic,
    None,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Parameter {
    pub name: Name,
    pub description: String,
    pub required: bool,
    /// Whether the value is the same for every request of a client.
    pub constant: bool,
    /// The named schema, if there is one.
    #[serde(skip)]
    pub model: Option<Name>,
    /// The schema, with `$ref` and `allOf` followed.
    #[serde(flatten)]
    pub schema: GivenOut,
}

/// A JSON or form body of a request, a response or a delivery.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Body {
    pub media_type: String,
    /// The body's name in the bundle.
    #[serde(rename = "schema")]
    pub definition: Name,
    #[serde(skip)]
    pub description: String,
    #[serde(skip)]
    pub shape: Shape,
    pub examples: Vec<Example>,
}

pub enum Shape {
    Named(Name),
    ListOf(Name),
    Text,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Response {
    /// `201` or `2XX`.
    pub status: String,
    pub description: String,
    pub body: Option<Body>,
    /// The name of the example that only confirms the receipt of a delivery.
    pub acknowledgement: Option<String>,
}

impl Response {
    pub fn is_success(&self) -> bool {
        self.status.starts_with('2')
    }

    /// `Conflict` for 409, `ServerError` for `5XX`.
    pub fn reason(&self) -> String {
        let reason = match self.status.as_str() {
            "1XX" => Some("Informational"),
            "3XX" => Some("Redirection"),
            "4XX" => Some("ClientError"),
            "5XX" => Some("ServerError"),
            status => status
                .parse::<u16>()
                .ok()
                .and_then(|code| http::StatusCode::from_u16(code).ok())
                .and_then(|code| code.canonical_reason()),
        };
        reason.and_then(names::pascal).unwrap_or_else(|| format!("Status{}", self.status))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Example {
    pub name: String,
    pub summary: String,
    pub origin: String,
    pub source: String,
    /// The value as JSON text without white space; numbers keep their text.
    pub json: String,
}

/// An event that a provider delivers.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Event {
    pub name: Name,
    pub summary: String,
    pub description: String,
    pub when: Vec<Condition>,
    pub idempotency_key: Vec<String>,
    pub headers: Vec<Parameter>,
    pub payload: Body,
    pub responses: Vec<Response>,
    /// How deliveries of the event prove their origin, if not as the others do.
    pub verification: Option<Verification>,
    /// The operations with which the program reports what became of the event.
    pub follow_up: Vec<String>,
    /// The operation that registers a URL for the event, beside those of `registration`.
    pub registered_by: Option<EventRegistration>,
}

impl Event {
    /// The response whose body the event asks for: the success, unless its body is marked as an acknowledgement.
    pub fn requested_response(&self) -> Option<&Response> {
        let success = self.responses.iter().find(|response| response.is_success())?;
        Some(success).filter(|success| success.body.is_some() && success.acknowledgement.is_none())
    }

    /// The documented responses of a receiver that do not acknowledge the event.
    pub fn other_responses(&self) -> impl Iterator<Item = &Response> {
        self.responses.iter().filter(|response| !response.is_success())
    }
}

/// A condition on a member of a payload, which identifies an event.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// A JSON pointer, and the JSON text of the value.
    Equals(String, String),
    Present(String),
    Absent(String),
}

impl Condition {
    pub fn pointer(&self) -> &str {
        let (Self::Equals(pointer, _) | Self::Present(pointer) | Self::Absent(pointer)) = self;
        pointer
    }
}

/// The name of the server that commands call by default, and of the first one of a document if it does not have another.
pub const DEFAULT_SERVER: &str = "production";

/// Reads a document that does not have lint findings. Missing parts that the lint did not report are reported in the
/// same way.
pub fn read(document: &Document) -> Result<Spec, Finding> {
    SpecReader { document }.spec()
}

struct SpecReader<'a> {
    document: &'a Document,
}

impl SpecReader<'_> {
    fn spec(&self) -> Result<Spec, Finding> {
        let root = &self.document.root;
        let info = self.need(root, "info")?;
        let mut operations = Vec::new();
        for (path, item) in entries(root.get("paths")) {
            for (method, operation) in entries(Some(item)).filter(|(key, _)| METHODS.contains(key)) {
                operations.push(self.operation(path, method, item, operation)?);
            }
        }
        let mut events = Vec::new();
        for (name, item) in entries(root.get("x-webhooks")) {
            let post = self.need(item, "post")?;
            events.push(self.event(self.name(post, name)?, post)?);
        }
        let schemas = entries(root.get_path(&["components", "schemas"]));
        Ok(Spec {
            file: self.document.file.clone(),
            title: self.text(info, "title")?,
            version: self.text(info, "version")?,
            description: optional_text(info, "description"),
            sources: info
                .get("x-sources")
                .map_or(&[][..], Node::items)
                .iter()
                .map(|source| self.source(source))
                .collect::<Result<_, _>>()?,
            omitted: self.extension(root, "x-omitted", fidelity::omitted)?.unwrap_or_default(),
            differences: self.extension(root, "x-differences", fidelity::differences)?.unwrap_or_default(),
            servers: self.servers(root)?,
            credential: self.credential(root)?,
            operations,
            event_name: root.get("x-event-name").map(|node| self.event_name(node)).transpose()?,
            own_names: texts(root.get_path(&["x-event-name", "pointers"])),
            verification: match self.extension(root, "x-signature", signature::read)? {
                None => signature::keys(root).map(Verification::Keys),
                signature => signature,
            },
            registration: self.extension(root, "x-registration", registration::read)?,
            handshake: self.extension(root, "x-handshake", handshake::read)?,
            redelivery: self.extension(root, "x-redelivery", redelivery::read)?,
            events,
            schemas: schemas
                .map(|(name, node)| Ok((self.name(node, name)?, node.clone())))
                .collect::<Result<_, Finding>>()?,
        })
    }

    fn source(&self, node: &Node) -> Result<Source, Finding> {
        let text = |key: &str| node.get(key).and_then(Node::as_str).map(str::to_owned);
        Ok(Source {
            key: text("key"),
            title: self.text(node, "title")?,
            url: text("url"),
            date: text("date"),
            read: text("read"),
            note: optional_text(node, "note"),
        })
    }

    fn servers(&self, node: &Node) -> Result<Vec<Server>, Finding> {
        node.get("servers").map_or(&[][..], Node::items).iter().map(|server| self.server(server)).collect()
    }

    fn server(&self, node: &Node) -> Result<Server, Finding> {
        Ok(Server {
            name: if node.get("x-name").is_some() {
                self.name_at(node, "x-name")?
            } else {
                self.name(node, DEFAULT_SERVER)?
            },
            url: self.text(node, "url")?,
            description: optional_text(node, "description"),
            variables: entries(node.get("variables"))
                .map(|(name, variable)| {
                    Ok(Variable {
                        name: self.name(variable, name)?,
                        default: self.text(variable, "default")?,
                        description: optional_text(variable, "description"),
                        values: texts(variable.get("enum")),
                    })
                })
                .collect::<Result<_, Finding>>()?,
        })
    }

    /// The security scheme in `security` of the root or of a delivery.
    fn credential(&self, node: &Node) -> Result<Option<Credential>, Finding> {
        let alternatives = node.get("security").map_or(&[][..], Node::items);
        let Some((name, _)) = alternatives.iter().find_map(|node| node.entries().first()) else { return Ok(None) };
        let Some(scheme) = self.document.root.get_path(&["components", "securitySchemes", &name.text]) else {
            return Ok(None);
        };
        let place = match self.text(scheme, "type")?.as_str() {
            "apiKey" => CredentialPlace::Header(self.name_at(scheme, "name")?),
            _ => CredentialPlace::Bearer,
        };
        Ok(Some(Credential {
            place,
            description: optional_text(scheme, "description"),
            required: alternatives.iter().all(|node| !node.entries().is_empty()),
            grants: scheme.get("x-token").map(|node| self.grants(node)).transpose()?.unwrap_or_default(),
        }))
    }

    fn grants(&self, node: &Node) -> Result<Vec<TokenGrant>, Finding> {
        token::read(node, |operation, place| self.at_place(operation, place).unwrap_or_default())
            .ok_or_else(|| self.missing(node, "x-token"))
    }

    /// The description of what is at a place of an operation's request, and whether it is secret.
    fn at_place(&self, operation: &str, place: &TokenPlace) -> Option<(String, bool)> {
        let items = entries(self.document.root.get("paths")).map(|(_, item)| item);
        let operations = items.flat_map(|item| entries(Some(item)).map(move |(_, node)| (item, node)));
        let (item, node) = operations
            .into_iter()
            .find(|(_, node)| node.get("operationId").and_then(Node::as_str) == Some(operation))?;
        let is_secret = |schema: &Node| schema.get("format").and_then(Node::as_str) == Some("password");
        match place {
            TokenPlace::Header(name) => {
                let holders = [node, item].into_iter();
                let parameters = holders.flat_map(|holder| holder.get("parameters").map_or(&[][..], Node::items));
                let named = |node: &&Node| node.get("name").and_then(Node::as_str) == Some(name);
                let parameter = parameters.map(|node| self.follow(node)).find(named)?;
                let schema = self.resolve(parameter.get("schema")?);
                Some((optional_text(parameter, "description"), is_secret(schema)))
            }
            TokenPlace::Member(pointer) => {
                let (_, content) = entries(node.get_path(&["requestBody", "content"])).next()?;
                let schema = content.get("schema")?;
                let member = pointer::names(pointer)
                    .try_fold(schema, |schema, name| self.resolve(schema).get("properties")?.get(&name))?;
                let own = optional_text(member, "description");
                let schema = self.resolve(member);
                Some((if own.is_empty() { optional_text(schema, "description") } else { own }, is_secret(schema)))
            }
            TokenPlace::User | TokenPlace::Password => {
                let (name, _) = node.get("security")?.items().first()?.entries().first()?;
                let scheme = self.document.root.get_path(&["components", "securitySchemes", &name.text])?;
                Some((optional_text(scheme, "description"), matches!(place, TokenPlace::Password)))
            }
        }
    }

    fn security(&self, node: &Node) -> Security {
        let Some(security) = node.get("security") else { return Security::Credential };
        let Some((name, _)) = security.items().first().and_then(|node| node.entries().first()) else {
            return Security::None;
        };
        let scheme = self.document.root.get_path(&["components", "securitySchemes", &name.text, "scheme"]);
        match scheme.and_then(Node::as_str) {
            Some(scheme) if scheme.eq_ignore_ascii_case("basic") => Security::Basic,
            _ => Security::Credential,
        }
    }

    fn event_name(&self, node: &Node) -> Result<EventNamePlace, Finding> {
        if let Some(header) = node.get("header").and_then(Node::as_str) {
            return Ok(EventNamePlace::Header(header.to_owned()));
        }
        if node.get("path").is_some() {
            return Ok(EventNamePlace::LastPathSegment);
        }
        Ok(match self.text(node, "in")?.as_str() {
            "body" => EventNamePlace::Body,
            _ => EventNamePlace::Route,
        })
    }

    /// An extension, which is read by a function.
    fn extension<T>(&self, at: &Node, key: &str, read: impl Fn(&Node) -> Option<T>) -> Result<Option<T>, Finding> {
        let Some(node) = at.get(key) else { return Ok(None) };
        read(node).map(Some).ok_or_else(|| self.missing(node, key))
    }

    fn operation(&self, path: &str, method: &str, item: &Node, node: &Node) -> Result<Operation, Finding> {
        let id = self.name_at(node, "operationId")?;
        let parameters = |place: &str| self.parameters(&[item, node], place);
        Ok(Operation {
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            summary: self.text(node, "summary")?,
            description: optional_text(node, "description"),
            servers: self.servers(if node.get("servers").is_some() { node } else { item })?,
            security: self.security(node),
            path_parameters: parameters("path")?,
            query_parameters: parameters("query")?,
            headers: parameters("header")?,
            request: node.get("requestBody").map(|body| self.body(body, &id)).transpose()?.flatten(),
            responses: self.responses(node, &id)?,
            id,
        })
    }

    fn event(&self, name: Name, node: &Node) -> Result<Event, Finding> {
        let request = self.need(node, "requestBody")?;
        let payload = self.body(request, &name)?.ok_or_else(|| self.missing(request, "content"))?;
        // The schema of the payload is the model narrowed to the event.
        let payload = Body { definition: name.clone(), ..payload };
        Ok(Event {
            summary: self.text(node, "summary")?,
            description: optional_text(node, "description"),
            when: entries(node.get("x-event-when")).map(|(pointer, value)| condition(pointer, value)).collect(),
            idempotency_key: texts(node.get("x-idempotency-key")),
            headers: self.parameters(&[node], "header")?,
            payload,
            responses: self.responses(node, &name)?,
            verification: self.extension(node, "x-signature", signature::read)?,
            follow_up: texts(node.get("x-follow-up")),
            registered_by: self.extension(node, "x-registered-by", registration::of_event)?,
            name,
        })
    }

    /// The parameters of one place. A later level overrides an earlier one.
    fn parameters(&self, levels: &[&Node], place: &str) -> Result<Vec<Parameter>, Finding> {
        let mut parameters: Vec<Parameter> = Vec::new();
        for node in levels.iter().flat_map(|level| level.get("parameters").map_or(&[][..], Node::items)) {
            let node = self.follow(node);
            if node.get("in").and_then(Node::as_str) != Some(place) {
                continue;
            }
            let schema = self.need(node, "schema")?;
            let parameter = Parameter {
                name: self.name_at(node, "name")?,
                description: optional_text(node, "description"),
                required: node.get("required").and_then(Node::as_bool).unwrap_or(false),
                constant: node.get("x-client-header").and_then(Node::as_bool).unwrap_or(false),
                model: self.schema_name(schema)?,
                schema: of_parameter(self.resolve(schema).to_json()).into(),
            };
            match parameters.iter_mut().find(|known| known.name.eq_ignore_ascii_case(&parameter.name)) {
                Some(known) => *known = parameter,
                None => parameters.push(parameter),
            }
        }
        Ok(parameters)
    }

    fn responses(&self, node: &Node, owner: &Name) -> Result<Vec<Response>, Finding> {
        entries(node.get("responses"))
            .map(|(status, response)| {
                let response = self.follow(response);
                Ok(Response {
                    status: status.to_owned(),
                    description: optional_text(response, "description"),
                    body: self.body(response, &owner.followed_by(&format!(".{status}")))?,
                    acknowledgement: response.get("x-acknowledgement").and_then(Node::as_str).map(str::to_owned),
                })
            })
            .collect()
    }

    /// The body under the first media type. `owner` is the name of a schema that does not have a name of its own.
    fn body(&self, node: &Node, owner: &Name) -> Result<Option<Body>, Finding> {
        let Some((media_type, content)) = entries(node.get("content")).next() else {
            return Ok(None);
        };
        let schema = self.need(content, "schema")?;
        let items = schema.get("items").map(|items| self.schema_name(items)).transpose()?.flatten();
        let shape = match (self.schema_name(schema)?, items) {
            (Some(name), _) => Shape::Named(name),
            (None, Some(name)) => Shape::ListOf(name),
            (None, None) => Shape::Text,
        };
        Ok(Some(Body {
            media_type: media_type.to_owned(),
            definition: match &shape {
                Shape::Named(name) => name.clone(),
                Shape::ListOf(_) | Shape::Text => owner.clone(),
            },
            shape,
            description: match optional_text(schema, "description") {
                none if none.is_empty() => optional_text(node, "description"),
                own => own,
            },
            examples: entries(content.get("examples"))
                .map(|(name, node)| self.example(name, node))
                .collect::<Result<_, _>>()?,
        }))
    }

    fn example(&self, name: &str, node: &Node) -> Result<Example, Finding> {
        // An example is only called documented if the document says so.
        let (origin, source) = match node.get("x-origin") {
            Some(origin) => (self.text(origin, "kind")?, self.text(origin, "source")?),
            None => ("constructed".to_owned(), String::new()),
        };
        Ok(Example {
            name: name.to_owned(),
            summary: optional_text(node, "summary"),
            origin,
            source,
            json: self.need(node, "value")?.to_json_text(),
        })
    }

    /// The parameter or response that a `$ref` refers to, or the node itself.
    fn follow<'n>(&'n self, node: &'n Node) -> &'n Node {
        node.get("$ref")
            .and_then(Node::as_str)
            .and_then(|reference| {
                let keys: Vec<&str> = reference.strip_prefix("#/")?.split('/').collect();
                self.document.root.get_path(&keys)
            })
            .unwrap_or(node)
    }

    /// The schema at the end of a chain of `$ref` and `allOf`.
    fn resolve<'n>(&'n self, mut schema: &'n Node) -> &'n Node {
        // The lint has refused circles.
        loop {
            let described = schema.get("allOf").and_then(|parts| parts.items().first());
            let name = schema_name(described.unwrap_or(schema));
            match name.and_then(|name| self.document.root.get_path(&["components", "schemas", name])) {
                Some(target) => schema = target,
                None => return schema,
            }
        }
    }

    fn need<'n>(&self, node: &'n Node, key: &str) -> Result<&'n Node, Finding> {
        node.get(key).ok_or_else(|| self.missing(node, key))
    }

    fn text(&self, node: &Node, key: &str) -> Result<String, Finding> {
        Ok(self.need(node, key)?.as_str().ok_or_else(|| self.missing(node, key))?.trim_end().to_owned())
    }

    /// The name of the schema that `$ref` refers to.
    fn schema_name(&self, schema: &Node) -> Result<Option<Name>, Finding> {
        schema_name(schema).map(|name| self.name(schema, name)).transpose()
    }

    fn name_at(&self, node: &Node, key: &str) -> Result<Name, Finding> {
        self.name(self.need(node, key)?, &self.text(node, key)?)
    }

    fn name(&self, node: &Node, text: &str) -> Result<Name, Finding> {
        let message = || format!("`{text}` has no letter or digit to make a Rust name from");
        Name::new(text).ok_or_else(|| self.finding(node, message(), "rename it".to_owned()))
    }

    fn missing(&self, node: &Node, key: &str) -> Finding {
        self.finding(node, format!("`{key}` is missing or is not a string"), format!("write `{key}` here"))
    }

    fn finding(&self, node: &Node, message: String, help: String) -> Finding {
        let (file, place) = (self.document.file.clone(), String::new());
        Finding { severity: Severity::Error, file, line: node.line, column: node.column, place, message, help }
    }
}

fn entries(node: Option<&Node>) -> impl Iterator<Item = (&str, &Node)> {
    node.map_or(&[][..], Node::entries).iter().map(|(key, node)| (key.text.as_str(), node))
}

fn optional_text(node: &Node, key: &str) -> String {
    node.get(key).and_then(Node::as_str).unwrap_or_default().trim_end().to_owned()
}

/// The texts in a list, or a single text.
fn texts(list: Option<&Node>) -> Vec<String> {
    list.map(Node::texts).unwrap_or_default().into_iter().map(str::to_owned).collect()
}

/// `X` of `$ref: '#/components/schemas/X'`.
fn schema_name(schema: &Node) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/components/schemas/")
}

fn condition(pointer: &str, node: &Node) -> Condition {
    let pointer = pointer.to_owned();
    match node.get("present").and_then(Node::as_bool) {
        Some(true) => Condition::Present(pointer),
        Some(false) => Condition::Absent(pointer),
        None => Condition::Equals(pointer, node.to_json_text()),
    }
}
