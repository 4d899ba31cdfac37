//! `unquoted-url`: URLs without quotes.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/unquoted-url",
        summary: "a URL without quotes",
        explanation: "URL literals are deprecated (RFC 45) and refused by some versions of Nix; `x:y` without \
                      quotes is a URL to the parser, not a function. Put quotes around it.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds URL literals.",
        bad: "{ inputs.nixpkgs.url = github:NixOS/nixpkgs; }\n",
        good: "{ inputs.nixpkgs.url = \"github:NixOS/nixpkgs\"; }\n",
        reason: "a test of the old syntax",
    },
    fixes: true,
    check: Check::Nodes(&[SyntaxKind::NODE_LITERAL], check),
};

fn check(node: &SyntaxNode, file: &mut File<'_>) {
    let is_url = node
        .green()
        .children()
        .next()
        .is_some_and(|child| child.kind() == rowan::SyntaxKind(SyntaxKind::TOKEN_URI as u16));
    if is_url {
        let quoted = format!("\"{}\"", file.slice(node));
        file.report(node.text_range(), "a URL without quotes")
            .help("put it in quotes")
            .edit(node.text_range(), quoted);
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
                "{ url = «https://example.org/a?b=c»; }",
                "[ «x:y» ]",
                "x: y",
                "{ url = \"https://example.org\"; n = 1; }",
            ],
        );
    }

    #[test]
    fn fixed() {
        fixes(
            &RULE,
            &[("f https://example.org", "f \"https://example.org\"")],
        );
    }
}
