//! The commands, a file each: arguments, and a `run` that gives a status.

pub(crate) mod affected;
pub(crate) mod catalog;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod diff;
pub(crate) mod eject;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod generate;
pub(crate) mod graph;
pub(crate) mod import;
pub(crate) mod index;
pub(crate) mod init;
pub(crate) mod lint;
pub(crate) mod list;
pub(crate) mod man;
pub(crate) mod migrate;
pub(crate) mod new;
pub(crate) mod rename;
pub(crate) mod schema;
pub(crate) mod stats;
pub(crate) mod summary;
pub(crate) mod watch;
pub(crate) mod why;
