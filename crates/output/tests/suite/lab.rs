//! An output folder for a test, and short words for what tests do with it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use camino::Utf8PathBuf;
use output::{
    Applied, File, FileTree, Manifest, Meta, Options, OutputError, Plan, State, Target, apply,
    plan, read_manifest, recover,
};
use tempfile::TempDir;

/// What a folder holds: path, with a `/` at the end for an empty folder, to content.
pub(crate) type Disk = BTreeMap<String, Vec<u8>>;

/// An output folder `out` in a folder of its own.
pub(crate) struct Lab {
    pub(crate) dir: TempDir,
    pub(crate) target: Target,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    /// The same in memory where the system has a place for that: many files take a disk long.
    pub(crate) fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() {
            Self::below(memory)
        } else {
            Self::new()
        }
    }

    fn below(folder: &Path) -> Self {
        let dir = tempfile::tempdir_in(folder).unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().join("out")).unwrap();
        Self {
            target: Target::new(root).shown_as("generated"),
            dir,
        }
    }

    /// An output folder into which a tree was applied.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let lab = Self::new();
        lab.run(&tree(files)).unwrap();
        lab
    }

    pub(crate) fn path(&self, path: &str) -> Utf8PathBuf {
        self.target.root.join(path)
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    pub(crate) fn manifest(&self) -> Option<Manifest> {
        read_manifest(&self.target).unwrap()
    }

    pub(crate) fn plan(&self, tree: &FileTree) -> Plan {
        self.plan_with(tree, &[])
    }

    pub(crate) fn plan_with(&self, tree: &FileTree, overwrite: &[&str]) -> Plan {
        let overwrite: Vec<String> = overwrite.iter().map(ToString::to_string).collect();
        plan(&self.target, tree, self.manifest().as_ref(), &overwrite).unwrap()
    }

    /// The states of the files that are not as they should be.
    pub(crate) fn states(&self, tree: &FileTree) -> Vec<(String, State)> {
        states(&self.plan(tree))
    }

    pub(crate) fn run(&self, tree: &FileTree) -> Result<Applied, OutputError> {
        self.run_with(tree, &[], &Options::default())
    }

    /// A whole run, as the command makes it.
    pub(crate) fn run_with(
        &self,
        tree: &FileTree,
        overwrite: &[&str],
        options: &Options<'_>,
    ) -> Result<Applied, OutputError> {
        recover(&self.target, options)?;
        let manifest = read_manifest(&self.target)?;
        let overwrite: Vec<String> = overwrite.iter().map(ToString::to_string).collect();
        let plan = plan(&self.target, tree, manifest.as_ref(), &overwrite)?;
        apply(&self.target, &plan, tree, &meta(), options)
    }

    /// What is on disk but for the tool's own folder.
    pub(crate) fn disk(&self) -> Disk {
        let mut disk = snapshot(self.target.root.as_std_path());
        disk.retain(|path, _| !path.starts_with(".gen/"));
        disk
    }

    /// The files of the tool's own folder.
    pub(crate) fn own(&self) -> Vec<String> {
        snapshot(self.path(".gen").as_std_path())
            .into_keys()
            .collect()
    }
}

pub(crate) fn meta() -> Meta {
    Meta {
        tool: "0.1.0".into(),
        fingerprint: "f00d".into(),
        clean: true,
        ..Meta::default()
    }
}

/// A tree; a path that starts with `!` is that of a file that may be run.
pub(crate) fn tree(files: &[(&str, &str)]) -> FileTree {
    let mut tree = FileTree::new();
    for (path, content) in files {
        match path.strip_prefix('!') {
            Some(path) => tree.insert(path, File::executable(*content)).unwrap(),
            None => tree.insert(*path, *content).unwrap(),
        }
    }
    tree
}

pub(crate) fn content(tree: &FileTree) -> Disk {
    tree.iter()
        .map(|(path, file)| (path.to_owned(), file.bytes.clone()))
        .collect()
}

pub(crate) fn states(plan: &Plan) -> Vec<(String, State)> {
    let changed = plan
        .entries()
        .iter()
        .filter(|entry| entry.state != State::Unchanged);
    changed
        .map(|entry| (entry.path.clone(), entry.state.clone()))
        .collect()
}

pub(crate) fn codes(diagnostics: &diag::Diagnostics) -> Vec<&'static str> {
    diagnostics
        .iter()
        .map(|diagnostic| diagnostic.code)
        .collect()
}

pub(crate) fn snapshot(root: &Path) -> Disk {
    fn walk(at: &Path, prefix: &str, disk: &mut Disk) {
        let Ok(entries) = fs::read_dir(at) else {
            return;
        };
        let mut empty = true;
        for entry in entries {
            let entry = entry.unwrap();
            empty = false;
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                walk(&entry.path(), &format!("{path}/"), disk);
            } else if kind.is_symlink() {
                let to = fs::read_link(entry.path()).unwrap();
                disk.insert(path, format!("-> {}", to.display()).into_bytes());
            } else {
                disk.insert(path, fs::read(entry.path()).unwrap());
            }
        }
        if empty && !prefix.is_empty() {
            disk.insert(prefix.to_owned(), Vec::new());
        }
    }
    let mut disk = Disk::new();
    walk(root, "", &mut disk);
    disk
}

pub(crate) fn is_executable(path: &Utf8PathBuf) -> bool {
    fs::metadata(path).unwrap().permissions().mode() & 0o111 != 0
}

pub(crate) fn set_mode(path: &Utf8PathBuf, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
