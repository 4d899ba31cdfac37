//! The page of diagnostic codes, from the registry.

use std::fmt::Write as _;

use super::markdown::code;

/// The page.
pub(super) fn page() -> String {
    let mut text = String::from("# Diagnostics\n\n");
    text.push_str(super::notice());
    text.push_str(
        "Every finding has a code, which never changes its meaning. Errors stop generation, warnings \
         make `gen` end with 1, notes do neither.\n",
    );
    for entry in diag::REGISTRY {
        let _ = write!(
            text,
            "\n## {}\n\n{}\n\n{}\n",
            code(entry.name),
            sentence(entry.summary),
            entry.explanation.trim()
        );
    }
    text
}

/// A summary as a sentence.
fn sentence(summary: &str) -> String {
    let mut chars = summary.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    format!("**{}{}.**", first.unwrap_or_default(), chars.as_str())
}
