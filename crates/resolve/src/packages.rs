//! Packages of the fleet's own, and packages that come from another package set: `fleet.packages`.

use std::collections::{BTreeMap, BTreeSet};

use diag::{Diagnostic, Diagnostics, Span};
use model::{Fleet, OwnPackage, Pin};
use nix::AttrPath;
use spec::ast;

use crate::assets;
use crate::lower::Uses;
use crate::world::World;

/// The expressions of a package's folder, the first that is there.
const EXPRESSIONS: [&str; 2] = ["package.nix", "default.nix"];

/// The packages of the fleet's own, with their files noted for copying.
pub(crate) fn own(
    world: &World<'_>,
    packages: &ast::Packages,
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> BTreeMap<String, OwnPackage> {
    let mut result = BTreeMap::new();
    for (name, item) in &packages.own {
        let written = &item.value.path;
        let Some(path) = assets::normal(&written.value, written.span, d) else {
            continue;
        };
        if !assets::exists(&path, world.around) {
            d.push(assets::missing(&path, written.span, world.around).help(
                "a package is a folder with `package.nix` or `default.nix`, or a file, for `callPackage`",
            ));
            continue;
        }
        let Some((file, taken)) = expression(world, &path) else {
            d.push(
                Diagnostic::error(
                    "bad-package",
                    written.span,
                    format!("`{path}` holds no package"),
                )
                .help("put a function for `callPackage` into `package.nix` or `default.nix` there"),
            );
            continue;
        };
        let text = world.around.assets.get(&file);
        let text = text.and_then(|bytes| std::str::from_utf8(bytes).ok());
        if text.and_then(nix::is_function) == Some(false) {
            d.push(
                Diagnostic::error(
                    "bad-package",
                    written.span,
                    format!("`{file}` is no function, so `callPackage` cannot call it"),
                )
                .help("name what it needs in its arguments: `{ stdenv, lib }: …`"),
            );
        }
        uses.assets.insert(path);
        let path = format!("custom/{taken}");
        let span = item.name.span;
        result.insert(name.clone(), OwnPackage { path, span });
    }
    result
}

/// The file of a package, and what `callPackage` takes.
fn expression(world: &World<'_>, path: &str) -> Option<(String, String)> {
    if world.around.assets.contains_key(path) {
        let is_nix = path.strip_suffix(".nix").is_some();
        return is_nix.then(|| (path.to_owned(), path.to_owned()));
    }
    EXPRESSIONS.iter().find_map(|name| {
        let file = format!("{path}/{name}");
        let taken = match *name {
            "default.nix" => path.to_owned(),
            _ => file.clone(),
        };
        let is_there = world.around.assets.contains_key(&file);
        is_there.then_some((file, taken))
    })
}

/// The packages that come from another package set.
pub(crate) fn pins(packages: &ast::Packages, d: &mut Diagnostics) -> BTreeMap<String, Pin> {
    let mut result = BTreeMap::new();
    for (name, item) in &packages.pins {
        if let Some(own) = packages.own.get(name) {
            d.push(
                Diagnostic::error(
                    "duplicate-name",
                    item.name.span,
                    format!("package `{name}` is pinned and one of your own"),
                )
                .related(own.name.span, "the own package")
                .help("remove one of the two, or name the own one otherwise"),
            );
            continue;
        }
        // It has been reported as a name.
        if name.contains('.') {
            continue;
        }
        let pin = &item.value;
        let path = match &pin.attribute {
            None => Ok(AttrPath(vec![name.clone()])),
            Some(text) => AttrPath::parse(&text.value).map_err(|_| text),
        };
        let attribute = match path {
            Ok(path) => path,
            Err(text) => {
                let message = format!("`{}` is not a package path", text.value);
                d.push(Diagnostic::error("bad-name", text.span, message).help(
                    "write it as below `pkgs`, such as `hello` or `python3Packages.requests`",
                ));
                continue;
            }
        };
        let input = match pin.input.value.as_str() {
            "unstable" => model::UNSTABLE,
            other => other,
        };
        let pin = Pin {
            input: input.to_owned(),
            attribute,
            span: item.name.span,
        };
        result.insert(name.clone(), pin);
    }
    result
}

/// The inputs of the spec that pins name.
pub(crate) fn inputs(
    world: &World<'_>,
    pins: &BTreeMap<String, Pin>,
    d: &mut Diagnostics,
) -> Vec<String> {
    let written = world.spec.fleet.iter();
    let written = written.flat_map(|fleet| &fleet.value.packages.pins);
    let mut used = Vec::new();
    for (name, item) in written {
        if !pins.contains_key(name) {
            continue;
        }
        let input = &item.value.input;
        let bad = |message: String, help: &str| {
            Diagnostic::error("bad-value", input.span, message).help(help)
        };
        let is_unstable = matches!(input.value.as_str(), "unstable" | model::UNSTABLE);
        if is_unstable {
            // It appears by itself.
        } else if input.value == "nixpkgs" {
            d.push(bad(
                format!("`{name}` is taken from `nixpkgs` already"),
                "pin it to `unstable`, or to another nixpkgs that is declared under `inputs`",
            ));
        } else if crate::inputs::is_no_nixpkgs(&input.value) {
            d.push(bad(
                format!("input `{}` is no nixpkgs", input.value),
                "declare one under `inputs`, such as `nixpkgs-25-11: { url: \"github:NixOS/nixpkgs/nixos-25.11\" }`",
            ));
        } else if world.spec.inputs.contains_key(&input.value) {
            used.push(input.value.clone());
        } else if !world.spec.is_lost("inputs", &input.value) {
            let unstable = "unstable".to_owned();
            let known: Vec<&String> = world.spec.inputs.keys().chain([&unstable]).collect();
            d.push(
                crate::world::unknown_name(
                    "unknown-input",
                    "input",
                    &input.value,
                    input.span,
                    known,
                )
                .help(format!(
                    "a package comes from `unstable`, or declare `inputs.{}: {{ url: … }}`",
                    input.value
                )),
            );
        }
    }
    used
}

/// Packages below `packages` that no package set gets, which are reported.
pub(crate) fn unlisted(world: &World<'_>, fleet: &Fleet, d: &mut Diagnostics) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let used: BTreeSet<&String> = fleet.assets.values().collect();
    for path in world.around.assets.keys() {
        let mut parts = path.split('/');
        let (Some("packages"), Some(name), Some(file), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let listed = world.spec.fleet.iter();
        let mut listed = listed.flat_map(|fleet| fleet.value.packages.own.keys());
        if EXPRESSIONS.contains(&file) && !used.contains(path) && !listed.any(|it| it == name) {
            d.push(
                Diagnostic::warning(
                    "unlisted-package",
                    world.spec.fleet.as_ref().map(|fleet| fleet.name.span),
                    format!("package `{name}` is not listed, so there is none of that name"),
                )
                .help(format!(
                    "list it: `fleet.packages.own: {{ {name}: packages/{name} }}`"
                )),
            );
            found.insert(name.to_owned());
        }
    }
    found
}

/// Own packages are packages of the flake, beside guests, images, installers and programs.
pub(crate) fn names(world: &World<'_>, fleet: &Fleet, d: &mut Diagnostics) {
    for (name, package) in &fleet.own_packages {
        let machine = |what: &'static str, span: Span| Some((what, Some(span)));
        let spec = world.spec;
        let installer = name.strip_prefix("live-iso-");
        let installer = installer.and_then(|host| {
            let mut all = fleet.installers.values();
            all.find(|it| it.host.as_str() == host)
        });
        let other = if let Some(vm) = spec.microvms.get(name) {
            machine("a MicroVM", vm.name.span)
        } else if let Some(image) = spec.images.get(name) {
            machine("an image", image.name.span)
        } else if let Some(installer) = installer {
            machine("an installer", installer.span)
        } else if fleet.programs.contains_key(name) {
            Some(("a program that a feature ships", None))
        } else {
            None
        };
        if let Some((what, span)) = other {
            let message = format!("package `{name}` has the name of {what}");
            let mut diagnostic = Diagnostic::error("duplicate-name", package.span, message);
            if let Some(span) = span {
                diagnostic = diagnostic.related(span, "defined here");
            }
            d.push(diagnostic.help("rename one of them"));
        }
    }
}
