//! The example in the README: a host of a new fleet, and what it becomes.

use std::fmt::Write as _;
use std::fs;

use anyhow::Context as _;

use super::markdown::between_marks;
use crate::{fleets, workspace};

/// The page.
pub(super) fn page() -> anyhow::Result<String> {
    let readme = fs::read_to_string(workspace::root().join("README.md"))?;
    let fleet = fleets::init()?;
    let folder = fleet.tree.parent().context("a tree is in a folder")?;
    let mut text = String::new();
    for (path, language) in [
        ("spec/hosts/desktop.yaml", "yaml"),
        ("generated/hosts/desktop/default.nix", "nix"),
    ] {
        let example = fs::read_to_string(folder.join(path))?;
        let example = example.trim();
        let _ = write!(text, "`{path}`:\n\n```{language}\n{example}\n```\n\n");
    }
    between_marks(&readme, "example", text.trim_end()).context("README.md")
}
