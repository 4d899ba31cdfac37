//! Decoders of feature definitions: options and their types, needs, ports, bodies.

use diag::{Diagnostic, Diagnostics, Spanned};

use crate::ast::{
    Feature, GpuNeed, Item, Metrics, Named, Need, NeedKind, OptionDecl, OptionType, PackageNeed,
    Port, PortSource, Protocol, Require,
};
use crate::decode::{Fields, entries, int, list, size, text, texts};
use crate::node::{Node, NodeKind, Style};
use crate::scalar::{Plain, plain};
use crate::value::{Context, Keys, Value, value};

/// Reads a feature definition.
pub(crate) fn decode(node: &Node, what: &'static str, d: &mut Diagnostics) -> Option<Feature> {
    let mut f = Fields::of(
        node,
        if what == "home feature" {
            "a home feature"
        } else {
            "a feature"
        },
        d,
    )?;
    let mut feature = Feature {
        summary: f.required_text("summary", d),
        description: f.text("description", d),
        options: Named::new(),
        requires: Vec::new(),
        conflicts: f.texts("conflicts", d),
        needs: Vec::new(),
        ports: Vec::new(),
        metrics: Vec::new(),
        secrets: f.texts("secrets", d),
        unfree: f
            .list("unfree", d)
            .into_iter()
            .filter_map(|n| package_need(n, d))
            .collect(),
        insecure: f
            .list("insecure", d)
            .into_iter()
            .filter_map(|n| package_need(n, d))
            .collect(),
        inputs: f.texts("inputs", d),
        groups: f.texts("groups", d),
        programs: f.texts("programs", d),
        renamed: Vec::new(),
        removed: Vec::new(),
        nixos: f.settings_in("nixos", true, d),
        home: f.settings_in("home", true, d),
        body: f.text("body", d),
        home_body: f.text("homeBody", d),
        catalog: None,
    };
    if let Some(summary) = &feature.summary
        && (summary.value.is_empty()
            || summary.value.ends_with('.')
            || summary.value.contains('\n'))
    {
        d.push(Diagnostic::error(
            "bad-summary",
            summary.span,
            "a summary is one line without a final period",
        ));
    }
    if let Some(node) = f.take("options") {
        feature.options = options(node, true, d);
    }
    feature.renamed = texts_by_name(f.take("renamed"), "`renamed`", d);
    feature.removed = texts_by_name(f.take("removed"), "`removed`", d);
    for node in f.list("requires", d) {
        if let Some(require) = require(node, d) {
            feature.requires.push(require);
        }
    }
    if let Some(node) = f.take("needs") {
        feature.needs = needs(node, d);
    }
    for node in f.list("ports", d) {
        feature.ports.extend(ports(node, d));
    }
    for node in f.list("metrics", d) {
        feature.metrics.extend(metrics(node, d));
    }
    let span = f.span();
    f.finish(d);
    if !feature.has_system_half() && !feature.has_home_half() {
        if !feature.requires.is_empty() && what != "home feature" {
            feature.nixos = Some(crate::Settings::new());
            return Some(feature);
        }
        d.push(
            Diagnostic::error("empty-feature", span, "the feature does nothing")
                .help("give it a `nixos` or `home` tree, a `body` or a `homeBody`"),
        );
        // What uses it is right.
        feature.nixos = (what != "home feature").then(crate::Settings::new);
        feature.home = Some(crate::Settings::new());
    }
    Some(feature)
}

/// A text for each name.
fn texts_by_name(
    node: Option<&Node>,
    what: &str,
    d: &mut Diagnostics,
) -> Vec<(crate::ast::Text, crate::ast::Text)> {
    let entries = node.and_then(|node| entries(node, what, d));
    let entries = entries.into_iter().flatten();
    entries
        .filter_map(|(name, node)| Some((name.clone(), text(node, what, d)?)))
        .collect()
}

/// Option declarations; a feature's own `enable` is implied.
fn options(node: &Node, top: bool, d: &mut Diagnostics) -> Named<OptionDecl> {
    let mut result = Named::new();
    let Some(entries) = entries(node, "`options`", d) else {
        return result;
    };
    for (name, node) in entries {
        if top && name.value == "enable" {
            d.push(
                Diagnostic::error("reserved-option", name.span, "`enable` is reserved")
                    .help("every feature has it already"),
            );
            continue;
        }
        if !nix::is_identifier(&name.value) {
            d.push(Diagnostic::error(
                "bad-name",
                name.span,
                format!("`{}` is not an option name", name.value),
            ));
            continue;
        }
        let before = d.len();
        let decoded = option(node, d);
        if matches!(node.kind, NodeKind::Map(_)) {
            d.relocate(before, node.span, name.span);
        }
        if let Some(option) = decoded {
            result.insert(
                name.value.clone(),
                Item {
                    name: name.clone(),
                    value: option,
                },
            );
        }
    }
    result
}

/// The fields of a submodule, which hosts do not own one by one.
fn fields(node: &Node, d: &mut Diagnostics) -> Named<OptionDecl> {
    let fields = options(node, false, d);
    for unique in fields.values().filter_map(|f| f.value.unique.as_ref()) {
        d.push(
            Diagnostic::error("unknown-key", unique.span, "`unique` is for whole options")
                .help("remove it, or make the field an option of its own"),
        );
    }
    fields
}

fn option(node: &Node, d: &mut Diagnostics) -> Option<OptionDecl> {
    let mut f = Fields::of(node, "an option", d)?;
    let ty = if let Some(node) = f.take("type") {
        option_type(node, d)
    } else {
        d.push(Diagnostic::error(
            "missing-key",
            f.span(),
            "an option lacks `type`",
        ));
        None
    };
    let cx = Context {
        in_feature: true,
        keys: Keys::Names,
    };
    let option = OptionDecl {
        ty: ty.unwrap_or(OptionType::Anything),
        default: f.take("default").map(|node| value(node, cx, d)),
        description: f.text("description", d),
        example: f.take("example").map(|node| value(node, cx, d)),
        derive: f.text("derive", d),
        unique: f.boolean("unique", d),
    };
    if option.description.is_none() {
        d.push(Diagnostic::error(
            "missing-key",
            f.span(),
            "an option lacks `description`",
        ));
    }
    f.finish(d);
    Some(option)
}

const SIMPLE_TYPES: &[&str] = &[
    "bool", "int", "float", "string", "lines", "port", "path", "package", "duration", "size",
    "anything",
];
const COMPOUND_TYPES: &[&str] = &[
    "int",
    "float",
    "string",
    "enum",
    "list",
    "attrs",
    "nullable",
    "submodule",
    "oneOf",
];

fn option_type(node: &Node, d: &mut Diagnostics) -> Option<OptionType> {
    if let NodeKind::Scalar(..) = node.kind {
        let name = text(node, "a type", d)?;
        return Some(match name.value.as_str() {
            "bool" => OptionType::Bool,
            "int" => OptionType::Int {
                min: None,
                max: None,
            },
            "float" => OptionType::Float {
                min: None,
                max: None,
            },
            "string" => OptionType::String { pattern: None },
            "lines" => OptionType::Lines,
            "port" => OptionType::Port,
            "path" => OptionType::Path,
            "package" => OptionType::Package,
            "duration" => OptionType::Duration,
            "size" => OptionType::Size,
            "anything" => OptionType::Anything,
            other => {
                let diagnostic =
                    Diagnostic::error("unknown-type", name.span, format!("unknown type `{other}`"));
                d.push(match diag::did_you_mean(other, SIMPLE_TYPES) {
                    Some(help) => diagnostic.help(help),
                    None => diagnostic,
                });
                return None;
            }
        });
    }
    let all = entries(node, "a type", d)?;
    let [(kind, inner)] = all.as_slice() else {
        d.push(
            Diagnostic::error("unknown-type", node.span, "a type has exactly one key")
                .help(format!("one of {}", COMPOUND_TYPES.join(", "))),
        );
        return None;
    };
    Some(match kind.value.as_str() {
        "int" => {
            let mut f = Fields::of(inner, "`int`", d)?;
            let ty = OptionType::Int {
                min: f.integer("min", d).map(|i| i.value),
                max: f.integer("max", d).map(|i| i.value),
            };
            f.finish(d);
            ty
        }
        "float" => {
            let mut f = Fields::of(inner, "`float`", d)?;
            let min = f.take("min").and_then(|n| number(n, d));
            let max = f.take("max").and_then(|n| number(n, d));
            f.finish(d);
            OptionType::Float { min, max }
        }
        "string" => {
            let mut f = Fields::of(inner, "`string`", d)?;
            let pattern = f.text("pattern", d).map(|t| t.value);
            f.finish(d);
            OptionType::String { pattern }
        }
        "enum" => OptionType::Enum(
            texts(inner, "`enum`", d)
                .into_iter()
                .map(|t| t.value)
                .collect(),
        ),
        "list" => OptionType::List(Box::new(option_type(inner, d)?)),
        "attrs" => OptionType::Attrs(Box::new(option_type(inner, d)?)),
        "nullable" => OptionType::Nullable(Box::new(option_type(inner, d)?)),
        "submodule" => OptionType::Submodule(fields(inner, d)),
        "oneOf" => OptionType::OneOf(
            list(inner, "oneOf", d)
                .into_iter()
                .filter_map(|n| option_type(n, d))
                .collect(),
        ),
        other => {
            let diagnostic =
                Diagnostic::error("unknown-type", kind.span, format!("unknown type `{other}`"));
            d.push(match diag::did_you_mean(other, COMPOUND_TYPES) {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            });
            return None;
        }
    })
}

#[expect(clippy::cast_precision_loss, reason = "bounds are small numbers")]
fn number(node: &Node, d: &mut Diagnostics) -> Option<f64> {
    if let NodeKind::Scalar(raw, Style::Plain) = &node.kind {
        match plain(raw) {
            Plain::Int(i) => return Some(i as f64),
            Plain::Float(f) => return Some(f),
            _ => {}
        }
    }
    d.push(Diagnostic::error(
        "wrong-type",
        node.span,
        "expected a number",
    ));
    None
}

fn require(node: &Node, d: &mut Diagnostics) -> Option<Require> {
    if let NodeKind::Scalar(..) = node.kind {
        return Some(Require {
            feature: text(node, "a feature id", d)?,
            when: Vec::new(),
        });
    }
    let mut f = Fields::of(node, "an entry of `requires`", d)?;
    let feature = f.required_text("feature", d);
    let when = conditions(&mut f, d);
    f.finish(d);
    Some(Require {
        feature: feature?,
        when,
    })
}

fn package_need(node: &Node, d: &mut Diagnostics) -> Option<PackageNeed> {
    if let NodeKind::Scalar(..) = node.kind {
        return Some(PackageNeed {
            names: vec![text(node, "a package name", d)?],
            when: Vec::new(),
        });
    }
    let mut f = Fields::of(node, "a package need", d)?;
    let span = f.span();
    let names = if let Some(node) = f.take_some("packages") {
        texts(node, "`packages`", d)
    } else {
        d.push(Diagnostic::error(
            "missing-key",
            span,
            "a package need lacks `packages`",
        ));
        Vec::new()
    };
    let when = conditions(&mut f, d);
    f.finish(d);
    Some(PackageNeed { names, when })
}

/// `when: { option: value }`, all of which must hold.
fn conditions(f: &mut Fields<'_>, d: &mut Diagnostics) -> Vec<(Spanned<String>, Value)> {
    let mut when: Vec<(Spanned<String>, Value)> = Vec::new();
    if let Some(node) = f.take("when")
        && let Some(entries) = entries(node, "`when`", d)
    {
        for (name, node) in entries {
            when.push((
                name.clone(),
                value(
                    node,
                    Context {
                        in_feature: false,
                        keys: Keys::Names,
                    },
                    d,
                ),
            ));
        }
    }
    when
}

fn words(node: &Node, what: &str, d: &mut Diagnostics) -> Vec<String> {
    texts(node, what, d).into_iter().map(|t| t.value).collect()
}

fn needs(node: &Node, d: &mut Diagnostics) -> Vec<Need> {
    let mut result = Vec::new();
    let Some(mut f) = Fields::of(node, "`needs`", d) else {
        return result;
    };
    let mut push = |kind: Option<NeedKind>, node: &Node| {
        if let Some(kind) = kind {
            result.push(Need {
                kind,
                span: node.span,
            });
        }
    };
    if let Some(node) = f.take_some("cpu") {
        let vendors = known_words(node, "cpu", CPUS, d);
        push(Some(NeedKind::Cpu(vendors)), node);
    }
    if let Some(node) = f.take_some("gpu") {
        let gpus: Vec<GpuNeed> = list(node, "gpu", d)
            .into_iter()
            .filter_map(|node| gpu_need(node, d))
            .collect();
        push(Some(NeedKind::Gpu(gpus)), node);
    }
    if let Some(node) = f.take("memory") {
        let bytes = size(node, "memory", d);
        push(bytes.map(|(_, bytes)| NeedKind::Memory(bytes)), node);
    }
    if let Some(node) = f.take_some("system") {
        let systems = known_words(node, "system", SYSTEMS, d);
        push(Some(NeedKind::System(systems)), node);
    }
    if let Some(node) = f.take_some("disks") {
        let layouts = known_words(node, "disks", LAYOUTS, d);
        push(Some(NeedKind::Disks(layouts)), node);
    }
    if let Some(node) = f.take_some("zone") {
        push(Some(NeedKind::Zone(words(node, "`zone`", d))), node);
    }
    f.finish(d);
    // A need of which no word is known has been reported, nothing can be checked against it.
    result.retain(|need| match &need.kind {
        NeedKind::Cpu(words) | NeedKind::System(words) | NeedKind::Disks(words) => {
            !words.is_empty()
        }
        NeedKind::Gpu(gpus) => !gpus.is_empty(),
        NeedKind::Memory(_) | NeedKind::Zone(_) => true,
    });
    result
}

const CPUS: &[&str] = &["amd", "intel", "arm"];
const GPUS: &[&str] = &["amd", "intel", "nvidia"];
const SYSTEMS: &[&str] = &["x86_64-linux", "aarch64-linux"];
const LAYOUTS: &[&str] = &["ext4", "luks-btrfs", "zfs", "none"];

/// Words of a fixed set; others are reported and left out.
fn known_words(node: &Node, what: &str, known: &[&str], d: &mut Diagnostics) -> Vec<String> {
    let mut words = texts(node, &format!("`{what}`"), d);
    words.retain(|word| is_known(word, known, d));
    words.into_iter().map(|word| word.value).collect()
}

fn is_known(word: &Spanned<String>, known: &[&str], d: &mut Diagnostics) -> bool {
    let is_known = known.contains(&word.value.as_str());
    if !is_known {
        let message = format!("no host can have `{}`", word.value);
        let diagnostic = Diagnostic::error("bad-value", word.span, message);
        d.push(match diag::did_you_mean(&word.value, known) {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
    }
    is_known
}

fn gpu_need(node: &Node, d: &mut Diagnostics) -> Option<GpuNeed> {
    if let NodeKind::Scalar(..) = node.kind {
        let vendor = text(node, "a GPU vendor", d)?;
        return is_known(&vendor, GPUS, d).then_some(GpuNeed {
            vendor: vendor.value,
            rocm: false,
            cuda: false,
        });
    }
    let mut f = Fields::of(node, "a GPU need", d)?;
    let vendor = f
        .required_text("vendor", d)
        .filter(|v| is_known(v, GPUS, d));
    let rocm = f.boolean("rocm", d).is_some_and(|b| b.value);
    let cuda = f.boolean("cuda", d).is_some_and(|b| b.value);
    f.finish(d);
    Some(GpuNeed {
        vendor: vendor?.value,
        rocm,
        cuda,
    })
}

/// One entry of `ports`; a list of options is one port each.
fn ports(node: &Node, d: &mut Diagnostics) -> Vec<Port> {
    let Some(mut f) = Fields::of(node, "a port", d) else {
        return Vec::new();
    };
    let span = f.span();
    let mut given = 0;
    let mut count = |node: &Node| {
        given += usize::from(!matches!(&node.kind, NodeKind::List(items) if items.is_empty()));
    };
    let mut sources: Vec<PortSource> = f
        .take("option")
        .inspect(|n| count(n))
        .map(|n| port_options(n, d))
        .unwrap_or_default();
    let fixed = f
        .take("port")
        .inspect(|n| count(n))
        .and_then(|n| port_number(n, d))
        .map(PortSource::Fixed);
    let range = f.take("range").inspect(|n| count(n)).and_then(|n| {
        let mut f = Fields::of(n, "`range`", d)?;
        let mut end = |key| {
            let end = f.take(key);
            if end.is_none() {
                let message = format!("`range` lacks `{key}`");
                d.push(Diagnostic::error("missing-key", n.span, message));
            }
            port_number(end?, d)
        };
        let (from, to) = (end("from"), end("to"));
        f.finish(d);
        Some(PortSource::Range(from?, to?))
    });
    let protocol = protocol(&mut f, d);
    let zones = f.texts("zones", d);
    let when = f.text("when", d);
    f.finish(d);
    if given != 1 {
        d.push(Diagnostic::error(
            "missing-key",
            span,
            "a port needs exactly one of `option`, `port` and `range`",
        ));
    }
    sources.extend(fixed);
    sources.extend(range);
    sources
        .into_iter()
        .map(|source| Port {
            source,
            protocol,
            zones: zones.clone(),
            when: when.clone(),
            span,
        })
        .collect()
}

/// One entry of `metrics`.
fn metrics(node: &Node, d: &mut Diagnostics) -> Option<Metrics> {
    let mut f = Fields::of(node, "an entry of `metrics`", d)?;
    let metrics = Metrics {
        option: f.required_text("option", d)?,
        job: f.text("job", d),
        path: f.text("path", d),
        when: f.text("when", d),
    };
    f.finish(d);
    if let Some(path) = &metrics.path
        && !path.value.starts_with('/')
    {
        d.push(
            Diagnostic::error(
                "bad-value",
                path.span,
                format!("`{}` is not an absolute path", path.value),
            )
            .help(format!("write `/{}`", path.value)),
        );
    }
    Some(metrics)
}

/// The key `protocol`, by default TCP.
pub(crate) fn protocol(f: &mut Fields<'_>, d: &mut Diagnostics) -> Protocol {
    let Some(word) = f.text("protocol", d) else {
        return Protocol::Tcp;
    };
    match word.value.as_str() {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "both" => Protocol::Both,
        other => {
            d.push(
                Diagnostic::error(
                    "bad-value",
                    word.span,
                    format!("`{other}` is not a protocol"),
                )
                .help("expected one of `tcp`, `udp`, `both`"),
            );
            Protocol::Tcp
        }
    }
}

/// The options of a port entry.
fn port_options(node: &Node, d: &mut Diagnostics) -> Vec<PortSource> {
    let names = if let NodeKind::Scalar(..) = node.kind {
        text(node, "`option`", d).into_iter().collect()
    } else {
        texts(node, "`option`", d)
    };
    names.into_iter().map(PortSource::Option).collect()
}

pub(crate) fn port_number(node: &Node, d: &mut Diagnostics) -> Option<u16> {
    let number = int(node, "port", d)?;
    u16::try_from(number.value).ok().or_else(|| {
        d.push(Diagnostic::error(
            "bad-value",
            number.span,
            format!("{} is not a port", number.value),
        ));
        None
    })
}
