//! `gen schema`: the JSON Schema of the spec, with this fleet's names.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use diag::{Diagnostics, SourceMap};
use spec::Spec;
use spec::ast::Feature;
use spec::schema::Names;

use crate::cli::App;
use crate::console;
use crate::status::Status;

/// The schema's file in the spec folder; hidden, so that it is no part of the spec.
pub(crate) const FILE: &str = ".schema.json";

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write it to this file instead
    #[arg(long, short, value_name = "FILE")]
    output: Option<Utf8PathBuf>,
}

/// Prints or writes it. A spec that is not there or not right gives the names that it has.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    let sources = app.load()?;
    let (spec, _) = sources.whole_spec(&mut Diagnostics::new());
    let text = text(&spec)?;
    match &args.output {
        None => console::out(&text)?,
        Some(path) => write(path, &text)?,
    }
    Ok(Status::Clean)
}

/// Brings the schema's file in the spec folder up to date, where there is one.
pub(crate) fn refresh(app: &App, spec: &Spec) -> anyhow::Result<()> {
    let path = app.spec.join(FILE);
    let Ok(old) = fs::read_to_string(&path) else {
        return Ok(());
    };
    let new = text(spec)?;
    if old != new {
        write(&path, &new)?;
        console::say(&format!("updated {path}"));
    }
    Ok(())
}

/// The schema for a spec and the whole catalog.
pub(crate) fn text(spec: &Spec) -> anyhow::Result<String> {
    let mut sources = SourceMap::new();
    let mut diagnostics = Diagnostics::new();
    let features: Vec<(&str, Feature)> = catalog::entries()
        .iter()
        .filter_map(|entry| Some((entry.id, entry.decode(&mut sources, &mut diagnostics).1?)))
        .collect();
    let mut names = Names::new(spec, features.iter().map(|(id, feature)| (*id, feature)));
    names.rules = lint::RULES
        .iter()
        .map(|rule| rule.name().to_owned())
        .collect();
    Ok(format!(
        "{}\n",
        serde_json::to_string_pretty(&spec::schema::schema(&names))?
    ))
}

fn write(path: &Utf8Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_str().is_empty());
    folder
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| anyhow::anyhow!("cannot write `{path}`: {error}"))
}
