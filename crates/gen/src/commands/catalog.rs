//! `gen catalog`: copies of the catalogs that fleets share, from git repositories.
//!
//! A copy stands below the spec folder and is committed with it, so that generation needs no network
//! and a change of a catalog is reviewed like any other. Git only fetches: nothing is checked out, no
//! hook or filter runs, and what is no plain file is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use camino::Utf8Path;
use clap::Subcommand;
use serde::Serialize;
use spec::Spec;
use spec::ast::{CatalogPin, CatalogSource};

use crate::Sources;
use crate::catalogs::{self, FOLDER, LOCK, Lock, Locked, State};
use crate::cli::App;
use crate::console;
use crate::edit::{self, Edits};
use crate::git::objects::Objects;
use crate::status::Status;
use crate::table::Table;

/// Files that a catalog may have.
const MOST_FILES: usize = 10_000;
/// Bytes that a file of a catalog may have.
const LARGEST_FILE: u64 = 8 << 20;
/// Bytes that a catalog may have.
const LARGEST: u64 = 64 << 20;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Copy catalogs from their repositories, as the spec pins them
    Update(UpdateArgs),
    /// Say where catalogs come from, and whether their copies are what the spec asks for
    Status,
}

#[derive(Debug, clap::Args)]
struct UpdateArgs {
    /// Catalogs to copy [default: all]
    names: Vec<String>,
    /// Pin one catalog to what this branch, tag or commit is now
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// Discard changes that were made to the copies by hand
    #[arg(long)]
    force: bool,
}

/// Runs a subcommand.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    let sources = app.load()?;
    let mut diagnostics = sources.diagnostics.clone();
    let spec = sources.spec(&mut diagnostics);
    if diagnostics.has_errors() && spec.is_lost("catalogs", "") {
        console::report(app.format, &diagnostics, &sources.map)?;
        return Ok(Status::of(&diagnostics));
    }
    match &args.action {
        Action::Status => status(app, &sources, &spec),
        Action::Update(args) => update(app, &sources, &spec, args),
    }
}

#[derive(Serialize)]
struct Row {
    name: String,
    from: String,
    rev: Option<String>,
    state: &'static str,
    edited: Vec<String>,
}

fn status(app: &App, sources: &Sources, spec: &Spec) -> anyhow::Result<Status> {
    let json = app.wants_json()?;
    let lock = lock(sources).unwrap_or_default();
    let mut rows = Vec::new();
    for (name, item) in &spec.catalogs {
        let files = sources.catalogs.get(name);
        let (from, rev, state) = match &item.value.source {
            CatalogSource::Path(path) => {
                let is_there = files.is_some_and(|files| files.is_there);
                let state = if is_there {
                    State::Current
                } else {
                    State::Missing
                };
                (path.value.clone(), None, state)
            }
            CatalogSource::Git(pin) => (
                pin.url.value.clone(),
                Some(pin.rev.value.clone()),
                catalogs::state(pin, lock.catalogs.get(name), files),
            ),
        };
        let (state, edited) = match state {
            State::Current => ("current", vec![]),
            State::Missing => ("missing", vec![]),
            State::Stale => ("stale", vec![]),
            State::Edited(files) => ("edited", files),
        };
        rows.push(Row {
            name: name.clone(),
            from,
            rev,
            state,
            edited,
        });
    }
    let is_current = rows.iter().all(|row| row.state == "current");
    if json {
        console::json(&rows)?;
    } else if rows.is_empty() {
        console::out("the spec names no catalogs\n")?;
    } else {
        let mut table = Table::new(&["catalog", "state", "rev", "from"]);
        for row in &rows {
            let rev = row
                .rev
                .as_deref()
                .map_or("-", |rev| rev.get(..12).unwrap_or(rev));
            let state = match row.edited.len() {
                0 => row.state.to_owned(),
                n => format!("{}: {n} files", row.state),
            };
            table.row(vec![
                row.name.clone(),
                state,
                rev.to_owned(),
                row.from.clone(),
            ]);
        }
        console::out(&table.render())?;
    }
    Ok(if is_current {
        Status::Clean
    } else {
        Status::Findings
    })
}

/// The record of copies.
fn lock(sources: &Sources) -> Result<Lock, String> {
    Lock::parse(sources.around.assets.get(LOCK).map(Vec::as_slice))
}

fn update(app: &App, sources: &Sources, spec: &Spec, args: &UpdateArgs) -> anyhow::Result<Status> {
    let wanted = wanted(spec, args)?;
    let mut lock = match lock(sources) {
        Ok(lock) => lock,
        Err(_) if args.force => Lock::default(),
        Err(error) => bail!(
            "`{}` cannot be used: {error}\nhelp: take either side of a merge, or make all copies anew with `--force`",
            app.spec.join(LOCK)
        ),
    };
    refuse_links(app)?;
    let mut text = String::new();
    let mut edits = Edits::default();
    let mut status = Status::Clean;
    for (name, pin) in wanted {
        if let Some(why) = catalogs::bad_url(&pin.url.value) {
            bail!("catalog `{name}`: `{}` {why}", pin.url.value);
        }
        if args.rev.is_none() && !catalogs::is_commit(&pin.rev.value) {
            bail!(
                "catalog `{name}` is not pinned to a commit but to `{rev}`\nhelp: `gen catalog update --rev {rev} {name}` finds the commit and writes it",
                rev = pin.rev.value
            );
        }
        let found = sources.catalogs.get(name);
        let edited = edited(app, name, &lock, found);
        if !edited.is_empty() && !args.force {
            console::say(&format!(
                "catalog `{name}` was changed by hand, and is left as it is: {}",
                crate::text::list(&edited)
            ));
            console::say(&format!(
                "bring the change to where the catalog is kept, or discard it: {}",
                crate::typed::command(&format!("gen catalog update --force {name}"))
            ));
            status = Status::Findings;
            continue;
        }
        let before = lock.catalogs.get(name).map(|locked| locked.rev.clone());
        let asked = args.rev.as_deref().unwrap_or(&pin.rev.value);
        let (rev, files) =
            fetch(pin, asked).with_context(|| format!("catalog `{name}` was left as it is"))?;
        let hashes: BTreeMap<String, String> = files
            .iter()
            .map(|(path, bytes)| (path.clone(), catalogs::hash(bytes)))
            .collect();
        let old = found.map(|files| files.hashes.clone()).unwrap_or_default();
        replace(&app.spec.join(FOLDER), name, &files)?;
        if rev != pin.rev.value {
            edits.replace(pin.rev.span, rev.clone());
        }
        text += &told(name, before.as_deref(), &rev, &old, &hashes);
        lock.catalogs
            .insert(name.to_owned(), Locked::new(pin, &rev, hashes));
    }
    if args.names.is_empty() {
        let gone: Vec<String> = lock
            .catalogs
            .keys()
            .filter(|name| !spec.catalogs.contains_key(*name))
            .cloned()
            .collect();
        for name in gone {
            let found = sources.catalogs.get(&name);
            if edited(app, &name, &lock, found).is_empty() || args.force {
                remove(&app.spec.join(FOLDER), &name)?;
                lock.catalogs.remove(&name);
                text += &name;
                text += ": removed, the spec does not name it\n";
            } else {
                console::say(&format!(
                    "the copy of catalog `{name}`, which the spec does not name, was changed by hand and is left as it is"
                ));
                status = Status::Findings;
            }
        }
    }
    let record = app.spec.join(LOCK);
    if !lock.catalogs.is_empty() || record.exists() {
        fs::create_dir_all(app.spec.join(FOLDER))?;
        edit::write(&record, lock.text()?.as_bytes())?;
    }
    for (file, text) in edits.apply(&sources.map) {
        edit::write_changed(app, sources, file, &text)?;
    }
    if text.is_empty() && status == Status::Clean {
        text.push_str("no catalog comes from a git repository\n");
    } else if status == Status::Clean {
        text.push_str("next: `gen diff`, then `gen`; commit the copies with the spec\n");
    }
    console::guide(&text)?;
    Ok(status)
}

/// The catalogs to copy.
fn wanted<'s>(spec: &'s Spec, args: &UpdateArgs) -> anyhow::Result<Vec<(&'s str, &'s CatalogPin)>> {
    let mut wanted = Vec::new();
    for name in &args.names {
        let Some(item) = spec.catalogs.get(name) else {
            match diag::closest(name, spec.catalogs.keys()) {
                Some(best) => {
                    bail!("the spec names no catalog `{name}`\nhelp: did you mean `{best}`?")
                }
                None => bail!("the spec names no catalog `{name}`"),
            }
        };
        match &item.value.source {
            CatalogSource::Git(pin) => wanted.push((item.name.value.as_str(), pin)),
            CatalogSource::Path(path) => bail!(
                "catalog `{name}` is the folder `{}`, which is read as it is",
                path.value
            ),
        }
    }
    if args.names.is_empty() {
        ensure!(
            args.rev.is_none(),
            "`--rev` is for one catalog: name it\nhelp: {}",
            crate::typed::command("gen catalog update --rev main NAME")
        );
        for item in spec.catalogs.values() {
            if let CatalogSource::Git(pin) = &item.value.source {
                wanted.push((item.name.value.as_str(), pin));
            }
        }
    }
    ensure!(
        args.rev.is_none() || wanted.len() == 1,
        "`--rev` is for one catalog"
    );
    Ok(wanted)
}

/// Nothing is written through links.
fn refuse_links(app: &App) -> anyhow::Result<()> {
    let folder = app.spec.join(FOLDER);
    for path in [folder.clone(), folder.join("lock.json")] {
        if fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink()) {
            bail!("`{path}` is a symbolic link, and is not followed");
        }
    }
    Ok(())
}

/// The files of a copy that were changed by hand: against the record, or all where there is none.
fn edited(app: &App, name: &str, lock: &Lock, found: Option<&catalogs::Files>) -> Vec<String> {
    let hashes = found.map(|files| &files.hashes);
    let nothing = BTreeMap::new();
    let hashes = hashes.unwrap_or(&nothing);
    let folder = app.spec.join(FOLDER).join(name);
    // What is passed over, or is no plain file, would be lost as well.
    let foreign = walkdir::WalkDir::new(&folder)
        .min_depth(1)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| !entry.file_type().is_dir())
        .filter_map(|entry| {
            let path = entry.path().strip_prefix(&folder).ok()?;
            Some(path.to_string_lossy().into_owned())
        })
        .filter(|path| !hashes.contains_key(path));
    let mut edited: BTreeSet<String> = foreign.collect();
    match lock.catalogs.get(name) {
        // A copy that is gone is made again.
        Some(_) if hashes.is_empty() => {}
        Some(locked) => edited.extend(locked.edited(hashes)),
        None => edited.extend(hashes.keys().cloned()),
    }
    edited.into_iter().collect()
}

/// What came of a copy, in words.
fn told(
    name: &str,
    before: Option<&str>,
    rev: &str,
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
) -> String {
    let short = |rev: &str| rev.get(..12).unwrap_or(rev).to_owned();
    let added = new.keys().filter(|path| !old.contains_key(*path)).count();
    let removed = old.keys().filter(|path| !new.contains_key(*path)).count();
    let changed = new
        .iter()
        .filter(|(path, hash)| old.get(*path).is_some_and(|old| old != *hash))
        .count();
    let from = match before {
        Some(before) if before != rev => format!("{} → {}", short(before), short(rev)),
        _ => short(rev),
    };
    if added + removed + changed == 0 {
        format!("{name}: {from}, {} files as before\n", new.len())
    } else {
        format!("{name}: {from}, {added} files added, {changed} changed, {removed} removed\n")
    }
}

/// Puts a copy in the place of another, by renames.
fn replace(folder: &Utf8Path, name: &str, files: &BTreeMap<String, Vec<u8>>) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let staged = tempfile::Builder::new()
        .prefix(".gen-catalog-")
        .tempdir_in(folder)
        .with_context(|| format!("cannot write below `{folder}`"))?;
    let new = staged.path().join("new");
    for (path, bytes) in files {
        let path = new.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    let target = folder.join(name);
    let old = staged.path().join("old");
    match fs::rename(&target, &old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot replace `{target}`"));
        }
        _ => {}
    }
    fs::rename(&new, &target)
        .inspect_err(|_| {
            // What was there comes back rather than going with the temporary folder.
            let _ = fs::rename(&old, &target);
        })
        .with_context(|| format!("cannot write `{target}`"))
}

fn remove(folder: &Utf8Path, name: &str) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", folder.join(name)))
        }
        _ => Ok(()),
    }
}

/// The commit that a revision is, and the files of the catalog there.
fn fetch(pin: &CatalogPin, rev: &str) -> anyhow::Result<(String, BTreeMap<String, Vec<u8>>)> {
    ensure!(
        !rev.is_empty() && !rev.starts_with('-') && !rev.chars().any(char::is_control),
        "`{rev}` is no revision"
    );
    let url = &pin.url.value;
    let repository = tempfile::tempdir()?;
    let repository = Repository {
        folder: repository.path(),
    };
    repository.run(&["init", "--quiet", "--bare"])?;
    console::say(&format!("fetching {url}"));
    let one = ["fetch", "--quiet", "--no-tags", "--depth=1", "--", url, rev];
    let commit = match repository.run(&one) {
        Ok(_) => "FETCH_HEAD".to_owned(),
        // Some servers give only what a branch or tag names.
        Err(first) => {
            let all = [
                "fetch",
                "--quiet",
                "--no-tags",
                "--",
                url,
                "+refs/heads/*:refs/heads/*",
                "+refs/tags/*:refs/tags/*",
            ];
            // What the first try said is mostly what is wrong.
            repository.run(&all).map_err(|_| first)?;
            rev.to_owned()
        }
    };
    let name = format!("{commit}^{{commit}}");
    let found = repository
        .run(&[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &name,
        ])
        .with_context(|| format!("`{url}` has no commit `{rev}`"))?;
    let commit = String::from_utf8(found)?.trim().to_owned();
    ensure!(
        !catalogs::is_commit(rev) || commit == rev,
        "`{url}` gave commit {commit} instead of {rev}"
    );
    let files = files(&repository, &commit, pin)?;
    Ok((commit, files))
}

/// The plain files of a commit; anything else is refused.
fn files(
    repository: &Repository<'_>,
    commit: &str,
    pin: &CatalogPin,
) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let tree = match &pin.folder {
        None => commit.to_owned(),
        Some(folder) => {
            let tidy = catalogs::join(Utf8Path::new(""), &folder.value);
            ensure!(
                !tidy.starts_with("..") && !folder.value.starts_with('/'),
                "`{}` is no folder of a repository",
                folder.value
            );
            format!("{commit}:{tidy}")
        }
    };
    let listed = repository
        .run(&["ls-tree", "-r", "-z", "-l", "--full-tree", &tree])
        .with_context(|| match &pin.folder {
            Some(folder) => format!("there is no folder `{}` in the commit", folder.value),
            None => "the commit cannot be read".to_owned(),
        })?;
    let mut wanted: Vec<(String, String)> = Vec::new();
    let mut refused: Vec<String> = Vec::new();
    let mut total = 0u64;
    for line in listed
        .split(|byte| *byte == 0)
        .filter(|line| !line.is_empty())
    {
        // `100644 blob ID SIZE<TAB>PATH`
        let line = std::str::from_utf8(line).context("a path of the catalog is not UTF-8")?;
        let Some((facts, path)) = line.split_once('\t') else {
            bail!("git lists `{line}`, which is not understood");
        };
        if path.split('/').any(crate::load::is_passed_over) {
            continue;
        }
        let facts: Vec<&str> = facts.split_whitespace().collect();
        let why = match facts.as_slice() {
            _ if !is_plain(path) => Some("has no plain name"),
            ["120000", ..] => Some("is a symbolic link"),
            ["160000", ..] => Some("is a submodule"),
            ["100644" | "100755", "blob", id, size] => {
                let size: u64 = size.parse().unwrap_or(u64::MAX);
                total = total.saturating_add(size);
                wanted.push((path.to_owned(), (*id).to_owned()));
                (size > LARGEST_FILE).then_some("is larger than 8 MiB")
            }
            _ => Some("is no plain file"),
        };
        if let Some(why) = why {
            refused.push(format!("`{path}` {why}"));
        }
    }
    ensure!(
        refused.is_empty(),
        "the catalog is refused: {}\nhelp: a catalog holds plain files only; `folder` takes a part of a repository",
        refused.join(", ")
    );
    ensure!(
        wanted.len() <= MOST_FILES && total <= LARGEST,
        "the catalog is refused: it has {} files of {} MiB together, more than {MOST_FILES} or {} MiB",
        wanted.len(),
        total >> 20,
        LARGEST >> 20
    );
    ensure!(
        wanted.iter().any(|(path, _)| crate::load::is_yaml(path)),
        "there is no YAML file in the catalog\nhelp: `folder` says where in the repository it is"
    );
    let contents = repository.contents(&wanted)?;
    Ok(wanted
        .into_iter()
        .map(|(path, _)| path)
        .zip(contents)
        .collect())
}

/// Whether a path is safe to write below a folder.
fn is_plain(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', ':'])
        && !path.chars().any(char::is_control)
        && path
            .split('/')
            .all(|part| !matches!(part, "" | "." | "..") && !part.eq_ignore_ascii_case(".git"))
}

/// A private repository that things are fetched into.
struct Repository<'a> {
    folder: &'a Path,
}

impl Repository<'_> {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.folder);
        for setting in [
            "core.hooksPath=/dev/null",
            "core.fsmonitor=false",
            "fetch.recurseSubmodules=false",
            "fetch.fsckObjects=true",
            "gc.auto=0",
            "maintenance.auto=false",
            "protocol.ext.allow=never",
            "protocol.fd.allow=never",
        ] {
            command.args(["-c", setting]);
        }
        // The repository around the spec is none of its business.
        for name in [
            "GIT_DIR",
            "GIT_WORK_TREE",
            "GIT_INDEX_FILE",
            "GIT_OBJECT_DIRECTORY",
            "GIT_ALTERNATE_OBJECT_DIRECTORIES",
            "GIT_NAMESPACE",
        ] {
            command.env_remove(name);
        }
        command
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// What git prints; what it complains of where it fails.
    fn run(&self, args: &[&str]) -> anyhow::Result<Vec<u8>> {
        let output = self
            .command(args)
            .stdin(Stdio::null())
            .output()
            .context("cannot run `git`")?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().map(str::trim).filter(|line| !line.is_empty());
        let said: Vec<&str> = said.take(5).collect();
        ensure!(!said.is_empty(), "git does not know it");
        bail!("git: {}", said.join("\n     "))
    }

    /// Contents by name, in order.
    fn contents(&self, wanted: &[(String, String)]) -> anyhow::Result<Vec<Vec<u8>>> {
        let ids: Vec<&str> = wanted.iter().map(|(_, id)| id.as_str()).collect();
        Objects::by(self.command(&[]))?.contents(&ids)
    }
}
