//! The text of the files: sorted, an object or a name a line, so that diffs are readable.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::lock::Locked;

/// Options: a JSON list with an object a line, sorted by name. Of two options with one name the first
/// is kept.
pub(super) fn options(rows: Value) -> anyhow::Result<(String, usize)> {
    let Value::Array(rows) = rows else {
        anyhow::bail!("Nix gave no list of options");
    };
    let mut sorted: BTreeMap<String, Value> = BTreeMap::new();
    for row in rows {
        let name = row["name"].as_str().context("an option without a name")?;
        sorted.entry(name.to_owned()).or_insert(row);
    }
    let lines: Vec<String> = sorted
        .values()
        .map(|row| canonical(row).to_string())
        .collect();
    Ok((list(&lines), lines.len()))
}

/// Packages: an object of lists with a name a line. How many names there are.
pub(super) fn packages(value: &Value) -> anyhow::Result<(String, usize)> {
    let count = value["names"].as_array().context("no names of packages")?;
    let mut text = serde_json::to_string_pretty(&canonical(value))?;
    text = text
        .lines()
        .map(str::trim_start)
        .collect::<Vec<_>>()
        .join("\n");
    text.push('\n');
    Ok((text, count.len()))
}

/// What an index was read from.
pub(super) fn release(inputs: &BTreeMap<String, Locked>, nixpkgs: &str) -> anyhow::Result<String> {
    let mut all = Map::new();
    all.insert("format".to_owned(), json!(1));
    for (name, locked) in inputs {
        let mut input = Map::new();
        let mut put = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                input.insert(key.to_owned(), Value::String(value));
            }
        };
        put("date", locked.date());
        put("narHash", locked.nar_hash.clone());
        put("release", (name == "nixpkgs").then(|| nixpkgs.to_owned()));
        put("revision", locked.revision.clone());
        all.insert(name.clone(), Value::Object(input));
    }
    Ok(format!("{}\n", serde_json::to_string_pretty(&all)?))
}

fn list(lines: &[String]) -> String {
    let mut text = String::from("[\n");
    for (number, line) in lines.iter().enumerate() {
        let comma = if number + 1 == lines.len() { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line}{comma}");
    }
    text.push_str("]\n");
    text
}

/// The value with its keys in order, whatever order the JSON library keeps.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let keys: BTreeSet<&String> = object.keys().collect();
            let sorted = keys
                .into_iter()
                .map(|key| (key.clone(), canonical(&object[key])));
            Value::Object(sorted.collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_sorted_and_each_is_there_once() {
        let rows = json!([
            { "type": { "t": "str" }, "name": "b" },
            { "name": "a", "default": null, "type": { "t": "any" } },
            { "name": "b", "type": { "t": "bool" } },
        ]);
        let (text, count) = options(rows).unwrap();
        assert_eq!(count, 2);
        assert_eq!(
            text,
            "[\n{\"default\":null,\"name\":\"a\",\"type\":{\"t\":\"any\"}},\n\
             {\"name\":\"b\",\"type\":{\"t\":\"str\"}}\n]\n"
        );
        assert!(options(json!({})).is_err());
        assert!(options(json!([{}])).is_err());
    }

    #[test]
    fn packages_have_a_line_each() {
        let value = json!({ "names": ["a", "b"], "aliases": [], "sets": { "s": ["x"] } });
        let (text, count) = packages(&value).unwrap();
        assert_eq!(count, 2);
        assert_eq!(
            text,
            "{\n\"aliases\": [],\n\"names\": [\n\"a\",\n\"b\"\n],\n\"sets\": {\n\"s\": [\n\"x\"\n]\n}\n}\n"
        );
    }
}
