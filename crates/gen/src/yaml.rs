//! The YAML of a spec by names: where a key stands, and where in its value a word does.

use std::collections::BTreeMap;

use diag::{Diagnostics, FileId, SourceMap, Span};
use spec::node::{Node, NodeKind, parse};

/// Files of a spec, parsed when they are first asked for.
#[derive(Debug)]
pub(crate) struct Yaml<'a> {
    sources: &'a SourceMap,
    files: Vec<FileId>,
    parsed: BTreeMap<FileId, Option<Node>>,
}

impl<'a> Yaml<'a> {
    /// The files of a spec.
    pub(crate) fn new(sources: &'a SourceMap, files: &[FileId]) -> Self {
        Self {
            sources,
            files: files.to_vec(),
            parsed: BTreeMap::new(),
        }
    }

    fn tree(&mut self, file: FileId) -> Option<&Node> {
        let sources = self.sources;
        let parsed = self.parsed.entry(file);
        parsed
            .or_insert_with(|| parse(sources, file, &mut Diagnostics::new()))
            .as_ref()
    }

    /// The place of the deepest key of a path that is there, and how many names lead to it. With
    /// `within`, only that file is looked at.
    pub(crate) fn key(&mut self, path: &[&str], within: Option<FileId>) -> Option<(Span, usize)> {
        let files = within.map_or_else(|| self.files.clone(), |file| vec![file]);
        let mut best: Option<(Span, usize)> = None;
        for file in files {
            // A file that does not name the section is not parsed.
            let text = &self.sources.file(file).text;
            if path.first().is_some_and(|name| !text.contains(name)) {
                continue;
            }
            let Some(tree) = self.tree(file) else {
                continue;
            };
            if let Some(found) = deepest(tree, path, 0)
                && best.is_none_or(|(_, depth)| found.1 > depth)
            {
                best = Some(found);
            }
        }
        best
    }

    /// The place of a word in what stands at a place, or in the list that it is in; a part that the
    /// names of a path lead to goes before the rest.
    pub(crate) fn near(&mut self, at: Span, path: &[String], word: &str) -> Option<Span> {
        let sources = self.sources;
        let tree = self.tree(at.file)?;
        let mut chain = Vec::new();
        if !lineage(tree, at, &mut chain) {
            return None;
        }
        let list = chain
            .iter()
            .rev()
            .take(3)
            .position(|node| matches!(node.kind, NodeKind::List(_)));
        let text = &sources.file(at.file).text;
        chain
            .iter()
            .rev()
            .take(1 + list.unwrap_or_default())
            .find_map(|node| {
                let narrow = narrowed(node, path);
                let key = narrow.and_then(|(key, _)| (word == text_at(text, key)).then_some(key));
                let inner = narrow.and_then(|(_, value)| holding(value, word, text));
                key.or(inner).or_else(|| holding(node, word, text))
            })
    }

    /// The place of a word in the value of the key (or in the value) that stands at a place.
    pub(crate) fn word(&mut self, at: Span, word: &str) -> Option<Span> {
        let tree = self.tree(at.file)?;
        scalar(value_at(tree, at)?, word)
    }
}

/// Whether a word stands in a text by itself.
pub(crate) fn stands_in(text: &str, word: &str) -> bool {
    position(text, word).is_some()
}

fn position(text: &str, word: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    let mut found = text.match_indices(word).map(|(at, _)| at);
    found
        .find(|at| !text[..*at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part))
}

fn deepest(node: &Node, path: &[&str], depth: usize) -> Option<(Span, usize)> {
    let NodeKind::Map(entries) = &node.kind else {
        return None;
    };
    let mut best: Option<(Span, usize)> = None;
    let mut offer = |found: (Span, usize)| {
        if best.is_none_or(|(_, depth)| found.1 > depth) {
            best = Some(found);
        }
    };
    for (key, value) in entries {
        // A key may be a dotted path.
        let names: Vec<&str> = key.value.split('.').collect();
        let fits = if path.first() == Some(&key.value.as_str()) {
            1
        } else if names.len() > 1 && path.starts_with(&names) {
            names.len()
        } else {
            continue;
        };
        offer((key.span, depth + fits));
        if let Some(found) = deepest(value, &path[fits..], depth + fits) {
            offer(found);
        } else if let ([name, ..], Some(span)) =
            (&path[fits..], path.get(fits).and_then(|n| scalar(value, n)))
            && matches!(value.kind, NodeKind::List(_))
            && !name.is_empty()
        {
            offer((span, depth + fits + 1));
        }
    }
    best
}

/// The nodes from the top to the one at a place (of a key, its value); whether there is one.
fn lineage<'n>(node: &'n Node, at: Span, chain: &mut Vec<&'n Node>) -> bool {
    chain.push(node);
    let is_here = node.span.start == at.start && node.span.end == at.end;
    let is_found = is_here
        || match &node.kind {
            NodeKind::Map(entries) => entries.iter().any(|(key, value)| {
                if key.span.start == at.start {
                    chain.push(value);
                    return true;
                }
                lineage(value, at, chain)
            }),
            NodeKind::List(items) => items.iter().any(|item| lineage(item, at, chain)),
            NodeKind::Scalar(..) => node.span.start <= at.start && at.start < node.span.end,
        };
    if !is_found {
        chain.pop();
    }
    is_found
}

/// What the names of a path lead to in a node, names that are not there passed over: the last key and
/// its value.
fn narrowed<'n>(node: &'n Node, path: &[String]) -> Option<(Span, &'n Node)> {
    let mut found: Option<(Span, &Node)> = None;
    for name in path {
        let inside = found.map_or(node, |(_, value)| value);
        found = entry(inside, name).or(found);
    }
    found
}

fn entry<'n>(node: &'n Node, name: &str) -> Option<(Span, &'n Node)> {
    match &node.kind {
        NodeKind::Map(entries) => {
            let own = entries.iter().find(|(key, _)| key.value == name);
            own.map(|(key, value)| (key.span, value)).or_else(|| {
                let mut values = entries.iter().map(|(_, value)| value);
                values.find_map(|value| entry(value, name))
            })
        }
        NodeKind::List(items) => items.iter().find_map(|item| entry(item, name)),
        NodeKind::Scalar(..) => None,
    }
}

fn text_at(text: &str, span: Span) -> &str {
    text[span.start as usize..span.end as usize].trim_matches(['"', '\''])
}

/// A word in a node: as a whole, else as a part of a text of some length.
fn holding(node: &Node, word: &str, text: &str) -> Option<Span> {
    fn part(node: &Node, word: &str, text: &str) -> Option<Span> {
        match &node.kind {
            NodeKind::Scalar(..) => {
                let from = node.span.start as usize;
                let at = from + position(&text[from..node.span.end as usize], word)?;
                Some(Span::new(node.span.file, at, at + word.len()))
            }
            NodeKind::List(items) => items.iter().find_map(|item| part(item, word, text)),
            NodeKind::Map(entries) => {
                let mut values = entries.iter().map(|(_, value)| value);
                values.find_map(|value| part(value, word, text))
            }
        }
    }
    scalar(node, word).or_else(|| (word.len() > 3).then(|| part(node, word, text)).flatten())
}

fn value_at(node: &Node, at: Span) -> Option<&Node> {
    if node.span.start == at.start && node.span.end == at.end {
        return Some(node);
    }
    match &node.kind {
        NodeKind::Map(entries) => entries.iter().find_map(|(key, value)| {
            if key.span.start == at.start {
                Some(value)
            } else {
                value_at(value, at)
            }
        }),
        NodeKind::List(items) => items.iter().find_map(|item| value_at(item, at)),
        NodeKind::Scalar(..) => {
            (node.span.start <= at.start && at.start < node.span.end).then_some(node)
        }
    }
}

fn scalar(node: &Node, word: &str) -> Option<Span> {
    match &node.kind {
        NodeKind::Scalar(text, _) => (text == word).then_some(node.span),
        NodeKind::List(items) => items.iter().find_map(|item| scalar(item, word)),
        NodeKind::Map(entries) => entries.iter().find_map(|(key, value)| {
            if key.value == word {
                Some(key.span)
            } else {
                scalar(value, word)
            }
        }),
    }
}
