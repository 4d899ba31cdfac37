//! Modules of the output read one by one: what each defines, for the machine or for the home of a
//! user, and what it imports.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use nix::{AttrPath, DefValue, Kind, Node};
use output::FileTree;
use rayon::prelude::*;

/// The attribute below which Home Manager's users stand.
const HOME: [&str; 2] = ["home-manager", "users"];

/// A definition in a module.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// The user, when it stands in the home of one inside a NixOS module.
    pub(crate) user: Option<String>,
    /// The path in its own module system.
    pub(crate) path: AttrPath,
    /// The value.
    pub(crate) value: DefValue,
    /// The priority, if it is known.
    pub(crate) priority: Option<i64>,
    /// What it depends on, outermost first.
    pub(crate) conditions: Vec<String>,
    /// Byte offset of the attribute.
    pub(crate) start: usize,
    /// Byte offset of the value.
    pub(crate) value_start: usize,
    /// Byte offset after the value.
    pub(crate) end: usize,
}

impl Setting {
    fn new(definition: nix::Definition) -> Self {
        let below = home_user(definition.path.parts());
        Setting {
            user: below.map(|(user, _)| user.to_owned()),
            path: below.map_or_else(
                || definition.path.clone(),
                |(_, below)| AttrPath(below.to_vec()),
            ),
            value: definition.value,
            priority: definition.priority,
            conditions: definition.conditions,
            start: definition.start,
            value_start: definition.value_start,
            end: definition.end,
        }
    }
}

/// A module.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModuleText {
    /// What it defines.
    pub(crate) settings: Vec<Setting>,
    /// What it imports: as written, and the user in whose home.
    pub(crate) imports: Vec<(Option<String>, String)>,
    lets: OnceLock<BTreeMap<String, String>>,
    computed: OnceLock<Vec<Setting>>,
}

impl ModuleText {
    /// The variables of the outermost `let` of its text.
    pub(crate) fn lets(&self, text: &str) -> &BTreeMap<String, String> {
        self.lets.get_or_init(|| nix::lets(text))
    }

    /// What its text defines below names that it computes; such a name stands as its code in the path.
    pub(crate) fn computed(&self, text: &str) -> &[Setting] {
        self.computed.get_or_init(|| {
            if !text.contains("${") {
                return Vec::new();
            }
            let found = nix::computed_definitions(text).unwrap_or_default();
            found.into_iter().map(Setting::new).collect()
        })
    }
}

/// Reads a module; of a text that Nix does not read, nothing.
pub(crate) fn read(text: &str) -> ModuleText {
    let mut module = ModuleText::default();
    let Ok((read, definitions)) = nix::read_with_definitions(text) else {
        return module;
    };
    for definition in definitions {
        let setting = Setting::new(definition);
        match setting.path.parts().first().map(String::as_str) {
            // A home that is a function, since it takes arguments of its own.
            None if setting.user.is_some() => {
                let from = setting.value_start;
                let inner = nix::definitions(&text[from..setting.end]).unwrap_or_default();
                module
                    .settings
                    .extend(inner.into_iter().map(|inner| Setting {
                        user: setting.user.clone(),
                        path: inner.path,
                        value: inner.value,
                        priority: inner.priority,
                        conditions: inner.conditions,
                        start: from + inner.start,
                        value_start: from + inner.value_start,
                        end: from + inner.end,
                    }));
            }
            Some("imports") if setting.user.is_some() => {}
            _ => module.settings.push(setting),
        }
    }
    let own = read.imports.into_iter().map(|import| (None, import));
    module.imports.extend(own);
    for attr in &read.config {
        homes(&[], &attr.path, &attr.value, &mut module.imports);
    }
    module
}

/// The user and the rest of a path into a home.
fn home_user(path: &[String]) -> Option<(&str, &[String])> {
    match path {
        [first, second, user, below @ ..] if [first, second] == HOME => Some((user, below)),
        _ => None,
    }
}

/// The imports of the homes in a value.
fn homes(
    above: &[String],
    path: &[Option<String>],
    value: &Node,
    found: &mut Vec<(Option<String>, String)>,
) {
    let Some(path) = path.iter().cloned().collect::<Option<Vec<String>>>() else {
        return;
    };
    let path: Vec<String> = above.iter().cloned().chain(path).collect();
    let leads = path.iter().zip(HOME).all(|(a, b)| a == b);
    if !leads {
        return;
    }
    if let [_, _, user] = path.as_slice() {
        let home = nix::module_of(value);
        let imports = home.imports.into_iter();
        found.extend(imports.map(|import| (Some(user.clone()), import)));
    } else if let [_, _, user, imports] = path.as_slice()
        && imports == "imports"
        && let Kind::List(items) = &value.kind
    {
        for item in items {
            if let Kind::Path(import) = &item.kind {
                found.push((Some(user.clone()), import.clone()));
            }
        }
    } else if path.len() < 3
        && let Kind::Attrs(attrs) = &value.kind
    {
        for attr in attrs {
            homes(&path, &attr.path, &attr.value, found);
        }
    }
}

/// A relative path from a folder, as a path below the output.
pub(crate) fn joined(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The file that a relative path from a folder names: itself, or the `default.nix` in it.
pub(crate) fn below(folder: &str, path: &str, exists: impl Fn(&str) -> bool) -> Option<String> {
    let mut path = joined(folder, path)?;
    if exists(&path) {
        return Some(path);
    }
    path.push_str("/default.nix");
    exists(&path).then_some(path)
}

/// The folder of a file.
pub(crate) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A module that a machine reaches, and the user in whose home.
#[derive(Clone, Debug)]
pub(crate) struct Reached<'a> {
    /// Path below the output.
    pub(crate) path: String,
    /// The user, for a module of Home Manager.
    pub(crate) user: Option<String>,
    /// Its text.
    pub(crate) text: &'a str,
    /// What it says.
    pub(crate) module: Arc<ModuleText>,
}

/// A module that was read, and the files that it imports, each with the user in whose home.
struct Found<'a> {
    text: &'a str,
    module: Arc<ModuleText>,
    imports: Vec<(Option<String>, String)>,
}

impl<'a> Found<'a> {
    fn new(path: &str, text: &'a str, is_module: impl Fn(&str) -> bool) -> Self {
        let module = read(text);
        let imports = module.imports.iter().filter_map(|(home, import)| {
            Some((home.clone(), below(folder(path), import, &is_module)?))
        });
        Found {
            text,
            imports: imports.collect(),
            module: Arc::new(module),
        }
    }
}

/// Modules that were read once, whoever reaches them.
pub(crate) struct Library<'a>(BTreeMap<String, Option<Found<'a>>>);

impl<'a> Library<'a> {
    /// All modules of a tree.
    pub(crate) fn of(tree: &'a FileTree) -> Self {
        let modules: Vec<(&str, &str)> = tree
            .iter()
            .filter(|(path, _)| path.ends_with(".nix"))
            .filter_map(|(path, file)| Some((path, std::str::from_utf8(&file.bytes).ok()?)))
            .collect();
        let is_module = |path: &str| path.ends_with(".nix") && tree.get(path).is_some();
        let found = modules.into_par_iter().map(|(path, text)| {
            let found = Found::new(path, text, is_module);
            (path.to_owned(), Some(found))
        });
        Self(found.collect())
    }

    /// Whether there is a module of that path.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// What [`reach`] gives.
    pub(crate) fn reach(&self, start: &str) -> Vec<Reached<'a>> {
        walk(start, &self.0)
    }
}

/// The modules that a module imports, itself first, each once for the machine and once for each user.
pub(crate) fn reach<'a>(
    start: &str,
    file: impl Fn(&str) -> Option<&'a str> + Sync,
) -> Vec<Reached<'a>> {
    walk(start, &read_reached(start, &file))
}

fn walk<'a>(start: &str, found: &BTreeMap<String, Option<Found<'a>>>) -> Vec<Reached<'a>> {
    let mut open = vec![(start.to_owned(), None::<String>)];
    let mut seen: BTreeSet<(String, Option<String>)> = BTreeSet::new();
    let mut reached = Vec::new();
    while let Some((path, user)) = open.pop() {
        if !seen.insert((path.clone(), user.clone())) {
            continue;
        }
        let Some(Some(module)) = found.get(&path) else {
            continue;
        };
        let imports = module.imports.iter().rev();
        open.extend(imports.map(|(home, path)| {
            let home = home.clone().or_else(|| user.clone());
            (path.clone(), home)
        }));
        reached.push(Reached {
            path,
            user,
            text: module.text,
            module: Arc::clone(&module.module),
        });
    }
    reached
}

/// Reads what a module reaches, each file once; those that one step leads to are read at once.
fn read_reached<'a>(
    start: &str,
    file: &(impl Fn(&str) -> Option<&'a str> + Sync),
) -> BTreeMap<String, Option<Found<'a>>> {
    let mut found: BTreeMap<String, Option<Found<'a>>> = BTreeMap::new();
    let mut wave = BTreeSet::from([start.to_owned()]);
    while !wave.is_empty() {
        let read: Vec<(String, Option<Found<'a>>)> = wave
            .into_par_iter()
            .map(|path| {
                let is_module = |path: &str| path.ends_with(".nix") && file(path).is_some();
                let module = file(&path).map(|text| Found::new(&path, text, is_module));
                (path, module)
            })
            .collect();
        found.extend(read);
        let imports = found.values().flatten().flat_map(|module| &module.imports);
        let fresh = imports.map(|(_, path)| path);
        wave = fresh
            .filter(|path| !found.contains_key(*path))
            .cloned()
            .collect();
    }
    found
}
