//! What of a folder differs from the one that git holds. Git names a folder by what is in it, so that
//! one whose name is the same need not be read.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use rayon::prelude::*;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use super::objects::Objects;
use crate::text::hex;

/// Modes of entries of a folder.
const FOLDER: &str = "40000";
const PLAIN: &str = "100644";
const EXECUTABLE: &str = "100755";
/// A commit of another repository.
const SUBMODULE: &str = "160000";

/// How a folder differs from one of git's.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Differing {
    /// Files that git has with another content, or that are gone: path, and what git has.
    pub(crate) old: BTreeMap<String, Vec<u8>>,
    /// Files that git does not have.
    pub(crate) new: BTreeSet<String>,
}

/// Compares files with a folder of git, which is given by its name and its entries. What lies at the
/// top in `passed_over` is not looked at.
pub(crate) fn differing(
    objects: &mut Objects,
    id: &str,
    entries: Vec<u8>,
    files: &BTreeMap<String, Vec<u8>>,
    passed_over: &str,
) -> anyhow::Result<Differing> {
    let hash = Hash::of_length(id.len());
    let all: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
        .collect();
    let ours = Folder::of(&all, 0, hash);
    let mut found = Differing::default();
    let mut old: Vec<(String, String)> = Vec::new();
    let mut open = vec![(String::new(), entries, Some(&ours))];
    while !open.is_empty() {
        let mut below: Vec<(String, String, Option<&Folder<'_>>)> = Vec::new();
        for (prefix, entries, ours) in open {
            let mut named = BTreeSet::new();
            for entry in Entries::of(&entries, hash) {
                let (mode, name, id) = entry.context("git holds a folder that is none")?;
                let Ok(name) = std::str::from_utf8(name) else {
                    continue;
                };
                if mode == SUBMODULE || prefix.is_empty() && name == passed_over {
                    continue;
                }
                let path = format!("{prefix}{name}");
                match (ours.and_then(|ours| ours.entries.get(name)), mode == FOLDER) {
                    (Some(Entry::Folder(ours)), true) => {
                        named.insert(name.to_owned());
                        if ours.id != id {
                            below.push((path + "/", hex(id), Some(ours)));
                        }
                    }
                    (_, true) => below.push((path + "/", hex(id), None)),
                    (Some(Entry::File { id: ours, .. }), false) => {
                        named.insert(name.to_owned());
                        if ours != id {
                            old.push((path, hex(id)));
                        }
                    }
                    (_, false) => old.push((path, hex(id))),
                }
            }
            for (name, entry) in ours.iter().flat_map(|ours| &ours.entries) {
                if !named.contains(*name) {
                    entry.files(format!("{prefix}{name}"), &mut found.new);
                }
            }
        }
        let ids: Vec<&str> = below.iter().map(|(_, id, _)| id.as_str()).collect();
        let entries = objects.read(&ids)?;
        open = below
            .iter()
            .zip(entries)
            .map(|((prefix, id, ours), entries)| {
                let entries =
                    entries.with_context(|| format!("git does not have the folder {id}"))?;
                Ok((prefix.clone(), entries.bytes, *ours))
            })
            .collect::<anyhow::Result<_>>()?;
    }
    let ids: Vec<&str> = old.iter().map(|(_, id)| id.as_str()).collect();
    let contents = objects.contents(&ids)?;
    let paths = old.iter().map(|(path, _)| path.clone());
    found.old.extend(paths.zip(contents));
    Ok(found)
}

/// What a repository names things by.
#[derive(Clone, Copy, Debug)]
enum Hash {
    Sha1,
    Sha256,
}

impl Hash {
    /// By the length of a name in hexadecimal.
    fn of_length(length: usize) -> Self {
        if length == 64 {
            Self::Sha256
        } else {
            Self::Sha1
        }
    }

    /// Bytes of a name.
    fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The name of an object.
    fn name(self, kind: &str, bytes: &[u8]) -> Vec<u8> {
        let head = format!("{kind} {}\0", bytes.len());
        match self {
            Self::Sha1 => Sha1::new()
                .chain_update(head)
                .chain_update(bytes)
                .finalize()
                .to_vec(),
            Self::Sha256 => Sha256::new()
                .chain_update(head)
                .chain_update(bytes)
                .finalize()
                .to_vec(),
        }
    }
}

/// A folder as git would hold it.
#[derive(Debug)]
struct Folder<'a> {
    id: Vec<u8>,
    entries: BTreeMap<&'a str, Entry<'a>>,
}

#[derive(Debug)]
enum Entry<'a> {
    File { id: Vec<u8>, mode: &'static str },
    Folder(Folder<'a>),
}

impl<'a> Folder<'a> {
    /// Files of one folder, sorted by path; so many bytes of each path name the folder.
    fn of(files: &[(&'a str, &'a [u8])], start: usize, hash: Hash) -> Self {
        let name = |path: &'a str| -> (&'a str, bool) {
            let rest = &path[start..];
            rest.split_once('/')
                .map_or((rest, false), |(name, _)| (name, true))
        };
        let groups: Vec<_> = files.chunk_by(|a, b| name(a.0) == name(b.0)).collect();
        let entries: Vec<(&str, Entry<'_>)> = groups
            .into_par_iter()
            .filter_map(|files| {
                let (path, bytes) = files.first()?;
                let (name, is_folder) = name(path);
                let entry = if is_folder {
                    Entry::Folder(Self::of(files, start + name.len() + 1, hash))
                } else {
                    let is_script = bytes.starts_with(b"#!");
                    Entry::File {
                        id: hash.name("blob", bytes),
                        // A wrong guess costs a look at the folder.
                        mode: if is_script { EXECUTABLE } else { PLAIN },
                    }
                };
                Some((name, entry))
            })
            .collect();
        // Sorted paths are in git's order: a folder stands where its name with a slash does.
        let mut text = Vec::new();
        for (name, entry) in &entries {
            let (mode, id) = match entry {
                Entry::File { id, mode } => (*mode, id),
                Entry::Folder(folder) => (FOLDER, &folder.id),
            };
            text.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            text.extend_from_slice(id);
        }
        Self {
            id: hash.name("tree", &text),
            entries: entries.into_iter().collect(),
        }
    }
}

impl Entry<'_> {
    /// The files of it, by their paths.
    fn files(&self, path: String, found: &mut BTreeSet<String>) {
        match self {
            Self::File { .. } => {
                found.insert(path);
            }
            Self::Folder(folder) => {
                for (name, entry) in &folder.entries {
                    entry.files(format!("{path}/{name}"), found);
                }
            }
        }
    }
}

/// The entries in what git holds of a folder: mode, name, and the name of the object; nothing for what
/// is no entry, and nothing after it.
struct Entries<'a> {
    rest: &'a [u8],
    hash: Hash,
}

impl<'a> Entries<'a> {
    fn of(bytes: &'a [u8], hash: Hash) -> Self {
        Self { rest: bytes, hash }
    }

    fn entry(&mut self) -> Option<(&'a str, &'a [u8], &'a [u8])> {
        let space = self.rest.iter().position(|byte| *byte == b' ')?;
        let end = self.rest.iter().position(|byte| *byte == 0)?;
        let mode = std::str::from_utf8(&self.rest[..space]).ok()?;
        let name = self.rest.get(space + 1..end)?;
        let id = self.rest.get(end + 1..end + 1 + self.hash.bytes())?;
        self.rest = &self.rest[end + 1 + self.hash.bytes()..];
        Some((mode, name, id))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Option<(&'a str, &'a [u8], &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.entry();
        if entry.is_none() {
            self.rest = &[];
        }
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    use camino::{Utf8Path, Utf8PathBuf};

    use super::*;

    fn git(folder: &Utf8Path, args: &[&str]) -> String {
        let output = Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(["-c", "user.name=x", "-c", "user.email=x@example.org"])
            .args(args)
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    /// A repository with these files committed.
    fn repository(format: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, Utf8PathBuf) {
        let temporary = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).unwrap();
        git(&root, &["init", "-q", "--object-format", format]);
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            if text.starts_with("#!") {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        git(&root, &["add", "."]);
        git(&root, &["commit", "-qm", "x"]);
        (temporary, root)
    }

    fn owned(files: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        let files = files.iter();
        files
            .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
            .collect()
    }

    fn against(root: &Utf8Path, files: &[(&str, &str)]) -> (Differing, usize) {
        let mut objects = Objects::of(root).unwrap();
        let tree = objects.read(&["HEAD:"]).unwrap().remove(0).unwrap();
        let found = differing(&mut objects, &tree.id, tree.bytes, &owned(files), ".gen").unwrap();
        (found, objects.read_so_far())
    }

    /// Names whose order is another with a slash behind them.
    const FILES: &[(&str, &str)] = &[
        (".gen/manifest.json", "{}"),
        ("a-b/x", "1"),
        ("a.b", "2"),
        ("a/b/c", "3"),
        ("a/b/d", "4"),
        ("a/e", ""),
        ("a0", "5"),
        ("run.sh", "#!/bin/sh"),
        ("z/é.nix", "6"),
    ];

    #[test]
    fn folders_are_named_as_git_names_them() {
        for format in ["sha1", "sha256"] {
            let (_keep, root) = repository(format, FILES);
            let id = git(&root, &["rev-parse", "HEAD:"]);
            let files = owned(FILES);
            let files: Vec<_> = files
                .iter()
                .map(|(path, it)| (path.as_str(), it.as_slice()))
                .collect();
            let ours = Folder::of(&files, 0, Hash::of_length(id.len()));
            assert_eq!(hex(&ours.id), id);
        }
    }

    #[test]
    fn what_differs_is_found_and_nothing_else_is_read() {
        for format in ["sha1", "sha256"] {
            let (_keep, root) = repository(format, FILES);
            let now = [
                ("a-b/x", "1"),
                ("a.b/now-a-folder", "2"),
                ("a/b/c", "3"),
                ("a/b/d", "changed"),
                ("a/e", ""),
                ("new/x/y", "7"),
                ("run.sh", "#!/bin/sh"),
                ("z", "now a file"),
            ];
            let (found, read) = against(&root, &now);
            let old = [("a.b", "2"), ("a/b/d", "4"), ("a0", "5"), ("z/é.nix", "6")];
            let new = ["a.b/now-a-folder", "new/x/y", "z"];
            assert_eq!(found.old, owned(&old));
            assert_eq!(found.new, new.map(str::to_owned).into());
            // The folders at the top, `a`, `a/b` and `z`, and what differs.
            assert_eq!(read, 4 + old.len());
        }
    }

    #[test]
    fn a_script_that_git_does_not_run_is_no_difference() {
        let (_keep, root) = repository("sha1", &[("x/a.sh", "#!/bin/sh"), ("x/b", "1")]);
        fs::set_permissions(root.join("x/a.sh"), fs::Permissions::from_mode(0o644)).unwrap();
        git(&root, &["commit", "-qam", "x"]);
        let (found, _) = against(&root, &[("x/a.sh", "#!/bin/sh"), ("x/b", "1")]);
        assert_eq!(found, Differing::default());
    }
}
