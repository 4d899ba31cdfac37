//! `root-service`: services that run as root, with all rights.

use std::collections::{BTreeMap, BTreeSet};

use diag::Code;
use nix::{DefValue, Definition};

use crate::config::Level;
use crate::module::starts_with;
use crate::rule::{Check, Docs, Rule};
use crate::tree::{Tree, TreeReport};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/root-service",
        summary: "a service that runs as root with no restriction",
        explanation: "A mistake in such a service is a mistake with all rights on the machine. `DynamicUser = true` \
                      is often enough; where root is needed, restrict what it sees: `ProtectSystem`, `ProtectHome`, \
                      `PrivateTmp`, `NoNewPrivileges`, `CapabilityBoundingSet`.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds definitions of `systemd.services.NAME` with a program of their own (`ExecStart` or `script`) and \
               without a user and any of systemd's restrictions, in any file. Services whose `serviceConfig` is computed, \
               that override or add to a program of nixpkgs, or that run in `confinement`, are left alone.",
        bad: "{ pkgs, ... }:\n{\n  systemd.services.exporter = {\n    wantedBy = [ \"multi-user.target\" ];\n    serviceConfig.ExecStart = \"${pkgs.hello}/bin/hello\";\n  };\n}\n",
        good: "{ pkgs, ... }:\n{\n  systemd.services.exporter = {\n    wantedBy = [ \"multi-user.target\" ];\n    serviceConfig = {\n      ExecStart = \"${pkgs.hello}/bin/hello\";\n      DynamicUser = true;\n      ProtectSystem = \"strict\";\n    };\n  };\n}\n",
        reason: "mounts file systems, which takes all rights",
    },
    fixes: false,
    check: Check::Tree(check),
};

/// Beginnings of the settings that take rights away.
const RESTRICTIONS: &[&str] = &[
    "AmbientCapabilities",
    "CapabilityBoundingSet",
    "DevicePolicy",
    "DynamicUser",
    "InaccessiblePaths",
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "NoExecPaths",
    "NoNewPrivileges",
    "Private",
    "Protect",
    "ReadOnlyPaths",
    "ReadWritePaths",
    "RemoveIPC",
    "Restrict",
    "RootDirectory",
    "SystemCall",
    "TemporaryFileSystem",
    "User",
];

fn check(tree: &Tree<'_>, report: &mut TreeReport<'_>) {
    // Restrictions may stand in another module than the program.
    let mut restricted: BTreeSet<&str> = BTreeSet::new();
    let mut programs: BTreeMap<&str, Vec<(usize, &Definition)>> = BTreeMap::new();
    for at in tree.modules() {
        for definition in at.module.below(&["systemd", "services"]) {
            let Some(name) = definition.path.0.get(2).map(String::as_str) else {
                continue;
            };
            let rest: Vec<&str> = definition.path.0[3..].iter().map(String::as_str).collect();
            match rest.as_slice() {
                ["confinement", ..] => {
                    restricted.insert(name);
                }
                [] | ["serviceConfig"] if matches!(definition.value, DefValue::Expr(_)) => {
                    restricted.insert(name);
                }
                ["serviceConfig", key, ..] if RESTRICTIONS.iter().any(|it| key.starts_with(it)) => {
                    restricted.insert(name);
                }
                ["serviceConfig", "ExecStart"] | ["script"]
                    if is_program(definition, tree.files[at.file].text) =>
                {
                    programs
                        .entry(name)
                        .or_default()
                        .push((at.file, definition));
                }
                _ => {}
            }
        }
        for path in &at.module.computed {
            if starts_with(path, &["systemd", "services", "*"])
                && let Some(name) = path.get(2)
            {
                restricted.insert(name);
            }
        }
    }
    for (name, places) in programs {
        if restricted.contains(name) {
            continue;
        }
        for (file, definition) in places {
            let range = definition.start..definition.value_start;
            let range = range.start..trimmed(report.tree.files[file].text, &range);
            let message = format!("the service `{name}` runs as root with no restriction");
            report
                .report(file, range, message)
                .help("set `DynamicUser = true`, or `ProtectSystem = \"strict\"` and the like");
        }
    }
}

/// The end of an attribute path before its `=`.
fn trimmed(text: &str, range: &std::ops::Range<usize>) -> usize {
    range.start
        + text[range.clone()]
            .trim_end()
            .trim_end_matches('=')
            .trim_end()
            .len()
}

/// Whether a definition is the program of a service of one's own: not a list that first empties what
/// nixpkgs set, not an override, and not an addition.
fn is_program(definition: &Definition, text: &str) -> bool {
    let head = &text[definition.start..definition.value_start];
    let is_addition = ["mkAfter", "mkBefore", "mkOrder"]
        .iter()
        .any(|name| head.contains(name));
    let is_plain = definition.priority.is_some_and(|priority| priority >= 100);
    let is_reset = match &definition.value {
        DefValue::List(items) => items.first() == Some(&DefValue::Str(String::new())),
        DefValue::Str(text) => text.is_empty(),
        _ => false,
    };
    is_plain && !is_reset && !is_addition
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
                "{ systemd.services.a = { wantedBy = [ ]; «script» = ''x''; }; }",
                "{ systemd.services.a.serviceConfig = { Type = \"oneshot\"; «ExecStart» = \"x\"; }; }",
                "{ systemd.services.a.serviceConfig = { ExecStart = \"x\"; User = \"a\"; }; }",
                "{ systemd.services.a = { script = ''x''; serviceConfig.PrivateTmp = true; }; }",
                "{ systemd.services.a = { script = ''x''; serviceConfig = hardened // { }; }; }",
                "{ systemd.services.a = { script = ''x''; confinement.enable = true; }; }",
                "{ systemd.services.a.serviceConfig.ExecStart = lib.mkForce \"x\"; }",
                "{ systemd.services.a.serviceConfig.ExecStart = [ \"\" \"x\" ]; }",
                "{ systemd.services.a.script = lib.mkAfter ''x''; }",
                "{ systemd.services.a.wantedBy = [ ]; }",
                "{ systemd.user.services.a.script = ''x''; }",
                "#- a.nix\n{ systemd.services.a.script = ''x''; }\n#- b.nix\n{ systemd.services.a.serviceConfig.DynamicUser = true; }\n",
            ],
        );
    }
}
