//! The features that a machine has by all of its files together: its own, its users', and the
//! templates and profiles that they import.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::known::Known;
use super::{Line, Subject, Texts, unwrapped};
use crate::affected::{Machine, file_of, named_files};
use crate::modules::{below, folder, read};

/// A file that a machine reaches, and the user in whose home.
type Place = (Option<String>, String);
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

/// What a machine won and lost.
#[derive(Debug, Default)]
pub(super) struct Had {
    pub(super) changes: Vec<Line>,
    /// Whether any of its files differs.
    pub(super) is_rewritten: bool,
    /// The files through which it has what it has, before and after.
    places: BTreeSet<Place>,
}

impl Had {
    /// In whose homes the machine imports a file; nobody's for the machine itself.
    pub(super) fn through<'a>(&'a self, path: &str) -> impl Iterator<Item = &'a Option<String>> {
        let path = path.to_owned();
        let places = self.places.iter();
        places.filter(move |it| it.1 == path).map(|it| &it.0)
    }
}

/// The files of machines, as they were and as they are.
pub(super) struct Effects<'a> {
    pub(super) texts: &'a Texts<'a>,
    /// By path.
    imports: Known<Vec<Place>>,
    /// By path.
    switches: Known<Switches>,
    /// Of system features, by feature.
    requirers: Known<Vec<String>>,
    /// The same of home features.
    home_requirers: Known<Vec<String>>,
}

impl<'a> Effects<'a> {
    pub(super) fn new(texts: &'a Texts<'a>) -> Self {
        Self {
            texts,
            imports: Known::default(),
            switches: Known::default(),
            requirers: Known::default(),
            home_requirers: Known::default(),
        }
    }

    /// What a machine won and lost.
    pub(super) fn of(&self, machine: &Machine) -> Had {
        let start = file_of(machine);
        let (before, after) = (self.places(false, &start), self.places(true, &start));
        let mut candidates: BTreeSet<Feature> = BTreeSet::new();
        for place in before.union(&after) {
            let (user, path) = place;
            let (was, is) = (before.contains(place), after.contains(place));
            if was && is && !self.texts.changes.contains_key(path.as_str()) {
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
                let user = home.clone().or_else(|| user.clone());
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
        let places: BTreeSet<Place> = before.into_iter().chain(after).collect();
        let differs = |place: &Place| self.texts.changes.contains_key(place.1.as_str());
        Had {
            is_rewritten: places.iter().any(differs),
            changes,
            places,
        }
    }

    fn line(&self, feature: &Feature, is_on: bool, after: &BTreeSet<Place>) -> Line {
        let (user, id) = feature;
        let name = match user {
            Some(user) => format!("{id} of {user}"),
            None => id.clone(),
        };
        let mut line = Line::added(Subject::Feature, name, is_on);
        if is_on {
            let (category, name) = id.split_once('.').unwrap_or((id, ""));
            let half = if user.is_some() { "home" } else { "modules" };
            let context = super::Context {
                trees: self.texts.trees,
                namespace: self.texts.namespace,
                host: "",
            };
            let with = context.required(half, category, name, &mut BTreeSet::new());
            line.note = (!with.is_empty()).then(|| format!("with {}", with.join(", ")));
        } else if self.said(true, after, feature) == Some(false) {
            line.note = Some("switched off".to_owned());
        }
        line
    }

    /// What files say of a feature: the word of the highest priority, which is the lowest number.
    fn said(&self, is_new: bool, places: &BTreeSet<Place>, feature: &Feature) -> Option<bool> {
        let (user, id) = feature;
        let name = id.split('.').next_back().unwrap_or_default();
        let mut best: Option<(i64, bool)> = None;
        for (home, path) in places {
            if home.is_some() && home != user || !self.texts.holds(is_new, path, name) {
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

    /// Whether a feature is on: what files say of it, or else whether one that is on requires it.
    fn is_on(
        &self,
        is_new: bool,
        places: &BTreeSet<Place>,
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

    /// The files that configure a machine.
    fn places(&self, is_new: bool, start: &str) -> BTreeSet<Place> {
        let mut seen: BTreeSet<Place> = BTreeSet::new();
        let mut open: Vec<Place> = vec![(None, start.to_owned())];
        while let Some(place) = open.pop() {
            if seen.contains(&place) {
                continue;
            }
            for (home, path) in self.imports(is_new, &place.1).iter() {
                open.push((home.clone().or_else(|| place.0.clone()), path.clone()));
            }
            seen.insert(place);
        }
        seen
    }

    fn imports(&self, is_new: bool, path: &str) -> Arc<Vec<Place>> {
        let is_new = self.texts.is_as_new(is_new, path);
        let find = || self.find_imports(is_new, path);
        self.imports.get(is_new, path, find)
    }

    fn find_imports(&self, is_new: bool, path: &str) -> Vec<Place> {
        let text = self.texts.text(is_new, path).unwrap_or_default();
        let exists = |path: &str| match self.texts.changes.get(path) {
            Some(change) if !is_new => change.old.is_some(),
            _ => self.texts.trees.new.contains_key(path),
        };
        let file = |named: &str| {
            let file = below(folder(path), named, exists)?;
            configures(&file).then_some(file)
        };
        let named = named_files(path, &text);
        let files: Vec<String> = named.iter().filter_map(|named| file(named)).collect();
        // The homes of a user's own file are that user's.
        let of_user = path
            .strip_prefix("users/")
            .and_then(|path| path.split('/').next());
        let into_home = |file: &String| file.starts_with("home/");
        if path.starts_with("home/") || !files.iter().any(into_home) {
            files.into_iter().map(|file| (None, file)).collect()
        } else if let Some(user) = of_user {
            let home = |file: &String| into_home(file).then(|| user.to_owned());
            files.into_iter().map(|file| (home(&file), file)).collect()
        } else {
            let imports = read(&text).imports.into_iter();
            imports
                .filter_map(|(user, named)| Some((user, file(&named)?)))
                .collect()
        }
    }
}
