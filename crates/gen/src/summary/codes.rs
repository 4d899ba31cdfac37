//! Codes of both sides side by side: laid out in one way, and what of them differs.

use std::fmt::Write as _;

use crate::text::one_line;

/// Code without comments and with single spaces; the texts in it are as they are, indented ones
/// without the indentation that their lines share.
pub(super) fn normal(code: &str) -> String {
    let bytes = code.as_bytes();
    let mut out = String::with_capacity(code.len());
    let (mut at, mut is_apart) = (0, false);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = if rest[0].is_ascii_whitespace() {
            is_apart = true;
            at += 1;
            continue;
        } else if rest[0] == b'#' {
            at += rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            is_apart = true;
            continue;
        } else if rest.starts_with(b"/*") {
            at += code[at..].find("*/").map_or(rest.len(), |end| end + 2);
            is_apart = true;
            continue;
        } else if starts_text(rest) {
            text_end(code, at)
        } else {
            let is_end = |(at, b): &(usize, &u8)| {
                b.is_ascii_whitespace() || **b == b'#' || starts_text(&rest[*at..])
            };
            let length = rest.iter().enumerate().skip(1).find(is_end);
            at + length.map_or(rest.len(), |(at, _)| at)
        };
        if is_apart && !out.is_empty() {
            out.push(' ');
        }
        is_apart = false;
        if rest.starts_with(b"''") {
            dedented(&code[at..end], &mut out);
        } else {
            out.push_str(&code[at..end]);
        }
        at = end;
    }
    out
}

fn starts_text(rest: &[u8]) -> bool {
    rest[0] == b'"' || rest.starts_with(b"''")
}

/// The end of a text, whatever is computed in it.
fn text_end(code: &str, start: usize) -> usize {
    let bytes = code.as_bytes();
    let is_indented = bytes[start] == b'\'';
    let mut at = start + if is_indented { 2 } else { 1 };
    while at < bytes.len() {
        let rest = &bytes[at..];
        if is_indented && rest.starts_with(b"''") {
            match rest.get(2) {
                Some(b'\'' | b'$') => at += 3,
                Some(b'\\') => at += 4,
                _ => return at + 2,
            }
        } else if !is_indented && rest[0] == b'\\' || rest.starts_with(b"$$") {
            at += 2;
        } else if !is_indented && rest[0] == b'"' {
            return at + 1;
        } else if rest.starts_with(b"${") {
            at = code_end(code, at + 2);
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// The end of code that stands in braces, after the opening one.
fn code_end(code: &str, start: usize) -> usize {
    let bytes = code.as_bytes();
    let (mut at, mut depth) = (start, 1);
    while at < bytes.len() {
        match bytes[at] {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ if starts_text(&bytes[at..]) => {
                at = text_end(code, at);
                continue;
            }
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// An indented text without what its lines share.
fn dedented(text: &str, out: &mut String) {
    let indent = |line: &&str| line.len() - line.trim_start_matches(' ').len();
    let lines: Vec<&str> = text.split('\n').collect();
    let (last, inner) = lines.split_last().unwrap_or((&"", &[]));
    let filled = inner
        .iter()
        .skip(1)
        .chain(Some(last).filter(|it| it.trim() != "''"));
    let shared = filled
        .filter(|line| !line.trim().is_empty())
        .map(indent)
        .min();
    let shared = shared.unwrap_or(0);
    for (at, line) in lines.iter().enumerate() {
        if at == 0 {
            out.push_str(line);
            continue;
        }
        out.push('\n');
        let is_end = at + 1 == lines.len() && line.trim() == "''";
        out.push_str(if is_end {
            line.trim()
        } else {
            line.get(shared..).unwrap_or_default()
        });
    }
}

/// A text in which options of features have another prefix.
pub(super) fn renamed(text: &str, from: &str, to: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let (before, after) = (&rest[..at], &rest[at + from.len()..]);
        let stands = after.starts_with('.') || after.starts_with(" = {");
        let follows = match before.chars().next_back() {
            None => true,
            Some('.') => ["onfig.", "options."].iter().any(|it| before.ends_with(it)),
            Some(c) => c.is_whitespace() || "({[!".contains(c),
        };
        out.push_str(before);
        out.push_str(if stands && follows { to } else { from });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Codes that differ, as they are when they are short; else from a little before the first place
/// where they differ to the last one.
pub(super) fn difference(old: &str, new: &str) -> (String, String) {
    /// Characters of a code that is shown whole.
    const SHORT: usize = 100;
    /// Words that are shown before what differs.
    const BEFORE: usize = 2;
    let is_short = |code: &str| code.chars().count() <= SHORT && !code.contains('\n');
    if is_short(old) && is_short(new) {
        return (old.to_owned(), new.to_owned());
    }
    let words = |code: &'_ str| code.split_whitespace().map(str::to_owned).collect();
    let (old, new): (Vec<String>, Vec<String>) = (words(old), words(new));
    if old == new {
        return ("…".to_owned(), "the same with other spaces".to_owned());
    }
    let same = |(a, b): &(&String, &String)| a == b;
    let start = old.iter().zip(&new).take_while(same).count();
    let ends = old[start..].iter().rev().zip(new[start..].iter().rev());
    let end = ends.take_while(same).count();
    let from = start.saturating_sub(BEFORE);
    let shown = |words: &[String]| {
        let part = words[from..words.len() - end].join(" ");
        let (before, after) = (
            if from > 0 { "… " } else { "" },
            if end > 0 { " …" } else { "" },
        );
        one_line(&format!("{before}{part}{after}"))
    };
    (shown(&old), shown(&new))
}

/// What one list has and the other has not.
pub(super) fn list_difference(old: &[String], new: &[String]) -> String {
    /// Elements that are told.
    const MOST: usize = 8;
    /// Characters of an element that is shown whole.
    const SHORT: usize = 60;
    let mut removed: Vec<&String> = old.iter().collect();
    let mut added: Vec<&String> = Vec::new();
    for element in new {
        match removed.iter().position(|it| *it == element) {
            Some(at) => drop(removed.remove(at)),
            None => added.push(element),
        }
    }
    if added.is_empty() && removed.is_empty() {
        return "in another order".to_owned();
    }
    let is_long = |it: &&&String| it.chars().count() > SHORT;
    let parts: Vec<String> =
        if added.len() == removed.len() && added.iter().chain(&removed).any(|it| is_long(&it)) {
            let pairs = removed.iter().zip(&added);
            pairs
                .map(|(old, new)| {
                    let (old, new) = difference_of_long(old, new);
                    format!("-{old} +{new}")
                })
                .collect()
        } else {
            let added = added.iter().map(|it| format!("+{}", one_line(it)));
            let removed = removed.iter().map(|it| format!("-{}", one_line(it)));
            added.chain(removed).collect()
        };
    let more = parts.len().saturating_sub(MOST);
    let mut text = parts[..parts.len() - more].join(" ");
    if more > 0 {
        // Writing to a string cannot fail.
        let _ = write!(text, " and {more} more");
    }
    text
}

/// The same for elements of lists, which are cut also when they would just be short enough.
fn difference_of_long(old: &str, new: &str) -> (String, String) {
    let padding = " ".repeat(100);
    let long = |code: &str| format!("{code}{padding}");
    difference(&long(old), &long(new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_layout() {
        let wide = "[\n  # why\n  {\n    a = \"x  y\"; /* b */\n  }\n]";
        assert_eq!(normal(wide), "[ { a = \"x  y\"; } ]");
        assert_eq!(normal("\"a # b\""), "\"a # b\"");
        assert_eq!(normal("f \"${g \"x  \" }\"  y"), "f \"${g \"x  \" }\" y");
        let deep = "''\n      a\n        b\n    ''";
        let flat = "''\n  a\n    b\n''";
        assert_eq!(normal(deep), normal(flat));
        assert_ne!(normal(deep), normal("''\n  a\n  b\n''"));
        assert_ne!(normal("\"a b\""), normal("\"a  b\""));
    }

    #[test]
    fn what_differs() {
        let long = |end: &str| format!("[ {} {end} ]", "\"word\" ".repeat(40).trim_end());
        let (old, new) = difference(&long("\"a\""), &long("\"b\""));
        assert_eq!(old, "… \"word\" \"word\" \"a\" …");
        assert_eq!(new, "… \"word\" \"word\" \"b\" …");
        let (old, new) = difference(&long(""), &long("\"b\""));
        assert_eq!(
            (old.contains("\"b\""), new.contains("\"b\"")),
            (false, true)
        );
        assert_eq!(difference("1", "2"), ("1".to_owned(), "2".to_owned()));
        let list = |items: &[&str]| items.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            list_difference(&list(&["1", "2"]), &list(&["2", "1"])),
            "in another order"
        );
        assert_eq!(list_difference(&list(&["1", "1"]), &list(&["1"])), "-1");
        assert_eq!(list_difference(&list(&["1"]), &list(&["2"])), "+2 -1");
    }

    #[test]
    fn another_prefix() {
        let text = "config.features.a.b x.features.c = 1;\n  features.d.e = experimental-features;";
        let wanted = "config.my.a.b x.features.c = 1;\n  my.d.e = experimental-features;";
        assert_eq!(renamed(text, "features", "my"), wanted);
    }
}
