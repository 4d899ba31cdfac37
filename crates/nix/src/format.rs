//! The official layout of Nix text.

use crate::depth;

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
    if let Some(problem) = depth::text_problem(text) {
        let crate::ParseProblem {
            start,
            end,
            message,
        } = problem;
        return Err(FormatError {
            start,
            end,
            message,
        });
    }
    nixfmt_rs::format(text).map_err(|error| {
        let range = error.byte_range();
        FormatError {
            start: range.start,
            end: range.end,
            message: error.message(),
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
