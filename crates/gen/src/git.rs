//! What git says about the output folder, and what the repository held at a revision. Flakes see only
//! files that git knows.

pub(crate) mod objects;
mod tree;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};

use objects::Objects;
pub(crate) use tree::Differing;

/// Files below a folder that git neither tracks nor ignores, relative to it; nothing outside a work
/// tree or without git.
pub(crate) fn untracked(folder: &Utf8Path) -> Vec<String> {
    let result = Command::new("git")
        .args([
            "-C",
            folder.as_str(),
            "ls-files",
            "--others",
            "--exclude-standard",
            "-z",
            "--",
            ".",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    match result {
        Ok(result) if result.status.success() => result
            .stdout
            .split(|byte| *byte == 0)
            .filter_map(|path| std::str::from_utf8(path).ok())
            .filter(|path| !path.is_empty())
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

/// Whether a folder is in a work tree.
pub(crate) fn is_work_tree(folder: &Utf8Path) -> bool {
    let asked = ["rev-parse", "--is-inside-work-tree"];
    git(folder, &asked).is_ok_and(|answer| answer.is_some())
}

/// A revision of the repository that a folder is in.
#[derive(Debug)]
pub(crate) struct Repository {
    root: Utf8PathBuf,
    /// The revision as the user wrote it.
    pub(crate) revision: String,
    commit: String,
    objects: Mutex<Objects>,
}

impl Repository {
    /// The repository around a folder, at a revision.
    pub(crate) fn at(folder: &Utf8Path, revision: &str) -> anyhow::Result<Self> {
        let found = git(folder, &["rev-parse", "--show-toplevel"])?;
        let Some(root) = found else {
            anyhow::bail!(
                "`{folder}` is in no git repository, so there is nothing to compare with"
            );
        };
        let root = Utf8PathBuf::from(String::from_utf8(root)?.trim_end()).canonicalize_utf8()?;
        let is_name = !revision.starts_with('-') && !revision.contains(char::is_control);
        anyhow::ensure!(
            !revision.is_empty() && is_name,
            "`{revision}` is no revision"
        );
        let mut objects = Objects::of(&root)?;
        let found = objects.read(&[format!("{revision}^{{commit}}")])?;
        let Some(commit) = found.into_iter().flatten().next() else {
            anyhow::bail!("git knows no revision `{revision}`");
        };
        Ok(Self {
            root,
            revision: revision.to_owned(),
            commit: commit.id,
            objects: Mutex::new(objects),
        })
    }

    /// A folder relative to the root, if it lies below.
    pub(crate) fn below(&self, folder: &Utf8Path) -> Option<String> {
        let real = crate::trees::real(folder)?;
        Some(real.strip_prefix(&self.root).ok()?.to_string())
    }

    /// The files below a folder at the revision: path below the folder, and name of the content.
    pub(crate) fn blobs(&self, folder: &str) -> anyhow::Result<BTreeMap<String, String>> {
        let tree = format!("{}:{folder}", self.commit);
        let listed = git(&self.root, &["ls-tree", "-r", "-z", "--full-tree", &tree])?;
        let mut blobs = BTreeMap::new();
        for line in listed.unwrap_or_default().split(|byte| *byte == 0) {
            // `100644 blob ID<TAB>PATH`
            let line = std::str::from_utf8(line).unwrap_or_default();
            if let Some((facts, path)) = line.split_once('\t')
                && let [_, "blob", id] = facts.split(' ').collect::<Vec<_>>().as_slice()
            {
                blobs.insert(path.to_owned(), (*id).to_owned());
            }
        }
        Ok(blobs)
    }

    /// How files differ from those of a folder at the revision, what lies in `passed_over` aside;
    /// nothing where the revision has no `flake.nix` there.
    pub(crate) fn differing(
        &self,
        folder: &str,
        files: &BTreeMap<String, Vec<u8>>,
        passed_over: &str,
    ) -> anyhow::Result<Option<Differing>> {
        let mut objects = self.objects();
        let commit = &self.commit;
        let below = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        let names = [
            format!("{commit}:{folder}"),
            format!("{commit}:{below}flake.nix"),
        ];
        let mut found = objects.read(&names)?.into_iter();
        let (Some(Some(tree)), Some(Some(_))) = (found.next(), found.next()) else {
            return Ok(None);
        };
        tree::differing(&mut objects, &tree.id, tree.bytes, files, passed_over).map(Some)
    }

    /// Contents by name, in order.
    pub(crate) fn contents(&self, ids: &[&str]) -> anyhow::Result<Vec<Vec<u8>>> {
        self.objects().contents(ids)
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What git prints; nothing when it fails.
fn git(folder: &Utf8Path, args: &[&str]) -> anyhow::Result<Option<Vec<u8>>> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|error| anyhow::anyhow!("cannot run `git`: {error}"))?;
    Ok(output.status.success().then_some(output.stdout))
}

/// The root of the work tree around a folder, and the folder's path below it.
pub(crate) fn work_tree(folder: &Path) -> Option<(String, String)> {
    let folder = Utf8Path::from_path(folder)?;
    let args = ["rev-parse", "--show-toplevel", "--show-prefix"];
    let text = String::from_utf8(git(folder, &args).ok()??).ok()?;
    let mut lines = text.lines();
    let root = lines.next()?;
    let prefix = lines.next().unwrap_or_default().trim_end_matches('/');
    Some((root.to_owned(), prefix.to_owned()))
}
