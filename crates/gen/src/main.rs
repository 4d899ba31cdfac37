//! The `gen` command.

use std::process::ExitCode;

/// Parsing and formatting allocate much; this allocator halves their time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    flakesmith::cli::run(std::env::args_os())
}
