//! Catalogs that fleets share, as they are found: a folder beside the spec, or a commit of a git
//! repository that was copied to `catalogs/NAME` below the spec folder.
//!
//! A copy is a part of the spec: generation reads it and never the network. `catalogs/lock.json` says
//! of each what was copied, so that what is stale or was changed by hand is found.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use diag::{Diagnostic, Diagnostics, FileId, SourceMap, Span};
use resolve::Shared;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use spec::Spec;
use spec::ast::{CatalogPin, CatalogSource};
use spec::node::Node;

use crate::text::hex;

/// The folder of copies below the spec folder.
pub(crate) const FOLDER: &str = "catalogs";
/// The record of what was copied, below the spec folder.
pub(crate) const LOCK: &str = "catalogs/lock.json";
/// The version of the record's form.
const VERSION: u32 = 1;

/// The codes of findings that mean that names of a catalog are not known.
pub(crate) const CODES: &[&str] = &[
    "catalog-lock",
    "catalog-missing",
    "catalog-name",
    "catalog-path",
    "catalog-rev",
    "catalog-stale",
    "catalog-url",
];

/// The files of a catalog.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    /// Its folder as messages show it.
    pub(crate) shown: String,
    /// Its folder as headers name it.
    pub(crate) header: String,
    /// YAML by path below it. The other files are among the assets of the spec.
    pub(crate) yaml: BTreeMap<String, String>,
    /// The hash of every file, by path below it; of a copy.
    pub(crate) hashes: BTreeMap<String, String>,
    /// Whether there is a file at all.
    pub(crate) is_there: bool,
}

/// What was copied.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lock {
    version: u32,
    pub(crate) catalogs: BTreeMap<String, Locked>,
}

/// A copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Locked {
    /// Address of the repository.
    pub(crate) url: String,
    /// The commit.
    pub(crate) rev: String,
    /// The folder in the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) folder: Option<String>,
    /// The hash over all files.
    pub(crate) hash: String,
    /// The hash of each file.
    pub(crate) files: BTreeMap<String, String>,
}

/// How a copy stands to what the spec asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Just what the spec asks for.
    Current,
    /// Not there.
    Missing,
    /// Of another commit, folder or repository.
    Stale,
    /// Not as it was copied; these files differ.
    Edited(Vec<String>),
}

impl Lock {
    /// Reads the record.
    pub(crate) fn parse(bytes: Option<&[u8]>) -> Result<Lock, String> {
        let Some(bytes) = bytes else {
            return Ok(Lock::default());
        };
        let lock: Lock = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if lock.version == VERSION {
            Ok(lock)
        } else {
            Err(format!("version {} is not known", lock.version))
        }
    }

    /// The text of the record.
    pub(crate) fn text(mut self) -> anyhow::Result<String> {
        self.version = VERSION;
        Ok(format!("{}\n", serde_json::to_string_pretty(&self)?))
    }
}

impl Locked {
    /// The record of a copy.
    pub(crate) fn new(pin: &CatalogPin, rev: &str, files: BTreeMap<String, String>) -> Self {
        Self {
            url: pin.url.value.clone(),
            rev: rev.to_owned(),
            folder: pin.folder.as_ref().map(|folder| folder.value.clone()),
            hash: hash_of(&files),
            files,
        }
    }

    fn is_for(&self, pin: &CatalogPin) -> bool {
        self.url == pin.url.value
            && self.rev == pin.rev.value
            && self.folder.as_deref() == pin.folder.as_ref().map(|folder| folder.value.as_str())
    }

    /// The files that differ from what was copied.
    pub(crate) fn edited(&self, found: &BTreeMap<String, String>) -> Vec<String> {
        let names: BTreeSet<&String> = self.files.keys().chain(found.keys()).collect();
        names
            .into_iter()
            .filter(|name| self.files.get(*name) != found.get(*name))
            .cloned()
            .collect()
    }
}

/// How a copy stands.
pub(crate) fn state(pin: &CatalogPin, locked: Option<&Locked>, files: Option<&Files>) -> State {
    let files = files.filter(|files| files.is_there);
    let (Some(locked), Some(files)) = (locked, files) else {
        return State::Missing;
    };
    let edited = locked.edited(&files.hashes);
    if !locked.is_for(pin) {
        State::Stale
    } else if edited.is_empty() && hash_of(&files.hashes) == locked.hash {
        State::Current
    } else {
        State::Edited(edited)
    }
}

/// The hash of a file.
pub(crate) fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The hash over all files.
fn hash_of(files: &BTreeMap<String, String>) -> String {
    let mut all = Sha256::new();
    for (path, hash) in files {
        all.update((path.len() as u64).to_le_bytes());
        all.update(path);
        all.update(hash);
    }
    hex(&all.finalize())
}

/// Whether a text is the full id of a commit.
pub(crate) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64)
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Where the files of a catalog are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Below the spec folder.
    Inside(String),
    /// Beside it; a relative path that begins with `..`.
    Outside(Utf8PathBuf),
}

/// The catalogs that files of a spec name, and those that were copied for it.
pub(crate) fn declared(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Place> {
    let mut map = SourceMap::new();
    let mut ids = Vec::new();
    for (path, bytes) in files {
        if crate::load::is_yaml(path)
            && !path.starts_with("catalogs/")
            && let Ok(text) = std::str::from_utf8(bytes)
            && text.contains("catalogs")
        {
            ids.push(map.add(path.as_str(), text));
        }
    }
    let lock = files.get(LOCK).map(Vec::as_slice);
    let lock = Lock::parse(lock).unwrap_or_default();
    let mut places: BTreeMap<String, Place> = lock
        .catalogs
        .into_keys()
        .filter(|name| is_name(name))
        .map(|name| (name.clone(), Place::Inside(resolve::catalog_folder(&name))))
        .collect();
    // What is wrong is reported when the spec itself is read.
    let spec = spec::load(&map, &ids, &mut Diagnostics::new());
    for (name, item) in spec.catalogs {
        let place = match &item.value.source {
            CatalogSource::Git(_) => Some(Place::Inside(resolve::catalog_folder(&name))),
            CatalogSource::Path(path) => place(&path.value),
        };
        if let Some(place) = place.filter(|_| is_name(&name)) {
            places.insert(name, place);
        }
    }
    places
}

/// Whether a name may be that of a folder.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Where a path leads; nothing where it is none, or leads to the spec folder or one around it.
pub(crate) fn place(path: &str) -> Option<Place> {
    if path.is_empty() || path.contains(['\\', '\0', '\n']) || path.starts_with(['/', '~']) {
        return None;
    }
    let tidy = join(Utf8Path::new(""), path);
    match tidy.components().next_back()?.as_str() {
        ".." => None,
        _ if tidy.starts_with("..") => Some(Place::Outside(tidy)),
        _ => Some(Place::Inside(tidy.to_string())),
    }
}

/// A path relative to a folder, without `.` and, where that is possible, `..`.
pub(crate) fn join(folder: &Utf8Path, path: &str) -> Utf8PathBuf {
    let mut parts: Vec<&str> = Vec::new();
    let all = folder.components().map(|part| part.as_str());
    for part in all.chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts
                .last()
                .is_some_and(|last| !matches!(*last, ".." | "/")) =>
            {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.iter().collect()
}

/// What catalogs hold: their YAML is added to the sources, and what is wrong with them reported.
pub(crate) fn read(
    spec: &Spec,
    found: &BTreeMap<String, Files>,
    assets: &BTreeMap<String, Vec<u8>>,
    map: &mut SourceMap,
    d: &mut Diagnostics,
    look: &mut dyn FnMut(&Node, &mut Diagnostics),
) -> (Vec<Shared>, Vec<FileId>) {
    let mut shared = Vec::new();
    let mut added = Vec::new();
    let lock = match Lock::parse(assets.get(LOCK).map(Vec::as_slice)) {
        Ok(lock) => lock,
        Err(error) => {
            let message = format!("`{LOCK}` cannot be used: {error}");
            d.push(Diagnostic::error("catalog-lock", None, message).help(
                "take either side of a merge, or delete it and run `gen catalog update --force`",
            ));
            Lock::default()
        }
    };
    for (name, item) in &spec.catalogs {
        if !is_name(name) {
            let message = format!("`{name}` cannot be the name of a catalog");
            d.push(
                Diagnostic::error("catalog-name", item.name.span, message)
                    .help("use lower-case letters, digits and `-`, beginning with a letter"),
            );
            continue;
        }
        let files = found.get(name);
        let is_sound = match &item.value.source {
            CatalogSource::Path(path) => folder(path.span, &path.value, files, d),
            CatalogSource::Git(pin) => {
                let state = state(pin, lock.catalogs.get(name), files);
                copy(name, item.name.span, pin, &state, d)
            }
        };
        let Some(files) = files.filter(|_| is_sound) else {
            continue;
        };
        let ids: Vec<FileId> = files
            .yaml
            .iter()
            .map(|(path, text)| map.add(format!("{}/{path}", files.shown), text.as_str()))
            .collect();
        if ids.is_empty() {
            let message = format!("catalog `{name}` holds no YAML file");
            d.push(Diagnostic::error(
                "catalog-missing",
                item.name.span,
                message,
            ));
        }
        shared.push(Shared {
            name: item.name.clone(),
            except: item.value.except.clone(),
            spec: spec::load_catalog(map, &ids, d, look),
        });
        added.extend(ids);
    }
    for name in lock.catalogs.keys() {
        if !spec.catalogs.contains_key(name) && !spec.is_lost("catalogs", name) {
            let message =
                format!("`{FOLDER}/{name}` is the copy of a catalog that is not declared");
            d.push(
                Diagnostic::warning("catalog-unused", None, message)
                    .help("`gen catalog update` removes it"),
            );
        }
    }
    (shared, added)
}

/// Checks the folder of a catalog.
fn folder(span: Span, path: &str, files: Option<&Files>, d: &mut Diagnostics) -> bool {
    if place(path).is_none() {
        d.push(
            Diagnostic::error(
                "catalog-path",
                span,
                format!("`{path}` cannot be the folder of a catalog"),
            )
            .help("name a folder relative to the spec folder, such as `../catalog`"),
        );
        return false;
    }
    match files {
        Some(files) if files.is_there => true,
        files => {
            let shown = files.map_or(path, |files| &files.shown);
            let message = format!("there is no folder `{shown}`");
            let diagnostic = Diagnostic::error("catalog-missing", span, message);
            d.push(diagnostic.help("the path is relative to the spec folder"));
            false
        }
    }
}

/// Checks the copy of a catalog.
fn copy(name: &str, span: Span, pin: &CatalogPin, state: &State, d: &mut Diagnostics) -> bool {
    let mut is_sound = true;
    if let Some(why) = bad_url(&pin.url.value) {
        let message = format!("`{}` {why}", pin.url.value);
        let diagnostic = Diagnostic::error("catalog-url", pin.url.span, message);
        d.push(if pin.url.value.starts_with('/') {
            diagnostic.help(format!("write `file://{}`", pin.url.value))
        } else {
            diagnostic.help(
                "such as `https://git.example.org/catalog.git` or `ssh://git@example.org/catalog`",
            )
        });
        is_sound = false;
    }
    if let Some(folder) = &pin.folder
        && !matches!(place(&folder.value), Some(Place::Inside(_)))
    {
        let message = format!("`{}` is no folder of a repository", folder.value);
        d.push(
            Diagnostic::error("catalog-path", folder.span, message)
                .help("name it relative to the root of the repository"),
        );
        is_sound = false;
    }
    if !is_commit(&pin.rev.value) {
        let rev = &pin.rev.value;
        d.push(
            Diagnostic::error(
                "catalog-rev",
                pin.rev.span,
                format!("`{rev}` is not the full id of a commit"),
            )
            .help(format!(
                "`gen catalog update --rev {rev} {name}` finds it and writes it here"
            )),
        );
        return false;
    }
    let update = format!("run `gen catalog update {name}`");
    match state {
        _ if !is_sound => false,
        State::Current => true,
        State::Missing => {
            let message = format!("catalog `{name}` has not been copied yet");
            d.push(Diagnostic::error("catalog-missing", span, message).help(update));
            false
        }
        State::Stale => {
            let message = format!("the copy of catalog `{name}` is of another commit");
            d.push(Diagnostic::error("catalog-stale", pin.rev.span, message).help(update));
            false
        }
        State::Edited(files) => {
            let message = format!(
                "the copy of catalog `{name}` was changed by hand: {}",
                crate::text::list(files.iter().map(|file| format!("`{file}`")))
            );
            d.push(
                Diagnostic::warning("catalog-edited", span, message)
                    .help(format!(
                        "bring the change to where the catalog is kept, or discard it with `gen catalog update --force {name}`"
                    )),
            );
            true
        }
    }
}

/// Why an address cannot be given to git.
pub(crate) fn bad_url(url: &str) -> Option<&'static str> {
    if url.starts_with('-') || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Some("is not an address");
    }
    if let Some((scheme, rest)) = url.split_once("://") {
        return match scheme {
            "https" | "http" | "ssh" | "git" | "file" if !rest.is_empty() => None,
            _ => Some("is not an address that git reads safely"),
        };
    }
    // `git@example.org:catalog.git`
    match url.split_once(':') {
        Some((host, path)) if !host.contains('/') && !path.is_empty() && !path.starts_with(':') => {
            None
        }
        _ => Some("is not the address of a repository"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in [
            "https://git.example.org/catalog.git",
            "ssh://git@example.org/catalog",
            "git@example.org:catalog.git",
            "file:///srv/catalog.git",
        ] {
            assert_eq!(bad_url(good), None, "{good}");
        }
        for bad in [
            "--upload-pack=touch",
            "ext::sh -c touch",
            "ext::sh",
            "fd::17/foo",
            "/srv/catalog.git",
            "../catalog",
            "https://",
            "",
        ] {
            assert!(bad_url(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn places() {
        let outside = |path: &str| Some(Place::Outside(path.into()));
        assert_eq!(place("../acme"), outside("../acme"));
        assert_eq!(place("../../x/./acme/"), outside("../../x/acme"));
        assert_eq!(place("a/../b"), Some(Place::Inside("b".to_owned())));
        for bad in ["", ".", "..", "../..", "a/..", "/srv", "~/x", "a\\b"] {
            assert_eq!(place(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_record_is_read_back() {
        let files = BTreeMap::from([("a.yaml".to_owned(), hash(b"a"))]);
        let locked = Locked {
            url: "https://example.org".to_owned(),
            rev: "0".repeat(40),
            folder: None,
            hash: hash_of(&files),
            files,
        };
        let catalogs = BTreeMap::from([("acme".to_owned(), locked)]);
        let text = Lock {
            version: 0,
            catalogs: catalogs.clone(),
        }
        .text()
        .unwrap();
        assert_eq!(
            Lock::parse(Some(text.as_bytes())).unwrap().catalogs,
            catalogs
        );
        assert!(Lock::parse(Some(b"{}")).is_err());
    }
}
