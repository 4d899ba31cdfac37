//! `secrets/secrets.nix`, `.sops.yaml` and `secrets/recipients.txt`: who can decrypt which secret, for
//! agenix, for sops, and for `scripts/manage-secrets.sh`.

use std::collections::{BTreeMap, BTreeSet};

use model::{Fleet, Secret};
use serde::Serialize;

use crate::code::Code;
use crate::error::Result;

/// Keys and rules of agenix.
#[derive(Debug, Serialize)]
pub(crate) struct AgenixView {
    header: Code,
    hosts: Vec<Key>,
    /// Whether a rule names all hosts.
    all_hosts: bool,
    users: Vec<Key>,
    rules: Vec<Rule<Code>>,
}

/// Keys and rules of sops.
#[derive(Debug, Serialize)]
pub(crate) struct SopsView {
    header: Code,
    keys: Vec<Key>,
    rules: Vec<Rule<Vec<Code>>>,
}

/// The readers of each file, in lines.
#[derive(Debug, Serialize)]
pub(crate) struct RecipientsView {
    header: Code,
    lines: Vec<Code>,
}

#[derive(Debug, Serialize)]
struct Key {
    name: Code,
    value: Code,
}

/// Who can decrypt a file: an expression for agenix, names for sops.
#[derive(Debug, Serialize)]
struct Rule<K> {
    name: Code,
    keys: K,
}

/// The hosts and users that decrypt any secret and have a key.
struct Readers<'a> {
    hosts: BTreeMap<&'a str, &'a str>,
    users: BTreeMap<&'a str, &'a str>,
}

fn readers(fleet: &Fleet) -> Readers<'_> {
    let items = || fleet.secrets.items.values();
    let hosts: BTreeSet<&str> = items()
        .flat_map(|it| it.hosts.iter().map(AsRef::as_ref))
        .collect();
    let users: BTreeSet<&str> = items()
        .flat_map(|it| it.users.iter().map(AsRef::as_ref))
        .collect();
    Readers {
        hosts: keys(hosts, &fleet.secrets.host_keys),
        users: keys(users, &fleet.secrets.user_keys),
    }
}

fn keys<'a>(
    names: BTreeSet<&'a str>,
    keys: &'a BTreeMap<String, String>,
) -> BTreeMap<&'a str, &'a str> {
    let keys = names
        .into_iter()
        .filter_map(|name| Some((name, keys.get(name)?.as_str())));
    keys.collect()
}

/// The view of `secrets/secrets.nix`.
pub(crate) fn agenix(fleet: &Fleet, header: Code) -> Result<AgenixView> {
    let readers = readers(fleet);
    let mut any_all_hosts = false;
    let mut rules = Vec::with_capacity(fleet.secrets.items.len());
    for (name, secret) in &fleet.secrets.items {
        let mut hosts: Vec<&str> = known_hosts(secret, &readers).collect();
        let all_hosts = hosts.len() > 1 && hosts.len() == readers.hosts.len();
        if all_hosts {
            any_all_hosts = true;
            hosts.clear();
        }
        let hosts = hosts
            .into_iter()
            .map(|name| format!("hosts.{}", nix::attr_name(name)));
        let users = known_users(secret, &readers);
        let users = users.map(|name| format!("users.{}", nix::attr_name(name)));
        let single: Vec<String> = hosts.chain(users).collect();
        let keys = match (all_hosts, single.is_empty()) {
            (true, true) => "allHosts".to_owned(),
            (true, false) => format!("allHosts ++ [ {} ]", single.join(" ")),
            (false, _) => format!("[ {} ]", single.join(" ")),
        };
        rules.push(Rule {
            name: Code::string(&format!("{name}.age"))?,
            keys: Code::new(keys),
        });
    }
    let key = |(&name, &value): (&&str, &&str)| {
        let (name, value) = (Code::name(name), Code::string(value)?);
        Ok(Key { name, value })
    };
    Ok(AgenixView {
        header,
        rules,
        all_hosts: any_all_hosts,
        hosts: readers.hosts.iter().map(key).collect::<Result<_>>()?,
        users: readers.users.iter().map(key).collect::<Result<_>>()?,
    })
}

/// The view of `.sops.yaml`.
pub(crate) fn sops(fleet: &Fleet, header: Code) -> SopsView {
    let readers = readers(fleet);
    let key = |kind: &str, name: &str, value: &str| Key {
        name: Code::new(format!("{kind}-{name}")),
        value: yaml(value),
    };
    let hosts = readers
        .hosts
        .iter()
        .map(|(name, value)| key("host", name, value));
    let users = readers
        .users
        .iter()
        .map(|(name, value)| key("user", name, value));
    let rules = fleet.secrets.items.iter().map(|(name, secret)| {
        let hosts = known_hosts(secret, &readers).map(|name| Code::new(format!("host-{name}")));
        let users = known_users(secret, &readers).map(|name| Code::new(format!("user-{name}")));
        Rule {
            name: yaml(&format!("^secrets/{}\\.yaml$", name.replace('.', "\\."))),
            keys: hosts.chain(users).collect(),
        }
    });
    SopsView {
        header,
        rules: rules.collect(),
        keys: hosts.chain(users).collect(),
    }
}

/// The view of `secrets/recipients.txt`: file, reader and key, in words.
pub(crate) fn recipients(fleet: &Fleet, header: Code) -> RecipientsView {
    let readers = readers(fleet);
    let mut lines = Vec::new();
    let passwords = fleet.passwords();
    for (name, secret) in &fleet.secrets.items {
        let file = fleet.backend.secret_file(name);
        if passwords.contains(name) {
            lines.push(Code::new(format!("{file} password")));
        }
        let mut line = |reader: &str, name: &str, key: &str| {
            // One line whatever the key is: a comment of ssh is no part of it.
            let key: Vec<&str> = key.split_ascii_whitespace().take(2).collect();
            lines.push(Code::new(format!(
                "{file} {reader}:{name} {}",
                key.join(" ")
            )));
        };
        for host in known_hosts(secret, &readers) {
            line("host", host, readers.hosts[host]);
        }
        for user in known_users(secret, &readers) {
            line("user", user, readers.users[user]);
        }
    }
    RecipientsView { header, lines }
}

fn known_hosts<'a>(secret: &'a Secret, readers: &Readers<'a>) -> impl Iterator<Item = &'a str> {
    let names = secret.hosts.iter().map(AsRef::as_ref);
    names.filter(|&name: &&str| readers.hosts.contains_key(name))
}

fn known_users<'a>(secret: &'a Secret, readers: &Readers<'a>) -> impl Iterator<Item = &'a str> {
    let names = secret.users.iter().map(AsRef::as_ref);
    names.filter(|&name: &&str| readers.users.contains_key(name))
}

/// Text as a YAML scalar: single quotes need no escape but their own.
fn yaml(text: &str) -> Code {
    Code::new(format!(
        "'{}'",
        text.replace(['\n', '\r'], " ").replace('\'', "''")
    ))
}
