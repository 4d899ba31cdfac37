//! `cargo xtask bench`: whole runs of `gen` on synthetic fleets, next to `cp -r` of what they write.
//!
//! Each round writes the output from nothing, runs again with nothing to do, and copies the output;
//! the three are measured in turn, so that whatever else the machine does meets them alike. Then the
//! questions that people ask of a fleet: why an option is so, what a change of the spec does and whom it
//! touches, once with the change not yet generated and once with it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use wait4::Wait4 as _;
use walkdir::WalkDir;

use crate::codegen::markdown::between_marks;
use crate::{Outcome, fleet_maker, workspace};

const PAGE: &str = "docs/benchmarks.md";

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Sizes of the fleets
    #[arg(long, value_delimiter = ',', default_value = "6,100,1000,10000")]
    hosts: Vec<usize>,
    /// Rounds of each size; by default fewer of the large ones
    #[arg(long)]
    rounds: Option<usize>,
    /// Put the table into docs/benchmarks.md
    #[arg(long)]
    write: bool,
}

/// Measures, prints a table and puts it into the page.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let gen_path = workspace::build_gen(true)?;
    let parent = workspace::target_dir()?.join("bench");
    fs::create_dir_all(&parent)?;
    let mut rows = Vec::new();
    for &hosts in &args.hosts {
        let rounds = args.rounds.unwrap_or(match hosts {
            0..=99 => 20,
            100..=999 => 10,
            1000..=9999 => 5,
            _ => 3,
        });
        eprintln!("{hosts} hosts, {rounds} rounds");
        let folder = tempfile::tempdir_in(&parent)?;
        rows.push(measure(&gen_path, folder.path(), hosts, rounds.max(1))?);
    }
    let text = report(&rows)?;
    print!("{text}");
    if args.write {
        let path = workspace::root().join(PAGE);
        let page = fs::read_to_string(&path)?;
        fs::write(&path, between_marks(&page, "bench", &text)?)?;
    }
    Ok(Outcome::Clean)
}

/// What was measured of one size.
struct Row {
    hosts: usize,
    files: usize,
    bytes: u64,
    write: Vec<Duration>,
    again: Vec<Duration>,
    copy: Vec<Duration>,
    /// Peak memory of a run that writes, in bytes.
    memory: u64,
    why: Vec<Duration>,
    /// Not generated yet, and generated.
    summary: [Vec<Duration>; 2],
    affected: [Vec<Duration>; 2],
}

fn measure(gen_path: &Path, folder: &Path, hosts: usize, rounds: usize) -> anyhow::Result<Row> {
    fleet_maker::write(&folder.join("spec"), hosts)?;
    let out = folder.join("generated");
    let copy = folder.join("copy");
    let log = folder.join("log");
    let mut row = Row {
        hosts,
        files: 0,
        bytes: 0,
        write: Vec::new(),
        again: Vec::new(),
        copy: Vec::new(),
        memory: 0,
        why: Vec::new(),
        summary: [Vec::new(), Vec::new()],
        affected: [Vec::new(), Vec::new()],
    };
    // The first round warms the caches and is not counted.
    for round in 0..=rounds {
        for old in [&out, &copy] {
            if old.exists() {
                fs::remove_dir_all(old)?;
            }
        }
        let write = timed(Command::new(gen_path).arg("-C").arg(folder), &log)?;
        let again = timed(Command::new(gen_path).arg("-C").arg(folder), &log)?;
        let copied = timed(Command::new("cp").arg("-r").arg(&out).arg(&copy), &log)?;
        if round > 0 {
            row.write.push(write.time);
            row.again.push(again.time);
            row.copy.push(copied.time);
            row.memory = row.memory.max(write.memory);
        }
    }
    for entry in WalkDir::new(&out) {
        let entry = entry?;
        if entry.file_type().is_file() {
            row.files += 1;
            row.bytes += entry.metadata()?.len();
        }
    }
    fs::remove_dir_all(&copy)?;
    ask(gen_path, folder, rounds, &log, &mut row)?;
    Ok(row)
}

/// Measures the questions, in a repository that holds the output as it was before a change.
fn ask(
    gen_path: &Path,
    folder: &Path,
    rounds: usize,
    log: &Path,
    row: &mut Row,
) -> anyhow::Result<()> {
    for args in [
        ["init", "-q"].as_slice(),
        &["add", "spec", "generated"],
        &[
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@example.org",
            "commit",
            "-q",
            "-m",
            "x",
        ],
    ] {
        timed(Command::new("git").arg("-C").arg(folder).args(args), log)?;
    }
    let spec = folder.join("spec/templates.yaml");
    let text = fs::read_to_string(&spec)?;
    let changed = text.replacen("zram: true", "zram: false", 1);
    anyhow::ensure!(text != changed, "the fleet has no `zram` to switch off");
    fs::write(&spec, changed)?;
    let asked = |args: &[&str]| -> anyhow::Result<Duration> {
        Ok(timed(Command::new(gen_path).arg("-C").arg(folder).args(args), log)?.time)
    };
    let host = fs::read_dir(folder.join("generated/hosts"))?
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .min()
        .context("there are no hosts")?;
    for state in 0..2 {
        for round in 0..=rounds {
            let why = asked(&["why", &host, "time.timeZone"])?;
            let summary = asked(&["diff", "--summary", "--since", "HEAD"])?;
            let affected = asked(&["affected", "--since", "HEAD"])?;
            if round > 0 {
                row.why.push(why);
                row.summary[state].push(summary);
                row.affected[state].push(affected);
            }
        }
        asked(&[])?;
    }
    Ok(())
}

struct Run {
    time: Duration,
    memory: u64,
}

/// Runs a program to its end, from its start to its last breath; what it says goes into `log`.
fn timed(command: &mut Command, log: &Path) -> anyhow::Result<Run> {
    let program = command.get_program().to_string_lossy().into_owned();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(log)?);
    let start = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot run `{program}`"))?;
    let end = child.wait4()?;
    let time = start.elapsed();
    if !end.status.success() {
        let said = fs::read_to_string(log)?;
        bail!("`{program}` ended with {}:\n{said}", end.status);
    }
    Ok(Run {
        time,
        memory: end.rusage.maxrss,
    })
}

fn report(rows: &[Row]) -> anyhow::Result<String> {
    let cores = std::thread::available_parallelism()?;
    let mut text = format!(
        "{} on {}, {cores} cores, release build. Times are the least and the median of the rounds.\n\n",
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    text.push_str("| hosts | files | size | gen, all written | gen, nothing to do | `cp -r` of the output | gen / cp | peak memory |\n");
    text.push_str("|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    for row in rows {
        let ratio = median(&row.write).as_secs_f64() / median(&row.copy).as_secs_f64();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {ratio:.1} | {} |",
            grouped(row.hosts),
            grouped(row.files),
            mebibytes(row.bytes),
            least_and_median(&row.write),
            least_and_median(&row.again),
            least_and_median(&row.copy),
            mebibytes(row.memory),
        );
    }
    text.push_str("\nQuestions, with a template changed that every host has: not generated yet, and generated.\n\n");
    text.push_str("| hosts | `gen why` | `diff --summary`, not yet | generated | `affected`, not yet | generated |\n");
    text.push_str("|---:|---:|---:|---:|---:|---:|\n");
    for row in rows {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            grouped(row.hosts),
            least_and_median(&row.why),
            least_and_median(&row.summary[0]),
            least_and_median(&row.summary[1]),
            least_and_median(&row.affected[0]),
            least_and_median(&row.affected[1]),
        );
    }
    Ok(text)
}

fn least_and_median(times: &[Duration]) -> String {
    let least = times.iter().min().copied().unwrap_or_default();
    format!("{} / {}", milliseconds(least), milliseconds(median(times)))
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    let middle = sorted.len() / 2;
    match sorted.as_slice() {
        [] => Duration::ZERO,
        sorted if sorted.len() % 2 == 1 => sorted[middle],
        sorted => (sorted[middle - 1] + sorted[middle]) / 2,
    }
}

fn milliseconds(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    if ms < 100.0 {
        format!("{ms:.1} ms")
    } else if ms < 10_000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.1} s", ms / 1000.0)
    }
}

/// Mebibytes with one decimal.
fn mebibytes(bytes: u64) -> String {
    let tenths = (bytes * 10) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

/// `10,000`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_read_them() {
        let ms = |n| Duration::from_micros(n);
        assert_eq!(grouped(10_000), "10,000");
        assert_eq!(grouped(100), "100");
        assert_eq!(milliseconds(ms(12_340)), "12.3 ms");
        assert_eq!(milliseconds(ms(1_234_000)), "1234 ms");
        assert_eq!(milliseconds(ms(12_340_000)), "12.3 s");
        assert_eq!(mebibytes(3 << 19), "1.5 MiB");
        assert_eq!(median(&[ms(3), ms(1), ms(2)]), ms(2));
        assert_eq!(median(&[ms(3), ms(1)]), ms(2));
    }
}
