//! Checks of one host once its layers are applied.

use std::collections::{BTreeMap, BTreeSet};

use diag::{Diagnostic, Diagnostics, Span};
use model::{BootLoader, FeatureId};
use spec::ast::{self, NeedKind};

use crate::table;
use crate::template;
use crate::uses::State;
use crate::world::{World, unknown_zone};

use super::hardware::{fact, unmet};
use super::{Kind, Partial, reason_place};

/// Checks that need nothing but the host: conflicts, needs, allowed packages, root file system.
pub(super) fn check(
    world: &World<'_>,
    partial: &Partial<'_>,
    template: Option<&template::Flat<'_>>,
    d: &mut Diagnostics,
) {
    let host = &partial.host;
    for id in host.enabled.keys() {
        let Some(definition) = world.table.get(id) else {
            continue;
        };
        for other in &definition.feature.conflicts {
            // One that is also required has been reported at the definition.
            let required = definition.feature.requires.iter();
            let contradicts = required
                .map(|r| &r.feature.value)
                .any(|r| *r == other.value);
            if !contradicts && host.enabled.contains_key(other.value.as_str()) {
                conflict(world, partial, id, &other.value, d);
            }
        }
        if !definition.feature.needs.is_empty() {
            let (span, why) = reason_place(partial, id);
            // Where the host itself names the feature, it is there to be seen.
            let own = partial.spec.features.iter().any(|f| f.id.span == span);
            needs(world, partial, definition, (span, why), own, d);
        }
    }
    modules_take_self(world, partial, template, d);
    for on_host in partial.users.values() {
        for id in on_host.model.enabled.keys() {
            let Some(definition) = world.table.get(id) else {
                continue;
            };
            // A system half is the host's, where it has been checked.
            if !definition.has_system_half() && !definition.feature.needs.is_empty() {
                let (span, why) = match on_host.states.get(id).and_then(State::place) {
                    Some((_, span)) => (span, "is on because of this"),
                    None => (definition.span, "is required by another feature"),
                };
                needs(world, partial, definition, (span, why.to_owned()), false, d);
            }
            for other in &definition.feature.conflicts {
                if on_host.model.enabled.contains_key(other.value.as_str()) {
                    let span = on_host
                        .states
                        .get(id)
                        .and_then(State::place)
                        .map_or(definition.span, |(_, s)| s);
                    let mut diagnostic = Diagnostic::error(
                        "feature-conflict",
                        span,
                        format!(
                            "`{id}` and `{}` cannot both be on for `{}` on `{}`",
                            other.value, on_host.model.name, host.name
                        ),
                    );
                    if let Some((_, second)) = on_host
                        .states
                        .get(other.value.as_str())
                        .and_then(State::place)
                    {
                        diagnostic = diagnostic
                            .related(second, format!("`{}` comes from here", other.value));
                    }
                    d.push(
                        diagnostic
                            .related(other.span, "the conflict is declared here")
                            .help("switch one of them off"),
                    );
                }
            }
        }
    }
    if !matches!(partial.kind, Kind::Host) {
        return;
    }
    disks(partial, d);
    container(partial, d);
    let spec = partial.spec;
    // Where a part of the host could not be read or found, it may be that one.
    let whole = !spec.broken
        && spec.template.is_some() == template.is_some()
        && spec.hardware.disks.len() == host.disks.len()
        && (spec.hardware.platform.as_ref()).is_none_or(|p| p.value == host.hardware.platform)
        && !d.iter().any(|d| d.code == "bad-value");
    settings_of_disks(partial, template, d);
    if whole {
        root_and_boot(world, partial, template, d);
    }
}

/// Only hosts of MicroVMs pass the flake to their modules as `self`.
fn modules_take_self(
    world: &World<'_>,
    partial: &Partial<'_>,
    template: Option<&template::Flat<'_>>,
    d: &mut Diagnostics,
) {
    let host = &partial.host;
    if !host.microvms.is_empty() {
        return;
    }
    let of_template = template.map_or(&[][..], |t| &t.model.modules);
    for module in host.modules.iter().chain(of_template) {
        let path = module.strip_prefix("custom/").unwrap_or(module);
        if !crate::assets::takes(path, "self", world.around) {
            continue;
        }
        let own = partial.spec.modules.iter();
        let mut own = own.filter(|text| path.ends_with(text.value.trim_start_matches("./")));
        d.push(
            Diagnostic::error(
                "undefined-variable",
                own.next().map_or(partial.place, |text| text.span),
                format!(
                    "`{path}` takes `self`, which modules of `{}` do not get",
                    host.name
                ),
            )
            .help("take `inputs` and write `inputs.self`"),
        );
    }
}

/// A container has the kernel, the disks and the boot of the machine that it runs on.
fn container(partial: &Partial<'_>, d: &mut Diagnostics) {
    let host = &partial.host;
    if host.hardware.platform != "lxc" {
        return;
    }
    let hardware = &partial.spec.hardware;
    let loader = hardware.boot.loader.as_ref().filter(|l| l.value != "none");
    let first = |list: &[ast::Text]| list.first().map(|text| text.span);
    let foreign = [
        ("boot loader", loader.map(|l| l.span), "hardware.boot"),
        ("disk layout", first(&hardware.disks), "hardware.disks"),
        (
            "kernel modules",
            first(&hardware.kernel_modules).or_else(|| first(&hardware.initrd_modules)),
            "hardware.kernelModules` and `hardware.initrdModules",
        ),
        ("MicroVMs", first(&partial.spec.microvms), "microvms"),
    ];
    for (what, span, key) in foreign {
        let Some(span) = span else { continue };
        let message = format!(
            "`{}` is a container, which has no {what} of its own",
            host.name
        );
        d.push(
            Diagnostic::error("container-hardware", span, message)
                .related(
                    hardware.platform.as_ref().map(|p| p.span),
                    "the container is said here",
                )
                .help(format!(
                    "remove `{key}`, or say `platform: qemu` of a virtual machine"
                )),
        );
    }
}

/// Layouts of one host must not take the same thing.
fn disks(partial: &Partial<'_>, d: &mut Diagnostics) {
    let host = &partial.host;
    let mut taken: BTreeMap<String, (&String, Option<Span>)> = BTreeMap::new();
    for (name, disk) in &host.disks {
        for claim in crate::disks::claims(disk) {
            if let Some((other, place)) = taken.get(&claim)
                && *other != name
            {
                let named = &partial.spec.hardware.disks;
                let span = named.iter().find(|t| t.value == *name).map(|t| t.span);
                d.push(
                    Diagnostic::error(
                        "disk-layout",
                        span,
                        format!("`{other}` and `{name}` both {claim} on `{}`", host.name),
                    )
                    .related(*place, format!("`{other}`"))
                    .related(disk.span, format!("`{name}`"))
                    .help("change one of the layouts, or leave it out"),
                );
                break;
            }
            taken.insert(claim, (name, disk.span));
        }
    }
}

/// Reports what a feature needs and the host does not have.
fn needs(
    world: &World<'_>,
    partial: &Partial<'_>,
    definition: &table::Definition,
    (span, why): (Span, String),
    own: bool,
    d: &mut Diagnostics,
) {
    let host = &partial.host;
    for need in &definition.feature.needs {
        if let NeedKind::Zone(zones) = &need.kind
            && !definition.builtin
            && let Some(zone) = zones.iter().find(|z| !world.zones.contains(*z))
        {
            d.push(unknown_zone(&world.zones, zone, need.span));
            continue;
        }
        // A layout that could not be resolved may be the one.
        let is_lost = matches!(need.kind, NeedKind::Disks(_))
            && partial.spec.hardware.disks.len() != host.disks.len();
        if let Some(missing) = unmet(&need.kind, host).filter(|_| !is_lost) {
            d.push(
                Diagnostic::error(
                    "unmet-need",
                    span,
                    format!(
                        "`{}` needs {missing}, which `{}` does not have",
                        definition.id, host.name
                    ),
                )
                .label(why.clone())
                .related(need.span, "needed here")
                .related((!own).then_some(partial.place), "a host with the feature")
                .help(format!(
                    "switch the feature off here, or correct `{}` of the host",
                    fact(&need.kind)
                )),
            );
        }
    }
}

fn conflict(
    world: &World<'_>,
    partial: &Partial<'_>,
    id: &FeatureId,
    other: &str,
    d: &mut Diagnostics,
) {
    let (Some(first), Some((second_id, _))) = (
        world.table.get(id),
        partial.host.enabled.get_key_value(other),
    ) else {
        return;
    };
    let second = world.table.get(second_id);
    // Both may declare it; the one that comes first by name reports.
    let mutual = second.is_some_and(|s| s.feature.conflicts.iter().any(|c| c.value == id.as_str()));
    if mutual && second_id < id {
        return;
    }
    let (span, why) = reason_place(partial, id);
    let (second_span, second_why) = reason_place(partial, second_id);
    let declared = first
        .feature
        .conflicts
        .iter()
        .find(|c| c.value == other)
        .map(|c| c.span);
    d.push(
        Diagnostic::error(
            "feature-conflict",
            span,
            format!(
                "`{id}` and `{other}` cannot both be on, as they are on `{}`",
                partial.host.name
            ),
        )
        .label(why)
        .related(second_span, format!("`{other}` {second_why}"))
        .related(declared, "the conflict is declared here")
        .help("switch one of them off"),
    );
}

fn root_and_boot(
    world: &World<'_>,
    partial: &Partial<'_>,
    template: Option<&template::Flat<'_>>,
    d: &mut Diagnostics,
) {
    let host = &partial.host;
    let by_hand = !host.modules.is_empty() || template.is_some_and(|t| !t.model.modules.is_empty());
    let fleet_by_hand = world
        .spec
        .fleet
        .as_ref()
        .is_some_and(|f| !f.value.modules.is_empty());
    if host.hardware.platform == "lxc" || by_hand || fleet_by_hand {
        return;
    }
    // The fleet's own features; none of the catalog mounts a root or boots a machine.
    let own: Vec<&table::Definition> = (host.enabled.keys())
        .filter_map(|id| world.table.get(id))
        .filter(|definition| !definition.builtin)
        .collect();
    let any_path = |test: &dyn Fn(&[String]) -> bool| {
        let in_template =
            |t: &template::Flat<'_>| t.model.definitions.iter().any(|x| test(&x.path.0));
        let in_feature = |f: &&table::Definition| {
            (f.feature.nixos.as_ref()).is_some_and(|tree| tree.keys().any(|path| test(&path.0)))
        };
        host.definitions.iter().any(|x| test(&x.path.0))
            || template.is_some_and(in_template)
            || own.iter().any(in_feature)
    };
    // What a body defines is only known to Nix, so one that speaks of it is believed.
    let body_says = |word: &str| {
        own.iter()
            .filter_map(|f| f.body.as_ref())
            .any(|b| b.text.contains(word))
    };
    let defines = |prefix: &[&str]| {
        any_path(&|path| path.len() >= prefix.len() && path.iter().zip(prefix).all(|(a, b)| a == b))
            || body_says(prefix[0])
    };
    let chooses_loader = || {
        // These say how a boot loader behaves, not which.
        let manner = ["timeout", "efi", "supportsInitrdSecrets"];
        any_path(&|path| match path {
            [boot, loader, rest @ ..] if boot == "boot" && loader == "loader" => rest
                .first()
                .is_none_or(|part| !manner.contains(&part.as_str())),
            _ => false,
        }) || body_says("loader")
    };
    let root_mounted = host
        .disks
        .values()
        .any(|disk| crate::disks::mount_points(disk).contains(&"/"));
    if !root_mounted && !defines(&["fileSystems", "/"]) && !defines(&["disko"]) {
        d.push(
            Diagnostic::error(
                "no-root-file-system",
                partial.place,
                format!("host `{}` has no root file system", host.name),
            )
            .help("name a layout of `disks` in `hardware.disks`, or set `fileSystems.\"/\"`"),
        );
    }
    if host.hardware.boot.loader == BootLoader::Unset && !chooses_loader() {
        d.push(
            Diagnostic::error("no-boot-loader", partial.place, format!("host `{}` has no boot loader", host.name))
                .help("set `hardware.boot: { loader: systemd-boot }`, or `loader: none` for a machine that needs none"),
        );
    }
    let esp = host.disks.values().any(|disk| match &disk.layout {
        model::DiskLayout::ByHand { file_systems, .. } => {
            file_systems.contains_key("/boot")
                || file_systems.contains_key("/boot/efi")
                || file_systems.contains_key("/efi")
        }
        _ => true,
    });
    if host.hardware.boot.loader == BootLoader::SystemdBoot
        && !host.disks.is_empty()
        && !esp
        && !defines(&["fileSystems", "/boot"])
    {
        d.push(
            Diagnostic::error(
                "no-efi-partition",
                partial.place,
                format!(
                    "host `{}` boots by systemd-boot but mounts no EFI partition",
                    host.name
                ),
            )
            .help("add `/boot` (vfat) to the layout's `fileSystems`"),
        );
    }
    let root = host
        .disks
        .iter()
        .find(|(_, disk)| crate::disks::mount_points(disk).contains(&"/"));
    if let (BootLoader::Grub(device), Some((name, disk))) = (&host.hardware.boot.loader, root)
        && device != "nodev"
        && host.disks.values().any(|disk| {
            crate::disks::can_boot_by_bios(disk) && !crate::disks::devices(disk).is_empty()
        })
        && !host
            .disks
            .values()
            .any(|disk| crate::disks::devices(disk).contains(&device.as_str()))
    {
        let devices = crate::disks::devices(disk).join("`, `");
        d.push(
            Diagnostic::error(
                "disk-layout",
                partial
                    .spec
                    .hardware
                    .boot
                    .device
                    .as_ref()
                    .map_or(partial.place, |t| t.span),
                format!("GRUB goes to `{device}`, which is no disk of layout `{name}`"),
            )
            .related(disk.span, format!("`{name}` is on `{devices}`"))
            .help("name the device as the layout does; GRUB would go to both otherwise"),
        );
    }
    if let (BootLoader::Grub(device), Some((name, disk))) = (&host.hardware.boot.loader, root)
        && device != "nodev"
        && !host.disks.values().any(crate::disks::can_boot_by_bios)
    {
        d.push(
            Diagnostic::error(
                "no-bios-partition",
                partial.spec.hardware.boot.device.as_ref().map_or(partial.place, |t| t.span),
                format!("GRUB has no place on `{device}`: layout `{name}` makes no BIOS boot partition"),
            )
            .related(disk.span, format!("`{name}`"))
            .help("say `bios: true` in the layout; a machine with EFI takes `device: nodev`, or systemd-boot"),
        );
    }
}

/// What settings say about file systems and swap against the layouts of the host.
fn settings_of_disks(
    partial: &Partial<'_>,
    template: Option<&template::Flat<'_>>,
    d: &mut Diagnostics,
) {
    let host = &partial.host;
    if host.disks.is_empty() {
        return;
    }
    let from_template = template.map_or(&[][..], |t| &t.model.definitions);
    let definitions = || host.definitions.iter().chain(from_template);
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for definition in definitions() {
        let [first, point, rest @ ..] = definition.path.0.as_slice() else {
            continue;
        };
        if first != "fileSystems" {
            continue;
        }
        let word = |name: &str| matches!(name, "device" | "fsType" | "label");
        let defined = match (rest, &definition.value) {
            ([], nix::Value::Attrs(values)) => values
                .iter()
                .any(|(name, value)| word(name) && !matches!(value, nix::Value::Apply(..))),
            ([name], value) => word(name) && !matches!(value, nix::Value::Apply(..)),
            _ => false,
        };
        let layout = host
            .disks
            .iter()
            .find(|(_, disk)| crate::disks::mount_points(disk).contains(&point.as_str()));
        if let (true, Some((name, disk))) = (defined, layout)
            && told.insert(point)
        {
            d.push(
                Diagnostic::error(
                    "disk-layout",
                    definition.origin.span,
                    format!("`{point}` is mounted by the layout `{name}` already"),
                )
                .related(disk.span, format!("`{name}`"))
                .help("mount it by one of the two; `options` may be set beside a layout"),
            );
        }
    }
    // Booting from what was in memory: all of it has to fit.
    let resumes = definitions().find(|x| {
        let says = || nix::render(&x.value).is_ok_and(|text| text.contains("\"resume="));
        x.path.0 == ["boot", "resumeDevice"] || x.path.0 == ["boot", "kernelParams"] && says()
    });
    let by_settings = definitions().any(|x| x.path.0.first().is_some_and(|p| p == "swapDevices"));
    let swap: Option<u64> = host.disks.values().map(crate::disks::swap).sum();
    if let (Some(resumes), Some(swap), Some(memory), false) =
        (resumes, swap, host.hardware.memory, by_settings)
        && swap < memory
    {
        let gib = |bytes: u64| bytes.div_ceil(1 << 30);
        let place = partial.spec.hardware.memory.as_ref().map(|m| m.span);
        d.push(
            Diagnostic::warning(
                "small-swap",
                resumes.origin.span,
                format!(
                    "host `{}` resumes from swap, which is {} GiB for {} GiB of memory",
                    host.name,
                    gib(swap),
                    gib(memory)
                ),
            )
            .related(place, "the memory")
            .help(format!(
                "give a layout `swap: {}GiB`, or do not hibernate",
                gib(memory)
            )),
        );
    }
}
