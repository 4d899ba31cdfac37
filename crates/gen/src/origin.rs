//! Origins in words, and values as Nix.

use diag::SourceMap;
use model::{Fleet, Layer, Origin, Reason};
use nix::Value;
use serde::Serialize;

use crate::text::one_line;

/// Where something comes from, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Place {
    /// The layer in words: `host p620`.
    pub(crate) layer: String,
    /// `spec/hosts.yaml:12`.
    pub(crate) place: Option<String>,
}

impl Place {
    /// The place of an origin.
    pub(crate) fn of(origin: &Origin, fleet: &Fleet, sources: &SourceMap) -> Self {
        Self {
            layer: layer(&origin.layer, fleet),
            place: origin.span.map(|span| sources.place(span)),
        }
    }

    /// The reason why a feature is on.
    pub(crate) fn of_reason(reason: &Reason, fleet: &Fleet, sources: &SourceMap) -> Self {
        match reason {
            Reason::Named(origin) => Self::of(origin, fleet, sources),
            Reason::RequiredBy { feature } => Self {
                layer: format!("required by {feature}"),
                place: None,
            },
            Reason::RequiredByHome { feature, user } => Self {
                layer: format!("required by {feature} of user {user}"),
                place: None,
            },
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{}, {place}", self.layer),
            None => f.write_str(&self.layer),
        }
    }
}

/// A layer in words: `host p620`.
pub(crate) fn layer(layer: &Layer, fleet: &Fleet) -> String {
    match layer {
        Layer::Default(feature) => format!("default of {feature}"),
        Layer::Derived(feature) => format!("derived by {feature}"),
        Layer::Feature(feature) => format!("feature {feature}"),
        Layer::Fleet => "fleet".to_owned(),
        Layer::Template(name) => format!("template {name}"),
        Layer::Profile(name) => format!("profile {name}"),
        Layer::User(name) => format!("user {name}"),
        Layer::Host(name) if fleet.microvms.contains_key(name) => format!("microvm {name}"),
        Layer::Host(name) if fleet.images.contains_key(name.as_str()) => format!("image {name}"),
        Layer::Host(name) => format!("host {name}"),
    }
}

/// A value as Nix on one line, cut when it is long, without a comment on it.
pub(crate) fn nix(value: &Value) -> String {
    if let Value::Commented(_, inner) = value {
        return nix(inner);
    }
    one_line(&nix::render(value).unwrap_or_else(|error| format!("<{error}>")))
}

/// A value as YAML on one line, cut when it is long.
pub(crate) fn yaml(value: &spec::Value) -> String {
    one_line(&flow(value))
}

/// A value in YAML's flow style.
fn flow(value: &spec::Value) -> String {
    use spec::ValueKind as Kind;
    let text = |text: &str| {
        let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "/._-+@%".contains(c))
            && !["true", "false", "null"].contains(&text);
        if is_plain {
            text.to_owned()
        } else {
            format!("{text:?}")
        }
    };
    match &value.kind {
        Kind::Null => "null".to_owned(),
        Kind::Bool(it) => it.to_string(),
        Kind::Int(it) => it.to_string(),
        Kind::Float(it) => it.to_string(),
        Kind::Str(it) => text(it),
        Kind::Lines(it) => format!("!lines {}", text(it)),
        Kind::List(items) | Kind::Merge(items) => {
            format!(
                "[{}]",
                items.iter().map(flow).collect::<Vec<_>>().join(", ")
            )
        }
        Kind::Attrs(entries) if entries.is_empty() => "{}".to_owned(),
        Kind::Attrs(entries) => {
            let entry =
                |(name, value): (&String, &spec::Value)| format!("{}: {}", text(name), flow(value));
            format!(
                "{{ {} }}",
                entries.iter().map(entry).collect::<Vec<_>>().join(", ")
            )
        }
        Kind::Nix(code) => format!("!nix {}", code.as_str()),
        Kind::Opt(name) => format!("!opt {name}"),
        Kind::Pkg(name) => format!("!pkg {name}"),
        Kind::Secret(name) => format!("!secret {name}"),
        Kind::File(path) => format!("!file {path}"),
        Kind::Default(inner) => format!("!default {}", flow(inner)),
        Kind::Force(inner) => format!("!force {}", flow(inner)),
        Kind::Before(inner) => format!("!before {}", flow(inner)),
        Kind::After(inner) => format!("!after {}", flow(inner)),
        Kind::If {
            when,
            then,
            otherwise,
        } => {
            let otherwise = otherwise
                .as_ref()
                .map(|value| format!(", else: {}", flow(value)))
                .unwrap_or_default();
            format!(
                "!if {{ when: {}, then: {}{otherwise} }}",
                flow(when),
                flow(then)
            )
        }
    }
}

/// A value without the priority of its layer.
pub(crate) fn without_priority(value: &Value) -> &Value {
    match value {
        Value::Apply(function, inner)
            if function.starts_with("lib.mkOverride ") || function == "lib.mkDefault" =>
        {
            inner
        }
        Value::Commented(_, inner) => without_priority(inner),
        other => other,
    }
}
