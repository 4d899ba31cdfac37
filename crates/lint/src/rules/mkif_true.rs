//! `mkif-true`: a condition that could be the value.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::syntax::{boolean, call, dotted, is_lib_function, is_partial, unparen};

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
        what: "Finds `mkIf` whose content is the literal `true`, and `mkIf` whose condition is the literal \
               `true` or `false`. Where several modules switch on one option on purpose, `mkIf` is right: \
               silence the rule there.",
        bad: "{ config, lib, ... }:\n{\n  services.fwupd.enable = lib.mkIf config.features.laptop.enable true;\n}\n",
        good: "{ config, ... }:\n{\n  services.fwupd.enable = config.features.laptop.enable;\n}\n",
        reason: "other modules switch it on too",
    },
    fixes: true,
    check: Check::Nodes(&[SyntaxKind::NODE_APPLY], check),
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
            let text = file.slice(content).to_owned();
            file.report(node.text_range(), "the condition is always true")
                .help("write the content without `mkIf`")
                .edit(node.text_range(), text);
        }
        Some(false) => {
            file.report(node.text_range(), "the condition is never true")
                .help("remove the definition");
        }
        None if boolean(&unparen(content.clone()), file.text) == Some(true) => {
            let text = file.slice(condition).to_owned();
            file.report(node.text_range(), "`mkIf` with the content `true`")
                .help(format!(
                    "write the condition as the value: `{}`",
                    one_line(&text)
                ));
        }
        None => {}
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
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
                "{ a = «lib.mkIf x true»; }",
                "{ a = «mkIf (x && y) true»; }",
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
                ("{ a = lib.mkIf x true; }", "{ a = lib.mkIf x true; }"),
            ],
        );
    }
}
