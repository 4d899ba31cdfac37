//! One evaluation, and what it costs.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use super::Machine;
use super::message::{Failure, Said, read};

/// The expression that takes inputs from a folder.
const POOL: &str = include_str!("pool.nix");

/// Where the flake's inputs come from.
#[derive(Clone, Debug)]
pub enum Inputs {
    /// From `flake.lock`, by Nix.
    Locked,
    /// From a folder that holds the tree of each input under its name.
    Folder(PathBuf),
}

/// Nix and a flake.
#[derive(Debug)]
pub struct Evaluator {
    nix: PathBuf,
    /// A Nix expression of the flake.
    flake: String,
    folder: TempDir,
}

/// How an evaluation ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whether it gave a derivation.
    pub is_ok: bool,
    /// What Nix said, whole.
    pub stderr: String,
    /// The same, taken apart.
    pub said: Said,
    /// How long it took.
    pub took: Duration,
    /// Calls of functions: the same on every machine.
    pub calls: Option<u64>,
    /// Bytes of the evaluator's heap.
    pub memory: Option<u64>,
}

impl Evaluator {
    /// Prepares to evaluate a flake. Nothing runs yet.
    ///
    /// # Errors
    ///
    /// When the flake or the inputs are not there.
    pub fn new(nix: &Path, flake: &Path, inputs: &Inputs) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("gen-eval-").tempdir()?;
        let place = flake
            .canonicalize()
            .with_context(|| format!("cannot find `{}`", flake.display()))?;
        let text = |path: &Path| nix::string(&path.display().to_string());
        let flake = match inputs {
            Inputs::Locked => {
                // As `nix build` does: in a work tree of git, what git knows.
                let reference = match crate::git::work_tree(&place) {
                    Some((root, below)) if below.is_empty() => {
                        format!("git+file://{}", encoded(&root))
                    }
                    Some((root, below)) => {
                        format!("git+file://{}?dir={}", encoded(&root), encoded(&below))
                    }
                    None => format!("path:{}", encoded(&place.display().to_string())),
                };
                format!("(builtins.getFlake {})", nix::string(&reference))
            }
            Inputs::Folder(pool) => {
                let pool = std::path::absolute(pool)?;
                if !pool.is_dir() {
                    bail!("`{}` is no folder of inputs", pool.display());
                }
                let expression = folder.path().join("pool.nix");
                fs::write(&expression, POOL)?;
                format!(
                    "(import {} {{ pool = {}; src = {}; }})",
                    text(&expression),
                    text(&pool),
                    text(&place)
                )
            }
        };
        Ok(Self {
            nix: nix.to_owned(),
            flake,
            folder,
        })
    }

    /// Brings the inputs and reads where Nix has the flake.
    ///
    /// # Errors
    ///
    /// When there is no such program.
    pub fn locate(&self) -> anyhow::Result<Result<String, Outcome>> {
        let expression = format!("\"${{{}}}\"", self.flake);
        let (outcome, output) = self.run(&expression, "flake", false)?;
        Ok(if outcome.is_ok {
            Ok(output)
        } else {
            Err(outcome)
        })
    }

    /// Evaluates a machine's derivation.
    ///
    /// # Errors
    ///
    /// When there is no such program.
    pub fn evaluate(&self, machine: &Machine) -> anyhow::Result<Outcome> {
        let expression = format!("{}.{}.drvPath", self.flake, machine.attribute);
        let name = format!("{}-{}", machine.kind.word(), machine.name);
        let (outcome, _) = self.run(&expression, &name, true)?;
        Ok(outcome)
    }

    fn run(
        &self,
        expression: &str,
        name: &str,
        read_only: bool,
    ) -> anyhow::Result<(Outcome, String)> {
        let statistics = self.folder.path().join(format!("{name}.json"));
        let mut command = Command::new(&self.nix);
        command.args([
            "--extra-experimental-features",
            "nix-command flakes fetch-tree",
            "eval",
            "--impure",
            "--raw",
            "--show-trace",
            "--no-write-lock-file",
            "--option",
            "allow-import-from-derivation",
            "false",
        ]);
        if read_only {
            command.arg("--read-only");
        }
        command
            .args(["--expr", expression])
            .env("NIX_SHOW_STATS", "1")
            .env("NIX_SHOW_STATS_PATH", &statistics)
            .stdin(Stdio::null());
        let start = Instant::now();
        let output = command.output().map_err(|error| {
            let program = self.nix.display();
            anyhow::anyhow!("cannot run `{program}`: {error}; install Nix, or name it with `--nix`")
        })?;
        let took = start.elapsed();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let mut said = read(&stderr);
        if !output.status.success() && said.failure.is_none() {
            let how = match output.status.code() {
                Some(code) => format!("Nix ended with {code}"),
                None => format!(
                    "Nix was killed ({}); it may need more memory, or fewer `--jobs`",
                    output.status
                ),
            };
            let last = stderr.lines().rev().find(|line| !line.trim().is_empty());
            said.failure = Some(Failure {
                message: match last {
                    Some(last) => format!("{how}: {}", last.trim()),
                    None => how,
                },
                ..Failure::default()
            });
        }
        let read: Option<serde_json::Value> = fs::read(&statistics)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let number = |path: &str| read.as_ref()?.pointer(path)?.as_u64();
        let outcome = Outcome {
            is_ok: output.status.success(),
            said,
            took,
            calls: number("/nrFunctionCalls"),
            memory: number("/gc/heapSize"),
            stderr,
        };
        let output = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok((outcome, output))
    }
}

/// A path as a URL has it.
fn encoded(path: &str) -> String {
    path.bytes().fold(String::new(), |mut url, byte| {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
        url
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expression_is_formatted() {
        assert_eq!(nix::format(POOL).unwrap(), POOL);
    }

    #[test]
    fn paths_in_urls() {
        assert_eq!(encoded("/srv/my fleet/é#1"), "/srv/my%20fleet/%C3%A9%231");
    }

    #[test]
    fn a_program_that_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let nix = Path::new("/nowhere/nix");
        let evaluator = Evaluator::new(nix, folder.path(), &Inputs::Locked).unwrap();
        let error = evaluator.locate().unwrap_err().to_string();
        assert!(error.starts_with("cannot run `/nowhere/nix`"), "{error}");
        let pool = Inputs::Folder("/nowhere/pool".into());
        assert!(Evaluator::new(nix, folder.path(), &pool).is_err());
    }
}
