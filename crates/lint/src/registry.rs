//! The one table of rules.

use crate::rule::Rule;
use crate::rules;

macro_rules! rules {
    ($($module:ident,)*) => {
        /// Every rule, sorted by name.
        pub static RULES: &[&Rule] = &[$(&rules::$module::RULE,)*];

        #[cfg(test)]
        const MODULES: &[&str] = &[$(stringify!($module),)*];
    };
}

rules! {
    bool_comparison,
    cache_without_key,
    default_pinned,
    desktop_package,
    discovered_imports,
    duplicate_code,
    empty_let,
    import_from_derivation,
    legacy_let,
    lib_wrapper,
    literal_credential,
    manual_inherit,
    manual_inherit_from,
    mkif_true,
    monolithic_flake,
    needless_mkforce,
    nix_env,
    no_garbage_collection,
    open_firewall,
    open_port,
    rec_set,
    root_service,
    scalar_conflict,
    secret_read,
    service_in_host,
    suppression,
    syntax_error,
    unquoted_url,
    untyped_option,
    unused_argument,
    unused_binding,
    unused_flag,
    with_scope,
}

/// The rule of a name.
pub fn rule(name: &str) -> Option<&'static Rule> {
    let found = RULES.binary_search_by(|rule| rule.name().cmp(name)).ok()?;
    Some(RULES[found])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::findings;

    #[test]
    fn names_are_sorted_and_those_of_their_files() {
        assert!(RULES.is_sorted_by_key(|rule| rule.name()));
        for (rule, module) in RULES.iter().zip(MODULES) {
            assert_eq!(rule.name(), module.replace('_', "-"));
            assert_eq!(rule.code.name, format!("lint/{}", rule.name()));
        }
    }

    #[test]
    fn every_file_is_registered() {
        let text = include_str!("rules/mod.rs");
        let files: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("pub(crate) mod ")?.strip_suffix(';'))
            .collect();
        assert_eq!(files, MODULES);
    }

    #[test]
    fn rules_are_documented() {
        for rule in RULES {
            let name = rule.name();
            let docs = &rule.docs;
            assert!(!rule.code.summary.ends_with('.'), "{name}");
            for text in [rule.code.explanation, docs.what] {
                assert!(text.ends_with('.'), "{name}: {text}");
            }
            assert!(!docs.reason.is_empty() || name == "suppression", "{name}");
            assert!(!docs.reason.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn bad_examples_fire_and_good_ones_do_not() {
        for rule in RULES {
            let bad = findings(rule, rule.docs.bad);
            assert!(
                !bad.is_empty(),
                "{}: the bad example is not found",
                rule.name()
            );
            let good = findings(rule, rule.docs.good);
            assert!(good.is_empty(), "{}: {good:#?}", rule.name());
        }
    }

    #[test]
    fn good_examples_are_good_by_every_rule_that_is_on() {
        use crate::{Config, NoFacts, lint_tree, rule::examples};
        for rule in RULES {
            let files = examples(rule.docs.good)
                .into_iter()
                .map(|file| (file.path, file.text))
                .collect();
            let found = lint_tree(&files, &Config::default(), &NoFacts).findings;
            assert!(found.is_empty(), "{}: {found:#?}", rule.name());
        }
    }
}
