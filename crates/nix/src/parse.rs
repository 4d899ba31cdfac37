//! Parsing, and the problems of a text that keep Nix from reading it.
//!
//! The parser recovers from errors and is laxer than Nix in places; this module adds what Nix
//! refuses besides: duplicates, numbers out of range, functions without parentheses, and characters
//! that only the parser takes for white space.

use std::fmt;

use rnix::ast::{self, AstToken};
use rnix::{ParseError, SyntaxKind, SyntaxNode, SyntaxToken, TextRange};
use rowan::ast::AstNode;

use crate::{bindings, depth};

/// What is wrong with a Nix text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseProblem {
    /// The byte offset where the problem starts.
    pub start: usize,
    /// The byte offset after its end; equal to `start` at the end of the text.
    pub end: usize,
    /// One line without a final period.
    pub message: String,
}

impl ParseProblem {
    pub(crate) fn at(range: TextRange, message: impl Into<String>) -> ParseProblem {
        ParseProblem {
            start: range.start().into(),
            end: range.end().into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for ParseProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ParseProblem {}

/// Everything that keeps Nix from reading `text`, in order; empty if Nix reads it.
///
/// These are the errors of the syntax, and the duplicates that Nix refuses: attributes, `let`
/// bindings and function arguments. Names that are not bound are [`crate::free_variables`].
pub fn parse_problems(text: &str) -> Vec<ParseProblem> {
    parse(text).err().unwrap_or_default()
}

/// The tree of a text, for rules about code: shallow enough to walk recursively, and free of the
/// errors that the parser finds. What else [`parse_problems`] finds may still be in it, which makes
/// this several times cheaper.
///
/// # Errors
///
/// The errors of the parser, in order.
pub fn syntax(text: &str) -> Result<ast::Root, Vec<ParseProblem>> {
    if let Err(problem) = depth::of_text(text) {
        return Err(vec![problem]);
    }
    let parse = rnix::Root::parse(text);
    let root = parse.tree();
    if let Some(problem) = depth::tree_problem(root.syntax()) {
        return Err(vec![problem]);
    }
    let mut problems: Vec<ParseProblem> = parse
        .errors()
        .iter()
        .map(|error| syntax_problem(text, error))
        .collect();
    if problems.is_empty() {
        return Ok(root);
    }
    problems.sort_by_key(|problem| (problem.start, problem.end));
    problems.dedup();
    Err(problems)
}

/// The tree of a text that Nix reads, which is shallow enough to walk recursively.
pub(crate) fn parse(text: &str) -> Result<ast::Root, Vec<ParseProblem>> {
    if let Err(problem) = depth::of_text(text) {
        return Err(vec![problem]);
    }
    let parse = rnix::Root::parse(text);
    let root = parse.tree();
    if let Some(problem) = depth::tree_problem(root.syntax()) {
        return Err(vec![problem]);
    }
    let mut problems: Vec<ParseProblem> = parse
        .errors()
        .iter()
        .map(|error| syntax_problem(text, error))
        .collect();
    let is_broken = !problems.is_empty();
    problems.extend(lexical_problems(root.syntax(), is_broken));
    // A broken tree would give misleading findings.
    if problems.is_empty() {
        problems.extend(grammar_problems(root.syntax()));
        problems.extend(bindings::problems(root.syntax()));
    }
    if problems.is_empty() {
        return Ok(root);
    }
    problems.sort_by(|left, right| {
        (left.start, left.end, &left.message).cmp(&(right.start, right.end, &right.message))
    });
    problems.dedup();
    Err(problems)
}

fn syntax_problem(text: &str, error: &ParseError) -> ParseProblem {
    let end_of_text = TextRange::empty(rnix::TextSize::of(text));
    match error {
        ParseError::Unexpected(range) | ParseError::UnexpectedExtra(range) => {
            ParseProblem::at(*range, format!("unexpected {}", excerpt(text, *range)))
        }
        ParseError::UnexpectedWanted(_, range, wanted) => ParseProblem::at(
            *range,
            format!(
                "unexpected {}, expected {}",
                excerpt(text, *range),
                kind_names(wanted)
            ),
        ),
        ParseError::UnexpectedDoubleBind(range) => {
            ParseProblem::at(*range, "the arguments are named twice with `@`")
        }
        ParseError::UnexpectedEOFWanted(wanted) => ParseProblem::at(
            end_of_text,
            format!(
                "unexpected end of the text, expected {}",
                kind_names(wanted)
            ),
        ),
        ParseError::DuplicatedArgs(range, name) => {
            ParseProblem::at(*range, format!("duplicate function argument `{name}`"))
        }
        ParseError::RecursionLimitExceeded => ParseProblem::at(
            TextRange::up_to(rnix::TextSize::of(text)),
            format!("nested deeper than {}", depth::MAX_DEPTH),
        ),
        _ => ParseProblem::at(end_of_text, "unexpected end of the text"),
    }
}

/// The first words of a range, for a message.
fn excerpt(text: &str, range: TextRange) -> String {
    let text = text[range].trim().lines().next().unwrap_or_default();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

fn kind_names(kinds: &[SyntaxKind]) -> String {
    let mut names: Vec<&str> = kinds.iter().map(|kind| kind_name(*kind)).collect();
    names.dedup();
    match names.split_last() {
        None => "something else".to_owned(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

fn kind_name(kind: SyntaxKind) -> &'static str {
    match kind {
        SyntaxKind::TOKEN_IDENT | SyntaxKind::TOKEN_OR | SyntaxKind::TOKEN_CUR_POS => "a name",
        SyntaxKind::TOKEN_STRING_START => "a string",
        SyntaxKind::TOKEN_STRING_CONTENT => "text",
        SyntaxKind::TOKEN_STRING_END => "the end of the string",
        SyntaxKind::TOKEN_INTERPOL_START => "`${`",
        SyntaxKind::TOKEN_INTERPOL_END | SyntaxKind::TOKEN_R_BRACE => "`}`",
        SyntaxKind::TOKEN_L_BRACE => "`{`",
        SyntaxKind::TOKEN_L_PAREN => "`(`",
        SyntaxKind::TOKEN_R_PAREN => "`)`",
        SyntaxKind::TOKEN_L_BRACK => "`[`",
        SyntaxKind::TOKEN_R_BRACK => "`]`",
        SyntaxKind::TOKEN_ASSIGN => "`=`",
        SyntaxKind::TOKEN_SEMICOLON => "`;`",
        SyntaxKind::TOKEN_COLON => "`:`",
        SyntaxKind::TOKEN_AT => "`@`",
        SyntaxKind::TOKEN_ELLIPSIS => "`...`",
        SyntaxKind::TOKEN_THEN => "`then`",
        SyntaxKind::TOKEN_ELSE => "`else`",
        SyntaxKind::TOKEN_IN => "`in`",
        SyntaxKind::TOKEN_REC => "`rec`",
        _ => "an expression",
    }
}

/// Tokens that the parser takes and Nix does not. In a broken text the broken tokens are known.
fn lexical_problems(root: &SyntaxNode, is_broken: bool) -> Vec<ParseProblem> {
    root.descendants_with_tokens()
        .filter_map(rnix::SyntaxElement::into_token)
        .filter(|token| !is_broken || token.kind() != SyntaxKind::TOKEN_ERROR)
        .filter_map(|token| {
            lexical_problem(&token).map(|message| ParseProblem::at(token.text_range(), message))
        })
        .collect()
}

fn lexical_problem(token: &SyntaxToken) -> Option<String> {
    let text = token.text();
    if text.contains('\0') {
        return Some("a NUL character cannot stand in Nix text".to_owned());
    }
    match token.kind() {
        SyntaxKind::TOKEN_WHITESPACE => {
            let odd = text
                .chars()
                .find(|char| !matches!(char, ' ' | '\t' | '\r' | '\n'))?;
            Some(format!(
                "U+{:04X} is not white space to Nix",
                u32::from(odd)
            ))
        }
        // To Nix a carriage return ends the comment, so that code would follow.
        SyntaxKind::TOKEN_COMMENT if text.starts_with('#') => text
            .trim_end_matches('\r')
            .contains('\r')
            .then(|| "a carriage return ends the comment".to_owned()),
        SyntaxKind::TOKEN_INTEGER => ast::Integer::cast(token.clone())?
            .value()
            .is_err()
            .then(|| format!("the integer `{text}` does not fit in 64 bits")),
        SyntaxKind::TOKEN_FLOAT
            if text
                .strip_prefix("0.")
                .is_some_and(|rest| !rest.starts_with(|char: char| char.is_ascii_digit())) =>
        {
            Some(format!("the number `{text}` lacks a digit after its point"))
        }
        SyntaxKind::TOKEN_FLOAT => {
            let value = ast::Float::cast(token.clone())?.value().ok()?;
            let is_zero = !text
                .split(['e', 'E'])
                .next()?
                .contains(|char| ('1'..='9').contains(&char));
            (value.is_infinite() || value.is_subnormal() || (value == 0.0 && !is_zero))
                .then(|| format!("the number `{text}` is out of range"))
        }
        SyntaxKind::TOKEN_ERROR => Some(format!(
            "unexpected {}",
            excerpt(text, TextRange::up_to(rnix::TextSize::of(text)))
        )),
        _ => None,
    }
}

/// Nodes that the parser takes and Nix does not.
fn grammar_problems(root: &SyntaxNode) -> Vec<ParseProblem> {
    root.descendants()
        .filter_map(|node| {
            let message = match node.kind() {
                SyntaxKind::NODE_LAMBDA => {
                    let parent = node.parent()?.kind();
                    is_operator_or_list(parent).then_some("a function here needs parentheses")
                }
                SyntaxKind::NODE_PAREN => node
                    .last_token()
                    .is_none_or(|token| token.kind() != SyntaxKind::TOKEN_R_PAREN)
                    .then_some("the parenthesis is never closed"),
                SyntaxKind::NODE_STRING => {
                    let parent = node.parent()?.kind();
                    let is_name =
                        matches!(parent, SyntaxKind::NODE_ATTRPATH | SyntaxKind::NODE_INHERIT);
                    (is_name && node.first_token().is_some_and(|token| token.text() == "''"))
                        .then_some("an indented string cannot name an attribute")
                }
                // The parser joins a path and an interpolation that white space separates.
                kind if is_path(kind) => node
                    .children_with_tokens()
                    .filter_map(rnix::SyntaxElement::into_token)
                    .any(|token| !is_path_token(token.kind()))
                    .then_some("a path ends at white space"),
                SyntaxKind::NODE_ERROR => Some("unexpected text"),
                _ => None,
            };
            message.map(|message| ParseProblem::at(node.text_range(), message))
        })
        .collect()
}

fn is_path(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        SyntaxKind::NODE_PATH_ABS
            | SyntaxKind::NODE_PATH_HOME
            | SyntaxKind::NODE_PATH_REL
            | SyntaxKind::NODE_PATH_SEARCH
    )
}

fn is_path_token(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        SyntaxKind::TOKEN_PATH_ABS
            | SyntaxKind::TOKEN_PATH_HOME
            | SyntaxKind::TOKEN_PATH_REL
            | SyntaxKind::TOKEN_PATH_SEARCH
    )
}

fn is_operator_or_list(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        SyntaxKind::NODE_APPLY
            | SyntaxKind::NODE_BIN_OP
            | SyntaxKind::NODE_HAS_ATTR
            | SyntaxKind::NODE_LIST
            | SyntaxKind::NODE_SELECT
            | SyntaxKind::NODE_UNARY_OP
    )
}

/// The expression without the parentheses around it, which mean nothing to Nix.
pub(crate) fn without_parens(mut expr: ast::Expr) -> ast::Expr {
    while let ast::Expr::Paren(paren) = &expr
        && let Some(inner) = paren.expr()
    {
        expr = inner;
    }
    expr
}

#[cfg(test)]
mod tests {
    use super::parse_problems;

    #[test]
    fn messages_and_places() {
        let cases = [
            (
                "{ a = ; }",
                (
                    6,
                    7,
                    "unexpected `;`, expected `(`, `rec`, `{`, `[`, a string or a name",
                ),
            ),
            ("{ a = 1 }", (8, 9, "unexpected `}`, expected `;`")),
            ("{ a = 1; ", (9, 9, "unexpected end of the text")),
            ("1 }", (2, 3, "unexpected `}`")),
            ("", (0, 0, "unexpected end of the text")),
            ("(1 ]", (0, 4, "the parenthesis is never closed")),
            ("[ x: x ]", (2, 6, "a function here needs parentheses")),
            (
                "a@{ b }@c: 1",
                (7, 9, "the arguments are named twice with `@`"),
            ),
            ("\u{a0}1", (0, 2, "U+00A0 is not white space to Nix")),
            ("\"\0\"", (1, 2, "a NUL character cannot stand in Nix text")),
            ("1 # a\r+ x", (2, 9, "a carriage return ends the comment")),
            (
                "99999999999999999999",
                (
                    0,
                    20,
                    "the integer `99999999999999999999` does not fit in 64 bits",
                ),
            ),
            ("1.0e999", (0, 7, "the number `1.0e999` is out of range")),
            (
                "{ ''a'' = 1; }",
                (2, 7, "an indented string cannot name an attribute"),
            ),
            (
                "let ${x} = 1; in 1",
                (6, 7, "a computed name cannot stand in `let`"),
            ),
            (
                "{ inherit ${x}; }",
                (10, 14, "a computed name cannot be inherited"),
            ),
        ];
        for (text, (start, end, message)) in cases {
            let problems = parse_problems(text);
            let first = &problems[0];
            assert_eq!(
                (first.start, first.end, first.message.as_str()),
                (start, end, message),
                "{text}"
            );
        }
    }

    #[test]
    fn all_problems_are_found_at_once() {
        assert_eq!(
            parse_problems("{ a = 1; a = 2; b = x: [ y: y ]; b = 3; }").len(),
            3
        );
    }
}
