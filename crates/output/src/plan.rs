//! The three-way comparison: what was written, what is on disk, what is wanted now.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use rayon::prelude::*;

use crate::folder::{Folder, Seen, Walk, by_folder, join};
use crate::hash::Hash;
use crate::manifest::{Manifest, Owned};
use crate::tree::{FileTree, split};
use crate::{Meta, OutputError, Target};

/// What is to happen to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Someone else's file is in the way; it is kept.
    BlockedUnowned,
    /// It is new.
    Create,
    /// Ours, changed by hand; it is kept.
    KeepEdited,
    /// Ours and no longer generated, but changed by hand; it is kept.
    KeepOrphanEdited,
    /// Ours, with the markers of a merge that was not finished; it is kept.
    KeepUnmerged,
    /// Ours, deleted by hand; it is created again.
    Missing,
    /// Only the permission to run it changes.
    ModeOnly,
    /// It cannot be written or removed, and nothing else is then.
    Obstructed(Obstacle),
    /// Ours and no longer generated; it is removed.
    Remove,
    /// It is on disk as it should be, whoever wrote it.
    Unchanged,
    /// Ours, with other content now.
    Update,
    /// Generated once, and the user's since; it is kept.
    Yours(Yours),
}

/// What has become of a file that was given to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yours {
    /// The generator still wants what it wanted when the file was given away.
    Settled,
    /// It wants something else now.
    Differs,
    /// The file is gone, while others may name it.
    Missing,
    /// It is no longer generated, and a file of the user's names it, so that it becomes the user's.
    Named,
    /// The generator has no file there any more.
    Orphan,
}

/// What stands in the way of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// Where: the file's path or a folder above it.
    pub path: String,
    /// What is there.
    pub kind: ObstacleKind,
}

/// A kind of thing that stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObstacleKind {
    /// A file where a folder is needed.
    File,
    /// A folder where a file is needed.
    Folder,
    /// The right file, but its owner may not write it.
    ReadOnly,
    /// A device, pipe or socket.
    Special,
    /// A symbolic link, which is never followed.
    Symlink,
}

/// A file of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path in the output folder.
    pub path: String,
    /// What is to happen to it.
    pub state: State,
    /// What is on disk.
    pub disk: Option<Owned>,
    /// What is wanted; nothing for a file that is no longer generated.
    pub new: Option<Owned>,
    /// What the manifest says; nothing for a file that is not ours.
    pub owned: Option<Owned>,
    /// Whether the user allowed to overwrite or remove it whatever is in it.
    pub allowed: bool,
    /// The line of the first marker of a merge, if the file was not merged.
    pub marker: Option<usize>,
}

impl Entry {
    /// Whether applying the plan does something to the file.
    pub fn has_work(&self) -> bool {
        self.is_new() || matches!(self.state, State::Update | State::ModeOnly | State::Remove)
    }

    /// Whether what is on disk is not what the generator wants there.
    pub fn differs(&self) -> bool {
        self.has_work()
            || self.is_conflict()
            || matches!(self.state, State::Yours(Yours::Differs | Yours::Missing))
    }

    fn is_obstructed(&self) -> bool {
        matches!(self.state, State::Obstructed(_))
    }

    /// Whether the file is not on disk and will be.
    pub fn is_new(&self) -> bool {
        matches!(self.state, State::Create | State::Missing)
    }

    /// Whether the file stays as it is although the generator wants something else there.
    pub fn is_conflict(&self) -> bool {
        matches!(
            self.state,
            State::KeepEdited | State::KeepUnmerged | State::BlockedUnowned
        )
    }
}

/// How many files are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Created, including those that were deleted by hand.
    pub create: usize,
    /// Those of `create` that were deleted by hand.
    pub missing: usize,
    /// Overwritten.
    pub update: usize,
    /// Only made runnable or not runnable.
    pub mode_only: usize,
    /// Removed.
    pub remove: usize,
    /// As they should be.
    pub unchanged: usize,
    /// Kept because they were changed by hand.
    pub edited: usize,
    /// Kept although no longer generated, because they were changed by hand.
    pub orphan_edited: usize,
    /// Kept because they are not ours.
    pub unowned: usize,
    /// In a place that cannot be written.
    pub obstructed: usize,
    /// Given to the user.
    pub yours: usize,
}

/// What applying a tree would do.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) entries: Vec<Entry>,
    /// The manifest it was made against.
    pub(crate) base: Option<Manifest>,
    /// What messages call the output folder.
    pub(crate) shown: Utf8PathBuf,
    /// Files named for overwriting of which there is nothing to overwrite.
    pub(crate) unmatched: Vec<String>,
    /// Files that are no longer generated, and the file of the user's that names each.
    pub(crate) named: BTreeMap<String, String>,
}

impl Plan {
    /// The files, sorted by path.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Keeps files that are no longer generated and that a file of the user's names, by path and with
    /// the path of that file; they become the user's. What is the user's already and `used` by such a
    /// file is as it should be.
    pub fn keep(&mut self, named: BTreeMap<String, String>, used: &BTreeSet<String>) {
        for entry in &mut self.entries {
            match &entry.state {
                State::Remove if named.contains_key(&entry.path) => {
                    entry.state = State::Yours(Yours::Named);
                }
                State::Yours(Yours::Orphan) if used.contains(&entry.path) => {
                    entry.state = State::Yours(Yours::Settled);
                }
                _ => {}
            }
        }
        self.named = named;
    }

    /// Whether every file is as it should be: nothing to write, nothing to report.
    pub fn is_clean(&self) -> bool {
        self.entries
            .iter()
            .all(|entry| matches!(entry.state, State::Unchanged | State::Yours(Yours::Settled)))
    }

    /// Whether applying it would write nothing at all, not even the manifest.
    pub fn writes_nothing(&self, meta: &Meta) -> bool {
        !self.has_work() && self.base.as_ref() == Some(&self.manifest(meta))
    }

    /// Whether a file would be written or removed.
    pub fn has_work(&self) -> bool {
        self.entries.iter().any(Entry::has_work)
    }

    /// Whether files are kept that the generator wants otherwise.
    pub fn has_conflicts(&self) -> bool {
        self.entries.iter().any(Entry::is_conflict)
    }

    /// Whether something stands in the way, so that nothing can be written.
    pub fn is_obstructed(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| matches!(entry.state, State::Obstructed(_)))
    }

    /// The files that are not on disk yet, for a hint such as `git add -N`.
    pub fn new_files(&self) -> Vec<&str> {
        self.entries
            .iter()
            .filter(|e| e.is_new())
            .map(|e| e.path.as_str())
            .collect()
    }

    /// How many files are in each state.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for entry in &self.entries {
            let count = match entry.state {
                State::Yours(_) => &mut counts.yours,
                State::BlockedUnowned => &mut counts.unowned,
                State::Create => &mut counts.create,
                State::KeepEdited | State::KeepUnmerged => &mut counts.edited,
                State::KeepOrphanEdited => &mut counts.orphan_edited,
                State::Missing => {
                    counts.missing += 1;
                    &mut counts.create
                }
                State::ModeOnly => &mut counts.mode_only,
                State::Obstructed(_) => &mut counts.obstructed,
                State::Remove => &mut counts.remove,
                State::Unchanged => &mut counts.unchanged,
                State::Update => &mut counts.update,
            };
            *count += 1;
        }
        counts
    }

    /// The manifest after the plan is applied.
    pub(crate) fn manifest(&self, meta: &Meta) -> Manifest {
        let owned = |entry: &Entry| {
            let owned = match entry.state {
                State::BlockedUnowned | State::Remove | State::Yours(_) => None,
                // Still ours, and still edited when the next run looks.
                State::KeepEdited
                | State::KeepUnmerged
                | State::KeepOrphanEdited
                | State::Obstructed(_) => entry.owned,
                State::Create
                | State::Missing
                | State::ModeOnly
                | State::Unchanged
                | State::Update => entry.new,
            };
            owned.map(|owned| (entry.path.clone(), owned))
        };
        let before = self.base.as_ref().map(|base| &base.ejected);
        let still = |entry: &Entry| {
            let hash = match (&entry.state, entry.owned) {
                (State::Yours(Yours::Named), Some(owned)) => owned.hash,
                _ => *before?.get(&entry.path)?,
            };
            (matches!(entry.state, State::Yours(_)) || entry.is_obstructed())
                .then(|| (entry.path.clone(), hash))
        };
        let mut ejected: BTreeMap<String, Hash> = self.entries.iter().filter_map(still).collect();
        ejected.extend(meta.ejected.clone());
        ejected.retain(|path, _| !meta.forgotten.contains(path));
        let unsettled = |entry: &Entry| {
            let settled = State::Yours(Yours::Settled);
            matches!(entry.state, State::Yours(_)) && entry.state != settled
        };
        Manifest {
            tool: meta.tool.clone(),
            // What is on disk is not what these inputs give while files are kept.
            fingerprint: if self.has_conflicts() || self.entries.iter().any(unsettled) {
                String::new()
            } else {
                meta.fingerprint.clone()
            },
            clean: meta.clean,
            files: self
                .entries
                .iter()
                .filter_map(owned)
                .filter(|(path, _)| {
                    !meta.ejected.contains_key(path) && !meta.forgotten.contains(path)
                })
                .collect(),
            ejected,
        }
    }
}

/// Compares the manifest, the disk and a new tree. Writes nothing.
///
/// `overwrite` names files, or folders for all below them, whose content the user gives up. They are
/// written as in the output folder or as messages show them; `.` means all.
pub fn plan(
    target: &Target,
    tree: &FileTree,
    manifest: Option<&Manifest>,
    overwrite: &[String],
) -> Result<Plan, OutputError> {
    let hashed: Vec<(&str, Owned)> = tree
        .iter()
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|(path, f)| {
            (
                path,
                Owned {
                    hash: Hash::of(&f.bytes),
                    executable: f.executable,
                },
            )
        })
        .collect();
    let mut items: BTreeMap<&str, Item<'_>> = hashed
        .into_iter()
        .map(|(path, new)| {
            (
                path,
                Item {
                    path,
                    new: Some(new),
                    owned: None,
                    allowed: false,
                },
            )
        })
        .collect();
    for (path, owned) in manifest.iter().flat_map(|manifest| &manifest.files) {
        items
            .entry(path)
            .or_insert(Item {
                path,
                new: None,
                owned: None,
                allowed: false,
            })
            .owned = Some(*owned);
    }
    for path in manifest.iter().flat_map(|manifest| manifest.ejected.keys()) {
        items.entry(path).or_insert(Item {
            path,
            new: None,
            owned: None,
            allowed: false,
        });
    }
    let mut unmatched = Vec::new();
    for name in overwrite {
        let mut matched = false;
        for wanted in readings(target, name) {
            for (path, item) in &mut items {
                if is_below(path, &wanted) {
                    item.allowed = true;
                    matched = true;
                }
            }
            if matched {
                break;
            }
        }
        if !matched {
            unmatched.push(name.clone());
        }
    }
    let root = target.open()?;
    let mut entries = survey(target, root.as_ref(), items.into_values().collect())?;
    if let Some(manifest) = manifest {
        for entry in &mut entries {
            give(entry, manifest);
        }
    }
    Ok(Plan {
        entries,
        base: manifest.cloned(),
        shown: target.shown.clone(),
        unmatched,
        named: BTreeMap::new(),
    })
}

/// A file that was given to the user stays, unless the user names it.
fn give(entry: &mut Entry, manifest: &Manifest) {
    let (Some(then), false) = (manifest.ejected.get(&entry.path), entry.allowed) else {
        return;
    };
    let Some(new) = entry.new else {
        entry.state = State::Yours(Yours::Orphan);
        return;
    };
    if entry.is_obstructed() {
        return;
    }
    entry.state = State::Yours(match entry.disk {
        None => Yours::Missing,
        // The user has brought over what changed.
        Some(disk) if disk.hash == new.hash => Yours::Settled,
        Some(_) if new.hash == *then => Yours::Settled,
        Some(_) => Yours::Differs,
    });
}

/// What a name on the command line may mean, the likelier first.
fn readings(target: &Target, name: &str) -> Vec<String> {
    let tidy = |path: &str| {
        camino::Utf8Path::new(path)
            .components()
            .collect::<Utf8PathBuf>()
            .into_string()
    };
    let name = tidy(name);
    let below = camino::Utf8Path::new(&name)
        .strip_prefix(&target.shown)
        .ok()
        .map(|p| tidy(p.as_str()));
    let mut readings: Vec<String> = std::iter::once(name).chain(below).collect();
    for reading in &mut readings {
        if let Some(rest) = reading.strip_prefix("./") {
            *reading = rest.to_owned();
        }
    }
    readings
}

fn is_below(path: &str, wanted: &str) -> bool {
    wanted.is_empty()
        || wanted == "."
        || path
            .strip_prefix(wanted)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A file to be looked at.
#[derive(Clone)]
pub(crate) struct Item<'a> {
    pub(crate) path: &'a str,
    pub(crate) new: Option<Owned>,
    pub(crate) owned: Option<Owned>,
    pub(crate) allowed: bool,
}

enum Found {
    Missing,
    File {
        disk: Owned,
        read_only: bool,
    },
    /// Something else stands at the path itself or at a folder above it.
    Other(Obstacle),
}

/// Looks at files on disk and says what is to happen to each, in the order given.
pub(crate) fn survey(
    target: &Target,
    root: Option<&Folder>,
    items: Vec<Item<'_>>,
) -> Result<Vec<Entry>, OutputError> {
    let mut found: Vec<Found> = items.iter().map(|_| Found::Missing).collect();
    if let Some(root) = root {
        let groups = by_folder(
            items
                .iter()
                .enumerate()
                .map(|(index, item)| (item.path, index)),
        );
        let looked: Vec<Vec<(usize, Found)>> = groups
            .into_par_iter()
            .map(|(folder, files)| look(target, root, folder, &files))
            .collect::<Result<_, OutputError>>()?;
        for (index, what) in looked.into_iter().flatten() {
            found[index] = what;
        }
    }
    let orphan = |(item, found): (&Item<'_>, &Found)| match (item.new, orphan_state(item, found)) {
        (None, Some(State::Remove)) => Some(item.path.to_owned()),
        _ => None,
    };
    let removed: BTreeSet<String> = items.iter().zip(&found).filter_map(orphan).collect();

    let mut entries = Vec::with_capacity(items.len());
    for (item, mut found) in items.into_iter().zip(found) {
        if let (Some(root), Some(_), Found::Other(obstacle)) = (root, item.new, &found)
            && gives_way(target, root, obstacle, &removed)?
        {
            found = Found::Missing;
        }
        let state = match item.new {
            Some(new) => Some(wanted_state(&item, new, &found)),
            None => orphan_state(&item, &found),
        };
        let Some(mut state) = state else { continue };
        let marker = match root {
            Some(root) if state == State::KeepEdited => {
                unmerged(root, item.path).map_err(|error| target.io("read", item.path, error))?
            }
            _ => None,
        };
        if marker.is_some() {
            state = State::KeepUnmerged;
        }
        entries.push(Entry {
            path: item.path.to_owned(),
            state,
            disk: match found {
                Found::File { disk, .. } => Some(disk),
                _ => None,
            },
            new: item.new,
            owned: item.owned,
            allowed: item.allowed,
            marker,
        });
    }
    Ok(entries)
}

/// The line of the first marker of a merge in a file.
fn unmerged(root: &Folder, path: &str) -> std::io::Result<Option<usize>> {
    let (folder, name) = split(path);
    let Walk::Here(here) = root.walk(folder)? else {
        return Ok(None);
    };
    Ok(match here.look(name)? {
        Seen::File(file) => marker(&file.read()?),
        Seen::Missing | Seen::Other(_) => None,
    })
}

/// The line of the first marker that a merge left.
pub(crate) fn marker(bytes: &[u8]) -> Option<usize> {
    let marker = |line: &[u8]| line.starts_with(b"<<<<<<<") || line.starts_with(b">>>>>>>");
    let at = bytes.split(|b| *b == b'\n').position(marker)?;
    Some(at + 1)
}

fn look(
    target: &Target,
    root: &Folder,
    folder: &str,
    files: &[(&str, usize)],
) -> Result<Vec<(usize, Found)>, OutputError> {
    let here = match root
        .walk(folder)
        .map_err(|error| target.io("open", folder, error))?
    {
        Walk::Here(here) => here,
        Walk::Missing => return Ok(Vec::new()),
        Walk::Blocked(obstacle) => {
            return Ok(files
                .iter()
                .map(|(_, i)| (*i, Found::Other(obstacle.clone())))
                .collect());
        }
    };
    let look = |name: &str| -> std::io::Result<Found> {
        Ok(match here.look(name)? {
            Seen::Missing => Found::Missing,
            Seen::Other(kind) => Found::Other(Obstacle {
                path: join(folder, name),
                kind,
            }),
            Seen::File(file) => Found::File {
                disk: Owned {
                    hash: file.hash()?,
                    executable: file.executable(),
                },
                read_only: file.read_only(),
            },
        })
    };
    let read = |(name, index): &(&str, usize)| match look(name) {
        Ok(found) => Ok((*index, found)),
        Err(error) => Err(target.io("read", &join(folder, name), error)),
    };
    files.iter().map(read).collect()
}

fn wanted_state(item: &Item<'_>, new: Owned, found: &Found) -> State {
    let (disk, read_only) = match found {
        Found::Missing if item.owned.is_some() => return State::Missing,
        Found::Missing => return State::Create,
        Found::Other(obstacle) => return State::Obstructed(obstacle.clone()),
        Found::File { disk, read_only } => (disk, *read_only),
    };
    let state = if disk.hash == new.hash {
        if disk.executable == new.executable {
            State::Unchanged
        } else {
            State::ModeOnly
        }
    } else if item.allowed || item.owned.is_some_and(|owned| owned.hash == disk.hash) {
        State::Update
    } else if item.owned.is_some() {
        State::KeepEdited
    } else {
        State::BlockedUnowned
    };
    match state {
        State::Update | State::ModeOnly if read_only => State::Obstructed(Obstacle {
            path: item.path.to_owned(),
            kind: ObstacleKind::ReadOnly,
        }),
        state => state,
    }
}

/// `None` for a file that is gone already.
fn orphan_state(item: &Item<'_>, found: &Found) -> Option<State> {
    match found {
        Found::Missing => None,
        Found::Other(obstacle) => match obstacle.kind {
            // What stands there now is the user's.
            ObstacleKind::File | ObstacleKind::Folder => None,
            _ => Some(State::Obstructed(obstacle.clone())),
        },
        Found::File { disk, read_only } => {
            let ours = item.owned.is_some_and(|owned| owned.hash == disk.hash);
            Some(match (ours || item.allowed, read_only) {
                (false, _) => State::KeepOrphanEdited,
                (true, false) => State::Remove,
                (true, true) => State::Obstructed(Obstacle {
                    path: item.path.to_owned(),
                    kind: ObstacleKind::ReadOnly,
                }),
            })
        }
    }
}

/// Whether removing the files that are no longer generated clears an obstacle away.
fn gives_way(
    target: &Target,
    root: &Folder,
    obstacle: &Obstacle,
    removed: &BTreeSet<String>,
) -> Result<bool, OutputError> {
    match obstacle.kind {
        ObstacleKind::File => Ok(removed.contains(&obstacle.path)),
        ObstacleKind::Folder => vanishes(root, &obstacle.path, removed)
            .map_err(|error| target.io("read", &obstacle.path, error)),
        _ => Ok(false),
    }
}

/// Whether nothing is left in a folder, and there was something.
fn vanishes(root: &Folder, path: &str, removed: &BTreeSet<String>) -> std::io::Result<bool> {
    // Without a file of ours below it, there is no need to look.
    let below = format!("{path}/");
    if !removed
        .range(below.clone()..)
        .next()
        .is_some_and(|first| first.starts_with(&below))
    {
        return Ok(false);
    }
    let Walk::Here(folder) = root.walk(path)? else {
        return Ok(false);
    };
    for name in folder.names()? {
        let Some(name) = name else { return Ok(false) };
        let inner = join(path, &name);
        if !removed.contains(&inner) && !vanishes(root, &inner, removed)? {
            return Ok(false);
        }
    }
    Ok(true)
}
