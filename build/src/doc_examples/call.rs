//! The examples of calls of a client.

use super::json::Json;
use super::literal::{self, indented};
use super::{DocExamples, doc_of_body, example, is_short};
use crate::facade::{constant_headers, path_parameters, text_parameters};
use crate::names::snake;
use crate::spec::{Body, Operation, Parameter, Security, Shape};

impl DocExamples<'_> {
    /// The section with a call of the operation, and a response.
    pub fn of_operation(&self, operation: &Operation) -> String {
        let mut doc = String::new();
        let mut add = |text: &str| {
            doc.push_str(if doc.is_empty() { "\n\n# Examples\n\n" } else { "\n\n" });
            doc.push_str(text);
        };
        match self.call(operation) {
            Some(call) => add(&self.code(&format!(
                "# use {}::{{Client, models}};\n\
                 # async fn example(client: &Client) -> Result<(), Box<dyn std::error::Error>> {{\n\
                 {call}\n\
                 # Ok(())\n\
                 # }}",
                self.module
            ))),
            None => {
                if let Some(Shape::Named(name)) = operation.request.as_ref().map(|request| &request.shape) {
                    add(&format!("[`models::{0}::examples`] returns examples of the request.", name.pascal()));
                }
            }
        }
        let response = operation.responses.iter().find(|response| response.is_success());
        if let Some(body) = response.and_then(|response| response.body.as_ref()) {
            doc_of_body(body, "A response").iter().for_each(|text| add(text));
        }
        doc
    }

    /// Code with a function that constructs a client and calls an operation.
    pub(super) fn call_operation(&self) -> Option<String> {
        let registers = self.spec.registration.as_ref().map(|registration| registration.create.operation.as_str());
        let operations = &self.spec.operations;
        let operation = operations
            .iter()
            .find(|operation| Some(&*operation.id) == registers)
            .or_else(|| operations.iter().find(|operation| operation.security == Security::Credential))
            .or(operations.first())?;
        let call = self.call(operation)?;
        let module = self.module.rsplit("::").next().unwrap_or_default();
        let server = match self.spec.servers.first() {
            Some(server) if server.variables.is_empty() => format!("{module}::{}", server.name.constant()),
            Some(server) => {
                let defaults: Vec<_> =
                    server.variables.iter().map(|variable| format!("{:?}", variable.default)).collect();
                format!("&{module}::{}({})", server.name.snake(), defaults.join(", "))
            }
            None => format!("{:?}", "https://api.example.com"),
        };
        Some(self.code(&format!(
            "use std::env;\n\n\
             use {}::{{self, Client, Credentials, models}};\n\n\
             async fn example() -> Result<(), Box<dyn std::error::Error>> {{\n    \
                 let credentials = {};\n    \
                 let client = Client::new({server}, credentials)?;\n\
             {}\n    \
                 Ok(())\n\
             }}",
            self.module,
            self.credentials(),
            indented(&call),
        )))
    }

    /// An expression that constructs `Credentials`.
    fn credentials(&self) -> String {
        let credential = self.spec.credential.as_ref();
        let grant = credential.and_then(|credential| credential.grants.first());
        let mut arguments: Vec<String> = match (credential, grant) {
            (_, Some(grant)) => grant.credentials.iter().map(|credential| variable(&credential.name)).collect(),
            (Some(_), None) => vec![variable("TOKEN")],
            (None, None) => Vec::new(),
        };
        let required = constant_headers(self.spec).into_iter().filter(|header| header.required);
        arguments.extend(required.map(|header| match header.model {
            Some(_) => format!("{}.parse()?", variable(&header.name)),
            None => variable(&header.name),
        }));
        let function = if grant.is_some() { "from_client" } else { "new" };
        let line = arguments.join(", ");
        if line.len() <= 70 {
            return format!("Credentials::{function}({line})");
        }
        let lines: String = arguments.iter().map(|argument| format!("        {argument},\n")).collect();
        format!("Credentials::{function}(\n{lines}    )")
    }

    /// The statements that call an operation of `client`. `None` if the request is too long.
    fn call(&self, operation: &Operation) -> Option<String> {
        let mut code = String::new();
        let mut arguments = Vec::new();
        if operation.security == Security::Basic {
            arguments.extend(["\"user\"".to_owned(), "\"password\"".to_owned()]);
        }
        arguments.extend(path_parameters(operation).map(|parameter| self.value(operation, parameter)));
        let (query, headers) = text_parameters(operation);
        arguments.extend(query.into_iter().chain(headers).map(|parameter| match parameter.required {
            true => self.value(operation, parameter),
            false => "None".to_owned(),
        }));
        if let Some(request) = &operation.request {
            code = format!("{}\n", self.request(request)?);
            arguments.push("&body".to_owned());
        }
        let response = operation.responses.iter().find(|response| response.is_success());
        let result = match response.and_then(|response| response.body.as_ref()).map(|body| &body.shape) {
            Some(Shape::Named(name)) => format!("let {} = ", name.snake()),
            Some(Shape::ListOf(_)) => "let list = ".to_owned(),
            Some(Shape::Text) => "let text = ".to_owned(),
            None => String::new(),
        };
        code.push_str(&format!("{result}client.{}({}).await?;", operation.id.snake(), arguments.join(", ")));
        Some(code)
    }

    /// The statement that constructs the body of a request.
    fn request(&self, body: &Body) -> Option<String> {
        let json = Json::parse(&example(body)?.json)?;
        let (kind, literal) = match &body.shape {
            Shape::Named(name) => (format!("models::{}", name.pascal()), literal::of_model(self.bundle, name, &json)),
            Shape::ListOf(name) => (format!("Vec<models::{}>", name.pascal()), None),
            Shape::Text => ("String".to_owned(), None),
        };
        let code = match literal {
            Some(literal) => format!("let body = {literal};"),
            None => format!("let body: {kind} = serde_json::from_str({})?;", raw(&format!("{json:#}"))),
        };
        is_short(&code).then_some(code)
    }

    /// The value of a parameter as a literal: that of an example of a response, if there is one.
    fn value(&self, operation: &Operation, parameter: &Parameter) -> String {
        let operations = self.spec.operations.iter().filter(|other| other.path == operation.path);
        let bodies = operations.flat_map(|other| &other.responses).filter(|response| response.is_success());
        let examples = bodies.filter_map(|response| example(response.body.as_ref()?));
        let documented =
            examples.filter_map(|example| Json::parse(&example.json)?.find(&parameter.name).map(str::to_owned));
        let schema = parameter.schema.schema();
        let first = schema["enum"].get(0).and_then(|value| value.as_str()).map(str::to_owned);
        let value = first.or_else(|| { documented }.next()).unwrap_or_else(|| {
            match schema["format"].as_str().or(schema["type"].as_str()) {
                Some("uuid") => "497f6eca-6276-4993-bfeb-53cbbbba6f08".to_owned(),
                Some("integer" | "number") => "1".to_owned(),
                Some("boolean") => "true".to_owned(),
                _ => parameter.name.to_string(),
            }
        });
        format!("{value:?}")
    }
}

/// An expression with the value of an environment variable.
fn variable(name: &str) -> String {
    format!("env::var({:?})?", snake(name).unwrap_or_default().to_ascii_uppercase())
}

/// A raw string literal.
fn raw(text: &str) -> String {
    let mut hashes = "#".to_owned();
    while text.contains(&format!("\"{hashes}")) {
        hashes.push('#');
    }
    format!("r{hashes}\"{text}\"{hashes}")
}
