//! Boot loaders that settings and the fleet's own features choose in the place of `hardware.boot.loader`.

use std::collections::{BTreeMap, BTreeSet};

use diag::{Diagnostic, Diagnostics, Span};
use model::{BootLoader, Definition, Enabled, FeatureId, Hardware};
use nix::Value;
use spec::ast;
use spec::{Settings, ValueKind};

use crate::world::World;

/// Loaders that start machines without EFI.
const WITHOUT_EFI: &[&str] = &[
    "generations-dir",
    "generic-extlinux-compatible",
    "init-script",
];

/// Loaders that have a word in `hardware.boot.loader`.
const WITH_A_WORD: &[&str] = &["grub", "systemd-boot"];

/// A loader that is switched on, or off.
struct Chosen {
    name: String,
    is_on: bool,
    /// Where that is said, if not in a body.
    span: Option<Span>,
}

/// Takes a loader that is switched on for that of the machine, where the host names none.
pub(super) fn settle<'d>(
    world: &World<'_>,
    spec: &ast::Hardware,
    definitions: impl Iterator<Item = &'d Definition>,
    enabled: &BTreeMap<FeatureId, Enabled>,
    hardware: &mut Hardware,
    d: &mut Diagnostics,
) {
    let mut all: Vec<Chosen> = definitions
        .filter_map(|it| chosen(&it.path.0, is_on(&it.value), it.origin.span))
        .collect();
    for definition in enabled.keys().filter_map(|id| world.table.get(id)) {
        if definition.builtin {
            continue;
        }
        all.extend(definition.feature.nixos.iter().flat_map(of_settings));
        // What a body defines is only known to Nix, so one that speaks of it is believed.
        let bodies = definition.body.iter();
        all.extend(bodies.flat_map(|body| {
            let names = WITHOUT_EFI.iter().filter(|it| body.text.contains(**it));
            names.map(|name| Chosen {
                name: (*name).to_owned(),
                is_on: true,
                span: None,
            })
        }));
    }
    // What is nearer to the machine comes first.
    let mut told = BTreeSet::new();
    all.retain(|it| told.insert(it.name.clone()) && it.is_on);
    let own = match hardware.boot.loader {
        BootLoader::Grub(_) => "grub",
        BootLoader::SystemdBoot => "systemd-boot",
        BootLoader::None => return,
        BootLoader::Unset => {
            all.retain(|it| !WITH_A_WORD.contains(&it.name.as_str()));
            let Some(other) = all.first() else {
                return;
            };
            // Not every loader switches GRUB off, which NixOS has on.
            hardware.boot.loader = BootLoader::None;
            if spec.boot.can_touch_efi_variables.is_none()
                && WITHOUT_EFI.contains(&other.name.as_str())
            {
                hardware.boot.can_touch_efi_variables = false;
            }
            return;
        }
    };
    let other = all.iter().find(|it| it.name != own && it.span.is_some());
    let place = spec.boot.loader.as_ref().or(spec.boot.device.as_ref());
    if let (Some(other), Some(place)) = (other, place) {
        let name = &other.name;
        let message = format!("a machine starts by one boot loader, not by `{own}` and `{name}`");
        let diagnostic = Diagnostic::error("boot-loaders", place.span, message);
        let diagnostic = match other.span {
            Some(span) => diagnostic.related(span, format!("`{name}` is switched on here")),
            None => diagnostic,
        };
        d.push(diagnostic.help(format!(
            "remove it here, and `{name}` is taken, or switch `{name}` off"
        )));
    }
}

fn of_settings(settings: &Settings) -> impl Iterator<Item = Chosen> {
    settings.iter().filter_map(|(path, setting)| {
        let mut value = &setting.value.kind;
        while let ValueKind::Default(inner) | ValueKind::Force(inner) = value {
            value = &inner.kind;
        }
        chosen(&path.0, *value == ValueKind::Bool(true), Some(setting.key))
    })
}

/// What `boot.loader.NAME.enable` says.
fn chosen(path: &[String], is_on: bool, span: Option<Span>) -> Option<Chosen> {
    match path {
        [boot, loader, name, enable]
            if boot == "boot" && loader == "loader" && enable == "enable" =>
        {
            let name = name.clone();
            Some(Chosen { name, is_on, span })
        }
        _ => None,
    }
}

fn is_on(value: &Value) -> bool {
    match value {
        Value::Bool(on) => *on,
        Value::Apply(function, inner) => !function.starts_with("lib.mkIf") && is_on(inner),
        Value::Commented(_, inner) => is_on(inner),
        _ => false,
    }
}
