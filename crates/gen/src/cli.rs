//! Arguments, and the way from them to an exit code.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::{Arc, Once};

use anstream::ColorChoice;
use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use diag::{Diagnostic, Diagnostics, Format, SourceMap};
use index::{Index, IndexError};
use output::{OutputError, Target};

use crate::commands;
use crate::console;
use crate::facts;
use crate::generate::{draft_some, generate_some};
use crate::indexes::load_index;
use crate::load::tidy;
use crate::panic;
use crate::progress::Progress;
use crate::status::Status;
use crate::typed;
use crate::{Generated, Sources, check, generate, load};

/// Describe a NixOS fleet in YAML, get a plain flake.
///
/// Without a command: generate from the spec and write what has changed.
#[derive(Debug, Parser)]
#[command(
    name = "gen",
    version,
    after_help = "Exit codes: 0 clean, 1 findings or drift, 2 gen could not do its work",
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    generate: commands::generate::Args,
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The folder of the spec, unless one is given.
const SPEC: &str = "spec";
/// The folder of the output, unless one is given.
const OUT: &str = "generated";

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// Folder of the spec
    #[arg(long, global = true, value_name = "DIR", default_value = SPEC)]
    spec: Utf8PathBuf,
    /// Folder of the generated flake
    #[arg(long, global = true, value_name = "DIR", default_value = OUT)]
    out: Utf8PathBuf,
    /// Folder of the index of options and packages [default: `index`, beside the spec]
    #[arg(long, global = true, value_name = "DIR")]
    index: Option<Utf8PathBuf>,
    /// Go to this folder first
    #[arg(short = 'C', global = true, value_name = "DIR")]
    directory: Option<Utf8PathBuf>,
    /// How findings, and the results of `list`, `explain` and `stats`, are written
    #[arg(long, global = true, value_name = "FORMAT", default_value = "human")]
    format: FormatArg,
    /// Whether to use colour; `auto` honours `NO_COLOR`
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorArg,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatArg {
    Human,
    Json,
    Github,
    Sarif,
    /// Of `diff --summary`
    Markdown,
    /// Of `affected`
    Matrix,
}

/// A format that one command alone has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// For a comment on a pull request.
    Markdown,
    /// For the jobs of a workflow.
    Matrix,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Human | FormatArg::Markdown | FormatArg::Matrix => Self::Human,
            FormatArg::Json => Self::Json,
            FormatArg::Github => Self::Github,
            FormatArg::Sarif => Self::Sarif,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ColorArg {
    Auto,
    Always,
    Never,
}

impl From<ColorArg> for ColorChoice {
    fn from(color: ColorArg) -> Self {
        match color {
            ColorArg::Auto => Self::Auto,
            ColorArg::Always => Self::Always,
            ColorArg::Never => Self::Never,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say everything that is wrong, and whether the output is what the spec gives; write nothing
    Check,
    /// Show what would change in the output
    Diff(commands::diff::Args),
    /// Say which hosts, MicroVMs, images and installers a change touches
    Affected(commands::affected::Args),
    /// Find anti-patterns in Nix files, generated or not, and mend what is safe to mend
    Lint(commands::lint::Args),
    /// Evaluate every machine with Nix, and tell its errors at the lines of the spec
    Eval(commands::eval::Args),
    /// Lay out the YAML of the spec; comments, order and content stay
    Fmt(commands::fmt::Args),
    /// Generate whenever the spec changes
    Watch(commands::watch::Args),
    /// Draw the fleet: Mermaid, Graphviz, or a page for a browser
    Graph(commands::graph::Args),
    /// List what a fleet has
    List(commands::list::Args),
    /// Show a host, feature, template, secret or anything else with a name, and where each value comes from
    Explain(commands::explain::Args),
    /// Show where the value of an option, or a line of generated Nix, comes from
    Why(commands::why::Args),
    /// Show how much of each host is shared, by layer
    Stats,
    /// Print the JSON Schema of the spec, for editors
    Schema(commands::schema::Args),
    /// Read the options and packages of the locked inputs, to check the spec against
    Index(commands::index::Args),
    /// Start a small fleet
    Init(commands::init::Args),
    /// Add a host, user, feature, profile or MicroVM to the spec
    New(commands::new::Args),
    /// Take files of the output over: gen forgets them
    Eject(commands::eject::Args),
    /// Copy shared catalogs from their git repositories, or say how the copies stand
    Catalog(commands::catalog::Args),
    /// Rename anything of the spec that has a name, with all that refers to it
    Rename(commands::rename::Args),
    /// Bring a spec of an older format up to date
    Migrate(commands::migrate::Args),
    /// Make a spec of an existing NixOS repository
    Import(commands::import::Args),
    /// Print completions for a shell
    Completions(commands::completions::Args),
    /// Print the manual page, or write one for each command
    Man(commands::man::Args),
}

/// What every command works with.
#[derive(Debug)]
pub(crate) struct App {
    /// How findings are written.
    pub(crate) format: Format,
    /// The format of the result, where it is one of the command's own.
    pub(crate) shape: Option<Shape>,
    /// Folder of the spec.
    pub(crate) spec: Utf8PathBuf,
    /// Folder of the output.
    pub(crate) out: Utf8PathBuf,
    /// Folder of the index, if one is named.
    pub(crate) index: Option<Utf8PathBuf>,
    /// Says once that there is no index, however often a command generates.
    pub(crate) mention: Once,
}

impl App {
    /// The output folder.
    pub(crate) fn target(&self) -> Target {
        Target::new(self.out.clone())
    }

    /// What messages call the output folder: `generated/`.
    pub(crate) fn out_name(&self) -> String {
        format!("{}/", self.target().show("").as_str().trim_end_matches('/'))
    }

    /// Reads the spec.
    pub(crate) fn load(&self) -> anyhow::Result<Sources> {
        let same = |a: &Utf8Path, b: &Utf8Path| match (a.canonicalize(), b.canonicalize()) {
            (Ok(a), Ok(b)) => a == b,
            _ => tidy(a) == tidy(b),
        };
        if same(&self.spec, &self.out) {
            anyhow::bail!("`{}` is both the spec and the output", self.spec);
        }
        if self.out.as_str().is_empty() || same(&self.out, Utf8Path::new("/")) {
            anyhow::bail!("`{}` cannot be the output folder", self.out);
        }
        Ok(load(&self.spec, &self.out))
    }

    /// Reads the spec, generates and checks.
    pub(crate) fn generate(&self) -> anyhow::Result<Generated> {
        self.generate_from(self.load()?)
    }

    /// Generates, and checks by the index if there is one.
    pub(crate) fn generate_from(&self, sources: Sources) -> anyhow::Result<Generated> {
        let (mut generated, index) =
            rayon::join(|| generate_visibly(sources), || self.load_index());
        match index.transpose() {
            Ok(Some(index)) => {
                check(&mut generated, &index);
                generated.diagnostics.extend(self.stale_index());
                generated.index = Some(Arc::new(index));
            }
            Ok(None) => {}
            Err(error) => {
                let error: IndexError = error.downcast()?;
                let diagnostic = Diagnostic::error("index-unreadable", None, error.to_string())
                    .help("make it anew with `gen index`, or remove its folder to go on unchecked");
                generated.diagnostics.push(diagnostic);
                generated.tree = None;
            }
        }
        Ok(generated)
    }

    /// The folder of the index, if there is one or one is named.
    pub(crate) fn index_folder(&self) -> Option<Utf8PathBuf> {
        self.index.clone().or_else(|| {
            let beside = commands::index::folder(&self.spec);
            beside.is_dir().then_some(beside)
        })
    }

    pub(crate) fn load_index(&self) -> Option<anyhow::Result<Index>> {
        Some(load_index(&self.index_folder()?))
    }

    /// What the index was read from, against what the output is locked to.
    fn stale_index(&self) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        let Some(folder) = self.index_folder() else {
            return diagnostics;
        };
        let texts = (
            std::fs::read_to_string(self.out.join("flake.lock")),
            std::fs::read_to_string(folder.join("release.json")),
        );
        let (Ok(lock), Ok(release)) = texts else {
            return diagnostics;
        };
        for mismatch in facts::mismatches(&lock, &release).unwrap_or_default() {
            // Inputs without options or packages are in no index.
            let (Some(recorded), Some(locked)) = (&mismatch.recorded, &mismatch.locked) else {
                continue;
            };
            let message = format!(
                "the index is of `{}` {recorded}, but `flake.lock` has {locked}",
                mismatch.input
            );
            diagnostics.push(
                Diagnostic::warning("index-outdated", None, message)
                    .help("run `gen index` to make it anew"),
            );
        }
        diagnostics
    }

    /// Says that options are not checked, if there is no index: once in a run.
    pub(crate) fn mention_index(&self) {
        if self.index_folder().is_none() {
            self.mention.call_once(|| {
                console::say(
                    "options and packages are not checked: there is no index; `gen index` makes one",
                );
            });
        }
    }

    /// Reads the spec and generates, for a command that only shows something: findings are reported
    /// when there are errors, and there is nothing to show then.
    pub(crate) fn sound_fleet(&self) -> anyhow::Result<Result<Sound, Status>> {
        let generated = self.generate()?;
        if let Some(tree) = generated.tree {
            return Ok(Ok(Sound {
                sources: generated.sources,
                spec: generated.spec,
                fleet: generated.fleet,
                tree,
            }));
        }
        console::report(self.format, &generated.diagnostics, &generated.sources)?;
        Ok(Err(Status::of(&generated.diagnostics)))
    }

    /// Reads the spec and resolves it, for a command that tells what there is and reads only the wanted
    /// files. Errors are reported, and what they leave is told nonetheless, as far as there is a fleet.
    pub(crate) fn told_fleet(
        &self,
        wanted: &Wanted<'_>,
    ) -> anyhow::Result<Result<(Sound, Status), Status>> {
        let generated = generate_some(self.load()?, wanted);
        let mut status = Status::Clean;
        let mut tree = generated.tree;
        if tree.is_none() {
            let fleet = &generated.fleet;
            if !fleet.hosts.is_empty() {
                tree = draft_some(fleet, &generated.assets, wanted);
            }
            // The answer has standard output for itself.
            let format = tree.as_ref().map_or(self.format, |_| Format::Human);
            console::report(format, &generated.diagnostics, &generated.sources)?;
            status = Status::of(&generated.diagnostics);
        }
        let Some(tree) = tree else {
            return Ok(Err(status));
        };
        let sound = Sound {
            sources: generated.sources,
            spec: generated.spec,
            fleet: generated.fleet,
            tree,
        };
        Ok(Ok((sound, status)))
    }

    /// Reads the spec and resolves it, for a command that has something to show in any case. Findings
    /// are reported when there are errors; that there is no spec yet is none.
    pub(crate) fn any_fleet(&self, wanted: &Wanted<'_>) -> anyhow::Result<(Generated, Status)> {
        let generated = generate_some(self.load()?, wanted);
        let diagnostics = &generated.diagnostics;
        let is_absent = diagnostics
            .iter()
            .any(|d| d.code == "spec-missing" || d.code == "spec-empty");
        if is_absent || !diagnostics.has_errors() {
            return Ok((generated, Status::Clean));
        }
        // With machine formats too: the result has standard output for itself.
        console::report(Format::Human, diagnostics, &generated.sources)?;
        let status = Status::of(diagnostics);
        Ok((generated, status))
    }

    /// Whether results are wanted as JSON. The formats of findings do not fit results.
    pub(crate) fn wants_json(&self) -> anyhow::Result<bool> {
        match self.format {
            Format::Human => Ok(false),
            Format::Json => Ok(true),
            other => anyhow::bail!("this command writes `human` or `json`, not `{other}`"),
        }
    }
}

/// Generates, with a sign of life when it takes long.
pub(crate) fn generate_visibly(sources: Sources) -> Generated {
    let _progress = Progress::start("generating");
    generate(sources)
}

/// Which files a command reads.
pub(crate) type Wanted<'a> = dyn Fn(&model::Fleet, &str) -> bool + Sync + 'a;

/// A fleet that is told; without errors, or with those that were reported.
#[derive(Debug)]
pub(crate) struct Sound {
    /// The sources, with the catalog files that were used.
    pub(crate) sources: SourceMap,
    /// The spec as written.
    pub(crate) spec: spec::Spec,
    /// The resolved fleet.
    pub(crate) fleet: model::Fleet,
    /// The files.
    pub(crate) tree: output::FileTree,
}

/// The command line as data, for completions and manual pages.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command with these arguments, the program's name first.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    panic::guard(|| parse_and_run(args)).into()
}

fn parse_and_run(args: Vec<OsString>) -> Status {
    let parsed = Cli::command()
        .color(help_color(&args))
        .try_get_matches_from(args)
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .and_then(without_mixture);
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // A reader that has gone away wants no more.
            let _ = error.print();
            return if error.exit_code() == 0 {
                Status::Clean
            } else {
                Status::Failure
            };
        }
    };
    let Global {
        spec,
        out,
        index,
        directory,
        format,
        color,
    } = cli.global;
    console::set_color(color.into());
    let shape = match format {
        FormatArg::Markdown => Some(Shape::Markdown),
        FormatArg::Matrix => Some(Shape::Matrix),
        _ => None,
    };
    let fits = match (shape, &cli.command) {
        (None, _) | (Some(Shape::Matrix), Some(Command::Affected(_))) => true,
        (Some(Shape::Markdown), Some(Command::Diff(args))) => args.is_summary(),
        _ => false,
    };
    if !fits {
        let message =
            "`markdown` is a format of `gen diff --summary`, `matrix` one of `gen affected`";
        console::failure(message, &[]);
        return Status::Failure;
    }
    let given = |path: &Utf8PathBuf, usual: &str| (path != usual).then(|| path.clone());
    typed::remember(
        directory.as_deref(),
        &[
            ("--spec", given(&spec, SPEC).as_deref()),
            ("--out", given(&out, OUT).as_deref()),
            ("--index", index.as_deref()),
        ],
    );
    let app = App {
        format: format.into(),
        shape,
        spec,
        out,
        index,
        mention: Once::new(),
    };
    if let Some(directory) = directory
        && let Err(error) = std::env::set_current_dir(&directory)
    {
        console::failure(&format!("cannot go to `{directory}`: {error}"), &[]);
        return Status::Failure;
    }
    let result = match cli.command {
        None => commands::generate::run(&app, &cli.generate),
        Some(Command::Check) => commands::check::run(&app),
        Some(Command::Diff(args)) => commands::diff::run(&app, &args),
        Some(Command::Affected(args)) => commands::affected::run(&app, &args),
        Some(Command::Lint(args)) => commands::lint::run(&app, &args),
        Some(Command::Eval(args)) => commands::eval::run(&app, &args),
        Some(Command::Fmt(args)) => commands::fmt::run(&app, &args),
        Some(Command::Watch(args)) => commands::watch::run(&app, &args),
        Some(Command::Graph(args)) => commands::graph::run(&app, &args),
        Some(Command::List(args)) => commands::list::run(&app, &args),
        Some(Command::Explain(args)) => commands::explain::run(&app, &args),
        Some(Command::Why(args)) => commands::why::run(&app, &args),
        Some(Command::Stats) => commands::stats::run(&app),
        Some(Command::Schema(args)) => commands::schema::run(&app, &args),
        Some(Command::Index(args)) => commands::index::run(&app, &args),
        Some(Command::Init(args)) => commands::init::run(&app, &args),
        Some(Command::New(args)) => commands::new::run(&app, &args),
        Some(Command::Catalog(args)) => commands::catalog::run(&app, &args),
        Some(Command::Eject(args)) => commands::eject::run(&app, &args),
        Some(Command::Rename(args)) => commands::rename::run(&app, &args),
        Some(Command::Migrate(args)) => commands::migrate::run(&app, &args),
        Some(Command::Import(args)) => commands::import::run(&app, &args),
        Some(Command::Completions(args)) => commands::completions::run(&args),
        Some(Command::Man(args)) => commands::man::run(&args),
    };
    result.unwrap_or_else(|error| explain_failure(&app, &error))
}

/// Options of the default command do not go with another one.
fn without_mixture(cli: Cli) -> Result<Cli, clap::Error> {
    if cli.command.is_some() && cli.generate.is_given() {
        let message = "`--overwrite` and `--emit` do not go with a command";
        return Err(Cli::command().error(clap::error::ErrorKind::ArgumentConflict, message));
    }
    Ok(cli)
}

/// `--color` for clap's own messages, which are printed before arguments are known to be right.
fn help_color(args: &[OsString]) -> clap::ColorChoice {
    let words: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    let separate = words
        .windows(2)
        .filter(|pair| pair[0] == "--color")
        .map(|pair| pair[1].as_ref());
    let joined = words
        .iter()
        .filter_map(|word| word.strip_prefix("--color="));
    match separate.chain(joined).last() {
        Some("always") => clap::ColorChoice::Always,
        Some("never") => clap::ColorChoice::Never,
        _ => clap::ColorChoice::Auto,
    }
}

/// What is in a user's files is a finding; all else is a failure.
pub(crate) fn explain_failure(app: &App, error: &anyhow::Error) -> Status {
    let output = error.downcast_ref::<OutputError>();
    if let Some(diagnostic) = output.and_then(OutputError::diagnostic) {
        let mut diagnostics = Diagnostics::new();
        diagnostics.push(diagnostic);
        if console::report(app.format, &diagnostics, &SourceMap::new()).is_ok() {
            return Status::of(&diagnostics);
        }
    }
    let help = output.map(OutputError::help).unwrap_or_default();
    console::failure(&format!("{error:#}"), &help);
    Status::Failure
}
