//! Anti-patterns in Nix code, found without running Nix.
//!
//! [`lint_tree`] is the one way in: files in memory, a [`Config`] and [`OptionFacts`] give a
//! [`Report`]. Each file is parsed once and walked once; a table says which rules want which kinds of
//! nodes. What rules about modules and whole trees need is read off on the way, as plain data.
//!
//! Invariants:
//! - Pure: no files, environment or clock. The same files give the same findings in the same order.
//! - A rule is a file in `rules/` with its documentation, its check and its cases.
//! - Fixes keep what the code means; whoever applies them goes through [`fix`], which reads the
//!   result back.
//! - No text, however broken, makes this panic.

mod check;
mod config;
pub mod credential;
mod facts;
mod finding;
mod fix;
mod glob;
mod hash;
mod module;
mod page;
mod registry;
mod rule;
mod rules;
mod run;
mod scope;
mod suppress;
mod syntax;
mod tree;

#[cfg(test)]
mod testing;

pub use config::{Config, Exception, Level, UnknownRule};
pub use facts::{Context, Literal, NoFacts, OptionFacts};
pub use finding::{Edit, Finding, Place};
pub use fix::{Fixed, fix};
pub use page::page;
pub use registry::{RULES, rule};
pub use rule::{Docs, Example, Rule, examples};
pub use run::{Report, lint_tree};
