//! A host as resolved.

use std::collections::BTreeMap;

use diag::SourceMap;
use model::{
    BootLoader, Definition, DiskLayout, Enabled, FeatureId, Fleet, Host, PortNumbers, Protocol,
};
use nix::AttrPath;
use serde::Serialize;

use super::tree::Tree;
use crate::cli::Sound;
use crate::origin::{self, Place};
use crate::text::{list, size};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HostView {
    kind: &'static str,
    name: String,
    description: Option<String>,
    place: String,
    system: String,
    state_version: String,
    template: Option<String>,
    /// The template and its ancestors, root first.
    template_chain: Vec<String>,
    tags: Vec<String>,
    address: Option<String>,
    zones: BTreeMap<String, Vec<String>>,
    hardware: HardwareView,
    features: Vec<FeatureView>,
    /// Features that the template sets and this host switches off.
    disabled: Vec<String>,
    settings: Vec<SettingView>,
    users: Vec<UserView>,
    ports: Vec<PortView>,
    secrets: Vec<SecretView>,
    modules: Vec<String>,
    /// MicroVMs that it runs.
    microvms: Vec<String>,
    /// How it is deployed: address, and who logs in where that is said.
    deployed: Option<String>,
    /// Its installer, a package of the flake.
    installer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    microvm: Option<MicrovmView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<ImageView>,
}

/// What a MicroVM has besides.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MicrovmView {
    memory: String,
    vcpu: i64,
    hypervisor: Option<String>,
    /// Hosts that run it as a service.
    runs_on: Vec<String>,
    /// Bridge of the host and address on it.
    network: Option<String>,
    forwards: Vec<ForwardView>,
    /// Name and mount point of what it keeps.
    volumes: BTreeMap<String, String>,
    /// Folders of the host by mount point.
    shares: BTreeMap<String, String>,
    accounts: Vec<String>,
    run: String,
}

#[derive(Serialize)]
struct ForwardView {
    from: String,
    to: u16,
    protocol: &'static str,
    place: String,
}

/// What an image has besides.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageView {
    format: &'static str,
    /// The attribute of `system.build.images`.
    builder: &'static str,
    user: Option<String>,
    disk_size: Option<u64>,
    build: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HardwareView {
    platform: String,
    cpu: Option<String>,
    gpus: Vec<String>,
    memory: Option<u64>,
    boot_loader: Option<String>,
    disks: BTreeMap<String, &'static str>,
    profile: Option<String>,
    facter: Option<String>,
}

/// A feature that is on, why, and its options.
#[derive(Serialize)]
pub(super) struct FeatureView {
    pub(super) id: String,
    pub(super) reasons: Vec<Place>,
    pub(super) options: Vec<OptionView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OptionView {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) from: Place,
    /// Nothing gives it. Programs get it, people see it with `gen explain feature`.
    pub(super) is_default: bool,
}

impl OptionView {
    fn new(name: &str, value: &nix::Value, from: Place) -> Self {
        Self {
            name: name.to_owned(),
            value: origin::nix(value),
            from,
            is_default: false,
        }
    }
}

#[derive(Serialize)]
pub(super) struct SettingView {
    pub(super) path: String,
    pub(super) value: String,
    pub(super) from: Place,
    /// Lower layers that it overrides or adds to.
    pub(super) over: Vec<Place>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserView {
    pub(super) name: String,
    pub(super) profiles: Vec<String>,
    pub(super) home_manager: bool,
    pub(super) features: Vec<FeatureView>,
    pub(super) settings: Vec<SettingView>,
}

#[derive(Serialize)]
struct PortView {
    numbers: String,
    protocol: &'static str,
    interface: String,
    zone: String,
    feature: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SecretView {
    name: String,
    owner: Option<String>,
    group: Option<String>,
    mode: Option<String>,
    path: Option<String>,
    for_users: bool,
}

/// The view of a host, a MicroVM or an image; nothing if there is none of that name.
pub(super) fn view(sound: &Sound, name: &str) -> Option<HostView> {
    let Sound { sources, fleet, .. } = sound;
    let host = fleet.machines().find(|host| host.name.as_str() == name)?;
    let template = host
        .template
        .as_ref()
        .and_then(|name| fleet.templates.get(name));
    let layers = layers(host, fleet);
    let microvm = fleet.microvms.get(name).map(|vm| microvm(sound, vm));
    let image = fleet.images.get(name).map(|it| image(sound, it));
    let is_host = fleet.hosts.contains_key(name);
    let reach = fleet.deploy.reach.get(name).filter(|_| is_host);
    let installer = fleet.installers.get(name).filter(|_| is_host);
    Some(HostView {
        kind: match (&microvm, &image) {
            (Some(_), _) => "vm",
            (_, Some(_)) => "image",
            _ => "host",
        },
        name: host.name.to_string(),
        description: host.description.clone(),
        place: sources.place(host.span),
        system: host.system.clone(),
        state_version: host.state_version.clone(),
        template: host.template.as_ref().map(ToString::to_string),
        template_chain: template
            .iter()
            .flat_map(|t| &t.chain)
            .map(ToString::to_string)
            .collect(),
        tags: host.tags.clone(),
        address: host.address.clone(),
        zones: host.zones.clone(),
        hardware: hardware(host),
        features: features(&host.enabled, &layers, fleet, sources),
        disabled: host.disabled.iter().map(ToString::to_string).collect(),
        settings: settings(&layers, fleet, sources),
        users: host
            .users
            .values()
            .map(|user| user_view(user, fleet, sources))
            .collect(),
        ports: ports(host),
        secrets: host
            .secrets
            .iter()
            .map(|(name, secret)| SecretView {
                name: name.clone(),
                owner: secret.owner.clone(),
                group: secret.group.clone(),
                mode: secret.mode.clone(),
                path: secret.path.clone(),
                for_users: secret.for_users,
            })
            .collect(),
        modules: host.modules.clone(),
        microvms: host.microvms.iter().map(ToString::to_string).collect(),
        deployed: reach.map(|reach| match &reach.ssh_user {
            Some(user) => format!("{user}@{}", reach.address),
            None => reach.address.clone(),
        }),
        installer: installer.map(|it| format!("live-iso-{}", it.host)),
        microvm,
        image,
    })
}

fn microvm(sound: &Sound, vm: &model::MicroVm) -> MicrovmView {
    let name = &vm.guest.name;
    let spec = sound.spec.microvms.get(name.as_str()).map(|it| &it.value);
    let hosts = sound.fleet.hosts.values();
    let hosts = hosts.filter(|host| host.microvms.contains(name));
    let account = |(name, throw_away): &(String, bool)| {
        let remark = if *throw_away {
            " (throw-away password)"
        } else {
            ""
        };
        format!("{name}{remark}")
    };
    MicrovmView {
        memory: size(vm.memory << 20),
        vcpu: vm.vcpu,
        hypervisor: spec
            .and_then(|it| it.hypervisor.as_ref())
            .map(|it| it.value.clone()),
        runs_on: hosts.map(|host| host.name.to_string()).collect(),
        network: vm.bridge.as_ref().map(|bridge| {
            let address = vm.address.as_deref().unwrap_or("an address by DHCP");
            format!("{address} on bridge {bridge}")
        }),
        forwards: vm
            .forwards
            .iter()
            .map(|forward| ForwardView {
                from: format!("{}:{}", forward.address, forward.host),
                to: forward.guest,
                protocol: match forward.protocol {
                    Protocol::Tcp => "tcp",
                    Protocol::Udp => "udp",
                },
                place: sound.sources.place(forward.span),
            })
            .collect(),
        volumes: vm.volumes.iter().cloned().collect(),
        shares: spec
            .into_iter()
            .flat_map(|it| &it.shares)
            .map(|it| (it.mount_point.value.clone(), it.source.value.clone()))
            .collect(),
        accounts: vm.accounts.iter().map(account).collect(),
        run: format!("nix run .#{name}"),
    }
}

fn image(sound: &Sound, image: &model::Image) -> ImageView {
    let machine = &image.machine;
    let name = &machine.name;
    let spec = sound.spec.images.get(name.as_str()).map(|it| &it.value);
    ImageView {
        format: image.format.word(),
        builder: image.format.builder(&machine.system),
        user: machine
            .users
            .keys()
            .next()
            .map(ToString::to_string)
            .or_else(|| {
                let user = spec?.user.as_ref()?;
                Some(user.value.clone())
            }),
        disk_size: spec.and_then(|it| Some(it.disk_size.as_ref()?.value)),
        build: format!("nix build .#packages.{}.{name}", machine.system),
    }
}

/// A user on a host.
pub(super) fn user_view(user: &model::HostUser, fleet: &Fleet, sources: &SourceMap) -> UserView {
    let layers = home_layers(user, fleet);
    UserView {
        name: user.name.to_string(),
        profiles: user.profiles.iter().map(ToString::to_string).collect(),
        home_manager: user.has_home,
        features: features(&user.enabled, &layers, fleet, sources),
        settings: settings(&[&user.definitions, &user.home], fleet, sources),
    }
}

/// The Home Manager definitions of a user on a host, the highest layer first.
pub(super) fn home_layers<'a>(
    user: &'a model::HostUser,
    fleet: &'a Fleet,
) -> Vec<&'a [Definition]> {
    let everywhere = fleet.users.get(&user.name).map(|user| user.home.as_slice());
    let profiles = user
        .profiles
        .iter()
        .rev()
        .filter_map(|name| fleet.profiles.get(name));
    std::iter::once(user.home.as_slice())
        .chain(everywhere)
        .chain(profiles.map(|profile| profile.definitions.as_slice()))
        .collect()
}

/// The NixOS definitions of a host, the highest layer first.
pub(crate) fn layers<'a>(host: &'a Host, fleet: &'a Fleet) -> [&'a [Definition]; 3] {
    let template = host
        .template
        .as_ref()
        .and_then(|name| fleet.templates.get(name));
    // An image stands outside the fleet until a host is made of it.
    let is_image = fleet.images.contains_key(&host.name);
    [
        host.definitions.as_slice(),
        template.map_or(&[], |template| template.definitions.as_slice()),
        if is_image { &[] } else { &fleet.definitions },
    ]
}

/// Features that are on. `layers` are the definitions that apply, the highest layer first: they hold
/// what templates and profiles give.
pub(super) fn features(
    enabled: &BTreeMap<FeatureId, Enabled>,
    layers: &[&[Definition]],
    fleet: &Fleet,
    sources: &SourceMap,
) -> Vec<FeatureView> {
    let view = |(id, enabled): (&FeatureId, &Enabled)| {
        // Two profiles that extend a third have it for the same reason.
        let mut reasons: Vec<Place> = Vec::new();
        for reason in &enabled.reasons {
            let place = Place::of_reason(reason, fleet, sources);
            if !reasons.contains(&place) {
                reasons.push(place);
            }
        }
        FeatureView {
            id: id.to_string(),
            reasons,
            options: options(id, enabled, layers, fleet, sources),
        }
    };
    enabled.iter().map(view).collect()
}

/// The options of a feature by name, defaults among them.
fn options(
    id: &FeatureId,
    enabled: &Enabled,
    layers: &[&[Definition]],
    fleet: &Fleet,
    sources: &SourceMap,
) -> Vec<OptionView> {
    let mut views: BTreeMap<String, OptionView> = BTreeMap::new();
    for (name, option) in &enabled.options {
        let from = Place::of(&option.origin, fleet, sources);
        views.insert(name.clone(), OptionView::new(name, &option.value, from));
    }
    let prefix = AttrPath::parse(&fleet.namespace).unwrap_or_default();
    let prefix = prefix.child(id.category()).child(id.name());
    for definition in layers.iter().flat_map(|layer| layer.iter()) {
        if !definition.path.starts_with(&prefix) {
            continue;
        }
        let below = &definition.path.parts()[prefix.parts().len()..];
        let (Some(option), below) = (below.first(), AttrPath(below.to_vec())) else {
            continue;
        };
        if option == "enable" || enabled.options.contains_key(option) {
            continue;
        }
        let name = below.to_string();
        let from = Place::of(&definition.origin, fleet, sources);
        let value = origin::without_priority(&definition.value);
        views
            .entry(name.clone())
            .or_insert_with(|| OptionView::new(&name, value, from));
    }
    let declared = fleet.features.get(id).map(|feature| &feature.options);
    for (name, option) in declared.into_iter().flatten() {
        let is_given = |given: &String| {
            AttrPath::parse(given).is_ok_and(|path| path.parts().first() == Some(name))
        };
        if let (Some(default), false) = (&option.default, views.keys().any(is_given)) {
            let from = Place {
                layer: format!("default of {id}"),
                place: None,
            };
            let view = OptionView {
                is_default: true,
                ..OptionView::new(name, default, from)
            };
            views.insert(name.clone(), view);
        }
    }
    views.into_values().collect()
}

/// What is defined besides features' options, which are shown with their features. A path is shown
/// once for each list of definitions, the highest layer first.
pub(super) fn settings(
    layers: &[&[Definition]],
    fleet: &Fleet,
    sources: &SourceMap,
) -> Vec<SettingView> {
    let own = |definition: &&Definition| definition.path.parts().first() != Some(&fleet.namespace);
    let view = |definition: &Definition| SettingView {
        path: definition.path.to_string(),
        value: origin::nix(&definition.value),
        from: Place::of(&definition.origin, fleet, sources),
        over: definition
            .over
            .iter()
            .map(|origin| Place::of(origin, fleet, sources))
            .collect(),
    };
    let mut views: Vec<SettingView> = layers
        .iter()
        .flat_map(|layer| layer.iter().filter(own).map(view))
        .collect();
    views.sort_by(|a, b| a.path.cmp(&b.path));
    views
}

/// A kind of disk layout in a word.
pub(crate) fn layout_word(layout: &DiskLayout) -> &'static str {
    match layout {
        DiskLayout::Ext4 { .. } => "ext4",
        DiskLayout::LuksBtrfs { encrypt: true, .. } => "luks-btrfs",
        DiskLayout::LuksBtrfs { encrypt: false, .. } => "btrfs",
        DiskLayout::Zfs { .. } => "zfs",
        DiskLayout::ByHand { .. } => "by hand",
    }
}

fn hardware(host: &Host) -> HardwareView {
    let hardware = &host.hardware;
    let gpu = |gpu: &model::Gpu| {
        let extra = [(gpu.rocm, "rocm"), (gpu.cuda, "cuda")];
        let extra = extra
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, word)| format!(" {word}"));
        format!("{}{}", gpu.vendor, extra.collect::<String>())
    };
    HardwareView {
        platform: hardware.platform.clone(),
        cpu: hardware.cpu.clone(),
        gpus: hardware.gpus.iter().map(gpu).collect(),
        memory: hardware.memory,
        boot_loader: match &hardware.boot.loader {
            BootLoader::Unset => None,
            BootLoader::None => Some("none".to_owned()),
            BootLoader::SystemdBoot => Some("systemd-boot".to_owned()),
            BootLoader::Grub(device) => Some(format!("grub on {device}")),
        },
        disks: host
            .disks
            .iter()
            .map(|(name, disk)| (name.clone(), layout_word(&disk.layout)))
            .collect(),
        profile: hardware.profile.clone(),
        facter: hardware.facter.clone(),
    }
}

fn ports(host: &Host) -> Vec<PortView> {
    let view = |port: &model::OpenPort| PortView {
        numbers: match port.numbers {
            PortNumbers::One(number) => number.to_string(),
            PortNumbers::Range(from, to) => format!("{from}-{to}"),
        },
        protocol: match port.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        },
        interface: port.interface.clone(),
        zone: port.zone.clone(),
        feature: port.feature.to_string(),
    };
    host.ports.iter().map(view).collect()
}

/// Draws a host for people.
pub(super) fn draw(view: &HostView) -> String {
    let mut tree = Tree::default();
    let kind = match view.kind {
        "vm" => "MicroVM",
        kind => kind,
    };
    tree.headline(kind, &view.name, view.description.as_deref());
    tree.fact("defined in", &view.place);
    tree.fact(
        "system",
        &format!("{}, state version {}", view.system, view.state_version),
    );
    let chain: Vec<&str> = view
        .template_chain
        .iter()
        .rev()
        .map(String::as_str)
        .collect();
    tree.fact("template", &chain.join(" < "));
    tree.fact("tags", &list(&view.tags));
    tree.fact("address", view.address.as_deref().unwrap_or_default());
    let zones = view
        .zones
        .iter()
        .map(|(zone, interfaces)| format!("{zone} ({})", list(interfaces)));
    tree.fact("zones", &list(zones));
    let hardware = &view.hardware;
    tree.fact("platform", &hardware.platform);
    tree.fact("cpu", hardware.cpu.as_deref().unwrap_or_default());
    tree.fact("gpu", &list(&hardware.gpus));
    let memory = hardware.memory.filter(|_| view.microvm.is_none());
    tree.fact("memory", &memory.map(size).unwrap_or_default());
    tree.fact(
        "boot loader",
        hardware.boot_loader.as_deref().unwrap_or_default(),
    );
    let disks = hardware
        .disks
        .iter()
        .map(|(name, layout)| format!("{name} ({layout})"));
    tree.fact("disks", &list(disks));
    tree.fact(
        "hardware profile",
        hardware.profile.as_deref().unwrap_or_default(),
    );
    tree.fact(
        "facter report",
        hardware.facter.as_deref().unwrap_or_default(),
    );
    tree.fact("modules", &list(&view.modules));
    tree.fact("runs", &list(&view.microvms));
    tree.fact("deployed to", view.deployed.as_deref().unwrap_or_default());
    tree.fact("installer", view.installer.as_deref().unwrap_or_default());
    if let Some(vm) = &view.microvm {
        draw_microvm(&mut tree, vm);
    }
    if let Some(image) = &view.image {
        tree.fact("format", image.format);
        tree.fact(
            "built as",
            &format!("system.build.images.{}", image.builder),
        );
        tree.fact("disk", &image.disk_size.map(size).unwrap_or_default());
        tree.fact("user", image.user.as_deref().unwrap_or_default());
        tree.fact("build it", &image.build);
    }

    if !view.features.is_empty() || !view.disabled.is_empty() {
        tree.title(&format!("Features ({})", view.features.len()));
        draw_features(&mut tree, 1, &view.features);
        for id in &view.disabled {
            tree.line(1, format!("{id} = off"), "switched off here");
        }
    }
    if !view.settings.is_empty() {
        tree.title(&format!("Settings ({})", view.settings.len()));
        draw_settings(&mut tree, 1, &view.settings);
    }
    if !view.users.is_empty() {
        tree.title(&format!("Users ({})", view.users.len()));
        for user in &view.users {
            tree.line(1, &user.name, format!("profiles: {}", list(&user.profiles)));
            draw_features(&mut tree, 2, &user.features);
            draw_settings(&mut tree, 2, &user.settings);
        }
    }
    if !view.ports.is_empty() {
        tree.title(&format!("Ports ({})", view.ports.len()));
        for port in &view.ports {
            let text = format!("{}/{} on {}", port.numbers, port.protocol, port.interface);
            tree.line(1, text, format!("{}, zone {}", port.feature, port.zone));
        }
    }
    if !view.secrets.is_empty() {
        tree.title(&format!("Secrets ({})", view.secrets.len()));
        for secret in &view.secrets {
            let facts = [
                secret.owner.as_ref().map(|owner| format!("owner {owner}")),
                secret.group.as_ref().map(|group| format!("group {group}")),
                secret.mode.as_ref().map(|mode| format!("mode {mode}")),
                secret.path.clone(),
                secret.for_users.then(|| "before users are made".to_owned()),
            ];
            let facts: Vec<String> = facts.into_iter().flatten().collect();
            tree.line(1, &secret.name, facts.join(", "));
        }
    }
    tree.finish()
}

fn draw_microvm(tree: &mut Tree, vm: &MicrovmView) {
    tree.fact("memory", &vm.memory);
    tree.fact("processors", &vm.vcpu.to_string());
    tree.fact("hypervisor", vm.hypervisor.as_deref().unwrap_or_default());
    tree.fact("network", vm.network.as_deref().unwrap_or_default());
    let runs_on = match list(&vm.runs_on) {
        none if none == "-" => "no host as a service".to_owned(),
        hosts => hosts,
    };
    tree.fact("runs on", &runs_on);
    tree.fact("run it", &vm.run);
    tree.fact("accounts", &list(&vm.accounts));
    if !vm.forwards.is_empty() {
        tree.title(&format!("Forwards ({})", vm.forwards.len()));
        for it in &vm.forwards {
            let text = format!("{} to {}/{}", it.from, it.to, it.protocol);
            tree.line(1, text, &it.place);
        }
    }
    for (title, rows) in [("Keeps", &vm.volumes), ("Shares", &vm.shares)] {
        if !rows.is_empty() {
            tree.title(&format!("{title} ({})", rows.len()));
            for (name, what) in rows {
                tree.line(1, name, what);
            }
        }
    }
}

/// Draws features with their options.
pub(super) fn draw_features(tree: &mut Tree, depth: usize, features: &[FeatureView]) {
    for feature in features {
        let reasons: Vec<String> = feature.reasons.iter().map(ToString::to_string).collect();
        tree.line(depth, &feature.id, reasons.join("; "));
        for option in feature.options.iter().filter(|option| !option.is_default) {
            let text = format!("{} = {}", option.name, option.value);
            tree.line(depth + 1, text, option.from.to_string());
        }
    }
}

/// Draws settings.
pub(super) fn draw_settings(tree: &mut Tree, depth: usize, settings: &[SettingView]) {
    for setting in settings {
        let mut remark = setting.from.to_string();
        let value = match setting.value.as_str() {
            "" | "-" => String::new(),
            value => format!(" = {value}"),
        };
        if !setting.over.is_empty() {
            let over: Vec<String> = setting.over.iter().map(ToString::to_string).collect();
            remark = format!("{remark} (over {})", over.join("; "));
        }
        tree.line(depth, format!("{}{value}", setting.path), remark);
    }
}
