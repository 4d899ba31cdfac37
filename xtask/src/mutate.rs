//! `cargo xtask mutate`: the proof of recall. Fleets without findings get one fault each, and the
//! generator must find it.
//!
//! - [`facts`] reads `../shared/data` on its own, so that what counts as a fault is not decided by what
//!   is proved.
//! - [`sites`] finds what can be broken in the specs of the repository.
//! - [`faults`] breaks it, by a seed: the same seed gives the same mutants.
//! - [`confirm`] asks a real Nix whether the mutants are faults.

mod confirm;
mod facts;
mod faults;
mod sites;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use camino::Utf8Path;
use diag::{Diagnostic, Severity, SourceMap};
use flakesmith::{Generated, Sources, check, generate, load_as, load_index};
use index::Index;

use crate::{Outcome, fleets, workspace};
use facts::World;
use faults::Mutant;

/// Targets, in percent.
const FOUND: usize = 98;
const FIRST: usize = 90;
/// Mutants that are shown of those that are not found, or whose suggestion is wrong.
const SHOWN: usize = 40;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Seed of the program that makes the mutants
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Mutants
    #[arg(long, default_value_t = 400)]
    count: usize,
    /// Have the lab's Nix confirm that the mutants are faults
    #[arg(long)]
    confirm: bool,
    /// Show every mutant
    #[arg(long)]
    verbose: bool,
}

/// How one mutant went.
#[derive(Debug)]
struct Verdict {
    found: bool,
    code: bool,
    /// Whether the right name came first; none for faults that no other name mends.
    first: Option<bool>,
    /// What was reported.
    said: String,
}

/// How all went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Mutants.
    pub mutants: usize,
    /// Those that were found.
    pub found: usize,
    /// Those that were reported with the right code.
    pub code: usize,
    /// Those that another name mends.
    pub mendable: usize,
    /// Those of them whose first suggestion is that name.
    pub first: usize,
}

impl Score {
    fn add(&mut self, verdict: &Verdict) {
        self.mutants += 1;
        self.found += usize::from(verdict.found);
        self.code += usize::from(verdict.code);
        self.mendable += usize::from(verdict.first.is_some());
        self.first += usize::from(verdict.first == Some(true));
    }

    /// Whether the targets are met.
    pub fn is_enough(&self) -> bool {
        self.found * 100 >= self.mutants * FOUND && self.first * 100 >= self.mendable * FIRST
    }
}

/// A fleet without findings.
#[derive(Debug)]
struct Specimen {
    name: String,
    sources: Sources,
    /// The flake.
    generated: Generated,
    /// What is reported without a fault: notes.
    usual: BTreeMap<&'static str, usize>,
}

/// Breaks fleets, and tells how many faults are found.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let Some(laboratory) = Laboratory::open(None)? else {
        bail!("there is no ../shared/data");
    };
    let mutants = laboratory.mutants(args.seed, args.count)?;
    let verdicts = laboratory.judge(&mutants);
    let mut scores: BTreeMap<&str, Score> = BTreeMap::new();
    let mut total = Score::default();
    for (mutant, verdict) in mutants.iter().zip(&verdicts) {
        scores.entry(mutant.kind.title()).or_default().add(verdict);
        total.add(verdict);
    }
    let mut shown = 0;
    for (mutant, verdict) in mutants.iter().zip(&verdicts) {
        let good = verdict.found && verdict.code && verdict.first != Some(false);
        if (good || shown == SHOWN) && !args.verbose {
            continue;
        }
        shown += usize::from(!good);
        let word = if !verdict.found {
            "missed"
        } else if !verdict.code {
            "other code"
        } else if verdict.first == Some(false) {
            "other suggestion"
        } else {
            "good"
        };
        println!(
            "{word}: {} in {}: {}\n    {}",
            mutant.kind.title(),
            laboratory.specimens[mutant.fleet].name,
            mutant.what,
            verdict.said
        );
    }
    println!("| fault | mutants | found | right code | mended by a name | right name first |");
    println!("|---|---:|---:|---:|---:|---:|");
    for (title, score) in scores.iter().chain([(&"all", &total)]) {
        println!(
            "| {title} | {} | {} | {} | {} | {} |",
            score.mutants, score.found, score.code, score.mendable, score.first
        );
    }
    let own = mutants.iter().filter(|mutant| !mutant.added).count();
    println!(
        "seed {}, {} fleets; {own} faults in what the fleets set themselves, {} in a host or user that was added",
        args.seed,
        laboratory.specimens.len(),
        mutants.len() - own
    );
    let mut refuted = 0;
    if args.confirm {
        refuted = confirm::run(&mutants)?;
    }
    Ok(Outcome::of(usize::from(!total.is_enough()) + refuted))
}

/// Judges a number of mutants of some fleets, quietly: for the test suite. None without an index.
///
/// # Errors
///
/// When the specs or the index cannot be read.
pub fn score(seed: u64, count: usize, fleets: &[&str]) -> anyhow::Result<Option<Score>> {
    let Some(laboratory) = Laboratory::open(Some(fleets))? else {
        return Ok(None);
    };
    let mutants = laboratory.mutants(seed, count)?;
    let mut score = Score::default();
    for verdict in laboratory.judge(&mutants) {
        score.add(&verdict);
    }
    Ok(Some(score))
}

/// Where the facts are that the specs are checked against.
fn data() -> PathBuf {
    workspace::root().join("../shared/data")
}

/// The fleets, the index, and what is known about the world apart from it.
struct Laboratory {
    specimens: Vec<Specimen>,
    index: Index,
    world: World,
}

impl Laboratory {
    fn open(only: Option<&[&str]>) -> anyhow::Result<Option<Self>> {
        let data = data();
        if !data.is_dir() {
            return Ok(None);
        }
        let data = Utf8Path::from_path(&data).context("a path is not UTF-8")?;
        let index = load_index(data)?;
        let world = World::read(data.as_std_path())?;
        let mut specimens = Vec::new();
        for (name, spec) in fleets::specs()? {
            if only.is_some_and(|only| !only.contains(&name.as_str())) {
                continue;
            }
            let spec = Utf8Path::from_path(&spec).context("a path is not UTF-8")?;
            let beside = spec.parent().unwrap_or(spec);
            let out = if name == fleets::HUB {
                beside.join("generated")
            } else {
                beside.join("expected")
            };
            let sources = load_as(spec, &out, Utf8Path::new("spec"));
            let mut generated = generate(sources.clone());
            check(&mut generated, &index);
            if generated.diagnostics.has_errors() {
                eprintln!("{name} has findings as it is; nothing can be said about faults in it");
                continue;
            }
            let usual = counted(generated.diagnostics.iter());
            specimens.push(Specimen {
                name,
                sources,
                generated,
                usual,
            });
        }
        if specimens.is_empty() {
            bail!("no fleet is without findings");
        }
        Ok(Some(Self {
            specimens,
            index,
            world,
        }))
    }

    /// The mutants of a seed. What is sound before the fault is checked to be.
    fn mutants(&self, seed: u64, count: usize) -> anyhow::Result<Vec<Mutant>> {
        let mut sites = Vec::new();
        for (number, specimen) in self.specimens.iter().enumerate() {
            sites.extend(sites::find(number, &specimen.sources));
        }
        let is_sound = |fleet: usize, file: &(String, String)| {
            let sources = with_file(&self.specimens[fleet].sources, file);
            self.new_findings(fleet, sources).is_empty()
        };
        // What only a retired host uses is not in the flake, and no fault there.
        let is_live = |fleet: usize, file: &(String, String)| {
            let specimen = &self.specimens[fleet];
            let changed = generate(with_file(&specimen.sources, file));
            changed.tree.is_none() || changed.tree != specimen.generated.tree
        };
        let mutants = faults::make(
            &self.world,
            &sites,
            self.specimens.len(),
            seed,
            count,
            &faults::Checks {
                is_sound: &is_sound,
                is_live: &is_live,
            },
        );
        if mutants.len() < count {
            bail!("only {} faults could be made", mutants.len());
        }
        Ok(mutants)
    }

    fn judge(&self, mutants: &[Mutant]) -> Vec<Verdict> {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let size = mutants.len().div_ceil(workers).max(1);
        std::thread::scope(|scope| {
            let threads: Vec<_> = mutants
                .chunks(size)
                .map(|part| {
                    scope.spawn(|| part.iter().map(|m| self.verdict(m)).collect::<Vec<_>>())
                })
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap_or_default())
                .collect()
        })
    }

    fn verdict(&self, mutant: &Mutant) -> Verdict {
        let sources = with_file(&self.specimens[mutant.fleet].sources, &mutant.file);
        let findings = self.new_findings(mutant.fleet, sources);
        let codes = mutant.kind.codes();
        let right: Vec<&Diagnostic> = findings
            .iter()
            .filter(|d| codes.contains(&d.code))
            .collect();
        let first = mutant.expected.as_ref().map(|expected| {
            right.first().is_some_and(|finding| {
                let suggestion = finding.help.first().map_or("", String::as_str);
                expected.iter().any(|name| is_named(suggestion, name))
            })
        });
        let said: Vec<String> = findings
            .iter()
            .map(|d| format!("{}: {} ({})", d.code, d.message, d.help.join("; ")))
            .collect();
        Verdict {
            found: !findings.is_empty(),
            code: !right.is_empty(),
            first,
            said: said.join(" | "),
        }
    }

    /// What is reported beyond what is usual for the fleet.
    fn new_findings(&self, fleet: usize, sources: Sources) -> Vec<Diagnostic> {
        let mut generated = generate(sources);
        check(&mut generated, &self.index);
        let mut usual = self.specimens[fleet].usual.clone();
        generated
            .diagnostics
            .iter()
            .filter(|d| match usual.get_mut(d.code) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    false
                }
                _ => d.severity != Severity::Note,
            })
            .cloned()
            .collect()
    }
}

/// Whether a suggestion names something: words as they are, a name between backticks, alone, as the
/// end of a path, or with what is set below it.
fn is_named(suggestion: &str, name: &str) -> bool {
    if name.contains(' ') {
        return suggestion.contains(name);
    }
    suggestion.split('`').nth(1).is_some_and(|first| {
        first == name
            || first.ends_with(&format!(".{name}"))
            || first.starts_with(&format!("{name}."))
    })
}

fn counted<'a>(diagnostics: impl Iterator<Item = &'a Diagnostic>) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for diagnostic in diagnostics {
        *counts.entry(diagnostic.code).or_default() += 1;
    }
    counts
}

/// The sources with one file replaced or added.
fn with_file(sources: &Sources, (path, text): &(String, String)) -> Sources {
    let mut map = SourceMap::new();
    let mut yaml = Vec::new();
    let mut seen = false;
    for id in &sources.yaml {
        let file = sources.map.file(*id);
        let is_it = file.path == *path;
        seen |= is_it;
        yaml.push(map.add(
            file.path.clone(),
            if is_it {
                text.clone()
            } else {
                file.text.clone()
            },
        ));
    }
    if !seen {
        yaml.push(map.add(path.clone(), text.clone()));
    }
    let mut changed = sources.clone();
    changed.map = map;
    changed.yaml = yaml;
    changed
}

/// A small generator of numbers: the same seed gives the same everywhere.
#[derive(Debug)]
struct Random(u64);

impl Random {
    /// The next number below a bound.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % bound.max(1) as u64).unwrap_or(0)
    }

    /// One of some.
    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        (!of.is_empty()).then(|| &of[self.below(of.len())])
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::mutate::faults::Kind;

    #[test]
    fn suggestions() {
        assert!(is_named("did you mean `a.b`?", "a.b"));
        assert!(is_named("did you mean `home-manager.users.x.a.b`?", "a.b"));
        assert!(is_named("did you mean `a.b.c`?", "a.b"));
        assert!(!is_named("did you mean `a.c`, or `a.b`?", "a.b"));
        assert!(is_named(
            "it is an option of Home Manager: set it",
            "option of Home Manager"
        ));
    }

    #[test]
    fn numbers_repeat() {
        let numbers = |seed| {
            let mut random = Random(seed);
            [random.below(1000), random.below(1000), random.below(1000)]
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
    }

    #[test]
    fn every_kind_has_a_title_of_its_own() {
        let titles: BTreeSet<&str> = Kind::SHARES.iter().map(|(kind, _)| kind.title()).collect();
        assert_eq!(titles.len(), Kind::SHARES.len());
    }
}
