//! `cache-without-key`: binary caches whose signatures cannot be checked.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::syntax::{bound_name, full_path, plain_string};

use SyntaxKind::{NODE_ATTRPATH_VALUE, NODE_LIST, NODE_ROOT, NODE_STRING};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/cache-without-key",
        summary: "a binary cache without its public key",
        explanation: "Nix takes nothing from a cache whose signatures it cannot check, and builds everything itself; or \
                      someone switches the check off. Name the key of each cache in `trusted-public-keys`.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds `substituters` and `extra-substituters`, of `nix.settings` and of a flake's `nixConfig`, in a file that \
               names fewer keys in `trusted-public-keys` than caches. `cache.nixos.org`, whose key Nix knows, local \
               caches (`file:`, `ssh:`), addresses with `trusted=true` and lists that are computed are left out.",
        bad: "{\n  nix.settings.substituters = [ \"https://nix-community.cachix.org\" ];\n}\n",
        good: "{\n  nix.settings = {\n    substituters = [ \"https://nix-community.cachix.org\" ];\n    trusted-public-keys = [ \"nix-community.cachix.org-1:mB9FSh9qf2dCimDSUo8Zy7bkq5CX+/rkCWyvRCYg3Fs=\" ];\n  };\n}\n",
        reason: "the key is set by the module of the cache",
    },
    fixes: false,
    check: Check::Nodes(&[NODE_ROOT], check),
};

fn check(node: &SyntaxNode, file: &mut File<'_>) {
    if !file.text.contains("substituters") {
        return;
    }
    let mut caches: Vec<(rnix::TextRange, String)> = Vec::new();
    let mut keys = 0;
    let mut is_known = true;
    for binding in node
        .descendants()
        .filter(|it| it.kind() == NODE_ATTRPATH_VALUE)
    {
        let name = bound_name(&binding, file.text);
        let is_cache = matches!(name, Some("substituters" | "extra-substituters"));
        let is_key = matches!(
            name,
            Some("trusted-public-keys" | "extra-trusted-public-keys")
        );
        let is_policy = name == Some("require-sigs");
        if !(is_cache || is_key || is_policy) {
            continue;
        }
        let is_of_nix = full_path(&binding, file.text).is_some_and(|path| {
            path.iter()
                .any(|part| matches!(*part, "settings" | "nixConfig"))
        });
        let Some(value) = binding.last_child() else {
            continue;
        };
        if is_policy || !is_of_nix {
            is_known = is_known && !is_policy;
            continue;
        }
        if !is_literal_list(&value) {
            is_known = is_known && !is_key;
            // Whatever is computed may be anything.
            if is_cache {
                continue;
            }
        }
        for string in value.descendants().filter(|it| it.kind() == NODE_STRING) {
            let text = plain_string(&string, file.text);
            if is_key {
                let is_default = text.is_some_and(|text| text.starts_with("cache.nixos.org-1:"));
                keys += usize::from(!is_default);
            } else if let Some(text) = text
                && needs_key(text)
            {
                caches.push((string.text_range(), text.to_owned()));
            }
        }
    }
    caches.sort_by(|a, b| a.1.cmp(&b.1));
    caches.dedup_by(|a, b| address(&a.1) == address(&b.1));
    if !is_known || keys >= caches.len() {
        return;
    }
    caches.sort_by_key(|(range, _)| range.start());
    let Some((range, _)) = caches.first() else {
        return;
    };
    let (range, count) = (*range, caches.len());
    let message = if keys == 0 {
        "no key for this cache is named".to_owned()
    } else {
        format!("{count} caches are named, but {keys} keys")
    };
    file.report(range, message)
        .help("add the public key of each cache to `trusted-public-keys`");
}

fn is_literal_list(value: &SyntaxNode) -> bool {
    match value.kind() {
        NODE_LIST => value.children().all(|item| item.kind() == NODE_STRING),
        _ => false,
    }
}

fn address(text: &str) -> &str {
    text.split('?').next().unwrap_or(text).trim_end_matches('/')
}

fn needs_key(text: &str) -> bool {
    let is_remote =
        text.starts_with("http://") || text.starts_with("https://") || text.starts_with("s3://");
    is_remote && address(text) != "https://cache.nixos.org" && !text.contains("trusted=true")
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
                "{ nix.settings.substituters = [ «\"https://a.org\"» ]; }",
                "{ nixConfig = { extra-substituters = [ \"https://cache.nixos.org\" «\"https://a.org\"» \"https://b.org\" ]; extra-trusted-public-keys = [ \"a:x\" ]; }; }",
                "{ nix.settings = { substituters = [ \"https://a.org\" ]; trusted-public-keys = [ \"a:x\" ]; }; }",
                "{ nix.settings = { substituters = [ \"https://a.org\" ]; trusted-public-keys = keys; }; }",
                "{ nix.settings.substituters = [ \"https://cache.nixos.org/\" \"file:///x\" \"https://c.org?trusted=true\" ]; }",
                "{ nix.settings.substituters = map f x; }",
                "{ nix.settings = { substituters = [ «\"https://a.org\"» ]; trusted-public-keys = [ \"cache.nixos.org-1:x\" ]; }; }",
                "{ x.substituters = [ \"https://a.org\" ]; }",
            ],
        );
    }
}
