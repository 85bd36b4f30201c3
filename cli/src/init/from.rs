//! `init --from`: a document of OpenAPI with the missing extensions as comments.

use std::fmt::Write as _;
use std::path::Path;

use pos_webhooks_build::load::{self, Node, Value};
use pos_webhooks_build::{Finding, names};

use crate::input;
use crate::stop::Stop;

/// What the comments mean, above the document.
const HEAD: &str = "\
## The comments with two number signs were added by `pos-webhooks init`. They explain the lines below them: to use those,
## remove their `# `, and replace what they say by what the documentation of the provider says. The file docs/extensions.md of
## pos-webhooks describes all extensions, whose names begin with `x-`. `pos-webhooks lint` checks the document after each change.
";

const EVENT_NAME: &str = "\
## Where a delivery names its event: in the payload, in a header (`{header: NAME}`), in the URL (`{path: last-segment}`), or not
## at all (`{in: route}`).
# x-event-name: {in: body}
";

const SIGNATURE: &str = "\
## How a delivery proves its origin. The file docs/schemes.md of pos-webhooks has the signatures of well-known providers to copy.
## If deliveries are not signed, write `x-signature: {none: REASON}`.
# x-signature:
#   header: Signature
#   algorithm: hmac-sha256
#   encoding: hex
#   signed: '{body}'
";

const REDELIVERY: &str = "\
## When the provider delivers an event again, with the intervals in seconds.
# x-redelivery:
#   answer-within: 10
#   failures: [none, 4XX, 5XX]
#   schedule: [{attempts: 3, every: 60}, {attempts: 24, every: 3600}]
#   description: After a failure, the event is delivered again 3 times after a minute, and then every hour for a day.
";

const WEBHOOKS: &str = "\
## The events that the provider delivers, with an example of each.
# x-webhooks:
#   payment.completed:
#     post:
#       summary: A payment was completed.
#       x-event-when: {/type: payment.completed}
#       x-idempotency-key: [/id]
#       parameters:
#         - {name: Signature, in: header, required: true, description: The signature., schema: {type: string}}
#       requestBody:
#         required: true
#         content:
#           application/json:
#             schema:
#               type: object
#               required: [id, type]
#               properties:
#                 id: {type: string, description: Id of the event.}
#                 type: {type: string, description: Name of the event.}
#             examples:
#               completed:
#                 value: {id: evt_1, type: payment.completed}
#       responses:
#         '200': {description: The event was received.}
";

const TOKEN: &str = "\
## How a client requests an access token: the operation, the credentials with their places in the request, and the places of
## the token and of its expiry in the response.
# x-token:
#   operation: OPERATION
#   credentials: {client_id: {member: /client_id}, client_secret: {member: /client_secret}}
#   token: /access_token
#   expires: {after: /expires_in}
";

const EVENT: &str = "\
## The member by which the event is recognised, and those that identify it across redeliveries.
# x-event-when: {/type: NAME}
# x-idempotency-key: [/id]
";

const SERVER: &str = "\
## The name of the server, by which commands refer to it.
# x-name: test
";

/// Reads a document, and returns it with comments.
pub fn commented(file: &Path) -> Result<String, Stop> {
    let text = input::specification(file)?;
    let shown = file.display().to_string();
    let read = |text: &str| {
        load::load(&shown, text).map(|document| document.root).map_err(|findings| {
            let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
            Stop::Input(lines.join("\n"))
        })
    };
    let root = read(&text)?;
    if root.get("openapi").is_none() {
        return Err(Stop::Input(format!(
            "{shown}: this is not a document of OpenAPI 3, since it does not have `openapi`"
        )));
    }
    // JSON does not have comments.
    if !text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
        return Ok(with_comments(&text, &root));
    }
    let text = yaml(&root);
    let root = read(&text)?;
    Ok(with_comments(&text, &root))
}

fn with_comments(text: &str, root: &Node) -> String {
    let lines: Vec<&str> = text.lines().collect();
    // Each comment is above a line, which is counted from 1.
    let mut comments: Vec<(usize, String)> = vec![(1, HEAD.to_owned())];
    let end = lines.len() + 1;
    let at_root = root.entry("paths").map_or(end, |(key, _)| key.line);
    let events = ["webhooks", "x-webhooks"].iter().find_map(|key| root.get(key));
    let mut of_root = String::new();
    for (key, comment) in [("x-event-name", EVENT_NAME), ("x-signature", SIGNATURE)] {
        if root.get(key).is_none() {
            of_root.push_str(comment);
        }
    }
    if root.get("x-registration").is_none() {
        of_root.push_str(&registration(root));
    }
    if root.get("x-redelivery").is_none() {
        of_root.push_str(REDELIVERY);
    }
    if events.is_none() {
        of_root.push_str(WEBHOOKS);
    }
    comments.push((at_root, of_root));
    // A comment below a key of a mapping in the block style.
    let mut beside = |node: &Node, key: &str, comment: &str| {
        let Some((key, _)) = node.entry(key) else { return };
        let line = lines.get(key.line - 1).copied().unwrap_or_default();
        let before: String = line.chars().take(key.column - 1).collect();
        if before.chars().all(|c| matches!(c, ' ' | '-')) {
            let indent = " ".repeat(key.column - 1);
            comments.push((key.line, comment.lines().map(|line| format!("{indent}{line}\n")).collect()));
        }
    };
    for server in root.get("servers").map_or(&[][..], Node::items).iter().skip(1) {
        if server.get("x-name").is_none() {
            beside(server, second_key(server), SERVER);
        }
    }
    for (_, scheme) in root.get_path(&["components", "securitySchemes"]).map_or(&[][..], Node::entries) {
        let kind = scheme.get("type").and_then(Node::as_str).unwrap_or_default();
        let is_bearer = scheme.get("scheme").and_then(Node::as_str).is_some_and(|it| it.eq_ignore_ascii_case("bearer"));
        if scheme.get("x-token").is_none() && (is_bearer || kind == "oauth2") {
            beside(scheme, first_key(scheme), TOKEN);
        }
    }
    for (name, event) in events.map_or(&[][..], Node::entries) {
        let Some(post) = event.get("post").filter(|post| post.get("x-event-when").is_none()) else { continue };
        let quoted = Value::String(name.text.clone());
        let name = Node { line: 1, column: 1, value: quoted }.to_json_text();
        beside(post, first_key(post), &EVENT.replace("NAME", &name));
    }
    comments.sort_by_key(|(line, _)| *line);
    let mut comments = comments.into_iter().peekable();
    let mut out = String::new();
    for (index, line) in lines.iter().enumerate() {
        while let Some((_, comment)) = comments.next_if(|(at, _)| *at <= index + 1) {
            out.push_str(&comment);
        }
        _ = writeln!(out, "{line}");
    }
    comments.for_each(|(_, comment)| out.push_str(&comment));
    out
}

fn first_key(node: &Node) -> &str {
    node.entries().first().map_or("", |(key, _)| &key.text)
}

/// The second key of an item of a list, above which a comment does not separate the item from its dash.
fn second_key(node: &Node) -> &str {
    node.entries().get(1).map_or("", |(key, _)| &key.text)
}

/// The comment on the registration, with the operations that seem to manage webhooks.
fn registration(root: &Node) -> String {
    let mut text = "\
## Which operations manage webhooks, and where their requests and responses have the URL, the events, the id and the secret.
## `answered` means that the provider makes the secret. Leave it out if webhooks are set up in a back office.
# x-registration:
#   secret: answered
"
    .to_owned();
    let create = operation(root, "post", false);
    let create = create.unwrap_or_else(|| "OPERATION".to_owned());
    _ = writeln!(
        text,
        "#   create: {{operation: {create}, request: {{url: /url}}, answer: {{id: /id, secret: /secret}}}}"
    );
    if let Some(list) = operation(root, "get", false) {
        _ = writeln!(text, "#   list: {{operation: {list}, items: '', answer: {{id: /id, url: /url}}}}");
    }
    for (role, method) in [("get", "get"), ("delete", "delete")] {
        if let Some(id) = operation(root, method, true) {
            let parameter = parameter(root, method).unwrap_or_else(|| "id".to_owned());
            _ = writeln!(text, "#   {role}: {{operation: {id}, parameters: {{id: {parameter}}}}}");
        }
    }
    text
}

/// The operations on webhooks with this method, with or without a path parameter at the end of the path. The words of a path are
/// tried in the order of how much they say.
fn candidates<'n>(root: &'n Node, method: &str, of_one: bool) -> Vec<(&'n str, &'n Node)> {
    let paths = root.get("paths").map_or(&[][..], Node::entries);
    let with = |word: &str| {
        let about = |path: &str| {
            path.to_ascii_lowercase().contains(word) && path.trim_end_matches('/').ends_with('}') == of_one
        };
        let found = paths.iter().filter(|(path, _)| about(&path.text));
        found.filter_map(|(path, item)| Some((path.text.as_str(), item.get(method)?))).collect::<Vec<_>>()
    };
    let found = ["webhook", "notification", "callback", "subscription"].into_iter().map(with);
    found.into_iter().find(|found| !found.is_empty()).unwrap_or_default()
}

fn operation(root: &Node, method: &str, of_one: bool) -> Option<String> {
    let own = candidates(root, method, of_one).into_iter().find_map(|(_, node)| node.get("operationId")?.as_str());
    own.and_then(names::snake)
}

fn parameter(root: &Node, method: &str) -> Option<String> {
    let (path, _) = *candidates(root, method, true).first()?;
    Some(path.trim_end_matches('/').rsplit('{').next()?.trim_end_matches('}').to_owned())
}

/// A document of JSON as YAML.
fn yaml(root: &Node) -> String {
    let mut out = String::new();
    write_yaml(root, 0, &mut out);
    out
}

fn write_yaml(node: &Node, indent: usize, out: &mut String) {
    let pad = "  ".repeat(indent);
    for (key, value) in node.entries() {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '.' | '$');
        let is_word = key.text.starts_with(|c: char| c.is_ascii_alphabetic()) && key.text.chars().all(is_plain);
        let of_yaml = ["null", "true", "false"].contains(&key.text.to_ascii_lowercase().as_str());
        let quoted = value.here(Value::String(key.text.clone())).to_json_text();
        let name = if is_word && !of_yaml { &key.text } else { &quoted };
        _ = write!(out, "{pad}{name}:");
        write_value(value, indent, out);
    }
    for item in node.items() {
        let mut text = String::new();
        if item.entries().is_empty() {
            write_value(item, indent, &mut text);
        } else {
            write_yaml(item, indent + 1, &mut text);
        }
        _ = writeln!(out, "{pad}- {}", text.trim());
    }
}

fn write_value(value: &Node, indent: usize, out: &mut String) {
    let is_block = !value.entries().is_empty() || !value.items().is_empty();
    match value.as_str() {
        _ if is_block => {
            out.push('\n');
            write_yaml(value, indent + 1, out);
        }
        Some(text) if has_plain_lines(text) => {
            out.push_str(" |-\n");
            for line in text.lines() {
                let pad = if line.is_empty() { String::new() } else { "  ".repeat(indent + 1) };
                _ = writeln!(out, "{pad}{line}");
            }
        }
        _ => _ = writeln!(out, " {}", value.to_json_text()),
    }
}

/// Whether a text has several lines that a block scalar keeps as they are.
fn has_plain_lines(text: &str) -> bool {
    let is_plain = |line: &str| line.trim_end() == line && !line.contains(char::is_control);
    text.contains('\n') && !text.ends_with('\n') && !text.starts_with([' ', '\n']) && text.split('\n').all(is_plain)
}
