//! Lints `x-redelivery`: the failures, and the intervals between attempts.

use super::super::dialect;
use super::super::pointer;
use super::event::{PointerTarget, payload_schemas};
use super::linter::{At, Linter};
use super::operation;

impl<'a> Linter<'a> {
    pub(super) fn redelivery(&mut self, root: &At<'a>) {
        let Some(at) = root.get("x-redelivery") else { return };
        if !self.level(&at, &dialect::REDELIVERY) {
            return;
        }
        self.description(
            &at,
            "say when the provider delivers an event again, how often, and how another attempt differs",
        );
        self.boolean(&at, "assumed");
        let help = "write the documented time limit, such as `10`, or leave it out where there is none";
        self.count(&at, "answer-within", "seconds", help);
        let help = "write the seconds from the first attempt to the last possible one, such as `604800` for 7 days";
        let end = self.count(&at, "give-up-after", "seconds", help);
        let help = "write the seconds without a response after which a registration is removed, such as `1209600` for two weeks";
        self.count(&at, "removed-after", "seconds", help);
        self.holds_back(&at, root);
        self.failures(&at);
        match (at.get("failures"), at.get("schedule")) {
            (None, Some(schedule)) => {
                let help = "write `failures: [none, 4XX, 5XX]` beside it, with the failures after which the provider delivers again";
                self.report(&schedule, "`failures` is missing, so the schedule is never used", help);
            }
            (Some(failures), None) => {
                let help = "write `schedule: [{attempts: 3, every: 60}]` beside it, and `assumed: true` if no interval is \
                documented";
                self.report(&failures, "`schedule` is missing, so nothing says when the provider delivers again", help);
            }
            (Some(_), Some(schedule)) => self.schedule(&schedule, end),
            (None, None) => {
                if let Some(end) = at.get("give-up-after") {
                    self.report(&end, "there is no schedule to end", "write `failures` and `schedule` beside it");
                }
            }
        }
    }

    fn holds_back(&mut self, at: &At<'a>, root: &At<'a>) {
        let Some(list) = at.get("holds-back") else { return };
        if at.get("failures").is_none() {
            let help = "write `failures` and `schedule` beside it, or leave it out";
            self.report(&list, "the provider never delivers an event again, so none holds back others", help);
        }
        let schemas = root.get("x-webhooks").map(|webhooks| payload_schemas(&webhooks)).unwrap_or_default();
        for (item, pointer) in self.pointers(&list) {
            let is_member = |schema: &At<'a>| {
                !pointer.is_empty()
                    && pointer::is_pointer(pointer)
                    && matches!(self.member(schema, pointer), Some(PointerTarget::Described(_)))
                    && !self.leads_into_array(schema, pointer)
            };
            if !schemas.iter().any(is_member) {
                let help = "point at a member that an event's schema describes outside of arrays, such as `/id`";
                self.report(&item, format!("no event's schema has a member `{pointer}`"), help);
            }
        }
    }

    fn failures(&mut self, at: &At<'a>) {
        let help = "write statuses (`408`), classes (`5XX`), and `none` if no response in time is a failure";
        let Some(list) = at.get("failures") else { return };
        if list.node.items().is_empty() {
            self.report(&list, "this is not a list of failures", help);
        }
        let text = |item: &At<'a>| item.node.as_str().or_else(|| item.node.as_number()).unwrap_or_default();
        let all: Vec<&str> = list.items().iter().map(text).collect();
        for (index, item) in list.items().iter().enumerate() {
            let text = text(item);
            let class = text.get(..1).map(|class| format!("{class}XX")).filter(|class| class != text);
            if !operation::is_status(text) && text != "none" {
                self.report(item, "this is not a supported failure", help);
            } else if text.starts_with('2') {
                self.report(item, format!("`{text}` is a success"), "leave it out");
            } else if all.iter().take(index).any(|other| *other == text) {
                self.report(item, format!("`{text}` is listed twice"), "leave one out");
            } else if let Some(class) = class.filter(|class| all.contains(&class.as_str())) {
                self.report(item, format!("`{text}` is in `{class}`, which is listed too"), "leave one of the two out");
            }
        }
    }

    fn schedule(&mut self, list: &At<'a>, end: Option<u64>) {
        let help = "write steps such as `[{attempts: 3, every: 60}, {every: 3600}]`, with the interval in seconds";
        if list.node.items().is_empty() {
            self.report(list, "this is not a list of steps", help);
        }
        let count = list.node.items().len();
        let mut passed = 0_u64;
        for (index, step) in list.items().iter().enumerate() {
            if !self.level(step, &dialect::REDELIVERY_STEP) {
                continue;
            }
            if step.node.get("every").is_none() {
                self.report(step, "`every` is missing", help);
            }
            let every = self.count(step, "every", "seconds", "write the seconds before each attempt, such as `60`");
            let attempts = self.count(step, "attempts", "attempts", "write the number of attempts with this interval");
            if let (Some(every), Some(end)) = (every, end)
                && passed.saturating_add(every) > end
            {
                let message = "the provider has given up before this step";
                self.report(step, message, "leave the step out, or correct `every` or `give-up-after`");
            }
            if step.node.get("attempts").is_none() {
                if index + 1 < count {
                    let help = "write the number of attempts with this interval, since another step follows";
                    self.report(step, "`attempts` is missing", help);
                } else if end.is_none() {
                    let help = "write `attempts`, or `give-up-after` beside the schedule";
                    self.report(step, "this step never ends", help);
                }
            }
            passed = passed.saturating_add(every.unwrap_or(0).saturating_mul(attempts.unwrap_or(0)));
        }
    }

    /// An optional whole number greater than zero.
    pub(super) fn count(&mut self, at: &At<'a>, key: &str, unit: &str, help: &str) -> Option<u64> {
        let member = at.get(key)?;
        let number = member.node.as_u64().filter(|number| *number > 0);
        if number.is_none() {
            self.report(&member, format!("this is not a number of {unit}"), help);
        }
        number
    }
}
