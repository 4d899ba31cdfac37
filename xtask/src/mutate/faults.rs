//! Single faults, made by a seed.

use std::collections::BTreeSet;

use nix::AttrPath;
use serde_json::{Value, json};

use super::Random;
use super::facts::{Known, Row, Space, World};
use super::sites::{Place, Site};

/// The file of a host and a user that are added to a fleet.
const ADDED: &str = "spec/mutant.yaml";
/// Letters around each on a keyboard.
const NEIGHBOURS: &[&str] = &["qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890"];
/// Tries for one fault of a kind.
const TRIES: usize = 400;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Typo,
    Namespace,
    Removed,
    Renamed,
    Enum,
    Range,
    TextForBool,
    TextForInt,
    TextForList,
    PackageTypo,
    Unfree,
}

impl Kind {
    /// How many in a hundred.
    pub(super) const SHARES: &[(Self, usize)] = &[
        (Self::Typo, 40),
        (Self::Namespace, 8),
        (Self::Removed, 5),
        (Self::Renamed, 5),
        (Self::Enum, 10),
        (Self::Range, 6),
        (Self::TextForBool, 5),
        (Self::TextForInt, 4),
        (Self::TextForList, 4),
        (Self::PackageTypo, 9),
        (Self::Unfree, 4),
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Typo => "misspelt option",
            Self::Namespace => "option of the other half",
            Self::Removed => "removed option",
            Self::Renamed => "renamed option",
            Self::Enum => "misspelt word of an enumeration",
            Self::Range => "number out of range",
            Self::TextForBool => "text for a boolean",
            Self::TextForInt => "text for a number",
            Self::TextForList => "text for a list",
            Self::PackageTypo => "misspelt package",
            Self::Unfree => "unfree package",
        }
    }

    /// The codes that are right for it.
    pub(super) fn codes(self) -> &'static [&'static str] {
        match self {
            Self::Typo | Self::Namespace => &["setting-unknown"],
            Self::Removed => &["setting-removed"],
            Self::Renamed => &["setting-renamed"],
            Self::Enum | Self::Range | Self::TextForBool | Self::TextForInt | Self::TextForList => {
                &["setting-type"]
            }
            Self::PackageTypo => &["package-unknown"],
            Self::Unfree => &["package-not-allowed"],
        }
    }
}

/// A fleet with one fault.
#[derive(Clone, Debug)]
pub(super) struct Mutant {
    pub(super) fleet: usize,
    pub(super) kind: Kind,
    /// The file that holds the fault.
    pub(super) file: (String, String),
    /// In words.
    pub(super) what: String,
    /// What a suggestion must name first; none where no other name mends it.
    pub(super) expected: Option<Vec<String>>,
    /// Whether the fault is in a host or user that the fleet did not have.
    pub(super) added: bool,
    pub(super) claim: Claim,
}

/// Why it is a fault, for a real Nix to confirm.
#[derive(Clone, Debug)]
pub(super) enum Claim {
    /// The first path is no option, the second is.
    NoOption {
        space: Space,
        path: Vec<String>,
        /// Empty where the other half has it.
        good: Vec<String>,
        /// What is set; none where it is not plain data.
        value: Option<Value>,
    },
    /// The option takes the second value and not the first.
    NoValue {
        space: Space,
        path: Vec<String>,
        bad: Value,
        good: Value,
    },
    Removed {
        space: Space,
        path: Vec<String>,
    },
    Renamed {
        space: Space,
        path: Vec<String>,
    },
    NoPackage {
        name: String,
        good: String,
    },
    Unfree {
        name: String,
    },
}

/// Questions about a fleet with a file replaced or added.
pub(super) struct Checks<'a> {
    /// Whether nothing is reported.
    pub(super) is_sound: &'a dyn Fn(usize, &(String, String)) -> bool,
    /// Whether the flake is another one.
    pub(super) is_live: &'a dyn Fn(usize, &(String, String)) -> bool,
}

/// As many faults as asked for, where there are so many; a share of each kind. Half of the faults of a
/// kind, where the fleets have so many places for it, are in what they set themselves.
pub(super) fn make(
    world: &World,
    sites: &[Site],
    fleets: usize,
    seed: u64,
    count: usize,
    checks: &Checks<'_>,
) -> Vec<Mutant> {
    let mut maker = Maker {
        world,
        random: Random(seed),
        fleets,
        checks,
        seen: BTreeSet::new(),
    };
    let mut mutants = Vec::new();
    let mut left = count;
    for &(kind, share) in Kind::SHARES.iter().rev() {
        // The first kind takes what rounding leaves.
        let wanted = if kind == Kind::Typo {
            left
        } else {
            (count * share / 100).min(left)
        };
        let before = mutants.len();
        let mut own: Vec<&Site> = sites.iter().collect();
        maker.random.shuffle(&mut own);
        for site in own {
            if mutants.len() - before >= wanted.div_ceil(2) {
                break;
            }
            let found = maker.in_place(kind, site);
            let is_live = |mutant: &Mutant| (checks.is_live)(mutant.fleet, &mutant.file);
            let found = found.filter(is_live);
            mutants.extend(found.filter(|mutant| maker.is_new(mutant)));
        }
        let mut tries = 0;
        while mutants.len() - before < wanted && tries < TRIES + wanted * 40 {
            tries += 1;
            let found = maker.anew(kind);
            mutants.extend(found.filter(|mutant| maker.is_new(mutant)));
        }
        left -= mutants.len() - before;
    }
    mutants.reverse();
    mutants
}

struct Maker<'a> {
    world: &'a World,
    random: Random,
    fleets: usize,
    checks: &'a Checks<'a>,
    seen: BTreeSet<(usize, String)>,
}

impl<'a> Maker<'a> {
    fn is_new(&mut self, mutant: &Mutant) -> bool {
        self.seen.insert((mutant.fleet, mutant.what.clone()))
    }

    /// A fault in what a fleet sets itself.
    fn in_place(&mut self, kind: Kind, site: &Site) -> Option<Mutant> {
        let make = |(start, end): (usize, usize), new: &str| {
            let text = format!("{}{new}{}", &site.text[..start], &site.text[end..]);
            (site.file.clone(), text)
        };
        let mutant = |file, what, expected, claim| Mutant {
            fleet: site.fleet,
            kind,
            file,
            what,
            expected,
            added: false,
            claim,
        };
        match (&site.place, kind) {
            (
                Place::Setting {
                    space,
                    path,
                    before,
                    key,
                    value,
                },
                Kind::Typo,
            ) => {
                let wrong = self.misspelt_path(*space, path, *before)?;
                let at = (0..path.len()).find(|at| wrong[*at] != path[*at])?;
                let old = &site.text[key.0..key.1];
                if old.matches(path[at].as_str()).count() != 1 {
                    return None;
                }
                let new = old.replacen(path[at].as_str(), &wrong[at], 1);
                Some(mutant(
                    make(*key, &new),
                    format!("{} as {}", shown(path), shown(&wrong)),
                    Some(vec![shown(path)]),
                    Claim::NoOption {
                        space: *space,
                        path: wrong,
                        good: path.clone(),
                        value: value.and_then(|(start, end)| scalar(&site.text[start..end])),
                    },
                ))
            }
            (
                Place::Setting {
                    space,
                    path,
                    value: Some(bytes),
                    ..
                },
                _,
            ) => {
                let row = self.world.tree(*space).row(path)?;
                let old: Value = scalar(&site.text[bytes.0..bytes.1])?;
                let (bad, expected) = self.bad_value(kind, row.ty(), Some(&old))?;
                Some(mutant(
                    make(*bytes, &bad.to_string()),
                    format!("{} = {bad}", shown(path)),
                    expected,
                    Claim::NoValue {
                        space: *space,
                        path: path.clone(),
                        bad,
                        good: old,
                    },
                ))
            }
            (Place::Package { name, bytes }, Kind::PackageTypo) => {
                if !self.world.packages.contains(name) {
                    return None;
                }
                let wrong = self.misspelt_package(name)?;
                Some(mutant(
                    make(*bytes, &wrong),
                    format!("{name} as {wrong}"),
                    Some(vec![name.clone()]),
                    Claim::NoPackage {
                        name: wrong,
                        good: name.clone(),
                    },
                ))
            }
            (Place::Package { bytes, .. }, Kind::Unfree) => {
                let name = self.unfree(&site.text)?;
                Some(mutant(
                    make(*bytes, &name),
                    name.clone(),
                    Some(vec!["fleet.packages.unfree".to_owned()]),
                    Claim::Unfree { name },
                ))
            }
            _ => None,
        }
    }

    /// A fault in a host or user that is added to a fleet.
    fn anew(&mut self, kind: Kind) -> Option<Mutant> {
        let fleet = self.random.below(self.fleets);
        let space = if self.random.below(10) < 7 {
            Space::Nixos
        } else {
            Space::Home
        };
        let (good, bad, what, expected, claim) = match kind {
            Kind::Typo => {
                let (row, value) = self.option(space)?;
                let wrong = self.misspelt_path(space, &row.path, 0)?;
                (
                    added(space, &row.path, &value),
                    added(space, &wrong, &value),
                    format!("{} as {}", shown(&row.path), shown(&wrong)),
                    Some(vec![shown(&row.path)]),
                    Claim::NoOption {
                        space,
                        path: wrong,
                        good: row.path.clone(),
                        value: Some(value),
                    },
                )
            }
            Kind::Namespace => {
                let (row, value) = self.option(space.other())?;
                if self.world.tree(space).known(&row.path) == Known::Free
                    || !matches!(self.world.tree(space).known(&row.path), Known::No(_))
                {
                    return None;
                }
                let words = match space {
                    Space::Nixos => "option of Home Manager",
                    Space::Home => "option of NixOS",
                };
                (
                    added(space.other(), &row.path, &value),
                    added(space, &row.path, &value),
                    format!("{} in {space:?}", shown(&row.path)),
                    Some(vec![words.to_owned()]),
                    Claim::NoOption {
                        space,
                        path: row.path.clone(),
                        good: Vec::new(),
                        value: Some(value),
                    },
                )
            }
            Kind::Removed => {
                let rows: Vec<&Row> = self.rows(space, |row| {
                    row.flag("removed") && row.ty()["t"] == "any" && row.flag("noDefault")
                });
                let row = *self.random.pick(&rows)?;
                (
                    added_package("hello"),
                    added(space, &row.path, &json!(true)),
                    shown(&row.path),
                    None,
                    Claim::Removed {
                        space,
                        path: row.path.clone(),
                    },
                )
            }
            Kind::Renamed => {
                let rows: Vec<&Row> = self.rows(space, |row| row.facts["aliasOf"].is_string());
                let row = *self.random.pick(&rows)?;
                let target = row.facts["aliasOf"].as_str()?;
                let AttrPath(path) = AttrPath::parse(target).ok()?;
                let new = self.world.tree(space).row(&path)?;
                let value = new.is_usual().then(|| sample(new.ty()))??;
                (
                    added(space, &path, &value),
                    added(space, &row.path, &value),
                    format!("{} for {target}", shown(&row.path)),
                    Some(vec![target.to_owned()]),
                    Claim::Renamed {
                        space,
                        path: row.path.clone(),
                    },
                )
            }
            Kind::Enum | Kind::Range | Kind::TextForBool | Kind::TextForInt | Kind::TextForList => {
                let (row, value) = self.option_of(kind, space)?;
                let (bad, expected) = self.bad_value(kind, row.ty(), Some(&value))?;
                (
                    added(space, &row.path, &value),
                    added(space, &row.path, &bad),
                    format!("{} = {bad}", shown(&row.path)),
                    expected,
                    Claim::NoValue {
                        space,
                        path: row.path.clone(),
                        bad,
                        good: value,
                    },
                )
            }
            Kind::PackageTypo => {
                let names: Vec<&String> = self.world.packages.iter().collect();
                let name = (*self.random.pick(&names)?).clone();
                let wrong = self.misspelt_package(&name)?;
                (
                    added_package(&name),
                    added_package(&wrong),
                    format!("{name} as {wrong}"),
                    Some(vec![name.clone()]),
                    Claim::NoPackage {
                        name: wrong,
                        good: name,
                    },
                )
            }
            Kind::Unfree => {
                let name = self.unfree("")?;
                (
                    added_package("hello"),
                    added_package(&name),
                    name.clone(),
                    Some(vec!["fleet.packages.unfree".to_owned()]),
                    Claim::Unfree { name },
                )
            }
        };
        if !(self.checks.is_sound)(fleet, &good) {
            return None;
        }
        Some(Mutant {
            fleet,
            kind,
            file: bad,
            what,
            expected,
            added: true,
            claim,
        })
    }

    /// Options of nixpkgs or Home Manager themselves, which any fleet has.
    fn rows(&self, space: Space, wanted: impl Fn(&Row) -> bool) -> Vec<&'a Row> {
        let world: &'a World = self.world;
        let from = match space {
            Space::Nixos => Value::Null,
            Space::Home => json!("home-manager"),
        };
        let is_plain = |row: &&Row| {
            row.facts["from"] == from && !row.path.iter().any(|part| part.starts_with(['<', '*']))
        };
        let rows = world.tree(space).options.iter();
        rows.filter(is_plain).filter(|row| wanted(row)).collect()
    }

    /// Some option that can be set alone, and a value for it.
    fn option(&mut self, space: Space) -> Option<(&'a Row, Value)> {
        let rows = self.rows(space, |row| row.is_usual() && sample(row.ty()).is_some());
        let row = *self.random.pick(&rows)?;
        Some((row, sample(row.ty())?))
    }

    /// The same, of a type that a kind of fault is about.
    fn option_of(&mut self, kind: Kind, space: Space) -> Option<(&'a Row, Value)> {
        let rows = self.rows(space, |row| {
            row.is_usual() && sample(row.ty()).is_some() && fits(kind, row.ty())
        });
        let row = *self.random.pick(&rows)?;
        Some((row, sample(row.ty())?))
    }

    /// A value that a type does not take, and the value that was meant.
    fn bad_value(
        &mut self,
        kind: Kind,
        ty: &Value,
        old: Option<&Value>,
    ) -> Option<(Value, Option<Vec<String>>)> {
        let ty = inner(ty);
        if !fits(kind, ty) {
            return None;
        }
        let name = ty["t"].as_str().unwrap_or_default();
        match kind {
            Kind::Enum => {
                let old = old?.as_str()?;
                let values = ty["values"].as_array()?;
                values.iter().find(|value| value.as_str() == Some(old))?;
                let wrong = self.misspell(old)?;
                let is_other = values.iter().any(|value| value.as_str() == Some(&wrong));
                (!is_other).then(|| (json!(wrong), Some(vec![old.to_owned()])))
            }
            Kind::Range => {
                let further = i64::try_from(self.random.below(40)).ok()?;
                let bad = match name {
                    "unsignedInt16" => 65_536 + further,
                    "unsignedInt8" => 256 + further,
                    "positiveInt" => -further,
                    "unsignedInt" | "unsignedInt32" => -1 - further,
                    "intBetween" => bounds(ty)?.1 + 1 + further,
                    _ => return None,
                };
                Some((json!(bad), None))
            }
            Kind::TextForBool => Some((
                json!(self.random.pick(&["yes", "on", "true", "enabled"])?),
                None,
            )),
            Kind::TextForInt => Some((json!(self.random.pick(&["8080", "many", "10s"])?), None)),
            Kind::TextForList => Some((json!("text"), None)),
            _ => None,
        }
    }

    /// A path with one of its own parts misspelt, so that it no longer exists.
    fn misspelt_path(&mut self, space: Space, path: &[String], from: usize) -> Option<Vec<String>> {
        let tree = self.world.tree(space);
        if !matches!(tree.known(path), Known::Option(_)) {
            return None;
        }
        let at = from + self.random.below(path.len() - from);
        let mut wrong = path.to_vec();
        wrong[at] = self.misspell(&path[at])?;
        match tree.known(&wrong) {
            Known::No(part) if part == at => Some(wrong),
            _ => None,
        }
    }

    fn misspelt_package(&mut self, name: &str) -> Option<String> {
        let wrong = self.misspell(name)?;
        (!self.world.other_names.contains(&wrong)).then_some(wrong)
    }

    /// An unfree package that a text does not name.
    fn unfree(&mut self, text: &str) -> Option<String> {
        let name = self.random.pick(&self.world.unfree)?;
        (!text.contains(name.as_str())).then(|| name.clone())
    }

    /// A word as fingers slip: a letter dropped, doubled, exchanged or hit beside; two at times.
    fn misspell(&mut self, word: &str) -> Option<String> {
        let mut letters: Vec<char> = word.chars().collect();
        if letters.len() < 3 || !word.is_ascii() {
            return None;
        }
        let slips = if letters.len() >= 7 && self.random.below(5) == 0 {
            2
        } else {
            1
        };
        for _ in 0..slips {
            let at = self.random.below(letters.len());
            match self.random.below(4) {
                0 => {
                    letters.remove(at);
                }
                1 => letters.insert(at, letters[at]),
                2 if at + 1 < letters.len() => letters.swap(at, at + 1),
                _ => letters[at] = self.beside(letters[at])?,
            }
        }
        let wrong: String = letters.into_iter().collect();
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        let is_name =
            wrong.chars().all(plain) && wrong.starts_with(|c: char| c.is_ascii_alphabetic());
        (wrong != word && is_name).then_some(wrong)
    }

    fn beside(&mut self, letter: char) -> Option<char> {
        let lower = letter.to_ascii_lowercase();
        let row = NEIGHBOURS.iter().find(|row| row.contains(lower))?;
        let at = row.find(lower)?;
        let near: Vec<char> = row
            .char_indices()
            .filter(|(other, _)| other.abs_diff(at) == 1)
            .map(|(_, c)| c)
            .collect();
        let found = *self.random.pick(&near)?;
        Some(if letter.is_ascii_uppercase() {
            found.to_ascii_uppercase()
        } else {
            found
        })
    }
}

/// The type inside `nullOr`.
fn inner(ty: &Value) -> &Value {
    if ty["t"] == "nullOr" {
        inner(&ty["of"])
    } else {
        ty
    }
}

/// Whether a kind of fault is about a type.
fn fits(kind: Kind, ty: &Value) -> bool {
    let ty = inner(ty);
    let name = ty["t"].as_str().unwrap_or_default();
    match kind {
        Kind::Enum => name == "enum",
        Kind::Range => {
            [
                "unsignedInt16",
                "unsignedInt8",
                "positiveInt",
                "unsignedInt",
                "unsignedInt32",
            ]
            .contains(&name)
                || (name == "intBetween" && bounds(ty).is_some())
        }
        Kind::TextForBool => name == "bool",
        Kind::TextForInt => name == "int" || name.contains("Int"),
        Kind::TextForList => name == "listOf",
        _ => true,
    }
}

/// The bounds in `integer between 1 and 100 (both inclusive)`.
fn bounds(ty: &Value) -> Option<(i64, i64)> {
    let rest = ty["desc"].as_str()?.strip_prefix("integer between ")?;
    let (low, rest) = rest.split_once(" and ")?;
    Some((low.parse().ok()?, rest.split(' ').next()?.parse().ok()?))
}

/// A value that a type takes, for the common types.
fn sample(ty: &Value) -> Option<Value> {
    let ty = inner(ty);
    Some(match ty["t"].as_str()? {
        "bool" => json!(true),
        "str" | "separatedString" | "nonEmptyStr" | "singleLineStr" => json!("text"),
        "int" | "unsignedInt" | "positiveInt" | "unsignedInt16" | "unsignedInt8" => json!(80),
        "intBetween" => json!(bounds(ty)?.0),
        "path" => json!("/srv/text"),
        "enum" => {
            let words = ty["values"].as_array()?.iter();
            let longest = words
                .filter_map(Value::as_str)
                .max_by_key(|word| word.len())?;
            json!(longest)
        }
        "listOf" if ty["of"]["t"] == "str" => json!(["text"]),
        _ => return None,
    })
}

/// The value of a scalar that is written as JSON would be, or as plain text.
fn scalar(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    let is_word = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    (is_word && !text.is_empty()).then(|| json!(text))
}

/// A host, or a user on one, with one setting.
fn added(space: Space, path: &[String], value: &Value) -> (String, String) {
    let key = format!("'{}'", shown(path).replace('\'', "''"));
    let (home, host) = match space {
        Space::Nixos => ("{ }".to_owned(), format!("{{ {key}: {value} }}")),
        Space::Home => (
            format!("{{ settings: {{ {key}: {value} }} }}"),
            "{ }".to_owned(),
        ),
    };
    file(&home, &host)
}

fn added_package(name: &str) -> (String, String) {
    file(
        "{ }",
        &format!("{{ environment.systemPackages: [!pkg {name}] }}"),
    )
}

fn file(home: &str, host: &str) -> (String, String) {
    let text = format!(
        "users:\n  mutant: {{ fullName: Mutant, home: {home} }}\n\
         hosts:\n  mutant:\n    hardware: {{ cpu: none, platform: lxc }}\n    \
         system: x86_64-linux\n    stateVersion: \"25.11\"\n    \
         users: {{ mutant: [] }}\n    settings: {host}\n"
    );
    (ADDED.to_owned(), text)
}

fn shown(path: &[String]) -> String {
    AttrPath(path.to_vec()).to_string()
}
