//! What a fleet sets: option paths, values and packages, with their places in the text.

use diag::{Diagnostics, Span, Spanned};
use flakesmith::Sources;
use nix::AttrPath;
use spec::node::{self, Node, NodeKind, Style};

use super::facts::Space;

/// Something that can be broken.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) fleet: usize,
    /// The file's path.
    pub(super) file: String,
    /// The file's text.
    pub(super) text: String,
    pub(super) place: Place,
}

/// What it is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// A definition of an option.
    Setting {
        space: Space,
        /// The whole path.
        path: Vec<String>,
        /// How many parts of the path stand before this key.
        before: usize,
        /// The key's bytes.
        key: (usize, usize),
        /// The value's bytes, when it is plain data on one line.
        value: Option<(usize, usize)>,
    },
    /// The name of a package.
    Package { name: String, bytes: (usize, usize) },
}

/// Everything in the specs of a fleet.
pub(super) fn find(fleet: usize, sources: &Sources) -> Vec<Site> {
    let mut sites = Vec::new();
    for id in &sources.yaml {
        let file = sources.map.file(*id);
        let Some(root) = node::parse(&sources.map, *id, &mut Diagnostics::new()) else {
            continue;
        };
        let mut places = Vec::new();
        for (section, entries) in entries(&root) {
            for (_, entry) in entries {
                within(section, entry, &mut places);
            }
        }
        sites.extend(places.into_iter().map(|place| Site {
            fleet,
            file: file.path.clone(),
            text: file.text.clone(),
            place,
        }));
    }
    sites
}

type Entry = (Spanned<String>, Node);

fn entries(node: &Node) -> Vec<(&str, &[Entry])> {
    let NodeKind::Map(sections) = &node.kind else {
        return Vec::new();
    };
    sections
        .iter()
        .filter_map(|(section, value)| match &value.kind {
            NodeKind::Map(entries) => Some((section.value.as_str(), entries.as_slice())),
            _ => None,
        })
        .collect()
}

/// One host, template, profile, user or feature.
fn within(section: &str, node: &Node, places: &mut Vec<Place>) {
    let NodeKind::Map(keys) = &node.kind else {
        return;
    };
    for (key, value) in keys {
        match (section, key.value.as_str()) {
            ("hosts" | "templates", "settings") | ("features", "nixos") => {
                settings(Space::Nixos, &[], value, places);
            }
            ("profiles", "settings") | ("features" | "homeFeatures", "home") => {
                settings(Space::Home, &[], value, places);
            }
            ("hosts" | "templates" | "profiles", "packages") => packages(value, places),
            ("users", "home") => within("profiles", value, places),
            _ => {}
        }
    }
}

fn settings(space: Space, before: &[String], node: &Node, places: &mut Vec<Place>) {
    let NodeKind::Map(keys) = &node.kind else {
        return;
    };
    if node.tag.is_some() {
        return;
    }
    for (key, value) in keys {
        let Ok(AttrPath(own)) = AttrPath::parse(&key.value) else {
            continue;
        };
        let path: Vec<String> = before.iter().chain(&own).cloned().collect();
        places.push(Place::Setting {
            space,
            path: path.clone(),
            before: before.len(),
            key: bytes(key.span),
            value: match &value.kind {
                NodeKind::Scalar(_, _) if value.tag.is_none() => Some(bytes(value.span)),
                _ => None,
            },
        });
        if value.tag.as_ref().is_some_and(|tag| tag.value == "pkg") {
            package(value, places);
        }
        settings(space, &path, value, places);
    }
}

fn packages(node: &Node, places: &mut Vec<Place>) {
    let NodeKind::List(items) = &node.kind else {
        return;
    };
    for item in items {
        package(item, places);
    }
}

fn package(node: &Node, places: &mut Vec<Place>) {
    if let NodeKind::Scalar(name, Style::Plain) = &node.kind
        && node.tag.as_ref().is_none_or(|tag| tag.value == "pkg")
        && !name.contains(['.', ' '])
    {
        places.push(Place::Package {
            name: name.clone(),
            bytes: bytes(node.span),
        });
    }
}

fn bytes(span: Span) -> (usize, usize) {
    (span.start as usize, span.end as usize)
}
