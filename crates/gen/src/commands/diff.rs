//! `gen diff`: what applying would change. Nothing is written.

use diag::Severity;
use output::{Entry, Plan};

use crate::Generated;
use crate::cli::App;
use crate::commands::summary;
use crate::console;
use crate::kept;
use crate::status::Status;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these files, or all below these folders
    #[arg(value_name = "FILE")]
    paths: Vec<String>,
    /// A line for each file instead of the changes
    #[arg(long, conflicts_with = "paths")]
    stat: bool,
    /// What changes on which hosts, in words; `--format markdown` is for a pull request
    #[arg(long, conflicts_with_all = ["paths", "stat"])]
    summary: bool,
    /// Compare with this revision instead of the output folder as it is
    #[arg(long, value_name = "REV", requires = "summary")]
    since: Option<String>,
}

impl Args {
    /// Whether the summary is asked for.
    pub(crate) fn is_summary(&self) -> bool {
        self.summary
    }
}

/// Shows the difference.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    if args.summary {
        return summary::run(app, args.since.as_deref());
    }
    anyhow::ensure!(
        app.format != diag::Format::Json,
        "changes of files are text; `gen diff --summary --format json` gives what changes as data"
    );
    let Generated {
        sources,
        tree,
        diagnostics,
        ..
    } = app.generate()?;
    let has_findings = diagnostics.iter().any(|d| d.severity != Severity::Note);
    if has_findings || tree.is_none() {
        // With machine formats too: the difference has standard output for itself.
        console::report(diag::Format::Human, &diagnostics, &sources)?;
    }
    let Some(tree) = tree else {
        return Ok(Status::of(&diagnostics));
    };
    let target = app.target();
    let manifest = output::read_manifest(&target)?;
    let plan = kept::plan(&target, &tree, manifest.as_ref(), &[])?;
    let text = if args.stat {
        output::stat(&plan, &tree, &target)?
    } else if args.paths.is_empty() {
        output::unified_diff(&plan, &tree, &target)?
    } else {
        let mut text = String::new();
        for entry in named(app, &plan, &args.paths)? {
            text.push_str(&output::entry_diff(entry, &tree, &target)?);
        }
        text
    };
    console::diff(&text)?;
    let drift = if text.is_empty() {
        Status::Clean
    } else {
        Status::Findings
    };
    Ok(drift.max(Status::of(&diagnostics)))
}

/// The entries that the arguments name, as messages show them or relative to the output folder.
fn named<'a>(app: &App, plan: &'a Plan, paths: &[String]) -> anyhow::Result<Vec<&'a Entry>> {
    let target = app.target();
    let below = |path: &str, folder: &str| {
        path.strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mut found = vec![false; paths.len()];
    let mut entries = Vec::new();
    for entry in plan.entries() {
        let shown = target.show(&entry.path);
        let mut wanted = false;
        for (path, found) in paths.iter().zip(&mut found) {
            let path = path.trim_start_matches("./").trim_end_matches('/');
            if below(shown.as_str(), path) || below(&entry.path, path) {
                wanted = true;
                *found = true;
            }
        }
        if wanted && entry.differs() {
            entries.push(entry);
        }
    }
    match paths.iter().zip(found).find(|(_, found)| !found) {
        Some((path, _)) => anyhow::bail!("`{path}` is no generated file"),
        None => Ok(entries),
    }
}
