//! Existing NixOS repositories, read into a spec.
//!
//! Flow: [`Repo`] → [`import`]: find the hosts (`flake`), take their modules apart (`unit`), recognise
//! facts (`facts`), and write what is left as settings, features of the spec, or modules by hand.
//!
//! Invariants:
//! - Pure: files in memory go in, files and a report come out.
//! - Nothing is guessed. A value is written only if the text says what it is; everything else stays
//!   Nix, or is named in the report.
//! - Hashes of passwords are never written to YAML.

mod assemble;
mod data;
mod eval;
mod facts;
mod flake;
mod hardware;
mod layouts;
mod repo;
mod report;
mod secrets;
mod unit;
mod yaml;

pub use assemble::{Imported, Layouts, Options, import};
pub use hardware::{HardwareProblem, hardware};
pub use repo::Repo;
pub use report::{Report, Share};
pub use yaml::{Yaml, document};
