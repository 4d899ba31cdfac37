//! Templates, flattened: a chain of `extends` becomes one set of definitions.

use std::collections::BTreeMap;

use diag::{Diagnostic, Diagnostics, Span};
use model::{FeatureId, Layer, TemplateName, priority};
use spec::ast::{Composition, Item, Named, Template, Text};

use crate::lower::{Place, Rank, Uses};
use crate::uses::{
    States, add, combined, feature_definitions, packages, setting_definitions, settings,
};
use crate::world::{World, unknown_name};

/// A flattened template with what hosts need of it.
pub(crate) struct Flat<'a> {
    pub(crate) model: model::Template,
    pub(crate) states: States<'a>,
    pub(crate) users: BTreeMap<&'a str, Vec<(Layer, Span, &'a Composition)>>,
    pub(crate) uses: Uses,
}

/// Flattens all templates.
pub(crate) fn flatten<'a>(
    world: &World<'a>,
    d: &mut Diagnostics,
) -> BTreeMap<TemplateName, Flat<'a>> {
    let mut result = BTreeMap::new();
    for item in world.spec.templates.values() {
        let Some(chain) = chain(
            &world.spec.templates,
            item,
            "template",
            |t| t.extends.as_ref(),
            |name| world.spec.is_lost("templates", name),
            d,
        ) else {
            continue;
        };
        let flat = flatten_one(world, &chain, d);
        result.insert(flat.model.name.clone(), flat);
    }
    result
}

/// An item and its ancestors, root first; cycles and unknown parents are reported.
pub(crate) fn chain<'a, T>(
    all: &'a Named<T>,
    item: &'a Item<T>,
    what: &str,
    extends: impl Fn(&T) -> Option<&Text>,
    is_lost: impl Fn(&str) -> bool,
    d: &mut Diagnostics,
) -> Option<Vec<&'a Item<T>>> {
    let mut chain = vec![item];
    let mut current = item;
    while let Some(parent) = extends(&current.value) {
        let Some(next) = all.get(&parent.value) else {
            let code = if what == "template" {
                "unknown-template"
            } else {
                "unknown-profile"
            };
            if !is_lost(&parent.value) {
                d.push(unknown_name(
                    code,
                    what,
                    &parent.value,
                    parent.span,
                    all.keys(),
                ));
            }
            return None;
        };
        if let Some(at) = chain.iter().position(|i| i.name.value == next.name.value) {
            // Reported once, at the member of the cycle that comes first by name.
            let cycle = &chain[at..];
            if cycle.iter().map(|i| &i.name.value).min() == Some(&item.name.value) {
                let mut names: Vec<&str> = cycle.iter().map(|i| i.name.value.as_str()).collect();
                names.push(&next.name.value);
                d.push(
                    Diagnostic::error(
                        "extends-cycle",
                        parent.span,
                        format!("{what} `{}` extends itself", item.name.value),
                    )
                    .help(format!("the cycle is {}", names.join(" → "))),
                );
            }
            return None;
        }
        chain.push(next);
        current = next;
    }
    chain.reverse();
    Some(chain)
}

fn flatten_one<'a>(
    world: &World<'a>,
    chain: &[&'a Item<Template>],
    d: &mut Diagnostics,
) -> Flat<'a> {
    let layer = |item: &Item<Template>| Layer::Template(TemplateName::new(&item.name.value));
    let mut states = States::new();
    let mut uses = Uses::default();
    let mut users: BTreeMap<&str, Vec<(Layer, Span, &Composition)>> = BTreeMap::new();
    let mut modules = Vec::new();
    let mut definitions = Vec::new();
    let rank = Rank::Override(priority::TEMPLATE);
    for item in chain {
        for feature_use in &item.value.features {
            require_system_half(world, &feature_use.id, "a template", d);
        }
        add(world, &mut states, &layer(item), &item.value.features, d);
        for (name, composition) in &item.value.users {
            users.entry(name).or_default().push((
                layer(item),
                composition.name.span,
                &composition.value,
            ));
        }
        modules.extend(crate::assets::modules(
            world,
            &item.value.modules,
            &mut uses,
            d,
        ));
        definitions.extend(packages(
            world,
            Place::SHALLOW,
            "environment.systemPackages",
            &layer(item),
            &item.value.packages,
            &mut uses,
            d,
        ));
    }
    states.retain(|id, _| {
        world
            .table
            .get(id)
            .is_some_and(crate::table::Definition::has_system_half)
    });
    drop_pointless(&mut states, d);
    definitions.extend(feature_definitions(
        world,
        Place::SHALLOW,
        rank,
        &states,
        &mut uses,
        d,
    ));
    let merged = settings(
        chain.iter().map(|item| (layer(item), &item.value.settings)),
        d,
    );
    crate::host::check_settings(world, merged.values().map(|(s, _, _)| s), d);
    definitions.extend(setting_definitions(
        world,
        Place::SHALLOW,
        rank,
        &merged,
        &mut uses,
        d,
    ));
    let own = chain[chain.len() - 1];
    Flat {
        model: model::Template {
            name: TemplateName::new(&own.name.value),
            description: own.value.description.as_ref().map(|t| t.value.clone()),
            chain: chain
                .iter()
                .map(|i| TemplateName::new(&i.name.value))
                .collect(),
            imports: states.keys().cloned().collect(),
            definitions: combined(definitions),
            modules,
        },
        states,
        users,
        uses,
    }
}

/// Features that a layer only switches off although no layer below switches them on.
pub(crate) fn drop_pointless(states: &mut States<'_>, d: &mut Diagnostics) {
    states.retain(|id, state| {
        let pointless = state.options.is_empty() && state.enable.iter().all(|(_, _, on)| !on);
        if pointless && let Some((_, span)) = state.place() {
            d.push(unneeded(id, span));
        }
        !pointless
    });
}

/// A warning that a `false` has no effect.
pub(crate) fn unneeded(id: &FeatureId, span: Span) -> Diagnostic {
    Diagnostic::warning(
        "unneeded-disable",
        span,
        format!("`{id}` is switched off, but nothing switches it on"),
    )
    .help("remove the line")
}

/// Reports a feature without a system half where one is needed.
pub(crate) fn require_system_half(world: &World<'_>, id: &Text, whose: &str, d: &mut Diagnostics) {
    let Some(definition) = world.table.get(id.value.as_str()) else {
        return;
    };
    if !definition.has_system_half() {
        d.push(
            Diagnostic::error(
                "home-only-feature",
                id.span,
                format!(
                    "`{}` is a Home Manager feature, {whose} cannot enable it",
                    id.value
                ),
            )
            .help("name it in a profile, or in `home.features` of a user"),
        );
    }
}
