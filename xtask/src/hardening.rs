//! `cargo xtask hardening`: how well the services that the catalog defines are shut in, on record.
//!
//! The units are read back from a real Nix, so that what is scored is what a machine gets, and
//! `systemd-analyze security --offline` scores them. Services of nixpkgs that a feature only adds to
//! are not among them.
//!
//! The record, `golden/hardening.json`, holds the hash of each module that may define a service, so
//! that `--check`, which needs neither Nix nor systemd, finds one that changed since.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

use crate::fleets::{self, Fleet};
use crate::{Outcome, lab, workspace};

/// Reads the units of a flake back.
const UNITS: &str = include_str!("hardening/units.nix");
/// The most that systemd may find open, of 10.
const LIMIT: f64 = 3.0;
/// How the header of a module of the catalog goes on.
const CATALOG: &str = "from the built-in catalog";
/// What a module has that defines a service.
const MARKS: [&str; 2] = ["ExecStart", "script = "];

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only check that the record is of the modules as they are; needs no Nix
    #[arg(long)]
    check: bool,
}

/// `golden/hardening.json`.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Record {
    /// Module → its hash.
    modules: BTreeMap<String, String>,
    /// Service → what is known of it.
    services: BTreeMap<String, Service>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Service {
    module: String,
    exposure: f64,
}

/// A service as Nix gives it.
#[derive(Debug, Deserialize)]
struct Unit {
    name: String,
    module: String,
    text: String,
}

/// Scores and records, or checks the record.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let fleets = fleets::outputs()?;
    let modules = modules(&fleets)?;
    let reasons = reasons()?;
    let mut problems = Vec::new();
    let record = if args.check {
        let record = read()?;
        problems.extend(stale(&record, &modules));
        record
    } else {
        let record = Record {
            services: score(&fleets, &modules)?,
            modules: modules.clone(),
        };
        write(&record, &reasons)?;
        record
    };
    problems.extend(too_open(&record, &reasons));
    if args.check
        && fs::read_to_string(table_path()).unwrap_or_default() != table(&record, &reasons)
    {
        problems.push(format!("{} is not fresh", workspace::shown(&table_path())));
    }
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.is_empty() {
        println!("services that are shut in: {}", record.services.len());
    } else if args.check {
        eprintln!("to score what has changed: cargo xtask hardening");
    }
    Ok(Outcome::of(problems.len()))
}

fn record_path() -> PathBuf {
    workspace::root().join("golden/hardening.json")
}

fn reasons_path() -> PathBuf {
    workspace::root().join("golden/hardening-reasons.txt")
}

fn table_path() -> PathBuf {
    workspace::root().join("docs/systems/hardening-scores.md")
}

fn read() -> anyhow::Result<Record> {
    let path = record_path();
    let text = fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", workspace::shown(&path)))?;
    serde_json::from_str(&text).with_context(|| format!("{} is damaged", workspace::shown(&path)))
}

fn write(record: &Record, reasons: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let text = format!("{}\n", serde_json::to_string_pretty(record)?);
    fs::write(record_path(), text)?;
    let path = table_path();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, table(record, reasons)).context("cannot write the table")
}

/// Services that may be open wider, with the reason: `NAME: REASON`, one a line.
fn reasons() -> anyhow::Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(reasons_path()).unwrap_or_default();
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (name, reason) = line
                .split_once(": ")
                .with_context(|| format!("`{line}` is not NAME: REASON"))?;
            Ok((name.to_owned(), reason.to_owned()))
        })
        .collect()
}

/// The catalog's modules that may define a service, with their hashes, as the first fleet has them.
fn modules(fleets: &[Fleet]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut modules = BTreeMap::new();
    for fleet in fleets {
        for (path, text) in candidates(&fleet.tree)? {
            let hash = Sha256::digest(text);
            let hash: Vec<String> = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            modules.entry(path).or_insert_with(|| hash.concat());
        }
    }
    Ok(modules)
}

fn candidates(tree: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for entry in WalkDir::new(tree.join("modules")).sort_by_file_name() {
        let Ok(entry) = entry else { continue };
        if !entry.file_type().is_file() {
            continue;
        }
        let text = fs::read_to_string(entry.path())?;
        let is_ours = text
            .lines()
            .next()
            .is_some_and(|line| line.contains(CATALOG));
        if is_ours && MARKS.iter().any(|mark| text.contains(mark)) {
            let below = entry.path().strip_prefix(tree)?;
            found.insert(below.to_string_lossy().into_owned(), text);
        }
    }
    Ok(found)
}

/// The modules that a file imports, at any depth.
fn imported(file: &Path, seen: &mut BTreeSet<PathBuf>) {
    let file = if file.is_dir() {
        file.join("default.nix")
    } else {
        file.to_owned()
    };
    let (Ok(file), Some(folder)) = (file.canonicalize(), file.parent()) else {
        return;
    };
    let Ok(text) = fs::read_to_string(&file) else {
        return;
    };
    if !seen.insert(file.clone()) {
        return;
    }
    for word in text.split_whitespace() {
        if word.starts_with("./") || word.starts_with("../") {
            imported(&folder.join(word.trim_end_matches(';')), seen);
        }
    }
}

/// Machines of a fleet that have modules which no machine before had.
fn machines(fleet: &Fleet, left: &mut BTreeSet<String>) -> anyhow::Result<Vec<String>> {
    let mut machines = Vec::new();
    for entry in WalkDir::new(fleet.tree.join("hosts"))
        .max_depth(1)
        .min_depth(1)
        .sort_by_file_name()
    {
        let entry = entry?;
        let mut seen = BTreeSet::new();
        imported(entry.path(), &mut seen);
        let tree = fleet.tree.canonicalize()?;
        let has: BTreeSet<String> = seen
            .iter()
            .filter_map(|file| {
                Some(
                    file.strip_prefix(&tree)
                        .ok()?
                        .to_string_lossy()
                        .into_owned(),
                )
            })
            .filter(|path| left.contains(path))
            .collect();
        if !has.is_empty() {
            left.retain(|path| !has.contains(path));
            machines.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(machines)
}

/// Reads all services back and scores each; of several machines the worst counts.
fn score(
    fleets: &[Fleet],
    modules: &BTreeMap<String, String>,
) -> anyhow::Result<BTreeMap<String, Service>> {
    let lab = lab::find()?;
    let folder = tempfile::tempdir()?;
    let expression = folder.path().join("units.nix");
    fs::write(&expression, UNITS)?;
    let mut left: BTreeSet<String> = modules.keys().cloned().collect();
    let mut services: BTreeMap<String, Service> = BTreeMap::new();
    for fleet in fleets {
        let machines = machines(fleet, &mut left)?;
        if machines.is_empty() {
            continue;
        }
        println!("{}: {}", fleet.name, machines.join(", "));
        let mut add = Command::new(&lab.nix);
        add.args(["store", "add", "--name", "source"])
            .arg(&fleet.tree);
        let tree = workspace::output(&mut add)?;
        let text = |path: &Path| nix::string(&path.display().to_string());
        let names: Vec<String> = machines.iter().map(|name| nix::string(name)).collect();
        let found = lab.evaluate(&format!(
            "let tree = {tree}; flake = (import {call} {{ pool = {pool}; }}) (builtins.storePath tree); in \
             import {units} {{ inherit tree flake; machines = [ {names} ]; }}",
            tree = nix::string(tree.trim()),
            call = text(&lab.call_flake),
            pool = text(&lab.pool),
            units = text(&expression),
            names = names.join(" "),
        ))?;
        let found: BTreeMap<String, Vec<Unit>> = serde_json::from_value(found)?;
        for unit in found.into_values().flatten() {
            let exposure = exposure(folder.path(), &unit)?;
            let known = services.entry(unit.name).or_insert(Service {
                module: unit.module,
                exposure,
            });
            known.exposure = known.exposure.max(exposure);
        }
    }
    if services.is_empty() {
        bail!("no service was read back");
    }
    Ok(services)
}

/// What systemd says of a unit: 0 is shut, 10 is open.
fn exposure(folder: &Path, unit: &Unit) -> anyhow::Result<f64> {
    let file = folder.join(format!("{}.service", unit.name.replace('/', "-")));
    fs::write(&file, &unit.text)?;
    let mut analyze = Command::new("systemd-analyze");
    analyze
        .args(["security", "--offline=true", "--no-pager"])
        .arg(&file);
    let said = workspace::output(&mut analyze)?;
    let line = said
        .lines()
        .find(|line| line.contains("Overall exposure level"))
        .with_context(|| format!("systemd-analyze says nothing of {}", unit.name))?;
    line.rsplit(": ")
        .next()
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("`{line}` has no number"))
}

fn stale(record: &Record, modules: &BTreeMap<String, String>) -> Vec<String> {
    let changed = modules
        .iter()
        .filter(|(path, hash)| record.modules.get(*path) != Some(hash))
        .map(|(path, _)| format!("{path}: changed since its services were scored"));
    let gone = record
        .modules
        .keys()
        .filter(|path| !modules.contains_key(*path))
        .map(|path| format!("{path}: on record, but there is no such module"));
    changed.chain(gone).collect()
}

fn too_open(record: &Record, reasons: &BTreeMap<String, String>) -> Vec<String> {
    let open = record
        .services
        .iter()
        .filter(|(name, it)| it.exposure > LIMIT && !reasons.contains_key(*name))
        .map(|(name, it)| {
            format!(
                "{name}.service of {} is open to {:.1}, more than {LIMIT:.1}; shut it in, or give the reason in {}",
                it.module,
                it.exposure,
                workspace::shown(&reasons_path())
            )
        });
    let idle = reasons
        .keys()
        .filter(|name| {
            record
                .services
                .get(*name)
                .is_none_or(|it| it.exposure <= LIMIT)
        })
        .map(|name| format!("{name}.service needs no reason any more"));
    open.chain(idle).collect()
}

/// The page.
fn table(record: &Record, reasons: &BTreeMap<String, String>) -> String {
    let mut text = format!(
        "# How services are shut in\n\n\
         Written by `cargo xtask hardening`; do not edit. Every service that a feature of the catalog defines\n\
         itself, as a real Nix gives it, scored by `systemd-analyze security --offline=true`: 0 is shut, 10 is open.\n\
         At most {LIMIT:.1}, or with the reason from `golden/hardening-reasons.txt`. CI holds this page against the\n\
         modules (`cargo xtask hardening --check`).\n\n\
         | service | feature | exposure | why it is open |\n|---|---|---:|---|\n"
    );
    for (name, it) in &record.services {
        let feature = it.module.trim_start_matches("modules/");
        let feature = feature.trim_end_matches(".nix").replace('/', ".");
        let reason = reasons.get(name).map_or("", String::as_str);
        let row = [
            format!("| `{name}`"),
            format!("`{feature}`"),
            format!("{:.1}", it.exposure),
            format!("{reason} |\n"),
        ];
        text.push_str(&row.join(" | "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(exposure: f64) -> Record {
        let service = Service {
            module: "modules/a/b.nix".into(),
            exposure,
        };
        Record {
            modules: BTreeMap::from([("modules/a/b.nix".into(), "1".into())]),
            services: BTreeMap::from([("b".into(), service)]),
        }
    }

    #[test]
    fn open_services_need_a_reason() {
        let none = BTreeMap::new();
        let reasons = BTreeMap::from([("b".to_owned(), "it reads homes".to_owned())]);
        assert!(too_open(&record(3.0), &none).is_empty());
        assert_eq!(too_open(&record(3.1), &none).len(), 1);
        assert!(too_open(&record(3.1), &reasons).is_empty());
        assert_eq!(too_open(&record(1.0), &reasons).len(), 1);
        assert!(table(&record(3.1), &reasons).contains("| `b` | `a.b` | 3.1 | it reads homes |"));
    }

    #[test]
    fn changed_new_and_gone_modules_are_stale() {
        let module = |path: &str, hash: &str| BTreeMap::from([(path.to_owned(), hash.to_owned())]);
        assert!(stale(&record(1.0), &module("modules/a/b.nix", "1")).is_empty());
        assert_eq!(
            stale(&record(1.0), &module("modules/a/b.nix", "2")).len(),
            1
        );
        assert_eq!(
            stale(&record(1.0), &module("modules/a/c.nix", "1")).len(),
            2
        );
    }

    #[test]
    fn imports_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().canonicalize().unwrap();
        for (path, text) in [
            (
                "hosts/a/default.nix",
                "{ imports = [ ../../modules/x.nix ./hardware.nix ]; }",
            ),
            ("hosts/a/hardware.nix", "{ }"),
            ("modules/x.nix", "{ imports = [\n  ./y.nix\n]; }"),
            ("modules/y.nix", "{ }"),
            ("modules/z.nix", "{ }"),
        ] {
            let path = tree.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut seen = BTreeSet::new();
        imported(&tree.join("hosts/a"), &mut seen);
        let names: Vec<_> = seen
            .iter()
            .map(|path| path.strip_prefix(&tree).unwrap().to_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "hosts/a/default.nix",
                "hosts/a/hardware.nix",
                "modules/x.nix",
                "modules/y.nix"
            ]
        );
    }
}
