//! `cargo xtask yardstick`: the evaluator's work for generated hosts beside the same hosts written by
//! hand, `golden/yardstick/<host>`, in function calls, which repeat exactly.
//!
//! Both must be the same system, down to its derivation. The record, `golden/yardstick.json`, holds the
//! hashes of what was measured, so that `--check`, which needs no Nix, finds what changed since.

mod differences;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::facts::tree_of;
use crate::lab::{self, Lab};
use crate::tree_hash::tree_hash;
use crate::{Outcome, workspace};

/// The hosts that are written by hand, and their fleets.
const HOSTS: &[(&str, &str)] = &[("p620", "hub"), ("chicago", "homelab")];

/// How much more than by hand a generated host may cost, in per cent.
const LIMIT: u64 = 2;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these hosts; then nothing is recorded
    hosts: Vec<String>,
    /// Only check that hosts are as they were measured; needs no Nix
    #[arg(long, conflicts_with = "hosts")]
    check: bool,
}

/// `golden/yardstick.json`.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// Hash of the hosts that are written by hand.
    by_hand: String,
    /// Fleet → hash of its tree.
    fleets: BTreeMap<String, String>,
    rows: Vec<Row>,
}

/// A way to evaluate a host, as an expression over `generated`, `hand` and `flake`.
struct Way {
    name: &'static str,
    expression: &'static str,
}

const GENERATED: Way = Way {
    name: "generated",
    expression: "generated",
};
const BY_HAND: Way = Way {
    name: "by hand",
    expression: "hand",
};
const ALL_MODULES: Way = Way {
    name: "all modules",
    expression: "generated.extendModules { modules = [ flake.nixosModules.default { home-manager.sharedModules = [ flake.homeModules.default ]; } ]; }",
};
/// Guests are systems of their own, the same on both sides, and would hide a difference.
const ALONE: &str = "(host: host.extendModules { modules = [ ({ lib, ... }: { microvm.vms = lib.mkForce { }; }) ]; })";

/// What an evaluation gave.
struct Measured {
    derivation: String,
    calls: u64,
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    fleet: String,
    host: String,
    generated: u64,
    hand: u64,
    all: u64,
}

impl Row {
    /// Per cent by which the generated host costs more.
    fn excess(&self) -> f64 {
        percent(self.generated, self.hand)
    }
}

impl Record {
    /// What is there to be measured now.
    fn now() -> anyhow::Result<Self> {
        let mut fleets = BTreeMap::new();
        for (_, fleet) in HOSTS {
            fleets.insert((*fleet).to_owned(), tree_hash(&tree_of(fleet))?);
        }
        Ok(Self {
            by_hand: tree_hash(&by_hand())?,
            fleets,
            rows: Vec::new(),
        })
    }

    fn read() -> anyhow::Result<Self> {
        match fs::read_to_string(record_path()) {
            Ok(text) => serde_json::from_str(&text).context("golden/yardstick.json is damaged"),
            Err(_) => Ok(Self::default()),
        }
    }

    fn write(&self) -> anyhow::Result<()> {
        let text = format!("{}\n", serde_json::to_string_pretty(self)?);
        fs::write(record_path(), text).context("cannot write the record")?;
        fs::write(page_path(), page(&self.rows)).context("cannot write the table")
    }

    /// Whether it is of a fleet, and of the hosts by hand, as they are now.
    fn is_of(&self, now: &Self, fleet: &str) -> bool {
        let tree = now.fleets.get(fleet);
        self.by_hand == now.by_hand && tree.is_some() && self.fleets.get(fleet) == tree
    }

    /// What changed since it was measured.
    fn stale(&self, now: &Self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.by_hand != now.by_hand {
            problems.push("golden/yardstick: changed since it was measured".to_owned());
        }
        for (fleet, tree) in &now.fleets {
            if self.fleets.get(fleet) != Some(tree) {
                problems.push(format!("{fleet}: changed since it was measured"));
            }
        }
        problems
    }
}

fn by_hand() -> PathBuf {
    workspace::root().join("golden/yardstick")
}

fn record_path() -> PathBuf {
    workspace::root().join("golden/yardstick.json")
}

fn page_path() -> PathBuf {
    workspace::root().join("docs/yardstick.md")
}

/// Measures and records, or checks the record.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let mut problems = Vec::new();
    let mut record = Record::now()?;
    if args.check {
        let known = Record::read()?;
        problems.extend(known.stale(&record));
        if fs::read_to_string(page_path()).unwrap_or_default() != page(&known.rows) {
            problems.push("docs/yardstick.md is not fresh".to_owned());
        }
        record = known;
    } else {
        record.rows = compare(&args.hosts, &record, &mut problems)?;
    }
    problems.extend(too_dear(&record.rows));
    if !args.check {
        print!("{}", table(&record.rows));
        if args.hosts.is_empty() && problems.is_empty() {
            record.write()?;
        }
    }
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.is_empty() {
        println!(
            "hosts that cost what they would by hand: {}",
            record.rows.len()
        );
    } else if args.check {
        eprintln!("to measure what has changed: cargo xtask yardstick");
    }
    Ok(Outcome::of(problems.len()))
}

fn too_dear(rows: &[Row]) -> Vec<String> {
    rows.iter()
        .filter(|row| row.generated * 100 > row.hand * (100 + LIMIT))
        .map(|row| {
            let excess = row.excess();
            format!(
                "{}: costs {excess:+.2} % of what it would by hand",
                row.host
            )
        })
        .collect()
}

/// Measures hosts; if none is named, all of them that are not on record as they are now.
fn compare(hosts: &[String], now: &Record, problems: &mut Vec<String>) -> anyhow::Result<Vec<Row>> {
    let lab = lab::find()?;
    let known = Record::read()?;
    if let Some(unknown) = (hosts.iter()).find(|name| !HOSTS.iter().any(|(h, _)| h == name)) {
        bail!("`{unknown}` is not written by hand");
    }
    let mut rows = Vec::new();
    for (host, fleet) in HOSTS {
        if !hosts.is_empty() && !hosts.iter().any(|name| name == host) {
            continue;
        }
        if hosts.is_empty() && known.is_of(now, fleet) {
            println!("{host}: unchanged");
            rows.extend(
                (known.rows.iter())
                    .filter(|row| row.fleet == *fleet)
                    .cloned(),
            );
            continue;
        }
        let flake = lab.flake(&tree_of(fleet))?;
        let hand = lab.store(&by_hand())?;
        let scope = format!(
            "let flake = {flake}; generated = flake.nixosConfigurations.{}; hand = import (builtins.storePath {} + {}) flake; in ",
            nix::attr_name(host),
            nix::string(&hand),
            nix::string(&format!("/{host}.nix")),
        );
        let ask = |way: &Way, around: &str| {
            let measured = measure(&lab, &scope, &format!("{around} ({})", way.expression))?;
            println!("{host}: {}: {} calls", way.name, measured.calls);
            anyhow::Ok(measured)
        };
        let generated = ask(&GENERATED, "")?;
        let by_hand = ask(&BY_HAND, "")?;
        if generated.derivation != by_hand.derivation {
            let one = instantiate(&lab, &scope, GENERATED.expression)?;
            let other = instantiate(&lab, &scope, BY_HAND.expression)?;
            let places = differences::differences(&one, &other)?;
            problems.push(format!(
                "{host}: generated (+) and by hand (-) are not one system:\n  {}",
                places.join("\n  ")
            ));
        }
        rows.push(Row {
            fleet: (*fleet).to_owned(),
            host: format!("{host} ({fleet})"),
            generated: generated.calls,
            hand: by_hand.calls,
            all: ask(&ALL_MODULES, "")?.calls,
        });
        if *fleet == crate::fleets::HUB {
            rows.push(Row {
                fleet: (*fleet).to_owned(),
                host: format!("{host}, without its guests"),
                generated: ask(&GENERATED, ALONE)?.calls,
                hand: ask(&BY_HAND, ALONE)?.calls,
                all: ask(&ALL_MODULES, ALONE)?.calls,
            });
        }
    }
    Ok(rows)
}

/// The path of a host's derivation, which is written into the store together with its inputs.
fn instantiate(lab: &Lab, scope: &str, host: &str) -> anyhow::Result<PathBuf> {
    let mut command = evaluation(lab, scope, host);
    Ok(PathBuf::from(workspace::output(&mut command)?.trim()))
}

fn evaluation(lab: &Lab, scope: &str, host: &str) -> Command {
    let mut command = Command::new(&lab.nix);
    command
        .args(["eval", "--impure", "--raw"])
        .args(["--option", "allow-import-from-derivation", "false"])
        .arg("--expr")
        .arg(format!(
            "{scope} ({host}).config.system.build.toplevel.drvPath"
        ));
    command
}

fn measure(lab: &Lab, scope: &str, host: &str) -> anyhow::Result<Measured> {
    let folder = tempfile::tempdir()?;
    let stats = folder.path().join("stats");
    let mut command = evaluation(lab, scope, host);
    command
        .arg("--read-only")
        .env("NIX_SHOW_STATS", "1")
        .env("NIX_SHOW_STATS_PATH", &stats);
    let derivation = workspace::output(&mut command)?;
    Ok(Measured {
        derivation,
        calls: calls(&stats)?,
    })
}

fn calls(stats: &Path) -> anyhow::Result<u64> {
    let stats: serde_json::Value = serde_json::from_str(&fs::read_to_string(stats)?)?;
    stats["nrFunctionCalls"]
        .as_u64()
        .context("Nix counted no calls")
}

#[allow(
    clippy::cast_precision_loss,
    reason = "counts of calls are far below what a float holds exactly"
)]
fn percent(value: u64, base: u64) -> f64 {
    (value as f64 / base as f64 - 1.0) * 100.0
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| host | generated | by hand | difference | all modules | difference |\n| --- | --: | --: | --: | --: | --: |\n",
    );
    for row in rows {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:+.2} % | {} | {:+.2} % |",
            row.host,
            row.generated,
            row.hand,
            row.excess(),
            row.all,
            percent(row.all, row.hand)
        );
    }
    text
}

fn page(rows: &[Row]) -> String {
    format!(
        "# What a generated host costs

The evaluator's work for whole systems, in function calls, which repeat exactly, unlike seconds. Written by
`cargo xtask yardstick`.

{}
*By hand* is the same system, down to its derivation, as plain modules in `golden/yardstick`, with only what
the host uses: no options, no conditions, values where they belong. *All modules* is the generated host with
every module of its fleet imported instead of those that it names.

Guests are systems of their own, generated on both sides; the row without them shows the host alone.

The command fails above {LIMIT} %, and where the two are not one system; then it says where they differ.
Where a host changes, so does its counterpart. `--check` needs no Nix: it fails where either has changed since
it was measured.
",
        table(rows)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_stale_when_anything_measured_is_another() {
        let record = |hand: &str, tree: &str| Record {
            by_hand: hand.to_owned(),
            fleets: BTreeMap::from([("hub".to_owned(), tree.to_owned())]),
            rows: Vec::new(),
        };
        let now = record("1", "1");
        assert!(record("1", "1").stale(&now).is_empty());
        assert_eq!(record("2", "1").stale(&now).len(), 1);
        assert_eq!(record("1", "2").stale(&now).len(), 1);
        assert_eq!(Record::default().stale(&now).len(), 2);
        assert!(record("1", "1").is_of(&now, "hub"));
        for other in [record("2", "1"), record("1", "2"), Record::default()] {
            assert!(!other.is_of(&now, "hub"));
        }
        assert!(!now.is_of(&now, "homelab"));
    }

    #[test]
    fn a_host_is_too_dear_above_the_limit() {
        let row = |generated| Row {
            fleet: "hub".to_owned(),
            host: "one".to_owned(),
            generated,
            hand: 1000,
            all: 1000,
        };
        let problems = too_dear(&[row(1020), row(1021)]);
        assert_eq!(problems, ["one: costs +2.10 % of what it would by hand"]);
    }

    #[test]
    fn a_row_says_by_how_much() {
        let row = Row {
            fleet: "hub".to_owned(),
            host: "one".to_owned(),
            generated: 102,
            hand: 100,
            all: 150,
        };
        assert!((row.excess() - 2.0).abs() < 1e-9);
        let expected = "| one | 102 | 100 | +2.00 % | 150 | +50.00 % |";
        assert_eq!(table(&[row]).lines().last(), Some(expected));
    }
}
