//! `literal-credential`: passwords, tokens and keys in the text.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
use crate::credential::{self, Named};
use crate::rule::{Check, Docs, Rule};
use crate::syntax::{bound_name, plain_string};

use SyntaxKind::{NODE_ATTRPATH_VALUE, NODE_STRING};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/literal-credential",
        summary: "a password, token or key in the text",
        explanation: "Everyone who can read the repository or the Nix store has it, now and in history. Make a new \
                      one, keep it encrypted (agenix, sops), and give the service its path.",
    },
    level: Level::Error,
    docs: Docs {
        what: "Finds the known forms of tokens (AWS, GitHub, GitLab, Slack, OpenAI, Anthropic, Google, npm, Tailscale, \
               Hugging Face, Stripe), JSON web tokens, private keys, and literal values of attributes named `password`, `token`, `secret`, \
               `apiKey` and the like. Values that stand for others (`changeMe@PLACEHOLDER@`, `$VAR`, `<token>`, paths) \
               are none. Password hashes where NixOS wants hashes are found too: they can be guessed at leisure.",
        bad: "{\n  services.nextcloud.config.adminpassFile = \"/etc/pass\";\n  users.users.alice.initialPassword = \"correct horse\";\n}\n",
        good: "{ config, ... }:\n{\n  users.users.alice.hashedPasswordFile = config.age.secrets.alice-password.path;\n}\n",
        reason: "a test machine without a network",
    },
    fixes: false,
    check: Check::Nodes(&[NODE_STRING, NODE_ATTRPATH_VALUE], check),
};

fn check(node: &SyntaxNode, file: &mut File<'_>) {
    if node.kind() == NODE_STRING {
        string(node, file);
    } else {
        attribute(node, file);
    }
}

/// A token or key anywhere in a string.
fn string(node: &SyntaxNode, file: &mut File<'_>) {
    let text = file.slice(node);
    if text.len() < 20 {
        return;
    }
    let start = usize::from(node.text_range().start());
    let Some((at, len, what)) = credential::token(text) else {
        return;
    };
    file.report_at(start + at..start + at + len, format!("{what} in the text"))
        .help("revoke it, keep the new one encrypted, and pass its path");
}

/// A literal as the value of an attribute with a telling name.
fn attribute(node: &SyntaxNode, file: &mut File<'_>) {
    let Some(name) = bound_name(node, file.text) else {
        return;
    };
    let Some(value) = node.last_child() else {
        return;
    };
    let Some(text) = plain_string(&value, file.text) else {
        return;
    };
    let Some(found) = credential::named(name, text) else {
        return;
    };
    let name = name.to_owned();
    match found {
        Named::Hash => {
            file.report(value.text_range(), format!("a password hash in `{name}`"))
                .help("use `hashedPasswordFile` with a secret");
            if let Some(found) = file.found.last_mut() {
                // A hash is not the password.
                found.level = found.level.min(Level::Warning);
            }
        }
        Named::StrayHash | Named::Literal => {
            file.report(value.text_range(), format!("a literal `{name}`"))
                .help("keep it encrypted, and pass its path");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::check;

    /// A token that no scanner of this repository mistakes for one.
    fn made(start: &str, len: usize) -> String {
        let alphabet = "a1B2c3D4e5F6g7H8i9J0kLmNoPqRsTuVwXyZ";
        start
            .chars()
            .chain(alphabet.chars().cycle().take(len))
            .collect()
    }

    #[test]
    fn tokens() {
        let aws = "Q7W2E9R4T1Y6U3I8";
        let cases = [
            format!("{{ a = \"«{}»\"; }}", made("ghp_", 36)),
            format!("{{ a = \"token «{}» here\"; }}", made("glpat-", 20)),
            format!("{{ a = ''\n  export X=«{}»\n''; }}", made("sk-ant-", 40)),
            format!("{{ a = \"«AKIA{aws}»\"; }}"),
            format!("{{ a = \"{}\"; }}", made("ghp_", 10)),
            "{ a = \"AKIAIOSFODNN7EXAMPLE\"; }".to_owned(),
            format!("{{ a = \"ghp_{}\"; }}", "x".repeat(36)),
            "{ a = \"sk-learn-and-other-long-words-with-dashes-in-it\"; }".to_owned(),
            format!(
                "''\n  «-----BEGIN OPENSSH {}-----»\n  b3BlbnNzaC1rZXktdjEAAAAA\n''",
                "PRIVATE KEY"
            ),
            format!("\"grep -e '-----BEGIN RSA {}-----' file\"", "PRIVATE KEY"),
        ];
        let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
        check(&RULE, &cases);
    }

    #[test]
    fn attributes() {
        check(
            &RULE,
            &[
                "{ users.users.a.initialPassword = «\"x\"»; }",
                "{ password = «\"hunter2\"»; passwordFile = \"x\"; }",
                "{ settings.api_key = «\"0123456789abcdef\"»; }",
                "{ token = \"short\"; secret = \"a-name-of-some-secret\"; }",
                "{ password = \"$PASSWORD\"; a.password = \"/run/x\"; b.password = \"@PW@\"; c.password = \"\"; }",
                "{ hashedPassword = «\"$6$abc\"»; }",
                "{ hashedPassword = \"!\"; }",
                "{ password = config.x; password-store = \"a\"; }",
                "{ services.x.password = \"${y}\"; }",
            ],
        );
    }
}
