//! String literals: writing them, and reading back those without interpolation.
//!
//! The rules are those of Nix's lexer: between double quotes only `\n`, `\r`, `\t` and a backslash
//! before the character itself are escapes (there is no `\u…`), and a raw carriage return is read as
//! a line feed. An indented string drops the indentation that its lines share, its first line if it
//! is blank and the spaces of its last one; `'''`, `''$` and `''\` escape.

use rnix::SyntaxKind;
use rnix::ast::{self, AstToken, InterpolPart};
use rowan::ast::AstNode;

/// The indentation given to each line; the formatter chooses the final one.
const INDENT: &str = "  ";

/// The double-quoted literal of `text`.
///
/// A NUL character has no Nix literal at all: [`crate::render`] refuses it, and callers that write
/// strings on their own have to.
pub fn string(text: &str) -> String {
    let mut code = String::with_capacity(text.len() + 2);
    code.push('"');
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\n' => code.push_str("\\n"),
            '\r' => code.push_str("\\r"),
            '\t' => code.push_str("\\t"),
            '"' | '\\' => {
                code.push('\\');
                code.push(char);
            }
            '$' if chars.peek() == Some(&'{') => code.push_str("\\$"),
            _ => code.push(char),
        }
    }
    code.push('"');
    code
}

/// The indented-string literal of `text`, which spans several lines of Nix.
///
/// It reads back exactly: lines keep their own leading spaces, and the trailing newline or its
/// absence is kept. See [`string`] about NUL.
pub fn indented(text: &str) -> String {
    let mut code = String::with_capacity(text.len() + 16);
    code.push_str("''\n");
    // Nix drops the indentation that all lines share, so one of the least indented lines has to
    // show where the text begins.
    let least = text
        .split('\n')
        .filter(|line| !is_blank(line))
        .map(leading_spaces)
        .min();
    let mut anchor = least.filter(|&least| least > 0);
    for (line_idx, line) in text.split('\n').enumerate() {
        if line_idx > 0 {
            code.push('\n');
        }
        if line.is_empty() {
            continue;
        }
        code.push_str(INDENT);
        let is_anchor = !is_blank(line) && anchor == Some(leading_spaces(line));
        if is_anchor {
            anchor = None;
        }
        push_indented_line(&mut code, line, is_anchor || is_blank(line));
    }
    code.push_str("''");
    code
}

/// Whether a line is made of spaces, which Nix does not count as text.
fn is_blank(line: &str) -> bool {
    line.chars().all(|char| char == ' ')
}

fn leading_spaces(line: &str) -> usize {
    line.chars().take_while(|&char| char == ' ').count()
}

/// Writes one line of an indented string; `escape_first` keeps its first space from being read as
/// indentation.
fn push_indented_line(code: &mut String, line: &str, escape_first: bool) {
    let mut chars = line.chars().peekable();
    if escape_first && let Some(first) = chars.next() {
        code.push_str("''\\");
        code.push(first);
    }
    while let Some(char) = chars.next() {
        match char {
            '\r' => code.push_str("''\\r"),
            '$' if chars.peek() == Some(&'{') => code.push_str("''$"),
            '\'' => match chars.peek() {
                Some('\'') => {
                    chars.next();
                    code.push_str("'''");
                }
                // A single quote joins the quotes after it, be they an escape or the closing ones.
                None | Some('$' | '\r') => code.push_str("''\\'"),
                Some(_) if code.ends_with('\'') => code.push_str("''\\'"),
                Some(_) => code.push('\''),
            },
            _ => code.push(char),
        }
    }
}

/// The text of a string literal, or nothing if it has an interpolation.
pub fn static_text(literal: &ast::Str) -> Option<String> {
    let mut content = String::new();
    for part in literal.parts() {
        match part {
            InterpolPart::Literal(part) => content.push_str(part.syntax().text()),
            InterpolPart::Interpolation(_) => return None,
        }
    }
    let is_indented = literal.syntax().first_token().is_some_and(|token| {
        token.kind() == SyntaxKind::TOKEN_STRING_START && token.text() == "''"
    });
    Some(if is_indented {
        unescape_indented(&content)
    } else {
        unescape(&content)
    })
}

/// The text that the inside of a double-quoted literal stands for.
pub(crate) fn unescape(content: &str) -> String {
    let mut text = String::with_capacity(content.len());
    let mut chars = content.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\\' => text.extend(chars.next().map(unescape_char)),
            '\r' => {
                text.push('\n');
                chars.next_if_eq(&'\n');
            }
            _ => text.push(char),
        }
    }
    text
}

/// What a character stands for after a backslash.
pub(crate) fn unescape_char(char: char) -> char {
    match char {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        _ => char,
    }
}

/// A stretch of an indented string, as Nix's lexer splits it.
struct Piece {
    text: String,
    /// Whether the text was escaped, which ends the indentation of its line.
    escaped: bool,
}

/// The text that the inside of an indented string stands for.
fn unescape_indented(content: &str) -> String {
    let content = match content.split_once('\n') {
        Some((first, rest)) if is_blank(first) => rest,
        _ => content,
    };
    let pieces = indented_pieces(content);
    let indentation = shared_indentation(&pieces);
    let mut text = String::with_capacity(content.len());
    let mut at_line_start = true;
    let mut n_dropped = 0;
    for (piece_idx, piece) in pieces.iter().enumerate() {
        let mut stripped = String::with_capacity(piece.text.len());
        for char in piece.text.chars() {
            if at_line_start && char == ' ' {
                n_dropped += 1;
                if n_dropped > indentation {
                    stripped.push(char);
                }
                continue;
            }
            stripped.push(char);
            if char == '\n' || at_line_start {
                n_dropped = 0;
            }
            at_line_start = char == '\n';
        }
        if piece_idx + 1 == pieces.len()
            && let Some(end) = stripped.rfind('\n')
            && is_blank(&stripped[end + 1..])
        {
            stripped.truncate(end + 1);
        }
        text.push_str(&stripped);
    }
    text
}

fn indented_pieces(content: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut rest = content;
    let mut push = |text: &str, escaped: bool| match pieces.last_mut() {
        Some(last) if !escaped && !last.escaped => last.text.push_str(text),
        _ => pieces.push(Piece {
            text: text.to_owned(),
            escaped,
        }),
    };
    while let Some(char) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("'''") {
            push("''", true);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("''$") {
            push("$", true);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("''\\") {
            let mut chars = after.chars();
            if let Some(char) = chars.next() {
                push(unescape_char(char).encode_utf8(&mut [0; 4]), true);
            }
            rest = chars.as_str();
        } else {
            let (raw, after) = rest.split_at(char.len_utf8());
            push(raw, false);
            rest = after;
        }
    }
    pieces
}

/// The number of spaces that every line with text begins with.
fn shared_indentation(pieces: &[Piece]) -> usize {
    let mut least = usize::MAX;
    let mut current = 0;
    let mut at_line_start = true;
    for piece in pieces {
        if piece.escaped {
            if at_line_start {
                at_line_start = false;
                least = least.min(current);
            }
            continue;
        }
        for char in piece.text.chars() {
            match char {
                '\n' => {
                    at_line_start = true;
                    current = 0;
                }
                ' ' if at_line_start => current += 1,
                _ if at_line_start => {
                    at_line_start = false;
                    least = least.min(current);
                }
                _ => {}
            }
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use rowan::ast::AstNode;

    use super::{indented, static_text, string};

    fn read(code: &str) -> String {
        let root = rnix::Root::parse(code)
            .ok()
            .unwrap_or_else(|error| panic!("{code}: {error}"));
        let literal = root
            .syntax()
            .children()
            .find_map(rnix::ast::Str::cast)
            .unwrap();
        static_text(&literal).unwrap()
    }

    #[test]
    fn double_quoted() {
        let cases = [
            ("", r#""""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("a\nb\tc\rd", r#""a\nb\tc\rd""#),
            ("${x}", r#""\${x}""#),
            ("$${x}", r#""$\${x}""#),
            ("$$ $", r#""$$ $""#),
            ("a$", r#""a$""#),
            ("\u{1b}[0m é", "\"\u{1b}[0m é\""),
        ];
        for (text, code) in cases {
            assert_eq!(string(text), code);
            assert_eq!(read(code), text);
        }
    }

    #[test]
    fn indented_strings() {
        let cases = [
            ("a\nb\n", "''\n  a\n  b\n''"),
            ("a\nb", "''\n  a\n  b''"),
            ("  a\n b\n", "''\n    a\n  ''\\ b\n''"),
            ("a\n  \nb\n", "''\n  a\n  ''\\  \n  b\n''"),
            ("\n\na\n", "''\n\n\n  a\n''"),
            ("''${x} $${y} $\n", "''\n  '''''${x} $''${y} $\n''"),
            ("it's '\n", "''\n  it's ''\\'\n''"),
            ("'''x\n", "''\n  '''''\\'x\n''"),
            ("a\r\nb\n", "''\n  a''\\r\n  b\n''"),
            ("a\n\tb\n", "''\n  a\n  \tb\n''"),
            ("a\n ", "''\n  a\n  ''\\ ''"),
            ("", "''\n''"),
        ];
        for (text, code) in cases {
            assert_eq!(indented(text), code);
            assert_eq!(read(code), text, "{code}");
        }
    }

    #[test]
    fn read_as_nix_reads() {
        let cases = [
            ("''one''", "one"),
            ("''  one\n    two\n  ''", "one\n  two\n"),
            ("''\n    a\n  b''", "  a\nb"),
            ("\"a\rb\r\nc\"", "a\nb\nc"),
            (r#""\u001b\q""#, "u001bq"),
            ("''a''\\nb''\\x''", "a\nbx"),
        ];
        for (code, text) in cases {
            assert_eq!(read(code), text, "{code}");
        }
    }
}
