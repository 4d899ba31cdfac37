//! Two outputs side by side: what was, and what the spec gives now.
//!
//! What was is the output folder as it is, or as a revision of the repository has it; where a
//! revision has no output, the spec of that revision is generated.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use diag::Diagnostics;
use output::Hash;
use rayon::prelude::*;
use sha1::{Digest as _, Sha1};
use walkdir::WalkDir;

use crate::cli::App;
use crate::commands::generate::is_current;
use crate::console;
use crate::git::Repository;
use crate::status::Status;
use crate::text::hex;
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
    pub(crate) fn between(mut old: Files, new: Files) -> Self {
        let mut changes = Vec::new();
        for (path, bytes) in &new {
            let before = old.remove(path);
            if before.as_ref() != Some(bytes) {
                changes.push(Change {
                    path: path.clone(),
                    old: before,
                    is_there: true,
                });
            }
        }
        changes.extend(old.into_iter().map(|(path, bytes)| Change {
            path,
            old: Some(bytes),
            is_there: false,
        }));
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        Self {
            new,
            changes,
            ..Self::default()
        }
    }
}

/// Reads both sides. With errors in the spec they are reported, and there is nothing to compare.
pub(crate) fn compare(app: &App, since: Option<&str>) -> anyhow::Result<Result<Trees, Status>> {
    let sources = app.load()?;
    let spec = sources.clone();
    Ok(trees(app, since, sources)?.map(|trees| Trees {
        sources: spec,
        ..trees
    }))
}

fn trees(
    app: &App,
    since: Option<&str>,
    sources: Sources,
) -> anyhow::Result<Result<Trees, Status>> {
    let repository = match since {
        Some(revision) => Some(Repository::at(&app.spec, revision)?),
        None => None,
    };
    let target = app.target();
    let (manifest, fingerprint) =
        rayon::join(|| output::read_manifest(&target), || fingerprint(&sources));
    let manifest = manifest?;
    let current = match &manifest {
        Some(manifest) => {
            sources.diagnostics.is_empty()
                && is_current(manifest, &fingerprint)
                && output::verify(&target, manifest)?
        }
        None => false,
    };
    if current && repository.is_none() {
        return Ok(Ok(Trees {
            new: on_disk(&app.out),
            ..Trees::default()
        }));
    }
    // What git holds is listed meanwhile, by a thread that only waits.
    let (disk, generated, committed) = std::thread::scope(|scope| {
        let committed = repository.as_ref().map(|repository| {
            scope.spawn(|| match repository.below(&app.out) {
                Some(out) => repository.blobs(&out),
                None => Ok(BTreeMap::new()),
            })
        });
        let generated = || (!current).then(|| generate(sources));
        let (disk, generated) = rayon::join(|| on_disk(&app.out), generated);
        let committed = committed.map(|listing| match listing.join() {
            Ok(committed) => committed,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        (disk, generated, committed)
    });
    let mut kept = Vec::new();
    let new = if let Some(mut generated) = generated {
        let Some(tree) = generated.tree.take() else {
            console::report(app.format, &generated.diagnostics, &generated.sources)?;
            return Ok(Err(Status::of(&generated.diagnostics)));
        };
        // Nobody waits until a large fleet is taken apart.
        rayon::spawn(move || drop(generated));
        let new = tree
            .into_iter()
            .map(|(path, file)| (path, file.bytes))
            .collect();
        applied(new, &disk, manifest.as_ref(), &mut kept)
    } else {
        disk.clone()
    };
    let (Some(repository), Some(committed)) = (repository, committed) else {
        let trees = Trees::between(disk, new);
        return Ok(Ok(Trees { kept, ..trees }));
    };
    let committed = committed?;
    if committed.keys().any(|path| path.ends_with("flake.nix")) {
        let trees = against(&repository, committed, new)?;
        return Ok(Ok(Trees { kept, ..trees }));
    }
    let mut old = match at_revision(app, &repository)? {
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

/// The folder as applying a generated tree leaves it. What is not ours stays: the lock file, encrypted
/// files, what was added by hand, and what was generated once and is the user's since.
fn applied(
    mut new: Files,
    disk: &Files,
    manifest: Option<&output::Manifest>,
    kept: &mut Vec<String>,
) -> Files {
    let owned = |path: &str| manifest.and_then(|manifest| manifest.files.get(path));
    for (path, bytes) in disk {
        let Some(wanted) = new.get_mut(path) else {
            let is_removed = owned(path).is_some_and(|owned| owned.hash == Hash::of(bytes));
            if !is_removed {
                new.insert(path.clone(), bytes.clone());
            }
            continue;
        };
        if wanted == bytes {
            continue;
        }
        let ejected = manifest.and_then(|manifest| manifest.ejected.get(path));
        let is_ours = owned(path).is_some_and(|owned| owned.hash == Hash::of(bytes));
        if ejected.is_some() || !is_ours {
            // An ejected file is not missed until the spec has come to want something else.
            if ejected != Some(&Hash::of(wanted)) {
                kept.push(path.clone());
            }
            wanted.clone_from(bytes);
        }
    }
    let ejected = manifest.iter().flat_map(|manifest| manifest.ejected.keys());
    for path in ejected.filter(|path| !disk.contains_key(*path)) {
        new.remove(path);
    }
    new
}

/// Files of the output that gen does not write.
fn is_foreign(path: &str) -> bool {
    path == "flake.lock" || path.starts_with("secrets/") && !path.ends_with(".nix")
}

/// The files of the output folder, without what belongs to git and to gen itself.
fn on_disk(out: &Utf8Path) -> Files {
    let wanted = |entry: &walkdir::DirEntry| {
        entry.depth() == 0 || !matches!(entry.file_name().to_str(), Some(".git" | ".gen"))
    };
    let entries: Vec<walkdir::DirEntry> = WalkDir::new(out)
        .into_iter()
        .filter_entry(wanted)
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .collect();
    let read = entries.par_iter().filter_map(|entry| {
        let path = entry.path().strip_prefix(out).ok()?.to_str()?;
        Some((path.to_owned(), std::fs::read(entry.path()).ok()?))
    });
    read.collect()
}

/// Compares with what is committed; only what differs is read.
fn against(
    repository: &Repository,
    committed: BTreeMap<String, String>,
    new: Files,
) -> anyhow::Result<Trees> {
    let mut differing: BTreeMap<String, String> = BTreeMap::new();
    let mut changes = Vec::new();
    let same = |(path, bytes): &(&String, &Vec<u8>)| {
        let id = committed.get(*path);
        id.is_some_and(|id| *id == blob_id(bytes, id.len()))
    };
    let others: Vec<&String> = new
        .par_iter()
        .filter(|file| !same(file))
        .map(|(path, _)| path)
        .collect();
    for path in others {
        match committed.get(path) {
            Some(id) => {
                differing.insert(path.clone(), id.clone());
            }
            None => changes.push(Change {
                path: path.clone(),
                old: None,
                is_there: true,
            }),
        }
    }
    for (path, id) in committed {
        if !new.contains_key(&path) && !path.starts_with(".gen/") {
            differing.insert(path, id);
        }
    }
    let ids: Vec<&str> = differing.values().map(String::as_str).collect();
    let contents = repository.contents(&ids)?;
    for ((path, _), old) in differing.iter().zip(contents) {
        changes.push(Change {
            path: path.clone(),
            old: Some(old),
            is_there: new.contains_key(path),
        });
    }
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Trees {
        new,
        changes,
        ..Trees::default()
    })
}

/// The name that git gives to a content; `length` tells which hash the repository uses.
fn blob_id(bytes: &[u8], length: usize) -> String {
    let head = format!("blob {}\0", bytes.len());
    if length == 64 {
        let mut hash = sha2::Sha256::new();
        hash.update(&head);
        hash.update(bytes);
        return hex(&hash.finalize());
    }
    let mut hash = Sha1::new();
    hash.update(&head);
    hash.update(bytes);
    hex(&hash.finalize())
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
    sources.around.secret_files = app.load()?.around.secret_files;
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
