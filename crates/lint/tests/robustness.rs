//! No text, however broken, makes a rule panic, and a fix never breaks what Nix reads.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use lint::{Config, Level, NoFacts, RULES, examples, fix, lint_tree};

/// Every rule, also those that are off.
fn everything() -> Config {
    let mut config = Config::default();
    for rule in RULES {
        config
            .set(rule.name(), rule.level.max(Level::Note))
            .unwrap();
    }
    config
}

fn check(text: &str, config: &Config) {
    let files = ["flake.nix", "hosts/a/default.nix", "b.nix"]
        .map(|path| (path.to_owned(), text.to_owned()))
        .into_iter()
        .collect::<BTreeMap<_, _>>();
    for finding in lint_tree(&files, config, &NoFacts).findings {
        assert!(
            text.get(finding.place.range.clone()).is_some(),
            "{:?} in {text}",
            finding.place
        );
        for (place, _) in &finding.related {
            assert!(
                text.get(place.range.clone()).is_some(),
                "{place:?} in {text}"
            );
        }
    }
    if let Some(fixed) = fix("a.nix", text, config) {
        assert!(
            nix::parse_problems(&fixed.text).is_empty(),
            "{text}\n{}",
            fixed.text
        );
        assert_eq!(
            fix("a.nix", &fixed.text, config),
            None,
            "{text}\n{}",
            fixed.text
        );
    }
}

/// The files of the examples of all rules.
fn texts() -> Vec<String> {
    let mut texts = Vec::new();
    for rule in RULES {
        for docs in [rule.docs.bad, rule.docs.good] {
            texts.extend(examples(docs).into_iter().map(|file| file.text));
        }
    }
    texts.sort();
    texts.dedup();
    texts
}

#[test]
fn texts_that_end_anywhere() {
    let config = everything();
    for text in texts() {
        for end in (0..text.len())
            .step_by(11)
            .filter(|end| text.is_char_boundary(*end))
        {
            check(&text[..end], &config);
        }
    }
}

#[test]
fn texts_that_lack_a_piece() {
    let config = everything();
    for text in texts() {
        let tokens: Vec<&str> = text.split_inclusive([' ', '\n', ';', '{', '}']).collect();
        for gone in (0..tokens.len()).step_by(3) {
            let rest: Vec<&str> = tokens
                .iter()
                .enumerate()
                .filter(|(number, _)| *number != gone)
                .map(|(_, token)| *token)
                .collect();
            check(&rest.concat(), &config);
        }
    }
}

#[test]
fn deep_texts() {
    let config = everything();
    for depth in [10, 250, 1000, 100_000] {
        for (open, inner, close) in [
            ("{ boot = ", "1", "; }"),
            ("{ imports = [ ", "./a", " ]; }"),
            ("rec { a = ", "a", "; }"),
            ("let a = ", "1", "; in a"),
            ("with x; ", "y", ""),
            ("a: ", "a", ""),
            ("{ a, ... }: ", "{ boot = a; }", ""),
            ("lib.mkIf a (", "{ boot = 1; }", ")"),
            ("\"${", "a", "}\""),
            ("a.", "b", ""),
            ("! ", "a", ""),
            ("a ++ ", "b", ""),
        ] {
            let text = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
            check(&text, &config);
        }
    }
}

#[test]
fn odd_texts() {
    let config = everything();
    for text in [
        "",
        "\u{feff}{ }",
        "\u{feff}",
        "# only a comment",
        "# gen-lint:",
        "{ } # gen-lint: allow",
        "# gen-lint: allow , ,: x\n1",
        "/* gen-lint: allow rec-set: x",
        "\r\n{ a = 1;\r\n }",
        "{ \"\" = 1; ${\"\"} = 2; }",
        "{ é = \"日本\"; # gen-lint: allow rec-set: ü\n}",
        "let in let in let in 1",
        "{ inherit; inherit (x); }",
        "rec{}",
        "with x;with y;z",
        "f{a,...}:a",
        "({a,...}:1)",
    ] {
        check(text, &config);
    }
}
