//! The features that a machine has by all of its files together: its own, its users', and the
//! templates and profiles that they import.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use memchr::memmem::Finder;
use rustc_hash::FxHashSet;

use super::known::Known;
use super::{Key, Line, Scope, Subject, Texts, Value, Values, merged, scope, unwrapped};
use crate::affected::{Graph, Machine, file_of, named_files};
use crate::modules::{below, folder};

/// A file that a machine reaches, and the user in whose home.
type Place<'a> = (Option<Cow<'a, str>>, &'a str);
/// A feature by its identifier, and the user in whose home.
type Feature = (Option<String>, String);

/// What files say of features: priority, and whether it is on where that is plain.
type Switches = BTreeMap<Feature, Vec<(i64, Option<bool>)>>;

/// Whether a file may switch features on and off for machines, rather than say what one is.
pub(super) fn configures(path: &str) -> bool {
    let folders = [
        "hosts/",
        "microvms/",
        "images/",
        "users/",
        "templates/",
        "custom/",
    ];
    path.ends_with(".nix")
        && (folders.iter().any(|it| path.starts_with(it)) || path.starts_with("home/profiles/"))
}

/// What a file said of an option and what it says now.
pub(super) type Sides = (Option<Vec<Value>>, Option<Vec<Value>>);

/// An option that a machine has otherwise since it imports other files: what holds for it by all of
/// those that it imports.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) key: Key,
    pub(super) before: Vec<Value>,
    pub(super) after: Vec<Value>,
    /// What each of its own files that differ said of it and says now, which this is told instead of.
    pub(super) own: Vec<Sides>,
}

impl Setting {
    /// Whether it comes to what it came to: it moved between files.
    pub(super) fn is_same(&self) -> bool {
        is_same(&self.before, &self.after)
    }
}

/// What a machine won and lost.
#[derive(Debug, Default)]
pub(super) struct Had<'a> {
    pub(super) changes: Vec<Line>,
    /// Of a machine that imports other files than before.
    pub(super) settings: Vec<Setting>,
    /// Whether any of its files differs.
    pub(super) is_rewritten: bool,
    /// The files through which it has what it has, before and after.
    places: BTreeSet<Place<'a>>,
}

impl Had<'_> {
    /// In whose homes the machine imports a file; nobody's for the machine itself.
    pub(super) fn through(&self, path: &str) -> impl Iterator<Item = Option<&str>> {
        let places = self.places.iter().filter(move |it| it.1 == path);
        places.map(|it| it.0.as_deref())
    }
}

/// The files of machines, as they were and as they are.
pub(super) struct Effects<'a> {
    pub(super) texts: &'a Texts<'a>,
    pub(super) graph: &'a Graph<'a>,
    /// By path: the files that an old file names.
    former: Known<Vec<&'a str>>,
    /// By path: what a file imports where only its syntax tells into which homes.
    homes: Known<Vec<Place<'a>>>,
    /// By path: whether a file imports something else than before.
    moved: Known<bool>,
    /// By name: the files of the new output that configure machines and have the name in them.
    holding: Known<FxHashSet<&'a str>>,
    /// By path.
    switches: Known<Switches>,
    /// Of system features, by feature.
    requirers: Known<Vec<String>>,
    /// The same of home features.
    home_requirers: Known<Vec<String>>,
    /// By the places that went and those that came.
    differing: Known<Vec<Key>>,
    /// Of system features, by feature: what it switches on along with it.
    required: Known<Vec<String>>,
    /// The same of home features.
    home_required: Known<Vec<String>>,
}

impl<'a> Effects<'a> {
    pub(super) fn new(texts: &'a Texts<'a>, graph: &'a Graph<'a>) -> Self {
        Self {
            texts,
            graph,
            former: Known::default(),
            homes: Known::default(),
            moved: Known::default(),
            holding: Known::default(),
            switches: Known::default(),
            requirers: Known::default(),
            home_requirers: Known::default(),
            differing: Known::default(),
            required: Known::default(),
            home_required: Known::default(),
        }
    }

    /// What a machine won and lost.
    pub(super) fn of(&self, machine: Machine<'_>) -> Had<'a> {
        let start = file_of(machine);
        let (Some(was_at), Some(is_at)) = (self.path(false, &start), self.path(true, &start))
        else {
            return Had::default();
        };
        let after = self.places(true, is_at);
        let is_moved = after.iter().any(|place| self.is_moved(place.1));
        let before = is_moved.then(|| self.places(false, was_at));
        let places = match &before {
            Some(before) => before.union(&after).cloned().collect(),
            None => after.clone(),
        };
        let before = before.unwrap_or_else(|| after.clone());
        let mut candidates: BTreeSet<Feature> = BTreeSet::new();
        for place in &places {
            let (user, path) = place;
            let (was, is) = (before.contains(place), after.contains(place));
            if was && is && !self.texts.changes.contains_key(path) {
                continue;
            }
            let old = self.switches(false, was, path);
            let new = self.switches(true, is, path);
            let names = old.keys().chain(new.keys());
            // What is computed is told as it is written.
            let is_said = |id: &Feature| {
                let mut all = old.get(id).into_iter().chain(new.get(id)).flatten();
                all.all(|(_, value)| value.is_some())
            };
            let differing = names.filter(|it| old.get(*it) != new.get(*it) && is_said(it));
            candidates.extend(differing.map(|(home, id)| {
                let user = home.clone().or_else(|| user.as_deref().map(str::to_owned));
                (user, id.clone())
            }));
        }
        let mut changes = Vec::new();
        for feature in &candidates {
            let was = self.is_on(false, &before, feature, &mut BTreeSet::new());
            let is = self.is_on(true, &after, feature, &mut BTreeSet::new());
            if was != is {
                changes.push(self.line(feature, is, &after));
            }
        }
        changes.sort();
        let settings = self.settings(&before, &after);
        let differs = |place: &Place<'_>| self.texts.changes.contains_key(place.1);
        Had {
            is_rewritten: places.iter().any(differs),
            changes,
            settings,
            places,
        }
    }

    /// What holds otherwise for a machine because of the files that it imports now or no longer does.
    /// What a file says otherwise that it imports as before is told of that file, unless it is the
    /// machine's own.
    fn settings(&self, before: &BTreeSet<Place<'a>>, after: &BTreeSet<Place<'a>>) -> Vec<Setting> {
        let gone = before.difference(after);
        let moved: Vec<&Place<'_>> = gone.chain(after.difference(before)).collect();
        // Of a user who comes or goes, the profiles say enough.
        let users: BTreeSet<&str> = moved.iter().filter_map(|it| user_of(it.1)).collect();
        let is_told = |place: &&&Place<'_>| {
            let is_of_user = |user: &str| users.contains(user);
            let is_listed =
                place.1.starts_with("templates/") || place.1.starts_with("home/profiles/");
            is_listed && !place.0.as_deref().is_some_and(is_of_user)
        };
        let (gone, came): (Vec<&Place<'_>>, Vec<&Place<'_>>) = moved
            .iter()
            .filter(is_told)
            .partition(|it| before.contains(**it));
        if gone.is_empty() && came.is_empty() {
            return Vec::new();
        }
        let name = format!("{gone:?}{came:?}");
        let keys = self
            .differing
            .get(true, &name, || self.find_differing(&gone, &came));
        if keys.is_empty() {
            return Vec::new();
        }
        let is_own = |path: &str| matches!(scope(path), Scope::Machine(_));
        let is_kept = |place: &Place<'a>| after.contains(place) && !is_own(place.1);
        let old = self.saying(&keys, before, &is_kept);
        let new = self.saying(&keys, after, &|_| true);
        let mut settings = Vec::new();
        for key in keys.iter() {
            let (before_it, after_it) = (holding(&old, key), holding(&new, key));
            let own = old.iter().filter(|it| is_own(it.0.1));
            let own = own.filter_map(|(place, values)| {
                let (was, is) = (of(values, place, key), {
                    let same = new.iter().find(|it| it.0 == *place);
                    same.and_then(|(place, values)| of(values, place, key))
                });
                (was != is).then_some((was, is))
            });
            let fresh = new
                .iter()
                .filter(|it| is_own(it.0.1) && !before.contains(it.0));
            let fresh = fresh.filter_map(|(place, values)| {
                let is = of(values, place, key)?;
                Some((None, Some(is)))
            });
            let own: Vec<_> = own.chain(fresh).collect();
            if !own.is_empty() || !is_same(&before_it, &after_it) {
                settings.push(Setting {
                    key: key.clone(),
                    before: before_it,
                    after: after_it,
                    own,
                });
            }
        }
        settings
    }

    /// The options of which places that went say otherwise than those that came.
    fn find_differing(&self, gone: &[&Place<'_>], came: &[&Place<'_>]) -> Vec<Key> {
        let all = |is_new, places: &[&Place<'_>]| {
            let mut all = Values::new();
            for place in places {
                for (key, values) in self.texts.values(is_new, place.1).iter() {
                    let home = || place.0.as_deref().map(str::to_owned);
                    let key = (key.0.clone().or_else(home), key.1.clone());
                    all.entry(key).or_default().extend(values.iter().cloned());
                }
            }
            all
        };
        let (old, new) = (all(false, gone), all(true, came));
        let keys: BTreeSet<&Key> = old.keys().chain(new.keys()).collect();
        let differs = |key: &&&Key| match (old.get(**key), new.get(**key)) {
            (Some(old), Some(new)) => {
                old.len() != new.len() || !old.iter().all(|it| new.contains(it))
            }
            _ => true,
        };
        keys.iter()
            .filter(differs)
            .map(|key| (*key).clone())
            .collect()
    }

    /// The places that may say something of some options, each with what it says.
    fn saying<'p>(
        &self,
        keys: &[Key],
        places: &'p BTreeSet<Place<'a>>,
        is_new: &dyn Fn(&Place<'a>) -> bool,
    ) -> Vec<(&'p Place<'a>, Arc<Values>)> {
        let said = places.iter().filter_map(|place| {
            let is_new = is_new(place);
            let may = |key: &Key| {
                // Old texts have another prefix then.
                self.texts.renamed.is_some()
                    || key
                        .1
                        .iter()
                        .all(|name| self.texts.holds(is_new, place.1, name))
            };
            let values = keys
                .iter()
                .any(may)
                .then(|| self.texts.values(is_new, place.1));
            Some((place, values?))
        });
        said.collect()
    }

    fn line(&self, feature: &Feature, is_on: bool, after: &BTreeSet<Place<'_>>) -> Line {
        let (user, id) = feature;
        let name = match user {
            Some(user) => format!("{id} of {user}"),
            None => id.clone(),
        };
        let mut line = Line::added(Subject::Feature, name, is_on);
        if is_on {
            let with = self.required(user.is_some(), id);
            line.note = (!with.is_empty()).then(|| format!("with {}", with.join(", ")));
        } else if self.said(true, after, feature) == Some(false) {
            line.note = Some("switched off".to_owned());
        }
        line
    }

    /// What a feature switches on along with it.
    fn required(&self, is_home: bool, id: &str) -> Arc<Vec<String>> {
        let (category, name) = id.split_once('.').unwrap_or((id, ""));
        let (half, known) = if is_home {
            ("home", &self.home_required)
        } else {
            ("modules", &self.required)
        };
        let context = super::Context {
            trees: self.texts.trees,
            namespace: self.texts.namespace,
            host: "",
        };
        known.get(true, id, || {
            context.required(half, category, name, &mut BTreeSet::new())
        })
    }

    /// What files say of a feature: the word of the highest priority, which is the lowest number.
    fn said(&self, is_new: bool, places: &BTreeSet<Place<'_>>, feature: &Feature) -> Option<bool> {
        let (user, id) = feature;
        let name = id.split('.').next_back().unwrap_or_default();
        let holding = self.holding.get(true, name, || self.find_holding(name));
        let may = |path: &str| {
            if self.texts.is_as_new(is_new, path) {
                holding.contains(path)
            } else {
                self.texts.holds(is_new, path, name)
            }
        };
        let mut best: Option<(i64, bool)> = None;
        for (home, path) in places {
            if home.is_some() && home.as_deref() != user.as_deref() || !may(path) {
                continue;
            }
            let switches = self.switches(is_new, true, path);
            let key = if home.is_some() { &None } else { user };
            let own = switches.get(&(key.clone(), id.clone()));
            let nested = switches.get(&(user.clone(), id.clone()));
            for (priority, value) in own.or(nested).into_iter().flatten() {
                let value = value.unwrap_or(true);
                let is_better = best.is_none_or(|(known, was)| {
                    *priority < known || *priority == known && value && !was
                });
                if is_better {
                    best = Some((*priority, value));
                }
            }
        }
        best.map(|(_, value)| value)
    }

    fn find_holding(&self, name: &str) -> FxHashSet<&'a str> {
        let finder = Finder::new(name);
        let files = self.texts.trees.new.iter();
        files
            .filter(|(path, bytes)| configures(path) && finder.find(bytes).is_some())
            .map(|(path, _)| path.as_str())
            .collect()
    }

    /// Whether a feature is on: what files say of it, or else whether one that is on requires it.
    fn is_on(
        &self,
        is_new: bool,
        places: &BTreeSet<Place<'_>>,
        feature: &Feature,
        seen: &mut BTreeSet<String>,
    ) -> bool {
        if let Some(said) = self.said(is_new, places, feature) {
            return said;
        }
        let (user, id) = feature;
        seen.insert(id.clone());
        let requirers = self.requirers(is_new, user.is_some(), id);
        requirers.iter().any(|by| {
            let by = (user.clone(), by.clone());
            !seen.contains(&by.1) && self.is_on(is_new, places, &by, seen)
        })
    }

    /// The features whose modules switch a feature on along with themselves.
    fn requirers(&self, is_new: bool, is_home: bool, id: &str) -> Arc<Vec<String>> {
        let known = if is_home {
            &self.home_requirers
        } else {
            &self.requirers
        };
        known.get(is_new, id, || self.find_requirers(is_new, is_home, id))
    }

    fn find_requirers(&self, is_new: bool, is_home: bool, id: &str) -> Vec<String> {
        let half = if is_home { "home/" } else { "modules/" };
        let name = id.split('.').next_back().unwrap_or_default();
        let files = &self.texts.trees.new;
        let here = files
            .range(half.to_owned()..)
            .map(|(path, _)| path.as_str());
        let here = here.take_while(|path| path.starts_with(half));
        let gone = self.texts.changes.values().filter(|it| !it.is_there);
        let gone = gone
            .map(|it| it.path.as_str())
            .filter(|path| path.starts_with(half));
        let found = here.chain(gone).filter_map(|path| {
            let inner = path.strip_prefix(half)?.strip_suffix(".nix")?;
            let (category, feature) = inner.split_once('/')?;
            let by = format!("{category}.{feature}");
            let may = by != id && category != "profiles" && self.texts.holds(is_new, path, name);
            let switches = may.then(|| self.values(is_new, path, 1))?;
            let on = switches.get(&(None, id.to_owned()))?;
            on.iter()
                .any(|(_, value)| *value == Some(true))
                .then_some(by)
        });
        found.collect()
    }

    /// The features that a file switches on or off; nothing where the machine has not got the file.
    fn switches(&self, is_new: bool, is_there: bool, path: &str) -> Arc<Switches> {
        if !is_there {
            return Arc::default();
        }
        let is_new = self.texts.is_as_new(is_new, path);
        let find = || self.values(is_new, path, usize::MAX);
        self.switches.get(is_new, path, find)
    }

    /// The same, without what stands below more conditions than these.
    fn values(&self, is_new: bool, path: &str, conditions: usize) -> Switches {
        let space: Vec<&str> = self.texts.namespace.split('.').collect();
        let mut found = Switches::new();
        for ((user, path), values) in self.texts.values(is_new, path).iter() {
            let names: Vec<&str> = path.iter().map(String::as_str).collect();
            let Some([category, name, "enable"]) = names.strip_prefix(space.as_slice()) else {
                continue;
            };
            let settled = values.iter().filter(|it| it.conditions.len() <= conditions);
            let all = settled.map(|it| {
                let value = match unwrapped(&it.code) {
                    "true" => Some(true),
                    "false" => Some(false),
                    _ => None,
                };
                (it.priority.unwrap_or(100), value)
            });
            let key = (user.clone(), format!("{category}.{name}"));
            found.entry(key).or_default().extend(all);
        }
        found
    }

    /// A file of one side, if it is there.
    fn path(&self, is_new: bool, path: &str) -> Option<&'a str> {
        if let Some((path, change)) = self.texts.changes.get_key_value(path) {
            let is_there = if is_new {
                change.is_there
            } else {
                change.old.is_some()
            };
            return is_there.then_some(*path);
        }
        let known = self.texts.trees.new.get_key_value(path);
        known.map(|(path, _)| path.as_str())
    }

    /// The files that configure a machine.
    fn places(&self, is_new: bool, start: &'a str) -> BTreeSet<Place<'a>> {
        let mut seen: BTreeSet<Place<'_>> = BTreeSet::new();
        let mut open: Vec<Place<'_>> = vec![(None, start)];
        while let Some(place) = open.pop() {
            if seen.contains(&place) {
                continue;
            }
            self.add_imports(is_new, &place, &mut open);
            seen.insert(place);
        }
        seen
    }

    /// Whether a file imports something else than before.
    fn is_moved(&self, path: &'a str) -> bool {
        let imports = |is_new| {
            let mut found = Vec::new();
            self.add_imports(is_new, &(None, path), &mut found);
            found
        };
        self.texts.changes.contains_key(path)
            && *self
                .moved
                .get(true, path, || imports(false) != imports(true))
    }

    /// Adds what a file imports.
    fn add_imports(&self, is_new: bool, place: &Place<'a>, found: &mut Vec<Place<'a>>) {
        let (home, path) = place;
        let mut add = |user: Option<Cow<'a, str>>, file: &'a str| {
            found.push((user.or_else(|| home.clone()), file));
        };
        let is_new = self.texts.is_as_new(is_new, path);
        let former = (!is_new).then(|| self.former.get(false, path, || self.find_former(path)));
        let named = match &former {
            Some(files) => files.as_slice(),
            None => self.graph.files(path),
        };
        let files = named.iter().filter(|file| configures(file));
        let into_home = |file: &&&str| file.starts_with("home/");
        if path.starts_with("home/") || !files.clone().any(|file| into_home(&file)) {
            files.for_each(|file| add(None, file));
        } else if let Some(user) = user_of(path) {
            // The homes of a user's own file are that user's.
            files.for_each(|file| add(into_home(&file).then_some(Cow::from(user)), file));
        } else {
            let find = || self.find_homes(is_new, path);
            for (user, file) in self.homes.get(is_new, path, find).iter() {
                add(user.clone(), file);
            }
        }
    }

    fn find_former(&self, path: &str) -> Vec<&'a str> {
        let text = self.texts.text(false, path).unwrap_or_default();
        let named = named_files(path, &text);
        let file = |named: &String| self.named(false, path, named);
        named.iter().filter_map(file).collect()
    }

    fn find_homes(&self, is_new: bool, path: &str) -> Vec<Place<'a>> {
        let module = self.texts.module(is_new, path);
        let imports = module.imports.iter().filter_map(|(user, named)| {
            let file = self.named(is_new, path, named)?;
            configures(file).then(|| (user.clone().map(Cow::Owned), file))
        });
        imports.collect()
    }

    /// The file that a path in a file names.
    fn named(&self, is_new: bool, path: &str, named: &str) -> Option<&'a str> {
        let exists = |path: &str| self.path(is_new, path).is_some();
        self.path(is_new, &below(folder(path), named, exists)?)
    }
}

/// The user whose file a path is.
fn user_of(path: &str) -> Option<&str> {
    path.strip_prefix("users/")?.split('/').next()
}

/// What a place says of an option.
fn of(values: &Values, (home, _): &Place<'_>, key: &Key) -> Option<Vec<Value>> {
    match home {
        Some(home) if key.0.as_deref() == Some(home.as_ref()) => {
            values.get(&(None, key.1.clone())).cloned()
        }
        Some(_) => None,
        None => values.get(key).cloned(),
    }
}

/// What holds of an option by all that places say of it.
fn holding(places: &[(&Place<'_>, Arc<Values>)], key: &Key) -> Vec<Value> {
    let said = places.iter();
    let said = said.filter_map(|(place, values)| of(values, place, key));
    merged(said.flatten().collect())
}

/// Whether definitions come to the same, whatever files they stand in.
fn is_same(old: &[Value], new: &[Value]) -> bool {
    let has = |all: &[Value], it: &Value| {
        all.iter().any(|other| {
            let is_list = match (&it.list, &other.list) {
                (Some(a), Some(b)) => {
                    a.iter().all(|item| b.contains(item)) && b.iter().all(|item| a.contains(item))
                }
                _ => unwrapped(&it.code) == unwrapped(&other.code),
            };
            is_list && it.conditions == other.conditions
        })
    };
    old.iter().all(|it| has(new, it)) && new.iter().all(|it| has(old, it))
}
