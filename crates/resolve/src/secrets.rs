//! The secret matrix: who reads what, and whether the hosts that use a secret may.

use std::collections::{BTreeMap, BTreeSet};

use diag::{Diagnostic, Diagnostics, Span};
use model::{HostName, Secret, SecretUse, Secrets, UserName};
use spec::ast::{Named, Text};

use crate::keys::{self, Problem};
use crate::lower::Uses;
use crate::world::{World, unknown_name};

/// Resolves the section `secrets`.
pub(crate) fn resolve(world: &World<'_>, d: &mut Diagnostics) -> Secrets {
    let spec = &world.spec.secrets;
    let mut result = Secrets::default();
    for (name, item) in &spec.host_keys {
        if is_machine(world, name) {
            if let Some(key) = key(world, &item.value, "host", d) {
                result.host_keys.insert(name.clone(), key);
            }
        } else if !world.spec.is_lost("hosts", name) && !world.spec.is_lost("microvms", name) {
            d.push(unknown_name(
                "unknown-host",
                "host",
                name,
                item.name.span,
                world.spec.hosts.keys(),
            ));
        }
    }
    for (name, item) in &spec.user_keys {
        if let Some(key) = key(world, &item.value, "user", d) {
            result.user_keys.insert(name.clone(), key);
        }
    }
    same_keys(&[&spec.host_keys, &spec.user_keys], &result, d);
    for (name, item) in &spec.groups {
        if world.spec.hosts.contains_key(name) || name == "all" {
            d.push(Diagnostic::error(
                "bad-name",
                item.name.span,
                format!("group `{name}` has the name of a host or of all hosts"),
            ));
        }
        for member in &item.value {
            if !is_machine(world, &member.value)
                && !world.spec.is_lost("hosts", &member.value)
                && !spec.user_keys.contains_key(&member.value)
            {
                d.push(unknown_name(
                    "unknown-host",
                    "host or user key",
                    &member.value,
                    member.span,
                    world.spec.hosts.keys(),
                ));
            }
        }
    }
    for (name, item) in &spec.items {
        let mut hosts = BTreeSet::new();
        let mut users = BTreeSet::new();
        for reader in &item.value.hosts {
            host_reader(world, reader, &mut hosts, d);
        }
        for editor in &item.value.users {
            if spec.user_keys.contains_key(&editor.value) {
                users.insert(editor.value.clone());
            } else if let Some(group) = spec.groups.get(&editor.value) {
                users.extend(
                    group
                        .value
                        .iter()
                        .filter(|m| spec.user_keys.contains_key(&m.value))
                        .map(|m| m.value.clone()),
                );
            } else {
                d.push(
                    unknown_name(
                        "unknown-key-holder",
                        "user key",
                        &editor.value,
                        editor.span,
                        spec.user_keys.keys(),
                    )
                    .help(format!("add `{}` to `secrets.keys.users`", editor.value)),
                );
            }
        }
        if users.is_empty() {
            users.extend(spec.user_keys.keys().cloned());
        }
        if let Some(mode) = &item.value.mode {
            let ok = matches!(mode.value.len(), 3 | 4)
                && mode.value.bytes().all(|b| (b'0'..=b'7').contains(&b));
            if !ok {
                d.push(Diagnostic::error(
                    "bad-value",
                    mode.span,
                    format!("`{}` is not a file mode such as `0400`", mode.value),
                ));
            } else if !mode.value.ends_with('0') {
                d.push(Diagnostic::warning(
                    "open-secret",
                    mode.span,
                    format!(
                        "mode `{}` lets every user of the host read the secret",
                        mode.value
                    ),
                ));
            }
        }
        let text = |t: &Option<Text>| t.as_ref().map(|t| t.value.clone());
        result.items.insert(
            name.clone(),
            Secret {
                hosts,
                users,
                owner: text(&item.value.owner),
                group: text(&item.value.group),
                mode: text(&item.value.mode),
                path: text(&item.value.path),
            },
        );
    }
    result
}

/// Whether secrets may be for a machine of that name: a host, or a MicroVM.
fn is_machine(world: &World<'_>, name: &str) -> bool {
    world.spec.hosts.contains_key(name) || world.spec.microvms.contains_key(name)
}

fn host_reader(
    world: &World<'_>,
    reader: &Text,
    hosts: &mut BTreeSet<HostName>,
    d: &mut Diagnostics,
) {
    let active = |name: &str| match world.spec.hosts.get(name) {
        Some(host) => !crate::host::is_retired(&host.value),
        None => world.spec.microvms.contains_key(name),
    };
    if reader.value == "all" {
        hosts.extend(
            world
                .spec
                .hosts
                .keys()
                .filter(|h| active(h))
                .map(|h| HostName::new(h)),
        );
        return;
    }
    if let Some(group) = world.spec.secrets.groups.get(&reader.value) {
        hosts.extend(
            group
                .value
                .iter()
                .filter(|m| active(&m.value))
                .map(|m| HostName::new(&m.value)),
        );
        return;
    }
    match world.spec.hosts.get(&reader.value) {
        Some(host) if crate::host::is_retired(&host.value) => d.push(
            Diagnostic::error(
                "retired-host",
                reader.span,
                format!("host `{}` is retired", reader.value),
            )
            .related(host.name.span, "retired here")
            .help("remove it from the readers, then rekey"),
        ),
        Some(_) => {
            hosts.insert(HostName::new(&reader.value));
        }
        None if world.spec.microvms.contains_key(&reader.value) => {
            hosts.insert(HostName::new(&reader.value));
        }
        None if world.spec.is_lost("hosts", &reader.value)
            || world.spec.is_lost("microvms", &reader.value) => {}
        None => d.push(unknown_name(
            "unknown-host",
            "host or group",
            &reader.value,
            reader.span,
            world.spec.hosts.keys(),
        )),
    }
}

/// An error that a key is private.
pub(crate) fn private_key(span: Span) -> Diagnostic {
    Diagnostic::error("private-key", span, "this is a private key")
        .help("remove it from the spec and its history, and make a new one; public keys stand here")
}

/// A key of the book, as the backend wants it.
fn key(world: &World<'_>, text: &Text, whose: &str, d: &mut Diagnostics) -> Option<String> {
    let problem = match keys::recipient(&text.value, world.backend) {
        Ok(key) => return Some(key),
        Err(problem) => problem,
    };
    let ssh = match whose {
        "host" => "`/etc/ssh/ssh_host_ed25519_key.pub` of the host",
        _ => "`~/.ssh/id_ed25519.pub`, or what `age-keygen` prints",
    };
    d.push(match problem {
        Problem::Private => private_key(text.span),
        Problem::NoKey => Diagnostic::error("bad-key", text.span, "not a public key")
            .help("an ssh public key (`ssh-ed25519 …`) or an age recipient (`age1…`)"),
        Problem::Damaged => Diagnostic::error(
            "bad-key",
            text.span,
            "the key is damaged: a part of it is missing or mistyped",
        )
        .help(format!("copy the whole line again: {ssh}")),
        Problem::Unsupported => {
            let kind = text.value.split(' ').next().unwrap_or_default();
            Diagnostic::error(
                "bad-key",
                text.span,
                format!("age cannot encrypt for keys of type `{kind}`"),
            )
            .help(format!("use an ed25519 key: {ssh}"))
        }
        Problem::Rsa => Diagnostic::error(
            "bad-key",
            text.span,
            "an RSA key cannot be turned into the age key that sops-nix needs",
        )
        .help(format!("use an ed25519 key: {ssh}")),
    });
    None
}

/// Warns of a key that two names have: one of the two cannot be right.
fn same_keys(books: &[&Named<Text>], secrets: &Secrets, d: &mut Diagnostics) {
    let mut seen: BTreeMap<&String, Span> = BTreeMap::new();
    for (book, keys) in books.iter().zip([&secrets.host_keys, &secrets.user_keys]) {
        for (name, key) in keys {
            let Some(item) = book.get(name) else { continue };
            if let Some(first) = seen.insert(key, item.value.span) {
                d.push(
                    Diagnostic::warning(
                        "same-key",
                        item.value.span,
                        format!("`{name}` has the key of another"),
                    )
                    .related(first, "the other")
                    .help("each host and person has a key of their own, so that one can be taken away"),
                );
            }
        }
    }
}

/// How a host uses a secret.
#[derive(Clone, Debug)]
pub(crate) struct Used {
    /// The first place that names it.
    pub(crate) span: Span,
    /// Whether it is a user's password.
    pub(crate) for_users: bool,
}

impl Used {
    pub(crate) fn at(span: Span) -> Self {
        Used {
            span,
            for_users: false,
        }
    }
}

/// The secrets that a host decrypts, from what is used on it; misuse is reported.
pub(crate) fn host_uses(
    world: &World<'_>,
    secrets: &Secrets,
    host: &HostName,
    used: &BTreeMap<String, Used>,
    d: &mut Diagnostics,
) -> BTreeMap<String, SecretUse> {
    let mut result = BTreeMap::new();
    for (name, used) in used {
        let Some(secret) = secrets.items.get(name) else {
            d.push(
                unknown_name(
                    "unknown-secret",
                    "secret",
                    name,
                    used.span,
                    world.spec.secrets.items.keys(),
                )
                .help(format!(
                    "declare it: `secrets.items.{name}: {{ hosts: [{host}] }}`"
                )),
            );
            continue;
        };
        if !secret.hosts.contains(host) {
            let mut diagnostic = Diagnostic::error(
                "secret-access",
                used.span,
                format!("host `{host}` uses secret `{name}`, which it may not read"),
            );
            if let Some(item) = world.spec.secrets.items.get(name) {
                diagnostic = diagnostic
                    .related(item.name.span, "declared here")
                    .help(format!(
                        "add `{host}` to `secrets.items.{name}.hosts`, then rekey"
                    ));
            }
            d.push(diagnostic);
            continue;
        }
        let item = world.spec.secrets.items.get(name);
        if used.for_users && world.backend == model::Backend::Sops {
            let parts = item.map(|item| &item.value);
            for (key, text) in [
                ("owner", parts.and_then(|it| it.owner.as_ref())),
                ("group", parts.and_then(|it| it.group.as_ref())),
            ] {
                if let Some(text) = text.filter(|text| text.value != "root") {
                    d.push(
                        Diagnostic::error(
                            "password-secret",
                            text.span,
                            format!("secret `{name}` is a password, so it cannot have `{key}`"),
                        )
                        .related(used.span, "the password")
                        .help(format!(
                            "remove `{key}`: sops-nix decrypts passwords before there are users"
                        )),
                    );
                }
            }
        }
        result.insert(
            name.clone(),
            SecretUse {
                owner: secret.owner.clone(),
                group: secret.group.clone(),
                mode: secret.mode.clone(),
                path: secret.path.clone(),
                for_users: used.for_users,
            },
        );
    }
    result
}

/// Reports secrets in a user's home that are root's alone. Whether the user is in a group that a
/// secret is given to is not known here.
pub(crate) fn check_home(world: &World<'_>, user: &UserName, uses: &Uses, d: &mut Diagnostics) {
    if user.as_str() == "root" {
        return;
    }
    for (name, span) in &uses.secrets {
        let Some(item) = world.spec.secrets.items.get(name) else {
            continue;
        };
        let secret = &item.value;
        let is_owner = (secret.owner.as_ref()).is_some_and(|owner| owner.value == user.as_str());
        let is_open = secret.mode.as_ref().is_some_and(|mode| {
            let right = |place: usize| {
                let digit = mode.value.bytes().rev().nth(place);
                digit.is_some_and(|digit| digit & 4 != 0)
            };
            right(0) || (right(1) && secret.group.is_some())
        });
        if is_owner || is_open {
            continue;
        }
        let owner = secret.owner.as_ref().map_or("root", |o| o.value.as_str());
        let message =
            format!("`{user}` uses secret `{name}`, which only `{owner}` may read on the host");
        let help = format!(
            "add `owner: {user}` to `secrets.items.{name}`, or `group` and `mode: \"0440\"`"
        );
        let diagnostic = Diagnostic::error("unreadable-secret", *span, message);
        d.push(
            diagnostic
                .related(item.name.span, "declared here")
                .help(help),
        );
    }
}

/// Hosts that cannot decrypt what they use, encrypted files that are not there yet, secrets and keys
/// that nobody uses.
pub(crate) fn check_files(world: &World<'_>, fleet: &model::Fleet, d: &mut Diagnostics) {
    missing_keys(world, fleet, d);
    let used: BTreeSet<&String> = fleet.machines().flat_map(|h| h.secrets.keys()).collect();
    let passwords = fleet.passwords();
    // What is to be done with a fleet that is sound.
    if d.has_errors() {
        return;
    }
    for (name, item) in &world.spec.secrets.items {
        if !used.contains(name) {
            d.push(
                Diagnostic::warning(
                    "unused-secret",
                    item.name.span,
                    format!("no host uses secret `{name}`"),
                )
                .help("use it by `!secret`, or remove it"),
            );
            continue;
        }
        let file = fleet.backend.secret_file(name);
        if !world.around.secret_files.contains(&file) {
            d.push(
                Diagnostic::warning(
                    "missing-secret-file",
                    item.name.span,
                    format!("`secrets/{file}` does not exist, the flake will not evaluate"),
                )
                .help(format!(
                    "create it: `{} create {name}`{}",
                    world.around.generated("scripts/manage-secrets.sh"),
                    if passwords.contains(name) {
                        ", which asks for the password and keeps its hash"
                    } else {
                        ""
                    }
                )),
            );
        }
    }
    if world.spec.secrets.items.is_empty() {
        return;
    }
    let editors: BTreeSet<&String> = fleet
        .secrets
        .items
        .values()
        .flat_map(|it| &it.users)
        .collect();
    for (name, item) in &world.spec.secrets.user_keys {
        if !editors.contains(name) {
            d.push(
                Diagnostic::warning(
                    "unused-key",
                    item.name.span,
                    format!("no secret is for the key of user `{name}`"),
                )
                .help("name the user in `users` of a secret, or remove the key"),
            );
        }
    }
}

/// Hosts that read secrets and have no key: they would be built, and fail at boot.
fn missing_keys(world: &World<'_>, fleet: &model::Fleet, d: &mut Diagnostics) {
    let book = &world.spec.secrets.host_keys;
    let list = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let help = |host: &str| {
        format!(
            "add it: `secrets.keys.hosts.{host}: ssh-ed25519 …`, as `ssh-keyscan -t ed25519 {host}` prints it; \
             for a new host make one, and install with it: `ssh-keygen -t ed25519 -N '' -f ssh_host_ed25519_key`"
        )
    };
    for machine in fleet.machines().filter(|it| !it.secrets.is_empty()) {
        let name = machine.name.as_str();
        if book.contains_key(name) {
            continue;
        }
        let secrets: Vec<&str> = machine.secrets.keys().map(String::as_str).collect();
        let hosts = world.spec.hosts.get(name).map(|it| it.name.span);
        let guests = world.spec.microvms.get(name).map(|it| it.name.span);
        let mut diagnostic = Diagnostic::error(
            "missing-host-key",
            hosts.or(guests),
            format!(
                "host `{name}` reads {}, but its public key is not known",
                list(&secrets)
            ),
        );
        let item = secrets
            .first()
            .and_then(|it| world.spec.secrets.items.get(*it));
        if let Some(item) = item {
            diagnostic = diagnostic.related(item.name.span, "declared here");
        }
        d.push(diagnostic.help(help(name)));
    }
    for (secret, item) in &fleet.secrets.items {
        let uses = |host: &HostName| {
            fleet
                .machines()
                .any(|it| it.name == *host && it.secrets.contains_key(secret))
        };
        let without = item
            .hosts
            .iter()
            .filter(|host| !book.contains_key(host.as_str()));
        let without: Vec<&str> = without
            .filter(|host| !uses(host))
            .map(AsRef::as_ref)
            .collect();
        let (Some(first), Some(item)) = (without.first(), world.spec.secrets.items.get(secret))
        else {
            continue;
        };
        d.push(
            Diagnostic::warning(
                "missing-host-key",
                item.name.span,
                format!(
                    "secret `{secret}` is for {}, whose public key is not known",
                    list(&without)
                ),
            )
            .help(help(first)),
        );
    }
}
