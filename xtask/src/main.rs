//! Chores of the project: `cargo xtask TASK`.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::run()
}
