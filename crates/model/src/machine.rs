//! Machines that are no hosts: MicroVMs, images to start from, installers.

use diag::Span;
use serde::Serialize;

use crate::{Host, HostName, Protocol};

/// A MicroVM.
#[derive(Clone, Debug, Serialize)]
pub struct MicroVm {
    /// The guest: a host whose definitions hold the options of microvm.nix as well.
    pub guest: Host,
    /// MiB.
    pub memory: u64,
    /// Virtual processors.
    pub vcpu: i64,
    /// Forwarded ports.
    pub forwards: Vec<Forward>,
    /// Whether a bridge of the host attaches it.
    pub bridge: Option<String>,
    /// Address with prefix length on the bridge.
    pub address: Option<String>,
    /// What it keeps: name of the image and mount point.
    pub volumes: Vec<(String, String)>,
    /// Accounts that log in, and whether that is with a throw-away password.
    pub accounts: Vec<(String, bool)>,
}

/// A port of the host that leads to a guest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Forward {
    /// Address of the host that it listens on.
    pub address: String,
    /// Port of the host.
    pub host: u16,
    /// Port of the guest.
    pub guest: u16,
    /// Protocol.
    pub protocol: Protocol,
    /// Place of the entry's port of the host.
    #[serde(skip)]
    pub span: Span,
}

/// An image of a machine to start from.
#[derive(Clone, Debug, Serialize)]
pub struct Image {
    /// The machine.
    pub machine: Host,
    /// What it is made for.
    pub format: ImageFormat,
}

/// What an image is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageFormat {
    /// A disk for QEMU and libvirt.
    Qcow2,
    /// A virtual machine of Proxmox VE.
    Proxmox,
    /// A container of Proxmox VE.
    ProxmoxLxc,
    /// An SD card for a board.
    SdCard,
}

impl ImageFormat {
    /// The word of the spec.
    pub fn word(self) -> &'static str {
        match self {
            ImageFormat::Qcow2 => "qcow2",
            ImageFormat::Proxmox => "proxmox",
            ImageFormat::ProxmoxLxc => "proxmox-lxc",
            ImageFormat::SdCard => "sd-card",
        }
    }

    /// What it runs on: `hardware.platform`.
    pub fn platform(self) -> &'static str {
        match self {
            ImageFormat::Qcow2 | ImageFormat::Proxmox => "qemu",
            ImageFormat::ProxmoxLxc => "lxc",
            ImageFormat::SdCard => "physical",
        }
    }

    /// The attribute of `system.build.images` on a platform.
    pub fn builder(self, system: &str) -> &'static str {
        match self {
            // Only x86 has a BIOS.
            ImageFormat::Qcow2 if system == "x86_64-linux" => "qemu",
            ImageFormat::Qcow2 => "qemu-efi",
            ImageFormat::Proxmox => "proxmox",
            ImageFormat::ProxmoxLxc => "proxmox-lxc",
            ImageFormat::SdCard => "sd-card",
        }
    }
}

/// The installer of a host.
#[derive(Clone, Debug, Serialize)]
pub struct Installer {
    /// The host.
    pub host: HostName,
    /// Place of the key that asks for it.
    #[serde(skip)]
    pub span: Span,
    /// Authorized keys of root.
    pub ssh_keys: Vec<String>,
    /// Whether it carries the built system.
    pub with_system: bool,
    /// What it defines besides.
    pub definitions: Vec<crate::Definition>,
    /// Hand-written modules, below the output.
    pub modules: Vec<String>,
}
