//! The spec's YAML, laid out in one way.
//!
//! Invariants:
//! - Comments and order are kept, and what the file says stays what it is: both are read back and
//!   compared before a text is given out.
//! - What is laid out once is not changed a second time.
//! - Lists and mappings keep their style, block or flow, except flow that does not fit its line.

use diag::{Diagnostics, SourceMap};
use pretty_yaml::config::{FormatOptions, LanguageOptions, LayoutOptions};
use spec::node::Node;

/// Columns that a flow collection may fill.
const WIDTH: usize = 120;
/// Columns of indentation from which `yaml_parser` loses count: it keeps a bit for each in a word.
const DEEPEST: usize = 64;
/// Passes after which the layout must have settled.
const PASSES: usize = 4;

/// Why a file stays as it is.
#[derive(Debug)]
pub enum Unformatted {
    /// It is not the YAML of a spec; reading it says why.
    Broken,
    /// A line is indented too deep for the formatter.
    Deep,
    /// The layout would change what it says.
    Unsafe,
}

/// Lays a file out.
///
/// # Errors
///
/// When it is no YAML, or cannot be laid out without changing what it says.
pub fn format_yaml(text: &str) -> Result<String, Unformatted> {
    let (before, is_broken) = read(text);
    if is_broken {
        return Err(Unformatted::Broken);
    }
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    let indent = |line: &str| line.len() - line.trim_start().len();
    if text.lines().any(|line| indent(line) >= DEEPEST) {
        return Err(Unformatted::Deep);
    }
    let comments = spec::node::comments(text);
    // Blanks at the ends of lines go, unless they are part of a text.
    for trims in [true, false] {
        let Some(laid_out) = settled(text, &options(trims)) else {
            continue;
        };
        let says_the_same = match (&before, read(&laid_out).0) {
            (Some(before), Some(after)) => before.same(&after),
            (None, None) => true,
            _ => false,
        };
        if says_the_same && comments.is_some() && comments == spec::node::comments(&laid_out) {
            return Ok(laid_out);
        }
    }
    Err(Unformatted::Unsafe)
}

/// The layout that is not changed a second time.
fn settled(text: &str, options: &FormatOptions) -> Option<String> {
    let mut laid_out = text.to_owned();
    for _ in 0..PASSES {
        let next = pretty_yaml::format_text(&laid_out, options).ok()?;
        if next == laid_out {
            return Some(laid_out);
        }
        laid_out = next;
    }
    None
}

fn read(text: &str) -> (Option<Node>, bool) {
    let mut sources = SourceMap::new();
    let mut diagnostics = Diagnostics::new();
    let file = sources.add("", text);
    let node = spec::node::parse(&sources, file, &mut diagnostics);
    (node, diagnostics.has_errors())
}

fn options(trims: bool) -> FormatOptions {
    FormatOptions {
        layout: LayoutOptions {
            print_width: WIDTH,
            ..LayoutOptions::default()
        },
        language: LanguageOptions {
            trailing_comma: false,
            trim_trailing_whitespaces: trims,
            ..LanguageOptions::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_indentation_are_mended() {
        let text = "# The fleet.\nfleet:\n    name:   x   # short\n    zones: [ lan,vpn ]\n\n\n\nhosts:\n    a: {tags: [ai],template: base}\n    b:\n        settings:\n            a.b: !nix |\n                lib.mkIf\n                  true\n";
        let expected = "# The fleet.\nfleet:\n  name: x # short\n  zones: [lan, vpn]\n\nhosts:\n  a: { tags: [ai], template: base }\n  b:\n    settings:\n      a.b: !nix |\n        lib.mkIf\n          true\n";
        assert_eq!(format_yaml(text).unwrap(), expected);
        assert_eq!(format_yaml(expected).unwrap(), expected);
    }

    #[test]
    fn long_flow_is_broken() {
        let words: Vec<String> = (0..40).map(|n| format!("word{n}")).collect();
        let text = format!("a: [{}]\n", words.join(", "));
        let laid_out = format_yaml(&text).unwrap();
        assert!(laid_out.lines().count() > 1, "{laid_out}");
        assert!(laid_out.lines().all(|line| line.chars().count() <= WIDTH));
    }

    #[test]
    fn quotes_stay_where_they_mean_something() {
        let text = "a: '1'\nb: \"true\"\nc: 'it''s'\nd: '\\n'\n";
        let expected = "a: \"1\"\nb: \"true\"\nc: 'it''s'\nd: '\\n'\n";
        assert_eq!(format_yaml(text).unwrap(), expected);
    }

    #[test]
    fn an_empty_file_and_one_of_comments() {
        assert_eq!(format_yaml("").unwrap(), "");
        assert_eq!(format_yaml("#  later\n").unwrap(), "#  later\n");
    }

    #[test]
    fn what_is_no_yaml_is_reported() {
        let result = format_yaml("a: [\n");
        assert!(matches!(result, Err(Unformatted::Broken)), "{result:?}");
    }
}
