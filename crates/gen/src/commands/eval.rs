//! `gen eval`: every machine evaluated by the user's Nix, and every error told at the line of the spec
//! that it comes from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use anyhow::bail;
use diag::{Diagnostics, Format};
use serde::Serialize;

use crate::Generated;
use crate::cli::App;
use crate::commands::generate;
use crate::console;
use crate::evaluation::{Blame, Evaluator, Inputs, Machine, Outcome, Said, findings, machines};
use crate::facts;
use crate::kept;
use crate::progress::Progress;
use crate::status::Status;
use crate::table::Table;
use crate::text::count;

/// What an evaluation is taken to need until one has been seen.
const USUAL_MEMORY: u64 = 2 << 30;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these hosts, MicroVMs, images and installers (`live-iso-HOST`)
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// The Nix to use, instead of `nix` on the search path
    #[arg(long, value_name = "PATH")]
    nix: Option<PathBuf>,
    /// Evaluations at a time [default: as many as processors and memory allow]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Memory for all evaluations together, such as `8GiB` [default: three quarters of what is free]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_memory: Option<u64>,
    /// Take the inputs from this folder, which holds the tree of each under its name; no lock, no network
    #[arg(long, value_name = "DIR")]
    inputs: Option<PathBuf>,
    /// Print all that Nix says about each failure
    #[arg(long)]
    show_trace: bool,
}

fn size(text: &str) -> Result<u64, String> {
    spec::parse_size(text)
}

/// Evaluates.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    let generated = app.generate()?;
    let Some(tree) = &generated.tree else {
        console::report(app.format, &generated.diagnostics, &generated.sources)?;
        console::say("nothing was evaluated");
        return Ok(Status::of(&generated.diagnostics));
    };
    let wanted = wanted(&generated, &args.names)?;
    let target = app.target();
    let plan = kept::plan(&target, tree, output::read_manifest(&target)?.as_ref(), &[])?;
    if plan.entries().iter().any(output::Entry::has_work) {
        bail!(
            "{} is not what the spec gives; run `gen` first",
            app.out_name()
        );
    }
    let inputs = if let Some(folder) = &args.inputs {
        Inputs::Folder(folder.clone())
    } else {
        let lock = app.out.join("flake.lock");
        if !lock.is_file() {
            bail!(
                "`{lock}` is missing; run `nix flake lock ./{}` first",
                app.out
            );
        }
        if let Some(hint) = generate::untracked(app, tree) {
            console::say(&hint);
        }
        Inputs::Locked
    };
    let nix = facts::nix_program(args.nix.as_deref());
    let evaluator = Evaluator::new(&nix, app.out.as_std_path(), &inputs)?;
    let mut roots = vec![app.out.canonicalize_utf8()?.into_string()];
    let located = {
        let _progress = Progress::start("fetching inputs");
        evaluator.locate()?
    };
    let whole = Machine {
        name: "flake".to_owned(),
        ..wanted[0].clone()
    };
    let (machines, outcomes) = match located {
        Ok(root) => {
            roots.push(root);
            let outcomes = evaluate_all(&evaluator, &wanted, args)?;
            (wanted, outcomes)
        }
        Err(outcome) => (vec![whole], vec![outcome]),
    };
    let shown = target.show("");
    let mut blame = Blame::new(&generated, shown.as_str(), roots);
    let said: Vec<(&str, &Said)> = machines
        .iter()
        .zip(&outcomes)
        .map(|(machine, outcome)| (machine.name.as_str(), &outcome.said))
        .collect();
    let found = findings(&mut blame, &said);
    tell(app, args, &machines, &outcomes, &found, &blame)?;
    Ok(Status::of(&found))
}

/// The machines that are named, or all.
fn wanted(generated: &Generated, names: &[String]) -> anyhow::Result<Vec<Machine>> {
    let all = machines(&generated.fleet);
    if all.is_empty() {
        bail!("the fleet has nothing to evaluate");
    }
    if names.is_empty() {
        return Ok(all);
    }
    for name in names {
        if !all.iter().any(|machine| machine.name == *name) {
            let known = all.iter().map(|machine| machine.name.as_str());
            match diag::did_you_mean(name, known) {
                Some(help) => {
                    bail!("no host, MicroVM, image or installer is called `{name}`; {help}")
                }
                None => bail!("no host, MicroVM, image or installer is called `{name}`"),
            }
        }
    }
    Ok(all
        .into_iter()
        .filter(|machine| names.contains(&machine.name))
        .collect())
}

/// What runs, and what one evaluation needs at most.
struct Room {
    running: u64,
    largest: u64,
}

/// Evaluates the machines, as many at a time as processors and memory allow. In their order.
fn evaluate_all(
    evaluator: &Evaluator,
    machines: &[Machine],
    args: &Args,
) -> anyhow::Result<Vec<Outcome>> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args
        .jobs
        .map_or(processors, usize::from)
        .min(machines.len());
    let budget = args.max_memory.unwrap_or_else(free_memory);
    let done = Arc::new(AtomicUsize::new(0));
    let _progress = Progress::counting_to("evaluating", Arc::clone(&done), machines.len());
    let next = AtomicUsize::new(0);
    let room = Mutex::new(Room {
        running: 0,
        largest: USUAL_MEMORY,
    });
    let freed = Condvar::new();
    let results: Mutex<BTreeMap<usize, anyhow::Result<Outcome>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(machine) = machines.get(at) else {
                        break;
                    };
                    let Ok(mut guard) = room.lock() else { break };
                    while guard.running > 0 && (guard.running + 1) * guard.largest > budget {
                        guard = match freed.wait(guard) {
                            Ok(guard) => guard,
                            Err(_) => return,
                        };
                    }
                    guard.running += 1;
                    drop(guard);
                    let result = evaluator.evaluate(machine);
                    if let Ok(mut guard) = room.lock() {
                        guard.running -= 1;
                        if let Ok(Outcome {
                            memory: Some(memory),
                            ..
                        }) = &result
                        {
                            // The first one says more than any guess.
                            let is_guess = guard.largest == USUAL_MEMORY;
                            guard.largest = if is_guess {
                                *memory
                            } else {
                                guard.largest.max(*memory)
                            };
                        }
                    }
                    freed.notify_all();
                    done.fetch_add(1, Ordering::Relaxed);
                    let failed = result.is_err();
                    if let Ok(mut results) = results.lock() {
                        results.insert(at, result);
                    }
                    if failed {
                        // There is no Nix; the others are not begun.
                        next.store(machines.len(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_default();
    results.into_values().collect()
}

/// Three quarters of the memory that is free, or what one evaluation needs where that is not known.
fn free_memory() -> u64 {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let free = info.lines().find_map(|line| {
        let line = line.strip_prefix("MemAvailable:")?.trim();
        line.strip_suffix("kB")?.trim().parse::<u64>().ok()
    });
    free.map_or(USUAL_MEMORY, |kib| kib * 1024 / 4 * 3)
}

/// A machine's result, for programs.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    kind: &'static str,
    ok: bool,
    seconds: f64,
    calls: Option<u64>,
    memory: Option<u64>,
    warnings: &'a [String],
    error: Option<&'a str>,
}

fn tell(
    app: &App,
    args: &Args,
    machines: &[Machine],
    outcomes: &[Outcome],
    found: &Diagnostics,
    blame: &Blame<'_>,
) -> anyhow::Result<()> {
    let pairs = || machines.iter().zip(outcomes);
    match app.format {
        Format::Human => {
            let mut table =
                Table::new(&["machine", "kind", "result", ">seconds", ">calls", ">memory"]);
            for (machine, outcome) in pairs() {
                let number = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
                let memory = outcome.memory.map(|bytes| format!("{} MiB", bytes >> 20));
                table.row([
                    machine.name.clone(),
                    machine.kind.word().to_owned(),
                    result(outcome).to_owned(),
                    format!("{:.1}", outcome.took.as_secs_f64()),
                    number(outcome.calls),
                    memory.unwrap_or_else(|| "-".to_owned()),
                ]);
            }
            console::out(&table.render())?;
            console::report(app.format, found, blame.sources())?;
        }
        Format::Json => {
            let rows: Vec<Row<'_>> = pairs()
                .map(|(machine, outcome)| Row {
                    name: &machine.name,
                    kind: machine.kind.word(),
                    ok: outcome.is_ok,
                    seconds: outcome.took.as_secs_f64(),
                    calls: outcome.calls,
                    memory: outcome.memory,
                    warnings: &outcome.said.warnings,
                    error: outcome.said.failure.as_ref().map(|f| f.message.as_str()),
                })
                .collect();
            let style = diag::Style {
                color: false,
                width: 100,
            };
            let findings = diag::render(found, blame.sources(), Format::Json, style);
            let findings: serde_json::Value = serde_json::from_str(&findings)?;
            console::json(&serde_json::json!({ "machines": rows, "findings": findings }))?;
        }
        Format::Github | Format::Sarif => console::report(app.format, found, blame.sources())?,
    }
    if args.show_trace {
        for (machine, outcome) in pairs().filter(|(_, outcome)| !outcome.is_ok) {
            console::say(&format!(
                "\n{}:\n{}",
                machine.name,
                outcome.stderr.trim_end()
            ));
        }
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.is_ok).count();
    let all = count(outcomes.len(), "evaluation");
    let warned = outcomes.iter().filter(|it| !it.said.warnings.is_empty());
    console::say(&match (failed, warned.count()) {
        (0, 0) => format!("clean: {all}"),
        (0, warned) => format!("{all}, {warned} with warnings"),
        (failed, _) => format!("{failed} of {all} failed"),
    });
    Ok(())
}

fn result(outcome: &Outcome) -> &'static str {
    match (outcome.is_ok, outcome.said.warnings.is_empty()) {
        (false, _) => "error",
        (true, false) => "warns",
        (true, true) => "ok",
    }
}
