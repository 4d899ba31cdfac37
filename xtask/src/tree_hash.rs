//! One hash for a tree of files.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

/// SHA-256 over the sorted paths and bytes of a folder's files, the manifest in `.gen` left out.
pub(crate) fn tree_hash(folder: &Path) -> anyhow::Result<String> {
    let mut files = Vec::new();
    let entries = WalkDir::new(folder)
        .into_iter()
        .filter_entry(|entry| entry.depth() != 1 || entry.file_name() != ".gen");
    for entry in entries {
        let entry = entry?;
        if !entry.file_type().is_dir() {
            let below = entry.path().strip_prefix(folder)?;
            let name = below.to_str().context("a file name is not UTF-8")?;
            files.push((name.replace('\\', "/"), entry.into_path()));
        }
    }
    files.sort();
    let mut hash = Sha256::new();
    for (name, path) in files {
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        hash.update(format!("{name}\0{}\0", bytes.len()));
        hash.update(bytes);
    }
    let hex: Vec<String> = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    Ok(hex.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn names_and_bytes_count_and_the_manifest_does_not() {
        let hash = |files: &[(&str, &str)]| tree_hash(tree(files).path()).unwrap();
        let one = hash(&[("a/b", "x"), ("c", "y")]);
        assert_eq!(
            one,
            hash(&[("c", "y"), ("a/b", "x"), (".gen/manifest.json", "{}")])
        );
        assert_ne!(one, hash(&[("a/b", "x"), ("d", "y")]));
        assert_ne!(one, hash(&[("a/b", "x"), ("c", "z")]));
        assert_ne!(hash(&[("a", "bc")]), hash(&[("ab", "c")]));
    }
}
