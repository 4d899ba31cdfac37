//! The only place that prints.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};

use anstream::{AutoStream, ColorChoice};
use clap::builder::styling::{AnsiColor, Style};
use diag::{Diagnostics, Format, SourceMap};

use crate::typed;

const ERROR: Style = AnsiColor::BrightRed.on_default().bold();
const HELP: Style = AnsiColor::BrightCyan.on_default().bold();
const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const HUNK: Style = AnsiColor::Cyan.on_default();
const BOLD: Style = Style::new().bold();

/// Sets for the whole run whether there is colour; the streams drop it otherwise.
pub(crate) fn set_color(color: ColorChoice) {
    color.write_global();
}

/// Prints a result. A reader that has gone away wants no more, which is no error.
pub(crate) fn out(text: &str) -> io::Result<()> {
    let mut stream = anstream::stdout().lock();
    match stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush())
    {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Prints a result in which commands stand in backticks, for the user to type.
pub(crate) fn guide(text: &str) -> io::Result<()> {
    out(&typed::text(text))
}

/// Prints a result as JSON.
pub(crate) fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    Ok(out(&format!("{}\n", serde_json::to_string_pretty(value)?))?)
}

/// Prints a unified diff, coloured on a terminal.
pub(crate) fn diff(text: &str) -> io::Result<()> {
    let mut painted = String::with_capacity(text.len() + text.len() / 8);
    for line in text.lines() {
        let style = match line.as_bytes().first() {
            _ if ["diff ", "--- ", "+++ "]
                .iter()
                .any(|head| line.starts_with(head)) =>
            {
                BOLD
            }
            Some(b'+') => ADDED,
            Some(b'-') => REMOVED,
            Some(b'@') => HUNK,
            _ => Style::new(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(painted, "{style}{line}{style:#}");
    }
    out(&painted)
}

/// Asks on the terminal; nothing if there is nobody to ask.
pub(crate) fn ask(question: &str) -> io::Result<Option<bool>> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(None);
    }
    complain(&format!("{question} [y/N] "));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    let answer = answer.trim().to_lowercase();
    Ok(Some(matches!(answer.as_str(), "y" | "yes")))
}

/// Says a line on standard error.
pub(crate) fn say(line: &str) {
    complain(&format!("{}\n", typed::text(line)));
}

/// Reports findings: to people on standard error, to programs on standard output.
pub(crate) fn report(
    format: Format,
    diagnostics: &Diagnostics,
    sources: &SourceMap,
) -> io::Result<()> {
    let style = diag::Style {
        color: stderr_has_color(),
        width: width(),
    };
    let mut told = Diagnostics::new();
    for diagnostic in diagnostics {
        let mut diagnostic = diagnostic.clone();
        diagnostic.message = typed::text(&diagnostic.message);
        for line in &mut diagnostic.help {
            *line = typed::text(line);
        }
        told.push(diagnostic);
    }
    let text = diag::render(&told, sources, format, style);
    if format == Format::Human {
        complain(&text);
        Ok(())
    } else {
        out(&text)
    }
}

/// Reports that the tool could not do its work.
pub(crate) fn failure(message: &str, help: &[String]) {
    let message = typed::text(message);
    let mut text = format!("{ERROR}error{ERROR:#}: {message}\n");
    for line in help {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{HELP}help{HELP:#}: {}", typed::text(line));
    }
    complain(&text);
}

/// Reports a bug of the tool.
pub(crate) fn bug(message: &str) {
    complain(&format!(
        "{ERROR}bug{ERROR:#}: {message}\n{HELP}help{HELP:#}: this is a mistake in gen {}, not in your spec; \
         please report it at {}/issues\n",
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_REPOSITORY"),
    ));
}

/// Nobody can be told that standard error cannot be written.
fn complain(text: &str) {
    let mut stream = anstream::stderr().lock();
    let _ = stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush());
}

fn stderr_has_color() -> bool {
    AutoStream::choice(&io::stderr()) != ColorChoice::Never
}

/// Columns of the terminal, or 100 where there is none.
fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stderr());
    size.ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|columns| *columns > 0)
        .unwrap_or(100)
}
