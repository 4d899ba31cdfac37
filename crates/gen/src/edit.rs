//! Changes to the text of a spec, by byte ranges: comments and layout stay.

use std::collections::BTreeMap;

use anyhow::Context as _;
use camino::Utf8Path;
use diag::{Diagnostics, FileId, Severity, SourceMap, Span};
use spec::node::{Node, NodeKind};

use crate::Sources;
use crate::cli::App;

/// Replacements in the files of a spec.
#[derive(Debug, Default)]
pub(crate) struct Edits(BTreeMap<Span, String>);

impl Edits {
    /// Replaces a range; what an alias repeats is one place.
    pub(crate) fn replace(&mut self, span: Span, text: impl Into<String>) {
        self.0.insert(span, text.into());
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The places, in order.
    pub(crate) fn spans(&self) -> impl Iterator<Item = &Span> {
        self.0.keys()
    }

    /// The new texts of the files that change.
    pub(crate) fn apply(&self, sources: &SourceMap) -> BTreeMap<FileId, String> {
        let mut texts: BTreeMap<FileId, String> = BTreeMap::new();
        for (span, new) in self.0.iter().rev() {
            let text = texts
                .entry(span.file)
                .or_insert_with(|| sources.file(span.file).text.clone());
            text.replace_range(span.start as usize..span.end as usize, new);
        }
        texts
    }
}

/// The nodes of every YAML file that can be read.
pub(crate) fn nodes(sources: &Sources, diagnostics: &mut Diagnostics) -> Vec<Node> {
    sources
        .yaml
        .iter()
        .filter_map(|file| spec::node::parse(&sources.map, *file, diagnostics))
        .collect()
}

/// What a pattern finds.
pub(crate) enum Found<'a> {
    /// A key.
    Key(&'a diag::Spanned<String>),
    /// A value.
    Value(&'a Node),
}

/// Finds what a pattern names: parts joined by dots, `*` for any key, `[]` for the elements of a list
/// (or the one value that stands for it), and `@` at the end for keys.
pub(crate) fn find<'a>(node: &'a Node, pattern: &str, each: &mut dyn FnMut(Found<'a>)) {
    let parts: Vec<&str> = pattern.split('.').collect();
    walk(node, &parts, each);
}

fn walk<'a>(node: &'a Node, parts: &[&str], each: &mut dyn FnMut(Found<'a>)) {
    let Some((part, rest)) = parts.split_first() else {
        each(Found::Value(node));
        return;
    };
    match (&node.kind, *part) {
        (NodeKind::List(items), "[]") => items.iter().for_each(|item| walk(item, rest, each)),
        (NodeKind::Scalar(..), "[]") => walk(node, rest, each),
        (NodeKind::Map(entries), "@") => {
            for (key, _) in entries {
                each(Found::Key(key));
            }
        }
        (NodeKind::Map(entries), part) => entries
            .iter()
            .filter(|(key, _)| part == "*" || key.value == part)
            .for_each(|(_, value)| walk(value, rest, each)),
        _ => {}
    }
}

/// Every node of a tree, the outer first.
pub(crate) fn every<'a>(node: &'a Node, each: &mut dyn FnMut(&'a Node)) {
    each(node);
    match &node.kind {
        NodeKind::List(items) => items.iter().for_each(|item| every(item, each)),
        NodeKind::Map(entries) => entries.iter().for_each(|(_, value)| every(value, each)),
        NodeKind::Scalar(..) => {}
    }
}

/// The same spec with other texts.
pub(crate) fn changed(
    sources: &Sources,
    texts: &BTreeMap<FileId, String>,
    assets: &BTreeMap<String, Vec<u8>>,
) -> Sources {
    let mut changed = Sources {
        root: sources.root.clone(),
        around: sources.around.clone(),
        catalogs: sources.catalogs.clone(),
        ..Sources::default()
    };
    changed.around.assets.extend(assets.clone());
    for id in &sources.yaml {
        let file = sources.map.file(*id);
        let text = texts.get(id).unwrap_or(&file.text);
        let id = changed.map.add(file.path.clone(), text.clone());
        changed.yaml.push(id);
    }
    changed
}

/// Writes texts, each by one rename.
pub(crate) fn write(path: &Utf8Path, bytes: &[u8]) -> anyhow::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().unwrap_or(Utf8Path::new("."));
    let folder = if folder.as_str().is_empty() {
        Utf8Path::new(".")
    } else {
        folder
    };
    let write = || -> anyhow::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(".gen-")
            .tempfile_in(folder)?;
        file.write_all(bytes)?;
        if let Ok(before) = std::fs::metadata(path) {
            file.as_file().set_permissions(before.permissions())?;
        }
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write `{path}`"))
}

/// Writes the new text of a file of the spec.
pub(crate) fn write_changed(
    app: &App,
    sources: &Sources,
    id: FileId,
    text: &str,
) -> anyhow::Result<()> {
    let path = sources.map.path(id);
    let below = path.strip_prefix(&sources.root).unwrap_or(path);
    write(
        &app.spec.join(below.trim_start_matches('/')),
        text.as_bytes(),
    )
}

/// How many of the findings are errors.
pub(crate) fn errors(diagnostics: &Diagnostics) -> usize {
    let is_error = |it: &&diag::Diagnostic| it.severity == Severity::Error;
    diagnostics.iter().filter(is_error).count()
}
