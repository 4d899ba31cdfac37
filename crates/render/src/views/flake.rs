//! `flake.nix`: inputs, hosts and modules.

use std::collections::{BTreeMap, BTreeSet};

use model::{Backend, DeploySettings, Fleet, Half, Host, UNSTABLE};
use nix::Value;
use serde::Serialize;

use crate::code::Code;
use crate::error::{Problem, Result};
use crate::module;
use crate::tree::{Order, Tree};
use crate::views::{halves, packages};

/// The variable with the module that gives a machine the overlay.
const OVERLAY_MODULE: &str = "withPackages";

/// The flake.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    header: Code,
    description: Code,
    inputs: Code,
    arguments: Code,
    unstable: Option<Unstable>,
    overlay: Option<OverlayView>,
    home_modules_of_inputs: Vec<Code>,
    pub(crate) hosts: Vec<HostView>,
    packages: Vec<Platform>,
    deploy: Option<Code>,
    pub(crate) checks: Vec<Checks>,
    shells: Vec<Shell>,
    system_modules: Vec<Module>,
    home_modules: Vec<Module>,
    systems: Vec<Code>,
}

/// What `nix flake check` builds for a platform.
#[derive(Debug, Serialize)]
pub(crate) struct Checks {
    system: Code,
    /// Folders and files that are laid out.
    paths: Code,
    /// Configurations that evaluate: name of the check, name of the configuration.
    pub(crate) machines: Vec<(Code, Code)>,
    /// Own packages: name of the check, and the package.
    packages: Vec<(Code, Code)>,
    deploy: Option<Code>,
}

/// The tools of a platform.
#[derive(Clone, Debug, Serialize)]
struct Shell {
    system: Code,
    packages: Vec<Code>,
}

/// The second package set.
#[derive(Clone, Debug, Serialize)]
struct Unstable {
    systems: Code,
    config: Option<Code>,
}

/// The overlay, what it is made from, and what is made with it.
#[derive(Clone, Debug, Serialize)]
struct OverlayView {
    config: Option<Code>,
    systems: Code,
    /// Package sets besides `unstable`: the variable, and the input.
    sets: Vec<(Code, Code)>,
    arguments: Code,
    /// Whether there are packages to offer.
    has_packages: bool,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct HostView {
    pub(crate) comment: Option<Code>,
    pub(crate) name: Code,
    pub(crate) special_args: Option<Code>,
    pub(crate) modules: Vec<Code>,
}

/// What can be built for a platform.
#[derive(Clone, Debug, Serialize)]
struct Platform {
    system: Code,
    packages: Vec<Package>,
}

#[derive(Clone, Debug, Serialize)]
struct Package {
    name: Code,
    value: Code,
}

#[derive(Clone, Debug, Serialize)]
struct Module {
    name: Code,
    path: Code,
}

impl View {
    /// A flake with one machine and nothing else.
    pub(crate) fn of_one(&self, host: HostView) -> Self {
        Self {
            header: Code::new(""),
            description: Code::new("\"\""),
            inputs: Code::new(""),
            arguments: self.arguments.clone(),
            unstable: None,
            overlay: None,
            home_modules_of_inputs: Vec::new(),
            hosts: vec![host],
            packages: Vec::new(),
            deploy: None,
            checks: Vec::new(),
            shells: Vec::new(),
            system_modules: Vec::new(),
            home_modules: Vec::new(),
            systems: Vec::new(),
        }
    }

    /// The flake with one machine that stands for all, also where machines are checked.
    pub(crate) fn framed(&self, name: &str) -> Self {
        let host = HostView {
            comment: None,
            name: Code::new(name),
            special_args: None,
            modules: Vec::new(),
        };
        let checks = self.checks.iter().map(|platform| Checks {
            system: platform.system.clone(),
            paths: platform.paths.clone(),
            // A platform without machines does without what checks them.
            machines: match platform.machines.as_slice() {
                [] => Vec::new(),
                _ => vec![(Code::new(name), Code::new(format!("\"{name}\"")))],
            },
            packages: platform.packages.clone(),
            deploy: platform.deploy.clone(),
        });
        Self {
            header: self.header.clone(),
            description: self.description.clone(),
            inputs: self.inputs.clone(),
            arguments: self.arguments.clone(),
            unstable: self.unstable.clone(),
            overlay: self.overlay.clone(),
            home_modules_of_inputs: self.home_modules_of_inputs.clone(),
            hosts: vec![host],
            packages: self.packages.clone(),
            deploy: self.deploy.clone(),
            checks: checks.collect(),
            shells: self.shells.clone(),
            system_modules: self.system_modules.clone(),
            home_modules: self.home_modules.clone(),
            systems: self.systems.clone(),
        }
    }
}

/// The view of the flake.
pub(crate) fn view(fleet: &Fleet, header: Code) -> Result<View> {
    let systems: BTreeSet<&str> = fleet.machines().map(|host| host.system.as_str()).collect();
    let home_modules: Vec<&str> = if fleet.machines().any(|host| host.has_home_manager) {
        fleet
            .inputs
            .values()
            .filter_map(|input| input.home_module.as_deref())
            .collect()
    } else {
        vec![]
    };
    let shares_home_modules = !home_modules.is_empty();
    let mut hosts: Vec<HostView> = Vec::new();
    for host in fleet.hosts.values() {
        let path = format!("./hosts/{}", host.name);
        hosts.push(host_view(fleet, host, &path, shares_home_modules)?);
    }
    for vm in fleet.microvms.values() {
        let path = format!("./microvms/{}.nix", vm.guest.name);
        hosts.push(host_view(fleet, &vm.guest, &path, shares_home_modules)?);
    }
    let packages = offered(fleet)?;
    Ok(View {
        header,
        description: Code::string(fleet.description.as_deref().unwrap_or(&fleet.name).trim())?,
        inputs: inputs(fleet)?,
        arguments: arguments(fleet, &home_modules)?,
        unstable: if fleet.package_inputs().contains(UNSTABLE) {
            Some(unstable(fleet, &systems)?)
        } else {
            None
        },
        overlay: if fleet.has_package_overlay() {
            Some(overlay(fleet, &systems)?)
        } else {
            None
        },
        hosts,
        packages,
        deploy: deploy(fleet)?,
        checks: systems
            .iter()
            .map(|system| checks(fleet, system))
            .collect::<Result<_>>()?,
        shells: systems.iter().map(|system| shell(fleet, system)).collect(),
        home_modules_of_inputs: home_modules
            .into_iter()
            .map(Code::element)
            .collect::<Result<_>>()?,
        system_modules: modules(fleet, Half::System, "modules")?,
        home_modules: modules(fleet, Half::Home, "home")?,
        systems: systems.into_iter().map(Code::name).collect(),
    })
}

/// The inputs, nixpkgs first.
fn inputs(fleet: &Fleet) -> Result<Code> {
    let mut tree = Tree::default();
    for (name, input) in &fleet.inputs {
        tree.set(&[name, "url"], input.url.as_str())?;
        for (theirs, ours) in &input.follows {
            tree.set(&[name, "inputs", theirs, "follows"], ours.as_str())?;
        }
        if !input.flake {
            tree.set(&[name, "flake"], false)?;
        }
    }
    tree.code(Order {
        top: &["nixpkgs"],
        first: &["url"],
        last: &[],
    })
}

/// The pattern of the outputs: the inputs that they name.
fn arguments(fleet: &Fleet, home_modules: &[&str]) -> Result<Code> {
    let modules = fleet.machines().flat_map(|host| &host.input_modules);
    let exprs: BTreeSet<&str> = modules
        .map(String::as_str)
        .chain(home_modules.iter().copied())
        .collect();
    let mut used = BTreeSet::new();
    if !fleet.hosts.is_empty() {
        used.insert("nixpkgs".to_owned());
    }
    // Checks name every configuration by it.
    if fleet.machines().next().is_some() {
        used.insert("self".to_owned());
    }
    if !fleet.deploy.nodes.is_empty() {
        used.insert("deploy-rs".to_owned());
    }
    used.extend(fleet.package_inputs().into_iter().map(str::to_owned));
    for expr in exprs {
        used.extend(module::names(expr)?.free);
    }
    let all = if used.remove("inputs") || fleet.passes_inputs {
        "inputs@"
    } else {
        ""
    };
    let is_input = |name: &&String| *name == "self" || fleet.inputs.contains_key(*name);
    if let Some(name) = used.iter().find(|name| !is_input(name)) {
        return Err(Problem::Unbound(name.clone()));
    }
    let names: Vec<&str> = used.iter().map(String::as_str).chain(["..."]).collect();
    Ok(Code::new(format!("{all}{{ {} }}", names.join(", "))))
}

fn unstable(fleet: &Fleet, systems: &BTreeSet<&str>) -> Result<Unstable> {
    let strings =
        |texts: &mut dyn Iterator<Item = &str>| Value::List(texts.map(Value::from).collect());
    let mut config = String::new();
    if !fleet.unfree.is_empty() {
        let names = Code::value(&strings(&mut fleet.unfree.iter().map(String::as_str)))?;
        config = format!(
            "allowUnfreePredicate = package: builtins.elem (nixpkgs.lib.getName package) {names};\n"
        );
    }
    if !fleet.insecure.is_empty() {
        let names = Code::value(&strings(&mut fleet.insecure.iter().map(String::as_str)))?;
        config = format!("{config}permittedInsecurePackages = {names};\n");
    }
    Ok(Unstable {
        systems: Code::value(&strings(&mut systems.iter().copied()))?,
        config: (!config.is_empty()).then(|| Code::new(config)),
    })
}

fn overlay(fleet: &Fleet, systems: &BTreeSet<&str>) -> Result<OverlayView> {
    let Unstable { systems, config } = unstable(fleet, systems)?;
    let sets = packages::sets(fleet)
        .into_iter()
        .filter(|(_, input)| *input != UNSTABLE);
    Ok(OverlayView {
        config,
        systems,
        sets: sets
            .map(|(set, input)| (Code::new(set), Code::name(input)))
            .collect(),
        arguments: Code::new(packages::argument(fleet)),
        has_packages: !fleet.own_packages.is_empty(),
    })
}

/// Whether modules of a machine refer to the flake itself.
fn needs_self(host: &Host) -> bool {
    !host.microvms.is_empty()
}

/// Runners of MicroVMs, images and installers, programs and own packages.
fn offered(fleet: &Fleet) -> Result<Vec<Platform>> {
    let mut platforms: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    let mut add = |system, name: String, value: String| {
        platforms.entry(system).or_default().insert(name, value);
    };
    for vm in fleet.microvms.values() {
        let attr = Code::name(vm.guest.name.as_str());
        let value = format!("self.nixosConfigurations.{attr}.config.microvm.declaredRunner");
        add(&vm.guest.system, vm.guest.name.to_string(), value);
    }
    for image in fleet.images.values() {
        let machine = &image.machine;
        let path = format!("./images/{}.nix", machine.name);
        let builder = Code::name(image.format.builder(&machine.system));
        let value = format!(
            "{}.config.system.build.images.{builder}",
            configuration(&host_view(fleet, machine, &path, false)?)
        );
        add(&machine.system, machine.name.to_string(), value);
    }
    for installer in fleet.installers.values() {
        let Some(host) = fleet.hosts.get(&installer.host) else {
            continue;
        };
        let unstable = fleet.unstable.then(|| unstable_of(host));
        let args = special_args(true, fleet.passes_inputs, unstable.as_deref());
        let mut modules = vec![Code::path(format!("./installers/{}.nix", host.name))?];
        if fleet.has_package_overlay() {
            modules.push(Code::new(OVERLAY_MODULE));
        }
        let view = HostView {
            comment: None,
            name: Code::new(""),
            special_args: args,
            modules,
        };
        let value = format!("{}.config.system.build.isoImage", configuration(&view));
        add(&host.system, format!("live-iso-{}", host.name), value);
    }
    let systems: BTreeSet<&str> = fleet.machines().map(|host| host.system.as_str()).collect();
    for system in systems {
        let attr = Code::name(system);
        for (name, path) in &fleet.programs {
            let path = Code::path(path.as_str())?;
            let value = format!("nixpkgs.legacyPackages.{attr}.callPackage {path} {{ }}");
            let packages = platforms.entry(system).or_default();
            packages.entry(name.clone()).or_insert(value);
        }
        for name in fleet.own_packages.keys() {
            let package = Code::name(name);
            let value = format!("packageSets.{attr}.{package}");
            let packages = platforms.entry(system).or_default();
            packages.entry(name.clone()).or_insert(value);
        }
    }
    let platforms = platforms.into_iter().map(|(system, packages)| Platform {
        system: Code::name(system),
        packages: packages
            .into_iter()
            .map(|(name, value)| Package {
                name: Code::name(&name),
                value: Code::new(value),
            })
            .collect(),
    });
    Ok(platforms.collect())
}

/// The nodes of deploy-rs.
fn deploy(fleet: &Fleet) -> Result<Option<Code>> {
    if fleet.deploy.nodes.is_empty() {
        return Ok(None);
    }
    let mut tree = Tree::default();
    let set = |tree: &mut Tree<'_>, node: Option<&str>, settings: &DeploySettings| -> Result<()> {
        let values = [
            ("sshUser", settings.ssh_user.as_deref().map(Value::from)),
            ("user", settings.user.as_deref().map(Value::from)),
            ("remoteBuild", settings.remote_build.map(Value::from)),
            ("magicRollback", settings.magic_rollback.map(Value::from)),
            ("autoRollback", settings.auto_rollback.map(Value::from)),
            ("fastConnection", settings.fast_connection.map(Value::from)),
            (
                "interactiveSudo",
                settings.interactive_sudo.map(Value::from),
            ),
            ("confirmTimeout", settings.confirm_timeout.map(Value::from)),
            (
                "activationTimeout",
                settings.activation_timeout.map(Value::from),
            ),
        ];
        let options = settings.ssh_opts.iter().map(|o| Value::from(o.as_str()));
        let options = (!settings.ssh_opts.is_empty()).then(|| Value::List(options.collect()));
        let values = values.into_iter().chain([("sshOpts", options)]);
        for (key, value) in values {
            let Some(value) = value else {
                continue;
            };
            match node {
                Some(node) => tree.set(&["nodes", node, key], value)?,
                None => tree.set(&[key], value)?,
            }
        }
        Ok(())
    };
    set(&mut tree, None, &fleet.deploy.settings)?;
    for (name, settings) in &fleet.deploy.nodes {
        let (Some(host), Some(reach)) = (fleet.hosts.get(name), fleet.deploy.reach.get(name))
        else {
            continue;
        };
        let node = name.as_str();
        tree.set(&["nodes", node, "hostname"], reach.address.as_str())?;
        let activate = format!(
            "deploy-rs.lib.{}.activate.nixos self.nixosConfigurations.{}",
            Code::name(&host.system),
            Code::name(node)
        );
        let path = ["nodes", node, "profiles", "system", "path"];
        tree.set(&path, crate::code::expr(&activate)?)?;
        set(&mut tree, Some(node), settings)?;
    }
    let order = Order {
        top: &["sshUser", "user"],
        first: &["hostname"],
        last: &["profiles"],
    };
    Ok(Some(tree.code(order)?))
}

/// What can be checked on a platform.
fn checks(fleet: &Fleet, system: &str) -> Result<Checks> {
    let here = |host: &&Host| host.system == system;
    let hosts = fleet.hosts.values().filter(here);
    let guests = fleet.microvms.values().map(|vm| &vm.guest).filter(here);
    let machines = hosts.chain(guests).map(|host| {
        let name = host.name.as_str();
        let check = Code::name(&format!("evaluates-{name}"));
        Ok((check, Code::string(name)?))
    });
    let nodes: Vec<String> = fleet
        .deploy
        .nodes
        .keys()
        .filter(|name| fleet.hosts.get(*name).is_some_and(|host| here(&host)))
        .map(|name| Code::name(name.as_str()).to_string())
        .collect();
    let deploy = if nodes.is_empty() {
        None
    } else if nodes.len() == fleet.deploy.nodes.len() {
        Some("self.deploy".to_owned())
    } else {
        // Another platform's nodes cannot be built here.
        Some(format!(
            "(self.deploy // {{ nodes = {{ inherit (self.deploy.nodes) {}; }}; }})",
            nodes.join(" ")
        ))
    };
    Ok(Checks {
        system: Code::name(system),
        paths: Code::new(crate::file::nix_folders(fleet).join(" ")),
        machines: machines.collect::<Result<_>>()?,
        packages: fleet
            .own_packages
            .keys()
            .map(|name| {
                let check = Code::name(&format!("package-{name}"));
                let (system, name) = (Code::name(system), Code::name(name));
                let package = format!("self.packages.{system}.{name}");
                (check, Code::new(package))
            })
            .collect(),
        deploy: deploy.map(Code::new),
    })
}

/// The tools of the recipes, beside those that every machine has.
fn shell(fleet: &Fleet, system: &str) -> Shell {
    let mut packages: Vec<String> = [
        "git",
        "jq",
        "just",
        "nixfmt-rs",
        "nixos-rebuild-ng",
        "nvd",
        "openssh",
    ]
    .map(|name| format!("pkgs.{name}"))
    .to_vec();
    if !fleet.secrets.items.is_empty() {
        packages.extend(["pkgs.age".to_owned(), "pkgs.mkpasswd".to_owned()]);
        if fleet.backend == Backend::Sops {
            packages.extend(["pkgs.sops".to_owned(), "pkgs.ssh-to-age".to_owned()]);
        }
    }
    packages.sort();
    if !fleet.deploy.nodes.is_empty() {
        // The same version activates on the hosts.
        packages.push(format!("deploy-rs.packages.{}.default", Code::name(system)));
    }
    Shell {
        system: Code::name(system),
        packages: packages.into_iter().map(Code::new).collect(),
    }
}

/// A configuration as an expression.
fn configuration(host: &HostView) -> String {
    let args = host.special_args.as_ref().map_or("", |args| args.as_str());
    let modules: Vec<&str> = host.modules.iter().map(Code::as_str).collect();
    format!(
        "(nixpkgs.lib.nixosSystem {{ {args} modules = [ {} ]; }})",
        modules.join(" ")
    )
}

fn unstable_of(host: &Host) -> String {
    format!("unstable.{}", Code::name(&host.system))
}

/// What modules get besides their usual arguments.
fn special_args(needs_self: bool, needs_inputs: bool, unstable: Option<&str>) -> Option<Code> {
    let inherited = match (needs_inputs, needs_self) {
        (false, false) => "",
        (false, true) => "inherit self;",
        (true, false) => "inherit inputs;",
        (true, true) => "inherit inputs self;",
    };
    match (inherited, unstable) {
        ("", None) => None,
        ("", Some(set)) => Some(Code::new(format!("specialArgs.pkgs-unstable = {set};"))),
        (inherited, None) => Some(Code::new(format!("specialArgs = {{ {inherited} }};"))),
        (inherited, Some(set)) => Some(Code::new(format!(
            "specialArgs = {{ {inherited} pkgs-unstable = {set}; }};"
        ))),
    }
}

fn host_view(
    fleet: &Fleet,
    host: &Host,
    path: &str,
    shares_home_modules: bool,
) -> Result<HostView> {
    let mut modules = vec![Code::path(path)?];
    for module in &host.input_modules {
        modules.push(Code::element(module)?);
    }
    if fleet.has_package_overlay() {
        modules.push(Code::new(OVERLAY_MODULE));
    }
    if shares_home_modules && host.has_home_manager {
        modules.push(Code::new("sharedHomeModules"));
    }
    Ok(HostView {
        comment: host.description.as_deref().map(Code::comment),
        name: Code::name(host.name.as_str()),
        special_args: special_args(
            needs_self(host),
            fleet.passes_inputs,
            fleet.unstable.then(|| unstable_of(host)).as_deref(),
        ),
        modules,
    })
}

/// The emitted modules of a half by name, and all of them as `default`.
fn modules(fleet: &Fleet, half: Half, folder: &str) -> Result<Vec<Module>> {
    let mut paths: BTreeMap<String, String> = BTreeMap::new();
    for (feature, _) in halves(fleet, half) {
        let (category, name) = (feature.id.category(), feature.id.name());
        let path = format!("./{folder}/{category}/{name}.nix");
        // `a-b.c` and `a.b-c` would have one name.
        let mut attr = format!("{category}-{name}");
        if paths.contains_key(&attr) {
            attr = feature.id.to_string();
        }
        paths.insert(attr, path);
    }
    if !paths.is_empty() {
        paths.insert("default".to_owned(), format!("./{folder}"));
    }
    let modules = paths.into_iter().map(|(name, path)| {
        let (name, path) = (Code::name(&name), Code::path(path)?);
        Ok(Module { name, path })
    });
    modules.collect()
}
