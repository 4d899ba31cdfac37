//! `mkif-true`: a condition that could be the value.

use std::collections::{BTreeMap, BTreeSet};

use diag::Code;
use nix::DefValue;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::syntax::{boolean, call, dotted, is_lib_function, is_partial, unparen};
use crate::tree::{Tree, TreeReport};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/mkif-true",
        summary: "`mkIf` where a plain value says the same",
        explanation: "`mkIf condition true` says in two places what `condition` says in one, and leaves the \
                      option at whatever its default is otherwise. A condition that is always true or \
                      always false is no condition. Write the value itself.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds options that are defined as `mkIf condition true`, and `mkIf` whose condition is the literal \
               `true` or `false`. Options that the files declare themselves, and those that several modules \
               define, are left alone: there `mkIf` is right, since a plain `false` of one module would conflict with \
               the `true` of another.",
        bad: "{ config, lib, ... }:\n{\n  services.fwupd.enable = lib.mkIf config.features.laptop.enable true;\n}\n",
        good: "{ config, ... }:\n{\n  services.fwupd.enable = config.features.laptop.enable;\n}\n",
        reason: "other modules switch it on too",
    },
    fixes: true,
    check: Check::NodesAndTree(&[SyntaxKind::NODE_APPLY], check, content),
};

fn check(node: &SyntaxNode, file: &mut File<'_>) {
    if is_partial(node) {
        return;
    }
    let Some((function, arguments)) = call(node) else {
        return;
    };
    let is_it = dotted(&function, file.text).is_some_and(|name| is_lib_function(name, "mkIf"));
    let [condition, content] = arguments.as_slice() else {
        return;
    };
    if !is_it {
        return;
    }
    match boolean(&unparen(condition.clone()), file.text) {
        Some(true) => {
            let is_value = node
                .parent()
                .is_some_and(|it| it.kind() == SyntaxKind::NODE_ATTRPATH_VALUE);
            let text = if is_value {
                file.slice(&unparen(content.clone())).to_owned()
            } else {
                file.slice(content).to_owned()
            };
            file.report(node.text_range(), "the condition is always true")
                .help("write the content without `mkIf`")
                .edit(node.text_range(), text);
        }
        Some(false) => {
            file.report(node.text_range(), "the condition is never true")
                .help("remove the definition");
        }
        None => {}
    }
}

/// Definitions of an option as `mkIf condition true`.
fn content(tree: &Tree<'_>, report: &mut TreeReport<'_>) {
    let mut candidates = Vec::new();
    for at in tree.modules() {
        for definition in &at.module.definitions {
            let is_true = definition.conditional && definition.value == DefValue::Bool(true);
            let head = &tree.files[at.file].text[definition.start..definition.value_start];
            // Nothing but one condition stands between the option and the value.
            let is_direct = head.split_once('=').is_some_and(|(_, call)| {
                let call = call.trim_start();
                call.starts_with("lib.mkIf ") || call.starts_with("mkIf ")
            });
            if is_true && is_direct && definition.priority == Some(100) {
                candidates.push((at.file, definition));
            }
        }
    }
    if candidates.is_empty() {
        return;
    }
    // Where several modules may define an option, each must leave it alone when its own condition is
    // false.
    let mut declared: BTreeSet<&[String]> = BTreeSet::new();
    let mut defined: BTreeMap<&[String], usize> = BTreeMap::new();
    for at in tree.modules() {
        declared.extend(at.module.options.iter().map(|it| it.path.as_slice()));
        for definition in &at.module.definitions {
            *defined.entry(&definition.path.0).or_default() += 1;
        }
    }
    for (file, definition) in candidates {
        let path = definition.path.0.as_slice();
        let is_shared = declared.contains(path) || defined.get(path).is_some_and(|n| *n > 1);
        if !is_shared {
            let message = format!(
                "`{}` is defined as `mkIf` with the content `true`",
                definition.path
            );
            report
                .report(file, definition.start..definition.end, message)
                .help("write the condition as the value");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::{check, fixes};

    #[test]
    fn cases() {
        check(
            &RULE,
            &[
                "{ boot.x = 1; «a = lib.mkIf x true»; }",
                "{ boot = { «a.b = mkIf (x && y) true»; }; }",
                "{ options.my.x = lib.mkOption { }; config.my.x = lib.mkIf x true; }",
                "#- a.nix\n{ boot.x = lib.mkIf x true; }\n#- b.nix\n{ boot.x = lib.mkIf y true; }\n",
                "{ boot.x = lib.mkIf x (lib.mkForce true); }",
                "{ a = «lib.modules.mkIf true { b = 1; }»; }",
                "{ a = «lib.mkIf false 1»; }",
                "{ a = lib.mkIf x false; b = lib.mkIf x { c = true; }; }",
                "{ a = my.mkIf x true; }",
                "map (lib.mkIf true)",
            ],
        );
    }

    #[test]
    fn fixed() {
        fixes(
            &RULE,
            &[
                ("{ a = lib.mkIf true { b = 1; }; }", "{ a = { b = 1; }; }"),
                ("{ a = lib.mkIf true (b c); }", "{ a = b c; }"),
                ("f (lib.mkIf true (b c))", "f ((b c))"),
                (
                    "{ boot.a = lib.mkIf x true; }",
                    "{ boot.a = lib.mkIf x true; }",
                ),
            ],
        );
    }
}
