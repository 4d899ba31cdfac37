//! `README.md`: an inventory for people.

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::{Fleet, Half, Host, Image, Installer, MicroVm, PortNumbers, Protocol};
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
    hosts: Code,
    users: Code,
    ports: Code,
    microvms: Code,
    microvm: Code,
    installer: Option<Code>,
    installers: Code,
    has_recipes: bool,
    is_deployed: bool,
    features: Code,
    secrets: Code,
    image: Option<Code>,
    images: Code,
    retired: Code,
    picture: Option<Code>,
    layout: Code,
}

/// A cell of a table.
type Cell<'a> = Cow<'a, str>;

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
        .map(|user| {
            let hosts = hosts_of.get(user.name.as_str());
            [
                link(
                    user.name.as_str(),
                    &format!("users/{}/default.nix", user.name),
                ),
                markdown(user.full_name.as_deref().unwrap_or("")),
                Cow::from(if user.admin { "yes" } else { "" }),
                names(hosts.into_iter().flatten().copied()),
            ]
        });
    View {
        name: code(markdown(&fleet.name)),
        description: fleet.description.as_deref().map(markdown).map(code),
        example: Code::new(
            fleet
                .hosts
                .keys()
                .next()
                .map_or("HOST", |name| name.as_str()),
        ),
        hosts: rows(fleet.hosts.values().map(|host| host_row(fleet, host))),
        users: rows(users),
        ports: rows(fleet.hosts.values().flat_map(ports)),
        microvms: rows(fleet.microvms.values().map(|vm| microvm_row(fleet, vm))),
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
        installers: rows(fleet.installers.values().map(installer)),
        has_recipes: !fleet.recipes.is_empty(),
        is_deployed: !fleet.deploy.nodes.is_empty(),
        features: features(fleet),
        secrets: secrets(fleet),
        image: fleet
            .images
            .keys()
            .next()
            .map(|name| code(markdown(name.as_str()))),
        images: rows(fleet.images.values().map(image)),
        retired: code(names(fleet.retired.iter().map(AsRef::as_ref))),
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

fn host_row<'a>(fleet: &Fleet, host: &'a Host) -> [Cell<'a>; 8] {
    let reach = fleet.deploy.reach.get(&host.name);
    let login = reach.map_or_else(String::new, |reach| match &reach.ssh_user {
        Some(user) => format!("{user}@{}", reach.address),
        None => reach.address.clone(),
    });
    let name = host.name.as_str();
    [
        link(name, &format!("hosts/{name}/default.nix")),
        markdown(host.description.as_deref().unwrap_or("")),
        markdown(&host.system),
        markdown(host.template.as_ref().map_or("", |name| name.as_str())),
        markdown(host.address.as_deref().unwrap_or("")),
        Cow::from(markdown(&login).into_owned()),
        names(host.users.keys().map(AsRef::as_ref)),
        Cow::from(host.enabled.len().to_string()),
    ]
}

fn image(image: &Image) -> [Cell<'_>; 4] {
    let machine = &image.machine;
    [
        link(
            machine.name.as_str(),
            &format!("images/{}.nix", machine.name),
        ),
        markdown(machine.description.as_deref().unwrap_or("")),
        Cow::from(image.format.word()),
        markdown(&machine.system),
    ]
}

/// An installer: its package, its host, whether it needs a network.
fn installer(installer: &Installer) -> [Cell<'_>; 3] {
    let host = &installer.host;
    let network = if installer.with_system {
        "no: it carries the built system"
    } else {
        "yes"
    };
    [
        Cow::from(format!("[live-iso-{host}](installers/{host}.nix)")),
        markdown(host.as_str()),
        Cow::from(network),
    ]
}

/// What runs where: each feature with a system half, what it is, and its hosts.
fn features(fleet: &Fleet) -> Code {
    let features = halves(fleet, Half::System).filter_map(|(feature, _)| {
        let id = &feature.id;
        let on = fleet.hosts.values();
        let on: Vec<&Host> = on.filter(|host| host.enabled.contains_key(id)).collect();
        if on.is_empty() {
            return None;
        }
        let hosts = if on.len() == fleet.hosts.len() && on.len() > 1 {
            Cow::from("all")
        } else {
            names(on.iter().map(|host| host.name.as_str()))
        };
        let link = format!("[{id}](modules/{}/{}.nix)", id.category(), id.name());
        Some([Cow::from(link), markdown(&feature.summary), hosts])
    });
    rows(features)
}

/// The secrets: who reads and who edits each.
fn secrets(fleet: &Fleet) -> Code {
    let secrets = fleet.secrets.items.iter().map(|(name, secret)| {
        let hosts = names(secret.hosts.iter().map(AsRef::as_ref));
        let users = names(secret.users.iter().map(String::as_str));
        [markdown(name), hosts, users]
    });
    rows(secrets)
}

fn microvm_row<'a>(fleet: &'a Fleet, vm: &'a MicroVm) -> [Cell<'a>; 7] {
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
    [
        link(name.as_str(), &format!("microvms/{name}.nix")),
        markdown(vm.guest.description.as_deref().unwrap_or("")),
        Cow::from(memory),
        Cow::from(vm.vcpu.to_string()),
        Cow::from(markdown(&reached.join(", ")).into_owned()),
        Cow::from(markdown(&keeps.join(", ")).into_owned()),
        names(hosts.map(|host| host.name.as_str())),
    ]
}

fn ports(host: &Host) -> impl Iterator<Item = [Cell<'_>; 6]> {
    host.ports.iter().map(|port| {
        [
            markdown(host.name.as_str()),
            markdown(&port.interface),
            markdown(&port.zone),
            Cow::from(match port.numbers {
                PortNumbers::One(port) => port.to_string(),
                PortNumbers::Range(from, to) => format!("{from}–{to}"),
            }),
            Cow::from(match port.protocol {
                Protocol::Tcp => "TCP",
                Protocol::Udp => "UDP",
            }),
            markdown(port.feature.as_str()),
        ]
    })
}

/// The folders that there are.
fn layout(fleet: &Fleet) -> Code {
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
        .map(|(_, path, what)| [Cow::from(format!("`{path}`")), Cow::from(what)]);
    rows(folders)
}

/// Rows of a table.
fn rows<'a, const N: usize>(rows: impl Iterator<Item = [Cell<'a>; N]>) -> Code {
    let mut text = String::new();
    for cells in rows {
        for cell in &cells {
            text.push_str("| ");
            text.push_str(cell);
            text.push(' ');
        }
        text.push_str("|\n");
    }
    Code::new(text.trim_end())
}

/// A name that leads to a file of the output.
fn link(name: &str, path: &str) -> Cell<'static> {
    Cow::from(format!("[{}]({path})", markdown(name)))
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> Cell<'static> {
    let names: Vec<Cell<'_>> = names.map(markdown).collect();
    Cow::from(names.join(", "))
}

fn code(cell: Cell<'_>) -> Code {
    Code::new(cell)
}

/// Text in a cell or a line of Markdown, with what it would read as markup escaped.
fn markdown(text: &str) -> Cell<'_> {
    let text = text.trim();
    // Most names, and a large fleet has many.
    if !text.contains(|char| is_markup(char) || matches!(char, '_' | '\n' | '\r')) {
        return Cow::from(text);
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
    Cow::from(escaped)
}

/// Whether Markdown reads a character as markup wherever it stands.
fn is_markup(char: char) -> bool {
    matches!(
        char,
        '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '#' | '&'
    )
}
