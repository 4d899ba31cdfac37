//! `gen schema`: the JSON Schema of the spec.

use camino::Utf8PathBuf;

use crate::console;
use crate::status::Status;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write it to this file instead
    #[arg(long, short, value_name = "FILE")]
    output: Option<Utf8PathBuf>,
}

/// Prints or writes it.
pub(crate) fn run(args: &Args) -> anyhow::Result<Status> {
    let schema = schema();
    if let Some(path) = &args.output {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(
            path,
            format!("{}\n", serde_json::to_string_pretty(&schema)?),
        )?;
    } else {
        console::json(&schema)?;
    }
    Ok(Status::Clean)
}

/// The schema. It accepts anything until `spec` brings its own; this is the only place to change.
pub(crate) fn schema() -> serde_json::Value {
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Flakesmith fleet",
        "type": "object",
    })
}
