//! SARIF 2.1.0: one run, with the codes it used as rules.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::{Region, to_json};
use crate::{Code, Diagnostic, Diagnostics, Severity, SourceMap, Span, code};

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool,
    column_kind: &'static str,
    results: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    full_name: &'static str,
    version: &'static str,
    information_uri: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Text<'static>,
    full_description: Text<'static>,
    help: Help,
}

#[derive(Serialize)]
struct Text<'a> {
    text: &'a str,
}

#[derive(Serialize)]
struct Help {
    text: &'static str,
    markdown: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding<'a> {
    rule_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    level: &'static str,
    message: Owned,
    #[serde(skip_serializing_if = "Option::is_none")]
    locations: Option<[Place<'a>; 1]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Place<'a>>,
}

#[derive(Serialize)]
struct Owned {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    physical_location: Physical,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: ArtifactLocation,
    region: Lines,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Lines {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

/// Writes the log.
pub(super) fn render(diagnostics: &Diagnostics, sources: &SourceMap) -> String {
    let used: BTreeMap<&'static str, &'static Code> = diagnostics
        .iter()
        .filter_map(|d| Some((d.code, d.described.or_else(|| code(d.code))?)))
        .collect();
    let rules: Vec<&'static Code> = used.into_values().collect();
    let results = diagnostics
        .iter()
        .map(|d| finding(d, sources, &rules))
        .collect();
    let driver = Driver {
        name: "gen",
        full_name: "Flakesmith",
        version: env!("CARGO_PKG_VERSION"),
        information_uri: env!("CARGO_PKG_REPOSITORY"),
        rules: rules.iter().copied().map(rule).collect(),
    };
    to_json(&Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool { driver },
            column_kind: "unicodeCodePoints",
            results,
        }],
    })
}

fn rule(code: &'static Code) -> Rule {
    Rule {
        id: code.name,
        short_description: Text { text: code.summary },
        full_description: Text {
            text: code.explanation,
        },
        help: Help {
            text: code.explanation,
            markdown: code.explanation,
        },
    }
}

fn finding<'a>(diagnostic: &'a Diagnostic, sources: &SourceMap, rules: &[&Code]) -> Finding<'a> {
    let mut text = diagnostic.message.clone();
    for help in &diagnostic.help {
        text.push_str("\nhelp: ");
        text.push_str(help);
    }
    Finding {
        rule_id: diagnostic.code,
        rule_index: rules
            .binary_search_by_key(&diagnostic.code, |rule| rule.name)
            .ok(),
        level: match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        },
        message: Owned { text },
        locations: diagnostic
            .span
            .map(|span| [location(None, sources, span, diagnostic.label.as_deref())]),
        related_locations: diagnostic
            .related
            .iter()
            .enumerate()
            .map(|(i, label)| location(Some(i), sources, label.span, Some(&label.message)))
            .collect(),
    }
}

fn location<'a>(
    id: Option<usize>,
    sources: &SourceMap,
    span: Span,
    message: Option<&'a str>,
) -> Place<'a> {
    let Region {
        file,
        line,
        column,
        end_line,
        end_column,
    } = Region::new(sources, span);
    Place {
        id,
        physical_location: Physical {
            artifact_location: ArtifactLocation { uri: uri(file) },
            region: Lines {
                start_line: line,
                start_column: column,
                end_line,
                end_column,
            },
        },
        message: message.map(|text| Text { text }),
    }
}

/// A path as a URI reference. `catalog:` is a scheme already.
fn uri(path: &str) -> String {
    let (mut out, path) = match path.strip_prefix("catalog:") {
        Some(rest) => ("catalog:".to_owned(), rest),
        None if path.starts_with('/') => ("file://".to_owned(), path),
        None => (String::new(), path),
    };
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            // Writing to a string does not fail.
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_are_uri_references() {
        assert_eq!(uri("spec/hosts.yaml"), "spec/hosts.yaml");
        assert_eq!(
            uri("spec/my hosts é#1%.yaml"),
            "spec/my%20hosts%20%C3%A9%231%25.yaml"
        );
        assert_eq!(uri("a:b.yaml"), "a%3Ab.yaml");
        assert_eq!(uri("catalog:ai/ollama.yaml"), "catalog:ai/ollama.yaml");
        assert_eq!(uri("/srv/spec/a.yaml"), "file:///srv/spec/a.yaml");
    }
}
