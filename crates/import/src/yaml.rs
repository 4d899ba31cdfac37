//! YAML as the spec reads it: every text that could be something else is quoted.

use std::fmt::Write as _;

/// A value of the spec.
#[derive(Clone, Debug, PartialEq)]
pub enum Yaml {
    /// `null`
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text.
    Str(String),
    /// A list.
    List(Vec<Yaml>),
    /// A mapping, in this order; keys as they are written.
    Map(Vec<(String, Yaml)>),
    /// `!nix`, `!pkg`, `!file`, `!secret` and what they name.
    Word(&'static str, String),
    /// `!default`, `!force`, `!before`, `!after` and a value.
    Tag(&'static str, Box<Yaml>),
    /// A value with a comment above it.
    Commented(String, Box<Yaml>),
}

impl Yaml {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Str(text.into())
    }

    /// A list of texts.
    pub fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    fn is_short(&self) -> bool {
        match self {
            Self::List(items) => items.is_empty(),
            Self::Map(entries) => entries.is_empty(),
            Self::Commented(..) => false,
            Self::Tag(_, inner) => {
                inner.is_short() && !matches!(**inner, Self::Word(..) | Self::Tag(..))
            }
            _ => true,
        }
    }
}

/// Builds a mapping.
#[derive(Clone, Debug, Default)]
pub(crate) struct MapBuilder(Vec<(String, Yaml)>);

impl MapBuilder {
    pub(crate) fn add(&mut self, key: &str, value: Yaml) -> &mut Self {
        self.0.push((key.to_owned(), value));
        self
    }

    pub(crate) fn add_some(&mut self, key: &str, value: Option<Yaml>) -> &mut Self {
        if let Some(value) = value {
            self.add(key, value);
        }
        self
    }

    pub(crate) fn build(self) -> Yaml {
        Yaml::Map(self.0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A document: comments, then the mapping.
pub fn document(comment: &str, root: &Yaml) -> String {
    let mut out = String::new();
    for line in comment.lines() {
        let _ = writeln!(out, "# {line}");
    }
    if let Yaml::Map(entries) = root {
        for (index, (key, value)) in entries.iter().enumerate() {
            if index > 0 {
                out.push('\n');
            }
            entry(&mut out, 0, key, value);
        }
    }
    out
}

fn comment_lines(out: &mut String, indent: usize, comment: &str) {
    for line in comment.lines() {
        let _ = writeln!(out, "{:indent$}# {}", "", line.trim());
    }
}

fn entry(out: &mut String, indent: usize, key: &str, value: &Yaml) {
    if let Yaml::Commented(comment, inner) = value {
        comment_lines(out, indent, comment);
        return entry(out, indent, key, inner);
    }
    let _ = write!(out, "{:indent$}{}:", "", key_text(key));
    after(out, indent, value);
}

/// What stands behind `key:`.
fn after(out: &mut String, indent: usize, value: &Yaml) {
    match value {
        Yaml::List(items)
            if items.iter().all(is_flow)
                && flow_width(items) + indent < 90
                && !items.is_empty() =>
        {
            let texts: Vec<String> = items.iter().map(flow).collect();
            let _ = writeln!(out, " [{}]", texts.join(", "));
        }
        Yaml::List(items) if !items.is_empty() => {
            out.push('\n');
            list(out, indent + 2, items);
        }
        Yaml::Map(entries) if !entries.is_empty() => {
            out.push('\n');
            for (key, value) in entries {
                entry(out, indent + 2, key, value);
            }
        }
        Yaml::Tag(tag, inner) => {
            let _ = write!(out, " !{tag}");
            match &**inner {
                wrapped @ (Yaml::Word(..) | Yaml::Tag(..)) => {
                    after(
                        out,
                        indent,
                        &Yaml::Map(vec![("value".to_owned(), wrapped.clone())]),
                    );
                }
                inner => after(out, indent, inner),
            }
        }
        Yaml::Word(tag, text) => {
            let _ = write!(out, " !{tag}");
            scalar(out, indent, text, *tag != "nix");
        }
        Yaml::Str(text) => scalar(out, indent, text, true),
        Yaml::Commented(_, inner) => after(out, indent, inner),
        plain => {
            let _ = writeln!(out, " {}", flow(plain));
        }
    }
}

fn list(out: &mut String, indent: usize, items: &[Yaml]) {
    for item in items {
        match item {
            Yaml::Commented(comment, inner) => {
                comment_lines(out, indent, comment);
                list(out, indent, std::slice::from_ref(inner));
            }
            Yaml::Map(entries) if !entries.is_empty() => {
                let mut inner = String::new();
                for (key, value) in entries {
                    entry(&mut inner, indent + 2, key, value);
                }
                let _ = write!(out, "{:indent$}- {}", "", inner.trim_start_matches(' '));
            }
            other => {
                let _ = write!(out, "{:indent$}-", "");
                after(out, indent, other);
            }
        }
    }
}

fn is_flow(value: &Yaml) -> bool {
    match value {
        Yaml::Str(text) => !text.contains('\n') && text.len() < 80,
        Yaml::Word("pkg", _) | Yaml::Null | Yaml::Bool(_) | Yaml::Int(_) | Yaml::Float(_) => true,
        other => other.is_short() && matches!(other, Yaml::List(_) | Yaml::Map(_)),
    }
}

fn flow_width(items: &[Yaml]) -> usize {
    items.iter().map(|item| flow(item).len() + 2).sum()
}

fn flow(value: &Yaml) -> String {
    match value {
        Yaml::Null => "null".to_owned(),
        Yaml::Bool(b) => b.to_string(),
        Yaml::Int(n) => n.to_string(),
        Yaml::Float(n) => {
            let text = format!("{n:?}");
            if text.contains(['.', 'e']) {
                text
            } else {
                format!("{text}.0")
            }
        }
        Yaml::Str(text) => quoted_if_needed(text),
        Yaml::List(_) => "[]".to_owned(),
        Yaml::Map(_) => "{}".to_owned(),
        Yaml::Word(tag, text) => format!("!{tag} {}", quoted_if_needed(text)),
        Yaml::Tag(tag, inner) => format!("!{tag} {}", flow(inner)),
        Yaml::Commented(_, inner) => flow(inner),
    }
}

/// Text behind a key: plain, quoted, or as a block.
fn scalar(out: &mut String, indent: usize, text: &str, _is_data: bool) {
    if is_block(text) {
        let style = if text.ends_with("\n\n") {
            "|+"
        } else if text.ends_with('\n') {
            "|"
        } else {
            "|-"
        };
        let _ = writeln!(out, " {style}");
        let body = text.strip_suffix('\n').unwrap_or(text);
        for line in body.split('\n') {
            if line.is_empty() {
                out.push('\n');
            } else {
                let _ = writeln!(out, "{:width$}{line}", "", width = indent + 2);
            }
        }
        return;
    }
    let _ = writeln!(out, " {}", quoted_if_needed(text));
}

/// Whether text of several lines reads back from a block as it is.
fn is_block(text: &str) -> bool {
    let starts_well = text
        .chars()
        .next()
        .is_some_and(|first| !first.is_whitespace());
    text.trim_end_matches('\n').contains('\n')
        && starts_well
        && text.chars().all(|c| {
            c == '\n'
                || c == '\t'
                || (!c.is_control() && c != '\u{feff}' && c != '\u{2028}' && c != '\u{2029}')
        })
        && text
            .split('\n')
            .all(|line| line.is_empty() || !line.trim().is_empty())
}

fn key_text(key: &str) -> String {
    let is_plain = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/'))
        && !matches!(
            key.to_ascii_lowercase().as_str(),
            "yes" | "no" | "on" | "off" | "y" | "n" | "true" | "false" | "null"
        )
        && !key.starts_with(['-', '.'])
        || is_quoted_inside(key);
    if is_plain {
        key.to_owned()
    } else if key.contains(['\n', '\t', '\r']) || key.chars().any(char::is_control) {
        double_quoted(key)
    } else {
        format!("'{}'", key.replace('\'', "''"))
    }
}

/// `a."b.c".d`: quotes that are not the first thing need no quotes around them.
fn is_quoted_inside(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.contains('"')
        && key.chars().all(|c| {
            c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '"' | '/' | '@' | '+')
        })
}

fn quoted_if_needed(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else if text.contains('"') && !text.contains('\'') && !text.chars().any(char::is_control) {
        format!("'{text}'")
    } else {
        double_quoted(text)
    }
}

fn is_plain(text: &str) -> bool {
    let starts_well = text
        .chars()
        .next()
        .is_some_and(|c| c.is_alphabetic() || matches!(c, '/' | '_' | '.' | '~') && text.len() > 1);
    starts_well
        && !text.ends_with(' ')
        && !text.ends_with(':')
        && !text.contains(": ")
        && !text.contains(" #")
        && text.chars().all(|c| {
            !c.is_control()
                && !matches!(
                    c,
                    '{' | '}'
                        | '['
                        | ']'
                        | ','
                        | '"'
                        | '\''
                        | '`'
                        | '&'
                        | '*'
                        | '!'
                        | '|'
                        | '>'
                        | '%'
                        | '\u{feff}'
                        | '\u{85}'
                        | '\u{2028}'
                        | '\u{2029}'
                )
        })
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "null" | ".inf" | ".nan"
        )
        && !text.starts_with("---")
        && !(text.starts_with('.') && text[1..].starts_with(|c: char| c.is_ascii_digit()))
}

fn double_quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}') => {
                let code = u32::from(c);
                let _ = if code > 0xffff {
                    write!(out, "\\U{code:08x}")
                } else {
                    write!(out, "\\u{code:04x}")
                };
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A tree of settings out of leaves: what several leaves share is written once.
pub(crate) fn tree<'a>(leaves: impl IntoIterator<Item = (&'a [String], Yaml)>) -> Yaml {
    #[derive(Default)]
    struct Level {
        names: Vec<String>,
        inner: std::collections::BTreeMap<String, Level>,
        leaf: Option<Yaml>,
    }
    fn add(level: &mut Level, path: &[String], value: Yaml) {
        match path.split_first() {
            None => level.leaf = Some(value),
            Some((first, rest)) => {
                if !level.inner.contains_key(first) {
                    level.names.push(first.clone());
                }
                add(level.inner.entry(first.clone()).or_default(), rest, value);
            }
        }
    }
    fn build(level: &Level) -> Vec<(String, Yaml)> {
        let mut entries = Vec::new();
        let mut names = level.names.clone();
        names.sort();
        for name in &names {
            let Some(mut inner) = level.inner.get(name) else {
                continue;
            };
            let mut key = nix::attr_name(name).into_owned();
            while let ([only], None) = (inner.names.as_slice(), &inner.leaf) {
                let Some(next) = inner.inner.get(only) else {
                    break;
                };
                key = format!("{key}.{}", nix::attr_name(only));
                inner = next;
            }
            match &inner.leaf {
                Some(value) => entries.push((key, value.clone())),
                None => entries.push((key, Yaml::Map(build(inner)))),
            }
        }
        entries
    }
    let mut root = Level::default();
    for (path, value) in leaves {
        add(&mut root, path, value);
    }
    Yaml::Map(build(&root))
}
