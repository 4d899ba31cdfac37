//! Renderings of diagnostics: for people, for programs, for GitHub's annotations and as SARIF.
//!
//! Invariants:
//! - Rendering is pure; who calls it decides where the text goes and whether it may have colour.
//! - What a spec holds cannot act on a terminal or on GitHub's log: control and direction characters
//!   never get out as they are.
//! - The work grows with the findings and the text shown, never with the lengths of files or lines.

mod github;
mod human;
mod json;
mod sarif;

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use crate::source::{SourceFile, SourceMap, Span};
use crate::{Diagnostics, did_you_mean};

/// How to write diagnostics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// For people, with the lines of the spec.
    #[default]
    Human,
    /// A JSON list, an object for each finding.
    Json,
    /// Workflow commands that GitHub shows as annotations.
    Github,
    /// SARIF 2.1.0, for code-scanning services and editors.
    Sarif,
}

impl Format {
    /// All formats.
    pub const ALL: &[Self] = &[Self::Human, Self::Json, Self::Github, Self::Sarif];

    /// The names of all formats, in the same order.
    pub const NAMES: &[&str] = &["human", "json", "github", "sarif"];

    /// Its name, as given to `--format`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Github => "github",
            Self::Sarif => "sarif",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|format| format.name() == name);
        found.copied().ok_or_else(|| UnknownFormat {
            name: name.to_owned(),
        })
    }
}

/// A name that is no [`Format`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFormat {
    /// The name.
    pub name: String,
}

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown format `{}`", message(&self.name))?;
        did_you_mean(&self.name, Format::NAMES).map_or(Ok(()), |help| write!(f, ": {help}"))
    }
}

impl std::error::Error for UnknownFormat {}

/// How the human rendering looks; the others do not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether to write ANSI colours.
    pub color: bool,
    /// The width of the terminal in columns; the lines of the spec are cropped to it.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            color: false,
            width: 100,
        }
    }
}

/// Writes diagnostics in a format, in the order in which they stand, with a final line break; the
/// human and GitHub renderings of no findings are empty.
pub fn render(
    diagnostics: &Diagnostics,
    sources: &SourceMap,
    format: Format,
    style: Style,
) -> String {
    match format {
        Format::Human => human::render(diagnostics, sources, style),
        Format::Json => json::render(diagnostics, sources),
        Format::Github => github::render(diagnostics, sources),
        Format::Sarif => sarif::render(diagnostics, sources),
    }
}

/// A span as people and programs count: lines and columns from 1, columns in characters, the end
/// exclusive.
struct Region<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

impl<'a> Region<'a> {
    fn new(sources: &'a SourceMap, span: Span) -> Self {
        let file = sources.file(span.file);
        let (start, end) = bounds(file, span);
        let (line, column) = file.line_column(start);
        let (end_line, end_column) = file.line_column(end);
        Self {
            file: &file.path,
            line,
            column,
            end_line,
            end_column,
        }
    }
}

/// The bytes that a span covers in its file. Line breaks and indentation at the end are left out, since
/// YAML lets a block reach up to the next key.
fn bounds(file: &SourceFile, span: Span) -> (usize, usize) {
    let start = file.floor(span.start as usize);
    let end = file.floor(span.end as usize).max(start);
    let text = &file.text[start..end];
    let kept = text.trim_end().len();
    let end = if kept > 0 && text[kept..].contains('\n') {
        start + kept
    } else {
        end
    };
    (start, end)
}

/// Words for people, made harmless: one line, of a reasonable length, every character visible.
fn message(text: &str) -> Cow<'_, str> {
    /// So many characters of a message are shown.
    const LONGEST: usize = 2000;
    if text.len() <= LONGEST && !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
            out.push('…');
            break;
        }
        match c {
            '\t' => out.push(' '),
            c => match picture(c) {
                Some(picture) => out.push(picture),
                None if is_hostile(c) => {
                    // Writing to a string does not fail.
                    let _ = write!(out, "<U+{:04X}>", u32::from(c));
                }
                None => out.push(c),
            },
        }
    }
    Cow::Owned(out)
}

/// A character of a source line as shown: another one for those that a terminal would act on. The tab
/// stays.
fn visible(c: char) -> char {
    match picture(c) {
        _ if c == '\t' => c,
        Some(picture) => picture,
        None if is_hostile(c) => char::REPLACEMENT_CHARACTER,
        None => c,
    }
}

/// The picture that Unicode has of an ASCII control character.
fn picture(c: char) -> Option<char> {
    match c {
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)),
        '\x7f' => Some('␡'),
        _ => None,
    }
}

/// Whether a character acts on a terminal, or hides or reorders what stands around it.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}' | '\u{fdd0}'..='\u{fdef}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// Pretty JSON with a final line break, its strings free of characters that act on a terminal.
fn to_json(value: &impl serde::Serialize) -> String {
    let json =
        serde_json::to_string_pretty(value).expect("strings, numbers and lists are valid JSON");
    let mut out = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        // Line breaks come from the layout; in strings they are escaped already.
        if c == '\n' || !is_hostile(c) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests;
