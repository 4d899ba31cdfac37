//! From sources to a tree of files. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use diag::{Diagnostic, Diagnostics, Severity, SourceMap};
use index::Index;
use model::Fleet;
use output::{File, FileTree, PathError};
use spec::Spec;

use crate::Sources;

include!(concat!(env!("OUT_DIR"), "/layouts.rs"));

/// What generation gives.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The sources, with the catalog files that were used.
    pub sources: SourceMap,
    /// The spec as written.
    pub spec: Spec,
    /// The resolved fleet; complete only when there is no error.
    pub fleet: Fleet,
    /// The files; none when there are errors.
    pub tree: Option<FileTree>,
    /// The findings, sorted by place.
    pub diagnostics: Diagnostics,
    /// The spec folder as the user wrote it.
    pub root: String,
    /// The index that it was checked by, if it was.
    pub index: Option<Arc<Index>>,
    /// The other files of the spec, by path below its folder.
    pub assets: BTreeMap<String, Vec<u8>>,
    /// The YAML files among the sources, also of catalogs.
    pub yaml: Vec<diag::FileId>,
    /// The folders of catalogs as messages show them, by name.
    pub catalogs: BTreeMap<String, String>,
}

impl Generated {
    /// A file below the spec folder or of a catalog as messages show it.
    pub(crate) fn shown(&self, asset: &str) -> String {
        shown(&self.root, &self.catalogs, asset)
    }
}

/// A file below the spec folder or of a catalog as messages show it.
pub(crate) fn shown(root: &str, catalogs: &BTreeMap<String, String>, asset: &str) -> String {
    let around = resolve::Surroundings {
        root: root.trim_end_matches('/').to_owned(),
        catalogs: catalogs.clone(),
        ..resolve::Surroundings::default()
    };
    around.shown(asset)
}

/// Generates. Nothing is read or written.
pub fn generate(sources: Sources) -> Generated {
    generate_some(sources, &|_, _| true)
}

/// Generates only the files whose output paths are wanted.
pub(crate) fn generate_some(
    sources: Sources,
    wanted: &(dyn Fn(&Fleet, &str) -> bool + Sync),
) -> Generated {
    let Sources {
        mut map,
        mut yaml,
        mut around,
        mut diagnostics,
        root,
        below,
        catalogs,
    } = sources;
    around.root.clone_from(&root);
    let mut spec = spec::load_with(&map, &yaml, &mut diagnostics, &crate::credentials::check);
    // Only what is wrong with the section; the rules run where the tree is checked.
    crate::linting::config(&spec.lint, &mut diagnostics);
    around.catalogs = catalogs
        .iter()
        .map(|(name, files)| (name.clone(), files.shown.clone()))
        .collect();
    let (shared, added) = crate::catalogs::read(
        &spec,
        &catalogs,
        &around.assets,
        &mut map,
        &mut diagnostics,
        &mut crate::credentials::check,
    );
    if !shared.is_empty() {
        resolve::share(&mut spec, shared, &around, &mut diagnostics);
    }
    let mut fleet = Fleet::default();
    // Names in a file that could not be read are not unknown: nothing can be said about them.
    let whole = !diagnostics
        .iter()
        .any(|d| d.severity == Severity::Error && hides_names(d.code));
    if whole {
        fleet = resolve::resolve(&spec, &mut map, &around, &mut diagnostics);
        name_sources(&mut fleet, &root, &catalogs);
        fleet.repository = below;
    }
    let tree = if whole && !diagnostics.has_errors() {
        tree(&fleet, &around, wanted, &mut diagnostics)
    } else {
        None
    };
    if !added.is_empty() {
        // What a fleet does not use of a catalog is not its business.
        let is_ours = |d: &Diagnostic| {
            let is_shared = d.span.is_some_and(|span| added.contains(&span.file));
            !(is_shared && d.code.starts_with("unused-"))
        };
        let mut kept = Diagnostics::new();
        diagnostics
            .into_iter()
            .filter(is_ours)
            .for_each(|diagnostic| kept.push(diagnostic));
        diagnostics = kept;
    }
    yaml.extend(added);
    diagnostics.sort(&map);
    Generated {
        sources: map,
        spec,
        fleet,
        tree,
        diagnostics,
        root,
        index: None,
        assets: around.assets,
        yaml,
        catalogs: around.catalogs,
    }
}

/// Some files of a fleet.
pub(crate) fn files(
    fleet: &Fleet,
    assets: &BTreeMap<String, Vec<u8>>,
    wanted: &(dyn Fn(&str) -> bool + Sync),
) -> Result<BTreeMap<String, Vec<u8>>, render::RenderError> {
    let files = render::render_some(fleet, assets, LAYOUTS, wanted)?;
    Ok(files.into_iter().collect())
}

/// The files of a fleet that has errors, as far as they can be printed, to check them nonetheless.
pub(crate) fn draft(fleet: &Fleet, assets: &BTreeMap<String, Vec<u8>>) -> Option<FileTree> {
    draft_some(fleet, assets, &|_, _| true)
}

/// Only the wanted ones of these files.
pub(crate) fn draft_some(
    fleet: &Fleet,
    assets: &BTreeMap<String, Vec<u8>>,
    wanted: &(dyn Fn(&Fleet, &str) -> bool + Sync),
) -> Option<FileTree> {
    let wanted = |path: &str| wanted(fleet, path);
    let files = render::render_some(fleet, assets, LAYOUTS, &wanted).ok()?;
    let (tree, errors) = file_tree(files);
    errors.is_empty().then_some(tree)
}

fn file_tree(files: Vec<(String, Vec<u8>)>) -> (FileTree, Vec<PathError>) {
    let files = files.into_iter().map(|(path, bytes)| {
        let executable = bytes.starts_with(b"#!");
        (path, File { bytes, executable })
    });
    FileTree::of(files.collect())
}

/// Whether a finding means that a part of the spec was not seen at all.
fn hides_names(code: &str) -> bool {
    code.starts_with("yaml-")
        || code == "merge-key"
        || crate::load::CODES.contains(&code)
        || crate::catalogs::CODES.contains(&code)
}

fn tree(
    fleet: &Fleet,
    around: &resolve::Surroundings,
    wanted: &(dyn Fn(&Fleet, &str) -> bool + Sync),
    diagnostics: &mut Diagnostics,
) -> Option<FileTree> {
    let wanted = |path: &str| wanted(fleet, path);
    let files = match render::render_some(fleet, &around.assets, LAYOUTS, &wanted) {
        Ok(files) => files,
        Err(error) => {
            let message = format!("`{}` cannot be rendered: {}", error.path, error.message);
            diagnostics.push(
                Diagnostic::error("internal-error", None, message)
                    .help("this is a bug in gen; please report it with the spec that shows it"),
            );
            return None;
        }
    };
    let (tree, errors) = file_tree(files);
    for error in errors {
        diagnostics.push(
            Diagnostic::error("output-path", None, error.to_string())
                .help("rename the file, host, user or feature that it comes from"),
        );
    }
    (!diagnostics.has_errors()).then_some(tree)
}

/// Headers name the spec by its folder's own name, wherever it is and however it was given, so that
/// the same spec gives the same bytes.
fn name_sources(
    fleet: &mut Fleet,
    root: &str,
    catalogs: &BTreeMap<String, crate::catalogs::Files>,
) {
    let name = crate::load::folder_name(root);
    let folders = catalogs
        .values()
        .map(|files| (files.shown.as_str(), files.header.as_str()));
    let folders: Vec<(String, String)> = folders
        .chain([(root, name)])
        .filter(|(shown, header)| shown != header)
        .map(|(shown, header)| (format!("{shown}/"), format!("{header}/")))
        .collect();
    let rename = |text: &mut String| {
        for (shown, header) in &folders {
            if let Some(rest) = text.strip_prefix(shown.as_str()) {
                *text = format!("{header}{rest}");
                return;
            }
        }
    };
    fleet.sources.values_mut().for_each(rename);
    fleet
        .features
        .values_mut()
        .map(|feature| &mut feature.source)
        .for_each(rename);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(root: &str, text: &str) -> Sources {
        Sources::from_memory(root, [("fleet.yaml", text)])
    }

    const SPEC: &str = "fleet: { name: x, stateVersion: \"25.11\", system: x86_64-linux }
hosts:
  a: { hardware: { cpu: none, platform: lxc } }
";

    #[test]
    fn headers_do_not_say_where_the_spec_is() {
        let here = generate(sources("spec", SPEC));
        let there = generate(sources("/home/alice/fleets/spec", SPEC));
        assert!(here.tree.is_some());
        assert_eq!(here.tree, there.tree);
    }

    #[test]
    fn hosts_with_a_feature_are_found_however_its_name_is_written() {
        let with = |name: &str| {
            let derive = format!("fleet.hosts_with({name}) | map(attribute='name')");
            let text = format!(
                "fleet: {{ name: x, stateVersion: \"25.11\", system: x86_64-linux }}
hosts:
  a: {{ hardware: {{ cpu: none, platform: lxc }}, features: {{ mine: {{ reader: true }} }} }}
  b: {{ hardware: {{ cpu: none, platform: lxc }}, features: {{ mine: {{ server: true }} }} }}
features:
  mine.server: {{ summary: Serves, nixos: {{ boot.isContainer: true }} }}
  mine.reader:
    summary: Reads
    options: {{ from: {{ type: {{ list: string }}, default: [], description: Servers, derive: {derive:?} }} }}
    nixos: {{ environment.variables.FROM: !nix toString cfg.from }}
"
            );
            let generated = generate(Sources::from_memory("spec", [("fleet.yaml", text)]));
            assert_eq!(generated.diagnostics, Diagnostics::new());
            let tree = generated.tree.unwrap();
            let file = tree.get("hosts/a/default.nix").unwrap();
            String::from_utf8(file.bytes.clone()).unwrap()
        };
        let written = with("'mine.server'");
        assert!(written.contains("\"b\""), "{written}");
        for name in [
            " 'mine.server' ",
            "'mine.' ~ 'server'",
            r#""mine.\x73erver""#,
        ] {
            assert_eq!(with(name), written, "{name}");
        }
    }

    #[test]
    fn unknown_names_are_not_reported_while_a_file_cannot_be_read() {
        let files = [
            ("a.yaml", "hosts: { a: { template: t } }"),
            ("b.yaml", "templates: ["),
        ];
        let generated = generate(Sources::from_memory("spec", files));
        let codes: Vec<&str> = generated.diagnostics.iter().map(|d| d.code).collect();
        assert_eq!(codes, ["yaml-syntax"]);
        assert!(generated.tree.is_none());
    }
}
