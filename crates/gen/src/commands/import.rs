//! `gen import`: an existing NixOS repository becomes a spec.

mod hardware;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use import::{Imported, Layouts, Options, Repo, Yaml};
use walkdir::{DirEntry, WalkDir};

use crate::Sources;
use crate::cli::App;
use crate::commands::init::write_new;
use crate::console;
use crate::linting;
use crate::status::Status;
use crate::text::count;

/// The largest file that is taken along.
const LARGEST: u64 = 16 << 20;
/// The most bytes of a repository.
const LARGEST_REPO: u64 = 512 << 20;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// The repository: the folder of its `flake.nix` or `configuration.nix`
    #[arg(required = true)]
    path: Option<Utf8PathBuf>,
    /// A host and the file of its configuration, where the flake does not tell
    #[arg(long = "host", value_name = "NAME=FILE")]
    hosts: Vec<String>,
    /// A host and the name that the repository gives its key, where that is not the host's
    #[arg(long = "key", value_name = "HOST=NAME")]
    keys: Vec<String>,
    /// Name of the fleet [default: that of the folder]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// List every assignment that stays in a module by hand
    #[arg(long)]
    stats: bool,
    /// Say what would become of it; write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// The hardware of a host, from `hardware-configuration.nix` or a nixos-facter report: printed as
    /// YAML, or put into the spec
    Hardware {
        /// The file
        file: Utf8PathBuf,
        /// Name of the host
        #[arg(long, value_name = "NAME", default_value = "host")]
        host: String,
        /// Put it into the spec of the host, which must be there; what the spec says otherwise is shown
        #[arg(long, requires = "host")]
        write: bool,
    },
}

/// Imports.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    match &args.what {
        Some(What::Hardware {
            file,
            host,
            write: true,
        }) => return hardware::write(app, file, host),
        Some(What::Hardware { file, host, .. }) => return hardware::print(file, host),
        None => {}
    }
    let path = args.path.clone().unwrap_or_else(|| ".".into());
    let hosts = pairs(&args.hosts, "--host", "NAME=FILE")?;
    let keys = pairs(&args.keys, "--key", "HOST=NAME")?;
    let repo = read(&path, app)?;
    let options = Options {
        is_part: false,
        hosts,
        keys,
        name: match &args.name {
            Some(name) => name.clone(),
            None => folder_name(&path)?,
        },
    };
    let mut imported = import::import(&repo, &options, &Rendered).map_err(anyhow::Error::msg)?;
    exceptions(app, &mut imported);
    suggestions(&mut imported);
    if !args.dry_run {
        if fs::read_dir(&app.spec).is_ok_and(|mut entries| entries.next().is_some()) {
            anyhow::bail!(
                "`{}` is not empty; name another folder with `--spec`, or remove it",
                app.spec
            );
        }
        for (file, bytes) in &imported.files {
            write(&app.spec.join(file), bytes)?;
        }
        for (file, bytes) in &imported.secrets {
            let path = app.out.join("secrets").join(file);
            if !path.exists() {
                write(&path, bytes)?;
            }
        }
    }
    let yaml = imported
        .files
        .keys()
        .filter(|path| path.ends_with(".yaml"))
        .count();
    let verb = if args.dry_run { "would write" } else { "wrote" };
    let mut text = format!(
        "{verb} {} of the spec and {} by hand to {}/, for {}: {}\n\n{}",
        count(yaml, "file"),
        count(imported.files.len() - yaml, "file"),
        app.spec,
        count(imported.report.hosts.len(), "host"),
        imported.report.hosts.join(", "),
        imported.report.text(args.stats),
    );
    if !args.dry_run {
        text.push_str("\nNext: `gen check`, then `gen`\n");
    }
    console::guide(&text)?;
    Ok(Status::Clean)
}

fn pairs(words: &[String], option: &str, shape: &str) -> anyhow::Result<Vec<(String, String)>> {
    words
        .iter()
        .map(|pair| {
            let (name, value) = pair
                .split_once('=')
                .with_context(|| format!("`{option} {pair}` is not {shape}"))?;
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect()
}

fn folder_name(path: &Utf8Path) -> anyhow::Result<String> {
    let real = path
        .canonicalize_utf8()
        .with_context(|| format!("cannot read `{path}`"))?;
    Ok(real.file_name().unwrap_or("fleet").to_owned())
}

fn write(path: &Utf8Path, bytes: &[u8]) -> anyhow::Result<()> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return write_new(path, text);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot write `{path}`"))?;
    }
    anyhow::ensure!(!path.exists(), "cannot write `{path}`: it is there already");
    fs::write(path, bytes).with_context(|| format!("cannot write `{path}`"))
}

/// Reads the files of a repository: no hidden folders, no links, none of our own.
fn read(path: &Utf8Path, app: &App) -> anyhow::Result<Repo> {
    anyhow::ensure!(path.is_dir(), "`{path}` is not a folder");
    let skipped: Vec<_> = [&app.spec, &app.out]
        .into_iter()
        .filter_map(|own| fs::canonicalize(own).ok())
        .collect();
    let real = fs::canonicalize(path)?;
    let wanted = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        let is_hidden = entry.file_type().is_dir() && name.starts_with('.');
        entry.depth() == 0 || !(is_hidden || skipped.iter().any(|own| own == entry.path()))
    };
    let mut files = BTreeMap::new();
    let mut total = 0;
    for entry in WalkDir::new(&real).into_iter().filter_entry(wanted) {
        let entry = entry.with_context(|| format!("cannot read `{path}`"))?;
        if !entry.file_type().is_file() {
            continue;
        }
        let size = entry.metadata()?.len();
        let Some(name) = entry.path().strip_prefix(&real)?.to_str() else {
            continue;
        };
        if size > LARGEST {
            continue;
        }
        total += size;
        anyhow::ensure!(
            total <= LARGEST_REPO,
            "`{path}` holds more than 512 MiB; is it a repository of NixOS?"
        );
        let bytes = fs::read(entry.path()).with_context(|| format!("cannot read `{name}`"))?;
        files.insert(name.to_owned(), bytes);
    }
    Ok(Repo::new(files))
}

/// Modules that were there before are not held to the rules: what they break is one exception.
fn exceptions(app: &App, imported: &mut Imported) {
    let mut generated = crate::generate(sources(app, imported));
    let found = linting::lint_generated(&mut generated, &app.spec, str::to_owned);
    let by_hand = format!("{}/nix/", app.spec);
    let mut ignored: BTreeSet<(String, String)> = BTreeSet::new();
    for diagnostic in &found {
        let Some(rule) = diagnostic.code.strip_prefix("lint/") else {
            continue;
        };
        let Some(span) = diagnostic.span else {
            continue;
        };
        let path = &generated.sources.file(span.file).path;
        if path.starts_with(&by_hand) || path.starts_with("custom/") {
            ignored.insert(("\"*\"".to_owned(), "custom/nix/**".to_owned()));
        } else {
            ignored.insert((rule.to_owned(), path.clone()));
        }
    }
    if ignored.is_empty() {
        return;
    }
    let mut text = "\nlint:\n  ignore:\n".to_owned();
    for (rule, path) in ignored {
        let _ = writeln!(
            text,
            "    - {{ rule: {rule}, path: \"{path}\", reason: imported as it was }}"
        );
    }
    if let Some(fleet) = imported.files.get_mut("fleet.yaml") {
        fleet.extend_from_slice(text.as_bytes());
    }
}

fn sources(app: &App, imported: &Imported) -> Sources {
    Sources::from_memory(
        app.spec.as_str(),
        imported
            .files
            .iter()
            .map(|(path, bytes)| (path.clone(), bytes.clone())),
    )
}

/// Settings that switch on what a feature of the catalog does as well.
fn suggestions(imported: &mut Imported) {
    let text: String = imported
        .files
        .iter()
        .filter(|(path, _)| path.ends_with(".yaml"))
        .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
        .collect();
    for (option, feature) in [
        ("openssh.enable", "security.ssh-server"),
        ("docker.enable", "virtualization.docker"),
        ("libvirtd.enable", "virtualization.libvirt"),
        ("steam.enable", "gaming.steam"),
        ("tailscale.enable", "network.tailscale"),
    ] {
        if text.contains(option) && catalog::entry(feature).is_some() {
            imported
                .report
                .features
                .push(format!("{feature}, for `….{option}`"));
        }
    }
}

/// Layouts of disks as `gen` renders them.
struct Rendered;

impl Layouts for Rendered {
    fn render(
        &self,
        name: &str,
        layout: &Yaml,
        efi_mount_point: Option<&str>,
    ) -> Result<String, String> {
        let map = |entries: Vec<(&str, Yaml)>| {
            let entries = entries.into_iter();
            Yaml::Map(
                entries
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect(),
            )
        };
        let render = |with_root: bool| {
            let mut disks = vec![(name, layout.clone())];
            let mut names = vec![name];
            // A layout for data alone makes no host.
            if with_root {
                let root = map(vec![
                    ("device", Yaml::text("/dev/disk/by-label/nixos")),
                    ("fsType", Yaml::text("ext4")),
                ]);
                let systems = map(vec![("/", root)]);
                let by_hand = vec![("layout", Yaml::text("none")), ("fileSystems", systems)];
                disks.push(("the-root", map(by_hand)));
                names.push("the-root");
            }
            let mut boot = vec![("loader", Yaml::text("none"))];
            boot.extend(efi_mount_point.map(|point| ("efiMountPoint", Yaml::text(point))));
            let hardware = map(vec![
                ("cpu", Yaml::text("none")),
                ("boot", map(boot)),
                ("disks", Yaml::texts(names.iter().copied())),
            ]);
            let host = map(vec![
                ("system", Yaml::text("x86_64-linux")),
                ("stateVersion", Yaml::text("25.11")),
                ("hardware", hardware),
            ]);
            let spec = map(vec![
                ("fleet", map(vec![("name", Yaml::text("layout"))])),
                ("hosts", map(vec![("host", host)])),
                ("disks", map(disks)),
            ]);
            let text = import::document("", &spec);
            let mut generated = crate::generate(Sources::from_memory("spec", [("a.yaml", text)]));
            let path = match efi_mount_point {
                Some(_) => "hosts/host/disks.nix".to_owned(),
                None => format!("disks/{name}.nix"),
            };
            let tree = generated.tree.take();
            let file = tree.as_ref().and_then(|tree| tree.get(&path));
            file.map(|file| String::from_utf8_lossy(&file.bytes).into_owned())
                .ok_or_else(|| {
                    let first = generated.diagnostics.iter().next();
                    first.map_or_else(String::new, |found| found.message.clone())
                })
        };
        render(false).or_else(|why| render(true).map_err(|_| why))
    }
}
