//! Why the output folder could not be read or written.

use camino::Utf8PathBuf;
use diag::Diagnostic;

use crate::manifest::ManifestProblem;

/// The work could not be done. What a user has to settle comes with [`OutputError::diagnostic`].
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The manifest cannot be used.
    #[error("`{path}` {problem}")]
    BrokenManifest {
        /// The manifest.
        path: Utf8PathBuf,
        /// What is wrong with it.
        problem: ManifestProblem,
    },
    /// Something else wrote to the output folder between the plan and its application.
    #[error("`{path}` changed while gen was running; nothing was written")]
    Changed {
        /// The first file that changed.
        path: Utf8PathBuf,
    },
    /// A journal of a newer version of the tool waits to be completed.
    #[error("`{path}` was left by a newer gen")]
    FutureJournal {
        /// The journal.
        path: Utf8PathBuf,
    },
    /// The write stopped half-way; the journal is in place.
    #[error("the write stopped half-way; the next run completes it")]
    HalfWritten {
        /// What stopped it.
        #[source]
        source: Box<OutputError>,
    },
    /// The system refused.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// With what.
        path: Utf8PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Another run is writing.
    #[error("another gen{} is writing here; it holds `{path}`", .pid.as_ref().map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Locked {
        /// The lock.
        path: Utf8PathBuf,
        /// The other run's process, where it said so.
        pid: Option<u32>,
    },
    /// A part of the output folder lies on another disk, so that files cannot be moved into it.
    #[error("`{path}` is on another file system than the output folder")]
    OtherFileSystem {
        /// The folder.
        path: Utf8PathBuf,
    },
    /// The output folder is a file.
    #[error("`{path}` is not a folder")]
    RootNotFolder {
        /// The output folder.
        path: Utf8PathBuf,
    },
    /// The output folder was moved or replaced while it was being written.
    #[error("`{path}` was replaced while gen was running")]
    RootReplaced {
        /// The output folder.
        path: Utf8PathBuf,
    },
    /// The output folder is a symbolic link.
    #[error("`{path}` is a symbolic link")]
    RootSymlink {
        /// The output folder.
        path: Utf8PathBuf,
    },
    /// A folder of the tool's own is a symbolic link or not a folder.
    #[error("`{path}` is not a plain folder")]
    OwnFolder {
        /// The folder.
        path: Utf8PathBuf,
    },
}

impl OutputError {
    /// What to do about it, one line each.
    pub fn help(&self) -> Vec<String> {
        match self {
            Self::BrokenManifest { path, problem } => problem.help(path.as_str()),
            Self::Changed { .. } => vec!["run gen again".to_owned()],
            Self::FutureJournal { .. } => vec!["update gen, then run it again".to_owned()],
            Self::HalfWritten { source } => source.help(),
            Self::Io { source, .. } => match source.kind() {
                std::io::ErrorKind::StorageFull => {
                    vec!["make room on the disk, then run gen again".to_owned()]
                }
                _ => Vec::new(),
            },
            Self::Locked { .. } => vec!["wait until it is done, then run gen again".to_owned()],
            Self::OtherFileSystem { .. } => {
                vec!["keep the whole output folder on one file system".to_owned()]
            }
            Self::RootNotFolder { .. } => vec!["choose another folder with `--out`".to_owned()],
            Self::RootReplaced { path } => {
                vec![format!("see what became of `{path}`, then run gen again")]
            }
            Self::RootSymlink { .. } => {
                vec!["name the folder that the link points to with `--out`".to_owned()]
            }
            Self::OwnFolder { path } => vec![format!("move `{path}` away, then run gen again")],
        }
    }

    /// The finding that this is, when it is something in the user's files and not a failure of the
    /// tool or the system.
    pub fn diagnostic(&self) -> Option<Diagnostic> {
        let code = match self {
            Self::BrokenManifest { .. } => "output-manifest",
            Self::RootSymlink { .. } => "output-symlink",
            Self::RootNotFolder { .. } | Self::OwnFolder { .. } => "output-obstructed",
            _ => return None,
        };
        let diagnostic = Diagnostic::error(code, None, self.to_string());
        Some(self.help().into_iter().fold(diagnostic, Diagnostic::help))
    }
}
