//! The fleet as a whole: what all hosts share, the features that are emitted, checks across hosts.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use diag::{Diagnostic, Diagnostics, Span};
use minijinja::value::Value as Fact;
use model::{
    Definition, Feature, FeatureHalf, FeatureId, FeatureOption, Fleet, Host, HostName, Layer,
    ProfileName, TemplateName, UserName,
};
use rayon::prelude::*;
use spec::ast::Gc;

use crate::conflicts::{self, Common, Leaf};
use crate::derive::{self, Derivations, FleetFacts};
use crate::host::{self, Base, Kind, Partial};
use crate::lower::{Place, Rank, Uses, code, definitions, feature_path, lower, made};
use crate::table;
use crate::user::OnHost;
use crate::world::World;
use crate::{
    assets, body, deploy, image, inputs, microvm, packages, profile, programs, secrets, tasks,
    template, time_zone, types, user,
};

/// So many hosts are given to a core at once: few enough that all of them end together.
const AT_ONCE: usize = 16;

/// Resolves everything.
///
/// What is wrong in files that are copied as they are is returned, since those are no sources yet.
pub(crate) fn resolve(world: &World<'_>, d: &mut Diagnostics) -> (Fleet, Vec<assets::Problem>) {
    let mut uses = Uses::default();
    let mut fleet = shared(world, &mut uses, d);
    let features = features(world, d);
    let base = Base {
        templates: template::flatten(world, d),
        profiles: profile::flatten(world, d),
        users: user::resolve(world, d),
        disks: world
            .spec
            .disks
            .iter()
            .filter_map(|(n, i)| Some((n.clone(), crate::disks::resolve(i, d)?)))
            .collect(),
    };
    fleet.secrets = secrets::resolve(world, d);
    // As they are written: ssh has no use for the age keys of sops.
    let written = world.spec.secrets.host_keys.iter();
    let written = written
        .filter(|(name, _)| fleet.secrets.host_keys.contains_key(*name))
        .map(|(name, item)| (name.clone(), item.value.value.clone()))
        .collect();
    let known = deploy::known_hosts(world, &written, d);
    fleet.definitions.extend(known);
    missing_state_version(world, d);
    if world.spec.hosts.is_empty() && !world.spec.is_lost("hosts", "") {
        d.push(
            Diagnostic::error(
                "no-hosts",
                world.spec.fleet.as_ref().map(|f| f.name.span),
                "the spec has no hosts",
            )
            .help("`gen new host NAME` writes one to start from"),
        );
    }
    for item in world.spec.hosts.values() {
        if let Some(state) = &item.value.state
            && !matches!(state.value.as_str(), "active" | "retired")
        {
            d.push(crate::world::unknown_word(
                &state.value,
                state.span,
                "a state",
                &["active", "retired"],
            ));
        }
    }
    fleet.retired = world
        .spec
        .hosts
        .values()
        .filter(|h| host::is_retired(&h.value))
        .map(|h| HostName::new(&h.name.value))
        .collect();
    let active: Vec<_> = world
        .spec
        .hosts
        .values()
        .filter(|h| !host::is_retired(&h.value))
        .map(|h| (&h.name, &h.value, Kind::Host))
        .chain(
            world
                .spec
                .microvms
                .values()
                .map(|vm| (&vm.name, &vm.value.guest, Kind::Guest(vm))),
        )
        .chain(
            world
                .spec
                .images
                .values()
                .map(|image| (&image.name, &image.value.machine, Kind::Image(image))),
        )
        .collect();
    let resolved: Vec<(Partial<'_>, Diagnostics)> = active
        .par_iter()
        .with_max_len(AT_ONCE)
        .map(|(name, spec, kind)| {
            let mut own = Diagnostics::new();
            let partial = host::resolve(world, name, spec, *kind, &base, &mut own);
            (partial, own)
        })
        .collect();
    let mut partials = Vec::with_capacity(resolved.len());
    let mut found = Vec::with_capacity(resolved.len());
    for (partial, own) in resolved {
        found.push((partial.host.name.clone(), own));
        partials.push(partial);
    }
    once(found, d);
    finish(world, &base, &fleet.secrets, &features, &mut partials, d);
    let ((installers, first, deploy, third), second) = rayon::join(
        || {
            let mut own = Diagnostics::new();
            addresses(&partials, &mut own);
            crate::unique::check(world, &partials, &mut own);
            microvm::check(world, &partials, &mut own);
            let installers = image::installers(world, &partials, &mut uses, &mut own);
            let mut last = Diagnostics::new();
            let deploy = deploy::resolve(world, &base, &fleet, &partials, &mut last);
            (installers, own, deploy, last)
        },
        || {
            let mut own = Diagnostics::new();
            check_conflicts(&base, &fleet, &features, &partials, &mut own);
            allowed_packages(world, &fleet, &partials, &mut own);
            own
        },
    );
    d.extend(first);
    d.extend(second);
    d.extend(third);
    (fleet.installers, fleet.deploy) = (installers, deploy);
    let machines: Vec<(Kind<'_>, Host, Uses)> = partials
        .into_par_iter()
        .map(|partial| {
            let users = partial.users.into_iter();
            let users = users.map(|(name, on_host)| (name, on_host.model));
            let mut host = partial.host;
            host.users = users.collect();
            (partial.kind, host, partial.uses)
        })
        .collect();
    for (kind, host, own) in machines {
        uses.extend(&own);
        let name = host.name.clone();
        match kind {
            Kind::Host => {
                fleet.hosts.insert(name, host);
            }
            Kind::Guest(vm) => {
                fleet.microvms.insert(name, microvm::model(&vm.value, host));
            }
            Kind::Image(item) => {
                // What is unknown has been reported.
                let format = image::format(&item.value, &mut Diagnostics::new());
                let image = model::Image {
                    machine: host,
                    format,
                };
                fleet.images.insert(name, image);
            }
        }
    }
    keep_used(world, base, features, &mut fleet, &mut uses, d);
    let mut problems = Vec::new();
    fleet.assets = assets::closure(&uses.assets, world.around, &mut problems);
    fleet.passes_inputs = fleet
        .assets
        .values()
        .any(|path| assets::takes(path, "inputs", world.around));
    modules_take_self(world, &fleet, d);
    inputs::resolve(world, &mut fleet, d);
    let ((recipes, own), sources) = rayon::join(
        || {
            let mut own = Diagnostics::new();
            (tasks::resolve(world, &fleet, &mut own), own)
        },
        || sources(world, &fleet),
    );
    d.extend(own);
    (fleet.recipes, fleet.sources) = (recipes, sources);
    secrets::check_files(world, &fleet, d);
    fleet.programs = programs::folders(&uses);
    packages::names(world, &fleet, d);
    fleet.unlisted_packages = packages::unlisted(world, &fleet, d);
    fleet.program_files = programs::files(&uses);
    (fleet, problems)
}

/// The second pass over the hosts: what depends on the others.
fn finish(
    world: &World<'_>,
    base: &Base<'_>,
    secrets: &model::Secrets,
    features: &BTreeMap<FeatureId, Built>,
    partials: &mut [Partial<'_>],
    d: &mut Diagnostics,
) {
    let env = derive::environment();
    let derivations = Derivations::compile(&env, world, d);
    let facts: Vec<Fact> = partials.par_iter().map(host::facts).collect();
    // Guests see the fleet, but are no hosts of it.
    let hosts = partials.iter().zip(&facts);
    let hosts = hosts.filter(|(partial, _)| matches!(partial.kind, Kind::Host));
    let fleet_facts = Fact::from_object(fleet_facts(world, hosts));
    // Few trees name secrets.
    let of_trees: BTreeMap<&FeatureId, &[(String, Span)]> = features
        .iter()
        .filter(|(_, built)| !built.secrets.is_empty())
        .map(|(id, built)| (id, built.secrets.as_slice()))
        .collect();
    let found: Vec<(HostName, Diagnostics)> = partials
        .par_iter_mut()
        .with_max_len(AT_ONCE)
        .zip(facts.par_iter())
        .map(|(partial, facts)| {
            let mut own = Diagnostics::new();
            host::finish(
                world,
                base,
                partial,
                &derivations,
                facts,
                &fleet_facts,
                secrets,
                &of_trees,
                &mut own,
            );
            (partial.host.name.clone(), own)
        })
        .collect();
    once(found, d);
}

/// Adds the findings of hosts. One mistake in a template is one finding: the first host stands for
/// the others, which are named.
fn once(found: Vec<(HostName, Diagnostics)>, d: &mut Diagnostics) {
    /// So many other hosts are named.
    const MOST: usize = 5;
    let mut places: HashMap<(&'static str, Option<Span>, String), usize> = HashMap::new();
    let mut kept: Vec<(Diagnostic, Vec<HostName>)> = Vec::new();
    for (host, own) in found {
        let quoted = format!("`{host}`");
        for diagnostic in own {
            let mut general = diagnostic.message.replace(&quoted, "``");
            let names_host = general.len() != diagnostic.message.len();
            if diagnostic.code == "derive" {
                // One expression fails in one way, though it gives another value on every host.
                general.clear();
            }
            match places.entry((diagnostic.code, diagnostic.span, general)) {
                Entry::Occupied(first) => {
                    let others = &mut kept[*first.get()].1;
                    if names_host && others.last() != Some(&host) {
                        others.push(host.clone());
                    }
                }
                Entry::Vacant(place) => {
                    place.insert(kept.len());
                    kept.push((diagnostic, Vec::new()));
                }
            }
        }
    }
    for (diagnostic, others) in kept {
        if others.is_empty() {
            d.push(diagnostic);
            continue;
        }
        let named: Vec<String> = others.iter().take(MOST).map(|o| format!("`{o}`")).collect();
        let mut list = named.join(", ");
        if others.len() > MOST {
            list = format!("{list} and {} more hosts", others.len() - MOST);
        }
        d.push(diagnostic.help(format!("the same is true of {list}")));
    }
}

/// Reports hosts that have no `stateVersion`, once.
fn missing_state_version(world: &World<'_>, d: &mut Diagnostics) {
    let Some(fleet) = &world.spec.fleet else {
        return;
    };
    if fleet.value.state_version.is_some() {
        return;
    }
    let without = |item: &&spec::ast::Item<spec::ast::Host>| {
        !host::is_retired(&item.value) && !item.value.broken && item.value.state_version.is_none()
    };
    if let Some(item) = world.spec.hosts.values().find(without) {
        d.push(
            Diagnostic::error(
                "missing-key",
                item.name.span,
                format!("host `{}` has no `stateVersion`", item.name.value),
            )
            .help("set `fleet.stateVersion` for all hosts, or `stateVersion` at the host: the release that the machine was installed with"),
        );
    }
}

fn fleet_facts<'p>(
    world: &World<'_>,
    partials: impl Iterator<Item = (&'p Partial<'p>, &'p Fact)>,
) -> FleetFacts {
    let partials: Vec<_> = partials.collect();
    let (of_hosts, metrics) = rayon::join(
        || facts_of_hosts(world, &partials),
        || metrics_facts(world, &partials),
    );
    let fleet = world.spec.fleet.as_ref().map(|f| &f.value);
    let users: Vec<Fact> = world
        .spec
        .users
        .keys()
        .map(|u| Fact::from(u.clone()))
        .collect();
    FleetFacts {
        name: fleet
            .and_then(|f| f.name.as_ref())
            .map(|t| t.value.clone())
            .unwrap_or_default(),
        domain: fleet
            .and_then(|f| f.domain.as_ref())
            .map(|t| t.value.clone()),
        users: Fact::from(users),
        metrics,
        features: world
            .spec
            .features
            .keys()
            .chain(world.spec.home_features.keys())
            .chain(world.spec.offered.features.keys())
            .chain(world.spec.offered.home_features.keys())
            .cloned()
            .collect(),
        ..of_hosts
    }
}

/// The part of the fleet's facts that goes through its hosts.
fn facts_of_hosts(world: &World<'_>, partials: &[(&Partial<'_>, &Fact)]) -> FleetFacts {
    let asked = derive::asked_features(world);
    let mut hosts_with: HashMap<String, Vec<Fact>> = HashMap::new();
    let mut hosts: Vec<Fact> = Vec::new();
    let read = derive::read_features(world);
    let mut given: HashMap<String, HashMap<String, Fact>> = HashMap::new();
    for &(partial, fact) in partials {
        hosts.push(fact.clone());
        let enabled = |id: &&FeatureId| partial.host.enabled.contains_key(*id);
        for id in asked.iter().filter(enabled) {
            hosts_with
                .entry(id.to_string())
                .or_default()
                .push(fact.clone());
        }
        for id in &read {
            let Some(state) = partial.states.get(id) else {
                continue;
            };
            for name in state.options.keys() {
                if let Some(value) =
                    host::effective(world, partial, id, name).and_then(|v| derive::from_nix(&v))
                {
                    given
                        .entry(partial.host.name.to_string())
                        .or_default()
                        .insert(format!("{id}.{name}"), value);
                }
            }
        }
    }
    FleetFacts {
        hosts: Fact::from(hosts),
        hosts_with: hosts_with
            .into_iter()
            .map(|(id, hosts)| (id, Fact::from(hosts)))
            .collect(),
        given,
        defaults: derive::defaults(world, &read),
        ..FleetFacts::default()
    }
}

/// Where the fleet's exporters are read: a list of jobs with the targets of hosts by name.
fn metrics_facts(world: &World<'_>, partials: &[(&Partial<'_>, &Fact)]) -> Fact {
    let mut jobs: BTreeMap<(String, &str), BTreeMap<String, String>> = BTreeMap::new();
    for (id, definition) in &world.table {
        for page in &definition.feature.metrics {
            let short = id.name().strip_suffix("-exporter").unwrap_or(id.name());
            let job = page.job.as_ref().map_or(short, |job| &job.value);
            let path = page.path.as_ref().map_or("/metrics", |path| &path.value);
            for (partial, _) in partials {
                let value = |name| host::effective(world, partial, id, name);
                let off = page
                    .when
                    .as_ref()
                    .is_some_and(|when| value(&when.value) != Some(nix::Value::Bool(true)));
                let port = value(&page.option.value);
                let (true, false, Some(nix::Value::Int(port))) =
                    (partial.host.enabled.contains_key(id), off, port)
                else {
                    continue;
                };
                let host = &partial.host;
                let address = host.address.as_deref().unwrap_or(host.name.as_str());
                let target = if address.contains(':') {
                    format!("[{address}]:{port}")
                } else {
                    format!("{address}:{port}")
                };
                jobs.entry((job.to_owned(), path))
                    .or_default()
                    .insert(host.name.to_string(), target);
            }
        }
    }
    jobs.into_iter()
        .map(|((job, path), targets)| {
            let targets = Fact::from(targets);
            BTreeMap::from([
                ("job", Fact::from(job)),
                ("path", Fact::from(path)),
                ("targets", targets),
            ])
        })
        .map(Fact::from)
        .collect()
}

/// A feature as it is printed, with what was found on the way.
pub(crate) struct Built {
    pub(crate) model: Feature,
    uses: Uses,
    /// Secrets of the feature's own trees.
    pub(crate) secrets: Vec<(String, Span)>,
    system_leaves: Vec<Leaf>,
    home_leaves: Vec<Leaf>,
}

fn features(world: &World<'_>, d: &mut Diagnostics) -> BTreeMap<FeatureId, Built> {
    let built: Vec<(FeatureId, Built, Diagnostics)> = world
        .table
        .par_iter()
        .map(|(id, definition)| {
            let mut own = Diagnostics::new();
            let built = build(world, definition, &mut own);
            (id.clone(), built, own)
        })
        .collect();
    let mut result = BTreeMap::new();
    for (id, built, own) in built {
        d.extend(own);
        result.insert(id, built);
    }
    result
}

/// Every feature of the table with both halves emitted.
pub(crate) fn whole_catalog(world: &World<'_>) -> BTreeMap<FeatureId, Feature> {
    features(world, &mut Diagnostics::new())
        .into_iter()
        .map(|(id, mut built)| {
            for half in [&mut built.model.system, &mut built.model.home]
                .into_iter()
                .flatten()
            {
                half.emitted = true;
            }
            (id, built.model)
        })
        .collect()
}

fn build(world: &World<'_>, definition: &table::Definition, d: &mut Diagnostics) -> Built {
    let feature = &definition.feature;
    let id = &definition.id;
    let mut uses = Uses::default();
    let mut options = BTreeMap::new();
    for (name, item) in &feature.options {
        let decl = &item.value;
        options.insert(
            name.clone(),
            FeatureOption {
                ty: types::to_nix(world, Place::SYSTEM, &decl.ty, &mut uses, d),
                default: types::default(world, Place::SYSTEM, decl, &mut uses, d),
                description: decl
                    .description
                    .as_ref()
                    .map(|t| t.value.trim().to_owned())
                    .unwrap_or_default(),
                example: decl.example.as_ref().map(|v| {
                    let mut none = Uses::default();
                    types::check(world, Place::SYSTEM, &decl.ty, v, "example", &mut none, d);
                    example(lower(world, Place::SYSTEM, v, &mut none, d))
                }),
            },
        );
    }
    programs::resolve(world, definition, &mut uses, d);
    let layer = Layer::Feature(id.clone());
    let mut half = |tree: Option<&spec::Settings>, home: bool, d: &mut Diagnostics| {
        let place = if home { Place::HOME } else { Place::SYSTEM };
        let mut made = tree
            .map(|t| definitions(world, place, Rank::Plain, &layer, t, &mut uses, d))
            .unwrap_or_default();
        check_opts(definition, tree, d);
        let (imports, flags) = requires(world, definition, home, &layer, d);
        made.extend(flags);
        FeatureHalf {
            emitted: false,
            imports,
            definitions: made,
            body: body::render(world, definition, home, d),
        }
    };
    let system = definition
        .has_system_half()
        .then(|| half(feature.nixos.as_ref(), false, d));
    let home = definition
        .has_home_half()
        .then(|| half(feature.home.as_ref(), true, d));
    let leaves = |half: &Option<FeatureHalf>, template: Option<&table::Body>| {
        half.as_ref()
            .map(|h| conflicts::leaves(definition, &h.definitions, template, h.body.as_deref()))
            .unwrap_or_default()
    };
    Built {
        system_leaves: leaves(&system, definition.body.as_ref()),
        home_leaves: leaves(&home, definition.home_body.as_ref()),
        secrets: uses.secrets.clone(),
        model: Feature {
            id: id.clone(),
            summary: feature
                .summary
                .as_ref()
                .map(|t| t.value.clone())
                .unwrap_or_default(),
            description: feature.description.as_ref().map(|t| t.value.clone()),
            source: definition.source.clone(),
            span: Some(definition.span),
            options,
            system,
            home,
        },
        uses,
    }
}

/// An example that is code is shown as code, not evaluated.
fn example(value: nix::Value) -> nix::Value {
    fn is_data(value: &nix::Value) -> bool {
        match value {
            nix::Value::List(items) => items.iter().all(is_data),
            nix::Value::Attrs(attrs) => attrs.values().all(is_data),
            nix::Value::Expr(_)
            | nix::Value::Apply(..)
            | nix::Value::Concat(_)
            | nix::Value::Path(_) => false,
            _ => true,
        }
    }
    if is_data(&value) {
        return value;
    }
    let text = nix::render(&value).unwrap_or_default();
    nix::Value::apply("lib.literalExpression", text.into())
}

/// `!opt` must name an option.
fn check_opts(definition: &table::Definition, tree: Option<&spec::Settings>, d: &mut Diagnostics) {
    fn walk(value: &spec::Value, found: &mut Vec<(String, Span)>) {
        match &value.kind {
            spec::ValueKind::Opt(name) => found.push((name.clone(), value.span)),
            spec::ValueKind::List(items) => items.iter().for_each(|v| walk(v, found)),
            spec::ValueKind::Attrs(attrs) => attrs.values().for_each(|v| walk(v, found)),
            spec::ValueKind::Default(v)
            | spec::ValueKind::Force(v)
            | spec::ValueKind::Before(v)
            | spec::ValueKind::After(v) => {
                walk(v, found);
            }
            spec::ValueKind::If {
                when,
                then,
                otherwise,
            } => {
                walk(when, found);
                walk(then, found);
                if let Some(otherwise) = otherwise {
                    walk(otherwise, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for setting in tree.into_iter().flat_map(BTreeMap::values) {
        walk(&setting.value, &mut found);
    }
    for (name, span) in found {
        let first = name.split('.').next().unwrap_or_default();
        if first != "enable" && !definition.feature.options.contains_key(first) {
            d.push(table::unknown_option(
                &definition.id,
                first,
                span,
                &definition.feature,
            ));
        }
    }
}

/// What a half imports because it requires it, and the flags that it sets.
fn requires(
    world: &World<'_>,
    definition: &table::Definition,
    home: bool,
    layer: &Layer,
    d: &mut Diagnostics,
) -> (Vec<FeatureId>, Vec<Definition>) {
    let mut conditions: BTreeMap<FeatureId, (Vec<String>, Span)> = BTreeMap::new();
    for require in &definition.feature.requires {
        let Some((id, other)) = world.table.get_key_value(require.feature.value.as_str()) else {
            continue;
        };
        let same_half = if home {
            other.has_home_half()
        } else {
            other.has_system_half()
        };
        if !same_half {
            if !home && !definition.has_home_half() {
                d.push(
                    Diagnostic::error(
                        "home-only-feature",
                        require.feature.span,
                        format!(
                            "system feature `{}` cannot require `{id}`, which has a home half only",
                            definition.id
                        ),
                    )
                    .help("name it in a profile"),
                );
            }
            continue;
        }
        let condition = require
            .when
            .iter()
            .map(|(name, value)| condition(world, &name.value, value, d))
            .collect::<Vec<_>>()
            .join(" && ");
        conditions
            .entry(id.clone())
            .or_insert_with(|| (Vec::new(), require.feature.span))
            .0
            .push(condition);
    }
    let mut flags = Vec::new();
    for (id, (all, span)) in &conditions {
        let value = if all.iter().any(String::is_empty) {
            nix::Value::Bool(true)
        } else if let [one] = all.as_slice() {
            let is_word = one.starts_with("cfg.") && !one.contains(' ');
            let condition = if is_word {
                one.clone()
            } else {
                format!("({one})")
            };
            nix::Value::apply(format!("lib.mkIf {condition}"), nix::Value::Bool(true))
        } else {
            let any: Vec<String> = all
                .iter()
                .map(|c| {
                    if c.contains(' ') {
                        format!("({c})")
                    } else {
                        c.clone()
                    }
                })
                .collect();
            nix::Value::apply(
                format!("lib.mkIf ({})", any.join(" || ")),
                nix::Value::Bool(true),
            )
        };
        let mut flag = made("x", value, layer, Some(*span));
        flag.path = feature_path(world, id.as_str(), "enable");
        flags.push(flag);
    }
    (conditions.into_keys().collect(), flags)
}

fn condition(world: &World<'_>, name: &str, value: &spec::Value, d: &mut Diagnostics) -> String {
    match &value.kind {
        spec::ValueKind::Bool(true) => format!("cfg.{name}"),
        spec::ValueKind::Bool(false) => format!("!cfg.{name}"),
        spec::ValueKind::List(_) => {
            let list = lower(world, Place::SYSTEM, value, &mut Uses::default(), d);
            format!(
                "lib.elem cfg.{name} {}",
                nix::render(&list).unwrap_or_else(|_| "[ ]".to_owned())
            )
        }
        _ => {
            let value = lower(world, Place::SYSTEM, value, &mut Uses::default(), d);
            format!(
                "cfg.{name} == {}",
                nix::render(&value).unwrap_or_else(|_| "null".to_owned())
            )
        }
    }
}

/// Only hosts of MicroVMs pass the flake to their modules as `self`, and no home gets it.
///
/// The modules that a host and its template name are looked at with the host.
fn modules_take_self(world: &World<'_>, fleet: &Fleet, d: &mut Diagnostics) {
    let spec = world.spec;
    let mut check = |modules: &[spec::ast::Text], who: &str| {
        for module in modules {
            let Some(path) = assets::tidy(&module.value) else {
                continue;
            };
            if assets::takes(&path, "self", world.around) {
                d.push(
                    Diagnostic::error(
                        "undefined-variable",
                        module.span,
                        format!("`{path}` takes `self`, which modules of {who} do not get"),
                    )
                    .help("take `inputs` and write `inputs.self`"),
                );
            }
        }
    };
    if let Some(item) = &spec.fleet
        && let Some(machine) = fleet.machines().find(|it| it.microvms.is_empty())
    {
        check(&item.value.modules, &format!("`{}`", machine.name));
    }
    for profile in spec.profiles.values() {
        check(&profile.value.modules, "Home Manager");
    }
    let on_hosts = (spec.hosts.values()).flat_map(|host| host.value.users.values());
    let of_templates = (spec.templates.values()).flat_map(|template| template.value.users.values());
    let homes = (spec.users.values()).map(|user| &user.value.home);
    for home in homes.chain(on_hosts.chain(of_templates).map(|home| &home.value)) {
        check(&home.modules, "Home Manager");
    }
}

/// Section `fleet`: names and what `modules/fleet.nix` defines.
fn shared(world: &World<'_>, uses: &mut Uses, d: &mut Diagnostics) -> Fleet {
    let Some(item) = &world.spec.fleet else {
        if world.spec.is_lost("fleet", "") {
            return Fleet::default();
        }
        d.push(
            Diagnostic::error("missing-section", None, "the spec has no section `fleet`").help(
                "write `fleet: { name: …, stateVersion: \"25.11\" }`, or begin with `gen init`",
            ),
        );
        return Fleet::default();
    };
    let spec = &item.value;
    let layer = Layer::Fleet;
    if spec.name.is_none() {
        d.push(Diagnostic::error(
            "missing-key",
            item.name.span,
            "`fleet` lacks `name`",
        ));
    }
    let mut all: Vec<Definition> = Vec::new();
    let mut default = |path: &str, value: nix::Value, span: Option<Span>| {
        all.push(made(
            path,
            nix::Value::apply("lib.mkDefault", value),
            &layer,
            span,
        ));
    };
    let mut text = |path: &str, text: &Option<spec::ast::Text>| {
        if let Some(text) = text {
            default(path, text.value.as_str().into(), Some(text.span));
        }
    };
    text("networking.domain", &spec.domain);
    if let Some(zone) = &spec.locale.time_zone {
        time_zone::check(&zone.value, zone.span, d);
    }
    text("time.timeZone", &spec.locale.time_zone);
    text("i18n.defaultLocale", &spec.locale.language);
    text("console.keyMap", &spec.locale.key_map);
    if let Some(formats) = &spec.locale.formats {
        for key in [
            "LC_ADDRESS",
            "LC_IDENTIFICATION",
            "LC_MEASUREMENT",
            "LC_MONETARY",
            "LC_NAME",
            "LC_NUMERIC",
            "LC_PAPER",
            "LC_TELEPHONE",
            "LC_TIME",
        ] {
            default(
                &format!("i18n.extraLocaleSettings.{key}"),
                formats.value.as_str().into(),
                Some(formats.span),
            );
        }
    }
    nix_settings(world, spec, &mut all, uses, d);
    let unfree: BTreeSet<String> = spec
        .packages
        .unfree
        .iter()
        .map(|t| t.value.clone())
        .collect();
    let insecure: BTreeSet<String> = spec
        .packages
        .insecure
        .iter()
        .map(|t| t.value.clone())
        .collect();
    let strings =
        |set: &BTreeSet<String>| nix::Value::List(set.iter().map(|s| s.as_str().into()).collect());
    if !unfree.is_empty() {
        let list = nix::render(&strings(&unfree)).unwrap_or_default();
        let span = spec.packages.unfree.first().map(|t| t.span);
        all.push(made(
            "nixpkgs.config.allowUnfreePredicate",
            code(&format!("pkg: builtins.elem (lib.getName pkg) {list}")),
            &layer,
            span,
        ));
    }
    if !insecure.is_empty() {
        let span = spec.packages.insecure.first().map(|t| t.span);
        all.push(made(
            "nixpkgs.config.permittedInsecurePackages",
            strings(&insecure),
            &layer,
            span,
        ));
    }
    let overlays = assets::modules(world, &spec.packages.overlays, uses, d);
    let own_packages = packages::own(world, &spec.packages, uses, d);
    let pins = packages::pins(&spec.packages, d);
    Fleet {
        name: spec
            .name
            .as_ref()
            .map(|t| t.value.clone())
            .unwrap_or_default(),
        description: spec.description.as_ref().map(|t| t.value.clone()),
        namespace: world.namespace.clone(),
        channel: inputs::check_channel(world, d),
        domain: spec.domain.as_ref().map(|t| t.value.clone()),
        backend: world.backend,
        unstable: world.unstable,
        unfree,
        insecure,
        overlays,
        own_packages,
        pins,
        definitions: crate::uses::combined(all),
        modules: assets::modules(world, &spec.modules, uses, d),
        ..Fleet::default()
    }
}

fn nix_settings(
    world: &World<'_>,
    spec: &spec::ast::Fleet,
    all: &mut Vec<Definition>,
    uses: &mut Uses,
    d: &mut Diagnostics,
) {
    let layer = Layer::Fleet;
    let features = ["nix-command", "flakes"]
        .into_iter()
        .map(nix::Value::from)
        .collect();
    all.push(made(
        "nix.settings.experimental-features",
        nix::Value::List(features),
        &layer,
        None,
    ));
    all.push(made(
        "nix.settings.auto-optimise-store",
        nix::Value::apply("lib.mkDefault", true.into()),
        &layer,
        None,
    ));
    let mut caches: Vec<&spec::ast::Cache> = spec.nix.caches.iter().collect();
    caches.sort_by_key(|c| c.priority.as_ref().map_or(50, |p| p.value));
    for cache in &caches {
        if !cache.url.value.contains("://") {
            d.push(
                Diagnostic::error(
                    "bad-value",
                    cache.url.span,
                    format!("`{}` is not the address of a cache", cache.url.value),
                )
                .help("such as `https://cache.example.org`"),
            );
        }
        if cache
            .key
            .value
            .rsplit_once(':')
            .is_none_or(|(name, key)| name.is_empty() || key.len() < 8)
        {
            d.push(
                Diagnostic::error(
                    "bad-value",
                    cache.key.span,
                    format!("`{}` is not the public key of a cache", cache.key.value),
                )
                .help("such as `cache.example.org-1:` and the key"),
            );
        }
    }
    // nixpkgs adds its own cache and key to these lists.
    for cache in caches.iter().filter(|c| is_official(c)) {
        let in_address = cache.url.value.contains('?').then_some(cache.url.span);
        if let Some(span) = cache.priority.as_ref().map(|p| p.span).or(in_address) {
            d.push(
                Diagnostic::warning(
                    "cache-twice",
                    span,
                    format!("`{}` would be asked twice", cache.url.value),
                )
                .help("nixpkgs adds it with priority 40; leave it out, and choose those of the others below or above 40"),
            );
        }
    }
    caches.retain(|c| !is_official(c));
    if !caches.is_empty() {
        let list = |f: &dyn Fn(&spec::ast::Cache) -> String| {
            nix::Value::List(caches.iter().map(|c| f(c).into()).collect())
        };
        let span = caches.first().map(|c| c.url.span);
        all.push(made(
            "nix.settings.substituters",
            list(&|c| match &c.priority {
                Some(p) if !c.url.value.contains('?') => {
                    format!("{}?priority={}", c.url.value, p.value)
                }
                _ => c.url.value.clone(),
            }),
            &layer,
            span,
        ));
        all.push(made(
            "nix.settings.trusted-public-keys",
            list(&|c| c.key.value.clone()),
            &layer,
            span,
        ));
    }
    if !spec.nix.trusted_users.is_empty() {
        let list = spec
            .nix
            .trusted_users
            .iter()
            .map(|u| u.value.as_str().into())
            .collect();
        all.push(made(
            "nix.settings.trusted-users",
            nix::Value::List(list),
            &layer,
            spec.nix.trusted_users.first().map(|t| t.span),
        ));
    }
    let (every, keep, span) = match &spec.nix.gc {
        Some(Gc::Off(_)) => (None, None, None),
        Some(Gc::On { every, keep }) => (
            Some(every.as_ref().map_or("weekly", |t| t.value.as_str())),
            Some(keep.as_ref().map_or("30d", |t| t.value.as_str())),
            keep.as_ref().or(every.as_ref()).map(|t| t.span),
        ),
        None => (Some("weekly"), Some("30d"), None),
    };
    if let (Some(every), Some(keep)) = (every, keep) {
        if let (Err(message), Some(span)) = (spec::parse_duration(keep), span) {
            d.push(Diagnostic::error("bad-value", span, message));
        }
        all.push(made(
            "nix.gc.automatic",
            nix::Value::apply("lib.mkDefault", true.into()),
            &layer,
            span,
        ));
        all.push(made(
            "nix.gc.dates",
            nix::Value::apply("lib.mkDefault", every.into()),
            &layer,
            span,
        ));
        all.push(made(
            "nix.gc.options",
            nix::Value::apply(
                "lib.mkDefault",
                format!("--delete-older-than {keep}").into(),
            ),
            &layer,
            span,
        ));
    }
    for setting in spec.nix.settings.values() {
        let mut path = nix::AttrPath(vec!["nix".to_owned(), "settings".to_owned()]);
        path.0.extend(setting.path.0.iter().cloned());
        // What a fleet says itself replaces a default of ours; lists and maps merge.
        all.retain(|ours| {
            let is_default = matches!(&ours.value, nix::Value::Apply(f, _) if f == "lib.mkDefault");
            ours.path != path || !is_default
        });
        let moved = spec::Setting {
            path,
            key: setting.key,
            value: setting.value.clone(),
        };
        all.push(crate::lower::definition(
            world,
            Place::SHALLOW,
            Rank::Default,
            &layer,
            &moved,
            uses,
            d,
        ));
    }
}

/// Whether a cache is the one that nixpkgs adds by itself.
fn is_official(cache: &spec::ast::Cache) -> bool {
    let url = cache.url.value.split('?').next().unwrap_or_default();
    url.trim_end_matches('/') == "https://cache.nixos.org"
        && cache.key.value == "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
}

/// Hosts must not share an address.
fn addresses(partials: &[Partial<'_>], d: &mut Diagnostics) {
    let mut seen: BTreeMap<&str, (&str, Span)> = BTreeMap::new();
    for partial in partials {
        let Some(address) = &partial.spec.address else {
            continue;
        };
        deploy::check_host_address(address, d);
        match seen.get(address.value.as_str()) {
            Some((other, first)) => d.push(
                Diagnostic::error(
                    "duplicate-address",
                    address.span,
                    format!(
                        "`{}` and `{other}` have the address {}",
                        partial.host.name, address.value
                    ),
                )
                .related(*first, format!("`{other}` has it here"))
                .help("give one of them another address"),
            ),
            None => {
                seen.insert(&address.value, (partial.host.name.as_str(), address.span));
            }
        }
    }
}

/// What tells the layers below a host's own, and its features.
fn system_key<'p>(partial: &'p Partial<'_>) -> (Option<&'p TemplateName>, Vec<&'p FeatureId>) {
    let host = &partial.host;
    (host.template.as_ref(), host.enabled.keys().collect())
}

/// The same of a user's home on a host.
fn home_key<'p>(
    name: &'p UserName,
    on_host: &'p OnHost<'_>,
) -> (&'p UserName, &'p [ProfileName], Vec<&'p FeatureId>) {
    let model = &on_host.model;
    (name, &model.profiles, model.enabled.keys().collect())
}

/// Numbers of kinds, and the first of each.
struct Kinds<K, T> {
    numbers: HashMap<K, usize>,
    first: Vec<T>,
}

impl<K, T> Default for Kinds<K, T> {
    fn default() -> Self {
        Self {
            numbers: HashMap::new(),
            first: Vec::new(),
        }
    }
}

impl<K: std::hash::Hash + Eq, T> Kinds<K, T> {
    /// The number of the kind that a key tells, new where it is the first of it.
    fn number(&mut self, key: K, item: T) -> usize {
        *self.numbers.entry(key).or_insert_with(|| {
            self.first.push(item);
            self.first.len() - 1
        })
    }
}

fn check_conflicts(
    base: &Base<'_>,
    fleet: &Fleet,
    features: &BTreeMap<FeatureId, Built>,
    partials: &[Partial<'_>],
    d: &mut Diagnostics,
) {
    let system: BTreeMap<FeatureId, Vec<Leaf>> = features
        .iter()
        .map(|(id, b)| (id.clone(), b.system_leaves.clone()))
        .collect();
    let home: BTreeMap<FeatureId, Vec<Leaf>> = features
        .iter()
        .map(|(id, b)| (id.clone(), b.home_leaves.clone()))
        .collect();
    let empty: &[Definition] = &[];
    let template = |partial: &Partial<'_>| {
        let name = partial.host.template.as_ref();
        let template = name.and_then(|name| base.templates.get(name));
        template.map_or(empty, |t| t.model.definitions.as_slice())
    };
    // Hosts of a kind have the same features and layers below their own, and so have a user's homes.
    let mut systems = Kinds::default();
    let mut homes = Kinds::default();
    let kinds: Vec<(usize, Vec<usize>)> = partials
        .iter()
        .map(|partial| {
            let on_hosts = partial.users.iter();
            let kinds = on_hosts.map(|it| homes.number(home_key(it.0, it.1), it));
            let kinds = kinds.collect();
            (systems.number(system_key(partial), partial), kinds)
        })
        .collect();
    let systems: Vec<Common<'_>> = systems
        .first
        .into_par_iter()
        .map(|partial| {
            let map = conflicts::map(partial.host.enabled.keys(), &system);
            let layers = [fleet.definitions.as_slice(), template(partial)];
            Common::new(map, layers)
        })
        .collect();
    let homes: Vec<Common<'_>> = homes
        .first
        .into_par_iter()
        .map(|(name, on_host)| {
            let profiles = on_host.model.profiles.iter();
            let profiles = profiles.filter_map(|profile| base.profiles.get(profile));
            let profiles = profiles.map(|profile| profile.model.definitions.as_slice());
            let own = base.users.get(name).map(|u| u.model.home.as_slice());
            let map = conflicts::map(on_host.model.enabled.keys(), &home);
            Common::new(map, profiles.chain(own))
        })
        .collect();
    let found: Vec<Diagnostics> = partials
        .par_iter()
        .zip(kinds)
        .map(|(partial, (kind, kinds))| {
            let mut own = Diagnostics::new();
            let host = &partial.host;
            systems[kind].check(&host.definitions, &format!("`{}`", host.name), &mut own);
            for ((name, on_host), kind) in partial.users.iter().zip(kinds) {
                let whose = format!("`{name}` on `{}`", host.name);
                homes[kind].check(&on_host.model.home, &whose, &mut own);
            }
            own
        })
        .collect();
    // One mistake in a template is one finding, not one for each host: the first host stands for all.
    let mut seen: BTreeSet<(&'static str, Option<Span>, Option<Span>)> = BTreeSet::new();
    for diagnostic in found.into_iter().flatten() {
        if seen.insert((
            diagnostic.code,
            diagnostic.span,
            diagnostic.related.first().map(|l| l.span),
        )) {
            d.push(diagnostic);
        }
    }
}

/// Unfree and insecure packages that features need must be allowed by name.
fn allowed_packages(
    world: &World<'_>,
    fleet: &Fleet,
    partials: &[Partial<'_>],
    d: &mut Diagnostics,
) {
    // Few features need any.
    let needing: Vec<(&FeatureId, &table::Definition)> = world
        .table
        .iter()
        .filter(|(_, it)| !it.feature.unfree.is_empty() || !it.feature.insecure.is_empty())
        .collect();
    let mut reported: BTreeSet<(FeatureId, bool)> = BTreeSet::new();
    for partial in partials {
        let system = (&partial.host.enabled, &partial.states);
        let homes = partial
            .users
            .values()
            .map(|u| (&u.model.enabled, &u.states));
        let all = [system].into_iter().chain(homes);
        let used = all.flat_map(|(enabled, states)| {
            let used = needing.iter().filter(|(id, _)| enabled.contains_key(*id));
            used.map(|(id, definition)| (*id, states.get(*id), *definition))
        });
        for (id, state, definition) in used {
            // One that the host cannot run has been reported.
            let mut needs = definition.feature.needs.iter();
            if needs.any(|need| host::unmet(&need.kind, &partial.host).is_some()) {
                continue;
            }
            let kinds = [
                (&definition.feature.unfree, &fleet.unfree, "unfree", false),
                (
                    &definition.feature.insecure,
                    &fleet.insecure,
                    "insecure",
                    true,
                ),
            ];
            for (needs, allowed, word, which) in kinds {
                let missing: BTreeSet<&str> = needs
                    .iter()
                    .filter(|need| host::holds_on(partial, definition, state, &need.when))
                    .flat_map(|need| &need.names)
                    .map(|name| name.value.as_str())
                    .filter(|name| !allowed.contains(*name))
                    .collect();
                if missing.is_empty() || !reported.insert((id.clone(), which)) {
                    continue;
                }
                let (span, _) = host::reason_place(partial, id);
                let names: Vec<&str> = missing.into_iter().collect();
                d.push(
                    Diagnostic::error(
                        "package-not-allowed",
                        span,
                        format!(
                            "`{id}` on `{}` needs {word} packages that the fleet does not allow",
                            partial.host.name
                        ),
                    )
                    .related(
                        world.spec.fleet.as_ref().map(|f| f.name.span),
                        "allowed packages are named here",
                    )
                    .help(format!(
                        "add to `fleet.packages.{word}`: {}",
                        names.join(", ")
                    )),
                );
            }
        }
    }
}

/// Moves what hosts use into the fleet; what nobody uses is reported, not emitted.
fn keep_used(
    world: &World<'_>,
    base: Base<'_>,
    mut features: BTreeMap<FeatureId, Built>,
    fleet: &mut Fleet,
    uses: &mut Uses,
    d: &mut Diagnostics,
) {
    // What seems unused may be what a misspelt name means.
    let mut ignored = Diagnostics::new();
    let d = if d.has_errors() { &mut ignored } else { d };
    let templates: BTreeSet<_> = fleet
        .machines()
        .filter_map(|h| h.template.clone())
        .collect();
    let ancestors: BTreeSet<_> = templates
        .iter()
        .filter_map(|t| base.templates.get(t))
        .flat_map(|t| t.model.chain.iter().cloned())
        .collect();
    for (name, flat) in base.templates {
        if templates.contains(&name) {
            fleet.templates.insert(name, flat.model);
        } else if ancestors.contains(&name) {
            fleet.ancestors.insert(name, flat.model);
        } else if let Some(item) = world.spec.templates.get(name.as_str()) {
            d.push(Diagnostic::note(
                "unused-template",
                item.name.span,
                format!("no host uses template `{name}`, it is not emitted"),
            ));
        }
    }
    let profiles: BTreeSet<_> = fleet
        .machines()
        .flat_map(|h| h.users.values())
        .flat_map(|u| u.profiles.iter().cloned())
        .collect();
    let ancestors: BTreeSet<_> = profiles
        .iter()
        .filter_map(|p| base.profiles.get(p))
        .flat_map(|p| p.model.chain.iter().cloned())
        .collect();
    for (name, flat) in base.profiles {
        if profiles.contains(&name) {
            fleet.profiles.insert(name, flat.model);
        } else if !ancestors.contains(&name)
            && let Some(item) = world.spec.profiles.get(name.as_str())
        {
            d.push(Diagnostic::note(
                "unused-profile",
                item.name.span,
                format!("no user has profile `{name}`, it is not emitted"),
            ));
        }
    }
    let users: BTreeSet<_> = fleet
        .hosts
        .values()
        .flat_map(|h| h.users.keys().cloned())
        .collect();
    for (name, user) in base.users {
        if users.contains(&name) {
            fleet.users.insert(name, user.model);
        } else if !fleet.machines().any(|m| m.users.contains_key(&name)) {
            d.push(
                Diagnostic::note(
                    "unused-user",
                    user.item.name.span,
                    format!("no host has user `{name}`, it is not emitted"),
                )
                .help("name the user in `users` of a host or template"),
            );
        }
    }
    let mut system: Vec<FeatureId> = fleet
        .templates
        .values()
        .flat_map(|t| t.imports.iter().cloned())
        .collect();
    system.extend(fleet.machines().flat_map(|h| h.imports.iter().cloned()));
    system.extend(
        fleet
            .machines()
            .flat_map(|h| h.users.values())
            .flat_map(|u| u.imports.iter().cloned()),
    );
    let mut home: Vec<FeatureId> = fleet
        .profiles
        .values()
        .flat_map(|p| p.imports.iter().cloned())
        .collect();
    home.extend(
        fleet
            .users
            .values()
            .flat_map(|u| u.home_imports.iter().cloned()),
    );
    home.extend(
        fleet
            .machines()
            .flat_map(|h| h.users.values())
            .flat_map(|u| u.home_imports.iter().cloned()),
    );
    emit(&mut features, system, |f| f.system.as_mut());
    emit(&mut features, home, |f| f.home.as_mut());
    for (id, built) in features {
        let emitted = |half: &Option<FeatureHalf>| half.as_ref().is_some_and(|h| h.emitted);
        if emitted(&built.model.system) || emitted(&built.model.home) {
            uses.extend(&built.uses);
            fleet.features.insert(id, built.model);
        } else if let Some(definition) = world.table.get(&id)
            && !definition.builtin
        {
            d.push(Diagnostic::note(
                "unused-feature",
                definition.span,
                format!("nothing enables feature `{id}`, it is not emitted"),
            ));
        }
    }
}

/// Marks modules and what they import.
fn emit(
    features: &mut BTreeMap<FeatureId, Built>,
    mut todo: Vec<FeatureId>,
    half: impl Fn(&mut Feature) -> Option<&mut FeatureHalf>,
) {
    while let Some(id) = todo.pop() {
        let Some(half) = features.get_mut(&id).and_then(|b| half(&mut b.model)) else {
            continue;
        };
        if !half.emitted {
            half.emitted = true;
            todo.extend(half.imports.iter().cloned());
        }
    }
}

/// The files of the spec behind each output file, for headers.
fn sources(world: &World<'_>, fleet: &Fleet) -> BTreeMap<String, String> {
    let path = |span: Span| world.sources.path(span.file).to_owned();
    let mut result = BTreeMap::new();
    let fleet_file = world
        .spec
        .fleet
        .as_ref()
        .map_or_else(|| "spec".to_owned(), |f| path(f.name.span));
    for file in [
        "Justfile",
        "flake.nix",
        "modules/fleet.nix",
        "modules/default.nix",
        "modules/home-manager.nix",
        "home/default.nix",
        "overlays/default.nix",
    ] {
        result.insert(file.to_owned(), fleet_file.clone());
    }
    let secrets = world
        .spec
        .secrets
        .items
        .values()
        .next()
        .map_or_else(|| fleet_file.clone(), |i| path(i.name.span));
    result.insert("secrets/secrets.nix".to_owned(), secrets.clone());
    result.insert("secrets/recipients.txt".to_owned(), secrets.clone());
    result.insert(".sops.yaml".to_owned(), secrets);
    for (name, host) in &fleet.hosts {
        for file in ["default", "hardware", "disks"] {
            result.insert(format!("hosts/{name}/{file}.nix"), path(host.span));
        }
        for (layout, disk) in &host.disks {
            if let Some(span) = disk.span {
                result.insert(format!("hosts/{name}/disks.nix"), path(span));
                result.insert(format!("disks/{layout}.nix"), path(span));
            }
        }
        for user in host.users.keys() {
            result.insert(format!("users/{user}/{name}.nix"), path(host.span));
        }
    }
    for (name, vm) in &fleet.microvms {
        let source = path(vm.guest.span);
        result.insert(format!("microvms/{name}.nix"), source.clone());
        for user in vm.guest.users.keys() {
            result.insert(format!("users/{user}/{name}.nix"), source.clone());
        }
    }
    for (name, image) in &fleet.images {
        result.insert(format!("images/{name}.nix"), path(image.machine.span));
    }
    for (name, installer) in &fleet.installers {
        result.insert(format!("installers/{name}.nix"), path(installer.span));
    }
    if let Some(installer) = fleet.installers.values().next() {
        result.insert("modules/installer.nix".to_owned(), path(installer.span));
    }
    for name in fleet.users.keys() {
        if let Some(item) = world.spec.users.get(name.as_str()) {
            result.insert(format!("users/{name}/default.nix"), path(item.name.span));
        }
    }
    for name in fleet.templates.keys() {
        if let Some(item) = world.spec.templates.get(name.as_str()) {
            result.insert(format!("templates/{name}.nix"), path(item.name.span));
        }
    }
    for name in fleet.profiles.keys() {
        if let Some(item) = world.spec.profiles.get(name.as_str()) {
            result.insert(format!("home/profiles/{name}.nix"), path(item.name.span));
        }
    }
    for (id, feature) in &fleet.features {
        let file = format!("{}/{}.nix", id.category(), id.name());
        result.insert(format!("modules/{file}"), feature.source.clone());
        result.insert(format!("home/{file}"), feature.source.clone());
    }
    result
}
