//! `suppression`: comments that silence findings, without a reason or without effect. The driver
//! finds it.

use diag::Code;

use crate::config::Level;
use crate::rule::{Check, Docs, Rule};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/suppression",
        summary: "a comment that silences nothing, or gives no reason",
        explanation: "Who silences a rule owes the next reader a reason, and a comment that no longer silences \
                      anything hides that things have improved. Add the reason, or remove the comment.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds comments `# gen-lint: allow RULE: REASON` without a reason, with an unknown rule, or where \
               the rule finds nothing. It does not ask for rules that are switched off.",
        bad: "# gen-lint: allow rec-set\nrec {\n  a = 1;\n  b = a;\n}\n",
        good: "# gen-lint: allow rec-set: the names are a namespace of their own\nrec {\n  a = 1;\n  b = a;\n}\n",
        reason: "",
    },
    fixes: false,
    check: Check::Driver,
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::{Config, NoFacts, lint_tree};

    /// Rule and line of the findings.
    fn found(text: &str) -> Vec<(String, usize)> {
        let files = BTreeMap::from([("a.nix".to_owned(), text.to_owned())]);
        lint_tree(&files, &Config::default(), &NoFacts)
            .findings
            .into_iter()
            .map(|it| {
                let line = crate::suppress::line_of(text, it.place.range.start);
                (it.rule.name().to_owned(), line)
            })
            .collect()
    }

    #[test]
    fn findings_are_silenced() {
        let cases: &[(&str, &[(&str, usize)])] = &[
            ("rec { a = 1; b = a; }", &[("rec-set", 0)]),
            ("# gen-lint: allow rec-set: why\nrec { a = 1; b = a; }", &[]),
            ("rec { a = 1; b = a; } # gen-lint: allow rec-set: why", &[]),
            (
                "# gen-lint: allow-file rec-set: why\n[\nrec { a = 1; b = a; } ]",
                &[],
            ),
            (
                "# gen-lint: allow rec-set: why\n[\nrec { a = 1; b = a; } ]",
                &[("suppression", 0), ("rec-set", 2)],
            ),
            (
                "# gen-lint: allow rec-set\nrec { a = 1; b = a; }",
                &[("suppression", 0), ("rec-set", 1)],
            ),
            (
                "# gen-lint: allow nix-env: why\nrec { a = 1; b = a; }",
                &[("suppression", 0), ("rec-set", 1)],
            ),
            ("# gen-lint: allow rec-sets: why\n1", &[("suppression", 0)]),
            // A rule that is off says nothing about its comments.
            (
                "# gen-lint: allow manual-inherit-from: why\n{ a = b.a; }",
                &[],
            ),
            // Text in a string cannot carry a comment, so that it may stand above the binding.
            (
                "{\n# gen-lint: allow nix-env: why\nscript = ''\n  a\n  nix-env -i b\n'';\n}",
                &[],
            ),
        ];
        for (text, expected) in cases {
            let expected: Vec<(String, usize)> = expected
                .iter()
                .map(|(rule, line)| ((*rule).to_owned(), *line))
                .collect();
            assert_eq!(found(text), expected, "{text}");
        }
    }
}
