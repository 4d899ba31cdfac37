//! `modules/fleet.nix`, `templates/<template>.nix` and `home/profiles/<profile>.nix`: settings that
//! several hosts or users share.

use std::collections::BTreeSet;
use std::fmt::Display;

use model::{Definition, FeatureId, Fleet, Profile, Template, priority};
use nix::Value;
use serde::Serialize;

use crate::code::Code;
use crate::error::Result;
use crate::tree::{Order, Tree};

/// Shared settings.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    imports: Code,
    settings: Code,
}

/// Whether the fleet says anything for every host.
pub(crate) fn has_fleet(fleet: &Fleet) -> bool {
    let has_overlays = !(fleet.overlays.is_empty() || fleet.has_package_overlay());
    has_overlays || !(fleet.definitions.is_empty() && fleet.modules.is_empty())
}

/// Whether a template has anything to say.
pub(crate) fn has_template(template: &Template) -> bool {
    !(template.definitions.is_empty() && template.imports.is_empty() && template.modules.is_empty())
}

/// Whether a profile has anything to say.
pub(crate) fn has_profile(profile: &Profile) -> bool {
    !(profile.definitions.is_empty() && profile.imports.is_empty() && profile.modules.is_empty())
}

/// The view of `modules/fleet.nix`.
pub(crate) fn fleet(fleet: &Fleet) -> Result<View> {
    let mut tree = Tree::new(&fleet.definitions)?;
    // With packages of the fleet's own, one overlay holds everything.
    if !fleet.overlays.is_empty() && !fleet.has_package_overlay() {
        let overlays = fleet
            .overlays
            .iter()
            .map(|overlay| Value::apply("import", Value::Path(format!("../{overlay}"))));
        tree.set(&["nixpkgs", "overlays"], Value::List(overlays.collect()))?;
    }
    Ok(View {
        imports: Code::imports(&written("../", &fleet.modules)?),
        settings: tree.code(Order::PLAIN)?,
    })
}

/// The view of a template.
pub(crate) fn template(fleet: &Fleet, template: &Template) -> Result<View> {
    let mut modules = features("../modules/", &template.imports)?;
    modules.extend(written("../", &template.modules)?);
    settings(fleet, &modules, &template.definitions)
}

/// What a reader of a template should know.
pub(crate) fn template_intro(template: &Template) -> Code {
    let note = format!(
        "Values have priority {}, so hosts may simply set them.",
        priority::TEMPLATE
    );
    intro(
        &template.name,
        template.description.as_deref(),
        &template.chain,
        &note,
    )
}

/// The view of a profile.
pub(crate) fn profile(fleet: &Fleet, profile: &Profile) -> Result<View> {
    let mut modules = features("../", &profile.imports)?;
    modules.extend(written("../../", &profile.modules)?);
    settings(fleet, &modules, &profile.definitions)
}

/// What a reader of a profile should know.
pub(crate) fn profile_intro(profile: &Profile) -> Code {
    let note = format!(
        "Values have priority {}, so users and hosts may simply set them.",
        priority::PROFILE
    );
    intro(
        &profile.name,
        profile.description.as_deref(),
        &profile.chain,
        &note,
    )
}

fn settings(fleet: &Fleet, modules: &[Code], definitions: &[Definition]) -> Result<View> {
    Ok(View {
        imports: Code::imports(modules),
        settings: Tree::new(definitions)?.code(Order::top(&[&fleet.namespace]))?,
    })
}

/// `laptop: Portable machines; extends workstation, base` and a note.
fn intro<N: Display + PartialEq>(
    name: &N,
    description: Option<&str>,
    chain: &[N],
    note: &str,
) -> Code {
    let mut text = name.to_string();
    if let Some(description) = description {
        text = format!("{name}: {}", description.trim().trim_end_matches('.'));
    }
    let parents: Vec<_> = chain
        .iter()
        .rev()
        .filter(|&it| it != name)
        .map(N::to_string)
        .collect();
    if !parents.is_empty() {
        text = format!("{text}; extends {}", parents.join(", "));
    }
    if description.is_none() && parents.is_empty() {
        return Code::comment(note);
    }
    Code::comment(&format!("{text}.\n{note}"))
}

/// Paths of feature modules below a folder.
pub(crate) fn features(folder: &str, ids: &BTreeSet<FeatureId>) -> Result<Vec<Code>> {
    let paths = ids
        .iter()
        .map(|id| Code::path(format!("{folder}{}/{}.nix", id.category(), id.name())));
    paths.collect()
}

/// Paths of hand-written modules; `up` leads to the root of the output.
pub(crate) fn written(up: &str, modules: &[String]) -> Result<Vec<Code>> {
    modules
        .iter()
        .map(|module| Code::path(format!("{up}{module}")))
        .collect()
}
