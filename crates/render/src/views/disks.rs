//! `disks/<layout>.nix`: partitions and file systems, for disko or by hand; once for all hosts that
//! use the layout. A host whose EFI partition is mounted elsewhere has `hosts/<host>/disks.nix`.

use std::collections::BTreeMap;

use model::{Disk, DiskLayout, FileSystem, Host};
use nix::Value;
use serde::Serialize;

use crate::code::Code;
use crate::error::Result;
use crate::tree::{Order, Tree};

/// What a thing is comes before what is in it.
const ORDER: Order<'static> = Order {
    top: &[],
    first: &["type", "name", "device", "size", "mode", "format", "pool"],
    last: &["content", "partitions", "subvolumes", "datasets"],
};

/// Disks.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    settings: Code,
}

/// Where the EFI partition is mounted unless a host says otherwise.
const BOOT: &str = "/boot";

/// Whether a host's disks are those of its layouts, without a word of its own.
pub(crate) fn is_shared(host: &Host) -> bool {
    host.hardware
        .boot
        .efi_mount_point
        .as_deref()
        .is_none_or(|boot| boot == BOOT)
}

/// The view of a layout that hosts share.
pub(crate) fn shared(name: &str, disk: &Disk) -> Result<View> {
    view(std::iter::once((name, disk)), BOOT)
}

/// The view of the disks of a host that are its own.
pub(crate) fn own(host: &Host) -> Result<View> {
    let boot = host
        .hardware
        .boot
        .efi_mount_point
        .as_deref()
        .unwrap_or(BOOT);
    view(
        host.disks.iter().map(|(name, disk)| (name.as_str(), disk)),
        boot,
    )
}

fn view<'a>(disks: impl Iterator<Item = (&'a str, &'a Disk)>, boot: &str) -> Result<View> {
    let mut tree = Tree::default();
    for (name, disk) in disks {
        match &disk.layout {
            DiskLayout::ByHand {
                file_systems,
                swap_devices,
            } => add_by_hand(&mut tree, file_systems, swap_devices)?,
            layout => add_disko(&mut tree, name, layout, boot)?,
        }
    }
    Ok(View {
        settings: tree.code(ORDER)?,
    })
}

fn add_by_hand(
    tree: &mut Tree<'_>,
    file_systems: &BTreeMap<String, FileSystem>,
    swap_devices: &[String],
) -> Result<()> {
    for (mount_point, file_system) in file_systems {
        let mut value = BTreeMap::from([
            (
                "device".to_owned(),
                Value::from(file_system.device.as_str()),
            ),
            (
                "fsType".to_owned(),
                Value::from(file_system.fs_type.as_str()),
            ),
        ]);
        if !file_system.options.is_empty() {
            value.insert("options".to_owned(), strings(&file_system.options));
        }
        if file_system.needed_for_boot {
            value.insert("neededForBoot".to_owned(), Value::Bool(true));
        }
        tree.set(&["fileSystems", mount_point], Value::Attrs(value))?;
    }
    if !swap_devices.is_empty() {
        let devices = swap_devices
            .iter()
            .map(|device| Value::attrs([("device", text(device))]));
        tree.set(&["swapDevices"], Value::List(devices.collect()))?;
    }
    Ok(())
}

fn add_disko(tree: &mut Tree<'_>, name: &str, layout: &DiskLayout, boot: &str) -> Result<()> {
    match layout {
        DiskLayout::ByHand { .. } => {}
        DiskLayout::Ext4 {
            device,
            mount_point,
            mount_options,
            esp,
            bios,
            encrypt,
            swap,
        } => {
            let file_system = ext4(mount_point, mount_options);
            let is_root = mount_point == "/";
            let own = match (*encrypt, is_root) {
                (true, _) => ("luks", rest(luks(name, Some(file_system)))),
                (false, true) => ("root", rest(file_system)),
                (false, false) => ("data", rest(file_system)),
            };
            let mut partitions = vec![own];
            if is_root {
                partitions.push(("ESP", esp_partition(esp, boot)));
            }
            partitions.extend(bios_partition(*bios));
            if let Some(swap) = swap {
                let mut content = vec![("type", text("swap"))];
                if *encrypt {
                    // What was in memory is not to lie beside the encrypted root.
                    content.push(("randomEncryption", Value::Bool(true)));
                }
                let content = Value::attrs(content);
                partitions.push((
                    "swap",
                    Value::attrs([("size", size(swap)), ("content", content)]),
                ));
            }
            add_disk(tree, name, device, partitions)?;
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
            let holds_root = subvolumes.values().any(|mount_point| mount_point == "/");
            let partition = if *encrypt { "luks" } else { "root" };
            let mut others = Vec::new();
            for (device_idx, device) in devices.iter().enumerate() {
                let name = part_name(name, device_idx, devices.len());
                // The last disk makes the file system, when disko has prepared the others.
                let is_last = device_idx + 1 == devices.len();
                let content = is_last
                    .then(|| btrfs(subvolumes, mount_options, swap.as_deref(), mode, &others));
                let own = match (*encrypt, content) {
                    (true, content) => rest(luks(&name, content)),
                    (false, Some(content)) => rest(content),
                    (false, None) => Value::attrs([("size", text("100%"))]),
                };
                let mut partitions = vec![(partition, own)];
                if device_idx == 0 {
                    if holds_root {
                        partitions.push(("ESP", esp_partition(esp, boot)));
                    }
                    partitions.extend(bios_partition(*bios));
                }
                add_disk(tree, &name, device, partitions)?;
                others.push(if *encrypt {
                    format!("/dev/mapper/crypt-{name}")
                } else {
                    format!("/dev/disk/by-partlabel/disk-{name}-{partition}")
                });
            }
        }
        DiskLayout::Zfs {
            devices,
            esp,
            bios,
            encrypt,
            pool,
            mode,
            datasets,
            host_id: _,
        } => {
            let holds_root = datasets.values().any(|mount_point| mount_point == "/");
            for (device_idx, device) in devices.iter().enumerate() {
                let content = Value::attrs([("type", text("zfs")), ("pool", text(pool))]);
                let mut partitions = vec![("zfs", rest(content))];
                if holds_root && device_idx == 0 {
                    partitions.push(("ESP", esp_partition(esp, boot)));
                }
                partitions.extend(bios_partition(*bios && device_idx == 0));
                let name = part_name(name, device_idx, devices.len());
                add_disk(tree, &name, device, partitions)?;
            }
            tree.set(
                &["disko", "devices", "zpool", pool],
                zpool(pool, mode, *encrypt, datasets),
            )?;
        }
    }
    Ok(())
}

/// The name of a disk among those of a layout, such that names sort as the disks are listed.
fn part_name(layout: &str, device_idx: usize, count: usize) -> String {
    match count {
        1 => layout.to_owned(),
        2..=9 => format!("{layout}-{}", device_idx + 1),
        _ => format!("{layout}-{:02}", device_idx + 1),
    }
}

fn add_disk(
    tree: &mut Tree<'_>,
    name: &str,
    device: &str,
    partitions: Vec<(&str, Value)>,
) -> Result<()> {
    let content = Value::attrs([
        ("type", text("gpt")),
        ("partitions", Value::attrs(partitions)),
    ]);
    let disk = [
        ("type", text("disk")),
        ("device", text(device)),
        ("content", content),
    ];
    tree.set(&["disko", "devices", "disk", name], Value::attrs(disk))
}

/// The EFI system partition.
fn esp_partition(esp: &str, mount_point: &str) -> Value {
    let content = Value::attrs([
        ("type", text("filesystem")),
        ("format", text("vfat")),
        ("mountpoint", text(mount_point)),
        // The random seed of the boot loader is nobody else's to read.
        ("mountOptions", Value::List(vec![text("umask=0077")])),
    ]);
    Value::attrs([
        ("size", size(esp)),
        ("type", text("EF00")),
        ("content", content),
    ])
}

/// GRUB's own place on disks that BIOS starts from.
fn bios_partition(wanted: bool) -> Option<(&'static str, Value)> {
    let partition = [("size", text("1M")), ("type", text("EF02"))];
    wanted.then(|| ("bios", Value::attrs(partition)))
}

/// A partition of all that is left.
fn rest(content: Value) -> Value {
    Value::attrs([("size", text("100%")), ("content", content)])
}

fn ext4(mount_point: &str, options: &[String]) -> Value {
    let mut value = vec![
        ("type", text("filesystem")),
        ("format", text("ext4")),
        ("mountpoint", text(mount_point)),
    ];
    if !options.is_empty() {
        value.push(("mountOptions", strings(options)));
    }
    Value::attrs(value)
}

fn luks(name: &str, content: Option<Value>) -> Value {
    let mut value = vec![
        ("type", text("luks")),
        ("name", text(&format!("crypt-{name}"))),
        (
            "settings",
            Value::attrs([("allowDiscards", Value::Bool(true))]),
        ),
    ];
    value.extend(content.map(|content| ("content", content)));
    Value::attrs(value)
}

/// The profile of metadata beside data in another: never less than two copies.
fn metadata(mode: &str) -> &str {
    match mode {
        "single" | "raid0" => "raid1",
        other => other,
    }
}

/// The file system on the last of its devices, which names the others.
fn btrfs(
    subvolumes: &BTreeMap<String, String>,
    options: &[String],
    swap: Option<&str>,
    mode: &str,
    others: &[String],
) -> Value {
    // Also where another file system was before.
    let mut arguments = vec![text("-f")];
    if !mode.is_empty() {
        arguments.extend(["-d", mode, "-m", metadata(mode)].map(text));
        arguments.extend(others.iter().map(|device| text(device)));
    }
    let subvolumes = subvolumes.iter().map(|(subvolume, mount_point)| {
        let mut value = BTreeMap::from([("mountpoint".to_owned(), text(mount_point))]);
        match swap {
            Some(swap) if subvolume.trim_matches('/') == "swap" => {
                let file = Value::attrs([("swapfile", Value::attrs([("size", size(swap))]))]);
                value.insert("swap".to_owned(), file);
            }
            _ if !options.is_empty() => {
                value.insert("mountOptions".to_owned(), strings(options));
            }
            _ => {}
        }
        (subvolume.as_str(), Value::Attrs(value))
    });
    Value::attrs([
        ("type", text("btrfs")),
        ("extraArgs", Value::List(arguments)),
        ("subvolumes", Value::attrs(subvolumes)),
    ])
}

fn zpool(pool: &str, mode: &str, encrypt: bool, datasets: &BTreeMap<String, String>) -> Value {
    let mut value = BTreeMap::from([
        ("type".to_owned(), text("zpool")),
        ("options".to_owned(), Value::attrs([("ashift", text("12"))])),
    ]);
    let mut root = vec![
        ("acltype", text("posixacl")),
        ("atime", text("off")),
        ("compression", text("zstd")),
        ("xattr", text("sa")),
    ];
    if encrypt {
        root.push(("encryption", text("aes-256-gcm")));
        root.push(("keyformat", text("passphrase")));
        root.push(("keylocation", text("prompt")));
    }
    if datasets.is_empty() {
        value.insert("mountpoint".to_owned(), text(&format!("/{pool}")));
    } else {
        root.push(("mountpoint", text("none")));
        let datasets = datasets
            .iter()
            .map(|(name, mount_point)| (name.as_str(), dataset(mount_point)));
        value.insert("datasets".to_owned(), Value::attrs(datasets));
    }
    value.insert("rootFsOptions".to_owned(), Value::attrs(root));
    if !mode.is_empty() {
        value.insert("mode".to_owned(), text(mode));
    }
    Value::Attrs(value)
}

/// A data set that NixOS mounts, or one that only holds others.
fn dataset(mount_point: &str) -> Value {
    let option = |value| Value::attrs([("mountpoint", text(value))]);
    if mount_point.starts_with('/') {
        Value::attrs([
            ("type", text("zfs_fs")),
            ("mountpoint", text(mount_point)),
            ("options", option("legacy")),
        ])
    } else {
        Value::attrs([("type", text("zfs_fs")), ("options", option("none"))])
    }
}

/// A size the way disko wants it: `16GiB` is `16G`.
fn size(size: &str) -> Value {
    text(size.strip_suffix("iB").unwrap_or(size))
}

fn text(text: &str) -> Value {
    Value::from(text)
}

fn strings(texts: &[String]) -> Value {
    Value::List(texts.iter().map(|it| text(it)).collect())
}
