//! `legacy-let`: `let { … body = …; }`.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::syntax::{binding, has_comment, value_of};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/legacy-let",
        summary: "the old form of `let`",
        explanation: "`let { …; body = …; }` is a form that Nix keeps only for old code, and that formatters \
                      and other tools do not all know. Write `let … in …`.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds `let { … }`.",
        bad: "let {\n  a = 1;\n  body = a + 1;\n}\n",
        good: "let\n  a = 1;\nin\na + 1\n",
        reason: "a test of the old syntax",
    },
    fixes: true,
    check: Check::Nodes(&[SyntaxKind::NODE_LEGACY_LET], check),
};

fn check(node: &SyntaxNode, file: &mut File<'_>) {
    let text = rewritten(node, file.text);
    let finding = file.report(node.text_range(), "the old form of `let`");
    finding.help("write `let … in …`");
    if let Some(text) = text {
        finding.edit(node.text_range(), text);
    }
}

/// The same with `in`; nothing if a comment would be lost or something refers to `body`.
fn rewritten(node: &SyntaxNode, text: &str) -> Option<String> {
    let body = value_of(node, "body", text)?;
    let mut entries = String::new();
    for entry in node.children() {
        if binding(&entry).is_some_and(|(_, value)| value == body) {
            continue;
        }
        entries.push(' ');
        entries.push_str(&text[entry.text_range()]);
    }
    let whole = &text[node.text_range()];
    if has_comment(whole) || whole.matches("body").count() != 1 {
        return None;
    }
    let code = format!("let{entries} in {}", &text[body.text_range()]);
    let is_operand = node.parent().is_some_and(|parent| {
        matches!(
            parent.kind(),
            SyntaxKind::NODE_SELECT
                | SyntaxKind::NODE_HAS_ATTR
                | SyntaxKind::NODE_LIST
                | SyntaxKind::NODE_APPLY
                | SyntaxKind::NODE_BIN_OP
                | SyntaxKind::NODE_UNARY_OP
        )
    });
    Some(if is_operand {
        format!("({code})")
    } else {
        code
    })
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::{check, fixes};

    #[test]
    fn cases() {
        check(&RULE, &["«let { a = 1; body = a; }»", "let a = 1; in a"]);
    }

    #[test]
    fn fixed() {
        fixes(
            &RULE,
            &[
                ("f (let { a = 1; body = a; })", "f (let a = 1; in a)"),
                ("let { a = body; body = 1; }", "let { a = body; body = 1; }"),
            ],
        );
    }
}
