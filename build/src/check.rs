//! The lint and the simplification of a document, until the later steps support it.

use std::collections::HashSet;

use super::dialect;
use super::lint::{self, Demand};
use super::load::{Document, Finding, Severity};
use super::simplify;

/// Reports everything in a document that is not supported, in the order of the lines. If one of the findings is an error, the
/// document cannot be used. A warning is about something that is ignored, simplified or left out.
///
/// `file` is the file name in the findings. Requires the feature `lint`, which is on by default.
#[must_use]
pub fn lint(file: &str, text: &str) -> Vec<Finding> {
    match super::load(file, text).and_then(checked) {
        Ok((_, warnings)) => warnings,
        Err(findings) => findings,
    }
}

/// Returns a JSON Schema (draft-07) of the documents of OpenAPI 3.0 without findings, for editors.
/// Requires the feature `lint`, which is on by default.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    dialect::json_schema()
}

/// A document that the later steps support, with the warnings. An error is all findings.
#[doc(hidden)]
pub fn checked(mut document: Document) -> Result<(Document, Vec<Finding>), Vec<Finding>> {
    let mut found = lint::lint(&document, Demand::Complete);
    let mut warnings = std::mem::take(&mut document.warnings);
    if found.is_empty() {
        return Ok((document, warnings));
    }
    warnings.extend(simplify::simplify(&mut document));
    let mut errors = lint::lint(&document, Demand::Usable);
    if simplify::remove_examples(&mut document.root, &errors) {
        errors = lint::lint(&document, Demand::Usable);
    }
    // What the lint still refuses is an error, and everything else a warning.
    let key = |finding: &Finding| (finding.line, finding.column, finding.message.clone());
    let refused: HashSet<_> = errors.iter().map(key).collect();
    for finding in found.iter_mut().filter(|finding| !refused.contains(&key(finding))) {
        finding.severity = Severity::Warning;
    }
    let known: HashSet<_> = found.iter().map(key).collect();
    let is_usable = errors.is_empty();
    found.extend(errors.into_iter().filter(|error| !known.contains(&key(error))));
    found.append(&mut warnings);
    found.sort_by_key(|finding| (finding.line, finding.column));
    if is_usable { Ok((document, found)) } else { Err(found) }
}
