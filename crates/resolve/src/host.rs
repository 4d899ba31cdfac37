//! One host: layers applied, dependencies closed, facts checked.

use std::collections::{BTreeMap, BTreeSet};

use diag::{Diagnostic, Diagnostics, Span, Spanned};
use minijinja::value::Value as Fact;
use model::{
    Boot, BootLoader, Definition, Enabled, FeatureId, Gpu, Hardware, Host, HostName, Layer,
    OpenPort, OptionValue, Origin, PortNumbers, ProfileName, Protocol, Reason, Secrets,
    TemplateName, UserName,
};
use spec::ast::{self, Composition, Item, NeedKind, PortSource};
use spec::{Setting, Value, ValueKind};

use crate::derive::{self, Derivations, GpuFacts};
use crate::image;
use crate::lower::{Place, Rank, Uses, feature_path, made};
use crate::microvm::{self, Listens};
use crate::secrets::Used;
use crate::template::{self, require_system_half, unneeded};
use crate::user::{self, OnHost};
use crate::uses::{
    Given, State, States, add, bare, combined, feature_definitions, merged, packages,
    setting_definitions, settings,
};
use crate::world::{SYSTEMS, World, unknown_name, unknown_word, unknown_zone};
use crate::{profile, table, types};

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

/// Whether all conditions of an entry hold for what the layers give. Code counts as holding.
pub(crate) fn holds(
    definition: &table::Definition,
    state: Option<&State<'_>>,
    when: &[(Spanned<String>, Value)],
) -> bool {
    when.iter().all(|(name, wanted)| {
        let given = state
            .and_then(|s| s.options.get(name.value.as_str()))
            .and_then(|g| merged(g))
            .map(|(v, _, _)| v);
        let default = || {
            definition
                .feature
                .options
                .get(&name.value)
                .and_then(|o| o.value.default.clone())
        };
        match given.or_else(default) {
            None => matches!(wanted.kind, ValueKind::Null),
            Some(value) => same(bare(&value), wanted),
        }
    })
}

/// Like [`holds`], with derived values known.
pub(crate) fn holds_on(
    partial: &Partial<'_>,
    definition: &table::Definition,
    state: Option<&State<'_>>,
    when: &[(Spanned<String>, Value)],
) -> bool {
    when.iter().all(|condition| {
        let (name, wanted) = condition;
        match partial
            .host
            .enabled
            .get(&definition.id)
            .and_then(|e| e.options.get(&name.value))
        {
            Some(value) => same_nix(&value.value, wanted),
            None => holds(definition, state, std::slice::from_ref(condition)),
        }
    })
}

fn same_nix(value: &nix::Value, wanted: &Value) -> bool {
    match (value, &wanted.kind) {
        (nix::Value::Null, ValueKind::Null) | (nix::Value::Expr(_), _) => true,
        (nix::Value::Bool(a), ValueKind::Bool(b)) => a == b,
        (nix::Value::Int(a), ValueKind::Int(b)) => a == b,
        (nix::Value::Str(a), ValueKind::Str(b)) => a == b,
        (_, ValueKind::List(any)) => any.iter().any(|w| same_nix(value, w)),
        _ => false,
    }
}

fn same(value: &Value, wanted: &Value) -> bool {
    match (&value.kind, &wanted.kind) {
        (ValueKind::Null, ValueKind::Null) | (ValueKind::Nix(_) | ValueKind::Opt(_), _) => true,
        (ValueKind::Bool(a), ValueKind::Bool(b)) => a == b,
        (ValueKind::Int(a), ValueKind::Int(b)) => a == b,
        (ValueKind::Str(a), ValueKind::Str(b)) => a == b,
        (ValueKind::List(a), ValueKind::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        // A list of wanted values: one of them.
        (_, ValueKind::List(any)) => any.iter().any(|w| same(value, w)),
        _ => false,
    }
}

/// Settings that have a key of their own in the spec, and that key.
const OWN_KEYS: &[(&str, &str)] = &[
    ("networking.hostName", "the host's name in `hosts`"),
    ("system.stateVersion", "`stateVersion`"),
    ("nixpkgs.hostPlatform", "`system`"),
    ("nixpkgs.system", "`system`"),
    ("nixpkgs.config", "`fleet.packages`"),
    ("nixpkgs.overlays", "`fleet.packages.overlays`"),
];

/// The same of Home Manager.
const OWN_HOME_KEYS: &[(&str, &str)] = &[
    ("home.username", "the user's name in `users`"),
    ("home.homeDirectory", "the user's name in `users`"),
    ("home.stateVersion", "`stateVersion` of the host"),
];

/// Reports settings of hosts and templates that belong elsewhere.
pub(crate) fn check_settings<'s>(
    world: &World<'_>,
    settings: impl IntoIterator<Item = &'s Setting>,
    d: &mut Diagnostics,
) {
    settings_elsewhere(world, OWN_KEYS, settings, d);
}

/// Reports settings of profiles and users that belong elsewhere.
pub(crate) fn check_home_settings<'s>(
    world: &World<'_>,
    settings: impl IntoIterator<Item = &'s Setting>,
    d: &mut Diagnostics,
) {
    settings_elsewhere(world, OWN_HOME_KEYS, settings, d);
}

fn settings_elsewhere<'s>(
    world: &World<'_>,
    own_keys: &[(&str, &str)],
    settings: impl IntoIterator<Item = &'s Setting>,
    d: &mut Diagnostics,
) {
    for setting in settings {
        let path = setting.path.to_string();
        if setting.path.0.first() == Some(&world.namespace) && setting.path.0.len() > 1 {
            d.push(
                Diagnostic::error(
                    "setting-of-feature",
                    setting.key,
                    format!("`{path}` is an option of a feature"),
                )
                .help("set it under `features`, where it is checked"),
            );
        }
        if let Some((_, key)) = own_keys.iter().find(|(p, _)| {
            let below = path.strip_prefix(p);
            below.is_some_and(|below| below.is_empty() || below.starts_with('.'))
        }) {
            d.push(
                Diagnostic::error(
                    "setting-elsewhere",
                    setting.key,
                    format!("`{path}` is not set here"),
                )
                .help(format!("use {key}")),
            );
        }
    }
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
    if !crate::inputs::is_release(&text.value) {
        d.push(
            Diagnostic::error("bad-value", text.span, format!("`{}` is not a release of NixOS", text.value))
                .help("such as \"25.11\": the release that the machine was installed with, never changed later"),
        );
    }
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

/// Microcode and kernel modules of a vendor are for its platform only.
fn check_cpu(spec: &ast::Host, system: &str, d: &mut Diagnostics) {
    let Some(cpu) = &spec.hardware.cpu else {
        return;
    };
    let right = match cpu.value.as_str() {
        "intel" | "amd" => "x86_64-linux",
        "arm" => "aarch64-linux",
        _ => return,
    };
    if system != right && SYSTEMS.contains(&system) {
        let message = format!("`cpu: {}` does not go with `{system}`", cpu.value);
        let cpu = match right {
            "x86_64-linux" => "arm",
            _ => "amd` or `cpu: intel",
        };
        d.push(
            Diagnostic::error(
                "bad-value",
                spec.hardware.cpu.as_ref().map(|c| c.span),
                message,
            )
            .related(spec.system.as_ref().map(|s| s.span), "the platform")
            .help(format!(
                "say `cpu: {cpu}`, or `system: {right}` of the host"
            )),
        );
    }
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

fn hardware(world: &World<'_>, spec: &ast::Host, uses: &mut Uses, d: &mut Diagnostics) -> Hardware {
    let spec = &spec.hardware;
    if let Some(cores) = spec.cores.as_ref().filter(|c| c.value < 1) {
        let message = format!("{} is not a number of processors", cores.value);
        d.push(Diagnostic::error("bad-value", cores.span, message));
    }
    let platform = spec.platform.as_ref().map_or("physical", |p| {
        let words = ["physical", "qemu", "lxc"];
        if !words.contains(&p.value.as_str()) {
            d.push(unknown_word(&p.value, p.span, "a kind of machine", &words));
        }
        p.value.as_str()
    });
    let cpu = spec.cpu.as_ref().and_then(|c| {
        let words = ["amd", "intel", "arm", "none"];
        if !words.contains(&c.value.as_str()) {
            d.push(unknown_word(&c.value, c.span, "a CPU vendor", &words));
        }
        (c.value != "none").then(|| c.value.clone())
    });
    let mut gpus = Vec::new();
    for gpu in &spec.gpus {
        let words = ["amd", "intel", "nvidia", "none"];
        if !words.contains(&gpu.vendor.value.as_str()) {
            d.push(unknown_word(
                &gpu.vendor.value,
                gpu.vendor.span,
                "a GPU vendor",
                &words,
            ));
        }
        if gpu.rocm && gpu.vendor.value != "amd" {
            d.push(Diagnostic::error(
                "bad-value",
                gpu.vendor.span,
                "ROCm needs an AMD GPU",
            ));
        }
        if gpu.cuda && gpu.vendor.value != "nvidia" {
            d.push(Diagnostic::error(
                "bad-value",
                gpu.vendor.span,
                "CUDA needs an NVIDIA GPU",
            ));
        }
        if gpu.vendor.value != "none" {
            gpus.push(Gpu {
                vendor: gpu.vendor.value.clone(),
                rocm: gpu.rocm,
                cuda: gpu.cuda,
                bus_id: gpu.bus_id.as_ref().map(|b| b.value.clone()),
            });
        }
    }
    let loader = match &spec.boot.loader {
        None if spec.boot.device.is_some() => BootLoader::Grub(
            spec.boot
                .device
                .as_ref()
                .map(|d| d.value.clone())
                .unwrap_or_default(),
        ),
        None => BootLoader::Unset,
        Some(word) => match word.value.as_str() {
            "systemd-boot" => BootLoader::SystemdBoot,
            "grub" => BootLoader::Grub(
                spec.boot
                    .device
                    .as_ref()
                    .map_or_else(|| "nodev".to_owned(), |d| d.value.clone()),
            ),
            "none" => BootLoader::None,
            other => {
                d.push(unknown_word(
                    other,
                    word.span,
                    "a boot loader",
                    &["systemd-boot", "grub", "none"],
                ));
                BootLoader::None
            }
        },
    };
    let facter = spec.facter.as_ref().and_then(|f| {
        let path = crate::assets::normal(&f.value, f.span, d)?;
        if !crate::assets::exists(&path, world.around) {
            d.push(crate::assets::missing(&path, f.span, world.around));
        }
        uses.assets.insert(path.clone());
        Some(format!("custom/{path}"))
    });
    let boots_by_efi = match &loader {
        BootLoader::SystemdBoot => true,
        BootLoader::Grub(device) => device == "nodev",
        BootLoader::None => false,
        BootLoader::Unset => platform != "lxc",
    };
    let texts = |list: &[ast::Text]| list.iter().map(|t| t.value.clone()).collect();
    Hardware {
        firmware: spec
            .firmware
            .as_ref()
            .map_or(cpu.is_some() && platform == "physical", |f| f.value),
        cpu,
        gpus,
        memory: spec.memory.as_ref().map(|m| m.value),
        cores: spec.cores.as_ref().map(|c| c.value),
        boot: Boot {
            loader,
            timeout: spec.boot.timeout.as_ref().map(|t| t.value),
            efi_mount_point: spec.boot.efi_mount_point.as_ref().map(|t| t.value.clone()),
            can_touch_efi_variables: spec
                .boot
                .can_touch_efi_variables
                .as_ref()
                .map_or(boots_by_efi, |b| b.value),
        },
        profile: spec.profile.as_ref().map(|p| p.value.clone()),
        facter,
        kernel_modules: texts(&spec.kernel_modules),
        initrd_modules: texts(&spec.initrd_modules),
        platform: platform.to_owned(),
    }
}

/// Checks that need nothing but the host: conflicts, needs, allowed packages, root file system.
fn check(
    world: &World<'_>,
    partial: &Partial<'_>,
    template: Option<&template::Flat<'_>>,
    d: &mut Diagnostics,
) {
    let host = &partial.host;
    for id in host.enabled.keys() {
        let Some(definition) = world.table.get(id) else {
            continue;
        };
        for other in &definition.feature.conflicts {
            // One that is also required has been reported at the definition.
            let required = definition.feature.requires.iter();
            let contradicts = required
                .map(|r| &r.feature.value)
                .any(|r| *r == other.value);
            if !contradicts && host.enabled.contains_key(other.value.as_str()) {
                conflict(world, partial, id, &other.value, d);
            }
        }
        for need in &definition.feature.needs {
            if let NeedKind::Zone(zones) = &need.kind
                && !definition.builtin
                && let Some(zone) = zones.iter().find(|z| !world.zones.contains(*z))
            {
                d.push(unknown_zone(&world.zones, zone, need.span));
                continue;
            }
            // A layout that could not be resolved may be the one.
            let is_lost = matches!(need.kind, NeedKind::Disks(_))
                && partial.spec.hardware.disks.len() != host.disks.len();
            if let Some(missing) = unmet(&need.kind, host).filter(|_| !is_lost) {
                let (span, why) = reason_place(partial, id);
                // Where the host itself names the feature, it is there to be seen.
                let own = partial.spec.features.iter().any(|f| f.id.span == span);
                d.push(
                    Diagnostic::error(
                        "unmet-need",
                        span,
                        format!(
                            "`{id}` needs {missing}, which `{}` does not have",
                            host.name
                        ),
                    )
                    .label(why)
                    .related(need.span, "needed here")
                    .related((!own).then_some(partial.place), "a host with the feature")
                    .help(format!(
                        "switch the feature off here, or correct `{}` of the host",
                        fact(&need.kind)
                    )),
                );
            }
        }
    }
    modules_take_self(world, partial, template, d);
    for on_host in partial.users.values() {
        for id in on_host.model.enabled.keys() {
            let Some(definition) = world.table.get(id) else {
                continue;
            };
            for other in &definition.feature.conflicts {
                if on_host.model.enabled.contains_key(other.value.as_str()) {
                    let span = on_host
                        .states
                        .get(id)
                        .and_then(State::place)
                        .map_or(definition.span, |(_, s)| s);
                    let mut diagnostic = Diagnostic::error(
                        "feature-conflict",
                        span,
                        format!(
                            "`{id}` and `{}` cannot both be on for `{}` on `{}`",
                            other.value, on_host.model.name, host.name
                        ),
                    );
                    if let Some((_, second)) = on_host
                        .states
                        .get(other.value.as_str())
                        .and_then(State::place)
                    {
                        diagnostic = diagnostic
                            .related(second, format!("`{}` comes from here", other.value));
                    }
                    d.push(
                        diagnostic
                            .related(other.span, "the conflict is declared here")
                            .help("switch one of them off"),
                    );
                }
            }
        }
    }
    if !matches!(partial.kind, Kind::Host) {
        return;
    }
    disks(partial, d);
    container(partial, d);
    let spec = partial.spec;
    // Where a part of the host could not be read or found, it may be that one.
    let whole = !spec.broken
        && spec.template.is_some() == template.is_some()
        && spec.hardware.disks.len() == host.disks.len()
        && (spec.hardware.platform.as_ref()).is_none_or(|p| p.value == host.hardware.platform)
        && !d.iter().any(|d| d.code == "bad-value");
    settings_of_disks(partial, template, d);
    if whole {
        root_and_boot(world, partial, template, d);
    }
}

/// Only hosts of MicroVMs pass the flake to their modules as `self`.
fn modules_take_self(
    world: &World<'_>,
    partial: &Partial<'_>,
    template: Option<&template::Flat<'_>>,
    d: &mut Diagnostics,
) {
    let host = &partial.host;
    if !host.microvms.is_empty() {
        return;
    }
    let of_template = template.map_or(&[][..], |t| &t.model.modules);
    for module in host.modules.iter().chain(of_template) {
        let path = module.strip_prefix("custom/").unwrap_or(module);
        if !crate::assets::takes(path, "self", world.around) {
            continue;
        }
        let own = partial.spec.modules.iter();
        let mut own = own.filter(|text| path.ends_with(text.value.trim_start_matches("./")));
        d.push(
            Diagnostic::error(
                "undefined-variable",
                own.next().map_or(partial.place, |text| text.span),
                format!(
                    "`{path}` takes `self`, which modules of `{}` do not get",
                    host.name
                ),
            )
            .help("take `inputs` and write `inputs.self`"),
        );
    }
}

/// A container has the kernel, the disks and the boot of the machine that it runs on.
fn container(partial: &Partial<'_>, d: &mut Diagnostics) {
    let host = &partial.host;
    if host.hardware.platform != "lxc" {
        return;
    }
    let hardware = &partial.spec.hardware;
    let loader = hardware.boot.loader.as_ref().filter(|l| l.value != "none");
    let first = |list: &[ast::Text]| list.first().map(|text| text.span);
    let foreign = [
        ("boot loader", loader.map(|l| l.span), "hardware.boot"),
        ("disk layout", first(&hardware.disks), "hardware.disks"),
        (
            "kernel modules",
            first(&hardware.kernel_modules).or_else(|| first(&hardware.initrd_modules)),
            "hardware.kernelModules` and `hardware.initrdModules",
        ),
        ("MicroVMs", first(&partial.spec.microvms), "microvms"),
    ];
    for (what, span, key) in foreign {
        let Some(span) = span else { continue };
        let message = format!(
            "`{}` is a container, which has no {what} of its own",
            host.name
        );
        d.push(
            Diagnostic::error("container-hardware", span, message)
                .related(
                    hardware.platform.as_ref().map(|p| p.span),
                    "the container is said here",
                )
                .help(format!(
                    "remove `{key}`, or say `platform: qemu` of a virtual machine"
                )),
        );
    }
}

/// Layouts of one host must not take the same thing.
fn disks(partial: &Partial<'_>, d: &mut Diagnostics) {
    let host = &partial.host;
    let mut taken: BTreeMap<String, (&String, Option<Span>)> = BTreeMap::new();
    for (name, disk) in &host.disks {
        for claim in crate::disks::claims(disk) {
            if let Some((other, place)) = taken.get(&claim)
                && *other != name
            {
                let named = &partial.spec.hardware.disks;
                let span = named.iter().find(|t| t.value == *name).map(|t| t.span);
                d.push(
                    Diagnostic::error(
                        "disk-layout",
                        span,
                        format!("`{other}` and `{name}` both {claim} on `{}`", host.name),
                    )
                    .related(*place, format!("`{other}`"))
                    .related(disk.span, format!("`{name}`"))
                    .help("change one of the layouts, or leave it out"),
                );
                break;
            }
            taken.insert(claim, (name, disk.span));
        }
    }
}

fn conflict(
    world: &World<'_>,
    partial: &Partial<'_>,
    id: &FeatureId,
    other: &str,
    d: &mut Diagnostics,
) {
    let (Some(first), Some((second_id, _))) = (
        world.table.get(id),
        partial.host.enabled.get_key_value(other),
    ) else {
        return;
    };
    let second = world.table.get(second_id);
    // Both may declare it; the one that comes first by name reports.
    let mutual = second.is_some_and(|s| s.feature.conflicts.iter().any(|c| c.value == id.as_str()));
    if mutual && second_id < id {
        return;
    }
    let (span, why) = reason_place(partial, id);
    let (second_span, second_why) = reason_place(partial, second_id);
    let declared = first
        .feature
        .conflicts
        .iter()
        .find(|c| c.value == other)
        .map(|c| c.span);
    d.push(
        Diagnostic::error(
            "feature-conflict",
            span,
            format!(
                "`{id}` and `{other}` cannot both be on, as they are on `{}`",
                partial.host.name
            ),
        )
        .label(why)
        .related(second_span, format!("`{other}` {second_why}"))
        .related(declared, "the conflict is declared here")
        .help("switch one of them off"),
    );
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

/// The key of a host that states a fact.
fn fact(need: &NeedKind) -> &'static str {
    match need {
        NeedKind::Cpu(_) => "hardware.cpu",
        NeedKind::Gpu(_) => "hardware.gpu",
        NeedKind::Memory(_) => "hardware.memory",
        NeedKind::System(_) => "system",
        NeedKind::Disks(_) => "hardware.disks",
        NeedKind::Zone(_) => "network.zones",
    }
}

/// What a host lacks of a need, in words.
pub(crate) fn unmet(need: &NeedKind, host: &Host) -> Option<String> {
    let list = |words: &[String]| {
        words
            .iter()
            .map(|w| format!("`{w}`"))
            .collect::<Vec<_>>()
            .join(" or ")
    };
    match need {
        NeedKind::Cpu(vendors) => (!host
            .hardware
            .cpu
            .as_ref()
            .is_some_and(|c| vendors.contains(c)))
        .then(|| format!("a CPU of vendor {}", list(vendors))),
        NeedKind::Gpu(gpus) => {
            let met = gpus.iter().any(|need| {
                host.hardware.gpus.iter().any(|gpu| {
                    gpu.vendor == need.vendor
                        && (!need.rocm || gpu.rocm)
                        && (!need.cuda || gpu.cuda)
                })
            });
            let words: Vec<String> = gpus
                .iter()
                .map(|g| {
                    let extra = if g.rocm {
                        " with ROCm"
                    } else if g.cuda {
                        " with CUDA"
                    } else {
                        ""
                    };
                    format!("`{}`{extra}", g.vendor)
                })
                .collect();
            (!met).then(|| format!("a GPU of vendor {}", words.join(" or ")))
        }
        NeedKind::Memory(bytes) => (host.hardware.memory.is_none_or(|m| m < *bytes)).then(|| {
            match bytes.trailing_zeros() {
                30.. => format!("{} GiB of memory", bytes >> 30),
                20.. => format!("{} MiB of memory", bytes >> 20),
                _ => format!("{bytes} bytes of memory"),
            }
        }),
        NeedKind::System(systems) => {
            (!systems.contains(&host.system)).then(|| format!("platform {}", list(systems)))
        }
        NeedKind::Disks(layouts) => {
            let kind = |disk: &model::Disk| match disk.layout {
                model::DiskLayout::Ext4 { .. } => "ext4",
                model::DiskLayout::LuksBtrfs { .. } => "luks-btrfs",
                model::DiskLayout::Zfs { .. } => "zfs",
                model::DiskLayout::ByHand { .. } => "none",
            };
            (!host
                .disks
                .values()
                .any(|disk| layouts.iter().any(|l| l == kind(disk))))
            .then(|| format!("a disk with layout {}", list(layouts)))
        }
        NeedKind::Zone(zones) => {
            let missing: Vec<String> = zones
                .iter()
                .filter(|z| host.zones.get(*z).is_none_or(Vec::is_empty))
                .cloned()
                .collect();
            (!missing.is_empty()).then(|| format!("an interface in zone {}", list(&missing)))
        }
    }
}

fn root_and_boot(
    world: &World<'_>,
    partial: &Partial<'_>,
    template: Option<&template::Flat<'_>>,
    d: &mut Diagnostics,
) {
    let host = &partial.host;
    let by_hand = !host.modules.is_empty() || template.is_some_and(|t| !t.model.modules.is_empty());
    let fleet_by_hand = world
        .spec
        .fleet
        .as_ref()
        .is_some_and(|f| !f.value.modules.is_empty());
    if host.hardware.platform == "lxc" || by_hand || fleet_by_hand {
        return;
    }
    // The fleet's own features; none of the catalog mounts a root or boots a machine.
    let own: Vec<&table::Definition> = (host.enabled.keys())
        .filter_map(|id| world.table.get(id))
        .filter(|definition| !definition.builtin)
        .collect();
    let any_path = |test: &dyn Fn(&[String]) -> bool| {
        let in_template =
            |t: &template::Flat<'_>| t.model.definitions.iter().any(|x| test(&x.path.0));
        let in_feature = |f: &&table::Definition| {
            (f.feature.nixos.as_ref()).is_some_and(|tree| tree.keys().any(|path| test(&path.0)))
        };
        host.definitions.iter().any(|x| test(&x.path.0))
            || template.is_some_and(in_template)
            || own.iter().any(in_feature)
    };
    // What a body defines is only known to Nix, so one that speaks of it is believed.
    let body_says = |word: &str| {
        own.iter()
            .filter_map(|f| f.body.as_ref())
            .any(|b| b.text.contains(word))
    };
    let defines = |prefix: &[&str]| {
        any_path(&|path| path.len() >= prefix.len() && path.iter().zip(prefix).all(|(a, b)| a == b))
            || body_says(prefix[0])
    };
    let chooses_loader = || {
        // These say how a boot loader behaves, not which.
        let manner = ["timeout", "efi", "supportsInitrdSecrets"];
        any_path(&|path| match path {
            [boot, loader, rest @ ..] if boot == "boot" && loader == "loader" => rest
                .first()
                .is_none_or(|part| !manner.contains(&part.as_str())),
            _ => false,
        }) || body_says("loader")
    };
    let root_mounted = host
        .disks
        .values()
        .any(|disk| crate::disks::mount_points(disk).contains(&"/"));
    if !root_mounted && !defines(&["fileSystems", "/"]) && !defines(&["disko"]) {
        d.push(
            Diagnostic::error(
                "no-root-file-system",
                partial.place,
                format!("host `{}` has no root file system", host.name),
            )
            .help("name a layout of `disks` in `hardware.disks`, or set `fileSystems.\"/\"`"),
        );
    }
    if host.hardware.boot.loader == BootLoader::Unset && !chooses_loader() {
        d.push(
            Diagnostic::error("no-boot-loader", partial.place, format!("host `{}` has no boot loader", host.name))
                .help("set `hardware.boot: { loader: systemd-boot }`, or `loader: none` for a machine that needs none"),
        );
    }
    let esp = host.disks.values().any(|disk| match &disk.layout {
        model::DiskLayout::ByHand { file_systems, .. } => {
            file_systems.contains_key("/boot")
                || file_systems.contains_key("/boot/efi")
                || file_systems.contains_key("/efi")
        }
        _ => true,
    });
    if host.hardware.boot.loader == BootLoader::SystemdBoot
        && !host.disks.is_empty()
        && !esp
        && !defines(&["fileSystems", "/boot"])
    {
        d.push(
            Diagnostic::error(
                "no-efi-partition",
                partial.place,
                format!(
                    "host `{}` boots by systemd-boot but mounts no EFI partition",
                    host.name
                ),
            )
            .help("add `/boot` (vfat) to the layout's `fileSystems`"),
        );
    }
    let root = host
        .disks
        .iter()
        .find(|(_, disk)| crate::disks::mount_points(disk).contains(&"/"));
    if let (BootLoader::Grub(device), Some((name, disk))) = (&host.hardware.boot.loader, root)
        && device != "nodev"
        && host.disks.values().any(|disk| {
            crate::disks::can_boot_by_bios(disk) && !crate::disks::devices(disk).is_empty()
        })
        && !host
            .disks
            .values()
            .any(|disk| crate::disks::devices(disk).contains(&device.as_str()))
    {
        let devices = crate::disks::devices(disk).join("`, `");
        d.push(
            Diagnostic::error(
                "disk-layout",
                partial
                    .spec
                    .hardware
                    .boot
                    .device
                    .as_ref()
                    .map_or(partial.place, |t| t.span),
                format!("GRUB goes to `{device}`, which is no disk of layout `{name}`"),
            )
            .related(disk.span, format!("`{name}` is on `{devices}`"))
            .help("name the device as the layout does; GRUB would go to both otherwise"),
        );
    }
    if let (BootLoader::Grub(device), Some((name, disk))) = (&host.hardware.boot.loader, root)
        && device != "nodev"
        && !host.disks.values().any(crate::disks::can_boot_by_bios)
    {
        d.push(
            Diagnostic::error(
                "no-bios-partition",
                partial.spec.hardware.boot.device.as_ref().map_or(partial.place, |t| t.span),
                format!("GRUB has no place on `{device}`: layout `{name}` makes no BIOS boot partition"),
            )
            .related(disk.span, format!("`{name}`"))
            .help("say `bios: true` in the layout; a machine with EFI takes `device: nodev`, or systemd-boot"),
        );
    }
}

/// What settings say about file systems and swap against the layouts of the host.
fn settings_of_disks(
    partial: &Partial<'_>,
    template: Option<&template::Flat<'_>>,
    d: &mut Diagnostics,
) {
    let host = &partial.host;
    if host.disks.is_empty() {
        return;
    }
    let from_template = template.map_or(&[][..], |t| &t.model.definitions);
    let definitions = || host.definitions.iter().chain(from_template);
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for definition in definitions() {
        let [first, point, rest @ ..] = definition.path.0.as_slice() else {
            continue;
        };
        let word = |name: &str| matches!(name, "device" | "fsType" | "label");
        let defined = match (rest, &definition.value) {
            ([], nix::Value::Attrs(values)) => values
                .iter()
                .any(|(name, value)| word(name) && !matches!(value, nix::Value::Apply(..))),
            ([name], value) => word(name) && !matches!(value, nix::Value::Apply(..)),
            _ => false,
        };
        let layout = host
            .disks
            .iter()
            .find(|(_, disk)| crate::disks::mount_points(disk).contains(&point.as_str()));
        if let (true, "fileSystems", Some((name, disk))) = (defined, first.as_str(), layout)
            && told.insert(point)
        {
            d.push(
                Diagnostic::error(
                    "disk-layout",
                    definition.origin.span,
                    format!("`{point}` is mounted by the layout `{name}` already"),
                )
                .related(disk.span, format!("`{name}`"))
                .help("mount it by one of the two; `options` may be set beside a layout"),
            );
        }
    }
    // Booting from what was in memory: all of it has to fit.
    let resumes = definitions().find(|x| {
        let path = x.path.0.iter().map(String::as_str).collect::<Vec<_>>();
        match path.as_slice() {
            ["boot", "resumeDevice"] => true,
            ["boot", "kernelParams"] => {
                nix::render(&x.value).is_ok_and(|text| text.contains("\"resume="))
            }
            _ => false,
        }
    });
    let by_settings = definitions().any(|x| x.path.0.first().is_some_and(|p| p == "swapDevices"));
    let swap: Option<u64> = host.disks.values().map(crate::disks::swap).sum();
    if let (Some(resumes), Some(swap), Some(memory), false) =
        (resumes, swap, host.hardware.memory, by_settings)
        && swap < memory
    {
        let gib = |bytes: u64| bytes.div_ceil(1 << 30);
        let place = partial.spec.hardware.memory.as_ref().map(|m| m.span);
        d.push(
            Diagnostic::warning(
                "small-swap",
                resumes.origin.span,
                format!(
                    "host `{}` resumes from swap, which is {} GiB for {} GiB of memory",
                    host.name,
                    gib(swap),
                    gib(memory)
                ),
            )
            .related(place, "the memory")
            .help(format!(
                "give a layout `swap: {}GiB`, or do not hibernate",
                gib(memory)
            )),
        );
    }
}

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

/// Settings of a host that a key of its own, a user or a secret sets as well: two definitions of one
/// priority, which Nix refuses.
fn settings_twice(world: &World<'_>, base: &Base<'_>, partial: &Partial<'_>, d: &mut Diagnostics) {
    let host = &partial.host;
    let set = match world.backend {
        model::Backend::Agenix => "age",
        model::Backend::Sops => "sops",
    };
    let roots = ["boot", "networking", "programs", "users", set];
    let concerns = |x: &Definition| {
        x.path
            .0
            .first()
            .is_some_and(|p| roots.contains(&p.as_str()))
    };
    if !host.definitions.iter().any(concerns) {
        return;
    }
    let boot = &host.hardware.boot;
    let mut own: Vec<(String, nix::Value, String)> = Vec::new();
    let mut key = |path: &str, value: nix::Value, key: &str| {
        own.push((path.to_owned(), value, format!("`{key}` of the host")));
    };
    let loader = "boot.loader";
    match &boot.loader {
        BootLoader::SystemdBoot => key(
            &format!("{loader}.systemd-boot.enable"),
            true.into(),
            "hardware.boot.loader",
        ),
        BootLoader::Grub(device) => {
            key(
                &format!("{loader}.grub.enable"),
                true.into(),
                "hardware.boot.loader",
            );
            key(
                &format!("{loader}.grub.device"),
                device.as_str().into(),
                "hardware.boot.device",
            );
        }
        BootLoader::None | BootLoader::Unset => {}
    }
    if let Some(timeout) = boot.timeout {
        key(
            &format!("{loader}.timeout"),
            timeout.into(),
            "hardware.boot.timeout",
        );
    }
    if let Some(point) = &boot.efi_mount_point {
        key(
            &format!("{loader}.efi.efiSysMountPoint"),
            point.as_str().into(),
            "hardware.boot.efiMountPoint",
        );
    }
    if boot.can_touch_efi_variables {
        key(
            &format!("{loader}.efi.canTouchEfiVariables"),
            true.into(),
            "hardware.boot.canTouchEfiVariables",
        );
    }
    let zfs = host.disks.values().find_map(|disk| match &disk.layout {
        model::DiskLayout::Zfs { host_id, .. } => Some(host_id),
        _ => None,
    });
    if let Some(id) = zfs {
        key("networking.hostId", id.as_str().into(), "hardware.disks");
    }
    for name in partial.users.keys() {
        let user = base.users.get(name);
        for definition in user.into_iter().flat_map(|u| &u.model.definitions) {
            own.push((
                definition.path.to_string(),
                definition.value.clone(),
                format!("`users.{name}`"),
            ));
        }
    }
    for definition in host.definitions.iter().filter(|x| concerns(x)) {
        let parts: Vec<&str> = definition.path.0.iter().map(String::as_str).collect();
        // Written into one file, where not even the same value may stand twice.
        let secret = match parts.as_slice() {
            [first, "secrets", name, option] if *first == set => {
                host.secrets.get(*name).filter(|secret| match *option {
                    "file" | "sopsFile" => true,
                    "owner" => secret.owner.is_some(),
                    "group" => secret.group.is_some(),
                    "mode" => secret.mode.is_some(),
                    "path" => secret.path.is_some(),
                    "neededForUsers" => secret.for_users,
                    _ => false,
                })
            }
            _ => None,
        };
        let path = definition.path.to_string();
        let place = match own.iter().find(|(other, _, _)| *other == path) {
            _ if secret.is_some() => format!("`secrets.items.{}`", parts[2]),
            Some((_, value, place))
                if *value != definition.value && !crate::lower::merges(&definition.value) =>
            {
                place.clone()
            }
            _ => continue,
        };
        d.push(
            Diagnostic::error(
                "setting-elsewhere",
                definition.origin.span,
                format!("`{path}` is set by {place} already"),
            )
            .help(match secret {
                Some(_) => "change it there",
                None => "change it there, or say `!force` here",
            }),
        );
    }
}

fn derive_system(
    world: &World<'_>,
    partial: &mut Partial<'_>,
    derivations: &Derivations<'_>,
    host_facts: &Fact,
    fleet_facts: &Fact,
    d: &mut Diagnostics,
) {
    let ids: Vec<FeatureId> = partial
        .host
        .enabled
        .keys()
        .filter(|id| derivations.has(id))
        .cloned()
        .collect();
    for id in ids {
        // A feature of a home half's only derives where its user is known.
        let given = |name: &str| {
            partial
                .states
                .get(&id)
                .is_some_and(|s| s.options.contains_key(name))
        };
        let context = derive::Context {
            place: Place::SYSTEM,
            host: host_facts,
            user: None,
            fleet: fleet_facts,
        };
        let values = derivations.evaluate(world, &id, given, context, d);
        for (name, value, span) in values {
            let layer = Layer::Derived(id.clone());
            if let Some(entry) = partial.host.enabled.get_mut(&id) {
                let origin = Origin {
                    layer: layer.clone(),
                    span: Some(span),
                };
                entry.options.insert(
                    name.clone(),
                    OptionValue {
                        value: value.clone(),
                        origin,
                    },
                );
            }
            let path = feature_path(world, id.as_str(), &name);
            partial.host.definitions.push(Definition {
                path,
                value,
                origin: Origin {
                    layer,
                    span: Some(span),
                },
                over: Vec::new(),
                comment: None,
            });
        }
    }
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
        let ids: Vec<FeatureId> = on_host
            .model
            .enabled
            .keys()
            .filter(|id| derivations.has(id))
            .cloned()
            .collect();
        if ids.is_empty() {
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
        for id in ids {
            let given = |option: &str| {
                on_host
                    .states
                    .get(&id)
                    .is_some_and(|s| s.options.contains_key(option))
            };
            let context = derive::Context {
                place: Place::HOME,
                host: host_facts,
                user: Some(&facts),
                fleet: fleet_facts,
            };
            let values = derivations.evaluate(world, &id, given, context, d);
            for (option, value, span) in values {
                let layer = Layer::Derived(id.clone());
                if let Some(entry) = on_host.model.enabled.get_mut(&id) {
                    let origin = Origin {
                        layer: layer.clone(),
                        span: Some(span),
                    };
                    entry.options.insert(
                        option.clone(),
                        OptionValue {
                            value: value.clone(),
                            origin,
                        },
                    );
                }
                on_host.model.home.push(Definition {
                    path: feature_path(world, id.as_str(), &option),
                    value,
                    origin: Origin {
                        layer,
                        span: Some(span),
                    },
                    over: Vec::new(),
                    comment: None,
                });
            }
        }
    }
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

/// Opens the ports of features on the interfaces of their zones; collisions are reported.
fn open_ports(world: &World<'_>, partial: &mut Partial<'_>, d: &mut Diagnostics) {
    let mut claimed: Vec<Listens> = Vec::new();
    let mut open: BTreeSet<OpenPort> = BTreeSet::new();
    let mut shut: Vec<Shut> = Vec::new();
    let chosen = open_zones(world, partial, d);
    for id in partial.host.enabled.keys() {
        let Some(definition) = world.table.get(id) else {
            continue;
        };
        if definition.feature.ports.is_empty() {
            continue;
        }
        let (span, _) = reason_place(partial, id);
        for port in &definition.feature.ports {
            let numbers = port_numbers(world, partial, id, port, d);
            let protocols: &'static [Protocol] = match port.protocol {
                ast::Protocol::Tcp => &[Protocol::Tcp],
                ast::Protocol::Udp => &[Protocol::Udp],
                ast::Protocol::Both => &[Protocol::Tcp, Protocol::Udp],
            };
            let opened = port.when.as_ref().is_none_or(|when| {
                !matches!(
                    effective(world, partial, id, &when.value),
                    Some(nix::Value::Bool(false))
                )
            });
            for zone in port.zones.iter().filter(|_| opened) {
                if !world.zones.contains(&zone.value) && !definition.builtin {
                    d.push(unknown_zone(&world.zones, &zone.value, zone.span));
                }
            }
            let zones: &[ast::Text] = match chosen.get(id) {
                _ if !opened => &[],
                Some(zones) => zones,
                None => &port.zones,
            };
            for numbers in numbers {
                let before = open.len();
                for protocol in protocols {
                    let (from, to) = match numbers {
                        PortNumbers::One(number) => (number, number),
                        PortNumbers::Range(from, to) => (from, to),
                    };
                    let new = Listens {
                        protocol: *protocol,
                        from,
                        to,
                        feature: id.clone(),
                        span,
                    };
                    claim(partial, &mut claimed, new, d);
                    for zone in zones {
                        for interface in partial.host.zones.get(&zone.value).into_iter().flatten() {
                            open.insert(OpenPort {
                                interface: interface.clone(),
                                protocol: *protocol,
                                numbers,
                                feature: id.clone(),
                                zone: zone.value.clone(),
                            });
                        }
                    }
                }
                // A zone that nobody declared has been reported, except for the catalog's.
                let mut zones: Vec<String> = zones.iter().map(|zone| zone.value.clone()).collect();
                zones.retain(|zone| definition.builtin || world.zones.contains(zone));
                if open.len() == before && !zones.is_empty() {
                    shut.push(Shut {
                        feature: id.clone(),
                        protocols,
                        numbers,
                        zones,
                    });
                }
            }
        }
    }
    partial.host.ports = open.into_iter().collect();
    partial.listens = claimed;
    partial.shut = shut;
}

/// The zones in which the host opens the ports of a feature, where it says so.
fn open_zones<'a>(
    world: &World<'_>,
    partial: &Partial<'a>,
    d: &mut Diagnostics,
) -> BTreeMap<FeatureId, &'a [ast::Text]> {
    let mut chosen = BTreeMap::new();
    for (feature, zones) in &partial.spec.open {
        for zone in zones {
            if !world.zones.contains(&zone.value) {
                d.push(unknown_zone(&world.zones, &zone.value, zone.span));
            }
        }
        let has_ports = |id: &&FeatureId| {
            let definition = world.table.get(*id);
            definition.is_some_and(|definition| !definition.feature.ports.is_empty())
        };
        let mut here = partial.host.enabled.keys().filter(has_ports);
        if let Some(id) = here.find(|id| id.as_str() == feature.value) {
            chosen.insert(id.clone(), zones.as_slice());
        } else if !partial.spec.broken {
            let here = partial.host.enabled.keys().filter(has_ports);
            let here: Vec<&str> = here.map(FeatureId::as_str).collect();
            let diagnostic = Diagnostic::error(
                "bad-value",
                feature.span,
                format!(
                    "`{}` is no feature of `{}` that has ports",
                    feature.value, partial.host.name
                ),
            );
            d.push(match diag::did_you_mean(&feature.value, here) {
                Some(help) => diagnostic.help(help),
                None => diagnostic.help("remove the line"),
            });
        }
    }
    chosen
}

fn claim(partial: &Partial<'_>, claimed: &mut Vec<Listens>, new: Listens, d: &mut Diagnostics) {
    let collides = |old: &&Listens| {
        old.protocol == new.protocol
            && old.from <= new.to
            && new.from <= old.to
            && old.feature != new.feature
    };
    if let Some(old) = claimed.iter().find(collides) {
        d.push(
            Diagnostic::error(
                "port-collision",
                new.span,
                format!(
                    "`{}` and `{}` both listen on port {} of `{}`",
                    new.feature,
                    old.feature,
                    new.from.max(old.from),
                    partial.host.name
                ),
            )
            .related(old.span, format!("`{}` comes from here", old.feature))
            .help("give one of them another port by its option"),
        );
        return;
    }
    claimed.push(new);
}

fn port_numbers(
    world: &World<'_>,
    partial: &Partial<'_>,
    id: &FeatureId,
    port: &ast::Port,
    d: &mut Diagnostics,
) -> Vec<PortNumbers> {
    let one = |value: &nix::Value| match value {
        nix::Value::Int(i) => u16::try_from(*i).ok().map(PortNumbers::One),
        _ => None,
    };
    match &port.source {
        PortSource::Fixed(number) => vec![PortNumbers::One(*number)],
        PortSource::Range(from, to) => vec![PortNumbers::Range(*from, *to)],
        PortSource::Option(name) => match effective(world, partial, id, &name.value) {
            Some(nix::Value::Null) | None => Vec::new(),
            Some(nix::Value::List(items)) => items.iter().filter_map(one).collect(),
            Some(value) => one(&value).map_or_else(
                || {
                    let given = partial.states.get(id);
                    let given = given.and_then(|s| s.options.get(name.value.as_str())?.last());
                    let span = given.map_or_else(|| reason_place(partial, id).0, |g| g.value.span);
                    d.push(
                        Diagnostic::warning(
                            "computed-port",
                            span,
                            format!(
                                "port `{}` of `{id}` is code, so the firewall is not opened for it",
                                name.value
                            ),
                        )
                        .help("write the number"),
                    );
                    Vec::new()
                },
                |n| vec![n],
            ),
        },
    }
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
