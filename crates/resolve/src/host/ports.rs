//! What the features of a host listen on, and the interfaces that let it in.

use std::collections::{BTreeMap, BTreeSet};

use diag::{Diagnostic, Diagnostics};
use model::{FeatureId, OpenPort, PortNumbers, Protocol};
use spec::ast::{self, PortSource};

use crate::microvm::Listens;
use crate::world::{World, unknown_zone};

use super::finish::effective;
use super::{Partial, Shut, reason_place};

/// Opens the ports of features on the interfaces of their zones; collisions are reported.
pub(super) fn open_ports(world: &World<'_>, partial: &mut Partial<'_>, d: &mut Diagnostics) {
    let mut claimed: Vec<Listens> = Vec::new();
    let mut open: BTreeSet<OpenPort> = BTreeSet::new();
    let mut shut: Vec<Shut> = Vec::new();
    let chosen = open_zones(world, partial, d);
    for id in partial.host.enabled.keys() {
        let Some(definition) = world.table.get(id) else {
            continue;
        };
        if definition.feature.ports.is_empty() {
            continue;
        }
        let (span, _) = reason_place(partial, id);
        for port in &definition.feature.ports {
            let numbers = port_numbers(world, partial, id, port, d);
            let protocols: &'static [Protocol] = match port.protocol {
                ast::Protocol::Tcp => &[Protocol::Tcp],
                ast::Protocol::Udp => &[Protocol::Udp],
                ast::Protocol::Both => &[Protocol::Tcp, Protocol::Udp],
            };
            let opened = port.when.as_ref().is_none_or(|when| {
                !matches!(
                    effective(world, partial, id, &when.value),
                    Some(nix::Value::Bool(false))
                )
            });
            for zone in port.zones.iter().filter(|_| opened) {
                if !world.zones.contains(&zone.value) && !definition.builtin {
                    d.push(unknown_zone(&world.zones, &zone.value, zone.span));
                }
            }
            let zones: &[ast::Text] = match chosen.get(id) {
                _ if !opened => &[],
                Some(zones) => zones,
                None => &port.zones,
            };
            for numbers in numbers {
                let before = open.len();
                for protocol in protocols {
                    let (from, to) = match numbers {
                        PortNumbers::One(number) => (number, number),
                        PortNumbers::Range(from, to) => (from, to),
                    };
                    let new = Listens {
                        protocol: *protocol,
                        from,
                        to,
                        feature: id.clone(),
                        span,
                    };
                    claim(partial, &mut claimed, new, d);
                    for zone in zones {
                        for interface in partial.host.zones.get(&zone.value).into_iter().flatten() {
                            open.insert(OpenPort {
                                interface: interface.clone(),
                                protocol: *protocol,
                                numbers,
                                feature: id.clone(),
                                zone: zone.value.clone(),
                            });
                        }
                    }
                }
                // A zone that nobody declared has been reported, except for the catalog's.
                let mut zones: Vec<String> = zones.iter().map(|zone| zone.value.clone()).collect();
                zones.retain(|zone| definition.builtin || world.zones.contains(zone));
                if open.len() == before && !zones.is_empty() {
                    shut.push(Shut {
                        feature: id.clone(),
                        protocols,
                        numbers,
                        zones,
                    });
                }
            }
        }
    }
    partial.host.ports = open.into_iter().collect();
    partial.listens = claimed;
    partial.shut = shut;
}

/// The zones in which the host opens the ports of a feature, where it says so.
fn open_zones<'a>(
    world: &World<'_>,
    partial: &Partial<'a>,
    d: &mut Diagnostics,
) -> BTreeMap<FeatureId, &'a [ast::Text]> {
    let mut chosen = BTreeMap::new();
    for (feature, zones) in &partial.spec.open {
        for zone in zones {
            if !world.zones.contains(&zone.value) {
                d.push(unknown_zone(&world.zones, &zone.value, zone.span));
            }
        }
        let has_ports = |id: &&FeatureId| {
            let definition = world.table.get(*id);
            definition.is_some_and(|definition| !definition.feature.ports.is_empty())
        };
        let mut here = partial.host.enabled.keys().filter(has_ports);
        if let Some(id) = here.find(|id| id.as_str() == feature.value) {
            chosen.insert(id.clone(), zones.as_slice());
        } else if !partial.spec.broken {
            let here = partial.host.enabled.keys().filter(has_ports);
            let here: Vec<&str> = here.map(FeatureId::as_str).collect();
            let diagnostic = Diagnostic::error(
                "bad-value",
                feature.span,
                format!(
                    "`{}` is no feature of `{}` that has ports",
                    feature.value, partial.host.name
                ),
            );
            d.push(match diag::did_you_mean(&feature.value, here) {
                Some(help) => diagnostic.help(help),
                None => diagnostic.help("remove the line"),
            });
        }
    }
    chosen
}

fn claim(partial: &Partial<'_>, claimed: &mut Vec<Listens>, new: Listens, d: &mut Diagnostics) {
    let collides = |old: &&Listens| {
        old.protocol == new.protocol
            && old.from <= new.to
            && new.from <= old.to
            && old.feature != new.feature
    };
    if let Some(old) = claimed.iter().find(collides) {
        d.push(
            Diagnostic::error(
                "port-collision",
                new.span,
                format!(
                    "`{}` and `{}` both listen on port {} of `{}`",
                    new.feature,
                    old.feature,
                    new.from.max(old.from),
                    partial.host.name
                ),
            )
            .related(old.span, format!("`{}` comes from here", old.feature))
            .help("give one of them another port by its option"),
        );
        return;
    }
    claimed.push(new);
}

fn port_numbers(
    world: &World<'_>,
    partial: &Partial<'_>,
    id: &FeatureId,
    port: &ast::Port,
    d: &mut Diagnostics,
) -> Vec<PortNumbers> {
    let one = |value: &nix::Value| match value {
        nix::Value::Int(i) => u16::try_from(*i).ok().map(PortNumbers::One),
        _ => None,
    };
    match &port.source {
        PortSource::Fixed(number) => vec![PortNumbers::One(*number)],
        PortSource::Range(from, to) => vec![PortNumbers::Range(*from, *to)],
        PortSource::Option(name) => match effective(world, partial, id, &name.value) {
            Some(nix::Value::Null) | None => Vec::new(),
            Some(nix::Value::List(items)) => items.iter().filter_map(one).collect(),
            Some(value) => one(&value).map_or_else(
                || {
                    let given = partial.states.get(id);
                    let given = given.and_then(|s| s.options.get(name.value.as_str())?.last());
                    let span = given.map_or_else(|| reason_place(partial, id).0, |g| g.value.span);
                    d.push(
                        Diagnostic::warning(
                            "computed-port",
                            span,
                            format!(
                                "port `{}` of `{id}` is code, so the firewall is not opened for it",
                                name.value
                            ),
                        )
                        .help("write the number"),
                    );
                    Vec::new()
                },
                |n| vec![n],
            ),
        },
    }
}
