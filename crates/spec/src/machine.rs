//! Decoders of machines that are no hosts: MicroVMs, images and installers.

use diag::{Diagnostic, Diagnostics, Spanned};

use crate::ast::{
    Account, Forward, GuestNetwork, Host, Image, Installer, Item, MicroVm, Share, Volume,
};
use crate::decode::{Fields, decode_composition, entries, texts};
use crate::feature::{port_number, protocol};
use crate::node::{Node, NodeKind};

pub(crate) fn decode_microvm(node: &Node, d: &mut Diagnostics) -> Option<MicroVm> {
    let before = d.len();
    let mut f = Fields::of(node, "a MicroVM", d)?;
    let mut vm = MicroVm {
        guest: machine(&mut f, d),
        vcpu: f.integer("vcpu", d),
        hypervisor: f.text("hypervisor", d),
        nix_store: f.text("nixStore", d),
        autostart: f.boolean("autostart", d),
        ..MicroVm::default()
    };
    vm.guest.template = f.text("template", d);
    if let Some(node) = f.required("memory", d) {
        vm.guest.hardware.memory = Fields::size_of(node, "memory", d);
    }
    if let Some(node) = f.take("network") {
        vm.network = network(node, d);
    }
    for node in f.list("volumes", d) {
        vm.volumes.extend(volume(node, d));
    }
    for node in f.list("shares", d) {
        vm.shares.extend(share(node, d));
    }
    if let Some(node) = f.take_some("users")
        && let Some(users) = entries(node, "`users`", d)
    {
        for (name, node) in users {
            let before = d.len();
            let Some((account, composition)) = account(node, d) else {
                continue;
            };
            if matches!(node.kind, NodeKind::Map(_)) {
                d.relocate(before, node.span, name.span);
            }
            let item = |value| Item {
                name: name.clone(),
                value,
            };
            vm.guest.users.insert(name.value.clone(), item(composition));
            let item = Item {
                name: name.clone(),
                value: account,
            };
            vm.accounts.insert(name.value.clone(), item);
        }
    }
    f.finish(d);
    vm.guest.broken = d.len() > before;
    Some(vm)
}

pub(crate) fn decode_image(node: &Node, d: &mut Diagnostics) -> Option<Image> {
    let before = d.len();
    let mut f = Fields::of(node, "an image", d)?;
    let mut image = Image {
        machine: machine(&mut f, d),
        format: f.required_text("format", d),
        user: f.text("user", d),
        ssh_keys: f.texts("sshKeys", d),
        disk_size: f.size("diskSize", d),
    };
    f.finish(d);
    image.machine.broken = d.len() > before;
    Some(image)
}

pub(crate) fn decode_installer(node: &Node, d: &mut Diagnostics) -> Option<Installer> {
    let mut f = Fields::of(node, "an installer", d)?;
    let installer = Installer {
        ssh_keys: f.texts("sshKeys", d),
        with_system: f.boolean("withSystem", d),
        packages: f.packages("packages", d),
        settings: f.settings("settings", d),
        modules: f.texts("modules", d),
    };
    f.finish(d);
    Some(installer)
}

/// What all kinds of machines have in common.
fn machine(f: &mut Fields<'_>, d: &mut Diagnostics) -> Host {
    Host {
        description: f.text("description", d),
        system: f.text("system", d),
        state_version: f.text("stateVersion", d),
        features: f.feature_uses("features", d),
        packages: f.packages("packages", d),
        settings: f.settings("settings", d),
        modules: f.texts("modules", d),
        ..Host::default()
    }
}

fn network(node: &Node, d: &mut Diagnostics) -> GuestNetwork {
    let Some(mut f) = Fields::of(node, "`network`", d) else {
        return GuestNetwork::default();
    };
    let mut network = GuestNetwork {
        mac: f.text("mac", d),
        bridge: f.text("bridge", d),
        tap: f.text("tap", d),
        address: f.text("address", d),
        gateway: f.text("gateway", d),
        nameservers: f.texts("nameservers", d),
        zones: f.take_some("zones").map(|node| texts(node, "`zones`", d)),
        ..GuestNetwork::default()
    };
    for node in f.list("forwards", d) {
        network.forwards.extend(forward(node, d));
    }
    f.finish(d);
    network
}

fn forward(node: &Node, d: &mut Diagnostics) -> Option<Forward> {
    let mut f = Fields::of(node, "a forward", d)?;
    let mut port = |key| {
        let node = f.required(key, d)?;
        port_number(node, d).map(|port| Spanned::new(port, node.span))
    };
    let (host, guest) = (port("host"), port("guest"));
    let protocol = protocol(&mut f, d);
    let address = f.text("address", d);
    f.finish(d);
    Some(Forward {
        host: host?,
        guest: guest?,
        protocol,
        address,
    })
}

fn volume(node: &Node, d: &mut Diagnostics) -> Option<Volume> {
    let mut f = Fields::of(node, "a volume", d)?;
    let name = f.required_text("name", d);
    let mount_point = f.required_text("mountPoint", d);
    let size = f
        .required("size", d)
        .and_then(|node| Fields::size_of(node, "size", d));
    let fs_type = f.text("fsType", d);
    f.finish(d);
    Some(Volume {
        name: name?,
        mount_point: mount_point?,
        size: size?,
        fs_type,
    })
}

fn share(node: &Node, d: &mut Diagnostics) -> Option<Share> {
    let mut f = Fields::of(node, "a share", d)?;
    let source = f.required_text("source", d);
    let mount_point = f.required_text("mountPoint", d);
    let tag = f.text("tag", d);
    let proto = f.text("proto", d);
    let read_only = f.boolean("readOnly", d);
    f.finish(d);
    Some(Share {
        source: source?,
        mount_point: mount_point?,
        tag,
        proto,
        read_only,
    })
}

/// An account and what a user of the fleet composes there.
fn account(node: &Node, d: &mut Diagnostics) -> Option<(Account, crate::ast::Composition)> {
    if node.is_null() || matches!(node.kind, NodeKind::List(_)) {
        let composition = decode_composition(node, d)?;
        let account = Account {
            composed: composition.profiles.first().map(|p| p.span),
            ..Account::default()
        };
        return Some((account, composition));
    }
    let mut f = Fields::of(node, "a user", d)?;
    let mut account = Account {
        password: f.text("password", d),
        ssh_keys: f.texts("sshKeys", d),
        admin: f.boolean("admin", d),
        shell: f.text("shell", d),
        composed: None,
    };
    let composition = crate::ast::Composition {
        profiles: f.texts("profiles", d),
        features: f.feature_uses("features", d),
        packages: f.packages("packages", d),
        settings: f.settings("settings", d),
        groups: f.texts("groups", d),
        modules: f.texts("modules", d),
    };
    f.finish(d);
    let first = [
        composition.profiles.first().map(|p| p.span),
        composition.features.first().map(|u| u.id.span),
        composition.packages.first().map(|p| p.span),
        composition.settings.values().next().map(|s| s.key),
        composition.modules.first().map(|m| m.span),
    ];
    account.composed = first.into_iter().flatten().next();
    Some((account, composition))
}

impl<'n> Fields<'n> {
    /// What a key holds, which must be there.
    fn required(&mut self, key: &'static str, d: &mut Diagnostics) -> Option<&'n Node> {
        let node = self.take_some(key);
        if node.is_none() {
            d.push(Diagnostic::error(
                "missing-key",
                self.span(),
                format!("{} lacks `{key}`", self.what()),
            ));
        }
        node
    }

    fn size_of(node: &Node, key: &'static str, d: &mut Diagnostics) -> Option<Spanned<u64>> {
        crate::decode::size(node, key, d).map(|(text, bytes)| Spanned::new(bytes, text.span))
    }
}
