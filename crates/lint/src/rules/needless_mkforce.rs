//! `needless-mkforce`: `mkForce` that has nothing to win against.

use std::collections::BTreeMap;

use diag::Code;
use nix::Definition;

use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::tree::{ModuleAt, Tree, TreeReport};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/needless-mkforce",
        summary: "`mkForce` where a plain definition would win",
        explanation: "`mkForce` says that something had to be overridden, and keeps later definitions from having an \
                      effect without a word. A plain definition wins against `mkDefault` and against the option's own \
                      default. Keep `mkForce` for definitions that cannot be changed.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds `mkForce` on an option that the files declare themselves and that nothing else defines, and `mkForce` \
               on an option whose other definitions, in the modules of every host with it, are all `mkDefault`. Options of \
               nixpkgs that only `mkForce` defines here are left alone: a module of nixpkgs may define them.",
        bad: "#- flake.nix\n{ outputs = { nixpkgs, ... }: { nixosConfigurations.one = nixpkgs.lib.nixosSystem { modules = [ ./base.nix ./one.nix ]; }; }; }\n#- base.nix\n{ lib, ... }: { time.timeZone = lib.mkDefault \"UTC\"; }\n#- one.nix\n{ lib, ... }: { time.timeZone = lib.mkForce \"Europe/London\"; }\n",
        good: "#- flake.nix\n{ outputs = { nixpkgs, ... }: { nixosConfigurations.one = nixpkgs.lib.nixosSystem { modules = [ ./base.nix ./one.nix ]; }; }; }\n#- base.nix\n{ lib, ... }: { time.timeZone = lib.mkDefault \"UTC\"; }\n#- one.nix\n{ time.timeZone = \"Europe/London\"; }\n",
        reason: "a module outside of this repository defines it too",
    },
    fixes: false,
    check: Check::Tree(check),
};

/// Where a definition stands: the number of its file, and its first byte.
type At = (usize, usize);

/// The priorities of `mkForce` and of `mkDefault`.
const FORCE: i64 = 50;
const DEFAULT: i64 = 1000;

fn check(tree: &Tree<'_>, report: &mut TreeReport<'_>) {
    let everywhere: Vec<ModuleAt<'_>> = tree.modules().collect();
    let has_force = everywhere.iter().any(|at| {
        at.module
            .definitions
            .iter()
            .any(|it| it.priority == Some(FORCE))
    });
    if !has_force {
        return;
    }
    // Place of the `mkForce` → what each host says of it: a definition that is only a default.
    let mut verdicts: BTreeMap<At, Vec<Option<At>>> = BTreeMap::new();
    for host in tree.hosts() {
        for at in &host.modules {
            for forced in forced(at) {
                let verdict = only_defaults(&host.modules, at, forced);
                verdicts
                    .entry((at.file, forced.start))
                    .or_default()
                    .push(verdict);
            }
        }
    }
    for at in &everywhere {
        for forced in forced(at) {
            let path = &forced.path;
            let own = everywhere.iter().find_map(|other| {
                let declaration = other.module.options.iter().find(|it| it.path == path.0)?;
                Some((other.file, declaration.range.clone()))
            });
            if let Some((file, range)) = own
                && is_alone(&everywhere, at, forced)
            {
                let place = tree.place(file, range);
                report
                    .report(
                        at.file,
                        forced.start..forced.end,
                        format!("`mkForce`, but nothing else defines `{path}`"),
                    )
                    .related(place, "the option is declared here")
                    .help("define it plainly");
                continue;
            }
            let Some(all) = verdicts.get(&(at.file, forced.start)) else {
                continue;
            };
            if let Some(Some((file, start))) = all.first()
                && all.iter().all(Option::is_some)
            {
                let default = everywhere
                    .iter()
                    .filter(|it| it.file == *file)
                    .find_map(|it| it.module.definitions.iter().find(|it| it.start == *start));
                let end = default.map_or(*start, |it| it.end);
                let place = tree.place(*file, *start..end);
                report
                    .report(
                        at.file,
                        forced.start..forced.end,
                        format!("`mkForce`, but only `mkDefault` defines `{path}` besides"),
                    )
                    .related(place, "a plain definition wins against this")
                    .help("define it plainly");
            }
        }
    }
}

/// The definitions of a module with the priority of `mkForce`.
fn forced<'a>(at: &ModuleAt<'a>) -> impl Iterator<Item = &'a Definition> {
    at.module
        .definitions
        .iter()
        .filter(|it| it.priority == Some(FORCE) && !it.path.0.is_empty())
}

/// The other definitions of an option, and whether there may be more.
fn others<'a>(
    modules: &[ModuleAt<'a>],
    at: &ModuleAt<'_>,
    forced: &Definition,
) -> Option<Vec<(usize, &'a Definition)>> {
    let path = &forced.path.0;
    let mut found = Vec::new();
    for other in modules {
        for definition in &other.module.definitions {
            let is_same = other.file == at.file && definition.start == forced.start;
            let is_related =
                definition.path.0.starts_with(path) || path.starts_with(&definition.path.0);
            if is_related && !is_same {
                found.push((other.file, definition));
            }
        }
        if other.module.computed.iter().any(|it| path.starts_with(it)) {
            return None;
        }
    }
    Some(found)
}

fn is_alone(modules: &[ModuleAt<'_>], at: &ModuleAt<'_>, forced: &Definition) -> bool {
    others(modules, at, forced).is_some_and(|found| found.is_empty())
}

/// A `mkDefault` of the same option, if there is one and nothing stronger.
fn only_defaults(modules: &[ModuleAt<'_>], at: &ModuleAt<'_>, forced: &Definition) -> Option<At> {
    let found = others(modules, at, forced)?;
    let is_default = |definition: &Definition| {
        definition.path == forced.path && definition.priority.is_some_and(|it| it >= DEFAULT)
    };
    let (file, first) = found.first()?;
    found
        .iter()
        .all(|(_, it)| is_default(it))
        .then_some((*file, first.start))
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::check;

    #[test]
    fn cases() {
        let flake = "#- flake.nix\n{ a = nixosSystem { modules = [ ./a.nix ./b.nix ]; }; }\n";
        let cases = [
            (
                "{ boot.x = lib.mkDefault 1; }",
                "{ «boot.x = lib.mkForce 2»; }",
            ),
            ("{ boot.x = 1; }", "{ boot.x = lib.mkForce 2; }"),
            ("{ boot.x = lib.mkIf c 1; }", "{ boot.x = lib.mkForce 2; }"),
            ("{ }", "{ boot.x = lib.mkForce 2; }"),
            (
                "{ options.my.x = lib.mkOption { }; }",
                "{ config.my = { «x = lib.mkForce 2»; }; }",
            ),
            (
                "{ options.my.x = lib.mkOption { }; config.my.x = 1; }",
                "{ my.x = lib.mkForce 2; boot.a = 1; }",
            ),
            (
                "{ options.my.x = lib.mkOption { }; config.my.${y} = 1; }",
                "{ my.x = lib.mkForce 2; boot.a = 1; }",
            ),
            ("{ boot = x; }", "{ boot.x = lib.mkForce 2; }"),
        ];
        let cases: Vec<String> = cases
            .iter()
            .map(|(a, b)| format!("{flake}#- a.nix\n{a}\n#- b.nix\n{b}\n"))
            .collect();
        check(&RULE, &cases.iter().map(String::as_str).collect::<Vec<_>>());
    }
}
