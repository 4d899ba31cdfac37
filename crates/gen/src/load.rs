//! Reading the spec folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use diag::{Diagnostic, Diagnostics, FileId, SourceMap};
use output::Target;
use resolve::Surroundings;
use walkdir::{DirEntry, WalkDir};

use crate::catalogs::{self, Place};
use crate::typed;

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
    /// The catalogs that the spec names, as far as they were found.
    pub(crate) catalogs: BTreeMap<String, catalogs::Files>,
}

/// Reads the folder of a catalog that lies beside the spec: path relative to the spec folder, and path
/// as messages show it.
pub(crate) type Outside<'a> =
    dyn Fn(&Utf8Path, &Utf8Path, &mut Diagnostics) -> BTreeMap<String, Vec<u8>> + 'a;

impl Sources {
    /// Sources from memory: paths below the spec folder, and contents. YAML files are told by their
    /// names, as on disk.
    pub fn from_memory<P: Into<String>, B: Into<Vec<u8>>>(
        root: &str,
        files: impl IntoIterator<Item = (P, B)>,
    ) -> Self {
        let files = files.into_iter();
        let files = files.map(|(path, bytes)| (path.into(), bytes.into()));
        Self::with_catalogs(root, files.collect(), &|_, _, _| BTreeMap::new())
    }

    /// The same, with catalogs that lie beside the spec.
    pub(crate) fn with_catalogs(
        root: &str,
        files: BTreeMap<String, Vec<u8>>,
        outside: &Outside<'_>,
    ) -> Self {
        let mut sources = Self {
            root: root.to_owned(),
            ..Self::default()
        };
        sources.assemble(files, outside);
        sources
    }

    /// Sorts files into the spec's own and those of catalogs.
    fn assemble(&mut self, mut files: BTreeMap<String, Vec<u8>>, outside: &Outside<'_>) {
        // Made of the spec, so that it is no part of it.
        files.remove(crate::commands::schema::FILE);
        let mut inside: BTreeMap<String, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
        for (name, place) in catalogs::declared(&files) {
            let own = resolve::catalog_folder(&name);
            let (path, found) = match place {
                Place::Inside(folder) => {
                    // Two names may be for one folder.
                    let found = inside.entry(folder.clone());
                    let found = found.or_insert_with(|| taken(&mut files, &folder));
                    (Utf8PathBuf::from(folder), found.clone())
                }
                Place::Outside(path) => {
                    let shown = catalogs::join(Utf8Path::new(&self.root), path.as_str());
                    let found = outside(&path, &shown, &mut self.diagnostics);
                    (path, found)
                }
            };
            // The name is the catalog's, wherever it lies.
            taken(&mut files, &own);
            let is_copy = path == Utf8Path::new(&own);
            let mut catalog = catalogs::Files {
                shown: catalogs::join(Utf8Path::new(&self.root), path.as_str()).to_string(),
                header: catalogs::join(Utf8Path::new(folder_name(&self.root)), path.as_str())
                    .to_string(),
                is_there: !found.is_empty(),
                ..catalogs::Files::default()
            };
            for (path, bytes) in found {
                if is_copy {
                    catalog.hashes.insert(path.clone(), catalogs::hash(&bytes));
                }
                if !is_yaml(&path) {
                    self.around.assets.insert(format!("{own}/{path}"), bytes);
                } else if let Some(text) = self.text(&format!("{}/{path}", catalog.shown), bytes) {
                    catalog.yaml.insert(path, text);
                }
            }
            self.catalogs.insert(name, catalog);
        }
        for (path, bytes) in files {
            self.add(&path, bytes);
        }
    }

    /// The spec as written, with what catalogs hold, and the sources with their files; for what needs
    /// names and no findings.
    pub(crate) fn whole_spec(&self, diagnostics: &mut Diagnostics) -> (spec::Spec, SourceMap) {
        let mut map = self.map.clone();
        let mut spec = spec::load(&map, &self.yaml, diagnostics);
        let mut ignored = Diagnostics::new();
        let around = Surroundings::default();
        let assets = &self.around.assets;
        let (shared, _) = catalogs::read(
            &spec,
            &self.catalogs,
            assets,
            &mut map,
            &mut ignored,
            &mut |_, _| {},
        );
        if !shared.is_empty() {
            resolve::share(&mut spec, shared, &around, &mut ignored);
        }
        (spec, map)
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
        let shown = format!("{}/{path}", self.root);
        if let Some(text) = self.text(&shown, bytes) {
            let id = self.map.add(shown, text);
            self.yaml.push(id);
        }
    }

    /// The text of a YAML file; reported where it is none.
    fn text(&mut self, shown: &str, bytes: Vec<u8>) -> Option<String> {
        match String::from_utf8(bytes) {
            Ok(text) => Some(text),
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let line = error.as_bytes()[..good]
                    .split(|byte| *byte == b'\n')
                    .count();
                self.find(
                    Diagnostic::error(
                        "spec-encoding",
                        None,
                        format!("`{shown}` is not UTF-8, from line {line}"),
                    )
                    .help("save it as UTF-8"),
                );
                None
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
    let mut sources = load_as(spec, out, spec);
    sources.around.output = Some(Target::new(out.to_owned()).show("").into_string());
    sources
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
            let missing =
                Diagnostic::error("spec-missing", None, format!("there is no folder `{root}`"));
            sources.find(match above(spec) {
                Some(above) => missing.help(format!(
                    "this folder is in the one of a fleet: run `{}`, or go to `{above}`",
                    typed::program_in(&above)
                )),
                None => missing
                    .help("to start a fleet here, run `gen init`")
                    .help("for a spec elsewhere, say `-C DIR` or `--spec DIR`"),
            });
            return sources;
        }
        Err(error) => {
            sources.find(unreadable(&root, &error));
            return sources;
        }
    };
    // The output is no part of the spec, even where it lies below it.
    let skipped = fs::canonicalize(out).ok();
    let files = walk(&real, &root, skipped.as_deref(), &mut sources.diagnostics);
    sources.assemble(files, &|path, shown, diagnostics| {
        let Ok(folder) = fs::canonicalize(real.join(path.as_str())) else {
            return BTreeMap::new();
        };
        // A folder around the spec is refused by its path; this one is by a link.
        if !folder.is_dir() || real.starts_with(&folder) {
            return BTreeMap::new();
        }
        walk(&folder, shown, skipped.as_deref(), diagnostics)
    });
    if sources.yaml.is_empty() && sources.diagnostics.is_empty() {
        sources.find(
            Diagnostic::error("spec-empty", None, format!("`{root}` holds no YAML file"))
                .help("to start a fleet here, run `gen init`"),
        );
    }
    sources
}

/// The folder above this one that has such a spec: `..`, `../..` and so on.
fn above(spec: &Utf8Path) -> Option<Utf8PathBuf> {
    if spec.is_absolute() {
        return None;
    }
    let here = std::env::current_dir().ok()?;
    let folder = here
        .ancestors()
        .skip(1)
        .position(|folder| is_spec(&folder.join(spec)))?;
    Some(vec![".."; folder + 1].join("/").into())
}

/// Whether a folder looks like a spec: it holds YAML.
pub(crate) fn is_spec(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.any(|name| is_yaml(&name) && !is_passed_over(&name))
}

/// The files below a folder, which is a real path; what cannot be read is reported.
fn walk(
    real: &Path,
    root: &Utf8Path,
    skipped: Option<&Path>,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, Vec<u8>> {
    let wanted = |entry: &DirEntry| {
        entry.depth() == 0
            || !(is_passed_over(&entry.file_name().to_string_lossy())
                || entry.file_type().is_dir() && skipped == Some(entry.path()))
    };
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for entry in WalkDir::new(real).into_iter().filter_entry(wanted) {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => {
                let below = entry.path().strip_prefix(real).unwrap_or(entry.path());
                let Some(path) = below.to_str() else {
                    let shown = format!("{root}/{}", below.to_string_lossy());
                    diagnostics.push(
                        Diagnostic::error(
                            "spec-encoding",
                            None,
                            format!("the name of `{shown}` is not UTF-8"),
                        )
                        .help("rename it"),
                    );
                    continue;
                };
                match read(real, &entry, path) {
                    Ok(bytes) => {
                        files.insert(path.to_owned(), bytes);
                    }
                    Err(problem) => {
                        diagnostics.push(problem.diagnostic(&root.join(path), is_yaml(path)));
                    }
                }
            }
            Err(error) => {
                let path = error.path().and_then(|p| p.strip_prefix(real).ok());
                let shown = path
                    .and_then(Path::to_str)
                    .map_or(root.to_owned(), |p| root.join(p));
                let error = error
                    .into_io_error()
                    .unwrap_or_else(|| io::ErrorKind::Other.into());
                diagnostics.push(unreadable(&shown, &error));
            }
        }
    }
    files
}

/// Takes what lies below a folder out of files, by path below it.
fn taken(files: &mut BTreeMap<String, Vec<u8>>, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let prefix = format!("{folder}/");
    let (inside, rest) = std::mem::take(files)
        .into_iter()
        .partition(|(path, _)| path.starts_with(&prefix));
    *files = rest;
    let inside: BTreeMap<String, Vec<u8>> = inside;
    inside
        .into_iter()
        .map(|(path, bytes)| (path[prefix.len()..].to_owned(), bytes))
        .collect()
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

pub(crate) fn is_yaml(path: &str) -> bool {
    let extension = Utf8Path::new(path).extension();
    extension.is_some_and(|it| {
        ["yaml", "yml"]
            .iter()
            .any(|yaml| it.eq_ignore_ascii_case(yaml))
    })
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
