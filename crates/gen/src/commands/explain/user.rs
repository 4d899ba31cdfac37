//! A user, and what it is on each host.

use std::collections::BTreeMap;

use serde::Serialize;

use super::host::{self, SettingView, UserView};
use super::tree::Tree;
use crate::cli::Sound;
use crate::text::list;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FleetUserView {
    kind: &'static str,
    name: String,
    place: Option<String>,
    full_name: Option<String>,
    email: Option<String>,
    admin: bool,
    /// What holds on every host.
    settings: Vec<SettingView>,
    hosts: BTreeMap<String, UserView>,
}

/// The view of a user; nothing if there is none of that name on an active host.
pub(super) fn view(sound: &Sound, name: &str) -> Option<FleetUserView> {
    let Sound { sources, fleet, .. } = sound;
    let user = fleet.users.get(name)?;
    let hosts = fleet.hosts.values().filter_map(|host| {
        let on = host.users.get(name)?;
        Some((host.name.to_string(), host::user_view(on, fleet, sources)))
    });
    let defined = sound.spec.users.get(name);
    Some(FleetUserView {
        kind: "user",
        name: user.name.to_string(),
        place: defined.map(|item| sources.place(item.name.span)),
        full_name: user.full_name.clone(),
        email: user.email.clone(),
        admin: user.admin,
        settings: host::settings(&[&user.definitions, &user.home], fleet, sources),
        hosts: hosts.collect(),
    })
}

/// Draws a user for people.
pub(super) fn draw(view: &FleetUserView) -> String {
    let mut tree = Tree::default();
    tree.headline("user", &view.name, view.full_name.as_deref());
    tree.fact("defined in", view.place.as_deref().unwrap_or_default());
    tree.fact("email", view.email.as_deref().unwrap_or_default());
    tree.fact("admin", if view.admin { "yes" } else { "no" });
    tree.fact("hosts", &list(view.hosts.keys()));
    if !view.settings.is_empty() {
        tree.title("On every host");
        host::draw_settings(&mut tree, 1, &view.settings);
    }
    for (name, on) in &view.hosts {
        tree.title(&format!("On {name}"));
        tree.fact("profiles", &list(&on.profiles));
        host::draw_features(&mut tree, 1, &on.features);
        host::draw_settings(&mut tree, 1, &on.settings);
    }
    tree.finish()
}
