//! Third step: what the linted document says, with every `$ref` to a parameter or response followed.

use serde::Serialize;
use serde_json::Value;

use super::draft_07::{GivenOut, of_parameter};
use super::load::{Document, Finding, Node};
use super::names::Name;
use super::redelivery::{self, Redelivery};
use super::registration::{self, Registration};
use super::signature::{self, Verification};

/// One provider's document. Its parts are written into the description as they are here, but for what is only of use to the
/// build.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Spec {
    #[serde(skip)]
    pub file: String,
    pub title: String,
    pub version: String,
    pub description: String,
    pub sources: Vec<Source>,
    pub servers: Vec<Server>,
    pub credential: Option<Credential>,
    pub operations: Vec<Operation>,
    pub event_name: Option<EventNamePlace>,
    /// JSON pointers to where a payload may name its event.
    pub own_names: Vec<String>,
    /// How a delivery proves its origin; `None` where nothing is delivered.
    pub verification: Option<Verification>,
    /// `None` where no operation registers anything.
    pub registration: Option<Registration>,
    pub redelivery: Option<Redelivery>,
    pub events: Vec<Event>,
    /// The schemas under `components`, as they are written.
    #[serde(skip)]
    pub schemas: Vec<(Name, Value)>,
}

impl Spec {
    /// The bodies of all answers to operations.
    pub fn answers(&self) -> impl Iterator<Item = &Body> {
        self.operations.iter().flat_map(|operation| &operation.answers).filter_map(|answer| answer.body.as_ref())
    }

    /// The bodies of what a receiver answers.
    pub fn acknowledgements(&self) -> impl Iterator<Item = &Body> {
        self.events.iter().flat_map(|event| &event.answers).filter_map(|answer| answer.body.as_ref())
    }
}

/// A document that the specification was written from.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Source {
    pub title: String,
    pub url: Option<String>,
    pub date: Option<String>,
    pub read: Option<String>,
    pub note: String,
}

/// A base URL, `{variables}` included.
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
    /// The values that are allowed; none where any is.
    pub values: Vec<String>,
}

/// What proves who calls.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Credential {
    pub place: CredentialPlace,
    pub description: String,
    /// Whether every call needs it.
    pub required: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialPlace {
    Bearer,
    Header(Name),
}

/// Where a delivery says which event it is.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventNamePlace {
    Body,
    Header(String),
    LastPathSegment,
    Route,
}

/// A call that a client can make.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Operation {
    pub id: Name,
    pub method: String,
    pub path: String,
    pub summary: String,
    pub description: String,
    pub path_parameters: Vec<Parameter>,
    pub query_parameters: Vec<Parameter>,
    pub headers: Vec<Parameter>,
    pub request: Option<Body>,
    pub answers: Vec<Answer>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Parameter {
    pub name: Name,
    pub description: String,
    pub required: bool,
    /// The same for every call of a client.
    pub constant: bool,
    /// The named schema, if there is one.
    #[serde(skip)]
    pub model: Option<Name>,
    /// What the schema says in the end, `$ref` and `allOf` followed.
    #[serde(flatten)]
    pub schema: GivenOut,
}

/// JSON or form fields that go one way.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Body {
    pub media_type: String,
    /// Its name in the bundle.
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
pub struct Answer {
    /// `201` or `2XX`.
    pub status: String,
    pub description: String,
    pub body: Option<Body>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Example {
    pub name: String,
    pub summary: String,
    pub origin: String,
    pub source: String,
    /// The value to the letter, without white space.
    pub json: String,
}

/// Something a provider delivers.
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
    pub answers: Vec<Answer>,
}

/// What a member must be for a payload to be a certain event.
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

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// Reads a document that has no lint findings; what is missing all the same is reported like one.
pub fn read(document: &Document) -> Result<Spec, Finding> {
    Reader { document }.spec()
}

struct Reader<'a> {
    document: &'a Document,
}

impl Reader<'_> {
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
            servers: root
                .get("servers")
                .map_or(&[][..], Node::items)
                .iter()
                .map(|server| self.server(server))
                .collect::<Result<_, _>>()?,
            credential: self.credential(root)?,
            operations,
            event_name: root.get("x-event-name").map(|node| self.event_name(node)).transpose()?,
            own_names: texts(root.get_path(&["x-event-name", "pointers"])),
            verification: match self.extension("x-signature", signature::read)? {
                None => signature::keys(root).map(Verification::Keys),
                signature => signature,
            },
            registration: self.extension("x-registration", registration::read)?,
            redelivery: self.extension("x-redelivery", redelivery::read)?,
            events,
            schemas: schemas
                .map(|(name, node)| Ok((self.name(node, name)?, node.to_json())))
                .collect::<Result<_, Finding>>()?,
        })
    }

    fn source(&self, node: &Node) -> Result<Source, Finding> {
        let text = |key: &str| node.get(key).and_then(Node::as_str).map(str::to_owned);
        Ok(Source {
            title: self.text(node, "title")?,
            url: text("url"),
            date: text("date"),
            read: text("read"),
            note: optional_text(node, "note"),
        })
    }

    fn server(&self, node: &Node) -> Result<Server, Finding> {
        Ok(Server {
            name: self.name_at(node, "x-name")?,
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

    /// The scheme that `security` of the root or of a delivery names.
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
        }))
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

    /// An extension at the root that has a reader of its own.
    fn extension<T>(&self, key: &str, read: impl Fn(&Node) -> Option<T>) -> Result<Option<T>, Finding> {
        let Some(node) = self.document.root.get(key) else { return Ok(None) };
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
            path_parameters: parameters("path")?,
            query_parameters: parameters("query")?,
            headers: parameters("header")?,
            request: node.get("requestBody").map(|body| self.body(body, &id)).transpose()?.flatten(),
            answers: self.answers(node, &id)?,
            id,
        })
    }

    fn event(&self, name: Name, node: &Node) -> Result<Event, Finding> {
        let request = self.need(node, "requestBody")?;
        let payload = self.body(request, &name)?.ok_or_else(|| self.missing(request, "content"))?;
        // Its schema is the model narrowed to the event.
        let payload = Body { definition: name.clone(), ..payload };
        Ok(Event {
            summary: self.text(node, "summary")?,
            description: optional_text(node, "description"),
            when: entries(node.get("x-event-when")).map(|(pointer, value)| condition(pointer, value)).collect(),
            idempotency_key: texts(node.get("x-idempotency-key")),
            headers: self.parameters(&[node], "header")?,
            payload,
            answers: self.answers(node, &name)?,
            name,
        })
    }

    /// The parameters of one place; what a later level says of a parameter replaces what an earlier one says.
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

    fn answers(&self, node: &Node, owner: &Name) -> Result<Vec<Answer>, Finding> {
        entries(node.get("responses"))
            .map(|(status, response)| {
                let response = self.follow(response);
                Ok(Answer {
                    status: status.to_owned(),
                    description: optional_text(response, "description"),
                    body: self.body(response, &owner.followed_by(&format!(".{status}")))?,
                })
            })
            .collect()
    }

    /// The first media type of a request, the one of a response; `owner` names the schema where it has no name of its own.
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
        let origin = self.need(node, "x-origin")?;
        Ok(Example {
            name: name.to_owned(),
            summary: optional_text(node, "summary"),
            origin: self.text(origin, "kind")?,
            source: self.text(origin, "source")?,
            json: self.need(node, "value")?.to_json_text(),
        })
    }

    /// The parameter or response that a `$ref` names, or the node itself.
    fn follow<'n>(&'n self, node: &'n Node) -> &'n Node {
        node.get("$ref")
            .and_then(Node::as_str)
            .and_then(|reference| {
                let keys: Vec<&str> = reference.strip_prefix("#/")?.split('/').collect();
                self.document.root.get_path(&keys)
            })
            .unwrap_or(node)
    }

    /// The schema that a chain of `$ref` and `allOf` ends at.
    fn resolve<'n>(&'n self, schema: &'n Node) -> &'n Node {
        let described = schema.get("allOf").and_then(|parts| parts.items().first());
        match schema_name(described.unwrap_or(schema)) {
            Some(name) => self
                .document
                .root
                .get_path(&["components", "schemas", name])
                .map_or(schema, |target| self.resolve(target)),
            None => schema,
        }
    }

    fn need<'n>(&self, node: &'n Node, key: &str) -> Result<&'n Node, Finding> {
        node.get(key).ok_or_else(|| self.missing(node, key))
    }

    fn text(&self, node: &Node, key: &str) -> Result<String, Finding> {
        Ok(self.need(node, key)?.as_str().ok_or_else(|| self.missing(node, key))?.trim_end().to_owned())
    }

    /// The schema that `$ref` names.
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
        self.finding(node, format!("`{key}` is missing or is not text"), format!("write `{key}` here"))
    }

    fn finding(&self, node: &Node, message: String, help: String) -> Finding {
        let (file, place) = (self.document.file.clone(), String::new());
        Finding { file, line: node.line, column: node.column, place, message, help }
    }
}

fn entries(node: Option<&Node>) -> impl Iterator<Item = (&str, &Node)> {
    node.map_or(&[][..], Node::entries).iter().map(|(key, node)| (key.text.as_str(), node))
}

fn optional_text(node: &Node, key: &str) -> String {
    node.get(key).and_then(Node::as_str).unwrap_or_default().trim_end().to_owned()
}

/// The texts in a list, or the one text.
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
