//! `cargo xtask evaluate`: all that every fleet's flake offers through a real Nix, on record.
//!
//! What there is to evaluate is asked of the flake itself: configurations, packages, checks,
//! development shells, formatters, and what deploy-rs activates.
//!
//! The record, `golden/evaluated.json`, holds the hash of each evaluated tree, so that `--check`,
//! which needs no Nix, finds a tree that changed since.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::fleets::{self, Fleet};
use crate::tree_hash::tree_hash;
use crate::{Outcome, workspace};

/// What stands before the text of a warning.
const MARK: &str = "evaluation warning:";

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only check that every tree is the one that was evaluated; needs no Nix
    #[arg(long, conflicts_with = "all")]
    check: bool,
    /// Evaluate also what has not changed
    #[arg(long)]
    all: bool,
    /// Only this fleet (repeatable): hub, init or a golden case
    #[arg(long, value_name = "NAME")]
    fleet: Vec<String>,
    /// Attributes evaluated at a time
    #[arg(long, short, default_value_t = 2)]
    jobs: usize,
}

/// `golden/evaluated.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    fleets: BTreeMap<String, Evaluated>,
}

/// A fleet as it was evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Evaluated {
    /// Hash of the tree.
    tree: String,
    /// Release of nixpkgs.
    nixpkgs: String,
    attributes: BTreeMap<String, Attribute>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Attribute {
    state: State,
    /// Function calls of the evaluator; exact, unlike seconds.
    calls: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Fail,
}

/// Evaluates and records, or checks the record.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let allowed = Allowed::read()?;
    let mut record = Record::read()?;
    let fleets = fleets::outputs()?;
    let wanted = |name: &str| args.fleet.is_empty() || args.fleet.iter().any(|f| f == name);
    for name in &args.fleet {
        if !fleets.iter().any(|fleet| fleet.name == *name) {
            let names: Vec<&str> = fleets.iter().map(|f| f.name.as_str()).collect();
            bail!("there is no fleet `{name}`; there are {}", names.join(", "));
        }
    }
    if !args.check {
        let lab = Lab::find();
        record
            .fleets
            .retain(|name, _| fleets.iter().any(|f| f.name == *name));
        for fleet in fleets.iter().filter(|fleet| wanted(&fleet.name)) {
            let tree = tree_hash(&fleet.tree)?;
            let known = record.fleets.get(&fleet.name);
            if !args.all && known.is_some_and(|known| known.tree == tree && known.is_ok(&allowed)) {
                println!("{}: unchanged", fleet.name);
                continue;
            }
            println!("{}:", fleet.name);
            let evaluated = lab.evaluate(fleet, tree, args.jobs)?;
            record.fleets.insert(fleet.name.clone(), evaluated);
            // A run that is stopped keeps what it has.
            record.write()?;
        }
        record.write()?;
    }
    let mut problems = Vec::new();
    for fleet in fleets.iter().filter(|fleet| wanted(&fleet.name)) {
        let tree = tree_hash(&fleet.tree)?;
        problems.extend(record.problems(&fleet.name, &tree, &allowed));
    }
    let names: BTreeSet<&str> = fleets.iter().map(|fleet| fleet.name.as_str()).collect();
    let gone = record
        .fleets
        .keys()
        .filter(|name| !names.contains(name.as_str()));
    problems.extend(gone.map(|name| format!("{name}: on record, but there is no such fleet")));
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.is_empty() {
        let count = names.iter().filter(|name| wanted(name)).count();
        println!("fleets that evaluate: {count}");
    } else if args.check {
        eprintln!("to evaluate what has changed: cargo xtask evaluate");
    } else {
        eprintln!(
            "a warning that nixpkgs raises whatever one does belongs in {} with its reason",
            workspace::shown(&allowed_path())
        );
    }
    Ok(Outcome::of(problems.len()))
}

impl Record {
    fn path() -> PathBuf {
        workspace::root().join("golden/evaluated.json")
    }

    fn read() -> anyhow::Result<Self> {
        let path = Self::path();
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(&path)?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is damaged", workspace::shown(&path)))
    }

    fn write(&self) -> anyhow::Result<()> {
        let path = Self::path();
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let text = format!("{}\n", serde_json::to_string_pretty(self)?);
        fs::write(path, text).context("cannot write the record")
    }

    /// What is wrong with the record of a fleet whose tree has this hash now.
    fn problems(&self, name: &str, tree: &str, allowed: &Allowed) -> Vec<String> {
        let Some(known) = self.fleets.get(name) else {
            return vec![format!("{name}: not evaluated yet")];
        };
        if known.tree != tree {
            return vec![format!("{name}: changed since it was evaluated")];
        }
        if known.attributes.is_empty() {
            return vec![format!("{name}: evaluates nothing")];
        }
        let mut problems = Vec::new();
        for (attribute, found) in &known.attributes {
            if found.state == State::Fail {
                problems.push(format!("{name}: {attribute} does not evaluate"));
            }
            for warning in found.warnings.iter().filter(|w| !allowed.covers(w)) {
                problems.push(format!("{name}: {attribute} warns: {warning}"));
            }
        }
        problems
    }
}

impl Evaluated {
    fn is_ok(&self, allowed: &Allowed) -> bool {
        !self.attributes.is_empty()
            && self.attributes.values().all(|attribute| {
                attribute.state == State::Ok && attribute.warnings.iter().all(|w| allowed.covers(w))
            })
    }
}

fn allowed_path() -> PathBuf {
    workspace::root().join("golden/allowed-warnings.txt")
}

/// Beginnings of warnings that nixpkgs raises whatever a fleet does.
#[derive(Debug, Default)]
struct Allowed(Vec<String>);

impl Allowed {
    fn read() -> anyhow::Result<Self> {
        let path = allowed_path();
        if !path.exists() {
            return Ok(Self::default());
        }
        Self::parse(&fs::read_to_string(&path)?)
            .with_context(|| format!("{} is damaged", workspace::shown(&path)))
    }

    /// A line each, `BEGINNING -- REASON`; `#` begins a comment line.
    fn parse(text: &str) -> anyhow::Result<Self> {
        let lines = text.lines().map(str::trim);
        let entries = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        entries
            .map(|line| match line.rsplit_once(" -- ") {
                Some((beginning, reason)) if !reason.trim().is_empty() => {
                    Ok(beginning.trim().to_owned())
                }
                _ => bail!("`{line}` has no ` -- REASON`"),
            })
            .collect::<anyhow::Result<_>>()
            .map(Self)
    }

    fn covers(&self, warning: &str) -> bool {
        self.0
            .iter()
            .any(|beginning| warning.starts_with(beginning))
    }
}

/// The programs that evaluate without a network.
struct Lab {
    eval_flake: PathBuf,
    /// Folder of the lab: Nix and the pool of input trees.
    folder: PathBuf,
}

/// The attributes of a flake that are derivations, as paths.
const SURFACE: &str = r#"
flake:
let
  quoted = name: "\"${name}\"";
  byPlatform =
    output:
    builtins.concatMap (
      system: map (name: "${output}.${system}.${quoted name}") (builtins.attrNames flake.${output}.${system})
    ) (builtins.attrNames (flake.${output} or { }));
  nodes = flake.deploy.nodes or { };
in
map (name: "nixosConfigurations.${quoted name}.config.system.build.toplevel") (
  builtins.attrNames (flake.nixosConfigurations or { })
)
++ builtins.concatMap byPlatform [ "packages" "checks" "devShells" ]
++ map (system: "formatter.${system}") (builtins.attrNames (flake.formatter or { }))
++ builtins.concatMap (
  node:
  map (profile: "deploy.nodes.${quoted node}.profiles.${quoted profile}.path") (
    builtins.attrNames nodes.${node}.profiles
  )
) (builtins.attrNames nodes)
"#;

impl Lab {
    fn find() -> Self {
        let mut eval_flake = std::env::var_os("LAB").map_or_else(
            || workspace::root().join("../shared/lab/eval-flake"),
            PathBuf::from,
        );
        if eval_flake.is_dir() {
            eval_flake.push("eval-flake");
        }
        let lab = std::env::var_os("NIXLAB").map_or_else(
            || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/nixlab"),
            PathBuf::from,
        );
        Self {
            eval_flake,
            folder: lab,
        }
    }

    /// What a flake offers.
    fn surface(&self, tree: &Path) -> anyhow::Result<Vec<String>> {
        let call = self.eval_flake.with_file_name("call-flake.nix");
        let (call, pool) = (call.canonicalize()?, self.folder.join("pool"));
        let string = |path: &Path| serde_json::to_string(&path.display().to_string());
        let flake = format!(
            "(import {} {{ pool = {}; }}) {}",
            call.display(),
            string(&pool.canonicalize()?)?,
            string(&tree.canonicalize()?)?
        );
        let nix =
            std::env::var_os("NIX").map_or_else(|| self.folder.join("nix/bin/nix"), PathBuf::from);
        let mut list = Command::new(nix);
        list.args(["eval", "--impure", "--read-only", "--json", "--expr"])
            .arg(format!("({SURFACE}) ({flake})"));
        let names = workspace::output(&mut list).context("cannot ask the flake what it offers")?;
        serde_json::from_str(&names).context("the flake's attributes are no list of names")
    }

    fn evaluate(&self, fleet: &Fleet, tree: String, jobs: usize) -> anyhow::Result<Evaluated> {
        if !self.eval_flake.is_file() {
            bail!(
                "there is no {}; set LAB to where eval-flake is",
                self.eval_flake.display()
            );
        }
        let nixpkgs = fs::read_to_string(self.folder.join("pool/nixpkgs/lib/.version"))
            .context("the lab has no nixpkgs in its pool")?;
        let log = workspace::target_dir()?.join("evaluate").join(&fleet.name);
        if log.exists() {
            fs::remove_dir_all(&log)?;
        }
        fs::create_dir_all(&log)?;
        let mut run = Command::new(&self.eval_flake)
            .arg("-j")
            .arg(jobs.to_string())
            .arg(&fleet.tree)
            .args(self.surface(&fleet.tree)?)
            .env("LOG", &log)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run eval-flake")?;
        let mut lines = Vec::new();
        let report = run.stdout.take().context("eval-flake has an output")?;
        for line in BufReader::new(report).lines() {
            let line = line?;
            println!("  {line}");
            lines.extend(Line::parse(&line));
        }
        let status = run.wait()?;
        let mut warnings = warnings_in(&log)?;
        let mut attributes = BTreeMap::new();
        for line in lines {
            let warnings = warnings.remove(&line.name).unwrap_or_default();
            if warnings.len() != line.warnings {
                bail!(
                    "{}: {} warnings, but messages of {}",
                    line.name,
                    line.warnings,
                    warnings.len()
                );
            }
            let attribute = Attribute {
                state: line.state,
                calls: line.calls,
                warnings,
            };
            attributes.insert(short(&line.name).to_owned(), attribute);
        }
        if attributes.is_empty() {
            bail!("eval-flake reported nothing ({status})");
        }
        let all_ok = attributes.values().all(|a| a.state == State::Ok);
        if status.success() != all_ok {
            bail!("eval-flake ended with {status}, unlike its report");
        }
        Ok(Evaluated {
            tree,
            nixpkgs: nixpkgs.trim().to_owned(),
            attributes,
        })
    }
}

/// The name of an attribute without what all hosts have in common.
fn short(name: &str) -> &str {
    name.strip_suffix(".config.system.build.toplevel")
        .unwrap_or(name)
}

/// A line of eval-flake's report.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    state: State,
    calls: Option<u64>,
    warnings: usize,
    name: String,
}

impl Line {
    /// Reads `ok     12.3s   4567890 calls  0 warnings  nixosConfigurations.p620.…`; other lines are
    /// messages.
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [state, seconds, calls, "calls", warnings, "warnings", name] = words.as_slice() else {
            return None;
        };
        seconds.strip_suffix('s')?.parse::<f64>().ok()?;
        Some(Self {
            state: match *state {
                "ok" => State::Ok,
                "FAIL" => State::Fail,
                _ => return None,
            },
            calls: calls.parse().ok(),
            warnings: warnings.parse().ok()?,
            name: (*name).to_owned(),
        })
    }
}

/// The warnings in the messages of a run, by attribute: the first line of each.
fn warnings_in(log: &Path) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(log)? {
        let path = entry?.path();
        if path.extension() != Some(&OsString::from("err")) {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        all.insert(name.replace('"', ""), warnings(&text));
    }
    Ok(all)
}

fn warnings(messages: &str) -> Vec<String> {
    let after = |line: &str| Some(line.split_once(MARK)?.1.trim().to_owned());
    messages.lines().filter_map(after).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "nixosConfigurations.p620.config.system.build.toplevel";

    #[test]
    fn report_lines() {
        let line =
            Line::parse(&format!("ok     12.3s   4567890 calls  1 warnings  {NAME}")).unwrap();
        assert_eq!(line.state, State::Ok);
        assert_eq!(line.calls, Some(4_567_890));
        assert_eq!(line.warnings, 1);
        assert_eq!(short(&line.name), "nixosConfigurations.p620");
        let failed =
            Line::parse(&format!("FAIL    0.1s         - calls  0 warnings  {NAME}")).unwrap();
        assert_eq!((failed.state, failed.calls), (State::Fail, None));
        assert_eq!(
            Line::parse("       error: the option `x' does not exist"),
            None
        );
        assert_eq!(Line::parse("messages: somewhere"), None);
    }

    #[test]
    fn first_lines_of_warnings() {
        let text =
            "evaluation warning: The option `a' is renamed.\n  more\nevaluation warning: b\n";
        assert_eq!(warnings(text), ["The option `a' is renamed.", "b"]);
    }

    #[test]
    fn an_allowed_warning_has_a_reason() {
        let allowed = Allowed::parse("# comment\n\n'xorg.x' is old -- plasma names it\n").unwrap();
        assert!(allowed.covers("'xorg.x' is old and goes"));
        assert!(!allowed.covers("something else"));
        assert!(Allowed::parse("'xorg.x' is old\n").is_err());
    }

    #[test]
    fn the_record_is_of_this_tree_and_clean() {
        let attribute = |state, warnings: &[&str]| Attribute {
            state,
            calls: None,
            warnings: warnings.iter().map(|w| (*w).to_owned()).collect(),
        };
        let record = |attributes: Vec<(&str, Attribute)>| Record {
            fleets: BTreeMap::from([(
                "hub".to_owned(),
                Evaluated {
                    tree: "1".to_owned(),
                    nixpkgs: "26.11".to_owned(),
                    attributes: attributes
                        .into_iter()
                        .map(|(n, a)| (n.to_owned(), a))
                        .collect(),
                },
            )]),
        };
        let allowed = Allowed::parse("known -- because").unwrap();
        let good = record(vec![("a", attribute(State::Ok, &["known"]))]);
        assert!(good.problems("hub", "1", &allowed).is_empty());
        assert_eq!(good.problems("hub", "2", &allowed).len(), 1);
        assert_eq!(good.problems("lab", "1", &allowed).len(), 1);
        let bad = record(vec![("a", attribute(State::Fail, &["new"]))]);
        assert_eq!(bad.problems("hub", "1", &allowed).len(), 2);
        assert_eq!(record(vec![]).problems("hub", "1", &allowed).len(), 1);
    }
}
