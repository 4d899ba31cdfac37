//! Catalogs that fleets share: what a fleet uses of them becomes a part of its spec.
//!
//! Invariants:
//! - Only what the fleet names, directly or through what it names, is taken; the rest is kept aside
//!   for suggestions, lists and schemas.
//! - Files of a catalog have paths below `catalogs/NAME/`, wherever it lies, and no path of it leads
//!   elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use diag::{Diagnostic, Diagnostics, Span, Spanned};
use spec::ast::{Composition, Feature, FeatureUse, Item, Named, Profile, Template, Text};
use spec::{Settings, Spec, Value, ValueKind};

use crate::Surroundings;

/// A catalog as it was read.
#[derive(Debug)]
pub struct Shared {
    /// Its name.
    pub name: Spanned<String>,
    /// Names of it that are left out.
    pub except: Vec<Text>,
    /// What it holds.
    pub spec: Spec,
}

/// The folder of a catalog among the files of a spec.
pub fn folder(name: &str) -> String {
    format!("catalogs/{name}")
}

/// The catalog that a file is of, and its path there.
pub(crate) fn of<'a>(path: &'a str, around: &Surroundings) -> Option<(&'a str, &'a str)> {
    let (name, rest) = path.strip_prefix("catalogs/")?.split_once('/')?;
    around.catalogs.contains_key(name).then_some((name, rest))
}

/// What a fleet names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Feature,
    Template,
    Profile,
    Disk,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Feature => "feature",
            Kind::Template => "template",
            Kind::Profile => "profile",
            Kind::Disk => "disk layout",
        }
    }

    /// Where a spec defines such a name.
    fn place(self, spec: &Spec, name: &str) -> Option<Span> {
        match self {
            Kind::Feature => {
                let features = spec.features.get(name);
                features
                    .or_else(|| spec.home_features.get(name))
                    .map(|item| item.name.span)
            }
            Kind::Template => spec.templates.get(name).map(|item| item.name.span),
            Kind::Profile => spec.profiles.get(name).map(|item| item.name.span),
            Kind::Disk => spec.disks.get(name).map(|item| item.name.span),
        }
    }

    /// Everything of the kind that a spec defines.
    fn names(self, spec: &Spec) -> Vec<&String> {
        match self {
            Kind::Feature => spec
                .features
                .keys()
                .chain(spec.home_features.keys())
                .collect(),
            Kind::Template => spec.templates.keys().collect(),
            Kind::Profile => spec.profiles.keys().collect(),
            Kind::Disk => spec.disks.keys().collect(),
        }
    }
}

const KINDS: [Kind; 4] = [Kind::Feature, Kind::Template, Kind::Profile, Kind::Disk];

/// Takes what the fleet uses out of catalogs into its spec, and keeps the rest in `spec.offered`.
pub fn share(
    spec: &mut Spec,
    mut catalogs: Vec<Shared>,
    around: &Surroundings,
    d: &mut Diagnostics,
) {
    for catalog in &mut catalogs {
        leave_out(catalog, d);
        own_paths(catalog, d);
    }
    clashes_with_the_fleet(spec, &catalogs, d);
    loop {
        let mut moved = false;
        for (kind, name) in references(spec) {
            if kind.place(spec, &name).is_some() {
                continue;
            }
            let places: Vec<(usize, Span)> = catalogs
                .iter()
                .enumerate()
                .filter_map(|(index, catalog)| Some((index, kind.place(&catalog.spec, &name)?)))
                .collect();
            let Some((first, span)) = places.first().copied() else {
                continue;
            };
            let catalog = &catalogs[first];
            if let Some((second, place)) = places.get(1) {
                let other = format!("catalog `{}`", catalog.name.value);
                let of = (&catalogs[*second], *place);
                d.push(clash(kind, &name, of, &other, Some(span)));
            } else if kind == Kind::Feature && catalog::entry(&name).is_some() {
                let of = (catalog, span);
                d.push(clash(kind, &name, of, "the built-in catalog", None));
            }
            take(&mut catalogs[first].spec, spec, kind, &name);
            moved = true;
        }
        if !moved {
            break;
        }
    }
    programs(spec, around, d);
    for catalog in catalogs {
        let Spec {
            features,
            home_features,
            templates,
            profiles,
            disks,
            ..
        } = catalog.spec;
        keep(&mut spec.offered.features, features);
        keep(&mut spec.offered.home_features, home_features);
        keep(&mut spec.offered.templates, templates);
        keep(&mut spec.offered.profiles, profiles);
        keep(&mut spec.offered.disks, disks);
    }
}

fn keep<T>(into: &mut Named<T>, from: Named<T>) {
    for (name, item) in from {
        into.entry(name).or_insert(item);
    }
}

/// Takes out what `except` names.
fn leave_out(catalog: &mut Shared, d: &mut Diagnostics) {
    for text in &catalog.except {
        let name = &text.value;
        let spec = &mut catalog.spec;
        let mut was_there = false;
        was_there |= spec.features.remove(name).is_some();
        was_there |= spec.home_features.remove(name).is_some();
        was_there |= spec.templates.remove(name).is_some();
        was_there |= spec.profiles.remove(name).is_some();
        was_there |= spec.disks.remove(name).is_some();
        if !was_there {
            let of = &catalog.name.value;
            let message = format!("catalog `{of}` has no `{name}` to leave out");
            let diagnostic = Diagnostic::error("catalog-except", text.span, message);
            let names = KINDS.iter().flat_map(|kind| kind.names(spec));
            d.push(match diag::closest(name, names) {
                Some(best) => diagnostic.help(format!("did you mean `{best}`?")),
                None => diagnostic.help("remove it from `except`"),
            });
        }
    }
}

/// Names that the fleet defines, and a catalog too.
fn clashes_with_the_fleet(spec: &Spec, catalogs: &[Shared], d: &mut Diagnostics) {
    for kind in KINDS {
        for name in kind.names(spec) {
            for catalog in catalogs {
                if let Some(span) = kind.place(&catalog.spec, name) {
                    let place = kind.place(spec, name);
                    d.push(clash(kind, name, (catalog, span), "the fleet", place));
                }
            }
        }
    }
}

fn clash(
    kind: Kind,
    name: &str,
    (catalog, span): (&Shared, Span),
    other: &str,
    place: Option<Span>,
) -> Diagnostic {
    let (word, of) = (kind.word(), &catalog.name.value);
    let message = format!("{word} `{name}` of catalog `{of}` is also one of {other}");
    let mut diagnostic = Diagnostic::error("catalog-clash", span, message);
    if let Some(place) = place {
        diagnostic = diagnostic.related(place, "the other one");
    }
    diagnostic.help(format!(
        "say which is meant: `except: [{name}]` leaves it out of a catalog"
    ))
}

/// Moves an entry.
fn take(from: &mut Spec, into: &mut Spec, kind: Kind, name: &str) {
    fn shift<T>(from: &mut Named<T>, into: &mut Named<T>, name: &str) {
        if let Some(item) = from.remove(name) {
            into.insert(name.to_owned(), item);
        }
    }
    match kind {
        Kind::Feature => {
            shift(&mut from.features, &mut into.features, name);
            shift(&mut from.home_features, &mut into.home_features, name);
        }
        Kind::Template => shift(&mut from.templates, &mut into.templates, name),
        Kind::Profile => shift(&mut from.profiles, &mut into.profiles, name),
        Kind::Disk => shift(&mut from.disks, &mut into.disks, name),
    }
}

/// Every name that the spec refers to.
fn references(spec: &Spec) -> BTreeSet<(Kind, String)> {
    let mut found = BTreeSet::new();
    let mut add = |kind, text: &Text| {
        found.insert((kind, text.value.clone()));
    };
    for feature_use in crate::table::uses(spec) {
        add(Kind::Feature, &feature_use.id);
    }
    for item in spec.features.values().chain(spec.home_features.values()) {
        for require in &item.value.requires {
            add(Kind::Feature, &require.feature);
        }
    }
    for template in spec.templates.values() {
        if let Some(parent) = &template.value.extends {
            add(Kind::Template, parent);
        }
        for user in template.value.users.values() {
            for profile in &user.value.profiles {
                add(Kind::Profile, profile);
            }
        }
    }
    for profile in spec.profiles.values() {
        if let Some(parent) = &profile.value.extends {
            add(Kind::Profile, parent);
        }
    }
    for user in spec.users.values() {
        for profile in &user.value.home.profiles {
            add(Kind::Profile, profile);
        }
    }
    for machine in crate::table::machines(spec) {
        if let Some(template) = &machine.template {
            add(Kind::Template, template);
        }
        for disk in &machine.hardware.disks {
            add(Kind::Disk, disk);
        }
        for user in machine.users.values() {
            for profile in &user.value.profiles {
                add(Kind::Profile, profile);
            }
        }
    }
    found
}

/// One program of a name: those of the fleet, of catalogs and of the built-in catalog become packages
/// of one flake.
fn programs(spec: &Spec, around: &Surroundings, d: &mut Diagnostics) {
    let mut first: BTreeMap<&str, (String, Span)> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for item in spec.features.values().chain(spec.home_features.values()) {
        let feature = &item.value;
        for text in &feature.programs {
            let name = text.value.as_str();
            let Some(folder) =
                crate::programs::own_folder(name, feature.catalog.as_deref(), around)
            else {
                continue;
            };
            match first.get(name) {
                Some((other, place)) if *other != folder && told.insert(name) => d.push(
                    Diagnostic::error(
                        "catalog-clash",
                        text.span,
                        format!("two programs are called `{name}`"),
                    )
                    .related(*place, "the other one")
                    .help("rename one, or leave out one of the features by `except`"),
                ),
                Some(_) => {}
                None => {
                    first.insert(name, (folder, text.span));
                }
            }
        }
    }
}

/// Gives every path of a catalog its place among the files of the spec.
fn own_paths(catalog: &mut Shared, d: &mut Diagnostics) {
    let mut paths = Paths {
        catalog: catalog.name.value.clone(),
        d,
    };
    let spec = &mut catalog.spec;
    for item in spec.features.values_mut() {
        paths.feature(item);
    }
    for item in spec.home_features.values_mut() {
        paths.feature(item);
    }
    for item in spec.templates.values_mut() {
        let Template {
            features,
            packages,
            settings,
            users,
            modules,
            ..
        } = &mut item.value;
        paths.uses(features);
        paths.values(packages);
        paths.settings(settings);
        paths.texts(modules);
        for user in users.values_mut() {
            let Composition {
                features,
                packages,
                settings,
                modules,
                ..
            } = &mut user.value;
            paths.uses(features);
            paths.values(packages);
            paths.settings(settings);
            paths.texts(modules);
        }
    }
    for item in spec.profiles.values_mut() {
        let Profile {
            features,
            packages,
            settings,
            modules,
            ..
        } = &mut item.value;
        paths.uses(features);
        paths.values(packages);
        paths.settings(settings);
        paths.texts(modules);
    }
}

struct Paths<'a> {
    catalog: String,
    d: &'a mut Diagnostics,
}

impl Paths<'_> {
    fn feature(&mut self, item: &mut Item<Feature>) {
        let feature = &mut item.value;
        feature.catalog = Some(self.catalog.clone());
        for text in [&mut feature.body, &mut feature.home_body]
            .into_iter()
            .flatten()
        {
            text.value = self.path(&text.value, text.span);
        }
        for settings in [&mut feature.nixos, &mut feature.home]
            .into_iter()
            .flatten()
        {
            self.settings(settings);
        }
        for option in feature.options.values_mut() {
            self.values(&mut option.value.default);
            self.values(&mut option.value.example);
        }
    }

    fn uses(&mut self, uses: &mut [FeatureUse]) {
        for feature_use in uses {
            for (_, value) in feature_use.options.values_mut() {
                self.value(value);
            }
        }
    }

    fn settings(&mut self, settings: &mut Settings) {
        for setting in settings.values_mut() {
            self.value(&mut setting.value);
        }
    }

    fn texts(&mut self, texts: &mut [Text]) {
        for text in texts {
            text.value = self.path(&text.value, text.span);
        }
    }

    fn values<'v>(&mut self, values: impl IntoIterator<Item = &'v mut Value>) {
        for value in values {
            self.value(value);
        }
    }

    fn value(&mut self, value: &mut Value) {
        match &mut value.kind {
            ValueKind::File(path) => *path = self.path(path, value.span),
            ValueKind::List(items) | ValueKind::Merge(items) => self.values(items),
            ValueKind::Attrs(attrs) => self.values(attrs.values_mut()),
            ValueKind::Default(inner)
            | ValueKind::Force(inner)
            | ValueKind::Before(inner)
            | ValueKind::After(inner) => self.value(inner),
            ValueKind::If {
                when,
                then,
                otherwise,
            } => {
                self.value(when);
                self.value(then);
                if let Some(otherwise) = otherwise {
                    self.value(otherwise);
                }
            }
            ValueKind::Null
            | ValueKind::Bool(_)
            | ValueKind::Int(_)
            | ValueKind::Float(_)
            | ValueKind::Str(_)
            | ValueKind::Nix(_)
            | ValueKind::Opt(_)
            | ValueKind::Pkg(_)
            | ValueKind::Secret(_)
            | ValueKind::Lines(_) => {}
        }
    }

    /// A path of the catalog as one of the spec.
    fn path(&mut self, path: &str, span: Span) -> String {
        let name = &self.catalog;
        let is_relative = !path.starts_with(['/', '~']) && !path.contains(['\\', '\0']);
        let below = crate::assets::tidy(path).filter(|path| is_relative && !path.is_empty());
        if below.is_none() {
            self.d.push(
                Diagnostic::error(
                    "catalog-path",
                    span,
                    format!("`{path}` leads outside catalog `{name}`"),
                )
                .help("files of a catalog are named relative to its folder and lie below it"),
            );
        }
        // What is wrong has been said; nothing is resolved then.
        format!("{}/{}", folder(name), below.unwrap_or_default())
    }
}
