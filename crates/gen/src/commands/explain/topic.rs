//! One side of hosts: the ports that are open, the secrets, the services. Read off the generated
//! files, so that what settings and features bring about through options of NixOS is in it.

use std::collections::{BTreeMap, BTreeSet};

use model::{Fleet, Host, PortNumbers, Protocol};
use nix::{DefValue, Known};
use output::Target;
use serde::Serialize;

use super::applied::{Applied, At, Is};
use super::services::services;
use crate::cli::Sound;
use crate::modules::Library;
use crate::named::named;
use crate::table::Table;
use crate::text::one_line;
use crate::yaml::stands_in;

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Ports,
    Secrets,
    Services,
}

/// A line of the answer; what a topic does not have is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Row {
    pub(super) host: String,
    pub(super) name: String,
    /// Where a port is open; who may read a secret; whose service it is.
    on: String,
    /// What opens, uses or switches on.
    pub(super) by: String,
    /// `generated/modules/web/server.nix:12`.
    pub(super) place: String,
}

/// The rows of a host.
pub(super) fn rows(
    sound: &Sound,
    library: &Library<'_>,
    target: &Target,
    host: &Host,
    topic: Topic,
) -> Vec<Row> {
    let name = host.name.as_str();
    let starts = [
        format!("hosts/{name}/default.nix"),
        format!("microvms/{name}.nix"),
        format!("images/{name}.nix"),
    ];
    let start = starts.iter().find(|path| library.has(path));
    let files = start.map(|start| library.reach(start)).unwrap_or_default();
    let named = named(&sound.fleet, host, &files);
    let side = Side {
        fleet: &sound.fleet,
        target,
        host,
        applied: Applied::new(&sound.fleet, host, &files, &named),
    };
    let mut rows = match topic {
        Topic::Ports => side.ports(),
        Topic::Secrets => side.secrets(),
        Topic::Services => side.services(),
    };
    rows.sort();
    rows.dedup();
    rows
}

/// Draws rows for people.
pub(super) fn draw(topic: Topic, rows: &[Row]) -> String {
    if topic == Topic::Services {
        let mut table = Table::new(&["host", "service", "for", "by", "place"]);
        for row in rows {
            let cells = [&row.host, &row.name, &row.on, &row.by, &row.place];
            table.row(cells.map(String::clone));
        }
        return table.render();
    }
    let mut table = Table::new(match topic {
        Topic::Secrets => &["host", "secret", "readable by", "used by", "place"],
        _ => &["host", "port", "open on", "by", "place"],
    });
    for row in rows {
        let cells = [&row.host, &row.name, &row.on, &row.by, &row.place];
        table.row(cells.map(String::clone));
    }
    table.render()
}

struct Side<'a> {
    fleet: &'a Fleet,
    target: &'a Target,
    host: &'a Host,
    applied: Applied<'a>,
}

const EVERYWHERE: &str = "every interface";

impl Side<'_> {
    fn row(&self, name: &str, on: &str, by: &str, at: Option<At<'_>>) -> Row {
        let place = at.map(|At { file, setting, .. }| {
            let line = 1 + file.text[..setting.start].matches('\n').count();
            let below = element_line(&file.text[setting.start..setting.end], name);
            format!("{}:{}", self.target.show(&file.path), line + below)
        });
        Row {
            host: self.host.name.to_string(),
            name: name.to_owned(),
            on: on.to_owned(),
            by: by.to_owned(),
            place: place.unwrap_or_default(),
        }
    }

    fn on_interface(&self, interface: &str) -> String {
        let zones = self.host.zones.iter();
        let zone = zones
            .filter(|(_, all)| all.iter().any(|it| it == interface))
            .map(|(zone, _)| zone.as_str())
            .next();
        match zone {
            Some(zone) => format!("{interface} ({zone})"),
            None => interface.to_owned(),
        }
    }

    fn ports(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let switch = |path: &[&str]| {
            let path: Vec<String> = path.iter().map(|&name| name.to_owned()).collect();
            self.applied.switch(None, &path)
        };
        // An option of a feature opens what the feature lists, in zones.
        let space: Vec<&str> = self.fleet.namespace.split('.').collect();
        for (user, path) in self.applied.options() {
            let names: Vec<&str> = path.iter().map(String::as_str).collect();
            if user.is_some() || names.starts_with(&space) {
                continue;
            }
            match names.as_slice() {
                ["networking", "firewall", "enable"] => {
                    if let (Is::No, Some(at)) = switch(&names) {
                        rows.push(self.row("all", EVERYWHERE, "the firewall is off", Some(at)));
                    }
                }
                ["networking", "firewall", "interfaces", interface, list] => {
                    for (at, is) in self.applied.of(None, path) {
                        for port in self.numbers(at, list) {
                            let by = self.opener(interface, &port, &at.file.path);
                            let on = self.on_interface(interface);
                            rows.push(self.row(&port, &on, &by_if(by, &is), Some(at)));
                        }
                    }
                }
                ["networking", "firewall", list] => {
                    for (at, is) in self.applied.of(None, path) {
                        let by = by_if(layer(&at.file.path), &is);
                        for port in self.numbers(at, list) {
                            rows.push(self.row(&port, EVERYWHERE, &by, Some(at)));
                        }
                    }
                }
                ["services", "openssh", "openFirewall"] => {}
                [above @ .., service, "openFirewall"] => {
                    let enable = [above, &[*service, "enable"]].concat();
                    let (is, at) = switch(&names);
                    let is_off = matches!(switch(&enable), (Is::No, Some(_)));
                    if let (Is::Yes | Is::If(_), Some(at), false) = (&is, at, is_off) {
                        let by = layer(&at.file.path);
                        let by = format!("{service}, by its `openFirewall` ({by})");
                        rows.push(self.row("its own", EVERYWHERE, &by_if(by, &is), Some(at)));
                    }
                }
                _ => {}
            }
        }
        rows.extend(self.ssh());
        for guest in &self.host.microvms {
            for forward in self
                .fleet
                .microvms
                .get(guest)
                .iter()
                .flat_map(|vm| &vm.forwards)
            {
                let name = format!("{}/{}", forward.host, protocol(forward.protocol));
                let by = format!("MicroVM {guest}, to its port {}", forward.guest);
                rows.push(self.row(&name, &forward.address, &by, None));
            }
        }
        rows
    }

    /// The ports that SSH opens everywhere unless it is told not to.
    fn ssh(&self) -> Vec<Row> {
        let path = |name: &str| ["services", "openssh", name].map(str::to_owned);
        let (is, at) = self.applied.switch(None, &path("enable"));
        let (opens, said) = self.applied.switch(None, &path("openFirewall"));
        let (Is::Yes | Is::If(_), Some(at)) = (&is, at) else {
            return Vec::new();
        };
        if opens == Is::No && said.is_some() {
            return Vec::new();
        }
        let ports = self.applied.of(None, &path("ports"));
        let mut ports: Vec<String> = ports
            .iter()
            .flat_map(|(at, _)| self.numbers(*at, "allowedTCPPorts"))
            .collect();
        if ports.is_empty() {
            ports.push("22/tcp".to_owned());
        }
        let by = layer(&at.file.path);
        let by = by_if(format!("services.openssh, by default ({by})"), &is);
        let by = match said {
            Some(_) => by_if(by, &opens),
            None => by,
        };
        ports
            .iter()
            .map(|port| self.row(port, EVERYWHERE, &by, Some(at)))
            .collect()
    }

    /// The ports of a list of the firewall; none if it is another option.
    fn numbers(&self, at: At<'_>, list: &str) -> Vec<String> {
        if !(list.starts_with("allowed") && list.contains("Port")) {
            return Vec::new();
        }
        let protocol = if list.contains("UDP") { "udp" } else { "tcp" };
        let end = |all: &BTreeMap<String, Option<Known>>, name: &str| match all.get(name) {
            Some(Some(Known::Int(port))) => Some(*port),
            _ => None,
        };
        let port = |item: &Option<Known>| match item {
            Some(Known::Int(port)) => Some(port.to_string()),
            Some(Known::Attrs(all)) => Some(format!("{}-{}", end(all, "from")?, end(all, "to")?)),
            _ => None,
        };
        // What code gives is shown as the code.
        let written = |index: usize| match &at.setting.value {
            DefValue::List(items) => match items.get(index) {
                Some(DefValue::Expr(code)) => one_line(code),
                _ => String::new(),
            },
            _ => String::new(),
        };
        match (self.applied.value(at), &at.setting.value) {
            (Some(Known::List(items)), _) => items
                .iter()
                .enumerate()
                .map(|(index, item)| port(item).unwrap_or_else(|| written(index)))
                .filter(|port| !port.is_empty())
                .map(|port| format!("{port}/{protocol}"))
                .collect(),
            (_, DefValue::Expr(code)) => vec![format!("`{}`/{protocol}", one_line(code))],
            _ => Vec::new(),
        }
    }

    /// The feature that opens a port, or the file that says so.
    fn opener(&self, interface: &str, port: &str, path: &str) -> String {
        let found: BTreeSet<String> = self
            .host
            .ports
            .iter()
            .filter(|it| it.interface == interface && shown(it.numbers, it.protocol) == port)
            .map(|it| format!("feature {}", it.feature))
            .collect();
        if found.is_empty() {
            layer(path)
        } else {
            found.into_iter().collect::<Vec<_>>().join(", ")
        }
    }

    fn secrets(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        if self.host.secrets.is_empty() {
            return rows;
        }
        let all: Vec<At<'_>> = self.applied.all().collect();
        for (name, secret) in &self.host.secrets {
            let owner = secret.owner.as_deref().unwrap_or("root");
            let mode = secret.mode.as_deref().unwrap_or("0400");
            let readers = format!("{owner}, mode {mode}");
            let path = nix::attr_name(name);
            let wanted = format!("secrets.{path}.path");
            let mut used = false;
            for &at in &all {
                let At { file, setting, .. } = at;
                let code = &file.text[setting.value_start..setting.end];
                if code.contains(&wanted) {
                    used = true;
                    let user = file.user.as_ref().or(setting.user.as_ref());
                    let by = match user {
                        Some(user) => format!("{} of {user}'s home", setting.path),
                        None => setting.path.to_string(),
                    };
                    rows.push(self.row(name, &readers, &by, Some(at)));
                }
            }
            if !used {
                let by = secret.path.as_ref().map_or_else(
                    || "hand-written modules, or nothing".to_owned(),
                    |path| format!("whoever reads {path}"),
                );
                rows.push(self.row(name, &readers, &by, None));
            }
        }
        rows
    }

    fn services(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = services(&self.applied)
            .into_iter()
            .map(|service| {
                let on = service.user.as_deref().unwrap_or("the system");
                let by = layer(&service.at.file.path);
                let by = match service.only_if {
                    Some(code) => by_if(by, &Is::If(code)),
                    None => by,
                };
                self.row(&service.name, on, &by, Some(service.at))
            })
            .collect();
        for guest in &self.host.microvms {
            let name = format!("microvm@{guest}");
            rows.push(self.row(
                &name,
                "the system",
                &format!("host {}", self.host.name),
                None,
            ));
        }
        rows
    }
}

/// How far below the first line of a list a port of it stands.
fn element_line(code: &str, port: &str) -> usize {
    let number = port.split(['/', '-']).next().unwrap_or(port);
    let is_number = number.starts_with(|c: char| c.is_ascii_digit());
    let says = |line: &str| stands_in(line.split('#').next().unwrap_or(line), number);
    let found = is_number.then(|| code.lines().position(says)).flatten();
    found.unwrap_or_default()
}

/// What opens something, and the condition that cannot be told.
fn by_if(by: String, is: &Is) -> String {
    match is {
        Is::If(code) => format!("{by}, if `{code}`"),
        _ => by,
    }
}

fn shown(numbers: PortNumbers, of: Protocol) -> String {
    match numbers {
        PortNumbers::One(port) => format!("{port}/{}", protocol(of)),
        PortNumbers::Range(from, to) => format!("{from}-{to}/{}", protocol(of)),
    }
}

fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}

/// The feature whose module a file is.
pub(super) fn feature_of(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.trim_end_matches(".nix").split('/').collect();
    match parts.as_slice() {
        ["modules" | "home", category, name] if *category != "profiles" => {
            Some(format!("{category}.{name}"))
        }
        _ => None,
    }
}

/// Whose file it is, in words.
fn layer(path: &str) -> String {
    let parts: Vec<&str> = path.trim_end_matches(".nix").split('/').collect();
    match parts.as_slice() {
        ["templates", name] => format!("template {name}"),
        ["modules", "fleet"] => "fleet".to_owned(),
        ["home", "profiles", name] => format!("profile {name}"),
        ["modules" | "home", category, name] => format!("feature {category}.{name}"),
        ["users", user, ..] => format!("user {user}"),
        ["hosts", host, ..] => format!("host {host}"),
        ["microvms", vm] => format!("MicroVM {vm}"),
        ["images", image] => format!("image {image}"),
        ["custom", ..] => format!("hand-written {}", &path["custom/".len()..]),
        _ => path.to_owned(),
    }
}
