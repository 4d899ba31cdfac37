//! `cargo xtask facts`: what must be true of the machines, read back with a real Nix, on record.
//!
//! `golden/facts/<fleet>.txt` has a line for each fact, an expression and the JSON that it gives, below
//! the machine that it is about:
//!
//! ```text
//! [p510]
//! config.systemd.timers.fstrim.timerConfig.RandomizedDelaySec = "12h"
//! ```
//!
//! Besides `config` and `pkgs` of that machine an expression may use `flake` and `lib`. Below `[flake]`
//! there is no machine. The record, `golden/facts.json`, holds the hashes of tree and facts, so that
//! `--check`, which needs no Nix, finds what changed since.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::fleets::HUB;
use crate::lab::{self, Lab};
use crate::tree_hash::tree_hash;
use crate::{Outcome, workspace};

/// The section of what is not about a machine.
const FLAKE: &str = "flake";

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only check that trees and facts are those on record; needs no Nix
    #[arg(long)]
    check: bool,
    /// Only this fleet (repeatable); what it gives is not recorded
    #[arg(long, value_name = "NAME")]
    fleet: Vec<String>,
    /// Only this machine (repeatable); what it gives is not recorded
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
}

/// `golden/facts.json`.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    fleets: BTreeMap<String, Held>,
}

/// Facts that held of a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    /// Hash of the tree.
    tree: String,
    /// Hash of the list of facts.
    facts: String,
    /// How many there are.
    count: usize,
}

/// A line of a list.
#[derive(Debug, PartialEq)]
struct Fact {
    line: usize,
    expression: String,
    expected: serde_json::Value,
}

/// The facts of a list, by what they are about, as they stand.
type Sections = Vec<(String, Vec<Fact>)>;

/// Reads the facts back and records that they hold, or checks the record.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let path = workspace::root().join("golden/facts.json");
    let lists = lists()?;
    for name in &args.fleet {
        if !lists.contains_key(name) {
            bail!("there is no golden/facts/{name}.txt");
        }
    }
    let mut now = Record::default();
    let mut problems = Vec::new();
    let whole = args.fleet.is_empty() && args.host.is_empty();
    for (name, list) in &lists {
        if !args.fleet.is_empty() && !args.fleet.contains(name) {
            continue;
        }
        let text = fs::read_to_string(list)?;
        let mut sections = parse(&text).with_context(|| workspace::shown(list))?;
        let count = sections.iter().map(|(_, facts)| facts.len()).sum();
        let tree = tree_of(name);
        let held = Held {
            tree: tree_hash(&tree)?,
            facts: hash(&text),
            count,
        };
        if !args.check {
            sections.retain(|(host, _)| args.host.is_empty() || args.host.contains(host));
            let found = wrong(&lab::find()?, &tree, &sections)?;
            let shown = workspace::shown(list);
            problems.extend(found.into_iter().map(|p| format!("{shown}:{p}")));
        }
        now.fleets.insert(name.clone(), held);
    }
    if args.check {
        let known: Record = match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).context("golden/facts.json is damaged")?,
            Err(_) => Record::default(),
        };
        problems.extend(stale(&known, &now));
    } else if problems.is_empty() && whole {
        let text = format!("{}\n", serde_json::to_string_pretty(&now)?);
        fs::write(&path, text).context("cannot write the record")?;
    }
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.is_empty() {
        let count: usize = now.fleets.values().map(|held| held.count).sum();
        println!("facts that hold: {count}");
    } else if args.check {
        eprintln!("to read them back: cargo xtask facts");
    }
    Ok(Outcome::of(problems.len()))
}

/// The lists, by fleet.
fn lists() -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let folder = workspace::root().join("golden/facts");
    let mut lists = BTreeMap::new();
    for entry in fs::read_dir(&folder).context("cannot read golden/facts")? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "txt")
            && let Some(name) = path.file_stem().and_then(|n| n.to_str())
        {
            lists.insert(name.to_owned(), path);
        }
    }
    Ok(lists)
}

/// The output of a fleet.
pub(crate) fn tree_of(fleet: &str) -> PathBuf {
    let root = workspace::root();
    match fleet {
        HUB => root.join("generated"),
        _ => root.join("golden").join(fleet).join("expected"),
    }
}

fn hash(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    let hex: Vec<String> = hash.iter().map(|b| format!("{b:02x}")).collect();
    hex.concat()
}

/// What changed since the facts were read back.
fn stale(known: &Record, now: &Record) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, held) in &now.fleets {
        match known.fleets.get(name) {
            None => problems.push(format!("{name}: its facts were never read back")),
            Some(known) if known.tree != held.tree => {
                problems.push(format!("{name}: changed since its facts were read back"));
            }
            Some(known) if known.facts != held.facts => {
                problems.push(format!("{name}: has other facts than those read back"));
            }
            Some(_) => {}
        }
    }
    problems
}

fn parse(text: &str) -> anyhow::Result<Sections> {
    let mut sections: Sections = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            sections.push((name.to_owned(), Vec::new()));
            continue;
        }
        // The expression may hold ` = ` itself; the rest of the line is JSON.
        let Some((expression, expected)) = line.match_indices(" = ").find_map(|(at, mark)| {
            let expected = serde_json::from_str(&line[at + mark.len()..]).ok()?;
            Some((&line[..at], expected))
        }) else {
            bail!("line {number}: no `EXPRESSION = JSON`");
        };
        let fact = Fact {
            line: number,
            expression: expression.trim().to_owned(),
            expected,
        };
        match sections.last_mut() {
            Some((_, facts)) => facts.push(fact),
            None => bail!("line {number}: a fact before the first `[MACHINE]`"),
        }
    }
    Ok(sections)
}

/// The facts that do not hold of a tree, each with its line.
fn wrong(lab: &Lab, tree: &Path, sections: &Sections) -> anyhow::Result<Vec<String>> {
    let flake = lab.flake(tree)?;
    let mut problems = Vec::new();
    for (name, facts) in sections {
        let machine = if name == FLAKE {
            String::new()
        } else {
            let name = nix::attr_name(name);
            format!("inherit (flake.nixosConfigurations.{name}) config pkgs;")
        };
        let ask = |facts: &[Fact]| {
            let all: Vec<String> = facts
                .iter()
                .map(|f| format!("({})", f.expression))
                .collect();
            lab.evaluate(&format!(
                "let flake = {flake}; inherit (flake.inputs.nixpkgs) lib; {machine} in [ {} ]",
                all.join(" ")
            ))
        };
        let values = values(facts, &ask);
        for (fact, value) in facts.iter().zip(values) {
            let Fact {
                line,
                expression,
                expected,
            } = fact;
            match value {
                Ok(value) if value == *expected => {}
                Ok(value) => problems.push(format!(
                    "{line}: `{expression}` of {name} is {value}, not {expected}"
                )),
                Err(error) => problems.push(format!(
                    "{line}: `{expression}` of {name} does not evaluate: {error}"
                )),
            }
        }
        println!("{name}: {}", facts.len());
    }
    Ok(problems)
}

/// What facts give: all at once, since each question evaluates the machine anew, and in halves where
/// one of them does not evaluate.
fn values(
    facts: &[Fact],
    ask: &impl Fn(&[Fact]) -> anyhow::Result<serde_json::Value>,
) -> Vec<Result<serde_json::Value, String>> {
    match (ask(facts), facts.len()) {
        (Ok(serde_json::Value::Array(values)), _) => values.into_iter().map(Ok).collect(),
        (Ok(value), _) => vec![Err(format!("Nix gave {value}"))],
        (Err(error), 0 | 1) => vec![Err(reason(&format!("{error:#}")))],
        (Err(_), count) => {
            let (first, second) = facts.split_at(count / 2);
            let mut all = values(first, ask);
            all.extend(values(second, ask));
            all
        }
    }
}

/// The last error that Nix names.
fn reason(message: &str) -> String {
    let mut lines = message.lines().map(str::trim);
    let last = lines.rfind(|line| line.starts_with("error:") && line.len() > "error:".len());
    last.unwrap_or(message).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_ends_where_its_json_begins() {
        let sections =
            parse("# why\n[a]\nconfig.x.\"y\" = \"1 = 2\"\n\nconfig.z or null = null\n").unwrap();
        let [(name, facts)] = sections.as_slice() else {
            panic!("one section");
        };
        assert_eq!(name, "a");
        assert_eq!(facts[0].line, 3);
        assert_eq!(facts[0].expression, "config.x.\"y\"");
        assert_eq!(facts[0].expected, serde_json::json!("1 = 2"));
        assert_eq!(facts[1].expected, serde_json::Value::Null);
    }

    #[test]
    fn what_is_no_fact_is_named_by_line() {
        for (text, at) in [
            ("a = 1", "line 1"),
            ("[a]\nb", "line 2"),
            ("[a]\n\nb = c", "line 3"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.to_string().contains(at), "{text}: {error}");
        }
    }

    #[test]
    fn a_record_is_stale_when_tree_or_facts_are_others() {
        let held = |tree: &str, facts: &str| Record {
            fleets: BTreeMap::from([(
                "hub".to_owned(),
                Held {
                    tree: tree.to_owned(),
                    facts: facts.to_owned(),
                    count: 1,
                },
            )]),
        };
        let now = held("1", "1");
        assert!(stale(&held("1", "1"), &now).is_empty());
        assert_eq!(stale(&held("2", "1"), &now).len(), 1);
        assert_eq!(stale(&held("1", "2"), &now).len(), 1);
        assert_eq!(stale(&Record::default(), &now).len(), 1);
    }

    #[test]
    fn what_does_not_evaluate_is_found_among_what_does() {
        let sections = parse("[a]\n1 = 1\n2 = 2\nbad = 3\n4 = 4\n5 = 5").unwrap();
        let facts = &sections[0].1;
        let ask = |facts: &[Fact]| {
            if facts.iter().any(|fact| fact.expression == "bad") {
                bail!("error: bad");
            }
            Ok(facts.iter().map(|fact| fact.expected.clone()).collect())
        };
        let values = values(facts, &ask);
        let errors: Vec<usize> = (0..values.len()).filter(|i| values[*i].is_err()).collect();
        assert_eq!(errors, [2]);
        assert_eq!(values[4], Ok(serde_json::json!(5)));
    }

    #[test]
    fn the_last_error_is_the_reason() {
        assert_eq!(
            reason("error:\n  … while\n  error: attribute 'x' missing\n at"),
            "error: attribute 'x' missing"
        );
    }
}
