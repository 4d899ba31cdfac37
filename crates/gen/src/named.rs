//! Definitions below names that code computes from options of its feature, such as
//! `networking.wireguard.interfaces.${cfg.interface}`, where the spec tells what those are.

use model::{Fleet, Host};
use nix::AttrPath;

use crate::modules::{Reached, Setting};
use crate::origin;

/// The definitions of that kind in some modules of a machine, with the names and the number of the
/// module.
pub(crate) fn named(fleet: &Fleet, host: &Host, files: &[Reached<'_>]) -> Vec<(usize, Setting)> {
    let mut found = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let Some(id) = feature_of(&file.path) else {
            continue;
        };
        for setting in file.module.computed(file.text) {
            let user = setting.user.as_deref().or(file.user.as_deref());
            let names = setting.path.parts().iter().map(|name| {
                if name.contains("${") {
                    name_of(fleet, host, user, &id, name)
                } else {
                    Some(name.clone())
                }
            });
            if let Some(names) = names.collect() {
                let path = AttrPath(names);
                let setting = setting.clone();
                found.push((number, Setting { path, ..setting }));
            }
        }
    }
    found
}

/// The feature whose module a file is.
pub(crate) fn feature_of(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.trim_end_matches(".nix").split('/').collect();
    match parts.as_slice() {
        ["home", "profiles", _] => None,
        ["modules" | "home", category, name] => Some(format!("{category}.{name}")),
        _ => None,
    }
}

/// What `${cfg.interface}` is in the module of a feature, where the option is a text.
fn name_of(fleet: &Fleet, host: &Host, user: Option<&str>, id: &str, code: &str) -> Option<String> {
    let option = code.strip_prefix("${cfg.")?.strip_suffix('}')?;
    let enabled = match user {
        Some(user) => &host.users.get(user)?.enabled,
        None => &host.enabled,
    };
    let value = match enabled.get(id)?.options.get(option) {
        Some(given) => origin::without_priority(&given.value),
        None => fleet
            .features
            .get(id)?
            .options
            .get(option)?
            .default
            .as_ref()?,
    };
    match value {
        nix::Value::Str(name) => Some(name.clone()),
        _ => None,
    }
}
