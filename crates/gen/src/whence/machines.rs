//! Files of hosts, guests and images: fields, disks, accounts, secrets.

use model::{Definition, Host};
use nix::Item;

use super::{Cause, Role, Whence, literals, word_of};
use crate::behind::machine;
use crate::yaml::stands_in;

impl<'a> Whence<'a> {
    /// The key and the addresses by which machines know a host.
    pub(super) fn known_host(
        &mut self,
        host: &str,
        words: &[String],
        given: &[&Definition],
    ) -> Vec<Cause> {
        let layer = format!("host {host}");
        let keys: [&[&str]; 3] = [
            &["secrets", "keys", "hosts", host],
            &["hosts", host, "network", "address"],
            &["hosts", host, "deploy", "address"],
        ];
        let mut causes = Vec::new();
        for key in keys {
            causes.extend(self.keys(&layer, &[key]));
        }
        let says = |cause: &Cause| {
            let line = cause.line.as_deref().unwrap_or_default();
            words.iter().any(|word| stands_in(line, word))
        };
        let domain = self.fleet.domain.as_deref();
        let full = domain.map(|domain| format!("{host}.{domain}"));
        let is_full = full.is_some_and(|full| words.contains(&full));
        if is_full || causes.iter().any(says) {
            causes.retain(says);
        }
        if is_full {
            causes.extend(self.keys("fleet", &[&["fleet", "domain"]]));
        }
        let role = Role::Causes;
        let switch = self.definitions(given, None).into_iter();
        causes.extend(switch.map(|cause| Cause { role, ..cause }));
        causes
    }

    /// Who puts a user into the groups that a list names.
    pub(super) fn groups(&mut self, user: &str, code: &str) -> Vec<Cause> {
        let words: Vec<String> = code
            .lines()
            .flat_map(|line| literals(line, false))
            .collect();
        let layer = format!("user {user}");
        let mut causes = Vec::new();
        for word in &words {
            let mut keys: Vec<Vec<&str>> = vec![vec!["users", user]];
            if let Some((host, _)) = self.at.clone() {
                keys.insert(
                    0,
                    vec![self.section(host), host.name.as_str(), "users", user],
                );
            }
            for key in keys {
                let admin: Vec<&str> = key.iter().copied().chain(["admin"]).collect();
                let groups: Vec<&str> = key.iter().copied().chain(["groups"]).collect();
                if let Some((span, depth)) = self.yaml.key(&groups, None)
                    && depth >= groups.len()
                    && let Some(at) = self.yaml.word(span, word)
                {
                    causes.push(self.cause(Role::Sets, &layer, Some(at)));
                } else if word == "wheel"
                    && let Some((span, depth)) = self.yaml.key(&admin, None)
                    && depth == admin.len()
                {
                    causes.push(self.cause(Role::Sets, &layer, Some(span)));
                }
            }
            if let Some((host, _)) = self.at.clone() {
                causes.extend(self.group_of_host(host, user, word));
            }
        }
        causes
    }

    /// What of a machine puts its admins, or one user, into a group.
    fn group_of_host(&mut self, host: &'a Host, user: &str, group: &str) -> Vec<Cause> {
        let sources = self.sources;
        let mut causes = Vec::new();
        for id in host.enabled.keys() {
            let feature = self.fleet.features.get(id);
            let Some(span) = feature.and_then(|feature| feature.span) else {
                continue;
            };
            let text = &sources.file(span.file).text;
            if !(text.contains("groups:") && text.contains(group)) {
                continue;
            }
            if let Some(span) = self.feature_key(id.as_str(), &["groups"])
                && let Some(at) = self.yaml.word(span, group)
            {
                causes.push(self.cause(Role::Sets, &format!("feature {id}"), Some(at)));
                causes.extend(self.reasons(host, None, id.as_str()));
            }
        }
        if let Some(on_host) = host.users.get(user) {
            for profile in &on_host.profiles {
                let key = ["profiles", profile.as_str(), "groups"];
                if let Some((span, 3)) = self.yaml.key(&key, None)
                    && let Some(at) = self.yaml.word(span, group)
                {
                    let layer = format!("profile {profile}");
                    causes.push(self.cause(Role::Sets, &layer, Some(at)));
                }
            }
        }
        if group == "kvm" && causes.is_empty() {
            let key = [self.section(host), host.name.as_str(), "microvms"];
            let layer = format!("host {}, whose guests share folders", host.name);
            causes.extend(self.keys(&layer, &[&key]));
        }
        causes
    }

    /// The users whose key is among those that a machine lets in.
    pub(super) fn ssh_key(&mut self, code: &str) -> Vec<Cause> {
        let words: Vec<String> = code
            .lines()
            .flat_map(|line| literals(line, false))
            .collect();
        let users = self.generated.spec.users.iter();
        let keys = users.flat_map(|(name, item)| {
            let keys = item.value.ssh_keys.iter();
            keys.map(move |key| (name, key))
        });
        let known = keys.filter(|(_, key)| words.contains(&key.value));
        known
            .map(|(name, key)| self.cause(Role::Sets, &format!("user {name}"), Some(key.span)))
            .collect()
    }

    pub(super) fn of_machine(
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
            "microvms" => format!("microvm {name}"),
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
            ["networking", "hostId"] => {
                let mut causes = Vec::new();
                for name in host.disks.keys() {
                    let layer = format!("disk layout {name}");
                    causes.extend(self.keys(&layer, &[&["disks", name, "hostId"]]));
                }
                if !causes.is_empty() {
                    return causes;
                }
                fields(&["hardware"])
            }
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
            ["users", "users", _, "openssh", ..] => {
                let causes = self.ssh_key(element.unwrap_or(&text[item.value_start..item.end]));
                if !causes.is_empty() {
                    return causes;
                }
                fields(&[])
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
    pub(super) fn disk(&mut self, name: &str, path: &[&str], element: Option<&str>) -> Vec<Cause> {
        let layer = format!("disk layout {name}");
        let Some((span, 2)) = self.yaml.key(&["disks", name], None) else {
            return Vec::new();
        };
        let words = element.and_then(word_of).into_iter();
        let words = words.chain(path.iter().rev().map(|&name| name.to_owned()));
        let names: Vec<String> = path.iter().map(|&name| name.to_owned()).collect();
        for word in words {
            if let Some(at) = self.yaml.near(span, &names, &word) {
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
        causes.extend(self.keys(&format!("microvm {guest}"), &[&["microvms", guest]]));
        causes
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

    pub(super) fn secret_rule(&mut self, path: &[String], element: Option<&str>) -> Vec<Cause> {
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
}
