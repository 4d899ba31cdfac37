//! The way back: from a line of the output to the definition and the place of the spec behind it.
//!
//! Invariants:
//! - Pure: nothing is read but the fleet, the spec and the texts that are given.
//! - A place is either that of the very definition, or of the nearest thing that the file is made from;
//!   [`Place::is_exact`] tells which.

use diag::{SourceMap, Span};
use model::{Definition, Fleet, Host};
use nix::{Attr, Kind, Module};
use spec::Spec;

/// Definitions that a file prints, and the path that they stand below.
pub type Printed<'a> = (Vec<String>, &'a [Definition]);

/// What a file of the output is made from.
#[derive(Debug, Default)]
pub struct Behind<'a> {
    /// The definitions that it prints, with the path that they stand below.
    pub printed: Vec<Printed<'a>>,
    /// The place that everything else in it comes from.
    pub span: Option<Span>,
    /// The machine that it belongs to, with its section and name in the spec.
    machine: Option<(&'static str, &'a Host)>,
}

/// What is behind a place of the output.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The definition, where there is one.
    pub definition: Option<&'a Definition>,
    /// The place in the spec or the catalog.
    pub span: Option<Span>,
    /// Whether that is the very line, and not only what the file is made from.
    pub is_exact: bool,
}

/// Finds what is behind the output of a fleet.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    fleet: &'a Fleet,
    spec: &'a Spec,
}

impl<'a> Places<'a> {
    /// For a fleet and the spec that it was resolved from.
    pub fn new(fleet: &'a Fleet, spec: &'a Spec) -> Self {
        Self { fleet, spec }
    }

    /// What is behind a place in a generated file; `at` is a byte offset into its text.
    pub fn at(&self, path: &str, text: &str, at: usize) -> Place<'a> {
        self.of_option(path, &enclosing(text, at))
    }

    /// What is behind an option that a generated file defines. For files that hold no options, such
    /// as `flake.nix`, the path is that of the attribute.
    pub fn of_option(&self, path: &str, option: &[String]) -> Place<'a> {
        let behind = self.of_file(path);
        if let Some(definition) = behind.definition(option) {
            return Place {
                definition: Some(definition),
                span: definition.origin.span.or(behind.span),
                // What is computed for a machine stands at its name.
                is_exact: definition.origin.span.is_some() && definition.origin.span != behind.span,
            };
        }
        let fact = match path {
            "flake.nix" => self.of_output(option),
            _ if path.starts_with("disks/") => self.file_system(path, option),
            _ => self.fact(&behind, option),
        };
        Place {
            definition: None,
            span: fact.or(behind.span),
            is_exact: fact.is_some(),
        }
    }

    /// What a file of the output is made from.
    pub fn of_file(&self, path: &str) -> Behind<'a> {
        let fleet = self.fleet;
        let parts: Vec<&str> = path.trim_end_matches(".nix").split('/').collect();
        let at_root = |definitions| vec![(Vec::new(), definitions)];
        let at_home = |user: &str| -> Vec<String> {
            ["home-manager", "users", user].map(str::to_owned).to_vec()
        };
        let machine = |section: &'static str, host: &'a Host| Behind {
            printed: at_root(host.definitions.as_slice()),
            span: Some(host.span),
            machine: Some((section, host)),
        };
        match parts.as_slice() {
            ["hosts", host, ..] => fleet.hosts.get(*host).map(|host| machine("hosts", host)),
            ["microvms", name] => {
                let vm = fleet.microvms.get(*name);
                vm.map(|vm| machine("microvms", &vm.guest))
            }
            ["images", name] => {
                let image = fleet.images.get(*name);
                image.map(|image| machine("images", &image.machine))
            }
            ["installers", host] => fleet.installers.get(*host).map(|installer| Behind {
                printed: at_root(installer.definitions.as_slice()),
                span: Some(installer.span),
                machine: None,
            }),
            ["disks", name] => self.spec.disks.get(*name).map(|disk| Behind {
                span: Some(disk.name.span),
                ..Behind::default()
            }),
            ["templates", name] => fleet.templates.get(*name).map(|template| Behind {
                printed: at_root(template.definitions.as_slice()),
                span: self.spec.templates.get(*name).map(|item| item.name.span),
                machine: None,
            }),
            ["home", "profiles", name] => fleet.profiles.get(*name).map(|profile| Behind {
                printed: at_root(profile.definitions.as_slice()),
                span: self.spec.profiles.get(*name).map(|item| item.name.span),
                machine: None,
            }),
            ["users", user, "default"] => fleet.users.get(*user).map(|found| Behind {
                printed: vec![
                    (Vec::new(), found.definitions.as_slice()),
                    (at_home(user), found.home.as_slice()),
                ],
                span: self.spec.users.get(*user).map(|item| item.name.span),
                machine: None,
            }),
            ["users", user, host] => crate::behind::machine(fleet, host).and_then(|host| {
                let found = host.users.get(*user)?;
                let sections = ["hosts", "microvms", "images"];
                let spec = sections
                    .iter()
                    .find_map(|section| self.machine(section, host.name.as_str()));
                let named = spec.and_then(|machine| machine.users.get(*user));
                Some(Behind {
                    printed: vec![
                        (Vec::new(), found.definitions.as_slice()),
                        (at_home(user), found.home.as_slice()),
                    ],
                    span: Some(named.map_or(host.span, |item| item.name.span)),
                    machine: None,
                })
            }),
            ["modules", "fleet"] => Some(Behind {
                printed: at_root(fleet.definitions.as_slice()),
                span: self.spec.fleet.as_ref().map(|item| item.name.span),
                machine: None,
            }),
            [half @ ("modules" | "home"), category, name] => {
                let id = format!("{category}.{name}");
                fleet.features.get(id.as_str()).map(|feature| {
                    let half = match *half {
                        "home" => feature.home.as_ref(),
                        _ => feature.system.as_ref(),
                    };
                    let definitions = half.map_or(&[][..], |half| half.definitions.as_slice());
                    Behind {
                        printed: at_root(definitions),
                        span: feature.span,
                        machine: None,
                    }
                })
            }
            _ => None,
        }
        .unwrap_or_default()
    }

    /// The file system that a disk layout has by hand.
    fn file_system(&self, path: &str, option: &[String]) -> Option<Span> {
        let name = path.strip_prefix("disks/")?.strip_suffix(".nix")?;
        let (first, rest) = option.split_first()?;
        let file_systems = &self.spec.disks.get(name)?.value.file_systems;
        let file_system = file_systems.get(rest.first()?)?;
        (first == "fileSystems").then_some(file_system.name.span)
    }

    /// What is behind an attribute of `flake.nix`.
    fn of_output(&self, attr: &[String]) -> Option<Span> {
        let spec = self.spec;
        let names: Vec<&str> = attr.iter().map(String::as_str).collect();
        let fleet = spec.fleet.as_ref().map(|item| item.name.span);
        match names.as_slice() {
            ["inputs", "nixpkgs", ..] => {
                let channel = spec.fleet.as_ref()?.value.channel.as_ref();
                let input = spec.inputs.get("nixpkgs").map(|item| item.name.span);
                input.or(channel.map(|channel| channel.span)).or(fleet)
            }
            ["inputs", name, ..] => spec.inputs.get(*name).map(|item| item.name.span),
            ["nixosConfigurations", name, ..] => {
                let host = spec.hosts.get(*name).map(|item| item.name.span);
                host.or_else(|| spec.microvms.get(*name).map(|item| item.name.span))
            }
            ["packages", _, name, ..] => spec.images.get(*name).map(|item| item.name.span),
            ["description", ..] => fleet,
            _ => None,
        }
    }

    /// The place of a fact that a file prints without a definition: names, hardware, secrets.
    fn fact(&self, behind: &Behind<'a>, option: &[String]) -> Option<Span> {
        let (section, machine) = behind.machine?;
        let spec = self.machine(section, machine.name.as_str())?;
        let names: Vec<&str> = option.iter().map(String::as_str).collect();
        let hardware = &spec.hardware;
        let boot = &hardware.boot;
        let text = |text: &Option<spec::ast::Text>| text.as_ref().map(|text| text.span);
        let fleet = self.spec.fleet.as_ref().map(|item| &item.value);
        match names.as_slice() {
            ["networking", "hostName", ..] => Some(machine.span),
            ["system", "stateVersion", ..] => text(&spec.state_version)
                .or_else(|| fleet.and_then(|fleet| text(&fleet.state_version))),
            ["nixpkgs", "hostPlatform", ..] => {
                text(&spec.system).or_else(|| fleet.and_then(|fleet| text(&fleet.system)))
            }
            ["boot", "loader", "timeout"] => boot.timeout.as_ref().map(|value| value.span),
            ["boot", "loader", "grub", "device", ..] => text(&boot.device).or(text(&boot.loader)),
            ["boot", "loader", "efi", "efiSysMountPoint"] => text(&boot.efi_mount_point),
            ["boot", "loader", ..] => text(&boot.loader),
            ["boot", "initrd", "availableKernelModules"] => {
                hardware.initrd_modules.first().map(|text| text.span)
            }
            ["boot", "kernelModules"] => hardware
                .kernel_modules
                .first()
                .map(|text| text.span)
                .or(text(&hardware.cpu)),
            ["hardware", "cpu", ..] => text(&hardware.cpu),
            ["hardware", "facter", ..] => text(&hardware.facter),
            ["hardware", "enableRedistributableFirmware"] => {
                let firmware = hardware.firmware.as_ref().map(|value| value.span);
                firmware.or(text(&hardware.platform))
            }
            ["age" | "sops", "secrets", name, ..] => {
                let secret = self.spec.secrets.items.get(*name);
                secret.map(|item| item.name.span)
            }
            ["networking", "firewall", "interfaces", interface, ..] => spec
                .zones
                .iter()
                .flat_map(|(_, interfaces)| interfaces)
                .find(|known| known.value == *interface)
                .map(|known| known.span),
            _ => None,
        }
    }

    /// The part of the spec that a machine is described by.
    pub fn machine(&self, section: &str, name: &str) -> Option<&'a spec::ast::Host> {
        match section {
            "hosts" => self.spec.hosts.get(name).map(|item| &item.value),
            "microvms" => self.spec.microvms.get(name).map(|item| &item.value.guest),
            "images" => self.spec.images.get(name).map(|item| &item.value.machine),
            _ => None,
        }
    }
}

impl<'a> Behind<'a> {
    /// The definition that an option comes from: the one that shares most of its path, at least all
    /// of its own or all of the option's.
    pub fn definition(&self, option: &[String]) -> Option<&'a Definition> {
        self.printed
            .iter()
            .flat_map(|(prefix, definitions)| {
                definitions
                    .iter()
                    .map(move |definition| (prefix, definition))
            })
            .filter_map(|(prefix, definition)| {
                let own = prefix.iter().chain(definition.path.parts());
                let shared = own.zip(option).take_while(|(a, b)| a == b).count();
                let length = prefix.len() + definition.path.parts().len();
                let fits = shared == length || shared == option.len();
                (fits && shared > prefix.len()).then_some((shared, definition))
            })
            .max_by_key(|(shared, _)| *shared)
            .map(|(_, definition)| definition)
    }
}

/// The path of the definition around a place in a module; `config` and the like are not part of it.
pub fn enclosing(text: &str, at: usize) -> Vec<String> {
    let module = nix::read_module(text).unwrap_or_default();
    enclosing_in(&module, at)
}

/// The same in a module that was read already.
pub fn enclosing_in(module: &Module, at: usize) -> Vec<String> {
    fn descend(attrs: &[Attr], at: usize, path: &mut Vec<String>) {
        let around = |attr: &&Attr| attr.start <= at && at < attr.value.end;
        let Some(attr) = attrs.iter().find(around) else {
            return;
        };
        path.extend(attr.path.iter().flatten().cloned());
        within(&attr.value.kind, at, path);
    }
    fn within(kind: &Kind, at: usize, path: &mut Vec<String>) {
        match kind {
            Kind::Attrs(attrs) => descend(attrs, at, path),
            Kind::Function(node) => within(&node.kind, at, path),
            Kind::AnyOf(nodes) => {
                if let Some(node) = nodes.iter().find(|node| node.start <= at && at < node.end) {
                    within(&node.kind, at, path);
                }
            }
            _ => {}
        }
    }
    let mut path = Vec::new();
    descend(&module.config, at, &mut path);
    path
}

/// The byte offset of a line and a column, both from 1, in characters.
pub fn offset(text: &str, line: usize, column: usize) -> Option<usize> {
    let mut start = 0;
    for (number, found) in text.split_inclusive('\n').enumerate() {
        if number + 1 == line {
            let inside = found
                .char_indices()
                .nth(column.saturating_sub(1))
                .map_or(found.trim_end().len(), |(at, _)| at);
            return Some(start + inside);
        }
        start += found.len();
    }
    None
}

/// The first place after the start of a span where a word stands by itself, not far away.
pub fn word_after(sources: &SourceMap, span: Span, word: &str) -> Option<Span> {
    const FAR: usize = 4000;
    let text = &sources.file(span.file).text;
    let from = span.start as usize;
    let is_part = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    text[from..]
        .match_indices(word)
        .take_while(|(at, _)| *at < FAR)
        .find(|(at, _)| {
            let before = text[..from + at].chars().next_back();
            let after = text[from + at + word.len()..].chars().next();
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })
        .map(|(at, _)| Span::new(span.file, from + at, from + at + word.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Generated, Sources, generate};

    const SPEC: &str = r#"fleet: { name: x, stateVersion: "25.11", system: x86_64-linux }
templates:
  base:
    settings: { time.timeZone: Europe/London }
hosts:
  a:
    template: base
    hardware:
      cpu: amd
      boot: { loader: systemd-boot }
      disks: plain
    settings:
      boot.tmp.useTmpfs: true
disks:
  plain: { layout: ext4, device: /dev/sda }
"#;

    fn line(generated: &Generated, path: &str, word: &str) -> (usize, bool) {
        let file = generated.tree.as_ref().unwrap().get(path).unwrap();
        let text = std::str::from_utf8(&file.bytes).unwrap();
        let at = text.find(word).unwrap();
        let place = Places::new(&generated.fleet, &generated.spec).at(path, text, at);
        let span = place.span.unwrap();
        let (line, _) = generated.sources.line_column(span.file, span.start);
        (line, place.is_exact)
    }

    #[test]
    fn lines_lead_back_to_the_spec() {
        let generated = generate(Sources::from_memory("spec", [("fleet.yaml", SPEC)]));
        assert_eq!(line(&generated, "hosts/a/default.nix", "true"), (13, true));
        assert_eq!(line(&generated, "hosts/a/default.nix", "\"a\""), (6, true));
        assert_eq!(line(&generated, "hosts/a/default.nix", "25.11"), (1, true));
        assert_eq!(
            line(&generated, "hosts/a/default.nix", "./hard"),
            (6, false)
        );
        assert_eq!(
            line(&generated, "hosts/a/hardware.nix", "kvm-amd"),
            (9, true)
        );
        assert_eq!(
            line(&generated, "hosts/a/hardware.nix", "systemd-boot"),
            (10, true)
        );
        assert_eq!(line(&generated, "templates/base.nix", "Europe"), (4, true));
        assert_eq!(line(&generated, "disks/plain.nix", "/dev/sda"), (15, false));
    }

    #[test]
    fn lines_and_columns() {
        assert_eq!(offset("ab\ncdé f\n", 2, 1), Some(3));
        assert_eq!(offset("ab\ncdé f\n", 2, 5), Some(8));
        assert_eq!(offset("ab\ncd\n", 2, 99), Some(5));
        assert_eq!(offset("ab\n", 7, 1), None);
    }
}
