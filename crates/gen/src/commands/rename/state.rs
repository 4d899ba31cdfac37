//! State that goes by a name and does not move with it, as far as the fleet tells: what a machine is
//! before and after, and what its features keep by its name.

use model::{Definition, DiskLayout, Fleet, Host};

use crate::commands::explain::layers;
use crate::origin;

/// Features whose state or place elsewhere goes by the name of the host, and what of it stays.
const BY_HOST_NAME: &[(&str, &str)] = &[
    (
        "development.github-runner",
        "runners are registered as `OLD-…`: remove them at GitHub, the new ones register themselves",
    ),
    (
        "monitoring.alloy",
        "logs in Loki have the label `host=OLD` until they expire",
    ),
    (
        "monitoring.beszel-agent",
        "the hub of Beszel knows a system `OLD`",
    ),
    (
        "monitoring.node-exporter",
        "series in Prometheus have the name `OLD` until they expire; so have silences of alerts",
    ),
    (
        "monitoring.scrutiny",
        "Scrutiny has the history of the disks of `OLD`",
    ),
    (
        "networking.netbird",
        "the network of NetBird knows a peer `OLD`",
    ),
    (
        "networking.tailscale",
        "the tailnet knows a machine `OLD`: see its admin console, and rules and MagicDNS names with `OLD`",
    ),
    (
        "networking.wireguard",
        "its key and address in WireGuard stay; peers by hand elsewhere may call it `OLD`",
    ),
    (
        "networking.zerotier",
        "the network of ZeroTier knows a member `OLD`",
    ),
    (
        "services.forgejo-runner",
        "the runner is registered as `OLD`: remove it in Forgejo",
    ),
    (
        "services.syncthing",
        "other devices of Syncthing know it as `OLD`, by the same id",
    ),
    (
        "virtualization.k3s",
        "the cluster has a node `OLD`: `kubectl delete node OLD` after the switch",
    ),
];

/// Features with repositories per host.
const REPOSITORIES: &[&str] = &["backup.restic", "backup.borg"];

/// What is left behind.
pub(super) fn left(
    kind: &str,
    (old, new): (&str, &str),
    before: &Fleet,
    after: &Fleet,
) -> Vec<String> {
    match kind {
        "host" => host(old, new, before, after),
        "vm" => vm(old, new, before, after),
        "user" => user(old, before),
        "disk" => disk(old, new, before),
        _ => Vec::new(),
    }
}

fn host(old: &str, new: &str, before: &Fleet, after: &Fleet) -> Vec<String> {
    let (Some(was), Some(is)) = (before.hosts.get(old), after.hosts.get(new)) else {
        return Vec::new();
    };
    let mut found = vec![state_version(was, is)];
    for id in REPOSITORIES {
        let Some(enabled) = was.enabled.get(*id) else {
            continue;
        };
        let layers = layers(was, before);
        let given = |option: &str| {
            let own = enabled.options.get(option).map(|it| origin::nix(&it.value));
            own.or_else(|| layered(&layers, &before.namespace, id, option))
        };
        if given("perHost").as_deref() == Some("false") {
            continue;
        }
        if let Some(repository) = given("repository") {
            let repository = repository.trim_matches('"');
            found.push(format!(
                "backups: the repository is {repository}/{old} until the switch and {repository}/{new} after it; move the folder, or its snapshots stay behind"
            ));
        }
    }
    for (id, text) in BY_HOST_NAME {
        if was.enabled.contains_key(*id) {
            found.push(text.replace("OLD", old));
        }
    }
    for vm in &was.microvms {
        found.push(format!(
            "volumes of {vm} stay in /var/lib/microvms/{vm} of the machine, which is the same"
        ));
    }
    found.extend(named_after("secret", old, before.secrets.items.keys()));
    found
}

/// What says that the state version is what it was, which no rename may change.
fn state_version(was: &Host, is: &Host) -> String {
    if was.state_version == is.state_version {
        format!("`stateVersion` stays {}, as it must", is.state_version)
    } else {
        format!(
            "`stateVersion` would be {} and was {}: set it at the host",
            is.state_version, was.state_version
        )
    }
}

fn vm(old: &str, new: &str, before: &Fleet, after: &Fleet) -> Vec<String> {
    let (Some(was), Some(is)) = (before.microvms.get(old), after.microvms.get(new)) else {
        return Vec::new();
    };
    let mut found = vec![state_version(&was.guest, &is.guest)];
    for host in before.hosts.values() {
        if host.microvms.contains(old) {
            found.push(format!(
                "what it keeps on {}: stop `microvm@{old}`, move /var/lib/microvms/{old} to /var/lib/microvms/{new}, then switch",
                host.name
            ));
        }
    }
    let mac = |vm: &model::MicroVm| {
        let interfaces = |it: &&Definition| it.path.to_string() == "microvm.interfaces";
        let definition = vm.guest.definitions.iter().find(interfaces)?;
        let text = nix::render(&definition.value).ok()?;
        let (_, behind) = text.split_once("mac = \"")?;
        Some(behind.split('"').next()?.to_owned())
    };
    if let (Some(was), Some(is)) = (mac(was), mac(is))
        && was != is
    {
        found.push(format!(
            "its MAC address is made of its name: it was {was} and becomes {is}; set `network.mac: \"{was}\"` to keep leases by it"
        ));
    }
    found.extend(named_after("secret", old, before.secrets.items.keys()));
    found
}

fn user(old: &str, before: &Fleet) -> Vec<String> {
    let mut found: Vec<String> = named_after("secret", old, before.secrets.items.keys()).collect();
    let homes: Vec<String> = before
        .hosts
        .values()
        .filter(|host| host.users.contains_key(old))
        .map(|host| host.name.to_string())
        .collect();
    if !homes.is_empty() {
        found.push(format!("to be done on {}", homes.join(", ")));
    }
    let by_home = |id: &&str| {
        let mut hosts = before.hosts.values();
        hosts.any(|host| {
            host.users
                .get(old)
                .is_some_and(|user| user.enabled.contains_key(*id))
        })
    };
    if by_home(&"backup.home-restic") {
        found.push(format!(
            "backups of the home: snapshots have the path /home/{old}; ask for them by it"
        ));
    }
    found
}

/// disko calls partitions and encrypted volumes after the layout, and mounts them by those names.
fn disk(old: &str, new: &str, before: &Fleet) -> Vec<String> {
    let (mut by_label, mut by_pool) = (Vec::new(), Vec::new());
    for host in before.hosts.values() {
        match host.disks.get(old).map(|disk| &disk.layout) {
            None | Some(DiskLayout::ByHand { .. }) => {}
            // Datasets are mounted by the pool's name; only an EFI partition is mounted by its own.
            Some(DiskLayout::Zfs { pool, datasets, .. })
                if !datasets.values().any(|it| it == "/") =>
            {
                by_pool.push((host.name.as_str(), pool));
            }
            Some(_) => by_label.push(host.name.as_str()),
        }
    }
    let mut found = Vec::new();
    if let Some((_, pool)) = by_pool.first() {
        let hosts: Vec<&str> = by_pool.iter().map(|(host, _)| *host).collect();
        found.push(format!(
            "on {} the pool is `{pool}` as before, and its datasets are mounted by that; only labels of partitions stay `disk-{old}-…`, which nothing is mounted by",
            hosts.join(", ")
        ));
    }
    if !by_label.is_empty() {
        found.push(format!(
            "partitions of installed machines are called `disk-{old}-…` and are mounted by it: {} would not boot",
            by_label.join(", ")
        ));
        found.push(format!(
            "there, before the switch: `sgdisk --print DEVICE`, then for each `sgdisk --change-name=NUMBER:disk-{new}-… DEVICE`; or keep the name"
        ));
    }
    found
}

/// Things that are named after it, which keep their names.
fn named_after<'a>(
    kind: &'static str,
    old: &str,
    names: impl Iterator<Item = &'a String>,
) -> impl Iterator<Item = String> {
    let has = |name: &&String| name.split(['-', '_']).any(|part| part == old);
    let found: Vec<String> = names
        .filter(has)
        .map(|name| format!("{kind} `{name}` keeps its name: `gen rename {kind} {name} …`"))
        .collect();
    found.into_iter()
}

/// What a layer gives an option of a feature.
fn layered(
    layers: &[&[Definition]],
    namespace: &str,
    feature: &str,
    option: &str,
) -> Option<String> {
    let path = format!("{namespace}.{feature}.{option}");
    let mut all = layers.iter().flat_map(|layer| layer.iter());
    let found = all.find(|definition| definition.path.to_string() == path)?;
    Some(origin::nix(origin::without_priority(&found.value)))
}
