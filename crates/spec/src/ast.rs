//! The spec as written: one type per section, names unresolved, places kept.

use std::collections::{BTreeMap, BTreeSet};

use diag::{Span, Spanned};

use crate::value::{Settings, Value};

/// Entries of a section by name; the key's own place is in [`Item::name`].
pub type Named<T> = BTreeMap<String, Item<T>>;

/// A named entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Item<T> {
    /// Its name and the place of the key.
    pub name: Spanned<String>,
    /// Its content.
    pub value: T,
}

/// Text and its place.
pub type Text = Spanned<String>;

/// Everything below the spec folder.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// Section `fleet`.
    pub fleet: Option<Item<Fleet>>,
    /// Section `inputs`.
    pub inputs: Named<Input>,
    /// Section `catalogs`.
    pub catalogs: Named<Catalog>,
    /// What catalogs hold and the fleet does not use.
    pub offered: Offered,
    /// Section `users`.
    pub users: Named<User>,
    /// Section `features`.
    pub features: Named<Feature>,
    /// Section `homeFeatures`.
    pub home_features: Named<Feature>,
    /// Section `templates`.
    pub templates: Named<Template>,
    /// Section `profiles`.
    pub profiles: Named<Profile>,
    /// Section `hosts`.
    pub hosts: Named<Host>,
    /// Section `microvms`.
    pub microvms: Named<MicroVm>,
    /// Section `images`.
    pub images: Named<Image>,
    /// Section `installers`: host → its installer.
    pub installers: Named<Installer>,
    /// Section `disks`.
    pub disks: Named<Disk>,
    /// Section `secrets`.
    pub secrets: Secrets,
    /// Section `deploy`.
    pub deploy: Option<Item<Deploy>>,
    /// Section `tasks`.
    pub tasks: Named<Task>,
    /// Section `lint`.
    pub lint: Lint,
    /// What is there but could not be read: section and name, without name the whole section.
    pub lost: BTreeSet<(&'static str, String)>,
}

impl Spec {
    /// Whether an entry of a section may be there although it could not be read, so that nothing
    /// can be said about its absence.
    pub fn is_lost(&self, section: &'static str, name: &str) -> bool {
        [("", ""), (section, ""), (section, name)]
            .into_iter()
            .any(|(section, name)| self.lost.contains(&(section, name.to_owned())))
    }
}

/// Section `fleet`.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// Name.
    pub name: Option<Text>,
    /// What the fleet is.
    pub description: Option<Text>,
    /// Default `system.stateVersion`.
    pub state_version: Option<Text>,
    /// Default platform.
    pub system: Option<Text>,
    /// nixpkgs branch.
    pub channel: Option<Text>,
    /// Prefix of the emitted options.
    pub namespace: Option<Text>,
    /// DNS domain.
    pub domain: Option<Text>,
    /// Locale.
    pub locale: Locale,
    /// Package policy.
    pub packages: Packages,
    /// Nix settings.
    pub nix: NixSettings,
    /// Secret backend.
    pub backend: Option<Text>,
    /// Zones.
    pub zones: Vec<Text>,
    /// Hand-written modules of every host.
    pub modules: Vec<Text>,
}

/// `fleet.locale`.
#[derive(Clone, Debug, Default)]
pub struct Locale {
    /// Time zone.
    pub time_zone: Option<Text>,
    /// Language.
    pub language: Option<Text>,
    /// Regional formats.
    pub formats: Option<Text>,
    /// Console key map.
    pub key_map: Option<Text>,
}

/// `fleet.packages`.
#[derive(Clone, Debug, Default)]
pub struct Packages {
    /// Unfree packages that are allowed, by name.
    pub unfree: Vec<Text>,
    /// Insecure packages that are allowed, as name-version.
    pub insecure: Vec<Text>,
    /// Overlay files, relative to the spec folder.
    pub overlays: Vec<Text>,
    /// Whether a second, unstable package set is passed to modules.
    pub unstable: Option<Spanned<bool>>,
    /// Packages of the fleet's own, by name.
    pub own: Named<OwnPackage>,
    /// Packages that come from another package set, by name.
    pub pins: Named<Pin>,
}

/// A package of the fleet's own.
#[derive(Clone, Debug)]
pub struct OwnPackage {
    /// Its folder or file, relative to the spec folder.
    pub path: Text,
}

/// A package that comes from another package set.
#[derive(Clone, Debug)]
pub struct Pin {
    /// `unstable`, or an input.
    pub input: Text,
    /// What it is called there, where that differs.
    pub attribute: Option<Text>,
}

/// `fleet.nix`.
#[derive(Clone, Debug, Default)]
pub struct NixSettings {
    /// Binary caches in order.
    pub caches: Vec<Cache>,
    /// Garbage collection; `None` means the default.
    pub gc: Option<Gc>,
    /// Further trusted users.
    pub trusted_users: Vec<Text>,
    /// Further `nix.settings`.
    pub settings: Settings,
}

/// A binary cache.
#[derive(Clone, Debug)]
pub struct Cache {
    /// Address.
    pub url: Text,
    /// Public key.
    pub key: Text,
    /// Lower is asked first.
    pub priority: Option<Spanned<i64>>,
}

/// `fleet.nix.gc`.
#[derive(Clone, Debug)]
pub enum Gc {
    /// `false`.
    Off(Span),
    /// Settings.
    On {
        /// `systemd` calendar expression.
        every: Option<Text>,
        /// Age of generations to keep.
        keep: Option<Text>,
    },
}

/// An entry of `inputs`.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Flake reference.
    pub url: Option<Text>,
    /// Its inputs that follow ours: theirs → ours.
    pub follows: Vec<(Text, Text)>,
    /// Whether it is a flake.
    pub flake: Option<Spanned<bool>>,
    /// Attribute of `nixosModules` that every host imports.
    pub nixos_module: Option<Text>,
    /// Attribute of `homeModules` that every Home Manager user imports.
    pub home_module: Option<Text>,
}

/// An entry of `catalogs`.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// Where it comes from.
    pub source: CatalogSource,
    /// Names of it that are left out.
    pub except: Vec<Text>,
}

/// Where a catalog comes from.
#[derive(Clone, Debug)]
pub enum CatalogSource {
    /// A folder, relative to the spec folder.
    Path(Text),
    /// A commit of a git repository, which is copied below the spec folder.
    Git(CatalogPin),
}

/// A commit of a git repository.
#[derive(Clone, Debug)]
pub struct CatalogPin {
    /// Address.
    pub url: Text,
    /// The full id of the commit.
    pub rev: Text,
    /// The folder in the repository; its root where not given.
    pub folder: Option<Text>,
}

/// Named things that a fleet may use.
#[derive(Clone, Debug, Default)]
pub struct Offered {
    /// Features.
    pub features: Named<Feature>,
    /// Features with a home half only.
    pub home_features: Named<Feature>,
    /// Templates.
    pub templates: Named<Template>,
    /// Profiles.
    pub profiles: Named<Profile>,
    /// Disk layouts.
    pub disks: Named<Disk>,
}

/// An entry of `users`.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// Full name.
    pub full_name: Option<Text>,
    /// Mail address.
    pub email: Option<Text>,
    /// Member of `wheel`.
    pub admin: Option<Spanned<bool>>,
    /// Numeric id.
    pub uid: Option<Spanned<i64>>,
    /// Login shell.
    pub shell: Option<Text>,
    /// Authorized keys.
    pub ssh_keys: Vec<Text>,
    /// Extra groups.
    pub groups: Vec<Text>,
    /// `!secret` with the hashed password.
    pub password: Option<Value>,
    /// Service account.
    pub system: Option<Spanned<bool>>,
    /// Home Manager part of every host.
    pub home: Composition,
    /// Whether `home` was given.
    pub has_home: bool,
}

/// Profiles, features, packages and settings of a user.
#[derive(Clone, Debug, Default)]
pub struct Composition {
    /// Profiles in order.
    pub profiles: Vec<Text>,
    /// Home features.
    pub features: Vec<FeatureUse>,
    /// Packages, as values (names or tags).
    pub packages: Vec<Value>,
    /// Home Manager options.
    pub settings: Settings,
    /// Extra groups on the host.
    pub groups: Vec<Text>,
    /// Hand-written Home Manager modules.
    pub modules: Vec<Text>,
}

/// One feature named by a template, host, profile or user.
#[derive(Clone, Debug)]
pub struct FeatureUse {
    /// `category.name` and the place of the name.
    pub id: Text,
    /// On or off.
    pub enable: bool,
    /// Values of its options, and the places of their names.
    pub options: BTreeMap<String, (Span, Value)>,
}

/// A feature definition.
#[derive(Clone, Debug)]
pub struct Feature {
    /// One line.
    pub summary: Option<Text>,
    /// Markdown.
    pub description: Option<Text>,
    /// Options in alphabetical order.
    pub options: Named<OptionDecl>,
    /// Features enabled along with it.
    pub requires: Vec<Require>,
    /// Features never on one host with it.
    pub conflicts: Vec<Text>,
    /// Facts of the host.
    pub needs: Vec<Need>,
    /// Ports it listens on.
    pub ports: Vec<Port>,
    /// What Prometheus reads of it.
    pub metrics: Vec<Metrics>,
    /// Secrets the host must have.
    pub secrets: Vec<Text>,
    /// Unfree packages it needs.
    pub unfree: Vec<PackageNeed>,
    /// Insecure packages it needs.
    pub insecure: Vec<PackageNeed>,
    /// Flake inputs whose module it needs.
    pub inputs: Vec<Text>,
    /// Groups that admins join.
    pub groups: Vec<Text>,
    /// Programs that it ships: folders with a `default.nix`.
    pub programs: Vec<Text>,
    /// Options that have another name now: old → new, with dots for a field of a submodule.
    pub renamed: Vec<(Text, Text)>,
    /// Options that are gone: name → what to do instead.
    pub removed: Vec<(Text, Text)>,
    /// System half as data; `None` where it was not given.
    pub nixos: Option<Settings>,
    /// Home Manager half as data.
    pub home: Option<Settings>,
    /// File name of the system half's template.
    pub body: Option<Text>,
    /// File name of the home half's template.
    pub home_body: Option<Text>,
    /// The catalog of the section `catalogs` that it comes from.
    pub catalog: Option<String>,
}

impl Feature {
    /// Whether it has a system half.
    pub fn has_system_half(&self) -> bool {
        self.nixos.is_some() || self.body.is_some()
    }

    /// Whether it has a Home Manager half.
    pub fn has_home_half(&self) -> bool {
        self.home.is_some() || self.home_body.is_some()
    }
}

/// An entry of `requires`.
#[derive(Clone, Debug)]
pub struct Require {
    /// The other feature.
    pub feature: Text,
    /// Only where these options of this feature have these values.
    pub when: Vec<(Text, Value)>,
}

/// Packages that a feature needs and that the fleet must allow.
#[derive(Clone, Debug)]
pub struct PackageNeed {
    /// Names.
    pub names: Vec<Text>,
    /// Only where these options of this feature have these values.
    pub when: Vec<(Text, Value)>,
}

/// An option of a feature.
#[derive(Clone, Debug, PartialEq)]
pub struct OptionDecl {
    /// Type.
    pub ty: OptionType,
    /// Default.
    pub default: Option<Value>,
    /// What it is for.
    pub description: Option<Text>,
    /// An example.
    pub example: Option<Value>,
    /// Expression evaluated at generation.
    pub derive: Option<Text>,
    /// Whether no two machines may have the same value.
    pub unique: Option<Spanned<bool>>,
}

/// Type of an option.
#[derive(Clone, Debug, PartialEq)]
pub enum OptionType {
    /// Booleans.
    Bool,
    /// Integers with inclusive bounds.
    Int {
        /// Least.
        min: Option<i64>,
        /// Greatest.
        max: Option<i64>,
    },
    /// Floats with inclusive bounds.
    Float {
        /// Least.
        min: Option<f64>,
        /// Greatest.
        max: Option<f64>,
    },
    /// Text, with a regular expression that must match all of it.
    String {
        /// The expression.
        pattern: Option<String>,
    },
    /// Text of lines that merges.
    Lines,
    /// 0 to 65535.
    Port,
    /// A path, as text or `!file`, `!secret`, `!nix`.
    Path,
    /// A package.
    Package,
    /// `30d`.
    Duration,
    /// `16GiB`.
    Size,
    /// One of some words.
    Enum(Vec<String>),
    /// A list.
    List(Box<OptionType>),
    /// A set of one type.
    Attrs(Box<OptionType>),
    /// Or null.
    Nullable(Box<OptionType>),
    /// Fields.
    Submodule(BTreeMap<String, Item<OptionDecl>>),
    /// One of several types.
    OneOf(Vec<OptionType>),
    /// Anything.
    Anything,
}

/// An entry of `ports`.
#[derive(Clone, Debug)]
pub struct Port {
    /// Where the number comes from.
    pub source: PortSource,
    /// Protocols.
    pub protocol: Protocol,
    /// Zones it opens in.
    pub zones: Vec<Text>,
    /// Boolean option that switches it.
    pub when: Option<Text>,
    /// Place of the entry.
    pub span: Span,
}

/// An entry of `metrics`.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Option of type port where they are served.
    pub option: Text,
    /// Job that the samples belong to.
    pub job: Option<Text>,
    /// Path of the page.
    pub path: Option<Text>,
    /// Boolean option that switches it.
    pub when: Option<Text>,
}

/// Number of a port.
#[derive(Clone, Debug)]
pub enum PortSource {
    /// An option of type port, or a list of ports.
    Option(Text),
    /// A fixed one.
    Fixed(u16),
    /// From, to.
    Range(u16, u16),
}

/// Transport protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Both.
    Both,
}

/// An entry of `needs`.
#[derive(Clone, Debug)]
pub struct Need {
    /// The fact.
    pub kind: NeedKind,
    /// Place.
    pub span: Span,
}

/// A fact that a host must have.
#[derive(Clone, Debug)]
pub enum NeedKind {
    /// One of these CPU vendors.
    Cpu(Vec<String>),
    /// One of these GPUs.
    Gpu(Vec<GpuNeed>),
    /// At least so many bytes.
    Memory(u64),
    /// One of these platforms.
    System(Vec<String>),
    /// One of these disk layouts.
    Disks(Vec<String>),
    /// Zones that the host must map.
    Zone(Vec<String>),
}

/// A GPU need.
#[derive(Clone, Debug)]
pub struct GpuNeed {
    /// Vendor.
    pub vendor: String,
    /// With `ROCm`.
    pub rocm: bool,
    /// With CUDA.
    pub cuda: bool,
}

/// An entry of `templates`.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// What it is for.
    pub description: Option<Text>,
    /// Parent.
    pub extends: Option<Text>,
    /// Features.
    pub features: Vec<FeatureUse>,
    /// System packages.
    pub packages: Vec<Value>,
    /// NixOS options.
    pub settings: Settings,
    /// Users of the hosts.
    pub users: Named<Composition>,
    /// Hand-written modules.
    pub modules: Vec<Text>,
}

/// An entry of `profiles`.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// What it is for.
    pub description: Option<Text>,
    /// Parent.
    pub extends: Option<Text>,
    /// Home features.
    pub features: Vec<FeatureUse>,
    /// Packages.
    pub packages: Vec<Value>,
    /// Home Manager options.
    pub settings: Settings,
    /// Hand-written modules.
    pub modules: Vec<Text>,
}

/// An entry of `hosts`.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// What it is.
    pub description: Option<Text>,
    /// `active` or `retired`.
    pub state: Option<Text>,
    /// Template.
    pub template: Option<Text>,
    /// Tags.
    pub tags: Vec<Text>,
    /// Platform.
    pub system: Option<Text>,
    /// `system.stateVersion`.
    pub state_version: Option<Text>,
    /// Hardware.
    pub hardware: Hardware,
    /// Address that others use.
    pub address: Option<Text>,
    /// Zone → interfaces.
    pub zones: Vec<(Text, Vec<Text>)>,
    /// Feature → zones in which its ports open here.
    pub open: Vec<(Text, Vec<Text>)>,
    /// Users.
    pub users: Named<Composition>,
    /// Features.
    pub features: Vec<FeatureUse>,
    /// System packages.
    pub packages: Vec<Value>,
    /// NixOS options.
    pub settings: Settings,
    /// Hand-written modules.
    pub modules: Vec<Text>,
    /// MicroVMs that it runs.
    pub microvms: Vec<Text>,
    /// Whether it has an installer.
    pub installer: Option<Spanned<bool>>,
    /// How it is deployed.
    pub deploy: Option<Deploy>,
    /// Whether a part of it could not be read.
    pub broken: bool,
}

/// An entry of `microvms`.
#[derive(Clone, Debug, Default)]
pub struct MicroVm {
    /// What it has in common with hosts.
    pub guest: Host,
    /// Virtual processors.
    pub vcpu: Option<Spanned<i64>>,
    /// Hypervisor.
    pub hypervisor: Option<Text>,
    /// `shared` or `image`.
    pub nix_store: Option<Text>,
    /// Whether the hosts that list it start it at boot.
    pub autostart: Option<Spanned<bool>>,
    /// Its network interface.
    pub network: GuestNetwork,
    /// Disk images.
    pub volumes: Vec<Volume>,
    /// Folders of the host.
    pub shares: Vec<Share>,
    /// Accounts by name: those of the fleet and throw-away ones.
    pub accounts: Named<Account>,
}

/// `microvms.*.network`.
#[derive(Clone, Debug, Default)]
pub struct GuestNetwork {
    /// MAC address.
    pub mac: Option<Text>,
    /// Ports of the host that lead to ports of the guest.
    pub forwards: Vec<Forward>,
    /// Bridge of the host.
    pub bridge: Option<Text>,
    /// Name of the interface on the host.
    pub tap: Option<Text>,
    /// Address with prefix length.
    pub address: Option<Text>,
    /// Default route; the host has this address on the bridge.
    pub gateway: Option<Text>,
    /// DNS servers.
    pub nameservers: Vec<Text>,
    /// Zones of its only interface; an empty list says that it is in none on purpose.
    pub zones: Option<Vec<Text>>,
}

/// An entry of `forwards`.
#[derive(Clone, Debug)]
pub struct Forward {
    /// Port of the host.
    pub host: Spanned<u16>,
    /// Port of the guest.
    pub guest: Spanned<u16>,
    /// Protocols.
    pub protocol: Protocol,
    /// Address of the host that it listens on.
    pub address: Option<Text>,
}

/// A disk image of a guest.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Image file, or a name for it.
    pub name: Text,
    /// Where the guest mounts it.
    pub mount_point: Text,
    /// Size in bytes.
    pub size: Spanned<u64>,
    /// File system.
    pub fs_type: Option<Text>,
}

/// A folder of the host that a guest mounts.
#[derive(Clone, Debug)]
pub struct Share {
    /// Folder of the host.
    pub source: Text,
    /// Where the guest mounts it.
    pub mount_point: Text,
    /// Name of the share.
    pub tag: Option<Text>,
    /// `9p` or `virtiofs`.
    pub proto: Option<Text>,
    /// Whether the guest only reads it.
    pub read_only: Option<Spanned<bool>>,
}

/// An account of a guest.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Throw-away password, as it is.
    pub password: Option<Text>,
    /// Authorized keys.
    pub ssh_keys: Vec<Text>,
    /// Member of `wheel`.
    pub admin: Option<Spanned<bool>>,
    /// Login shell.
    pub shell: Option<Text>,
    /// Place of the first key that only users of the fleet have: profiles, features and the like.
    pub composed: Option<Span>,
}

/// An entry of `images`.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// What it has in common with hosts.
    pub machine: Host,
    /// `qcow2`, `proxmox`, `proxmox-lxc` or `sd-card`.
    pub format: Option<Text>,
    /// Name of its only user.
    pub user: Option<Text>,
    /// Authorized keys of the user.
    pub ssh_keys: Vec<Text>,
    /// Size of the disk in bytes.
    pub disk_size: Option<Spanned<u64>>,
}

/// An entry of `installers`.
#[derive(Clone, Debug, Default)]
pub struct Installer {
    /// Authorized keys of root.
    pub ssh_keys: Vec<Text>,
    /// Whether it carries the built system.
    pub with_system: Option<Spanned<bool>>,
    /// Packages.
    pub packages: Vec<Value>,
    /// NixOS options.
    pub settings: Settings,
    /// Hand-written modules.
    pub modules: Vec<Text>,
}

/// `hosts.*.hardware`.
#[derive(Clone, Debug, Default)]
pub struct Hardware {
    /// CPU vendor.
    pub cpu: Option<Text>,
    /// GPUs.
    pub gpus: Vec<Gpu>,
    /// Memory in bytes.
    pub memory: Option<Spanned<u64>>,
    /// Threads of the processor.
    pub cores: Option<Spanned<i64>>,
    /// Disk layouts by name.
    pub disks: Vec<Text>,
    /// Boot loader.
    pub boot: Boot,
    /// Module of nixos-hardware.
    pub profile: Option<Text>,
    /// nixos-facter report, relative to the spec folder.
    pub facter: Option<Text>,
    /// Kernel modules.
    pub kernel_modules: Vec<Text>,
    /// Kernel modules of the initial ramdisk.
    pub initrd_modules: Vec<Text>,
    /// Redistributable firmware.
    pub firmware: Option<Spanned<bool>>,
    /// `physical`, `qemu` or `lxc`.
    pub platform: Option<Text>,
}

/// A GPU.
#[derive(Clone, Debug)]
pub struct Gpu {
    /// Vendor.
    pub vendor: Text,
    /// `ROCm` wanted.
    pub rocm: bool,
    /// CUDA wanted.
    pub cuda: bool,
    /// PCI bus id, such as `PCI:1:0:0`.
    pub bus_id: Option<Text>,
}

/// `hardware.boot`.
#[derive(Clone, Debug, Default)]
pub struct Boot {
    /// `systemd-boot`, `grub` or `none`.
    pub loader: Option<Text>,
    /// Device of GRUB.
    pub device: Option<Text>,
    /// Menu time-out in seconds.
    pub timeout: Option<Spanned<i64>>,
    /// Where the EFI partition is mounted.
    pub efi_mount_point: Option<Text>,
    /// Whether EFI variables may be written.
    pub can_touch_efi_variables: Option<Spanned<bool>>,
}

/// An entry of `disks`.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// `ext4`, `luks-btrfs`, `zfs` or `none`.
    pub layout: Option<Text>,
    /// Device.
    pub device: Option<Text>,
    /// Devices of a ZFS pool or of a btrfs.
    pub devices: Vec<Text>,
    /// Size of swap.
    pub swap: Option<Text>,
    /// Size of the EFI system partition.
    pub esp: Option<Text>,
    /// BIOS boot partition as well.
    pub bios: Option<Spanned<bool>>,
    /// LUKS around btrfs, default true.
    pub encrypt: Option<Spanned<bool>>,
    /// Subvolume → mount point.
    pub subvolumes: Vec<(Text, Text)>,
    /// Mount options.
    pub mount_options: Vec<Text>,
    /// Where ext4 is mounted.
    pub mount_point: Option<Text>,
    /// ZFS pool name.
    pub pool: Option<Text>,
    /// ZFS vdev mode, or btrfs profile.
    pub mode: Option<Text>,
    /// ZFS dataset → mount point.
    pub datasets: Vec<(Text, Text)>,
    /// `networking.hostId`.
    pub host_id: Option<Text>,
    /// `fileSystems` by hand.
    pub file_systems: Named<FileSystem>,
    /// Swap devices by hand.
    pub swap_devices: Vec<Text>,
    /// Whether a part of it could not be read.
    pub broken: bool,
}

/// A file system by hand.
#[derive(Clone, Debug, Default)]
pub struct FileSystem {
    /// Device.
    pub device: Option<Text>,
    /// Type.
    pub fs_type: Option<Text>,
    /// Mount options.
    pub options: Vec<Text>,
    /// Needed in the initial ramdisk.
    pub needed_for_boot: Option<Spanned<bool>>,
}

/// Section `secrets`.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// Public keys of hosts.
    pub host_keys: Named<Text>,
    /// Public keys of users.
    pub user_keys: Named<Text>,
    /// Groups of hosts and users.
    pub groups: Named<Vec<Text>>,
    /// The secrets.
    pub items: Named<Secret>,
}

/// An entry of `secrets.items`.
#[derive(Clone, Debug, Default)]
pub struct Secret {
    /// Hosts that read it.
    pub hosts: Vec<Text>,
    /// Users who may edit it.
    pub users: Vec<Text>,
    /// Owner of the file.
    pub owner: Option<Text>,
    /// Group of the file.
    pub group: Option<Text>,
    /// Mode of the file.
    pub mode: Option<Text>,
    /// Where it is put.
    pub path: Option<Text>,
}

/// Section `deploy`, and `deploy` of a host.
#[derive(Clone, Debug, Default)]
pub struct Deploy {
    /// Whether hosts are, or the host is, deployed.
    pub enable: Option<Spanned<bool>>,
    /// Address, where it is not the one that others use.
    pub address: Option<Text>,
    /// Who logs in.
    pub ssh_user: Option<Text>,
    /// Who activates.
    pub user: Option<Text>,
    /// Whether the host builds for itself.
    pub remote_build: Option<Spanned<bool>>,
    /// Whether a host that cannot be reached any more goes back by itself.
    pub magic_rollback: Option<Spanned<bool>>,
    /// Whether a host whose activation fails goes back.
    pub auto_rollback: Option<Spanned<bool>>,
    /// Whether everything is copied from here, instead of fetched from caches there.
    pub fast_connection: Option<Spanned<bool>>,
    /// Whether sudo asks for a password here.
    pub interactive_sudo: Option<Spanned<bool>>,
    /// Seconds until the host must have been reached again.
    pub confirm_timeout: Option<Spanned<i64>>,
    /// Seconds that the activation may take.
    pub activation_timeout: Option<Spanned<i64>>,
    /// Arguments of ssh.
    pub ssh_opts: Vec<Text>,
    /// Whether hosts know each other's ssh keys (fleet only).
    pub known_hosts: Option<Spanned<bool>>,
    /// Place of its key or value.
    pub span: Option<Span>,
}

/// An entry of `tasks`.
#[derive(Clone, Debug, Default)]
pub struct Task {
    /// Group in the list of recipes.
    pub group: Option<Text>,
    /// What it does.
    pub description: Option<Text>,
    /// What is asked before it runs; empty for the usual question.
    pub confirm: Option<Text>,
    /// Parameters.
    pub args: Vec<Text>,
    /// Script for bash.
    pub run: Option<Text>,
}

/// Section `lint`.
#[derive(Clone, Debug, Default)]
pub struct Lint {
    /// Rule → level.
    pub rules: Named<Text>,
    /// Exceptions.
    pub ignore: Vec<LintIgnore>,
}

/// An entry of `lint.ignore`.
#[derive(Clone, Debug)]
pub struct LintIgnore {
    /// Rule.
    pub rule: Text,
    /// Glob over the output's paths.
    pub path: Text,
    /// Why.
    pub reason: Text,
}
