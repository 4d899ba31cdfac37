//! What the spec has a place of its own for.

use std::collections::{BTreeMap, BTreeSet};

use rnix::ast;
use rowan::ast::AstNode;

use crate::assemble::{Entry, Options, World, leaves, merge_lists, package, push_new};
use crate::flake::Flake;
use crate::layouts::Matched;
use crate::report::Report;
use crate::secrets::Secrets;
use crate::yaml::{self, MapBuilder, Yaml};

/// Whether a value holds code.
pub(crate) fn has_code(value: &Yaml) -> bool {
    match value {
        Yaml::Word(tag, _) => *tag == "nix",
        Yaml::List(items) => items.iter().any(has_code),
        Yaml::Map(entries) => entries.iter().any(|(_, value)| has_code(value)),
        Yaml::Tag(_, inner) | Yaml::Commented(_, inner) => has_code(inner),
        _ => false,
    }
}

/// Every word of a tag in a value.
pub(crate) fn words(value: &Yaml, tag: &str, each: &mut dyn FnMut(&str)) {
    match value {
        Yaml::Word(own, text) if *own == tag => each(text),
        Yaml::List(items) => items.iter().for_each(|item| words(item, tag, each)),
        Yaml::Map(entries) => entries
            .iter()
            .for_each(|(_, value)| words(value, tag, each)),
        Yaml::Tag(_, inner) | Yaml::Commented(_, inner) => words(inner, tag, each),
        _ => {}
    }
}

/// Options that stand at hosts even where several hosts share the module: what the checks of the
/// fleet look for there.
pub(crate) fn is_of_host(path: &[String]) -> bool {
    matches!(
        path.iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice(),
        ["boot", "loader", ..] | ["fileSystems" | "disko" | "swapDevices", ..]
    )
}

/// The value without a mark of low priority.
fn plain(value: &Yaml) -> &Yaml {
    match value {
        Yaml::Tag("default", inner) => inner,
        other => other,
    }
}

fn text_of(value: &Yaml) -> Option<&str> {
    match plain(value) {
        Yaml::Str(text) => Some(text),
        _ => None,
    }
}

pub(crate) fn texts_of(value: &Yaml) -> Option<Vec<String>> {
    match value {
        Yaml::List(items) => items
            .iter()
            .map(|item| match item {
                Yaml::Str(text) => Some(text.clone()),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

fn is_true(value: &Yaml) -> bool {
    matches!(plain(value), Yaml::Bool(true))
}

// The fleet.

/// What all hosts have alike.
#[derive(Default)]
pub(crate) struct Shared {
    locale: Vec<(&'static str, String)>,
    unfree: Vec<String>,
    insecure: Vec<String>,
    caches: Vec<(String, String)>,
}

/// Facts that hold for every host.
pub(crate) fn fleet(world: &mut World, report: &mut Report) -> Shared {
    let mut shared = Shared::default();
    for (key, path) in [
        ("timeZone", &["time", "timeZone"][..]),
        ("language", &["i18n", "defaultLocale"]),
        ("keyMap", &["console", "keyMap"]),
    ] {
        if let Some(Yaml::Str(text)) = everywhere(world, path, |value| {
            text_of(value).map(|text| Yaml::Str(text.to_owned()))
        }) {
            shared.locale.push((key, text));
        }
    }
    let insecure = everywhere(
        world,
        &["nixpkgs", "config", "permittedInsecurePackages"],
        |value| texts_of(value).map(|_| value.clone()),
    );
    shared.insecure = insecure
        .and_then(|value| texts_of(&value))
        .unwrap_or_default();
    let unfree = everywhere(
        world,
        &["nixpkgs", "config", "allowUnfreePredicate"],
        |value| match value {
            Yaml::Word("nix", code) => {
                Some(Yaml::texts(predicate(code)?.iter().map(String::as_str)))
            }
            _ => None,
        },
    );
    shared.unfree = unfree
        .and_then(|value| texts_of(&value))
        .unwrap_or_default();
    caches(world, &mut shared);
    for host in 0..world.hosts.len() {
        experimental(world, host, report);
    }
    shared
}

/// A value that all hosts have alike; taken out where they have it.
fn everywhere(
    world: &mut World,
    path: &[&str],
    read: impl Fn(&Yaml) -> Option<Yaml>,
) -> Option<Yaml> {
    let mut found: Option<Yaml> = None;
    let mut places = Vec::new();
    for host in 0..world.hosts.len() {
        let (place, value) = world.one(host, path)?;
        let value = read(value)?;
        if found.as_ref().is_some_and(|before| *before != value) {
            return None;
        }
        found = Some(value);
        places.push(place);
    }
    for place in places {
        world.take(place);
    }
    found
}

/// The names in `pkg: builtins.elem (lib.getName pkg) [ … ]`.
fn predicate(code: &str) -> Option<Vec<String>> {
    let root = nix::syntax(code).ok()?;
    let Some(ast::Expr::Lambda(lambda)) = root.expr() else {
        return None;
    };
    let Some(ast::Param::IdentParam(param)) = lambda.param() else {
        return None;
    };
    let argument = param.ident()?.syntax().text().to_string();
    let Some(ast::Expr::Apply(call)) = lambda.body() else {
        return None;
    };
    let Some(ast::Expr::List(list)) = call.argument() else {
        return None;
    };
    let function: String = call
        .lambda()?
        .syntax()
        .text()
        .to_string()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let expected = [
        format!("builtins.elem (lib.getName {argument})"),
        format!("lib.elem (lib.getName {argument})"),
    ];
    if !expected.contains(&function) {
        return None;
    }
    list.items()
        .map(|item| match item {
            ast::Expr::Str(literal) => nix::static_text(&literal),
            _ => None,
        })
        .collect()
}

/// Substituters with their keys, where each key says which it is of.
fn caches(world: &mut World, shared: &mut Shared) {
    let mut pairs: Option<Vec<(String, String)>> = None;
    let mut places = Vec::new();
    for host in 0..world.hosts.len() {
        let settings = |name| world.one(host, &["nix", "settings", name]);
        let (Some((a, urls)), Some((b, keys))) =
            (settings("substituters"), settings("trusted-public-keys"))
        else {
            return;
        };
        let (Some(urls), Some(keys)) = (texts_of(urls), texts_of(keys)) else {
            return;
        };
        let of = |url: &str| {
            let server = url
                .split("://")
                .nth(1)?
                .split(['/', '?'])
                .next()?
                .to_owned();
            let key = keys.iter().find(|key| {
                let name = key.split(':').next().unwrap_or_default();
                name.trim_end_matches(|c: char| c.is_ascii_digit())
                    .trim_end_matches('-')
                    == server
            })?;
            Some((url.to_owned(), key.clone()))
        };
        let own: Option<Vec<(String, String)>> = urls.iter().map(|url| of(url)).collect();
        let Some(own) = own else { return };
        if own.len() != keys.len() || pairs.as_ref().is_some_and(|before| *before != own) {
            return;
        }
        pairs = Some(own);
        places.extend([a, b]);
    }
    shared.caches = pairs.unwrap_or_default();
    for place in places {
        world.take(place);
    }
}

/// What every fleet has: flakes are on.
fn experimental(world: &mut World, host: usize, report: &mut Report) {
    let path = ["nix", "settings", "experimental-features"];
    let found = world.at(host, &path);
    if found.is_empty() {
        push_new(
            &mut report.todo,
            format!(
                "`{}` gets the experimental features `nix-command` and `flakes`, which the fleet needs",
                world.hosts[host].name
            ),
        );
    }
    for (e, a) in found {
        let value = &world.entries[e].unit.assigns[a].value;
        let names: Option<Vec<String>> = match value {
            Ok(Yaml::Str(text)) => Some(text.split_whitespace().map(str::to_owned).collect()),
            Ok(list) => texts_of(list),
            Err(_) => None,
        };
        let Some(names) = names else { continue };
        let rest: Vec<String> = names
            .into_iter()
            .filter(|name| name != "nix-command" && name != "flakes")
            .collect();
        if rest.is_empty() {
            world.take((e, a));
        } else {
            world.entries[e].unit.assigns[a].value =
                Ok(Yaml::texts(rest.iter().map(String::as_str)));
        }
    }
}

impl Shared {
    /// Section `fleet`.
    pub(crate) fn yaml(&self, flake: &Flake, options: &Options, backend: Option<&str>) -> Yaml {
        let mut map = MapBuilder::default();
        map.add("name", Yaml::text(&options.name));
        if let Some(description) = &flake.description {
            map.add("description", Yaml::text(description));
        }
        if let Some(url) = flake
            .inputs
            .get("nixpkgs")
            .and_then(|input| input.url.as_deref())
            && let Some(channel) = channel(url)
        {
            map.add("channel", Yaml::text(channel));
        }
        if !self.locale.is_empty() {
            let entries = self
                .locale
                .iter()
                .map(|(key, text)| ((*key).to_owned(), Yaml::text(text)));
            map.add("locale", Yaml::Map(entries.collect()));
        }
        let mut packages = MapBuilder::default();
        if !self.unfree.is_empty() {
            packages.add(
                "unfree",
                Yaml::texts(self.unfree.iter().map(String::as_str)),
            );
        }
        if !self.insecure.is_empty() {
            packages.add(
                "insecure",
                Yaml::texts(self.insecure.iter().map(String::as_str)),
            );
        }
        if !packages.is_empty() {
            map.add("packages", packages.build());
        }
        let mut nix = MapBuilder::default();
        if !self.caches.is_empty() {
            let caches = self.caches.iter().map(|(url, key)| {
                Yaml::Map(vec![
                    ("url".to_owned(), Yaml::text(url)),
                    ("key".to_owned(), Yaml::text(key)),
                ])
            });
            nix.add("caches", Yaml::List(caches.collect()));
        }
        nix.add("gc", Yaml::Bool(false));
        map.add("nix", nix.build());
        if let Some(backend) = backend {
            let entries = vec![("backend".to_owned(), Yaml::text(backend))];
            map.add("secrets", Yaml::Map(entries));
        }
        map.build()
    }
}

/// The branch that an address of nixpkgs names, if it is a channel.
fn channel(url: &str) -> Option<&str> {
    let lower = url.to_ascii_lowercase();
    let start = [
        "github:nixos/nixpkgs/",
        "github:nixos/nixpkgs?ref=",
        "nixpkgs/",
    ]
    .into_iter()
    .find(|start| lower.starts_with(start))?;
    let branch = &url[start.len()..];
    let release = branch.strip_prefix("nixos-")?;
    let release = release.strip_suffix("-small").unwrap_or(release);
    (release == "unstable" || release.len() == 5 && release.as_bytes()[2] == b'.').then_some(branch)
}

/// Options that have a place of their own in a spec, so that settings must not name them.
const ELSEWHERE: &[&str] = &[
    "networking.hostName",
    "nixpkgs.config",
    "nixpkgs.hostPlatform",
    "nixpkgs.overlays",
    "nixpkgs.system",
    "system.stateVersion",
];

/// Gives each host the name that its machine has.
pub(crate) fn names(world: &mut World, report: &mut Report) {
    for host in 0..world.hosts.len() {
        let own = world
            .one(host, &["networking", "hostName"])
            .and_then(|(_, value)| text_of(value).map(str::to_owned));
        if let Some(own) = own
            && is_host_name(&own)
            && !world.hosts.iter().any(|other| other.name == own)
        {
            world.hosts[host].name = own;
        }
        let found = &world.hosts[host];
        if found.name != found.attr {
            report.todo.push(format!(
                "host `{}` is called `{}` now",
                found.attr, found.name
            ));
        }
        report.hosts[host].clone_from(&found.name);
    }
}

fn is_host_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 63
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn is_user_name(name: &str) -> bool {
    name.len() <= 31
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
}

/// What settings must not say stays in modules; those that are new are returned.
pub(crate) fn elsewhere(world: &mut World, plans: &mut [HostFacts]) -> BTreeMap<String, String> {
    let mut modules = BTreeMap::new();
    for entry in &mut world.entries {
        let keys: &[&str] = if entry.unit.home.is_some() {
            &[]
        } else {
            ELSEWHERE
        };
        for (a, assign) in entry.unit.assigns.iter_mut().enumerate() {
            let path = assign.path.join(".");
            // Home Manager is told these by the account.
            if entry.unit.home.is_some()
                && (path == "home.username" || path == "home.homeDirectory")
                && assign.value.is_ok()
            {
                entry.taken.insert(a);
                continue;
            }
            let is_there = keys
                .iter()
                .any(|key| path == *key || path.starts_with(&format!("{key}.")));
            if is_there && assign.value.is_ok() && !entry.taken.contains(&a) {
                assign.value = Err("is no setting of a host".to_owned());
            }
        }
    }
    for (host, plan) in plans.iter_mut().enumerate() {
        let mut lines = Vec::new();
        plan.settings.retain(|(path, value)| {
            let keep = path.join(".") != "networking.hostName";
            if let (false, Yaml::Tag(_, inner)) = (keep, value)
                && let Yaml::Str(text) = &**inner
            {
                lines.push(format!(
                    "networking.hostName = lib.mkForce {};",
                    nix::string(text)
                ));
            }
            keep
        });
        let mut imports = Vec::new();
        for path in &plan.nixpkgs {
            imports.push(format!("(modulesPath + {})", nix::string(path)));
        }
        if !imports.is_empty() {
            lines.push(format!("imports = [ {} ];", imports.join(" ")));
        }
        if lines.is_empty() {
            continue;
        }
        let arguments: Vec<&str> = [
            ("lib", lines.iter().any(|line| line.contains("lib."))),
            ("modulesPath", !imports.is_empty()),
        ]
        .into_iter()
        .filter(|(_, used)| *used)
        .map(|(name, _)| name)
        .chain(["..."])
        .collect();
        let text = format!("{{ {} }}: {{ {} }}", arguments.join(", "), lines.concat());
        let path = format!("nix/{}-machine.nix", world.hosts[host].name);
        modules.insert(path.clone(), nix::format(&text).unwrap_or(text));
        plan.modules.push(path);
    }
    modules
}

// Hosts.

/// What a host has beside its settings.
#[derive(Default)]
pub(crate) struct HostFacts {
    pub(crate) system: Option<String>,
    pub(crate) state_version: Option<String>,
    pub(crate) hardware: Yaml2,
    /// Layouts that stand beside the host, by name.
    pub(crate) disks: Vec<(String, Yaml)>,
    /// Whether disko makes its disks by a layout.
    pub(crate) has_layout: bool,
    pub(crate) settings: Vec<(Vec<String>, Yaml)>,
    pub(crate) modules: Vec<String>,
    /// Modules of nixpkgs to import, below `modulesPath`.
    pub(crate) nixpkgs: Vec<String>,
    pub(crate) comments: Vec<String>,
    pub(crate) profile: Option<String>,
}

/// A mapping that is filled in later.
pub(crate) type Yaml2 = HardwareYaml;

/// `hardware`, with a place for the profile.
#[derive(Clone, Default)]
pub(crate) struct HardwareYaml(pub(crate) MapBuilder);

/// The facts of one host.
pub(crate) fn host(
    world: &mut World,
    host: usize,
    matched: Matched,
    is_part: bool,
    report: &mut Report,
) -> HostFacts {
    let mut facts = HostFacts::default();
    let name = world.hosts[host].name.clone();
    // Names and release.
    if let Some((place, value)) = world.one(host, &["system", "stateVersion"])
        && let Some(text) = text_of(value)
    {
        facts.state_version = Some(text.to_owned());
        world.take(place);
    } else if let Some(text) = world.literal(host, &["system", "stateVersion"]) {
        facts.state_version = Some(text);
    } else {
        facts.comments.push(
            "unknown: `stateVersion`, the release that the machine was installed with".to_owned(),
        );
        report.todo.push(format!(
            "set `stateVersion` of host `{name}`: no module says it as text"
        ));
    }
    match world.one(host, &["networking", "hostName"]) {
        Some((place, value)) if text_of(value) == Some(&name) => world.take(place),
        Some((place, value)) if !matches!(value, Yaml::Tag("force", _)) => {
            let value = Yaml::Tag("force", Box::new(plain(value).clone()));
            world.take(place);
            facts
                .settings
                .push((vec!["networking".into(), "hostName".into()], value));
        }
        None if world.literal(host, &["networking", "hostName"]) == Some(name.clone()) => {}
        None if world.at(host, &["networking", "hostName"]).is_empty() => report.todo.push(
            format!("host `{name}` had no `networking.hostName` in data; it is `{name}` now"),
        ),
        _ => {}
    }
    facts.system.clone_from(&world.hosts[host].system);
    if let Some((place, value)) = world.one(host, &["nixpkgs", "hostPlatform"])
        && let Some(text) = text_of(value)
    {
        facts.system = Some(text.to_owned());
        world.take(place);
    } else if let Some(text) = world.literal(host, &["nixpkgs", "hostPlatform"]) {
        facts.system = Some(text);
    }
    if facts.system.is_none() {
        facts
            .comments
            .push("unknown: `system`, taken to be x86_64-linux until it says otherwise".to_owned());
        report.todo.push(format!(
            "say which `system` host `{name}` is, such as `x86_64-linux`: nothing says it as text"
        ));
        facts.system = Some("x86_64-linux".to_owned());
    }
    // A fleet optimises the store of each host unless it says otherwise.
    let path = ["nix", "settings", "auto-optimise-store"];
    if world.at(host, &path).is_empty() {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        facts.settings.push((path, Yaml::Bool(false)));
    }
    let mut hardware = MapBuilder::default();
    processor(world, host, &mut hardware, &mut facts, report);
    if is_part && world.below(host, &["boot", "loader"]).is_empty() {
        facts.comments.push(
            "unknown: the boot loader, `hardware.boot`, which stands elsewhere in a configuration"
                .to_owned(),
        );
    } else {
        boot(
            world,
            host,
            matched.efi_mount_point.as_deref(),
            &mut hardware,
        );
    }
    facts.has_layout = !matched.names.is_empty();
    let mut names = matched.names;
    facts.disks = matched.layouts;
    let path = ["boot", "zfs", "forceImportRoot"];
    if matched.has_zfs && world.at(host, &path).is_empty() {
        // What NixOS does by itself, and a layout of ZFS does not.
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        facts.settings.push((path, Yaml::Bool(true)));
    }
    if let Some(by_hand) = disks(world, host) {
        facts.disks.push((name.clone(), by_hand));
        names.push(name);
    }
    match names.as_slice() {
        [] => {}
        [only] => {
            hardware.add("disks", Yaml::text(only));
        }
        several => {
            let several = several.iter().map(String::as_str);
            hardware.add("disks", Yaml::texts(several));
        }
    }
    facts.hardware = HardwareYaml(hardware);
    facts
}

fn processor(
    world: &mut World,
    host: usize,
    hardware: &mut MapBuilder,
    facts: &mut HostFacts,
    report: &mut Report,
) {
    let own = |world: &World, path: &[&str]| {
        let found = world.at(host, path);
        match found.as_slice() {
            [(e, a)] if world.is_own(*e) => {
                let value = world.assign(*e, *a).value.as_ref().ok()?.clone();
                Some(((*e, *a), value))
            }
            _ => None,
        }
    };
    let qemu = "/profiles/qemu-guest.nix";
    let not_detected = "/installer/scan/not-detected.nix";
    let nixpkgs = world.hosts[host].nixpkgs.clone();
    let mut vendor = None;
    if let Some((kernel, modules)) = own(world, &["boot", "kernelModules"])
        && let Some(modules) = texts_of(&modules)
    {
        for word in ["amd", "intel"] {
            let follows = Yaml::Tag(
                "default",
                Box::new(Yaml::Word(
                    "nix",
                    "config.hardware.enableRedistributableFirmware".to_owned(),
                )),
            );
            let kvm = format!("kvm-{word}");
            if modules.first() == Some(&kvm)
                && let Some((microcode, value)) =
                    own(world, &["hardware", "cpu", word, "updateMicrocode"])
                && value == follows
                && !nixpkgs.iter().any(|path| path == qemu)
            {
                vendor = Some(word);
                world.take(microcode);
                world.take(kernel);
                let rest: Vec<&str> = modules[1..].iter().map(String::as_str).collect();
                hardware.add("cpu", Yaml::text(word));
                if !rest.is_empty() {
                    hardware.add("kernelModules", Yaml::texts(rest));
                }
                break;
            }
        }
    }
    if vendor.is_none() {
        hardware.add("cpu", Yaml::text("none"));
    }
    let mut firmware = nixpkgs.iter().any(|path| path == not_detected);
    if let Some((place, value)) = own(world, &["hardware", "enableRedistributableFirmware"])
        && is_true(&value)
        && matches!(value, Yaml::Tag(..))
    {
        firmware = true;
        world.take(place);
    }
    if firmware != vendor.is_some() {
        hardware.add("firmware", Yaml::Bool(firmware));
    }
    let is_guest = nixpkgs.iter().any(|path| path == qemu);
    if is_guest {
        hardware.add("platform", Yaml::text("qemu"));
    }
    let path = ["boot", "initrd", "availableKernelModules"];
    // A module of several hosts will do, as long as it is the only one that each of them has.
    let initrd = world
        .one(host, &path)
        .filter(|((e, _), _)| {
            let hosts = &world.entries[*e].hosts;
            hosts.iter().all(|host| world.at(*host, &path).len() == 1)
        })
        .map(|(place, value)| (place, value.clone()));
    match initrd {
        Some((place, value)) if texts_of(&value).is_some_and(|list| !list.is_empty()) => {
            world.take(place);
            hardware.add("initrdModules", value);
        }
        _ if !is_guest => {
            report.todo.push(format!(
                "`{}` names no modules of the initial ramdisk in data; it gets the usual ones besides",
                world.hosts[host].name
            ));
        }
        _ => {}
    }
    for path in nixpkgs {
        if path != qemu && path != not_detected {
            facts.nixpkgs.push(path);
        }
    }
    let drivers = world
        .one(host, &["services", "xserver", "videoDrivers"])
        .and_then(|(_, value)| texts_of(value))
        .unwrap_or_default();
    if let Some(driver) = drivers
        .iter()
        .find(|driver| ["amdgpu", "nvidia"].contains(&driver.as_str()))
    {
        let vendor = if driver == "nvidia" { "nvidia" } else { "amd" };
        let gpu = Yaml::Map(vec![("vendor".to_owned(), Yaml::text(vendor))]);
        hardware.add("gpu", Yaml::List(vec![gpu]));
    }
}

fn boot(world: &mut World, host: usize, efi: Option<&str>, hardware: &mut MapBuilder) {
    let mut map = MapBuilder::default();
    let own_flag = |world: &World, path: &[&str]| {
        world
            .one(host, path)
            .filter(|((e, _), value)| world.is_own(*e) && matches!(value, Yaml::Bool(true)))
            .map(|(place, _)| place)
    };
    let mut writes = false;
    if let Some(place) = own_flag(world, &["boot", "loader", "systemd-boot", "enable"]) {
        world.take(place);
        map.add("loader", Yaml::text("systemd-boot"));
        if let Some(place) = own_flag(world, &["boot", "loader", "efi", "canTouchEfiVariables"]) {
            world.take(place);
            writes = true;
        }
    } else if world
        .below(host, &["boot", "loader"])
        .iter()
        .all(|(e, a)| world.assign(*e, *a).value.is_err())
    {
        // What a module by hand says about it is not seen; this loses against it.
        map.add("loader", Yaml::text("none"));
    }
    map.add("canTouchEfiVariables", Yaml::Bool(writes));
    map.add_some("efiMountPoint", efi.map(Yaml::text));
    hardware.add("boot", map.build());
}

/// File systems by hand, if the section can say all of it.
fn disks(world: &mut World, host: usize) -> Option<Yaml> {
    let places = world.below(host, &["fileSystems"]);
    let swaps = world.at(host, &["swapDevices"]);
    let mut systems: BTreeMap<String, Vec<(String, Yaml)>> = BTreeMap::new();
    for (e, a) in &places {
        let assign = world.assign(*e, *a);
        let [_, mount, key] = assign.path.as_slice() else {
            return None;
        };
        let good = match (key.as_str(), &assign.value) {
            ("device" | "fsType", Ok(Yaml::Str(_))) | ("neededForBoot", Ok(Yaml::Bool(true))) => {
                true
            }
            ("options", Ok(value)) => texts_of(value).is_some_and(|list| !list.is_empty()),
            _ => false,
        };
        if !good || !world.is_own(*e) {
            return None;
        }
        let value = assign.value.clone().unwrap_or(Yaml::Null);
        systems
            .entry(mount.clone())
            .or_default()
            .push((key.clone(), value));
    }
    if !systems.contains_key("/") {
        return None;
    }
    let complete = |entries: &[(String, Yaml)]| {
        ["device", "fsType"]
            .iter()
            .all(|key| entries.iter().any(|(k, _)| k == key))
    };
    if !systems.values().all(|entries| complete(entries)) {
        return None;
    }
    let mut devices = Vec::new();
    let mut takes_swap = true;
    for (e, a) in &swaps {
        let Ok(Yaml::List(items)) = &world.assign(*e, *a).value else {
            takes_swap = false;
            break;
        };
        takes_swap &= world.is_own(*e);
        for item in items {
            match item {
                Yaml::Map(entries) if entries.len() == 1 && entries[0].0 == "device" => {
                    if let Yaml::Str(text) = &entries[0].1 {
                        devices.push(text.clone());
                    } else {
                        takes_swap = false;
                    }
                }
                _ => takes_swap = false,
            }
        }
    }
    for place in places {
        world.take(place);
    }
    let mut disk = MapBuilder::default();
    disk.add("layout", Yaml::text("none"));
    let systems = systems
        .into_iter()
        .map(|(mount, entries)| (mount, Yaml::Map(entries)));
    disk.add("fileSystems", Yaml::Map(systems.collect()));
    if takes_swap {
        if !devices.is_empty() {
            disk.add(
                "swapDevices",
                Yaml::texts(devices.iter().map(String::as_str)),
            );
        }
        for place in swaps {
            world.take(place);
        }
    }
    Some(disk.build())
}

// Users.

/// Accounts and homes.
#[derive(Default)]
pub(crate) struct Users {
    users: BTreeMap<String, User>,
}

#[derive(Default)]
struct User {
    hosts: BTreeSet<usize>,
    keys: Vec<(String, Yaml)>,
    has_password: bool,
    /// Whether the home is the same on all its hosts.
    home_hosts: BTreeSet<usize>,
    /// The release of Home Manager's state, where it is not the host's.
    release: Option<String>,
}

/// Reads `users.users`.
pub(crate) fn users(world: &mut World, report: &mut Report) -> Users {
    let mut names: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for host in 0..world.hosts.len() {
        for (e, a) in world.below(host, &["users", "users"]) {
            let path = &world.assign(e, a).path;
            if path.len() > 3 && path[3] == "isNormalUser" {
                names.entry(path[2].clone()).or_default().insert(host);
            }
        }
    }
    let mut found = Users::default();
    for (name, hosts) in names {
        let at = |world: &World, host: usize, key: &[&str]| {
            let mut path = vec!["users", "users", name.as_str()];
            path.extend(key);
            world
                .one(host, &path)
                .map(|(place, value)| (place, value.clone()))
        };
        let normal = |host: &usize| {
            at(world, *host, &["isNormalUser"]).is_some_and(|(_, value)| value == Yaml::Bool(true))
        };
        if !is_user_name(&name) || name == "root" || !hosts.iter().all(normal) {
            continue;
        }
        let mut user = User {
            hosts: hosts.clone(),
            ..User::default()
        };
        let mut places = Vec::new();
        let mut same = |key: &[&str], read: &dyn Fn(&Yaml) -> Option<Yaml>| -> Option<Yaml> {
            let mut value = None;
            let mut own = Vec::new();
            for host in &hosts {
                let (place, given) = at(world, *host, key)?;
                let given = read(&given)?;
                if value.as_ref().is_some_and(|before| *before != given) {
                    return None;
                }
                value = Some(given);
                own.push(place);
            }
            places.extend(own);
            value
        };
        let text = |value: &Yaml| match value {
            Yaml::Str(text) if !text.contains([':', '\n']) => Some(value.clone()),
            _ => None,
        };
        let list = |value: &Yaml| {
            texts_of(value)
                .filter(|list| !list.is_empty())
                .map(|_| value.clone())
        };
        same(&["isNormalUser"], &|value| Some(value.clone()));
        if let Some(value) = same(&["description"], &text) {
            user.keys.push(("fullName".to_owned(), value));
        }
        if let Some(groups) = same(&["extraGroups"], &list).and_then(|value| texts_of(&value)) {
            let others: Vec<&str> = groups
                .iter()
                .map(String::as_str)
                .filter(|group| *group != "wheel")
                .collect();
            if others.len() < groups.len() {
                user.keys.push(("admin".to_owned(), Yaml::Bool(true)));
            }
            if !others.is_empty() {
                user.keys.push(("groups".to_owned(), Yaml::texts(others)));
            }
        }
        if let Some(value) = same(&["uid"], &|value| {
            matches!(value, Yaml::Int(_)).then(|| value.clone())
        }) {
            user.keys.push(("uid".to_owned(), value));
        }
        let enabled = |word: &str| {
            hosts.iter().all(|host| {
                let one = world.one(*host, &["programs", word, "enable"]);
                one.is_some_and(|(_, value)| *value == Yaml::Bool(true))
            })
        };
        let (zsh, fish) = (enabled("zsh"), enabled("fish"));
        if let Some(value) = same(&["shell"], &|value| match value {
            Yaml::Word("pkg", name) => match name.as_str() {
                "zsh" if zsh => Some(Yaml::text("zsh")),
                "fish" if fish => Some(Yaml::text("fish")),
                "nushell" => Some(Yaml::text("nushell")),
                "bashInteractive" => Some(Yaml::text("bash")),
                _ => None,
            },
            _ => None,
        }) {
            user.keys.push(("shell".to_owned(), value));
        }
        let keys = |value: &Yaml| {
            texts_of(value)
                .filter(|keys| {
                    !keys.is_empty()
                        && keys
                            .iter()
                            .all(|key| key.contains(' ') && !key.contains('\n'))
                })
                .map(|_| value.clone())
        };
        if let Some(value) = same(&["openssh", "authorizedKeys", "keys"], &keys) {
            user.keys.push(("sshKeys".to_owned(), value));
        }
        if let Some(value) = same(&["hashedPasswordFile"], &|value| {
            matches!(value, Yaml::Word("secret", _)).then(|| value.clone())
        }) {
            user.keys.push(("password".to_owned(), value));
        }
        for place in places {
            world.take(place);
        }
        found.users.insert(name, user);
    }
    passwords(world, &mut found, report);
    homes(world, &mut found, report);
    found
}

/// Passwords never become YAML.
fn passwords(world: &mut World, found: &mut Users, report: &mut Report) {
    for host in 0..world.hosts.len() {
        for (e, a) in world.below(host, &["users", "users"]) {
            let path = world.assign(e, a).path.clone();
            let Some([key]) = path.get(3..) else { continue };
            let is_literal = matches!(world.assign(e, a).value, Ok(Yaml::Str(_) | Yaml::Tag(..)));
            let is_password = [
                "hashedPassword",
                "initialHashedPassword",
                "initialPassword",
                "password",
            ]
            .contains(&key.as_str());
            if !is_password || !is_literal {
                continue;
            }
            // `!` and `*` lock an account, and are no secrets.
            if matches!(&world.assign(e, a).value, Ok(Yaml::Str(text)) if text == "!" || text == "*")
            {
                continue;
            }
            world.take((e, a));
            let user = &path[2];
            if let Some(user) = found.users.get_mut(user) {
                user.has_password = true;
            }
            push_new(
                &mut report.todo,
                format!(
                    "user `{user}` had `{key}` in a file: it was left out. Declare the secret `user-password-{user}` with the hash that `mkpasswd` prints, then set `password: !secret user-password-{user}`"
                ),
            );
        }
    }
}

fn homes(world: &mut World, found: &mut Users, report: &mut Report) {
    let mut names: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (index, host) in world.hosts.iter().enumerate() {
        for user in &host.homes {
            names.entry(user.clone()).or_default().insert(index);
        }
    }
    for (name, hosts) in names {
        if !found.users.contains_key(&name) {
            report.todo.push(format!(
                "user `{name}` has Home Manager modules, but no account in data; `users.{name}` is taken to be a person's"
            ));
        }
        let user = found.users.entry(name.clone()).or_default();
        user.hosts.extend(&hosts);
        user.home_hosts.clone_from(&hosts);
        // The release is that of the host; one of its own stays.
        let mut state = Vec::new();
        for entry in &world.entries {
            if entry.unit.home.as_ref() != Some(&name) {
                continue;
            }
            for assign in &entry.unit.assigns {
                if assign.path.join(".") == "home.stateVersion"
                    && let Ok(value) = &assign.value
                {
                    state.push(plain(value).clone());
                }
            }
        }
        let release = |host: &usize| {
            world
                .one(*host, &["system", "stateVersion"])
                .map(|(_, value)| plain(value).clone())
        };
        let same = state
            .iter()
            .all(|own| hosts.iter().all(|host| release(host).as_ref() == Some(own)));
        for entry in &mut world.entries {
            if entry.unit.home.as_ref() != Some(&name) {
                continue;
            }
            for (a, assign) in entry.unit.assigns.iter().enumerate() {
                if assign.path.join(".") == "home.stateVersion" && assign.value.is_ok() {
                    entry.taken.insert(a);
                }
            }
        }
        if !same && let Some(Yaml::Str(first)) = state.into_iter().next() {
            user.release = Some(first);
        }
        // Every home of a spec shares the package set of its host.
        for host in hosts {
            for option in ["useGlobalPkgs", "useUserPackages"] {
                let path = ["home-manager", option];
                match world.one(host, &path) {
                    Some((place, Yaml::Bool(true))) => world.take(place),
                    None if world.at(host, &path).is_empty() => {
                        push_new(
                            &mut report.todo,
                            format!(
                                "`home-manager.{option}` was off on `{}`; the setting keeps it so",
                                world.hosts[host].name
                            ),
                        );
                    }
                    _ => {}
                }
            }
        }
    }
}

/// The module that keeps the release of a user's state: its path below the spec, and the option.
fn release_module(name: &str) -> (String, &'static str) {
    (format!("nix/{name}-release.nix"), "home.stateVersion")
}

impl Users {
    /// Modules that are new, by path below the spec.
    pub(crate) fn modules(&self) -> BTreeMap<String, String> {
        self.users
            .iter()
            .filter_map(|(name, user)| {
                let (path, option) = release_module(name);
                let release = nix::string(user.release.as_ref()?);
                let text = format!("{{ lib, ... }}: {{ {option} = lib.mkForce {release}; }}");
                Some((path, nix::format(&text).unwrap_or(text)))
            })
            .collect()
    }

    /// Names of the users of a host.
    pub(crate) fn on(&self, host: usize) -> Vec<&str> {
        self.users
            .iter()
            .filter(|(_, user)| user.hosts.contains(&host))
            .map(|(name, _)| name.as_str())
            .collect()
    }

    fn is_shared(&self, name: &str, entry: &Entry) -> bool {
        self.users
            .get(name)
            .is_some_and(|user| user.home_hosts == entry.hosts)
    }

    /// What a user has on one host alone.
    pub(crate) fn composition(
        &self,
        world: &World,
        name: &str,
        host: usize,
        hand: &BTreeMap<usize, String>,
        inputs: &Inputs,
    ) -> Yaml {
        let entries: Vec<(usize, &Entry)> = world
            .entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| {
                entry.unit.home.as_deref() == Some(name)
                    && entry.hosts.contains(&host)
                    && !self.is_shared(name, entry)
            })
            .collect();
        let mut extra: Vec<String> = Vec::new();
        extra.extend(inputs.of_home.get(&(host, name.to_owned())).cloned());
        match composition(&entries, hand, extra) {
            Yaml::Map(entries) if entries.is_empty() => Yaml::List(Vec::new()),
            other => other,
        }
    }

    /// Section `users`.
    pub(crate) fn yaml(
        &self,
        world: &World,
        hand: &BTreeMap<usize, String>,
        report: &mut Report,
    ) -> Option<Yaml> {
        let _ = report;
        if self.users.is_empty() {
            return None;
        }
        let mut map = MapBuilder::default();
        for (name, user) in &self.users {
            let mut keys = user.keys.clone();
            let entries: Vec<(usize, &Entry)> = world
                .entries
                .iter()
                .enumerate()
                .filter(|(_, entry)| {
                    entry.unit.home.as_deref() == Some(name) && self.is_shared(name, entry)
                })
                .collect();
            if !user.home_hosts.is_empty() {
                let release = user.release.iter().map(|_| release_module(name).0);
                let home = composition(&entries, hand, release.collect());
                keys.push(("home".to_owned(), home));
            }
            let value = Yaml::Map(keys);
            let value = if user.has_password {
                Yaml::Commented(
                    format!(
                        "password: !secret user-password-{name} (its hash was left out; declare the secret first)"
                    ),
                    Box::new(value),
                )
            } else {
                value
            };
            map.add(name, value);
        }
        Some(map.build())
    }
}

/// Packages, settings and modules of a home.
fn composition(
    entries: &[(usize, &Entry)],
    hand: &BTreeMap<usize, String>,
    extra: Vec<String>,
) -> Yaml {
    let mut packages = Vec::new();
    let mut settings: Vec<(&[String], Yaml)> = Vec::new();
    let mut modules = Vec::new();
    for (e, entry) in entries {
        modules.extend(hand.get(e).cloned());
        for (path, value) in leaves(entry, &|_| true) {
            match (&*path.join("."), value) {
                ("home.packages", Yaml::List(items)) => {
                    packages.extend(items.into_iter().map(package));
                }
                (_, value) => settings.push((path, value)),
            }
        }
    }
    modules.extend(extra);
    let mut map = MapBuilder::default();
    if !packages.is_empty() {
        map.add("packages", Yaml::List(packages));
    }
    if !settings.is_empty() {
        map.add("settings", yaml::tree(merge_lists(settings)));
    }
    if !modules.is_empty() {
        map.add("modules", Yaml::texts(modules.iter().map(String::as_str)));
    }
    map.build()
}

// Inputs.

/// Flake inputs and the modules that take them.
#[derive(Default)]
pub(crate) struct Inputs {
    declared: BTreeMap<String, crate::flake::InputSource>,
    nixos: BTreeMap<String, String>,
    /// Modules that import what only some hosts have, by path below the spec.
    pub(crate) modules: BTreeMap<String, String>,
    pub(crate) of_host: BTreeMap<usize, String>,
    pub(crate) of_home: BTreeMap<(usize, String), String>,
    used: BTreeSet<String>,
}

/// Inputs that the spec brings along: their usual names, and what for.
const KNOWN: &[(&str, &str)] = &[
    ("home-manager", "nix-community/home-manager"),
    ("agenix", "ryantm/agenix"),
    ("sops-nix", "mic92/sops-nix"),
    ("nixos-hardware", "nixos/nixos-hardware"),
];

fn is_known(name: &str, flake: &Flake) -> bool {
    KNOWN.iter().any(|(known, repository)| {
        name == *known
            && flake.inputs.get(name).is_none_or(|input| {
                input
                    .url
                    .as_ref()
                    .is_none_or(|url| url.to_ascii_lowercase().contains(repository))
            })
    })
}

/// Decides how each host comes to the modules of its inputs.
pub(crate) fn inputs(
    flake: &Flake,
    world: &mut World,
    plans: &mut [HostFacts],
    users: &Users,
    secrets: &Secrets,
    report: &mut Report,
) -> Inputs {
    let mut inputs = Inputs {
        declared: flake.inputs.clone(),
        ..Inputs::default()
    };
    let has_home = |host: usize| {
        users
            .users
            .values()
            .any(|user| user.home_hosts.contains(&host))
    };
    // A home that had no host needs it as well.
    if (0..world.hosts.len()).any(has_home) && is_known("home-manager", flake) {
        inputs.used.insert("home-manager".to_owned());
    }
    let mut wanted: Vec<Vec<Vec<String>>> = Vec::new();
    for (index, host) in world.hosts.iter().enumerate() {
        let mut own = Vec::new();
        for path in &host.inputs {
            let parts: Vec<&str> = path.iter().map(String::as_str).collect();
            match parts.as_slice() {
                [_, "home-manager", "nixosModules", ..]
                    if has_home(index) && is_known("home-manager", flake) =>
                {
                    inputs.used.insert("home-manager".to_owned());
                }
                [_, input, "nixosModules", ..]
                    if secrets.input_of(index) == Some(*input) && is_known(input, flake) =>
                {
                    inputs.used.insert((*input).to_owned());
                }
                [_, "disko", "nixosModules", ..] if plans[index].has_layout => {
                    inputs.used.insert("disko".to_owned());
                }
                [_, "nixos-hardware", "nixosModules", profile]
                    if plans[index].profile.is_none() && is_known("nixos-hardware", flake) =>
                {
                    plans[index].profile = Some((*profile).to_owned());
                    plans[index].hardware.0.add("profile", Yaml::text(*profile));
                    inputs.used.insert("nixos-hardware".to_owned());
                }
                _ => own.push(path.clone()),
            }
        }
        wanted.push(own);
    }
    // What all hosts have goes into the section, as long as it has the usual shape.
    let all: Vec<Vec<String>> = wanted.first().cloned().unwrap_or_default();
    for path in all {
        if let [_, input, set, attr] = path.as_slice()
            && set == "nixosModules"
            && !inputs.nixos.contains_key(input)
            && wanted.iter().all(|own| own.contains(&path))
        {
            inputs.nixos.insert(input.clone(), attr.clone());
            inputs.used.insert(input.clone());
            for own in &mut wanted {
                own.retain(|other| *other != path);
            }
        }
    }
    let module = |paths: &[Vec<String>]| {
        let lines: Vec<String> = paths
            .iter()
            .map(|path| {
                let parts: Vec<_> = path.iter().map(|part| nix::attr_name(part)).collect();
                format!("{}\n", parts.join("."))
            })
            .collect();
        let text = format!("{{ inputs, ... }}: {{ imports = [ {} ]; }}", lines.concat());
        nix::format(&text).unwrap_or(text)
    };
    for (index, own) in wanted.iter().enumerate() {
        if own.is_empty() {
            continue;
        }
        let path = format!("nix/{}-inputs.nix", world.hosts[index].name);
        inputs.modules.insert(path.clone(), module(own));
        inputs.of_host.insert(index, path);
    }
    for (index, host) in world.hosts.iter().enumerate() {
        for (user, paths) in &host.home_inputs {
            let path = format!("nix/{}-{user}-inputs.nix", host.name);
            inputs.modules.insert(path.clone(), module(paths));
            inputs.of_home.insert((index, user.clone()), path);
        }
        // What was off, and is on in a spec.
        if has_home(index) {
            for option in ["useGlobalPkgs", "useUserPackages"] {
                let path = ["home-manager", option];
                if world.at(index, &path).is_empty()
                    && report.todo.iter().any(|line| {
                        line.starts_with(&format!(
                            "`home-manager.{option}` was off on `{}`",
                            host.name
                        ))
                    })
                {
                    plans[index].settings.push((
                        vec!["home-manager".into(), option.into()],
                        Yaml::Tag("force", Box::new(Yaml::Bool(false))),
                    ));
                }
            }
        }
    }
    inputs
}

impl Inputs {
    /// Section `inputs`.
    pub(crate) fn yaml(&self, passes_all: bool, texts: &[String]) -> Option<Yaml> {
        let mut map = MapBuilder::default();
        let mentioned = |name: &str| {
            passes_all
                && texts.iter().any(|text| {
                    text.contains(&format!("inputs.{name}"))
                        || text.contains(&format!("inputs.\"{name}\""))
                })
        };
        let kept: BTreeSet<&String> = self
            .declared
            .keys()
            .filter(|name| self.used.contains(*name) || mentioned(name))
            .collect();
        for (name, input) in &self.declared {
            let is_nixpkgs = name == "nixpkgs";
            if is_nixpkgs {
                if let Some(url) = &input.url
                    && channel(url).is_none()
                {
                    map.add(name, Yaml::Map(vec![("url".to_owned(), Yaml::text(url))]));
                }
                continue;
            }
            if !kept.contains(name) {
                continue;
            }
            let mut one = MapBuilder::default();
            one.add_some("url", input.url.as_deref().map(Yaml::text));
            let follows: Vec<(String, Yaml)> = input
                .follows
                .iter()
                .filter(|(_, ours)| *ours == "nixpkgs" || ours.is_empty() || kept.contains(ours))
                .map(|(theirs, ours)| (theirs.clone(), Yaml::text(ours)))
                .collect();
            if !follows.is_empty() {
                let same = follows
                    .iter()
                    .all(|(theirs, ours)| matches!(ours, Yaml::Str(ours) if ours == theirs));
                let value = if same {
                    Yaml::List(
                        follows
                            .iter()
                            .map(|(theirs, _)| Yaml::text(theirs))
                            .collect(),
                    )
                } else {
                    Yaml::Map(follows)
                };
                one.add("follows", value);
            }
            if !input.is_flake {
                one.add("flake", Yaml::Bool(false));
            }
            one.add_some("nixosModule", self.nixos.get(name).map(Yaml::text));
            map.add(name, one.build());
        }
        (!map.is_empty()).then(|| map.build())
    }
}
