//! `gen fmt`: the YAML of the spec laid out in one way. Comments, order and content are kept.

use std::fs;
use std::io::{Read as _, Write as _};

use anyhow::{Context as _, bail};
use camino::{Utf8Path, Utf8PathBuf};
use diag::{Diagnostics, Format, SourceMap};
use rayon::prelude::*;
use walkdir::{DirEntry, WalkDir};

use crate::cli::App;
use crate::console;
use crate::formatting::{Unformatted, format_yaml};
use crate::load::{is_passed_over, is_yaml};
use crate::status::Status;
use crate::text::count;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these files, or those in a folder; `-` formats standard input to standard output
    #[arg(value_name = "FILE")]
    files: Vec<Utf8PathBuf>,
    /// Write nothing; show what would change, and fail if there is anything
    #[arg(long)]
    check: bool,
}

/// A file and what it should be.
struct Laid {
    path: Utf8PathBuf,
    old: String,
    new: Result<String, Unformatted>,
}

/// Formats.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    if args.files.iter().any(|file| file == "-") {
        return standard_input(args);
    }
    let mut status = Status::Clean;
    let mut files: Vec<Laid> = Vec::new();
    for (path, text) in texts(app, args, &mut status)? {
        files.push(Laid {
            path,
            old: text,
            new: Ok(String::new()),
        });
    }
    files
        .par_iter_mut()
        .for_each(|file| file.new = format_yaml(&file.old));
    let mut changed = 0;
    let mut broken = Broken::default();
    let mut diffs = String::new();
    for Laid { path, old, new } in &files {
        let new = match new {
            Ok(new) => new,
            Err(problem) => {
                status = status.max(complain(path, old, problem, &mut broken));
                continue;
            }
        };
        if new == old {
            continue;
        }
        changed += 1;
        if args.check {
            diffs.push_str(
                &similar::TextDiff::from_lines(old.as_str(), new.as_str())
                    .unified_diff()
                    .header(path.as_str(), path.as_str())
                    .to_string(),
            );
        } else {
            write(path, new)?;
            console::say(&format!("formatted: {path}"));
        }
    }
    console::report(app.format, &broken.diagnostics, &broken.sources)?;
    console::diff(&diffs)?;
    let all = count(files.len(), "file");
    console::say(&match (changed, args.check) {
        (0, _) if status == Status::Clean => format!("clean: {all}"),
        (0, _) => "nothing else to format".to_owned(),
        (_, true) => format!("{changed} of {all} would change; `gen fmt` writes them"),
        (_, false) => format!("{changed} of {all} changed"),
    });
    if args.check && changed > 0 {
        status = status.max(Status::Findings);
    }
    Ok(status)
}

/// The files of the spec, or those that are named, with their texts.
fn texts(
    app: &App,
    args: &Args,
    status: &mut Status,
) -> anyhow::Result<Vec<(Utf8PathBuf, String)>> {
    if !args.files.is_empty() {
        let mut files = Vec::new();
        for path in &args.files {
            if path.is_dir() {
                below(path, &mut files)?;
            } else {
                files.push(path.clone());
            }
        }
        let read = |path: Utf8PathBuf| {
            let text = fs::read_to_string(&path);
            let text = text.with_context(|| format!("`{path}` cannot be read"))?;
            Ok((path, text))
        };
        return files.into_iter().map(read).collect();
    }
    let sources = app.load()?;
    if !sources.diagnostics.is_empty() {
        console::report(app.format, &sources.diagnostics, &sources.map)?;
        *status = Status::of(&sources.diagnostics);
    }
    Ok(sources
        .spec_files()
        .map(|(path, text)| (app.spec.join(path), text.to_owned()))
        .collect())
}

/// The YAML files of a folder and those below it, in order.
fn below(folder: &Utf8Path, files: &mut Vec<Utf8PathBuf>) -> anyhow::Result<()> {
    let wanted = |entry: &DirEntry| {
        let name = entry.file_name().to_str();
        entry.depth() == 0 || name.is_some_and(|name| !is_passed_over(name))
    };
    let entries = WalkDir::new(folder).sort_by_file_name().into_iter();
    for entry in entries.filter_entry(wanted) {
        let entry = entry.with_context(|| format!("`{folder}` cannot be read"))?;
        let path = Utf8Path::from_path(entry.path());
        let is_file = entry.file_type().is_file();
        files.extend(
            path.filter(|it| is_file && is_yaml(it.as_str()))
                .map(Utf8Path::to_owned),
        );
    }
    Ok(())
}

fn standard_input(args: &Args) -> anyhow::Result<Status> {
    if args.files.len() > 1 {
        bail!("`-` goes alone");
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    match format_yaml(&text) {
        Ok(new) if args.check => Ok(if new == text {
            Status::Clean
        } else {
            Status::Findings
        }),
        Ok(new) => {
            console::out(&new)?;
            Ok(Status::Clean)
        }
        Err(problem) => {
            let mut broken = Broken::default();
            let name = Utf8Path::new("standard input");
            let status = complain(name, &text, &problem, &mut broken);
            // The text has standard output for itself.
            console::report(Format::Human, &broken.diagnostics, &broken.sources)?;
            Ok(status)
        }
    }
}

/// Files that are no YAML, and what is wrong with them.
#[derive(Default)]
struct Broken {
    sources: SourceMap,
    diagnostics: Diagnostics,
}

/// Says why a file stays as it is.
fn complain(path: &Utf8Path, text: &str, problem: &Unformatted, broken: &mut Broken) -> Status {
    match problem {
        Unformatted::Broken => {
            let file = broken.sources.add(path.as_str(), text);
            spec::node::parse(&broken.sources, file, &mut broken.diagnostics);
            Status::of(&broken.diagnostics)
        }
        Unformatted::Deep => {
            let message = format!("`{path}` stays as it is: a line is indented too deep");
            console::failure(&message, &["indent by two blanks".to_owned()]);
            Status::Failure
        }
        Unformatted::Kept(line) => {
            console::say(&format!(
                "`{path}` stays as it is: the text in line {line} keeps blank lines at its end (`|+`), which the layout would lose; with `|` it has none"
            ));
            Status::Clean
        }
        Unformatted::Unsafe => {
            console::failure(
                &format!("`{path}` stays as it is: it cannot be laid out without changing it"),
                &["this is a mistake in gen; please report the file".to_owned()],
            );
            Status::Failure
        }
    }
}

/// Writes a file whole: the text beside it first, then a rename. Links and permissions stay.
fn write(path: &Utf8Path, text: &str) -> anyhow::Result<()> {
    let real = path.canonicalize_utf8()?;
    let folder = real.parent().context("a file without a folder")?;
    let mut file = tempfile::Builder::new()
        .prefix(".gen-fmt-")
        .tempfile_in(folder)
        .with_context(|| format!("cannot write beside `{path}`"))?;
    file.write_all(text.as_bytes())?;
    file.as_file()
        .set_permissions(fs::metadata(&real)?.permissions())?;
    file.persist(&real)
        .with_context(|| format!("cannot write `{path}`"))?;
    Ok(())
}
