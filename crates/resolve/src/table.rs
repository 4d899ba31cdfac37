//! The features that a fleet can use: those of the spec, and those of the catalog that it names.

use std::hash::BuildHasherDefault;

use diag::{Diagnostic, Diagnostics, FileId, SourceMap, Span};
use indexmap::IndexMap;
use model::FeatureId;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use spec::Spec;
use spec::ast::{Feature, FeatureUse, OptionType};

use crate::Surroundings;

/// A feature definition and where it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) id: FeatureId,
    pub(crate) feature: Feature,
    /// Place of the definition.
    pub(crate) span: Span,
    /// For headers: `the built-in catalog (ai.ollama)` or a path of the spec.
    pub(crate) source: String,
    /// Whether it comes from the catalog.
    pub(crate) builtin: bool,
    /// The system half's template.
    pub(crate) body: Option<Body>,
    /// The home half's template.
    pub(crate) home_body: Option<Body>,
}

/// Text of a template, and what the build knows of it.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) text: std::borrow::Cow<'static, str>,
    pub(crate) analysis: Option<catalog::Analysis>,
    /// Its file, where it is one of the spec.
    pub(crate) file: Option<FileId>,
}

impl Definition {
    pub(crate) fn has_system_half(&self) -> bool {
        self.feature.has_system_half()
    }

    pub(crate) fn has_home_half(&self) -> bool {
        self.feature.has_home_half()
    }
}

/// Something of each feature, by id. Hosts look it up so often that comparing names would show.
pub(crate) type ById<T> = IndexMap<FeatureId, T, BuildHasherDefault<FxHasher>>;

/// Features in the order of their ids; only those that the spec names, and what they require.
pub(crate) type Table = ById<Definition>;

/// Loads what the spec names, transitively. Unknown names are reported where they are used.
pub(crate) fn load(
    spec: &Spec,
    sources: &mut SourceMap,
    around: &Surroundings,
    d: &mut Diagnostics,
) -> Table {
    let decoded = decoded(spec, sources, d);
    let mut loader = Loader {
        spec,
        sources,
        around,
        d,
        decoded,
        table: Table::default(),
    };
    for id in spec.features.keys().chain(spec.home_features.keys()) {
        loader.load(id);
    }
    for (id, second) in &spec.home_features {
        if let Some(first) = spec.features.get(id) {
            loader.d.push(
                Diagnostic::error(
                    "duplicate-name",
                    second.name.span,
                    format!("feature `{id}` is defined twice"),
                )
                .related(first.name.span, "first defined here")
                .help(
                    "a feature with both halves stands under `features`, with `nixos` and `home`",
                ),
            );
        }
    }
    for feature_use in uses(spec) {
        loader.named(feature_use);
    }
    let mut table = loader.table;
    table.sort_unstable_keys();
    for definition in table.values_mut() {
        check_definition(definition, d);
    }
    table
}

/// Everything that is resolved like a host.
pub(crate) fn machines(spec: &Spec) -> impl Iterator<Item = &spec::ast::Host> {
    let guests = spec.microvms.values().map(|vm| &vm.value.guest);
    let images = spec.images.values().map(|image| &image.value.machine);
    let hosts = spec.hosts.values().map(|host| &host.value);
    hosts.chain(guests).chain(images)
}

/// Every place where the spec names a feature.
pub(crate) fn uses(spec: &Spec) -> impl Iterator<Item = &FeatureUse> {
    spec.templates
        .values()
        .flat_map(|t| {
            t.value
                .features
                .iter()
                .chain(t.value.users.values().flat_map(|u| &u.value.features))
        })
        .chain(spec.profiles.values().flat_map(|p| &p.value.features))
        .chain(spec.users.values().flat_map(|u| &u.value.home.features))
        .chain(machines(spec).flat_map(|machine| {
            let users = machine.users.values();
            machine
                .features
                .iter()
                .chain(users.flat_map(|u| &u.value.features))
        }))
}

/// A place where the spec names a feature, or else its hosts.
pub(crate) fn first_use(spec: &Spec, id: &str) -> Option<Span> {
    let mut named = uses(spec).filter(|u| u.enable && u.id.value == id);
    let host = || spec.hosts.values().next().map(|h| h.name.span);
    named.next().map(|u| u.id.span).or_else(host)
}

/// Loads the whole catalog.
pub(crate) fn load_all(
    spec: &Spec,
    sources: &mut SourceMap,
    around: &Surroundings,
    d: &mut Diagnostics,
) -> Table {
    let mut loader = Loader {
        spec,
        sources,
        around,
        d,
        decoded: FxHashMap::default(),
        table: Table::default(),
    };
    for entry in catalog::entries() {
        loader.load(entry.id);
    }
    loader.table
}

/// Features of the catalog by id: the file of each, and what it says where that can be read.
type Decoded = FxHashMap<&'static str, (FileId, Option<Feature>)>;

/// Decodes what the spec itself names of the catalog, by all cores.
fn decoded(spec: &Spec, sources: &mut SourceMap, d: &mut Diagnostics) -> Decoded {
    let is_own = |id: &str| spec.features.contains_key(id) || spec.home_features.contains_key(id);
    let mut seen: FxHashSet<&str> = FxHashSet::default();
    let ids = uses(spec).map(|feature_use| feature_use.id.value.as_str());
    let named = ids.filter(|id| seen.insert(id) && !is_own(id));
    let entries = named.filter_map(catalog::entry);
    let files: Vec<(&str, FileId)> = entries
        .map(|entry| (entry.id, entry.add_to(sources)))
        .collect();
    let sources = &*sources;
    let all: Vec<_> = files
        .into_par_iter()
        .with_max_len(1)
        .map(|(id, file)| {
            let mut own = Diagnostics::new();
            let feature = spec::decode_feature(sources, file, &mut own);
            ((id, (file, feature)), own)
        })
        .collect();
    let mut decoded = Decoded::default();
    for ((id, feature), own) in all {
        decoded.insert(id, feature);
        d.extend(own);
    }
    decoded
}

struct Loader<'a, 'b> {
    spec: &'a Spec,
    sources: &'b mut SourceMap,
    around: &'a Surroundings,
    d: &'b mut Diagnostics,
    /// What is decoded already.
    decoded: Decoded,
    table: Table,
}

impl Loader<'_, '_> {
    fn named(&mut self, feature_use: &FeatureUse) {
        if !self.load(&feature_use.id.value) {
            self.d.push(unknown_feature(
                self.spec,
                &feature_use.id.value,
                feature_use.id.span,
            ));
        }
    }

    /// Loads a feature and what it requires; false when there is none of that id.
    fn load(&mut self, id: &str) -> bool {
        if self.table.contains_key(id) {
            return true;
        }
        let Some(definition) = self.definition(id) else {
            // A definition that is there but broken has been reported.
            return self.is_there(id);
        };
        let requires: Vec<_> = definition
            .feature
            .requires
            .iter()
            .map(|r| r.feature.clone())
            .collect();
        let span = definition.span;
        for other in definition
            .feature
            .conflicts
            .iter()
            .filter(|_| !definition.builtin)
        {
            if !self.is_there(&other.value) {
                let diagnostic = unknown_feature(self.spec, &other.value, other.span);
                self.d.push(diagnostic);
            }
        }
        self.table.insert(definition.id.clone(), definition);
        for required in requires {
            if !self.load(&required.value) {
                let diagnostic = unknown_feature(self.spec, &required.value, required.span);
                self.d
                    .push(diagnostic.related(span, format!("required by `{id}`")));
            }
        }
        true
    }

    fn is_there(&self, id: &str) -> bool {
        self.spec.features.contains_key(id)
            || self.spec.home_features.contains_key(id)
            || catalog::entry(id).is_some()
            || self.spec.offered.features.contains_key(id)
            || self.spec.offered.home_features.contains_key(id)
            || self.spec.is_lost("features", id)
            || self.spec.is_lost("homeFeatures", id)
    }

    fn definition(&mut self, id: &str) -> Option<Definition> {
        if let Some(item) = self
            .spec
            .features
            .get(id)
            .or_else(|| self.spec.home_features.get(id))
        {
            let home_only = !self.spec.features.contains_key(id);
            if home_only && item.value.has_system_half() {
                self.d.push(
                    Diagnostic::error(
                        "bad-half",
                        item.name.span,
                        format!("home feature `{id}` has a system half"),
                    )
                    .help("move it to `features`"),
                );
            }
            let body = self.spec_body(item.value.body.as_ref());
            let home_body = self.spec_body(item.value.home_body.as_ref());
            return Some(Definition {
                id: FeatureId::new(id),
                feature: item.value.clone(),
                span: item.name.span,
                source: self.sources.path(item.name.span.file).to_owned(),
                builtin: false,
                body,
                home_body,
            });
        }
        let entry = catalog::entry(id)?;
        let known = self.decoded.remove(entry.id);
        let (file, feature) = known.unwrap_or_else(|| entry.decode(self.sources, self.d));
        let feature = feature?;
        let text = |name: &Option<spec::ast::Text>| {
            let body = entry.body(name.as_ref()?)?;
            Some(Body {
                text: body.text.into(),
                analysis: body.analysis,
                file: None,
            })
        };
        Some(Definition {
            id: FeatureId::new(id),
            body: text(&feature.body),
            home_body: text(&feature.home_body),
            feature,
            span: Span::new(file, 0, 0),
            source: format!("the built-in catalog ({id})"),
            builtin: true,
        })
    }

    fn spec_body(&mut self, name: Option<&spec::ast::Text>) -> Option<Body> {
        let name = name?;
        let path = crate::assets::normal(&name.value, name.span, self.d)?;
        let Some(bytes) = self.around.assets.get(&path) else {
            self.d
                .push(crate::assets::missing(&path, name.span, self.around));
            return None;
        };
        if let Ok(text) = std::str::from_utf8(bytes) {
            Some(Body {
                text: text.to_owned().into(),
                analysis: None,
                file: Some(self.sources.add(self.around.shown(&path), text)),
            })
        } else {
            self.d.push(Diagnostic::error(
                "bad-file",
                name.span,
                format!("`{}` is not UTF-8", name.value),
            ));
            None
        }
    }
}

fn unknown_feature(spec: &Spec, id: &str, span: Span) -> Diagnostic {
    let all: Vec<&str> = spec
        .features
        .keys()
        .chain(spec.home_features.keys())
        .chain(spec.offered.features.keys())
        .chain(spec.offered.home_features.keys())
        .map(String::as_str)
        .chain(catalog::entries().iter().map(|e| e.id))
        .collect();
    let mut diagnostic =
        Diagnostic::error("unknown-feature", span, format!("unknown feature `{id}`"));
    if let Some(best) = diag::closest(id, all.iter().copied()) {
        diagnostic = diagnostic.help(format!("did you mean `{best}`?"));
    } else {
        let category = id.split('.').next().unwrap_or_default();
        let mut same: Vec<&str> = all
            .iter()
            .copied()
            .filter(|f| f.split('.').next() == Some(category))
            .collect();
        same.dedup();
        if !same.is_empty() {
            let names: Vec<String> = same.iter().take(12).map(|f| format!("`{f}`")).collect();
            diagnostic = diagnostic.help(format!("features of `{category}`: {}", names.join(", ")));
        }
    }
    diagnostic.help("`gen list features` shows all")
}

/// Checks that an option exists and has a type.
fn check_option(
    id: &FeatureId,
    feature: &Feature,
    name: &spec::ast::Text,
    ty: &OptionType,
    d: &mut Diagnostics,
) {
    let what = match ty {
        OptionType::Port => "a port",
        _ => "a boolean",
    };
    match feature.options.get(&name.value) {
        None => d.push(unknown_option(id, &name.value, name.span, feature)),
        Some(option) if option.value.ty != *ty => d.push(
            Diagnostic::error(
                "bad-port",
                name.span,
                format!("option `{}` of `{id}` is not {what}", name.value),
            )
            .related(option.name.span, "the option"),
        ),
        Some(_) => {}
    }
}

/// What was renamed or removed must be gone.
fn still_there(id: &FeatureId, feature: &Feature, old: &spec::ast::Text, d: &mut Diagnostics) {
    if let Some(option) = feature.options.get(&old.value) {
        d.push(
            Diagnostic::error(
                "bad-value",
                old.span,
                format!("`{id}` has an option `{}` still", old.value),
            )
            .related(option.name.span, "it is here")
            .help("remove one of the two"),
        );
    }
}

/// What can be wrong with a definition on its own.
fn check_definition(definition: &mut Definition, d: &mut Diagnostics) {
    let id = definition.id.clone();
    let feature = &definition.feature;
    for port in &feature.ports {
        if let spec::ast::PortSource::Option(name) = &port.source {
            match feature.options.get(&name.value) {
                None => d.push(unknown_option(&id, &name.value, name.span, feature)),
                Some(option) => {
                    let ok = match &option.value.ty {
                        OptionType::Port => true,
                        OptionType::List(inner) | OptionType::Nullable(inner) => {
                            **inner == OptionType::Port
                        }
                        _ => false,
                    };
                    if !ok {
                        d.push(
                            Diagnostic::error(
                                "bad-port",
                                name.span,
                                format!("option `{}` of `{id}` is not a port", name.value),
                            )
                            .related(option.name.span, "the option")
                            .help("its type must be `port` or `{ list: port }`"),
                        );
                    }
                }
            }
        }
        if let Some(when) = &port.when {
            check_option(&id, feature, when, &OptionType::Bool, d);
        }
    }
    for metrics in &feature.metrics {
        check_option(&id, feature, &metrics.option, &OptionType::Port, d);
        if let Some(when) = &metrics.when {
            check_option(&id, feature, when, &OptionType::Bool, d);
        }
    }
    for (old, new) in &feature.renamed {
        let first = new.value.split('.').next().unwrap_or_default();
        if !feature.options.contains_key(first) {
            d.push(unknown_option(&id, first, new.span, feature));
        }
        still_there(&id, feature, old, d);
    }
    for (old, _) in &feature.removed {
        still_there(&id, feature, old, d);
    }
    let conditions = feature.requires.iter().flat_map(|r| &r.when);
    let conditions = conditions.chain(
        feature
            .unfree
            .iter()
            .chain(&feature.insecure)
            .flat_map(|p| &p.when),
    );
    for (name, _) in conditions {
        if !feature.options.contains_key(&name.value) {
            d.push(unknown_option(&id, &name.value, name.span, feature));
        }
    }
    for other in feature
        .conflicts
        .iter()
        .chain(feature.requires.iter().map(|r| &r.feature))
    {
        if other.value == id.as_str() {
            let message = format!("`{id}` names itself");
            let diagnostic = Diagnostic::error("self-reference", other.span, message);
            d.push(diagnostic.help("remove the entry"));
        }
    }
    for other in &feature.conflicts {
        if let Some(require) = feature
            .requires
            .iter()
            .find(|r| r.feature.value == other.value)
        {
            d.push(
                Diagnostic::error(
                    "self-reference",
                    other.span,
                    format!("`{id}` both requires and conflicts with `{}`", other.value),
                )
                .related(require.feature.span, "required here")
                .help("remove one of the two"),
            );
        }
    }
}

/// An error that a feature has no such option.
pub(crate) fn unknown_option(
    id: &FeatureId,
    name: &str,
    span: Span,
    feature: &Feature,
) -> Diagnostic {
    if let Some((_, new)) = feature.renamed.iter().find(|(old, _)| old.value == name) {
        return Diagnostic::error(
            "renamed-option",
            span,
            format!("option `{name}` of `{id}` is `{}` now", new.value),
        )
        .help("`gen migrate` renames it, with what stands in it");
    }
    if let Some((_, why)) = feature.removed.iter().find(|(old, _)| old.value == name) {
        return Diagnostic::error(
            "removed-option",
            span,
            format!("feature `{id}` has no option `{name}` any more"),
        )
        .help(why.value.clone());
    }
    let diagnostic = Diagnostic::error(
        "unknown-option",
        span,
        format!("feature `{id}` has no option `{name}`"),
    );
    match diag::did_you_mean(name, feature.options.keys()) {
        Some(help) => diagnostic.help(help),
        None => diagnostic.help("it has no options besides `enable`, which is implied"),
    }
}
