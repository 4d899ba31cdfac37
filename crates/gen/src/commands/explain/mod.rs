//! `gen explain`: what anything with a name comes to, and where each part comes from.
//!
//! Each kind is a view that serializes for programs and draws itself for people.

mod applied;
mod disk;
mod feature;
mod host;
mod installer;
mod layer;
mod secret;
mod services;
pub(crate) mod steps;
mod topic;
mod tree;
mod user;

use std::collections::BTreeSet;

use clap::ValueEnum;
use diag::did_you_mean;
use model::{Fleet, Host};
use rayon::prelude::*;
use serde::Serialize;
use spec::Spec;

pub(crate) use self::host::{layers, layout_word};
use self::topic::{Row, Topic};
use self::tree::Tree;
use crate::cli::{App, Sound};
use crate::console;
use crate::modules::Library;
use crate::status::Status;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "gen explain [OPTIONS] NAME\n       gen explain [OPTIONS] KIND NAME\n       \
                            gen explain [OPTIONS] KIND:NAME"
)]
pub(crate) struct Args {
    /// A name; the kind before it where several things have it
    #[arg(value_name = "NAME", required_unless_present_any = ["ports", "secrets", "services"], num_args = 1..=2)]
    words: Vec<String>,
    /// The kind of thing that is meant
    #[arg(long)]
    kind: Option<Kind>,
    /// Who opens which ports where, on one host or on all
    #[arg(long, group = "topic")]
    ports: bool,
    /// Which secrets there are, who may read them and what uses them
    #[arg(long, group = "topic")]
    secrets: bool,
    /// Which services run, and what switches them on
    #[arg(long, group = "topic")]
    services: bool,
    /// What is to be done until a host runs, and what of it is done
    #[arg(long, group = "topic", requires = "words")]
    steps: bool,
}

impl Args {
    fn topic(&self) -> Option<Topic> {
        let asked = [
            (self.ports, Topic::Ports),
            (self.secrets, Topic::Secrets),
            (self.services, Topic::Services),
        ];
        asked
            .into_iter()
            .find(|(is, _)| *is)
            .map(|(_, topic)| topic)
    }

    /// The name that is asked about, and the kind if it is said.
    fn asked(&self) -> anyhow::Result<(Option<Kind>, &str)> {
        let (kind, name) = match self.words.as_slice() {
            [kind, name] => (Some(kind.as_str()), name.as_str()),
            [word] => match word.split_once(':') {
                Some((kind, name)) => (Some(kind), name),
                None => (None, word.as_str()),
            },
            _ => anyhow::bail!("nothing is named"),
        };
        let said = kind.map(|kind| {
            Kind::from_str(kind, false).map_err(|_| {
                let kinds = Kind::ALL.map(|kind| format!("`{}`", kind.word()));
                anyhow::anyhow!(
                    "`{kind}` is no kind of thing, and one name is explained at a time; kinds are {}",
                    kinds.join(", ")
                )
            })
        });
        let said = said.transpose()?;
        anyhow::ensure!(
            said.is_none() || self.kind.is_none() || said == self.kind,
            "`--kind` and the kind before `{name}` differ"
        );
        Ok((said.or(self.kind), name))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Host,
    #[value(alias = "microvm")]
    Vm,
    Image,
    Installer,
    User,
    Feature,
    Template,
    Profile,
    Disk,
    Secret,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Host,
        Self::Vm,
        Self::Image,
        Self::Installer,
        Self::User,
        Self::Feature,
        Self::Template,
        Self::Profile,
        Self::Disk,
        Self::Secret,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Vm => "vm",
            Self::Image => "image",
            Self::Installer => "installer",
            Self::User => "user",
            Self::Feature => "feature",
            Self::Template => "template",
            Self::Profile => "profile",
            Self::Disk => "disk",
            Self::Secret => "secret",
        }
    }

    fn with_article(self) -> String {
        let article = match self {
            Self::Image | Self::Installer => "an",
            _ => "a",
        };
        format!("{article} {}", self.word())
    }

    /// Whether there is one of that name.
    fn has(self, sound: &Sound, name: &str) -> bool {
        let Sound { spec, fleet, .. } = sound;
        match self {
            Self::Host => fleet.hosts.contains_key(name),
            Self::Vm => fleet.microvms.contains_key(name),
            Self::Image => fleet.images.contains_key(name),
            // A host's name alone means the host.
            Self::Installer => name
                .strip_prefix(installer::PREFIX)
                .is_some_and(|host| fleet.installers.contains_key(host)),
            Self::User => fleet.users.contains_key(name),
            Self::Feature => {
                spec.features.contains_key(name)
                    || spec.home_features.contains_key(name)
                    || catalog::entry(name).is_some()
            }
            Self::Template => spec.templates.contains_key(name),
            Self::Profile => spec.profiles.contains_key(name),
            Self::Disk => spec.disks.contains_key(name),
            Self::Secret => spec.secrets.items.contains_key(name),
        }
    }

    /// All names of the kind.
    fn names(self, sound: &Sound) -> Vec<String> {
        let Sound { spec, fleet, .. } = sound;
        match self {
            Self::Host => names(fleet.hosts.keys()),
            Self::Vm => names(fleet.microvms.keys()),
            Self::Image => names(fleet.images.keys()),
            Self::Installer => {
                let hosts = fleet.installers.keys();
                hosts
                    .map(|it| format!("{}{it}", installer::PREFIX))
                    .collect()
            }
            Self::User => names(fleet.users.keys()),
            Self::Feature => {
                let own = spec.features.keys().chain(spec.home_features.keys());
                let builtin = catalog::entries().iter().map(|entry| entry.id);
                own.map(String::as_str)
                    .chain(builtin)
                    .map(str::to_owned)
                    .collect()
            }
            Self::Template => names(spec.templates.keys()),
            Self::Profile => names(spec.profiles.keys()),
            Self::Disk => names(spec.disks.keys()),
            Self::Secret => names(spec.secrets.items.keys()),
        }
    }
}

/// Someone who has what is explained.
#[derive(Serialize)]
struct UseView {
    name: String,
    /// What it names instead, which extends what is explained.
    through: Option<String>,
    place: Option<String>,
}

/// Draws who has something: all of a small fleet, the first of a large one.
fn draw_uses(tree: &mut Tree, title: &str, uses: &[UseView]) {
    /// Lines that are shown.
    const MOST: usize = 24;
    if uses.is_empty() {
        return;
    }
    tree.title(&format!("{title} ({})", uses.len()));
    let shown = if uses.len() > MOST { MOST - 1 } else { MOST };
    for it in uses.iter().take(shown) {
        let through = it.through.as_ref().map(|it| format!("through {it}"));
        let remark: Vec<&str> = [through.as_deref(), it.place.as_deref()]
            .into_iter()
            .flatten()
            .collect();
        tree.line(1, &it.name, remark.join(", "));
    }
    if uses.len() > shown {
        let rest = format!("… and {} more: `--format json` has all", uses.len() - shown);
        tree.line(1, rest, "");
    }
}

/// What the spec says of a machine.
fn machine_of<'a>(spec: &'a Spec, name: &str) -> Option<&'a spec::ast::Host> {
    let host = spec.hosts.get(name).map(|item| &item.value);
    let guest = spec.microvms.get(name).map(|item| &item.value.guest);
    let image = spec.images.get(name).map(|item| &item.value.machine);
    host.or(guest).or(image)
}

/// Explains.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    let json = app.wants_json()?;
    if let Some(topic) = args.topic() {
        return of_topic(app, args, topic, json);
    }
    let (kind, name) = args.asked()?;
    if args.steps {
        return of_steps(app, kind, name, json);
    }
    // Features are explained without a spec and with errors in it; nothing else has a dot in its name.
    if kind == Some(Kind::Feature) || kind.is_none() && name.contains('.') {
        let half = name.replacen('.', "/", 1);
        let halves = [format!("modules/{half}.nix"), format!("home/{half}.nix")];
        let wanted = |_: &Fleet, path: &str| halves.iter().any(|half| half == path);
        let (mut generated, status) = app.any_fleet(&wanted)?;
        return match feature::view(&mut generated, &app.target(), name) {
            Ok(view) => Ok(status.max(show(json, &view, feature::draw)?)),
            Err(ids) => Err(unknown("feature", name, &ids)),
        };
    }
    // What reads a secret stands in the modules.
    let wanted = |fleet: &Fleet, path: &str| {
        matches!(kind, None | Some(Kind::Secret))
            && fleet.secrets.items.contains_key(name)
            && is_module(path)
    };
    let (sound, status) = match app.told_fleet(&wanted)? {
        Ok(told) => told,
        Err(status) => return Ok(status),
    };
    let mut found: Vec<Kind> = match kind {
        Some(kind) => vec![kind],
        None => Kind::ALL
            .into_iter()
            .filter(|kind| kind.has(&sound, name))
            .collect(),
    };
    // A machine is what is most often meant.
    if let [machine @ (Kind::Host | Kind::Vm | Kind::Image), others @ ..] = found.as_slice()
        && !others.is_empty()
    {
        for other in others {
            let (what, word) = (other.with_article(), other.word());
            console::say(&format!(
                "`{name}` is {what} as well: `gen explain {word}:{name}`"
            ));
        }
        found = vec![*machine];
    }
    let shown = match found.as_slice() {
        [Kind::Host | Kind::Vm | Kind::Image] => {
            let is_one = found[0].has(&sound, name);
            let view = host::view(&sound, name).filter(|_| is_one);
            view.map(|view| show(json, &view, host::draw))
        }
        [Kind::Installer] => {
            installer::view(&sound, name).map(|view| show(json, &view, installer::draw))
        }
        [Kind::User] => user::view(&sound, name).map(|view| show(json, &view, user::draw)),
        [Kind::Template] => {
            layer::template(&sound, name).map(|view| show(json, &view, layer::draw))
        }
        [Kind::Profile] => layer::profile(&sound, name).map(|view| show(json, &view, layer::draw)),
        [Kind::Disk] => disk::view(&sound, name).map(|view| show(json, &view, disk::draw)),
        [Kind::Secret] => {
            secret::view(app, &sound, name).map(|view| show(json, &view, secret::draw))
        }
        [] | [Kind::Feature] => None,
        several => {
            let kinds: Vec<String> = several.iter().map(|kind| kind.with_article()).collect();
            let calls: Vec<String> = several
                .iter()
                .map(|kind| format!("`gen explain {}:{name}`", kind.word()))
                .collect();
            anyhow::bail!(
                "`{name}` is {}; say which: {}",
                kinds.join(" and "),
                calls.join(" or ")
            );
        }
    };
    let shown = shown.unwrap_or_else(|| Err(nothing(&sound, kind, name)))?;
    Ok(status.max(shown))
}

/// Whether a file can be a module of a machine.
fn is_module(path: &str) -> bool {
    path.ends_with(".nix") && path.contains('/')
}

/// What is left to do until a host runs.
fn of_steps(app: &App, kind: Option<Kind>, name: &str, json: bool) -> anyhow::Result<Status> {
    anyhow::ensure!(
        matches!(kind, None | Some(Kind::Host)),
        "`--steps` are of hosts"
    );
    let generated = app.generate()?;
    let Some(host) = generated.fleet.hosts.get(name) else {
        return match app.told_fleet(&|_, _| false)? {
            Ok((sound, _)) => Err(nothing(&sound, Some(Kind::Host), name)),
            Err(status) => Ok(status),
        };
    };
    let steps = steps::of(app, steps::Known::new(&generated), host)?;
    show(json, &steps, |steps| steps::draw(name, steps))
}

/// One side of a host, or of all hosts.
fn of_topic(app: &App, args: &Args, topic: Topic, json: bool) -> anyhow::Result<Status> {
    let wanted = if args.words.is_empty() {
        None
    } else {
        match args.asked()? {
            (None | Some(Kind::Host | Kind::Vm | Kind::Image), name) => Some(name),
            _ => anyhow::bail!("`--ports`, `--secrets` and `--services` are of hosts"),
        }
    };
    let read = |_: &Fleet, path: &str| {
        is_module(path) && wanted.is_none_or(|host| super::why::belongs(path, host))
    };
    let (sound, status) = match app.told_fleet(&read)? {
        Ok(told) => told,
        Err(status) => return Ok(status),
    };
    let target = app.target();
    let library = Library::of(&sound.tree);
    let machines = sound.fleet.machines();
    let machines: Vec<&Host> = machines
        .filter(|host| wanted.is_none_or(|name| host.name.as_str() == name))
        .collect();
    let rows: Vec<Row> = machines
        .par_iter()
        .flat_map_iter(|host| topic::rows(&sound, &library, &target, host, topic))
        .collect();
    match wanted {
        Some(name) if machines.is_empty() => Err(nothing(&sound, Some(Kind::Host), name)),
        _ => Ok(status.max(show(json, &rows, |rows| topic::draw(topic, rows))?)),
    }
}

fn show<V: Serialize>(json: bool, view: &V, draw: impl Fn(&V) -> String) -> anyhow::Result<Status> {
    if json {
        console::json(view)?;
    } else {
        console::out(&draw(view))?;
    }
    Ok(Status::Clean)
}

fn names<T: ToString>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}

fn unknown(kind: &str, name: &str, known: &[String]) -> anyhow::Error {
    let help = did_you_mean(name, known)
        .map(|help| format!("; {help}"))
        .unwrap_or_default();
    anyhow::anyhow!("there is no {kind} `{name}`{help}")
}

/// Nothing has the name, or nothing of the kind: what has it instead, or one that is nearly it.
fn nothing(sound: &Sound, kind: Option<Kind>, name: &str) -> anyhow::Error {
    let retired = &sound.fleet.retired;
    if retired.iter().any(|host| host.as_str() == name) && kind.is_none_or(|it| it == Kind::Host) {
        return anyhow::anyhow!("host `{name}` is retired");
    }
    let Some(kind) = kind else {
        let all: BTreeSet<String> = Kind::ALL
            .into_iter()
            .flat_map(|kind| kind.names(sound))
            .collect();
        let help = match diag::closest(name, &all) {
            Some(best) => format!("; did you mean `{best}`?"),
            None => "; `gen list` says what there is".to_owned(),
        };
        return anyhow::anyhow!(
            "nothing is called `{name}`, neither a machine nor a user, feature, template, profile, disk layout or secret{help}"
        );
    };
    let other = Kind::ALL.into_iter().find(|kind| kind.has(sound, name));
    match other {
        Some(other) => anyhow::anyhow!(
            "there is no {} `{name}`; to explain the {other}, run `gen explain {other} {name}`",
            kind.word(),
            other = other.word()
        ),
        None => unknown(kind.word(), name, &kind.names(sound)),
    }
}
