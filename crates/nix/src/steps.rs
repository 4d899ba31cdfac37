//! Every name in the attribute paths of a Nix text, with the names that lead to it: what sets bind and
//! what code selects.

use rnix::ast;
use rnix::{SyntaxKind, SyntaxNode};
use rowan::ast::AstNode;

use crate::ParseProblem;
use crate::bindings::{Name, name};
use crate::parse::syntax;

/// A name in an attribute path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The names that lead to it, and itself. A computed name is empty.
    pub path: Vec<String>,
    /// Whether it is selected (`a.b`), not bound (`a.b = …`).
    pub is_selected: bool,
    /// Byte offset of its start, with a quote if there is one.
    pub start: usize,
    /// Byte offset after its end.
    pub end: usize,
}

/// The names of a text, by place.
///
/// # Errors
///
/// The problems of [`syntax`].
pub fn steps(text: &str) -> Result<Vec<Step>, Vec<ParseProblem>> {
    let root = syntax(text)?;
    let mut steps = Vec::new();
    read(root.syntax(), &mut Vec::new(), &mut steps);
    steps.sort_by_key(|step| (step.start, step.end));
    Ok(steps)
}

fn read(node: &SyntaxNode, path: &mut Vec<String>, steps: &mut Vec<Step>) {
    for child in node.children() {
        let depth = path.len();
        match child.kind() {
            SyntaxKind::NODE_ATTRPATH_VALUE => {
                let binding = ast::AttrpathValue::cast(child.clone());
                if let Some(names) = binding.and_then(|binding| binding.attrpath()) {
                    add(path, &names, false, steps);
                }
                read(&child, path, steps);
            }
            SyntaxKind::NODE_SELECT | SyntaxKind::NODE_HAS_ATTR => {
                let mut selected = base(&child);
                if let Some(names) = child.children().find_map(ast::Attrpath::cast) {
                    add(&mut selected, &names, true, steps);
                }
                // What is called or computed inside starts anew.
                read(&child, &mut Vec::new(), steps);
            }
            // A set as an operand is as much a part of a definition as one alone.
            _ => read(&child, path, steps),
        }
        path.truncate(depth);
    }
}

/// The names of what is selected from, as far as they are known.
fn base(node: &SyntaxNode) -> Vec<String> {
    let from = match node.kind() {
        SyntaxKind::NODE_SELECT => ast::Select::cast(node.clone()).and_then(|it| it.expr()),
        _ => ast::HasAttr::cast(node.clone()).and_then(|it| it.expr()),
    };
    match from {
        Some(ast::Expr::Ident(ident)) => vec![ident.syntax().text().to_string()],
        Some(ast::Expr::Select(inner)) => {
            let mut names = base(inner.syntax());
            if let Some(path) = inner.attrpath() {
                names.extend(path.attrs().map(|attr| text_of(&attr)));
            }
            names
        }
        _ => vec![String::new()],
    }
}

fn add(path: &mut Vec<String>, names: &ast::Attrpath, is_selected: bool, steps: &mut Vec<Step>) {
    for attr in names.attrs() {
        path.push(text_of(&attr));
        let range = attr.syntax().text_range();
        steps.push(Step {
            path: path.clone(),
            is_selected,
            start: range.start().into(),
            end: range.end().into(),
        });
    }
}

fn text_of(attr: &ast::Attr) -> String {
    match name(attr) {
        Some(Name::Static(text)) => text,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::steps;

    fn of(text: &str) -> Vec<String> {
        let steps = steps(text).expect("Nix");
        let show = |step: &super::Step| {
            let mark = if step.is_selected { "" } else { " =" };
            format!(
                "{}{mark} `{}`",
                step.path.join("."),
                &text[step.start..step.end]
            )
        };
        steps.iter().map(show).collect()
    }

    #[test]
    fn bound_and_selected() {
        assert_eq!(
            of("{ users.users = { \"bob\".uid = config.users.users.al.uid; }; }"),
            [
                "users = `users`",
                "users.users = `users`",
                "users.users.bob = `\"bob\"`",
                "users.users.bob.uid = `uid`",
                "config.users `users`",
                "config.users.users `users`",
                "config.users.users.al `al`",
                "config.users.users.al.uid `uid`",
            ]
        );
    }

    #[test]
    fn inside_strings_and_calls() {
        assert_eq!(
            of("lib.mkIf (a ? b.${c}.d) { x = \"${s.n.one.config}\"; }"),
            [
                "lib.mkIf `mkIf`",
                "a.b `b`",
                "a.b. `${c}`",
                "a.b..d `d`",
                "x = `x`",
                "s.n `n`",
                "s.n.one `one`",
                "s.n.one.config `config`",
            ]
        );
    }
}
