//! `cargo xtask golden`: the golden tests, and the one command that accepts what they give.

use anyhow::Context as _;

use crate::{Outcome, workspace};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write what the tests give as what they expect from now on; look at `git diff` afterwards
    #[arg(long)]
    accept: bool,
    /// Only tests whose name contains this
    filter: Option<String>,
}

/// Runs them. Expected trees belong to `gen`, snapshots to any crate.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let mut command = workspace::cargo();
    command.args(["test", "--workspace", "--exclude=xtask", "--no-fail-fast"]);
    command.args(&args.filter);
    command.env("INSTA_UPDATE", if args.accept { "always" } else { "no" });
    if args.accept {
        command.env("GOLDEN_UPDATE", "1");
    } else {
        command.env_remove("GOLDEN_UPDATE");
    }
    let status = command.status().context("cannot run cargo")?;
    if !status.success() && !args.accept {
        eprintln!("where the new output is right: cargo xtask golden --accept");
    }
    Ok(Outcome::of(usize::from(!status.success())))
}
