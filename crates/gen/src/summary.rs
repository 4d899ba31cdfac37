//! What differs between two outputs, in the words of the spec: features, options, ports, users,
//! secrets, packages, machines, inputs. Told from the files alone.

use std::collections::{BTreeMap, BTreeSet};

use nix::DefValue;
use serde::Serialize;

use crate::affected::{Affected, Graph, How, Kind, Machine, affected_with, machine};
use crate::modules::{below, folder, read};
use crate::text::one_line;
use crate::trees::{Change, Files, Trees};

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Subject {
    Template,
    Profile,
    User,
    Feature,
    Port,
    Secret,
    Package,
    MicroVm,
    Module,
    Disk,
    Input,
    Option,
    File,
}

impl Subject {
    /// The word before the name; options have none.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Template => "template ",
            Self::Profile => "profile ",
            Self::User => "user ",
            Self::Feature => "feature ",
            Self::Port => "port ",
            Self::Secret => "secret ",
            Self::Package => "package ",
            Self::MicroVm => "MicroVM ",
            Self::Module => "hand-written module ",
            Self::Disk => "disk layout ",
            Self::Input => "input ",
            Self::Option => "",
            Self::File => "text of ",
        }
    }
}

/// One change: `before` alone is a removal, `after` alone an addition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Line {
    pub(crate) subject: Subject,
    pub(crate) name: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    /// What comes along with it.
    pub(crate) note: Option<String>,
}

impl Line {
    fn new(subject: Subject, name: impl Into<String>) -> Self {
        Self {
            subject,
            name: name.into(),
            before: None,
            after: None,
            note: None,
        }
    }

    fn added(subject: Subject, name: impl Into<String>, added: bool) -> Self {
        let some = Some(String::new());
        Self {
            before: if added { None } else { some.clone() },
            after: if added { some } else { None },
            ..Self::new(subject, name)
        }
    }

    /// `+`, `-` or `~`.
    pub(crate) fn sign(&self) -> char {
        match (&self.before, &self.after) {
            (None, Some(_)) => '+',
            (Some(_), None) => '-',
            _ => '~',
        }
    }
}

/// Changes that go together, and the machines that have them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Group {
    /// `template workstation`; nothing for what machines have of their own.
    pub(crate) of: Option<String>,
    pub(crate) machines: Vec<String>,
    pub(crate) changes: Vec<Line>,
}

/// Everything that differs.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Summary {
    pub(crate) groups: Vec<Group>,
    pub(crate) added: Vec<String>,
    pub(crate) removed: Vec<String>,
    pub(crate) unchanged: Vec<String>,
    /// Generated files besides the machines' that differ, such as the README.
    pub(crate) others: Vec<String>,
}

impl Summary {
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
            && self.added.is_empty()
            && self.removed.is_empty()
            && self.others.is_empty()
    }
}

/// Tells a zone by host and interface.
pub(crate) type Zones<'a> = dyn FnMut(&str, &str) -> Option<String> + 'a;

/// Sums up what differs.
pub(crate) fn summary(trees: &Trees, namespace: &str, zones: &mut Zones<'_>) -> Summary {
    let mut summary = Summary::default();
    if trees.changes.is_empty() {
        summary.unchanged = machines(&trees.new);
        return summary;
    }
    let graph = Graph::new(trees);
    // An installer carries the whole flake, so it says nothing here.
    let touched: Vec<Affected> = affected_with(trees, &graph)
        .into_iter()
        .filter(|it| it.kind != Kind::Installer)
        .collect();
    let mut fresh: BTreeSet<&str> = BTreeSet::new();
    for it in &touched {
        let name = named(&(it.kind, it.name.clone()));
        match it.how {
            How::New => summary.added.push(name),
            How::Removed => summary.removed.push(name),
            How::Changed => continue,
        }
        fresh.insert(&it.name);
    }
    let mut own: BTreeMap<Line, BTreeSet<String>> = BTreeMap::new();
    for change in &trees.changes {
        let scope = scope(&change.path);
        match scope {
            Scope::Machine(name) => {
                // Everything of a new machine is new.
                if fresh.contains(name) {
                    continue;
                }
                // That a user comes or goes is told by the machine.
                let is_user = change.path.starts_with("users/");
                let is_whole = is_user && (change.old.is_none() || !change.is_there);
                for line in lines(trees, change, namespace, name, zones) {
                    if is_whole && line.subject == Subject::Option {
                        continue;
                    }
                    own.entry(line).or_default().insert(name.to_owned());
                }
            }
            Scope::Shared(of) => {
                let changes = lines(trees, change, namespace, "", zones);
                let reached: Vec<String> = graph
                    .reaching_directly(&change.path)
                    .into_iter()
                    .filter(|(kind, name)| {
                        *kind != Kind::Installer && !fresh.contains(name.as_str())
                    })
                    .map(|(_, name)| name)
                    .collect();
                // That a file comes or goes is told by what uses it.
                if changes.is_empty() || change.old.is_none() || !change.is_there {
                    continue;
                }
                match summary.groups.iter_mut().find(|it| it.changes == changes) {
                    // Such as two templates that extend a third.
                    Some(group) => {
                        let known = group.of.get_or_insert_default();
                        *known = format!("{known}, {of}");
                        let all = group.machines.drain(..).chain(reached);
                        group.machines = all.collect::<BTreeSet<_>>().into_iter().collect();
                    }
                    None => summary.groups.push(Group {
                        of: Some(of),
                        machines: reached,
                        changes,
                    }),
                }
            }
            Scope::Flake => {
                let changes = inputs(trees, change);
                if !changes.is_empty() {
                    summary.groups.push(Group {
                        of: Some("flake".to_owned()),
                        machines: Vec::new(),
                        changes,
                    });
                }
            }
            Scope::Other => summary.others.push(change.path.clone()),
        }
    }
    let mut by_machines: BTreeMap<Vec<String>, Vec<Line>> = BTreeMap::new();
    for (line, machines) in own {
        let machines: Vec<String> = machines.into_iter().collect();
        by_machines.entry(machines).or_default().push(line);
    }
    let groups = by_machines.into_iter().map(|(machines, changes)| Group {
        of: None,
        machines,
        changes,
    });
    summary.groups.extend(groups);
    let changed: BTreeSet<&str> = touched.iter().map(|it| it.name.as_str()).collect();
    summary.unchanged = machines(&trees.new)
        .into_iter()
        .filter(|name| !changed.contains(name.as_str()))
        .collect();
    summary
}

/// Hosts, MicroVMs and images of an output.
fn machines(files: &Files) -> Vec<String> {
    let mut names: Vec<String> = files
        .keys()
        .filter_map(|path| machine(path))
        .filter(|(kind, _)| *kind != Kind::Installer)
        .map(|(_, name)| name)
        .collect();
    names.sort();
    names
}

fn named((kind, name): &Machine) -> String {
    let kind = match kind {
        Kind::MicroVm => "MicroVM",
        kind => kind.word(),
    };
    format!("{kind} {name}")
}

/// Whom a file concerns.
enum Scope<'a> {
    Machine(&'a str),
    /// All that reach it, in words: `template workstation`.
    Shared(String),
    Flake,
    Other,
}

fn scope(path: &str) -> Scope<'_> {
    let parts: Vec<&str> = path.trim_end_matches(".nix").split('/').collect();
    match parts.as_slice() {
        ["flake" | "flake.lock"] => Scope::Flake,
        ["users", user, "default"] => Scope::Shared(format!("user {user}")),
        ["hosts", name, ..] | ["microvms" | "images", name] | ["users", _, name] => {
            Scope::Machine(name)
        }
        ["templates", name] => Scope::Shared(format!("template {name}")),
        ["home", "profiles", name] => Scope::Shared(format!("profile {name}")),
        ["disks", name] => Scope::Shared(format!("disk layout {name}")),
        ["modules", "fleet"] => Scope::Shared("fleet".to_owned()),
        ["modules" | "home", category, name] => Scope::Shared(format!("feature {category}.{name}")),
        ["custom", ..] => Scope::Shared(format!("hand-written {}", &path["custom/".len()..])),
        ["secrets", file] if !path.ends_with(".nix") => Scope::Shared(format!("secret {file}")),
        _ => Scope::Other,
    }
}

/// A definition as it is compared.
#[derive(Clone, Debug, PartialEq)]
struct Value {
    code: String,
    list: Option<Vec<String>>,
    conditions: Vec<String>,
}

type Key = (Option<String>, Vec<String>);

fn values(text: &str) -> BTreeMap<Key, Vec<Value>> {
    let mut found: BTreeMap<Key, Vec<Value>> = BTreeMap::new();
    for setting in read(text).settings {
        let code = &text[setting.value_start..setting.end];
        let list = match &setting.value {
            DefValue::List(items) => Some(items.iter().map(element).collect()),
            _ => None,
        };
        let key = (setting.user, setting.path.parts().to_vec());
        found.entry(key).or_default().push(Value {
            code: code.to_owned(),
            list,
            conditions: setting.conditions,
        });
    }
    found
}

fn element(value: &DefValue) -> String {
    match value {
        DefValue::Bool(value) => value.to_string(),
        DefValue::Int(value) => value.to_string(),
        DefValue::Float(value) => value.to_string(),
        DefValue::Str(value) => nix::string(value),
        DefValue::Null => "null".to_owned(),
        DefValue::List(items) => {
            let items: Vec<String> = items.iter().map(element).collect();
            format!("[ {} ]", items.join(" "))
        }
        DefValue::Attrs => "{ }".to_owned(),
        DefValue::Expr(code) => one_line(code),
    }
}

fn imports(
    path: &str,
    text: &str,
    files: &dyn Fn(&str) -> bool,
) -> BTreeSet<(Option<String>, String)> {
    read(text)
        .imports
        .into_iter()
        .filter_map(|(user, import)| Some((user, below(folder(path), &import, files)?)))
        .collect()
}

/// What differs in a file, in words.
fn lines(
    trees: &Trees,
    change: &Change,
    namespace: &str,
    host: &str,
    zones: &mut Zones<'_>,
) -> Vec<Line> {
    let text = |bytes: Option<&Vec<u8>>| -> String {
        bytes
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .unwrap_or_default()
    };
    let (before, after) = (text(change.old.as_ref()), text(trees.new.get(&change.path)));
    let whole = || {
        let line = match (change.old.is_some(), change.is_there) {
            (true, true) => Line::new(Subject::File, &change.path),
            (_, added) => Line::added(Subject::File, &change.path, added),
        };
        vec![line]
    };
    if !change.path.ends_with(".nix") {
        return whole();
    }
    let mut found: BTreeSet<Line> = BTreeSet::new();
    let (old, new) = (values(&before), values(&after));
    let keys: BTreeSet<&Key> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let (old, new) = (old.get(key), new.get(key));
        if old != new {
            let context = Context {
                trees,
                namespace,
                host,
            };
            context.option(key, old, new, &mut found, zones);
        }
    }
    // A file that is gone may be named by the old text.
    let exists = |path: &str| {
        trees.new.contains_key(path) || trees.changes.iter().any(|change| change.path == path)
    };
    let (old, new) = (
        imports(&change.path, &before, &exists),
        imports(&change.path, &after, &exists),
    );
    for (it, added) in new
        .difference(&old)
        .map(|it| (it, true))
        .chain(old.difference(&new).map(|it| (it, false)))
    {
        found.extend(import(it, added));
    }
    if found.is_empty() {
        return whole();
    }
    // Of what comes or goes as a whole, the parts are not told.
    let wholes: Vec<(Subject, String)> = found
        .iter()
        .filter(|line| matches!(line.subject, Subject::Secret | Subject::MicroVm))
        .map(|line| (line.subject, line.name.clone()))
        .collect();
    found.retain(|line| {
        line.subject != Subject::Option
            || !wholes.iter().any(|(subject, name)| {
                let parts: Vec<&str> = line.name.split('.').collect();
                let at = match subject {
                    Subject::Secret => ["age", "sops"],
                    _ => ["microvm", "microvm"],
                };
                parts.len() > 2 && at.contains(&parts[0]) && parts[2] == name
            })
    });
    found.into_iter().collect()
}

/// What an import that comes or goes means.
fn import((user, path): &(Option<String>, String), added: bool) -> Option<Line> {
    let parts: Vec<&str> = path.trim_end_matches(".nix").split('/').collect();
    match parts.as_slice() {
        ["templates", name] => Some(Line::added(Subject::Template, *name, added)),
        ["users", user, _] => Some(Line::added(Subject::User, *user, added)),
        ["home", "profiles", name] => {
            let of = user.as_ref().map(|user| format!("{name} of {user}"));
            let name = of.unwrap_or_else(|| (*name).to_owned());
            Some(Line::added(Subject::Profile, name, added))
        }
        ["disks", name] => Some(Line::added(Subject::Disk, *name, added)),
        ["custom", ..] => Some(Line::added(
            Subject::Module,
            &path["custom/".len()..],
            added,
        )),
        _ => None,
    }
}

struct Context<'a> {
    trees: &'a Trees,
    namespace: &'a str,
    host: &'a str,
}

impl Context<'_> {
    fn option(
        &self,
        (user, path): &Key,
        old: Option<&Vec<Value>>,
        new: Option<&Vec<Value>>,
        found: &mut BTreeSet<Line>,
        zones: &mut Zones<'_>,
    ) {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let space: Vec<&str> = self.namespace.split('.').collect();
        let of_user = |name: String| match user {
            Some(user) => format!("{name} of {user}"),
            None => name,
        };
        if let Some([category, name, rest @ ..]) = names.strip_prefix(space.as_slice()) {
            let id = format!("{category}.{name}");
            if let ["enable"] = rest {
                let is_on = |values: Option<&Vec<Value>>| {
                    values.is_some_and(|all| all.iter().any(|it| unwrapped(&it.code) == "true"))
                };
                if is_on(old) == is_on(new) && !(old.is_none() || new.is_none()) {
                    return;
                }
                let added = is_on(new);
                let mut line = Line::added(Subject::Feature, of_user(id.clone()), added);
                if added {
                    let half = if user.is_some() { "home" } else { "modules" };
                    let with = self.required(half, category, name, &mut BTreeSet::new());
                    line.note = (!with.is_empty()).then(|| format!("with {}", with.join(", ")));
                } else if new.is_some() {
                    line.note = Some("switched off".to_owned());
                }
                found.insert(line);
                return;
            }
            let option = format!("{id}.{}", rest.join("."));
            changed(&of_user(option), Subject::Option, old, new, found);
            return;
        }
        match names.as_slice() {
            ["networking", "firewall", "interfaces", interface, list] if is_ports(list) => {
                let zone = zones(self.host, interface);
                let on = zone.unwrap_or_else(|| (*interface).to_owned());
                Self::ports(&on, list, old, new, found);
            }
            ["networking", "firewall", list] if is_ports(list) => {
                Self::ports("every interface", list, old, new, found);
            }
            ["age" | "sops", "secrets", name, ..] if old.is_none() || new.is_none() => {
                let is_main = names.len() == 3 || names.last().is_some_and(|n| n.ends_with("ile"));
                if is_main {
                    found.insert(Line::added(Subject::Secret, *name, new.is_some()));
                } else {
                    changed(&names.join("."), Subject::Option, old, new, found);
                }
            }
            ["microvm", "vms", name, "evaluatedConfig"] => {
                found.insert(Line::added(Subject::MicroVm, *name, new.is_some()));
            }
            [.., "systemPackages" | "packages"] => {
                let elements = |values: Option<&Vec<Value>>| elements(values);
                for (name, added) in difference(&elements(old), &elements(new)) {
                    let name = name.trim_start_matches("pkgs.").to_owned();
                    found.insert(Line::added(Subject::Package, of_user(name), added));
                }
            }
            _ => changed(&of_user(shown(path)), Subject::Option, old, new, found),
        }
    }

    /// What a feature switches on along with it.
    fn required(
        &self,
        half: &str,
        category: &str,
        name: &str,
        seen: &mut BTreeSet<String>,
    ) -> Vec<String> {
        let path = format!("{half}/{category}/{name}.nix");
        let Some(text) = self
            .trees
            .new
            .get(&path)
            .and_then(|b| std::str::from_utf8(b).ok())
        else {
            return Vec::new();
        };
        let space: Vec<&str> = self.namespace.split('.').collect();
        let mut with = Vec::new();
        for ((_, path), values) in values(text) {
            let names: Vec<&str> = path.iter().map(String::as_str).collect();
            let Some([category, name, "enable"]) = names.strip_prefix(space.as_slice()) else {
                continue;
            };
            let is_on = values
                .iter()
                .any(|it| it.conditions.len() <= 1 && unwrapped(&it.code) == "true");
            let id = format!("{category}.{name}");
            if is_on && seen.insert(id.clone()) {
                with.push(id);
                with.extend(self.required(half, category, name, seen));
            }
        }
        with
    }

    fn ports(
        on: &str,
        list: &str,
        old: Option<&Vec<Value>>,
        new: Option<&Vec<Value>>,
        found: &mut BTreeSet<Line>,
    ) {
        let protocol = if list.contains("UDP") { "udp" } else { "tcp" };
        for (port, added) in difference(&elements(old), &elements(new)) {
            let numbers: Vec<&str> = port
                .split(|c: char| !c.is_ascii_digit())
                .filter(|part| !part.is_empty())
                .collect();
            let name = format!("{}/{protocol}", numbers.join("-"));
            let word = if added { "opened on" } else { "closed on" };
            let mut line = Line::added(Subject::Port, name, added);
            line.note = Some(format!("{word} {on}"));
            found.insert(line);
        }
    }
}

fn is_ports(list: &str) -> bool {
    list.starts_with("allowed") && list.contains("Port")
}

fn shown(path: &[String]) -> String {
    let names: Vec<String> = path.iter().map(|name| nix::attr_name(name)).collect();
    names.join(".")
}

fn elements(values: Option<&Vec<Value>>) -> Vec<String> {
    let lists = values
        .into_iter()
        .flatten()
        .filter_map(|it| it.list.clone());
    lists.flatten().collect()
}

/// What one list has and the other has not: what is new first.
fn difference(old: &[String], new: &[String]) -> Vec<(String, bool)> {
    let lacks = |list: &[String], it: &String| !list.contains(it);
    let added = new
        .iter()
        .filter(|it| lacks(old, it))
        .map(|it| (it.clone(), true));
    let removed = old
        .iter()
        .filter(|it| lacks(new, it))
        .map(|it| (it.clone(), false));
    added.chain(removed).collect()
}

fn changed(
    name: &str,
    subject: Subject,
    old: Option<&Vec<Value>>,
    new: Option<&Vec<Value>>,
    found: &mut BTreeSet<Line>,
) {
    let is_list = |values: Option<&Vec<Value>>| {
        values.is_some_and(|all| all.iter().all(|value| value.list.is_some()))
    };
    let mut line = Line::new(subject, name);
    if is_list(old) && is_list(new) {
        let parts = difference(&elements(old), &elements(new));
        let parts: Vec<String> = parts
            .into_iter()
            .map(|(element, added)| format!("{}{element}", if added { "+" } else { "-" }))
            .collect();
        line.note = Some(if parts.is_empty() {
            "in another order".to_owned()
        } else {
            one_line(&parts.join(" "))
        });
        found.insert(line);
        return;
    }
    let code = |values: Option<&Vec<Value>>| {
        values.map(|all| {
            let codes: Vec<String> = all.iter().map(|it| one_line(unwrapped(&it.code))).collect();
            codes.join(", ")
        })
    };
    line.before = code(old);
    line.after = code(new);
    if line.before == line.after {
        line.note = Some("with another priority or condition, or further down".to_owned());
        line.before = None;
        line.after = None;
    }
    found.insert(line);
}

/// A value without the function that gives it a priority.
pub(crate) fn unwrapped(code: &str) -> &str {
    let code = code.trim();
    let Some(rest) = code.strip_prefix("lib.mk") else {
        return code;
    };
    for name in ["Default ", "Force ", "Before ", "After "] {
        if let Some(value) = rest.strip_prefix(name) {
            return value;
        }
    }
    match rest
        .strip_prefix("Override ")
        .and_then(|r| r.split_once(' '))
    {
        Some((_, value)) => value,
        None => code,
    }
}

/// Inputs that come, go or move.
fn inputs(trees: &Trees, change: &Change) -> Vec<Line> {
    let text = |bytes: Option<&Vec<u8>>| -> String {
        bytes
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .unwrap_or_default()
    };
    let (before, after) = (text(change.old.as_ref()), text(trees.new.get(&change.path)));
    let facts = |text: &str| {
        if change.path == "flake.lock" {
            revisions(text)
        } else {
            urls(text)
        }
    };
    let (old, new) = (facts(&before), facts(&after));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        // An input that the lock lost or gained is told by `flake.nix`.
        .filter(|name| {
            change.path != "flake.lock" || old.contains_key(*name) && new.contains_key(*name)
        })
        .map(|name| Line {
            before: old.get(name).cloned(),
            after: new.get(name).cloned(),
            ..Line::new(Subject::Input, name)
        })
        .collect()
}

/// The address of each input in `flake.nix`.
fn urls(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for item in nix::outline(text).unwrap_or_default() {
        if let [inputs, name, url] = item.path.as_slice()
            && inputs == "inputs"
            && url == "url"
        {
            let code = text[item.value_start..item.end].trim_matches('"');
            found.insert(name.clone(), code.to_owned());
        }
    }
    found
}

/// What each input is locked to.
fn revisions(text: &str) -> BTreeMap<String, String> {
    let Ok(lock) = serde_json::from_str::<serde_json::Value>(text) else {
        return BTreeMap::new();
    };
    let root = lock["root"].as_str().unwrap_or("root");
    let inputs = lock["nodes"][root]["inputs"].as_object();
    inputs
        .into_iter()
        .flatten()
        .filter_map(|(name, node)| {
            let locked = &lock["nodes"][node.as_str()?]["locked"];
            let revision = locked["rev"]
                .as_str()
                .or_else(|| locked["narHash"].as_str())?;
            Some((name.clone(), revision.chars().take(12).collect()))
        })
        .collect()
}
