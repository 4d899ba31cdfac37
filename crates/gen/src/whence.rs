//! Where something in a generated file comes from: the lines of the spec, and the feature or
//! template behind it.

use std::collections::BTreeSet;

use diag::{SourceMap, Span};
use model::{Definition, Enabled, FeatureId, Fleet, Host, PortNumbers, Reason};
use nix::{Item, Named};

use crate::Generated;
use crate::behind::{home_path, machine, matching};
use crate::modules::{folder, joined};
use crate::origin;
use crate::places::Places;
use crate::yaml::Yaml;

/// What a place has to do with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// It says what the line says.
    Sets,
    /// It gave another value, or a part of a list.
    Under,
    /// It is why the line is there.
    Causes,
}

/// A place behind a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    /// What it has to do with the line.
    pub(crate) role: Role,
    /// The layer in words: `host p620`, `feature ai.ollama`.
    pub(crate) layer: String,
    /// `spec/hosts.yaml:12`.
    pub(crate) place: Option<String>,
    /// The line there.
    pub(crate) line: Option<String>,
}

/// Answers where things come from.
pub(crate) struct Whence<'a> {
    generated: &'a Generated,
    fleet: &'a Fleet,
    sources: &'a SourceMap,
    yaml: Yaml<'a>,
}

impl<'a> Whence<'a> {
    pub(crate) fn new(generated: &'a Generated) -> Self {
        Self {
            generated,
            fleet: &generated.fleet,
            sources: &generated.sources,
            yaml: Yaml::new(&generated.sources, &generated.yaml),
        }
    }

    fn places(&self) -> Places<'a> {
        Places::new(self.fleet, &self.generated.spec)
    }

    /// The places behind an item of a generated file; never empty for a file that is generated.
    pub(crate) fn item(&mut self, file: &str, text: &str, item: &Item) -> Vec<Cause> {
        if let Some(asset) = self.fleet.assets.get(file) {
            return vec![self.copied(asset, text, item.start)];
        }
        if self.fleet.program_files.contains_key(file) {
            return vec![Self::program(file, text, item.start)];
        }
        let code = &text[item.value_start..item.end];
        let element = match item.named {
            Named::Element(_) => Some(code),
            _ => None,
        };
        let mut path: Vec<String> = item.path.clone();
        if path.first().is_some_and(|name| name == "config") && path.len() > 1 {
            path.remove(0);
        }
        let mut causes = if path.last().is_some_and(|name| name == "imports") {
            match element {
                Some(element) => self.import(file, &path, element),
                None => self.owner(file),
            }
        } else if file == "flake.nix" {
            self.flake(&path, element)
        } else if matches!(file, "secrets/secrets.nix") {
            self.secret_rule(&path, element)
        } else {
            self.option(file, text, &path, item, element)
        };
        causes.retain(|cause| cause.place.is_some());
        if causes.is_empty() {
            causes = self.owner(file);
        }
        dedup(causes)
    }

    /// The places behind an option in a file: path as the file writes it.
    pub(crate) fn option(
        &mut self,
        file: &str,
        text: &str,
        path: &[String],
        item: &Item,
        element: Option<&str>,
    ) -> Vec<Cause> {
        let behind = self.places().of_file(file);
        let printed = behind.printed;
        let found: Vec<&Definition> = matching(&printed, path);
        let exact = |definition: &&Definition| {
            printed.iter().any(|(prefix, _)| {
                path.len() >= prefix.len() + definition.path.parts().len()
                    && path.starts_with(prefix)
            })
        };
        let (exact, loose): (Vec<_>, Vec<_>) = found.into_iter().partition(exact);
        let owner = behind.span;
        // What a field of the machine gives has the machine for its place.
        let is_told = |definition: &&Definition| definition.origin.span != owner;
        if exact.iter().any(is_told) {
            return self.definitions(&exact, element);
        }
        // A set around definitions: all of them.
        if exact.is_empty() && !loose.is_empty() {
            return self.definitions(&loose, None);
        }
        let special = self.special(file, text, path, item, element);
        if special.is_empty() {
            self.definitions(&exact, element)
        } else {
            special
        }
    }

    /// The causes of definitions; of a list element, the place where the element is written.
    fn definitions(&mut self, definitions: &[&Definition], element: Option<&str>) -> Vec<Cause> {
        let mut causes = Vec::new();
        let mut elements = Vec::new();
        for definition in definitions {
            let over = definition.over.iter().map(|origin| (Role::Under, origin));
            for (role, origin) in std::iter::once((Role::Sets, &definition.origin)).chain(over) {
                let layer = origin::layer(&origin.layer);
                if let (Some(span), Some(word)) = (origin.span, element.and_then(word_of))
                    && let Some(at) = self.yaml.word(span, &word)
                {
                    elements.push(self.cause(Role::Sets, &layer, Some(at)));
                }
                causes.push(self.cause(role, &layer, origin.span));
            }
        }
        if elements.is_empty() {
            causes
        } else {
            elements
        }
    }

    /// What has fields of its own in the model, or stands for something else of the spec.
    fn special(
        &mut self,
        file: &str,
        text: &str,
        path: &[String],
        item: &Item,
        element: Option<&str>,
    ) -> Vec<Cause> {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let parts: Vec<&str> = file.trim_end_matches(".nix").split('/').collect();
        match parts.as_slice() {
            ["hosts" | "microvms" | "images", name, ..] => {
                let section = match parts[0] {
                    "hosts" => "hosts",
                    "microvms" => "microvms",
                    _ => "images",
                };
                self.of_machine(section, name, &names, item, text, element)
            }
            ["installers", host] => self.keys(
                &format!("installer of {host}"),
                &[&["installers", host], &["hosts", host, "installer"]],
            ),
            ["disks", name] => {
                let layer = format!("disk layout {name}");
                let mut causes = self.disk(name, &names, element);
                if causes.is_empty() {
                    causes = self.keys(&layer, &[&["disks", name]]);
                }
                causes
            }
            ["modules", "fleet"] => self.of_fleet(&names, element),
            ["overlays", "default"] => self.of_overlay(&names, element),
            ["users", user, "default"] => self.keys(&format!("user {user}"), &[&["users", user]]),
            ["users", user, host] => {
                let layer = format!("user {user} on {host}");
                self.keys(
                    &layer,
                    &[
                        &["hosts", host, "users", user],
                        &["microvms", host, "users", user],
                        &["images", host, "users", user],
                        &["users", user],
                    ],
                )
            }
            [half @ ("modules" | "home"), category, name] if parts[1] != "profiles" => {
                let id = format!("{category}.{name}");
                self.of_feature(&id, *half == "home", &names, item, text)
            }
            _ => Vec::new(),
        }
    }

    fn of_machine(
        &mut self,
        section: &str,
        name: &str,
        path: &[&str],
        item: &Item,
        text: &str,
        element: Option<&str>,
    ) -> Vec<Cause> {
        let Some(host) = machine(self.fleet, name) else {
            return Vec::new();
        };
        let layer = match section {
            "hosts" => format!("host {name}"),
            "microvms" => format!("MicroVM {name}"),
            _ => format!("image {name}"),
        };
        let fields = |fields: &[&'static str]| -> Vec<String> {
            [section, name]
                .iter()
                .chain(fields)
                .map(|&part| part.to_owned())
                .collect()
        };
        let key = match path {
            ["system", "stateVersion"] => fields(&["stateVersion"]),
            ["nixpkgs", "hostPlatform"] => fields(&["system"]),
            ["boot", "loader", ..] => fields(&["hardware", "boot"]),
            ["boot", "initrd", "availableKernelModules", ..] => {
                fields(&["hardware", "initrdModules"])
            }
            ["boot", "kernelModules", ..] => fields(&["hardware", "kernelModules"]),
            ["hardware", "cpu", ..] => fields(&["hardware", "cpu"]),
            ["hardware", "enableRedistributableFirmware"] => fields(&["hardware", "firmware"]),
            ["hardware", "facter", ..] | ["facter", ..] => fields(&["hardware", "facter"]),
            ["fileSystems" | "swapDevices" | "disko", ..] => fields(&["hardware", "disks"]),
            ["hardware" | "boot" | "services", ..] => fields(&["hardware"]),
            ["microvm", "mem"] => fields(&["memory"]),
            ["microvm", "vcpu"] => fields(&["vcpu"]),
            ["microvm", "volumes", ..] => fields(&["volumes"]),
            ["microvm", "forwardPorts", ..] => fields(&["forwards"]),
            ["microvm", "interfaces", ..] => fields(&["network"]),
            ["microvm", "shares", ..] => fields(&["shares"]),
            ["microvm", "vms", guest, ..] => return self.guest(host, guest),
            ["networking", "firewall", "interfaces", rest @ ..] => {
                return self.ports(host, rest, item, text, element);
            }
            [backend @ ("age" | "sops"), rest @ ..] => {
                return self.secrets(host, backend, rest);
            }
            _ => fields(&[]),
        };
        let key: Vec<&str> = key.iter().map(String::as_str).collect();
        let mut causes = Vec::new();
        if let Some((span, depth)) = self.yaml.key(&key, Some(host.span.file)) {
            // The fleet's default, where the machine says nothing.
            let default = match path {
                ["system", "stateVersion"] => Some("stateVersion"),
                ["nixpkgs", "hostPlatform"] => Some("system"),
                _ => None,
            };
            if let Some(name) = default.filter(|_| depth < key.len()) {
                causes.extend(self.keys("fleet", &[&["fleet", name]]));
            }
            if causes.is_empty() {
                let at = element
                    .and_then(word_of)
                    .and_then(|word| self.yaml.word(span, &word));
                causes.push(self.cause(Role::Sets, &layer, at.or(Some(span))));
            }
            if path.first() == Some(&"disko") || path.first() == Some(&"fileSystems") {
                for name in host.disks.keys() {
                    let disk = self.disk(name, path, element);
                    causes.extend(disk);
                }
            }
        }
        if causes.is_empty() {
            causes.push(self.cause(Role::Causes, &layer, Some(host.span)));
        }
        causes
    }

    /// A shared disk layout, as near as names or words lead.
    fn disk(&mut self, name: &str, path: &[&str], element: Option<&str>) -> Vec<Cause> {
        let layer = format!("disk layout {name}");
        let Some((span, 2)) = self.yaml.key(&["disks", name], None) else {
            return Vec::new();
        };
        let words = element.and_then(word_of).into_iter();
        let words = words.chain(path.iter().rev().map(|&name| name.to_owned()));
        for word in words {
            if let Some(at) = self.yaml.word(span, &word) {
                return vec![self.cause(Role::Sets, &layer, Some(at))];
            }
        }
        vec![self.cause(Role::Sets, &layer, Some(span))]
    }

    fn guest(&mut self, host: &Host, guest: &str) -> Vec<Cause> {
        let name = host.name.as_str();
        let mut causes = self.keys(
            &format!("host {name}"),
            &[&["hosts", name, "microvms", guest]],
        );
        causes.extend(self.keys(&format!("MicroVM {guest}"), &[&["microvms", guest]]));
        causes
    }

    /// Who opens ports.
    fn ports(
        &mut self,
        host: &Host,
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
        let mut causes = self.features(host, ports.iter().map(|port| &port.feature));
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

    /// Features that bring something about, and why they are on.
    fn features<'f>(
        &mut self,
        host: &Host,
        ids: impl Iterator<Item = &'f FeatureId>,
    ) -> Vec<Cause> {
        let ids: BTreeSet<&FeatureId> = ids.collect();
        let mut causes = Vec::new();
        for id in ids {
            let span = self.feature_key(id.as_str(), &["ports"]);
            causes.push(self.cause(Role::Sets, &format!("feature {id}"), span));
            causes.extend(self.reasons(host.enabled.get(id), id.as_str()));
        }
        causes
    }

    /// Why a feature is on.
    fn reasons(&mut self, enabled: Option<&Enabled>, id: &str) -> Vec<Cause> {
        let mut causes = Vec::new();
        for reason in enabled.iter().flat_map(|enabled| &enabled.reasons) {
            match reason {
                Reason::Named(origin) => {
                    let layer = origin::layer(&origin.layer);
                    causes.push(self.cause(Role::Causes, &layer, origin.span));
                }
                Reason::RequiredBy { feature } => {
                    let span = self.feature_key(feature.as_str(), &["requires", id]);
                    let layer = format!("feature {feature}, which requires {id}");
                    causes.push(self.cause(Role::Causes, &layer, span));
                }
                Reason::RequiredByHome { feature, user } => {
                    let span = self.feature_key(feature.as_str(), &["requires", id]);
                    let layer = format!("feature {feature} of user {user}, which requires {id}");
                    causes.push(self.cause(Role::Causes, &layer, span));
                }
            }
        }
        causes
    }

    /// The place of a key in the definition of a feature, or of the feature itself.
    pub(crate) fn feature_key(&mut self, id: &str, keys: &[&str]) -> Option<Span> {
        let feature = self.fleet.features.get(id)?;
        let span = feature.span?;
        let file = span.file;
        let roots: [&[&str]; 3] = [&["features", id], &["homeFeatures", id], &[]];
        for root in roots {
            let path: Vec<&str> = root.iter().chain(keys).copied().collect();
            if let Some((span, depth)) = self.yaml.key(&path, Some(file))
                && depth > root.len()
            {
                return Some(span);
            }
        }
        Some(span)
    }

    fn secrets(&mut self, host: &Host, backend: &str, path: &[&str]) -> Vec<Cause> {
        let ["secrets", name, ..] = path else {
            let names: Vec<String> = host.secrets.keys().cloned().collect();
            let mut causes = Vec::new();
            for name in names {
                causes.extend(self.secret(&name));
            }
            let _ = backend;
            return causes;
        };
        self.secret(name)
    }

    fn secret(&mut self, name: &str) -> Vec<Cause> {
        let layer = format!("secret {name}");
        self.keys(&layer, &[&["secrets", "items", name], &["secrets"]])
    }

    fn secret_rule(&mut self, path: &[String], element: Option<&str>) -> Vec<Cause> {
        let words = element.and_then(|code| code.split_once('.'));
        match path
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice()
        {
            [kind @ ("hosts" | "users"), name, ..] => {
                self.keys("keys of secrets", &[&["secrets", "keys", kind, name]])
            }
            ["hosts" | "users" | "allHosts"] => {
                self.keys("keys of secrets", &[&["secrets", "keys"]])
            }
            [file, ..] => {
                let name = file.trim_end_matches(".age");
                let mut causes = self.secret(name);
                if let Some((kind, of)) = words {
                    let key = ["secrets", "items", name, kind, of];
                    if let Some((span, 5)) = self.yaml.key(&key, None) {
                        let layer = format!("secret {name}");
                        causes = vec![self.cause(Role::Sets, &layer, Some(span))];
                    }
                }
                causes
            }
            [] => Vec::new(),
        }
    }

    fn of_fleet(&mut self, path: &[&str], element: Option<&str>) -> Vec<Cause> {
        let mut key = vec!["fleet"];
        key.extend_from_slice(match path {
            ["console", ..] => &["locale", "keyMap"],
            ["i18n", ..] => &["locale", "language"],
            ["time", ..] => &["locale", "timeZone"],
            ["networking", "domain"] => &["domain"],
            ["nix", "gc", ..] => &["nix", "gc"],
            ["nix", "settings", ..] => &["nix", "caches"],
            ["nixpkgs", "overlays", ..] => &["packages", "overlays"],
            ["nixpkgs", ..] => &["packages", "unfree"],
            _ => &[],
        });
        let Some((span, _)) = self.yaml.key(&key, None) else {
            return Vec::new();
        };
        let at = element
            .and_then(word_of)
            .and_then(|word| self.yaml.word(span, &word));
        vec![self.cause(Role::Sets, "fleet", at.or(Some(span)))]
    }

    /// The overlay: own packages, pins, and the fleet's overlays.
    fn of_overlay(&mut self, path: &[&str], element: Option<&str>) -> Vec<Cause> {
        if let [name, ..] = path {
            let own = ["fleet", "packages", "own", name];
            let pin = ["fleet", "packages", "pins", name];
            let causes = self.keys(&format!("package {name}"), &[&own, &pin]);
            if !causes.is_empty() {
                return causes;
            }
            if let Some(package) = self.fleet.own_packages.get(*name) {
                let layer = format!("package {name}");
                return vec![self.cause(Role::Sets, &layer, Some(package.span))];
            }
        }
        let overlays = ["fleet", "packages", "overlays"];
        let Some((span, 3)) = self.yaml.key(&overlays, None) else {
            return self.keys("fleet", &[&["fleet", "packages"]]);
        };
        let at = element
            .and_then(word_of)
            .and_then(|word| self.yaml.word(span, &word));
        vec![self.cause(Role::Sets, "fleet", at.or(Some(span)))]
    }

    /// The inside of a feature's module.
    fn of_feature(
        &mut self,
        id: &str,
        home: bool,
        path: &[&str],
        item: &Item,
        text: &str,
    ) -> Vec<Cause> {
        let Some(feature) = self.fleet.features.get(id) else {
            return Vec::new();
        };
        let layer = format!("feature {id}");
        let depth = 3 + self.fleet.namespace.split('.').count();
        if let ["options", ..] = path {
            let key: Vec<&str> = match &path[depth.min(path.len())..] {
                [] | ["enable", ..] => Vec::new(),
                [option, rest @ ..] => ["options", option]
                    .into_iter()
                    .chain(rest.first().copied())
                    .collect(),
            };
            let span = self.feature_key(id, &key);
            return vec![self.cause(Role::Sets, &layer, span)];
        }
        // The body is copied: the line that says the same.
        let first = text[item.start..].lines().next().unwrap_or_default();
        let line = text[..item.start].rfind('\n').map_or(0, |at| at + 1);
        let whole = text[line..].lines().next().unwrap_or_default().trim();
        if let Some(body) = self.body(feature.id.as_str(), home) {
            let (name, content) = body;
            let wanted = [whole, first.trim()];
            let by_line = content
                .lines()
                .position(|line| !line.trim().is_empty() && wanted.contains(&line.trim()));
            let by_name = || {
                let name = item.path.last()?;
                content
                    .lines()
                    .position(|line| line.contains(name.as_str()))
            };
            if let Some(index) = by_line.or_else(by_name) {
                return vec![Cause {
                    role: Role::Sets,
                    layer,
                    place: Some(format!("{name}:{}", index + 1)),
                    line: content
                        .lines()
                        .nth(index)
                        .map(|line| line.trim().to_owned()),
                }];
            }
        }
        vec![self.cause(Role::Sets, &layer, feature.span)]
    }

    /// The template of a feature's half: its name as messages show it, and its text.
    fn body(&self, id: &str, home: bool) -> Option<(String, String)> {
        let spec = &self.generated.spec;
        if let Some(item) = spec.features.get(id).or_else(|| spec.home_features.get(id)) {
            let name = if home {
                item.value.home_body.as_ref()
            } else {
                item.value.body.as_ref()
            };
            let name = &name?.value;
            let bytes = self.generated.assets.get(name)?;
            return Some((
                self.generated.shown(name),
                String::from_utf8_lossy(bytes).into_owned(),
            ));
        }
        let entry = catalog::entry(id)?;
        let bodies = entry.bodies;
        let is_home = |name: &str| name.contains("home");
        let body = bodies
            .iter()
            .find(|body| bodies.len() == 1 || is_home(body.name) == home)?;
        let path = entry.path();
        Some((
            format!("{}/{}", folder(&path), body.name),
            body.text.to_owned(),
        ))
    }

    /// Why a module is imported.
    fn import(&mut self, file: &str, path: &[String], element: &str) -> Vec<Cause> {
        let element = element.trim();
        let Some(target) = joined(folder(file), element) else {
            return Vec::new();
        };
        let parts: Vec<&str> = target.trim_end_matches(".nix").split('/').collect();
        let from: Vec<&str> = file.trim_end_matches(".nix").split('/').collect();
        match parts.as_slice() {
            ["modules", "home-manager" | "installer"] => self.owner(file),
            ["modules", "fleet"] => self.keys("fleet", &[&["fleet"]]),
            ["templates", name] => match from.as_slice() {
                [section @ ("hosts" | "microvms" | "images"), host, ..] => self.keys(
                    &format!("template {name}"),
                    &[&[section, host, "template"], &["templates", name]],
                ),
                _ => self.keys(&format!("template {name}"), &[&["templates", name]]),
            },
            ["home", "profiles", name] => {
                let layer = format!("profile {name}");
                if let ["users", user, host] = from.as_slice() {
                    for section in ["hosts", "microvms", "images"] {
                        let key = [section, host, "users", user, name];
                        if let Some((span, depth)) = self.yaml.key(&key, None)
                            && depth >= 4
                        {
                            let at = self.yaml.word(span, name).unwrap_or(span);
                            return vec![self.cause(Role::Causes, &layer, Some(at))];
                        }
                    }
                }
                self.keys(&layer, &[&["profiles", name]])
            }
            [half @ ("modules" | "home"), category, name] => {
                let id = format!("{category}.{name}");
                self.feature_import(&from, &id, *half == "home")
            }
            ["users", user, ..] => match from.as_slice() {
                ["hosts", host, ..] => self.keys(
                    &format!("user {user} on {host}"),
                    &[&["hosts", host, "users", user], &["users", user]],
                ),
                [section, host] => self.keys(
                    &format!("user {user} on {host}"),
                    &[&[section, host, "users", user], &["users", user]],
                ),
                _ => Vec::new(),
            },
            ["disks", name] => {
                let mut causes = match from.as_slice() {
                    ["hosts", host, ..] => self.keys(
                        &format!("host {host}"),
                        &[&["hosts", host, "hardware", "disks"]],
                    ),
                    _ => Vec::new(),
                };
                causes.extend(self.keys(&format!("disk layout {name}"), &[&["disks", name]]));
                causes
            }
            ["hosts", host, _] => {
                self.keys(&format!("host {host}"), &[&["hosts", host, "hardware"]])
            }
            ["custom", ..] => {
                let Some(asset) = self.fleet.assets.get(&target).cloned() else {
                    return Vec::new();
                };
                let _ = path;
                let owner = owner_keys(&from);
                for keys in owner {
                    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                    if let Some((span, depth)) = self.yaml.key(&keys, None)
                        && depth == keys.len()
                        && let Some(at) = self.yaml.word(span, &asset)
                    {
                        let mut cause = self.cause(Role::Sets, "hand-written module", Some(at));
                        cause.layer = format!("hand-written module {asset}");
                        return vec![cause];
                    }
                }
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn feature_import(&mut self, from: &[&str], id: &str, home: bool) -> Vec<Cause> {
        let fleet = self.fleet;
        let causes = match from {
            ["hosts", host, ..] | ["microvms" | "images", host] => {
                let enabled = machine(fleet, host).and_then(|host| host.enabled.get(id));
                self.reasons(enabled, id)
            }
            ["users", user, host] => {
                let machine = machine(fleet, host);
                let enabled = machine.and_then(|machine| {
                    let own = machine.users.get(*user)?;
                    if home {
                        own.enabled.get(id)
                    } else {
                        machine.enabled.get(id)
                    }
                });
                self.reasons(enabled, id)
            }
            [_, category, name]
                if fleet
                    .features
                    .contains_key(format!("{category}.{name}").as_str()) =>
            {
                let by = format!("{category}.{name}");
                let span = self.feature_key(&by, &["requires", id]);
                vec![self.cause(
                    Role::Causes,
                    &format!("feature {by}, which requires {id}"),
                    span,
                )]
            }
            _ => Vec::new(),
        };
        if !causes.is_empty() {
            return causes;
        }
        // A template or profile that sets it, or the list of all features.
        let file = from.join("/");
        let printed = self.places().of_file(&format!("{file}.nix")).printed;
        let (category, name) = id.split_once('.').unwrap_or((id, ""));
        let mut option: Vec<String> = fleet.namespace.split('.').map(str::to_owned).collect();
        option.extend([category.to_owned(), name.to_owned()]);
        let mut found = matching(&printed, &option);
        if found.is_empty()
            && let ["users", user, _] = from
        {
            let path: Vec<String> = home_path(user).into_iter().chain(option).collect();
            found = matching(&printed, &path);
        }
        let found: Vec<&Definition> = found
            .into_iter()
            .filter(|definition| definition.path.parts().len() > 2)
            .collect();
        let causes = self.definitions(&found, None);
        if !causes.is_empty() {
            return causes;
        }
        let span = self.feature_key(id, &[]);
        vec![self.cause(Role::Sets, &format!("feature {id}"), span)]
    }

    fn flake(&mut self, path: &[String], element: Option<&str>) -> Vec<Cause> {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        match names.as_slice() {
            ["description"] => self.keys("fleet", &[&["fleet", "description"], &["fleet"]]),
            ["inputs", name, rest @ ..] => self.input(name, rest),
            ["outputs", rest @ ..] => self.output(rest, element),
            _ => Vec::new(),
        }
    }

    /// An input: where the spec declares it, or what needs it.
    fn input(&mut self, name: &str, path: &[&str]) -> Vec<Cause> {
        let layer = format!("input {name}");
        let key: Vec<&str> = ["inputs", name].iter().chain(path).copied().collect();
        if let Some((span, depth)) = self.yaml.key(&key, None)
            && depth >= 2
        {
            return vec![self.cause(Role::Sets, &layer, Some(span))];
        }
        let fleet = self.fleet;
        let needs = format!("what needs input {name}");
        let uses = |host: &Host| {
            let prefix = format!("{name}.");
            host.input_modules.iter().any(|it| it.starts_with(&prefix))
        };
        let spans = match name {
            "nixpkgs" => return self.keys("fleet", &[&["fleet", "channel"], &["fleet"]]),
            "nixpkgs-unstable" => {
                let unstable: &[&str] = &["fleet", "packages", "unstable"];
                let pins: &[&str] = &["fleet", "packages", "pins"];
                return self.keys("fleet", &[unstable, pins, &["fleet"]]);
            }
            "agenix" | "sops-nix" => {
                return self.keys(&needs, &[&["secrets"], &["fleet", "secrets"]]);
            }
            "microvm" => return self.keys(&needs, &[&["microvms"]]),
            _ => fleet.machines().filter(|host| uses(host)).take(3),
        };
        spans
            .map(|host| {
                let layer = format!("host {}, which needs input {name}", host.name);
                self.cause(Role::Causes, &layer, Some(host.span))
            })
            .collect()
    }

    fn output(&mut self, path: &[&str], element: Option<&str>) -> Vec<Cause> {
        let fleet = self.fleet;
        match path {
            ["nixosConfigurations", name, rest @ ..] => {
                let Some(host) = machine(fleet, name) else {
                    return Vec::new();
                };
                if let (["modules"], Some(element)) = (rest, element)
                    && let Some((input, _)) = element.split_once('.')
                    && !element.starts_with('.')
                {
                    let causes = self.input(input, &[]);
                    let own = self.cause(Role::Causes, &format!("host {name}"), Some(host.span));
                    return causes.into_iter().chain([own]).collect();
                }
                vec![self.cause(Role::Sets, &format!("host {name}"), Some(host.span))]
            }
            ["packages", _, name, ..] => {
                if let Some(host) = name.strip_prefix("live-iso-")
                    && let Some(installer) = fleet.installers.get(host)
                {
                    let layer = format!("installer of {host}");
                    return vec![self.cause(Role::Sets, &layer, Some(installer.span))];
                }
                match (machine(fleet, name), fleet.own_packages.get(*name)) {
                    (Some(host), _) => vec![self.cause(Role::Sets, name, Some(host.span))],
                    (None, Some(_)) => self.of_overlay(&[name], None),
                    (None, None) => Vec::new(),
                }
            }
            ["checks", _, name, ..] if name.starts_with("package-") => {
                self.of_overlay(&[&name["package-".len()..]], None)
            }
            ["overlay" | "overlays" | "withPackages" | "packageSets", ..] => {
                self.keys("fleet", &[&["fleet", "packages"]])
            }
            ["nixosModules" | "homeModules", name, ..] => {
                let id = name.replacen('-', ".", 1);
                match self.feature_key(&id, &[]) {
                    Some(span) => {
                        vec![self.cause(Role::Sets, &format!("feature {id}"), Some(span))]
                    }
                    None => Vec::new(),
                }
            }
            ["deploy", "nodes", name, ..] => match machine(fleet, name) {
                Some(host) => {
                    let layer = format!("host {name}");
                    let key = ["hosts", *name, "deploy"];
                    let at = self.yaml.key(&key, Some(host.span.file));
                    let span = at.map_or(host.span, |(span, _)| span);
                    vec![self.cause(Role::Sets, &layer, Some(span))]
                }
                None => Vec::new(),
            },
            ["unstable", ..] => {
                let unstable: &[&str] = &["fleet", "packages", "unstable"];
                self.keys("fleet", &[unstable, &["fleet", "packages", "pins"]])
            }
            _ => Vec::new(),
        }
    }

    /// What a whole file comes from.
    pub(crate) fn owner(&mut self, file: &str) -> Vec<Cause> {
        let parts: Vec<&str> = file.trim_end_matches(".nix").split('/').collect();
        let causes = match parts.as_slice() {
            ["templates", name] => self.keys(&format!("template {name}"), &[&["templates", name]]),
            ["home", "profiles", name] => {
                self.keys(&format!("profile {name}"), &[&["profiles", name]])
            }
            ["users", user, "default"] => self.keys(&format!("user {user}"), &[&["users", user]]),
            ["users", user, host] => self.keys(
                &format!("user {user} on {host}"),
                &[
                    &["hosts", host, "users", user],
                    &["microvms", host, "users", user],
                    &["images", host, "users", user],
                ],
            ),
            ["disks", name] => self.keys(&format!("disk layout {name}"), &[&["disks", name]]),
            ["secrets", _] => self.keys("secrets", &[&["secrets"]]),
            ["modules", "home-manager"] => self.keys("users", &[&["users"]]),
            ["modules", "fleet"] => self.keys("fleet", &[&["fleet"]]),
            ["overlays", "default"] => self.keys("fleet", &[&["fleet", "packages"]]),
            ["modules", "installer"] => {
                let spans = self.fleet.installers.values().map(|it| it.span);
                let spans: Vec<Span> = spans.take(3).collect();
                let cause = |span| self.cause(Role::Causes, "installers", Some(span));
                spans.into_iter().map(cause).collect()
            }
            _ => match self.places().of_file(file).span {
                Some(span) => {
                    let layer = match parts.as_slice() {
                        ["hosts", host, ..] => format!("host {host}"),
                        ["microvms", vm] => format!("MicroVM {vm}"),
                        ["images", image] => format!("image {image}"),
                        ["installers", host] => format!("installer of {host}"),
                        [_, category, name] => format!("feature {category}.{name}"),
                        _ => file.to_owned(),
                    };
                    vec![self.cause(Role::Causes, &layer, Some(span))]
                }
                None => Vec::new(),
            },
        };
        if causes.is_empty() {
            // The rest is a part of every flake.
            return self.keys("every flake that gen writes", &[&["fleet"]]);
        }
        causes
    }

    /// The first of some paths of keys that is in the spec as a whole, or as far as it goes.
    fn keys(&mut self, layer: &str, paths: &[&[&str]]) -> Vec<Cause> {
        for path in paths {
            if let Some((span, depth)) = self.yaml.key(path, None)
                && depth == path.len()
            {
                return vec![self.cause(Role::Sets, layer, Some(span))];
            }
        }
        Vec::new()
    }

    /// A place in a hand-written file, which is copied line by line.
    fn copied(&self, asset: &str, text: &str, at: usize) -> Cause {
        let line = 1 + text[..at].matches('\n').count();
        let shown = self.generated.shown(asset);
        Cause {
            role: Role::Sets,
            layer: format!("hand-written file {asset}"),
            place: Some(format!("{shown}:{line}")),
            line: text
                .lines()
                .nth(line - 1)
                .map(|line| line.trim().to_owned()),
        }
    }

    /// A place in a program of the catalog, which is copied below a header of one line.
    fn program(file: &str, text: &str, at: usize) -> Cause {
        let line = text[..at].matches('\n').count();
        let path = file.strip_prefix("pkgs/").unwrap_or(file);
        let name = path.split('/').next().unwrap_or(path);
        Cause {
            role: Role::Sets,
            layer: format!("program {name}"),
            place: Some(format!("catalog:programs/{path}:{line}")),
            line: text.lines().nth(line).map(|line| line.trim().to_owned()),
        }
    }

    fn cause(&self, role: Role, layer: &str, span: Option<Span>) -> Cause {
        let line = span.map(|span| {
            let file = self.sources.file(span.file);
            let line = file.line_at(span.start as usize);
            file.text[file.line_range(line)].trim().to_owned()
        });
        Cause {
            role,
            layer: layer.to_owned(),
            place: span.map(|span| self.sources.place(span)),
            line,
        }
    }
}

/// The keys below which a file's hand-written modules are listed.
fn owner_keys(from: &[&str]) -> Vec<Vec<String>> {
    let path = |parts: &[&str]| parts.iter().map(|&part| part.to_owned()).collect();
    match from {
        ["hosts", host, ..] => vec![
            path(&["hosts", host, "modules"]),
            path(&["fleet", "modules"]),
        ],
        [
            section @ ("microvms" | "images" | "templates" | "installers"),
            name,
        ] => {
            vec![path(&[section, name, "modules"])]
        }
        ["home", "profiles", name] => vec![path(&["profiles", name, "modules"])],
        ["users", user, "default"] => vec![path(&["users", user, "home", "modules"])],
        ["users", user, host] => ["hosts", "microvms", "images"]
            .iter()
            .map(|section| path(&[section, host, "users", user, "modules"]))
            .collect(),
        _ => vec![path(&["fleet", "modules"])],
    }
}

/// The word that a literal is written with in YAML.
fn word_of(code: &str) -> Option<String> {
    let code = code.trim();
    if let Some(text) = code
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        return Some(text.replace("\\\"", "\"").replace("\\\\", "\\"));
    }
    let package = code.strip_prefix("pkgs.").unwrap_or(code);
    (!package.is_empty() && !package.contains(['\n', ' ', '{'])).then(|| package.to_owned())
}

/// The same place once, what sets before what causes.
fn dedup(causes: Vec<Cause>) -> Vec<Cause> {
    let mut kept: Vec<Cause> = Vec::new();
    for cause in causes {
        let is_known = kept
            .iter()
            .any(|other| other.place == cause.place && other.layer == cause.layer);
        if !is_known {
            kept.push(cause);
        }
    }
    kept.sort_by_key(|cause| cause.role);
    kept
}
