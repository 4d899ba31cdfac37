//! `nix-env`: packages that scripts install.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::syntax::bound_name;

use SyntaxKind::{NODE_ATTRPATH_VALUE, NODE_STRING};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/nix-env",
        summary: "a script that changes a profile with `nix-env`",
        explanation: "What `nix-env` installs is in no configuration: it is not rebuilt, not updated and not removed \
                      with it, and no one sees it in review. Put the package into `environment.systemPackages`, \
                      `users.users.NAME.packages` or `home.packages`, or run it with `nix shell`.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds `nix-env` in strings with an operation that installs, upgrades or removes packages. Listing and \
               switching generations of a system profile is left alone, and so are texts for people.",
        bad: "{ pkgs, ... }:\n{\n  system.activationScripts.tools = ''\n    ${pkgs.nix}/bin/nix-env -iA nixos.git\n  '';\n}\n",
        good: "{ pkgs, ... }:\n{\n  environment.systemPackages = [ pkgs.git ];\n}\n",
        reason: "moves packages out of old profiles",
    },
    fixes: false,
    check: Check::Nodes(&[NODE_STRING], check),
};

const NAME: &str = "nix-env";

fn check(node: &SyntaxNode, file: &mut File<'_>) {
    let text = file.slice(node);
    if text.len() < NAME.len() + 3 || !text.contains(NAME) {
        return;
    }
    let is_prose = node
        .parent()
        .filter(|parent| parent.kind() == NODE_ATTRPATH_VALUE)
        .and_then(|parent| bound_name(&parent, file.text))
        .is_some_and(|name| {
            matches!(
                name,
                "description" | "longDescription" | "documentation" | "example" | "message"
            )
        });
    if is_prose {
        return;
    }
    let start = usize::from(node.text_range().start());
    let mut places = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some(place) = place(line) {
            places.push(start + at + place);
        }
        at += line.len();
    }
    for place in places {
        file.report_at(
            place..place + NAME.len(),
            "a script changes a profile with `nix-env`",
        )
        .help("name the package in the configuration, or use `nix shell`");
    }
}

/// Where a line of a script runs `nix-env` to change packages.
fn place(line: &str) -> Option<usize> {
    if line.trim_start().starts_with('#') {
        return None;
    }
    let at = line.find(NAME)?;
    let rest = line[at + NAME.len()..].split(['|', ';', '&', ')']).next()?;
    let is_command = rest.starts_with([' ', '"', '\'']);
    let changes = rest.split_whitespace().any(|word| {
        let word = word.trim_matches(['"', '\'']);
        matches!(word, "--install" | "--upgrade" | "--uninstall")
            || word.strip_prefix('-').is_some_and(|flags| {
                !flags.starts_with('-') && flags.starts_with(['i', 'u', 'e']) && flags.len() <= 4
            })
    });
    (is_command && changes).then_some(at)
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
                "''\n  «nix-env» -iA nixpkgs.hello\n''",
                "\"«nix-env» -f x -i hello\"",
                "''\n  ${pkgs.nix}/bin/«nix-env» --uninstall a\n  # nix-env -i b\n''",
                "\"«nix-env» -u '*'\"",
                "\"nix-env -p /nix/var/nix/profiles/system --list-generations\"",
                "\"nix-env -p x --set y\"",
                "{ description = \"Do not use nix-env -i.\"; }",
                "\"see nix-env\"",
                "\"nix-environment -i\"",
            ],
        );
    }
}
