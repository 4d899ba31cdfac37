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
    /// A text that keeps the blank lines at its end (`|+`), in this line, cannot be laid out.
    Kept(usize),
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
    let (guarded, keeps) = guard(text);
    // Blanks at the ends of lines go, unless they are part of a text.
    for trims in [true, false] {
        let Some(laid_out) = settled(&guarded, &options(trims)) else {
            continue;
        };
        let laid_out = laid_out.replace(GUARD, "");
        let laid_out = without_blanks_alone(&laid_out, &guarded);
        let says_the_same = match (&before, read(&laid_out).0) {
            (Some(before), Some(after)) => before.same(&after),
            (None, None) => true,
            _ => false,
        };
        if says_the_same && comments.is_some() && comments == spec::node::comments(&laid_out) {
            return Ok(laid_out);
        }
    }
    Err(keeps.map_or(Unformatted::Unsafe, Unformatted::Kept))
}

/// Stands in blank lines that are a part of a text while it is laid out. It is for private use, so that
/// no text has it.
const GUARD: char = '\u{F8FF}';

/// A text in which the blank lines that end a block (`|+`) are marked, and the line of the first such
/// block.
fn guard(text: &str) -> (String, Option<usize>) {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let mut first = None;
    let mut at = 0;
    while at < lines.len() {
        let Some((parent, keeps)) = block_header(&lines[at]) else {
            at += 1;
            continue;
        };
        let is_blank = |line: &String| line.trim().is_empty();
        let start = at + 1;
        let inside = |line: &String| is_blank(line) || columns(line) >= parent;
        let end = lines[start..]
            .iter()
            .position(|line| !inside(line))
            .map_or(lines.len(), |length| start + length);
        let content = lines[start..end].iter().rposition(|line| !is_blank(line));
        if keeps {
            first.get_or_insert(at + 1);
            let is_open = lines[end - 1].ends_with('\n');
            if let Some(last) = content
                && is_open
            {
                let own = lines[start..end].iter().find(|line| !is_blank(line));
                let indent = " ".repeat(own.map_or(0, |line| columns(line)));
                for line in &mut lines[start + last + 1..end] {
                    let rest = line.trim_start_matches(' ');
                    *line = format!("{indent}{GUARD}{rest}");
                }
            }
        }
        at = end.max(start);
    }
    if text.contains(GUARD) {
        return (text.to_owned(), first);
    }
    (lines.concat(), first)
}

/// Lines that hold nothing but the indentation of what was marked are empty.
fn without_blanks_alone(text: &str, guarded: &str) -> String {
    if !guarded.contains(GUARD) {
        return text.to_owned();
    }
    let lines = text.split_inclusive('\n');
    lines
        .map(|line| match line.trim_end_matches(['\r', '\n']) {
            blanks if !blanks.is_empty() && blanks.trim().is_empty() => &line[blanks.len()..],
            _ => line,
        })
        .collect()
}

fn columns(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Of a line that a block text follows: the columns that its lines have at least, and whether it keeps
/// the blank lines at its end.
fn block_header(line: &str) -> Option<(usize, bool)> {
    let line = line.trim_end();
    let line = line.split(" #").next().unwrap_or(line).trim_end();
    let (before, header) = line.rsplit_once([' ', '\t'])?;
    let mut signs = header.chars();
    let is_header = matches!(signs.next(), Some('|' | '>'))
        && signs
            .clone()
            .all(|c| c == '+' || c == '-' || c.is_ascii_digit());
    if !is_header || before.trim_start().starts_with('#') {
        return None;
    }
    let mut parent = columns(before);
    let mut rest = &before[parent..];
    while let Some(inner) = rest
        .strip_prefix('-')
        .filter(|inner| inner.starts_with(' '))
    {
        let inner = inner.trim_start_matches(' ');
        if !inner.contains(':') {
            break;
        }
        parent = before.len() - inner.len();
        rest = inner;
    }
    Some((parent + 1, signs.any(|c| c == '+')))
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

    /// Every kind of block text, before and behind every kind of neighbour: it says the same, and a
    /// second run changes nothing.
    #[test]
    fn block_texts_stay_what_they_are() {
        let headers = [
            "|",
            "|-",
            "|+",
            ">",
            ">-",
            ">+",
            "|2+",
            "|+ # note",
            "!nix |+",
        ];
        let texts = ["x\n", "x\n\n  y\n", "x: |+\n\ny\n", "# no comment\nx\n"];
        let behind = ["", "b: 1\n", "# note\nb: 1\n", "b:   2  # late\n"];
        for (header, text) in headers.iter().flat_map(|h| texts.map(|t| (*h, t))) {
            for (blanks, behind) in (0..4).flat_map(|n| behind.map(|b| (n, b))) {
                for around in ["top", "list", "items", "crlf"] {
                    let indent = |by: &str, text: &str| -> String {
                        let line = |line: &str| match line.trim() {
                            "" => line.to_owned(),
                            _ => format!("{by}{line}"),
                        };
                        text.split_inclusive('\n').map(line).collect()
                    };
                    let inner = indent("  ", text) + &"\n".repeat(blanks);
                    let whole = match around {
                        "list" => format!(
                            "l:\n    - a: {header}\n{}{}",
                            indent("      ", &inner),
                            indent("      ", behind)
                        ),
                        "items" => format!("- {header}\n{inner}-   z\n"),
                        _ => format!("a:   {header}\n{inner}{behind}"),
                    };
                    let whole = if around == "crlf" {
                        whole.replace('\n', "\r\n")
                    } else {
                        whole
                    };
                    let (before, is_broken) = read(&whole);
                    assert!(!is_broken, "{whole}");
                    let laid_out = match format_yaml(&whole) {
                        Ok(laid_out) => laid_out,
                        // The indentation would be another one; it is told.
                        Err(Unformatted::Kept(2)) if header == "|2+" && around == "list" => {
                            continue;
                        }
                        Err(other) => panic!("{other:?}: {whole:?}"),
                    };
                    let after = read(&laid_out).0;
                    let same = before.zip(after).is_some_and(|(a, b)| a.same(&b));
                    assert!(same, "{whole:?} became {laid_out:?}");
                    assert_eq!(format_yaml(&laid_out).unwrap(), laid_out, "{whole:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_yaml_is_reported() {
        let result = format_yaml("a: [\n");
        assert!(matches!(result, Err(Unformatted::Broken)), "{result:?}");
    }
}
