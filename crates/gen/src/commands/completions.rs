//! `gen completions`: completions for a shell.

use clap_complete::Shell;

use crate::cli;
use crate::console;
use crate::status::Status;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(args: &Args) -> anyhow::Result<Status> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::command(), "gen", &mut script);
    console::out(&String::from_utf8_lossy(&script))?;
    Ok(Status::Clean)
}
