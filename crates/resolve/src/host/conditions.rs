//! Whether the conditions of an entry of a feature hold on a host.

use diag::Spanned;
use spec::{Value, ValueKind};

use crate::table;
use crate::uses::{State, bare, merged};

use super::Partial;

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

pub(super) fn same_nix(value: &nix::Value, wanted: &Value) -> bool {
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
