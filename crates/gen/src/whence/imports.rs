//! Why a module is imported.

use model::Definition;

use super::{Cause, Role, Whence};
use crate::behind::{home_path, machine, matching};
use crate::modules::{folder, joined};

impl Whence<'_> {
    /// Why a module is imported.
    pub(super) fn import(&mut self, file: &str, path: &[String], element: &str) -> Vec<Cause> {
        let element = element.trim();
        let Some(target) = joined(folder(file), element) else {
            return Vec::new();
        };
        let parts: Vec<&str> = target.trim_end_matches(".nix").split('/').collect();
        let from: Vec<&str> = file.trim_end_matches(".nix").split('/').collect();
        match parts.as_slice() {
            ["modules", "home-manager" | "installer"] => self.owner(file),
            ["modules", "fleet"] => self.keys("fleet", &[&["fleet"]]),
            ["templates", name] => match from.as_slice() {
                [section @ ("hosts" | "microvms" | "images"), host, ..] => self.keys(
                    &format!("template {name}"),
                    &[&[section, host, "template"], &["templates", name]],
                ),
                _ => self.keys(&format!("template {name}"), &[&["templates", name]]),
            },
            ["home", "profiles", name] => {
                let layer = format!("profile {name}");
                if let ["users", user, host] = from.as_slice() {
                    for section in ["hosts", "microvms", "images"] {
                        let key = [section, host, "users", user, name];
                        if let Some((span, depth)) = self.yaml.key(&key, None)
                            && depth >= 4
                        {
                            let at = self.yaml.word(span, name).unwrap_or(span);
                            return vec![self.cause(Role::Causes, &layer, Some(at))];
                        }
                    }
                }
                self.keys(&layer, &[&["profiles", name]])
            }
            [half @ ("modules" | "home"), category, name] => {
                let id = format!("{category}.{name}");
                self.feature_import(&from, &id, *half == "home")
            }
            ["users", user, ..] => match from.as_slice() {
                ["hosts", host, ..] => self.keys(
                    &format!("user {user} on {host}"),
                    &[&["hosts", host, "users", user], &["users", user]],
                ),
                [section, host] => self.keys(
                    &format!("user {user} on {host}"),
                    &[&[section, host, "users", user], &["users", user]],
                ),
                _ => Vec::new(),
            },
            ["disks", name] => {
                let mut causes = match from.as_slice() {
                    ["hosts", host, ..] => self.keys(
                        &format!("host {host}"),
                        &[&["hosts", host, "hardware", "disks"]],
                    ),
                    _ => Vec::new(),
                };
                causes.extend(self.keys(&format!("disk layout {name}"), &[&["disks", name]]));
                causes
            }
            ["hosts", host, _] => {
                self.keys(&format!("host {host}"), &[&["hosts", host, "hardware"]])
            }
            ["custom", ..] => {
                let Some(asset) = self.fleet.assets.get(&target).cloned() else {
                    return Vec::new();
                };
                let _ = path;
                let owner = owner_keys(&from);
                for keys in owner {
                    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                    if let Some((span, depth)) = self.yaml.key(&keys, None)
                        && depth == keys.len()
                        && let Some(at) = self.yaml.word(span, &asset)
                    {
                        let mut cause = self.cause(Role::Sets, "hand-written module", Some(at));
                        cause.layer = format!("hand-written module {asset}");
                        return vec![cause];
                    }
                }
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn feature_import(&mut self, from: &[&str], id: &str, home: bool) -> Vec<Cause> {
        let fleet = self.fleet;
        let causes = match from {
            ["hosts", host, ..] | ["microvms" | "images", host] => {
                let host = machine(fleet, host);
                host.map_or_else(Vec::new, |host| self.reasons(host, None, id))
            }
            ["users", user, host] => {
                let host = machine(fleet, host);
                let user = Some(*user).filter(|_| home);
                host.map_or_else(Vec::new, |host| self.reasons(host, user, id))
            }
            [_, category, name]
                if fleet
                    .features
                    .contains_key(format!("{category}.{name}").as_str()) =>
            {
                let by = format!("{category}.{name}");
                let span = self.feature_key(&by, &["requires", id]);
                vec![self.cause(
                    Role::Causes,
                    &format!("feature {by}, which requires {id}"),
                    span,
                )]
            }
            _ => Vec::new(),
        };
        if !causes.is_empty() {
            return causes;
        }
        // A template or profile that sets it, or the list of all features.
        let file = from.join("/");
        let printed = self.places().of_file(&format!("{file}.nix")).printed;
        let (category, name) = id.split_once('.').unwrap_or((id, ""));
        let mut option: Vec<String> = fleet.namespace.split('.').map(str::to_owned).collect();
        option.extend([category.to_owned(), name.to_owned()]);
        let mut found = matching(&printed, &option);
        if found.is_empty()
            && let ["users", user, _] = from
        {
            let path: Vec<String> = home_path(user).into_iter().chain(option).collect();
            found = matching(&printed, &path);
        }
        let found: Vec<&Definition> = found
            .into_iter()
            .filter(|definition| definition.path.parts().len() > 2)
            .collect();
        let causes = self.definitions(&found, None);
        if !causes.is_empty() {
            return causes;
        }
        let span = self.feature_key(id, &[]);
        vec![self.cause(Role::Sets, &format!("feature {id}"), span)]
    }
}

/// The keys below which a file's hand-written modules are listed.
fn owner_keys(from: &[&str]) -> Vec<Vec<String>> {
    let path = |parts: &[&str]| parts.iter().map(|&part| part.to_owned()).collect();
    match from {
        ["hosts", host, ..] => vec![
            path(&["hosts", host, "modules"]),
            path(&["fleet", "modules"]),
        ],
        [
            section @ ("microvms" | "images" | "templates" | "installers"),
            name,
        ] => {
            vec![path(&[section, name, "modules"])]
        }
        ["home", "profiles", name] => vec![path(&["profiles", name, "modules"])],
        ["users", user, "default"] => vec![path(&["users", user, "home", "modules"])],
        ["users", user, host] => ["hosts", "microvms", "images"]
            .iter()
            .map(|section| path(&[section, host, "users", user, "modules"]))
            .collect(),
        _ => vec![path(&["fleet", "modules"])],
    }
}
