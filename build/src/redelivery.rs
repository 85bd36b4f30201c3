//! `x-redelivery`: when the provider delivers an event again.

use serde::Serialize;

use super::load::Node;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Redelivery {
    /// Seconds.
    pub answer_within: Option<u64>,
    pub description: String,
    /// What is delivered again: `none` is no answer in time, the others are statuses (`408`) and classes (`5XX`).
    pub failures: Vec<String>,
    /// The waits between attempts, in order.
    pub schedule: Vec<Step>,
    /// Seconds since the first attempt.
    pub give_up_after: Option<u64>,
    /// Whether nothing of the schedule is documented.
    pub assumed: bool,
}

/// Attempts that follow the one before at the same distance.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Step {
    /// How many; `None` until the provider gives up.
    pub attempts: Option<u64>,
    /// Seconds.
    pub every: u64,
}

/// Reads `x-redelivery`; `None` where the lint would have found something.
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
                Some(Step {
                    attempts: step.get("attempts").and_then(Node::as_u64),
                    every: step.get("every")?.as_u64()?,
                })
            })
            .collect::<Option<_>>()?,
        give_up_after: seconds("give-up-after"),
        assumed: node.get("assumed").and_then(Node::as_bool).unwrap_or(false),
    })
}
