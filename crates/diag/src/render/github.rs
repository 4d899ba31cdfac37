//! GitHub workflow commands, a line for each finding.

use std::fmt::Write as _;

use super::{Region, message};
use crate::{Diagnostic, Diagnostics, Severity, SourceMap};

/// Writes the commands.
pub(super) fn render(diagnostics: &Diagnostics, sources: &SourceMap) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        command(&mut out, diagnostic, sources);
        out.push('\n');
    }
    out
}

fn command(out: &mut String, diagnostic: &Diagnostic, sources: &SourceMap) {
    let name = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    // Writing to a string does not fail.
    let _ = write!(out, "::{name} ");
    if let Some(span) = diagnostic.span {
        let Region {
            file,
            line,
            column,
            end_line,
            end_column,
        } = Region::new(sources, span);
        let _ = write!(
            out,
            "file={},line={line},endLine={end_line},",
            property(file)
        );
        // GitHub rejects columns on annotations of several lines.
        if line == end_line {
            let _ = write!(out, "col={column},endColumn={end_column},");
        }
    }
    let _ = write!(
        out,
        "title={}::{}",
        property(diagnostic.code),
        data(&diagnostic.message)
    );
    if let Some(label) = &diagnostic.label {
        let _ = write!(out, "%0A{}", data(label));
    }
    for label in &diagnostic.related {
        let place = sources.place(label.span);
        let _ = write!(out, "%0Anote: {}: {}", data(&place), data(&label.message));
    }
    for help in &diagnostic.help {
        let _ = write!(out, "%0Ahelp: {}", data(help));
    }
}

/// Text after the second `::`.
fn data(text: &str) -> String {
    let lines: Vec<_> = text
        .lines()
        .map(|line| message(line).replace('%', "%25"))
        .collect();
    lines.join("%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
