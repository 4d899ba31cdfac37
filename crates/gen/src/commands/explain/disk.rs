//! A disk layout: what it comes to, and the machines that have it.

use std::collections::BTreeMap;

use model::{DiskLayout, FileSystem};
use serde::Serialize;

use super::tree::Tree;
use super::{UseView, draw_uses, machine_of};
use crate::cli::Sound;
use crate::text::list;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DiskView {
    kind: &'static str,
    name: String,
    place: String,
    /// The generated file; none where no machine has it.
    file: Option<String>,
    layout: DiskLayout,
    used_by: Vec<UseView>,
}

/// The view of a layout, if there is one of that name.
pub(super) fn view(sound: &Sound, name: &str) -> Option<DiskView> {
    let item = sound.spec.disks.get(name)?;
    let users = sound
        .fleet
        .machines()
        .filter(|machine| machine.disks.contains_key(name));
    let used_by: Vec<UseView> = users
        .map(|machine| {
            let disks = machine_of(&sound.spec, machine.name.as_str())
                .map(|spec| spec.hardware.disks.as_slice())
                .unwrap_or_default();
            let named = disks.iter().find(|it| it.value == name);
            UseView {
                name: machine.name.to_string(),
                through: None,
                place: named.map(|it| sound.sources.place(it.span)),
            }
        })
        .collect();
    Some(DiskView {
        kind: "disk",
        name: name.to_owned(),
        place: sound.sources.place(item.name.span),
        file: (!used_by.is_empty()).then(|| format!("disks/{name}.nix")),
        layout: resolve::disk_layout(item)?,
        used_by,
    })
}

/// Draws a layout for people.
pub(super) fn draw(view: &DiskView) -> String {
    let mut tree = Tree::default();
    tree.headline(view.kind, &view.name, None);
    tree.fact("defined in", &view.place);
    tree.fact(
        "generated as",
        view.file.as_deref().unwrap_or("nothing: no host has it"),
    );
    let yes = |is: bool, text: &'static str| if is { text } else { "no" };
    let partitions = |tree: &mut Tree, esp: &str, bios: bool, is_root: bool| {
        if is_root {
            tree.fact("EFI partition", esp);
        }
        tree.fact("BIOS boot partition", yes(bios, "yes"));
    };
    let has_root = |mounted: &BTreeMap<String, String>| mounted.values().any(|at| at == "/");
    let mut mounts: Vec<(String, String)> = Vec::new();
    match &view.layout {
        DiskLayout::Ext4 {
            device,
            esp,
            bios,
            encrypt,
            swap,
            mount_point,
            mount_options,
        } => {
            tree.fact("layout", "ext4");
            tree.fact("device", device);
            partitions(&mut tree, esp, *bios, mount_point == "/");
            tree.fact("encryption", yes(*encrypt, "LUKS"));
            tree.fact("swap", swap.as_deref().unwrap_or("none"));
            tree.fact("mount options", &list(mount_options));
            mounts.push((mount_point.clone(), "the rest of the disk".to_owned()));
        }
        DiskLayout::LuksBtrfs {
            devices,
            mode,
            esp,
            bios,
            encrypt,
            swap,
            subvolumes,
            mount_options,
        } => {
            tree.fact("layout", if *encrypt { "luks-btrfs" } else { "btrfs" });
            tree.fact("devices", &list(devices));
            tree.fact("mode", mode);
            partitions(&mut tree, esp, *bios, has_root(subvolumes));
            tree.fact("encryption", yes(*encrypt, "LUKS"));
            tree.fact("swap", swap.as_deref().unwrap_or("none"));
            tree.fact("mount options", &list(mount_options));
            mounts.extend(
                subvolumes
                    .iter()
                    .map(|(name, at)| (at.clone(), format!("subvolume {name}"))),
            );
        }
        DiskLayout::Zfs {
            devices,
            esp,
            bios,
            encrypt,
            pool,
            mode,
            datasets,
            host_id,
        } => {
            tree.fact("layout", "zfs");
            tree.fact("devices", &list(devices));
            partitions(&mut tree, esp, *bios, has_root(datasets));
            tree.fact(
                "encryption",
                yes(*encrypt, "of the pool, with a passphrase"),
            );
            tree.fact("pool", pool);
            tree.fact("mode", mode);
            tree.fact("host id", host_id);
            mounts.extend(
                datasets
                    .iter()
                    .map(|(name, at)| (at.clone(), format!("dataset {name}"))),
            );
        }
        DiskLayout::ByHand {
            file_systems,
            swap_devices,
        } => {
            tree.fact(
                "layout",
                "none: file systems by hand, nothing is partitioned",
            );
            tree.fact("swap", &list(swap_devices));
            mounts.extend(
                file_systems
                    .iter()
                    .map(|(at, it)| (at.clone(), by_hand(it))),
            );
        }
    }
    if !mounts.is_empty() {
        tree.title(&format!("Mounts ({})", mounts.len()));
        mounts.sort();
        for (at, what) in mounts {
            tree.line(1, at, what);
        }
    }
    draw_uses(&mut tree, "Used by", &view.used_by);
    tree.finish()
}

fn by_hand(file_system: &FileSystem) -> String {
    let FileSystem {
        device,
        fs_type,
        options,
        needed_for_boot,
    } = file_system;
    let mut text = format!("{device}, {fs_type}");
    if !options.is_empty() {
        text = format!("{text}, {}", options.join(","));
    }
    if *needed_for_boot {
        text.push_str(", needed for boot");
    }
    text
}
