//! A JSON list of findings. Its keys are an interface: they are always there, and none is renamed.

use serde::Serialize;

use super::{Region, to_json};
use crate::{Diagnostic, Diagnostics, Severity, SourceMap};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding<'a> {
    code: &'a str,
    severity: Severity,
    message: &'a str,
    file: Option<&'a str>,
    line: Option<usize>,
    column: Option<usize>,
    end_line: Option<usize>,
    end_column: Option<usize>,
    label: Option<&'a str>,
    related: Vec<Related<'a>>,
    help: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Related<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    message: &'a str,
}

/// Writes the list.
pub(super) fn render(diagnostics: &Diagnostics, sources: &SourceMap) -> String {
    to_json(
        &diagnostics
            .iter()
            .map(|d| finding(d, sources))
            .collect::<Vec<_>>(),
    )
}

fn finding<'a>(diagnostic: &'a Diagnostic, sources: &'a SourceMap) -> Finding<'a> {
    let region = diagnostic.span.map(|span| Region::new(sources, span));
    let region = region.as_ref();
    Finding {
        code: diagnostic.code,
        severity: diagnostic.severity,
        message: &diagnostic.message,
        file: region.map(|r| r.file),
        line: region.map(|r| r.line),
        column: region.map(|r| r.column),
        end_line: region.map(|r| r.end_line),
        end_column: region.map(|r| r.end_column),
        label: diagnostic.label.as_deref(),
        related: diagnostic
            .related
            .iter()
            .map(|label| {
                let Region {
                    file, line, column, ..
                } = Region::new(sources, label.span);
                Related {
                    file,
                    line,
                    column,
                    message: &label.message,
                }
            })
            .collect(),
        help: &diagnostic.help,
    }
}
