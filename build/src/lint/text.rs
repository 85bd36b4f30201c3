//! Lints descriptions: they become rustdoc, in which some Markdown is a failing doctest or a warning.

use std::ops::Range;

use pulldown_cmark::{
    BrokenLink, CodeBlockKind, CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, TextMergeWithOffset,
};

/// The languages that a code fence may name. Without one, rustdoc treats the code as Rust and runs it.
const LANGUAGES: &[&str] = &["text", "json", "yaml", "http", "sh", "xml", "html", "php"];

/// The maximum number of problems that are listed for one text.
const MAX_FAULTS: usize = 20;

/// The extensions of CommonMark that rustdoc enables.
const RUSTDOC: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_FOOTNOTES)
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS);

/// The problems that rustdoc would have with the text, each as a message and a help text.
pub(crate) fn faults(text: &str) -> Vec<(String, String)> {
    let mut faults = Faults { text, found: Vec::new() };
    for line in text.lines().filter(|line| line.contains('\t')) {
        faults.add(format!("a tab in the line `{}`", line.trim()), "write spaces");
    }
    if text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')) {
        faults.add("a control character".to_owned(), "remove it");
    }
    // rustdoc treats brackets without a link target as a link to a Rust item.
    let mut to_item = |_: BrokenLink<'_>| Some((CowStr::from(""), CowStr::from("")));
    let parser = Parser::new_with_broken_link_callback(text, RUSTDOC, Some(&mut to_item)).into_offset_iter();
    let (mut in_link, mut in_code) = (false, false);
    for (event, place) in TextMergeWithOffset::new(parser) {
        if faults.found.len() >= MAX_FAULTS {
            break;
        }
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                in_code = true;
                faults.code_block(&kind, place);
            }
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Start(Tag::Link { link_type, dest_url, .. } | Tag::Image { link_type, dest_url, .. }) => {
                in_link = true;
                if !matches!(link_type, LinkType::Autolink | LinkType::Email) && !is_url(&dest_url) {
                    faults.link(place);
                }
            }
            Event::End(TagEnd::Link | TagEnd::Image) => in_link = false,
            Event::Html(tag) | Event::InlineHtml(tag) => faults.tag(&tag),
            Event::Text(_) if !in_code => faults.prose(place, in_link),
            _ => {}
        }
    }
    faults.found
}

struct Faults<'a> {
    text: &'a str,
    found: Vec<(String, String)>,
}

impl<'a> Faults<'a> {
    fn add(&mut self, message: String, help: &str) {
        self.found.push((message, help.to_owned()));
    }

    fn at(&self, place: Range<usize>) -> &'a str {
        self.text.get(place).unwrap_or_default()
    }

    fn code_block(&mut self, kind: &CodeBlockKind<'_>, place: Range<usize>) {
        let block = self.at(place);
        let CodeBlockKind::Fenced(language) = kind else {
            let line = block.lines().next().unwrap_or_default().trim();
            let help = "indent by less than four spaces, or use a code fence with a language";
            return self.add(format!("the indented line `{line}` would become a doctest"), help);
        };
        let marker = |line: &'a str| line.split(|c| !matches!(c, '`' | '~')).next().unwrap_or_default();
        let fence = marker(block);
        if !LANGUAGES.contains(&language.trim()) {
            let message = match language.trim() {
                "" => format!("a code fence {fence} without language would become a doctest"),
                other => format!("a code fence with the language {other} may become a doctest"),
            };
            self.add(message, &format!("name a language: {fence}json or {fence}text"));
        }
        // In a quotation, the fence is after the quotation marks.
        let last = block.trim_end().lines().skip(1).last().unwrap_or_default().trim_start_matches(['>', ' ']);
        if !(last == marker(last) && last.starts_with(fence)) {
            self.add(format!("a code fence {fence} is not closed"), "close it on a line of its own");
        }
    }

    fn link(&mut self, place: Range<usize>) {
        let source = self.at(place);
        let shown = source.rsplit_once("](").map_or(source.to_owned(), |(text, _)| format!("{text}]"));
        let message = format!("`{}` would be treated as a link to a Rust item", shown.trim_start_matches('!'));
        self.add(message, "put it in backticks, or write a link: [text](https://…)");
    }

    fn tag(&mut self, html: &str) {
        for part in html.split('<').skip(1) {
            let tag = format!("<{}>", part.split('>').next().unwrap_or_default().trim_end());
            self.add(format!("`{tag}` would be treated as an HTML tag"), &format!("put it in backticks: `{tag}`"));
        }
    }

    /// Checks text that is neither code nor HTML.
    fn prose(&mut self, place: Range<usize>, in_link: bool) {
        for (at, _) in self.at(place.clone()).match_indices('`') {
            let (before, rest) = self.text.split_at_checked(place.start + at).unwrap_or_default();
            let is_escaped = before.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
            if !is_escaped && !before.ends_with('`') {
                let paragraph = rest.split("\n\n").next().unwrap_or_default().trim_start_matches('`');
                let words = paragraph.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
                self.add(format!("the backtick before \"{words}\" is not closed"), "close it in the same paragraph");
            }
        }
        for (at, _) in self.at(place.clone()).match_indices("http") {
            let rest = self.at(place.start + at..self.text.len());
            if is_url(rest) && !in_link {
                let end = |c: char| c.is_whitespace() || matches!(c, '>' | ')' | '`');
                let url = rest.split(end).next().unwrap_or_default().trim_end_matches(['.', ',', ';', ':']);
                self.add(format!("the URL {url} is bare"), &format!("put it in angle brackets: <{url}>"));
            }
        }
    }
}

fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}
