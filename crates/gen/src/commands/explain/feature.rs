//! A feature: what it is for, its options, and where it is on.

use std::collections::BTreeMap;

use diag::Diagnostics;
use model::Definition;
use output::Target;
use resolve::{FeatureSummary, OptionSummary, PortSummary};
use serde::Serialize;

use super::host::{self, FeatureView};
use super::services;
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
    /// What its module switches on; empty where nothing has the module.
    starts: Vec<Starts>,
    /// By host or `user@host`: why it is on, and its options.
    uses: Vec<Use>,
}

/// A service of the module, and where it says so.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Starts {
    name: String,
    /// In sessions of users.
    home: bool,
    /// What it depends on besides the feature.
    only_if: Vec<String>,
    place: String,
}

#[derive(Serialize)]
struct Use {
    at: String,
    #[serde(flatten)]
    feature: FeatureView,
}

/// The view of a feature, or all ids if there is none of that name.
pub(super) fn view(
    generated: &mut Generated,
    target: &Target,
    id: &str,
) -> Result<FleetFeatureView, Vec<String>> {
    let Generated {
        sources,
        spec,
        fleet,
        tree,
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
    for host in fleet.machines() {
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
    let file = |folder: &str| {
        let path = format!("{folder}/{}.nix", id.replacen('.', "/", 1));
        let text = tree.as_ref()?.get(&path)?;
        let text = String::from_utf8(text.bytes.clone()).ok()?;
        Some((path, text))
    };
    let mut starts = Vec::new();
    for (folder, is_home) in [("modules", false), ("home", true)] {
        let Some((path, text)) = file(folder) else {
            continue;
        };
        for started in services::of_module(&text, is_home) {
            let line = 1 + text[..started.start].matches('\n').count();
            starts.push(Starts {
                name: started.name,
                home: is_home,
                only_if: started.only_if,
                place: target.show(&format!("{path}:{line}")).to_string(),
            });
        }
    }
    Ok(FleetFeatureView {
        starts,
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
    let requires = view.summary.requires.iter().map(|id| {
        let when = view.summary.requires_when.get(id);
        when.map_or_else(|| id.clone(), |when| format!("{id} (where {when})"))
    });
    tree.fact("requires", &list(requires));
    tree.fact("conflicts", &list(&view.summary.conflicts));
    for (what, value) in &view.summary.needs {
        tree.fact(&format!("needs {what}"), value);
    }
    tree.fact("secrets", &list(&view.summary.secrets));
    tree.fact("groups", &list(&view.summary.groups));
    tree.fact("inputs", &list(&view.summary.inputs));
    tree.fact("packages to allow", &list(&view.summary.allow));
    draw_ports(&mut tree, &view.summary.ports);
    if !view.starts.is_empty() {
        tree.title(&format!("Services ({})", view.starts.len()));
        for it in &view.starts {
            let user = if it.home { " of the user" } else { "" };
            let only_if = it.only_if.iter().map(|code| format!(", if `{code}`"));
            let remark = format!("{}{}", it.place, only_if.collect::<String>());
            tree.line(1, format!("{}{user}", it.name), remark);
        }
    }
    if !view.summary.options.is_empty() {
        tree.title(&format!("Options ({})", view.summary.options.len()));
        draw_options(&mut tree, 1, &view.summary.options);
    }
    let moved = view.summary.renamed.iter();
    let moved = moved.map(|(old, new)| (old, format!("is {new} now")));
    let gone = view.summary.removed.iter();
    let gone = gone.map(|(old, why)| (old, format!("is gone: {}", one_line(why))));
    let former: BTreeMap<&String, String> = moved.chain(gone).collect();
    if !former.is_empty() {
        tree.title(&format!("Former options ({})", former.len()));
        for (old, what) in former {
            tree.line(1, old, what);
        }
    }
    if view.uses.is_empty() {
        tree.title("On no machine");
    }
    for on in &view.uses {
        tree.title(&format!("On {}", on.at));
        host::draw_features(&mut tree, 1, std::slice::from_ref(&on.feature));
    }
    tree.finish()
}

fn draw_ports(tree: &mut Tree, ports: &[PortSummary]) {
    if ports.is_empty() {
        return;
    }
    tree.title(&format!("Ports ({})", ports.len()));
    for port in ports {
        let PortSummary {
            number,
            default,
            protocol,
            zones,
            when,
        } = port;
        let default = default.as_ref().map(|it| format!(" = {it}"));
        let text = format!("{number}{}/{protocol}", default.unwrap_or_default());
        let mut remark = format!("in {}", list(zones));
        if let Some(when) = when {
            remark = format!("{remark}, where {when} is on");
        }
        tree.line(1, text, remark);
    }
}

/// Options, and the fields of those that have some below them.
fn draw_options(tree: &mut Tree, depth: usize, options: &[OptionSummary]) {
    for option in options {
        let default = option.default.as_ref();
        let default = default.map(|d| format!(" = {}", one_line(d)));
        let default = default.unwrap_or_default();
        tree.line(
            depth,
            format!("{}: {}{default}", option.name, option.ty),
            "",
        );
        for line in option.description.trim().lines() {
            tree.line(depth + 2, line, "");
        }
        if let Some(example) = &option.example {
            tree.line(depth + 2, format!("such as {}", one_line(example)), "");
        }
        draw_options(tree, depth + 1, &option.fields);
    }
}
