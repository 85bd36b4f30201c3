//! `x-omitted` and `x-differences`: what a specification leaves out of its sources, and where it differs from them.

use serde::Serialize;

use super::load::Node;

/// Something in the sources that the specification leaves out.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Omission {
    pub what: String,
    /// The keys of the sources that have it.
    pub sources: Vec<String>,
    pub why: String,
}

/// A part of the specification that its sources do not determine: they say something else, contradict each other or
/// themselves, or are silent.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// JSON pointers into the document, and names of operations, events and schemas.
    pub at: Vec<String>,
    /// The keys of the sources that it is about.
    pub sources: Vec<String>,
    /// What the sources say.
    pub documents: String,
    /// What the specification does about it.
    pub specification: String,
}

/// Reads `x-omitted`; `None` where the lint would have found something.
pub fn omitted(list: &Node) -> Option<Vec<Omission>> {
    let omission =
        |node| Some(Omission { what: text(node, "what")?, sources: texts(node, "sources")?, why: text(node, "why")? });
    list.items().iter().map(omission).collect()
}

/// Reads `x-differences`; `None` where the lint would have found something.
pub fn differences(list: &Node) -> Option<Vec<Difference>> {
    let difference = |node| {
        Some(Difference {
            at: texts(node, "at")?,
            sources: texts(node, "sources")?,
            documents: text(node, "documents")?,
            specification: text(node, "specification")?,
        })
    };
    list.items().iter().map(difference).collect()
}

fn text(node: &Node, key: &str) -> Option<String> {
    Some(node.get(key)?.as_str()?.trim_end().to_owned())
}

fn texts(node: &Node, key: &str) -> Option<Vec<String>> {
    Some(node.get(key)?.texts().into_iter().map(str::to_owned).collect())
}
