//! What is left to do until a host runs: only what the spec, the output folder and git tell, by the
//! commands that this very fleet has.

use std::collections::BTreeSet;

use diag::{Diagnostics, Severity, SourceMap};
use model::{Fleet, Host};
use output::FileTree;
use serde::Serialize;
use spec::Spec;

use super::host::layers;
use super::installer::PREFIX;
use crate::Generated;
use crate::cli::App;
use crate::git;
use crate::recipients;
use crate::text::{count, list, shell_word};

/// A fleet as far as steps are told from it. It may have errors: what is left to do is among them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    pub(crate) sources: &'a SourceMap,
    pub(crate) spec: &'a Spec,
    pub(crate) fleet: &'a Fleet,
    /// None where the spec has errors.
    pub(crate) tree: Option<&'a FileTree>,
    pub(crate) diagnostics: &'a Diagnostics,
}

impl<'a> Known<'a> {
    pub(crate) fn new(generated: &'a Generated) -> Self {
        Self {
            sources: &generated.sources,
            spec: &generated.spec,
            fleet: &generated.fleet,
            tree: generated.tree.as_ref(),
            diagnostics: &generated.diagnostics,
        }
    }

    /// Whether a host key is there, or something may be encrypted for it.
    fn needs_key(&self, host: &str) -> bool {
        let secrets = &self.spec.secrets;
        secrets.host_keys.contains_key(host) || !secrets.items.is_empty()
    }

    fn place_of(&self, host: &Host) -> String {
        self.sources.place(host.span)
    }
}

/// A step.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Step {
    what: String,
    /// Whether it is done; nothing where that cannot be told from here.
    done: Option<bool>,
    /// Why it is taken for done or not.
    because: String,
    /// Where the spec says it.
    place: Option<String>,
    /// In order; `#` begins a remark.
    commands: Vec<String>,
}

/// The steps of a host, in order.
pub(crate) fn of(app: &App, known: Known<'_>, host: &Host) -> anyhow::Result<Vec<Step>> {
    let fleet = known.fleet;
    let name = host.name.as_str();
    let out = shell_word(app.target().show("").as_str().trim_end_matches('/'));
    // Recipes that the fleet has, as they are called from where `gen` is.
    let just = |call: &str| {
        let recipe = call.split(' ').next().unwrap_or_default();
        let is_there = fleet.recipes.iter().any(|it| it.name == recipe);
        is_there.then(|| match out.as_str() {
            "." => format!("just {call}"),
            out => format!("just {out}/{call}"),
        })
    };
    let reach = fleet.deploy.reach.get(name);
    let address = reach.map_or(name, |reach| reach.address.as_str());
    let mut steps = vec![
        hardware(known, host),
        disks(known, host),
        login(known, host),
    ];
    steps.extend(key(known, host, address));
    steps.extend(sound(known));
    // Who a file is encrypted for is generated.
    steps.push(generated(app, known, host));
    steps.extend(secrets(app, known, host, &just)?);
    steps.push(tracked(app, known.tree));
    steps.push(install(known, host, &out, address, &just));
    let deploy = just(&format!("deploy {name}")).unwrap_or_else(|| {
        format!("nixos-rebuild switch --flake {out}#{name} --target-host root@{address}")
    });
    steps.push(Step {
        what: "Deploy it".to_owned(),
        done: None,
        because: format!("from now on, over ssh to {address}; nothing here tells whether it runs"),
        place: Some(known.place_of(host)),
        commands: std::iter::once(deploy)
            .chain(just(&format!("status-host {name}")))
            .collect(),
    });
    Ok(steps)
}

fn hardware(known: Known<'_>, host: &Host) -> Step {
    let hardware = &host.hardware;
    let name = host.name.as_str();
    let modules = hardware.kernel_modules.len() + hardware.initrd_modules.len();
    let because = if let Some(report) = &hardware.facter {
        Some(format!("the nixos-facter report {report}"))
    } else if modules > 0 {
        Some(count(modules, "kernel module"))
    } else if hardware.platform != "physical" {
        Some(format!("a guest of platform {}", hardware.platform))
    } else {
        None
    };
    Step {
        what: "Have its hardware in the spec".to_owned(),
        done: Some(because.is_some()),
        because: because.unwrap_or_else(|| {
            "neither kernel modules nor a report: it gets the usual drivers".to_owned()
        }),
        place: Some(known.place_of(host)),
        commands: vec![
            format!("nixos-generate-config --show-hardware-config > {name}.nix # on the machine"),
            format!("gen import hardware {name}.nix --host {name} --write"),
        ],
    }
}

fn disks(known: Known<'_>, host: &Host) -> Step {
    let is_container = host.hardware.platform == "lxc";
    let named = !host.disks.is_empty();
    Step {
        what: "Say how its disks are laid out".to_owned(),
        done: Some(named || is_container),
        because: if named {
            format!("layout {}", list(host.disks.keys()))
        } else if is_container {
            "a container has none of its own".to_owned()
        } else {
            "no layout in `hardware.disks`: file systems must come from `settings`".to_owned()
        },
        place: Some(known.place_of(host)),
        commands: Vec::new(),
    }
}

/// Options of an account that let somebody in by a password.
const PASSWORDS: &[&str] = &[
    "hashedPassword",
    "hashedPasswordFile",
    "initialHashedPassword",
    "initialPassword",
    "password",
];

/// Whether an admin can log in, by a key of ssh or a password.
fn login(known: Known<'_>, host: &Host) -> Step {
    let fleet = known.fleet;
    let layers = layers(host, fleet);
    let accounts = host.users.keys().filter_map(|name| fleet.users.get(name));
    let definitions = (layers.iter().copied().flatten())
        .chain(host.users.values().flat_map(|user| &user.definitions))
        .chain(accounts.clone().flat_map(|user| &user.definitions));
    let admins: BTreeSet<&str> = accounts
        .filter(|user| user.admin)
        .map(|user| user.name.as_str())
        .collect();
    let mut ways: BTreeSet<String> = BTreeSet::new();
    for definition in definitions {
        let path: Vec<&str> = definition.path.0.iter().map(String::as_str).collect();
        let ["users", "users", name, rest @ ..] = path.as_slice() else {
            continue;
        };
        if *name != "root" && !admins.contains(name) {
            continue;
        }
        match rest {
            ["openssh", "authorizedKeys", ..] => ways.insert(format!("{name} by a key of ssh")),
            [key] if PASSWORDS.contains(key) => ways.insert(format!("{name} by a password")),
            _ => false,
        };
    }
    let by_hand = !host.modules.is_empty();
    let first = admins.first().copied();
    let account = first.and_then(|name| known.spec.users.get(name));
    let who = match first {
        None => "it has no admin (`admin: true` of a user)".to_owned(),
        Some(_) => format!(
            "{}: neither `sshKeys` nor a `password`",
            list(admins.iter().copied())
        ),
    };
    Step {
        what: "Let an admin log in".to_owned(),
        done: if ways.is_empty() && by_hand {
            None
        } else {
            Some(!ways.is_empty())
        },
        because: if !ways.is_empty() {
            list(&ways)
        } else if by_hand {
            format!("{who}; modules by hand may give one")
        } else {
            format!("{who}, so that nobody gets in, but where the machine logs in by itself")
        },
        place: Some(account.map_or_else(
            || known.place_of(host),
            |item| known.sources.place(item.name.span),
        )),
        commands: match first {
            Some(name) => vec![format!(
                "cat ~/.ssh/id_ed25519.pub # its line belongs into `users.{name}.sshKeys`"
            )],
            None => Vec::new(),
        },
    }
}

/// The host's key, if anything is encrypted for it or others are to know it.
fn key(known: Known<'_>, host: &Host, address: &str) -> Option<Step> {
    let name = host.name.as_str();
    if !known.needs_key(name) {
        return None;
    }
    let key = known.spec.secrets.host_keys.get(name);
    Some(Step {
        what: "Give it an ssh host key, and put the public part into `secrets.keys.hosts`"
            .to_owned(),
        done: Some(key.is_some()),
        because: match key {
            Some(_) => format!("`secrets.keys.hosts.{name}` is there"),
            None => format!("`secrets.keys.hosts.{name}` is missing"),
        },
        place: key.map(|it| known.sources.place(it.name.span)),
        commands: vec![
            format!(
                "mkdir -p keys-{name} && ssh-keygen -t ed25519 -N '' -C root@{name} -f keys-{name}/ssh_host_ed25519_key # for a new machine; keep it out of git"
            ),
            format!("ssh-keyscan -t ed25519 {address} # where it runs already"),
        ],
    })
}

/// Files that it decrypts: there, and encrypted for it.
fn secrets(
    app: &App,
    known: Known<'_>,
    host: &Host,
    just: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<Vec<Step>> {
    if host.secrets.is_empty() {
        return Ok(Vec::new());
    }
    let fleet = known.fleet;
    let name = host.name.as_str();
    let folder = app.out.join("secrets");
    let script = app.target().show("scripts/manage-secrets.sh");
    let key = fleet.secrets.host_keys.get(name);
    let (mut missing, mut others, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for secret in host.secrets.keys() {
        let path = folder.join(fleet.backend.secret_file(secret));
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                missing.push(secret.as_str());
                continue;
            }
            Err(error) => anyhow::bail!("cannot read `{path}`: {error}"),
        };
        match key.map(|key| recipients::is_for(fleet.backend, &bytes, key)) {
            None | Some(Some(false)) => others.push(secret.as_str()),
            Some(None) => unknown.push(secret.as_str()),
            Some(Some(true)) => {}
        }
    }
    let place = known
        .spec
        .secrets
        .items
        .values()
        .map(|item| item.name.span)
        .min()
        .map(|span| known.sources.place(span));
    let passwords: BTreeSet<&str> = fleet.passwords().into_iter().map(String::as_str).collect();
    let create = Step {
        what: "Create the secrets that it reads".to_owned(),
        done: Some(missing.is_empty()),
        because: if missing.is_empty() {
            format!("{} there", is_are(host.secrets.len(), "file"))
        } else {
            format!("no file of {}", list(&missing))
        },
        place: place.clone(),
        commands: missing
            .iter()
            .map(|secret| {
                let call = format!("create-secret {secret}");
                let command = just(&call).unwrap_or_else(|| format!("{script} create {secret}"));
                if passwords.contains(secret) {
                    format!("{command} # asks for the password, and keeps its hash")
                } else {
                    command
                }
            })
            .collect(),
    };
    let encrypted = host.secrets.len() - missing.len() - others.len() - unknown.len();
    let rekey = Step {
        what: "Encrypt them for its key".to_owned(),
        done: if others.is_empty() && missing.is_empty() && !unknown.is_empty() {
            None
        } else {
            Some(others.is_empty() && missing.is_empty())
        },
        because: if !others.is_empty() {
            format!("not for it: {}", list(&others))
        } else if !unknown.is_empty() {
            format!("their files do not tell: {}", list(&unknown))
        } else if missing.is_empty() {
            format!("{} encrypted for it", is_are(encrypted, "file"))
        } else {
            "once they are there".to_owned()
        },
        place,
        commands: std::iter::once(
            just("rekey-secrets").unwrap_or_else(|| format!("{script} rekey")),
        )
        .chain(just("secrets-status"))
        .collect(),
    };
    Ok(vec![create, rekey])
}

fn is_are(n: usize, word: &str) -> String {
    format!("{} {}", count(n, word), if n == 1 { "is" } else { "are" })
}

/// What else is wrong with the spec.
fn sound(known: Known<'_>) -> Option<Step> {
    let errors: Vec<_> = known
        .diagnostics
        .iter()
        .filter(|it| it.severity == Severity::Error)
        .collect();
    let first = errors.first()?;
    Some(Step {
        what: "Mend the spec".to_owned(),
        done: Some(false),
        because: format!("{}, first: {}", count(errors.len(), "error"), first.message),
        place: first.span.map(|span| known.sources.place(span)),
        commands: vec!["gen check".to_owned()],
    })
}

fn generated(app: &App, known: Known<'_>, host: &Host) -> Step {
    let own = format!("hosts/{}/", host.name);
    let Some(tree) = known.tree else {
        return Step {
            what: "Generate".to_owned(),
            done: Some(false),
            because: "once the spec has no errors".to_owned(),
            place: None,
            commands: vec!["gen".to_owned()],
        };
    };
    let files = tree.iter();
    let files = files.filter(|(path, _)| path.starts_with(&own) || *path == "flake.nix");
    let stale: Vec<String> = files
        .filter(|(path, file)| {
            let there = std::fs::read(app.out.join(path));
            there.ok().is_none_or(|bytes| bytes != file.bytes)
        })
        .map(|(path, _)| app.target().show(path).to_string())
        .collect();
    Step {
        what: "Generate".to_owned(),
        done: Some(stale.is_empty()),
        because: if stale.is_empty() {
            format!("{own} is what the spec gives")
        } else {
            format!("not what the spec gives: {}", list(&stale))
        },
        place: None,
        commands: vec!["gen".to_owned()],
    }
}

fn tracked(app: &App, tree: Option<&FileTree>) -> Step {
    let out = app.target().show("");
    let untracked = git::untracked(&app.out);
    let wanted = |path: &&String| {
        tree.is_none_or(|tree| tree.get(path).is_some())
            || path.starts_with(".gen/")
            || path.starts_with("secrets/")
    };
    let unknown = untracked.iter().filter(wanted).count();
    let (done, because) = if !app.out.is_dir() {
        (None, "once there is something".to_owned())
    } else if !git::is_work_tree(&app.out) {
        let text = "it is no git repository, so Nix sees the whole folder";
        (Some(true), text.to_owned())
    } else if unknown == 0 {
        (Some(true), "git tracks all there is".to_owned())
    } else {
        (
            Some(false),
            format!("{} that git does not track", count(unknown, "file")),
        )
    };
    Step {
        what: "Let git know the new files, or Nix does not see them".to_owned(),
        done,
        because,
        place: None,
        commands: vec![format!("git add -N {}", shell_word(out.as_str()))],
    }
}

fn install(
    known: Known<'_>,
    host: &Host,
    out: &str,
    address: &str,
    just: &dyn Fn(&str) -> Option<String>,
) -> Step {
    let name = host.name.as_str();
    let fleet = known.fleet;
    let has_key = known.needs_key(name);
    let mut commands = Vec::new();
    let because;
    if fleet.installers.contains_key(name) {
        because = format!("from a stick: the flake has {PREFIX}{name}");
        commands.extend(just(&format!("build-live {name}")));
        commands.extend(just(&format!("flash-live {name} /dev/sdX")));
        commands.push(format!(
            "install-{name} # on the machine, started from the stick"
        ));
        if has_key {
            commands.push(format!(
                "install-{name} --keys keys-{name} # the same, with the host key made before"
            ));
        }
    } else if let Some(image) = fleet.images.values().find(|image| {
        image.machine.system == host.system
            && image.machine.hardware.platform == host.hardware.platform
    }) {
        let image = &image.machine.name;
        because = format!("begin as image {image}, then become {name}");
        commands.extend(just(&format!("build-image-{image}")));
        commands.extend(just(&format!("bootstrap {name} {address}")));
    } else {
        because = format!(
            "from the installer of NixOS; `installer: true` at the host gives a stick with `install-{name}`"
        );
        if fleet.inputs.contains_key("disko") && by_disko(host) {
            commands.push(format!(
                "nix run github:nix-community/disko -- --mode destroy,format,mount --flake {out}#{name} # empties the disks"
            ));
        } else {
            commands.push("# partition the disks and mount them below /mnt".to_owned());
        }
        if has_key {
            commands.push(format!(
                "install -D -m 0600 -t /mnt/etc/ssh keys-{name}/ssh_host_ed25519_key"
            ));
        }
        commands.push(format!("nixos-install --flake {out}#{name}"));
    }
    Step {
        what: "Install it".to_owned(),
        done: None,
        because,
        place: fleet
            .installers
            .get(name)
            .map(|installer| known.sources.place(installer.span)),
        commands,
    }
}

fn by_disko(host: &Host) -> bool {
    let by_hand = |disk: &model::Disk| matches!(disk.layout, model::DiskLayout::ByHand { .. });
    !host.disks.is_empty() && !host.disks.values().any(by_hand)
}

/// Draws steps for people.
pub(crate) fn draw(host: &str, steps: &[Step]) -> String {
    use std::fmt::Write as _;
    let left = steps.iter().filter(|step| step.done == Some(false)).count();
    let mut text = match left {
        0 => format!("{host}: nothing is missing here\n"),
        n => format!("{host}: {} to do here\n", count(n, "step")),
    };
    for (index, step) in steps.iter().enumerate() {
        let mark = match step.done {
            Some(true) => "done",
            Some(false) => "to do",
            None => "-",
        };
        let _ = writeln!(text, "\n{:>2}. {:<6} {}", index + 1, mark, step.what);
        let place = step
            .place
            .as_ref()
            .map(|place| format!(", {place}"))
            .unwrap_or_default();
        let _ = writeln!(text, "           {}{place}", step.because);
        if step.done != Some(true) {
            for command in &step.commands {
                let _ = writeln!(text, "             {}", crate::typed::command(command));
            }
        }
    }
    text
}
