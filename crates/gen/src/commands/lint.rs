//! `gen lint`: anti-patterns in any Nix files, generated or not.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use diag::{Diagnostic, Diagnostics, SourceMap};
use index::Index;
use lint::{Config, Exception, Finding, Fixed, Level, RULES, Rule};
use rayon::prelude::*;
use serde::Serialize;
use similar::TextDiff;

use crate::cli::App;
use crate::console;
use crate::linting::{self, NixFiles, nix_files};
use crate::load::load;
use crate::progress::Progress;
use crate::status::Status;
use crate::table::Table;
use crate::text::count;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files, and folders with Nix files; by default the working folder
    #[arg(value_name = "PATH")]
    paths: Vec<Utf8PathBuf>,
    /// Run only this rule; may be given several times
    #[arg(long, value_name = "RULE")]
    rule: Vec<String>,
    /// Switch a rule off
    #[arg(long, value_name = "RULE")]
    allow: Vec<String>,
    /// Make a rule's findings warnings
    #[arg(long, value_name = "RULE")]
    warn: Vec<String>,
    /// Make a rule's findings errors
    #[arg(long, value_name = "RULE")]
    deny: Vec<String>,
    /// Leave files out, by a glob such as `hosts/**/hardware-configuration.nix`
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Mend what can be mended safely: shows a diff, and asks before it writes
    #[arg(long, conflicts_with_all = ["explain", "list", "stats"])]
    fix: bool,
    /// Write fixes without asking
    #[arg(long, requires = "fix")]
    yes: bool,
    /// Count the findings of each rule instead of showing them
    #[arg(long, conflicts_with_all = ["explain", "list"])]
    stats: bool,
    /// Print the page of a rule
    #[arg(long, value_name = "RULE", conflicts_with_all = ["paths", "list"])]
    explain: Option<String>,
    /// List the rules
    #[arg(long, conflicts_with = "paths")]
    list: bool,
}

/// Checks, mends or explains.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    if let Some(name) = &args.explain {
        let rule = known(name)?;
        console::out(&lint::page(rule))?;
        return Ok(Status::Clean);
    }
    let config = config(app, args)?;
    if args.list {
        return list(app, &config);
    }
    let paths = if args.paths.is_empty() {
        vec![Utf8PathBuf::from(".")]
    } else {
        args.paths.clone()
    };
    let mut files = nix_files(&paths)?;
    let index = app.load_index().transpose()?;
    let mut report = check(&files, &config, index.as_ref());
    if args.fix {
        let fixes = fixes(&files, &report.findings, &config);
        if !fixes.is_empty() {
            if !offer(&files, &fixes, args.yes)? {
                return Ok(Status::Findings);
            }
            for (path, fixed) in fixes {
                files.texts.insert(path, fixed.text);
            }
            report = check(&files, &config, index.as_ref());
        }
    }
    if args.stats {
        return stats(app, &files, &report);
    }
    let mut sources = SourceMap::new();
    let mut diagnostics = unread(&files, &config);
    diagnostics.extend(linting::diagnostics(
        &report.findings,
        &files.texts,
        str::to_owned,
        &mut sources,
    ));
    console::report(app.format, &diagnostics, &sources)?;
    let status = Status::of(&diagnostics);
    if diagnostics.is_empty() {
        console::say(&format!("clean: {}", count(files.texts.len(), "file")));
    }
    Ok(status)
}

fn check(files: &NixFiles, config: &Config, index: Option<&Index>) -> lint::Report {
    let _progress = Progress::start("checking");
    lint::lint_tree(&files.texts, config, &linting::Facts(index))
}

/// The spec's section, if there is a spec, and what the arguments say.
fn config(app: &App, args: &Args) -> anyhow::Result<Config> {
    let mut config = Config::default();
    if app.spec.is_dir() {
        let sources = load(&app.spec, &app.out);
        // Mistakes in the spec are the matter of other commands.
        let mut ignored = Diagnostics::new();
        let spec = sources.spec(&mut ignored);
        config = linting::config(&spec.lint, &mut ignored);
    }
    let levels = [
        (&args.allow, Level::Off),
        (&args.warn, Level::Warning),
        (&args.deny, Level::Error),
    ];
    for (names, level) in levels {
        for name in names {
            let rule = known(name)?;
            config.set(rule.name(), level)?;
        }
    }
    for name in &args.rule {
        let rule = known(name)?;
        config.only(rule.name())?;
    }
    for glob in &args.exclude {
        config.exceptions.push(Exception {
            rule: "*".to_owned(),
            path: glob.clone(),
        });
    }
    Ok(config)
}

fn known(name: &str) -> anyhow::Result<&'static Rule> {
    let bare = name.strip_prefix("lint/").unwrap_or(name);
    lint::rule(bare).with_context(|| {
        let names: Vec<&str> = RULES.iter().map(|rule| rule.name()).collect();
        let help = diag::did_you_mean(bare, &names).unwrap_or_default();
        format!("there is no rule `{name}`: {help}")
    })
}

/// Files that could not be read, as findings.
fn unread(files: &NixFiles, config: &Config) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let Some(rule) = lint::rule("syntax-error") else {
        return diagnostics;
    };
    let Some(severity) = config.level(rule).severity() else {
        return diagnostics;
    };
    for (path, why) in &files.unread {
        let message = format!("cannot read `{path}`: {why}");
        diagnostics.push(Diagnostic::described(&rule.code, severity, None, message));
    }
    diagnostics
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleRow {
    name: &'static str,
    level: &'static str,
    fix: bool,
    summary: &'static str,
}

fn list(app: &App, config: &Config) -> anyhow::Result<Status> {
    let rows: Vec<RuleRow> = RULES
        .iter()
        .map(|rule| RuleRow {
            name: rule.name(),
            level: config.level(rule).name(),
            fix: rule.fixes,
            summary: rule.code.summary,
        })
        .collect();
    if app.wants_json()? {
        console::json(&rows)?;
        return Ok(Status::Clean);
    }
    let mut table = Table::new(&["rule", "level", "fix", "summary"]);
    for row in rows {
        let fix = if row.fix { "yes" } else { "-" };
        table.row([row.name, row.level, fix, row.summary].map(str::to_owned));
    }
    console::out(&table.render())?;
    Ok(Status::Clean)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    files: usize,
    findings: usize,
    silenced: usize,
    unread: usize,
    rules: BTreeMap<&'static str, usize>,
}

fn stats(app: &App, files: &NixFiles, report: &lint::Report) -> anyhow::Result<Status> {
    let mut rules: BTreeMap<&'static str, usize> = BTreeMap::new();
    for finding in &report.findings {
        *rules.entry(finding.rule.name()).or_default() += 1;
    }
    let stats = Stats {
        files: files.texts.len(),
        findings: report.findings.len(),
        silenced: report.silenced,
        unread: files.unread.len(),
        rules,
    };
    if app.wants_json()? {
        console::json(&stats)?;
    } else {
        let mut table = Table::new(&["rule", ">findings"]);
        for (name, count) in &stats.rules {
            table.row([(*name).to_owned(), count.to_string()]);
        }
        console::out(&table.render())?;
        console::say(&format!(
            "{} in {}",
            count(stats.findings, "finding"),
            count(stats.files, "file")
        ));
    }
    let is_clean = report.findings.iter().all(|it| it.level <= Level::Note) && stats.unread == 0;
    Ok(if is_clean {
        Status::Clean
    } else {
        Status::Findings
    })
}

/// The files with safe fixes.
fn fixes(files: &NixFiles, findings: &[Finding], config: &Config) -> BTreeMap<String, Fixed> {
    let mut paths: Vec<&String> = findings
        .iter()
        .filter(|finding| !finding.fix.is_empty())
        .map(|finding| &finding.place.path)
        .collect();
    paths.dedup();
    paths
        .into_par_iter()
        .filter_map(|path| {
            let text = files.texts.get(path)?;
            Some((path.clone(), lint::fix(path, text, config)?))
        })
        .collect()
}

/// Shows what fixing changes, and writes it if that is wanted; tells whether it was.
fn offer(files: &NixFiles, fixes: &BTreeMap<String, Fixed>, yes: bool) -> anyhow::Result<bool> {
    let mut text = String::new();
    let mut mended = 0;
    for (path, fixed) in fixes {
        let old = files
            .texts
            .get(path)
            .map(String::as_str)
            .unwrap_or_default();
        let diff = TextDiff::from_lines(old, &fixed.text);
        text.push_str(&diff.unified_diff().header(path, path).to_string());
        mended += fixed.mended.values().sum::<usize>();
    }
    console::diff(&text)?;
    let what = format!(
        "{} in {}",
        count(mended, "fix").replace("fixs", "fixes"),
        count(fixes.len(), "file")
    );
    if !yes {
        match console::ask(&format!("{what}; write them?"))? {
            Some(true) => {}
            Some(false) => return Ok(false),
            None => {
                console::say(&format!(
                    "{what}, not written; to write them: `--fix --yes`"
                ));
                return Ok(false);
            }
        }
    }
    for (path, fixed) in fixes {
        let old = files
            .texts
            .get(path)
            .map(String::as_str)
            .unwrap_or_default();
        replace(Utf8Path::new(path), old, &fixed.text)
            .with_context(|| format!("cannot write `{path}`"))?;
    }
    console::say(&format!("wrote {what}"));
    Ok(true)
}

/// Puts a new text into the place of an old one, whole or not at all.
fn replace(path: &Utf8Path, old: &str, new: &str) -> anyhow::Result<()> {
    if fs::read(path)? != old.as_bytes() {
        anyhow::bail!("it was changed in the meantime");
    }
    let name = path.file_name().context("it has no name")?;
    let staged = path.with_file_name(format!(".{name}.gen-lint"));
    let result = (|| -> anyhow::Result<()> {
        let mut file = fs::File::create(&staged)?;
        file.write_all(new.as_bytes())?;
        file.set_permissions(fs::metadata(path)?.permissions())?;
        file.sync_all()?;
        fs::rename(&staged, path)?;
        Ok(())
    })();
    if result.is_err() {
        // It may not even be there.
        let _ = fs::remove_file(&staged);
    }
    result
}
