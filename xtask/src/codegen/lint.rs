//! The pages of the lint rules, and their index.

use std::fmt::Write as _;

use super::markdown::{cell, code, table};

/// The pages: path and text.
pub(super) fn pages() -> Vec<(String, String)> {
    let mut pages = vec![("docs/reference/lint/README.md".to_owned(), index())];
    for rule in lint::RULES {
        let page = lint::page(rule);
        let (title, rest) = page.split_once("\n\n").unwrap_or((&page, ""));
        let text = format!("{title}\n\n{}{rest}", super::notice());
        pages.push((format!("docs/reference/lint/{}.md", rule.name()), text));
    }
    pages
}

fn index() -> String {
    let mut text = String::from("# Lint rules\n\n");
    text.push_str(super::notice());
    let _ = write!(
        text,
        "What `gen lint PATH` finds in any Nix files, and `gen check` in everything that it writes and copies. \
         `gen lint --explain RULE` prints these pages. How the rules were measured: [lint](../../lint.md).\n\n"
    );
    let rows: Vec<Vec<String>> = lint::RULES
        .iter()
        .map(|rule| {
            vec![
                format!("[{}]({}.md)", code(rule.name()), rule.name()),
                rule.level.to_string(),
                if rule.fixes { "yes" } else { "" }.to_owned(),
                cell(rule.code.summary),
            ]
        })
        .collect();
    text.push_str(&table(&["rule", "level", "fix", "finds"], &rows));
    text
}
