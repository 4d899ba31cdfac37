//! One host: layers applied, dependencies closed, facts checked.

mod check;
mod conditions;
mod elsewhere;
mod finish;
mod hardware;
mod loader;
mod ports;

pub(crate) use conditions::{holds, holds_on};
pub(crate) use elsewhere::{check_home_settings, check_settings};
pub(crate) use finish::{effective, facts, finish};
pub(crate) use hardware::unmet;

use check::check;
use elsewhere::settings_elsewhere;
use hardware::{check_cpu, hardware};

use std::collections::{BTreeMap, BTreeSet};

use diag::{Diagnostic, Diagnostics, Span, Spanned};
use model::{
    Definition, Enabled, FeatureId, Host, HostName, Layer, Origin, PortNumbers, ProfileName,
    Protocol, Reason, TemplateName, UserName,
};
use spec::ast::{self, Composition, Item};

use crate::image;
use crate::lower::{Place, Rank, Uses, feature_path};
use crate::microvm::{self, Listens};
use crate::template::{self, require_system_half, unneeded};
use crate::user::{self, OnHost};
use crate::uses::{
    State, States, add, combined, feature_definitions, packages, setting_definitions, settings,
};
use crate::world::{SYSTEMS, World, unknown_name, unknown_word, unknown_zone};
use crate::{profile, table};

/// A host before derivation.
pub(crate) struct Partial<'a> {
    pub(crate) host: Host,
    pub(crate) states: States<'a>,
    pub(crate) users: BTreeMap<UserName, OnHost<'a>>,
    pub(crate) uses: Uses,
    /// As it is written.
    pub(crate) spec: &'a ast::Host,
    /// Place of its name.
    pub(crate) place: Span,
    pub(crate) kind: Kind<'a>,
    /// What its features listen on, open or not.
    pub(crate) listens: Vec<Listens>,
    /// Ports of its features that open on none of its interfaces.
    pub(crate) shut: Vec<Shut>,
}

/// A port that a feature would open, if the host had an interface for it.
pub(crate) struct Shut {
    pub(crate) feature: FeatureId,
    pub(crate) protocols: &'static [Protocol],
    pub(crate) numbers: PortNumbers,
    pub(crate) zones: Vec<String>,
}

/// What a machine is besides being a host.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind<'a> {
    Host,
    Guest(&'a Item<ast::MicroVm>),
    Image(&'a Item<ast::Image>),
}

impl Kind<'_> {
    /// Where the file of such a machine is.
    fn place(self) -> Place {
        match self {
            Kind::Host => Place::SYSTEM,
            Kind::Guest(_) | Kind::Image(_) => Place::SHALLOW,
        }
    }
}

/// Everything that hosts stand on.
pub(crate) struct Base<'a> {
    pub(crate) templates: BTreeMap<TemplateName, template::Flat<'a>>,
    pub(crate) profiles: BTreeMap<ProfileName, profile::Flat<'a>>,
    pub(crate) users: BTreeMap<UserName, user::Resolved<'a>>,
    pub(crate) disks: BTreeMap<String, model::Disk>,
}

/// Whether a host is kept in the spec only.
pub(crate) fn is_retired(host: &ast::Host) -> bool {
    host.state.as_ref().is_some_and(|s| s.value == "retired")
}

/// Resolves a host up to what depends on other hosts.
pub(crate) fn resolve<'a>(
    world: &World<'a>,
    name: &Spanned<String>,
    spec: &'a ast::Host,
    kind: Kind<'a>,
    base: &'a Base<'a>,
    d: &mut Diagnostics,
) -> Partial<'a> {
    let place = name.span;
    let name = HostName::new(&name.value);
    let layer = Layer::Host(name.clone());
    let template = template_of(world, spec, base, d);
    let mut uses = Uses::default();
    let mut states = States::new();
    if let Some(flat) = template {
        states = flat.states.clone();
        uses.extend(&flat.uses);
    }
    for feature_use in &spec.features {
        require_system_half(world, &feature_use.id, "a host", d);
    }
    let mut own = States::new();
    add(world, &mut own, &layer, &spec.features, d);
    own.retain(|id, _| {
        world
            .table
            .get(id)
            .is_some_and(table::Definition::has_system_half)
    });
    let mut disabled = BTreeSet::new();
    own.retain(|id, state| {
        let off = !state.on();
        if off && !states.get(id).is_some_and(State::on) {
            if let Some((_, span)) = state.place() {
                d.push(unneeded(id, span));
            }
            return false;
        }
        if off {
            disabled.insert(id.clone());
        }
        true
    });
    for (id, state) in &own {
        let all = states.entry(id.clone()).or_default();
        all.enable.extend(state.enable.iter().cloned());
        for (option, given) in &state.options {
            all.options
                .entry(option)
                .or_default()
                .extend(given.iter().cloned());
        }
    }
    let file = kind.place();
    let mut definitions = feature_definitions(world, file, Rank::Plain, &own, &mut uses, d);
    let merged = settings([(layer.clone(), &spec.settings)], d);
    check_settings(world, merged.values().map(|(s, _, _)| s), d);
    if let Kind::Guest(_) = kind {
        let settings = merged.values().map(|(s, _, _)| s);
        settings_elsewhere(world, microvm::OWN_KEYS, settings, d);
    }
    definitions.extend(setting_definitions(
        world,
        file,
        Rank::Plain,
        &merged,
        &mut uses,
        d,
    ));
    definitions.extend(packages(
        world,
        file,
        "environment.systemPackages",
        &layer,
        &spec.packages,
        &mut uses,
        d,
    ));
    let modules = crate::assets::modules(world, &spec.modules, &mut uses, d);
    let state_version = state_version(world, spec, d);
    let mut users = host_users(
        world,
        spec,
        kind,
        &name,
        template,
        base,
        &state_version,
        &mut uses,
        d,
    );
    let enabled = close(world, &states, &users, &name, d);
    let template_imports = template.map(|t| &t.model.imports);
    for on_host in users.values_mut() {
        system_halves(world, on_host, &enabled, template_imports);
    }
    let mut hardware = hardware(world, spec, &mut uses, d);
    let system = system(world, spec.system.as_ref(), d);
    check_cpu(spec, &system, d);
    let of_template = template.map_or(&[][..], |t| t.model.definitions.as_slice());
    let said = definitions.iter().chain(of_template);
    let is_on = |id: &str| enabled.contains_key(id);
    let added = match kind {
        Kind::Host => {
            let managed = is_on("networking.network-manager");
            microvm::host(world, spec, place, &layer, said, managed, d)
        }
        Kind::Guest(item) => {
            "qemu".clone_into(&mut hardware.platform);
            for on_host in users.values_mut() {
                of_guest(on_host, &base.users);
            }
            let admins = users.keys().any(|user| {
                let resolved = base.users.get(user);
                resolved.is_some_and(|u| u.model.admin)
            });
            microvm::guest(world, item, &layer, &system, admins, said, is_on, d)
        }
        Kind::Image(item) => {
            // What is unknown is reported with what the image defines.
            let format = image::format(&item.value, &mut Diagnostics::new());
            format.platform().clone_into(&mut hardware.platform);
            image::definitions(world, item, &layer, &system, d)
        }
    };
    definitions.extend(added);
    if let Kind::Host = kind {
        let of_template = template.map_or(&[][..], |t| t.model.definitions.as_slice());
        let said = definitions.iter().chain(of_template);
        loader::settle(world, &spec.hardware, said, &enabled, &mut hardware, d);
    }
    // What nobody asked for gives way to what a layer says.
    if spec.hardware.boot.can_touch_efi_variables.is_none() {
        let templates = template.map_or(&[][..], |t| t.model.definitions.as_slice());
        let said = |x: &Definition| x.path.0 == ["boot", "loader", "efi", "canTouchEfiVariables"];
        hardware.boot.can_touch_efi_variables &= !definitions.iter().chain(templates).any(said);
    }
    let mut disks = BTreeMap::new();
    for disk in &spec.hardware.disks {
        match base.disks.get(&disk.value) {
            Some(resolved) => {
                disks.insert(disk.value.clone(), resolved.clone());
            }
            None if world.spec.disks.contains_key(&disk.value)
                || world.spec.is_lost("disks", &disk.value) => {}
            None => d.push(unknown_name(
                "unknown-disk",
                "disk layout",
                &disk.value,
                disk.span,
                world
                    .spec
                    .disks
                    .keys()
                    .chain(world.spec.offered.disks.keys()),
            )),
        }
    }
    let zones = match kind {
        Kind::Host => zones(world, spec, d),
        Kind::Guest(item) => microvm::zones(world, &item.value, d),
        Kind::Image(_) => BTreeMap::new(),
    };
    let host = Host {
        description: spec.description.as_ref().map(|t| t.value.clone()),
        span: place,
        system,
        state_version,
        tags: spec.tags.iter().map(|t| t.value.clone()).collect(),
        template: template.map(|t| t.model.name.clone()),
        hardware,
        disks,
        address: match kind {
            Kind::Guest(item) => microvm::address(&item.value),
            Kind::Host | Kind::Image(_) => spec.address.as_ref().map(|a| a.value.clone()),
        },
        zones,
        disabled,
        imports: own
            .keys()
            .filter(|id| !template_imports.is_some_and(|t| t.contains(*id)))
            .cloned()
            .collect(),
        definitions,
        ports: Vec::new(),
        users: BTreeMap::new(),
        secrets: BTreeMap::new(),
        modules,
        input_modules: Vec::new(),
        has_home_manager: users.values().any(|u| u.model.has_home),
        microvms: spec
            .microvms
            .iter()
            .filter(|t| world.spec.microvms.contains_key(&t.value))
            .map(|t| HostName::new(&t.value))
            .collect(),
        enabled,
        name,
    };
    let partial = Partial {
        host,
        states,
        users,
        uses,
        spec,
        place,
        kind,
        listens: Vec::new(),
        shut: Vec::new(),
    };
    check(world, &partial, template, d);
    partial
}

/// Gives a user's part on a guest what the user has on every host: its file holds all of it, because
/// guests have no secrets of their own, and so not the user's password.
fn of_guest(on_host: &mut OnHost<'_>, users: &BTreeMap<UserName, user::Resolved<'_>>) {
    let Some(user) = users.get(&on_host.model.name) else {
        return;
    };
    let is_password = |x: &&Definition| {
        let last = x.path.0.last();
        last.is_some_and(|option| option == "hashedPasswordFile")
    };
    let account = user.model.definitions.iter();
    let account = account.filter(|x| !is_password(x)).cloned();
    on_host.model.definitions.splice(0..0, account);
    let mut home = user.model.home.clone();
    home.append(&mut on_host.model.home);
    on_host.model.home = combined(home);
    let home_imports = user.model.home_imports.iter().cloned();
    on_host.model.home_imports.extend(home_imports);
    let modules = user.model.home_modules.iter().cloned();
    on_host.model.modules.splice(0..0, modules);
}

fn template_of<'a>(
    world: &World<'_>,
    spec: &ast::Host,
    base: &'a Base<'a>,
    d: &mut Diagnostics,
) -> Option<&'a template::Flat<'a>> {
    let name = spec.template.as_ref()?;
    let found = base.templates.get(name.value.as_str());
    // A template that is defined but missing here is part of a reported cycle.
    if found.is_none()
        && !world.spec.templates.contains_key(&name.value)
        && !world.spec.is_lost("templates", &name.value)
    {
        d.push(unknown_name(
            "unknown-template",
            "template",
            &name.value,
            name.span,
            world
                .spec
                .templates
                .keys()
                .chain(world.spec.offered.templates.keys()),
        ));
    }
    found
}

fn state_version(world: &World<'_>, spec: &ast::Host, d: &mut Diagnostics) -> String {
    let fleet = world
        .spec
        .fleet
        .as_ref()
        .and_then(|f| f.value.state_version.as_ref());
    let Some(text) = spec.state_version.as_ref().or(fleet) else {
        // Reported once for the fleet.
        return "25.11".to_owned();
    };
    crate::inputs::check_state_version(world, text, d);
    text.value.clone()
}

fn system(world: &World<'_>, own: Option<&ast::Text>, d: &mut Diagnostics) -> String {
    let fleet = world
        .spec
        .fleet
        .as_ref()
        .and_then(|f| f.value.system.as_ref());
    let Some(text) = own.or(fleet) else {
        return SYSTEMS[0].to_owned();
    };
    if !SYSTEMS.contains(&text.value.as_str()) {
        d.push(unknown_word(&text.value, text.span, "a platform", SYSTEMS));
    }
    text.value.clone()
}

fn zones(
    world: &World<'_>,
    spec: &ast::Host,
    d: &mut Diagnostics,
) -> BTreeMap<String, Vec<String>> {
    let mut result = BTreeMap::new();
    for (zone, interfaces) in &spec.zones {
        if !world.zones.contains(&zone.value) {
            d.push(unknown_zone(&world.zones, &zone.value, zone.span));
        }
        for interface in interfaces {
            let ok = (1..=15).contains(&interface.value.len())
                && interface
                    .value
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'));
            if !ok {
                let message = format!("`{}` is not the name of an interface", interface.value);
                let diagnostic = Diagnostic::error("bad-name", interface.span, message);
                d.push(diagnostic.help("at most 15 letters, digits, `-`, `_`, `.` and `+`"));
            }
        }
        result.insert(
            zone.value.clone(),
            interfaces.iter().map(|i| i.value.clone()).collect(),
        );
    }
    result
}

#[expect(clippy::too_many_arguments, reason = "the layers that meet here")]
fn host_users<'a>(
    world: &World<'a>,
    spec: &'a ast::Host,
    kind: Kind<'_>,
    host: &HostName,
    template: Option<&'a template::Flat<'a>>,
    base: &'a Base<'a>,
    state_version: &str,
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> BTreeMap<UserName, OnHost<'a>> {
    let mut compositions: BTreeMap<&str, Vec<(Layer, Span, &'a Composition)>> = BTreeMap::new();
    for (name, layers) in template.into_iter().flat_map(|t| &t.users) {
        compositions
            .entry(name)
            .or_default()
            .extend(layers.iter().cloned());
    }
    for (name, composition) in &spec.users {
        // Others are throw-away accounts.
        if matches!(kind, Kind::Guest(_)) && !world.spec.users.contains_key(name) {
            continue;
        }
        let entry = (
            Layer::Host(host.clone()),
            composition.name.span,
            &composition.value,
        );
        compositions.entry(name).or_default().push(entry);
    }
    let mut result = BTreeMap::new();
    for (name, layers) in compositions {
        let Some(user) = base.users.get(name) else {
            for (_, span, _) in &layers {
                if world.spec.is_lost("users", name) {
                    break;
                }
                d.push(unknown_name(
                    "unknown-user",
                    "user",
                    name,
                    *span,
                    world.spec.users.keys(),
                ));
            }
            continue;
        };
        let on_host = user::on_host(world, host, user, &layers, &base.profiles, state_version, d);
        crate::secrets::check_home(world, &user.model.name, &on_host.uses, d);
        uses.extend(&on_host.uses);
        result.insert(user.model.name.clone(), on_host);
    }
    result
}

/// Closes the system features over what they require and what home features need.
fn close(
    world: &World<'_>,
    states: &States<'_>,
    users: &BTreeMap<UserName, OnHost<'_>>,
    host: &HostName,
    d: &mut Diagnostics,
) -> BTreeMap<FeatureId, Enabled> {
    let mut enabled = crate::uses::named(states);
    let mut todo: Vec<FeatureId> = enabled.keys().cloned().collect();
    let mut wanted: Vec<(FeatureId, Reason, Span)> = Vec::new();
    for (name, on_host) in users {
        for (id, feature) in &on_host.system {
            let Some(definition) = world.table.get(feature) else {
                continue;
            };
            let span = definition
                .feature
                .requires
                .iter()
                .find(|r| r.feature.value == id.as_str())
                .map_or(definition.span, |r| r.feature.span);
            wanted.push((
                id.clone(),
                Reason::RequiredByHome {
                    feature: feature.clone(),
                    user: name.clone(),
                },
                span,
            ));
        }
    }
    let mut want = |id: &FeatureId,
                    reason: Reason,
                    span: Span,
                    by: String,
                    enabled: &mut BTreeMap<FeatureId, Enabled>,
                    todo: &mut Vec<FeatureId>| {
        if let Some(state) = states.get(id)
            && !state.on()
        {
            if let Some((_, off)) = state.place() {
                d.push(
                    Diagnostic::error(
                        "required-feature-disabled",
                        off,
                        format!("`{id}` is switched off, but {by} requires it on `{host}`"),
                    )
                    .related(span, "required here")
                    .help("remove this line, or switch off what requires it"),
                );
            }
            return;
        }
        if let Some(entry) = enabled.get_mut(id) {
            entry.reasons.push(reason);
        } else {
            enabled.insert(
                id.clone(),
                Enabled {
                    reasons: vec![reason],
                    options: BTreeMap::new(),
                },
            );
            todo.push(id.clone());
        }
    };
    for (id, reason, span) in wanted {
        let by = match &reason {
            Reason::RequiredByHome { feature, user } => format!("`{feature}` of user `{user}`"),
            _ => String::new(),
        };
        want(&id, reason, span, by, &mut enabled, &mut todo);
    }
    while let Some(id) = todo.pop() {
        let Some(definition) = world.table.get(&id) else {
            continue;
        };
        for require in &definition.feature.requires {
            if !holds(definition, states.get(&id), &require.when) {
                continue;
            }
            let Some((required, other)) = world.table.get_key_value(require.feature.value.as_str())
            else {
                continue;
            };
            if !other.has_system_half() {
                // Its home half requires it; without one, the table's check has reported it.
                continue;
            }
            let reason = Reason::RequiredBy {
                feature: id.clone(),
            };
            want(
                required,
                reason,
                require.feature.span,
                format!("`{id}`"),
                &mut enabled,
                &mut todo,
            );
        }
    }
    enabled
}

/// Gives a user's file the flags of system features that only home features need.
fn system_halves(
    world: &World<'_>,
    on_host: &mut OnHost<'_>,
    enabled: &BTreeMap<FeatureId, Enabled>,
    template_imports: Option<&BTreeSet<FeatureId>>,
) {
    let mut flags: BTreeMap<FeatureId, Vec<FeatureId>> = BTreeMap::new();
    for (id, feature) in &on_host.system {
        let otherwise = enabled.get(id).is_some_and(|e| {
            e.reasons
                .iter()
                .any(|r| matches!(r, Reason::Named(_) | Reason::RequiredBy { .. }))
        });
        if !otherwise && enabled.contains_key(id) {
            flags.entry(id.clone()).or_default().push(feature.clone());
        }
    }
    for (id, features) in flags {
        let names: BTreeSet<&str> = features.iter().map(FeatureId::as_str).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let comment = if features == [id.clone()] {
            format!("The system half of {id}.")
        } else {
            format!("Required by {}.", names.join(", "))
        };
        on_host.model.definitions.push(Definition {
            path: feature_path(world, id.as_str(), "enable"),
            value: nix::Value::Bool(true),
            origin: Origin {
                layer: Layer::Feature(features[0].clone()),
                span: world.table.get(&features[0]).map(|d| d.span),
            },
            over: Vec::new(),
            comment: Some(comment),
        });
        if !template_imports.is_some_and(|t| t.contains(&id)) {
            on_host.model.imports.insert(id);
        }
    }
}

/// The place in the spec that a feature is on because of, and the way from there.
pub(crate) fn reason_place(partial: &Partial<'_>, id: &FeatureId) -> (Span, String) {
    let mut current = id.clone();
    let mut way: Vec<String> = Vec::new();
    for _ in 0..32 {
        if let Some((_, span)) = partial
            .states
            .get(&current)
            .filter(|s| s.on())
            .and_then(State::place)
        {
            let how = if way.is_empty() {
                "is on because of this".to_owned()
            } else {
                format!("is required: {}", way.join(", "))
            };
            return (span, how);
        }
        let Some(reason) = partial
            .host
            .enabled
            .get(&current)
            .and_then(|e| e.reasons.first())
        else {
            break;
        };
        match reason {
            Reason::RequiredBy { feature } => {
                way.push(format!("`{feature}` requires `{current}`"));
                current = feature.clone();
            }
            Reason::RequiredByHome { feature, user } => {
                way.push(format!("`{feature}` of user `{user}` requires `{current}`"));
                let on_host = partial.users.get(user);
                if let Some((_, span)) = on_host
                    .and_then(|u| u.states.get(feature))
                    .and_then(State::place)
                {
                    return (span, format!("is required: {}", way.join(", ")));
                }
                break;
            }
            Reason::Named(origin) => {
                return (origin.span.unwrap_or(partial.place), way.join(", "));
            }
        }
    }
    (partial.place, way.join(", "))
}
