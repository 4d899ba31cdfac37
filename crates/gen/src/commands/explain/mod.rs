//! `gen explain`: what a host, feature or user comes to, and where each part comes from.
//!
//! Each kind is a view that serializes for programs and draws itself for people.

mod feature;
mod host;
mod topic;
mod tree;
mod user;

use clap::ValueEnum;
use diag::did_you_mean;
use serde::Serialize;

use self::topic::Topic;
use crate::cli::{App, Sound};
use crate::console;
use crate::status::Status;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "gen explain [OPTIONS] HOST\n       gen explain [OPTIONS] feature ID\n       \
                            gen explain [OPTIONS] user NAME"
)]
pub(crate) struct Args {
    /// A host; or `host`, `feature` or `user` before a name
    #[arg(value_name = "HOST", required_unless_present_any = ["ports", "secrets", "services"], num_args = 1..=2)]
    words: Vec<String>,
    /// Who opens which ports where, on one host or on all
    #[arg(long, group = "topic")]
    ports: bool,
    /// Which secrets there are, who may read them and what uses them
    #[arg(long, group = "topic")]
    secrets: bool,
    /// Which services run, and what switches them on
    #[arg(long, group = "topic")]
    services: bool,
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
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Host,
    Feature,
    User,
}

/// Explains.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    let json = app.wants_json()?;
    if let Some(topic) = args.topic() {
        return of_topic(app, args, topic, json);
    }
    let (kind, name) = match args.words.as_slice() {
        [kind, name] => {
            let kind = Kind::from_str(kind, false).map_err(|_| {
                anyhow::anyhow!("`{kind}` is not `host`, `feature` or `user`, and one name is explained at a time")
            })?;
            (kind, name)
        }
        words => (Kind::Host, &words[0]),
    };
    if let Kind::Feature = kind {
        let (mut generated, status) = app.any_fleet()?;
        return match feature::view(&mut generated, name) {
            Ok(view) => Ok(status.max(show(json, &view, feature::draw)?)),
            Err(ids) => Err(unknown("feature", name, &ids)),
        };
    }
    let sound = match app.sound_fleet()? {
        Ok(sound) => sound,
        Err(status) => return Ok(status),
    };
    if let Kind::User = kind {
        return match user::view(&sound, name) {
            Some(view) => show(json, &view, user::draw),
            None => Err(unknown("user", name, &names(sound.fleet.users.keys()))),
        };
    }
    match host::view(&sound, name) {
        Some(view) => show(json, &view, host::draw),
        None => Err(unknown_host(&sound, name)),
    }
}

/// One side of a host, or of all hosts.
fn of_topic(app: &App, args: &Args, topic: Topic, json: bool) -> anyhow::Result<Status> {
    let sound = match app.sound_fleet()? {
        Ok(sound) => sound,
        Err(status) => return Ok(status),
    };
    let wanted = match args.words.as_slice() {
        [] => None,
        [name] => Some(name),
        [kind, name] if kind == "host" => Some(name),
        _ => anyhow::bail!("`--ports`, `--secrets` and `--services` are of hosts"),
    };
    let target = app.target();
    let mut rows = Vec::new();
    let mut is_known = wanted.is_none();
    for host in sound.fleet.machines() {
        if wanted.is_none_or(|name| host.name.as_str() == name) {
            is_known = true;
            rows.extend(topic::rows(&sound, &target, host, topic));
        }
    }
    match wanted {
        Some(name) if !is_known => Err(unknown_host(&sound, name)),
        _ => show(json, &rows, |rows| topic::draw(topic, rows)),
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

/// A name that is no host may be something else that can be explained.
fn unknown_host(sound: &Sound, name: &str) -> anyhow::Error {
    let fleet = &sound.fleet;
    if fleet.retired.iter().any(|host| host.as_str() == name) {
        return anyhow::anyhow!("host `{name}` is retired");
    }
    let kind = if fleet.users.contains_key(name) {
        "user"
    } else if fleet.features.contains_key(name) || catalog::entry(name).is_some() {
        "feature"
    } else {
        return unknown(
            "host",
            name,
            &names(fleet.machines().map(|host| &host.name)),
        );
    };
    anyhow::anyhow!(
        "there is no host `{name}`; to explain the {kind}, run `gen explain {kind} {name}`"
    )
}
