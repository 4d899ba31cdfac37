//! `no-garbage-collection`: machines whose store only grows.

use diag::Code;
use nix::DefValue;

use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::tree::{Tree, TreeReport};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/no-garbage-collection",
        summary: "a fleet whose hosts never collect garbage",
        explanation: "Every generation keeps its packages. Without `nix.gc.automatic` the disk fills up until a service \
                      fails for it. Collect old generations by a timer, or let `nh` do it.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Looks at a whole flake: it has hosts (`nixosSystem`), it configures Nix (`nix.…`), and no file sets \
               `nix.gc`, `programs.nh.clean` or `min-free`.",
        bad: "#- flake.nix\n{ outputs = { nixpkgs, ... }: { nixosConfigurations.one = nixpkgs.lib.nixosSystem { modules = [ ./one.nix ]; }; }; }\n#- one.nix\n{ nix.settings.experimental-features = [ \"nix-command\" \"flakes\" ]; }\n",
        good: "#- flake.nix\n{ outputs = { nixpkgs, ... }: { nixosConfigurations.one = nixpkgs.lib.nixosSystem { modules = [ ./one.nix ]; }; }; }\n#- one.nix\n{\n  nix.settings.experimental-features = [ \"nix-command\" \"flakes\" ];\n  nix.gc = { automatic = true; options = \"--delete-older-than 30d\"; };\n}\n",
        reason: "the machines are installed anew every week",
    },
    fixes: false,
    check: Check::Tree(check),
};

fn check(tree: &Tree<'_>, report: &mut TreeReport<'_>) {
    if tree.files.iter().all(|file| file.facts.hosts.is_empty()) {
        return;
    }
    let mut first = None;
    for at in tree.modules() {
        for definition in &at.module.definitions {
            let path: Vec<&str> = definition.path.0.iter().map(String::as_str).collect();
            // Home Manager's own collection serves as well.
            let path = match path.as_slice() {
                ["home-manager", "users", _, rest @ ..] => rest,
                path => path,
            };
            let collects = match path {
                ["nix", "gc", ..]
                | ["programs", "nh", "clean", ..]
                | ["nix", "settings", "min-free", ..] => true,
                ["nix", "extraOptions"] => match &definition.value {
                    DefValue::Str(text) | DefValue::Expr(text) => text.contains("min-free"),
                    _ => false,
                },
                // What is computed may be anything.
                ["nix"] | ["nix", "settings"] => matches!(definition.value, DefValue::Expr(_)),
                _ => false,
            };
            if collects {
                return;
            }
            if let ["nix", _, ..] = path {
                first.get_or_insert((at.file, definition.start..definition.end));
            }
        }
    }
    let Some((file, range)) = first else { return };
    let text = &report.tree.files[file].text[range.clone()];
    let head = text.split('=').next().unwrap_or_default().trim_end().len();
    report
        .report(
            file,
            range.start..range.start + head,
            "Nix is configured here, but no host ever collects garbage",
        )
        .help("set `nix.gc = { automatic = true; options = \"--delete-older-than 30d\"; }`");
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::check;

    #[test]
    fn cases() {
        let host = "#- flake.nix\n{ a = nixosSystem { modules = [ ./a.nix ]; }; }\n#- a.nix\n";
        let cases = [
            format!("{host}{{ «nix.settings.x» = 1; }}\n"),
            format!("{host}{{ nix.settings.x = 1; nix.gc.automatic = true; }}\n"),
            format!("{host}{{ nix.settings.x = 1; programs.nh.clean.enable = true; }}\n"),
            format!("{host}{{ nix.settings.min-free = 1; }}\n"),
            format!("{host}{{ boot.x = 1; }}\n"),
            "#- a.nix\n{ nix.settings.x = 1; }\n".to_owned(),
        ];
        check(&RULE, &cases.each_ref().map(String::as_str));
    }
}
