//! Facts about options and packages, read from locked inputs by the user's own Nix.
//!
//! The expressions beside this file walk the options and packages; [`read`] runs one of them in a Nix
//! of its own and gives the file that it becomes. An option or a package that ends the evaluation is
//! left out on the next try, so that one broken module costs a row, not the index.
//!
//! Each run needs memory of its own: about 1.5 GiB for NixOS or a guest, 0.5 GiB for Home Manager and
//! 3.5 GiB for the packages. Nothing is built.

mod lines;
mod lock;
mod process;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

pub use lock::{Lock, Mismatch, mismatches};
use process::{End, Nix};

/// The expressions, by file name.
const EXPRESSIONS: &[(&str, &str)] = &[
    ("namespaces.nix", include_str!("namespaces.nix")),
    ("options.nix", include_str!("options.nix")),
    ("packages.nix", include_str!("packages.nix")),
    ("sources.nix", include_str!("sources.nix")),
];

/// Options or packages that may be left out before something else must be wrong.
const MOST_LEFT_OUT: usize = 100;

/// One file of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Options of NixOS.
    Nixos,
    /// Options of Home Manager.
    Home,
    /// Options that microVM guests have besides.
    Microvm,
    /// Packages.
    Packages,
}

impl Part {
    /// All of them, the longest first.
    pub const ALL: &[Self] = &[Self::Packages, Self::Nixos, Self::Microvm, Self::Home];

    /// Its file's name.
    pub fn file(self) -> &'static str {
        match self {
            Self::Nixos => "options-nixos.json",
            Self::Home => "options-home.json",
            Self::Microvm => "options-microvm.json",
            Self::Packages => "packages.json",
        }
    }

    /// What it holds, for messages.
    pub fn title(self) -> &'static str {
        match self {
            Self::Nixos => "options of NixOS",
            Self::Home => "options of Home Manager",
            Self::Microvm => "options of microVM guests",
            Self::Packages => "packages",
        }
    }
}

/// Nix, the inputs and what a fleet makes of them.
#[derive(Debug)]
pub struct Reader {
    nix: Nix,
    /// A Nix expression of the inputs: a set of flakes.
    inputs: String,
    /// The systems of the fleet, the most usual first.
    systems: Vec<String>,
    state_versions: StateVersions,
    modules: Modules,
    folder: TempDir,
}

/// The releases whose defaults are read.
#[derive(Clone, Debug)]
pub struct StateVersions {
    /// `system.stateVersion`.
    pub nixos: String,
    /// `home.stateVersion`.
    pub home: String,
}

/// Modules that a fleet takes from further inputs: input and attribute.
#[derive(Clone, Debug, Default)]
pub struct Modules {
    /// Attributes of `nixosModules`.
    pub nixos: Vec<(String, String)>,
    /// Attributes of `homeModules`.
    pub home: Vec<(String, String)>,
}

/// What was read for one file.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The file's text.
    pub text: String,
    /// Rows: options, or names of packages.
    pub count: usize,
    /// Options and packages about which something could not be read, with what.
    pub left_out: Vec<String>,
}

impl Reader {
    /// Prepares to read with a Nix. Nothing runs yet.
    ///
    /// `inputs` is a Nix expression that gives a set of flakes.
    ///
    /// # Errors
    ///
    /// When the expressions cannot be written to a temporary folder.
    pub fn new(
        nix: &Path,
        inputs: String,
        systems: Vec<String>,
        state_versions: StateVersions,
        modules: Modules,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("gen-index-").tempdir()?;
        for (name, text) in EXPRESSIONS {
            fs::write(folder.path().join(name), text)?;
        }
        Ok(Self {
            nix: Nix(nix.to_owned()),
            inputs,
            systems,
            state_versions,
            modules,
            folder,
        })
    }

    /// Prepares to read the inputs that a flake is locked to. Only its `flake.nix` and `flake.lock`
    /// are looked at.
    ///
    /// # Errors
    ///
    /// When they cannot be copied to a temporary folder.
    pub fn of_flake(
        nix: &Path,
        flake: &Path,
        lock: &Lock,
        systems: Vec<String>,
        state_versions: StateVersions,
        modules: Modules,
    ) -> anyhow::Result<Self> {
        let mut reader = Self::new(nix, String::new(), systems, state_versions, modules)?;
        let place = if lock.has_relative_paths() {
            flake.canonicalize()?
        } else {
            let copy = reader.folder.path().join("flake");
            fs::create_dir(&copy)?;
            for name in ["flake.nix", "flake.lock"] {
                fs::copy(flake.join(name), copy.join(name))?;
            }
            copy
        };
        let reference = nix::string(&format!("path:{}", place.display()));
        reader.inputs = format!("(builtins.getFlake {reference}).inputs");
        Ok(reader)
    }

    /// Brings the inputs into the store, from the network where need be. The release of nixpkgs.
    ///
    /// # Errors
    ///
    /// When Nix is missing or fails.
    pub fn fetch(&self, flake: &Path, lock: &Lock) -> anyhow::Result<String> {
        let mut used: BTreeSet<String> = FIRST_INPUTS.iter().map(|&name| name.to_owned()).collect();
        let more = self.modules.nixos.iter().chain(&self.modules.home);
        used.extend(more.map(|(input, _)| input.clone()));
        let arguments = json!({
            "lock": flake.join("flake.lock").canonicalize()?,
            "wanted": lock.reachable(&used),
        });
        let expression = self.expression("sources.nix", &arguments, "")?;
        let end = self.nix.run(&expression, false, &AtomicUsize::new(0))?;
        let Some(value) = end.value else {
            bail!("Nix cannot bring the inputs:\n{}", end.message);
        };
        let release = value["release"]
            .as_str()
            .context("`nixpkgs` says no release")?;
        Ok(release.to_owned())
    }

    /// Reads one file's facts; `progress` counts what has been looked at.
    ///
    /// # Errors
    ///
    /// When Nix is missing, or fails in a way that leaving out options does not mend.
    pub fn read(&self, part: Part, progress: &AtomicUsize) -> anyhow::Result<Facts> {
        let mut left_out = LeftOut::default();
        loop {
            let expression = self.reading(part, &left_out)?;
            let End {
                value,
                message,
                last,
            } = self.nix.run(&expression, true, progress)?;
            if let Some(value) = value {
                let (text, count) = match part {
                    Part::Packages => lines::packages(&value)?,
                    Part::Nixos | Part::Home | Part::Microvm => lines::options(value)?,
                };
                return Ok(Facts {
                    text,
                    count,
                    left_out: left_out.shown(),
                });
            }
            let grown = last.is_some_and(|last| left_out.add(&last));
            if !grown || left_out.len() > MOST_LEFT_OUT {
                bail!("Nix cannot read the {}:\n{message}", part.title());
            }
        }
    }

    fn reading(&self, part: Part, left_out: &LeftOut) -> anyhow::Result<String> {
        let system = self.systems.first().map_or("x86_64-linux", String::as_str);
        if part == Part::Packages {
            let arguments = json!({
                "system": system,
                "otherSystems": self.systems.get(1..).unwrap_or_default(),
                "skipped": left_out.skipped,
            });
            let nixpkgs = format!("nixpkgs = ({}).nixpkgs;", self.inputs);
            return self.expression_with("packages.nix", &arguments, &nixpkgs, "");
        }
        let modules = |set: &str, list: &[(String, String)]| -> Vec<Value> {
            list.iter()
                .map(|(input, attr)| json!({ "input": input, "path": [set, attr] }))
                .collect()
        };
        let arguments = json!({
            "system": system,
            "stateVersions": {
                "nixos": self.state_versions.nixos,
                "home": self.state_versions.home,
            },
            "extraModules": {
                "nixos": modules("nixosModules", &self.modules.nixos),
                "home": modules("homeModules", &self.modules.home),
            },
            "leftOut": {
                "undefaulted": left_out.undefaulted,
                "closed": left_out.closed,
                "skipped": left_out.skipped,
            },
        });
        let attribute = match part {
            Part::Nixos => ".nixos",
            Part::Home => ".home",
            Part::Microvm | Part::Packages => ".microvm",
        };
        self.expression("namespaces.nix", &arguments, attribute)
    }

    fn expression(&self, file: &str, arguments: &Value, after: &str) -> anyhow::Result<String> {
        let inputs = format!("inputs = {};", self.inputs);
        self.expression_with(file, arguments, &inputs, after)
    }

    /// Arguments go through a file as JSON: no text of theirs becomes code.
    fn expression_with(
        &self,
        file: &str,
        arguments: &Value,
        code: &str,
        after: &str,
    ) -> anyhow::Result<String> {
        let path = self
            .folder
            .path()
            .join(format!("arguments{after}-{file}.json"));
        fs::write(&path, arguments.to_string())?;
        let path = nix::string(&path.display().to_string());
        let file = nix::string(&self.folder.path().join(file).display().to_string());
        Ok(format!(
            "(import {file} (builtins.fromJSON (builtins.readFile {path}) // {{ {code} }})){after}"
        ))
    }
}

/// The inputs whose modules and packages are read in any fleet that has them.
const FIRST_INPUTS: &[&str] = &[
    "agenix",
    "disko",
    "home-manager",
    "impermanence",
    "microvm",
    "nixpkgs",
    "sops-nix",
];

/// What is not read, because it ends the evaluation.
#[derive(Debug, Default)]
struct LeftOut {
    undefaulted: BTreeSet<String>,
    closed: BTreeSet<String>,
    skipped: BTreeSet<String>,
}

impl LeftOut {
    /// Adds what the last trace before a failure names: an option's default first, the option itself
    /// when that was not it. False when there is nothing more to leave out.
    fn add(&mut self, trace: &str) -> bool {
        let Some((what, name)) = trace.split_once(' ') else {
            return false;
        };
        let name = name.to_owned();
        match what {
            "option" => self.undefaulted.insert(name.clone()) || self.skipped.insert(name),
            "below" => self.closed.insert(name.clone()) || self.skipped.insert(name),
            "package" => self.skipped.insert(name),
            _ => false,
        }
    }

    fn len(&self) -> usize {
        self.undefaulted.len() + self.closed.len() + self.skipped.len()
    }

    fn shown(&self) -> Vec<String> {
        let all: BTreeMap<&String, &str> = (self.undefaulted.iter().map(|n| (n, "its default")))
            .chain(self.closed.iter().map(|n| (n, "what is below it")))
            .chain(self.skipped.iter().map(|n| (n, "all of it")))
            .collect();
        all.into_iter()
            .map(|(name, what)| format!("{name} ({what})"))
            .collect()
    }
}

/// The text of `release.json`: what an index was read from.
pub fn release(lock: &Lock, nixpkgs: &str) -> anyhow::Result<String> {
    lines::release(&lock.inputs(), nixpkgs)
}

/// The path of Nix: what the user named, or `nix` from the search path.
pub fn nix_program(named: Option<&Path>) -> PathBuf {
    named.map_or_else(|| PathBuf::from("nix"), Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_left_out_with_each_failure() {
        let mut left_out = LeftOut::default();
        assert!(left_out.add("option a.b"));
        assert!(left_out.add("option a.b"));
        assert!(!left_out.add("option a.b"), "nothing more can be left out");
        assert!(left_out.add("below c d.e"));
        assert!(left_out.add("package x"));
        assert!(!left_out.add("noise"));
        assert_eq!(
            left_out.shown(),
            [
                "a.b (all of it)",
                "c d.e (what is below it)",
                "x (all of it)"
            ]
        );
    }

    #[test]
    fn the_expressions_are_formatted() {
        for (name, text) in EXPRESSIONS {
            assert_eq!(nix::format(text).unwrap(), *text, "{name}");
        }
    }
}
