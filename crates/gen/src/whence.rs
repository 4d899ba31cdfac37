//! Where something in a generated file comes from: the lines of the spec, and the feature or
//! template behind it.

mod expressions;
mod features;
mod fleet;
mod imports;
mod machines;
mod ports;

use diag::{SourceMap, Span};
use model::{Definition, Fleet, Host, Layer};
use nix::{Item, Named};

use crate::Generated;
use crate::behind::{machine, matching};
use crate::origin;
use crate::places::Places;
use crate::yaml::{Yaml, stands_in};

/// What a place has to do with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// It says what the line says.
    Sets,
    /// It gave another value, or a part of a list.
    Under,
    /// It is a fact that the value is computed from.
    Reads,
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
    /// The very place.
    span: Option<Span>,
}

/// So many layers that switch a feature on are named.
const MOST_LAYERS: usize = 3;

/// Answers where things come from.
pub(crate) struct Whence<'a> {
    generated: &'a Generated,
    fleet: &'a Fleet,
    sources: &'a SourceMap,
    yaml: Yaml<'a>,
    /// The machine, and the user on it, that is asked about.
    asked: Option<(&'a Host, Option<String>)>,
    /// The machine and the user that a file belongs to.
    at: Option<(&'a Host, Option<String>)>,
    /// The code that is asked about.
    code: String,
}
impl<'a> Whence<'a> {
    pub(crate) fn new(generated: &'a Generated) -> Self {
        Self {
            generated,
            fleet: &generated.fleet,
            sources: &generated.sources,
            yaml: Yaml::new(&generated.sources, &generated.yaml),
            asked: None,
            at: None,
            code: String::new(),
        }
    }

    /// Answers for one machine, or for the home of a user there.
    pub(crate) fn of_host(mut self, host: &'a Host, user: Option<&str>) -> Self {
        self.asked = Some((host, user.map(str::to_owned)));
        self
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
        self.at = self.belongs(file, &path);
        code.clone_into(&mut self.code);
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
        causes = self.sharpened(causes, &path, code, element.is_some());
        causes.extend(self.switches(file));
        dedup(causes)
    }

    /// The machine that a file belongs to, and the user in whose part a path stands.
    fn belongs(&self, file: &str, path: &[String]) -> Option<(&'a Host, Option<String>)> {
        let parts: Vec<&str> = file.trim_end_matches(".nix").split('/').collect();
        let (name, user) = match parts.as_slice() {
            ["hosts" | "microvms" | "images", name, ..] => (*name, None),
            ["users", user, name] if *name != "default" => (*name, Some(*user)),
            _ => return None,
        };
        let user = match path {
            [first, second, user, ..]
                if [first, second] == ["home-manager", "users"]
                    || [first, second] == ["users", "users"] =>
            {
                Some(user.as_str())
            }
            _ => user,
        };
        Some((machine(self.fleet, name)?, user.map(str::to_owned)))
    }

    /// Causes at the very lines that the literals of a piece of code stand on, where they are written
    /// below or beside the place that is known.
    fn sharpened(
        &mut self,
        causes: Vec<Cause>,
        path: &[String],
        code: &str,
        is_element: bool,
    ) -> Vec<Cause> {
        let words = literals(code, is_element);
        // A set: the name that it has, or one before that only a spec can give.
        let names: Vec<&String> = match path.split_last() {
            Some((last, above)) if words.is_empty() && !is_element => {
                let given = above.iter().rev();
                let given = given.filter(|name| name.contains(['/', '.', ' ']));
                std::iter::once(last).chain(given).collect()
            }
            _ => Vec::new(),
        };
        let mut sharp = Vec::new();
        let mut is_found = false;
        for cause in causes {
            let (Some(span), false) = (cause.span, cause.role == Role::Causes) else {
                sharp.push((false, cause));
                continue;
            };
            let line = cause.line.as_deref().unwrap_or_default();
            let mut found: Vec<Span> = Vec::new();
            for word in &words {
                if stands_in(line, word) {
                    found.push(span);
                } else if let Some(at) = self.yaml.near(span, path, word) {
                    found.push(at);
                }
            }
            for name in &names {
                if !found.is_empty() || stands_in(line, name) {
                    break;
                }
                found.extend(self.yaml.near(span, path, name));
            }
            if found.is_empty() {
                sharp.push((false, cause));
                continue;
            }
            is_found = true;
            for at in found {
                let role = match cause.role {
                    Role::Under if is_element => Role::Sets,
                    role => role,
                };
                sharp.push((true, self.cause(role, &cause.layer, Some(at))));
            }
        }
        // Of layers that add to a list, those that do not name the element have nothing to do with it.
        let others = |(is_sharp, cause): &(bool, Cause)| {
            *is_sharp || !is_found || !is_element || cause.role > Role::Under
        };
        sharp.retain(others);
        sharp.into_iter().map(|(_, cause)| cause).collect()
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
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let is_users = ["users/", "microvms/", "images/"]
            .iter()
            .any(|folder| file.starts_with(folder));
        if let (["users", "users", user, "extraGroups"], true) = (names.as_slice(), is_users) {
            let causes = self.groups(user, &text[item.value_start..item.end]);
            if !causes.is_empty() {
                return causes;
            }
        }
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
        let opened = self.opened(&names, item, text, element, &exact);
        if !opened.is_empty() {
            return opened;
        }
        if let (["programs", "ssh", "knownHosts", host, ..], "modules/fleet.nix") =
            (names.as_slice(), file)
        {
            let words = literals(&text[item.value_start..item.end], element.is_some());
            return self.known_host(host, &words, &exact);
        }
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
                let layer = origin::layer(&origin.layer, self.fleet);
                if let (Some(span), Some(word)) = (origin.span, element.and_then(word_of))
                    && let Some(at) = self.yaml.word(span, &word)
                {
                    elements.push(self.cause(Role::Sets, &layer, Some(at)));
                }
                causes.push(self.cause(role, &layer, origin.span));
                if let (Layer::Derived(id), Some(span)) = (&origin.layer, origin.span) {
                    let facts = self.facts(span);
                    let is_told = !facts.is_empty();
                    causes.extend(facts);
                    if let (Some((host, user)), false) = (self.at.clone(), is_told) {
                        let user = user.filter(|user| {
                            let on_host = host.users.get(user.as_str());
                            on_host.is_some_and(|user| user.enabled.contains_key(id))
                        });
                        causes.extend(self.reasons(host, user.as_deref(), id.as_str()));
                    }
                }
            }
        }
        if elements.is_empty() {
            causes
        } else {
            elements
        }
    }

    /// The section of the spec that a machine is described in.
    fn section(&self, host: &Host) -> &'static str {
        if self.fleet.hosts.contains_key(&host.name) {
            "hosts"
        } else if self.fleet.microvms.contains_key(&host.name) {
            "microvms"
        } else {
            "images"
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
            ["installers", host] => {
                let mut causes = match names.as_slice() {
                    ["users", "users", _, "openssh", ..] => {
                        self.ssh_key(element.unwrap_or(&text[item.value_start..item.end]))
                    }
                    ["installer", "target"] => {
                        self.keys(&format!("host {host}"), &[&["hosts", host]])
                    }
                    _ => Vec::new(),
                };
                if causes.is_empty() {
                    causes = self.keys(
                        &format!("installer of {host}"),
                        &[&["installers", host], &["hosts", host, "installer"]],
                    );
                }
                causes
            }
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
            ["users", _, host] if matches!(names.as_slice(), [.., "home", "stateVersion"]) => {
                let section = self
                    .at
                    .as_ref()
                    .map_or("hosts", |(host, _)| self.section(host));
                let own: &[&str] = &[section, host, "stateVersion"];
                if self
                    .yaml
                    .key(own, None)
                    .is_some_and(|(_, depth)| depth == 3)
                {
                    self.keys(&format!("host {host}"), &[own])
                } else {
                    self.keys("fleet", &[&["fleet", "stateVersion"]])
                }
            }
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
                        ["microvms", vm] => format!("microvm {vm}"),
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
            span: None,
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
            span: None,
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
            span,
            place: span.map(|span| self.sources.place(span)),
            line,
        }
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

/// The words on the first line of a piece of code that a spec may hold: texts, packages, numbers.
fn literals(code: &str, is_element: bool) -> Vec<String> {
    let line = code.lines().next().unwrap_or_default().trim();
    let mut found = Vec::new();
    let mut rest = line;
    while let Some((_, after)) = rest.split_once('"') {
        let mut is_escaped = false;
        let end = after.find(|c| {
            let ends = c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            ends
        });
        let Some(end) = end else {
            break;
        };
        if !after[..end].contains("${") {
            found.extend(word_of(&format!("\"{}\"", &after[..end])));
        }
        rest = &after[end + 1..];
    }
    if found.is_empty() {
        let words = line.split(|c: char| !(c.is_alphanumeric() || "_-.".contains(c)));
        let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
        let named = words.filter(|word| !word.is_empty()).filter_map(|word| {
            match word.strip_prefix("pkgs.") {
                Some(package) => Some(package),
                None if is_number(word) => Some(word),
                None => None,
            }
        });
        found.extend(named.map(str::to_owned));
    }
    if found.is_empty() && is_element {
        found.extend(word_of(line).filter(|word| word.len() > 1));
    }
    found
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
