//! What can go wrong. The user's input was checked before, so all of it is a bug of ours.

use std::fmt::Write as _;

use nix::{AttrPath, FormatError, ParseProblem};

/// A bug in a template, a view or the resolution: the user's input was checked before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct RenderError {
    /// The output file.
    pub path: String,
    /// What went wrong.
    pub message: String,
}

impl RenderError {
    pub(crate) fn new(path: impl Into<String>, problem: &Problem) -> Self {
        Self {
            path: path.into(),
            message: problem.to_string(),
        }
    }
}

/// Why one file cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// A feature cannot be named.
    #[error("{0}")]
    Key(String),
    /// A value has no Nix text.
    #[error(transparent)]
    Value(#[from] nix::RenderError),
    /// A template failed.
    #[error("{}", template_message(.0))]
    Template(#[from] minijinja::Error),
    /// The text that a template gave is not Nix.
    #[error("{error} at `{near}`")]
    Format {
        /// The formatter's words.
        error: FormatError,
        /// The line it stopped at.
        near: String,
    },
    /// Code in the model is not an expression.
    #[error("{problem} at `{near}`")]
    Code {
        /// What is wrong with it.
        problem: String,
        /// The line where it is.
        near: String,
    },
    /// Two definitions of one option that do not merge.
    #[error("`{0}` is defined twice")]
    Conflict(AttrPath),
    /// A name that nothing around the code binds.
    #[error("`{0}` is bound by nothing")]
    Unbound(String),
    /// An asset of the model that was not given.
    #[error("the file `{0}` was not given")]
    MissingAsset(String),
    /// Two things are written to one path.
    #[error("two things are written to this path")]
    SamePath,
}

impl Problem {
    /// The formatter's error with the line it stopped at.
    pub(crate) fn format(error: FormatError, text: &str) -> Self {
        let near = line_at(text, error.start);
        Problem::Format { error, near }
    }

    /// The first problem of a code with the line where it is.
    pub(crate) fn code(problems: &[ParseProblem], code: &str) -> Self {
        let first = problems.first();
        Problem::Code {
            problem: first.map_or_else(String::new, |first| first.message.clone()),
            near: line_at(code, first.map_or(0, |first| first.start)),
        }
    }
}

fn line_at(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = text.lines().nth(before.matches('\n').count());
    line.unwrap_or_default().trim().to_owned()
}

/// The error with its causes; the innermost says most.
fn template_message(error: &minijinja::Error) -> String {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let _ = write!(message, ": {error}");
        cause = error.source();
    }
    message
}

pub(crate) type Result<T> = std::result::Result<T, Problem>;
