//! From units to the files of a spec.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::rc::Rc;

use rowan::ast::AstNode;

use crate::eval::{Env, Eval, Slot, Value};
use crate::facts;
use crate::flake::{self, Flake, HomeSource, HostSource};
use crate::layouts;
use crate::repo::{Repo, join};
use crate::report::{Report, Share};
use crate::secrets;
use crate::unit::{self, Arguments, Assign, Import, Unit};
use crate::yaml::{self, MapBuilder, Yaml};

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Hosts by hand: name and file.
    pub hosts: Vec<(String, String)>,
    /// Name of the fleet.
    pub name: String,
    /// Hosts and the name that the repository gives their keys, where it is another.
    pub keys: Vec<(String, String)>,
    /// Whether it is only about hardware: what else a machine has is not known, and not taken to be
    /// missing.
    pub is_part: bool,
}

/// How the spec renders its layouts of disks.
pub trait Layouts {
    /// The module of a layout, by its name and what it says.
    ///
    /// # Errors
    ///
    /// A spec cannot say that: why.
    fn render(
        &self,
        name: &str,
        layout: &Yaml,
        efi_mount_point: Option<&str>,
    ) -> Result<String, String>;
}

/// No layouts: disks stay as they are.
impl Layouts for () {
    fn render(&self, _: &str, _: &Yaml, _: Option<&str>) -> Result<String, String> {
        Err("nothing renders it".to_owned())
    }
}

/// A spec.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// Files below the spec folder.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Encrypted files, for `secrets/` of the output.
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// What became of it.
    pub report: Report,
}

/// A unit and the hosts that have it.
pub(crate) struct Entry {
    pub(crate) unit: Unit,
    pub(crate) key: String,
    /// Hosts, and for whom.
    pub(crate) hosts: BTreeSet<usize>,
    /// Assignments that became something else.
    pub(crate) taken: BTreeSet<usize>,
}

/// A host on its way.
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) attr: String,
    pub(crate) system: Option<String>,
    /// Modules of inputs.
    pub(crate) inputs: Vec<Vec<String>>,
    /// Modules of inputs for Home Manager, by user.
    pub(crate) home_inputs: BTreeMap<String, Vec<Vec<String>>>,
    /// Modules of nixpkgs.
    pub(crate) nixpkgs: Vec<String>,
    pub(crate) unknown: Vec<String>,
    pub(crate) special: BTreeMap<String, Slot>,
    /// Users that have a Home Manager module.
    pub(crate) homes: BTreeSet<String>,
}

/// Everything on its way.
pub(crate) struct World {
    pub(crate) hosts: Vec<Host>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) pending: Vec<(usize, usize)>,
    /// Standalone homes that no host took, or only in part: what to say of them.
    pub(crate) homes: Vec<String>,
}

impl World {
    /// The assignments of a host's system modules at a path: entry and index.
    pub(crate) fn at(&self, host: usize, path: &[&str]) -> Vec<(usize, usize)> {
        self.below(host, path)
            .into_iter()
            .filter(|(e, a)| self.assign(*e, *a).path.len() == path.len())
            .collect()
    }

    /// The same at and below a path.
    pub(crate) fn below(&self, host: usize, path: &[&str]) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for (e, entry) in self.entries.iter().enumerate() {
            if entry.unit.home.is_some()
                || entry.unit.whole.is_some()
                || !entry.hosts.contains(&host)
            {
                continue;
            }
            for (a, assign) in entry.unit.assigns.iter().enumerate() {
                let starts = assign.path.len() >= path.len()
                    && path.iter().zip(&assign.path).all(|(p, q)| p == q);
                if starts && !entry.taken.contains(&a) {
                    found.push((e, a));
                }
            }
        }
        found
    }

    pub(crate) fn assign(&self, entry: usize, assign: usize) -> &Assign {
        &self.entries[entry].unit.assigns[assign]
    }

    /// The only value at a path, if it is one.
    pub(crate) fn one(&self, host: usize, path: &[&str]) -> Option<((usize, usize), &Yaml)> {
        let found = self.at(host, path);
        let [(e, a)] = found.as_slice() else {
            return None;
        };
        let value = self.assign(*e, *a).value.as_ref().ok()?;
        Some(((*e, *a), value))
    }

    /// The text at a path in the modules of a host that stay as they are, if all that say it agree.
    pub(crate) fn literal(&self, host: usize, path: &[&str]) -> Option<String> {
        let mut found: Option<String> = None;
        let stays = |entry: &&Entry| {
            entry.unit.whole.is_some()
                && entry.unit.home.is_none()
                && entry.unit.is_file
                && entry.hosts.contains(&host)
        };
        for entry in self.entries.iter().filter(stays) {
            for text in literals(&entry.unit.source.text, path) {
                if found.as_ref().is_some_and(|known| *known != text) {
                    return None;
                }
                found = Some(text);
            }
        }
        found
    }

    /// Whether a unit is of this host alone.
    pub(crate) fn is_own(&self, entry: usize) -> bool {
        self.entries[entry].hosts.len() == 1
    }

    /// Marks an assignment as taken, once all hosts have been asked.
    pub(crate) fn take(&mut self, place: (usize, usize)) {
        self.pending.push(place);
    }

    /// Takes what was marked.
    pub(crate) fn commit(&mut self) {
        for (entry, assign) in std::mem::take(&mut self.pending) {
            self.entries[entry].taken.insert(assign);
        }
    }
}

/// Imports a repository.
///
/// # Errors
///
/// There is no host to be found: what to say instead.
pub fn import(repo: &Repo, options: &Options, layouts: &dyn Layouts) -> Result<Imported, String> {
    let eval = Eval::new(repo);
    let mut flake = if repo.has("flake.nix") && options.hosts.is_empty() {
        flake::read(&eval).ok_or_else(|| unreadable(repo, "flake.nix"))?
    } else {
        let mut flake = flake::read(&eval).unwrap_or_default();
        flake.hosts.clear();
        flake.homes.clear();
        flake.unknown.clear();
        flake
    };
    by_hand(&eval, repo, options, &mut flake)?;
    if flake.hosts.is_empty() {
        let mut message = "no host was found".to_owned();
        for (name, why) in &flake.unknown {
            message = format!("{message}; `{name}`: {why}");
        }
        return Err(message);
    }
    let mut forced: BTreeMap<String, String> = BTreeMap::new();
    let mut open_secrets: BTreeMap<String, String> = BTreeMap::new();
    for _ in 0..12 {
        let is_secret = |name: &str| !open_secrets.contains_key(name);
        let (mut world, clashes) = collect(&eval, &flake, &forced, &is_secret);
        let mut more = clashes;
        more.extend(reached(&eval, &world));
        more.retain(|path, _| !forced.contains_key(path));
        if !more.is_empty() {
            forced.extend(more);
            continue;
        }
        let conflicts = settle(&mut world);
        let _ = conflicts;
        match secrets::find(&eval, &mut world, options, &open_secrets) {
            Ok(secrets) => {
                world.commit();
                return Ok(write(&eval, &flake, world, secrets, options, layouts));
            }
            Err(refused) => open_secrets.extend(refused),
        }
    }
    Err("the modules of this repository reach each other in a circle".to_owned())
}

/// Hosts that the user names, or the one of a repository without a flake.
fn by_hand(
    eval: &Eval<'_>,
    repo: &Repo,
    options: &Options,
    flake: &mut Flake,
) -> Result<(), String> {
    let mut named = options.hosts.clone();
    if named.is_empty() && !repo.has("flake.nix") {
        let file = "configuration.nix";
        if !repo.has(file) {
            return Err("there is neither a `flake.nix` nor a `configuration.nix`; name the hosts: `--host NAME=FILE`".to_owned());
        }
        let name = host_name(eval, file)
            .ok_or("`configuration.nix` sets no `networking.hostName`; name the host: `--host NAME=configuration.nix`")?;
        named.push((name, file.to_owned()));
    }
    for (name, file) in named {
        if eval.source(&file).is_none() {
            return Err(format!(
                "`{file}` of host `{name}` is not a Nix file of the repository"
            ));
        }
        let inputs: BTreeMap<String, Slot> = flake
            .inputs
            .keys()
            .map(|name| {
                let value = Value::Name(vec!["inputs".to_owned(), name.clone()]);
                (name.clone(), Slot::Value(value))
            })
            .collect();
        let mut special = BTreeMap::new();
        if !inputs.is_empty() {
            special.insert(
                "inputs".to_owned(),
                Slot::Value(Value::Attrs(Rc::new(inputs), None)),
            );
        }
        flake.hosts.push(HostSource {
            name,
            modules: vec![Slot::Value(Value::Path(file))],
            special,
            system: None,
            built_by: None,
        });
    }
    Ok(())
}

/// The texts that a module gives an option whatever else holds.
fn literals(text: &str, path: &[&str]) -> Vec<String> {
    let definitions = nix::definitions(text).unwrap_or_default();
    definitions
        .into_iter()
        .filter(|it| !it.conditional && it.path.parts().iter().eq(path.iter()))
        .filter_map(|it| match it.value {
            nix::DefValue::Str(text) => Some(text),
            _ => None,
        })
        .collect()
}

fn host_name(eval: &Eval<'_>, file: &str) -> Option<String> {
    let (place, is_file) = unit::locate(eval, &Slot::Value(Value::Path(file.to_owned())))?;
    let arguments = Arguments {
        special: BTreeMap::new(),
    };
    let read = unit::read(eval, place, is_file, None, &arguments, &|_| false);
    read.unit
        .assigns
        .iter()
        .find_map(|assign| match (&assign.path.join("."), &assign.value) {
            (path, Ok(Yaml::Str(name))) if path == "networking.hostName" => Some(name.clone()),
            _ => None,
        })
        // One that stays as it is.
        .or_else(|| {
            literals(&read.unit.source.text, &["networking", "hostName"])
                .into_iter()
                .next()
        })
}

/// Visits all modules of all hosts. Files that mean different things on different hosts in a way that
/// modules by hand cannot say are returned.
fn collect(
    eval: &Eval<'_>,
    flake: &Flake,
    forced: &BTreeMap<String, String>,
    secrets: &dyn Fn(&str) -> bool,
) -> (World, BTreeMap<String, String>) {
    let mut world = World {
        hosts: Vec::new(),
        entries: Vec::new(),
        pending: Vec::new(),
        homes: Vec::new(),
    };
    for (index, source) in flake.hosts.iter().enumerate() {
        world.hosts.push(Host {
            name: source.name.to_ascii_lowercase().replace('_', "-"),
            attr: source.name.clone(),
            system: source.system.clone(),
            inputs: Vec::new(),
            home_inputs: BTreeMap::new(),
            nixpkgs: Vec::new(),
            unknown: Vec::new(),
            special: source.special.clone(),
            homes: BTreeSet::new(),
        });
        let mut visit = Visit {
            eval,
            forced,
            secrets,
            arguments: Arguments {
                special: source.special.clone(),
            },
            host: index,
            world: &mut world,
            seen: BTreeSet::new(),
        };
        for slot in &source.modules {
            let import = unit::import(eval, slot);
            visit.import(import, None);
        }
    }
    for source in &flake.homes {
        standalone(eval, source, forced, secrets, &mut world);
    }
    let mut clashes = BTreeMap::new();
    let mut texts: BTreeMap<(&str, &Option<String>), Vec<usize>> = BTreeMap::new();
    for (index, entry) in world.entries.iter().enumerate() {
        if entry.unit.is_file {
            texts
                .entry((&entry.unit.source.path, &entry.unit.home))
                .or_default()
                .push(index);
        }
    }
    for ((path, _), entries) in texts {
        let lefts: BTreeSet<String> = entries
            .iter()
            .map(|e| left_text(&world.entries[*e]).unwrap_or_default())
            .collect();
        if lefts.len() > 1 {
            clashes.insert(
                path.to_owned(),
                "means different things on different hosts".to_owned(),
            );
        }
    }
    (world, clashes)
}

/// A home without a host goes to the hosts that have an account of its user.
fn standalone(
    eval: &Eval<'_>,
    source: &HomeSource,
    forced: &BTreeMap<String, String>,
    secrets: &dyn Fn(&str) -> bool,
    world: &mut World,
) {
    let (user, machine) = match source.name.split_once('@') {
        Some((user, machine)) => (user, Some(machine)),
        None => (source.name.as_str(), None),
    };
    let title = format!("`homeConfigurations.{}`", nix::attr_name(&source.name));
    let is_called = |world: &World, host: usize, name: &str| {
        let own = &world.hosts[host];
        let says = world.one(host, &["networking", "hostName"]);
        own.attr == name
            || own.name == name
            || says.is_some_and(|(_, value)| *value == Yaml::text(name))
    };
    let hosts: Vec<usize> = (0..world.hosts.len())
        .filter(|host| machine.is_none_or(|name| is_called(world, *host, name)))
        .filter(|host| {
            let path = ["users", "users", user, "isNormalUser"];
            world
                .one(*host, &path)
                .is_some_and(|(_, value)| *value == Yaml::Bool(true))
        })
        .collect();
    if hosts.is_empty() {
        let place = machine.map_or_else(String::new, |name| format!(" called `{name}`"));
        let line = format!("{title}: no host{place} has an account `{user}` in data");
        world.homes.push(line);
        return;
    }
    if !source.has_plain_packages {
        world.homes.push(format!(
            "{title}: its `pkgs` is computed; what that allows or overlays is not taken over"
        ));
    }
    for host in hosts {
        if world.hosts[host].homes.contains(user) {
            world.homes.push(format!(
                "{title}: host `{}` has a home of `{user}` already",
                world.hosts[host].attr
            ));
            continue;
        }
        for (name, slot) in &source.special {
            let special = &mut world.hosts[host].special;
            special.entry(name.clone()).or_insert_with(|| slot.clone());
        }
        let mut visit = Visit {
            eval,
            forced,
            secrets,
            arguments: Arguments {
                special: source.special.clone(),
            },
            host,
            world,
            seen: BTreeSet::new(),
        };
        for slot in &source.modules {
            let import = unit::import(eval, slot);
            visit.import(import, Some(user));
        }
    }
}

struct Visit<'a, 'r> {
    eval: &'a Eval<'r>,
    forced: &'a BTreeMap<String, String>,
    secrets: &'a dyn Fn(&str) -> bool,
    arguments: Arguments,
    host: usize,
    world: &'a mut World,
    seen: BTreeSet<String>,
}

impl Visit<'_, '_> {
    fn import(&mut self, import: Import, home: Option<&str>) {
        match import {
            Import::Module(slot) => self.module(&slot, home),
            Import::Input(path) => {
                let host = &mut self.world.hosts[self.host];
                let list = match home {
                    Some(user) => host.home_inputs.entry(user.to_owned()).or_default(),
                    None => &mut host.inputs,
                };
                if !list.contains(&path) {
                    list.push(path);
                }
            }
            Import::Nixpkgs(path) => self.world.hosts[self.host].nixpkgs.push(path),
            Import::Unknown(text, line) => {
                let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
                let short: String = text.chars().take(80).collect();
                let place = if line > 0 {
                    format!(" (line {line})")
                } else {
                    String::new()
                };
                self.world.hosts[self.host]
                    .unknown
                    .push(format!("module `{short}`{place}"));
            }
        }
    }

    fn module(&mut self, slot: &Slot, home: Option<&str>) {
        let Some((place, is_file)) = unit::locate(self.eval, slot) else {
            let name = match self.eval.force(slot) {
                Value::Path(path) => format!("module `{path}`, which cannot be read"),
                _ => "a computed module".to_owned(),
            };
            self.world.hosts[self.host].unknown.push(name);
            return;
        };
        let range = place.expr.syntax().text_range();
        let key = if is_file {
            format!("{}#{}", place.source.path, home.unwrap_or_default())
        } else {
            format!(
                "{}:{}#{}",
                place.source.path,
                u32::from(range.start()),
                home.unwrap_or_default()
            )
        };
        if !self.seen.insert(key.clone()) {
            return;
        }
        let mut read = unit::read(
            self.eval,
            place,
            is_file,
            home.map(str::to_owned),
            &self.arguments,
            self.secrets,
        );
        if is_file
            && let Some(why) = self.forced.get(&read.unit.source.path)
            && read.unit.whole.is_none()
        {
            read.unit.whole = Some(why.clone());
            read.unit.assigns.clear();
            read.imports.clear();
            read.homes.clear();
        }
        if let Some(user) = home {
            self.world.hosts[self.host].homes.insert(user.to_owned());
        }
        let same = self
            .world
            .entries
            .iter_mut()
            .find(|entry| entry.key == key && signature(&entry.unit) == signature(&read.unit));
        match same {
            Some(entry) => {
                entry.hosts.insert(self.host);
            }
            None => self.world.entries.push(Entry {
                unit: read.unit,
                key,
                hosts: [self.host].into(),
                taken: BTreeSet::new(),
            }),
        }
        for import in read.imports {
            self.import(import, home);
        }
        for (user, slot) in read.homes {
            self.import(unit::import(self.eval, &slot), Some(&user));
        }
    }
}

fn signature(unit: &Unit) -> String {
    let assigns: Vec<String> = unit
        .assigns
        .iter()
        .map(|assign| format!("{:?}={:?}", assign.path, assign.value))
        .collect();
    format!("{:?}{}", unit.whole, assigns.join("\n"))
}

/// Files that modules which stay whole import: they are theirs, and stay as well.
fn reached(eval: &Eval<'_>, world: &World) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in world
        .entries
        .iter()
        .filter(|entry| entry.unit.whole.is_some())
    {
        for path in closure(eval.repo(), std::slice::from_ref(&entry.unit.source.path)).0 {
            let apart = world.entries.iter().any(|other| {
                other.unit.is_file && other.unit.whole.is_none() && other.unit.source.path == path
            });
            if apart {
                found.insert(
                    path,
                    format!(
                        "is used by `{}`, which stays as it is",
                        entry.unit.source.path
                    ),
                );
            }
        }
    }
    found
}

/// What files reach by relative path, themselves included; and what of it is not there.
pub(crate) fn closure(repo: &Repo, roots: &[String]) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut found = BTreeSet::new();
    let mut missing = BTreeSet::new();
    let mut todo: Vec<String> = roots.iter().flat_map(|root| repo.below(root)).collect();
    while let Some(path) = todo.pop() {
        if !found.insert(path.clone()) {
            continue;
        }
        let is_nix = path.ends_with(".nix");
        let Some(text) = repo.text(&path).filter(|_| is_nix) else {
            continue;
        };
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for reference in nix::relative_paths(text).unwrap_or_default() {
            match join(folder, &reference.path) {
                Some(target) if reference.dynamic && target.is_empty() => {
                    missing.insert(format!("`{path}` names files by a computed path"));
                }
                Some(target) => {
                    let below = repo.below(&target);
                    if below.is_empty() {
                        missing.insert(format!("`{path}` names `{target}`, which is not there"));
                    }
                    todo.extend(below);
                }
                None => {
                    missing.insert(format!("`{path}` names a file outside the repository"));
                }
            }
        }
    }
    (found, missing)
}

/// Several modules of one host that set one option: what YAML cannot say twice stays in a module,
/// except lists and equal values.
fn settle(world: &mut World) -> usize {
    let mut changed = 0;
    for host in 0..world.hosts.len() {
        let mut homes: Vec<Option<String>> = vec![None];
        homes.extend(world.hosts[host].homes.iter().cloned().map(Some));
        for home in homes {
            let mut first: BTreeMap<Vec<String>, (usize, usize)> = BTreeMap::new();
            for e in 0..world.entries.len() {
                if world.entries[e].unit.home != home || !world.entries[e].hosts.contains(&host) {
                    continue;
                }
                for a in 0..world.entries[e].unit.assigns.len() {
                    let assign = world.assign(e, a);
                    if assign.value.is_err() {
                        continue;
                    }
                    let path = assign.path.clone();
                    let nested = first.keys().any(|other| {
                        other.len() != path.len()
                            && (other.starts_with(&path) || path.starts_with(other))
                    });
                    let clash = match first.get(&path) {
                        _ if nested => true,
                        None => false,
                        Some((other, index)) => {
                            let before = &world.assign(*other, *index).value;
                            let now = &assign.value;
                            let both_lists =
                                matches!((before, now), (Ok(Yaml::List(_)), Ok(Yaml::List(_))));
                            // One module of several hosts is a feature, whose lists merge in Nix.
                            !both_lists && before != now
                        }
                    };
                    if clash {
                        changed += 1;
                        world.entries[e].unit.assigns[a].value =
                            Err("is set by another module as well".to_owned());
                    } else {
                        first.entry(path).or_insert((e, a));
                    }
                }
            }
        }
    }
    changed
}

/// The module with the assignments that stay.
pub(crate) fn left_text(entry: &Entry) -> Option<String> {
    let unit = &entry.unit;
    let lines: Vec<String> = unit
        .assigns
        .iter()
        .enumerate()
        .filter(|(a, assign)| assign.value.is_err() && !entry.taken.contains(a))
        .map(|(_, assign)| format!("{} = {};\n", assign.code.0, assign.code.1))
        .collect();
    if lines.is_empty() {
        return None;
    }
    let text = format!("{}{{\n{}}}{}", unit.around.0, lines.concat(), unit.around.1);
    Some(nix::format(&text).unwrap_or(text))
}

/// A module in place, with the names that its code takes from the file around it.
pub(crate) fn standing_alone(eval: &Eval<'_>, env: &Env, inner: &str) -> Result<String, String> {
    const ARGUMENTS: [&str; 5] = ["config", "lib", "pkgs", "options", "modulesPath"];
    let names = nix::free_variables(inner).map_err(|_| "it is not understood".to_owned())?;
    let mut bindings = Vec::new();
    let mut wants_inputs = false;
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut todo: Vec<(String, bool, Env)> = Vec::new();
    let wanted = |names: &nix::FreeVariables, env: &Env, todo: &mut Vec<(String, bool, Env)>| {
        todo.extend(
            names
                .free
                .iter()
                .map(|name| (name.clone(), false, env.clone())),
        );
        todo.extend(
            names
                .maybe
                .iter()
                .map(|name| (name.clone(), true, env.clone())),
        );
    };
    wanted(&names, env, &mut todo);
    let mut free: BTreeSet<String> = BTreeSet::new();
    while let Some((name, is_maybe, env)) = todo.pop() {
        let name = &name;
        let slot = env.lexical(name);
        let is_argument = ARGUMENTS.contains(&name.as_str())
            && slot.as_ref().is_none_or(
                |slot| matches!(eval.force(slot), Value::Name(path) if path == [name.as_str()]),
            );
        if is_argument {
            free.insert(name.clone());
            continue;
        }
        let Some(slot) = slot else {
            if is_maybe {
                continue;
            }
            return Err(format!("it uses `{name}`"));
        };
        // A name means one thing in all of the module.
        let meaning = match &slot {
            Slot::Place(place) => format!("{}:{}", place.source.path, place.line()),
            _ => String::new(),
        };
        match known.get(name) {
            Some(before) if *before == meaning => continue,
            Some(_) => return Err(format!("it uses two `{name}`")),
            None => known.insert(name.clone(), meaning),
        };
        let input = |path: &[String]| {
            let parts: Vec<_> = path.iter().map(|part| nix::attr_name(part)).collect();
            parts.join(".")
        };
        match eval.force(&slot) {
            Value::Name(path) if path == ["inputs"] || path == ["self"] => {
                wants_inputs = true;
                if path == ["self"] {
                    bindings.push("self = inputs.self;".to_owned());
                }
            }
            Value::Name(path) if path.first().is_some_and(|first| first == "inputs") => {
                wants_inputs = true;
                bindings.push(format!("{name} = {};", input(&path)));
            }
            Value::Attrs(..) if name == "inputs" => wants_inputs = true,
            Value::Str(text) => bindings.push(format!("{name} = {};", nix::string(&text))),
            Value::Bool(b) => bindings.push(format!("{name} = {b};")),
            Value::Int(n) => bindings.push(format!("{name} = {n};")),
            _ => {
                let Slot::Place(place) = &slot else {
                    return Err(format!("it uses `{name}`"));
                };
                let text = place.text();
                if nix::relative_paths(&text).is_ok_and(|paths| !paths.is_empty()) {
                    return Err(format!("it uses `{name}`, which names files"));
                }
                let names = nix::free_variables(&text).map_err(|_| format!("it uses `{name}`"))?;
                wanted(&names, &place.env, &mut todo);
                bindings.push(format!("{name} = {text};"));
            }
        }
    }
    let mut arguments: Vec<&str> = ARGUMENTS
        .into_iter()
        .filter(|name| free.contains(*name))
        .collect();
    if wants_inputs {
        arguments.push("inputs");
    }
    arguments.push("...");
    let bindings = if bindings.is_empty() {
        String::new()
    } else {
        format!("let {} in ", bindings.join("\n"))
    };
    let text = format!("{{ {} }}: {bindings}{inner}", arguments.join(", "));
    nix::format(&text).map_err(|_| "it cannot be laid out".to_owned())
}

/// Why a file of Nix says nothing.
fn unreadable(repo: &Repo, path: &str) -> String {
    let text = repo.text(path).unwrap_or_default();
    match nix::parse_problems(text).into_iter().next() {
        Some(problem) => format!(
            "`{path}` cannot be read: line {}: {}",
            crate::eval::line_of(text, problem.start),
            problem.message
        ),
        None => format!("`{path}` cannot be read"),
    }
}

/// Says that the rules of secrets are left behind, where some secrets are still under them.
fn rules_left(repo: &Repo, world: &World, report: &mut Report) {
    if report.secrets.is_empty() {
        return;
    }
    let is_rules = |path: &&String| {
        *path == ".sops.yaml" || *path == "secrets.nix" || path.ends_with("/secrets.nix")
    };
    let is_module = |path: &&String| {
        let mut entries = world.entries.iter();
        entries.any(|entry| entry.unit.source.path == **path)
    };
    for path in repo.paths().filter(is_rules).filter(|it| !is_module(it)) {
        report.todo.push(format!(
            "`{path}` says who can decrypt the secrets that stay settings, and is left out: keep it where their files are, or they cannot be encrypted anew"
        ));
    }
}

/// Writes the spec.
fn write(
    eval: &Eval<'_>,
    flake: &Flake,
    mut world: World,
    secrets: secrets::Secrets,
    options: &Options,
    layouts: &dyn Layouts,
) -> Imported {
    let repo = eval.repo();
    let mut result = Imported::default();
    let mut report = Report {
        hosts: world.hosts.iter().map(|host| host.name.clone()).collect(),
        secrets: secrets.left.clone(),
        ..Report::default()
    };
    count(repo, &world, &mut report);
    rules_left(repo, &world, &mut report);
    let mut root = Roots::default();
    let mut plans: Vec<facts::HostFacts> = Vec::new();
    facts::names(&mut world, &mut report);
    let shared = facts::fleet(&mut world, &mut report);
    world.commit();
    let users = facts::users(&mut world, &mut report);
    let disks = layouts::matched(&mut world, layouts, &mut report);
    world.commit();
    for (host, disks) in disks.into_iter().enumerate() {
        plans.push(facts::host(
            &mut world,
            host,
            disks,
            options.is_part,
            &mut report,
        ));
    }
    world.commit();

    root.extra.extend(users.modules());
    for (path, text) in facts::elsewhere(&mut world, &mut plans) {
        root.extra.insert(path, text);
    }

    // Modules by hand, by unit.
    let mut hand: BTreeMap<usize, String> = BTreeMap::new();
    for (e, entry) in world.entries.iter().enumerate() {
        let file = &entry.unit.source.path;
        let place = |line: usize| format!("{file}:{line}");
        if let Some(why) = &entry.unit.whole {
            if entry.unit.is_file {
                root.files.insert(file.clone());
                hand.insert(e, format!("nix/{file}"));
                push_new(&mut report.whole, (file.clone(), why.clone()));
            } else {
                let line = 1 + entry.unit.around.0.matches('\n').count();
                let inner = &entry.unit.source.text[entry.unit.around.0.len()
                    ..entry.unit.source.text.len() - entry.unit.around.1.len()];
                in_place(
                    eval,
                    entry,
                    e,
                    inner,
                    line,
                    &mut root,
                    &mut hand,
                    &mut report,
                );
                push_new(
                    &mut report.whole,
                    (format!("{}, in place", place(line)), why.clone()),
                );
            }
            continue;
        }
        for (a, assign) in entry.unit.assigns.iter().enumerate() {
            if let Err(why) = &assign.value
                && !entry.taken.contains(&a)
            {
                report
                    .left
                    .push((place(assign.line), assign.code.0.clone(), why.clone()));
            }
        }
        let Some(text) = left_text(entry) else {
            continue;
        };
        if entry.unit.is_file {
            root.texts.insert(file.clone(), text);
            hand.insert(e, format!("nix/{file}"));
        } else {
            let line = entry.unit.assigns.first().map_or(1, |assign| assign.line);
            in_place(
                eval,
                entry,
                e,
                &text,
                line,
                &mut root,
                &mut hand,
                &mut report,
            );
        }
    }

    // Features: what several hosts share.
    let mut feature_of: BTreeMap<usize, String> = BTreeMap::new();
    let mut features: BTreeMap<String, Yaml> = BTreeMap::new();
    for (e, entry) in world.entries.iter().enumerate() {
        if entry.unit.home.is_some() || entry.hosts.len() < 2 {
            continue;
        }
        let leaves: Vec<(&[String], Yaml)> = leaves(entry, &|path| !facts::is_of_host(path));
        if leaves.is_empty() {
            continue;
        }
        let id = feature_id(&entry.unit.source.path, e, entry.unit.is_file, &features);
        let mut map = MapBuilder::default();
        map.add(
            "summary",
            Yaml::text(format!("Imported from {}", entry.unit.source.path)),
        );
        map.add("nixos", yaml::tree(merge_lists(leaves)));
        features.insert(id.clone(), map.build());
        feature_of.insert(e, id);
    }

    // Inputs.
    let mut inputs = facts::inputs(flake, &mut world, &mut plans, &users, &secrets, &mut report);
    for (path, text) in std::mem::take(&mut inputs.modules) {
        root.extra.insert(path, text);
    }

    // Arguments that modules by hand take.
    let texts: Vec<String> = root
        .texts
        .values()
        .chain(root.extra.values())
        .cloned()
        .chain(
            closure(repo, &root.files.iter().cloned().collect::<Vec<_>>())
                .0
                .iter()
                .filter(|path| path.ends_with(".nix"))
                .filter_map(|path| repo.text(path).map(str::to_owned)),
        )
        .collect();
    let wanted: BTreeSet<String> = texts
        .iter()
        .flat_map(|text| nix::module_arguments(text))
        .collect();
    let passes_inputs = wanted.contains("inputs");

    // Hosts.
    for (h, plan) in plans.iter_mut().enumerate() {
        let mut settings: Vec<(Vec<String>, Yaml)> = std::mem::take(&mut plan.settings);
        let mut packages: Vec<Yaml> = Vec::new();
        let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut modules: Vec<String> = Vec::new();
        for (e, entry) in world.entries.iter().enumerate() {
            if entry.unit.home.is_some() || !entry.hosts.contains(&h) {
                continue;
            }
            if let Some(path) = hand.get(&e) {
                modules.push(path.clone());
            }
            let is_feature = feature_of.get(&e);
            if let Some(id) = is_feature
                && let Some((category, name)) = id.split_once('.')
            {
                ids.entry(category.to_owned())
                    .or_default()
                    .push(name.to_owned());
            }
            for (path, value) in leaves(entry, &|path| {
                is_feature.is_none() || facts::is_of_host(path)
            }) {
                match (&*path.join("."), value) {
                    ("environment.systemPackages", Yaml::List(items)) => {
                        packages.extend(items.into_iter().map(package));
                    }
                    (_, value) => settings.push((path.to_vec(), value)),
                }
            }
        }
        for name in &wanted {
            if [
                "config",
                "lib",
                "pkgs",
                "options",
                "modulesPath",
                "osConfig",
                "inputs",
                "self",
                "utils",
                "name",
            ]
            .contains(&name.as_str())
            {
                continue;
            }
            let Some(slot) = world.hosts[h].special.get(name) else {
                continue;
            };
            let reader = crate::data::Reader {
                eval,
                half: crate::data::Half::System,
                secrets: &|_| false,
            };
            match reader.slot(slot) {
                Ok(value) if !facts::has_code(&value) => {
                    settings.push((
                        vec!["_module".into(), "args".into(), name.clone()],
                        value.clone(),
                    ));
                    if !world.hosts[h].homes.is_empty() {
                        settings.push((
                            vec![
                                "home-manager".into(),
                                "extraSpecialArgs".into(),
                                name.clone(),
                            ],
                            value,
                        ));
                    }
                }
                _ => {
                    let argument = nix::attr_name(name);
                    let mut options = vec!["_module.args"];
                    if !world.hosts[h].homes.is_empty() {
                        options.push("home-manager.extraSpecialArgs");
                    }
                    let lines: Vec<String> = options
                        .iter()
                        .map(|option| format!("{option}.{argument} = {argument};\n"))
                        .collect();
                    let env = Env::default().names([(name.clone(), slot.clone())].into());
                    match standing_alone(eval, &env, &format!("{{ {} }}", lines.concat())) {
                        Ok(text) => {
                            let path = format!("nix/argument-{name}.nix");
                            modules.push(path.clone());
                            root.extra.insert(path, text);
                        }
                        Err(why) => push_new(
                            &mut report.unknown,
                            format!("argument `{name}`, which modules by hand take: {why}"),
                        ),
                    }
                }
            }
        }
        modules.extend(plan.modules.iter().cloned());
        modules.extend(inputs.of_host.get(&h).cloned());
        let mut map = MapBuilder::default();
        map.add_some("system", plan.system.clone().map(Yaml::Str));
        map.add_some("stateVersion", plan.state_version.clone().map(Yaml::Str));
        map.add("hardware", plan.hardware.0.clone().build());
        let mut on_host = MapBuilder::default();
        for user in users.on(h) {
            on_host.add(user, users.composition(&world, user, h, &hand, &inputs));
        }
        if !on_host.is_empty() {
            map.add("users", on_host.build());
        }
        if !ids.is_empty() {
            let ids = ids
                .into_iter()
                .map(|(category, names)| (category, Yaml::texts(names.iter().map(String::as_str))));
            map.add("features", Yaml::Map(ids.collect()));
        }
        if !packages.is_empty() {
            map.add("packages", Yaml::List(packages));
        }
        if !settings.is_empty() {
            let leaves = settings
                .iter()
                .map(|(path, value)| (path.as_slice(), value.clone()));
            map.add("settings", yaml::tree(merge_lists(leaves.collect())));
        }
        if !modules.is_empty() {
            map.add("modules", Yaml::texts(modules.iter().map(String::as_str)));
        }
        let host = &world.hosts[h];
        let mut comment = String::new();
        for unknown in &host.unknown {
            let _ = writeln!(comment, "unknown, and left out: {unknown}");
            push_new(&mut report.unknown, format!("{}: {unknown}", host.name));
        }
        for line in &plan.comments {
            comment.push_str(line);
            comment.push('\n');
        }
        let mut document = vec![(
            "hosts".to_owned(),
            Yaml::Map(vec![(host.name.clone(), map.build())]),
        )];
        if !plan.disks.is_empty() {
            document.push(("disks".to_owned(), Yaml::Map(plan.disks.clone())));
        }
        result.files.insert(
            format!("hosts/{}.yaml", host.name),
            yaml::document(&comment, &Yaml::Map(document)).into_bytes(),
        );
    }

    // The fleet.
    let mut document = vec![
        ("version".to_owned(), Yaml::Int(1)),
        (
            "fleet".to_owned(),
            shared.yaml(flake, options, secrets.backend()),
        ),
    ];
    let inputs = inputs.yaml(passes_inputs, &texts);
    if let Some(inputs) = inputs {
        document.push(("inputs".to_owned(), inputs));
    }
    let users = users.yaml(&world, &hand, &mut report);
    if let Some(users) = users {
        document.push(("users".to_owned(), users));
    }
    if let Some(yaml) = secrets.yaml(&world) {
        document.push(("secrets".to_owned(), yaml));
    }
    let mut comment = String::new();
    for (name, why) in &flake.unknown {
        let line = format!("`{name}`: {why}");
        let _ = writeln!(comment, "unknown, and left out: {line}");
        report.unknown.push(line);
    }
    result.files.insert(
        "fleet.yaml".to_owned(),
        yaml::document(&comment, &Yaml::Map(document)).into_bytes(),
    );
    for (id, feature) in features {
        let document = Yaml::Map(vec![(
            "features".to_owned(),
            Yaml::Map(vec![(id.clone(), feature)]),
        )]);
        let path = format!("features/{}.yaml", id.replace('.', "-"));
        result
            .files
            .insert(path, yaml::document("", &document).into_bytes());
    }
    report.unknown.extend(world.homes.iter().cloned());
    if !flake.others.is_empty() {
        report.unknown.push(format!(
            "outputs of the flake that are no hosts: {}",
            flake.others.join(", ")
        ));
    }
    for host in &flake.hosts {
        if let Some(input) = &host.built_by {
            report.unknown.push(format!(
                "host `{}` is built by `{input}`, and is by `nixpkgs` now",
                host.name
            ));
        }
    }
    root.write(repo, &world, &mut result, &mut report);
    for (name, path) in &secrets.files {
        if let Some(bytes) = repo.bytes(path) {
            let file = secrets.file_name(name);
            result.secrets.insert(file, bytes.to_vec());
        }
    }
    report.unknown.dedup();
    result.report = report;
    result
}

#[allow(clippy::too_many_arguments, reason = "what a module in place leads to")]
fn in_place(
    eval: &Eval<'_>,
    entry: &Entry,
    index: usize,
    inner: &str,
    line: usize,
    root: &mut Roots,
    hand: &mut BTreeMap<usize, String>,
    report: &mut Report,
) {
    let file = &entry.unit.source.path;
    match standing_alone(eval, &entry.unit.env, inner) {
        Ok(text) => {
            let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            let stem = file
                .rsplit_once('/')
                .map_or(file.as_str(), |(_, name)| name)
                .trim_end_matches(".nix");
            let path = join(folder, &format!("{stem}-part-{index}.nix")).unwrap_or_default();
            hand.insert(index, format!("nix/{path}"));
            root.texts.insert(path, text);
        }
        Err(why) => report
            .unknown
            .push(format!("the module in place at {file}:{line}: {why}")),
    }
}

/// Files that are copied, and files that are written.
#[derive(Default)]
struct Roots {
    /// Modules of the repository, as they are.
    files: BTreeSet<String>,
    /// What is left of modules, by path in the repository.
    texts: BTreeMap<String, String>,
    /// Modules that are new, by path below the spec.
    extra: BTreeMap<String, String>,
}

impl Roots {
    fn write(&self, repo: &Repo, world: &World, result: &mut Imported, report: &mut Report) {
        let mut roots: Vec<String> = self.files.iter().cloned().collect();
        for (path, text) in &self.texts {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            for reference in nix::relative_paths(text).unwrap_or_default() {
                roots.extend(join(folder, &reference.path));
            }
        }
        for entry in &world.entries {
            for (a, assign) in entry.unit.assigns.iter().enumerate() {
                if !entry.taken.contains(&a)
                    && let Ok(value) = &assign.value
                {
                    facts::words(value, "file", &mut |path| {
                        let path = path.strip_prefix("nix/");
                        roots.extend(path.map(|path| path.trim_end_matches(".asset").to_owned()));
                    });
                }
            }
        }
        let (files, missing) = closure(repo, &roots);
        report.unknown.extend(missing);
        for path in files {
            if let Some(bytes) = repo.bytes(&path) {
                let bytes = match repo.text(&path).filter(|_| path.ends_with(".nix")) {
                    Some(text) => with_assets(text).into_bytes(),
                    None => bytes.to_vec(),
                };
                let path = format!("nix/{}", crate::repo::asset_name(&path));
                result.files.insert(path, bytes);
            }
        }
        for (path, text) in &self.texts {
            result
                .files
                .insert(format!("nix/{path}"), with_assets(text).into_bytes());
        }
        for (path, text) in &self.extra {
            result.files.insert(path.clone(), text.clone().into_bytes());
        }
    }
}

/// A module with the YAML files that it names called what they are called in the spec folder.
fn with_assets(text: &str) -> String {
    let mut text = text.to_owned();
    let mut paths = nix::relative_paths(&text).unwrap_or_default();
    paths.sort_by_key(|path| std::cmp::Reverse(path.start));
    for path in paths {
        let name = crate::repo::asset_name(&path.path);
        if !path.dynamic && name != path.path && text.get(path.start..path.end) == Some(&path.path)
        {
            text.replace_range(path.start..path.end, &name);
        }
    }
    text
}

/// A package as `packages` has it: by its name.
pub(crate) fn package(value: Yaml) -> Yaml {
    match value {
        Yaml::Word("pkg", name) => Yaml::Str(name),
        other => other,
    }
}

/// The values of a unit that are still its own.
pub(crate) fn leaves<'a>(
    entry: &'a Entry,
    wanted: &dyn Fn(&[String]) -> bool,
) -> Vec<(&'a [String], Yaml)> {
    entry
        .unit
        .assigns
        .iter()
        .enumerate()
        .filter(|(a, assign)| !entry.taken.contains(a) && wanted(&assign.path))
        .filter_map(|(_, assign)| {
            let value = assign.value.as_ref().ok()?.clone();
            let value = match &assign.comment {
                Some(comment) => Yaml::Commented(comment.clone(), Box::new(value)),
                None => value,
            };
            Some((assign.path.as_slice(), value))
        })
        .collect()
}

/// Lists that several modules give one option are one list.
pub(crate) fn merge_lists(leaves: Vec<(&[String], Yaml)>) -> Vec<(&[String], Yaml)> {
    let mut merged: Vec<(&[String], Yaml)> = Vec::new();
    for (path, value) in leaves {
        if let Some((_, before)) = merged.iter_mut().find(|(other, _)| *other == path) {
            match (bare(before), value) {
                (Yaml::List(items), Yaml::List(more)) => items.extend(more),
                (Yaml::List(items), Yaml::Commented(_, inner)) => {
                    if let Yaml::List(more) = *inner {
                        items.extend(more);
                    }
                }
                _ => {}
            }
        } else {
            merged.push((path, value));
        }
    }
    merged
}

fn bare(value: &mut Yaml) -> &mut Yaml {
    match value {
        Yaml::Commented(_, inner) => inner,
        other => other,
    }
}

fn feature_id(path: &str, index: usize, is_file: bool, taken: &BTreeMap<String, Yaml>) -> String {
    let word = |text: &str| {
        let text: String = text
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '-'
                }
            })
            .collect();
        let text = text
            .trim_matches(|c: char| c == '-' || c.is_ascii_digit())
            .to_owned();
        if text.is_empty() {
            "part".to_owned()
        } else {
            text
        }
    };
    let mut parts: Vec<&str> = path.trim_end_matches(".nix").split('/').collect();
    if parts.len() > 1 && parts.last() == Some(&"default") {
        parts.pop();
    }
    let name = word(parts.pop().unwrap_or("part"));
    let name = if is_file {
        name
    } else {
        format!("{name}-part")
    };
    let category = parts.pop().map_or_else(|| "imported".to_owned(), word);
    let id = format!("{category}.{name}");
    if taken.contains_key(&id) {
        format!(
            "{id}-{}",
            char::from(b'a' + u8::try_from(index % 26).unwrap_or(0)).to_string()
                + &index.to_string()
        )
    } else {
        id
    }
}

pub(crate) fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// Counts assignments: each once, however many hosts have it.
fn count(repo: &Repo, world: &World, report: &mut Report) {
    let mut share = Share::default();
    let mut counted: BTreeSet<String> = BTreeSet::new();
    let mut seen: BTreeSet<(String, usize, Vec<String>)> = BTreeSet::new();
    for entry in &world.entries {
        if entry.unit.whole.is_some() {
            let roots = if entry.unit.is_file {
                closure(repo, std::slice::from_ref(&entry.unit.source.path)).0
            } else {
                BTreeSet::new()
            };
            for path in roots {
                if path.ends_with(".nix") && counted.insert(path.clone()) {
                    share.left += repo.text(&path).map_or(0, assignments);
                }
            }
            continue;
        }
        for assign in &entry.unit.assigns {
            let key = (
                entry.unit.source.path.clone(),
                assign.line,
                assign.path.clone(),
            );
            if !seen.insert(key) {
                continue;
            }
            match &assign.value {
                Ok(value) if facts::has_code(value) => share.code += 1,
                Ok(_) => share.data += 1,
                Err(_) => share.left += 1,
            }
        }
    }
    report.share = share;
    // What stays as it is keeps its comments.
    let mut read: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in world.entries.iter().filter(|it| it.unit.whole.is_none()) {
        let source = &entry.unit.source;
        read.insert(&source.path, comments(&source.text));
    }
    report.comments = read
        .into_iter()
        .filter(|(path, lines)| *lines > 0 && !counted.contains(*path))
        .map(|(path, lines)| (path.to_owned(), lines))
        .collect();
}

/// How many lines of a text are comments.
fn comments(text: &str) -> usize {
    text.lines()
        .filter(|line| line.trim_start().starts_with('#') || line.contains(" # "))
        .count()
}

/// How many options a module sets, by its text.
fn assignments(text: &str) -> usize {
    fn below(attr: &nix::Attr) -> usize {
        match &attr.value.kind {
            nix::Kind::Attrs(attrs) if !attrs.is_empty() => attrs.iter().map(below).sum(),
            nix::Kind::AnyOf(parts) => parts
                .iter()
                .map(|part| match &part.kind {
                    nix::Kind::Attrs(attrs) => attrs.iter().map(below).sum(),
                    _ => 1,
                })
                .sum(),
            _ => 1,
        }
    }
    nix::read_module(text).map_or(0, |module| module.config.iter().map(below).sum())
}
