//! Descriptions become rustdoc, where some Markdown is a failing doctest or a warning.

/// Languages a code fence may name. Without one rustdoc takes the code for Rust and runs it.
const LANGUAGES: &[&str] = &["text", "json", "yaml", "http", "sh", "xml", "html", "php"];

/// What rustdoc would stumble over, as message and help.
pub(super) fn faults(text: &str) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    let prose = prose(text, &mut faults);
    Scanner { rest: &prose, faults }.scan()
}

/// The text without its code fences; reports what concerns whole lines.
fn prose(text: &str, faults: &mut Vec<(String, String)>) -> String {
    let mut prose = String::new();
    let mut open: Option<&str> = None;
    for line in text.lines() {
        if line.contains('\t') {
            faults.push(fault(format!("a tab in the line `{}`", line.trim()), "write spaces"));
        }
        let trimmed = line.trim_start();
        match (open, fence(trimmed)) {
            (Some(marker), _) => {
                if trimmed.starts_with(marker) && trimmed.trim_end().chars().all(|c| marker.starts_with(c)) {
                    open = None;
                }
            }
            (None, Some((marker, language))) => {
                if !LANGUAGES.contains(&language) {
                    let message = match language {
                        "" => format!("a code fence {marker} without language would become a doctest"),
                        other => format!("a code fence with the language {other} may become a doctest"),
                    };
                    faults.push(fault(message, &format!("name a language: {marker}json or {marker}text")));
                }
                open = Some(marker);
            }
            (None, None) => {
                if !trimmed.is_empty() && line.len() - trimmed.len() >= 4 {
                    let message = format!("the indented line `{}` would become a doctest", trimmed.trim_end());
                    faults.push(fault(message, "indent by less than four spaces, or use a code fence with a language"));
                }
                prose.push_str(line);
            }
        }
        prose.push('\n');
    }
    if let Some(marker) = open {
        faults.push(fault(format!("a code fence {marker} is never closed"), "close it with a line of its own"));
    }
    prose
}

/// The marker and language of a line that opens or closes a code fence.
fn fence(line: &str) -> Option<(&str, &str)> {
    let first = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let rest = line.trim_start_matches(first);
    let marker = line.strip_suffix(rest)?;
    (marker.len() >= 3 && !rest.contains('`')).then(|| (marker, rest.trim()))
}

fn fault(message: String, help: &str) -> (String, String) {
    (message, help.to_owned())
}

/// Reads prose from left to right, over everything that Markdown does not take literally.
struct Scanner<'a> {
    rest: &'a str,
    faults: Vec<(String, String)>,
}

impl<'a> Scanner<'a> {
    fn scan(mut self) -> Vec<(String, String)> {
        while let Some(first) = self.rest.chars().next() {
            let length = match first {
                '\\' => 1 + self.rest.chars().nth(1).map_or(0, char::len_utf8),
                '`' => self.code(),
                '<' => self.angle(),
                '[' => self.bracket(),
                'h' if is_url(self.rest) => self.bare_url(),
                other => other.len_utf8(),
            };
            self.rest = self.rest.get(length..).unwrap_or("");
        }
        self.faults
    }

    /// The part of the text before `end`, if `end` comes in the same paragraph.
    fn until(&self, text: &'a str, end: char) -> Option<&'a str> {
        let paragraph = text.split("\n\n").next()?;
        paragraph.split_once(end).map(|(before, _)| before)
    }

    fn code(&mut self) -> usize {
        let ticks = self.rest.len() - self.rest.trim_start_matches('`').len();
        let mut at = ticks;
        let paragraph = self.rest.split("\n\n").next().unwrap_or("");
        while let Some(next) = paragraph.get(at..).and_then(|tail| tail.find('`')) {
            let run = paragraph.get(at + next..).map_or(0, |tail| tail.len() - tail.trim_start_matches('`').len());
            at += next + run;
            if run == ticks {
                return at;
            }
        }
        let message = format!("the backtick before \"{}\" is never closed", start(paragraph.trim_start_matches('`')));
        self.faults.push(fault(message, "close it in the same paragraph"));
        ticks
    }

    fn angle(&mut self) -> usize {
        let inner = self.rest.get(1..).unwrap_or("");
        let Some(content) = self.until(inner, '>') else {
            return 1;
        };
        let scheme = content.split_once(':').is_some_and(|(scheme, _)| {
            scheme.len() >= 2 && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-'))
        });
        if (scheme || content.contains('@')) && !content.contains(char::is_whitespace) {
            return content.len() + 2;
        }
        if !content.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!')) {
            return 1;
        }
        let message = format!("`<{content}>` would be taken for an HTML tag");
        self.faults.push(fault(message, &format!("put it in backticks: `<{content}>`")));
        content.len() + 2
    }

    fn bracket(&mut self) -> usize {
        let inner = self.rest.get(1..).unwrap_or("");
        let Some(content) = self.until(inner, ']') else {
            return 1;
        };
        let target = inner.get(content.len()..).and_then(|tail| tail.strip_prefix("]("));
        if let Some(target) = target.and_then(|tail| self.until(tail, ')'))
            && is_url(target.trim_start_matches('<'))
        {
            return content.len() + target.len() + 4;
        }
        let message = format!("`[{content}]` would be taken for a link to a Rust item");
        self.faults.push(fault(message, "put it in backticks, or write a link: [text](https://…)"));
        content.len() + 2
    }

    fn bare_url(&mut self) -> usize {
        let url = self.rest.split(|c: char| c.is_whitespace() || matches!(c, '>' | ')' | '`')).next().unwrap_or("");
        let shown = url.trim_end_matches(['.', ',', ';', ':']);
        self.faults.push(fault(format!("the URL {shown} is bare"), &format!("put it in angle brackets: <{shown}>")));
        url.len().max(1)
    }
}

fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

/// The first words of a text, for a message.
fn start(text: &str) -> String {
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
