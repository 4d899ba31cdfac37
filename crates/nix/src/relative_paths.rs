//! The relative paths in a Nix text, so that what a file reaches can be found.

use rnix::SyntaxNode;
use rnix::ast::{self, AstToken, BinOpKind, InterpolPart};
use rowan::ast::AstNode;
use serde::Serialize;

use crate::ParseProblem;
use crate::parse::parse;
use crate::string::static_text;

/// A relative path in a Nix text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RelativePath {
    /// The path as written, such as `../y/z.png`. Text added to it is a part of it: `./. + "/a b"`
    /// is `./a b`. A dynamic path is cut before what is computed.
    pub path: String,
    /// Whether a part of the path is computed, so that the file is not known.
    pub dynamic: bool,
    /// The byte offset where the literal, or the sum, starts.
    pub start: usize,
    /// The byte offset after its end.
    pub end: usize,
}

/// Every relative path in `text`, in order.
///
/// # Errors
///
/// The problems of [`crate::parse_problems`].
pub fn relative_paths(text: &str) -> Result<Vec<RelativePath>, Vec<ParseProblem>> {
    let root = parse(text)?;
    Ok(root
        .syntax()
        .descendants()
        .filter_map(ast::PathRel::cast)
        .map(read)
        .collect())
}

fn read(literal: ast::PathRel) -> RelativePath {
    let mut path = String::new();
    let mut dynamic = false;
    for part in literal.parts() {
        match part {
            InterpolPart::Literal(part) if !dynamic => path.push_str(part.syntax().text()),
            InterpolPart::Literal(_) => {}
            InterpolPart::Interpolation(_) => dynamic = true,
        }
    }
    let mut node = literal.syntax().clone();
    while let Some((sum, added)) = added_to(&node) {
        match static_text(&added) {
            Some(text) if !dynamic => {
                // Only the base may end in `.`, which stands for the folder itself.
                if path.ends_with("/.") && text.starts_with('/') {
                    path.truncate(path.len() - 2);
                }
                path.push_str(&text);
            }
            _ => dynamic = true,
        }
        node = sum;
    }
    // Something that is not a string literal may still be added.
    dynamic |= is_augend(&node);
    let range = node.text_range();
    RelativePath {
        path,
        dynamic,
        start: range.start().into(),
        end: range.end().into(),
    }
}

/// The sum that adds a string literal to this node, and the literal.
fn added_to(node: &SyntaxNode) -> Option<(SyntaxNode, ast::Str)> {
    let sum = is_augend(node).then(|| node.parent())??;
    match ast::BinOp::cast(sum.clone())?.rhs()? {
        ast::Expr::Str(added) => Some((sum, added)),
        _ => None,
    }
}

/// Whether something is added to this node.
fn is_augend(node: &SyntaxNode) -> bool {
    node.parent().and_then(ast::BinOp::cast).is_some_and(|sum| {
        sum.operator() == Some(BinOpKind::Add)
            && sum.lhs().is_some_and(|augend| augend.syntax() == node)
    })
}

#[cfg(test)]
mod tests {
    use super::relative_paths;

    #[test]
    fn found() {
        let cases = [
            (
                "{ imports = [ ./x.nix ../y/z.png ]; }",
                vec![
                    ("./x.nix", false, "./x.nix"),
                    ("../y/z.png", false, "../y/z.png"),
                ],
            ),
            (
                "{ a = a/b; c = /etc/x; d = ~/x; e = <nixpkgs/x>; f = \"./x\"; }",
                vec![("a/b", false, "a/b")],
            ),
            (
                "[ ./${x}/y ./a/${x} ]",
                vec![("./", true, "./${x}/y"), ("./a/", true, "./a/${x}")],
            ),
            ("./. + \"/a b\"", vec![("./a b", false, "./. + \"/a b\"")]),
            (
                "../x + \"/a b\" + \"/c\"",
                vec![("../x/a b/c", false, "../x + \"/a b\" + \"/c\"")],
            ),
            ("./x + \".nix\"", vec![("./x.nix", false, "./x + \".nix\"")]),
            ("./. + \"/${x}\"", vec![("./.", true, "./. + \"/${x}\"")]),
            ("./. + x", vec![("./.", true, "./.")]),
            ("x + ./y", vec![("./y", false, "./y")]),
            ("\"${./a}\" # ./b", vec![("./a", false, "./a")]),
        ];
        for (text, expected) in cases {
            let found = relative_paths(text).unwrap();
            let found: Vec<_> = found
                .iter()
                .map(|found| {
                    (
                        found.path.as_str(),
                        found.dynamic,
                        &text[found.start..found.end],
                    )
                })
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
