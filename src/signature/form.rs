//! The value of the header that carries a signature.

use crate::catalogue::{Encoding, FormPart, Signature, TimeFormat};

/// The longest text of a form that an error shows in full.
const SHOWN: usize = 12;

/// The form of a header's value, taken apart once.
#[derive(Clone)]
pub(super) struct Form {
    /// What each item of the value can be. Without a separator there is one, the whole value.
    items: Vec<Vec<FormPart>>,
    separator: Option<&'static str>,
}

/// What is in one item of a value.
#[derive(Default)]
pub(super) struct Item<'a> {
    pub(super) time: Option<&'a str>,
    pub(super) signature: Option<&'a str>,
}

impl Form {
    pub(super) fn new(signature: &Signature) -> Self {
        let mut items = vec![Vec::new()];
        for part in signature.form {
            let (FormPart::Text(text), Some(separator)) = (part, signature.separator) else {
                push(&mut items, *part);
                continue;
            };
            for (index, text) in text.split(separator).enumerate() {
                if index > 0 {
                    items.push(Vec::new());
                }
                push(&mut items, FormPart::Text(text));
            }
        }
        Self { items, separator: signature.separator }
    }

    /// The items of a value that the form has.
    pub(super) fn read<'a>(&self, value: &'a str) -> impl Iterator<Item = Item<'a>> {
        let separator = self.separator;
        let (whole, items) = match separator {
            Some(separator) => (None, Some(value.split(separator).map(str::trim_ascii))),
            None => (Some(value), None),
        };
        whole.into_iter().chain(items.into_iter().flatten()).filter_map(|text| {
            // Two of the items never fit one text, unless the form itself is ambiguous.
            self.items.iter().find_map(|item| read_item(item, text))
        })
    }
}

/// Adds a part to the last item. White space around an item does not count.
fn push(items: &mut [Vec<FormPart>], part: FormPart) {
    let Some(item) = items.last_mut() else { return };
    let part = match part {
        FormPart::Text(text) if item.is_empty() => FormPart::Text(text.trim_ascii_start()),
        part => part,
    };
    if part != FormPart::Text("") {
        item.push(part);
    }
}

fn read_item<'a>(form: &[FormPart], text: &'a str) -> Option<Item<'a>> {
    let mut found = Item::default();
    let mut rest = text;
    let mut parts = form.iter().peekable();
    while let Some(part) = parts.next() {
        if let FormPart::Text(text) = part {
            rest = rest.strip_prefix(text)?;
            continue;
        }
        let end = match parts.peek() {
            Some(FormPart::Text(next)) => rest.find(next)?,
            Some(FormPart::Time | FormPart::Signature) | None => rest.len(),
        };
        let (value, after) = rest.split_at_checked(end)?;
        rest = after;
        match part {
            FormPart::Time => found.time = Some(value),
            FormPart::Signature => found.signature = Some(value),
            FormPart::Text(_) => {}
        }
    }
    if rest.is_empty() { Some(found) } else { None }
}

/// The value of the header.
pub(super) fn write(form: &[FormPart], time: &str, signature: &str) -> String {
    let text = |part: &FormPart| match part {
        FormPart::Text(text) => (*text).to_owned(),
        FormPart::Time => time.to_owned(),
        FormPart::Signature => signature.to_owned(),
    };
    form.iter().map(text).collect()
}

/// What a value has to be, in words that follow "is not".
pub(super) fn expected(form: &[FormPart], encoding: Encoding, length: usize, time: Option<TimeFormat>) -> String {
    let bytes = encoding.expected(length);
    if matches!(form, [FormPart::Signature]) {
        return format!("a signature of {bytes}");
    }
    let shown = |part: &FormPart| match part {
        FormPart::Text(text) => match text.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => (*text).to_owned(),
        },
        FormPart::Time => time.map_or("TIME", TimeFormat::placeholder).to_owned(),
        FormPart::Signature => "SIGNATURE".to_owned(),
    };
    format!("of the form `{}` with {bytes}", form.iter().map(shown).collect::<String>())
}
