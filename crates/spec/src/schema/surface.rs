//! The surface of the language as schemars types: which keys stand where, and what they are for.
//!
//! Nothing is ever read into these types; the decoders of [`crate::decode`] do that, because derived
//! ones stop at the first mistake. The corpus of `tests/corpus` proves that both accept the same
//! documents. Doc comments are what an editor shows.
//!
//! An `Option` may be left out or empty; everything else is required. Types that are named in
//! [`super::names`] are replaced by what this fleet defines.

#![expect(dead_code, reason = "read by schemars only")]

use std::collections::BTreeMap;

use schemars::JsonSchema;

// A list; a single value counts as a list of one. (No doc comment: it would hide the key's own.)
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
enum Many<T> {
    One(T),
    List(Vec<T>),
}

macro_rules! names {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        $($(#[doc = $doc])* #[derive(JsonSchema)] struct $name(String);)*
    };
}

names! {
    /// A user of this fleet.
    UserName,
    /// A template of this fleet.
    TemplateName,
    /// A profile of this fleet.
    ProfileName,
    /// A disk layout of the section `disks`.
    DiskName,
    /// A zone of `fleet.zones`.
    ZoneName,
    /// A secret of `secrets.items`.
    SecretName,
    /// A flake input that follows ours: `nixpkgs`, one of the section `inputs`, or `""` for none.
    FollowedInput,
    /// A flake input: one of the section `inputs`, or one that comes by itself.
    InputName,
    /// `unstable`, or an input that is a nixpkgs.
    PackageSource,
    /// `all`, a host or a group of `secrets.groups`.
    SecretReader,
    /// A user of `secrets.keys.users` or a group of `secrets.groups`.
    SecretEditor,
    /// A host, or a user of `secrets.keys.users`.
    GroupMember,
    /// A feature as `category.name`.
    FeatureId,
    /// A MicroVM of this fleet.
    MicroVmName,
    /// A user of this fleet, or another account of a machine.
    AccountName,
    /// A user of this fleet, `root`, or another account of the hosts.
    LoginName,
    /// A lint rule, or `*` for all.
    IgnoredRule,
}

/// What fits a pattern.
macro_rules! patterns {
    ($($(#[doc = $doc:literal])* $name:ident = $pattern:literal,)*) => {
        $(
            $(#[doc = $doc])*
            #[derive(JsonSchema)]
            struct $name(#[schemars(regex(pattern = $pattern))] String);
        )*
    };
}

patterns! {
    /// A size such as `16GiB` or `512M`, in powers of 1024.
    Size = "^[0-9]+(K|KiB|M|MiB|G|GiB|T|TiB)$",
    /// A duration such as `90s`, `15m`, `12h`, `30d` or `4w`.
    Duration = "^[0-9]+(s|m|min|h|d|w)$",
    /// A release of NixOS such as `"25.11"`, in quotes.
    Release = "^[0-9][0-9]\\.(05|11)$",
    /// A branch of nixpkgs: `nixos-unstable`, or a release such as `nixos-25.11`.
    Channel = "^nixos-(unstable|[0-9][0-9]\\.(05|11))(-small)?$",
    /// A file mode such as `"0400"`, in quotes.
    Mode = "^[0-7]{3,4}$",
    /// A MAC address such as `02:00:00:00:00:01`, in quotes.
    Mac = "^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$",
    /// A host id of eight hex digits, in quotes.
    HostId = "^[0-9A-Fa-f]{8}$",
    /// A public key: `ssh-ed25519 …` or `age1…`.
    PublicKey = "^(ssh-ed25519 |ssh-rsa |ecdsa-sha2-|age1)",
}

macro_rules! words {
    ($($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $wdoc:literal])* $variant:ident = $word:literal),* $(,)? })*) => {
        $(
            $(#[doc = $doc])*
            #[derive(JsonSchema)]
            enum $name { $( $(#[doc = $wdoc])* #[schemars(rename = $word)] $variant,)* }
        )*
    };
}

words! {
    /// A platform.
    System { X86 = "x86_64-linux", Arm = "aarch64-linux" }
    /// Who encrypts secrets.
    Backend { Agenix = "agenix", Sops = "sops" }
    /// A login shell.
    Shell { Bash = "bash", Zsh = "zsh", Fish = "fish", Nushell = "nushell" }
    /// Whether a host is emitted.
    HostState {
        /// Emitted.
        Active = "active",
        /// Kept in the spec, not emitted.
        Retired = "retired",
    }
    /// A CPU vendor.
    CpuVendor { Amd = "amd", Intel = "intel", Arm = "arm", None = "none" }
    /// A GPU vendor.
    GpuVendor { Amd = "amd", Intel = "intel", Nvidia = "nvidia", None = "none" }
    /// A boot loader.
    Loader { SystemdBoot = "systemd-boot", Grub = "grub", None = "none" }
    /// What runs a MicroVM; only `qemu` has user networking with forwarded ports.
    Hypervisor {
        Qemu = "qemu", Cloud = "cloud-hypervisor", Firecracker = "firecracker",
        Crosvm = "crosvm", Kvmtool = "kvmtool", Stratovirt = "stratovirt", Alioth = "alioth",
    }
    /// Where a MicroVM's store comes from.
    NixStore {
        /// The host's, read-only.
        Shared = "shared",
        /// An image that holds what the guest needs.
        Image = "image",
    }
    /// How a folder of the host is shared.
    ShareProto { NineP = "9p", Virtiofs = "virtiofs" }
    /// What an image is made for.
    ImageFormat {
        /// A disk for QEMU and libvirt.
        Qcow2 = "qcow2",
        /// A virtual machine of Proxmox VE.
        Proxmox = "proxmox",
        /// A container of Proxmox VE.
        ProxmoxLxc = "proxmox-lxc",
        /// An SD card for a board of aarch64-linux.
        SdCard = "sd-card",
    }
    /// What the host runs on.
    Platform { Physical = "physical", Qemu = "qemu", Lxc = "lxc" }
    /// How a disk is laid out.
    Layout { Ext4 = "ext4", LuksBtrfs = "luks-btrfs", Zfs = "zfs", None = "none" }
    /// Redundancy of a ZFS pool (`mirror`, `raidz`…) or a btrfs over several devices (`raid1`…).
    DiskMode {
        Stripe = "", Mirror = "mirror", Raidz = "raidz", Raidz1 = "raidz1", Raidz2 = "raidz2",
        Raidz3 = "raidz3", Single = "single", Raid0 = "raid0", Raid1 = "raid1", Raid10 = "raid10",
        Raid1c3 = "raid1c3", Raid1c4 = "raid1c4",
    }
    /// A transport protocol.
    Protocol { Tcp = "tcp", Udp = "udp", Both = "both" }
    /// How serious a finding is.
    Level { Error = "error", Warning = "warning", Note = "note", Off = "off" }
    /// A type without parameters.
    SimpleType {
        Bool = "bool", Int = "int", Float = "float", String = "string", Lines = "lines",
        Port = "port", Path = "path", Package = "package", Duration = "duration", Size = "size",
        Anything = "anything",
    }
}

/// NixOS or Home Manager options; keys are attribute paths as Nix writes them.
#[derive(JsonSchema)]
struct Settings(BTreeMap<String, SettingsValue>);

/// A value or further options; with or without a tag.
#[derive(JsonSchema)]
struct SettingsValue(serde_json::Value);

/// Any value, or one with a tag.
#[derive(JsonSchema)]
struct Value(serde_json::Value);

/// Features by category: a list enables, a mapping sets options and enables, `false` disables.
#[derive(JsonSchema)]
struct SystemFeatures(BTreeMap<String, serde_json::Value>);

/// Features with a Home Manager half by category: a list enables, a mapping sets options and
/// enables, `false` disables.
#[derive(JsonSchema)]
struct HomeFeatures(BTreeMap<String, serde_json::Value>);

/// A file of a fleet's spec. All sections are optional; files merge by section.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct SpecFile {
    /// Version of the spec format.
    version: Option<Version>,
    /// What all hosts share.
    fleet: Option<Fleet>,
    /// Further flake inputs.
    inputs: Option<BTreeMap<String, Option<Input>>>,
    /// Features, templates and profiles that are shared with other fleets.
    catalogs: Option<Catalogs>,
    /// People and service accounts, each defined once.
    users: Option<Users>,
    /// Feature definitions, by `category.name`.
    features: Option<Features>,
    /// Definitions of features with a Home Manager half only, by `category.name`.
    home_features: Option<Features>,
    /// What several hosts share.
    templates: Option<Templates>,
    /// Home Manager compositions, composed in order.
    profiles: Option<Profiles>,
    /// The machines.
    hosts: Option<Hosts>,
    /// Small virtual machines, by microvm.nix.
    microvms: Option<MicroVms>,
    /// Images of machines to start from.
    images: Option<Images>,
    /// Installers by host; `installer: true` at the host is the same as an empty one.
    installers: Option<Installers>,
    /// Disk layouts, rendered to disko.
    disks: Option<BTreeMap<String, Disk>>,
    /// Who may read which secret.
    secrets: Option<Secrets>,
    /// How all hosts are deployed, by deploy-rs.
    deploy: Option<Deploy>,
    /// Recipes of your own in the Justfile, by name.
    tasks: Option<Tasks>,
    /// Levels of and exceptions from lint rules.
    lint: Option<Lint>,
}

/// Version of the spec format.
#[derive(JsonSchema)]
struct Version(#[schemars(range(min = 1, max = 1))] i64);

/// Users by name.
#[derive(JsonSchema)]
struct Users(BTreeMap<String, Option<User>>);

/// Features by `category.name`.
#[derive(JsonSchema)]
struct Features(BTreeMap<String, Feature>);

/// Catalogs by name.
#[derive(JsonSchema)]
struct Catalogs(BTreeMap<String, Catalog>);

/// A folder of features, profiles, templates and disk layouts.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Catalog {
    Folder(CatalogFolder),
    Git(CatalogGit),
}

/// A catalog in a folder.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct CatalogFolder {
    /// The folder, relative to the spec folder; it may lie beside it: `../catalog`.
    path: String,
    /// Names of it that are left out.
    except: Option<Many<String>>,
}

/// A catalog in a git repository; `gen catalog update` copies it to `catalogs/NAME` below the spec
/// folder.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct CatalogGit {
    /// Address of the repository.
    git: String,
    /// The full id of the commit; `gen catalog update --rev BRANCH NAME` finds and writes it.
    rev: String,
    /// The folder of the catalog in the repository; the root where not given.
    folder: Option<String>,
    /// Names of it that are left out.
    except: Option<Many<String>>,
}

/// Templates by name.
#[derive(JsonSchema)]
struct Templates(BTreeMap<String, Option<Template>>);

/// Profiles by name.
#[derive(JsonSchema)]
struct Profiles(BTreeMap<String, Option<Profile>>);

/// Hosts by name.
#[derive(JsonSchema)]
struct Hosts(BTreeMap<String, Option<Host>>);

/// MicroVMs by name.
#[derive(JsonSchema)]
struct MicroVms(BTreeMap<String, MicroVm>);

/// Images by name.
#[derive(JsonSchema)]
struct Images(BTreeMap<String, Image>);

/// Tasks by name.
#[derive(JsonSchema)]
struct Tasks(BTreeMap<String, Task>);

/// Installers by host.
#[derive(JsonSchema)]
struct Installers(BTreeMap<String, Option<Installer>>);

/// What all hosts share.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct Fleet {
    /// Name of the fleet.
    name: String,
    /// What the fleet is.
    description: Option<String>,
    /// Default `system.stateVersion` of hosts and of their Home Manager users.
    state_version: Option<Release>,
    /// Default platform of hosts.
    system: Option<System>,
    /// Names the branches of nixpkgs and Home Manager; `nixos-unstable` where not given.
    channel: Option<Channel>,
    /// Prefix of the emitted options; `features` where not given.
    namespace: Option<String>,
    /// DNS domain.
    domain: Option<String>,
    /// Language, time zone and keyboard.
    locale: Option<Locale>,
    /// Which packages are allowed, and overlays.
    packages: Option<Packages>,
    /// Settings of Nix itself.
    nix: Option<NixSettings>,
    /// How secrets are encrypted.
    secrets: Option<SecretSettings>,
    /// Names that hosts map to network interfaces; ports open in zones only.
    zones: Option<Many<String>>,
    /// Hand-written modules of every host, relative to the spec folder.
    modules: Option<Many<String>>,
}

/// Language, time zone and keyboard.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct Locale {
    /// Such as `Europe/London`.
    time_zone: Option<String>,
    /// Such as `en_GB.UTF-8`.
    language: Option<String>,
    /// Locale of dates, numbers and money, where it differs from the language.
    formats: Option<String>,
    /// Console key map.
    key_map: Option<String>,
}

/// Which packages are allowed, and overlays.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Packages {
    /// Unfree packages that are allowed, as `lib.getName` names them.
    unfree: Option<Many<String>>,
    /// Insecure packages that are allowed, as `name-version`.
    insecure: Option<Many<String>>,
    /// Overlay files, relative to the spec folder.
    overlays: Option<Many<String>>,
    /// Whether modules get a second package set, `pkgs-unstable`.
    unstable: Option<bool>,
    /// Packages of your own: names of folders below `packages/`, or a folder or file for each name.
    own: Option<OwnPackages>,
    /// Packages that come from another package set, on every machine.
    pins: Option<BTreeMap<String, Pin>>,
}

/// Packages of your own.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum OwnPackages {
    /// The folder `packages/NAME`.
    One(String),
    /// Folders `packages/NAME`.
    List(Vec<String>),
    /// Folders or files, relative to the spec folder.
    Paths(BTreeMap<String, String>),
}

/// Where a package comes from.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Pin {
    From(PackageSource),
    Of(PinOf),
}

/// A package of another package set.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PinOf {
    /// `unstable`, or an input that is a nixpkgs.
    input: PackageSource,
    /// What the package is called there, where that differs.
    attribute: Option<String>,
}

/// Settings of Nix itself.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct NixSettings {
    /// Binary caches.
    caches: Option<Many<Cache>>,
    /// Garbage collection; weekly, keeping 30 days, where not given.
    gc: Option<Gc>,
    /// Further trusted users.
    trusted_users: Option<Many<String>>,
    /// Further `nix.settings`.
    settings: Option<Settings>,
}

/// A binary cache.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Cache {
    /// Address.
    url: String,
    /// Public key, such as `cache.example.org-1:…`.
    key: String,
    /// Lower is asked first.
    priority: Option<i64>,
}

/// Garbage collection, or `false`.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Gc {
    Off(False),
    On(GcSettings),
}

/// `false`.
#[derive(JsonSchema)]
#[schemars(inline, extend("const" = false))]
struct False(bool);

/// Garbage collection.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct GcSettings {
    /// Calendar expression of systemd, such as `weekly`.
    every: Option<String>,
    /// Age of generations to keep.
    keep: Option<Duration>,
}

/// How secrets are encrypted.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct SecretSettings {
    /// `agenix` (the default) or `sops`.
    backend: Option<Backend>,
}

/// A flake input.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct Input {
    /// Flake reference, such as `github:nix-community/stylix`.
    url: Option<String>,
    /// Inputs of that flake that follow ours of the same name, or a mapping `theirs: ours`.
    follows: Option<Follows>,
    /// Whether it is a flake.
    flake: Option<bool>,
    /// Attribute of `nixosModules` that every host imports.
    nixos_module: Option<String>,
    /// Attribute of `homeModules` that every Home Manager user imports.
    home_module: Option<String>,
}

/// Inputs that follow ours.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Follows {
    One(FollowedInput),
    List(Vec<FollowedInput>),
    Map(BTreeMap<String, FollowedInput>),
}

/// A person or a service account.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct User {
    /// Full name.
    full_name: Option<String>,
    /// Mail address.
    email: Option<String>,
    /// Member of `wheel`.
    admin: Option<bool>,
    /// Numeric id.
    #[schemars(range(min = 1, max = 4_294_967_294_i64))]
    uid: Option<i64>,
    /// Login shell; the hosts enable it.
    shell: Option<Shell>,
    /// Public keys that may log in by ssh.
    ssh_keys: Option<Many<String>>,
    /// Extra groups.
    groups: Option<Many<String>>,
    /// `!secret NAME`: the secret that holds the hashed password.
    password: Option<String>,
    /// A service account: no home, no login.
    system: Option<bool>,
    /// Home Manager, on every host of the user.
    home: Option<UserHome>,
}

/// Home Manager of a user: a list of profiles, or a mapping.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum UserHome {
    Profiles(Vec<ProfileName>),
    Parts(HomeParts),
}

/// Home Manager of a user.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct HomeParts {
    /// Profiles in order.
    profiles: Option<Many<ProfileName>>,
    /// Features with a Home Manager half.
    features: Option<HomeFeatures>,
    /// Packages, as below `pkgs`.
    packages: Option<Many<String>>,
    /// Home Manager options.
    settings: Option<Settings>,
    /// Hand-written Home Manager modules, relative to the spec folder.
    modules: Option<Many<String>>,
}

/// A user of a host: a list of profiles, or a mapping.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum UserPart {
    Profiles(Vec<ProfileName>),
    Parts(UserParts),
}

/// A user of a host.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct UserParts {
    /// Profiles in order.
    profiles: Option<Many<ProfileName>>,
    /// Features with a Home Manager half.
    features: Option<HomeFeatures>,
    /// Packages, as below `pkgs`.
    packages: Option<Many<String>>,
    /// Home Manager options.
    settings: Option<Settings>,
    /// Extra groups on this host.
    groups: Option<Many<String>>,
    /// Hand-written Home Manager modules, relative to the spec folder.
    modules: Option<Many<String>>,
}

/// Users of a host: a list of profiles each, or a mapping.
#[derive(JsonSchema)]
struct HostUsers(BTreeMap<String, Option<UserPart>>);

/// What several hosts share.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Template {
    /// What it is for.
    description: Option<String>,
    /// The template below this one.
    extends: Option<TemplateName>,
    /// Features.
    features: Option<SystemFeatures>,
    /// System packages, as below `pkgs`.
    packages: Option<Many<String>>,
    /// NixOS options.
    settings: Option<Settings>,
    /// Users of the hosts.
    users: Option<HostUsers>,
    /// Hand-written NixOS modules, relative to the spec folder.
    modules: Option<Many<String>>,
}

/// A Home Manager composition.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Profile {
    /// What it is for.
    description: Option<String>,
    /// The profile below this one.
    extends: Option<ProfileName>,
    /// Features with a Home Manager half.
    features: Option<HomeFeatures>,
    /// Packages, as below `pkgs`.
    packages: Option<Many<String>>,
    /// Home Manager options.
    settings: Option<Settings>,
    /// Hand-written Home Manager modules, relative to the spec folder.
    modules: Option<Many<String>>,
}

/// A machine.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct Host {
    /// What it is.
    description: Option<String>,
    /// `retired` keeps it in the spec without emitting it.
    state: Option<HostState>,
    /// What it shares with others.
    template: Option<TemplateName>,
    /// Words of your own.
    tags: Option<Many<String>>,
    /// Platform, where it differs from the fleet's.
    system: Option<System>,
    /// The release that the machine was installed with, never changed later.
    state_version: Option<Release>,
    /// What it is made of.
    hardware: Option<Hardware>,
    /// How it is reached.
    network: Option<Network>,
    /// Its users: a list of profiles each, or a mapping.
    users: Option<HostUsers>,
    /// Features.
    features: Option<SystemFeatures>,
    /// System packages, as below `pkgs`.
    packages: Option<Many<String>>,
    /// NixOS options.
    settings: Option<Settings>,
    /// Hand-written NixOS modules, relative to the spec folder.
    modules: Option<Many<String>>,
    /// MicroVMs that it runs as services.
    microvms: Option<Many<MicroVmName>>,
    /// An installer image for it, `live-iso-NAME`.
    installer: Option<bool>,
    /// Whether, or how, it is deployed by deploy-rs.
    deploy: Option<HostDeploy>,
}

/// Whether, or how, a host is deployed.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum HostDeploy {
    Flag(bool),
    Settings(Box<HostDeploySettings>),
}

/// How a host is deployed, where it differs from the others.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct HostDeploySettings {
    /// Whether it is deployed; true where not given.
    enable: Option<bool>,
    /// Address that ssh connects to; `network.address` where not given.
    address: Option<String>,
    /// Who logs in.
    ssh_user: Option<LoginName>,
    /// Who activates; `root` where not given.
    user: Option<String>,
    /// Whether the host builds for itself.
    remote_build: Option<bool>,
    /// Whether a host that cannot be reached any more goes back by itself; true where not given.
    magic_rollback: Option<bool>,
    /// Whether a host whose activation fails goes back; true where not given.
    auto_rollback: Option<bool>,
    /// Whether all is copied from here, instead of fetched from caches there.
    fast_connection: Option<bool>,
    /// Whether the password of sudo is asked for.
    interactive_sudo: Option<bool>,
    /// Seconds until the host must have been reached again; 30 where not given.
    #[schemars(range(min = 1, max = 65535))]
    confirm_timeout: Option<i64>,
    /// Seconds that the activation may take; 240 where not given.
    #[schemars(range(min = 1, max = 65535))]
    activation_timeout: Option<i64>,
    /// Arguments of ssh, a word an item.
    ssh_opts: Option<Many<String>>,
}

/// How all hosts are deployed.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct Deploy {
    /// Whether all active hosts are deployed; where false, those that say so.
    enable: Option<bool>,
    /// Who logs in.
    ssh_user: Option<LoginName>,
    /// Who activates; `root` where not given.
    user: Option<String>,
    /// Whether hosts build for themselves.
    remote_build: Option<bool>,
    /// Whether a host that cannot be reached any more goes back by itself; true where not given.
    magic_rollback: Option<bool>,
    /// Whether a host whose activation fails goes back; true where not given.
    auto_rollback: Option<bool>,
    /// Whether all is copied from here, instead of fetched from caches there.
    fast_connection: Option<bool>,
    /// Whether the password of sudo is asked for.
    interactive_sudo: Option<bool>,
    /// Seconds until a host must have been reached again; 30 where not given.
    #[schemars(range(min = 1, max = 65535))]
    confirm_timeout: Option<i64>,
    /// Seconds that the activation may take; 240 where not given.
    #[schemars(range(min = 1, max = 65535))]
    activation_timeout: Option<i64>,
    /// Arguments of ssh, a word an item.
    ssh_opts: Option<Many<String>>,
    /// Whether hosts know each other's ssh keys, those of `secrets.keys.hosts`.
    known_hosts: Option<bool>,
}

/// A recipe of your own.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Task {
    /// Group in the list of recipes; `own` where not given.
    group: Option<String>,
    /// What it does, in one line.
    description: Option<String>,
    /// A question to ask before it runs, or `true` for the usual one.
    confirm: Option<Confirm>,
    /// Parameters: `name`, `name=default`, and last `+name` (one or more) or `*name` (any number).
    args: Option<Many<String>>,
    /// Script for bash; parameters are variables of their names.
    run: String,
}

/// Whether, or what, is asked before a task runs.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Confirm {
    Flag(bool),
    Question(String),
}

/// A small virtual machine.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct MicroVm {
    /// What it is.
    description: Option<String>,
    /// What it shares with others.
    template: Option<TemplateName>,
    /// Platform, where it differs from the fleet's.
    system: Option<System>,
    /// The release that its volumes were made with.
    state_version: Option<Release>,
    /// Size of the memory.
    memory: Size,
    /// Virtual processors; 1 where not given.
    #[schemars(range(min = 1))]
    vcpu: Option<i64>,
    /// What runs it; `qemu` where not given.
    hypervisor: Option<Hypervisor>,
    /// Where the store comes from; `shared` where not given.
    nix_store: Option<NixStore>,
    /// Whether hosts that list it start it at boot; true where not given.
    autostart: Option<bool>,
    /// Its network interface; user networking where no bridge is given.
    network: Option<GuestNetwork>,
    /// Disk images; what is not on one is forgotten when it stops.
    volumes: Option<Many<Volume>>,
    /// Folders of the host.
    shares: Option<Many<Share>>,
    /// Users of the fleet, and throw-away accounts.
    users: Option<BTreeMap<String, Option<GuestUser>>>,
    /// Features.
    features: Option<SystemFeatures>,
    /// System packages, as below `pkgs`.
    packages: Option<Many<String>>,
    /// NixOS options.
    settings: Option<Settings>,
    /// Hand-written NixOS modules, relative to the spec folder.
    modules: Option<Many<String>>,
}

/// The network interface of a MicroVM.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct GuestNetwork {
    /// MAC address; made from the name where not given.
    mac: Option<Mac>,
    /// Ports of the host that lead to the guest, without a bridge.
    forwards: Option<Many<Forward>>,
    /// Bridge of the host that the guest is attached to.
    bridge: Option<String>,
    /// Name of the interface on the host; `vm-NAME` where not given.
    tap: Option<String>,
    /// Address with prefix length on the bridge, such as `10.20.0.11/24`.
    address: Option<String>,
    /// Default route: the address that the host has on the bridge.
    gateway: Option<String>,
    /// DNS servers.
    nameservers: Option<Many<String>>,
    /// Zones of its only interface.
    zones: Option<Many<ZoneName>>,
}

/// A port of the host that leads to the guest.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Forward {
    /// Port of the host.
    #[schemars(range(min = 0, max = 65535))]
    host: i64,
    /// Port of the guest.
    #[schemars(range(min = 0, max = 65535))]
    guest: i64,
    /// Transport; TCP where not given.
    protocol: Option<Protocol>,
    /// Address of the host that it listens on; `127.0.0.1` where not given.
    address: Option<String>,
}

/// A disk image of a MicroVM.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct Volume {
    /// A name for the image, or its absolute path on the host.
    name: String,
    /// Where the guest mounts it.
    mount_point: String,
    /// Size of a new image.
    size: Size,
    /// File system of a new image; `ext4` where not given.
    fs_type: Option<String>,
}

/// A folder of the host that a MicroVM mounts.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct Share {
    /// Folder of the host.
    source: String,
    /// Where the guest mounts it.
    mount_point: String,
    /// Name of the share; from the mount point where not given.
    tag: Option<String>,
    /// How it is shared; `9p` where not given.
    proto: Option<ShareProto>,
    /// Whether the guest only reads it.
    read_only: Option<bool>,
}

/// A user of a MicroVM: a list of profiles, or a mapping.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum GuestUser {
    Profiles(Vec<ProfileName>),
    Parts(Box<GuestUserParts>),
}

/// A user of a MicroVM.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct GuestUserParts {
    /// Throw-away password, as it is; only where nothing but the host reaches the guest.
    password: Option<String>,
    /// Public keys that may log in by ssh.
    ssh_keys: Option<Many<String>>,
    /// Member of `wheel`.
    admin: Option<bool>,
    /// Login shell.
    shell: Option<Shell>,
    /// Profiles in order, of a user of the fleet.
    profiles: Option<Many<ProfileName>>,
    /// Features with a Home Manager half, of a user of the fleet.
    features: Option<HomeFeatures>,
    /// Packages, as below `pkgs`, of a user of the fleet.
    packages: Option<Many<String>>,
    /// Home Manager options, of a user of the fleet.
    settings: Option<Settings>,
    /// Extra groups.
    groups: Option<Many<String>>,
    /// Hand-written Home Manager modules, relative to the spec folder.
    modules: Option<Many<String>>,
}

/// An image of a machine to start from.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct Image {
    /// What it is.
    description: Option<String>,
    /// What it is made for.
    format: ImageFormat,
    /// Platform, where it differs from the fleet's.
    system: Option<System>,
    /// The release that machines made from it are installed with.
    state_version: Option<Release>,
    /// Its only user; `bootstrap` where not given.
    user: Option<AccountName>,
    /// Public keys of the user; those of the fleet's admins where not given.
    ssh_keys: Option<Many<String>>,
    /// Size of the disk; it grows to the size of the machine's at the first boot.
    disk_size: Option<Size>,
    /// Features.
    features: Option<SystemFeatures>,
    /// System packages, as below `pkgs`.
    packages: Option<Many<String>>,
    /// NixOS options.
    settings: Option<Settings>,
    /// Hand-written NixOS modules, relative to the spec folder.
    modules: Option<Many<String>>,
}

/// The installer of a host.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct Installer {
    /// Public keys of root; those of the host's admins where not given.
    ssh_keys: Option<Many<String>>,
    /// Whether it carries the built system, so that no network is needed.
    with_system: Option<bool>,
    /// Further packages, as below `pkgs`.
    packages: Option<Many<String>>,
    /// NixOS options of the installer.
    settings: Option<Settings>,
    /// Hand-written NixOS modules, relative to the spec folder.
    modules: Option<Many<String>>,
}

/// What a host is made of.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct Hardware {
    /// CPU vendor: microcode and the KVM module follow.
    cpu: Option<CpuVendor>,
    /// GPUs, as vendors or in detail.
    gpu: Option<Many<Gpu>>,
    /// Size of the memory.
    memory: Option<Size>,
    /// Threads of the processor.
    #[schemars(range(min = 1))]
    cores: Option<i64>,
    /// Layouts of the section `disks`.
    disks: Option<Many<DiskName>>,
    /// Boot loader.
    boot: Option<Boot>,
    /// Module of nixos-hardware.
    profile: Option<String>,
    /// Report of nixos-facter, relative to the spec folder.
    facter: Option<String>,
    /// Kernel modules.
    kernel_modules: Option<Many<String>>,
    /// Kernel modules of the initial ramdisk.
    initrd_modules: Option<Many<String>>,
    /// Redistributable firmware; true where a CPU vendor is given.
    firmware: Option<bool>,
    /// What the host runs on.
    platform: Option<Platform>,
}

/// A GPU.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Gpu {
    Vendor(GpuVendor),
    Detail(GpuDetail),
}

/// A GPU in detail.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct GpuDetail {
    /// Vendor.
    vendor: GpuVendor,
    /// Whether `ROCm` is wanted (AMD).
    rocm: Option<bool>,
    /// Whether CUDA is wanted (NVIDIA).
    cuda: Option<bool>,
    /// PCI bus id, such as `PCI:1@0:0:0`.
    bus_id: Option<String>,
}

/// Boot loader.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct Boot {
    /// Which one.
    loader: Option<Loader>,
    /// Device of GRUB.
    device: Option<String>,
    /// Seconds that the menu waits.
    timeout: Option<i64>,
    /// Where the EFI partition is mounted.
    efi_mount_point: Option<String>,
    /// Whether EFI variables may be written.
    can_touch_efi_variables: Option<bool>,
}

/// How a host is reached.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Network {
    /// The address that others use for it.
    address: Option<String>,
    /// Interfaces of each zone; an empty list says that the host has none there.
    zones: Option<HostZones>,
    /// Zones in which the ports of features open here, instead of the features' own.
    open: Option<OpenIn>,
}

/// Interfaces of each zone.
#[derive(JsonSchema)]
struct HostZones(BTreeMap<String, Option<Many<String>>>);

/// Zones by feature.
#[derive(JsonSchema)]
struct OpenIn(BTreeMap<String, Option<Many<ZoneName>>>);

/// A disk layout.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct Disk {
    /// `ext4`, `luks-btrfs`, `zfs`, or `none` for file systems by hand.
    layout: Layout,
    /// The disk, best by `/dev/disk/by-id/…`.
    device: Option<String>,
    /// The disks of a ZFS pool.
    devices: Option<Many<String>>,
    /// Size of swap.
    swap: Option<Size>,
    /// Size of the EFI system partition; 1G where not given.
    esp: Option<Size>,
    /// A BIOS boot partition as well.
    bios: Option<bool>,
    /// LUKS around btrfs; true where not given.
    encrypt: Option<bool>,
    /// Subvolumes of btrfs and where they are mounted.
    subvolumes: Option<BTreeMap<String, String>>,
    /// Mount options of btrfs or ext4.
    mount_options: Option<Many<String>>,
    /// Where ext4 is mounted; `/` where not given.
    mount_point: Option<String>,
    /// Name of the ZFS pool.
    pool: Option<String>,
    /// Redundancy of the ZFS pool, or of a btrfs over several devices.
    mode: Option<DiskMode>,
    /// Datasets of ZFS and where they are mounted.
    datasets: Option<BTreeMap<String, String>>,
    /// `networking.hostId`, which ZFS needs.
    host_id: Option<HostId>,
    /// File systems by hand, by mount point.
    file_systems: Option<BTreeMap<String, FileSystem>>,
    /// Swap devices by hand.
    swap_devices: Option<Many<String>>,
}

/// A file system by hand.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct FileSystem {
    /// Device.
    device: String,
    /// Type, such as `ext4`.
    fs_type: String,
    /// Mount options.
    options: Option<Many<String>>,
    /// Whether the initial ramdisk mounts it.
    needed_for_boot: Option<bool>,
}

/// Who may read which secret.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Secrets {
    /// Public keys.
    keys: Option<Keys>,
    /// Groups of hosts and users, by name.
    groups: Option<BTreeMap<String, Option<Many<GroupMember>>>>,
    /// The secrets, by name.
    items: Option<BTreeMap<String, Option<Secret>>>,
}

/// Public keys.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Keys {
    /// Keys of hosts, which decrypt at run time.
    hosts: Option<HostKeys>,
    /// Keys of users, who edit.
    users: Option<BTreeMap<String, PublicKey>>,
}

/// Keys of hosts.
#[derive(JsonSchema)]
struct HostKeys(BTreeMap<String, PublicKey>);

/// A secret.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Secret {
    /// Who decrypts it at run time: `all`, hosts, groups.
    hosts: Option<Many<SecretReader>>,
    /// Who may edit it; everyone with a key where not given.
    users: Option<Many<SecretEditor>>,
    /// Owner of the decrypted file.
    owner: Option<String>,
    /// Group of the decrypted file.
    group: Option<String>,
    /// Mode of the decrypted file, such as `"0400"`.
    mode: Option<Mode>,
    /// Where the decrypted file is put.
    path: Option<String>,
}

/// Levels of and exceptions from lint rules.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Lint {
    /// Levels by rule; `"off"` needs quotes.
    rules: Option<LintRules>,
    /// Exceptions.
    ignore: Option<Many<LintIgnore>>,
}

/// Levels by rule.
#[derive(JsonSchema)]
struct LintRules(BTreeMap<String, Level>);

/// An exception.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct LintIgnore {
    /// The rule.
    rule: IgnoredRule,
    /// Glob over the paths of the output.
    path: String,
    /// Why.
    reason: String,
}

/// A feature definition.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct Feature {
    /// One line without a final period.
    #[schemars(regex(pattern = r"^[^\n]*[^.\n]$"))]
    summary: String,
    /// Markdown for the reference.
    description: Option<String>,
    /// Its options; `enable` is implied.
    options: Option<FeatureOptions>,
    /// Features enabled along with it.
    requires: Option<Many<Require>>,
    /// Features never on one host with it.
    conflicts: Option<Many<FeatureId>>,
    /// Facts that its host must have.
    needs: Option<Needs>,
    /// Ports that it opens, in zones only.
    ports: Option<Many<PortUse>>,
    /// Pages of metrics that the fleet's Prometheus reads.
    metrics: Option<Many<Metrics>>,
    /// Secrets that its host must have.
    secrets: Option<Many<SecretName>>,
    /// Unfree packages that the fleet must allow.
    unfree: Option<Many<PackageNeed>>,
    /// Insecure packages that the fleet must allow.
    insecure: Option<Many<PackageNeed>>,
    /// Flake inputs whose module it needs.
    inputs: Option<Many<InputName>>,
    /// Groups that every admin of the host joins.
    groups: Option<Many<String>>,
    /// Programs that it ships: names of folders below `programs/` with a `default.nix`.
    programs: Option<Many<String>>,
    /// Options that have another name now: old to new, with dots for a field of a submodule.
    renamed: Option<BTreeMap<String, String>>,
    /// Options that are gone: name to what to do instead.
    removed: Option<BTreeMap<String, String>>,
    /// The system half: NixOS options.
    nixos: Option<Settings>,
    /// The Home Manager half: Home Manager options.
    home: Option<Settings>,
    /// File of the system half as Nix, relative to the spec folder.
    body: Option<String>,
    /// File of the Home Manager half as Nix, relative to the spec folder.
    home_body: Option<String>,
}

/// Options of a feature by name; `enable` is implied.
#[derive(JsonSchema)]
struct FeatureOptions(BTreeMap<String, FeatureOption>);

/// Fields of a submodule by name.
#[derive(JsonSchema)]
struct SubmoduleFields(BTreeMap<String, FeatureOption>);

/// An option of a feature.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct FeatureOption {
    /// Its type.
    r#type: OptionType,
    /// Its default; without one, hosts must set it.
    default: Option<Value>,
    /// What it is for.
    description: String,
    /// An example.
    example: Option<Value>,
    /// An expression over the fleet, evaluated at generation where the option is not set.
    derive: Option<String>,
    /// Whether no two machines may have the same value; a list is compared item by item.
    unique: Option<bool>,
}

/// A type.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum OptionType {
    Simple(SimpleType),
    Compound(Box<CompoundType>),
}

/// A type with parameters: exactly one key.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
struct CompoundType {
    /// An integer with bounds.
    int: Option<IntBounds>,
    /// A number with bounds.
    float: Option<FloatBounds>,
    /// Text with a pattern.
    string: Option<Pattern>,
    /// One of some words.
    r#enum: Option<Many<String>>,
    /// A list.
    #[schemars(with = "OptionType", default)]
    list: Option<Box<OptionType>>,
    /// A mapping from names.
    #[schemars(with = "OptionType", default)]
    attrs: Option<Box<OptionType>>,
    /// Or null.
    #[schemars(with = "OptionType", default)]
    nullable: Option<Box<OptionType>>,
    /// A mapping with fields.
    submodule: Option<SubmoduleFields>,
    /// One of several types.
    one_of: Option<Many<Box<OptionType>>>,
}

/// Inclusive bounds.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct IntBounds {
    /// Least.
    min: Option<i64>,
    /// Greatest.
    max: Option<i64>,
}

/// Inclusive bounds.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct FloatBounds {
    /// Least.
    #[schemars(with = "f64", default)]
    min: Option<f64>,
    /// Greatest.
    #[schemars(with = "f64", default)]
    max: Option<f64>,
}

/// A pattern.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Pattern {
    /// A regular expression that must match all of the text.
    pattern: Option<String>,
}

/// A feature, or one that is enabled under conditions.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Require {
    Always(FeatureId),
    When(ConditionalRequire),
}

/// A feature that is enabled along where all conditions hold.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ConditionalRequire {
    /// The feature.
    feature: FeatureId,
    /// Values that options of this feature must have.
    when: Option<BTreeMap<String, Value>>,
}

/// A package name, or names under conditions.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum PackageNeed {
    Always(String),
    When(ConditionalPackages),
}

/// Packages that are needed where all conditions hold.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ConditionalPackages {
    /// Their names.
    packages: Many<String>,
    /// Values that options of this feature must have.
    when: Option<BTreeMap<String, Value>>,
}

/// Facts that a host must have, all of them.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Needs {
    /// One of these CPU vendors.
    cpu: Option<Many<CpuVendor>>,
    /// One of these GPUs.
    gpu: Option<Many<GpuNeed>>,
    /// At least so much memory.
    #[schemars(with = "Size", default)]
    memory: Option<Size>,
    /// One of these platforms.
    system: Option<Many<System>>,
    /// One of these disk layouts.
    disks: Option<Many<Layout>>,
    /// Zones that the host must map.
    zone: Option<Many<ZoneName>>,
}

/// A GPU of a vendor.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum GpuNeed {
    Vendor(GpuVendor),
    Detail(GpuNeedDetail),
}

/// A GPU of a vendor, with what it must be set up for.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct GpuNeedDetail {
    /// Vendor.
    vendor: GpuVendor,
    /// With `ROCm`.
    rocm: Option<bool>,
    /// With CUDA.
    cuda: Option<bool>,
}

/// A port, from exactly one of `option`, `port` and `range`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["option"] }, { "required": ["port"] }, { "required": ["range"] },
]))]
struct PortUse {
    /// An option of type `port` or `{ list: port }`, or several.
    #[schemars(with = "PortOptions", default)]
    option: Option<PortOptions>,
    /// A fixed number.
    #[schemars(with = "u16", default)]
    port: Option<u16>,
    /// A range of numbers.
    #[schemars(with = "PortRange", default)]
    range: Option<PortRange>,
    /// `tcp` where not given.
    protocol: Option<Protocol>,
    /// Zones in which it opens.
    zones: Option<Many<ZoneName>>,
    /// A boolean option that switches it.
    when: Option<String>,
}

/// A page of metrics.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Metrics {
    /// An option of type `port`: where the page is served.
    option: String,
    /// The job that the samples belong to; the feature's name without `-exporter` where not given.
    job: Option<String>,
    /// Its path; `/metrics` where not given.
    #[schemars(regex(pattern = "^/"))]
    path: Option<String>,
    /// A boolean option that switches it.
    when: Option<String>,
}

/// Options of this feature.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum PortOptions {
    One(String),
    List(#[schemars(length(min = 1))] Vec<String>),
}

/// A range of ports, both ends included.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PortRange {
    /// First.
    from: u16,
    /// Last.
    to: u16,
}
