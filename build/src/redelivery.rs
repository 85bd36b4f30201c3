//! Reads `x-redelivery`: when the provider delivers an event again.

use serde::Serialize;

use super::load::Node;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Redelivery {
    /// The time limit of a response, in seconds.
    pub answer_within: Option<u64>,
    pub description: String,
    /// The failures after which the provider delivers again: statuses (`408`), classes (`5XX`), and `none` for no
    /// response in time.
    pub failures: Vec<String>,
    /// The intervals between attempts, in order.
    pub schedule: Vec<Attempts>,
    /// Seconds after the first attempt.
    pub give_up_after: Option<u64>,
    /// JSON pointers into a payload: an event that was not acknowledged holds back later events with the same values.
    pub holds_back: Vec<String>,
    /// After how many seconds without a response of the receiver a registration is removed.
    pub removed_after: Option<u64>,
    /// Whether the schedule is an assumption, because the provider does not document one.
    pub assumed: bool,
}

/// Consecutive attempts with the same interval.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Attempts {
    /// The number of attempts; `None` if they go on until the provider gives up.
    pub attempts: Option<u64>,
    /// The interval in seconds.
    pub every: u64,
}

/// Reads `x-redelivery`. Returns `None` for a value that the lint reports.
pub fn read(node: &Node) -> Option<Redelivery> {
    let seconds = |key| node.get(key).and_then(Node::as_u64);
    let items = |key| node.get(key).map_or(&[][..], Node::items).iter();
    let status = |failure: &Node| failure.as_str().or_else(|| failure.as_number()).map(str::to_owned);
    Some(Redelivery {
        answer_within: seconds("answer-within"),
        description: node.get("description")?.as_str()?.trim_end().to_owned(),
        failures: items("failures").map(status).collect::<Option<_>>()?,
        schedule: items("schedule")
            .map(|step| {
                Some(Attempts {
                    attempts: step.get("attempts").and_then(Node::as_u64),
                    every: step.get("every")?.as_u64()?,
                })
            })
            .collect::<Option<_>>()?,
        give_up_after: seconds("give-up-after"),
        holds_back: items("holds-back").map(|pointer| pointer.as_str().map(str::to_owned)).collect::<Option<_>>()?,
        removed_after: seconds("removed-after"),
        assumed: node.get("assumed").and_then(Node::as_bool).unwrap_or(false),
    })
}
