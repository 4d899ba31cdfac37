//! What is the whole fleet's: `flake.nix`, the module of all hosts, the overlay.

use model::Host;

use super::{Cause, Role, Whence, word_of};
use crate::behind::machine;

impl Whence<'_> {
    pub(super) fn of_fleet(&mut self, path: &[&str], element: Option<&str>) -> Vec<Cause> {
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
    pub(super) fn of_overlay(&mut self, path: &[&str], element: Option<&str>) -> Vec<Cause> {
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

    pub(super) fn flake(&mut self, path: &[String], element: Option<&str>) -> Vec<Cause> {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        match names.as_slice() {
            ["description"] => self.keys(
                "fleet",
                &[&["fleet", "description"], &["fleet", "name"], &["fleet"]],
            ),
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
                    (None, None) => self.of_program(name),
                }
            }
            ["checks", _, name, ..] if name.starts_with("evaluates-") => {
                match machine(fleet, &name["evaluates-".len()..]) {
                    Some(host) => {
                        let layer =
                            format!("{} {}", self.section(host).trim_end_matches('s'), host.name);
                        vec![self.cause(Role::Sets, &layer, Some(host.span))]
                    }
                    None => Vec::new(),
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
            ["deploy", field, ..] if *field != "nodes" => {
                self.keys("section deploy", &[&["deploy", field], &["deploy"]])
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
            ["unstable", "config", name, ..] => {
                let field = match *name {
                    "permittedInsecurePackages" => "insecure",
                    _ => "unfree",
                };
                self.keys(
                    "fleet",
                    &[&["fleet", "packages", field], &["fleet", "packages"]],
                )
            }
            ["unstable", ..] => {
                let unstable: &[&str] = &["fleet", "packages", "unstable"];
                self.keys("fleet", &[unstable, &["fleet", "packages", "pins"]])
            }
            _ => Vec::new(),
        }
    }
}
