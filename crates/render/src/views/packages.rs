//! `overlays/default.nix`: own packages, packages of other sets, and the fleet's overlays.

use std::collections::BTreeSet;

use model::{Fleet, UNSTABLE};
use serde::Serialize;

use crate::code::Code;
use crate::error::Result;

/// The overlay.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    header: Code,
    arguments: Option<Code>,
    /// Name and value.
    packages: Vec<(Code, Code)>,
    /// Packages of other sets, which are instantiated for the fleet's platforms only: name and value.
    pins: Vec<(Code, Code)>,
    /// One of those sets. All of them are there for the same platforms.
    set: Option<Code>,
    overlays: Vec<Code>,
}

/// The package sets that pins are taken from: the variable of the flake, and the input.
pub(crate) fn sets(fleet: &Fleet) -> Vec<(String, &str)> {
    let inputs: BTreeSet<&str> = fleet.pins.values().map(|pin| pin.input.as_str()).collect();
    let sets = inputs.into_iter().map(|input| match input {
        UNSTABLE => ("unstable".to_owned(), input),
        _ => (format!("from-{input}"), input),
    });
    sets.collect()
}

/// What the file is called with in the flake; nothing where it is no function of that.
pub(crate) fn argument(fleet: &Fleet) -> String {
    let mut parts: Vec<String> = Vec::new();
    if takes_lib(fleet) {
        parts.push("inherit (nixpkgs) lib;".to_owned());
    }
    let names: Vec<String> = sets(fleet).into_iter().map(|(name, _)| name).collect();
    if !names.is_empty() {
        parts.push(format!("inherit {};", names.join(" ")));
    }
    if parts.is_empty() {
        String::new()
    } else {
        format!("{{ {} }}", parts.join(" "))
    }
}

fn takes_lib(fleet: &Fleet) -> bool {
    !fleet.overlays.is_empty() || !fleet.pins.is_empty()
}

/// The view of the overlay.
pub(crate) fn view(fleet: &Fleet, header: Code) -> Result<View> {
    let mut packages = Vec::new();
    for (name, package) in &fleet.own_packages {
        let path = Code::path(format!("../{}", package.path))?;
        let value = format!("final.callPackage {path} {{ }}");
        packages.push((Code::name(name), Code::new(value)));
    }
    let sets = sets(fleet);
    let mut pins = Vec::new();
    for (name, pin) in &fleet.pins {
        let set = sets.iter().find(|(_, input)| *input == pin.input);
        let set = set.map_or("", |(set, _)| set.as_str());
        let value = format!("{set}.${{system}}.{}", pin.attribute);
        pins.push((Code::name(name), Code::new(value)));
    }
    let set = sets.first().map(|(name, _)| Code::new(name.clone()));
    let lib = takes_lib(fleet).then(|| "lib".to_owned());
    let names: Vec<String> = lib
        .into_iter()
        .chain(sets.into_iter().map(|(name, _)| name))
        .collect();
    Ok(View {
        header,
        arguments: (!names.is_empty()).then(|| Code::new(format!("{{ {} }}", names.join(", ")))),
        packages,
        pins,
        set,
        overlays: fleet
            .overlays
            .iter()
            .map(|overlay| Code::path(format!("../{overlay}")))
            .collect::<Result<_>>()?,
    })
}
