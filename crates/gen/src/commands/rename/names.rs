//! Names where Nix code and settings have them: rewritten where the path says what they are.

use spec::node::{Node, NodeKind};

use super::Kind;
use crate::edit::Edits;

/// Whether the last name of a path is the name of such a thing.
fn is_certain(kind: Kind, path: &[&str], is_selected: bool) -> bool {
    let [above @ .., _] = path else { return false };
    match kind {
        Kind::Host | Kind::Vm | Kind::Image => above.last() == Some(&"nixosConfigurations"),
        Kind::User => {
            let of_config = above
                .iter()
                .rposition(|name| ["config", "osConfig"].contains(name));
            let below = match of_config {
                Some(at) => &above[at + 1..],
                // What a set binds is below `config` anyway.
                None if is_selected => return false,
                None => above,
            };
            matches!(below, ["users" | "home-manager", "users"])
        }
        _ => false,
    }
}

/// Nix text with the name replaced wherever an attribute path is about it.
pub(super) fn in_nix(kind: Kind, text: &str, old: &str, new: &str) -> String {
    let steps = nix::steps(text).unwrap_or_default();
    let mut changed = text.to_owned();
    for step in steps.iter().rev() {
        let path: Vec<&str> = step.path.iter().map(String::as_str).collect();
        if path.last() == Some(&old) && is_certain(kind, &path, step.is_selected) {
            changed.replace_range(step.start..step.end, &nix::attr_name(new));
        }
    }
    changed
}

/// The same for Nix text that stands in YAML, where lines are indented otherwise: what is the nth
/// mention in the one is the nth in the other.
pub(super) fn in_written_nix(
    kind: Kind,
    text: &str,
    written: &str,
    old: &str,
    new: &str,
) -> String {
    let count = |text: &str| text.matches(old).count();
    if count(text) != count(written) || new.contains(old) && !nix::is_identifier(new) {
        return written.to_owned();
    }
    let steps = nix::steps(text).unwrap_or_default();
    let certain: Vec<usize> = steps
        .iter()
        .filter(|step| {
            let path: Vec<&str> = step.path.iter().map(String::as_str).collect();
            path.last() == Some(&old) && is_certain(kind, &path, step.is_selected)
        })
        .map(|step| count(&text[..step.start]))
        .collect();
    // A name that needs quotes would need them in the YAML as well.
    if certain.is_empty() || !nix::is_identifier(new) {
        return written.to_owned();
    }
    let mut changed = String::with_capacity(written.len());
    let mut rest = 0;
    for (index, (at, _)) in written.match_indices(old).enumerate() {
        changed.push_str(&written[rest..at]);
        changed.push_str(if certain.contains(&index) { new } else { old });
        rest = at + old.len();
    }
    changed.push_str(&written[rest..]);
    changed
}

/// A template with the name replaced where it is compared or asked for: `host.name == 'NAME'`,
/// `option('NAME', …)`.
pub(super) fn in_template(kind: Kind, text: &str, old: &str, new: &str) -> String {
    let before: &[&str] = match kind {
        Kind::Host => &[
            "host.name == ",
            "host.name != ",
            "host.name==",
            "option(",
            "selectattr('name', 'equalto', ",
            "selectattr(\"name\", \"equalto\", ",
        ],
        Kind::User => &["user.name == ", "user.name != ", "user.name=="],
        _ => &[],
    };
    let mut text = text.to_owned();
    for before in before {
        for quote in ['\'', '"'] {
            text = text.replace(
                &format!("{before}{quote}{old}{quote}"),
                &format!("{before}{quote}{new}{quote}"),
            );
        }
    }
    text
}

/// Keys of settings and bodies that are about it, dotted or nested.
pub(super) fn in_keys(
    kind: Kind,
    node: &Node,
    sources: &diag::SourceMap,
    (old, new): (&str, &str),
    edits: &mut Edits,
) {
    if kind == Kind::User {
        keys(node, &mut Vec::new(), sources, (old, new), edits);
    }
}

fn keys<'a>(
    node: &'a Node,
    path: &mut Vec<&'a str>,
    sources: &diag::SourceMap,
    (old, new): (&str, &str),
    edits: &mut Edits,
) {
    match &node.kind {
        NodeKind::List(items) => {
            for item in items {
                keys(item, path, sources, (old, new), edits);
            }
        }
        NodeKind::Map(entries) => {
            for (key, value) in entries {
                let depth = path.len();
                let mut at = 0;
                for part in key.value.split('.') {
                    path.push(part);
                    if part == old && is_setting(path) {
                        rewrite(key, at, sources, (old, new), edits);
                    }
                    at += part.len() + 1;
                }
                keys(value, path, sources, (old, new), edits);
                path.truncate(depth);
            }
        }
        NodeKind::Scalar(..) => {}
    }
}

/// Whether a path in the spec leads to the settings of a user.
fn is_setting(path: &[&str]) -> bool {
    let [above @ .., group, users, _] = path else {
        return false;
    };
    let is_root = above
        .last()
        .is_some_and(|root| ["settings", "nixos", "config"].contains(root));
    is_root && *users == "users" && ["users", "home-manager"].contains(group)
}

/// Replaces a part of a key, as it is written.
fn rewrite(
    key: &diag::Spanned<String>,
    at: usize,
    sources: &diag::SourceMap,
    (old, new): (&str, &str),
    edits: &mut Edits,
) {
    let written = sources.slice(key.span);
    let Some(start) = written.find(key.value.as_str()) else {
        return;
    };
    if start == 0 && written == old {
        edits.replace(key.span, super::word(new));
        return;
    }
    let mut text = written.to_owned();
    text.replace_range(start + at..start + at + old.len(), new);
    edits.replace(key.span, text);
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::{in_nix, in_template, in_written_nix};

    #[test]
    fn certain_paths() {
        for (kind, text, expected) in [
            (
                Kind::User,
                "{ users.users.bob.uid = 1; home-manager.users = { bob = { }; }; }",
                "{ users.users.rob.uid = 1; home-manager.users = { rob = { }; }; }",
            ),
            (
                Kind::User,
                "{ x = config.users.users.bob.home; y = users.users.bob; z.users.users.bob = 1; }",
                "{ x = config.users.users.rob.home; y = users.users.bob; z.users.users.bob = 1; }",
            ),
            (
                Kind::User,
                "{ config = lib.mkIf config.a { users.users.\"bob\" = { }; }; }",
                "{ config = lib.mkIf config.a { users.users.rob = { }; }; }",
            ),
            (
                Kind::Host,
                "{ a = inputs.self.nixosConfigurations.bob.config.users.users.bob.home; }",
                "{ a = inputs.self.nixosConfigurations.rob.config.users.users.bob.home; }",
            ),
            (
                Kind::Host,
                "{ a = \"${self.nixosConfigurations.bob.pkgs.hi}/bob\"; bob = 1; }",
                "{ a = \"${self.nixosConfigurations.rob.pkgs.hi}/bob\"; bob = 1; }",
            ),
        ] {
            assert_eq!(in_nix(kind, text, "bob", "rob"), expected);
        }
        assert_eq!(
            in_nix(Kind::Host, "self.nixosConfigurations.bob", "bob", "1st"),
            "self.nixosConfigurations.\"1st\""
        );
    }

    #[test]
    fn in_yaml_and_templates() {
        assert_eq!(
            in_written_nix(
                Kind::User,
                "# bob\nconfig.users.users.bob.home\n",
                "|\n    # bob\n    config.users.users.bob.home\n",
                "bob",
                "rob"
            ),
            "|\n    # bob\n    config.users.users.rob.home\n"
        );
        assert_eq!(
            in_template(
                Kind::Host,
                "option('one', 'a.b', 'c') if host.name == 'one' else 'one'",
                "one",
                "two"
            ),
            "option('two', 'a.b', 'c') if host.name == 'two' else 'one'"
        );
    }
}
