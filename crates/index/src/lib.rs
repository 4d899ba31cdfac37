//! What exists: the options of NixOS, Home Manager and microVM guests, and the packages of nixpkgs, as
//! facts that were read from one release.
//!
//! - [`Index`] holds the facts; it is made of the texts that `gen index` writes.
//! - [`Options`] finds options by path, with `<name>` and `*` standing for names and list elements.
//! - [`Type`] tells whether a value may be what it is.
//! - [`check()`] walks a module and says what the module system would refuse.
//! - [`Packages`] knows the names of packages, and which of them need permission.
//!
//! The crate is pure: text in, findings out. An option's line is only parsed when it is asked for, so
//! that loading costs little more than finding the lines.

mod check;
mod options;
mod packages;
mod release;
mod suggest;
mod types;

pub use check::{Context, Declared, Finding, Scope, check};
pub use options::{OptionFacts, Options};
pub use packages::{PackageState, Packages, Policy, check_packages, check_pin};
pub use release::{Input, Release};
pub use types::Type;

/// Why an index cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("`{file}` is no index: {message}")]
pub struct IndexError {
    /// The file.
    pub file: String,
    /// What is wrong, with the line where it is known.
    pub message: String,
}

/// The facts about one release.
#[derive(Clone, Debug)]
pub struct Index {
    /// Options of NixOS, with those of the inputs' modules.
    pub nixos: Options,
    /// Options of Home Manager.
    pub home: Options,
    /// Options that only microVM guests have.
    pub microvm: Options,
    /// Packages.
    pub packages: Packages,
    /// What the facts were read from.
    pub release: Release,
}

/// The files of an index, by name.
pub const FILES: &[&str] = &[
    "options-nixos.json",
    "options-home.json",
    "options-microvm.json",
    "packages.json",
    "release.json",
];

/// The texts of an index.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    /// `options-nixos.json`.
    pub nixos: String,
    /// `options-home.json`.
    pub home: String,
    /// `options-microvm.json`.
    pub microvm: String,
    /// `packages.json`.
    pub packages: String,
    /// `release.json`.
    pub release: String,
}

impl Index {
    /// What is known about the option at a path of a module, names in place of `<name>`.
    pub fn option(&self, context: Context, path: &[String]) -> Option<OptionFacts> {
        check::lookup(self, context, path)
    }

    /// Reads the texts.
    ///
    /// # Errors
    ///
    /// When one of them is not what `gen index` writes.
    pub fn parse(texts: Texts) -> Result<Self, IndexError> {
        Ok(Self {
            nixos: Options::parse(FILES[0], texts.nixos)?,
            home: Options::parse(FILES[1], texts.home)?,
            microvm: Options::parse(FILES[2], texts.microvm)?,
            packages: Packages::parse(FILES[3], &texts.packages)?,
            release: Release::parse(FILES[4], &texts.release)?,
        })
    }
}
