//! One generic tree per YAML file: position, tag, raw scalar text; both of two duplicates kept.
//!
//! Built from the events of the parser that `serde_yaml` (serde-saphyr) stands on, because serde
//! shows neither scalar styles nor the second of two equal keys (docs/adr/0001).

use std::collections::HashMap;

use diag::{Diagnostic, Diagnostics, FileId, SourceMap, Span, Spanned};
use granit_parser::{Event, Options, Parser, ScalarStyle, Tag};

/// Most nodes of one file.
const MAX_NODES: usize = 8_000_000;
/// Most nodes that the aliases of one file may add.
const MAX_ALIAS_NODES: usize = 100_000;
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
                builder
                    .diagnostics
                    .push(syntax_error(file, text, at, &error.info()));
                return None;
            }
        }
    }
    builder.root
}

/// The parser's message, with what to do about the usual causes.
fn syntax_error(file: FileId, text: &str, at: usize, info: &str) -> Diagnostic {
    let span = Span::new(file, at, (at + 1).min(text.len()));
    let line_start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let mut diagnostic = Diagnostic::error("yaml-syntax", span, format!("invalid YAML: {info}"));
    if line.contains('\t') && line.trim_start_matches(' ').starts_with('\t') {
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
    } else if line.matches(": ").count() > 1 {
        diagnostic = diagnostic.help("quote a value or key that holds `: `");
    }
    diagnostic
}

struct Builder<'a> {
    file: FileId,
    text: &'a str,
    diagnostics: &'a mut Diagnostics,
    stack: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    alias_nodes: usize,
    root: Option<Node>,
    documents: usize,
    stop: bool,
}

struct Open {
    node: Node,
    anchor: usize,
    key: Option<Spanned<String>>,
    first_node: usize,
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
                let style = if style == ScalarStyle::Plain {
                    Style::Plain
                } else {
                    Style::Text
                };
                let tag = self.tag(tag.as_deref(), tag_start, range.start);
                let node = Node {
                    tag,
                    kind: NodeKind::Scalar(text.into_owned(), style),
                    span,
                };
                self.count(1, span);
                self.add(node, anchor, 1);
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
                Some((node, size)) => {
                    let (node, size) = (node.clone(), *size);
                    self.alias_nodes += size;
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
                    self.add(node, 0, size);
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
        let end = self.text[start..]
            .find(|c: char| c.is_whitespace() || matches!(c, ',' | '}' | ']' | '{' | '['))
            .map_or(self.text.len(), |i| start + i);
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
            self.fail(Diagnostic::error(
                "yaml-budget",
                span,
                format!("nested deeper than {MAX_DEPTH} levels"),
            ));
            return;
        }
        self.count(1, span);
        let tag = self.tag(tag, tag_start, span.start as usize);
        let first_node = self.nodes;
        self.stack.push(Open {
            node: Node { tag, kind, span },
            anchor,
            key: None,
            first_node,
        });
    }

    fn close(&mut self, end: usize) {
        let Some(mut open) = self.stack.pop() else {
            return;
        };
        // The end event of a block stands at the start of what follows it.
        let start = open.node.span.start as usize;
        let text = self.text.get(start..end).unwrap_or_default();
        open.node.span = Span::new(self.file, start, start + text.trim_end().len());
        let size = self.nodes - open.first_node + 1;
        self.add(open.node, open.anchor, size);
    }

    fn add(&mut self, node: Node, anchor: usize, size: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut open.node.kind {
            NodeKind::List(items) => items.push(node),
            NodeKind::Map(entries) => match open.key.take() {
                Some(key) => entries.push((key, node)),
                None => {
                    let key = key_of(node, self.diagnostics);
                    open.key = Some(key);
                }
            },
            NodeKind::Scalar(..) => {}
        }
    }
}

/// A key is text; anything else is reported and read as far as it can be.
fn key_of(node: Node, diagnostics: &mut Diagnostics) -> Spanned<String> {
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
            }
            Spanned::new(text, node.span)
        }
        NodeKind::List(_) | NodeKind::Map(_) => {
            diagnostics.push(
                Diagnostic::error(
                    "key-not-text",
                    node.span,
                    format!("a key must be text, not {}", node_word(&node.kind)),
                )
                .help("quote the key if it holds brackets or braces"),
            );
            Spanned::new(String::new(), node.span)
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
