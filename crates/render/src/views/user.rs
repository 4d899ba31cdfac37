//! `users/<user>/default.nix` and `users/<user>/<host>.nix`: the account and the home directory.

use minijinja::Environment;
use minijinja::value::Serde;
use model::{Definition, Fleet, Host, HostUser, User};
use serde::Serialize;

use crate::code::Code;
use crate::error::Result;
use crate::module;
use crate::tree::{Order, Tree};
use crate::views::layer;

/// A user, on every host or on one.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    name: Code,
    imports: Code,
    settings: Code,
    home: Option<Code>,
    home_arguments: Option<Code>,
}

/// The Home Manager part.
#[derive(Debug, Serialize)]
struct HomeView {
    imports: Code,
    state_version: Option<Code>,
    settings: Code,
}

/// Whether a user has a module that every host shares.
pub(crate) fn has_module(user: &User) -> bool {
    !user.definitions.is_empty() || user.has_home()
}

/// Whether a user has a module of one host.
pub(crate) fn has_host_module(user: &HostUser) -> bool {
    !(user.definitions.is_empty() && user.imports.is_empty()) || user.has_home
}

/// The view of a user on every host.
pub(crate) fn view(env: &Environment<'_>, fleet: &Fleet, user: &User) -> Result<View> {
    let home = if user.has_home() {
        let mut modules = layer::features("../../home/", &user.home_imports)?;
        modules.extend(layer::written("../../", &user.home_modules)?);
        Some(home(fleet, &modules, None, &user.home)?)
    } else {
        None
    };
    assemble(env, user.name.as_str(), &[], &user.definitions, home)
}

/// The view of a user on one host.
pub(crate) fn on_host(
    env: &Environment<'_>,
    fleet: &Fleet,
    host: &Host,
    user: &HostUser,
) -> Result<View> {
    let mut imports = user.imports.clone();
    imports.retain(|id| !host.imports.contains(id));
    let mut modules = layer::features("../../modules/", &imports)?;
    let home = if user.has_home {
        modules.insert(0, Code::path("../../modules/home-manager.nix")?);
        let mut modules = Vec::new();
        for name in &user.profiles {
            if fleet.profiles.get(name).is_some_and(layer::has_profile) {
                modules.push(Code::path(format!("../../home/profiles/{name}.nix"))?);
            }
        }
        modules.extend(layer::features("../../home/", &user.home_imports)?);
        modules.extend(layer::written("../../", &user.modules)?);
        Some(home(
            fleet,
            &modules,
            Some(&user.state_version),
            &user.home,
        )?)
    } else {
        None
    };
    assemble(env, user.name.as_str(), &modules, &user.definitions, home)
}

fn home(
    fleet: &Fleet,
    modules: &[Code],
    state_version: Option<&str>,
    definitions: &[Definition],
) -> Result<HomeView> {
    Ok(HomeView {
        imports: Code::imports(modules),
        state_version: state_version.map(Code::string).transpose()?,
        settings: Tree::new(definitions)?.code(Order::top(&[&fleet.namespace]))?,
    })
}

fn assemble(
    env: &Environment<'_>,
    name: &str,
    modules: &[Code],
    definitions: &[Definition],
    home: Option<HomeView>,
) -> Result<View> {
    let home = match home {
        Some(view) => Some(env.get_template("home.nix.j2")?.render(Serde(view))?),
        None => None,
    };
    Ok(View {
        name: Code::name(name),
        imports: Code::imports(modules),
        settings: Tree::new(definitions)?.code(Order::top(&["users"]))?,
        home_arguments: match &home {
            Some(home) => home_arguments(home)?,
            None => None,
        },
        home: home.map(|home| Code::new(home.trim_end())),
    })
}

/// The arguments of a home, if it must be a function. The arguments of the module around it serve as
/// well as long as it reads neither its own configuration nor Home Manager's library.
fn home_arguments(home: &str) -> Result<Option<Code>> {
    let own = ["config", "options", "osConfig"];
    let is_function = if let Some(plain) = nix::lay_out_plain(home) {
        own.iter().any(|name| plain.names.contains(name))
    } else {
        let names = module::names(home)?;
        own.iter().any(|name| module::reads(&names, name))
    };
    if is_function || home.contains("lib.hm.") {
        module::arguments(home)
    } else {
        Ok(None)
    }
}
