//! `secret-read`: secrets that evaluation reads.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::syntax::{call, dotted, is_partial, last_name};

use SyntaxKind::{NODE_APPLY, NODE_IDENT, NODE_SELECT};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/secret-read",
        summary: "a secret is read during evaluation",
        explanation: "What evaluation reads ends in the Nix store, which every user and every process of the machine \
                      can read, and which is copied to caches. Besides, the decrypted file is not there yet when the \
                      system is evaluated. Give the service the path of the secret: options that end in `File`, \
                      `EnvironmentFile` or `LoadCredential` are for that.",
    },
    level: Level::Error,
    docs: Docs {
        what: "Finds `readFile` and its relatives on a secret: `config.age.secrets.…`, `config.sops.secrets.…`, \
               `/run/secrets`, `/run/agenix`, files that end in `.age` or `.gpg`, private keys, and files in folders named \
               `secrets`. Public keys (`.pub`) are not secret.",
        bad: "{ config, ... }:\n{\n  services.grafana.settings.security.admin_password =\n    builtins.readFile config.age.secrets.grafana.path;\n}\n",
        good: "{ config, ... }:\n{\n  services.grafana.settings.security.admin_password =\n    \"$__file{${config.age.secrets.grafana.path}}\";\n}\n",
        reason: "the file holds no secret in spite of its name",
    },
    fixes: false,
    check: Check::Nodes(&[NODE_APPLY], check),
};

fn check(node: &SyntaxNode, file: &mut File<'_>) {
    if is_partial(node) {
        return;
    }
    let Some((function, arguments)) = call(node) else {
        return;
    };
    let Some(name) = dotted(&function, file.text).map(last_name) else {
        return;
    };
    if !matches!(
        name,
        "readFile" | "fileContents" | "readLines" | "importJSON" | "importTOML" | "readSecret"
    ) {
        return;
    }
    let Some(argument) = arguments.first() else {
        return;
    };
    let is_secret = names_secret(file.slice(argument))
        || argument
            .descendants()
            .filter(|it| matches!(it.kind(), NODE_SELECT | NODE_IDENT))
            .filter_map(|it| dotted(&it, file.text))
            .any(is_secret_option);
    if is_secret {
        let message = format!("`{name}` puts a secret into the store");
        file.report(node.text_range(), message)
            .help("pass the path of the secret to the service, which reads it when it starts");
    }
}

fn is_secret_option(name: &str) -> bool {
    let name = name.strip_prefix("config.").unwrap_or(name);
    [
        "age.secrets.",
        "sops.secrets.",
        "sops.templates.",
        "sops.placeholder.",
        "vaultix.secrets.",
    ]
    .iter()
    .any(|start| name.starts_with(start))
}

/// Whether a path or string names a secret file.
fn names_secret(code: &str) -> bool {
    let code = code.trim_matches(['"', '(', ')', ' ', '\'']);
    if code.ends_with(".pub") || code.contains("${") && !code.contains('/') {
        return false;
    }
    let ends = [".age", ".gpg", "id_rsa", "id_ed25519", "_key", ".key"];
    let is_file = code.contains('/') || code.starts_with('.');
    let folders = || code.split(['/', '"', ' ']).rev().skip(1);
    is_file
        && (code.starts_with("/run/secrets")
            || code.starts_with("/run/agenix")
            || ends.iter().any(|end| code.ends_with(end))
            || folders().any(|part| matches!(part, "secrets" | "secret" | ".secrets")))
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::check;

    #[test]
    fn cases() {
        check(
            &RULE,
            &[
                "«builtins.readFile config.age.secrets.a.path»",
                "«lib.fileContents \"${config.sops.secrets.a.path}\"»",
                "«builtins.readFile \"/run/secrets/a\"»",
                "«readFile ./secrets/token»",
                "«builtins.readFile ../secrets/a.age»",
                "«builtins.readFile (self + \"/secrets/token\")»",
                "builtins.fromJSON («builtins.readFile ./secrets/a.json»)",
                "builtins.readFile ./secrets/host.pub",
                "builtins.readFile ./config.toml",
                "builtins.readFile ./secrets.nix",
                "config.age.secrets.a.path",
                "f config.age.secrets.a.path (builtins.readFile ./x)",
                "builtins.readFile file",
            ],
        );
    }
}
