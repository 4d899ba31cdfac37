//! `flake.lock`, as far as an index is concerned. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// A lock file.
#[derive(Clone, Debug, Deserialize)]
pub struct Lock {
    nodes: BTreeMap<String, Node>,
    root: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Node {
    inputs: BTreeMap<String, Reference>,
    locked: Option<Locked>,
}

/// An input of a node: another node, or the path to one from the root.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Reference {
    Node(String),
    Follows(Vec<String>),
}

/// What an input is locked to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Locked {
    #[serde(rename = "rev")]
    pub(super) revision: Option<String>,
    pub(super) nar_hash: Option<String>,
    last_modified: Option<i64>,
    #[serde(rename = "type")]
    kind: String,
    path: Option<String>,
}

impl Locked {
    /// The day of its last change, such as `2026-07-14`; none where the lock does not know.
    pub(super) fn date(&self) -> Option<String> {
        self.last_modified.filter(|at| *at > 0).map(day)
    }
}

impl Lock {
    /// Reads a lock file.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The inputs of the flake itself.
    pub(super) fn inputs(&self) -> BTreeMap<String, Locked> {
        let Some(root) = self.nodes.get(&self.root) else {
            return BTreeMap::new();
        };
        let locked = |reference| self.nodes.get(self.resolve(reference, 0)?)?.locked.clone();
        root.inputs
            .iter()
            .filter_map(|(name, reference)| Some((name.clone(), locked(reference)?)))
            .collect()
    }

    /// The locked nodes that some inputs of the flake are made of: their own and all below.
    pub(super) fn reachable(&self, inputs: &BTreeSet<String>) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let root = self.nodes.get(&self.root);
        let mut queue: Vec<&str> = root
            .iter()
            .flat_map(|root| &root.inputs)
            .filter(|(name, _)| inputs.contains(*name))
            .filter_map(|(_, reference)| self.resolve(reference, 0))
            .collect();
        while let Some(name) = queue.pop() {
            let Some(node) = self.nodes.get(name) else {
                continue;
            };
            if name == self.root || node.locked.is_none() || !found.insert(name) {
                continue;
            }
            queue.extend(node.inputs.values().filter_map(|r| self.resolve(r, 0)));
        }
        found
    }

    /// Whether an input is a folder beside the flake.
    pub(super) fn has_relative_paths(&self) -> bool {
        self.nodes
            .values()
            .filter_map(|node| node.locked.as_ref())
            .filter(|locked| locked.kind == "path")
            .any(|locked| {
                locked
                    .path
                    .as_ref()
                    .is_some_and(|path| !path.starts_with('/'))
            })
    }

    /// The node that a reference means; none when it leads in circles or nowhere.
    fn resolve<'a>(&'a self, reference: &'a Reference, depth: usize) -> Option<&'a str> {
        match reference {
            Reference::Node(name) => Some(name),
            Reference::Follows(_) if depth > self.nodes.len() => None,
            Reference::Follows(path) => path.iter().try_fold(self.root.as_str(), |at, name| {
                self.resolve(self.nodes.get(at)?.inputs.get(name)?, depth + 1)
            }),
        }
    }
}

/// An input whose facts in an index are not those of what is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Name of the input.
    pub input: String,
    /// What it is locked to: a revision or a hash; none when the flake no longer has it.
    pub locked: Option<String>,
    /// What the index was read from; none when it does not know the input.
    pub recorded: Option<String>,
}

/// The inputs of a flake that an index was not read from, by `flake.lock` and `release.json`.
///
/// A revision in the record may be shortened; where either side knows no revision, hashes of the
/// trees are compared, and where there is nothing to compare nothing is said.
///
/// # Errors
///
/// When one of the texts is not what it should be.
pub fn mismatches(lock: &str, release: &str) -> Result<Vec<Mismatch>, serde_json::Error> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Recorded {
        revision: Option<String>,
        nar_hash: Option<String>,
    }
    let locked = Lock::parse(lock)?.inputs();
    let all: BTreeMap<String, serde_json::Value> = serde_json::from_str(release)?;
    let mut recorded: BTreeMap<String, Recorded> = BTreeMap::new();
    for (name, value) in all {
        if value.is_object() {
            recorded.insert(name, serde_json::from_value(value)?);
        }
    }
    let mut found = Vec::new();
    for (name, now) in &locked {
        let state = |locked: &Option<String>, recorded: Option<&String>| Mismatch {
            input: name.clone(),
            locked: locked.clone(),
            recorded: recorded.cloned(),
        };
        let Some(then) = recorded.get(name) else {
            let shown = now.revision.clone().or_else(|| now.nar_hash.clone());
            found.push(state(&shown, None));
            continue;
        };
        match (&now.revision, &then.revision) {
            (Some(a), Some(b)) => {
                if !a.starts_with(b.as_str()) {
                    found.push(state(&now.revision, Some(b)));
                }
            }
            _ => {
                if let (Some(a), Some(b)) = (&now.nar_hash, &then.nar_hash)
                    && a != b
                {
                    found.push(state(&now.nar_hash, Some(b)));
                }
            }
        }
    }
    for (name, then) in &recorded {
        if !locked.contains_key(name) {
            found.push(Mismatch {
                input: name.clone(),
                locked: None,
                recorded: then.revision.clone().or_else(|| then.nar_hash.clone()),
            });
        }
    }
    found.sort_by(|a, b| a.input.cmp(&b.input));
    Ok(found)
}

/// The day of a moment, in UTC, by the civil calendar.
fn day(seconds: i64) -> String {
    // Days since the first of March of the year 0: a leap day is the last of its year.
    let days = seconds.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"{
      "nodes": {
        "agenix": {
          "inputs": { "darwin": [], "nixpkgs": ["nixpkgs"], "systems": "systems" },
          "locked": { "type": "github", "rev": "aaaa1111", "narHash": "sha256-A", "lastModified": 1767225600 }
        },
        "nixpkgs": { "locked": { "type": "github", "rev": "bbbb2222", "narHash": "sha256-B" } },
        "local": { "locked": { "type": "path", "path": "/srv/modules", "narHash": "sha256-L", "lastModified": 0 } },
        "systems": { "locked": { "type": "github", "rev": "cccc3333" } },
        "unused": { "locked": { "type": "github", "rev": "dddd4444" } },
        "root": { "inputs": {
          "agenix": "agenix", "nixpkgs": "nixpkgs", "local": "local",
          "pkgs": ["agenix", "nixpkgs"], "circle": ["circle"], "nowhere": ["x", "y"]
        } }
      },
      "root": "root",
      "version": 7
    }"#;

    fn found(release: &str) -> Vec<(String, Option<String>, Option<String>)> {
        mismatches(LOCK, release)
            .unwrap()
            .into_iter()
            .map(|m| (m.input, m.locked, m.recorded))
            .collect()
    }

    #[test]
    fn inputs_are_followed() {
        let lock = Lock::parse(LOCK).unwrap();
        let inputs = lock.inputs();
        let names: Vec<&str> = inputs.keys().map(String::as_str).collect();
        assert_eq!(names, ["agenix", "local", "nixpkgs", "pkgs"]);
        assert_eq!(inputs["pkgs"], inputs["nixpkgs"]);
        assert_eq!(inputs["agenix"].date().as_deref(), Some("2026-01-01"));
        assert_eq!(inputs["local"].date(), None);
    }

    #[test]
    fn only_what_is_used_is_fetched() {
        let lock = Lock::parse(LOCK).unwrap();
        let wanted = BTreeSet::from(["agenix".to_owned(), "circle".to_owned()]);
        let reachable: Vec<&str> = lock.reachable(&wanted).into_iter().collect();
        assert_eq!(reachable, ["agenix", "nixpkgs", "systems"]);
    }

    #[test]
    fn folders_beside_the_flake() {
        let lock = |path: &str| {
            let text = format!(
                r#"{{ "nodes": {{ "a": {{ "locked": {{ "type": "path", "path": "{path}" }} }} }}, "root": "root" }}"#
            );
            Lock::parse(&text).unwrap()
        };
        assert!(lock("./sub").has_relative_paths());
        assert!(!lock("/srv").has_relative_paths());
    }

    #[test]
    fn an_index_of_what_is_locked() {
        let release = r#"{ "format": 1,
          "agenix": { "revision": "aaaa1111" }, "local": { "narHash": "sha256-L" },
          "nixpkgs": { "revision": "bbbb", "release": "26.11" }, "pkgs": { "release": "26.11" } }"#;
        assert_eq!(found(release), []);
    }

    #[test]
    fn an_index_of_something_else() {
        let release = r#"{ "format": 1,
          "agenix": { "revision": "aaaa9999" }, "local": { "narHash": "sha256-M" },
          "nixpkgs": { "revision": "bbbb2222" }, "gone": { "revision": "eeee" } }"#;
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            found(release),
            [
                ("agenix".to_owned(), some("aaaa1111"), some("aaaa9999")),
                ("gone".to_owned(), None, some("eeee")),
                ("local".to_owned(), some("sha256-L"), some("sha256-M")),
                ("pkgs".to_owned(), some("bbbb2222"), None),
            ]
        );
    }

    #[test]
    fn damaged_texts() {
        assert!(mismatches("{", "{}").is_err());
        assert!(mismatches(LOCK, "[]").is_err());
    }

    #[test]
    fn days() {
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(951_782_400), "2000-02-29");
        assert_eq!(day(1_784_073_599), "2026-07-14");
    }
}
