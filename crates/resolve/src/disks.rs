//! Disk layouts: parameters checked, defaults filled in.

use std::collections::BTreeMap;

use diag::{Diagnostic, Diagnostics};
use model::DiskLayout;
use spec::ast::{Disk, Item, Text};

use crate::world::unknown_word;

/// Profiles of btrfs for several devices, and how many each needs.
const BTRFS_MODES: &[(&str, usize)] = &[
    ("single", 2),
    ("raid0", 2),
    ("raid1", 2),
    ("raid10", 2),
    ("raid1c3", 3),
    ("raid1c4", 4),
];

const LAYOUTS: &[&str] = &["ext4", "luks-btrfs", "zfs", "none"];

/// Resolves a layout.
pub(crate) fn resolve(item: &Item<Disk>, d: &mut Diagnostics) -> Option<model::Disk> {
    let disk = &item.value;
    let layout = disk.layout.as_ref()?;
    let esp = disk
        .esp
        .as_ref()
        .map_or_else(|| "1G".to_owned(), |t| t.value.clone());
    let swap = disk.swap.as_ref().map(|t| t.value.clone());
    let used: &[&str] = match layout.value.as_str() {
        "ext4" => &[
            "device",
            "esp",
            "bios",
            "encrypt",
            "swap",
            "mountPoint",
            "mountOptions",
        ],
        "luks-btrfs" => &[
            "device",
            "devices",
            "mode",
            "esp",
            "bios",
            "encrypt",
            "swap",
            "subvolumes",
            "mountOptions",
        ],
        "zfs" => &[
            "devices", "device", "esp", "bios", "encrypt", "pool", "mode", "datasets", "hostId",
        ],
        "none" => &["fileSystems", "swapDevices"],
        other => {
            d.push(unknown_word(other, layout.span, "a disk layout", LAYOUTS));
            return None;
        }
    };
    for (key, span) in given(disk) {
        if !used.contains(&key) {
            d.push(
                Diagnostic::error(
                    "unknown-key",
                    span,
                    format!("`{key}` has no meaning for layout `{}`", layout.value),
                )
                .help(format!("it takes {}", used.join(", "))),
            );
        }
    }
    let bios = disk.bios.as_ref().is_some_and(|b| b.value);
    let encrypt = disk.encrypt.as_ref().map(|b| b.value);
    let layout = match layout.value.as_str() {
        "ext4" => DiskLayout::Ext4 {
            device: device(item, d)?,
            mount_point: disk.mount_point.as_ref().map_or_else(
                || "/".to_owned(),
                |point| {
                    absolute(point, d);
                    point.value.clone()
                },
            ),
            mount_options: disk.mount_options.iter().map(|o| o.value.clone()).collect(),
            esp,
            bios,
            encrypt: encrypt == Some(true),
            swap,
        },
        "luks-btrfs" => {
            let mut subvolumes: BTreeMap<String, String> = disk
                .subvolumes
                .iter()
                .map(|(k, v)| (k.value.clone(), v.value.clone()))
                .collect();
            if subvolumes.is_empty() {
                for (name, mount) in [("/root", "/"), ("/home", "/home"), ("/nix", "/nix")] {
                    subvolumes.insert(name.to_owned(), mount.to_owned());
                }
                if swap.is_some() {
                    subvolumes.insert("/swap".to_owned(), "/.swap".to_owned());
                }
            }
            for (name, mount) in &disk.subvolumes {
                absolute(name, d);
                absolute(mount, d);
            }
            mounted_once(&disk.subvolumes, d);
            let mut mount_options: Vec<String> =
                disk.mount_options.iter().map(|o| o.value.clone()).collect();
            if mount_options.is_empty() {
                mount_options = vec!["compress=zstd".to_owned(), "noatime".to_owned()];
            }
            if swap.is_some() && !subvolumes.contains_key("/swap") {
                d.push(
                    Diagnostic::error(
                        "disk-layout",
                        item.name.span,
                        "a swap file needs the subvolume `/swap`",
                    )
                    .help("add `/swap: /.swap` to `subvolumes`"),
                );
            }
            let (devices, mode) = btrfs_devices(item, d)?;
            DiskLayout::LuksBtrfs {
                devices,
                mode,
                esp,
                bios,
                encrypt: encrypt != Some(false),
                swap,
                subvolumes,
                mount_options,
            }
        }
        "zfs" => zfs(item, esp, (bios, encrypt == Some(true)), d)?,
        _ => by_hand(item, d),
    };
    if disk.broken {
        return None;
    }
    esp_without_root(item, &layout, d);
    Some(model::Disk {
        layout,
        span: Some(item.name.span),
    })
}

fn given(disk: &Disk) -> Vec<(&'static str, diag::Span)> {
    let mut result = Vec::new();
    let mut text = |key: &'static str, value: &Option<Text>| {
        result.extend(value.as_ref().map(|t| (key, t.span)));
    };
    text("device", &disk.device);
    text("swap", &disk.swap);
    text("esp", &disk.esp);
    text("mountPoint", &disk.mount_point);
    text("pool", &disk.pool);
    text("mode", &disk.mode);
    text("hostId", &disk.host_id);
    result.extend(disk.bios.as_ref().map(|b| ("bios", b.span)));
    result.extend(disk.encrypt.as_ref().map(|b| ("encrypt", b.span)));
    result.extend(disk.devices.first().map(|t| ("devices", t.span)));
    result.extend(disk.mount_options.first().map(|t| ("mountOptions", t.span)));
    result.extend(disk.subvolumes.first().map(|(t, _)| ("subvolumes", t.span)));
    result.extend(disk.datasets.first().map(|(t, _)| ("datasets", t.span)));
    result.extend(disk.swap_devices.first().map(|t| ("swapDevices", t.span)));
    result.extend(
        disk.file_systems
            .values()
            .next()
            .map(|i| ("fileSystems", i.name.span)),
    );
    result
}

fn device(item: &Item<Disk>, d: &mut Diagnostics) -> Option<String> {
    if let Some(device) = &item.value.device {
        is_device(device, d);
        Some(device.value.clone())
    } else {
        d.push(
            Diagnostic::error(
                "missing-key",
                item.name.span,
                format!("disk layout `{}` lacks `device`", item.name.value),
            )
            .help("name the disk that is partitioned, best by `/dev/disk/by-id/…`"),
        );
        None
    }
}

/// The devices of a btrfs and the profile that spreads data over them.
fn btrfs_devices(item: &Item<Disk>, d: &mut Diagnostics) -> Option<(Vec<String>, String)> {
    let disk = &item.value;
    let Some(first) = disk.devices.first() else {
        if let Some(mode) = &disk.mode {
            let message = "`mode` spreads data over several devices";
            let diagnostic = Diagnostic::error("disk-layout", mode.span, message);
            d.push(diagnostic.help("name them in `devices`, or leave `mode` out"));
        }
        return Some((vec![device(item, d)?], String::new()));
    };
    if let Some(device) = &disk.device {
        let message = "`device` and `devices` both name disks";
        let diagnostic = Diagnostic::error("disk-layout", device.span, message);
        d.push(
            diagnostic
                .related(first.span, "`devices`")
                .help("name all of them in `devices`"),
        );
    }
    for device in &disk.devices {
        is_device(device, d);
    }
    named_once(&disk.devices.iter().collect::<Vec<_>>(), "a file system", d);
    let devices: Vec<String> = disk.devices.iter().map(|t| t.value.clone()).collect();
    if devices.len() == 1 && disk.mode.is_none() {
        return Some((devices, String::new()));
    }
    let Some(mode) = &disk.mode else {
        d.push(
            Diagnostic::error(
                "missing-key",
                item.name.span,
                format!("disk layout `{}` lacks `mode`", item.name.value),
            )
            .help("`raid1` keeps everything twice, `single` keeps it once on one of the devices"),
        );
        return None;
    };
    let Some((_, least)) = BTRFS_MODES.iter().find(|(name, _)| *name == mode.value) else {
        let names: Vec<&str> = BTRFS_MODES.iter().map(|(name, _)| *name).collect();
        d.push(unknown_word(
            &mode.value,
            mode.span,
            "a profile of btrfs",
            &names,
        ));
        return None;
    };
    if devices.len() < *least {
        let message = format!("mode `{}` needs at least {least} devices", mode.value);
        let diagnostic = Diagnostic::error("disk-layout", mode.span, message);
        d.push(diagnostic.help("add devices, or choose another mode"));
    }
    if let Some(swap) = &disk.swap {
        d.push(
            Diagnostic::error(
                "disk-layout",
                swap.span,
                "btrfs takes no swap file where its data lies on several devices",
            )
            .help("leave `swap` out and use `performance.zram`, or give swap a disk of its own"),
        );
    }
    // The partitions are found by their labels, which GPT cuts at 36 characters.
    let unencrypted = disk.encrypt.as_ref().is_some_and(|e| !e.value);
    if unencrypted && item.name.value.len() > 24 {
        d.push(
            Diagnostic::error(
                "disk-layout",
                item.name.span,
                format!(
                    "the name `{}` is too long for labels of partitions",
                    item.name.value
                ),
            )
            .help("use at most 24 characters"),
        );
    }
    Some((devices, mode.value.clone()))
}

/// Reports an EFI partition that a layout without the root would not make.
fn esp_without_root(item: &Item<Disk>, layout: &DiskLayout, d: &mut Diagnostics) {
    let (
        Some(esp),
        DiskLayout::Ext4 { .. } | DiskLayout::LuksBtrfs { .. } | DiskLayout::Zfs { .. },
    ) = (&item.value.esp, layout)
    else {
        return;
    };
    if !points(layout).contains(&"/") {
        d.push(
            Diagnostic::error(
                "disk-layout",
                esp.span,
                format!(
                    "layout `{}` makes no EFI partition, since it does not mount `/`",
                    item.name.value
                ),
            )
            .help("leave `esp` out; the layout with the root makes it"),
        );
    }
}

fn is_device(device: &Text, d: &mut Diagnostics) {
    if !device.value.starts_with("/dev/") {
        let message = format!("`{}` is not a device below `/dev`", device.value);
        let diagnostic = Diagnostic::error("bad-value", device.span, message);
        d.push(diagnostic.help("such as `/dev/nvme0n1`, best `/dev/disk/by-id/…`"));
    }
}

fn absolute(path: &Text, d: &mut Diagnostics) {
    if !path.value.starts_with('/') {
        d.push(Diagnostic::error(
            "bad-value",
            path.span,
            format!("`{}` is not an absolute path", path.value),
        ));
    }
}

/// Reports a mount point that two subvolumes or data sets of one layout have.
fn mounted_once(parts: &[(Text, Text)], d: &mut Diagnostics) {
    let mut seen: BTreeMap<&str, &Text> = BTreeMap::new();
    for (part, mount) in parts {
        if !mount.value.starts_with('/') {
            continue;
        }
        if let Some(first) = seen.insert(&mount.value, part) {
            d.push(
                Diagnostic::error(
                    "disk-layout",
                    mount.span,
                    format!(
                        "`{}` and `{}` are both mounted at `{}`",
                        first.value, part.value, mount.value
                    ),
                )
                .related(first.span, format!("`{}`", first.value))
                .help("mount one of the two elsewhere"),
            );
        }
    }
}

/// Reports devices that are named twice.
fn named_once(devices: &[&Text], whole: &str, d: &mut Diagnostics) {
    let mut seen: BTreeMap<&str, &Text> = BTreeMap::new();
    for device in devices {
        if let Some(first) = seen.insert(&device.value, device) {
            d.push(
                Diagnostic::error(
                    "disk-layout",
                    device.span,
                    format!("`{}` is named twice", device.value),
                )
                .related(first.span, "first named here")
                .help(format!("{whole} needs each of its devices once")),
            );
        }
    }
}

fn zfs(
    item: &Item<Disk>,
    esp: String,
    (bios, encrypt): (bool, bool),
    d: &mut Diagnostics,
) -> Option<DiskLayout> {
    let disk = &item.value;
    let devices: Vec<&Text> = disk.devices.iter().chain(&disk.device).collect();
    if devices.is_empty() {
        d.push(Diagnostic::error(
            "missing-key",
            item.name.span,
            format!("disk layout `{}` lacks `devices`", item.name.value),
        ));
    }
    for device in &devices {
        is_device(device, d);
    }
    let mode = disk
        .mode
        .as_ref()
        .map(|t| t.value.clone())
        .unwrap_or_default();
    if let Some(text) = &disk.mode {
        let modes = ["", "mirror", "raidz", "raidz1", "raidz2", "raidz3"];
        if !modes.contains(&text.value.as_str()) {
            d.push(unknown_word(
                &text.value,
                text.span,
                "a mode of ZFS",
                &modes[1..],
            ));
        } else if !text.value.is_empty() && devices.len() < 2 {
            let message = format!("mode `{}` needs at least two devices", text.value);
            let diagnostic = Diagnostic::error("disk-layout", text.span, message);
            d.push(diagnostic.help("add devices, or leave `mode` out"));
        }
    }
    let host_id = match &disk.host_id {
        Some(id) if id.value.len() == 8 && id.value.bytes().all(|b| b.is_ascii_hexdigit()) => {
            id.value.clone()
        }
        Some(id) => {
            d.push(Diagnostic::error(
                "bad-value",
                id.span,
                format!("`{}` is not a host id of eight hex digits", id.value),
            ));
            return None;
        }
        None => {
            d.push(
                Diagnostic::error("missing-key", item.name.span, format!("disk layout `{}` lacks `hostId`", item.name.value))
                    .help("ZFS needs it: eight hex digits, such as `head -c4 /dev/urandom | od -A none -t x4` prints"),
            );
            return None;
        }
    };
    mounted_once(&disk.datasets, d);
    named_once(&devices, "a pool", d);
    let least = match mode.as_str() {
        "raidz2" => 3,
        "raidz3" => 4,
        _ => 2,
    };
    if let Some(text) = &disk.mode
        && text.value.starts_with("raidz")
        && (2..least).contains(&devices.len())
    {
        let message = format!("mode `{}` needs at least {least} devices", text.value);
        let diagnostic = Diagnostic::error("disk-layout", text.span, message);
        d.push(diagnostic.help("add devices, or choose `mirror` or `raidz`"));
    }
    let mut datasets: BTreeMap<String, String> = disk
        .datasets
        .iter()
        .map(|(k, v)| (k.value.clone(), v.value.clone()))
        .collect();
    if datasets.is_empty() {
        for (name, mount) in [("root", "/"), ("home", "/home"), ("nix", "/nix")] {
            datasets.insert(name.to_owned(), mount.to_owned());
        }
    }
    Some(DiskLayout::Zfs {
        devices: devices.iter().map(|t| t.value.clone()).collect(),
        esp,
        bios,
        encrypt,
        pool: disk
            .pool
            .as_ref()
            .map_or_else(|| "zroot".to_owned(), |t| t.value.clone()),
        mode,
        datasets,
        host_id,
    })
}

fn by_hand(item: &Item<Disk>, d: &mut Diagnostics) -> DiskLayout {
    let disk = &item.value;
    if disk.file_systems.is_empty() && !disk.broken {
        d.push(Diagnostic::error(
            "missing-key",
            item.name.span,
            format!("disk layout `{}` lacks `fileSystems`", item.name.value),
        ));
    }
    let mut file_systems = BTreeMap::new();
    for (mount, fs) in &disk.file_systems {
        absolute(&fs.name, d);
        if let (Some(device), Some(fs_type)) = (&fs.value.device, &fs.value.fs_type) {
            file_systems.insert(
                mount.clone(),
                model::FileSystem {
                    device: device.value.clone(),
                    fs_type: fs_type.value.clone(),
                    options: fs.value.options.iter().map(|o| o.value.clone()).collect(),
                    needed_for_boot: fs.value.needed_for_boot.as_ref().is_some_and(|b| b.value),
                },
            );
        }
    }
    DiskLayout::ByHand {
        file_systems,
        swap_devices: disk.swap_devices.iter().map(|t| t.value.clone()).collect(),
    }
}

/// Mount points that a layout gives.
pub(crate) fn mount_points(disk: &model::Disk) -> Vec<&str> {
    points(&disk.layout)
}

fn points(layout: &DiskLayout) -> Vec<&str> {
    match layout {
        DiskLayout::Ext4 { mount_point, .. } => vec![mount_point],
        DiskLayout::LuksBtrfs { subvolumes, .. } => {
            subvolumes.values().map(String::as_str).collect()
        }
        DiskLayout::Zfs { datasets, .. } => datasets.values().map(String::as_str).collect(),
        DiskLayout::ByHand { file_systems, .. } => {
            file_systems.keys().map(String::as_str).collect()
        }
    }
}

/// Whether BIOS can start GRUB from the layout: it has a place for it, or nobody knows.
pub(crate) fn can_boot_by_bios(disk: &model::Disk) -> bool {
    match &disk.layout {
        DiskLayout::Ext4 { bios, .. }
        | DiskLayout::LuksBtrfs { bios, .. }
        | DiskLayout::Zfs { bios, .. } => *bios,
        DiskLayout::ByHand { .. } => true,
    }
}

/// The whole disks of a layout.
pub(crate) fn devices(disk: &model::Disk) -> Vec<&str> {
    match &disk.layout {
        DiskLayout::Ext4 { device, .. } => vec![device],
        DiskLayout::LuksBtrfs { devices, .. } | DiskLayout::Zfs { devices, .. } => {
            devices.iter().map(String::as_str).collect()
        }
        DiskLayout::ByHand { .. } => Vec::new(),
    }
}

/// The size of the swap of a layout in bytes, as far as it is known.
pub(crate) fn swap(disk: &model::Disk) -> Option<u64> {
    let size = |swap: &Option<String>| match swap {
        Some(text) => spec::parse_size(text).ok(),
        None => Some(0),
    };
    match &disk.layout {
        DiskLayout::Ext4 { swap, .. } | DiskLayout::LuksBtrfs { swap, .. } => size(swap),
        DiskLayout::Zfs { .. } => Some(0),
        DiskLayout::ByHand { swap_devices, .. } => swap_devices.is_empty().then_some(0),
    }
}

/// What a layout takes for itself on its host, in words.
pub(crate) fn claims(disk: &model::Disk) -> Vec<String> {
    let mount = |point: &str| format!("mount `{point}`");
    let partition = |device: &String| format!("partition `{device}`");
    let mut result: Vec<String> = mount_points(disk).into_iter().map(mount).collect();
    match &disk.layout {
        DiskLayout::Ext4 { device, .. } => result.push(partition(device)),
        DiskLayout::LuksBtrfs { devices, .. } => result.extend(devices.iter().map(partition)),
        DiskLayout::Zfs { devices, pool, .. } => {
            result.extend(devices.iter().map(partition));
            result.push(format!("make the pool `{pool}`"));
        }
        DiskLayout::ByHand { .. } => {}
    }
    result
}
