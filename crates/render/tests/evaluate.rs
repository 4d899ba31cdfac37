//! The rendered flakes, evaluated by Nix.
//!
//! Set `FLAKESMITH_EVAL_FLAKE` to a command that evaluates every host of the flake in the folder it
//! is given, such as one that provides the inputs without a network. The tests say that they were
//! skipped otherwise.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests run programs on files and tell why they do not"
)]

mod fixture;

use std::fs;
use std::path::Path;
use std::process::Command;

use model::{Backend, Fleet};

/// Writes a fleet, with files in place of secrets, and evaluates it.
fn evaluates(fleet: &Fleet) {
    let Some(program) = std::env::var_os("FLAKESMITH_EVAL_FLAKE") else {
        eprintln!("skipped: FLAKESMITH_EVAL_FLAKE names no command that evaluates a flake");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, bytes: &[u8]| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for (path, bytes) in render::render(fleet, &fixture::assets(), &[]).unwrap() {
        write(&path, &bytes);
    }
    for name in fleet.secrets.items.keys() {
        match fleet.backend {
            Backend::Agenix => write(&format!("secrets/{name}.age"), b"age-encryption.org/v1\n"),
            Backend::Sops => write(&format!("secrets/{name}.yaml"), b"sops: {}\n"),
        }
    }
    let output = Command::new(program).arg(folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    eprintln!("{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
    assert!(!text.contains("evaluation warning:"));
}

#[test]
fn agenix_and_a_second_package_set() {
    evaluates(&fixture::fleet(Backend::Agenix, true));
}

#[test]
fn sops() {
    evaluates(&fixture::fleet(Backend::Sops, false));
}

#[test]
fn machines() {
    evaluates(&fixture::machines());
}
