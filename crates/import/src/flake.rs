//! `flake.nix`: its inputs, and the hosts that it makes.

use std::collections::BTreeMap;
use std::rc::Rc;

use rnix::ast;
use rowan::ast::AstNode;

use crate::eval::{Eval, Slot, Value};

/// A host as the repository makes it.
pub(crate) struct HostSource {
    pub(crate) name: String,
    pub(crate) modules: Vec<Slot>,
    pub(crate) special: BTreeMap<String, Slot>,
    pub(crate) system: Option<String>,
    /// The input whose `nixosSystem` makes it, if it is not `nixpkgs`.
    pub(crate) built_by: Option<String>,
}

/// A home that the repository makes for itself, without a host.
pub(crate) struct HomeSource {
    pub(crate) name: String,
    pub(crate) modules: Vec<Slot>,
    pub(crate) special: BTreeMap<String, Slot>,
    /// Whether its packages are those of an input as they are.
    pub(crate) has_plain_packages: bool,
}

/// An input of the flake.
#[derive(Clone, Debug, Default)]
pub(crate) struct InputSource {
    pub(crate) url: Option<String>,
    pub(crate) follows: BTreeMap<String, String>,
    pub(crate) is_flake: bool,
}

/// What a flake says.
#[derive(Default)]
pub(crate) struct Flake {
    pub(crate) description: Option<String>,
    pub(crate) inputs: BTreeMap<String, InputSource>,
    pub(crate) hosts: Vec<HostSource>,
    /// Standalone homes.
    pub(crate) homes: Vec<HomeSource>,
    /// Configurations that could not be told: name and why.
    pub(crate) unknown: Vec<(String, String)>,
    /// Outputs that are no hosts.
    pub(crate) others: Vec<String>,
}

/// Reads the flake of the repository.
pub(crate) fn read(eval: &Eval<'_>) -> Option<Flake> {
    let place = eval.file("flake.nix")?;
    let Value::Attrs(attrs, _) = eval.eval(&place) else {
        return None;
    };
    let mut flake = Flake {
        description: attrs.get("description").and_then(|slot| eval.string(slot)),
        ..Flake::default()
    };
    if let Some(Value::Attrs(inputs, _)) = attrs.get("inputs").map(|slot| eval.force(slot)) {
        for (name, slot) in inputs.iter() {
            flake.inputs.insert(name.clone(), input(eval, slot));
        }
    }
    let outputs = attrs.get("outputs").map(|slot| eval.force(slot));
    let Some(Value::Lambda(function)) = outputs else {
        return Some(flake);
    };
    // What the pattern names is an input as well, by the registry.
    if let ast::Expr::Lambda(lambda) = &function.expr
        && let Some(ast::Param::Pattern(pattern)) = lambda.param()
    {
        for entry in pattern.pat_entries() {
            let name = entry.ident().map(|ident| ident.syntax().text().to_string());
            if let Some(name) = name.filter(|name| name != "self") {
                flake.inputs.entry(name).or_insert_with(|| InputSource {
                    is_flake: true,
                    ..InputSource::default()
                });
            }
        }
    }
    let mut arguments: BTreeMap<String, Slot> = flake
        .inputs
        .keys()
        .map(|name| {
            (
                name.clone(),
                Slot::Value(Value::Name(vec!["inputs".to_owned(), name.clone()])),
            )
        })
        .collect();
    arguments.insert("self".to_owned(), Slot::Value(Value::name(&["self"])));
    let arguments = Slot::Value(Value::Attrs(Rc::new(arguments), None));
    let result = eval.apply(&Value::Lambda(function), arguments.clone());
    outputs_of(eval, &result, &arguments, &mut flake);
    Some(flake)
}

fn input(eval: &Eval<'_>, slot: &Slot) -> InputSource {
    let mut result = InputSource {
        is_flake: true,
        ..InputSource::default()
    };
    let Value::Attrs(attrs, _) = eval.force(slot) else {
        return result;
    };
    result.url = attrs.get("url").and_then(|slot| eval.string(slot));
    if let Some(Value::Bool(false)) = attrs.get("flake").map(|slot| eval.force(slot)) {
        result.is_flake = false;
    }
    if let Some(Value::Attrs(inner, _)) = attrs.get("inputs").map(|slot| eval.force(slot)) {
        for (name, slot) in inner.iter() {
            if let Value::Attrs(inner, _) = eval.force(slot)
                && let Some(ours) = inner.get("follows").and_then(|slot| eval.string(slot))
            {
                result.follows.insert(name.clone(), ours);
            }
        }
    }
    result
}

fn outputs_of(eval: &Eval<'_>, outputs: &Value, arguments: &Slot, flake: &mut Flake) {
    match outputs {
        Value::Attrs(attrs, _) => {
            for (name, slot) in attrs.iter() {
                if name == "nixosConfigurations" {
                    configurations(eval, slot, flake);
                } else if name == "homeConfigurations" {
                    homes(eval, slot, flake);
                } else {
                    flake.others.push(name.clone());
                }
            }
        }
        // flake-parts: a module whose `flake` are the outputs.
        Value::Call(path, given) if path.last().is_some_and(|last| last == "mkFlake") => {
            if let Some(module) = given.get(1) {
                parts_module(eval, module, arguments, flake, 0);
            }
        }
        _ => flake.unknown.push((
            "nixosConfigurations".to_owned(),
            "the outputs of the flake are computed".to_owned(),
        )),
    }
}

fn parts_module(eval: &Eval<'_>, module: &Slot, arguments: &Slot, flake: &mut Flake, depth: u32) {
    if depth > 8 {
        return;
    }
    let mut value = eval.force(module);
    if let Value::Path(path) = &value {
        value = eval
            .file(path)
            .map_or(Value::Unknown, |place| eval.eval(&place));
    }
    if let Value::Lambda(_) = value {
        let mut given = BTreeMap::new();
        if let Value::Attrs(inputs, _) = eval.force(arguments) {
            given.extend(
                inputs
                    .get("self")
                    .map(|slot| ("self".to_owned(), slot.clone())),
            );
        }
        given.insert("inputs".to_owned(), arguments.clone());
        given.insert("lib".to_owned(), Slot::Value(Value::name(&["lib"])));
        value = eval.apply(&value, Slot::Value(Value::Attrs(Rc::new(given), None)));
    }
    let Value::Attrs(attrs, _) = value else {
        return;
    };
    if let Some(Value::List(imports)) = attrs.get("imports").map(|slot| eval.force(slot)) {
        for import in imports {
            parts_module(eval, &import, arguments, flake, depth + 1);
        }
    }
    if let Some(Value::Attrs(outputs, _)) = attrs.get("flake").map(|slot| eval.force(slot)) {
        if let Some(slot) = outputs.get("nixosConfigurations") {
            configurations(eval, slot, flake);
        }
        if let Some(slot) = outputs.get("homeConfigurations") {
            homes(eval, slot, flake);
        }
    }
}

fn homes(eval: &Eval<'_>, slot: &Slot, flake: &mut Flake) {
    let Value::Attrs(all, _) = eval.force(slot) else {
        flake.others.push("homeConfigurations".to_owned());
        return;
    };
    for (name, slot) in all.iter() {
        match home(eval, name, slot) {
            Some(home) => flake.homes.push(home),
            None => flake.unknown.push((
                format!("homeConfigurations.{}", nix::attr_name(name)),
                "it is made by a function that could not be followed".to_owned(),
            )),
        }
    }
}

fn home(eval: &Eval<'_>, name: &str, slot: &Slot) -> Option<HomeSource> {
    let Value::Call(path, given) = eval.force(slot) else {
        return None;
    };
    if path
        .last()
        .is_none_or(|last| last != "homeManagerConfiguration")
    {
        return None;
    }
    let Some(Value::Attrs(arguments, _)) = given.first().map(|slot| eval.force(slot)) else {
        return None;
    };
    let Some(Value::List(modules)) = arguments.get("modules").map(|slot| eval.force(slot)) else {
        return None;
    };
    let special = match arguments
        .get("extraSpecialArgs")
        .map(|slot| eval.force(slot))
    {
        Some(Value::Attrs(special, _)) => (*special).clone(),
        None => BTreeMap::new(),
        Some(_) => return None,
    };
    let packages = arguments.get("pkgs").map(|slot| eval.force(slot));
    let is_plain = |path: &Vec<String>| path.iter().any(|part| part == "legacyPackages");
    Some(HomeSource {
        name: name.to_owned(),
        modules,
        special,
        has_plain_packages: matches!(&packages, Some(Value::Name(path)) if is_plain(path)),
    })
}

fn configurations(eval: &Eval<'_>, slot: &Slot, flake: &mut Flake) {
    let Value::Attrs(hosts, _) = eval.force(slot) else {
        flake.unknown.push((
            "nixosConfigurations".to_owned(),
            "they are computed".to_owned(),
        ));
        return;
    };
    for (name, slot) in hosts.iter() {
        match host(eval, name, slot) {
            Ok(host) => flake.hosts.push(host),
            Err(why) => flake.unknown.push((name.clone(), why)),
        }
    }
}

fn host(eval: &Eval<'_>, name: &str, slot: &Slot) -> Result<HostSource, String> {
    let Value::Call(path, given) = eval.force(slot) else {
        return Err("it is made by a function that could not be followed".to_owned());
    };
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    let built_by = match parts.as_slice() {
        ["lib", "nixosSystem"] => None,
        ["inputs", input, "lib", "nixosSystem"] => Some((*input).to_owned()),
        _ => return Err(format!("it is made by `{}`", path.join("."))),
    };
    let Some(Value::Attrs(arguments, _)) = given.first().map(|slot| eval.force(slot)) else {
        return Err("its arguments are computed".to_owned());
    };
    let mut modules = Vec::new();
    for key in ["modules", "extraModules"] {
        match arguments.get(key).map(|slot| eval.force(slot)) {
            Some(Value::List(items)) => modules.extend(items),
            None => {}
            Some(_) => return Err(format!("its `{key}` are computed")),
        }
    }
    let special = match arguments.get("specialArgs").map(|slot| eval.force(slot)) {
        Some(Value::Attrs(special, _)) => (*special).clone(),
        None => BTreeMap::new(),
        Some(_) => return Err("its `specialArgs` are computed".to_owned()),
    };
    Ok(HostSource {
        name: name.to_owned(),
        modules,
        special,
        system: arguments.get("system").and_then(|slot| eval.string(slot)),
        built_by,
    })
}
