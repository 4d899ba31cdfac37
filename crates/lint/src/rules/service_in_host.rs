//! `service-in-host`: services configured in the file of a host.

use std::collections::BTreeMap;
use std::ops::Range;

use diag::Code;

use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::tree::{Tree, TreeReport};

/// So many settings of one service are more than a choice.
const MANY: usize = 8;

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/service-in-host",
        summary: "a service configured in the file of a host",
        explanation: "A service that moves to another machine, or runs on two, is copied. Write a module for it, with an \
                      option to switch it on and options for what differs, and let the host switch it on.",
    },
    level: Level::Note,
    docs: Docs {
        what: "Finds services with eight settings and more in the first file of a host: the one that `nixosSystem` names, \
               or `hosts/NAME/default.nix`, `configuration.nix`. Files that the host imports are modules already.",
        bad: "#- hosts/one/default.nix\n{\n  services.nginx = {\n    enable = true;\n    recommendedGzipSettings = true;\n    recommendedOptimisation = true;\n    recommendedProxySettings = true;\n    recommendedTlsSettings = true;\n    clientMaxBodySize = \"1g\";\n    statusPage = true;\n    serverTokens = false;\n  };\n}\n",
        good: "#- hosts/one/default.nix\n{\n  imports = [ ../../modules/web.nix ];\n  features.web.enable = true;\n}\n",
        reason: "the only machine that will ever run it",
    },
    fixes: false,
    check: Check::Tree(check),
};

fn check(tree: &Tree<'_>, report: &mut TreeReport<'_>) {
    let mut is_named = vec![false; tree.files.len()];
    for (number, file) in tree.files.iter().enumerate() {
        for host in &file.facts.hosts {
            // A file that several hosts name is a module.
            for import in &host.imports {
                if let Some(file) = tree.resolve(number, &import.path)
                    && is_host_path(tree.files[file].path)
                {
                    is_named[file] = true;
                }
            }
        }
    }
    for (number, file) in tree.files.iter().enumerate() {
        if !is_named[number] && !is_host_file(file.path) {
            continue;
        }
        for module in file.facts.modules.iter().filter(|module| module.is_root) {
            let mut services: BTreeMap<&str, (usize, Range<usize>)> = BTreeMap::new();
            for definition in module.below(&["services", "*"]) {
                let Some(name) = definition.path.0.get(1) else {
                    continue;
                };
                let entry = services
                    .entry(name)
                    .or_insert((0, definition.start..definition.value_start));
                entry.0 += 1;
            }
            for (name, (count, range)) in services {
                if count < MANY {
                    continue;
                }
                let head = file.text[range.clone()]
                    .trim_end()
                    .trim_end_matches('=')
                    .trim_end();
                let message =
                    format!("`services.{name}` has {count} settings in the file of a host");
                report
                    .report(number, range.start..range.start + head.len(), message)
                    .help("write a module for it that hosts switch on");
            }
        }
    }
}

/// Folders in which hosts stand.
const FOLDERS: &[&str] = &["host", "hosts", "machines", "nodes", "systems"];

fn is_host_path(path: &str) -> bool {
    path.split('/')
        .rev()
        .skip(1)
        .any(|part| FOLDERS.contains(&part))
}

/// Whether a path is that of a host's first file, by the usual names.
fn is_host_file(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        [.., folder, _, file] => {
            FOLDERS.contains(folder) && matches!(*file, "default.nix" | "configuration.nix")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::check;

    #[test]
    fn cases() {
        let many = "b = 1; c = 2; d = 3; e = 4; f = 5; g = 6; h = 7; i = 8;";
        let cases = [
            format!(
                "#- hosts/a/default.nix\n{{ services.x = {{ «b» = 1; {} }}; }}\n",
                &many[7..]
            ),
            format!(
                "#- flake.nix\n{{ a = nixosSystem {{ modules = [ ./hosts/a.nix ]; }}; }}\n#- hosts/a.nix\n{{ services.x = {{ «b» = 1; {} }}; }}\n",
                &many[7..]
            ),
            format!("#- hosts/a/services/x.nix\n{{ services.x = {{ {many} }}; }}\n"),
            format!("#- modules/x.nix\n{{ services.x = {{ {many} }}; }}\n"),
            "#- hosts/a/default.nix\n{ services.x.enable = true; services.y.enable = true; }\n"
                .to_owned(),
        ];
        check(&RULE, &cases.each_ref().map(String::as_str));
    }
}
