//! Stub.

use crate::cli::App;
use crate::status::Status;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_app: &App, _args: &Args) -> anyhow::Result<Status> {
    Ok(Status::Clean)
}
