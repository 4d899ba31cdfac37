//! Layers: what several of them say of one feature or option, low to high.

use std::collections::BTreeMap;

use diag::{Diagnostic, Diagnostics, Span};
use model::{Definition, Enabled, FeatureId, Layer, Origin, Reason};
use nix::AttrPath;
use spec::ast::{FeatureUse, OptionDecl};
use spec::{Setting, Settings, Value, ValueKind};

use crate::lower::{Place, Rank, Uses, feature_path, is_list_code, lower, merges, ranked};
use crate::table::unknown_option;
use crate::types;
use crate::world::World;

/// What one layer gives.
#[derive(Clone, Debug)]
pub(crate) struct Given<'a> {
    pub(crate) layer: Layer,
    pub(crate) span: Span,
    pub(crate) value: &'a Value,
}

/// What the layers say of one feature.
#[derive(Clone, Debug, Default)]
pub(crate) struct State<'a> {
    pub(crate) enable: Vec<(Layer, Span, bool)>,
    pub(crate) options: BTreeMap<&'a str, Vec<Given<'a>>>,
}

impl State<'_> {
    /// Whether it is on, by the highest layer that names it.
    pub(crate) fn on(&self) -> bool {
        self.enable.last().is_some_and(|(_, _, on)| *on)
    }

    /// The place that decides.
    pub(crate) fn place(&self) -> Option<(&Layer, Span)> {
        self.enable.last().map(|(layer, span, _)| (layer, *span))
    }
}

/// States of features.
pub(crate) type States<'a> = BTreeMap<FeatureId, State<'a>>;

/// The features that layers switch on, with the places that name them, highest layer first.
pub(crate) fn named(states: &States<'_>) -> BTreeMap<FeatureId, Enabled> {
    let reason = |(layer, span, _): &(Layer, Span, bool)| {
        Reason::Named(Origin {
            layer: layer.clone(),
            span: Some(*span),
        })
    };
    let on = states.iter().filter(|(_, state)| state.on());
    on.map(|(id, state)| {
        let naming = state.enable.iter().rev().filter(|(_, _, on)| *on);
        let enabled = Enabled {
            reasons: naming.map(reason).collect(),
            options: BTreeMap::new(),
        };
        (id.clone(), enabled)
    })
    .collect()
}

/// Adds a layer on top. Features that do not exist have been reported.
pub(crate) fn add<'a>(
    world: &World<'_>,
    states: &mut States<'a>,
    layer: &Layer,
    uses: &'a [FeatureUse],
    d: &mut Diagnostics,
) {
    for feature_use in uses {
        let Some((id, definition)) = world.table.get_key_value(feature_use.id.value.as_str())
        else {
            continue;
        };
        let state = states.entry(id.clone()).or_default();
        state
            .enable
            .push((layer.clone(), feature_use.id.span, feature_use.enable));
        for (name, (span, value)) in &feature_use.options {
            if !definition.feature.options.contains_key(name) {
                d.push(unknown_option(id, name, *span, &definition.feature));
                continue;
            }
            state.options.entry(name).or_default().push(Given {
                layer: layer.clone(),
                span: *span,
                value,
            });
        }
    }
}

/// The value that several layers make together, and the layer that decides.
pub(crate) fn merged(given: &[Given<'_>]) -> Option<(Value, Layer, Span)> {
    let rank = |value: &Value| match value.kind {
        ValueKind::Force(_) => 2,
        ValueKind::Default(_) => 0,
        _ => 1,
    };
    let top = given.iter().map(|g| rank(g.value)).max()?;
    let mut result: Option<(Value, Layer, Span)> = None;
    for item in given.iter().filter(|g| rank(g.value) == top) {
        let value = match result.take() {
            None => item.value.clone(),
            Some((below, _, _)) => merge(&below, item.value),
        };
        result = Some((value, item.layer.clone(), item.span));
    }
    result
}

/// Lists append, maps merge, a higher scalar wins.
pub(crate) fn merge(lower: &Value, upper: &Value) -> Value {
    match (&lower.kind, &upper.kind) {
        (ValueKind::List(a), ValueKind::List(b)) => Value {
            kind: ValueKind::List(a.iter().chain(b).cloned().collect()),
            span: upper.span,
        },
        (ValueKind::Attrs(a), ValueKind::Attrs(b)) => {
            let mut all = a.clone();
            for (name, value) in b {
                let value = match all.get(name) {
                    Some(below) => merge(below, value),
                    None => value.clone(),
                };
                all.insert(name.clone(), value);
            }
            Value {
                kind: ValueKind::Attrs(all),
                span: upper.span,
            }
        }
        (ValueKind::Lines(a), ValueKind::Lines(b)) => Value {
            kind: ValueKind::Lines(format!("{}\n{b}", a.trim_end_matches('\n'))),
            span: upper.span,
        },
        _ if appends(lower) && appends(upper) => {
            let mut parts = match &lower.kind {
                ValueKind::Merge(parts) => parts.clone(),
                _ => vec![lower.clone()],
            };
            parts.push(upper.clone());
            Value {
                kind: ValueKind::Merge(parts),
                span: upper.span,
            }
        }
        _ => upper.clone(),
    }
}

/// Whether a value adds to what lower layers give instead of replacing it.
fn appends(value: &Value) -> bool {
    match &value.kind {
        ValueKind::List(_) | ValueKind::Lines(_) | ValueKind::Merge(_) => true,
        ValueKind::Before(inner) | ValueKind::After(inner) => appends(inner),
        ValueKind::Nix(expr) => is_list_code(expr),
        _ => false,
    }
}

/// A value without the tag that gives it a priority or an order.
pub(crate) fn bare(value: &Value) -> &Value {
    match &value.kind {
        ValueKind::Force(inner)
        | ValueKind::Default(inner)
        | ValueKind::Before(inner)
        | ValueKind::After(inner) => bare(inner),
        _ => value,
    }
}

/// The definitions that flattened layers make for their features: `enable` and the options.
pub(crate) fn feature_definitions(
    world: &World<'_>,
    place: Place,
    rank: Rank,
    states: &States<'_>,
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> Vec<Definition> {
    let mut result = Vec::new();
    for (id, state) in states {
        let Some(definition) = world.table.get(id) else {
            continue;
        };
        if let Some((layer, span, on)) = state.enable.last() {
            let over = state.enable[..state.enable.len() - 1].iter().rev();
            result.push(Definition {
                path: feature_path(world, id.as_str(), "enable"),
                value: ranked(nix::Value::Bool(*on), rank),
                origin: Origin {
                    layer: layer.clone(),
                    span: Some(*span),
                },
                over: over
                    .map(|(l, s, _)| Origin {
                        layer: l.clone(),
                        span: Some(*s),
                    })
                    .collect(),
                comment: None,
            });
        }
        for (name, given) in &state.options {
            let Some(option) = definition.feature.options.get(*name) else {
                continue;
            };
            if let Some(made) =
                option_definition(world, place, rank, id, name, &option.value, given, uses, d)
            {
                result.push(made);
            }
        }
    }
    result
}

#[expect(
    clippy::too_many_arguments,
    reason = "one step of `feature_definitions`"
)]
fn option_definition(
    world: &World<'_>,
    place: Place,
    rank: Rank,
    id: &FeatureId,
    name: &str,
    decl: &OptionDecl,
    given: &[Given<'_>],
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> Option<Definition> {
    // Each layer's value is checked, also where a higher layer replaces it.
    for item in given {
        types::check(
            world,
            place,
            &decl.ty,
            item.value,
            &format!("{id}.{name}"),
            &mut Uses::default(),
            d,
        )?;
    }
    let (value, layer, span) = merged(given)?;
    let value = types::check(
        world,
        place,
        &decl.ty,
        &value,
        &format!("{id}.{name}"),
        uses,
        &mut Diagnostics::new(),
    )?;
    let value = if types::is_lines(&decl.ty) {
        value
    } else {
        ranked(value, rank)
    };
    Some(Definition {
        path: feature_path(world, id.as_str(), name),
        value,
        origin: Origin {
            layer,
            span: Some(span),
        },
        over: given[..given.len() - 1]
            .iter()
            .rev()
            .map(|g| Origin {
                layer: g.layer.clone(),
                span: Some(g.span),
            })
            .collect(),
        comment: None,
    })
}

/// Settings of several layers, merged.
pub(crate) fn settings<'a>(
    layers: impl IntoIterator<Item = (Layer, &'a Settings)>,
    d: &mut Diagnostics,
) -> BTreeMap<AttrPath, (Setting, Layer, Vec<Origin>)> {
    let mut result: BTreeMap<AttrPath, (Setting, Layer, Vec<Origin>)> = BTreeMap::new();
    for (layer, settings) in layers {
        for (path, setting) in settings {
            match result.remove(path) {
                None => {
                    result.insert(path.clone(), (setting.clone(), layer.clone(), Vec::new()));
                }
                Some((below, below_layer, mut over)) => {
                    over.insert(
                        0,
                        Origin {
                            layer: below_layer,
                            span: Some(below.key),
                        },
                    );
                    let value = merge(&below.value, &setting.value);
                    let setting = Setting {
                        path: path.clone(),
                        key: setting.key,
                        value,
                    };
                    result.insert(path.clone(), (setting, layer.clone(), over));
                }
            }
        }
    }
    let mut parent: Option<(AttrPath, Span)> = None;
    let mut nested = Vec::new();
    for (path, (setting, _, _)) in &result {
        if let Some((outer, span)) = &parent
            && path.0.starts_with(&outer.0)
        {
            d.push(
                Diagnostic::error(
                    "value-and-below",
                    setting.key,
                    format!("`{path}` lies below `{outer}`, which has a value"),
                )
                .related(*span, "the value")
                .help("give both as mappings, or remove one"),
            );
            nested.push(path.clone());
            continue;
        }
        parent = Some((path.clone(), setting.key));
    }
    for path in nested {
        result.remove(&path);
    }
    result
}

/// Lowers merged settings.
pub(crate) fn setting_definitions(
    world: &World<'_>,
    place: Place,
    rank: Rank,
    settings: &BTreeMap<AttrPath, (Setting, Layer, Vec<Origin>)>,
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> Vec<Definition> {
    settings
        .values()
        .map(|(setting, layer, over)| Definition {
            path: setting.path.clone(),
            value: {
                let rank = if crate::opaque::is_below(&setting.path) {
                    Rank::Plain
                } else {
                    rank
                };
                ranked(crate::lower::setting(world, place, setting, uses, d), rank)
            },
            origin: Origin {
                layer: layer.clone(),
                span: Some(setting.key),
            },
            over: over.clone(),
            comment: None,
        })
        .collect()
}

/// Packages of one layer as a list definition.
pub(crate) fn packages(
    world: &World<'_>,
    place: Place,
    path: &str,
    layer: &Layer,
    packages: &[Value],
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> Option<Definition> {
    let first = packages.first()?;
    let mut items = Vec::new();
    for package in packages {
        let value = lower(world, place, package, uses, d);
        if !items.contains(&value) {
            items.push(value);
        }
    }
    Some(crate::lower::made(
        path,
        nix::Value::List(items),
        layer,
        Some(first.span),
    ))
}

/// Puts definitions of equal paths together: lists append.
pub(crate) fn combined(mut definitions: Vec<Definition>) -> Vec<Definition> {
    // Those of one path keep their order, which is that of the layers.
    definitions.sort_by(|a, b| a.path.cmp(&b.path));
    let mut result: Vec<Definition> = Vec::with_capacity(definitions.len());
    for mut definition in definitions {
        let Some(below) = result.pop_if(|below| below.path == definition.path) else {
            result.push(definition);
            continue;
        };
        definition.over.insert(0, below.origin);
        definition.over.extend(below.over);
        definition.value = join(below.value, definition.value);
        result.push(definition);
    }
    result
}

fn join(lower: nix::Value, upper: nix::Value) -> nix::Value {
    match (lower, upper) {
        (nix::Value::List(mut a), nix::Value::List(b)) => {
            for item in b {
                if !a.contains(&item) {
                    a.push(item);
                }
            }
            nix::Value::List(a)
        }
        (nix::Value::Attrs(mut a), nix::Value::Attrs(b)) => {
            for (name, value) in b {
                let value = match a.remove(&name) {
                    Some(below) => join(below, value),
                    None => value,
                };
                a.insert(name, value);
            }
            nix::Value::Attrs(a)
        }
        (
            a @ (nix::Value::List(_) | nix::Value::Concat(_)),
            b @ (nix::Value::List(_) | nix::Value::Concat(_)),
        ) => nix::Value::Concat(vec![a, b]),
        // Code and lists with a priority or an order: Nix puts them together.
        (a, b) if merges(&a) && merges(&b) => {
            nix::Value::apply("lib.mkMerge", nix::Value::List(vec![a, b]))
        }
        (_, b) => b,
    }
}
