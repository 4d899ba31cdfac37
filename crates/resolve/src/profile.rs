//! Profiles, flattened like templates.

use std::collections::BTreeMap;

use diag::{Diagnostic, Diagnostics};
use model::{Layer, ProfileName, priority};
use spec::ast::{Item, Profile, Text};

use crate::lower::{Place, Rank, Uses};
use crate::template::{chain, drop_pointless};
use crate::uses::{
    States, add, combined, feature_definitions, packages, setting_definitions, settings,
};
use crate::world::World;

/// A flattened profile with what users need of it.
pub(crate) struct Flat<'a> {
    pub(crate) model: model::Profile,
    pub(crate) states: States<'a>,
    pub(crate) uses: Uses,
}

/// Flattens all profiles.
pub(crate) fn flatten<'a>(
    world: &World<'a>,
    d: &mut Diagnostics,
) -> BTreeMap<ProfileName, Flat<'a>> {
    let mut result = BTreeMap::new();
    for item in world.spec.profiles.values() {
        let Some(chain) = chain(
            &world.spec.profiles,
            item,
            "profile",
            |p| p.extends.as_ref(),
            |name| world.spec.is_lost("profiles", name),
            d,
        ) else {
            continue;
        };
        let flat = flatten_one(world, &chain, d);
        result.insert(flat.model.name.clone(), flat);
    }
    result
}

fn flatten_one<'a>(
    world: &World<'a>,
    chain: &[&'a Item<Profile>],
    d: &mut Diagnostics,
) -> Flat<'a> {
    let layer = |item: &Item<Profile>| Layer::Profile(ProfileName::new(&item.name.value));
    let rank = Rank::Override(priority::PROFILE);
    let mut states = States::new();
    let mut uses = Uses::default();
    let mut modules = Vec::new();
    let mut definitions = Vec::new();
    for item in chain {
        for feature_use in &item.value.features {
            require_home_half(world, &feature_use.id, "a profile", d);
        }
        add(world, &mut states, &layer(item), &item.value.features, d);
        modules.extend(crate::assets::modules(
            world,
            &item.value.modules,
            &mut uses,
            d,
        ));
        definitions.extend(packages(
            world,
            Place::HOME,
            "home.packages",
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
            .is_some_and(crate::table::Definition::has_home_half)
    });
    drop_pointless(&mut states, d);
    definitions.extend(feature_definitions(
        world,
        Place::HOME,
        rank,
        &states,
        &mut uses,
        d,
    ));
    let merged = settings(
        chain.iter().map(|item| (layer(item), &item.value.settings)),
        d,
    );
    crate::host::check_home_settings(world, merged.values().map(|(s, _, _)| s), d);
    definitions.extend(setting_definitions(
        world,
        Place::HOME,
        rank,
        &merged,
        &mut uses,
        d,
    ));
    let own = chain[chain.len() - 1];
    Flat {
        model: model::Profile {
            name: ProfileName::new(&own.name.value),
            description: own.value.description.as_ref().map(|t| t.value.clone()),
            chain: chain
                .iter()
                .map(|i| ProfileName::new(&i.name.value))
                .collect(),
            imports: states.keys().cloned().collect(),
            definitions: combined(definitions),
            modules,
        },
        states,
        uses,
    }
}

/// Reports a feature without a Home Manager half where one is needed.
pub(crate) fn require_home_half(world: &World<'_>, id: &Text, whose: &str, d: &mut Diagnostics) {
    let Some(definition) = world.table.get(id.value.as_str()) else {
        return;
    };
    if !definition.has_home_half() {
        d.push(
            Diagnostic::error(
                "system-only-feature",
                id.span,
                format!(
                    "`{}` has no Home Manager half, {whose} cannot enable it",
                    id.value
                ),
            )
            .help("name it in a host or a template"),
        );
    }
}
