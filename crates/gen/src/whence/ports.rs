//! Ports of the firewall: who opens them.

use std::collections::BTreeSet;

use model::{Definition, FeatureId, Host, Layer, PortNumbers};
use nix::Item;

use super::{Cause, Role, Whence};
use crate::origin;
use crate::yaml::stands_in;

impl<'a> Whence<'a> {
    /// The causes of a list of ports that features open, alone or beside what definitions give.
    pub(super) fn opened(
        &mut self,
        path: &[&str],
        item: &Item,
        text: &str,
        element: Option<&str>,
        given: &[&Definition],
    ) -> Vec<Cause> {
        let (["networking", "firewall", "interfaces", rest @ ..], Some((host, _)), false) =
            (path, self.at.clone(), given.is_empty())
        else {
            return Vec::new();
        };
        let code = &text[item.value_start..item.end];
        let (is_given, is_opened) = numbers_of(host, rest, given, code);
        if rest.len() < 2 || !is_opened {
            return Vec::new();
        }
        let mut causes = Vec::new();
        if is_given {
            causes.extend(self.definitions(given, element));
        }
        causes.extend(self.ports(host, rest, item, text, element));
        causes
    }

    /// Who opens ports.
    pub(super) fn ports(
        &mut self,
        host: &'a Host,
        path: &[&str],
        item: &Item,
        text: &str,
        element: Option<&str>,
    ) -> Vec<Cause> {
        let Some((interface, rest)) = path.split_first() else {
            return self.features(host, host.ports.iter().map(|port| &port.feature));
        };
        let number: Option<u16> = element
            .and_then(|code| code.trim().parse().ok())
            .or_else(|| text[item.value_start..item.end].trim().parse().ok());
        let udp = rest.first().is_some_and(|list| list.contains("UDP"));
        let ports: Vec<&model::OpenPort> = host
            .ports
            .iter()
            .filter(|port| {
                let fits = match (number, port.numbers) {
                    (None, _) => true,
                    (Some(n), PortNumbers::One(port)) => n == port,
                    (Some(n), PortNumbers::Range(from, to)) => n == from || n == to,
                };
                let protocol = matches!(port.protocol, model::Protocol::Udp) == udp;
                port.interface == *interface && fits && (rest.is_empty() || protocol)
            })
            .collect();
        let mut causes = self.port_options(host, &ports);
        // A default is written with the option.
        if let Some(number) = number.filter(|_| causes.is_empty()) {
            let ids: BTreeSet<&FeatureId> = ports.iter().map(|port| &port.feature).collect();
            for id in ids {
                if let Some(span) = self.feature_key(id.as_str(), &["options"])
                    && let Some(at) = self.yaml.word(span, &number.to_string())
                {
                    causes.push(self.cause(Role::Sets, &format!("feature {id}"), Some(at)));
                }
            }
        }
        causes.extend(self.features(host, ports.iter().map(|port| &port.feature)));
        let zones: BTreeSet<&str> = ports.iter().map(|port| port.zone.as_str()).collect();
        for zone in zones {
            let name = host.name.as_str();
            for section in ["hosts", "microvms", "images"] {
                let key = [section, name, "network", "zones", zone];
                if let Some((span, 5)) = self.yaml.key(&key, Some(host.span.file)) {
                    causes.push(self.cause(Role::Causes, &format!("zone {zone}"), Some(span)));
                }
            }
        }
        causes
    }

    /// The options that a layer of the spec gives a port with.
    fn port_options(&mut self, host: &Host, ports: &[&model::OpenPort]) -> Vec<Cause> {
        let fleet = self.fleet;
        let mut causes = Vec::new();
        for port in ports {
            let PortNumbers::One(number) = port.numbers else {
                continue;
            };
            let Some(enabled) = host.enabled.get(&port.feature) else {
                continue;
            };
            let given = enabled.options.values().filter(|option| {
                let is_spec = !matches!(
                    option.origin.layer,
                    Layer::Default(_) | Layer::Derived(_) | Layer::Feature(_)
                );
                let code = nix::render(origin::without_priority(&option.value));
                is_spec && code.is_ok_and(|code| stands_in(&code, &number.to_string()))
            });
            for option in given {
                let layer = origin::layer(&option.origin.layer, fleet);
                causes.push(self.cause(Role::Sets, &layer, option.origin.span));
            }
        }
        causes
    }
}

/// Whether ports that a piece of code lists are given by definitions, and whether features open some.
fn numbers_of(host: &Host, path: &[&str], given: &[&Definition], code: &str) -> (bool, bool) {
    let said = code
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    let numbers: BTreeSet<u16> = said
        .flat_map(|line| line.split(|c: char| !c.is_ascii_digit()))
        .filter_map(|word| word.parse().ok())
        .collect();
    let values = given.iter().filter_map(|it| nix::render(&it.value).ok());
    let values: Vec<String> = values.collect();
    let is_given = |number: u16| {
        let word = number.to_string();
        values.iter().any(|value| stands_in(value, &word))
    };
    let is_udp = path.get(1).is_some_and(|list| list.contains("UDP"));
    let is_opened = |number: u16| {
        host.ports.iter().any(|port| {
            let fits = match port.numbers {
                PortNumbers::One(own) => own == number,
                PortNumbers::Range(from, to) => [from, to].contains(&number),
            };
            let protocol = matches!(port.protocol, model::Protocol::Udp) == is_udp;
            fits && protocol && path.first() == Some(&port.interface.as_str())
        })
    };
    let by_features = numbers
        .iter()
        .any(|number| is_opened(*number) && !is_given(*number));
    (numbers.iter().any(|number| is_given(*number)), by_features)
}
