//! Hardware of a host, and what features need of it.

use diag::{Diagnostic, Diagnostics};
use model::{Boot, BootLoader, Gpu, Hardware, Host};
use spec::ast::{self, NeedKind};

use crate::lower::Uses;
use crate::world::{SYSTEMS, World, unknown_word};

/// Microcode and kernel modules of a vendor are for its platform only.
pub(super) fn check_cpu(spec: &ast::Host, system: &str, d: &mut Diagnostics) {
    let Some(cpu) = &spec.hardware.cpu else {
        return;
    };
    let right = match cpu.value.as_str() {
        "intel" | "amd" => "x86_64-linux",
        "arm" => "aarch64-linux",
        _ => return,
    };
    if system != right && SYSTEMS.contains(&system) {
        let message = format!("`cpu: {}` does not go with `{system}`", cpu.value);
        let cpu = match right {
            "x86_64-linux" => "arm",
            _ => "amd` or `cpu: intel",
        };
        d.push(
            Diagnostic::error(
                "bad-value",
                spec.hardware.cpu.as_ref().map(|c| c.span),
                message,
            )
            .related(spec.system.as_ref().map(|s| s.span), "the platform")
            .help(format!(
                "say `cpu: {cpu}`, or `system: {right}` of the host"
            )),
        );
    }
}

pub(super) fn hardware(
    world: &World<'_>,
    spec: &ast::Host,
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> Hardware {
    let spec = &spec.hardware;
    if let Some(cores) = spec.cores.as_ref().filter(|c| c.value < 1) {
        let message = format!("{} is not a number of processors", cores.value);
        d.push(Diagnostic::error("bad-value", cores.span, message));
    }
    let platform = spec.platform.as_ref().map_or("physical", |p| {
        let words = ["physical", "qemu", "lxc"];
        if !words.contains(&p.value.as_str()) {
            d.push(unknown_word(&p.value, p.span, "a kind of machine", &words));
        }
        p.value.as_str()
    });
    let cpu = spec.cpu.as_ref().and_then(|c| {
        let words = ["amd", "intel", "arm", "none"];
        if !words.contains(&c.value.as_str()) {
            d.push(unknown_word(&c.value, c.span, "a CPU vendor", &words));
        }
        (c.value != "none").then(|| c.value.clone())
    });
    let mut gpus = Vec::new();
    for gpu in &spec.gpus {
        let words = ["amd", "intel", "nvidia", "none"];
        if !words.contains(&gpu.vendor.value.as_str()) {
            d.push(unknown_word(
                &gpu.vendor.value,
                gpu.vendor.span,
                "a GPU vendor",
                &words,
            ));
        }
        if gpu.rocm && gpu.vendor.value != "amd" {
            d.push(Diagnostic::error(
                "bad-value",
                gpu.vendor.span,
                "ROCm needs an AMD GPU",
            ));
        }
        if gpu.cuda && gpu.vendor.value != "nvidia" {
            d.push(Diagnostic::error(
                "bad-value",
                gpu.vendor.span,
                "CUDA needs an NVIDIA GPU",
            ));
        }
        if gpu.vendor.value != "none" {
            gpus.push(Gpu {
                vendor: gpu.vendor.value.clone(),
                rocm: gpu.rocm,
                cuda: gpu.cuda,
                bus_id: gpu.bus_id.as_ref().map(|b| b.value.clone()),
            });
        }
    }
    let loader = match &spec.boot.loader {
        None if spec.boot.device.is_some() => BootLoader::Grub(
            spec.boot
                .device
                .as_ref()
                .map(|d| d.value.clone())
                .unwrap_or_default(),
        ),
        None => BootLoader::Unset,
        Some(word) => match word.value.as_str() {
            "systemd-boot" => BootLoader::SystemdBoot,
            "grub" => BootLoader::Grub(
                spec.boot
                    .device
                    .as_ref()
                    .map_or_else(|| "nodev".to_owned(), |d| d.value.clone()),
            ),
            "none" => BootLoader::None,
            other => {
                d.push(unknown_word(
                    other,
                    word.span,
                    "a boot loader",
                    &["systemd-boot", "grub", "none"],
                ));
                BootLoader::None
            }
        },
    };
    let facter = spec.facter.as_ref().and_then(|f| {
        let path = crate::assets::normal(&f.value, f.span, d)?;
        if !crate::assets::exists(&path, world.around) {
            d.push(crate::assets::missing(&path, f.span, world.around));
        }
        uses.assets.insert(path.clone());
        Some(format!("custom/{path}"))
    });
    let boots_by_efi = match &loader {
        BootLoader::SystemdBoot => true,
        BootLoader::Grub(device) => device == "nodev",
        BootLoader::None => false,
        BootLoader::Unset => platform != "lxc",
    };
    let texts = |list: &[ast::Text]| list.iter().map(|t| t.value.clone()).collect();
    Hardware {
        firmware: spec
            .firmware
            .as_ref()
            .map_or(cpu.is_some() && platform == "physical", |f| f.value),
        cpu,
        gpus,
        memory: spec.memory.as_ref().map(|m| m.value),
        cores: spec.cores.as_ref().map(|c| c.value),
        boot: Boot {
            loader,
            timeout: spec.boot.timeout.as_ref().map(|t| t.value),
            efi_mount_point: spec.boot.efi_mount_point.as_ref().map(|t| t.value.clone()),
            can_touch_efi_variables: spec
                .boot
                .can_touch_efi_variables
                .as_ref()
                .map_or(boots_by_efi, |b| b.value),
        },
        profile: spec.profile.as_ref().map(|p| p.value.clone()),
        facter,
        kernel_modules: texts(&spec.kernel_modules),
        initrd_modules: texts(&spec.initrd_modules),
        platform: platform.to_owned(),
    }
}

/// The key of a host that states a fact.
pub(super) fn fact(need: &NeedKind) -> &'static str {
    match need {
        NeedKind::Cpu(_) => "hardware.cpu",
        NeedKind::Gpu(_) => "hardware.gpu",
        NeedKind::Memory(_) => "hardware.memory",
        NeedKind::System(_) => "system",
        NeedKind::Disks(_) => "hardware.disks",
        NeedKind::Zone(_) => "network.zones",
    }
}

/// What a host lacks of a need, in words.
pub(crate) fn unmet(need: &NeedKind, host: &Host) -> Option<String> {
    let list = |words: &[String]| {
        words
            .iter()
            .map(|w| format!("`{w}`"))
            .collect::<Vec<_>>()
            .join(" or ")
    };
    match need {
        NeedKind::Cpu(vendors) => (!host
            .hardware
            .cpu
            .as_ref()
            .is_some_and(|c| vendors.contains(c)))
        .then(|| format!("a CPU of vendor {}", list(vendors))),
        NeedKind::Gpu(gpus) => {
            let met = gpus.iter().any(|need| {
                host.hardware.gpus.iter().any(|gpu| {
                    gpu.vendor == need.vendor
                        && (!need.rocm || gpu.rocm)
                        && (!need.cuda || gpu.cuda)
                })
            });
            let words: Vec<String> = gpus
                .iter()
                .map(|g| {
                    let extra = if g.rocm {
                        " with ROCm"
                    } else if g.cuda {
                        " with CUDA"
                    } else {
                        ""
                    };
                    format!("`{}`{extra}", g.vendor)
                })
                .collect();
            (!met).then(|| format!("a GPU of vendor {}", words.join(" or ")))
        }
        NeedKind::Memory(bytes) => (host.hardware.memory.is_none_or(|m| m < *bytes)).then(|| {
            match bytes.trailing_zeros() {
                30.. => format!("{} GiB of memory", bytes >> 30),
                20.. => format!("{} MiB of memory", bytes >> 20),
                _ => format!("{bytes} bytes of memory"),
            }
        }),
        NeedKind::System(systems) => {
            (!systems.contains(&host.system)).then(|| format!("platform {}", list(systems)))
        }
        NeedKind::Disks(layouts) => {
            let kind = |disk: &model::Disk| match disk.layout {
                model::DiskLayout::Ext4 { .. } => "ext4",
                model::DiskLayout::LuksBtrfs { .. } => "luks-btrfs",
                model::DiskLayout::Zfs { .. } => "zfs",
                model::DiskLayout::ByHand { .. } => "none",
            };
            (!host
                .disks
                .values()
                .any(|disk| layouts.iter().any(|l| l == kind(disk))))
            .then(|| format!("a disk with layout {}", list(layouts)))
        }
        NeedKind::Zone(zones) => {
            let missing: Vec<String> = zones
                .iter()
                .filter(|z| host.zones.get(*z).is_none_or(Vec::is_empty))
                .cloned()
                .collect();
            (!missing.is_empty()).then(|| format!("an interface in zone {}", list(&missing)))
        }
    }
}
