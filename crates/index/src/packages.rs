//! Packages by name.

use std::collections::{BTreeMap, BTreeSet};

use diag::Diagnostic;
use nix::{Module, Reference};
use serde::Deserialize;

use crate::suggest;
use crate::{Finding, IndexError};

/// The packages of a release, as facts about `x86_64-linux`.
#[derive(Clone, Debug, Default)]
pub struct Packages {
    names: Vec<String>,
    aliases: BTreeSet<String>,
    sets: BTreeMap<String, Vec<String>>,
    broken: BTreeSet<String>,
    insecure: BTreeSet<String>,
    unfree: BTreeSet<String>,
    unsupported: BTreeSet<String>,
    others: BTreeSet<String>,
}

/// The file, borrowed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct File {
    names: Vec<String>,
    aliases: BTreeSet<String>,
    sets: BTreeMap<String, Vec<String>>,
    broken: BTreeSet<String>,
    insecure: BTreeSet<String>,
    unfree: BTreeSet<String>,
    unsupported: BTreeSet<String>,
    #[serde(rename = "notPackages")]
    others: BTreeSet<String>,
}

/// What a fleet allows and adds.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Unfree packages that are allowed, by name.
    pub unfree: BTreeSet<String>,
    /// Insecure packages that are allowed, by name and version.
    pub insecure: BTreeSet<String>,
    /// Packages that overlays add; `None` if they cannot be read off.
    pub added: Option<BTreeSet<String>>,
    /// Packages that the fleet has files of, and no package set gets.
    pub unlisted: BTreeSet<String>,
    /// Packages that come from another set: name → what it is called there.
    pub pinned: BTreeMap<String, Vec<String>>,
    /// Whether hosts of `x86_64-linux`, for which the facts hold, use the module.
    pub is_x86: bool,
}

/// What every package set has besides packages.
const OTHER: &[&str] = &[
    "lib", "config", "stdenv", "system", "path", "overlays", "pkgs",
];

/// What is known about a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackageState {
    /// There is such a package, or a function or set of that name.
    Known,
    /// An old name: it still resolves, with a warning, or says what to use instead.
    Alias,
    /// There is none.
    Unknown,
    /// It lies in a set whose contents are not listed.
    Unlisted,
}

impl Packages {
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, IndexError> {
        let File {
            mut names,
            aliases,
            mut sets,
            broken,
            insecure,
            unfree,
            unsupported,
            others,
        } = serde_json::from_str(text).map_err(|error| IndexError {
            file: file.to_owned(),
            message: error.to_string(),
        })?;
        if !names.is_sorted() {
            names.sort_unstable();
        }
        for set in sets.values_mut() {
            if !set.is_sorted() {
                set.sort_unstable();
            }
        }
        Ok(Self {
            names,
            aliases,
            sets,
            broken,
            insecure,
            unfree,
            unsupported,
            others,
        })
    }

    /// How many top-level names there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The top-level names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    fn has(&self, name: &str) -> bool {
        let found = self
            .names
            .binary_search_by(|known| known.as_str().cmp(name));
        found.is_ok() || self.sets.contains_key(name)
    }

    /// What is known about a path below `pkgs`.
    pub fn state(&self, path: &[String]) -> PackageState {
        let Some((first, rest)) = path.split_first() else {
            return PackageState::Known;
        };
        if OTHER.contains(&first.as_str()) {
            return PackageState::Known;
        }
        if self.aliases.contains(first) && !self.has(first) {
            return PackageState::Alias;
        }
        if !self.has(first) {
            return if self.aliases.contains(first) {
                PackageState::Alias
            } else {
                PackageState::Unknown
            };
        }
        let Some(second) = rest.first() else {
            return PackageState::Known;
        };
        match self.sets.get(first) {
            Some(set)
                if set
                    .binary_search_by(|known| known.as_str().cmp(second))
                    .is_ok() =>
            {
                PackageState::Known
            }
            Some(_) => PackageState::Unknown,
            None => PackageState::Unlisted,
        }
    }

    /// Whether a top-level package does not build.
    pub fn is_broken(&self, name: &str) -> bool {
        self.broken.contains(name)
    }

    /// Whether a top-level package has known weaknesses, so that it needs permission by name.
    pub fn is_insecure(&self, name: &str) -> bool {
        self.insecure.contains(name)
    }

    /// Whether a top-level package is unfree, so that it needs permission by name.
    pub fn is_unfree(&self, name: &str) -> bool {
        self.unfree.contains(name)
    }

    /// Whether a top-level package does not exist for `x86_64-linux`.
    pub fn is_unsupported(&self, name: &str) -> bool {
        self.unsupported.contains(name)
    }

    /// Whether a name is a function or a set, which cannot be installed.
    pub fn is_no_package(&self, name: &str) -> bool {
        self.others.contains(name)
    }

    /// The path that an unknown one most likely means.
    pub fn closest(&self, path: &[String]) -> Option<String> {
        let (first, rest) = path.split_first()?;
        if let (Some(set), Some(second)) = (self.sets.get(first), rest.first()) {
            let found = suggest::nearest(second, set.iter().map(String::as_str));
            return found
                .map(|name| format!("{first}.{name}"))
                .or_else(|| self.has(second).then(|| second.clone()));
        }
        let sets = self.sets.iter().filter(|(_, names)| {
            names
                .binary_search_by(|known| known.as_str().cmp(first))
                .is_ok()
        });
        // A set of a language has what its name lacks at the top.
        let within = sets
            .min_by_key(|(name, _)| (*name != "python3Packages", name.len()))
            .map(|(name, _)| format!("{name}.{first}"));
        let near = suggest::nearest(first, self.names());
        match (near, within) {
            (Some(near), Some(within)) => {
                let is_case = near.eq_ignore_ascii_case(first);
                Some(if is_case { near.to_owned() } else { within })
            }
            (Some(near), None) => Some(near.to_owned()),
            (None, within) => within,
        }
    }
}

/// Checks the packages that a module names.
pub fn check_packages(module: &Module, packages: &Packages, policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    for reference in &module.packages {
        // A second package set may be of another release.
        if reference.root == "pkgs"
            && let Some(diagnostic) = refusal(reference, packages, policy)
        {
            findings.push(Finding {
                diagnostic,
                start: reference.start,
                end: reference.end,
                path: Vec::new(),
            });
        }
    }
    findings
}

fn refusal(reference: &Reference, packages: &Packages, policy: &Policy) -> Option<Diagnostic> {
    let first = reference.path.first()?;
    let shown = reference.path.join(".");
    if let Some(there) = policy.pinned.get(first) {
        // The set may be of another release, but it allows what the fleet allows.
        return not_allowed(there.last()?, &shown, packages, policy).filter(|_| there.len() == 1);
    }
    match &policy.added {
        Some(added) if added.contains(first) => return None,
        _ => {}
    }
    match packages.state(&reference.path) {
        PackageState::Known | PackageState::Unlisted => {}
        // An overlay that cannot be read off may have it.
        PackageState::Unknown if policy.added.is_none() => return None,
        PackageState::Unknown => {
            let depth = if packages.sets.contains_key(first) {
                2
            } else {
                1
            };
            let name = reference.path[..depth.min(reference.path.len())].join(".");
            let message = format!("there is no package `{name}`");
            let mut diagnostic = Diagnostic::error("package-unknown", None, message);
            if policy.unlisted.contains(first) {
                diagnostic = diagnostic.help(format!(
                    "`packages/{first}` is not listed in `fleet.packages.own`"
                ));
            } else if let Some(near) = packages.closest(&reference.path) {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            }
            return Some(diagnostic);
        }
        PackageState::Alias => {
            let message =
                format!("`{first}` is an old name of a package, or a package that is gone");
            return Some(
                Diagnostic::warning("package-renamed", None, message)
                    .help("Nix says what replaces it: `nix eval nixpkgs#NAME`"),
            );
        }
    }
    if reference.path.len() > 1 {
        return None;
    }
    if let Some(diagnostic) = not_allowed(first, &shown, packages, policy) {
        return Some(diagnostic);
    }
    if packages.is_insecure(first) && !is_allowed(first, &policy.insecure) {
        return Some(
            Diagnostic::error(
                "package-not-allowed",
                None,
                format!("`{shown}` is marked as insecure and not allowed"),
            )
            .help("choose another package, or add its name and version to `fleet.packages.insecure`; Nix says why and how"),
        );
    }
    if packages.is_broken(first) {
        return Some(
            Diagnostic::error(
                "package-broken",
                None,
                format!("`{shown}` is marked as broken"),
            )
            .help("choose another package or another release of nixpkgs"),
        );
    }
    if policy.is_x86 && packages.is_unsupported(first) {
        return Some(
            Diagnostic::error(
                "package-unsupported",
                None,
                format!("`{shown}` does not exist for `x86_64-linux`"),
            )
            .help("choose another package, or keep it to hosts of another system"),
        );
    }
    None
}

/// The refusal of an unfree package.
fn not_allowed(
    first: &str,
    shown: &str,
    packages: &Packages,
    policy: &Policy,
) -> Option<Diagnostic> {
    if !packages.is_unfree(first) || is_allowed(first, &policy.unfree) {
        return None;
    }
    let message = format!("`{shown}` is unfree and not allowed");
    let diagnostic = Diagnostic::error("package-not-allowed", None, message);
    Some(diagnostic.help(format!(
        "add its name to `fleet.packages.unfree`, most likely `{}`",
        first.trim_start_matches('_')
    )))
}

/// What to say of a pin whose package the index does not know. The set that it is taken from may be
/// of another release, so this is no error.
pub fn check_pin(attribute: &[String], packages: &Packages) -> Option<Diagnostic> {
    if packages.state(attribute) != PackageState::Unknown {
        return None;
    }
    let shown = attribute.join(".");
    let message = format!("the index knows no package `{shown}`");
    let diagnostic = Diagnostic::warning("pin-unknown", None, message);
    Some(match packages.closest(attribute) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("`attribute` says what it is called in the set that it comes from"),
    })
}

/// Whether a package is among those that are allowed by name. Lists hold the names that packages give
/// themselves (`1password-gui-8.10`), the index holds attributes (`_1password-gui`).
fn is_allowed(attribute: &str, allowed: &BTreeSet<String>) -> bool {
    let plain = |text: &str| -> String {
        text.chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase()
    };
    let wanted = plain(attribute);
    allowed.iter().any(|name| {
        let name = plain(name);
        name.starts_with(&wanted) || wanted.starts_with(&name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages() -> Packages {
        let text = r#"{
            "names": ["_1password-gui", "btop", "firefox", "git", "hello", "htop", "python3Packages", "steam", "wine", "writeText", "cider", "alist", "afsctool"],
            "aliases": ["neofetch"],
            "sets": { "python3Packages": ["numpy", "requests"] },
            "unfree": ["_1password-gui", "steam"],
            "broken": ["cider"],
            "insecure": ["alist"],
            "unsupported": ["afsctool"],
            "notPackages": ["python3Packages", "writeText"]
        }"#;
        Packages::parse("packages.json", text).unwrap()
    }

    fn findings(code: &str, policy: &Policy) -> Vec<String> {
        let module = nix::read_module(&format!("{{ a = {code}; }}")).unwrap();
        check_packages(&module, &packages(), policy)
            .into_iter()
            .map(|finding| {
                let help = finding.diagnostic.help.join("; ");
                format!("{}: {}", finding.diagnostic.code, help)
            })
            .collect()
    }

    #[test]
    fn names() {
        let policy = Policy {
            unfree: ["1password".to_owned()].into(),
            added: Some(["mine".to_owned()].into()),
            unlisted: ["helo2".to_owned()].into(),
            is_x86: true,
            ..Policy::default()
        };
        let cases: &[(&str, &[&str])] = &[
            ("pkgs.hello", &[]),
            ("pkgs.hello.man", &[]),
            ("pkgs.mine.x", &[]),
            ("pkgs._1password-gui", &[]),
            ("pkgs.python3Packages.numpy", &[]),
            ("pkgs.lib.x", &[]),
            ("pkgs.helo", &["package-unknown: did you mean `hello`?"]),
            (
                "pkgs.helo2",
                &["package-unknown: `packages/helo2` is not listed in `fleet.packages.own`"],
            ),
            (
                "pkgs.requests",
                &["package-unknown: did you mean `python3Packages.requests`?"],
            ),
            (
                "pkgs.python3Packages.nunpy",
                &["package-unknown: did you mean `python3Packages.numpy`?"],
            ),
            (
                "with pkgs; [ git firefx ]",
                &["package-unknown: did you mean `firefox`?"],
            ),
            (
                "pkgs.neofetch",
                &["package-renamed: Nix says what replaces it: `nix eval nixpkgs#NAME`"],
            ),
            (
                "pkgs.steam",
                &[
                    "package-not-allowed: add its name to `fleet.packages.unfree`, most likely `steam`",
                ],
            ),
            (
                "pkgs.cider",
                &["package-broken: choose another package or another release of nixpkgs"],
            ),
            (
                "pkgs.afsctool",
                &[
                    "package-unsupported: choose another package, or keep it to hosts of another system",
                ],
            ),
        ];
        for (code, expected) in cases {
            assert_eq!(findings(code, &policy), *expected, "{code}");
        }
        assert_eq!(findings("pkgs.alist", &policy).len(), 1);
        let unreadable = Policy::default();
        assert!(findings("pkgs.helo", &unreadable).is_empty());
    }
}
