//! One generic tree per YAML file: position, tag, raw scalar text; both of two duplicates kept.
//!
//! Built from the events of the parser that `serde_yaml` (serde-saphyr) stands on, because serde
//! shows neither scalar styles nor the second of two equal keys (docs/adr/0001).

use std::collections::HashMap;

use diag::{Diagnostic, Diagnostics, FileId, SourceMap, Span, Spanned};
use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, Tag};

/// Most nodes of one file.
const MAX_NODES: usize = 8_000_000;
/// Most nodes that the aliases of one file may add; long text counts as several.
const MAX_ALIAS_NODES: usize = 100_000;
/// Bytes of text that count as one node of an alias.
const BYTES_PER_NODE: usize = 64;
/// Deepest nesting.
const MAX_DEPTH: usize = 64;
/// Longest scalar in bytes.
const MAX_SCALAR: usize = 1 << 20;

/// How a scalar was written; only plain ones can be something other than text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In quotes or as a block.
    Text,
}

/// A node of a YAML file.
#[derive(Clone, Debug)]
pub struct Node {
    /// Local tag without the `!`.
    pub tag: Option<Spanned<String>>,
    /// Content.
    pub kind: NodeKind,
    /// Place of the content.
    pub span: Span,
    /// Where the lines of code (`!nix`) stand, if it is written as it is read.
    pub(crate) lines: Option<Lines>,
}

/// Where parts of a scalar's text stand in the file: pairs of an offset into the text and one into
/// the file, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lines(Box<[(usize, usize)]>);

impl Lines {
    /// The offset into the file of an offset into the text.
    pub(crate) fn locate(&self, offset: usize) -> usize {
        let after = self.0.partition_point(|(text, _)| *text <= offset);
        match after.checked_sub(1).and_then(|i| self.0.get(i)) {
            Some((text, file)) => file + (offset - text),
            None => offset,
        }
    }

    /// Follows the text through the file. `None` where an escape or folding makes them differ.
    fn of(text: &str, raw: &str, start: usize, style: ScalarStyle, indent: usize) -> Option<Self> {
        match style {
            ScalarStyle::Literal => Self::of_block(text, raw, start, indent),
            ScalarStyle::Plain => Self::of_flow(text, raw, start),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                let inner = raw.get(1..raw.len().checked_sub(1)?)?;
                Self::of_flow(text, inner, start + 1)
            }
            ScalarStyle::Folded => None,
        }
    }

    /// A block: each line without its indentation.
    fn of_block(text: &str, raw: &str, start: usize, indent: usize) -> Option<Self> {
        let mut pairs = Vec::new();
        let (mut text_at, mut raw_at) = (0, 0);
        let mut raw_lines = raw.split_inclusive('\n');
        for line in text.split_inclusive('\n') {
            let raw_line = raw_lines.next()?;
            let blanks = raw_line.len() - raw_line.trim_start_matches(' ').len();
            // The place of the content begins behind the first line's indentation.
            let skip = if raw_at == 0 { 0 } else { blanks.min(indent) };
            let line_text = line.trim_end_matches('\n');
            if raw_line[skip..].trim_end_matches(['\r', '\n']) != line_text {
                return None;
            }
            pairs.push((text_at, start + raw_at + skip));
            text_at += line.len();
            raw_at += raw_line.len();
        }
        Some(Self(pairs.into()))
    }

    /// Plain or quoted text: a break and the blanks around it are read as one space or as breaks.
    fn of_flow(text: &str, raw: &str, start: usize) -> Option<Self> {
        const BLANK: [char; 4] = [' ', '\t', '\r', '\n'];
        let mut pairs = Vec::new();
        let (mut text_at, mut raw_at) = (0, 0);
        loop {
            let (text_rest, raw_rest) = (&text[text_at..], &raw[raw_at..]);
            pairs.push((text_at, start + raw_at));
            let end = |s: &str| s.find(BLANK).unwrap_or(s.len());
            let word = &text_rest[..end(text_rest)];
            if word != &raw_rest[..end(raw_rest)] {
                return None;
            }
            let blanks = |s: &str| s.len() - s[word.len()..].trim_start_matches(BLANK).len();
            text_at += blanks(text_rest);
            raw_at += blanks(raw_rest);
            match (text.len() - text_at, raw.len() - raw_at) {
                (0, 0) => return Some(Self(pairs.into())),
                (0, _) | (_, 0) => return None,
                _ => {}
            }
        }
    }
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// Raw text.
    Scalar(String, Style),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping; keys in the order of the file, duplicates included.
    Map(Vec<(Spanned<String>, Node)>),
}

impl Node {
    /// `a mapping`, `a list`, `text`…, for messages.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            NodeKind::Scalar(text, Style::Plain) if crate::scalar::is_null(text) => "nothing",
            NodeKind::Scalar(..) => "a single value",
            NodeKind::List(_) => "a list",
            NodeKind::Map(_) => "a mapping",
        }
    }

    /// Whether another node says the same, wherever it stands. A list or mapping that is written in
    /// another style says the same, text in quotes and a plain scalar do not.
    pub fn same(&self, other: &Self) -> bool {
        let tags = |node: &Self| node.tag.as_ref().map(|tag| tag.value.clone());
        let kinds = match (&self.kind, &other.kind) {
            (NodeKind::Scalar(a, a_style), NodeKind::Scalar(b, b_style)) => {
                a == b && a_style == b_style
            }
            (NodeKind::List(a), NodeKind::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
            }
            (NodeKind::Map(a), NodeKind::Map(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .zip(b)
                        .all(|(a, b)| a.0.value == b.0.value && a.1.same(&b.1))
            }
            _ => false,
        };
        kinds && tags(self) == tags(other)
    }

    /// Whether it is an untagged empty value, `~` or `null`.
    pub fn is_null(&self) -> bool {
        self.tag.is_none()
            && matches!(&self.kind, NodeKind::Scalar(text, Style::Plain) if crate::scalar::is_null(text))
    }
}

/// Parses one file. `None` when it is empty or not YAML (which is then reported).
pub fn parse(sources: &SourceMap, file: FileId, diagnostics: &mut Diagnostics) -> Option<Node> {
    let text = &sources.file(file).text;
    let mut options = Options::default();
    options.emit_comments = false;
    options.block_nesting_limit = MAX_DEPTH + 2;
    options.flow_nesting_limit = MAX_DEPTH + 2;
    let mut builder = Builder {
        file,
        text,
        diagnostics,
        stack: Vec::new(),
        has_aliases: text.contains('*'),
        anchors: HashMap::new(),
        nodes: 0,
        alias_nodes: 0,
        root: None,
        documents: 0,
        stop: false,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => {
                let range = span.byte_range().unwrap_or(0..0);
                let tag_start = span.tag_start().and_then(|m| m.byte_offset());
                builder.event(event, range, tag_start);
                if builder.stop {
                    return None;
                }
            }
            Err(error) => {
                let at = error
                    .marker()
                    .byte_offset()
                    .unwrap_or(text.len())
                    .min(text.len());
                let too_nested = matches!(error.kind(), ErrorKind::RecursionLimitExceeded);
                if too_nested {
                    let span = Span::new(file, at, (at + 1).min(text.len()));
                    builder.diagnostics.push(too_deep(span));
                    return None;
                }
                let conflicts = conflicts(file, text);
                if conflicts.is_empty() {
                    let error = syntax_error(file, text, at, &error.info());
                    builder.diagnostics.push(error);
                }
                for conflict in conflicts {
                    builder.diagnostics.push(conflict);
                }
                return None;
            }
        }
    }
    builder.root
}

/// The comments of a file in order, without `#` and the blanks around them. `None` when it is not YAML.
pub fn comments(text: &str) -> Option<Vec<String>> {
    let mut options = Options::default();
    options.emit_comments = true;
    let mut comments = Vec::new();
    for event in Parser::new_from_str_with_options(text, options) {
        if let (Event::Comment(comment, _), _) = event.ok()? {
            comments.push(comment.trim().to_owned());
        }
    }
    Some(comments)
}

/// The places where a merge left both sides.
fn conflicts(file: FileId, text: &str) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = Vec::new();
    let mut start = 0;
    let mut is_open = false;
    for line in text.split_inclusive('\n') {
        let span = Span::new(file, start, start + line.trim_end().len());
        start += line.len();
        if line.starts_with("<<<<<<< ") {
            is_open = true;
            found.push(
                Diagnostic::error("yaml-syntax", span, "a merge conflict begins here").help(
                    "keep what is right of both sides, and remove the lines `<<<<<<<`, `=======` and `>>>>>>>`",
                ),
            );
        } else if line.starts_with(">>>>>>> ") && is_open {
            is_open = false;
            if let Some(last) = found.pop() {
                found.push(last.related(span, "and ends here"));
            }
        }
    }
    found
}

/// The parser's message, with what to do about the usual causes.
fn syntax_error(file: FileId, text: &str, at: usize, info: &str) -> Diagnostic {
    let line_start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let is_tabbed = |line: &str| line.trim_start_matches(' ').starts_with('\t');
    // The parser stops at the end of the line before.
    let after = line_start + line.len();
    let after = after
        + text[after..]
            .bytes()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
    let next = text[after..].lines().next().unwrap_or_default();
    let tabbed = if is_tabbed(line) {
        Some((line_start, line))
    } else {
        is_tabbed(next).then_some((after, next))
    };
    let tab = tabbed.is_some();
    let at = tabbed.map_or(at, |(start, line)| {
        start + line.find('\t').unwrap_or_default()
    });
    let span = Span::new(file, at, (at + 1).min(text.len()));
    let mut diagnostic = Diagnostic::error("yaml-syntax", span, format!("invalid YAML: {info}"));
    if tab {
        diagnostic = diagnostic.help("indent with spaces; YAML does not allow tabs");
    } else if line.trim_start().starts_with('"') && line.contains("\".") {
        diagnostic = diagnostic
            .help("a key that begins with `\"` needs single quotes around it: '\"a.b\".c': 1");
    } else if line
        .trim_start()
        .trim_start_matches("- ")
        .contains(": !nix ")
    {
        diagnostic = diagnostic
            .help("quote code that holds `: `, `#` or brackets, or put it in a block: `!nix |`");
    } else if info.starts_with("mapping values") {
        diagnostic = diagnostic.help("quote a value or key that holds `: `");
    } else if info.contains("bracket") || info.contains("':' indicator") {
        diagnostic = diagnostic.help("a `[` or `{` before this place may lack its end");
    } else if info.contains("unknown anchor") {
        diagnostic =
            diagnostic.help("`*NAME` repeats what `&NAME` marks; quote it if text is meant");
    } else if info.contains("block mapping") {
        diagnostic = diagnostic.help("the keys of a mapping begin in one column");
    }
    diagnostic
}

/// Characters that make text read otherwise than it is.
pub fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

struct Builder<'a> {
    file: FileId,
    text: &'a str,
    diagnostics: &'a mut Diagnostics,
    stack: Vec<Open>,
    has_aliases: bool,
    anchors: HashMap<usize, Anchor>,
    nodes: usize,
    alias_nodes: usize,
    root: Option<Node>,
    documents: usize,
    stop: bool,
}

/// A node that aliases repeat.
struct Anchor {
    node: Node,
    size: Size,
}

/// What a node holds, aliases included.
#[derive(Clone, Copy)]
struct Size {
    /// Nodes, where long text counts as several.
    nodes: usize,
    /// Levels below it.
    height: usize,
}

struct Open {
    node: Node,
    anchor: usize,
    key: Key,
    size: Size,
    /// End of the last thing in it.
    end: usize,
}

/// The key of an open mapping.
enum Key {
    /// It comes next.
    Awaited,
    /// Its value comes next.
    Given(Spanned<String>),
    /// It was reported; its value comes next and is left out.
    Refused,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, range: std::ops::Range<usize>, tag_start: Option<usize>) {
        let span = Span::new(self.file, range.start, range.end);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents == 2 {
                    self.fail(
                        Diagnostic::error("yaml-documents", span, "a second YAML document in one file")
                            .help("put it into a file of its own; all files below the spec folder are read"),
                    );
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                if text.len() > MAX_SCALAR {
                    self.fail(
                        Diagnostic::error(
                            "yaml-budget",
                            Span::new(self.file, range.start, range.start + 1),
                            format!(
                                "a value of {} bytes is too long, the limit is 1 MiB",
                                text.len()
                            ),
                        )
                        .help("put it into a file and name that with `!file`"),
                    );
                    return;
                }
                if let Some(control) = text.chars().find(|c| is_bidi_control(*c)) {
                    self.diagnostics.push(
                        Diagnostic::error(
                            "bidi-control",
                            span,
                            format!(
                                "text holds U+{:04X}, which shows it in another order than it has",
                                u32::from(control)
                            ),
                        )
                        .help("remove it; text of right-to-left scripts needs none"),
                    );
                }
                let written = style;
                let style = if style == ScalarStyle::Plain {
                    Style::Plain
                } else {
                    Style::Text
                };
                let tag = self.tag(tag.as_deref(), tag_start, range.start);
                let lines = match &tag {
                    Some(tag) if tag.value == "nix" => {
                        // Only a block has an indentation; looking for it in one long line costs.
                        let line = if written == ScalarStyle::Literal {
                            self.text[..range.start].rfind('\n').map_or(0, |i| i + 1)
                        } else {
                            range.start
                        };
                        let raw = self.text.get(range.clone()).unwrap_or_default();
                        Lines::of(&text, raw, range.start, written, range.start - line)
                    }
                    _ => None,
                };
                let size = Size {
                    nodes: 1 + text.len() / BYTES_PER_NODE,
                    height: 0,
                };
                // A block ends with its last line, not where the next key begins.
                let raw = self.text.get(range.clone()).unwrap_or_default();
                let end = range.start + raw.trim_end().len();
                let node = Node {
                    tag,
                    kind: NodeKind::Scalar(text.into_owned(), style),
                    span: Span::new(self.file, range.start, end),
                    lines,
                };
                self.count(1, span);
                self.add(node, anchor, size, end);
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.open(
                    NodeKind::List(Vec::new()),
                    anchor,
                    tag.as_deref(),
                    span,
                    tag_start,
                );
            }
            Event::MappingStart(_, anchor, tag) => {
                self.open(
                    NodeKind::Map(Vec::new()),
                    anchor,
                    tag.as_deref(),
                    span,
                    tag_start,
                );
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(range.end),
            Event::Alias(id) => match self.anchors.get(&id) {
                Some(Anchor { node, size }) => {
                    let size = *size;
                    self.alias_nodes += size.nodes;
                    if self.alias_nodes > MAX_ALIAS_NODES {
                        self.fail(
                            Diagnostic::error(
                                "yaml-budget",
                                span,
                                "aliases repeat too much of this file",
                            )
                            .help("use a template or a profile for what several places share"),
                        );
                        return;
                    }
                    if self.stack.len() + size.height > MAX_DEPTH {
                        self.fail(too_deep(span));
                        return;
                    }
                    let node = node.clone();
                    self.add(node, 0, size, range.end);
                }
                None => self.fail(Diagnostic::error(
                    "yaml-syntax",
                    span,
                    "an alias to a node that contains it or that is not complete",
                )),
            },
            _ => {}
        }
    }

    fn fail(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
        self.stop = true;
    }

    fn count(&mut self, n: usize, span: Span) {
        self.nodes += n;
        if self.nodes > MAX_NODES {
            self.fail(
                Diagnostic::error(
                    "yaml-budget",
                    span,
                    format!("more than {MAX_NODES} values in one file"),
                )
                .help("split the file"),
            );
        }
    }

    fn tag(
        &mut self,
        tag: Option<&Tag>,
        start: Option<usize>,
        content: usize,
    ) -> Option<Spanned<String>> {
        let tag = tag?;
        let start = start.unwrap_or(content);
        let rest = &self.text[start..];
        let length = if rest.starts_with("!<") {
            rest.find('>').map(|i| i + 1)
        } else {
            rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | '}' | ']' | '{' | '['))
        };
        let end = start + length.unwrap_or(rest.len());
        let span = Span::new(self.file, start, end);
        if tag.original_handle() == "!" && !tag.suffix().is_empty() {
            return Some(Spanned::new(tag.suffix().to_owned(), span));
        }
        let written = &self.text[start..end];
        if matches!(written, "!" | "!!str") {
            return Some(Spanned::new("str".to_owned(), span));
        }
        self.diagnostics.push(
            Diagnostic::error("unknown-tag", span, format!("unknown tag `{written}`"))
                .help("tags of this language begin with a single `!`, such as `!nix`"),
        );
        None
    }

    fn open(
        &mut self,
        kind: NodeKind,
        anchor: usize,
        tag: Option<&Tag>,
        span: Span,
        tag_start: Option<usize>,
    ) {
        if self.stack.len() >= MAX_DEPTH {
            self.fail(too_deep(span));
            return;
        }
        self.count(1, span);
        let tag = self.tag(tag, tag_start, span.start as usize);
        self.stack.push(Open {
            node: Node {
                tag,
                kind,
                span,
                lines: None,
            },
            anchor,
            key: Key::Awaited,
            size: Size {
                nodes: 1,
                height: 1,
            },
            end: span.end as usize,
        });
    }

    fn close(&mut self, end: usize) {
        let Some(mut open) = self.stack.pop() else {
            return;
        };
        let start = open.node.span.start as usize;
        // The end event of a block stands at the start of what follows it.
        let is_flow =
            self.text[start..].starts_with(['[', '{']) && self.text[..end].ends_with([']', '}']);
        let end = if is_flow { end } else { open.end };
        open.node.span = Span::new(self.file, start, end);
        self.add(open.node, open.anchor, open.size, end);
    }

    fn add(&mut self, node: Node, anchor: usize, size: Size, end: usize) {
        if anchor > 0 && self.has_aliases {
            let node = node.clone();
            self.anchors.insert(anchor, Anchor { node, size });
        }
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return;
        };
        open.size.nodes += size.nodes;
        open.size.height = open.size.height.max(size.height + 1);
        open.end = open.end.max(end);
        match &mut open.node.kind {
            NodeKind::List(items) => items.push(node),
            NodeKind::Map(entries) => match std::mem::replace(&mut open.key, Key::Awaited) {
                Key::Awaited => {
                    open.key = key_of(node, self.diagnostics).map_or(Key::Refused, Key::Given);
                }
                Key::Given(key) => entries.push((key, node)),
                Key::Refused => {}
            },
            NodeKind::Scalar(..) => {}
        }
    }
}

fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error(
        "yaml-budget",
        span,
        format!("nested deeper than {MAX_DEPTH} levels"),
    )
}

/// A key is text; anything else is reported.
fn key_of(node: Node, diagnostics: &mut Diagnostics) -> Option<Spanned<String>> {
    if let Some(tag) = &node.tag {
        diagnostics.push(
            Diagnostic::error(
                "tag-on-key",
                tag.span,
                format!("a tag on a key: `!{}`", tag.value),
            )
            .help("tags stand before values"),
        );
    }
    match node.kind {
        NodeKind::Scalar(text, style) => {
            if style == Style::Plain && text == "<<" {
                diagnostics.push(
                    Diagnostic::error(
                        "merge-key",
                        node.span,
                        "merge keys (`<<`) are not part of this language",
                    )
                    .help("put what several places share into a template or a profile"),
                );
                return None;
            }
            Some(Spanned::new(text, node.span))
        }
        NodeKind::List(_) | NodeKind::Map(_) => {
            // A key inside it that is none either has been reported, as in `{{ name }}: …`.
            let within = |d: &Diagnostic| {
                d.code == "key-not-text"
                    && d.span.is_some_and(|s| {
                        s.file == node.span.file
                            && (node.span.start..node.span.end).contains(&s.start)
                    })
            };
            if !diagnostics.iter().last().is_some_and(within) {
                diagnostics.push(
                    Diagnostic::error(
                        "key-not-text",
                        node.span,
                        format!("a key must be text, not {}", node_word(&node.kind)),
                    )
                    .help("quote the key if it holds brackets or braces"),
                );
            }
            None
        }
    }
}

fn node_word(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::Scalar(..) => "a single value",
        NodeKind::List(_) => "a list",
        NodeKind::Map(_) => "a mapping",
    }
}

#[cfg(test)]
mod tests;
