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
    #[error("`{code}` is not an expression: {}", first_message(.problems))]
    Code {
        /// The code.
        code: String,
        /// What is wrong with it.
        problems: Vec<ParseProblem>,
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
        let before = text.get(..error.start).unwrap_or(text);
        let near = text.lines().nth(before.matches('\n').count());
        Problem::Format {
            error,
            near: near.unwrap_or_default().trim().to_owned(),
        }
    }
}

fn first_message(problems: &[ParseProblem]) -> &str {
    problems.first().map_or("", |problem| &problem.message)
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
