//! `cargo xtask bench`: whole runs of `gen` on synthetic fleets, next to `cp -r` of what they write.
//!
//! Each round writes the output from nothing, runs again with nothing to do, and copies the output;
//! the three are measured in turn, so that whatever else the machine does meets them alike. Then what
//! people ask of a fleet from day to day: why an option is so, what a change of the spec does and whom
//! it touches.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufRead as _, BufReader};
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
    /// Sizes of the fleets; with none, only the fleet that is asked is measured
    #[arg(long, value_delimiter = ',', num_args = 0.., default_value = "6,100,1000,10000")]
    hosts: Vec<usize>,
    /// Size of the fleet that is asked
    #[arg(long, default_value_t = 1000)]
    living: usize,
    /// Rounds of each size; by default fewer of the large ones
    #[arg(long)]
    rounds: Option<usize>,
    /// Measure only while the machine is quiet: as long as a fixed work on every core takes at most a
    /// sixth more than this many milliseconds; `0` takes the least of the first seconds
    #[arg(long, value_name = "MILLISECONDS")]
    quiet: Option<u64>,
    /// Minutes to wait for a quiet machine, all in all
    #[arg(long, default_value_t = 20, requires = "quiet")]
    patience: u64,
    /// Ask only what has one of these texts in its row; the page keeps its other rows
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Put the table into docs/benchmarks.md
    #[arg(long)]
    write: bool,
    /// Leave the fleets where they were measured
    #[arg(long)]
    keep: bool,
}

/// Measures, prints a table and puts it into the page.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let gen_path = workspace::build_gen(true)?;
    let mut machine = Machine::new(args);
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
        rows.push(measure(
            &gen_path,
            folder.path(),
            hosts,
            rounds.max(1),
            &mut machine,
        )?);
        if args.keep {
            eprintln!("kept: {}", folder.keep().display());
        }
    }
    let text = if rows.is_empty() {
        None
    } else {
        Some(report(&rows)?)
    };
    print!("{}", text.as_deref().unwrap_or_default());
    eprintln!("living with {} hosts", args.living);
    let folder = tempfile::tempdir_in(&parent)?;
    let asked = living(
        &gen_path,
        folder.path(),
        args.living,
        args.rounds.unwrap_or(9),
        &args.only,
        &mut machine,
    )?;
    let asked = table(&asked);
    eprintln!("{}", machine.told());
    print!("\n{asked}");
    if args.write {
        let path = workspace::root().join(PAGE);
        let mut page = fs::read_to_string(&path)?;
        if let Some(text) = &text {
            page = between_marks(&page, "bench", text)?;
        }
        let asked = match page.split_once("<!-- living:begin -->") {
            Some((_, old)) if !args.only.is_empty() => merged(old, &asked),
            _ => asked,
        };
        fs::write(&path, between_marks(&page, "living", &asked)?)?;
    }
    Ok(Outcome::Clean)
}

/// The machine that measures, which others may use too.
struct Machine {
    /// What the fixed work may take; nothing where everything counts.
    limit: Option<Duration>,
    /// So long it is waited for.
    until: Instant,
    /// Measurements that were made again.
    repeated: usize,
    /// Measurements that count although others worked.
    disturbed: usize,
}

impl Machine {
    fn new(args: &Args) -> Machine {
        let limit = args.quiet.map(|given| {
            let best = match given {
                0 => (0..60).map(|_| fixed_work()).min().unwrap_or_default(),
                given => Duration::from_millis(given),
            };
            eprintln!("quiet: the fixed work takes {}", milliseconds(best));
            best * 7 / 6
        });
        Machine {
            limit,
            until: Instant::now() + Duration::from_secs(60 * args.patience),
            repeated: 0,
            disturbed: 0,
        }
    }

    fn is_quiet(&self) -> bool {
        self.limit.is_none_or(|limit| fixed_work() <= limit)
    }

    /// Measures when the machine is quiet, and again where it was not quiet until the end.
    fn quietly<T>(&mut self, mut measure: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
        loop {
            while !self.is_quiet() && Instant::now() < self.until {
                std::thread::sleep(Duration::from_millis(25));
            }
            let measured = measure()?;
            if self.is_quiet() {
                return Ok(measured);
            }
            if Instant::now() >= self.until {
                self.disturbed += 1;
                return Ok(measured);
            }
            self.repeated += 1;
        }
    }

    fn told(&self) -> String {
        format!(
            "repeated because the machine was not quiet: {}; counted although it was not: {}",
            self.repeated, self.disturbed
        )
    }
}

/// How long the same work takes now, on all cores at once: Nix is parsed, which suffers from
/// neighbours as `gen` does, other than a loop over a few registers.
fn fixed_work() -> Duration {
    let text = format!(
        "[{}]",
        "{ a.b = [ 1 x \"y\" ]; c = d: d + 1; }\n".repeat(600)
    );
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| black_box(nix::parse_problems(black_box(&text))));
        }
    });
    start.elapsed()
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
}

fn measure(
    gen_path: &Path,
    folder: &Path,
    hosts: usize,
    rounds: usize,
    machine: &mut Machine,
) -> anyhow::Result<Row> {
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
    };
    // The first round warms the caches and is not counted.
    for round in 0..=rounds {
        let (write, again, copied) = machine.quietly(|| {
            for old in [&out, &copy] {
                if old.exists() {
                    fs::remove_dir_all(old)?;
                }
            }
            let write = timed(Command::new(gen_path).arg("-C").arg(folder), &log)?;
            let again = timed(Command::new(gen_path).arg("-C").arg(folder), &log)?;
            let copied = timed(Command::new("cp").arg("-r").arg(&out).arg(&copy), &log)?;
            Ok((write, again, copied))
        })?;
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
    Ok(row)
}

/// A question and how long its answers took.
struct Asked {
    command: String,
    /// What was changed since the commit.
    changed: String,
    times: Vec<Duration>,
}

/// A change of the spec.
struct Edit {
    what: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

const EDITS: &[Edit] = &[
    Edit {
        what: "a host",
        file: "spec/hosts/0000.yaml",
        from: "\"vm.swappiness\": 10",
        to: "\"vm.swappiness\": 99",
    },
    Edit {
        what: "a template that every host has",
        file: "spec/templates.yaml",
        from: ", oomd: true",
        to: "",
    },
    Edit {
        what: "an option of a feature that every host has",
        file: "spec/features.yaml",
        from: "default: 15m",
        to: "default: 20m",
    },
];

impl Edit {
    /// Makes the change, and gives the text that was there.
    fn make(&self, folder: &Path) -> anyhow::Result<String> {
        let path = folder.join(self.file);
        let text = fs::read_to_string(&path)?;
        let changed = text.replacen(self.from, self.to, 1);
        anyhow::ensure!(text != changed, "`{}` has no `{}`", self.file, self.from);
        fs::write(&path, changed)?;
        Ok(text)
    }
}

/// Measures what is asked of a fleet, in a repository that holds its output as it was before a change.
fn living(
    gen_path: &Path,
    folder: &Path,
    hosts: usize,
    rounds: usize,
    only: &[String],
    machine: &mut Machine,
) -> anyhow::Result<Vec<Asked>> {
    fleet_maker::write(&folder.join("spec"), hosts)?;
    let log = folder.join("log");
    let gen_command = |args: &[&str]| {
        let mut command = Command::new(gen_path);
        command.arg("-C").arg(folder).args(args);
        command
    };
    timed(&mut gen_command(&[]), &log)?;
    let git: [&[&str]; 4] = [
        &["init", "-q"],
        &["config", "user.name", "x"],
        &["config", "user.email", "x@example.org"],
        &["add", "spec", "generated"],
    ];
    for args in git
        .into_iter()
        .chain([["commit", "-q", "-m", "x"].as_slice()])
    {
        timed(Command::new("git").arg("-C").arg(folder).args(args), &log)?;
    }
    let mut asked = Vec::new();
    let is_wanted = |command: &str, changed: &str| {
        let row = key(command, changed);
        only.is_empty() || only.iter().any(|text| row.contains(text))
    };
    let mut ask = |args: &[&str], changed: &str| -> anyhow::Result<()> {
        let command = format!("gen {}", args.join(" "));
        if !is_wanted(&command, changed) {
            return Ok(());
        }
        // The first round warms the caches and is not counted.
        let times: Vec<Duration> = (0..=rounds)
            // That something differs is an answer too.
            .map(|_| machine.quietly(|| Ok(answered(&mut gen_command(args), &log, &[0, 1])?.time)))
            .collect::<anyhow::Result<_>>()?;
        asked.push(Asked {
            command,
            changed: changed.to_owned(),
            times: times[1..].to_vec(),
        });
        Ok(())
    };
    for args in [
        ["why", "host7", "time.timeZone"].as_slice(),
        &["why", "host7", "networking.firewall"],
        &["why", "generated/hosts/host7/default.nix:17"],
        &["explain", "host7"],
        &["explain", "host7", "--ports"],
        &["list", "hosts"],
        &["graph"],
        &["fmt", "--check"],
        &["check"],
    ] {
        ask(args, "")?;
    }
    for edit in EDITS {
        let text = edit.make(folder)?;
        ask(&["diff", "--summary"], edit.what)?;
        ask(&["affected"], edit.what)?;
        ask(&["affected", "--since", "HEAD"], edit.what)?;
        ask(&["why", "host7", "time.timeZone"], edit.what)?;
        timed(&mut gen_command(&[]), &log)?;
        let what = format!("{}, and generated", edit.what);
        ask(&["diff", "--summary", "--since", "HEAD"], &what)?;
        ask(&["affected", "--since", "HEAD"], &what)?;
        fs::write(folder.join(edit.file), text)?;
        timed(&mut gen_command(&[]), &log)?;
    }
    let watch = "a round of gen watch";
    for edit in EDITS.iter().filter(|edit| is_wanted(watch, edit.what)) {
        let mut times = Vec::new();
        for _ in 0..rounds.div_ceil(3) {
            times.push(machine.quietly(|| {
                let time = watched(gen_path, folder, edit)?;
                timed(&mut gen_command(&[]), &log)?;
                Ok(time)
            })?);
        }
        asked.push(Asked {
            command: watch.to_owned(),
            changed: edit.what.to_owned(),
            times,
        });
    }
    Ok(asked)
}

/// From a change to the end of the round that it starts; the spec is then as it was.
fn watched(gen_path: &Path, folder: &Path, edit: &Edit) -> anyhow::Result<Duration> {
    let mut child = Command::new(gen_path)
        .arg("-C")
        .arg(folder)
        .args(["watch", "--once"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let stderr = child.stderr.take().context("it has no standard error")?;
    let mut lines = BufReader::new(stderr).lines();
    while !lines
        .next()
        .context("`gen watch` ended")??
        .starts_with("watching")
    {}
    let start = Instant::now();
    let text = edit.make(folder)?;
    let mut said = String::new();
    for line in lines {
        said += &(line? + "\n");
    }
    let status = child.wait()?;
    let time = start.elapsed();
    fs::write(folder.join(edit.file), text)?;
    anyhow::ensure!(status.success(), "`gen watch` ended with {status}:\n{said}");
    Ok(time)
}

fn table(asked: &[Asked]) -> String {
    let mut text =
        "| command | changed since the commit | least / median |\n|---|---|---:|\n".to_owned();
    for it in asked {
        let times = least_and_median(&it.times);
        let _ = writeln!(text, "{} {times} |", key(&it.command, &it.changed));
    }
    text
}

/// What a row begins with.
fn key(command: &str, changed: &str) -> String {
    format!("| `{command}` | {changed} |")
}

/// A table with the rows that were measured anew.
fn merged(old: &str, new: &str) -> String {
    let begin = |row: &str| row.rsplitn(3, '|').nth(2).map(str::to_owned);
    let rows = old.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|'));
    let rows = rows.map(|row| {
        let same = new.lines().find(|line| begin(line) == begin(row));
        format!("{}\n", same.unwrap_or(row))
    });
    rows.collect()
}

struct Run {
    time: Duration,
    memory: u64,
}

/// Runs a program to its end, from its start to its last breath; what it says goes into `log`.
fn timed(command: &mut Command, log: &Path) -> anyhow::Result<Run> {
    answered(command, log, &[0])
}

/// The same of a program that may end with one of these codes.
fn answered(command: &mut Command, log: &Path, codes: &[i32]) -> anyhow::Result<Run> {
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
    if !end.status.code().is_some_and(|code| codes.contains(&code)) {
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

    #[test]
    fn rows_measured_anew_take_the_place_of_old_ones() {
        let old = "\n| a | b | c |\n|---|---|---:|\n| `x` |  | 1 |\n| `x` | y | 2 |\n\nrest";
        let new = "| a | b | c |\n|---|---|---:|\n| `x` | y | 3 |\n";
        assert_eq!(
            merged(old, new),
            "| a | b | c |\n|---|---|---:|\n| `x` |  | 1 |\n| `x` | y | 3 |\n"
        );
    }
}
