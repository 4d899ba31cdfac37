//! The `gen` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    flakesmith::cli::run(std::env::args_os())
}
