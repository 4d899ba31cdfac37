//! The page of a rule, as Markdown: what `--explain` prints and the reference holds.

use std::fmt::Write as _;

use crate::config::Level;
use crate::rule::{Rule, examples};

/// The page.
pub fn page(rule: &Rule) -> String {
    let name = rule.name();
    let docs = &rule.docs;
    let mut text = format!("# {name}\n\n**{}.** ", sentence(rule.code.summary));
    let level = match rule.level {
        Level::Off => "Off by default.".to_owned(),
        level => format!("Level: {level}."),
    };
    let fix = if rule.fixes {
        " `gen lint --fix` mends it where that is safe."
    } else {
        ""
    };
    // Writing to a string does not fail.
    let _ = write!(text, "{level}{fix}\n\n## What it finds\n\n{}\n", docs.what);
    let _ = write!(text, "\n## Why it is bad\n\n{}\n", rule.code.explanation);
    let _ = write!(text, "\n## Bad\n\n{}", example(docs.bad));
    let _ = write!(text, "\n## Good\n\n{}", example(docs.good));
    let _ = write!(text, "\n## How to silence it\n\n{}", silence(rule));
    text
}

fn silence(rule: &Rule) -> String {
    let name = rule.name();
    match name {
        "suppression" => format!(
            "In a spec, for all files:\n\n```yaml\nlint:\n  rules: {{ {name}: \"off\" }}\n```\n"
        ),
        "syntax-error" => format!(
            "A file that cannot be read has no comments. In a spec:\n\n```yaml\nlint:\n  ignore:\n    - {{ rule: {name}, path: tests/broken/**, reason: tests of broken syntax }}\n```\n"
        ),
        _ => format!(
            "On the line, on the line above, or above the binding:\n\n```nix\n# gen-lint: allow {name}: {reason}\n```\n\n\
             In the whole file, `allow-file` instead of `allow`; in a whole tree, in the spec:\n\n\
             ```yaml\nlint:\n  rules: {{ {name}: \"off\" }}\n  ignore:\n    - {{ rule: {name}, path: custom/**, reason: {reason} }}\n```\n",
            reason = rule.docs.reason
        ),
    }
}

/// The files of an example as blocks of code.
fn example(text: &str) -> String {
    let files = examples(text);
    let is_one = files.len() == 1 && files[0].path == "default.nix";
    let mut blocks = Vec::new();
    for file in files {
        let head = if is_one {
            String::new()
        } else {
            format!("`{}`:\n\n", file.path)
        };
        blocks.push(format!("{head}```nix\n{}\n```\n", file.text.trim_end()));
    }
    blocks.join("\n")
}

fn sentence(summary: &str) -> String {
    let mut chars = summary.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    format!("{}{}", first.unwrap_or_default(), chars.as_str())
}
