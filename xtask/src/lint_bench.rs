//! `cargo xtask lint-bench PATH`: how long `gen lint` takes over a tree, and what it finds by rule.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use wait4::Wait4 as _;

use crate::{Outcome, workspace};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A tree of Nix files, such as a checkout of nixpkgs
    path: PathBuf,
    /// Runs; the quickest counts
    #[arg(long, default_value = "3")]
    rounds: usize,
}

/// Measures and prints.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let path = args.path.canonicalize().context("there is no such tree")?;
    let gen_path = workspace::build_gen(true)?;
    let mut best: Option<(Duration, Duration, u64)> = None;
    for _ in 0..args.rounds.max(1) {
        let start = Instant::now();
        let mut child = Command::new(&gen_path)
            .args(["--spec", "/nonexistent", "lint", "--stats"])
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let usage = child.wait4()?;
        let wall = start.elapsed();
        if usage.status.code().is_none_or(|code| code >= 2) {
            bail!("gen lint ended with {}", usage.status);
        }
        let cpu = usage.rusage.utime + usage.rusage.stime;
        if best.is_none_or(|(time, ..)| wall < time) {
            best = Some((wall, cpu, usage.rusage.maxrss));
        }
    }
    let output = Command::new(&gen_path)
        .args(["--spec", "/nonexistent", "lint", "--stats"])
        .arg(&path)
        .stdin(Stdio::null())
        .output()?;
    print!("{}", String::from_utf8_lossy(&output.stdout));
    print!("{}", String::from_utf8_lossy(&output.stderr));
    if let Some((wall, cpu, memory)) = best {
        println!(
            "{:.2} s wall, {:.2} s of processor time, {} MiB",
            wall.as_secs_f64(),
            cpu.as_secs_f64(),
            memory >> 20
        );
    }
    Ok(Outcome::Clean)
}
