//! The files of a fleet: which there are, where they go and what they show.

use std::collections::BTreeMap;

use minijinja::Environment;
use minijinja::value::Serde;
use model::{
    Backend, Disk, Feature, FeatureHalf, Fleet, Half, Host, HostUser, Installer, Profile, Template,
    User,
};
use serde::Serialize;

use crate::alike;
use crate::code::Code;
use crate::error::{Problem, Result};
use crate::memo::Memo;
use crate::module;
use crate::views::{
    disks, feature, flake, halves, hardware, home_manager, host, index, installer, layer, packages,
    readme, repository, secrets, tasks, user,
};

/// The program that installs a host, the same for all.
const INSTALL_SCRIPT: &str = include_str!("../scripts/install-host.sh");

/// The program that creates, edits and re-encrypts secrets.
const SECRETS_SCRIPT: &str = include_str!("../scripts/manage-secrets.sh");

/// A file to render.
#[derive(Clone, Copy, Debug)]
pub(crate) enum File<'a> {
    Attributes,
    BackupTable,
    Disks(&'a str, &'a Disk),
    Feature(Half, &'a Feature, &'a FeatureHalf),
    Flake,
    FleetModule,
    Guest(&'a Host),
    Hardware(&'a Host),
    HomeManager,
    Host(&'a Host),
    HostDisks(&'a Host),
    HostUser(&'a Host, &'a HostUser),
    Image(&'a Host),
    Index(Half),
    HostTable,
    InstallScript,
    Justfile,
    MicroVmTable,
    Overlay,
    Script(Script),
    Installer(&'a Installer),
    InstallerModule,
    PreCommit,
    Profile(&'a Profile),
    PullRequest,
    Readme,
    Recipients,
    SecretRules,
    SecretsScript,
    SopsRules,
    Template(&'a Template),
    User(&'a User),
    Workflow,
}

/// What a template prints.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum View {
    Attributes {
        /// Whether there are age files, which look like text to git if they are small.
        age: bool,
    },
    Disks(disks::View),
    Feature(feature::View),
    Flake(flake::View),
    Hardware(hardware::View),
    HomeManager(home_manager::View),
    Host(host::View),
    Index(index::View),
    Installer(installer::View),
    Layer(layer::View),
    Nothing {},
    Overlay(packages::View),
    Readme(readme::View),
    Recipients(secrets::RecipientsView),
    Repository(repository::View),
    SecretRules(secrets::AgenixView),
    SopsRules(secrets::SopsView),
    Table(tasks::Table),
    Tasks(tasks::View),
    User(user::View),
}

/// A script that recipes run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    path: &'static str,
    text: &'static str,
}

const CHECKS: Script = Script {
    path: "scripts/check.sh",
    text: include_str!("../scripts/check.sh"),
};
const HOSTS: Script = Script {
    path: "scripts/hosts.sh",
    text: include_str!("../scripts/hosts.sh"),
};
const BACKUPS: Script = Script {
    path: "scripts/backups.sh",
    text: include_str!("../scripts/backups.sh"),
};
const LIVE: Script = Script {
    path: "scripts/live.sh",
    text: include_str!("../scripts/live.sh"),
};
const MICROVMS: Script = Script {
    path: "scripts/microvms.sh",
    text: include_str!("../scripts/microvms.sh"),
};

/// Around the body of a module.
#[derive(Debug, Serialize)]
struct ModuleView {
    arguments: Option<Code>,
    body: Code,
}

/// The files of a fleet, apart from assets.
pub(crate) fn files(fleet: &Fleet) -> Vec<File<'_>> {
    // What tells of every host comes first: it takes long, and the cores share what is left.
    let mut files = vec![File::Attributes, File::Flake, File::Readme];
    if !fleet.recipes.is_empty() {
        files.extend([File::Justfile, File::HostTable]);
    }
    for half in [Half::System, Half::Home] {
        let before = files.len();
        files.extend(halves(fleet, half).map(|(feature, part)| File::Feature(half, feature, part)));
        if files.len() > before {
            files.push(File::Index(half));
        }
    }
    if layer::has_fleet(fleet) {
        files.push(File::FleetModule);
    }
    if fleet.has_package_overlay() {
        files.push(File::Overlay);
    }
    let has_home = |host: &Host| host.users.values().any(|user| user.has_home);
    if fleet.machines().any(has_home) {
        files.push(File::HomeManager);
    }
    let templates = fleet
        .templates
        .values()
        .filter(|it| layer::has_template(it));
    files.extend(templates.map(File::Template));
    let profiles = fleet.profiles.values().filter(|it| layer::has_profile(it));
    files.extend(profiles.map(File::Profile));
    let users = fleet.users.values().filter(|it| user::has_module(it));
    files.extend(users.map(File::User));
    let layouts: BTreeMap<&str, &Disk> = fleet
        .hosts
        .values()
        .filter(|host| disks::is_shared(host))
        .flat_map(|host| host.disks.iter().map(|(name, disk)| (name.as_str(), disk)))
        .collect();
    files.extend(
        layouts
            .into_iter()
            .map(|(name, disk)| File::Disks(name, disk)),
    );
    for host in fleet.hosts.values() {
        files.extend([File::Host(host), File::Hardware(host)]);
        if !host.disks.is_empty() && !disks::is_shared(host) {
            files.push(File::HostDisks(host));
        }
        let users = host.users.values().filter(|it| user::has_host_module(it));
        files.extend(users.map(|user| File::HostUser(host, user)));
    }
    for vm in fleet.microvms.values() {
        files.push(File::Guest(&vm.guest));
        let users = vm.guest.users.values();
        let users = users.filter(|it| user::has_host_module(it));
        files.extend(users.map(|user| File::HostUser(&vm.guest, user)));
    }
    files.extend(fleet.images.values().map(|it| File::Image(&it.machine)));
    if !fleet.installers.is_empty() {
        files.extend([File::InstallScript, File::InstallerModule]);
        files.extend(fleet.installers.values().map(File::Installer));
    }
    if fleet.repository.is_some() {
        files.extend([File::PreCommit, File::PullRequest, File::Workflow]);
    }
    if !fleet.recipes.is_empty() {
        files.extend([CHECKS, HOSTS].map(File::Script));
        if !fleet.installers.is_empty() {
            files.push(File::Script(LIVE));
        }
        if !fleet.microvms.is_empty() {
            files.extend([File::Script(MICROVMS), File::MicroVmTable]);
        }
        if fleet.has_backups() {
            files.extend([File::Script(BACKUPS), File::BackupTable]);
        }
    }
    if !fleet.secrets.items.is_empty() {
        files.push(match fleet.backend {
            Backend::Agenix => File::SecretRules,
            Backend::Sops => File::SopsRules,
        });
        files.extend([File::Recipients, File::SecretsScript]);
    }
    files
}

impl File<'_> {
    /// The path below the output folder.
    pub(crate) fn path(self) -> String {
        match self {
            File::Attributes => ".gitattributes".to_owned(),
            File::BackupTable => "scripts/backups.tsv".to_owned(),
            File::Disks(name, _) => format!("disks/{name}.nix"),
            File::HostDisks(host) => format!("hosts/{}/disks.nix", host.name),
            File::Feature(half, feature, _) => {
                format!(
                    "{}/{}/{}.nix",
                    folder(half),
                    feature.id.category(),
                    feature.id.name()
                )
            }
            File::Flake => "flake.nix".to_owned(),
            File::FleetModule => "modules/fleet.nix".to_owned(),
            File::Guest(guest) => format!("microvms/{}.nix", guest.name),
            File::Hardware(host) => format!("hosts/{}/hardware.nix", host.name),
            File::HomeManager => "modules/home-manager.nix".to_owned(),
            File::Host(host) => format!("hosts/{}/default.nix", host.name),
            File::HostUser(host, user) => format!("users/{}/{}.nix", user.name, host.name),
            File::Image(image) => format!("images/{}.nix", image.name),
            File::Index(half) => format!("{}/default.nix", folder(half)),
            File::HostTable => "scripts/hosts.tsv".to_owned(),
            File::InstallScript => "scripts/install-host.sh".to_owned(),
            File::Justfile => "Justfile".to_owned(),
            File::MicroVmTable => "scripts/microvms.tsv".to_owned(),
            File::Overlay => "overlays/default.nix".to_owned(),
            File::Script(script) => script.path.to_owned(),
            File::Installer(installer) => format!("installers/{}.nix", installer.host),
            File::InstallerModule => "modules/installer.nix".to_owned(),
            File::PreCommit => ".pre-commit-config.yaml".to_owned(),
            File::Profile(profile) => format!("home/profiles/{}.nix", profile.name),
            File::PullRequest => ".github/pull_request_template.md".to_owned(),
            File::Readme => "README.md".to_owned(),
            File::Recipients => "secrets/recipients.txt".to_owned(),
            File::SecretRules => "secrets/secrets.nix".to_owned(),
            File::SecretsScript => "scripts/manage-secrets.sh".to_owned(),
            File::SopsRules => ".sops.yaml".to_owned(),
            File::Template(template) => format!("templates/{}.nix", template.name),
            File::User(user) => format!("users/{}/default.nix", user.name),
            File::Workflow => ".github/workflows/check.yml".to_owned(),
        }
    }

    /// The name of its template.
    pub(crate) fn template(self) -> &'static str {
        match self {
            File::Attributes => "attributes.j2",
            File::Disks(..) | File::HostDisks(_) => "disks.nix.j2",
            File::Feature(..) => "feature.nix.j2",
            File::Flake => "flake.nix.j2",
            File::FleetModule => "fleet.nix.j2",
            File::Hardware(_) => "hardware.nix.j2",
            File::HomeManager => "home-manager.nix.j2",
            File::Guest(_) | File::Host(_) | File::Image(_) => "host.nix.j2",
            File::HostUser(..) | File::User(_) => "user.nix.j2",
            File::Workflow => "workflow.yml.j2",
            File::Index(_) => "index.nix.j2",
            File::BackupTable | File::HostTable | File::MicroVmTable => "table.j2",
            File::InstallScript => "install-host.sh",
            File::Justfile => "justfile.j2",
            File::Overlay => "overlay.nix.j2",
            File::Script(script) => script.path,
            File::Installer(_) => "installer.nix.j2",
            File::InstallerModule => "installer-module.nix.j2",
            File::Profile(_) | File::Template(_) => "layer.nix.j2",
            File::PreCommit => "pre-commit.yaml.j2",
            File::PullRequest => "pull-request.md.j2",
            File::Readme => "readme.md.j2",
            File::Recipients => "recipients.txt.j2",
            File::SecretRules => "secrets.nix.j2",
            File::SecretsScript => "manage-secrets.sh",
            File::SopsRules => "sops.yaml.j2",
        }
    }

    /// What its template prints.
    pub(crate) fn view(self, env: &Environment<'_>, fleet: &Fleet) -> Result<View> {
        Ok(match self {
            File::Attributes => View::Attributes {
                age: fleet.backend == Backend::Agenix && !fleet.secrets.items.is_empty(),
            },
            File::InstallScript | File::InstallerModule | File::Script(_) | File::SecretsScript => {
                View::Nothing {}
            }
            File::BackupTable => View::Table(tasks::backups(fleet, self.header(fleet))),
            File::HostTable => View::Table(tasks::hosts(fleet, self.header(fleet))),
            File::Justfile => View::Tasks(tasks::justfile(fleet, self.header(fleet))),
            File::MicroVmTable => View::Table(tasks::microvms(fleet, self.header(fleet))),
            File::Disks(name, disk) => View::Disks(disks::shared(name, disk)?),
            File::HostDisks(host) => View::Disks(disks::own(host)?),
            File::Feature(_, feature, half) => View::Feature(feature::view(fleet, feature, half)?),
            File::Flake => View::Flake(flake::view(fleet, self.header(fleet))?),
            File::FleetModule => View::Layer(layer::fleet(fleet)?),
            File::Guest(guest) => View::Host(host::guest(fleet, guest)?),
            File::Hardware(host) => View::Hardware(hardware::view(host)?),
            File::HomeManager => View::HomeManager(home_manager::view(fleet)),
            File::Host(host) => View::Host(host::view(fleet, host)?),
            File::HostUser(host, user) => View::User(user::on_host(env, fleet, host, user)?),
            File::Image(image) => View::Host(host::image(fleet, image)?),
            File::Index(half) => View::Index(index::view(fleet, half)?),
            File::Installer(it) => View::Installer(installer::view(it)?),
            File::Profile(profile) => View::Layer(layer::profile(fleet, profile)?),
            File::PreCommit | File::PullRequest | File::Workflow => {
                let spec = fleet.repository.as_deref().unwrap_or("spec");
                View::Repository(repository::view(fleet, spec, self.header(fleet)))
            }
            File::Overlay => View::Overlay(packages::view(fleet, self.header(fleet))?),
            File::Readme => View::Readme(readme::view(fleet)),
            File::Recipients => View::Recipients(secrets::recipients(fleet, self.header(fleet))),
            File::SecretRules => View::SecretRules(secrets::agenix(fleet, self.header(fleet))?),
            File::SopsRules => View::SopsRules(secrets::sops(fleet, self.header(fleet))),
            File::Template(template) => View::Layer(layer::template(fleet, template)?),
            File::User(user) => View::User(user::view(env, fleet, user)?),
        })
    }

    /// The name of its layout for [`Memo`], if it is a module of a feature.
    pub(crate) fn feature_key(self, fleet: &Fleet) -> Result<Option<String>> {
        match self {
            File::Feature(half, feature, part) => feature_key(fleet, half, feature, part).map(Some),
            _ => Ok(None),
        }
    }

    /// What its template prints, not laid out.
    pub(crate) fn text(self, env: &Environment<'_>, fleet: &Fleet) -> Result<String> {
        let view = self.view(env, fleet)?;
        Ok(env.get_template(self.template())?.render(Serde(view))?)
    }

    /// Its text.
    pub(crate) fn render(
        self,
        env: &Environment<'_>,
        memo: &Memo<'_>,
        fleet: &Fleet,
    ) -> Result<String> {
        if let File::Feature(half, feature, part) = self {
            let module = memo.get(&feature_key(fleet, half, feature, part)?, |_| {
                module(env, &self.text(env, fleet)?)
            })?;
            return Ok(format!("{}\n{module}", self.header(fleet)));
        }
        match self {
            File::InstallScript => return Ok(INSTALL_SCRIPT.to_owned()),
            File::SecretsScript => return Ok(SECRETS_SCRIPT.to_owned()),
            _ => {}
        }
        if let File::Script(script) = self {
            return Ok(script.text.to_owned());
        }
        if let File::Flake = self {
            return self.flake(env, fleet);
        }
        let text = self.text(env, fleet)?;
        let module = match self {
            File::Attributes
            | File::BackupTable
            | File::HostTable
            | File::Justfile
            | File::MicroVmTable
            | File::PreCommit
            | File::PullRequest
            | File::Readme
            | File::Recipients
            | File::SopsRules
            | File::Workflow => return Ok(text),
            File::Overlay | File::SecretRules => return format(&text),
            File::Hardware(_) | File::HostUser(..) => memo.get(&text, |text| module(env, text))?,
            _ => module(env, &text)?,
        };
        let header = self.header(fleet);
        Ok(match self.intro() {
            Some(intro) => format!("{header}\n{intro}\n{module}"),
            None => format!("{header}\n{module}"),
        })
    }

    /// The text of the flake.
    fn flake(self, env: &Environment<'_>, fleet: &Fleet) -> Result<String> {
        let view = flake::view(fleet, self.header(fleet))?;
        let template = env.get_template(self.template())?;
        let text = |view: &flake::View| Ok(template.render(Serde(view))?);
        let Some(laid_out) = alike::lay_out(&view, &text, &format)? else {
            return format(&text(&view)?);
        };
        debug_assert_eq!(format(&text(&view)?).as_ref().ok(), Some(&laid_out));
        Ok(laid_out)
    }

    /// What a reader should know before the module.
    fn intro(self) -> Option<Code> {
        match self {
            File::Guest(host) | File::Host(host) => host.description.as_deref().map(Code::comment),
            File::InstallerModule => Some(Code::comment(
                "An installer of one host: its flake, and the program that installs it.",
            )),
            File::Profile(profile) => Some(layer::profile_intro(profile)),
            File::Template(template) => Some(layer::template_intro(template)),
            _ => None,
        }
    }

    /// The first line.
    fn header(self, fleet: &Fleet) -> Code {
        let from = match fleet.sources.get(&self.path()) {
            Some(source) => format!(" from {source}"),
            None => String::new(),
        };
        Code::comment(&format!("Code generated by gen{from}; DO NOT EDIT."))
    }
}

/// The files and folders at the top of the output that hold Nix code of ours.
pub(crate) fn nix_folders(fleet: &Fleet) -> Vec<String> {
    let paths = files(fleet).into_iter().map(File::path);
    let paths = paths.filter(|path| {
        std::path::Path::new(path)
            .extension()
            .is_some_and(|extension| extension == "nix")
    });
    let tops = paths.map(|path| path.split('/').next().unwrap_or_default().to_owned());
    tops.collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn folder(half: Half) -> &'static str {
    match half {
        Half::System => "modules",
        Half::Home => "home",
    }
}

/// Everything that a feature's module is made from.
fn feature_key(fleet: &Fleet, half: Half, feature: &Feature, part: &FeatureHalf) -> Result<String> {
    let made_from = (
        &fleet.namespace,
        half,
        &feature.id,
        &feature.summary,
        &feature.options,
        (&part.imports, &part.definitions, &part.body),
    );
    serde_json::to_string(&made_from).map_err(|error| Problem::Key(error.to_string()))
}

/// A body with the arguments that it needs, laid out.
pub(crate) fn module(env: &Environment<'_>, body: &str) -> Result<String> {
    let Some(nix::Plain { mut text, names }) = nix::lay_out_plain(body) else {
        return parsed_module(env, body);
    };
    let free = names.iter().copied();
    if let Some(arguments) = module::pattern(free, |name| names.contains(name))? {
        let arguments = match arguments.matches(',').count() {
            0..=2 => arguments,
            // The formatter gives each a line of its own.
            _ => arguments
                .replace(", ", ",\n  ")
                .replace("{ ", "{\n  ")
                .replace(" }", "\n}"),
        };
        text.insert_str(0, &format!("{arguments}:\n"));
    }
    debug_assert_eq!(parsed_module(env, body).as_ref().ok(), Some(&text));
    Ok(text)
}

fn parsed_module(env: &Environment<'_>, body: &str) -> Result<String> {
    let view = ModuleView {
        arguments: module::arguments(body)?,
        body: Code::new(body),
    };
    format(&env.get_template("module.nix.j2")?.render(Serde(view))?)
}

fn format(text: &str) -> Result<String> {
    nix::format(text).map_err(|error| Problem::format(error, text))
}
