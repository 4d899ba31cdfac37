//! `unused-argument`: arguments that a function takes by name and does not use.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode, TextRange};

use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::scope::Scope;
use crate::syntax::has_comment;

use SyntaxKind::{NODE_LAMBDA, NODE_PAT_BIND, NODE_PAT_ENTRY, NODE_PATTERN, TOKEN_ELLIPSIS};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/unused-argument",
        summary: "a named argument that nothing uses",
        explanation: "The arguments of a module or package tell what it depends on; one that is not used says \
                      something untrue. Remove it.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds names in `{ a, b, ... }:` that the function does not use. Functions that take exactly the named \
               arguments, without `...`, and those that also name the whole set with `@`, are left alone: their \
               callers may have to pass what is named.",
        bad: "{ config, lib, pkgs, ... }:\n{\n  environment.systemPackages = [ pkgs.git ];\n}\n",
        good: "{ pkgs, ... }:\n{\n  environment.systemPackages = [ pkgs.git ];\n}\n",
        reason: "the caller looks at the names of the arguments",
    },
    fixes: true,
    check: Check::Scopes(check),
};

fn check(scope: &Scope<'_>, node: &SyntaxNode, file: &mut File<'_>) {
    if node.kind() != NODE_LAMBDA || scope.bindings.iter().all(|binding| binding.uses > 0) {
        return;
    }
    let Some(pattern) = node.first_child().filter(|it| it.kind() == NODE_PATTERN) else {
        return;
    };
    let is_open = pattern
        .children_with_tokens()
        .any(|child| child.kind() == TOKEN_ELLIPSIS);
    let is_named = pattern
        .children()
        .any(|child| child.kind() == NODE_PAT_BIND);
    if !is_open || is_named {
        return;
    }
    for binding in &scope.bindings {
        if binding.uses > 0 || binding.name.starts_with('_') {
            continue;
        }
        let edit = removal(&pattern, binding.range, file.text);
        let finding = file.report(binding.range, format!("`{}` is never used", binding.name));
        finding.help("remove the argument");
        if let Some(range) = edit {
            finding.edit(range, "");
        }
    }
}

/// The bytes from an argument to what follows its comma; none if there is a comment.
fn removal(pattern: &SyntaxNode, name: TextRange, text: &str) -> Option<std::ops::Range<usize>> {
    let entry = pattern
        .children()
        .filter(|child| child.kind() == NODE_PAT_ENTRY)
        .find(|child| child.text_range().contains_range(name))?;
    let start = usize::from(entry.text_range().start());
    let end = usize::from(entry.text_range().end());
    let rest = &text[end..];
    let comma = rest.find(|c: char| !c.is_whitespace())?;
    if !rest[comma..].starts_with(',') {
        return None;
    }
    let after = &rest[comma + 1..];
    let blank = after.len() - after.trim_start().len();
    let before = text[..start].trim_end().lines().last().unwrap_or_default();
    let here = &text[start..end + comma + 1 + blank];
    if has_comment(here) || before.contains('#') || after.trim_start().starts_with('#') {
        return None;
    }
    Some(start..end + comma + 1 + blank)
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
                "{ a, «b», ... }: a",
                "{ a, b }: a",
                "{ a, ... }@args: args",
                "{ a, b ? a, ... }: b",
                "{ _a, ... }: 1",
                "x: y: x",
                "{ pkgs, ... }: with pkgs; [ ]",
                "{ lib, «pkgs», ... }: { options.x = lib.mkOption { }; config.pkgs = 1; }",
            ],
        );
    }

    #[test]
    fn fixed() {
        fixes(
            &RULE,
            &[
                ("{ a, b, c, ... }: b", "{ b, ... }: b"),
                ("{ a, ... }: 1", "{ ... }: 1"),
                ("{\n  a,\n  b ? 1,\n  ...\n}:\na", "{\n  a,\n  ...\n}:\na"),
                ("{ a # why\n, ... }: 1", "{ a # why\n, ... }: 1"),
            ],
        );
    }
}
