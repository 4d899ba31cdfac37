//! What of the modules of a machine applies: conditions and priorities, as far as they can be told
//! without an evaluation. What cannot is said to be so.

use std::cell::Cell;
use std::collections::BTreeMap;

use model::{Fleet, Host};
use nix::{AttrPath, DefValue, Known};

use crate::modules::{Reached, Setting};
use crate::text::one_line;

/// A definition that applies, or may apply.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'s> {
    pub(super) file: &'s Reached<'s>,
    pub(super) setting: &'s Setting,
}

/// What is certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Is {
    Yes,
    No,
    /// Only where this expression holds.
    If(String),
}

impl Is {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, other) => other,
            (this, Self::Yes) => this,
            (Self::If(a), Self::If(b)) => Self::If(format!("{a} && {b}")),
        }
    }
}

/// Where an option stands: in the home of a user or in the machine's configuration.
type Key<'a> = (Option<&'a str>, &'a [String]);

/// The modules of a machine.
pub(super) struct Applied<'a> {
    fleet: &'a Fleet,
    host: &'a Host,
    space: Vec<String>,
    /// The definitions of an option.
    index: BTreeMap<Key<'a>, Vec<At<'a>>>,
    depth: Cell<usize>,
}

/// Further than this nothing is looked up for the sake of something else.
const DEEPEST: usize = 16;

impl<'a> Applied<'a> {
    /// Of modules, and of what [`crate::named`] finds in them.
    pub(super) fn new(
        fleet: &'a Fleet,
        host: &'a Host,
        files: &'a [Reached<'a>],
        named: &'a [(usize, Setting)],
    ) -> Self {
        let mut index: BTreeMap<Key<'a>, Vec<At<'a>>> = BTreeMap::new();
        let plain = files.iter().flat_map(|file| {
            let settings = file.module.settings.iter();
            settings.map(move |setting| At { file, setting })
        });
        let named = named.iter().map(|(number, setting)| At {
            file: &files[*number],
            setting,
        });
        for at in plain.chain(named).filter(|at| is_on(host, at.file)) {
            let user = at.file.user.as_deref().or(at.setting.user.as_deref());
            let key = (user, at.setting.path.parts());
            index.entry(key).or_default().push(at);
        }
        let space = AttrPath::parse(&fleet.namespace).unwrap_or_default();
        Self {
            fleet,
            host,
            space: space.0,
            index,
            depth: Cell::new(0),
        }
    }

    /// The options that something may define, by path: of homes behind those of the machine.
    pub(super) fn options(&self) -> impl Iterator<Item = (Option<&str>, &[String])> {
        let keys = self.index.keys();
        keys.copied()
    }

    /// All definitions but those that cannot apply.
    pub(super) fn all(&self) -> impl Iterator<Item = At<'_>> {
        let keys = self.index.keys();
        let counts = keys.flat_map(|(user, path)| self.of(*user, path));
        counts.map(|(at, _)| at)
    }

    /// The definitions of an option that count, and whether they do: those that apply, of the highest
    /// priority of which one applies for certain.
    pub(super) fn of(&self, user: Option<&str>, path: &[String]) -> Vec<(At<'_>, Is)> {
        let index: &BTreeMap<Key<'_>, Vec<At<'_>>> = &self.index;
        let places = index.get(&(user, path)).map_or(&[][..], Vec::as_slice);
        let mut found: Vec<(At<'_>, Is)> = places
            .iter()
            .map(|&at| (at, self.applies(at)))
            .filter(|(_, is)| *is != Is::No)
            .collect();
        let certain = found.iter().filter(|(_, is)| *is == Is::Yes);
        let least = certain.filter_map(|(at, _)| at.setting.priority).min();
        if let Some(least) = least {
            found.retain(|(at, _)| at.setting.priority.is_none_or(|it| it <= least));
        }
        found
    }

    /// Whether the conditions of a definition hold.
    fn applies(&self, at: At<'_>) -> Is {
        let mut all = Is::Yes;
        for condition in &at.setting.conditions {
            let is = match self.expression(at, condition) {
                Some(Known::Bool(true)) => Is::Yes,
                Some(Known::Bool(false)) => Is::No,
                _ => Is::If(one_line(condition)),
            };
            all = all.and(is);
            if all == Is::No {
                break;
            }
        }
        all
    }

    /// What a definition gives.
    pub(super) fn value(&self, at: At<'_>) -> Option<Known> {
        let code = |value: &DefValue| match value {
            DefValue::Expr(code) => self.expression(at, code),
            DefValue::Bool(is) => Some(Known::Bool(*is)),
            DefValue::Int(it) => Some(Known::Int(*it)),
            DefValue::Float(_) => Some(Known::Something),
            DefValue::Str(it) => Some(Known::Str(it.clone())),
            DefValue::Null => Some(Known::Null),
            DefValue::Attrs => Some(Known::Attrs(BTreeMap::new())),
            DefValue::List(_) => None,
        };
        match &at.setting.value {
            DefValue::List(items) => Some(Known::List(items.iter().map(code).collect())),
            value => code(value),
        }
    }

    /// Whether a switch is on, and what turns it on.
    pub(super) fn switch(&self, user: Option<&str>, path: &[String]) -> (Is, Option<At<'_>>) {
        let mut off = None;
        let mut open = None;
        for (at, is) in self.of(user, path) {
            let is = match self.value(at) {
                Some(Known::Bool(true)) => is,
                Some(Known::Bool(false)) => {
                    off = Some(at);
                    Is::No
                }
                _ => match &at.setting.value {
                    DefValue::Expr(code) => is.and(Is::If(one_line(code))),
                    _ => Is::No,
                },
            };
            match is {
                Is::Yes => return (Is::Yes, Some(at)),
                Is::If(_) => open = open.or(Some((is, at))),
                Is::No => {}
            }
        }
        match open {
            Some((is, at)) => (is, Some(at)),
            None => (Is::No, off),
        }
    }

    /// What an expression of a file comes to.
    fn expression(&self, at: At<'_>, code: &str) -> Option<Known> {
        if self.depth.get() > DEEPEST {
            return None;
        }
        self.depth.set(self.depth.get() + 1);
        // Most are a name.
        let known = match AttrPath::parse(code) {
            Ok(path) if path.parts().len() > 1 => self.name(at, path.parts()),
            _ => nix::known(code, &|path| self.name(at, path)),
        };
        self.depth.set(self.depth.get() - 1);
        known
    }

    /// What a name of a file comes to.
    fn name(&self, at: At<'_>, path: &[String]) -> Option<Known> {
        let (first, rest) = path.split_first()?;
        let lets = at.file.module.lets(at.file.text);
        if let Some(code) = lets.get(first) {
            if self.depth.get() > DEEPEST {
                return None;
            }
            // Only the part of a set of options that is asked for is looked up.
            return match AttrPath::parse(code.trim()) {
                Ok(whole) if whole.parts().len() > 1 => {
                    let mut all = whole.0;
                    all.extend_from_slice(rest);
                    self.depth.set(self.depth.get() + 1);
                    let known = self.name(at, &all);
                    self.depth.set(self.depth.get() - 1);
                    known
                }
                _ => self.expression(at, code)?.at(rest),
            };
        }
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["config", ..] => self.option(at.file.user.as_deref(), rest),
            ["osConfig", ..] => self.option(None, rest),
            ["pkgs", "stdenv", "hostPlatform" | "targetPlatform", is] => {
                let system = &self.host.system;
                match *is {
                    "system" => Some(Known::Str(system.clone())),
                    "isx86_64" | "isx86" => Some(Known::Bool(system.starts_with("x86_64"))),
                    "isAarch64" => Some(Known::Bool(system.starts_with("aarch64"))),
                    "isLinux" => Some(Known::Bool(system.ends_with("linux"))),
                    _ => None,
                }
            }
            ["pkgs", ..] => Some(Known::Something),
            _ => None,
        }
    }

    /// What an option comes to: what is defined of it and below it, or the default of a feature's.
    fn option(&self, user: Option<&str>, path: &[String]) -> Option<Known> {
        // Files of secrets have paths, whatever they are.
        if let [backend, secrets, _, path] = path
            && matches!(backend.as_str(), "age" | "sops")
            && secrets == "secrets"
            && path == "path"
        {
            return Some(Known::Something);
        }
        let default = self.default(user, path);
        let mut merged: Option<Known> = None;
        for (at, is) in self.of(user, path) {
            // What may or may not apply leaves the value open.
            let value = self.value(at).filter(|_| is == Is::Yes)?;
            merged = Some(match (merged, value) {
                (None, value) => value,
                (Some(Known::List(mut a)), Known::List(b)) => {
                    a.extend(b);
                    Known::List(a)
                }
                (Some(Known::Attrs(mut a)), Known::Attrs(b)) => {
                    a.extend(b);
                    Known::Attrs(a)
                }
                (Some(first), _) => first,
            });
        }
        if merged.is_some() {
            return merged;
        }
        // A set whose fields are defined one by one.
        let index: &BTreeMap<Key<'_>, Vec<At<'_>>> = &self.index;
        let below = index.range((user, path)..);
        let below = below.take_while(|((of, below), _)| *of == user && below.starts_with(path));
        let mut fields: BTreeMap<String, Option<Known>> = BTreeMap::new();
        for ((_, below), _) in below {
            let Some(name) = below.get(path.len()) else {
                continue;
            };
            if fields.contains_key(name) {
                continue;
            }
            let counts = self.of(user, below);
            if counts.is_empty() {
                continue;
            }
            let field = [path, std::slice::from_ref(name)].concat();
            let value = if self.depth.get() > DEEPEST {
                None
            } else {
                self.depth.set(self.depth.get() + 1);
                let value = self.option(user, &field);
                self.depth.set(self.depth.get() - 1);
                value
            };
            fields.insert(name.clone(), value);
        }
        if fields.is_empty() {
            return default;
        }
        if let Some(Known::Attrs(all)) = default {
            for (name, value) in all {
                fields.entry(name).or_insert(value);
            }
        }
        Some(Known::Attrs(fields))
    }

    /// The default of an option of a feature.
    fn default(&self, user: Option<&str>, path: &[String]) -> Option<Known> {
        let [category, name, option, below @ ..] = path.strip_prefix(self.space.as_slice())? else {
            return None;
        };
        if option == "enable" {
            return Some(Known::Bool(false));
        }
        let id = format!("{category}.{name}");
        let default = self.fleet.features.get(id.as_str())?.options.get(option)?;
        let default = default.default.as_ref()?;
        let look = |path: &[String]| match path.split_first()? {
            (first, rest) if first == "config" => self.option(user, rest),
            (first, _) if first == "pkgs" => Some(Known::Something),
            _ => None,
        };
        if self.depth.get() > DEEPEST {
            return None;
        }
        self.depth.set(self.depth.get() + 1);
        let known = nix::known_value(default, &look);
        self.depth.set(self.depth.get() - 1);
        known?.at(below)
    }
}

/// Whether the feature whose module a file is is on; other files always count.
fn is_on(host: &Host, file: &Reached<'_>) -> bool {
    match (super::topic::feature_of(&file.path), &file.user) {
        (Some(id), Some(user)) => host
            .users
            .get(user.as_str())
            .is_some_and(|user| user.enabled.contains_key(id.as_str())),
        (Some(id), None) => host.enabled.contains_key(id.as_str()),
        (None, _) => true,
    }
}
