//! Features in words, for `gen list`, `gen explain` and the reference.

use std::collections::BTreeMap;

use diag::{Diagnostics, SourceMap};
use spec::Spec;
use spec::ast::{
    Feature, GpuNeed, Named, NeedKind, OptionDecl, OptionType, Port, PortSource, Protocol, Text,
};

/// A feature as it is told.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FeatureSummary {
    /// `category.name`.
    pub id: String,
    /// The part before the dot.
    pub category: String,
    /// One line.
    pub summary: String,
    /// Markdown.
    pub description: Option<String>,
    /// Whether it has a system half.
    pub system: bool,
    /// Whether it has a Home Manager half.
    pub home: bool,
    /// Whether it comes from the built-in catalog.
    pub builtin: bool,
    /// The catalog of the fleet that it comes from.
    pub catalog: Option<String>,
    /// Where it is defined, such as `spec/features.yaml:3`.
    pub place: Option<String>,
    /// Options.
    pub options: Vec<OptionSummary>,
    /// Features enabled along with it.
    pub requires: Vec<String>,
    /// Those of them that depend on options, with the values: `acceleration: rocm`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub requires_when: BTreeMap<String, String>,
    /// Features never on one host with it.
    pub conflicts: Vec<String>,
    /// What the host must have: `gpu` and `amd or nvidia`.
    pub needs: Vec<(String, String)>,
    /// Ports that it opens.
    pub ports: Vec<PortSummary>,
    /// Secrets that the host must have.
    pub secrets: Vec<String>,
    /// Groups that administrators join.
    pub groups: Vec<String>,
    /// Flake inputs that it needs.
    pub inputs: Vec<String>,
    /// Packages that the fleet must allow, unfree or insecure.
    pub allow: Vec<String>,
    /// Options that have another name now.
    pub renamed: BTreeMap<String, String>,
    /// Options that are gone, and what to do instead.
    pub removed: BTreeMap<String, String>,
}

/// An option as it is told.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OptionSummary {
    /// Name; of a field the path to it, with `<name>` for a key and `*` for an element.
    pub name: String,
    /// Type in words.
    #[serde(rename = "type")]
    pub ty: String,
    /// Default, as it stands in YAML.
    pub default: Option<String>,
    /// What it is for.
    pub description: String,
    /// An example, as it stands in YAML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// Fields of a value that has some, by their paths.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<OptionSummary>,
}

/// A port as it is told.
#[derive(Clone, Debug, serde::Serialize)]
pub struct PortSummary {
    /// The option that has the number, or the number or range itself.
    pub number: String,
    /// Its number where the option is left alone.
    pub default: Option<String>,
    /// `tcp`, `udp` or `tcp and udp`.
    pub protocol: &'static str,
    /// Zones in which it opens.
    pub zones: Vec<String>,
    /// The option that opens it.
    pub when: Option<String>,
}

/// Every feature that a spec may name: its own and the whole catalog, sorted by id.
pub fn feature_summaries(
    spec: &Spec,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Vec<FeatureSummary> {
    let mut result: BTreeMap<String, FeatureSummary> = BTreeMap::new();
    for entry in catalog::entries() {
        if let (_, Some(feature)) = entry.decode(sources, diagnostics) {
            result.insert(
                entry.id.to_owned(),
                summary(entry.id, &feature, true, sources),
            );
        }
    }
    let offered = &spec.offered;
    let offered = offered
        .features
        .values()
        .chain(offered.home_features.values());
    let own = spec.features.values().chain(spec.home_features.values());
    // A feature of the fleet counts where there are two of a name.
    for item in offered.chain(own) {
        let mut summary = summary(&item.name.value, &item.value, false, sources);
        summary.place = Some(sources.place(item.name.span));
        result.insert(item.name.value.clone(), summary);
    }
    result.into_values().collect()
}

fn summary(id: &str, feature: &Feature, builtin: bool, sources: &SourceMap) -> FeatureSummary {
    let packages = feature.unfree.iter().chain(&feature.insecure);
    FeatureSummary {
        id: id.to_owned(),
        category: id.split('.').next().unwrap_or_default().to_owned(),
        summary: own(feature.summary.as_ref()).unwrap_or_default(),
        description: own(feature.description.as_ref()),
        system: feature.has_system_half(),
        home: feature.has_home_half(),
        builtin,
        catalog: feature.catalog.clone(),
        place: None,
        options: options("", &feature.options, sources),
        requires: feature
            .requires
            .iter()
            .map(|r| r.feature.value.clone())
            .collect(),
        requires_when: feature
            .requires
            .iter()
            .filter(|it| !it.when.is_empty())
            .map(|it| {
                let when = it
                    .when
                    .iter()
                    .map(|(name, value)| {
                        format!("{}: {}", name.value, sources.slice(value.span).trim())
                    })
                    .collect::<Vec<_>>();
                (it.feature.value.clone(), when.join(", "))
            })
            .collect(),
        conflicts: all(&feature.conflicts),
        needs: feature
            .needs
            .iter()
            .map(|need| of_need(&need.kind))
            .collect(),
        ports: feature
            .ports
            .iter()
            .map(|it| port(it, feature, sources))
            .collect(),
        secrets: all(&feature.secrets),
        groups: all(&feature.groups),
        inputs: all(&feature.inputs),
        allow: packages.flat_map(|it| all(&it.names)).collect(),
        renamed: pairs(&feature.renamed),
        removed: pairs(&feature.removed),
    }
}

fn own(text: Option<&Text>) -> Option<String> {
    text.map(|text| text.value.clone())
}

fn all(texts: &[Text]) -> Vec<String> {
    texts.iter().map(|text| text.value.clone()).collect()
}

fn pairs(texts: &[(Text, Text)]) -> BTreeMap<String, String> {
    let pair = |(old, new): &(Text, Text)| (old.value.clone(), new.value.clone());
    texts.iter().map(pair).collect()
}

fn options(above: &str, all: &Named<OptionDecl>, sources: &SourceMap) -> Vec<OptionSummary> {
    let as_written = |value: &Option<spec::Value>| {
        let value = value.as_ref()?;
        Some(sources.slice(value.span).trim().to_owned())
    };
    all.values()
        .map(|item| {
            let name = format!("{above}{}", item.name.value);
            let option = &item.value;
            OptionSummary {
                ty: crate::types::describe(&option.ty),
                default: as_written(&option.default),
                description: own(option.description.as_ref())
                    .map(|text| text.trim().to_owned())
                    .unwrap_or_default(),
                example: as_written(&option.example),
                fields: fields(&name, &option.ty, sources),
                name,
            }
        })
        .collect()
}

/// The fields below an option, whatever their mapping stands in.
fn fields(above: &str, ty: &OptionType, sources: &SourceMap) -> Vec<OptionSummary> {
    match ty {
        OptionType::Submodule(all) => options(&format!("{above}."), all, sources),
        OptionType::Nullable(inner) => fields(above, inner, sources),
        OptionType::List(inner) => fields(&format!("{above}.*"), inner, sources),
        OptionType::Attrs(inner) => fields(&format!("{above}.<name>"), inner, sources),
        OptionType::OneOf(types) => types
            .iter()
            .flat_map(|ty| fields(above, ty, sources))
            .collect(),
        _ => Vec::new(),
    }
}

fn of_need(need: &NeedKind) -> (String, String) {
    let gpu = |gpu: &GpuNeed| {
        let extra = [(gpu.rocm, " with ROCm"), (gpu.cuda, " with CUDA")];
        let extra = extra.iter().filter(|(is, _)| *is).map(|(_, word)| *word);
        format!("{}{}", gpu.vendor, extra.collect::<String>())
    };
    let (what, value) = match need {
        NeedKind::Cpu(vendors) => ("cpu", vendors.join(" or ")),
        NeedKind::Gpu(all) => ("gpu", all.iter().map(gpu).collect::<Vec<_>>().join(" or ")),
        NeedKind::Memory(bytes) => ("memory", format!("{} MiB", bytes >> 20)),
        NeedKind::System(all) => ("system", all.join(" or ")),
        NeedKind::Disks(all) => ("disks", all.join(" or ")),
        NeedKind::Zone(all) => ("zone", all.join(" and ")),
    };
    (what.to_owned(), value)
}

fn port(port: &Port, feature: &Feature, sources: &SourceMap) -> PortSummary {
    let (number, default) = match &port.source {
        PortSource::Fixed(number) => (number.to_string(), None),
        PortSource::Range(from, to) => (format!("{from}-{to}"), None),
        PortSource::Option(name) => {
            let option = feature.options.get(&name.value);
            let default = option.and_then(|it| it.value.default.as_ref());
            let default = default.map(|value| sources.slice(value.span).trim().to_owned());
            (name.value.clone(), default)
        }
    };
    PortSummary {
        number,
        default,
        protocol: match port.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Both => "tcp and udp",
        },
        zones: all(&port.zones),
        when: own(port.when.as_ref()),
    }
}
