//! Programs that features ship: packages in folders of the output, called by their modules.

use std::borrow::Cow;
use std::collections::BTreeMap;

use diag::{Diagnostic, Diagnostics};

use crate::Surroundings;
use crate::lower::Uses;
use crate::table::Definition;
use crate::world::World;

/// Notes the programs of a feature for shipping; one that does not exist is reported.
pub(crate) fn resolve(
    world: &World<'_>,
    definition: &Definition,
    uses: &mut Uses,
    d: &mut Diagnostics,
) {
    for name in &definition.feature.programs {
        let catalog = definition.feature.catalog.as_deref();
        if let Some(folder) = own_folder(&name.value, catalog, world.around) {
            uses.assets.insert(folder);
        } else if let Some(program) = catalog::program(&name.value) {
            uses.programs.insert(program.name);
        } else {
            let names = catalog::programs().iter().map(|program| program.name);
            let own = world.around.assets.keys();
            let own = own.filter_map(|path| path.strip_prefix("programs/")?.split('/').next());
            let help = match diag::closest(&name.value, names.chain(own)) {
                Some(best) => format!("did you mean `{best}`?"),
                None => format!(
                    "put it into `programs/{}/default.nix` below the spec folder, as a function for `callPackage`",
                    name.value
                ),
            };
            d.push(
                Diagnostic::error(
                    "unknown-program",
                    name.span,
                    format!("no program `{}`", name.value),
                )
                .help(help),
            );
        }
    }
}

/// The folder of a program as a module of a feature names it.
pub(crate) fn path(name: &str, catalog: Option<&str>, around: &Surroundings) -> String {
    match own_folder(name, catalog, around) {
        Some(folder) => format!("../../custom/{folder}"),
        None => format!("../../pkgs/{name}"),
    }
}

/// What is printed of the catalog's programs: output path → text. Programs of the spec are assets.
pub(crate) fn files(uses: &Uses) -> BTreeMap<String, Cow<'static, [u8]>> {
    let programs = uses
        .programs
        .iter()
        .filter_map(|name| catalog::program(name));
    programs
        .flat_map(|program| {
            let files = program.files.iter();
            files.map(|(path, text)| {
                (
                    format!("pkgs/{}/{path}", program.name),
                    Cow::Borrowed(*text),
                )
            })
        })
        .collect()
}

/// The folders below the output, by name.
pub(crate) fn folders(uses: &Uses) -> BTreeMap<String, String> {
    let own = uses.assets.iter().filter_map(|path| {
        let below = path
            .strip_prefix("catalogs/")
            .and_then(|it| it.split_once('/'));
        let below = below.map_or(path.as_str(), |(_, below)| below);
        let name = below.strip_prefix("programs/")?;
        (!name.contains('/')).then(|| (name.to_owned(), format!("./custom/{path}")))
    });
    let builtin = uses.programs.iter();
    let builtin = builtin.map(|name| ((*name).to_owned(), format!("./pkgs/{name}")));
    builtin.chain(own).collect()
}

/// The folder of a program that is no part of the built-in catalog, below the spec folder: of the
/// fleet, or of the catalog that the feature comes from.
pub(crate) fn own_folder(
    name: &str,
    catalog: Option<&str>,
    around: &Surroundings,
) -> Option<String> {
    let folder = match catalog {
        Some(catalog) => format!("{}/programs/{name}", crate::catalogs::folder(catalog)),
        None => format!("programs/{name}"),
    };
    let is_there = around.assets.contains_key(&format!("{folder}/default.nix"));
    is_there.then_some(folder)
}
