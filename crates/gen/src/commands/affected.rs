//! `gen affected`: the machines that a change touches. Nothing is written or evaluated.

use std::fmt::Write as _;
use std::mem::ManuallyDrop;

use clap::ValueEnum;
use serde_json::json;

use crate::affected::{Affected, How, Kind, affected};
use crate::cli::{App, Shape};
use crate::console;
use crate::status::Status;
use crate::trees::compare;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The revision to compare with, such as `origin/main`; without it, the output folder as it is
    #[arg(long, value_name = "REV")]
    since: Option<String>,
    /// Only these kinds of machines
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    only: Vec<Wanted>,
    /// Say what each is touched by
    #[arg(long)]
    because: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Wanted {
    Hosts,
    Microvms,
    Images,
    Installers,
}

impl Wanted {
    fn kind(self) -> Kind {
        match self {
            Self::Hosts => Kind::Host,
            Self::Microvms => Kind::MicroVm,
            Self::Images => Kind::Image,
            Self::Installers => Kind::Installer,
        }
    }
}

/// Says what is affected.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    let json = app.wants_json()?;
    let trees = match compare(app, args.since.as_deref())? {
        // The command ends with this answer: to take large outputs apart would only cost time.
        Ok(trees) => ManuallyDrop::new(trees),
        Err(status) => return Ok(status),
    };
    let mut found = affected(&trees);
    found.retain(|it| {
        args.only.is_empty() || args.only.iter().any(|wanted| wanted.kind() == it.kind)
    });
    if app.shape == Some(Shape::Matrix) {
        console::out(&format!("{}\n", matrix(&found)))?;
    } else if json {
        console::json(&found)?;
    } else {
        console::out(&lines(&found, args.because))?;
    }
    Ok(Status::Clean)
}

/// A job for each machine that is there. An installer is told by its package.
fn matrix(found: &[Affected]) -> serde_json::Value {
    let jobs = found.iter().filter(|it| it.how != How::Removed);
    let jobs: Vec<_> = jobs
        .map(|it| {
            let attribute = match it.kind {
                Kind::Installer => {
                    let system = it.system.as_deref().unwrap_or("x86_64-linux");
                    format!("packages.{system}.live-iso-{}", it.name)
                }
                _ => format!(
                    "nixosConfigurations.{}.config.system.build.toplevel",
                    it.name
                ),
            };
            json!({
                "host": it.name,
                "system": it.system,
                "kind": it.kind.word(),
                "attribute": attribute,
            })
        })
        .collect();
    json!({ "include": jobs })
}

fn lines(found: &[Affected], because: bool) -> String {
    let mut text = String::new();
    for it in found {
        let how = match it.how {
            How::New => " (new)",
            How::Changed => "",
            How::Removed => " (removed)",
        };
        let _ = writeln!(text, "{} {}{how}", it.kind.word(), it.name);
        if because {
            for reason in &it.because {
                let _ = writeln!(text, "  {reason}");
            }
        }
    }
    text
}
