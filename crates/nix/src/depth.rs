//! A bound on nesting, so that no hostile text overflows the stack.
//!
//! The parsers recurse, so the tokens are counted before anything is parsed, without recursion;
//! the finished tree is measured as well, because whatever walks it recurses too.

use rnix::{SyntaxKind, SyntaxNode, WalkEvent};

use crate::ParseProblem;

/// How many brackets may be open at once in Nix text, and how deep a [`crate::Value`] may be.
pub const MAX_DEPTH: usize = 256;

/// How many operators and arguments may be pending at once: each may nest the tree once.
const MAX_PENDING: usize = 768;

/// How many syntax nodes may lie above one another.
const MAX_TREE_DEPTH: usize = 1024;

fn too_deep(start: usize, end: usize) -> ParseProblem {
    ParseProblem {
        start,
        end,
        message: format!("nested deeper than {MAX_DEPTH}"),
    }
}

/// An open bracket, or the text as a whole.
struct Level {
    /// Whether elements stand side by side here, instead of being applied to one another.
    is_list: bool,
    /// Whether the current statement is an `inherit`, whose names stand side by side too.
    is_inherit: bool,
    /// The operators and arguments since the last separator.
    n_pending: usize,
}

impl Level {
    fn new(is_list: bool) -> Level {
        Level {
            is_list,
            is_inherit: false,
            n_pending: 0,
        }
    }
}

/// How deep a text is nested, counting each open bracket, and each name and operator before it; the
/// first place that is too deep to be parsed is an error.
pub(crate) fn of_text(text: &str) -> Result<usize, ParseProblem> {
    let mut deepest = 0;
    let mut levels = vec![Level::new(false)];
    let mut n_pending = 0;
    let mut offset = 0;
    for (kind, token) in rnix::tokenize(text) {
        let end = offset + token.len();
        if let Some(level) = levels.last_mut() {
            let added = match kind {
                SyntaxKind::TOKEN_SEMICOLON | SyntaxKind::TOKEN_COMMA => {
                    n_pending -= level.n_pending;
                    level.n_pending = 0;
                    level.is_inherit = false;
                    0
                }
                SyntaxKind::TOKEN_INHERIT => {
                    level.is_inherit = true;
                    0
                }
                kind if kind.is_trivia() || is_string_inside(kind) => 0,
                // Interpolations stand side by side in their string or path.
                SyntaxKind::TOKEN_INTERPOL_START => 0,
                kind if is_closing(kind) => 0,
                _ if level.is_list || level.is_inherit => 0,
                _ => 1,
            };
            level.n_pending += added;
            n_pending += added;
        }
        if is_opening(kind) {
            levels.push(Level::new(kind == SyntaxKind::TOKEN_L_BRACK));
        } else if is_closing(kind)
            && levels.len() > 1
            && let Some(level) = levels.pop()
        {
            n_pending -= level.n_pending;
        }
        // Each bracket, name and operator counts, so half of the tokens are names between operators.
        if levels.len() > MAX_DEPTH + 1 || n_pending > 2 * MAX_PENDING {
            return Err(too_deep(offset, end));
        }
        deepest = deepest.max(levels.len() + n_pending);
        offset = end;
    }
    Ok(deepest)
}

/// The first place where the tree is too deep to be walked, if there is one.
pub(crate) fn tree_problem(root: &SyntaxNode) -> Option<ParseProblem> {
    let mut depth = 0;
    for event in root.preorder() {
        match event {
            WalkEvent::Enter(node) => {
                depth += 1;
                if depth > MAX_TREE_DEPTH {
                    let range = node.text_range();
                    return Some(too_deep(range.start().into(), range.end().into()));
                }
            }
            WalkEvent::Leave(_) => depth -= 1,
        }
    }
    None
}

fn is_opening(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        SyntaxKind::TOKEN_L_BRACE
            | SyntaxKind::TOKEN_L_BRACK
            | SyntaxKind::TOKEN_L_PAREN
            | SyntaxKind::TOKEN_INTERPOL_START
    )
}

fn is_closing(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        SyntaxKind::TOKEN_R_BRACE
            | SyntaxKind::TOKEN_R_BRACK
            | SyntaxKind::TOKEN_R_PAREN
            | SyntaxKind::TOKEN_INTERPOL_END
    )
}

fn is_string_inside(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        SyntaxKind::TOKEN_STRING_CONTENT | SyntaxKind::TOKEN_STRING_END
    )
}

#[cfg(test)]
mod tests {
    use super::{MAX_DEPTH, of_text};

    #[test]
    fn wide_is_not_deep() {
        let wide = [
            format!("[ {} ]", "a (b c) ".repeat(20_000)),
            format!("{{ {} }}", "a.b = f x + 1; ".repeat(20_000)),
            format!("{{ inherit (x) {}; }}", "a ".repeat(5_000)),
            format!("\"{}\"", "${a}".repeat(20_000)),
            format!("{{ {} ... }}: 1", "a ? 1, ".repeat(5_000)),
            format!("[ {} ] ++ [ ]", "[ 1 ] ".repeat(20_000)),
        ];
        for text in wide {
            assert!(of_text(&text).unwrap() < 100);
        }
    }

    #[test]
    fn deep_is_refused() {
        let openings = [
            "[",
            "(",
            "{ a = ",
            "\"${",
            "''${",
            "- ",
            "! ",
            "a ++ ",
            "a + ",
            "a // ",
            "f ",
            "x: ",
            "x@{ a }: ",
            "if a then b else ",
            "with a; (",
            "let a = 1; in (",
            "a -> ",
            "a ? b ? ",
            "f (",
            "[ (",
            "{ a, b ? (",
            "rec { a = ",
        ];
        for opening in openings {
            let text = opening.repeat(100_000);
            assert_eq!(
                of_text(&text).unwrap_err().message,
                format!("nested deeper than {MAX_DEPTH}"),
                "{opening}"
            );
        }
    }
}
