//! Every program that the catalog ships is run: `programs/<name>/tests/run` is executed in its folder.
//!
//! `PYTHON` names an interpreter with the libraries that the programs use. Without one a test says that
//! it was skipped, unless `GEN_REQUIRE_TOOLS=1`. A `run` skips by exit code 77, and says why.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test runs programs"
)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The exit code of what cannot run here, after Automake.
const SKIPPED: i32 = 77;

fn programs() -> Vec<PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(top)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    folders.sort();
    folders
}

/// Runs the tests of a program.
fn test(folder: &Path, python: &OsStr) -> (String, Output) {
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let run = folder.join("tests/run");
    assert!(run.is_file(), "{name} has no tests/run");
    let done = Command::new(&run)
        .current_dir(folder)
        .env("PYTHON", python)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    (name, done)
}

#[test]
fn programs_do_their_work() {
    let required = std::env::var_os("GEN_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let mut failed = Vec::new();
    // They mostly wait, for stub servers and for each other.
    std::thread::scope(|scope| {
        let running: Vec<_> = programs()
            .into_iter()
            .map(|folder| {
                let python = python.clone();
                scope.spawn(move || test(&folder, &python))
            })
            .collect();
        for one in running {
            let (name, done) = one.join().unwrap();
            let said =
                String::from_utf8_lossy(&done.stderr) + String::from_utf8_lossy(&done.stdout);
            match done.status.code() {
                Some(0) => {}
                Some(SKIPPED) if !required => eprintln!("skipped {name}: {}", said.trim()),
                _ => failed.push(format!("{name} ({}):\n{said}", done.status)),
            }
        }
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
