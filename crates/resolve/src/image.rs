//! Images of machines to start from, and installers.
//!
//! An image holds what the second stage needs to reach the machine, and nothing else: not even what
//! the fleet says of every host.

use std::collections::BTreeMap;

use diag::{Diagnostic, Diagnostics};
use model::{Definition, HostName, ImageFormat, Installer, Layer};
use spec::ast::{self, Image, Item};

use crate::host::Partial;
use crate::lower::{Place, Rank, Uses, made};
use crate::uses::{combined, packages, setting_definitions, settings};
use crate::world::{World, unknown_name, unknown_word};

/// What an image is made for; what is unknown is reported.
pub(crate) fn format(image: &Image, d: &mut Diagnostics) -> ImageFormat {
    let all = [
        ImageFormat::Qcow2,
        ImageFormat::Proxmox,
        ImageFormat::ProxmoxLxc,
        ImageFormat::SdCard,
    ];
    let Some(text) = &image.format else {
        return ImageFormat::Qcow2;
    };
    let found = all.into_iter().find(|format| format.word() == text.value);
    found.unwrap_or_else(|| {
        let words = all.map(ImageFormat::word);
        d.push(unknown_word(&text.value, text.span, "a format", &words));
        ImageFormat::Qcow2
    })
}

/// What an image defines besides what the spec says of it.
pub(crate) fn definitions(
    world: &World<'_>,
    item: &Item<Image>,
    layer: &Layer,
    system: &str,
    d: &mut Diagnostics,
) -> Vec<Definition> {
    let image = &item.value;
    let format = format(image, d);
    let mut all = Vec::new();
    let mut set = |path: &str, value: nix::Value, comment: Option<&str>| {
        let mut made = made(path, value, layer, Some(item.name.span));
        made.comment = comment.map(str::to_owned);
        all.push(made);
    };
    set(
        "nixpkgs.hostPlatform",
        nix::Value::apply("lib.mkDefault", system.into()),
        None,
    );
    let user = image
        .user
        .as_ref()
        .map_or("bootstrap", |u| u.value.as_str());
    if let Some(text) = &image.user
        && (!crate::names::is_user(user) || user == "root")
    {
        d.push(
            Diagnostic::error(
                "bad-name",
                text.span,
                format!("`{user}` cannot be the user of an image"),
            )
            .help(
                "use lower-case letters, digits, `-` and `_`, beginning with a letter; not `root`",
            ),
        );
    }
    let account = format!("users.users.{}", nix::attr_name(user));
    set(&format!("{account}.isNormalUser"), true.into(), None);
    set(
        &format!("{account}.extraGroups"),
        nix::Value::List(vec!["wheel".into()]),
        None,
    );
    for key in &image.ssh_keys {
        crate::user::check_ssh_key(key, d);
    }
    let mut keys: Vec<&str> = image.ssh_keys.iter().map(|k| k.value.as_str()).collect();
    if keys.is_empty() {
        keys = admin_keys(world, |_| true);
    }
    if keys.is_empty() && !world.spec.is_lost("users", "") {
        d.push(
            Diagnostic::error(
                "missing-key",
                item.name.span,
                format!("nobody can reach a machine made from `{}`", item.name.value),
            )
            .help("give the image `sshKeys`, or the fleet an admin with some"),
        );
    }
    set(
        &format!("{account}.openssh.authorizedKeys.keys"),
        nix::Value::List(keys.into_iter().map(nix::Value::from).collect()),
        None,
    );
    set("security.sudo.wheelNeedsPassword", false.into(), None);
    set("services.openssh.enable", true.into(), None);
    for (option, value) in [
        ("PasswordAuthentication", false.into()),
        ("KbdInteractiveAuthentication", false.into()),
        ("PermitRootLogin", "no".into()),
    ] {
        set(&format!("services.openssh.settings.{option}"), value, None);
    }
    set(
        "nix.settings.experimental-features",
        nix::Value::List(vec!["nix-command".into(), "flakes".into()]),
        None,
    );
    set(
        "nix.settings.trusted-users",
        nix::Value::List(vec!["@wheel".into()]),
        Some("Systems that were built elsewhere are copied here by this user."),
    );
    let mut variant: Vec<(&str, nix::Value)> = Vec::new();
    let place = image.format.as_ref().map_or(item.name.span, |it| it.span);
    if system != "x86_64-linux" && format == ImageFormat::Proxmox {
        let message = format!("Proxmox VE runs virtual machines of x86_64-linux, not of {system}");
        d.push(
            Diagnostic::error("bad-value", place, message)
                .help("say `format: qcow2` or `sd-card`, or `system: x86_64-linux`"),
        );
    }
    if system != "aarch64-linux" && format == ImageFormat::SdCard {
        let message = format!("an SD card is for boards of aarch64-linux, not of {system}");
        d.push(
            Diagnostic::error("bad-value", place, message)
                .help("say `system: aarch64-linux`, or `format: qcow2`"),
        );
    }
    if let Some(size) = &image.disk_size {
        let none = match format {
            ImageFormat::ProxmoxLxc => Some("a container has no disk of its own"),
            ImageFormat::SdCard => Some("an SD card is taken whole, at the first boot"),
            _ => None,
        };
        if let Some(why) = none {
            let diagnostic = Diagnostic::error("bad-value", size.span, why);
            d.push(diagnostic.help("remove `diskSize`"));
        }
        let mib = i64::try_from(size.value >> 20).unwrap_or(i64::MAX);
        variant.push((
            "virtualisation",
            nix::Value::attrs([("diskSize", mib.into())]),
        ));
    }
    if format.platform() == "qemu" {
        set("services.qemuGuest.enable", true.into(), None);
        set(
            "boot.growPartition",
            true.into(),
            Some("The root takes the whole disk at the first boot."),
        );
        let serial = match system {
            "aarch64-linux" => "console=ttyAMA0,115200",
            _ => "console=ttyS0,115200",
        };
        let consoles = ["console=tty0", serial];
        set(
            "boot.kernelParams",
            nix::Value::List(consoles.map(nix::Value::from).to_vec()),
            None,
        );
    }
    if format == ImageFormat::Proxmox {
        variant.push((
            "proxmox",
            nix::Value::attrs([("cloudInit", nix::Value::attrs([("enable", false.into())]))]),
        ));
    }
    if format == ImageFormat::SdCard {
        // nixpkgs' profile of installers, which the card has, would bring ZFS along.
        let none = nix::Value::attrs([("zfs", false.into())]);
        let boot = nix::Value::attrs([("supportedFilesystems", none)]);
        variant.push(("boot", boot));
    }
    if !variant.is_empty() {
        set(
            &format!("image.modules.{}", format.builder(system)),
            nix::Value::attrs(variant),
            None,
        );
    }
    all
}

/// Keys of the fleet's admins.
fn admin_keys<'s>(world: &World<'s>, on: impl Fn(&str) -> bool) -> Vec<&'s str> {
    let admins = world.spec.users.values().filter(|user| {
        let is_admin = user.value.admin.as_ref().is_some_and(|a| a.value);
        is_admin && on(&user.name.value)
    });
    admins
        .flat_map(|user| &user.value.ssh_keys)
        .map(|key| key.value.as_str())
        .collect()
}

/// The installers that hosts ask for or the section names.
pub(crate) fn installers(
    world: &World<'_>,
    partials: &[Partial<'_>],
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> BTreeMap<HostName, Installer> {
    for item in world.spec.installers.values() {
        let name = &item.name;
        match world.spec.hosts.get(&name.value) {
            None if world.spec.is_lost("hosts", &name.value) => {}
            None => d.push(unknown_name(
                "unknown-host",
                "host",
                &name.value,
                name.span,
                world.spec.hosts.keys(),
            )),
            Some(host) if crate::host::is_retired(&host.value) => d.push(
                Diagnostic::error(
                    "retired-host",
                    name.span,
                    format!("host `{}` is retired", name.value),
                )
                .related(host.name.span, "retired here")
                .help("remove the installer"),
            ),
            Some(host) => {
                if let Some(flag) = host.value.installer.as_ref().filter(|flag| !flag.value) {
                    d.push(
                        Diagnostic::error(
                            "no-installer",
                            flag.span,
                            format!("`{}` has an installer in `installers`", name.value),
                        )
                        .related(name.span, "it is here")
                        .help("remove one of the two"),
                    );
                }
            }
        }
    }
    let nothing = ast::Installer::default();
    let mut result = BTreeMap::new();
    for partial in partials {
        if !matches!(partial.kind, crate::host::Kind::Host) {
            continue;
        }
        let host = &partial.host;
        let item = world.spec.installers.get(host.name.as_str());
        let flag = partial.spec.installer.as_ref();
        let span = match (item, flag) {
            (Some(item), _) => item.name.span,
            (None, Some(flag)) if flag.value => flag.span,
            _ => continue,
        };
        if host.hardware.platform == "lxc" {
            d.push(
                Diagnostic::error(
                    "no-installer",
                    span,
                    format!("`{}` is a container, which boots no installer", host.name),
                )
                .help("start it from an image of the section `images`"),
            );
        }
        let spec = item.map_or(&nothing, |item| &item.value);
        let layer = Layer::Host(host.name.clone());
        let merged = settings([(layer.clone(), &spec.settings)], d);
        crate::host::check_settings(world, merged.values().map(|(s, _, _)| s), d);
        let mut definitions =
            setting_definitions(world, Place::SHALLOW, Rank::Plain, &merged, uses, d);
        definitions.extend(packages(
            world,
            Place::SHALLOW,
            "environment.systemPackages",
            &layer,
            &spec.packages,
            uses,
            d,
        ));
        for key in &spec.ssh_keys {
            crate::user::check_ssh_key(key, d);
        }
        let mut keys: Vec<&str> = spec.ssh_keys.iter().map(|k| k.value.as_str()).collect();
        if keys.is_empty() {
            keys = admin_keys(world, |user| partial.users.contains_key(user));
        }
        let installer = Installer {
            host: host.name.clone(),
            span,
            ssh_keys: keys.into_iter().map(str::to_owned).collect(),
            with_system: spec.with_system.as_ref().is_some_and(|w| w.value),
            definitions: combined(definitions),
            modules: crate::assets::modules(world, &spec.modules, uses, d),
        };
        result.insert(host.name.clone(), installer);
    }
    result
}
