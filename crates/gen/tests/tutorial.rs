//! `docs/tutorial.md` is true: its commands are run and its changes made, in order, in a new folder.
//!
//! A block `sh` is run by the shell and its last command must succeed, in `sh fails` and `sh differs` it
//! must not; a block `text` is what the block before it prints, where `…` alone stands for any lines and
//! within a line for anything; a block `diff FILE` is made to that file.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test reads and runs"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

#[derive(Debug)]
struct Block<'a> {
    line: usize,
    info: &'a str,
    text: String,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open = false;
    for (number, line) in page.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(info), false) => {
                open = true;
                blocks.push(Block {
                    line: number + 1,
                    info,
                    text: String::new(),
                });
            }
            (Some(_), true) => open = false,
            (None, true) => {
                let text = &mut blocks.last_mut().unwrap().text;
                text.push_str(line);
                text.push('\n');
            }
            (None, false) => {}
        }
    }
    assert!(!open, "a block is not closed");
    blocks
}

/// Makes a change to a file: what stands in it before is there exactly once.
fn patch(file: &Path, change: &str) -> Result<(), String> {
    let side = |other: char| -> String {
        let lines = change.lines().filter(|line| !line.starts_with(other));
        let lines: Vec<&str> = lines
            .map(|line| line.get(1..).unwrap_or_default())
            .collect();
        lines.join("\n") + "\n"
    };
    let (before, after) = (side('+'), side('-'));
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    if text.matches(&before).count() != 1 {
        return Err(format!(
            "{} does not have once:\n{before}\nbut is:\n{text}",
            file.display()
        ));
    }
    fs::write(file, text.replacen(&before, &after, 1)).map_err(|error| error.to_string())
}

/// Whether the lines are those that were said, with `…` for what does not matter.
fn said(lines: &[&str], output: &[&str]) -> bool {
    match lines.split_first() {
        None => output.is_empty(),
        Some((&"…", rest)) => (0..=output.len()).any(|skipped| said(rest, &output[skipped..])),
        Some((line, rest)) => output
            .split_first()
            .is_some_and(|(first, others)| within(line, first) && said(rest, others)),
    }
}

fn within(pattern: &str, line: &str) -> bool {
    let parts: Vec<&str> = pattern.split('…').collect();
    let [first, middle @ .., last] = parts.as_slice() else {
        return pattern == line;
    };
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Runs a block in the folder and gives what it printed, and the folder that it ended in.
fn run(block: &Block<'_>, folder: &Path, path: &str) -> Result<(String, String), String> {
    let script = format!("{}status=$?; pwd >&3; (exit $status)\n", block.text);
    let ended = folder.join(".git-is-not-here");
    let command = format!("exec 3>{}; {script}", shell_word(&ended.to_string_lossy()));
    let done = Command::new("sh")
        .args(["-c", &format!("{{ {command} }} 2>&1")])
        .current_dir(folder)
        .env("PATH", path)
        .env("NO_COLOR", "1")
        .env("GIT_AUTHOR_NAME", "Alice Example")
        .env("GIT_AUTHOR_EMAIL", "alice@example.org")
        .env("GIT_COMMITTER_NAME", "Alice Example")
        .env("GIT_COMMITTER_EMAIL", "alice@example.org")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .map_err(|error| error.to_string())?;
    let output = String::from_utf8_lossy(&done.stdout).into_owned();
    let fails = block.info != "sh";
    if done.status.success() == fails {
        return Err(format!("{}:\n{output}", done.status));
    }
    let now = fs::read_to_string(&ended).unwrap_or_default();
    fs::remove_file(&ended).map_err(|error| error.to_string())?;
    let now = now.trim();
    let now = if now.is_empty() {
        folder.to_string_lossy().into_owned()
    } else {
        now.to_owned()
    };
    Ok((output, now))
}

fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[test]
fn the_tutorial_is_true() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tutorial.md");
    let page = fs::read_to_string(page).unwrap();
    let home = tempfile::tempdir().unwrap();
    let bin = Path::new(env!("CARGO_BIN_EXE_gen")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut folder = home.path().to_path_buf();
    let mut output = String::new();
    let mut count = 0;
    for block in blocks(&page) {
        let place = format!("docs/tutorial.md:{} ({})", block.line, block.info);
        match block.info.split_once(' ').unwrap_or((block.info, "")) {
            ("sh", _) => {
                let (said, now) =
                    run(&block, &folder, &path).unwrap_or_else(|e| panic!("{place}: {e}"));
                output = said;
                folder = now.into();
                count += 1;
            }
            ("diff", file) => {
                patch(&folder.join(file), &block.text).unwrap_or_else(|e| panic!("{place}: {e}"));
            }
            ("text", _) => {
                let lines: Vec<&str> = block.text.lines().collect();
                let printed: Vec<&str> = output.lines().collect();
                assert!(said(&lines, &printed), "{place}: it printed\n{output}");
            }
            (other, _) => panic!("{place}: what is `{other}`?"),
        }
    }
    assert!(count > 10, "{count} blocks were run");
}

#[test]
fn patterns_of_output() {
    assert!(said(&["a", "…", "b…d"], &["a", "x", "y", "b c d"]));
    assert!(said(&["…"], &[]));
    assert!(!said(&["a"], &["a", "b"]));
    assert!(!said(&["b…d"], &["b c"]));
    assert!(!said(&["…a"], &["ab"]));
}
