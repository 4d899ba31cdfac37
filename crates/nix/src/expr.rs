//! Checked Nix code.

use std::fmt;
use std::str::FromStr;

use rnix::SyntaxKind;
use rnix::ast::{self, BinOpKind};
use rowan::ast::AstNode;
use serde::{Serialize, Serializer};

use crate::ParseProblem;
use crate::parse::parse;

/// One Nix expression that Nix can read.
///
/// Because the whole text is one expression, it stays one wherever it is written: nothing in it can
/// close a bracket or end an attribute around it. Unbound names are not looked for here; see
/// [`crate::free_variables`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    code: String,
    shape: Shape,
    /// Whether the code ends in a comment, so that a line break has to follow it.
    ends_in_comment: bool,
}

/// How tightly an expression binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Stands anywhere: a name, a literal, something in brackets, a selection.
    Simple,
    /// A function application.
    Application,
    /// Lists joined by `++`.
    Concatenation,
    /// Everything else.
    Other,
}

impl Expr {
    /// Checks code and keeps it as written, without the white space around it.
    ///
    /// # Errors
    ///
    /// Everything that [`crate::parse_problems`] finds; the offsets are those of `code`.
    pub fn parse(code: &str) -> Result<Expr, Vec<ParseProblem>> {
        // Most code is a name, which needs no parser to be recognised; long paths nest too deep for one.
        if code.len() <= 200 && code.split('.').all(crate::is_identifier) {
            return Ok(Expr {
                code: code.to_owned(),
                shape: Shape::Simple,
                ends_in_comment: false,
            });
        }
        let root = parse(code)?;
        let Some(expr) = root.expr() else {
            let end = code.len();
            let message = "expected an expression".to_owned();
            return Err(vec![ParseProblem {
                start: end,
                end,
                message,
            }]);
        };
        let ends_in_comment = root
            .syntax()
            .descendants_with_tokens()
            .filter_map(rnix::SyntaxElement::into_token)
            .filter(|token| token.kind() != SyntaxKind::TOKEN_WHITESPACE)
            .last()
            .is_some_and(|token| token.kind() == SyntaxKind::TOKEN_COMMENT);
        Ok(Expr {
            code: code.trim().to_owned(),
            shape: shape(&expr),
            ends_in_comment,
        })
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.code
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    pub(crate) fn ends_in_comment(&self) -> bool {
        self.ends_in_comment
    }
}

fn shape(expr: &ast::Expr) -> Shape {
    match expr {
        ast::Expr::Ident(_)
        | ast::Expr::Literal(_)
        | ast::Expr::Str(_)
        | ast::Expr::List(_)
        | ast::Expr::AttrSet(_)
        | ast::Expr::Paren(_)
        | ast::Expr::PathAbs(_)
        | ast::Expr::PathRel(_)
        | ast::Expr::PathHome(_)
        | ast::Expr::PathSearch(_)
        | ast::Expr::CurPos(_)
        | ast::Expr::Select(_) => Shape::Simple,
        ast::Expr::Apply(_) => Shape::Application,
        ast::Expr::BinOp(operation) if operation.operator() == Some(BinOpKind::Concat) => {
            Shape::Concatenation
        }
        _ => Shape::Other,
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)
    }
}

impl FromStr for Expr {
    type Err = Vec<ParseProblem>;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Expr::parse(code)
    }
}

impl Serialize for Expr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::{Expr, Shape};

    #[test]
    fn names_are_read_as_by_the_parser() {
        let words = [
            "a", "a-b", "a'", "_", "or", "if", "then", "rec", "let", "inherit", "null", "true",
            "1", "", "é",
        ];
        for first in words {
            for second in words {
                for text in [
                    first.to_owned(),
                    format!("{first}.{second}"),
                    format!("a.{first}.{second}"),
                ] {
                    // With a comment in front it is no plain name.
                    let parsed = Expr::parse(&format!("/**/{text}"));
                    let found = Expr::parse(&text);
                    assert_eq!(
                        found.map(|it| it.shape).ok(),
                        parsed.map(|it| it.shape).ok(),
                        "{text}"
                    );
                }
            }
        }
    }

    #[test]
    fn shapes() {
        let cases = [
            ("config.a.b", Shape::Simple),
            ("config.a.b or c", Shape::Simple),
            ("./x.nix", Shape::Simple),
            ("{ a = 1; }", Shape::Simple),
            ("rec { a = 1; }", Shape::Simple),
            ("f x", Shape::Application),
            ("a or", Shape::Application),
            ("[ a ] ++ b", Shape::Concatenation),
            ("a + b", Shape::Other),
            ("x: x", Shape::Other),
            ("-1", Shape::Other),
            ("if a then b else c", Shape::Other),
            ("let a = 1; in a", Shape::Other),
        ];
        for (code, shape) in cases {
            assert_eq!(Expr::parse(code).unwrap().shape(), shape, "{code}");
        }
    }

    #[test]
    fn white_space_is_dropped_and_comments_are_kept() {
        let expr = Expr::parse("\n  a # why\n").unwrap();
        assert_eq!(expr.as_str(), "a # why");
        assert!(expr.ends_in_comment());
        assert!(!Expr::parse("# why\na").unwrap().ends_in_comment());
    }

    #[test]
    fn escapes_from_the_expression_are_refused() {
        let cases = [
            "",
            "  ",
            "# only a comment",
            "1; b = 2",
            "1 ) (",
            "]",
            "} {",
            "a }",
            "\"",
            "''",
            "a # x\r; b = 2",
            "/* a",
            "${x}",
            "a = 1;",
            "(a ]",
            "[ a }",
        ];
        for code in cases {
            assert!(Expr::parse(code).is_err(), "{code}");
        }
    }
}
