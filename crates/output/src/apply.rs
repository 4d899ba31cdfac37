//! Putting a planned tree in place: all of it or nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use diag::Diagnostics;
use rayon::prelude::*;

use crate::folder::{Folder, Walk};
use crate::hash::Hash;
use crate::hooks::{Hooks, NoHooks, Operation};
use crate::journal::{self, Journal, Mode, Removal, Site, Write};
use crate::plan::{Entry, Item, Plan, State, survey};
use crate::target::OWN;
use crate::tree::{FileTree, split};
use crate::{OutputError, Target, lock, manifest, report};

const IGNORE: &str = ".gitignore";
const IGNORE_PATH: &str = ".gen/.gitignore";
const IGNORED: &str = "lock\njournal*\nstaging*\n";

/// What the manifest records besides the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// The version of the tool.
    pub tool: String,
    /// The fingerprint of everything that went in.
    pub fingerprint: String,
    /// Whether the run had nothing to report.
    pub clean: bool,
    /// Files that become the user's with this run, and the hash of what is generated there.
    pub ejected: BTreeMap<String, Hash>,
    /// Files that were the user's, or are no longer generated, and that the tool forgets.
    pub forgotten: BTreeSet<String>,
}

/// What to do when files are kept that the generator wants otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// Write nothing.
    #[default]
    Refuse,
    /// Write all others.
    Skip,
}

/// How to apply.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// What to do about kept files.
    pub on_conflict: OnConflict,
    /// Whether findings of one kind are told in one, when there are many.
    pub brief: bool,
    /// How long to wait for another run.
    pub wait: Duration,
    /// Called before each step.
    pub hooks: &'a dyn Hooks,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            on_conflict: OnConflict::Refuse,
            brief: false,
            wait: Duration::from_secs(2),
            hooks: &NoHooks,
        }
    }
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("on_conflict", &self.on_conflict)
            .field("brief", &self.brief)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was written, because of the findings.
    Refused,
    /// There was nothing to write.
    Unchanged,
    /// The tree is in place.
    Written,
}

/// What was done.
#[derive(Clone, Debug)]
pub struct Applied {
    /// How it went.
    pub outcome: Outcome,
    /// Files that were created.
    pub created: Vec<String>,
    /// Files that were overwritten or whose mode changed.
    pub updated: Vec<String>,
    /// Files that were removed.
    pub removed: Vec<String>,
    /// Files that were kept although something else was to be there, or nothing.
    pub kept: Vec<String>,
    /// The findings of the plan, and those about files that changed during the run.
    pub diagnostics: Diagnostics,
}

/// Applies a plan that was made of this tree.
///
/// Nothing is written when something stands in the way, or by default when a file is kept. An error
/// leaves the old tree, except [`OutputError::HalfWritten`] after which the next run completes the
/// new one.
pub fn apply(
    target: &Target,
    plan: &Plan,
    tree: &FileTree,
    meta: &Meta,
    options: &Options<'_>,
) -> Result<Applied, OutputError> {
    let paths = |wanted: fn(&Entry) -> bool| -> Vec<String> {
        plan.entries
            .iter()
            .filter(|entry| wanted(entry))
            .map(|entry| entry.path.clone())
            .collect()
    };
    let mut applied = Applied {
        outcome: Outcome::Refused,
        created: Vec::new(),
        updated: Vec::new(),
        removed: Vec::new(),
        kept: paths(|e| e.is_conflict() || e.state == State::KeepOrphanEdited),
        diagnostics: if options.brief {
            plan.brief()
        } else {
            plan.diagnostics()
        },
    };
    let refuses = options.on_conflict == OnConflict::Refuse && plan.has_conflicts();
    if plan.is_obstructed() || refuses {
        return Ok(applied);
    }
    if plan.writes_nothing(meta) && !journal::needs_recovery(target)? {
        applied.outcome = Outcome::Unchanged;
        return Ok(applied);
    }
    let meanwhile = write(target, plan, tree, meta, options)?;
    applied.created = paths(Entry::is_new);
    applied.updated = paths(|e| matches!(e.state, State::Update | State::ModeOnly));
    applied.removed = paths(|e| e.state == State::Remove);
    for done in [
        &mut applied.created,
        &mut applied.updated,
        &mut applied.removed,
    ] {
        done.retain(|path| !meanwhile.contains(path));
    }
    applied
        .diagnostics
        .extend(report::changed_meanwhile(target, &meanwhile));
    applied.kept.extend(meanwhile);
    applied.kept.sort();
    applied.outcome = Outcome::Written;
    Ok(applied)
}

/// Writes the tree; returns the files that someone changed while it was moving into place.
fn write(
    target: &Target,
    plan: &Plan,
    tree: &FileTree,
    meta: &Meta,
    options: &Options<'_>,
) -> Result<Vec<String>, OutputError> {
    let root = target.create()?;
    let own = root
        .walk_with(OWN, |above, name| {
            options.hooks.before(Operation::CreateFolder, name)?;
            above.make(name).map(|()| true)
        })
        .map_err(|error| target.io("create", OWN, error))?;
    let Walk::Here(own) = own else {
        return Err(OutputError::OwnFolder {
            path: target.show(OWN),
        });
    };
    let _lock = lock::take(target, &own, options.wait)?;
    let site = Site {
        target,
        root: &root,
        own: &own,
        hooks: options.hooks,
    };
    journal::recover_locked(&site)?;
    if manifest::read_from(target, &root)? != plan.base {
        return Err(OutputError::Changed {
            path: target.show(manifest::PATH),
        });
    }
    check_plan(&site, plan)?;
    check_folders(&site, plan)?;

    let journal = match prepare(&site, plan, tree, meta) {
        Ok(journal) => journal,
        Err(error) => {
            // The first error says more than one about clearing up, which the next run does again.
            let _ = site.clear();
            return Err(error);
        }
    };
    let finish = || {
        let kept = journal::roll_forward(&site, &journal)?;
        site.clear().map(|()| kept)
    };
    let kept = finish().map_err(|source| OutputError::HalfWritten {
        source: Box::new(source),
    })?;
    if site.is_in_place()? {
        Ok(kept)
    } else {
        Err(OutputError::RootReplaced {
            path: target.show(""),
        })
    }
}

/// Compares the disk with the plan once more, now that no other run can write.
fn check_plan(site: &Site<'_>, plan: &Plan) -> Result<(), OutputError> {
    let planned: Vec<&Entry> = plan
        .entries
        .iter()
        .filter(|entry| entry.has_work())
        .collect();
    let items = planned.iter().map(|entry| {
        let Entry {
            path,
            new,
            owned,
            allowed,
            ..
        } = entry;
        Item {
            path,
            new: *new,
            owned: *owned,
            allowed: *allowed,
        }
    });
    let items = items.collect();
    let found = survey(site.target, Some(site.root), items)?;
    let mut found = found.iter();
    for entry in planned {
        // A file that is gone has no entry, so that the next one differs.
        if found.next() != Some(entry) {
            return Err(OutputError::Changed {
                path: site.target.show(&entry.path),
            });
        }
    }
    Ok(())
}

/// Finds out before anything is written whether files can be moved into and out of the folders.
fn check_folders(site: &Site<'_>, plan: &Plan) -> Result<(), OutputError> {
    let target = site.target;
    let device = |folder: &Folder, path: &str| {
        folder
            .device()
            .map_err(|error| target.io("open", path, error))
    };
    let here = device(site.own, OWN)?;
    let touched: BTreeSet<&str> = plan
        .entries
        .iter()
        .filter(|entry| entry.has_work() && entry.state != State::ModeOnly)
        .map(|entry| split(&entry.path).0)
        .collect();
    touched.into_par_iter().try_for_each(|path| {
        // For a folder that is yet to be made, the one in which it will be.
        let mut path = path;
        let folder = loop {
            match site
                .root
                .walk(path)
                .map_err(|error| target.io("open", path, error))?
            {
                Walk::Here(folder) => break folder,
                Walk::Missing | Walk::Blocked(_) => path = split(path).0,
            }
        };
        folder
            .check_writable()
            .map_err(|error| target.io("write to", path, error))?;
        if device(&folder, path)? == here {
            Ok(())
        } else {
            Err(OutputError::OtherFileSystem {
                path: target.show(path),
            })
        }
    })
}

/// Writes all new contents aside and lets the journal appear.
fn prepare(
    site: &Site<'_>,
    plan: &Plan,
    tree: &FileTree,
    meta: &Meta,
) -> Result<Journal, OutputError> {
    let staging = site.create_staging()?;
    write_ignore(site, &staging)?;
    let mut journal = Journal::on(plan.base.as_ref());
    for entry in &plan.entries {
        let (path, owned) = (entry.path.clone(), entry.owned);
        match (&entry.state, entry.disk, entry.new) {
            (State::Remove, Some(disk), _) => {
                journal.removals.push(Removal {
                    path,
                    old: disk.hash,
                    owned,
                });
            }
            (State::ModeOnly, _, Some(new)) => journal.modes.push(Mode { path, new }),
            (State::Create | State::Missing | State::Update, disk, Some(new)) => {
                let staged = u32::try_from(journal.writes.len()).unwrap_or(u32::MAX);
                let old = disk.map(|disk| disk.hash);
                journal.writes.push(Write {
                    path,
                    staged,
                    old,
                    new,
                    owned,
                });
            }
            _ => {}
        }
    }
    journal
        .writes
        .par_iter()
        .with_min_len(64)
        .try_for_each(|write| {
            let stage = || {
                let file = tree.get(&write.path).ok_or(std::io::ErrorKind::NotFound)?;
                debug_assert_eq!(
                    Hash::of(&file.bytes),
                    write.new.hash,
                    "the tree of the plan"
                );
                site.hooks.before(Operation::Stage, &write.path)?;
                staging.write_new(&write.staged.to_string(), &file.bytes, write.new.executable)
            };
            stage().map_err(|error: std::io::Error| site.target.io("write", &write.path, error))
        })?;
    site.commit(&staging, &journal, &plan.manifest(meta))?;
    Ok(journal)
}

/// Keeps the lock and the staging folder out of git. A file that is there is the user's.
fn write_ignore(site: &Site<'_>, staging: &Folder) -> Result<(), OutputError> {
    let io = |error| site.target.io("write", IGNORE_PATH, error);
    if site.own.kind(IGNORE).map_err(io)?.is_some() {
        return Ok(());
    }
    site.before(Operation::WriteOwn, "write", IGNORE_PATH)?;
    staging
        .write_new(IGNORE, IGNORED.as_bytes(), false)
        .and_then(|()| staging.rename_new(IGNORE, site.own, IGNORE))
        .map_err(io)
}
