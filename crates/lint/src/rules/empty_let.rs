//! `empty-let`: `let in`.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::syntax::has_comment;

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/empty-let",
        summary: "`let` that binds nothing",
        explanation: "`let in x` is `x`. Remove `let` and `in`.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds `let … in` without a binding.",
        bad: "{ ... }:\nlet\nin\n{\n  networking.hostName = \"one\";\n}\n",
        good: "{ ... }:\n{\n  networking.hostName = \"one\";\n}\n",
        reason: "bindings are put there by a template",
    },
    fixes: true,
    check: Check::Nodes(&[SyntaxKind::NODE_LET_IN], check),
};

fn check(node: &SyntaxNode, file: &mut File<'_>) {
    let Some(body) = node.first_child() else {
        return;
    };
    if matches!(
        body.kind(),
        SyntaxKind::NODE_ATTRPATH_VALUE | SyntaxKind::NODE_INHERIT
    ) {
        return;
    }
    let start = usize::from(node.text_range().start());
    let inner = usize::from(body.text_range().start());
    let head = file.text[start..inner].trim_end();
    let is_plain = !has_comment(head);
    let end = start + head.len();
    let finding = file.report_at(start..end, "`let` binds nothing");
    finding.help("remove `let` and `in`");
    if is_plain {
        finding.edit(start..inner, "");
    }
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
                "«let in» 1",
                "{ a = «let\nin» b; }",
                "let a = 1; in a",
                "let inherit (x) a; in a",
            ],
        );
    }

    #[test]
    fn fixed() {
        fixes(
            &RULE,
            &[
                ("{ a }: let in a", "{ a }: a"),
                ("let in let in 1", "1"),
                ("let # why\nin 1", "let # why\nin 1"),
            ],
        );
    }
}
