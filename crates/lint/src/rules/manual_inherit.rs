//! `manual-inherit`: `x = x;`.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::scope::is_recursive;
use crate::syntax::{binding, slice};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/manual-inherit",
        summary: "`x = x;` instead of `inherit x;`",
        explanation: "`inherit x;` says that a name is passed on as it is; in `x = x;` the reader has to compare. \
                      Write `inherit`.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds bindings of a name to itself in plain sets. `x = y.x;` is the matter of \
               `manual-inherit-from`, which is off by default.",
        bad: "{ lib, pkgs, ... }:\n{\n  _module.args.tools = import ./tools.nix { lib = lib; pkgs = pkgs; };\n}\n",
        good: "{ lib, pkgs, ... }:\n{\n  _module.args.tools = import ./tools.nix { inherit lib pkgs; };\n}\n",
        reason: "the argument's name is only by chance the same",
    },
    fixes: true,
    check: Check::Nodes(&[SyntaxKind::NODE_ATTRPATH_VALUE], check),
};

fn check(node: &SyntaxNode, file: &mut File<'_>) {
    let Some((path, value)) = binding(node) else {
        return;
    };
    if value.kind() != SyntaxKind::NODE_IDENT || !is_in_plain_set(node) {
        return;
    }
    let name = slice(&value, file.text).to_owned();
    if slice(&path, file.text) != name || matches!(name.as_str(), "true" | "false" | "null") {
        return;
    }
    file.report(node.text_range(), format!("`{name}` is bound to itself"))
        .help(format!("write `inherit {name};`"))
        .edit(node.text_range(), format!("inherit {name};"));
}

/// Whether a binding stands in a set that does not see its own names.
pub(super) fn is_in_plain_set(binding: &SyntaxNode) -> bool {
    binding
        .parent()
        .is_some_and(|set| set.kind() == SyntaxKind::NODE_ATTR_SET && !is_recursive(&set))
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
                "f { «lib = lib;» b = c; }",
                "{ a.b = b; c = d.c; true = true; }",
                "rec { a = a; }",
                "let a = a; in a",
            ],
        );
    }

    #[test]
    fn fixed() {
        fixes(
            &RULE,
            &[(
                "f { lib = lib; pkgs = pkgs; }",
                "f { inherit lib; inherit pkgs; }",
            )],
        );
    }
}
