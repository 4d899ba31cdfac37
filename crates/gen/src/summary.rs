//! What differs between two outputs, in the words of the spec: features, options, ports, users,
//! secrets, packages, machines, inputs. Told from the files alone.

mod codes;
mod effects;
mod known;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use memchr::memmem;
use nix::DefValue;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use codes::normal;
use effects::{Effects, Had};
use known::Known;

use crate::affected::{Affected, Graph, How, Kind, Machine, affected_with, is_generated, machine};
use crate::modules::{ModuleText, below, folder, read};
use crate::text::one_line;
use crate::trees::{Change, Files, Trees};

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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
    Interface,
    Reader,
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
            Self::Interface => "interface of ",
            Self::Reader => "reader ",
            Self::Option => "",
            Self::File => "text of ",
        }
    }
}

/// One change: `before` alone is a removal, `after` alone an addition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) struct Line {
    pub(crate) subject: Subject,
    pub(crate) name: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    /// What comes along with it.
    pub(crate) note: Option<String>,
    /// Of a list, what it wins (`true`) and loses.
    #[serde(skip)]
    items: Vec<(String, bool)>,
}

impl Line {
    fn new(subject: Subject, name: impl Into<String>) -> Self {
        Self {
            subject,
            name: name.into(),
            before: None,
            after: None,
            note: None,
            items: Vec::new(),
        }
    }

    /// A list that wins and loses elements.
    fn list(subject: Subject, name: impl Into<String>, items: Vec<(String, bool)>) -> Self {
        let side = |added| -> Vec<String> {
            let all = items.iter().filter(|it| it.1 == added);
            all.map(|it| it.0.clone()).collect()
        };
        Self {
            note: Some(codes::list_difference(&side(false), &side(true))),
            items,
            ..Self::new(subject, name)
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

/// Machines of which nothing is told but what they read, run or take that differs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Through {
    pub(crate) machines: Vec<String>,
    /// Files and inputs.
    pub(crate) because: Vec<String>,
}

/// Everything that differs.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Summary {
    pub(crate) groups: Vec<Group>,
    /// Machines that no group names although they are touched.
    pub(crate) through: Vec<Through>,
    pub(crate) added: Vec<String>,
    pub(crate) removed: Vec<String>,
    pub(crate) unchanged: Vec<String>,
    /// Machines whose files differ in nothing that they have: it moved between them.
    pub(crate) rewritten: Vec<String>,
    /// Generated files besides the machines' that differ, such as the README.
    pub(crate) others: Vec<String>,
    /// Files that the spec wants otherwise and that gen leaves alone.
    pub(crate) kept: Vec<String>,
}

impl Summary {
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
            && self.through.is_empty()
            && self.added.is_empty()
            && self.removed.is_empty()
            && self.rewritten.is_empty()
            && self.others.is_empty()
            && self.kept.is_empty()
    }
}

/// Tells a zone by host and interface.
pub(crate) type Zones<'a> = dyn FnMut(&str, &str) -> Option<String> + 'a;

/// What a file that several machines reach says otherwise.
struct Shared {
    of: String,
    path: String,
    machines: Vec<String>,
    changes: Vec<Line>,
}

/// Sums up what differs.
pub(crate) fn summary(trees: &Trees, namespace: &str, zones: &mut Zones<'_>) -> Summary {
    let mut summary = Summary {
        kept: trees.kept.clone(),
        ..Summary::default()
    };
    if trees.changes.is_empty() {
        summary.unchanged = machines(&trees.new);
        return summary;
    }
    let texts = Texts::new(trees, namespace);
    let ((graph, all), ()) = rayon::join(
        || {
            let graph = Graph::new(trees);
            let all = affected_with(trees, &graph);
            (graph, all)
        },
        || texts.read_changes(),
    );
    // An installer carries the whole flake, so that it is touched says nothing here.
    let (installers, touched): (Vec<Affected>, Vec<Affected>) =
        all.into_iter().partition(|it| it.kind == Kind::Installer);
    let names: BTreeSet<&str> = touched.iter().map(|it| it.name.as_str()).collect();
    let mut fresh: BTreeSet<&str> = BTreeSet::new();
    for it in &touched {
        if it.how != How::Changed {
            fresh.insert(&it.name);
        }
    }
    // Those of a machine that comes or goes are told along with it.
    let installers = installers.iter().filter(|it| !fresh.contains(&*it.name));
    for it in touched.iter().chain(installers) {
        let name = named((it.kind, &it.name));
        match it.how {
            How::New => summary.added.push(name),
            How::Removed => summary.removed.push(name),
            How::Changed => {}
        }
    }
    let mut own: BTreeMap<Line, BTreeSet<String>> = BTreeMap::new();
    let mut shared: Vec<Shared> = Vec::new();
    for change in &trees.changes {
        let lines = |host: &str, zones: &mut Zones<'_>| lines(&texts, change, host, zones);
        let mut share = |of: String, machines: Vec<String>, changes: Vec<Line>| {
            shared.push(Shared {
                of,
                path: change.path.clone(),
                machines,
                changes,
            });
        };
        match scope(&change.path) {
            Scope::Machine(name) => {
                // Everything of a new machine is new.
                if fresh.contains(name) {
                    continue;
                }
                // Such as notes beside its files.
                if !names.contains(name) {
                    summary.others.push(change.path.clone());
                    continue;
                }
                // That a user comes or goes is told by the machine.
                let is_user = change.path.starts_with("users/");
                let is_whole = is_user && (change.old.is_none() || !change.is_there);
                for line in lines(name, zones) {
                    // What it has of features is told by all of its files together.
                    let is_told = is_whole && line.subject == Subject::Option
                        || line.subject == Subject::Feature;
                    if !is_told {
                        own.entry(line).or_default().insert(name.to_owned());
                    }
                }
            }
            Scope::Shared(of) => {
                let changes = lines("", zones);
                let reached: BTreeSet<String> = graph
                    .reaching_directly(&change.path)
                    .into_iter()
                    .filter(|(kind, name)| *kind != Kind::Installer && !fresh.contains(name))
                    .map(|(_, name)| name.to_owned())
                    .collect();
                // That a file comes or goes is told by what uses it.
                if !(changes.is_empty() || change.old.is_none() || !change.is_there) {
                    share(of, reached.into_iter().collect(), changes);
                }
            }
            Scope::Overlay => {
                let reached = graph.reaching_directly(&change.path).into_iter();
                let reached: BTreeSet<String> = reached
                    .filter(|(kind, _)| *kind != Kind::Installer)
                    .map(|(_, name)| name.to_owned())
                    .collect();
                let changes = packages(&texts, change);
                share(
                    "packages".to_owned(),
                    reached.into_iter().collect(),
                    changes,
                );
            }
            Scope::Installer(name) => {
                if change.old.is_some() && change.is_there {
                    let changes = lines("", zones);
                    share(format!("installer {name}"), Vec::new(), changes);
                }
            }
            Scope::Flake => share("flake".to_owned(), Vec::new(), inputs(trees, change)),
            Scope::Readers => {
                share("secrets".to_owned(), Vec::new(), readers(&texts, change));
            }
            Scope::Other => summary.others.push(change.path.clone()),
        }
    }
    let mut settled: BTreeSet<String> = BTreeSet::new();
    let effects = Effects::new(&texts, &graph);
    features(
        &effects,
        &touched,
        &mut shared,
        &mut own,
        &mut settled,
        zones,
    );
    moved(&mut shared, &mut own, &mut settled);
    if let Some(before) = &texts.renamed {
        let all = touched.iter().filter(|it| it.how == How::Changed);
        summary.groups.push(Group {
            of: Some("options of features".to_owned()),
            machines: all.map(|it| it.name.clone()).collect(),
            changes: vec![Line {
                before: Some(before.clone()),
                after: Some(namespace.to_owned()),
                ..Line::new(Subject::Option, "prefix")
            }],
        });
    }
    for it in shared {
        if it.changes.is_empty() {
            continue;
        }
        let same = |group: &&mut Group| group.changes == it.changes;
        match summary.groups.iter_mut().find(same) {
            // Such as two templates that extend a third.
            Some(group) => {
                let known = group.of.get_or_insert_default();
                *known = format!("{known}, {}", it.of);
                let all = group.machines.drain(..).chain(it.machines);
                group.machines = all.collect::<BTreeSet<_>>().into_iter().collect();
            }
            None => summary.groups.push(Group {
                of: Some(it.of),
                machines: it.machines,
                changes: it.changes,
            }),
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
    let told = summary.groups.iter().flat_map(|group| &group.machines);
    let told: FxHashSet<&String> = told.collect();
    settled.retain(|name| !told.contains(name));
    let mut through: BTreeMap<&[String], BTreeSet<&String>> = BTreeMap::new();
    for it in &touched {
        let is_told = told.contains(&it.name) || settled.contains(&it.name);
        if it.how == How::Changed && !is_told {
            through.entry(&it.because).or_default().insert(&it.name);
        }
    }
    summary.through = through
        .into_iter()
        .map(|(because, machines)| Through {
            machines: machines.into_iter().cloned().collect(),
            because: because.to_vec(),
        })
        .collect();
    summary.rewritten = settled.into_iter().collect();
    summary.unchanged = machines(&trees.new)
        .into_iter()
        .filter(|name| !names.contains(name.as_str()))
        .collect();
    // Such as `flake.nix`, of what it says of no machine: how hosts are deployed, checks.
    if summary.is_empty() {
        let all = trees.changes.iter().map(|change| change.path.clone());
        summary.others = all.collect();
    }
    summary
}

/// Tells the features that machines win and lose by all of their files together: where a file that
/// several reach means the same for all of them, there; else by the machine.
fn features(
    effects: &Effects<'_>,
    touched: &[Affected],
    shared: &mut [Shared],
    own: &mut BTreeMap<Line, BTreeSet<String>>,
    settled: &mut BTreeSet<String>,
    zones: &mut Zones<'_>,
) {
    let changes = &effects.texts.trees.changes;
    let configured = changes.iter().filter(|it| effects::configures(&it.path));
    let concerned: FxHashSet<Machine<'_>> = configured
        .flat_map(|change| effects.graph.reaching_directly(&change.path))
        .collect();
    let touched = touched.par_iter().filter(|it| it.how == How::Changed);
    let had: BTreeMap<&str, Had> = touched
        .filter_map(|it| {
            let machine = (it.kind, it.name.as_str());
            let had = concerned.contains(&machine).then(|| effects.of(machine))?;
            Some((it.name.as_str(), had))
        })
        .collect();
    let mut told: FxHashSet<(&str, &Line)> = FxHashSet::default();
    for it in shared.iter_mut() {
        if !effects::configures(&it.path) || it.machines.is_empty() {
            continue;
        }
        let mut changes = std::mem::take(&mut it.changes);
        changes.retain(|line| {
            if line.subject != Subject::Feature {
                return true;
            }
            let mut meant: Vec<(&str, &Line)> = Vec::new();
            for name in &it.machines {
                // Such as a host that runs a guest which has the file.
                let Some((name, had)) = had.get_key_value(name.as_str()) else {
                    continue;
                };
                for user in had.through(&it.path) {
                    let of = user.filter(|_| !line.name.contains(" of "));
                    let full = of.map_or_else(
                        || Cow::from(&line.name),
                        |user| Cow::from(format!("{} of {user}", line.name)),
                    );
                    let effect = had
                        .changes
                        .iter()
                        .find(|effect| effect.name == full && effect.sign() == line.sign());
                    let Some(effect) = effect else {
                        return false;
                    };
                    meant.push((*name, effect));
                }
            }
            told.extend(meant);
            true
        });
        it.changes = changes;
    }
    // Of a user who comes or goes, the profiles say enough.
    let users: BTreeSet<(String, String)> = own
        .iter()
        .filter(|(line, _)| line.subject == Subject::User)
        .flat_map(|(line, machines)| machines.iter().map(|it| (it.clone(), line.name.clone())))
        .collect();
    let is_new_home = |machine: &str, line: &Line| {
        let user = line
            .name
            .split_once(" of ")
            .map(|(_, user)| user.to_owned());
        user.is_some_and(|user| users.contains(&(machine.to_owned(), user)))
    };
    for (name, had) in &had {
        if had.is_rewritten {
            settled.insert((*name).to_owned());
        }
        for line in &had.changes {
            if !told.contains(&(*name, line)) && !is_new_home(name, line) {
                let machines = own.entry(line.clone()).or_default();
                machines.insert((*name).to_owned());
            }
        }
    }
    settings(effects.texts, &had, shared, own, zones);
}

/// Tells the options and packages that machines have otherwise since they import other files, in place
/// of what their own files say otherwise of the same.
fn settings(
    texts: &Texts<'_>,
    had: &BTreeMap<&str, Had>,
    shared: &[Shared],
    own: &mut BTreeMap<Line, BTreeSet<String>>,
    zones: &mut Zones<'_>,
) {
    if had.values().all(|it| it.settings.is_empty()) {
        return;
    }
    let mut told: BTreeMap<&Line, BTreeSet<&str>> = BTreeMap::new();
    for it in shared {
        for line in &it.changes {
            let machines = it.machines.iter().map(String::as_str);
            told.entry(line).or_default().extend(machines);
        }
    }
    for (name, had) in had {
        let context = Context {
            trees: texts.trees,
            namespace: texts.namespace,
            host: name,
        };
        let mut found: BTreeSet<Line> = BTreeSet::new();
        for it in &had.settings {
            let mut replaced: BTreeSet<Line> = BTreeSet::new();
            for (was, is) in &it.own {
                context.option(&it.key, was.as_ref(), is.as_ref(), &mut replaced, zones);
            }
            replaced.retain(|line| line.subject != Subject::Feature);
            for line in &replaced {
                if let Some(machines) = own.get_mut(line) {
                    machines.remove(*name);
                }
            }
            if !it.is_same() {
                let some = |all: &'_ Vec<Value>| (!all.is_empty()).then(|| all.clone());
                let (old, new) = (some(&it.before), some(&it.after));
                context.option(&it.key, old.as_ref(), new.as_ref(), &mut found, zones);
            }
        }
        without_parts(&mut found);
        let is_told = |line: &Line| told.get(line).is_some_and(|all| all.contains(name));
        // With a feature go its options.
        let lost: Vec<&Line> = had.changes.iter().filter(|it| it.sign() == '-').collect();
        let goes_along = |line: &Line| {
            line.sign() == '-'
                && lost.iter().any(|it| {
                    let (id, of) = it.name.split_once(" of ").unwrap_or((&it.name, ""));
                    let (option, of_option) =
                        line.name.split_once(" of ").unwrap_or((&line.name, ""));
                    let below = option.strip_prefix(id);
                    of == of_option && below.is_some_and(|rest| rest.starts_with('.'))
                })
        };
        for line in found {
            if line.subject != Subject::Feature && !is_told(&line) && !goes_along(&line) {
                own.entry(line).or_default().insert((*name).to_owned());
            }
        }
    }
    own.retain(|_, machines| !machines.is_empty());
}

/// What all machines of a shared file lose there and have of their own now, or the other way round,
/// is no change.
fn moved(
    shared: &mut [Shared],
    own: &mut BTreeMap<Line, BTreeSet<String>>,
    settled: &mut BTreeSet<String>,
) {
    for it in shared.iter_mut().filter(|it| !it.machines.is_empty()) {
        let machines = &it.machines;
        it.changes.retain(|line| {
            let moves = matches!(line.subject, Subject::Option | Subject::Package);
            let inverse = Line {
                before: line.after.clone(),
                after: line.before.clone(),
                ..line.clone()
            };
            let have = own
                .get_mut(&inverse)
                .filter(|_| moves && line.sign() != '~');
            let Some(have) = have.filter(|have| machines.iter().all(|it| have.contains(it))) else {
                return true;
            };
            have.retain(|name| !machines.contains(name));
            settled.extend(machines.iter().cloned());
            false
        });
        moved_elements(&mut it.changes, machines, own, settled);
    }
    own.retain(|_, machines| !machines.is_empty());
}

/// An element that a shared list wins and a machine's own loses is no change for that machine, nor the
/// other way round.
fn moved_elements(
    changes: &mut Vec<Line>,
    machines: &[String],
    own: &mut BTreeMap<Line, BTreeSet<String>>,
    settled: &mut BTreeSet<String>,
) {
    let without = |line: &Line, gone: &dyn Fn(&(String, bool)) -> bool| {
        let mut items = line.items.clone();
        items.retain(|it| !gone(it));
        (!items.is_empty()).then(|| Line::list(line.subject, &line.name, items))
    };
    let mut left = Vec::new();
    for line in changes.drain(..) {
        if line.items.is_empty() {
            left.push(line);
            continue;
        }
        let opposes = |it: &(String, bool)| line.items.contains(&(it.0.clone(), !it.1));
        let same = |own: &Line| own.subject == line.subject && own.name == line.name;
        let concerned: Vec<Line> = own.keys().filter(|it| same(it)).cloned().collect();
        // How many machines had each element already.
        let mut had: BTreeMap<&(String, bool), usize> = BTreeMap::new();
        for of_own in concerned.iter().filter(|it| it.items.iter().any(opposes)) {
            let Some(have) = own.get_mut(of_own) else {
                continue;
            };
            let here: Vec<String> = have
                .iter()
                .filter(|it| machines.contains(it))
                .cloned()
                .collect();
            have.retain(|it| !here.contains(it));
            for item in &line.items {
                if of_own.items.contains(&(item.0.clone(), !item.1)) {
                    *had.entry(item).or_default() += here.len();
                }
            }
            if let Some(rest) = without(of_own, &opposes) {
                own.entry(rest).or_default().extend(here);
            } else {
                settled.extend(here);
            }
        }
        if had.is_empty() {
            left.push(line);
            continue;
        }
        let is_everywhere = |it: &(String, bool)| had.get(it) == Some(&machines.len());
        match without(&line, &is_everywhere) {
            Some(rest) => left.push(rest),
            None => settled.extend(machines.iter().cloned()),
        }
    }
    *changes = left;
}

/// Hosts, MicroVMs and images of an output.
fn machines(files: &Files) -> Vec<String> {
    let mut names: Vec<String> = files
        .keys()
        .filter_map(|path| machine(path))
        .filter(|(kind, _)| *kind != Kind::Installer)
        .map(|(_, name)| name.to_owned())
        .collect();
    names.sort();
    names
}

fn named((kind, name): Machine<'_>) -> String {
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
    /// The packages that the fleet adds or takes from elsewhere.
    Overlay,
    Installer(&'a str),
    /// Who can decrypt which secret.
    Readers,
    Flake,
    Other,
}

/// Whether [`lines`] tells what differs in such a file.
fn is_told_by_lines(scope: &Scope<'_>) -> bool {
    matches!(
        scope,
        Scope::Machine(_) | Scope::Shared(_) | Scope::Installer(_)
    )
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
        ["secrets", "recipients.txt"] => Scope::Readers,
        ["secrets", file] if !path.ends_with(".nix") => Scope::Shared(format!("secret {file}")),
        ["overlays", "default"] => Scope::Overlay,
        ["installers", name] => Scope::Installer(name),
        ["pkgs", name, ..] => Scope::Shared(format!("package {name}")),
        _ => Scope::Other,
    }
}

/// A definition as it is compared.
#[derive(Clone, Debug, PartialEq)]
struct Value {
    /// Its code, laid out in one way.
    code: String,
    list: Option<Vec<String>>,
    priority: Option<i64>,
    conditions: Vec<String>,
}

type Key = (Option<String>, Vec<String>);
type Values = BTreeMap<Key, Vec<Value>>;

fn values(text: &str, module: &ModuleText) -> Values {
    let mut found: Values = BTreeMap::new();
    for setting in &module.settings {
        let list: Option<Vec<String>> = match &setting.value {
            DefValue::List(items) => Some(items.iter().map(element).collect()),
            _ => None,
        };
        let code = match &list {
            Some(items) => list_code(items),
            None => normal(&text[setting.value_start..setting.end]),
        };
        let key = (setting.user.clone(), setting.path.parts().to_vec());
        found.entry(key).or_default().push(Value {
            code,
            list,
            priority: setting.priority,
            conditions: setting.conditions.clone(),
        });
    }
    for all in found.values_mut().filter(|all| all.len() > 1) {
        winners(all);
    }
    found
}

/// Of several definitions, those that stand back behind another do not count.
fn winners(all: &mut Vec<Value>) {
    let settled = all.iter().filter(|it| it.conditions.is_empty());
    if let Some(best) = settled.filter_map(|it| it.priority).min() {
        all.retain(|it| it.priority.is_none_or(|priority| priority <= best));
    }
}

/// What definitions of one option in several files come to: those that win, lists put together.
fn merged(mut all: Vec<Value>) -> Vec<Value> {
    winners(&mut all);
    let mut found: Vec<Value> = Vec::new();
    for mut value in all {
        // Of which priority it wins is no difference.
        value.priority = None;
        let before = found.iter_mut().find(|it| {
            it.conditions == value.conditions
                && (it.list.is_some() && value.list.is_some()
                    || unwrapped(&it.code) == unwrapped(&value.code))
        });
        match before {
            Some(before) => {
                if let (Some(items), Some(more)) = (&mut before.list, value.list) {
                    items.extend(more);
                    before.code = list_code(items);
                }
            }
            None => found.push(value),
        }
    }
    found
}

fn list_code(items: &[String]) -> String {
    if items.is_empty() {
        return "[ ]".to_owned();
    }
    format!("[ {} ]", items.join(" "))
}

/// The texts of both sides, each read once.
struct Texts<'a> {
    trees: &'a Trees,
    namespace: &'a str,
    /// The prefix that options of features had, if it was another.
    renamed: Option<String>,
    changes: FxHashMap<&'a str, &'a Change>,
    modules: Known<ModuleText>,
    values: Known<Values>,
}

impl<'a> Texts<'a> {
    fn new(trees: &'a Trees, namespace: &'a str) -> Self {
        let changes = trees.changes.iter();
        Self {
            trees,
            namespace,
            renamed: former_namespace(trees, namespace),
            changes: changes.map(|it| (it.path.as_str(), it)).collect(),
            modules: Known::default(),
            values: Known::default(),
        }
    }

    /// Reads what differs and is there on both sides, by all cores: it will be asked for.
    fn read_changes(&self) {
        let changes = self.trees.changes.par_iter();
        changes
            .filter(|change| change.is_there && change.old.is_some())
            .filter(|change| change.path.ends_with(".nix"))
            .filter(|change| is_told_by_lines(&scope(&change.path)))
            .for_each(|change| {
                self.values(false, &change.path);
                self.values(true, &change.path);
            });
    }

    /// The text of a file, as it was or as it is.
    fn text(&self, is_new: bool, path: &str) -> Option<Cow<'a, str>> {
        let old = self.changes.get(path).filter(|_| !is_new);
        let bytes = match old {
            Some(change) => change.old.as_ref()?,
            None => self.trees.new.get(path)?,
        };
        let text = String::from_utf8_lossy(bytes);
        Some(match &self.renamed {
            Some(before) if old.is_some() => codes::renamed(&text, before, self.namespace).into(),
            _ => text,
        })
    }

    fn holds(&self, is_new: bool, path: &str, part: &str) -> bool {
        let old = self.changes.get(path).filter(|_| !is_new);
        let bytes = match old {
            Some(change) => change.old.as_ref(),
            None => self.trees.new.get(path),
        };
        bytes.is_some_and(|bytes| memmem::find(bytes, part.as_bytes()).is_some())
    }

    /// Whether a file is to be read as it is: asked for so, or no other before.
    fn is_as_new(&self, is_new: bool, path: &str) -> bool {
        is_new || !self.changes.contains_key(path)
    }

    /// What a file says.
    fn module(&self, is_new: bool, path: &str) -> Arc<ModuleText> {
        let is_new = self.is_as_new(is_new, path);
        let find = || read(&self.text(is_new, path).unwrap_or_default());
        self.modules.get(is_new, path, find)
    }

    /// What a file defines.
    fn values(&self, is_new: bool, path: &str) -> Arc<Values> {
        let is_new = self.is_as_new(is_new, path);
        let find = || {
            let text = self.text(is_new, path).unwrap_or_default();
            values(&text, &self.module(is_new, path))
        };
        self.values.get(is_new, path, find)
    }
}

/// The prefix that options of features had, where it is another now: what a module of the catalog
/// declared.
fn former_namespace(trees: &Trees, namespace: &str) -> Option<String> {
    let declared = trees.changes.iter().find_map(|change| {
        let path = change.path.strip_suffix(".nix")?.strip_prefix("modules/")?;
        let id = path.split_once('/')?;
        let text = std::str::from_utf8(change.old.as_ref()?).ok()?;
        let start = text.find("  options.")? + "  options.".len();
        let name = text[start..].split([' ', '\n']).next()?;
        name.strip_suffix(&format!(".{}.{}", id.0, id.1))
    })?;
    (declared != namespace).then(|| declared.to_owned())
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
        DefValue::Expr(code) => normal(code),
    }
}

fn imports(
    path: &str,
    module: &ModuleText,
    files: &dyn Fn(&str) -> bool,
) -> BTreeSet<(Option<String>, String)> {
    let imports = module.imports.iter();
    imports
        .filter_map(|(user, import)| Some((user.clone(), below(folder(path), import, files)?)))
        .collect()
}

/// What differs in a file, in words.
fn lines(texts: &Texts<'_>, change: &Change, host: &str, zones: &mut Zones<'_>) -> Vec<Line> {
    let trees = texts.trees;
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
    let mut old = texts.values(false, &change.path);
    let new = texts.values(true, &change.path);
    if !host.is_empty() {
        let moved = interfaces(host, &old, &new, zones, &mut found);
        if !moved.is_empty() {
            let mut values = Values::clone(&old);
            for (from, to) in moved {
                let is_of = |key: &Key| firewall(key).is_some_and(|(name, _)| name == from);
                let keys: Vec<Key> = values.keys().filter(|key| is_of(key)).cloned().collect();
                for key in keys {
                    let value = values.remove(&key).unwrap_or_default();
                    let mut key = key;
                    key.1[3].clone_from(&to);
                    values.insert(key, value);
                }
            }
            old = Arc::new(values);
        }
    }
    let keys: BTreeSet<&Key> = old.keys().chain(new.keys()).collect();
    let mut is_said = false;
    for key in keys {
        let (old, new) = (old.get(key), new.get(key));
        if old != new && key.1.is_empty() {
            // Such as a function that is called: what it gives has no name.
            found.extend(whole());
        } else if old != new {
            let context = Context {
                trees,
                namespace: texts.namespace,
                host,
            };
            let known = found.len();
            context.option(key, old, new, &mut found, zones);
            // Such as a feature that is switched off here: all files of a machine together tell it.
            is_said |= found.len() == known;
        }
    }
    // A file that is gone may be named by the old text.
    let exists = |path: &str| trees.new.contains_key(path) || texts.changes.contains_key(path);
    let side = |is_new| imports(&change.path, &texts.module(is_new, &change.path), &exists);
    let (old, new) = (side(false), side(true));
    for (it, added) in new
        .difference(&old)
        .map(|it| (it, true))
        .chain(old.difference(&new).map(|it| (it, false)))
    {
        found.extend(import(it, added));
    }
    if found.is_empty() {
        let side = |is_new| texts.text(is_new, &change.path).unwrap_or_default();
        let is_same = texts.renamed.is_some() || normal(&side(false)) == normal(&side(true));
        return if is_same || is_said {
            Vec::new()
        } else {
            whole()
        };
    }
    without_parts(&mut found);
    disks(found.into_iter().collect())
}

/// Of what comes or goes as a whole, the parts are not told.
fn without_parts(found: &mut BTreeSet<Line>) {
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
}

/// An interface and a list of its ports in the firewall.
fn firewall(key: &Key) -> Option<(&str, &str)> {
    match key.1.as_slice() {
        [a, b, c, name, list]
            if [a, b, c] == ["networking", "firewall", "interfaces"] && is_ports(list) =>
        {
            Some((name, list))
        }
        _ => None,
    }
}

/// Interfaces that took the place of others in their zones: what was open on the one is on the other.
fn interfaces(
    host: &str,
    old: &Values,
    new: &Values,
    zones: &mut Zones<'_>,
    found: &mut BTreeSet<Line>,
) -> Vec<(String, String)> {
    let open = |values: &Values| {
        let mut open: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
        for (key, values) in values {
            if let Some((name, list)) = firewall(key) {
                let ports = elements(Some(values)).into_iter();
                let ports = ports.map(|port| (list.to_owned(), port));
                open.entry(name.to_owned()).or_default().extend(ports);
            }
        }
        open
    };
    let (old, new) = (open(old), open(new));
    let mut fresh: Vec<(&String, &BTreeSet<_>, String)> = new
        .iter()
        .filter(|(name, _)| !old.contains_key(*name))
        .filter_map(|(name, ports)| Some((name, ports, zones(host, name)?)))
        .collect();
    let mut moved = Vec::new();
    for (name, ports) in &old {
        if new.contains_key(name) || zones(host, name).is_some() {
            continue;
        }
        let likeness = |it: &&(&String, &BTreeSet<_>, String)| ports.intersection(it.1).count();
        let best = fresh.iter().max_by_key(likeness);
        let Some(best) = best.filter(|it| likeness(it) * 2 > ports.len()).cloned() else {
            continue;
        };
        fresh.retain(|it| it.0 != best.0);
        found.insert(Line {
            before: Some(name.clone()),
            after: Some(best.0.clone()),
            ..Line::new(Subject::Interface, best.2)
        });
        moved.push((name.clone(), best.0.clone()));
    }
    moved
}

/// Many settings of disks in a few lines: the partitions that come and go, and what merely changes.
fn disks(lines: Vec<Line>) -> Vec<Line> {
    /// Settings that are told one by one.
    const MOST: usize = 4;
    let is_disk = |line: &Line| line.subject == Subject::Option && line.name.starts_with("disko.");
    if lines.iter().filter(|line| is_disk(line)).count() <= MOST {
        return lines;
    }
    let (disks, mut rest): (Vec<Line>, Vec<Line>) = lines.into_iter().partition(is_disk);
    let mut parts: BTreeMap<String, [BTreeMap<String, BTreeSet<String>>; 2]> = BTreeMap::new();
    let mut changed = Vec::new();
    for line in disks {
        if line.sign() == '~' {
            changed.push(line);
            continue;
        }
        let names: Vec<&str> = line.name.split('.').collect();
        let disk = names.get(3).copied().unwrap_or_default().to_owned();
        let at = names.iter().position(|name| *name == "partitions");
        let part = at.and_then(|at| names.get(at + 1)).or(names.get(4));
        let sides = parts.entry(disk).or_default();
        let side = &mut sides[usize::from(line.sign() == '+')];
        let part = part.copied().unwrap_or_default();
        let kinds = side.entry(part.to_owned()).or_default();
        if matches!(names.last(), Some(&"type" | &"format")) {
            let value = line.before.iter().chain(&line.after);
            let value = value.map(|value| value.trim_matches('"').to_owned());
            kinds.extend(value.filter(|kind| kind != "filesystem" && kind != part));
        }
    }
    let shown = |side: &BTreeMap<String, BTreeSet<String>>| {
        let all = side.iter().map(|(part, kinds)| {
            let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
            if kinds.is_empty() {
                part.clone()
            } else {
                format!("{part} ({})", kinds.join(", "))
            }
        });
        let text = all.collect::<Vec<_>>().join(", ");
        (!side.is_empty()).then(|| one_line(&text))
    };
    rest.extend(parts.into_iter().map(|(disk, [before, after])| Line {
        before: shown(&before),
        after: shown(&after),
        ..Line::new(Subject::Disk, disk)
    }));
    let more = changed.len().saturating_sub(MOST);
    changed.truncate(MOST);
    rest.extend(changed);
    if more > 0 {
        rest.push(Line {
            note: Some(format!("{more} more")),
            ..Line::new(Subject::Option, "disko.devices")
        });
    }
    rest.sort();
    rest
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
            let is_said = |values: Option<&Vec<Value>>| {
                let mut all = values.into_iter().flatten();
                all.all(|it| matches!(unwrapped(&it.code), "true" | "false"))
            };
            if rest == ["enable"] && is_said(old) && is_said(new) {
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
                if is_on(old) == added {
                    // It was not on, and is told not to be.
                    return;
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
        for ((_, path), values) in values(text, &read(text)) {
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
    let names: Vec<_> = path.iter().map(|name| nix::attr_name(name)).collect();
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
    let codes = |values: Option<&Vec<Value>>| {
        values.map(|all| {
            let codes: Vec<&str> = all.iter().map(|it| unwrapped(&it.code)).collect();
            codes.join(", ")
        })
    };
    let (before, after) = (codes(old), codes(new));
    if before == after {
        let conditions = |values: Option<&Vec<Value>>| {
            let all = values.into_iter().flatten();
            all.map(|it| it.conditions.clone()).collect::<Vec<_>>()
        };
        let is_conditional = conditions(old) != conditions(new);
        let what = if is_conditional {
            "condition"
        } else {
            "priority"
        };
        line.note = Some(format!("with another {what}"));
    } else if is_list(old) && is_list(new) {
        line.note = Some(codes::list_difference(&elements(old), &elements(new)));
        line.items = difference(&elements(old), &elements(new));
    } else if let (Some(before), Some(after)) = (&before, &after) {
        let (before, after) = codes::difference(before, after);
        line.before = Some(before);
        line.after = Some(after);
    } else {
        line.before = before.map(|code| one_line(&code));
        line.after = after.map(|code| one_line(&code));
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

/// Packages that an overlay of the fleet makes otherwise.
fn packages(texts: &Texts<'_>, change: &Change) -> Vec<Line> {
    let facts = |is_new| {
        let text = texts.text(is_new, &change.path).unwrap_or_default();
        let mut found: BTreeMap<String, String> = BTreeMap::new();
        for item in nix::outline(&text).unwrap_or_default() {
            let code = &text[item.value_start..item.end];
            if let (nix::Named::Attribute, [name]) = (item.named, item.path.as_slice())
                && name != code
            {
                found.insert(name.clone(), normal(code));
            }
        }
        found
    };
    let (old, new) = (facts(false), facts(true));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differing = names.into_iter().filter(|it| old.get(*it) != new.get(*it));
    let lines: Vec<Line> = differing
        .map(|name| Line {
            before: old.get(name).map(|code| one_line(code)),
            after: new.get(name).map(|code| one_line(code)),
            ..Line::new(Subject::Package, name)
        })
        .collect();
    if lines.is_empty() {
        return vec![Line::new(Subject::File, &change.path)];
    }
    lines
}

/// Who can decrypt a secret now, or cannot any more, as the list for the script tells.
fn readers(texts: &Texts<'_>, change: &Change) -> Vec<Line> {
    type Facts = BTreeMap<(String, String), String>;
    let facts = |is_new| -> Facts {
        let text = texts.text(is_new, &change.path).unwrap_or_default();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| {
                let mut parts = line.splitn(3, ' ');
                let (file, reader, key) = (parts.next()?, parts.next()?, parts.next()?);
                let secret = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
                let reader = reader.replace(':', " ");
                Some(((secret.to_owned(), reader), key.to_owned()))
            })
            .collect()
    };
    let (old, new) = (facts(false), facts(true));
    let secrets = |facts: &Facts| -> BTreeSet<String> {
        facts.keys().map(|(secret, _)| secret.clone()).collect()
    };
    let (had, has) = (secrets(&old), secrets(&new));
    let mut lines = Vec::new();
    let mut rekeyed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let all: BTreeSet<&(String, String)> = old.keys().chain(new.keys()).collect();
    for it in all {
        let (secret, reader) = it;
        match (old.get(it), new.get(it)) {
            (Some(before), Some(after)) if before != after => {
                rekeyed.entry(reader).or_default().push(secret);
            }
            (Some(_), Some(_)) => {}
            (before, _) => {
                let how = if before.is_some() {
                    "no longer readable by"
                } else if had.contains(secret) {
                    "now also readable by"
                } else {
                    "readable by"
                };
                let note = Some(format!("{how} {reader}"));
                let line = match (had.contains(secret), has.contains(secret)) {
                    (true, true) => Line::new(Subject::Secret, secret),
                    (_, added) => Line::added(Subject::Secret, secret, added),
                };
                lines.push(Line { note, ..line });
            }
        }
    }
    lines.extend(rekeyed.into_iter().map(|(reader, secrets)| Line {
        note: Some(one_line(&format!(
            "with another key: {}",
            secrets.join(", ")
        ))),
        ..Line::new(Subject::Reader, reader)
    }));
    // Of one that comes or goes, all readers on one line.
    let mut merged: Vec<Line> = Vec::new();
    for line in lines {
        match merged.last_mut() {
            Some(last)
                if last.subject == Subject::Secret
                    && last.name == line.name
                    && last.sign() == line.sign() =>
            {
                let (how, reader) = split_readers(line.note.as_deref());
                let note = last.note.get_or_insert_default();
                if note.starts_with(how) {
                    note.push_str(", ");
                    note.push_str(reader);
                } else {
                    merged.push(line);
                }
            }
            _ => merged.push(line),
        }
    }
    merged
}

/// `readable by` and who.
fn split_readers(note: Option<&str>) -> (&str, &str) {
    let note = note.unwrap_or_default();
    let at = note.find(" by ").map_or(0, |at| at + " by ".len());
    (&note[..at], &note[at..])
}

/// The address of each input in `flake.nix`.
fn urls(text: &str) -> BTreeMap<String, String> {
    // The machines of a large fleet need not be read.
    let inputs = text.find("\n  outputs =").filter(|_| is_generated(text));
    let inputs = inputs.map(|end| format!("{}\n}}\n", &text[..end]));
    let text = inputs.as_deref().unwrap_or(text);
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
