//! Where something in a generated file comes from: the lines of the spec, and the feature or
//! template behind it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use diag::{SourceMap, Span};
use model::{Definition, FeatureId, Fleet, Host, Layer, PortNumbers, Reason};
use nix::{Item, Named};

use crate::Generated;
use crate::behind::{home_path, machine, matching};
use crate::modules::{folder, joined};
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

    /// Who switches on the feature whose module a file is.
    fn switches(&mut self, file: &str) -> Vec<Cause> {
        let parts: Vec<&str> = file.trim_end_matches(".nix").split('/').collect();
        let [half @ ("modules" | "home"), category, name] = parts.as_slice() else {
            return Vec::new();
        };
        let id = format!("{category}.{name}");
        if *category == "profiles" || !self.fleet.features.contains_key(id.as_str()) {
            return Vec::new();
        }
        self.switched(&id, *half == "home")
    }

    /// Who switches a feature on: for the machine that is asked about, else the first layers that do.
    fn switched(&mut self, id: &str, is_home: bool) -> Vec<Cause> {
        let fleet = self.fleet;
        if let Some((host, user)) = &self.asked {
            let (host, user) = (*host, user.clone());
            return self.reasons(host, user.as_deref().filter(|_| is_home), id);
        }
        let mut seen = BTreeSet::new();
        let mut first = Vec::new();
        for host in fleet.machines() {
            let users = host.users.iter().filter(|_| is_home);
            let homes = users.map(|(name, user)| (Some(name.as_str()), &user.enabled));
            let system = std::iter::once((None, &host.enabled)).filter(|_| !is_home);
            for (user, all) in system.chain(homes) {
                let Some(enabled) = all.get(id) else {
                    continue;
                };
                for reason in &enabled.reasons {
                    let key = match reason {
                        Reason::Named(origin) => (origin::layer(&origin.layer, fleet), origin.span),
                        Reason::RequiredBy { feature } | Reason::RequiredByHome { feature, .. } => {
                            (feature.to_string(), None)
                        }
                    };
                    if seen.insert(key) && first.len() < MOST_LAYERS {
                        first.push((host, user, reason));
                    }
                }
            }
        }
        let more = seen.len() - first.len();
        let mut causes = Vec::new();
        for (host, user, reason) in first {
            causes.extend(self.reason(host, user, id, reason, seen.len() == 1));
        }
        if let Some(last) = causes.last_mut().filter(|_| more > 0) {
            let _ = write!(last.layer, ", and {more} more");
        }
        causes
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

    /// The causes of a list of ports that features open, alone or beside what definitions give.
    fn opened(
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

    /// The key and the addresses by which machines know a host.
    fn known_host(&mut self, host: &str, words: &[String], given: &[&Definition]) -> Vec<Cause> {
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
        if causes.iter().any(says) {
            causes.retain(says);
        }
        let role = Role::Causes;
        let switch = self.definitions(given, None).into_iter();
        causes.extend(switch.map(|cause| Cause { role, ..cause }));
        causes
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

    /// The lines of the spec that an expression of a derived option reads.
    fn facts(&mut self, derive: Span) -> Vec<Cause> {
        let Some((host, user)) = self.at.clone() else {
            return Vec::new();
        };
        let fleet = self.fleet;
        let sources = self.sources;
        let text = &sources.file(derive.file).text;
        let expression = &text[derive.start as usize..derive.end as usize];
        let section = self.section(host);
        let name = host.name.as_str();
        let mut causes = Vec::new();
        for read in reads_of(expression) {
            let parts: Vec<&str> = read.split('.').collect();
            let (layer, key): (String, Vec<&str>) = match parts.as_slice() {
                ["fleet", field @ ("domain" | "name"), ..] => {
                    (format!("fleet.{field}"), vec!["fleet", field])
                }
                ["host", field, ..] => {
                    let below: &[&str] = match (*field, parts.get(2)) {
                        ("name", _) => &[],
                        ("address", _) => &["network", "address"],
                        ("zones", Some(zone)) => &["network", "zones", zone],
                        ("zones", None) => &["network", "zones"],
                        ("gpus", _) => &["hardware", "gpu"],
                        ("cpu", _) => &["hardware", "cpu"],
                        ("memory", _) => &["hardware", "memory"],
                        ("system", _) => &["system"],
                        ("description", _) => &["description"],
                        ("tags", _) => &["tags"],
                        ("template", _) => &["template"],
                        ("users", _) => &["users"],
                        _ => continue,
                    };
                    let key = [section, name].iter().chain(below).copied().collect();
                    (format!("`{read}` of {name}"), key)
                }
                ["user", field, ..] => {
                    let Some(user) = user.as_deref() else {
                        continue;
                    };
                    let mut key = vec!["users", user];
                    key.extend(Some(*field).filter(|field| *field != "name"));
                    (format!("`{read}` of {user}"), key)
                }
                _ => continue,
            };
            if let Some((span, depth)) = self.yaml.key(&key, None)
                && depth == key.len()
            {
                causes.push(self.cause(Role::Reads, &layer, Some(span)));
            }
        }
        // Features that it asks for, where they are on.
        for id in pieces(expression) {
            let Some(enabled) = host.enabled.get(id) else {
                continue;
            };
            let named = enabled.reasons.iter().find_map(|reason| match reason {
                Reason::Named(origin) => Some(origin),
                _ => None,
            });
            if let Some(origin) = named {
                let by = origin::layer(&origin.layer, fleet);
                let layer = format!("feature {id}, which is on by {by}");
                causes.push(self.cause(Role::Reads, &layer, origin.span));
            }
        }
        causes.extend(self.options_read(expression, host));
        // Machines that the value names.
        if expression.contains("hosts") || expression.contains("fleet.metrics") {
            let code = self.code.clone();
            let named = fleet.machines().filter(|other| {
                let is_there = |text: &str| code.contains(text) && stands_in(&code, text);
                is_there(other.name.as_str()) || other.address.as_deref().is_some_and(is_there)
            });
            let named: Vec<&'a Host> = named.take(MOST_LAYERS).collect();
            for other in named {
                let name = other.name.as_str();
                let key = [self.section(other), name, "network", "address"];
                let has_address = |address: &String| stands_in(&code, address);
                if !other.address.as_ref().is_some_and(has_address) {
                    let layer = format!("host {name}");
                    causes.push(self.cause(Role::Reads, &layer, Some(other.span)));
                } else if let Some((span, depth)) = self.yaml.key(&key, Some(other.span.file))
                    && depth > 1
                {
                    let layer = format!("host {name}");
                    causes.push(self.cause(Role::Reads, &layer, Some(span)));
                }
            }
        }
        causes
    }

    /// Where options were set that an expression asks of machines, as far as those can be known: of the
    /// machine itself, or of another one where the value has what stands there.
    fn options_read(&self, expression: &str, host: &'a Host) -> Vec<Cause> {
        let fleet = self.fleet;
        let calls = options_of(expression);
        let has = |host: &Host, feature: &str| host.enabled.contains_key(feature);
        let is_own = |call: &OptionOf<'_>| call.of == Asked::Own && has(host, call.feature);
        let mut causes = Vec::new();
        for call in &calls {
            let other = match call.of {
                Asked::Own => Some(host),
                Asked::FirstWith(feature) => fleet.hosts.values().find(|it| has(it, feature)),
                Asked::Named(name) => fleet.hosts.get(name),
            };
            let Some(other) = other else {
                continue;
            };
            let enabled = other.enabled.get(call.feature);
            let Some(given) = enabled.and_then(|it| it.options.get(call.option)) else {
                continue;
            };
            if matches!(given.origin.layer, Layer::Default(_) | Layer::Derived(_)) {
                continue;
            }
            // An expression that asks the machine itself asks another one where that has no answer.
            let same = |own: &OptionOf<'_>| {
                is_own(own) && (own.feature, own.option) == (call.feature, call.option)
            };
            let is_elsewhere = other.name != host.name;
            if is_elsewhere && (calls.iter().any(same) || !self.holds(&given.value)) {
                continue;
            }
            let by = origin::layer(&given.origin.layer, fleet);
            let option = format!("{}.{}", call.feature, call.option);
            let layer = format!("`{option}` of {}, set by {by}", other.name);
            causes.push(self.cause(Role::Reads, &layer, given.origin.span));
        }
        causes
    }

    /// Whether the code that is asked about holds a text or a number of a value.
    fn holds(&self, value: &nix::Value) -> bool {
        match value {
            nix::Value::Str(text) => !text.is_empty() && stands_in(&self.code, text),
            nix::Value::Int(number) => stands_in(&self.code, &number.to_string()),
            nix::Value::List(items) => items.iter().any(|item| self.holds(item)),
            nix::Value::Attrs(attrs) => attrs.values().any(|value| self.holds(value)),
            nix::Value::Commented(_, inner) | nix::Value::Apply(_, inner) => self.holds(inner),
            _ => false,
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

    /// Who puts a user into the groups that a list names.
    fn groups(&mut self, user: &str, code: &str) -> Vec<Cause> {
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

    /// The users whose key is among those that a machine lets in.
    fn ssh_key(&mut self, code: &str) -> Vec<Cause> {
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
    fn disk(&mut self, name: &str, path: &[&str], element: Option<&str>) -> Vec<Cause> {
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

    /// Who opens ports.
    fn ports(
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

    /// Features that bring something about, and why they are on.
    fn features<'f>(
        &mut self,
        host: &'a Host,
        ids: impl Iterator<Item = &'f FeatureId>,
    ) -> Vec<Cause> {
        let ids: BTreeSet<&FeatureId> = ids.collect();
        let mut causes = Vec::new();
        for id in ids {
            let span = self.feature_key(id.as_str(), &["ports"]);
            causes.push(self.cause(Role::Sets, &format!("feature {id}"), span));
            causes.extend(self.reasons(host, None, id.as_str()));
        }
        causes
    }

    /// Why a feature is on, for a machine or in the home of a user there.
    fn reasons(&mut self, host: &'a Host, user: Option<&str>, id: &str) -> Vec<Cause> {
        let all = match user {
            Some(user) => host.users.get(user).map(|user| &user.enabled),
            None => Some(&host.enabled),
        };
        let Some(enabled) = all.and_then(|all| all.get(id)) else {
            return Vec::new();
        };
        let is_named = |reason: &Reason| matches!(reason, Reason::Named(_));
        let has_name = enabled.reasons.iter().any(is_named);
        let mut causes = Vec::new();
        for (index, reason) in enabled.reasons.iter().enumerate() {
            // Features that require features lead to one that a layer names.
            let follow = !has_name && index == 0;
            causes.extend(self.reason(host, user, id, reason, follow));
        }
        causes
    }

    fn reason(
        &mut self,
        host: &'a Host,
        user: Option<&str>,
        id: &str,
        reason: &Reason,
        follow: bool,
    ) -> Vec<Cause> {
        let (feature, layer, user) = match reason {
            Reason::Named(origin) => {
                let layer = origin::layer(&origin.layer, self.fleet);
                return vec![self.cause(Role::Causes, &layer, origin.span)];
            }
            Reason::RequiredBy { feature } => {
                let layer = format!("feature {feature}, which requires {id}");
                (feature, layer, user)
            }
            Reason::RequiredByHome { feature, user } => {
                let layer = format!("feature {feature} of user {user}, which requires {id}");
                (feature, layer, Some(user.as_str()))
            }
        };
        let span = self.feature_key(feature.as_str(), &["requires", id]);
        let mut causes = vec![self.cause(Role::Causes, &layer, span)];
        // What requires itself by a detour is refused when the spec is read.
        if follow && feature.as_str() != id {
            causes.extend(self.reasons(host, user, feature.as_str()));
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
                    span: None,
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
                let host = machine(fleet, host);
                host.map_or_else(Vec::new, |host| self.reasons(host, None, id))
            }
            ["users", user, host] => {
                let host = machine(fleet, host);
                let user = Some(*user).filter(|_| home);
                host.map_or_else(Vec::new, |host| self.reasons(host, user, id))
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

    /// The features that bring a program of the catalog, and who switches them on.
    fn of_program(&mut self, name: &str) -> Vec<Cause> {
        let sources = self.sources;
        let mut causes = Vec::new();
        for (id, feature) in &self.fleet.features {
            let text = feature.span.map(|span| &sources.file(span.file).text);
            if !text.is_some_and(|text| text.contains("programs:") && text.contains(name)) {
                continue;
            }
            if let Some(span) = self.feature_key(id.as_str(), &["programs"])
                && let Some(at) = self.yaml.word(span, name)
            {
                let is_home = feature.system.is_none();
                causes.push(self.cause(Role::Sets, &format!("feature {id}"), Some(at)));
                causes.extend(self.switched(id.as_str(), is_home));
            }
        }
        causes
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

/// The facts that an expression names: `host.address`, `user.email`.
fn reads_of(expression: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_alphanumeric() || "_.".contains(c);
    let words = expression.split(|c: char| !is_word(c));
    let facts = words.filter(|word| {
        let root = word.split('.').next().unwrap_or_default();
        matches!(root, "host" | "user" | "fleet") && word.contains('.')
    });
    facts
        .map(|word| word.trim_end_matches('.').to_owned())
        .collect()
}

/// An option that an expression asks of a machine: `fleet.option(host.name, 'ai.ollama', 'port')`.
#[derive(Debug, PartialEq)]
struct OptionOf<'e> {
    of: Asked<'e>,
    feature: &'e str,
    option: &'e str,
}

/// The machine of which an expression asks.
#[derive(Debug, PartialEq)]
enum Asked<'e> {
    /// The one that it is evaluated for.
    Own,
    /// `(fleet.hosts_with('ai.ollama') | first).name`.
    FirstWith(&'e str),
    Named(&'e str),
}

/// The options that an expression asks of machines, where its text alone tells which.
fn options_of(expression: &str) -> Vec<OptionOf<'_>> {
    let calls = expression.split("fleet.option(").skip(1);
    calls
        .filter_map(|rest| match arguments(rest)?.as_slice() {
            [of, feature, option] => Some(OptionOf {
                of: asked(of)?,
                feature: quoted(feature)?,
                option: quoted(option)?,
            }),
            _ => None,
        })
        .collect()
}

/// The arguments of a call, of the text after the bracket that opens them.
fn arguments(text: &str) -> Option<Vec<&str>> {
    let (mut depth, mut start, mut inside) = (0, 0, None);
    let mut found = Vec::new();
    for (at, c) in text.char_indices() {
        match (inside, c) {
            (Some(quote), _) if c == quote => inside = None,
            (None, '"' | '\'') => inside = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')') if depth == 0 => {
                found.push(text[start..at].trim());
                return Some(found);
            }
            (None, ')' | ']') => depth -= 1,
            (None, ',') if depth == 0 => {
                found.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    None
}

fn asked(text: &str) -> Option<Asked<'_>> {
    if text == "host.name" {
        return Some(Asked::Own);
    }
    let Some((before, rest)) = text.split_once("fleet.hosts_with(") else {
        return quoted(text).map(Asked::Named);
    };
    let (feature, rest) = rest.split_once(')')?;
    let rest: String = rest.split_whitespace().collect();
    let is_first = matches!(
        (before.trim(), rest.as_str()),
        ("(", "|first).name") | ("", "[0].name")
    );
    quoted(feature.trim())
        .filter(|_| is_first)
        .map(Asked::FirstWith)
}

/// What stands between quotes, which YAML may double, and is all of a text.
fn quoted(text: &str) -> Option<&str> {
    const QUOTES: [char; 2] = ['"', '\''];
    let inner = text.trim_matches(QUOTES);
    let is_whole = text.starts_with(QUOTES) && text.ends_with(QUOTES);
    (is_whole && !inner.is_empty() && !inner.contains(['"', '\'', '\\'])).then_some(inner)
}

/// The pieces of an expression between quotes of any kind, its own in YAML among them: what is a text
/// and what is not, the caller tells.
fn pieces(expression: &str) -> BTreeSet<&str> {
    expression.split(['"', '\'']).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_expressions_ask_for() {
        let of = |of, feature, option| OptionOf {
            of,
            feature,
            option,
        };
        let text = "fleet.option(host.name, 'a.b', 'c') if x else fleet.option((fleet.hosts_with('a.b')\n | first).name, \"a.b\", ''d'') ~ fleet.option('h', 'a.b', 'e')";
        let found = [
            of(Asked::Own, "a.b", "c"),
            of(Asked::FirstWith("a.b"), "a.b", "d"),
            of(Asked::Named("h"), "a.b", "e"),
        ];
        assert_eq!(options_of(text), found);
        // Of whom is computed, or what.
        for text in [
            "[fleet.option(h.name, 'a.b', 'c') for h in fleet.hosts]",
            "fleet.option((fleet.hosts_with('a.b') | last).name, 'a.b', 'c')",
            "fleet.option(host.name, 'a.' ~ x, 'c')",
            "fleet.option(host.name, 'a.b', 'c'",
        ] {
            assert_eq!(options_of(text), [], "{text}");
        }
    }
}
