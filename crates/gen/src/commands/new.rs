//! `gen new`: another host, user, feature, profile or MicroVM, in a file of its own.
//!
//! Files of the spec merge by section, so a new file never touches what the user wrote. Only the host
//! that is to run a MicroVM gets its name, by place, so that comments and layout stay.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use camino::Utf8PathBuf;
use clap::ValueEnum;
use diag::{Diagnostics, SourceMap, Span};
use spec::Spec;
use spec::node::{Node, NodeKind};

use crate::cli::App;
use crate::commands::explain::steps;
use crate::commands::init::write_new;
use crate::commands::schema;
use crate::console;
use crate::edit::{self, Edits, Found};
use crate::status::Status;
use crate::{Sources, generate};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to add
    kind: Kind,
    /// Its name; of a feature, `category.name`
    name: String,
    /// The host that runs the MicroVM
    #[arg(long)]
    host: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Host,
    User,
    Feature,
    Profile,
    #[value(alias = "microvm")]
    Vm,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::User => "user",
            Self::Feature => "feature",
            Self::Profile => "profile",
            Self::Vm => "vm",
        }
    }

    /// The section of the spec, which its folder is named after.
    fn section(self) -> String {
        match self {
            Self::Vm => "microvms".to_owned(),
            other => format!("{}s", other.word()),
        }
    }
}

/// Findings after which the name may stand in what could not be read.
const BLIND: &[&str] = &[
    "spec-encoding",
    "spec-missing",
    "spec-unreadable",
    "yaml-syntax",
];

/// Adds it.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    let Args { kind, name, host } = args;
    check_name(*kind, name)?;
    anyhow::ensure!(
        host.is_none() || *kind == Kind::Vm,
        "`--host` names the host that runs a MicroVM; a {} takes none",
        kind.word()
    );
    let sources = app.load()?;
    let mut diagnostics = sources.diagnostics.clone();
    let (spec, map) = sources.whole_spec(&mut diagnostics);
    if let Some((what, span)) = existing(&spec, *kind, name) {
        anyhow::bail!("there is already {what} `{name}`, at {}", map.place(span));
    }
    if diagnostics.iter().any(|d| BLIND.contains(&d.code)) {
        console::report(app.format, &diagnostics, &sources.map)?;
        return Ok(Status::of(&diagnostics));
    }
    let below = format!("{}/{name}.yaml", kind.section());
    let path: Utf8PathBuf = app.spec.join(&below);
    if *kind == Kind::Vm {
        return vm(app, &sources, &spec, name, host.as_deref(), &below);
    }
    write_new(&path, &skeleton(*kind, name, &spec))?;
    if *kind == Kind::Host {
        console::out(&format!("wrote {path}\nfill it in, then:\n"))?;
        return steps_of(app, name);
    }
    let next = match kind {
        Kind::User => "fill it in and name the user below a host, then run `gen`",
        Kind::Feature => {
            "fill it in and name it below `features` of a host or template, then run `gen`"
        }
        Kind::Profile => "fill it in and name it below a user of a host, then run `gen`",
        Kind::Host | Kind::Vm => "",
    };
    console::guide(&format!("wrote {path}\n{next}\n"))?;
    Ok(Status::Clean)
}

/// The way of a new host to a running machine, as far as its fleet is sound.
fn steps_of(app: &App, name: &str) -> anyhow::Result<Status> {
    let generated = generate(app.load()?);
    if let Some(host) = generated.fleet.hosts.get(name) {
        let steps = steps::of(app, steps::Known::new(&generated), host)?;
        console::out(&format!("\n{}", steps::draw(name, &steps)))?;
        console::guide(&format!(
            "\n`gen explain {name} --steps` says it again, with what is done by then\n"
        ))?;
    } else {
        console::guide(&format!(
            "`gen check` says what is wrong with the spec, then `gen explain {name} --steps` what is to be done\n"
        ))?;
    }
    Ok(Status::Clean)
}

/// Refuses what nothing of a kind can be called, by the kind's word.
pub(crate) fn check_name_of(kind: &str, name: &str) -> anyhow::Result<()> {
    match kind {
        "host" | "vm" | "image" => check_name(Kind::Host, name),
        "user" => check_name(Kind::User, name),
        "feature" => check_name(Kind::Feature, name),
        "secret" | "disk" => {
            let good = !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            anyhow::ensure!(
                good,
                "`{name}` is no name of a {kind}: letters, digits, `-` and `_`"
            );
            Ok(())
        }
        _ => check_name(Kind::Profile, name),
    }
}

/// Refuses what no host, user, feature or profile can be called.
fn check_name(kind: Kind, name: &str) -> anyhow::Result<()> {
    let part = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_lowercase())
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !text.ends_with('-')
    };
    let (good, rule) = match kind {
        Kind::Host | Kind::Vm => (
            name.len() <= 63
                && !name.starts_with('-')
                && !name.ends_with('-')
                && !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
            "lower-case letters, digits and `-`, at most 63",
        ),
        Kind::User => (
            name.len() <= 31
                && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
                && name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_'),
            "lower-case letters, digits, `-` and `_`, at most 31, a letter first",
        ),
        Kind::Feature => (
            name.split_once('.')
                .is_some_and(|(category, name)| part(category) && part(name)),
            "`category.name`, both parts of lower-case letters, digits and `-`",
        ),
        Kind::Profile => (
            part(name),
            "lower-case letters, digits and `-`, a letter first",
        ),
    };
    anyhow::ensure!(good, "`{name}` is no name of a {}: {rule}", kind.word());
    anyhow::ensure!(
        !(matches!(kind, Kind::Host | Kind::Vm) && name == "default"),
        "`default` is no name of a {}: the output has a file of that name",
        kind.word()
    );
    anyhow::ensure!(
        kind != Kind::User || !resolve::is_of_the_system(name),
        "`{name}` is an account that the system itself makes; choose another name"
    );
    Ok(())
}

/// What has the name, and where.
fn existing(spec: &Spec, kind: Kind, name: &str) -> Option<(&'static str, Span)> {
    match kind {
        // They share the names of machines.
        Kind::Host | Kind::Vm => {
            let host = spec.hosts.get(name).map(|it| ("a host", it.name.span));
            let vm = spec.microvms.get(name).map(|it| ("a vm", it.name.span));
            let image = spec.images.get(name).map(|it| ("an image", it.name.span));
            host.or(vm).or(image)
        }
        Kind::User => spec.users.get(name).map(|it| ("a user", it.name.span)),
        Kind::Profile => {
            let offered = || spec.offered.profiles.get(name);
            let item = spec.profiles.get(name).or_else(offered)?;
            Some(("a profile", item.name.span))
        }
        Kind::Feature => {
            let offered = &spec.offered;
            let all = [
                &spec.features,
                &spec.home_features,
                &offered.features,
                &offered.home_features,
            ];
            let item = all.into_iter().find_map(|features| features.get(name))?;
            Some(("a feature", item.name.span))
        }
    }
}

/// Adds a MicroVM, and its name to the host that is to run it.
fn vm(
    app: &App,
    sources: &Sources,
    spec: &Spec,
    name: &str,
    host: Option<&str>,
    below: &str,
) -> anyhow::Result<Status> {
    let mut edits = Edits::default();
    if let Some(host) = host {
        let Some(item) = spec.hosts.get(host) else {
            let help = diag::did_you_mean(host, spec.hosts.keys())
                .map(|help| format!("; {help}"))
                .unwrap_or_default();
            anyhow::bail!("there is no host `{host}`{help}");
        };
        let state = item.value.state.as_ref().map(|state| state.value.as_str());
        anyhow::ensure!(state != Some("retired"), "host `{host}` is retired");
        let nodes = edit::nodes(sources, &mut Diagnostics::new());
        let added = nodes
            .iter()
            .any(|node| add_to_host(node, host, name, &sources.map, &mut edits));
        anyhow::ensure!(
            added,
            "{}: there is no telling where `microvms` of `{host}` would stand; without `--host`, add it there by hand",
            sources.map.place(item.name.span)
        );
    }
    let texts = edits.apply(&sources.map);
    let modeline = format!("# yaml-language-server: $schema=../{}\n", schema::FILE);
    let before = edit::errors(&generate(sources.clone()).diagnostics);
    // Someone of the fleet where that works, who may have keys and secrets that a guest has not.
    let people = spec.users.values().filter(|user| {
        user.value.admin.as_ref().is_some_and(|it| it.value) && !user.value.ssh_keys.is_empty()
    });
    let mut accounts: Vec<String> = people
        .map(|user| {
            format!(
                "{}: # a user of the fleet, with the same keys",
                user.name.value
            )
        })
        .collect();
    accounts.push("dev: { password: dev, admin: true } # a throw-away password".to_owned());
    let mut last = None;
    for account in accounts {
        let body = vm_skeleton(name, host, spec, &account);
        let text = format!("{modeline}{body}");
        let mut changed = edit::changed(sources, &texts, &BTreeMap::new());
        let id = changed
            .map
            .add(format!("{}/{below}", changed.root), text.clone());
        changed.yaml.push(id);
        let after = generate(changed);
        let is_sound = edit::errors(&after.diagnostics) <= before;
        last = Some((text, after));
        if is_sound {
            break;
        }
    }
    let Some((text, after)) = last else {
        anyhow::bail!("nothing to write");
    };
    if edit::errors(&after.diagnostics) > before {
        console::report(app.format, &after.diagnostics, &after.sources)?;
        console::say("nothing was written: the spec would have errors that it does not have now");
        return Ok(Status::Findings);
    }
    let path = app.spec.join(below);
    write_new(&path, &text)?;
    let mut said = format!("wrote {path}\n");
    for (id, text) in &texts {
        edit::write_changed(app, sources, *id, text)?;
        let _ = writeln!(
            said,
            "added `{name}` to `microvms` of {}, in {}",
            host.unwrap_or_default(),
            sources.map.path(*id)
        );
    }
    let _ = writeln!(
        said,
        "fill it in, then run `gen`; in {}, `nix run .#{name}` runs it",
        app.out_name()
    );
    if host.is_none() {
        said.push_str("a host that lists it below `microvms` runs it as a service\n");
    }
    console::out(&said)?;
    Ok(Status::Clean)
}

/// Adds a name to the guests of a host; false if the host is not in this file.
fn add_to_host(
    node: &Node,
    host: &str,
    name: &str,
    sources: &SourceMap,
    edits: &mut Edits,
) -> bool {
    let before = edits.len();
    let at = |span: Span, at: u32| Span::new(span.file, at as usize, at as usize);
    // A host has no dot in its name, so it can stand in a pattern.
    edit::find(node, &format!("hosts.{host}"), &mut |item| {
        let Found::Value(value) = item else { return };
        let NodeKind::Map(entries) = &value.kind else {
            return;
        };
        let guests = entries.iter().find(|(key, _)| key.value == "microvms");
        let column = |span: Span| sources.line_column(span.file, span.start).1;
        match guests.map(|(_, list)| (&list.kind, list)) {
            Some((NodeKind::List(items), list)) => {
                let is_flow = sources.slice(list.span).starts_with('[');
                match (items.last(), is_flow) {
                    (Some(last), true) => {
                        edits.replace(at(last.span, last.span.end), format!(", {name}"));
                    }
                    (Some(last), false) => {
                        let indent = " ".repeat(column(list.span).saturating_sub(1));
                        let text = format!("\n{indent}- {name}");
                        edits.replace(at(last.span, last.span.end), text);
                    }
                    (None, _) => edits.replace(list.span, format!("[{name}]")),
                }
            }
            Some((NodeKind::Scalar(..), list)) => {
                // One name, or nothing yet.
                let old = sources.slice(list.span);
                let text = if old.is_empty() {
                    format!(" [{name}]")
                } else {
                    format!("[{old}, {name}]")
                };
                edits.replace(list.span, text);
            }
            Some(_) => {}
            None => {
                let Some((first, _)) = entries.first() else {
                    return;
                };
                let is_flow = sources.slice(value.span).starts_with('{');
                let text = if is_flow {
                    format!("microvms: [{name}], ")
                } else {
                    let indent = " ".repeat(column(first.span).saturating_sub(1));
                    format!("microvms: [{name}]\n{indent}")
                };
                edits.replace(at(first.span, first.span.start), text);
            }
        }
    });
    edits.len() > before
}

/// The YAML of a MicroVM.
fn vm_skeleton(name: &str, host: Option<&str>, spec: &Spec, account: &str) -> String {
    let taken: BTreeSet<u16> = spec
        .microvms
        .values()
        .flat_map(|vm| &vm.value.network.forwards)
        .map(|forward| forward.host.value)
        .collect();
    let port = (2222..=u16::MAX)
        .find(|port| !taken.contains(port))
        .unwrap_or(2222);
    // A guest runs on the platform of its host.
    let system = host
        .and_then(|host| spec.hosts.get(host)?.value.system.as_ref())
        .map(|system| format!("    system: {}\n", system.value))
        .unwrap_or_default();
    format!(
        "microvms:
  {name}:
    description: What it is for
{system}    memory: 4GiB
    vcpu: 2
    # template: base # what it has in common with hosts
    network:
      forwards: # ports of the host that lead to the guest
        - {{ host: {port}, guest: 22 }}
    # volumes: # what it keeps; all else is new with each start
    #   - {{ name: data, mountPoint: /var/lib/data, size: 10GiB }}
    # shares: # folders of the host
    #   - {{ source: /srv/shared, mountPoint: /mnt/shared }}
    users:
      {account}
    features: {{}} # {{ virtualization: [docker] }}
    packages: [git, htop]
    settings: {{}} # any NixOS option
"
    )
}

fn skeleton(kind: Kind, name: &str, spec: &Spec) -> String {
    let modeline = format!("# yaml-language-server: $schema=../{}\n", schema::FILE);
    let body = match kind {
        Kind::Vm => String::new(),
        Kind::Host => host(name, spec),
        Kind::User if name == "root" => "users:
  root: # of every host; its keys, password, shell and home
    # sshKeys: [ssh-ed25519 AAAA… alice@example]
    # shell: zsh # bash, zsh, fish or nushell
    # home: # Home Manager
    #   packages: [ripgrep]
    #   settings: {}
"
        .to_owned(),
        Kind::User => format!(
            "users:
  {name}:
    fullName: {name}
    # email: {name}@example.org
    # admin: true # member of wheel
    # shell: zsh # bash, zsh, fish or nushell
    # sshKeys: [ssh-ed25519 AAAA… {name}@example]
    # groups: [networkmanager]
    # home: # Home Manager, on every host of the user
    #   profiles: []
    #   packages: [ripgrep]
    #   settings: {{}}
"
        ),
        Kind::Feature => {
            let replaces = if catalog::entry(name).is_some() {
                format!("# It replaces the catalog's `{name}`.\n")
            } else {
                String::new()
            };
            format!(
                "{replaces}features:
  {name}:
    summary: What it is for # one line without a period
    options:
      greeting:
        type: string # bool, int, port, {{ list: string }}, {{ enum: [a, b] }} …
        default: hello
        description: Text that is shown at login
    # requires: [category.other] # switched on along with it
    # conflicts: [category.other] # never on one host with it
    # needs: {{ gpu: amd }} # facts that a host must have
    # ports: [{{ option: port, zones: [lan] }}] # opened on the interfaces of these zones
    nixos: # what it sets in NixOS; `home` is the same for Home Manager
      users.motd: !opt greeting
"
            )
        }
        Kind::Profile => format!(
            "profiles:
  {name}:
    description: What it is for
    # extends: base # another profile
    features: {{}} # {{ development: [git, direnv] }}
    packages: []
    settings: {{}} # any Home Manager option
"
        ),
    };
    format!("{modeline}{body}")
}

fn host(name: &str, spec: &Spec) -> String {
    let names = |what: &str, found: Vec<&String>| -> String {
        let list: Vec<&str> = found.into_iter().map(String::as_str).collect();
        if list.is_empty() {
            format!("# no {what} yet")
        } else {
            format!("# {}", list.join(", "))
        }
    };
    let templates = names("template", spec.templates.keys().collect());
    let users = names("user", spec.users.keys().collect());
    let template = match spec.templates.keys().next() {
        Some(first) => format!("template: {first} {templates}"),
        None => "# template: base".to_owned(),
    };
    let user = match spec.users.keys().next() {
        Some(first) => format!(
            "users: {{ {first}: [] }} # {{ user: [profile, …] }}; {}",
            &users[2..]
        ),
        None => "# users: { alice: [] } # { user: [profile, …] }".to_owned(),
    };
    let fleet = spec.fleet.as_ref().map(|item| &item.value);
    let network = match fleet.and_then(|fleet| fleet.zones.first()) {
        Some(zone) => format!(
            "network:
      # address: 192.168.1.20 # the address that others use
      zones: {{ {zone}: [enp1s0] }} # its interfaces, as `ip -br link` names them",
            zone = zone.value
        ),
        None => "# network: { address: 192.168.1.20 } # the address that others use".to_owned(),
    };
    format!(
        "hosts:
  {name}:
    description: What it is for
    {template}
    hardware:
      cpu: amd # amd, intel, arm or none
      # gpu: [{{ vendor: amd }}]
      disks: {name}-disk
      boot: {{ loader: systemd-boot }}
    {network}
    {user}
    features: {{}} # {{ virtualization: [docker], gaming: {{ steam: false }} }}
    settings: {{}} # any NixOS option

disks:
  {name}-disk:
    layout: ext4 # or luks-btrfs, zfs; none for file systems by hand
    device: /dev/nvme0n1
"
    )
}
