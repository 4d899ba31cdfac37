//! `unused-binding`: what `let` binds and nothing uses.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::scope::Scope;

use SyntaxKind::{NODE_ATTRPATH_VALUE, NODE_INHERIT, NODE_INHERIT_FROM, NODE_LET_IN};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/unused-binding",
        summary: "a `let` binding that nothing uses",
        explanation: "Nix never evaluates it, so mistakes in it are never found, and readers look for its use. \
                      Remove it.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds names that `let` binds and that neither its body nor another binding uses. A name that \
               begins with `_` is meant to be unused.",
        bad: "{ config, pkgs, ... }:\nlet\n  cfg = config.features.web;\nin\n{\n  environment.systemPackages = [ pkgs.git ];\n}\n",
        good: "{ pkgs, ... }:\n{\n  environment.systemPackages = [ pkgs.git ];\n}\n",
        reason: "kept for `nix repl`",
    },
    fixes: true,
    check: Check::Scopes(check),
};

fn check(scope: &Scope<'_>, node: &SyntaxNode, file: &mut File<'_>) {
    if node.kind() != NODE_LET_IN {
        return;
    }
    for binding in &scope.bindings {
        if binding.uses > 0 || binding.name.starts_with('_') {
            continue;
        }
        let edits = removal(scope, node, binding.range, file.text);
        let finding = file.report(binding.range, format!("`{}` is never used", binding.name));
        finding.help("remove the binding");
        for range in edits {
            finding.edit(range, "");
        }
    }
}

/// The bytes that go with a name: its binding, or its part of an `inherit`. None if that would strand
/// a comment.
fn removal(
    scope: &Scope<'_>,
    let_in: &SyntaxNode,
    name: rnix::TextRange,
    text: &str,
) -> Vec<std::ops::Range<usize>> {
    let entries: Vec<SyntaxNode> = let_in.children().collect();
    let Some(entry) = entries
        .iter()
        .find(|entry| entry.text_range().contains_range(name))
    else {
        return Vec::new();
    };
    if entry.kind() == NODE_INHERIT {
        let names: Vec<SyntaxNode> = entry
            .children()
            .filter(|child| child.kind() != NODE_INHERIT_FROM)
            .collect();
        let is_unused = |node: &SyntaxNode| {
            scope
                .bindings
                .iter()
                .any(|binding| binding.range == node.text_range() && binding.uses == 0)
        };
        if !names.iter().all(is_unused) {
            let range = usize::from(name.start())..usize::from(name.end());
            let before = text[..range.start].trim_end();
            if before.lines().last().is_some_and(|line| line.contains('#')) {
                return Vec::new();
            }
            return std::iter::once(before.len()..range.end).collect();
        }
    }
    // A path's beginning may be bound in several places.
    let is_repeated = entries
        .iter()
        .filter(|it| it.kind() == NODE_ATTRPATH_VALUE)
        .filter(|it| {
            let first = it.first_child().and_then(|path| path.first_child());
            first.is_some_and(|first| text[first.text_range()] == text[name])
        })
        .count()
        > 1;
    if is_repeated {
        return Vec::new();
    }
    let start = usize::from(entry.text_range().start());
    let end = usize::from(entry.text_range().end());
    let above = text[..start].trim_end();
    let last_line = above.lines().last().unwrap_or_default();
    let after = text[end..].lines().next().unwrap_or_default();
    if last_line.contains('#') || above.ends_with("*/") || after.contains('#') {
        return Vec::new();
    }
    std::iter::once(above.len()..end).collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::{check, fixes};

    #[test]
    fn cases() {
        check(
            &RULE,
            &[
                "let «a» = 1; b = 2; in b",
                "let a = 1; b = a; in b",
                "let inherit (x) «a» b; in b",
                "let inherit «a»; in 1",
                "let a = 1; in { inherit a; }",
                "let a = 1; in { inherit (a) b; }",
                "let a = 1; in let inherit a; in a",
                "let «a» = 1; in let a = 2; in a",
                "let «a».b = 1; a.c = 2; in 1",
                "let _a = 1; in 1",
                "let a = 1; in with x; a",
                "let a = \"x\"; in { ${a} = 1; b.\"${a}\" = 2; }",
                "let «a» = 1; in { a = 2; b.a = x.a; }",
                "let a = 1; in \"${toString a}\"",
                "let a = 1; in ./x/${a}",
                "let a = 1; f = { b ? a }: b; in f",
                "{ a ? 1 }: let «a» = 2; in 1",
                "let a = 1; in rec { inherit a; b = a; }",
            ],
        );
    }

    #[test]
    fn fixed() {
        fixes(
            &RULE,
            &[
                ("let\n  a = 1;\n  b = 2;\nin\nb", "let\n  b = 2;\nin\nb"),
                ("let a = 1; b = a; c = 2; in c", "let c = 2; in c"),
                ("let inherit (x) a b; in b", "let inherit (x) b; in b"),
                ("let inherit (x) a b; c = 1; in c", "let c = 1; in c"),
                (
                    "let\n  # why\n  a = 1;\n  b = 2;\nin\nb",
                    "let\n  # why\n  a = 1;\n  b = 2;\nin\nb",
                ),
                ("let a.b = 1; a.c = 2; in 1", "let a.b = 1; a.c = 2; in 1"),
            ],
        );
    }
}
