//! The official layout of Nix text.

use std::thread;

use crate::depth;

/// The depth up to which any thread's stack does; written text hardly goes beyond it.
const SHALLOW: usize = 64;

/// The stack for deeper text, in bytes. The formatter uses some 10 KiB a level.
const LARGE_STACK: usize = 64 << 20;

/// Why a text cannot be laid out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FormatError {
    /// The byte offset where the problem starts.
    pub start: usize,
    /// The byte offset after its end.
    pub end: usize,
    /// One line without a final period.
    pub message: String,
}

/// Lays text out the way the official formatter (RFC 166) does.
///
/// # Errors
///
/// The first syntax error. Use [`crate::parse_problems`] for all of them.
pub fn format(text: &str) -> Result<String, FormatError> {
    let depth = depth::of_text(text).map_err(|problem| FormatError {
        start: problem.start,
        end: problem.end,
        message: problem.message,
    })?;
    let result = if depth <= SHALLOW {
        nixfmt_rs::format(text)
    } else {
        on_large_stack(text)?
    };
    result.map_err(|error| {
        let range = error.byte_range();
        FormatError {
            start: range.start,
            end: range.end,
            message: error.message(),
        }
    })
}

/// Runs the formatter in a thread of its own.
fn on_large_stack(text: &str) -> Result<Result<String, nixfmt_rs::ParseError>, FormatError> {
    thread::scope(|scope| {
        thread::Builder::new()
            .stack_size(LARGE_STACK)
            .spawn_scoped(scope, || nixfmt_rs::format(text))
            .ok()
            .and_then(|thread| thread.join().ok())
    })
    .ok_or_else(|| {
        let message = "nested too deep to be laid out here".to_owned();
        FormatError {
            start: 0,
            end: text.len(),
            message,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::format;
    use crate::MAX_DEPTH;

    #[test]
    fn laid_out() {
        assert_eq!(format("{a=1;}").unwrap(), "{ a = 1; }\n");
        let error = format("{ a = ").unwrap_err();
        assert_eq!((error.start, error.end), (6, 6), "{error}");
    }

    #[test]
    fn deep_text() {
        for (open, close) in [
            ("[", "]"),
            ("(", ")"),
            ("{ a = ", "; }"),
            ("f (", ")"),
            ("x: (", ")"),
        ] {
            let text = |n: usize| format!("{}1{}", open.repeat(n), close.repeat(n));
            format(&text(MAX_DEPTH / 2)).unwrap();
            assert!(format(&text(MAX_DEPTH + 1)).is_err());
            assert!(format(&open.repeat(100_000)).is_err());
        }
    }
}
