//! One side of hosts: the ports that are open, the secrets, the services. Read off the generated
//! files, so that what settings and features bring about through options of NixOS is in it.

use std::collections::{BTreeMap, BTreeSet};

use model::{Fleet, Host, PortNumbers, Protocol};
use nix::DefValue;
use output::Target;
use serde::Serialize;

use crate::cli::Sound;
use crate::modules::{Reached, Setting, reach};
use crate::table::Table;
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
    /// Where a port is open; who may read a secret.
    on: String,
    /// What opens, uses or switches on.
    pub(super) by: String,
    /// `generated/modules/web/server.nix:12`.
    pub(super) place: String,
}

/// The rows of a host.
pub(super) fn rows(sound: &Sound, target: &Target, host: &Host, topic: Topic) -> Vec<Row> {
    let name = host.name.as_str();
    let file = |path: &str| std::str::from_utf8(&sound.tree.get(path)?.bytes).ok();
    let starts = [
        format!("hosts/{name}/default.nix"),
        format!("microvms/{name}.nix"),
        format!("images/{name}.nix"),
    ];
    let start = starts.iter().find(|path| file(path).is_some());
    let files = start.map(|start| reach(start, file)).unwrap_or_default();
    let side = Side {
        fleet: &sound.fleet,
        target,
        host,
        files,
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
        let mut table = Table::new(&["host", "service", "by", "place"]);
        for row in rows {
            let cells = [&row.host, &row.name, &row.by, &row.place];
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
    files: Vec<Reached<'a>>,
}

const EVERYWHERE: &str = "every interface";

impl Side<'_> {
    /// The definitions of NixOS that apply.
    fn settings(&self) -> impl Iterator<Item = (&Reached<'_>, &Setting)> {
        self.every_setting()
            .filter(|(file, setting)| setting.user.is_none() && file.user.is_none())
    }

    /// The definitions that apply, of NixOS and of homes: not those of features that are off.
    fn every_setting(&self) -> impl Iterator<Item = (&Reached<'_>, &Setting)> {
        let is_on = |file: &&Reached<'_>| match (feature_of(&file.path), &file.user) {
            (Some(id), Some(user)) => self
                .host
                .users
                .get(user.as_str())
                .is_some_and(|user| user.enabled.contains_key(id.as_str())),
            (Some(id), None) => self.host.enabled.contains_key(id.as_str()),
            (None, _) => true,
        };
        self.files
            .iter()
            .filter(is_on)
            .flat_map(|file| file.module.settings.iter().map(move |it| (file, it)))
    }

    fn row(&self, name: &str, on: &str, by: &str, at: Option<(&Reached<'_>, &Setting)>) -> Row {
        let place = at.map(|(file, setting)| {
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
        let mut ssh = (None, None, vec!["22".to_owned()]);
        for at in self.settings() {
            let (file, setting) = at;
            let names: Vec<&str> = setting.path.parts().iter().map(String::as_str).collect();
            // An option of a feature opens what the feature lists, in zones.
            let space: Vec<&str> = self.fleet.namespace.split('.').collect();
            if names.starts_with(&space) {
                continue;
            }
            match names.as_slice() {
                ["networking", "firewall", "enable"] if setting.value == DefValue::Bool(false) => {
                    rows.push(self.row("all", EVERYWHERE, "the firewall is off", Some(at)));
                }
                ["networking", "firewall", "interfaces", interface, list] => {
                    for port in numbers(&setting.value, list) {
                        let by = self.opener(interface, &port, &file.path);
                        let on = self.on_interface(interface);
                        rows.push(self.row(&port, &on, &by, Some(at)));
                    }
                }
                ["networking", "firewall", list] => {
                    for port in numbers(&setting.value, list) {
                        rows.push(self.row(&port, EVERYWHERE, &layer(&file.path), Some(at)));
                    }
                }
                ["services", "openssh", "enable"] if setting.value == DefValue::Bool(true) => {
                    ssh.0 = Some(at);
                }
                ["services", "openssh", "openFirewall"] => ssh.1 = Some(setting.value.clone()),
                ["services", "openssh", "ports"] => {
                    if let DefValue::List(items) = &setting.value {
                        ssh.2 = items.iter().filter_map(number).collect();
                    }
                }
                [.., service, "openFirewall"] if setting.value == DefValue::Bool(true) => {
                    let by = format!("{service}, by its `openFirewall` ({})", layer(&file.path));
                    rows.push(self.row("its own", EVERYWHERE, &by, Some(at)));
                }
                _ => {}
            }
        }
        if let (Some(at), None | Some(DefValue::Bool(true))) = (ssh.0, &ssh.1) {
            for port in &ssh.2 {
                let by = format!("services.openssh, by default ({})", layer(&at.0.path));
                rows.push(self.row(&format!("{port}/tcp"), EVERYWHERE, &by, Some(at)));
            }
        }
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
        for (name, secret) in &self.host.secrets {
            let owner = secret.owner.as_deref().unwrap_or("root");
            let mode = secret.mode.as_deref().unwrap_or("0400");
            let readers = format!("{owner}, mode {mode}");
            let path = nix::attr_name(name);
            let wanted = format!("secrets.{path}.path");
            let mut used = false;
            for at in self.every_setting() {
                let (file, setting) = at;
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
        let mut found: BTreeMap<String, Row> = BTreeMap::new();
        for at in self.settings() {
            let (file, setting) = at;
            let names: Vec<&str> = setting.path.parts().iter().map(String::as_str).collect();
            let name = match names.as_slice() {
                ["services" | "virtualisation", service @ .., "enable"]
                    if !service.is_empty() && setting.value == DefValue::Bool(true) =>
                {
                    format!("{}.{}", names[0], service.join("."))
                }
                [
                    "systemd",
                    kind @ ("services" | "timers" | "sockets"),
                    unit,
                    ..,
                ] => {
                    format!("systemd.{kind}.{}", nix::attr_name(unit))
                }
                _ => continue,
            };
            found
                .entry(name.clone())
                .or_insert_with(|| self.row(&name, "", &layer(&file.path), Some(at)));
        }
        found.into_values().collect()
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

fn number(value: &DefValue) -> Option<String> {
    match value {
        DefValue::Int(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The ports of a list of the firewall; none if it is another option.
fn numbers(value: &DefValue, list: &str) -> Vec<String> {
    let (true, DefValue::List(items)) =
        (list.starts_with("allowed") && list.contains("Port"), value)
    else {
        return Vec::new();
    };
    let protocol = if list.contains("UDP") { "udp" } else { "tcp" };
    let range = |code: &str| {
        let digits = code.split(|c: char| !c.is_ascii_digit());
        let digits: Vec<&str> = digits.filter(|part| !part.is_empty()).collect();
        digits.join("-")
    };
    items
        .iter()
        .map(|item| match item {
            DefValue::Expr(code) if code.trim_start().starts_with('{') => range(code),
            DefValue::Expr(code) => code.clone(),
            item => number(item).unwrap_or_default(),
        })
        .filter(|port| !port.is_empty())
        .map(|port| format!("{port}/{protocol}"))
        .collect()
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
fn feature_of(path: &str) -> Option<String> {
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
        ["modules", category, name] => format!("feature {category}.{name}"),
        ["users", user, ..] => format!("user {user}"),
        ["hosts", host, ..] => format!("host {host}"),
        ["microvms", vm] => format!("MicroVM {vm}"),
        ["images", image] => format!("image {image}"),
        ["custom", ..] => format!("hand-written {}", &path["custom/".len()..]),
        _ => path.to_owned(),
    }
}
