//! The page of the catalog: every feature with its options, and the fleets that show it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::bail;
use diag::{Diagnostics, SourceMap};
use resolve::{FeatureSummary, OptionSummary};

use super::markdown::{anchor, cell, code, table};
use crate::{fleets, workspace};

/// Feature → fleets of the repository in which a host or a user has it.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// The page.
pub(super) fn page() -> anyhow::Result<String> {
    let features = catalog()?;
    let uses = uses()?;
    let mut categories: BTreeMap<&str, Vec<&FeatureSummary>> = BTreeMap::new();
    for feature in &features {
        categories
            .entry(&feature.category)
            .or_default()
            .push(feature);
    }
    let mut text = String::from("# Features\n\n");
    text.push_str(super::notice());
    let _ = writeln!(
        text,
        "The catalog has {} features in {} categories. A feature has a system half (NixOS), a Home \
         Manager half, or both. `requires` are switched on along with it. The last column names the \
         fleets of this repository that have it: `hub` is the one in `spec/`, the others are in \
         `golden/`. Fields of an option stand below it: `<name>` is a key of your own, `*` an element \
         of a list.",
        features.len(),
        categories.len()
    );
    for (category, features) in &categories {
        let _ = write!(text, "\n## {category}\n\n");
        let rows: Vec<Vec<String>> = features.iter().map(|f| row(f, &uses)).collect();
        text.push_str(&table(
            &[
                "feature",
                "summary",
                "halves",
                "requires",
                "conflicts",
                "seen in",
            ],
            &rows,
        ));
        for feature in features {
            details(&mut text, feature);
        }
    }
    Ok(text)
}

fn catalog() -> anyhow::Result<Vec<FeatureSummary>> {
    let mut sources = SourceMap::new();
    let mut diagnostics = Diagnostics::new();
    let none = spec::Spec::default();
    let features = resolve::feature_summaries(&none, &mut sources, &mut diagnostics);
    if !diagnostics.is_empty() {
        bail!("the catalog has findings; its own tests say which");
    }
    Ok(features)
}

fn uses() -> anyhow::Result<Uses> {
    let mut uses = Uses::new();
    for (name, folder) in fleets::specs()? {
        let generated = fleets::generate(&folder, &workspace::root())?;
        // A case may be about something that is wrong.
        if generated.diagnostics.has_errors() {
            continue;
        }
        for host in generated.fleet.machines() {
            let of_users = host.users.values().flat_map(|user| user.enabled.keys());
            for feature in host.enabled.keys().chain(of_users) {
                let fleets = uses.entry(feature.to_string()).or_default();
                fleets.insert(name.clone());
            }
        }
    }
    Ok(uses)
}

fn row(feature: &FeatureSummary, uses: &Uses) -> Vec<String> {
    let halves = match (feature.system, feature.home) {
        (true, true) => "system, home",
        (true, false) => "system",
        _ => "home",
    };
    let codes = |ids: &[String]| ids.iter().map(|id| code(id)).collect::<Vec<_>>().join(", ");
    let seen = uses.get(&feature.id).into_iter().flatten();
    let name = if has_details(feature) {
        format!("[{}](#{})", code(&feature.id), anchor(&feature.id))
    } else {
        code(&feature.id)
    };
    vec![
        name,
        cell(&feature.summary),
        halves.to_owned(),
        codes(&feature.requires),
        codes(&feature.conflicts),
        seen.cloned().collect::<Vec<_>>().join(", "),
    ]
}

fn has_details(feature: &FeatureSummary) -> bool {
    feature.description.is_some() || !feature.options.is_empty() || !facts(feature).is_empty()
}

fn details(text: &mut String, feature: &FeatureSummary) {
    if !has_details(feature) {
        return;
    }
    let _ = write!(text, "\n### `{}`\n", feature.id);
    if let Some(description) = &feature.description {
        let _ = write!(text, "\n{}\n", description.trim());
    }
    for (what, value) in facts(feature) {
        let _ = write!(text, "\n{what}: {value}.\n");
    }
    let mut rows = Vec::new();
    for option in &feature.options {
        option_rows(option, &mut rows);
    }
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&table(&["option", "type", "default", "description"], &rows));
    }
}

/// An option and the fields below it.
fn option_rows(option: &OptionSummary, rows: &mut Vec<Vec<String>>) {
    let default = option.default.as_deref().filter(|d| !d.is_empty());
    rows.push(vec![
        code(&option.name),
        cell(&option.ty),
        default.map_or_else(String::new, |d| cell(&code(d))),
        cell(&option.description),
    ]);
    for field in &option.fields {
        option_rows(field, rows);
    }
}

/// What it needs of a host and what it opens there.
fn facts(feature: &FeatureSummary) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let needs = feature.needs.iter();
    let needs = needs.map(|(what, value)| format!("{} {}", code(what), cell(value)));
    facts.push(("Needs", needs.collect::<Vec<_>>().join(", ")));
    let ports = feature.ports.iter().map(|port| {
        let mut text = code(&port.number);
        if let Some(default) = &port.default {
            let _ = write!(text, " ({})", cell(default));
        }
        let _ = write!(text, " {} in {}", port.protocol, port.zones.join(", "));
        if let Some(when) = &port.when {
            let _ = write!(text, " where {}", code(when));
        }
        text
    });
    facts.push(("Ports", ports.collect::<Vec<_>>().join(", ")));
    let secrets = feature.secrets.iter().map(|name| code(name));
    facts.push(("Secrets", secrets.collect::<Vec<_>>().join(", ")));
    facts.retain(|(_, value)| !value.is_empty());
    facts
}
