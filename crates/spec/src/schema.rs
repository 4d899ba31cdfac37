//! A JSON Schema of spec files, for editors: keys, types, descriptions, and this fleet's names.
//!
//! Draft 7, which the YAML language server reads best. The frame comes from the types of
//! [`surface`] by schemars; then definitions that stand for names are replaced by what the fleet
//! has. The schema admits tags as [`types`] says. It never refuses what `gen` accepts; what only
//! `gen` sees (duplicates, ambiguous scalars, what a tag may stand before) passes the schema.

mod names;
mod surface;
mod types;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

pub use names::{FeatureNames, Names, OptionNames};
pub use types::type_schema;

/// The schema of a file of the spec.
pub fn schema(names: &Names) -> Json {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator
        .into_root_schema_for::<surface::SpecFile>()
        .to_value();
    tidy(&mut schema);
    if let Json::Object(root) = &mut schema {
        root.insert("title".to_owned(), "Flakesmith spec".into());
        root.insert("type".to_owned(), json!(["object", "null"]));
        if let Some(Json::Object(definitions)) = root.get_mut("definitions") {
            fill_in(definitions, names);
        }
    }
    schema
}

/// Replaces what stands for names.
fn fill_in(definitions: &mut Map<String, Json>, names: &Names) {
    let mut words = |definition: &str, words: &mut dyn Iterator<Item = &String>| {
        let words: Vec<&String> = words.collect();
        if let Some(Json::Object(schema)) = definitions.get_mut(definition)
            && !words.is_empty()
        {
            schema.insert("enum".to_owned(), json!(words));
        }
    };
    let all = "all".to_owned();
    let (nixpkgs, nothing) = ("nixpkgs".to_owned(), String::new());
    let ids: Vec<String> = names.features.iter().map(|f| f.id.clone()).collect();
    words("UserName", &mut names.users.iter());
    words("TemplateName", &mut names.templates.iter());
    words("ProfileName", &mut names.profiles.iter());
    words("DiskName", &mut names.disks.iter());
    words("ZoneName", &mut names.zones.iter());
    words("SecretName", &mut names.secrets.iter());
    words("InputName", &mut names.inputs.iter());
    words("PackageSource", &mut names.package_sources.iter());
    words("MicroVmName", &mut names.microvms.iter());
    words("FeatureId", &mut ids.iter());
    if !names.inputs.is_empty() {
        words(
            "FollowedInput",
            &mut [&nixpkgs]
                .into_iter()
                .chain(&names.inputs)
                .chain([&nothing]),
        );
    }
    if !names.hosts.is_empty() {
        words(
            "SecretReader",
            &mut [&all]
                .into_iter()
                .chain(&names.groups)
                .chain(&names.machines()),
        );
        words(
            "GroupMember",
            &mut names.machines().iter().chain(&names.key_holders),
        );
    }
    if !names.key_holders.is_empty() {
        words(
            "SecretEditor",
            &mut names.groups.iter().chain(&names.key_holders),
        );
    }
    let (root, every) = ("root".to_owned(), "*".to_owned());
    let account = "^[a-z_][a-z0-9_-]*$";
    offer(definitions, "AccountName", &mut names.users.iter(), account);
    let logins = &mut names.users.iter().chain([&root]);
    offer(definitions, "LoginName", logins, account);
    // Findings write rules with what comes before the slash.
    if !names.rules.is_empty() {
        let rules = &mut [&every].into_iter().chain(&names.rules);
        offer(definitions, "IgnoredRule", rules, "^lint/");
    }
    let level = close(definitions, "LintRules", &names.rules);
    if let (Some(level), Some(Json::Object(schema))) = (level, definitions.get_mut("LintRules")) {
        schema.insert("patternProperties".to_owned(), json!({ "^lint/": level }));
    }
    close(definitions, "HostUsers", &names.users);
    close(definitions, "HostZones", &names.zones);
    if !ids.is_empty() {
        close(definitions, "OpenIn", &ids);
    }
    close(definitions, "HostKeys", &names.machines());
    close(definitions, "Installers", &names.hosts);
    if !names.features.is_empty() {
        features(definitions, "SystemFeatures", names, |f| f.system);
        features(definitions, "HomeFeatures", names, |f| f.home);
    }
    let host = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
    let word = "^[a-z][a-z0-9-]{0,62}$";
    for (definition, pattern) in [
        ("Hosts", host),
        ("MicroVms", host),
        ("Images", host),
        ("Users", "^[a-z][a-z0-9_-]{0,30}$"),
        ("Templates", word),
        ("Profiles", word),
        ("Catalogs", word),
        ("Features", "^[a-z][a-z0-9-]{0,62}\\.[a-z][a-z0-9-]{0,62}$"),
        ("SubmoduleFields", "^[A-Za-z_][A-Za-z0-9_'-]*$"),
        ("FeatureOptions", "^[A-Za-z_][A-Za-z0-9_'-]*$"),
        ("Settings", ATTRIBUTE_PATH),
    ] {
        if let Some(Json::Object(schema)) = definitions.get_mut(definition) {
            schema.insert("propertyNames".to_owned(), json!({ "pattern": pattern }));
        }
    }
    // Keys are paths at every level, below lists and tags too.
    if let Some(Json::Object(schema)) = definitions.get_mut("SettingsValue") {
        let deeper = json!({ "$ref": "#/definitions/SettingsValue" });
        schema.insert(
            "propertyNames".to_owned(),
            json!({ "pattern": ATTRIBUTE_PATH }),
        );
        schema.insert("additionalProperties".to_owned(), deeper.clone());
        schema.insert("items".to_owned(), deeper);
    }
    if let Some(Json::Object(schema)) = definitions.get_mut("FeatureOptions") {
        schema.insert("properties".to_owned(), json!({ "enable": false }));
    }
    if let Some(Json::Object(schema)) = definitions.get_mut("Feature") {
        let parts = ["nixos", "home", "body", "homeBody", "requires"];
        let any: Vec<Json> = parts.iter().map(|p| json!({ "required": [p] })).collect();
        schema.insert("anyOf".to_owned(), any.into());
    }
}

/// An attribute path of Nix.
const ATTRIBUTE_PATH: &str = r#"^([A-Za-z_][A-Za-z0-9_'-]*|"([^"\\]|\\.)*")(\.([A-Za-z_][A-Za-z0-9_'-]*|"([^"\\]|\\.)*"))*$"#;

/// Names that editors complete where other text is right as well.
fn offer(
    definitions: &mut Map<String, Json>,
    definition: &str,
    names: &mut dyn Iterator<Item = &String>,
    others: &str,
) {
    let names: Vec<&String> = names.collect();
    if let Some(Json::Object(schema)) = definitions.get_mut(definition) {
        schema.remove("type");
        let any = json!([{ "enum": names }, { "type": "string", "pattern": others }]);
        schema.insert("anyOf".to_owned(), any);
    }
}

/// Turns a mapping from any key into one from names. Editors complete `properties`. Gives the schema
/// of the values, where there are names.
fn close(definitions: &mut Map<String, Json>, definition: &str, names: &[String]) -> Option<Json> {
    let Some(Json::Object(schema)) = definitions.get_mut(definition) else {
        return None;
    };
    if names.is_empty() {
        return None;
    }
    let inner = schema
        .insert("additionalProperties".to_owned(), false.into())
        .unwrap_or_default();
    let properties: Map<String, Json> = names
        .iter()
        .map(|name| (name.clone(), inner.clone()))
        .collect();
    schema.insert("properties".to_owned(), properties.into());
    Some(inner)
}

/// Features by category, as a list or as a mapping.
fn features(
    definitions: &mut Map<String, Json>,
    definition: &str,
    names: &Names,
    has_half: impl Fn(&FeatureNames) -> bool,
) {
    let mut categories: std::collections::BTreeMap<&str, Vec<(&str, &FeatureNames)>> =
        std::collections::BTreeMap::new();
    for feature in names.features.iter().filter(|f| has_half(f)) {
        if let Some((category, name)) = feature.id.split_once('.') {
            categories
                .entry(category)
                .or_default()
                .push((name, feature));
        }
    }
    let mut properties = Map::new();
    for (category, features) in categories {
        let names: Vec<&str> = features.iter().map(|(name, _)| *name).collect();
        let summaries: Vec<&str> = features.iter().map(|(_, f)| f.summary.as_str()).collect();
        let mut by_name = Map::new();
        for (name, feature) in &features {
            // A feature with both halves has one definition.
            let key = format!("feature {}", feature.id);
            definitions
                .entry(key.clone())
                .or_insert_with(|| feature.schema());
            by_name.insert(
                (*name).to_owned(),
                json!({ "$ref": format!("#/definitions/{}", key.replace(' ', "%20")) }),
            );
        }
        properties.insert(
            category.to_owned(),
            json!({
                "type": ["array", "object", "null"],
                "items": { "enum": names, "markdownEnumDescriptions": summaries },
                "properties": by_name,
                "additionalProperties": false,
            }),
        );
    }
    if let Some(Json::Object(schema)) = definitions.get_mut(definition) {
        schema.insert("properties".to_owned(), properties.into());
        schema.insert("additionalProperties".to_owned(), false.into());
    }
}

/// Makes what schemars writes terser: no formats of Rust's integers, no nested alternatives, and one
/// flat schema where alternatives differ in type only, because editors explain those best.
fn tidy(schema: &mut Json) {
    match schema {
        Json::Array(items) => items.iter_mut().for_each(tidy),
        Json::Object(map) => {
            for (key, inner) in &mut *map {
                if key != "enum" && key != "const" {
                    tidy(inner);
                }
            }
            if map.get("type").is_some_and(Json::is_string)
                && map.get("format").is_some_and(Json::is_string)
            {
                map.remove("format");
            }
            if map.get("default").is_some_and(Json::is_null) {
                map.remove("default");
            }
            if let Some(Json::Array(alternatives)) = map.get_mut("anyOf") {
                let nested = std::mem::take(alternatives);
                *alternatives = nested.into_iter().flat_map(unnest).collect();
                if let Some(one) = merge(alternatives) {
                    map.remove("anyOf");
                    map.extend(one);
                }
            }
        }
        _ => {}
    }
}

/// The alternatives of a schema that is nothing else.
fn unnest(schema: Json) -> Vec<Json> {
    match schema {
        Json::Object(mut map) if map.len() == 1 && map.contains_key("anyOf") => {
            match map.remove("anyOf") {
                Some(Json::Array(inner)) => inner,
                other => other.into_iter().collect(),
            }
        }
        other => vec![other],
    }
}

/// One schema for alternatives of different types whose keywords bind one type each.
fn merge(alternatives: &[Json]) -> Option<Map<String, Json>> {
    const OWN: [&str; 6] = ["items", "minItems", "minimum", "maximum", "pattern", "type"];
    let mut types: Vec<Json> = Vec::new();
    let mut merged = Map::new();
    for alternative in alternatives {
        let map = alternative.as_object()?;
        if !map.keys().all(|key| OWN.contains(&key.as_str())) {
            return None;
        }
        let new: Vec<Json> = match map.get("type")? {
            Json::Array(several) => several.clone(),
            one => vec![one.clone()],
        };
        if new.iter().any(|ty| types.contains(ty)) {
            return None;
        }
        types.extend(new);
        for (key, value) in map.iter().filter(|(key, _)| *key != "type") {
            if merged.insert(key.clone(), value.clone()).is_some() {
                return None;
            }
        }
    }
    merged.insert("type".to_owned(), types.into());
    Some(merged)
}
