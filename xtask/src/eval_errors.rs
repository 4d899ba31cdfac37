//! `cargo xtask eval-errors`: evaluates the wrong specs of `golden/eval-errors` with a real Nix and
//! records what it says, so that the tests of `gen eval` need neither Nix nor nixpkgs.
//!
//! A case is a spec (`spec.yaml` or `spec/`); `<machine>.stderr` beside it is the record. A case with a
//! file `locked` is evaluated as users do, without the lab's inputs: with the text `git` in it, in a work
//! tree of git that knows nothing but the spec.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, bail};
use camino::{Utf8Path, Utf8PathBuf};
use flakesmith::evaluation::{
    Blame, Evaluator, Inputs, Outcome, findings, machines, read, shorten,
};
use flakesmith::{generate, load_as};

use crate::{Outcome as TaskOutcome, lab, workspace};

/// Where a record says the flake is.
pub const ROOT: &str = "/flake";

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these cases
    cases: Vec<String>,
}

/// Evaluates and records.
pub fn run(args: &Args) -> anyhow::Result<TaskOutcome> {
    let lab = lab::find()?;
    let golden = workspace::root().join("golden/eval-errors");
    let golden = Utf8PathBuf::try_from(golden)?;
    let mut cases: Vec<String> = golden
        .read_dir_utf8()?
        .map(|entry| Ok(entry?.file_name().to_owned()))
        .collect::<anyhow::Result<_>>()?;
    cases.retain(|case| args.cases.is_empty() || args.cases.contains(case));
    cases.sort();
    let mut problems = 0;
    for case in &cases {
        match record(&lab, &golden.join(case)) {
            Ok(said) => println!("{case}: {said}"),
            Err(error) => {
                problems += 1;
                println!("{case}: {error:#}");
            }
        }
    }
    println!(
        "{} cases; the findings: cargo xtask golden --accept",
        cases.len()
    );
    Ok(TaskOutcome::of(problems))
}

fn record(lab: &lab::Lab, case: &Utf8Path) -> anyhow::Result<String> {
    let work = tempfile::Builder::new()
        .prefix("gen-eval-errors-")
        .tempdir()?;
    let work = Utf8PathBuf::try_from(work.path().canonicalize()?)?;
    let spec = work.join("spec");
    fs::create_dir(&spec)?;
    if case.join("spec").is_dir() {
        for entry in case.join("spec").read_dir_utf8()? {
            let entry = entry?;
            fs::copy(entry.path(), spec.join(entry.file_name()))?;
        }
    } else {
        fs::copy(case.join("spec.yaml"), spec.join("spec.yaml"))?;
    }
    let flake = work.join("generated");
    let generated = generate(load_as(&spec, &flake, Utf8Path::new("spec")));
    let Some(tree) = &generated.tree else {
        bail!("gen refuses it already, Nix is not asked");
    };
    for (path, file) in tree.iter() {
        let path = flake.join(path);
        fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        fs::write(path, &file.bytes)?;
    }
    let how = fs::read_to_string(case.join("locked")).ok();
    if how.as_deref().map(str::trim) == Some("git") {
        for command in [&["init", "-q"][..], &["add", "spec"]] {
            let done = Command::new("git")
                .current_dir(&work)
                .args(command)
                .status()?;
            if !done.success() {
                bail!("git fails");
            }
        }
    }
    let inputs = match &how {
        Some(_) => Inputs::Locked,
        None => Inputs::Folder(lab.pool.clone()),
    };
    let evaluator = Evaluator::new(&lab.nix, flake.as_std_path(), &inputs)?;
    for entry in case.read_dir_utf8()? {
        let entry = entry?;
        if entry.path().extension() == Some("stderr") {
            fs::remove_file(entry.path())?;
        }
    }
    let mut said = Vec::new();
    let mut keep = |name: &str, outcome: &Outcome| -> anyhow::Result<()> {
        let is_ours = |file: &str| file.starts_with(flake.as_str());
        let short = shorten(&outcome.stderr, is_ours).replace(flake.as_str(), ROOT);
        // What is left out must not matter.
        let whole = outcome.stderr.replace(flake.as_str(), ROOT);
        let blamed = |text: &str| {
            let mut blame = Blame::new(&generated, "generated", vec![ROOT.to_owned()]);
            findings(&mut blame, &[(name, &read(text))])
        };
        if blamed(&whole) != blamed(&short) {
            bail!("the shortened trace of `{name}` leads elsewhere");
        }
        let short = short.replace(work.as_str(), "/work");
        fs::write(case.join(format!("{name}.stderr")), short)?;
        said.push(format!(
            "{name} {}",
            if outcome.is_ok { "evaluates" } else { "fails" }
        ));
        Ok(())
    };
    if let Err(outcome) = evaluator.locate()? {
        keep("flake", &outcome)?;
        return Ok(said.join(", "));
    }
    for machine in machines(&generated.fleet) {
        let outcome = evaluator.evaluate(&machine)?;
        if !outcome.is_ok || !outcome.said.warnings.is_empty() {
            keep(&machine.name, &outcome)?;
        }
    }
    if said.is_empty() {
        bail!("nothing fails");
    }
    Ok(said.join(", "))
}
