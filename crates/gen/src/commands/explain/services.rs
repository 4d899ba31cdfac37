//! The services that the modules of a machine switch on: options of NixOS and Home Manager that start
//! one, and units of systemd that something wants.

use std::collections::{BTreeMap, BTreeSet};

use nix::{DefValue, Known};

use super::applied::{Applied, At, Is};
use crate::modules;
use crate::text::one_line;

/// A service, a timer or a socket.
pub(super) struct Service<'a> {
    /// The option without its `enable`: `services.openssh`, `systemd.timers.backup`.
    pub(super) name: String,
    /// The user in whose session it runs.
    pub(super) user: Option<String>,
    /// What it depends on, where that cannot be told.
    pub(super) only_if: Option<String>,
    pub(super) at: At<'a>,
}

/// Options besides `services.*` and `virtualisation.*` that start something.
const SWITCHES: &[&str] = &[
    "boot.plymouth.enable",
    "boot.swraid.enable",
    "hardware.bluetooth.enable",
    "hardware.fancontrol.enable",
    "hardware.ksm.enable",
    "hardware.nvidia-container-toolkit.enable",
    "hardware.nvidia.dynamicBoost.enable",
    "hardware.nvidia.nvidiaPersistenced",
    "hardware.openrazer.enable",
    "hardware.rasdaemon.enable",
    "hardware.sensor.iio.enable",
    "networking.networkmanager.enable",
    "networking.nftables.enable",
    "networking.wireless.enable",
    "networking.wireless.iwd.enable",
    "nix.gc.automatic",
    "nix.optimise.automatic",
    "powerManagement.powertop.enable",
    "programs.gnupg.agent.enable",
    "programs.nh.clean.enable",
    "programs.ssh.startAgent",
    "security.apparmor.enable",
    "security.auditd.enable",
    "security.polkit.enable",
    "security.rtkit.enable",
    "system.autoUpgrade.enable",
    "systemd.network.enable",
    "systemd.oomd.enable",
    "zramSwap.enable",
];

/// Switches below another which start something of their own. What else stands below one only changes
/// the service above.
const OWN: &[&str] = &[
    "services.pipewire.wireplumber.",
    "services.prometheus.alertmanager.",
    "services.prometheus.exporters.",
    "services.prometheus.pushgateway.",
    "services.samba.nmbd.",
    "services.samba.winbindd.",
    "virtualisation.docker.autoPrune.",
    "virtualisation.docker.rootless.",
    "virtualisation.podman.autoPrune.",
];

/// Mappings of which every key starts a service, without a switch.
const KEYED: &[&[&str]] = &[
    &["networking", "wg-quick", "interfaces"],
    &["networking", "wireguard", "interfaces"],
    &["services", "borgbackup", "jobs"],
    &["services", "openvpn", "servers"],
    &["services", "restic", "backups"],
    &["services", "syncoid", "commands"],
    &["virtualisation", "oci-containers", "containers"],
];

/// Switches that start nothing.
const NONE: &[&str] = &[
    "services.displayManager.autoLogin.enable",
    "services.displayManager.enable",
    "virtualisation.containers.enable",
    "virtualisation.oci-containers.enable",
];

/// What a list of units or times stands in that makes systemd start something by itself.
const WANTED: &[&str] = &[
    "wantedBy",
    "requiredBy",
    "upheldBy",
    "startAt",
    "WantedBy",
    "RequiredBy",
];

/// All of them, those of the machine first.
pub(super) fn services<'a>(applied: &'a Applied<'a>) -> Vec<Service<'a>> {
    let mut found = Vec::new();
    let mut switches: BTreeSet<(Option<&str>, String)> = BTreeSet::new();
    let mut keys: BTreeMap<Vec<&str>, Vec<&[String]>> = BTreeMap::new();
    let mut units: BTreeSet<(Option<&str>, Vec<&str>)> = BTreeSet::new();
    for (user, path) in applied.options() {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        if let Some(unit) = unit(&names) {
            units.insert((user, unit));
        } else if let Some(key) = keyed(user, &names) {
            keys.entry(key.to_vec()).or_default().push(path);
        } else if is_switch(user, &names) {
            let name = shown(switched(&names));
            switches.insert((user, format!("{name}.")));
            let (is, Some(at)) = applied.switch(user, path) else {
                continue;
            };
            let only_if = match is {
                Is::Yes => None,
                Is::No => continue,
                Is::If(code) => Some(code),
            };
            found.push(Service {
                name,
                user: user.map(str::to_owned),
                only_if,
                at,
            });
        }
    }
    found.retain(|it| {
        let name = format!("{}.", it.name);
        let of_user = switches.iter().filter(|(of, _)| *of == it.user.as_deref());
        !is_below(&name, of_user.map(|(_, above)| above))
    });
    for (key, paths) in keys {
        found.extend(of_key(applied, shown(&key), &paths));
    }
    for (user, path) in units {
        found.extend(started(applied, user, &path));
    }
    found
}

/// The mapping of services that an option stands in, and the key there.
fn keyed<'a, 'n>(user: Option<&str>, names: &'a [&'n str]) -> Option<&'a [&'n str]> {
    let mut all = KEYED.iter().filter(|_| user.is_none());
    let mapping = all.find(|mapping| names.starts_with(mapping))?;
    names.get(..=mapping.len())
}

/// A service that is there where anything of it is.
fn of_key<'a>(
    applied: &'a Applied<'a>,
    name: String,
    paths: &[&'a [String]],
) -> Option<Service<'a>> {
    let all = paths.iter().flat_map(|path| applied.of(None, path));
    let (at, is) = all.min_by_key(|(_, is)| *is != Is::Yes)?;
    Some(Service {
        name,
        user: None,
        only_if: match is {
            Is::If(code) => Some(code),
            _ => None,
        },
        at,
    })
}

fn is_switch(user: Option<&str>, names: &[&str]) -> bool {
    let name = names.join(".");
    if NONE.contains(&name.as_str()) {
        return false;
    }
    match names {
        ["services", _, .., "enable"] => true,
        ["virtualisation", _, .., "enable"] => user.is_none(),
        ["programs", _, "systemd" | "daemon", "enable"] => user.is_some(),
        _ => SWITCHES.contains(&name.as_str()),
    }
}

/// An option without its `enable`.
fn switched<'a, 'n>(names: &'a [&'n str]) -> &'a [&'n str] {
    match names {
        [above @ .., "enable" | "automatic"] => above,
        _ => names,
    }
}

fn shown(names: &[&str]) -> String {
    let names = names.iter().map(|&name| match name {
        "*" => name.into(),
        name => nix::attr_name(name),
    });
    names.collect::<Vec<_>>().join(".")
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Whether code makes systemd start something by itself.
fn wants(code: &str) -> bool {
    WANTED.iter().any(|name| code.contains(name))
}

/// The unit that an option is of, or that of the whole section where its names are computed.
fn unit<'a>(names: &[&'a str]) -> Option<Vec<&'a str>> {
    let is_kind = |kind: &str| matches!(kind, "services" | "timers" | "sockets" | "paths");
    let depth = match names {
        ["systemd", "user", kind, ..] if is_kind(kind) => 3,
        ["systemd", kind, ..] if is_kind(kind) => 2,
        _ => return None,
    };
    Some(names[..names.len().min(depth + 1)].to_vec())
}

/// A unit, if something wants it; more than one where code names them.
fn started<'a>(applied: &'a Applied<'a>, user: Option<&str>, unit: &[&str]) -> Vec<Service<'a>> {
    let service = |name: String, only_if: Option<String>, at: At<'a>| Service {
        name,
        user: user.map(str::to_owned),
        only_if,
        at,
    };
    let mut found = Vec::new();
    if is_section(unit) {
        for (at, is) in applied.of(user, &owned(unit)) {
            let only_if = match is {
                Is::If(code) => Some(code),
                _ => None,
            };
            if !wants(&at.file.text[at.setting.value_start..at.setting.end]) {
                continue;
            }
            match applied.value(at) {
                Some(Known::Attrs(all)) => {
                    for name in all.into_keys() {
                        let name = shown(&[unit, &[name.as_str()]].concat());
                        found.push(service(name, only_if.clone(), at));
                    }
                }
                _ => found.push(service(format!("{}.*", shown(unit)), only_if, at)),
            }
        }
        return found;
    }
    let enable = [unit, &["enable"]].concat();
    let (is, at) = applied.switch(user, &owned(&enable));
    if is == Is::No && at.is_some() {
        return found;
    }
    let mut best: Option<Service<'a>> = None;
    let wanted = WANTED.iter().flat_map(|&name| {
        let own = [unit, &[name]].concat();
        let home = [unit, &["Install", name]].concat();
        [own, home]
    });
    for option in wanted {
        for (at, is) in applied.of(user, &owned(&option)) {
            let is = match applied.value(at) {
                Some(Known::List(items)) if items.is_empty() => continue,
                Some(Known::List(_) | Known::Str(_)) => is,
                _ => match is {
                    Is::If(code) => Is::If(code),
                    _ => Is::If(format!("{} is not empty", shown(&option[unit.len()..]))),
                },
            };
            let only_if = match is {
                Is::If(code) => Some(code),
                _ => None,
            };
            let is_better = best
                .as_ref()
                .is_none_or(|best| best.only_if.is_some() && only_if.is_none());
            if is_better {
                best = Some(service(shown(unit), only_if, at));
            }
        }
    }
    found.extend(best);
    found
}

/// A service that a module may start.
pub(super) struct Starts {
    pub(super) name: String,
    /// Conditions besides the module's own switch.
    pub(super) only_if: Vec<String>,
    /// Byte offset of the option.
    pub(super) start: usize,
}

/// What a module of a feature starts, whatever its options are.
pub(super) fn of_module(text: &str, is_home: bool) -> Vec<Starts> {
    let module = modules::read(text);
    let user = is_home.then_some("");
    let mut found: Vec<Starts> = Vec::new();
    for setting in module.settings.iter().chain(module.computed(text)) {
        let names = setting.path.parts().iter().map(|name| {
            if name.contains("${") {
                "*"
            } else {
                name.as_str()
            }
        });
        let names: Vec<&str> = names.collect();
        let name = if let Some(key) = keyed(user, &names) {
            key
        } else if names.contains(&"*") {
            continue;
        } else if is_switch(user, &names) {
            switched(&names)
        } else {
            match unit(&names) {
                Some(unit) if names.len() == unit.len() => &names[..],
                Some(unit) if names.last().is_some_and(|last| WANTED.contains(last)) => {
                    &names[..unit.len()]
                }
                _ => continue,
            }
        };
        let mut only_if: Vec<String> = setting
            .conditions
            .iter()
            .filter(|condition| *condition != "cfg.enable")
            .map(|condition| one_line(condition))
            .collect();
        match &setting.value {
            _ if keyed(user, &names).is_some() => {}
            DefValue::Bool(false) => continue,
            DefValue::List(items) if items.is_empty() => continue,
            DefValue::Expr(code) => only_if.push(one_line(code)),
            _ => {}
        }
        let mut name = shown(name);
        if is_section(&names) {
            if !wants(&text[setting.value_start..setting.end]) {
                continue;
            }
            name.push_str(".*");
        }
        if !found.iter().any(|it| it.name == name) {
            found.push(Starts {
                name,
                only_if,
                start: setting.start,
            });
        }
    }
    let all: Vec<String> = found.iter().map(|it| format!("{}.", it.name)).collect();
    found.retain(|it| !is_below(&format!("{}.", it.name), all.iter()));
    found
}

/// Whether a switch stands below another and only changes what that one starts.
fn is_below<'a>(name: &str, mut all: impl Iterator<Item = &'a String>) -> bool {
    !OWN.iter().any(|own| name.starts_with(own))
        && all.any(|above| name != above && name.starts_with(above.as_str()))
}

/// Whether all units of a kind are meant, since code names them.
fn is_section(unit: &[&str]) -> bool {
    matches!(
        unit,
        ["systemd", "services" | "timers" | "sockets" | "paths"]
            | [
                "systemd",
                "user",
                "services" | "timers" | "sockets" | "paths"
            ]
    )
}
