//! What the module system would refuse, found in the generated files and in hand-written modules by
//! an index of options and packages, and told at the line of the spec that it comes from.

use std::collections::{BTreeMap, BTreeSet};

use diag::{Diagnostic, Diagnostics, SourceMap, Span};
use index::{Context, Declared, Finding, Index, Policy, Scope, check_packages};
use model::Fleet;
use nix::Module;
use output::FileTree;
use rayon::prelude::*;
use spec::Spec;

use crate::Generated;
use crate::modules::below;
use crate::places::{Places, enclosing, word_after};

/// A file that is checked.
struct File<'a> {
    path: &'a str,
    text: &'a str,
    context: Context,
    module: Module,
}

/// Adds the findings of the index to those of the generation. With errors among them there is
/// nothing to write.
pub fn check(generated: &mut Generated, index: &Index) {
    let is_draft = generated.tree.is_none();
    let unsound;
    let tree = match &generated.tree {
        Some(tree) => tree,
        // What is wrong elsewhere does not hide what is wrong here.
        None => match crate::generate::draft(&generated.fleet, &generated.assets) {
            Some(tree) => {
                unsound = tree;
                &unsound
            }
            None => return,
        },
    };
    let findings = findings(tree, &generated.fleet, index);
    let too_new = too_new(&generated.spec, index);
    let mut teller = Teller {
        fleet: &generated.fleet,
        spec: &generated.spec,
        sources: &mut generated.sources,
        root: &generated.root,
        catalogs: &generated.catalogs,
        added: BTreeMap::new(),
    };
    let mut diagnostics = Diagnostics::new();
    let findings = findings.into_iter().filter(|(_, _, finding)| {
        // It is told where the release is written, and not of each user.
        too_new.is_empty()
            || !(finding
                .path
                .ends_with(&["home".to_owned(), "stateVersion".to_owned()])
                && finding.diagnostic.code == "setting-type")
    });
    for (path, text, finding) in findings {
        let (diagnostic, is_placed) = teller.tell(path, text, finding);
        // What another mistake brings about is not told.
        let is_echo = is_draft
            && (!is_placed || is_known(&diagnostic, &generated.diagnostics, teller.sources));
        if !is_echo {
            diagnostics.push(diagnostic);
        }
    }
    for diagnostic in too_new {
        diagnostics.push(diagnostic);
    }
    for pin in generated.fleet.pins.values() {
        if let Some(mut diagnostic) = index::check_pin(pin.attribute.parts(), &index.packages) {
            diagnostic.span = Some(pin.span);
            diagnostics.push(diagnostic);
        }
    }
    if diagnostics.is_empty() {
        return;
    }
    let has_errors = diagnostics.has_errors();
    generated.diagnostics.extend(diagnostics);
    generated.diagnostics.sort(&generated.sources);
    if has_errors {
        generated.tree = None;
    }
}

/// Releases that machines were installed with and that are newer than the nixpkgs of the index.
fn too_new(spec: &Spec, index: &Index) -> Vec<Diagnostic> {
    let nixpkgs = index.release.inputs.get("nixpkgs");
    let Some(newest) = nixpkgs.and_then(|input| input.release.as_deref()) else {
        return Vec::new();
    };
    let fleet = spec.fleet.iter();
    let fleet = fleet.filter_map(|fleet| fleet.value.state_version.as_ref());
    let hosts = spec.hosts.values();
    let hosts = hosts.filter_map(|host| host.value.state_version.as_ref());
    let guests = spec.microvms.values();
    let guests = guests.filter_map(|vm| vm.value.guest.state_version.as_ref());
    // Two digits a part: the order of texts is that of releases.
    let newer = fleet.chain(hosts).chain(guests).filter(|text| {
        let is_release = text.value.len() == newest.len();
        is_release && text.value.as_str() > newest
    });
    newer
        .map(|text| {
            let message = format!("`{}` is newer than nixpkgs, which is {newest}", text.value);
            let help = "the release that the machine was installed with, never changed later";
            Diagnostic::error("bad-value", text.span, message).help(help)
        })
        .collect()
}

/// Whether there is a finding about the same line already, or a value that was wrong is missing.
fn is_known(diagnostic: &Diagnostic, others: &Diagnostics, sources: &SourceMap) -> bool {
    let line = |span: Span| {
        let (line, _) = sources.line_column(span.file, span.start);
        (span.file, line)
    };
    let own = diagnostic.span.map(line);
    diagnostic.message.ends_with("not null")
        || others.iter().any(|other| other.span.map(line) == own)
}

/// The findings, with the file that each is in.
fn findings<'a>(
    tree: &'a FileTree,
    fleet: &Fleet,
    index: &Index,
) -> Vec<(&'a str, &'a str, Finding)> {
    let files = files(tree, fleet);
    let mut declared = Declared::default();
    for file in &files {
        declared.add(&file.module, file.context);
    }
    let covered = &index.release.inputs;
    let is_partial = fleet.inputs.iter().any(|(name, input)| {
        (input.nixos_module.is_some() || input.home_module.is_some()) && !covered.contains_key(name)
    });
    let scope = Scope {
        index,
        declared: &declared,
        is_partial,
        has_foreign: files.iter().any(|file| file.module.has_foreign),
        imports_foreign: false,
    };
    let policy = policy(tree, fleet, &files);
    let found: Vec<Vec<(&str, &str, Finding)>> = files
        .par_iter()
        .map(|file| {
            let scope = Scope {
                imports_foreign: file.module.has_foreign,
                ..scope
            };
            let options = index::check(&file.module, file.context, &scope);
            let packages = check_packages(&file.module, &index.packages, &policy);
            options
                .into_iter()
                .chain(packages)
                .map(|finding| (file.path, file.text, finding))
                .collect()
        })
        .collect();
    found.into_iter().flatten().collect()
}

/// The modules of the output and what they import, with the module system that each belongs to.
fn files<'a>(tree: &'a FileTree, fleet: &Fleet) -> Vec<File<'a>> {
    let mut open: Vec<(&str, Context)> = tree
        .iter()
        .filter_map(|(path, _)| Some((path, context(path)?)))
        .collect();
    let mut written = |paths: &[String], context: Context| {
        for path in paths {
            if let Some((path, _)) = tree.iter().find(|(known, _)| known == path) {
                open.push((path, context));
            }
        }
    };
    written(&fleet.modules, Context::Nixos);
    for template in fleet.templates.values() {
        written(&template.modules, Context::Nixos);
    }
    for profile in fleet.profiles.values() {
        written(&profile.modules, Context::Home);
    }
    for user in fleet.users.values() {
        written(&user.home_modules, Context::Home);
    }
    for host in fleet.hosts.values() {
        written(&host.modules, Context::Nixos);
        for user in host.users.values() {
            written(&user.modules, Context::Home);
        }
    }
    let mut seen: BTreeSet<(&str, Context)> = BTreeSet::new();
    let mut files: Vec<File<'a>> = Vec::new();
    while !open.is_empty() {
        let fresh: Vec<(&str, Context)> = std::mem::take(&mut open)
            .into_iter()
            .filter(|key| seen.insert(*key))
            .collect();
        let read: Vec<File<'a>> = fresh
            .into_par_iter()
            .filter_map(|(path, context)| {
                let text = std::str::from_utf8(&tree.get(path)?.bytes).ok()?;
                let module = if path.starts_with("custom/") {
                    nix::read_module(text).ok()?
                } else {
                    nix::read_sound_module(text)
                };
                Some(File {
                    path,
                    text,
                    context,
                    module,
                })
            })
            .collect();
        for file in &read {
            // Generated files are all there already; a hand-written one may lead to others.
            if file.path.starts_with("custom/") {
                let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
                for import in &file.module.imports {
                    open.extend(named(tree, folder, import).map(|path| (path, file.context)));
                }
            }
        }
        files.extend(read);
    }
    files
}

/// The module system of a generated module; `None` for files that are none.
fn context(path: &str) -> Option<Context> {
    if !path.ends_with(".nix") || matches!(path, "modules/default.nix" | "home/default.nix") {
        return None;
    }
    match path.split('/').next()? {
        "hosts" | "modules" | "templates" | "users" | "disks" | "images" | "installers" => {
            Some(Context::Nixos)
        }
        "microvms" => Some(Context::Guest),
        "home" => Some(Context::Home),
        _ => None,
    }
}

/// The file of the tree that a relative path names.
fn named<'a>(tree: &'a FileTree, folder: &str, path: &str) -> Option<&'a str> {
    let path = below(folder, path, |path| tree.get(path).is_some())?;
    tree.iter().map(|(known, _)| known).find(|it| *it == path)
}

/// What the fleet allows and adds.
fn policy(tree: &FileTree, fleet: &Fleet, files: &[File<'_>]) -> Policy {
    let mut added = Some(fleet.own_packages.keys().cloned().collect::<BTreeSet<_>>());
    for path in &fleet.overlays {
        let names = tree
            .get(path)
            .and_then(|file| std::str::from_utf8(&file.bytes).ok())
            .and_then(nix::overlay_names);
        added = match (added, names) {
            (Some(mut added), Some(names)) => {
                added.extend(names);
                Some(added)
            }
            _ => None,
        };
    }
    // Overlays that a module adds are not looked into.
    let has_foreign = files
        .iter()
        .flat_map(|file| &file.module.config)
        .any(|attr| {
            let names: Vec<&str> = attr.path.iter().flatten().map(String::as_str).collect();
            names.starts_with(&["nixpkgs", "overlays"])
        });
    let systems: BTreeSet<&str> = fleet.hosts.values().map(|h| h.system.as_str()).collect();
    Policy {
        unfree: fleet.unfree.clone(),
        insecure: fleet.insecure.clone(),
        added: added.filter(|_| !has_foreign),
        unlisted: fleet.unlisted_packages.clone(),
        pinned: fleet
            .pins
            .iter()
            .map(|(name, pin)| (name.clone(), pin.attribute.parts().to_vec()))
            .collect(),
        is_x86: systems.len() == 1 && systems.contains("x86_64-linux"),
    }
}

/// Finds the line of the spec behind a finding.
struct Teller<'a> {
    fleet: &'a Fleet,
    spec: &'a Spec,
    sources: &'a mut SourceMap,
    root: &'a str,
    catalogs: &'a BTreeMap<String, String>,
    /// Hand-written files that were added to the sources.
    added: BTreeMap<String, diag::FileId>,
}

impl Teller<'_> {
    /// The finding at its place, and whether that is the very line that is wrong.
    fn tell(&mut self, path: &str, text: &str, finding: Finding) -> (Diagnostic, bool) {
        let Finding {
            mut diagnostic,
            start,
            end,
            path: option,
        } = finding;
        if let Some(asset) = self.fleet.assets.get(path) {
            let name = crate::generate::shown(self.root, self.catalogs, asset);
            let file = *self
                .added
                .entry(path.to_owned())
                .or_insert_with(|| self.sources.add(name, text));
            diagnostic.span = Some(Span::new(file, start, end));
            return (diagnostic, true);
        }
        let option = if option.is_empty() {
            enclosing(text, start)
        } else {
            option
        };
        let behind = Places::new(self.fleet, self.spec).of_file(path);
        let origin = behind.definition(&option);
        let line = 1 + text[..start].matches('\n').count();
        let is_own = |span: &Span| Some(*span) != behind.span;
        let place = origin.and_then(|definition| definition.origin.span);
        let Some(span) = place.filter(is_own) else {
            diagnostic.span = behind.span;
            let code = text.lines().nth(line - 1).unwrap_or_default().trim();
            let help = format!("it stands in `{path}`, line {line}: `{code}`");
            return (diagnostic.help(help), false);
        };
        let word = text[start..end].trim_start_matches("pkgs.");
        let is_package = diagnostic.code.starts_with("package-");
        let element = is_package
            .then(|| word_after(self.sources, span, word))
            .flatten();
        diagnostic.span = element.or(Some(span));
        (diagnostic, true)
    }
}
