//! The plan of a run, with regard to files that are the user's: what they name stays.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use output::{Entry, FileTree, Manifest, OutputError, Plan, State, Target, Yours};

use crate::modules::{folder, joined};

/// Compares the manifest, the disk and a new tree. A file that is no longer generated is not removed
/// while one that was ejected names it.
pub(crate) fn plan(
    target: &Target,
    tree: &FileTree,
    manifest: Option<&Manifest>,
    overwrite: &[String],
) -> Result<Plan, OutputError> {
    let mut plan = output::plan(target, tree, manifest, overwrite)?;
    let is_orphan = |entry: &Entry| entry.state == State::Yours(Yours::Orphan);
    let may_go: BTreeSet<String> = plan
        .entries()
        .iter()
        .filter(|entry| entry.state == State::Remove && !entry.allowed || is_orphan(entry))
        .map(|entry| entry.path.clone())
        .collect();
    let ejected = plan.entries().iter().filter(|entry| {
        matches!(entry.state, State::Yours(_)) && entry.state != State::Yours(Yours::Missing)
    });
    let (orphans, live): (Vec<&Entry>, Vec<&Entry>) = ejected.partition(|entry| is_orphan(entry));
    if may_go.is_empty() {
        return Ok(plan);
    }
    let paths = |entries: Vec<&Entry>| entries.iter().map(|entry| entry.path.clone()).collect();
    let mut named: BTreeMap<String, String> = BTreeMap::new();
    follow(target, paths(live), &may_go, &mut named);
    let used: BTreeSet<String> = named.keys().cloned().collect();
    follow(target, paths(orphans), &may_go, &mut named);
    plan.keep(named, &used);
    Ok(plan)
}

/// What files name of some others, and these in turn; each with the file that names it.
fn follow(
    target: &Target,
    mut open: Vec<String>,
    others: &BTreeSet<String>,
    named: &mut BTreeMap<String, String>,
) {
    while let Some(by) = open.pop() {
        let Ok(text) = fs::read_to_string(target.root.join(&by)) else {
            continue;
        };
        for path in nix::relative_paths(&text).unwrap_or_default() {
            let Some(path) = joined(folder(&by), &path.path).filter(|path| !path.is_empty()) else {
                continue;
            };
            let module = format!("{path}/default.nix");
            // A folder with a module stands for that, whether the module may go or not. What is copied
            // from the spec may also be read as a folder.
            let is_copied = path == "custom" || path.starts_with("custom/");
            let has_module =
                !is_copied && (others.contains(&module) || target.root.join(&module).is_file());
            let is_named = |other: &str| {
                if has_module {
                    return other == module;
                }
                other
                    .strip_prefix(path.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            for other in others.iter().filter(|other| is_named(other)) {
                if *other != by && !named.contains_key(other) {
                    named.insert(other.clone(), by.clone());
                    open.push(other.clone());
                }
            }
        }
    }
}
