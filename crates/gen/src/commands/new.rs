//! `gen new`: another host, user, feature or profile, in a file of its own.
//!
//! Files of the spec merge by section, so a new file never touches what the user wrote.

use camino::Utf8PathBuf;
use clap::ValueEnum;
use diag::Span;
use spec::Spec;

use crate::cli::App;
use crate::commands::init::write_new;
use crate::commands::schema;
use crate::console;
use crate::status::Status;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to add
    kind: Kind,
    /// Its name; of a feature, `category.name`
    name: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Host,
    User,
    Feature,
    Profile,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::User => "user",
            Self::Feature => "feature",
            Self::Profile => "profile",
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
    let Args { kind, name } = args;
    check_name(*kind, name)?;
    let sources = app.load()?;
    let mut diagnostics = sources.diagnostics.clone();
    let spec = spec::load(&sources.map, &sources.yaml, &mut diagnostics);
    if let Some(span) = existing(&spec, *kind, name) {
        anyhow::bail!(
            "there is already a {} `{name}`, at {}",
            kind.word(),
            sources.map.place(span)
        );
    }
    if diagnostics.iter().any(|d| BLIND.contains(&d.code)) {
        console::report(app.format, &diagnostics, &sources.map)?;
        return Ok(Status::of(&diagnostics));
    }
    let path: Utf8PathBuf = app.spec.join(format!("{}s/{name}.yaml", kind.word()));
    write_new(&path, &skeleton(*kind, name, &spec))?;
    let next = match kind {
        Kind::Host => "fill it in, then run `gen`",
        Kind::User => "fill it in and name the user below a host, then run `gen`",
        Kind::Feature => {
            "fill it in and name it below `features` of a host or template, then run `gen`"
        }
        Kind::Profile => "fill it in and name it below a user of a host, then run `gen`",
    };
    console::out(&format!("wrote {path}\n{next}\n"))?;
    Ok(Status::Clean)
}

/// Refuses what nothing of a kind can be called, by the kind's word.
pub(crate) fn check_name_of(kind: &str, name: &str) -> anyhow::Result<()> {
    match kind {
        "host" => check_name(Kind::Host, name),
        "user" => check_name(Kind::User, name),
        "feature" => check_name(Kind::Feature, name),
        "secret" => {
            let good = !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            anyhow::ensure!(
                good,
                "`{name}` is no name of a secret: letters, digits, `-` and `_`"
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
        Kind::Host => (
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
    Ok(())
}

fn existing(spec: &Spec, kind: Kind, name: &str) -> Option<Span> {
    match kind {
        Kind::Host => spec.hosts.get(name).map(|item| item.name.span),
        Kind::User => spec.users.get(name).map(|item| item.name.span),
        Kind::Profile => spec.profiles.get(name).map(|item| item.name.span),
        Kind::Feature => {
            let item = spec
                .features
                .get(name)
                .or_else(|| spec.home_features.get(name));
            item.map(|item| item.name.span)
        }
    }
}

fn skeleton(kind: Kind, name: &str, spec: &Spec) -> String {
    let modeline = format!("# yaml-language-server: $schema=../{}\n", schema::FILE);
    let body = match kind {
        Kind::Host => host(name, spec),
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
    let zone = fleet
        .and_then(|fleet| fleet.zones.first())
        .map_or("lan", |zone| zone.value.as_str());
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
    # network:
    #   address: 192.168.1.20 # the address that others use
    #   zones: {{ {zone}: [enp1s0] }}
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
