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

    /// The place of a word in the value of the key (or in the value) that stands at a place.
    pub(crate) fn word(&mut self, at: Span, word: &str) -> Option<Span> {
        let tree = self.tree(at.file)?;
        scalar(value_at(tree, at)?, word)
    }
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
