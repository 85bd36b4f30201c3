//! The value of the header that carries a signature.

use crate::catalogue::{Encoding, FormPart, Signature, TimeFormat};

/// The maximum length of a text of a form that an error shows in full.
const SHOWN: usize = 12;

/// The form of a header's value, parsed once.
#[derive(Clone)]
pub(super) struct Form {
    /// The possible forms of an item. Without a separator there is one item, which is the whole value.
    items: Vec<Vec<FormPart>>,
    separator: Option<&'static str>,
}

/// The content of one item of a value.
#[derive(Default)]
pub(super) struct FormItem<'a> {
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

    /// Passes on the items of a value that match the form.
    pub(super) fn read<'a, E>(
        &self,
        value: &'a str,
        mut give: impl FnMut(FormItem<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        // A text matches at most one item, unless the form is ambiguous.
        let mut read = |text| self.items.iter().find_map(|item| read_item(item, text)).map_or(Ok(()), &mut give);
        let Some(separator) = self.separator else { return read(value) };
        match *separator.as_bytes() {
            // Searching for a character is faster than searching for a text.
            [one] => value.split(char::from(one)).map(str::trim_ascii).try_for_each(read),
            _ => value.split(separator).map(str::trim_ascii).try_for_each(read),
        }
    }
}

/// Adds a part to the last item. White space around an item is ignored.
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

fn read_item<'a>(form: &[FormPart], text: &'a str) -> Option<FormItem<'a>> {
    let mut found = FormItem::default();
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

/// What a value has to be, as a phrase that follows "is not".
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
