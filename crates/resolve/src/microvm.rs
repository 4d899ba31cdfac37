//! MicroVMs: what makes a guest of a host's resolution, what the hosts that run it define, and
//! whether it all fits.
//!
//! A guest is resolved like a host; this adds the options of microvm.nix. On the side of the host
//! there is the guest as a service, and the bridges that guests are attached to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use diag::{Diagnostic, Diagnostics, Span};
use model::{Definition, FeatureId, Forward, Layer, Protocol};
use spec::ast::{self, Item, MicroVm};

use crate::host::Partial;
use crate::lower::{code, made};
use crate::world::{World, unknown_name, unknown_word, unknown_zone};

/// What microvm.nix can run guests with.
/// Why the password of a guest may stand in the output.
const THROW_AWAY: &str =
    "gen-lint: allow literal-credential: throw-away, in a guest that only its host reaches";

const HYPERVISORS: &[&str] = &[
    "qemu",
    "cloud-hypervisor",
    "firecracker",
    "crosvm",
    "kvmtool",
    "stratovirt",
    "alioth",
];

/// Settings of guests that have a key of their own in the spec, and that key.
pub(crate) const OWN_KEYS: &[(&str, &str)] = &[
    ("microvm.mem", "`memory`"),
    ("microvm.vcpu", "`vcpu`"),
    ("microvm.hypervisor", "`hypervisor`"),
    ("microvm.interfaces", "`network`"),
    ("microvm.forwardPorts", "`network.forwards`"),
    ("microvm.volumes", "`volumes`"),
    ("microvm.shares", "`shares`"),
    ("microvm.storeOnDisk", "`nixStore`"),
];

/// The interface of a guest, where a zone needs a name for it.
const INTERFACE: &str = "vm0";

const MIB: u64 = 1 << 20;

/// Definitions that a layer of ours adds where nothing else sets them.
struct Added<'d> {
    layer: Layer,
    place: Span,
    said: Vec<&'d nix::AttrPath>,
    all: Vec<Definition>,
}

impl<'d> Added<'d> {
    fn new(layer: Layer, place: Span, said: impl Iterator<Item = &'d Definition>) -> Self {
        Self {
            layer,
            place,
            said: said.map(|x| &x.path).collect(),
            all: Vec::new(),
        }
    }

    /// Adds a definition.
    fn set(&mut self, path: &str, value: impl Into<nix::Value>) {
        self.all
            .push(made(path, value, &self.layer, Some(self.place)));
    }

    /// Adds a definition unless a layer of the spec sets the option, or something below it.
    fn default(&mut self, path: &str, value: impl Into<nix::Value>) {
        let new = made(path, value, &self.layer, Some(self.place));
        let is_said = self
            .said
            .iter()
            .any(|said| said.0.starts_with(&new.path.0) || new.path.0.starts_with(&said.0));
        if !is_said {
            self.all.push(new);
        }
    }

    fn comment(&mut self, comment: &str) {
        if let Some(last) = self.all.last_mut() {
            last.comment = Some(comment.to_owned());
        }
    }
}

/// Zone → interfaces of a guest.
pub(crate) fn zones(
    world: &World<'_>,
    vm: &MicroVm,
    d: &mut Diagnostics,
) -> BTreeMap<String, Vec<String>> {
    let mut result = BTreeMap::new();
    for zone in vm.network.zones.iter().flatten() {
        if !world.zones.contains(&zone.value) {
            d.push(unknown_zone(&world.zones, &zone.value, zone.span));
        }
        result.insert(zone.value.clone(), vec![INTERFACE.to_owned()]);
    }
    result
}

/// The address that others use for a guest, where it has one of its own.
pub(crate) fn address(vm: &MicroVm) -> Option<String> {
    let address = vm.network.address.as_ref()?;
    let (address, _) = address.value.split_once('/')?;
    Some(address.to_owned())
}

/// What makes a guest of a host: the options of microvm.nix, its network, its accounts.
///
/// `said` is what the layers of the spec define, `enabled` whether they switch a feature on.
#[expect(clippy::too_many_arguments, reason = "the layers that meet here")]
pub(crate) fn guest<'d>(
    world: &World<'_>,
    item: &Item<MicroVm>,
    layer: &Layer,
    system: &str,
    admins: bool,
    said: impl Iterator<Item = &'d Definition>,
    enabled: impl Fn(&str) -> bool,
    d: &mut Diagnostics,
) -> Vec<Definition> {
    let vm = &item.value;
    let name = item.name.value.as_str();
    let mut added = Added::new(layer.clone(), item.name.span, said);
    added.set(
        "nixpkgs.hostPlatform",
        nix::Value::apply("lib.mkDefault", system.into()),
    );
    let hypervisor = vm.hypervisor.as_ref().map_or("qemu", |h| h.value.as_str());
    if let Some(word) = &vm.hypervisor
        && !HYPERVISORS.contains(&hypervisor)
    {
        d.push(unknown_word(
            hypervisor,
            word.span,
            "a hypervisor",
            HYPERVISORS,
        ));
    }
    added.set("microvm.hypervisor", hypervisor);
    if let Some(memory) = &vm.guest.hardware.memory {
        added.set("microvm.mem", int(memory.value / MIB));
        if memory.value == 2 << 30 && hypervisor == "qemu" {
            d.push(
                Diagnostic::error(
                    "microvm-memory",
                    memory.span,
                    "QEMU hangs with exactly 2 GiB of memory",
                )
                .help("give it a little more or less, such as 2304M"),
            );
        } else if memory.value < 128 * MIB {
            d.push(
                Diagnostic::error(
                    "microvm-memory",
                    memory.span,
                    "NixOS does not boot with so little memory",
                )
                .help("give it 512M or more"),
            );
        }
    }
    if let Some(vcpu) = &vm.vcpu {
        if vcpu.value < 1 {
            d.push(Diagnostic::error(
                "bad-value",
                vcpu.span,
                format!("{} is not a number of processors", vcpu.value),
            ));
        }
        added.set("microvm.vcpu", vcpu.value);
    }
    network(world, vm, name, hypervisor, &mut added, d);
    store(world, vm, name, hypervisor, &mut added, d);
    access(world, vm, admins, &enabled, &mut added, d);
    added.all
}

fn int(number: u64) -> nix::Value {
    nix::Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// A number that is the same on every machine (FNV-1a).
fn hash(parts: &[&str]) -> u64 {
    parts
        .iter()
        .flat_map(|part| part.bytes().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

/// The MAC address of a guest.
fn mac(world: &World<'_>, vm: &MicroVm, name: &str) -> String {
    if let Some(mac) = &vm.network.mac {
        return mac.value.to_ascii_lowercase();
    }
    let fleet = world.spec.fleet.as_ref();
    let fleet = fleet.and_then(|f| f.value.name.as_ref());
    let hash = hash(&[fleet.map_or("", |f| f.value.as_str()), name]).to_be_bytes();
    // Locally administered, unicast.
    let bytes: Vec<String> = hash[..5].iter().map(|b| format!("{b:02x}")).collect();
    format!("02:{}", bytes.join(":"))
}

/// The name of a guest's interface on the host, which may have 15 characters.
fn tap(vm: &MicroVm, name: &str) -> String {
    match &vm.network.tap {
        Some(tap) => tap.value.clone(),
        None if name.len() <= 12 => format!("vm-{name}"),
        None => format!("vm-{}-{:04x}", &name[..7], hash(&[name]) & 0xffff),
    }
}

/// Whether a text can be the name of an interface.
pub(crate) fn is_interface(name: &str) -> bool {
    (1..=15).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'))
}

fn network(
    world: &World<'_>,
    vm: &MicroVm,
    name: &str,
    hypervisor: &str,
    added: &mut Added<'_>,
    d: &mut Diagnostics,
) {
    let network = &vm.network;
    let mac = mac(world, vm, name);
    if let Some(written) = &network.mac {
        let parts: Vec<&str> = written.value.split(':').collect();
        let bytes: Option<Vec<u8>> = parts
            .iter()
            .map(|p| (p.len() == 2).then(|| u8::from_str_radix(p, 16).ok())?)
            .collect();
        if bytes.is_none_or(|b| b.len() != 6 || b[0] & 1 == 1) {
            d.push(
                Diagnostic::error(
                    "bad-value",
                    written.span,
                    format!("`{}` is not the MAC address of a machine", written.value),
                )
                .help("six bytes such as `02:00:00:00:00:01`, the first of them even"),
            );
        }
    }
    let interface = match &network.bridge {
        Some(_) => tap(vm, name),
        None => "user".to_owned(),
    };
    for text in network.tap.iter().chain(&network.bridge) {
        if !is_interface(&text.value) {
            let message = format!("`{}` is not the name of an interface", text.value);
            let diagnostic = Diagnostic::error("bad-name", text.span, message);
            d.push(diagnostic.help("at most 15 letters, digits, `-`, `_`, `.` and `+`"));
        }
    }
    let kind = if network.bridge.is_some() {
        "tap"
    } else {
        "user"
    };
    let (kind, id, address) = (kind.into(), interface.as_str().into(), mac.as_str().into());
    added.set(
        "microvm.interfaces",
        nix::Value::List(vec![nix::Value::attrs([
            ("type", kind),
            ("id", id),
            ("mac", address),
        ])]),
    );
    let Some(bridge) = &network.bridge else {
        user_network(vm, hypervisor, added, d);
        rename(vm, &mac, added);
        return;
    };
    if let Some(forward) = network.forwards.first() {
        d.push(
            Diagnostic::error(
                "microvm-network",
                forward.host.span,
                format!("`{name}` is on a bridge, where ports are not forwarded"),
            )
            .related(bridge.span, "the bridge")
            .help("reach it by its address, or leave `bridge` out"),
        );
    }
    if is_interface(&bridge.value) && is_interface(&interface) {
        let up = format!(
            "''\n  ${{lib.getExe' pkgs.iproute2 \"ip\"}} link set '{interface}' master '{}'\n''",
            bridge.value
        );
        added.set(
            "microvm.binScripts.tap-up",
            nix::Value::apply("lib.mkAfter", code(&up)),
        );
    }
    let mut of_network: Vec<(&str, nix::Value)> = vec![(
        "matchConfig",
        nix::Value::attrs([("MACAddress", mac.as_str().into())]),
    )];
    match &network.address {
        None => of_network.push(("networkConfig", nix::Value::attrs([("DHCP", "yes".into())]))),
        Some(address) => {
            let list = nix::Value::List(vec![address.value.as_str().into()]);
            of_network.push(("address", list));
            match (subnet(&address.value), &network.gateway) {
                (None, _) => d.push(
                    Diagnostic::error(
                        "bad-value",
                        address.span,
                        format!("`{}` is not an address with prefix length", address.value),
                    )
                    .help("such as `10.20.0.11/24`"),
                ),
                (Some(subnet), Some(gateway)) if !subnet.holds(&gateway.value) => d.push(
                    Diagnostic::error(
                        "microvm-network",
                        gateway.span,
                        format!("gateway `{}` cannot be reached", gateway.value),
                    )
                    .related(address.span, "it is in another network than this address"),
                ),
                _ => {}
            }
        }
    }
    if let Some(gateway) = &network.gateway {
        let list = nix::Value::List(vec![gateway.value.as_str().into()]);
        of_network.push(("gateway", list));
        if network.address.is_none() {
            d.push(
                Diagnostic::error(
                    "microvm-network",
                    gateway.span,
                    format!("`{name}` has a gateway but no address"),
                )
                .help("give it an `address`, or leave both to DHCP"),
            );
        }
    }
    if !network.nameservers.is_empty() {
        let servers = network.nameservers.iter();
        let list = servers.map(|n| n.value.as_str().into()).collect();
        of_network.push(("dns", nix::Value::List(list)));
    }
    added.set(
        "systemd.network.networks.\"10-bridge\"",
        nix::Value::attrs(of_network),
    );
    rename(vm, &mac, added);
}

/// Gives the interface a name that does not depend on the devices beside it.
fn rename(vm: &MicroVm, mac: &str, added: &mut Added<'_>) {
    if vm.network.zones.iter().flatten().next().is_none() {
        return;
    }
    added.set(
        "systemd.network.links.\"10-vm\"",
        nix::Value::attrs([
            (
                "matchConfig",
                nix::Value::attrs([("MACAddress", mac.into())]),
            ),
            (
                "linkConfig",
                nix::Value::attrs([("Name", INTERFACE.into())]),
            ),
        ]),
    );
}

fn user_network(vm: &MicroVm, hypervisor: &str, added: &mut Added<'_>, d: &mut Diagnostics) {
    let network = &vm.network;
    let only_on_bridges = [
        ("tap", &network.tap),
        ("address", &network.address),
        ("gateway", &network.gateway),
    ];
    for (key, text) in only_on_bridges {
        if let Some(text) = text {
            d.push(
                Diagnostic::error(
                    "microvm-network",
                    text.span,
                    format!("`{key}` is for guests on a bridge"),
                )
                .help("name the `bridge`, or remove this key"),
            );
        }
    }
    if hypervisor != "qemu" && HYPERVISORS.contains(&hypervisor) {
        let place = network.forwards.first().map(|f| f.host.span);
        let place = place.or_else(|| vm.hypervisor.as_ref().map(|h| h.span));
        d.push(
            Diagnostic::error(
                "microvm-network",
                place,
                format!("`{hypervisor}` has no user networking"),
            )
            .help("name a `bridge`, or use `qemu`"),
        );
    }
    let mut forwards = Vec::new();
    let mut tcp: BTreeSet<u16> = BTreeSet::new();
    let mut udp: BTreeSet<u16> = BTreeSet::new();
    for forward in self::forwards(vm) {
        let mut attrs = Vec::new();
        match forward.protocol {
            Protocol::Tcp => {
                tcp.insert(forward.guest);
            }
            Protocol::Udp => {
                udp.insert(forward.guest);
                attrs.push(("proto", "udp".into()));
            }
        }
        attrs.extend([
            (
                "host",
                nix::Value::attrs([
                    ("address", forward.address.as_str().into()),
                    ("port", i64::from(forward.host).into()),
                ]),
            ),
            (
                "guest",
                nix::Value::attrs([("port", i64::from(forward.guest).into())]),
            ),
        ]);
        forwards.push(nix::Value::attrs(attrs));
    }
    for forward in &network.forwards {
        let Some(address) = &forward.address else {
            continue;
        };
        if !address.value.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4()) {
            d.push(
                Diagnostic::error(
                    "bad-value",
                    address.span,
                    format!("`{}` is not an IPv4 address", address.value),
                )
                .help("user networking of QEMU forwards from IPv4 addresses of the host"),
            );
        }
    }
    if !forwards.is_empty() {
        added.set("microvm.forwardPorts", nix::Value::List(forwards));
    }
    let numbers = |set: BTreeSet<u16>| {
        nix::Value::List(set.into_iter().map(|p| i64::from(p).into()).collect())
    };
    for (list, set) in [("allowedTCPPorts", tcp), ("allowedUDPPorts", udp)] {
        if !set.is_empty() {
            added.set(&format!("networking.firewall.{list}"), numbers(set));
        }
    }
}

/// The forwarded ports of a guest, one protocol each.
pub(crate) fn forwards(vm: &MicroVm) -> Vec<Forward> {
    let mut result = Vec::new();
    for forward in &vm.network.forwards {
        let protocols: &[Protocol] = match forward.protocol {
            ast::Protocol::Tcp => &[Protocol::Tcp],
            ast::Protocol::Udp => &[Protocol::Udp],
            ast::Protocol::Both => &[Protocol::Tcp, Protocol::Udp],
        };
        let address = forward.address.as_ref();
        result.extend(protocols.iter().map(|protocol| Forward {
            address: address.map_or("127.0.0.1", |a| a.value.as_str()).to_owned(),
            host: forward.host.value,
            guest: forward.guest.value,
            protocol: *protocol,
            span: forward.host.span,
        }));
    }
    result
}

/// A network of IP addresses.
struct Subnet {
    address: IpAddr,
    prefix: u32,
}

impl Subnet {
    fn holds(&self, other: &str) -> bool {
        let same = |a: u128, b: u128, bits: u32| {
            let shift = bits - self.prefix;
            self.prefix == 0 || a >> shift == b >> shift
        };
        match (self.address, other.parse::<IpAddr>()) {
            (IpAddr::V4(a), Ok(IpAddr::V4(b))) => {
                same(u32::from(a).into(), u32::from(b).into(), 32)
            }
            (IpAddr::V6(a), Ok(IpAddr::V6(b))) => same(u128::from(a), u128::from(b), 128),
            _ => false,
        }
    }
}

/// Reads `10.20.0.11/24`.
fn subnet(text: &str) -> Option<Subnet> {
    let (address, prefix) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let prefix: u32 = prefix.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    (prefix <= most).then_some(Subnet { address, prefix })
}

/// The image file of a volume: a name is one in the guest's own folder.
fn image(volume: &ast::Volume) -> String {
    let name = &volume.name.value;
    if name.starts_with('/') {
        name.clone()
    } else {
        format!("{name}.img")
    }
}

fn store(
    world: &World<'_>,
    vm: &MicroVm,
    name: &str,
    hypervisor: &str,
    added: &mut Added<'_>,
    d: &mut Diagnostics,
) {
    let mut mounts: BTreeMap<&str, Span> = BTreeMap::new();
    let mount = |text: &ast::Text, d: &mut Diagnostics| {
        if !is_path(&text.value) || matches!(text.value.as_str(), "/nix/store" | "/nix/.ro-store") {
            d.push(
                Diagnostic::error(
                    "bad-value",
                    text.span,
                    format!("`{}` is not a place to mount something", text.value),
                )
                .help("an absolute path in the guest, such as `/mnt/shared`"),
            );
        }
    };
    let mut images: BTreeMap<String, Span> = BTreeMap::new();
    let mut volumes = Vec::new();
    for volume in &vm.volumes {
        mount(&volume.mount_point, d);
        twice(&mut mounts, &volume.mount_point, name, d);
        let image = image(volume);
        let is_name = volume
            .name
            .value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if !is_name && !is_path(&volume.name.value) {
            d.push(
                Diagnostic::error(
                    "bad-name",
                    volume.name.span,
                    format!("`{}` cannot be an image", volume.name.value),
                )
                .help("a name of letters, digits, `-`, `_` and `.`, or an absolute path"),
            );
        }
        if let Some(first) = images.insert(image.clone(), volume.name.span) {
            d.push(
                Diagnostic::error(
                    "duplicate-volume",
                    volume.name.span,
                    format!("two volumes of `{name}` have the image `{image}`"),
                )
                .related(first, "the other one")
                .help("give one of them another name"),
            );
        }
        if volume.size.value < MIB {
            d.push(
                Diagnostic::error("bad-value", volume.size.span, "a volume has at least 1 MiB")
                    .help("such as `10GiB`"),
            );
        }
        let mut attrs = vec![
            ("image", image.into()),
            ("mountPoint", volume.mount_point.value.as_str().into()),
            ("size", int(volume.size.value.div_ceil(MIB))),
        ];
        if let Some(fs_type) = &volume.fs_type {
            attrs.push(("fsType", fs_type.value.as_str().into()));
        }
        volumes.push(nix::Value::attrs(attrs));
        home_volume(world, vm, &volume.mount_point.value, added);
    }
    if !volumes.is_empty() {
        added.set("microvm.volumes", nix::Value::List(volumes));
    }
    let mut shares = Vec::new();
    let mut folders = Vec::new();
    match vm.nix_store.as_ref().map(|s| (s, s.value.as_str())) {
        None | Some((_, "shared")) => {
            // No daemon of Nix can work on the store of another machine.
            if hypervisor == "qemu"
                || hypervisor == "cloud-hypervisor"
                || hypervisor == "crosvm"
                || hypervisor == "kvmtool"
                || hypervisor == "stratovirt"
                || hypervisor == "alioth"
            {
                let proto = if hypervisor == "qemu" {
                    "9p"
                } else {
                    "virtiofs"
                };
                shares.push(nix::Value::attrs([
                    ("tag", "ro-store".into()),
                    ("source", "/nix/store".into()),
                    ("mountPoint", "/nix/.ro-store".into()),
                    ("proto", proto.into()),
                    ("readOnly", true.into()),
                ]));
                let gc = world.spec.fleet.as_ref().map(|f| &f.value.nix.gc);
                if !matches!(gc, None | Some(Some(ast::Gc::Off(_)))) {
                    added.default("nix.gc.automatic", false);
                    added.comment("The store is the host's.");
                }
                added.default("nix.settings.auto-optimise-store", false);
            } else if let Some(word) = &vm.hypervisor {
                d.push(
                    Diagnostic::error(
                        "microvm-network",
                        word.span,
                        format!("`{hypervisor}` cannot share the host's store"),
                    )
                    .help("set `nixStore: image`"),
                );
            }
        }
        Some((_, "image")) => {
            added.set("microvm.storeOnDisk", true);
            let gc = world.spec.fleet.as_ref().map(|f| &f.value.nix.gc);
            if !matches!(gc, None | Some(Some(ast::Gc::Off(_)))) {
                added.default("nix.gc.automatic", false);
                added.comment("The store is an image.");
            }
            added.default("nix.settings.auto-optimise-store", false);
        }
        Some((text, word)) => d.push(unknown_word(
            word,
            text.span,
            "a kind of store",
            &["shared", "image"],
        )),
    }
    let mut tags: BTreeMap<String, Span> = BTreeMap::new();
    for share in &vm.shares {
        mount(&share.mount_point, d);
        twice(&mut mounts, &share.mount_point, name, d);
        if !is_path(&share.source.value) {
            d.push(
                Diagnostic::error(
                    "bad-value",
                    share.source.span,
                    format!("`{}` is not a folder of the host", share.source.value),
                )
                .help("an absolute path, such as `/srv/shared`"),
            );
        }
        let last = share.mount_point.value.trim_matches('/').replace('/', "-");
        let tag = share
            .tag
            .as_ref()
            .map_or(last.as_str(), |t| t.value.as_str());
        let span = share
            .tag
            .as_ref()
            .map_or(share.mount_point.span, |t| t.span);
        if let Some(first) = tags.insert(tag.to_owned(), span) {
            d.push(
                Diagnostic::error(
                    "duplicate-volume",
                    span,
                    format!("two shares of `{name}` have the tag `{tag}`"),
                )
                .related(first, "the other one")
                .help("give one of them another `tag`"),
            );
        }
        if tag.len() > 31
            || !tag
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        {
            d.push(
                Diagnostic::error(
                    "bad-name",
                    span,
                    format!("`{tag}` cannot be the tag of a share"),
                )
                .help("give it a `tag` of at most 31 letters, digits, `-` and `_`"),
            );
        }
        let proto = share.proto.as_ref().map_or("9p", |p| p.value.as_str());
        if let Some(word) = share
            .proto
            .as_ref()
            .filter(|p| !matches!(p.value.as_str(), "9p" | "virtiofs"))
        {
            d.push(unknown_word(
                proto,
                word.span,
                "a way to share",
                &["9p", "virtiofs"],
            ));
        }
        let mut attrs = vec![
            ("tag", tag.into()),
            ("source", share.source.value.as_str().into()),
            ("mountPoint", share.mount_point.value.as_str().into()),
            ("proto", proto.into()),
        ];
        if share.read_only.as_ref().is_some_and(|r| r.value) {
            attrs.push(("readOnly", true.into()));
        }
        shares.push(nix::Value::attrs(attrs));
        folders.push(share.source.value.as_str());
    }
    if !shares.is_empty() {
        added.set("microvm.shares", nix::Value::List(shares));
    }
    if !folders.is_empty() && folders.iter().all(|folder| is_path(folder)) {
        let mkdir = "${lib.getExe' pkgs.coreutils \"mkdir\"}";
        added.set(
            "microvm.preStart",
            code(&format!("''\n  {mkdir} -p {}\n''", folders.join(" "))),
        );
        added.comment("For a run by hand; on a host that lists it, the folders are there.");
    }
}

fn twice<'v>(
    mounts: &mut BTreeMap<&'v str, Span>,
    text: &'v ast::Text,
    name: &str,
    d: &mut Diagnostics,
) {
    if let Some(first) = mounts.insert(&text.value, text.span) {
        d.push(
            Diagnostic::error(
                "duplicate-volume",
                text.span,
                format!("`{name}` mounts two things at `{}`", text.value),
            )
            .related(first, "the other one")
            .help("mount one of them elsewhere"),
        );
    }
}

/// Whether a text is an absolute path that neither a shell nor QEMU reads as something else.
fn is_path(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '+' | '@');
    text.starts_with('/') && text.chars().all(plain) && !text.split('/').any(|part| part == "..")
}

/// A new volume belongs to root; one in a home belongs to its user.
fn home_volume(world: &World<'_>, vm: &MicroVm, mount_point: &str, added: &mut Added<'_>) {
    let Some((user, _)) = mount_point
        .strip_prefix("/home/")
        .and_then(|rest| rest.split_once('/').or(Some((rest, ""))))
    else {
        return;
    };
    let is_account = vm.accounts.contains_key(user);
    if !is_account
        || world
            .spec
            .users
            .get(user)
            .is_some_and(|u| u.value.system.is_some())
    {
        return;
    }
    added.set(
        &format!(
            "systemd.tmpfiles.settings.\"10-volumes\".{}.d",
            nix::string(mount_point)
        ),
        nix::Value::attrs([
            ("user", user.into()),
            ("group", "users".into()),
            ("mode", "0755".into()),
        ]),
    );
}

/// Accounts, and how they are reached.
fn access(
    world: &World<'_>,
    vm: &MicroVm,
    admins: bool,
    enabled: &dyn Fn(&str) -> bool,
    added: &mut Added<'_>,
    d: &mut Diagnostics,
) {
    let mut wheel = admins;
    for (name, item) in &vm.accounts {
        let account = &item.value;
        let path = |option: &str| format!("users.users.{}.{option}", nix::attr_name(name));
        if let Some(password) = &account.password {
            added.set(
                &path("password"),
                nix::Value::Commented(
                    THROW_AWAY.to_owned(),
                    Box::new(password.value.as_str().into()),
                ),
            );
            if password.value.is_empty() {
                d.push(Diagnostic::error(
                    "bad-value",
                    password.span,
                    "an empty password",
                ));
            }
            open_password(vm, name, password, d);
        }
        let keys = &account.ssh_keys;
        for key in keys {
            crate::user::check_ssh_key(key, d);
        }
        if !keys.is_empty() {
            let list = keys.iter().map(|k| k.value.as_str().into()).collect();
            added.set(&path("openssh.authorizedKeys.keys"), nix::Value::List(list));
        }
        let is_admin = account.admin.as_ref().is_some_and(|a| a.value);
        wheel |= is_admin;
        if world.spec.is_lost("users", name) {
            continue;
        }
        if world.spec.users.contains_key(name) {
            for span in [
                account.admin.as_ref().map(|a| a.span),
                account.shell.as_ref().map(|s| s.span),
            ]
            .into_iter()
            .flatten()
            {
                d.push(
                    Diagnostic::error(
                        "bad-user",
                        span,
                        format!("`{name}` is a user of the fleet, which says this in `users`"),
                    )
                    .help("remove this key"),
                );
            }
            continue;
        }
        if let Some(span) = account.composed {
            d.push(
                Diagnostic::error(
                    "bad-user",
                    span,
                    format!("`{name}` is a throw-away account, without Home Manager"),
                )
                .help(format!("define `users.{name}`, or remove this key")),
            );
        } else if account.password.is_none() && keys.is_empty() {
            d.push(
                Diagnostic::error(
                    "bad-user",
                    item.name.span,
                    format!("nobody can log in as `{name}`"),
                )
                .help(format!(
                    "give it `sshKeys` or a throw-away `password`, or define `users.{name}`"
                )),
            );
        }
        if name == "root" {
            if let Some(admin) = &account.admin {
                let diagnostic =
                    Diagnostic::error("bad-user", admin.span, "`root` is no member of `wheel`");
                d.push(diagnostic.help("remove this key"));
            }
        } else {
            added.set(&path("isNormalUser"), true);
        }
        let mut groups: Vec<&str> = Vec::new();
        if is_admin && name != "root" {
            groups.push("wheel");
        }
        let composition = vm.guest.users.get(name).map(|c| &c.value);
        let own = composition.into_iter().flat_map(|c| &c.groups);
        groups.extend(own.map(|g| g.value.as_str()));
        if !groups.is_empty() {
            let list = groups.into_iter().map(nix::Value::from).collect();
            added.set(&path("extraGroups"), nix::Value::List(list));
        }
        if let Some(shell) = &account.shell {
            for (path, value) in crate::user::shell(name, shell, d) {
                added.set(&path, value);
            }
        }
    }
    if wheel && !enabled("security.sudo") {
        added.default("security.sudo.wheelNeedsPassword", false);
    }
    if vm.accounts.is_empty() || enabled("security.ssh-server") {
        return;
    }
    let passwords = vm.accounts.values().any(|a| a.value.password.is_some());
    let root = vm.accounts.get("root");
    let root_password = root.is_some_and(|a| a.value.password.is_some());
    added.default("services.openssh.enable", true);
    added.default(
        "services.openssh.settings.PasswordAuthentication",
        passwords,
    );
    if !passwords {
        added.default(
            "services.openssh.settings.KbdInteractiveAuthentication",
            false,
        );
    }
    if root_password {
        added.default("services.openssh.settings.PermitRootLogin", "yes");
    }
}

/// A throw-away password is for a guest that only its host reaches.
fn open_password(vm: &MicroVm, user: &str, password: &ast::Text, d: &mut Diagnostics) {
    let open = forwards(vm).into_iter().find(|forward| {
        !forward
            .address
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
    });
    let (place, what) = if let Some(forward) = open {
        let what = format!("port {} listens on {}", forward.host, forward.address);
        (forward.span, what)
    } else if let Some(bridge) = &vm.network.bridge {
        (
            bridge.span,
            format!("bridge `{}` is not the host alone", bridge.value),
        )
    } else {
        return;
    };
    d.push(
        Diagnostic::error(
            "open-password",
            password.span,
            format!("`{user}` has a throw-away password, but others than the host reach the guest"),
        )
        .related(place, what)
        .help("use `sshKeys`, or forward from 127.0.0.1 only"),
    );
}

/// What a host defines because of the guests that it runs.
pub(crate) fn host<'d>(
    world: &World<'_>,
    spec: &ast::Host,
    place: Span,
    layer: &Layer,
    said: impl Iterator<Item = &'d Definition>,
    uses_network_manager: bool,
    d: &mut Diagnostics,
) -> Vec<Definition> {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    let mut guests: Vec<&Item<MicroVm>> = Vec::new();
    for text in &spec.microvms {
        if let Some(first) = seen.insert(&text.value, text.span) {
            d.push(
                Diagnostic::error(
                    "duplicate-name",
                    text.span,
                    format!("`{}` is listed twice", text.value),
                )
                .related(first, "first listed here"),
            );
            continue;
        }
        match world.spec.microvms.get(&text.value) {
            Some(item) => guests.push(item),
            None if world.spec.is_lost("microvms", &text.value) => {}
            None => d.push(unknown_name(
                "unknown-microvm",
                "MicroVM",
                &text.value,
                text.span,
                world.spec.microvms.keys(),
            )),
        }
    }
    guests.sort_by_key(|item| &item.name.value);
    let place = spec.microvms.first().map_or(place, |t| t.span);
    let mut added = Added::new(layer.clone(), place, said);
    let mut bridges: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for item in &guests {
        let name = item.name.value.as_str();
        let path = |option: &str| format!("microvm.vms.{}.{option}", nix::attr_name(name));
        let attr = nix::attr_name(name);
        added.set(
            &path("evaluatedConfig"),
            code(&format!("self.nixosConfigurations.{attr}")),
        );
        added.set(&path("restartIfChanged"), true);
        if item.value.autostart.as_ref().is_some_and(|a| !a.value) {
            added.set(&path("autostart"), false);
        }
        let network = &item.value.network;
        if let Some(bridge) = &network.bridge {
            let addresses = bridges.entry(&bridge.value).or_default();
            if let (Some(gateway), Some(address)) = (&network.gateway, &network.address)
                && let Some((_, prefix)) = address.value.split_once('/')
            {
                addresses.insert(format!("{}/{prefix}", gateway.value));
            }
        }
    }
    let managed: Vec<String> = bridges
        .keys()
        .map(|b| (*b).to_owned())
        .chain(
            guests
                .iter()
                .filter(|item| item.value.network.bridge.is_some())
                .map(|item| tap(&item.value, &item.name.value)),
        )
        .map(|name| format!("interface-name:{name}"))
        .collect();
    let mut behind: Vec<nix::Value> = Vec::new();
    for (bridge, addresses) in &bridges {
        let attr = nix::attr_name(bridge);
        let before = added.all.len();
        added.default(
            &format!("networking.bridges.{attr}.interfaces"),
            nix::Value::List(Vec::new()),
        );
        // A bridge that the host sets up itself is its own business.
        if added.all.len() == before || addresses.is_empty() {
            continue;
        }
        for (family, length) in [("ipv4", 4), ("ipv6", 6)] {
            let of_family: Vec<nix::Value> = addresses
                .iter()
                .filter_map(|address| {
                    let net = subnet(address)?;
                    let is_v4 = net.address.is_ipv4();
                    (is_v4 == (length == 4)).then(|| {
                        nix::Value::attrs([
                            ("address", net.address.to_string().into()),
                            ("prefixLength", i64::from(net.prefix).into()),
                        ])
                    })
                })
                .collect();
            if !of_family.is_empty() {
                added.set(
                    &format!("networking.interfaces.{attr}.{family}.addresses"),
                    nix::Value::List(of_family),
                );
            }
        }
        behind.push((*bridge).into());
    }
    if !behind.is_empty() {
        added.default("networking.nat.enable", true);
        added.set(
            "networking.nat.internalInterfaces",
            nix::Value::List(behind),
        );
    }
    if !managed.is_empty() && uses_network_manager {
        let list = managed.into_iter().map(nix::Value::from).collect();
        added.set(
            "networking.networkmanager.unmanaged",
            nix::Value::List(list),
        );
    }
    added.all
}

/// What a host listens on.
pub(crate) struct Listens {
    pub(crate) protocol: Protocol,
    pub(crate) from: u16,
    pub(crate) to: u16,
    pub(crate) feature: FeatureId,
    pub(crate) span: Span,
}

/// Looks across guests and hosts: names, addresses, ports, memory, processors.
pub(crate) fn check(world: &World<'_>, partials: &[Partial<'_>], d: &mut Diagnostics) {
    names(world, d);
    interfaces(world, d);
    for partial in partials {
        let guests: Vec<&Item<MicroVm>> = partial
            .host
            .microvms
            .iter()
            .filter_map(|name| world.spec.microvms.get(name.as_str()))
            .collect();
        if guests.is_empty() {
            continue;
        }
        same_platform(world, partial, &guests, d);
        fits(partial, &guests, d);
        ports(partial, &guests, d);
        images(partial, &guests, d);
    }
    // Without a host, a guest still must not forward one port twice.
    for item in world.spec.microvms.values() {
        own_ports(item, d);
    }
}

/// Hosts, guests, images and installers are configurations beside each other.
fn names(world: &World<'_>, d: &mut Diagnostics) {
    let mut taken: BTreeMap<String, (&'static str, Span)> = BTreeMap::new();
    let mut take = |name: String, what: &'static str, span: Span, d: &mut Diagnostics| {
        if let Some((other, first)) = taken.get(&name) {
            d.push(
                Diagnostic::error(
                    "duplicate-name",
                    span,
                    format!("{what} `{name}` has the name of {other}"),
                )
                .related(*first, "defined here")
                .help("rename one of them"),
            );
            return;
        }
        taken.insert(name, (what, span));
    };
    for item in world.spec.hosts.values() {
        take(item.name.value.clone(), "a host", item.name.span, d);
    }
    for item in world.spec.microvms.values() {
        take(item.name.value.clone(), "a MicroVM", item.name.span, d);
    }
    for item in world.spec.images.values() {
        take(item.name.value.clone(), "an image", item.name.span, d);
    }
    // Packages beside the others.
    let flags = world.spec.hosts.values().filter_map(|host| {
        let flag = host.value.installer.as_ref().filter(|flag| flag.value)?;
        Some((&host.name.value, flag.span))
    });
    let section = world.spec.installers.values();
    let section = section.map(|item| (&item.name.value, item.name.span));
    let all: BTreeMap<_, _> = flags.chain(section).collect();
    for (host, span) in all {
        take(format!("live-iso-{host}"), "an installer", span, d);
    }
}

/// Interfaces of guests that are in the way of each other wherever they run.
fn interfaces(world: &World<'_>, d: &mut Diagnostics) {
    let mut taken: BTreeMap<String, (&str, Span)> = BTreeMap::new();
    for item in world.spec.microvms.values() {
        let network = &item.value.network;
        let name = item.name.value.as_str();
        let mut claims = vec![(
            format!("MAC address `{}`", mac(world, &item.value, name)),
            network.mac.as_ref().map_or(item.name.span, |m| m.span),
        )];
        if network.bridge.is_some() {
            let span = network.tap.as_ref().map_or(item.name.span, |t| t.span);
            claims.push((format!("interface `{}`", tap(&item.value, name)), span));
        }
        if let Some(address) = &network.address {
            let bare = address.value.split('/').next().unwrap_or_default();
            claims.push((format!("address `{bare}`"), address.span));
        }
        for (claim, span) in claims {
            if let Some((other, first)) = taken.get(&claim) {
                d.push(
                    Diagnostic::error(
                        "duplicate-interface",
                        span,
                        format!("`{name}` and `{other}` have the same {claim}"),
                    )
                    .related(*first, format!("`{other}`"))
                    .help("change one of them"),
                );
            } else {
                taken.insert(claim, (name, span));
            }
        }
    }
    for host in world.spec.hosts.values() {
        let Some(address) = &host.value.address else {
            continue;
        };
        if let Some((other, first)) = taken.get(&format!("address `{}`", address.value)) {
            d.push(
                Diagnostic::error(
                    "duplicate-address",
                    address.span,
                    format!(
                        "`{}` and `{other}` have the address {}",
                        host.name.value, address.value
                    ),
                )
                .related(*first, format!("`{other}` has it here"))
                .help("give one of them another address"),
            );
        }
    }
}

fn gib(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    let number = bytes as f64 / (1u64 << 30) as f64;
    let text = format!("{number:.1}");
    format!("{} GiB", text.trim_end_matches(".0"))
}

/// Guests of a host run on its processor, so they are of its platform.
fn same_platform(
    world: &World<'_>,
    partial: &Partial<'_>,
    guests: &[&Item<MicroVm>],
    d: &mut Diagnostics,
) {
    let fleet = world.spec.fleet.as_ref();
    let default = fleet.and_then(|fleet| fleet.value.system.as_ref());
    let host = &partial.host;
    for guest in guests {
        let said = guest.value.guest.system.as_ref().or(default);
        let system = said.map_or("x86_64-linux", |text| text.value.as_str());
        if system == host.system {
            continue;
        }
        let named = partial.spec.microvms.iter();
        let named = named.map(|text| (text.value.as_str(), text.span));
        let place = named
            .into_iter()
            .find(|(name, _)| *name == guest.name.value)
            .map_or(partial.place, |(_, span)| span);
        let mut diagnostic = Diagnostic::error(
            "microvm-system",
            place,
            format!(
                "`{}` is of {system}, its host `{}` of {}",
                guest.name.value, host.name, host.system
            ),
        );
        if let Some(text) = said {
            diagnostic = diagnostic.related(text.span, "platform of the guest");
        }
        if let Some(text) = &partial.spec.system {
            diagnostic = diagnostic.related(text.span, "platform of the host");
        }
        d.push(diagnostic.help(format!(
            "give the guest `system: {}`, or list it at a host of its platform",
            host.system
        )));
    }
}

/// Whether a host has the memory and the processors of its guests.
fn fits(partial: &Partial<'_>, guests: &[&Item<MicroVm>], d: &mut Diagnostics) {
    let spec = partial.spec;
    let place = spec.microvms.first().map_or(partial.place, |t| t.span);
    let host = &partial.host.name;
    let sum: u64 = guests
        .iter()
        .filter_map(|g| g.value.guest.hardware.memory.as_ref().map(|m| m.value))
        .sum();
    if let Some(memory) = &spec.hardware.memory {
        let list: Vec<String> = guests
            .iter()
            .filter_map(|g| {
                let memory = g.value.guest.hardware.memory.as_ref()?;
                Some(format!("{} {}", g.name.value, gib(memory.value)))
            })
            .collect();
        if sum >= memory.value {
            d.push(
                Diagnostic::error(
                    "microvm-memory",
                    place,
                    format!(
                        "the guests of `{host}` take {}, but it has {}",
                        gib(sum),
                        gib(memory.value)
                    ),
                )
                .related(memory.span, "its memory")
                .help(format!("list fewer of them: {}", list.join(", "))),
            );
        } else if sum > memory.value / 4 * 3 {
            d.push(
                Diagnostic::warning(
                    "microvm-memory",
                    place,
                    format!(
                        "the guests of `{host}` take {} of its {}",
                        gib(sum),
                        gib(memory.value)
                    ),
                )
                .related(memory.span, "its memory")
                .help(format!("list fewer of them: {}", list.join(", "))),
            );
        }
    }
    let Some(cores) = &spec.hardware.cores else {
        return;
    };
    let mut too_many = false;
    for guest in guests {
        let Some(vcpu) = guest.value.vcpu.as_ref().filter(|v| v.value > cores.value) else {
            continue;
        };
        too_many = true;
        d.push(
            Diagnostic::error(
                "microvm-vcpu",
                place,
                format!(
                    "`{}` has {} processors, `{host}` only {}",
                    guest.name.value, vcpu.value, cores.value
                ),
            )
            .related(vcpu.span, "processors of the guest")
            .related(cores.span, "processors of the host")
            .help("lower `vcpu`, or run it elsewhere"),
        );
    }
    let all: i64 = guests
        .iter()
        .map(|g| g.value.vcpu.as_ref().map_or(1, |v| v.value))
        .sum();
    if !too_many && all > cores.value.saturating_mul(2) {
        d.push(
            Diagnostic::warning(
                "microvm-vcpu",
                place,
                format!(
                    "the guests of `{host}` have {all} processors, more than twice its {}",
                    cores.value
                ),
            )
            .related(cores.span, "processors of the host")
            .help("lower `vcpu`, or list fewer of them"),
        );
    }
}

fn overlap(a: &Forward, b: &Forward) -> bool {
    let any = |address: &str| matches!(address, "0.0.0.0" | "");
    a.protocol == b.protocol
        && a.host == b.host
        && (a.address == b.address || any(&a.address) || any(&b.address))
}

fn own_ports(item: &Item<MicroVm>, d: &mut Diagnostics) {
    let all = forwards(&item.value);
    for (idx, forward) in all.iter().enumerate() {
        if let Some(first) = all[..idx].iter().find(|f| overlap(f, forward)) {
            d.push(
                Diagnostic::error(
                    "forward-collision",
                    forward.span,
                    format!("`{}` forwards port {} twice", item.name.value, forward.host),
                )
                .related(first.span, "the first time")
                .help("give one of them another port of the host"),
            );
        }
    }
}

/// Forwarded ports against those of other guests and of the host itself.
fn ports(partial: &Partial<'_>, guests: &[&Item<MicroVm>], d: &mut Diagnostics) {
    let host = &partial.host.name;
    let mut taken: Vec<(&str, Forward)> = Vec::new();
    for guest in guests {
        let name = guest.name.value.as_str();
        for forward in forwards(&guest.value) {
            let other = taken
                .iter()
                .find(|(n, f)| *n != name && overlap(f, &forward));
            if let Some((other, first)) = other {
                d.push(
                    Diagnostic::error(
                        "forward-collision",
                        forward.span,
                        format!(
                            "`{name}` and `{other}` both forward port {} of `{host}`",
                            forward.host
                        ),
                    )
                    .related(first.span, format!("port of `{other}`"))
                    .help("give one of them another port of the host"),
                );
            } else if let Some(listens) = partial
                .listens
                .iter()
                .find(|l| l.protocol == forward.protocol && (l.from..=l.to).contains(&forward.host))
            {
                d.push(
                    Diagnostic::error(
                        "forward-collision",
                        forward.span,
                        format!(
                            "`{name}` forwards port {} of `{host}`, where `{}` listens",
                            forward.host, listens.feature
                        ),
                    )
                    .related(
                        listens.span,
                        format!("`{}` comes from here", listens.feature),
                    )
                    .help("forward another port of the host"),
                );
            }
            taken.push((name, forward));
        }
    }
}

/// Images outside the guests' own folders.
fn images(partial: &Partial<'_>, guests: &[&Item<MicroVm>], d: &mut Diagnostics) {
    let mut taken: BTreeMap<&str, (&str, Span)> = BTreeMap::new();
    for guest in guests {
        let name = guest.name.value.as_str();
        for volume in &guest.value.volumes {
            if !volume.name.value.starts_with('/') {
                continue;
            }
            match taken.get(volume.name.value.as_str()) {
                Some((other, first)) if *other != name => d.push(
                    Diagnostic::error(
                        "duplicate-volume",
                        volume.name.span,
                        format!(
                            "`{name}` and `{other}` both write `{}` on `{}`",
                            volume.name.value, partial.host.name
                        ),
                    )
                    .related(*first, format!("`{other}`"))
                    .help("give each its own image"),
                ),
                _ => {
                    taken.insert(&volume.name.value, (name, volume.name.span));
                }
            }
        }
    }
}

/// A guest as it is printed.
pub(crate) fn model(vm: &MicroVm, guest: model::Host) -> model::MicroVm {
    let keys = |account: &ast::Account| account.password.is_some();
    model::MicroVm {
        memory: vm
            .guest
            .hardware
            .memory
            .as_ref()
            .map_or(0, |m| m.value / MIB),
        vcpu: vm.vcpu.as_ref().map_or(1, |v| v.value),
        forwards: forwards(vm),
        bridge: vm.network.bridge.as_ref().map(|b| b.value.clone()),
        address: vm.network.address.as_ref().map(|a| a.value.clone()),
        volumes: vm
            .volumes
            .iter()
            .map(|v| (image(v), v.mount_point.value.clone()))
            .collect(),
        accounts: vm
            .accounts
            .iter()
            .map(|(name, item)| (name.clone(), keys(&item.value)))
            .collect(),
        guest,
    }
}
