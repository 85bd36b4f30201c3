//! JSON text: removes and adds white space, and splits the text into strings and other parts.

/// JSON without insignificant white space. Everything else, including numbers, stays as it is.
pub fn compact(json: &str) -> String {
    let white = |character: char| character.is_ascii_whitespace();
    parts(json).map(|(is_text, part)| if is_text { part.to_owned() } else { part.replace(white, "") }).collect()
}

/// Compact JSON with a space between its values.
pub fn spaced(json: &str) -> String {
    let spaced = |part: &str| part.replace(':', ": ").replace(',', ", ");
    parts(json).map(|(is_text, part)| if is_text { part.to_owned() } else { spaced(part) }).collect()
}

/// Compact JSON with indentation, as most programs print it; `None` if the result is longer than `most` bytes.
pub fn indented(json: &str, by: usize, most: usize) -> Option<String> {
    let (mut depth, mut written) = (0_usize, String::new());
    for (is_text, mut rest) in parts(json) {
        while let Some(first) = rest.chars().next() {
            let (token, after) = rest.split_at_checked(if is_text { rest.len() } else { first.len_utf8() })?;
            rest = after;
            let closes = matches!(token, "}" | "]");
            depth = depth.saturating_sub(closes.into());
            if written.ends_with(',') || written.ends_with(['{', '[']) != closes {
                written.push('\n');
                written.extend(std::iter::repeat_n(' ', by * depth));
            }
            written += token;
            match token {
                "{" | "[" => depth += 1,
                ":" => written.push(' '),
                _ => {}
            }
            if written.len() > most {
                return None;
            }
        }
    }
    Some(written)
}

/// The strings of JSON with their quotes, and the parts between them.
pub fn parts(json: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut rest = json;
    std::iter::from_fn(move || {
        let is_text = rest.starts_with('"');
        let end = if is_text {
            let mut escaped = true;
            rest.find(|character| {
                let ends = character == '"' && !escaped;
                escaped = character == '\\' && !escaped;
                ends
            })
            .map(|quote| quote + 1)
        } else {
            rest.find('"')
        };
        let (part, after) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        rest = after;
        (!part.is_empty()).then_some((is_text, part))
    })
}
