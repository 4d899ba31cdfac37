//! Living with a fleet: `gen eval`, `gen fmt`, `gen graph` and `gen watch`, as people and programs meet
//! them: the real binary in folders of its own.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests read files, start programs, and say what they skip"
)]

mod eval;
mod eval_errors;
mod fmt;
mod graph;
#[path = "../support/mod.rs"]
mod support;
mod watch;

use std::path::PathBuf;

/// A program, if this machine has it. With `GEN_REQUIRE_TOOLS` it must be there.
fn tool(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|program| program.is_file());
    if found.is_none() {
        assert!(
            std::env::var_os("GEN_REQUIRE_TOOLS")
                .is_none_or(|value| value.is_empty() || value == "0"),
            "there is no `{}`",
            names[0]
        );
        eprintln!("skipped: there is no `{}`", names[0]);
    }
    found
}
