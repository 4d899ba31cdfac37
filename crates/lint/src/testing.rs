//! How rules are tested: code with the expected places between `«` and `»`.

use std::collections::BTreeMap;

use crate::config::{Config, Level};
use crate::facts::{Context, Literal, OptionFacts};
use crate::finding::Finding;
use crate::rule::{Rule, examples};
use crate::run::lint_tree;

/// Facts for tests: a few options of NixOS.
pub(crate) struct TestFacts;

impl OptionFacts for TestFacts {
    fn default_of(&self, context: Context, path: &[&str]) -> Option<Literal> {
        match (context, path.join(".").as_str()) {
            (Context::Nixos, "services.openssh.enable") | (Context::Home, "programs.git.lfs") => {
                Some(Literal::Bool(false))
            }
            (Context::Nixos, "services.openssh.openFirewall" | "networking.firewall.enable") => {
                Some(Literal::Bool(true))
            }
            (Context::Nixos, "boot.kernelParams") => Some(Literal::List(Vec::new())),
            _ => None,
        }
    }

    fn merges(&self, _: Context, path: &[&str]) -> Option<bool> {
        (path.join(".") == "services.nginx.appendConfig").then_some(true)
    }
}

/// The findings of one rule; several files begin with lines `#- PATH`.
pub(crate) fn findings(rule: &Rule, text: &str) -> Vec<Finding> {
    let files: BTreeMap<String, String> = examples(text)
        .into_iter()
        .map(|file| (file.path, file.text))
        .collect();
    let mut config = Config::default();
    config.only(rule.name()).unwrap();
    let mut findings = lint_tree(&files, &config, &TestFacts).findings;
    findings.retain(|finding| finding.rule.name() == rule.name());
    findings
}

/// Checks that a rule finds what is marked in each case, and nothing else.
pub(crate) fn check(rule: &Rule, cases: &[&str]) {
    for case in cases {
        let plain = case.replace(['«', '»'], "");
        let found = findings(rule, &plain);
        for file in examples(case) {
            let text = file.text.replace(['«', '»'], "");
            let mut marked = text.clone();
            let mut own: Vec<_> = found
                .iter()
                .filter(|finding| finding.place.path == file.path)
                .map(|finding| finding.place.range.clone())
                .collect();
            own.sort_by_key(|range| std::cmp::Reverse((range.start, range.end)));
            own.dedup();
            for range in own {
                marked.insert(range.end, '»');
                marked.insert(range.start, '«');
            }
            assert_eq!(
                marked,
                file.text,
                "{} in {}\n{found:#?}",
                rule.name(),
                file.path
            );
        }
    }
}

/// Checks what fixing makes of code. A fixed text has nothing more to fix.
pub(crate) fn fixes(rule: &Rule, cases: &[(&str, &str)]) {
    let mut config = Config::default();
    for other in crate::RULES {
        config.set(other.name(), Level::Off).unwrap();
    }
    config.set(rule.name(), Level::Warning).unwrap();
    for (before, after) in cases {
        let fixed = crate::fix("a.nix", before, &config);
        let text = fixed.map_or_else(|| (*before).to_owned(), |fixed| fixed.text);
        assert_eq!(text, *after, "{} of {before}", rule.name());
        assert_eq!(crate::fix("a.nix", &text, &config), None, "again: {text}");
    }
}
