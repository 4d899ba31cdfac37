//! A feature: what it is for, its options, and where it is on.

use diag::Diagnostics;
use model::Definition;
use resolve::FeatureSummary;
use serde::Serialize;

use super::host::{self, FeatureView};
use super::tree::Tree;
use crate::Generated;
use crate::commands::list::enabled_on;
use crate::text::{list, one_line};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FleetFeatureView {
    kind: &'static str,
    #[serde(flatten)]
    summary: FeatureSummary,
    enabled_on: Vec<String>,
    /// By host or `user@host`: why it is on, and its options.
    uses: Vec<Use>,
}

#[derive(Serialize)]
struct Use {
    at: String,
    #[serde(flatten)]
    feature: FeatureView,
}

/// The view of a feature, or all ids if there is none of that name.
pub(super) fn view(generated: &mut Generated, id: &str) -> Result<FleetFeatureView, Vec<String>> {
    let Generated {
        sources,
        spec,
        fleet,
        ..
    } = generated;
    // The catalog's own files are tested; the spec's were checked already.
    let mut diagnostics = Diagnostics::new();
    let summaries = resolve::feature_summaries(spec, sources, &mut diagnostics);
    let ids: Vec<String> = summaries.iter().map(|summary| summary.id.clone()).collect();
    let summary = summaries
        .into_iter()
        .find(|summary| summary.id == id)
        .ok_or(ids)?;
    let mut uses = Vec::new();
    let mut add = |at: String, enabled, layers: &[&[Definition]]| {
        for feature in host::features(enabled, layers, fleet, sources) {
            if feature.id == id {
                uses.push(Use {
                    at: at.clone(),
                    feature,
                });
            }
        }
    };
    for host in fleet.hosts.values() {
        add(
            host.name.to_string(),
            &host.enabled,
            &host::layers(host, fleet),
        );
        for user in host.users.values() {
            let at = format!("{}@{}", user.name, host.name);
            add(at, &user.enabled, &host::home_layers(user, fleet));
        }
    }
    Ok(FleetFeatureView {
        kind: "feature",
        enabled_on: enabled_on(fleet, id),
        summary,
        uses,
    })
}

/// Draws a feature for people.
pub(super) fn draw(view: &FleetFeatureView) -> String {
    let mut tree = Tree::default();
    let FeatureSummary {
        id,
        summary,
        description,
        system,
        home,
        builtin,
        ..
    } = &view.summary;
    tree.headline(view.kind, id, Some(summary));
    for line in description.iter().flat_map(|text| text.trim().lines()) {
        tree.line(1, line, "");
    }
    tree.title("Facts");
    let place = view.summary.place.as_deref();
    let place = place.map(|place| format!(", {place}")).unwrap_or_default();
    let from = match (&view.summary.catalog, builtin) {
        (Some(catalog), _) => format!("catalog {catalog}{place}"),
        (None, true) => "the built-in catalog".to_owned(),
        (None, false) => format!("the spec{place}"),
    };
    tree.fact("from", &from);
    let halves = [(*system, "system"), (*home, "home")];
    tree.fact(
        "halves",
        &list(halves.iter().filter(|(is, _)| *is).map(|(_, name)| name)),
    );
    tree.fact("requires", &list(&view.summary.requires));
    tree.fact("conflicts", &list(&view.summary.conflicts));
    if !view.summary.options.is_empty() {
        tree.title("Options");
        for option in &view.summary.options {
            let default = option
                .default
                .as_ref()
                .map(|d| format!(" = {}", one_line(d)));
            let default = default.unwrap_or_default();
            tree.line(1, format!("{}: {}{default}", option.name, option.ty), "");
            for line in option.description.trim().lines() {
                tree.line(3, line, "");
            }
        }
    }
    if view.uses.is_empty() {
        tree.title("On no host");
    }
    for on in &view.uses {
        tree.title(&format!("On {}", on.at));
        host::draw_features(&mut tree, 1, std::slice::from_ref(&on.feature));
    }
    tree.finish()
}
