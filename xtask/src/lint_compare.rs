//! `cargo xtask lint-compare PATH`: `gen lint` beside statix and deadnix on one configuration, by rule
//! and by place.
//!
//! The other tools are found in the path, or named by `STATIX` and `DEADNIX`; one that is not there is
//! left out. A place is a file and a line; two tools agree where both find something of the same kind
//! on it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

use crate::codegen::markdown::table;
use crate::{Outcome, workspace};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A folder with Nix files
    path: PathBuf,
    /// List each of our findings
    #[arg(long)]
    list: bool,
}

/// A finding of ours.
#[derive(Debug, Deserialize)]
struct Ours {
    code: String,
    message: String,
    file: Option<String>,
    line: Option<usize>,
}

/// Rule → places.
type Found = BTreeMap<String, BTreeSet<(String, usize)>>;

/// Compares and prints a table.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let path = args
        .path
        .canonicalize()
        .context("there is no such folder")?;
    let gen_path = workspace::build_gen(false)?;
    let output = Command::new(&gen_path)
        .args(["--spec", "/nonexistent", "lint", "--format", "json", "."])
        .current_dir(&path)
        .stdin(Stdio::null())
        .output()?;
    let findings: Vec<Ours> =
        serde_json::from_slice(&output.stdout).context("gen lint wrote no JSON")?;
    let mut ours = Found::new();
    for finding in &findings {
        let rule = finding.code.trim_start_matches("lint/").to_owned();
        let place = (
            finding.file.clone().unwrap_or_default(),
            finding.line.unwrap_or(0),
        );
        if args.list {
            println!("{}:{} {rule}: {}", place.0, place.1, finding.message);
        }
        ours.entry(rule).or_default().insert(place);
    }
    let statix = statix(&path);
    let deadnix = deadnix(&path);
    let theirs: BTreeSet<&(String, usize)> = [&statix, &deadnix]
        .into_iter()
        .flatten()
        .flat_map(BTreeMap::values)
        .flatten()
        .collect();
    let rows: Vec<Vec<String>> = ours
        .iter()
        .map(|(rule, places)| {
            let shared = places.iter().filter(|place| theirs.contains(place)).count();
            vec![
                rule.clone(),
                places.len().to_string(),
                shared.to_string(),
                (places.len() - shared).to_string(),
            ]
        })
        .collect();
    print!(
        "{}",
        table(
            &["gen lint", "places", "found by others", "only ours"],
            &rows
        )
    );
    let own: BTreeSet<&(String, usize)> = ours.values().flatten().collect();
    for (name, found) in [("statix", &statix), ("deadnix", &deadnix)] {
        let Some(found) = found else {
            println!("\n{name} is not there");
            continue;
        };
        let rows: Vec<Vec<String>> = found
            .iter()
            .map(|(rule, places)| {
                let shared = places.iter().filter(|place| own.contains(place)).count();
                vec![rule.clone(), places.len().to_string(), shared.to_string()]
            })
            .collect();
        print!("\n{}", table(&[name, "places", "found by gen lint"], &rows));
    }
    Ok(Outcome::Clean)
}

fn tool(variable: &str, name: &str) -> Command {
    Command::new(std::env::var_os(variable).unwrap_or_else(|| name.into()))
}

fn statix(path: &std::path::Path) -> Option<Found> {
    let output = tool("STATIX", "statix")
        .args(["check", "-o", "json", "."])
        .current_dir(path)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let mut found = Found::new();
    let files = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    for file in files.filter_map(Result::ok) {
        let name = file["file"]
            .as_str()
            .unwrap_or_default()
            .trim_start_matches("./")
            .to_owned();
        for report in file["report"].as_array().into_iter().flatten() {
            let rule = report["note"].as_str().unwrap_or_default().to_owned();
            for diagnostic in report["diagnostics"].as_array().into_iter().flatten() {
                let line = diagnostic["at"]["from"]["line"].as_u64().unwrap_or(0);
                let line = usize::try_from(line).unwrap_or(0);
                found
                    .entry(rule.clone())
                    .or_default()
                    .insert((name.clone(), line));
            }
        }
    }
    Some(found)
}

fn deadnix(path: &std::path::Path) -> Option<Found> {
    let output = tool("DEADNIX", "deadnix")
        .args(["--output-format", "json", "."])
        .current_dir(path)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let mut found = Found::new();
    let files = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    for file in files.filter_map(Result::ok) {
        let name = file["file"]
            .as_str()
            .unwrap_or_default()
            .trim_start_matches("./")
            .to_owned();
        for result in file["results"].as_array().into_iter().flatten() {
            let message = result["message"].as_str().unwrap_or_default();
            let kind = message.split(':').next().unwrap_or(message).to_owned();
            let line = result["line"].as_u64().unwrap_or(0);
            let line = usize::try_from(line).unwrap_or(0);
            found.entry(kind).or_default().insert((name.clone(), line));
        }
    }
    Some(found)
}
