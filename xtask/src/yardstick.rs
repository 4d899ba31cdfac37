//! `cargo xtask yardstick`: the evaluator's work for generated hosts beside the same hosts written by
//! hand, `golden/yardstick/<host>`, in function calls, which repeat exactly.
//!
//! Both must be the same system, down to its derivation.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::facts::tree_of;
use crate::lab::{self, Lab};
use crate::{Outcome, workspace};

/// The hosts that are written by hand, and their fleets.
const HOSTS: &[(&str, &str)] = &[("p620", "hub"), ("chicago", "homelab")];

/// How much more than by hand a generated host may cost, in per cent.
const LIMIT: f64 = 2.0;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these hosts; then no table is written
    hosts: Vec<String>,
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
struct Row {
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

/// Measures, compares and writes the table.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let lab = lab::find()?;
    if let Some(unknown) = (args.hosts.iter()).find(|name| !HOSTS.iter().any(|(h, _)| h == name)) {
        bail!("`{unknown}` is not written by hand");
    }
    let yardstick = workspace::root().join("golden/yardstick");
    let mut rows = Vec::new();
    let mut problems = Vec::new();
    for (host, fleet) in HOSTS {
        if !args.hosts.is_empty() && !args.hosts.iter().any(|name| name == host) {
            continue;
        }
        let flake = lab.flake(&tree_of(fleet))?;
        let hand = lab.store(&yardstick)?;
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
        let all = ask(&ALL_MODULES, "")?;
        if generated.derivation != by_hand.derivation {
            problems.push(format!(
                "{host}: generated and by hand are not one system: {} and {}",
                generated.derivation, by_hand.derivation
            ));
        }
        rows.push(Row {
            host: format!("{host} ({fleet})"),
            generated: generated.calls,
            hand: by_hand.calls,
            all: all.calls,
        });
        if *fleet == crate::fleets::HUB {
            rows.push(Row {
                host: format!("{host}, without its guests"),
                generated: ask(&GENERATED, ALONE)?.calls,
                hand: ask(&BY_HAND, ALONE)?.calls,
                all: ask(&ALL_MODULES, ALONE)?.calls,
            });
        }
    }
    for row in rows.iter().filter(|row| row.excess() > LIMIT) {
        problems.push(format!(
            "{}: costs {:+.2} % of what it would by hand",
            row.host,
            row.excess()
        ));
    }
    if args.hosts.is_empty() && problems.is_empty() {
        let path = workspace::root().join("docs/yardstick.md");
        fs::write(&path, page(&rows)).context("cannot write docs/yardstick.md")?;
        println!("wrote docs/yardstick.md");
    } else {
        print!("{}", table(&rows));
    }
    for problem in &problems {
        eprintln!("{problem}");
    }
    Ok(Outcome::of(problems.len()))
}

fn measure(lab: &Lab, scope: &str, host: &str) -> anyhow::Result<Measured> {
    let folder = tempfile::tempdir()?;
    let stats = folder.path().join("stats");
    let mut command = Command::new(&lab.nix);
    command
        .args(["eval", "--impure", "--read-only", "--raw"])
        .args(["--option", "allow-import-from-derivation", "false"])
        .arg("--expr")
        .arg(format!(
            "{scope} ({host}).config.system.build.toplevel.drvPath"
        ))
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
        "# What generated hosts cost to evaluate

Function calls of the evaluator for the whole system, written by `cargo xtask yardstick`. Calls repeat
exactly, unlike seconds.

{}
*By hand* is the same system, to its derivation, as plain modules in `golden/yardstick`: no options, no
conditions, no templates, only what the host uses. *All modules* is the generated host with every
module of its fleet imported, which `nixosModules.default` is for; explicit imports are why a
host does not pay for that.

A generated host may cost {LIMIT} % more than by hand, and the chore fails beyond that or where the two are
not one system. Where a host changes, so does its counterpart.
",
        table(rows)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_by_how_much() {
        let row = Row {
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
