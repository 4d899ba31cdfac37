//! `manual-inherit-from`: `x = y.x;`.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use super::manual_inherit::is_in_plain_set;
use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::syntax::{binding, dotted, slice};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/manual-inherit-from",
        summary: "`x = y.x;` instead of `inherit (y) x;`",
        explanation: "`inherit (y) x;` says that a value is passed on under its own name. Which of the two forms \
                      reads better is a matter of taste, so the rule is off unless it is asked for.",
    },
    level: Level::Off,
    docs: Docs {
        what: "Finds bindings of a name to an attribute of the same name, in plain sets.",
        bad: "{ config, ... }:\n{\n  services.ollama.port = config.features.ai.port;\n  services.caddy = { package = config.features.web.package; };\n}\n",
        good: "{ config, ... }:\n{\n  services.ollama.port = config.features.ai.port;\n  services.caddy = { inherit (config.features.web) package; };\n}\n",
        reason: "the names are only by chance the same",
    },
    fixes: true,
    check: Check::Nodes(&[SyntaxKind::NODE_ATTRPATH_VALUE], check),
};

fn check(node: &SyntaxNode, file: &mut File<'_>) {
    let Some((path, value)) = binding(node) else {
        return;
    };
    if value.kind() != SyntaxKind::NODE_SELECT || !is_in_plain_set(node) {
        return;
    }
    let name = slice(&path, file.text);
    let Some((source, last)) = dotted(&value, file.text).and_then(|it| it.rsplit_once('.')) else {
        return;
    };
    if name != last {
        return;
    }
    let text = format!("inherit ({source}) {name};");
    let message = format!("`{name}` is bound to an attribute of the same name");
    file.report(node.text_range(), message)
        .help(format!("write `{text}`"))
        .edit(node.text_range(), text);
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
                "{ «a = b.a;» «c = d.e.c;» f = g.h; }",
                "{ a.b = c.b; d = (e).d; f = g.f or 1; }",
                "let a = b.a; in a",
            ],
        );
    }

    #[test]
    fn fixed() {
        fixes(&RULE, &[("{ a = b.c.a; }", "{ inherit (b.c) a; }")]);
    }
}
