//! `cargo xtask index-bench`: what an index adds to checking the hub, loading included.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::{Outcome, workspace};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Runs of each kind, in turns; the quickest counts
    #[arg(long, default_value = "30")]
    rounds: usize,
}

/// Measures and prints.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let root = workspace::root();
    let data = root.join("../shared/data");
    if !data.is_dir() {
        bail!("there is no index in `{}`", data.display());
    }
    let gen_path = workspace::build_gen(true)?;
    let check = |index: bool| -> anyhow::Result<Duration> {
        let mut command = Command::new(&gen_path);
        command.arg("-C").arg(&root).arg("check");
        if index {
            command.arg("--index").arg(data.canonicalize()?);
        }
        let start = Instant::now();
        let status = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        let time = start.elapsed();
        if !status.success() {
            bail!("the hub is not clean: {status}");
        }
        Ok(time)
    };
    let mut best = [Duration::MAX; 2];
    for _ in 0..args.rounds.max(1) {
        for (kind, best) in best.iter_mut().enumerate() {
            *best = (*best).min(check(kind == 1)?);
        }
    }
    let [without, with] = best.map(|time| time.as_secs_f64() * 1000.0);
    println!("gen check of the hub: {without:.1} ms without an index, {with:.1} ms with one");
    println!("the index adds {:.1} ms", with - without);
    Ok(Outcome::Clean)
}
