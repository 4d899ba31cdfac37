//! `unused-flag`: modules that no host switches on.

use std::collections::BTreeSet;

use diag::Code;
use nix::DefValue;

use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::tree::{Tree, TreeReport};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/unused-flag",
        summary: "a flag that no host switches on",
        explanation: "The module behind it is never evaluated in earnest, so nobody knows whether it still works, and \
                      everyone who changes the fleet has to read it. Switch it on somewhere, or remove the module.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Looks at a whole flake with hosts (`nixosSystem`): finds options named `enable`, declared in its modules and \
               off by default, that no file sets to anything but `false`. Where names are computed, nothing is said.",
        bad: "#- flake.nix\n{ outputs = { nixpkgs, ... }: { nixosConfigurations.one = nixpkgs.lib.nixosSystem { modules = [ ./web.nix ./one.nix ]; }; }; }\n#- web.nix\n{ lib, ... }: { options.features.web.enable = lib.mkEnableOption \"the web server\"; }\n#- one.nix\n{ networking.hostName = \"one\"; }\n",
        good: "#- flake.nix\n{ outputs = { nixpkgs, ... }: { nixosConfigurations.one = nixpkgs.lib.nixosSystem { modules = [ ./web.nix ./one.nix ]; }; }; }\n#- web.nix\n{ lib, ... }: { options.features.web.enable = lib.mkEnableOption \"the web server\"; }\n#- one.nix\n{ features.web.enable = true; }\n",
        reason: "users of this flake switch it on",
    },
    fixes: false,
    check: Check::Tree(check),
};

fn check(tree: &Tree<'_>, report: &mut TreeReport<'_>) {
    if tree.files.iter().all(|file| file.facts.hosts.is_empty()) {
        return;
    }
    // What may be switched on: full paths, and the last names of paths of any depth, since options
    // stand below users too.
    let mut set: BTreeSet<&[String]> = BTreeSet::new();
    let mut opaque: BTreeSet<&[String]> = BTreeSet::new();
    for at in tree.modules() {
        for definition in &at.module.definitions {
            let path = below_user(&definition.path.0);
            match definition.value {
                DefValue::Bool(false) => {}
                DefValue::Expr(_) if path.last().is_none_or(|name| name != "enable") => {
                    if !path.is_empty() {
                        opaque.insert(path);
                    }
                }
                _ => {
                    set.insert(path);
                }
            }
        }
        for path in &at.module.computed {
            opaque.insert(below_user(path));
        }
    }
    for at in tree.modules() {
        for declaration in at.module.options.iter().filter(|it| it.is_flag) {
            let path = declaration.path.as_slice();
            let is_unknown =
                (1..path.len()).any(|n| opaque.contains(&path[..n])) || opaque.contains(&[][..]);
            if path.is_empty() || set.contains(path) || is_unknown {
                continue;
            }
            let name = nix::AttrPath(path.to_vec());
            report
                .report(
                    at.file,
                    declaration.range.clone(),
                    format!("no host switches on `{name}`"),
                )
                .help("switch it on where it is used, or remove the module");
        }
    }
}

/// A path without the user of Home Manager that it stands below.
fn below_user(path: &[String]) -> &[String] {
    if path.len() > 3 && path[0] == "home-manager" && path[1] == "users" {
        return &path[3..];
    }
    path
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::check;

    #[test]
    fn cases() {
        let flake =
            "#- flake.nix\n{ a = nixosSystem { modules = [ ./m.nix ./a.nix ]; }; }\n#- m.nix\n";
        let on = "{ options.my.x.enable = lib.mkEnableOption \"x\"; }";
        let marked = "{ «options.my.x.enable» = lib.mkEnableOption \"x\"; }";
        let cases = [
            format!("{flake}{marked}\n#- a.nix\n{{ boot.x = 1; }}\n"),
            format!("{flake}{marked}\n#- a.nix\n{{ config.my.x.enable = false; }}\n"),
            format!("{flake}{on}\n#- a.nix\n{{ config.my.x.enable = true; }}\n"),
            format!("{flake}{on}\n#- a.nix\n{{ config.my.x.enable = lib.mkDefault y; }}\n"),
            format!("{flake}{on}\n#- a.nix\n{{ config.my = f x; }}\n"),
            format!("{flake}{on}\n#- a.nix\n{{ config.my.${{x}}.enable = true; }}\n"),
            format!("{flake}{on}\n#- a.nix\n{{ home-manager.users.a.my.x.enable = true; }}\n"),
            format!(
                "{flake}{{ options.my.x.enable = lib.mkOption {{ default = true; }}; }}\n#- a.nix\n{{ boot.x = 1; }}\n"
            ),
            format!("#- m.nix\n{on}\n"),
        ];
        check(&RULE, &cases.each_ref().map(String::as_str));
    }
}
