//! `rec-set`: recursive sets.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::scope::Scope;
use crate::syntax::{call, dotted, last_name};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/rec-set",
        summary: "a recursive set",
        explanation: "In `rec { … }` every name hides the one outside, so that adding an attribute can change \
                      what another one means, and `a = a;` is an endless recursion. Bind what is shared in \
                      `let … in` and use it in a plain set.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds `rec` sets. Where nothing in the set refers to it, `rec` has no effect and can be removed. \
               Arguments of `mkDerivation`, fetchers and overrides, where `rec` is the habit of nixpkgs, are left \
               alone unless the `rec` has no effect.",
        bad: "rec {\n  port = 8080;\n  url = \"http://localhost:${toString port}\";\n}\n",
        good: "let\n  port = 8080;\nin\n{\n  inherit port;\n  url = \"http://localhost:${toString port}\";\n}\n",
        reason: "the names are a namespace of their own",
    },
    fixes: true,
    check: Check::Scopes(check),
};

fn check(scope: &Scope<'_>, node: &SyntaxNode, file: &mut File<'_>) {
    if node.kind() != SyntaxKind::NODE_ATTR_SET {
        return;
    }
    let Some(rec) = node.first_token() else {
        return;
    };
    if scope.bindings.iter().all(|binding| binding.uses == 0) {
        let start = usize::from(node.text_range().start());
        let rest = &file.text[start + "rec".len()..];
        let blank = rest.len() - rest.trim_start().len();
        let has_comment = !rest.trim_start().starts_with('{');
        let finding = file.report(
            rec.text_range(),
            "`rec` has no effect: nothing refers to the set",
        );
        finding.help("remove `rec`");
        if !has_comment {
            finding.edit(start..start + "rec".len() + blank, "");
        }
        return;
    }
    if !is_package(node, file.text) {
        file.report(rec.text_range(), "a recursive set")
            .help("bind the names that are used in `let … in`");
    }
}

/// Whether a set is the argument of a function that makes a package.
fn is_package(set: &SyntaxNode, text: &str) -> bool {
    let mut around = set.parent();
    // `(old: rec { … })` is an argument as well.
    while let Some(node) = &around
        && matches!(
            node.kind(),
            SyntaxKind::NODE_PAREN | SyntaxKind::NODE_LAMBDA
        )
    {
        around = node.parent();
    }
    let Some(apply) = around else { return false };
    call(&apply)
        .and_then(|(function, _)| dotted(&function, text).map(last_name))
        .is_some_and(|name| {
            name.starts_with("mkDerivation")
                || name.starts_with("fetch")
                || name.starts_with("override")
                || name.starts_with("build")
                || name.ends_with("Package")
                || name.ends_with("Derivation")
        })
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
                "«rec» { a = 1; b = a; }",
                "«rec» { a = 1; b = { c = a; }; }",
                "«rec» { a = 1; b = 2; }",
                "«rec» { a = 1; inherit (x) b; c.a = 2; }",
                "{ a = 1; }",
                "stdenv.mkDerivation rec { pname = \"a\"; src = pname; }",
                "stdenv.mkDerivation «rec» { pname = \"a\"; }",
                "pkgs.fetchurl rec { version = \"1\"; url = version; }",
                "a.overrideAttrs (old: rec { version = \"1\"; src = version; })",
                "«rec» { a = 1; b = (a: a) 2; }",
            ],
        );
    }

    #[test]
    fn fixed() {
        fixes(
            &RULE,
            &[
                ("rec { a = 1; }", "{ a = 1; }"),
                ("f rec\n{ a = 1; }", "f { a = 1; }"),
                ("f rec{ a = 1; }", "f { a = 1; }"),
                ("rec { a = 1; b = a; }", "rec { a = 1; b = a; }"),
                (
                    "rec { a = 1; b = rec { c = 1; }; }",
                    "{ a = 1; b = { c = 1; }; }",
                ),
            ],
        );
    }
}
