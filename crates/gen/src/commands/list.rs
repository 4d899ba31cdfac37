//! `gen list`: what a fleet has.

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum;
use diag::Diagnostics;
use model::{DiskLayout, Fleet, PortNumbers};
use resolve::FeatureSummary;
use serde::Serialize;
use spec::ast::CatalogSource;

use crate::Generated;
use crate::cli::{App, Sound, Wanted};
use crate::console;
use crate::status::Status;
use crate::table::Table;
use crate::text::list;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to list
    what: What,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    Hosts,
    Microvms,
    Images,
    Installers,
    Users,
    /// The whole catalog and the spec's own features
    Features,
    Profiles,
    Templates,
    /// Disk layouts, and who has them
    Disks,
    /// Shared catalogs that the fleet names
    Catalogs,
    /// Who reads which secret, and whether its file is there
    Secrets,
    /// Generated files
    Files,
}

/// Lists.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    let json = app.wants_json()?;
    match args.what {
        What::Features => {
            let (generated, status) = app.any_fleet(&|_, _| false)?;
            Ok(status.max(show(json, &features(generated))?))
        }
        What::Hosts => told(app, |sound| show(json, &hosts(&sound.fleet))),
        What::Microvms => told(app, |sound| show(json, &microvms(&sound.fleet))),
        What::Images => told(app, |sound| show(json, &images(&sound.fleet))),
        What::Installers => told(app, |sound| show(json, &installers(&sound.fleet))),
        What::Users => told(app, |sound| show(json, &users(&sound.fleet))),
        What::Profiles => told(app, |sound| show(json, &profiles(&sound.fleet))),
        What::Templates => told(app, |sound| show(json, &templates(&sound.fleet))),
        What::Disks => told(app, |sound| show(json, &disks(sound))),
        What::Catalogs => told(app, |sound| show(json, &catalogs(sound))),
        What::Secrets => {
            let there = crate::load::secret_names(&app.out.join("secrets"));
            told(app, |sound| show(json, &secrets(&sound.fleet, &there)))
        }
        What::Files => {
            let manifest = output::read_manifest(&app.target())?;
            let ejected: BTreeSet<String> = manifest
                .map(|manifest| manifest.ejected.into_keys().collect())
                .unwrap_or_default();
            with_files(app, &|_, _| true, |sound| {
                show(json, &files(sound, &ejected))
            })
        }
    }
}

/// Tells what stands in no file.
fn told(app: &App, show: impl FnOnce(&Sound) -> anyhow::Result<Status>) -> anyhow::Result<Status> {
    with_files(app, &|_, _| false, show)
}

fn with_files(
    app: &App,
    wanted: &Wanted<'_>,
    show: impl FnOnce(&Sound) -> anyhow::Result<Status>,
) -> anyhow::Result<Status> {
    match app.told_fleet(wanted)? {
        Ok((sound, status)) => Ok(status.max(show(&sound)?)),
        Err(status) => Ok(status),
    }
}

fn show<R: Row>(json: bool, rows: &[R]) -> anyhow::Result<Status> {
    if json {
        console::json(&rows)?;
    } else {
        let mut table = Table::new(R::HEADINGS);
        for row in rows {
            table.row(row.cells());
        }
        console::out(&table.render())?;
    }
    Ok(Status::Clean)
}

/// A line of a table.
trait Row: Serialize {
    const HEADINGS: &[&str];
    fn cells(&self) -> Vec<String>;
}

fn or_dash(text: Option<&String>) -> String {
    text.filter(|text| !text.is_empty())
        .cloned()
        .unwrap_or_else(|| "-".to_owned())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HostRow {
    name: String,
    description: Option<String>,
    system: String,
    state_version: String,
    template: Option<String>,
    address: Option<String>,
    tags: Vec<String>,
    users: Vec<String>,
    features: Vec<String>,
    ports: Vec<String>,
}

impl Row for HostRow {
    const HEADINGS: &[&str] = &[
        "host",
        "system",
        "template",
        "address",
        "users",
        ">features",
        "description",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.system.clone(),
            or_dash(self.template.as_ref()),
            or_dash(self.address.as_ref()),
            list(&self.users),
            self.features.len().to_string(),
            or_dash(self.description.as_ref()),
        ]
    }
}

fn hosts(fleet: &Fleet) -> Vec<HostRow> {
    let row = |host: &model::Host| {
        let ports = host.ports.iter().map(|port| {
            let numbers = match port.numbers {
                PortNumbers::One(n) => n.to_string(),
                PortNumbers::Range(from, to) => format!("{from}-{to}"),
            };
            let protocol = match port.protocol {
                model::Protocol::Tcp => "tcp",
                model::Protocol::Udp => "udp",
            };
            format!("{numbers}/{protocol} on {}", port.interface)
        });
        HostRow {
            name: host.name.to_string(),
            description: host.description.clone(),
            system: host.system.clone(),
            state_version: host.state_version.clone(),
            template: host.template.as_ref().map(ToString::to_string),
            address: host.address.clone(),
            tags: host.tags.clone(),
            users: host.users.keys().map(ToString::to_string).collect(),
            features: host.enabled.keys().map(ToString::to_string).collect(),
            ports: ports.collect(),
        }
    };
    fleet.hosts.values().map(row).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MicrovmRow {
    name: String,
    description: Option<String>,
    system: String,
    memory: String,
    vcpu: i64,
    reached: Vec<String>,
    hosts: Vec<String>,
}

impl Row for MicrovmRow {
    const HEADINGS: &[&str] = &[
        "microvm",
        ">memory",
        ">processors",
        "reached at",
        "hosts",
        "description",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.memory.clone(),
            self.vcpu.to_string(),
            list(&self.reached),
            list(&self.hosts),
            or_dash(self.description.as_ref()),
        ]
    }
}

fn microvms(fleet: &Fleet) -> Vec<MicrovmRow> {
    let row = |vm: &model::MicroVm| {
        let bridge = vm.bridge.iter().map(|bridge| {
            let address = vm.address.as_deref().unwrap_or("DHCP");
            format!("{address} on {bridge}")
        });
        let forwards = vm
            .forwards
            .iter()
            .map(|forward| format!("{}:{}", forward.address, forward.host));
        let name = &vm.guest.name;
        let hosts = fleet.hosts.values();
        let hosts = hosts.filter(|host| host.microvms.contains(name));
        MicrovmRow {
            name: name.to_string(),
            description: vm.guest.description.clone(),
            system: vm.guest.system.clone(),
            memory: format!("{} MiB", vm.memory),
            vcpu: vm.vcpu,
            reached: bridge.chain(forwards).collect(),
            hosts: hosts.map(|host| host.name.to_string()).collect(),
        }
    };
    fleet.microvms.values().map(row).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageRow {
    name: String,
    description: Option<String>,
    system: String,
    format: &'static str,
}

impl Row for ImageRow {
    const HEADINGS: &[&str] = &["image", "system", "format", "description"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.system.clone(),
            self.format.to_owned(),
            or_dash(self.description.as_ref()),
        ]
    }
}

fn images(fleet: &Fleet) -> Vec<ImageRow> {
    let row = |image: &model::Image| ImageRow {
        name: image.machine.name.to_string(),
        description: image.machine.description.clone(),
        system: image.machine.system.clone(),
        format: image.format.word(),
    };
    fleet.images.values().map(row).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InstallerRow {
    name: String,
    host: String,
    keys: usize,
    with_system: bool,
}

impl Row for InstallerRow {
    const HEADINGS: &[&str] = &["installer", "host", ">ssh keys", "built system"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.host.clone(),
            self.keys.to_string(),
            if self.with_system { "yes" } else { "no" }.to_owned(),
        ]
    }
}

fn installers(fleet: &Fleet) -> Vec<InstallerRow> {
    let row = |installer: &model::Installer| InstallerRow {
        name: format!("live-iso-{}", installer.host),
        host: installer.host.to_string(),
        keys: installer.ssh_keys.len(),
        with_system: installer.with_system,
    };
    fleet.installers.values().map(row).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserRow {
    name: String,
    full_name: Option<String>,
    email: Option<String>,
    admin: bool,
    hosts: BTreeMap<String, Vec<String>>,
}

impl Row for UserRow {
    const HEADINGS: &[&str] = &["user", "full name", "admin", "hosts", "profiles"];

    fn cells(&self) -> Vec<String> {
        let profiles: BTreeSet<&String> = self.hosts.values().flatten().collect();
        vec![
            self.name.clone(),
            or_dash(self.full_name.as_ref()),
            if self.admin { "yes" } else { "no" }.to_owned(),
            list(self.hosts.keys()),
            list(profiles),
        ]
    }
}

fn users(fleet: &Fleet) -> Vec<UserRow> {
    let row = |user: &model::User| {
        let hosts = fleet.hosts.values().filter_map(|host| {
            let on = host.users.get(&user.name)?;
            let profiles = on.profiles.iter().map(ToString::to_string).collect();
            Some((host.name.to_string(), profiles))
        });
        UserRow {
            name: user.name.to_string(),
            full_name: user.full_name.clone(),
            email: user.email.clone(),
            admin: user.admin,
            hosts: hosts.collect(),
        }
    };
    fleet.users.values().map(row).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FeatureRow {
    #[serde(flatten)]
    summary: FeatureSummary,
    /// Machines, and `user@host` for home features.
    enabled_on: Vec<String>,
}

impl Row for FeatureRow {
    const HEADINGS: &[&str] = &["feature", "half", ">on", "from", "summary"];

    fn cells(&self) -> Vec<String> {
        let half = match (self.summary.system, self.summary.home) {
            (true, true) => "both",
            (false, true) => "home",
            _ => "system",
        };
        vec![
            self.summary.id.clone(),
            half.to_owned(),
            match self.enabled_on.len() {
                0 => "-".to_owned(),
                n => n.to_string(),
            },
            match (&self.summary.catalog, self.summary.builtin) {
                (Some(catalog), _) => catalog.clone(),
                (None, true) => "-".to_owned(),
                (None, false) => "the spec".to_owned(),
            },
            self.summary.summary.clone(),
        ]
    }
}

fn features(generated: Generated) -> Vec<FeatureRow> {
    let Generated {
        mut sources,
        spec,
        fleet,
        ..
    } = generated;
    // The catalog's own files are tested; the spec's were checked already.
    let mut diagnostics = Diagnostics::new();
    let summaries = resolve::feature_summaries(&spec, &mut sources, &mut diagnostics);
    let row = |summary: FeatureSummary| {
        let enabled_on = enabled_on(&fleet, &summary.id);
        FeatureRow {
            summary,
            enabled_on,
        }
    };
    summaries.into_iter().map(row).collect()
}

/// Where a feature is on: hosts, MicroVMs and images, and `user@host` for home halves.
pub(crate) fn enabled_on(fleet: &Fleet, id: &str) -> Vec<String> {
    let mut places = Vec::new();
    for host in fleet.machines() {
        if host.enabled.contains_key(id) {
            places.push(host.name.to_string());
        }
        for user in host.users.values() {
            if user.enabled.contains_key(id) {
                places.push(format!("{}@{}", user.name, host.name));
            }
        }
    }
    places
}

#[derive(Serialize)]
struct LayerRow {
    name: String,
    description: Option<String>,
    chain: Vec<String>,
    features: Vec<String>,
    hosts: Vec<String>,
}

impl Row for LayerRow {
    const HEADINGS: &[&str] = &["name", "extends", ">features", "used by", "description"];

    fn cells(&self) -> Vec<String> {
        let parents = self.chain.iter().rev().skip(1);
        vec![
            self.name.clone(),
            list(parents),
            self.features.len().to_string(),
            list(&self.hosts),
            or_dash(self.description.as_ref()),
        ]
    }
}

fn templates(fleet: &Fleet) -> Vec<LayerRow> {
    let row = |template: &model::Template| {
        let hosts = fleet
            .hosts
            .values()
            .filter(|h| h.template.as_ref() == Some(&template.name));
        LayerRow {
            name: template.name.to_string(),
            description: template.description.clone(),
            chain: template.chain.iter().map(ToString::to_string).collect(),
            features: template.imports.iter().map(ToString::to_string).collect(),
            hosts: hosts.map(|host| host.name.to_string()).collect(),
        }
    };
    let mut rows: Vec<LayerRow> = fleet
        .templates
        .values()
        .chain(fleet.ancestors.values())
        .map(row)
        .collect();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    rows
}

fn profiles(fleet: &Fleet) -> Vec<LayerRow> {
    let row = |profile: &model::Profile| {
        let users = fleet.hosts.values().flat_map(|host| {
            let users = host
                .users
                .values()
                .filter(|user| user.profiles.contains(&profile.name));
            users.map(move |user| format!("{}@{}", user.name, host.name))
        });
        LayerRow {
            name: profile.name.to_string(),
            description: profile.description.clone(),
            chain: profile.chain.iter().map(ToString::to_string).collect(),
            features: profile.imports.iter().map(ToString::to_string).collect(),
            hosts: users.collect(),
        }
    };
    fleet.profiles.values().map(row).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DiskRow {
    name: String,
    layout: &'static str,
    devices: Vec<String>,
    encrypted: bool,
    used_by: Vec<String>,
    place: String,
}

impl Row for DiskRow {
    const HEADINGS: &[&str] = &["disks", "layout", "devices", "encrypted", "used by"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.layout.to_owned(),
            list(&self.devices),
            if self.encrypted { "yes" } else { "no" }.to_owned(),
            list(&self.used_by),
        ]
    }
}

fn disks(sound: &Sound) -> Vec<DiskRow> {
    let row = |(name, item): (&String, &spec::ast::Item<spec::ast::Disk>)| {
        let layout = resolve::disk_layout(item)?;
        let (devices, encrypted) = match &layout {
            DiskLayout::Ext4 {
                device, encrypt, ..
            } => (vec![device.clone()], *encrypt),
            DiskLayout::LuksBtrfs {
                devices, encrypt, ..
            }
            | DiskLayout::Zfs {
                devices, encrypt, ..
            } => (devices.clone(), *encrypt),
            DiskLayout::ByHand { file_systems, .. } => {
                let devices = file_systems.values().map(|it| it.device.clone());
                (devices.collect(), false)
            }
        };
        let machines = sound.fleet.machines();
        let used_by = machines.filter(|machine| machine.disks.contains_key(name));
        Some(DiskRow {
            name: name.clone(),
            layout: super::explain::layout_word(&layout),
            devices,
            encrypted,
            used_by: used_by.map(|machine| machine.name.to_string()).collect(),
            place: sound.sources.place(item.name.span),
        })
    };
    sound.spec.disks.iter().filter_map(row).collect()
}

#[derive(Serialize)]
struct CatalogRow {
    name: String,
    from: String,
    /// The commit, where it is copied from a repository.
    rev: Option<String>,
    /// Names of it that are left out.
    except: Vec<String>,
    place: String,
}

impl Row for CatalogRow {
    const HEADINGS: &[&str] = &["catalog", "from", "commit", "without"];

    fn cells(&self) -> Vec<String> {
        let rev = self.rev.as_ref();
        let rev = rev.map(|rev| rev.chars().take(12).collect());
        vec![
            self.name.clone(),
            self.from.clone(),
            or_dash(rev.as_ref()),
            list(&self.except),
        ]
    }
}

fn catalogs(sound: &Sound) -> Vec<CatalogRow> {
    let row = |item: &spec::ast::Item<spec::ast::Catalog>| {
        let (from, rev) = match &item.value.source {
            CatalogSource::Path(path) => (path.value.clone(), None),
            CatalogSource::Git(pin) => (pin.url.value.clone(), Some(pin.rev.value.clone())),
        };
        let except = item.value.except.iter();
        CatalogRow {
            name: item.name.value.clone(),
            from,
            rev,
            except: except.map(|name| name.value.clone()).collect(),
            place: sound.sources.place(item.name.span),
        }
    };
    sound.spec.catalogs.values().map(row).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SecretRow {
    name: String,
    file: String,
    exists: bool,
    /// Hosts that may decrypt it.
    hosts: BTreeSet<String>,
    /// Users who may edit it.
    users: BTreeSet<String>,
    /// Machines that decrypt it.
    used_on: Vec<String>,
    owner: Option<String>,
    group: Option<String>,
    mode: Option<String>,
    path: Option<String>,
}

impl Row for SecretRow {
    const HEADINGS: &[&str] = &[
        "secret", "file", "hosts", "users", "used on", "owner", "mode",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            if self.exists { "exists" } else { "missing" }.to_owned(),
            list(&self.hosts),
            list(&self.users),
            list(&self.used_on),
            or_dash(self.owner.as_ref()),
            or_dash(self.mode.as_ref()),
        ]
    }
}

fn secrets(fleet: &Fleet, there: &BTreeSet<String>) -> Vec<SecretRow> {
    let row = |(name, secret): (&String, &model::Secret)| {
        let file = fleet.backend.secret_file(name);
        let uses: Vec<(&model::Host, &model::SecretUse)> = fleet
            .machines()
            .filter_map(|it| Some((it, it.secrets.get(name)?)))
            .collect();
        // What hosts differ in is in their files.
        let owners: BTreeSet<Option<&String>> =
            uses.iter().map(|(_, it)| it.owner.as_ref()).collect();
        let owner = match owners.into_iter().collect::<Vec<_>>().as_slice() {
            [owner] => owner.cloned(),
            _ => secret.owner.clone(),
        };
        SecretRow {
            name: name.clone(),
            exists: there.contains(&file),
            file: format!("secrets/{file}"),
            hosts: secret.hosts.iter().map(ToString::to_string).collect(),
            users: secret.users.clone(),
            used_on: uses.iter().map(|(it, _)| it.name.to_string()).collect(),
            owner,
            group: secret.group.clone(),
            mode: secret.mode.clone(),
            path: secret.path.clone(),
        }
    };
    fleet.secrets.items.iter().map(row).collect()
}

#[derive(Serialize)]
struct FileRow {
    path: String,
    bytes: usize,
    lines: usize,
    from: Option<String>,
    /// Whether it was given to the user.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    yours: bool,
}

impl Row for FileRow {
    const HEADINGS: &[&str] = &["file", ">lines", "from"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.path.clone(),
            self.lines.to_string(),
            if self.yours {
                "yours (ejected)".to_owned()
            } else {
                or_dash(self.from.as_ref())
            },
        ]
    }
}

fn files(sound: &Sound, ejected: &BTreeSet<String>) -> Vec<FileRow> {
    let row = |(path, file): (&str, &output::File)| FileRow {
        path: path.to_owned(),
        bytes: file.bytes.len(),
        lines: file.bytes.split(|byte| *byte == b'\n').count() - 1,
        from: sound.fleet.sources.get(path).cloned(),
        yours: ejected.contains(path),
    };
    sound.tree.iter().map(row).collect()
}
