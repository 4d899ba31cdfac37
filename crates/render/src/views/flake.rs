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
    unstable: Option<Code>,
    modules: Vec<Code>,
}

#[derive(Debug, Serialize)]
struct Module {
    name: Code,
    path: Code,
}

/// The view of the flake.
pub(crate) fn view(fleet: &Fleet, header: Code) -> Result<View> {
    let systems: BTreeSet<&str> = fleet
        .hosts
        .values()
        .map(|host| host.system.as_str())
        .collect();
    let home_modules: Vec<&str> = if fleet.hosts.values().any(|host| host.has_home_manager) {
        fleet
            .inputs
            .values()
            .filter_map(|input| input.home_module.as_deref())
            .collect()
    } else {
        vec![]
    };
    let hosts = fleet
        .hosts
        .values()
        .map(|host| host_view(fleet, host, !home_modules.is_empty()));
    Ok(View {
        header,
        description: Code::string(fleet.description.as_deref().unwrap_or(&fleet.name).trim())?,
        inputs: inputs(fleet)?,
        arguments: arguments(fleet, &home_modules)?,
        unstable: if fleet.unstable {
            Some(unstable(fleet, &systems)?)
        } else {
            None
        },
        hosts: hosts.collect::<Result<_>>()?,
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
    let modules = fleet.hosts.values().flat_map(|host| &host.input_modules);
    let exprs: BTreeSet<&str> = modules
        .map(String::as_str)
        .chain(home_modules.iter().copied())
        .collect();
    let mut used = BTreeSet::new();
    if !fleet.hosts.is_empty() {
        used.insert("nixpkgs".to_owned());
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

fn host_view(fleet: &Fleet, host: &Host, shares_home_modules: bool) -> Result<HostView> {
    let mut modules = vec![Code::path(format!("./hosts/{}", host.name))?];
    for module in &host.input_modules {
        modules.push(Code::element(module)?);
    }
    if shares_home_modules && host.has_home_manager {
        modules.push(Code::new("sharedHomeModules"));
    }
    Ok(HostView {
        comment: host.description.as_deref().map(Code::comment),
        name: Code::name(host.name.as_str()),
        unstable: fleet.unstable.then(|| Code::name(&host.system)),
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
