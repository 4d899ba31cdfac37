//! Files on disk: a generated tree, the manifest of what is owned, the difference, the safe write.
//!
//! The way through: [`recover`] completes or drops what a killed run left, [`read_manifest`] says
//! what the last run wrote, [`plan`] compares three sides (manifest, disk, new tree) and [`apply`]
//! puts the new tree in place. [`moves`] plans for files of the user's that get another path.
//!
//! Invariants:
//! - A file whose bytes are not known to be ours is never overwritten or removed unless the user
//!   names it. The bytes are compared again right before each rename and each removal.
//! - Everything below the output folder is reached through open folder handles, one part at a time,
//!   without following symbolic links; nothing outside the folder is ever touched.
//! - All contents are staged, then a journal appears in one rename, then the files move into place.
//!   Before that rename the old tree is whole; after it, the next run can finish the work.
//! - A run that has nothing to change writes nothing.
#![allow(clippy::disallowed_methods, reason = "this crate writes files")]

mod apply;
mod diff;
mod error;
mod folder;
mod hash;
mod hooks;
mod journal;
mod lock;
mod manifest;
mod moves;
mod plan;
mod report;
mod target;
mod tree;

pub use apply::{Applied, Meta, OnConflict, Options, Outcome, apply};
pub use diff::{entry_diff, stat, unified_diff};
pub use error::OutputError;
pub use hash::Hash;
pub use hooks::{Hooks, NoHooks, Operation};
pub use journal::{Recovered, needs_recovery, recover};
pub use manifest::{Manifest, ManifestProblem, Owned, PATH as MANIFEST, read_manifest, verify};
pub use moves::{Move, MoveError, Moves, moves};
pub use plan::{Counts, Entry, Obstacle, ObstacleKind, Plan, State, Yours, plan};
pub use target::Target;
pub use tree::{File, FileTree, PathError, PathProblem};
