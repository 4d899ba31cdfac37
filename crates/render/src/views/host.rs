//! `hosts/<host>/default.nix`, `microvms/<vm>.nix` and `images/<image>.nix`: what the machine imports and what it alone
//! says.

use std::collections::{BTreeMap, BTreeSet};

use model::{Backend, FeatureId, Fleet, Host, OpenPort, PortNumbers, Protocol};
use nix::Value;
use serde::Serialize;

use crate::code::Code;
use crate::error::Result;
use crate::tree::{Order, Tree};
use crate::views::{disks, layer, user};

/// The key that a host decrypts its secrets with.
const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key";

/// A host.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    imports: Code,
    name: Code,
    state_version: Code,
    settings: Code,
}

/// The view of a host.
pub(crate) fn view(fleet: &Fleet, host: &Host) -> Result<View> {
    let mut hardware = vec![Code::path("./hardware.nix")?];
    if !host.disks.is_empty() && !disks::is_shared(host) {
        hardware.push(Code::path("./disks.nix")?);
    } else {
        for name in host.disks.keys() {
            hardware.push(Code::path(format!("../../disks/{name}.nix"))?);
        }
    }
    machine(fleet, host, hardware, "../../")
}

/// The view of a guest.
pub(crate) fn guest(fleet: &Fleet, guest: &Host) -> Result<View> {
    machine(fleet, guest, Vec::new(), "../")
}

/// The view of an image: the machine alone, without what the fleet says of every host.
pub(crate) fn image(fleet: &Fleet, image: &Host) -> Result<View> {
    let mut first = Vec::new();
    if image.hardware.platform == "qemu" {
        let path = nix::string("/profiles/qemu-guest.nix");
        first.push(Code::element(&format!("modulesPath + {path}"))?);
    }
    machine(fleet, image, first, "../")
}

/// A machine whose file lies `up` below the root of the output.
fn machine(fleet: &Fleet, host: &Host, first: Vec<Code>, up: &str) -> Result<View> {
    let mut tree = Tree::new(&host.definitions)?;
    add_ports(&mut tree, &host.ports)?;
    add_secrets(&mut tree, fleet.backend, host, up)?;
    Ok(View {
        imports: Code::imports(&modules(fleet, host, first, up)?),
        name: Code::string(host.name.as_str())?,
        state_version: Code::string(&host.state_version)?,
        settings: tree.code(Order::top(&[&fleet.namespace]))?,
    })
}

/// Hardware, what is shared, features, users, hand-written modules.
fn modules(fleet: &Fleet, host: &Host, first: Vec<Code>, up: &str) -> Result<Vec<Code>> {
    let mut modules = first;
    if layer::has_fleet(fleet) && !fleet.images.contains_key(&host.name) {
        modules.push(Code::path(format!("{up}modules/fleet.nix"))?);
    }
    let template = host
        .template
        .as_ref()
        .and_then(|name| fleet.templates.get(name));
    let mut own: BTreeSet<FeatureId> = host.imports.clone();
    if let Some(template) = template.filter(|template| layer::has_template(template)) {
        modules.push(Code::path(format!("{up}templates/{}.nix", template.name))?);
        own.retain(|id| !template.imports.contains(id));
    }
    modules.extend(layer::features(&format!("{up}modules/"), &own)?);
    // What a user has on every host is in the guest's own file of the user.
    let is_guest = fleet.microvms.contains_key(&host.name);
    for (name, on_host) in &host.users {
        if !is_guest && fleet.users.get(name).is_some_and(user::has_module) {
            modules.push(Code::path(format!("{up}users/{name}"))?);
        }
        if user::has_host_module(on_host) {
            modules.push(Code::path(format!("{up}users/{name}/{}.nix", host.name))?);
        }
    }
    modules.extend(layer::written(up, &host.modules)?);
    Ok(modules)
}

/// Opens ports on interfaces, with the feature above its first port.
fn add_ports(tree: &mut Tree<'_>, ports: &[OpenPort]) -> Result<()> {
    let mut rules: BTreeMap<(&str, &str), BTreeMap<PortNumbers, &FeatureId>> = BTreeMap::new();
    for port in ports {
        let list = match (port.protocol, port.numbers) {
            (Protocol::Tcp, PortNumbers::One(_)) => "allowedTCPPorts",
            (Protocol::Tcp, PortNumbers::Range(..)) => "allowedTCPPortRanges",
            (Protocol::Udp, PortNumbers::One(_)) => "allowedUDPPorts",
            (Protocol::Udp, PortNumbers::Range(..)) => "allowedUDPPortRanges",
        };
        let list = rules.entry((&port.interface, list)).or_default();
        list.entry(port.numbers).or_insert(&port.feature);
    }
    for ((interface, list), numbers) in rules {
        let mut numbers: Vec<_> = numbers
            .into_iter()
            .map(|(numbers, id)| (id, numbers))
            .collect();
        numbers.sort();
        let mut above = None;
        let elements = numbers.into_iter().map(|(id, numbers)| {
            let value = match numbers {
                PortNumbers::One(port) => Value::Int(port.into()),
                PortNumbers::Range(from, to) => Value::attrs([
                    ("from", Value::Int(from.into())),
                    ("to", Value::Int(to.into())),
                ]),
            };
            if above.replace(id) == Some(id) {
                value
            } else {
                Value::Commented(id.to_string(), Box::new(value))
            }
        });
        let elements = Value::List(elements.collect());
        tree.set(
            &["networking", "firewall", "interfaces", interface, list],
            elements,
        )?;
    }
    Ok(())
}

/// Names the secrets that the host decrypts.
fn add_secrets(tree: &mut Tree<'_>, backend: Backend, host: &Host, up: &str) -> Result<()> {
    if host.secrets.is_empty() {
        return Ok(());
    }
    let key = Value::List(vec![Value::from(HOST_KEY)]);
    let (root, file, extension) = match backend {
        Backend::Agenix => {
            tree.set(&["age", "identityPaths"], key)?;
            ("age", "file", "age")
        }
        Backend::Sops => {
            tree.set(&["sops", "age", "sshKeyPaths"], key)?;
            ("sops", "sopsFile", "yaml")
        }
    };
    for (name, secret) in &host.secrets {
        let path = Value::Path(format!("{up}secrets/{name}.{extension}"));
        tree.set(&[root, "secrets", name, file], path)?;
        let texts = [
            ("owner", &secret.owner),
            ("group", &secret.group),
            ("mode", &secret.mode),
            ("path", &secret.path),
        ];
        for (option, text) in texts {
            if let Some(text) = text {
                tree.set(&[root, "secrets", name, option], text.as_str())?;
            }
        }
        if secret.for_users && backend == Backend::Sops {
            tree.set(&[root, "secrets", name, "neededForUsers"], true)?;
        }
    }
    Ok(())
}
