//! `scalar-conflict`: two modules of one host that give an option different values.

use std::collections::{BTreeMap, BTreeSet};

use diag::Code;
use nix::{DefValue, Definition};

use crate::config::Level;
use crate::facts::{Context, OptionFacts};
use crate::rule::{Check, Docs, Rule};
use crate::tree::{Tree, TreeReport};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/scalar-conflict",
        summary: "two modules give one option different values",
        explanation: "The module system refuses a boolean, number or text that two modules define differently at one \
                      priority, so the host does not evaluate. Decide where the value belongs; let the general module say \
                      `lib.mkDefault`, or use `lib.mkForce` where the other cannot be changed.",
    },
    level: Level::Error,
    docs: Docs {
        what: "Follows the imports of every `nixosSystem` by relative paths, and finds options that two of its modules \
               define differently, without a condition and at the same priority. Values that may be merged (lists, \
               lines) and definitions that a stronger one overrides are left alone.",
        bad: "#- flake.nix\n{ outputs = { nixpkgs, ... }: { nixosConfigurations.one = nixpkgs.lib.nixosSystem { modules = [ ./base.nix ./one.nix ]; }; }; }\n#- base.nix\n{ time.timeZone = \"UTC\"; }\n#- one.nix\n{ time.timeZone = \"Europe/London\"; }\n",
        good: "#- flake.nix\n{ outputs = { nixpkgs, ... }: { nixosConfigurations.one = nixpkgs.lib.nixosSystem { modules = [ ./base.nix ./one.nix ]; }; }; }\n#- base.nix\n{ lib, ... }: { time.timeZone = lib.mkDefault \"UTC\"; }\n#- one.nix\n{ time.timeZone = \"Europe/London\"; }\n",
        reason: "one of the two is disabled with `disabledModules`",
    },
    fixes: false,
    check: Check::Tree(check),
};

fn check(tree: &Tree<'_>, report: &mut TreeReport<'_>) {
    let mut reported = BTreeSet::new();
    for host in tree.hosts() {
        let mut by_path: BTreeMap<&[String], Vec<(usize, &Definition)>> = BTreeMap::new();
        for at in &host.modules {
            for definition in &at.module.definitions {
                if definition.conditional || !is_scalar(tree.options, definition) {
                    continue;
                }
                by_path
                    .entry(&definition.path.0)
                    .or_default()
                    .push((at.file, definition));
            }
        }
        for (path, places) in by_path {
            let Some(strongest) = places.iter().filter_map(|(_, it)| it.priority).min() else {
                continue;
            };
            // A priority that is computed could be the strongest.
            if places.iter().any(|(_, it)| it.priority.is_none()) {
                continue;
            }
            let mut winners = places
                .iter()
                .filter(|(_, it)| it.priority == Some(strongest));
            let Some((first_file, first)) = winners.next() else {
                continue;
            };
            for (file, other) in winners {
                if other.value == first.value
                    || !reported.insert((*first_file, first.start, *file, other.start))
                {
                    continue;
                }
                let name = nix::AttrPath(path.to_vec());
                let place = tree.place(*first_file, first.start..first.end);
                let message = format!(
                    "`{name}` is defined differently by two modules of `{}`",
                    host.host.name
                );
                report
                    .report(*file, other.start..other.end, message)
                    .related(place, "the other definition")
                    .help("remove one, or make the general one `lib.mkDefault`");
            }
        }
    }
}

/// Names of options that take lines of text, which are merged.
const LINES: &[&str] = &[
    "commands", "config", "conf", "extra", "init", "lines", "options", "rules", "script", "text",
    "start", "stop",
];

fn is_scalar(facts: &dyn OptionFacts, definition: &Definition) -> bool {
    let path: Vec<&str> = definition.path.0.iter().map(String::as_str).collect();
    // What is below Home Manager's users is merged by their own modules.
    if path.first() == Some(&"home-manager") {
        return false;
    }
    let merges = facts.merges(Context::Nixos, &path);
    match &definition.value {
        DefValue::Bool(_) | DefValue::Int(_) | DefValue::Float(_) => merges != Some(true),
        DefValue::Str(text) => merges.map_or_else(
            || {
                let name = path.last().copied().unwrap_or_default().to_lowercase();
                !text.contains('\n') && !LINES.iter().any(|part| name.contains(part))
            },
            |merges| !merges,
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::check;

    #[test]
    fn cases() {
        let flake = "#- flake.nix\n{ a = nixosSystem { modules = [ ./a ./b.nix ]; }; }\n";
        let cases = [
            ("{ boot.x = 1; }", "{ «boot.x = 2»; }"),
            ("{ boot.x = true; }", "{ boot = { «x = false»; }; }"),
            ("{ imports = [ ../c.nix ]; }", "{ «boot.y = \"b\"»; }"),
            ("{ boot.x = 1; }", "{ boot.x = 1; }"),
            ("{ boot.x = 1; }", "{ boot.x = lib.mkForce 2; }"),
            ("{ boot.x = lib.mkDefault 1; }", "{ boot.x = 2; }"),
            (
                "{ boot.x = lib.mkDefault 1; }",
                "{ «boot.x = lib.mkDefault 2»; }",
            ),
            ("{ boot.x = lib.mkIf c 1; }", "{ boot.x = 2; }"),
            ("{ boot.x = [ 1 ]; }", "{ boot.x = [ 2 ]; }"),
            (
                "{ services.nginx.appendConfig = \"a\"; }",
                "{ services.nginx.appendConfig = \"b\"; }",
            ),
            (
                "{ environment.shellInit = \"a\"; }",
                "{ environment.shellInit = \"b\"; }",
            ),
        ];
        let cases: Vec<String> = cases
            .iter()
            .map(|(a, b)| {
                format!(
                    "{flake}#- a/default.nix\n{a}\n#- b.nix\n{b}\n#- c.nix\n{{ boot.y = \"a\"; }}\n"
                )
            })
            .collect();
        check(&RULE, &cases.iter().map(String::as_str).collect::<Vec<_>>());
        check(
            &RULE,
            &[
                "#- flake.nix\n{ a = nixosSystem { modules = [ ./a.nix ]; }; b = nixosSystem { modules = [ ./b.nix ]; }; }\n#- a.nix\n{ boot.x = 1; }\n#- b.nix\n{ boot.x = 2; }\n",
            ],
        );
    }
}
