//! What exists, read plainly from `../shared/data`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

/// Whose options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Space {
    Nixos,
    Home,
}

impl Space {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Nixos => Self::Home,
            Self::Home => Self::Nixos,
        }
    }
}

/// Options and packages.
#[derive(Debug)]
pub(super) struct World {
    pub(super) nixos: Tree,
    pub(super) home: Tree,
    pub(super) packages: BTreeSet<String>,
    /// Names that a package set, an alias or a helper has.
    pub(super) other_names: BTreeSet<String>,
    pub(super) unfree: Vec<String>,
}

/// Options by path.
#[derive(Debug, Default)]
pub(super) struct Tree {
    root: Branch,
    pub(super) options: Vec<Row>,
}

#[derive(Debug, Default)]
struct Branch {
    below: BTreeMap<String, Branch>,
    option: Option<usize>,
}

/// An option.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) path: Vec<String>,
    pub(super) facts: Value,
}

impl Row {
    pub(super) fn flag(&self, key: &str) -> bool {
        self.facts[key].as_bool().unwrap_or(false)
    }

    pub(super) fn ty(&self) -> &Value {
        &self.facts["type"]
    }

    /// Whether a user would set it by this path.
    pub(super) fn is_usual(&self) -> bool {
        let gone = ["removed", "readOnly", "internal", "open"];
        !gone.iter().any(|key| self.flag(key))
            && self.facts["aliasOf"].is_null()
            && !self
                .path
                .iter()
                .any(|part| part.starts_with(['<', '*', '_']))
    }
}

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// This option.
    Option(usize),
    /// The way to options, or a submodule of any name.
    Way,
    /// Inside an option that says nothing about it.
    Free,
    /// It does not exist: from this part on.
    No(usize),
}

impl World {
    pub(super) fn read(data: &Path) -> anyhow::Result<Self> {
        let json = |name: &str| -> anyhow::Result<Value> {
            Ok(serde_json::from_str(&fs::read_to_string(data.join(name))?)?)
        };
        let packages = json("packages.json")?;
        let names = |key: &str| -> Vec<String> {
            let list = packages[key].as_array().into_iter().flatten();
            list.filter_map(|name| Some(name.as_str()?.to_owned()))
                .collect()
        };
        let unusable: BTreeSet<String> =
            ["broken", "insecure", "unsupported", "notPackages", "throws"]
                .iter()
                .flat_map(|key| names(key))
                .collect();
        let all: BTreeSet<String> = names("names").into_iter().collect();
        let unfree: BTreeSet<String> = names("unfree").into_iter().collect();
        let sets = packages["sets"].as_object().into_iter().flatten();
        let members = sets
            .flat_map(|(_, set)| set.as_array().into_iter().flatten())
            .filter_map(|name| Some(name.as_str()?.to_owned()));
        let other_names = names("aliases")
            .into_iter()
            .chain(members)
            .chain(all.clone())
            .collect();
        Ok(Self {
            nixos: Tree::new(&json("options-nixos.json")?),
            home: Tree::new(&json("options-home.json")?),
            packages: all
                .iter()
                .filter(|name| !unusable.contains(*name) && !unfree.contains(*name))
                .cloned()
                .collect(),
            other_names,
            unfree: unfree.difference(&unusable).cloned().collect(),
        })
    }

    pub(super) fn tree(&self, space: Space) -> &Tree {
        match space {
            Space::Nixos => &self.nixos,
            Space::Home => &self.home,
        }
    }
}

impl Tree {
    fn new(rows: &Value) -> Self {
        let mut tree = Self::default();
        for facts in rows.as_array().into_iter().flatten() {
            let path = parts(facts["name"].as_str().unwrap_or_default());
            let mut branch = &mut tree.root;
            for part in &path {
                branch = branch.below.entry(part.clone()).or_default();
            }
            branch.option = Some(tree.options.len());
            tree.options.push(Row {
                path,
                facts: facts.clone(),
            });
        }
        tree
    }

    /// What a path is: of the branches for its names and those for any name, the better.
    pub(super) fn known(&self, path: &[String]) -> Known {
        self.walk(&self.root, path, 0)
    }

    fn walk(&self, branch: &Branch, path: &[String], at: usize) -> Known {
        let Some(part) = path.get(at) else {
            return branch.option.map_or(Known::Way, Known::Option);
        };
        let named = branch.below.get(part);
        let any = branch
            .below
            .iter()
            .filter(|(name, _)| name.starts_with('<'));
        let found: Vec<Known> = named
            .into_iter()
            .chain(any.map(|(_, below)| below))
            .map(|below| self.walk(below, path, at + 1))
            .collect();
        if let Some(good) = found.iter().find(|known| !matches!(known, Known::No(_))) {
            return *good;
        }
        let option = branch.option.map(|at| &self.options[at]);
        if option.is_some_and(|row| row.flag("open") || is_free(row.ty())) {
            return Known::Free;
        }
        let deepest = found.iter().filter_map(|known| match known {
            Known::No(at) => Some(*at),
            _ => None,
        });
        Known::No(deepest.max().unwrap_or(at))
    }

    pub(super) fn row(&self, path: &[String]) -> Option<&Row> {
        match self.known(path) {
            Known::Option(at) => Some(&self.options[at]),
            _ => None,
        }
    }
}

/// Whether a value of a type may have names that are not listed.
fn is_free(ty: &Value) -> bool {
    match ty["t"].as_str().unwrap_or_default() {
        "submodule" => !ty["open"].is_null(),
        "attrsOf" => ty["of"]["t"] != "submodule",
        "nullOr" | "unique" => is_free(&ty["of"]),
        "either" => ty["of"].as_array().into_iter().flatten().any(is_free),
        "bool" | "str" | "int" | "listOf" | "package" | "path" | "enum" => false,
        _ => true,
    }
}

/// The parts of an option's name, without quotes.
fn parts(name: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut quoted = false;
    for c in name.chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => found.push(String::new()),
            _ => found.last_mut().map_or((), |part| part.push(c)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths() {
        let tree = Tree::new(&json!([
            { "name": "a.b", "type": { "t": "int" } },
            { "name": "u", "type": { "t": "attrsOf", "of": { "t": "submodule" } } },
            { "name": "u.<name>.home", "type": { "t": "str" } },
            { "name": "s", "type": { "t": "submodule", "open": { "t": "any" } } },
            { "name": "s.x", "type": { "t": "str" } },
            { "name": "q.\"a.b\".c", "type": { "t": "str" } },
        ]));
        let known = |path: &str| tree.known(&parts(path));
        assert_eq!(known("a.b"), Known::Option(0));
        assert_eq!(known("a"), Known::Way);
        assert_eq!(known("a.c"), Known::No(1));
        assert_eq!(known("a.b.c"), Known::No(2));
        assert_eq!(known("u.alice"), Known::Way);
        assert_eq!(known("u.alice.home"), Known::Option(2));
        assert_eq!(known("u.alice.hme"), Known::No(2));
        assert_eq!(known("s.y"), Known::Free);
        assert_eq!(known("q.\"a.b\".c"), Known::Option(5));
    }
}
