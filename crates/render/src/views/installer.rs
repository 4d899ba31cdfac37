//! `installers/<host>.nix`: what is a host's own of its installer.

use model::Installer;
use nix::Value;
use serde::Serialize;

use crate::code::Code;
use crate::error::Result;
use crate::tree::{Order, Tree};
use crate::views::layer;

/// The installer of a host.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    imports: Code,
    host: Code,
    with_system: bool,
    settings: Code,
}

/// The view of an installer.
pub(crate) fn view(installer: &Installer) -> Result<View> {
    let mut modules = vec![Code::path("../modules/installer.nix")?];
    modules.extend(layer::written("../", &installer.modules)?);
    let mut tree = Tree::new(&installer.definitions)?;
    if !installer.ssh_keys.is_empty() {
        let keys = installer.ssh_keys.iter();
        tree.set(
            &[
                "users",
                "users",
                "root",
                "openssh",
                "authorizedKeys",
                "keys",
            ],
            Value::List(keys.map(|key| key.as_str().into()).collect()),
        )?;
    }
    Ok(View {
        imports: Code::imports(&modules),
        host: Code::string(installer.host.as_str())?,
        with_system: installer.with_system,
        settings: tree.code(Order::PLAIN)?,
    })
}
