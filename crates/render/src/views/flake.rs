//! `flake.nix`: inputs, hosts and modules.

use std::collections::{BTreeMap, BTreeSet};

use model::{Fleet, Half, Host};
use nix::Value;
use serde::Serialize;

use crate::code::Code;
use crate::error::{Problem, Result};
use crate::module;
use crate::tree::{Order, Tree};
use crate::views::halves;

/// The input that `pkgs-unstable` is made from.
const UNSTABLE: &str = "nixpkgs-unstable";

/// The flake.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    header: Code,
    description: Code,
    inputs: Code,
    arguments: Code,
    unstable: Option<Unstable>,
    home_modules_of_inputs: Vec<Code>,
    hosts: Vec<HostView>,
    packages: Vec<Platform>,
    system_modules: Vec<Module>,
    home_modules: Vec<Module>,
    systems: Vec<Code>,
}

/// The second package set.
#[derive(Debug, Serialize)]
struct Unstable {
    systems: Code,
    config: Option<Code>,
}

#[derive(Debug, Serialize)]
struct HostView {
    comment: Option<Code>,
    name: Code,
    special_args: Option<Code>,
    modules: Vec<Code>,
}

/// What can be built for a platform.
#[derive(Debug, Serialize)]
struct Platform {
    system: Code,
    packages: Vec<Package>,
}

#[derive(Debug, Serialize)]
struct Package {
    name: Code,
    value: Code,
}

#[derive(Debug, Serialize)]
struct Module {
    name: Code,
    path: Code,
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
    let packages = packages(fleet);
    Ok(View {
        header,
        description: Code::string(fleet.description.as_deref().unwrap_or(&fleet.name).trim())?,
        inputs: inputs(fleet)?,
        arguments: arguments(fleet, &home_modules, !packages.is_empty())?,
        unstable: if fleet.unstable {
            Some(unstable(fleet, &systems)?)
        } else {
            None
        },
        hosts,
        packages,
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
fn arguments(fleet: &Fleet, home_modules: &[&str], has_packages: bool) -> Result<Code> {
    let modules = fleet.machines().flat_map(|host| &host.input_modules);
    let exprs: BTreeSet<&str> = modules
        .map(String::as_str)
        .chain(home_modules.iter().copied())
        .collect();
    let mut used = BTreeSet::new();
    if !fleet.hosts.is_empty() {
        used.insert("nixpkgs".to_owned());
    }
    if has_packages || fleet.machines().any(needs_self) {
        used.insert("self".to_owned());
    }
    if fleet.unstable {
        used.insert(UNSTABLE.to_owned());
    }
    for expr in exprs {
        used.extend(module::names(expr)?.free);
    }
    let all = if used.remove("inputs") { "inputs@" } else { "" };
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

/// Whether modules of a machine refer to the flake itself.
fn needs_self(host: &Host) -> bool {
    !host.microvms.is_empty()
}

/// Runners of MicroVMs.
fn packages(fleet: &Fleet) -> Vec<Platform> {
    let mut platforms: BTreeMap<&str, Vec<Package>> = BTreeMap::new();
    for vm in fleet.microvms.values() {
        let name = Code::name(vm.guest.name.as_str());
        let value = Code::new(format!(
            "self.nixosConfigurations.{name}.config.microvm.declaredRunner"
        ));
        let packages = platforms.entry(&vm.guest.system).or_default();
        packages.push(Package { name, value });
    }
    let platforms = platforms.into_iter();
    platforms
        .map(|(system, packages)| Platform {
            system: Code::name(system),
            packages,
        })
        .collect()
}

fn special_args(fleet: &Fleet, host: &Host) -> Option<Code> {
    let unstable = || format!("unstable.{}", Code::name(&host.system));
    match (needs_self(host), fleet.unstable) {
        (false, false) => None,
        (false, true) => Some(Code::new(format!(
            "specialArgs.pkgs-unstable = {};",
            unstable()
        ))),
        (true, false) => Some(Code::new("specialArgs = { inherit self; };")),
        (true, true) => Some(Code::new(format!(
            "specialArgs = {{ inherit self; pkgs-unstable = {}; }};",
            unstable()
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
    if shares_home_modules && host.has_home_manager {
        modules.push(Code::new("sharedHomeModules"));
    }
    Ok(HostView {
        comment: host.description.as_deref().map(Code::comment),
        name: Code::name(host.name.as_str()),
        special_args: special_args(fleet, host),
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
