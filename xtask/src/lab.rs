//! The lab: a Nix and input trees for real evaluation without a network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// The inputs whose modules fleets use.
pub const INPUTS: &[&str] = &[
    "agenix",
    "disko",
    "home-manager",
    "impermanence",
    "microvm",
    "nixpkgs",
    "sops-nix",
];

impl Lab {
    /// A Nix expression of [`INPUTS`], by way of a flake that is written into a folder.
    ///
    /// # Errors
    ///
    /// When the pool lacks one, or the flake cannot be written.
    pub fn inputs(&self, folder: &Path) -> anyhow::Result<String> {
        for input in INPUTS {
            if !self.pool.join(input).exists() {
                bail!("the lab has no `{input}` in its pool; see its README");
            }
        }
        let inputs: Vec<String> = INPUTS
            .iter()
            .map(|input| format!("{input} = {{ }};"))
            .collect();
        let inputs = inputs.join(" ");
        fs::write(
            folder.join("flake.nix"),
            format!("{{ inputs = {{ {inputs} }}; outputs = _: {{ }}; }}\n"),
        )?;
        let text = |path: &Path| nix::string(&path.display().to_string());
        Ok(format!(
            "((import {} {{ pool = {}; }}) {}).inputs",
            text(&self.call_flake),
            text(&self.pool),
            text(folder),
        ))
    }

    /// Copies a folder into the store, as Nix does with a flake.
    ///
    /// # Errors
    ///
    /// When Nix fails, with what it says.
    pub fn store(&self, folder: &Path) -> anyhow::Result<String> {
        let mut add = Command::new(&self.nix);
        add.args(["store", "add", "--name", "source"]).arg(folder);
        Ok(workspace::output(&mut add)?.trim().to_owned())
    }

    /// A Nix expression of a fleet's flake with inputs of the pool.
    ///
    /// # Errors
    ///
    /// When the tree cannot be copied into the store.
    pub fn flake(&self, tree: &Path) -> anyhow::Result<String> {
        let text = |path: &Path| nix::string(&path.display().to_string());
        Ok(format!(
            "((import {} {{ pool = {}; }}) (builtins.storePath {}))",
            text(&self.call_flake),
            text(&self.pool),
            nix::string(&self.store(tree)?),
        ))
    }

    /// Evaluates an expression to JSON.
    ///
    /// # Errors
    ///
    /// When Nix fails, with what it says.
    pub fn evaluate(&self, expression: &str) -> anyhow::Result<serde_json::Value> {
        let mut command = Command::new(&self.nix);
        command.args(["eval", "--impure", "--read-only", "--json"]);
        command.args(["--option", "allow-import-from-derivation", "false"]);
        command.args(["--expr", expression]);
        Ok(serde_json::from_str(&workspace::output(&mut command)?)?)
    }
}
