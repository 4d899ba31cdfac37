//! Chores of the project. Each task is a module; `cargo xtask help` lists them.
//!
//! Invariants:
//! - What a task writes into the repository is the same on every machine, `evaluate` and `bench`
//!   excepted: those measure.
//! - A task that checks names the command that mends.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "chores read and write the repository, run programs, measure time and talk to people"
)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod bench;
pub mod codegen;
pub mod eval_errors;
pub mod evaluate;
pub mod facts;
pub mod fleet_maker;
pub mod fleets;
pub mod golden;
pub mod hardening;
pub mod index_agree;
pub mod index_bench;
pub mod lab;
pub mod lint_bench;
pub mod lint_compare;
pub mod mutate;
pub mod tidy;
mod tree_hash;
pub mod workspace;
pub mod yardstick;

/// Chores of the project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Measure gen on synthetic fleets, against copying their output
    Bench(bench::Args),
    /// Write the reference, or check that it is fresh
    Codegen(codegen::Args),
    /// Evaluate the wrong specs of `golden/eval-errors`, and record what Nix says
    EvalErrors(eval_errors::Args),
    /// Evaluate every fleet with a real Nix and record it, or check the record
    Evaluate(evaluate::Args),
    /// Read facts of the machines back with a real Nix and record that they hold, or check the record
    Facts(facts::Args),
    /// Run the golden tests, or accept what they give
    Golden(golden::Args),
    /// Score how well the catalog's services are shut in and record it, or check the record
    Hardening(hardening::Args),
    /// Compare what `gen index` reads in the lab with `../shared/data`
    IndexAgree(index_agree::Args),
    /// Measure what an index adds to checking the hub
    IndexBench(index_bench::Args),
    /// Break fleets in one place each, and count what `gen check` finds
    Mutate(mutate::Args),
    /// Measure `gen lint` over a tree
    LintBench(lint_bench::Args),
    /// Put `gen lint` beside statix and deadnix on one configuration
    LintCompare(lint_compare::Args),
    /// Check the rules of the code base
    Tidy,
    /// Measure generated hosts against the same hosts written by hand
    Yardstick(yardstick::Args),
}

/// Runs a task: 0 done, 1 findings, 2 it could not be done.
pub fn run() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Bench(args) => bench::run(&args),
        Task::Codegen(args) => codegen::run(&args),
        Task::EvalErrors(args) => eval_errors::run(&args),
        Task::Evaluate(args) => evaluate::run(&args),
        Task::Facts(args) => facts::run(&args),
        Task::Golden(args) => golden::run(&args),
        Task::Hardening(args) => hardening::run(&args),
        Task::IndexAgree(args) => index_agree::run(&args),
        Task::IndexBench(args) => index_bench::run(&args),
        Task::Mutate(args) => mutate::run(&args),
        Task::LintBench(args) => lint_bench::run(&args),
        Task::LintCompare(args) => lint_compare::run(&args),
        Task::Tidy => tidy::run(),
        Task::Yardstick(args) => yardstick::run(&args),
    };
    match result {
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::Findings) => ExitCode::from(1),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to report.
    Clean,
    /// Something is to be mended; it has been said what.
    Findings,
}

impl Outcome {
    /// Findings unless there is none.
    fn of(findings: usize) -> Self {
        if findings == 0 {
            Self::Clean
        } else {
            Self::Findings
        }
    }
}
