//! The output folder, and how messages call it.

use camino::{Utf8Path, Utf8PathBuf};

use crate::OutputError;
use crate::folder::Folder;

/// The tool's own folder inside the output folder.
pub(crate) const OWN: &str = ".gen";

/// The output folder. A symbolic link is refused; resolve it first if it is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where it is.
    pub root: Utf8PathBuf,
    /// What messages call it: as the user wrote it, such as `generated`.
    pub shown: Utf8PathBuf,
}

impl Target {
    /// An output folder that messages call by its path.
    pub fn new(root: impl Into<Utf8PathBuf>) -> Self {
        let root = tidy(&root.into());
        Self {
            shown: root.clone(),
            root,
        }
    }

    /// Sets what messages call it. `.` and nothing leave paths relative to the folder.
    #[must_use]
    pub fn shown_as(mut self, shown: impl Into<Utf8PathBuf>) -> Self {
        self.shown = tidy(&shown.into());
        self
    }

    /// What messages call a file of the folder.
    pub fn show(&self, path: &str) -> Utf8PathBuf {
        show(&self.shown, path)
    }

    pub(crate) fn io(
        &self,
        action: &'static str,
        path: &str,
        source: impl Into<std::io::Error>,
    ) -> OutputError {
        OutputError::Io {
            action,
            path: self.show(path),
            source: source.into(),
        }
    }

    /// Opens the folder; `None` when there is none yet.
    pub(crate) fn open(&self) -> Result<Option<Folder>, OutputError> {
        match std::fs::symlink_metadata(&self.root) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io("open", "", error)),
            Ok(found) if found.is_symlink() => {
                return Err(OutputError::RootSymlink {
                    path: self.show(""),
                });
            }
            Ok(found) if !found.is_dir() => {
                return Err(OutputError::RootNotFolder {
                    path: self.show(""),
                });
            }
            Ok(_) => {}
        }
        Folder::open(&self.root)
            .map(Some)
            .map_err(|error| self.io("open", "", error))
    }

    /// Opens the folder, made if there is none yet.
    pub(crate) fn create(&self) -> Result<Folder, OutputError> {
        if let Some(folder) = self.open()? {
            return Ok(folder);
        }
        std::fs::create_dir_all(&self.root).map_err(|error| self.io("create", "", error))?;
        self.open()?.ok_or_else(|| {
            self.io(
                "open",
                "",
                std::io::Error::from(std::io::ErrorKind::NotFound),
            )
        })
    }
}

/// A path below a folder as messages show it.
pub(crate) fn show(folder: &Utf8Path, path: &str) -> Utf8PathBuf {
    if path.is_empty() {
        folder.to_owned()
    } else if folder == "." {
        path.into()
    } else {
        folder.join(path)
    }
}

/// Without a `/` at the end, which would make the system follow a link.
fn tidy(path: &Utf8Path) -> Utf8PathBuf {
    let tidy: Utf8PathBuf = path.components().collect();
    if tidy.as_str().is_empty() {
        ".".into()
    } else {
        tidy
    }
}
