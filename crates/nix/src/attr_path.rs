//! Attribute names and paths.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::string::{string, unescape};

/// The words that cannot stand for an attribute name unquoted. `or` could, but few readers know.
const KEYWORDS: [&str; 10] = [
    "assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with",
];

/// Whether `text` is a name that Nix reads without quotes, in an expression as in a path.
pub fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(is_identifier_start)
        && chars.all(is_identifier_char)
        && !KEYWORDS.contains(&text)
}

/// One attribute name as Nix writes it, quoted if it has to be.
pub fn attr_name(name: &str) -> Cow<'_, str> {
    if is_identifier(name) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(string(name))
    }
}

fn is_identifier_start(char: char) -> bool {
    char.is_ascii_alphabetic() || char == '_'
}

fn is_identifier_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '\'')
}

/// A path of attribute names, such as `boot.kernel.sysctl."net.ipv4.ip_forward"`.
///
/// The parts are the bare names; [`Display`](fmt::Display) writes the path with the quotes it needs
/// and no others. Paths are ordered by their parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttrPath(pub Vec<String>);

impl AttrPath {
    /// Reads a path as Nix writes it. Spaces around dots are refused, though Nix allows them.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its place. An interpolation (`${…}`) is refused because
    /// it is code.
    pub fn parse(text: &str) -> Result<AttrPath, AttrPathError> {
        let error = |offset, kind| Err(AttrPathError { offset, kind });
        let mut parts = Vec::new();
        let mut offset = 0;
        loop {
            let rest = &text[offset..];
            let part_len = match rest.chars().next() {
                None if text.is_empty() => return error(0, AttrPathErrorKind::Empty),
                None => return error(offset - 1, AttrPathErrorKind::TrailingDot),
                Some('.') => return error(offset, AttrPathErrorKind::EmptyPart),
                Some('$') if rest.starts_with("${") => {
                    return error(offset, AttrPathErrorKind::Interpolation);
                }
                Some('"') => {
                    let (name, len) = quoted_part(text, offset)?;
                    parts.push(name);
                    len
                }
                Some(char) if is_identifier_start(char) => {
                    let len = rest
                        .find(|char| !is_identifier_char(char))
                        .unwrap_or(rest.len());
                    let name = &rest[..len];
                    if name != "or" && KEYWORDS.contains(&name) {
                        return error(offset, AttrPathErrorKind::Keyword(name.to_owned()));
                    }
                    parts.push(name.to_owned());
                    len
                }
                Some(char) => return error(offset, AttrPathErrorKind::BadCharacter(char)),
            };
            offset += part_len;
            let rest = &text[offset..];
            match rest.chars().next() {
                None => return Ok(AttrPath(parts)),
                Some('.') => offset += 1,
                Some('$') if rest.starts_with("${") => {
                    return error(offset, AttrPathErrorKind::Interpolation);
                }
                Some(char) => return error(offset, AttrPathErrorKind::BadCharacter(char)),
            }
        }
    }

    /// This path with one more name at its end.
    pub fn child(&self, name: impl Into<String>) -> AttrPath {
        let mut parts = self.0.clone();
        parts.push(name.into());
        AttrPath(parts)
    }

    /// This path followed by the other one.
    pub fn join(&self, other: &AttrPath) -> AttrPath {
        AttrPath(self.0.iter().chain(&other.0).cloned().collect())
    }

    /// Whether this path is `prefix` or lies below it.
    pub fn starts_with(&self, prefix: &AttrPath) -> bool {
        self.0.starts_with(&prefix.0)
    }

    /// The names, first to last.
    pub fn parts(&self) -> &[String] {
        &self.0
    }
}

/// Reads the quoted name at `start`, and tells its length in the text.
fn quoted_part(text: &str, start: usize) -> Result<(String, usize), AttrPathError> {
    let content = &text[start + 1..];
    let mut chars = content.char_indices().peekable();
    while let Some((idx, char)) = chars.next() {
        let offset = start + 1 + idx;
        match char {
            '"' => return Ok((unescape(&content[..idx]), idx + 2)),
            '\\' => {
                chars.next();
            }
            // `$$` is two dollars, whatever follows them.
            '$' => match chars.peek() {
                Some((_, '$')) => {
                    chars.next();
                }
                Some((_, '{')) => {
                    return Err(AttrPathError {
                        offset,
                        kind: AttrPathErrorKind::Interpolation,
                    });
                }
                _ => {}
            },
            '\0' => {
                return Err(AttrPathError {
                    offset,
                    kind: AttrPathErrorKind::BadCharacter(char),
                });
            }
            _ => {}
        }
    }
    Err(AttrPathError {
        offset: start,
        kind: AttrPathErrorKind::UnterminatedQuote,
    })
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (part_idx, part) in self.0.iter().enumerate() {
            if part_idx > 0 {
                f.write_str(".")?;
            }
            f.write_str(&attr_name(part))?;
        }
        Ok(())
    }
}

impl FromStr for AttrPath {
    type Err = AttrPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        AttrPath::parse(text)
    }
}

impl Serialize for AttrPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a text is not an attribute path, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct AttrPathError {
    /// The byte offset of what is wrong.
    pub offset: usize,
    /// What is wrong.
    pub kind: AttrPathErrorKind,
}

/// What is wrong with an attribute path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttrPathErrorKind {
    /// A character that a bare name cannot hold.
    #[error("{0:?} cannot stand in an attribute path; quote the name, as in `a.\"b c\"`")]
    BadCharacter(char),
    /// No text at all.
    #[error("the attribute path is empty")]
    Empty,
    /// Nothing before a dot.
    #[error("a name is missing before the `.`")]
    EmptyPart,
    /// `${…}`.
    #[error("an interpolation (`${{…}}`) is code and cannot stand in an attribute path")]
    Interpolation,
    /// A word that Nix keeps for itself.
    #[error("`{0}` is a Nix keyword; write it as `\"{0}\"`")]
    Keyword(String),
    /// Nothing after the last dot.
    #[error("a name is missing after the `.`")]
    TrailingDot,
    /// A quote that is never closed.
    #[error("the quote is never closed")]
    UnterminatedQuote,
}

#[cfg(test)]
mod tests {
    use super::{AttrPath, AttrPathErrorKind as Kind, attr_name, is_identifier};

    #[test]
    fn names() {
        for name in ["a", "_a", "a-b", "a'", "fooBar1", "true", "__curPos"] {
            assert!(is_identifier(name), "{name}");
            assert_eq!(attr_name(name), name);
        }
        let cases = [
            ("", "\"\""),
            ("1a", "\"1a\""),
            ("-a", "\"-a\""),
            ("a.b", "\"a.b\""),
            ("a b", "\"a b\""),
            ("${x}", "\"\\${x}\""),
            ("é", "\"é\""),
            ("if", "\"if\""),
            ("or", "\"or\""),
        ];
        for (name, code) in cases {
            assert!(!is_identifier(name), "{name}");
            assert_eq!(attr_name(name), code);
        }
    }

    #[test]
    fn read_and_written_back() {
        let cases: [(&str, &[&str], &str); 10] = [
            ("a", &["a"], "a"),
            (
                "boot.kernel.sysctl.\"net.ipv4.ip_forward\"",
                &["boot", "kernel", "sysctl", "net.ipv4.ip_forward"],
                "boot.kernel.sysctl.\"net.ipv4.ip_forward\"",
            ),
            ("\"a\".b", &["a", "b"], "a.b"),
            ("\"\"", &[""], "\"\""),
            (r#"a."\"\\\n\$""#, &["a", "\"\\\n$"], "a.\"\\\"\\\\\\n$\""),
            (r#"a."$${x}""#, &["a", "$${x}"], r#"a."$\${x}""#),
            (r#"a."\${x}""#, &["a", "${x}"], r#"a."\${x}""#),
            ("a.or.b", &["a", "or", "b"], "a.\"or\".b"),
            (r#""if".x"#, &["if", "x"], r#""if".x"#),
            ("\"é\".a'", &["é", "a'"], "\"é\".a'"),
        ];
        for (text, parts, written) in cases {
            let path = AttrPath::parse(text).unwrap();
            assert_eq!(path.0, parts, "{text}");
            assert_eq!(path.to_string(), written);
            assert_eq!(AttrPath::parse(written).unwrap(), path);
        }
    }

    #[test]
    fn refused_with_place() {
        let cases = [
            ("", 0, Kind::Empty),
            (".", 0, Kind::EmptyPart),
            (".a", 0, Kind::EmptyPart),
            ("a..b", 2, Kind::EmptyPart),
            ("a.", 1, Kind::TrailingDot),
            ("a.${x}", 2, Kind::Interpolation),
            ("a${x}", 1, Kind::Interpolation),
            ("a.\"b${x}\"", 4, Kind::Interpolation),
            ("a.\"$$${x}\"", 5, Kind::Interpolation),
            ("a b", 1, Kind::BadCharacter(' ')),
            ("a.1", 2, Kind::BadCharacter('1')),
            ("é", 0, Kind::BadCharacter('é')),
            ("$x", 0, Kind::BadCharacter('$')),
            ("a.\"b\"c", 5, Kind::BadCharacter('c')),
            ("a.\"b", 2, Kind::UnterminatedQuote),
            ("a.\"b\\\"", 2, Kind::UnterminatedQuote),
            ("a.\"\0\"", 3, Kind::BadCharacter('\0')),
            ("a.if", 2, Kind::Keyword("if".to_owned())),
        ];
        for (text, offset, kind) in cases {
            let error = AttrPath::parse(text).unwrap_err();
            assert_eq!((error.offset, error.kind), (offset, kind), "{text}");
        }
    }

    #[test]
    fn interpolation_is_called_code() {
        assert!(
            AttrPath::parse("${x}")
                .unwrap_err()
                .to_string()
                .contains("is code")
        );
    }
}
