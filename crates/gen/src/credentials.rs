//! Credentials in the spec, wherever they stand. Everyone who can read the repository or the Nix store
//! of a host would have them.
//!
//! The trees of the files are looked at as they are written, so that no section is forgotten.

use diag::{Diagnostic, Diagnostics, Span};
use lint::credential::{self, Named};
use spec::node::{Node, NodeKind, Style};

/// Reports what looks like a credential in a file.
pub(crate) fn check(root: &Node, d: &mut Diagnostics) {
    walk(root, &mut Vec::new(), d);
}

fn walk<'a>(node: &'a Node, path: &mut Vec<&'a str>, d: &mut Diagnostics) {
    match &node.kind {
        NodeKind::List(items) => {
            for item in items {
                walk(item, path, d);
            }
        }
        NodeKind::Map(entries) => {
            for (key, value) in entries {
                path.push(&key.value);
                if !is_elsewhere(path) {
                    walk(value, path, d);
                }
                path.pop();
            }
        }
        NodeKind::Scalar(text, style) => scalar(node, text, *style, path, d),
    }
}

/// Whether a value is judged by somebody else: passwords of accounts, the section of secrets.
fn is_elsewhere(path: &[&str]) -> bool {
    matches!(
        path,
        ["secrets"] | ["users", _, "password"] | ["microvms", _, "users", _, "password"]
    )
}

fn scalar(node: &Node, text: &str, style: Style, path: &[&str], d: &mut Diagnostics) {
    let tag = node.tag.as_ref().map(|tag| tag.value.as_str());
    if matches!(tag, Some("secret" | "opt" | "pkg" | "file")) {
        return;
    }
    if let Some((_, _, what)) = credential::token(text) {
        report(node.span, format!("{what} in the spec"), None, d);
        return;
    }
    // Code is not a literal, and the rules look at it.
    let is_text = style == Style::Text || !matches!(text, "true" | "false" | "null" | "~" | "");
    if tag == Some("nix") || !is_text {
        return;
    }
    let key = path
        .iter()
        .rev()
        .copied()
        .find(|key| !matches!(*key, "default" | "value" | "then" | "else"));
    let Some(key) = key else { return };
    let name = key.rsplit('.').next().unwrap_or(key).trim_matches('"');
    match credential::named(name, text) {
        None => {}
        Some(Named::Literal) => report(node.span, format!("a literal `{name}`"), Some(name), d),
        Some(Named::StrayHash) => report(
            node.span,
            format!("a password hash in `{name}`"),
            Some(name),
            d,
        ),
        Some(Named::Hash) => d.push(
            Diagnostic::warning(
                "literal-hash",
                node.span,
                format!("a password hash in `{name}`"),
            )
            .help("everyone who reads it can guess at leisure: `hashedPasswordFile: !secret …`"),
        ),
    }
}

fn report(span: Span, message: String, name: Option<&str>, d: &mut Diagnostics) {
    let declare = "declare it, `secrets.items.NAME: { hosts: […] }`, and give its path instead";
    let help = match name {
        // Accounts take the hash of a password.
        Some("initialPassword" | "password") => {
            format!("{declare}: `passwordFile: !secret NAME`, of an account `hashedPasswordFile`")
        }
        Some(name) if name.ends_with("psk") || name.ends_with("pskRaw") => {
            format!(
                "{declare}: of `networking.wireless` that is `secretsFile`, and `pskRaw: ext:NAME` here"
            )
        }
        Some(name) if name.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            format!(
                "{declare}: `{name}File: !secret NAME`, or what the option of the file is called"
            )
        }
        _ => format!("{declare}: `!secret NAME` where a file is taken"),
    };
    d.push(
        Diagnostic::error("literal-credential", span, message)
            .help("revoke it if anybody has seen it")
            .help(help),
    );
}

#[cfg(test)]
mod tests {
    use crate::{Sources, generate};

    /// A token that no scanner of this repository mistakes for one.
    fn made(start: &str, len: usize) -> String {
        let alphabet = "a1B2c3D4e5F6g7H8i9J0kLmNoPqRsTuVwXyZ";
        let rest = alphabet.chars().cycle().take(len);
        start.chars().chain(rest).collect()
    }

    fn found(value: &str) -> Vec<String> {
        let spec = format!(
            "fleet: {{ name: x, stateVersion: \"25.11\" }}
hosts:
  a: {{ hardware: {{ platform: lxc }}, settings: {{ environment.etc.a.text: {value} }} }}
"
        );
        let generated = generate(Sources::from_memory("spec", [("fleet.yaml", spec)]));
        let findings = generated.diagnostics.iter();
        findings
            .filter(|d| d.code == "literal-credential")
            .map(|d| d.message.clone())
            .collect()
    }

    #[test]
    fn tokens_anywhere() {
        let jwt = [made("eyJ", 20), made("eyJ", 30), made("s", 30)].join(".");
        let key = ["-----BEGIN OPENSSH ", "PRIVATE KEY-----"].concat();
        let cases = [
            (made("ghp_", 36), "a GitHub token"),
            (made("github_pat_", 60), "a GitHub token"),
            (made("glpat-", 20), "a GitLab token"),
            (made("xoxb-", 24), "a Slack token"),
            (made("sk-ant-", 40), "an Anthropic key"),
            (made("sk-proj-", 40), "an OpenAI key"),
            (made("AIza", 35), "a Google API key"),
            (made("tskey-auth-", 30), "a Tailscale key"),
            (format!("AKIA{}", "Q7W2E9R4T1Y6U3I8"), "an AWS access key"),
            (jwt, "a JSON web token"),
            (
                format!("\"{key}\\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\""),
                "a private key",
            ),
        ];
        for (token, what) in cases {
            let messages = [format!("{what} in the spec")];
            assert_eq!(found(&token), messages, "{token}");
            if !token.starts_with('"') {
                assert_eq!(
                    found(&format!("!nix '\"x {token} y\"'")),
                    messages,
                    "{token}"
                );
                assert_eq!(found(&format!("!lines 'a={token};'")), messages, "{token}");
            }
        }
    }

    #[test]
    fn what_is_none() {
        for text in [
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH1ZO5AaPRZp4OyOjwMhOrKrMcJM3oVvKkU6WdBTutSD",
            "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "/nix/store/0c0aanz8l1m2v3x4y5z6a7b8c9d0f1g2-hello",
            "eyJ.eyJ.eyJ",
            "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
            "sk-learn-and-other-long-words-with-dashes-in-it",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
