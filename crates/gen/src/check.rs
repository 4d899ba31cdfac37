//! What the module system would refuse, found in the generated files and in hand-written modules by
//! an index of options and packages, and told at the line of the spec that it comes from.

use std::collections::{BTreeMap, BTreeSet};

use diag::{Diagnostic, Diagnostics, SourceMap, Span};
use index::{Context, Declared, Finding, Index, Policy, Scope, check_packages};
use model::{Definition, Fleet};
use nix::{Attr, Kind, Module};
use output::FileTree;
use rayon::prelude::*;

use crate::Generated;

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
    let mut places = Places {
        fleet: &generated.fleet,
        sources: &mut generated.sources,
        root: &generated.root,
        added: BTreeMap::new(),
    };
    let mut diagnostics = Diagnostics::new();
    for (path, text, finding) in findings {
        let (diagnostic, is_placed) = places.tell(path, text, finding);
        // What another mistake brings about is not told.
        let is_echo = is_draft
            && (!is_placed || is_known(&diagnostic, &generated.diagnostics, places.sources));
        if !is_echo {
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
                    open.extend(below(tree, folder, import).map(|path| (path, file.context)));
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
fn below<'a>(tree: &'a FileTree, folder: &str, path: &str) -> Option<&'a str> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    [path.clone(), format!("{path}/default.nix")]
        .iter()
        .find_map(|path| {
            tree.iter()
                .map(|(known, _)| known)
                .find(|known| known == path)
        })
}

/// What the fleet allows and adds.
fn policy(tree: &FileTree, fleet: &Fleet, files: &[File<'_>]) -> Policy {
    let mut added = Some(BTreeSet::new());
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
        is_x86: systems.len() == 1 && systems.contains("x86_64-linux"),
    }
}

/// The path of the definition around a place.
fn enclosing(text: &str, at: usize) -> Vec<String> {
    fn descend(attrs: &[Attr], at: usize, path: &mut Vec<String>) {
        let around = |attr: &&Attr| attr.start <= at && at < attr.value.end;
        let Some(attr) = attrs.iter().find(around) else {
            return;
        };
        path.extend(attr.path.iter().flatten().cloned());
        if let Kind::Attrs(attrs) = &attr.value.kind {
            descend(attrs, at, path);
        }
    }
    let mut path = Vec::new();
    if let Ok(module) = nix::read_module(text) {
        descend(&module.config, at, &mut path);
    }
    path
}

/// The first place after the start of a span where a word stands by itself, not far away.
fn word_after(sources: &SourceMap, span: Span, word: &str) -> Option<Span> {
    const FAR: usize = 4000;
    let text = &sources.file(span.file).text;
    let from = span.start as usize;
    let is_part = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    text[from..]
        .match_indices(word)
        .take_while(|(at, _)| *at < FAR)
        .find(|(at, _)| {
            let before = text[..from + at].chars().next_back();
            let after = text[from + at + word.len()..].chars().next();
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })
        .map(|(at, _)| Span::new(span.file, from + at, from + at + word.len()))
}

/// Definitions that a file prints, and the path that they stand below.
type Printed<'a> = (Vec<String>, &'a [Definition]);

/// Finds the line of the spec behind a finding.
struct Places<'a> {
    fleet: &'a Fleet,
    sources: &'a mut SourceMap,
    root: &'a str,
    /// Hand-written files that were added to the sources.
    added: BTreeMap<String, diag::FileId>,
}

impl Places<'_> {
    /// The finding at its place, and whether that is the very line that is wrong.
    fn tell(&mut self, path: &str, text: &str, finding: Finding) -> (Diagnostic, bool) {
        let Finding {
            mut diagnostic,
            start,
            end,
            path: option,
        } = finding;
        if let Some(asset) = self.fleet.assets.get(path) {
            let name = format!("{}/{asset}", self.root.trim_end_matches('/'));
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
        let (definitions, fallback) = self.behind(path);
        let origin = definitions
            .iter()
            .flat_map(|(prefix, definitions)| {
                definitions
                    .iter()
                    .map(move |definition| (prefix, definition))
            })
            .filter_map(|(prefix, definition)| {
                let own = prefix.iter().chain(definition.path.parts());
                let shared = own.zip(&option).take_while(|(a, b)| a == b).count();
                let length = prefix.len() + definition.path.parts().len();
                let fits = shared == length || shared == option.len();
                (fits && shared > prefix.len()).then_some((shared, definition))
            })
            .max_by_key(|(shared, _)| *shared)
            .map(|(_, definition)| definition);
        let line = 1 + text[..start].matches('\n').count();
        let Some(span) = origin.and_then(|definition| definition.origin.span) else {
            diagnostic.span = fallback;
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

    /// The definitions that a file prints, with the path that they stand below, and the place that
    /// everything else in it comes from.
    fn behind(&self, path: &str) -> (Vec<Printed<'_>>, Option<Span>) {
        let fleet = self.fleet;
        let parts: Vec<&str> = path.trim_end_matches(".nix").split('/').collect();
        let at_root = |definitions| vec![(Vec::new(), definitions)];
        let at_home = |user: &str| -> Vec<String> {
            ["home-manager", "users", user].map(str::to_owned).to_vec()
        };
        match parts.as_slice() {
            ["hosts", host, _] => fleet
                .hosts
                .iter()
                .find(|(name, _)| name.as_str() == *host)
                .map(|(_, host)| (at_root(host.definitions.as_slice()), Some(host.span))),
            ["templates", name] => fleet
                .templates
                .iter()
                .find(|(known, _)| known.as_str() == *name)
                .map(|(_, template)| (at_root(template.definitions.as_slice()), None)),
            ["home", "profiles", name] => fleet
                .profiles
                .iter()
                .find(|(known, _)| known.as_str() == *name)
                .map(|(_, profile)| (at_root(profile.definitions.as_slice()), None)),
            ["users", user, "default"] => fleet
                .users
                .iter()
                .find(|(name, _)| name.as_str() == *user)
                .map(|(_, found)| {
                    let mut all = at_root(found.definitions.as_slice());
                    all.push((at_home(user), found.home.as_slice()));
                    (all, None)
                }),
            ["users", user, host] => fleet
                .hosts
                .iter()
                .find(|(name, _)| name.as_str() == *host)
                .and_then(|(_, host)| {
                    let (_, found) = host.users.iter().find(|(name, _)| name.as_str() == *user)?;
                    let mut all = at_root(found.definitions.as_slice());
                    all.push((at_home(user), found.home.as_slice()));
                    Some((all, Some(host.span)))
                }),
            ["modules", "fleet"] => Some((at_root(fleet.definitions.as_slice()), None)),
            [half @ ("modules" | "home"), category, name] => {
                let id = format!("{category}.{name}");
                fleet.features.get(id.as_str()).map(|feature| {
                    let half = match *half {
                        "home" => feature.home.as_ref(),
                        _ => feature.system.as_ref(),
                    };
                    let definitions = half.map_or(&[][..], |half| half.definitions.as_slice());
                    (at_root(definitions), feature.span)
                })
            }
            _ => None,
        }
        .unwrap_or_default()
    }
}
