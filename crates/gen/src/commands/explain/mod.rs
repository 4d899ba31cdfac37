//! `gen explain`: what a host, feature or user comes to, and where each part comes from.
//!
//! Each kind is a view that serializes for programs and draws itself for people.

mod feature;
mod host;
mod tree;
mod user;

use clap::ValueEnum;
use diag::did_you_mean;
use serde::Serialize;

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
    #[arg(value_name = "HOST", required = true, num_args = 1..=2)]
    words: Vec<String>,
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
