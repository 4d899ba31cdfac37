//! Settings that have a key of their own in the spec, or that something else of the host sets too.

use diag::{Diagnostic, Diagnostics};
use model::{BootLoader, Definition};
use nix::AttrPath;
use spec::Setting;

use crate::world::World;

use super::{Base, Partial};

/// Settings that have a key of their own in the spec, and that key.
const OWN_KEYS: &[(&str, &str)] = &[
    ("networking.hostName", "the host's name in `hosts`"),
    ("system.stateVersion", "`stateVersion`"),
    ("nixpkgs.hostPlatform", "`system`"),
    ("nixpkgs.system", "`system`"),
    ("nixpkgs.config", "`fleet.packages`"),
    ("nixpkgs.overlays", "`fleet.packages.overlays`"),
];

/// The same of Home Manager.
const OWN_HOME_KEYS: &[(&str, &str)] = &[
    ("home.username", "the user's name in `users`"),
    ("home.homeDirectory", "the user's name in `users`"),
    ("home.stateVersion", "`stateVersion` of the host"),
];

/// Reports settings of hosts and templates that belong elsewhere.
pub(crate) fn check_settings<'s>(
    world: &World<'_>,
    settings: impl IntoIterator<Item = &'s Setting>,
    d: &mut Diagnostics,
) {
    settings_elsewhere(world, OWN_KEYS, settings, d);
}

/// Reports settings of profiles and users that belong elsewhere.
pub(crate) fn check_home_settings<'s>(
    world: &World<'_>,
    settings: impl IntoIterator<Item = &'s Setting>,
    d: &mut Diagnostics,
) {
    settings_elsewhere(world, OWN_HOME_KEYS, settings, d);
}

pub(super) fn settings_elsewhere<'s>(
    world: &World<'_>,
    own_keys: &[(&str, &str)],
    settings: impl IntoIterator<Item = &'s Setting>,
    d: &mut Diagnostics,
) {
    for setting in settings {
        let first = setting.path.0.first().map(String::as_str);
        let is_near = |key: &str| key.split('.').next() == first;
        if first != Some(&world.namespace) && !own_keys.iter().any(|(key, _)| is_near(key)) {
            continue;
        }
        let path = setting.path.to_string();
        if setting.path.0.first() == Some(&world.namespace) && setting.path.0.len() > 1 {
            d.push(
                Diagnostic::error(
                    "setting-of-feature",
                    setting.key,
                    format!("`{path}` is an option of a feature"),
                )
                .help("set it under `features`, where it is checked"),
            );
        }
        if let Some((_, key)) = own_keys.iter().find(|(p, _)| {
            let below = path.strip_prefix(p);
            below.is_some_and(|below| below.is_empty() || below.starts_with('.'))
        }) {
            d.push(
                Diagnostic::error(
                    "setting-elsewhere",
                    setting.key,
                    format!("`{path}` is not set here"),
                )
                .help(format!("use {key}")),
            );
        }
    }
}

/// Settings of a host that a key of its own, a user or a secret sets as well: two definitions of one
/// priority, which Nix refuses.
pub(super) fn settings_twice(
    world: &World<'_>,
    base: &Base<'_>,
    partial: &Partial<'_>,
    d: &mut Diagnostics,
) {
    let host = &partial.host;
    let set = match world.backend {
        model::Backend::Agenix => "age",
        model::Backend::Sops => "sops",
    };
    let roots = ["boot", "networking", "programs", "users", set];
    let concerns = |x: &Definition| {
        x.path
            .0
            .first()
            .is_some_and(|p| roots.contains(&p.as_str()))
    };
    if !host.definitions.iter().any(concerns) {
        return;
    }
    let boot = &host.hardware.boot;
    let mut own: Vec<(String, nix::Value, String)> = Vec::new();
    let mut key = |path: &str, value: nix::Value, key: &str| {
        own.push((path.to_owned(), value, format!("`{key}` of the host")));
    };
    let loader = "boot.loader";
    match &boot.loader {
        BootLoader::SystemdBoot => key(
            &format!("{loader}.systemd-boot.enable"),
            true.into(),
            "hardware.boot.loader",
        ),
        BootLoader::Grub(device) => {
            key(
                &format!("{loader}.grub.enable"),
                true.into(),
                "hardware.boot.loader",
            );
            key(
                &format!("{loader}.grub.device"),
                device.as_str().into(),
                "hardware.boot.device",
            );
        }
        BootLoader::None | BootLoader::Unset => {}
    }
    if let Some(timeout) = boot.timeout {
        key(
            &format!("{loader}.timeout"),
            timeout.into(),
            "hardware.boot.timeout",
        );
    }
    if let Some(point) = &boot.efi_mount_point {
        key(
            &format!("{loader}.efi.efiSysMountPoint"),
            point.as_str().into(),
            "hardware.boot.efiMountPoint",
        );
    }
    if boot.can_touch_efi_variables {
        key(
            &format!("{loader}.efi.canTouchEfiVariables"),
            true.into(),
            "hardware.boot.canTouchEfiVariables",
        );
    }
    let zfs = host.disks.values().find_map(|disk| match &disk.layout {
        model::DiskLayout::Zfs { host_id, .. } => Some(host_id),
        _ => None,
    });
    if let Some(id) = zfs {
        key("networking.hostId", id.as_str().into(), "hardware.disks");
    }
    let of_user = |path: &AttrPath| {
        partial.users.keys().find_map(|name| {
            let mut definitions = base.users.get(name)?.model.definitions.iter();
            let definition = definitions.find(|definition| definition.path == *path)?;
            Some((&definition.value, format!("`users.{name}`")))
        })
    };
    for definition in host.definitions.iter().filter(|x| concerns(x)) {
        let parts: Vec<&str> = definition.path.0.iter().map(String::as_str).collect();
        // Written into one file, where not even the same value may stand twice.
        let secret = match parts.as_slice() {
            [first, "secrets", name, option] if *first == set => {
                host.secrets.get(*name).filter(|secret| match *option {
                    "file" | "sopsFile" => true,
                    "owner" => secret.owner.is_some(),
                    "group" => secret.group.is_some(),
                    "mode" => secret.mode.is_some(),
                    "path" => secret.path.is_some(),
                    "neededForUsers" => secret.for_users,
                    _ => false,
                })
            }
            _ => None,
        };
        let path = definition.path.to_string();
        let known = own.iter().find(|(other, _, _)| *other == path);
        let known = known.map(|(_, value, place)| (value, place.clone()));
        let place = match known.or_else(|| of_user(&definition.path)) {
            _ if secret.is_some() => format!("`secrets.items.{}`", parts[2]),
            Some((value, place))
                if *value != definition.value && !crate::lower::merges(&definition.value) =>
            {
                place
            }
            _ => continue,
        };
        d.push(
            Diagnostic::error(
                "setting-elsewhere",
                definition.origin.span,
                format!("`{path}` is set by {place} already"),
            )
            .help(match secret {
                Some(_) => "change it there",
                None => "change it there, or say `!force` here",
            }),
        );
    }
}
