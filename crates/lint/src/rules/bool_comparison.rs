//! `bool-comparison`: booleans compared with literals.

use diag::Code;
use rnix::ast::{self, BinOpKind, UnaryOpKind};
use rnix::{SyntaxKind, SyntaxNode};
use rowan::ast::AstNode;

use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::syntax::{boolean, call, dotted, last_name, slice, unparen};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/bool-comparison",
        summary: "a boolean compared with `true` or `false`",
        explanation: "`x == true` is `x`, and `x == false` is `!x`. Write the boolean itself.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds comparisons with a boolean literal where the other side can only be a boolean: a comparison, \
               a negation, `?`, a predicate such as `hasPrefix`, an option named `enable`. An option that may be \
               null can be compared with `true` for a reason, and is left alone.",
        bad: "{ config, lib, ... }:\nlib.mkIf (config.services.openssh.enable == true) { networking.firewall.logRefusedConnections = false; }\n",
        good: "{ config, lib, ... }:\nlib.mkIf config.services.openssh.enable { networking.firewall.logRefusedConnections = false; }\n",
        reason: "the option may be null",
    },
    fixes: true,
    check: Check::Nodes(&[SyntaxKind::NODE_BIN_OP], check),
};

fn check(node: &SyntaxNode, file: &mut File<'_>) {
    let Some(operation) = ast::BinOp::cast(node.clone()) else {
        return;
    };
    let is_equal = match operation.operator() {
        Some(BinOpKind::Equal) => true,
        Some(BinOpKind::NotEqual) => false,
        _ => return,
    };
    let (Some(left), Some(right)) = (operation.lhs(), operation.rhs()) else {
        return;
    };
    let (left, right) = (left.syntax().clone(), right.syntax().clone());
    let (other, literal) = match (boolean(&left, file.text), boolean(&right, file.text)) {
        (None, Some(literal)) => (left, literal),
        (Some(literal), None) => (right, literal),
        _ => return,
    };
    if !is_boolean(&other, file.text) {
        return;
    }
    let other_text = file.slice(&other);
    let is_simple = matches!(
        other.kind(),
        SyntaxKind::NODE_PAREN | SyntaxKind::NODE_SELECT | SyntaxKind::NODE_IDENT
    );
    let text = match (is_equal == literal, is_simple) {
        (true, _) => other_text.to_owned(),
        (false, true) => format!("!{other_text}"),
        (false, false) => format!("!({other_text})"),
    };
    let is_safe_place = node.parent().is_none_or(|parent| {
        !matches!(
            parent.kind(),
            SyntaxKind::NODE_BIN_OP | SyntaxKind::NODE_UNARY_OP
        )
    });
    let finding = file.report(node.text_range(), "a boolean compared with a literal");
    finding.help(format!("write `{text}`"));
    if is_safe_place {
        finding.edit(node.text_range(), text);
    }
}

/// Whether an expression can only be a boolean.
fn is_boolean(node: &SyntaxNode, text: &str) -> bool {
    let node = unparen(node.clone());
    match node.kind() {
        SyntaxKind::NODE_HAS_ATTR => true,
        SyntaxKind::NODE_UNARY_OP => {
            ast::UnaryOp::cast(node).is_some_and(|it| it.operator() == Some(UnaryOpKind::Invert))
        }
        SyntaxKind::NODE_BIN_OP => {
            let operator = ast::BinOp::cast(node).and_then(|it| it.operator());
            matches!(
                operator,
                Some(
                    BinOpKind::And
                        | BinOpKind::Or
                        | BinOpKind::Implication
                        | BinOpKind::Equal
                        | BinOpKind::NotEqual
                        | BinOpKind::Less
                        | BinOpKind::LessOrEq
                        | BinOpKind::More
                        | BinOpKind::MoreOrEq
                )
            )
        }
        SyntaxKind::NODE_SELECT => {
            let is_enable = dotted(&node, text).is_some_and(|name| last_name(name) == "enable");
            is_enable || slice(&node, text).ends_with(".enable or false")
        }
        SyntaxKind::NODE_APPLY => call(&node)
            .and_then(|(function, _)| dotted(&function, text).map(last_name))
            .is_some_and(|name| {
                matches!(
                    name,
                    "hasPrefix"
                        | "hasSuffix"
                        | "hasInfix"
                        | "hasAttr"
                        | "elem"
                        | "pathExists"
                        | "any"
                        | "all"
                        | "isString"
                        | "isList"
                        | "isAttrs"
                        | "isFunction"
                        | "isBool"
                        | "isInt"
                        | "versionOlder"
                        | "versionAtLeast"
                )
            }),
        _ => false,
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
                "if «cfg.enable == true» then 1 else 2",
                "«false != (a ? b)»",
                "«lib.hasPrefix a b == false»",
                "«(a && b) == true»",
                "cfg.value == true",
                "a == b",
                "true == false",
            ],
        );
    }

    #[test]
    fn fixed() {
        fixes(
            &RULE,
            &[
                (
                    "if cfg.enable == true then 1 else 2",
                    "if cfg.enable then 1 else 2",
                ),
                ("[ (cfg.enable == false) ]", "[ (!cfg.enable) ]"),
                ("f (elem a b != true)", "f (!(elem a b))"),
                ("cfg.enable == true && x", "cfg.enable == true && x"),
            ],
        );
    }
}
