//! What a fleet calls its things: the enums of the schema.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::ast::{Feature, Named, OptionDecl, Spec};
use crate::schema::types::{data, type_schema};

/// The names of one fleet. Where a list is empty any text is admitted.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Section `hosts`.
    pub hosts: Vec<String>,
    /// Section `microvms`.
    pub microvms: Vec<String>,
    /// Section `users`.
    pub users: Vec<String>,
    /// Section `templates`.
    pub templates: Vec<String>,
    /// Section `profiles`.
    pub profiles: Vec<String>,
    /// Section `disks`.
    pub disks: Vec<String>,
    /// `fleet.zones`.
    pub zones: Vec<String>,
    /// `secrets.items`.
    pub secrets: Vec<String>,
    /// `secrets.groups`.
    pub groups: Vec<String>,
    /// Users of `secrets.keys.users`.
    pub key_holders: Vec<String>,
    /// Section `inputs`, and the inputs that come by themselves.
    pub inputs: Vec<String>,
    /// Where packages may be pinned to: `unstable`, and the inputs of the spec.
    pub package_sources: Vec<String>,
    /// Lint rules, which are known elsewhere.
    pub rules: Vec<String>,
    /// Features of the spec and the catalog, sorted by id.
    pub features: Vec<FeatureNames>,
}

/// A feature as the schema shows it.
#[derive(Clone, Debug)]
pub struct FeatureNames {
    /// `category.name`.
    pub id: String,
    /// One line.
    pub summary: String,
    /// Whether it has a system half.
    pub system: bool,
    /// Whether it has a Home Manager half.
    pub home: bool,
    /// Its options.
    pub options: Vec<OptionNames>,
}

/// An option of a feature as the schema shows it.
#[derive(Clone, Debug)]
pub struct OptionNames {
    /// Its name.
    pub name: String,
    /// Schema of its values, as [`type_schema`] makes it.
    pub schema: Json,
    /// What it is for.
    pub description: String,
    /// Its default, where that is plain data.
    pub default: Option<Json>,
}

/// Inputs that features and sections bring along.
const KNOWN_INPUTS: [&str; 7] = [
    "agenix",
    "deploy-rs",
    "disko",
    "home-manager",
    "microvm",
    "nixos-hardware",
    "sops-nix",
];

impl Names {
    /// The names of a spec, with its own features and those of a catalog; where both have a feature
    /// of one id the spec's counts.
    pub fn new<'a>(
        spec: &Spec,
        catalog: impl IntoIterator<Item = (&'a str, &'a Feature)>,
    ) -> Names {
        let mut features: Vec<FeatureNames> = catalog
            .into_iter()
            .filter(|(id, _)| {
                !spec.features.contains_key(*id) && !spec.home_features.contains_key(*id)
            })
            .map(|(id, feature)| FeatureNames::of(id, feature))
            .collect();
        let offered = &spec.offered;
        let own = spec.features.iter().chain(&spec.home_features);
        // What the spec has comes first, and stays where a name is there twice.
        for (id, item) in own.chain(&offered.features).chain(&offered.home_features) {
            features.push(FeatureNames::of(id, &item.value));
        }
        features.sort_by(|a, b| a.id.cmp(&b.id));
        features.dedup_by(|a, b| a.id == b.id);
        let mut inputs: Vec<String> = KNOWN_INPUTS.iter().map(|n| (*n).to_owned()).collect();
        inputs.extend(keys(&spec.inputs));
        inputs.sort();
        inputs.dedup();
        let unstable = std::iter::once("unstable".to_owned());
        let own = keys(&spec.inputs).into_iter();
        let own = own.filter(|name| name != "nixpkgs" && !KNOWN_INPUTS.contains(&name.as_str()));
        Names {
            package_sources: unstable.chain(own).collect(),
            hosts: keys(&spec.hosts),
            microvms: keys(&spec.microvms),
            users: keys(&spec.users),
            templates: both(&spec.templates, &offered.templates),
            profiles: both(&spec.profiles, &offered.profiles),
            disks: both(&spec.disks, &offered.disks),
            zones: spec
                .fleet
                .iter()
                .flat_map(|f| &f.value.zones)
                .map(|z| z.value.clone())
                .collect(),
            secrets: keys(&spec.secrets.items),
            groups: keys(&spec.secrets.groups),
            key_holders: keys(&spec.secrets.user_keys),
            inputs,
            rules: Vec::new(),
            features,
        }
    }
}

impl Names {
    /// The machines that read secrets: hosts and MicroVMs.
    pub(super) fn machines(&self) -> Vec<String> {
        self.hosts.iter().chain(&self.microvms).cloned().collect()
    }
}

impl FeatureNames {
    /// The names of one feature.
    pub fn of(id: &str, feature: &Feature) -> FeatureNames {
        FeatureNames {
            id: id.to_owned(),
            summary: feature
                .summary
                .as_ref()
                .map(|s| s.value.clone())
                .unwrap_or_default(),
            system: feature.has_system_half(),
            home: feature.has_home_half(),
            options: feature
                .options
                .iter()
                .map(|(name, option)| OptionNames::of(name, &option.value))
                .collect(),
        }
    }

    /// The schema of a value below the feature's name.
    pub(super) fn schema(&self) -> Json {
        let options: serde_json::Map<String, Json> = self
            .options
            .iter()
            .map(|option| (option.name.clone(), option.schema()))
            .collect();
        json!({
            "description": self.summary,
            "type": ["boolean", "object", "null"],
            "properties": options,
            "additionalProperties": false,
        })
    }
}

impl OptionNames {
    /// The names of one option.
    pub fn of(name: &str, option: &OptionDecl) -> OptionNames {
        OptionNames {
            name: name.to_owned(),
            schema: type_schema(&option.ty),
            description: option
                .description
                .as_ref()
                .map(|t| t.value.trim().to_owned())
                .unwrap_or_default(),
            default: option.default.as_ref().and_then(data),
        }
    }

    pub(super) fn schema(&self) -> Json {
        let mut schema = self.schema.clone();
        if let Json::Object(schema) = &mut schema {
            schema.insert("description".to_owned(), self.description.clone().into());
            if let Some(default) = &self.default {
                schema.insert("default".to_owned(), default.clone());
            }
        }
        schema
    }
}

/// The names of a section and of what catalogs offer for it.
fn both<T>(section: &Named<T>, offered: &Named<T>) -> Vec<String> {
    let all: BTreeSet<&String> = section.keys().chain(offered.keys()).collect();
    all.into_iter().cloned().collect()
}

fn keys<T>(section: &Named<T>) -> Vec<String> {
    section.keys().cloned().collect()
}
