//! Two outputs side by side: what was, and what the spec gives now.
//!
//! What was is the output folder as it is, or as a revision of the repository has it; where a
//! revision has no output, the spec of that revision is generated.

use std::collections::BTreeMap;
use std::io::Read as _;

use camino::{Utf8DirEntry, Utf8Path, Utf8PathBuf};
use diag::Diagnostics;
use memchr::memmem;
use output::Hash;
use rayon::prelude::*;

use crate::cli::App;
use crate::commands::generate::is_current;
use crate::console;
use crate::git::{Differing, Repository};
use crate::status::Status;
use crate::{Sources, fingerprint, generate};

/// Files by their path below the output folder.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// A file that differs.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// Path below the output folder.
    pub(crate) path: String,
    /// What it was, if it was there.
    pub(crate) old: Option<Vec<u8>>,
    /// Whether it is there now.
    pub(crate) is_there: bool,
}

/// What was and what is.
#[derive(Debug, Default)]
pub(crate) struct Trees {
    /// Every file of the output as it is to be.
    pub(crate) new: Files,
    /// What differs, sorted by path.
    pub(crate) changes: Vec<Change>,
    /// The spec, for what the files do not say.
    pub(crate) sources: Sources,
    /// Files that the spec wants otherwise and that gen leaves alone: they were ejected, edited by
    /// hand, or never its own.
    pub(crate) kept: Vec<String>,
}

impl Trees {
    /// Compares two outputs.
    pub(crate) fn between(old: Files, new: Files) -> Self {
        let gone = |(path, bytes)| Change {
            path,
            old: Some(bytes),
            is_there: false,
        };
        let mut changes = Vec::new();
        let mut old = old.into_iter().peekable();
        for (path, bytes) in &new {
            while let Some(file) = old.next_if(|(other, _)| other < path) {
                changes.push(gone(file));
            }
            let before = old.next_if(|(other, _)| other == path);
            let before = before.map(|(_, bytes)| bytes);
            if before.as_ref() != Some(bytes) {
                changes.push(Change {
                    path: path.clone(),
                    old: before,
                    is_there: true,
                });
            }
        }
        changes.extend(old.map(gone));
        Self {
            new,
            changes,
            ..Self::default()
        }
    }
}

/// Reads both sides. With errors in the spec they are reported, and there is nothing to compare.
pub(crate) fn compare(app: &App, since: Option<&str>) -> anyhow::Result<Result<Trees, Status>> {
    // Git is asked meanwhile.
    let (sources, repository) = rayon::join(
        || app.load(),
        || since.map(|revision| Repository::at(&app.spec, revision)),
    );
    let (sources, repository) = (sources?, repository.transpose()?);
    let spec = sources.clone();
    Ok(
        trees(app, repository.as_ref(), sources)?.map(|trees| Trees {
            sources: spec,
            ..trees
        }),
    )
}

fn trees(
    app: &App,
    repository: Option<&Repository>,
    sources: Sources,
) -> anyhow::Result<Result<Trees, Status>> {
    let target = app.target();
    // The output is read while the new one is generated, if it cannot be the same.
    let ((manifest, disk), (fingerprint, generated)) = rayon::join(
        || (output::read_manifest(&target), on_disk(&app.out)),
        || {
            let fingerprint = fingerprint(&sources);
            let generated = if names(&app.out, &fingerprint) {
                Err(sources)
            } else {
                Ok(generate(sources))
            };
            (fingerprint, generated)
        },
    );
    let manifest = manifest?;
    let generated = match generated {
        Ok(generated) => Some(generated),
        Err(sources) => {
            let current = match &manifest {
                Some(manifest) => {
                    sources.diagnostics.is_empty()
                        && is_current(manifest, &fingerprint)
                        && output::verify(&target, manifest)?
                }
                None => false,
            };
            (!current).then(|| generate(sources))
        }
    };
    let mut kept = Vec::new();
    let new = if let Some(mut generated) = generated {
        let Some(tree) = generated.tree.take() else {
            console::report(app.format, &generated.diagnostics, &generated.sources)?;
            return Ok(Err(Status::of(&generated.diagnostics)));
        };
        // The command ends with this answer: to take a large fleet apart would only cost time.
        std::mem::forget(generated);
        let new = tree
            .into_iter()
            .map(|(path, file)| (path, file.bytes))
            .collect();
        let trees = applied(new, disk, manifest.as_ref());
        if repository.is_none() {
            return Ok(Ok(trees));
        }
        kept = trees.kept;
        trees.new
    } else {
        disk
    };
    let Some(repository) = repository else {
        return Ok(Ok(Trees {
            new,
            ..Trees::default()
        }));
    };
    if let Some(out) = repository.below(&app.out)
        && let Some(differing) = repository.differing(&out, &new, OWN)?
    {
        let trees = against(differing, new);
        return Ok(Ok(Trees { kept, ..trees }));
    }
    let mut old = match at_revision(app, repository)? {
        Ok(old) => old,
        Err(status) => return Ok(Err(status)),
    };
    // What is not generated is not known of then; it counts as it is.
    let is_ejected = |path: &str| {
        let manifest = manifest.as_ref();
        old.contains_key(path) && manifest.is_some_and(|it| it.ejected.contains_key(path))
    };
    let foreign: Vec<_> = new
        .iter()
        .filter(|(path, _)| is_ejected(path) || is_foreign(path) && !old.contains_key(*path))
        .map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect();
    old.extend(foreign);
    let trees = Trees::between(old, new);
    Ok(Ok(Trees { kept, ..trees }))
}

/// Whether the manifest of an output has a fingerprint anywhere in it, which is soon known.
fn names(out: &Utf8Path, fingerprint: &str) -> bool {
    std::fs::read(out.join(output::MANIFEST))
        .is_ok_and(|bytes| memmem::find(&bytes, fingerprint.as_bytes()).is_some())
}

/// The folder as it is and as applying a generated tree leaves it. What is not ours stays: the lock
/// file, encrypted files, what was added by hand, and what was generated once and is the user's since.
fn applied(mut new: Files, disk: Files, manifest: Option<&output::Manifest>) -> Trees {
    let owned = |path: &str| manifest.and_then(|manifest| manifest.files.get(path));
    let ejected = |path: &str| manifest.and_then(|manifest| manifest.ejected.get(path));
    let (mut changes, mut kept) = (Vec::new(), Vec::new());
    let (mut theirs, mut missing) = (Vec::new(), Vec::new());
    let mut all = new.iter_mut().peekable();
    let mut added = |path: &String, changes: &mut Vec<Change>| {
        // What was ejected may be removed as well.
        if ejected(path).is_some() {
            missing.push(path.clone());
        } else {
            changes.push(Change {
                path: path.clone(),
                old: None,
                is_there: true,
            });
        }
    };
    for (path, bytes) in disk {
        while let Some((path, _)) = all.next_if(|(other, _)| **other < path) {
            added(path, &mut changes);
        }
        let is_ours = || owned(&path).is_some_and(|owned| owned.hash == Hash::of(&bytes));
        match all.next_if(|(other, _)| **other == path) {
            None if is_ours() => changes.push(Change {
                path,
                old: Some(bytes),
                is_there: false,
            }),
            None => theirs.push((path, bytes)),
            Some((_, wanted)) if *wanted == bytes => {}
            Some((_, wanted)) => {
                let ejected = ejected(&path);
                if ejected.is_none() && is_ours() {
                    changes.push(Change {
                        path,
                        old: Some(bytes),
                        is_there: true,
                    });
                    continue;
                }
                // An ejected file is not missed until the spec has come to want something else.
                let is_missed = ejected != Some(&Hash::of(wanted));
                *wanted = bytes;
                if is_missed {
                    kept.push(path);
                }
            }
        }
    }
    for (path, _) in all {
        added(path, &mut changes);
    }
    new.extend(theirs);
    for path in missing {
        new.remove(&path);
    }
    Trees {
        new,
        changes,
        kept,
        ..Trees::default()
    }
}

/// Files of the output that gen does not write.
fn is_foreign(path: &str) -> bool {
    path == "flake.lock" || path.starts_with("secrets/") && !path.ends_with(".nix")
}

/// What belongs to gen itself, in the output folder.
const OWN: &str = ".gen";

/// The files of the output folder, without what belongs to git and to gen itself. A link is what git
/// takes it for: where it leads.
fn on_disk(out: &Utf8Path) -> Files {
    fn read(folder: &Utf8Path, prefix: &str) -> Vec<(String, Vec<u8>)> {
        let entries = folder.read_dir_utf8().into_iter().flatten();
        let entries: Vec<Utf8DirEntry> = entries.filter_map(Result::ok).collect();
        let found = entries.into_par_iter().flat_map_iter(|entry| {
            let (name, path) = (entry.file_name(), entry.path());
            let Ok(kind) = entry.file_type() else {
                return Vec::new();
            };
            if [".git", OWN].contains(&name) {
                return Vec::new();
            }
            let below = format!("{prefix}{name}");
            if kind.is_dir() {
                return read(path, &format!("{below}/"));
            }
            let bytes = if kind.is_symlink() {
                path.read_link_utf8()
                    .map(|to| to.into_string().into_bytes())
            } else if kind.is_file() {
                contents(path)
            } else {
                return Vec::new();
            };
            bytes.map(|bytes| (below, bytes)).into_iter().collect()
        });
        found.collect()
    }
    read(out, "").into_iter().collect()
}

/// The bytes of a small file. To ask for its size first takes longer than to read it.
fn contents(path: &Utf8Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(2048);
    let file = std::fs::File::open(path)?;
    file.take(u64::MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What is and what is committed.
fn against(differing: Differing, new: Files) -> Trees {
    let old = differing.old.into_iter().map(|(path, old)| Change {
        is_there: new.contains_key(&path),
        old: Some(old),
        path,
    });
    let added = differing.new.into_iter().map(|path| Change {
        path,
        old: None,
        is_there: true,
    });
    let mut changes: Vec<Change> = old.chain(added).collect();
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    Trees {
        new,
        changes,
        ..Trees::default()
    }
}

/// The output that the spec of a revision gives.
fn at_revision(app: &App, repository: &Repository) -> anyhow::Result<Result<Files, Status>> {
    let revision = &repository.revision;
    let Some(spec) = repository.below(&app.spec) else {
        anyhow::bail!("`{}` is outside the repository", app.spec);
    };
    let blobs = repository.blobs(&spec)?;
    anyhow::ensure!(
        !blobs.is_empty(),
        "there is neither `{}` nor `{}` at `{revision}`",
        app.spec,
        app.out
    );
    let ids: Vec<&str> = blobs.values().map(String::as_str).collect();
    let contents = repository.contents(&ids)?;
    let root = crate::load::tidy(&app.spec);
    let hidden = |path: &str| path.split('/').any(crate::load::is_passed_over);
    let files = blobs
        .into_keys()
        .zip(contents)
        .filter(|(path, _)| !hidden(path));
    // A catalog beside the spec is one of that revision, where it is in the repository.
    let outside = |path: &Utf8Path, _: &Utf8Path, _: &mut Diagnostics| {
        let folder = repository.below(&app.spec.join(path));
        let blobs = folder.and_then(|folder| repository.blobs(&folder).ok());
        let blobs: BTreeMap<String, String> = blobs
            .into_iter()
            .flatten()
            .filter(|(path, _)| !hidden(path))
            .collect();
        let ids: Vec<&str> = blobs.values().map(String::as_str).collect();
        let contents = repository.contents(&ids).unwrap_or_default();
        blobs.into_keys().zip(contents).collect()
    };
    let mut sources = Sources::with_catalogs(root.as_str(), files.collect(), &outside);
    // Encrypted files are not part of what is compared.
    let around = app.load()?.around;
    (sources.around.secret_files, sources.around.output) = (around.secret_files, around.output);
    let generated = generate(sources);
    let Some(tree) = generated.tree else {
        console::say(&format!("the spec at `{revision}` has errors:"));
        console::report(app.format, &generated.diagnostics, &generated.sources)?;
        return Ok(Err(Status::Findings));
    };
    let files = tree.into_iter().map(|(path, file)| (path, file.bytes));
    Ok(Ok(files.collect()))
}

/// A folder as the file system knows it, also where it is not there yet.
pub(crate) fn real(path: &Utf8Path) -> Option<Utf8PathBuf> {
    if let Ok(real) = path.canonicalize_utf8() {
        return Some(real);
    }
    let name = path.file_name()?;
    let parent = match path.parent()? {
        parent if parent.as_str().is_empty() => Utf8Path::new("."),
        parent => parent,
    };
    Some(parent.canonicalize_utf8().ok()?.join(name))
}
