//! `secrets/secrets.nix` and `.sops.yaml`: who can decrypt which secret.

use std::collections::{BTreeMap, BTreeSet};

use model::{Fleet, Secret};
use serde::Serialize;

use crate::code::Code;
use crate::error::Result;

/// Keys and rules.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    hosts: Vec<Key>,
    all_hosts: bool,
    users: Vec<Key>,
    keys: Vec<Key>,
    rules: Vec<Rule>,
}

#[derive(Debug, Serialize)]
struct Key {
    name: Code,
    value: Code,
}

#[derive(Debug, Serialize)]
struct Rule {
    name: Code,
    /// Whether `keys` leaves out the hosts, because all of them are meant.
    all_hosts: bool,
    keys: Vec<Code>,
}

/// The hosts and users that decrypt any secret and have a key.
struct Readers<'a> {
    hosts: BTreeMap<&'a str, &'a str>,
    users: BTreeMap<&'a str, &'a str>,
}

fn readers(fleet: &Fleet) -> Readers<'_> {
    let items = || fleet.secrets.items.values();
    let hosts: BTreeSet<&str> = items().flat_map(|it| it.hosts.iter().map(AsRef::as_ref)).collect();
    let users: BTreeSet<&str> = items().flat_map(|it| it.users.iter().map(AsRef::as_ref)).collect();
    Readers {
        hosts: keys(hosts, &fleet.secrets.host_keys),
        users: keys(users, &fleet.secrets.user_keys),
    }
}

fn keys<'a>(
    names: BTreeSet<&'a str>,
    keys: &'a BTreeMap<String, String>,
) -> BTreeMap<&'a str, &'a str> {
    let keys = names.into_iter().filter_map(|name| Some((name, keys.get(name)?.as_str())));
    keys.collect()
}

/// The view of `secrets/secrets.nix`.
pub(crate) fn agenix(fleet: &Fleet) -> Result<View> {
    let readers = readers(fleet);
    let is_all = |secret: &Secret| readers.hosts.len() > 1 && secret.hosts.len() >= readers.hosts.len();
    let rules = fleet.secrets.items.iter().map(|(name, secret)| {
        let all_hosts = is_all(secret);
        let hosts = known_hosts(secret, &readers).filter(|_| !all_hosts);
        let hosts = hosts.map(|name| Code::new(format!("hosts.{}", nix::attr_name(name))));
        let users = known_users(secret, &readers);
        let users = users.map(|name| Code::new(format!("users.{}", nix::attr_name(name))));
        Ok(Rule {
            name: Code::string(&format!("{name}.age"))?,
            all_hosts,
            keys: hosts.chain(users).collect(),
        })
    });
    let key = |(&name, &value): (&&str, &&str)| {
        let (name, value) = (Code::name(name), Code::string(value)?);
        Ok(Key { name, value })
    };
    Ok(View {
        rules: rules.collect::<Result<_>>()?,
        all_hosts: fleet.secrets.items.values().any(is_all),
        hosts: readers.hosts.iter().map(key).collect::<Result<_>>()?,
        users: readers.users.iter().map(key).collect::<Result<_>>()?,
        keys: vec![],
    })
}

/// The view of `.sops.yaml`.
pub(crate) fn sops(fleet: &Fleet) -> View {
    let readers = readers(fleet);
    let key = |kind: &str, name: &str, value: &str| Key {
        name: Code::new(format!("{kind}-{name}")),
        value: yaml(value),
    };
    let hosts = readers.hosts.iter().map(|(name, value)| key("host", name, value));
    let users = readers.users.iter().map(|(name, value)| key("user", name, value));
    let rules = fleet.secrets.items.iter().map(|(name, secret)| {
        let hosts = known_hosts(secret, &readers).map(|name| Code::new(format!("host-{name}")));
        let users = known_users(secret, &readers).map(|name| Code::new(format!("user-{name}")));
        Rule {
            name: yaml(&format!("^secrets/{}\\.yaml$", name.replace('.', "\\."))),
            all_hosts: false,
            keys: hosts.chain(users).collect(),
        }
    });
    View {
        rules: rules.collect(),
        keys: hosts.chain(users).collect(),
        all_hosts: false,
        hosts: vec![],
        users: vec![],
    }
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
    Code::new(format!("'{}'", text.replace(['\n', '\r'], " ").replace('\'', "''")))
}
