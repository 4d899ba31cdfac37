//! Every example of the documentation of the spec language loads, and fits the schema.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test reads the documentation"
)]

use diag::{Diagnostics, SourceMap};
use spec::schema::{Names, schema};

/// The YAML blocks of a Markdown text, with the line on which each begins.
fn examples(markdown: &str) -> Vec<(usize, String)> {
    let mut result = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (i, line) in markdown.lines().enumerate() {
        match &mut open {
            Some(_) if line == "```" => result.extend(open.take()),
            Some((_, text)) => {
                text.push_str(line);
                text.push('\n');
            }
            None if line == "```yaml" => open = Some((i + 2, String::new())),
            None => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    result
}

#[test]
fn every_example_is_sound() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spec-language.md");
    let markdown = std::fs::read_to_string(path).unwrap();
    let validator = jsonschema::draft7::new(&schema(&Names::default())).unwrap();
    let examples = examples(&markdown);
    assert!(examples.len() >= 10, "{} examples", examples.len());
    for (line, text) in examples {
        let mut sources = SourceMap::new();
        let file = sources.add(format!("spec-language.md:{line}"), text.clone());
        let mut diagnostics = Diagnostics::new();
        spec::load(&sources, &[file], &mut diagnostics);
        let style = diag::Style {
            color: false,
            width: 100,
        };
        let rendered = diag::render(&diagnostics, &sources, diag::Format::Human, style);
        assert!(diagnostics.is_empty(), "{rendered}");
        let json: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        let problems: Vec<String> = validator
            .iter_errors(&json)
            .map(|e| format!("line {line}: {e} at {}", e.instance_path))
            .collect();
        assert_eq!(problems, [""; 0]);
    }
}
