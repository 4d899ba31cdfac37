//! `literal-credential`: passwords, tokens and keys in the text.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
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
               Hugging Face), private keys, and literal values of attributes named `password`, `token`, `secret`, \
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
    let Some((at, len, what)) = token(text) else {
        return;
    };
    file.report_at(start + at..start + at + len, format!("{what} in the text"))
        .help("revoke it, keep the new one encrypted, and pass its path");
}

/// The first token in a text: where, how long, and what.
fn token(text: &str) -> Option<(usize, usize, &'static str)> {
    let bytes = text.as_bytes();
    let mut start = 0;
    let mut at = 0;
    while at <= bytes.len() {
        let is_word = bytes
            .get(at)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !is_word {
            if at - start >= 15
                && let Some(what) = known(&text[start..at])
            {
                return Some((start, at - start, what));
            }
            start = at + 1;
        }
        at += 1;
    }
    let key = text.find("-----BEGIN ")?;
    let line = text[key..].lines().next()?;
    let is_key = line.contains("PRIVATE KEY-----") || line.contains("PRIVATE KEY BLOCK-----");
    // Who looks for keys names their first line.
    let has_body = text[key..].lines().nth(1).is_some_and(|line| {
        let line = line.trim();
        line.len() >= 16 && !line.contains(' ')
    });
    (is_key && has_body).then_some((key, line.len(), "a private key"))
}

/// What kind of token a word is. Each form: what it begins with, what may follow, and how much.
fn known(word: &str) -> Option<&'static str> {
    const FORMS: &[(&str, usize, &str)] = &[
        ("AKIA", 16, "an AWS access key"),
        ("ASIA", 16, "an AWS access key"),
        ("ghp_", 36, "a GitHub token"),
        ("gho_", 36, "a GitHub token"),
        ("ghu_", 36, "a GitHub token"),
        ("ghs_", 36, "a GitHub token"),
        ("ghr_", 36, "a GitHub token"),
        ("github_pat_", 40, "a GitHub token"),
        ("glpat-", 20, "a GitLab token"),
        ("sk-ant-", 32, "an Anthropic key"),
        ("sk-proj-", 32, "an OpenAI key"),
        ("sk-", 40, "an API key"),
        ("xoxb-", 20, "a Slack token"),
        ("xoxp-", 20, "a Slack token"),
        ("xoxa-", 20, "a Slack token"),
        ("xoxs-", 20, "a Slack token"),
        ("AIza", 35, "a Google API key"),
        ("hf_", 34, "a Hugging Face token"),
        ("npm_", 36, "an npm token"),
        ("tskey-", 20, "a Tailscale key"),
        ("dckr_pat_", 20, "a Docker token"),
        ("AGE-SECRET-KEY-1", 40, "a private key"),
    ];
    let (start, least, what) = FORMS.iter().find(|(start, _, _)| word.starts_with(start))?;
    let rest = &word[start.len()..];
    let is_exact = !matches!(*start, "AKIA" | "ASIA")
        || rest.len() == 16
            && rest
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let has_digit = rest.bytes().any(|byte| byte.is_ascii_digit());
    let is_example = word.to_ascii_uppercase().contains("EXAMPLE");
    (rest.len() >= *least && is_exact && has_digit && !is_example && entropy(rest) > 3.0)
        .then_some(what)
}

/// Bits for each character, by their frequency.
fn entropy(word: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in word.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let total = f64::from(u32::try_from(word.len()).unwrap_or(u32::MAX));
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / total;
            -share * share.log2()
        })
        .sum()
}

/// A literal as the value of an attribute with a telling name.
fn attribute(node: &SyntaxNode, file: &mut File<'_>) {
    let Some(name) = bound_name(node, file.text) else {
        return;
    };
    let Some(kind) = kind(name) else { return };
    let Some(value) = node.last_child() else {
        return;
    };
    let Some(text) = plain_string(&value, file.text) else {
        return;
    };
    let name = name.to_owned();
    if kind == Kind::Hash {
        if text.starts_with('$') {
            file.report(value.text_range(), format!("a password hash in `{name}`"))
                .help("use `hashedPasswordFile` with a secret");
            if let Some(found) = file.found.last_mut() {
                // A hash is not the password.
                found.level = found.level.min(Level::Warning);
            }
        }
        return;
    }
    if is_placeholder(text, kind) || known(text).is_some() {
        return;
    }
    let help = "keep it encrypted, and pass its path";
    file.report(value.text_range(), format!("a literal `{name}`"))
        .help(help);
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Password,
    Token,
    Hash,
}

fn kind(name: &str) -> Option<Kind> {
    if matches!(name, "hashedPassword" | "initialHashedPassword") {
        return Some(Kind::Hash);
    }
    let plain: String = name
        .chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let ends = |ends: &[&str]| ends.iter().any(|end| plain.ends_with(end));
    if ends(&[
        "password",
        "passwd",
        "passphrase",
        "adminpass",
        "presharedkey",
    ]) {
        return Some(Kind::Password);
    }
    let is_token = ends(&[
        "apikey",
        "apitoken",
        "authtoken",
        "accesstoken",
        "secretkey",
        "clientsecret",
        "privatekey",
        "secretaccesskey",
        "authkey",
    ]) || matches!(plain.as_str(), "token" | "secret" | "accesskey");
    is_token.then_some(Kind::Token)
}

/// Whether a value only stands for a credential, or cannot be one.
fn is_placeholder(text: &str, kind: Kind) -> bool {
    let least = if kind == Kind::Token { 12 } else { 1 };
    let marks = [
        "$", "@", "<", "%", "{", "!", "*", "ENC[", "file:", "env:", "vault:",
    ];
    let is_marked = marks.iter().any(|mark| text.starts_with(mark));
    let is_path = text.starts_with('/') || text.starts_with("~/") || text.starts_with("./");
    let is_word = kind == Kind::Token && !text.bytes().any(|byte| byte.is_ascii_digit());
    let is_address = text.contains("://");
    text.chars().count() < least || is_marked || is_path || is_word || is_address
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
