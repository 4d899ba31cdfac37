//! Every attribute and list element of a Nix text, with its place and the names that lead to it.

use rnix::ast;
use rnix::{SyntaxKind, SyntaxNode};
use rowan::ast::AstNode;

use crate::ParseProblem;
use crate::bindings::{Name, name};
use crate::parse::syntax;

/// What an [`Item`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// An attribute of a set, or a name that it inherits.
    Attribute,
    /// A binding of a `let`.
    Let,
    /// An element of a list, counted from 0.
    Element(usize),
}

/// An attribute, a binding or a list element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub named: Named,
    /// The names from the outermost set down to it. Lists, functions and calls in between add none; a
    /// computed name is its code.
    pub path: Vec<String>,
    /// Byte offset of the start.
    pub start: usize,
    /// Byte offset of the start of the value.
    pub value_start: usize,
    /// Byte offset after the end of the value.
    pub end: usize,
}

/// The items of a text, each before those inside it.
///
/// # Errors
///
/// The problems of [`syntax`].
pub fn outline(text: &str) -> Result<Vec<Item>, Vec<ParseProblem>> {
    let root = syntax(text)?;
    let mut items = Vec::new();
    read(root.syntax(), &mut Vec::new(), &mut items);
    Ok(items)
}

fn read(node: &SyntaxNode, path: &mut Vec<String>, items: &mut Vec<Item>) {
    for child in node.children() {
        let depth = path.len();
        match child.kind() {
            SyntaxKind::NODE_ATTRPATH_VALUE => {
                let Some(binding) = ast::AttrpathValue::cast(child.clone()) else {
                    continue;
                };
                let (Some(names), Some(value)) = (binding.attrpath(), binding.value()) else {
                    continue;
                };
                path.extend(names.attrs().map(|attr| text_of(&attr)));
                let is_let = node.kind() == SyntaxKind::NODE_LET_IN;
                items.push(Item {
                    named: if is_let { Named::Let } else { Named::Attribute },
                    path: path.clone(),
                    start: child.text_range().start().into(),
                    value_start: value.syntax().text_range().start().into(),
                    end: value.syntax().text_range().end().into(),
                });
                read(&child, path, items);
            }
            SyntaxKind::NODE_INHERIT => {
                let Some(inherit) = ast::Inherit::cast(child.clone()) else {
                    continue;
                };
                for attr in inherit.attrs() {
                    let range = attr.syntax().text_range();
                    let mut path = path.clone();
                    path.push(text_of(&attr));
                    items.push(Item {
                        named: Named::Attribute,
                        path,
                        start: range.start().into(),
                        value_start: range.start().into(),
                        end: range.end().into(),
                    });
                }
            }
            SyntaxKind::NODE_LIST => inside(&child, path, items),
            _ => read(&child, path, items),
        }
        path.truncate(depth);
    }
}

/// What is in an element; an element may be a set or a list itself.
fn inside(node: &SyntaxNode, path: &mut Vec<String>, items: &mut Vec<Item>) {
    if let Some(list) = ast::List::cast(node.clone()) {
        for (index, element) in list.items().enumerate() {
            let range = element.syntax().text_range();
            items.push(Item {
                named: Named::Element(index),
                path: path.clone(),
                start: range.start().into(),
                value_start: range.start().into(),
                end: range.end().into(),
            });
            inside(element.syntax(), path, items);
        }
    } else {
        read(node, path, items);
    }
}

fn text_of(attr: &ast::Attr) -> String {
    match name(attr) {
        Some(Name::Static(name)) => name,
        _ => attr.syntax().text().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Named, outline};

    #[test]
    fn everything_has_its_names() {
        let text = "{ lib, ... }: let x = 1; in { a.b = [ x { c = 2; } [ 3 ] ]; inherit (x) d; \
                    e = lib.mkIf x { \"f g\" = 4; ${x} = 5; }; }";
        let lines: Vec<String> = outline(text)
            .unwrap()
            .iter()
            .map(|item| {
                let kind = match item.named {
                    Named::Attribute => String::new(),
                    Named::Let => "let ".to_owned(),
                    Named::Element(index) => format!("[{index}] "),
                };
                let code = &text[item.value_start..item.end];
                format!("{kind}{} = {code}", item.path.join("/"))
            })
            .collect();
        assert_eq!(
            lines,
            [
                "let x = 1",
                "a/b = [ x { c = 2; } [ 3 ] ]",
                "[0] a/b = x",
                "[1] a/b = { c = 2; }",
                "a/b/c = 2",
                "[2] a/b = [ 3 ]",
                "[0] a/b = 3",
                "d = d",
                "e = lib.mkIf x { \"f g\" = 4; ${x} = 5; }",
                "e/f g = 4",
                "e/${x} = 5",
            ]
        );
    }
}
