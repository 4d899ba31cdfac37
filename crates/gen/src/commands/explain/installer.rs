//! The installer of a host.

use serde::Serialize;

use super::host::{self, SettingView};
use super::tree::Tree;
use crate::cli::Sound;
use crate::text::{count, list};

/// What the package of a host's installer begins with.
pub(super) const PREFIX: &str = "live-iso-";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InstallerView {
    kind: &'static str,
    name: String,
    host: String,
    /// What asks for it.
    place: String,
    file: String,
    system: String,
    /// Disk layouts that it makes.
    disks: Vec<String>,
    with_system: bool,
    ssh_keys: Vec<String>,
    settings: Vec<SettingView>,
    modules: Vec<String>,
    build: String,
}

/// The view of an installer by its host or its package, if there is one.
pub(super) fn view(sound: &Sound, name: &str) -> Option<InstallerView> {
    let host = name.strip_prefix(PREFIX).unwrap_or(name);
    let installer = sound.fleet.installers.get(host)?;
    let machine = sound.fleet.hosts.get(host)?;
    Some(InstallerView {
        kind: "installer",
        name: format!("{PREFIX}{host}"),
        host: host.to_owned(),
        place: sound.sources.place(installer.span),
        file: format!("installers/{host}.nix"),
        system: machine.system.clone(),
        disks: machine.disks.keys().cloned().collect(),
        with_system: installer.with_system,
        ssh_keys: installer.ssh_keys.clone(),
        settings: host::settings(&[&installer.definitions], &sound.fleet, &sound.sources),
        modules: installer.modules.clone(),
        build: format!("nix build .#packages.{}.{PREFIX}{host}", machine.system),
    })
}

/// Draws an installer for people.
pub(super) fn draw(view: &InstallerView) -> String {
    let mut tree = Tree::default();
    let title = format!("A stick to install {} from", view.host);
    tree.headline(view.kind, &view.name, Some(&title));
    tree.fact("asked for in", &view.place);
    tree.fact("generated as", &view.file);
    tree.fact("system", &view.system);
    tree.fact("disk layouts", &list(&view.disks));
    tree.fact(
        "carries",
        if view.with_system {
            "the flake and the built system"
        } else {
            "the flake"
        },
    );
    tree.fact("root logs in by", &count(view.ssh_keys.len(), "ssh key"));
    tree.fact("modules", &list(&view.modules));
    tree.fact("build it", &view.build);
    tree.fact("run on it", &format!("install-{}", view.host));
    if !view.settings.is_empty() {
        tree.title(&format!("Settings ({})", view.settings.len()));
        host::draw_settings(&mut tree, 1, &view.settings);
    }
    tree.finish()
}
