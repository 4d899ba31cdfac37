//! Diagnostics: what is wrong with a user's input, where, and what to do about it.
//!
//! Invariants:
//! - A diagnostic is a value. Code that finds a mistake pushes it to [`Diagnostics`] and goes on;
//!   `Err` is for a tool that could not do its work.
//! - Positions are byte ranges into a [`SourceMap`]; nothing here reads files.

mod registry;
pub mod render;
mod source;
mod suggest;

pub use registry::{Code, REGISTRY, code};
pub use render::{Format, Style, UnknownFormat, render};
pub use source::{FileId, SourceFile, SourceMap, Span, Spanned};
pub use suggest::{closest, did_you_mean};

use serde::Serialize;

/// How serious a finding is. Only errors stop generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; does not change the exit code.
    Note,
    /// Probably a mistake.
    Warning,
    /// The output would be wrong or would not evaluate.
    Error,
}

/// A secondary place that explains the primary one, such as the first of two definitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What stands there, in a few words.
    pub message: String,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code, from the registry or as `described`.
    pub code: &'static str,
    /// What the code means, if it is not in the registry: rules describe themselves.
    pub described: Option<&'static Code>,
    /// Severity.
    pub severity: Severity,
    /// One terse line, no final period, literals in backticks.
    pub message: String,
    /// Primary place; absent only for findings about no file (an empty spec folder).
    pub span: Option<Span>,
    /// Words under the primary place.
    pub label: Option<String>,
    /// Secondary places.
    pub related: Vec<Label>,
    /// What to do, one line each.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(
        code: &'static str,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(code, Severity::Error, span, message)
    }

    /// A warning at a place.
    pub fn warning(
        code: &'static str,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(code, Severity::Warning, span, message)
    }

    /// A note at a place.
    pub fn note(
        code: &'static str,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(code, Severity::Note, span, message)
    }

    /// A finding whose code is described elsewhere than in the registry.
    pub fn described(
        code: &'static Code,
        severity: Severity,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code: code.name,
            described: Some(code),
            severity,
            message: message.into(),
            span: span.into(),
            label: None,
            related: Vec::new(),
            help: Vec::new(),
        }
    }

    fn new(
        code: &'static str,
        severity: Severity,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
    ) -> Self {
        debug_assert!(
            registry::code(code).is_some(),
            "unregistered diagnostic code {code}"
        );
        Self {
            code,
            described: None,
            severity,
            message: message.into(),
            span: span.into(),
            label: None,
            related: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Adds words under the primary place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.label = Some(text.into());
        self
    }

    /// Adds a secondary place.
    #[must_use]
    pub fn related(mut self, span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        if let Some(span) = span.into() {
            self.related.push(Label {
                span,
                message: message.into(),
            });
        }
        self
    }

    /// Adds a line that says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }
}

/// The findings of a run, in the order in which they were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// No findings yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds all findings of another run.
    pub fn extend(&mut self, other: Diagnostics) {
        self.0.extend(other.0);
    }

    /// Whether there is an error among them.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Moves what was found after the first `count` findings from one place to a better one.
    pub fn relocate(&mut self, count: usize, from: Span, to: Span) {
        for diagnostic in self.0.iter_mut().skip(count) {
            if diagnostic.span == Some(from) {
                diagnostic.span = Some(to);
            }
        }
    }

    /// How many there are of one severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|d| d.severity == severity).count()
    }

    /// The findings.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// Sorts by file and place and drops exact repetitions, so that output does not depend on the
    /// order of the checks.
    pub fn sort(&mut self, sources: &SourceMap) {
        let key = |d: &Diagnostic| {
            let place = d
                .span
                .map(|s| (sources.path(s.file).to_owned(), s.start, s.end));
            (place, d.code, d.message.clone())
        };
        self.0.sort_by_cached_key(key);
        self.0.dedup();
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
