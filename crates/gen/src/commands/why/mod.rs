//! `gen why`: where the value of an option, or a line of generated Nix, comes from.

mod line;
mod option;

use diag::{Format, did_you_mean};
use model::Fleet;

use crate::Generated;
use crate::behind::machine;
use crate::cli::App;
use crate::console;
use crate::generate::{draft_some, generate_some};
use crate::status::Status;

pub use line::{WhyLine, WhyLines};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "gen why [OPTIONS] HOST OPTION\n       gen why [OPTIONS] FILE:LINE",
    after_help = "OPTION is a path of NixOS (`services.openssh.enable`), an option of a feature \
                  (`ai.ollama.port`), a path of Home Manager with `--user`, or the beginning of one"
)]
pub(crate) struct Args {
    /// A host, MicroVM or image and an option; or a line of a generated file
    #[arg(value_name = "HOST OPTION", required = true, num_args = 1..=2)]
    words: Vec<String>,
    /// The user in whose home the option is set
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

/// Explains an option or a line.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    let json = app.wants_json()?;
    match args.words.as_slice() {
        [host, option] => of_option(app, host, option, args.user.as_deref(), json),
        [place] => match place.rsplit_once(':') {
            Some((file, line)) if line.bytes().all(|byte| byte.is_ascii_digit()) => {
                anyhow::ensure!(
                    args.user.is_none(),
                    "`--user` goes with a host and an option"
                );
                line::run(app, file, line, json)
            }
            _ => anyhow::bail!(
                "`{place}` is no `FILE:LINE`; of a host, an option is explained: `gen why {place} OPTION`"
            ),
        },
        _ => anyhow::bail!("one option is explained at a time"),
    }
}

fn of_option(
    app: &App,
    host: &str,
    option: &str,
    user: Option<&str>,
    json: bool,
) -> anyhow::Result<Status> {
    let wanted = |_: &Fleet, path: &str| belongs(path, host);
    let (generated, told) = match resolved(app, &wanted)? {
        Ok(told) => told,
        Err(status) => return Ok(status),
    };
    let fleet = &generated.fleet;
    if machine(fleet, host).is_none() {
        // It may be what the findings are about.
        if told != Status::Clean {
            return Ok(told);
        }
        if fleet.retired.iter().any(|retired| retired.as_str() == host) {
            anyhow::bail!("host `{host}` is retired");
        }
        let names: Vec<String> = fleet.machines().map(|host| host.name.to_string()).collect();
        let help = did_you_mean(host, &names)
            .map(|help| format!("; {help}"))
            .unwrap_or_default();
        anyhow::bail!("there is no host `{host}`{help}");
    }
    let status = option::run(app, &generated, host, option, user, json);
    // Nobody waits until a large fleet is taken apart.
    rayon::spawn(move || drop(generated));
    Ok(told.max(status?))
}

/// Generates the files that are wanted. Errors are reported, and what they leave of the fleet is told
/// nonetheless, where there is something of it.
fn resolved(
    app: &App,
    wanted: &(dyn Fn(&Fleet, &str) -> bool + Sync),
) -> anyhow::Result<Result<(Generated, Status), Status>> {
    let mut generated = generate_some(app.load()?, wanted);
    if generated.tree.is_some() {
        return Ok(Ok((generated, Status::Clean)));
    }
    let fleet = &generated.fleet;
    if fleet.machines().next().is_some() {
        generated.tree = draft_some(fleet, &generated.assets, wanted);
    }
    // The answer has standard output for itself.
    let format = generated
        .tree
        .as_ref()
        .map_or(app.format, |_| Format::Human);
    console::report(format, &generated.diagnostics, &generated.sources)?;
    let status = Status::of(&generated.diagnostics);
    Ok(if generated.tree.is_some() {
        Ok((generated, status))
    } else {
        Err(status)
    })
}

/// Whether a file can belong to a machine: it is not one of another machine.
pub(crate) fn belongs(path: &str, host: &str) -> bool {
    let parts: Vec<&str> = path.trim_end_matches(".nix").split('/').collect();
    match parts.as_slice() {
        ["hosts" | "microvms" | "images" | "installers", name, ..] => *name == host,
        ["users", _, name] => *name == host || *name == "default",
        [_] => false,
        _ => true,
    }
}
