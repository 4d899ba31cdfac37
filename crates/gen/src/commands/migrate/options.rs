//! Options of features that have another name now: what the spec gives them goes over to the new one.
//!
//! A field of a submodule (`receivers.admin.email`) is written around the old value, in the style that
//! the value has, so that its own text and comments stay.

use std::collections::{BTreeMap, BTreeSet};

use diag::{Diagnostics, SourceMap, Span};
use spec::Spec;
use spec::ast::Feature;
use spec::node::{Node, NodeKind};

use crate::commands::rename::USES;
use crate::edit::{self, Edits, Found};

/// What is to be done by hand: the place, and what.
pub(super) type ByHand = Vec<(Span, String)>;

/// Renames options in the files of a spec; says how many, and what is left to do by hand.
pub(super) fn rename(
    sources: &SourceMap,
    spec: &Spec,
    nodes: &[Node],
    edits: &mut Edits,
) -> (usize, ByHand) {
    let mut renamed = 0;
    let mut by_hand = ByHand::new();
    let mut known = Known {
        spec,
        features: BTreeMap::new(),
    };
    for node in nodes {
        for pattern in USES {
            edit::find(node, pattern, &mut |item| {
                let Found::Value(features) = item else { return };
                each_use(features, &mut |id, options| {
                    if let Some(feature) = known.feature(id) {
                        renamed += of_use(sources, id, options, &feature, edits, &mut by_hand);
                    }
                });
            });
        }
    }
    (renamed, by_hand)
}

/// Features by id, of the spec or the catalog, where something of theirs was renamed or removed.
struct Known<'a> {
    spec: &'a Spec,
    features: BTreeMap<String, Option<Feature>>,
}

impl Known<'_> {
    fn feature(&mut self, id: &str) -> Option<Feature> {
        let spec = self.spec;
        let found = self.features.entry(id.to_owned()).or_insert_with(|| {
            let own = spec.features.get(id).or_else(|| spec.home_features.get(id));
            let feature = match own {
                Some(item) => Some(item.value.clone()),
                // The catalog is tested.
                None => catalog::entry(id)
                    .and_then(|it| it.decode(&mut SourceMap::new(), &mut Diagnostics::new()).1),
            };
            feature.filter(|it| !it.renamed.is_empty() || !it.removed.is_empty())
        });
        found.clone()
    }
}

/// The features of a mapping that are given options: `{ category: { name: { option: … } } }`.
fn each_use<'a>(features: &'a Node, each: &mut dyn FnMut(&str, &'a Node)) {
    let NodeKind::Map(categories) = &features.kind else {
        return;
    };
    for (category, names) in categories {
        let NodeKind::Map(names) = &names.kind else {
            continue;
        };
        for (name, options) in names {
            each(&format!("{}.{}", category.value, name.value), options);
        }
    }
}

fn of_use(
    sources: &SourceMap,
    id: &str,
    options: &Node,
    feature: &Feature,
    edits: &mut Edits,
    by_hand: &mut ByHand,
) -> usize {
    let NodeKind::Map(entries) = &options.kind else {
        return 0;
    };
    let mut renamed = 0;
    let new_of = |old: &str| {
        let mut renamed = feature.renamed.iter();
        renamed
            .find(|(name, _)| name.value == old)
            .map(|(_, new)| new.value.as_str())
    };
    let first = |path: &str| path.split('.').next().unwrap_or_default().to_owned();
    let given: BTreeSet<&str> = entries.iter().map(|(key, _)| key.value.as_str()).collect();
    for (key, value) in entries {
        let old = key.value.as_str();
        if let Some((_, why)) = feature.removed.iter().find(|(name, _)| name.value == old) {
            by_hand.push((
                key.span,
                format!("`{old}` of `{id}` is gone: {}", why.value),
            ));
            continue;
        }
        let Some(new) = new_of(old) else { continue };
        let rivals = entries.iter().filter_map(|(key, _)| new_of(&key.value));
        let is_alone = rivals.filter(|it| first(it) == first(new)).count() == 1;
        if given.contains(first(new).as_str()) || !is_alone {
            by_hand.push((
                key.span,
                format!(
                    "`{old}` of `{id}` is `{new}` now: `{}` has more than that in it",
                    first(new)
                ),
            ));
            continue;
        }
        write(sources, key.span, value, new, edits);
        renamed += 1;
    }
    renamed
}

/// Puts a value below another path.
fn write(sources: &SourceMap, key: Span, value: &Node, new: &str, edits: &mut Edits) {
    let parts: Vec<&str> = new.split('.').collect();
    let Some((last, around)) = parts.split_last() else {
        return;
    };
    if around.is_empty() {
        edits.replace(key, *last);
        return;
    }
    let text = sources.slice(value.span);
    let is_block = match &value.kind {
        NodeKind::Scalar(..) => text.contains('\n'),
        NodeKind::Map(_) => !text.starts_with('{'),
        NodeKind::List(_) => !text.starts_with('['),
    };
    if !is_block {
        edits.replace(key, format!("{}: {{ {last}", around.join(": { ")));
        let end = Span::new(
            value.span.file,
            value.span.end as usize,
            value.span.end as usize,
        );
        edits.replace(end, " }".repeat(around.len()));
        return;
    }
    // A block: one line for each part, and the value further in.
    let column = sources.line_column(key.file, key.start).1;
    let mut keys = String::new();
    for (depth, part) in around.iter().enumerate() {
        let indent = " ".repeat(column - 1 + 2 * (depth + 1));
        keys = format!("{keys}{part}:\n{indent}");
    }
    edits.replace(key, format!("{keys}{last}"));
    let shift = " ".repeat(2 * around.len());
    let whole = &sources.file(key.file).text;
    let (from, to) = (key.end as usize, value.span.end as usize);
    for (at, _) in whole[from..to].match_indices('\n') {
        let start = from + at + 1;
        let line = whole[start..].lines().next().unwrap_or_default();
        if !line.trim().is_empty() {
            edits.replace(Span::new(key.file, start, start), shift.clone());
        }
    }
}
