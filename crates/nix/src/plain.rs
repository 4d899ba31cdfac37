//! Plain data: attribute sets, lists, literals and what is selected from a name (`pkgs.git`), which most
//! files of a fleet consist of.
//!
//! Such text needs no parser to say which names it reads, and no formatter to be laid out. What is not
//! certainly plain, or might need a line broken, is left to both.

use std::collections::BTreeSet;

use crate::is_identifier;
use crate::scope::is_global;

/// Levels that are read here; deeper text is left to the parser.
const MAX_DEPTH: usize = 24;

/// The widest line; the formatter breaks lines that are wider than 100.
const MAX_WIDTH: usize = 90;

/// Plain data, laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain<'a> {
    /// The text as the formatter lays it out.
    pub text: String,
    /// The names that it reads; it binds none.
    pub names: BTreeSet<&'a str>,
}

/// Plain data as the formatter lays it out: an attribute set that is sound and has a layout that follows
/// from its lines.
///
/// `None` says nothing about the text but that it has to be parsed.
///
/// # Examples
///
/// ```
/// let text = "{\n  a = pkgs.git;\nb.c = [ 1 2 ];\n}";
/// let plain = nix::lay_out_plain(text).unwrap();
/// assert_eq!(plain.text, "{\n  a = pkgs.git;\n  b.c = [\n    1\n    2\n  ];\n}\n");
/// assert_eq!(plain.names.into_iter().collect::<Vec<_>>(), ["pkgs"]);
/// assert_eq!(nix::format(text).unwrap(), plain.text);
/// assert_eq!(nix::lay_out_plain("{ a = b + c; }"), None);
/// ```
pub fn lay_out_plain(text: &str) -> Option<Plain<'_>> {
    let mut reader = Reader {
        text,
        at: 0,
        out: String::with_capacity(text.len() + text.len() / 4),
        leaves: Vec::new(),
        path: String::new(),
        names: BTreeSet::new(),
    };
    reader.gap();
    reader.set(0)?;
    reader.gap();
    if reader.at != text.len() || !is_sound(reader.leaves) {
        return None;
    }
    reader.out.push('\n');
    Some(Plain {
        text: reader.out,
        names: reader.names,
    })
}

/// Whether no attribute is defined twice or lies below one that has a value.
fn is_sound(mut leaves: Vec<String>) -> bool {
    leaves.sort_unstable();
    leaves
        .windows(2)
        .all(|pair| !pair[1].starts_with(pair[0].as_str()))
}

/// What stands between two things.
#[derive(Clone, Copy, PartialEq)]
enum Gap {
    Nothing,
    Blanks,
    Line,
    /// At least one empty line.
    Empty,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    out: String,
    /// The paths of values, each name with [`END`] after it.
    leaves: Vec<String>,
    /// The path of the set that is read, in the same form.
    path: String,
    names: BTreeSet<&'a str>,
}

/// Ends a name in a path; no name holds it.
const END: char = '\u{1}';

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Passes over spaces and line breaks.
    fn gap(&mut self) -> Gap {
        let mut gap = Gap::Nothing;
        while let Some(byte) = self.peek() {
            gap = match (byte, gap) {
                (b' ', Gap::Nothing) => Gap::Blanks,
                (b' ', gap) => gap,
                (b'\n', Gap::Nothing | Gap::Blanks) => Gap::Line,
                (b'\n', _) => Gap::Empty,
                _ => return gap,
            };
            self.at += 1;
        }
        gap
    }

    fn line(&mut self, level: usize) {
        self.out.push('\n');
        for _ in 0..level {
            self.out.push_str("  ");
        }
    }

    /// The bytes of the line that is written.
    fn width(&self) -> usize {
        self.out.len() - self.out.rfind('\n').map_or(0, |at| at + 1)
    }

    /// A comment on lines of its own, if there is one.
    fn comment(&mut self, level: usize) -> Option<bool> {
        if self.peek() != Some(b'#') {
            return Some(false);
        }
        let rest = &self.text[self.at..];
        let line = &rest[..rest.find('\n')?];
        let is_odd = |c: char| c.is_control() || c == '\u{feff}';
        if line.contains(is_odd) || !line.starts_with("# ") || line.ends_with(' ') {
            return None;
        }
        self.line(level);
        self.out.push_str(line);
        self.at += line.len();
        // What follows stands right below.
        (self.gap() == Gap::Line).then_some(true)
    }

    /// `{ … }`, whose content is written one level deeper than it.
    fn set(&mut self, level: usize) -> Option<()> {
        if level > MAX_DEPTH {
            return None;
        }
        self.eat(b'{')?;
        let first = self.gap();
        if self.peek()? == b'}' {
            if first != Gap::Blanks {
                return None;
            }
            self.at += 1;
            self.leaves.push(self.path.clone());
            self.out.push_str("{ }");
            return Some(());
        }
        // Sets on one line are laid out by their width.
        if matches!(first, Gap::Nothing | Gap::Blanks) {
            return None;
        }
        self.out.push('{');
        let mut gap = first;
        while self.peek()? != b'}' {
            if matches!(gap, Gap::Nothing | Gap::Blanks) {
                return None;
            }
            if gap == Gap::Empty {
                self.out.push('\n');
            }
            while self.comment(level + 1)? {}
            self.binding(level + 1)?;
            gap = self.gap();
        }
        if matches!(gap, Gap::Nothing | Gap::Blanks) {
            return None;
        }
        if gap == Gap::Empty {
            self.out.push('\n');
        }
        self.at += 1;
        self.line(level);
        self.out.push('}');
        Some(())
    }

    fn binding(&mut self, level: usize) -> Option<()> {
        self.line(level);
        let outside = self.path.len();
        loop {
            let name = self.name()?;
            self.out.push_str(name);
            self.path.push_str(name.trim_matches('"'));
            self.path.push(END);
            if self.eat(b'.').is_none() {
                break;
            }
            self.out.push('.');
        }
        self.gap();
        self.eat(b'=')?;
        self.out.push_str(" = ");
        let gap = self.gap();
        if self.peek()? == b'{' {
            self.set(level)?;
        } else {
            if gap != Gap::Blanks {
                return None;
            }
            self.leaves.push(self.path.clone());
            if self.peek()? == b'[' {
                self.list(level)?;
            } else {
                let value = self.value()?;
                self.out.push_str(value);
                // A function with its argument, such as `lib.mkDefault true`.
                if self.peek()? == b' ' {
                    let is_applied =
                        value.as_bytes()[0].is_ascii_lowercase() && value.contains('.');
                    if !is_applied || self.gap() != Gap::Blanks {
                        return None;
                    }
                    let argument = self.value()?;
                    self.out.push(' ');
                    self.out.push_str(argument);
                }
            }
        }
        self.eat(b';')?;
        self.out.push(';');
        self.path.truncate(outside);
        (self.width() <= MAX_WIDTH).then_some(())
    }

    /// A list of values.
    fn list(&mut self, level: usize) -> Option<()> {
        self.eat(b'[')?;
        let first = self.gap();
        if self.peek()? == b']' {
            if first != Gap::Blanks {
                return None;
            }
            self.at += 1;
            self.out.push_str("[ ]");
            return Some(());
        }
        if first == Gap::Nothing {
            return None;
        }
        self.out.push('[');
        let open = self.out.len();
        let mut is_broken = first != Gap::Blanks;
        let mut n_elements = 0;
        let mut gap = first;
        while self.peek()? != b']' {
            // A comment has its lines for itself, and empty lines are left to the formatter.
            if self.peek()? == b'#' {
                if !matches!(gap, Gap::Line) {
                    return None;
                }
                is_broken = true;
                while self.comment(level + 1)? {}
            }
            if gap == Gap::Empty {
                return None;
            }
            let element = self.value()?;
            self.line(level + 1);
            self.out.push_str(element);
            if self.width() > MAX_WIDTH {
                return None;
            }
            n_elements += 1;
            gap = self.gap();
            if gap == Gap::Nothing {
                return None;
            }
        }
        self.at += 1;
        if n_elements == 1 && !is_broken {
            if gap != Gap::Blanks {
                return None;
            }
            let element = self.out.split_off(open);
            self.out.push(' ');
            self.out.push_str(element.trim_start());
            self.out.push_str(" ]");
        } else {
            self.line(level);
            self.out.push(']');
        }
        Some(())
    }

    /// The name of an attribute, as it is written.
    fn name(&mut self) -> Option<&'a str> {
        let rest = &self.text[self.at..];
        if let Some(inner) = rest.strip_prefix('"') {
            let length = inner.find(['"', '\\', '$', '\n'])?;
            let is_odd = inner[..length].contains(char::is_control);
            if is_odd || inner.as_bytes()[length] != b'"' {
                return None;
            }
            self.at += length + 2;
            return Some(&rest[..length + 2]);
        }
        let length = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '\'')))
            .unwrap_or(rest.len());
        let name = &rest[..length];
        if !is_identifier(name) {
            return None;
        }
        self.at += length;
        Some(name)
    }

    /// A literal, or what is selected from a name: `pkgs.git`.
    fn value(&mut self) -> Option<&'a str> {
        if let Some(literal) = self.literal() {
            return Some(literal);
        }
        let rest = &self.text[self.at..];
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '\'' | '.');
        let length = rest.find(|c| !is_part(c))?;
        let value = &rest[..length];
        let (name, _) = value.split_once('.')?;
        if !name.starts_with(|c: char| c.is_ascii_lowercase())
            || !value.split('.').all(is_identifier)
        {
            return None;
        }
        if !matches!(rest.as_bytes()[length], b' ' | b'\n' | b';') {
            return None;
        }
        if !is_global(name) {
            self.names.insert(name);
        }
        self.at += length;
        Some(value)
    }

    /// A string on one line, an integer, a path, `true`, `false` or `null`.
    fn literal(&mut self) -> Option<&'a str> {
        let rest = &self.text[self.at..];
        let length = match rest.as_bytes().first()? {
            b'"' => string_length(rest)?,
            b'0'..=b'9' | b'.' | b'a'..=b'z' => rest
                .find(|c: char| {
                    !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+'))
                })
                .unwrap_or(rest.len()),
            _ => return None,
        };
        let literal = &rest[..length];
        let is_int = literal.len() < 18 && literal.bytes().all(|byte| byte.is_ascii_digit());
        let is_path = (literal.starts_with("./") || literal.starts_with("../"))
            && !literal.ends_with('/')
            && !literal.contains("//");
        if !literal.starts_with('"')
            && !matches!(literal, "true" | "false" | "null")
            && !is_int
            && !is_path
        {
            return None;
        }
        // What stands right behind it might belong to it.
        let next = rest.as_bytes().get(length)?;
        if !matches!(next, b' ' | b'\n' | b';') {
            return None;
        }
        self.at += length;
        Some(literal)
    }
}

/// The length of the string that a text begins with, if it is on one line and its text is all there.
fn string_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' if bytes.get(at + 1)?.is_ascii_graphic() => at += 2,
            b'$' if bytes.get(at + 1)? == &b'{' => return None,
            b'\\' | b'\r' | b'\n' | 0..=0x1f | 0x7f => return None,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::lay_out_plain;
    use crate::{FreeVariables, format, free_variables};

    /// Small numbers that look random, the same in every run.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            usize::try_from(self.0 >> 33).unwrap() % sides
        }

        fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
            from[self.roll(from.len())]
        }
    }

    const NAMES: &[&str] = &[
        "a",
        "b",
        "c",
        "enable",
        "\"vm.swap\"",
        "_x",
        "d-e",
        "f'",
        "\"é\"",
        "in",
        "\"$x\"",
        "\"\\n\"",
    ];
    const LITERALS: &[&str] = &[
        "1",
        "-1",
        "1.5",
        "true",
        "null",
        "\"a b\"",
        "\"\\\"\"",
        "\"\"",
        "./x",
        "../../a/b.nix",
        "./x/",
        "lib",
        "pkgs.git",
        "lib.a.b-c",
        "builtins.x ./y",
        "pkgs.in",
        "lib.mkDefault true",
        "lib.mkForce \"a b\"",
        "lib.mkForce lib.x",
        "lib.mkForce 1 2",
        "lib.mkForce [ 1 ]",
        "true 1",
        "a.b .c",
        "x./y",
        "\"${x}\"",
        "\"$x\"",
        "(-1)",
        "''x''",
        "\"é ü\"",
        "017",
        "{ a = 1; }",
        "[ 1 ]",
        "\"a long string that fills a good part of a line, though it does not fill all of it yet\"",
    ];
    const GAPS: &[&str] = &[
        " ",
        "\n",
        "\n\n",
        "\n  ",
        "\n # c\n",
        "\n# c d\n  # e\n",
        "\n#x\n",
        "  ",
        " # c\n",
    ];

    fn set(dice: &mut Dice, odd: bool, depth: usize) -> String {
        let gap = |dice: &mut Dice| {
            if odd || dice.roll(6) == 0 {
                dice.pick(GAPS)
            } else {
                dice.pick(&GAPS[1..6])
            }
        };
        let name = |dice: &mut Dice| dice.pick(if odd { NAMES } else { &NAMES[..9] });
        let literal = |dice: &mut Dice| {
            if odd || dice.roll(20) == 0 {
                dice.pick(LITERALS)
            } else {
                dice.pick(&[
                    "1",
                    "true",
                    "\"a b\"",
                    "../../a/b.nix",
                    "\"é\"",
                    "pkgs.git",
                    "lib.x 1",
                ])
            }
        };
        let mut text = "{".to_owned();
        for _ in 0..dice.roll(5) {
            text += gap(dice);
            text += name(dice);
            while dice.roll(2) == 0 {
                text += ".";
                text += name(dice);
            }
            text += dice.pick(&[" = ", " = ", " = ", " =\n"]);
            match dice.roll(4) {
                0 if depth < 4 => text += &set(dice, odd, depth + 1),
                1 => {
                    text += "[";
                    for _ in 0..dice.roll(4) {
                        text += dice.pick(&[" ", " ", "\n", "\n# c\n", "\n\n"]);
                        text += literal(dice);
                    }
                    text += dice.pick(&[" ", " ", "\n"]);
                    text += "]";
                }
                _ => text += literal(dice),
            }
            text += ";";
        }
        text += if odd {
            gap(dice)
        } else {
            dice.pick(&[" ", "\n", "\n\n"])
        };
        text + "}"
    }

    #[test]
    fn laid_out_as_the_formatter_does() {
        let mut dice = Dice(17);
        let mut n_plain = 0;
        let mut n_named = 0;
        for round in 0..40_000 {
            let text = set(&mut dice, round % 4 == 0, 0);
            let Some(plain) = lay_out_plain(&text) else {
                continue;
            };
            n_plain += 1;
            assert_eq!(format(&text), Ok(plain.text), "{text}");
            let names = FreeVariables {
                free: plain.names.into_iter().map(str::to_owned).collect(),
                ..FreeVariables::default()
            };
            n_named += usize::from(!names.free.is_empty());
            assert_eq!(free_variables(&text), Ok(names), "{text}");
        }
        assert!(n_plain > 2000, "{n_plain}");
        assert!(n_named > 500, "{n_named}");
    }

    #[test]
    fn what_is_left_to_the_parser() {
        for text in [
            "{\n  a = 1;\n  a = 2;\n}",
            "{\n  a.b = 1;\n  a = 2;\n}",
            "{\n  a = { };\n  a.b = 2;\n}",
            "{\n  a = 1\n}",
            "{\n  a = x;\n}",
            "{\n  rec.a = 1;\n}",
            "{\n  a = [ b ];\n}",
            "{\n  a = \"${b}\";\n}",
            "{\n  a = ''b'';\n}",
            "{\n  a = 1;\n} // { }",
            "{ a, ... }: { }",
            "{\r\n  a = 1;\n}",
            "{\n  a = 1; # c\n}",
            "{\n  a = 1.;\n}",
            "",
        ] {
            assert_eq!(lay_out_plain(text), None, "{text}");
        }
    }
}
