//! The schema and the decoders accept the same documents.
//!
//! Each file of `corpus` holds documents between lines of `---`; where a document must be refused,
//! its first line names the code. `accept`: both accept. `reject`: both refuse. `decoder-only`: what
//! a schema cannot see. `names`: what the schema knows and loading leaves to resolution: the names
//! of this fleet, closed vocabularies, and types of options.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test reads its corpus"
)]

use std::path::{Path, PathBuf};

use diag::{Diagnostics, SourceMap};
use serde_json::Value as Json;
use spec::schema::Names;

struct Document {
    place: String,
    text: String,
}

impl Document {
    /// The code on the first line.
    fn code(&self) -> &str {
        let line = self.text.lines().next().unwrap_or_default();
        line.trim_start_matches("# ")
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn documents(name: &str) -> Vec<Document> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder().join(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut result = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut line = 1;
        for part in text.split("---\n") {
            let file = file.file_name().unwrap().to_string_lossy();
            result.push(Document {
                place: format!("{name}/{file}:{line}"),
                text: part.to_owned(),
            });
            line += part.lines().count() + 1;
        }
    }
    result
}

fn load(text: &str) -> (spec::Spec, Vec<(&'static str, String)>) {
    let mut sources = SourceMap::new();
    let file = sources.add("spec.yaml", text);
    let mut diagnostics = Diagnostics::new();
    let spec = spec::load(&sources, &[file], &mut diagnostics);
    let found = diagnostics
        .iter()
        .map(|d| (d.code, d.message.clone()))
        .collect();
    (spec, found)
}

/// What an editor sees: null, numbers, text, lists, mappings; no tags.
fn json(text: &str) -> Result<Json, String> {
    let options = serde_yaml::options! { strict_booleans: true };
    let value: Option<Json> =
        serde_yaml::from_str_with_options(text, options).map_err(|e| e.to_string())?;
    Ok(value.unwrap_or_else(|| Json::Object(serde_json::Map::new())))
}

struct Schema(jsonschema::Validator);

impl Schema {
    fn of(names: &Names) -> Self {
        let schema = spec::schema::schema(names);
        Self(jsonschema::draft7::new(&schema).unwrap())
    }

    fn problems(&self, document: &Json) -> Vec<String> {
        self.0
            .iter_errors(document)
            .map(|e| format!("{e} at {}", e.instance_path))
            .collect()
    }
}

fn fleet() -> Schema {
    let text = std::fs::read_to_string(folder().join("fleet.yaml")).unwrap();
    let (spec, problems) = load(&text);
    assert!(problems.is_empty(), "{problems:?}");
    let schema = Schema::of(&Names::new(&spec, []));
    assert_eq!(schema.problems(&json(&text).unwrap()), [""; 0]);
    schema
}

fn report(wrong: Vec<String>) {
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn both_accept() {
    let (named, open) = (fleet(), Schema::of(&Names::default()));
    let mut wrong = Vec::new();
    for document in documents("accept") {
        let (_, problems) = load(&document.text);
        if !problems.is_empty() {
            wrong.push(format!("{}: loading: {problems:?}", document.place));
        }
        match json(&document.text) {
            Err(error) => wrong.push(format!("{}: not YAML: {error}", document.place)),
            Ok(json) => {
                for schema in [&named, &open] {
                    for problem in schema.problems(&json) {
                        wrong.push(format!("{}: schema: {problem}", document.place));
                    }
                }
            }
        }
    }
    report(wrong);
}

#[test]
fn both_refuse() {
    let (named, open) = (fleet(), Schema::of(&Names::default()));
    let mut wrong = Vec::new();
    for document in documents("reject") {
        let (_, problems) = load(&document.text);
        if problems
            .first()
            .is_none_or(|(code, _)| *code != document.code())
        {
            wrong.push(format!("{}: loading: {problems:?}", document.place));
        }
        match json(&document.text) {
            Err(error) => wrong.push(format!("{}: not YAML: {error}", document.place)),
            Ok(json) => {
                if named.0.is_valid(&json) {
                    wrong.push(format!("{}: the schema accepts it", document.place));
                }
                // What is said about uses of features comes with the names of features.
                let uses = ["features: { ai", "features: ["];
                if open.0.is_valid(&json) && !uses.iter().any(|u| document.text.contains(u)) {
                    wrong.push(format!(
                        "{}: the schema without names accepts it",
                        document.place
                    ));
                }
            }
        }
    }
    report(wrong);
}

#[test]
fn only_decoders_refuse() {
    let named = fleet();
    let mut wrong = Vec::new();
    for document in documents("decoder-only") {
        let (_, problems) = load(&document.text);
        if problems
            .first()
            .is_none_or(|(code, _)| *code != document.code())
        {
            wrong.push(format!("{}: loading: {problems:?}", document.place));
        }
        // Some of these are not even YAML to others.
        if let Ok(json) = json(&document.text) {
            for problem in named.problems(&json) {
                wrong.push(format!("{}: schema: {problem}", document.place));
            }
        }
    }
    report(wrong);
}

#[test]
fn only_the_schema_knows_names() {
    let named = fleet();
    let mut wrong = Vec::new();
    for document in documents("names") {
        let (_, problems) = load(&document.text);
        if !problems.is_empty() {
            wrong.push(format!("{}: loading: {problems:?}", document.place));
        }
        match json(&document.text) {
            Err(error) => wrong.push(format!("{}: not YAML: {error}", document.place)),
            Ok(json) if named.0.is_valid(&json) => {
                wrong.push(format!("{}: the schema accepts it", document.place));
            }
            Ok(_) => {}
        }
    }
    report(wrong);
}

#[test]
fn the_corpus_is_large() {
    let count = |name| documents(name).len();
    assert!(count("accept") >= 30);
    assert!(count("reject") >= 100);
    assert!(count("decoder-only") >= 30);
    assert!(count("names") >= 50);
}

#[test]
fn the_schema_is_valid_draft_7() {
    let text = std::fs::read_to_string(folder().join("fleet.yaml")).unwrap();
    for names in [Names::default(), Names::new(&load(&text).0, [])] {
        let schema = spec::schema::schema(&names);
        assert!(jsonschema::draft7::meta::is_valid(&schema));
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    }
}

fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let mut folders = vec![
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(folder),
    ];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "yaml") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// What this repository ships fits the schema too: the catalog as definitions, and each spec with
/// the names of its fleet and of the catalog.
#[test]
fn shipped_files_fit() {
    let mut sources = SourceMap::new();
    let mut diagnostics = Diagnostics::new();
    let mut catalog = Vec::new();
    let mut definitions = Vec::new();
    for (folder, section) in [
        ("crates/catalog/features", "features"),
        ("crates/catalog/home", "homeFeatures"),
    ] {
        for path in yaml_files(folder) {
            let text = std::fs::read_to_string(&path).unwrap();
            let stem = path.with_extension("");
            let name = stem.file_name().unwrap().to_string_lossy();
            let category = path
                .parent()
                .unwrap()
                .file_name()
                .unwrap()
                .to_string_lossy();
            let id = format!("{category}.{name}");
            let file = sources.add(id.clone(), text.clone());
            let feature = spec::decode_feature(&sources, file, &mut diagnostics).unwrap();
            let definition: Json = json(&text).unwrap();
            definitions.push(serde_json::json!({ section: { id.clone(): definition } }));
            catalog.push((id, feature));
        }
    }
    assert!(catalog.len() > 100);
    let features = || catalog.iter().map(|(id, feature)| (id.as_str(), feature));
    let mut wrong = Vec::new();
    for folder in ["spec", "crates/gen/init/spec"] {
        let texts: Vec<String> = yaml_files(folder)
            .iter()
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect();
        assert!(!texts.is_empty());
        let files: Vec<_> = texts
            .iter()
            .map(|text| sources.add(folder, text.clone()))
            .collect();
        let spec = spec::load(&sources, &files, &mut diagnostics);
        let schema = Schema::of(&Names::new(&spec, features()));
        for text in &texts {
            for problem in schema.problems(&json(text).unwrap()) {
                wrong.push(format!("{folder}: {problem}"));
            }
        }
    }
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    // Zones and secrets are the fleet's, so definitions of the catalog know no names of them.
    let schema = Schema::of(&Names {
        features: Names::new(&spec::Spec::default(), features()).features,
        ..Names::default()
    });
    for definition in &definitions {
        for problem in schema.problems(definition) {
            wrong.push(problem);
        }
    }
    report(wrong);
}

/// Every place below a value, as a JSON pointer.
fn places(value: &Json, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match value {
        Json::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{i}"), into);
            }
        }
        Json::Object(map) => {
            for (key, item) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                places(item, &format!("{at}/{key}"), into);
            }
        }
        _ => {}
    }
}

/// Changes one place of an accepted document at a time: what the decoders then refuse, the schema
/// must refuse too, and what the schema refuses beyond that must be a word, a number or a name.
#[test]
fn changed_documents_agree() {
    let named = fleet();
    let changes = [
        Json::Null,
        true.into(),
        5.into(),
        "zzz".into(),
        serde_json::json!([]),
        serde_json::json!([[]]),
        serde_json::json!({}),
        serde_json::json!({ "zzz": 1 }),
    ];
    let mut wrong = Vec::new();
    let (mut count, mut stricter) = (0, 0);
    for document in documents("accept") {
        let original = json(&document.text).unwrap();
        // Some documents mean nothing without their tags.
        if !load(&original.to_string()).1.is_empty() {
            continue;
        }
        let mut all = Vec::new();
        places(&original, "", &mut all);
        for place in all {
            let mut variants: Vec<(String, Json)> = changes
                .iter()
                .map(|change| {
                    let mut variant = original.clone();
                    *variant.pointer_mut(&place).unwrap() = change.clone();
                    (change.to_string(), variant)
                })
                .collect();
            if let Some(map) = original.pointer(&place).and_then(Json::as_object) {
                let mut added = original.clone();
                let inner = added.pointer_mut(&place).unwrap().as_object_mut().unwrap();
                inner.insert("zzz".to_owned(), 1.into());
                variants.push(("another key".to_owned(), added));
                for key in map.keys() {
                    let mut removed = original.clone();
                    let inner = removed.pointer_mut(&place).unwrap().as_object_mut();
                    inner.unwrap().remove(key);
                    variants.push((format!("without {key}"), removed));
                }
            }
            for (change, variant) in variants {
                count += 1;
                // JSON is YAML.
                let (_, problems) = load(&variant.to_string());
                let refused = named.problems(&variant);
                // See `decoder-only`.
                let unseen = |code: &str| matches!(code, "duplicate-key" | "empty-feature");
                if problems.iter().any(|(code, _)| !unseen(code)) && refused.is_empty() {
                    wrong.push(format!(
                        "{}{place} = {change}: {problems:?}",
                        document.place
                    ));
                }
                if problems.is_empty() && !refused.is_empty() {
                    stricter += 1;
                    let narrow = change.starts_with('"')
                        || change == "5"
                        || change.contains("zzz")
                        || change == "another key"
                        // What resolution asks for: a name of the fleet, `!secret`, options.
                        || place.starts_with("/fleet")
                        || place.ends_with("/password")
                        || place.contains("/features/");
                    if !narrow {
                        wrong.push(format!("{}{place} = {change}: {refused:?}", document.place));
                    }
                }
            }
        }
    }
    report(wrong);
    assert!(count > 3000 && stricter * 5 < count, "{count} {stricter}");
}

/// A file that breaks off anywhere gives findings, not a panic.
#[test]
fn no_prefix_panics() {
    for name in ["accept", "decoder-only"] {
        for document in documents(name) {
            for (end, _) in document.text.char_indices().step_by(5) {
                load(&document.text[..end]);
            }
        }
    }
}

#[test]
fn accounts_are_offered_and_rules_closed() {
    let names = Names {
        users: vec!["alice".to_owned()],
        rules: vec!["with-lib".to_owned()],
        ..Names::default()
    };
    let schema = Schema::of(&names);
    let is_valid = |text: &str| schema.0.is_valid(&json(text).unwrap());
    for text in [
        "deploy: { sshUser: alice }",
        "deploy: { sshUser: root }",
        "hosts: { one: { deploy: { sshUser: deployer } } }",
        "images: { a: { format: qcow2, user: bootstrap } }",
        "lint: { rules: { with-lib: error, lint/with-lib: error } }",
        "lint: { ignore: [{ rule: with-lib, path: a, reason: b }] }",
        "lint: { ignore: [{ rule: lint/with-lib, path: a, reason: b }, { rule: '*', path: a, reason: b }] }",
    ] {
        assert!(is_valid(text), "{text}");
    }
    for text in [
        "deploy: { sshUser: Alice }",
        "hosts: { one: { deploy: { sshUser: 'a b' } } }",
        "images: { a: { format: qcow2, user: A } }",
        "lint: { rules: { with-lbi: error } }",
        "lint: { ignore: [{ rule: with-lbi, path: a, reason: b }] }",
    ] {
        assert!(!is_valid(text), "{text}");
    }
    let text = spec::schema::schema(&names).to_string();
    assert!(text.contains(r#"{"enum":["alice","root"]}"#), "{text}");
}
