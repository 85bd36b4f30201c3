//! `--version`: what this program was built from.

use std::fmt::Write as _;

use pos_webhooks::catalogue::Source;

use crate::providers;

/// The version with the commit, the features, and the documents with the dates of their sources.
pub fn long() -> String {
    let features = env!("POS_WEBHOOKS_FEATURES");
    let mut text = format!(
        "{}\ncommit:   {}\nfeatures: {}\n",
        env!("CARGO_PKG_VERSION"),
        option_env!("POS_WEBHOOKS_COMMIT").unwrap_or("unknown"),
        if features.is_empty() { "none" } else { features },
    );
    if !providers::all().is_empty() {
        text += "\nDocuments:\n";
    }
    let width = providers::width();
    for provider in providers::all() {
        // Dates of ISO 8601 are in order as text.
        let newest = |date: fn(&Source) -> Option<&'static str>| provider.sources.iter().filter_map(date).max();
        let dates = [("sources of", newest(|it| it.date)), ("read on", newest(|it| it.read))];
        let dates: String = dates.into_iter().filter_map(|(what, date)| Some(format!(", {what} {}", date?))).collect();
        let _ = writeln!(text, "  {:width$}{}, version {}{dates}", provider.name, provider.title, provider.version);
    }
    text.trim_end().to_owned()
}
