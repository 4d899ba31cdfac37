//! The secret matrix: who reads what, and whether the hosts that use a secret may.

use std::collections::{BTreeMap, BTreeSet};

use diag::{Diagnostic, Diagnostics, Span};
use model::{HostName, Secret, SecretUse, Secrets, UserName};
use spec::ast::Text;

use crate::lower::Uses;
use crate::world::{World, unknown_name};

/// Resolves the section `secrets`.
pub(crate) fn resolve(world: &World<'_>, d: &mut Diagnostics) -> Secrets {
    let spec = &world.spec.secrets;
    let mut result = Secrets::default();
    for (name, item) in &spec.host_keys {
        if is_machine(world, name) {
            key(&item.value, d);
            result
                .host_keys
                .insert(name.clone(), item.value.value.clone());
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
        key(&item.value, d);
        result
            .user_keys
            .insert(name.clone(), item.value.value.clone());
    }
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

/// Whether a text is a private key.
pub(crate) fn is_private(key: &str) -> bool {
    key.contains("PRIVATE KEY") || key.starts_with("AGE-SECRET-KEY")
}

/// An error that a key is private.
pub(crate) fn private_key(span: Span) -> Diagnostic {
    Diagnostic::error("private-key", span, "this is a private key")
        .help("remove it from the spec and its history, and make a new one; public keys stand here")
}

fn key(text: &Text, d: &mut Diagnostics) {
    let known = ["ssh-ed25519 ", "ssh-rsa ", "ecdsa-sha2-", "age1"];
    if is_private(&text.value) {
        d.push(private_key(text.span));
    } else if !known.iter().any(|k| text.value.starts_with(k)) {
        d.push(
            Diagnostic::error("bad-value", text.span, "not a public key")
                .help("an ssh public key (`ssh-ed25519 …`) or an age recipient (`age1…`)"),
        );
    }
}

/// The secrets that a host decrypts, from what is used on it; misuse is reported.
pub(crate) fn host_uses(
    world: &World<'_>,
    secrets: &Secrets,
    host: &HostName,
    used: &BTreeMap<String, (Span, bool)>,
    d: &mut Diagnostics,
) -> BTreeMap<String, SecretUse> {
    let mut result = BTreeMap::new();
    for (name, (span, for_users)) in used {
        let Some(secret) = secrets.items.get(name) else {
            d.push(
                unknown_name(
                    "unknown-secret",
                    "secret",
                    name,
                    *span,
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
                *span,
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
        result.insert(
            name.clone(),
            SecretUse {
                owner: secret.owner.clone(),
                group: secret.group.clone(),
                mode: secret.mode.clone(),
                path: secret.path.clone(),
                for_users: *for_users,
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

/// Warnings about encrypted files that are not there yet and secrets that nobody uses.
pub(crate) fn check_files(world: &World<'_>, fleet: &model::Fleet, d: &mut Diagnostics) {
    let used: BTreeSet<&String> = fleet.machines().flat_map(|h| h.secrets.keys()).collect();
    let extension = match world.backend {
        model::Backend::Agenix => "age",
        model::Backend::Sops => "yaml",
    };
    // What is to be done with a fleet that is sound.
    if d.has_errors() {
        return;
    }
    for (name, item) in &world.spec.secrets.items {
        if !used.contains(name) {
            d.push(
                Diagnostic::note(
                    "unused-secret",
                    item.name.span,
                    format!("no host uses secret `{name}`"),
                )
                .help("use it by `!secret`, or remove it"),
            );
            continue;
        }
        let file = format!("{name}.{extension}");
        if !world.around.secret_files.contains(&file) {
            let command = match world.backend {
                model::Backend::Agenix => {
                    format!("create it: `cd generated/secrets && agenix -e {file}`")
                }
                model::Backend::Sops => format!("create it: `sops generated/secrets/{file}`"),
            };
            d.push(
                Diagnostic::warning(
                    "missing-secret-file",
                    item.name.span,
                    format!("`secrets/{file}` does not exist, the flake will not evaluate"),
                )
                .help(command),
            );
        }
        for host in fleet
            .secrets
            .items
            .get(name)
            .into_iter()
            .flat_map(|s| &s.hosts)
        {
            if !fleet.secrets.host_keys.contains_key(host.as_str()) {
                d.push(
                    Diagnostic::warning("missing-host-key", item.name.span, format!("secret `{name}` is for host `{host}`, whose public key is not known"))
                        .help(format!("add it: `secrets.keys.hosts.{host}: ssh-ed25519 …` (`ssh-keyscan -t ed25519 {host}`)")),
                );
            }
        }
    }
}
