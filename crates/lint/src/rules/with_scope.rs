//! `with-scope`: `with` over more than a list.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::syntax::{count_lines, dotted, last_name, unparen};

use SyntaxKind::{
    NODE_ASSERT, NODE_LAMBDA, NODE_LET_IN, NODE_LIST, NODE_PAREN, NODE_ROOT, NODE_WITH,
};

/// So many lines make a scope large.
const LARGE: usize = 15;

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/with-scope",
        summary: "`with` over a large scope",
        explanation: "Below `with` nobody, neither a person nor a tool, can tell where a name comes from \
                      without evaluating, and a misspelt name is found only when it is used. Write \
                      `lib.mkIf`, or `inherit (lib) mkIf;` where a name is used often.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds `with lib;` and `with builtins;` over any scope but a list, `with` over a whole file, \
               and `with` over more than 15 lines. A list of packages, `with pkgs; [ … ]`, is what `with` is good \
               for, however long.",
        bad: "{ config, lib, ... }:\nwith lib;\n{\n  services.fwupd.enable = mkDefault true;\n}\n",
        good: "{ lib, pkgs, ... }:\n{\n  services.fwupd.enable = lib.mkDefault true;\n  environment.systemPackages = with pkgs; [\n    git\n    jq\n  ];\n}\n",
        reason: "copied from upstream as it is",
    },
    fixes: false,
    check: Check::Nodes(&[NODE_WITH], check),
};

fn check(node: &SyntaxNode, file: &mut File<'_>) {
    let mut children = node.children();
    let (Some(namespace), Some(body)) = (children.next(), children.next()) else {
        return;
    };
    let inner = unparen(body.clone());
    if inner.kind() == NODE_LIST {
        return;
    }
    let name = file.slice(&namespace).to_owned();
    let end = namespace.text_range().end();
    let head = rnix::TextRange::new(node.text_range().start(), end);
    let is_library = dotted(&namespace, file.text)
        .is_some_and(|name| matches!(last_name(name), "lib" | "builtins"));
    let is_whole = node.ancestors().skip(1).all(|node| {
        matches!(
            node.kind(),
            NODE_ROOT | NODE_LAMBDA | NODE_LET_IN | NODE_PAREN | NODE_ASSERT | NODE_WITH
        )
    });
    let lines = count_lines(file.slice(&body));
    let message = if is_whole {
        format!("`with {name}` over the whole file")
    } else if is_library {
        format!("`with {name}`")
    } else if lines > LARGE {
        format!("`with {name}` over {lines} lines")
    } else {
        return;
    };
    let help = if is_library {
        format!("write `{name}.NAME`, or `inherit ({name}) NAME;` in a `let`")
    } else {
        format!("write `{name}.NAME`")
    };
    file.report(head, message).help(help);
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::check;

    #[test]
    fn cases() {
        let long = "1 +\n".repeat(20);
        check(
            &RULE,
            &[
                "{ lib, ... }: «with lib»; { a = mkIf b c; }",
                "{ lib, pkgs, ... }: let a = 1; in «with pkgs»; { b = c; }",
                "{ meta = «with lib»; { license = licenses.mit; }; }",
                "{ a = «with builtins»; map b c; }",
                "{ a = with pkgs; [ b c ]; d = with lib; [ e ]; }",
                "{ a = with x; { b = 1; }; }",
                &format!("{{ a = «with x»; {long} y; }}"),
                "{ type = with lib.types; listOf str; }",
            ],
        );
    }
}
