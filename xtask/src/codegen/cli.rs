//! The page of the command line, from the help of the command and its subcommands.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::workspace;

/// The page.
pub(super) fn page() -> anyhow::Result<String> {
    let gen_path = workspace::build_gen(false)?;
    let main = help(&gen_path, None)?;
    let mut text = String::from("# The command\n\n");
    text.push_str(super::notice());
    text.push_str("The global options of `gen` go with every command.\n\n");
    section(&mut text, "gen", &main);
    for command in commands(&main) {
        let help = help(&gen_path, Some(command))?;
        section(&mut text, &format!("gen {command}"), own(&help));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    Ok(text)
}

fn section(text: &mut String, title: &str, help: &str) {
    let _ = write!(
        text,
        "## `{title}`\n\n```text\n{}\n```\n\n",
        help.trim_end()
    );
}

/// The help, as wide as a page. Where nothing is a terminal, clap asks `COLUMNS`.
fn help(gen_path: &Path, command: Option<&str>) -> anyhow::Result<String> {
    let mut call = Command::new(gen_path);
    call.args(command).arg("--help").env("COLUMNS", "100");
    let text = workspace::output(&mut call)?;
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    Ok(lines.join("\n"))
}

/// The help without the options that every command has, which the first section shows.
fn own(help: &str) -> &str {
    help.split("\nGlobal options:").next().unwrap_or(help)
}

/// The names below `Commands:`.
fn commands(help: &str) -> Vec<&str> {
    let below = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    below
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_what_stands_at_the_margin() {
        let help = "X\n\nCommands:\n  check  Say what is wrong;\n         write nothing\n  new    Add\n\nOptions:\n  -h\n";
        assert_eq!(commands(help), ["check", "new"]);
    }
}
