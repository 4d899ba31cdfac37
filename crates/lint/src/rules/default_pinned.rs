//! `default-pinned`: options set to what they are anyway.

use diag::Code;
use nix::{DefValue, Definition};

use crate::config::Level;
use crate::facts::Context;
use crate::rule::{Check, Docs, Rule};
use crate::tree::{Tree, TreeReport};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/default-pinned",
        summary: "an option set to its own default",
        explanation: "The line changes nothing today, and tomorrow, when nixpkgs has a better default, it keeps the old one \
                      without anybody having decided that. Remove it; where the value matters whatever nixpkgs thinks, \
                      say why.",
    },
    level: Level::Note,
    docs: Docs {
        what: "Finds plain definitions of an option of nixpkgs or Home Manager as its literal default, where nothing else in \
               the files defines the option. It needs an index of the options; without one it finds nothing. `enable = false` is \
               left alone, since a module of nixpkgs may switch the option on.",
        bad: "{ boot.kernelParams = [ ]; networking.firewall.enable = true; }\n",
        good: "{ boot.kernelParams = [ \"quiet\" ]; }\n",
        reason: "the firewall must stay on whatever the default",
    },
    fixes: false,
    check: Check::Tree(check),
};

fn check(tree: &Tree<'_>, report: &mut TreeReport<'_>) {
    for at in tree.modules() {
        for definition in &at.module.definitions {
            let is_plain = definition.priority == Some(100) && !definition.conditional;
            if !is_plain || matches!(definition.value, DefValue::Expr(_)) {
                continue;
            }
            let names: Vec<&str> = definition.path.0.iter().map(String::as_str).collect();
            // Many modules of nixpkgs switch others on by `mkDefault`.
            if names.last() == Some(&"enable") && definition.value == DefValue::Bool(false) {
                continue;
            }
            let (context, path) = match names.as_slice() {
                ["home-manager", "users", _, rest @ ..] => (Context::Home, rest),
                path => match at.module.context {
                    Some(context) => (context, path),
                    None => continue,
                },
            };
            if tree.options.default_of(context, path).as_ref() != Some(&definition.value)
                || is_defined_elsewhere(tree, at.file, definition)
            {
                continue;
            }
            let message = format!("`{}` is set to its default", definition.path);
            report
                .report(at.file, definition.start..definition.end, message)
                .help("remove the line, or say why it is there");
        }
    }
}

/// Whether something else in the files defines an option, so that the definition may have an effect.
fn is_defined_elsewhere(tree: &Tree<'_>, file: usize, definition: &Definition) -> bool {
    let path = &definition.path.0;
    tree.modules().any(|at| {
        at.module.computed.iter().any(|it| path.starts_with(it))
            || at.module.definitions.iter().any(|other| {
                let is_same = at.file == file && other.start == definition.start;
                let is_around =
                    path.starts_with(&other.path.0) && matches!(other.value, DefValue::Expr(_));
                !is_same && (other.path.0 == *path || is_around && !other.path.0.is_empty())
            })
    })
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
                "{ «networking.firewall.enable = true»; }",
                "{ networking.firewall.enable = false; }",
                "{ networking.firewall.enable = lib.mkDefault true; }",
                "{ networking.firewall.enable = lib.mkIf x true; }",
                "{ networking.x = 1; services.openssh.enable = false; }",
                "{ networking.x = 1; «services.openssh.openFirewall = true»; }",
                "{ services.openssh.openFirewall = true; }",
                "#- a.nix\n{ networking.firewall.enable = true; }\n#- b.nix\n{ networking.firewall.enable = lib.mkDefault false; }\n",
                "{ home.x = 1; «programs.git.lfs = false»; }",
                "{ home-manager.users.a = { «programs.git.lfs = false»; }; }",
            ],
        );
    }
}
