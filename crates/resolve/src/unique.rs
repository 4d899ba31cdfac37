//! Options that no two machines may share: addresses of a tunnel, identities of devices.

use std::collections::BTreeMap;

use diag::{Diagnostic, Diagnostics, Span};
use model::FeatureId;
use spec::ast::OptionDecl;
use spec::{Value, ValueKind};

use crate::host::{Kind, Partial};
use crate::table::Definition;
use crate::uses::{bare, merged};
use crate::world::World;

/// Reports values that two machines, or one of them twice, give to an option marked `unique`. A list
/// is compared item by item; code is not known here.
pub(crate) fn check(world: &World<'_>, partials: &[Partial<'_>], d: &mut Diagnostics) {
    let mut seen: BTreeMap<(String, String), (&str, Span)> = BTreeMap::new();
    // Few features have such options.
    let is_having = |(_, it): &(_, &Definition)| {
        let mut options = it.feature.options.values();
        options.any(|option| is_unique(&option.value))
    };
    let having: Vec<(&FeatureId, &Definition)> = world.table.iter().filter(is_having).collect();
    let machines = partials
        .iter()
        .filter(|partial| !matches!(partial.kind, Kind::Image(_)));
    for partial in machines {
        let name = partial.host.name.as_str();
        for (id, definition) in &having {
            let Some(state) = partial.states.get(*id).filter(|state| state.on()) else {
                continue;
            };
            for (option, given) in &state.options {
                let declared = definition.feature.options.get(*option);
                if !declared.is_some_and(|option| is_unique(&option.value)) {
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

fn is_unique(option: &OptionDecl) -> bool {
    option.unique.as_ref().is_some_and(|unique| unique.value)
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
