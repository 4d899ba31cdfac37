//! Options that no two machines may share: addresses of a tunnel, identities of devices.

use std::collections::BTreeMap;

use diag::{Diagnostic, Diagnostics, Span};
use spec::{Value, ValueKind};

use crate::host::{Kind, Partial};
use crate::uses::{bare, merged};
use crate::world::World;

/// Reports values that two machines, or one of them twice, give to an option marked `unique`. A list
/// is compared item by item; code is not known here.
pub(crate) fn check(world: &World<'_>, partials: &[Partial<'_>], d: &mut Diagnostics) {
    let mut seen: BTreeMap<(String, String), (&str, Span)> = BTreeMap::new();
    let machines = partials
        .iter()
        .filter(|partial| !matches!(partial.kind, Kind::Image(_)));
    for partial in machines {
        let name = partial.host.name.as_str();
        for (id, state) in &partial.states {
            let Some(definition) = world.table.get(id).filter(|_| state.on()) else {
                continue;
            };
            for (option, given) in &state.options {
                let declared = definition.feature.options.get(*option);
                if !declared.is_some_and(|o| o.value.unique.as_ref().is_some_and(|u| u.value)) {
                    continue;
                }
                let Some((value, _, _)) = merged(given) else {
                    continue;
                };
                for (text, span) in texts(&value) {
                    let key = (format!("{id}.{option}"), text);
                    let Some((other, first)) = seen.get(&key) else {
                        seen.insert(key, (name, span));
                        continue;
                    };
                    let (path, text) = &key;
                    let message = if *other == name {
                        format!("`{name}` has {text} in `{path}` twice")
                    } else {
                        format!("`{name}` and `{other}` have one value in `{path}`: {text}")
                    };
                    let diagnostic = Diagnostic::error("duplicate-value", span, message);
                    d.push(if *first == span {
                        diagnostic.help("give each host its own, at the host")
                    } else {
                        diagnostic
                            .related(*first, format!("`{other}` has it here"))
                            .help("give one of them another value")
                    });
                }
            }
        }
    }
}

fn texts(value: &Value) -> Vec<(String, Span)> {
    let value = bare(value);
    match &value.kind {
        ValueKind::Str(text) => vec![(text.clone(), value.span)],
        ValueKind::Int(number) => vec![(number.to_string(), value.span)],
        ValueKind::List(items) => items.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
