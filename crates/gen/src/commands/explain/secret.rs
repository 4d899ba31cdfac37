//! A secret: who may decrypt it, what is done with it on each machine, and its encrypted file.

use std::collections::BTreeMap;

use model::Backend;
use serde::Serialize;

use super::topic::{self, Row, Topic};
use super::tree::Tree;
use crate::cli::{App, Sound};
use crate::modules::Library;
use crate::text::list;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SecretView {
    kind: &'static str,
    name: String,
    place: String,
    /// Below the output.
    file: String,
    exists: bool,
    /// What creates the file, where it is missing.
    create: Option<String>,
    /// As the spec has them: hosts, groups and `all`.
    written: Vec<String>,
    /// Hosts that may decrypt it, and where their keys stand.
    hosts: BTreeMap<String, Option<String>>,
    /// The same of users who may edit it.
    users: BTreeMap<String, Option<String>>,
    machines: Vec<OnMachine>,
    readers: Vec<Row>,
}

/// The decrypted file on a machine.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OnMachine {
    machine: String,
    path: String,
    owner: String,
    /// Where none is given, the owner's.
    group: Option<String>,
    mode: String,
    /// Decrypted before users are made.
    for_users: bool,
}

/// The view of a secret, if there is one of that name.
pub(super) fn view(app: &App, sound: &Sound, name: &str) -> Option<SecretView> {
    let Sound {
        sources,
        spec,
        fleet,
        ..
    } = sound;
    let item = spec.secrets.items.get(name)?;
    let secret = fleet.secrets.items.get(name);
    let file = fleet.backend.secret_file(name);
    let exists = crate::load::secret_names(&app.out.join("secrets")).contains(&file);
    let key = |keys: &spec::ast::Named<spec::ast::Text>, of: &str| {
        keys.get(of).map(|it| sources.place(it.name.span))
    };
    let library = Library::of(&sound.tree);
    let target = app.target();
    let on = |host: &model::Host| -> Option<OnMachine> {
        let it = host.secrets.get(name)?;
        let folder = match (fleet.backend, it.for_users) {
            (Backend::Agenix, _) => "/run/agenix",
            (Backend::Sops, false) => "/run/secrets",
            (Backend::Sops, true) => "/run/secrets-for-users",
        };
        let or = |text: &Option<String>, default: &str| {
            text.clone().unwrap_or_else(|| default.to_owned())
        };
        Some(OnMachine {
            machine: host.name.to_string(),
            path: it
                .path
                .clone()
                .unwrap_or_else(|| format!("{folder}/{name}")),
            owner: or(&it.owner, "root"),
            group: it.group.clone(),
            mode: or(&it.mode, "0400"),
            for_users: it.for_users,
        })
    };
    Some(SecretView {
        kind: "secret",
        name: name.to_owned(),
        place: sources.place(item.name.span),
        create: (!exists).then(|| {
            let script = target.show("scripts/manage-secrets.sh");
            format!("{script} create {name}")
        }),
        file: format!("secrets/{file}"),
        exists,
        written: item.value.hosts.iter().map(|it| it.value.clone()).collect(),
        hosts: secret
            .into_iter()
            .flat_map(|it| &it.hosts)
            .map(|host| {
                let place = key(&spec.secrets.host_keys, host.as_str());
                (host.to_string(), place)
            })
            .collect(),
        users: secret
            .into_iter()
            .flat_map(|it| &it.users)
            .map(|user| (user.clone(), key(&spec.secrets.user_keys, user)))
            .collect(),
        machines: fleet.machines().filter_map(on).collect(),
        readers: fleet
            .machines()
            .filter(|host| host.secrets.contains_key(name))
            .flat_map(|host| topic::rows(sound, &library, &target, host, Topic::Secrets))
            .filter(|row| row.name == name)
            .collect(),
    })
}

/// Draws a secret for people.
pub(super) fn draw(view: &SecretView) -> String {
    let mut tree = Tree::default();
    tree.headline(view.kind, &view.name, None);
    tree.fact("defined in", &view.place);
    let there = if view.exists {
        ""
    } else {
        ", which is missing"
    };
    tree.fact("file", &format!("{}{there}", view.file));
    tree.fact("create it", view.create.as_deref().unwrap_or_default());
    tree.fact("for", &list(&view.written));
    for (title, keys) in [
        ("Hosts that decrypt it", &view.hosts),
        ("Users who edit it", &view.users),
    ] {
        if keys.is_empty() {
            continue;
        }
        tree.title(&format!("{title} ({})", keys.len()));
        for (name, place) in keys {
            let key = place.as_ref().map_or_else(
                || "no key: add it to `secrets.keys`".to_owned(),
                |place| format!("key in {place}"),
            );
            tree.line(1, name, key);
        }
    }
    // Machines that have it alike are told together.
    let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for on in &view.machines {
        let early = if on.for_users {
            ", before users are made"
        } else {
            ""
        };
        let group = on
            .group
            .as_ref()
            .map(|group| format!(", group {group}"))
            .unwrap_or_default();
        let text = format!(
            "{}, owner {}{group}, mode {}{early}",
            on.path, on.owner, on.mode
        );
        alike.entry(text).or_default().push(&on.machine);
    }
    if !alike.is_empty() {
        tree.title("Decrypted to");
        for (text, machines) in &alike {
            tree.line(1, text, list(machines));
        }
    }
    let mut readers: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for row in &view.readers {
        let machines = readers.entry((&row.by, &row.place)).or_default();
        machines.push(&row.host);
    }
    if readers.is_empty() {
        tree.title("Read by nothing");
    } else {
        tree.title(&format!("Read by ({})", readers.len()));
        for ((by, place), machines) in readers {
            let on = format!("on {}", list(machines));
            let remark = if place.is_empty() {
                on
            } else {
                format!("{place}, {on}")
            };
            tree.line(1, by, remark);
        }
    }
    tree.finish()
}
