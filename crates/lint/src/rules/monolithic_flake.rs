//! `monolithic-flake`: the whole configuration in `flake.nix`.

use diag::Code;

use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::syntax::count_lines;
use crate::tree::{Tree, TreeReport};

/// A module with so many lines belongs into a file.
const LARGE: usize = 30;

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/monolithic-flake",
        summary: "a host's configuration inside of `flake.nix`",
        explanation: "What stands inside of `flake.nix` cannot be imported by another host, grows with every host, and \
                      hides what a flake should show at a glance: inputs and outputs. Move it to a file below \
                      `hosts/` or `modules/`, and name the file.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds modules of 30 lines and more that stand in `flake.nix` itself. A few lines that tie a host \
               together are left alone.",
        bad: concat!(
            "#- flake.nix\n{\n  outputs = { nixpkgs, ... }: {\n    nixosConfigurations.one = nixpkgs.lib.nixosSystem {\n      modules = [\n        {\n",
            "          networking.hostName = \"one\";\n          time.timeZone = \"UTC\";\n          services = {\n            openssh = {\n              enable = true;\n              settings = {\n",
            "                PasswordAuthentication = false;\n                PermitRootLogin = \"no\";\n                X11Forwarding = false;\n              };\n            };\n",
            "            fstrim = {\n              enable = true;\n              interval = \"weekly\";\n            };\n            journald = {\n              extraConfig = ''\n                SystemMaxUse=1G\n              '';\n            };\n          };\n",
            "          users.users.alice = {\n            isNormalUser = true;\n            extraGroups = [\n              \"wheel\"\n            ];\n          };\n          boot.loader = {\n            systemd-boot.enable = true;\n            efi.canTouchEfiVariables = true;\n          };\n",
            "        }\n      ];\n    };\n  };\n}\n"
        ),
        good: "#- flake.nix\n{\n  outputs = { nixpkgs, ... }: {\n    nixosConfigurations.one = nixpkgs.lib.nixosSystem { modules = [ ./hosts/one ]; };\n  };\n}\n#- hosts/one/default.nix\n{ networking.hostName = \"one\"; }\n",
        reason: "an example that shall fit into one file",
    },
    fixes: false,
    check: Check::Tree(check),
};

fn check(tree: &Tree<'_>, report: &mut TreeReport<'_>) {
    for (number, file) in tree.files.iter().enumerate() {
        if file.path.rsplit('/').next() != Some("flake.nix") {
            continue;
        }
        let mut end = 0;
        for module in &file.facts.modules {
            let text = &file.text[module.range.clone()];
            // What stands inside of a module was reported with it.
            if module.is_root || module.range.start < end || count_lines(text) < LARGE {
                continue;
            }
            end = module.range.end;
            let head = text.lines().next().map_or(0, str::len);
            let range = module.range.start..module.range.start + head;
            let message = format!("a module of {} lines in `flake.nix`", count_lines(text));
            report.report(number, range, message).help(
                "move it to a file, such as `hosts/NAME/default.nix`, and name the file here",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::check;

    #[test]
    fn cases() {
        let long = "    boot.a = 1;\n".repeat(30);
        check(
            &RULE,
            &[
                &format!(
                    "#- flake.nix\n{{ outputs = {{ nixpkgs, ... }}: {{ nixosModules.x = «{{ ... }}: {{»\n{long} }}; }}; }}\n"
                ),
                &format!(
                    "#- flake.nix\n{{ a = nixosSystem {{ modules = [ «{{»\n{long} }} ]; }}; }}\n"
                ),
                &format!(
                    "#- other.nix\n{{ a = nixosSystem {{ modules = [ {{\n{long} }} ]; }}; }}\n"
                ),
                "#- flake.nix\n{ a = nixosSystem { modules = [ { boot.a = 1; } ]; }; }\n",
            ],
        );
    }
}
