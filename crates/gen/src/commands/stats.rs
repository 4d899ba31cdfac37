//! `gen stats`: how much of each host is its own, and how much it shares.
//!
//! What applies to a host is read off the generated files: from its own files along the imports, each
//! definition of an option counts once (Home Manager's once for each user).

use std::collections::{BTreeMap, BTreeSet};

use model::{Definition, Fleet, Host, Layer};
use nix::AttrPath;
use output::FileTree;
use serde::Serialize;

use crate::cli::{App, Sound};
use crate::console;
use crate::modules::below;
use crate::status::Status;
use crate::table::Table;

/// A layer as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Template,
    Profile,
    Feature,
    Fleet,
    User,
    Host,
}

impl Kind {
    const ALL: &[Self] = &[
        Self::Template,
        Self::Profile,
        Self::Feature,
        Self::Fleet,
        Self::User,
        Self::Host,
    ];

    fn of(layer: &Layer) -> Self {
        match layer {
            Layer::Default(_) | Layer::Derived(_) | Layer::Feature(_) => Self::Feature,
            Layer::Fleet => Self::Fleet,
            Layer::Template(_) => Self::Template,
            Layer::Profile(_) => Self::Profile,
            Layer::User(_) => Self::User,
            Layer::Host(_) => Self::Host,
        }
    }
}

#[derive(Serialize)]
struct Row {
    host: String,
    definitions: usize,
    layers: BTreeMap<Kind, usize>,
    /// Share of definitions that come from a template, profile or feature, in percent.
    shared: f64,
}

impl Row {
    #[expect(
        clippy::cast_precision_loss,
        reason = "there are no so many definitions"
    )]
    fn new(host: String, layers: BTreeMap<Kind, usize>) -> Self {
        let definitions: usize = layers.values().sum();
        let of = |kind| layers.get(&kind).copied().unwrap_or_default();
        let shared = of(Kind::Template) + of(Kind::Profile) + of(Kind::Feature);
        let percent = 100.0 * shared as f64 / definitions.max(1) as f64;
        Self {
            host,
            definitions,
            layers,
            shared: (percent * 10.0).round() / 10.0,
        }
    }
}

/// Shows the shares.
pub(crate) fn run(app: &App) -> anyhow::Result<Status> {
    let json = app.wants_json()?;
    let sound = match app.sound_fleet()? {
        Ok(sound) => sound,
        Err(status) => return Ok(status),
    };
    let rows = rows(&sound);
    if json {
        console::json(&rows)?;
        return Ok(Status::Clean);
    }
    let mut headings = vec!["host", ">definitions"];
    headings.extend([
        ">template",
        ">profile",
        ">feature",
        ">fleet",
        ">user",
        ">host",
        ">shared",
    ]);
    let mut table = Table::new(&headings);
    for row in &rows {
        let layer = |kind| {
            row.layers
                .get(kind)
                .copied()
                .unwrap_or_default()
                .to_string()
        };
        let mut cells = vec![row.host.clone(), row.definitions.to_string()];
        cells.extend(Kind::ALL.iter().map(layer));
        cells.push(format!("{:.1} %", row.shared));
        table.row(cells);
    }
    console::out(&table.render())?;
    Ok(Status::Clean)
}

/// A row for each host, and one for all of them.
fn rows(sound: &Sound) -> Vec<Row> {
    let mut reader = Reader {
        tree: &sound.tree,
        modules: BTreeMap::new(),
    };
    let mut rows = Vec::new();
    let mut total: BTreeMap<Kind, usize> = BTreeMap::new();
    for host in sound.fleet.hosts.values() {
        let layers = count(&mut reader, &sound.fleet, host);
        for (kind, n) in &layers {
            *total.entry(*kind).or_default() += n;
        }
        rows.push(Row::new(host.name.to_string(), layers));
    }
    if rows.len() > 1 {
        rows.push(Row::new("all".to_owned(), total));
    }
    rows
}

/// A file as it counts.
struct Module {
    imports: Vec<String>,
    definitions: Vec<AttrPath>,
}

/// Reads every file once.
struct Reader<'a> {
    tree: &'a FileTree,
    modules: BTreeMap<String, Option<Module>>,
}

impl Reader<'_> {
    fn module(&mut self, path: &str) -> Option<&Module> {
        if !self.modules.contains_key(path) {
            let module = self.read(path);
            self.modules.insert(path.to_owned(), module);
        }
        self.modules.get(path).and_then(Option::as_ref)
    }

    fn read(&self, path: &str) -> Option<Module> {
        let text = std::str::from_utf8(&self.tree.get(path)?.bytes).ok()?;
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let imports = nix::relative_paths(text)
            .ok()?
            .into_iter()
            .filter(|found| !found.dynamic);
        Some(Module {
            imports: imports
                .filter_map(|found| {
                    below(folder, &found.path, |path| self.tree.get(path).is_some())
                })
                .filter(|path| path.ends_with(".nix"))
                .collect(),
            definitions: nix::definitions(text)
                .ok()?
                .into_iter()
                .map(|d| d.path)
                .collect(),
        })
    }
}

/// Counts what applies to a host.
fn count(reader: &mut Reader<'_>, fleet: &Fleet, host: &Host) -> BTreeMap<Kind, usize> {
    let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut seen: BTreeSet<(String, Option<String>)> = BTreeSet::new();
    // Path, the user whose Home Manager part it belongs to, the layer that imports it.
    let start = format!("hosts/{}/default.nix", host.name);
    let mut open: Vec<(String, Option<String>, Kind)> = vec![(start, None, Kind::Host)];
    while let Some((path, user, importer)) = open.pop() {
        let at_home = path.starts_with("home/") || path.starts_with("custom/");
        let key = (path.clone(), user.clone().filter(|_| at_home));
        if !applies(host, &path, user.as_deref())
            || fleet.overlays.contains(&path)
            || !seen.insert(key)
        {
            continue;
        }
        let place = place(&path, importer);
        let user = user.or_else(|| user_of(&path));
        let Some(module) = reader.module(&path) else {
            continue;
        };
        for definition in &module.definitions {
            let kind = match place {
                Kind::Host => own(host, user.as_deref(), definition),
                kind => kind,
            };
            *counts.entry(kind).or_default() += 1;
        }
        open.extend(
            module
                .imports
                .iter()
                .map(|import| (import.clone(), user.clone(), place)),
        );
    }
    counts
}

/// The layer of a file. Hand-written modules belong to the layer that imports them.
fn place(path: &str, importer: Kind) -> Kind {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        // A disk layout is a template of disks: named, and shared by the hosts that name it.
        ["templates" | "disks", ..] => Kind::Template,
        ["home", "profiles", ..] => Kind::Profile,
        ["modules", _] => Kind::Fleet,
        ["modules" | "home", ..] => Kind::Feature,
        ["users", _, "default.nix"] => Kind::User,
        ["custom", ..] => importer,
        _ => Kind::Host,
    }
}

/// The user whose file it is.
fn user_of(path: &str) -> Option<String> {
    let rest = path.strip_prefix("users/")?;
    rest.split_once('/').map(|(user, _)| user.to_owned())
}

/// Whether a file counts: the module of a feature that is off does nothing.
fn applies(host: &Host, path: &str, user: Option<&str>) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["home", "profiles", _] => true,
        [half @ ("modules" | "home"), category, file] => {
            let id = format!("{category}.{}", file.trim_end_matches(".nix"));
            let user = user.and_then(|user| host.users.get(user));
            match *half {
                "modules" => host.enabled.contains_key(id.as_str()),
                _ => user.is_some_and(|user| user.enabled.contains_key(id.as_str())),
            }
        }
        _ => true,
    }
}

/// The layer of a definition in one of the host's own files. What has no origin of its own there, such
/// as the host's name, is the host's.
fn own(host: &Host, user: Option<&str>, path: &AttrPath) -> Kind {
    if let Some(user) = user.and_then(|user| host.users.get(user)) {
        let home: AttrPath = path_of(&["home-manager", "users", user.name.as_str()]);
        return if path.starts_with(&home) {
            let below = path_of_parts(&path.parts()[home.parts().len()..]);
            origin(&user.home, &below).unwrap_or(Kind::Host)
        } else {
            origin(&user.definitions, path).unwrap_or(Kind::Host)
        };
    }
    if let Some(kind) = origin(&host.definitions, path) {
        return kind;
    }
    let firewall = path_of(&["networking", "firewall", "interfaces"]);
    let secrets = [path_of(&["age"]), path_of(&["sops"])];
    if path.starts_with(&firewall) && !host.ports.is_empty() {
        Kind::Feature
    } else if secrets.iter().any(|secrets| path.starts_with(secrets)) {
        Kind::Fleet
    } else {
        Kind::Host
    }
}

fn path_of(parts: &[&str]) -> AttrPath {
    parts
        .iter()
        .fold(AttrPath::default(), |path, part| path.child(*part))
}

fn path_of_parts(parts: &[String]) -> AttrPath {
    parts
        .iter()
        .fold(AttrPath::default(), |path, part| path.child(part.as_str()))
}

/// The layer of the definition that gives this path, or a set around it.
fn origin(definitions: &[Definition], path: &AttrPath) -> Option<Kind> {
    definitions
        .iter()
        .filter(|definition| path.starts_with(&definition.path))
        .max_by_key(|definition| definition.path.parts().len())
        .map(|definition| Kind::of(&definition.origin.layer))
}
