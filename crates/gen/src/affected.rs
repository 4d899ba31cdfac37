//! Which machines a change of the output touches, told from the files alone: a machine is touched
//! when a file that its configuration reaches differs, or an input that it uses.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use memchr::memmem;
use nix::Item;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use crate::modules::{folder, joined};
use crate::trees::{Files, Trees};

/// What a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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
pub(crate) type Machine<'t> = (Kind, &'t str);

/// The machine whose file a path is.
pub(crate) fn machine(path: &str) -> Option<Machine<'_>> {
    let (folder, rest) = path.split_once('/')?;
    let (kind, name) = match folder {
        "hosts" => (Kind::Host, rest.strip_suffix("/default.nix")?),
        "microvms" => (Kind::MicroVm, rest.strip_suffix(".nix")?),
        "images" => (Kind::Image, rest.strip_suffix(".nix")?),
        "installers" => (Kind::Installer, rest.strip_suffix(".nix")?),
        _ => return None,
    };
    (!name.contains('/')).then_some((kind, name))
}

/// The file of a machine.
pub(crate) fn file_of((kind, name): Machine<'_>) -> String {
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
pub(crate) fn affected_with(trees: &Trees, graph: &Graph<'_>) -> Vec<Affected> {
    let mut because: FxHashMap<Machine<'_>, Vec<Cow<'_, str>>> = FxHashMap::default();
    let mut how: FxHashMap<Machine<'_>, How> = FxHashMap::default();
    for change in &trees.changes {
        if let Some(machine) = machine(&change.path) {
            let reasons = because.entry(machine);
            if !change.is_there {
                how.insert(machine, How::Removed);
                reasons.or_default().push(Cow::from(&change.path));
            } else if change.old.is_none() {
                how.insert(machine, How::New);
                reasons.or_default();
            }
        }
        for machine in graph.reaching(&change.path) {
            let reasons = because.entry(machine).or_default();
            reasons.push(Cow::from(&change.path));
        }
    }
    for (machine, reasons) in flake(trees, graph) {
        let Some((file, _)) = trees.new.get_key_value(&file_of(machine)) else {
            continue;
        };
        // Who builds on that machine is touched along with it.
        for machine in graph.reaching_directly(file) {
            let reasons = reasons.iter().map(|reason| Cow::Owned(reason.clone()));
            because.entry(machine).or_default().extend(reasons);
        }
    }
    let mut because: Vec<_> = because.into_iter().collect();
    because.sort_unstable_by_key(|(machine, _)| *machine);
    because
        .into_par_iter()
        .map(|(machine, because)| {
            let because: BTreeSet<Cow<'_, str>> = because.into_iter().collect();
            Affected {
                how: how.get(&machine).copied().unwrap_or(How::Changed),
                system: system(&trees.new, machine),
                kind: machine.0,
                name: machine.1.to_owned(),
                because: because.into_iter().map(Cow::into_owned).collect(),
            }
        })
        .collect()
}

/// The platform of a machine: what its own files say.
fn system(files: &Files, machine: Machine<'_>) -> Option<String> {
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
pub(crate) struct Graph<'t> {
    /// A file, and the files that refer to it.
    above: FxHashMap<&'t str, Vec<&'t str>>,
    /// Files that take the whole flake.
    whole: Vec<&'t str>,
    /// Files that take inputs of the flake.
    inputs: Vec<(&'t str, Taken)>,
    /// A file of the new output, and the files there that it names by relative paths.
    files: FxHashMap<&'t str, Vec<&'t str>>,
}

/// Folders of generated files, of which `default.nix` names the rest.
const IMPORTED: [&str; 6] = ["home", "hosts/", "modules", "overlays", "pkgs/", "users/"];

/// What a file reaches by its references.
struct Reached<'t> {
    /// Whatever touches it.
    targets: Vec<&'t str>,
    /// The files that it names by relative paths.
    files: Vec<&'t str>,
}

impl<'t> Graph<'t> {
    pub(crate) fn new(trees: &'t Trees) -> Self {
        let gone: BTreeSet<&str> = trees
            .changes
            .iter()
            .filter(|change| !change.is_there)
            .map(|change| change.path.as_str())
            .collect();
        let there = |path: &str| -> Option<&'t str> {
            let here = trees.new.get_key_value(path);
            here.map(|(path, _)| path.as_str())
                .or_else(|| gone.get(path).copied())
        };
        let beginning = |prefix: &str| -> Vec<&'t str> {
            let here = trees
                .new
                .range(prefix.to_owned()..)
                .map(|(path, _)| path.as_str())
                .take_while(|path| path.starts_with(prefix));
            let lost = gone.iter().copied().filter(|path| path.starts_with(prefix));
            here.chain(lost).collect()
        };
        let below = |folder: &str| -> Vec<&'t str> {
            if folder.is_empty() {
                beginning("")
            } else {
                beginning(&format!("{folder}/"))
            }
        };
        let machines: Vec<&str> = trees
            .new
            .keys()
            .map(String::as_str)
            .chain(gone.iter().copied())
            .filter(|path| machine(path).is_some())
            .collect();
        let reached = |path: &str, references: &References| -> Reached<'t> {
            let (mut targets, mut files) = (Vec::new(), Vec::new());
            for reference in &references.paths {
                let Some(target) = joined(folder(path), reference) else {
                    continue;
                };
                if let Some(target) = there(&target) {
                    files.push(target);
                    targets.push(target);
                    continue;
                }
                let default = there(&format!("{target}/default.nix"));
                files.extend(default);
                // What is not generated may be read as well as imported.
                let is_imported = |_: &&str| {
                    let is_generated = IMPORTED.iter().any(|it| target.starts_with(it));
                    is_generated && !path.starts_with("custom/") && target != folder(path)
                };
                match default.filter(is_imported) {
                    Some(default) => targets.push(default),
                    // A folder as it is.
                    None => targets.extend(below(&target)),
                }
            }
            for reference in &references.computed {
                if let Some(target) = joined(folder(path), reference) {
                    let end = if reference.ends_with('/') { "/" } else { "" };
                    targets.extend(beginning(format!("{target}{end}").trim_start_matches('/')));
                }
            }
            for name in &references.machines {
                let kinds = [Kind::Host, Kind::MicroVm, Kind::Image];
                let files = kinds.map(|kind| file_of((kind, name)));
                targets.extend(files.iter().filter_map(|target| there(target)));
            }
            if references.every_machine {
                targets.extend(&machines);
            }
            // The module of installers names the host by an option, which each installer sets.
            if let Some((Kind::Installer, host)) = machine(path) {
                targets.extend(there(&file_of((Kind::Host, host))));
            }
            files.retain(|file| !gone.contains(file));
            Reached { targets, files }
        };
        let all: Vec<(&str, References, Reached<'_>)> = trees
            .new
            .par_iter()
            .filter(|(path, _)| path.ends_with(".nix") && *path != "flake.nix")
            .filter_map(|(path, bytes)| {
                let text = std::str::from_utf8(bytes).ok()?;
                let references = references(path, text);
                let reached = reached(path, &references);
                Some((path.as_str(), references, reached))
            })
            .collect();
        let mut above: FxHashMap<&str, Vec<&str>> = FxHashMap::default();
        let (mut whole, mut inputs) = (Vec::new(), Vec::new());
        let mut files: FxHashMap<&str, Vec<&str>> = FxHashMap::default();
        for (path, references, reached) in all {
            for target in reached.targets {
                above.entry(target).or_default().push(path);
            }
            if references.whole {
                whole.push(path);
            }
            if let Some(taken) = references.inputs {
                inputs.push((path, taken));
            }
            if !reached.files.is_empty() {
                files.insert(path, reached.files);
            }
        }
        whole.extend(handed_over(trees).iter().filter_map(|path| there(path)));
        for (target, machine) in shared(trees) {
            let Some(machine) = there(&machine) else {
                continue;
            };
            let is_imported = IMPORTED.iter().any(|it| target.starts_with(it));
            let default = || there(&format!("{target}/default.nix")).filter(|_| is_imported);
            if let Some(target) = there(&target).or_else(default) {
                above.entry(target).or_default().push(machine);
            } else if !["hosts", "images", "installers", "microvms"].contains(&target.as_str()) {
                for path in below(&target) {
                    above.entry(path).or_default().push(machine);
                }
            }
        }
        Self {
            above,
            whole,
            inputs,
            files,
        }
    }

    /// The files that a file of the new output names by relative paths, or the `default.nix` of folders.
    pub(crate) fn files(&self, path: &str) -> &[&'t str] {
        self.files.get(path).map_or(&[], Vec::as_slice)
    }

    /// The machines that reach a file which takes an input.
    fn taking<'a>(&'a self, input: &str) -> BTreeSet<Machine<'a>> {
        let takes = |taken: &Taken| match taken {
            Taken::All => true,
            Taken::Named(names) => names.contains(input),
        };
        let files = self.inputs.iter().filter(|(_, taken)| takes(taken));
        self.up(files.map(|(path, _)| *path).collect())
    }

    /// The machines that reach a file.
    fn reaching<'a>(&'a self, path: &'a str) -> BTreeSet<Machine<'a>> {
        let whole = self.whole.iter().copied();
        self.up(whole.chain([path]).collect())
    }

    /// The machines that reach a file otherwise than with the whole flake.
    pub(crate) fn reaching_directly<'a>(&'a self, path: &'a str) -> BTreeSet<Machine<'a>> {
        self.up(vec![path])
    }

    fn up<'a>(&'a self, mut open: Vec<&'a str>) -> BTreeSet<Machine<'a>> {
        let mut seen: FxHashSet<&str> = FxHashSet::default();
        let mut machines = Vec::new();
        while let Some(path) = open.pop() {
            if !seen.insert(path) {
                continue;
            }
            machines.extend(machine(path));
            if let Some(above) = self.above.get(path) {
                open.extend(above);
            }
        }
        machines.into_iter().collect()
    }
}

/// Files that machines reach through what they share in `flake.nix`, such as the overlay: path, and
/// the machine's file.
fn shared(trees: &Trees) -> Vec<(String, String)> {
    let text = trees.new.get("flake.nix");
    let text = text.and_then(|bytes| std::str::from_utf8(bytes).ok());
    // To read the flake of a large fleet costs more than all else.
    let is_needed = |text: &&str| text.contains("import ./") || !is_generated(text);
    let Some(text) = text.filter(is_needed) else {
        return Vec::new();
    };
    let flake = Flake::read(text);
    let own = flake.machines.values().filter(|_| !is_generated(text));
    let paths: BTreeMap<&str, Vec<String>> = flake
        .bindings
        .values()
        .chain(own)
        .chain(&flake.whole)
        .map(|code| {
            let found = nix::relative_paths(code).unwrap_or_default();
            let found = found.into_iter();
            let paths = found.filter_map(|it| joined("", &it.path)).collect();
            (code.as_str(), paths)
        })
        .collect();
    let mut found = Vec::new();
    for machine in trees.new.keys().filter_map(|path| machine(path)) {
        for code in flake.machine(&flake_name(machine)) {
            for path in paths.get(code).into_iter().flatten() {
                found.push((path.clone(), file_of(machine)));
            }
        }
    }
    found
}

/// What a machine is called in `flake.nix`.
fn flake_name((kind, name): Machine<'_>) -> String {
    match kind {
        Kind::Installer => format!("live-iso-{name}"),
        _ => name.to_owned(),
    }
}

/// Machines to which a `flake.nix` that is not generated hands the flake or its inputs otherwise than
/// by their names: any module may use them then.
fn handed_over(trees: &Trees) -> Vec<String> {
    let text = trees.new.get("flake.nix");
    let text = text.and_then(|bytes| std::str::from_utf8(bytes).ok());
    let Some(text) = text.filter(|text| !is_generated(text)) else {
        return Vec::new();
    };
    let flake = Flake::read(text);
    let hands = |code: &&str| {
        let of_self = uses(code, "self").any(|used| match used.rest.as_slice() {
            [] => !used.is_special_argument(code),
            [set, _, ..] => set != "nixosConfigurations" && set != "inputs",
            [_] => true,
        });
        let of_inputs = uses(code, "inputs").any(|used| match used.rest.as_slice() {
            [] => !used.is_special_argument(code),
            [name, ..] => name == "self",
        });
        of_self || of_inputs
    };
    let machines = trees.new.keys().filter_map(|path| machine(path));
    machines
        .filter(|machine| flake.machine(&flake_name(*machine)).iter().any(hands))
        .map(file_of)
        .collect()
}

/// Whether a text says that it is generated.
pub(crate) fn is_generated(text: &str) -> bool {
    let mut first = text.lines().take(2);
    first.any(|line| line.contains("Code generated by gen"))
}

/// What a file refers to.
#[derive(Debug, Default, PartialEq)]
struct References {
    /// Relative paths.
    paths: Vec<String>,
    /// Relative paths as far as they are written out, where the rest is computed.
    computed: Vec<String>,
    /// Machines of the flake.
    machines: Vec<String>,
    /// Whether it takes the machines of the flake without naming them.
    every_machine: bool,
    /// The inputs of the flake that it takes.
    inputs: Option<Taken>,
    /// Whether it takes the flake as a whole, such as an installer that carries it.
    whole: bool,
}

/// Inputs that a file takes.
#[derive(Debug, PartialEq)]
enum Taken {
    Named(BTreeSet<String>),
    All,
}

fn references(path: &str, text: &str) -> References {
    let (paths, computed) = relative_paths(path, text);
    let mut found = References {
        paths,
        computed,
        ..References::default()
    };
    if text.contains("self") && is_bound(text, "self") {
        for used in uses(text, "self") {
            match used.rest.as_slice() {
                [] if used.is_special_argument(text) => {}
                [set, name, ..] if set == "nixosConfigurations" => {
                    found.machines.push(name.clone());
                }
                [set] if set == "nixosConfigurations" => found.every_machine = true,
                // What it takes of the inputs is told below.
                [set, ..] if set == "inputs" => {}
                _ => found.whole = true,
            }
        }
    }
    if text.contains("inputs") && is_bound(text, "inputs") {
        let mut names = BTreeSet::new();
        let mut takes_all = false;
        for used in uses(text, "inputs") {
            match used.rest.as_slice() {
                [] if used.is_special_argument(text) => {}
                // Told above.
                [name, ..] if name == "self" => {}
                [name, ..] => {
                    names.insert(name.clone());
                }
                [] => takes_all = true,
            }
        }
        // The flake itself is one of them.
        found.whole |= takes_all;
        if takes_all {
            found.inputs = Some(Taken::All);
        } else if !names.is_empty() {
            found.inputs = Some(Taken::Named(names));
        }
    }
    found
}

/// A place where a name stands by itself, with the attributes that are taken of it.
#[derive(Debug)]
struct Use {
    /// Byte offset.
    at: usize,
    /// `[ "a" "b" ]` of `name.a.b`, as far as it is written out.
    rest: Vec<String>,
}

impl Use {
    /// Whether it is passed on to modules as what it is: they name it where they use it.
    fn is_special_argument(&self, text: &str) -> bool {
        let Some((before, names)) = text[..self.at].rsplit_once("inherit") else {
            return false;
        };
        let is_name = |c: char| c.is_alphanumeric() || c.is_whitespace() || "-_'".contains(c);
        let before = before.trim_end().strip_suffix('{').map(str::trim_end);
        let before = before.and_then(|before| before.strip_suffix('='));
        names.chars().all(is_name)
            && before.is_some_and(|before| before.trim_end().ends_with("pecialArgs"))
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "-_'".contains(c)
}

/// Where a name stands by itself, outside lines that are comments.
fn words<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(name)
        .map(|(at, _)| at)
        .filter(move |at| {
            let (before, after) = (&text[..*at], &text[at + name.len()..]);
            let line = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
            let is_comment = line.trim_start().starts_with('#') && !line.contains("${");
            !is_comment
                && !before.chars().next_back().is_some_and(is_word)
                && !after.chars().next().is_some_and(is_word)
        })
}

/// Whether a name stands where arguments are named, so that it does not mean anything else there.
fn is_argument(text: &str, at: usize, name: &str) -> bool {
    let before = text[..at].trim_end();
    let after = text[at + name.len()..].trim_start();
    let opens = before.ends_with(',') || before.ends_with('{') && !before.ends_with("${");
    // Nix has commas nowhere else.
    after.starts_with(',')
        || opens && after.starts_with('}')
        || opens && after.starts_with('?')
        || before.ends_with('@') && after.starts_with(':')
        || after.starts_with('@')
}

/// Whether a name can be the flake's in a file: it is an argument, or taken from a set of arguments.
/// What else it may be, such as the first argument of an overlay, was handed over by a file that
/// names it.
fn is_bound(text: &str, name: &str) -> bool {
    let is_taken = |at: usize| {
        let before = text[..at].trim_end();
        let inherits = before.rsplit_once("inherit").is_some_and(|(_, from)| {
            from.contains(')') && from.chars().all(|c| is_word(c) || " \n\t().".contains(c))
        });
        inherits || before.ends_with(['.', '"', '@'])
    };
    let mut words = words(text, name);
    words.any(|at| is_argument(text, at, name) || is_taken(at)) || opens_a_set(text)
}

/// Whether names of an unknown set may stand by themselves, as in `with args;`.
fn opens_a_set(text: &str) -> bool {
    const KNOWN: [&str; 6] = ["builtins", "cfg", "config", "lib", "pkgs", "types"];
    text.split("with ").skip(1).any(|rest| {
        let end = rest.find(|c| !(is_word(c) || c == '.'));
        let set = &rest[..end.unwrap_or(rest.len())];
        let first = set.split('.').next().unwrap_or_default();
        !set.is_empty() && rest[set.len()..].starts_with(';') && !KNOWN.contains(&first)
    })
}

fn uses<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = Use> + 'a {
    words(text, name)
        .filter(move |at| !is_argument(text, *at, name))
        .map(move |at| Use {
            at,
            rest: taken(&text[at + name.len()..]),
        })
}

/// The attributes that are taken of what stands before.
fn taken(mut rest: &str) -> Vec<String> {
    let mut names = Vec::new();
    while let Some(next) = rest.trim_start().strip_prefix('.') {
        let next = next.trim_start();
        let (name, after) = if let Some(quoted) = next.strip_prefix('"') {
            let Some(parts) = quoted.split_once('"') else {
                break;
            };
            parts
        } else {
            next.split_at(next.find(|c| !is_word(c)).unwrap_or(next.len()))
        };
        if name.is_empty() || name.contains("${") {
            break;
        }
        names.push(name.to_owned());
        rest = after;
    }
    names
}

/// The files that a file refers to by relative paths, as written.
pub(crate) fn named_files(path: &str, text: &str) -> Vec<String> {
    quick_paths(path, text).unwrap_or_else(|| {
        let all = nix::relative_paths(text).unwrap_or_default();
        all.into_iter().map(|found| found.path).collect()
    })
}

/// The same, apart from those of which a part is computed: with where what is written out ends.
fn relative_paths(path: &str, text: &str) -> (Vec<String>, Vec<String>) {
    if let Some(paths) = quick_paths(path, text) {
        return (paths, Vec::new());
    }
    let all = nix::relative_paths(text).unwrap_or_default();
    let (computed, paths): (Vec<_>, Vec<_>) = all.into_iter().partition(|it| it.dynamic);
    let names = |all: Vec<nix::RelativePath>| all.into_iter().map(|it| it.path).collect();
    (names(paths), names(computed))
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
fn flake<'t>(trees: &'t Trees, graph: &Graph<'_>) -> BTreeMap<Machine<'t>, BTreeSet<String>> {
    let mut found: BTreeMap<Machine<'t>, BTreeSet<String>> = BTreeMap::new();
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
    let inputs: Vec<(&str, BTreeSet<Machine<'_>>)> = names
        .into_iter()
        .filter(|name| {
            old.inputs.get(*name) != new.inputs.get(*name)
                || old_locked.get(*name) != new_locked.get(*name)
        })
        .map(|name| (name.as_str(), graph.taking(name)))
        .collect();
    let files = trees.new.keys().filter_map(|path| machine(path));
    for machine in files {
        let key = flake_name(machine);
        let mut because = BTreeSet::new();
        let (before, after) = (old.machine(&key), new.machine(&key));
        if before != after {
            because.insert("flake.nix".to_owned());
        }
        for (input, taking) in &inputs {
            // Without either of them, what modules name so is something else.
            let gets = |name| after.iter().any(|text| words(text, name).next().is_some());
            let takes = || taking.contains(&machine) && (gets("inputs") || gets("self"));
            if after.iter().any(|text| mentions(text, input)) || takes() {
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
    /// All of it where it is not generated: what it says of machines that it does not name.
    whole: Option<String>,
}

impl Flake {
    fn read(text: &str) -> Self {
        let mut flake = Self {
            whole: (!is_generated(text)).then(|| text.to_owned()),
            ..Self::default()
        };
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
            return self.whole.iter().map(String::as_str).collect();
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

/// Whether a name stands in a code by itself, or as one of the inputs.
fn mentions(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let is_other = |c: char| is_word(c) || c == '.' || c == '/';
        let of_inputs = ["inputs.", "inputs.\""]
            .iter()
            .any(|it| before.ends_with(it));
        (of_inputs || !before.chars().next_back().is_some_and(is_other))
            && !after.chars().next().is_some_and(is_word)
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
                "{ self, ... }: { v = self.nixosConfigurations.vm; s = ../../secrets/s.age; }"
                    .to_owned(),
            ),
            ("microvms/vm.nix", "{ }".to_owned()),
            (
                "installers/b.nix",
                "{ self, ... }: { f = toString self; }".to_owned(),
            ),
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

    /// Hosts that a change touches, when host `a` also has a module and the flake passes things on.
    fn touched_with(module: &str, change: impl Fn(&mut Files)) -> Vec<String> {
        let flake = FLAKE
            .replace("inputs = {", "inputs = { x.url = \"x\"; y.url = \"y\";")
            .replace(
                "nixosSystem {",
                "nixosSystem { specialArgs = { inherit inputs self; };",
            );
        let mut old = files();
        old.retain(|path, _| !path.starts_with("installers/"));
        set(&mut old, "flake.nix", &flake);
        set(&mut old, "custom/n.nix", module);
        set(&mut old, "custom/x.txt", "1");
        let host = String::from_utf8(old["hosts/a/default.nix"].clone()).unwrap();
        let host = host.replace("imports = [", "imports = [\n    ../../custom/n.nix");
        set(&mut old, "hosts/a/default.nix", &host);
        set(&mut old, "flake.lock", &lock("1", "1"));
        let mut new = old.clone();
        change(&mut new);
        let found = affected(&Trees::between(old, new));
        found.into_iter().map(|it| it.name).collect()
    }

    #[test]
    fn inputs_and_the_flake_that_modules_take() {
        let lock_x = |files: &mut Files| {
            let text = lock("1", "1").replace(
                "\"disko\": \"disko\" }",
                "\"disko\": \"disko\", \"x\": \"x\" }",
            );
            let text = text.replace(
                "\"lib\": {",
                "\"x\": { \"locked\": { \"rev\": \"2\" } }, \"lib\": {",
            );
            assert!(text.contains("\"rev\": \"2\""));
            set(files, "flake.lock", &text);
        };
        for module in [
            "{ inputs, pkgs, ... }: { a = inputs.x.packages; }",
            "{ inputs, ... }: { a = inputs.\"x\".packages; }",
            "{ self, ... }: { a = self.inputs.x.packages; }",
            "args: { a = args.inputs.x; }",
            "{ ... }@args: with args; { a = inputs.x; }",
            "{ inputs\n, pkgs\n}: { a = inputs\n  .x; }",
            "{ inputs, ... }: { a = \"${inputs.x}/a\"; }",
            "{ inputs, ... }: { a = with inputs; x.y; }",
            "{ inputs, ... }: { a = map f (builtins.attrValues inputs); }",
            "{ inputs, name, ... }: { a = inputs.${name}; }",
            "{ inputs, ... }: let inherit (inputs) x; in { a = x; }",
            "{ specialArgs, ... }: let inherit (specialArgs) pkgs inputs; in { a = inputs.x; }",
            "{ inputs, ... }: import ./../custom/y.nix { inherit inputs; }",
        ] {
            assert_eq!(touched_with(module, lock_x), ["a"], "{module}");
        }
        for module in [
            "{ inputs, pkgs, ... }: { a = inputs.y.packages; }",
            "{ inputs, ... }: { x = { home.extraSpecialArgs = { inherit inputs; }; }; }",
            "{ ... }: { description = \"many inputs\"; }",
            "# Which inputs there are.\n{ inputs, ... }: { a = inputs.y.packages; }",
        ] {
            assert_eq!(touched_with(module, lock_x), [""; 0], "{module}");
        }
        let text = |files: &mut Files| set(files, "custom/x.txt", "2");
        for module in [
            "{ self, ... }: { a = \"${self}/custom/x.txt\"; }",
            "{ inputs, ... }: { a = \"${inputs.self}/custom/x.txt\"; }",
            "{ inputs, ... }: { a = inputs.self + \"/custom/x.txt\"; }",
            "{ self, ... }: { a = builtins.readFile \"${ self }/custom/x.txt\"; }",
            "{ self, ... }: { a = f self; }",
            "{ self, ... }: { a = self.lib.x; }",
            "{ inputs, ... }: { a = f inputs; }",
        ] {
            assert_eq!(touched_with(module, text), ["a"], "{module}");
        }
        for module in [
            "{ self, ... }: { a = self.nixosConfigurations.b; }",
            "{ inputs, self, ... }: { a = inputs.y; }",
            "self: super: { a = self.b super.c; }",
            "{ lib, ... }: with lib; { a = \"a long self test, and inputs\"; }",
        ] {
            assert_eq!(touched_with(module, text), [""; 0], "{module}");
        }
        let host_b = |files: &mut Files| set(files, "hosts/b/hardware.nix", "{ z = 1; }");
        let host_c = |files: &mut Files| set(files, "hosts/c/default.nix", "{ z = 1; }");
        for module in [
            "{ self, ... }: { a = lib.mapAttrs f self.nixosConfigurations; }",
            "{ inputs, ... }: { a = lib.mapAttrs f inputs.self.nixosConfigurations; }",
            "{ self, name, ... }: { a = self.nixosConfigurations.${name}; }",
            "{ self, ... }: let inherit (self) nixosConfigurations; in { a = nixosConfigurations; }",
        ] {
            assert_eq!(touched_with(module, host_b), ["a", "b"], "{module}");
            assert_eq!(touched_with(module, host_c), ["a", "c"], "{module}");
        }
        let module = "{ inputs, ... }: { a = inputs.self.nixosConfigurations.b; }";
        assert_eq!(touched_with(module, host_b), ["a", "b"]);
        assert_eq!(touched_with(module, host_c), ["c"]);
    }

    #[test]
    fn a_flake_of_ones_own() {
        let edit = |flake: &str, path: &str, text: &str| {
            let mut old = files();
            old.retain(|path, _| !path.starts_with("installers/"));
            set(&mut old, "flake.nix", flake);
            set(&mut old, "custom/x.nix", "{ }");
            let mut new = old.clone();
            set(&mut new, path, text);
            let found = affected(&Trees::between(old, new));
            found.into_iter().map(|it| it.name).collect::<Vec<_>>()
        };
        let all = ["a", "b", "c", "vm"];
        let of_b = |args: &str| FLAKE.replace("./hosts/b ];", &format!("./hosts/b ]; {args}"));
        let (lock, lock_of_disko) = (lock("2", "1"), lock("1", "2"));
        let own = of_b("specialArgs.flake = self;");
        assert_eq!(edit(&own, "custom/x.nix", "1"), ["b"]);
        let own = of_b("specialArgs = inputs;");
        assert_eq!(edit(&own, "flake.lock", &lock_of_disko), ["a", "b", "c"]);
        let own = FLAKE.replace("./hosts/b ]", "./hosts/b ./custom/x.nix ]");
        assert_eq!(edit(&own, "custom/x.nix", "1"), ["b"]);
        let own = FLAKE.replace("disko.nixosModules", "inputs.disko.nixosModules");
        assert_eq!(edit(&own, "flake.lock", &lock_of_disko), ["a", "c"]);
        let own = "{ inputs.nixpkgs.url = \"n\"; outputs = { self, nixpkgs }: { nixosConfigurations = \
                   nixpkgs.lib.genAttrs [ \"a\" \"b\" \"c\" \"vm\" ] (name: nixpkgs.lib.nixosSystem { \
                   modules = [ ./hosts/${name} ]; }); }; }";
        assert_eq!(edit(own, "flake.lock", &lock), all);
        assert_eq!(edit(own, "hosts/a/hardware.nix", "1"), ["a"]);
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
            system(&files.into(), (Kind::Host, "a"))
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
