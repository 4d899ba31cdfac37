//! The journal: what is still to be moved and removed, so that the next run can finish it.
//!
//! New contents lie under `.gen/staging/`, numbered; the new manifest lies there too. The journal
//! appears in one rename, and from then on the run is only ever completed, never undone. Every step
//! may be done again: it looks at what is there first. The manifest moves into place last, so that
//! once it is gone from the staging folder, all is done and only clearing up is left.

use std::collections::BTreeSet;
use std::io;

use diag::Diagnostics;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::apply::Options;
use crate::folder::{Folder, Seen, Walk, by_folder, join};
use crate::hash::Hash;
use crate::hooks::{Hooks, Operation};
use crate::manifest::{self, Manifest, Owned};
use crate::plan::ObstacleKind;
use crate::target::OWN;
use crate::tree::{check_path, folders, split};
use crate::{OutputError, Target, lock, report};

const NAME: &str = "journal.json";
const NEXT: &str = "journal.tmp";
const PATH: &str = ".gen/journal.json";
const STAGING: &str = "staging";
const STAGING_PATH: &str = ".gen/staging";
const VERSION: u64 = 1;

/// What is still to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Journal {
    version: u64,
    /// The manifest that the run found.
    base: Option<Hash>,
    pub(crate) removals: Vec<Removal>,
    pub(crate) writes: Vec<Write>,
    pub(crate) modes: Vec<Mode>,
}

impl Journal {
    /// Nothing to do yet.
    pub(crate) fn on(base: Option<&Manifest>) -> Self {
        Self {
            version: VERSION,
            base: base.map(fingerprint),
            removals: Vec::new(),
            writes: Vec::new(),
            modes: Vec::new(),
        }
    }
}

/// Tells manifests apart, whatever their line ends on disk.
fn fingerprint(manifest: &Manifest) -> Hash {
    Hash::of(manifest.to_json().as_bytes())
}

/// A file that is to be removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Removal {
    pub(crate) path: String,
    /// Only with these bytes.
    pub(crate) old: Hash,
    /// What the manifest says of it if it is kept after all.
    pub(crate) owned: Option<Owned>,
}

/// A file that is to be moved into place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Write {
    pub(crate) path: String,
    /// Its number in the staging folder.
    pub(crate) staged: u32,
    /// Only over these bytes, or where nothing is.
    pub(crate) old: Option<Hash>,
    pub(crate) new: Owned,
    /// What the manifest says of it if it is kept after all.
    pub(crate) owned: Option<Owned>,
}

/// A file that is to become runnable or not runnable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mode {
    pub(crate) path: String,
    pub(crate) new: Owned,
}

/// What [`recover`] found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// A run that was stopped half-way is now complete.
    pub completed: bool,
    /// What a run had prepared without beginning to write was dropped.
    pub discarded: bool,
    /// Files that someone changed after that run was stopped; they are kept.
    pub kept: Vec<String>,
    /// The findings about them.
    pub diagnostics: Diagnostics,
}

/// Whether a stopped run left something to complete or to drop.
pub fn needs_recovery(target: &Target) -> Result<bool, OutputError> {
    target
        .open()?
        .map_or(Ok(false), |root| waits(target, &root))
}

/// Completes a run that was stopped half-way, or drops what it had only prepared.
///
/// Call it before [`crate::read_manifest`]. Without such a run it changes nothing.
pub fn recover(target: &Target, options: &Options<'_>) -> Result<Recovered, OutputError> {
    let Some(root) = target.open()? else {
        return Ok(Recovered::default());
    };
    if !waits(target, &root)? {
        return Ok(Recovered::default());
    }
    let own = open_own(target, &root)?;
    let _lock = lock::take(target, &own, options.wait)?;
    recover_locked(&Site {
        target,
        root: &root,
        own: &own,
        hooks: options.hooks,
    })
}

pub(crate) fn waits(target: &Target, root: &Folder) -> Result<bool, OutputError> {
    let own = match root
        .walk(OWN)
        .map_err(|error| target.io("open", OWN, error))?
    {
        Walk::Here(own) => own,
        Walk::Missing => return Ok(false),
        Walk::Blocked(_) => {
            return Err(OutputError::OwnFolder {
                path: target.show(OWN),
            });
        }
    };
    let is_there = |name| {
        own.kind(name)
            .map_err(|error| target.io("read", STAGING_PATH, error))
    };
    Ok(is_there(NAME)?.is_some() || is_there(STAGING)?.is_some())
}

fn open_own(target: &Target, root: &Folder) -> Result<Folder, OutputError> {
    match root
        .walk(OWN)
        .map_err(|error| target.io("open", OWN, error))?
    {
        Walk::Here(own) => Ok(own),
        Walk::Missing => Err(target.io("open", OWN, io::Error::from(io::ErrorKind::NotFound))),
        Walk::Blocked(_) => Err(OutputError::OwnFolder {
            path: target.show(OWN),
        }),
    }
}

/// The open folders of a run that holds the lock.
pub(crate) struct Site<'a> {
    pub(crate) target: &'a Target,
    pub(crate) root: &'a Folder,
    pub(crate) own: &'a Folder,
    pub(crate) hooks: &'a dyn Hooks,
}

impl Site<'_> {
    pub(crate) fn before(
        &self,
        operation: Operation,
        action: &'static str,
        path: &str,
    ) -> Result<(), OutputError> {
        self.hooks
            .before(operation, path)
            .map_err(|error| self.target.io(action, path, error))
    }

    /// Makes the empty staging folder.
    pub(crate) fn create_staging(&self) -> Result<Folder, OutputError> {
        self.before(Operation::CreateFolder, "create", STAGING_PATH)?;
        self.own
            .make(STAGING)
            .and_then(|()| self.own.child(STAGING))
            .map_err(|error| self.target.io("create", STAGING_PATH, error))
    }

    /// Stages the new manifest and lets the journal appear.
    pub(crate) fn commit(
        &self,
        staging: &Folder,
        journal: &Journal,
        manifest: &Manifest,
    ) -> Result<(), OutputError> {
        self.before(Operation::WriteOwn, "write", manifest::PATH)?;
        staging
            .write_new(manifest::NAME, manifest.to_json().as_bytes(), false)
            .map_err(|error| self.target.io("write", manifest::PATH, error))?;
        self.before(Operation::WriteOwn, "write", PATH)?;
        let text = serde_json::to_vec(journal).map_err(io::Error::from);
        text.and_then(|text| self.own.write_new(NEXT, &text, false))
            .map_err(|error| self.target.io("write", PATH, error))?;
        if !self.is_in_place()? {
            return Err(OutputError::RootReplaced {
                path: self.target.show(""),
            });
        }
        self.before(Operation::Commit, "write", PATH)?;
        self.own
            .rename(NEXT, self.own, NAME)
            .map_err(|error| self.target.io("write", PATH, error))
    }

    /// Whether the output folder is still where it was.
    pub(crate) fn is_in_place(&self) -> Result<bool, OutputError> {
        self.root
            .is_at(&self.target.root)
            .map_err(|error| self.target.io("open", "", error))
    }

    /// Removes the journal first, then what is left of the staging folder.
    pub(crate) fn clear(&self) -> Result<(), OutputError> {
        self.before(Operation::CleanUp, "remove", PATH)?;
        self.own
            .remove(NAME)
            .and_then(|()| self.own.remove(NEXT))
            .map_err(|error| self.target.io("remove", PATH, error))?;
        self.before(Operation::CleanUp, "remove", STAGING_PATH)?;
        self.clear_staging()
            .map_err(|error| self.target.io("remove", STAGING_PATH, error))
    }

    fn clear_staging(&self) -> io::Result<()> {
        match self.own.kind(STAGING)? {
            None => Ok(()),
            Some(ObstacleKind::Folder) => {
                let staging = self.own.child(STAGING)?;
                for name in staging.names()?.into_iter().flatten() {
                    staging.remove(&name)?;
                }
                self.own.remove_folder(STAGING).map(drop)
            }
            Some(_) => self.own.remove(STAGING),
        }
    }
}

/// Completes or drops, with the lock held.
pub(crate) fn recover_locked(site: &Site<'_>) -> Result<Recovered, OutputError> {
    let mut recovered = Recovered::default();
    match read(site)? {
        Some(journal) if !is_current(site, &journal)? => recovered.discarded = true,
        Some(journal) => {
            recovered.kept = roll_forward(site, &journal)?;
            recovered.diagnostics = report::changed_meanwhile(site.target, &recovered.kept);
            recovered.completed = true;
        }
        None if site.own.kind(STAGING).is_ok_and(|kind| kind.is_some()) => {
            recovered.discarded = true;
        }
        None => {}
    }
    site.clear()?;
    Ok(recovered)
}

/// Whether the folder is still the one that the run began to change. If git has put another manifest
/// there since, moving the rest into place would mix two states.
fn is_current(site: &Site<'_>, journal: &Journal) -> Result<bool, OutputError> {
    let is_published = match site.own.kind(STAGING) {
        Ok(Some(ObstacleKind::Folder)) => site
            .own
            .child(STAGING)
            .and_then(|staging| staging.kind(manifest::NAME))
            .map(|kind| kind.is_none()),
        kind => kind.map(|_| true),
    };
    if is_published.map_err(|error| site.target.io("read", STAGING_PATH, error))? {
        return Ok(true);
    }
    Ok(manifest::read_from(site.target, site.root)?
        .as_ref()
        .map(fingerprint)
        == journal.base)
}

/// The journal of a stopped run. One that cannot be read is none: the comparison of the manifest, the
/// disk and the next tree does not need it to be safe.
fn read(site: &Site<'_>) -> Result<Option<Journal>, OutputError> {
    #[derive(Deserialize)]
    struct Version {
        version: u64,
    }
    let bytes = match site
        .own
        .look(NAME)
        .map_err(|error| site.target.io("read", PATH, error))?
    {
        Seen::Missing => return Ok(None),
        Seen::Other(_) => {
            return Err(OutputError::OwnFolder {
                path: site.target.show(PATH),
            });
        }
        Seen::File(file) => file
            .read()
            .map_err(|error| site.target.io("read", PATH, error))?,
    };
    match serde_json::from_slice(&bytes) {
        Ok(Version { version }) if version > VERSION => {
            return Err(OutputError::FutureJournal {
                path: site.target.show(PATH),
            });
        }
        Ok(_) => {}
        Err(_) => return Ok(None),
    }
    let Ok(journal) = serde_json::from_slice::<Journal>(&bytes) else {
        return Ok(None);
    };
    let writes = journal.writes.iter().map(|write| &write.path);
    let removals = journal.removals.iter().map(|removal| &removal.path);
    let modes = journal.modes.iter().map(|mode| &mode.path);
    let sound = writes
        .chain(removals)
        .chain(modes)
        .all(|path| check_path(path).is_ok());
    Ok(sound.then_some(journal))
}

/// What became of a file.
enum Became<'a> {
    Done,
    /// Someone changed it meanwhile; this is what the manifest says of it.
    Kept(&'a str, Option<Owned>),
}

/// Does what the journal says and publishes the manifest; returns the files that are kept because
/// someone changed them meanwhile.
pub(crate) fn roll_forward(site: &Site<'_>, journal: &Journal) -> Result<Vec<String>, OutputError> {
    let staging = match site.own.kind(STAGING) {
        Ok(Some(ObstacleKind::Folder)) => site.own.child(STAGING),
        // All was done and cleared up but for the journal.
        Ok(None) => return Ok(Vec::new()),
        Ok(Some(_)) => {
            return Err(OutputError::OwnFolder {
                path: site.target.show(STAGING_PATH),
            });
        }
        Err(error) => Err(error),
    };
    let staging = staging.map_err(|error| site.target.io("open", STAGING_PATH, error))?;
    let published = staging.kind(manifest::NAME).map(|kind| kind.is_none());
    if published.map_err(|error| site.target.io("read", STAGING_PATH, error))? {
        return Ok(Vec::new());
    }
    let mut kept = Vec::new();
    remove_files(site, journal, &mut kept)?;
    remove_folders(site, journal)?;
    move_files(site, journal, &staging, &mut kept)?;
    set_modes(site, journal)?;
    kept.sort_by_key(|(path, _)| *path);
    publish(site, &staging, &kept)?;
    Ok(kept.into_iter().map(|(path, _)| path.to_owned()).collect())
}

type Kept<'a> = Vec<(&'a str, Option<Owned>)>;

fn collect<'a>(kept: &mut Kept<'a>, became: Vec<Vec<Became<'a>>>) {
    kept.extend(
        became
            .into_iter()
            .flatten()
            .filter_map(|became| match became {
                Became::Done => None,
                Became::Kept(path, owned) => Some((path, owned)),
            }),
    );
}

fn remove_files<'a>(
    site: &Site<'_>,
    journal: &'a Journal,
    kept: &mut Kept<'a>,
) -> Result<(), OutputError> {
    let target = site.target;
    let became = by_folder(
        journal
            .removals
            .iter()
            .map(|removal| (removal.path.as_str(), removal)),
    )
    .into_par_iter()
    .map(|(folder, files)| {
        let walk = site
            .root
            .walk(folder)
            .map_err(|error| target.io("open", folder, error))?;
        let Walk::Here(here) = walk else {
            return Ok(Vec::new());
        };
        let remove = |(name, removal): (&str, &'a Removal)| -> io::Result<Became<'a>> {
            match here.look(name)? {
                // The file is gone, or the folder that took its place is already there.
                Seen::Missing | Seen::Other(_) => Ok(Became::Done),
                Seen::File(file) if file.hash()? == removal.old => {
                    site.hooks.before(Operation::Remove, &removal.path)?;
                    here.remove(name).map(|()| Became::Done)
                }
                Seen::File(_) => Ok(Became::Kept(&removal.path, removal.owned)),
            }
        };
        let remove = |(name, removal)| {
            remove((name, removal)).map_err(|error| target.io("remove", &removal.path, error))
        };
        files
            .into_iter()
            .map(remove)
            .collect::<Result<Vec<_>, OutputError>>()
    })
    .collect::<Result<Vec<_>, OutputError>>()?;
    collect(kept, became);
    Ok(())
}

/// Removes the folders that removals left empty, innermost first.
fn remove_folders(site: &Site<'_>, journal: &Journal) -> Result<(), OutputError> {
    let needed: BTreeSet<&str> = journal
        .writes
        .iter()
        .flat_map(|write| folders(&write.path))
        .collect();
    let left: BTreeSet<&str> = journal
        .removals
        .iter()
        .flat_map(|removal| folders(&removal.path))
        .filter(|folder| !needed.contains(folder))
        .collect();
    for path in left.into_iter().rev() {
        let (above, name) = split(path);
        let removed = site.root.walk(above).and_then(|walk| match walk {
            Walk::Here(above) => {
                site.hooks.before(Operation::RemoveFolder, path)?;
                above.remove_folder(name)
            }
            Walk::Missing | Walk::Blocked(_) => Ok(false),
        });
        removed.map_err(|error| site.target.io("remove", path, error))?;
    }
    Ok(())
}

fn move_files<'a>(
    site: &Site<'_>,
    journal: &'a Journal,
    staging: &Folder,
    kept: &mut Kept<'a>,
) -> Result<(), OutputError> {
    let target = site.target;
    let became = by_folder(
        journal
            .writes
            .iter()
            .map(|write| (write.path.as_str(), write)),
    )
    .into_par_iter()
    .map(|(folder, files)| {
        let walk = site.root.walk_with(folder, |above, path| {
            site.hooks.before(Operation::CreateFolder, path)?;
            above.make(split(path).1).map(|()| true)
        });
        match walk.map_err(|error| target.io("create", folder, error))? {
            Walk::Here(here) => files
                .into_iter()
                .map(|(name, write)| {
                    move_file(site, staging, &here, name, write)
                        .map_err(|error| target.io("write", &write.path, error))
                })
                .collect::<Result<Vec<_>, OutputError>>(),
            Walk::Missing | Walk::Blocked(_) => Ok(files
                .into_iter()
                .map(|(_, write)| Became::Kept(&write.path, write.owned))
                .collect()),
        }
    })
    .collect::<Result<Vec<_>, OutputError>>()?;
    collect(kept, became);
    Ok(())
}

fn move_file<'a>(
    site: &Site<'_>,
    staging: &Folder,
    here: &Folder,
    name: &str,
    write: &'a Write,
) -> io::Result<Became<'a>> {
    let staged = write.staged.to_string();
    let is_staged = || staging.kind(&staged).map(|kind| kind.is_some());
    // Once the file has left the staging folder, it has been in place; what is there now is newer.
    let keep = |is_staged: bool| {
        if is_staged {
            Became::Kept(&write.path, write.owned)
        } else {
            Became::Done
        }
    };
    loop {
        let moved = match here.look(name)? {
            Seen::Missing => {
                site.hooks.before(Operation::Rename, &write.path)?;
                staging.rename_new(&staged, here, name)
            }
            Seen::File(file) => {
                let hash = file.hash()?;
                if hash == write.new.hash {
                    if file.executable() != write.new.executable {
                        site.hooks.before(Operation::SetMode, &write.path)?;
                        file.set_executable(write.new.executable)?;
                    }
                    return Ok(Became::Done);
                }
                if Some(hash) != write.old {
                    return Ok(keep(is_staged()?));
                }
                site.hooks.before(Operation::Rename, &write.path)?;
                staging.rename(&staged, here, name)
            }
            Seen::Other(_) => return Ok(keep(is_staged()?)),
        };
        match moved {
            Ok(()) => return Ok(Became::Done),
            // Someone put a file there just now: look again.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_staged()? => {
                // It was in place, and someone removed it or put the old one back.
                return Ok(Became::Done);
            }
            Err(error) => return Err(error),
        }
    }
}

fn set_modes(site: &Site<'_>, journal: &Journal) -> Result<(), OutputError> {
    for mode in &journal.modes {
        let (folder, name) = split(&mode.path);
        let set = || -> io::Result<()> {
            let Walk::Here(here) = site.root.walk(folder)? else {
                return Ok(());
            };
            let Seen::File(file) = here.look(name)? else {
                return Ok(());
            };
            if file.executable() == mode.new.executable || file.hash()? != mode.new.hash {
                return Ok(());
            }
            site.hooks.before(Operation::SetMode, &mode.path)?;
            file.set_executable(mode.new.executable)
        };
        set().map_err(|error| site.target.io("change the mode of", &mode.path, error))?;
    }
    Ok(())
}

/// Moves the manifest into place, corrected for the files that are kept.
fn publish(site: &Site<'_>, staging: &Folder, kept: &Kept<'_>) -> Result<(), OutputError> {
    const CORRECTED: &str = "manifest.corrected";
    let io = |error| site.target.io("write", manifest::PATH, error);
    if !kept.is_empty() {
        let bytes = match staging.look(manifest::NAME).map_err(io)? {
            Seen::File(file) => file.read().map_err(io)?,
            Seen::Missing | Seen::Other(_) => Vec::new(),
        };
        let mut manifest = Manifest::from_json(&bytes).map_err(|problem| {
            let path = site.target.show(&join(STAGING_PATH, manifest::NAME));
            OutputError::BrokenManifest { path, problem }
        })?;
        for (path, owned) in kept {
            match owned {
                Some(owned) => manifest.files.insert((*path).to_owned(), *owned),
                None => manifest.files.remove(*path),
            };
        }
        // What is on disk is not what these inputs give.
        manifest.fingerprint.clear();
        site.before(Operation::WriteOwn, "write", manifest::PATH)?;
        staging
            .remove(CORRECTED)
            .and_then(|()| staging.write_new(CORRECTED, manifest.to_json().as_bytes(), false))
            .and_then(|()| staging.rename(CORRECTED, staging, manifest::NAME))
            .map_err(io)?;
    }
    site.before(Operation::PublishManifest, "write", manifest::PATH)?;
    staging
        .rename(manifest::NAME, site.own, manifest::NAME)
        .map_err(io)
}
