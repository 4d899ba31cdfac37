//! Secrets of agenix and sops that the spec takes over, and the keys that they are encrypted for.
//!
//! A spec has an encrypted file for each secret, and decrypts by the ssh key of the host. What is
//! otherwise stays settings, and the report says why.

use std::collections::{BTreeMap, BTreeSet};

use crate::assemble::{Options, World};
use crate::eval::{Env, Eval, Value};
use crate::facts::{texts_of, words};
use crate::yaml::{MapBuilder, Yaml};

/// Where hosts of a spec have the key that they decrypt by.
const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key";

/// What a repository keeps its secrets by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Backend {
    #[default]
    Agenix,
    Sops,
}

impl Backend {
    /// The option that its secrets are below.
    fn option(self) -> &'static str {
        match self {
            Self::Agenix => "age",
            Self::Sops => "sops",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Agenix => "file",
            Self::Sops => "sopsFile",
        }
    }
}

/// Secrets that the spec takes over.
#[derive(Default)]
pub(crate) struct Secrets {
    backend: Backend,
    items: BTreeMap<String, Item>,
    /// Encrypted files: name and path in the repository.
    pub(crate) files: BTreeMap<String, String>,
    host_keys: BTreeMap<usize, String>,
    user_keys: BTreeMap<String, String>,
    /// Those that it does not, and why.
    pub(crate) left: Vec<String>,
}

#[derive(Default)]
struct Item {
    hosts: BTreeSet<usize>,
    users: BTreeSet<String>,
    keys: BTreeMap<String, String>,
    /// Assignments that it stands for.
    places: Vec<(usize, usize)>,
}

/// Finds the secrets that the spec can take over; others that data uses are returned with the reason,
/// and have to stay code.
pub(crate) fn find(
    eval: &Eval<'_>,
    world: &mut World,
    options: &Options,
    open: &BTreeMap<String, String>,
) -> Result<Secrets, BTreeMap<String, String>> {
    let uses = uses(world);
    let has = |backend: Backend| {
        let path = [backend.option(), "secrets"];
        (0..world.hosts.len()).any(|host| !world.below(host, &path).is_empty())
    };
    let backend = match (has(Backend::Agenix), has(Backend::Sops)) {
        (false, true) => Backend::Sops,
        _ => Backend::Agenix,
    };
    let mut found = Secrets {
        backend,
        ..Secrets::default()
    };
    let mut refused: BTreeMap<String, String> = BTreeMap::new();
    for other in [Backend::Agenix, Backend::Sops] {
        for name in declared(world, other).into_keys() {
            let title = format!("`{}.secrets.{}`", other.option(), nix::attr_name(&name));
            let result = match open.get(&name) {
                Some(why) => Err(why.clone()),
                None if other != backend => {
                    Err("a spec has one backend, and agenix is here as well".to_owned())
                }
                None => item(eval, world, &mut found, &uses, &name, options),
            };
            if let Err(why) = result {
                found.left.push(format!("{title}: {why}"));
                if uses.contains_key(&name) {
                    refused.insert(name, why);
                }
            }
        }
    }
    for name in uses.keys() {
        if !found.items.contains_key(name) && !refused.contains_key(name) {
            let why = "no module declares it as data".to_owned();
            refused.insert(name.clone(), why);
        }
    }
    if !refused.is_empty() {
        return Err(refused);
    }
    let items: Vec<(usize, usize)> = found
        .items
        .values()
        .flat_map(|item| item.places.iter().copied())
        .collect();
    for place in items {
        world.take(place);
    }
    around(world, &found);
    Ok(found)
}

/// Where data uses a secret: hosts, and whether as the password of an account.
fn uses(world: &World) -> BTreeMap<String, BTreeSet<(usize, bool)>> {
    let mut found: BTreeMap<String, BTreeSet<(usize, bool)>> = BTreeMap::new();
    for entry in &world.entries {
        for assign in &entry.unit.assigns {
            let Ok(value) = &assign.value else { continue };
            let is_password = matches!(assign.path.as_slice(), [users, inner, _, key]
                if users == "users" && inner == "users" && key == "hashedPasswordFile");
            words(value, "secret", &mut |name| {
                let hosts = entry.hosts.iter().map(|host| (*host, is_password));
                found.entry(name.to_owned()).or_default().extend(hosts);
            });
        }
    }
    found
}

/// Assignments of each secret: host, entry and index.
fn declared(world: &World, backend: Backend) -> BTreeMap<String, Vec<(usize, usize, usize)>> {
    let mut found: BTreeMap<String, Vec<(usize, usize, usize)>> = BTreeMap::new();
    for host in 0..world.hosts.len() {
        for (e, a) in world.below(host, &[backend.option(), "secrets"]) {
            if let Some(name) = world.assign(e, a).path.get(2) {
                found.entry(name.clone()).or_default().push((host, e, a));
            }
        }
    }
    found
}

/// One secret, if a spec can say it.
fn item(
    eval: &Eval<'_>,
    world: &World,
    found: &mut Secrets,
    uses: &BTreeMap<String, BTreeSet<(usize, bool)>>,
    name: &str,
    options: &Options,
) -> Result<(), String> {
    let backend = found.backend;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.chars().all(word) {
        return Err("a spec has no such name".to_owned());
    }
    let places = declared(world, backend).remove(name).unwrap_or_default();
    let mut item = Item::default();
    let mut files: BTreeMap<usize, String> = BTreeMap::new();
    let mut for_users = BTreeSet::new();
    for (host, e, a) in &places {
        item.hosts.insert(*host);
        let assign = world.assign(*e, *a);
        let key = assign.path.get(3).map(String::as_str);
        let is_taken = match (key, &assign.value) {
            (None, Ok(Yaml::Map(entries))) => entries.is_empty(),
            (Some(key), Ok(Yaml::Word("file", path))) if key == backend.file() => {
                files.insert(*host, in_repository(path));
                true
            }
            (Some(key), _) if key == backend.file() => {
                return Err(format!("its `{key}` is computed"));
            }
            (Some(key @ ("owner" | "group" | "mode" | "path")), Ok(Yaml::Str(text))) => {
                let before = item.keys.insert(key.to_owned(), text.clone());
                if before.is_some_and(|before| before != *text) {
                    return Err(format!("its `{key}` differs from host to host"));
                }
                true
            }
            (Some("key"), Ok(Yaml::Str(text))) if backend == Backend::Sops => {
                if text != name {
                    return Err(format!("in its file it is called `{text}`"));
                }
                true
            }
            (Some("format"), value) if backend == Backend::Sops => {
                if *value != Ok(Yaml::text("yaml")) {
                    return Err("its file is no YAML".to_owned());
                }
                true
            }
            (Some("neededForUsers"), Ok(Yaml::Bool(true))) if backend == Backend::Sops => {
                for_users.insert(*host);
                true
            }
            (Some("neededForUsers"), _) if backend == Backend::Sops => {
                return Err("its `neededForUsers` is not just `true`".to_owned());
            }
            // What else it says merges with what the spec renders.
            _ => false,
        };
        if is_taken {
            item.places.push((*e, *a));
        }
    }
    let used = uses.get(name).cloned().unwrap_or_default();
    for host in &item.hosts {
        let title = &world.hosts[*host].name;
        let (by_data, as_password) = (
            used.contains(&(*host, false)),
            used.contains(&(*host, true)),
        );
        if !by_data && !as_password {
            return Err(format!("host `{title}` does not use its path as data"));
        }
        let is_for_users = backend == Backend::Agenix || for_users.contains(host) == as_password;
        if !is_for_users || backend == Backend::Sops && as_password && by_data {
            return Err(format!(
                "on host `{title}` it is decrypted before there are users, and is not only a password, or the reverse"
            ));
        }
        if backend == Backend::Sops && !files.contains_key(host) {
            let default = world.one(*host, &["sops", "defaultSopsFile"]);
            match default {
                Some((_, Yaml::Word("file", path))) => {
                    files.insert(*host, in_repository(path));
                }
                _ => return Err("no module says its file as data".to_owned()),
            }
        }
        decrypts_by_host_key(world, *host, backend)?;
    }
    for (host, _) in &used {
        if !item.hosts.contains(host) {
            let title = &world.hosts[*host].name;
            return Err(format!(
                "host `{title}` uses it, and does not declare it as data"
            ));
        }
    }
    let paths: BTreeSet<String> = files.into_values().collect();
    let mut paths = paths.into_iter();
    let (Some(path), None) = (paths.next(), paths.next()) else {
        return Err("it has not one file on all hosts".to_owned());
    };
    let keys = match backend {
        Backend::Agenix => of_rules(eval, &path)?,
        Backend::Sops => of_sops(eval, &path, name)?,
    };
    holders(world, found, &mut item, &keys, options)?;
    found.files.insert(name.to_owned(), path);
    found.items.insert(name.to_owned(), item);
    Ok(())
}

/// The path of a file that the spec would have below `nix/`.
fn in_repository(path: &str) -> String {
    let path = path.strip_prefix("nix/").unwrap_or(path);
    path.trim_end_matches(".asset").to_owned()
}

/// A spec names the ssh key of the host, whatever its modules say.
fn decrypts_by_host_key(world: &World, host: usize, backend: Backend) -> Result<(), String> {
    if backend == Backend::Agenix {
        return Ok(());
    }
    let title = &world.hosts[host].name;
    let paths = world.at(host, &["sops", "age", "sshKeyPaths"]);
    let is_host_key = |(e, a): &(usize, usize)| {
        let value = &world.assign(*e, *a).value;
        let texts = value.as_ref().ok().and_then(texts_of);
        texts.is_some_and(|texts| texts == [HOST_KEY])
    };
    let by_default = paths.is_empty()
        && world
            .one(host, &["services", "openssh", "enable"])
            .is_some_and(|(_, value)| *value == Yaml::Bool(true));
    if by_default || !paths.is_empty() && paths.iter().all(is_host_key) {
        return Ok(());
    }
    Err(format!(
        "host `{title}` does not decrypt by `{HOST_KEY}`, as those of a spec do"
    ))
}

/// Keys that a file is encrypted for, with the names that the repository has for them.
type Keys = Vec<(String, Option<String>)>;

/// Who holds the keys; all of them are known by name, and those of the hosts are among them.
fn holders(
    world: &World,
    found: &mut Secrets,
    item: &mut Item,
    keys: &Keys,
    options: &Options,
) -> Result<(), String> {
    let mut hosts: BTreeMap<usize, String> = BTreeMap::new();
    let mut users: BTreeMap<String, String> = BTreeMap::new();
    for (key, name) in keys {
        let Some(name) = name else {
            let short: String = key.chars().take(32).collect();
            return Err(format!("nothing says whose the key `{short}…` is"));
        };
        let host = (0..world.hosts.len()).find(|host| {
            let names = names(world, *host);
            match options.keys.iter().find(|(own, _)| names.contains(own)) {
                Some((_, given)) => given == name,
                None => names.iter().any(|own| own == without_kind(name)),
            }
        });
        match host {
            Some(host) => hosts.insert(host, key.clone()),
            None => users.insert(name.clone(), key.clone()),
        };
    }
    for host in &item.hosts {
        if !hosts.contains_key(host) {
            let title = &world.hosts[*host].name;
            let names: Vec<&str> = users.keys().map(String::as_str).collect();
            return Err(format!(
                "none of the keys that it is encrypted for is known to be that of host `{title}`; say which by `--key {title}=NAME`: {}",
                names.join(", ")
            ));
        }
    }
    let twice = || "one name has two keys".to_owned();
    for (host, key) in &hosts {
        if found
            .host_keys
            .get(host)
            .is_some_and(|before| before != key)
        {
            return Err(twice());
        }
    }
    for (name, key) in &users {
        if found
            .user_keys
            .get(name)
            .is_some_and(|before| before != key)
        {
            return Err(twice());
        }
    }
    item.users = users.keys().cloned().collect();
    found.host_keys.extend(hosts);
    found.user_keys.extend(users);
    Ok(())
}

/// What a host is called.
fn names(world: &World, host: usize) -> Vec<String> {
    let own = &world.hosts[host];
    let mut names = vec![own.name.clone(), own.attr.clone()];
    if let Some((_, Yaml::Str(name))) = world.one(host, &["networking", "hostName"]) {
        names.push(name.clone());
    }
    names
}

/// The name of a key without the word for what holds it.
fn without_kind(name: &str) -> &str {
    ["host", "hosts", "server", "system", "machine"]
        .iter()
        .find_map(|kind| name.strip_prefix(kind)?.strip_prefix(['_', '-']))
        .unwrap_or(name)
}

/// The keys of a file by the rules of agenix, `secrets.nix`.
fn of_rules(eval: &Eval<'_>, path: &str) -> Result<Keys, String> {
    let rules: Vec<String> = eval
        .repo()
        .paths()
        .filter(|path| *path == "secrets.nix" || path.ends_with("/secrets.nix"))
        .cloned()
        .collect();
    for rule_path in rules {
        let Some(place) = eval.file(&rule_path) else {
            continue;
        };
        let Value::Attrs(attrs, origin) = eval.eval(&place) else {
            continue;
        };
        let env = origin.map(|origin| origin.env).unwrap_or_default();
        let folder = rule_path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (file, slot) in attrs.iter() {
            if crate::repo::join(folder, file).as_deref() != Some(path) {
                continue;
            }
            let Value::Attrs(rule, _) = eval.force(slot) else {
                return Err(format!("its rule in `{rule_path}` is computed"));
            };
            let keys = rule.get("publicKeys").map(|keys| eval.force(keys));
            let Some(Value::List(keys)) = keys else {
                return Err(format!("its rule in `{rule_path}` is computed"));
            };
            return keys
                .iter()
                .map(|key| {
                    let key = eval.string(key);
                    let key = key.ok_or_else(|| format!("a key in `{rule_path}` is computed"))?;
                    let holder = holder(eval, &env, &key);
                    Ok((key, holder))
                })
                .collect();
        }
    }
    Err("no `secrets.nix` says who can decrypt it".to_owned())
}

/// The name that a key is bound to.
fn holder(eval: &Eval<'_>, env: &Env, key: &str) -> Option<String> {
    let mut found = None;
    env.each_name(|name, slot| {
        if found.is_some() {
            return;
        }
        match eval.force(slot) {
            Value::Str(text) if text == key => found = Some(name.to_owned()),
            Value::Attrs(inner, _) => {
                for (name, slot) in inner.iter() {
                    if eval.string(slot).as_deref() == Some(key) {
                        found = Some(name.clone());
                    }
                }
            }
            _ => {}
        }
    });
    found
}

/// The keys of a file of sops, which holds the secret and nothing else; named by the anchors in
/// `.sops.yaml`.
///
/// sops writes its files itself, in one layout: a key a line, and below `sops` a list of recipients.
fn of_sops(eval: &Eval<'_>, path: &str, name: &str) -> Result<Keys, String> {
    let text = eval.repo().text(path);
    let text = text.ok_or_else(|| format!("`{path}` is not there"))?;
    if !(path.ends_with(".yaml") || path.ends_with(".yml")) {
        return Err(format!("`{path}` is no YAML"));
    }
    let mut keys = Vec::new();
    let mut recipients = Vec::new();
    let mut others = BTreeSet::new();
    let mut in_sops = false;
    for line in text.lines() {
        if line.trim().is_empty() || line.starts_with('#') || line == "---" {
            continue;
        }
        let is_inner = line.starts_with([' ', '-', '\t']);
        if !is_inner {
            let (key, value) = line
                .split_once(':')
                .ok_or_else(|| format!("`{path}` is not as sops writes it"))?;
            in_sops = key == "sops";
            if !in_sops {
                keys.push((key.trim_matches('"').to_owned(), value.trim().to_owned()));
            }
        } else if in_sops {
            let inner = line.trim_start_matches([' ', '-']);
            if let Some(key) = inner.strip_prefix("recipient: ") {
                recipients.push(key.trim().to_owned());
            }
            for (start, kind) in [
                ("fp: ", "PGP"),
                ("arn: ", "AWS"),
                ("vault_address: ", "Vault"),
            ] {
                if inner.starts_with(start) {
                    others.insert(kind);
                }
            }
        }
    }
    match keys.as_slice() {
        [(only, value)] if only == name && value.starts_with("ENC[") => {}
        [(only, _)] if only == name => {
            return Err(format!("`{path}` holds more than one value below `{name}`"));
        }
        [(only, _)] => return Err(format!("in `{path}` it is called `{only}`")),
        several => {
            return Err(format!(
                "`{path}` holds {} secrets, and sops cannot take them apart without a key; a spec has a file for each",
                several.len()
            ));
        }
    }
    if let Some(kind) = others.first() {
        return Err(format!(
            "it is encrypted for keys of {kind}, and a spec has keys of age"
        ));
    }
    if recipients.is_empty() {
        return Err(format!("`{path}` names no keys"));
    }
    let anchors = anchors(eval.repo().text(".sops.yaml").unwrap_or_default());
    Ok(recipients
        .into_iter()
        .map(|key| {
            let name = anchors.get(&key).cloned();
            (key, name)
        })
        .collect())
}

/// Names of keys: `- &alice age1…`.
fn anchors(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        for pair in words.windows(2) {
            if let Some(anchor) = pair[0].strip_prefix('&') {
                let key = pair[1].trim_matches(['"', '\'']);
                if key.starts_with("age1") {
                    found.insert(key.to_owned(), anchor.to_owned());
                }
            }
        }
    }
    found
}

/// What hosts say about all of their secrets, where the spec says it now.
fn around(world: &mut World, found: &Secrets) {
    let keys = match found.backend {
        Backend::Agenix => &["age", "identityPaths"][..],
        Backend::Sops => &["sops", "age", "sshKeyPaths"],
    };
    let all = declared(world, found.backend);
    let mut places = Vec::new();
    for host in 0..world.hosts.len() {
        if !found.items.values().any(|item| item.hosts.contains(&host)) {
            continue;
        }
        if let Some((place, value)) = world.one(host, keys)
            && texts_of(value).is_some_and(|texts| texts == [HOST_KEY])
            && is_of_all(world, found, place.0)
        {
            places.push(place);
        }
        // Nobody reads the default any more.
        let left = all.iter().any(|(name, places)| {
            !found.items.contains_key(name) && places.iter().any(|(other, ..)| *other == host)
        });
        if let Some((place, Yaml::Word("file", _))) = world.one(host, &["sops", "defaultSopsFile"])
            && !left
            && is_of_all(world, found, place.0)
        {
            places.push(place);
        }
    }
    for place in places {
        world.take(place);
    }
}

/// Whether every host of a module has secrets of the spec.
fn is_of_all(world: &World, found: &Secrets, entry: usize) -> bool {
    let has = |host: &usize| found.items.values().any(|item| item.hosts.contains(host));
    world.entries[entry].hosts.iter().all(has)
}

impl Secrets {
    /// `fleet.secrets.backend`, where it is not what it is anyway.
    pub(crate) fn backend(&self) -> Option<&'static str> {
        (!self.items.is_empty() && self.backend == Backend::Sops).then_some("sops")
    }

    /// The input whose module a host of the spec has.
    pub(crate) fn input_of(&self, host: usize) -> Option<&'static str> {
        let has = self.items.values().any(|item| item.hosts.contains(&host));
        has.then_some(match self.backend {
            Backend::Agenix => "agenix",
            Backend::Sops => "sops-nix",
        })
    }

    /// What the encrypted file of a secret is called.
    pub(crate) fn file_name(&self, name: &str) -> String {
        match self.backend {
            Backend::Agenix => format!("{name}.age"),
            Backend::Sops => format!("{name}.yaml"),
        }
    }

    /// Section `secrets`.
    pub(crate) fn yaml(&self, world: &World) -> Option<Yaml> {
        if self.items.is_empty() {
            return None;
        }
        let mut map = MapBuilder::default();
        let keys = |keys: Vec<(&String, &String)>| {
            let keys = keys.into_iter();
            Yaml::Map(
                keys.map(|(name, key)| (name.clone(), Yaml::text(key)))
                    .collect(),
            )
        };
        let mut both = MapBuilder::default();
        if !self.host_keys.is_empty() {
            let named = self.host_keys.iter();
            let named = named.map(|(host, key)| (&world.hosts[*host].name, key));
            both.add("hosts", keys(named.collect()));
        }
        if !self.user_keys.is_empty() {
            both.add("users", keys(self.user_keys.iter().collect()));
        }
        if !both.is_empty() {
            map.add("keys", both.build());
        }
        let mut items = MapBuilder::default();
        for (name, item) in &self.items {
            let mut one = MapBuilder::default();
            let hosts = item
                .hosts
                .iter()
                .map(|host| world.hosts[*host].name.as_str());
            one.add("hosts", Yaml::texts(hosts));
            if !item.users.is_empty() && item.users.len() < self.user_keys.len() {
                one.add("users", Yaml::texts(item.users.iter().map(String::as_str)));
            }
            for (key, value) in &item.keys {
                one.add(key, Yaml::text(value));
            }
            items.add(name, one.build());
        }
        map.add("items", items.build());
        Some(map.build())
    }
}
