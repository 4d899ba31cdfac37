//! A look at every step that touches the disk, for progress bars and for tests that break it.

use std::io;

/// A step that changes the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A file of the tool's own folder is written: manifest, journal, `.gitignore`.
    WriteOwn,
    /// New content is written aside.
    Stage,
    /// The journal appears: from here on the next run can finish the work.
    Commit,
    /// A folder is made.
    CreateFolder,
    /// A file that is no longer generated is removed.
    Remove,
    /// A folder that became empty is removed.
    RemoveFolder,
    /// New content moves into place.
    Rename,
    /// The permission to run a file changes.
    SetMode,
    /// The new manifest moves into place.
    PublishManifest,
    /// Staged files and the journal are removed.
    CleanUp,
}

/// Called before every step that changes the disk, from several threads at once.
pub trait Hooks: Sync {
    /// An error stops the run as if the step itself had failed.
    fn before(&self, operation: Operation, path: &str) -> io::Result<()>;
}

/// Lets everything pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHooks;

impl Hooks for NoHooks {
    fn before(&self, _: Operation, _: &str) -> io::Result<()> {
        Ok(())
    }
}
