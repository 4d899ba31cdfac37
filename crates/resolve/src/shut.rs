//! Ports of features that open on no interface of their host, and so serve nobody.
//!
//! It speaks only where it is certain: a host whose settings, modules or own features have a say in the
//! firewall may well have opened the port there.

use std::collections::BTreeSet;

use diag::{Diagnostic, Diagnostics, Span};
use model::{Definition, PortNumbers, Protocol};
use nix::Value;
use spec::ast::GuestNetwork;

use crate::deploy::{SSH_SERVER, Said};
use crate::host::{Partial, Shut};
use crate::world::World;

/// So many features are named.
const MOST: usize = 6;

/// Reports ports of a host that nobody reaches. `deployed` is what says that it is reached over ssh.
pub(crate) fn check(
    world: &World<'_>,
    partial: &Partial<'_>,
    said: &Said<'_>,
    deployed: Option<Span>,
    d: &mut Diagnostics,
) {
    let host = &partial.host;
    if partial.shut.is_empty() || partial.spec.broken || may_open(world, partial, said) {
        return;
    }
    let mut shut: Vec<&Shut> = partial.shut.iter().collect();
    shut.retain(|port| !opened(world, port, &said.definitions));
    let is_ssh = |port: &Shut| port.feature.as_str() == SSH_SERVER;
    let ssh: Vec<&Shut> = shut.iter().copied().filter(|port| is_ssh(port)).collect();
    let is_open = host
        .ports
        .iter()
        .any(|port| port.feature.as_str() == SSH_SERVER);
    let by_tailnet = host.enabled.iter().any(|(id, enabled)| {
        let ssh = enabled.options.get("ssh");
        id.as_str() == "networking.tailscale"
            && ssh.is_some_and(|given| given.value == Value::Bool(true))
    });
    if let Some(span) = deployed
        && let Some(first) = ssh.first()
        && !is_open
        && !by_tailnet
    {
        shut.retain(|port| !is_ssh(port));
        let message = format!(
            "`{}` is deployed over ssh, but {} is shut: it has no interface in {}",
            host.name,
            listed(&ssh),
            zones(&ssh, "or"),
        );
        let diagnostic = Diagnostic::error("deploy-login", span, message);
        d.push(with_help(diagnostic, world, partial, first));
    }
    // An empty list says that the host has no interface there, on purpose.
    let on_purpose = |zone: &String| host.zones.get(zone).is_some_and(Vec::is_empty);
    shut.retain(|port| !port.zones.iter().any(on_purpose));
    if let Some(first) = shut.first() {
        let message = format!(
            "`{}` opens {} nowhere: it has no interface in {}",
            host.name,
            listed(&shut),
            zones(&shut, "or"),
        );
        let diagnostic = Diagnostic::warning("shut-port", partial.place, message);
        let diagnostic = with_help(diagnostic, world, partial, first);
        d.push(diagnostic.help(format!(
            "`network.zones: {{ {}: [] }}` says that it is meant",
            first.zones[0]
        )));
    }
}

/// Reports ports of a guest on a bridge that nobody reaches. A guest without one is reached by its
/// forwarded ports alone.
pub(crate) fn check_guest(
    world: &World<'_>,
    partial: &Partial<'_>,
    network: &GuestNetwork,
    said: &Said<'_>,
    d: &mut Diagnostics,
) {
    let on_purpose = network.zones.as_ref().is_some_and(Vec::is_empty);
    if network.bridge.is_none()
        || on_purpose
        || partial.shut.is_empty()
        || partial.spec.broken
        || may_open(world, partial, said)
    {
        return;
    }
    let mut shut: Vec<&Shut> = partial.shut.iter().collect();
    shut.retain(|port| !opened(world, port, &said.definitions));
    let Some(first) = shut.first() else {
        return;
    };
    let message = format!(
        "`{}` opens {} nowhere: its interface is not in {}",
        partial.host.name,
        listed(&shut),
        zones(&shut, "or"),
    );
    let declared = first.zones.iter().find(|zone| world.zones.contains(*zone));
    let zone = declared.unwrap_or(&first.zones[0]);
    let mut help = format!("name the zones of its bridge: `network.zones: [{zone}]`");
    if declared.is_none() {
        help = format!("declare the zone, `fleet.zones: [{zone}]`, and {help}");
    }
    d.push(
        Diagnostic::warning("shut-port", partial.place, message)
            .help(help)
            .help("`network.zones: []` says that it is meant"),
    );
}

/// The ports by feature: ``22 (`security.ssh-server`) and 80, 443 (`services.nginx`)``.
fn listed(shut: &[&Shut]) -> String {
    let mut features: Vec<(&str, Vec<String>)> = Vec::new();
    for port in shut {
        let number = match port.numbers {
            PortNumbers::One(number) => number.to_string(),
            PortNumbers::Range(from, to) => format!("{from}-{to}"),
        };
        let number = match port.protocols {
            [Protocol::Udp] => format!("{number}/udp"),
            _ => format!("{number}/tcp"),
        };
        match features.last_mut() {
            Some((feature, numbers)) if *feature == port.feature.as_str() => {
                if !numbers.contains(&number) {
                    numbers.push(number);
                }
            }
            _ => features.push((port.feature.as_str(), vec![number])),
        }
    }
    let mut parts: Vec<String> = features
        .iter()
        .take(MOST)
        .map(|(feature, numbers)| format!("{} (`{feature}`)", numbers.join(", ")))
        .collect();
    match features.len().saturating_sub(MOST) {
        0 => {}
        1 => parts.push("those of 1 more feature".to_owned()),
        more => parts.push(format!("those of {more} more features")),
    }
    joined(&parts, "and")
}

/// The zones of the ports.
fn zones(shut: &[&Shut], word: &str) -> String {
    let all: BTreeSet<&String> = shut.iter().flat_map(|port| &port.zones).collect();
    let all: Vec<String> = all.iter().map(|zone| format!("`{zone}`")).collect();
    format!(
        "{} {}",
        if all.len() == 1 { "zone" } else { "zones" },
        joined(&all, word)
    )
}

fn joined(parts: &[String], word: &str) -> String {
    match parts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} {word} {last}", rest.join(", ")),
        _ => parts.concat(),
    }
}

/// Ways to open a port: an interface for its zone, or a zone that has one.
fn with_help(
    diagnostic: Diagnostic,
    world: &World<'_>,
    partial: &Partial<'_>,
    port: &Shut,
) -> Diagnostic {
    let declared = port.zones.iter().find(|zone| world.zones.contains(*zone));
    let zone = declared.unwrap_or(&port.zones[0]);
    let mut help = format!("name its interface: `network.zones: {{ {zone}: [eth0] }}`");
    if declared.is_none() {
        help = format!("declare the zone, `fleet.zones: [{zone}]`, and {help}");
    }
    let mapped = partial.host.zones.iter();
    let mut mapped = mapped.filter(|(_, interfaces)| !interfaces.is_empty());
    match mapped.next() {
        Some((zone, _)) => diagnostic.help(format!(
            "open it in a zone that it has: `network.open: {{ {}: [{zone}] }}`; or {help}",
            port.feature
        )),
        None => diagnostic.help(help),
    }
}

/// Whether something else on the host has a say in the firewall, so that nothing is certain.
fn may_open(world: &World<'_>, partial: &Partial<'_>, said: &Said<'_>) -> bool {
    let by_feature = partial.host.enabled.keys().any(|id| {
        let Some(definition) = world.table.get(id).filter(|it| !it.builtin) else {
            return false;
        };
        let body = definition.body.as_ref();
        body.is_some_and(|body| body.text.contains("firewall"))
            || definition.feature.nixos.iter().flatten().any(|(path, _)| {
                path.0
                    .starts_with(&["networking".to_owned(), "firewall".to_owned()])
            })
    });
    // A module may import others.
    let by_module = said.modules.iter().any(|path| {
        let path = path.strip_prefix("custom/").unwrap_or(path);
        let text = world.around.assets.get(path);
        let text = text.map(|bytes| String::from_utf8_lossy(bytes));
        text.is_none_or(|text| {
            ["irewall", "imports", "nftables"]
                .iter()
                .any(|word| text.contains(word))
        })
    });
    by_feature || by_module || said.definitions.iter().any(|it| decides(it))
}

/// Whether a setting decides about ports in a way that is not looked into.
fn decides(definition: &Definition) -> bool {
    let path: Vec<&str> = definition.path.0.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["networking"] | ["networking", "firewall"] => true,
        ["networking", "firewall", "enable"] => *bare(&definition.value) == Value::Bool(false),
        ["networking", "firewall", option] => {
            option.starts_with("extra") || matches!(*option, "trustedInterfaces" | "interfaces")
        }
        ["networking", "nftables", option, ..] => *option != "enable",
        _ => false,
    }
}

/// Whether a setting opens a port.
fn opened(world: &World<'_>, port: &Shut, definitions: &[&Definition]) -> bool {
    definitions.iter().any(|definition| {
        let path: Vec<&str> = definition.path.0.iter().map(String::as_str).collect();
        let value = bare(&definition.value);
        match path.as_slice() {
            ["networking", "firewall", option]
            | ["networking", "firewall", "interfaces", _, option] => {
                let protocols: &[Protocol] = match *option {
                    "allowedTCPPorts" | "allowedTCPPortRanges" => &[Protocol::Tcp],
                    "allowedUDPPorts" | "allowedUDPPortRanges" => &[Protocol::Udp],
                    _ => return false,
                };
                protocols.iter().any(|it| port.protocols.contains(it)) && holds(value, port.numbers)
            }
            ["networking", "firewall", "interfaces", _] => true,
            [parents @ .., "openFirewall"] => {
                *value != Value::Bool(false) && is_of(world, port, parents)
            }
            _ => false,
        }
    })
}

/// Whether a list of ports or of ranges has a number; what is code may.
fn holds(value: &Value, numbers: PortNumbers) -> bool {
    let (first, last) = match numbers {
        PortNumbers::One(number) => (i64::from(number), i64::from(number)),
        PortNumbers::Range(from, to) => (i64::from(from), i64::from(to)),
    };
    let Value::List(items) = value else {
        return true;
    };
    items.iter().any(|item| match item {
        Value::Int(number) => (first..=last).contains(number),
        Value::Attrs(range) => match (range.get("from"), range.get("to")) {
            (Some(Value::Int(from)), Some(Value::Int(to))) => *from <= first && last <= *to,
            _ => true,
        },
        _ => true,
    })
}

/// Whether options below these names are of the service that a feature sets up.
fn is_of(world: &World<'_>, port: &Shut, parents: &[&str]) -> bool {
    let (Some(definition), Some(service)) = (world.table.get(&port.feature), parents.last()) else {
        return true;
    };
    let body = definition.body.as_ref();
    body.is_some_and(|body| body.text.contains(service))
        || definition.feature.nixos.iter().flatten().any(|(path, _)| {
            let parts = path.0.iter().map(String::as_str);
            parts.zip(parents).all(|(part, parent)| part == *parent)
        })
}

/// A value without what gives it a priority.
fn bare(value: &Value) -> &Value {
    match value {
        Value::Apply(_, inner) | Value::Commented(_, inner) => bare(inner),
        _ => value,
    }
}
