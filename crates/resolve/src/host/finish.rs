//! The second pass over a host: what depends on the others.

use std::collections::{BTreeMap, BTreeSet};

use diag::{Diagnostic, Diagnostics, Span};
use minijinja::value::Value as Fact;
use model::{Definition, Enabled, FeatureId, Gpu, Layer, OptionValue, Origin, Secrets};
use spec::ast;

use crate::derive::{self, Derivations, GpuFacts};
use crate::lower::{Place, Uses, feature_path, made};
use crate::secrets::Used;
use crate::user::OnHost;
use crate::uses::{Given, State, States, bare, combined, merged};
use crate::world::World;
use crate::{table, types};

use super::conditions::{holds, holds_on};
use super::elsewhere::settings_twice;
use super::ports::open_ports;
use super::{Base, Kind, Partial, reason_place};

/// The host as expressions see it.
pub(crate) fn facts(partial: &Partial<'_>) -> Fact {
    let host = &partial.host;
    let gpu = |vendor: &str| {
        let all: Vec<&Gpu> = host
            .hardware
            .gpus
            .iter()
            .filter(|g| g.vendor == vendor)
            .collect();
        Fact::from_object(GpuFacts {
            present: !all.is_empty(),
            rocm: all.iter().any(|g| g.rocm),
            cuda: all.iter().any(|g| g.cuda),
            bus_id: all.iter().find_map(|g| g.bus_id.clone()),
        })
    };
    let gpus: BTreeMap<&str, Fact> = ["amd", "intel", "nvidia"]
        .into_iter()
        .map(|v| (v, gpu(v)))
        .collect();
    let texts = |list: &[String]| {
        Fact::from(
            list.iter()
                .map(|t| Fact::from(t.clone()))
                .collect::<Vec<_>>(),
        )
    };
    let zones: BTreeMap<&str, Fact> = host
        .zones
        .iter()
        .map(|(k, v)| (k.as_str(), texts(v)))
        .collect();
    let entries: BTreeMap<&str, Fact> = BTreeMap::from([
        ("name", Fact::from(host.name.as_str())),
        ("description", Fact::from(host.description.clone())),
        ("system", Fact::from(host.system.clone())),
        ("tags", texts(&host.tags)),
        ("address", Fact::from(host.address.clone())),
        ("zones", Fact::from(zones)),
        ("memory", Fact::from(host.hardware.memory)),
        ("cpu", Fact::from(host.hardware.cpu.clone())),
        ("gpus", Fact::from(gpus)),
        (
            "template",
            Fact::from(host.template.as_ref().map(|t| t.as_str().to_owned())),
        ),
        (
            "features",
            Fact::from(
                host.enabled
                    .keys()
                    .map(|f| Fact::from(f.as_str()))
                    .collect::<Vec<_>>(),
            ),
        ),
        (
            "users",
            Fact::from(
                partial
                    .users
                    .keys()
                    .map(|u| Fact::from(u.as_str()))
                    .collect::<Vec<_>>(),
            ),
        ),
    ]);
    Fact::from(entries)
}

/// Finishes a host: derived options, ports, groups, secrets.
#[expect(clippy::too_many_arguments, reason = "the context of the second pass")]
pub(crate) fn finish(
    world: &World<'_>,
    base: &Base<'_>,
    partial: &mut Partial<'_>,
    derivations: &Derivations<'_>,
    host_facts: &Fact,
    fleet_facts: &Fact,
    secrets: &Secrets,
    of_trees: &BTreeMap<&FeatureId, &[(String, Span)]>,
    d: &mut Diagnostics,
) {
    derive_system(world, partial, derivations, host_facts, fleet_facts, d);
    derive_home(
        world,
        base,
        partial,
        derivations,
        host_facts,
        fleet_facts,
        d,
    );
    derived_requirements(world, partial, d);
    required_options(world, partial, d);
    given_options(world, partial);
    open_ports(world, partial, d);
    groups(world, base, partial);
    let mut used: BTreeMap<String, Used> = BTreeMap::new();
    for (name, span) in &partial.uses.secrets {
        used.entry(name.clone()).or_insert_with(|| Used::at(*span));
    }
    for name in &partial.uses.passwords {
        if let Some(used) = used.get_mut(name) {
            used.for_users = true;
        }
    }
    let homes = partial.users.values().flat_map(|u| u.model.enabled.keys());
    for id in partial.host.enabled.keys().chain(homes) {
        let Some(definition) = world.table.get(id) else {
            continue;
        };
        let own = definition.feature.secrets.iter();
        let own = own.map(|secret| (&secret.value, secret.span));
        let of_trees = of_trees.get(id).into_iter().copied().flatten();
        for (name, place) in own.chain(of_trees.map(|(name, place)| (name, *place))) {
            used.entry(name.clone()).or_insert_with(|| {
                Used::at(if definition.builtin {
                    reason_place(partial, id).0
                } else {
                    place
                })
            });
        }
    }
    // Guests have no passwords of the fleet.
    let is_host = matches!(partial.kind, Kind::Host);
    for name in partial.users.keys().filter(|_| is_host) {
        if let Some((secret, span)) = base.users.get(name).and_then(|u| u.password_secret.clone()) {
            let used = used.entry(secret).or_insert_with(|| Used::at(span));
            (used.span, used.for_users) = (span, true);
        }
    }
    partial.host.secrets = crate::secrets::host_uses(world, secrets, &partial.host.name, &used, d);
    let definitions = std::mem::take(&mut partial.host.definitions);
    partial.host.definitions = combined(definitions);
    settings_twice(world, base, partial, d);
}

fn derive_system(
    world: &World<'_>,
    partial: &mut Partial<'_>,
    derivations: &Derivations<'_>,
    host_facts: &Fact,
    fleet_facts: &Fact,
    d: &mut Diagnostics,
) {
    // A feature of a home half's only derives where its user is known.
    let context = derive::Context {
        place: Place::SYSTEM,
        host: host_facts,
        user: None,
        fleet: fleet_facts,
    };
    let Partial { host, states, .. } = partial;
    let derived = derive_options(world, derivations, &mut host.enabled, states, context, d);
    host.definitions.extend(derived);
}

/// What features require was settled before their options were derived: what a derived value
/// requires besides must be on already.
fn derived_requirements(world: &World<'_>, partial: &Partial<'_>, d: &mut Diagnostics) {
    let host = &partial.host;
    for id in host.enabled.keys() {
        let Some(definition) = world.table.get(id) else {
            continue;
        };
        // Most require nothing, or the same always.
        let requires = definition.feature.requires.iter();
        let mut requires = requires
            .filter(|require| !require.when.is_empty())
            .peekable();
        if requires.peek().is_none() {
            continue;
        }
        let state = partial.states.get(id);
        for require in requires {
            let required = require.feature.value.as_str();
            if host.enabled.contains_key(required)
                || !world
                    .table
                    .get(required)
                    .is_some_and(table::Definition::has_system_half)
                || holds(definition, state, &require.when)
                || !holds_on(partial, definition, state, &require.when)
            {
                continue;
            }
            let (span, why) = reason_place(partial, id);
            d.push(
                Diagnostic::error(
                    "required-feature-disabled",
                    span,
                    format!(
                        "`{required}` is not on, but a derived option of `{id}` requires it on `{}`",
                        host.name
                    ),
                )
                .label(why)
                .related(require.feature.span, "required here")
                .help(format!("switch `{required}` on at the host or its template")),
            );
        }
    }
}

fn derive_home(
    world: &World<'_>,
    base: &Base<'_>,
    partial: &mut Partial<'_>,
    derivations: &Derivations<'_>,
    host_facts: &Fact,
    fleet_facts: &Fact,
    d: &mut Diagnostics,
) {
    for (name, on_host) in &mut partial.users {
        if !on_host.model.enabled.keys().any(|id| derivations.has(id)) {
            continue;
        }
        let Some(user) = base.users.get(name) else {
            continue;
        };
        let keys: Vec<Fact> = user
            .item
            .value
            .ssh_keys
            .iter()
            .map(|k| Fact::from(k.value.clone()))
            .collect();
        let facts = Fact::from(BTreeMap::from([
            ("name", Fact::from(name.as_str())),
            ("fullName", Fact::from(user.model.full_name.clone())),
            ("email", Fact::from(user.model.email.clone())),
            ("admin", Fact::from(user.model.admin)),
            ("sshKeys", Fact::from(keys)),
        ]));
        let context = derive::Context {
            place: Place::HOME,
            host: host_facts,
            user: Some(&facts),
            fleet: fleet_facts,
        };
        let OnHost { model, states, .. } = on_host;
        let derived = derive_options(world, derivations, &mut model.enabled, states, context, d);
        model.home.extend(derived);
    }
}

/// Gives features that are on the options that they derive, and returns what those set.
fn derive_options(
    world: &World<'_>,
    derivations: &Derivations<'_>,
    enabled: &mut BTreeMap<FeatureId, Enabled>,
    states: &States<'_>,
    context: derive::Context<'_>,
    d: &mut Diagnostics,
) -> Vec<Definition> {
    let mut definitions = Vec::new();
    for (id, enabled) in enabled.iter_mut().filter(|(id, _)| derivations.has(id)) {
        let state = states.get(id);
        let given = |name: &str| state.is_some_and(|s| s.options.contains_key(name));
        for (name, value, span) in derivations.evaluate(world, id, given, context, d) {
            let origin = Origin {
                layer: Layer::Derived(id.clone()),
                span: Some(span),
            };
            definitions.push(Definition {
                path: feature_path(world, id.as_str(), &name),
                value: value.clone(),
                origin: origin.clone(),
                over: Vec::new(),
                comment: None,
            });
            enabled.options.insert(name, OptionValue { value, origin });
        }
    }
    definitions
}

/// Options without a default must have a value wherever their feature is on.
fn required_options(world: &World<'_>, partial: &Partial<'_>, d: &mut Diagnostics) {
    let host = &partial.host;
    let system = host.enabled.iter();
    let system = system.map(|(id, e)| (id, e, &partial.states, true));
    let home = partial.users.values().flat_map(|u| {
        let enabled = u.model.enabled.iter();
        enabled.map(|(id, e)| (id, e, &u.states, false))
    });
    for (id, enabled, states, is_system) in system.chain(home) {
        let Some(definition) = world.table.get(id) else {
            continue;
        };
        let is_required = |decl: &ast::OptionDecl| {
            decl.default.is_none() && !matches!(decl.ty, ast::OptionType::Nullable(_))
        };
        let options = definition.feature.options.iter();
        for (name, option) in options.filter(|(_, option)| is_required(&option.value)) {
            let decl = &option.value;
            let state = states.get(id);
            let given = state.is_some_and(|s| s.options.contains_key(name.as_str()))
                || enabled.options.contains_key(name);
            // What could not be derived has been reported.
            let failed = decl
                .derive
                .as_ref()
                .is_some_and(|derive| d.iter().any(|found| found.span == Some(derive.span)));
            if failed {
                continue;
            }
            // An option that only one half reads is not asked of the other.
            if given
                || (!is_system
                    && definition.has_system_half()
                    && host
                        .enabled
                        .get(id)
                        .is_some_and(|e| e.options.contains_key(name)))
            {
                continue;
            }
            let (span, _) = if is_system {
                reason_place(partial, id)
            } else {
                (
                    state
                        .and_then(State::place)
                        .map_or(partial.place, |(_, s)| s),
                    String::new(),
                )
            };
            let description = decl
                .description
                .as_ref()
                .map(|t| t.value.trim())
                .unwrap_or_default();
            d.push(
                Diagnostic::error(
                    "missing-option",
                    span,
                    format!("`{id}` needs `{name}` on `{}`", host.name),
                )
                .related(option.name.span, description)
                .help(format!(
                    "set it: `{}: {{ {}: {{ {name}: … }} }}` ({})",
                    id.category(),
                    id.name(),
                    types::describe(&decl.ty)
                )),
            );
        }
    }
}

/// Notes what the layers gave, for `explain`.
fn given_options(world: &World<'_>, partial: &mut Partial<'_>) {
    // What the template alone gives is kept once, in the template.
    let is_own = |given: &[Given<'_>]| given.iter().any(|g| matches!(g.layer, Layer::Host(_)));
    for (id, state) in &partial.states {
        if !state.options.values().any(|given| is_own(given)) {
            continue;
        }
        let (Some(enabled), Some(definition)) =
            (partial.host.enabled.get_mut(id), world.table.get(id))
        else {
            continue;
        };
        for (name, given) in state.options.iter().filter(|(_, given)| is_own(given)) {
            let Some(option) = definition.feature.options.get(*name) else {
                continue;
            };
            let Some((value, layer, span)) = merged(given) else {
                continue;
            };
            let checked = types::check(
                world,
                Place::SYSTEM,
                &option.value.ty,
                bare(&value),
                name,
                &mut Uses::default(),
                &mut Diagnostics::new(),
            );
            if let Some(value) = checked {
                enabled.options.insert(
                    (*name).to_owned(),
                    OptionValue {
                        value,
                        origin: Origin {
                            layer,
                            span: Some(span),
                        },
                    },
                );
            }
        }
    }
}

/// The value that an option has on the host, where it is data.
pub(crate) fn effective(
    world: &World<'_>,
    partial: &Partial<'_>,
    id: &FeatureId,
    name: &str,
) -> Option<nix::Value> {
    if let Some(value) = partial
        .host
        .enabled
        .get(id)
        .and_then(|e| e.options.get(name))
    {
        return Some(value.value.clone());
    }
    let option = world.table.get(id)?.feature.options.get(name)?;
    if let Some(given) = partial.states.get(id).and_then(|s| s.options.get(name)) {
        let (value, _, _) = merged(given)?;
        return types::check(
            world,
            Place::SYSTEM,
            &option.value.ty,
            bare(&value),
            name,
            &mut Uses::default(),
            &mut Diagnostics::new(),
        );
    }
    types::default(
        world,
        Place::SYSTEM,
        &option.value,
        &mut Uses::default(),
        &mut Diagnostics::new(),
    )
}

/// Groups that features give to admins, and those that hosts give to users.
fn groups(world: &World<'_>, base: &Base<'_>, partial: &mut Partial<'_>) {
    let mut from_features: BTreeMap<String, FeatureId> = BTreeMap::new();
    for id in partial.host.enabled.keys() {
        let Some(definition) = world.table.get(id) else {
            continue;
        };
        for group in &definition.feature.groups {
            from_features
                .entry(group.value.clone())
                .or_insert_with(|| id.clone());
        }
    }
    // Folders that guests share belong to this group.
    let shares = !partial.host.microvms.is_empty();
    let is_guest = matches!(partial.kind, Kind::Guest(_));
    let layer = Layer::Host(partial.host.name.clone());
    for (name, on_host) in &mut partial.users {
        let Some(user) = base.users.get(name) else {
            continue;
        };
        let mut all: BTreeSet<&str> = on_host.groups.iter().map(String::as_str).collect();
        if user.model.admin && name.as_str() != "root" {
            all.extend(from_features.keys().map(String::as_str));
            all.extend(shares.then_some("kvm"));
        }
        let own: BTreeSet<&str> = user
            .item
            .value
            .groups
            .iter()
            .map(|g| g.value.as_str())
            .collect();
        let list: Vec<nix::Value> = all
            .difference(&own)
            .map(|g| nix::Value::Str((*g).to_owned()))
            .collect();
        if !list.is_empty() {
            let path = format!("users.users.{}.extraGroups", nix::attr_name(name.as_str()));
            on_host.model.definitions.push(made(
                &path,
                nix::Value::List(list),
                &layer,
                Some(partial.place),
            ));
        }
        if is_guest {
            let definitions = std::mem::take(&mut on_host.model.definitions);
            on_host.model.definitions = combined(definitions);
        }
    }
}
