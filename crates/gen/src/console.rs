//! The only place that prints.

use std::io::{self, Write as _};

use anstream::{AutoStream, ColorChoice};
use clap::builder::styling::{AnsiColor, Style};
use diag::{Diagnostics, Format, SourceMap};

const ERROR: Style = AnsiColor::BrightRed.on_default().bold();
const HELP: Style = AnsiColor::BrightCyan.on_default().bold();
const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const HUNK: Style = AnsiColor::Cyan.on_default();
const BOLD: Style = Style::new().bold();

/// Standard output for results and standard error for what is said about them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    /// How findings are written.
    pub(crate) format: Format,
}

impl Console {
    /// Sets for the whole run whether there is colour; what the streams get is stripped of it
    /// otherwise.
    pub(crate) fn new(format: Format, color: ColorChoice) -> Self {
        color.write_global();
        Self { format }
    }

    /// Prints a result. A reader that has gone away wants no more, which is no error.
    pub(crate) fn out(self, text: &str) -> io::Result<()> {
        let mut stream = anstream::stdout().lock();
        match stream
            .write_all(text.as_bytes())
            .and_then(|()| stream.flush())
        {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }

    /// Prints a result as JSON.
    pub(crate) fn json(self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        Ok(self.out(&format!("{}\n", serde_json::to_string_pretty(value)?))?)
    }

    /// Prints a unified diff, coloured on a terminal.
    pub(crate) fn diff(self, text: &str) -> io::Result<()> {
        let mut painted = String::with_capacity(text.len() + text.len() / 8);
        for line in text.split_inclusive('\n') {
            let (body, end) = line
                .strip_suffix('\n')
                .map_or((line, ""), |body| (body, "\n"));
            let style = match body.as_bytes().first() {
                _ if ["diff ", "--- ", "+++ "]
                    .iter()
                    .any(|head| body.starts_with(head)) =>
                {
                    BOLD
                }
                Some(b'+') => ADDED,
                Some(b'-') => REMOVED,
                Some(b'@') => HUNK,
                _ => {
                    painted.push_str(line);
                    continue;
                }
            };
            painted.push_str(&format!("{style}{body}{style:#}{end}"));
        }
        self.out(&painted)
    }

    /// Says a line on standard error.
    pub(crate) fn say(self, line: &str) {
        complain(&format!("{line}\n"));
    }

    /// Reports findings: to people on standard error, to programs on standard output.
    pub(crate) fn report(self, diagnostics: &Diagnostics, sources: &SourceMap) -> io::Result<()> {
        let style = diag::Style {
            color: stderr_has_color(),
            width: width(),
        };
        let text = diag::render(diagnostics, sources, self.format, style);
        if self.format == Format::Human {
            complain(&text);
            Ok(())
        } else {
            self.out(&text)
        }
    }
}

/// Reports that the tool could not do its work.
pub(crate) fn failure(message: &str, help: &[String]) {
    let mut text = format!("{ERROR}error{ERROR:#}: {message}\n");
    for line in help {
        text.push_str(&format!("{HELP}help{HELP:#}: {line}\n"));
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
