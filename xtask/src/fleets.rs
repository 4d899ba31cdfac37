//! The fleets of the repository: the one in `spec/`, the golden cases, and what `gen init` gives.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use camino::Utf8PathBuf;
use flakesmith::Generated;

use crate::workspace;

/// The name of the fleet in `spec/`.
pub const HUB: &str = "hub";
/// The name of the fleet that `gen init` makes.
pub const INIT: &str = "init";
/// The golden cases that are about findings, not output.
const FINDINGS: &[&str] = &["diagnostics", "eval-errors"];

/// A fleet with hosts, as files.
#[derive(Debug)]
pub struct Fleet {
    /// Its name in the record.
    pub name: String,
    /// Its output.
    pub tree: PathBuf,
    /// What is removed along with it.
    _folder: Option<tempfile::TempDir>,
}

/// Every fleet with hosts, sorted by name.
pub fn outputs() -> anyhow::Result<Vec<Fleet>> {
    let mut fleets = Vec::new();
    let mut add = |name: &str, tree: PathBuf| {
        if has_hosts(&tree) {
            fleets.push(Fleet {
                name: name.to_owned(),
                tree,
                _folder: None,
            });
        }
    };
    add(HUB, workspace::root().join("generated"));
    for (name, folder) in cases()? {
        add(&name, folder.join("expected"));
    }
    if !fleets.iter().any(|fleet| fleet.name == INIT) {
        fleets.push(init()?);
    }
    fleets.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(fleets)
}

/// The spec folders: name and path, the hub first.
pub fn specs() -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut specs = vec![(HUB.to_owned(), workspace::root().join("spec"))];
    for (name, folder) in cases()? {
        specs.push((name, folder.join("spec")));
    }
    specs.retain(|(_, folder)| folder.is_dir());
    Ok(specs)
}

/// Runs the pure pipeline on a spec folder whose output is `out`.
pub fn generate(spec: &Path, out: &Path) -> anyhow::Result<Generated> {
    let utf8 = |path: &Path| {
        Utf8PathBuf::from_path_buf(path.to_owned())
            .ok()
            .context("a path is not UTF-8")
    };
    Ok(flakesmith::generate(flakesmith::load(
        &utf8(spec)?,
        &utf8(out)?,
    )))
}

/// The golden cases, sorted: name and folder.
fn cases() -> anyhow::Result<Vec<(String, PathBuf)>> {
    let golden = workspace::root().join("golden");
    let mut cases = Vec::new();
    if !golden.is_dir() {
        return Ok(cases);
    }
    for entry in fs::read_dir(golden)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() && !FINDINGS.contains(&name.as_str()) {
            cases.push((name, entry.path()));
        }
    }
    cases.sort();
    Ok(cases)
}

fn has_hosts(tree: &Path) -> bool {
    fs::read_to_string(tree.join("flake.nix"))
        .is_ok_and(|flake| flake.contains("nixosConfigurations"))
}

/// What a newcomer has after `gen init` and `gen`.
pub fn init() -> anyhow::Result<Fleet> {
    let gen_path = workspace::build_gen(false)?;
    let folder = tempfile::tempdir()?;
    workspace::output(Command::new(&gen_path).arg("init").arg(folder.path()))?;
    workspace::output(Command::new(&gen_path).arg("-C").arg(folder.path()))?;
    Ok(Fleet {
        name: INIT.to_owned(),
        tree: folder.path().join("generated"),
        _folder: Some(folder),
    })
}
