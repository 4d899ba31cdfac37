//! `gen man`: manual pages.

use camino::Utf8PathBuf;

use crate::cli;
use crate::console;
use crate::status::Status;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write the pages of all commands into this folder
    dir: Option<Utf8PathBuf>,
}

/// Prints or writes them.
pub(crate) fn run(args: &Args) -> anyhow::Result<Status> {
    if let Some(dir) = &args.dir {
        std::fs::create_dir_all(dir)?;
        clap_mangen::generate_to(cli::command(), dir)?;
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(cli::command()).render(&mut page)?;
        console::out(&String::from_utf8_lossy(&page))?;
    }
    Ok(Status::Clean)
}
