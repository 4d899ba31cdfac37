//! What an index was read from.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::IndexError;

/// The format of the files that this version reads.
const FORMAT: u64 = 1;

/// What an index was read from: inputs by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Release {
    /// The inputs, by the name that the flake gives them.
    pub inputs: BTreeMap<String, Input>,
}

/// An input whose facts an index holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Input {
    /// The commit.
    pub revision: Option<String>,
    /// The date of the commit, such as `2026-07-14`.
    pub date: Option<String>,
    /// The release of nixpkgs, such as `26.11`.
    pub release: Option<String>,
    /// The hash of the tree, as a lock file has it.
    pub nar_hash: Option<String>,
}

impl Release {
    /// Reads `release.json`.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, IndexError> {
        let fail = |message: String| IndexError {
            file: file.to_owned(),
            message,
        };
        let all: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(text).map_err(|error| fail(error.to_string()))?;
        let mut inputs = BTreeMap::new();
        for (name, value) in all {
            if name == "format" {
                if value.as_u64() != Some(FORMAT) {
                    return Err(fail(format!(
                        "format {value} is not known; make it anew with `gen index`"
                    )));
                }
                continue;
            }
            let input = serde_json::from_value(value).map_err(|error| fail(error.to_string()))?;
            inputs.insert(name, input);
        }
        Ok(Self { inputs })
    }
}

#[cfg(test)]
mod tests {
    use super::Release;

    #[test]
    fn read() {
        let text = r#"{ "nixpkgs": { "release": "26.11", "date": "2026-07-14" }, "format": 1 }"#;
        let release = Release::parse("release.json", text).unwrap();
        assert_eq!(release.inputs["nixpkgs"].release.as_deref(), Some("26.11"));
        assert!(Release::parse("release.json", r#"{ "format": 2 }"#).is_err());
        assert!(Release::parse("release.json", "[]").is_err());
    }
}
