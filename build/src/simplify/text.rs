//! Descriptions that are not valid as documentation.

use super::super::lint::text::faults;

/// The characters with a meaning in Markdown that becomes a link, a tag or code.
const MEANINGFUL: [char; 6] = ['\\', '`', '[', ']', '<', '>'];

/// Returns a text with the same words that is valid as documentation; `None` if the text is valid already.
pub(super) fn corrected(text: &str) -> Option<String> {
    if faults(text).is_empty() {
        return None;
    }
    let plain = text.lines().map(plain).collect::<Vec<_>>().join("\n");
    if faults(&plain).is_empty() {
        return Some(plain);
    }
    let words = |c: char| if c.is_alphanumeric() || " .,;:!?'()-\n".contains(c) { c } else { ' ' };
    Some(plain.replace("http", "").chars().map(words).collect())
}

/// A line without indentation, in which Markdown has no meaning and URLs are links.
fn plain(line: &str) -> String {
    let mut out = String::new();
    for word in line.trim().split(' ') {
        let word: String = word.chars().filter(|c| !c.is_control()).collect();
        let start = word.find("https://").or_else(|| word.find("http://"));
        let (before, url) = word.split_at_checked(start.unwrap_or(word.len())).unwrap_or((&word, ""));
        let end = url.find(|c: char| MEANINGFUL.contains(&c) || "()\"'|*".contains(c)).unwrap_or(url.len());
        let (url, after) = url.split_at_checked(end).unwrap_or((url, ""));
        let escaped = |out: &mut String, text: &str| {
            for c in text.replace("http", "HTTP").chars() {
                out.extend(MEANINGFUL.contains(&c).then_some('\\'));
                out.push(c);
            }
        };
        if !out.is_empty() {
            out.push(' ');
        }
        escaped(&mut out, before);
        let stop = url.len() - url.trim_end_matches(['.', ',', ';', ':']).len();
        let (url, stop) = url.split_at_checked(url.len() - stop).unwrap_or((url, ""));
        if !url.is_empty() {
            out.push_str(&format!("<{url}>{stop}"));
        }
        escaped(&mut out, after);
    }
    out
}
