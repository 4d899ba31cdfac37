//! Scalars that two sources set differently at one priority: an error of the module system that is
//! known before Nix runs. And settings that a feature's own wiring would silently override.

use std::collections::{BTreeMap, BTreeSet};

use diag::{Diagnostic, Diagnostics, Span};
use model::{Definition, FeatureId, Layer, priority};
use nix::{AttrPath, DefValue, Value};
use spec::ast::OptionType;

use crate::{lines, table};

/// A scalar definition that a feature makes whenever it is on.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    path: AttrPath,
    priority: i64,
    value: Scalar,
    feature: FeatureId,
    span: Span,
}

#[derive(Clone, Debug, PartialEq)]
enum Scalar {
    Literal(Value),
    /// Code whose value is a scalar, though not known here.
    Code(String),
}

/// Scalars by path.
pub(crate) type Map<'a> = BTreeMap<&'a AttrPath, Vec<&'a Leaf>>;

/// The scalars of a half: from its tree and from its body.
pub(crate) fn leaves(
    definition: &table::Definition,
    tree: &[Definition],
    template: Option<&table::Body>,
    rendered: Option<&str>,
) -> Vec<Leaf> {
    let mut result = Vec::new();
    let mut push = |path: AttrPath, priority: i64, value: Scalar, span: Span| {
        if !is_lines(&path, &value) {
            result.push(Leaf {
                path,
                priority,
                value,
                feature: definition.id.clone(),
                span,
            });
        }
    };
    // Features that are required but switched off are reported as such.
    let is_flag = |path: &AttrPath| match path.0.as_slice() {
        [_, category, name, flag] if flag == "enable" => {
            let id = format!("{category}.{name}");
            let mut requires = definition.feature.requires.iter();
            requires.any(|require| require.feature.value == id)
        }
        _ => false,
    };
    for item in tree.iter().filter(|item| !is_flag(&item.path)) {
        if let Some((priority, value)) = scalar(&item.value, definition) {
            push(
                item.path.clone(),
                priority,
                value,
                item.origin.span.unwrap_or(definition.span),
            );
        }
    }
    if let Some(analysis) = template.and_then(|t| t.analysis) {
        for leaf in analysis.leaves {
            let value = match leaf.value {
                catalog::Scalar::Null => Value::Null,
                catalog::Scalar::Bool(b) => Value::Bool(b),
                catalog::Scalar::Int(i) => Value::Int(i),
                catalog::Scalar::Float(f) => Value::Float(f),
                catalog::Scalar::Str(s) => Value::from(s),
                catalog::Scalar::Code(code) => {
                    if is_scalar_option(code, definition) {
                        let path = AttrPath(leaf.path.iter().map(|&p| p.to_owned()).collect());
                        push(
                            path,
                            leaf.priority,
                            Scalar::Code(code.to_owned()),
                            definition.span,
                        );
                    }
                    continue;
                }
            };
            let path = AttrPath(leaf.path.iter().map(|&p| p.to_owned()).collect());
            push(path, leaf.priority, Scalar::Literal(value), definition.span);
        }
        return result;
    }
    for item in rendered
        .and_then(|text| nix::definitions(text).ok())
        .unwrap_or_default()
    {
        let value = match item.value {
            DefValue::Bool(b) => Scalar::Literal(Value::Bool(b)),
            DefValue::Int(i) => Scalar::Literal(Value::Int(i)),
            DefValue::Float(f) => Scalar::Literal(Value::Float(f)),
            DefValue::Str(s) => Scalar::Literal(Value::Str(s)),
            DefValue::Null => Scalar::Literal(Value::Null),
            DefValue::Expr(code) if is_scalar_option(&code, definition) => Scalar::Code(code),
            _ => continue,
        };
        if let (false, Some(priority)) = (item.conditional, item.priority) {
            push(item.path, priority, value, definition.span);
        }
    }
    result
}

/// Text of options that merge lines does not collide. Of options that are not known, the names tell.
fn is_lines(path: &AttrPath, value: &Scalar) -> bool {
    let Scalar::Literal(Value::Str(text)) = value else {
        return false;
    };
    let last = path
        .0
        .last()
        .map(|l| l.to_ascii_lowercase())
        .unwrap_or_default();
    text.contains('\n')
        || lines::merges(path)
        || [
            "extra", "init", "rules", "config", "text", "command", "options", "lines", "hook",
            "script", "start", "path",
        ]
        .iter()
        .any(|word| last.contains(word))
}

fn is_scalar_option(code: &str, definition: &table::Definition) -> bool {
    let Some(name) = code.strip_prefix("cfg.") else {
        return false;
    };
    definition
        .feature
        .options
        .get(name)
        .is_some_and(|o| is_scalar(&o.value.ty))
}

fn is_scalar(ty: &OptionType) -> bool {
    match ty {
        OptionType::Bool
        | OptionType::Int { .. }
        | OptionType::Float { .. }
        | OptionType::Port
        | OptionType::Enum(_)
        | OptionType::Duration
        | OptionType::Size => true,
        OptionType::Nullable(inner) => is_scalar(inner),
        _ => false,
    }
}

/// A scalar and its priority; nothing for what merges or is conditional.
fn scalar(value: &Value, definition: &table::Definition) -> Option<(i64, Scalar)> {
    let (priority, inner) = prioritized(value)?;
    match inner {
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Str(_) | Value::Null => {
            Some((priority, Scalar::Literal(inner.clone())))
        }
        Value::Expr(expr) if is_scalar_option(expr.as_str(), definition) => {
            Some((priority, Scalar::Code(expr.as_str().to_owned())))
        }
        _ => None,
    }
}

fn prioritized(value: &Value) -> Option<(i64, &Value)> {
    match value {
        Value::Apply(function, inner) => {
            let priority = match function.as_str() {
                "lib.mkForce" => priority::FORCE,
                "lib.mkDefault" => priority::DEFAULT,
                other => other.strip_prefix("lib.mkOverride ")?.parse().ok()?,
            };
            Some((priority, inner))
        }
        Value::Commented(_, inner) => prioritized(inner),
        other => Some((priority::PLAIN, other)),
    }
}

/// All scalars of a set of features.
pub(crate) fn map<'a>(
    features: impl IntoIterator<Item = &'a FeatureId>,
    leaves: &'a BTreeMap<FeatureId, Vec<Leaf>>,
) -> Map<'a> {
    let mut result = Map::new();
    for id in features {
        for leaf in leaves.get(id).into_iter().flatten() {
            result.entry(&leaf.path).or_default().push(leaf);
        }
    }
    result
}

/// What many machines or homes have in common: their features, and the layers below their own.
pub(crate) struct Common<'a> {
    map: Map<'a>,
    layers: Vec<&'a Definition>,
    /// The places of each path in `layers`.
    places: BTreeMap<&'a AttrPath, Vec<usize>>,
    /// Whether nothing of it collides by itself.
    is_sound: bool,
}

impl<'a> Common<'a> {
    /// Of layers from low to high.
    pub(crate) fn new(map: Map<'a>, layers: impl IntoIterator<Item = &'a [Definition]>) -> Self {
        let layers: Vec<&Definition> = layers.into_iter().flatten().collect();
        let mut places: BTreeMap<&AttrPath, Vec<usize>> = BTreeMap::new();
        for (place, definition) in layers.iter().enumerate() {
            places.entry(&definition.path).or_default().push(place);
        }
        let mut found = Diagnostics::new();
        check(&map, &layers, "", &mut found);
        Self {
            map,
            layers,
            places,
            is_sound: found.is_empty(),
        }
    }

    /// Reports what collides in it and in the layer above it; `whose` names the host or user.
    pub(crate) fn check(&self, own: &[Definition], whose: &str, d: &mut Diagnostics) {
        if !self.is_sound {
            d.extend(self.check_all(own, whose));
            return;
        }
        // What collides has one path, so it is enough to look at those that stand in the own layer,
        // and of them at those that something else sets too.
        let mut times: BTreeMap<&AttrPath, usize> = BTreeMap::new();
        for definition in own {
            *times.entry(&definition.path).or_default() += 1;
        }
        times.retain(|path, times| {
            *times > 1 || self.places.contains_key(path) || self.map.contains_key(path)
        });
        if times.is_empty() {
            debug_assert_eq!(self.check_all(own, whose), Diagnostics::new());
            return;
        }
        let below = times.keys().filter_map(|path| self.places.get(path));
        let mut below: Vec<usize> = below.flatten().copied().collect();
        below.sort_unstable();
        let mut layers: Vec<&Definition> = below.iter().map(|at| self.layers[*at]).collect();
        layers.extend(own.iter().filter(|it| times.contains_key(&it.path)));
        let map = times.keys().filter_map(|path| {
            let (path, leaves) = self.map.get_key_value(path)?;
            Some((*path, leaves.clone()))
        });
        let mut found = Diagnostics::new();
        check(&map.collect(), &layers, whose, &mut found);
        debug_assert_eq!(found, self.check_all(own, whose));
        d.extend(found);
    }

    /// The same by looking at everything.
    fn check_all(&self, own: &[Definition], whose: &str) -> Diagnostics {
        let mut found = Diagnostics::new();
        let layers: Vec<&Definition> = self.layers.iter().copied().chain(own).collect();
        check(&self.map, &layers, whose, &mut found);
        found
    }
}

/// Reports what collides. `layers` are the definitions that stand beside the features, low to high;
/// `whose` names the host or user.
fn check(map: &Map<'_>, layers: &[&Definition], whose: &str, d: &mut Diagnostics) {
    let mut best: BTreeMap<&AttrPath, i64> = BTreeMap::new();
    for definition in layers {
        let priority = prioritized(&definition.value).map_or(priority::PLAIN, |(p, _)| p);
        let entry = best.entry(&definition.path).or_insert(priority);
        *entry = (*entry).min(priority);
    }
    between(layers, &best, whose, d);
    for definition in layers {
        let Some(leaves) = map.get(&definition.path) else {
            continue;
        };
        let Some((priority, value)) = prioritized(&definition.value) else {
            continue;
        };
        if matches!(
            value,
            Value::List(_) | Value::Attrs(_) | Value::Lines(_) | Value::Concat(_)
        ) {
            continue;
        }
        // A better layer decides; it is looked at on its own.
        if best.get(&definition.path).is_some_and(|b| *b < priority) {
            continue;
        }
        for leaf in leaves {
            let equal = matches!(&leaf.value, Scalar::Literal(other) if other == value);
            if equal || leaf.priority > priority {
                continue;
            }
            report(definition, leaf, priority, whose, d);
        }
    }
    for (path, leaves) in map {
        let Some(top) = leaves.iter().map(|l| l.priority).min() else {
            continue;
        };
        if best.get(path).is_some_and(|b| *b < top) {
            continue;
        }
        let top: Vec<&&Leaf> = leaves.iter().filter(|l| l.priority == top).collect();
        let features: BTreeSet<&FeatureId> = top.iter().map(|l| &l.feature).collect();
        let Some(first) = top.first() else { continue };
        if features.len() < 2 {
            continue;
        }
        if let Some(second) = top
            .iter()
            .find(|l| l.feature != first.feature && l.value != first.value)
        {
            d.push(
                Diagnostic::error(
                    "feature-collision",
                    second.span,
                    format!("`{}` and `{}` set `{path}` differently, and both are on for {whose}", first.feature, second.feature),
                )
                .related(first.span, format!("`{}` is defined here", first.feature))
                .help("switch one of them off, or settle it: set the option with `!force` at the host")
                .help("in a feature of your own, give the value `!default` so that others may replace it"),
            );
        }
    }
}

/// Reports two layers that give one scalar the same priority by a tag.
fn between(
    layers: &[&Definition],
    best: &BTreeMap<&AttrPath, i64>,
    whose: &str,
    d: &mut Diagnostics,
) {
    let mut tops: BTreeMap<&AttrPath, (&Definition, &Value)> = BTreeMap::new();
    for &definition in layers {
        let path = &definition.path;
        let Some((priority, value)) = prioritized(&definition.value) else {
            continue;
        };
        let literal = match value {
            Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Str(_) | Value::Null => {
                Scalar::Literal(value.clone())
            }
            _ => continue,
        };
        if best.get(path) != Some(&priority) || is_lines(path, &literal) {
            continue;
        }
        let Some((below, other)) = tops.insert(path, (definition, value)) else {
            continue;
        };
        if other != value {
            let (upper, lower) = (layer(definition), layer(below));
            d.push(
                Diagnostic::error(
                    "setting-conflict",
                    definition.origin.span,
                    format!("{upper} and {lower} set `{path}` differently, for {whose}"),
                )
                .related(below.origin.span, format!("{lower} sets it here"))
                .help("both have one priority by their tags, so neither wins: remove the tag of one of them"),
            );
        }
    }
}

fn layer(definition: &Definition) -> String {
    match &definition.origin.layer {
        Layer::Template(name) => format!("template `{name}`"),
        Layer::Profile(name) => format!("profile `{name}`"),
        Layer::User(name) => format!("user `{name}`"),
        Layer::Host(name) => format!("host `{name}`"),
        Layer::Fleet => "`fleet`".to_owned(),
        Layer::Feature(id) | Layer::Default(id) | Layer::Derived(id) => format!("feature `{id}`"),
    }
}

fn report(definition: &Definition, leaf: &Leaf, priority: i64, whose: &str, d: &mut Diagnostics) {
    let path = &definition.path;
    let layer = layer(definition);
    let diagnostic = if leaf.priority == priority {
        Diagnostic::error(
            "setting-conflict",
            definition.origin.span,
            format!(
                "{layer} and feature `{}` set `{path}` differently, for {whose}",
                leaf.feature
            ),
        )
    } else {
        Diagnostic::error(
            "setting-shadowed",
            definition.origin.span,
            format!(
                "`{path}` from {layer} has no effect: feature `{}` sets it, for {whose}",
                leaf.feature
            ),
        )
    };
    let remedy = match &leaf.value {
        Scalar::Code(code) => format!(
            "set the feature's option instead: `{}: {{ {}: {{ {}: … }} }}`",
            leaf.feature.category(),
            leaf.feature.name(),
            code.trim_start_matches("cfg.")
        ),
        Scalar::Literal(_) => {
            "set an option of the feature instead, if it has one for this".to_owned()
        }
    };
    d.push(
        diagnostic
            .related(leaf.span, format!("`{}` sets it here", leaf.feature))
            .help(remedy)
            .help("or say `!force` to override the feature"),
    );
}
