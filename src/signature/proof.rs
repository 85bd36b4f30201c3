//! What a delivery proves, in words.

use std::borrow::Cow;

use crate::catalogue::EventNamePlace;
use crate::catalogue::{Part, Signature, Verification};

impl Verification {
    /// What a verified delivery proves and what it does not, by the signature of this name or the default one: a clause, such
    /// as "the body is signed; the event's name, the time and the URL are not".
    pub fn proof(&self, name: Option<&str>, event_name: Option<EventNamePlace>) -> Cow<'static, str> {
        match self {
            Self::Signatures(_) => {
                self.signature(name).map_or("nothing is signed".into(), |signature| signature.proof(event_name).into())
            }
            Self::Keys(_) => {
                "the sender knows the key; nothing is signed: anyone who has seen one delivery can send any other"
                    .into()
            }
            Self::None(_) => "nothing is signed: anyone who knows the URL can send a delivery".into(),
            Self::Custom(_) => "what is signed is known to the code that verifies it".into(),
        }
    }
}

impl Signature {
    fn proof(&self, event_name: Option<EventNamePlace>) -> String {
        let mut signed = Vec::new();
        let mut unsigned = Vec::new();
        let mut add =
            |is_signed: bool, what: &str| if is_signed { &mut signed } else { &mut unsigned }.push(what.to_owned());

        let url = self.always_signs(Part::is_of_url);
        if url {
            add(true, "the registered URL");
        }
        match event_name {
            Some(EventNamePlace::Header(name)) => add(self.signs_header(name), "the event's name"),
            Some(EventNamePlace::LastPathSegment) => add(url, "the event's name"),
            Some(EventNamePlace::Body | EventNamePlace::Route) | None => {}
        }
        if self.id.is_some() {
            add(self.always_signs(|part| *part == Part::Id), "the id of the delivery");
        }
        if self.time.is_some() {
            add(self.signs_time(), "the time");
        }
        let members = self.members();
        if self.always_signs(|part| matches!(part, Part::Body | Part::Digest)) {
            add(true, "the body");
        } else if self.always_signs(|part| matches!(part, Part::Body | Part::Digest | Part::BodyWithoutSpaces)) {
            add(true, "the body");
            add(false, "the space after each `:` and `,`");
        } else if members.is_empty() {
            add(false, "the body");
        } else {
            members.iter().for_each(|member| add(true, &format!("the member `{member}` of the body")));
            add(false, "the rest of the body");
        }
        if !url {
            add(false, "the URL");
        }

        let mut rest = Vec::new();
        if !unsigned.is_empty() {
            rest.push(format!("{} not", are(&unsigned)));
        }
        if self.time.is_none() {
            rest.push("there is no time".to_owned());
        }
        let proof = format!("{} signed", are(&signed));
        if rest.is_empty() { proof } else { format!("{proof}; {}", rest.join(", and ")) }
    }

    fn signs_header(&self, wanted: &str) -> bool {
        self.always_signs(|part| matches!(part, Part::Header(name) if name.eq_ignore_ascii_case(wanted)))
    }

    /// The members of the body that are signed whichever text is.
    fn members(&self) -> Vec<&'static str> {
        let first = self.signed.first().copied().unwrap_or_default();
        let members = first.iter().filter_map(|part| match part {
            Part::Member(pointer) => Some(*pointer),
            _ => None,
        });
        members.filter(|pointer| self.always_signs(|part| *part == Part::Member(pointer))).collect()
    }
}

/// A list and its verb: "a, b and c are".
fn are(list: &[String]) -> String {
    match list {
        [] => "nothing is".to_owned(),
        [one] => format!("{one} is"),
        [first @ .., last] => format!("{} and {last} are", first.join(", ")),
    }
}
