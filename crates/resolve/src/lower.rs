//! Written values → Nix values, for the file they are printed in.

use std::collections::BTreeSet;

use diag::{Diagnostic, Diagnostics, Span};
use model::{Backend, Definition, Layer, Origin};
use nix::{AttrPath, Expr};
use spec::{Setting, Settings, Value, ValueKind};

use crate::world::World;

/// Where a value is printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// From the file's folder to the root of the output: `../../`.
    pub(crate) up: &'static str,
    /// Whether the file is a Home Manager module.
    pub(crate) home: bool,
}

impl Place {
    /// `hosts/<host>/*.nix`, `users/<user>/*.nix`, `modules/<category>/*.nix`.
    pub(crate) const SYSTEM: Place = Place {
        up: "../../",
        home: false,
    };
    /// `templates/*.nix`, `modules/fleet.nix`.
    pub(crate) const SHALLOW: Place = Place {
        up: "../",
        home: false,
    };
    /// `home/profiles/*.nix`, `home/<category>/*.nix`, and the Home Manager part of `users/…`.
    pub(crate) const HOME: Place = Place {
        up: "../../",
        home: true,
    };
}

/// The names that code may use: `cfg` in features, and the arguments of modules.
pub(crate) fn arguments(home: bool) -> &'static [&'static str] {
    if home {
        &[
            "cfg",
            "config",
            "lib",
            "pkgs",
            "pkgs-unstable",
            "osConfig",
            "options",
            "modulesPath",
        ]
    } else {
        &[
            "cfg",
            "config",
            "lib",
            "pkgs",
            "pkgs-unstable",
            "options",
            "modulesPath",
            "utils",
        ]
    }
}

/// What lowered values refer to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uses {
    /// Secrets and where they were named.
    pub(crate) secrets: Vec<(String, Span)>,
    /// Secrets that are passwords of users.
    pub(crate) passwords: BTreeSet<String>,
    /// Files below the spec folder.
    pub(crate) assets: BTreeSet<String>,
    /// Programs of the catalog.
    pub(crate) programs: BTreeSet<&'static str>,
}

impl Uses {
    pub(crate) fn extend(&mut self, other: &Uses) {
        self.secrets.extend(other.secrets.iter().cloned());
        self.passwords.extend(other.passwords.iter().cloned());
        self.assets.extend(other.assets.iter().cloned());
        self.programs.extend(&other.programs);
    }
}

/// Code that is known to be right.
pub(crate) fn code(text: &str) -> nix::Value {
    match Expr::parse(text) {
        Ok(expr) => nix::Value::Expr(expr),
        Err(_) => nix::Value::Str(text.to_owned()),
    }
}

/// Lowers the value of a setting, whose path may say that it is a password.
pub(crate) fn setting(
    world: &World<'_>,
    place: Place,
    setting: &Setting,
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> nix::Value {
    if !place.home {
        crate::time_zone::check_setting(setting, d);
    }
    let before = uses.secrets.len();
    let value = lower(world, place, &setting.value, uses, d);
    let parts: Vec<&str> = setting.path.0.iter().map(String::as_str).collect();
    if !place.home
        && matches!(
            parts.as_slice(),
            ["users", "users", _, "hashedPasswordFile"]
        )
    {
        let named = uses.secrets[before..].iter().map(|(name, _)| name.clone());
        uses.passwords.extend(named.collect::<Vec<_>>());
    }
    value
}

/// Lowers a value.
pub(crate) fn lower(
    world: &World<'_>,
    place: Place,
    value: &Value,
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> nix::Value {
    match &value.kind {
        ValueKind::Null => nix::Value::Null,
        ValueKind::Bool(b) => nix::Value::Bool(*b),
        ValueKind::Int(i) => nix::Value::Int(*i),
        ValueKind::Float(f) => nix::Value::Float(*f),
        ValueKind::Str(s) => nix::Value::Str(s.clone()),
        ValueKind::Lines(s) => nix::Value::Lines(s.clone()),
        ValueKind::List(items) => list(world, place, items, uses, d),
        ValueKind::Attrs(attrs) => nix::Value::Attrs(
            attrs
                .iter()
                .map(|(k, v)| (k.clone(), lower(world, place, v, uses, d)))
                .collect(),
        ),
        ValueKind::Nix(expr) => {
            if expr.as_str().contains("pkgs-unstable") && !world.unstable {
                d.push(no_unstable(value.span));
            }
            let allowed = arguments(place.home);
            let variables = nix::free_variables(expr.as_str()).unwrap_or_default();
            for name in variables.free {
                if !allowed.contains(&name.as_str()) {
                    d.push(
                        Diagnostic::error(
                            "undefined-variable",
                            value.span,
                            format!("`{name}` is not defined"),
                        )
                        .help(format!("code may use {}", allowed[1..].join(", "))),
                    );
                }
            }
            nix::Value::Expr(expr.clone())
        }
        ValueKind::Opt(name) => code(&format!("cfg.{name}")),
        ValueKind::Pkg(name) => package(world, name, value.span, d),
        ValueKind::Secret(name) => {
            uses.secrets.push((name.clone(), value.span));
            code(&secret_path(world.backend, place, name))
        }
        ValueKind::File(path) => match crate::assets::normal(path, value.span, d) {
            None => nix::Value::Null,
            Some(path) => {
                if !crate::assets::exists(&path, world.around) {
                    d.push(crate::assets::missing(&path, value.span, world.around));
                }
                uses.assets.insert(path.clone());
                nix::Value::Path(format!("{}custom/{path}", place.up))
            }
        },
        ValueKind::Default(inner) => {
            nix::Value::apply("lib.mkDefault", lower(world, place, inner, uses, d))
        }
        ValueKind::Force(inner) => {
            nix::Value::apply("lib.mkForce", lower(world, place, inner, uses, d))
        }
        ValueKind::Before(inner) => {
            nix::Value::apply("lib.mkBefore", lower(world, place, inner, uses, d))
        }
        ValueKind::After(inner) => {
            nix::Value::apply("lib.mkAfter", lower(world, place, inner, uses, d))
        }
        ValueKind::Merge(parts) => {
            let parts = parts.iter().map(|p| lower(world, place, p, uses, d));
            nix::Value::apply("lib.mkMerge", nix::Value::List(parts.collect()))
        }
        ValueKind::If {
            when,
            then,
            otherwise,
        } => {
            let when = argument(&lower(world, place, when, uses, d));
            let then = lower(world, place, then, uses, d);
            match otherwise {
                None => nix::Value::apply(format!("lib.mkIf {when}"), then),
                Some(otherwise) => {
                    let otherwise = lower(world, place, otherwise, uses, d);
                    let (Ok(then), Ok(otherwise)) = (nix::render(&then), nix::render(&otherwise))
                    else {
                        return nix::Value::Null;
                    };
                    code(&format!("if {when} then {then} else {otherwise}"))
                }
            }
        }
    }
}

/// A value as a function's argument.
fn argument(value: &nix::Value) -> String {
    match nix::render(value) {
        Ok(text)
            if text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) =>
        {
            text
        }
        Ok(text) => format!("({text})"),
        Err(_) => "null".to_owned(),
    }
}

/// A list; conditional elements become `lib.optional`.
fn list(
    world: &World<'_>,
    place: Place,
    items: &[Value],
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> nix::Value {
    if !items.iter().any(|i| matches!(i.kind, ValueKind::If { .. })) {
        return nix::Value::List(
            items
                .iter()
                .map(|i| lower(world, place, i, uses, d))
                .collect(),
        );
    }
    let mut parts: Vec<nix::Value> = Vec::new();
    let mut plain: Vec<nix::Value> = Vec::new();
    for item in items {
        let ValueKind::If {
            when,
            then,
            otherwise,
        } = &item.kind
        else {
            plain.push(lower(world, place, item, uses, d));
            continue;
        };
        if !plain.is_empty() {
            parts.push(nix::Value::List(std::mem::take(&mut plain)));
        }
        if otherwise.is_some() {
            parts.push(nix::Value::List(vec![lower(world, place, item, uses, d)]));
            continue;
        }
        let when = argument(&lower(world, place, when, uses, d));
        match &then.kind {
            ValueKind::List(inner) => {
                let inner = list(world, place, inner, uses, d);
                parts.push(nix::Value::apply(format!("lib.optionals {when}"), inner));
            }
            _ => parts.push(nix::Value::apply(
                format!("lib.optional {when}"),
                lower(world, place, then, uses, d),
            )),
        }
    }
    if !plain.is_empty() {
        parts.push(nix::Value::List(plain));
    }
    nix::Value::Concat(parts)
}

fn package(world: &World<'_>, name: &str, span: Span, d: &mut Diagnostics) -> nix::Value {
    let (set, path) = match name.strip_prefix("unstable.") {
        Some(rest) => {
            if !world.unstable {
                d.push(no_unstable(span));
            }
            ("pkgs-unstable", rest)
        }
        None => ("pkgs", name),
    };
    match AttrPath::parse(path) {
        Ok(path) => code(&format!("{set}.{path}")),
        Err(_) => nix::Value::Null,
    }
}

fn no_unstable(span: Span) -> Diagnostic {
    Diagnostic::error("no-unstable", span, "the fleet has no second package set")
        .help("set `fleet.packages.unstable: true`")
}

/// The run-time path of a secret, as code.
pub(crate) fn secret_path(backend: Backend, place: Place, name: &str) -> String {
    let set = match backend {
        Backend::Agenix => "age",
        Backend::Sops => "sops",
    };
    let config = if place.home { "osConfig" } else { "config" };
    format!("{config}.{set}.secrets.{}.path", nix::attr_name(name))
}

/// The priority that a layer's leaves have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    /// As written: hosts and features.
    Plain,
    /// `lib.mkDefault`: the fleet.
    Default,
    /// `lib.mkOverride n`.
    Override(i64),
}

impl Rank {
    /// The function that gives a value this priority.
    fn function(self) -> Option<String> {
        match self {
            Rank::Plain => None,
            Rank::Default => Some("lib.mkDefault".to_owned()),
            Rank::Override(n) => Some(format!("lib.mkOverride {n}")),
        }
    }
}

/// Whether a value merges with others by its shape, so that it must carry no priority.
pub(crate) fn merges(value: &nix::Value) -> bool {
    match value {
        nix::Value::List(_)
        | nix::Value::Attrs(_)
        | nix::Value::Concat(_)
        | nix::Value::Lines(_)
        // The author of the value has chosen a priority, an order or a condition.
        | nix::Value::Apply(..) => true,
        nix::Value::Commented(_, inner) => merges(inner),
        nix::Value::Expr(expr) => {
            let text = expr.as_str();
            text.starts_with(['[', '{']) && text.ends_with([']', '}'])
                || text.contains("++")
                || text.starts_with("''")
                || text.starts_with("lib.mk")
                || text.starts_with("with ")
        }
        _ => false,
    }
}

/// Whether code is a list, as far as its text tells.
pub(crate) fn is_list_code(expr: &Expr) -> bool {
    let text = expr.as_str().trim();
    text.ends_with(']') && text.starts_with(['[', 'w']) && merges(&nix::Value::Expr(expr.clone()))
        || text.contains("++")
}

/// Applies a layer's priority: to a scalar, and to the scalars inside a set, since sets merge.
pub(crate) fn ranked(value: nix::Value, rank: Rank) -> nix::Value {
    let Some(function) = rank.function() else {
        return value;
    };
    match value {
        nix::Value::Attrs(attrs) => nix::Value::Attrs(
            attrs
                .into_iter()
                .map(|(name, value)| (name, ranked(value, rank)))
                .collect(),
        ),
        value if merges(&value) => value,
        value => nix::Value::apply(function, value),
    }
}

/// Lowers one setting.
pub(crate) fn definition(
    world: &World<'_>,
    place: Place,
    rank: Rank,
    layer: &Layer,
    setting: &Setting,
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> Definition {
    let value = ranked(self::setting(world, place, setting, uses, d), rank);
    Definition {
        path: setting.path.clone(),
        value,
        origin: Origin {
            layer: layer.clone(),
            span: Some(setting.key),
        },
        over: Vec::new(),
        comment: None,
    }
}

/// Lowers a settings tree.
pub(crate) fn definitions(
    world: &World<'_>,
    place: Place,
    rank: Rank,
    layer: &Layer,
    settings: &Settings,
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> Vec<Definition> {
    settings
        .values()
        .map(|s| definition(world, place, rank, layer, s, uses, d))
        .collect()
}

/// A definition of ours.
pub(crate) fn made(
    path: &str,
    value: impl Into<nix::Value>,
    layer: &Layer,
    span: Option<Span>,
) -> Definition {
    let path = AttrPath::parse(path).unwrap_or_else(|_| AttrPath(vec![path.to_owned()]));
    Definition {
        path,
        value: value.into(),
        origin: Origin {
            layer: layer.clone(),
            span,
        },
        over: Vec::new(),
        comment: None,
    }
}

/// The path of a feature's option: `features.ai.ollama.port`.
pub(crate) fn feature_path(world: &World<'_>, feature: &str, option: &str) -> AttrPath {
    let mut parts = vec![world.namespace.clone()];
    parts.extend(feature.splitn(2, '.').map(str::to_owned));
    parts.push(option.to_owned());
    AttrPath(parts)
}
