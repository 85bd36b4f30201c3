//! Servers: their addresses and names.

use std::collections::BTreeSet;

use super::super::dialect;
use super::super::load::{Node, Value};
use super::super::names::snake;
use super::super::spec::DEFAULT_SERVER;
use super::Simplifier;
use super::names::unique_snake;

/// The maximum number of words of a server's description that become its name.
const MAX_WORDS: usize = 3;

impl Simplifier<'_> {
    /// The servers of the document, each with a name. Without a usable one, a client is given its address.
    pub(super) fn servers(&mut self, root: &mut Node) {
        let Some(mut servers) = root.take("servers") else { return };
        let is_list = matches!(servers.value, Value::Sequence(_));
        self.place.push("servers".to_owned());
        self.usable(&mut servers);
        self.place.pop();
        let mut names: BTreeSet<String> =
            ["provider", "operations", "events", "schemas", "bundle"].map(str::to_owned).into_iter().collect();
        names.extend(servers.items().iter().filter_map(|server| server.get("x-name")?.as_str()).filter_map(snake));
        let has_default = names.contains(DEFAULT_SERVER);
        for (index, server) in servers.items_mut().iter_mut().enumerate() {
            if server.get("x-name").is_some() || !matches!(server.value, Value::Mapping(_)) {
                continue;
            }
            let words = server.get("description").and_then(Node::as_str).unwrap_or_default();
            let words: Vec<&str> = words.split_whitespace().take(MAX_WORDS + 1).collect();
            let described = if words.len() > MAX_WORDS { String::new() } else { words.join(" ") };
            let name = match index {
                0 if !has_default => DEFAULT_SERVER.to_owned(),
                _ => unique_snake(&described, "server", |name| !names.contains(name)),
            };
            server.set("x-name", server.text_here(&name));
            names.insert(name);
        }
        if servers.items().is_empty() && is_list {
            root.remove("servers");
        } else {
            root.set("servers", servers);
        }
    }

    /// The servers of a path or an operation: one that is called instead of the default one.
    pub(super) fn own_servers(&mut self, holder: &mut Node) {
        let is_named = |server: &Node| server.get("x-name").is_some();
        let Some(servers) = holder.get("servers") else { return };
        if servers.items().iter().any(is_named) {
            return;
        }
        let Some(mut servers) = holder.take("servers") else { return };
        self.place.push("servers".to_owned());
        self.usable(&mut servers);
        let first = servers.items().first().cloned().filter(|server| server.get("variables").is_none());
        if let Some(mut server) = first {
            server.set("x-name", server.text_here(DEFAULT_SERVER));
            self.note(
                &server,
                "the servers here are not named, so the first one is taken",
                "write `x-name` with the name of a server of the root",
            );
            holder.set("servers", servers.here(Value::Sequence(vec![server])));
        } else {
            holder.remove("servers");
        }
        self.place.pop();
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
