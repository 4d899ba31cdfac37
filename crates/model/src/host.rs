//! Hosts and what belongs to them.

use std::collections::{BTreeMap, BTreeSet};

use diag::Span;
use nix::Value;
use serde::Serialize;

use crate::{Definition, FeatureId, HostName, Origin, ProfileName, TemplateName, UserName};

/// An active host.
#[derive(Clone, Debug, Serialize)]
pub struct Host {
    /// Name.
    pub name: HostName,
    /// What it is.
    pub description: Option<String>,
    /// Place of its key.
    #[serde(skip)]
    pub span: Span,
    /// Platform, such as `x86_64-linux`.
    pub system: String,
    /// `system.stateVersion`.
    pub state_version: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Template.
    pub template: Option<TemplateName>,
    /// Hardware.
    pub hardware: Hardware,
    /// Disk layouts.
    pub disks: BTreeMap<String, Disk>,
    /// Address that others use.
    pub address: Option<String>,
    /// Zone → interfaces.
    pub zones: BTreeMap<String, Vec<String>>,
    /// System features that are on, with the reasons.
    pub enabled: BTreeMap<FeatureId, Enabled>,
    /// Features that were switched off here although the template sets them.
    pub disabled: BTreeSet<FeatureId>,
    /// Feature modules that the host's own file imports (its template imports its own).
    pub imports: BTreeSet<FeatureId>,
    /// What the host's own file defines: features, settings, derived values, packages. Not among
    /// them: host name, state version, ports, secrets, which have their own fields.
    pub definitions: Vec<Definition>,
    /// Ports opened per interface.
    pub ports: Vec<OpenPort>,
    /// Users.
    pub users: BTreeMap<UserName, HostUser>,
    /// Secrets that it decrypts.
    pub secrets: BTreeMap<String, SecretUse>,
    /// Hand-written modules, below the output.
    pub modules: Vec<String>,
    /// Modules of flake inputs, as expressions in `flake.nix`, in order, such as
    /// `home-manager.nixosModules.home-manager`.
    pub input_modules: Vec<String>,
    /// Whether any user has a Home Manager part.
    pub has_home_manager: bool,
    /// MicroVMs that it runs.
    pub microvms: BTreeSet<HostName>,
}

/// A feature that is on.
#[derive(Clone, Debug, Serialize)]
pub struct Enabled {
    /// Why, nearest first; never empty.
    pub reasons: Vec<Reason>,
    /// Its options: what was given, derived or is the default.
    pub options: BTreeMap<String, OptionValue>,
}

/// Why a feature is on.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase", tag = "why")]
pub enum Reason {
    /// A layer names it.
    Named(Origin),
    /// Another feature of the host requires it.
    RequiredBy {
        /// That feature.
        feature: FeatureId,
    },
    /// A home feature of a user requires it, or it is that feature's system half.
    RequiredByHome {
        /// That feature.
        feature: FeatureId,
        /// The user.
        user: UserName,
    },
}

/// The value of a feature's option.
#[derive(Clone, Debug, Serialize)]
pub struct OptionValue {
    /// As data or expression, without priority.
    pub value: Value,
    /// The layer that won.
    pub origin: Origin,
}

/// Hardware facts.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Hardware {
    /// `amd`, `intel`, `arm` or none.
    pub cpu: Option<String>,
    /// GPUs.
    pub gpus: Vec<Gpu>,
    /// Bytes.
    pub memory: Option<u64>,
    /// Threads of the processor.
    pub cores: Option<i64>,
    /// Boot loader.
    pub boot: Boot,
    /// Module of nixos-hardware.
    pub profile: Option<String>,
    /// nixos-facter report, below the output.
    pub facter: Option<String>,
    /// Kernel modules.
    pub kernel_modules: Vec<String>,
    /// Kernel modules of the initial ramdisk.
    pub initrd_modules: Vec<String>,
    /// Redistributable firmware.
    pub firmware: bool,
    /// `physical`, `qemu` or `lxc`.
    pub platform: String,
}

/// A GPU.
#[derive(Clone, Debug, Serialize)]
pub struct Gpu {
    /// `amd`, `intel`, `nvidia`.
    pub vendor: String,
    /// `ROCm` wanted.
    pub rocm: bool,
    /// CUDA wanted.
    pub cuda: bool,
    /// PCI bus id.
    pub bus_id: Option<String>,
}

/// Boot.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Boot {
    /// The loader.
    pub loader: BootLoader,
    /// Menu time-out in seconds.
    pub timeout: Option<i64>,
    /// Where the EFI partition is mounted, when not `/boot`.
    pub efi_mount_point: Option<String>,
    /// Whether EFI variables may be written.
    pub can_touch_efi_variables: bool,
}

/// Boot loader.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum BootLoader {
    /// Nothing was said; settings or a hand-written module do it.
    #[default]
    Unset,
    /// `none`: containers.
    None,
    /// systemd-boot.
    SystemdBoot,
    /// GRUB, on a device or `nodev`.
    Grub(String),
}

/// A disk layout of a host.
#[derive(Clone, Debug, Serialize)]
pub struct Disk {
    /// Kind and parameters.
    pub layout: DiskLayout,
    /// Place of its definition.
    #[serde(skip)]
    pub span: Option<Span>,
}

/// Kind of a layout. Sizes are as written (`16G`).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase", tag = "layout")]
pub enum DiskLayout {
    /// EFI partition, optional swap partition, ext4; without EFI partition where it is not the root.
    Ext4 {
        /// Device.
        device: String,
        /// Mount point, absolute.
        mount_point: String,
        /// Mount options.
        mount_options: Vec<String>,
        /// Size of the EFI partition.
        esp: String,
        /// BIOS boot partition as well.
        bios: bool,
        /// LUKS around the root, and swap under a key that is forgotten.
        encrypt: bool,
        /// Size of swap.
        swap: Option<String>,
    },
    /// EFI partition, btrfs in LUKS (or without).
    LuksBtrfs {
        /// Devices; the last one holds the file system's description.
        devices: Vec<String>,
        /// Profile of data and metadata: empty for one device, `raid1`…
        mode: String,
        /// Size of the EFI partition.
        esp: String,
        /// BIOS boot partition as well.
        bios: bool,
        /// LUKS around it.
        encrypt: bool,
        /// Size of the swap file.
        swap: Option<String>,
        /// Subvolume → mount point.
        subvolumes: BTreeMap<String, String>,
        /// Mount options.
        mount_options: Vec<String>,
    },
    /// EFI partition on the first device, a ZFS pool over all.
    Zfs {
        /// Devices.
        devices: Vec<String>,
        /// Size of the EFI partition.
        esp: String,
        /// BIOS boot partition as well.
        bios: bool,
        /// Native encryption of the pool, with a passphrase.
        encrypt: bool,
        /// Pool name.
        pool: String,
        /// Vdev mode: empty, `mirror`, `raidz`…
        mode: String,
        /// Dataset → mount point.
        datasets: BTreeMap<String, String>,
        /// `networking.hostId`.
        host_id: String,
    },
    /// File systems by hand.
    ByHand {
        /// Mount point → file system.
        file_systems: BTreeMap<String, FileSystem>,
        /// Swap devices.
        swap_devices: Vec<String>,
    },
}

/// A file system by hand.
#[derive(Clone, Debug, Serialize)]
pub struct FileSystem {
    /// Device.
    pub device: String,
    /// Type.
    pub fs_type: String,
    /// Mount options.
    pub options: Vec<String>,
    /// Needed in the initial ramdisk.
    pub needed_for_boot: bool,
}

/// A user on a host.
#[derive(Clone, Debug, Serialize)]
pub struct HostUser {
    /// Name.
    pub name: UserName,
    /// Profiles in order.
    pub profiles: Vec<ProfileName>,
    /// NixOS definitions: extra groups, system halves of home features.
    pub definitions: Vec<Definition>,
    /// Home Manager definitions: what is this host's own, and what settles profiles that differ.
    pub home: Vec<Definition>,
    /// Home feature modules that these definitions set beyond the profiles' own.
    pub home_imports: BTreeSet<FeatureId>,
    /// System feature modules that `definitions` enable.
    pub imports: BTreeSet<FeatureId>,
    /// Hand-written Home Manager modules, below the output.
    pub modules: Vec<String>,
    /// `home.stateVersion`.
    pub state_version: String,
    /// Whether there is a Home Manager part at all.
    pub has_home: bool,
    /// Home features that are on, with the reasons.
    pub enabled: BTreeMap<FeatureId, Enabled>,
}

/// Numbers of an open port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum PortNumbers {
    /// One.
    One(u16),
    /// From, to.
    Range(u16, u16),
}

/// Transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A port that a feature opens on an interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct OpenPort {
    /// Interface.
    pub interface: String,
    /// Protocol.
    pub protocol: Protocol,
    /// Numbers.
    pub numbers: PortNumbers,
    /// The feature.
    pub feature: FeatureId,
    /// The zone it came through.
    pub zone: String,
}

/// A secret that a host decrypts.
#[derive(Clone, Debug, Serialize)]
pub struct SecretUse {
    /// Owner of the file.
    pub owner: Option<String>,
    /// Group of the file.
    pub group: Option<String>,
    /// Mode of the file.
    pub mode: Option<String>,
    /// Where it is put.
    pub path: Option<String>,
    /// A user's password, needed before users are made.
    pub for_users: bool,
}
