//! Files of the user's that get another path, since what they are for has another name.

use std::collections::BTreeMap;

use crate::apply::Meta;
use crate::hash::Hash;
use crate::manifest::{Manifest, Owned};
use crate::plan::{Entry, Item, Plan, State, Yours, survey};
use crate::tree::{File, FileTree};
use crate::{OutputError, PathError, Target};

/// A file of the user's on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Its path.
    pub from: String,
    /// Its new path, which may be the same.
    pub to: String,
    /// What it holds then.
    pub file: File,
    /// What is generated there, as far as the user has seen it.
    pub generated: Hash,
}

/// What moving files takes: for [`crate::apply`].
#[derive(Clone, Debug)]
pub struct Moves {
    /// The plan.
    pub plan: Plan,
    /// The files.
    pub tree: FileTree,
    /// The manifest's part.
    pub meta: Meta,
}

/// Plans moves. All other files stay as the manifest has them, whatever is on disk.
pub fn moves(target: &Target, manifest: &Manifest, moves: &[Move]) -> Result<Moves, MoveError> {
    let mut tree = FileTree::new();
    let mut meta = Meta {
        tool: manifest.tool.clone(),
        // The next run has to look.
        fingerprint: String::new(),
        clean: manifest.clean,
        ..Meta::default()
    };
    let mut items: BTreeMap<&str, Item<'_>> = BTreeMap::new();
    for it in moves {
        tree.insert(it.to.clone(), it.file.clone())?;
        meta.ejected.insert(it.to.clone(), it.generated);
        items.entry(&it.from).or_insert(Item {
            path: &it.from,
            new: None,
            owned: None,
            allowed: true,
        });
    }
    for it in moves {
        let allowed = items.contains_key(it.to.as_str());
        let new = Owned {
            hash: Hash::of(&it.file.bytes),
            executable: it.file.executable,
        };
        let item = Item {
            path: &it.to,
            new: Some(new),
            owned: None,
            allowed,
        };
        items.insert(&it.to, item);
    }
    let root = target.open()?;
    let mut entries = survey(
        target,
        root.as_ref(),
        items.values().map(Item::clone).collect(),
    )?;
    let still = |path: &str, owned: Option<Owned>, state: State| Entry {
        path: path.to_owned(),
        state,
        disk: owned,
        new: owned,
        owned,
        allowed: false,
        marker: None,
    };
    let files = manifest.files.iter();
    entries.extend(
        files
            .filter(|(path, _)| !items.contains_key(path.as_str()))
            .map(|(path, owned)| still(path, Some(*owned), State::Unchanged)),
    );
    let ejected = manifest.ejected.keys();
    entries.extend(
        ejected
            .filter(|path| !items.contains_key(path.as_str()))
            .map(|path| still(path, None, State::Yours(Yours::Settled))),
    );
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Moves {
        plan: Plan {
            entries,
            base: Some(manifest.clone()),
            shown: target.shown.clone(),
            unmatched: Vec::new(),
            named: BTreeMap::new(),
        },
        tree,
        meta,
    })
}

/// Why moves cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The output folder cannot be read.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A path cannot be one, or two files would have the same.
    #[error(transparent)]
    Path(#[from] PathError),
}
