//! The command: arguments, files, colour, progress and exit codes around a pure [`generate`].
//!
//! Flow: [`load`] reads the spec folder into [`Sources`]; [`generate`] makes the tree of files out of
//! them; `output` compares it with the disk and writes it.
//!
//! Invariants:
//! - [`generate`] is pure; commands, tests and xtask go through it alike.
//! - Only `console` prints, and only `load`, `git` and the commands that make files touch the disk
//!   beside `output`.
//! - Exit codes: 0 clean, 1 findings or drift, 2 the tool could not do its work.
#![allow(
    clippy::disallowed_methods,
    reason = "the command reads files and the environment"
)]

mod affected;
mod behind;
mod catalogs;
mod check;
pub mod cli;
mod commands;
mod console;
mod credentials;
mod edit;
pub mod evaluation;
pub mod facts;
mod fingerprint;
mod formatting;
mod generate;
mod git;
mod indexes;
mod kept;
mod linting;
mod load;
mod modules;
mod named;
mod origin;
mod panic;
pub mod places;
mod progress;
mod recipients;
mod status;
mod summary;
mod table;
mod text;
mod trees;
mod typed;
mod whence;
mod yaml;

pub use check::check;
pub use commands::why::{WhyLine, WhyLines};
pub use fingerprint::fingerprint;
pub use formatting::{Unformatted, format_yaml};
pub use generate::{Generated, generate};
pub use indexes::load_index;
pub use linting::{NixFiles, lint_generated, nix_files};
pub use load::{Sources, load, load_as};
