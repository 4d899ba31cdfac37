//! `gen index`: the fleet's own option and package index, read by the user's Nix.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, bail};
use camino::{Utf8Path, Utf8PathBuf};

use crate::Generated;
use crate::cli::App;
use crate::console;
use crate::facts::{self, Facts, Lock, Modules, Part, Reader, StateVersions};
use crate::progress::Progress;
use crate::status::Status;

/// The folder of the index, beside that of the spec.
pub(crate) const FOLDER: &str = "index";
/// Its record of what it was read from.
pub(crate) const RELEASE: &str = "release.json";
/// Left-out options that are named; the rest are counted.
const SHOWN: usize = 10;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The Nix to use, instead of `nix` on the search path
    #[arg(long, value_name = "PATH")]
    nix: Option<PathBuf>,
    /// Evaluations at a time; each needs up to 3.5 GiB
    #[arg(long, short, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    jobs: u8,
    /// Read only these; the rest of the index must be of the same inputs
    #[arg(long, value_name = "WHAT")]
    only: Option<Only>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    Options,
    Packages,
}

/// Reads the locked inputs and writes the index.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    let flake = &app.out;
    let generated = app.generate()?;
    if !flake.join("flake.nix").is_file() {
        bail!("there is no flake in `{flake}`; run `gen` first");
    }
    let lock_path = flake.join("flake.lock");
    let lock_text = match fs::read_to_string(&lock_path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("`{lock_path}` is missing; run `nix flake lock ./{flake}` first")
        }
        Err(error) => bail!("cannot read `{lock_path}`: {error}"),
    };
    let lock = Lock::parse(&lock_text).with_context(|| format!("`{lock_path}` is damaged"))?;
    let folder = folder(&app.spec);
    let parts: Vec<Part> = Part::ALL
        .iter()
        .copied()
        .filter(|part| match args.only {
            None => true,
            Some(only) => (only == Only::Packages) == (*part == Part::Packages),
        })
        .collect();
    let nix = facts::nix_program(args.nix.as_deref());
    let fleet = FleetFacts::of(&generated);
    let reader = Reader::of_flake(
        &nix,
        flake.as_std_path(),
        &lock,
        fleet.systems,
        fleet.state_versions,
        fleet.modules,
    )?;
    let nixpkgs = {
        let _progress = Progress::start("fetching inputs");
        reader.fetch(flake.as_std_path(), &lock)?
    };
    let release = facts::release(&lock, &nixpkgs)?;
    if args.only.is_some() {
        let old = fs::read_to_string(folder.join(RELEASE)).unwrap_or_default();
        if old != release {
            bail!(
                "the rest of the index in `{folder}` is not of these inputs; run `gen index` without `--only`"
            );
        }
    }
    let read = read_all(&reader, &parts, usize::from(args.jobs))?;
    let mut files: Vec<(&str, &str)> = read
        .iter()
        .map(|(part, facts)| (part.file(), facts.text.as_str()))
        .collect();
    files.push((RELEASE, &release));
    write_all(&folder, &files)?;
    for (part, facts) in &read {
        console::say(&format!(
            "{}: {} in {folder}/{}",
            part.title(),
            facts.count,
            part.file()
        ));
        say_left_out(&facts.left_out);
    }
    console::say(&format!(
        "recorded nixpkgs {nixpkgs} and the revision of each input in {folder}/{RELEASE}"
    ));
    Ok(Status::Clean)
}

/// The folder of the index of a spec.
pub(crate) fn folder(spec: &Utf8Path) -> Utf8PathBuf {
    spec.parent().unwrap_or(Utf8Path::new("")).join(FOLDER)
}

/// What an index depends on besides the inputs.
struct FleetFacts {
    systems: Vec<String>,
    state_versions: StateVersions,
    modules: Modules,
}

impl FleetFacts {
    fn of(generated: &Generated) -> Self {
        let fleet = generated.spec.fleet.as_ref().map(|item| &item.value);
        let usual = fleet
            .and_then(|fleet| fleet.system.as_ref())
            .map_or("x86_64-linux", |system| system.value.as_str());
        let version = fleet
            .and_then(|fleet| fleet.state_version.as_ref())
            .map_or("25.11", |version| version.value.as_str());
        let mut others: BTreeSet<&str> = generated
            .fleet
            .hosts
            .values()
            .map(|host| host.system.as_str())
            .collect();
        others.remove(usual);
        let mut modules = Modules::default();
        for (name, input) in &generated.spec.inputs {
            let entry = |attr: &diag::Spanned<String>| (name.clone(), attr.value.clone());
            modules
                .nixos
                .extend(input.value.nixos_module.as_ref().map(entry));
            modules
                .home
                .extend(input.value.home_module.as_ref().map(entry));
        }
        Self {
            systems: std::iter::once(usual)
                .chain(others)
                .map(str::to_owned)
                .collect(),
            state_versions: StateVersions {
                nixos: version.to_owned(),
                home: version.to_owned(),
            },
            modules,
        }
    }
}

/// Reads the parts, a few at a time. In the order of their names.
fn read_all(reader: &Reader, parts: &[Part], jobs: usize) -> anyhow::Result<Vec<(Part, Facts)>> {
    let looked_at = Arc::new(AtomicUsize::new(0));
    let _progress = Progress::counting("reading options and packages", Arc::clone(&looked_at));
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(Part, anyhow::Result<Facts>)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(parts.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&part) = parts.get(at) else { break };
                    let facts = reader.read(part, &looked_at);
                    let failed = facts.is_err();
                    if let Ok(mut results) = results.lock() {
                        results.push((part, facts));
                    }
                    if failed {
                        // The others are not begun.
                        next.store(parts.len(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_default();
    let mut read = results
        .into_iter()
        .map(|(part, facts)| Ok((part, facts?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    read.sort_by_key(|(part, _)| *part);
    Ok(read)
}

/// Writes the files aside and then renames them, the record last: a run that is stopped leaves an
/// index whose record says what the rest is of, or none. What is there already is not written.
fn write_all(folder: &Utf8Path, files: &[(&str, &str)]) -> anyhow::Result<()> {
    let cannot = |error: std::io::Error| anyhow::anyhow!("cannot write `{folder}`: {error}");
    let is_there = |(name, text): &(&str, &str)| {
        fs::read(folder.join(name)).is_ok_and(|old| old == text.as_bytes())
    };
    if files.iter().all(is_there) {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(cannot)?;
    let mut staged = Vec::new();
    for (name, text) in files {
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
            .tempfile_in(folder)
            .map_err(cannot)?;
        file.write_all(text.as_bytes()).map_err(cannot)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let readable = fs::Permissions::from_mode(0o644);
            file.as_file().set_permissions(readable).map_err(cannot)?;
        }
        staged.push((name, file));
    }
    let record = folder.join(RELEASE);
    if record.exists() {
        fs::remove_file(&record).map_err(cannot)?;
    }
    for (name, file) in staged {
        file.persist(folder.join(name))
            .map_err(|error| cannot(error.error))?;
    }
    Ok(())
}

fn say_left_out(left_out: &[String]) {
    if left_out.is_empty() {
        return;
    }
    console::say("  could not be read, and is not checked:");
    for what in left_out.iter().take(SHOWN) {
        console::say(&format!("    {what}"));
    }
    if left_out.len() > SHOWN {
        console::say(&format!("    and {} more", left_out.len() - SHOWN));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_beside_the_spec() {
        assert_eq!(folder(Utf8Path::new("spec")), "index");
        assert_eq!(
            folder(Utf8Path::new("fleets/home/spec")),
            "fleets/home/index"
        );
    }

    #[test]
    fn files_are_replaced_together() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap().join("index");
        write_all(&folder, &[("a.json", "1"), (RELEASE, "r1")]).unwrap();
        write_all(&folder, &[("a.json", "2"), (RELEASE, "r2")]).unwrap();
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!((read("a.json"), read(RELEASE)), ("2".into(), "r2".into()));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    }
}
