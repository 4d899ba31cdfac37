//! `hosts/<host>/hardware.nix`: platform, processor, kernel modules, boot loader.

use model::{BootLoader, DiskLayout, Host};
use nix::Value;
use serde::Serialize;

use crate::code::{Code, expr};
use crate::error::Result;
use crate::tree::{Order, Tree};

/// Drivers that the initial ramdisk of a physical machine is given unless the host names its own.
const INITRD_MODULES: &[&str] = &[
    "ahci",
    "nvme",
    "sd_mod",
    "usb_storage",
    "usbhid",
    "xhci_pci",
];

/// Hardware of a host.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    imports: Code,
    system: Code,
    settings: Code,
}

/// The view of a host's hardware.
pub(crate) fn view(host: &Host) -> Result<View> {
    let hardware = &host.hardware;
    let is_physical = hardware.platform == "physical";
    let profile = match hardware.platform.as_str() {
        "qemu" => Some("/profiles/qemu-guest.nix"),
        "lxc" => Some("/virtualisation/proxmox-lxc.nix"),
        _ => None,
    };
    let modules: Vec<Code> = profile
        .map(|path| Code::element(&format!("modulesPath + {}", nix::string(path))))
        .into_iter()
        .collect::<Result<_>>()?;

    let mut tree = Tree::default();
    if hardware.platform == "lxc" {
        // The host name is said here, not in the container's own files.
        tree.set(&["proxmoxLXC", "manageHostName"], default(true.into()))?;
    }
    let mut kernel_modules: Vec<&str> =
        hardware.kernel_modules.iter().map(String::as_str).collect();
    if let (true, Some(vendor @ ("amd" | "intel"))) = (is_physical, hardware.cpu.as_deref()) {
        let follow = expr("config.hardware.enableRedistributableFirmware")?;
        tree.set(
            &["hardware", "cpu", vendor, "updateMicrocode"],
            default(follow),
        )?;
        let kvm = match vendor {
            "amd" => "kvm-amd",
            _ => "kvm-intel",
        };
        if hardware.facter.is_none() && !kernel_modules.contains(&kvm) {
            kernel_modules.insert(0, kvm);
        }
    }
    if hardware.firmware {
        tree.set(
            &["hardware", "enableRedistributableFirmware"],
            default(true.into()),
        )?;
    }
    if let Some(report) = &hardware.facter {
        tree.set(
            &["hardware", "facter", "reportPath"],
            Value::Path(format!("../../{report}")),
        )?;
    }
    if !kernel_modules.is_empty() {
        tree.set(&["boot", "kernelModules"], strings(kernel_modules))?;
    }
    let initrd_modules: Vec<&str> = match hardware.initrd_modules.as_slice() {
        // A report names what was found.
        [] if is_physical && hardware.facter.is_none() => INITRD_MODULES.to_vec(),
        modules => modules.iter().map(String::as_str).collect(),
    };
    if !initrd_modules.is_empty() {
        tree.set(
            &["boot", "initrd", "availableKernelModules"],
            strings(initrd_modules),
        )?;
    }
    add_boot(&mut tree, host)?;
    if let Some(id) = host.disks.values().find_map(|disk| match &disk.layout {
        DiskLayout::Zfs { host_id, .. } => Some(host_id),
        _ => None,
    }) {
        tree.set(
            &["networking", "hostId"],
            commented(
                "ZFS imports only pools that this machine has used.",
                id.as_str().into(),
            ),
        )?;
        tree.set(&["boot", "zfs", "forceImportRoot"], default(false.into()))?;
    }
    Ok(View {
        imports: Code::imports(&modules),
        system: Code::string(&host.system)?,
        settings: tree.code(Order::PLAIN)?,
    })
}

fn add_boot(tree: &mut Tree<'_>, host: &Host) -> Result<()> {
    let boot = &host.hardware.boot;
    match &boot.loader {
        BootLoader::Unset => {}
        BootLoader::None => {
            tree.set(&["boot", "loader", "grub", "enable"], default(false.into()))?;
        }
        BootLoader::SystemdBoot => {
            tree.set(&["boot", "loader", "systemd-boot", "enable"], true)?;
        }
        BootLoader::Grub(device) => {
            tree.set(&["boot", "loader", "grub", "enable"], true)?;
            // The disk layout names the device of a BIOS boot partition itself.
            if !has_bios_partition(host, device) {
                tree.set(&["boot", "loader", "grub", "device"], device.as_str())?;
            }
            if device == "nodev" {
                tree.set(&["boot", "loader", "grub", "efiSupport"], true)?;
            }
        }
    }
    if let Some(mount_point) = &boot.efi_mount_point {
        tree.set(
            &["boot", "loader", "efi", "efiSysMountPoint"],
            mount_point.as_str(),
        )?;
    }
    if boot.can_touch_efi_variables {
        tree.set(&["boot", "loader", "efi", "canTouchEfiVariables"], true)?;
    }
    if let Some(timeout) = boot.timeout {
        tree.set(&["boot", "loader", "timeout"], timeout)?;
    }
    Ok(())
}

fn has_bios_partition(host: &Host, device: &str) -> bool {
    host.disks.values().any(|disk| match &disk.layout {
        DiskLayout::Ext4 {
            device: own, bios, ..
        } => *bios && own == device,
        DiskLayout::LuksBtrfs { devices, bios, .. } | DiskLayout::Zfs { devices, bios, .. } => {
            *bios && devices.first().is_some_and(|own| own == device)
        }
        DiskLayout::ByHand { .. } => false,
    })
}

fn commented(comment: &str, value: Value) -> Value {
    Value::Commented(comment.to_owned(), Box::new(value))
}

fn default(value: Value) -> Value {
    Value::apply("lib.mkDefault", value)
}

fn strings(texts: Vec<&str>) -> Value {
    Value::List(texts.into_iter().map(Value::from).collect())
}
