//! The resolved fleet: names checked, layers applied, values ready to print.
//!
//! Invariants:
//! - Everything is inert data; printing decides nothing that resolution could have decided.
//! - Values are [`nix::Value`]s ready for the file they are printed in: paths are relative to it,
//!   secrets and options are expressions, priorities are applied.
//! - Every definition knows where it came from ([`Origin`]).
//! - Types here may be serialized for `--emit model`; nothing is ever deserialized into them.

mod deploy;
mod feature;
mod host;
mod machine;
mod names;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use diag::Span;
use nix::{AttrPath, Value};
use serde::Serialize;

pub use deploy::{Deploy, DeploySettings, Parameter, ParameterKind, Reach, Recipe};
pub use feature::{Feature, FeatureHalf, FeatureOption, Half};
pub use host::{
    Boot, BootLoader, Disk, DiskLayout, Enabled, FileSystem, Gpu, Hardware, Host, HostUser,
    OpenPort, OptionValue, PortNumbers, Protocol, Reason, SecretUse,
};
pub use machine::{Forward, Image, ImageFormat, Installer, MicroVm};
pub use names::{FeatureId, HostName, ProfileName, TemplateName, UserName};

/// The feature whose backups the recipes restore.
pub const BACKUP: &str = "backup.restic";

/// Priorities of the module system, as emitted.
pub mod priority {
    /// Host settings and what a feature is.
    pub const PLAIN: i64 = 100;
    /// Template and user settings.
    pub const TEMPLATE: i64 = 900;
    /// Profile settings.
    pub const PROFILE: i64 = 950;
    /// What people tune.
    pub const DEFAULT: i64 = 1000;
    /// `!force`.
    pub const FORCE: i64 = 50;
}

/// The layer that gave a value, low to high.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind", content = "name")]
pub enum Layer {
    /// An option's default.
    Default(FeatureId),
    /// Computed at generation by `derive`.
    Derived(FeatureId),
    /// A feature's own tree or body.
    Feature(FeatureId),
    /// Section `fleet`.
    Fleet,
    /// A template.
    Template(TemplateName),
    /// A profile.
    Profile(ProfileName),
    /// A user, on every host.
    User(UserName),
    /// A host (or a user on a host).
    Host(HostName),
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The layer.
    pub layer: Layer,
    /// The place in the spec or the catalog.
    #[serde(skip)]
    pub span: Option<Span>,
}

/// One option definition that is printed.
#[derive(Clone, Debug, Serialize)]
pub struct Definition {
    /// Option path.
    pub path: AttrPath,
    /// Value, with its priority applied.
    pub value: Value,
    /// Where it came from.
    pub origin: Origin,
    /// Lower layers that it overrides or adds to, nearest first.
    pub over: Vec<Origin>,
    /// A comment for the reader, printed above it.
    pub comment: Option<String>,
}

/// The fleet.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Fleet {
    /// Name.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// Prefix of the emitted options.
    pub namespace: String,
    /// nixpkgs branch, such as `nixos-unstable`.
    pub channel: String,
    /// DNS domain.
    pub domain: Option<String>,
    /// Secret backend.
    pub backend: Backend,
    /// Whether `pkgs-unstable` is passed to modules.
    pub unstable: bool,
    /// Whether hand-written modules get the flake's `inputs`.
    pub passes_inputs: bool,
    /// Folders of packages that are not listed, so that there are no packages of these names.
    pub unlisted_packages: BTreeSet<String>,
    /// Unfree packages allowed everywhere.
    pub unfree: BTreeSet<String>,
    /// Insecure packages allowed everywhere.
    pub insecure: BTreeSet<String>,
    /// Overlay files below the output, such as `custom/nix/overlay.nix`.
    pub overlays: Vec<String>,
    /// Packages of the fleet's own, by name.
    pub own_packages: BTreeMap<String, OwnPackage>,
    /// Packages that come from another package set, by name.
    pub pins: BTreeMap<String, Pin>,
    /// What `modules/fleet.nix` defines.
    pub definitions: Vec<Definition>,
    /// Hand-written modules of every host, below the output.
    pub modules: Vec<String>,
    /// Flake inputs that are used.
    pub inputs: BTreeMap<String, Input>,
    /// Feature modules that are emitted: those that something imports.
    pub features: BTreeMap<FeatureId, Feature>,
    /// Templates that hosts use, flattened.
    pub templates: BTreeMap<TemplateName, Template>,
    /// Templates that hosts have only through others, flattened; they have no file of their own.
    pub ancestors: BTreeMap<TemplateName, Template>,
    /// Profiles that users on hosts use, flattened.
    pub profiles: BTreeMap<ProfileName, Profile>,
    /// Users of active hosts.
    pub users: BTreeMap<UserName, User>,
    /// Active hosts.
    pub hosts: BTreeMap<HostName, Host>,
    /// MicroVMs.
    pub microvms: BTreeMap<HostName, MicroVm>,
    /// Images of machines to start from.
    pub images: BTreeMap<HostName, Image>,
    /// Installers, by host.
    pub installers: BTreeMap<HostName, Installer>,
    /// Retired hosts, which are not emitted.
    pub retired: Vec<HostName>,
    /// Key book and rules of secrets.
    pub secrets: Secrets,
    /// How hosts are reached and deployed.
    pub deploy: Deploy,
    /// Recipes of the Justfile, by group.
    pub recipes: Vec<Recipe>,
    /// The spec folder below the output folder, where that is the root of a repository.
    pub repository: Option<String>,
    /// Files copied into the output: output path → path below the spec folder.
    pub assets: BTreeMap<String, String>,
    /// Programs that features ship: name → their folder below the output, `./pkgs/NAME`.
    pub programs: BTreeMap<String, String>,
    /// Files of the catalog's programs: output path → text.
    #[serde(serialize_with = "paths")]
    pub program_files: BTreeMap<String, Cow<'static, [u8]>>,
    /// Files of the spec that each output file is made from, for headers; by output path.
    #[serde(skip)]
    pub sources: BTreeMap<String, String>,
}

fn paths<S: serde::Serializer>(
    files: &BTreeMap<String, Cow<'static, [u8]>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(files.keys())
}

impl Fleet {
    /// Whether there is an overlay of our own, which the fleet's overlays then are a part of.
    pub fn has_package_overlay(&self) -> bool {
        !(self.own_packages.is_empty() && self.pins.is_empty())
    }

    /// The inputs that package sets are made from besides nixpkgs, sorted.
    pub fn package_inputs(&self) -> BTreeSet<&str> {
        let pinned = self.pins.values().map(|pin| pin.input.as_str());
        let unstable = self.unstable.then_some(UNSTABLE);
        pinned.chain(unstable).collect()
    }

    /// Everything that is a NixOS configuration of its own: hosts, guests, images.
    pub fn machines(&self) -> impl Iterator<Item = &Host> {
        let guests = self.microvms.values().map(|vm| &vm.guest);
        let images = self.images.values().map(|image| &image.machine);
        self.hosts.values().chain(guests).chain(images)
    }

    /// Secrets that a machine reads as the hash of a user's password.
    pub fn passwords(&self) -> BTreeSet<&String> {
        let uses = self.machines().flat_map(|machine| &machine.secrets);
        let passwords = uses.filter(|(_, used)| used.for_users);
        passwords.map(|(name, _)| name).collect()
    }

    /// Whether a host backs up with the feature that ships the program to restore with.
    pub fn has_backups(&self) -> bool {
        let mut hosts = self.hosts.values();
        hosts.any(|host| host.enabled.contains_key(BACKUP))
    }

    /// What a host, or its template, gives an option of a feature, without priority; nothing where it is
    /// the default.
    pub fn option_of<'a>(&'a self, host: &'a Host, id: &str, option: &str) -> Option<&'a Value> {
        let own = host.enabled.get(id)?.options.get(option);
        if let Some(own) = own {
            return Some(&own.value);
        }
        let path = AttrPath::parse(&format!("{}.{id}", self.namespace)).ok()?;
        let path = path.child(option);
        let template = self.templates.get(host.template.as_ref()?)?;
        let mut definitions = template.definitions.iter();
        let mut value = &definitions.find(|it| it.path == path)?.value;
        while let Value::Apply(_, inner) | Value::Commented(_, inner) = value {
            value = inner;
        }
        Some(value)
    }

    /// The same, to be changed.
    pub fn machines_mut(&mut self) -> impl Iterator<Item = &mut Host> {
        let guests = self.microvms.values_mut().map(|vm| &mut vm.guest);
        let images = self.images.values_mut().map(|image| &mut image.machine);
        self.hosts.values_mut().chain(guests).chain(images)
    }
}

/// The input that packages called `unstable` come from.
pub const UNSTABLE: &str = "nixpkgs-unstable";

/// A package of the fleet's own.
#[derive(Clone, Debug, Serialize)]
pub struct OwnPackage {
    /// What `callPackage` takes, below the output.
    pub path: String,
    /// Its place.
    #[serde(skip)]
    pub span: Span,
}

/// A package that comes from another package set.
#[derive(Clone, Debug, Serialize)]
pub struct Pin {
    /// The input that the set is made from.
    pub input: String,
    /// What it is called there.
    pub attribute: AttrPath,
    /// Its place.
    #[serde(skip)]
    pub span: Span,
}

/// Where secrets are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// `agenix`: one age file a secret.
    #[default]
    Agenix,
    /// `sops-nix`.
    Sops,
}

impl Backend {
    /// The name of the encrypted file of a secret.
    pub fn secret_file(self, name: &str) -> String {
        match self {
            Backend::Agenix => format!("{name}.age"),
            Backend::Sops => format!("{name}.yaml"),
        }
    }
}

/// A flake input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Input {
    /// Flake reference.
    pub url: String,
    /// Theirs → ours; empty text cuts the input off.
    pub follows: BTreeMap<String, String>,
    /// Whether it is a flake.
    pub flake: bool,
    /// Module expressions that hosts take from it, such as
    /// `home-manager.nixosModules.home-manager`; by host.
    pub nixos_module: Option<String>,
    /// The same for every Home Manager user.
    pub home_module: Option<String>,
}

/// A template, flattened.
#[derive(Clone, Debug, Serialize)]
pub struct Template {
    /// Name.
    pub name: TemplateName,
    /// What it is for.
    pub description: Option<String>,
    /// Itself and its ancestors, root first.
    pub chain: Vec<TemplateName>,
    /// Feature modules it imports.
    pub imports: BTreeSet<FeatureId>,
    /// What it defines, at priority 900.
    pub definitions: Vec<Definition>,
    /// Hand-written modules, below the output.
    pub modules: Vec<String>,
}

/// A Home Manager profile, flattened.
#[derive(Clone, Debug, Serialize)]
pub struct Profile {
    /// Name.
    pub name: ProfileName,
    /// What it is for.
    pub description: Option<String>,
    /// Itself and its ancestors, root first.
    pub chain: Vec<ProfileName>,
    /// Home feature modules it imports.
    pub imports: BTreeSet<FeatureId>,
    /// What it defines, at priority 950.
    pub definitions: Vec<Definition>,
    /// Hand-written Home Manager modules, below the output.
    pub modules: Vec<String>,
}

/// A user of the fleet.
#[derive(Clone, Debug, Serialize)]
pub struct User {
    /// Login name.
    pub name: UserName,
    /// Full name.
    pub full_name: Option<String>,
    /// Mail address.
    pub email: Option<String>,
    /// Member of `wheel`.
    pub admin: bool,
    /// Account and shell: what `users/<user>/default.nix` defines in NixOS.
    pub definitions: Vec<Definition>,
    /// What it defines in Home Manager on every host.
    pub home: Vec<Definition>,
    /// Home feature modules that `home` sets.
    pub home_imports: BTreeSet<FeatureId>,
    /// Hand-written Home Manager modules of every host, below the output.
    pub home_modules: Vec<String>,
}

impl User {
    /// Whether there is a Home Manager part on every host.
    pub fn has_home(&self) -> bool {
        !(self.home.is_empty() && self.home_imports.is_empty() && self.home_modules.is_empty())
    }
}

/// Key book and rules.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Secrets {
    /// Host → public key, as the backend encrypts for it: with sops an age key.
    pub host_keys: BTreeMap<String, String>,
    /// User → public key, likewise.
    pub user_keys: BTreeMap<String, String>,
    /// The secrets.
    pub items: BTreeMap<String, Secret>,
}

/// A secret.
#[derive(Clone, Debug, Serialize)]
pub struct Secret {
    /// Hosts that decrypt it.
    pub hosts: BTreeSet<HostName>,
    /// Users who may edit it.
    pub users: BTreeSet<String>,
    /// Owner of the file.
    pub owner: Option<String>,
    /// Group of the file.
    pub group: Option<String>,
    /// Mode of the file.
    pub mode: Option<String>,
    /// Where it is put.
    pub path: Option<String>,
}
