//! How a run ends.

use std::process::ExitCode;

use diag::{Diagnostics, Severity};

/// The result of a command that ran to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// Nothing to report.
    Clean,
    /// There are findings, or the output is not what the spec gives.
    Findings,
    /// The work could not be done.
    Failure,
}

/// Findings that say that the tool could not do its work at all.
const FAILURES: &[&str] = &["internal-error", "spec-missing", "spec-unreadable"];

impl Status {
    /// What findings make of a run. Notes do not count.
    pub(crate) fn of(diagnostics: &Diagnostics) -> Self {
        let one = |d: &diag::Diagnostic| match d.severity {
            Severity::Note => Self::Clean,
            _ if FAILURES.contains(&d.code) => Self::Failure,
            Severity::Error | Severity::Warning => Self::Findings,
        };
        diagnostics.iter().map(one).max().unwrap_or(Self::Clean)
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        ExitCode::from(match status {
            Status::Clean => 0,
            Status::Findings => 1,
            Status::Failure => 2,
        })
    }
}

#[cfg(test)]
mod tests {
    use diag::Diagnostic;

    use super::*;

    #[test]
    fn the_worst_finding_counts() {
        let mut diagnostics = Diagnostics::new();
        assert_eq!(Status::of(&diagnostics), Status::Clean);
        diagnostics.push(Diagnostic::note("output-missing", None, "a"));
        assert_eq!(Status::of(&diagnostics), Status::Clean);
        diagnostics.push(Diagnostic::warning("output-orphan-edited", None, "b"));
        assert_eq!(Status::of(&diagnostics), Status::Findings);
        diagnostics.push(Diagnostic::error("internal-error", None, "c"));
        diagnostics.push(Diagnostic::error("output-edited", None, "d"));
        assert_eq!(Status::of(&diagnostics), Status::Failure);
    }
}
