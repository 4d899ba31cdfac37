//! `cargo xtask index-agree`: what `gen index` reads, against the indexes in `../shared/data`.
//!
//! Both are of the lab's trees, so that they must agree, entry for entry. Differences are counted by
//! kind; those that are known, with the reason why they stay, are in [`KNOWN`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use anyhow::{Context as _, bail};
use flakesmith::facts::{Modules, Part, Reader, StateVersions};
use serde_json::Value;

use crate::{Outcome, lab, workspace};

/// Differences of a kind that are shown.
const SHOWN: usize = 8;

/// Differences that stay: kind, name, reason.
const KNOWN: &[(&str, &str, &str)] = &[
    (
        "packages.json: `unfree`: only ours",
        "stremio-linux-shell",
        "nixpkgs refuses it: one of its licences, combined by AND, is unfree",
    ),
    (
        "packages.json: `unfree`: only ours",
        "veracrypt",
        "nixpkgs refuses it: one of its licences, combined by AND, is unfree",
    ),
];

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Keep what was read in this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Compare what an earlier run kept instead of reading again
    #[arg(long, value_name = "DIR", conflicts_with = "keep")]
    kept: Option<PathBuf>,
}

/// Reads, compares and tells.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let data = workspace::root().join("../shared/data");
    if !data.is_dir() {
        bail!("there is no {}", data.display());
    }
    let mut differences = 0;
    let reader = match &args.kept {
        Some(_) => None,
        None => Some(reader()?),
    };
    for &part in Part::ALL {
        let theirs = json(&fs::read_to_string(data.join(part.file()))?)?;
        let (ours, how) = match (&reader, &args.kept) {
            (Some(reader), _) => {
                let start = Instant::now();
                let facts = reader.read(part, &AtomicUsize::new(0))?;
                if let Some(folder) = &args.keep {
                    fs::create_dir_all(folder)?;
                    fs::write(folder.join(part.file()), &facts.text)?;
                }
                let how = format!("read in {:.1} s", start.elapsed().as_secs_f32());
                for what in &facts.left_out {
                    println!("  left out: {what}");
                }
                (facts.text, how)
            }
            (None, Some(folder)) => (
                fs::read_to_string(folder.join(part.file()))?,
                "kept".to_owned(),
            ),
            (None, None) => bail!("nothing to compare"),
        };
        let ours = json(&ours)?;
        let compared = match part {
            Part::Packages => packages(&ours, &theirs)?,
            Part::Nixos | Part::Home | Part::Microvm => options(&ours, &theirs)?,
        };
        println!(
            "{}: {} of {} {} agree ({how})",
            part.file(),
            compared.agree,
            compared.all,
            if part == Part::Packages {
                "facts"
            } else {
                "entries"
            },
        );
        differences += tell(part.file(), &compared.kinds);
    }
    Ok(Outcome::of(differences))
}

/// A reader of the lab's trees, at the releases that the indexes have their defaults of.
fn reader() -> anyhow::Result<Reader> {
    let lab = lab::find()?;
    let folder = workspace::target_dir()?.join("index-agree");
    fs::create_dir_all(&folder)?;
    let expression = lab.inputs(&folder)?;
    let release = fs::read_to_string(lab.pool.join("nixpkgs/lib/.version"))
        .context("the lab's nixpkgs says no release")?;
    Reader::new(
        &lab.nix,
        expression,
        vec!["x86_64-linux".to_owned()],
        StateVersions {
            nixos: release.trim().to_owned(),
            home: "25.11".to_owned(),
        },
        Modules::default(),
    )
}

fn json(text: &str) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(text)?)
}

/// What a comparison gives.
#[derive(Debug, Default, PartialEq)]
struct Compared {
    agree: usize,
    all: usize,
    /// Kind → name and both sides.
    kinds: BTreeMap<String, Vec<(String, String)>>,
}

impl Compared {
    fn differ(&mut self, kind: impl Into<String>, name: &str, sides: String) {
        let entries = self.kinds.entry(kind.into()).or_default();
        entries.push((name.to_owned(), sides));
    }
}

/// Every option, every key of it.
fn options(ours: &Value, theirs: &Value) -> anyhow::Result<Compared> {
    let by_name = |side: &Value| -> anyhow::Result<BTreeMap<String, Value>> {
        let rows = side.as_array().context("no list of options")?;
        rows.iter()
            .map(|row| {
                let name = row["name"].as_str().context("an option without a name")?;
                Ok((name.to_owned(), row.clone()))
            })
            .collect()
    };
    let (ours, theirs) = (by_name(ours)?, by_name(theirs)?);
    let mut compared = Compared {
        all: theirs.len(),
        ..Compared::default()
    };
    for (name, row) in &theirs {
        let Some(own) = ours.get(name) else {
            compared.differ("only theirs", name, String::new());
            continue;
        };
        if own == row {
            compared.agree += 1;
            continue;
        }
        let keys = |value: &Value| -> BTreeSet<String> {
            value
                .as_object()
                .into_iter()
                .flat_map(|o| o.keys().cloned())
                .collect()
        };
        let differing: Vec<String> = keys(own)
            .union(&keys(row))
            .filter(|key| own.get(key.as_str()) != row.get(key.as_str()))
            .cloned()
            .collect();
        let side = |value: &Value| -> String {
            let shown = differing.iter().map(|key| match value.get(key) {
                Some(value) => value.to_string(),
                None => "-".to_owned(),
            });
            shown.collect::<Vec<_>>().join(" ")
        };
        compared.differ(
            format!("`{}` differs", differing.join("`, `")),
            name,
            format!("theirs {}, ours {}", side(row), side(own)),
        );
    }
    for name in ours.keys().filter(|name| !theirs.contains_key(*name)) {
        compared.differ("only ours", name, String::new());
    }
    Ok(compared)
}

/// Every list; a name in a list is a fact.
fn packages(ours: &Value, theirs: &Value) -> anyhow::Result<Compared> {
    fn lists(value: &Value) -> BTreeMap<String, BTreeSet<String>> {
        let names = |list: &Value| -> BTreeSet<String> {
            let list = list.as_array().into_iter().flatten();
            list.filter_map(|name| name.as_str().map(str::to_owned))
                .collect()
        };
        let mut all = BTreeMap::new();
        for (key, value) in value.as_object().into_iter().flatten() {
            if let Some(sets) = value.as_object() {
                for (set, members) in sets {
                    all.insert(format!("{key}.{set}"), names(members));
                }
            } else {
                all.insert(key.clone(), names(value));
            }
        }
        all
    }
    let (ours, theirs) = (lists(ours), lists(theirs));
    if ours.is_empty() || theirs.is_empty() {
        bail!("no lists of packages");
    }
    let mut compared = Compared::default();
    let none = BTreeSet::new();
    for key in ours.keys().chain(theirs.keys()).collect::<BTreeSet<_>>() {
        let own = ours.get(key).unwrap_or(&none);
        let other = theirs.get(key).unwrap_or(&none);
        compared.all += other.len();
        compared.agree += own.intersection(other).count();
        for name in other.difference(own) {
            compared.differ(format!("`{key}`: only theirs"), name, String::new());
        }
        for name in own.difference(other) {
            compared.differ(format!("`{key}`: only ours"), name, String::new());
        }
    }
    Ok(compared)
}

/// Prints the differences. How many have no known reason.
fn tell(file: &str, kinds: &BTreeMap<String, Vec<(String, String)>>) -> usize {
    let mut unknown = 0;
    for (kind, entries) in kinds {
        let full = format!("{file}: {kind}");
        println!("  {kind}: {}", entries.len());
        let mut shown = 0;
        for (name, sides) in entries {
            let known = KNOWN.iter().find(|(k, n, _)| *k == full && n == name);
            if let Some((_, _, reason)) = known {
                println!("    {name}: {reason}");
                continue;
            }
            unknown += 1;
            shown += 1;
            if shown <= SHOWN {
                println!("    {name} {sides}");
            }
        }
        if shown > SHOWN {
            println!("    and {} more", shown - SHOWN);
        }
    }
    unknown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_are_compared_key_by_key() {
        let ours = json!([
            { "name": "a", "type": { "t": "int" } },
            { "name": "b", "type": { "t": "int" }, "default": 1 },
            { "name": "d" },
        ]);
        let theirs = json!([
            { "name": "a", "type": { "t": "int" } },
            { "name": "b", "type": { "t": "str" } },
            { "name": "c" },
        ]);
        let compared = options(&ours, &theirs).unwrap();
        assert_eq!((compared.agree, compared.all), (1, 3));
        let kinds: Vec<&str> = compared.kinds.keys().map(String::as_str).collect();
        assert_eq!(
            kinds,
            ["`default`, `type` differs", "only ours", "only theirs"]
        );
    }

    #[test]
    fn packages_are_compared_list_by_list() {
        let ours = json!({ "names": ["a", "b"], "sets": { "s": ["x"] } });
        let theirs = json!({ "names": ["a"], "sets": { "s": ["x", "y"] } });
        let compared = packages(&ours, &theirs).unwrap();
        assert_eq!((compared.agree, compared.all), (2, 3));
        let kinds: Vec<&str> = compared.kinds.keys().map(String::as_str).collect();
        assert_eq!(kinds, ["`names`: only ours", "`sets.s`: only theirs"]);
        assert!(packages(&json!([]), &theirs).is_err());
    }

    #[test]
    fn known_differences_count_as_none() {
        let (kind, name, _) = KNOWN[0];
        let (file, kind) = kind.split_once(": ").unwrap();
        let entry = |name: &str| (name.to_owned(), String::new());
        let kinds = BTreeMap::from([(kind.to_owned(), vec![entry(name), entry("other")])]);
        assert_eq!(tell(file, &kinds), 1);
    }
}
