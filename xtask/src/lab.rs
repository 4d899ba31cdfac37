//! The lab: a Nix and input trees for real evaluation without a network.

use std::path::PathBuf;

use anyhow::bail;

use crate::workspace;

/// Where its parts are.
#[derive(Clone, Debug)]
pub struct Lab {
    /// The Nix.
    pub nix: PathBuf,
    /// The trees, by input name.
    pub pool: PathBuf,
    /// The expression that calls a flake with trees of the pool.
    pub call_flake: PathBuf,
}

/// Finds it by `LAB`, its scripts, and `NIXLAB`, its store; else where they are by default.
pub fn find() -> anyhow::Result<Lab> {
    let scripts = std::env::var_os("LAB").map_or_else(
        || workspace::root().join("../shared/lab"),
        |path| {
            let path = PathBuf::from(path);
            match path.parent() {
                Some(folder) if path.is_file() => folder.to_owned(),
                _ => path,
            }
        },
    );
    let store = std::env::var_os("NIXLAB").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/nixlab"),
        PathBuf::from,
    );
    let lab = Lab {
        nix: std::env::var_os("NIX").map_or_else(|| store.join("nix/bin/nix"), PathBuf::from),
        pool: store.join("pool"),
        call_flake: scripts.join("call-flake.nix"),
    };
    for path in [&lab.nix, &lab.pool, &lab.call_flake] {
        if !path.exists() {
            bail!("there is no {}; set LAB and NIXLAB", path.display());
        }
    }
    Ok(Lab {
        call_flake: lab.call_flake.canonicalize()?,
        pool: std::path::absolute(&lab.pool)?,
        ..lab
    })
}
