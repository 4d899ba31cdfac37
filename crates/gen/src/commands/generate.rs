//! `gen`: generate and apply.

use clap::ValueEnum;
use diag::Format;
use output::{Applied, FileTree, Manifest, Meta, Options, Outcome, Plan};

use crate::cli::App;
use crate::commands::schema;
use crate::console;
use crate::status::Status;
use crate::text::{count, shell_word};
use crate::{Generated, fingerprint, git, kept, typed};

/// New files that are named one by one; of more, the folder is.
const MOST_NAMED: usize = 4;

/// Arguments of `gen` without a command.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Write this file, or all below this folder, whatever is in it now
    #[arg(long, value_name = "FILE")]
    overwrite: Vec<String>,
    /// Print a stage of the generation instead of writing
    #[arg(long, value_name = "STAGE", conflicts_with = "overwrite")]
    emit: Option<Stage>,
}

impl Args {
    /// Whether any of them is given.
    pub(crate) fn is_given(&self) -> bool {
        self.emit.is_some() || !self.overwrite.is_empty()
    }
}

/// A stage of the generation.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Stage {
    /// The spec as read, for debugging
    Spec,
    /// The resolved fleet, as JSON
    Model,
    /// The files, as JSON: path and text
    View,
}

/// Generates and writes.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    if let Some(stage) = args.emit {
        return emit(app, stage);
    }
    let target = app.target();
    let options = Options {
        brief: app.format == Format::Human,
        ..Options::default()
    };
    let recovered = output::recover(&target, &options)?;
    if recovered.completed {
        console::say("completed a run that was stopped half-way");
    }
    let manifest = output::read_manifest(&target)?;
    let sources = app.load()?;
    let fingerprint = fingerprint(&sources);
    if let Some(manifest) = &manifest
        && args.overwrite.is_empty()
        && sources.diagnostics.is_empty()
        && recovered.diagnostics.is_empty()
        && is_current(manifest, &fingerprint)
        && output::verify(&target, manifest)?
    {
        console::report(app.format, &sources.diagnostics, &sources.map)?;
        let files = count(manifest.files.len(), "file");
        console::say(&format!("unchanged: {files} in {}", app.out_name()));
        return Ok(Status::Clean);
    }
    let generated = app.generate_from(sources)?;
    let Generated {
        sources,
        spec,
        tree,
        mut diagnostics,
        ..
    } = generated;
    let Some(tree) = tree else {
        console::report(app.format, &diagnostics, &sources)?;
        console::say("nothing was written");
        return Ok(Status::of(&diagnostics));
    };
    let meta = Meta {
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        fingerprint,
        clean: diagnostics.is_empty(),
        ..Meta::default()
    };
    let plan = kept::plan(&target, &tree, manifest.as_ref(), &args.overwrite)?;
    let applied = output::apply(&target, &plan, &tree, &meta, &options)?;
    diagnostics.extend(recovered.diagnostics);
    diagnostics.extend(applied.diagnostics.clone());
    console::report(app.format, &diagnostics, &sources)?;
    console::say(&summary(app, &plan, &applied));
    app.mention_index();
    if applied.outcome != Outcome::Refused {
        // The output is written; an editor's schema that cannot be is no failure.
        if let Err(error) = schema::refresh(app, &spec) {
            console::say(&format!("the editor's schema is not fresh: {error}"));
        }
    }
    if applied.outcome == Outcome::Written
        && let Some(hint) = untracked(app, &tree)
    {
        console::say(&hint);
    }
    Ok(Status::of(&diagnostics))
}

/// Whether the last run wrote what this one would.
pub(crate) fn is_current(manifest: &Manifest, fingerprint: &str) -> bool {
    manifest.clean
        && manifest.fingerprint == fingerprint
        && manifest.tool == env!("CARGO_PKG_VERSION")
}

fn summary(app: &App, plan: &Plan, applied: &Applied) -> String {
    let unchanged = plan.counts().unchanged;
    let folder = app.out_name();
    match applied.outcome {
        Outcome::Refused => "nothing was written".to_owned(),
        Outcome::Unchanged => format!("unchanged: {} in {folder}", count(unchanged, "file")),
        Outcome::Written => {
            let parts = [
                (applied.created.len(), "created"),
                (applied.updated.len(), "updated"),
                (applied.removed.len(), "removed"),
                (applied.kept.len(), "kept"),
                (unchanged, "unchanged"),
            ];
            let parts = parts
                .iter()
                .filter(|(n, _)| *n > 0)
                .map(|(n, word)| format!("{n} {word}"));
            format!(
                "generated: {} in {folder}",
                parts.collect::<Vec<_>>().join(", ")
            )
        }
    }
}

/// The line that makes git show new files to Nix.
pub(crate) fn untracked(app: &App, tree: &FileTree) -> Option<String> {
    let untracked = git::untracked(&app.out);
    let ours: Vec<&String> = untracked
        .iter()
        .filter(|p| tree.get(p).is_some() || p.starts_with(".gen/"))
        .collect();
    if ours.is_empty() {
        return None;
    }
    let target = app.target();
    let words: Vec<String> = if ours.len() > MOST_NAMED {
        vec![shell_word(target.show("").as_str())]
    } else {
        ours.iter()
            .map(|path| shell_word(target.show(path).as_str()))
            .collect()
    };
    let files = count(ours.len(), "new file");
    let add = typed::command(&format!("git add -N {}", words.join(" ")));
    let them = if ours.len() == 1 { "it" } else { "them" };
    Some(format!(
        "git does not track {files} yet, so Nix does not see {them}: {add}"
    ))
}

fn emit(app: &App, stage: Stage) -> anyhow::Result<Status> {
    let generated = app.generate()?;
    match stage {
        Stage::Spec => console::out(&format!("{:#?}\n", generated.spec))?,
        Stage::Model => console::json(&generated.fleet)?,
        Stage::View => {
            let views = render::views(&generated.fleet).map_err(anyhow::Error::new)?;
            console::json(&views)?;
        }
    }
    // The stage has standard output for itself.
    console::report(Format::Human, &generated.diagnostics, &generated.sources)?;
    Ok(Status::of(&generated.diagnostics))
}
