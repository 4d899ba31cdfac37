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

/// The tree of a text that Nix reads, which is shallow enough to walk recursively.
pub(crate) fn parse(text: &str) -> Result<ast::Root, Vec<ParseProblem>> {
    if let Some(problem) = depth::text_problem(text) {
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
    problems.extend(lexical_problems(root.syntax()));
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

/// Tokens that the parser takes and Nix does not.
fn lexical_problems(root: &SyntaxNode) -> Vec<ParseProblem> {
    root.descendants_with_tokens()
        .filter_map(rnix::SyntaxElement::into_token)
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
                SyntaxKind::NODE_ERROR => Some("unexpected text"),
                _ => None,
            };
            message.map(|message| ParseProblem::at(node.text_range(), message))
        })
        .collect()
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
