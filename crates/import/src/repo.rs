//! The files of a repository, in memory.

use std::collections::BTreeMap;

/// Files by path, `/` between parts.
#[derive(Clone, Debug, Default)]
pub struct Repo {
    files: BTreeMap<String, Vec<u8>>,
}

impl Repo {
    /// A repository of these files.
    pub fn new(files: BTreeMap<String, Vec<u8>>) -> Self {
        Self { files }
    }

    pub(crate) fn bytes(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        std::str::from_utf8(self.files.get(path)?).ok()
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// The file that importing a path reads: itself, or `default.nix` in it.
    pub(crate) fn module(&self, path: &str) -> Option<String> {
        if self.has(path) {
            return Some(path.to_owned());
        }
        let inner = join(path, "default.nix")?;
        self.has(&inner).then_some(inner)
    }

    /// All files at or below a path.
    pub(crate) fn below(&self, path: &str) -> Vec<String> {
        if self.has(path) {
            return vec![path.to_owned()];
        }
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        self.files
            .range(prefix.clone()..)
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(&prefix))
            .cloned()
            .collect()
    }

    /// The entries of a folder: name and kind, as Nix calls it.
    pub(crate) fn folder(&self, path: &str) -> BTreeMap<String, &'static str> {
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let entry = |file: String| {
            let rest = file.strip_prefix(&prefix)?;
            Some(match rest.split_once('/') {
                Some((folder, _)) => (folder.to_owned(), "directory"),
                None => (rest.to_owned(), "regular"),
            })
        };
        self.below(path).into_iter().filter_map(entry).collect()
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &String> {
        self.files.keys()
    }
}

/// What a file is called below the spec, where every YAML file is one of the spec.
pub(crate) fn asset_name(path: &str) -> String {
    if path.ends_with(".yaml") || path.ends_with(".yml") {
        format!("{path}.asset")
    } else {
        path.to_owned()
    }
}

/// A path below the repository, without `.` and `..`; nothing if it leads outside.
pub(crate) fn join(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
