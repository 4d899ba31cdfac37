//! `syntax-error`: files that are no Nix. The driver finds it.

use diag::Code;

use crate::config::Level;
use crate::rule::{Check, Docs, Rule};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/syntax-error",
        summary: "a file that Nix cannot read",
        explanation: "The parser could not read the file. Nothing else is said about it until it is mended.",
    },
    level: Level::Error,
    docs: Docs {
        what: "Finds files with errors of the syntax, files that are not UTF-8, and files that are nested so deep \
               that they cannot be checked. Only the first error of a file is shown, since others often follow \
               from it.",
        bad: "{ networking.hostName = \"one\" }\n",
        good: "{ networking.hostName = \"one\"; }\n",
        reason: "a test of broken syntax; such a file needs an entry in `lint.ignore`",
    },
    fixes: false,
    check: Check::Driver,
};

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::check;

    #[test]
    fn cases() {
        check(&RULE, &["{ a = 1 «}»", "{ a = 1; }", "[ «;» ]"]);
    }
}
