//! The output folder under every hand that may touch it.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests read and write files, print and panic"
)]

mod conflicts;
mod diffs;
mod faults;
mod kill;
mod lab;
mod links;
mod locks;
mod manifests;
mod sizes;
mod states;
mod trees;
