//! A template or a profile: what it says with what it extends, who has it, and what comes along.
//!
//! Read off the spec and not the model, which has neither what nothing uses nor what is only extended.

use std::collections::{BTreeMap, BTreeSet};

use diag::Span;
use model::{FeatureId, Host, Layer, Origin, ProfileName, Reason, TemplateName};
use nix::AttrPath;
use serde::Serialize;
use spec::ast::{FeatureUse, Item, Named, Profile, Template, Text};
use spec::{Settings, Value, ValueKind};

use super::host::{self, FeatureView, OptionView, SettingView};
use super::tree::Tree;
use super::{UseView, draw_uses};
use crate::cli::Sound;
use crate::origin::{self, Place};
use crate::text::list;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LayerView {
    kind: &'static str,
    name: String,
    description: Option<String>,
    place: String,
    /// The generated file; none where only others extend it, or nothing uses it.
    file: Option<String>,
    /// What it extends, nearest first.
    extends: Vec<String>,
    extended_by: Vec<String>,
    used_by: Vec<UseView>,
    features: Vec<FeatureView>,
    /// Features that it only switches off.
    disabled: Vec<FeatureView>,
    /// Features that those above require.
    brings: Vec<Brought>,
    secrets: Vec<String>,
    packages: Vec<SettingView>,
    settings: Vec<SettingView>,
    /// Users of its hosts.
    users: Vec<SettingView>,
    modules: Vec<SettingView>,
}

/// A feature that comes along.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Brought {
    id: String,
    required_by: Vec<String>,
}

/// A link of the chain.
struct Link<'a> {
    layer: Layer,
    features: &'a [FeatureUse],
    packages: &'a [Value],
    settings: &'a Settings,
    modules: &'a [Text],
}

/// Who has it: a machine, the user if it is about a home, and the place that says so.
struct Holder<'a> {
    host: &'a Host,
    user: Option<&'a model::HostUser>,
    through: String,
    span: Option<Span>,
}

/// The view of a template, if there is one of that name.
pub(super) fn template(sound: &Sound, name: &str) -> Option<LayerView> {
    let all = &sound.spec.templates;
    let item = all.get(name)?;
    let chain = chain(all, item, |it: &Template| it.extends.as_ref());
    let links: Vec<Link<'_>> = chain
        .iter()
        .map(|item| Link {
            layer: Layer::Template(TemplateName::new(&item.name.value)),
            features: &item.value.features,
            packages: &item.value.packages,
            settings: &item.value.settings,
            modules: &item.value.modules,
        })
        .collect();
    let holders = sound.fleet.machines().filter_map(|machine| {
        let through = machine.template.as_ref()?;
        let template = sound.fleet.templates.get(through)?;
        template
            .chain
            .iter()
            .any(|it| it.as_str() == name)
            .then(|| Holder {
                host: machine,
                user: None,
                through: through.to_string(),
                span: super::machine_of(&sound.spec, machine.name.as_str())
                    .and_then(|spec| spec.template.as_ref())
                    .map(|text| text.span),
            })
    });
    let mut view = view(
        sound,
        ("template", item.value.description.as_ref(), &item.name),
        &links,
        &holders.collect::<Vec<_>>(),
    );
    view.extended_by = extended_by(all, name, |it| it.extends.as_ref());
    view.file = sound
        .fleet
        .templates
        .contains_key(name)
        .then(|| format!("templates/{name}.nix"));
    for item in &chain {
        for (user, composition) in &item.value.users {
            let layer = Layer::Template(TemplateName::new(&item.name.value));
            let profiles = composition.value.profiles.iter().map(|it| &it.value);
            view.users.push(SettingView {
                path: user.clone(),
                value: list(profiles),
                from: place(sound, &layer, composition.name.span),
                over: Vec::new(),
            });
        }
    }
    Some(view)
}

/// The view of a profile, if there is one of that name.
pub(super) fn profile(sound: &Sound, name: &str) -> Option<LayerView> {
    let all = &sound.spec.profiles;
    let item = all.get(name)?;
    let links: Vec<Link<'_>> = chain(all, item, |it: &Profile| it.extends.as_ref())
        .iter()
        .map(|item| Link {
            layer: Layer::Profile(ProfileName::new(&item.name.value)),
            features: &item.value.features,
            packages: &item.value.packages,
            settings: &item.value.settings,
            modules: &item.value.modules,
        })
        .collect();
    let mut holders = Vec::new();
    for machine in sound.fleet.machines() {
        for user in machine.users.values() {
            let through = user.profiles.iter().find(|it| {
                let profile = sound.fleet.profiles.get(*it);
                profile.is_some_and(|it| it.chain.iter().any(|it| it.as_str() == name))
            });
            let Some(through) = through else { continue };
            holders.push(Holder {
                host: machine,
                user: Some(user),
                through: through.to_string(),
                span: given(sound, machine, user.name.as_str(), through.as_str()),
            });
        }
    }
    let mut view = view(
        sound,
        ("profile", item.value.description.as_ref(), &item.name),
        &links,
        &holders,
    );
    view.extended_by = extended_by(all, name, |it| it.extends.as_ref());
    view.file = sound
        .fleet
        .profiles
        .contains_key(name)
        .then(|| format!("home/profiles/{name}.nix"));
    Some(view)
}

/// An item and what it extends, root first. The spec is sound, so it ends.
fn chain<'a, T>(
    all: &'a Named<T>,
    item: &'a Item<T>,
    extends: impl Fn(&T) -> Option<&Text>,
) -> Vec<&'a Item<T>> {
    let next = |item: &&'a Item<T>| all.get(&extends(&item.value)?.value);
    let mut chain: Vec<&Item<T>> = std::iter::successors(Some(item), next).collect();
    chain.reverse();
    chain
}

fn extended_by<T>(
    all: &Named<T>,
    name: &str,
    extends: impl Fn(&T) -> Option<&Text>,
) -> Vec<String> {
    let is_child = |item: &&Item<T>| extends(&item.value).is_some_and(|it| it.value == name);
    let children = all.values().filter(is_child);
    children.map(|item| item.name.value.clone()).collect()
}

/// Where a user on a machine is given a profile.
fn given(sound: &Sound, machine: &Host, user: &str, profile: &str) -> Option<Span> {
    let spec = &sound.spec;
    let own = super::machine_of(spec, machine.name.as_str()).map(|it| &it.users);
    let chain = machine
        .template
        .as_ref()
        .and_then(|name| sound.fleet.templates.get(name))
        .map(|template| template.chain.as_slice())
        .unwrap_or_default();
    let templates = chain
        .iter()
        .rev()
        .filter_map(|name| spec.templates.get(name.as_str()))
        .map(|item| &item.value.users);
    let on_machines = own
        .into_iter()
        .chain(templates)
        .filter_map(|it| it.get(user));
    let everywhere = spec.users.get(user).map(|item| &item.value.home);
    on_machines
        .map(|item| &item.value)
        .chain(everywhere)
        .flat_map(|composition| &composition.profiles)
        .find(|it| it.value == profile)
        .map(|it| it.span)
}

fn place(sound: &Sound, layer: &Layer, span: Span) -> Place {
    let origin = Origin {
        layer: layer.clone(),
        span: Some(span),
    };
    Place::of(&origin, &sound.fleet, &sound.sources)
}

/// What is common to templates and profiles.
fn view(
    sound: &Sound,
    (kind, description, name): (&'static str, Option<&Text>, &Text),
    links: &[Link<'_>],
    holders: &[Holder<'_>],
) -> LayerView {
    let mut features: BTreeMap<&str, FeatureView> = BTreeMap::new();
    let mut on: BTreeMap<&str, bool> = BTreeMap::new();
    let mut settings: BTreeMap<&AttrPath, SettingView> = BTreeMap::new();
    let mut secrets = BTreeSet::new();
    let mut packages = Vec::new();
    let mut modules = Vec::new();
    for link in links {
        let at = |span| place(sound, &link.layer, span);
        for used in link.features {
            on.insert(&used.id.value, used.enable);
            let view = features
                .entry(&used.id.value)
                .or_insert_with(|| FeatureView {
                    id: used.id.value.clone(),
                    reasons: Vec::new(),
                    options: Vec::new(),
                });
            view.reasons.insert(0, at(used.id.span));
            for (option, (span, value)) in &used.options {
                secrets_of(value, &mut secrets);
                view.options.retain(|it| it.name != *option);
                view.options.push(OptionView {
                    name: option.clone(),
                    value: origin::yaml(value),
                    from: at(*span),
                    is_default: false,
                });
            }
            view.options.sort_by(|a, b| a.name.cmp(&b.name));
        }
        for (path, setting) in link.settings {
            secrets_of(&setting.value, &mut secrets);
            let mut view = SettingView {
                path: path.to_string(),
                value: origin::yaml(&setting.value),
                from: at(setting.key),
                over: Vec::new(),
            };
            if let Some(below) = settings.remove(path) {
                view.over.push(below.from);
                view.over.extend(below.over);
            }
            settings.insert(path, view);
        }
        packages.extend(link.packages.iter().map(|value| SettingView {
            path: origin::yaml(value),
            value: String::new(),
            from: at(value.span),
            over: Vec::new(),
        }));
        modules.extend(link.modules.iter().map(|module| SettingView {
            path: module.value.clone(),
            value: String::new(),
            from: at(module.span),
            over: Vec::new(),
        }));
    }
    let own: BTreeSet<&str> = on
        .iter()
        .filter(|(_, on)| **on)
        .map(|(id, _)| *id)
        .collect();
    let brings = brings(&own, holders);
    let (features, disabled): (Vec<_>, Vec<_>) = features
        .into_values()
        .partition(|view| on.get(view.id.as_str()).is_some_and(|on| *on));
    let used_by = holders.iter().map(|holder| {
        let machine = holder.host.name.as_str();
        UseView {
            name: match holder.user {
                Some(user) => format!("{}@{machine}", user.name),
                None => machine.to_owned(),
            },
            through: (holder.through != name.value).then(|| holder.through.clone()),
            place: holder.span.map(|span| sound.sources.place(span)),
        }
    });
    LayerView {
        kind,
        name: name.value.clone(),
        description: description.map(|text| text.value.clone()),
        place: sound.sources.place(name.span),
        file: None,
        extends: links
            .iter()
            .rev()
            .skip(1)
            .map(|link| match &link.layer {
                Layer::Template(name) => name.to_string(),
                Layer::Profile(name) => name.to_string(),
                other => origin::layer(other, &sound.fleet),
            })
            .collect(),
        extended_by: Vec::new(),
        used_by: used_by.collect(),
        features,
        disabled,
        brings,
        secrets: secrets.into_iter().collect(),
        packages,
        settings: settings.into_values().collect(),
        users: Vec::new(),
        modules,
    }
}

/// What features require, on any of those who have them.
fn brings(own: &BTreeSet<&str>, holders: &[Holder<'_>]) -> Vec<Brought> {
    let mut brought: BTreeMap<&FeatureId, BTreeSet<String>> = BTreeMap::new();
    for holder in holders {
        let home = holder.user.map(|user| (user, &user.enabled));
        let halves = [Some(&holder.host.enabled), home.map(|(_, it)| it)];
        // What is brought may require more in turn.
        let mut found = true;
        while found {
            found = false;
            for (id, enabled) in halves.into_iter().flatten().flatten() {
                if own.contains(id.as_str()) {
                    continue;
                }
                for reason in &enabled.reasons {
                    let by = match (reason, home) {
                        (Reason::RequiredBy { feature }, _) => feature,
                        (Reason::RequiredByHome { feature, user }, Some((own, _)))
                            if *user == own.name =>
                        {
                            feature
                        }
                        _ => continue,
                    };
                    // Of a home's features, only what its own bring.
                    let is_theirs = own.contains(by.as_str()) || brought.contains_key(by);
                    if is_theirs && by != id {
                        found |= brought.entry(id).or_default().insert(by.to_string());
                    }
                }
            }
        }
    }
    let brought = brought.into_iter().map(|(id, by)| Brought {
        id: id.to_string(),
        required_by: by.into_iter().collect(),
    });
    brought.collect()
}

/// The secrets that a value names.
fn secrets_of(value: &Value, found: &mut BTreeSet<String>) {
    match &value.kind {
        ValueKind::Secret(name) => {
            found.insert(name.clone());
        }
        ValueKind::List(items) | ValueKind::Merge(items) => {
            for item in items {
                secrets_of(item, found);
            }
        }
        ValueKind::Attrs(entries) => entries.values().for_each(|it| secrets_of(it, found)),
        ValueKind::Default(inner)
        | ValueKind::Force(inner)
        | ValueKind::Before(inner)
        | ValueKind::After(inner) => secrets_of(inner, found),
        ValueKind::If {
            when,
            then,
            otherwise,
        } => {
            for part in [Some(when), Some(then), otherwise.as_ref()]
                .into_iter()
                .flatten()
            {
                secrets_of(part, found);
            }
        }
        _ => {}
    }
}

/// Draws it for people.
pub(super) fn draw(view: &LayerView) -> String {
    let mut tree = Tree::default();
    tree.headline(view.kind, &view.name, view.description.as_deref());
    tree.fact("defined in", &view.place);
    tree.fact(
        "generated as",
        view.file.as_deref().unwrap_or(if view.used_by.is_empty() {
            "nothing: no host has it"
        } else {
            "part of what extends it"
        }),
    );
    tree.fact("extends", &view.extends.join(" < "));
    tree.fact("extended by", &list(&view.extended_by));
    tree.fact("secrets", &list(&view.secrets));
    draw_uses(&mut tree, "Used by", &view.used_by);
    if !view.features.is_empty() || !view.disabled.is_empty() {
        tree.title(&format!("Features ({})", view.features.len()));
        host::draw_features(&mut tree, 1, &view.features);
        for feature in &view.disabled {
            let places: Vec<String> = feature.reasons.iter().map(ToString::to_string).collect();
            tree.line(1, format!("{} = off", feature.id), places.join("; "));
        }
    }
    if !view.brings.is_empty() {
        tree.title(&format!("Brings along ({})", view.brings.len()));
        for brought in &view.brings {
            let by = format!("required by {}", list(&brought.required_by));
            tree.line(1, &brought.id, by);
        }
    }
    for (title, rows) in [
        ("Packages", &view.packages),
        ("Settings", &view.settings),
        ("Users of its hosts", &view.users),
        ("Modules by hand", &view.modules),
    ] {
        if !rows.is_empty() {
            tree.title(&format!("{title} ({})", rows.len()));
            host::draw_settings(&mut tree, 1, rows);
        }
    }
    tree.finish()
}
