//! `gen check`: every finding, and whether the output is what the spec gives. Nothing is written.

use diag::{Diagnostic, Diagnostics, Format};
use output::{Entry, FileTree, Plan, State};

use crate::Generated;
use crate::cli::App;
use crate::console;
use crate::kept;
use crate::linting;
use crate::status::Status;
use crate::text::count;

/// Checks.
pub(crate) fn run(app: &App) -> anyhow::Result<Status> {
    let mut generated = app.generate()?;
    let target = app.target();
    let found = linting::lint_generated(&mut generated, &app.spec, |path| {
        target.show(path).into_string()
    });
    let Generated {
        sources,
        tree,
        mut diagnostics,
        ..
    } = generated;
    diagnostics.extend(found);
    let files = tree.as_ref().map_or(0, FileTree::len);
    if let Some(tree) = &tree {
        if output::needs_recovery(&target)? {
            diagnostics.push(
                Diagnostic::error("output-stale", None, "a run was stopped half-way")
                    .help("run `gen` to complete it"),
            );
        }
        let manifest = output::read_manifest(&target)?;
        let plan = kept::plan(&target, tree, manifest.as_ref(), &[])?;
        diagnostics.extend(drift(app, &plan)?);
    }
    console::report(app.format, &diagnostics, &sources)?;
    app.mention_index();
    let status = Status::of(&diagnostics);
    if status == Status::Clean {
        console::say(&format!(
            "clean: {} in {}",
            count(files, "file"),
            app.out_name()
        ));
    }
    Ok(status)
}

/// What the output lacks. People get a list and one finding, programs a finding for each file.
fn drift(app: &App, plan: &Plan) -> anyhow::Result<Diagnostics> {
    let mut diagnostics: Diagnostics = Diagnostics::new();
    let findings = if app.format == Format::Human {
        plan.brief()
    } else {
        plan.diagnostics()
    };
    for diagnostic in findings {
        // Files that are gone are among the stale ones.
        if diagnostic.code != "output-missing" {
            diagnostics.push(diagnostic);
        }
    }
    let target = app.target();
    let stale: Vec<(&Entry, &str)> = plan
        .entries()
        .iter()
        .filter_map(|e| Some((e, word(&e.state)?)))
        .collect();
    let help = "run `gen` to write it; `gen diff` shows what changes";
    if app.format != Format::Human {
        for (entry, word) in &stale {
            let message = format!("`{}` is stale: {word}", target.show(&entry.path));
            diagnostics.push(Diagnostic::error("output-stale", None, message).help(help));
        }
        return Ok(diagnostics);
    }
    if stale.is_empty() {
        return Ok(diagnostics);
    }
    let width = stale.iter().map(|(_, word)| word.len()).max().unwrap_or(0);
    let list: Vec<String> = stale
        .iter()
        .map(|(entry, word)| format!("{word:width$}  {}\n", target.show(&entry.path)))
        .collect();
    console::out(&list.concat())?;
    let verb = if stale.len() == 1 { "is" } else { "are" };
    let files = count(stale.len(), "file");
    let message = format!(
        "{files} in `{}` {verb} not what the spec gives",
        app.out_name()
    );
    diagnostics.push(Diagnostic::error("output-stale", None, message).help(help));
    Ok(diagnostics)
}

/// What is wrong with a file that the next run would write or remove.
fn word(state: &State) -> Option<&'static str> {
    match state {
        State::Create => Some("not written yet"),
        State::Missing => Some("deleted by hand"),
        State::Update => Some("out of date"),
        State::ModeOnly => Some("wrong mode"),
        State::Remove => Some("no longer generated"),
        _ => None,
    }
}
