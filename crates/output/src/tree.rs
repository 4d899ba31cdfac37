//! The generated tree: relative paths and contents, checked as they come in.

use std::collections::BTreeMap;
use std::fmt;

use rustc_hash::FxHashMap;

/// A generated file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Whether it may be run.
    pub executable: bool,
}

impl File {
    /// A file that is not run.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            executable: false,
        }
    }

    /// A file that is run.
    pub fn executable(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            executable: true,
        }
    }
}

impl<T: Into<Vec<u8>>> From<T> for File {
    fn from(bytes: T) -> Self {
        Self::new(bytes)
    }
}

/// Paths relative to the output folder, `/` between parts, each with its file.
///
/// Every path in it may be written below any folder: it stays inside, is no folder of another path,
/// and no two paths are the same file on a disk that ignores case.
#[derive(Clone, Debug, Default)]
pub struct FileTree {
    files: BTreeMap<String, File>,
    /// Lower-case path of each file and each folder above one.
    folded: FxHashMap<String, Place>,
}

#[derive(Clone, Debug)]
enum Place {
    /// A file, with its path where that is not the lower-case one.
    File(Option<String>),
    /// A folder, with the first file that needs it.
    Folder(String),
}

impl FileTree {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// A tree of the files that can stand in one, and what is wrong with the paths of the others.
    pub fn of(files: Vec<(String, File)>) -> (Self, Vec<PathError>) {
        let mut tree = Self::new();
        tree.folded.reserve(files.len() + files.len() / 2);
        let mut errors = Vec::new();
        let mut taken = Vec::with_capacity(files.len());
        for (path, file) in files {
            match tree.take(&path) {
                Ok(()) => taken.push((path, file)),
                Err(error) => errors.push(error),
            }
        }
        tree.files = taken.into_iter().collect();
        (tree, errors)
    }

    /// Adds a file. An error leaves the tree as it was.
    pub fn insert(
        &mut self,
        path: impl Into<String>,
        file: impl Into<File>,
    ) -> Result<(), PathError> {
        let path = path.into();
        self.take(&path)?;
        self.files.insert(path, file.into());
        Ok(())
    }

    /// Takes the place of a file, unless it cannot be had.
    fn take(&mut self, path: &str) -> Result<(), PathError> {
        check_path(path)?;
        let folded = path.to_lowercase();
        let refuse = |problem| PathError {
            path: path.to_owned(),
            problem,
        };
        let name = |other: &Option<String>, folded: &str| {
            other.clone().unwrap_or_else(|| folded.to_owned())
        };
        match self.folded.get(&folded) {
            Some(Place::File(other)) => {
                let other = name(other, &folded);
                return Err(refuse(if other == path {
                    PathProblem::Duplicate
                } else {
                    PathProblem::SameButCase(other)
                }));
            }
            Some(Place::Folder(other)) => return Err(refuse(PathProblem::IsFolder(other.clone()))),
            None => {}
        }
        // What is above a folder that is known is known as well.
        let is_new = |folder: &&str| match self.folded.get(*folder) {
            Some(Place::Folder(_)) => false,
            Some(Place::File(_)) | None => true,
        };
        let new: Vec<&str> = above(&folded).take_while(is_new).collect();
        for folder in &new {
            if let Some(Place::File(other)) = self.folded.get(*folder) {
                return Err(refuse(PathProblem::BelowFile(name(other, folder))));
            }
        }
        for folder in new {
            self.folded
                .insert(folder.to_owned(), Place::Folder(path.to_owned()));
        }
        let other = (folded != path).then(|| path.to_owned());
        self.folded.insert(folded, Place::File(other));
        Ok(())
    }

    /// A file.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    /// The files, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

impl PartialEq for FileTree {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files
    }
}

impl Eq for FileTree {}

impl IntoIterator for FileTree {
    type Item = (String, File);
    type IntoIter = std::collections::btree_map::IntoIter<String, File>;

    fn into_iter(self) -> Self::IntoIter {
        self.files.into_iter()
    }
}

/// A path that a generated tree cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {problem}", path.escape_debug())]
pub struct PathError {
    /// The path as given.
    pub path: String,
    /// What is wrong with it.
    pub problem: PathProblem,
}

/// What is wrong with a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathProblem {
    /// It starts at the root of the file system.
    Absolute,
    /// Another file needs a file of this name as its folder.
    BelowFile(String),
    /// A NUL, a line break or another control character.
    Control,
    /// It is there already.
    Duplicate,
    /// Nothing, or nothing between two `/`.
    EmptyPart,
    /// A file below it is there already.
    IsFolder(String),
    /// A backslash, which some systems read as `/`.
    Backslash,
    /// A `.` or `..` part.
    Dots,
    /// A part that no file system takes.
    LongPart,
    /// `.git` or `.gen`, which belong to git and to the tool.
    Reserved,
    /// The same path but for upper and lower case.
    SameButCase(String),
}

impl fmt::Display for PathProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absolute => f.write_str("is not relative to the output folder"),
            Self::BelowFile(other) => write!(f, "needs `{other}` as a folder, which is a file"),
            Self::Control => f.write_str("has a control character in it"),
            Self::Duplicate => f.write_str("is there twice"),
            Self::EmptyPart => f.write_str("has an empty part"),
            Self::IsFolder(other) => write!(f, "is also a folder, of `{other}`"),
            Self::Backslash => f.write_str("has a backslash in it"),
            Self::Dots => f.write_str("has a `.` or `..` part"),
            Self::LongPart => f.write_str("has a part of more than 255 bytes"),
            Self::Reserved => f.write_str("is a place of git or of the tool itself"),
            Self::SameButCase(other) => {
                write!(
                    f,
                    "is the same file as `{}` where case does not count",
                    other.escape_debug()
                )
            }
        }
    }
}

/// The longest name that the usual file systems take.
const LONGEST_PART: usize = 255;

/// Whether a path may stand in a tree, a manifest or a journal.
pub(crate) fn check_path(path: &str) -> Result<(), PathError> {
    let problem = if path.starts_with('/') {
        Some(PathProblem::Absolute)
    } else if path.contains('\\') {
        Some(PathProblem::Backslash)
    } else if path.contains(char::is_control) {
        Some(PathProblem::Control)
    } else {
        path.split('/')
            .enumerate()
            .find_map(|(index, part)| check_part(index, part))
    };
    problem.map_or(Ok(()), |problem| {
        Err(PathError {
            path: path.to_owned(),
            problem,
        })
    })
}

fn check_part(index: usize, part: &str) -> Option<PathProblem> {
    match part {
        "" => Some(PathProblem::EmptyPart),
        "." | ".." => Some(PathProblem::Dots),
        _ if part.len() > LONGEST_PART => Some(PathProblem::LongPart),
        _ if part.eq_ignore_ascii_case(".git") => Some(PathProblem::Reserved),
        _ if index == 0 && part.eq_ignore_ascii_case(".gen") => Some(PathProblem::Reserved),
        _ => None,
    }
}

/// The folders above a path, outermost first: `a`, `a/b` for `a/b/c`.
pub(crate) fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// The folders above a path, innermost first.
fn above(path: &str) -> impl Iterator<Item = &str> {
    path.rmatch_indices('/').map(|(at, _)| &path[..at])
}

/// The folder and the name of a path; the folder of `a` is empty.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
