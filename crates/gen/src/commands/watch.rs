//! `gen watch`: generates whenever the spec changes, and says in a few lines what came of it.
//!
//! A broken spec leaves the output as it was. What changes no byte that a run reads, such as a saved
//! file with the old text or an editor's own files, starts nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use camino::Utf8Path;
use notify::{Event, EventKind, RecursiveMode, Watcher};

use crate::cli::{App, explain_failure};
use crate::commands::generate;
use crate::console;
use crate::status::Status;
use crate::{Sources, fingerprint};

/// An editor writes a file in several steps; the spec is read when it has been still for so long.
const STILL: Duration = Duration::from_millis(100);
/// Files that are named when they change.
const MOST_NAMED: usize = 3;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Generate, wait for one change, generate again and end
    #[arg(long)]
    once: bool,
}

/// Watches until it is interrupted.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    let parent = parent(app);
    if !parent.is_dir() {
        bail!("there is no folder `{parent}` to watch");
    }
    let (send, events) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // The receiver is gone only at the end.
        let _ = send.send(event);
    })
    .context("this system cannot watch files")?;
    watch(&mut watcher, app).with_context(|| format!("cannot watch `{}`", app.spec))?;
    // Watched before it is read: nothing that happens in between is missed.
    let mut sources = app.load()?;
    if watch_catalogs(&mut watcher, &sources) {
        sources = app.load()?;
    }
    let mut seen = Seen::of(&sources);
    generate_once(app);
    console::say(&format!("watching {}/", app.spec));
    loop {
        wait(&events)?;
        // A folder that was replaced has to be watched anew; one that is gone comes back.
        let _ = watch(&mut watcher, app);
        let sources = app.load()?;
        watch_catalogs(&mut watcher, &sources);
        let now = Seen::of(&sources);
        if now.fingerprint == seen.fingerprint {
            continue;
        }
        console::say(&format!("changed: {}", now.difference(&seen)));
        seen = now;
        let status = generate_once(app);
        if status != Status::Clean {
            console::say("waiting for the next change; the output is as it was");
        }
        if args.once {
            return Ok(status);
        }
    }
}

/// The folder around the spec.
fn parent(app: &App) -> &Utf8Path {
    match app.spec.parent() {
        Some(parent) if parent != "" => parent,
        _ => Utf8Path::new("."),
    }
}

fn watch(watcher: &mut impl Watcher, app: &App) -> notify::Result<()> {
    watcher.watch(parent(app).as_std_path(), RecursiveMode::NonRecursive)?;
    if app.spec.is_dir() {
        watcher.watch(app.spec.as_std_path(), RecursiveMode::Recursive)?;
    }
    let secrets = app.out.join("secrets");
    if secrets.is_dir() {
        watcher.watch(Path::new(secrets.as_str()), RecursiveMode::NonRecursive)?;
    }
    Ok(())
}

/// Watches the catalogs, which may lie beside the spec; whether there are any.
fn watch_catalogs(watcher: &mut impl Watcher, sources: &Sources) -> bool {
    for catalog in sources.catalogs.values() {
        // One that is not there is reported where the spec is read.
        let _ = watcher.watch(Path::new(&catalog.shown), RecursiveMode::Recursive);
    }
    !sources.catalogs.is_empty()
}

/// Waits for a change, and then until nothing more happens.
fn wait(events: &Receiver<notify::Result<Event>>) -> anyhow::Result<()> {
    let means_something = |event: &notify::Result<Event>| match event {
        Ok(event) => !matches!(event.kind, EventKind::Access(_)),
        // Events were lost: look again.
        Err(_) => true,
    };
    loop {
        let event = events.recv().context("watching has ended")?;
        if means_something(&event) {
            break;
        }
    }
    loop {
        match events.recv_timeout(STILL) {
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("watching has ended"),
        }
    }
}

fn generate_once(app: &App) -> Status {
    generate::run(app, &generate::Args::default())
        .unwrap_or_else(|error| explain_failure(app, &error))
}

/// What a run read.
struct Seen {
    fingerprint: String,
    files: BTreeMap<String, usize>,
}

impl Seen {
    fn of(sources: &Sources) -> Self {
        use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
        let hash = |bytes: &[u8]| {
            let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(bytes);
            usize::try_from(hash & 0xffff_ffff).unwrap_or_default()
        };
        let texts = sources
            .spec_files()
            .map(|(path, text)| (path.to_owned(), hash(text.as_bytes())));
        let shared = sources.catalogs.values().flat_map(|catalog| {
            let name = |path: &String| format!("{}/{path}", catalog.shown);
            let files = catalog.yaml.iter();
            files.map(move |(path, text)| (name(path), hash(text.as_bytes())))
        });
        let assets = sources.around.assets.iter();
        let assets = assets.map(|(path, bytes)| (path.clone(), hash(bytes)));
        Self {
            fingerprint: fingerprint(sources),
            files: texts.chain(shared).chain(assets).collect(),
        }
    }

    /// The files that differ, in words.
    fn difference(&self, before: &Self) -> String {
        let mut names: Vec<&String> = (self.files.iter())
            .filter(|(name, hash)| before.files.get(*name) != Some(hash))
            .map(|(name, _)| name)
            .chain(before.files.keys().filter(|n| !self.files.contains_key(*n)))
            .collect();
        names.sort();
        let more = names.len().saturating_sub(MOST_NAMED);
        let shown: Vec<&str> = names.iter().take(MOST_NAMED).map(|n| n.as_str()).collect();
        match (shown.is_empty(), more) {
            (true, _) => "names of secrets".to_owned(),
            (false, 0) => shown.join(", "),
            (false, more) => format!("{} and {more} more", shown.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named() {
        let of = |files: &[(&str, &str)]| Seen::of(&Sources::from_memory("spec", files.to_vec()));
        let before = of(&[("a.yaml", "1"), ("b.yaml", "1"), ("c.yaml", "1")]);
        let after = of(&[("a.yaml", "1"), ("b.yaml", "2"), ("d.nix", "1")]);
        assert_eq!(after.difference(&before), "b.yaml, c.yaml, d.nix");
        assert_eq!(before.difference(&before), "names of secrets");
        let none = of(&[]);
        let many = of(&[("a", ""), ("b", ""), ("c", ""), ("d", ""), ("e", "")]);
        assert_eq!(many.difference(&none), "a, b, c and 2 more");
    }
}
