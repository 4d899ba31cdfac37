//! Flake inputs: the ones that the output uses, and the modules that hosts take from them.

use std::collections::BTreeMap;

use diag::{Diagnostic, Diagnostics};
use model::{Fleet, Input};
use spec::ast;

use crate::world::World;

/// Name, address, and what it follows: theirs and ours.
type KnownInput = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// Inputs that sections of the spec bring along.
const KNOWN: &[KnownInput] = &[
    (
        "home-manager",
        "github:nix-community/home-manager",
        &[("nixpkgs", "nixpkgs")],
    ),
    (
        "agenix",
        "github:ryantm/agenix",
        &[
            ("nixpkgs", "nixpkgs"),
            ("home-manager", "home-manager"),
            ("darwin", ""),
        ],
    ),
    (
        "sops-nix",
        "github:Mic92/sops-nix",
        &[("nixpkgs", "nixpkgs")],
    ),
    (
        "deploy-rs",
        "github:serokell/deploy-rs",
        // Only its `default.nix` wants the other.
        &[("nixpkgs", "nixpkgs"), ("flake-compat", "")],
    ),
    (
        "disko",
        "github:nix-community/disko",
        &[("nixpkgs", "nixpkgs")],
    ),
    (
        "microvm",
        "github:microvm-nix/microvm.nix",
        &[("nixpkgs", "nixpkgs"), ("spectrum", "")],
    ),
    (
        "nixos-hardware",
        "github:NixOS/nixos-hardware",
        &[("nixpkgs", "nixpkgs")],
    ),
];

/// Whether an input is known to be something else than a nixpkgs.
pub(crate) fn is_no_nixpkgs(name: &str) -> bool {
    KNOWN.iter().any(|(known, ..)| *known == name)
}

/// Channels of nixpkgs: rolling ones, and `nixos-YY.MM`.
pub(crate) fn check_channel(world: &World<'_>, d: &mut Diagnostics) -> String {
    let channel = world
        .spec
        .fleet
        .as_ref()
        .and_then(|f| f.value.channel.as_ref());
    let Some(text) = channel else {
        return "nixos-unstable".to_owned();
    };
    let release = text
        .value
        .strip_prefix("nixos-")
        .and_then(|r| r.strip_suffix("-small").or(Some(r)));
    if !release.is_some_and(|r| r == "unstable" || is_release(r)) {
        d.push(
            Diagnostic::error(
                "bad-value",
                text.span,
                format!("`{}` is not a channel", text.value),
            )
            .help("`nixos-unstable`, or a release such as `nixos-25.11`"),
        );
    }
    text.value.clone()
}

/// Whether a text is a release such as `25.11`.
pub(crate) fn is_release(text: &str) -> bool {
    matches!(text.split_once('.'), Some((year, month)) if year.len() == 2
        && year.bytes().all(|b| b.is_ascii_digit())
        && matches!(month, "05" | "11"))
}

/// Releases from before May and November.
const OF_OTHER_MONTHS: &[&str] = &[
    "13.10", "14.04", "14.12", "15.09", "16.03", "16.09", "17.03", "17.09", "18.03", "18.09",
    "19.03", "19.09", "20.03", "20.09",
];

/// Checks the release that a machine was installed with.
pub(crate) fn check_state_version(world: &World<'_>, text: &ast::Text, d: &mut Diagnostics) {
    let version = text.value.as_str();
    let bad = |message: String| {
        let help = "such as \"25.11\": the release that the machine was installed with, never changed later";
        Diagnostic::error("bad-value", text.span, message).help(help)
    };
    let exists = OF_OTHER_MONTHS.contains(&version) || is_release(version) && version >= "21.05";
    if !exists {
        d.push(bad(format!("`{version}` is not a release of NixOS")));
        return;
    }
    // An input of the spec's own may be of any release.
    let channel = world.spec.fleet.as_ref();
    let channel = channel.and_then(|fleet| fleet.value.channel.as_ref());
    if let Some(channel) = channel.filter(|_| !world.spec.inputs.contains_key("nixpkgs")) {
        let release = channel.value.strip_prefix("nixos-");
        let release = release.map(|it| it.strip_suffix("-small").unwrap_or(it));
        if release.is_some_and(|it| is_release(it) && version > it) {
            let message = format!("`{version}` is newer than `{}`", channel.value);
            d.push(bad(message).related(channel.span, "the channel"));
        }
    }
}

/// Fills in `fleet.inputs` and `input_modules` of every host.
pub(crate) fn resolve(world: &World<'_>, fleet: &mut Fleet, d: &mut Diagnostics) {
    let mut used: Vec<String> = Vec::new();
    let any = |f: &dyn Fn(&model::Host) -> bool| fleet.machines().any(f);
    if any(&|h| h.has_home_manager) {
        used.push("home-manager".to_owned());
    }
    if any(&|h| !h.secrets.is_empty()) {
        used.push(backend(world).0.to_owned());
    }
    if any(&uses_disko) {
        used.push("disko".to_owned());
    }
    if !fleet.microvms.is_empty() {
        used.push("microvm".to_owned());
    }
    if !fleet.deploy.nodes.is_empty() {
        used.push("deploy-rs".to_owned());
    }
    if any(&|h| h.hardware.profile.is_some()) {
        used.push("nixos-hardware".to_owned());
    }
    for id in fleet.features.keys() {
        let Some(definition) = world.table.get(id) else {
            continue;
        };
        for input in &definition.feature.inputs {
            if world.spec.inputs.contains_key(&input.value)
                || KNOWN.iter().any(|(n, ..)| *n == input.value)
            {
                used.push(input.value.clone());
            } else {
                if world.spec.is_lost("inputs", &input.value) {
                    continue;
                }
                let span = if definition.builtin {
                    crate::table::first_use(world.spec, id.as_str())
                } else {
                    Some(input.span)
                };
                d.push(
                    Diagnostic::error(
                        "unknown-input",
                        span,
                        format!("`{id}` needs flake input `{}`", input.value),
                    )
                    .help(format!(
                        "declare it: `inputs.{}: {{ url: …, nixosModule: … }}`",
                        input.value
                    )),
                );
            }
        }
    }
    used.extend(crate::packages::inputs(world, &fleet.pins, d));
    for (name, item) in &world.spec.inputs {
        if fleet.passes_inputs
            || item.value.nixos_module.is_some()
            || item.value.home_module.is_some()
            || item.value.flake.as_ref().is_some_and(|f| !f.value)
        {
            used.push(name.clone());
        } else if !used.contains(name) && !matches!(name.as_str(), "nixpkgs" | "nixpkgs-unstable") {
            d.push(
                Diagnostic::warning(
                    "unused-input",
                    item.name.span,
                    format!("nothing uses input `{name}`"),
                )
                .help("give it a `nixosModule` or `homeModule`, pin a package to it, or remove it"),
            );
        }
    }
    used.sort();
    used.dedup();
    let mut inputs = BTreeMap::new();
    inputs.insert(
        "nixpkgs".to_owned(),
        plain(format!("github:NixOS/nixpkgs/{}", fleet.channel)),
    );
    if fleet.package_inputs().contains(model::UNSTABLE) {
        inputs.insert(
            model::UNSTABLE.to_owned(),
            plain("github:NixOS/nixpkgs/nixos-unstable".to_owned()),
        );
    }
    for name in &used {
        inputs.insert(name.clone(), known(world, name, fleet, &used));
    }
    for (name, item) in &world.spec.inputs {
        let Some(input) = inputs.get_mut(name) else {
            continue;
        };
        if let Some(url) = &item.value.url {
            check_url(url, d);
            input.url.clone_from(&url.value);
        } else if input.url.is_empty() {
            let message = format!("input `{name}` lacks `url`");
            let diagnostic = Diagnostic::error("missing-key", item.name.span, message);
            d.push(diagnostic.help("a flake reference such as `github:owner/name`"));
        }
        if let Some(flake) = &item.value.flake {
            input.flake = flake.value;
        }
        for (theirs, ours) in &item.value.follows {
            let exists =
                ours.value.is_empty() || ours.value == "nixpkgs" || used.contains(&ours.value);
            if exists {
                input
                    .follows
                    .insert(theirs.value.clone(), ours.value.clone());
            } else {
                d.push(Diagnostic::error(
                    "unknown-input",
                    ours.span,
                    format!(
                        "input `{name}` follows `{}`, which is not an input in use",
                        ours.value
                    ),
                ));
            }
        }
        let module = |set: &str, attr: &str| {
            format!("{}.{set}.{}", nix::attr_name(name), nix::attr_name(attr))
        };
        input.nixos_module = item
            .value
            .nixos_module
            .as_ref()
            .map(|m| module("nixosModules", &m.value));
        input.home_module = item
            .value
            .home_module
            .as_ref()
            .map(|m| module("homeModules", &m.value));
    }
    let everywhere: Vec<String> = inputs
        .values()
        .filter_map(|i| i.nixos_module.clone())
        .collect();
    fleet.inputs = inputs;
    let backend = backend(world);
    let guests: std::collections::BTreeSet<_> = fleet.microvms.keys().cloned().collect();
    let images: std::collections::BTreeSet<_> = fleet.images.keys().cloned().collect();
    for host in fleet.machines_mut() {
        let mut modules = Vec::new();
        if guests.contains(&host.name) {
            modules.push("microvm.nixosModules.microvm".to_owned());
        }
        if !host.microvms.is_empty() {
            modules.push("microvm.nixosModules.host".to_owned());
        }
        if uses_disko(host) {
            modules.push("disko.nixosModules.disko".to_owned());
        }
        if let Some(profile) = &host.hardware.profile {
            modules.push(format!(
                "nixos-hardware.nixosModules.{}",
                nix::attr_name(profile)
            ));
        }
        if !host.secrets.is_empty() {
            modules.push(backend.1.to_owned());
        }
        if host.has_home_manager {
            modules.push("home-manager.nixosModules.home-manager".to_owned());
        }
        if !images.contains(&host.name) {
            modules.extend(everywhere.iter().cloned());
        }
        host.input_modules = modules;
    }
}

/// Schemes of flake references.
const SCHEMES: &[&str] = &[
    "file",
    "file+file",
    "file+http",
    "file+https",
    "flake",
    "git",
    "git+file",
    "git+http",
    "git+https",
    "git+ssh",
    "github",
    "gitlab",
    "hg+file",
    "hg+http",
    "hg+https",
    "hg+ssh",
    "http",
    "https",
    "path",
    "sourcehut",
    "tarball",
    "tarball+file",
    "tarball+http",
    "tarball+https",
];

/// What Nix could not read as the reference of a flake.
fn check_url(url: &ast::Text, d: &mut Diagnostics) {
    let text = url.value.as_str();
    let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
    let what = format!("`{text}` is no reference of a flake");
    let bad = Diagnostic::error("bad-value", url.span, what);
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '<' | '>' | '`');
    let known = "such as `github:OWNER/REPOSITORY`, `git+https://…`, or a path: `path:./FOLDER`";
    let is_part = |part: &str| !part.is_empty();
    if text.is_empty() || text.contains(odd) {
        d.push(bad.help(known));
    } else if !scheme.is_empty() && !scheme.contains('/') && !SCHEMES.contains(&scheme) {
        let help = diag::did_you_mean(scheme, SCHEMES);
        d.push(bad.help(match help.filter(|help| help.starts_with("did")) {
            Some(help) => help,
            None => known.to_owned(),
        }));
    } else if matches!(scheme, "github" | "gitlab" | "sourcehut")
        && !rest.split(['/', '?']).take(2).all(is_part)
        || matches!(scheme, "github" | "gitlab" | "sourcehut") && !rest.contains('/')
    {
        d.push(bad.help(format!("write `{scheme}:OWNER/REPOSITORY`")));
    }
}

fn backend(world: &World<'_>) -> (&'static str, &'static str) {
    match world.backend {
        model::Backend::Agenix => ("agenix", "agenix.nixosModules.default"),
        model::Backend::Sops => ("sops-nix", "sops-nix.nixosModules.sops"),
    }
}

fn uses_disko(host: &model::Host) -> bool {
    host.disks
        .values()
        .any(|d| !matches!(d.layout, model::DiskLayout::ByHand { .. }))
}

fn plain(url: String) -> Input {
    Input {
        url,
        follows: BTreeMap::new(),
        flake: true,
        nixos_module: None,
        home_module: None,
    }
}

fn known(world: &World<'_>, name: &str, fleet: &Fleet, used: &[String]) -> Input {
    let Some((_, url, follows)) = KNOWN.iter().find(|(n, ..)| *n == name) else {
        return plain(String::new());
    };
    let mut input = plain((*url).to_owned());
    if name == "home-manager"
        && world
            .spec
            .inputs
            .get(name)
            .is_none_or(|i| i.value.url.is_none())
    {
        // Home Manager has a branch for each release of NixOS.
        if let Some(release) = fleet
            .channel
            .strip_prefix("nixos-")
            .map(|r| r.trim_end_matches("-small"))
            .filter(|r| is_release(r))
        {
            input.url = format!("{url}/release-{release}");
        }
    }
    for (theirs, ours) in *follows {
        if ours.is_empty() || *ours == "nixpkgs" || used.iter().any(|u| u == ours) {
            input
                .follows
                .insert((*theirs).to_owned(), (*ours).to_owned());
        } else {
            input.follows.insert((*theirs).to_owned(), String::new());
        }
    }
    input
}
