//! Reading the spec folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use diag::{Diagnostic, Diagnostics, FileId, SourceMap};
use resolve::Surroundings;
use walkdir::{DirEntry, WalkDir};

/// Bytes that a file of the spec may have.
const LARGEST_YAML: u64 = 16 << 20;
/// Bytes that another file may have.
const LARGEST_ASSET: u64 = 64 << 20;

/// The codes of findings that mean that a part of the spec could not be read.
pub(crate) const CODES: &[&str] = &[
    "spec-empty",
    "spec-encoding",
    "spec-missing",
    "spec-special-file",
    "spec-symlink",
    "spec-too-large",
    "spec-unreadable",
];

/// Everything that a run reads.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The YAML files, under the paths that messages show.
    pub map: SourceMap,
    /// The files of the spec, sorted by path.
    pub yaml: Vec<FileId>,
    /// The other files.
    pub around: Surroundings,
    /// What is wrong with the folder itself.
    pub diagnostics: Diagnostics,
    /// The spec folder as the user wrote it, such as `spec`.
    pub root: String,
    /// The spec folder below the output folder, where it is: the output is the root of a repository.
    pub below: Option<String>,
}

impl Sources {
    /// Sources from memory: paths below the spec folder, and contents. YAML files are told by their
    /// names, as on disk.
    pub fn from_memory<P: Into<String>, B: Into<Vec<u8>>>(
        root: &str,
        files: impl IntoIterator<Item = (P, B)>,
    ) -> Self {
        let mut sources = Self {
            root: root.to_owned(),
            ..Self::default()
        };
        let files: BTreeMap<String, Vec<u8>> = files
            .into_iter()
            .map(|(path, bytes)| (path.into(), bytes.into()))
            .collect();
        for (path, bytes) in files {
            sources.add(&path, bytes);
        }
        sources
    }

    /// The files of the spec: path below the spec folder, and text.
    pub fn spec_files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.yaml.iter().map(|id| {
            let file = self.map.file(*id);
            let path = file.path.strip_prefix(&self.root).unwrap_or(&file.path);
            (path.trim_start_matches('/'), file.text.as_str())
        })
    }

    /// The spec as written.
    pub(crate) fn spec(&self, diagnostics: &mut Diagnostics) -> spec::Spec {
        spec::load(&self.map, &self.yaml, diagnostics)
    }

    fn add(&mut self, path: &str, bytes: Vec<u8>) {
        if !is_yaml(path) {
            self.around.assets.insert(path.to_owned(), bytes);
            return;
        }
        match String::from_utf8(bytes) {
            Ok(text) => {
                let id = self.map.add(format!("{}/{path}", self.root), text);
                self.yaml.push(id);
            }
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let line = error.as_bytes()[..good]
                    .split(|byte| *byte == b'\n')
                    .count();
                self.find(
                    Diagnostic::error(
                        "spec-encoding",
                        None,
                        format!("`{}/{path}` is not UTF-8, from line {line}", self.root),
                    )
                    .help("save it as UTF-8"),
                );
            }
        }
    }

    fn find(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }
}

/// Reads a spec folder, and the names of the encrypted files in the output folder.
///
/// What cannot be read is reported among the findings; nothing fails.
pub fn load(spec: &Utf8Path, out: &Utf8Path) -> Sources {
    load_as(spec, out, spec)
}

/// The spec folder below the output folder, if it is there and its path is plain text.
fn below(spec: &Utf8Path, out: &Utf8Path) -> Option<String> {
    let spec = spec.canonicalize_utf8().ok()?;
    let below = spec.strip_prefix(out.canonicalize_utf8().ok()?).ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let path = below.as_str();
    (!path.is_empty() && path.chars().all(plain)).then(|| path.to_owned())
}

/// The same, with another path for the spec folder in messages.
pub fn load_as(spec: &Utf8Path, out: &Utf8Path, shown: &Utf8Path) -> Sources {
    let root = tidy(shown);
    let mut sources = Sources {
        root: root.to_string(),
        below: below(spec, out),
        ..Sources::default()
    };
    sources.around.secret_files = secret_names(&out.join("secrets"));
    let real = match fs::canonicalize(spec) {
        Ok(real) if real.is_dir() => real,
        Ok(_) => {
            sources.find(
                Diagnostic::error("spec-missing", None, format!("`{root}` is not a folder"))
                    .help("name the folder of the spec with `--spec`"),
            );
            return sources;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            sources.find(
                Diagnostic::error("spec-missing", None, format!("there is no folder `{root}`"))
                    .help("to start a fleet here, run `gen init`")
                    .help("for a spec elsewhere, say `-C DIR` or `--spec DIR`"),
            );
            return sources;
        }
        Err(error) => {
            sources.find(unreadable(&root, &error));
            return sources;
        }
    };
    // The output is no part of the spec, even where it lies below it.
    let skipped = fs::canonicalize(out).ok();
    let wanted = |entry: &DirEntry| {
        entry.depth() == 0
            || !(is_passed_over(&entry.file_name().to_string_lossy())
                || entry.file_type().is_dir() && skipped.as_deref() == Some(entry.path()))
    };
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for entry in WalkDir::new(&real).into_iter().filter_entry(wanted) {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => {
                let below = entry.path().strip_prefix(&real).unwrap_or(entry.path());
                let Some(path) = below.to_str() else {
                    let shown = format!("{root}/{}", below.to_string_lossy());
                    sources.find(
                        Diagnostic::error(
                            "spec-encoding",
                            None,
                            format!("the name of `{shown}` is not UTF-8"),
                        )
                        .help("rename it"),
                    );
                    continue;
                };
                match read(&real, &entry, path) {
                    Ok(bytes) => {
                        files.insert(path.to_owned(), bytes);
                    }
                    Err(problem) => {
                        let diagnostic = problem.diagnostic(&root.join(path), is_yaml(path));
                        sources.find(diagnostic);
                    }
                }
            }
            Err(error) => {
                let path = error.path().and_then(|p| p.strip_prefix(&real).ok());
                let shown = path
                    .and_then(Path::to_str)
                    .map_or(root.clone(), |p| root.join(p));
                let error = error
                    .into_io_error()
                    .unwrap_or_else(|| io::ErrorKind::Other.into());
                sources.find(unreadable(&shown, &error));
            }
        }
    }
    for (path, bytes) in files {
        sources.add(&path, bytes);
    }
    if sources.yaml.is_empty() && sources.diagnostics.is_empty() {
        sources.find(
            Diagnostic::error("spec-empty", None, format!("`{root}` holds no YAML file"))
                .help("to start a fleet here, run `gen init`"),
        );
    }
    sources
}

/// The spec folder's own name, for headers.
pub(crate) fn folder_name(root: &str) -> &str {
    Utf8Path::new(root).file_name().unwrap_or("spec")
}

/// A path as messages show it: without `./` and a `/` at the end.
pub(crate) fn tidy(path: &Utf8Path) -> Utf8PathBuf {
    let tidy: Utf8PathBuf = path.components().collect();
    match tidy.strip_prefix(".") {
        Ok(rest) if !rest.as_str().is_empty() => rest.to_owned(),
        _ => tidy,
    }
}

fn is_yaml(path: &str) -> bool {
    matches!(Utf8Path::new(path).extension(), Some("yaml" | "yml"))
}

/// Folders and files that tools keep.
const HIDDEN: &[&str] = &[
    ".cache",
    ".direnv",
    ".DS_Store",
    ".envrc",
    ".git",
    ".github",
    ".gitattributes",
    ".gitignore",
    ".gitkeep",
    ".gitmodules",
    ".hg",
    ".idea",
    ".jj",
    ".svn",
    ".vscode",
];

/// Hidden YAML, what tools keep, and what editors leave behind.
pub(crate) fn is_passed_over(name: &str) -> bool {
    let is_hidden = name.starts_with('.');
    // A module may well name a hidden file, such as `./.zshrc`; what tools keep is not meant.
    is_hidden
        && (is_yaml(name)
            || HIDDEN.contains(&name)
            || [".#", ".gen"].iter().any(|start| name.starts_with(start)))
        || name.ends_with('~')
        || name.starts_with('#') && name.ends_with('#')
        || [".swp", ".swo", ".bak", ".orig", ".rej", ".tmp"]
            .iter()
            .any(|end| name.ends_with(end))
}

/// Names of the encrypted files. What gen itself writes there is none of them.
pub(crate) fn secret_names(folder: &Utf8Path) -> BTreeSet<String> {
    let Ok(entries) = folder.read_dir_utf8() else {
        return BTreeSet::new();
    };
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.file_name().to_owned())
        .filter(|name| matches!(Utf8Path::new(name).extension(), Some("age" | "yaml")))
        .collect()
}

/// Why a file was not read.
enum Problem {
    /// A device, pipe or socket.
    Special,
    /// A link to nothing, or in a circle.
    Dangling,
    /// A link to a folder.
    FolderLink,
    /// A link out of the spec folder.
    Outside,
    /// More bytes than are taken.
    TooLarge(u64),
    Unreadable(io::Error),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl Problem {
    /// The finding. What is wrong with a file that nobody may ever ask for is a note: if it is
    /// named, it is reported as missing there.
    fn diagnostic(self, path: &Utf8Path, yaml: bool) -> Diagnostic {
        let make = if yaml {
            Diagnostic::error
        } else {
            Diagnostic::note
        };
        let left_out = "it is left out";
        match self {
            Self::Special => {
                let message = format!("`{path}` is a device, pipe or socket");
                make("spec-special-file", None, message).help("move it out of the spec")
            }
            Self::Dangling => make(
                "spec-symlink",
                None,
                format!("`{path}` is a link to nothing"),
            )
            .help("mend the link, or remove it"),
            Self::FolderLink => make(
                "spec-symlink",
                None,
                format!("`{path}` is a link to a folder; {left_out}"),
            )
            .help("name the files where they are"),
            Self::Outside => {
                let message = format!("`{path}` is a link that leads out of the spec; {left_out}");
                make("spec-symlink", None, message).help("copy the file into the spec")
            }
            Self::TooLarge(most) => {
                let message = format!("`{path}` is larger than {} MiB", most >> 20);
                make("spec-too-large", None, message).help(if yaml {
                    "split it"
                } else {
                    "keep it out of the spec"
                })
            }
            Self::Unreadable(error) => unreadable(path, &error),
        }
    }
}

fn unreadable(path: &Utf8Path, error: &io::Error) -> Diagnostic {
    let message = format!("cannot read `{path}`: {error}");
    let diagnostic = Diagnostic::error("spec-unreadable", None, message);
    match error.kind() {
        io::ErrorKind::PermissionDenied => diagnostic.help("make it readable"),
        _ => diagnostic,
    }
}

/// Reads a plain file, or one that a link inside the folder leads to. Nothing that could block is
/// opened.
fn read(root: &Path, entry: &DirEntry, path: &str) -> Result<Vec<u8>, Problem> {
    let mut real = entry.path().to_owned();
    if entry.path_is_symlink() {
        real = fs::canonicalize(&real).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => Problem::Unreadable(error),
            _ => Problem::Dangling,
        })?;
        if !real.starts_with(root) {
            return Err(Problem::Outside);
        }
    }
    let found: Metadata = fs::symlink_metadata(&real)?;
    if found.is_dir() {
        return Err(Problem::FolderLink);
    }
    if !found.is_file() {
        return Err(Problem::Special);
    }
    let most = if is_yaml(path) {
        LARGEST_YAML
    } else {
        LARGEST_ASSET
    };
    if found.len() > most {
        return Err(Problem::TooLarge(most));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or_default() + 1);
    File::open(&real)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(Problem::TooLarge(most));
    }
    Ok(bytes)
}
