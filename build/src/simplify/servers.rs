//! Servers: their addresses and names.

use super::super::dialect;
use super::super::load::{Node, Value};
use super::super::names::snake;
use super::super::spec::DEFAULT_SERVER;
use super::Simplifier;
use super::names::Names;

/// The maximum number of words of a server's description that become its name.
const MAX_WORDS: usize = 3;

impl Simplifier<'_> {
    /// The servers of the document, each with a name. Without a usable one, a client is given its address.
    pub(super) fn servers(&mut self, root: &mut Node) {
        let Some(mut servers) = root.take("servers") else { return };
        let is_list = matches!(servers.value, Value::Sequence(_));
        let first = servers.items().first().cloned();
        self.place.push("servers".to_owned());
        self.usable(&mut servers);
        self.place.pop();
        // The first server is the default one as the document is written.
        let is_first_usable = servers
            .items()
            .first()
            .zip(first)
            .is_some_and(|(server, first)| (server.line, server.column) == (first.line, first.column));
        let mut names = Names::default();
        ["provider", "operations", "events", "schemas", "bundle"].iter().for_each(|name| names.take(name));
        let own = servers.items().iter().filter_map(|server| server.get("x-name")?.as_str()).filter_map(snake);
        let own: Vec<String> = own.collect();
        own.iter().for_each(|name| names.take(name));
        let has_default = own.iter().any(|name| name == DEFAULT_SERVER);
        for (index, server) in servers.items_mut().iter_mut().enumerate() {
            if server.get("x-name").is_some() || !matches!(server.value, Value::Mapping(_)) {
                continue;
            }
            let words = server.get("description").and_then(Node::as_str).unwrap_or_default();
            let words: Vec<&str> = words.split_whitespace().take(MAX_WORDS + 1).collect();
            let described = if words.len() > MAX_WORDS { String::new() } else { words.join(" ") };
            let name = match index {
                0 if !has_default && is_first_usable => names.give(DEFAULT_SERVER, DEFAULT_SERVER),
                _ => names.give(&described, "server"),
            };
            server.set("x-name", server.text_here(&name));
        }
        let first = servers.items().first().and_then(|server| server.get("x-name")?.as_str());
        self.default_server = first.map(str::to_owned);
        if servers.items().is_empty() && is_list {
            root.remove("servers");
        } else {
            root.set("servers", servers);
        }
    }

    /// The servers of a path or an operation: one that is called instead of the default one.
    ///
    /// # Errors
    ///
    /// Returns why none of them can be called.
    pub(super) fn own_servers(&mut self, holder: &mut Node) -> Result<(), String> {
        let is_named = |server: &Node| server.get("x-name").is_some();
        let Some(servers) = holder.get("servers") else { return Ok(()) };
        if servers.items().iter().any(is_named) || !matches!(servers.value, Value::Sequence(_)) {
            return Ok(());
        }
        let Some(mut servers) = holder.take("servers") else { return Ok(()) };
        if servers.items().is_empty() {
            holder.remove("servers");
            return Ok(());
        }
        self.place.push("servers".to_owned());
        if let Value::Sequence(items) = &mut servers.value {
            items.iter_mut().for_each(fill_in);
        }
        self.usable(&mut servers);
        let first = servers.items().first().cloned();
        if let Some(mut server) = first {
            // Without servers at the root, a client is given the address.
            let Some(name) = self.default_server.clone() else {
                self.place.pop();
                holder.remove("servers");
                return Ok(());
            };
            server.set("x-name", server.text_here(name));
            let help = "write `x-name` with the name of a server of the root";
            self.note(&server, "the servers here are not named, so the first one is taken", help);
            holder.set("servers", servers.here(Value::Sequence(vec![server])));
            self.place.pop();
            return Ok(());
        }
        self.place.pop();
        holder.remove("servers");
        Err("its own server cannot be called".to_owned())
    }

    fn usable(&mut self, servers: &mut Node) {
        let Value::Sequence(items) = &mut servers.value else { return };
        items.retain_mut(|server| {
            self.level(server, &dialect::SERVER);
            let address = server.get("url").and_then(Node::as_str).unwrap_or_default().to_owned();
            self.description(server, || format!("The server at `{address}`."));
            self.within("variables", server, |this, variables| {
                this.each(variables, |this, name, variable| {
                    this.level(variable, &dialect::VARIABLE);
                    this.description(variable, || format!("The variable `{name}` of the address."));
                });
            });
            let Some(url) = server.get("url").and_then(Node::as_str).map(|url| url.trim_end_matches('/').to_owned())
            else {
                return true;
            };
            let is_usable = url.starts_with("https://") && !url.contains(['?', '#', ' ']);
            if is_usable {
                server.set("url", server.get("url").unwrap_or(server).text_here(url));
            } else {
                self.note(
                    server,
                    "clients cannot call the address, so the server is left out",
                    "write an address that begins with https://",
                );
            }
            is_usable
        });
    }
}

/// Writes the default values of the variables into an address.
fn fill_in(server: &mut Node) {
    let Some(variables) = server.remove("variables") else { return };
    let Some(mut url) = server.get("url").and_then(Node::as_str).map(str::to_owned) else { return };
    for (name, variable) in variables.entries() {
        let default = variable.get("default").and_then(Node::as_str).unwrap_or_default();
        url = url.replace(&format!("{{{}}}", name.text), default);
    }
    server.set("url", server.get("url").unwrap_or(server).text_here(url));
}
