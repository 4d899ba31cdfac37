//! What git says about the output folder. Flakes see only files that git knows.

use std::process::{Command, Stdio};

use camino::Utf8Path;

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
