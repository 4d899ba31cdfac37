//! The manifest: which files are ours, and the hash each had when it was written.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::folder::{Seen, Walk, by_folder};
use crate::hash::Hash;
use crate::target::OWN;
use crate::tree::{check_path, split};
use crate::{OutputError, Target};

/// Its name in the tool's own folder.
pub(crate) const NAME: &str = "manifest.json";
/// Its path in the output folder.
pub const PATH: &str = ".gen/manifest.json";
/// The format that this version reads and writes.
const VERSION: u64 = 1;

/// What the last run wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The version of the tool.
    pub tool: String,
    /// The fingerprint of everything that went in.
    pub fingerprint: String,
    /// Whether the run had nothing to report.
    pub clean: bool,
    /// The owned files.
    pub files: BTreeMap<String, Owned>,
    /// Files that were given to the user: path, and the hash of what was generated there then.
    pub ejected: BTreeMap<String, Hash>,
}

/// An owned file as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owned {
    /// The hash of its bytes.
    pub hash: Hash,
    /// Whether it may be run.
    pub executable: bool,
}

/// Why a manifest cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestProblem {
    /// A merge left its markers in it.
    Conflict {
        /// The line of the first one.
        line: usize,
    },
    /// A newer version of the tool wrote it.
    Future {
        /// The version of its format.
        version: u64,
    },
    /// It is not what the tool writes.
    Invalid {
        /// What is wrong, with the line.
        reason: String,
    },
    /// It is a link, a folder or a device.
    NotAFile,
}

impl ManifestProblem {
    /// What to do about it, one line each.
    pub(crate) fn help(&self, path: &str) -> Vec<String> {
        let restore = format!("run `git checkout -- {path}` to get the last good one back");
        let start_over = format!(
            "or delete `{path}` and run gen: files that are just as gen writes them become its own again, \
             all others are kept and reported"
        );
        match self {
            Self::Conflict { .. } => vec![
                "merge the spec first, then take either side of this file and run gen, which writes it anew"
                    .to_owned(),
                format!("for example `git checkout --ours -- {path}`"),
            ],
            Self::Future { .. } => vec!["update gen".to_owned()],
            Self::Invalid { .. } | Self::NotAFile => vec![restore, start_over],
        }
    }
}

impl fmt::Display for ManifestProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { line } => write!(f, "has a merge conflict in line {line}"),
            Self::Future { version } => {
                write!(
                    f,
                    "has format {version}, this gen knows {VERSION}; a newer gen wrote it"
                )
            }
            Self::Invalid { reason } => write!(f, "is not a manifest: {reason}"),
            Self::NotAFile => f.write_str("is not a plain file"),
        }
    }
}

impl Manifest {
    /// The text on disk: sorted, one file a line.
    pub fn to_json(&self) -> String {
        use fmt::Write as _;
        let quote = |text: &str| serde_json::Value::from(text).to_string();
        let mut text = format!(
            "{{\n  \"version\": {VERSION},\n  \"tool\": {},\n  \"fingerprint\": {},\n  \"clean\": {},\n  \"files\": {{",
            quote(&self.tool),
            quote(&self.fingerprint),
            self.clean,
        );
        for (index, (path, owned)) in self.files.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let (path, hash) = (quote(path), owned.hash);
            // Writing to a string cannot fail.
            let _ = if owned.executable {
                write!(
                    text,
                    "{comma}\n    {path}: {{ \"hash\": \"{hash}\", \"executable\": true }}"
                )
            } else {
                write!(text, "{comma}\n    {path}: \"{hash}\"")
            };
        }
        text.push_str(if self.files.is_empty() { "}" } else { "\n  }" });
        if !self.ejected.is_empty() {
            text.push_str(",\n  \"ejected\": {");
            for (index, (path, hash)) in self.ejected.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                let _ = write!(text, "{comma}\n    {}: \"{hash}\"", quote(path));
            }
            text.push_str("\n  }");
        }
        text.push_str("\n}\n");
        text
    }

    /// Reads the text on disk.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ManifestProblem> {
        if let Some(line) = crate::plan::marker(bytes) {
            return Err(ManifestProblem::Conflict { line });
        }
        let invalid = |error: serde_json::Error| ManifestProblem::Invalid {
            reason: error.to_string(),
        };
        let Version { version } = serde_json::from_slice(bytes).map_err(invalid)?;
        if version > VERSION {
            return Err(ManifestProblem::Future { version });
        }
        if version < VERSION {
            let reason = format!("there is no format {version}");
            return Err(ManifestProblem::Invalid { reason });
        }
        let written: Written = serde_json::from_slice(bytes).map_err(invalid)?;
        Ok(Self {
            tool: written.tool,
            fingerprint: written.fingerprint,
            clean: written.clean,
            files: written.files.0,
            ejected: written
                .ejected
                .0
                .into_iter()
                .map(|(path, owned)| (path, owned.hash))
                .collect(),
        })
    }
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "version")]
    _version: u64,
    tool: String,
    fingerprint: String,
    clean: bool,
    files: Files,
    #[serde(default)]
    ejected: Files,
}

/// The files; a path that is there twice or leads out of the folder is an error.
#[derive(Default)]
struct Files(BTreeMap<String, Owned>);

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum WrittenFile {
    Plain(String),
    Detailed {
        hash: String,
        #[serde(default)]
        executable: bool,
    },
}

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Files;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of paths to hashes")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Files, A::Error> {
                let mut files = BTreeMap::new();
                while let Some(path) = map.next_key::<String>()? {
                    check_path(&path).map_err(A::Error::custom)?;
                    let (hash, executable) = match map.next_value()? {
                        WrittenFile::Plain(hash) => (hash, false),
                        WrittenFile::Detailed { hash, executable } => (hash, executable),
                    };
                    let owned = Owned {
                        hash: hash.parse().map_err(A::Error::custom)?,
                        executable,
                    };
                    if files.insert(path.clone(), owned).is_some() {
                        return Err(A::Error::custom(format!("`{path}` is there twice")));
                    }
                }
                Ok(Files(files))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

/// Reads the manifest of an output folder; `None` when there is none.
pub fn read_manifest(target: &Target) -> Result<Option<Manifest>, OutputError> {
    let Some(root) = target.open()? else {
        return Ok(None);
    };
    read_from(target, &root)
}

pub(crate) fn read_from(
    target: &Target,
    root: &crate::folder::Folder,
) -> Result<Option<Manifest>, OutputError> {
    let broken = |problem| OutputError::BrokenManifest {
        path: target.show(PATH),
        problem,
    };
    let own = match root
        .walk(OWN)
        .map_err(|error| target.io("open", OWN, error))?
    {
        Walk::Here(own) => own,
        Walk::Missing => return Ok(None),
        Walk::Blocked(_) => {
            return Err(OutputError::OwnFolder {
                path: target.show(OWN),
            });
        }
    };
    match own
        .look(NAME)
        .map_err(|error| target.io("read", PATH, error))?
    {
        Seen::Missing => Ok(None),
        Seen::Other(_) => Err(broken(ManifestProblem::NotAFile)),
        Seen::File(file) => {
            let bytes = file
                .read()
                .map_err(|error| target.io("read", PATH, error))?;
            Manifest::from_json(&bytes).map(Some).map_err(broken)
        }
    }
}

/// Whether every owned file is on disk just as it was written.
///
/// With a fingerprint that has not changed either, there is nothing to generate. `false` also when a
/// killed run waits to be completed; a file that cannot be read is an error.
pub fn verify(target: &Target, manifest: &Manifest) -> Result<bool, OutputError> {
    let Some(root) = target.open()? else {
        return Ok(false);
    };
    if crate::journal::waits(target, &root)? {
        return Ok(false);
    }
    // A file that is the user's may hold anything, but must be there.
    for path in manifest.ejected.keys() {
        let (folder, name) = split(path);
        let io = |error| target.io("read", path, error);
        let is_there = match root.walk(folder).map_err(io)? {
            Walk::Here(here) => !matches!(here.look(name).map_err(io)?, Seen::Missing),
            Walk::Missing | Walk::Blocked(_) => false,
        };
        if !is_there {
            return Ok(false);
        }
    }
    let differs = AtomicBool::new(false);
    by_folder(
        manifest
            .files
            .iter()
            .map(|(path, owned)| (path.as_str(), owned)),
    )
    .into_par_iter()
    .try_for_each(|(folder, files)| {
        if differs.load(Ordering::Relaxed) {
            return Ok(());
        }
        let same = match root
            .walk(folder)
            .map_err(|error| target.io("open", folder, error))?
        {
            Walk::Here(here) => files.into_iter().try_fold(true, |same, (name, owned)| {
                let matches = |seen: Seen| match seen {
                    Seen::File(file) => {
                        Ok(file.executable() == owned.executable && file.hash()? == owned.hash)
                    }
                    _ => Ok(false),
                };
                here.look(name)
                    .and_then(matches)
                    .map(|matches| same && matches)
                    .map_err(|error| target.io("read", &crate::folder::join(folder, name), error))
            })?,
            Walk::Missing | Walk::Blocked(_) => false,
        };
        if !same {
            differs.store(true, Ordering::Relaxed);
        }
        Ok(())
    })?;
    Ok(!differs.into_inner())
}
