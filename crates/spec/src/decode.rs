//! Accumulating decoders: generic nodes → [`crate::ast`]. A decoder reports what is wrong and goes
//! on with what it has.

use diag::{Diagnostic, Diagnostics, FileId, SourceMap, Span, Spanned};
use rayon::prelude::*;

use crate::ast::{
    Boot, Cache, Catalog, CatalogPin, CatalogSource, Composition, Disk, Feature, FeatureUse,
    FileSystem, Fleet, Gc, Gpu, Hardware, Host, Input, Item, Lint, LintIgnore, Locale, Named,
    NixSettings, OwnPackage, Packages, Pin, Profile, Secret, Secrets, Spec, Template, Text, User,
};
use crate::deploy;
use crate::feature;
use crate::machine;
use crate::node::{Node, NodeKind, Style, parse};
use crate::scalar::{Plain, parse_size, plain};
use crate::value::{Context, Keys, Settings, Value, ambiguous, duplicate, settings, value};

/// The version of the spec format that this reads.
pub const FORMAT_VERSION: i64 = 1;

/// Reads all spec files and merges their sections.
pub fn load(sources: &SourceMap, files: &[FileId], diagnostics: &mut Diagnostics) -> Spec {
    load_with(sources, files, diagnostics, &|_, _| {})
}

/// The same, and shows each file's tree, for what looks at all of it whatever it means.
pub fn load_with(
    sources: &SourceMap,
    files: &[FileId],
    diagnostics: &mut Diagnostics,
    look: &(dyn Fn(&Node, &mut Diagnostics) + Sync),
) -> Spec {
    let read = files.par_iter().map(|file| {
        let mut own = Diagnostics::new();
        let root = parse(sources, *file, &mut own).filter(|root| !root.is_null());
        if let Some(root) = &root {
            look(root, &mut own);
        }
        (root, own)
    });
    let mut spec = Spec::default();
    for (root, own) in read.collect::<Vec<_>>() {
        diagnostics.extend(own);
        if let Some(root) = root {
            decode_root(&root, &mut spec, diagnostics);
        }
    }
    spec
}

/// Reads a file that holds one feature definition (the catalog's form).
pub fn decode_feature(
    sources: &SourceMap,
    file: FileId,
    diagnostics: &mut Diagnostics,
) -> Option<Feature> {
    let root = parse(sources, file, diagnostics)?;
    feature::decode(&root, "feature", diagnostics)
}

/// So few entries are decoded sooner by one thread.
const FEW: usize = 8;

/// Sections that a catalog may have; others are the fleet's own business.
pub const CATALOG_SECTIONS: [&str; 5] =
    ["disks", "features", "homeFeatures", "profiles", "templates"];

/// Sections that only a fleet has.
const FLEET_SECTIONS: [&str; 12] = [
    "catalogs",
    "deploy",
    "fleet",
    "hosts",
    "images",
    "inputs",
    "installers",
    "lint",
    "microvms",
    "secrets",
    "tasks",
    "users",
];

/// Reads the files of a catalog.
pub fn load_catalog(
    sources: &SourceMap,
    files: &[FileId],
    diagnostics: &mut Diagnostics,
    look: &mut dyn FnMut(&Node, &mut Diagnostics),
) -> Spec {
    let mut spec = Spec::default();
    for file in files {
        let Some(mut root) = parse(sources, *file, diagnostics) else {
            continue;
        };
        if root.is_null() {
            continue;
        }
        look(&root, diagnostics);
        if let NodeKind::Map(entries) = &mut root.kind {
            entries.retain(|(key, _)| {
                let is_fleets = FLEET_SECTIONS.contains(&key.value.as_str());
                if is_fleets {
                    let sections = CATALOG_SECTIONS.map(|name| format!("`{name}`"));
                    diagnostics.push(
                        Diagnostic::error(
                            "catalog-section",
                            key.span,
                            format!("a catalog cannot hold `{}`", key.value),
                        )
                        .help(format!("it may hold {}", sections.join(", "))),
                    );
                }
                !is_fleets
            });
        }
        decode_root(&root, &mut spec, diagnostics);
    }
    spec
}

fn decode_root(root: &Node, spec: &mut Spec, d: &mut Diagnostics) {
    let Some(mut f) = Fields::of(root, "the spec", d) else {
        spec.lost.insert(("", String::new()));
        return;
    };
    if let Some(node) = f.take_some("version") {
        match int(node, "version", d) {
            Some(v) if v.value == FORMAT_VERSION => {}
            Some(v) => d.push(
                Diagnostic::error(
                    "spec-version",
                    v.span,
                    format!("spec format version {} is not known", v.value),
                )
                .help(if v.value < FORMAT_VERSION {
                    format!("`gen migrate` makes it version {FORMAT_VERSION}")
                } else {
                    format!("this version of `gen` reads version {FORMAT_VERSION}")
                }),
            ),
            None => {}
        }
    }
    if let Some((key, node)) = f.take_with_key("fleet") {
        match (decode_fleet(node, d), &spec.fleet) {
            (None, _) => {
                spec.lost.insert(("fleet", String::new()));
            }
            (Some(_), Some(first)) => {
                d.push(duplicate("fleet", key.span, first.name.span));
            }
            (Some(value), None) => {
                let name = key.clone();
                spec.fleet = Some(Item { name, value });
            }
        }
    }
    let mut lost: Vec<(&'static str, Vec<String>)> = Vec::new();
    macro_rules! section {
        ($key:literal, $field:ident, $what:literal, $decode:expr) => {
            lost.push(($key, f.section($key, &mut spec.$field, $what, $decode, d)))
        };
    }
    section!("inputs", inputs, "input", decode_input);
    section!("catalogs", catalogs, "catalog", decode_catalog);
    section!("users", users, "user", decode_user);
    section!("features", features, "feature", |n, d| feature::decode(
        n, "feature", d
    ));
    section!("homeFeatures", home_features, "feature", |n, d| {
        feature::decode(n, "home feature", d)
    });
    section!("templates", templates, "template", decode_template);
    section!("profiles", profiles, "profile", decode_profile);
    section!("hosts", hosts, "host", decode_host);
    section!("microvms", microvms, "MicroVM", machine::decode_microvm);
    section!("images", images, "image", machine::decode_image);
    section!(
        "installers",
        installers,
        "installer",
        machine::decode_installer
    );
    section!("disks", disks, "disk layout", decode_disk);
    section!("tasks", tasks, "task", deploy::decode_task);
    for (section, names) in lost {
        spec.lost
            .extend(names.into_iter().map(|name| (section, name)));
    }
    if let Some(node) = f.take("secrets") {
        decode_secrets(node, &mut spec.secrets, d);
    }
    if let Some((key, node)) = f.take_with_key("deploy") {
        match (deploy::decode_section(node, d), &spec.deploy) {
            (None, _) => {
                spec.lost.insert(("deploy", String::new()));
            }
            (Some(_), Some(first)) => {
                d.push(duplicate("deploy", key.span, first.name.span));
            }
            (Some(value), None) => {
                let name = key.clone();
                spec.deploy = Some(Item { name, value });
            }
        }
    }
    if let Some(node) = f.take("lint") {
        decode_lint(node, &mut spec.lint, d);
    }
    f.finish(d);
}

fn decode_fleet(node: &Node, d: &mut Diagnostics) -> Option<Fleet> {
    let mut f = Fields::of(node, "`fleet`", d)?;
    let mut fleet = Fleet {
        name: f.text("name", d),
        description: f.text("description", d),
        state_version: f.text("stateVersion", d),
        system: f.text("system", d),
        channel: f.text("channel", d),
        namespace: f.text("namespace", d),
        domain: f.text("domain", d),
        zones: f.texts("zones", d),
        modules: f.texts("modules", d),
        ..Fleet::default()
    };
    if let Some(node) = f.take("locale")
        && let Some(mut f) = Fields::of(node, "`locale`", d)
    {
        fleet.locale = Locale {
            time_zone: f.text("timeZone", d),
            language: f.text("language", d),
            formats: f.text("formats", d),
            key_map: f.text("keyMap", d),
        };
        f.finish(d);
    }
    if let Some(node) = f.take("packages")
        && let Some(mut f) = Fields::of(node, "`packages`", d)
    {
        fleet.packages = Packages {
            unfree: f.texts("unfree", d),
            insecure: f.texts("insecure", d),
            overlays: f.texts("overlays", d),
            unstable: f.boolean("unstable", d),
            own: decode_own(&mut f, d),
            pins: Named::new(),
        };
        f.section(
            "pins",
            &mut fleet.packages.pins,
            "pinned package",
            decode_pin,
            d,
        );
        f.finish(d);
    }
    if let Some(node) = f.take("nix") {
        fleet.nix = decode_nix(node, d);
    }
    if let Some(node) = f.take("secrets")
        && let Some(mut f) = Fields::of(node, "`fleet.secrets`", d)
    {
        fleet.backend = f.text("backend", d);
        f.finish(d);
    }
    f.finish(d);
    Some(fleet)
}

/// Own packages: names of folders below `packages`, or a path for each name.
fn decode_own(f: &mut Fields<'_>, d: &mut Diagnostics) -> Named<OwnPackage> {
    let mut own = Named::new();
    let Some((key, node)) = f.take_with_key("own") else {
        return own;
    };
    if matches!(node.kind, NodeKind::Map(_)) {
        for (name, node) in entries(node, "`own`", d).unwrap_or_default() {
            let what = format!("the path of `{}`", name.value);
            if let Some(path) = text(node, &what, d) {
                let name = name.clone();
                let value = OwnPackage { path };
                own.insert(name.value.clone(), Item { name, value });
            }
        }
        return own;
    }
    if node.is_null() {
        return own;
    }
    for name in texts_in_order(node, &format!("`{}`", key.value), d) {
        if let Some(first) = own.get(&name.value) {
            let first: &Item<OwnPackage> = first;
            d.push(
                Diagnostic::error(
                    "duplicate-name",
                    name.span,
                    format!("package `{}` is listed twice", name.value),
                )
                .related(first.name.span, "first listed here"),
            );
            continue;
        }
        let path = Spanned::new(format!("packages/{}", name.value), name.span);
        let value = OwnPackage { path };
        own.insert(name.value.clone(), Item { name, value });
    }
    own
}

/// A pin: the name of a package set, or a mapping.
fn decode_pin(node: &Node, d: &mut Diagnostics) -> Option<Pin> {
    if !matches!(node.kind, NodeKind::Map(_)) {
        let input = text(node, "where a package comes from", d)?;
        let attribute = None;
        return Some(Pin { input, attribute });
    }
    let mut f = Fields::of(node, "a pinned package", d)?;
    let input = f.required_text("input", d);
    let attribute = f.text("attribute", d);
    f.finish(d);
    let input = input?;
    Some(Pin { input, attribute })
}

fn decode_nix(node: &Node, d: &mut Diagnostics) -> NixSettings {
    let Some(mut f) = Fields::of(node, "`nix`", d) else {
        return NixSettings::default();
    };
    let mut nix = NixSettings {
        trusted_users: f.texts("trustedUsers", d),
        settings: f.settings("settings", d),
        ..NixSettings::default()
    };
    for node in f.list("caches", d) {
        let Some(mut f) = Fields::of(node, "a cache", d) else {
            continue;
        };
        let url = f.required_text("url", d);
        let key = f.required_text("key", d);
        let priority = f.integer("priority", d);
        f.finish(d);
        if let (Some(url), Some(key)) = (url, key) {
            nix.caches.push(Cache { url, key, priority });
        }
    }
    if let Some(node) = f.take("gc") {
        if is_false(node) {
            nix.gc = Some(Gc::Off(node.span));
        } else if let Some(mut f) = Fields::of(node, "`gc`", d) {
            nix.gc = Some(Gc::On {
                every: f.text("every", d),
                keep: f.duration("keep", d),
            });
            f.finish(d);
        }
    }
    f.finish(d);
    nix
}

fn is_false(node: &Node) -> bool {
    node.tag.is_none()
        && matches!(&node.kind, NodeKind::Scalar(text, Style::Plain) if text == "false")
}

fn decode_input(node: &Node, d: &mut Diagnostics) -> Option<Input> {
    let mut f = Fields::of(node, "an input", d)?;
    let mut input = Input {
        url: f.text("url", d),
        flake: f.boolean("flake", d),
        nixos_module: f.text("nixosModule", d),
        home_module: f.text("homeModule", d),
        ..Input::default()
    };
    if let Some(node) = f.take("follows") {
        match &node.kind {
            NodeKind::Map(_) => {
                let Some(entries) = entries(node, "`follows`", d) else {
                    return Some(input);
                };
                for (theirs, node) in entries {
                    if let Some(ours) = text(node, "an input name", d) {
                        input.follows.push((theirs.clone(), ours));
                    }
                }
            }
            _ => {
                for name in texts(node, "`follows`", d) {
                    input.follows.push((name.clone(), name));
                }
            }
        }
    }
    f.finish(d);
    Some(input)
}

fn decode_catalog(node: &Node, d: &mut Diagnostics) -> Option<Catalog> {
    let mut f = Fields::of(node, "a catalog", d)?;
    let except = f.texts("except", d);
    let has_path = f.take("path").is_some();
    let source = if has_path {
        f.required_text("path", d).map(CatalogSource::Path)
    } else if f.take("git").is_some() {
        let url = f.required_text("git", d);
        let rev = f.required_text("rev", d);
        let folder = f.text("folder", d);
        url.zip(rev)
            .map(|(url, rev)| CatalogSource::Git(CatalogPin { url, rev, folder }))
    } else {
        let message = "a catalog lacks `path` or `git`";
        d.push(
            Diagnostic::error("missing-key", node.span, message)
                .help("`path: ../catalog`, or `git: URL` with `rev: COMMIT`"),
        );
        None
    };
    f.finish(d);
    Some(Catalog {
        source: source?,
        except,
    })
}

fn decode_user(node: &Node, d: &mut Diagnostics) -> Option<User> {
    let mut f = Fields::of(node, "a user", d)?;
    let mut user = User {
        full_name: f.text("fullName", d),
        email: f.text("email", d),
        admin: f.boolean("admin", d),
        uid: f.integer("uid", d),
        shell: f.text("shell", d),
        ssh_keys: f.texts("sshKeys", d),
        groups: f.texts("groups", d),
        password: f.value("password", Keys::Names, d),
        system: f.boolean("system", d),
        ..User::default()
    };
    if let Some(node) = f.take("home") {
        user.has_home = true;
        user.home = decode_composition(node, d).unwrap_or_default();
    }
    f.finish(d);
    Some(user)
}

/// A list of profiles, or a mapping.
pub(crate) fn decode_composition(node: &Node, d: &mut Diagnostics) -> Option<Composition> {
    if node.is_null() {
        return Some(Composition::default());
    }
    if matches!(node.kind, NodeKind::List(_)) {
        return Some(Composition {
            profiles: texts(node, "profiles", d),
            ..Composition::default()
        });
    }
    let mut f = Fields::of(node, "a user's part", d)?;
    let composition = Composition {
        profiles: f.texts("profiles", d),
        features: f.feature_uses("features", d),
        packages: f.packages("packages", d),
        settings: f.settings("settings", d),
        groups: f.texts("groups", d),
        modules: f.texts("modules", d),
    };
    f.finish(d);
    Some(composition)
}

fn decode_template(node: &Node, d: &mut Diagnostics) -> Option<Template> {
    let mut f = Fields::of(node, "a template", d)?;
    let mut template = Template {
        description: f.text("description", d),
        extends: f.text("extends", d),
        features: f.feature_uses("features", d),
        packages: f.packages("packages", d),
        settings: f.settings("settings", d),
        modules: f.texts("modules", d),
        ..Template::default()
    };
    f.section("users", &mut template.users, "user", decode_composition, d);
    f.finish(d);
    Some(template)
}

fn decode_profile(node: &Node, d: &mut Diagnostics) -> Option<Profile> {
    let mut f = Fields::of(node, "a profile", d)?;
    let profile = Profile {
        description: f.text("description", d),
        extends: f.text("extends", d),
        features: f.feature_uses("features", d),
        packages: f.packages("packages", d),
        settings: f.settings("settings", d),
        modules: f.texts("modules", d),
    };
    f.finish(d);
    Some(profile)
}

fn decode_host(node: &Node, d: &mut Diagnostics) -> Option<Host> {
    let before = d.len();
    let mut f = Fields::of(node, "a host", d)?;
    let mut host = Host {
        description: f.text("description", d),
        state: f.text("state", d),
        template: f.text("template", d),
        tags: f.texts("tags", d),
        system: f.text("system", d),
        state_version: f.text("stateVersion", d),
        features: f.feature_uses("features", d),
        packages: f.packages("packages", d),
        settings: f.settings("settings", d),
        modules: f.texts("modules", d),
        microvms: f.texts_in_order("microvms", d),
        installer: f.boolean("installer", d),
        ..Host::default()
    };
    if let Some(node) = f.take("hardware") {
        host.hardware = decode_hardware(node, d);
    }
    if let Some(node) = f.take("network")
        && let Some(mut f) = Fields::of(node, "`network`", d)
    {
        host.address = f.text("address", d);
        if let Some(node) = f.take("zones")
            && let Some(entries) = entries(node, "`zones`", d)
        {
            for (zone, node) in entries {
                host.zones
                    .push((zone.clone(), texts(node, "interfaces", d)));
            }
        }
        if let Some(node) = f.take("open")
            && let Some(entries) = entries(node, "`open`", d)
        {
            for (feature, node) in entries {
                host.open.push((feature.clone(), texts(node, "zones", d)));
            }
        }
        f.finish(d);
    }
    f.section("users", &mut host.users, "user", decode_composition, d);
    if let Some(node) = f.take_some("deploy") {
        host.deploy = deploy::decode_of_host(node, d);
    }
    f.finish(d);
    host.broken = d.len() > before;
    Some(host)
}

fn decode_hardware(node: &Node, d: &mut Diagnostics) -> Hardware {
    let Some(mut f) = Fields::of(node, "`hardware`", d) else {
        return Hardware::default();
    };
    let mut hardware = Hardware {
        cpu: f.text("cpu", d),
        memory: f.size("memory", d),
        cores: f.integer("cores", d),
        disks: f.texts("disks", d),
        profile: f.text("profile", d),
        facter: f.text("facter", d),
        kernel_modules: f.texts("kernelModules", d),
        initrd_modules: f.texts("initrdModules", d),
        firmware: f.boolean("firmware", d),
        platform: f.text("platform", d),
        ..Hardware::default()
    };
    for node in f.list("gpu", d) {
        if let NodeKind::Scalar(..) = node.kind {
            if let Some(vendor) = text(node, "a GPU vendor", d) {
                hardware.gpus.push(Gpu {
                    vendor,
                    rocm: false,
                    cuda: false,
                    bus_id: None,
                });
            }
            continue;
        }
        let Some(mut f) = Fields::of(node, "a GPU", d) else {
            continue;
        };
        let vendor = f.required_text("vendor", d);
        let rocm = f.boolean("rocm", d).is_some_and(|b| b.value);
        let cuda = f.boolean("cuda", d).is_some_and(|b| b.value);
        let bus_id = f.text("busId", d);
        f.finish(d);
        if let Some(vendor) = vendor {
            hardware.gpus.push(Gpu {
                vendor,
                rocm,
                cuda,
                bus_id,
            });
        }
    }
    if let Some(node) = f.take("boot")
        && let Some(mut f) = Fields::of(node, "`boot`", d)
    {
        hardware.boot = Boot {
            loader: f.text("loader", d),
            device: f.text("device", d),
            timeout: f.integer("timeout", d),
            efi_mount_point: f.text("efiMountPoint", d),
            can_touch_efi_variables: f.boolean("canTouchEfiVariables", d),
        };
        f.finish(d);
    }
    f.finish(d);
    hardware
}

fn decode_disk(node: &Node, d: &mut Diagnostics) -> Option<Disk> {
    let before = d.len();
    let mut f = Fields::of(node, "a disk layout", d)?;
    let mut disk = Disk {
        layout: f.required_text("layout", d),
        device: f.text("device", d),
        devices: f.texts_in_order("devices", d),
        swap: f.size_text("swap", d),
        esp: f.size_text("esp", d),
        bios: f.boolean("bios", d),
        encrypt: f.boolean("encrypt", d),
        subvolumes: f.pairs("subvolumes", d),
        mount_options: f.texts("mountOptions", d),
        mount_point: f.text("mountPoint", d),
        pool: f.text("pool", d),
        mode: f.text("mode", d),
        datasets: f.pairs("datasets", d),
        host_id: f.text("hostId", d),
        swap_devices: f.texts("swapDevices", d),
        ..Disk::default()
    };
    f.section(
        "fileSystems",
        &mut disk.file_systems,
        "file system",
        decode_file_system,
        d,
    );
    f.finish(d);
    disk.broken = d.len() > before;
    Some(disk)
}

fn decode_file_system(node: &Node, d: &mut Diagnostics) -> Option<FileSystem> {
    let mut f = Fields::of(node, "a file system", d)?;
    let fs = FileSystem {
        device: f.required_text("device", d),
        fs_type: f.required_text("fsType", d),
        options: f.texts("options", d),
        needed_for_boot: f.boolean("neededForBoot", d),
    };
    f.finish(d);
    Some(fs)
}

fn decode_secrets(node: &Node, into: &mut Secrets, d: &mut Diagnostics) {
    let Some(mut f) = Fields::of(node, "`secrets`", d) else {
        return;
    };
    if let Some(node) = f.take("keys")
        && let Some(mut f) = Fields::of(node, "`keys`", d)
    {
        let key = |node: &Node, d: &mut Diagnostics| text(node, "a public key", d);
        f.section("hosts", &mut into.host_keys, "host key", key, d);
        f.section("users", &mut into.user_keys, "user key", key, d);
        f.finish(d);
    }
    f.section(
        "groups",
        &mut into.groups,
        "group",
        |n, d| Some(texts(n, "members", d)),
        d,
    );
    f.section("items", &mut into.items, "secret", decode_secret, d);
    f.finish(d);
}

fn decode_secret(node: &Node, d: &mut Diagnostics) -> Option<Secret> {
    let mut f = Fields::of(node, "a secret", d)?;
    let secret = Secret {
        hosts: f.texts("hosts", d),
        users: f.texts("users", d),
        owner: f.text("owner", d),
        group: f.text("group", d),
        mode: f.text("mode", d),
        path: f.text("path", d),
    };
    f.finish(d);
    Some(secret)
}

/// How serious a lint rule's findings are.
fn level(node: &Node, d: &mut Diagnostics) -> Option<Text> {
    const LEVELS: &[&str] = &["error", "warning", "note", "off"];
    let word = text(node, "a level", d)?;
    if !LEVELS.contains(&word.value.as_str()) {
        let message = format!("`{}` is not a level", word.value);
        let diagnostic = Diagnostic::error("bad-value", word.span, message);
        d.push(match diag::did_you_mean(&word.value, LEVELS) {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
    }
    Some(word)
}

fn decode_lint(node: &Node, into: &mut Lint, d: &mut Diagnostics) {
    let Some(mut f) = Fields::of(node, "`lint`", d) else {
        return;
    };
    f.section("rules", &mut into.rules, "rule", level, d);
    for node in f.list("ignore", d) {
        let Some(mut f) = Fields::of(node, "an exception", d) else {
            continue;
        };
        let rule = f.required_text("rule", d);
        let path = f.required_text("path", d);
        let reason = f.required_text("reason", d);
        f.finish(d);
        if let (Some(rule), Some(path), Some(reason)) = (rule, path, reason) {
            into.ignore.push(LintIgnore { rule, path, reason });
        }
    }
    f.finish(d);
}

/// The keys of a mapping, each asked for once; what was not asked for is unknown.
pub(crate) struct Fields<'n> {
    what: &'static str,
    span: Span,
    entries: Vec<(&'n Spanned<String>, &'n Node, bool)>,
    asked: Vec<&'static str>,
}

/// The entries of a mapping, without duplicates, which are reported.
pub(crate) fn entries<'n>(
    node: &'n Node,
    what: &str,
    d: &mut Diagnostics,
) -> Option<Vec<(&'n Spanned<String>, &'n Node)>> {
    if node.is_null() {
        return Some(Vec::new());
    }
    if let Some(tag) = &node.tag {
        d.push(Diagnostic::error(
            "unexpected-tag",
            tag.span,
            format!("{what} cannot have the tag `!{}`", tag.value),
        ));
    }
    let NodeKind::Map(all) = &node.kind else {
        d.push(Diagnostic::error(
            "wrong-type",
            node.span,
            format!("{what} must be a mapping, found {}", node.describe()),
        ));
        return None;
    };
    let mut seen: std::collections::BTreeMap<&str, Span> = std::collections::BTreeMap::new();
    let mut result = Vec::with_capacity(all.len());
    for (key, inner) in all {
        if let Some(first) = seen.get(key.value.as_str()) {
            d.push(duplicate(&key.value, key.span, *first));
            continue;
        }
        seen.insert(&key.value, key.span);
        result.push((key, inner));
    }
    Some(result)
}

impl<'n> Fields<'n> {
    pub(crate) fn of(node: &'n Node, what: &'static str, d: &mut Diagnostics) -> Option<Self> {
        let entries = entries(node, what, d)?
            .into_iter()
            .map(|(k, n)| (k, n, false))
            .collect();
        Some(Self {
            what,
            span: node.span,
            entries,
            asked: Vec::new(),
        })
    }

    pub(crate) fn take_with_key(
        &mut self,
        key: &'static str,
    ) -> Option<(&'n Spanned<String>, &'n Node)> {
        self.asked.push(key);
        let entry = self.entries.iter_mut().find(|(k, _, _)| k.value == key)?;
        entry.2 = true;
        Some((entry.0, entry.1))
    }

    pub(crate) fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        self.take_with_key(key).map(|(_, node)| node)
    }

    /// Like `take`, but an empty value counts as absent.
    pub(crate) fn take_some(&mut self, key: &'static str) -> Option<&'n Node> {
        self.take(key).filter(|node| !node.is_null())
    }

    pub(crate) fn text(&mut self, key: &'static str, d: &mut Diagnostics) -> Option<Text> {
        text(self.take_some(key)?, &format!("`{key}`"), d)
    }

    /// Text that is read as a duration later; of a bare number the unit is missing, and no quotes.
    pub(crate) fn duration(&mut self, key: &'static str, d: &mut Diagnostics) -> Option<Text> {
        let node = self.take_some(key)?;
        if let NodeKind::Scalar(raw, Style::Plain) = &node.kind
            && node.tag.is_none()
            && let Plain::Int(_) = plain(raw)
        {
            let message = crate::scalar::parse_duration(raw).err().unwrap_or_default();
            d.push(Diagnostic::error("bad-value", node.span, message));
            return None;
        }
        text(node, &format!("`{key}`"), d)
    }

    pub(crate) fn required_text(&mut self, key: &'static str, d: &mut Diagnostics) -> Option<Text> {
        if let Some(node) = self.take_some(key) {
            return text(node, &format!("`{key}`"), d);
        }
        d.push(Diagnostic::error(
            "missing-key",
            self.span,
            format!("{} lacks `{key}`", self.what),
        ));
        None
    }

    pub(crate) fn texts(&mut self, key: &'static str, d: &mut Diagnostics) -> Vec<Text> {
        self.take_some(key)
            .map(|node| texts(node, &format!("`{key}`"), d))
            .unwrap_or_default()
    }

    /// Where one text may come again, or is reported by who knows more about it.
    pub(crate) fn texts_in_order(&mut self, key: &'static str, d: &mut Diagnostics) -> Vec<Text> {
        self.take_some(key)
            .map(|node| texts_in_order(node, &format!("`{key}`"), d))
            .unwrap_or_default()
    }

    pub(crate) fn boolean(
        &mut self,
        key: &'static str,
        d: &mut Diagnostics,
    ) -> Option<Spanned<bool>> {
        boolean(self.take_some(key)?, key, d)
    }

    pub(crate) fn integer(
        &mut self,
        key: &'static str,
        d: &mut Diagnostics,
    ) -> Option<Spanned<i64>> {
        int(self.take_some(key)?, key, d)
    }

    pub(crate) fn size(&mut self, key: &'static str, d: &mut Diagnostics) -> Option<Spanned<u64>> {
        size(self.take_some(key)?, key, d).map(|(text, bytes)| Spanned::new(bytes, text.span))
    }

    fn size_text(&mut self, key: &'static str, d: &mut Diagnostics) -> Option<Text> {
        size(self.take_some(key)?, key, d).map(|(text, _)| text)
    }

    fn pairs(&mut self, key: &'static str, d: &mut Diagnostics) -> Vec<(Text, Text)> {
        let Some(node) = self.take_some(key) else {
            return Vec::new();
        };
        let Some(entries) = entries(node, &format!("`{key}`"), d) else {
            return Vec::new();
        };
        entries
            .into_iter()
            .filter_map(|(k, node)| Some((k.clone(), text(node, &format!("`{}`", k.value), d)?)))
            .collect()
    }

    /// A list; a single value counts as a list of one.
    pub(crate) fn list(&mut self, key: &'static str, d: &mut Diagnostics) -> Vec<&'n Node> {
        let Some(node) = self.take_some(key) else {
            return Vec::new();
        };
        list(node, key, d)
    }

    pub(crate) fn value(
        &mut self,
        key: &'static str,
        keys: Keys,
        d: &mut Diagnostics,
    ) -> Option<Value> {
        let node = self.take(key)?;
        Some(value(
            node,
            Context {
                in_feature: false,
                keys,
            },
            d,
        ))
    }

    pub(crate) fn settings(&mut self, key: &'static str, d: &mut Diagnostics) -> Settings {
        self.settings_in(key, false, d).unwrap_or_default()
    }

    pub(crate) fn settings_in(
        &mut self,
        key: &'static str,
        in_feature: bool,
        d: &mut Diagnostics,
    ) -> Option<Settings> {
        let node = self.take(key)?;
        Some(settings(
            node,
            Context {
                in_feature,
                keys: Keys::Paths,
            },
            d,
        ))
    }

    /// Packages: names or tagged values.
    pub(crate) fn packages(&mut self, key: &'static str, d: &mut Diagnostics) -> Vec<Value> {
        let cx = Context {
            in_feature: false,
            keys: Keys::Names,
        };
        let mut result = Vec::new();
        for node in self.list(key, d) {
            let package = match (&node.tag, &node.kind) {
                (None, NodeKind::Scalar(..)) => match text(node, "a package", d) {
                    Some(name) if nix::AttrPath::parse(&name.value).is_ok() => Value {
                        kind: crate::ValueKind::Pkg(name.value),
                        span: name.span,
                    },
                    Some(name) => {
                        d.push(
                            Diagnostic::error("bad-name", name.span, format!("`{}` is not a package path", name.value))
                                .help("write it as below `pkgs`, such as `hello` or `python3Packages.requests`"),
                        );
                        continue;
                    }
                    None => continue,
                },
                (Some(_), NodeKind::Scalar(..)) => value(node, cx, d),
                _ => {
                    d.push(
                        Diagnostic::error(
                            "wrong-type",
                            node.span,
                            format!("a package must be a name, found {}", node.describe()),
                        )
                        .help("write it as below `pkgs`, or `!nix EXPR`"),
                    );
                    continue;
                }
            };
            result.push(package);
        }
        result
    }

    pub(crate) fn feature_uses(
        &mut self,
        key: &'static str,
        d: &mut Diagnostics,
    ) -> Vec<FeatureUse> {
        let Some(node) = self.take_some(key) else {
            return Vec::new();
        };
        feature_uses(node, d)
    }

    /// A section of named entries, merged into what other files gave. Gives the names that could
    /// not be read, or an empty one where that is the whole section.
    pub(crate) fn section<T: Send>(
        &mut self,
        key: &'static str,
        into: &mut Named<T>,
        what: &str,
        decode: impl Fn(&Node, &mut Diagnostics) -> Option<T> + Sync,
        d: &mut Diagnostics,
    ) -> Vec<String> {
        let mut lost = Vec::new();
        let Some(node) = self.take_some(key) else {
            return lost;
        };
        let Some(entries) = entries(node, &format!("`{key}`"), d) else {
            return vec![String::new()];
        };
        let decoded = |(name, node): &(&Spanned<String>, &Node)| {
            let mut own = Diagnostics::new();
            let value = decode(node, &mut own);
            if matches!(node.kind, NodeKind::Map(_)) {
                // What an entry lacks is said at its name.
                own.relocate(0, node.span, name.span);
            }
            (value, own)
        };
        let decoded: Vec<_> = if entries.len() < FEW {
            entries.iter().map(decoded).collect()
        } else {
            entries.par_iter().map(decoded).collect()
        };
        for ((name, _), (value, own)) in entries.into_iter().zip(decoded) {
            if let Some(first) = into.get(&name.value) {
                d.push(
                    Diagnostic::error(
                        "duplicate-name",
                        name.span,
                        format!("{what} `{}` is defined twice", name.value),
                    )
                    .label("defined again here")
                    .related(first.name.span, "first defined here")
                    .help("merge the two, or rename one"),
                );
                continue;
            }
            d.extend(own);
            match value {
                Some(value) => {
                    let item = Item {
                        name: name.clone(),
                        value,
                    };
                    into.insert(name.value.clone(), item);
                }
                None => lost.push(name.value.clone()),
            }
        }
        lost
    }

    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// What it is, for messages.
    pub(crate) fn what(&self) -> &'static str {
        self.what
    }

    /// Reports the keys that nobody asked for.
    pub(crate) fn finish(self, d: &mut Diagnostics) {
        for (key, _, taken) in &self.entries {
            if *taken {
                continue;
            }
            let mut diagnostic = Diagnostic::error(
                "unknown-key",
                key.span,
                format!("unknown key `{}` in {}", key.value, self.what),
            );
            diagnostic = if let Some(best) = diag::closest(&key.value, &self.asked) {
                diagnostic.help(format!("did you mean `{best}`?"))
            } else {
                let all: Vec<String> = self.asked.iter().map(|k| format!("`{k}`")).collect();
                diagnostic.help(format!("keys here: {}", all.join(", ")))
            };
            d.push(diagnostic);
        }
    }
}

/// `features:` of a host, template, profile or user.
fn feature_uses(node: &Node, d: &mut Diagnostics) -> Vec<FeatureUse> {
    let mut result = Vec::new();
    if let NodeKind::List(_) = node.kind {
        d.push(
            Diagnostic::error(
                "wrong-type",
                node.span,
                "`features` must be a mapping of categories, found a list",
            )
            .help("write `category: [name]` for `category.name`"),
        );
        return result;
    }
    let Some(categories) = entries(node, "`features`", d) else {
        return result;
    };
    for (category, node) in categories {
        if category.value.contains('.') {
            let (first, rest) = category.value.split_once('.').unwrap_or_default();
            let help = match rest.split_once('.') {
                None => format!("write `{first}: {{ {rest}: … }}` or `{first}: [{rest}]`"),
                Some((name, option)) => with_option(first, name, option, node),
            };
            d.push(
                Diagnostic::error(
                    "bad-name",
                    category.span,
                    format!("`{}` is not a category", category.value),
                )
                .help(help),
            );
            continue;
        }
        let id = |name: &Spanned<String>| {
            Spanned::new(format!("{}.{}", category.value, name.value), name.span)
        };
        match &node.kind {
            NodeKind::List(_) => {
                for item in list(node, &category.value, d) {
                    let Some(name) = text(item, "a feature name", d) else {
                        continue;
                    };
                    result.push(FeatureUse {
                        id: id(&name),
                        enable: true,
                        options: OptionValues::default(),
                    });
                }
            }
            NodeKind::Map(_) => {
                let Some(features) = entries(node, "a category", d) else {
                    continue;
                };
                for (name, node) in features {
                    if let Some((feature, option)) = name.value.split_once('.') {
                        d.push(
                            Diagnostic::error(
                                "bad-name",
                                name.span,
                                format!("`{}` is not the name of a feature", name.value),
                            )
                            .help(with_option(
                                &category.value,
                                feature,
                                option,
                                node,
                            )),
                        );
                        continue;
                    }
                    if let Some((enable, options)) = feature_use(node, d) {
                        result.push(FeatureUse {
                            id: id(name),
                            enable,
                            options,
                        });
                    }
                }
            }
            NodeKind::Scalar(..) if node.is_null() => {}
            NodeKind::Scalar(..) => d.push(
                Diagnostic::error(
                    "wrong-type",
                    node.span,
                    format!(
                        "category `{}` must be a list or a mapping of features",
                        category.value
                    ),
                )
                .help(format!(
                    "write `{}: [{}]`",
                    category.value,
                    scalar_source(node)
                )),
            ),
        }
    }
    let mut seen: std::collections::BTreeMap<String, Span> = std::collections::BTreeMap::new();
    result.retain(|feature| {
        if let Some(first) = seen.get(&feature.id.value) {
            d.push(duplicate(&feature.id.value, feature.id.span, *first));
            return false;
        }
        seen.insert(feature.id.value.clone(), feature.id.span);
        true
    });
    result
}

/// How a feature is written of which `enable` or an option was given by a path, as NixOS has it.
fn with_option(category: &str, name: &str, option: &str, node: &Node) -> String {
    match (option, scalar_source(node)) {
        ("enable", "false") => format!("write `{category}: {{ {name}: false }}`"),
        ("enable", _) => format!("write `{category}: [{name}]`"),
        (option, value) => format!("write `{category}: {{ {name}: {{ {option}: {value} }} }}`"),
    }
}

fn scalar_source(node: &Node) -> &str {
    match &node.kind {
        NodeKind::Scalar(text, _) => text,
        _ => "…",
    }
}

type OptionValues = std::collections::BTreeMap<String, (Span, Value)>;

fn feature_use(node: &Node, d: &mut Diagnostics) -> Option<(bool, OptionValues)> {
    if node.is_null() {
        return Some((true, OptionValues::new()));
    }
    if let NodeKind::Scalar(..) = node.kind {
        return boolean(node, "a feature", d).map(|b| (b.value, OptionValues::new()));
    }
    if let NodeKind::List(_) = node.kind {
        d.push(
            Diagnostic::error(
                "wrong-type",
                node.span,
                "a feature must be `true`, `false` or a mapping of its options",
            )
            .help("lists of features stand directly below the category"),
        );
        return None;
    }
    let mut options = OptionValues::new();
    for (key, node) in entries(node, "a feature", d)? {
        if key.value == "enable" {
            d.push(
                Diagnostic::error("reserved-option", key.span, "`enable` is not written")
                    .help("naming a feature enables it; `NAME: false` disables it"),
            );
            continue;
        }
        let cx = Context {
            in_feature: false,
            keys: Keys::Names,
        };
        options.insert(key.value.clone(), (key.span, value(node, cx, d)));
    }
    Some((true, options))
}

/// Text; an unquoted number or boolean is an error.
pub(crate) fn text(node: &Node, what: &str, d: &mut Diagnostics) -> Option<Text> {
    if let Some(tag) = &node.tag
        && tag.value != "str"
    {
        d.push(Diagnostic::error(
            "unexpected-tag",
            tag.span,
            format!(
                "{what} must be plain text, without the tag `!{}`",
                tag.value
            ),
        ));
        return None;
    }
    let NodeKind::Scalar(raw, style) = &node.kind else {
        d.push(Diagnostic::error(
            "wrong-type",
            node.span,
            format!("{what} must be text, found {}", node.describe()),
        ));
        return None;
    };
    if raw.contains('\0') {
        d.push(Diagnostic::error(
            "nul-in-text",
            node.span,
            format!("{what} holds a NUL character"),
        ));
        return None;
    }
    if *style == Style::Text || node.tag.is_some() {
        return Some(Spanned::new(raw.clone(), node.span));
    }
    match plain(raw) {
        Plain::Text => Some(Spanned::new(raw.clone(), node.span)),
        Plain::Null => {
            d.push(Diagnostic::error(
                "wrong-type",
                node.span,
                format!("{what} must be text, found nothing"),
            ));
            None
        }
        Plain::Bool(_) | Plain::Int(_) | Plain::Float(_) => {
            d.push(
                Diagnostic::error(
                    "unquoted-text",
                    node.span,
                    format!("{what} must be text, found `{raw}`"),
                )
                .help(format!("quote it: \"{raw}\"")),
            );
            Some(Spanned::new(raw.clone(), node.span))
        }
        Plain::Ambiguous(reason) => {
            d.push(ambiguous(raw, reason, node.span));
            Some(Spanned::new(raw.clone(), node.span))
        }
    }
}

/// The items of a list; a single value counts as a list of one.
pub(crate) fn list<'n>(node: &'n Node, what: &str, d: &mut Diagnostics) -> Vec<&'n Node> {
    let what = what.trim_matches('`');
    if node.is_null() {
        return Vec::new();
    }
    match &node.kind {
        NodeKind::List(items) => {
            if let Some(tag) = &node.tag {
                d.push(Diagnostic::error(
                    "unexpected-tag",
                    tag.span,
                    format!("`{what}` cannot have the tag `!{}`", tag.value),
                ));
            }
            items.iter().collect()
        }
        NodeKind::Scalar(..) | NodeKind::Map(_) => vec![node],
    }
}

/// A list of texts of which each says something: what is listed again is reported and left out.
pub(crate) fn texts(node: &Node, what: &str, d: &mut Diagnostics) -> Vec<Text> {
    let mut all: Vec<Text> = Vec::new();
    for text in texts_in_order(node, what, d) {
        match all.iter().find(|it| it.value == text.value) {
            // An alias stands for one place.
            Some(first) if first.span == text.span => {}
            Some(first) => d.push(
                Diagnostic::warning(
                    "listed-twice",
                    text.span,
                    format!("`{}` is in the list already", text.value),
                )
                .related(first.span, "here")
                .help("remove one of the two"),
            ),
            None => all.push(text),
        }
    }
    all
}

/// A list of texts whose order counts, so that one may come again.
fn texts_in_order(node: &Node, what: &str, d: &mut Diagnostics) -> Vec<Text> {
    if matches!(node.kind, NodeKind::Map(_)) {
        d.push(Diagnostic::error(
            "wrong-type",
            node.span,
            format!("{what} must be a list, found a mapping"),
        ));
        return Vec::new();
    }
    list(node, what, d)
        .into_iter()
        .filter_map(|item| text(item, &format!("an item of {what}"), d))
        .collect()
}

/// A size, as text and in bytes.
pub(crate) fn size(node: &Node, what: &str, d: &mut Diagnostics) -> Option<(Text, u64)> {
    // A bare number lacks its unit; quotes would not help.
    let text = match &node.kind {
        NodeKind::Scalar(raw, Style::Plain)
            if node.tag.is_none() && matches!(plain(raw), Plain::Int(_) | Plain::Float(_)) =>
        {
            Spanned::new(raw.clone(), node.span)
        }
        _ => text(node, &format!("`{what}`"), d)?,
    };
    match parse_size(&text.value) {
        Ok(bytes) => Some((text, bytes)),
        Err(message) => {
            d.push(Diagnostic::error("bad-size", text.span, message));
            None
        }
    }
}

/// An error that something must be a boolean or an integer.
fn not_plain(node: &Node, what: &str, wanted: &str, fits: impl Fn(&Plain) -> bool) -> Diagnostic {
    if let Some(tag) = &node.tag {
        return Diagnostic::error(
            "unexpected-tag",
            tag.span,
            format!(
                "`{what}` must be {wanted}, without the tag `!{}`",
                tag.value
            ),
        );
    }
    let quoted = match &node.kind {
        NodeKind::Scalar(raw, Style::Text) if fits(&plain(raw)) => Some(raw),
        _ => None,
    };
    let found = match (&node.kind, quoted) {
        (_, Some(raw)) => format!("the text `{raw}`"),
        (NodeKind::Scalar(raw, _), _) if !node.is_null() => format!("`{raw}`"),
        _ => node.describe().to_owned(),
    };
    // Keys stand between backticks, kinds of things do not.
    let what = match what.strip_prefix("a ") {
        Some(_) => what.to_owned(),
        None => format!("`{what}`"),
    };
    let message = format!("{what} must be {wanted}, found {found}");
    let diagnostic = Diagnostic::error("wrong-type", node.span, message);
    match quoted {
        Some(_) => diagnostic.help("remove the quotes"),
        None => diagnostic,
    }
}

pub(crate) fn boolean(node: &Node, what: &str, d: &mut Diagnostics) -> Option<Spanned<bool>> {
    if let (None, NodeKind::Scalar(raw, Style::Plain)) = (&node.tag, &node.kind)
        && let Plain::Bool(value) = plain(raw)
    {
        return Some(Spanned::new(value, node.span));
    }
    d.push(not_plain(node, what, "`true` or `false`", |p| {
        matches!(p, Plain::Bool(_))
    }));
    None
}

pub(crate) fn int(node: &Node, what: &str, d: &mut Diagnostics) -> Option<Spanned<i64>> {
    if let (None, NodeKind::Scalar(raw, Style::Plain)) = (&node.tag, &node.kind) {
        match plain(raw) {
            Plain::Int(value) => return Some(Spanned::new(value, node.span)),
            Plain::Ambiguous(reason) => {
                d.push(ambiguous(raw, reason, node.span));
                return None;
            }
            _ => {}
        }
    }
    d.push(not_plain(node, what, "an integer", |p| {
        matches!(p, Plain::Int(_))
    }));
    None
}
