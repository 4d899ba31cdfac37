//! Which machines a change of the output touches, told from the files alone: a machine is touched
//! when a file that its configuration reaches differs, or an input that it uses.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use memchr::memmem;
use nix::Item;
use rayon::prelude::*;
use serde::Serialize;

use crate::modules::{folder, joined};
use crate::trees::{Files, Trees};

/// What a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Host,
    MicroVm,
    Image,
    Installer,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::MicroVm => "microvm",
            Self::Image => "image",
            Self::Installer => "installer",
        }
    }
}

/// How a machine is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum How {
    New,
    Changed,
    Removed,
}

/// A machine that a change touches.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Affected {
    pub(crate) kind: Kind,
    /// The host, MicroVM or image; of an installer, the host that it installs.
    pub(crate) name: String,
    pub(crate) how: How,
    /// The platform, where it is known.
    pub(crate) system: Option<String>,
    /// Files and inputs that differ.
    pub(crate) because: Vec<String>,
}

/// A machine of the output.
pub(crate) type Machine = (Kind, String);

/// The machine whose file a path is.
pub(crate) fn machine(path: &str) -> Option<Machine> {
    let parts: Vec<&str> = path.split('/').collect();
    let stem = |name: &str| name.strip_suffix(".nix").map(str::to_owned);
    match parts.as_slice() {
        ["hosts", name, "default.nix"] => Some((Kind::Host, (*name).to_owned())),
        ["microvms", name] => Some((Kind::MicroVm, stem(name)?)),
        ["images", name] => Some((Kind::Image, stem(name)?)),
        ["installers", name] => Some((Kind::Installer, stem(name)?)),
        _ => None,
    }
}

/// The file of a machine.
fn file_of((kind, name): &Machine) -> String {
    match kind {
        Kind::Host => format!("hosts/{name}/default.nix"),
        Kind::MicroVm => format!("microvms/{name}.nix"),
        Kind::Image => format!("images/{name}.nix"),
        Kind::Installer => format!("installers/{name}.nix"),
    }
}

/// The machines that a change touches, sorted.
pub(crate) fn affected(trees: &Trees) -> Vec<Affected> {
    if trees.changes.is_empty() {
        return Vec::new();
    }
    affected_with(trees, &Graph::new(trees))
}

/// The same, by references that were read before.
pub(crate) fn affected_with(trees: &Trees, graph: &Graph) -> Vec<Affected> {
    let mut because: BTreeMap<Machine, BTreeSet<String>> = BTreeMap::new();
    let mut how: BTreeMap<Machine, How> = BTreeMap::new();
    for change in &trees.changes {
        let Some(machine) = machine(&change.path) else {
            continue;
        };
        if !change.is_there {
            how.insert(machine.clone(), How::Removed);
            because
                .entry(machine)
                .or_default()
                .insert(change.path.clone());
        } else if change.old.is_none() {
            how.insert(machine, How::New);
        }
    }
    for change in &trees.changes {
        for machine in graph.reaching(&change.path) {
            because
                .entry(machine)
                .or_default()
                .insert(change.path.clone());
        }
    }
    for (name, reasons) in flake(trees) {
        // Who builds on that machine is touched along with it.
        let file = file_of(&name);
        for machine in graph.reaching_directly(&file) {
            because.entry(machine).or_default().extend(reasons.clone());
        }
    }
    for machine in how.keys() {
        because.entry(machine.clone()).or_default();
    }
    because
        .into_par_iter()
        .map(|(machine, because)| Affected {
            how: how.get(&machine).copied().unwrap_or(How::Changed),
            system: system(&trees.new, &machine),
            kind: machine.0,
            name: machine.1,
            because: because.into_iter().collect(),
        })
        .collect()
}

/// The platform of a machine: what its own files say.
fn system(files: &Files, machine: &Machine) -> Option<String> {
    let (kind, name) = machine;
    let candidates = match kind {
        Kind::Host | Kind::Installer => vec![
            format!("hosts/{name}/hardware.nix"),
            format!("hosts/{name}/default.nix"),
        ],
        Kind::MicroVm | Kind::Image => vec![file_of(machine)],
    };
    candidates.iter().find_map(|path| {
        let text = std::str::from_utf8(files.get(path)?).ok()?;
        if let Some(system) = quick_system(text) {
            return Some(system.to_owned());
        }
        let found = nix::definitions(text)
            .ok()?
            .into_iter()
            .find(|definition| {
                let path = definition.path.parts();
                path == ["nixpkgs", "hostPlatform"]
            })?;
        match found.value {
            nix::DefValue::Str(system) => Some(system),
            _ => None,
        }
    })
}

/// The platform where it stands on a line of its own, as it does in generated files: much cheaper than
/// to parse them.
fn quick_system(text: &str) -> Option<&str> {
    if text.contains("''") {
        return None;
    }
    let line = text.lines().find_map(|line| {
        let value = line.trim_start().strip_prefix("nixpkgs.hostPlatform = ")?;
        Some(value.strip_prefix("lib.mkDefault ").unwrap_or(value))
    })?;
    let system = line.strip_prefix('"')?.strip_suffix("\";")?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    system.chars().all(is_plain).then_some(system)
}

/// Who refers to whom. Files that are gone are in it too: what refers to them is touched.
#[derive(Debug)]
pub(crate) struct Graph {
    /// A file, and the files that refer to it.
    above: BTreeMap<String, Vec<String>>,
    /// Files that take the whole flake.
    whole: Vec<String>,
}

impl Graph {
    pub(crate) fn new(trees: &Trees) -> Self {
        let gone: BTreeSet<&str> = trees
            .changes
            .iter()
            .filter(|change| !change.is_there)
            .map(|change| change.path.as_str())
            .collect();
        let exists = |path: &str| trees.new.contains_key(path) || gone.contains(path);
        let all: Vec<(&str, References)> = trees
            .new
            .par_iter()
            .filter(|(path, _)| path.ends_with(".nix") && *path != "flake.nix")
            .filter_map(|(path, bytes)| {
                let text = std::str::from_utf8(bytes).ok()?;
                Some((path.as_str(), references(path, text)))
            })
            .collect();
        let mut above: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut whole = Vec::new();
        for (path, references) in all {
            let mut add = |target: String| {
                above.entry(target).or_default().push(path.to_owned());
            };
            for reference in &references.paths {
                let Some(target) = joined(folder(path), reference) else {
                    continue;
                };
                let default = format!("{target}/default.nix");
                if exists(&target) {
                    add(target);
                } else if exists(&default) && !path.starts_with("custom/") && target != folder(path)
                {
                    add(default);
                } else {
                    // A folder as it is.
                    let prefix = if target.is_empty() {
                        String::new()
                    } else {
                        format!("{target}/")
                    };
                    let below = trees
                        .new
                        .range(prefix.clone()..)
                        .map(|(path, _)| path.as_str())
                        .take_while(|path| path.starts_with(&prefix));
                    let lost = gone
                        .iter()
                        .copied()
                        .filter(|path| path.starts_with(&prefix));
                    let below: Vec<String> = below.chain(lost).map(str::to_owned).collect();
                    below.into_iter().for_each(&mut add);
                }
            }
            for name in references.machines {
                for kind in [Kind::Host, Kind::MicroVm, Kind::Image] {
                    let target = file_of(&(kind, name.clone()));
                    if exists(&target) {
                        add(target);
                    }
                }
            }
            // The module of installers names the host by an option, which each installer sets.
            if let Some((Kind::Installer, host)) = machine(path) {
                add(file_of(&(Kind::Host, host)));
            }
            if references.whole {
                whole.push(path.to_owned());
            }
        }
        for (target, machine) in shared(trees) {
            let default = format!("{target}/default.nix");
            let target = if exists(&default) { default } else { target };
            above.entry(target).or_default().push(machine);
        }
        Self { above, whole }
    }

    /// The machines that reach a file.
    fn reaching<'a>(&'a self, path: &'a str) -> BTreeSet<Machine> {
        let whole = self.whole.iter().map(String::as_str);
        self.up(whole.chain([path]).collect())
    }

    /// The machines that reach a file otherwise than with the whole flake.
    pub(crate) fn reaching_directly<'a>(&'a self, path: &'a str) -> BTreeSet<Machine> {
        self.up(vec![path])
    }

    fn up<'a>(&'a self, mut open: Vec<&'a str>) -> BTreeSet<Machine> {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut machines = BTreeSet::new();
        while let Some(path) = open.pop() {
            if !seen.insert(path) {
                continue;
            }
            machines.extend(machine(path));
            if let Some(above) = self.above.get(path) {
                open.extend(above.iter().map(String::as_str));
            }
        }
        machines
    }
}

/// Files that machines reach through what they share in `flake.nix`, such as the overlay: path, and
/// the machine's file.
fn shared(trees: &Trees) -> Vec<(String, String)> {
    let text = trees.new.get("flake.nix");
    let text = text.and_then(|bytes| std::str::from_utf8(bytes).ok());
    // To read the flake of a large fleet costs more than all else.
    let Some(text) = text.filter(|text| text.contains("import ./")) else {
        return Vec::new();
    };
    let flake = Flake::read(text);
    let paths: BTreeMap<&str, Vec<String>> = flake
        .bindings
        .values()
        .map(|code| {
            let found = nix::relative_paths(code).unwrap_or_default();
            let found = found.into_iter();
            let paths = found.filter_map(|it| joined("", &it.path)).collect();
            (code.as_str(), paths)
        })
        .collect();
    let mut found = Vec::new();
    for machine in trees.new.keys().filter_map(|path| machine(path)) {
        for code in flake.machine(&flake_name(&machine)) {
            for path in paths.get(code).into_iter().flatten() {
                found.push((path.clone(), file_of(&machine)));
            }
        }
    }
    found
}

/// What a machine is called in `flake.nix`.
fn flake_name((kind, name): &Machine) -> String {
    match kind {
        Kind::Installer => format!("live-iso-{name}"),
        _ => name.clone(),
    }
}

/// What a file refers to.
#[derive(Debug, Default, PartialEq)]
struct References {
    /// Relative paths.
    paths: Vec<String>,
    /// Machines of the flake.
    machines: Vec<String>,
    /// Whether it takes the flake as a whole, such as an installer that carries it.
    whole: bool,
}

fn references(path: &str, text: &str) -> References {
    let mut found = References {
        paths: quick_paths(path, text).unwrap_or_else(|| {
            let all = nix::relative_paths(text).unwrap_or_default();
            all.into_iter().map(|found| found.path).collect()
        }),
        ..References::default()
    };
    if !text.contains("self") {
        return found;
    }
    for part in text.split("self.nixosConfigurations.").skip(1) {
        let name = part.trim_start_matches('"');
        let end = name.find(|c: char| !(c.is_alphanumeric() || "-_'".contains(c)));
        let name = &name[..end.unwrap_or(name.len())];
        if !name.is_empty() {
            found.machines.push(name.to_owned());
        }
    }
    let takes = [
        "toString self",
        "${self}",
        "self.outPath",
        "self.sourceInfo",
        "self + ",
    ];
    found.whole = takes.iter().any(|it| text.contains(it));
    found
}

/// The paths of a generated file, where every one of them stands on a line of its own, as imports
/// do: most files, and much cheaper than to parse them.
fn quick_paths(path: &str, text: &str) -> Option<Vec<String>> {
    if path.starts_with("custom/") {
        return None;
    }
    let mut paths = Vec::new();
    let mut done = 0;
    for at in memmem::find_iter(text.as_bytes(), "./") {
        if at < done {
            continue;
        }
        let start = memchr::memrchr(b'\n', &text.as_bytes()[..at]).map_or(0, |end| end + 1);
        let length = memchr::memchr(b'\n', &text.as_bytes()[at..]);
        done = length.map_or(text.len(), |length| at + length);
        let line = text[start..done].trim();
        if line.starts_with('#') {
            continue;
        }
        let is_path = line.starts_with("./") || line.starts_with("../");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "./_+-".contains(c);
        if !is_path || !line.chars().all(is_plain) {
            return None;
        }
        paths.push(line.to_owned());
    }
    // A line of a text may look like one.
    (paths.is_empty() || !text.contains("''")).then_some(paths)
}

/// Machines whose part of `flake.nix` differs, or whose inputs do.
fn flake(trees: &Trees) -> BTreeMap<Machine, BTreeSet<String>> {
    let mut found: BTreeMap<Machine, BTreeSet<String>> = BTreeMap::new();
    let changed = |path: &str| trees.changes.iter().find(|change| change.path == path);
    let text = |bytes: Option<&Vec<u8>>| {
        let text = bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        text.unwrap_or_default()
    };
    let new = text(trees.new.get("flake.nix"));
    let (flake, lock) = (changed("flake.nix"), changed("flake.lock"));
    if flake.is_none() && lock.is_none() {
        return found;
    }
    let old = flake.map_or_else(|| new.clone(), |change| text(change.old.as_ref()));
    if lock.is_none() && only_publishes(&old, &new) {
        return found;
    }
    let (old, new) = rayon::join(|| Flake::read(&old), || Flake::read(&new));
    let new_lock = text(trees.new.get("flake.lock"));
    let old_lock = lock.map_or_else(|| new_lock.clone(), |change| text(change.old.as_ref()));
    let (old_locked, new_locked) = (locked(&old_lock), locked(&new_lock));
    let names: BTreeSet<&String> = old.inputs.keys().chain(new.inputs.keys()).collect();
    let inputs: BTreeSet<&str> = names
        .into_iter()
        .filter(|name| {
            old.inputs.get(*name) != new.inputs.get(*name)
                || old_locked.get(*name) != new_locked.get(*name)
        })
        .map(String::as_str)
        .collect();
    let files = trees.new.keys().filter_map(|path| machine(path));
    for machine in files {
        let key = flake_name(&machine);
        let mut because = BTreeSet::new();
        let (before, after) = (old.machine(&key), new.machine(&key));
        if before != after {
            because.insert("flake.nix".to_owned());
        }
        for input in &inputs {
            if after.iter().any(|text| mentions(text, input)) {
                because.insert(format!("input {input}"));
            }
        }
        if !because.is_empty() {
            found.insert(machine, because);
        }
    }
    found
}

/// Whether two texts of `flake.nix` differ in nothing but the modules that the flake publishes, each on
/// a line of its own: no machine of the flake is made of those, and they need not be parsed.
fn only_publishes(old: &str, new: &str) -> bool {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let equal = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let start = old.iter().zip(&new).take_while(equal).count();
    let (old, new) = (&old[start..], &new[start..]);
    let end = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(equal)
        .count();
    let publishes = |line: &&str| {
        let Some((name, path)) = line.trim().split_once(" = ") else {
            return false;
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let path = path.strip_suffix(".nix;").unwrap_or_default();
        nix::is_identifier(name)
            && (path.starts_with("./modules/") || path.starts_with("./home/"))
            && path.chars().all(is_plain)
    };
    let differing = old[..old.len() - end].iter().chain(&new[..new.len() - end]);
    differing.into_iter().all(publishes)
}

/// The parts of `flake.nix` that say something of machines.
#[derive(Debug, Default)]
struct Flake {
    inputs: BTreeMap<String, String>,
    machines: BTreeMap<String, String>,
    bindings: BTreeMap<String, String>,
}

impl Flake {
    fn read(text: &str) -> Self {
        let mut flake = Self::default();
        let code = |item: &Item| text[item.value_start..item.end].to_owned();
        for item in nix::outline(text).unwrap_or_default() {
            let names: Vec<&str> = item.path.iter().map(String::as_str).collect();
            match (item.named, names.as_slice()) {
                (nix::Named::Element(_), _) => {}
                (nix::Named::Let, ["outputs", name]) => {
                    flake.bindings.insert((*name).to_owned(), code(&item));
                }
                (_, ["inputs", name, rest @ ..]) => {
                    let entry = flake.inputs.entry((*name).to_owned()).or_default();
                    let _ = write!(entry, "{}={};", rest.join("."), code(&item));
                }
                (
                    _,
                    ["outputs", "nixosConfigurations", name] | ["outputs", "packages", _, name],
                ) => {
                    let entry = flake.machines.entry((*name).to_owned()).or_default();
                    entry.push_str(&code(&item));
                }
                _ => {}
            }
        }
        flake
    }

    /// What `flake.nix` says of a machine, with the bindings that it uses.
    fn machine(&self, name: &str) -> Vec<&str> {
        let Some(own) = self.machines.get(name) else {
            return Vec::new();
        };
        let mut texts = vec![own.as_str()];
        let mut used: BTreeSet<&str> = BTreeSet::new();
        let mut at = 0;
        while at < texts.len() {
            for (name, text) in &self.bindings {
                if mentions(texts[at], name) && used.insert(name) {
                    texts.push(text);
                }
            }
            at += 1;
        }
        texts
    }
}

/// Whether a name stands in a code by itself.
fn mentions(code: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || "-_'".contains(c);
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + name.len()..].chars().next();
        !before.is_some_and(|c| is_part(c) || c == '.' || c == '/') && !after.is_some_and(is_part)
    })
}

/// What each input is locked to, with its own inputs.
fn locked(lock: &str) -> BTreeMap<String, String> {
    let Ok(lock) = serde_json::from_str::<serde_json::Value>(lock) else {
        return BTreeMap::new();
    };
    let root = lock["root"].as_str().unwrap_or("root");
    let inputs = lock["nodes"][root]["inputs"].as_object();
    let names = inputs.into_iter().flatten();
    names
        .map(|(name, node)| {
            let mut text = String::new();
            subtree(&lock, root, node, &mut BTreeSet::new(), &mut text);
            (name.clone(), text)
        })
        .collect()
}

fn subtree(
    lock: &serde_json::Value,
    root: &str,
    node: &serde_json::Value,
    seen: &mut BTreeSet<String>,
    text: &mut String,
) {
    // A node by name, or a path of inputs from the root that it follows.
    let name = match node {
        serde_json::Value::String(name) => Some(name.clone()),
        serde_json::Value::Array(path) => {
            path.iter()
                .filter_map(|part| part.as_str())
                .try_fold(root.to_owned(), |at, part| {
                    match &lock["nodes"][&at]["inputs"][part] {
                        serde_json::Value::String(next) => Some(next.clone()),
                        _ => None,
                    }
                })
        }
        _ => None,
    };
    let Some(name) = name else {
        text.push_str(&node.to_string());
        return;
    };
    if !seen.insert(name.clone()) {
        return;
    }
    let node = &lock["nodes"][&name];
    text.push_str(&node["locked"].to_string());
    for (name, input) in node["inputs"].as_object().into_iter().flatten() {
        text.push_str(name);
        subtree(lock, root, input, seen, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAKE: &str = r#"{
  inputs = { nixpkgs.url = "n"; disko = { url = "d"; inputs.nixpkgs.follows = "nixpkgs"; }; };
  outputs = { nixpkgs, disko, ... }: let extra = disko.lib; in {
    nixosConfigurations = {
      a = nixpkgs.lib.nixosSystem { modules = [ ./hosts/a disko.nixosModules.disko ]; };
      b = nixpkgs.lib.nixosSystem { modules = [ ./hosts/b ]; };
      c = nixpkgs.lib.nixosSystem { specialArgs.x = extra; modules = [ ./hosts/c ]; };
      vm = nixpkgs.lib.nixosSystem { modules = [ ./microvms/vm.nix ]; };
    };
  };
}"#;

    fn files() -> Files {
        let hosts = |name: &str, more: &str| {
            format!(
                "{{\n  imports = [\n    ./hardware.nix\n    ../../templates/t.nix\n{more}  ];\n  x.{name} = 1;\n}}\n"
            )
        };
        [
            ("flake.nix", FLAKE.to_owned()),
            ("flake.lock", lock("1", "1")),
            (
                "hosts/a/default.nix",
                hosts("a", "    ../../users/u\n    ../../users/u/a.nix\n"),
            ),
            (
                "hosts/a/hardware.nix",
                "{ nixpkgs.hostPlatform = lib.mkDefault \"x86_64-linux\"; }".to_owned(),
            ),
            (
                "hosts/b/default.nix",
                hosts("b", "    ../../users/u\n    ../../custom/m.nix\n"),
            ),
            ("hosts/b/hardware.nix", "{ }".to_owned()),
            (
                "hosts/c/default.nix",
                "{ v = self.nixosConfigurations.vm; s = ../../secrets/s.age; }".to_owned(),
            ),
            ("microvms/vm.nix", "{ }".to_owned()),
            ("installers/b.nix", "{ f = toString self; }".to_owned()),
            (
                "templates/t.nix",
                "{\n  imports = [\n    ../modules/x/y.nix\n  ];\n}\n".to_owned(),
            ),
            ("modules/x/y.nix", "{ }".to_owned()),
            ("modules/x/unused.nix", "{ }".to_owned()),
            ("users/u/default.nix", "{ }".to_owned()),
            ("users/u/a.nix", "{ }".to_owned()),
            (
                "custom/m.nix",
                "{ e = ./site; t = builtins.readFile (./. + \"/t.txt\"); }".to_owned(),
            ),
            ("custom/site/default.nix", "1".to_owned()),
            ("custom/site/deep/x.txt", "1".to_owned()),
            ("custom/t.txt", "1".to_owned()),
            ("secrets/s.age", "1".to_owned()),
        ]
        .into_iter()
        .map(|(path, text)| (path.to_owned(), text.into_bytes()))
        .collect()
    }

    fn lock(nixpkgs: &str, deep: &str) -> String {
        format!(
            r#"{{ "root": "root", "nodes": {{
              "root": {{ "inputs": {{ "nixpkgs": "nixpkgs", "disko": "disko" }} }},
              "nixpkgs": {{ "locked": {{ "rev": "{nixpkgs}" }} }},
              "disko": {{ "locked": {{ "rev": "d" }}, "inputs": {{ "lib": "lib" }} }},
              "lib": {{ "locked": {{ "rev": "{deep}" }} }} }} }}"#
        )
    }

    /// The machines that a change touches, as `name` or `name (new)`.
    fn touched(change: impl FnOnce(&mut Files)) -> Vec<String> {
        let old = files();
        let mut new = files();
        change(&mut new);
        let trees = Trees::between(old, new);
        affected(&trees)
            .into_iter()
            .map(|it| match it.how {
                How::Changed => format!("{} {}", it.kind.word(), it.name),
                how => format!("{} {} {how:?}", it.kind.word(), it.name),
            })
            .filter(|name| name != "installer b")
            .collect()
    }

    fn set(files: &mut Files, path: &str, text: &str) {
        files.insert(path.to_owned(), text.as_bytes().to_vec());
    }

    #[test]
    fn nothing() {
        assert_eq!(touched(|_| {}), [""; 0]);
        assert_eq!(touched(|f| set(f, "README.md", "x")), [""; 0]);
        assert_eq!(
            touched(|f| set(f, "modules/x/unused.nix", "{ a = 1; }")),
            [""; 0]
        );
    }

    #[test]
    fn through_imports() {
        let edit = |path: &'static str| touched(move |f| set(f, path, "{ a = 1; }"));
        assert_eq!(edit("modules/x/y.nix"), ["host a", "host b"]);
        assert_eq!(edit("users/u/default.nix"), ["host a", "host b"]);
        assert_eq!(edit("users/u/a.nix"), ["host a"]);
        assert_eq!(edit("hosts/b/hardware.nix"), ["host b"]);
        assert_eq!(edit("microvms/vm.nix"), ["host c", "microvm vm"]);
    }

    #[test]
    fn hand_written_modules_and_what_they_read() {
        let edit = |path: &'static str| touched(move |f| set(f, path, "2"));
        assert_eq!(edit("custom/t.txt"), ["host b"]);
        assert_eq!(edit("custom/site/deep/x.txt"), ["host b"]);
        assert_eq!(edit("secrets/s.age"), ["host c"]);
        assert_eq!(touched(|f| drop(f.remove("custom/t.txt"))), ["host b"]);
        assert_eq!(
            touched(|f| drop(f.remove("custom/site/deep/x.txt"))),
            ["host b"]
        );
    }

    #[test]
    fn hosts_that_come_and_go() {
        assert_eq!(
            touched(|f| {
                let host = f.remove("hosts/b/default.nix").unwrap();
                let hardware = f.remove("hosts/b/hardware.nix").unwrap();
                f.insert("hosts/d/default.nix".to_owned(), host);
                f.insert("hosts/d/hardware.nix".to_owned(), hardware);
            }),
            ["host b Removed", "host d New"]
        );
        assert_eq!(
            touched(|f| drop(f.remove("microvms/vm.nix"))),
            ["host c", "microvm vm Removed"]
        );
    }

    #[test]
    fn inputs() {
        let lock_to = |nixpkgs, deep| touched(move |f| set(f, "flake.lock", &lock(nixpkgs, deep)));
        assert_eq!(
            lock_to("2", "1"),
            ["host a", "host b", "host c", "microvm vm"]
        );
        assert_eq!(lock_to("1", "2"), ["host a", "host c"]);
        let flake = |from: &'static str, to: &'static str| {
            touched(move |f| set(f, "flake.nix", &FLAKE.replace(from, to)))
        };
        assert_eq!(flake("\"d\"", "\"e\""), ["host a", "host c"]);
        assert_eq!(flake("./hosts/b ]", "./hosts/b { } ]"), ["host b"]);
        assert_eq!(flake("disko.lib;", "disko.other;"), ["host c"]);
    }

    #[test]
    fn what_machines_share_in_the_flake() {
        let with_overlay = |mut files: Files| {
            let flake = FLAKE
                .replace(
                    "let extra",
                    "let overlay = import ./overlays; all = { o = overlay; }; extra",
                )
                .replace("./hosts/b ]", "./hosts/b all ]");
            set(&mut files, "flake.nix", &flake);
            set(
                &mut files,
                "overlays/default.nix",
                "f: p: { a = ../custom/a; }",
            );
            set(&mut files, "custom/a/b.txt", "1");
            files
        };
        let edit = |path: &str| {
            let mut new = with_overlay(files());
            set(&mut new, path, "{ }");
            let found = affected(&Trees::between(with_overlay(files()), new));
            let hosts = found.into_iter().filter(|it| it.kind != Kind::Installer);
            hosts.map(|it| it.name).collect::<Vec<_>>()
        };
        assert_eq!(edit("overlays/default.nix"), ["b"]);
        assert_eq!(edit("custom/a/b.txt"), ["b"]);
        assert_eq!(edit("modules/x/unused.nix"), [""; 0]);
    }

    #[test]
    fn an_installer_carries_the_whole_flake() {
        let old = files();
        let mut new = files();
        set(&mut new, "README.md", "x");
        let found = affected(&Trees::between(old, new));
        let names: Vec<_> = found.iter().map(|it| (it.kind, it.name.as_str())).collect();
        assert_eq!(names, [(Kind::Installer, "b")]);
    }

    #[test]
    fn published_modules() {
        let old = "{\n  a = ./modules/x/a.nix;\n  c = [\n    ./modules/x/c.nix\n  ];\n}\n";
        let more = old.replace("  c =", "  b-b = ./home/x/b.nix;\n  c =");
        assert!(only_publishes(old, &more));
        assert!(only_publishes(&more, old));
        assert!(only_publishes(
            old,
            &old.replace("  a = ./modules/x/a.nix;\n", "")
        ));
        assert!(!only_publishes(old, &old.replace("c.nix", "d.nix")));
        assert!(!only_publishes(old, &more.replace("c.nix", "d.nix")));
        assert!(!only_publishes(
            old,
            &old.replace("x/a.nix", "x/a.nix // x")
        ));
        assert!(!only_publishes(old, "{ }"));
    }

    #[test]
    fn platforms() {
        let host = |text: &str| {
            let files = [("hosts/a/hardware.nix".to_owned(), text.as_bytes().to_vec())];
            system(&files.into(), &(Kind::Host, "a".to_owned()))
        };
        let found = Some("aarch64-linux".to_owned());
        for text in [
            "{\n  nixpkgs.hostPlatform = \"aarch64-linux\";\n}",
            "{ lib, ... }: {\n  nixpkgs.hostPlatform = lib.mkDefault \"aarch64-linux\";\n}",
            "{ nixpkgs = { hostPlatform = \"aarch64-linux\"; }; }",
            "{\n  x = ''\n    nixpkgs.hostPlatform = \"x\";\n  '';\n  nixpkgs.hostPlatform =\n    \"aarch64-linux\";\n}",
        ] {
            assert_eq!(host(text), found, "{text}");
        }
        assert_eq!(host("{ }"), None);
    }

    #[test]
    fn quick_and_thorough_agree() {
        for (path, bytes) in files() {
            let text = String::from_utf8(bytes).unwrap();
            if let Some(quick) = quick_paths(&path, &text) {
                let thorough = nix::relative_paths(&text).unwrap_or_default();
                let thorough: Vec<String> = thorough.into_iter().map(|it| it.path).collect();
                if path.ends_with(".nix") {
                    assert_eq!(quick, thorough, "{path}");
                }
            }
        }
    }
}
