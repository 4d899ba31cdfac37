//! `README.md`: an inventory for people.

use std::collections::BTreeMap;

use model::{Fleet, Half, Host, Installer, MicroVm, PortNumbers, Protocol};
use serde::Serialize;

use crate::code::Code;
use crate::graph::{Graph, Kind};
use crate::views::{disks, halves, layer, user};

/// The inventory.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    name: Code,
    description: Option<Code>,
    example: Code,
    hosts: Vec<HostView>,
    users: Vec<UserView>,
    ports: Vec<PortView>,
    microvms: Vec<MicroVmView>,
    microvm: Code,
    installer: Option<Code>,
    installers: Vec<(Code, Code, Code)>,
    has_recipes: bool,
    is_deployed: bool,
    features: Vec<(Code, Code, Code)>,
    secrets: Vec<(Code, Code, Code)>,
    images: Vec<ImageView>,
    retired: Code,
    picture: Option<Code>,
    layout: Vec<Folder>,
}

#[derive(Debug, Serialize)]
struct HostView {
    name: Code,
    link: Code,
    description: Code,
    system: Code,
    template: Code,
    address: Code,
    login: Code,
    users: Code,
    n_features: Code,
}

#[derive(Debug, Serialize)]
struct UserView {
    name: Code,
    link: Code,
    full_name: Code,
    admin: Code,
    hosts: Code,
}

#[derive(Debug, Serialize)]
struct PortView {
    host: Code,
    interface: Code,
    zone: Code,
    numbers: Code,
    protocol: Code,
    feature: Code,
}

#[derive(Debug, Serialize)]
struct MicroVmView {
    name: Code,
    link: Code,
    description: Code,
    memory: Code,
    vcpu: Code,
    reached: Code,
    keeps: Code,
    hosts: Code,
}

#[derive(Debug, Serialize)]
struct ImageView {
    name: Code,
    link: Code,
    description: Code,
    format: Code,
    system: Code,
}

#[derive(Debug, Serialize)]
struct Folder {
    path: Code,
    what: Code,
}

/// The view of the inventory.
pub(crate) fn view(fleet: &Fleet) -> View {
    let mut hosts_of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for host in fleet.hosts.values() {
        for name in host.users.keys() {
            hosts_of
                .entry(name.as_str())
                .or_default()
                .push(host.name.as_str());
        }
    }
    let users = fleet
        .users
        .values()
        .filter(|it| user::has_module(it))
        .map(|user| UserView {
            name: markdown(user.name.as_str()),
            link: Code::new(format!("users/{}/default.nix", user.name)),
            full_name: markdown(user.full_name.as_deref().unwrap_or("")),
            admin: Code::new(if user.admin { "yes" } else { "" }),
            hosts: names(
                hosts_of
                    .get(user.name.as_str())
                    .into_iter()
                    .flatten()
                    .copied(),
            ),
        });
    View {
        name: markdown(&fleet.name),
        description: fleet.description.as_deref().map(markdown),
        example: Code::new(
            fleet
                .hosts
                .keys()
                .next()
                .map_or("HOST", |name| name.as_str()),
        ),
        hosts: fleet
            .hosts
            .values()
            .map(|host| host_view(fleet, host))
            .collect(),
        users: users.collect(),
        ports: fleet.hosts.values().flat_map(ports).collect(),
        microvms: fleet
            .microvms
            .values()
            .map(|vm| microvm_view(fleet, vm))
            .collect(),
        microvm: Code::new(
            fleet
                .microvms
                .keys()
                .next()
                .map_or("VM", |name| name.as_str()),
        ),
        installer: fleet
            .installers
            .keys()
            .next()
            .map(|host| Code::new(format!("live-iso-{host}"))),
        installers: fleet.installers.values().map(installer).collect(),
        has_recipes: !fleet.recipes.is_empty(),
        is_deployed: !fleet.deploy.nodes.is_empty(),
        features: features(fleet),
        secrets: secrets(fleet),
        images: fleet
            .images
            .values()
            .map(|image| ImageView {
                name: markdown(image.machine.name.as_str()),
                link: Code::new(format!("images/{}.nix", image.machine.name)),
                description: markdown(image.machine.description.as_deref().unwrap_or("")),
                format: Code::new(image.format.word()),
                system: markdown(&image.machine.system),
            })
            .collect(),
        retired: names(fleet.retired.iter().map(AsRef::as_ref)),
        picture: picture(fleet),
        layout: layout(fleet),
    }
}

/// Machines of which a picture is still legible.
const MOST_DRAWN: usize = 30;

/// What the machines have in common, as Mermaid; none where there is nothing to see, or too much.
fn picture(fleet: &Fleet) -> Option<Code> {
    if fleet.hosts.len() + fleet.microvms.len() > MOST_DRAWN {
        return None;
    }
    let kinds = [Kind::Host, Kind::MicroVm, Kind::Template, Kind::Zone];
    let graph = Graph::of(fleet).only(&kinds);
    (!graph.edges.is_empty()).then(|| Code::new(graph.mermaid()))
}

fn host_view(fleet: &Fleet, host: &Host) -> HostView {
    let reach = fleet.deploy.reach.get(&host.name);
    let login = reach.map_or_else(String::new, |reach| match &reach.ssh_user {
        Some(user) => format!("{user}@{}", reach.address),
        None => reach.address.clone(),
    });
    HostView {
        login: markdown(&login),
        name: markdown(host.name.as_str()),
        link: Code::new(format!("hosts/{}/default.nix", host.name)),
        description: markdown(host.description.as_deref().unwrap_or("")),
        system: markdown(&host.system),
        template: markdown(host.template.as_ref().map_or("", |name| name.as_str())),
        address: markdown(host.address.as_deref().unwrap_or("")),
        users: names(host.users.keys().map(AsRef::as_ref)),
        n_features: Code::new(host.enabled.len().to_string()),
    }
}

/// An installer: its package, its host, whether it needs a network.
fn installer(installer: &Installer) -> (Code, Code, Code) {
    let host = &installer.host;
    let network = if installer.with_system {
        "no: it carries the built system"
    } else {
        "yes"
    };
    (
        Code::new(format!("[live-iso-{host}](installers/{host}.nix)")),
        markdown(host.as_str()),
        Code::new(network),
    )
}

/// What runs where: each feature with a system half, what it is, and its hosts.
fn features(fleet: &Fleet) -> Vec<(Code, Code, Code)> {
    let rows = halves(fleet, Half::System).filter_map(|(feature, _)| {
        let id = &feature.id;
        let on = fleet.hosts.values();
        let on: Vec<&Host> = on.filter(|host| host.enabled.contains_key(id)).collect();
        if on.is_empty() {
            return None;
        }
        let hosts = if on.len() == fleet.hosts.len() && on.len() > 1 {
            Code::new("all")
        } else {
            names(on.iter().map(|host| host.name.as_str()))
        };
        let link = format!("[{id}](modules/{}/{}.nix)", id.category(), id.name());
        Some((Code::new(link), markdown(&feature.summary), hosts))
    });
    rows.collect()
}

/// The secrets: who reads and who edits each.
fn secrets(fleet: &Fleet) -> Vec<(Code, Code, Code)> {
    let rows = fleet.secrets.items.iter().map(|(name, secret)| {
        let hosts = names(secret.hosts.iter().map(AsRef::as_ref));
        let users = names(secret.users.iter().map(String::as_str));
        (markdown(name), hosts, users)
    });
    rows.collect()
}

fn microvm_view(fleet: &Fleet, vm: &MicroVm) -> MicroVmView {
    let name = &vm.guest.name;
    let forwards = vm.forwards.iter().map(|forward| {
        let protocol = match forward.protocol {
            Protocol::Tcp => "",
            Protocol::Udp => "/udp",
        };
        let address = &forward.address;
        format!("{address}:{}{protocol} → {}", forward.host, forward.guest)
    });
    let bridge = vm.bridge.iter().map(|bridge| {
        let address = vm.address.as_deref().unwrap_or("DHCP");
        format!("{address} on {bridge}")
    });
    let reached: Vec<String> = bridge.chain(forwards).collect();
    let keeps: Vec<&str> = vm.volumes.iter().map(|(_, point)| point.as_str()).collect();
    let hosts = fleet.hosts.values();
    let hosts = hosts.filter(|host| host.microvms.contains(name));
    let memory = if vm.memory.is_multiple_of(1024) {
        format!("{} GiB", vm.memory / 1024)
    } else {
        format!("{} MiB", vm.memory)
    };
    MicroVmView {
        name: markdown(name.as_str()),
        link: Code::new(format!("microvms/{name}.nix")),
        description: markdown(vm.guest.description.as_deref().unwrap_or("")),
        memory: Code::new(memory),
        vcpu: Code::new(vm.vcpu.to_string()),
        reached: markdown(&reached.join(", ")),
        keeps: markdown(&keeps.join(", ")),
        hosts: names(hosts.map(|host| host.name.as_str())),
    }
}

fn ports(host: &Host) -> impl Iterator<Item = PortView> {
    host.ports.iter().map(|port| PortView {
        host: markdown(host.name.as_str()),
        interface: markdown(&port.interface),
        zone: markdown(&port.zone),
        numbers: Code::new(match port.numbers {
            PortNumbers::One(port) => port.to_string(),
            PortNumbers::Range(from, to) => format!("{from}–{to}"),
        }),
        protocol: Code::new(match port.protocol {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
        }),
        feature: markdown(port.feature.as_str()),
    })
}

/// The folders that there are.
fn layout(fleet: &Fleet) -> Vec<Folder> {
    let has = |half| halves(fleet, half).next().is_some();
    let folders = [
        (
            !fleet.hosts.is_empty(),
            "hosts/",
            "each host: what it imports and its hardware",
        ),
        (
            fleet
                .hosts
                .values()
                .any(|host| !host.disks.is_empty() && disks::is_shared(host)),
            "disks/",
            "partitions and file systems, a layout a file",
        ),
        (
            !fleet.microvms.is_empty(),
            "microvms/",
            "small virtual machines, a guest a file",
        ),
        (
            !fleet.images.is_empty(),
            "images/",
            "machines to start a host from, an image a file",
        ),
        (
            !fleet.installers.is_empty(),
            "installers/",
            "media that install a host, a host a file",
        ),
        (
            !(fleet.installers.is_empty() && fleet.recipes.is_empty()),
            "scripts/",
            "what recipes and installers run",
        ),
        (
            !fleet.users.is_empty(),
            "users/",
            "each user, on every host and on single ones",
        ),
        (
            !fleet.templates.is_empty(),
            "templates/",
            "settings that kinds of hosts share",
        ),
        (
            has(Half::System),
            "modules/",
            "the options of this fleet, a feature a file",
        ),
        (
            !has(Half::System) && layer::has_fleet(fleet),
            "modules/",
            "settings that all hosts share",
        ),
        (
            !fleet.profiles.is_empty(),
            "home/profiles/",
            "settings that kinds of users share",
        ),
        (has(Half::Home), "home/", "features of Home Manager"),
        (
            !fleet.secrets.items.is_empty(),
            "secrets/",
            "encrypted files, which are yours",
        ),
        (
            !fleet.assets.is_empty(),
            "custom/",
            "files copied from the specification",
        ),
    ];
    let folders = folders
        .into_iter()
        .filter(|&(exists, ..)| exists)
        .map(|(_, path, what)| Folder {
            path: Code::new(format!("`{path}`")),
            what: Code::new(what),
        });
    folders.collect()
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> Code {
    Code::new(
        names
            .map(|name| markdown(name).to_string())
            .collect::<Vec<_>>()
            .join(", "),
    )
}

/// Text in a cell or a line of Markdown, with what it would read as markup escaped.
fn markdown(text: &str) -> Code {
    let text = text.trim();
    // Most names, and a large fleet has many.
    if !text.contains(['_', '\n', '\r']) && !text.contains(is_markup) {
        return Code::new(text);
    }
    let mut escaped = String::with_capacity(text.len());
    let mut previous = ' ';
    for (char_idx, char) in text.char_indices() {
        let next = text[char_idx..].chars().nth(1).unwrap_or(' ');
        // Inside a word it means nothing.
        let emphasizes = char == '_' && !(previous.is_alphanumeric() && next.is_alphanumeric());
        if emphasizes || is_markup(char) {
            escaped.push('\\');
        }
        escaped.push(if matches!(char, '\n' | '\r') {
            ' '
        } else {
            char
        });
        previous = char;
    }
    Code::new(escaped)
}

/// Whether Markdown reads a character as markup wherever it stands.
fn is_markup(char: char) -> bool {
    matches!(
        char,
        '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '#' | '&'
    )
}
